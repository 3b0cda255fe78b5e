"""One check when it counts: its questions go into the session, observations come back, the verdict is reached here."""

import ast
import base64
import time
from dataclasses import dataclass, replace
from types import SimpleNamespace

import cloudpickle

import dlcourse.checks
from dlcourse.checks import watching
from dlcourse.checks.core import Check
from dlcourse.checks.verdict import Verdict

cloudpickle.register_pickle_by_value(dlcourse.checks)  # the sandbox has no checks: only what asks is sent there

OUT_OF_SIGHT = ("{name} cannot be counted as it is: it is made with {words}, which could hide what this exercise rules "
                "out. Write it in plain Python and torch.")
ENDED = "{name} could not be asked: {why}."


@dataclass(frozen=True)
class Judged:
    """A verdict, what the learner is told (nothing of the secret questions), and what somebody should look at."""

    verdict: Verdict
    told: str
    found: tuple[str, ...] = ()


def judge(check: Check, session, expression: str, source: str | None, seed: int) -> Judged:
    """Ask what `expression` gives in the session, judge here. `source` is the text that the answer is made of."""
    start = time.perf_counter()
    questions = check.questions(seed)
    reply = session.ask(seconds=10.0 if check.seconds <= 1 else 2 * check.seconds, answer=expression,
                        freight=freight(check), questions=questions, alone=alone(check),
                        off_limits=sorted(map(watching.bare_name, check.off_limits)))
    found = tuple(f"{check.name}: the notebook had replaced {name}." for name in reply.get("replaced") or []
                  if isinstance(name, str) and name.isidentifier())
    if why := _trouble(reply):
        return failed(check.name, why, found, time.perf_counter() - start)
    observations = reply["observations"]
    if isinstance(observations, dict):
        observations["source"] = own_source(source, check.name)
    try:
        verdict = check.judge(questions, observations)
        told = verdict if verdict.passed else check.judge(questions, observations, evidence=False)
    except Exception as error:  # observations that no honest session gives can be of any form; this is told, not hidden
        return failed(check.name, "what came back cannot be judged", (
            *found, f"{check.name}: judging ended with {type(error).__name__}: {str(error)[:200]}."),
            time.perf_counter() - start)
    judged = Judged(replace(verdict, seconds=time.perf_counter() - start), told.message, found)
    changed = [name for name in reply.get("changed") or [] if isinstance(name, str) and name.isidentifier()]
    return out_of_sight(check, judged, changed) if changed else judged


def failed(name: str, why: str, found: tuple[str, ...] = (), seconds: float = 0.0) -> Judged:
    """No points, since it could not even be asked; `why` is a clause."""
    message = ENDED.format(name=name, why=why)
    return Judged(Verdict(False, 0.0, message, None, seconds), message, found)


def out_of_sight(check: Check, judged: Judged, reaches: list[str]) -> Judged:
    """What holds of an answer that was asked where anything may have run: it `reaches` for, or replaced, these things.

    Where something is ruled out it has no points: nobody can have seen what it used.
    """
    words = ", ".join(reaches[:6]) or "what cannot be followed"
    found = (*judged.found, f"{check.name} is made with {words}: look at it by hand.")
    if not check.off_limits or judged.verdict.misconception == "off-limits" or judged.verdict.score == 0:
        return replace(judged, found=found)
    message = OUT_OF_SIGHT.format(name=check.name, words=words)
    return Judged(replace(judged.verdict, passed=False, score=0.0, message=message, misconception="out-of-sight"),
                  message, found)


def _trouble(reply: dict) -> str | None:
    if isinstance(reply.get("missing"), str):
        return f"the notebook has no such thing ({reply['missing'][:200]})"
    if reply.get("trouble") == "endless":
        return "it did not come to an end"
    if isinstance(reply.get("trouble"), str):
        trouble = reply["trouble"][:200]
        return f"its process {trouble}" if trouble.startswith("ended") else trouble
    return None if "observations" in reply else "nothing came back"


_FREIGHT: dict[int, tuple[Check, str]] = {}


def freight(check: Check) -> str:
    """What asks, as text: the functions that observe, and neither reference nor mistakes."""
    if id(check) not in _FREIGHT:
        parts = [SimpleNamespace(name=part.name, observe=part.observe) for part in check.parts]
        _FREIGHT[id(check)] = check, base64.b64encode(cloudpickle.dumps((check.asks, parts))).decode()
    return _FREIGHT[id(check)][1]


def alone(check: Check) -> bool:
    """Whether an answer may start no threads or processes: they would escape the watch for what is ruled out."""
    return bool(check.off_limits) and check.seconds <= 1


def own_source(source: str | None, name: str) -> str | None:
    """Of an answer's cell what makes the answer: definitions, assignments and imports, not trials below them."""
    if source is None:
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
    try:
        body = ast.parse(source).body
        return ast.unparse(ast.Module([node for node in body if isinstance(node, kinds)], [])) or None
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # nested too deep for Python, for one
        return None


def expression(source: str, name: str) -> str:
    """What a check cell hands to check.<name>, as text. The cell is ours: `check.gelu(gelu)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            return ast.unparse(node.args[0])
    raise ValueError(f"{source!r} does not call check.{name}")
