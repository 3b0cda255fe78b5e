"""The checks of what acts on an optimizer: looked at through the rates that it leaves in the optimizer's groups."""

import copy
import math

import torch
from torch import nn

from ..core import Check, Mistake, Part
from .drawing import OFF_LIMITS, rate

# ------------------------------------------------------------------------------------------- ReduceOnPlateau


def optimizer_with(rates):
    """An optimizer with a group for each of the rates; its default rate is another one."""
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in rates], lr=3.3)


def rates_of(optimizer, when) -> dict:
    """The learning rate of each group, under the words that say when it was looked at."""
    return {f"lr of group {number} {when}": group["lr"] for number, group in enumerate(optimizer.param_groups, 1)}


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
            self.start_over()

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

    def start_over(self):
        self.bad = 0


def varied(base, **methods):
    """A subclass of base with some methods of its own."""
    return type(base.__name__, (base,), methods)


def _setting(*names):
    """A method that sets attributes: `_setting("best", math.inf)`."""
    name, value = names
    return lambda self, *rest: setattr(self, name, value)


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
         lambda g: [
         plateau_case(g, "--++++<<<", factor=0.5, patience=4), plateau_case(g, "--====", factor=0.5, patience=2),
         plateau_case(g, "--+++++<", factor=0.5, patience=2),
         plateau_case(g, "-+++<<<<", factor=0.5, patience=1), plateau_case(g, "--n+++", factor=0.5, patience=2),
         high_case(g, "----++", factor=0.5, patience=1)]),
     _plateau_part("groups", 0.15, "every group is cut, each from its own rate", lambda g: [
         plateau_case(g, "-++++", rates=3, factor=0.5, patience=1)]),
     _plateau_part("floor", 0.1, "no rate goes below min_lr", lambda g: [
         plateau_case(g, "-++++", rates=2, factor=0.2, patience=0, min_lr=0.05)])],
    [Mistake("plateau-early", "The cut comes one metric too soon. `patience` is how many bad metrics in a row are "
             "*borne*: the cut comes at the one after. Lesson 6's EarlyStopping counts one fewer.",
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
             "cut starts the count over.", varied(_Plateau, start_over=lambda self: None)),
     Mistake("plateau-count-after-improvement", "A new best does not start the count over: bad metrics are to be "
             "counted in a row.", varied(_Plateau, improved=lambda self, metric: setattr(self, "best", metric))),
     Mistake("plateau-best-forgotten", "After a cut it forgets the best, so that the next metric counts as a new "
             "one. Only the count starts over.",
             varied(_Plateau, start_over=lambda self: (setattr(self, "bad", 0), setattr(self, "best", math.inf)))),
     Mistake("plateau-best-moved-by-cut", "A cut makes the metric at hand the best. It is none: after a cut only the "
             "count starts over.", varied(_Plateau, step=lambda self, metric: _best_at_cut(self, metric))),
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
        self.start_over()
    if self.better(metric):
        self.improved(metric)
    else:
        self.bad += 1


def _best_at_cut(self, metric):
    if self.better(metric):
        self.improved(metric)
    else:
        self.bad += 1
    if self.due():
        self.cut()
        self.improved(metric)


def _remember_last(self, metric):
    self.bad = 0 if metric < self.best else self.bad + 1
    self.best = metric
    if self.due():
        self.cut()
        self.start_over()


# ------------------------------------------------------------------------------------------------- Scheduler


class _Scheduler:
    """The reference; a mistake is a subclass."""

    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule, self.count = optimizer, schedule, 0
        self.base = [group["lr"] for group in optimizer.param_groups]
        self.start()

    def start(self):
        self.apply(0)

    def step(self):
        self.count += 1
        self.apply(self.count)

    def apply(self, n):
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * self.schedule(n)

    def state_dict(self):
        return {"count": self.count, "base": list(self.base)}

    def load_state_dict(self, state):
        self.count, self.base = state["count"], list(state["base"])
        self.apply(self.count)


def stepped(answer, rates, factors, steps):
    """The learning rates after each step, from the first on."""
    optimizer = optimizer_with(rates)
    scheduler, seen = answer(optimizer, factors.__getitem__), {}
    for number in range(1, steps + 1):
        scheduler.step()
        seen |= rates_of(optimizer, f"after step() number {number}")
    return seen


def constructed(answer, rates, factors):
    """The learning rates once the scheduler is there."""
    optimizer = optimizer_with(rates)
    answer(optimizer, factors.__getitem__)
    return rates_of(optimizer, "after construction")


def resumed(answer, rates, factors, before, optimizer_too, on):
    """Save after `before` steps, go `on` with it or not, load into a fresh optimizer and scheduler, step on.

    The fresh optimizer gets the old one's state, whose rates are those of that step, "before" or "after" the fresh
    scheduler is built on it; or never, and has rates of its own.
    """
    optimizer = optimizer_with(rates)
    scheduler = answer(optimizer, factors.__getitem__)
    for _ in range(before):
        scheduler.step()
    state, optimizer_state = scheduler.state_dict(), copy.deepcopy(optimizer.state_dict())
    if on:
        _resume(answer, rates, factors, state, optimizer_state, optimizer_too)
    for _ in range(on):
        scheduler.step()
    return _resume(answer, rates, factors, state, optimizer_state, optimizer_too)


def _resume(answer, rates, factors, state, optimizer_state, optimizer_too):
    fresh = optimizer_with([7.7] * len(rates))
    if optimizer_too == "before":
        fresh.load_state_dict(copy.deepcopy(optimizer_state))
    scheduler = answer(fresh, factors.__getitem__)
    if optimizer_too == "after":
        fresh.load_state_dict(copy.deepcopy(optimizer_state))
    scheduler.load_state_dict(state)
    seen = rates_of(fresh, "after load_state_dict")
    for number in range(1, 4):
        scheduler.step()
        seen |= rates_of(fresh, f"{number} steps after load_state_dict")
    return seen


def factors_of(g, length=16) -> list[float]:
    """Factors that a schedule gives, one for each step; none of them 1, and no two alike."""
    order = torch.randperm(length, generator=g).tolist()
    return [round(0.15 + 0.11 * place, 3) for place in order]


def _schedule_case(g, groups=2, **options):
    return {"rates": [rate(g) for _ in range(groups)], "factors": factors_of(g), **options}


def _factors_in_words(case):
    return ", ".join(f"{factor:g}" for factor in case["factors"][:5])


def _zeros_case(g, **options):
    """A case whose schedule is 0 at the start, as a warm-up is, and once more on the way."""
    case = _schedule_case(g, **options)
    return {**case, "factors": [0.0, *case["factors"][1:3], 0.0, *case["factors"][4:]]}


def _divided_by_zero(finding, seen, case):
    return "division by zero" in seen.get("raised", {}).get("text", "")


def _schedule_call(then):
    def shows(case):
        rates = " and ".join(f"{lr:g}" for lr in case["rates"])
        return (f"Scheduler(optimizer, schedule), base rates {rates}, schedule(0), schedule(1), … = "
                f"{_factors_in_words(case)}, …{then}")
    return shows


def _fewer_groups(self, n):
    group = self.optimizer.param_groups[0]
    group["lr"] = self.base[0] * self.schedule(n)


def _first_base(self, n):
    for group in self.optimizer.param_groups:
        group["lr"] = self.base[0] * self.schedule(n)


def _default_base(self, n):
    for group in self.optimizer.param_groups:
        group["lr"] = self.optimizer.defaults["lr"] * self.schedule(n)


def _each(change):
    """apply(n) by a function of the group's present rate, its base rate and schedule(n)."""
    def apply(self, n):
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = change(group["lr"], base, self.schedule(n))
    return apply


def _use_then_count(self):
    self.apply(self.count)
    self.count += 1


def _two_at_once(self):
    self.count += 2
    self.apply(self.count)


class _SchedulerOfState:
    """Keeps what changes in one dictionary, hands that out, and keeps the one it loads."""

    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.state = {"count": 0, "base": [group["lr"] for group in optimizer.param_groups]}
        self.apply()

    def apply(self):
        for group, base in zip(self.optimizer.param_groups, self.state["base"]):
            group["lr"] = base * self.schedule(self.state["count"])

    def step(self):
        self.state["count"] += 1
        self.apply()

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state
        self.apply()


class _SchedulerOfGroups(_Scheduler):
    """Keeps the groups that the optimizer had at construction."""

    def __init__(self, optimizer, schedule):
        self.groups = optimizer.param_groups
        super().__init__(optimizer, schedule)

    def apply(self, n):
        for group, base in zip(self.groups, self.base):
            group["lr"] = base * self.schedule(n)


def _load_copy(self, state):
    self.state = copy.deepcopy(state)
    self.apply()


def _load_quietly(self, state):
    self.count, self.base = state["count"], list(state["base"])


def _load_count(self, state):
    self.count = state["count"]
    self.apply(self.count)


def _load_and_step(self, state):
    self.count, self.base = state["count"], list(state["base"])
    self.step()


def _load_base(self, state):
    self.base = list(state["base"])
    self.apply(self.count)


def _load_everything(self, state):
    self.__dict__.update(state)
    self.apply(self.count)


def _state_of_rates(self):
    return {"count": self.count, "base": [group["lr"] for group in self.optimizer.param_groups]}


def _load_count_quietly(self, state):
    self.count = state["count"]


Scheduler = Check(
    "Scheduler", "Scheduler(optimizer, schedule)", _Scheduler,
    [Part("steps", 0.4, "after n steps every group is at its base rate · schedule(n)", lambda g: [
         _schedule_case(g, steps=9), _schedule_case(g, groups=1, steps=5), _zeros_case(g, steps=6)], stepped,
          shows=_schedule_call("; then step() some times")),
     Part("start", 0.15, "schedule(0) is in force from construction on", lambda g: [_schedule_case(g, groups=3)],
          constructed, shows=_schedule_call("; looked at before any step()")),
     Part("resume", 0.3, "loaded into a fresh optimizer and scheduler, it goes on as if there had been no break",
         lambda g: [
         _schedule_case(g, before=4, optimizer_too=too, on=0) for too in ("before", "after", "never")], resumed,
          shows=_schedule_call("; saved after 4 steps, loaded into fresh ones")),
     Part("snapshot", 0.15, "what state_dict gave does not change when the schedulers go on", lambda g: [
         _schedule_case(g, before=3, optimizer_too="before", on=4)], resumed,
          shows=_schedule_call("; saved after 3 steps, loaded again after more of them"))],
    [Mistake("scheduler-from-previous", "The new rate is computed from the old one. A factor of 0, as at the start of "
             "a warm-up, leaves nothing to scale: multiply the base rate.", shows=_divided_by_zero),
     Mistake("scheduler-compounds", "Each step multiplies what the rate is *now*, so the factors pile up. "
             "schedule(n) is the whole factor: it multiplies the base rate.",
             varied(_Scheduler, apply=_each(lambda lr, base, factor: lr * factor))),
     Mistake("scheduler-one-late", "The rates lag one step behind: the first step() applies schedule(0) again. Count "
             "first, then apply.", varied(_Scheduler, step=_use_then_count)),
     Mistake("scheduler-one-early", "The rates are one step ahead: the first step() applies schedule(2).",
             [varied(_Scheduler, start=lambda self: _Scheduler.step(self)),
              varied(_Scheduler, start=lambda self: (self.apply(0), setattr(self, "count", 1))[0])]),
     Mistake("scheduler-steps-by-two", "Every step() counts as two.", varied(_Scheduler, step=_two_at_once)),
     Mistake("scheduler-never-counts", "The step is never counted: schedule(0) stays in force.",
             [varied(_Scheduler, step=lambda self: self.apply(0)), varied(_Scheduler,
              step=lambda self: self.apply(1))]),
     Mistake("scheduler-factor-as-rate", "The factor itself became the rate. It multiplies the group's base rate.",
             varied(_Scheduler, apply=_each(lambda lr, base, factor: factor))),
     Mistake("scheduler-adds", "The factor is added to the base rate. It multiplies it.",
             varied(_Scheduler, apply=_each(lambda lr, base, factor: base + factor))),
     Mistake("scheduler-divides", "The base rate is divided by the factor. It is multiplied by it.",
             varied(_Scheduler, apply=_each(lambda lr, base, factor: base / factor))),
     Mistake("scheduler-first-group", "Only the first group's rate moves. An optimizer can have several.",
             varied(_Scheduler, apply=_fewer_groups)),
     Mistake("scheduler-one-base", "All groups follow the first group's base rate. Each has its own.",
             varied(_Scheduler, apply=_first_base)),
     Mistake("scheduler-default-base", "The base rate is taken from `optimizer.defaults`. The groups may have rates "
             "of their own: `group[\"lr\"]`.", varied(_Scheduler, apply=_default_base)),
     Mistake("scheduler-no-start", "At construction the rates stay as they were. schedule(0) should be in force "
             "before the first batch: with a warm-up from 0, the first step would otherwise be a full one.",
             varied(_Scheduler, start=lambda self: None)),
     Mistake("scheduler-base-lost", "After loading, the base rates are wrong. The fresh scheduler read them from an "
             "optimizer whose rates were not the base rates; the true ones must be in the state, and loaded from it.",
             [varied(_Scheduler, load_state_dict=_load_count),
              varied(_Scheduler, load_state_dict=_load_count_quietly)]),
     Mistake("scheduler-state-of-rates", "What was saved as base rates are the present ones, already scaled. The "
             "base rates are those from before the first step.", [
                 varied(_Scheduler, state_dict=_state_of_rates),
                 varied(_Scheduler, state_dict=_state_of_rates, load_state_dict=_load_quietly)]),
     Mistake("scheduler-load-sets-no-rate", "After load_state_dict the optimizer's rates are still those of the "
             "fresh scheduler, until the next step(). The first batch would be taken with a wrong rate.",
             varied(_Scheduler, load_state_dict=_load_quietly)),
     Mistake("scheduler-load-steps", "Loading takes a step: what comes back is one ahead of what was saved.",
             varied(_Scheduler, load_state_dict=_load_and_step)),
     Mistake("scheduler-step-lost", "After loading it starts again from schedule(0): the step was not restored.",
             [varied(_Scheduler, load_state_dict=_load_base),
              varied(_Scheduler, load_state_dict=lambda self, state: None)]),
     Mistake("scheduler-groups-kept", "After optimizer.load_state_dict the scheduler moves groups that are no longer "
             "the optimizer's: loading replaces the list `param_groups` and the dictionaries in it. Look the groups "
             "up in the optimizer each time.", _SchedulerOfGroups),
     Mistake("scheduler-state-of-the-old", "Loading moves the old optimizer, not the fresh one: the whole scheduler "
             "was saved, its optimizer too. Save what changes and the base rates, nothing else.",
             varied(_Scheduler, state_dict=lambda self: dict(self.__dict__), load_state_dict=_load_everything)),
     Mistake("scheduler-alias", "What state_dict gave changes when the scheduler steps on: it hands out its own "
             "dictionary, or keeps the one it loads. A snapshot is a copy.",
             [_SchedulerOfState, varied(_SchedulerOfState, load_state_dict=_load_copy),
              varied(_SchedulerOfState, state_dict=lambda self: copy.deepcopy(self.state))]),
     Mistake("scheduler-no-state", "`state_dict` gave nothing to load. Perhaps its `return` is missing.",
             shows=lambda finding, seen, case: "NoneType" in seen.get("raised", {}).get("text", ""))],
    OFF_LIMITS, "A count, the base rates, and a loop over `optimizer.param_groups` are your tools.")
