"""The review questions' texts and keys, sealed in one file that is opened when the first of them is needed.

Sealed is compressed and encoded, and no more. It keeps a key from being read by accident, in passing or by a search,
and not from somebody determined, who needs three lines of Python for it. So nothing rests on the seal: what a grade is
given by is judged where learners' code and this file never meet (grading/sandbox.py), and who wants to know what
somebody understands reads the written answers.

`dlcourse build` makes the file from reviews/, where the questions are written by hand.
"""

import base64
import functools
import json
import zlib
from pathlib import Path

from .questions import KINDS, Question

FILE = Path(__file__).with_name("reviews.sealed")
HEADING = "The review questions, made by `dlcourse build` from reviews/: edit them there.\n"


def questions(lesson: str) -> list[Question]:
    """The review questions of a lesson, "activations", in the order they are written in; raises KeyError for none."""
    return [made(name, entry) for name, entry in _opened()[lesson].items()]


def made(name: str, entry: dict) -> Question:
    """The question `name` from its entry: the `kind`, a function of questions.py, and that function's arguments.

    Raises TypeError, ValueError or KeyError where these do not fit together.
    """
    return KINDS[entry["kind"]](name, **{key: value for key, value in entry.items() if key != "kind"})


def seal(reviews: dict) -> str:
    """Seal {lesson: {question: entry}} as the text of a file."""
    text = json.dumps(reviews, ensure_ascii=False).encode()
    return HEADING + base64.encodebytes(zlib.compress(text, 9)).decode()


def unseal(text: str) -> dict:
    """What `seal` was given."""
    return json.loads(zlib.decompress(base64.decodebytes(text.removeprefix(HEADING).encode())))


@functools.cache
def _opened() -> dict:
    return unseal(FILE.read_text())
