"""The check of dynamic loss scaling: looked at through weights, gradients and the scale, step after step."""

import math

import torch
from torch import nn

from ..core import Check, Mistake, Part

GOOD, BAD = "good", "bad"


def steps_of(g, *pattern, parameters=3, where=None):
    """One list of gradients per step: finite where the pattern says "+", with inf, -inf or nan in it where not.

    where: which parameters are bad, by step; a drawn one else.
    """
    bads = {"i": math.inf, "m": -math.inf, "n": math.nan}
    steps = []
    for number, sign in enumerate("".join(pattern)):
        gradients = [torch.randn(size, generator=g, dtype=torch.float64) for size in (4, 3, 5)[:parameters]]
        if sign != "+":
            which = where if where is not None else int(torch.randint(parameters, (), generator=g))
            gradients[which][int(torch.randint(len(gradients[which]), (), generator=g))] = bads[sign]
        steps.append(gradients)
    return steps


def weights_of(g, parameters=3):
    """Weights to start from."""
    return [torch.randn(size, generator=g, dtype=torch.float64) for size in (4, 3, 5)[:parameters]]


class _Momentum:
    """SGD with momentum 0.9, in the form of torch's optimizers and many times as quick to call."""

    def __init__(self, groups):
        self.param_groups, self.state = groups, {}

    def zero_grad(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p] = p.grad + 0.9 * self.state.get(p, 0.0)
                    p -= group["lr"] * self.state[p]


def trained(answer, weights, steps, init_scale, growth_interval, unused=False, looks=("weights",)):
    """What is there after each step: the weights, the gradients, the scale, as `looks` says."""
    params = [nn.Parameter(w) for w in weights]
    others = [nn.Parameter(torch.ones(2, dtype=torch.float64))] if unused else []
    optimizer = _Momentum([{"params": others + params[:1], "lr": 0.1}, {"params": params[1:], "lr": 0.05}])
    scaler, seen = answer(init_scale, growth_interval), {}
    if "scale" in looks:
        seen["scale at first"] = scaler.scale
    for number, gradients in enumerate(steps, 1):
        optimizer.zero_grad()
        loss = sum((p * grad).sum() for p, grad in zip(params, gradients))
        (loss * scaler.scale).backward()
        before = float(scaler.scale)
        scaler.step(optimizer)
        after = f"after step {number}"
        if "weights" in looks:
            seen |= {f"parameter {k} {after}": p for k, p in enumerate(params, 1)}
        if "gradients" in looks:
            seen |= {f"gradient of parameter {k} {after}": p.grad for k, p in enumerate(params, 1)}
        if "kept" in looks:
            seen[f"change of the scale in step {number}"] = float(scaler.scale) - before
        scaler.update()
        if "gradients" in looks:
            seen |= {f"gradient of parameter {k} after update {number}": p.grad for k, p in enumerate(params, 1)}
        if "scale" in looks:
            seen[f"scale after update {number}"] = scaler.scale
    return seen


class _Scaler:
    """The reference; a mistake is a subclass."""

    def __init__(self, init_scale=2.0 ** 16, growth_interval=2000):
        self.scale, self.growth_interval, self.first = init_scale, growth_interval, init_scale
        self.good, self.overflow = 0, False

    def step(self, optimizer):
        self.found = self.overflown(optimizer)
        self.unscale(optimizer)
        self.overflow = self.overflow or self.found
        if not self.found:
            optimizer.step()

    def update(self):
        if self.overflow:
            self.back_off()
        else:
            self.good += 1
            if self.due():
                self.grow()
        self.overflow = False

    def gradients(self, optimizer):
        return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]

    def overflown(self, optimizer):
        return any(self.bad(grad) for grad in self.gradients(optimizer))

    def bad(self, grad):
        return not grad.isfinite().all()

    def unscale(self, optimizer):
        for grad in self.gradients(optimizer):
            grad.div_(self.scale)

    def due(self):
        return self.good >= self.growth_interval

    def grow(self):
        self.scale, self.good = self.scale * 2, 0

    def back_off(self):
        self.scale, self.good = self.scale / 2, 0


def varied(**methods):
    """A loss scaler with some methods of its own."""
    return type("LossScaler", (_Scaler,), methods)


def _none(self, optimizer):
    """Nothing is divided."""


def _times(self, optimizer):
    for grad in self.gradients(optimizer):
        grad.mul_(self.scale)


def _before_and_after(self, optimizer):
    self.unscale(optimizer)
    _Scaler.step(self, optimizer)


def _after(self, optimizer):
    if not self.overflown(optimizer):
        optimizer.step()
    else:
        self.overflow = True
    self.unscale(optimizer)


def _by_first(self, optimizer):
    for grad in self.gradients(optimizer):
        grad.div_(self.first)


def _unscaled_in_update(self):
    for grad in self.last:
        grad.div_(self.scale)
    _Scaler.update(self)


def _remembering(self, optimizer):
    self.last = self.gradients(optimizer)
    _Scaler.step(self, optimizer)


