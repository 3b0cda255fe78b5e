"""Alternative text for figures: what a figure shows in words, for whoever cannot see it.

The words are made from the figure itself: titles, axes, legends, where each line begins and ends, how high each bar
is. They travel as `alt` in the metadata of the cell's output, where nbconvert reads them, and with it nbgrader's
feedback and formgrader; JupyterLab does with the extension in `labextension/`.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from textwrap import shorten

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

LONGEST = 800  # characters; a figure that takes more is told without its numbers, and cut off here
FEW = 8  # more bars than that are counted, not told one by one
GUIDE = 2  # a line of so few points, without a name, only guides the eye
KINDS = {"PathCollection": "points", "QuadContourSet": "contours", "Poly3DCollection": "a surface",
         "Line3DCollection": "lines", "LineCollection": "lines", "QuadMesh": "coloured cells", "Quiver": "arrows"}


def describe_figures() -> None:
    """From here on let each figure that a notebook shows carry its description. Outside of IPython do nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Figure, _bundle)


def metadata(words: str) -> dict:
    """An output's metadata that gives its PNG these words as alternative text."""
    return {"image/png": {"alt": words}}


def describe(figure: Figure) -> str:
    """Say what a figure shows: its label, if it was given one, or else what can be read off its parts."""
    if figure.get_label():
        return str(figure.get_label())
    whole = _paragraph(figure, numbers=True)
    return whole if len(whole) <= LONGEST else shorten(_paragraph(figure, numbers=False), LONGEST, placeholder=" …")


def _bundle(figure: Figure, include=None, exclude=None) -> tuple[dict, dict] | None:
    """Add to IPython's own PNG what to say of it. An empty figure has no PNG."""
    return ({}, metadata(describe(figure))) if figure.axes else None


def _paragraph(figure: Figure, numbers: bool) -> str:
    axes = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    panels = [words for words in (_panel(ax, numbers) for ax in axes) if words]
    if len(panels) > 1:
        panels = [f"{len(panels)} panels.", *(f"{number}: {words}" for number, words in enumerate(panels, 1))]
    return " ".join(filter(None, [_quoted(figure.get_suptitle()), *panels])) or "An empty figure."


def _panel(ax: Axes, numbers: bool) -> str:
    """A sentence: title, axes, what is drawn, what is written into it; empty where there is nothing."""
    title = next(filter(None, (_quoted(ax.get_title(side)) for side in ("left", "center", "right"))), "")
    drawn = [*_lines(ax, numbers), *_bars(ax, numbers), *_areas(ax)]
    notes = [_quoted(text.get_text()) for text in ax.texts
             if text.get_visible() and re.search(r"[^\W\d_]", text.get_text())]  # bars have told their numbers
    parts = [title, *_axes(ax), ", ".join(drawn), f"marked {', '.join(notes)}" if notes else ""]
    told = "; ".join(filter(None, parts))
    return f"{told}." if told else ""


def _axes(ax: Axes) -> Iterator[str]:
    """Name each axis, with the span of the lines along x, and the words at its ticks if there are any."""
    lines = [line for line in ax.lines if len(line.get_xdata()) > GUIDE]
    known = _known(np.concatenate([line.get_xdata(orig=False) for line in lines] or [[]]))
    for letter in ("x", "y", "z"):
        name = _quoted(getattr(ax, f"get_{letter}label", str)())
        words = _words_at(getattr(ax, f"{letter}axis")) if letter != "z" and not ax.containers else []
        span = f"{_number(known.min())} to {_number(known.max())}" if letter == "x" and len(known) and not words else ""
        log = "logarithmic" if name and getattr(ax, f"get_{letter}scale")() == "log" else ""
        if name or words:
            yield f"{letter} axis " + ", ".join(filter(None, [name, span, log, *words]))


def _words_at(axis: Axis) -> list[str]:
    """The labels of an axis's ticks where they are words, not numbers."""
    labels = [_quoted(label.get_text()) for label in axis.get_ticklabels()]
    return labels if any(re.search(r"[^\W\d_]{2}", label) for label in labels) else []


