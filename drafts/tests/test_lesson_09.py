"""What lesson 09 says is true: its formulas give what its solutions give, its landmarks hold over three seeds."""

import math
from functools import cache

import pytest
import torch
from lesson_text import lesson_text
from torch.nn import functional as F

from dlcourse.explorers import generative_models as explore
from dlcourse.training import fit

LESSON = lesson_text("09_generative_models")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them
NEAR = 3 * own["SPREAD"]


@cache
def vae(beta: float, seed: int):
    return own["train_vae"](beta, seed=seed)


@cache
def judge() -> None:
    """Train the lesson's judge, as the lesson does."""
    LESSON.says("a small classifier of digits")
    torch.manual_seed(0)
    own["judge"] = own["mlp"](64, 64, 16, 10)
    fit(own["judge"], own["x_train"], own["y_train"],
        torch.optim.AdamW(own["judge"].parameters(), 3e-3, weight_decay=0.05), F.cross_entropy, epochs=50)


@cache
def autoencoder(seed: int):
    return own["train_autoencoder"](own["x_train"], 8, seed=seed)


# Formulas.


def test_a_sample_is_mu_plus_sigma_times_noise():
    LESSON.says(r"z = \mu + \sigma \odot \varepsilon, \qquad \varepsilon \sim \mathcal N(0, I), "
                r"\qquad \sigma = e^{\frac12 \log \sigma^2}")
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]])
    z = own["reparameterize"](mu, logvar, torch.Generator().manual_seed(3))
    noise = torch.randn(1, 2, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(z, mu + noise * torch.tensor([[math.exp(0.25), math.exp(-0.5)]]))


def test_the_kl_is_the_formula_and_agrees_with_torch_and_with_samples():
    LESSON.says(r"\tfrac12 \left(\mu^2 + \sigma^2 - 1 - \log \sigma^2\right)",
                "It is 0 where the two are the same, never negative, and not symmetric.")
    mu, logvar = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q, p = (torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(mu * 0, mu * 0 + 1))
    ours = own["kl_to_standard_normal"](mu, logvar)
    torch.testing.assert_close(ours, torch.distributions.kl_divergence(q, p).sum(1))
    z = own["reparameterize"](mu.expand(20_000, 5, 3), logvar.expand(20_000, 5, 3), torch.Generator().manual_seed(1))
    torch.testing.assert_close((q.log_prob(z) - p.log_prob(z)).sum(2).mean(0), ours, rtol=0.03, atol=0.03)


def test_the_loss_is_cross_entropy_plus_beta_times_kl():
    LESSON.says(r"L = \mathrm{BCE}(\text{logits}, x) + \beta\, \mathrm{KL}",
                "average over pixels and sum over latents, and the KL weighs 64 times too much")
    logits, x, mu, logvar = torch.randn(1, 3), torch.rand(1, 3), torch.randn(1, 2), torch.randn(1, 2)
    p = logits.sigmoid()
    bce = -(x * p.log() + (1 - x) * (1 - p).log()).sum()
    expected = bce + 3.0 * own["kl_to_standard_normal"](mu, logvar)[0]
    torch.testing.assert_close(own["elbo_loss"](logits, x, mu, logvar, 3.0), expected)


def test_the_adversarial_losses_are_the_formulas_and_one_slope_vanishes():
    LESSON.says(r"L_D = -\,\mathbb E \log \sigma(D(x)) - \mathbb E \log(1 - \sigma(D(G(z))))",
                r"L_G = -\,\mathbb E \log \sigma(D(G(z)))", r"at a logit of −20 the slope of that is $\sigma(-20)$")
    real, fake = torch.tensor([0.3, -1.2]), torch.tensor([0.8])
    s = torch.sigmoid
    torch.testing.assert_close(own["discriminator_loss"](real, fake), -s(real).log().mean() - (1 - s(fake)).log().mean())
    torch.testing.assert_close(own["generator_loss"](fake), -s(fake).log().mean())
    leaf = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
    slope, = torch.autograd.grad(own["generator_loss"](leaf), leaf)
    saturating, = torch.autograd.grad((1 - s(leaf)).log().mean(), leaf)
    assert slope.item() == pytest.approx(-1, abs=1e-6)
    assert abs(saturating.item()) == pytest.approx(2.06e-9, rel=0.01)


def test_the_walk_is_the_formula():
    LESSON.says(r"z_t = \frac{\sin((1 - t)\,\omega)}{\sin \omega}\, z_0 + \frac{\sin(t\,\omega)}{\sin \omega}\, z_1")
    z0, z1 = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0])
    third = own["interpolate"](z0, z1, 4)[1]
    torch.testing.assert_close(third, torch.tensor([2 * math.sin(math.pi / 3), math.sin(math.pi / 6)]))


