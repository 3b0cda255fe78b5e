"""Mixing two images and their labels in the same share."""

import torch
from torch.nn import functional as F

from ..asking import DOUBLE, drawn_seed, generator, looked_at, raises, remembered
from ..core import Check, Mistake, Part
from .looking import alike, draws, of_form, random_ones, seen_that, several, share, untouched, widened


def labelled(n=64, alpha=2.0, shape=(1, 8, 8), dtype=DOUBLE):
    """A case: image i is 1 at its pixel number i and 0 elsewhere, so that a mixture can be read off it; n classes."""
    def case(g):
        y = F.one_hot(torch.randperm(n, generator=g), n).to(dtype)
        return {"x": torch.eye(n, dtype=dtype).view(n, *shape), "y": y, "alpha": alpha, "seed": drawn_seed(g)}
    return case


TWO = "two tensors, x and y"


def _pair(result):
    """What the answer gave, as two tensors; None where it is something else."""
    good = isinstance(result, (tuple, list)) and len(result) == 2 and all(isinstance(t, torch.Tensor) for t in result)
    return result if good else None


def _unpaired(result):
    """What to say of a result that is no pair."""
    return {TWO: result if result is None else False}


def mixed(answer, x, y, alpha, seed):
    """What each image was mixed from."""
    before = x.clone()
    result = answer(x, y.clone(), alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    seen = {TWO: True, **of_form(result[0], before)}
    if seen["output"] is result[0]:
        return seen
    m = result[0].detach().flatten(1)
    own, others = m.diagonal(), m - m.diag().diag()
    partners = others.argmax(1)
    one_other = ((others.abs() > 1e-9).sum(1) <= 1) & ((own > 1e-9) | (others.sum(1) > 1 - 1e-9))
    return {**seen, "share of images mixed from themselves and one other at most": share(one_other),
            "smallest sum of an image's weights": m.sum(1).min().item(),
            "largest sum of an image's weights": m.sum(1).max().item(), "smallest weight": min(m.min().item(), 0.0),
            "share of images with another in them": share(others.sum(1) > 1e-9),
            "share mixed with the same other": (partners.bincount().max() / len(x)).item(), **untouched(x, before)}


def labels_mixed(answer, x, y, alpha, seed):
    """Whether labels were mixed as their images were."""
    before = y.clone()
    result = answer(x.clone(), y, alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    seen = {TWO: True, **of_form(result[1], before)}
    if seen["output"] is result[1] or result[0].shape != x.shape or result[0].dtype != x.dtype:
        return seen
    m = result[0].detach().flatten(1)
    right, of = alike(result[1], m @ before), result[1].detach() @ before.T  # `of`: what each label is mixed from
    same_two = ((of.abs() > 1e-9) == (m.abs() > 1e-9)).all(1)
    turned = same_two & ((of.diagonal() - (m.sum(1) - m.diagonal())).abs() < 1e-6)
    return {**seen, "share of labels mixed as their images are": share(right),
            "share of labels that come from the same two samples": share(same_two),
            "share of labels with the two weights exchanged": share(turned & ~right),
            "share of labels that are one-hot": share((result[1] > 1 - 1e-9).any(1)),
            "share of labels that are as they were": share(alike(result[1], before)),
            "smallest sum of a label": result[1].sum(1).min().item(),
            "largest sum of a label": result[1].sum(1).max().item(), **untouched(y, before)}


@remembered
def strength(answer, x, y, alpha, seed, calls=200):
    """How far the first image is mixed, over many calls.

    About 150 of them mix it with another. Then the mean of λ has a standard deviation of 0.032 at most, and 0.18 is
    more than five times that; two means of λ(1 − λ) differ by 0.01, of which the part allows 0.045.
    """
    given, first = generator(seed), []
    for _ in range(calls):
        result = _pair(pair := answer(x.clone(), y.clone(), alpha, given))
        if not result:
            return _unpaired(pair)
        first.append(result[0].flatten(1)[0, 0].item())
    own = torch.tensor(first, dtype=DOUBLE)
    own = own[own < 1 - 1e-12] if alpha else own  # those not mixed with themselves
    if not len(own):
        return {TWO: True, "the first image is ever mixed with another": False}
    return {TWO: True, "the first image is ever mixed with another": True, ANEW: len(own.unique()) > len(own) / 2,
            SYMMETRIC: abs(own.mean().item() - 0.5) < 0.18, "mean of λ(1 − λ)": (own * (1 - own)).mean().item()}


ANEW, SYMMETRIC = "every call draws another λ", "λ is as often small as large"


def not_mixed(answer, x, y, alpha, seed):
    """What alpha = 0 gives."""
    result = answer(x.clone(), y.clone(), alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    return {TWO: True, "x": result[0], "y": result[1]}


def _beta(alpha, shape, g):
    if not alpha:
        return torch.ones(shape, dtype=DOUBLE)
    first, second = torch._standard_gamma(torch.full((2, *shape), float(alpha), dtype=DOUBLE), generator=g)
    return first / (first + second)


def _mixup(x, y, alpha, generator, weight=_beta, partner=None):
    """The reference; mistakes are other settings."""
    lam = weight(alpha, (1,), generator).item()
    other = torch.randperm(len(x), generator=generator) if partner is None else partner(len(x))
    return tuple(lam * t + (1 - lam) * t[other] for t in (x, y))


def _with(**settings):
    """A mixup with other settings."""
    return lambda x, y, alpha, generator: _mixup(x, y, alpha, generator, **settings)


def _weighing(number):
    """A mixup whose λ is number(alpha), once as it is and once with alpha = 0 treated apart."""
    apart = lambda alpha: number(alpha) if alpha else 1.0
    return [_with(weight=lambda alpha, shape, g, f=f: torch.full(shape, f(alpha), dtype=DOUBLE))
            for f in (number, apart)]


def _even(alpha, shape, g):
    return torch.rand(shape, generator=g, dtype=DOUBLE)


def _noise_mix(x, y, alpha, generator):
    lam = _beta(alpha, x.shape, generator)
    other = torch.randperm(len(x), generator=generator)
    weight = lam.flatten(1).mean(1)[:, None]
    return lam * x + (1 - lam) * x[other], weight * y + (1 - weight) * y[other]


def _labels(test):
    """A mistake's `shows`: what was seen of the labels passes test(share one-hot, of the same two, exchanged)."""
    keys = ("share of labels that are one-hot", "share of labels that come from the same two samples",
            "share of labels with the two weights exchanged")
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and keys[0] in seen["seen"] and test(
        *(seen["seen"][key] for key in keys)) and "sum of a label" not in finding.path[0]


mixup = Check(
    "mixup", "mixup(x, y, alpha, generator)", _mixup,
    [Part("images", 0.35, "each image is λ of itself and 1 − λ of another",
          several(labelled(), labelled(alpha=1.0, shape=(64,)), labelled(64, 3.0, (8, 8), torch.float32)), mixed,
          rounding=(0.0, 0.16)),
     Part("labels", 0.3, "each label is mixed with the same λ and the same other one",
          several(labelled(), labelled(alpha=1.0, shape=(64,)), labelled(64, 3.0, (8, 8), torch.float32)), labels_mixed,
          rounding=(0.0, 0.16)),
     Part("alpha", 0.15, "λ comes from the distribution Beta(alpha, alpha)",
          several(labelled(4, 0.3, (4,)), labelled(4, 8.0, (4,))), strength, rounding=(0.0, 0.045)),
     Part("alpha = 0", 0.1, "with alpha = 0 everything stays as it is", several(labelled(9, 0.0, (1, 3, 3))),
          not_mixed),
     Part("generator", 0.1, "all randomness comes from the generator, which moves on",
          several(labelled(16, 1.0, (1, 4, 4))),
          draws(lambda answer, g, x, y, alpha: answer(x.clone(), y.clone(), alpha, g)))],
    [Mistake("mixup-hard-labels", "The images are mixed and the labels are not: they are still one-hot, the image's "
             "own or the other's. An image that is half a 3 has a label that is half a 3.",
             shows=_labels(lambda hard, same_two, turned: hard > 0.9)),
     Mistake("mixup-two-orders", "Images and labels are mixed with different others: the order was drawn twice. Draw "
             "it once and use it for both.", shows=_labels(lambda hard, same_two, turned: hard < 0.5 > same_two)),
     Mistake("mixup-labels-turned", "The labels have λ and 1 − λ exchanged.",
             shows=_labels(lambda hard, same_two, turned: turned > 0.8)),
     Mistake("mixup-two-lambdas", "Images and labels come from the same two samples, mixed with different λ. Was it "
             "drawn twice?", shows=_labels(lambda hard, same_two, turned: max(hard, turned) < 0.5 and same_two > 0.9)),
     Mistake("mixup-not-mixed", "Nothing was mixed: every image is still only itself. Is it its own partner?",
             [_with(partner=lambda n: torch.arange(n)), lambda x, y, alpha, generator: (x * 1, y * 1)]),
     Mistake("mixup-one-partner", "All images are mixed with the same other one. Each wants a partner of its own.",
             _with(partner=lambda n: torch.zeros(n, dtype=torch.long))),
     Mistake("mixup-sum-above-1", "The weights do not sum to 1: the image is added whole, or the other one is.",
             shows=looked_at("smallest sum of an image's weights", "largest sum of an image's weights")),
     Mistake("mixup-pixels", "Each pixel has a λ of its own. An image has one.", _noise_mix),
     Mistake("mixup-even", "λ is even between 0 and 1 whatever alpha is: that is Beta(1, 1). `alpha` is not used.",
             [_with(weight=_even), _with(weight=lambda alpha, shape, g: _even(alpha, shape, g) if alpha
                                         else torch.ones(shape, dtype=DOUBLE))]),
     Mistake("mixup-half", "λ is always ½. It comes from Beta(alpha, alpha).", _weighing(lambda alpha: 0.5)),
     Mistake("mixup-lambda-is-alpha", "λ is alpha itself. alpha is the parameter of the distribution λ comes from.",
             _weighing(float)),
     Mistake("mixup-lopsided", "λ is more often large than small, or the other way round. Beta(alpha, alpha) favours "
             "neither: does it have two different numbers, or was the larger share picked?",
             shows=looked_at(SYMMETRIC)),
     Mistake("mixup-alpha-0", "With alpha = 0 there is no Beta distribution to draw from: something raises, or becomes "
             "nan, or ½. That case is to mix nothing: treat it apart.",
             shows=lambda finding, seen, case: case.get("alpha") == 0 and finding.path[:1] != (TWO,)),
     Mistake("mixup-one-tensor", "It should give back two things, the mixed x and the mixed y.", shows=seen_that(TWO)),
     Mistake("mixup-float64", "float32 came in and float64 came out: λ is a float64 tensor, as NumPy's numbers are, "
             "and the wider dtype wins. Turn it into x's dtype, or into a Python number.", shows=widened),
     Mistake("mixup-broadcast", "λ of shape (N,) is lined up with the last axis. Give it an axis of length 1 for each "
             "axis behind the first.", shows=raises("must match the size", "shape mismatch")),
     Mistake("mixup-takes-a-generator", "`torch.distributions` takes no generator. The text above says what else "
             "gives Beta numbers.", shows=raises("unexpected keyword argument 'generator'")),
     Mistake("mixup-generator-to-numpy", "NumPy cannot start from a torch generator: it wants a seed, a whole number. "
             "Draw one from yours.", shows=raises("SeedSequence expects", "Cannot cast scalar")),
     Mistake("mixup-lambda-kept", "Every call has the same λ: a seed is set each time. Draw from the generator as it "
             "comes, or draw the seed from it.", shows=seen_that(ANEW)),
     *random_ones("mixup", "`torch.distributions` and NumPy's global numbers do not know of it, and its method "
                  "`seed()` sets it by chance: the text above says how to come to Beta numbers.")])
