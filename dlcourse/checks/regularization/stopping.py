"""Stopping when the validation loss has not been better for a while, and going back to the best."""

import copy
import math

import torch
from torch import nn

from ..asking import looked_at, raises, varied
from ..core import Check, Mistake, Part
from .looking import share


def falling(g, pattern, patience, delta=0.0):
    """A case: losses after a pattern, "-" a new best by 0.3 or more, "+" worse than the best, "=" the best again,
    "<" below it by 0.02, "v" below the loss before by 0.03, "n" nan.
    """
    best, losses = 5.0 + torch.rand((), generator=g).item(), [9.0]
    for sign in pattern:
        shift = 0.1 + 0.2 * torch.rand((), generator=g).item()
        best -= (0.2 + shift) if sign == "-" else 0.0
        losses.append({"-": best, "+": best + shift, "=": best, "<": best - 0.02, "v": losses[-1] - 0.03,
                       "n": math.nan}[sign])
    options = {"min_delta": delta} if delta else {}
    return {"losses": [round(loss, 3) for loss in losses[1:]], "patience": patience, **options}


def runs(*settings):
    """A part's cases, from (pattern, patience) or (pattern, patience, min_delta)."""
    return lambda g: [falling(g, *setting) for setting in settings]


def _model(value):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).double()
    _train(model, value)
    return model


@torch.no_grad()
def _train(model, value):
    """Move every weight and buffer, in place as optimizers do."""
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.fill_(value)


def _written(method, name, *arguments):
    """Call a method; where it is still a hole, say which one."""
    try:
        return method(*arguments)
    except NotImplementedError as error:
        if str(error):
            raise
        raise NotImplementedError(f"{name} is still to be written") from None


def _watch(answer, losses, patience, **options):
    stopping, model = answer(patience, **options), _model(0)
    stops = {}
    for number, loss in enumerate(losses, 1):
        _train(model, number)
        stops[f"stop after loss {number}"] = stopping.step(loss, model)
    return stopping, model, stops


def stops(answer, losses, patience, **options):
    """What step says after each loss."""
    return _watch(answer, losses, patience, **options)[2]


def restored(answer, losses, patience, **options):
    """The model after restore, and again after it was trained on and restored once more."""
    stopping, model, _ = _watch(answer, losses, patience, **options)
    same, seen = [id(p) for p in model.parameters()], {}
    state = lambda: {"weights": model[0].weight[0, 0].item(), "biases": model[1].bias[0].item(),
                     "running mean": model[1].running_mean[0].item()}
    before = state()
    if before["weights"] != len(losses):
        return {"weights before restore, set at the step": before["weights"]}
    for when in ("after restore", "after training on and restoring again"):
        _written(stopping.restore, "restore", model)
        seen |= {f"{name} {when}, set at the step": value for name, value in state().items()}
        _train(model, 99)
    return {**seen, "the model keeps its parameters": same == [id(p) for p in model.parameters()]}


def _stopping_call(case):
    delta = f", min_delta={case['min_delta']:g}" if "min_delta" in case else ""
    losses = ", ".join(f"{loss:.2f}" for loss in case["losses"])
    return f"EarlyStopping(patience={case['patience']}{delta}), then step(…) with {losses}"


