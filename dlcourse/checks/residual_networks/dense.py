"""The checks of two other ways to use skips: keep every layer's output, and drop whole branches at random."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, normal, raises, varied
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .shared import filled, in_order

# ---------------------------------------------------------------------------------------------- DenseBlock


def dense_cases(*askings):
    """Cases: ((in_channels, growth, layers), shape of x); the numbers in the layers come from `seed`."""
    return lambda g: [{"arguments": list(arguments), "x": normal(g, *shape), "seed": drawn_seed(g)}
                      for arguments, shape in askings]


def _dense(answer, arguments, x, seed):
    torch.manual_seed(0)
    return filled(answer(*arguments), seed, x)


def dense_output(answer, **case):
    """What comes out in eval mode, and x afterwards."""
    given = case["x"].clone()
    return {"output": _dense(answer, **case).eval()(given), UNTOUCHED: given}


def dense_layers(answer, **case):
    """The layers that a forward pass goes through, in order, and whether a convolution has a bias."""
    block, seen = _dense(answer, **case), {}
    for name, layer, _ in in_order(block, case["x"]):
        if isinstance(layer, nn.Conv2d):
            seen[name] = f"{layer.in_channels} → {layer.out_channels}, {'×'.join(map(str, layer.kernel_size))}"
            seen[f"bias of {name}"] = "none" if layer.bias is None else "there"
        elif isinstance(layer, nn.BatchNorm2d):
            seen[name] = f"{layer.num_features} channels"
    return seen | {"parameters in all": sum(p.numel() for p in block.parameters())}


def dense_slopes(answer, **case):
    """Output in training mode, and the gradients by x and by the first convolution."""
    block, leaf = _dense(answer, **case).train(), case["x"].clone().requires_grad_()
    output = block(leaf.clone())
    first = next(layer for name, layer, _ in in_order(block, case["x"]) if name.endswith("conv 1"))
    weight = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)
    found = gradient(output, [leaf, first.weight], weight) or [None, None]
    return {"output in training mode": output, "gradient by x": found[0], "gradient by the first convolution": found[1]}


class _Dense(nn.Module):
    """The reference; a mistake overrides a step of it."""

    bias, kernel = False, 3

    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList(self.layer(self.sees(in_channels, growth, number), growth)
                                    for number in range(self.count(layers)))

    def count(self, layers):
        return layers

    def sees(self, in_channels, growth, number):
        return in_channels + number * growth

    def layer(self, i, o):
        return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(),
                             nn.Conv2d(i, o, self.kernel, padding=self.kernel // 2, bias=self.bias))

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(self.seen(features)))
        return self.result(features)

    def seen(self, features):
        return torch.cat(features, 1)

    def result(self, features):
        return torch.cat(features, 1)


def _conv_first(self, i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


def _norm_after_bend(self, i, o):
    return nn.Sequential(nn.ReLU(), nn.BatchNorm2d(i), nn.Conv2d(i, o, 3, padding=1, bias=False))


def _no_bend(self, i, o):
    return nn.Sequential(nn.BatchNorm2d(i), nn.Conv2d(i, o, 3, padding=1, bias=False))


def _no_norm(self, i, o):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(i, o, 3, padding=1, bias=False))


def _squeezed(self, i, o):
    return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, 4 * o, 1, bias=False), nn.BatchNorm2d(4 * o),
                         nn.ReLU(), nn.Conv2d(4 * o, o, 3, padding=1, bias=False))


def _chain(self, in_channels, growth, number):
    return in_channels if number == 0 else growth


def _skips_last(features):
    return torch.cat(features[:-1], 1)


_DensePart = partial(Part, shows=lambda case: (
    f"DenseBlock({', '.join(map(str, case['arguments']))}) on x of shape {tuple(case['x'].shape)}"))

DenseBlock = Check(
    "DenseBlock", "DenseBlock(in_channels, growth, layers)", _Dense,
    [_DensePart("output", 0.45, "the input, then each layer's features, and each layer sees all before it",
                dense_cases(((3, 2, 3), (2, 3, 5, 4)), ((2, 4, 2), (1, 2, 4, 4))), dense_output),
     _DensePart("one layer", 0.1, "with a single layer too", dense_cases(((3, 2, 1), (2, 3, 4, 4))), dense_output),
     _DensePart("layers", 0.25,
                "batch norm over all that comes in, ReLU, a 3×3 convolution to `growth` channels, no bias",
                dense_cases(((3, 2, 3), (2, 3, 5, 4))), dense_layers),
     _DensePart("training", 0.2, "gradients flow back to the input and to the first layer",
                dense_cases(((3, 2, 3), (2, 3, 4, 4))), dense_slopes)],
    [Mistake("dense-chain", "Each layer sees only the one before it: this is a plain chain whose outputs are "
             "collected. Give each layer everything that is there so far.",
             varied(_Dense, sees=_chain, seen=lambda self, features: features[-1])),
     Mistake("dense-without-input", "The block's input is missing from what comes out. It stands first, then the "
             "layers' features.", varied(_Dense, result=lambda self, features: torch.cat(features[1:], 1))),
     Mistake("dense-only-last", "Only the last layer's features come out. The result is the input and the features of "
             "all layers.", varied(_Dense, result=lambda self, features: features[-1])),
     Mistake("dense-last-missing", "The last layer's features are missing from what comes out.",
             [varied(_Dense, result=lambda self, features: _skips_last(features)),
              varied(_Dense, result=lambda self, features: self.seen(features[:-1]))]),
     Mistake("dense-newest-first", "The features stand in reverse: the input comes first, then the layers in order.",
             [varied(_Dense, seen=lambda self, f: torch.cat(f[::-1], 1), result=lambda self, f: torch.cat(f[::-1], 1)),
              varied(_Dense, result=lambda self, f: torch.cat(f[::-1], 1)),
              varied(_Dense, seen=lambda self, f: torch.cat([*f[1:], f[0]], 1),
                     result=lambda self, f: torch.cat([*f[1:], f[0]], 1)),
              varied(_Dense, result=lambda self, f: torch.cat([*f[1:], f[0]], 1))]),
     Mistake("dense-conv-first", "Each layer is convolution, batch norm, ReLU. In a dense block the order is batch "
             "norm, ReLU, convolution.", varied(_Dense, layer=_conv_first)),
     Mistake("dense-norm-after-relu", "ReLU and batch norm stand in the other order: batch norm, ReLU, convolution.",
             varied(_Dense, layer=_norm_after_bend)),
     Mistake("dense-no-relu", "There is no ReLU before the convolution.", varied(_Dense, layer=_no_bend)),
     Mistake("dense-no-norm", "There is no batch norm before the ReLU.", varied(_Dense, layer=_no_norm)),
     Mistake("dense-bottleneck", "A 1×1 convolution stands before the 3×3 one. That is DenseNet-B; here a layer is a "
             "single convolution.", varied(_Dense, layer=_squeezed)),
     Mistake("dense-bias", "The convolutions have biases. Say `bias=False`: the next layer's batch norm takes away "
             "any constant.", varied(_Dense, bias=True)),
     Mistake("dense-kernel", "The kernels are not 3×3.", [varied(_Dense, kernel=1), varied(_Dense, kernel=5)]),
     Mistake("dense-sum", "The features are added up, as in a residual block. A dense block keeps them side by side, "
             "along the channels.", [
                 varied(_Dense, sees=_chain, seen=lambda self, f: f[-1], result=lambda self, f: sum(f[1:], 0)),
                 varied(_Dense, sees=lambda self, i, g, n: i if n == 0 else g, seen=lambda self, f: sum(f[1:-1], f[-1]),
                        result=lambda self, f: sum(f[1:], 0))]),
     Mistake("dense-sum", "The features are added up, as in a residual block. A dense block keeps them side by side, "
             "along the channels.", shows=raises("The size of tensor a")),
     Mistake("dense-wrong-axis", "The features are joined along another axis than the channels, axis 1.",
             shows=raises("Sizes of tensors must match")),
     Mistake("dense-growth", "The number of channels that a layer expects is not what it is given. Counting from "
             "0, layer k sees in_channels + growth·k channels: is it made for so many, and is it given all that is "
             "there so far, joined by `torch.cat`?", shows=raises("to have", "running_mean should contain")),
     Mistake("dense-one-too-few", "The number of layers is not what `layers` says.",
             [varied(_Dense, count=lambda self, layers: layers - 1), varied(_Dense,
              count=lambda self, layers: layers + 1)]),
     Mistake("dense-detached", "The values are right, but no gradient reaches the first layer or the input: the "
             "features were detached on the way.",
             varied(_Dense, seen=lambda self, f: torch.cat([one.detach() for one in f], 1))),
     Mistake("dense-plain-list", "The layers are kept in a plain list, which a module does not look into: their "
             "parameters are none of the block's. `nn.ModuleList` is made for this.",
             shows=lambda finding, seen, case: finding.path == ("parameters in all",) and finding.got == 0),
     Mistake("dense-plain-list", "The layers are kept in a plain list, which a module does not look into: their "
             "parameters are none of the block's. `nn.ModuleList` is made for this.",
             shows=raises("to have the same dtype", "expected scalar type", "mat1 and mat2 must have the same dtype",
                    "expected m1 and m2", "should be the same", "mixed dtype"))])

# ---------------------------------------------------------------------------------------- stochastic_depth


def drops(*askings):
    """Cases: (shape of x, p, training); what is drawn comes from the global generator, seeded by `seed`."""
    return lambda g: [{"x": normal(g, *shape), "p": p, "training": training, "seed": drawn_seed(g)}
                      for shape, p, training in askings]


def _branch(x):
    return torch.tanh(x) + 1.5  # never 0, so that a sample's factor can be read off


def _factors(answer, x, p, training, seed):
    """By how much the branch's output is multiplied in each entry of the output; what else came, if no such did."""
    torch.manual_seed(seed)
    output = answer(x, _branch, p, training)
    if not isinstance(output, torch.Tensor) or output.shape != x.shape or output.dtype != x.dtype:
        return {"output": output}, None
    if (output.flatten(1) == 0).all(1).any():
        return {"samples that come out as 0": "some"}, None
    return None, (output - x) / _branch(x)


