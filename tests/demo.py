"""A simulated class takes lesson 02, from the release to the report, with nbgrader's commands and the course's own.

    make demo      or      python3 course.py demo [--learners N]

Makes the folder demo/ anew: a course as an instructor has it, what the class handed in, the gradebook, the feedback and
the report. Everything there can be opened; the last line says where the page lies.
"""

import argparse
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from dlcourse.course import CourseError

EXPORTED, FOR_LMS = "grades.csv", "grades-for-lms.csv"
COMMENT = "Read and graded by hand."


def run(folder: Path, number: int) -> list:
    """Let a class of `number` take the lesson in `folder`, which must not be there yet; return its learners."""
    from lesson_files import ROOT, nbgrader
    from simulated import LESSON, learners

    from dlcourse.grading import report
    from dlcourse.grading.book import Book
    from dlcourse.grading.fanout import grade_class

    with step(f"A course of its own in {folder.name}/"):
        shutil.copytree(ROOT / "solutions" / LESSON, folder / "solutions" / LESSON)
        shutil.copy(ROOT / "nbgrader_config.py", folder)
    with step(f"nbgrader generate_assignment {LESSON}"):
        nbgrader("generate_assignment", LESSON, "--force", cwd=folder)
    with step(f"{number} learners hand in"):
        everybody = learners(number)
        for learner in everybody:
            learner.hand_in(folder / "submitted" / learner.name / LESSON)
    print("   " + ", ".join(f"{sum(one.kind == kind for one in everybody)} {kind}"
                            for kind in dict.fromkeys(one.kind for one in everybody)))
    book = Book(folder)
    with step(f"dlcourse grade {LESSON}", "\n"):  # its progress bar has a line of its own
        records = grade_class(book, LESSON)
    print(f"\n{report.class_table(records)}\n")
    named = [records[one.name]["exercises"][exercise]["misconception"] == mistake
             for one in everybody for exercise, mistake in one.planted.items()]
    print(f"   Mistakes that were planted: {len(named)}; told by their own name: {sum(named)}")
    with step("Every second written answer graded by hand, as formgrader does"):
        grade_by_hand(book, LESSON)
    with step(f"nbgrader generate_feedback {LESSON}"):
        nbgrader("generate_feedback", LESSON, cwd=folder)
    with step("nbgrader export"):
        nbgrader("export", f"--to={EXPORTED}", cwd=folder)
    print(f"   dlcourse report {LESSON} --csv {FOR_LMS}\n", flush=True)
    report.report(book, LESSON, str(folder / FOR_LMS))
    return everybody


@contextmanager
def step(words: str, end: str = ""):
    """Say what is being done, and when it is done how long it took."""
    print(f"   {words} …", end=end, flush=True)
    start = time.perf_counter()
    yield
    print(f"{'  ' if end else ''} {time.perf_counter() - start:.1f} s", flush=True)


def grade_by_hand(book, lesson: str) -> None:
    """Give every second written answer that waits all its points but one, and a comment."""
    from nbgrader.api import Gradebook

    with Gradebook(book.folders.db_url, book.folders.course_id) as gradebook:
        for student in sorted(one.student.id for one in gradebook.assignment_submissions(lesson))[::2]:
            if book.record(lesson, student)["status"] != "graded":
                continue
            for grade in gradebook.find_submission_notebook(lesson, lesson, student).grades:
                if grade.needs_manual_grade:
                    grade.manual_score, grade.needs_manual_grade = grade.max_score - 1, False
                    gradebook.find_comment(grade.name, lesson, lesson, student).manual_comment = COMMENT
        gradebook.db.commit()


def main(arguments: list[str]) -> int:
    """Run the demonstration in demo/; return the exit code."""
    parser = argparse.ArgumentParser(prog="course.py demo", description="A simulated class, from release to report.")
    parser.add_argument("--learners", type=int, default=30, metavar="N", help="how many (default: 30)")
    number = parser.parse_args(arguments).learners
    folder = Path(__file__).resolve().parents[1] / "demo"
    if folder.exists():
        shutil.rmtree(folder)
    try:
        run(folder, number)
    except CourseError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
