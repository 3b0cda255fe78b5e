"""The map of the course, as the start page shows it: ten lessons, and which builds on which."""

import io
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dlcourse.plots import COLOURS, INK, STYLE

SIZE = (7.2, 4.9)  # inches, and so are all lengths here
BOX = (1.75, 0.52)
COLUMN, ROW = 1.3, 0.82  # from one to the next


class Stop(NamedTuple):
    """A lesson on the map: how long it takes, which lessons it needs (and all that those need), and where it lies."""

    minutes: int
    needs: tuple[str, ...]
    column: float
    row: int


STOPS = {
    "01_deep_networks": Stop(180, (), 2, 0),
    "02_activations": Stop(120, ("01_deep_networks",), 1, 1),
    "03_losses": Stop(240, ("02_activations",), 2, 2),
    "04_optimizers": Stop(150, ("01_deep_networks",), 3, 1),
    "05_schedules": Stop(120, ("04_optimizers",), 4, 2),
    "06_regularization": Stop(150, ("03_losses",), 1, 3),
    "07_normalization": Stop(180, ("02_activations",), 0, 2),
    "08_residual_networks": Stop(300, ("05_schedules", "07_normalization"), 2, 4),
    "09_generative_models": Stop(240, ("03_losses", "05_schedules"), 3, 3),
    "10_training_at_scale": Stop(240, ("08_residual_networks",), 2, 5),
}


def show() -> None:
    """Display the map in a notebook, with its words for whoever does not see it."""
    from IPython.display import Image, display

    display(Image(png(), alt=words()))


def words() -> str:
    """The map in sentences."""
    said = ["A map of the ten lessons."]
    for name, stop in STOPS.items():
        needs = " and ".join(map(title, stop.needs))
        said.append(f"{title(name)}, {stop.minutes} minutes, {f'builds on {needs}' if needs else 'comes first'}.")
    return " ".join(said)


def title(name: str) -> str:
    """A lesson's name for people: "02 activations"."""
    return name.replace("_", " ")


def png() -> bytes:
    """The map as a picture: a box for each lesson, an arrow from each to those that build on it."""
    with rc_context(STYLE | {"figure.constrained_layout.use": False}):
        figure = Figure(figsize=SIZE, dpi=100)
        FigureCanvasAgg(figure)
        ax = figure.add_axes([0, 0, 1, 1], xlim=(0, SIZE[0]), ylim=(SIZE[1], 0))
        ax.set_axis_off()
        for name, stop in STOPS.items():
            _draw_box(ax, name, stop)
            for needed in stop.needs:
                _draw_arrow(ax, STOPS[needed], stop)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _draw_box(ax, name: str, stop: Stop) -> None:
    x, y = _middle(stop)
    corner = (x - BOX[0] / 2, y - BOX[1] / 2)
    ax.add_patch(FancyBboxPatch(corner, *BOX, boxstyle="round,pad=0,rounding_size=0.08", facecolor="#cfe3f1",
                                edgecolor=COLOURS[0], linewidth=1.2))
    ax.text(x, y, f"{title(name)}\n{stop.minutes / 60:g} h", ha="center", va="center", linespacing=1.4)


def _draw_arrow(ax, start: Stop, end: Stop) -> None:
    """From the lower edge of a box to the next row's upper edge, or past a row between to the side of a box."""
    (x, y), (to_x, to_y) = _middle(start), _middle(end)
    bend = "arc3"
    if end.row > start.row + 1:
        bend = "angle,angleA=90,angleB=0,rad=6"
        to_x += BOX[0] / 2 if x > to_x else -BOX[0] / 2
    else:
        to_y -= BOX[1] / 2
    ax.annotate("", (to_x, to_y), (x, y + BOX[1] / 2),
                arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 1, "linewidth": 1.2,
                            "connectionstyle": bend})


def _middle(stop: Stop) -> tuple[float, float]:
    return 1.0 + COLUMN * stop.column, 0.4 + ROW * stop.row
