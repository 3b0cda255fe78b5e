"""The checks of `ColumnParallelLinear` and `RowParallelLinear`: shards on several ranks, beside the whole layer."""

import math

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from ...traffic import Traffic
from ..comparing import Finding, first_difference
from ..core import Mistake, Part
from .shared import ENDS, InOneProcess, RanksCheck, found, gave, on_ranks, raised, tree


def shard(kind, whole, ranks, rank):
    """A rank's share of the layer's tensors (weight, bias, input, gradient of the output) for "column" or "row"."""
    split = lambda tensor, axis: tensor.chunk(ranks, axis)[rank]
    weight, bias, x, grad = whole
    if kind == "column":
        return split(weight, 0), split(bias, 0), x, split(grad, 1)
    return split(weight, 1), bias, split(x, 1), grad


def _layer(answer, kind, whole):
    """On a rank: the learner's layer with the case's weights, or what is wrong with its shapes."""
    weight, bias, x, grad = shard(kind, whole, dist.get_world_size(), dist.get_rank())
    layer = answer(whole[0].shape[1], whole[0].shape[0])
    for name, value in (("weight", weight), ("bias", bias)):
        if getattr(layer, name).shape != value.shape:
            return None, f"{name} of shape {tuple(getattr(layer, name).shape)}", x, grad
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer, None, x, grad


def shapes(answer, kind, sizes):
    """On a rank: the shapes of weight and bias, and whether they are parameters."""
    layer = answer(*sizes)
    return {"shape of weight": str(tuple(layer.weight.shape)), "shape of bias": str(tuple(layer.bias.shape)),
            "parameters": sum(isinstance(p, nn.Parameter) for p in (layer.weight, layer.bias))}


def forward(answer, kind, weight, bias, x, grad):
    """On a rank: the output for its share of the input."""
    layer, wrong, x, grad = _layer(answer, kind, (weight, bias, x, grad))
    return {"output": wrong or layer(x)}


def backward(answer, kind, weight, bias, x, grad):
    """On a rank: the gradients of input, weight and bias."""
    layer, wrong, x, grad = _layer(answer, kind, (weight, bias, x, grad))
    if wrong:
        return {"gradient of x": wrong}
    x = x.clone().requires_grad_()
    output = layer(x * 1.0)
    if not output.requires_grad:
        return {"gradient of x": None}
    (output * (grad if grad.shape == output.shape else 1.0)).sum().backward()
    return {"gradient of x": x.grad, "gradient of weight": layer.weight.grad, "gradient of bias": layer.bias.grad}


def used_elsewhere(answer, kind, weight, bias, x, grad):
    """On a rank: the gradient of an input that the layer reads twice, and something else too."""
    layer, wrong, x, grad = _layer(answer, kind, (weight, bias, x, grad))
    if wrong:
        return {"gradient of x": wrong}
    x = x.clone().requires_grad_()
    h = x * 1.0
    output = layer(h) + layer(h)
    ((output * (grad if grad.shape == output.shape else 1.0)).sum() + 0.5 * h.sum()).backward()
    return {"gradient of x": x.grad}


def exchanged(answer, kind, weight, bias, x, grad):
    """On a rank: the bytes sent in forward and in backward."""
    layer, wrong, x, grad = _layer(answer, kind, (weight, bias, x, grad))
    if wrong:
        return {"bytes in forward": wrong}
    x = x.clone().requires_grad_()
    with Traffic() as there:
        output = layer(x * 1.0)
    with Traffic() as back:
        (output * (grad if grad.shape == output.shape else 1.0)).sum().backward()
    return {"bytes in forward": int(there.sent), "bytes in backward": int(back.sent)}


def built(answer, kind, sizes, seed, divides):
    """On a rank, with the same seed everywhere: its weight, or whether the sizes were refused."""
    torch.manual_seed(seed)
    if divides:
        return {"weight": answer(*sizes).weight}
    try:
        answer(*sizes)
    except Exception:  # any will do
        return {"refused": True}
    return {"refused": False}


# What is expected, in one process.


