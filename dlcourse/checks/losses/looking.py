"""Ways of looking at a loss, shared by the exercises of lesson 03."""

import torch

from ..telling import UNTOUCHED
from ..watching import gradient

DOUBLE, SINGLE = torch.float64, torch.float32


def draw(g, *shape, dtype=DOUBLE, scale=1.0):
    """Normal numbers."""
    return (scale * torch.randn(*shape, generator=g, dtype=DOUBLE)).to(dtype)


def copied(thing):
    """A copy of a tensor, or of each tensor in a list; anything else as it is."""
    if isinstance(thing, list):
        return [copied(one) for one in thing]
    return thing.clone() if isinstance(thing, torch.Tensor) else thing


def valued(*names):
    """Look at what the answer gives for these inputs, and at the inputs afterwards; the rest goes in by keyword."""
    def observe(answer, **case):
        given = {name: copied(case.pop(name)) for name in names}
        return {"loss": answer(*given.values(), **case), UNTOUCHED: given}
    return observe


def sloped(*names, of=1):
    """Look at the gradient of the answer's sum with respect to the first `of` inputs."""
    def observe(answer, **case):
        given = {name: copied(case.pop(name)) for name in names}
        leaves = {name: given[name].requires_grad_() for name in names[:of]}
        found = gradient(answer(*[t.clone() for t in given.values()], **case), list(leaves.values()))
        found = found or [None] * of
        return {"gradient" if of == 1 else f"gradient of {name}": one for name, one in zip(leaves, found)}
    return observe


def both(*names):
    """Both, for inputs where either may overflow."""
    def observe(answer, **case):
        return {**valued(*names)(answer, **case), **sloped(*names)(answer, **case)}
    return observe


def raised(text, type=None):
    """Recognise an error by a piece of its text, and by its type."""
    def shows(finding, seen, case):
        error = seen.get("raised", {})
        return text in error.get("text", "") and type in (None, error.get("type"))
    return shows


def fill(model, numbers):
    """Write numbers (n,) into a model's parameters, in order."""
    parameters = list(model.parameters())
    with torch.no_grad():
        for parameter, chunk in zip(parameters, numbers.split([p.numel() for p in parameters])):
            parameter.copy_(chunk.view_as(parameter))
