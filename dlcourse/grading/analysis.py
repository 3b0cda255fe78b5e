"""What a class's records and its gradebook say of a lesson, as plain figures; report.py and page.py show them."""

import importlib
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from statistics import mean, median

from nbgrader.api import Gradebook

# The mistakes that can happen in any exercise, as they are told of a class.
GENERAL = {
    "off-limits": "It calls what the exercise asks to be built.",
    "endless": "Some loop never came to its end.",
    "one-truth-for-many": "`if`, `and`, `or`, `max` or `min` of Python was put to a tensor of many entries.",
    "values-and-indices": "`max` and `min` along an axis give values and indices; both were taken for the values.",
    "returned-none": "It gave back None: perhaps the `return` is missing.",
    "no-gradient": "No gradient flows back to the input.",
    "input-changed": "It changes the tensor that it was given.",
    "wrong-shape": "The numbers came back in another shape than was asked for.",
    "wrong-dtype": "The numbers came back in another dtype than was asked for.",
    "wrong-type": "Something of another type came back than was asked for.",
    "not-a-number": "The arithmetic inside overflowed to nan.",
}
UNWRITTEN = "not-written"  # no misconception: counted apart
FEWEST = 3  # learners for a correlation: two points always lie on a line


@dataclass(frozen=True)
class Learner:
    """One learner's part. `checked`: points of checks; `written`: of written answers, None while one waits.

    status: "graded", "waiting" (for a person to grade a written answer), "broken" or "lost".
    points: of each exercise and written answer, as the gradebook has them now; total: their sum less `penalty`.
    """

    name: str
    status: str
    points: dict[str, float | None]
    penalty: float
    found: list[str]

    @property
    def total(self) -> float:
        """What counts: all points there are, less the late penalty, never below 0."""
        return max(0.0, sum(value or 0.0 for value in self.points.values()) - self.penalty)


@dataclass(frozen=True)
class Exercise:
    """How an exercise went among those who could be graded. None stands for what is not defined.

    passed and mean are shares in [0, 1]: of learners with all points, and of the points; unwritten and unnamed count
    answers that were still missing, and wrong ones that are no known mistake.
    """

    name: str
    of: float
    passed: float | None
    mean: float | None
    discrimination: float | None
    seconds: float | None
    unwritten: int
    unnamed: int


@dataclass(frozen=True)
class Written:
    """A written answer: how many wait for a person, and the mean share of the points of those graded."""

    name: str
    of: float
    waiting: int
    mean: float | None


@dataclass(frozen=True)
class Misconception:
    """How many learners showed a mistake in an exercise; `says` explains it, in the words of the check."""

    id: str
    exercise: str
    count: int
    says: str


@dataclass(frozen=True)
class Analysis:
    """A class after a lesson. `totals`: points of checks of each graded learner; `of`: the most that there are."""

    lesson: str
    learners: list[Learner]
    exercises: list[Exercise]
    written: list[Written]
    misconceptions: list[Misconception]
    totals: list[float]
    of: float
    unprotected: int = 0

    def having(self, status: str) -> int:
        """How many learners have this status."""
        return sum(learner.status == status for learner in self.learners)


@dataclass
class Marks:
    """What nbgrader's gradebook has of one submission. points: {name: points, or None while a person has to grade}."""

    points: dict[str, float | None] = field(default_factory=dict)
    of: dict[str, float] = field(default_factory=dict)
    penalty: float = 0.0


def analyse(lesson: str, records: dict[str, dict], marks: dict[str, Marks]) -> Analysis:
    """Put together what the records of a lesson (run.py) and its marks in the gradebook say.

    Shares, means and correlations are over the learners that could be graded: a broken submission says nothing of an
    exercise. Only points of checks enter them; written answers stand for themselves.
    """
    graded = [record["exercises"] for record in records.values() if record["status"] == "graded"]
    of = {name: one["of"] for record in records.values() for name, one in record["exercises"].items()}
    written = {name: mark.of[name] for student, mark in marks.items() if student in records
               for name in mark.of if name not in of}
    return Analysis(
        lesson, [_learner(student, record, marks.get(student, Marks())) for student, record in records.items()],
        [_exercise(name, of[name], graded) for name in of],
        [_written(name, points, [marks[student] for student, record in records.items()
                                 if student in marks and record["status"] == "graded"])
         for name, points in written.items()],
        _misconceptions(lesson, graded), [sum(one["points"] for one in exercises.values()) for exercises in graded],
        sum(of.values()), sum(record.get("walls") == "none" for record in records.values()))


def gradebook_marks(book, lesson: str) -> dict[str, Marks]:
    """Read what nbgrader's gradebook has of `lesson`, for each student; nothing where it does not know the lesson."""
    found: dict[str, Marks] = {}
    with Gradebook(book.folders.db_url, book.folders.course_id) as gradebook:
        for submission in gradebook.assignment_submissions(lesson):
            marks = found[submission.student.id] = Marks(penalty=submission.late_submission_penalty or 0.0)
            for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
                name = grade.name.removeprefix("check_")
                marks.of[name] = grade.max_score
                marks.points[name] = None if grade.needs_manual_grade else grade.score
    return found


