"""Layers: `linear`, `mlp`, and what they cost."""

import torch

from ..asking import normal
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .shared import multiplied, raises

# -------------------------------------------------------------------------------------------------- linear


def layers_of(*sizes):
    """Cases for `linear`: sizes are (shape of x, outputs, dtype); never square, never a batch of one."""
    def cases(g):
        return [{"x": normal(g, *shape, dtype=dtype), "W": normal(g, out, shape[-1], dtype=dtype),
                 "b": normal(g, out, dtype=dtype), "weight": normal(g, *shape[:-1], out, dtype=dtype)}
                for shape, out, dtype in sizes]
    return cases


def output(answer, x, W, b, weight=None):
    """What linear(x, W, b) gives, and its inputs as they are afterwards."""
    x, W, b = x.clone(), W.clone(), b.clone()
    return {"output": answer(x, W, b), UNTOUCHED: {"x": x, "W": W, "b": b}}


def three_slopes(answer, x, W, b, weight):
    """The gradients of sum(weight · linear(x, W, b))."""
    leaves = [tensor.clone().requires_grad_() for tensor in (x, W, b)]
    found = gradient(answer(*(leaf.clone() for leaf in leaves)), leaves, weight) or [None] * 3
    return {f"gradient of {name}": grad for name, grad in zip("xWb", found)}


linear = Check(
    "linear", "linear(x, W, b)", lambda x, W, b: x @ W.T + b,
    [Part("values", 0.5, "each output is a row of W times x, plus its bias",
          layers_of(((4, 3), 5, torch.float64), ((2, 6), 3, torch.float64), ((5, 2), 4, torch.float32)), output),
     Part("leading axes", 0.2, "x may have more axes in front: the last one is the features",
          layers_of(((2, 3, 4), 5, torch.float64), ((3, 2, 2, 5), 4, torch.float64)), output),
     Part("gradients", 0.3, "gradients reach x, W and b", layers_of(((4, 3), 5, torch.float64)), three_slopes)],
    [Mistake("linear-not-transposed", "The shapes do not line up: x is (N, in) and W is (out, in). A product of "
             "matrices sums over the last axis of the first and the first axis of the second, so W must be transposed.",
             shows=multiplied("x", "W")),
     Mistake("linear-weights-first", "The product is the wrong way round for a batch: W comes first in the books, "
             "where x is one column. Here each sample is a row, so x comes first and W is transposed.",
             shows=multiplied("W", "x")),
     Mistake("linear-turned", "The result is transposed: its rows are outputs and its columns samples. One row for "
             "each sample was asked for, (N, out).",
             [lambda x, W, b: W @ x.mT + b[:, None], lambda x, W, b: (x @ W.T + b).mT]),
     Mistake("linear-no-bias", "The bias is missing: this is W times x alone.", lambda x, W, b: x @ W.T),
     Mistake("linear-bias-minus", "The bias is taken off; it should be added.", lambda x, W, b: x @ W.T - b),
     Mistake("linear-no-sum", "Each weight was multiplied with its input, but the products were not summed: there is "
             "one axis too many.", lambda x, W, b: x.unsqueeze(-2) * W),
     Mistake("linear-bent", "Negative outputs came back as 0: that is an activation, which comes later. A layer's "
             "linear part lets negative numbers pass.", lambda x, W, b: (x @ W.T + b).clamp(min=0)),
     Mistake("linear-bias-sum", "Every output got the same bias, the sum or the mean of b. Output number i has its "
             "own, b[i].", [lambda x, W, b: x @ W.T + b.sum(), lambda x, W, b: x @ W.T + b.mean()]),
     Mistake("linear-entry-by-entry", "`*` multiplies entry by entry. A weighted sum of all inputs is a product of "
             "matrices, `@`.", shows=lambda finding, seen, case: raises("must match the size")(finding, seen, case)
             and "* W" in (seen["raised"].get("line") or "")),
     Mistake("linear-turned-bias", "The bias does not fit, since the product came out transposed, as (out, N), and its "
             "last axis is the samples. Each sample is a row here: x comes first in the product, and W is transposed.",
             shows=raises("must match the size", "dimension 1", where=lambda case: case["x"].dim() == 2)),
     Mistake("linear-bias-by-sample", "The bias does not fit the product: it has one number for each output, and the "
             "outputs are the last axis. Broadcasting lines shapes up from the right, so b fits as it is.",
             shows=raises("must match the size", where=lambda case: case["x"].dim() == 2)),
     Mistake("linear-two-axes-only", "It works for x of shape (N, in), but x may have more axes in front, as (2, 3, "
             "in): the last one is always the features. `@` treats all axes but the last two as a batch; `mm`, and a "
             "loop or an `einsum` that names both axes, do not.",
             shows=lambda finding, seen, case: case["x"].dim() > 2 and "raised" in seen),
     Mistake("linear-flattened", "The leading axes were flattened and not put back: x (2, 3, in) should give "
             "(2, 3, out).", lambda x, W, b: x.reshape(-1, x.shape[-1]) @ W.T + b),
     Mistake("linear-mean", "The products were averaged; they should be summed.",
             lambda x, W, b: x @ W.T / x.shape[-1] + b)],
    off_limits=frozenset({"linear"}), instead="A matrix product, `@`, and a sum are your tools.")

