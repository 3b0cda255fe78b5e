"""Random features, fewer and more than there are samples: the test error falls, rises and falls again."""

import math

import torch

from ..asking import DOUBLE, drawn_seed, generator, raises, remembered
from ..core import Check, Mistake, Part
from .looking import draws, random_ones, seen_that, several


def sizes(n_train, widths, noise, calls=60):
    """A case: what to ask for, how often, and a seed."""
    return lambda g: {"n_train": n_train, "widths": widths, "noise": noise, "calls": calls, "seed": drawn_seed(g)}


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
          several(lambda g: {"seed": drawn_seed(g)}),
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
