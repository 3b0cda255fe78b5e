"""The checks of what lies around an optimizer: descent itself, its limit, clipping, groups, orthogonal updates."""

from functools import partial

import torch
from torch import nn

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from .machine import OPTIM, raised

# ---------------------------------------------------------------------------------------- gradient_descent

def bowls(g):
    """Tilted bowls of 1, 2 and 5 dimensions, one of them in float32; the last case takes no step at all."""
    def case(d, lr, steps, dtype=torch.float64):
        root = torch.randn(d, d, generator=g, dtype=dtype)
        return {"A": root @ root.T / d + torch.eye(d, dtype=dtype), "b": torch.randn(d, generator=g, dtype=dtype),
                "x0": torch.randn(d, generator=g, dtype=dtype) + 1, "lr": lr, "steps": steps}
    return [case(2, 0.1, 6), case(5, 0.03, 9), case(1, 0.2, 4), case(3, 0.05, 5, torch.float32)]


def trajectory(answer, A, b, x0, lr, steps):
    """The path down the bowl ½x·Ax − b·x, and the start as it is afterwards."""
    x0 = x0.clone()
    return {"trajectory": answer(lambda x: A @ x - b, x0, lr, steps), UNTOUCHED: x0}


def wavy(answer, x0, lr, steps):
    """The path down a surface that is no bowl."""
    return {"trajectory": answer(lambda x: torch.sin(3 * x) + x ** 3, x0.clone(), lr, steps)}


def _descend(grad, x0, lr, steps, change=lambda grad, x, x0, lr, n: lr * grad(x), first=True):
    rows, x = [x0.clone()] if first else [], x0.clone()
    for n in range(steps):
        x = x - change(grad, x, x0, lr, n)
        rows.append(x)
    return torch.stack(rows)


def _same_row(grad, x0, lr, steps):
    end = _descend(grad, x0, lr, steps)[-1]
    return torch.stack([end] * (steps + 1))


def _same_row_in_place(grad, x0, lr, steps):
    for _ in range(steps):
        x0 -= lr * grad(x0)
    return torch.stack([x0] * (steps + 1))


