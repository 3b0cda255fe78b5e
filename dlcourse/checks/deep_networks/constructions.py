"""Networks written down, not trained: `hinge_interpolant` and `sawtooth_network`."""

import functools

import torch
from torch.nn import functional as F

from ..asking import normal
from ..comparing import kind_of
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import paused
from .layers import forward
from .shared import AUTOGRAD, raises

# --------------------------------------------------------------------------------------- hinge_interpolant

NAMES = ("W1", "b1", "W2", "b2")


def through_points(*askings):
    """Cases: (number of points, shuffled, dtype): xs unevenly spaced, at least 0.1 apart."""
    def cases(g):
        made = []
        for n, shuffled, dtype in askings:
            xs = (0.1 + torch.rand(n, generator=g, dtype=torch.float64)).cumsum(0) - n / 3
            order = torch.randperm(n, generator=g) if shuffled else torch.arange(n)
            if shuffled and (order == torch.arange(n)).all():
                order = order.flip(0)
            made.append({"xs": xs[order].to(dtype), "ys": normal(g, n, dtype=dtype)})
        return made
    return cases


def _network(found):
    """The four tensors by name, their shapes in words, with h for the number of hinges; None if there are not four."""
    if not isinstance(found, (tuple, list)) or len(found) != 4:
        return None, None
    net = {name: torch.as_tensor(part) if isinstance(part, list) else part for name, part in zip(NAMES, found)}
    if not all(isinstance(part, torch.Tensor) for part in net.values()):
        return None, None
    h = net["b1"].numel()
    letter = lambda size, axis: "h" if axis and size == h else str(size)
    where = {"W1": (True, False), "b1": (True,), "W2": (False, True), "b2": (False,)}
    words = {name: "(" + ", ".join(letter(size, (*where[name], False, False)[i]) for i, size in enumerate(part.shape))
             + (",)" if part.dim() == 1 else ")") for name, part in net.items()}
    return net, words


def _run(net, x):
    hidden = F.linear(x[:, None], net["W1"], net["b1"]).clamp(min=0)
    return F.linear(hidden, net["W2"], net["b2"])[:, 0]


SHAPES = {"W1": "(h, 1)", "b1": "(h,)", "W2": "(1, h)", "b2": "(1,)"}


def interpolated(answer, xs, ys):
    """The network's shapes and dtypes, and what it gives at the points."""
    given = xs.clone(), ys.clone()
    found = answer(*given)
    net, words = _network(found)
    if net is None:
        return {"network": found} if found is not None else {"shapes": None}
    dtypes = {name: str(part.dtype).removeprefix("torch.") for name, part in net.items()}
    fits = words == SHAPES and set(dtypes.values()) == {str(xs.dtype).removeprefix("torch.")}
    with paused():
        return {"shapes": words, "dtypes": dtypes, "output at xs": _run(net, xs) if fits else None,
                UNTOUCHED: dict(zip(("xs", "ys"), given))}


def smooth(g):
    """200 points of a sine over a period or so, and how far from it the network may be between them."""
    start = torch.rand((), generator=g, dtype=torch.float64)
    xs = start + torch.linspace(0, 7, 200, dtype=torch.float64)
    return [{"xs": xs, "ys": xs.sin(), "limit": 2e-4}]


def approximated(answer, xs, ys, limit):
    """The largest distance between the network and the sine, on a fine grid."""
    net, words = _network(answer(xs.clone(), ys.clone()))
    if words != SHAPES:
        return {"shapes": words}
    fine = torch.linspace(xs[0].item(), xs[-1].item(), 5001, dtype=xs.dtype)
    with paused():
        return {"largest error below the limit": bool((_run(net, fine) - fine.sin()).abs().max() < limit)}


def _hinges(xs, ys, *, sort=True, change=True, start=True, bias=-1.0, shift=0, rise=None, both=False):
    """hinge_interpolant with habits: see the mistakes."""
    if sort:
        xs, order = xs.sort()
        ys = ys.sort().values if both else ys[order]
    slopes = rise(xs, ys) if rise else ys.diff() / xs.diff()
    weights = torch.cat([slopes[:1], slopes.diff()]) if change else slopes
    knots = xs[shift:len(slopes) + shift]
    b2 = ys[:1] if start else torch.zeros_like(ys[:1])
    return torch.ones_like(knots)[:, None], bias * knots, weights[None], b2


