"""The review questions as authors write them: one reviews/NN_name.toml for each lesson that has some.

    [review_gain]
    kind = "choice"            # choice, numeric, ordering or matching; the rest as in checks/questions.py
    right = "b"
    because = "…"              # told with the right answer
    [review_gain.wrong]
    a = "…"                    # told with this one

What is asked stands in the lesson. The build seals what stands here into the package (checks/sealed.py).
"""

import json
import tomllib
import zlib
from pathlib import Path

from dlcourse.checks import sealed
from dlcourse.checks.questions import KINDS, Question

FOLDER, SEALED = "reviews", Path("dlcourse", "checks", sealed.FILE.name)  # below a course's root


def sealed_anew(root: Path) -> dict[Path, str]:
    """{path: text} of the sealed file below `root`; empty where the one that stands is made of what is written there.

    Raises ValueError as `read` does.
    """
    written, path = read(root), root / SEALED
    return {path: sealed.seal(written)} if json.dumps(written) != json.dumps(_standing(path)) else {}


def read(root: Path) -> dict:
    """Read {lesson: {question: entry}} below `root`, the lesson as its checks are called, "activations".

    Raises ValueError with a sentence that names file and question where one cannot be made, or does not say what
    it should.
    """
    return {path.stem[3:]: _entries(path) for path in sorted((root / FOLDER).glob("*.toml"))}


def _standing(path: Path) -> dict:
    """What is sealed at `path`; nothing where there is no file, or no whole one."""
    try:
        return sealed.unseal(path.read_text()) if path.is_file() else {}
    except (ValueError, zlib.error):  # two branches that git could not merge, for one
        return {}


def _entries(path: Path) -> dict:
    """Read one lesson's entries, and make and try a question of each."""
    shown = f"{FOLDER}/{path.name}"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of TOML, or of UTF-8
        raise ValueError(f"{shown} cannot be read: {error}.") from None
    for name, entry in entries.items():
        if not isinstance(entry, dict) or entry.get("kind") not in KINDS:
            raise ValueError(f"{shown}, {name}: write [{name}] and below it a kind: {', '.join(KINDS)}.")
        try:
            question = sealed.made(name, entry)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"{shown}, {name}: this makes no question ({error}); see the function {entry['kind']} in "
                             "dlcourse/checks/questions.py for what it needs.") from None
        _try(f"{shown}, {name}", question)
    return entries


def _try(shown: str, question: Question) -> None:
    """Raise ValueError unless the right answer passes and each wrong one is told its own mistake."""
    asked = question.questions()
    answers = [(question.reference, None), *((mistake.answer, mistake.id) for mistake in question.mistakes)]
    for answer, mistake in answers:
        if answer is None:
            continue  # a pair that is recognised in an answer, and none itself
        verdict = question.judge(asked, question.ask(answer, asked))
        if verdict.passed != (mistake is None) or verdict.misconception != mistake:
            told = " ".join(verdict.message.split())
            raise ValueError(f"{shown}: to the answer {answer!r} it says {told!r}.")
