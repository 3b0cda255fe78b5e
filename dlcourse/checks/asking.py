"""What several lessons share: cases to draw, ways to look at an answer, and to know a mistake by what it shows."""

import torch

from .telling import UNTOUCHED
from .watching import gradient

DOUBLE = torch.float64
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


def normal(g, *shape, dtype=DOUBLE) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=g, dtype=dtype)


def drawn_seed(g) -> int:
    """A seed drawn from g."""
    return int(torch.randint(2 ** 31, (), generator=g))


def generator(number: int) -> torch.Generator:
    """A fresh generator with this seed."""
    return torch.Generator().manual_seed(number)


def raises(*texts, kind=None):
    """A mistake's `shows`: the answer raised an error of this type (None: any) with one of these pieces in its text."""
    def shows(finding, seen, case):
        error = seen.get("raised") or {}
        return kind in (None, error.get("type")) and any(text in error.get("text", "") for text in texts)
    return shows


def looked_at(*words):
    """A mistake's `shows`: what came out wrong is called one of these."""
    return lambda finding, seen, case: bool(finding.path) and finding.path[0] in words


def varied(base, **methods):
    """A subclass of base with some methods of its own."""
    return type(base.__name__, (base,), methods)


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