FIRST_CHANGE = ("There is one change of slope too few: left of the first point the slope is 0, so the first hinge "
                "changes it by the whole first slope. `diff` alone loses that one.")


def _first_change_lost(xs, ys):
    W1, b1, W2, b2 = _hinges(xs, ys)
    return W1[1:], b1[1:], W2[:, 1:], b2


def _hinging(**habits):
    return lambda xs, ys: _hinges(xs, ys, **habits)


hinge_interpolant = Check(
    "hinge_interpolant", "hinge_interpolant(xs, ys)", _hinges,
    [Part("points", 0.45, "the network passes through every point",
          through_points((5, False, torch.float64), (9, False, torch.float64)), interpolated),
     Part("any order", 0.2, "xs may come in any order",
          through_points((6, True, torch.float64), (8, True, torch.float64)), interpolated),
     Part("two points", 0.1, "two points, in either order, are enough",
          through_points((2, False, torch.float64), (2, True, torch.float64)), interpolated),
     Part("float32", 0.1, "float32 points give a float32 network", through_points((6, False, torch.float32)),
          interpolated, rounding=(1e-3, 1e-3)),
     Part("smooth", 0.15, "through 200 points of a sine it stays within 2·10⁻⁴ of it everywhere", smooth, approximated,
          shows=lambda case: "hinge_interpolant(xs, ys) for 200 points of sin(x)")],
    [Mistake("hinge-not-four", "Four tensors are asked for, in one tuple: W1, b1, W2, b2.",
             shows=lambda finding, seen, case: "network" in (seen.get("seen") or {})),
     Mistake("hinge-dtype", "Some of the four tensors have another dtype than the points. `torch.zeros(…)` and "
             "`torch.ones(…)` are float32 unless told otherwise: `zeros_like` and `ones_like` take after a tensor.",
             shows=lambda finding, seen, case: finding.path[:1] == ("dtypes",)),
     Mistake("hinge-first-change-lost", FIRST_CHANGE,
             shows=lambda finding, seen, case: finding.path == ("shapes", "W2")
             and finding.got == f"(1, {len(case['xs']) - 2})"),
     Mistake("hinge-first-change-lost", FIRST_CHANGE, _first_change_lost),
     Mistake("hinge-shapes", "The numbers may be right, but the shapes are not those that `linear` takes: with h "
             "hinges, W1 is (h, 1), b1 (h,), W2 (1, h) and b2 (1,).",
             shows=lambda finding, seen, case: finding.path[:1] == ("shapes",)),
     Mistake("hinge-not-sorted", "Segments were drawn between points as they came, not between neighbours. Sort the "
             "points by x first.", [_hinging(sort=False), _hinging(sort=False, start=True, shift=0)]),
     Mistake("hinge-sorted-apart", "xs was sorted and ys was not, or each on its own, so the pairs were torn apart: "
             "each y must move along with its x. `sort` also gives the order.",
             [_hinging(both=True), lambda xs, ys: _hinges(xs.sort().values, ys, sort=False)]),
     Mistake("hinge-slopes-pile-up", "Each hinge adds the whole slope of its segment. But the hinges before it go on "
             "rising: a new one only has to add what the slope changes by.", _hinging(change=False)),
     Mistake("hinge-start-unsorted", "b2 is the y that came first. The curve starts at the leftmost point, wherever "
             "that stands in the list: take the first y after sorting.",
             lambda xs, ys: (*_hinges(xs, ys)[:3], ys[:1])),
     Mistake("hinge-no-start", "The curve starts at 0: left of all hinges the network gives b2, which should be the "
             "first y.", _hinging(start=False)),
     Mistake("hinge-bias-sign", "The hinges sit at −x: a hinge relu(x + b) opens where x + b = 0.",
             _hinging(bias=1.0)),
     Mistake("hinge-all-at-zero", "All hinges open at 0: the biases are missing.", _hinging(bias=0.0)),
     Mistake("hinge-one-late", "Each hinge opens one point too late: the first segment needs a hinge at the first x.",
             _hinging(shift=1)),
     Mistake("hinge-even-spacing", "The slopes assume that all points are equally far apart.",
             [_hinging(rise=lambda xs, ys: ys.diff() / (xs[1] - xs[0])),
              _hinging(rise=lambda xs, ys: ys.diff() / ((xs[-1] - xs[0]) / (len(xs) - 1)))]),
     Mistake("hinge-rise-only", "The rise from point to point is used as slope; a slope is the rise over the run.",
             _hinging(rise=lambda xs, ys: ys.diff())),
     Mistake("hinge-run-over-rise", "The slopes are upside down: rise over run.",
             _hinging(rise=lambda xs, ys: xs.diff() / ys.diff())),
     Mistake("hinge-falls", "The slopes have the wrong sign: the curve falls where it should rise.",
             _hinging(rise=lambda xs, ys: -ys.diff() / xs.diff()))],
    off_limits=AUTOGRAD | {"torch.optim"}, instead="Nothing has to be learned here: the weights can be written down.")

