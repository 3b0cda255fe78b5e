"""The lessons as a learner meets them: real JupyterLab in headless Chromium, driven by mouse and keyboard."""
import pkgutil
import re
from contextlib import contextmanager
from importlib import import_module
from statistics import median
from typing import NamedTuple

import browser
import pytest
from lesson_files import LESSONS, ROOT, graded, notebook

from dlcourse import explorers
from dlcourse.explorers import explorer
from dlcourse.grading import run, sandbox, submission

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("browser")]

MOVES = 6  # of each slider
AIM, BOUND = 200, 2000  # milliseconds a move: what is promised; what a busy two-core machine is held to
AA = 4.5  # the contrast that WCAG 2.2 asks of text, level AA


class Mistake(NamedTuple):
    """A wrong answer to type: in `exercise`, `line` in place of the hole; its check must say `told`."""

    exercise: str
    line: str
    told: str


MISTAKES = {  # one for each lesson in which a learner's whole way is gone: wrong, right, validated
    "02_activations": Mistake("gelu", "return torch.nn.functional.silu(x)", "This is Swish"),
}

# What JupyterLab itself says on a healthy machine, nothing today: a part of the text -> why it is not ours.
NOT_OURS: dict[str, str] = {}

# The names of all explorers of all lessons.
EXPLORERS = {name for module in pkgutil.iter_modules(explorers.__path__)
             for name, thing in vars(import_module(f"dlcourse.explorers.{module.name}")).items()
             if getattr(thing, "__annotations__", {}).get("return") is explorer.Explorer}

# Every run of text below an element: its words, its colour and what it stands on, as CSS writes them.
COLOURS = """element => [...element.querySelectorAll("pre, pre span")].map(node => {
    const grounds = [];
    for (let at = node; at; at = at.parentElement) grounds.push(getComputedStyle(at).backgroundColor);
    const own = [...node.childNodes].filter(child => child.nodeType == Node.TEXT_NODE);
    return [own.map(child => child.textContent).join("").trim(), getComputedStyle(node).color, grounds];
}).filter(([words]) => words)"""

# The same of a widget's labels and readouts, and of what can be chosen in it.
WORDS = COLOURS.replace("pre, pre span", "label, .widget-label, .widget-readout, select, button")

# The controls of a widget beside which no name stands.
NAMELESS = """element => [...element.querySelectorAll('[role=slider], select, input:not([type=hidden])')].filter(
    node => ![...(node.closest('.widget-inline-hbox, .widget-inline-vbox') || node).querySelectorAll('label')]
        .some(label => label.textContent.trim())).map(node => node.outerHTML)"""

FITS = "element => [...element.querySelectorAll('*')].every(node => node.scrollWidth <= node.clientWidth + 1)"


@pytest.fixture(scope="module")
def chromium():
    with browser.browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with browser.lab(tmp_path_factory.mktemp("lab")) as printed:
        yield printed


@contextmanager
def run_as_released(name, chromium, address):
    """The lesson of this name, opened from the learner's copy and run."""
    with chromium.new_context(viewport=browser.WINDOW) as context:
        opened = browser.Lesson(context.new_page(), name)
        opened.open(address)
        opened.run_all()
        yield opened


@pytest.fixture(scope="module")
def lesson(request, chromium, address, artefacts):
    """The lesson named by the test's parameter, run as it was released."""
    with run_as_released(request.param, chromium, address) as opened:
        opened.at(0)
        opened.picture(artefacts / f"{request.param}_top.png")
        yield opened


@pytest.fixture(scope="module")
def worked(request, chromium, tmp_path_factory):
    """A lesson with a copy of its own, since tests write answers into it and save them."""
    with browser.lab(tmp_path_factory.mktemp("worked")) as address:
        with run_as_released(request.param, chromium, address) as opened:
            yield opened


each_lesson = pytest.mark.parametrize("lesson", LESSONS, indirect=True)
each_whole_way = pytest.mark.parametrize("worked", MISTAKES, indirect=True)


