"""The check of a loss made of an equation: the residual of an oscillator."""

import torch
from torch import nn

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .looking import DOUBLE, SINGLE, draw, fill, raised


class _Smooth(nn.Module):
    """u(t): a small tanh net with the given numbers for weights."""

    def __init__(self, numbers):
        super().__init__()
        self.inner, self.outer = nn.Linear(1, 4, dtype=numbers.dtype), nn.Linear(4, 1, dtype=numbers.dtype)
        fill(self, numbers)

    def forward(self, t):
        return self.outer(torch.tanh(self.inner(t)))


CURVES = {"cubic": lambda numbers, omega: lambda t: t ** 3 + numbers[0] * t,
          "solution": lambda numbers, omega: lambda t: numbers[0] * torch.cos(omega * t + numbers[1]),
          "net": lambda numbers, omega: _Smooth(numbers)}


def oscillations(curve, *frames, dtype=DOUBLE):
    """Times (N, 1), ω and the numbers that make the curve."""
    return lambda g: [{"curve": curve, "numbers": draw(g, 13, dtype=dtype), "t": draw(g, n, 1, dtype=dtype),
                       "omega": 0.7 + 0.9 * n / 4} for n in frames]


def residual(answer, curve, numbers, t, omega):
    """What comes back for one curve."""
    return {"residual": answer(CURVES[curve](numbers, omega), t.clone(), omega)}


def residual_slope(answer, curve, numbers, t, omega):
    """The gradients at the weights of the net."""
    net = CURVES[curve](numbers, omega)
    found = gradient(answer(net, t.clone(), omega), list(net.parameters()))
    if found is None:
        return {"gradient of the weights": None}
    # whatever a residual is, the last bias moves u: where no gradient reaches a weight it counts as 0
    return {"gradient of the weights": torch.cat([torch.zeros(p.numel(), dtype=p.dtype) if g is None else g.flatten()
                                                  for p, g in zip(net.parameters(), found)])}


def traces(answer, curve, numbers, t, omega):
    """t and the parameters' .grad after the call."""
    net, given = CURVES[curve](numbers, omega), t.clone()
    answer(net, given, omega)
    return {UNTOUCHED: given, "t.requires_grad afterwards": given.requires_grad,
            "gradients left in .grad": sum(p.grad is not None for p in net.parameters())}


def _residual(u, t, omega, combine=lambda u, first, second, omega: second + omega ** 2 * u,
              average=lambda r: r.square().mean(), total=torch.sum, keep=True):
    t = t.detach().clone().requires_grad_()
    out = u(t)
    first, = torch.autograd.grad(total(out), t, create_graph=True)
    second, = torch.autograd.grad(total(first), t, create_graph=keep)
    return average(combine(out, first, second, omega))


def _osc(**slip):
    return lambda u, t, omega: _residual(u, t, omega, **slip)


STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def _differences(h):
    return lambda u, t, omega: ((u(t + h) - 2 * u(t) + u(t - h)) / h ** 2 + omega ** 2 * u(t)).square().mean()


def _leaves_flag(u, t, omega):
    t.requires_grad_(True)
    return _residual(u, t, omega)


def _shown(case):
    return f"oscillator_residual(u, t, omega) with u a {case['curve']}, t of shape {tuple(case['t'].shape)}"


