"""The checks of lesson 02, `activations`.

Each exercise: a reference, the parts it is judged by, and the wrong answers that people really give.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .asking import batches, points, slope, value, value_and_slope
from .core import Check, Mistake, Part
from .sealed import questions
from .watching import gradient

ACTIVATIONS = frozenset(
    "relu relu6 leaky_relu rrelu prelu elu celu selu gelu silu mish glu softplus softsign softmin softmax "
    "log_softmax logsigmoid sigmoid hardsigmoid hardswish hardtanh hardshrink softshrink tanhshrink "
    "threshold".split())
TOOLS = "Comparisons, `torch.where`, `clamp`, `exp`, `abs` and arithmetic are your tools."


def mixed(g, **options):
    """Ordinary inputs in float64, and one batch in float32."""
    return batches(g, **options) + batches(g, [(4, 3)], torch.float32, **options)


def slopes_at(*values, **options):
    """`slope` at chosen points."""
    return lambda g: points(*values, **options)


# ---------------------------------------------------------------------------------------------------- relu

relu = Check(
    "relu", "relu(x)", lambda x: torch.where(x > 0, x, 0.0),
    [Part("values", 0.5, "negative inputs give 0, positive ones pass unchanged", mixed, value),
     Part("gradient", 0.3, "the gradient is 1 where x > 0 and 0 where x < 0", batches, slope),
     Part("gradient at 0", 0.2, "at x = 0 the gradient is 0, by convention", slopes_at(0.0, -1.0, 2.0, -0.0), slope)],
    [Mistake("relu-clamp", "Right everywhere but at exactly 0: there the whole gradient comes through, and by "
             "convention none should. `clamp(min=0)` does that, and so does putting x = 0 on the right side, as in "
             "`x >= 0`. Zeros are common: a dead layer below sends nothing else.", lambda x: x.clamp(min=0)),
     Mistake("relu-half-at-zero", "At exactly 0 half the gradient comes through. `maximum` shares it between two "
             "equal arguments, and (x + |x|)/2 averages the slopes on both sides; ReLU's convention is 0.",
             lambda x: torch.maximum(x, torch.zeros_like(x))),
     Mistake("relu-abs", "This is |x|: negative inputs came back with their sign turned, not as 0.", torch.abs),
     Mistake("relu-mirrored", "This keeps the negative half and zeroes the positive one; ReLU does the opposite.",
             lambda x: torch.where(x < 0, x, 0.0)),
     Mistake("relu-step", "This is a step, 1 where x is positive. ReLU passes x itself there.",
             lambda x: (x > 0).to(x.dtype)),
     Mistake("relu-leaks", "Negative inputs come back as 0.01·x. That is Leaky ReLU, the next exercise.",
             lambda x: F.leaky_relu(x, 0.01)),
     Mistake("relu-negated", "The sign is turned: this is max(0, −x), or −max(0, x).",
             [lambda x: torch.where(x < 0, -x, 0.0), lambda x: torch.where(x > 0, -x, 0.0)]),
     Mistake("relu-identity", "The inputs came back as they went in: nothing was cut off.", lambda x: x * 1)],
    ACTIVATIONS, "Comparisons, `torch.where`, indexing and arithmetic are your tools.", curve=(-4, 4))

# ---------------------------------------------------------------------------------------------- leaky_relu

leaky_relu = Check(
    "leaky_relu", "leaky_relu(x, negative_slope)",
    lambda x, negative_slope=0.01: torch.where(x > 0, x, negative_slope * x),
    [Part("values", 0.4, "positive inputs pass, negative ones are scaled by 0.01 unless told otherwise",
          lambda g: mixed(g) + batches(g, [(2, 6)], negative_slope=0.2), value),
     Part("any slope", 0.3, "slopes of 0 and above 1 work too",
          lambda g: batches(g, [(3, 4)], negative_slope=0.0) + batches(g, [(3, 4)], negative_slope=1.5), value),
     Part("gradient", 0.3, "the gradient is 1 on the right, the slope on the left",
          lambda g: batches(g) + batches(g, [(2, 6)], negative_slope=0.2), slope)],
    [Mistake("leaky-maximum", "This is max(x, slope·x). The two agree up to a slope of 1: above it, the "
             "larger of the two is the wrong one.",
             lambda x, negative_slope=0.01: torch.maximum(x, negative_slope * x)),
     Mistake("leaky-slope-ignored", "The slope is 0.01 whatever was asked for: `negative_slope` is not used.",
             lambda x, negative_slope=0.01: torch.where(x > 0, x, 0.01 * x)),
     Mistake("leaky-constant", "Negative inputs all come back as the slope itself. It should be slope · x.",
             lambda x, negative_slope=0.01: torch.where(x > 0, x, negative_slope)),
     Mistake("leaky-sides-swapped", "The slope is applied to the positive side, and the negative side passes whole.",
             lambda x, negative_slope=0.01: torch.where(x > 0, negative_slope * x, x)),
     Mistake("leaky-sign", "On the negative side the sign is turned: −slope · x points up, and the curve has a kink "
             "like |x|.", lambda x, negative_slope=0.01: torch.where(x > 0, x, -negative_slope * x)),
     Mistake("leaky-relu", "This is plain ReLU: nothing leaks.", lambda x, negative_slope=0.01: x.clamp(min=0)),
     Mistake("leaky-minus", "The leak is subtracted as a constant, x − slope, rather than scaling x.",
             lambda x, negative_slope=0.01: torch.where(x > 0, x, x - negative_slope)),
     Mistake("leaky-added", "x comes back whole and the leak on top of it: relu(x) + slope · x scales the positive "
             "side too, to 1 + slope.",
             lambda x, negative_slope=0.01: x.clamp(min=0) + negative_slope * x)],
    ACTIVATIONS, TOOLS, curve=(-4, 4))

# ----------------------------------------------------------------------------------------------------- elu


def _elu(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def far_out(g):
    """Where exp overflows: ±100 in float32, ±1000 in float64."""
    return points(-100.0, -88.0, -1.5, 2.0, 89.0, 100.0, dtype=torch.float32) + points(-1000.0, -3.0, 4.0, 1000.0)


elu = Check(
    "elu", "elu(x, alpha)", _elu,
    [Part("values", 0.35, "x on the right, alpha·(eˣ − 1) on the left", mixed, value),
     Part("alpha", 0.15, "alpha scales the left side alone", lambda g: batches(g, [(3, 4)], alpha=0.5)
          + batches(g, [(5, 2)], alpha=2.0), value),
     Part("gradient", 0.2, "the gradient is 1 on the right, alpha·eˣ on the left",
          lambda g: batches(g) + batches(g, [(3, 4)], alpha=2.0), slope),
     Part("gradient at 0", 0.1, "0 belongs to the left side: the gradient there is alpha",
          slopes_at(0.0, -1.0, 1.0, alpha=0.5), slope),
     Part("extremes", 0.2, "values and gradients stay finite and right where eˣ overflows", far_out,
             value_and_slope)],
    [Mistake("elu-where-trap", "The values are right and the gradient is nan: `torch.where` computes both sides and "
             "picks one, but backward visits both. On the side not picked eˣ overflowed to inf, and 0 · inf is "
             "nan. Keep large inputs away from `exp` before it is called.",
             lambda x, alpha=1.0: torch.where(x > 0, x, alpha * (torch.exp(x) - 1))),
     Mistake("elu-no-minus-one", "The left side is alpha·eˣ: without the − 1 it does not meet 0 at x = 0, and the "
             "curve jumps.", lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.exp(x.clamp(max=0)))),
     Mistake("elu-brackets", "The left side is (alpha·eˣ) − 1: alpha scales eˣ only. It should scale the whole "
             "bracket, alpha·(eˣ − 1).",
             [lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.exp(x.clamp(max=0)) - 1),
              lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.exp(x) - 1)]),
     Mistake("elu-flat-at-zero", "At exactly 0 the gradient is 0: |x| has slope 0 there in PyTorch, so what is "
             "built on "
             "|x| loses the alpha.", lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.expm1(-x.abs()))),
     Mistake("elu-alpha-ignored", "The left side is eˣ − 1 whatever alpha is: `alpha` is not used.",
             lambda x, alpha=1.0: _elu(x)),
     Mistake("elu-alpha-inside", "alpha sits in the exponent, e^(alpha·x) − 1. It belongs in front.",
             lambda x, alpha=1.0: torch.where(x > 0, x, torch.expm1(alpha * x.clamp(max=0)))),
     Mistake("elu-alpha-everywhere", "alpha scales the positive side as well; there x passes unchanged.",
             lambda x, alpha=1.0: alpha * _elu(x)),
     Mistake("elu-one-slope-too-many", "At exactly 0 both sides pass their gradient and it comes out as 1 + alpha. "
             "Adding relu(x) to a clamped left side does this: only one side may count.",
             lambda x, alpha=1.0: x.clamp(min=0) + alpha * torch.expm1(x.clamp(max=0))),
     Mistake("elu-right-slope-at-zero", "At exactly 0 the gradient is 1, the right side's. The convention gives 0 "
             "to the left: alpha.", lambda x, alpha=1.0: torch.where(x >= 0, x, _elu(x, alpha))),
     Mistake("elu-half-at-zero", "At exactly 0 the gradient is half of what it should be: `minimum` and `maximum` "
             "share it between equal arguments.", lambda x, alpha=1.0: torch.where(
                 x > 0, x, alpha * torch.expm1(torch.minimum(x, torch.zeros_like(x))))),
     Mistake("elu-leaky", "The left side is a straight line, alpha·x. ELU's bends down to −alpha.",
             lambda x, alpha=1.0: torch.where(x > 0, x, alpha * x)),
     Mistake("elu-selu", "This is SELU, an ELU scaled by 1.0507 with alpha fixed at 1.6733.",
             lambda x, alpha=1.0: F.selu(x)),
     Mistake("elu-sides-swapped", "The sides are swapped: the exponential belongs where x is negative.",
             lambda x, alpha=1.0: torch.where(x > 0, alpha * torch.expm1(x), x))],
    ACTIVATIONS, TOOLS, curve=(-4, 4))

# ------------------------------------------------------------------------------------------------- sigmoid


def _sigmoid_by_parts(x):
    small = torch.exp(-x.abs())
    return torch.where(x >= 0, 1 / (1 + small), small / (1 + small))


sigmoid = Check(
    "sigmoid", "sigmoid(x)", torch.sigmoid,
    [Part("values", 0.4, "σ(x) = 1 / (1 + e⁻ˣ)", mixed, value),
     Part("gradient", 0.2, "σ′(x) = σ(x)(1 − σ(x)), which is ¼ at 0",
          lambda g: batches(g) + points(0.0, 1.0, -1.0), slope),
     Part("extremes", 0.4, "values and gradients stay finite and right at ±1000",
          lambda g: points(-1000.0, -500.0, -2.0, 3.0, 720.0, 1000.0)
          + points(-1000.0, -100.0, -1.0, 1.0, 100.0, 1000.0, dtype=torch.float32), value_and_slope)],
    [Mistake("sigmoid-overflow-left", "For very negative x, e⁻ˣ overflows to inf. The value survives, since 1/inf is "
             "0, but its gradient is 0 · inf, which is nan. Let `exp` see only numbers below 0.",
             lambda x: 1 / (1 + torch.exp(-x))),
     Mistake("sigmoid-overflow-right", "For large x, eˣ overflows and eˣ / (1 + eˣ) becomes inf / inf, which is nan. "
             "Let `exp` see only numbers below 0.", lambda x: torch.exp(x) / (1 + torch.exp(x))),
     Mistake("sigmoid-where-trap", "The values are right and the gradients are not: `torch.where` picks one side, "
             "but backward visits both, and on the side not picked `exp` overflowed: 0 · inf is nan.",
             lambda x: torch.where(x >= 0, 1 / (1 + torch.exp(-x)), torch.exp(x) / (1 + torch.exp(x)))),
     Mistake("sigmoid-flat-at-zero", "At exactly 0 the gradient comes out wrong: |x| has slope 0 there in PyTorch, "
             "so what is built on |x| loses the ¼ at 0. A last layer that starts with zero weights gives just that.",
             [_sigmoid_by_parts, lambda x: torch.exp(x.clamp(max=0)) / (1 + torch.exp(-x.abs()))]),
     Mistake("sigmoid-brackets", "This is (1/1) + e⁻ˣ: division binds more tightly than addition, so the denominator "
             "needs brackets.", lambda x: 1 / 1 + torch.exp(-x)),
     Mistake("sigmoid-sign", "This is σ(−x): it falls from 1 to 0. Look at the sign in the exponent.",
             lambda x: torch.sigmoid(-x)),
     Mistake("sigmoid-tanh", "This runs from −1 to 1: it is tanh, not σ.", torch.tanh),
     Mistake("sigmoid-tanh-half", "This runs from −1 to 1: it is 2σ(x) − 1.", lambda x: 2 * torch.sigmoid(x) - 1),
     Mistake("sigmoid-hard", "This is the straight-line imitation, clamp(x/6 + ½, 0, 1).",
             lambda x: (x / 6 + 0.5).clamp(0, 1)),
     Mistake("sigmoid-softplus", "This is log(1 + eˣ), the softplus: it grows without end.", F.softplus),
     Mistake("sigmoid-derivative", "This is σ(x)(1 − σ(x)), the derivative, a bump of height ¼.",
             lambda x: torch.sigmoid(x) * (1 - torch.sigmoid(x))),
     Mistake("sigmoid-no-one", "The 1 in the denominator is missing: 1/e⁻ˣ is just eˣ.", torch.exp)],
    frozenset({"sigmoid", "expit", "tanh", "softplus", "softmax", "log_softmax", "logsigmoid", "hardsigmoid",
               "silu", "glu", "mish"}),
    "`exp`, `where`, `clamp`, `abs` and `logaddexp` are your tools.", curve=(-4, 4))

# ---------------------------------------------------------------------------------------------------- gelu


def _normal_cdf(x):
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


gelu = Check(
    "gelu", "gelu(x)", lambda x: x * _normal_cdf(x),
    [Part("values", 0.5, "GELU(x) = x·Φ(x), the exact form", mixed, value),
     Part("gradient", 0.3, "GELU′(x) = Φ(x) + x·φ(x)", batches, slope),
     Part("tails", 0.2, "far left it is 0, far right it is x",
          lambda g: points(-1000.0, -30.0, -9.0, 9.0, 30.0, 1000.0), value_and_slope)],
    [Mistake("gelu-tanh", "This is the tanh approximation of GELU, ½x(1 + tanh(√(2/π)(x + 0.044715x³))), as in "
             "GPT's code. It is off by up to 5·10⁻⁴; here the exact form with erf is asked for.",
             lambda x: F.gelu(x, approximate="tanh")),
     Mistake("gelu-sigmoid", "This is x·σ(1.702x), the sigmoid approximation of GELU. It is off by about 0.02 "
             "at worst; "
             "here the exact form with erf is asked for.", lambda x: x * torch.sigmoid(1.702 * x)),
     Mistake("gelu-swish", "This is Swish (SiLU), x·σ(x). GELU weighs x with the normal distribution's Φ(x), which "
             "rises faster.", F.silu),
     Mistake("gelu-no-root-two", "Φ(x) is ½(1 + erf(x/√2)): the √2 is missing, so the bend is too sharp.",
             lambda x: x * 0.5 * (1 + torch.erf(x))),
     Mistake("gelu-times-root-two", "erf sees x·√2; it should see x/√2.",
             lambda x: x * 0.5 * (1 + torch.erf(x * math.sqrt(2)))),
     Mistake("gelu-no-half", "Φ runs from 0 to 1, but 1 + erf runs from 0 to 2: the ½ is missing.",
             lambda x: 2 * x * _normal_cdf(x)),
     Mistake("gelu-only-cdf", "This is Φ(x) alone. GELU multiplies it by x.", _normal_cdf),
     Mistake("gelu-density", "This is x·φ(x), with the density of the normal distribution in place of its "
             "cumulative Φ(x).", lambda x: x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
     Mistake("gelu-only-erf", "This is x·erf(x/√2). Φ(x) is ½(1 + erf(x/√2)), which is never negative.",
             lambda x: x * torch.erf(x / math.sqrt(2))),
     Mistake("gelu-gate-fixed", "The values are right, but Φ(x) was cut off from the gradient, so only half of the "
             "product rule is left.", lambda x: x * _normal_cdf(x).detach()),
     Mistake("gelu-relu", "This is ReLU. GELU is smooth, and dips below 0 on the left.",
             lambda x: x.clamp(min=0))],
    frozenset({"gelu"}), "`torch.erf` is your tool.", curve=(-4, 4))

# --------------------------------------------------------------------------------------------------- swish

swish = Check(
    "swish", "swish(x, beta)", lambda x, beta=1.0: x * torch.sigmoid(beta * x),
    [Part("values", 0.4, "Swish(x) = x·σ(x) unless told otherwise", mixed, value),
     Part("beta", 0.3, "beta = 0 gives x/2, a large beta nearly ReLU, with finite gradients",
          lambda g: batches(g, [(3, 4)], beta=0.0) + batches(g, [(5, 2)], beta=2.5)
          + points(-900.0, -20.0, -1.0, 1.0, 20.0, 900.0, beta=100.0), value_and_slope),
     Part("gradient", 0.3, "the gradient follows both factors of the product",
          lambda g: batches(g) + batches(g, [(3, 4)], beta=1.7), slope)],
    [Mistake("swish-beta-ignored", "This is x·σ(x) whatever beta is: `beta` is not used.", lambda x,
             beta=1.0: F.silu(x)),
     Mistake("swish-beta-outside", "beta stands in front, beta·x·σ(x). It belongs inside the sigmoid.",
             lambda x, beta=1.0: beta * F.silu(x)),
     Mistake("swish-beta-twice", "beta scales x both inside and outside the sigmoid: only inside is meant.",
             lambda x, beta=1.0: F.silu(beta * x)),
     Mistake("swish-beta-divides", "The sigmoid sees x / beta. It should see beta · x.",
             lambda x, beta=1.0: x * torch.sigmoid(x / beta if beta else x * math.inf)),
     Mistake("swish-overflow", "The values hold, but the gradient is nan where e^(−beta·x) overflows: the sigmoid "
             "inside is the unstable one. You have just written a stable one: use it.",
             lambda x, beta=1.0: x / (1 + torch.exp(-beta * x))),
     Mistake("swish-only-gate", "This is σ(beta·x), the gate alone. Swish multiplies it by x.",
             lambda x, beta=1.0: torch.sigmoid(beta * x)),
     Mistake("swish-gate-fixed", "The values are right, but the gate was cut off from the gradient: only half of the "
             "product rule is left.", lambda x, beta=1.0: x * torch.sigmoid(beta * x).detach()),
     Mistake("swish-gelu", "This is GELU, x·Φ(x). Swish's gate is the sigmoid.", lambda x,
             beta=1.0: F.gelu(beta * x) / beta
             if beta else x / 2),
     Mistake("swish-gate-mirrored", "The gate is σ(−beta·x): it closes where it should open.",
             lambda x, beta=1.0: x * torch.sigmoid(-beta * x)),
     Mistake("swish-tanh-gate", "The gate is tanh, which goes down to −1. The sigmoid runs from 0 to 1.",
             lambda x, beta=1.0: x * torch.tanh(beta * x))],
    frozenset({"silu", "hardswish"}), "A sigmoid, yours or torch's, and arithmetic are your tools.", curve=(-4, 4))

# ------------------------------------------------------------------------------------- softmax, log_softmax


def along(g, **options):
    """Batches with each axis of a 2-D and a 3-D tensor in turn, one of them in float32."""
    cases = [batches(g, [shape], dim=dim)[0] for shape, dim in
             [((3, 5), 1), ((3, 5), 0), ((4, 3), -1), ((2, 3, 4), 1), ((2, 3, 4), -1), ((7,), 0)]]
    return cases + batches(g, [(5, 3)], torch.float32, dim=1)


def huge_rows(g):
    """Rows of ±1e4 beside each other, and rows of one class."""
    rows = torch.tensor([[1e4, 1e4 - 1, 0.0], [-1e4, -1e4 + 2, -1e4], [1e4, -1e4, 3.0], [0.5, 1.0, -1.0]],
                        dtype=torch.float64)
    weight = torch.randn(4, 3, generator=g, dtype=torch.float64)
    return [{"x": rows, "weight": weight, "dim": 1}, {"x": rows.T.contiguous(),
             "weight": weight.T.contiguous(), "dim": 0},
            {"x": rows[:, :1].contiguous(), "weight": weight[:, :1].contiguous(), "dim": 1}]


softmax = Check(
    "softmax", "softmax(x, dim)", torch.softmax,
    [Part("values", 0.4, "positive, and summing to 1 along dim, whichever dim it is", along, value),
     Part("gradient", 0.25, "the gradient couples all entries along dim", along, slope),
     Part("extremes", 0.35, "inputs of ±10 000 and single-class rows give no nan", huge_rows, value_and_slope)],
    [Mistake("softmax-overflow", "e to the 10 000 is inf, and inf / inf is nan. Softmax does not change when a "
             "constant is taken off all its inputs: which constant makes the largest of them 0?",
             lambda x, dim: x.exp() / x.exp().sum(dim, keepdim=True)),
     Mistake("softmax-global-max", "The constant taken off is the largest input of the whole tensor. A row far below "
             "it underflows to 0 / 0: each slice along dim needs its own maximum.",
             [lambda x, dim: (x - x.max()).exp() / (x - x.max()).exp().sum(dim, keepdim=True),
              lambda x, dim: (e := (x - x.max().item()).exp()) / e.sum(dim, keepdim=True),
              lambda x, dim: (e := (x - x.max()).exp()) / e.sum(dim, keepdim=True)]),
     Mistake("softmax-keepdim", "`sum` and `max` drop the axis they reduce, so the shapes no longer line up: "
             "ask them "
             "to keep it as an axis of length 1, with `keepdim=True`.",
             [lambda x, dim: x.exp() / x.exp().sum(dim),
              lambda x, dim: (e := (x - x.amax(dim, keepdim=True)).exp()) / e.sum(dim),
              lambda x, dim: (e := (x - x.amax(dim)).exp()) / e.sum(dim, keepdim=True),
              lambda x, dim: (e := (x - x.amax(dim)).exp()) / e.sum(dim)]),
     Mistake("softmax-epsilon", "A small number was added to the sum, so the probabilities sum to a little less than "
             "1. Nothing can be divided by 0 here: one of the exponentials is always e to the 0.",
             [lambda x, dim, small=small: (e := (x - x.amax(dim, keepdim=True)).exp())
              / (e.sum(dim, keepdim=True) + small) for small in (1e-3, 1e-4, 1e-5, 1e-6)]),
     Mistake("softmax-last-dim", "It always sums along the last axis: `dim` is not used.",
             lambda x, dim: x.softmax(-1)),
     Mistake("softmax-first-dim", "It always sums along the first axis: `dim` is not used.",
             lambda x, dim: x.softmax(0)),
     Mistake("softmax-second-dim", "It always sums along axis 1: `dim` is not used.",
             lambda x, dim: x.softmax(1)),
     Mistake("softmax-whole-tensor", "It divides by the sum over the whole tensor: all entries together sum to 1, "
             "rather than each slice along dim.", lambda x, dim: x.flatten().softmax(0).view_as(x)),
     Mistake("softmax-not-normalised", "These are exponentials that were never divided by their sum.",
             lambda x, dim: torch.exp(x - x.amax(dim, keepdim=True))),
     Mistake("softmax-no-exp", "The inputs were divided by their sum without taking exponentials first.",
             lambda x, dim: x / x.sum(dim, keepdim=True)),
     Mistake("softmax-base-two", "The powers are of 2, not of e.", lambda x, dim: (x * math.log(2)).softmax(dim)),
     Mistake("softmax-log", "These are log-probabilities: none is above 0. That is log_softmax, the next exercise.",
             torch.log_softmax),
     Mistake("softmax-sigmoid", "Each entry went through the sigmoid on its own; they do not compete, and do not "
             "sum to 1.", lambda x, dim: x.sigmoid()),
     Mistake("softmax-mean-shift", "Taking off the mean is not enough: an input far above the mean still overflows. "
             "Which constant makes the largest input 0?",
             lambda x, dim: (x - x.mean(dim, keepdim=True)).exp()
             / (x - x.mean(dim, keepdim=True)).exp().sum(dim, keepdim=True)),
     Mistake("softmax-sum-fixed", "The values are right, but the sum was cut off from the gradient: it must flow "
             "through the denominator too.", lambda x, dim: (e := (x - x.amax(dim, keepdim=True)).exp())
             / e.sum(dim, keepdim=True).detach())],
    frozenset({"softmax", "log_softmax", "logsumexp", "softmin", "logcumsumexp"}),
    "`exp`, `sum`, `amax` and arithmetic are your tools.")

log_softmax = Check(
    "log_softmax", "log_softmax(x, dim)", torch.log_softmax,
    [Part("values", 0.4, "log-probabilities along dim, whichever dim it is", along, value),
     Part("gradient", 0.25, "the gradient couples all entries along dim", along, slope),
     Part("extremes", 0.35, "finite and right where softmax underflows to 0", huge_rows, value_and_slope)],
    [Mistake("log-softmax-of-softmax", "This is log(softmax(x)): where the softmax underflows to 0, its log is −inf. "
             "Write the log of the quotient out on paper before computing anything.",
             lambda x, dim: x.softmax(dim).log()),
     Mistake("log-softmax-overflow", "The log-sum-exp overflowed: e to the 10 000 is inf. Take the maximum off "
             "before `exp`, as in softmax.", lambda x, dim: x - x.exp().sum(dim, keepdim=True).log()),
     Mistake("log-softmax-epsilon", "A small number was added before the log, or used as a floor. It keeps −inf away "
             "but caps the answer: no log-probability below log of that number can come out.",
             [form for small in (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6) for form in (
                 lambda x, dim, small=small: (x.softmax(dim) + small).log(),
                 lambda x, dim, small=small: x.softmax(dim).clamp(min=small).log())]),
     Mistake("log-softmax-keepdim", "`sum` and `max` drop the axis they reduce, so the shapes no longer line up: ask "
             "them to keep it as an axis of length 1, with `keepdim=True`.",
             [lambda x, dim: x - x.exp().sum(dim).log(),
              lambda x, dim: (s := x - x.amax(dim, keepdim=True)) - s.exp().sum(dim).log(),
              lambda x, dim: (s := x - x.amax(dim)) - s.exp().sum(dim, keepdim=True).log(),
              lambda x, dim: (s := x - x.amax(dim)) - s.exp().sum(dim).log()]),
     Mistake("log-softmax-shift-sign", "The maximum was taken off and, at the end, taken off once more (or "
             "added where "
             "it should be taken off): what was removed inside the log must come back outside.",
             lambda x, dim: x - ((x - (m := x.amax(dim, keepdim=True))).exp().sum(dim, keepdim=True).log() - m)),
     Mistake("log-softmax-half-shift", "The maximum was taken off inside the log-sum-exp but not from x itself (or "
             "the other way round): the two must match.",
             lambda x, dim: x - (x - x.amax(dim, keepdim=True)).exp().sum(dim, keepdim=True).log()),
     Mistake("log-softmax-no-log", "The sum of exponentials is subtracted without taking its log.",
             lambda x, dim: (s := x - x.amax(dim, keepdim=True)) - s.exp().sum(dim, keepdim=True)),
     Mistake("log-softmax-global-max", "The constant taken off is the largest input of the whole tensor. A row far "
             "below it underflows to log 0: each slice along dim needs its own maximum.",
             [lambda x, dim: (s := x - x.max()) - s.exp().sum(dim, keepdim=True).log(),
              lambda x, dim: x - x.max() - (x - x.max()).exp().sum(dim, keepdim=True).log(),
              lambda x, dim: x - ((x - x.max()).exp().sum(dim, keepdim=True).log() + x.max())]),
     Mistake("log-softmax-last-dim", "It always works along the last axis: `dim` is not used.",
             lambda x, dim: x.log_softmax(-1)),
     Mistake("log-softmax-first-dim", "It always works along the first axis: `dim` is not used.",
             lambda x, dim: x.log_softmax(0)),
     Mistake("log-softmax-plain", "These are probabilities, between 0 and 1: the log is missing.", torch.softmax),
     Mistake("log-softmax-sign", "These are −log p: the sign is turned.", lambda x, dim: -x.log_softmax(dim)),
     Mistake("log-softmax-base", "The log is to another base than e.",
             lambda x, dim: x.log_softmax(dim) / math.log(10)),
     Mistake("log-softmax-sum-fixed", "The values are right, but the log-sum-exp was cut off from the gradient.",
             lambda x, dim: x - x.logsumexp(dim, keepdim=True).detach())],
    frozenset({"softmax", "log_softmax", "logsumexp", "softmin", "logcumsumexp"}),
    "`exp`, `log`, `sum`, `amax` and arithmetic are your tools.")

# ------------------------------------------------------------------------------------------- SwishFunction


def swish_function(backward, save=lambda ctx, x, s: ctx.save_for_backward(x), forward=lambda x, s: x * s):
    """Make a torch.autograd.Function out of `backward(ctx, grad_out)`, `save(ctx, x, σ(x))` and `forward(x, "
             "σ(x))`."""
    def run(ctx, x):
        s = torch.sigmoid(x)
        save(ctx, x, s)
        return forward(x, s)
    return type("SwishFunction", (torch.autograd.Function,),
                {"forward": staticmethod(run), "backward": staticmethod(backward)})


def by_hand(derivative):
    """A backward that saves x and multiplies grad_out by derivative(x, σ(x))."""
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        return grad_out * derivative(x, torch.sigmoid(x))
    return backward


def _swish_backward(ctx, grad_out):
    x = ctx.x if hasattr(ctx, "x") else ctx.saved_tensors[0]
    s = torch.sigmoid(x)
    return grad_out * (s + x * s * (1 - s))


def applied(answer, x, weight):
    """The output of the Function."""
    return {"output": answer.apply(x.clone())}


def applied_slope(answer, x, weight):
    """The gradient that its backward gives."""
    leaf = x.clone().requires_grad_()
    return {"gradient": gradient(answer.apply(leaf.clone()), leaf, weight)}


def kept(answer, x, weight):
    """How many tensors the graph keeps; backward is run once more by name, to see what it calls."""
    node = answer.apply(x.clone().requires_grad_()).grad_fn
    counts = {"tensors saved for backward": len(node.saved_tensors),
              "tensors kept on ctx": sum(isinstance(value, torch.Tensor) for value in vars(node).values())}
    answer.backward(node, weight)
    return counts


SwishFunction = Check(
    "SwishFunction", "SwishFunction.apply(x)", swish_function(_swish_backward),
    [Part("forward", 0.25, "apply gives x·σ(x)", mixed, applied),
     Part("backward", 0.5, "backward gives grad_out times the derivative",
          lambda g: batches(g) + points(-200.0, -1.0, 0.0, 1.0, 200.0), applied_slope),
     Part("memory", 0.25, "one tensor is saved for backward, by ctx.save_for_backward",
          lambda g: batches(g, [(3, 5)]), kept)],
    [Mistake("swish-function-no-chain", "grad_out is not used. Backward receives the gradient of the loss with "
             "respect to the output; the chain rule multiplies it with the derivative.",
             swish_function(lambda ctx, grad_out: by_hand(lambda x, s: s + x * s * (1 - s))(
                 ctx, torch.ones_like(grad_out)))),
     Mistake("swish-function-only-gate", "The derivative is σ(x) alone. x·σ(x) is a product: the gate changes with x "
             "too.", swish_function(by_hand(lambda x, s: s))),
     Mistake("swish-function-only-slope", "The derivative is x·σ′(x) alone. x·σ(x) is a product: the term σ(x) is "
             "missing.", swish_function(by_hand(lambda x, s: x * s * (1 - s)))),
     Mistake("swish-function-sigmoid-slope", "This is the derivative of the sigmoid, σ(1 − σ), not that of x·σ(x).",
             swish_function(by_hand(lambda x, s: s * (1 - s)))),
     Mistake("swish-function-missing-factor", "The derivative came out as σ + x(1 − σ): σ′ is σ(1 − σ), and one σ "
             "got lost.", swish_function(by_hand(lambda x, s: s + x * (1 - s)))),
     Mistake("swish-function-output-as-input", "Backward treats the saved tensor as x, but what was saved is the "
             "output.", swish_function(by_hand(lambda x, s: s + x * s * (1 - s)),
                                       save=lambda ctx, x, s: ctx.save_for_backward(x * s))),
     Mistake("swish-function-minus", "A sign is turned: the derivative is σ + xσ(1 − σ), not σ − xσ(1 − σ).",
             swish_function(by_hand(lambda x, s: s - x * s * (1 - s)))),
     Mistake("swish-function-relu", "Backward passes the gradient where x > 0 and blocks it elsewhere. That is "
             "ReLU's derivative.", swish_function(by_hand(lambda x, s: (x > 0).to(x.dtype)))),
     Mistake("swish-function-straight-through", "Backward hands grad_out on unchanged, as if forward had been the "
             "identity.", swish_function(lambda ctx, grad_out: grad_out)),
     Mistake("swish-function-forward-gate", "Forward gives σ(x) alone; x·σ(x) is asked for.",
             swish_function(_swish_backward, forward=lambda x, s: s)),
     Mistake("swish-function-saves-more", "The derivative is right, but more than one tensor is kept until backward. "
             "Everything it needs can be computed again from one of them, and memory is what a deep net runs out "
             "of first.", shows=lambda finding, seen, case: finding.path == ("tensors saved for backward",)
             and isinstance(finding.got, int) and finding.got > 1),
     Mistake("swish-function-saves-on-ctx", "A tensor is kept as an attribute of ctx. That misses autograd's "
             "checks and "
             "can keep its memory alive too long: `ctx.save_for_backward` is the way, for one tensor.",
             shows=lambda finding, seen, case: seen.get("seen", {}).get("tensors kept on ctx", 0) > 0),
     Mistake("swish-function-second-term", "The derivative came out as σ + σ(1 − σ): the second term is x·σ′, "
             "and its x "
             "got lost.", swish_function(by_hand(lambda x, s: s + s * (1 - s)))),
     Mistake("swish-function-backward-none", "`backward` gave back None, so the gradient stops there. Perhaps its "
             "`return` is missing.", swish_function(lambda ctx, grad_out: None))],
    frozenset({"grad", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "enable_grad"}),
    "Work the derivative out on paper, and write it into `backward`.", pointwise=True)

# ---------------------------------------------------------------------------------------------- dead_units


def after_relu(g, n, units, dead, tiny=()):
    """One case: activations (n, units) after ReLU, `dead` columns all 0, `tiny` ones all 0 but for one 1e-12."""
    x = torch.randn(n, units, generator=g, dtype=torch.float64).clamp(min=0)
    x[torch.randint(n, (units,), generator=g), torch.arange(units)] = 0.7  # each unit fires at least once
    x[:, list(dead) + list(tiny)] = 0.0
    if tiny:
        x[0, list(tiny)] = 1e-12
    return {"x": x}


def flags(answer, x):
    """Which units the answer calls dead."""
    return value(answer, x)


dead_units = Check(
    "dead_units", "dead_units(activations)", lambda a: (a == 0).all(0),
    [Part("which", 0.6, "a unit is dead if it is 0 for every sample of the batch",
          lambda g: [after_relu(g, 9, 5, [1, 4]), after_relu(g, 4, 7, [0]), after_relu(g, 6, 3, [])], flags),
     Part("one sample", 0.15, "a batch of one works too", lambda g: [after_relu(g, 1, 6, [2, 3])], flags),
     Part("exact zeros", 0.25, "10⁻¹² is small but alive", lambda g: [after_relu(g, 8, 5, [0], [3])], flags)],
    [Mistake("dead-any", "A unit counts as dead here as soon as it is 0 for some sample. Most ReLU units are off for "
             "some inputs; dead means for all.", lambda a: (a == 0).any(0)),
     Mistake("dead-samples", "There is one flag per sample, not per unit: the wrong axis was reduced.",
             lambda a: (a == 0).all(1)),
     Mistake("dead-threshold", "Small activations count as dead here. A unit that gives 10⁻¹² still passes a "
             "gradient; only exact zeros are dead.", lambda a: (a.abs() < 1e-6).all(0)),
     Mistake("dead-alive", "The flags are inverted: True should mean dead.", lambda a: (a != 0).any(0)),
     Mistake("dead-number", "The flags are 0.0 and 1.0, or counts. Booleans were asked for: they can index a tensor.",
             [lambda a: (a == 0).all(0).to(a.dtype), lambda a: (a == 0).all(0).float(),
              lambda a: (a == 0).all(0).long(), lambda a: (a == 0).all(0).int()]),
     Mistake("dead-share", "This is the share of samples for which each unit is off. Dead means all of them.",
             lambda a: (a == 0).to(a.dtype).mean(0)),
     Mistake("dead-indices", "These are the numbers of the dead units. One boolean for every unit was asked for.",
             lambda a: (a == 0).all(0).nonzero().flatten()),
     Mistake("dead-first-sample", "Only the first sample was looked at.", lambda a: a[0] == 0),
     Mistake("dead-table", "This has a flag for each activation. Which units are off for every sample?",
             lambda a: a == 0),
     Mistake("dead-count", "This is one number for the whole layer. One boolean for every unit was asked for.",
             [lambda a: (a == 0).all(0).sum(), lambda a: (a == 0).all(), lambda a: (a == 0).all(0).sum().item()])])

# ------------------------------------------------------------------------------------------ gradient_norms


class _Net(nn.Module):
    """Two layers and, if asked for, one parameter that the loss never sees."""

    def __init__(self, x, target, unused):
        super().__init__()
        self.first = nn.Linear(x.shape[1], 6, dtype=x.dtype)
        if unused:
            self.unused = nn.Parameter(torch.ones(3, dtype=x.dtype))
        self.last = nn.Linear(6, target.shape[1], dtype=x.dtype)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


def regression(g, **options):
    """One case: a batch, its targets, and the numbers to fill the net's parameters with, in order."""
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    return [{"x": draw(5, 4), "target": draw(5, 2), "numbers": draw(4 * 6 + 6 + 3 + 6 * 2 + 2), **options}]