gradient_descent = Check(
    "gradient_descent", "gradient_descent(grad, x0, lr, steps)", _descend,
    [Part("trajectory", 0.6, "row k is the point after k steps, row 0 is x0", bowls, trajectory,
          shows=lambda case: f"gradient_descent on a bowl in {len(case['x0'])} dimensions, lr={case['lr']}, "
          f"{case['steps']} steps"),
     Part("any surface", 0.2, "each step uses the gradient at the point where it starts",
          lambda g: [{"x0": torch.randn(4, generator=g, dtype=torch.float64), "lr": 0.05, "steps": 12}], wavy,
          shows=lambda case: "gradient_descent on a wavy surface, 12 steps"),
     Part("no steps", 0.2, "with steps = 0 the trajectory is x0 alone",
          lambda g: [{**bowls(g)[0], "steps": 0}], trajectory,
          shows=lambda case: "gradient_descent with steps=0")],
    [Mistake("descent-uphill", "Each step goes up the gradient: the sign is turned.",
             partial(_descend, change=lambda grad, x, x0, lr, n: -lr * grad(x))),
     Mistake("descent-gradient-at-start", "Every step uses the gradient at x0. It has to be taken anew at the point "
             "where the step starts.", partial(_descend, change=lambda grad, x, x0, lr, n: lr * grad(x0))),
     Mistake("descent-no-start", "Row 0 is the point after the first step. It should be x0 itself, so that there are "
             "steps + 1 rows.",
             [lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps, first=False),
              lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps + 1)[1:]]),
     Mistake("descent-too-many", "There is a row too many: one step was made more than was asked for.",
             lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps + 1)),
     Mistake("descent-too-few", "The last step is missing: x0 and one row for each step make steps + 1 rows.",
             lambda grad, x0, lr, steps: _descend(grad, x0, lr, max(steps - 1, 0))),
     Mistake("descent-one-tensor", "All rows are the same, the last point. The list holds one and the same tensor "
             "many times, and each in-place step changed it: store a copy.",
             [_same_row, _same_row_in_place, lambda grad, x0, lr, steps: (
                 rows := _descend(grad, x0, lr, steps), torch.cat([rows[:1], rows[-1:].expand(steps, -1)]))[1]]),
     Mistake("descent-no-lr", "The learning rate is not used: each step is the whole gradient.",
             partial(_descend, change=lambda grad, x, x0, lr, n: grad(x))),
     Mistake("descent-lr-twice", "The learning rate comes in twice, as lr².",
             partial(_descend, change=lambda grad, x, x0, lr, n: lr * lr * grad(x))),
     Mistake("descent-unit-steps", "The gradient was divided by its length, so every step is lr long. In gradient "
             "descent steps shrink as the slope does.",
             partial(_descend, change=lambda grad, x, x0, lr, n: lr * grad(x) / grad(x).norm())),
     Mistake("descent-shrinking-lr", "The learning rate shrinks from step to step. Here it is constant.",
             partial(_descend, change=lambda grad, x, x0, lr, n: lr / (n + 1) * grad(x))),
     Mistake("descent-only-end", "This is the last point alone. Asked for is the whole way there, one row a point.",
             lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps)[-1]),
     Mistake("descent-list", "This is a list of points. `torch.stack` makes one tensor of them.",
             shows=lambda finding, seen, case: finding.kind == "type" and str(finding.got).startswith("list")),
     Mistake("descent-tensor-of-tensors", "`torch.tensor` makes a tensor of numbers. Of a list of tensors, "
             "`torch.stack` makes one.", shows=raised("only one element tensors")),
     Mistake("descent-dtype", "The points are kept in another dtype than x0's, and `grad` will not take it. "
             "`torch.zeros(…)` is float32 unless told x0's dtype.",
             shows=raised("same dtype", "scalar type", "but found Double", "but found Float")),
     Mistake("descent-one-line", "All points stand in one long row: `torch.cat` joins along an axis that is there. "
             "`torch.stack` makes a new one.", lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps).flatten()),
     Mistake("descent-columns", "The points stand in columns; each should be a row.",
             lambda grad, x0, lr, steps: _descend(grad, x0, lr, steps).T)],
    OPTIM, "Call `grad`, and subtract.")

# --------------------------------------------------------------------------------------- largest_stable_lr


def diagonals(g):
    """Diagonal Hessians whose largest entry stands neither first nor last."""
    return [{"hessian": torch.diag(torch.tensor(entries, dtype=torch.float64))}
            for entries in ([0.5, 8.0, 2.0], [1.0, 3.0, 40.0, 0.1])]


def hessians(g):
    """Symmetric positive-definite matrices, far from diagonal; their largest eigenvalue stands well apart."""
    cases = []
    for d in (2, 4, 7):
        q = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64)).Q
        values = torch.cat([torch.rand(d - 1, generator=g, dtype=torch.float64) * 3 + 0.2,
                            torch.tensor([9.0], dtype=torch.float64)])
        h = q @ torch.diag(values) @ q.T
        cases.append({"hessian": (h + h.T) / 2})
    return cases


def single(g):
    """One direction only; and a matrix in float32."""
    return [{"hessian": torch.tensor([[5.0]], dtype=torch.float64)}, {"hessian": hessians(g)[1]["hessian"].float()}]


def rate(answer, hessian):
    """The learning rate, and the Hessian as it is afterwards."""
    given = hessian.clone()
    return {"lr": answer(given), UNTOUCHED: given}


def _of_curvatures(f):
    return lambda h: float(f(torch.linalg.eigvalsh(h), h))


COMPLEX = "The number is complex. A symmetric matrix has real eigenvalues: `eigvalsh` knows it, `eigvals` does not."

