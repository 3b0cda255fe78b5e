"""Data sets as tensors: made from a seed, or shipped with scikit-learn. Nothing is downloaded."""

from functools import cache
from importlib.resources import files

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


def spirals(n: int = 200, noise: float = 0.05, turns: float = 1.5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two arms that wind round each other. x (n, 2) float32 within about ±1, y (n,) int64 in {0, 1}."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    along = torch.rand(n, generator=generator).sqrt()  # 0 in the centre, 1 at the end of an arm
    angle = 2 * torch.pi * turns * along + torch.pi * y
    x = torch.stack([along * angle.cos(), along * angle.sin()], dim=1)
    return x + noise * torch.randn(n, 2, generator=generator), y


def shapes(n: int = 128, size: int = 24, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noisy images, each with one small disc or square in it, and where it is.

    images (n, size, size) float32, masks (n, size, size) bool; about 1.4 % of the pixels of a mask of 24×24 are on.
    """
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randint(3, size - 3, (n, 2, 1), generator=generator)
    radius = 1 + 0.8 * torch.rand(n, 1, 1, generator=generator)
    square = torch.rand(n, 1, 1, generator=generator) < 0.5
    away = (torch.arange(size) - centre).abs()  # (n, 2, size), in rows and in columns
    rows, columns = away[:, 0, :, None], away[:, 1, None, :]
    masks = torch.where(square, torch.maximum(rows, columns) <= 1, rows ** 2 + columns ** 2 <= radius ** 2)
    return 0.8 * masks + 0.35 * torch.randn(n, size, size, generator=generator), masks


def prose() -> str:
    """The course's own text: paragraphs of lessons 01 to 05, a line each, in about 75 kinds of characters.

    Formulas, code, tables, links and references were left out when it was taken from them, once.
    """
    return files("dlcourse").joinpath("prose.txt").read_text(encoding="ascii")
