"""How an answer that needs ranks is looked at: on real processes, from which only plain data comes back.

One team of processes serves a whole check, with as many of its ranks as a case asks for. What is expected is
computed in one process: the judge starts no ranks, and the reference here is an `InOneProcess`.
"""

import atexit
import builtins
import contextlib
import dis
import inspect
import sys
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

import torch

from ...distributed import Deadlock, RankError, Team
from .. import watching
from ..comparing import ROUNDING, first_difference
from ..core import Check, Mistake

MANY = 460  # characters of an error's text; more would be cut in the middle


class InOneProcess:
    """A right answer, known without ranks: f(**case) gives the tree that is expected."""

    def __init__(self, f):
        self.f = f


@dataclass
class RanksCheck(Check):
    """A check whose answer runs on ranks.

    ranks      the largest number of them that any case asks for
    patience   seconds for one case; ranks that have not come to their end by then wait for each other
    """

    seconds: float = 20.0
    ranks: int = 3
    patience: float = 6.0

    @property
    def asks(self):
        """As every check asks, with ranks at hand."""
        return partial(ask_on_ranks, ranks=self.ranks, patience=self.patience)


def ask_on_ranks(parts, answer, questions: dict, off_limits, seconds: float, *, ranks: int, patience: float) -> dict:
    """`watching.ask` with a team of ranks; what they call of the off-limits things is noted too."""
    if hole := hole_in(answer):
        stub = {"raised": {"type": "NotImplementedError", "text": "", "line": None, "inside": hole}}
        return {"source": None, "calls": [], "parts": {parts[0].name: [stub]}}
    with _Company(ranks, off_limits, patience) as company:
        if "optim" in (watching._source(answer) or ""):
            company.load_optim()
        observations = watching.ask(parts, answer, questions, off_limits, seconds)
    asked = {name: list(takewhile(_asked, seen)) for name, seen in observations["parts"].items()}
    return {**observations, "calls": sorted({*observations["calls"], *company.calls}), "parts": asked}


class NotAsked(Exception):
    """Stands for a case that no ranks were there for any more."""


def _asked(observation) -> bool:
    return observation.get("raised", {}).get("type") != NotAsked.__name__


class on_ranks:  # noqa: N801  (an `observe`, made like one by a function)
    """An `observe`: work(answer, **case) on each of case["ranks"] ranks gives {name: …}; all of it comes back.

    The tree is {"<name> of rank 0": …}, rank by rank; of the reference, `expected(ranks, **case)` gives that tree.
    Pickled it knows nothing of what is expected.
    """

    def __init__(self, work, expected=None):
        self.work, self.expected = work, expected

    def __call__(self, answer, ranks, **case):
        if isinstance(answer, InOneProcess):
            return self.expected(ranks, **case)
        return by_rank(_Company.here.run(self.work, answer, case, ranks))

    def __reduce__(self):
        return on_ranks, (self.work,)


def by_rank(results: list[dict]) -> dict:
    """One tree of the dicts that the ranks gave, rank by rank."""
    return {f"{name} of rank {rank}": value for rank, result in enumerate(results) for name, value in result.items()}


class _Kept:
    """A team that all checks of this process use; it goes nowhere with them."""

    team: Team | None = None

    def __reduce__(self):
        return _Kept, ()


_KEPT = _Kept()


class _Company:
    """The team of the check that is being asked, if any: `_Company.here`."""

    here = None

    def __init__(self, size, watched, patience):
        self.size, self.watched, self.patience = size, watched, patience
        self.calls, self.failed = set(), False

    def __enter__(self):
        self.team = _KEPT.team or Team(self.size, "gloo")  # a check is the same everywhere, GPUs or not
        _Company.here = self
        return self

    def __exit__(self, *error):
        _Company.here = None
        if self.team is not _KEPT.team:
            self.team.close()

    def load_optim(self):
        """Let the ranks load what the first use of torch.optim loads, for seconds; it counts for nobody."""
        self.team.run(_load, ranks=self.size, seconds=60)

    def run(self, work, answer, case, ranks) -> list[dict]:
        """What work(answer, **case) gives on each rank; after an error, which ends them, they are asked no more."""
        if self.failed:
            raise NotAsked
        try:
            results = self.team.run(_at_rank, work, answer, case, self.watched, ranks=ranks,
                                    seconds=self.patience)
        except RankError as error:
            self.failed = not self.team.stands  # new ranks would take seconds to start
            raise _as_raised(error) from None
        for _, calls in results:
            self.calls |= set(calls)
        return [result for result, _ in results]


