"""How a schedule is looked at, step by step, and the two shapes that most of them are made of."""

import contextlib
import math
import os
import sys

from ..core import Part
from ..watching import importing

LINES = 20_000  # that an answer may run for one step: hundreds of times what any right one needs
LIBRARIES = ("site-packages", os.path.dirname(os.__file__), "<frozen")


def at_steps(answer, steps, **options):
    """What answer(step, …) gives at each of the steps."""
    ours = str(getattr(answer, "__module__", "")).startswith("dlcourse.checks.")
    seen = {}
    for step in steps:
        with contextlib.nullcontext() if ours else ending():
            seen[f"step {step}"] = answer(step, **options)
    return seen


@contextlib.contextmanager
def ending():
    """Where a loop of the learner's that never ends is stopped by an error.

    What libraries run does not count, nor what runs while one is imported, which must not be broken off.
    """
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if event == "call" and (any(part in frame.f_code.co_filename for part in LIBRARIES) or importing(frame)):
            return None
        lines += event == "line"
        if lines > LINES:
            raise RuntimeError(f"stopped after {LINES} lines of Python, in a loop that does not end")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def call(name):
    """The call in words, for a case of `at_steps`."""
    def shows(case):
        options = ", ".join(f"{key}={value:g}" for key, value in case.items() if key != "steps")
        steps = case["steps"]
        which = "the steps" if len(steps) > steps[-1] - steps[0] else "most of the steps"
        return f"{name}(step, {options}) at {which} from {steps[0]} to {steps[-1]}"
    return shows


def stage(name, exercise, share, holds, cases, observe=at_steps):
    """A part that looks at a schedule step by step."""
    return Part(name, share, holds, cases, observe, shows=call(exercise))


def anneal(start, end, share):
    """Half a cosine from start (share 0) to end (share 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def straight(start, end, share):
    """A straight line from start (share 0) to end (share 1)."""
    return start + (end - start) * share