largest_stable_lr = Check(
    "largest_stable_lr", "largest_stable_lr(hessian)", _of_curvatures(lambda w, h: 2 / w[-1]),
    [Part("diagonal", 0.3, "for a diagonal Hessian the steepest direction sets the limit", diagonals, rate,
          (1e-3, 1e-6)),
     Part("any Hessian", 0.5, "the directions that count are the eigenvectors, whatever the axes", hessians, rate,
          (1e-3, 1e-6)),
     Part("one direction, float32", 0.2, "a 1 × 1 Hessian and float32 work too", single, rate, (1e-3, 1e-6))],
    [Mistake("stable-half", "This is 1/λ of the steepest direction, half of what is asked. At 1/λ the steepest "
             "direction is done in one step; it still converges beyond that.", _of_curvatures(lambda w, h: 1 / w[-1])),
     Mistake("stable-smallest", "This is the limit for the flattest direction. At that rate the steepest one has "
             "long exploded.", _of_curvatures(lambda w, h: 2 / w[0])),
     Mistake("stable-trace", "This is 2 over the trace, the sum of all curvatures. It is safe but too careful: each "
             "direction is stable or not on its own.", _of_curvatures(lambda w, h: 2 / w.sum())),
     Mistake("stable-frobenius", "This is 2 over the Frobenius norm. It is safe but too careful: each direction is "
             "stable or not on its own.", _of_curvatures(lambda w, h: 2 / w.norm())),
     Mistake("stable-diagonal", "This is 2 over the largest entry, which stands on the diagonal: the curvature along "
             "an axis. The steepest direction of a tilted bowl lies between the axes.",
             _of_curvatures(lambda w, h: 2 / h.diagonal().max())),
     Mistake("stable-rows", "This is 2 over the largest row sum. It bounds λ_max from above, and is too careful.",
             _of_curvatures(lambda w, h: 2 / h.abs().sum(1).max())),
     Mistake("stable-fastest", "This is 2/(λ_max + λ_min), the rate that converges fastest. Asked for is the limit "
             "above which it no longer converges at all.", _of_curvatures(lambda w, h: 2 / (w[-1] + w[0]))),
     Mistake("stable-upside-down", "This is λ_max/2, upside down: the steeper the bowl, the smaller the steps must be.",
             [_of_curvatures(lambda w, h: w[-1] / 2), _of_curvatures(lambda w, h: 2 * w[-1]),
              _of_curvatures(lambda w, h: w[-1])]),
     Mistake("stable-vectors", "This is made of the eigenvectors, the directions. The limit needs an eigenvalue.",
             [lambda h: 2 / torch.linalg.eigh(h)[1], lambda h: 2 / torch.linalg.eigh(h)[1].max(),
              lambda h: 2 / torch.linalg.eigh(h)[1][-1], lambda h: 2 / torch.linalg.eigh(h)[1][-1].max()]),
     Mistake("stable-average", "This is 2 over the mean curvature: the steepest direction explodes at that rate.",
             _of_curvatures(lambda w, h: 2 / w.mean())),
     Mistake("stable-all", "These are the limits of all directions. The whole is stable only if every direction is: "
             "which of them decides?", lambda h: 2 / torch.linalg.eigvalsh(h)),
     Mistake("stable-complex", COMPLEX, shows=lambda finding, seen, case: "complex" in str(finding.got)),
     Mistake("stable-complex", COMPLEX, shows=raised("omplex", "without overflow")),
     Mistake("stable-pair", "`eigh` and `eig` give two things, the eigenvalues and the eigenvectors. `eigvalsh` gives "
             "the eigenvalues alone.", shows=raised("linalg_eig"))],
    instead="`torch.linalg.eigvalsh` is your tool.")

# ------------------------------------------------------------------------------------------ clip_grad_norm


def gradients(g, max_norm, scale=1.0, dtype=torch.float64, **options):
    """One case: gradients of three tensors, of norm 5 times `scale` in all; the second is much the longest."""
    grads = [torch.randn(*shape, generator=g, dtype=dtype) * size
             for shape, size in (((3, 4), 1.0), ((5,), 4.0), ((2, 2, 2), 0.5))]
    norm = torch.cat([grad.flatten() for grad in grads]).norm()
    return {"grads": [5 * scale / norm * grad for grad in grads], "max_norm": max_norm, **options}


def _with_gradients(grads, gone=()):
    params = [nn.Parameter(torch.full_like(grad, 2.0)) for grad in grads]
    for number, (p, grad) in enumerate(zip(params, grads)):
        p.grad = None if number in gone else grad.clone()
    return params


def norm_before(answer, grads, max_norm, gone=()):
    """The norm that comes back."""
    return {"norm": answer(_with_gradients(grads, gone), max_norm)}


