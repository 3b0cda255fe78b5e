"""Holding a net back while it trains: the penalty on its weights, dropout, and stopping early."""

import copy
import math

import torch
from torch import nn

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import DOUBLE, looked_at, of_form, raises, seed, share

# ---------------------------------------------------------------------------------------------- l2_penalty


def weights(*shapes, dtype=DOUBLE, zeros=(), **options):
    """One case: tensors of these shapes, those numbered in `zeros` all 0, and a strength."""
    def case(g):
        params = [0.8 * torch.randn(shape, generator=g, dtype=DOUBLE).to(dtype) * (number not in zeros)
                  for number, shape in enumerate(shapes)]
        return {"params": params, "strength": round(0.05 + torch.rand((), generator=g).item(), 3), **options}
    return case


def several(*cases):
    """A part's cases from functions of the generator."""
    return lambda g: [case(g) for case in cases]


def _leaves(params):
    return [w.clone().requires_grad_() for w in params]


def penalty(answer, params, strength):
    """The penalty on a list of tensors."""
    return {"penalty": answer(_leaves(params), strength)}


def penalty_once(answer, params, strength):
    """The penalty on tensors that can be gone through only once, as model.parameters() can."""
    return {"penalty": answer((w for w in _leaves(params)), strength)}


def penalty_slope(answer, params, strength):
    """Its gradient with respect to each tensor."""
    leaves = _leaves(params)
    found = gradient(answer(leaves, strength), leaves) or [None] * len(leaves)
    return {f"gradient of tensor {number}": one for number, one in enumerate(found, 1)}


def _over(each, join=sum, scale=lambda strength, total: strength * total):
    """An l2_penalty with another term for each tensor, another way to join them, or another scale."""
    return lambda params, strength: scale(strength, join([each(w) for w in params]))


def _squares(w):
    return (w * w).sum()


def _twice_through(params, strength):
    count = sum(1 for _ in params)
    return strength * sum(map(_squares, params)) if count else 0.0


l2_penalty = Check(
    "l2_penalty", "l2_penalty(params, strength)", _over(_squares),
    [Part("values", 0.45, "strength times the sum of all squared weights, over every tensor",
          several(weights((3, 4), (4,), (2, 3, 5)), weights((7,)), weights((2, 3), (3,), dtype=torch.float32)),
          penalty),
     Part("any iterable", 0.2, "params may be a generator, as model.parameters() is",
          several(weights((3, 4), (4,))), penalty_once),
     Part("gradient", 0.35, "the gradient is 2 · strength · w, and 0 for weights that are 0",
          several(weights((3, 4), (4,)), weights((2, 3), (3,), (3, 1), zeros=(1,))), penalty_slope)],
    [Mistake("l2-half", "It comes out half as large. Some texts write ½λΣw², so that the gradient is λw; here the "
             "penalty is λΣw² without the ½.", _over(lambda w: _squares(w) / 2)),
     Mistake("l2-norm", "These are norms, roots of sums of squares. The penalty has the squares themselves: with a "
             "root the pull would not fade as the weights shrink.",
             [_over(lambda w: w.norm()), _over(_squares, lambda all: sum(all).sqrt())]),
     Mistake("l2-root-and-back", "The values are right, but the gradient of a tensor of zeros is nan: a square root "
             "has infinite slope at 0. Do not take the root only to square it again.",
             _over(lambda w: _squares(w).sqrt() ** 2)),
     Mistake("l2-absolute", "This sums |w|, not w². That is the L1 penalty, whose minimum has many weights at exactly "
             "0.",
             _over(lambda w: w.abs().sum())),
     Mistake("l2-sum-squared", "The weights are summed first and the sum is squared. Weights of opposite signs cancel "
             "that way: square each one first.", [_over(lambda w: w.sum() ** 2),
                                                  _over(lambda w: w.sum(), lambda all: sum(all) ** 2)]),
     Mistake("l2-mean", "It averages where it should sum: a larger layer would be held back less, weight by weight.",
             [_over(lambda w: (w * w).mean()),
              lambda params, strength: strength * torch.cat([w.flatten() for w in params]).square().mean(),
              _over(_squares, lambda all: sum(all) / len(all))]),
     Mistake("l2-no-sum", "Sum within each tensor before you add up the tensors: w² still has w's shape, and shapes "
             "differ.",
             shows=raises("must match the size", "stack expects", "Sizes of tensors must match", "must match in")),
     Mistake("l2-only-matrices", "Vectors are left out. Leaving biases unpunished is common practice, but here every "
             "tensor that is handed in counts.", _over(lambda w: _squares(w) * (w.dim() > 1))),
     Mistake("l2-first-only", "Only the first tensor counts. Is the `return` inside the loop?",
             _over(_squares, lambda all: all[0])),
     Mistake("l2-last-only", "Only the last tensor counts: the total is overwritten, not added to.",
             _over(_squares, lambda all: all[-1])),
     Mistake("l2-strength-ignored", "`strength` is not used.", _over(_squares, scale=lambda strength, total: total)),
     Mistake("l2-strength-squared", "strength is squared with the weights. It stands outside of the square.",
             _over(_squares, scale=lambda strength, total: strength ** 2 * total)),
     Mistake("l2-negative", "The sign is turned: added to a loss, this would reward large weights.",
             _over(_squares, scale=lambda strength, total: -strength * total)),
     Mistake("l2-read-twice", "It goes through `params` twice, and a generator is empty after the first time. Go "
             "through it once, or make a list of it.", _twice_through),
     Mistake("l2-needs-a-list", "`params` may be a generator, which has no length and no index. Loop over it, or make "
             "a list of it.", shows=raises("'generator'")),
     Mistake("l2-in-place", "It changes the weights themselves (an operation whose name ends in _, or *=). They are "
             "still to be trained: compute with new tensors.", shows=raises("in-place"))])

