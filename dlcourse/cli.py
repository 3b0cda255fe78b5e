"""The `dlcourse` command. Each subcommand imports what it needs only when it is called."""

import argparse
import sys

from dlcourse.course import CourseError, root


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (sys.argv's by default); return the exit status.

    What the person can put right is told on stderr in one sentence, with status 1.
    """
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser for every subcommand; each sets `run`, a function of the parsed arguments."""
    top = argparse.ArgumentParser(prog="dlcourse", description="Take, build and teach the course.")
    commands = top.add_subparsers(required=True, metavar="command")

    lab = commands.add_parser("lab", help="open the lessons in JupyterLab, on a working copy in work/")
    lab.add_argument("--port", type=port, default=8888, metavar="N", help="the port to use (default: 8888)")
    lab.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    lab.set_defaults(run=run_lab)

    progress = commands.add_parser("progress", help="what you have passed so far, lesson by lesson")
    progress.set_defaults(run=run_progress)

    reset = commands.add_parser("reset", help="begin a lesson anew; what you wrote is kept beside it")
    reset.add_argument("lesson", metavar="LESSON", help="as in 02_activations")
    reset.add_argument("--progress", action="store_true", help="forget also what you passed in it")
    reset.set_defaults(run=run_reset)

    build = commands.add_parser("build", help="build the lessons' notebooks from solutions/")
    build.add_argument("lessons", nargs="*", metavar="LESSON", help="as in 02_activations (default: all)")
    build.set_defaults(run=run_build)

    grade = commands.add_parser("grade", help="grade what learners handed in for a lesson, all cores at once")
    grade.add_argument("lesson", metavar="LESSON", help="as in 02_activations")
    grade.add_argument("--student", nargs="+", metavar="NAME", help="only these (default: everybody)")
    grade.add_argument("--jobs", type=positive, metavar="N", help="how many at once (default: one per core)")
    grade.add_argument("--scheduler", metavar="URL", help="grade on this Dask cluster, as in tcp://host:8786")
    grade.add_argument("--seed", type=int, metavar="N", help="repeat a run: the seed that its records name")
    grade.add_argument("--again", action="store_true", help="grade also what is graded already")
    grade.add_argument("--no-sandbox", action="store_true",
                       help="run learners' code unprotected; trust everybody first")
    grade.set_defaults(run=run_grade)

    report = commands.add_parser("report", help="what a class knows of a lesson, and its misconceptions by name")
    report.add_argument("lesson", metavar="LESSON", help="as in 02_activations")
    report.add_argument("--csv", metavar="FILE", help="also write the grades for a learning platform: the "
                        "columns student, total, max, status (graded, waiting, broken, lost), then one an exercise")
    report.add_argument("--html", metavar="FILE", help="where the page goes (default: records/LESSON/report.html)")
    report.set_defaults(run=run_report)
    return top


def port(text: str) -> int:
    """Return `text` as a port number; raises ArgumentTypeError outside 1 to 65535."""
    if text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 1 to 65535, as in --port 8889")


def positive(text: str) -> int:
    """Return `text` as a number of processes; raises ArgumentTypeError for less than one."""
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of processes: give 1 or more, as in --jobs 4")


def run_lab(arguments: argparse.Namespace) -> None:
    """Open JupyterLab until it is stopped."""
    from dlcourse.lab import lab

    lab(port=arguments.port, browser=not arguments.no_browser)


def run_progress(arguments: argparse.Namespace) -> None:
    """Print how far the learner is, or how to begin."""
    from dlcourse import progress

    rows = progress.summary()
    print(progress.table(rows))
    if progress.nothing_yet(rows):
        print(progress.NOTHING_YET)


def run_reset(arguments: argparse.Namespace) -> None:
    """Put a lesson back to its release and say where the learner's own is kept."""
    from dlcourse.lab import reset

    backup = reset(arguments.lesson, forget=arguments.progress)
    kept = f"what you had is in work/{backup.name}" if backup else "there was none before"
    print(f"work/{arguments.lesson} is as it was released; {kept}.")


def run_build(arguments: argparse.Namespace) -> None:
    """Build the lessons that were named, or all, and say which notebooks that made."""
    from dlcourse.lessons import LessonError, build

    try:
        built = build(arguments.lessons or None)
    except LessonError as error:
        raise CourseError(str(error)) from error
    for path in built:
        print(path)


def run_grade(arguments: argparse.Namespace) -> None:
    """Grade a lesson and print a row for each learner."""
    from dlcourse.grading import report
    from dlcourse.grading.book import Book
    from dlcourse.grading.fanout import grade_class

    records = grade_class(Book(root()), arguments.lesson, arguments.student, arguments.jobs, arguments.scheduler,
                          not arguments.no_sandbox, arguments.seed, arguments.again)
    print(report.class_table(records))


def run_report(arguments: argparse.Namespace) -> None:
    """Print what the class knows of a lesson; write the page, and the CSV where one is asked for."""
    from dlcourse.grading import report
    from dlcourse.grading.book import Book

    report.report(Book(root()), arguments.lesson, arguments.csv, arguments.html)


if __name__ == "__main__":
    sys.exit(main())