@each_lesson
def test_a_released_lesson_runs_to_its_end_and_only_its_checks_are_red(lesson, artefacts):
    cells = [cell for cell in lesson.cells() if cell["type"] == "code"]
    assert [cell["source"] for cell in cells if not cell["ran"]] == []
    red = {cell["source"] if cell["grade_id"] is None else cell["grade_id"]: cell["errors"]
           for cell in cells if cell["errors"]}
    checks = [cell["grade_id"] for cell in cells if (cell["grade_id"] or "").startswith("check_")]
    assert checks and red == {name: ["CheckFailed"] for name in checks}
    figure = next(i for i, cell in enumerate(lesson.cells()) if "image/png" in cell["shows"])
    lesson.at(figure)
    lesson.picture(artefacts / f"{lesson.name}_figure.png")


@each_lesson
def test_no_cell_that_waits_for_an_exercise_shows_an_empty_picture(lesson):
    waiting = [cell for cell in lesson.cells() if "comes alive once you have written" in cell["text"]]
    assert [cell["source"] for cell in waiting if "image/png" in cell["shows"]] == []


@each_lesson
def test_each_slider_changes_the_picture_of_its_explorer(lesson, artefacts):
    calls = [call for cell in lesson.cells() if cell["type"] == "code"
             for call in re.findall(r"^\w+\.(\w+)\(", cell["source"], re.M) if call in EXPLORERS]
    standing = lesson.explorers(len(calls))
    assert calls and len(standing) == len(calls), f"{len(standing)} explorers stand there for {calls}"
    rows = []
    for name, one in zip(calls, standing):
        lesson.to_the_middle(one)
        lesson.picture(artefacts / f"{lesson.name}_{name}_before.png")
        still = dict(enumerate(lesson.sliders(one), 1))
        assert still, f"{name} has no slider"
        for _ in lesson.choices(one):
            for number in [number for number, slider in still.items() if not lesson.disabled(slider)]:
                slider = still.pop(number)
                rows.append((f"{name}, slider {number}", [lesson.move(one, slider) for _ in range(MOVES)]))
            if not still:
                break
        assert not still, f"{name}: no choice brings slider {list(still)} to life"
        lesson.to_the_middle(one)
        lesson.picture(artefacts / f"{lesson.name}_{name}_after.png")
    told = "\n".join(f"{what}: median {median(times):.0f} ms of {', '.join(f'{time:.0f}' for time in times)}"
                     for what, times in rows)
    print(f"\n{lesson.name}, from key press to picture (the aim is {AIM} ms)\n{told}")
    (artefacts / f"{lesson.name}_moves.txt").write_text(told + "\n")
    assert [what for what, times in rows if median(times) > BOUND] == [], told


@each_lesson
def test_each_picture_in_an_output_has_alternative_text(lesson):
    shown, silent = 0, []
    for number, cell in enumerate(lesson.cells()):
        if "image/png" in cell["shows"]:
            pictures = lesson.at(number).query_selector_all(".jp-OutputArea img")
            shown += len(pictures)
            silent += [cell["source"] for picture in pictures if not (picture.get_attribute("alt") or "").strip()]
    assert shown and silent == []


@each_lesson
def test_checks_and_explorers_can_be_read_in_both_themes_and_every_control_has_a_name(lesson, artefacts):
    red = next(cell["grade_id"] for cell in lesson.cells() if (cell["grade_id"] or "").startswith("check_"))
    faint, nameless = {}, []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        lesson.theme(theme)
        colours = lesson.output(red).evaluate(COLOURS)
        for one in lesson.explorers(1):
            lesson.to_the_middle(one)
            colours += one.evaluate(WORDS)
            nameless += one.evaluate(NAMELESS)
        lesson.picture(artefacts / f"{lesson.name}_{theme.split()[-1].lower()}.png")
        faint |= {(theme, words): round(ratio, 1) for words, *pair in colours if (ratio := contrast(*pair)) < AA}
    assert faint == {}, f"less contrast than {AA}"
    assert nameless == []


@each_whole_way
def test_a_wrong_answer_is_told_its_mistake_and_the_right_one_passes(worked, artefacts):
    exercise, line, mistake = MISTAKES[worked.name]
    worked.write(exercise, filled(worked.name, exercise, line))
    assert worked.run(exercise) == ""
    told = worked.run(f"check_{exercise}")
    worked.picture(artefacts / f"{worked.name}_wrong.png")
    assert mistake in told
    assert "image/png" in worked.cells()[worked.index(f"check_{exercise}")]["shows"]  # yours beside the expected
    assert "Traceback" not in told and "CheckFailed" not in told and "\x1b" not in told

    worked.write(exercise, answer(worked.name, exercise))
    assert worked.run(exercise) == ""
    told = worked.run(f"check_{exercise}")
    worked.picture(artefacts / f"{worked.name}_right.png")
    assert f"✓ {exercise}" in told and mistake not in told