def values(answer, x, p, training, seed):
    """Where nothing is left to chance: the output itself, the same in two calls."""
    torch.manual_seed(seed)
    given = x.clone()
    first, second = answer(given, _branch, p, training), answer(x, _branch, p, training)
    same = not isinstance(first, torch.Tensor) or torch.equal(first.nan_to_num(), second.nan_to_num())
    return {"two calls give the same": same, "output": first, UNTOUCHED: given}


def factors(answer, **case):
    """Whether a sample is kept or dropped as one, and the factors there are, smallest first."""
    wrong, found = _factors(answer, **case)
    if wrong:
        return wrong
    flat = found.flatten(1)
    alike = (flat - flat[:, :1]).abs().max() < 1e-6
    kinds = sorted({round(value, 4) + 0.0 for value in flat.flatten().tolist()})
    return {"samples that come out as 0": "none", "one factor for a whole sample": bool(alike),
            "factors of the branch": kinds if len(kinds) <= 3 else f"{min(kinds):.2f} to {max(kinds):.2f}, many"}


def shares(answer, **case):
    """The share of samples whose branch was dropped, and the mean factor."""
    wrong, found = _factors(answer, **case)
    if wrong:
        return wrong
    return {"samples that come out as 0": "none",
            "share of samples dropped": (found.flatten(1)[:, 0].abs() < 1e-6).double().mean().item(),
            "mean factor of the branch": found.mean().item()}


