"""Where the course lies and which lessons it has."""

import re
from pathlib import Path

LESSON = re.compile(r"\d\d_[a-z0-9_]+")
START = "00_start_here"  # the page where everybody begins: built and copied as lessons are, and none of them


class CourseError(Exception):
    """Something the person at the keyboard can put right; the message is one sentence that says how."""


def root() -> Path:
    """Return the course's folder, the one with solutions/ and notebooks/.

    It is the checkout that this package is run from where it is one (an editable install), else the nearest
    folder from the current one upward that has both. Raises CourseError where there is none.
    """
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "solutions").is_dir() and (folder / "notebooks").is_dir():
            return folder
    raise CourseError(f"{here} is not inside the course: change to the folder that holds notebooks/.")


def lessons() -> list[str]:
    """Return the names of the lessons that have a source (solutions/NN_name/NN_name.py), in order."""
    sources = root().glob("solutions/*/*.py")
    return sorted(source.stem for source in sources if source.stem == source.parent.name and is_lesson(source.stem))


def is_lesson(name: str) -> bool:
    """Whether `name` is a lesson's, "02_activations"; the start page is none."""
    return bool(LESSON.fullmatch(name)) and name != START
