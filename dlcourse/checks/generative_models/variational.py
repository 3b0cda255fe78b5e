"""What makes an autoencoder variational: fresh noise that gradients pass, the price of a code, and their sum."""

import math

import torch
from torch.nn import functional as F

from ..asking import DOUBLE, drawn_seed, generator, looked_at, normal, raises
from ..core import Check, Mistake, Part
from ..watching import gradient
from .shared import draws, of_noise

# ------------------------------------------------------------------------------------------ reparameterize

NOISE = (0.0, 0.08)  # over 20 000 draws two means, spreads, shares or correlations differ by 0.01 or less as a rule
LOGVAR = (-1.6, 0.9, 1.7)


def clouds(*askings, n=20000):
    """Cases: one mean and log-variance, for n samples."""
    return lambda g: [{"mu": 2 * normal(g, 3, dtype=dtype), "logvar": torch.tensor(LOGVAR, dtype=dtype),
                       "n": n, "seed": drawn_seed(g), **options} for dtype, options in askings]


def _spread_out(mu, logvar, n):
    return mu.expand(n, -1).clone(), logvar.expand(n, -1).clone()


def _sampled(answer, mu, logvar, given):
    return answer(mu, logvar) if given is None else answer(mu, logvar, generator=given)


def cloud(answer, mu, logvar, n, seed, without=False):
    """The noise that was added, in standard deviations: its moments, and whether each sample has its own."""
    given = None if without else generator(seed)
    mus, logvars = _spread_out(mu, logvar, n)
    z = _sampled(answer, mus, logvars, given)
    if not isinstance(z, torch.Tensor) or z.shape != mus.shape or z.dtype != mus.dtype:
        return {"z": z if not isinstance(z, torch.Tensor) or z.dim() < 2 else z[:2]}
    return {"z": mus[:2].mul(0), **of_noise((z - mu).double() / (logvar.double() / 2).exp())}


def slopes(answer, mu, logvar, n, seed):
    """The gradients, against what z = mu + sigma · noise must have for the noise that it shows."""
    leaves = [one.requires_grad_() for one in _spread_out(mu, logvar, n)]
    z = answer(leaves[0] * 1, leaves[1] * 1, generator=generator(seed))
    found = gradient(z, leaves) or [None, None]
    half = (z.detach() - leaves[0].detach()) / 2 if isinstance(z, torch.Tensor) else 1
    return {"gradient for mu": found[0],
            "gradient for logvar, over ½(z − mu)": found[1] if found[1] is None else found[1] / half}


def fresh(answer, mu, logvar, n):
    """Two calls without a generator, and what they leave of their inputs."""
    given = _spread_out(mu, logvar, n)
    one, two = (answer(*given) for _ in range(2))
    if not isinstance(one, torch.Tensor) or not isinstance(two, torch.Tensor):
        return {"z": one}
    return {"a second call gives another z": not torch.equal(one, two),
            "mu and logvar are as before": all(map(torch.equal, given, _spread_out(mu, logvar, n)))}


def _with_scale(scale, mean=lambda mu, scale: mu):
    def answer(mu, logvar, generator=None):
        noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
        return mean(mu, scale(logvar)) + scale(logvar) * noise
    return answer


def _sigma(logvar):
    return torch.exp(logvar / 2)


def _with_noise(noise):
    return lambda mu, logvar, generator=None: mu + _sigma(logvar) * noise(mu, generator)


def _product(mu, logvar, generator=None):
    return (mu + torch.randn(mu.shape, generator=generator, dtype=mu.dtype)) * _sigma(logvar)


def _own_seed(mu, logvar, generator=None):
    return _reparameterize(mu, logvar, torch.Generator().manual_seed(0))


def _seed_of(mu, logvar, generator=None):
    again = generator and torch.Generator().manual_seed(generator.initial_seed())
    return _reparameterize(mu, logvar, again)


_reparameterize = _with_scale(_sigma)
_global = lambda mu, logvar, generator=None: _reparameterize(mu, logvar)


def _detached(which):
    def answer(mu, logvar, generator=None):
        return _reparameterize(mu.detach() if "mu" in which else mu,
                               logvar.detach() if "logvar" in which else logvar, generator)
    return answer


