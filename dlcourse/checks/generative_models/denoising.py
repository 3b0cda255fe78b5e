"""One step back from noise to data."""

import torch

from ..asking import DOUBLE, drawn_seed, generator, looked_at, normal
from ..core import Check, Mistake, Part
from .shared import draws, of_noise


def returns(*askings, n=3):
    """Cases: (t, dtype, options)."""
    def cases(g):
        found = []
        for t, dtype, options in askings:
            alpha_bar = torch.cumprod(1 - (0.05 + 0.1 * torch.arange(7, dtype=DOUBLE)
                                           + 0.02 * torch.rand(7, generator=g, dtype=DOUBLE)), 0)
            found.append({"predicted_noise": normal(g, n, 2, dtype=dtype), "x_t": 3 * normal(g, n, 2, dtype=dtype),
                          "t": t, "alpha_bar": alpha_bar.to(dtype), "seed": drawn_seed(g), **options})
        return found
    return cases


def _called(answer, predicted_noise, x_t, t, alpha_bar, seed):
    return answer(predicted_noise.clone(), x_t.clone(), t, alpha_bar.clone(), generator=generator(seed))


def weights(answer, predicted_noise, x_t, t, alpha_bar, seed, as_tensor=False):
    """How much each input counts: what the result changes by when it does, with the same random numbers."""
    t = torch.tensor(t) if as_tensor else t
    base = _called(answer, predicted_noise, x_t, t, alpha_bar, seed)
    if not isinstance(base, torch.Tensor) or base.shape != x_t.shape or base.dtype != x_t.dtype:
        return {"x_{t−1}": base}
    if not base.isfinite().all():
        return {"x_{t−1}": torch.zeros_like(x_t), "all numbers are finite": False}
    if not torch.equal(base, _called(answer, predicted_noise, x_t, t, alpha_bar, seed)):
        return {"x_{t−1}": torch.zeros_like(x_t), "all numbers are finite": True,
                "same generator state, same result": False}
    more_x, more_noise = (_called(answer, predicted_noise + n, x_t + x, t, alpha_bar, seed)
                          for x, n in ((1, 0), (0, 1)))
    return {"x_{t−1}": torch.zeros_like(x_t), "all numbers are finite": True,
            "same generator state, same result": True,
            "how much x_t counts": more_x - base,
            "how much predicted_noise counts": more_noise - base}


def last(answer, predicted_noise, x_t, t, alpha_bar, seed, as_tensor=False):
    """The result of the last step, t = 0."""
    return {"x_0": _called(answer, predicted_noise, x_t, torch.tensor(t) if as_tensor else t, alpha_bar, seed)}


def added(answer, predicted_noise, x_t, t, alpha_bar, seed):
    """What is added to the mean, in units of √β."""
    many = x_t[:1].expand(20000, -1).clone(), predicted_noise[:1].expand(20000, -1).clone()
    out = _called(answer, many[1], many[0], t, alpha_bar, seed)
    if not isinstance(out, torch.Tensor) or out.shape != many[0].shape:
        return {"x_{t−1}": out if not isinstance(out, torch.Tensor) else out[:2]}
    beta = 1 - alpha_bar[t] / (alpha_bar[t - 1] if t else 1)
    mean = _denoise(many[1], many[0], t, alpha_bar, noise=False)
    return of_noise((out - mean) / beta.sqrt())


def _denoise(predicted_noise, x_t, t, alpha_bar, generator=None, noise=True, last=False, previous=None, share=None,
             scale=None, spread=None, sign=1, shared=False, clamp=None):
    """The reference; mistakes are other settings."""
    before = alpha_bar[t - 1] if t > 0 else torch.ones_like(alpha_bar[0])
    before = previous(alpha_bar, t) if previous else before
    alpha = alpha_bar[t] / before
    beta = 1 - alpha
    weight = (share or (lambda b, a, ab: b / (1 - ab).sqrt()))(beta, alpha, alpha_bar[t])
    mean = (x_t - sign * weight * predicted_noise) / (scale or (lambda a, ab: a.sqrt()))(alpha, alpha_bar[t])
    if clamp:
        mean = mean.clamp(-clamp, clamp)
    if not noise or (t == 0 and not last):
        return mean
    shape = mean[:1].shape if shared else mean.shape
    drawn = torch.randn(shape, generator=generator, dtype=mean.dtype)
    return mean + (spread or (lambda b, ab, before: b.sqrt()))(beta, alpha_bar[t], before) * drawn