def discrimination(scores: list[float], rest: list[float]) -> float | None:
    """How well one exercise tells apart who does well in the others: a correlation in [−1, 1].

    The product-moment correlation of the exercise's points with the points of all other exercises,
    Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)² Σ(y−ȳ)²). Where the exercise is only passed or failed this is the point-biserial
    correlation (M₁−M₀)/s·√(p(1−p)): M₁ and M₀ the mean rest of those who passed and of those who did not, s the rest's
    standard deviation with divisor N, p the share who passed. The exercise's own points are left out of the total, or
    they would correlate with themselves; the R package irt calls this `pbis_adj` (`item_analysis`, CRAN). None for
    fewer than three learners, and where everybody has the same.
    """
    if len(scores) < FEWEST:
        return None
    x = [score - mean(scores) for score in scores]
    y = [score - mean(rest) for score in rest]
    spread = math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    if spread < 1e-9:
        return None
    return max(-1.0, min(1.0, sum(a * b for a, b in zip(x, y)) / spread))


def _exercise(name: str, of: float, graded: list[dict]) -> Exercise:
    mine = [exercises[name] for exercises in graded if name in exercises]
    rest = [sum(one["points"] for other, one in exercises.items() if other != name)
            for exercises in graded if name in exercises]
    points = [one["points"] for one in mine]
    wrong = [one["misconception"] for one in mine if not one["passed"]]
    if not mine:
        return Exercise(name, of, None, None, None, None, 0, 0)
    return Exercise(name, of, mean(bool(one["passed"]) for one in mine), mean(points) / of if of else None,
                    discrimination(points, rest), median(one["seconds"] for one in mine),
                    wrong.count(UNWRITTEN), wrong.count(None))


def _written(name: str, of: float, marks: list[Marks]) -> Written:
    points = [mark.points[name] for mark in marks if name in mark.points]
    done = [value for value in points if value is not None]
    return Written(name, of, len(points) - len(done), mean(done) / of if done and of else None)


def _misconceptions(lesson: str, graded: list[dict]) -> list[Misconception]:
    counts = Counter((one["misconception"], name) for exercises in graded for name, one in exercises.items()
                     if one["misconception"] and one["misconception"] != UNWRITTEN)
    return [Misconception(id, name, count, explanation(lesson, name, id))
            for (id, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0][1], item[0][0]))]


def explanation(lesson: str, exercise: str, id: str) -> str:
    """The sentence that explains a mistake, as the lesson's check has it; empty where that id is not known any more."""
    module = importlib.import_module(f"dlcourse.checks.{re.sub(r'^[0-9]+_', '', lesson)}")
    mistakes = getattr(getattr(module, exercise, None), "mistakes", [])
    return next((mistake.says for mistake in mistakes if mistake.id == id), GENERAL.get(id, ""))


def found_in(record: dict) -> list[str]:
    """Everything that somebody should look at in a record, in sentences. Two who wrote nothing did not copy it."""
    wrote = any(one["misconception"] != UNWRITTEN for one in record["exercises"].values())
    twins = [f"The same notebook as {other}'s." for other in record.get("twins", []) if wrote]
    bare = ["It ran without a sandbox."] if record.get("walls") == "none" else []
    return [*record["found"], *twins, *bare]


def _learner(name: str, record: dict, marks: Marks) -> Learner:
    points = {exercise: one["points"] for exercise, one in record["exercises"].items()}
    status = record["status"]
    if status == "graded":
        points |= marks.points
        status = "waiting" if None in points.values() else status
    else:
        points |= {name: value or 0.0 for name, value in marks.points.items()}
    return Learner(name, status, points, marks.penalty, found_in(record))


def summary(analysis: Analysis) -> str:
    """The class in a line."""
    words = [number_of(len(analysis.learners), "learner")]
    if analysis.totals:
        words.append(f"{mean(analysis.totals):.1f} of {analysis.of:g} points from checks on average")
    for status, told in (("broken", "could not be read"), ("lost", "could not be graded"),
                         ("waiting", "to be graded by hand")):
        if count := analysis.having(status):
            words.append(f"{count} {told}")
    return ", ".join(words) + "."


def waiting(written: Written) -> str:
    """How far the grading of a written answer has come."""
    words = [f"{written.waiting} to be graded by hand" if written.waiting else "all graded"]
    return ", ".join(words + ([] if written.mean is None else [f"{share(written.mean)} on average so far"]))


def share(value: float | None) -> str:
    """A share as people write it, as in 67 %."""
    return "–" if value is None else f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def number_of(count: int, thing: str) -> str:
    """One notebook, two notebooks."""
    return f"{count} {thing}{'s' * (count != 1)}"
