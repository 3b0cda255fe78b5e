"""A class is graded on many processes: each submission once, none lost, whoever dies under it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from lesson_files import ROOT, graded, nbgrader, notebook
from nbgrader.api import Gradebook

from dlcourse.course import CourseError
from dlcourse.grading import fanout
from dlcourse.grading.book import Book

LESSON = "02_activations"
RUN = """
import sys
from pathlib import Path
from dlcourse.grading.book import Book
from dlcourse.grading.fanout import grade_class
if __name__ == "__main__":
    grade_class(Book(Path.cwd()), sys.argv[1], jobs=1)
"""


@pytest.fixture
def course(tmp_path):
    """A course folder whose gradebook knows LESSON."""
    shutil.copytree(ROOT / "solutions" / LESSON, tmp_path / "solutions" / LESSON)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    nbgrader("generate_assignment", LESSON, "--force", cwd=tmp_path)
    return tmp_path


def hand_in(course, *students):
    """Let each of `students` hand in the lesson with one answer, each its own number of points' worth."""
    solution = notebook(ROOT, "solutions", LESSON)
    answers = [cell for cell in solution.cells if graded(cell).get("solution") and cell.cell_type == "code"]
    for number, student in enumerate(students):
        empty = notebook(ROOT, "notebooks", LESSON)
        given = {graded(cell)["grade_id"]: cell.source for cell in answers[:number % 4]}
        for cell in empty.cells:
            cell.source = given.get(graded(cell).get("grade_id"), cell.source)
        folder = course / "submitted" / student / LESSON
        folder.mkdir(parents=True)
        nbformat.write(empty, folder / f"{LESSON}.ipynb")


def points(course):
    """Each student's points in the gradebook."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "dlcourse") as gradebook:
        return {submission.student_id: submission.score for submission in gradebook.assignment_submissions(LESSON)}


def expected(*students):
    """The points that `hand_in` is worth: of the first 0, 1, 2 or 3 exercises."""
    solution = notebook(ROOT, "solutions", LESSON)
    worth = [graded(cell)["points"] for cell in solution.cells if graded(cell).get("grade_id", "").startswith("check_")]
    return {student: float(sum(worth[:number % 4])) for number, student in enumerate(students)}


STUDENTS = [f"learner-{number}" for number in range(8)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_on_a_dask_cluster_whose_worker_is_killed_midway_each_submission_is_graded_once(course, monkeypatch):
    from distributed import LocalCluster

    hand_in(course, *STUDENTS)
    entered = []
    enter = Book.enter
    with LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        workers = [worker.process.pid for worker in cluster.workers.values()]

        def note(book, lesson, student, result):
            entered.append(student)
            enter(book, lesson, student, result)
            if len(entered) == 1:
                os.kill(workers[0], signal.SIGKILL)

        monkeypatch.setattr(Book, "enter", note)
        records = fanout.grade_class(Book(course), LESSON, scheduler=cluster.scheduler_address)
        assert not psutil.pid_exists(workers[0])
    assert sorted(entered) == STUDENTS and sorted(records) == STUDENTS
    assert {record["status"] for record in records.values()} == {"graded"}
    assert points(course) == expected(*STUDENTS)


@pytest.mark.slow
def test_a_process_of_the_pool_that_is_killed_costs_nobody_a_grade(course, monkeypatch):
    hand_in(course, *STUDENTS[:4])
    entered = []
    enter = Book.enter

    def note(book, lesson, student, result):
        entered.append(student)
        enter(book, lesson, student, result)
        if len(entered) == 1:
            mine = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
            mine[0].kill()

    monkeypatch.setattr(Book, "enter", note)
    fanout.grade_class(Book(course), LESSON, jobs=2)
    assert sorted(entered) == STUDENTS[:4]
    assert points(course) == expected(*STUDENTS[:4])


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(course):
    hand_in(course, *STUDENTS[:4])
    book = Book(course)
    run = subprocess.Popen([sys.executable, "-c", RUN, LESSON], cwd=course, stderr=subprocess.DEVNULL,
                           env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True)
    end = time.monotonic() + 120
    while not book.records(LESSON) and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = book.records(LESSON)
    assert 0 < len(before) < 4
    records = fanout.grade_class(book, LESSON, jobs=1)
    assert points(course) == expected(*STUDENTS[:4])
    for student, record in before.items():
        assert records[student] == record  # not graded again: its seed is that of the first run
    assert len({record["seed"] for record in records.values()}) == 2


@pytest.mark.slow
def test_whoever_has_handed_in_nothing_is_named(course):
    hand_in(course, "ada")
    with pytest.raises(CourseError, match="bob has handed in nothing"):
        fanout.grade_class(Book(course), LESSON, ["bob"])
    with pytest.raises(CourseError, match="There is no lesson 99_none"):
        fanout.grade_class(Book(course), "99_none")


@pytest.mark.slow
def test_a_gradebook_that_does_not_know_the_lesson_is_told_how_it_will(course):
    hand_in(course, "ada")
    (course / "gradebook.db").unlink()
    with pytest.raises(CourseError, match="run `nbgrader generate_assignment 02_activations --force`"):
        fanout.grade_class(Book(course), LESSON, jobs=1)
    assert Book(course).records(LESSON) == {}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["dlcourse grade", "nbgrader autograde"])
def test_an_answer_out_of_sight_has_no_points_and_waits_for_somebody_to_look(way, course):
    hand_in(course, "ada")
    path = course / "submitted" / "ada" / LESSON / f"{LESSON}.ipynb"
    handed_in = nbformat.read(path, 4)
    cell = next(cell for cell in handed_in.cells if graded(cell).get("grade_id") == "relu")
    cell.source = "def relu(x):\n    import sys\n    return x * (x > 0)"
    nbformat.write(handed_in, path)
    if way == "dlcourse grade":
        fanout.grade_class(Book(course), LESSON, jobs=1)
    else:
        nbgrader("autograde", LESSON, cwd=course)
    assert points(course) == {"ada": 0.0}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "dlcourse") as gradebook:
        grades = gradebook.find_submission_notebook(LESSON, LESSON, "ada").grades
        assert [grade.name for grade in grades if grade.needs_manual_grade] == ["check_relu"]
