"""What the checks of lesson 06 share: ways to look at answers that draw random numbers."""

import torch

from ..telling import UNTOUCHED

DOUBLE = torch.float64


def seed(g) -> int:
    """A seed for a generator that an answer is handed."""
    return int(torch.randint(2 ** 31, (), generator=g))


def generator(number: int) -> torch.Generator:
    """A fresh generator with this seed."""
    return torch.Generator().manual_seed(number)


def raises(*words):
    """A mistake's `shows`: the answer raised an error with one of these words in its text."""
    return lambda finding, seen, case: any(word in seen.get("raised", {}).get("text", "") for word in words)


def looked_at(*words):
    """A mistake's `shows`: what came out wrong is called one of these."""
    return lambda finding, seen, case: bool(finding.path) and finding.path[0] in words


def seen_that(key, truth=False):
    """A mistake's `shows`: what was looked at under this name is this truth value."""
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and seen["seen"].get(key) is truth


def widened(finding, seen, case) -> bool:
    """A mistake's `shows`: float32 came in and float64 came out."""
    return finding.kind == "dtype" and (finding.got, finding.expected) == ("float64", "float32")


def as_numbers(output) -> list:
    """All numbers in what an answer gave: a tensor, numbers, or lists and tuples of them."""
    if isinstance(output, torch.Tensor):
        return [output.detach().double().flatten()]
    if isinstance(output, (list, tuple)):
        return [number for entry in output for number in as_numbers(entry)]
    return [torch.tensor([output], dtype=DOUBLE)] if isinstance(output, (int, float)) else []


def draws(call):
    """Look at how an answer uses its generator; call(answer, generator, **case) is one use of it."""
    def observe(answer, seed, **case):
        given, before = generator(seed), torch.random.get_rng_state()
        first, second = (as_numbers(call(answer, given, **case)) for _ in range(2))
        once_more = as_numbers(call(answer, generator(seed), **case))
        return {"a result to compare": bool(first), SAME: _same_numbers(first, once_more),
                ANOTHER: not _same_numbers(first, second),
                GLOBAL: torch.equal(before, torch.random.get_rng_state())}
    return observe


SAME, ANOTHER = "same state, same result", "a second call gives another result"
GLOBAL = "the global random state is as before"


def _same_numbers(ones, others) -> bool:
    """The same numbers but for rounding: LAPACK's last digits can differ from call to call."""
    return len(ones) == len(others) and all(
        one.shape == other.shape and torch.allclose(one, other, 1e-6, 1e-12) for one, other in zip(ones, others))


def of_form(output, given) -> dict:
    """{} for a tensor of given's shape and dtype; else the difference, under the key "output"."""
    if isinstance(output, torch.Tensor) and output.shape == given.shape and output.dtype == given.dtype:
        return {"output": torch.zeros(given.shape, dtype=given.dtype)}
    return {"output": output}


def untouched(given, before) -> dict:
    """The input as it is after the call."""
    return {UNTOUCHED: given} if not torch.equal(given, before) else {UNTOUCHED: before}


def share(truths) -> float:
    """How many of the truth values are true, between 0 and 1."""
    return truths.double().mean().item()


def alike(one, other) -> torch.Tensor:
    """Which entries along the first axis agree with those of another tensor, bool (N,)."""
    return ((one - other).abs() < 1e-6).flatten(1).all(1)
