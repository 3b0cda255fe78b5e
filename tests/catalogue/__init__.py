"""Answers that learners give, right and wrong, one module or package per lesson, named like its checks.

    @wrong("gelu", "gelu-tanh")     rejected, and told the mistake of that id
    @wrong("gelu", None)            rejected; not a mistake we know
    @right("gelu")                  accepted in full

Each is written as a learner might write it, never copied from the checks: what is proven here is that a check
recognises the mistake, not its own code. `off-limits` answers belong here too.
"""

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One answer: the lesson and exercise it is for, a name, the code, and for a wrong one its mistake's id."""

    lesson: str
    exercise: str
    name: str
    code: object
    right: bool
    mistake: str | None = None

    def __str__(self):
        return f"{self.lesson}-{self.exercise}-{'right' if self.right else 'wrong'}-{self.name}"


_ANSWERS: list[Answer] = []


def _register(exercise, right, mistake, code):
    lesson = code.__module__.split(".")[1]  # catalogue.losses, or catalogue.residual_networks.attention
    _ANSWERS.append(Answer(lesson, exercise, code.__name__, code, right, mistake))
    return code


def right(exercise: str):
    """Register a right answer."""
    return lambda code: _register(exercise, True, None, code)


def wrong(exercise: str, mistake: str | None):
    """Register a wrong answer and the id of the mistake that its check should name."""
    return lambda code: _register(exercise, False, mistake, code)


def answers() -> list[Answer]:
    """All answers of all lessons, in the order they stand."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return list(_ANSWERS)