# ------------------------------------------------------------------------------------------------- Dropout


def inputs(*probabilities, shape=(200, 200), dtype=DOUBLE, **options):
    """Cases: an input without zeros for each p."""
    return lambda g: [{"x": (0.5 + torch.rand(shape, generator=g, dtype=DOUBLE)).to(dtype), "p": p, **options}
                      for p in probabilities]


def _kept(output, x):
    """[smallest, largest] of output / input where the output is not 0."""
    ratios = (output.detach() / x)[output.detach() != 0].double()
    return [ratios.min().item(), ratios.max().item()] if len(ratios) else []


def dropped(answer, x, p):
    """What training mode does to x: how many zeros, how they lie, what became of the rest."""
    module, before = answer(p).train(), x.clone()
    output = module(x)
    seen = of_form(output, before)
    if output is None or seen["output"] is output:
        return seen
    zero = output == 0
    return {**seen, "share of zeros": share(zero), "output / input where it is not 0": _kept(output, before),
            "share of rows that are zero where the next one is": share((zero[1:] == zero[:-1]).all(1)),
            "share of columns that are zero where the next one is": share((zero[:, 1:] == zero[:, :-1]).all(0)),
            "an nn.Module": isinstance(module, nn.Module), UNTOUCHED: x}


def fresh_masks(answer, x, p):
    """Whether two calls drop the same entries."""
    module = answer(p).train()
    first, second = module(x.clone()), module(x.clone())
    if not isinstance(first, torch.Tensor) or not isinstance(second, torch.Tensor):
        return {"output": first}
    return {"a second call drops others": not torch.equal(first == 0, second == 0)}


def left_alone(answer, x, p):
    """What eval mode gives, and whether going back to training drops again."""
    module = answer(p).eval()
    output = module(x.clone())
    again = module.train()(x.clone())
    return {"output in eval mode": output, "back in training mode it drops again": bool((again == 0).any())}


def at_the_ends(answer, x, p):
    """Where p is 0 or 1, there is nothing random about it."""
    leaf = x.clone().requires_grad_()
    output = answer(p).train()(leaf.clone())
    found = gradient(output, leaf)
    if p == 1 and found is None:  # zeros that know nothing of x: the true gradient is 0 as well
        found = torch.zeros_like(x)
    return {"output": output, "gradient": found}


