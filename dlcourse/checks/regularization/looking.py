"""What the checks of lesson 06 share: cases, ways to look at answers that draw random numbers, and their mistakes."""

import torch

from ..asking import DOUBLE, drawn_seed, generator
from ..core import Mistake
from ..telling import UNTOUCHED

MANY = 1500  # images over which shares are taken: two of them differ by 0.018 as a rule, and 0.09 is allowed
SHARES = (0.0, 0.09)


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


def pictures(*shape, dtype=DOUBLE, low=0.05, high=0.95, **options):
    """A case: images with pixels between low and high, all different, and a seed."""
    def case(g):
        images = low + (high - low) * torch.rand(shape, generator=g, dtype=DOUBLE)
        return {"images": images.to(dtype), **options, "seed": drawn_seed(g)}
    return case


def several(*cases):
    """A part's cases from functions of the generator."""
    return lambda g: [case(g) for case in cases]


def random_ones(name, source="`torch.rand` and `torch.randint` take it as `generator=`."):
    """The mistakes in using a generator that every one of these exercises can have."""
    return [Mistake(f"{name}-generator", "Not all numbers come from the generator that was handed in: the same state "
                    f"gave another result. {source}", shows=seen_that(SAME)),
            Mistake(f"{name}-restarted", "Every call draws the same numbers: it starts from a seed each time. Draw "
                    "from the generator as it comes; it moves on by itself.", shows=seen_that(ANOTHER)),
            Mistake(f"{name}-global-state", "The global random state is another one afterwards: it was seeded, or "
                    "numbers were drawn from it. Other code counts on it; `torch.random.fork_rng()` puts it back.",
                    shows=seen_that(GLOBAL))]
