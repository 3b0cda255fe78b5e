"""The surface that training walks on: directions in proportion to the weights, and slices along one."""

import torch
from torch import nn

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from .looking import DOUBLE, SINGLE, copied, draw, fill, raised

# ---------------------------------------------------------------------------------------- filter_normalize


def lists(*shapes, dtype=DOUBLE, zero=False):
    """A direction and weights: two lists of tensors of these shapes; with `zero` a direction's first filter is 0."""
    def cases(g):
        case = {"direction": [draw(g, *shape, dtype=dtype) for shape in shapes],
                "weights": [draw(g, *shape, dtype=dtype, scale=2.0) for shape in shapes]}
        if zero:
            case["direction"][0][0] = 0.0
            case["weights"][0][1] = 0.0
        return [case]
    return cases


def normalized(answer, direction, weights):
    """The new list, and both that were given; the weights are Parameters, as a model has them."""
    direction, weights = copied(direction), [nn.Parameter(w.clone()) for w in weights]
    found = answer(direction, weights)
    return {"direction": list(found) if isinstance(found, (list, tuple)) else found,
            UNTOUCHED: {"direction": direction, "weights": weights}}


def _norm_over(d, axes):
    return d.square().sum(axes, keepdim=True).sqrt()


def _filters(t):
    return tuple(range(1, t.dim()))


def _by_filter(direction, weights, scale=lambda d, w, norm: norm(w) / (norm(d) + 1e-10), axes=_filters,
               vectors=torch.zeros_like, size=_norm_over):
    result = []
    for d, w in zip(direction, weights):
        w = w.detach()
        result.append(vectors(d) if d.dim() < 2 else d * scale(d, w, lambda t: size(t, axes(t))))
    return result


def _fn(**slip):
    return lambda direction, weights: _by_filter(direction, weights, **slip)


filter_normalize = Check(
    "filter_normalize", "filter_normalize(direction, weights)", _by_filter,
    [Part("matrices", 0.35, "each row of the direction gets the norm of the same row of the weights",
          lambda g: lists((4, 3), (2, 5))(g) + lists((3, 4), dtype=SINGLE)(g), normalized),
     Part("kernels", 0.25, "a filter of a convolution is all that stands under one first index",
          lists((3, 2, 2, 3), (4, 3), (2, 3, 5)), normalized),
     Part("vectors", 0.2, "biases and norm parameters, the 1-d entries, become zeros",
          lists((4, 3), (4,), (2, 4), (2,)), normalized),
     Part("zero filters", 0.2, "a filter of zeros gives no nan", lists((3, 4), (2, 3), zero=True), normalized)],
    [Mistake("fn-per-tensor", "Each tensor was scaled as a whole. Filter by filter is finer: each has a norm of its "
             "own.", _fn(axes=lambda t: tuple(range(t.dim())))),
     Mistake("fn-wrong-axis", "The norms run along the first axis, over the filters. A filter is what stands under one "
             "first index: sum over the other axes.",
             [_fn(axes=lambda t: (0,)), _fn(axes=lambda t: (0, *range(2, t.dim())))]),
     Mistake("fn-one-axis", "For a convolution the norm runs over one axis, or over each small kernel. A filter of it "
             "is a tensor of in × height × width: one norm for all of it.",
             [_fn(axes=lambda t: (1,)), _fn(axes=lambda t: (-1,)),
              _fn(axes=lambda t: tuple(range(max(1, t.dim() - 2), t.dim())))]),
     Mistake("fn-vectors-kept", "1-d entries came through, scaled or as they were. A step along a bias or a norm "
             "parameter is not comparable to one along a filter: they become zeros.",
             [_fn(vectors=lambda d: d.clone()),
              lambda direction, weights: [
                  d * w.norm() / d.norm() if d.dim() < 2 else e for d, w, e in zip(
                      direction, weights, _by_filter(direction, weights))],
              lambda direction, weights: [
                  d * w.abs() / (d.abs() + 1e-10) if d.dim() < 2 else e for d, w, e in zip(
                      direction, weights, _by_filter(direction, weights))]]),
     Mistake("fn-vectors-dropped", "The 1-d entries are missing from the result. It should be aligned with the model's "
             "parameters: put zeros there.",
             lambda direction, weights: [e for d, e in zip(direction, _by_filter(direction, weights)) if d.dim() > 1]),
     Mistake("fn-nan", "A filter of zeros was divided by its norm, 0/0. Add 1e-10 to the norm below the line.",
             [_fn(scale=lambda d, w, norm: norm(w) / norm(d)),
              lambda direction, weights: [d / _norm_over(d, _filters(d)) * _norm_over(w, _filters(w))
                                          if d.dim() > 1 else torch.zeros_like(d)
                                          for d, w in zip(direction, weights)]]),
     Mistake("fn-unit", "Each filter has norm 1 now. It should have the norm of the weights' filter.",
             _fn(scale=lambda d, w, norm: 1 / (norm(d) + 1e-10))),
     Mistake("fn-not-divided", "The direction was multiplied by the weights' norm, but not divided by its own.",
             _fn(scale=lambda d, w, norm: norm(w))),
     Mistake("fn-inverted", "The quotient is upside down: ‖d‖/‖w‖.",
             _fn(scale=lambda d, w, norm: norm(d) / (norm(w) + 1e-10))),
     Mistake("fn-squared", "The norms are squared: the root is missing.",
             _fn(scale=lambda d, w, norm: norm(w) ** 2 / (norm(d) ** 2 + 1e-10))),
     Mistake("fn-manhattan", "These are sums of absolute values; the Euclidean norm is meant.",
             _fn(size=lambda t, axes: t.abs().sum(axes, keepdim=True))),
     Mistake("fn-weights-scaled", "These are the weights, rescaled. Asked for is the direction.",
             lambda direction, weights: [e * w / (d + 1e-300) if d.dim() > 1 else e for d, w, e in zip(
                 direction, weights, _by_filter(direction, weights))]),
     Mistake("fn-swapped", "The two lists are swapped: the weights came back with the norms of the direction.",
             lambda direction, weights: _by_filter([w.detach() for w in weights], direction)),
     Mistake("fn-vector-returned", "One tensor came back. A list aligned with the parameters was asked for.",
             lambda direction, weights: torch.cat([e.flatten() for e in _by_filter(direction, weights)])),
     Mistake("fn-keepdim", "A norm has lost the axes it was taken over, and no longer lines up with the filters: "
             "`keepdim=True` keeps them.",
             shows=lambda finding, seen, case: "must match the size" in seen.get("raised", {}).get("text", ""))])