class _Stopping:
    """The reference; a mistake is a subclass."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.bad, self.saved, self.last = self.worst, 0, None, None

    worst = math.inf

    def step(self, loss, model):
        if self.better(loss):
            self.best, self.bad = loss, 0
            self.keep(model)
        else:
            self.bad += 1
        return self.due()

    def better(self, loss):
        return loss < self.best - self.min_delta

    def due(self):
        return self.bad >= self.patience

    def keep(self, model):
        self.saved = copy.deepcopy(model.state_dict())

    def restore(self, model):
        if self.saved is not None:
            model.load_state_dict(self.saved)


def _against_previous(self, loss):
    previous, self.previous = getattr(self, "previous", math.inf), loss
    return loss < previous - self.min_delta


def _first_is_best(self, loss):
    return self.best == math.inf or loss < self.best - self.min_delta


def _never_reset(self, loss, model):
    if self.better(loss):
        self.best = loss
        self.keep(model)
    else:
        self.bad += 1
    return self.due()


def _count_late(self, loss, model):
    late = self.due()
    _Stopping.step(self, loss, model)
    return late


def _keep_any_lower(self, loss, model):
    if loss < getattr(self, "lowest", math.inf):
        self.lowest = loss
        self.keep(model)
    better = self.better(loss)
    self.best, self.bad = (loss, 0) if better else (self.best, self.bad + 1)
    return self.due()


def _creep(self, loss, model):
    better = self.better(loss)
    self.best, self.bad = min(self.best, loss), 0 if better else self.bad + 1
    if better:
        self.keep(model)
    return self.due()


def _creep_and_keep(self, loss, model):
    better, lower = self.better(loss), loss < self.best
    self.best, self.bad = min(self.best, loss), 0 if better else self.bad + 1
    if lower:
        self.keep(model)
    return self.due()


def _best_forgotten(self, loss, model):
    if self.better(loss):
        self.bad = 0
        self.best = loss if self.best == math.inf else self.best
        self.keep(model)
    else:
        self.bad += 1
    return self.due()


def _keep_every(self, loss, model):
    self.keep(model)
    return _Stopping.step(self, loss, model)


def _keep_parameters(self, model):
    self.saved = {name: p.detach().clone() for name, p in model.named_parameters()}


def _restore_parameters(self, model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(self.saved[name])


def _restore_by_alias(self, model):
    for name, p in [*model.named_parameters(), *model.named_buffers()]:
        p.data = self.saved[name]


def _keep_once(self, model):
    self.saved = self.saved or copy.deepcopy(model.state_dict())


def _stopping_part(name, share, holds, cases, observe=stops):
    return Part(name, share, holds, cases, observe, shows=_stopping_call)


EarlyStopping = Check(
    "EarlyStopping", "EarlyStopping(patience, min_delta)", _Stopping,
    [_stopping_part("patience", 0.4, "True comes at the patience-th loss in a row that is no new best",
                    runs(("--+++", 3), ("-+-++-+-++++", 4), ("--+", 1), ("-==+", 3))),
     _stopping_part("restore", 0.3, "restore brings back the weights and buffers of the last new best",
                    runs(("--+++", 3), ("+--+-++", 2), ("--", 2)), restored),
     _stopping_part("nan", 0.1, "a loss of nan counts as one that is no new best, and is never the best",
                    runs(("-nn", 2), ("n-n-+nn", 3), ("nnn", 3))),
     _stopping_part("nan and restore", 0.05, "weights that gave nan are not brought back",
                    runs(("-n+", 3), ("n--n", 3)), restored),
     _stopping_part("min_delta", 0.1, "a loss is a new best only where it is below the last new best − min_delta",
                    runs(("-<<<", 3, 0.05), ("--<-<<", 2, 0.1), ("--=+=", 3, 0.05), ("-vvvvv+", 3, 0.05))),
     _stopping_part("min_delta and restore", 0.05, "a loss that is lower and no new best leaves what was saved alone",
                    runs(("--v+", 4, 0.05), ("-vvv+", 4, 0.05)), restored)],
    [Mistake("stopping-late", "It does not stop where it should, perhaps one loss later, perhaps never. "
             "Here patience is the number of bad losses at which it "
             "stops; the ReduceOnPlateau of lesson 5 bears patience of them and acts at the next.",
             [varied(_Stopping, due=lambda self: self.bad > self.patience), varied(_Stopping, step=_count_late)]),
     Mistake("stopping-early", "It stops one loss too early: at number patience − 1.",
             varied(_Stopping, due=lambda self: self.bad >= self.patience - 1)),
     Mistake("stopping-at-once", "It stops at the first loss that is no new best: `patience` is not used.",
             varied(_Stopping, due=lambda self: self.bad > 0)),
     Mistake("stopping-turned-round", "It says True while training should go on and False where it should stop.",
             varied(_Stopping, due=lambda self: self.bad < self.patience)),
     Mistake("stopping-not-in-a-row", "A new best does not start the count over: bad losses are counted from the "
             "start, not in a row.", varied(_Stopping, step=_never_reset)),
     Mistake("stopping-against-previous", "Each loss is compared with the one before it. After a bad one it is easy "
             "to improve: compare with the best so far.", varied(_Stopping, better=_against_previous)),
     Mistake("stopping-best-kept", "The best stays the first loss: whatever is below *that* counts as good news.",
             varied(_Stopping, step=_best_forgotten)),
     Mistake("stopping-equal-is-better", "A loss equal to the best counts as a new best here. It must be below it.",
             varied(_Stopping, better=lambda self, loss: loss <= self.best - self.min_delta)),
     Mistake("stopping-higher-is-better", "It takes a higher loss for a better one, or never finds one better than its "
             "start. Begin from infinity, and let lower be better.",
             [varied(_Stopping, worst=-math.inf, better=lambda self, loss: loss > self.best + self.min_delta),
              varied(_Stopping, worst=0.0, better=lambda self, loss: loss > self.best + self.min_delta),
              varied(_Stopping, worst=0.0), varied(_Stopping, worst=-math.inf)]),
     Mistake("stopping-alias", "After restore the model has the weights that it had before. Either restore loads "
             "nothing into it, or what was saved are its own tensors: `state_dict()` does not copy, it hands out those "
             "that training goes on changing.",
             [varied(_Stopping, keep=lambda self, model: setattr(self, "saved", model.state_dict())),
              varied(_Stopping, keep=lambda self, model: setattr(self, "saved", dict(model.state_dict()))),
              varied(_Stopping, restore=lambda self, model: None)]),
     Mistake("stopping-saved-always", "restore brings back the weights of the last step: they are saved at every step, "
             "and not only at a new best.", varied(_Stopping, step=_keep_every)),
     Mistake("stopping-first-weights", "restore brings back the weights of the first step: they were saved once and "
             "not again at each new best.", varied(_Stopping, keep=_keep_once)),
     Mistake("stopping-no-buffers", "The weights come back, but batch norm's running statistics do not. They are "
             "buffers: `state_dict()` has them, `parameters()` does not.",
             varied(_Stopping, keep=_keep_parameters, restore=_restore_parameters)),
     Mistake("stopping-no-buffers", "The weights come back, but batch norm's running statistics do not. They are "
             "buffers: `state_dict()` has them, `parameters()` does not.",
             shows=looked_at("running mean after restore, set at the step")),
     Mistake("stopping-restores-its-own", "The first restore is right, the second is not: restoring made the model's "
             "tensors and the saved ones the same, so training on changed what was saved. Copy values back.",
             varied(_Stopping, restore=_restore_by_alias)),
     Mistake("stopping-nan-is-best", "A loss of nan became the best, or a good one: `<`, `>` and `==` with nan are "
             "all False. Ask whether a loss is better, never whether it is not worse.",
             [varied(_Stopping, better=_first_is_best),
              varied(_Stopping, better=lambda self, loss: not loss >= self.best - self.min_delta),
              varied(_Stopping, better=lambda self, loss: min(loss, self.best) is loss and loss != self.best)]),
     Mistake("stopping-nan-not-counted", "A loss of nan is passed over. A run that gives only nan would never stop: "
             "count it as no new best.",
             varied(_Stopping, step=lambda self, loss, model: False if math.isnan(loss)
                    else _Stopping.step(self, loss, model))),
     Mistake("stopping-nan-stops", "It stops at the first nan. Here nan counts as one loss that is no new best, like "
             "any other.", varied(_Stopping, step=lambda self, loss, model: math.isnan(loss)
                                  or _Stopping.step(self, loss, model))),
     Mistake("stopping-delta-ignored", "min_delta is not used: any loss below the best counts as better.",
             varied(_Stopping, better=lambda self, loss: loss < self.best)),
     Mistake("stopping-best-creeps", "The best follows every lower loss, also one that is no new best. So a slow, "
             "steady decline never counts as progress: `min_delta` is measured from the last new best.",
             [varied(_Stopping, step=_creep), varied(_Stopping, step=_creep_and_keep)]),
     Mistake("stopping-saves-any-lower", "The weights are saved at any lower loss. With `min_delta`, only a new best "
             "is kept: a loss that is far enough below the last one.", varied(_Stopping, step=_keep_any_lower)),
     Mistake("stopping-delta-sign", "min_delta has the wrong sign: best + min_delta counts a loss as better that is "
             "worse than the best.", varied(_Stopping, better=lambda self, loss: loss < self.best + self.min_delta)),
     Mistake("stopping-compares-with-none", "The first loss is compared with None. Start from a best that every loss "
             "beats.", shows=raises("NoneType")),
     Mistake("stopping-restore-unwritten", "`restore` is still a hole: `step` holds already.",
             shows=raises("restore is still to be written")),
     Mistake("stopping-no-restore", "There is no method `restore(model)`.",
             shows=raises("has no attribute 'restore'"))])