def _step_first(self, optimizer):
    self.unscale(optimizer)
    optimizer.step()
    self.overflow = self.overflown(optimizer)


def _cleaned(self, optimizer):
    self.overflow = self.overflown(optimizer)
    self.unscale(optimizer)
    for grad in self.gradients(optimizer):
        grad.nan_to_num_(0.0, 0.0, 0.0)
    optimizer.step()


def _cleared(self, optimizer):
    self.overflow = self.overflown(optimizer)
    self.unscale(optimizer)
    if self.overflow:
        for grad in self.gradients(optimizer):
            grad.zero_()
    optimizer.step()


def _only_the_bad(self, optimizer):
    self.unscale(optimizer)
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None and self.bad(p.grad):
                p.grad, self.overflow = None, True
    optimizer.step()


def _sticky(self):
    overflow = self.overflow
    _Scaler.update(self)
    self.overflow = overflow


def _waits_for_the_flag(self, optimizer):
    self.unscale(optimizer)
    self.overflow = self.overflow or self.overflown(optimizer)
    if not self.overflow:
        optimizer.step()


def _at_once(self, optimizer):
    _Scaler.step(self, optimizer)
    _Scaler.update(self)


def _backs_off_at_once(self, optimizer):
    _Scaler.step(self, optimizer)
    if self.overflow:
        self.back_off()
        self.overflow, self.held = False, True


def _unless_held(self):
    if not self.__dict__.pop("held", False):
        _Scaler.update(self)


def _call(case):
    signs = " ".join("+" if all(t.isfinite().all() for t in step) else "×" for step in case["steps"])
    return (f"LossScaler({case['init_scale']:g}, {case['growth_interval']}); gradients of its steps, × where one is "
            f"inf or nan: {signs}")


def _part(name, share, holds, cases):
    return Part(name, share, holds, cases, trained, shows=_call)


def _cases(g, *patterns, looks, scale=1024.0, interval=100, **options):
    where = options.pop("where", [None] * len(patterns))
    return [{"weights": weights_of(g), "steps": steps_of(g, pattern, where=place), "init_scale": scale,
             "growth_interval": interval, "looks": list(looks), **options}
            for pattern, place in zip(patterns, where)]


def _text(*words):
    """Recognises an error by what it says."""
    return lambda finding, seen, case: any(word in seen.get("raised", {}).get("text", "") for word in words)


