"""The checks of the blocks that very deep networks are made of: basic, bottleneck, dense, and dropped at random."""

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, normal, raises, varied
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .shared import fill_layer

# ------------------------------------------------------------------------- how a residual block is looked at

NAMES = {"BasicBlock": ("conv1", "bn1", "conv2", "bn2"),
         "Bottleneck": ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")}


def block_cases(*askings, **options):
    """Cases: (arguments of the constructor, shape of x); the numbers in the layers come from `seed`."""
    return lambda g: [{"arguments": list(arguments), "x": normal(g, *shape), "seed": drawn_seed(g), **options}
                      for arguments, shape in askings]


def _built(answer, arguments, names, seed):
    """A block in float64 with numbers of our own in the layers of these names and in its shortcut."""
    torch.manual_seed(0)
    block = answer(*arguments).double()
    missing = [name for name in (*names, "shortcut") if not hasattr(block, name)]
    if missing:
        raise AttributeError(f"the block has no attribute {missing[0]!r}")
    for name in names:
        fill_layer(getattr(block, name), seed, name)
    for layer in block.shortcut.modules():
        if not list(layer.children()):
            fill_layer(layer, seed, f"shortcut {'conv' if isinstance(layer, nn.Conv2d) else 'norm'}")
    return block


def looks(names):
    """The observing functions for a block with these layers, as a namespace."""
    def output(answer, arguments, x, seed):
        block, given = _built(answer, arguments, names, seed).eval(), x.clone()
        return {"output": block(given), UNTOUCHED: given}

    def layers(answer, arguments, x, seed):
        block, seen = _built(answer, arguments, names, seed), {}
        for name in names[::2]:
            conv = getattr(block, name)
            seen[f"{name}.weight"] = list(conv.weight.shape)
            seen[f"{name}.bias"] = "none" if conv.bias is None else "there"
        projection = [layer for layer in block.shortcut.modules() if isinstance(layer, nn.Conv2d)]
        seen["convolutions in shortcut"] = len(projection)
        for conv in projection:
            seen["kernel of the shortcut"] = list(conv.kernel_size)
            seen["bias of the shortcut"] = "none" if conv.bias is None else "there"
        seen["batch norms in shortcut"] = sum(isinstance(layer, nn.BatchNorm2d) for layer in block.shortcut.modules())
        seen["parameters in all"] = sum(p.numel() for p in block.parameters())
        return seen

    def silent(answer, arguments, x, seed):
        block = _built(answer, arguments, names, seed).train()
        with torch.no_grad():
            last = getattr(block, names[-1])
            last.weight.zero_()
            last.bias.zero_()
            return {"output": block(x)}

    def slopes(answer, arguments, x, seed):
        block, leaf = _built(answer, arguments, names, seed).train(), x.clone().requires_grad_()
        result = block(leaf.clone())
        weight = torch.linspace(-1, 1, result.numel(), dtype=x.dtype).view(result.shape)
        tensors = {"gradient by x": leaf, "gradient by conv1.weight": block.conv1.weight,
                   f"gradient by {names[-1]}.weight": getattr(block, names[-1]).weight}
        found = gradient(result, list(tensors.values()), weight) or len(tensors) * [None]
        return {"output in training mode": result, **dict(zip(tensors, found)),
                f"running mean of {names[-1]}": getattr(block, names[-1]).running_mean}

    return output, layers, silent, slopes


class _Residual(nn.Module):
    """The reference of both blocks; a mistake overrides a step of it."""

    kernels, strided, bias, expansion, projects_with = (3, 3), 0, False, 1, 1

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        widths = [in_channels, *[width] * (len(self.kernels) - 1), self.expansion * width]
        self.depth = len(self.kernels)
        for number, kernel in enumerate(self.kernels):
            step = stride if number == self.strided else 1
            setattr(self, f"conv{number + 1}", self.conv(widths[number], widths[number + 1], kernel, step))
            setattr(self, f"bn{number + 1}", nn.BatchNorm2d(widths[number + 1]))
        self.shortcut = nn.Identity()
        if self.projects(in_channels, widths[-1], stride):
            self.shortcut = self.projection(in_channels, widths[-1], stride)

    def conv(self, i, o, kernel, stride):
        return nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=self.bias)

    def projects(self, i, o, stride):
        return stride != 1 or i != o

    def projection(self, i, o, stride):
        return nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def branch(self, x, bend=F.relu, last=lambda bn, h: bn(h)):
        for number in range(1, self.depth + 1):
            h = getattr(self, f"conv{number}")(x)
            bn = getattr(self, f"bn{number}")
            x = bend(bn(h)) if number < self.depth else last(bn, h)
        return x

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x))


