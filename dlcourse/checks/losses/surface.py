"""The surface that training walks on: directions, slices, curvature, critical points."""

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
    return {"direction": list(found) if isinstance(found, (list, tuple)) else found, UNTOUCHED: [direction, weights]}


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

# ------------------------------------------------------------------------------------------- top_curvature


class _Twice(torch.autograd.Function):
    """The identity; going back through it is part of a Hessian–vector product, and is counted."""

    @staticmethod
    def forward(ctx, g, count):
        """Hand g on."""
        ctx.count = count
        return g.view_as(g)

    @staticmethod
    def backward(ctx, g):
        """Hand g on, and count; a graph that grows from product to product would never come to an end."""
        ctx.count.append(g.detach().clone())
        if g.requires_grad and len(ctx.count) > 6:  # v carries the graph of the product before
            raise RuntimeError("the graph grows with each product")
        return g, None


class _Once(torch.autograd.Function):
    """The identity, with a backward that is counted when it is differentiated."""

    @staticmethod
    def forward(ctx, x, count):
        """Hand x on."""
        ctx.count = count
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        """Hand g on."""
        return _Twice.apply(g, ctx.count), None


def hills(g, *spectra, iterations=15, dtype=DOUBLE, **options):
    """Points and turned axes of f(w) = Σ λ(1 − cos z), z = Qw, whose Hessian has the eigenvalues λ·cos z."""
    cases = []
    for spectrum in spectra:
        n = len(spectrum)
        turn = torch.linalg.qr(draw(g, n, n)).Q
        z = torch.where(torch.arange(n) % 3 == 1, 0.6, -0.2).to(DOUBLE)
        cases.append({"curvatures": (torch.tensor(spectrum, dtype=DOUBLE) / z.cos()).to(dtype), "turn": turn.to(dtype),
                      "z": z.to(dtype), "iterations": iterations, **options})
    return cases


def _hill(curvatures, turn, z):
    """loss_fn, its parameters (three tensors) and the list that counts Hessian–vector products."""
    flat = turn.T @ z
    n = len(flat)
    params = [nn.Parameter(flat[:2].clone()), nn.Parameter(flat[2:n - 2].clone().view(1, -1)),
              nn.Parameter(flat[n - 2:].clone())]
    count = []

    def loss_fn():
        w = _Once.apply(torch.cat([p.flatten() for p in params]), count)
        return (curvatures * (1 - torch.cos(turn @ w))).sum()

    return loss_fn, params, count


def curvature(answer, iterations, **case):
    """The number."""
    loss_fn, params, _ = _hill(**case)
    found = answer(loss_fn, params, iterations)
    return {"curvature": found.detach() if isinstance(found, torch.Tensor) else found}


def effort(answer, iterations, **case):
    """Whether it took no more Hessian–vector products than iterations + 2.

    Taking a product a tensor at a time counts fairly: the same v again is no new product, and a v that is not 0 on one
    tensor only is a part of one.
    """
    loss_fn, params, count = _hill(**case)
    answer(loss_fn, params, iterations)
    new = [v for i, v in enumerate(count) if not any(torch.equal(v, w) for w in count[max(0, i + 1 - len(params)):i])]
    parts = [1 if n == p.numel() else 0 for v in new for n, p in [_support(v, params)]]
    return {"few enough products": len(new) - sum(parts) + sum(parts) / len(params) <= iterations + 2}


def _support(v, params):
    """How many entries of v are not 0, and the parameter among whose entries they all are, or the first."""
    pieces = [piece.count_nonzero().item() for piece in v.split([p.numel() for p in params])]
    return (max(pieces), params[pieces.index(max(pieces))]) if sum(map(bool, pieces)) == 1 else (-1, params[0])


def untouched(answer, iterations, **case):
    """The parameters and their .grad afterwards."""
    loss_fn, params, _ = _hill(**case)
    given = [p.detach().clone() for p in params]
    answer(loss_fn, params, iterations)
    return {"parameters": "as before" if all(torch.equal(p, q) for p, q in zip(params, given)) else "changed",
            ".grad": "as before" if all(p.grad is None for p in params) else "changed"}


