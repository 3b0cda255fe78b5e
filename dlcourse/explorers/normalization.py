"""The explorers of lesson 07: which numbers share a mean, and how noisy the statistics of a small batch are."""

from functools import cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from .. import plots
from .explorer import Explorer, menu

SHAPE = (4, 6, 5)  # N samples, C channels, L positions: the pixels of an image, or a text's tokens
DEPTH = (0.5, 0.36)  # where the axis N goes, in the drawing
NORMS = {  # name: (n, c, l, groups) -> which mean the entry belongs to
    "batch norm": lambda n, c, l, groups: c,
    "layer norm": lambda n, c, l, groups: n,
    "group norm": lambda n, c, l, groups: n * groups + c // (SHAPE[1] // groups),
    "instance norm": lambda n, c, l, groups: n * SHAPE[1] + c,
    "layer norm of a token": lambda n, c, l, groups: n * SHAPE[2] + l,
}
MEAN, VALUE = "mean of n", "what becomes of a 1"  # the two things that `noise` shows
TITLES = {"batch norm": "batch", "layer norm": "layer", "group norm": "group", "instance norm": "instance"}


def belongs(norm: str, groups: int = 2) -> torch.Tensor:
    """Which mean each entry of the cube belongs to: (N, C, L) of numbers that count the means."""
    n, c, l = torch.meshgrid(*map(torch.arange, SHAPE), indexing="ij")
    return NORMS[norm](n, c, l, groups)


def cube(ax, ids: torch.Tensor, marked: torch.Tensor | None = None) -> None:
    """Draw a block of N×C×L entries seen from the front, top and right, one colour for each number in `ids`.

    ids (N, C, L); with `marked`, bool (N, C, L), the others are pale.
    """
    count, channels, length = ids.shape
    corner = lambda c, l, n: (c + DEPTH[0] * n, l + DEPTH[1] * n)
    faces, colours = [], []

    def face(entry, *corners):
        faces.append([corner(*where) for where in corners])
        colours.append(_colour(ids[entry].item(), marked is None or marked[entry].item()))

    for c in range(channels):
        for l in range(length):
            face((0, c, l), (c, l, 0), (c + 1, l, 0), (c + 1, l + 1, 0), (c, l + 1, 0))
        for n in range(count):
            face((n, c, length - 1), (c, length, n), (c + 1, length, n), (c + 1, length, n + 1), (c, length, n + 1))
    for n in range(count):
        for l in range(length):
            face((n, channels - 1, l), (channels, l, n), (channels, l, n + 1), (channels, l + 1, n + 1),
                 (channels, l + 1, n))
    ax.add_collection(PolyCollection(faces, facecolors=colours, edgecolors=plots.PAPER, linewidths=0.8))
    ax.set(xlim=(-1, channels + DEPTH[0] * count + 0.4), ylim=(-1, length + DEPTH[1] * count + 0.2), aspect="equal")
    ax.axis("off")
    ax.annotate("C", (channels / 2, -0.75), ha="center")
    ax.annotate("H, W", (-0.3, length / 2), ha="center", va="center", rotation=90)
    ax.annotate("N", (channels + DEPTH[0] * count / 2 + 0.45, DEPTH[1] * count / 2 - 0.55), ha="center")


def _colour(number: int, strong: bool) -> tuple:
    """One of the course's six colours, darker or lighter from the second round on; pale where it is not strong."""
    red, green, blue = to_rgb(plots.COLOURS[number % 6])
    paper = to_rgb(plots.PAPER)
    share = (1.0, 0.62, 0.8, 0.45, 0.9)[number // 6 % 5] if strong else 0.12
    return tuple(share * part + (1 - share) * ground for part, ground in zip((red, green, blue), paper))


def four_norms() -> None:
    """Draw the cube four times: entries of the same colour share a mean and a variance."""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.4))
    for ax, (norm, title) in zip(axes, TITLES.items()):
        cube(ax, belongs(norm))
        ax.set_title(f"{title} norm", loc="center")
    figure.set_label("A cube of samples, channels and pixels, four times, one colour for each mean: in batch norm a "
                     "colour for each channel, in layer norm for each sample, in group norm for each half of a "
                     "sample's channels, in instance norm for each channel of each sample.")


def axes_of() -> Explorer:
    """The cube for a norm, and the entries that share a mean with one that is chosen."""
    norm, groups = menu("norm", list(NORMS), "group norm"), menu("groups", ["1", "2", "3", "6"], "2")
    norm.observe(lambda change: setattr(groups, "disabled", change.new != "group norm"), names="value")
    return Explorer(_axes_of, {"norm": norm, "groups": groups, "sample": whole("sample", 1, 1, SHAPE[0]),
                               "channel": whole("channel", 2, 1, SHAPE[1])}, size=(8.4, 3.2), top=0.86)


