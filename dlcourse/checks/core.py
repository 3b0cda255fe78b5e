"""A check: what is asked of an answer, how it is judged, and which mistakes are known.

    Check.questions(seed)                 the inputs, drawn from a seed
    Check.ask(answer, questions)          beside the learner's code: observations, plain data
    Check.judge(questions, observations)  away from it: the verdict
    Check(answer)                         all three in one process: a Verdict, or CheckFailed

A part of a check looks at an answer through one function, `observe`. The judge looks at the reference through
the same function, and at each known mistake: so what is expected, and what a mistake would have given, are
never written down twice.
"""

import ast
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from .. import progress
from . import picture, telling, watching, wire
from .comparing import Finding, first_difference
from .verdict import CheckFailed, Verdict

LIKE_A_MISTAKE = (1e-4, 1e-7)  # constants that people round differently still give the same mistake


@dataclass(frozen=True)
class Part:
    """One property of an answer, worth a share of the points.

    name     a word or two: "values", "gradient"
    share    how much of the points it carries; the shares of a check's parts sum to 1
    holds    the property in one sentence
    cases    generator -> list of cases; a case is a dict of plain data, the keyword arguments of `observe`
    observe  (answer, **case) -> tree; called with the learner's answer, the reference and each known mistake
    rounding (relative, absolute) where what the dtype gives will not do
    shows    case -> the call in words, where the generic one will not do
    agrees   (case, observed, expected) -> None or a `Finding`, where closeness is not the question
    """

    name: str
    share: float
    holds: str
    cases: Callable[[torch.Generator], list[dict]]
    observe: Callable
    rounding: tuple[float, float] | None = None
    shows: Callable[[dict], str] | None = None
    agrees: Callable | None = None

    def difference(self, case, observation, expected) -> Finding | None:
        """The first place where an observation parts from the expected one."""
        if "raised" in observation:
            return Finding((), "raised", observation["raised"], None)
        if self.agrees:
            return self.agrees(case, observation["seen"], expected["seen"])
        return first_difference(observation["seen"], expected["seen"], self.rounding)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people really give: a stable id, a sentence that explains it, and the answer itself.

    `answer` is a list where the mistake has several forms that come out differently. Where it is not a piece of
    code, `shows` recognises it: (finding, observation, case) -> bool.
    """

    id: str
    says: str
    answer: object = None
    shows: Callable | None = None


@dataclass
class Check:
    """The check of one exercise. The first part is the foundation: without it the others earn nothing.

    name        the exercise's one name
    call        how the answer is called, for people: "gelu(x)"
    reference   a right answer
    off_limits  what would answer the exercise for the learner: bare names of tensor functions and layers ("gelu"
                is F.gelu, nn.GELU, Tensor.gelu and aten's), dotted names of Python modules, classes and functions
                where they are defined ("torch.optim", "torch.nn.init", "torch.nn.utils.clip_grad")
    instead     what to use in their place, the end of a sentence
    curve       for a function of one number: (from, to), over which a notebook draws a failing answer beside the
                expected one
    pointwise   each number that comes back depends on one number of x only, the one that stands in its place; a
                `curve` says so too, and then a message shows that number
    seconds     how long the check may take: 1, or up to 20 where it trains, 60 for a capstone
    secret      the expected values are not shown (review questions)
    unwritten   what to say to an answer that is not there yet
    hint        what to say to a wrong answer that is no known mistake
    """

    name: str
    call: str
    reference: object
    parts: list[Part]
    mistakes: list[Mistake] = field(default_factory=list)
    off_limits: frozenset[str] = frozenset()
    instead: str = ""
    curve: tuple[float, float] | None = None
    pointwise: bool = False
    seconds: float = 1.0
    secret: bool = False
    hint: str = ""
    unwritten: str = "is not written yet: put your code where it says `raise NotImplementedError()`."

    def questions(self, seed: int | None = None) -> dict:
        """Draw {part name: [case, ...]}. Without a seed the draw is the learner's own, the same every time."""
        def generator(part):
            text = f"{self.name}/{part.name}/{seed}"
            return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]))
        return {part.name: part.cases(generator(part)) for part in self.parts}

    def ask(self, answer, questions: dict) -> dict:
        """Put the questions to the learner's answer; see `watching.ask` for what comes back."""
        return self.asks(self.parts, answer, questions, self._watched, 10 * self.seconds)

    @property
    def asks(self) -> Callable:
        """What asks, a function like `watching.ask`; a grader sends it to where the answer is."""
        return watching.ask

    def judge(self, questions: dict, observations: dict, evidence: bool = True) -> Verdict:
        """Decide, from data alone. Observations of any other form than `ask` gives do not pass.

        Without `evidence` the message shows nothing of the questions: they are secret when a grade depends on them.
        """
        start = time.perf_counter()
        observations = _in_form(observations)
        with watching.beside():
            passed, score, message, misconception = self._judge(questions, observations, evidence)
        return Verdict(passed, score, message, misconception, time.perf_counter() - start)

    def _judge(self, questions, observations, evidence) -> tuple[bool, float, str, str | None]:
        if called := self._off_limits_called(observations):
            return False, 0.0, telling.off_limits(self, called), "off-limits"
        findings = self._findings(questions, observations)
        score = sum(part.share for part in self.parts if findings[part.name] is None)
        if findings[self.parts[0].name]:
            score = 0.0
        if not any(findings.values()):
            return True, 1.0, telling.passed(self), None
        mistake = self._recognise(questions, observations, findings)
        message = telling.failed(self, questions, findings, mistake, score, evidence)
        return False, round(score, 4), message, mistake and mistake.id

    def __call__(self, answer, *, seed: int | None = None) -> Verdict:
        """Check an answer here and now. Returns the verdict; raises CheckFailed where it does not pass."""
        start = time.perf_counter()
        questions = self.questions(seed)
        observations = wire.unpack(wire.pack(self.ask(answer, questions)))  # the same road as when it is graded
        verdict = replace(self.judge(questions, observations), seconds=time.perf_counter() - start)
        progress.remember(self, verdict)
        if not verdict.passed:
            if self.curve and verdict.misconception != "off-limits":
                picture.show(answer, self.reference, self.curve)
            raise CheckFailed(verdict) from None
        return verdict

    # How the judge reads what came back.

    @property
    def _watched(self) -> frozenset[str]:
        return frozenset(map(watching.bare_name, self.off_limits))

    def _look(self, part, answer, case) -> dict:
        return watching.observe(part, answer, case, self._watched)

    def _findings(self, questions, observations) -> dict:
        """{part name: None or (case number, Finding)}, the first difference of each part."""
        found = {}
        for part in self.parts:
            seen = observations["parts"].get(part.name, [])
            found[part.name] = None
            for number, case in enumerate(questions[part.name]):
                if number >= len(seen):
                    found[part.name] = (number, Finding((), "unasked", None, None))
                    break
                expected = self._look(part, self.reference, case)
                if difference := part.difference(case, seen[number], expected):
                    found[part.name] = (number, difference)
                    break
        return found

    def _off_limits_called(self, observations) -> list[str]:
        used = set(observations["calls"])
        if observations["source"]:
            used |= _torch_names(observations["source"])
        readable = {watching.bare_name(name): name for name in sorted(self.off_limits, reverse=True)}
        found = {readable[name] for name in used if name in readable}
        bare = {watching.bare_name(name) for name in found if "." not in name}
        return sorted(name for name in found if "." not in name or watching.bare_name(name.split(".")[-1]) not in bare)

    def _recognise(self, questions, observations, findings) -> Mistake | None:
        """The known mistake that gives what came back: the one that explains the most parts."""
        failing = [part for part in self.parts if findings[part.name]]
        if general := telling.general_mistake(findings[failing[0].name][1]):
            if general.id in ("not-written", "returned-none"):
                return general
        best, most = None, 0
        for mistake in self.mistakes:
            explained = self._explained(mistake, failing, questions, observations, findings)
            if explained > most:
                best, most = mistake, explained
        return best or general

    def _explained(self, mistake, failing, questions, observations, findings) -> int:
        """How many parts come out as the mistake's would: all that hold and the first that fails, or 0."""
        if mistake.shows:
            part = failing[0]
            number, finding = findings[part.name]
            seen = observations["parts"][part.name]
            return number < len(seen) and bool(mistake.shows(finding, seen[number], questions[part.name][number]))
        forms = mistake.answer if isinstance(mistake.answer, list) else [mistake.answer]
        return max(self._alike(form, failing, questions, observations, findings) for form in forms)

    def _alike(self, answer, failing, questions, observations, findings) -> int:
        first, (number, _) = failing[0], findings[failing[0].name]
        case = questions[first.name][number]
        if not first.difference(case, self._look(first, answer, case), self._look(first, self.reference, case)):
            return 0  # here the mistake is right: the learner's is another one
        explained = 0
        for part in [first, *(part for part in self.parts if part is not first)]:
            seen = observations["parts"].get(part.name, [])
            alike = len(seen) == len(questions[part.name]) and all(
                _same(one, self._look(part, answer, case), part.rounding)
                for one, case in zip(seen, questions[part.name]))
            if not alike and part not in failing[1:]:
                return 0
            explained += alike
        return explained


