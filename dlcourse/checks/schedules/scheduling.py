"""The check of the object that carries a schedule out: Scheduler."""

import copy

import torch

from ..asking import varied
from ..core import Check, Mistake, Part
from .acting import optimizer_with, rates_of
from .drawing import OFF_LIMITS, rate


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
    scheduler is built on it; or never, and has rates of its own. Where the old one goes on, the rates are looked at
    from the next step only: whether loading sets them is not the question then.
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
    return _resume(answer, rates, factors, state, optimizer_state, optimizer_too, at_once=not on)


def _resume(answer, rates, factors, state, optimizer_state, optimizer_too, at_once=False):
    fresh = optimizer_with([7.7] * len(rates))
    if optimizer_too == "before":
        fresh.load_state_dict(copy.deepcopy(optimizer_state))
    scheduler = answer(fresh, factors.__getitem__)
    if optimizer_too == "after":
        fresh.load_state_dict(copy.deepcopy(optimizer_state))
    scheduler.load_state_dict(state)
    seen = rates_of(fresh, "after load_state_dict") if at_once else {}
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


def _load_anew(self, state):
    self.__init__(self.optimizer, self.schedule)
    self.count = state["count"]
    self.apply(self.count)


def _load_by_steps(self, state):
    self.__init__(self.optimizer, self.schedule)
    for _ in range(state["count"]):
        self.step()


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
     Mistake("scheduler-load-constructs", "Loading runs `__init__` once more, which takes the rates of now, already "
             "multiplied by a factor, for base rates: the factors pile up. The base rates are in the state.",
             [varied(_Scheduler, load_state_dict=_load_anew), varied(_Scheduler, load_state_dict=_load_by_steps)]),
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
