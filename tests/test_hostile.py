"""Hostile submissions gain no point, read nothing, harm nobody, and the report says what was found."""

import dataclasses
import hashlib
import json
import os
import re
import socket
from html.parser import HTMLParser
from pathlib import Path

import hostile
import nbformat
import psutil
import pytest
from hostile.malformed import FOLDERS
from lesson_files import ROOT, nbgrader
from nbgrader.api import Gradebook

from dlcourse.grading import run, sandbox, submission
from dlcourse.grading.book import Book
from dlcourse.grading.fanout import grade_class
from dlcourse.grading.sandbox import Sandbox

LESSON = "02_activations"
CANARY = "CANARY-7f3a"  # stands in everything that nobody may read
HONEST = {"relu": "def relu(x):\n    return x * (x > 0)",
          "dead_units": "def dead_units(activations):\n    return (activations == 0).all(0)"}
SHARED = pytest.mark.xdist_group("hostile")  # one sandbox, one worker
ROWS: list[tuple] = []


class Grader:
    """One sandbox for all, a lesson, and places with a canary in each."""

    def __init__(self, folder: Path):
        self.sandbox, self.folder = Sandbox(), folder
        self.source = (ROOT / "solutions" / LESSON / f"{LESSON}.ipynb").read_text()
        self.released = json.loads((ROOT / "notebooks" / LESSON / f"{LESSON}.ipynb").read_text())
        self.server = socket.create_server(("127.0.0.1", 0))
        paths = {name: folder / name / f"{name}.ipynb" for name in ("solution", "gradebook", "neighbour")}
        for name, path in paths.items():
            path.parent.mkdir()
            path.write_text(f"{CANARY} {name}")
        self.places = hostile.Places(**{name: str(path) for name, path in paths.items()},
                                     port=self.server.getsockname()[1])
        self.honest = json.loads(json.dumps(self.released))
        for name, text in HONEST.items():
            hostile.answer(self.honest, name, text)
        self.short = json.dumps(shortened(json.loads(self.source)))
        self.short_honest = shortened(self.honest)
        self.expected = self.verdicts(self.short_honest, self.short)

    def grade(self, handed_in: bytes | dict, source: str = ""):
        """Grade what is handed in."""
        if isinstance(handed_in, dict):
            handed_in = json.dumps(handed_in).encode()
        return run.grade(source or self.source, LESSON, submission.Submission(handed_in), 3, self.sandbox)

    def verdicts(self, handed_in: dict, source: str = "") -> dict:
        """What was decided on each exercise, without the time it took."""
        exercises = self.grade(handed_in, source).record["exercises"]
        return {name: {**one, "seconds": 0} for name, one in exercises.items()}

    def family(self) -> set[int]:
        """The processes that live in the sandbox now."""
        return {process.pid for process in self.sandbox._family()}

    def canaries(self) -> dict[str, str]:
        """What is in the places now."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.rglob("*.ipynb")}

    def close(self):
        """End it."""
        self.sandbox.close()
        self.server.close()


def shortened(notebook: dict) -> dict:
    """A lesson with its imports and the exercises of HONEST alone, which takes a tenth of the time to grade."""
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    names = {*HONEST, *(f"check_{name}" for name in HONEST)}
    return {**notebook, "cells": [cell for cell in notebook["cells"] if cell is first
                                  or cell["metadata"].get("nbgrader", {}).get("grade_id") in names]}


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    made = Grader(tmp_path_factory.mktemp("places"))
    before = run.CELL_SECONDS, sandbox.GRACE
    run.CELL_SECONDS, sandbox.GRACE = 4.0, 3  # what hangs here hangs on purpose
    yield made
    run.CELL_SECONDS, sandbox.GRACE = before
    made.close()


@SHARED
@pytest.mark.slow
def test_the_honest_notebook_that_all_are_compared_with_has_its_points(grader):
    assert {name for name, one in grader.expected.items() if one["passed"]} == set(HONEST)
    long = grader.verdicts(grader.honest)
    assert {name: long[name] for name in HONEST} == grader.expected
    assert {name for name, one in long.items() if one["points"]} == set(HONEST)
    assert not sum(one["points"] for one in grader.verdicts(grader.released).values())


@SHARED
@pytest.mark.slow
@pytest.mark.parametrize("one", hostile.all_of_them(), ids=str)
def test_a_hostile_submission_gains_nothing(one, grader):
    before, canaries = outside(grader), grader.canaries()
    graded = grader.grade(one.submitted(grader.released, grader.places))
    assert not {name: seen["points"] for name, seen in graded.record["exercises"].items() if seen["points"]}
    told = report(graded.record, one.wants)
    assert re.search(one.says, told, re.DOTALL), told
    if one.tries:
        assert "tried" in printed(graded.notebook), printed(graded.notebook)[-2000:]
    everything = graded.notebook + json.dumps(graded.record)
    assert CANARY not in everything
    assert "SECRET QUESTION" not in shown(graded.notebook)
    nbformat.validate(nbformat.reads(graded.notebook, 4))
    assert outside(grader) - before == set()
    assert grader.canaries() == canaries
    assert grader.verdicts(grader.short_honest, grader.short) == grader.expected
    ROWS.append((one.kind, one.name, "0", told.split(" | ")[0][:100]))


@SHARED
@pytest.mark.slow
@pytest.mark.parametrize(("name", "says", "fill"), FOLDERS, ids=[name for name, *_ in FOLDERS])
def test_a_hostile_folder_gains_nothing(name, says, fill, grader, tmp_path):
    fill(tmp_path, f"{LESSON}.ipynb", json.dumps(grader.released), grader.places)
    read = submission.read(tmp_path, LESSON)
    assert CANARY.encode() not in read.notebook
    graded = run.grade(grader.source, LESSON, read, 3, grader.sandbox)
    assert not sum(seen["points"] for seen in graded.record["exercises"].values())
    told = report(graded.record, ())
    assert re.search(says, told), told
    assert CANARY not in graded.notebook + json.dumps(graded.record) and "SHADOWED" not in graded.notebook
    assert grader.verdicts(grader.short_honest, grader.short) == grader.expected
    ROWS.append(("folder", name, "0", told[:100]))


@SHARED
@pytest.mark.slow
def test_there_are_forty_and_every_kind_and_this_is_what_the_report_said(summary_table):
    kinds = {kind for kind, *_ in ROWS}
    summary_table(f"{len(ROWS)} hostile submissions", ("kind", "submission", "points gained", "what the report said"), ROWS)
    known = hostile.all_of_them()
    assert len(known) >= 40 and {one.kind for one in known} == set(hostile.KINDS)
    assert len({(one.kind, one.name) for one in known}) == len(known)
    assert kinds


def outside(grader) -> set[int]:
    """Every process there is that grading could have started: the sandbox's, and this process's other children."""
    return grader.family() | {process.pid for process in psutil.Process().children(recursive=True)}


def report(record: dict, wants) -> str:
    """What the record says in sentences, and what is told of these exercises."""
    return " | ".join(record["found"] + [record["exercises"][name]["told"] for name in wants])


def printed(notebook: str) -> str:
    """All text in the outputs of a graded notebook."""
    return "".join(output.get("text", "") for cell in json.loads(notebook)["cells"]
                   for output in cell.get("outputs", []) if output["output_type"] == "stream"
                   for output in [{"text": "".join(output["text"])}])


def shown(notebook: str) -> str:
    """A graded notebook's outputs as text: what a learner is shown beside their own cells."""
    return json.dumps([cell.get("outputs", []) for cell in json.loads(notebook)["cells"]])


