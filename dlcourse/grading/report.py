"""What a class knows, told in a terminal and in a CSV for a learning platform; page.py makes the page."""

import csv
import io
import os
import re
import shutil
import textwrap
import unicodedata
from pathlib import Path
from statistics import mean

from dlcourse.course import CourseError

from . import page
from .analysis import Analysis, analyse, found_in, gradebook_marks, number_of, share, summary, waiting
from .book import RECORDS, Book

COLUMNS = ["student", "total", "max", "status"]  # of the CSV, before one for each exercise
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet may compute what begins so
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NAME, NARROWEST, BAR = 24, 30, 8  # characters
MOST = 20  # misconceptions in the terminal
UNPROTECTED = "{} ran without a sandbox: what learners' code did to this machine or to each other is not known."


def class_table(records: dict[str, dict]) -> str:
    """A row for each learner: points of checks, seconds, what somebody should look at; and the class in a line."""
    rows = []
    for student, record in records.items():
        points, of = _points(record)
        told = found_in(record)
        if record["status"] != "graded":
            told = [f"{record['status'].upper()}: {' '.join(told)}"]
        rows.append([_short(student), f"{points:g}", f"{of:g}", f"{record['seconds']:.1f}", " ".join(told)])
    lines = [table(["learner", "points", "of", "seconds", "what was found"], rows, right=(1, 2, 3))]
    lines += ["", _wrapped(_in_a_line(records))]
    if bare := sum(record.get("walls") == "none" for record in records.values()):
        lines.append(_wrapped(UNPROTECTED.format(number_of(bare, "notebook"))))
    return "\n".join(lines)


def report(book: Book, lesson: str, csv_path: str | None = None, html_path: str | None = None) -> None:
    """Print how a class did in a lesson; write one HTML page and, where `csv_path` is given, a CSV (`csv_text`).

    The page goes to records/LESSON/report.html unless `html_path` names another place. Raises CourseError where
    nobody has been graded, and where a file cannot be written.
    """
    book.source(lesson)
    records = book.records(lesson)
    if not records:
        raise CourseError(f"Nobody has been graded in {lesson} yet: run `dlcourse grade {lesson}`.")
    analysis = analyse(lesson, records, gradebook_marks(book, lesson))
    print(report_table(analysis))
    path = Path(html_path) if html_path else book.root / RECORDS / lesson / "report.html"
    _write(path, page.page(analysis))
    if csv_path:
        _write(Path(csv_path), csv_text(analysis))
        print(f"\nGrades for a learning platform: {Path(csv_path).absolute()}", end="")
    print(f"\nThe page: {path.absolute()}")


def report_table(analysis: Analysis) -> str:
    """How each exercise went, which written answers wait, and the misconceptions, the most frequent first."""
    lines = [_wrapped(f"{analysis.lesson}: {summary(analysis)}"), ""]
    rows = [[one.name, f"{one.of:g}", _bar(one.passed), share(one.passed), share(one.mean),
             _two_digits(one.discrimination), _two_digits(one.seconds), str(one.unwritten or ""),
             str(one.unnamed or "")] for one in analysis.exercises]
    lines += [table(["exercise", "points", "", "passed", "mean", "discrimination", "median s", "unwritten",
                     "wrong, no name"], rows, right=(1, 3, 4, 5, 6, 7, 8))]
    lines += [f"{one.name}, written, {one.of:g} points: {waiting(one)}" for one in analysis.written]
    if analysis.misconceptions:
        rows = [[str(one.count), one.exercise, one.id, one.says] for one in analysis.misconceptions]
        lines += ["", table(["count", "exercise", "misconception", "what it is"], rows[:MOST], right=(0,))]
        if (more := len(rows) - MOST) > 0:
            most = number_of(analysis.misconceptions[MOST].count, "learner")
            lines.append(f"… and {more} more, none by more than {most}: the page has all.")
    if analysis.unprotected:
        lines += ["", _wrapped(UNPROTECTED.format(number_of(analysis.unprotected, "notebook")))]
    return "\n".join(lines)


