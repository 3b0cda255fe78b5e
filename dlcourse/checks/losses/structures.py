"""Losses for structured answers: masks and embeddings."""

import math

import torch
from torch.nn import functional as F

from ..core import Check, Mistake, Part
from .looking import DOUBLE, SINGLE, both, draw, raised, sloped, valued

# ----------------------------------------------------------------------------------------------- dice_loss

MASKED = ("probs", "mask")


def _dice(probs, mask, smooth=1.0, axes=(1, 2)):
    mask = mask.to(probs.dtype)
    overlap, total = (probs * mask).sum(axes), probs.sum(axes) + mask.sum(axes)
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def masks(g, shapes=((1, 4, 5), (1, 6, 3)), dtype=DOUBLE, share=0.3, as_bool=False, **options):
    """Probabilities and masks; about `share` of a mask is on, different from sample to sample."""
    cases = []
    for shape in shapes:
        probs = torch.rand(shape, generator=g, dtype=DOUBLE).to(dtype)
        level = share * (0.3 + 1.4 * torch.rand(shape[0], 1, 1, generator=g))
        mask = torch.rand(shape, generator=g) < level
        mask[:, 0, 0], mask[:, -1, -1] = True, False
        cases.append({"probs": probs, "mask": mask if as_bool else mask.to(dtype), **options})
    return cases


def empty_masks(g):
    """One sample of three has nothing on; probabilities near 0, and other values of smooth."""
    cases = []
    for smooth in ({}, {"smooth": 0.1}, {"smooth": 10.0}):
        case, = masks(g, ((3, 4, 5),), **smooth)
        case["mask"][1] = 0.0
        case["probs"][1] *= 0.01
        cases.append(case)
    return cases


SEVERAL = ((3, 4, 5), (2, 6, 3))


def _dice_form(form):
    """1 − form(overlap, Σp, Σm, smooth), the mean over samples."""
    def answer(probs, mask, smooth=1.0):
        mask = mask.to(probs.dtype)
        return (1 - form((probs * mask).sum((1, 2)), probs.sum((1, 2)), mask.sum((1, 2)), smooth)).mean()
    return answer


