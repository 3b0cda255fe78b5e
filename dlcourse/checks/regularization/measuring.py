"""What a net makes of its answers: soft targets, calibration, double descent and an attack."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..asking import remembered
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient, paused
from .augmenting import random_ones, several
from .looking import DOUBLE, draws, generator, raises, seed, seen_that

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

# ----------------------------------------------------------------------------------- random_features_error


def sizes(n_train, widths, noise, calls=60):
    """A case: what to ask for, how often, and a seed."""
    return lambda g: {"n_train": n_train, "widths": widths, "noise": noise, "calls": calls, "seed": seed(g)}


def _errors(result):
    """What came back, as a list of numbers; None where it is something else."""
    if isinstance(result, torch.Tensor) and result.dim() == 1:
        result = result.tolist()
    if not isinstance(result, (list, tuple)):
        return None
    numbers = [entry.item() if isinstance(entry, torch.Tensor) and entry.numel() == 1 else entry for entry in result]
    return numbers if all(isinstance(one, (int, float)) for one in numbers) else None


@remembered
def sizes_of_error(answer, n_train, widths, noise, calls, seed):
    """The mean of log10 of each width's error, over many calls."""
    given, logs = generator(seed), []
    for _ in range(calls):
        result = answer(n_train, list(widths), noise, given)
        errors = _errors(result)
        if errors is None or len(errors) != len(widths):
            return {"errors": [0.0] * len(errors) if errors else result}
        logs.append([math.log10(error) if 1e-40 < error < 1e40 else -40.0 if error < 1 else 40.0 for error in errors])
    means = torch.tensor(logs, dtype=DOUBLE).mean(0).tolist()
    return {"errors": [0.0] * len(widths), ANEW: len({round(log[0], 6) for log in logs}) > 1,
            **{f"{LOG} at width {width}, averaged over {calls} calls": mean for width, mean in zip(widths, means)}}


ANEW, LOG = "every call draws anew", "log10 of the error"


@remembered
def peak(answer, n_train, widths, noise, calls, seed):
    """How much higher the error is at the first of three widths than at the two others, in powers of ten."""
    seen = sizes_of_error(answer, n_train=n_train, widths=widths, noise=noise, calls=calls, seed=seed)
    if not isinstance(seen["errors"], list) or len(seen) < 5:
        return {"errors": seen["errors"]}
    at = list(seen.values())[2:]
    return {f"powers of ten from width {width} up to width {widths[0]}": at[0] - other
            for width, other in zip(widths[1:], at[1:])}


def _features(dim=10, bend=lambda z: z.clamp(min=0), solve=None, on_test=0.0, unit=True, test=500, fresh=True,
              deviation=lambda noise: noise, score=lambda e: e.square().mean(), inputs=torch.randn, on_train=False,
              same_v=True, order=None, measure=None):
    """Make a random_features_error; mistakes are other settings."""
    solve = solve or (lambda phi, y: torch.linalg.pinv(phi) @ y)
    measure = measure or (lambda fit, truth: score(fit - truth))

    def answer(n_train, widths, noise, generator):
        normal = lambda *shape, make=torch.randn: make(*shape, generator=generator, dtype=DOUBLE)
        w = normal(dim)
        w = w / w.norm() if unit else w
        x, new = normal(n_train, dim, make=inputs), normal(test, dim, make=inputs)
        y, errors = x @ w + deviation(noise) * normal(n_train), []
        new = x if on_train else new
        truth = (y if on_train else new @ w) + on_test * noise * normal(len(new))
        for width in order(widths) if order else widths:
            v = normal(dim, width)
            a = solve(bend(x @ v), y)
            if not same_v:
                v = normal(dim, width)
            errors.append(measure(bend(new @ v) @ a, truth).item())
        return errors
    return answer


def _ridge(strength):
    def solve(phi, y):
        gram = phi.T @ phi + strength * torch.eye(phi.shape[1], dtype=phi.dtype)
        return torch.linalg.solve(gram, phi.T @ y)
    return solve


def _all_pairs(fit, truth):
    """The mean of (fit[i] − truth[j])² over all i and j."""
    return fit.square().mean() - 2 * fit.mean() * truth.mean() + truth.square().mean()