def clipped(answer, grads, max_norm, gone=(), generator=False):
    """The norm that comes back, every .grad afterwards, and whether the parameters are as they were."""
    params = _with_gradients(grads, gone)
    norm = answer((p for p in params) if generator else params, max_norm)
    return {"norm": norm, **{f".grad of tensor {number}": p.grad for number, p in enumerate(params)},
            "parameters": "as before" if all((p == 2).all() for p in params) else "changed"}


def _clip(params, max_norm, norm=lambda grads: torch.cat([g.flatten() for g in grads]).norm(),
          factor=lambda norm, limit: min(1.0, limit / norm) if norm else 1.0, back=lambda norm, limit: norm,
          scale=lambda g, c, limit: g * c):
    grads = [p.grad for p in list(params) if p.grad is not None]
    if not grads:
        return 0.0
    total = float(norm(grads))
    c = factor(total, max_norm)
    for g in grads:
        g.copy_(scale(g, c, max_norm))
    return back(total, max_norm)


def _clip_slip(**parts):
    return partial(_clip, **parts)


def _clip_tensors(back):
    """Each tensor clipped by itself; what comes back is made of their norms by `back`."""
    def slipped(params, max_norm):
        norms = [_clip([p], max_norm) for p in params if p.grad is not None]
        return back(norms) if norms else 0.0
    return slipped


