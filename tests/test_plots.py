"""What plots.py promises: its drawings in the course's style, each with its alternative text."""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert.exporters import HTMLExporter
from nbformat import v4

from dlcourse import alt, plots
from dlcourse.explorers import activations as explore
from dlcourse.lessons import kernel_env


@pytest.fixture
def panels():
    """Two empty axes of one figure in the course's style, closed at the end."""
    with plt.rc_context():
        plots.use_style()
        figure, axes = plt.subplots(1, 2)
        yield axes
        plt.close(figure)


def said(axes) -> list[str]:
    """What is said of each panel, without its number."""
    words = alt.describe(axes[0].figure)
    assert words.startswith("2 panels. 1: ")
    return words.removeprefix("2 panels. 1: ").split(" 2: ")


def test_a_line_is_told_by_its_ends_and_what_lies_between_if_that_is_lower_or_higher(panels):
    x = np.linspace(-2, 2, 5)
    panels[0].plot(x, x, label="straight")
    panels[0].plot(x, -x ** 2, label="hill")
    panels[0].plot(x, x ** 2, label="valley")
    panels[0].set(title="two\ncurves", xlabel="$x_1$", ylabel="y")
    panels[1].plot(range(1, 4), [1e-9, 1, 1200])
    panels[1].set(xlabel="layer", ylabel="norm", yscale="log")
    assert said(panels) == [
        "“two curves”; x axis “x_1”, −2 to 2; y axis “y”; “straight” from −2 to 2, “hill” from −4 to −4, highest 0, "
        "“valley” from 4 to 4, lowest 0.",
        "x axis “layer”, 1 to 3; y axis “norm”, logarithmic; a line from 1e−09 to 1200."]


def test_what_is_too_small_to_see_is_0_and_what_is_no_number_is_left_out(panels):
    panels[0].plot([0, 1, 2], [1e-7, 5.0, np.nan], label="a")
    panels[1].plot([0, 1, 2], [np.nan] * 3, label="b")
    panels[1].set(title="nothing")
    assert said(panels) == ["“a” from 0 to 5.", "“nothing”."]


def test_a_guide_without_a_name_is_left_out_and_what_is_written_beside_it_told(panels):
    panels[0].axhline(2.3)
    panels[0].annotate("guessing", (0, 2))
    panels[0].annotate("97", (0, 1))
    panels[1].plot([1, 3, 2], [1, 2, 3], "o", label="digits")
    for height in range(3):
        panels[1].plot([0, 1, 2], [height] * 3)
    assert said(panels) == ["marked “guessing”.", "3 lines, “digits”."]


def test_bars_are_told_one_by_one_with_what_stands_at_them_and_many_are_counted(panels):
    for shift, name in ((-0.2, "before"), (0.2, "after")):
        panels[0].bar([shift, 1 + shift], [61.25, 97], width=0.4, label=name)
    panels[0].set(xticks=[0, 1], xticklabels=["faint ink", "grey paper"], ylabel="right, %")
    panels[1].barh(["line", "network"], [63, 99])
    assert said(panels) == [
        "y axis “right, %”; bars of “before”: “faint ink” 61.2, “grey paper” 97, bars of “after”: "
        "“faint ink” 61.2, “grey paper” 97.", "bars: “line” 63, “network” 99."]
    panels[1].clear()
    panels[1].bar(range(30), range(30), label="digits")
    assert said(panels)[1] == "30 bars of “digits”."


def test_words_at_the_ticks_are_told_and_numbers_are_not(panels):
    panels[0].plot(["pixels", "layer 1"], [0.9, 0.95], label="trained")
    panels[1].plot([0, 1, 2], [1, 10, 100])
    panels[1].set(yscale="log")
    assert said(panels) == ["x axis “pixels”, “layer 1”; “trained” from 0.9 to 0.95.", "a line from 1 to 100."]


