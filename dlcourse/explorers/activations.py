"""The explorers of lesson 02: the shape of each activation, and what a stack of layers does to a signal."""

import torch
from torch.nn import functional as F

from .. import plots
from .explorer import Explorer, menu, slider

SHAPES = {  # name: (f(x, p), name of the parameter p or None)
    "ReLU": (lambda x, p: F.relu(x), None),
    "Leaky ReLU": (lambda x, p: torch.where(x > 0, x, p * x), "slope"),
    "ELU": (lambda x, p: torch.where(x > 0, x, p * torch.expm1(x.clamp(max=0))), "α"),
    "sigmoid": (lambda x, p: torch.sigmoid(x), None),
    "tanh": (lambda x, p: torch.tanh(x), None),
    "GELU": (lambda x, p: F.gelu(x), None),
    "Swish": (lambda x, p: x * torch.sigmoid(p * x), "β"),
}
STACKED = {"ReLU": F.relu, "Leaky ReLU": F.leaky_relu, "ELU": F.elu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
           "GELU": F.gelu, "Swish": F.silu, "none": lambda x: x}
SHOWN = (1, 5, 10, 20, 30)  # the layers whose activations are drawn


def curves() -> Explorer:
    """One activation and its derivative, with its parameter and a mark that can be moved along x."""
    name, parameter = menu("activation", list(SHAPES), "Swish"), slider("slope, α or β", 1.0, 0.0, 5.0, 0.05)
    name.observe(lambda change: setattr(parameter, "disabled", SHAPES[change.new][1] is None), names="value")
    return Explorer(_curves, {"name": name, "parameter": parameter, "x": slider("x", 1.0, -4.0, 4.0, 0.05)})


def _curves(figure, name: str, parameter: float, x: float) -> str:
    shape, parameter_name = SHAPES[name]
    f = lambda x: shape(x, parameter)
    at = torch.tensor([x], dtype=torch.float64)
    value, slope = f(at).item(), plots.slope_of(f, at).item()
    title = name if parameter_name is None else f"{name}, {parameter_name} = {parameter:.2f}"
    axes, titles = figure.subplots(1, 2), (title, "derivative")
    for ax, derivative, height, what in zip(axes, (False, True), (value, slope), titles):
        plots.curve(f, ax, derivative=derivative, color=plots.COLOURS[0])
        ax.axvline(x, color=plots.FAINT, linestyle="-", linewidth=1)
        ax.plot([x], [height], "o", color=plots.COLOURS[1], markersize=8)
        ax.annotate(f"{height:.3f}", (x, height), xytext=(-10, 10), textcoords="offset points", ha="right",
                    bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1})
        ax.set(title=what, xlim=(-4, 4), ylim=(-1.7, 1.9) if derivative else (-2, 4.2))
    return f"{title}: at x = {x:.2f} its value is {value:.3f} and its derivative {slope:.3f}."


def signal() -> Explorer:
    """Histograms of the activations in a 30-layer net of width 128, for an activation and a gain of its weights.

    Weights are drawn from N(0, gain²/fan_in); the input is N(0, 1). Above each histogram stands its spread, the
    standard deviation of a unit's activation over the inputs.
    """
    return Explorer(_signal, {"name": menu("activation", list(STACKED)),
                              "gain": slider("gain", 1.0, 0.5, 10.0, 0.1)}, size=(8.4, 2.6), top=0.8)


def _signal(figure, name: str, gain: float) -> str:
    layers = stacked_activations(STACKED[name], gain)
    axes = figure.subplots(1, len(SHOWN))
    plots.layer_histograms([layers[number - 1] for number in SHOWN], axes)
    for ax, number in zip(axes, SHOWN):
        ax.set(title=f"layer {number}\nspread {_spread(layers[number - 1]):.2g}")
    return (f"{name} with gain {gain:.2f}: a unit's activations spread by {_spread(layers[0]):.2g} over the inputs "
            f"after layer 1 and by {_spread(layers[-1]):.2g} after layer {len(layers)}.")


def stacked_activations(activation, gain: float, depth: int = 30, width: int = 128, seed: int = 0) -> list:
    """The activations (256, width) after each of `depth` random layers, first layer first."""
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(256, width, generator=generator)
    layers = []
    for _ in range(depth):
        weight = gain / width ** 0.5 * torch.randn(width, width, generator=generator)
        layers.append(h := activation(h @ weight))
    return layers


def _spread(activations: torch.Tensor) -> float:
    """How much a unit differs from input to input: its standard deviation, the mean over the units."""
    return activations.std(0).mean().item()