def _clip_exhausted(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    total = float(torch.cat([g.flatten() for g in grads]).norm()) if grads else 0.0
    for p in params:
        if p.grad is not None:
            p.grad = p.grad * min(1.0, max_norm / total) if total else p.grad
    return total


def _clip_by_weights(params, max_norm):
    params = list(params)
    return _clip(params, max_norm, norm=lambda grads: torch.cat([p.detach().flatten() for p in params]).norm())


def _clip_weights(params, max_norm):
    params = list(params)
    before = [None if p.grad is None else p.grad.clone() for p in params]
    total = _clip(params, max_norm)
    with torch.no_grad():
        for p, grad in zip(params, before):
            p.grad = grad
            p.mul_(min(1.0, max_norm / total) if total else 1.0)
    return total


def _shows_clip(case):
    given = "generator of params" if case.get("generator") else "params"
    gone = f", {len(case['gone'])} of 3 gradients None" if case.get("gone") else ""
    return f"clip_grad_norm({given}, max_norm={case['max_norm']}), gradients of three tensors{gone}"


_root = lambda norms: sum(n * n for n in norms) ** 0.5

clip_grad_norm = Check(
    "clip_grad_norm", "clip_grad_norm(params, max_norm)", _clip,
    [Part("norm", 0.25, "what comes back is the L2 norm of all gradients taken together, before clipping",
          lambda g: [gradients(g, 10.0), gradients(g, 2.0), gradients(g, 2.0, dtype=torch.float32)], norm_before,
          shows=_shows_clip),
     Part("clipping", 0.25, "above the limit, all gradients are scaled by one factor, to norm max_norm",
          lambda g: [gradients(g, 2.0), gradients(g, 0.5, 40.0), gradients(g, 2.0, dtype=torch.float32)], clipped,
          (1e-4, 1e-6), shows=_shows_clip),
     Part("below the limit", 0.2, "gradients that are short enough stay as they are",
          lambda g: [gradients(g, 10.0), gradients(g, 1.0, 0.01)], clipped, (1e-4, 1e-6), shows=_shows_clip),
     Part("missing and zero", 0.2, "gradients may be None, all of them even, or exactly 0",
          lambda g: [gradients(g, 1.0, gone=[1]), gradients(g, 1.0, gone=[0, 1, 2]), gradients(g, 1.0, 0.0)],
          clipped, (1e-4, 1e-6), shows=_shows_clip),
     Part("generator", 0.1, "the parameters may come as a generator",
          lambda g: [gradients(g, 2.0, generator=True)], clipped, (1e-4, 1e-6), shows=_shows_clip)],
    [Mistake("clip-per-tensor", "Each tensor is clipped by itself, which turns the direction of the whole step. One "
             "norm over all of them, one factor for all of them.",
             [_clip_tensors(_root), _clip_tensors(max), _clip_tensors(sum), _clip_tensors(lambda norms: norms[-1])]),
     Mistake("clip-scales-up", "Short gradients are made longer. The factor must not exceed 1.",
             _clip_slip(factor=lambda norm, limit: limit / norm if norm else 1.0)),
     Mistake("clip-norm-after", "What comes back is the norm after clipping. The norm before tells whether training "
             "is in trouble.", _clip_slip(back=lambda norm, limit: min(norm, limit))),
     Mistake("clip-squared", "This is the sum of squares: the root is missing.",
             [_clip_slip(norm=lambda grads: sum((g * g).sum() for g in grads)),
              _clip_slip(back=lambda norm, limit: norm * norm)]),
     Mistake("clip-sum-of-norms", "The norms of the tensors were added up. The norm of all entries together is the "
             "root of the sum of their squares.", _clip_slip(norm=lambda grads: sum(g.norm() for g in grads))),
     Mistake("clip-largest-norm", "This is the largest of the tensors' norms. All entries count, as in one "
             "long vector.",
             _clip_slip(norm=lambda grads: max(g.norm() for g in grads))),
     Mistake("clip-l1", "This is the sum of absolute values, the L1 norm. Asked for is the L2 norm.",
             _clip_slip(norm=lambda grads: sum(g.abs().sum() for g in grads))),
     Mistake("clip-largest-entry", "This is the largest entry. Asked for is the L2 norm.",
             _clip_slip(norm=lambda grads: max(g.abs().max() for g in grads))),
     Mistake("clip-mean", "The squares were averaged: a norm does not divide by the number of entries.",
             _clip_slip(norm=lambda grads: torch.cat([g.flatten() for g in grads]).square().mean().sqrt())),
     Mistake("clip-entries", "Every entry was cut off at ±max_norm. That is clipping by value, and it turns the "
             "direction of the step.", _clip_slip(scale=lambda g, c, limit: g.clamp(-limit, limit))),
     Mistake("clip-to-unit", "The gradients come out with norm 1: max_norm is missing from the factor.",
             [_clip_slip(factor=lambda norm, limit: min(1.0, 1 / norm) if norm else 1.0),
              _clip_slip(factor=lambda norm, limit: 1 / norm if norm > limit else 1.0)]),
     Mistake("clip-inverted", "The factor is upside down: norm/max_norm makes long gradients longer.",
             [_clip_slip(factor=lambda norm, limit: norm / limit if norm > limit else 1.0),
              _clip_slip(factor=lambda norm, limit: norm / limit),
              _clip_slip(factor=lambda norm, limit: max(1.0, norm / limit)),
              _clip_slip(factor=lambda norm, limit: min(1.0, norm / limit))]),
     Mistake("clip-nothing", "The norm is right and the gradients are as long as before. `g = g * factor` makes a new "
             "tensor; the parameter's .grad is still the old one.", _clip_slip(factor=lambda norm, limit: 1.0)),
     Mistake("clip-exhausted", "Given a generator, it finds the norm and then scales nothing: the first walk through "
             "the parameters used the generator up. Keep a list.", _clip_exhausted),
     Mistake("clip-weights", "The parameters were scaled. It is their gradients that are too long.", _clip_weights),
     Mistake("clip-norm-of-weights", "This is the norm of the parameters. What may be too long is their gradients.",
             _clip_by_weights),
     Mistake("clip-none", "A parameter that took no part in the loss has no gradient: its .grad is None. Leave it "
             "out.", shows=raised("NoneType")),
     Mistake("clip-no-gradients", "It fails where there is no gradient at all. The norm of nothing is 0.",
             shows=raised("non-empty", "empty", "expected a non", "'float' object has no attribute",
                          "'int' object has no attribute")),
     Mistake("clip-zero", "Where all gradients are 0, so is their norm, and max_norm/0 is inf: 0 · inf is nan.",
             [_clip_slip(factor=lambda norm, limit: limit / norm if norm else float("nan")),
              _clip_slip(factor=lambda norm, limit: min(1.0, limit / norm) if norm else float("nan"))]),
     Mistake("clip-zero-division", "Where all gradients are 0, so is their norm, and it was divided by.",
             shows=raised("division by zero"))],
    frozenset({"torch.nn.utils.clip_grad", "torch.optim"}), "Squares, sums and a root are your tools.")
