"""The words of a check: what holds, what does not, what came back where, and which mistake gives exactly that."""

import math
from types import SimpleNamespace

import torch

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
    names = " and ".join(called)
    instead = f" {check.instead}" if check.instead else ""
    return (f"{check.name} is not there yet: it uses torch's {names}.\n\n"
            f"That may well give the right numbers, but here it is the thing to build.{instead}")


def failed(check, questions, findings, mistake, score) -> str:
    """The message for an answer that does not hold: the mistake if it is known, the evidence, what holds already."""
    name, (number, finding) = next((item for item in findings.items() if item[1]))
    part = next(part for part in check.parts if part.name == name)
    if finding.kind == "raised" and finding.got["type"] == "NotImplementedError":
        return f"{check.name} {check.unwritten}"
    if check.secret:
        return f"{check.name}: not that one.\n\n{mistake.says if mistake else check.instead}"
    case = questions[name][number]
    lines = [_headline(check, findings, score), ""]
    if mistake:
        lines += [mistake.says, ""]
    lines += _evidence(check, part, case, finding)
    if len(check.parts) > 1:
        lines += ["", *(_status(part, findings) for part in check.parts)]
    return "\n".join(lines)


def general_mistake(check, finding):
    """The mistakes that can happen in any exercise, recognised by what they leave behind; None where none fits."""
    what = str(finding.path[0]) if finding.path else ""
    missing = what.startswith("gradient") and finding.kind == "none"
    known = {
        "not-written": finding.kind == "raised" and finding.got["type"] == "NotImplementedError",
        "returned-none": finding.kind == "none" and len(finding.path) < 2 and not missing,
        "no-gradient": missing,
        "input-changed": what == UNTOUCHED,
        "wrong-shape": finding.kind == "shape",
        "wrong-dtype": finding.kind == "dtype",
        "not-a-number": isinstance(finding.got, float) and math.isnan(finding.got),
    }
    says = {
        "not-written": "It is not written yet.",
        "returned-none": "It gave back None. Perhaps the `return` is missing.",
        "no-gradient": "No gradient flows back to the input. That happens when the result is computed under "
                       "`torch.no_grad()`, or passes through `.detach()`, `.item()`, `.data` or NumPy on its way.",
        "input-changed": "It changes the tensor it was given. Whoever called it still needs that tensor: work on "
                         "a new one.",
        "wrong-shape": "The numbers came back in another shape than was asked for.",
        "wrong-dtype": "The dtype changed on the way: what comes in as float64 should leave as float64. Constants "
                       "made with `torch.tensor(…)` or `torch.zeros(…)` are float32 unless told otherwise.",
        "not-a-number": "Somewhere inside, the arithmetic overflowed: inf − inf, 0 · inf or inf / inf is nan, and "
                        "nan spreads to everything it touches, gradients included.",
    }
    found = next((id for id, holds in known.items() if holds), None)
    return found and SimpleNamespace(id=found, says=says[found])


def describe(case: dict) -> str:
    """Say what an answer was called with: `x of shape (3, 5), float64; dim = 1`."""
    words = []
    for name, value in case.items():
        if name == "weight":  # only how the check asks for a gradient
            continue
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            dtype = str(value.dtype).removeprefix("torch.")
            words.append(f"{name} of shape {tuple(value.shape)}, {dtype}")
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
    what = " ".join(str(step) for step in finding.path)
    lines.append(f"Looked at {what}{_place(case, finding)}")
    got, expected = number(finding.got), number(finding.expected)
    if got == expected:
        got, expected = repr(finding.got), repr(finding.expected)
    return [*lines, f"Yours     {got}", f"Expected  {expected}"]


def _place(case, finding) -> str:
    """Where in a tensor, and which input stands there, if one of that shape does."""
    if finding.index is None:
        return ""
    if not finding.index:
        where = ""
    else:
        where = f" at [{', '.join(map(str, finding.index))}]"
    x = case.get("x")
    if isinstance(x, torch.Tensor) and x.dim() == len(finding.index) and x.is_floating_point():
        try:
            return f"{where}, where x = {number(x[finding.index])}"
        except IndexError:
            return where
    return where
