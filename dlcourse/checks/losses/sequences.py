"""The check of CTC: the loss of a label sequence over every way to place it in time."""

import math

import torch

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import DOUBLE, SINGLE, draw, raised


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