def _back(**options):
    def answer(predicted_noise, x_t, t, alpha_bar, generator=None):
        return _denoise(predicted_noise, x_t, t, alpha_bar, generator, **options)
    return answer


def _global(predicted_noise, x_t, t, alpha_bar, generator=None):
    return _denoise(predicted_noise, x_t, t, alpha_bar)


def _restarted(seed_of):
    def answer(predicted_noise, x_t, t, alpha_bar, generator=None):
        number = seed_of(generator)
        return _denoise(predicted_noise, x_t, t, alpha_bar, torch.Generator().manual_seed(number))
    return answer


def _all_the_way(predicted_noise, x_t, t, alpha_bar, generator=None, renoise=True):
    x0 = (x_t - (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha_bar[t].sqrt()
    if t == 0 or not renoise:
        return x0
    drawn = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    return alpha_bar[t - 1].sqrt() * x0 + (1 - alpha_bar[t - 1]).sqrt() * drawn


def _implicit(predicted_noise, x_t, t, alpha_bar, generator=None):
    x0 = _all_the_way(predicted_noise, x_t, t, alpha_bar, renoise=False)
    return x0 if t == 0 else alpha_bar[t - 1].sqrt() * x0 + (1 - alpha_bar[t - 1]).sqrt() * predicted_noise


_SMALLER = lambda beta, ab, before: ((1 - before) / (1 - ab) * beta).sqrt()

denoise_step = Check(
    "denoise_step", "denoise_step(predicted_noise, x_t, t, alpha_bar, generator)", _back(),
    [Part("mean", 0.4, "(x_t − β_t/√(1 − ᾱ_t) · predicted noise) / √α_t, with α_t = ᾱ_t/ᾱ_{t−1}",
          returns((3, DOUBLE, {}), (1, DOUBLE, {}), (6, torch.float32, {}), (4, DOUBLE, {"as_tensor": True})), weights,
          rounding=(1e-4, 1e-5)),
     Part("last step", 0.2, "at t = 0 no noise is added, and ᾱ before it is 1",
          returns((0, DOUBLE, {}), (0, torch.float32, {}), (0, DOUBLE, {"as_tensor": True})), last),
     Part("noise", 0.25, "before that, normal noise of variance β_t, each entry its own",
          returns((3, DOUBLE, {}), (1, DOUBLE, {})), added, rounding=(0.0, 0.08)),
     Part("generator", 0.15, "all randomness comes from the generator, which moves on",
          returns((3, DOUBLE, {}), n=5), draws(
              lambda answer, given, predicted_noise, x_t, t, alpha_bar:
              answer(predicted_noise, x_t, t, alpha_bar, generator=given)))],
    [Mistake("denoise-wraps", "At t = 0 `alpha_bar[t - 1]` is `alpha_bar[-1]`, the *last* entry. Before the first step "
             "nothing is noisy yet: ᾱ is 1 there.", [_back(previous=lambda ab, t: ab[t - 1])]),
     Mistake("denoise-noise-at-the-end", "Noise is added in the last step too, t = 0. What comes out of it is the "
             "sample: leave it clean.", [_back(last=True), _back(last=True, previous=lambda ab, t: ab[t - 1])]),
     Mistake("denoise-alpha-bar",
             "ᾱ_t stands where α_t belongs, the share that this one step keeps: α_t = ᾱ_t/ᾱ_{t−1}.",
             [_back(scale=lambda a, ab: ab.sqrt()), _back(previous=lambda ab, t: torch.ones_like(ab[0])),
              _back(share=lambda b, a, ab: b / b.sqrt())]),
     Mistake("denoise-no-root", "The predicted noise is divided by 1 − ᾱ_t. Take the root.",
             _back(share=lambda b, a, ab: b / (1 - ab))),
     Mistake("denoise-not-rescaled",
             "The mean is not divided by √α_t: what the step there shrank, the step back has to "
             "stretch.", _back(scale=lambda a, ab: torch.ones_like(a))),
     Mistake("denoise-divided-by-alpha", "The mean is divided by α_t. It is the root that belongs there.",
             _back(scale=lambda a, ab: a)),
     Mistake("denoise-sign", "The predicted noise is added. It is to be taken off.", _back(sign=-1)),
     Mistake("denoise-root-of-beta", "The predicted noise is weighed by √β. The whole β belongs above the line.",
             _back(share=lambda b, a, ab: b.sqrt() / (1 - ab).sqrt())),
     Mistake("denoise-whole-noise",
             "The whole predicted noise is taken off at once. A step takes β_t/√(1 − ᾱ_t) of it.",
             [_back(share=lambda b, a, ab: (1 - ab).sqrt()), _back(share=lambda b, a, ab: torch.ones_like(b))]),
     Mistake("denoise-all-the-way",
             "This jumps to the estimate of x_0, or makes that noisy again with fresh noise: other "
             "samplers do. Here one step back from x_t is asked for.",
             [lambda e, x, t, ab, generator=None: _all_the_way(e, x, t, ab, renoise=False), _all_the_way]),
     Mistake("denoise-implicit", "This is a step of DDIM, which adds no noise. Here an ancestral step of DDPM is asked "
             "for.", _implicit),
     Mistake("denoise-other-previous", "ᾱ is taken at another step than t − 1.",
             [_back(previous=lambda ab, t: ab[max(t - 2, 0)]),
              _back(previous=lambda ab, t: ab[min(t + 1, len(ab) - 1)])]),
     Mistake("denoise-ratio-turned", "nan came out, the root of a negative number. α_t is the share that one step "
             "keeps, at most 1: ᾱ falls with t, so its smaller, later value stands above the line.",
             shows=looked_at("all numbers are finite")),
     Mistake("denoise-no-noise", "No noise is added before the last step. There it has the variance β_t.",
             _back(noise=False)),
     Mistake("denoise-variance", "The noise is scaled by β, the variance. A standard deviation belongs there.",
             _back(spread=lambda b, ab, before: b)),
     Mistake("denoise-smaller-variance",
             "The noise has the variance β·(1 − ᾱ_{t−1})/(1 − ᾱ_t). That is the other of the "
             "two choices in the paper; here it is β.", _back(spread=_SMALLER)),
     Mistake("denoise-unit-noise", "The noise is not scaled, or by another number than √β_t.",
             [_back(spread=lambda b, ab, before: torch.ones_like(b)),
              _back(spread=lambda b, ab, before: (1 - ab).sqrt()), _back(spread=lambda b, ab, before: (1 - b).sqrt()),
              _back(spread=lambda b, ab, before: (1 - before).sqrt())]),
     Mistake("denoise-quiet-too-soon", "At t = 1 no noise is added either. Only the last step, t = 0, leaves it out.",
             lambda e, x, t, ab, generator=None: _denoise(e, x, t, ab, generator, noise=t > 1)),
     Mistake("denoise-skips-the-end", "At t = 0 x_t comes back as it is. The last step takes its noise out too, and "
             "adds none.", lambda e, x, t, ab, generator=None: _denoise(e, x, t, ab, generator) if t > 0 else x * 1),
     Mistake("denoise-shared-noise", "All samples get the same noise. Each has its own.", _back(shared=True)),
     Mistake("denoise-one-number", "All entries of a sample get the same noise. Each entry has its own.",
             shows=lambda finding, seen, case: finding.path == ("correlation of the noise in two coordinates",)),
     Mistake("denoise-multiplied", "The mean is multiplied by √α_t. What the step there shrank, the step back has to "
             "stretch: divide.", _back(scale=lambda a, ab: 1 / a.sqrt())),
     Mistake("denoise-brackets", "Only x_t is divided by √α_t. The whole bracket is.",
             _back(share=lambda b, a, ab: b / (1 - ab).sqrt() * a.sqrt())),
     Mistake("denoise-clamped", "The result is clamped. Many samplers do that for images; here numbers may be of any "
             "size.", [_back(clamp=1.0), _back(clamp=3.0)]),
     Mistake("denoise-generator", "The noise does not come from the generator that was handed in.", _global),
     Mistake("denoise-restarted", "Every call draws the same noise: it starts from a seed each time.",
             [_restarted(lambda given: 0), _restarted(lambda given: given.initial_seed())])])
