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
    fit(own["judge"], own["x_train"][::2], own["y_train"][::2],
        torch.optim.AdamW(own["judge"].parameters(), 3e-3, weight_decay=0.05), F.cross_entropy, epochs=50)


@cache
def autoencoder(seed: int):
    return own["train_autoencoder"](own["x_train"], 8, seed=seed)


@cache
def contest(seed: int, waves: int = 3):
    return own["ring_contest"](seed, waves)


def mean(numbers) -> float:
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


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
    logits, x = torch.randn(5, 64), torch.rand(5, 64)
    mu, logvar = torch.randn(2, 5, 3)
    averaged = F.binary_cross_entropy_with_logits(logits, x) + own["kl_to_standard_normal"](mu, logvar).mean()
    torch.testing.assert_close(64 * averaged, own["elbo_loss"](logits, x, mu, logvar, 64.0))


def test_the_elbo_and_the_divergence_from_the_true_codes_make_up_log_p():
    LESSON.says(r"\log p(x) = \mathbb E_{q(z \mid x)} \log \frac{p(x, z)}{q(z \mid x)} + "
                r"\mathrm{KL}\left(q(z \mid x) \,\Vert\, p(z \mid x)\right)")
    joint, q = torch.tensor([0.10, 0.25, 0.05]), torch.tensor([0.5, 0.2, 0.3])  # p(x, z) of one x and three codes
    bound = (q * (joint / q).log()).sum()
    gap = (q * (q / (joint / joint.sum())).log()).sum()
    torch.testing.assert_close(bound + gap, joint.sum().log())


def test_the_adversarial_losses_are_the_formulas_and_one_slope_vanishes():
    LESSON.says(r"L_D = -\,\mathbb E \log \sigma(D(x)) - \mathbb E \log(1 - \sigma(D(G(z))))",
                r"L_G = -\,\mathbb E \log \sigma(D(G(z)))", r"at a logit of −20 the slope of that is $-\sigma(-20)$")
    real, fake = torch.tensor([0.3, -1.2]), torch.tensor([0.8])
    s = torch.sigmoid
    torch.testing.assert_close(own["discriminator_loss"](real, fake), -s(real).log().mean() - (1 - s(fake)).log().mean())
    torch.testing.assert_close(own["generator_loss"](fake), -s(fake).log().mean())
    leaf = torch.tensor([-20.0], dtype=torch.float64, requires_grad=True)
    slope, = torch.autograd.grad(own["generator_loss"](leaf), leaf)
    saturating, = torch.autograd.grad((1 - s(leaf)).log().mean(), leaf)
    assert slope.item() == pytest.approx(-1, abs=1e-6)
    assert saturating.item() == pytest.approx(-2.06e-9, rel=0.01)


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


def test_the_first_step_back_multiplies_an_error_of_the_guess_by_32_and_the_mixture_keeps_it_small():
    LESSON.says("the first step back multiplies an error of the guess at $t = T - 1$ by about 32",
                r"v = \sqrt{\bar\alpha_t}\, \varepsilon - \sqrt{1 - \bar\alpha_t}\, x_0",
                r"\sqrt{\bar\alpha_t}\, v + \sqrt{1 - \bar\alpha_t}\, x_t")
    left, (x, guess) = own["cosine_alpha_bar"](50), torch.randn(2, 6, 2)
    one, other = (own["denoise_step"](noise, x, 49, left, torch.Generator().manual_seed(0))
                  for noise in (guess, guess + 1))
    assert (one - other).mean().item() == pytest.approx(32, abs=1)
    net, t = own["NoiseNet"](2, left), torch.full((6,), 49)
    before = net(x, t)
    with torch.no_grad():
        net.last.bias += 1
    torch.testing.assert_close(net(x, t) - before, left[49].sqrt().expand(6, 2), rtol=0.02, atol=1e-5)
    t, x0, noise = torch.arange(6) * 9, *torch.randn(2, 6, 2)
    a = left[t][:, None]
    v = a.sqrt() * noise - (1 - a).sqrt() * x0
    torch.testing.assert_close(a.sqrt() * v + (1 - a).sqrt() * own["diffuse"](x0, t, noise, left), noise)


def test_samples_of_a_standard_normal_have_length_about_the_root_of_d():
    LESSON.says(r"its samples have length about $\sqrt d$")
    lengths = torch.randn(1000, 400, generator=torch.Generator().manual_seed(0)).norm(dim=1)
    assert ((lengths - 20).abs() < 3).float().mean() > 0.98


def test_the_distances_are_about_0_for_the_same_data_and_grow_with_a_shift():
    LESSON.says("two samples of one distribution get 0 up to chance")
    same = [own["energy_distance"](own["ring"](1000, seed), own["ring"](4000, seed + 50)) for seed in range(6)]
    assert min(same) < 0 < max(same) and abs(mean(same)) < 0.004 and max(map(abs, same)) < 0.012
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    assert own["energy_distance"](x, x + 1) > 0.3
    judge()
    assert own["frechet"](own["x_train"][1::2]) == pytest.approx(0, abs=1e-3)
    assert own["frechet"](own["x_test"]) < 2 < 40 < own["frechet"](torch.rand(500, 64))