@each_whole_way
def test_a_failing_check_can_be_read_in_both_themes_without_scrolling(worked, artefacts):
    exercise, line, mistake = MISTAKES[worked.name]
    before = worked.source(exercise)
    worked.write(exercise, filled(worked.name, exercise, line))
    worked.run(exercise)
    assert mistake in worked.run(f"check_{exercise}")
    faint, sideways = {}, []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        worked.theme(theme)
        output = worked.output(f"check_{exercise}")
        worked.picture(artefacts / f"{worked.name}_{theme.split()[-1].lower()}.png")
        sideways += [] if output.evaluate(FITS) else [theme]
        faint |= {(theme, words): round(ratio, 1) for words, *colours in output.evaluate(COLOURS)
                  if (ratio := contrast(*colours)) < AA}
    worked.write(exercise, before)
    worked.run(exercise)
    worked.run(f"check_{exercise}")
    assert faint == {}, f"less contrast than {AA}"
    assert sideways == [], "scrolls sideways"


@each_whole_way
def test_validate_names_each_check_that_does_not_hold_and_no_other(worked, artefacts):
    worked.save()
    cells = [cell for cell in worked.cells() if (cell["grade_id"] or "").startswith("check_")]
    failing = [cell["source"] for cell in cells if cell["errors"]]
    holding = [cell["source"] for cell in cells if not cell["errors"]]
    said = worked.validate().inner_text()
    worked.picture(artefacts / f"{worked.name}_validate.png")
    worked.close_dialog()
    assert failing and [source for source in failing if source not in said] == []
    assert [source for source in holding if source in said] == []
    assert "Traceback" not in said and "There was an error" not in said


# Review questions, with the keyboard alone: no mouse touches a widget here.