def keep_a_team(size: int = 4) -> None:
    """From here on let all checks in this process use one team, which ends with it: for tests of many answers."""
    if not _KEPT.team:
        _KEPT.team = Team(size, "gloo")
        atexit.register(_KEPT.team.close)


def _at_rank(work, answer, case, watched):
    """On a rank: do the work, watched; give back plain data and what was called of the off-limits things."""
    calls = set()
    with watching.beside(), _imports_unwatched(), watching._watched(calls, watched):
        return watching.plain(work(answer, **watching.fresh(case))), sorted(calls)


@contextlib.contextmanager
def _imports_unwatched():
    """What runs while a module is imported is nobody's call; watched, torch's imports would take many seconds."""
    imports = builtins.__import__

    def quietly(*args, **kwargs):
        profile = sys.getprofile()
        sys.setprofile(None)
        try:
            return imports(*args, **kwargs)
        finally:
            sys.setprofile(profile)

    builtins.__import__ = quietly
    try:
        yield
    finally:
        builtins.__import__ = imports


def _load():
    import torch._dynamo  # noqa: F401


def _as_raised(error: RankError) -> Exception:
    """The error that a rank raised, under its own name, with the rank and the learner's line in its text."""
    first, *rest = str(error).splitlines()
    if isinstance(error, Deadlock):
        return type("Deadlock", (Exception,), {})("\n".join([first, *rest[:-1]])[:MANY])
    if " raised " not in first:
        return type("RankEnded", (Exception,), {})(first)
    kind, _, text = first.split(" raised ", 1)[1].partition(": ")
    if kind == "NotImplementedError" and not text:
        return NotImplementedError()
    line = rest[-2].strip() if len(rest) > 1 else ""
    return type(kind, (Exception,), {})(f"{text[:300]} (rank {error.rank}{', in ' * bool(line)}{line})"[:MANY])


def hole_in(answer) -> str | None:
    """The function or method that is still a hole, by its name; None where none is.

    Ranks need seconds to start, and a notebook with holes should not wait for them.
    """
    pieces = [answer]
    if isinstance(answer, type):
        pieces = [getattr(method, "__func__", method) for method in vars(answer).values()]
    for piece in map(inspect.unwrap, filter(inspect.isfunction, pieces)):
        if _raises_at_once(piece):
            return piece.__qualname__.split("<locals>.")[-1]
    return None


def _raises_at_once(function) -> bool:
    last = None
    for step in dis.get_instructions(function):
        if step.opname == "LOAD_GLOBAL":
            last = step.argval
        elif step.opname == "RAISE_VARARGS":
            return last == "NotImplementedError"
        elif "JUMP" in step.opname or "RETURN" in step.opname or step.opname == "FOR_ITER":
            return False
    return False


# How a known mistake is recognised by what came back.


def tree(seen) -> dict:
    """What was observed, by name; nothing where it raised or has another form."""
    found = seen.get("seen")
    return found if isinstance(found, dict) else {}


def gave(name: str, f):
    """Recognises a mistake: `name` of every rank is what f(ranks, **case) lists, one value for each rank."""
    def shows(finding, seen, case):
        if not finding.path or not str(finding.path[0]).startswith(f"{name} of rank"):
            return False
        return not any(first_difference(tree(seen).get(f"{name} of rank {rank}"), value, ROUNDING[torch.float32])
                       for rank, value in enumerate(f(**case)))
    return shows


def found(name: str, *kinds: str):
    """Recognises a mistake by what was looked at first and found wrong, and how."""
    return lambda finding, seen, case: bool(finding.path) and str(finding.path[0]).startswith(name) and (
        not kinds or finding.kind in kinds)


def raised(*texts: str):
    """Recognises a mistake by the error's type or any of these pieces of its text."""
    def shows(finding, seen, case):
        error = seen.get("raised", {})
        return any(text == error.get("type") or text in error.get("text", "") for text in texts)
    return shows


ENDS = [
    Mistake("rank-sizes", "The ranks bring tensors of different sizes or dtypes to one call. What they exchange must "
            "match on all of them.", shows=raised("longer than the buffer", "preamble", "not match",
                                                  "must match the size", "same size")),
    Mistake("rank-exits", "A rank leaves before the others: `exit` ends its process, and whoever waits for it waits "
            "for ever. Every rank must come to the end of the function.", shows=raised("SystemExit", "RankEnded")),
    Mistake("rank-left-alone", "Some ranks wait for others that never come. Every rank must make the same collective "
            "calls in the same order, whatever its number and its data.", shows=raised("Deadlock")),
    Mistake("rank-leaf", "PyTorch refuses to change a parameter in place while it records a graph. What is no part of "
            "the model belongs under `torch.no_grad()`.", shows=raised("a leaf Variable"))]