LossScaler = Check(
    "LossScaler", "LossScaler(init_scale, growth_interval)", _Scaler,
    [_part("steps", 0.35, "the optimizer steps with the true gradients, and they are there afterwards", lambda g: [
         *_cases(g, "+++", looks=["weights", "gradients"]),
         *_cases(g, "++", looks=["weights", "gradients"], scale=2.0 ** 15, unused=True)]),
     _part("skips", 0.3, "where any gradient is inf or nan, weights and momentum stay as they are", lambda g: [
         *_cases(g, "+i+", "m+", "+n++", looks=["weights"], where=[0, 1, 2]),
         *_cases(g, "+n+", "i+", looks=["weights"], where=[0, 2])]),
     _part("scale", 0.25, "halved after an overflow, doubled after growth_interval good steps in a row",
         lambda g: [
         *_cases(g, "+++++++", looks=["scale"], interval=3),
         *_cases(g, "ii+", looks=["scale"], interval=50),
         *_cases(g, "++n+++++", looks=["scale"], interval=3), *_cases(g, "+++", looks=["scale"], interval=1)]),
     _part("order", 0.1, "only update() changes the scale", lambda g: [
         *_cases(g, "++i+", looks=["kept"], interval=2)])],
    [Mistake("scaler-not-unscaled", "The optimizer stepped with the scaled gradients: the step is `scale` times too "
             "long. Divide every `.grad` by the scale first, in place, or put the quotient back into `.grad`.",
             varied(unscale=_none)),
     Mistake("scaler-multiplied", "The gradients were multiplied by the scale once more. The loss was multiplied by "
             "it, so the gradients are to be divided.", varied(unscale=_times)),
     Mistake("scaler-unscaled-twice", "The gradients were divided by the scale twice.", [
         varied(step=_before_and_after), varied(step=_remembering, update=_unscaled_in_update)]),
     Mistake("scaler-unscaled-too-late", "The gradients are divided by the scale after the optimizer has stepped with "
             "them.", varied(step=_after)),
     Mistake("scaler-unscaled-by-first", "The gradients are divided by the scale of the beginning. It has changed "
             "since: divide by the one the loss was multiplied by.", varied(unscale=_by_first)),
     Mistake("scaler-nan-missed", "It looks for inf only. inf − inf and 0 · inf are nan, and nan is neither.",
             [varied(bad=lambda self, grad: grad.isinf().any()),
              varied(bad=lambda self, grad: (grad.abs() == math.inf).any())]),
     Mistake("scaler-inf-missed", "It looks for nan only. A float16 that is too large becomes inf.",
             varied(bad=lambda self, grad: grad.isnan().any())),
     Mistake("scaler-minus-inf-missed", "It finds inf and misses −inf.", [
         varied(bad=lambda self, grad: (grad == math.inf).any() or grad.isnan().any()),
         varied(bad=lambda self, grad: (grad == math.inf).any())]),
     Mistake("scaler-whole-tensor", "It takes a gradient for an overflow only where *all* its entries are inf or nan. "
             "One entry is enough to spoil the weights.",
             varied(bad=lambda self, grad: not grad.isfinite().any())),
     Mistake("scaler-one-parameter", "Not every gradient is looked at: an inf in one of them went into the weights. "
             "Go through all parameters of all groups before you step.",
             [varied(overflown=lambda self, optimizer: self.bad(self.gradients(optimizer)[0])),
              varied(overflown=lambda self, optimizer: self.bad(self.gradients(optimizer)[-1])),
              varied(overflown=lambda self, optimizer: any(
                  p.grad is not None and self.bad(p.grad) for p in optimizer.param_groups[0]["params"])),
              varied(overflown=lambda self, optimizer: any(
                  p.grad is not None and self.bad(p.grad) for p in optimizer.param_groups[-1]["params"]))]),
     Mistake("scaler-first-group", "Only the gradients of the first group are divided by the scale. An optimizer can "
             "have several.", varied(gradients=lambda self, optimizer: [
                 p.grad for p in optimizer.param_groups[0]["params"] if p.grad is not None])),
     Mistake("scaler-never-skips", "It steps even where a gradient is inf or nan, and the weights are lost.",
             [varied(overflown=lambda self, optimizer: False), varied(step=_step_first)]),
     Mistake("scaler-cleaned", "It puts other numbers in place of inf and nan, and steps. The rest of such a gradient "
             "is no better, and momentum moves the weights even where the gradient is 0. Leave out the whole step.",
             [varied(step=_cleaned), varied(step=_cleared)]),
     Mistake("scaler-skips-parameter", "It leaves out the parameter with the overflow and moves the others. The whole "
             "step is to be left out.", varied(step=_only_the_bad)),
     Mistake("scaler-never-backs-off", "After an overflow the scale stays. It would overflow for ever: halve it.",
             [varied(back_off=lambda self: setattr(self, "good", 0)), varied(back_off=lambda self: None)]),
     Mistake("scaler-never-grows", "The scale never grows. After `growth_interval` good steps in a row it doubles.",
             varied(grow=lambda self: None)),
     Mistake("scaler-grows-each-step", "Once the scale has doubled it doubles again at every good step. The count "
             "starts over when it has.", varied(grow=lambda self: setattr(self, "scale", self.scale * 2))),
     Mistake("scaler-grows-every-update", "The scale doubles at each good step, however long `growth_interval` is.",
             varied(due=lambda self: True)),
     Mistake("scaler-count-not-in-a-row", "The good steps before an overflow still count. They are to be counted in a "
             "row: an overflow starts the count over.",
             varied(back_off=lambda self: setattr(self, "scale", self.scale / 2))),
     Mistake("scaler-grows-late", "The scale grows one step too late: it is due at number `growth_interval`.",
             varied(due=lambda self: self.good > self.growth_interval)),
     Mistake("scaler-grows-early", "The scale grows one step too early: it is due at number `growth_interval`.",
             varied(due=lambda self: self.good >= max(1, self.growth_interval - 1))),
     Mistake("scaler-sticky", "The overflow is not forgotten: after one, every later step counts as one as well. "
             "Once update() has dealt with it, put the flag down.",
             [varied(update=_sticky), varied(step=_waits_for_the_flag, update=_sticky)]),
     Mistake("scaler-swapped", "It doubles where it should halve, and halves where it should double. After an "
             "overflow the gradients must become smaller.",
             varied(grow=lambda self: (setattr(self, "scale", self.scale / 2), setattr(self, "good", 0)),
                    back_off=lambda self: (setattr(self, "scale", self.scale * 2), setattr(self, "good", 0)))),
     Mistake("scaler-back-to-start", "After an overflow the scale goes back to where it began. It is halved.",
             varied(back_off=lambda self: (setattr(self, "scale", self.first), setattr(self, "good", 0)))),
     Mistake("scaler-back-to-one", "After an overflow the scale is 1: no scaling at all. It is halved.",
             varied(back_off=lambda self: (setattr(self, "scale", 1.0), setattr(self, "good", 0)))),
     Mistake("scaler-changed-in-step", "step() changes the scale already. It is called once for each optimizer, and "
             "all of a step's gradients were made with one scale: leave that to update().",
             [varied(step=_at_once, update=lambda self: None),
              varied(step=_backs_off_at_once, update=_unless_held)]),
     Mistake("scaler-none-gradient", "A parameter that had no part in the loss has None for a gradient. Pass over it.",
             shows=_text("NoneType"))],
    frozenset({"torch.amp.grad_scaler", "torch.amp.GradScaler", "torch.cuda.amp.GradScaler"}),
    "A count, a flag, and a loop over the groups' parameters are your tools.",
    hint="step(optimizer) divides each gradient by the scale and steps only where all of them are finite; update() "
         "then changes the scale.")
