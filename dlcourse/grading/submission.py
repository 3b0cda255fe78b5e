"""What a learner handed in, read with care: it may be anything, and nothing in it is run or followed here."""

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dlcourse import answers

NBGRADERS_OWN = ("timestamp.txt", "submission_secret.txt")  # which it needs to release feedback
LARGEST = 50 * 2**20  # bytes of a notebook; a lesson with all its figures has about one million


class Broken(Exception):
    """This cannot be graded; the message is a sentence that says why and what to do."""


@dataclass(frozen=True)
class Submission:
    """A handed-in notebook as bytes, and what lay beside it. `problem` says why there are none to be graded."""

    notebook: bytes
    beside: tuple[str, ...] = field(default=())
    problem: str = ""

    @property
    def digest(self) -> str:
        """What tells it from any other, the same for the same notebook."""
        return hashlib.sha256(self.notebook + self.problem.encode()).hexdigest()


def read(folder: Path, lesson: str) -> Submission:
    """Read what lies in `folder` for `lesson`; never fails and never follows a link."""
    name = f"{lesson}.ipynb"
    beside = tuple(sorted(path.name for path in folder.iterdir() if path.name not in (name, *NBGRADERS_OWN)))
    try:
        return Submission(_bytes(folder / name, name), beside)
    except Broken as broken:
        return Submission(b"", beside, str(broken))


def nbgraders_own(folder: Path) -> dict[str, bytes]:
    """What nbgrader itself has put beside the notebook, where it is there."""
    found = {}
    for name in NBGRADERS_OWN:
        with suppress(Broken):
            found[name] = _bytes(folder / name, name)
    return found


def cells(submission: Submission) -> list[dict]:
    """Return the cells of a notebook: dicts with type, source, id, the answers in its outputs and nbgrader's metadata.

    All are of the right type, and nothing else of the outputs is kept. What is attached to a cell is a dict of
    anything.
    Raises Broken for what is no notebook.
    """
    if submission.problem:
        raise Broken(submission.problem)
    try:
        document = json.loads(submission.notebook)
    except (ValueError, RecursionError) as error:
        raise Broken(f"It is not a notebook: its JSON cannot be read ({str(error)[:80]}).") from None
    found = document.get("cells") if isinstance(document, dict) else None
    if found is None and isinstance(document, dict) and isinstance(document.get("worksheets"), list):
        raise Broken("It is a notebook of format 3 or older: open it in JupyterLab, save it and hand it in again.")
    if not isinstance(found, list) or not found:
        raise Broken("It is not a notebook: it has no cells.")
    return [_cell(cell) for cell in found if isinstance(cell, dict)]


def _cell(cell: dict) -> dict:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return {"type": cell.get("cell_type") if cell.get("cell_type") in ("code", "markdown") else "raw",
            "source": clean_text(source) if isinstance(source, str) else "",
            "id": cell.get("id") if isinstance(cell.get("id"), str) else "",
            "answers": answers.read(cell.get("outputs")),
            "attached": cell["attachments"] if isinstance(cell.get("attachments"), dict) else {},
            "grade_id": name if isinstance(name, str) else "",
            "nbgrader": nbgrader if isinstance(nbgrader, dict) else {}}


def clean_text(text: str) -> str:
    """The text with nothing in it that cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _bytes(path: Path, name: str) -> bytes:
    """A regular file's content. Raises Broken for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise Broken(f"There is no {name} in it.") from None
    except OSError:
        raise Broken(f"{name} is a link or cannot be opened; only a notebook itself is graded.") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise Broken(f"{name} is not a file.")
    with open(descriptor, "rb") as file:
        if about.st_size > LARGEST:
            raise Broken(f"{name} has {about.st_size / 1e6:.0f} MB, and over {LARGEST / 1e6:.0f} are not read: clear "
                         "its outputs and hand it in again.")
        return file.read(LARGEST)