dice_loss = Check(
    "dice_loss", "dice_loss(probs, mask, smooth)", _dice,
    [Part("one sample", 0.35, "1 − (2·Σpm + smooth) / (Σp + Σm + smooth)", masks, valued(*MASKED)),
     Part("a batch", 0.2, "one Dice for each sample, then the mean",
          lambda g: masks(g, SEVERAL) + masks(g, ((5, 3, 4),), SINGLE), valued(*MASKED)),
     Part("masks of bools", 0.1, "a mask of True and False works too", lambda g: masks(g, SEVERAL, as_bool=True),
          valued(*MASKED)),
     Part("empty masks", 0.15, "a mask with nothing on gives no nan, and smooth is used as it was given", empty_masks,
          both(*MASKED)),
     Part("gradient", 0.2, "the gradient flows through numerator and denominator", lambda g: masks(g, SEVERAL),
          sloped(*MASKED))],
    [Mistake("dice-batch", "The sums run over the whole batch, so a large object in one image drowns a small one in "
             "another. One Dice for each sample, then the mean.",
             lambda probs, mask, smooth=1.0: _dice(probs, mask, smooth, (0, 1, 2))),
     Mistake("dice-rows", "The sums run over one axis only: this is a Dice for each row or column of an image.",
             [lambda probs, mask, smooth=1.0: _dice(probs, mask, smooth, (2,)),
              lambda probs, mask, smooth=1.0: _dice(probs, mask, smooth, (1,))]),
     Mistake("dice-no-two", "The factor 2 of the overlap is missing: a perfect answer would get about ½.",
             _dice_form(lambda o, p, m, s: (o + s) / (p + m + s))),
     Mistake("dice-jaccard", "This is the Jaccard index, overlap over union. Dice has twice the overlap over the sum "
             "of the two sizes.", _dice_form(lambda o, p, m, s: (o + s) / (p + m - o + s))),
     Mistake("dice-smooth-below", "`smooth` stands only below the line. In the numerator too, it makes an empty answer "
             "to an empty mask perfect.", _dice_form(lambda o, p, m, s: 2 * o / (p + m + s))),
     Mistake("dice-smooth-above", "`smooth` stands only above the line, so nothing keeps the denominator from 0, and "
             "Dice can pass 1.", _dice_form(lambda o, p, m, s: (2 * o + s) / (p + m))),
     Mistake("dice-smooth-doubled", "The 2 multiplies `smooth` as well. It belongs to the overlap alone.",
             _dice_form(lambda o, p, m, s: 2 * (o + s) / (p + m + s))),
     Mistake("dice-smooth-missing", "There is no `smooth` in it: with nothing on and nothing found it is 0/0.",
             _dice_form(lambda o, p, m, s: 2 * o / (p + m))),
     Mistake("dice-smooth-fixed", "`smooth` is 1 whatever was asked for.", lambda p, m, smooth=1.0: _dice(p, m)),
     Mistake("dice-not-subtracted", "This is Dice itself, 1 for a perfect answer. A loss should be 0 there.",
             lambda p, m, smooth=1.0: 1 - _dice(p, m, smooth)),
     Mistake("dice-sign", "This is Dice − 1: the sign is turned.", lambda p, m, smooth=1.0: -_dice(p, m, smooth)),
     Mistake("dice-sum", "The samples were summed; their mean was asked for.",
             lambda p, m, smooth=1.0: _dice(p, m, smooth) * len(p)),
     Mistake("dice-no-mean", "This is one loss for each sample. Their mean was asked for.",
             lambda p, m, smooth=1.0: 1 - (2 * (p * m).sum((1, 2)) + smooth)
             / (p.sum((1, 2)) + m.sum((1, 2)) + smooth)),
     Mistake("dice-squares", "The denominator has squares, Σp² + Σm², as in the V-Net paper. Here it is plain sums.",
             [lambda p, m, smooth=1.0: (1 - (2 * (p * m).sum((1, 2)) + smooth)
                                        / ((p * p).sum((1, 2)) + m.to(p.dtype).sum((1, 2)) + smooth)).mean(),
              lambda p, m, smooth=1.0: (1 - (2 * (p * m).sum((1, 2)) + smooth)
                                        / ((p * p).sum((1, 2)) + (m * m).sum((1, 2)) + smooth)).mean()]),
     Mistake("dice-hard", "The probabilities were cut at a threshold. A step has no slope, so nothing can be learned "
             "through it.", [lambda p, m, smooth=1.0: _dice((p > 0.5).to(p.dtype), m, smooth),
                             lambda p, m, smooth=1.0: _dice(p.round(), m, smooth)]),
     Mistake("dice-sigmoid", "The probabilities went through a sigmoid once more: they are probabilities already.",
             lambda p, m, smooth=1.0: _dice(p.sigmoid(), m, smooth)),
     Mistake("dice-mean-inside", "Means stand where sums should: the ratio would be the same, but for `smooth`, which "
             "is now as heavy as a whole image.",
             lambda p, m, smooth=1.0: (1 - (2 * (p * m).mean((1, 2)) + smooth)
                                       / (p.mean((1, 2)) + m.to(p.dtype).mean((1, 2)) + smooth)).mean()),
     Mistake("dice-not-summed", "The pixels of the denominator were not summed, so the overlap of the whole image is "
             "divided by a number for each pixel. Sum p and m over the image first.",
             [lambda p, m, smooth=1.0: (1 - (2 * (p * m).sum((1, 2)) + smooth) / (p + m + smooth)).mean(),
              lambda p, m, smooth=1.0: (1 - (2 * (p * m).sum((1, 2), keepdim=True) + smooth)
                                        / (p + m + smooth)).mean(),
              lambda p, m, smooth=1.0: (1 - (2 * (p * m).sum() + smooth) / (p + m + smooth)).mean(),
              lambda p, m, smooth=1.0: (1 - (2 * p * m + smooth) / (p + m + smooth)).mean()]),
     Mistake("dice-float-index", "A mask of floats cannot index. Multiply by it: Σpm is the overlap, for booleans too.",
             shows=raised("used as indices")),
     Mistake("dice-bitwise", "`&` works on booleans and whole numbers, not on probabilities. The soft overlap is the "
             "product p·m.", shows=raised("bitwise_and")),
     Mistake("dice-bools-cannot-subtract", "Torch refuses to subtract booleans. Turn the mask into the dtype of the "
             "probabilities first.", shows=raised("bool"))],
    instead="Sums, products and a quotient are your tools.")


# -------------------------------------------------------------------------------------------- triplet_loss

TRIPLET = ("anchor", "positive", "negative")


def _length(x):
    return (x.square().sum(-1) + 1e-24).sqrt()


def _triplet(a, p, n, margin=1.0, far=_length, hinge=F.relu):
    return hinge(far(a - p) - far(a - n) + margin).mean()


def triplets(g, shapes=((6, 3), (4, 5)), dtype=DOUBLE, **options):
    """Points for which the hinge is open for some samples and shut for others."""
    cases = []
    for n, d in shapes:
        a, p, q = (draw(g, n, d, dtype=dtype) for _ in range(3))
        p[0], q[0] = a[0] + 0.1, a[0] - 5.0  # shut
        p[1], q[1] = a[1] + 1.2, a[1] - 0.8  # open
        cases.append({"anchor": a, "positive": p, "negative": q, **options})
    return cases


def on_the_spot(g):
    """Samples whose positive, or negative, is the anchor itself."""
    case, = triplets(g, ((5, 3),))
    case["positive"][2] = case["anchor"][2]
    case["negative"][3] = case["anchor"][3]
    case["positive"][4] = case["negative"][4] = case["anchor"][4]
    return [case, {name: tensor.float() for name, tensor in case.items()}]


def finite_slopes(answer, **case):
    """Whether the gradient with respect to each input is finite everywhere."""
    found = sloped(*TRIPLET, of=3)(answer, **case)
    return {name: None if one is None else "all finite" if one.isfinite().all() else "nan or inf"
            for name, one in found.items()}


