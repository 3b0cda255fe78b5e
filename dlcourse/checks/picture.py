"""Yours beside what was expected, as curves: for a failing check of a function of one number, in a notebook."""

import io
import sys

import torch

from .asking import slope, value


def show(answer, reference, span: tuple[float, float]) -> None:
    """Display both functions and their derivatives over `span`, where there is a notebook to display them in."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel"):
        return
    from IPython.display import Image, display
    png = draw(answer, reference, span)
    if png:
        display(Image(png, alt="Your function and its derivative, drawn beside the expected ones."))


def draw(answer, reference, span: tuple[float, float]) -> bytes | None:
    """Return a PNG of both, or None where the answer gives no curve: it raises, or its output is no such tensor."""
    x = torch.linspace(*span, 401, dtype=torch.float64)
    looks = {"value": (value, "output"), "derivative": (slope, "gradient")}
    curves = {}
    for title, (look, key) in looks.items():
        try:
            yours, expected = (look(f, x, torch.ones_like(x))[key] for f in (answer, reference))
        except Exception:  # the check's message, which comes next, tells of it
            return None
        if isinstance(yours, torch.Tensor) and yours.shape == x.shape:
            curves[title] = yours.detach(), expected.detach()
    return _drawn(x, curves) if "value" in curves else None


def _drawn(x, curves) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ..plots import COLOURS, STYLE
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 2.4), dpi=90)
        FigureCanvasAgg(figure)
        for ax, (title, (yours, expected)) in zip(figure.subplots(1, 2), curves.items()):
            ax.plot(x, expected, color=COLOURS[0], linewidth=5, alpha=0.35, linestyle="-", label="expected")
            ax.plot(x, yours, color=COLOURS[1], linewidth=1.6, linestyle="--", label="yours")
            ax.set(title=title, xlabel="x")
        figure.axes[0].legend()
        for ax in figure.axes[len(curves):]:
            ax.set_axis_off()
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
