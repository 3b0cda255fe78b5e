"""What the checks of lesson 05 draw their cases from, and what is off limits in all of them."""

import torch

OFF_LIMITS = frozenset({"torch.optim.lr_scheduler"})
ARITHMETIC = "Arithmetic and Python's `math` are your tools: a schedule is a formula."


def rate(g, low=0.3, high=1.9) -> float:
    """A learning rate with three digits, drawn between low and high."""
    return round(low + (high - low) * torch.rand(1, generator=g, dtype=torch.float64).item(), 3)


def whole(g, low, high) -> int:
    """A whole number from low to high, both included."""
    return torch.randint(low, high + 1, (1,), generator=g).item()