oscillator_residual = Check(
    "oscillator_residual", "oscillator_residual(u, t, omega)", _residual,
    [Part("values", 0.35, "the mean of (u'' + ω²u)² over the times",
          lambda g: oscillations("cubic", 5, 3)(g) + oscillations("net", 6)(g) + oscillations("cubic", 4,
                                                                                             dtype=SINGLE)(g),
          residual, shows=_shown),
     Part("solution", 0.15, "a·cos(ωt + φ) solves the equation: 0", oscillations("solution", 5, 7), residual,
          shows=_shown, rounding=(1e-4, 1e-9)),
     Part("gradient", 0.3, "the gradient reaches the net's weights through u and through u''",
          oscillations("net", 5, 8), residual_slope, shows=_shown),
     Part("no trace", 0.2, "t, its requires_grad, and the weights' .grad are as before", oscillations("net", 5),
          traces, shows=_shown)],
    [Mistake("osc-graph-cut", "The value is right, but the graph behind u'' was not kept, so the weights only feel the "
             "term with u. `create_graph=True` keeps it, for the second derivative too.",
             [_osc(keep=False), _osc(combine=lambda u, f, s, w: s.detach() + w ** 2 * u)]),
     Mistake("osc-u-fixed", "The value is right, but u itself was cut off from the gradient: the weights only feel "
             "u''.", _osc(combine=lambda u, f, s, w: s + w ** 2 * u.detach())),
     Mistake("osc-no-graph", "There is no graph to differentiate. Either t was not followed (what goes into u must "
             "require a gradient), or the first derivative came without a graph of its own: ask for that with "
             "`create_graph=True`.",
             shows=lambda finding, seen, case: any(text in seen.get("raised", {}).get("text", "") for text in (
                 "does not require grad", "appears to not have been used", "NoneType"))),
     Mistake("osc-table", "`autograd.grad` wants one number to differentiate. Each u(t) depends on its own t only, so "
             "their sum will do, or `grad_outputs` of ones.", shows=raised("only for scalar outputs")),
     Mistake("osc-tuple", "`torch.autograd.grad` gives a tuple, with one entry for each input. `du, = …`, or `[0]`, "
             "takes the tensor out of it.", shows=raised("tuple")),
     Mistake("osc-finite-differences", "The derivatives come from small differences. They are only near the truth, and "
             "in float32 rounding takes over. Autograd gives them exactly.", [_differences(step) for step in STEPS]),
     Mistake("osc-float32", "In float64 this is right, and in float32 it is not. Derivatives by small differences do "
             "that: rounding takes over. Autograd gives them exactly.",
             shows=lambda finding, seen, case: finding.path == ("residual",) and finding.kind == "value"
             and case.get("curve") == "cubic" and case["t"].dtype == SINGLE),
     Mistake("osc-mean-inside", "The mean of u was differentiated where its sum was needed: every derivative is "
             "divided by N.", _osc(total=torch.mean)),
     Mistake("osc-first-derivative", "This has the first derivative where the second belongs.",
             _osc(combine=lambda u, f, s, w: f + w ** 2 * u)),
     Mistake("osc-omega", "This has ω·u; the square of ω is missing.", _osc(combine=lambda u, f, s, w: s + w * u)),
     Mistake("osc-omega-missing", "This is u'' + u: `omega` is not used.", _osc(combine=lambda u, f, s, w: s + u)),
     Mistake("osc-omega-wrong-side", "The ω² multiplies u'', not u.", _osc(combine=lambda u, f, s, w: w ** 2 * s + u)),
     Mistake("osc-minus", "This is u'' − ω²u: its solutions do not swing but grow.",
             _osc(combine=lambda u, f, s, w: s - w ** 2 * u)),
     Mistake("osc-only-second", "This has u'' alone; the term with u is missing.",
             _osc(combine=lambda u, f, s, w: s)),
     Mistake("osc-squares-apart", "Each term was squared on its own: the two can no longer cancel.",
             [_osc(combine=lambda u, f, s, w: (s ** 2 + (w ** 2 * u) ** 2).sqrt()),
              _osc(combine=lambda u, f, s, w: (s ** 2 + w ** 2 * u ** 2).sqrt())]),
     Mistake("osc-not-squared", "The residuals were averaged without a square.",
             [_osc(average=torch.mean), _osc(average=lambda r: r.abs().mean()),
              _osc(average=lambda r: r.mean().square())]),
     Mistake("osc-sum", "The squares were summed; their mean was asked for.",
             _osc(average=lambda r: r.square().sum())),
     Mistake("osc-no-mean", "This is one residual for each time. The mean of their squares was asked for.",
             [_osc(average=lambda r: r.square()), _osc(average=lambda r: r)]),
     Mistake("osc-flag-left", "t requires a gradient after the call, and did not before. It belongs to whoever called: "
             "work on a copy.", _leaves_flag),
     Mistake("osc-grad-left", "Gradients were left in the weights' .grad: `backward` writes there. "
             "`torch.autograd.grad` gives them to you instead.",
             shows=lambda finding, seen, case: finding.path == ("gradients left in .grad",))])
