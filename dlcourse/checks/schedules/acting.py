"""The check of what cuts a rate when a loss stands still, and how one looks at the rates in an optimizer's groups."""

import math

import torch
from torch import nn

from ..asking import varied
from ..core import Check, Mistake, Part
from .drawing import OFF_LIMITS, rate

RATE = "param_groups"  # how the name of a rate that was looked at begins


def optimizer_with(rates):
    """An optimizer with a group for each of the rates; its default rate is another one."""
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in rates], lr=3.3)


def rates_of(optimizer, when) -> dict:
    """The learning rate of each group, under where it stands and the words that say when it was looked at."""
    return {f'{RATE}[{number}]["lr"] {when}': group["lr"] for number, group in enumerate(optimizer.param_groups)}


def on_plateau(answer, rates, metrics, **options):
    """The learning rates after each metric."""
    optimizer = optimizer_with(rates)
    plateau, seen = answer(optimizer, **options), {}
    for number, metric in enumerate(metrics, 1):
        plateau.step(metric)
        seen |= rates_of(optimizer, f"after metric {number}")
    return seen


class _Plateau:
    """The reference; a mistake is a subclass."""

    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.optimizer, self.factor, self.patience, self.min_lr = optimizer, factor, patience, min_lr
        self.best, self.bad = self.worst, 0
        self.base = [group["lr"] for group in optimizer.param_groups]

    worst = math.inf

    def step(self, metric):
        if self.better(metric):
            self.improved(metric)
        else:
            self.bad += 1
        if self.due():
            self.cut()
            self.start_over(metric)

    def better(self, metric):
        return metric < self.best

    def improved(self, metric):
        self.best, self.bad = metric, 0

    def due(self):
        return self.bad > self.patience

    def cut(self):
        for group in self.optimizer.param_groups:
            group["lr"] = self.lowered(group["lr"])

    def lowered(self, lr):
        return max(lr * self.factor, self.min_lr)

    def start_over(self, metric):
        self.bad = 0


def _only_first(self):
    self.optimizer.param_groups[0]["lr"] = self.lowered(self.optimizer.param_groups[0]["lr"])


def _all_alike(self):
    lr = self.lowered(self.optimizer.param_groups[0]["lr"])
    for group in self.optimizer.param_groups:
        group["lr"] = lr


def _from_base(self):
    for group, base in zip(self.optimizer.param_groups, self.base):
        group["lr"] = max(base * self.factor, self.min_lr)


def _against_previous(self, metric):
    previous, self.previous = getattr(self, "previous", math.inf), metric
    return metric < previous


def _keeping_all(self, metric):
    self.bad = 0
    self.best = self.best if self.best < math.inf else metric