# ----------------------------------------------------------------------------------------------------- mlp

BENDS = {"tanh": torch.tanh, "relu": lambda x: x.clamp(min=0), "sin": torch.sin}


def stacks(*widths, activation="tanh", dtype=torch.float64):
    """One case per list of widths: x (4, in) and the layers between them."""
    def cases(g):
        return [{"x": normal(g, 4, ws[0], dtype=dtype), "layers": [
            [normal(g, out, fan_in, dtype=dtype) / fan_in ** 0.5, normal(g, out, dtype=dtype)]
            for fan_in, out in zip(ws, ws[1:])], "activation": activation} for ws in widths]
    return cases


def _pairs(layers):
    return [(W.clone(), b.clone()) for W, b in layers]


def through(answer, x, layers, activation):
    """What mlp(x, layers, activation) gives."""
    given = _pairs(layers)
    return {"output": answer(x.clone(), given, BENDS[activation]), "layers in the list afterwards": len(given)}


def counted(answer, x, layers, activation):
    """How often the activation was called, and on how many numbers in each row."""
    widths = []

    def bend(h):
        widths.append(h.shape[-1])
        return BENDS[activation](h)
    answer(x.clone(), _pairs(layers), bend)
    return {"calls of the activation": len(widths), "width that it was called on": widths}


def reaches(answer, x, layers, activation):
    """The gradients of sum(mlp(x, …)) for x and for every layer's weights."""
    leaves = [x.clone().requires_grad_(), *(W.clone().requires_grad_() for W, _ in layers)]
    out = answer(leaves[0].clone(), [(W.clone(), b.clone()) for W, (_, b) in zip(leaves[1:], layers)],
                 BENDS[activation])
    found = gradient(out, leaves) or [None] * len(leaves)
    return {f"gradient of {name}": grad for name, grad in zip(["x", "W1", "W2", "W3", "W4", "W5"], found)}


def forward(x, layers, activation, *, last=False, first=False, bend=True):
    """mlp, with the habit of bending after the last layer too, of bending the input, or of never bending."""
    h = activation(x) if first else x
    for number, (W, b) in enumerate(layers, 1):
        h = h @ W.T + b
        if bend and (last or number < len(layers)):
            h = activation(h)
    return h


def _last_bend_unused(x, layers, activation):
    h = x
    for W, b in layers:
        z = h @ W.T + b
        h = activation(z)
    return z


def told_mlp(case):
    """The call in words."""
    widths = [case["x"].shape[1], *(len(b) for _, b in case["layers"])]
    shown = " → ".join(map(str, widths))
    return f"mlp(x, layers, {case['activation']}) with widths {shown}, batch of {len(case['x'])}"


