"""Data sets as tensors: made from a seed, or shipped with scikit-learn. Nothing is downloaded."""

from functools import cache

import torch
from torch import Tensor


def moons(n: int = 300, noise: float = 0.15, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two interleaved half circles. x (n, 2) float32, y (n,) int64 in {0, 1}."""
    from sklearn.datasets import make_moons
    x, y = make_moons(n, noise=noise, random_state=seed)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def digits(test: int = 360, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Handwritten digits, 8×8 pixels, 1797 of them (UCI ML repository, Alpaydin & Kaynak 1998).

    Returns x_train (1797 − test, 64), y_train, x_test (test, 64), y_test: pixels float32 in [0, 1], labels int64.
    The seed decides which digits are held out.
    """
    x, y = _digits()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held_out, kept = order[:test], order[test:]
    return x[kept], y[kept], x[held_out], y[held_out]


@cache
def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits
    raw = load_digits()
    return torch.tensor(raw.data, dtype=torch.float32) / 16, torch.tensor(raw.target)