def _forward(rule):
    """A forward: rule(block, x)."""
    return {"forward": lambda self, x: rule(self, x)}


def _after_first(self, x):
    """The skip is taken after the first convolution, not at the block's door."""
    h = F.relu(self.bn1(self.conv1(x)))
    skip = h
    for number in range(2, self.depth + 1):
        h = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(h))
        h = F.relu(h) if number < self.depth else h
    return F.relu(h + skip)


def _pre_activation(self, x):
    h = x
    for number in range(1, self.depth + 1):
        h = getattr(self, f"conv{number}")(F.relu(h))
        h = getattr(self, f"bn{number}")(h)
    return h + self.shortcut(x)


def _bend_before_norm(self, x):
    h = x
    for number in range(1, self.depth + 1):
        h = getattr(self, f"conv{number}")(h)
        h = getattr(self, f"bn{number}")(F.relu(h) if number < self.depth else h)
    return F.relu(h + self.shortcut(x))


def _bent_after(only):
    """A forward with an inner ReLU after one of the batch norms alone."""
    def forward(self, x):
        h = x
        for number in range(1, self.depth + 1):
            h = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(h))
            h = F.relu(h) if number == only else h
        return F.relu(h + self.shortcut(x))
    return forward


def _one_norm(self, x):
    h = x
    for number in range(1, self.depth + 1):
        h = self.bn1(getattr(self, f"conv{number}")(h))
        h = F.relu(h) if number < self.depth else h
    return F.relu(h + self.shortcut(x))


def _first_norm_twice(self, x):
    h = F.relu(self.bn1(self.conv1(x)))
    return F.relu(self.bn3(self.conv3(F.relu(self.bn1(self.conv2(h))))) + self.shortcut(x))


def _stride(case):
    return case["arguments"][2] if len(case["arguments"]) > 2 else 1


def _fits(base, case):
    """Whether the block's input has the shape of its output."""
    return case["arguments"][0] == base.expansion * case["arguments"][1] and _stride(case) == 1


def mismatch(*axes, where):
    """A mistake's `shows`: a sum of tensors whose sizes differ along one of these axes, where `where` admits it."""
    return lambda finding, seen, case: where(case) and any(
        f"at non-singleton dimension {axis}" in (seen.get("raised") or {}).get("text", "") for axis in axes)


def _in_place(self, x):
    skip = self.shortcut(x)
    return F.relu(self.branch(x.relu_()) + skip)