reparameterize = Check(
    "reparameterize", "reparameterize(mu, logvar, generator)", _reparameterize,
    [Part("samples", 0.35, "z is normal with mean mu and standard deviation σ = exp(½ logvar), each entry with its "
          "own noise", clouds((DOUBLE, {}), (torch.float32, {}), (DOUBLE, {"without": True})), cloud, rounding=NOISE),
     Part("gradient", 0.3, "gradients reach mu and logvar through the sample", clouds((DOUBLE, {}), n=4), slopes),
     Part("generator", 0.2, "with a generator all randomness comes from it, and it moves on",
          clouds((DOUBLE, {}), n=5), draws(lambda answer, given, mu, logvar, n:
                                           answer(*_spread_out(mu, logvar, n), generator=given))),
     Part("fresh", 0.15, "without a generator each call draws fresh noise",
          lambda g: [{"mu": normal(g, 3), "logvar": normal(g, 3), "n": 5}], fresh)],
    [Mistake("reparam-variance", "The noise is scaled by the variance, exp(logvar). A standard deviation belongs "
             "there: the root of the variance.", _with_scale(torch.exp)),
     Mistake("reparam-log", "The noise is scaled by logvar itself, or by half of it. It is a logarithm: take its "
             "exponential first.", [_with_scale(lambda v: v), _with_scale(lambda v: v / 2)]),
     Mistake("reparam-root-of-log", "The root was taken of logvar (which is nan where it is negative). Half a "
             "logarithm is the logarithm of the root.",
             [_with_scale(torch.sqrt), _with_scale(lambda v: v.abs().sqrt())]),
     Mistake("reparam-inverse", "The noise is scaled by 1/σ: a sign is turned in the exponent.",
             _with_scale(lambda v: torch.exp(-v / 2))),
     Mistake("reparam-doubled", "The exponent is 2·logvar or more, where ½·logvar belongs.",
             [_with_scale(lambda v: torch.exp(2 * v)), _with_scale(lambda v: torch.exp(v) ** 2)]),
     Mistake("reparam-no-sigma", "The noise is not scaled: `logvar` is not used.", _with_scale(torch.ones_like)),
     Mistake("reparam-no-noise", "This is mu, with no noise: each sample should differ from its mean.",
             [lambda mu, logvar, generator=None: mu * 1, lambda mu, logvar, generator=None: mu + 0 * logvar]),
     Mistake("reparam-no-mean", "The noise is right and mu is missing.", _with_scale(_sigma, lambda mu, s: 0 * mu)),
     Mistake("reparam-no-random", "σ itself is added to mu, or times nothing random: where is the noise?",
             [lambda mu, logvar, generator=None: mu + _sigma(logvar)]),
     Mistake("reparam-product", "mu is multiplied by σ as well. Only the noise is.", _product),
     Mistake("reparam-uniform", "The noise is uniform, from `rand`. `randn` draws from the normal distribution.",
             [_with_noise(lambda mu, g: torch.rand(mu.shape, generator=g, dtype=mu.dtype)),
              _with_noise(lambda mu, g: 2 * torch.rand(mu.shape, generator=g, dtype=mu.dtype) - 1)]),
     Mistake("reparam-shared", "One draw of noise serves several entries. Each entry of each sample has its own.",
             shows=lambda finding, seen, case: bool(finding.path) and _shares(seen)),
     Mistake("reparam-normal", "`torch.normal` draws from the right distribution, but its gradients for mean and "
             "standard deviation are zeros: the dice were thrown inside. Draw noise that depends on nothing, and "
             "compute z from it.", lambda mu, logvar, generator=None: torch.normal(mu, _sigma(logvar),
                                                                                   generator=generator)),
     Mistake("reparam-gradient-cut", "The values are right, but no gradient comes through to mu, to logvar or to both. "
             "Only the noise is a constant.",
             [_detached(["mu"]), _detached(["logvar"]), _detached(["mu", "logvar"])]),
     Mistake("reparam-generator", "The noise does not come from the generator that was handed in.", _global),
     Mistake("reparam-restarted", "Every call draws the same noise: it starts from a seed each time.",
             [_own_seed, _seed_of]),
     Mistake("reparam-seeded-alone", "Without a generator every call gives the same noise: a seed is set inside. Hand "
             "on the None, and torch draws from its own state.", shows=looked_at("a second call gives another z")),
     Mistake("reparam-in-place", "It works in place on what it was given: mu or logvar is another one afterwards.",
             shows=looked_at("mu and logvar are as before")),
     Mistake("reparam-distributions", "A distribution's `rsample` takes no generator. Draw the noise yourself, "
             "with `torch.randn`.", shows=raises("sample() got an unexpected keyword"))],
    frozenset({"torch.distributions"}), "`torch.randn` and arithmetic are your tools.")