def fresh(answer, **case):
    """Whether two calls differ, and whether the same state of the generator gives the same."""
    x, p = case["x"], case["p"]
    torch.manual_seed(case["seed"])
    first, second = answer(x, _branch, p, True), answer(x, _branch, p, True)
    torch.manual_seed(case["seed"])
    return {"a second call drops others": not torch.equal(first, second),
            "the same state gives the same": torch.equal(first, answer(x, _branch, p, True))}


def kept_slope(answer, x, p, training, seed):
    """The gradient by x, where nothing is dropped."""
    torch.manual_seed(seed)
    leaf = x.clone().requires_grad_()
    return {"gradient": gradient(answer(leaf.clone(), _branch, p, training), leaf)}


def _mask(x, p, shape=None):
    shape = shape or (len(x), *[1] * (x.dim() - 1))
    return (torch.rand(shape, dtype=x.dtype) >= p).to(x.dtype)


def _depth(*, train=None, eval=lambda x, f: x + f, at_one=lambda x, f: x, masked=None):
    """stochastic_depth, with habits; train(x, f, p) is what happens in training, p < 1."""
    train = train or (lambda x, f, p: x + f * _mask(x, p) / (1 - p))

    def stochastic_depth(x, branch, p, training):
        f = branch(x)
        if not training:
            return eval(x, f)
        if p >= 1 and at_one:
            return at_one(x, f)
        return train(x, f, p)
    return stochastic_depth