def test_the_schedule_is_the_formula_and_its_last_step_is_clipped():
    LESSON.says(r"\beta_t = \min\left(1 - \frac{f(t + 1)}{f(t)},\, 0.999\right)",
                r"f(t) = \cos^2\left(\frac{t/T + s}{1 + s} \cdot \frac{\pi}{2}\right)",
                "Without the clip the last step would leave nothing.")
    f = lambda t, T=50, s=0.008: math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2
    product, expected = 1.0, []
    for t in range(50):
        product *= 1 - min(1 - f(t + 1) / f(t), 0.999)
        expected.append(product)
    torch.testing.assert_close(own["cosine_alpha_bar"](50), torch.tensor(expected))
    assert f(50) < 1e-30


def test_there_and_back_are_the_formulas():
    LESSON.says(r"x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \varepsilon",
                r"\frac{1}{\sqrt{\alpha_t}} \left( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \hat\varepsilon \right)")
    left = own["cosine_alpha_bar"](50).double()
    x0, noise = torch.randn(2, 3, 2, dtype=torch.float64)
    x = own["diffuse"](x0, torch.tensor([0, 0, 0]), noise, left)
    torch.testing.assert_close(x, left[0].sqrt() * x0 + (1 - left[0]).sqrt() * noise)
    torch.testing.assert_close(own["denoise_step"](noise, x, 0, left), x0)  # with the true noise the last step ends there


def test_steps_forward_one_by_one_make_what_one_jump_makes():
    LESSON.says("so nobody has to walk there step by step")
    left, generator = own["cosine_alpha_bar"](20).double(), torch.Generator().manual_seed(0)
    x = torch.full((40_000, 1), 1.5, dtype=torch.float64)
    for t in range(10):
        kept = left[t] / (left[t - 1] if t else 1)
        x = kept.sqrt() * x + (1 - kept).sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    assert x.mean().item() == pytest.approx(1.5 * left[9].sqrt().item(), abs=0.02)
    assert x.var().item() == pytest.approx(1 - left[9].item(), rel=0.03)


def test_an_error_at_the_last_timestep_would_be_multiplied_by_32():
    LESSON.says(r"$1/\sqrt{0.001}$, about 32")
    assert 1 / math.sqrt(0.001) == pytest.approx(32, abs=0.5)