def _lines(ax: Axes, numbers: bool) -> Iterator[str]:
    """Tell of each line where it begins and ends, and of its lowest or highest place if that lies between."""
    lines = [line for line in ax.lines if line.get_visible() and len(_heights(line))
             and (_name(line) or len(line.get_ydata()) > GUIDE)]
    largest = max((np.abs(_heights(line)).max() for line in lines), default=0)
    nothing = 0 if ax.get_yscale() == "log" else largest / 1e4  # what nobody could tell from 0 in the picture
    unnamed = [line for line in lines if not _name(line)]
    if len(unnamed) > 2:
        yield "points" if all(map(_is_cloud, unnamed)) else f"{len(unnamed)} lines"
        lines = [line for line in lines if _name(line)]
    for line in lines:
        yield _line(line, nothing) if numbers and not _is_cloud(line) else _name(line) or (
            "points" if _is_cloud(line) else "a line")


def _line(line: Line2D, nothing: float) -> str:
    """One line; a height below `nothing` counts as 0."""
    heights = np.where(np.abs(_heights(line)) < nothing, 0, _heights(line))
    first, last, low, high = heights[0], heights[-1], heights.min(), heights.max()
    told = f"{_name(line) or 'a line'} from {_number(first)} to {_number(last)}"
    told += f", lowest {_number(low)}" if low < min(first, last) - (high - low) / 10 else ""
    return told + (f", highest {_number(high)}" if high > max(first, last) + (high - low) / 10 else "")


def _heights(line: Line2D) -> np.ndarray:
    return _known(line.get_ydata(orig=False))


def _is_cloud(line: Line2D) -> bool:
    """Are these markers in no order, so that there is no first and no last?"""
    return line.get_linestyle() == "None" and bool((np.diff(_known(line.get_xdata(orig=False))) <= 0).any())


def _bars(ax: Axes, numbers: bool) -> Iterator[str]:
    """Tell how high each bar of a group is, by what stands at it."""
    for group in ax.containers:
        if isinstance(group, BarContainer):
            name = _name(group)
            if len(group) > FEW or not numbers:
                yield f"{len(group)} bars{name and ' of '}{name}"
            else:
                yield f"bars{name and ' of '}{name}: {', '.join(_values(ax, group))}"


def _values(ax: Axes, group: BarContainer) -> Iterator[str]:
    level = group.orientation == "horizontal"
    for bar in group:
        middle = bar.get_y() + bar.get_height() / 2 if level else bar.get_x() + bar.get_width() / 2
        value = _number(bar.get_width() if level else bar.get_height())
        yield f"{_standing_at(middle, ax.yaxis if level else ax.xaxis)} {value}".strip()


def _standing_at(place: float, axis: Axis) -> str:
    """The label of the tick that a bar belongs to: the nearest, if it is less than half a step away."""
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels())
    distance, label = min(((abs(tick - place), label.get_text()) for tick, label in ticks), default=(1, ""))
    return _quoted(label) if distance < 0.5 else ""


def _areas(ax: Axes) -> Iterator[str]:
    """Name the kinds of all that is neither line nor bar."""
    if ax.images:
        yield "a picture" if len(ax.images) == 1 else f"{len(ax.images)} pictures"
    named = [_name(drawn) or KINDS.get(type(drawn).__name__, "shaded areas")
             for drawn in ax.collections if drawn.get_visible()]
    yield from dict.fromkeys(named)
    bars = {id(bar) for group in ax.containers if isinstance(group, BarContainer) for bar in group}
    if any(id(patch) not in bars for patch in ax.patches):
        yield "shapes"


def _known(values: Sequence[float]) -> np.ndarray:
    """The values that are numbers, as float64."""
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def _name(artist) -> str:
    """What the legend would call it, in quotes; empty where it has no name."""
    label = str(artist.get_label())
    return "" if label.startswith("_") else _quoted(label)


def _quoted(label: str) -> str:
    """A label in quotes, on one line and without the marks of mathematics; empty if there is nothing in it."""
    words = " ".join(re.sub(r"\\[a-z]+|[$\\{}]", "", str(label)).split())
    return f"“{words}”" if words else ""


def _number(value: float) -> str:
    """Three digits, or all that stand before the point if they are up to six; what only rounding made is 0."""
    if abs(value) < 1e-30:
        return "0"
    return (f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}").replace("-", "−")