# ---------------------------------------------------------------------------------------- sawtooth_network


def depths(*depths, points=33):
    """A case per depth, with points in [0, 1], some of them anywhere and some where the saw turns."""
    def cases(g):
        return [{"depth": depth, "x": torch.cat([torch.linspace(0, 1, points, dtype=torch.float64),
                                                 torch.rand(points, generator=g, dtype=torch.float64)])}
                for depth in depths]
    return cases


def _as_layers(found):
    """[(W, b), …] as tensors; None where `found` is no list of pairs."""
    if not isinstance(found, (list, tuple)) or not all(isinstance(pair, (list, tuple)) and len(pair) == 2
                                                       for pair in found):
        return None
    return [(torch.as_tensor(W), torch.as_tensor(b)) for W, b in found]


def of_layers(observe):
    """Observe the layers that an answer gives for a depth; where they are no list of pairs, only what came back."""
    @functools.wraps(observe)
    def observed(answer, depth, x):
        found = answer(depth)
        if found is None:
            return {"layers": None}
        layers = _as_layers(found)
        if layers is None:
            return {"layers": kind_of(list(found) if isinstance(found, tuple) else found)}
        return {"layers": "list of pairs", **observe(layers, depth, x)}
    return observed


def _saw_at(layers, x):
    with paused():
        out = forward(x[:, None].to(layers[0][0].dtype), layers, lambda h: h.clamp(min=0))
    return out.double()


@of_layers
def sawed(layers, depth, x):
    """The network's output, by mlp with ReLU."""
    return {"output": _saw_at(layers, x)}


@of_layers
def narrow(layers, depth, x):
    """How wide it is: the widest of all layers but the last, and the last."""
    widths = [len(W) for W, _ in layers]
    return {"widest hidden layer is at most 3": max(widths[:-1], default=0) <= 3, "outputs": widths[-1]}


@of_layers
def pieces(layers, depth, x):
    """How many straight pieces it has on [0, 1]."""
    grid = torch.linspace(0, 1, 2 ** (depth + 3) + 1, dtype=torch.float64)
    out = _saw_at(layers, grid)
    bends = out[:, :1].flatten().diff().diff().abs() > 1e-3
    return {"linear pieces": 1 + int(bends.sum())}


def _saw(depth, *, a=2.0, c=-4.0, kink=-0.5, kinks=None, turn=False, end=True, more=0, last=None):
    """sawtooth_network with habits: tent(x) = a·relu(x) + c·relu(x + kink)."""
    first = torch.tensor([[1.0], [1.0]]), torch.tensor([0.0, kink])
    middle = torch.tensor([[a, c], [a, c]])
    between = (middle.T if turn else middle), torch.tensor([0.0, kink if kinks is None else kinks])
    final = torch.tensor([[a, c]] if last is None else last), torch.zeros(1)
    return [first, *[between] * (depth - 1 + more), *([final] if end else [])]


def _saws(**habits):
    return lambda depth: _saw(depth, **habits)


def _slopes_inside(bias):
    """The tent's slopes on the wrong side of the ReLU: relu(2x) + relu(−4x + bias)."""
    def saw(depth):
        kinks = torch.tensor([0.0, bias])
        between = torch.tensor([[2.0, 2.0], [-4.0, -4.0]]), kinks
        return [(torch.tensor([[2.0], [-4.0]]), kinks), *[between] * (depth - 1), (torch.ones(1, 2), torch.zeros(1))]
    return saw