mlp = Check(
    "mlp", "mlp(x, layers, activation)", forward,
    [Part("values", 0.45, "layer after layer, the activation between them and none after the last",
          lambda g: stacks((3, 5, 4, 2), (4, 3, 5, 2, 6, 3))(g) + stacks((2, 6, 4), activation="sin")(g)
          + stacks((3, 4, 2), activation="relu", dtype=torch.float32)(g), through, shows=told_mlp),
     Part("one layer", 0.15, "a single layer has no activation at all", stacks((3, 5)), through, shows=told_mlp),
     Part("calls", 0.2, "the activation is called once between two layers, so depth − 1 times",
          stacks((3, 5), (3, 4, 2), (4, 3, 5, 2, 6, 3)), counted, shows=told_mlp),
     Part("gradients", 0.2, "gradients reach x and every layer", stacks((3, 4, 5, 2)), reaches, shows=told_mlp)],
    [Mistake("mlp-bent-at-the-end", "The activation is applied after the last layer too. The last layer's outputs are "
             "the network's answer; bent, they could not take every value.",
             lambda x, layers, activation: forward(x, layers, activation, last=True)),
     Mistake("mlp-input-bent", "The activation is applied to the input, before the first layer. It belongs between "
             "layers.", [lambda x, layers, activation: forward(x, layers, activation, first=True),
                         lambda x, layers, activation: forward(x, layers, activation, first=True, last=True),
                         lambda x, layers, activation: forward(activation(x), layers, activation, bend=False)]),
     Mistake("mlp-straight", "The activation is never used: this is a stack of linear maps, which is one linear map.",
             lambda x, layers, activation: forward(x, layers, activation, bend=False)),
     Mistake("mlp-own-activation", "The activation that was handed in is not used; another stands in its place. "
             "Whoever calls this decides which it is.",
             [lambda x, layers, activation: forward(x, layers, lambda h: h.clamp(min=0)),
              lambda x, layers, activation: forward(x, layers, torch.tanh)]),
     Mistake("mlp-last-layer-missing", "The last layer is missing: what comes back is the last hidden layer.",
             [lambda x, layers, activation: forward(x, layers[:-1], activation, last=True),
              lambda x, layers, activation: forward(x, layers[:-1], activation)]),
     Mistake("mlp-first-layer-only", "Only the first layer was applied: perhaps a `return` stands inside the loop.",
             [lambda x, layers, activation: forward(x, layers[:1], activation),
              lambda x, layers, activation: forward(x, layers[:1], activation, last=True)]),
     Mistake("mlp-always-x", "Each layer was given x again, and not what the layer before it made of x.",
             shows=lambda finding, seen, case: len(case["layers"]) > 1 and multiplied("x", "W")(
                 finding, seen, {"x": case["x"], "W": case["layers"][1][0].T})),
     Mistake("mlp-backwards", "The layers are applied from the last to the first: the first product does not fit.",
             shows=lambda finding, seen, case: multiplied("x", "W")(
                 finding, seen, {"x": case["x"], "W": case["layers"][-1][0].T})),
     Mistake("mlp-not-transposed", "The shapes do not line up in the first layer: W is (out, in) and has to be "
             "transposed. Your own `linear` does that.", shows=lambda finding, seen, case: multiplied("x", "W")(
                 finding, seen, {"x": case["x"], "W": case["layers"][0][0]})),
     Mistake("mlp-bias-outside", "The bias is added after the activation; it belongs inside, activation(W x + b).",
             lambda x, layers, activation: _bias_outside(x, layers, activation)),
     Mistake("mlp-no-bias", "The biases are missing.",
             lambda x, layers, activation: forward(x, [(W, 0.0) for W, _ in layers], activation)),
     Mistake("mlp-list-emptied", "The list of layers is shorter afterwards: `pop` takes from the caller's own list. "
             "Whoever called this still needs it; take a slice instead.",
             shows=lambda finding, seen, case: finding.path[:1] == ("layers in the list afterwards",)),
     Mistake("mlp-called-for-nothing", "The values are right, but the activation is also called on the last layer's "
             "output and that result thrown away. Let the last layer stand outside of the loop, or stop one short.",
             _last_bend_unused)],
    off_limits=frozenset({"torch.nn.modules.container.Sequential", "torch.nn.Sequential"}),
    instead="A loop over `layers`, with your own `linear`, is all it takes.")


def _bias_outside(x, layers, activation):
    for W, b in layers[:-1]:
        x = activation(x @ W.T) + b
    W, b = layers[-1]
    return x @ W.T + b

# -------------------------------------------------------------------------------------------- network_cost


def costs(*askings):
    """Cases: (widths, batch size) or (widths, batch size, bias)."""
    return lambda g: [dict(zip(("widths", "batch_size", "bias"), asking)) for asking in askings]


def counts(*names):
    """Observe the two counts, or one of them."""
    def observe(answer, widths, batch_size, **bias):
        found = answer(list(widths), batch_size, **bias)
        if found is None or _two(found):
            found = dict(zip(("parameters", "FLOPs"), found or [None, None]))
            return {name: found[name] for name in names}
        return {"answer": found}
    return observe


def _two(found):
    return isinstance(found, (tuple, list)) and len(found) == 2


def split(answer, widths, batch_size):
    """The two counts of the first layer, of the FLOPs only whether they and the rest's make up the whole.

    That they are counted as asked is another part's to say.
    """
    first, rest, whole = (answer(list(ws), batch_size) for ws in (widths[:2], widths[1:], widths))
    if not all(map(_two, (first, rest, whole))):
        return {"answer": first}
    return {"parameters": first[0], "FLOPs of the layers sum to the network's": bool(first[1] + rest[1] == whole[1])}


def without(answer, widths, batch_size, bias):
    """The parameters without biases, of the FLOPs only whether they are the same as with them."""
    found, biased = answer(list(widths), batch_size, bias=bias), answer(list(widths), batch_size)
    if not _two(found) or not _two(biased):
        return {"answer": found}
    return {"parameters": found[0], "FLOPs are those with biases": bool(found[1] == biased[1])}


def _cost(widths, batch_size, bias=True, *, per_layer=lambda i, o, bias: i * o + bias * o,
          flops=lambda n, i, o, bias: 2 * n * i * o):
    layers = list(zip(widths, widths[1:]))
    return (sum(per_layer(i, o, bias) for i, o in layers), sum(flops(batch_size, i, o, bias) for i, o in layers))