def block_mistakes(base, prefix, strided_wrong, where):
    """The mistakes that either block invites. `where` says in words where the stride belongs."""
    form = lambda **methods: varied(base, **methods)
    last = base.kernels and f"bn{len(base.kernels)}"
    plain = lambda self, x: F.relu(self.branch(x))
    return [
        Mistake(f"{prefix}-padding", "The convolution changes the image's size although the stride is 1, and the sum "
                "cannot be taken: a 3×3 window needs one row of zeros on each side, `padding=1`; a 1×1 window needs "
                "none.",
                shows=mismatch(2, 3, where=lambda case: _stride(case) == 1)),
        Mistake(f"{prefix}-channels-not-projected", "The shortcut has another number of channels than the branch. "
                "Where in and out channels differ it must project, also with a stride of 1.",
                shows=mismatch(1, where=lambda case: not _fits(base, case))),
        Mistake(f"{prefix}-sizes", "With a stride of 2 the branch and the shortcut come out in different sizes: one is "
                f"halved and the other is not, or it is halved twice. In the branch the stride belongs on {where}; "
                "and the shortcut projects with the same stride, also where the channels are equal.",
                shows=mismatch(2, 3, where=lambda case: _stride(case) != 1)),
        Mistake(f"{prefix}-skip-inside", "What is added is not the block's input but something from inside the branch, "
                "with other channels.", shows=mismatch(1, where=lambda case: _fits(base, case))),
        Mistake(f"{prefix}-no-skip", "The input never joins in: this is a plain stack of layers, not F(x) + x. Add "
                "what the shortcut gives before the last ReLU.",
                [form(forward=plain), form(forward=lambda self, x: self.branch(x))]),
        Mistake(f"{prefix}-skip-detached", "The values are right, but the gradient does not go through the shortcut: "
                "it was cut off by `detach`, `.data` or `no_grad`. That way through is what the block is for.",
                form(forward=lambda self, x: F.relu(self.branch(x) + self.shortcut(x).detach()))),
        Mistake(f"{prefix}-branch-detached", "The values are right, but no gradient goes through the branch: its "
                "layers would never learn.",
                form(forward=lambda self, x: F.relu(self.branch(x).detach() + self.shortcut(x)))),
        Mistake(f"{prefix}-add-before-norm", "The shortcut is added before the last batch norm, which then scales the "
                f"input as well. Normalise the branch alone: the sum comes after {last}.",
                form(forward=lambda self, x: F.relu(
                    self.branch(x, last=lambda bn, h: bn(h + self.shortcut(x)))))),
        Mistake(f"{prefix}-relu-before-add", "The branch goes through a ReLU before the addition, so it can only ever "
                "add: a residual must be free to be negative. The ReLU comes after the sum.",
                [form(forward=lambda self, x: F.relu(self.branch(x)) + self.shortcut(x)),
                 form(forward=lambda self, x: F.relu(F.relu(self.branch(x)) + self.shortcut(x)))]),
        Mistake(f"{prefix}-no-last-relu", "There is no ReLU after the addition.",
                form(forward=lambda self, x: self.branch(x) + self.shortcut(x))),
        Mistake(f"{prefix}-no-inner-relu", "There is no ReLU between the convolutions, or not between all of them: "
                "convolutions with no bend between them amount to one.", [
                    form(forward=lambda self, x: F.relu(self.branch(x, bend=lambda h: h) + self.shortcut(x))),
                    *(form(forward=_bent_after(number)) for number in (1, 2) if len(base.kernels) > 2)]),
        Mistake(f"{prefix}-relu-before-norm", "Convolution, ReLU, batch norm is another order than was asked for: the "
                "batch norm comes directly after its convolution.", form(forward=_bend_before_norm)),
        Mistake(f"{prefix}-pre-activation", "This is the pre-activation block of He et al.'s second paper, or close "
                "to it: the ReLUs stand before the convolutions. Here they stand after the batch norms, and one "
                "after the sum.", form(forward=_pre_activation)),
        Mistake(f"{prefix}-skip-bent", "The shortcut goes through a ReLU of its own. It is the identity, or the "
                "projection alone.",
                form(forward=lambda self, x: F.relu(self.branch(x) + F.relu(self.shortcut(x))))),
        Mistake(f"{prefix}-product", "Branch and shortcut are multiplied. They are added.",
                form(forward=lambda self, x: F.relu(self.branch(x) * self.shortcut(x)))),
        Mistake(f"{prefix}-mean", "The sum is halved. Over many blocks in a row the input would fade away again: add "
                "without scaling.",
                form(forward=lambda self, x: F.relu((self.branch(x) + self.shortcut(x)) / 2))),
        Mistake(f"{prefix}-subtracted", "Branch and shortcut are subtracted. They are added.",
                [form(forward=lambda self, x: F.relu(self.branch(x) - self.shortcut(x))),
                 form(forward=lambda self, x: F.relu(self.shortcut(x) - self.branch(x)))]),
        Mistake(f"{prefix}-one-norm", "One batch norm is used for every convolution. Each has its own, with its own "
                "statistics.", form(forward=_one_norm if base.expansion == 1 else _first_norm_twice)),
        Mistake(f"{prefix}-no-norm", "The batch norms are there and are not used.", [
            form(forward=lambda self, x: F.relu(self.branch(x, last=lambda bn, h: h) + self.shortcut(x)))]),
        Mistake(f"{prefix}-input-bent", "The ReLU works in place and changes the block's input, which the shortcut, "
                "and whoever called the block, still needs.", form(forward=_in_place)),
        Mistake(f"{prefix}-conv-bias", "The convolutions have biases. The batch norm after each takes the mean away, "
                "and any constant with it; it brings its own. Say `bias=False`.", [
                    form(bias=True), form(bias=True, projection=_with_bias), form(projection=_with_bias)]),
        Mistake(f"{prefix}-stride", f"The stride is on another convolution than was asked for: it belongs on {where}.",
                [form(strided=place) for place in strided_wrong]),
        Mistake(f"{prefix}-always-projects", "The shortcut projects where input and output have the same shape. "
                "There the identity fits, costs nothing and lets everything through.",
                [form(projects=lambda self, i, o, stride: True)]),
        Mistake(f"{prefix}-projection-norm", "The projection has no batch norm after its convolution.",
                [form(projection=lambda self, i, o, stride: nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False))),
                 form(projection=lambda self, i, o, stride: nn.Conv2d(i, o, 1, stride, bias=False))]),
        Mistake(f"{prefix}-projection-kernel", "The projection has another kernel than 1×1.",
                form(projection=lambda self, i, o, stride: nn.Sequential(
                    nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)))),
        Mistake(f"{prefix}-projection-bent", "The projection ends in a ReLU. It is a convolution and a batch norm, "
                "no more.", form(projection=lambda self, i, o, stride: nn.Sequential(
                    nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o), nn.ReLU()))),
        Mistake(f"{prefix}-names", "The check loads weights by name and does not find a layer under the name that "
                f"was asked for: {', '.join(NAMES[base.__name__])} and shortcut.", shows=raises("has no attribute")),
        Mistake(f"{prefix}-no-super", "`super().__init__()` must be called before a module can keep layers.",
                shows=raises("before Module.__init__()"))]