# ---------------------------------------------------------------------------------------------- loss_along


def slices(g, alphas=(-0.8, 0.0, 0.3, 1.7), dtype=DOUBLE, **options):
    """A small net's numbers, one of them −0, a direction, inputs, targets and α's."""
    numbers = draw(g, 26, dtype=dtype)
    numbers[4] = -0.0
    return [{"numbers": numbers, "direction": draw(g, 26, dtype=dtype),
             "x": draw(g, 5, 3, dtype=dtype), "target": draw(g, 5, 2, dtype=dtype),
             "alphas": torch.tensor(alphas, dtype=dtype), **options}]


def _sliced(numbers, direction, x, target, mode="train"):
    """A model, its loss_fn and the direction as a list aligned with its parameters."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(numbers.dtype).train(mode == "train")
    fill(model, numbers)
    sizes = [p.numel() for p in model.parameters()]
    aligned = [d.view_as(p).clone() for d, p in zip(direction.split(sizes), model.parameters())]
    return model, lambda model: (model(x) - target).square().mean(), aligned


def along(answer, alphas, as_list=False, **case):
    """The losses."""
    model, loss_fn, direction = _sliced(**case)
    return {"losses": answer(model, loss_fn, direction, alphas.tolist() if as_list else alphas.clone())}


def detached(answer, **case):
    """The losses, and whether they carry a graph."""
    found = []
    seen = along(lambda *given: found.append(answer(*given)) or found[0], **case)
    return {**seen, "detached": not (isinstance(found[0], torch.Tensor) and found[0].requires_grad)}


class _Broken(Exception):
    """What a loss_fn raises in the check."""


def left_behind(answer, alphas, breaks_at=None, **case):
    """The model after the call; with `breaks_at`, loss_fn raises at that call."""
    model, loss_fn, direction = _sliced(**case)
    before = [(p, p.detach().clone()) for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.full_like(p, 0.5)
    given, calls = copied(direction), []

    def counted(model):
        calls.append(1)
        if len(calls) == breaks_at:
            raise _Broken("the loss function failed, as it may")
        return loss_fn(model)

    try:
        answer(model, counted, direction, alphas.clone())
    except _Broken:
        pass
    after = list(model.parameters())
    off = max((p - w).abs().max().item() for p, (_, w) in zip(after, before))
    signs = all(torch.equal(p.signbit(), w.signbit()) for p, (_, w) in zip(after, before))
    return {"weights, bit for bit": ("moved" if not off < 1e-5 else "off by rounding" if off else "as before" if signs
                                     else "−0 has become 0"),
            "Parameter objects": "the same" if all(p is q for p, (q, _) in zip(after, before)) else "others",
            ".grad": "as before" if all(p.grad is not None and (p.grad == 0.5).all() for p, _ in before)
            else "changed", "requires_grad": all(p.requires_grad for p in after),
            "training": model.training, "direction afterwards": "as before" if all(
                torch.equal(d, e) for d, e in zip(direction, given)) else "changed"}


@torch.no_grad()
def _along(model, loss_fn, direction, alphas, move=lambda w, a, d: w + a * d, restore="safely", mode=None):
    parameters, losses = list(model.parameters()), []
    before = [p.detach().clone() for p in parameters]
    if mode:
        model.eval()

    def put(values):
        for p, value in zip(parameters, values):
            p.copy_(value)

    try:
        for alpha in torch.as_tensor(alphas).tolist():
            base = [p.clone() for p in parameters] if restore.startswith("never") else before
            put([move(w, alpha, d) for w, d in zip(base, direction)])
            losses.append(loss_fn(model).detach())
            if restore == "subtract":
                put([p - alpha * d for p, d in zip(parameters, direction)])
    except Exception:
        if restore in ("safely", "add zero", "never, until the end"):
            put([w + 0 * d for w, d in zip(before, direction)] if restore == "add zero" else before)
        raise
    if restore in ("safely", "if all is well", "never, until the end"):
        put(before)
    if restore == "add zero":
        put([w + 0 * d for w, d in zip(before, direction)])
    return torch.stack(losses)


def _la(**slip):
    return lambda *given: _along(*given, **slip)


def _new_parameters(model, loss_fn, direction, alphas):
    found = _along(model, loss_fn, direction, alphas)
    for module in model.modules():
        for name, p in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(p.detach().clone()))
    return found


def _cleared(model, loss_fn, direction, alphas):
    found = _along(model, loss_fn, direction, alphas)
    model.zero_grad()
    return found


loss_along = Check(
    "loss_along", "loss_along(model, loss_fn, direction, alphas)", _along,
    [Part("losses", 0.4, "the loss at w + α·direction for each α", lambda g: slices(g) + slices(g, (0.5, -2.0)), along,
          shows=lambda case: f"loss_along with α = {case['alphas'].tolist()}"),
     Part("lists, detached", 0.1, "α may be a list too, and the result carries no graph",
          lambda g: slices(g, as_list=True) + slices(g, as_list=True, dtype=SINGLE), detached,
          shows=lambda case: f"loss_along with the list {case['alphas'].tolist()}"),
     Part("restored", 0.3, "weights bit for bit, Parameters, .grad and mode are as before",
          lambda g: slices(g, dtype=SINGLE) + slices(g, (0.3, 0.7, -1.1), dtype=SINGLE, mode="eval"), left_behind,
          shows=lambda case: f"loss_along on a model in {case.get('mode', 'train')} mode"),
     Part("restored after an error", 0.2, "also when loss_fn raises",
          lambda g: slices(g, dtype=SINGLE, breaks_at=3), left_behind,
          shows=lambda case: "loss_along with a loss_fn that raises at its third call")],
    [Mistake("la-accumulates", "Each α started from where the one before had left the weights. Always start from the "
             "weights as they were given; and mind that `p.data`, `p.detach()` and `state_dict()` share the model's "
             "memory: what should stay must be cloned.", [_la(restore="never"), _la(restore="never, until the end")]),
     Mistake("la-not-restored", "The losses are right, but the model stays where the last α put it.",
             _la(restore="no")),
     Mistake("la-drift", "The step was taken back by subtracting it. In floating point (w + s) − s is not always w: "
             "keep a copy and put that back, bit for bit.", _la(restore="subtract")),
     Mistake("la-added-zero", "One weight was −0 and is 0 now: w + 0·d is not w bit for bit. Put the copy itself back.",
             _la(restore="add zero")),
     Mistake("la-error-leaves", "All is well unless `loss_fn` raises: then the weights stay moved. There is a "
             "statement that runs on both roads.", _la(restore="if all is well")),
     Mistake("la-graph", "The losses carry a graph, over weights that have moved since. Detached numbers were asked "
             "for.", shows=lambda finding, seen, case: finding.path == ("detached",)),
     Mistake("la-sign", "These are the losses at w − α·direction.", _la(move=lambda w, a, d: w - a * d)),
     Mistake("la-no-weights", "These are the losses at α·direction: the weights themselves got lost.",
             _la(move=lambda w, a, d: a * d)),
     Mistake("la-interpolates", "These are the losses on the line to the direction, (1 − α)·w + α·d.",
             _la(move=lambda w, a, d: (1 - a) * w + a * d)),
     Mistake("la-no-alpha", "α is not used: each loss is at w + direction.", _la(move=lambda w, a, d: w + d)),
     Mistake("la-rebound", "Each loss is the one at w: the model never moved. A line like `p = p + …` gives the name p "
             "to a new tensor and leaves the model's parameter as it is. `p.copy_(…)` writes into it.",
             _la(move=lambda w, a, d: w)),
     Mistake("la-scaled-weights", "The direction was multiplied by the weights, entry by entry, or scaled anew. It is "
             "added as it was given.",
             [_la(move=lambda w, a, d: w * (1 + a * d)), _la(move=lambda w, a, d: w + a * d / d.norm()),
              _la(move=lambda w, a, d: w + a * d * w.norm() / (d.norm() + 1e-10))]),
     Mistake("la-mode", "The model's mode was switched and left so. Train or eval is for whoever calls to decide.",
             _la(mode="eval")),
     Mistake("la-other-parameters", "The model has new Parameter objects now. An optimizer still holds the old ones "
             "and would train weights that nobody uses: change them in place.", _new_parameters),
     Mistake("la-grad-cleared", "The .grad of the parameters was changed. Somebody was about to use it.", _cleared),
     Mistake("la-leaf-in-place", "Autograd refuses to have a weight changed under its eyes: do it under "
             "`torch.no_grad()`.", shows=raised("leaf Variable that requires grad")),
     Mistake("la-sum", "One number came back; one loss for each α was asked for.",
             lambda *given: _along(*given).mean())])