def csv_text(analysis: Analysis) -> str:
    """The grades as CSV for a learning platform: a row for each learner, with the columns

    student   the learner's id
    total     the points that count: of all exercises, less nbgrader's late penalty
    max       the most that can be had
    status    "graded"; "waiting" where a written answer is still to be graded by hand, and counts 0 until then;
              "broken" where what was handed in could not be read, "lost" where grading it failed: both count 0
    …         a column for each exercise and each written answer, by name: its points, as the gradebook has them;
              empty while it waits

    Quoted as RFC 4180 has it. Text that a spreadsheet would compute (it begins with = + - or @) gets a ' before it.
    """
    names = [*[one.name for one in analysis.exercises], *[one.name for one in analysis.written]]
    most = analysis.of + sum(one.of for one in analysis.written)
    rows = [[*COLUMNS, *names]]
    for one in analysis.learners:
        points = [one.points.get(name) for name in names]
        rows.append([one.name, f"{one.total:g}", f"{most:g}", one.status,
                     *("" if value is None else f"{value:g}" for value in points)])
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def table(headings: list[str], rows: list[list[str]], right: tuple[int, ...] = (), width: int | None = None) -> str:
    """Rows of text under headings, the columns `right` flush right, the last one wrapped to the terminal's width."""
    rows = [[plain(cell) for cell in row] for row in rows]
    *widths, _ = [max(map(_cells, column)) for column in zip(headings, *rows)]
    last = len(headings) - 1
    width = width or _columns()
    room = max(NARROWEST, width - sum(widths) - 2 * last)

    def line(row, tail):
        cells = [_pad(cell, size, column in right) for column, (cell, size) in enumerate(zip(row, widths))]
        return "  ".join([*cells, tail.rjust(_cells(headings[-1])) if last in right else tail]).rstrip()

    lines = [line(headings, headings[-1])]
    lines.append("─" * min(width, max([_cells(lines[0])] + [sum(widths) + 2 * last + min(room, _cells(row[-1]))
                                                            for row in rows])))
    for row in rows:
        first, *more = textwrap.wrap(row[-1], room) or [""]
        lines += [line(row, first), *(line([""] * last, tail) for tail in more)]
    return "\n".join(lines)


def plain(text: str) -> str:
    """A text on one line without anything that steers a terminal."""
    return "".join(one if one.isprintable() else " " for one in COLOUR.sub("", text))


def _short(name: str) -> str:
    return name if len(name) <= NAME else name[:NAME - 1] + "…"


def _columns() -> int:
    return shutil.get_terminal_size((110, 24)).columns


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _columns())


def _cells(text: str) -> int:
    """How wide a text is in a terminal."""
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _pad(text: str, size: int, right: bool) -> str:
    return " " * (size - _cells(text)) + text if right else text + " " * (size - _cells(text))


def _points(record: dict) -> tuple[float, float]:
    exercises = record["exercises"].values()
    return sum(one["points"] for one in exercises), sum(one["of"] for one in exercises)


def _in_a_line(records: dict[str, dict]) -> str:
    graded = [_points(record) for record in records.values() if record["status"] == "graded"]
    words = [number_of(len(records), "learner")]
    if graded:
        words.append(f"{mean(points for points, _ in graded):.1f} of {graded[0][1]:g} points on average")
    words += [f"{count} {status}" for status in ("broken", "lost")
              if (count := sum(record["status"] == status for record in records.values()))]
    waits = sum(bool(record["written"]) and record["status"] == "graded" for record in records.values())
    return f"{', '.join(words)}. Points are of the checks" + (
        "; written answers are graded by hand, in formgrader." if waits else ".")


def _bar(value: float | None) -> str:
    full = round(BAR * value) if value is not None else 0
    return "█" * full + "░" * (BAR - full)


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read: it has everybody's grades."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise CourseError(f"{path} cannot be written ({error.strerror}): name another place.") from error
