"""The words of a check: what holds, what does not, what came back where, and which mistake gives exactly that."""

import math
import re
from types import SimpleNamespace

import torch

from .watching import is_stub

UNTOUCHED = "input afterwards"  # the key under which `observe` reports its input after the call


def passed(check) -> str:
    """One line for an answer that holds."""
    parts = [part.name for part in check.parts]
    if parts == ["answer"]:
        return f"✓ {check.name}: right. {check.parts[0].holds}"
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"✓ {check.name}: {listed} {'holds' if len(parts) == 1 else 'hold'}."


def off_limits(check, called: list[str]) -> str:
    """The message for an answer that calls what it should build."""
    bare = " and ".join(name for name in called if "." not in name)
    names = " and ".join([f"torch's {bare}"] * bool(bare) + [name for name in called if "." in name])
    instead = f" {check.instead}" if check.instead else ""
    return (f"{check.name} is not there yet: it uses {names}.\n\n"
            f"That may well give the right numbers, but here it is the thing to build.{instead}")


IN_YOUR_NOTEBOOK = "Run the check in your own notebook: it shows where the two part."


def failed(check, questions, findings, mistake, score, evidence=True) -> str:
    """The message for an answer that does not hold: the mistake if it is known, the evidence, what holds already."""
    name, (number, finding) = next((item for item in findings.items() if item[1]))
    part = next(part for part in check.parts if part.name == name)
    if mistake and mistake.id == "not-written":
        return f"{_unwritten(check, finding.got['inside'] if evidence else '')} {check.unwritten}"
    if check.secret:
        return f"{check.name}: not that one.\n\n{_hint(check, finding, mistake)}"
    case = questions[name][number]
    lines = [_headline(check, findings, score), ""]
    if mistake:
        lines += [mistake.says, ""]
    lines += _evidence(check, part, case, finding) if evidence else [IN_YOUR_NOTEBOOK]
    if len(check.parts) > 1:
        lines += ["", *(_status(part, findings) for part in check.parts)]
    return "\n".join(lines)


def general_mistake(finding):
    """The mistakes that can happen in any exercise, recognised by what they leave behind; None where none fits."""
    what = str(finding.path[0]) if finding.path else ""
    raised = finding.got["type"] if finding.kind == "raised" else ""
    text = finding.got["text"] if raised else ""
    no_gradient = what.startswith("gradient") and finding.kind == "none"
    floats = finding.kind == "dtype" and finding.expected.startswith("float") and finding.got.startswith("float")
    known = [
        ("not-written", raised and is_stub({"raised": finding.got}), "It is not written yet."),
        ("endless", raised == "Endless",
         "It goes on and on. Some loop never reaches its end: what does it wait for, and what changes in each round?"),
        ("one-truth-for-many", "Boolean value of Tensor" in text,
         "`if`, `and`, `or` and Python's `max` and `min` want a single truth value, and a tensor has one for each "
         "entry. Work on all entries at once: `torch.where`, a comparison times a tensor, an index."),
        ("values-and-indices", "return_types" in text,
         "`max` and `min` along an axis give two things, the values and where they stand: take `.values`, or call "
         "`amax` or `amin`."),
        ("returned-none", finding.kind == "none" and len(finding.path) < 2 and not no_gradient,
         "It gave back None. Perhaps the `return` is missing."),
        ("no-gradient", no_gradient,
         "No gradient flows back to the input. That happens when the result is computed under `torch.no_grad()`, or "
         "passes through `.detach()`, `.item()`, `.data` or NumPy on its way, or through `torch.tensor(…)`, which "
         "copies the numbers and forgets where they came from."),
        ("input-changed", what == UNTOUCHED,
         "It changes the tensor it was given. Whoever called it still needs that tensor: work on a new one."),
        ("wrong-shape", finding.kind == "shape", _other_shape(finding)),
        ("wrong-dtype", floats,
         f"The dtype changed on the way: {finding.expected} came in and {finding.got} came out. Constants made with "
         "`torch.tensor(…)` or `torch.zeros(…)` are float32 unless told otherwise."),
        ("wrong-dtype", finding.kind == "dtype", f"The entries are {finding.got}; {finding.expected} was asked for."),
        ("wrong-type", finding.kind == "type",
         f"It gave back {_a(finding.got)}; {_a(finding.expected)} was asked for."),
        ("not-a-number", isinstance(finding.got, float) and math.isnan(finding.got),
         "Somewhere inside, the arithmetic overflowed: inf − inf, 0 · inf or inf / inf is nan, and nan spreads to "
         "everything it touches, gradients included."),
    ]
    return next((SimpleNamespace(id=id, says=says) for id, holds, says in known if holds), None)


