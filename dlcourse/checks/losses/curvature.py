"""How a loss bends: the largest curvature, and what a point without a slope is."""

import torch
from torch import nn

from ..core import Check, Mistake, Part
from .looking import DOUBLE, SINGLE, draw, raised

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