def _defaults_only(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
    _Plateau.__init__(self, optimizer, 0.1, patience, min_lr)


def _patience_fixed(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
    _Plateau.__init__(self, optimizer, factor, 10, min_lr)


def _walk(g, *pattern):
    """Metrics: "-" a clear new best, "+" clearly worse than the last, "=" the last again, "<" a little below it;
    "n" not a number.
    """
    best = last = rate(g, 6.0, 8.0)
    metrics = []
    for sign in "".join(pattern):
        if sign == "-":
            best = last = best - rate(g, 0.5, 0.9)
        elif sign == "+":
            last += rate(g, 0.05, 0.15)
        elif sign == "<":
            last -= 0.01
        elif sign == "n":
            metrics.append(math.nan)
            continue
        metrics.append(round(last, 4))
    return metrics


def plateau_case(g, pattern, rates=1, **options):
    """One case: drawn rates, metrics after a pattern."""
    return {"rates": [rate(g) for _ in range(rates)], "metrics": _walk(g, pattern), **options}


def high_case(g, pattern, **options):
    """One whose losses are in the hundreds."""
    case = plateau_case(g, pattern, **options)
    return {**case, "metrics": [round(metric + 500, 4) for metric in case["metrics"]]}


def _plateau_call(case):
    options = ", ".join(f"{key}={case[key]:g}" for key in ("factor", "patience", "min_lr") if key in case)
    metrics = ", ".join(f"{metric:.2f}" for metric in case["metrics"])
    return f"ReduceOnPlateau(optimizer{', ' if options else ''}{options}), then step(…) with {metrics}"


def _plateau_part(name, share, holds, cases):
    return Part(name, share, holds, cases, on_plateau, shows=_plateau_call)


ReduceOnPlateau = Check(
    "ReduceOnPlateau", "ReduceOnPlateau(optimizer, factor, patience, min_lr)", _Plateau,
    [_plateau_part("patience", 0.4, "the cut comes at the (patience + 1)-th metric in a row without a new best",
     lambda g: [
         plateau_case(g, "---++++", factor=0.4, patience=3), plateau_case(g, "--+", factor=0.3, patience=0),
         plateau_case(g, "--" + 11 * "+")]),
     _plateau_part("counting", 0.2, "a new best starts the count over, and so does a cut", lambda g: [
         plateau_case(g, "--++-++-+++++++", factor=0.5, patience=2)]),
     _plateau_part("best", 0.15, "what counts is the best metric so far; the same value again is no new best",
         # one cut each, or patience 0: so that a count which goes on after a cut does not fail here as well
         lambda g: [
         plateau_case(g, "--++++<", factor=0.5, patience=4), plateau_case(g, "--===", factor=0.5, patience=2),
         plateau_case(g, "--++<", factor=0.5, patience=0), plateau_case(g, "--n++", factor=0.5, patience=2),
         high_case(g, "----++", factor=0.5, patience=1)]),
     _plateau_part("groups", 0.15, "every group is cut, each from its own rate", lambda g: [
         plateau_case(g, "-++", rates=3, factor=0.5, patience=0)]),
     _plateau_part("floor", 0.1, "no rate goes below min_lr", lambda g: [
         plateau_case(g, "-++++", rates=2, factor=0.2, patience=0, min_lr=0.05)])],
    [Mistake("plateau-early", "The cut comes one metric too soon. `patience` is how many bad metrics in a row are "
             "*tolerated*: the cut comes at the one after. Lesson 6's EarlyStopping counts one fewer.",
             varied(_Plateau, due=lambda self: self.bad >= max(1, self.patience))),
     Mistake("plateau-due-without-bad", "The cut comes one metric too soon; with patience 0 even at a new best. The "
             "count must exceed `patience`.",
             varied(_Plateau, due=lambda self: self.bad >= self.patience)),
     Mistake("plateau-equals", "The cut comes one metric too soon, and with patience 0 never: the count, once it is "
             "raised, is compared with `patience` by ==. It must exceed it.",
             varied(_Plateau, due=lambda self: self.bad == self.patience > 0)),
     Mistake("plateau-late", "The cut comes one metric too late: it is due at number patience + 1.",
             [varied(_Plateau, due=lambda self: self.bad > self.patience + 1)]),
     Mistake("plateau-checked-before-counting", "The cut comes one metric too late: the count is compared before the "
             "metric at hand has been counted.",
             varied(_Plateau, step=lambda self, metric: _check_first(self, metric))),
     Mistake("plateau-patience-ignored", "It waits for ten metrics, whatever was asked for: `patience` is not used.",
             varied(_Plateau, __init__=_patience_fixed)),
     Mistake("plateau-impatient", "It cuts at each metric that is no new best: `patience` is not used.",
             varied(_Plateau, due=lambda self: self.bad > 0)),
     Mistake("plateau-never-cuts", "The rate was never changed. It is the optimizer's groups that must be changed: "
             "`group[\"lr\"]`, for each `group` in `optimizer.param_groups`.",
             [varied(_Plateau, cut=lambda self: None)]),
     Mistake("plateau-higher-is-better", "It takes higher for better. The metric here is a loss.",
             [varied(_Plateau, worst=-math.inf, better=lambda self, metric: metric > self.best),
              varied(_Plateau, worst=0.0, better=lambda self, metric: metric > self.best)]),
     Mistake("plateau-best-from-zero", "No metric ever counts as a new best. A loss has no upper end: start from "
             "infinity, or from the first metric, and let lower be better.",
             [varied(_Plateau, worst=0.0), varied(_Plateau, worst=-math.inf),
              varied(_Plateau, better=lambda self, metric: metric > self.best)]),
     Mistake("plateau-best-not-updated", "The best stays the first metric: whatever is below *that* counts as good "
             "news for ever.", varied(_Plateau, improved=_keeping_all)),
     Mistake("plateau-count-not-reset", "After a cut the count goes on, so that each further metric cuts again. A "
             "cut starts the count over.", varied(_Plateau, start_over=lambda self, metric: None)),
     Mistake("plateau-count-after-improvement", "A new best does not start the count over: bad metrics are to be "
             "counted in a row.", varied(_Plateau, improved=lambda self, metric: setattr(self, "best", metric))),
     Mistake("plateau-best-forgotten", "After a cut it forgets the best, so that the next metric counts as a new "
             "one. Only the count starts over.",
             varied(_Plateau, start_over=lambda self, metric: self.improved(math.inf))),
     Mistake("plateau-best-moved-by-cut", "A cut makes the metric at hand the best. It is none: after a cut only the "
             "count starts over.", varied(_Plateau, start_over=_Plateau.improved)),
     Mistake("plateau-nan-is-good", "A metric that is nan counts as good news and takes the best away: every "
             "comparison with nan is False. Ask whether the metric is *below* the best; anything else is bad.",
             varied(_Plateau, better=lambda self, metric: not metric >= self.best)),
     Mistake("plateau-best-from-a-number", "Where all losses are high, none counts as a new best: the best starts from "
             "a number that a loss may exceed. Start from infinity, or from the first metric.",
             [varied(_Plateau, worst=worst) for worst in (10.0, 100.0)]),
     Mistake("plateau-against-previous", "Each metric is compared with the one before it. From a bad one it is easy "
             "to come down: compare with the best so far.",
             [varied(_Plateau, better=_against_previous),
              varied(_Plateau, step=lambda self, metric: _remember_last(self, metric))]),
     Mistake("plateau-equal-is-better", "The same value again counts as an improvement here. On a true plateau it "
             "would wait for ever.", [varied(_Plateau, better=lambda self, metric: metric <= self.best),
                                      varied(_Plateau, better=lambda self, metric: not metric > self.best)]),
     Mistake("plateau-first-group", "Only the first group was cut.", varied(_Plateau, cut=_only_first)),
     Mistake("plateau-all-alike", "All groups get the first group's rate. Each is cut from its own.",
             varied(_Plateau, cut=_all_alike)),
     Mistake("plateau-from-base", "Each cut starts from the first rate again, so that only the first one shows. Cut "
             "what the rate is now.", varied(_Plateau, cut=_from_base)),
     Mistake("plateau-floor-ignored", "The rate goes below min_lr: `min_lr` is not used.",
             varied(_Plateau, lowered=lambda self, lr: lr * self.factor)),
     Mistake("plateau-floor-skips", "A cut that would go below min_lr is left out. It should go down to min_lr.",
             varied(_Plateau, lowered=lambda self, lr: lr * self.factor if lr * self.factor >= self.min_lr else lr)),
     Mistake("plateau-floor-below", "min_lr is taken as a ceiling. It is a floor: take the larger of min_lr and the "
             "lowered rate.",
             varied(_Plateau, lowered=lambda self, lr: min(lr * self.factor, self.min_lr))),
     Mistake("plateau-floor-added", "min_lr is added to the rate. It is a floor.",
             [varied(_Plateau, lowered=lambda self, lr: lr * self.factor + self.min_lr),
              varied(_Plateau, lowered=lambda self, lr: self.min_lr + (lr - self.min_lr) * self.factor)]),
     Mistake("plateau-grows", "A cut makes the rate larger: it is divided by `factor`, which is below 1.",
             varied(_Plateau, lowered=lambda self, lr: lr / self.factor)),
     Mistake("plateau-subtracts", "`factor` is taken off the rate, or 1 − factor multiplies it. A cut multiplies by "
             "`factor`.", [varied(_Plateau, lowered=lambda self, lr: max(lr - self.factor, self.min_lr)),
                           varied(_Plateau, lowered=lambda self, lr: max(lr * (1 - self.factor), self.min_lr))]),
     Mistake("plateau-sets-factor", "The rate becomes `factor` itself. It should be multiplied by it.",
             varied(_Plateau, lowered=lambda self, lr: self.factor)),
     Mistake("plateau-factor-ignored", "Each cut is to a tenth, whatever was asked for: `factor` is not used.",
             varied(_Plateau, __init__=_defaults_only)),
     Mistake("plateau-compares-with-none", "The first metric is compared with None. Start from a best that every "
             "metric beats, or treat the first one apart.",
             shows=lambda finding, seen, case: "NoneType" in seen.get("raised", {}).get("text", ""))],
    OFF_LIMITS, "A count, a best, and a loop over `optimizer.param_groups` are your tools.")


def _check_first(self, metric):
    if self.bad > self.patience:
        self.cut()
        self.start_over(metric)
    if self.better(metric):
        self.improved(metric)
    else:
        self.bad += 1


def _remember_last(self, metric):
    self.bad = 0 if metric < self.best else self.bad + 1
    self.best = metric
    if self.due():
        self.cut()
        self.start_over(metric)
