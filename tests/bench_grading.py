"""Time grading: the same submissions of lesson 02 with stock nbgrader and with `dlcourse grade`, in one run.

    make bench-grading      or      python3 course.py bench-grading [--submissions N]

Stock nbgrader runs with its own preprocessors and exporter, as in a course that does not know ours. All submissions are
well-formed, since a broken one ends stock nbgrader's batch. Starting takes seconds, which few submissions do not
outweigh: the ratio is meant for 20. Ends with exit code 1 where ours is less than RATIO times as fast, or where the two
do not give the same full marks.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

RATIO = 8
STOCK = """\
import os, sys
from pathlib import Path
from dlcourse import release

os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "dlcourse"
c.CourseDirectory.source_directory, c.CourseDirectory.release_directory = "solutions", "notebooks"
c.CourseDirectory.db_url = f"sqlite:///{c.CourseDirectory.root}/gradebook.db"
c.CourseDirectory.ignore = release.IGNORE
c.GenerateAssignment.preprocessors = release.PREPROCESSORS
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 120
"""
OURS = ("import sys; from pathlib import Path; from dlcourse import cli; cli.root = Path.cwd; "
        "sys.exit(cli.main(['grade', sys.argv[1]]))")  # the command, in this folder


def course(folder: Path, config: str | None, everybody) -> Path:
    """A course in `folder` that has released the lesson and collected what `everybody` handed in."""
    from lesson_files import ROOT, nbgrader
    from simulated import LESSON

    shutil.copytree(ROOT / "solutions" / LESSON, folder / "solutions" / LESSON)
    text = config or (ROOT / "nbgrader_config.py").read_text()
    (folder / "nbgrader_config.py").write_text(text)
    nbgrader("generate_assignment", LESSON, "--force", cwd=folder)
    for learner in everybody:
        learner.hand_in(folder / "submitted" / learner.name / LESSON)
    return folder


def seconds(command: list[str], folder: Path, **environment: str) -> float:
    """How long a command takes in `folder`; raises RuntimeError with what it said where it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}")
    return time.perf_counter() - start


def points(folder: Path) -> dict[str, float]:
    """Each learner's points of checks in the gradebook of `folder`; raises RuntimeError where somebody has none."""
    from simulated import LESSON

    from dlcourse.grading.analysis import gradebook_marks
    from dlcourse.grading.book import Book

    marks = gradebook_marks(Book(folder), LESSON)
    handed_in = {path.name for path in (folder / "submitted").iterdir()}
    graded = {path.name for path in (folder / "autograded").iterdir() if any(path.rglob("*.ipynb"))}
    if graded != handed_in or set(marks) != handed_in:
        raise RuntimeError(f"not graded in {folder}: {sorted(handed_in - graded & set(marks))}")
    return {student: sum(value or 0.0 for name, value in one.points.items() if name != "why_relu")
            for student, one in marks.items()}