def test_pictures_points_and_areas_are_told_by_their_kind(panels):
    panels[0].imshow(np.zeros((4, 4)))
    panels[0].scatter([1, 2], [1, 2])
    panels[1].contourf(np.arange(16.0).reshape(4, 4))
    panels[1].fill_between([0, 1], [0, 1], label="spread")
    panels[0].figure.colorbar(panels[0].images[0])
    assert said(panels) == ["a picture, points.", "contours, “spread”."]


def test_a_long_description_leaves_out_its_numbers_and_then_its_end():
    figure, axes = plt.subplots(2, 5)
    for ax in axes.flat:
        ax.plot(range(9), [1.2345 * step for step in range(9)], label="a name that is somewhat long")
        ax.set(xlabel="steps of the optimizer")
    words = alt.describe(figure)
    assert "9.88" not in words and "10: x axis" in words and len(words) <= alt.LONGEST
    for ax in axes.flat:
        ax.set(ylabel="a loss whose name goes on and on")
    words = alt.describe(figure)
    assert words.endswith(" …") and alt.LONGEST / 2 < len(words) <= alt.LONGEST
    plt.close(figure)


def test_the_authors_sentence_stands_in_the_place_of_what_is_made(panels):
    panels[0].plot(range(3))
    plots.alt("A line that goes up.")
    assert alt.describe(panels[0].figure) == "A line that goes up."


def test_describing_a_figure_changes_no_pixel_of_it(panels):
    plots.through_depth([1.0, 0.1, 0.01], panels[0], label="sigmoid")
    panels[1].bar(["a", "b"], [1, 2])
    drawn = []
    for _ in range(2):
        panels[0].figure.canvas.draw()
        drawn.append(np.asarray(panels[0].figure.canvas.buffer_rgba()).copy())
        alt.describe(panels[0].figure)
    assert (drawn[0] == drawn[1]).all()


@pytest.mark.slow
def test_a_figure_in_a_notebook_carries_its_alternative_text_whichever_way_it_is_shown(tmp_path):
    begin = "import matplotlib.pyplot as plt\nfrom dlcourse import plots\nplots.use_style()"
    draw = "figure, ax = plt.subplots()\nax.plot([1, 2, 4], label='<b>doubling</b>')"
    cells = [begin, draw + "\nax.legend()\nplt.show()", draw + "\n_ = ax.legend()", draw + "\nplt.close()\nfigure",
             "plt.figure()", draw + "\nplots.alt('Three numbers.')\n_ = None"]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    ran = NotebookClient(notebook, kernel_name="python3").execute(env=kernel_env(str(tmp_path)))
    outputs = [[one for one in cell.outputs if "image/png" in one.get("data", {})] for cell in ran.cells]
    words = [[one.metadata["image/png"]["alt"] for one in cell] for cell in outputs]
    made = "“<b>doubling</b>” from 1 to 4."
    assert words == [[], [made], [made], [made], [], ["Three numbers."]]
    assert all(base64.b64decode(one.data["image/png"]) for cell in outputs for one in cell)
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(ran)
    assert page.count('alt="“&lt;b&gt;doubling&lt;/b&gt;” from 1 to 4."') == 3


def test_an_explorer_without_its_kernel_is_a_picture_with_the_same_words():
    explorer = explore.curves()
    data, metadata = explorer._repr_mimebundle_()
    assert metadata["image/png"] == {"alt": explorer.words} and data["text/plain"] == explorer.words


def test_what_an_explorer_says_cannot_end_its_html(monkeypatch):
    explorer = explore.curves()
    monkeypatch.setattr(explorer, "draw", lambda figure, **values: 'a "word" <b>')
    explorer.refresh()
    assert 'alt="a &quot;word&quot; &lt;b&gt;"' in explorer.picture.value


def test_outside_of_a_notebook_nothing_is_registered(monkeypatch):
    monkeypatch.setattr(InteractiveShell, "_instance", None)
    alt.describe_figures()
    assert not InteractiveShell.initialized()
    assert alt.describe(Figure()) == "An empty figure."