def _shares(seen) -> bool:
    found = seen.get("seen") if isinstance(seen.get("seen"), dict) else {}
    spread = found.get("standard deviation of the noise")
    if not isinstance(spread, torch.Tensor):
        return False
    copied = found["share of samples with the noise of the one above"] > 0.5
    return bool(copied and (found["mean of the noise"].abs() > 1e-9).any() and (spread < 1e-6).all()
                and not _constant(found["mean of the noise"])
                or found["correlation of the noise in two coordinates"] > 0.5 and ((spread - 1).abs() < 0.1).all())


def _constant(mean) -> bool:
    """Whether σ itself was added: one standard deviation everywhere."""
    return bool(((mean - 1).abs() < 1e-4).all())


# ---------------------------------------------------------------------------------- kl_to_standard_normal


def gaussians(*askings):
    """Cases: (N, d, dtype, scale)."""
    return lambda g: [{"mu": scale * normal(g, n, d, dtype=dtype), "logvar": scale * normal(g, n, d, dtype=dtype)}
                      for n, d, dtype, scale in askings]


def divergence(answer, mu, logvar):
    """The divergence of each sample, and whether a second call gives it again."""
    one, two = (answer(mu.clone(), logvar.clone()) for _ in range(2))
    tensors = isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor)
    return {"kl": one, "the same twice": torch.equal(one.nan_to_num(), two.nan_to_num()) if tensors else True}


def divergence_slope(answer, mu, logvar):
    """Its gradients."""
    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    found = gradient(answer(leaves[0] * 1, leaves[1] * 1), leaves) or [None, None]
    return {"gradient for mu": found[0], "gradient for logvar": found[1]}


def special(g):
    """The standard normal itself, one that is far off, one that is nearly a point, and a wide one."""
    return [{"mu": torch.tensor([[0.0, 0.0], [50.0, -3.0], [0.0, 1.0]], dtype=DOUBLE),
             "logvar": torch.tensor([[0.0, 0.0], [0.0, 0.0], [-40.0, 8.0]], dtype=DOUBLE)}]


def _kl(mu, logvar):
    return 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(1)


def _terms(terms, half=0.5):
    return lambda mu, logvar: half * terms(mu, logvar, logvar.exp()).sum(1)