triplet_loss = Check(
    "triplet_loss", "triplet_loss(anchor, positive, negative, margin)", _triplet,
    [Part("values", 0.35, "the mean of max(0, d(a, p) − d(a, n) + margin)",
          lambda g: triplets(g) + triplets(g, ((7, 2),), SINGLE), valued(*TRIPLET), rounding=(1e-4, 1e-5)),
     Part("margin", 0.2, "any margin works", lambda g: triplets(g, margin=0.2) + triplets(g, margin=3.0),
          valued(*TRIPLET), rounding=(1e-4, 1e-5)),
     Part("gradient", 0.25, "the gradient reaches all three, and is 0 where the margin is kept", triplets,
          sloped(*TRIPLET, of=3), rounding=(1e-4, 1e-5)),
     Part("distance 0", 0.2, "where two points coincide the gradient is not nan", on_the_spot, finite_slopes)],
    [Mistake("triplet-nan-at-zero", "Where two points coincide the gradient is nan: a square root has slope inf at 0, "
             "and inf times 0 is nan. Keep its argument a little above 0, or use a norm whose gradient is defined "
             "there.",
             [lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.square().sum(-1).sqrt())]),
     Mistake("triplet-squared", "These are squared distances, as in FaceNet. Here it is the plain Euclidean one.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.square().sum(-1))),
     Mistake("triplet-swapped", "Positive and negative are swapped: this pulls strangers together.",
             lambda a, p, n, margin=1.0: _triplet(a, n, p, margin)),
     Mistake("triplet-wrong-pair", "One of the two distances does not start at the anchor: it is d(a, p) − d(a, n).",
             [lambda a, p, n, margin=1.0: F.relu(_length(a - p) - _length(p - n) + margin).mean(),
              lambda a, p, n, margin=1.0: F.relu(_length(p - n) - _length(a - n) + margin).mean()]),
     Mistake("triplet-no-hinge", "The hinge is missing: triplets that keep the margin pull the loss below 0, for ever.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, hinge=lambda x: x)),
     Mistake("triplet-margin-sign", "The margin is subtracted. It is what the negative must be farther away by.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, -margin)),
     Mistake("triplet-margin-outside", "The margin is added outside the hinge, where it is only a constant.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, 0.0) + margin),
     Mistake("triplet-margin-missing", "There is no margin in it: equal distances would cost nothing, and everything "
             "on one point would be perfect.", lambda a, p, n, margin=1.0: _triplet(a, p, n, 0.0)),
     Mistake("triplet-margin-fixed", "The margin is 1 whatever was asked for.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n)),
     Mistake("triplet-hinge-last", "The hinge comes after the mean, so triplets that keep the margin pay for those "
             "that do not. Each triplet has its own hinge.",
             lambda a, p, n, margin=1.0: F.relu(_triplet(a, p, n, margin, hinge=lambda x: x))),
     Mistake("triplet-one-distance", "The norm runs over the whole batch: there is one distance where there should be "
             "one for each triplet.",
             [lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.norm()),
              lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.square().sum().sqrt())]),
     Mistake("triplet-wrong-axis", "The distances run down the batch, axis 0. A distance is between two rows.",
             [lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.norm(dim=0)),
              lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.square().sum(0).sqrt())]),
     Mistake("triplet-manhattan", "These are sums of absolute differences; the Euclidean distance is asked for.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: x.abs().sum(-1))),
     Mistake("triplet-mean-inside", "The squares were averaged over the dimensions, not summed, so the distances come "
             "out too small.", [lambda a, p, n, margin=1.0: _triplet(a, p, n, margin, lambda x: _length(x)
                                                                     / math.sqrt(x.shape[-1])),
                                lambda a, p, n, margin=1.0: _triplet(a, p, n, margin,
                                                                     lambda x: x.square().mean(-1).sqrt())]),
     Mistake("triplet-sum", "This is the sum; the mean was asked for.",
             lambda a, p, n, margin=1.0: _triplet(a, p, n, margin) * len(a)),
     Mistake("triplet-no-mean", "This is one loss for each triplet. Their mean was asked for.",
             lambda a, p, n, margin=1.0: F.relu(_length(a - p) - _length(a - n) + margin)),
     Mistake("triplet-active-mean", "Only the triplets that break the margin were averaged. The mean is over all; the "
             "kept ones count as 0.",
             lambda a, p, n, margin=1.0: (e := F.relu(_length(a - p) - _length(a - n) + margin)).sum()
             / (e > 0).sum()),
     Mistake("triplet-cosine", "This compares directions, by the cosine. The Euclidean distance is asked for.",
             [lambda a, p, n, margin=1.0: F.relu(F.cosine_similarity(a, n) - F.cosine_similarity(a, p) + margin).mean(),
              lambda a, p, n, margin=1.0: F.relu((1 - F.cosine_similarity(a, p)) - (1 - F.cosine_similarity(a, n))
                                                 + margin).mean()])],
    frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss", "pairwise_distance"}),
    "Differences, squares, sums, `sqrt` or `norm`, and `clamp` are your tools.")