def _power(loss_fn, params, iterations, read=lambda v, hv: v @ hv / (v @ v), block=None, unit=lambda v: v / v.norm()):
    params = list(params)
    chosen = params if block is None else params[block:block + 1]
    grads = torch.autograd.grad(loss_fn(), chosen, create_graph=True)
    flat = torch.cat([g.flatten() for g in grads])
    v = unit(torch.randn_like(flat))
    for _ in range(iterations):
        v = unit(_product(flat, chosen, v))
    return read(v, _product(flat, chosen, v)).item()


def _product(flat, params, v):
    products = torch.autograd.grad(flat @ v, params, retain_graph=True)
    return torch.cat([p.flatten() for p in products]).detach()


def _tc(**slip):
    return lambda *given: _power(*given, **slip)


def _unit_by_tensor(loss_fn, params, iterations, quotient=False):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    v, hv = [torch.randn_like(p) for p in params], None
    for _ in range(iterations + 1):
        v = [one / one.norm() for one in (v if hv is None else hv)]
        hv = torch.autograd.grad(sum((g * one).sum() for g, one in zip(grads, v)), params, retain_graph=True)
    result = sum((one * h).sum() for one, h in zip(v, hv))
    return (result / sum((one * one).sum() for one in v) if quotient else result).item()


def _unit_by_added_norms(loss_fn, params, iterations):
    sizes = [p.numel() for p in params]
    return _power(loss_fn, params, iterations, read=lambda v, hv: v @ hv,
                  unit=lambda v: v / sum(piece.norm() for piece in v.split(sizes)))