kl_to_standard_normal = Check(
    "kl_to_standard_normal", "kl_to_standard_normal(mu, logvar)", _kl,
    [Part("values", 0.5, "one divergence for each sample, summed over the latent coordinates",
          gaussians((5, 3, DOUBLE, 1.0), (1, 4, DOUBLE, 1.0), (4, 1, DOUBLE, 1.0), (3, 4, torch.float32, 1.0)),
          divergence),
     Part("special cases", 0.25, "0 for the standard normal itself, finite and right far from it", special, divergence),
     Part("gradient", 0.25, "gradients reach mu and logvar", gaussians((4, 3, DOUBLE, 1.0)), divergence_slope)],
    [Mistake("kl-mean-latent", "The coordinates are averaged. The divergence of independent coordinates is the sum of "
             "theirs.", [lambda mu, logvar: _kl(mu, logvar) / mu.shape[1]]),
     Mistake("kl-one-number", "One number came back for the whole batch. One for each sample is asked for.",
             [lambda mu, logvar: _kl(mu, logvar).mean(), lambda mu, logvar: _kl(mu, logvar).sum(),
              lambda mu, logvar: _kl(mu, logvar).mean() / mu.shape[1]]),
     Mistake("kl-not-summed", "There is a number for each coordinate: sum them for each sample.",
             lambda mu, logvar: 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar)),
     Mistake("kl-wrong-axis", "The sum runs over the samples. It should run over the latent coordinates, axis 1.",
             lambda mu, logvar: 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(0)),
     Mistake("kl-sign", "The sign is turned: a divergence is never negative.", lambda mu, logvar: -_kl(mu, logvar)),
     Mistake("kl-no-half", "The ½ in front is missing.", _terms(lambda m, v, e: m ** 2 + e - 1 - v, 1.0)),
     Mistake("kl-no-one", "For mu = 0 and logvar = 0 the two distributions are the same, and the divergence is 0. "
             "Yours is not: the − 1 of each coordinate is missing, or stands outside the sum.",
             [_terms(lambda m, v, e: m ** 2 + e - v), _terms(lambda m, v, e: m ** 2 + e + 1 - v), lambda mu, logvar:
              0.5 * ((mu ** 2 + logvar.exp() - logvar).sum(1) - 1)]),
     Mistake("kl-half-of-some", "The ½ stands before some of the terms only. It belongs before all of them: bracket "
             "them.", [_terms(lambda m, v, e: m ** 2 / 2 + e - 1 - v, 1.0),
                       _terms(lambda m, v, e: (m ** 2 + e) / 2 - 1 - v, 1.0),
                       _terms(lambda m, v, e: (m ** 2 + e - 1) / 2 - v, 1.0)]),
     Mistake("kl-quarter", "It is halved twice.", _terms(lambda m, v, e: m ** 2 + e - 1 - v, 0.25)),
     Mistake("kl-variance-sign", "The variance is taken off. A wide distribution would cost nothing then; it is added.",
             _terms(lambda m, v, e: m ** 2 - e - 1 - v)),
     Mistake("kl-variance-squared", "exp(logvar) is the variance already. Here it is squared once more.",
             [_terms(lambda m, v, e: m ** 2 + e ** 2 - 1 - v), _terms(lambda m, v, e: m ** 2 + e ** 2 - 1 - 2 * v)]),
     Mistake("kl-log-again", "A logarithm was taken of logvar, which is one already (and of a negative number there is "
             "none: nan).", _terms(lambda m, v, e: m ** 2 + e - 1 - v.log())),
     Mistake("kl-mu-not-squared", "mu comes in as it is, or as |mu|. Its square belongs there.",
             [_terms(lambda m, v, e: m + e - 1 - v), _terms(lambda m, v, e: m.abs() + e - 1 - v)]),
     Mistake("kl-no-mu", "mu plays no part: a normal far from 0 would cost nothing.",
             _terms(lambda m, v, e: 0 * m + e - 1 - v)),
     Mistake("kl-std", "exp(½ logvar), the standard deviation, stands where the variance belongs.",
             [_terms(lambda m, v, e: m ** 2 + e ** 0.5 - 1 - v)]),
     Mistake("kl-log-of-std", "The logarithm of the standard deviation, ½ logvar, stands where that of the variance "
             "belongs (there is a ½ in front already).", _terms(lambda m, v, e: m ** 2 + e - 1 - v / 2)),
     Mistake("kl-logvar-as-variance", "logvar is treated as the variance: it is its logarithm.",
             [_terms(lambda m, v, e: m ** 2 + v - 1 - v.log()), _terms(lambda m, v, e: m ** 2 + v ** 2 - 1 - v),
              _terms(lambda m, v, e: m ** 2 + v ** 2 - 1 - (v ** 2).log())]),
     Mistake("kl-turned", "This is the divergence the other way round, of the standard normal from yours. It is not "
             "symmetric.", _terms(lambda m, v, e: (1 + m ** 2) / e - 1 + v)),
     Mistake("kl-logvar-sign", "logvar is added. A narrow distribution would cost nothing then; it is taken off.",
             _terms(lambda m, v, e: m ** 2 + e - 1 + v)),
     Mistake("kl-sampled", "This looks like an estimate from samples: it is near, and not the same. For two normal "
             "distributions the expectation can be written down.",
             shows=lambda finding, seen, case: finding.kind == "value" and isinstance(seen.get("seen"), dict)
             and seen["seen"].get("the same twice") is False)],
    frozenset({"torch.distributions"}), "`exp`, `sum` and arithmetic are your tools.")


# ----------------------------------------------------------------------------------------------- elbo_loss


def reconstructions(*askings, scale=2.0):
    """Cases: (shape of x, latent, dtype, options)."""
    return lambda g: [{"recon_logits": scale * normal(g, *shape, dtype=dtype),
                       "x": torch.rand(shape, generator=g, dtype=DOUBLE).to(dtype),
                       "mu": normal(g, shape[0], latent, dtype=dtype),
                       "logvar": normal(g, shape[0], latent, dtype=dtype), **options}
                      for shape, latent, dtype, options in askings]


