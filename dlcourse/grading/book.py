"""Where grades are kept: nbgrader's gradebook and its autograded/ folder, and the instructor's own records.

A submission is entered whole or not at all. Its record is written last: what has no record has not been graded.
"""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from nbgrader.utils import parse_utc
from traitlets.config import Config, PyFileConfigLoader

from dlcourse.course import CourseError

from .submission import nbgraders_own

RECORDS = "records"
UNKNOWN = ("The gradebook does not know {lesson} as it is now ({error}): run `nbgrader generate_assignment {lesson} "
           "--force`, then grade again.")


class Book:
    """A course folder as an instructor keeps it, by its nbgrader_config.py."""

    def __init__(self, root: Path):
        """Read the configuration of the course in `root`. Raises CourseError where there is none."""
        if not (root / "nbgrader_config.py").is_file():
            raise CourseError(f"{root} has no nbgrader_config.py: grade in the course's folder.")
        self.config: Config = PyFileConfigLoader("nbgrader_config.py", str(root)).load_config()
        self.root, self.folders = root, CourseDirectory(config=self.config)

    def source(self, lesson: str) -> str:
        """The lesson's solution notebook as text; raises CourseError where it is missing."""
        path = self._path(self.folders.source_directory, ".", lesson) / f"{lesson}.ipynb"
        if not path.is_file():
            raise CourseError(f"There is no lesson {lesson}: {path.parent} has no {path.name}.")
        return path.read_text()

    def students(self, lesson: str) -> list[str]:
        """Who has handed in `lesson`, sorted."""
        found = self._path(self.folders.submitted_directory, "*", lesson)
        place = found.parts.index("*")
        return sorted(path.parts[place] for path in Path(found.anchor).glob(str(found.relative_to(found.anchor)))
                      if path.is_dir() and not path.parts[place].startswith("."))

    def submitted(self, lesson: str, student: str) -> Path:
        """The folder of what a student handed in."""
        return self._path(self.folders.submitted_directory, student, lesson)

    def record(self, lesson: str, student: str) -> dict | None:
        """What a graded run left behind, or None. A record that cannot be read counts as none."""
        try:
            return json.loads(self._record(lesson, student).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def records(self, lesson: str) -> dict[str, dict]:
        """Every student's record."""
        found = sorted((self.root / RECORDS / lesson).glob("*.json"))
        return {path.stem: record for path in found if (record := self.record(lesson, path.stem))}

    def enter(self, lesson: str, student: str, graded) -> None:
        """Write down a `run.Graded`: notebook, gradebook, record. Raises CourseError where nbgrader is not ready."""
        place = self._path(self.folders.autograded_directory, student, lesson)
        own = nbgraders_own(self.submitted(lesson, student))
        arrived = _time(own.get("timestamp.txt", b""))
        _write(place / f"{lesson}.ipynb", graded.notebook.encode(), 0o444)
        for name, content in own.items():
            _write(place / name, content, 0o444)
        try:
            with Gradebook(self.folders.db_url, self.folders.course_id) as gradebook:
                with _one_transaction(gradebook):
                    self._save(gradebook, lesson, student, arrived, graded)
        except MissingEntry as error:
            raise CourseError(UNKNOWN.format(lesson=lesson, error=error)) from error
        self.keep(lesson, student, graded.record)

    def keep(self, lesson: str, student: str, record: dict) -> None:
        """Write a student's record."""
        _write(self._record(lesson, student), json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n", 0o600)

    def _save(self, gradebook, lesson, student, arrived, graded) -> None:
        gradebook.find_assignment(lesson)
        gradebook.update_or_create_student(student)
        with gradebook.db.no_autoflush:  # nbgrader makes a submission's parts before it adds the whole
            gradebook.update_or_create_submission(lesson, student, **({"timestamp": arrived} if arrived else {}))
        cells = nbformat.reads(graded.notebook, 4).cells
        saver = _set_up(SaveGrades(), gradebook, lesson, student)
        for number, cell in enumerate(cells):
            saver.preprocess_cell(cell, {}, number)
        gradebook.db.flush()
        _assign_penalty(gradebook, lesson, student, self.config)

    def _path(self, step: str, student: str, lesson: str) -> Path:
        return Path(self.folders.format_path(step, student, lesson)).absolute()

    def _record(self, lesson: str, student: str) -> Path:
        return self.root / RECORDS / lesson / f"{student}.json"


class SaveGrades(SaveAutoGrades):
    """Enters the points of a graded notebook; a cell that is marked "by_hand" waits in formgrader for somebody."""

    def _add_score(self, cell, resources) -> None:
        super()._add_score(cell, resources)
        if cell.metadata.get("dlcourse", {}).get("by_hand"):
            grade = self.gradebook.find_grade(cell.metadata.nbgrader.grade_id, self.notebook_id, self.assignment_id,
                                              self.student_id)
            grade.needs_manual_grade = True
            self.gradebook.db.commit()


def _time(stamp: bytes):
    """When a submission came in, as nbgrader writes it down; None where what stands there is no time."""
    try:
        return parse_utc(stamp.decode().strip())
    except ValueError:
        return None


def _set_up(preprocessor, gradebook, lesson, student):
    """Give one of nbgrader's preprocessors what its own `preprocess` would: it opens a gradebook for each call."""
    preprocessor.gradebook = gradebook
    preprocessor.notebook_id = preprocessor.assignment_id = lesson
    preprocessor.student_id = student
    return preprocessor


def _assign_penalty(gradebook, lesson, student, config) -> None:
    """Late penalties by the instructor's plugin, as nbgrader's AssignLatePenalties does."""
    assigner = _set_up(AssignLatePenalties(config=config), gradebook, lesson, student)
    assigner.init_plugin()
    submission = gradebook.find_submission(lesson, student)
    notebook = gradebook.find_submission_notebook(lesson, lesson, student)
    notebook.late_submission_penalty = None
    if submission.total_seconds_late > 0:
        penalty = assigner.plugin_inst.late_submission_penalty(student, notebook.score, submission.total_seconds_late)
        if penalty is not None:
            notebook.late_submission_penalty = assigner._check_late_penalty(notebook, penalty)


@contextmanager
def _one_transaction(gradebook):
    """Inside, whatever commits only flushes; all of it is committed at the end, or nothing."""
    session = gradebook.db
    commit = session.commit
    session.commit = session.flush
    try:
        yield
        commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.commit = commit


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