def whole(label: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    """A slider over whole numbers, with its name beside it."""
    return ipywidgets.IntSlider(value, min=low, max=high, description=label, style={"description_width": "initial"},
                                layout=ipywidgets.Layout(width="220px"))


def _axes_of(figure, norm: str, groups: str, sample: int, channel: int) -> str:
    ids = belongs(norm, int(groups))
    same = ids == ids[sample - 1, channel - 1, -1]
    axes = figure.subplots(1, 1 + SHAPE[0], width_ratios=[2.6, *[1] * SHAPE[0]])
    cube(axes[0], ids)
    axes[0].set_title("one shade, one mean", loc="center")
    for n, ax in enumerate(axes[1:]):
        picture = [[_colour(ids[n, c, l].item(), same[n, c, l].item()) for c in range(SHAPE[1])]
                   for l in reversed(range(SHAPE[2]))]
        ax.imshow(picture, aspect="auto", interpolation="nearest")
        if n == sample - 1:
            ax.plot([channel - 1], [0], "o", color=plots.INK, markersize=6)
        ax.set(xticks=range(SHAPE[1]), xticklabels=range(1, SHAPE[1] + 1), yticks=[], xlabel="channel")
        ax.set_title(f"sample {n + 1}", loc="center")
        ax.grid(False)
    axes[1].set_ylabel("H, W")
    means, numbers = len(ids.unique()), int(same.sum())
    shared = int(same.flatten(1).any(1).sum())
    figure.text(0.01, 0.03, f"{means} means, each of {numbers} numbers")
    named = f"{norm} with {groups} groups" if norm == "group norm" else norm
    return (f"{named}: {means} means, each of {numbers} numbers. The mean of the marked entry is taken over "
            f"{shared} of the {SHAPE[0]} samples.")


def noise() -> Explorer:
    """How far a mean of n numbers is off, and what batch norm makes of one and the same number in a batch of n.

    2000 times each, at random. The number is one standard deviation above the mean; the n − 1 others of its channel
    are standard normal.
    """
    return Explorer(_noise, {"batch": whole("batch size N", 4, 1, 64),
                             "pixels": menu("pixels H·W", ["1", "4", "16"], "1")}, size=(8.4, 3.2), top=0.86)


def _noise(figure, batch: int, pixels: str) -> str:
    count = batch * int(pixels)
    axes = figure.subplots(1, 3)
    mean, value = _drawn(count)
    for ax, values, title, name in ((axes[0], mean, f"{MEAN} = {count}", "standard deviations"),
                                    (axes[1], value, VALUE, f"normalised in a batch of {count}")):
        shares = torch.full_like(values, 1 / len(values))
        ax.hist(values.clamp(-2.5, 2.5), bins=50, range=(-2.5, 2.5), weights=shares, color=plots.COLOURS[0],
                histtype="stepfilled")
        ax.set(title=f"{title}: ±{values.std().item():.2f}", xlim=(-2.6, 2.6), yticks=[], xlabel=name)
    axes[0].axvline(0, color=plots.COLOURS[1], linestyle="--")
    axes[1].axvline(1, color=plots.COLOURS[1], linestyle="--")
    _over_counts(axes[2], count, value)
    return (f"n = {count}: the mean of n random numbers is off by {mean.std().item():.2f}. A number one standard "
            f"deviation above the mean, normalised in a batch of n, comes out as {value.mean().item():.2f} ± "
            f"{value.std().item():.2f}.")


def _over_counts(ax, count: int, value: torch.Tensor) -> None:
    """How the spread of both falls with the count of numbers, and where the present choice is."""
    counts = [2 ** k for k in range(11)]
    spreads = torch.tensor([[values.std() for values in _drawn(n)] for n in counts])
    for column, (label, mark) in enumerate({MEAN: "o", VALUE: "s"}.items()):
        ax.plot(counts, spreads[:, column], marker=mark, markersize=4, label=label)
    ax.plot([count], [value.std()], "D", color=plots.INK, markersize=7, fillstyle="none", clip_on=False)
    ax.set(xscale="log", xticks=[1, 8, 64, 1024], xticklabels=[1, 8, 64, 1024], xlim=(0.8, 1300), ylim=(0, 1.1),
           xlabel="n = N·H·W", title="spread")
    ax.minorticks_off()
    ax.legend(loc="upper right")


@cache
def _drawn(count: int, trials: int = 2000, eps: float = 1e-5) -> tuple[torch.Tensor, torch.Tensor]:
    """For each of `trials` batches of `count` random numbers: their mean, and what a 1 in place of the first becomes.

    Two tensors (trials,). In a batch of one the 1 becomes 0.
    """
    x = torch.randn(trials, count, generator=torch.Generator().manual_seed(0))
    mean = x.mean(1)
    x[:, 0] = 1.0
    return mean, (1 - x.mean(1)) / (x.var(1, correction=0) + eps).sqrt()