def _net_and_loss(x, target, numbers, unused=False):
    net = _Net(x, target, unused)
    numbers = numbers[:sum(p.numel() for p in net.parameters())]
    ordered = [parameter for _, parameter in net.named_parameters()]
    with torch.no_grad():
        for parameter, chunk in zip(ordered, numbers.split([p.numel() for p in ordered])):
            parameter.copy_(chunk.view_as(parameter))
    return net, (net(x) - target).square().mean()


def norms(answer, **case):
    """The norms of one call."""
    return {"norms": answer(*_net_and_loss(**case))}


def norms_twice(answer, **case):
    """The norms of a second call on the same loss."""
    net, loss = _net_and_loss(**case)
    answer(net, loss)
    return {"norms of the second call": answer(net, loss)}


def grads_left(answer, filled, **case):
    """Every parameter's .grad after the call; before it, all None or all `filled`."""
    net, loss = _net_and_loss(**case)
    if filled is not None:
        for parameter in net.parameters():
            parameter.grad = torch.full_like(parameter, filled)
    found = answer(net, loss)
    return {"norms": found, ".grad afterwards": {name: p.grad for name, p in net.named_parameters()}}


def _gradients(model, loss, keep=True):
    named = list(model.named_parameters())
    grads = torch.autograd.grad(loss, [p for _, p in named], retain_graph=keep, allow_unused=True)
    return [(name, p, torch.zeros_like(p) if grad is None else grad) for (name, p), grad in zip(named, grads)]


