"""The explorers and drawings of lesson 01: hinges along a curve, and how a net's layers warp the plane."""

from functools import lru_cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import plots
from ..data import spirals
from .explorer import Explorer, menu

CURVES = {  # name: (f on [0, 1], what happens to the error with ever more hinges)
    "sine": (lambda x: torch.sin(2 * torch.pi * x), "smooth: four times less for twice the hinges"),
    "wiggle": (lambda x: torch.sin(2 * torch.pi * 4 * x ** 2), "smooth, but it bends more on the right"),
    "square root": (torch.sqrt, "infinitely steep at 0, where the error is largest: it falls only as 1/sqrt(hinges)"),
    "corner": (lambda x: (x - 0.4142).abs(), "straight but for one corner"),
}
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
BENDS = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "none": nn.Identity}


def whole(label: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    """A slider over whole numbers, with its name beside it."""
    return ipywidgets.IntSlider(value, min=low, max=high, description=label, continuous_update=True,
                                style={"description_width": "initial"}, layout=ipywidgets.Layout(width="300px"))


def pictures(images: Tensor, columns: int, ax=None, signed: bool = False, gap: int = 1) -> None:
    """Draw images (n, height, width) side by side, `columns` in a row; signed: orange below 0, violet above."""
    ax = ax or plt.gca()
    n, height, width = images.shape
    rows = -(-n // columns)
    sheet = torch.full((rows * (height + gap), columns * (width + gap)), float("nan"))
    for number, image in enumerate(images.detach()):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top:top + height, left:left + width] = image
    top = images.detach().abs().max().item()
    ax.imshow(sheet[:-gap, :-gap], cmap="PuOr" if signed else "gray_r", vmin=-top if signed else 0, vmax=top)
    ax.set_axis_off()


def for_and_against(figure) -> None:
    """Say below signed pictures of weights what their colours mean."""
    colours = plt.get_cmap("PuOr")
    figure.legend([Patch(color=colours(0.9)), Patch(color=colours(0.15))],
                  ["ink here speaks for the unit", "ink here speaks against it"], loc="outside lower center", ncols=2)


def hinges() -> Explorer:
    """A curve, the one-hidden-layer net through evenly spaced points of it, and the error against the hinges."""
    return Explorer(_hinges, {"name": menu("curve", list(CURVES)), "count": whole("hinges", 4, 1, 64)})


def _hinges(figure, name: str, count: int) -> str:
    f, remark = CURVES[name]
    fine = torch.linspace(0, 1, 1001, dtype=torch.float64)
    left, right = figure.subplots(1, 2)
    knots, net = _interpolated(f, fine, count)
    error = (net - f(fine)).abs().max().item()
    left.plot(fine, f(fine), color=plots.FAINT, linestyle="-", linewidth=6)
    left.plot(fine, net, color=plots.COLOURS[0], linestyle="-")
    left.plot(knots, f(knots), "o", color=plots.COLOURS[1], markersize=4)
    ticks = [-1, 0, 1] if f(fine).min() < 0 else [0, 0.5, 1]
    left.set(title=f"{name}, {count} hinge{'s' * (count > 1)}", xlabel="x", yticks=ticks,
             ylim=(ticks[0] - 0.1, ticks[-1] + 0.1))
    errors = [(_interpolated(f, fine, n)[1] - f(fine)).abs().max().item() for n in COUNTS]
    right.loglog(COUNTS, errors, color=plots.COLOURS[0], marker=".")
    square = [errors[4] * (COUNTS[4] / n) ** 2 for n in COUNTS]
    right.loglog(COUNTS, square, color=plots.INK, linestyle=":", linewidth=1, label="1 / hinges²")
    right.plot([count], [error], "o", color=plots.COLOURS[1], markersize=8)
    right.set(title=f"largest error {error:.2g}", xlabel="hinges", ylim=(1e-5, 3))
    right.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
    right.minorticks_off()
    right.legend(loc="lower left")
    hinges = "one hinge" if count == 1 else f"{count} evenly spaced hinges"
    return f"{name} with {hinges}: the largest error is {error:.2g} ({remark})."


def _interpolated(f, fine: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The points that `count` hinges connect, and the broken line through them at `fine`, all in [0, 1]."""
    knots = torch.linspace(0, 1, count + 1, dtype=fine.dtype)
    heights = f(knots)
    below = (fine * count).long().clamp(max=count - 1)
    return knots, heights[below] + (heights[below + 1] - heights[below]) * (fine * count - below)


def warp() -> Explorer:
    """Two spirals: where a trained net divides the plane, and what its last hidden layer makes of that plane."""
    return Explorer(_warp, {"activation": menu("activation", list(BENDS)), "width": whole("width", 16, 2, 32),
                            "depth": whole("hidden layers", 2, 1, 4)}, slow="training…", size=(8, 3.7))


@lru_cache(maxsize=64)
def trained(activation: str, width: int, depth: int, steps: int = 300, seed: int = 0) -> nn.Sequential:
    """A classifier of the spirals, trained on all 200 points at once with Adam."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = []
        for fan_in in [2] + [width] * (depth - 1):
            layers += [nn.Linear(fan_in, width), BENDS[activation]()]
        net = nn.Sequential(*layers, nn.Linear(width, 2))
    x, y = spirals()
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net.eval()


def _warp(figure, activation: str, width: int, depth: int) -> str:
    net, (x, y) = trained(activation, width, depth), spirals()
    plane, hidden = figure.subplots(1, 2)
    plots.decision_regions(net, x, y, plane)
    plane.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    with torch.no_grad():
        share = (net(x).argmax(1) == y).float().mean().item()
        seen = _view(net, x)
        steps, lines = torch.linspace(-1.2, 1.2, 61), torch.linspace(-1.2, 1.2, 13)
        upright = torch.stack([lines[:, None].expand(-1, 61), steps.expand(13, -1)], dim=-1)
        grid = torch.cat([upright, upright.flip(-1)])
        hidden.add_collection(LineCollection(seen(grid.reshape(-1, 2)).view(26, 61, 2).numpy(), colors=plots.FAINT,
                                             linewidths=0.8, linestyles="-", zorder=1))
        points = seen(x)
    hidden.axvline(0, color=plots.INK, linewidth=1, linestyle=":")
    for label, marker in zip(range(2), "os"):
        hidden.scatter(*points[y == label].T, s=14, marker=marker, color=plots.COLOURS[label], edgecolor=plots.PAPER,
                       linewidth=0.4, zorder=2)
    low, high = points.min(0).values, points.max(0).values  # the grid may go much further out than the points
    margin = 0.15 * (high - low)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    hidden.set(xlabel="difference of the two outputs", yticks=[], xlim=(min(left, 0), max(right, 0)),
               ylim=(bottom, top))
    hidden.grid(False)
    units = f"{depth} hidden layer{'s' * (depth > 1)} of {width}"
    plane.set(title=f"{activation}, {units}")
    hidden.set(title=f"in the last hidden layer: {share:.0%} right")
    return f"{activation}, {units}: {share:.0%} of the points are on the right side of the boundary."


def _view(net: nn.Sequential, x: Tensor):
    """A flat view of the last hidden layer: what the output layer reads off, and the widest that is left beside it."""
    readout = net[-1].weight[1] - net[-1].weight[0]
    offset = net[-1].bias[1] - net[-1].bias[0]
    h = net[:-1](x)
    centre = h.mean(0)
    read = (h - centre) @ readout
    slopes = read @ (h - centre) / read.square().sum()  # how fast each unit goes along with what is read off
    beside = lambda h: (h - centre) - ((h - centre) @ readout)[:, None] * slopes
    widest = torch.linalg.svd(beside(h), full_matrices=False).Vh[0]
    return lambda points: torch.stack([(h := net[:-1](points)) @ readout + offset, beside(h) @ widest], dim=1)