def _hessian_of_squares(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    return sum(g.square().sum() for g in grads).sqrt().item()


HILL = [5.0, 2.0, -1.5, 1.0, 0.5, 0.2, -0.1]
VALLEY = [-6.0, 3.0, 2.0, -1.0, 0.5, 0.3]
NOT_LARGEST = [-4.0, 1.5, 2.5, 0.7, -0.2, 0.1, 1.0, -0.9]
CLOSE = (1e-3, 1e-4)

top_curvature = Check(
    "top_curvature", "top_curvature(loss_fn, params, iterations)", _power,
    [Part("curvature", 0.4, "the Hessian's eigenvalue of largest magnitude", lambda g: hills(g, HILL, HILL[:1] + [
         x / 2 for x in HILL[1:]]) + hills(g, [1000 * x for x in HILL], dtype=SINGLE), curvature, rounding=CLOSE,
         shows=lambda case: "top_curvature at a point of a hilly "
          f"loss of {len(case['z'])} parameters in three tensors, {case['iterations']} iterations"),
     Part("sign", 0.25, "with its sign: negative where the loss curves down most", lambda g: hills(
         g, VALLEY, NOT_LARGEST), curvature, rounding=CLOSE, shows=lambda case: "top_curvature where the largest "
          "curvature is downward"),
     Part("effort", 0.2, "no more than iterations + 2 Hessian–vector products, no dense Hessian",
          lambda g: hills(g, [8.0] + [1.0 - k / 40 for k in range(47)], iterations=8), effort,
          shows=lambda case: "top_curvature with 48 parameters, 8 iterations"),
     Part("no trace", 0.15, "parameters and their .grad are as before", lambda g: hills(g, HILL), untouched,
          shows=lambda case: "top_curvature on three parameters without a .grad")],
    [Mistake("tc-magnitude", "The sign got lost: the norm of Hv is a magnitude. With v of length 1, the "
             "Rayleigh quotient v·Hv keeps the sign. If you wrote v·h: h must be H times this v. After v ← h/‖h‖ the "
             "old h gives v·h = ‖h‖; make one more product.",
             [_tc(read=lambda v, hv: hv.norm()), _tc(read=lambda v, hv: (v @ hv).abs())]),
     Mistake("tc-one-tensor", "Only one of the tensors was looked at, or each on its own. The eigenvector runs through "
             "all of them together.",
             [_tc(block=0), _tc(block=1), _tc(block=2),
              lambda *given: max((_power(*given, block=k) for k in range(len(given[1]))), key=abs)]),
     Mistake("tc-normalised-apart", "Each tensor's piece of v was normalised on its own. v is one long vector, with "
             "one norm.",
             [_unit_by_tensor, lambda *given: _unit_by_tensor(*given, quotient=True)]),
     Mistake("tc-norms-added", "The norms of the tensors were added to make the norm of v. Lengths add by their "
             "squares: the root of the sum of all squares.", _unit_by_added_norms),
     Mistake("tc-overflow", "The vector was not brought back to length 1, so it grows, or shrinks, with every "
             "product, and v·Hv with it.",
             shows=lambda finding, seen, case: finding.path == ("curvature",) and isinstance(finding.got, float)
             and not 1e-6 < abs(finding.got) < 1e6),
     Mistake("tc-graph-grows", "The graph grows with each product: v still carries the graph of the product before, "
             "and after a few dozen it would never end. Detach v; for Hv `retain_graph=True` is enough.",
             shows=raised("grows with each product")),
     Mistake("tc-dtype", "v has another dtype than the parameters. `torch.randn_like` takes over dtype and shape.",
             shows=raised("same dtype")),
     Mistake("tc-gradient", "This is the norm of the gradient. Curvature is how the gradient changes.",
             _hessian_of_squares),
     Mistake("tc-squared", "This is the square of it: the Hessian was applied twice.",
             [_tc(read=lambda v, hv: hv @ hv)]),
     Mistake("tc-vector", "A vector came back, the direction of largest curvature perhaps. The number was asked for.",
             shows=lambda finding, seen, case: finding.path == ("curvature",) and finding.kind in ("type", "shape")
             and str(finding.got).startswith(("tensor", "list", "shape"))),
     Mistake("tc-inverse", "The quotient is upside down, v·v over v·Hv.", _tc(read=lambda v, hv: (v @ v) / (v @ hv))),
     Mistake("tc-sign", "The sign is turned.", _tc(read=lambda v, hv: -(v @ hv))),
     Mistake("tc-half", "It is half or twice what it should be. v·Hv is the curvature; the ½ belongs to Taylor's "
             "formula.", [_tc(read=lambda v, hv: (v @ hv) / 2), _tc(read=lambda v, hv: 2 * (v @ hv))]),
     Mistake("tc-dense", "It took far more Hessian–vector products than `iterations`: one for every column of the "
             "Hessian, perhaps. A net has too many columns for that.",
             shows=lambda finding, seen, case: finding.path == ("few enough products",)),
     Mistake("tc-grad-left", "Gradients were left in the parameters' .grad, or the parameters were moved: use "
             "`torch.autograd.grad`, which gives gradients to you and writes nothing.",
             shows=lambda finding, seen, case: finding.path in ((".grad",), ("parameters",))),
     Mistake("tc-no-graph", "The gradient cannot be differentiated again: it came without its graph. Ask for it with "
             "`create_graph=True`.", shows=raised("does not require grad and does not have a grad_fn")),
     Mistake("tc-graph-freed", "The first product freed the graph of the gradient; the second needs it too. "
             "`retain_graph=True` keeps it.", shows=raised("a second time")),
     Mistake("tc-table", "`autograd.grad` wants one number to differentiate: the gradients times v, summed.",
             shows=raised("only for scalar outputs"))],
    frozenset({"torch.autograd.functional.hessian"}),
    "`torch.autograd.grad`, twice, is your tool.")

# ------------------------------------------------------------------------------------------ critical_point


def bowls(g, *spectra, noise=0.0, dtype=DOUBLE):
    """Symmetric matrices with these eigenvalues along turned axes, each with asymmetric rounding if asked for."""
    cases = []
    for spectrum in spectra:
        n = len(spectrum)
        turn = torch.linalg.qr(draw(g, n, n)).Q
        h = turn @ torch.diag(torch.tensor(spectrum, dtype=DOUBLE)) @ turn.T
        h = (h + h.T) / 2
        if noise:
            h = h + noise * h.abs().max() * torch.triu(torch.rand(n, n, generator=g, dtype=DOUBLE) + 0.5, 1)
        cases.append({"hessian": h.to(dtype)})
    return cases


def crossed(g):
    """Matrices whose diagonal tells nothing."""
    return [{"hessian": torch.tensor(rows, dtype=DOUBLE)} for rows in (
        [[1.0, 3.0], [3.0, 1.0]], [[-1.0, 2.0, 0], [2.0, -1.0, 0], [0, 0, -1.0]], [[2.0]], [[-3.0]], [[0.0]])]


def kind(answer, hessian):
    """The word."""
    try:
        return {"kind": answer(hessian.clone())}
    except NotImplementedError as error:
        if "not implemented for" not in str(error):
            raise
        # what torch says of comparing complex numbers; it is no stub
        raise TypeError(str(error)).with_traceback(error.__traceback__) from None


def _kind(h, near=lambda v: 1e-6 * max(1.0, v.abs().max().item()), read=torch.linalg.eigvalsh, order="sides first",
          words=("minimum", "maximum", "saddle", "flat")):
    minimum, maximum, saddle, flat = words
    v = read(h)
    up, down = bool((v > near(v)).any()), bool((v < -near(v)).any())
    zero = bool((v.abs() <= near(v)).any())
    if zero and order == "zero first":
        return flat
    if up and down:
        return saddle
    if zero and (order != "all zero" or not (up or down)):
        return flat
    return minimum if up else maximum


def _cp(**slip):
    return lambda h: _kind(h, **slip)


def _by_determinant(h):
    d = torch.linalg.det(h).item()
    return "saddle" if d < -1e-9 else "flat" if abs(d) <= 1e-9 else "minimum" if h[0, 0] > 0 else "maximum"


PLAIN = [[1.0, 2.0], [-3.0, -0.5, -1.0], [2.0, -1.0, 0.5, 3.0], [1.0, 4.0, 0.3], [-0.2, -2.0], [-1.0, -2.0, 5.0],
         [-1.0, -2.0, 1.0, 5.0]]
NEARLY = [[1e6, 3.0, 0.3], [1e6, 5e5, 30.0], [2e-7, 3e-7, 5e-7], [1e-5, 2e-5, 1.0], [1.0, 2.0, -3e-8],
          [-1.0, -3.0, 3e-8], [1e6, 2e5, -0.3], [-1e6, -3.0, 0.3]]

critical_point = Check(
    "critical_point", "critical_point(hessian)", _kind,
    [Part("kinds", 0.35, "all eigenvalues above 0: minimum; all below: maximum; both signs: saddle",
          lambda g: crossed(g)[:4] + bowls(g, *PLAIN) + bowls(g, *PLAIN[:3], dtype=SINGLE), kind),
     Part("flat", 0.25, "no two signs, but a zero: flat; a zero beside both signs: saddle",
          lambda g: crossed(g)[4:] + bowls(g, [0.0, 1.0, 2.0], [-1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, -2.0, 3.0]),
          kind),
     Part("tolerance", 0.2, "|λ| ≤ 1e-6 · max(1, largest |λ|) counts as zero", lambda g: bowls(g, *NEARLY), kind),
     Part("rounding", 0.2, "a Hessian that is symmetric only up to rounding is no trouble",
          lambda g: bowls(g, [1.0, 1.0, 1.0, 2.0], [-2.0, -2.0, -2.0], [1.0, -1.0, 1.0, -1.0, 2.0], noise=1e-12),
          kind)],
    [Mistake("cp-diagonal", "This looks at the diagonal. A matrix can have a positive diagonal and curve down between "
             "its axes: the eigenvalues tell.", _cp(read=torch.diagonal)),
     Mistake("cp-determinant", "This looks at the determinant. Its sign tells how many eigenvalues are negative, odd "
             "or even, and no more.", _by_determinant),
     Mistake("cp-trace", "This looks at the trace, the sum of the eigenvalues. Their signs count one by one.",
             _cp(read=lambda h: torch.linalg.eigvalsh(h).sum()[None])),
     Mistake("cp-one-eigenvalue", "This looks at one eigenvalue only, the smallest or the largest. A minimum needs "
             "all of them above 0.", [_cp(read=lambda h: torch.linalg.eigvalsh(h)[-1:]),
                                      _cp(read=lambda h: torch.linalg.eigvalsh(h)[:1])]),
     Mistake("cp-swapped", "Minimum and maximum are swapped: at a minimum the loss curves up in every direction.",
             _cp(words=("maximum", "minimum", "saddle", "flat"))),
     Mistake("cp-no-tolerance", "A computed eigenvalue is hardly ever exactly 0: what counts as zero needs a "
             "tolerance, here 1e-6 · max(1, largest |λ|).",
             [_cp(near=lambda v: 0.0), _cp(near=lambda v: 1e-12), _cp(near=lambda v: 1e-10), _cp(near=lambda v: 1e-9)]),
     Mistake("cp-absolute-tolerance", "The tolerance does not grow with the matrix. Beside an eigenvalue of a million, "
             "0.3 is rounding.", [_cp(near=lambda v: 1e-6), _cp(near=lambda v: 1e-7)]),
     Mistake("cp-signed-largest", "The scale comes from the largest eigenvalue with its sign. Beside −1 000 000, too, "
             "0.3 is rounding: take the largest magnitude.", _cp(near=lambda v: 1e-6 * max(1.0, v.max().item()))),
     Mistake("cp-relative-tolerance", "The tolerance shrinks with the matrix, without a floor: it is "
             "1e-6 · max(1, largest |λ|).", _cp(near=lambda v: 1e-6 * v.abs().max())),
     Mistake("cp-zero-first", "A zero beside both signs came out as flat. Where the loss goes up one way and down "
             "another it is a saddle, whatever else there is.", _cp(order="zero first")),
     Mistake("cp-never-flat", "A zero among eigenvalues of one sign does not make a minimum: along it, this matrix "
             "knows nothing. That is flat.", [_cp(order="all zero"), lambda h: (
                 lambda v, e: "minimum" if (v >= -e).all() else "maximum" if (v <= e).all() else "saddle")(
                     v := torch.linalg.eigvalsh(h), 1e-6 * max(1.0, v.abs().max().item())), lambda h: (
                 lambda v: "minimum" if (v >= 0).all() else "maximum" if (v <= 0).all() else "saddle")(
                     torch.linalg.eigvalsh(h))]),
     Mistake("cp-zeros-are-saddles", "Zeros among eigenvalues of one sign came out as saddle. A saddle has both signs.",
             [lambda h: (lambda v, e: "minimum" if (v > e).all() else "maximum" if (v < -e).all() else "saddle")(
                 v := torch.linalg.eigvalsh(h), 1e-6 * max(1.0, v.abs().max().item())),
              lambda h: (lambda v: "minimum" if (v > 0).all() else "maximum" if (v < 0).all() else "saddle")(
                  torch.linalg.eigvalsh(h))]),
     Mistake("cp-complex", "`eigvals` takes any matrix and gives complex numbers, which have no order. For a "
             "symmetric one there is `eigvalsh`.",
             shows=lambda finding, seen, case: "omplex" in seen.get("raised", {}).get("text", "")),
     Mistake("cp-symmetry-refused", "This refuses a Hessian that is not symmetric to the last bit. Computed ones "
             "rarely are.", shows=lambda finding, seen, case: finding.kind == "raised"
             and not torch.equal(case["hessian"], case["hessian"].T)),
     Mistake("cp-other-word", "The four words are \"minimum\", \"maximum\", \"saddle\" and \"flat\", just so.",
             shows=lambda finding, seen, case: isinstance(finding.got, str) and finding.kind == "value"
             and finding.got not in ("minimum", "maximum", "saddle", "flat"))],
    instead="`torch.linalg.eigvalsh` is your tool.")