def _costs_so(**habits):
    return lambda widths, batch_size, bias=True: _cost(widths, batch_size, bias, **habits)


network_cost = Check(
    "network_cost", "network_cost(widths, batch_size, bias)", _cost,
    [Part("parameters", 0.4, "weights and biases of every layer", costs(([64, 32, 10], 8), ([3, 4, 5, 2], 7)),
          counts("parameters")),
     Part("FLOPs", 0.4, "two for every multiply-add, for every sample", costs(([64, 32, 10], 8), ([3, 4, 5, 2], 7)),
          counts("FLOPs")),
     Part("one layer", 0.1, "two widths are one layer, and layers add up", costs(([5, 7, 3], 3), ([6, 2, 4], 1)), split,
          shows=lambda case: f"network_cost({case['widths'][:2]}, {case['batch_size']})"),
     Part("no bias", 0.1, "bias=False counts weights only", costs(([5, 7, 3], 4, False)), without)],
    [Mistake("cost-not-two", "Two numbers are asked for, in one tuple: parameters, FLOPs.",
             shows=lambda finding, seen, case: "answer" in (seen.get("seen") or {})),
     Mistake("cost-not-int", "A count came out as a float. Counts are ints, exact however large: `/` gives a float "
             "even where nothing is left over, `//` an int.",
             shows=lambda finding, seen, case: finding.kind == "type" and finding.got == "float"),
     Mistake("cost-swapped", "The two numbers are swapped: parameters first, then FLOPs.",
             lambda *case, **bias: _cost(*case, **bias)[::-1]),
     Mistake("cost-multiply-only", "Only the multiplications are counted. Each product is also added to a sum: two "
             "operations for each weight.", _costs_so(flops=lambda n, i, o, bias: n * i * o)),
     Mistake("cost-bias-operations", "The additions of the biases are counted too. By convention only multiply-adds "
             "are.",
             [_costs_so(flops=lambda n, i, o, bias: 2 * n * i * o + n * o),
              _costs_so(flops=lambda n, i, o, bias: 2 * n * i * o + bias * n * o),
              _costs_so(flops=lambda n, i, o, bias: 2 * n * (i * o + bias * o)),
              _costs_so(flops=lambda n, i, o, bias: 2 * n * (i * o + o))]),
     Mistake("cost-batch-forgotten", "The FLOPs are those of one sample: a batch of N costs N times as much.",
             _costs_so(flops=lambda n, i, o, bias: 2 * i * o)),
     Mistake("cost-batch-in-parameters", "The parameters are multiplied by the batch size. All samples go through the "
             "same weights.", lambda w, n, bias=True: (n * _cost(w, n, bias)[0], _cost(w, n, bias)[1])),
     Mistake("cost-no-biases", "The biases are not counted among the parameters. Each output of a layer has one.",
             lambda w, n, bias=True: _cost(w, n, False)),
     Mistake("cost-bias-always", "The biases are counted although bias=False was asked for.",
             lambda w, n, bias=True: _cost(w, n, True)),
     Mistake("cost-bias-of-inputs", "There is a bias counted for each input of a layer; there is one for each output.",
             _costs_so(per_layer=lambda i, o, bias: i * o + bias * i)),
     Mistake("cost-bias-inputs-too", "The network's inputs are given biases too. Only what a layer computes has one: "
             "each of its outputs.",
             lambda w, n, bias=True: (_cost(w, n, bias)[0] + bias * w[0], _cost(w, n, bias)[1])),
     Mistake("cost-no-last-bias", "The last layer's biases are missing. It has no activation, but it has a bias for "
             "each output, as all layers have.",
             lambda w, n, bias=True: (_cost(w, n, bias)[0] - bias * w[-1], _cost(w, n, bias)[1])),
     Mistake("cost-one-bias", "One bias is counted for each layer; there is one for each output of it.",
             _costs_so(per_layer=lambda i, o, bias: i * o + bias)),
     Mistake("cost-last-layer", "The last layer is missing from the sum.",
             lambda w, n, bias=True: _cost(w[:-1], n, bias)),
     Mistake("cost-first-layer", "Only the first layer is counted.", lambda w, n, bias=True: _cost(w[:2], n, bias)),
     Mistake("cost-ends-only", "The first and the last width are multiplied, as if nothing stood between them.",
             lambda w, n, bias=True: _cost([w[0], w[-1]], n, bias)),
     Mistake("cost-activations", "Operations of the activations are counted; by convention only multiply-adds are.",
             lambda w, n, bias=True: (_cost(w, n, bias)[0], _cost(w, n, bias)[1] + n * sum(w[1:-1]))),
     Mistake("cost-training", "This is the cost of a training step, about three forward passes. Only the forward pass "
             "was asked for.", _costs_so(flops=lambda n, i, o, bias: 6 * n * i * o))])
