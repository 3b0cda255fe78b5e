"""Where two observations part: the first difference between what came back and what should have."""

import math
from dataclasses import dataclass

import torch

# (relative, absolute). In float64 a constant that somebody made in float32 is still rounding, not a mistake.
ROUNDING = {torch.float64: (1e-5, 1e-7), torch.float32: (1e-4, 1e-5)}
COARSE = (2e-2, 2e-3)  # half precision


@dataclass(frozen=True)
class Finding:
    """The first place where an answer parts from what was expected.

    path      the keys that lead there; the first names what was looked at, "gradient" for one
    kind      "raised", "missing", "type", "none", "shape", "dtype" or "value"
    got       what came back there, a short text or a number
    expected  what should have, likewise
    index     position in the tensor, for kind "value"
    """

    path: tuple
    kind: str
    got: object
    expected: object
    index: tuple | None = None


def first_difference(got, expected, rounding=None, path=()) -> Finding | None:
    """Compare two trees; None where they agree up to rounding.

    Where a number is expected a 0-d tensor will do, and a list where a 1-d tensor is. `rounding` is a pair
    (relative, absolute) in place of the one that the dtype gives.
    """
    if isinstance(expected, dict):
        return _of_dicts(got, expected, rounding, path)
    if isinstance(expected, torch.Tensor):
        return _of_tensors(got, expected, rounding, path)
    if isinstance(expected, list):
        return _of_lists(got, expected, rounding, path)
    return _of_scalars(got, expected, rounding, path)


def kind_of(thing) -> str:
    """Say in a few words what a thing is: `tensor (3, 5) float64`, `list of 4`, `None`."""
    if isinstance(thing, torch.Tensor):
        return f"tensor {tuple(thing.shape)} {str(thing.dtype).removeprefix('torch.')}"
    if isinstance(thing, dict):
        return thing["$type"] if "$type" in thing else f"dict of {len(thing)}"
    if isinstance(thing, list):
        return f"list of {len(thing)}"
    return "None" if thing is None else type(thing).__name__


def _none_or_type(got, expected, path):
    return Finding(path, "none" if got is None else "type", kind_of(got), kind_of(expected))


def _of_dicts(got, expected, rounding, path):
    if not isinstance(got, dict) or "$type" in got:
        return _none_or_type(got, expected, path)
    for key, value in expected.items():
        if key not in got:
            return Finding((*path, key), "missing", "nothing", kind_of(value))
        if finding := first_difference(got[key], value, rounding, (*path, key)):
            return finding
    extra = [key for key in got if key not in expected]
    if extra:
        return Finding((*path, extra[0]), "value", f"an entry {extra[0]!r}", "no such entry")
    if list(got) != list(expected):
        return Finding(path, "value", ", ".join(got), ", ".join(expected))
    return None


def _of_lists(got, expected, rounding, path):
    if isinstance(got, torch.Tensor) and got.dim() == 1:
        got = got.tolist()
    if not isinstance(got, list):
        return _none_or_type(got, expected, path)
    if len(got) != len(expected):
        return Finding(path, "shape", kind_of(got), kind_of(expected))
    for number, (one, other) in enumerate(zip(got, expected)):
        if finding := first_difference(one, other, rounding, (*path, number)):
            return finding
    return None


def _of_tensors(got, expected, rounding, path):
    if isinstance(got, list) and expected.dim() == 1 and all(isinstance(v, (bool, int, float)) for v in got):
        got = torch.tensor(got, dtype=expected.dtype)
    if isinstance(got, (bool, int, float)) and expected.dim() == 0:
        got = torch.tensor(got, dtype=expected.dtype)
    if not isinstance(got, torch.Tensor):
        return _none_or_type(got, expected, path)
    if got.shape != expected.shape:
        return Finding(path, "shape", f"shape {tuple(got.shape)}", f"shape {tuple(expected.shape)}")
    if got.dtype != expected.dtype:
        return Finding(path, "dtype", *(str(t.dtype).removeprefix("torch.") for t in (got, expected)))
    if not expected.dtype.is_floating_point:
        apart = got != expected
    else:
        relative, absolute = rounding or ROUNDING.get(expected.dtype, COARSE)
        apart = ~torch.isclose(got.double(), expected.double(), relative, absolute, equal_nan=True)
    if not apart.any():
        return None
    index = tuple(apart.nonzero()[0].tolist())
    return Finding(path, "value", got[index].item(), expected[index].item(), index)


def _of_scalars(got, expected, rounding, path):
    if isinstance(got, torch.Tensor) and got.dim() == 0:
        got = got.item()
    if isinstance(expected, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        relative, absolute = rounding or ROUNDING[torch.float64]
        same = (math.isnan(got) and math.isnan(expected)) or got == expected or (
            math.isfinite(got) and abs(got - expected) <= absolute + relative * abs(expected))
        return None if same else Finding(path, "value", got, expected)
    if got is None and expected is not None:
        return Finding(path, "none", "None", expected)
    if type(got) is not type(expected):
        return _none_or_type(got, expected, path)
    return None if got == expected else Finding(path, "value", got, expected)