def _wide(depth):
    xs = torch.linspace(0, 1, 2 ** depth + 1)
    W1, b1, W2, b2 = _hinges(xs, torch.arange(2 ** depth + 1) % 2 * 1.0)
    return [(W1, b1), (W2, b2)]


sawtooth_network = Check(
    "sawtooth_network", "sawtooth_network(depth)", _saw,
    [Part("saw", 0.45, "mlp with ReLU gives the tent map composed `depth` times", depths(1, 2, 3), sawed,
          rounding=(1e-3, 1e-4)),
     Part("deep", 0.2, "the same for depths 5 and 6", depths(5, 6, points=129), sawed, rounding=(1e-3, 1e-4)),
     Part("narrow", 0.15, "no hidden layer is wider than 3, and there is one output", depths(1, 3, 5), narrow),
     Part("pieces", 0.2, "it has 2^depth straight pieces on [0, 1]", depths(2, 4, 6), pieces)],
    [Mistake("saw-not-pairs", "Give back a list of pairs, [(W, b), (W, b), …], one for each layer, as `mlp` takes it.",
             shows=lambda finding, seen, case: finding.path == ("layers",)),
     Mistake("saw-wide", "The values are right, but a hidden layer has a unit for each tooth. Deep and narrow was "
             "asked for: at most 3 units a layer, and the tent map applied to its own output.",
             shows=lambda finding, seen, case: "widest hidden layer is at most 3" in finding.path),
     Mistake("saw-two-outputs", "The last layer has several outputs. The hidden units still have to be combined into "
             "one number, the last tent.", shows=lambda finding, seen, case: finding.kind == "shape"
             and "shape" in str(finding.got) and str(finding.expected).endswith(", 1)")),
     Mistake("saw-integers", "The weights are integers, and a matrix product does not mix them with floats: write 2.0.",
             shows=raises("dtype")),
     Mistake("saw-shapes", "The layers do not fit each other: each W is (out, in), where `in` is the number of outputs "
             "of the layer before, and each b is (out,).",
             shows=lambda finding, seen, case: any(word in seen.get("raised", {}).get("text", "") for word in (
                 "shapes cannot be multiplied", "must match the size", "size mismatch"))),
     Mistake("saw-slopes-inside", "The slopes 2 and −4 stand inside the ReLU, which is never negative: whatever is "
             "inside, nothing can be taken off. Let the hinges be plain, and weigh them in the next layer.",
             [_slopes_inside(bias) for bias in (-0.5, 0.5, 2.0, -2.0, 0.0)]),
     Mistake("saw-one-more", "The tent map is applied once too often.", _saws(more=1)),
     Mistake("saw-one-less", "The tent map is applied once less than asked for.",
             lambda depth: _saw(depth, more=-1) if depth > 1 else [
                 (torch.ones(1, 1), torch.zeros(1)), (torch.ones(1, 1), torch.zeros(1))]),
     Mistake("saw-depth-ignored", "The depth changes nothing: this is one tent, whatever was asked for.",
             lambda depth: _saw(1)),
     Mistake("saw-flat-roof", "After ½ the curve stays level instead of coming down. The second hinge must first "
             "cancel the rise of 2, then fall by 2.", _saws(c=-2.0)),
     Mistake("saw-half-height", "The tents are only half as high: the slope is 1 up and 1 down. The tent map rises to "
             "1.",
             _saws(a=1.0, c=-2.0)),
     Mistake("saw-rises-on", "After ½ the curve goes on rising, and faster: the second hinge has the wrong sign.",
             _saws(c=4.0)),
     Mistake("saw-no-kink", "Both hinges open at 0: the one in the middle of the tent needs the bias −½.",
             _saws(kink=0.0)),
     Mistake("saw-kink-sign", "The second hinge opens at −½: relu(x + b) opens where x + b = 0.", _saws(kink=0.5)),
     Mistake("saw-no-kink-between", "The first tent bends at ½, the later ones do not: every layer needs the bias.",
             _saws(kinks=0.0)),
     Mistake("saw-turned", "The weights between two hidden layers are transposed: row i holds what unit i takes from "
             "each unit below. Both units need the same number, the last tent.", _saws(turn=True)),
     Mistake("saw-last-sum", "The hidden units are added up as they are in the last layer. It has to combine them into "
             "a tent, as all the layers before it do.", _saws(last=[[1.0, 1.0]]))],
    pointwise=True)
