"""Review questions as checks: the answer is data, the key stays on the judge's side of the wall."""

from .core import Check, Mistake, Part


def choice(name: str, right: str, because: str, wrong: dict[str, str]) -> Check:
    """One letter. `wrong` explains each other letter; `because` is told with the right one."""
    mistakes = [Mistake(f"{name}-{letter}", why, letter) for letter, why in wrong.items()]
    letters = ", ".join(sorted([right, *wrong]))
    return _question(name, right, because, mistakes, f"Answer with one letter, in quotes: {letters}.",
                     lambda answer: str(answer).strip().strip("()").lower())


def ordering(name: str, right: str, because: str, wrong: dict[str, tuple[str, str]]) -> Check:
    """Letters in order, as one string. `wrong`: {answer: (id, why)}."""
    mistakes = [Mistake(id, why, answer) for answer, (id, why) in wrong.items()]
    hint = f"Answer with the {len(right)} letters in order, in quotes, each once."
    return _question(name, right, because, mistakes, hint, lambda answer: "".join(filter(str.isalpha, str(answer))).lower())


def numeric(name: str, right: float, because: str, wrong: dict[str, tuple[float, str]], within: float = 0.02) -> Check:
    """A number, right within a relative tolerance. `wrong`: {id: (number, why)}."""
    mistakes = [Mistake(id, why, number) for id, (number, why) in wrong.items()]
    hint = f"Answer with a number; {within:.0%} to either side counts as right."
    return _question(name, float(right), because, mistakes, hint, float, (within, 0.0))


def _question(name, right, because, mistakes, hint, read, rounding=None) -> Check:
    def observe(answer):
        if answer is None:
            raise NotImplementedError
        return {"answer": read(answer)}
    part = Part("answer", 1.0, because, lambda generator: [{}], observe, rounding)
    return Check(name, name, right, [part], mistakes, instead=hint, secret=True,
                 unwritten="has no answer yet: write yours in place of None.")
