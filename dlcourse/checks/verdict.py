"""What a check says: a `Verdict`, raised inside `CheckFailed` when the answer does not hold."""

from dataclasses import dataclass

BOLD, RESET = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    passed         whether everything that was asked holds
    score          share of the exercise's points, in [0, 1]
    message        what to tell the learner, several lines of plain text
    misconception  short stable id of the mistake that was recognised, or None
    seconds        wall time of the whole check
    """

    passed: bool
    score: float
    message: str
    misconception: str | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        return self.message  # without the seconds: the same answer shows the same text


class CheckFailed(AssertionError):
    """An answer that does not hold yet. `.verdict` says what is missing; a notebook shows only the message."""

    def __init__(self, verdict: Verdict):
        super().__init__(verdict.message)
        self.verdict = verdict

    def __reduce__(self):
        return CheckFailed, (self.verdict,)

    def _render_traceback_(self) -> list[str]:
        """IPython prints these lines in place of a traceback; JupyterLab puts them on a red ground of its own."""
        headline, *rest = self.verdict.message.split("\n")
        return [f"{BOLD}{headline}{RESET}", *rest]