def test_samples_of_a_standard_normal_have_length_about_the_root_of_d():
    LESSON.says(r"its samples have length about $\sqrt d$")
    lengths = torch.randn(1000, 400, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    assert ((lengths - 20).abs() < 3).float().mean() > 0.98


def test_the_distances_are_0_for_the_same_data_and_grow_with_a_shift():
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    assert own["energy_distance"](x, x) == pytest.approx(0, abs=1e-6)
    assert own["energy_distance"](x, x + 1) > 0.3
    judge()
    assert own["frechet"](own["x_train"]) == pytest.approx(0, abs=1e-3)
    assert own["frechet"](own["x_test"]) < 4 < 50 < own["frechet"](torch.rand(500, 64))


# Landmarks.


@pytest.mark.parametrize("seed", SEEDS)
def test_the_elbo_improves_and_beta_trades_reconstruction_for_kl(seed):
    LESSON.says("A small $\\beta$ buys sharper reconstructions with a dearer code; a large one the reverse.",
                "is lowest at $\\beta = 1$", "At $\\beta = 4$ the KL is nearly 0")
    history = vae(1.0, seed)[1]
    assert history[-1] < history[0] - 5
    (r1, k1), (r2, k2), (r3, k3) = (own["terms"](vae(beta, seed)[0], own["x_test"]) for beta in (0.25, 1.0, 4.0))
    assert r1 < r2 - 1.5 and r2 < r3 - 3
    assert k1 > k2 + 3 and k2 > k3 + 1.5 and k3 < 0.1
    assert r2 + k2 < min(r1 + k1, r3 + k3) - 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_half_way_through_codes_is_nearer_to_the_data_than_half_way_through_pixels(seed):
    LESSON.says("it stays far off", "Half-way through pixels lie two digits on top of each other")
    far = own["midpoints"](vae(1.0, seed)[0], seed=seed)
    assert far["codes"] < 0.85 * far["pixels"] and far["codes"] < 0.9 * far["pixels, softened"]
    assert far["codes"] < 1.15 * far["new digits"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slow_discriminator_loses_modes_that_an_equal_one_covers(seed):
    LESSON.says("Two runs that differ in one number, the discriminator's learning rate",
                "With a judge that keeps up all eight modes are reached, and most samples are near one.")
    slow, equal = (own["play"](rate, frames=2, seed=seed)[-1] for rate in (1e-4, 1e-3))
    count = lambda samples: own["modes_covered"](samples, own["CENTERS"], NEAR)
    assert count(slow) <= 5 and own["share_near"](slow) < 0.6
    assert count(equal) >= 7 and own["share_near"](equal) > 0.65


@pytest.mark.parametrize("seed", SEEDS)
def test_on_the_ring_diffusion_beats_the_vae(seed):
    LESSON.says("clouds joined in code space stay joined by bridges in the plane")
    points = own["ring_contest"](seed)
    apart = {name: own["energy_distance"](x, own["ring"](1000, seed + 900)) for name, x in points.items()}
    near = {name: own["share_near"](x) for name, x in points.items()}
    assert apart["diffusion"] < 0.6 * apart["VAE"]
    assert near["diffusion"] > near["VAE"] + 0.15 and near["new data"] > 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_on_digits_latent_diffusion_has_the_lowest_frechet_distance_and_does_not_copy(seed):
    LESSON.says("the diffusion model's Fréchet distance is below both VAEs' and the GAN's",
                "Samples lie about as far from the training digits as new digits do",
                "The VAE's samples are far better than codes drawn for the plain autoencoder.",
                "The better ELBO does not give the better samples")
    judge()
    model = autoencoder(seed)
    samples = own["latent_diffusion"](model, seed=seed)
    score = own["frechet"](samples)
    bound, sharp = (own["frechet"](own["vae_samples"](vae(beta, seed)[0], seed=seed)) for beta in (1.0, 0.25))
    assert score < 0.6 * bound and score < 0.9 * sharp and sharp < 0.8 * bound
    assert bound < 0.8 * own["frechet"](own["from_normal_codes"](model, seed=seed))
    new, made = own["nearest"](own["x_test"]).mean(), own["nearest"](samples).mean()
    assert 0.9 * new < made < 1.3 * new


def test_the_gans_digits_are_further_off_than_the_diffusion_models():
    LESSON.says("is below both VAEs' and the GAN's")
    judge()
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    assert own["frechet"](own["train_gan"]()(z)) > 1.5 * own["frechet"](own["latent_diffusion"](autoencoder(0)))


def test_over_three_seeds_vae_samples_help_a_deep_net_with_five_labels_a_class_and_so_does_noise():
    LESSON.says("The VAE's samples help the seven-layer net by some points.", "plain noise helps about as much",
                "a net of two layers does better with the fifty digits alone than seven layers with either")
    runs = [own["few_labels"](vae(1.0, seed)[0], seed=seed) for seed in SEEDS]
    mean = {name: sum(run[name] for run in runs) / len(runs) for name in runs[0]}
    assert mean["with VAE samples"] > mean["fifty digits"] + 0.015
    assert mean["with pixel noise"] > mean["with VAE samples"] - 0.03
    shallow = own["few_labels"](vae(1.0, 0)[0], hidden=1, draws=4)
    assert shallow["fifty digits"] > max(mean.values()) + 0.03


# The explorers.


def test_the_best_guess_of_the_noise_beats_every_other_that_depends_on_x_alone():
    left = explore._schedule()[20]
    x0, noise = own["ring"](4000, 5), torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    x = own["diffuse"](x0, torch.full((4000,), 20), noise, explore._schedule())
    error = lambda guess: F.mse_loss(guess, noise).item()
    best = error(explore.best_guess(x, left))
    assert best < error((1 - left).sqrt() * x) and best < error(1.02 * explore.best_guess(x, left))
    torch.testing.assert_close(explore._schedule(), own["cosine_alpha_bar"](50), rtol=1e-3, atol=1e-6)


def test_the_explorers_way_back_ends_on_the_ring():
    there, back = explore._paths()
    assert own["share_near"](back[0]) > 0.95 and own["share_near"](there[0]) > 0.97
    assert own["share_near"](back[-1]) < 0.5


def test_the_explorers_film_shows_the_collapse_and_its_cure():
    slow, equal = (explore._near(explore._film(rate)[-1]) for rate in explore.RECIPES.values())
    assert slow[0] <= 5 and equal[0] >= 7
