"""Ways of looking at an answer that several lessons share: cases to draw and functions to observe with."""

import torch

from .telling import UNTOUCHED
from .watching import gradient

SHAPES = [(7,), (3, 5), (2, 3, 4)]  # never square, never one sample only


def batches(generator, shapes=SHAPES, dtype=torch.float64, scale=2.5, **options) -> list[dict]:
    """One case per shape: x ~ N(0, scale²), a random weight of the same shape, and the options as they are."""
    return [{"x": scale * torch.randn(shape, generator=generator, dtype=dtype),
             "weight": torch.randn(shape, generator=generator, dtype=dtype), **options} for shape in shapes]


def points(*values, dtype=torch.float64, **options) -> list[dict]:
    """One case: x holds exactly these values, weight all ones."""
    x = torch.tensor(values, dtype=dtype)
    return [{"x": x, "weight": torch.ones_like(x), **options}]


def value(answer, x, weight=None, **options) -> dict:
    """What answer(x, …) gives, and x as it is afterwards."""
    given = x.clone()
    return {"output": answer(given, **options), UNTOUCHED: given}


def slope(answer, x, weight, **options) -> dict:
    """The gradient of sum(weight·answer(x, …)) with respect to x."""
    leaf = x.clone().requires_grad_()
    return {"gradient": gradient(answer(leaf.clone(), **options), leaf, weight)}


def value_and_slope(answer, x, weight, **options) -> dict:
    """Both, for inputs where either may overflow."""
    return {"output": answer(x.clone(), **options), **slope(answer, x, weight, **options)}


class remembered:  # noqa: N801  (used as a decorator)
    """`observe`, which looks only once at each of the checks' own answers in the same case.

    The judge looks at the reference again for each known mistake, and some looks are a training run or hundreds of
    calls. A learner's answer is looked at every time. Pickled it is the bare `observe`: what it remembers are answers.
    """

    def __init__(self, observe):
        self.observe, self.seen = observe, {}

    def __call__(self, answer, **case):
        if not str(getattr(answer, "__module__", "")).startswith(__package__):
            return self.observe(answer, **case)
        key = answer, _key(case)
        if len(self.seen) > 1000:
            self.seen.clear()
        if key not in self.seen:
            self.seen[key] = self.observe(answer, **case)
        return self.seen[key]

    def __reduce__(self):
        return _itself, (self.observe,)


def _itself(thing):
    return thing


def _key(thing):
    """The same for cases that are the same to the bit."""
    if isinstance(thing, torch.Tensor):
        return thing.shape, thing.dtype, thing.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    if isinstance(thing, dict):
        return tuple((name, _key(value)) for name, value in thing.items())
    return tuple(map(_key, thing)) if isinstance(thing, (list, tuple)) else repr(thing)