def split(folder: Path, student: str) -> dict[str, float]:
    """Where the seconds of one submission go, in the course at `folder`; with a sandbox that has graded one before.

    "sessions" is how many were opened for it.
    """
    from simulated import LESSON

    from dlcourse.grading import submission as handed_in
    from dlcourse.grading.book import Book
    from dlcourse.grading.run import grade
    from dlcourse.grading.sandbox import Sandbox

    book, spent = Book(folder), {}

    @contextmanager
    def timed(what):
        start = time.perf_counter()
        try:
            yield
        finally:
            spent[what] = spent.get(what, 0.0) + time.perf_counter() - start

    class Timed:
        """A sandbox, or a session, whose work is timed."""

        def __init__(self, real):
            self.real, self.walls = real, getattr(real, "walls", "")

        @contextmanager
        def session(self, *arguments):
            opened = self.real.session(*arguments)
            spent["sessions"] = spent.get("sessions", 0) + 1
            with timed("opening sessions"):
                session = opened.__enter__()
            try:
                yield Timed(session)
            finally:
                with timed("ending sessions"):
                    opened.__exit__(None, None, None)

        def run(self, *arguments):
            with timed("the learner's own cells"):
                return self.real.run(*arguments)

        def ask(self, **request):
            with timed("asking"):
                return self.real.ask(**request)

    with timed("(once a core: starting the sandbox)"):
        sandbox = Sandbox()
    try:
        for _ in range(2):  # the first one reads the lesson and the checks, once for a class
            once = spent["(once a core: starting the sandbox)"]
            spent.clear()
            start = time.perf_counter()
            graded = grade(book.source(LESSON), LESSON, handed_in.read(book.submitted(LESSON, student), LESSON), 1,
                           Timed(sandbox))
            whole = time.perf_counter() - start
            spent["(once a core: starting the sandbox)"] = once
    finally:
        sandbox.close()
    judged = sum(one["seconds"] for one in graded.record["exercises"].values())
    spent["judging"] = judged - spent["asking"]
    parts = ("opening sessions", "ending sessions", "the learner's own cells", "asking", "judging")
    spent["reading, rebuilding, writing"] = whole - sum(spent[part] for part in parts)
    with timed("book-keeping"):
        book.enter(LESSON, student, graded)
    return spent


def floor() -> dict[str, float]:
    """What starting anything costs here: the least of five."""
    def least(start):
        taken = []
        for _ in range(5):
            begun = time.perf_counter()
            start()
            taken.append(time.perf_counter() - begun)
        return min(taken)

    def fork():
        import torch  # noqa: F401  (a process that has it loaded)

        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

    def shut_in():
        subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], check=True)

    fork()
    return {"a fork of a process with torch": least(fork), "a start of bubblewrap": least(shut_in)}


def main(arguments: list[str]) -> int:
    """Run both, print the figures; return the exit code."""
    from dlcourse.lessons import kernel_env
    from simulated import LESSON, WELL_FORMED, KINDS, learners

    parser = argparse.ArgumentParser(prog="course.py bench-grading", description="Seconds of grading, ours and stock.")
    parser.add_argument("--submissions", type=int, default=20, metavar="N", help="how many (default: 20)")
    number = parser.parse_args(arguments).submissions
    everybody = learners(number, [kind for kind in KINDS if kind in WELL_FORMED])
    with tempfile.TemporaryDirectory() as scratch:
        ours, stock = Path(scratch) / "ours", Path(scratch) / "stock"
        course(ours, None, everybody), course(stock, STOCK, everybody)
        print(f"{number} submissions of {LESSON}, {len(os.sched_getaffinity(0))} cores", flush=True)
        taken = {"dlcourse grade": seconds([sys.executable, "-c", OURS, LESSON], ours)}
        show("dlcourse grade", taken["dlcourse grade"], number)
        taken["nbgrader alone"] = seconds([sys.executable, "-m", "nbgrader", "autograde", LESSON], stock,
                                          **kernel_env(scratch))
        show("nbgrader alone", taken["nbgrader alone"], number)
        here, there = points(ours), points(stock)
        parts = split(ours, everybody[0].name)
    ratio = taken["nbgrader alone"] / taken["dlcourse grade"]
    print(f"{'ratio':32}{ratio:9.1f}   at least {RATIO} is wanted\n\nOne submission, in seconds")
    print_split(parts)
    most = max(here.values())
    differ = [name for name in here if (here[name] == most) != (there[name] == most) or there[name] > here[name]]
    if differ:
        print(f"The two disagree on {', '.join(differ)}: {[(here[name], there[name]) for name in differ]}")
    return int(ratio < RATIO or bool(differ))


def print_split(parts: dict[str, float]) -> None:
    """Print where one submission's seconds go, and what starting anything costs."""
    for what, spent in {**parts, **floor()}.items():
        print(f"  {what:38}{spent:9.3f}" if what != "sessions" else f"  {what:38}{spent:5}")


def show(what: str, spent: float, number: int) -> None:
    """Print a line of figures."""
    print(f"{what:32}{spent:9.1f} s {spent / number:7.2f} s each", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
