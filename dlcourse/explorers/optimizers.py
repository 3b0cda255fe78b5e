"""The explorer of lesson 04: the paths of all its optimizers on three surfaces; and how to draw such paths."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets
import torch

from .. import plots
from .explorer import Explorer, menu

FAR = 1e3  # a path that has come this far from the origin has diverged, and ends


@dataclass(frozen=True)
class Surface:
    """A function of x and y, numbers or tensors; its gradient; where a path starts; its minima; what is shown."""

    value: Callable
    gradient: Callable
    start: tuple[float, float]
    minima: list[tuple[float, float]]
    width: tuple[float, float]
    height: tuple[float, float]


SURFACES = {
    "bowl": Surface(lambda x, y: (x * x + 25 * y * y) / 2, lambda x, y: (x, 25 * y),
                    (-3.5, 1.2), [(0.0, 0.0)], (-4.2, 4.2), (-1.8, 1.8)),
    "Rosenbrock": Surface(lambda x, y: (1 - x) ** 2 + 10 * (y - x * x) ** 2,
                          lambda x, y: (-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)),
                          (-1.5, 0.5), [(1.0, 1.0)], (-2.2, 2.2), (-1.0, 3.0)),
    "saddle": Surface(lambda x, y: 2 * x * x - 0.05 * y * y + 0.025 * y ** 4,
                      lambda x, y: (4 * x, -0.1 * y + 0.1 * y ** 3),
                      (1.5, 1e-4), [(0.0, -1.0), (0.0, 1.0)], (-1.8, 1.8), (-1.5, 1.5)),
}
MARKERS = "os^DvP"


def contours(name: str, ax) -> None:
    """Draw the lines of equal height of one of the SURFACES, and a star at each minimum."""
    surface = SURFACES[name]
    x, y = torch.linspace(*surface.width, 81), torch.linspace(*surface.height, 81)
    heights = surface.value(x[None, :], y[:, None])
    lowest = surface.value(*surface.minima[0])
    levels = [lowest + (heights.max().item() - lowest) * (k / 12) ** 3 for k in range(1, 12)]
    ax.contour(x, y, heights, levels=levels, colors="#b3ad9c", linewidths=0.8,
               linestyles="solid")
    ax.plot(*zip(*surface.minima), "*", color=plots.INK, markersize=11)
    ax.set(xlim=surface.width, ylim=surface.height, xlabel="x")
    ax.grid(False)


def draw_paths(name: str, paths: dict[str, list], ax, first: int = 0) -> None:
    """Draw paths {label: [(x, y), …]} over one of the SURFACES, a marker at the end of each.

    first: which of the course's colours the first path has.
    """
    contours(name, ax)
    for number, (label, path) in enumerate(paths.items(), first):
        colour, dashes = plots.COLOURS[number % 6], plots.DASHES[number % 6]
        ax.plot(*zip(*path), color=colour, linestyle=dashes, linewidth=1.6)
        ax.plot(*path[-1], MARKERS[number % 6], color=colour, markersize=7, markeredgecolor=plots.PAPER, label=label)
    ax.plot(*path[0], "o", color=plots.INK, markersize=5)


def _sgd(p, g, s, t, lr, mu):
    return lr * g


def _momentum(p, g, s, t, lr, mu):
    s["v"] = mu * s.get("v", 0.0) + g
    return lr * s["v"]


def _nesterov(p, g, s, t, lr, mu):
    s["v"] = mu * s.get("v", 0.0) + g
    return lr * (g + mu * s["v"])


def _rmsprop(p, g, s, t, lr, mu):
    s["v"] = 0.99 * s.get("v", 0.0) + 0.01 * g * g
    return lr * g / (math.sqrt(s["v"]) + 1e-8)


def _adam(p, g, s, t, lr, mu):
    s["m"] = mu * s.get("m", 0.0) + (1 - mu) * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    return lr * s["m"] / (1 - mu ** t) / (math.sqrt(s["v"] / (1 - 0.999 ** t)) + 1e-8)


def _adamw(p, g, s, t, lr, mu):
    return lr * 0.1 * p + _adam(p, g, s, t, lr, mu)


# Each: (p, g, s, t, lr, mu) -> what is taken off the coordinate p, whose gradient is g; s remembers, t counts steps.
RULES = {"SGD": _sgd, "momentum": _momentum, "Nesterov": _nesterov, "RMSprop": _rmsprop, "Adam": _adam,
         "AdamW, λ = 0.1": _adamw}
WITHOUT_MOMENTUM = ("SGD", "RMSprop")


def walk(rule: Callable, name: str, lr: float, mu: float, steps: int) -> list[tuple[float, float]]:
    """The path of one of the RULES on one of the SURFACES; it ends early where it diverges."""
    surface, memory = SURFACES[name], ({}, {})
    path = [surface.start]
    for t in range(1, steps + 1):
        gradient = surface.gradient(*path[-1])
        path.append(tuple(p - rule(p, g, s, t, lr, mu) for p, g, s in zip(path[-1], gradient, memory)))
        if max(map(abs, path[-1])) > FAR:
            break
    return path


def paths() -> Explorer:
    """Every optimizer of the lesson on a surface, all with one learning rate and one momentum (Adam's β₁)."""
    surface, shown = menu("surface", list(SURFACES)), menu("show", ["all", *RULES])
    lr = ipywidgets.FloatLogSlider(0.03, min=-3, max=0, step=0.02, description="learning rate", readout_format=".3f",
                                   style={"description_width": "initial"}, layout=ipywidgets.Layout(width="300px"))
    mu = ipywidgets.FloatSlider(0.9, min=0, max=0.99, step=0.01, description="momentum, β₁", readout_format=".2f",
                                style={"description_width": "initial"}, layout=ipywidgets.Layout(width="300px"))
    steps = ipywidgets.IntSlider(100, min=5, max=300, step=5, description="steps",
                                 style={"description_width": "initial"}, layout=ipywidgets.Layout(width="300px"))
    shown.observe(lambda change: setattr(mu, "disabled", change.new in WITHOUT_MOMENTUM), names="value")
    return Explorer(_paths, {"surface": surface, "shown": shown, "lr": lr, "mu": mu, "steps": steps}, size=(8.4, 3.9))


def _paths(figure, surface: str, shown: str, lr: float, mu: float, steps: int) -> str:
    walks = {name: walk(rule, surface, lr, mu, steps) for name, rule in RULES.items() if shown in ("all", name)}
    left, right = figure.subplots(1, 2)
    first = list(RULES).index(next(iter(walks)))  # so that each keeps its colour when it is shown alone
    draw_paths(surface, walks, left, first)
    low, high = SURFACES[surface].height
    left.set(title=f"{surface}, after {steps} steps", yticks=range(math.ceil(low), math.floor(high) + 1))
    value = SURFACES[surface].value
    lowest = value(*SURFACES[surface].minima[0])
    words = []
    for number, (name, path) in enumerate(walks.items(), first):
        above = [max(value(*point) - lowest, 1e-12) for point in path]
        right.plot(above, color=plots.COLOURS[number], linestyle=plots.DASHES[number], marker=MARKERS[number],
                   markevery=[len(above) - 1], label=name)
        words.append(f"{name} diverges" if _diverged(path) else f"{name} {above[-1]:.2g}")
    right.set(title="height above the minimum", xlabel="step", yscale="log", xlim=(0, steps), ylim=(1e-13, 1e7))
    heights = {1e-12: "10⁻¹²", 1e-8: "10⁻⁸", 1e-4: "10⁻⁴", 1: "1", 1e4: "10⁴"}  # plain text draws much faster
    right.set_yticks(list(heights), labels=heights.values())
    right.minorticks_off()
    right.legend(loc="upper right", fontsize=8, ncols=2, frameon=True, facecolor=plots.PAPER, edgecolor="none")
    return (f"{surface}, learning rate {lr:.3f}, momentum {mu:.2f}: height above the minimum after {steps} steps: "
            f"{', '.join(words)}.")


def _diverged(path) -> bool:
    return max(map(abs, path[-1])) > FAR