def _first_only(n_train, widths, noise, generator):
    return _features()(n_train, widths[:1], noise, generator)


RIGHT = _features()
WIDE, NARROW, N = 160, 5, 20
# One call's log10 has a standard deviation of 0.25 away from the peak and 0.95 at it (300 calls). So two answers' means
# over 60 and 80 calls differ by 0.045 and 0.15 as a rule; 0.25 and 0.8 are more than five times as much.
POINTS = 24  # so many that no feature is 0 at all of them: there lstsq's default driver is wrong by chance (torch 2.13)


def _excess(seen, case) -> dict:
    """By how many powers of ten each width's error is too large; {} where none was seen."""
    found = seen.get("seen")
    if not isinstance(found, dict) or "calls" not in case or case["n_train"] in case["widths"]:
        return {}
    right = sizes_of_error(RIGHT, **case)
    return {width: found[key] - right[key] for width in case["widths"] for key in right
            if key.startswith(f"{LOG} at width {width},") and isinstance(found.get(key), float)}


def _only_wide_is_worse(finding, seen, case) -> bool:
    excess = _excess(seen, case)
    return bool(excess) and excess[WIDE] > 0.7 and abs(excess[NARROW]) < 0.25


def _all_too_large(finding, seen, case) -> bool:
    excess = _excess(seen, case)
    return bool(excess) and all(2 < one < 4 for one in excess.values()) and abs(excess[WIDE] - excess[NARROW]) < 0.3


random_features_error = Check(
    "random_features_error", "random_features_error(n_train, widths, noise, generator)", RIGHT,
    [Part("errors", 0.5, "the mean squared error on fresh points without noise, one for each width, in order",
          several(sizes(N, [WIDE, NARROW], 4.0), sizes(N, [NARROW, WIDE], 0.0)), sizes_of_error, rounding=(0.0, 0.25)),
     Part("peak", 0.3, "a peak where the width is n_train, and a descent behind it",
          several(sizes(N, [N, NARROW, WIDE], 0.5, calls=80)), peak, rounding=(0.0, 0.8)),
     Part("generator", 0.2, "all randomness comes from the generator, which moves on",
          several(lambda g: {"seed": seed(g)}),
          draws(lambda answer, g: _errors(answer(POINTS, [4, 32], 0.3, g))))],
    [Mistake("features-training-error", "This is the error on the training points: it is 0 as soon as there are as "
             "many features as points. Measure on fresh ones.", _features(on_train=True)),
     Mistake("features-noisy-test", "The test targets have noise too, which no model can predict: it lifts the whole "
             "curve by noise². Leave it out there.", _features(on_test=1.0)),
     Mistake("features-noise-ignored", "The training targets have no noise.", _features(deviation=lambda noise: 0.0)),
     Mistake("features-variance", "`noise` is a standard deviation: multiply normal numbers by it, not by its root or "
             "its square.", [_features(deviation=lambda noise: noise ** 0.5),
                             _features(deviation=lambda noise: noise ** 2)]),
     Mistake("features-no-bend", "There is no ReLU: the features are linear in x, so at most ten of them are "
             "linearly independent, however many there are.", _features(bend=lambda z: z)),
     Mistake("features-ridge", "Something small was added before solving, to make it stable. That is ridge regression: "
             "it flattens the very peak that is to be seen. Use the pseudo-inverse, or `lstsq`.",
             [_features(solve=_ridge(strength)) for strength in (0.1, 1.0, 10.0)]),
     Mistake("features-normal-equations", "With more features than points, ΦᵀΦ has no inverse: what comes out is "
             "rounding noise, or an error. Of all exact solutions take the one with the smallest norm.",
             shows=raises("singular", "not invertible", "full rank", "not positive-definite")),
     Mistake("features-normal-equations", "With more features than points, ΦᵀΦ has no inverse: what comes out is "
             "rounding noise, or an error. Of all exact solutions take the one with the smallest norm.",
             shows=_only_wide_is_worse),
     Mistake("features-w-not-unit", "The target's weights w are not of length 1: divide them by their norm.",
             _features(unit=False)),
     Mistake("features-other-v", "Predictions have nothing to do with the targets that they are compared with. Each "
             "width has one V: do the test points go through the same as the training points? And have predictions "
             "and targets the same shape? A column (N, 1) minus a vector (N,) is a table of all pairs.",
             [_features(same_v=False), _features(measure=_all_pairs)]),
     Mistake("features-root", "This is the root of the mean squared error, or the mean absolute error. The mean of the "
             "squared errors was asked for.", [_features(score=lambda e: e.square().mean().sqrt()),
                                               _features(score=lambda e: e.abs().mean())]),
     Mistake("features-sum", "The errors are hundreds of times too large, at every width alike. Are the squared errors "
             "summed, not averaged?", shows=_all_too_large),
     Mistake("features-even-inputs", "The inputs are even between 0 and 1. They should be standard normal.",
             _features(inputs=torch.rand)),
     Mistake("features-sorted", "The errors come in another order than the widths.",
             [_features(order=sorted), _features(order=lambda widths: widths[::-1])]),
     Mistake("features-first-width", "It gives an error for the first width only. Is the `return` inside the loop?",
             _first_only),
     Mistake("features-nested", "Each error is a list or a tensor of its own. One number for each width was asked for.",
             shows=lambda finding, seen, case: finding.path[:1] == ("errors",) and finding.kind == "type"),
     Mistake("features-restarted", "Every call draws the same numbers: it starts from a seed each time. Draw "
             "from the generator as it comes; it moves on by itself.", shows=seen_that(ANEW)),
     *random_ones("features", "Every `torch.randn` wants `generator=generator`.")],
    seconds=3.0)

