"""What the learner has passed so far, kept on their own machine in work/.progress.db; nothing leaves it.

A check is recorded where the current folder, or one above it, holds that file. `dlcourse lab` makes it in work/ (and
so does Binder's preparation), and a notebook there runs in its own folder; so nothing is recorded by a build, a test,
a grader, or a Python process anywhere else.

A record that cannot be read or written costs a sentence on stdout, once, and never a verdict. A damaged one is set
aside under a new name, and a fresh one begun.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dlcourse import course

FILE = ".progress.db"
VERSION = 1  # in the file's user_version; 0 is a file without tables yet
PATIENCE = 1.0  # seconds that a check waits for another notebook's entry, which takes milliseconds
TABLES = """
create table if not exists verdicts (lesson text, exercise text, best real, latest real, misconception text,
                                     tries integer, first_passed text, primary key (lesson, exercise));
create table if not exists answers (lesson text, question text, answer text, primary key (lesson, question));
"""
ENTRY = """
insert into verdicts values (:lesson, :exercise, :score, :score, :misconception, 1, :passed)
on conflict do update set best = max(best, :score), latest = :score, misconception = :misconception,
                          tries = tries + 1, first_passed = coalesce(first_passed, :passed)
"""

PASSED, TRIED, AHEAD = "passed", "tried", "ahead"
NOTHING_YET = "No lesson has an entry yet: run a check in one that `make lab` or Binder has opened."

_said = set()  # each sentence is told once in a process


class NewerRecord(Exception):
    """The record was written by a later version of the course, whose form is not known here."""


def work_folder() -> Path | None:
    """The nearest folder, from the current one upward, that holds a record; None where nothing is recorded."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody removed it under us
        return None
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)


def begin(work: Path) -> None:
    """Make a record in the folder `work` where there is none, so that what is checked below it is recorded."""
    _transact(work, lambda db: None, writing=True)


def remember(check, verdict) -> None:
    """Record `verdict` for the exercise of `check`, where it is the check of a lesson and there is a record."""
    if work_folder() and (lesson := lesson_of(check)):
        record(lesson, check.name, verdict)


def lesson_of(check) -> str | None:
    """The lesson, "activations", among whose checks this very one is; None for a check of no lesson."""
    for name, module in list(sys.modules.items()):
        package, _, lesson = name.rpartition(".")
        if package == "dlcourse.checks" and getattr(module, check.name, None) is check:
            return lesson
    return None


def record(lesson: str, exercise: str, verdict) -> None:
    """Enter a verdict (`passed`, `score`, `misconception`): its score as the latest, and as the best if it is."""
    if work := work_folder():
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = {"lesson": lesson, "exercise": exercise, "score": verdict.score,
                 "misconception": verdict.misconception, "passed": now if verdict.passed else None}
        _transact(work, lambda db: db.execute(ENTRY, entry), writing=True)


def keep_answer(lesson: str, question: str, answer: object) -> None:
    """Keep `answer`, anything that JSON can say, in place of the one kept before. Raises TypeError for other things."""
    text = json.dumps(answer)
    if work := work_folder():
        entry = "insert or replace into answers values (?, ?, ?)"
        _transact(work, lambda db: db.execute(entry, (lesson, question, text)), writing=True)


def kept_answer(lesson: str, question: str) -> object | None:
    """The answer that was last kept for `question`, or None."""
    asked = "select answer from answers where lesson = ? and question = ?"
    work = work_folder()
    kept = work and _transact(work, lambda db: db.execute(asked, (lesson, question)).fetchone())
    return json.loads(kept[0]) if kept else None


def forget(work: Path, lesson: str) -> None:
    """Remove all verdicts and answers of `lesson` ("activations") from the record in `work`."""
    def remove(db):
        for table in ("verdicts", "answers"):
            db.execute(f"delete from {table} where lesson = ?", (lesson,))

    _transact(work, remove, writing=True)


