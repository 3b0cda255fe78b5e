"""Review questions as checks: the answer is data, the key stays on the judge's side of the wall.

`because` is told with the right answer, `hint` with a wrong one that is well formed but not foreseen.
"""

import math

from .core import Check, Mistake, Part


def choice(name: str, right: str, because: str, wrong: dict[str, str]) -> Check:
    """One letter. `wrong` explains each of the other letters."""
    letters = sorted([right, *wrong])

    def read(answer):
        letter = str(answer).strip().strip("().").lower()
        if letter not in letters:
            raise ValueError(letter)
        return letter

    mistakes = [Mistake(f"{name}-{letter}", why, letter) for letter, why in wrong.items()]
    form = f"Answer with one letter, in quotes: {', '.join(letters)}."
    return _question(name, right, because, mistakes, read, form)


def ordering(name: str, right: str, because: str, hint: str, wrong: dict[str, tuple[str, str]]) -> Check:
    """Letters in order, as one string. `wrong`: {answer: (id, why)}."""
    def read(answer):
        letters = "".join(filter(str.isalpha, str(answer))).lower()
        if sorted(letters) != sorted(right):
            raise ValueError(letters)
        return letters

    mistakes = [Mistake(id, why, answer) for answer, (id, why) in wrong.items()]
    form = f"Answer with the {len(right)} letters in order, in quotes, each once."
    return _question(name, right, because, mistakes, read, form, hint)


def numeric(name: str, right: float, because: str, hint: str, wrong: dict[str, tuple[float, str]],
            within: float = 0.02) -> Check:
    """A number, right within a relative tolerance. `wrong`: {id: (number, why)}."""
    def read(answer):
        number = float(answer)
        if not math.isfinite(number):
            raise ValueError(number)
        return number

    mistakes = [Mistake(id, why, number) for id, (number, why) in wrong.items()]
    form = f"Answer with a number; {within:.0%} to either side counts as right." if within else "Answer with a number."
    return _question(name, float(right), because, mistakes, read, form, hint, (within, 0.0))


def _question(name, right, because, mistakes, read, form, hint="", rounding=None) -> Check:
    def observe(answer):
        if answer is None:
            raise NotImplementedError
        return {"answer": read(answer)}

    part = Part("answer", 1.0, because, lambda generator: [{}], observe, rounding)
    return Check(name, name, right, [part], mistakes, instead=form, hint=hint, secret=True,
                 unwritten="has no answer yet: write yours in place of None.")