def _in_form(observations) -> dict:
    """Observations as `watching.ask` gives them; what came over the wall in any other form counts as nothing."""
    def text(thing):
        return thing if isinstance(thing, str) else None

    def table(thing):
        return thing if isinstance(thing, dict) else {}

    def entries(thing):
        return thing if isinstance(thing, list) else []

    def observation(thing):
        if "raised" not in table(thing):
            return {"seen": table(thing).get("seen")}
        raised = table(thing["raised"])
        return {"raised": {"type": text(raised.get("type")) or "an error", "text": text(raised.get("text")) or "",
                           "line": text(raised.get("line")), "inside": text(raised.get("inside")) or ""}}

    observations = table(observations)
    return {"source": text(observations.get("source")),
            "calls": [call for call in entries(observations.get("calls")) if isinstance(call, str)],
            "parts": {name: [observation(thing) for thing in entries(seen)]
                      for name, seen in table(observations.get("parts")).items()}}


def _same(one: dict, other: dict, rounding) -> bool:
    """Two observations that a person would call the same; of errors, the type counts."""
    if "raised" in one or "raised" in other:
        return "raised" in one and "raised" in other and one["raised"]["type"] == other["raised"]["type"]
    return first_difference(one["seen"], other["seen"], rounding or LIKE_A_MISTAKE) is None


def _torch_names(source: str) -> set[str]:
    """What a piece of source takes from torch, in the form of off_limits.

    Bare names of attributes (but self's) and of imports, and each dotted name with all that lead to it:
    torch.optim.Adam is also torch.optim.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
            names |= {watching.bare_name(node.attr), *_leading(ast.unparse(node))}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
            for alias in node.names:
                names |= {watching.bare_name(alias.name), *_leading(f"{node.module}.{alias.name}")}
        elif isinstance(node, ast.Import):
            names |= {name for alias in node.names for name in _leading(alias.name)}
    return names


def _leading(dotted: str) -> set[str]:
    parts = dotted.split(".")
    if parts[0] in ("nn", "optim"):  # as everybody imports them
        parts.insert(0, "torch")
    return {".".join(parts[:end]) for end in range(2, len(parts) + 1)} if parts[0] == "torch" else set()