def mask_slope(answer, x, p):
    """The gradient where an entry was kept and where it was dropped."""
    leaf = x.clone().requires_grad_()
    output = answer(p).train()(leaf.clone())
    found = gradient(output, leaf)
    if found is None:
        return {"gradient where kept": None}
    kept = output.detach() != 0
    extremes = lambda values: [values.min().item(), values.max().item()] if len(values) else []
    return {"gradient where kept": extremes(found[kept]), "gradient where dropped": extremes(found[~kept])}


class _Dropout(nn.Module):
    """The reference; a mistake is a subclass."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return self.drop(x, self.p) if self.training else x

    def drop(self, x, p):
        kept = self.mask(x, p)
        return x * kept * self.scale(p) if p < 1 else torch.zeros_like(x) * x

    def mask(self, x, p):
        return torch.rand_like(x) >= p

    def scale(self, p):
        return 1 / (1 - p)


def varied(base, **methods):
    """A subclass of base with some methods of its own."""
    return type(base.__name__, (base,), methods)


def _first_mask(self, x, p):
    if not hasattr(self, "first") or self.first.shape != x.shape:
        self.first = torch.rand_like(x) >= p
    return self.first


def _seeded_mask(self, x, p):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return torch.rand_like(x) >= p


Dropout = Check(
    "Dropout", "Dropout(p)(x)", _Dropout,
    [Part("training", 0.4, "each entry is 0 with probability p on its own, and the rest are divided by 1 − p",
          lambda g: inputs(0.3, 0.8)(g) + inputs(0.5, dtype=torch.float32)(g), dropped, rounding=(0.0, 0.12)),
     Part("eval", 0.2, "in eval mode x comes back as it is", inputs(0.4, shape=(20, 30)), left_alone),
     Part("fresh", 0.15, "each call draws anew", inputs(0.5, shape=(20, 30)), fresh_masks),
     Part("gradient", 0.15, "the gradient passes where an entry was kept, scaled in the same way",
          inputs(0.5, 0.2, shape=(20, 30)), mask_slope),
     Part("p = 0 and 1", 0.1, "p = 0 keeps everything, p = 1 gives zeros, and neither gives nan",
          inputs(0.0, 1.0, shape=(4, 5)), at_the_ends)],
    [Mistake("dropout-not-scaled", "What is kept comes through unscaled, so with p = 0.5 the next layer gets half as "
             "much in training as in eval mode. Scale what is kept, so that each entry's expectation is unchanged.",
             [varied(_Dropout, scale=lambda self, p: 1.0)]),
     Mistake("dropout-scaled-at-test", "This scales at test time, as the first papers did. The exercise wants "
             "*inverted* dropout: scale what is kept in training, and leave x alone in eval mode.",
             varied(_Dropout, scale=lambda self, p: 1.0,
                    forward=lambda self, x: self.drop(x, self.p) if self.training else x * (1 - self.p))),
     Mistake("dropout-keeps-p", "Entries are kept with probability p. p is the probability of *dropping* one.",
             [varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x) < p),
              varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x) < p, scale=lambda self, p: 1 / p),
              varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x) < p, scale=lambda self, p: 1.0)]),
     Mistake("dropout-divides-by-p", "What is kept is divided by p. Its expectation is (1 − p)·x: divide by what "
             "undoes that.", [varied(_Dropout, scale=lambda self, p: 1 / p if p else math.inf),
                                varied(_Dropout, scale=lambda self, p: 1 / p if p else 1.0)]),
     Mistake("dropout-multiplied", "What is kept is multiplied by 1 − p, which makes it smaller still. It has to "
             "grow.", varied(_Dropout, scale=lambda self, p: 1 - p)),
     Mistake("dropout-p-ignored", "p is not used: half of the entries are dropped whatever it is.",
             [varied(_Dropout, drop=lambda self, x, p: _Dropout.drop(self, x, 0.5)),
              varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x) >= 0.5)]),
     Mistake("dropout-row-by-row", "Whole rows are dropped: one number was drawn for each sample. Every entry needs "
             "one of its own.", varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x[:, :1]) >= p)),
     Mistake("dropout-column-by-column", "The same columns are dropped in every sample: one mask was drawn for the "
             "whole batch. Every entry needs a number of its own.",
             varied(_Dropout, mask=lambda self, x, p: torch.rand_like(x[:1]) >= p)),
     Mistake("dropout-one-coin", "Everything is dropped, or nothing. If one number was drawn for the whole tensor: "
             "every entry needs one of its own.",
             shows=lambda finding, seen, case: isinstance(seen.get("seen"), dict)
             and seen["seen"].get("share of zeros") in (0.0, 1.0)),
     Mistake("dropout-normal", "The mask compares normal numbers with p, and how often they are below p is not p. "
             "`torch.rand_like` gives numbers between 0 and 1; `randn` does not.",
             varied(_Dropout, mask=lambda self, x, p: torch.randn_like(x) >= p)),
     Mistake("dropout-same-mask", "Every call drops the same entries: the mask was kept from the first time, or the "
             "seed was set. Then the rest of the net is simply a smaller net.",
             [varied(_Dropout, mask=_first_mask), varied(_Dropout, mask=_seeded_mask)]),
     Mistake("dropout-in-eval", "It drops in eval mode too. `self.training` says which mode the module is in.",
             shows=lambda finding, seen, case: finding.path[:1] == ("output in eval mode",)
             and finding.kind == "value" and bool((seen["seen"]["output in eval mode"] == 0).any())),
     Mistake("dropout-modes-swapped", "It drops in eval mode and not in training mode: the two are swapped.",
             varied(_Dropout, forward=lambda self, x: x if self.training else self.drop(x, self.p))),
     Mistake("dropout-never", "Nothing is ever dropped: x comes back as it is, in training too.",
             varied(_Dropout, forward=lambda self, x: x * 1)),
     Mistake("dropout-eval-scaled", "In eval mode x comes back scaled. Nothing is dropped there, so there is nothing "
             "to make up for.",
             varied(_Dropout, forward=lambda self, x: self.drop(x, self.p) if self.training
                    else x * self.scale(self.p))),
     Mistake("dropout-nan-at-one", "p = 1 gives nan: everything is 0, and 0 is divided by 1 − p, which is 0 too. "
             "That case wants zeros.",
             [varied(_Dropout, drop=lambda self, x, p: x * self.mask(x, p) * (1 / torch.tensor(1.0 - p))),
              varied(_Dropout, drop=lambda self, x, p: x * self.mask(x, p) / (1 - p))]),
     Mistake("dropout-divides-by-zero", "p = 1 divides by zero. That case wants zeros.",
             shows=raises("division by zero")),
     Mistake("dropout-keeps-at-one", "p = 1 gives back x. Everything is to be dropped there.",
             varied(_Dropout, forward=lambda self, x: self.drop(x, self.p) if self.training and self.p < 1 else x)),
     Mistake("dropout-no-super", "Call `super().__init__()` first: it is what makes an object an nn.Module, with "
             "modes and hooks.", shows=raises("has no attribute '_", "cannot assign module before")),
     Mistake("dropout-not-a-module", "The class should be an `nn.Module`: `class Dropout(nn.Module)`. That gives it "
             "`train()`, `eval()` and `self.training`.",
             shows=raises("has no attribute 'train'", "has no attribute 'eval'")),
     Mistake("dropout-no-forward", "The module has no `forward`: that is the method that calling it runs.",
             shows=raises('missing the required "forward"')),
     Mistake("dropout-not-stored", "`forward` asks the module for something that it does not have. What `__init__` is "
             "given is forgotten unless it is stored: `self.name = …`, and read under the same name.",
             shows=lambda finding, seen, case: "object has no attribute" in seen.get("raised", {}).get("text", "")
             and not any(word in seen["raised"]["text"] for word in ("attribute '_", "'train'", "'eval'")))],
    frozenset("dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout "
              "native_dropout bernoulli_dropout".split()),
    "`torch.rand_like`, a comparison and `self.training` are your tools.")

# ------------------------------------------------------------------------------------------- EarlyStopping


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
