"""The one kind of widget the course is explored with: controls above, a picture below.

Where there is no widget front end (GitHub, nbviewer, a printed page) the picture stands alone, as it is drawn for
the controls' first values.
"""

import base64
import html
import io
from collections.abc import Callable

import ipywidgets
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..alt import metadata
from ..plots import STYLE

DPI = 100


class Explorer:
    """A picture that `draw(figure, **values)` makes anew whenever a control moves.

    draw      fills an empty Figure; returns one sentence that tells in words what is seen (the picture's
              alternative text)
    controls  name -> ipywidget with a `value`; the names are draw's keyword arguments
    size      inches
    slow      what to say while a drawing takes longer than a blink: "training…"
    top       where the axes end, as a share of the height: lower for titles of two lines
    """

    def __init__(self, draw: Callable[..., str], controls: dict[str, ipywidgets.Widget],
                 size: tuple[float, float] = (8, 3.4), top: float = 0.88,
                 slow: str | None = None):
        self.draw, self.controls, self.size, self.top, self.slow = draw, controls, size, top, slow
        self.picture = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([ipywidgets.HBox(list(controls.values()),
                                                       layout=ipywidgets.Layout(flex_flow="row wrap")), self.picture])
        self.widget.add_class("dlcourse-explorer")
        for control in controls.values():
            control.observe(lambda change: self.refresh(), names="value")
        self.refresh()

    def refresh(self) -> None:
        """Draw for the controls' present values."""
        if self.slow:
            self.picture.value = f"<p role='status'>{self.slow}</p>" + self.picture.value
        self.png, self.words = render(self.draw, {n: c.value for n, c in self.controls.items()}, self.size, self.top)
        source = base64.b64encode(self.png).decode()
        self.picture.value = (f'<img src="data:image/png;base64,{source}" alt="{html.escape(self.words)}" '
                              f'style="max-width: 100%; width: {self.size[0] * DPI:.0f}px">')

    def _repr_mimebundle_(self, **kwargs):
        bundle = self.widget._repr_mimebundle_(**kwargs)
        data, notes = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = {"text/plain": self.words, "image/png": base64.b64encode(self.png).decode()}
        return {**data, **picture}, {**notes, **metadata(self.words)}


def render(draw: Callable[..., str], values: dict, size: tuple[float, float], top: float) -> tuple[bytes, str]:
    """Draw once; return the PNG and the sentence that `draw` gave."""
    with rc_context({**STYLE, "figure.constrained_layout.use": False}):  # which would draw everything twice
        figure = Figure(figsize=size, dpi=DPI)
        FigureCanvasAgg(figure)
        words = draw(figure, **values)
        width, height = size
        figure.subplots_adjust(left=0.45 / width, right=1 - 0.15 / width, top=top, bottom=0.5 / height, wspace=0.2)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue(), words


def slider(label: str, value: float, low: float, high: float, step: float) -> ipywidgets.FloatSlider:
    """A slider that reports while it moves, with its name beside it."""
    return ipywidgets.FloatSlider(value, min=low, max=high, step=step, description=label, continuous_update=True,
                                  readout_format=".2f", style={"description_width": "initial"},
                                  layout=ipywidgets.Layout(width="300px"))


def menu(label: str, options: list[str], value: str | None = None) -> ipywidgets.Dropdown:
    """A drop-down list with its name beside it."""
    return ipywidgets.Dropdown(options=options, value=value or options[0], description=label,
                               style={"description_width": "initial"}, layout=ipywidgets.Layout(width="230px"))