def _with_bias(self, i, o, stride):
    return nn.Sequential(nn.Conv2d(i, o, 1, stride), nn.BatchNorm2d(o))


def _asked(name, words=""):
    def shows(case):
        *sizes, stride = [*case["arguments"], 1][:3]
        return f"{name}({', '.join(map(str, sizes))}, stride={stride}) on x of shape {tuple(case['x'].shape)}{words}"
    return shows


def block_parts(name, same, others):
    """The parts of either block's check. `same`: sizes where the identity fits; `others` where it does not."""
    output, layers, silent, slopes = looks(NAMES[name])
    i, w = same
    shape = (3, i, 6, 6)
    changing = [((a, b, stride), (2, a, 6, 6)) for a, b, stride in others]
    return [
        Part("output", 0.3, "ReLU(F(x) + x): convolution, batch norm, ReLU, …, and the ReLU after the sum",
             block_cases(((i, w), shape), ((i, w), (1, i, 5, 3))), output, shows=_asked(name, ", in eval mode")),
        Part("projection", 0.2, "where the shapes differ, a 1×1 convolution and a batch norm make x fit",
             block_cases(*changing), output, shows=_asked(name, ", in eval mode")),
        Part("layers", 0.2, "the right layers and no others: no bias, a projection only where it is needed",
             block_cases(((i, w), shape), *changing), layers, shows=_asked(name, "")),
        Part("branch of zeros", 0.1, "a branch that gives 0 leaves ReLU(x)", block_cases(((i, w), shape)), silent,
             shows=_asked(name, f", with {NAMES[name][-1]} all zeros")),
        Part("training", 0.2, "statistics of the batch, and gradients by both ways",
             block_cases(((i, w), shape), changing[-1]), slopes, shows=_asked(name, ", in training mode"))]


# ---------------------------------------------------------------------------------------------- BasicBlock

_Basic = type("BasicBlock", (_Residual,), {})

BasicBlock = Check(
    "BasicBlock", "BasicBlock(in_channels, out_channels, stride)", _Basic,
    block_parts("BasicBlock", (4, 4), [(3, 5, 1), (4, 4, 2), (3, 6, 2)]),
    [Mistake("basic-arguments", "The number of channels does not fit: conv1 leads from in_channels to out_channels, "
             "conv2 from out_channels to out_channels.", shows=raises("to have", "running_mean should contain")),
     Mistake("basic-skip-too-late", "What is added is the output of the first layer of the branch. The shortcut starts "
             "at the block's input.", varied(_Basic, forward=_after_first)),
     *block_mistakes(_Basic, "basic", [1], "conv1 and nowhere else")])

# ---------------------------------------------------------------------------------------------- Bottleneck

_Narrow = type("Bottleneck", (_Residual,), {"kernels": (1, 3, 1), "strided": 1, "expansion": 4})

Bottleneck = Check(
    "Bottleneck", "Bottleneck(in_channels, width, stride)", _Narrow,
    block_parts("Bottleneck", (8, 2), [(3, 2, 1), (8, 2, 2), (6, 3, 2)]),
    [Mistake("bottleneck-expansion", "The block should give 4·width channels: the last convolution widens from width "
             "to four times as many.", [varied(_Narrow, expansion=1), varied(_Narrow, expansion=2)]),
     Mistake("bottleneck-kernels", "The kernels are not 1×1, 3×3, 1×1, in that order.",
             [varied(_Narrow, kernels=(3, 3, 3)), varied(_Narrow, kernels=(3, 1, 1)), varied(_Narrow,
              kernels=(1, 1, 1)), varied(_Narrow, kernels=(3, 1, 3)), varied(_Narrow, kernels=(1, 3, 3))]),
     Mistake("bottleneck-arguments", "The number of channels does not fit: in_channels → width → width → 4·width, and "
             "each convolution has the batch norm of its own number.",
             shows=raises("to have", "running_mean should contain")),
     *block_mistakes(_Narrow, "bottleneck", [0, 2], "the 3×3 convolution and nowhere else")])