def _eval_scaled(x, branch, p, training):
    return x + branch(x) * (_mask(x, p) if training else 1 - p)


def _reseeded(x, branch, p, training):
    torch.manual_seed(0)
    return _depth()(x, branch, p, training)


_DropPart = partial(Part, shows=lambda case: (
    f"stochastic_depth(x, branch, p={case['p']}, training={case['training']}), x of shape {tuple(case['x'].shape)}"))

stochastic_depth = Check(
    "stochastic_depth", "stochastic_depth(x, branch, p, training)", _depth(),
    [_DropPart("nothing dropped", 0.3, "outside training, and with p = 0, it is x + branch(x)",
               drops(((90, 3), 0.3, False), ((90, 2, 2, 2), 0.7, False), ((3, 5), 0.0, True)), values),
     _DropPart("whole samples", 0.25, "in training a sample's branch is dropped whole or multiplied by 1/(1 − p)",
               drops(((200, 5), 0.4, True), ((200, 2, 3, 3), 0.2, True), ((200, 4, 3), 0.7, True)), factors),
     _DropPart("share", 0.2, "a share p of the samples loses its branch, and the mean stays the same",
               drops(((10_000, 2), 0.25, True), ((10_000, 2), 0.6, True)), shares, rounding=(0.0, 0.08)),
     _DropPart("certain drop", 0.1, "with p = 1 in training, x alone is left", drops(((3, 2, 2), 1.0, True)), values),
     _DropPart("randomness", 0.1, "each call draws anew from torch's own generator",
               drops(((100, 2), 0.5, True)), fresh),
     _DropPart("gradient", 0.05, "the gradient goes through x and through the branch", drops(((4, 3), 0.0, True)),
               kept_slope)],
    [Mistake("depth-swapped", "p is taken for the probability of *keeping* a branch. It is that of dropping it.",
             [_depth(train=lambda x, f, p: x + f * _mask(x, 1 - p) / p if p else x),
              _depth(train=lambda x, f, p: x + f * _mask(x, 1 - p) / p),
              _depth(train=lambda x, f, p: x + f * _mask(x, 1 - p) / (1 - p)),
              _depth(train=lambda x, f, p: x + f * _mask(x, 1 - p)), _depth(
                  train=lambda x, f, p: x + f * _mask(x, 1 - p) / p if p else x, at_one=None)]),
     Mistake("depth-not-rescaled", "What is kept in training is not scaled up by 1/(1 − p), so on average the branch "
             "counts for less than it will at test time.", _depth(train=lambda x, f, p: x + f * _mask(x, p))),
     Mistake("depth-eval-scaled", "The branch is scaled down at test time. That is how the paper does it, and it makes "
             "up for not scaling in training; here the scaling is done in training, and x + branch(x) is left alone "
             "afterwards.", [_eval_scaled, lambda x, branch, p, training: (
                 x + branch(x) * (_mask(x, p) / (1 - p) if training else 1 - p))]),
     Mistake("depth-rescaled-by-p", "What is kept is multiplied by 1/p. It is kept with probability 1 − p, so that is "
             "what to divide by.", [_depth(train=lambda x, f, p: x + f * _mask(x, p) / p),
                               _depth(train=lambda x, f, p: x + f * _mask(x, p) / p if p else x + f)]),
     Mistake("depth-rescaled-twice", "What is kept is multiplied by (1 − p). It should be divided by it.",
             _depth(train=lambda x, f, p: x + f * _mask(x, p) * (1 - p))),
     Mistake("depth-per-entry", "Each number is dropped on its own: that is dropout. Here a sample's whole branch is "
             "kept or dropped: one draw per sample.", [
                 _depth(train=lambda x, f, p: x + f * _mask(x, p, x.shape) / (1 - p)),
                 lambda x, branch, p, training: x + F.dropout(branch(x), p, training),
                 _depth(train=lambda x, f, p: x + f * _mask(x, p, x.shape[:2] + (1,) * (x.dim() - 2)) / (1 - p)),
                 _depth(train=lambda x, f, p: x + f * _mask(x, p, x.shape))]),
     Mistake("depth-whole-batch", "One draw decides for the whole batch. Each sample gets a draw of its own.",
             shows=lambda finding, seen, case: finding.path == ("factors of the branch",)
             and finding.kind == "shape" and finding.got == "list of 1"),
     Mistake("depth-sum-dropped", "A dropped sample comes out as 0: the mask multiplies x as well. Only the branch is "
             "dropped; the skip always stays.",
             shows=lambda finding, seen, case: finding.path == ("samples that come out as 0",)),
     Mistake("depth-always", "It drops outside training too: `training` is not used, or read the wrong way round.",
             shows=lambda finding, seen, case: finding.path == ("two calls give the same",)),
     Mistake("depth-never", "Nothing is dropped in training.",
             [_depth(train=lambda x, f, p: x + f, at_one=None),
              _depth(train=lambda x, f, p: x + f, at_one=lambda x, f: x)]),
     Mistake("depth-no-skip", "x is not added: what comes out is the branch alone.",
             [_depth(train=lambda x, f, p: f * _mask(x, p) / (1 - p), eval=lambda x, f: f),
              _depth(train=lambda x, f, p: f * _mask(x, p), eval=lambda x, f: f)]),
     Mistake("depth-one-is-nan", "With p = 1 nothing is kept, and 1/(1 − p) is infinite: 0 · ∞ is nan. Treat it on its "
             "own, so that x comes out.", [
                 _depth(at_one=lambda x, f: x + f * 0 * float("inf")), _depth(at_one=None)]),
     Mistake("depth-one-divides", "With p = 1 it divides by 0. Treat it on its own, so that x comes out.",
             shows=raises("division by zero", kind="ZeroDivisionError")),
     Mistake("depth-one-kept", "With p = 1 the branch is kept. It is dropped for certain, so that x alone comes out.",
             _depth(at_one=lambda x, f: x + f)),
     Mistake("depth-shape", "The mask does not line up with the samples: it needs the shape (N, 1, …, 1), with as many "
             "axes as x.", shows=raises("must match the size", "is invalid for input", "broadcast")),
     Mistake("depth-reseeded", "Every call draws the same: the generator is seeded anew inside.", _reseeded),
     Mistake("depth-branch-detached", "The values are right, but no gradient flows through the branch.",
             _depth(train=lambda x, f, p: x + f.detach() * _mask(x, p) / (1 - p)))])