def bound(answer, recon_logits, x, mu, logvar, **options):
    """The loss, a scalar."""
    return {"loss": answer(recon_logits.clone(), x.clone(), mu.clone(), logvar.clone(), **options)}


def bound_slope(answer, recon_logits, x, mu, logvar, **options):
    """Its gradients."""
    leaves = [one.clone().requires_grad_() for one in (recon_logits, mu, logvar)]
    found = gradient(answer(leaves[0] * 1, x.clone(), leaves[1] * 1, leaves[2] * 1, **options), leaves) or [None] * 3
    return dict(zip(("gradient for recon_logits", "gradient for mu", "gradient for logvar"), found))


def certain(g):
    """Logits of ±200, right and wrong."""
    return [{"recon_logits": torch.tensor([[200.0, -200.0, 0.0], [-200.0, 200.0, 1.0]], dtype=dtype),
             "x": torch.tensor([[1.0, 0.0, 0.5], [1.0, 0.0, 0.25]], dtype=dtype),
             "mu": torch.zeros(2, 2, dtype=dtype), "logvar": torch.zeros(2, 2, dtype=dtype)}
            for dtype in (DOUBLE, torch.float32)]


def _both(answer, **case):
    return bound(answer, **case) | bound_slope(answer, **case)


def _bits(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1)


def _loss(join=lambda bits, kl, beta: (bits.sum(1) + beta * kl).mean(), bits=_bits, kl=_kl):
    return lambda recon_logits, x, mu, logvar, beta=1.0: join(bits(recon_logits, x), kl(mu, logvar), beta)


def _kl_mean(mu, logvar):
    return _kl(mu, logvar) / mu.shape[1]


def _unstable(eps, sigmoid=torch.sigmoid):
    def bits(logits, x):
        p = sigmoid(logits)
        return -(x * (p + eps).log() + (1 - x) * (1 - p + eps).log()).flatten(1)
    return bits