# ---------------------------------------------------------------------------------------------------- fgsm


def attacks(*settings):
    """Cases: (epsilon, mode) with images in [0, 1], some pixels 0 or 1, and the weights of a small net."""
    def cases(g):
        found = []
        for epsilon, training in settings:
            x = torch.rand(5, 1, 3, 4, generator=g, dtype=DOUBLE)
            x[:, :, 0, :2], x[:, :, 2, 3] = 0.0, 1.0
            found.append({"x": x, "y": torch.randint(0, 3, (5,), generator=g), "epsilon": epsilon,
                          "training": training, "numbers": torch.randn(8 * 12 + 8 + 16 + 24 + 3, generator=g,
                                                                       dtype=DOUBLE)})
        return found
    return cases


def _victim(numbers, training):
    """A small net with batch norm in float64, its weights from `numbers` (147,)."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        sizes = [parameter.numel() for parameter in net.parameters()]
        for parameter, chunk in zip(net.parameters(), numbers.split(sizes)):
            parameter.copy_(chunk.view_as(parameter))
        net[2].running_mean += 0.5
        net[2].running_var *= 4
    return net.train(training)


def attacked(answer, x, y, epsilon, training, numbers):
    """The images that it gives."""
    given = x.clone()
    output = answer(_victim(numbers, training), given, y, epsilon)
    return {"attacked images": output, UNTOUCHED: given}


def traces(answer, x, y, epsilon, training, numbers):
    """What the attack leaves behind."""
    net, given = _victim(numbers, training), x.clone()
    kept = torch.ones_like(net[1].weight)
    net[1].weight.grad = kept.clone()
    output = answer(net, given, y, epsilon)
    grads = [p.grad for p in net.parameters()]
    return {"a gradient that was there is as before": grads[0] is not None and torch.equal(grads[0], kept),
            "parameters without a gradient have none now": all(one is None for one in grads[1:]),
            "the model's mode is as before": all(m.training == training for m in net.modules()),
            "parameters still require a gradient": all(p.requires_grad for p in net.parameters()),
            "x requires a gradient": given.requires_grad, "x has a gradient": given.grad is not None,
            "the result carries a graph": getattr(output, "requires_grad", False)}


def _fgsm(model, x, y, epsilon, step=lambda g: g.sign(), clip=lambda new, x: new.clamp(0, 1), way=1, target=None,
          scale=None, loss_fn=F.cross_entropy):
    """The reference; mistakes are other settings."""
    moved = x.detach().clone().requires_grad_()
    with paused():
        logits = model(moved)
        loss = loss_fn(logits, target(logits, y) if target else y)
        found, = torch.autograd.grad(loss, moved)
    return clip(x + way * (scale or epsilon) * step(found), x).detach()


def _attack(**settings):
    """An fgsm with other settings."""
    return lambda model, x, y, epsilon: _fgsm(model, x, y, epsilon, **settings)


def _in_eval(model, x, y, epsilon):
    before = model.training
    model.eval()
    result = _fgsm(model, x, y, epsilon)
    model.train(before)
    return result


def _left_in_eval(model, x, y, epsilon):
    return _fgsm(model.eval(), x, y, epsilon)


def _in_train(model, x, y, epsilon):
    before = model.training
    result = _fgsm(model.train(), x, y, epsilon)
    model.train(before)
    return result


def _left_in_train(model, x, y, epsilon):
    return _fgsm(model.train(), x, y, epsilon)


def _by_chance(finding, seen, case) -> bool:
    """Every pixel moved by epsilon or to the edge, and about half of them the wrong way."""
    got = seen.get("seen", {}).get("attacked images") if isinstance(seen.get("seen"), dict) else None
    x = case["x"]
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        return False
    ups, downs = (x + case["epsilon"]).clamp(0, 1), (x - case["epsilon"]).clamp(0, 1)
    moved = torch.minimum((got - ups).abs(), (got - downs).abs()).max() < 1e-6
    right = (got - _fgsm(_victim(case["numbers"], case["training"]), x, case["y"], case["epsilon"])).abs() < 1e-6
    inside = (x + case["epsilon"] < 1) & (x - case["epsilon"] > 0)
    return bool(moved) and 0.25 < right[inside].double().mean().item() < 0.75


def _backward(model, x, y, epsilon):
    moved = x.clone().requires_grad_()
    with paused():
        F.cross_entropy(model(moved), y).backward()
    return (x + epsilon * moved.grad.sign()).clamp(0, 1)


def _cleared(model, x, y, epsilon):
    model.zero_grad()
    result = _backward(model, x, y, epsilon)
    model.zero_grad()
    return result


def _marks_x(model, x, y, epsilon):
    x.requires_grad_()
    with paused():
        found, = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + epsilon * found.sign()).clamp(0, 1).detach()


def _marks_x_backward(model, x, y, epsilon):
    x.requires_grad_()
    with paused():
        F.cross_entropy(model(x), y).backward()
    return (x + epsilon * x.grad.sign()).clamp(0, 1).detach()


def _keeps_graph(model, x, y, epsilon):
    moved = x.clone().requires_grad_()
    with paused():
        found, = torch.autograd.grad(F.cross_entropy(model(moved), y), moved)
    return (moved + epsilon * found.sign()).clamp(0, 1)


def _traced(*names, but=()):
    """A mistake's `shows`: these traces were left and those in `but` were not."""
    wrong = {"x requires a gradient": True, "x has a gradient": True, "the result carries a graph": True}
    bad = lambda seen, name: seen.get("seen", {}).get(name) is wrong.get(name, False)
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and all(
        bad(seen, name) for name in names) and not any(bad(seen, name) for name in but)