# What it comes to.

@dataclass(frozen=True)
class Row:
    """A lesson, "02_activations", and how each of its checks stands: {name: PASSED, TRIED or AHEAD}, in their order."""

    name: str
    exercises: dict[str, str]
    questions: dict[str, str]


def summary(work: Path | None = None) -> list[Row]:
    """A row for each lesson that is released beside `work` (by default where we are, or else the course's work/).

    Which checks there are is read from the released notebooks. Raises CourseError outside the course.
    """
    work = work or work_folder() or course.root() / "work"
    asked = "select lesson, exercise, first_passed is not null from verdicts"
    found = _transact(work, lambda db: db.execute(asked).fetchall()) if (work / FILE).is_file() else None
    states = {(lesson, name): PASSED if passed else TRIED for lesson, name, passed in found or []}
    rows = []
    for path in sorted(work.parent.glob("notebooks/*/*.ipynb")):
        if path.stem == path.parent.name and course.is_lesson(path.stem):
            lesson = path.stem[3:]  # as its module of checks is called
            rows.append(Row(path.stem, *({name: states.get((lesson, name), AHEAD) for name in names}
                                         for names in checks_in(path))))
    return rows


def checks_in(notebook: Path) -> tuple[list[str], list[str]]:
    """The names of what a released notebook checks, in order: its exercises, and its questions (`name = None`)."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    graded = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in cells if "nbgrader" in cell["metadata"]}
    names = [label.removeprefix("check_") for label, cell in graded.items() if cell["metadata"]["nbgrader"]["locked"]]
    questions = [name for name in names if re.search(rf"^{name} *=", "".join(graded[name]["source"]), re.MULTILINE)]
    return [name for name in names if name not in questions], questions


def table(rows: list[Row]) -> str:
    """The rows for a terminal: what has passed of what there is, and a sign for each check."""
    signs = {PASSED: "#", TRIED: "+", AHEAD: "."}
    lines = [f"{'lesson':<24}{'exercises':>10}{'questions':>11}   # passed  + tried  . ahead"]
    for row in rows:
        parts = (row.exercises, row.questions)
        drawn = " ".join("".join(signs[state] for state in part.values()) for part in parts)
        counts = [f"{_passed(part)} of {len(part)}" for part in parts]
        lines.append(f"{row.name.replace('_', ' '):<24}{counts[0]:>10}{counts[1]:>11}   {drawn}")
    return "\n".join(lines)


def nothing_yet(rows: list[Row]) -> bool:
    """Whether no check has been tried; False also where the record could not be read, which has been said."""
    tried = any(state != AHEAD for row in rows for part in (row.exercises, row.questions) for state in part.values())
    return not tried and not _said


def _passed(states: dict[str, str]) -> int:
    return sum(state == PASSED for state in states.values())


class Picture:
    """The rows for a notebook: a table in the page's own colours, a square for each check; the same as text."""

    def __init__(self, rows: list[Row]):
        self.rows = rows

    def __repr__(self) -> str:
        return table(self.rows)

    def _repr_html_(self) -> str:
        lines = "".join(map(self._line, self.rows))
        heads = "".join(f'<th scope="col" style="text-align: left">{head}</th>'
                        for head in ("lesson", "exercises", "questions"))
        return ("<table><caption>■ passed&ensp;▣ tried&ensp;□ ahead</caption>"
                f"<thead><tr>{heads}</tr></thead>"
                f"<tbody>{lines}</tbody></table>")

    @staticmethod
    def _line(row: Row) -> str:
        signs = {PASSED: "■", TRIED: "▣", AHEAD: "□"}
        fields = ""
        for states in (row.exercises, row.questions):
            count = f"{_passed(states)} of {len(states)}"
            squares = "".join(map(signs.get, states.values()))
            fields += (f'<td style="text-align: left">{count}<br>'
                       f'<span role="img" aria-label="{count} passed">{squares}</span></td>')
        link = f'<a href="../{row.name}/{row.name}.ipynb">{row.name.replace("_", " ")}</a>'
        return f'<tr><th scope="row" style="text-align: left">{link}</th>{fields}</tr>'