def test_the_judge_knows_its_own_half_by_heart_and_not_the_half_that_samples_are_compared_with():
    LESSON.says("It learns from every other training digit, and samples are compared with those between")
    judge()
    right = [(own["judge"](own["x_train"][k::2]).argmax(1) == own["y_train"][k::2]).float().mean() for k in (0, 1)]
    assert right[0] > 0.99 and 0.9 < right[1] < 0.98


# Landmarks.


@pytest.mark.slow
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
    LESSON.says("with $\\beta = 4$ the middle model would cost more than the collapsed one",
                "At $\\beta = 1$ some of the eight latents have collapsed already",
                "The gap to $-\\log p(x)$ is widest at the small $\\beta$.")
    assert r2 + 4 * k2 > r3 + 4 * k3 + 2
    mu, logvar = vae(1.0, seed)[0].encode(own["x_test"])
    costs = ((mu ** 2 + logvar.exp() - 1 - logvar) / 2).mean(0)  # of each latent
    assert (costs < 0.05).any() and (costs > 0.3).any()
    gaps = [r + k - own["surprise"](vae(beta, seed)[0], own["x_test"])
            for beta, r, k in ((0.25, r1, k1), (1.0, r2, k2), (4.0, r3, k3))]
    assert gaps[0] > gaps[1] + 0.7 > gaps[2] + 0.7 and min(gaps) > -0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_half_way_through_codes_is_nearer_to_the_data_than_half_way_through_pixels(seed):
    LESSON.says("it stays far off", "Half-way through pixels lie two digits on top of each other",
                "a little nearer on the sphere than on the line", "the half-way codes are no nearer than those")
    far = own["midpoints"](vae(0.25, seed)[0], seed=seed)
    assert far["codes, sphere"] < 0.85 * far["pixels"] and far["codes, sphere"] < 0.9 * far["pixels, softened"]
    assert far["codes, sphere"] < 1.15 * far["new digits"] and far["decoded ends"] < far["codes, sphere"]
    assert far["codes, sphere"] < far["codes, line"] - 0.01
    assert abs(far["codes, sphere"] - far["codes of the prior"]) < 0.09


@pytest.mark.slow
def test_the_walk_that_is_shown_goes_from_a_6_to_a_7_that_can_be_read():
    LESSON.says("that model's ends are recognisable")
    judge()
    decoded = torch.sigmoid(vae(0.25, 0)[0].decoder(vae(0.25, 0)[0].encode(own["x_test"][[0, 23]])[0]))
    assert own["judge"](decoded).argmax(1).tolist() == own["y_test"][[0, 23]].tolist() == [6, 7]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_dust_comes_back_from_the_autoencoder_far_worse_than_new_digits(seed):
    LESSON.says("the dust of the opening comes back far worse than new digits do")
    donors = torch.randint(len(own["x_train"]), (300, 64), generator=torch.Generator().manual_seed(seed))
    dust, new = own["x_train"].gather(0, donors), own["x_test"]
    error = lambda x: F.mse_loss(autoencoder(seed)(x), x).item()
    assert error(dust) > 2 * error(new)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_slow_discriminator_loses_modes_that_an_equal_one_covers(seed):
    LESSON.says("Two runs that differ in one number, the discriminator's learning rate",
                "With a judge that keeps up all eight modes are reached, and most samples are near one.",
                "a cloud of noise as wide as the ring reaches all eight modes, with few of its points near one")
    slow, equal = (own["play"](rate, seed=seed)[-1] for rate in (1e-4, 1e-3))
    count = lambda samples: own["modes_covered"](samples, own["CENTERS"], NEAR)
    assert count(slow) <= 5
    assert count(equal) >= 7 and own["share_near"](equal) > 0.65
    noise = 2 * torch.randn(1000, 2, generator=torch.Generator().manual_seed(seed))
    assert count(noise) == 8 and own["share_near"](noise) < 0.25


def test_against_a_generator_that_stands_still_the_best_discriminator_is_the_share_of_the_data():
    LESSON.says(r"$\sigma(D(x)) = p(x) / (p(x) + p_G(x))$", r"against that one $G$ does best where $p_G = p$")
    p, g = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])  # of data and fakes, at three places
    loss = lambda logits: (p * F.softplus(-logits) + g * F.softplus(logits)).sum()
    best = (p / g).log().requires_grad_()
    torch.testing.assert_close(best.sigmoid(), p / (p + g))
    assert torch.autograd.grad(loss(best), best)[0].abs().max() < 1e-6 and loss(best) < loss(best + 0.1)
    value = lambda q: (p * (p / (p + q)).log() + q * (q / (p + q)).log()).sum()
    assert value(p).item() == pytest.approx(-math.log(4)) and value(p) < value(g)


