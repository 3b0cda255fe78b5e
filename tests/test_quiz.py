"""Review questions as widgets: what one says, what stands in its cell, what is kept, and what the check takes.

That they can be used from the keyboard in JupyterLab is proven in test_browser.py.
"""

import html
import re

import nbformat
import pytest
from lesson_files import nbgrader

from dlcourse import answers, progress, quiz
from dlcourse.checks import activations as check
from dlcourse.checks import start_here
from dlcourse.checks.verdict import CheckFailed
from dlcourse.lessons import KERNELSPEC

SOLVED = "fcjeiblgdkha"
SWAPPED = "fjceiblgdkha"  # epoch and batch size
# A question of each kind, a wrong answer with what is told of it, and the right one.
KINDS = {
    "choice": (check.review_gain, "c", "Biases start at 0", "b"),
    "numeric": (check.review_shrinking, 0.25, "That is one layer", 0.25 ** 10),
    "ordering": (check.review_order, "aebcd", "from the other end", "dcbea"),
    "matching": (start_here.glossary, SWAPPED, "Epoch and batch size", SOLVED),
}
each_kind = pytest.mark.parametrize("question, wrong, why, right", KINDS.values(), ids=KINDS)


@pytest.fixture
def shown(monkeypatch):
    """What a cell shows, a list of MIME bundles; an output that is updated is replaced there."""
    bundles = []

    class Handle:
        def __init__(self):
            self.place = len(bundles) - 1

        def update(self, data, raw):
            assert raw
            bundles[self.place] = data

    def display(data, raw, display_id=False):
        bundles.append(data)
        return Handle() if display_id else None

    monkeypatch.setattr(quiz, "display", display)
    return bundles


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in which progress is recorded, and where we are."""
    progress.begin(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def press(asked: quiz.Asked, answer) -> None:
    """Give an answer as a learner does."""
    if isinstance(asked.control, quiz.Letters):
        asked.control.show(answer)
        asked.control.button.click()
    else:
        asked.control.show(answer)  # what the front end sends is the same change of a value


def told(asked: quiz.Asked) -> str:
    """What the widget says, without its HTML."""
    return html.unescape(re.sub("<[^>]+>", " ", asked.said.value))


def takes(question, reply) -> bool:
    """Whether the check cell below is green."""
    try:
        return question(reply).passed
    except CheckFailed:
        return False


@each_kind
def test_a_widget_tells_a_wrong_answer_why_and_the_right_one_what_it_means_and_the_check_takes_its_reply(
        shown, question, wrong, why, right):
    asked = quiz.Asked(question)
    assert told(asked).strip() == "" and not takes(question, asked.reply)
    press(asked, wrong)
    assert why in told(asked) and "✗" in told(asked) and not takes(question, asked.reply)
    press(asked, right)
    assert question.parts[0].holds.split("`")[0] in told(asked) and "✓" in told(asked) and why not in told(asked)
    assert takes(question, asked.reply) and takes(question, right) and not takes(question, wrong)


@each_kind
def test_the_answer_stands_in_the_cells_own_output_and_is_read_from_there(shown, question, wrong, why, right):
    asked = quiz.Asked(question)
    widget, answer = shown
    assert set(widget) == {"application/vnd.jupyter.widget-view+json"} and answer == {"text/plain": "No answer yet."}
    for given in (wrong, right):
        press(asked, given)
        assert len(shown) == 2 and shown[1]["text/plain"] == f"Your answer: {given}"
        outputs = [{"output_type": "display_data", "data": data} for data in shown]
        assert answers.read(outputs) == {question.name: given} == {question.name: asked.reply.answer}


@each_kind
def test_what_was_chosen_is_there_when_the_cell_is_run_again(shown, place, question, wrong, why, right):
    press(quiz.Asked(question), wrong)
    again = quiz.Asked(question)
    assert again.reply.answer == wrong == again.control.read()
    assert why in told(again) and shown[-1]["text/plain"] == f"Your answer: {wrong}"
    press(again, right)
    assert takes(question, quiz.ask(question))


@pytest.mark.slow
def test_nbgraders_validate_finds_the_answer_that_was_kept(place):
    grade = {"nbgrader": {"schema_version": 3, "grade": True, "solution": False, "locked": True, "points": 1,
                          "grade_id": "check_review_gain"}}
    cells = ["from dlcourse import quiz\nfrom dlcourse.checks import activations as check",
             "review_gain = quiz.ask(check.review_gain)", "check.review_gain(review_gain)"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.cells[-1].metadata = grade
    book.metadata.kernelspec = KERNELSPEC
    nbformat.write(book, place / "asked.ipynb")
    assert "failed" in nbgrader("validate", "asked.ipynb", cwd=place)
    progress.keep_answer("activations", "review_gain", "b")
    assert "Success" in nbgrader("validate", "asked.ipynb", cwd=place)


def test_an_answer_that_is_written_into_the_cell_is_chosen_from_the_start_and_is_not_kept(shown, place):
    progress.keep_answer("activations", "review_gain", "c")
    assert quiz.ask(check.review_gain, "b").answer == "b" and shown[-1]["text/plain"] == "Your answer: b"
    assert progress.kept_answer("activations", "review_gain") == "c"


@pytest.mark.parametrize("kept", [["b"], {"a": 1}, True, "x" * 1000])
def test_what_is_kept_and_is_no_answer_is_not_taken_for_one(shown, place, kept):
    progress.keep_answer("activations", "review_gain", kept)
    assert quiz.ask(check.review_gain).answer is None


def test_a_kept_answer_that_no_longer_fits_is_told_so_and_no_button_is_chosen(shown, place):
    for question, kept in ((check.review_gain, "q"), (check.review_order, "xyz")):
        progress.keep_answer("activations", question.name, kept)
        asked = quiz.Asked(question)
        assert asked.reply.answer == kept and "Answer with" in told(asked)
        assert asked.control.widgets[0].value in (None, quiz.OPEN)


def test_an_unfinished_order_is_told_what_is_missing_and_the_answer_before_it_stands(shown):
    asked = quiz.Asked(check.review_order)
    press(asked, "abcde")
    for unfinished, why in (("ab-d-", "Still to be chosen: 2"), ("abcda", "here a stands more often")):
        press(asked, unfinished)
        assert why in told(asked) and asked.reply.answer == "abcde" and "abcde" in shown[1]["text/plain"]


def test_some_words_may_be_left_open_but_not_all(shown):
    asked = quiz.Asked(start_here.glossary)
    press(asked, "-" * 12)
    assert "Still to be chosen: 12" in told(asked) and asked.reply.answer is None
    press(asked, "f" + "-" * 11)
    assert "1 of 12 are right" in told(asked) and asked.reply.answer == "f" + "-" * 11


@pytest.mark.parametrize("line, value", [
    ("27", 27), (" 0.25 ** 10 ", 0.25 ** 10), ("1e-6", 1e-6), ("(0.2 - 1) / 4", -0.2), ("−2", -2), ("+3 / 0.8", 3.75)])
def test_a_line_of_arithmetic_is_a_number(line, value):
    assert answers.number(line) == value


@pytest.mark.parametrize("line", [
    "", "x", "0,39", "33 %", "1e999", "9 ** 9 ** 9 ** 9", "(-8) ** 0.5", "1 / 0", "True", "'3'", "abs(3)", "3j", "[3]",
    "3; 4", "\0", "(" * 150, "__import__('os')", "nan"])
def test_what_is_no_number_is_told_how_to_write_one(line):
    with pytest.raises(ValueError, match="is no number. Write one like 27") as told:
        answers.number(line)
    assert ("after a point, not a comma" in str(told.value)) == ("," in line)


def test_what_a_widget_says_is_text_that_a_screen_reader_reads_out(shown):
    asked = quiz.Asked(check.review_shrinking)
    press(asked, "<script>alert(1)</script>")
    assert "<script" not in asked.said.value and "&lt;script" in asked.said.value
    assert asked.said.value.startswith("<div role='status'")


def test_every_control_has_its_name_beside_it(shown):
    for question, *_ in KINDS.values():
        controls = [one for one in quiz.Asked(question).control.widgets if one.description != "Check"]
        assert controls and all(control.description for control in controls)
    assert [control.description for control in controls] == list(start_here.glossary.items)