def show() -> None:
    """Draw in a notebook how far the learner is; say how to begin where nothing is recorded."""
    from IPython.display import display

    rows = summary() if work_folder() else []
    if rows:
        display(Picture(rows))
    if nothing_yet(rows):
        print(NOTHING_YET)


# The file, and what can go wrong with it.

def _transact(work: Path, do: Callable, writing: bool = False):
    """Return do(connection) on the record in `work`, all of it or nothing; where that cannot be, say why: None."""
    import sqlite3  # here, as most who import this module never open a record

    damaged = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # the last: other tables than ours
    path = work / FILE
    for _ in range(2):
        try:
            before = os.stat(path) if path.exists() else None
            with _opened(path, writing) as db:
                return do(db) if db else None
        except NewerRecord:
            return _say(f"Your progress is not being recorded: {work.name}/{FILE} is of a newer version of the course, "
                        "so update the course, as in `git pull`.")
        except (sqlite3.Error, OSError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN) & 0xFF
            if before is None or code not in damaged:
                return _say(f"Your progress is not being recorded: {work.name}/{FILE} cannot be used ({error}), so see "
                            "that this folder can be written to and the disk is not full.")
        try:
            _set_aside(path, before)
        except (sqlite3.Error, OSError) as error:
            return _say(f"Your progress is not being recorded: {work.name}/{FILE} is damaged and cannot be moved "
                        f"({error}), so move it away yourself.")
    return None


@contextmanager
def _opened(path: Path, writing: bool):
    """A connection in the middle of a transaction, undone unless all goes well; None to read where nothing is yet."""
    import sqlite3

    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        version = _begun(db, writing)
        if version > VERSION:
            raise NewerRecord
        if version == 0 and writing:
            for statement in filter(str.strip, TABLES.split(";")):
                db.execute(statement)
            db.execute(f"pragma user_version = {VERSION}")
        yield db if version or writing else None
        db.execute("commit")


def _begun(db, writing: bool) -> int:
    """Begin a transaction, as soon as other notebooks let go of the file; return the record's version."""
    import sqlite3

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("begin exclusive" if writing else "begin")
            return db.execute("pragma user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        if db.in_transaction:
            db.execute("rollback")
        time.sleep(0.003)  # sqlite's own waiting looks so seldom that a busy notebook would starve another


def _set_aside(path: Path, damaged: os.stat_result) -> None:
    """Keep the damaged record under a new name, an empty one in its place, unless another notebook has done so."""
    import sqlite3

    with closing(sqlite3.connect(f"{path}.lock", timeout=PATIENCE, isolation_level=None)) as lock:
        lock.execute("begin exclusive")  # ends with this process, however that ends
        if not os.path.samestat(os.stat(path), damaged):
            return
        aside = free_name(path, "damaged")
        os.link(path, aside)  # never over another file; and no moment without a record
        if (journal := Path(f"{path}-journal")).exists():
            os.replace(journal, f"{aside}-journal")
        handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{FILE}.")
        os.close(handle)
        os.replace(fresh, path)
    _say(f"{path.parent.name}/{FILE} was damaged: it is kept as {aside.name}, and your progress is recorded anew.")


def free_name(path: Path, what: str) -> Path:
    """The first of path.what-1, path.what-2, … that nothing has."""
    number = 1
    while os.path.lexists(name := path.with_name(f"{path.name}.{what}-{number}")):
        number += 1
    return name


def _say(sentence: str) -> None:
    """Print a sentence on stdout (stderr in a check's cell would cost nbgrader's points), once in this process."""
    if sentence not in _said:
        _said.add(sentence)
        print(sentence)