# A class, by the way that instructors go.

IN_CLASS = re.compile("script|gradebook|work|magics|empty|JSON|cells|NUL|metadata")


class Page(HTMLParser):
    """What a browser would run of a page: scripts, handlers, javascript: addresses, frames."""

    def __init__(self, text: str):
        super().__init__()
        self.runs: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "script"
        if tag in ("script", "iframe", "object", "embed", "svg", "base", "form", "style"):
            self.runs.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:text")):
                self.runs.append(f"{tag} {name}={value}")

    def handle_data(self, data):
        if self.inside and "SCRIPT RAN" in data:
            self.runs.append(data)

    def handle_endtag(self, tag):
        self.inside = False


@SHARED
@pytest.mark.slow
def test_a_class_with_hostile_submissions_is_graded_and_its_feedback_runs_nothing(grader, tmp_path, summary_table):
    course = tmp_path / "course"
    (course / "solutions" / LESSON).mkdir(parents=True)
    (course / "solutions" / LESSON / f"{LESSON}.ipynb").write_text(grader.source)
    (course / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    nbgrader("generate_assignment", LESSON, "--force", cwd=course)
    places = dataclasses.replace(grader.places, gradebook=str(course / "gradebook.db"))
    handed_in = {"a-honest": grader.honest, "z-honest": grader.honest}
    chosen = [one for one in hostile.all_of_them() if one.kind in ("reaching out", "malformed")
              and IN_CLASS.search(one.name) and "thousand" not in one.name]
    handed_in |= {f"h{number:02}": one.submitted(grader.released, places) for number, one in enumerate(chosen)}
    for student, notebook in handed_in.items():
        folder = course / "submitted" / student / LESSON
        folder.mkdir(parents=True)
        content = json.dumps(notebook) if isinstance(notebook, dict) else notebook
        (folder / f"{LESSON}.ipynb").write_bytes(content.encode() if isinstance(content, str) else content)
    for number, (_, _, fill) in enumerate(FOLDERS):
        folder = course / "submitted" / f"f{number:02}" / LESSON
        folder.mkdir(parents=True)
        fill(folder, f"{LESSON}.ipynb", json.dumps(grader.released), places)
    records = grade_class(Book(course), LESSON, jobs=1, seed=3)
    assert len(records) == len(handed_in) + len(FOLDERS)
    full = sum(one["points"] for one in grader.expected.values())
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "dlcourse") as gradebook:
        scores = {one.student_id: one.score for one in gradebook.find_assignment(LESSON).submissions}
    assert scores == {student: full if "honest" in student else 0.0 for student in records}
    nbgrader("generate_feedback", LESSON, cwd=course)
    pages = {path.parts[-3]: path.read_text() for path in (course / "feedback").rglob("*.html")}
    assert set(pages) == set(records)
    ours = Page(pages["a-honest"]).runs
    rows = []
    for student, page in sorted(pages.items()):
        assert sorted(Page(page).runs) == sorted(ours), student
        assert CANARY not in page and "SHADOWED" not in page
        assert str(records[student]["seed"]) not in re.findall(r"\d+", page) or records[student]["seed"] < 10
        rows.append((student, scores[student], records[student]["status"], len(page) // 1000))
    assert not list(course.rglob("BOMB")) and not Path("BOMB").exists()
    summary_table("a class with hostile submissions", ("student", "score", "status", "kB of feedback"), rows)
    assert not any(os.path.islink(path) for path in (course / "autograded").rglob("*"))
