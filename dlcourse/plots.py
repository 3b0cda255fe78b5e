"""Figures in the course's one style: each function takes data and `ax=None`, draws one thing, returns nothing.

The paper is a warm white with dark ink, readable in Jupyter's light and dark themes alike; the colours are those of
Okabe & Ito (2008), which colour-blind readers can tell apart, and every line also differs in its dashes.
"""

from collections.abc import Callable, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from dlcourse.alt import describe_figures

PAPER, INK, FAINT = "#fdfcf8", "#2b2b2b", "#d8d4c8"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"]
DASHES = ["-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)), (0, (3, 3)), (0, (8, 2))]
STYLE = {
    "figure.facecolor": PAPER, "figure.edgecolor": PAPER, "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER, "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
    "axes.grid": True, "grid.color": FAINT, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titlepad": 8,
    "axes.prop_cycle": plt.cycler(color=COLOURS) + plt.cycler(linestyle=DASHES),
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "font.size": 10, "lines.linewidth": 2,
    "legend.frameon": False, "figure.figsize": (7, 3.2), "figure.dpi": 100, "figure.constrained_layout.use": True,
}


def use_style() -> None:
    """Draw everything from here on in the course's style, each figure with its alternative text."""
    plt.rcParams.update(STYLE)
    describe_figures()


def alt(words: str) -> None:
    """Say in one sentence what the current figure shows, where that is better than what its parts tell."""
    plt.gcf().set_label(words)


def curve(f: Callable, ax=None, span: tuple[float, float] = (-4, 4), derivative: bool = False, **line) -> None:
    """Draw f(x), or its derivative, over `span`. f maps a tensor (n,) to a tensor (n,)."""
    ax = ax or plt.gca()
    x = torch.linspace(*span, 401, dtype=torch.float64)
    ax.plot(x, slope_of(f, x) if derivative else f(x).detach(), **line)
    ax.set(xlabel="x")


def curve_and_derivative(f: Callable, label: str, axes, span: tuple[float, float] = (-4, 4)) -> None:
    """Draw f on the first of two axes and its derivative on the second."""
    for ax, derivative, title in zip(axes, (False, True), ("value", "derivative")):
        curve(f, ax, span, derivative, label=label)
        ax.set(title=title)


def slope_of(f: Callable, x: Tensor) -> Tensor:
    """The derivative of an elementwise f at each entry of x, by autograd; same shape as x."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


def through_depth(values: Sequence[float], ax=None, **line) -> None:
    """Draw one positive number per layer, first layer first, on a log scale."""
    ax = ax or plt.gca()
    ax.plot(range(1, len(values) + 1), values, **line)
    ax.set(xlabel="layer", yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def losses(values: Sequence[float], ax=None, **line) -> None:
    """Draw one loss per epoch."""
    ax = ax or plt.gca()
    ax.plot(range(1, len(values) + 1), values, **line)
    ax.set(xlabel="epoch", ylabel="training loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


@torch.no_grad()
def decision_regions(model: Callable, x: Tensor, y: Tensor, ax=None) -> None:
    """Shade the plane by the model's class, and draw the points x (N, 2) over it, a marker for each class y (N,)."""
    ax = ax or plt.gca()
    low, high = x.min(0).values - 0.5, x.max(0).values + 0.5
    grid = torch.cartesian_prod(torch.linspace(low[0], high[0], 150), torch.linspace(low[1], high[1], 150))
    regions = model(grid).argmax(1).view(150, 150).T
    extent = (low[0].item(), high[0].item(), low[1].item(), high[1].item())
    ax.contourf(regions, levels=[-0.5, 0.5, 1.5], colors=["#cfe3f1", "#f8dcc4"], extent=extent)
    for label, marker, colour in zip(range(2), "os", COLOURS):
        ax.scatter(*x[y == label].T, s=14, marker=marker, color=colour, edgecolor=PAPER, linewidth=0.4)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def layer_histograms(layers: Sequence[Tensor], axes, bins: int = 41, span: tuple[float, float] = (-3, 3)) -> None:
    """Draw one histogram per axes: how the activations of each layer, any shape, are spread over `span`."""
    for ax, values, colour in zip(axes, layers, cycle(COLOURS[:1])):
        clipped = values.detach().flatten().clamp(*span)
        shares = torch.full_like(clipped, 1 / len(clipped))
        ax.hist(clipped, bins=bins, range=span, color=colour, histtype="stepfilled", weights=shares)
        ax.set(yticks=[], ylim=(0, 0.5), xticks=[span[0], 0, span[1]])
        ax.grid(False)
