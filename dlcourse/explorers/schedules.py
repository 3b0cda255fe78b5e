"""The explorers of lesson 05: design a schedule and train by it; read a learning rate off a range test."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import FixedLocator, NullLocator
from torch import nn
from torch.nn import functional as F

from .. import plots
from ..data import digits
from .explorer import Explorer, menu, slider

STEPS = 240  # of a training run in the designer


def down(share: float) -> float:
    """Half a cosine, from 1 at share 0 to 0 at share 1."""
    return (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2


SHAPES = {  # name: (share of the run done, share of it that warms up, cuts or cycles) -> factor of the peak rate
    "constant": lambda t, warm, n: 1.0,
    "step decay": lambda t, warm, n: 0.1 ** math.floor(t * (n + 1)),
    "cosine": lambda t, warm, n: down(t),
    "cosine with restarts": lambda t, warm, n: down(t * n % 1),
    "warm-up and cosine": lambda t, warm, n: t / warm if t < warm else down((t - warm) / (1 - warm)),
    "one cycle": lambda t, warm, n: 1 - 0.96 * down(t / warm) if t < warm else down((t - warm) / (1 - warm)),
    "warm-up, stable, decay": lambda t, warm, n: t / warm if t < warm else min(1.0, 5 * (1 - t)),
}
WARMS = ("warm-up and cosine", "one cycle", "warm-up, stable, decay")
COUNTS = ("step decay", "cosine with restarts")


def designer() -> Explorer:
    """A schedule, and the loss that a small net comes down to by it, beside that of the constant peak rate.

    The net has 32 hidden units and learns noisy digits in batches of 16, for 240 steps of SGD with momentum 0.9.
    """
    name, warm = menu("schedule", list(SHAPES), "one cycle"), slider("warm-up, share", 0.3, 0.0, 0.6, 0.05)
    count = ipywidgets.IntSlider(2, min=1, max=6, description="cuts or cycles", style={"description_width": "initial"},
                                 layout=ipywidgets.Layout(width="300px"))

    def fit_controls(change=None):
        warm.disabled, count.disabled = name.value not in WARMS, name.value not in COUNTS

    name.observe(fit_controls, names="value")
    fit_controls()
    controls = {"name": name, "peak": log_slider("peak rate", 0.1, -3, 0), "warm": warm, "count": count}
    return Explorer(_designer, controls, slow="training…")


def log_slider(label: str, value: float, low: int, high: int) -> ipywidgets.FloatLogSlider:
    """A slider over powers of ten, from 10^low to 10^high."""
    return ipywidgets.FloatLogSlider(value, base=10, min=low, max=high, step=0.1, description=label,
                                     readout_format=".4f", style={"description_width": "initial"},
                                     layout=ipywidgets.Layout(width="300px"))


def _designer(figure, name: str, peak: float, warm: float, count: int) -> str:
    rates_used = [peak * SHAPES[name](step / STEPS, warm, count) for step in range(STEPS)]
    history, constant = trained_by(tuple(rates_used)), trained_by((peak,) * STEPS)
    left, right = figure.subplots(1, 2)
    rates([lr / peak for lr in rates_used], left, color=plots.COLOURS[0], linestyle="-")
    left.set(title=f"rate, as a share of {peak:.3g}", ylim=(0, 1.08), ylabel="")
    for values, label, colour, dashes in ((constant, "constant peak", 1, 1), (history, "this schedule", 0, 0)):
        smoothed(values, right, color=plots.COLOURS[colour], linestyle=plots.DASHES[dashes], label=label)
    right.set(title="training loss, smoothed", ylim=(0, 2.8), ylabel="")
    right.legend(loc="lower left")
    ends = [final(values) for values in (history, constant)]
    said = [f"{end:.2f}" if math.isfinite(end) else "a loss that is not finite" for end in ends]
    return (f"{name} with a peak rate of {peak:.3g}: the last 20 steps have a mean loss of {said[0]}; "
            f"with the peak rate throughout it is {said[1]}.")


def final(losses: Sequence[float]) -> float:
    """The mean of the last 20 losses."""
    return sum(losses[-20:]) / 20


@cache
def noisy_digits(steps: int, size: int) -> list:
    """Batches of digits (size, 64) with noise of standard deviation 0.5 on their pixels, and their labels."""
    x, y, _, _ = digits()
    generator = torch.Generator().manual_seed(0)
    chosen = [torch.randint(len(x), (size,), generator=generator) for _ in range(steps)]
    return [(x[these] + 0.5 * torch.randn(size, 64, generator=generator), y[these]) for these in chosen]


def small_net(seed: int = 0) -> nn.Sequential:
    """A classifier of digits with one hidden layer of 32 units."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@cache