elbo_loss = Check(
    "elbo_loss", "elbo_loss(recon_logits, x, mu, logvar, beta)", _loss(),
    [Part("values", 0.4, "the reconstruction summed over pixels, plus the KL, the mean over the batch",
          reconstructions(((4, 6), 2, DOUBLE, {}), ((1, 5), 3, DOUBLE, {}), ((3, 7), 2, torch.float32, {})), bound),
     Part("beta", 0.2, "beta weighs the KL and nothing else",
          reconstructions(((4, 6), 2, DOUBLE, {"beta": 0.0}), ((4, 6), 3, DOUBLE, {"beta": 4.0})), bound),
     Part("images", 0.15, "every axis but the first is summed", reconstructions(((3, 1, 4, 5), 2, DOUBLE, {})), bound),
     Part("gradient", 0.15, "gradients reach the logits, mu and logvar",
          reconstructions(((4, 6), 2, DOUBLE, {"beta": 2.0})), bound_slope),
     Part("extremes", 0.1, "logits of ±200 give finite, right values and gradients", certain, _both)],
    [Mistake("elbo-pixel-mean", "The reconstruction is averaged over the pixels and the KL is summed over the latents: "
             "the KL weighs as many times too much as there are pixels.",
             [_loss(lambda b, k, beta: (b.mean(1) + beta * k).mean())]),
     Mistake("elbo-all-means", "Both terms are averaged over their coordinates. Each is a sum for a sample; only "
             "over the batch a mean is taken.",
             _loss(lambda b, k, beta: b.mean() + beta * k.mean(), kl=_kl_mean)),
     Mistake("elbo-kl-mean", "The KL is averaged over the latents. It is the sum of theirs, as `kl_to_standard_normal` "
             "gives it.", _loss(kl=_kl_mean)),
     Mistake("elbo-wrong-axis", "The reconstruction is summed over the samples and averaged over pixels. It should be "
             "the other way round.", [_loss(lambda b, k, beta: b.sum(0).mean() + beta * k.mean())]),
     Mistake("elbo-reconstruction-sign", "The reconstruction's cross-entropy is subtracted. It is −log p already, a "
             "cost like the KL.", _loss(lambda b, k, beta: (-b.sum(1) + beta * k).mean())),
     Mistake("elbo-beta-power", "The KL is not weighed by beta itself, but by its square or its inverse.",
             [_loss(lambda b, k, beta: (b.sum(1) + beta ** 2 * k).mean()),
              lambda recon_logits, x, mu, logvar, beta=1.0: (_bits(recon_logits, x).sum(1)
                                                             + _kl(mu, logvar) / (beta or math.nan)).mean()]),
     Mistake("elbo-batch-sum", "The loss is summed over the batch. Then its size, and the step that it leads to, "
             "depends on how many samples there are: take the mean.",
             _loss(lambda b, k, beta: (b.sum(1) + beta * k).sum())),
     Mistake("elbo-one-sum-one-mean", "One term is summed over the batch and the other averaged, so their balance "
             "depends on the batch size.",
             [_loss(lambda b, k, beta: b.sum() + beta * k.mean()), _loss(
                 lambda b, k, beta: b.sum(1).mean() + beta * k.sum())]),
     Mistake("elbo-beta-on-both", "beta scales the reconstruction too, or the reconstruction in place of the KL.",
             [_loss(lambda b, k, beta: beta * (b.sum(1) + k).mean()),
              _loss(lambda b, k, beta: (beta * b.sum(1) + k).mean())]),
     Mistake("elbo-beta-ignored", "The KL has weight 1 whatever beta is: `beta` is not used.",
             _loss(lambda b, k, beta: (b.sum(1) + k).mean())),
     Mistake("elbo-sign", "This is the ELBO, to be made large. A loss is made small: turn its sign.",
             _loss(lambda b, k, beta: -(b.sum(1) + beta * k).mean())),
     Mistake("elbo-kl-subtracted", "The KL is subtracted. In the loss both terms are costs and have the same sign.",
             _loss(lambda b, k, beta: (b.sum(1) - beta * k).mean())),
     Mistake("elbo-no-kl", "This is the reconstruction alone.", _loss(lambda b, k, beta: b.sum(1).mean())),
     Mistake("elbo-not-averaged", "There is a number for each sample: take their mean.",
             _loss(lambda b, k, beta: b.sum(1) + beta * k)),
     Mistake("elbo-probabilities", "The logits were taken for probabilities: a cross-entropy of probabilities wants "
             "numbers between 0 and 1.", shows=raises("between 0 and 1")),
     Mistake("elbo-sigmoid-twice", "The logits went through a sigmoid twice: `…_with_logits` takes its own.",
             _loss(bits=lambda logits, x: _bits(torch.sigmoid(logits), x))),
     Mistake("elbo-squared-error", "The reconstruction is a squared error. Here each pixel is a coin's probability, "
             "and its cost a cross-entropy.",
             [_loss(bits=lambda logits, x: (torch.sigmoid(logits) - x).square().flatten(1)),
              _loss(bits=lambda logits, x: (logits - x).square().flatten(1))]),
     Mistake("elbo-half", "Only the pixels that are on are counted: the (1 − x) log(1 − p) half is missing.",
             _loss(bits=lambda logits, x: (-x * F.logsigmoid(logits)).flatten(1))),
     Mistake("elbo-unstable", "At logits of ±200 the probability rounds to 0 or 1 and its logarithm is lost: use the "
             "logits themselves, as lesson 3 does.",
             [_loss(bits=_unstable(0.0)), _loss(bits=_unstable(0.0, lambda a: 1 / (1 + torch.exp(-a)))),
              *[_loss(bits=_unstable(eps)) for eps in (1e-6, 1e-7, 1e-8, 1e-10, 1e-12)],
              _loss(bits=lambda logits, x: F.binary_cross_entropy(torch.sigmoid(logits), x,
                                                                  reduction="none").flatten(1))]),
     Mistake("elbo-swapped", "Logits and pixels are swapped.", _loss(bits=lambda logits, x: _bits(x, logits))),
     Mistake("elbo-one-axis", "Only one axis of the images is summed, and the others are averaged or in the way. Every "
             "axis but the first belongs to a sample.",
             [lambda recon_logits, x, mu, logvar, beta=1.0: (F.binary_cross_entropy_with_logits(
                 recon_logits, x, reduction="none").sum(axis).mean() + beta * _kl(mu, logvar).mean())
              for axis in (1, -1)]),
     Mistake("elbo-axes",
             "The shapes do not fit: after summing one axis of the images, others are left. Every axis but "
             "the first belongs to a sample.", shows=raises("must match the size"))])