def _norms(model, loss, norm=lambda grad: grad.norm().item(), keep=True):
    return {name: norm(grad) for name, _, grad in _gradients(model, loss, keep)}


def _backward_norms(model, loss, clear=None, keep=True):
    """The way through .grad: `clear` says what to do to the model first, `keep` whether the graph lives on."""
    if clear:
        clear(model)
    loss.backward(retain_graph=keep)
    return {name: 0.0 if p.grad is None else p.grad.norm().item() for name, p in model.named_parameters()}


def _backward_and_clear(model, loss, keep=True):
    found = _backward_norms(model, loss, nn.Module.zero_grad, keep)
    model.zero_grad()
    return found


def _stale(model, loss):
    before = {p: p.grad for p in model.parameters()}
    for p, grad in before.items():
        p.grad = None if grad is None else grad.clone()
    found = _backward_norms(model, loss)
    for p, grad in before.items():
        p.grad = grad
    return found


gradient_norms = Check(
    "gradient_norms", "gradient_norms(model, loss)", _norms,
    [Part("norms", 0.35, "one L2 norm per parameter, by name and in order", regression, norms,
          shows=lambda case: "gradient_norms(model, loss) on a net of two layers"),
     Part("unused", 0.15, "0.0 for a parameter that the loss does not depend on", lambda g: regression(g,
             unused=True),
          norms, shows=lambda case: "gradient_norms(model, loss) on two layers and an unused parameter"),
     Part("twice", 0.25, "a second call on the same loss gives the same", regression, norms_twice,
          shows=lambda case: "gradient_norms(model, loss), twice on the same loss"),
     Part("no trace", 0.25, "what is in .grad is not counted, and is left as it was", lambda g: [
         {**case, "filled": filled} for filled in (None, 0.5) for case in regression(g)], grads_left,
          shows=lambda case: "gradient_norms(model, loss), with every .grad "
          + ("None" if case["filled"] is None else "already filled") + " before the call")],
    [Mistake("norms-squared", "These are sums of squares: the square root is missing.",
             lambda m, l: _norms(m, l, lambda g: g.square().sum().item())),
     Mistake("norms-rms", "These are root mean squares. A norm does not divide by the number of entries.",
             lambda m, l: _norms(m, l, lambda g: g.square().mean().sqrt().item())),
     Mistake("norms-mean", "These are mean absolute values, not L2 norms.",
             lambda m, l: _norms(m, l, lambda g: g.abs().mean().item())),
     Mistake("norms-l1", "These are sums of absolute values, the L1 norm. Asked for is the L2 norm.",
             lambda m, l: _norms(m, l, lambda g: g.abs().sum().item())),
     Mistake("norms-max", "These are largest entries, not L2 norms.",
             lambda m, l: _norms(m, l, lambda g: g.abs().max().item())),
     Mistake("norms-weights", "These are the norms of the parameters themselves, not of their gradients.",
             lambda m, l: {name: p.norm().item() for name, p, _ in _gradients(m, l)}),
     Mistake("norms-unused-missing", "A parameter that the loss does not depend on is left out. It belongs in the "
             "answer, with 0.0: a missing gradient is just what one wants to see.",
             lambda m, l: {name: n for name, n in _norms(m, l).items() if n}),
     Mistake("norms-unused-refused", "One parameter takes no part in this loss, and `autograd.grad` refuses "
             "unless it is "
             "told `allow_unused=True`. The gradient is None then, and its norm 0.0.",
             shows=lambda finding, seen, case: "allow_unused" in seen.get("raised", {}).get("text", "")),
     Mistake("norms-none-has-no-norm", "One parameter takes no part in this loss, so its gradient is None, and "
             "None has "
             "no norm. Count it as 0.0.",
             shows=lambda finding, seen, case: "NoneType" in seen.get("raised", {}).get("text", "")),
     Mistake("norms-stale", "What stood in .grad before the call was counted as well: `backward` adds to it. Set it "
             "aside first, or better, compute gradients without touching .grad.", _stale),
     Mistake("norms-no-biases", "Only weights are in the answer; biases are parameters too.",
             lambda m, l: {name: n for name, n in _norms(m, l).items() if not name.endswith("bias")}),
     Mistake("norms-reversed", "The norms are right but in reverse order: first layer first, please.",
             lambda m, l: dict(reversed(_norms(m, l).items()))),
     Mistake("norms-graph-freed", "The second call fails: the first one freed the graph behind the loss. Both "
             "`autograd.grad` and `backward` can be told to retain it.",
             [lambda m, l: _norms(m, l, keep=False), lambda m, l: _backward_norms(m, l, keep=False),
              lambda m, l: _backward_and_clear(m, l, keep=False)]),
     Mistake("norms-accumulated", "`backward` adds to the .grad that was there before, so the second call sees the "
             "gradient twice, and the caller's .grad is changed.", _backward_norms),
     Mistake("norms-grad-cleared", "The norms are right, but the model's .grad is gone afterwards. In the middle of "
             "training somebody was about to use it: compute gradients without writing to .grad.",
             _backward_and_clear),
     Mistake("norms-grad-overwritten", "The norms are right, but they were left in the model's .grad: the next "
             "optimizer step would use them. Compute gradients without writing to .grad.",
             lambda m, l: _backward_norms(m, l, nn.Module.zero_grad))])


review_shrinking, review_dead, review_gain, review_order, review_shift = questions("activations")
