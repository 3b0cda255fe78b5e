"""Answers to lesson 09."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from . import right, wrong

# Autoencoder


@right("Autoencoder")
class Plain(nn.Module):
    def __init__(self, dim, latent):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, dim), nn.Sigmoid())

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x))


@right("Autoencoder")
class Linear(nn.Module):
    def __init__(self, dim, latent):
        super().__init__()
        self.down, self.up = nn.Linear(dim, latent), nn.Linear(latent, dim)

    def encode(self, x):
        return self.down(x)

    def decode(self, z):
        return self.up(z)

    def forward(self, x):
        return self.up(self.down(x))


@right("Autoencoder")
class TiedWithBatchNorm(nn.Module):
    def __init__(self, dim, latent):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(latent, dim) / dim ** 0.5)
        self.norm, self.drop = nn.BatchNorm1d(latent), nn.Dropout(0.1)

    def encode(self, x):
        return self.norm(x @ self.weight.T)

    def decode(self, z):
        return self.drop(z) @ self.weight

    def forward(self, x):
        return self.decode(self.encode(x))


@wrong("Autoencoder", "ae-no-super")
class NoSuper(Plain):
    def __init__(self, dim, latent):
        self.encoder = nn.Linear(dim, latent)
        self.decoder = nn.Linear(latent, dim)


@wrong("Autoencoder", "ae-tuple")
class WithCode(Plain):
    def forward(self, x):
        z = self.encode(x)
        return self.decode(z), z


@wrong("Autoencoder", "ae-code-back")
class OnlyCode(Plain):
    def forward(self, x):
        return self.encoder(x)


@wrong("Autoencoder", "ae-forward-apart")
class Residual(Plain):
    def forward(self, x):
        return x + self.decode(self.encode(x))


@wrong("Autoencoder", "ae-leak")
class Remembers(Linear):
    def encode(self, x):
        self.hidden = x.mean(1, keepdim=True) * 0 + x
        return self.down(x)

    def decode(self, z):
        return self.up(z) + 0.5 * self.hidden

    def forward(self, x):
        return self.decode(self.encode(x))


@wrong("Autoencoder", "ae-code-size")
class FixedLatent(Plain):
    def __init__(self, dim, latent):
        super().__init__(dim, 32)


@wrong("Autoencoder", "ae-sizes")
class Turned(Plain):
    def __init__(self, dim, latent):
        super().__init__(latent, dim)


@wrong("Autoencoder", "ae-unregistered")
class InLists(Plain):
    def __init__(self, dim, latent):
        super().__init__(dim, latent)
        self.layers = [nn.Linear(dim, 16), nn.Linear(16, latent)]

    def encode(self, x):
        return self.layers[1](torch.relu(self.layers[0](x)))


@wrong("Autoencoder", "ae-method-missing")
class NoEncode(nn.Module):
    def __init__(self, dim, latent):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim, latent), nn.Linear(latent, dim))

    def forward(self, x):
        return self.net(x)


@wrong("Autoencoder", "ae-cut")
class NoGradient(Linear):
    def encode(self, x):
        with torch.no_grad():
            return self.down(x)

    def forward(self, x):
        return self.up(self.encode(x))


@wrong("Autoencoder", "ae-new-each-time")
class Noisy(Plain):
    def encode(self, x):
        z = self.encoder(x)
        return z + 0.1 * torch.randn_like(z)


@wrong("Autoencoder", "ae-back-size")
class NarrowBack(Linear):
    def __init__(self, dim, latent):
        super().__init__(dim, latent)
        self.up = nn.Linear(latent, latent)


@wrong("Autoencoder", "ae-batch-mixed")
class CentredByBatch(Linear):
    def encode(self, x):
        return self.down(x - x.mean(0))

    def forward(self, x):
        return self.decode(self.encode(x))


@wrong("Autoencoder", "not-written")
class Unwritten(nn.Module):
    def __init__(self, dim, latent):
        super().__init__()
        raise NotImplementedError()


# reparameterize


@right("reparameterize")
def like(mu, logvar, generator=None):
    return mu + (logvar / 2).exp() * torch.randn_like(mu, generator=generator)


@right("reparameterize")
def filled_in_place(mu, logvar, generator=None):
    noise = torch.empty(mu.shape, dtype=mu.dtype).normal_(generator=generator)
    return noise * logvar.exp().sqrt() + mu


@right("reparameterize")
def standard_normal(mu, logvar, generator=None):
    noise = torch.normal(torch.zeros_like(mu), torch.ones_like(mu), generator=generator)
    return torch.addcmul(mu, torch.exp(0.5 * logvar), noise)


@wrong("reparameterize", "reparam-variance")
def variance(mu, logvar, generator=None):
    return mu + logvar.exp() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-log")
def raw_log(mu, logvar, generator=None):
    return mu + torch.randn(mu.shape, generator=generator, dtype=mu.dtype) * logvar


@wrong("reparameterize", "reparam-root-of-log")
def root(mu, logvar, generator=None):
    return mu + logvar.sqrt() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-no-sigma")
def unscaled(mu, logvar, generator=None):
    return mu + torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-no-noise")
def mean_only(mu, logvar, generator=None):
    return mu.clone()


@wrong("reparameterize", "reparam-no-mean")
def noise_only(mu, logvar, generator=None):
    return torch.randn(mu.shape, generator=generator, dtype=mu.dtype) * (0.5 * logvar).exp() + mu * 0


@wrong("reparameterize", "reparam-uniform")
def uniform(mu, logvar, generator=None):
    return mu + (0.5 * logvar).exp() * torch.rand(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-shared")
def one_row(mu, logvar, generator=None):
    return mu + (0.5 * logvar).exp() * torch.randn(mu.shape[1], generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-shared")
def one_column(mu, logvar, generator=None):
    return mu + (0.5 * logvar).exp() * torch.randn(len(mu), 1, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-normal")
def library(mu, logvar, generator=None):
    return torch.normal(mu, (logvar / 2).exp(), generator=generator)


@wrong("reparameterize", "reparam-gradient-cut")
def no_grad(mu, logvar, generator=None):
    with torch.no_grad():
        return mu + (logvar / 2).exp() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-gradient-cut")
def sigma_cut(mu, logvar, generator=None):
    std = (logvar / 2).exp().detach()
    return mu + std * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-generator")
def ignores_generator(mu, logvar, generator=None):
    return mu + (logvar / 2).exp() * torch.randn_like(mu)


@wrong("reparameterize", "reparam-restarted")
def seeded(mu, logvar, generator=None):
    generator = torch.Generator().manual_seed(42)
    return mu + (logvar / 2).exp() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "off-limits")
def distribution(mu, logvar, generator=None):
    return torch.distributions.Normal(mu, (logvar / 2).exp()).rsample()


# kl_to_standard_normal


@right("kl_to_standard_normal")
def as_in_the_paper(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=-1)


@right("kl_to_standard_normal")
def with_expm1(mu, logvar):
    return (mu.square() + torch.expm1(logvar) - logvar).sum(-1) / 2


@right("kl_to_standard_normal")
def by_sigma(mu, logvar):
    sigma = torch.exp(logvar / 2)
    return (-logvar / 2 + (sigma ** 2 + mu ** 2) / 2 - 0.5).sum(dim=1)


@wrong("kl_to_standard_normal", "kl-one-number")
def batch_mean(mu, logvar):
    return (-0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)).mean()


@wrong("kl_to_standard_normal", "kl-mean-latent")
def latent_mean(mu, logvar):
    return -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean(1)


@wrong("kl_to_standard_normal", "kl-sign")
def positive_half(mu, logvar):
    return 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)


@wrong("kl_to_standard_normal", "kl-no-half")
def whole(mu, logvar):
    return (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)


@wrong("kl_to_standard_normal", "kl-no-one")
def one_outside(mu, logvar):
    return 0.5 * (torch.sum(mu ** 2 + logvar.exp() - logvar, 1) - 1)


@wrong("kl_to_standard_normal", "kl-std")
def std(mu, logvar):
    return 0.5 * (mu ** 2 + torch.exp(0.5 * logvar) - 1 - logvar).sum(1)


@wrong("kl_to_standard_normal", "kl-turned")
def reverse(mu, logvar):
    return 0.5 * (logvar + (1 + mu ** 2) * torch.exp(-logvar) - 1).sum(1)


@wrong("kl_to_standard_normal", "kl-wrong-axis")
def first_axis(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=0)


@wrong("kl_to_standard_normal", "kl-mu-not-squared")
def mu_plain(mu, logvar):
    return -0.5 * (1 + logvar - mu - logvar.exp()).sum(1)


@wrong("kl_to_standard_normal", "kl-logvar-sign")
def plus_log(mu, logvar):
    return 0.5 * (mu ** 2 + logvar.exp() - 1 + logvar).sum(1)


@wrong("kl_to_standard_normal", "off-limits")
def library_kl(mu, logvar):
    q = torch.distributions.Normal(mu, (logvar / 2).exp())
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)


@wrong("kl_to_standard_normal", "no-gradient")
def detached_kl(mu, logvar):
    return 0.5 * (mu.detach() ** 2 + logvar.detach().exp() - 1 - logvar.detach()).sum(1)


# elbo_loss


def kl(mu, logvar):
    return -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)


@right("elbo_loss")
def summed(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    return (bce + beta * kl(mu, logvar).sum()) / x.shape[0]


@right("elbo_loss")
def by_softplus(recon_logits, x, mu, logvar, beta=1.0):
    cost = F.softplus(recon_logits) - x * recon_logits
    return cost.reshape(len(x), -1).sum(1).mean() + beta * kl(mu, logvar).mean()


@right("elbo_loss")
def by_logsigmoid(recon_logits, x, mu, logvar, beta=1.0):
    log_p = x * F.logsigmoid(recon_logits) + (1 - x) * F.logsigmoid(-recon_logits)
    return -(log_p.flatten(1).sum(1) - beta * kl(mu, logvar)).mean()


@wrong("elbo_loss", "elbo-pixel-mean")
def default_reduction(recon_logits, x, mu, logvar, beta=1.0):
    return F.binary_cross_entropy_with_logits(recon_logits, x) + beta * kl(mu, logvar).mean()


@wrong("elbo_loss", "elbo-batch-sum")
def all_summed(recon_logits, x, mu, logvar, beta=1.0):
    return F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum") + beta * kl(mu, logvar).sum()


@wrong("elbo_loss", "elbo-one-sum-one-mean")
def half_summed(recon_logits, x, mu, logvar, beta=1.0):
    return F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum") + beta * kl(mu, logvar).mean()


@wrong("elbo_loss", "elbo-beta-ignored")
def no_beta(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    return (bce + kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-beta-on-both")
def beta_on_the_wrong_one(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    return (beta * bce + kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-sign")
def the_bound(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    return -(bce + beta * kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-kl-subtracted")
def minus_kl(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum")
    return (bce - beta * kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-probabilities")
def bce_of_logits(recon_logits, x, mu, logvar, beta=1.0):
    return (F.binary_cross_entropy(recon_logits, x, reduction="sum") + beta * kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-unstable")
def naive_logs(recon_logits, x, mu, logvar, beta=1.0):
    p = 1 / (1 + torch.exp(-recon_logits))
    bce = -(x * torch.log(p) + (1 - x) * torch.log(1 - p))
    return (bce.flatten(1).sum(1) + beta * kl(mu, logvar)).mean()


@wrong("elbo_loss", "elbo-sigmoid-twice")
def double_sigmoid(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits.sigmoid(), x, reduction="sum")
    return (bce + beta * kl(mu, logvar).sum()) / len(x)


@wrong("elbo_loss", "elbo-axes")
def flat_only(recon_logits, x, mu, logvar, beta=1.0):
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="none").sum(1)
    return (bce + beta * kl(mu, logvar)).mean()


@wrong("elbo_loss", "elbo-squared-error")
def squares(recon_logits, x, mu, logvar, beta=1.0):
    return ((recon_logits - x) ** 2).flatten(1).sum(1).mean() + beta * kl(mu, logvar).mean()


# discriminator_loss, generator_loss


@right("discriminator_loss")
def with_library(real_logits, fake_logits):
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    return (F.binary_cross_entropy_with_logits(real_logits, ones)
            + F.binary_cross_entropy_with_logits(fake_logits, zeros))


@right("discriminator_loss")
def with_logsigmoid(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()


@right("discriminator_loss")
def with_logaddexp(real_logits, fake_logits):
    nothing = torch.tensor(0.0)
    return torch.logaddexp(-real_logits, nothing).mean() + torch.logaddexp(fake_logits, nothing).mean()


@wrong("discriminator_loss", "dloss-halved")
def half(real_logits, fake_logits):
    return 0.5 * with_library(real_logits, fake_logits)


@wrong("discriminator_loss", "dloss-labels-swapped")
def swapped_labels(real_logits, fake_logits):
    return with_logsigmoid(fake_logits, real_logits) if real_logits.shape == fake_logits.shape else (
        -F.logsigmoid(-real_logits).mean() - F.logsigmoid(fake_logits).mean())


@wrong("discriminator_loss", "dloss-summed")
def sums(real_logits, fake_logits):
    return F.softplus(-real_logits).sum() + F.softplus(fake_logits).sum()


@wrong("discriminator_loss", "dloss-together")
def joined(real_logits, fake_logits):
    logits = torch.cat([real_logits, fake_logits])
    target = torch.cat([torch.ones_like(real_logits), torch.zeros_like(fake_logits)])
    return F.binary_cross_entropy_with_logits(logits, target)


@wrong("discriminator_loss", "dloss-unstable")
def logs(real_logits, fake_logits):
    return -(torch.sigmoid(real_logits).log().mean() + (1 - torch.sigmoid(fake_logits)).log().mean())


@wrong("discriminator_loss", "dloss-unstable")
def logs_with_eps(real_logits, fake_logits):
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -torch.log(real + 1e-8).mean() - torch.log(1 - fake + 1e-8).mean()


@wrong("discriminator_loss", "dloss-sign")
def value(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


@wrong("discriminator_loss", "dloss-fake-as-real")
def all_real(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(fake_logits).mean()


@wrong("discriminator_loss", "dloss-wasserstein")
def critic(real_logits, fake_logits):
    return fake_logits.mean() - real_logits.mean()


@wrong("discriminator_loss", "dloss-probabilities")
def bce_of_raw(real_logits, fake_logits):
    return (F.binary_cross_entropy(real_logits, torch.ones_like(real_logits))
            + F.binary_cross_entropy(fake_logits, torch.zeros_like(fake_logits)))


@right("generator_loss")
def fooled(fake_logits):
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


@right("generator_loss")
def fooled_logsigmoid(fake_logits):
    return -F.logsigmoid(fake_logits).mean()


@right("generator_loss")
def fooled_by_hand(fake_logits):
    small = torch.exp(-fake_logits.abs())
    return (torch.log1p(small) + (-fake_logits).clamp(min=0)).mean()


@wrong("generator_loss", "gloss-saturating")
def minimax(fake_logits):
    return F.logsigmoid(-fake_logits).mean()


@wrong("generator_loss", "gloss-saturating")
def minimax_by_logs(fake_logits):
    return torch.log(1 - torch.sigmoid(fake_logits)).mean()


@wrong("generator_loss", "gloss-discriminators")
def zeros_for_fakes(fake_logits):
    return F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


@wrong("generator_loss", "gloss-sign")
def forgot_minus(fake_logits):
    return F.logsigmoid(fake_logits).mean()


@wrong("generator_loss", "gloss-summed")
def summed_up(fake_logits):
    return -F.logsigmoid(fake_logits).sum()


@wrong("generator_loss", "gloss-unstable")
def log_of_sigmoid(fake_logits):
    return -torch.log(fake_logits.sigmoid()).mean()


@wrong("generator_loss", "gloss-unstable")
def log_with_eps(fake_logits):
    return -torch.log(fake_logits.sigmoid() + 1e-8).mean()


@wrong("generator_loss", "gloss-probability")
def no_log(fake_logits):
    return (1 - fake_logits.sigmoid()).mean()


@wrong("generator_loss", "gloss-wasserstein")
def critics(fake_logits):
    return -fake_logits.mean()


@wrong("generator_loss", "gloss-not-averaged")
def each_one(fake_logits):
    return F.softplus(-fake_logits)


@wrong("generator_loss", "no-gradient")
def a_number(fake_logits):
    return torch.tensor(F.softplus(-fake_logits).mean().item(), dtype=fake_logits.dtype)


# gan_step


def d_cost(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def g_cost(fake):
    return F.softplus(-fake).mean()


@right("gan_step")
def two_forwards(generator, discriminator, opt_g, opt_d, real, z):
    with torch.no_grad():
        fake = generator(z)
    opt_d.zero_grad()
    d_loss = d_cost(discriminator(real), discriminator(fake))
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = g_cost(discriminator(generator(z)))
    g_loss.backward()
    opt_g.step()
    return d_loss.detach(), g_loss.detach()


@right("gan_step")
def frozen_for_a_moment(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = d_cost(discriminator(real), discriminator(fake.detach()))
    opt_d.zero_grad(set_to_none=True)
    d_loss.backward()
    opt_d.step()
    discriminator.requires_grad_(False)
    g_loss = g_cost(discriminator(fake))
    opt_g.zero_grad(set_to_none=True)
    g_loss.backward()
    opt_g.step()
    discriminator.requires_grad_(True)
    return d_loss.item(), g_loss.item()


@right("gan_step")
def by_autograd(generator, discriminator, opt_g, opt_d, real, z):
    def move(optimizer, loss):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters)):
            p.grad = grad
        optimizer.step()
        return float(loss)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(generator(z).detach())))
    return [d_loss, move(opt_g, g_cost(discriminator(generator(z))))]


def move(optimizer, loss, clear=True):
    if clear:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("gan_step", "gan-not-detached")
def not_detached(generator, discriminator, opt_g, opt_d, real, z):
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(generator(z))))
    return d_loss, move(opt_g, g_cost(discriminator(generator(z))))


@wrong("gan_step", "gan-not-detached")
def cleared_once_at_the_start(generator, discriminator, opt_g, opt_d, real, z):
    opt_d.zero_grad()
    opt_g.zero_grad()
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(generator(z))), clear=False)
    return d_loss, move(opt_g, g_cost(discriminator(generator(z))), clear=False)


@wrong("gan_step", "gan-backward-twice")
def graph_used_up(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake)))
    return d_loss, move(opt_g, g_cost(discriminator(fake)))


@wrong("gan_step", "gan-generator-cut-off")
def cut_off_in_both(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z).detach()
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake)))
    return d_loss, move(opt_g, g_cost(discriminator(fake)))


@wrong("gan_step", "gan-stale-discriminator")
def d_never_cleared(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake.detach())), clear=False)
    return d_loss, move(opt_g, g_cost(discriminator(fake)))


@wrong("gan_step", "gan-stale-both")
def never_cleared(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake.detach())), clear=False)
    return d_loss, move(opt_g, g_cost(discriminator(fake)), clear=False)


@wrong("gan_step", "gan-generator-first")
def other_order(generator, discriminator, opt_g, opt_d, real, z):
    g_loss = move(opt_g, g_cost(discriminator(generator(z))))
    return move(opt_d, d_cost(discriminator(real), discriminator(generator(z).detach()))), g_loss


@wrong("gan_step", "gan-other-noise")
def new_noise(generator, discriminator, opt_g, opt_d, real, z):
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(generator(z).detach())))
    return d_loss, move(opt_g, g_cost(discriminator(generator(torch.randn_like(z)))))


@wrong("gan_step", "gan-swapped")
def losses_swapped(generator, discriminator, opt_g, opt_d, real, z):
    d_loss, g_loss = two_forwards(generator, discriminator, opt_g, opt_d, real, z)
    return g_loss.item(), d_loss.item()


@wrong("gan_step", "gan-graph")
def with_graph(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = d_cost(discriminator(real), discriminator(fake.detach()))
    move(opt_d, d_loss)
    g_loss = g_cost(discriminator(fake))
    move(opt_g, g_loss)
    return d_loss, g_loss


@wrong("gan_step", "gan-left-frozen")
def frozen(generator, discriminator, opt_g, opt_d, real, z):
    discriminator.requires_grad_(True)
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake.detach())))
    discriminator.requires_grad_(False)
    return d_loss, move(opt_g, g_cost(discriminator(fake)))


@wrong("gan_step", "returned-none")
def no_return(generator, discriminator, opt_g, opt_d, real, z):
    two_forwards(generator, discriminator, opt_g, opt_d, real, z)


# modes_covered


@right("modes_covered")
def by_loop(samples, centers, radius):
    return sum(bool(((samples - c).norm(dim=1) <= radius).any()) for c in centers)


@right("modes_covered")
def by_broadcast(samples, centers, radius):
    squared = ((samples[:, None] - centers[None]) ** 2).sum(-1)
    return (squared.amin(0) <= radius ** 2).sum()


@right("modes_covered")
def by_minimum(samples, centers, radius):
    return (torch.cdist(centers, samples).min(1).values <= radius).sum().item()


@wrong("modes_covered", "modes-samples")
def near_samples(samples, centers, radius):
    return int(((samples[:, None] - centers).norm(dim=2) <= radius).any(1).sum())


@wrong("modes_covered", "modes-pairs")
def pairs(samples, centers, radius):
    return int(((samples[:, None] - centers).norm(dim=2) <= radius).sum())


@wrong("modes_covered", "modes-strict")
def strict(samples, centers, radius):
    return int(((samples[:, None] - centers).norm(dim=2) < radius).any(0).sum())


@wrong("modes_covered", "modes-nearest")
def nearest_within(samples, centers, radius):
    distance, index = (samples[:, None] - centers).norm(dim=2).min(1)
    return index[distance <= radius].unique().numel()


@wrong("modes_covered", "modes-nearest-anywhere")
def nearest_of_all(samples, centers, radius):
    return torch.cdist(samples, centers).argmin(1).unique().numel()


@wrong("modes_covered", "modes-squared")
def no_root(samples, centers, radius):
    return int((((samples[:, None] - centers) ** 2).sum(2) <= radius).any(0).sum())


@wrong("modes_covered", "modes-all")
def every_sample(samples, centers, radius):
    return int(((samples[:, None] - centers).norm(dim=2) <= radius).all(0).sum())


@wrong("modes_covered", "modes-share")
def share(samples, centers, radius):
    return (torch.cdist(samples, centers) <= radius).any(0).double().mean().item()


@wrong("modes_covered", "modes-other-distance")
def per_coordinate(samples, centers, radius):
    return int(((samples[:, None] - centers).abs() <= radius).all(2).any(0).sum())


@wrong("modes_covered", "modes-shapes")
def no_broadcast(samples, centers, radius):
    return int(((samples - centers).norm(dim=1) <= radius).sum())


@wrong("modes_covered", "modes-flags")
def flags(samples, centers, radius):
    return (torch.cdist(centers, samples) <= radius).any(1)


# interpolate


@right("interpolate")
def listed(z0, z1, steps):
    cosine = torch.dot(z0 / z0.norm(), z1 / z1.norm()).clamp(-1.0, 1.0)
    if 1 - cosine.abs() < 1e-7:
        return torch.stack([torch.lerp(z0, z1, k / (steps - 1)) for k in range(steps)])
    omega = torch.acos(cosine)
    weights = [k / (steps - 1) for k in range(steps)]
    return torch.stack([(torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)
                        for t in weights])


@right("interpolate")
def nudged(z0, z1, steps):
    cosine = F.cosine_similarity(z0, z1, dim=0).clamp(-1 + 1e-6, 1 - 1e-6)
    omega = cosine.acos()
    t = torch.linspace(0, 1, steps).to(z0)
    weights = torch.stack([torch.sin((1 - t) * omega), torch.sin(t * omega)], 1) / torch.sin(omega)
    return weights @ torch.stack([z0, z1])


@right("interpolate")
def by_half_angles(z0, z1, steps):
    a, b = z0 / z0.norm(), z1 / z1.norm()
    omega = 2 * torch.atan2((a - b).norm(), (a + b).norm())
    t = torch.arange(steps, dtype=z0.dtype).unsqueeze(1) / (steps - 1)
    if torch.sin(omega) < 1e-5:
        return z0 + t * (z1 - z0)
    return torch.sin((1 - t) * omega) / torch.sin(omega) * z0 + torch.sin(t * omega) / torch.sin(omega) * z1


@wrong("interpolate", "walk-straight")
def straight(z0, z1, steps):
    return torch.stack([torch.lerp(z0, z1, k / (steps - 1)) for k in range(steps)])


@wrong("interpolate", "walk-nan")
def unguarded(z0, z1, steps):
    omega = torch.acos(torch.dot(z0, z1) / z0.norm() / z1.norm())
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


@wrong("interpolate", "walk-directions")
def on_the_unit_sphere(z0, z1, steps):
    return listed(z0 / z0.norm(), z1 / z1.norm(), steps)


@wrong("interpolate", "walk-turned")
def backwards(z0, z1, steps):
    return listed(z1, z0, steps)


@wrong("interpolate", "walk-end-missing")
def no_end(z0, z1, steps):
    return listed(z0, z1, steps + 1)[:-1]


@wrong("interpolate", "walk-one-more")
def one_more(z0, z1, steps):
    return listed(z0, z1, steps + 1)


@wrong("interpolate", "walk-across")
def across(z0, z1, steps):
    return torch.stack(list(listed(z0, z1, steps)), dim=1)


@wrong("interpolate", "walk-quarter")
def quarter_circle(z0, z1, steps):
    t = torch.linspace(0, math.pi / 2, steps, dtype=z0.dtype)[:, None]
    return torch.cos(t) * z0 + torch.sin(t) * z1


@wrong("interpolate", "walk-list")
def a_list(z0, z1, steps):
    return list(listed(z0, z1, steps))


@wrong("interpolate", "walk-line-stretched")
def stretched(z0, z1, steps):
    line = straight(z0, z1, steps)
    lengths = torch.linspace(0, 1, steps, dtype=z0.dtype) * (z1.norm() - z0.norm()) + z0.norm()
    return line / line.norm(dim=1)[:, None] * lengths[:, None]


@wrong("interpolate", "walk-raw-angle")
def raw_angle(z0, z1, steps):
    omega = torch.acos(z0 @ z1)
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


# cosine_alpha_bar


@right("cosine_alpha_bar")
def by_loop_in_python(timesteps):
    def f(t):
        return math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2
    kept, product = [], 1.0
    for t in range(timesteps):
        product *= 1 - min(1 - f(t + 1) / f(t), 0.999)
        kept.append(product)
    return torch.tensor(kept)


@right("cosine_alpha_bar")
def in_float32(timesteps):
    t = torch.linspace(0, 1, timesteps + 1)
    f = torch.cos((t + 0.008) / 1.008 * torch.pi * 0.5) ** 2
    alpha_bar = f / f[0]
    betas = torch.clamp(1 - alpha_bar[1:] / alpha_bar[:-1], 0, 0.999)
    return torch.cumprod(1.0 - betas, dim=0)


@right("cosine_alpha_bar")
def clip_the_share_kept(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64)
    f = torch.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2).square()
    return (f[1:] / f[:-1]).clamp(min=0.001).log().cumsum(0).exp()


@wrong("cosine_alpha_bar", "cosine-starts-clean")
def off_by_one(timesteps):
    t = torch.arange(timesteps, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return f / f[0]


@wrong("cosine_alpha_bar", "cosine-not-clipped")
def no_clip(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return (f / f[0])[1:]


@wrong("cosine_alpha_bar", "cosine-one-more")
def an_entry_too_many(timesteps):
    return torch.cat([torch.ones(1), by_loop_in_python(timesteps)])


@wrong("cosine_alpha_bar", "cosine-betas")
def the_betas(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=0.999)


@wrong("cosine_alpha_bar", "cosine-no-offset")
def no_offset(timesteps):
    f = torch.cos(torch.arange(timesteps + 1, dtype=torch.float64) / timesteps * math.pi / 2) ** 2
    return torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(max=0.999), 0)


@wrong("cosine_alpha_bar", "cosine-not-squared")
def plain_cosine(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2)
    return torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(max=0.999), 0)


@wrong("cosine_alpha_bar", "cosine-linear")
def ddpm_schedule(timesteps):
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, timesteps), 0)


@wrong("cosine_alpha_bar", "cosine-root")
def its_root(timesteps):
    return by_loop_in_python(timesteps) ** 0.5


@wrong("cosine_alpha_bar", "cosine-clipped-elsewhere")
def clipped_lower(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(max=0.99), 0)


@wrong("cosine_alpha_bar", "cosine-half-wave")
def forgot_half(timesteps):
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + 0.008) / 1.008 * math.pi) ** 2
    return torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(max=0.999), 0)


# diffuse


@right("diffuse")
def viewed(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(len(x0), *(1,) * (x0.dim() - 1))
    return a ** 0.5 * x0 + (1 - a) ** 0.5 * noise


@right("diffuse")
def one_by_one(x0, t, noise, alpha_bar):
    return torch.stack([x * math.sqrt(alpha_bar[k]) + e * math.sqrt(1 - alpha_bar[k])
                        for x, k, e in zip(x0, t, noise)])


@right("diffuse")
def unsqueezed(x0, t, noise, alpha_bar):
    a = alpha_bar.gather(0, t)
    while a.dim() < x0.dim():
        a = a.unsqueeze(-1)
    return a.sqrt() * x0 + torch.sqrt(1 - a) * noise


@wrong("diffuse", "diffuse-no-roots")
def no_roots(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
    return a * x0 + (1 - a) * noise


@wrong("diffuse", "diffuse-noise-root")
def variance_for_noise(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * x0 + (1 - a) * noise


@wrong("diffuse", "diffuse-rest-of-root")
def one_minus_root(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1)).sqrt()
    return a * x0 + (1 - a) * noise


@wrong("diffuse", "diffuse-swapped")
def weights_swapped(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * noise + (1 - a).sqrt() * x0


@wrong("diffuse", "diffuse-not-reshaped")
def no_view(x0, t, noise, alpha_bar):
    return alpha_bar[t].sqrt() * x0 + (1 - alpha_bar[t]).sqrt() * noise


@wrong("diffuse", "diffuse-axes")
def points_only(x0, t, noise, alpha_bar):
    a = alpha_bar[t][:, None]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@wrong("diffuse", "diffuse-one-t")
def first_t(x0, t, noise, alpha_bar):
    a = alpha_bar[t[0]]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@wrong("diffuse", "diffuse-own-noise")
def fresh_noise(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * torch.randn_like(x0)


@wrong("diffuse", "diffuse-product-again")
def product_of_products(x0, t, noise, alpha_bar):
    a = torch.cumprod(alpha_bar, 0)[t].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@wrong("diffuse", "diffuse-minus")
def subtracted(x0, t, noise, alpha_bar):
    a = alpha_bar[t].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * x0 - (1 - a).sqrt() * noise


@wrong("diffuse", "diffuse-shifted")
def one_earlier(x0, t, noise, alpha_bar):
    a = alpha_bar[t - 1].view(-1, *[1] * (x0.dim() - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


# denoise_step


@right("denoise_step")
def by_betas(predicted_noise, x_t, t, alpha_bar, generator=None):
    padded = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar])
    beta = 1 - padded[t + 1] / padded[t]
    mean = (x_t - beta * predicted_noise / torch.sqrt(1 - alpha_bar[t])) / torch.sqrt(1 - beta)
    noise = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
    return mean + (beta.sqrt() * noise if t > 0 else 0)


@right("denoise_step")
def with_python_numbers(predicted_noise, x_t, t, alpha_bar, generator=None):
    now, before = float(alpha_bar[t]), float(alpha_bar[t - 1]) if t else 1.0
    alpha = now / before
    out = (x_t - (1 - alpha) / math.sqrt(1 - now) * predicted_noise) * alpha ** -0.5
    if t:
        out = out + math.sqrt(1 - alpha) * torch.randn_like(out, generator=generator)
    return out


@right("denoise_step")
def by_posterior_mean(predicted_noise, x_t, t, alpha_bar, generator=None):
    now = alpha_bar[t]
    before = alpha_bar[t - 1] if t > 0 else torch.tensor(1.0, dtype=now.dtype)
    beta = 1 - now / before
    x0 = (x_t - (1 - now).sqrt() * predicted_noise) / now.sqrt()
    mean = before.sqrt() * beta / (1 - now) * x0 + (1 - beta).sqrt() * (1 - before) / (1 - now) * x_t
    if t == 0:
        return mean
    return mean + beta.sqrt() * torch.empty_like(mean).normal_(generator=generator)


def step(predicted_noise, x_t, t, alpha_bar, spread, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    if t == 0:
        return mean
    return mean + spread(1 - alpha) * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-wraps")
def last_entry(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / alpha_bar[t - 1]
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    if t == 0:
        return mean
    return mean + (1 - alpha).sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-noise-at-the-end")
def always_noise(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    return mean + (1 - alpha).sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-variance")
def beta_as_spread(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(predicted_noise, x_t, t, alpha_bar, lambda beta: beta, generator)


@wrong("denoise_step", "denoise-unit-noise")
def unscaled_noise(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(predicted_noise, x_t, t, alpha_bar, lambda beta: 1, generator)


@wrong("denoise_step", "denoise-smaller-variance")
def posterior_variance(predicted_noise, x_t, t, alpha_bar, generator=None):
    share = (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
    return step(predicted_noise, x_t, t, alpha_bar, lambda beta: (beta * share).sqrt(), generator)


@wrong("denoise_step", "denoise-no-noise")
def no_noise(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(predicted_noise, x_t, t, alpha_bar, lambda beta: 0, generator)


@wrong("denoise_step", "denoise-generator")
def global_noise(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(predicted_noise, x_t, t, alpha_bar, torch.sqrt)


@wrong("denoise_step", "denoise-alpha-bar")
def scaled_by_alpha_bar(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha_bar[t].sqrt()
    if t == 0:
        return mean
    return mean + (1 - alpha).sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-no-root")
def without_root(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(predicted_noise / (1 - alpha_bar[t]).sqrt(), x_t, t, alpha_bar, torch.sqrt, generator)


@wrong("denoise_step", "denoise-sign")
def plus(predicted_noise, x_t, t, alpha_bar, generator=None):
    return step(-predicted_noise, x_t, t, alpha_bar, torch.sqrt, generator)


@wrong("denoise_step", "denoise-all-the-way")
def straight_to_x0(predicted_noise, x_t, t, alpha_bar, generator=None):
    return (x_t - (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha_bar[t].sqrt()


@wrong("denoise_step", "denoise-clamped")
def clamped(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1)
    mean = ((x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()).clamp(-1, 1)
    if t == 0:
        return mean
    return mean + (1 - alpha).sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-shared-noise")
def same_for_all(predicted_noise, x_t, t, alpha_bar, generator=None):
    mean = step(predicted_noise, x_t, t, alpha_bar, lambda beta: 0, torch.Generator())
    beta = 1 - alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1)
    return mean + (t > 0) * beta.sqrt() * torch.randn(x_t.shape[1:], generator=generator, dtype=x_t.dtype)


# More of what learners wrote, each under its exercise's name.


@wrong("reparameterize", "reparam-root-of-log")
def root_of_absolute(mu, logvar, generator=None):
    return mu + logvar.abs() ** 0.5 * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-seeded-alone")
def seeded_where_none_is_given(mu, logvar, generator=None):
    if generator is None:
        generator = torch.Generator().manual_seed(42)
    return mu + (0.5 * logvar).exp() * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("reparameterize", "reparam-in-place")
def in_place(mu, logvar, generator=None):
    std = logvar.div_(2).exp() if not logvar.requires_grad else (logvar / 2).exp()
    return mu + std * torch.randn(mu.shape, generator=generator, dtype=mu.dtype)


@wrong("kl_to_standard_normal", "kl-half-of-some")
def kl_half_of_some(mu, logvar):
    return torch.sum(0.5 * mu.pow(2) + logvar.exp() - 1 - logvar, dim=-1)


@wrong("kl_to_standard_normal", "kl-half-of-some")
def kl_half_of_two(mu, logvar):
    return (0.5 * (mu.pow(2) + logvar.exp()) - logvar - 1).sum(-1)


@wrong("kl_to_standard_normal", "kl-quarter")
def kl_quarter(mu, logvar):
    return 0.5 * (0.5 * (mu ** 2 + logvar.exp() - 1 - logvar)).sum(1)


@wrong("kl_to_standard_normal", "kl-variance-sign")
def kl_sign_slip(mu, logvar):
    return -0.5 * (1 + logvar - mu ** 2 + logvar.exp()).sum(1)


@wrong("kl_to_standard_normal", "kl-variance-squared")
def kl_variance_squared(mu, logvar):
    return 0.5 * (mu ** 2 + torch.exp(2 * logvar) - 1 - logvar).sum(1)


@wrong("kl_to_standard_normal", "kl-half-of-some")
def kl_half_of_three(mu, logvar):
    return 0.5 * (mu ** 2 + logvar.exp() - 1).sum(1) - logvar.sum(1)


@wrong("kl_to_standard_normal", "kl-log-again")
def kl_log_again(mu, logvar):
    return (mu ** 2 + torch.exp(logvar) - 1 - torch.log(logvar)).sum(1) / 2


@wrong("elbo_loss", "elbo-all-means")
def every_mean(recon_logits, x, mu, logvar, beta=1.0):
    kl = -0.5 * torch.mean(1 + logvar - mu ** 2 - logvar.exp())
    return F.binary_cross_entropy_with_logits(recon_logits, x) + beta * kl


@wrong("elbo_loss", "elbo-kl-mean")
def kl_averaged(recon_logits, x, mu, logvar, beta=1.0):
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).mean(1)
    bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="none").reshape(len(x), -1).sum(1)
    return torch.mean(bce + beta * kl)


@wrong("elbo_loss", "elbo-wrong-axis")
def summed_over_samples(recon_logits, x, mu, logvar, beta=1.0):
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(1).mean()
    return F.binary_cross_entropy_with_logits(recon_logits, x, reduction="none").sum(0).mean() + beta * kl


@wrong("elbo_loss", "elbo-reconstruction-sign")
def reconstruction_subtracted(recon_logits, x, mu, logvar, beta=1.0):
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return beta * kl - F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum") / len(x)


@wrong("elbo_loss", "elbo-beta-power")
def beta_squared(recon_logits, x, mu, logvar, beta=1.0):
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return F.binary_cross_entropy_with_logits(recon_logits, x, reduction="sum") / len(x) + beta * beta * kl


@wrong("interpolate", "walk-turned")
def weights_exchanged(z0, z1, steps):
    omega = torch.acos((z0 @ z1 / z0.norm() / z1.norm()).clamp(-1, 1))
    t = torch.linspace(0, 1, steps, dtype=z0.dtype).unsqueeze(1)
    if omega.sin().abs() < 1e-5:
        return z0 + t * (z1 - z0)
    return (torch.sin(t * omega) * z0 + torch.sin((1 - t) * omega) * z1) / omega.sin()


@wrong("interpolate", "walk-not-divided")
def undivided(z0, z1, steps):
    omega = torch.acos((z0 @ z1 / z0.norm() / z1.norm()).clamp(-1, 1))
    t = torch.linspace(0, 1, steps, dtype=z0.dtype).unsqueeze(1)
    if omega.sin().abs() < 1e-5:
        return z0 + t * (z1 - z0)
    return torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1


@wrong("interpolate", "walk-cosine-for-angle")
def cosine_for_angle(z0, z1, steps):
    omega = F.cosine_similarity(z0, z1, dim=0)
    t = torch.linspace(0, 1, steps, dtype=z0.dtype).unsqueeze(1)
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


@wrong("interpolate", "walk-parallel-stays")
def stays(z0, z1, steps):
    cosine = F.cosine_similarity(z0, z1, dim=0).clamp(-1, 1)
    if 1 - cosine.abs() < 1e-6:
        return z0.repeat(steps, 1)
    omega, t = torch.acos(cosine), torch.linspace(0, 1, steps, dtype=z0.dtype).unsqueeze(1)
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


@wrong("interpolate", "walk-axes")
def no_axis_for_t(z0, z1, steps):
    omega = torch.acos((z0 @ z1 / z0.norm() / z1.norm()).clamp(-1, 1))
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


@wrong("discriminator_loss", "dloss-sizes")
def added_first(real_logits, fake_logits):
    return (F.softplus(-real_logits) + F.softplus(fake_logits)).mean()


@wrong("discriminator_loss", "dloss-sigmoid-twice")
def discriminated_twice(real_logits, fake_logits):
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return (F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))


@wrong("generator_loss", "gloss-sigmoid-twice")
def fooled_twice(fake_logits):
    fake = torch.sigmoid(fake_logits)
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


@wrong("generator_loss", "gloss-mean-first")
def fooled_on_average(fake_logits):
    return -F.logsigmoid(fake_logits.mean())


@wrong("generator_loss", "gloss-both")
def as_the_discriminator(fake_logits):
    return -F.logsigmoid(fake_logits).mean() - F.logsigmoid(-fake_logits).mean()


@wrong("gan_step", "gan-one-round")
def both_losses_first(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
    g_loss = F.softplus(-discriminator(fake)).mean()
    for optimizer in (opt_d, opt_g):
        optimizer.zero_grad()
    (d_loss + g_loss).backward()
    opt_d.step()
    opt_g.step()
    return d_loss.item(), g_loss.item()


@wrong("gan_step", "gan-cleared-late")
def cleared_at_the_end(generator, discriminator, opt_g, opt_d, real, z):
    losses = never_cleared(generator, discriminator, opt_g, opt_d, real, z)
    opt_d.zero_grad()
    opt_g.zero_grad()
    return losses


@wrong("gan_step", "gan-batches-swapped")
def real_called_fake(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(fake.detach()), discriminator(real)))
    return d_loss, move(opt_g, g_cost(discriminator(fake)))


@wrong("gan_step", "gan-generator-against-itself")
def fakes_called_fake(generator, discriminator, opt_g, opt_d, real, z):
    fake = generator(z)
    d_loss = move(opt_d, d_cost(discriminator(real), discriminator(fake.detach())))
    return d_loss, move(opt_g, F.softplus(discriminator(fake)).mean())


@wrong("denoise_step", "denoise-ratio-turned")
def ratio_turned(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = (alpha_bar[t - 1] if t > 0 else 1.0) / alpha_bar[t]
    beta = 1 - alpha
    mean = (x_t - beta / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    if t == 0:
        return mean
    return mean + beta.sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)


@wrong("denoise_step", "denoise-one-number")
def one_number_for_a_sample(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1.0)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    fresh = torch.randn(len(x_t), 1, generator=generator, dtype=x_t.dtype)
    return mean + (1 - alpha).sqrt() * fresh if t > 0 else mean


@wrong("denoise_step", "denoise-multiplied")
def multiplied(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1.0)
    mean = alpha.sqrt() * (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise)
    fresh = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
    return mean + (1 - alpha).sqrt() * fresh if t > 0 else mean


@wrong("denoise_step", "denoise-brackets")
def bracket_forgotten(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1.0)
    mean = x_t / alpha.sqrt() - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise
    fresh = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
    return mean + (1 - alpha).sqrt() * fresh if t > 0 else mean


@right("cosine_alpha_bar")
def as_a_list(timesteps):
    f = [math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(timesteps + 1)]
    left = [1.0]
    for before, after in zip(f, f[1:]):
        left.append(left[-1] * max(after / before, 1 - 0.999))
    return left[1:]


def _shares(timesteps):
    f = [math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(timesteps + 1)]
    return torch.tensor([max(after / before, 0.001) for before, after in zip(f, f[1:])], dtype=torch.float64)


@wrong("cosine_alpha_bar", "cosine-product-of-betas")
def product_of_betas(timesteps):
    return (1 - _shares(timesteps)).cumprod(0)


@wrong("cosine_alpha_bar", "cosine-sum")
def running_sum(timesteps):
    return _shares(timesteps).cumsum(0)


@wrong("cosine_alpha_bar", "cosine-turned")
def backwards(timesteps):
    return torch.flip(_shares(timesteps).cumprod(0), [0])


@wrong("diffuse", "diffuse-squares")
def as_amplitudes(x0, t, noise, alpha_bar):
    a = alpha_bar[t].reshape([len(t)] + [1] * (x0.dim() - 1))
    return a * x0 + torch.sqrt(1 - a * a) * noise


@wrong("diffuse", "diffuse-first-entries")
def first_entries(x0, t, noise, alpha_bar):
    a = alpha_bar[:len(x0)].reshape([len(x0)] + [1] * (x0.dim() - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@wrong("denoise_step", "denoise-quiet-too-soon")
def quiet_at_one(predicted_noise, x_t, t, alpha_bar, generator=None):
    alpha = alpha_bar[t] / (alpha_bar[t - 1] if t > 0 else 1.0)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    fresh = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
    return mean + (1 - alpha).sqrt() * fresh if t > 1 else mean


@wrong("denoise_step", "denoise-skips-the-end")
def last_step_skipped(predicted_noise, x_t, t, alpha_bar, generator=None):
    if t == 0:
        return x_t.clone()
    alpha = alpha_bar[t] / alpha_bar[t - 1]
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    return mean + (1 - alpha).sqrt() * torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