KEPT, NONE = "a gradient that was there is as before", "parameters without a gradient have none now"

fgsm = Check(
    "fgsm", "fgsm(model, x, y, epsilon)", _fgsm,
    [Part("values", 0.5, "every pixel moves by epsilon, the way the loss grows", attacks((0.1, False), (0.25, False)),
          attacked),
     Part("mode", 0.15, "the gradient is that of the mode the model is in", attacks((0.1, True)), attacked),
     Part("no traces", 0.35, "the model's gradients and mode, and x, are as before; the result has no graph",
          attacks((0.1, False), (0.1, True)), traces)],
    [Mistake("fgsm-descends", "This goes down the loss: it helps the model. The attack goes up.", _attack(way=-1)),
     Mistake("fgsm-no-sign", "The gradient itself is added. Its sign should be: every pixel moves by the same amount.",
             _attack(step=lambda g: g)),
     Mistake("fgsm-normalised", "The gradient is divided by its length. Its sign should be taken, pixel by pixel.",
             [_attack(step=lambda g: g / g.norm()), _attack(step=lambda g: g / g.abs().max()),
              _attack(step=lambda g: g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1))]),
     Mistake("fgsm-unclipped", "Pixels leave [0, 1]: no image looks like that. Clamp the result.",
             _attack(clip=lambda new, x: new)),
     Mistake("fgsm-half-clipped", "Only one end is clamped: pixels leave [0, 1] on the other.",
             [_attack(clip=lambda new, x: new.clamp(min=0)), _attack(clip=lambda new, x: new.clamp(max=1))]),
     Mistake("fgsm-clips-the-step", "The step is clamped to [0, 1], and not what comes out: pixels can only grow "
             "that way. Clamp the image.", [lambda model, x, y, epsilon: x + (_fgsm(
                 model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(0, 1),
                 lambda model, x, y, epsilon: (x + (_fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(
                     0, 1)).clamp(0, 1)]),
     Mistake("fgsm-only-the-step", "It gives back the step, without the image it belongs to.",
             [lambda model, x, y, epsilon: _fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x,
              lambda model, x, y, epsilon: (_fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(0, 1)]),
     Mistake("fgsm-epsilon-ignored", "The step is 1, or another fixed size: `epsilon` is not used.",
             [_attack(scale=1.0), _attack(scale=0.1)]),
     Mistake("fgsm-predicted-class", "The loss is taken with the class that the model predicts. y has the right ones.",
             _attack(target=lambda logits, y: logits.argmax(1))),
     Mistake("fgsm-nll-on-logits", "`nll_loss` wants log-probabilities, and got logits: the other classes' logits have "
             "no part in it.", _attack(loss_fn=F.nll_loss)),
     Mistake("fgsm-softmax-twice", "`cross_entropy` got probabilities, and goes through the softmax again. It wants "
             "logits.", _attack(loss_fn=lambda logits, y: F.cross_entropy(logits.softmax(1), y))),
     Mistake("fgsm-not-changed", "The images came back unchanged: no gradient of the loss reached them.",
             lambda model, x, y, epsilon: x * 1),
     Mistake("fgsm-forces-eval", "It puts the model into eval mode for the gradient. The attack is on the model as it "
             "is: whoever calls decides about its mode.", _in_eval),
     Mistake("fgsm-left-in-eval", "The model was in training mode and is in eval mode now. Leave its mode alone.",
             _left_in_eval),
     Mistake("fgsm-forces-train", "It puts the model into training mode: batch norm takes this batch's statistics "
             "then, and moves its own. The attack is on the model as it is.", [_in_train, _left_in_train]),
     Mistake("fgsm-grads-left", "The model's parameters have gradients that they did not have, or more than before: "
             "`backward` fills every leaf's `.grad`. `torch.autograd.grad(loss, x)` gives x's alone.",
             shows=_traced(KEPT, NONE)),
     Mistake("fgsm-grads-cleared", "The model's gradients are gone: clearing them also clears those that were there "
             "before. `torch.autograd.grad(loss, x)` touches none of them.", shows=_traced(KEPT, but=(NONE,))),
     Mistake("fgsm-grads-frozen", "The parameters no longer require a gradient: the model could not be trained on.",
             shows=_traced("parameters still require a gradient")),
     Mistake("fgsm-marks-x", "The x that was handed in now requires a gradient, or has one. Work on a copy: "
             "`x.detach().clone()`.", [_marks_x, _marks_x_backward]),
     Mistake("fgsm-marks-x", "The x that was handed in now requires a gradient, or has one. Work on a copy: "
             "`x.detach().clone()`.", shows=_traced("x requires a gradient")),
     Mistake("fgsm-graph", "The result still carries the graph that it was computed with. Detach it.", _keeps_graph),
     Mistake("fgsm-tuple", "`torch.autograd.grad` gives a tuple: one gradient for each tensor that it was asked for. "
             "Take the one that is in it.", shows=raises("'tuple' object", "not tuple", "and 'tuple'")),
     Mistake("fgsm-x-needs-grad", "There is no gradient with respect to x: either it does not require one, or the loss "
             "was computed under `torch.no_grad()`. Make a copy of x that requires it, with gradients on.",
             shows=raises("does not require grad", "not have been used", "grad can be implicitly")),
     Mistake("fgsm-by-chance", "Every pixel moves by epsilon, but about half of them not the way the loss grows. Do "
             "the signs come from the gradient of the loss with respect to x?", shows=_by_chance)])
