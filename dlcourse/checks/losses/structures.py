"""Losses for structured answers: masks, embeddings, sequences, and a differential equation."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import DOUBLE, SINGLE, both, draw, fill, raised, sloped, valued

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

# ------------------------------------------------------------------------------------------------ ctc_loss

NEVER = -1e30  # the log-probability of what cannot be, finite so that no gradient turns into nan


def _ctc(log_probs, target, blank=0, skip="labels", starts=2, ends=2, mix=torch.logsumexp, frames=slice(1, None),
         never=NEVER, impossible=math.inf, stay=True, wraps=()):
    """The forward algorithm; its options are the slips that people make in it."""
    labels = torch.full((2 * len(target) + 1,), blank)
    labels[1::2] = target
    jump = torch.zeros(len(labels), dtype=torch.bool)
    if skip == "labels":
        jump[2:] = (labels[2:] != labels[:-2]) & (labels[2:] != blank)
        jump[1:2] = 2 in wraps
    elif skip == "repeats":
        jump[3::2] = True
    elif skip == "blanks":
        jump[2:] = True
    start = torch.arange(len(labels)) < starts
    if starts == "label":
        start = torch.arange(len(labels)) == 1
    alpha = torch.where(start, log_probs[0, labels], never)
    pad = log_probs.new_full((2,), never)
    for frame in log_probs[frames]:
        shifted = torch.cat([pad, alpha])
        one, two = (alpha.roll(n) if n in wraps else shifted[2 - n:len(shifted) - n] for n in (1, 2))
        ways = torch.stack([alpha, one, torch.where(jump, two, never)])
        alpha = mix(ways if stay else ways[1:], 0) + frame[labels]
    end = {2: alpha[-2:], 1: alpha[-1:], "label": alpha[-2:-1], "all": alpha}[ends if len(target) else 1]
    total = mix(end, 0)
    return torch.where(total > NEVER / 10, -total, impossible)


def _ctc_in_probabilities(log_probs, target, blank=0):
    labels = torch.full((2 * len(target) + 1,), blank)
    labels[1::2] = target
    p = log_probs.exp()
    jump = torch.zeros(len(labels), dtype=p.dtype)
    jump[2:] = ((labels[2:] != labels[:-2]) & (labels[2:] != blank)).to(p.dtype)
    alpha = p[0, labels] * (torch.arange(len(labels)) < 2)
    for frame in p[1:]:
        shifted = torch.cat([p.new_zeros(2), alpha])
        alpha = (alpha + shifted[1:-1] + jump * shifted[:-2]) * frame[labels]
    return -alpha[-2:].sum().log()


def _without_blanks(log_probs, target, blank=0):
    alpha = torch.where(torch.arange(len(target)) == 0, log_probs[0, target], NEVER)
    for frame in log_probs[1:]:
        alpha = torch.logaddexp(alpha, torch.cat([alpha.new_full((1,), NEVER), alpha[:-1]])) + frame[target]
    return -alpha[-1]


def _ctc_with(**slip):
    return lambda log_probs, target, blank=0: _ctc(log_probs, target, blank, **slip)


def sequences(*cases, scale=1.5, dtype=DOUBLE):
    """Logits (T, C) and a target for each (T, C, target) or (T, C, target, blank)."""
    return lambda g: [{"logits": draw(g, frames, classes, dtype=dtype, scale=scale),
                       "target": torch.tensor(target, dtype=torch.long), **({"blank": blank[0]} if blank else {})}
                      for frames, classes, target, *blank in cases]


def long_sequences(g):
    """Labels so improbable, over so many frames, that their probability underflows even in float64."""
    cases = sequences((40, 4, [1, 2]))(g)
    cases[0]["logits"][:, 3] += 28.0
    return cases


def path_loss(answer, logits, target, blank=None):
    """The answer for log_softmax(logits)."""
    given = {"log_probs": logits.log_softmax(1), "target": target.clone()}
    options = {} if blank is None else {"blank": blank}
    return {"loss": answer(*given.values(), **options), UNTOUCHED: given}


def path_slope(answer, logits, target, blank=None):
    """The gradient at the logits."""
    leaf = logits.clone().requires_grad_()
    options = {} if blank is None else {"blank": blank}
    return {"gradient at the logits": gradient(answer(leaf.log_softmax(1), target.clone(), **options), leaf)}


DISTINCT = sequences((6, 4, [1, 2]), (7, 5, [3, 1, 4]), (5, 3, [2]), (6, 4, [3, 0, 1], 2))

ctc_loss = Check(
    "ctc_loss", "ctc_loss(log_softmax(logits), target, blank)", _ctc,
    [Part("values", 0.3, "−log of the sum over all alignments, for targets without repeats",
          lambda g: DISTINCT(g) + sequences((6, 4, [2, 1]), dtype=SINGLE)(g), path_loss),
     Part("repeats", 0.2, "between two equal labels there must be a blank",
          sequences((7, 3, [1, 1]), (8, 4, [2, 2, 2]), (7, 4, [1, 3, 3]), (6, 3, [2, 1, 2])), path_loss),
     Part("edges", 0.15, "T just long enough, one frame, an empty target",
          sequences((3, 4, [1, 2, 3]), (3, 3, [2, 2]), (1, 3, [1]), (5, 4, [])), path_loss),
     Part("impossible", 0.1, "inf where the target does not fit into T frames",
          sequences((2, 4, [1, 2, 3]), (2, 3, [1, 1])), path_loss),
     Part("long", 0.1, "40 frames of tiny probabilities do not underflow", long_sequences, path_loss),
     Part("gradient", 0.15, "the gradient at the logits is right and finite",
          lambda g: DISTINCT(g)[:2] + sequences((4, 3, [1, 1]))(g), path_slope)],
    [Mistake("ctc-repeats", "The two halves of a double letter were merged: from a label one may not skip to an equal "
             "one, since collapsing would make the two into one.", _ctc_with(skip="repeats")),
     Mistake("ctc-skips-to-blanks", "Paths skip from blank to blank, over a label that then is never said. Only a "
             "blank may be skipped.", _ctc_with(skip="blanks")),
     Mistake("ctc-never-skips", "Paths pass through every blank. Between two different labels it may be skipped.",
             _ctc_with(skip="none")),
     Mistake("ctc-never-stays", "Paths never stay: each frame moves on to another state. A letter, and a blank, may "
             "last for several frames.", _ctc_with(stay=False)),
     Mistake("ctc-one-end", "Paths end in one state only. They may end in the last label or in the blank after it: "
             "both count.", [_ctc_with(ends=1), _ctc_with(ends="label")]),
     Mistake("ctc-any-end", "Paths may end anywhere here, also before the whole target is said.",
             _ctc_with(ends="all")),
     Mistake("ctc-one-start", "Paths start in one state only. They may start in the first blank or in the first label: "
             "both count.", [_ctc_with(starts=1), _ctc_with(starts="label")]),
     Mistake("ctc-any-start", "Paths may start in any state, also in the middle of the target.",
             _ctc_with(starts=10 ** 6)),
     Mistake("ctc-wraps-around", "Paths come into the first states from the last one: in Python `a[s - 1]` at s = 0 is "
             "`a[-1]`, and so is `a[s - 2]` at s = 1. Nothing comes before the first state.",
             [_ctc_with(wraps=(1,)), _ctc_with(wraps=(2,)), _ctc_with(wraps=(1, 2))]),
     Mistake("ctc-state-for-label", "`log_probs` was asked for a class that it does not have. If you wrote "
             "`log_probs[t, s]`: s counts the states, – a – b –, and log_probs wants the label that stands there.",
             shows=lambda finding, seen, case: raised(f"dimension 1 with size {case['logits'].shape[1]}", "IndexError")(
                 finding, seen, case)),
     Mistake("ctc-best-path", "This is the most probable alignment alone. The probability of the target is the sum "
             "over all of them.", _ctc_with(mix=lambda x, dim: x.amax(dim))),
     Mistake("ctc-no-blanks", "The blanks between the labels are missing: the states are blank, label, blank, …, "
             "blank.", _without_blanks),
     Mistake("ctc-first-frame-twice", "The first frame counts twice: the loop over time should start at the second.",
             _ctc_with(frames=slice(0, None))),
     Mistake("ctc-last-frame", "The last frame does not count.", _ctc_with(frames=slice(1, -1))),
     Mistake("ctc-blank-fixed", "The blank is class 0 whatever was asked for.",
             lambda log_probs, target, blank=0: _ctc(log_probs, target)),
     Mistake("ctc-divided", "It was divided by a length, of the target or of the sequence. Here it is −log p as it is.",
             [lambda log_probs, target, blank=0: _ctc(log_probs, target, blank) / max(len(target), 1),
              lambda log_probs, target, blank=0: _ctc(log_probs, target, blank) / len(log_probs)]),
     Mistake("ctc-sign", "This is log p; the loss is −log p.",
             lambda log_probs, target, blank=0: -_ctc(log_probs, target, blank)),
     Mistake("ctc-probability", "This is a probability: the logarithm is missing.",
             [lambda log_probs, target, blank=0: (-_ctc(log_probs, target, blank)).exp(),
              lambda log_probs, target, blank=0: -(-_ctc(log_probs, target, blank)).exp()]),
     Mistake("ctc-underflow", "Probabilities were multiplied, and over many frames they underflow to 0. Add their "
             "logarithms, and sum with `logsumexp`.", _ctc_in_probabilities),
     Mistake("ctc-huge-not-inf", "An impossible target came out as a huge number. It should be inf.",
             shows=lambda finding, seen, case: finding.path == ("loss",) and finding.expected == math.inf
             and isinstance(finding.got, float) and 1e3 < finding.got < math.inf),
     Mistake("ctc-nan-gradient", "The loss is right and its gradient is nan: where all that `logsumexp` sums is −inf, "
             "its slope is nan. A large negative number in place of −inf, turned into inf at the end, or never "
             "visiting states that cannot be reached, avoids it.",
             shows=lambda finding, seen, case: finding.path[:1] == ("gradient at the logits",)
             and isinstance(finding.got, float) and math.isnan(finding.got)),
     Mistake("ctc-empty-target", "An empty target has one state, the blank: there is no last label to read. Its "
             "probability is that of blanks all along.",
             shows=lambda finding, seen, case: finding.kind == "raised" and len(case["target"]) == 0),
     Mistake("ctc-in-place", "Autograd refuses: a tensor that backward needs was written over. Build a new `alpha` for "
             "each frame.", shows=raised("inplace operation"))],
    frozenset({"ctc_loss"}), "A loop over the frames, `logsumexp`, `cat`, `stack` and `where` are your tools.")

# ------------------------------------------------------------------------------------- oscillator_residual


class _Smooth(nn.Module):
    """u(t): a small tanh net with the given numbers for weights."""

    def __init__(self, numbers):
        super().__init__()
        self.inner, self.outer = nn.Linear(1, 4, dtype=numbers.dtype), nn.Linear(4, 1, dtype=numbers.dtype)
        fill(self, numbers)

    def forward(self, t):
        return self.outer(torch.tanh(self.inner(t)))


CURVES = {"cubic": lambda numbers, omega: lambda t: t ** 3 + numbers[0] * t,
          "solution": lambda numbers, omega: lambda t: numbers[0] * torch.cos(omega * t + numbers[1]),
          "net": lambda numbers, omega: _Smooth(numbers)}


def oscillations(curve, *frames, dtype=DOUBLE):
    """Times (N, 1), ω and the numbers that make the curve."""
    return lambda g: [{"curve": curve, "numbers": draw(g, 13, dtype=dtype), "t": draw(g, n, 1, dtype=dtype),
                       "omega": 0.7 + 0.9 * n / 4} for n in frames]


def residual(answer, curve, numbers, t, omega):
    """What comes back for one curve."""
    return {"residual": answer(CURVES[curve](numbers, omega), t.clone(), omega)}


def residual_slope(answer, curve, numbers, t, omega):
    """The gradients at the weights of the net."""
    net = CURVES[curve](numbers, omega)
    found = gradient(answer(net, t.clone(), omega), list(net.parameters()))
    if found is None:
        return {"gradient of the weights": None}
    # whatever a residual is, the last bias moves u: where no gradient reaches a weight it counts as 0
    return {"gradient of the weights": torch.cat([torch.zeros(p.numel(), dtype=p.dtype) if g is None else g.flatten()
                                                  for p, g in zip(net.parameters(), found)])}


def traces(answer, curve, numbers, t, omega):
    """t and the parameters' .grad after the call."""
    net, given = CURVES[curve](numbers, omega), t.clone()
    answer(net, given, omega)
    return {UNTOUCHED: given, "t.requires_grad afterwards": given.requires_grad,
            "gradients left in .grad": sum(p.grad is not None for p in net.parameters())}


