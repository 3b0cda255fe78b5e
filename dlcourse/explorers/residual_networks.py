"""The explorers of lesson 08: what reaches each layer of a very deep network, and which pixels a network heeds."""

from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from .. import plots
from ..data import digits
from .attention import attention_maps as attention_maps
from .explorer import Explorer, menu, slider


class _Block(nn.Module):
    """Two 3×3 convolutions, with or without batch norm, with or without the skip."""

    def __init__(self, channels: int, out: int, stride: int, norm: bool, skip: bool):
        super().__init__()
        conv = lambda i, s: nn.Conv2d(i, out, 3, s, 1, bias=False)
        bn = lambda: nn.BatchNorm2d(out) if norm else nn.Identity()
        self.branch = nn.Sequential(conv(channels, stride), bn(), nn.ReLU(), conv(out, 1), bn())
        self.shortcut = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), bn())
        self.skip = skip

    def forward(self, x):
        h = self.branch(x)
        return F.relu(h + self.shortcut(x) if self.skip else h)


def _network(depth: int, norm: bool, skip: bool, width: int = 8) -> nn.Sequential:
    """A network of 6n + 2 layers in three stages, with He's weights."""
    torch.manual_seed(0)
    layers, channels = [nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width) if norm else nn.Identity(),
                        nn.ReLU()], width
    for stage in range(3):
        for number in range((depth - 2) // 6):
            out = width * 2 ** stage
            layers.append(_Block(channels, out, 2 if stage and not number else 1, norm, skip))
            channels = out
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return net


@cache
def gradients_before_training(depth: int, norm: bool, skip: bool, images: int = 64) -> tuple[float, ...]:
    """The gradient norm of each 3×3 convolution's weights on a batch of digits, first layer first."""
    x, y, _, _ = digits()
    with torch.random.fork_rng(devices=[]):
        net = _network(depth, norm, skip)
    F.cross_entropy(net(x[:images].view(-1, 1, 8, 8)), y[:images]).backward()
    return tuple(layer.weight.grad.norm().item() for layer in net.modules()
                 if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3))


def gradients() -> Explorer:
    """Gradient norms per layer before the first step, of a plain and a residual network of the same depth."""
    depth = slider("depth", 56, 8, 104, 6)
    depth.readout_format = ".0f"
    norm = menu("normalization", ["batch norm", "none"])
    return Explorer(_gradients, {"depth": depth, "norm": norm}, slow="computing…")


def _gradients(figure, depth: float, norm: str) -> str:
    depth, ax, firsts, lasts = int(depth), figure.subplots(), {}, {}
    for skip, name in ((False, "plain"), (True, "residual")):
        norms = gradients_before_training(depth, norm == "batch norm", skip)
        plots.through_depth(norms, ax, label=name, color=plots.COLOURS[skip], linestyle=plots.DASHES[skip])
        firsts[name], lasts[name] = norms[0], norms[-1]
    with_norm = "with batch norm" if norm == "batch norm" else "without normalization"
    ax.set(title=f"gradient norm, {depth} layers {with_norm}, before training",
           ylim=(1e-2, 1e6) if norm == "batch norm" else (1e-12, 1e8),
           xlabel="convolution, first to last")
    ax.legend(loc="upper right" if norm == "batch norm" else "center right")
    return (f"{depth} layers {with_norm}: the first convolution's gradient is {firsts['plain']:.1g} in the plain "
            f"network and {firsts['residual']:.1g} in the residual one; the last one's {lasts['plain']:.1g} and "
            f"{lasts['residual']:.1g}.")


def pixels(saliency, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Explorer:
    """A digit of x (N, 1, 8, 8), and how much each pixel counts for a class's logit, by `saliency(model, x, target)`.

    y (N,) holds the labels; `model` gives ten logits and is in eval mode.
    """
    number = slider("digit number", 0, 0, len(x) - 1, 1)
    number.readout_format = ".0f"
    asked = menu("asked about class", ["its own", *map(str, range(10))])

    def draw(figure, number: float, asked: str) -> str:
        image, label = x[int(number):int(number) + 1], int(y[int(number)])
        target = label if asked == "its own" else int(asked)
        found = saliency(model, image, torch.tensor([target]))[0]
        with torch.no_grad():
            chances = model(image).softmax(1)[0]
        _draw_digit(figure, image[0, 0], found, chances, label, target)
        return (f"A {label}, which the network takes for a {int(chances.argmax())}, and which of its pixels count for "
                f"class {target}.")

    return Explorer(draw, {"number": number, "asked": asked}, size=(8.4, 2.9))


def _draw_digit(figure, image, found, chances, label: int, target: int) -> None:
    left, middle, right = figure.subplots(1, 3)
    left.imshow(image.numpy(), cmap="gray_r", vmin=0, vmax=1)
    left.set(title=f"a {label}")
    middle.imshow(found.detach().numpy(), cmap="magma")
    middle.set(title=f"what counts for class {target}")
    for ax in (left, middle):
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    colours = [plots.COLOURS[1] if k == target else plots.COLOURS[0] for k in range(10)]
    right.bar(range(10), chances.tolist(), color=colours)
    right.set(title="probability", xticks=range(10), ylim=(0, 1.05), xlabel="class")
