"""How sure a net is: soft targets, and calibration."""

import math

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..asking import DOUBLE, raises
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import several

# ----------------------------------------------------------------------------------- smoothed_cross_entropy

BUILDS = "label_smoothing= does the whole exercise"


class _NoLabelSmoothing(TorchFunctionMode):
    """Raises where torch's cross entropy is called with label smoothing of its own."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if "cross_entropy" in getattr(func, "__name__", ""):
            if kwargs.get("label_smoothing", 0) or any(isinstance(a, float) and a for a in args[2:]):
                raise PermissionError(BUILDS)
        return func(*args, **kwargs)


def scores(*shapes, smoothing=0.1, scale=2.0, dtype=DOUBLE, classes=None):
    """Cases: logits (N, C) and classes, one case for each shape; classes are those from … to below …, or all."""
    low, high = classes or (0, None)
    return lambda g: [{"logits": (scale * torch.randn(shape, generator=g, dtype=DOUBLE)).to(dtype),
                       "target": torch.randint(low, high or shape[1], shape[:1], generator=g), "smoothing": smoothing}
                      for shape in shapes]


def smoothed_loss(answer, logits, target, smoothing):
    """The loss, and the logits afterwards."""
    given = logits.clone()
    with _NoLabelSmoothing():
        return {"loss": answer(given, target, smoothing), UNTOUCHED: given}


def smoothed_slope(answer, logits, target, smoothing):
    """Its gradient with respect to the logits."""
    leaf = logits.clone().requires_grad_()
    with _NoLabelSmoothing():
        loss = answer(leaf.clone(), target, smoothing)
    return {"gradient": gradient(loss, leaf)}


def smoothed_both(answer, **case):
    """Both, where either may overflow."""
    return {**smoothed_loss(answer, **case), **smoothed_slope(answer, **case)}


def far_apart(g):
    """Logits of ±10 000, the right class far behind in one row."""
    logits = torch.tensor([[1e4, 0.0, -1e4], [-1e4, 1e4, 3.0], [0.5, -1.0, 2.0]], dtype=DOUBLE)
    return [{"logits": logits, "target": torch.tensor([2, 1, 0]), "smoothing": 0.2}]


def _smoothed(logits, target, smoothing, own=lambda s, c: 1 - s, even=lambda s, c: s / c, log=None, join=None):
    """The reference; mistakes are other weights of the two terms."""
    log_p = log(logits) if log else logits.log_softmax(1)
    classes = logits.shape[1]
    right = -log_p.gather(1, target[:, None])[:, 0]
    each = own(smoothing, classes) * right + even(smoothing, classes) * -log_p.sum(1)
    return join(each) if join else each.mean()


def _weighed(**settings):
    """A smoothed_cross_entropy with other settings."""
    return lambda logits, target, smoothing: _smoothed(logits, target, smoothing, **settings)


def _divergence(logits, target, smoothing):
    classes = logits.shape[1]
    soft = F.one_hot(target, classes).to(logits.dtype) * (1 - smoothing) + smoothing / classes
    return _smoothed(logits, target, smoothing) + torch.xlogy(soft, soft).sum(1).mean()


def _too_few_columns(finding, seen, case) -> bool:
    """A table with a column for each class up to the largest that there is met one with a column for every class."""
    columns, text = int(case["target"].max()) + 1, seen.get("raised", {}).get("text", "")
    return columns < case["logits"].shape[1] and "must match the size" in text and f"({columns})" in text


smoothed_cross_entropy = Check(
    "smoothed_cross_entropy", "smoothed_cross_entropy(logits, target, smoothing)", _smoothed,
    [Part("values", 0.4, "the target is 1 − smoothing of the right class and smoothing spread evenly over all",
          lambda g: scores((5, 4))(g) + scores((7, 3), smoothing=0.3)(g) + scores((1, 6), classes=(1, 5))(g)
          + scores((4, 5), dtype=torch.float32)(g), smoothed_loss),
     Part("smoothing = 0", 0.1, "without smoothing it is cross-entropy", scores((4, 3), smoothing=0.0),
          smoothed_loss),
     Part("gradient", 0.25, "the gradient is (softmax − target) / N",
          lambda g: scores((5, 4))(g) + scores((3, 6), smoothing=0.4)(g), smoothed_slope),
     Part("extremes", 0.25, "logits of ±10 000 give the right finite loss and gradient", far_apart, smoothed_both)],
    [Mistake("smoothed-by-torch", "`label_smoothing=` may well give the right numbers, but here it is the thing to "
             "build: write the soft target, or the two terms, yourself.", shows=raises(BUILDS)),
     Mistake("smoothed-others-only", "The share is spread over the *other* classes, smoothing/(C − 1) each. In "
             "PyTorch's definition it is spread over all C, the right one among them.",
             _weighed(own=lambda s, c: 1 - s - s / (c - 1), even=lambda s, c: s / (c - 1))),
     Mistake("smoothed-others-c", "The right class has 1 − smoothing and each other one smoothing/C, so that the "
             "target sums to less than 1. The right class gets its part of the even share too.",
             _weighed(own=lambda s, c: 1 - s - s / c)),
     Mistake("smoothed-both-whole", "The even term is added and cross-entropy keeps its full weight: the two should "
             "sum to 1.", _weighed(own=lambda s, c: 1.0)),
     Mistake("smoothed-not-divided", "The even term sums over the classes: each class should get smoothing/C of the "
             "weight.", _weighed(even=lambda s, c: s)),
     Mistake("smoothed-turned", "The weights are exchanged: smoothing on the right class, 1 − smoothing spread.",
             _weighed(own=lambda s, c: s, even=lambda s, c: (1 - s) / c)),
     Mistake("smoothed-not-spread", "The target is 1 − smoothing at the right class and 0 elsewhere: what was taken "
             "away is given to nobody.", _weighed(even=lambda s, c: 0.0)),
     Mistake("smoothed-ignored", "This is plain cross-entropy: `smoothing` is not used.",
             _weighed(own=lambda s, c: 1.0, even=lambda s, c: 0.0)),
     Mistake("smoothed-sum", "The losses of the samples are summed. Take their mean.",
             _weighed(join=lambda each: each.sum())),
     Mistake("smoothed-mean-of-all", "It averages over samples and classes together, so it is C times too small. Sum "
             "over the classes, then average over the samples.",
             lambda logits, target, smoothing: _smoothed(logits, target, smoothing) / logits.shape[1]),
     Mistake("smoothed-mean-twice", "The loss is divided by the number of samples twice: a mean is divided already.",
             lambda logits, target, smoothing: _smoothed(logits, target, smoothing) / len(target)),
     Mistake("smoothed-over-samples", "The share is divided by the number of samples. It is spread over the *classes*, "
             "smoothing/C for each.", lambda logits, target, smoothing: _smoothed(
                 logits, target, smoothing, even=lambda s, c: s / len(target))),
     Mistake("smoothed-ten-classes", "The share is spread over ten classes, however many there are: C is the length of "
             "the logits' axis 1.", _weighed(even=lambda s, c: s / 10)),
     Mistake("smoothed-one-hot", "`F.one_hot` makes as many columns as the largest class *in this batch* asks for. "
             "Tell it how many classes there are: the length of the logits' axis 1.", shows=_too_few_columns),
     Mistake("smoothed-divergence", "It is too small by a number that depends on smoothing and C alone: the entropy of "
             "the target, which the KL divergence takes off. The gradient is the same; cross-entropy is asked for.",
             _divergence),
     Mistake("smoothed-per-sample", "It gives one loss for each sample. Their mean was asked for.",
             _weighed(join=lambda each: each)),
     Mistake("smoothed-two-steps", "The logarithm is taken after the softmax: where a probability underflows to 0, "
             "that is −∞, and its gradient nan. `log_softmax` takes both steps at once.",
             _weighed(log=lambda logits: logits.softmax(1).log())),
     Mistake("smoothed-overflow", "The exponential of a logit overflows. `log_softmax`, or `logsumexp`, is stable.",
             [_weighed(log=lambda logits: logits - logits.exp().sum(1, keepdim=True).log()),
              _weighed(log=lambda logits: (logits.exp() / logits.exp().sum(1, keepdim=True)).log())]),
     Mistake("smoothed-clipped", "A small number keeps the logarithm from −∞, but it changes the loss: at ±10 000 it "
             "is off by thousands. `log_softmax` needs none.",
             [_weighed(log=lambda logits, e=e: (logits.softmax(1) + e).log()) for e in (1e-8, 1e-9, 1e-10, 1e-12)]
             + [_weighed(log=lambda logits, e=e: logits.softmax(1).clamp(min=e).log())
                for e in (1e-7, 1e-8, 1e-9, 1e-10, 1e-12)]),
     Mistake("smoothed-wrong-axis", "The softmax runs over the samples, not over the classes: classes are axis 1.",
             _weighed(log=lambda logits: logits.log_softmax(0))),
     Mistake("smoothed-no-softmax", "The logits themselves are averaged: they must become log-probabilities first.",
             _weighed(log=lambda logits: logits)),
     Mistake("smoothed-twice", "It goes through log_softmax twice, or hands probabilities to a function that wants "
             "logits.", _weighed(log=lambda logits: logits.softmax(1).log_softmax(1))),
     Mistake("smoothed-sign", "The sign is turned: a loss goes down as the right class becomes more likely.",
             _weighed(join=lambda each: -each.mean()))],
    instead="`log_softmax` and arithmetic are your tools.")


# -------------------------------------------------------------------------------------- calibration_error


def guesses(n, classes, sharpness=2.0, sure=0, dtype=DOUBLE, **options):
    """A case: probabilities (n, classes), right more often the surer they are, `sure` of them exactly 1."""
    def case(g):
        logits = sharpness * torch.randn(n, classes, generator=g, dtype=DOUBLE)
        probs = logits.softmax(1)
        target = torch.multinomial((0.6 * logits).softmax(1), 1, generator=g)[:, 0]
        for row in range(sure):
            probs[row] = F.one_hot(torch.tensor(row % classes), classes)
            target[row] = row % classes if row % 3 else (row + 1) % classes
        edges = (probs.amax(1)[:, None] * torch.tensor([5.0, 10.0, 15.0], dtype=DOUBLE))
        near = ((edges - edges.round()).abs() < 1e-3).any(1) & (probs.amax(1) < 1)
        keep = ~near  # the side of an edge is left open, so nothing lies on one
        return {"probs": probs[keep].to(dtype), "target": target[keep], **options}
    return case


def calibration(answer, probs, target, **options):
    """The calibration error as a number."""
    given = probs.clone()
    error = answer(given, target, **options)
    if isinstance(error, torch.Tensor) and error.numel() == 1 and error.dim() == 0:
        error = error.item()
    return {"error": error, UNTOUCHED: given}


def _bins(confidence, bins):
    return (confidence * bins).long().clamp(max=bins - 1)


def _ece(probs, target, bins=15, confidence=None, join=None, each=None, place=_bins, right=None):
    """The reference; mistakes are other settings."""
    sure, predicted = probs.max(1)
    sure = confidence(probs, target) if confidence else sure
    hit = (predicted == target).double()
    where, terms = place(sure, bins), []
    for number in range(bins):
        inside = where == number
        if inside.any():
            gap = (hit[inside].mean() - sure[inside].double().mean()).abs().item()
            gap = each(hit[inside], sure[inside].double(), (number + 0.5) / bins) if each else gap
            terms.append((inside.double().mean().item(), gap))
    return join(terms, bins) if join else sum((weight * gap for weight, gap in terms), 0.0)


def _ece_with(**settings):
    """A calibration_error with other settings."""
    return lambda probs, target, bins=15: _ece(probs, target, bins, **settings)


def _by_rank(sure, bins):
    return (sure.argsort().argsort() * bins) // len(sure)


def _over_their_range(sure, bins):
    low, high = sure.min(), sure.max()
    return _bins((sure - low) / (high - low).clamp(min=1e-9), bins)


def _all_classes(probs, target, bins=15):
    hits = F.one_hot(target, probs.shape[1]).double().flatten()
    sure = probs.flatten()
    pairs = torch.stack([sure.double(), 1 - sure.double()], 1)
    where, total = _bins(sure, bins), 0.0
    for number in range(bins):
        inside = where == number
        if inside.any():
            total += inside.double().mean().item() * (hits[inside].mean() - pairs[inside, 0].mean()).abs().item()
    return total


calibration_error = Check(
    "calibration_error", "calibration_error(probs, target, bins)", _ece,
    [Part("values", 0.5, "the gap between accuracy and mean confidence, weighted by how many are in each bin",
          several(guesses(200, 4), guesses(120, 3, 1.0), guesses(150, 5, dtype=torch.float32)), calibration),
     Part("bins", 0.2, "any number of bins, many of them empty",
          several(guesses(90, 3, bins=10), guesses(60, 4, 1.5, bins=5), guesses(3, 3, bins=10)), calibration),
     Part("certainty", 0.3, "a confidence of exactly 1 counts, in the last bin",
          several(guesses(30, 3, sure=12), guesses(12, 3, sure=12, bins=10)), calibration)],
    [Mistake("ece-unweighted", "Every bin counts the same, however few samples are in it. Weigh each by its share of "
             "the samples.", [_ece_with(join=lambda terms, bins: sum(gap for _, gap in terms) / bins),
                              _ece_with(join=lambda terms, bins: sum(gap for _, gap in terms) / len(terms)),
                              _ece_with(join=lambda terms, bins: sum(gap for _, gap in terms))]),
     Mistake("ece-counts", "Each gap is multiplied by the *number* of samples in its bin. Its weight is their share: "
             "divide by how many there are.", lambda probs, target, bins=15: _ece(probs, target, bins) * len(target)),
     Mistake("ece-largest", "This is the largest gap of any bin. The expected calibration error averages them.",
             _ece_with(join=lambda terms, bins: max(gap for _, gap in terms))),
     Mistake("ece-signed", "Gaps of both signs cancel: take the absolute value of each bin's gap before adding up.",
             [_ece_with(each=lambda hit, sure, middle: (hit.mean() - sure.mean()).item()),
              _ece_with(each=lambda hit, sure, middle: (sure.mean() - hit.mean()).item()),
              _ece_with(each=lambda hit, sure, middle: (sure.mean() - hit.mean()).item(),
                        join=lambda terms, bins: abs(sum(weight * gap for weight, gap in terms)))]),
     Mistake("ece-squared", "The gaps are squared. Their absolute values are averaged.",
             _ece_with(each=lambda hit, sure, middle: (hit.mean() - sure.mean()).square().item())),
     Mistake("ece-sample-by-sample", "The gap is taken for each sample, between its confidence and 0 or 1. Average "
             "both within a bin first, then compare.",
             _ece_with(each=lambda hit, sure, middle: (hit - sure).abs().mean().item())),
     Mistake("ece-middle-of-bin", "The confidence of a bin is taken to be its middle. Take the mean of what is in it.",
             _ece_with(each=lambda hit, sure, middle: (hit.mean() - middle).abs().item())),
     Mistake("ece-target-probability", "The confidence is taken to be the probability of the right class. It is that "
             "of the class the model chose, the largest one.",
             _ece_with(confidence=lambda probs, target: probs.gather(1, target[:, None])[:, 0])),
     Mistake("ece-all-classes", "Every class's probability is binned. Only the largest one, of the class that was "
             "chosen, counts.", _all_classes),
     Mistake("ece-bins-ignored", "It uses 15 bins whatever was asked for: `bins` is not used.",
             lambda probs, target, bins=15: _ece(probs, target, 15)),
     Mistake("ece-one-bin-less", "There is one bin too few: n bins have n + 1 edges.",
             lambda probs, target, bins=15: _ece(probs, target, bins - 1)),
     Mistake("ece-one-bin-more", "There is one bin too many: n bins have n + 1 edges, 0 and 1 among them.",
             lambda probs, target, bins=15: _ece(probs, target, bins + 1)),
     Mistake("ece-equal-counts", "The bins hold equally many samples. They are to be equally wide.",
             _ece_with(place=_by_rank)),
     Mistake("ece-own-range", "The bins divide the stretch from the lowest confidence to the highest. They divide that "
             "from 0 to 1, whatever the confidences are.", _ece_with(place=_over_their_range)),
     Mistake("ece-one-left-out", "A confidence of exactly 1 is in no bin: it is the upper edge of the last. An "
             "overconfident net has many of them.",
             _ece_with(place=lambda sure, bins: (sure * bins).long())),
     Mistake("ece-out-of-bins", "A confidence of exactly 1 lands in a bin after the last, which does not exist. It "
             "belongs to the last.", shows=raises("out of range", "out of bounds", "must match the size")),
     Mistake("ece-empty-bin", "An empty bin has no mean: 0/0 is nan, and nan spreads. Pass over empty bins.",
             shows=lambda finding, seen, case: isinstance(finding.got, float) and math.isnan(finding.got)
             or "ZeroDivision" in seen.get("raised", {}).get("type", "")),
     Mistake("ece-percent", "This is in percent. A number between 0 and 1 was asked for.",
             lambda probs, target, bins=15: 100 * _ece(probs, target, bins))])