def _residual(u, t, omega, combine=lambda u, first, second, omega: second + omega ** 2 * u,
              average=lambda r: r.square().mean(), total=torch.sum, keep=True):
    t = t.detach().clone().requires_grad_()
    out = u(t)
    first, = torch.autograd.grad(total(out), t, create_graph=True)
    second, = torch.autograd.grad(total(first), t, create_graph=keep)
    return average(combine(out, first, second, omega))


def _osc(**slip):
    return lambda u, t, omega: _residual(u, t, omega, **slip)


STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def _differences(h):
    return lambda u, t, omega: ((u(t + h) - 2 * u(t) + u(t - h)) / h ** 2 + omega ** 2 * u(t)).square().mean()


def _leaves_flag(u, t, omega):
    t.requires_grad_(True)
    return _residual(u, t, omega)


def _shown(case):
    return f"oscillator_residual(u, t, omega) with u a {case['curve']}, t of shape {tuple(case['t'].shape)}"


oscillator_residual = Check(
    "oscillator_residual", "oscillator_residual(u, t, omega)", _residual,
    [Part("values", 0.35, "the mean of (u'' + ω²u)² over the times",
          lambda g: oscillations("cubic", 5, 3)(g) + oscillations("net", 6)(g) + oscillations("cubic", 4,
                                                                                             dtype=SINGLE)(g),
          residual, shows=_shown),
     Part("solution", 0.15, "a·cos(ωt + φ) solves the equation: 0", oscillations("solution", 5, 7), residual,
          shows=_shown, rounding=(1e-4, 1e-9)),
     Part("gradient", 0.3, "the gradient reaches the net's weights through u and through u''",
          oscillations("net", 5, 8), residual_slope, shows=_shown),
     Part("no trace", 0.2, "t, its requires_grad, and the weights' .grad are as before", oscillations("net", 5),
          traces, shows=_shown)],
    [Mistake("osc-graph-cut", "The value is right, but the graph behind u'' was not kept, so the weights only feel the "
             "term with u. `create_graph=True` keeps it, for the second derivative too.",
             [_osc(keep=False), _osc(combine=lambda u, f, s, w: s.detach() + w ** 2 * u)]),
     Mistake("osc-u-fixed", "The value is right, but u itself was cut off from the gradient: the weights only feel "
             "u''.", _osc(combine=lambda u, f, s, w: s + w ** 2 * u.detach())),
     Mistake("osc-no-graph", "There is no graph to differentiate. Either t was not followed (what goes into u must "
             "require a gradient), or the first derivative came without a graph of its own: ask for that with "
             "`create_graph=True`.",
             shows=lambda finding, seen, case: any(text in seen.get("raised", {}).get("text", "") for text in (
                 "does not require grad", "appears to not have been used", "NoneType"))),
     Mistake("osc-table", "`autograd.grad` wants one number to differentiate. Each u(t) depends on its own t only, so "
             "their sum will do, or `grad_outputs` of ones.", shows=raised("only for scalar outputs")),
     Mistake("osc-tuple", "`torch.autograd.grad` gives a tuple, with one entry for each input. `du, = …`, or `[0]`, "
             "takes the tensor out of it.", shows=raised("tuple")),
     Mistake("osc-finite-differences", "The derivatives come from small differences. They are only near the truth, and "
             "in float32 rounding takes over. Autograd gives them exactly.", [_differences(step) for step in STEPS]),
     Mistake("osc-float32", "In float64 this is right, and in float32 it is not. Derivatives by small differences do "
             "that: rounding takes over. Autograd gives them exactly.",
             shows=lambda finding, seen, case: finding.path == ("residual",) and finding.kind == "value"
             and case.get("curve") == "cubic" and case["t"].dtype == SINGLE),
     Mistake("osc-mean-inside", "The mean of u was differentiated where its sum was needed: every derivative is "
             "divided by N.", _osc(total=torch.mean)),
     Mistake("osc-first-derivative", "This has the first derivative where the second belongs.",
             _osc(combine=lambda u, f, s, w: f + w ** 2 * u)),
     Mistake("osc-omega", "This has ω·u; the square of ω is missing.", _osc(combine=lambda u, f, s, w: s + w * u)),
     Mistake("osc-omega-missing", "This is u'' + u: `omega` is not used.", _osc(combine=lambda u, f, s, w: s + u)),
     Mistake("osc-omega-wrong-side", "The ω² multiplies u'', not u.", _osc(combine=lambda u, f, s, w: w ** 2 * s + u)),
     Mistake("osc-minus", "This is u'' − ω²u: its solutions do not swing but grow.",
             _osc(combine=lambda u, f, s, w: s - w ** 2 * u)),
     Mistake("osc-only-second", "This has u'' alone; the term with u is missing.",
             _osc(combine=lambda u, f, s, w: s)),
     Mistake("osc-squares-apart", "Each term was squared on its own: the two can no longer cancel.",
             [_osc(combine=lambda u, f, s, w: (s ** 2 + (w ** 2 * u) ** 2).sqrt()),
              _osc(combine=lambda u, f, s, w: (s ** 2 + w ** 2 * u ** 2).sqrt())]),
     Mistake("osc-not-squared", "The residuals were averaged without a square.",
             [_osc(average=torch.mean), _osc(average=lambda r: r.abs().mean()),
              _osc(average=lambda r: r.mean().square())]),
     Mistake("osc-sum", "The squares were summed; their mean was asked for.",
             _osc(average=lambda r: r.square().sum())),
     Mistake("osc-no-mean", "This is one residual for each time. The mean of their squares was asked for.",
             [_osc(average=lambda r: r.square()), _osc(average=lambda r: r)]),
     Mistake("osc-flag-left", "t requires a gradient after the call, and did not before. It belongs to whoever called: "
             "work on a copy.", _leaves_flag),
     Mistake("osc-grad-left", "Gradients were left in the weights' .grad: `backward` writes there. "
             "`torch.autograd.grad` gives them to you instead.",
             shows=lambda finding, seen, case: finding.path == ("gradients left in .grad",))])