ASKS = "02_activations"
WRONG_GAIN, RIGHT_GAIN = "Biases start at 0", "ReLU zeroes half of a symmetric signal"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder with a running JupyterLab, and its address."""
    folder = tmp_path_factory.mktemp("asked")
    with browser.lab(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def asked(chromium, course):
    """A lesson of which the imports have run, and no more."""
    with chromium.new_context(viewport=browser.WINDOW) as context:
        opened = browser.Lesson(context.new_page(), ASKS)
        opened.open(course[1])
        prepare(opened)
        yield opened


def prepare(opened):
    """Run what a review question needs."""
    opened.run("from dlcourse.checks import")
    opened.run("from dlcourse import quiz")


def test_a_choice_is_made_wrong_and_then_right_and_each_is_explained(asked, artefacts):
    assert "No answer yet." in asked.run("review_gain")
    asked.tab_to(".dlcourse-quiz input[data-value=c]")
    asked.page.keyboard.press("Space")
    told = asked.says("review_gain", "Your answer: c")
    asked.picture(artefacts / "question_wrong.png")
    assert WRONG_GAIN in told and "✗" in told and RIGHT_GAIN not in told
    asked.tab_to(".dlcourse-quiz input[data-value=b]", "Shift+Tab")
    asked.page.keyboard.press("Space")
    told = asked.says("review_gain", "Your answer: b")
    asked.picture(artefacts / "question_right.png")
    assert RIGHT_GAIN in told and "✓" in told and WRONG_GAIN not in told
    assert "✓ review_gain: right" in asked.run("check_review_gain")


def test_a_number_is_typed_and_an_order_is_put_together(asked, artefacts):
    asked.run("review_shrinking")
    asked.tab_to(".dlcourse-quiz input[type=text]")
    for line, words in (("0.25", "That is one layer"), ("0.25 ** 10", "about one millionth")):
        asked.page.keyboard.press("Control+a")
        asked.page.keyboard.type(line)
        asked.page.keyboard.press("Enter")
        assert f"Your answer: {eval(line)}" in asked.says("review_shrinking", words)
    asked.run("review_order")
    for place, letter in enumerate("dcbea"):
        asked.tab_to(".dlcourse-quiz select")
        asked.page.keyboard.press("Space")
        for _ in range("abcde".index(letter) + 1):
            asked.page.keyboard.press("ArrowDown")
        asked.page.keyboard.press("Enter")
    asked.tab_to(".dlcourse-quiz button")
    asked.page.keyboard.press("Space")
    assert "✓ review_order: right" in asked.says("review_order", "Your answer: dcbea")
    asked.picture(artefacts / "question_order.png")


def test_a_question_and_what_it_says_can_be_read_in_both_themes(asked, artefacts):
    faint = {}
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        asked.theme(theme)
        output = asked.output("review_gain")
        asked.picture(artefacts / f"question_{theme.split()[-1].lower()}.png")
        faint |= {(theme, words): round(ratio, 1)
                  for words, *colours in output.evaluate(COLOURS.replace("pre, pre span", "*"))
                  if (ratio := contrast(*colours)) < AA}
    assert faint == {}, f"less contrast than {AA}"


def test_answers_are_there_again_after_a_restart_and_stand_in_the_file_and_count_when_it_is_graded(
        asked, course, artefacts):
    folder, address = course
    asked.cell("check_review_gain").click()  # out of the line of text, in which Ctrl-S is the browser's
    asked.save()
    asked.open(address)
    assert "Your answer: b" in asked.output("review_gain").inner_text()
    asked.restart()
    prepare(asked)
    assert RIGHT_GAIN in asked.run("review_gain")
    chosen = asked.cell("review_gain").query_selector_all(".dlcourse-quiz input:checked")
    assert [one.get_attribute("data-value") for one in chosen] == ["b"]
    asked.picture(artefacts / "question_reopened.png")
    handed_in = submission.read(folder / "work" / ASKS, ASKS)
    walls = sandbox.Sandbox()
    try:
        graded_run = run.grade((ROOT / "solutions" / ASKS / f"{ASKS}.ipynb").read_text(), ASKS, handed_in, 7, walls)
    finally:
        walls.close()
    full = {name for name, one in graded_run.record["exercises"].items() if one["points"] == one["of"]}
    assert full == {"review_gain", "review_shrinking", "review_order"}


@each_lesson
def test_the_browsers_console_stays_clear_of_errors(lesson):
    assert [line for line in lesson.said if not any(known in line for known in NOT_OURS)] == []


def test_without_chromium_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AssertionError, match=r"install it, .* `sudo apt install chromium`"):
        browser.chromium()


def filled(name: str, exercise: str, line: str) -> str:
    """The exercise as it was released, with `line` in the place of its hole."""
    source, holes = re.subn(r"raise NotImplementedError\(\).*", line, source_of("notebooks", name, exercise))
    assert holes == 1, f"{exercise} was released with {holes} holes"
    return source


def answer(name: str, exercise: str) -> str:
    """The right answer: the solution's cell without the marks of its hole."""
    lines = source_of("solutions", name, exercise).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("### "))


def source_of(rendering: str, name: str, exercise: str) -> str:
    """What stands in the cell of `exercise` in one rendering of the lesson `name`."""
    cells = notebook(ROOT, rendering, name).cells
    return next(cell.source for cell in cells if graded(cell).get("grade_id") == exercise)


def contrast(colour: str, grounds: list[str]) -> float:
    """WCAG's contrast of `colour` on a stack of backgrounds, the nearest first; all as CSS writes them."""
    ground = (255.0, 255.0, 255.0)
    for layer in reversed(grounds):
        ground = over(layer, ground)
    low, high = sorted((luminance(ground), luminance(over(colour, ground))))
    return (high + 0.05) / (low + 0.05)


def over(colour: str, ground: tuple) -> tuple:
    """A CSS colour, rgb(…) or rgba(…), laid over an opaque one."""
    *rgb, alpha = ([float(number) for number in re.findall(r"[\d.]+", colour)] + [1.0])[:4]
    return tuple(alpha * top + (1 - alpha) * below for top, below in zip(rgb, ground))


def luminance(rgb: tuple) -> float:
    """WCAG's relative luminance of an opaque colour."""
    linear = [v / 12.92 if (v := value / 255) <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for value in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
