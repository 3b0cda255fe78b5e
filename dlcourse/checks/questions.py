"""Review questions as checks: the answer is data, the key stays on the judge's side of the wall.

`because` is told with the right answer, `hint` with a wrong one that is well formed but not foreseen. An answer is
what a learner typed, or the reply of a widget (quiz.py), which holds the same as its `.answer`.
"""

import math
from dataclasses import dataclass

from .. import answers
from .core import Check, Mistake, Part

OPEN = "-"  # stands for the letter of an item that has none yet


@dataclass
class Question(Check):
    """A check of one answer, and what has to be known to ask for it.

    kind     "choice", "numeric", "ordering" or "matching"
    letters  what an answer may be made of, from a on; none for a number
    items    matching: what gets a letter each, in the order of an answer's letters
    """

    kind: str = ""
    letters: str = ""
    items: tuple[str, ...] = ()


@dataclass
class Matching(Question):
    """A question of which each item that has its letter earns a share of the points."""

    def _judge(self, questions, observations, evidence) -> tuple[bool, float, str, str | None]:
        passed, score, message, misconception = super()._judge(questions, observations, evidence)
        observation = (observations["parts"].get("answer") or [{}])[0]
        given = _given(observation)
        if "raised" in observation and observation["raised"]["type"] == "ValueError":
            message = f"{self.name}: {observation['raised']['text']}\n\n{self.instead}"
        if passed or not given:
            return passed, score, message, misconception
        right = sum(given.get(item) == letter for item, letter in zip(self.items, self.reference))
        _, _, hint = message.partition("\n\n")
        told = f"{self.name}: {right} of {len(self.items)} are right.\n\n{hint}{self._repeated(list(given.values()))}"
        return False, round(right / len(self.items), 4), told, misconception

    def _repeated(self, given: list[str]) -> str:
        """A sentence where a letter stands more than once; no two items share one."""
        twice = [letter for letter in self.letters if given.count(letter) > 1]
        never = [letter for letter in self.letters if letter not in given]
        if not twice:
            return ""
        missing = f" and {never[0]} not at all" if never and OPEN not in given else ""
        return f" {twice[0]} stands more than once{missing}."


def choice(name: str, right: str, because: str, wrong: dict[str, str]) -> Question:
    """One letter. `wrong` explains each of the other letters."""
    letters = "".join(sorted([right, *wrong]))

    def read(answer):
        letter = str(answer).strip().strip("().").lower()
        if len(letter) != 1 or letter not in letters:
            raise ValueError(letter)
        return letter

    mistakes = [Mistake(f"{name}-{letter}", why, letter) for letter, why in wrong.items()]
    form = f"Answer with one letter, in quotes: {', '.join(letters)}."
    return _question(Question, "choice", name, right, because, mistakes, read, form, letters=letters)


def ordering(name: str, right: str, because: str, hint: str, wrong: dict[str, tuple[str, str]]) -> Question:
    """Letters in order, as one string. `wrong`: {answer: (id, why)}."""
    letters = "".join(sorted(right))  # all that may be known beside a learner's code

    def read(answer):
        given = "".join(filter(str.isalpha, str(answer))).lower()
        if "".join(sorted(given)) != letters:
            raise ValueError(given)
        return given

    mistakes = [Mistake(id, why, answer) for answer, (id, why) in wrong.items()]
    form = f"Answer with the {len(right)} letters in order, in quotes, each once."
    return _question(Question, "ordering", name, right, because, mistakes, read, form, hint, letters=letters)


def numeric(name: str, right: float, because: str, hint: str, wrong: dict[str, tuple[float, str]],
            within: float = 0.02) -> Question:
    """A number, right within a relative tolerance; text is read as `answers.number` does. `wrong`: {id: (number, why)}.

    Of an int that no other whole number comes near, a wrong answer is told that it is a whole number.
    """
    def read(answer):
        number = float(answers.number(answer) if isinstance(answer, str) else answer)
        if not math.isfinite(number):
            raise ValueError(number)
        return number

    mistakes = [Mistake(id, why, number) for id, (number, why) in wrong.items()]
    if isinstance(right, int) and within * abs(right) < 0.5:
        form = "Answer with a whole number."
    else:
        near = f"; {100 * within:g}% to either side counts as right" if within else ""
        form = f"Answer with a number, such as 0.5 or 1/3 (a point, no comma){near}."
    return _question(Question, "numeric", name, float(right), because, mistakes, read, form, hint, (within, 0.0))


def matching(name: str, right: dict[str, str], because: str, hint: str,
             wrong: dict[str, tuple[str, str, str]]) -> Question:
    """A letter for each item, as one string in the order of the items; `right`: {item: letter}, no letter twice.

    `wrong`: {id: (item, other, why)}, pairs that are taken for each other: one of them has the other's letter. A "-"
    stands for an item that is left open.
    """
    items, letters = tuple(right), "".join(sorted(right.values()))

    def read(answer):
        given = [letter for letter in str(answer).lower() if letter.isalpha() or letter == OPEN]
        if len(given) != len(items):
            raise ValueError(f"{len(items)} letters are asked for, and there are {len(given)}.")
        if strange := set(given) - {*letters, OPEN}:
            raise ValueError(f"there is no {min(strange)} to choose.")
        return dict(zip(items, given))

    def swapped(item, other):
        def shows(finding, observation, case):
            given = _given(observation)
            return given.get(item) == right[other] or given.get(other) == right[item]
        return shows

    mistakes = [Mistake(id, why, shows=swapped(item, other)) for id, (item, other, why) in wrong.items()]
    form = f"Answer with {len(items)} letters in quotes, one for each in the order in which they stand."
    return _question(Matching, "matching", name, "".join(right.values()), because, mistakes, read, form, hint,
                     letters=letters, items=items)


KINDS = {"choice": choice, "numeric": numeric, "ordering": ordering, "matching": matching}


def _given(observation: dict) -> dict[str, str]:
    """{item: letter} of an answer to a matching question; empty for an observation of any other form."""
    seen = observation.get("seen")
    given = seen.get("answer") if isinstance(seen, dict) else None
    pairs = given.items() if isinstance(given, dict) else ()
    return {item: letter for item, letter in pairs if isinstance(letter, str)}


def _question(make, kind, name, right, because, mistakes, read, form, hint="", rounding=None, **known) -> Question:
    def observe(answer):
        answer = getattr(answer, "answer", answer)
        if answer is None:
            raise NotImplementedError
        return {"answer": read(answer)}

    part = Part("answer", 1.0, because, lambda generator: [{}], observe, rounding)
    return make(name, name, right, [part], mistakes, instead=form, hint=hint, secret=True, kind=kind, **known,
                unwritten="has no answer yet: choose one in the cell above, or write yours there.")
