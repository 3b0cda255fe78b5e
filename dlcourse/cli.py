"""The `dlcourse` command. Each subcommand imports what it needs only when it is called."""

import argparse
import sys

from dlcourse.course import CourseError


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

    build = commands.add_parser("build", help="build the lessons' notebooks from solutions/")
    build.add_argument("lessons", nargs="*", metavar="LESSON", help="as in 02_activations (default: all)")
    build.set_defaults(run=run_build)
    return top


def port(text: str) -> int:
    """Return `text` as a port number; raises ArgumentTypeError outside 1 to 65535."""
    if text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 1 to 65535, as in --port 8889")


def run_lab(arguments: argparse.Namespace) -> None:
    """Open JupyterLab until it is stopped."""
    from dlcourse.lab import lab

    lab(port=arguments.port, browser=not arguments.no_browser)


def run_build(arguments: argparse.Namespace) -> None:
    """Build the lessons that were named, or all, and say which notebooks that made."""
    from dlcourse.lessons import LessonError, build

    try:
        built = build(arguments.lessons or None)
    except LessonError as error:
        raise CourseError(str(error)) from error
    for path in built:
        print(path)


if __name__ == "__main__":
    sys.exit(main())
