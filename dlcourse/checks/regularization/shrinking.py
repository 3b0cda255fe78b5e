"""Holding a net back while it trains: the penalty on its weights, and dropout."""

import math

import torch
from torch import nn

from ..asking import DOUBLE, raises, varied
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import of_form, share

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
