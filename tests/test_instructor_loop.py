"""The instructor's loop with stock nbgrader: a class of three takes a lesson through a real exchange."""
import csv
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from lesson_files import ROOT, graded, is_check, nbgrader, notebook
from nbgrader.api import Gradebook

from dlcourse import release
from dlcourse.lessons import kernel_env

LEARNERS = ["right", "wrong", "empty"]


@dataclass
class Class:
    """A course folder set up for `lesson`, an exchange, and a home for each learner."""

    lesson: str
    folder: Path

    @property
    def course(self) -> Path:
        """The instructor's folder."""
        return self.folder / "course"

    @property
    def exchange(self) -> Path:
        """The folder that everybody can write to."""
        return self.folder / "exchange"

    def teach(self, command: str, *arguments: str) -> str:
        """Run an nbgrader command as the instructor; return its log."""
        return nbgrader(command, self.lesson, f"--Exchange.root={self.exchange}", *arguments, cwd=self.course,
                        **kernel_env(str(self.folder)))

    def learn(self, learner: str, command: str) -> str:
        """Run an nbgrader command as `learner`, who has no nbgrader_config.py; return its log."""
        home = self.folder / learner
        return nbgrader(command, self.lesson, f"--Exchange.root={self.exchange}", "--course=dlcourse",
                        f"--student={learner}", cwd=home, HOME=str(home))

    def work(self, learner: str) -> Path:
        """Where `learner` has the lesson's notebook."""
        return self.folder / learner / self.lesson / f"{self.lesson}.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["02_activations"])  # what nbgrader looks at is alike in all lessons
def test_three_learners_go_through_the_exchange_and_get_their_grades(lesson, tmp_path, summary_table):
    group = set_up(lesson, tmp_path)
    group.teach("generate_assignment", "--force")
    assert release_of(group.course, lesson) == release_of(ROOT, lesson)
    group.teach("release_assignment")

    everybody(group, "fetch_assignment")
    solution = notebook(ROOT, "solutions", lesson)
    mistaken = mistakes(solution)
    assert mistaken
    answer(group.work("right"), solution)
    answer(group.work("wrong"), solution, mistaken)
    everybody(group, "submit")

    group.teach("collect")
    group.teach("autograde")
    for learner in LEARNERS:
        grade_by_hand(group, learner)
    group.teach("generate_feedback")
    group.teach("release_feedback")
    everybody(group, "fetch_feedback")
    for learner in LEARNERS:
        feedback, = group.work(learner).parent.rglob("*.html")
        assert "Well argued" in feedback.read_text() or learner == "empty"

    nbgrader("export", "--to=grades.csv", cwd=group.course)
    rows = list(csv.DictReader((group.course / "grades.csv").read_text().splitlines()))
    fields = ("assignment", "student_id", "score", "max_score")
    summary_table("grades.csv, from nbgrader export", fields, [[row[field] for field in fields] for row in rows])
    assert {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in rows} == {
        learner: (points, float(sum(all_points(solution).values())))
        for learner, points in expected(solution, mistaken).items()}


def set_up(lesson: str, folder: Path) -> Class:
    """Make a class in `folder` that is to take `lesson`."""
    group = Class(lesson, folder)
    shutil.copytree(ROOT / "solutions" / lesson, group.course / "solutions" / lesson)
    shutil.copy(ROOT / "nbgrader_config.py", group.course)
    group.exchange.mkdir()
    group.exchange.chmod(0o777)
    for learner in LEARNERS:
        (folder / learner).mkdir()
    return group


def everybody(group: Class, command: str) -> None:
    """Let every learner run `command`, at the same time."""
    with ThreadPoolExecutor(2) as two_at_a_time:
        list(two_at_a_time.map(lambda learner: group.learn(learner, command), LEARNERS))


def release_of(course: Path, lesson: str) -> dict[str, bytes]:
    """Return every file released for `lesson` and its bytes."""
    folder = course / "notebooks" / lesson
    return {path.name: path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and not path.parent.name.startswith(".")}


def all_points(solution: nbformat.NotebookNode) -> dict[str, float]:
    """Return the points of each exercise, question and written answer, by name."""
    return {graded(cell)["grade_id"].removeprefix("check_"): graded(cell)["points"]
            for cell in solution.cells if graded(cell).get("grade")}


def mistakes(solution: nbformat.NotebookNode) -> list[str]:
    """Choose what the wrong learner gets wrong: every second answer that no other answer calls."""
    sources = {graded(cell)["grade_id"]: cell.source for cell in solution.cells
               if cell.cell_type == "code" and graded(cell).get("solution")}

    def is_called(name: str) -> bool:
        return any(re.search(rf"\b{name}\b", source) for other, source in sources.items() if other != name)

    return [name for name in sources if not is_called(name)][::2]


def answer(path: Path, solution: nbformat.NotebookNode, mistaken: list[str] = ()) -> None:
    """Fill in the notebook at `path` from `solution`, but for those `mistaken`, which give something else."""
    fetched = nbformat.read(path, as_version=4)
    answers = {graded(cell)["grade_id"]: cell for cell in solution.cells if graded(cell).get("solution")}
    for cell in fetched.cells:
        name = graded(cell).get("grade_id")
        if name in mistaken:
            cell.source = re.sub(r"raise NotImplementedError\(\).*", "return None", cell.source)
            cell.source = re.sub(rf"^{name} = None", f"{name} = 'z'", cell.source, flags=re.MULTILINE)
        elif name in answers:
            cell.source = "\n".join(line for line in answers[name].source.splitlines()
                                    if line.strip() not in (release.BEGIN, release.END))
    nbformat.write(fetched, path)


def grade_by_hand(group: Class, learner: str) -> None:
    """As formgrader does, give each written answer that waits a comment and one point less than its full."""
    with Gradebook(f"sqlite:///{group.course / 'gradebook.db'}", "dlcourse") as gradebook:
        submission = gradebook.find_submission_notebook(group.lesson, group.lesson, learner)
        waiting = [grade for grade in submission.grades if grade.needs_manual_grade]
        for grade in waiting:
            grade.manual_score = grade.max_score - 1
            grade.needs_manual_grade = False
            comment = gradebook.find_comment(grade.name, group.lesson, group.lesson, learner)
            comment.manual_comment = "Well argued"
        gradebook.db.commit()
        written = [grade.name for grade in submission.grades if grade.cell.cell_type == "markdown"]
    assert [grade.name for grade in waiting] == ([] if learner == "empty" else written)


def expected(solution: nbformat.NotebookNode, mistaken: list[str]) -> dict[str, float]:
    """Return the points that each learner has earned."""
    points = all_points(solution)
    checked = {graded(cell)["grade_id"].removeprefix("check_") for cell in solution.cells if is_check(cell)}
    by_hand = sum(value - 1 for name, value in points.items() if name not in checked)
    return {"right": sum(points[name] for name in checked) + by_hand,
            "wrong": sum(points[name] for name in checked if name not in mistaken) + by_hand,
            "empty": 0.0}