@pytest.mark.slow
def test_on_the_ring_diffusion_beats_the_vae_by_half_and_is_not_ahead_without_the_sines():
    LESSON.says("clouds joined in code space stay joined by bridges in the plane",
                "seeds its mean energy distance was below half of the VAE's and of the GAN's",
                "as many of its points are near a centre as of the diffusion model's",
                "without the sines, in both, the diffusion model is not ahead of the VAE")
    apart = {name: mean(own["energy_distance"](contest(seed)[name], own["ring"](4000, seed + 900)) for seed in SEEDS)
             for name in contest(0)}
    assert apart["diffusion"] < 0.5 * min(apart["VAE"], apart["GAN"])
    near = {name: [own["share_near"](contest(seed)[name]) for seed in SEEDS] for name in contest(0)}
    assert min(near["diffusion"]) > max(near["VAE"]) + 0.1 and min(near["new data"]) > 0.97
    assert abs(mean(near["GAN"]) - mean(near["diffusion"])) < 0.08
    plain = {name: mean(own["share_near"](own_made) for own_made in made) for name, made in {
        "VAE": [own["ring_vae"](own["ring"](4096, seed), seed, waves=0) for seed in SEEDS],
        "diffusion": [own["draw"](own["train_diffusion"](own["ring"](4096, seed), seed=seed), seed=seed)
                      for seed in SEEDS]}.items()}
    assert plain["diffusion"] < plain["VAE"] and plain["diffusion"] < mean(near["diffusion"]) - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_on_digits_latent_diffusion_beats_the_means_of_the_vae_and_does_not_copy(seed):
    LESSON.says("Latent diffusion has a lower distance than the GAN and than the means of either VAE; over three seeds "
                "it was below six tenths of that with $\\beta = 1$.",
                "the VAE's drawn pixels with $\\beta = 1$ do no worse, and the plain mixture does better",
                "The means of a VAE score far worse than its own samples",
                "Among the means $\\beta = \\frac14$ wins, against the better ELBO; among the samples it does not.",
                "With normal codes it stands between the means of the two VAEs",
                "lies nearer to them than new digits do. Our samples lie a little farther off than new digits")
    judge()
    model, score = autoencoder(seed), own["frechet"]
    samples = own["latent_diffusion"](model, seed=seed)
    means, drawn = ({beta: score(own["vae_samples"](vae(beta, seed)[0], seed=seed, drawn=drawn))
                     for beta in (1.0, 0.25)} for drawn in (False, True))
    mixture, normal = (score(own[name](model, seed=seed)) for name in ("from_mixed_codes", "from_normal_codes"))
    assert score(samples) < 0.6 * means[1.0] and score(samples) < 0.9 * means[0.25]
    assert drawn[1.0] < 0.4 * means[1.0] and drawn[0.25] < 0.85 * means[0.25] and drawn[1.0] < 1.15 * score(samples)
    assert means[0.25] < 0.75 * means[1.0] and drawn[0.25] > 0.85 * drawn[1.0]
    assert mixture < 0.85 * score(samples) and 0.95 * means[0.25] < normal < 0.9 * means[1.0]
    new, made, copied = (own["nearest"](x).mean() for x in (own["x_test"], samples, model(own["x_train"])))
    assert copied < 0.8 * new and 1.02 * new < made < 1.2 * new
    assert score(model(own["x_train"]).clamp(0, 1)) < 1


@pytest.mark.slow
def test_the_gans_digits_are_further_off_than_the_diffusion_models_over_three_seeds():
    LESSON.says("The GAN's distance is far higher, and jumps from seed to seed")
    judge()
    scores, ratios = [], []
    for seed in SEEDS:
        z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(seed))
        score = own["frechet"](own["train_gan"](seed=seed)(z))
        scores.append(score)
        ratios.append(score / own["frechet"](own["latent_diffusion"](autoencoder(seed), seed=seed)))
    assert min(ratios) > 2 and max(scores) > 1.2 * min(scores)


@pytest.mark.slow
def test_over_three_seeds_vae_samples_help_a_deep_net_with_five_labels_a_class_and_so_does_noise():
    LESSON.says("The VAE's samples help the seven-layer net by some points.", "plain noise does at least as well",
                "a net of two layers does better with the fifty digits alone than seven layers with either; it hardly "
                "gains from the samples")
    runs = [own["few_labels"](vae(1.0, seed)[0], seed=seed) for seed in SEEDS]
    average = {name: mean(run[name] for run in runs) for name in runs[0]}
    assert average["with VAE samples"] > average["fifty digits"] + 0.015
    assert average["with pixel noise"] > average["with VAE samples"]
    shallow = [own["few_labels"](vae(1.0, seed)[0], hidden=1, draws=4, seed=seed) for seed in SEEDS]
    assert min(run["fifty digits"] for run in shallow) > max(average.values()) + 0.03
    assert abs(mean(run["with VAE samples"] - run["fifty digits"] for run in shallow)) < 0.02


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


@pytest.mark.slow
def test_the_explorers_film_shows_the_collapse_and_its_cure():
    slow, equal = (explore._near(explore._film(rate)[-1]) for rate in explore.RECIPES.values())
    assert slow[0] <= 5 and equal[0] >= 7