def _shapes(ranks, kind, sizes):
    into, out = sizes
    weight, bias = ((out // ranks, into), (out // ranks,)) if kind == "column" else ((out, into // ranks), (out,))
    return {f"{name} of rank {rank}": value for rank in range(ranks) for name, value in {
        "shape of weight": str(weight), "shape of bias": str(bias), "parameters": 2}.items()}


def _output(ranks, kind, weight, bias, x, grad):
    y = F.linear(x, weight, bias)
    return {f"output of rank {rank}": shard(kind, (weight, bias, x, y), ranks, rank)[3] if kind == "column" else y
            for rank in range(ranks)}


def _gradients(ranks, kind, weight, bias, x, grad):
    whole = grad.t() @ x, grad.sum(0), grad @ weight
    tree = {}
    for rank in range(ranks):
        w, b, g, _ = shard(kind, (*whole, grad), ranks, rank)
        tree |= {f"gradient of x of rank {rank}": g, f"gradient of weight of rank {rank}": w,
                 f"gradient of bias of rank {rank}": b}
    return tree


def _elsewhere(ranks, kind, weight, bias, x, grad):
    return {f"gradient of x of rank {rank}": 2 * grad @ weight + 0.5 for rank in range(ranks)}


def _bytes(ranks, kind, weight, bias, x, grad):
    one = lambda tensor: 2 * (ranks - 1) * math.ceil(tensor.numel() / ranks) * tensor.element_size()
    there, back = (0, one(x)) if kind == "column" else (one(grad), 0)
    return {f"{name} of rank {rank}": value for rank in range(ranks)
            for name, value in {"bytes in forward": there, "bytes in backward": back}.items()}


def _built(ranks, kind, sizes, seed, divides):
    key = "weight" if divides else "refused"
    return {f"{key} of rank {rank}": torch.zeros(0) if divides else True for rank in range(ranks)}


def _bias_of_rank_0(case, seen, expected):
    """As expected; of the bias's gradient rank 0's will do, since one rank may add it for all."""
    leave = [name for name in expected if name.startswith("gradient of bias") and not name.endswith("rank 0")
             and case["kind"] == "row"]
    return first_difference({k: v for k, v in seen.items() if k not in leave} if isinstance(seen, dict) else seen,
                            {k: v for k, v in expected.items() if k not in leave})


def _no_more_bytes(case, seen, expected):
    for name, bound in expected.items():
        got = seen.get(name) if isinstance(seen, dict) else None
        if not isinstance(got, int) or got > bound:
            return Finding((name,), "value", got, f"at most {bound}" if bound else 0)
    return None


def _all_different(case, seen, expected):
    """Weights that differ from rank to rank, or sizes refused on each."""
    values = [seen.get(name) if isinstance(seen, dict) else None for name in expected]
    if not case["divides"]:
        wrong = next((name for name, value in zip(expected, values) if value is not True), None)
        return wrong and Finding((wrong,), "value", False, True)
    if any(not isinstance(value, torch.Tensor) for value in values):
        return Finding(("weight",), "type", "something else", "tensor")
    for rank, value in enumerate(values[1:], 1):
        if any(value.shape == other.shape and torch.equal(value, other) for other in values[:rank]):
            return Finding((f"weight of rank {rank}",), "value", "the same as on another rank", "numbers of its own")
    return None


# Cases and words.


def _case(g, kind, ranks, into, out, batch=5):
    draw = lambda *shape: torch.randn(*shape, generator=g)
    return {"ranks": ranks, "kind": kind, "weight": draw(out, into), "bias": draw(out), "x": draw(batch, into),
            "grad": draw(batch, out)}


def _seed(g):
    return int(torch.randint(1000, (), generator=g))


def _call(name):
    def words(case):
        into, out = case["sizes"] if "sizes" in case else (case["weight"].shape[1], case["weight"].shape[0])
        seed = f", after torch.manual_seed({case['seed']}) on each" if "seed" in case else ""
        return f"{name}({into}, {out}) on {case['ranks']} ranks{seed}"
    return words


def _parts(kind, name):
    words = _call(name)
    where = {"column": ("each rank gives its columns of the whole output", "x's gradient is the sum over the ranks, "
                        "the shards' gradients are their own", "nothing is sent in forward, and x's gradient once in "
                        "backward"),
             "row": ("each rank gives the whole output, the bias added once", "the gradients are the whole "
                     "layer's, that of the bias where it is added", "the output is summed once in forward, and "
                     "nothing is sent in backward")}[kind]
    held = {"column": "weight (out/n, in) and bias (out/n) are parameters",
            "row": "weight (out, in/n) and bias (out) are parameters"}[kind]
    more = [Part("shared input", 0.1, "x's gradient is right where x feeds the layer twice, and others too",
                 lambda g: [_case(g, kind, 2, 6, 4)], on_ranks(used_elsewhere, _elsewhere), shows=words)]
    more = more if kind == "column" else []
    return [
        Part("shards", 0.1 if more else 0.2, held, lambda g: [{"ranks": 2, "kind": kind, "sizes": [6, 4]},
                                             {"ranks": 3, "kind": kind, "sizes": [6, 9]}],
             on_ranks(shapes, _shapes), shows=words),
        Part("forward", 0.25, where[0], lambda g: [_case(g, kind, 2, 6, 4), _case(g, kind, 3, 6, 9)],
             on_ranks(forward, _output), shows=words),
        Part("backward", 0.25, where[1], lambda g: [_case(g, kind, 2, 6, 4), _case(g, kind, 3, 6, 9)],
             on_ranks(backward, _gradients), shows=words, agrees=_bias_of_rank_0),
        Part("bytes", 0.15, where[2], lambda g: [_case(g, kind, 3, 6, 9, batch=12)], on_ranks(exchanged, _bytes),
             shows=words, agrees=_no_more_bytes),
        Part("construction", 0.15, "shards differ though all ranks have one seed; sizes that do not divide are "
             "refused", lambda g: [{"ranks": 2, "kind": kind, "sizes": [6, 4], "seed": _seed(g), "divides": True},
                                   {"ranks": 3, "kind": kind, "sizes": [7, 7], "seed": _seed(g), "divides": False}],
             on_ranks(built, _built), shows=words, agrees=_all_different), *more]


def _shape_is(f):
    """Recognises a shape: the weight has the sizes f(in, out, ranks)."""
    def shows(finding, seen, case):
        return found("shape of weight")(finding, seen, case) and tree(seen).get(
            "shape of weight of rank 0") == str(f(*case["sizes"], case["ranks"]))
    return shows


def _per_rank(f):
    """One value for each rank: f(rank, ranks, weight, bias, x, grad) of the whole tensors."""
    return lambda ranks, kind, weight, bias, x, grad: [f(rank, ranks, weight, bias, x, grad) for rank in range(ranks)]


def _own_columns(rank, ranks, weight, bias, x, grad):
    return grad.chunk(ranks, 1)[rank] @ weight.chunk(ranks, 0)[rank]


def _partial(rank, ranks, weight, bias, x, grad):
    return x.chunk(ranks, 1)[rank] @ weight.chunk(ranks, 1)[rank].t()


def _two_uses(seen, case):
    """Whether the whole gradient, or that of the other use too, has been summed more than once."""
    if case["kind"] != "column" or "grad" not in case:
        return False
    n, own = case["ranks"], 2 * case["grad"] @ case["weight"]
    got = tree(seen).get("gradient of x of rank 0")
    return isinstance(got, torch.Tensor) and got.shape == own.shape and any(
        torch.allclose(got, n ** k * own + n ** m * 0.5, 1e-4, 1e-5) for k in range(3) for m in range(1, 3))


SAME_SHARDS = ("The shards are the same on every rank: with one seed everywhere all draw the same numbers. Then n "
               "units do what one could. Draw the whole weight and keep your part, or let the seed depend on the rank.")
INDIVISIBLE = "Sizes that cannot be divided are cut off in silence. Refuse them: raise a ValueError."
OFF_LIMITS = frozenset({"torch.distributed.tensor", "torch.distributed._tensor"})
COMMON = [
    Mistake("shard-same", SAME_SHARDS, shows=lambda finding, seen, case: found("weight of rank")(finding, seen, case)
            and "seed" in case),
    Mistake("shard-indivisible", INDIVISIBLE, shows=found("refused")),
    Mistake("shard-no-parameters", "Weight and bias are no parameters: no optimizer will find them. Wrap them in "
            "`nn.Parameter`.", shows=found("parameters of rank", "value")),
    Mistake("shard-no-attribute", "The layer lacks an attribute. It holds `weight` and `bias`, set after "
            "`super().__init__()`.", shows=raised("has no attribute 'weight'", "has no attribute 'bias'",
                                                  "NoneType", "before Module.__init__")),
    Mistake("shard-gradient-cut", "No gradient comes through. What is computed under `no_grad`, or put together from "
            "tensors that were received, has no graph behind it.",
            shows=lambda finding, seen, case: finding.kind == "none" and found("gradient")(finding, seen, case))]

ColumnParallelLinear = RanksCheck(
    "ColumnParallelLinear", "ColumnParallelLinear(in_features, out_features)", InOneProcess(None),
    _parts("column", "ColumnParallelLinear"),
    [Mistake("column-split-inputs", "The weight is split along its inputs. That is the row-parallel layer: here each "
             "rank keeps some of the *outputs*, which are rows of PyTorch's weight (out, in).",
             shows=_shape_is(lambda into, out, n: (out, into // n))),
     Mistake("column-transposed", "The weight is (in, out/n). PyTorch keeps it the other way round: (out/n, in).",
             shows=_shape_is(lambda into, out, n: (into, out // n))),
     Mistake("column-whole", "Every rank holds the whole weight, so nothing is saved. Keep out/n of its rows.",
             shows=_shape_is(lambda into, out, n: (out, into))),
     Mistake("column-whole-bias", "The bias is whole. Each rank adds the bias of its own outputs, out/n of them.",
             shows=found("shape of bias")),
     Mistake("column-gathers", "The output is whole. It stays sharded: the row-parallel layer that follows wants "
             "just these columns, and gathering them would be another exchange.",
             shows=lambda finding, seen, case: found("output", "shape")(finding, seen, case)),
     Mistake("column-sums-output", "The outputs have been added up over the ranks. They are different columns of the "
             "output: each rank gives its own.",
             shows=gave("output", _per_rank(lambda rank, n, w, b, x, g: sum(
                 F.linear(x, *pair) for pair in zip(w.chunk(n), b.chunk(n)))))),
     Mistake("column-no-bias", "The bias is not added.",
             shows=gave("output", _per_rank(lambda rank, n, w, b, x, g: x @ w.chunk(n)[rank].t()))),
     Mistake("column-gradient-not-summed", "x's gradient is that of this rank's columns alone. All ranks used the "
             "same x, so its gradient is the sum over them: the identity in forward, an all-reduce in backward.",
             shows=gave("gradient of x", _per_rank(_own_columns))),
     Mistake("column-gradient-average", "x's gradient is the mean over the ranks. Here the ranks are parts of one "
             "layer, not copies of it: their shares add up.",
             shows=gave("gradient of x", _per_rank(lambda rank, n, w, b, x, g: g @ w / n))),
     Mistake("column-weight-gradient-summed", "The shards' gradients are summed over the ranks too. Each shard has "
             "its own outputs and its own gradient; only x is shared.",
             shows=lambda finding, seen, case: found("gradient of weight", "value")(finding, seen, case)),
     Mistake("column-hook-on-x", "The gradient is right until x feeds something else as well. A hook on x itself sums "
             "whatever comes back to x, from others too, and again with each use: set it on a new tensor, "
             "`x.view_as(x)`.", shows=lambda finding, seen, case: _two_uses(seen, case)),
     Mistake("column-hook-needs-gradient", "An input without a gradient, as data have none, can carry no hook.",
             shows=raised("cannot register a hook")),
     Mistake("column-sends-in-forward", "Something is sent in forward. Every rank has the whole x already.",
             shows=found("bytes in forward")),
     Mistake("column-sends-too-much", "More is sent in backward than x's gradient once.",
             shows=found("bytes in backward")),
     *COMMON, *ENDS],
    OFF_LIMITS, "A `torch.autograd.Function` whose backward calls `all_reduce`, or a hook, will do.")

RowParallelLinear = RanksCheck(
    "RowParallelLinear", "RowParallelLinear(in_features, out_features)", InOneProcess(None),
    _parts("row", "RowParallelLinear"),
    [Mistake("row-split-outputs", "The weight is split along its outputs. That is the column-parallel layer: here "
             "each rank keeps some of the *inputs*, which are columns of PyTorch's weight (out, in).",
             shows=_shape_is(lambda into, out, n: (out // n, into))),
     Mistake("row-transposed", "The weight is (in/n, out). PyTorch keeps it the other way round: (out, in/n).",
             shows=_shape_is(lambda into, out, n: (into // n, out))),
     Mistake("row-whole", "Every rank holds the whole weight, so nothing is saved. Keep in/n of its columns.",
             shows=_shape_is(lambda into, out, n: (out, into))),
     Mistake("row-bias-shard", "The bias is split. Every rank ends with the whole output and needs the whole bias.",
             shows=found("shape of bias")),
     Mistake("row-not-summed", "Each rank gives what its own inputs contribute. The output is the sum of these.",
             shows=gave("output", _per_rank(lambda *case: _partial(*case) + case[3]))),
     Mistake("row-bias-many-times", "The bias comes in once for each rank: it is added before the sum. Add it after.",
             shows=gave("output", _per_rank(lambda rank, n, w, b, x, g: x @ w.t() + n * b))),
     Mistake("row-average", "The ranks' shares are averaged. They are parts of one sum.",
             shows=lambda finding, seen, case: any(
                 gave("output", _per_rank(f))(finding, seen, case) for f in (
                     lambda rank, n, w, b, x, g: x @ w.t() / n + b, lambda rank, n, w, b, x, g: (x @ w.t() + b) / n,
                     lambda rank, n, w, b, x, g: x @ w.t() / n + b / n))),
     Mistake("row-no-bias", "The bias is not added.",
             shows=gave("output", _per_rank(lambda rank, n, w, b, x, g: x @ w.t()))),
     Mistake("row-only-one-rank", "Rank 0 has the whole output, the others do not. All of them need it.",
             shows=lambda finding, seen, case: found("output", "value")(finding, seen, case) and not str(
                 finding.path[0]).endswith("rank 0")),
     Mistake("row-splits-input", "The input does not fit the weight. It comes sharded already, (N, in/n): do not cut "
             "it again, nor gather it.", shows=raised("cannot be multiplied", "shapes")),
     Mistake("row-gradient-many-times", "The gradients are n times too large. Every rank computes the whole loss from "
             "the same output, so backward passes the gradient on as it is; the sum's own backward, an all-reduce as "
             "in `torch.distributed.nn`, would count every rank's copy of the loss.",
             shows=gave("gradient of x", _per_rank(lambda rank, n, w, b, x, g: n * (g @ w).chunk(n, 1)[rank]))),
     Mistake("row-gradient-shared-out", "The gradients are n times too small: backward divides by the number of "
             "ranks. It passes the gradient on as it is.",
             shows=gave("gradient of x", _per_rank(lambda rank, n, w, b, x, g: (g @ w).chunk(n, 1)[rank] / n))),
     Mistake("row-gathers", "The output is right, but more is sent than one sum of it takes: gathering all ranks' "
             "shares sends n − 1 of them.", shows=found("bytes in forward", "value")),
     Mistake("row-sends-in-backward", "Something is sent in backward. The output's gradient is whole on every rank "
             "already.", shows=found("bytes in backward")),
     *COMMON, *ENDS],
    OFF_LIMITS, "One `all_reduce` of the result is enough.")