def describe(case: dict) -> str:
    """Say what an answer was called with: `x of shape (3, 5), float64; dim = 1`."""
    words = []
    for name, value in case.items():
        if name == "weight":  # only how the check asks for a gradient
            continue
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            dtype = str(value.dtype).removeprefix("torch.")
            words.append(f"{name} of shape {tuple(value.shape)}, {dtype}")
        elif isinstance(value, list) and any(isinstance(one, torch.Tensor) for one in value):
            words.append(f"{name}, {len(value)} tensors")
        else:
            words.append(f"{name} = {number(value)}")
    return "; ".join(words)


def number(value) -> str:
    """Write a number with as many digits as tell it apart from its neighbours."""
    if isinstance(value, torch.Tensor):
        value = value.item() if value.numel() == 1 else value.tolist()
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:.6g}"


def _a(kind: object) -> str:
    """A kind of thing (`comparing.kind_of`) with its article: "an int", "a list of 3", "None"."""
    if kind == "None":
        return kind
    return f"an {kind}" if str(kind)[:1].lower() in "aeio" else f"a {kind}"


def _other_shape(finding) -> str:
    """Of a row of numbers, how many were asked for and came; of anything else, that its shape is another."""
    asked, came = (re.fullmatch(r"(?:list of |shape \()(\d+)(?:,\))?", str(kind))
                   for kind in (finding.expected, finding.got))
    if asked and came:
        number = int(asked[1])
        return f"{number} {'entry was' if number == 1 else 'entries were'} asked for, and {came[1]} came back."
    return "The numbers came back in another shape than was asked for."


def _unwritten(check, inside: str) -> str:
    """What has still its hole: the exercise, one of its methods, or an earlier exercise that it calls."""
    if inside.startswith(f"{check.name}."):
        return inside
    return check.name if inside in ("", check.name) else f"{check.name} calls {inside}, which"


def _hint(check, finding, mistake) -> str:
    """What to say to a wrong answer to a review question: why, or how to go about it, or how to write one."""
    if mistake and not isinstance(mistake, SimpleNamespace):
        return mistake.says
    return check.instead if finding.kind == "raised" else check.hint


def _headline(check, findings, score) -> str:
    if len(check.parts) == 1:
        return f"{check.name} is not there yet."
    good = sum(finding is None for finding in findings.values())
    share = f", {score:.0%} of the points" if score else ""
    return f"{check.name} is not there yet: {good} of {len(check.parts)} parts hold{share}."


def _status(part, findings) -> str:
    found = findings[part.name]
    if found and found[1].kind == "unasked":
        return f"  – {part.name}: not asked yet"
    return f"  {'✗' if found else '✓'} {part.name}: {part.holds}"


def _evidence(check, part, case, finding) -> list[str]:
    asked = part.shows(case) if part.shows else f"{check.call} with {describe(case)}"
    lines = [f"Asked     {asked}"]
    if finding.kind == "raised":
        lines.append(f"It raised {finding.got['type']}: {finding.got['text']}")
        if finding.got["line"]:
            lines.append(f"at        {finding.got['line']}")
        return lines
    lines.append(f"Looked at {_path(finding)}{_place(check, case, finding)}")
    got, expected = number(finding.got), number(finding.expected)
    if got == expected:
        got, expected = repr(finding.got), repr(finding.expected)
    return [*lines, f"Yours     {got}", f"Expected  {expected}"]


def _path(finding) -> str:
    """What was looked at; a place in a list is counted from 1, as people do, and so is one in a list in there."""
    words = []
    for before, step in zip((None, *finding.path), finding.path):
        within = "in it " if isinstance(before, int) else ""
        words.append(f"{within}number {step + 1}" if isinstance(step, int) else str(step))
    return ", ".join(words)


def _place(check, case, finding) -> str:
    """Where in a tensor, and of a function of one number which number of x it was called with there."""
    if finding.index is None:
        return ""
    where = f" at [{', '.join(map(str, finding.index))}]" if finding.index else ""
    x = case.get("x")
    if not (check.curve or check.pointwise) or not isinstance(x, torch.Tensor):
        return where
    own, rest = finding.index[:x.dim()], finding.index[x.dim():]
    inside = len(own) == x.dim() and all(at < size for at, size in zip(own, x.shape)) and not any(rest)
    return f"{where}, where x = {number(x[own])}" if inside else where
