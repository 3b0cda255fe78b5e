"""Review questions as widgets: choose an answer, and the check says at once what it means.

    review_gain = quiz.ask(check.review_gain)

What is asked stands above, in the lesson; the widget has letters only, or the terms that are to be matched. The answer
stands in the output of its cell, is saved with the notebook and counts when that is graded (answers.py). Where the
learner's progress is recorded it is there again when the cell is run again (progress.py). Without widgets an answer
is typed, `review_gain = "a"`: the check takes both.
"""

import html
import re

import ipywidgets
from IPython.display import display

from dlcourse import answers, progress

BESIDE, IN_COLUMNS = {"description_width": "initial"}, {"description_width": "11em"}  # where labels stand
NARROW, FIELD = ipywidgets.Layout(width="6.5em"), ipywidgets.Layout(width="24em")
COLUMNS = ipywidgets.Layout(flex_flow="row wrap")
OPEN = "-"  # the letter of a place or a term that has none yet


class Reply:
    """What has been answered so far: `.answer` is a letter, letters in a row or a number; None before that."""

    def __init__(self, answer: str | float | None = None):
        self.answer = answer

    def __repr__(self) -> str:
        return f"Reply({self.answer!r})"


def ask(check, answer: str | float | None = None) -> Reply:
    """Show the question of `check` (checks/questions.py) as a widget; return the reply, which the check takes.

    answer: one that is chosen from the start; without it the one that was kept is, if there is one.
    """
    return Asked(check, answer).reply


class Asked:
    """One question as it stands in a notebook: what is chosen with, what the check says, and the answer so far."""

    def __init__(self, check, answer: str | float | None = None):
        self.check, self.lesson = check, progress.lesson_of(check)
        self.reply, self.control = Reply(), CONTROLS[check.kind](check)
        self.said = ipywidgets.HTML(_status(""))
        self.widget = ipywidgets.VBox([ipywidgets.HBox(self.control.widgets, layout=COLUMNS), self.said])
        self.widget.add_class("dlcourse-quiz")
        if answer is None and self.lesson:
            kept = progress.kept_answer(self.lesson, check.name)
            answer = kept if answers.is_plain(kept) else None
        if answer is not None:
            self.control.show(answer)
            self._judge(answer)
        self.control.when_chosen(self.choose)
        view = self.widget._repr_mimebundle_()
        display({kind: data for kind, data in view.items() if kind != "text/plain"}, raw=True)
        self.shown = display(answers.output(check.name, answer), raw=True, display_id=True)

    def choose(self) -> None:
        """Take what is chosen now as the answer, keep it and say what it means; or say what is missing."""
        try:
            answer = self.control.read()
        except ValueError as missing:
            self.said.value = _status(str(missing))
            return
        self._judge(answer)
        self.shown.update(answers.output(self.check.name, answer), raw=True)
        if self.lesson:
            progress.keep_answer(self.lesson, self.check.name, answer)

    def _judge(self, answer) -> None:
        from dlcourse.checks.verdict import CheckFailed  # which a sandbox does not have

        self.reply.answer = answer
        try:
            self.said.value = _status(self.check(answer).message)
        except CheckFailed as failed:
            self.said.value = _status(f"✗ {failed.verdict.message}")


class Letter:
    """One of a few letters: the choice of a radio button is the answer."""

    def __init__(self, check):
        self.buttons = ipywidgets.RadioButtons(options=list(check.letters), value=None, description="Your answer",
                                               orientation="horizontal", style=BESIDE)
        self.widgets = [self.buttons]

    def show(self, answer) -> None:
        """Choose the button of this answer, if there is one."""
        if answer in self.buttons.options:
            self.buttons.value = answer

    def read(self) -> str:
        """The letter that is chosen."""
        return self.buttons.value

    def when_chosen(self, do) -> None:
        """Call `do()` for each choice from now on."""
        self.buttons.observe(lambda change: do(), names="value")


class Number:
    """A number, or arithmetic that comes to one, in a line of text; it is taken when Enter is pressed, or Check."""

    def __init__(self, check):
        self.line = ipywidgets.Text(description="Your answer", placeholder="a number, such as 0.5 or 2 ** 3",
                                    continuous_update=False, style=BESIDE, layout=FIELD)
        # Whoever presses the button leaves the line, and with that its text is sent: there is no more for it to do.
        self.widgets = [self.line, ipywidgets.Button(description="Check")]

    def show(self, answer) -> None:
        """Write this answer."""
        self.line.value = str(answer)

    def read(self) -> float:
        """The number. Raises ValueError with what to write."""
        return answers.number(self.line.value)

    def when_chosen(self, do) -> None:
        """Call `do()` for each text from now on."""
        self.line.observe(lambda change: do(), names="value")


class Letters:
    """A letter for each place of an order, or for each term: a list to choose from beside each, and a button."""

    def __init__(self, check):
        self.in_order = not check.items
        names = check.items or [f"{place}." for place in range(1, len(check.letters) + 1)]
        style, layout = (BESIDE, NARROW) if self.in_order else (IN_COLUMNS, FIELD)
        options = [("–", OPEN), *zip(check.letters, check.letters)]
        self.lists = [ipywidgets.Dropdown(options=options, description=name, style=style, layout=layout)
                      for name in names]
        self.button = ipywidgets.Button(description="Check")
        self.widgets = [*self.lists, self.button]

    def show(self, answer) -> None:
        """Choose these letters, where they are as many as there are places."""
        letters = {letter for _, letter in self.lists[0].options}
        if len(str(answer)) == len(self.lists) and set(str(answer)) <= letters:
            for one, letter in zip(self.lists, str(answer)):
                one.value = letter

    def read(self) -> str:
        """The letters in a row. Raises ValueError with what is still to be done."""
        letters = "".join(one.value for one in self.lists)
        missing = letters.count(OPEN)
        if missing == len(letters) or self.in_order and missing:
            raise ValueError(f"Still to be chosen: {missing}.")
        twice = sorted({letter for letter in letters if letters.count(letter) > 1})
        if self.in_order and twice:
            raise ValueError(f"Each letter stands once, and here {', '.join(twice)} stands more often.")
        return letters

    def when_chosen(self, do) -> None:
        """Call `do()` when the button is pressed."""
        self.button.on_click(lambda button: do())


CONTROLS = {"choice": Letter, "numeric": Number, "ordering": Letters, "matching": Letters}


def _status(message: str) -> str:
    """A check's message as HTML that a screen reader reads out when it comes."""
    paragraphs = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(message)).split("\n\n")
    return f"<div role='status' style='max-width: 44em; line-height: 1.4'>{'<br>'.join(paragraphs)}</div>"