def trained_by(learning_rates: tuple[float, ...], batch_size: int = 16, momentum: float = 0.9,
               limit: float = math.inf) -> list[float]:
    """The loss of each step of SGD with these rates, up to one that is above `limit` or not finite."""
    model, history = small_net(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=momentum)
    for lr, (x, y) in zip(learning_rates, noisy_digits(len(learning_rates), batch_size)):
        loss = F.cross_entropy(model(x), y)
        history.append(loss.item())
        if not history[-1] < limit:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    return history


def range_test() -> Explorer:
    """The loss over 120 batches whose rate grows from 10⁻⁴ to 10, and a rate to start from, for SGD."""
    return Explorer(_range_test, {"batch_size": menu("batch size", ["8", "16", "64", "256"], "64"),
                                  "momentum": slider("momentum", 0.9, 0.0, 0.95, 0.05)},
                    size=(8, 3.2), slow="training…")


def _range_test(figure, batch_size: str, momentum: float) -> str:
    learning_rates = [1e-4 * 1e5 ** (step / 119) for step in range(120)]
    history = trained_by(tuple(learning_rates), int(batch_size), momentum, 6.0)
    ax = figure.subplots()
    range_plot(learning_rates[:len(history)], history, ax)
    best, lowest = suggestion(learning_rates, history)
    ax.set(title=f"loss: batches of {batch_size}, momentum {momentum:.2f}", xlim=(1e-4, 10), ylim=(0.7, 3.4), ylabel="")
    return (f"With batches of {batch_size} and momentum {momentum:.2f} the smoothed loss falls fastest at a rate of "
            f"{best:.2g} and is lowest at {lowest:.2g}.")


def suggestion(learning_rates: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """Where the smoothed loss falls fastest, on a log scale of the rate, and where it is lowest."""
    values = running_mean([loss for loss in losses if math.isfinite(loss)])
    bottom = min(range(len(values)), key=values.__getitem__)
    reach = 5  # steps to both sides over which the slope is taken
    inside = range(reach, max(bottom - reach, reach) + 1)
    fastest = min(inside, key=lambda i: values[min(i + reach, len(values) - 1)] - values[i - reach])
    return learning_rates[fastest], learning_rates[bottom]


def range_plot(learning_rates: Sequence[float], losses: Sequence[float], ax=None) -> None:
    """Draw a range test: the loss over the rate, smoothed too, and where it falls fastest and is lowest."""
    ax = ax or plt.gca()
    values = running_mean(losses)
    ax.plot(learning_rates, losses, color=plots.FAINT, linewidth=1.5, linestyle="-", label="each batch")
    ax.plot(learning_rates, values, color=plots.COLOURS[0], linestyle="-", label="smoothed")
    found = zip(suggestion(learning_rates, losses), "ov", ("falls fastest", "is lowest"), (-14, -26))
    for lr, marker, word, below in found:
        height = values[list(learning_rates).index(lr)]
        ax.plot([lr], [height], marker, color=plots.COLOURS[1], markersize=9, linestyle="")
        ax.annotate(f"{word} at {lr:.2g}", (lr, height), xytext=(-10, below), textcoords="offset points", ha="right")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
    ax.legend(loc="lower left")
    ax.xaxis.set_major_locator(FixedLocator([10.0 ** power for power in range(-6, 3)]))
    ax.xaxis.set_minor_locator(NullLocator())


def running_mean(values: Sequence[float], width: int = 15, ahead: int | None = None) -> list[float]:
    """The mean of the `width` values around each one; of those up to it where ahead is 0."""
    ahead = width // 2 if ahead is None else ahead
    windows = [values[max(0, i + ahead - width + 1):i + ahead + 1] for i in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def rates(values: Sequence[float], ax=None, **line) -> None:
    """Draw one learning rate per step."""
    ax = ax or plt.gca()
    ax.plot(range(len(values)), values, **line)
    ax.set(xlabel="step", ylabel="learning rate")


def smoothed(losses: Sequence[float], ax=None, width: int = 21, **line) -> None:
    """Draw one loss per step, each the mean of the `width` steps up to it: it shows nothing before it happens."""
    ax = ax or plt.gca()
    ax.plot(range(len(losses)), running_mean(losses, width, ahead=0), **line)
    ax.set(xlabel="step", ylabel="training loss")


def marks(steps: Sequence[int], ax, word: str = "", top: float = 1.0, height: float = 0.94) -> None:
    """Draw faint upright lines at the steps, up to the share `top` of the axes, and a word beside the first."""
    for step in steps:
        ax.axvline(step, ymax=top, color=plots.INK, linewidth=0.8, linestyle=":")
    if word:
        ax.annotate(word, (steps[0], height), xycoords=("data", "axes fraction"), xytext=(5, 0),
                    textcoords="offset points")


def schedule_of(schedule: Callable[[int], float], steps: int) -> list[float]:
    """What a schedule gives at each of the first `steps` steps."""
    return [schedule(step) for step in range(steps)]
