"""The training loop that lesson 01 builds by hand, with a progress bar, for the lessons after it."""

import os
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def minibatches(x: Tensor, y: Tensor, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: every sample once, in an order drawn from the generator, `size` at a time."""
    for chosen in torch.randperm(len(x), generator=generator).split(size):
        yield x[chosen], y[chosen]


def fit(model: nn.Module, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, loss_fn: Callable,
        epochs: int, batch_size: int = 64, seed: int = 0, label: str = "training") -> list[float]:
    """Train `model` in place on x (N, …), y (N, …); return the mean loss of each epoch.

    loss_fn(prediction, target) is a scalar, a mean over the batch. A bar shows the epochs; it leaves nothing
    behind when it is done.
    """
    generator = torch.Generator().manual_seed(seed)
    model.train()
    losses = []
    for _ in progress(range(epochs), label):
        total = 0.0
        for inputs, target in minibatches(x, y, batch_size, generator):
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), target)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
        losses.append(total / len(x))
    return losses


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of x (N, …) whose largest logit is at y (N,), in eval mode; the mode is restored."""
    was_training = model.training
    model.eval()
    share = (model(x).argmax(1) == y).float().mean().item()
    model.train(was_training)
    return share


def progress(steps, label: str):
    """Iterate with a bar: in a notebook a widget, elsewhere a line on stdout; never stderr, which nbgrader fails.

    Where the environment has TQDM_DISABLE set, as in the build, there is no bar.
    """
    from tqdm.auto import tqdm
    return tqdm(steps, desc=label, leave=False, file=sys.stdout, disable=bool(os.environ.get("TQDM_DISABLE")))


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal at each step (Jordan et al. 2024). For hidden matrices only.

    Lesson 04 builds its core, `orthogonalize`.

    `torch.optim.Muon` does the same in bfloat16, which takes several times as long on a CPU; here matrices of one
    shape are worked on together, in their own dtype.
    """

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.1):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Move each matrix by lr against its orthogonalized momentum, and decay it."""
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for (rows, columns), alike in shapes.items():
                gradients = torch.stack([p.grad for p in alike])
                buffer = self.state[alike[0]].setdefault("momentum", torch.zeros_like(gradients))
                buffer.lerp_(gradients, 1 - group["momentum"])
                updates = _orthogonal(gradients.lerp(buffer, group["momentum"]))
                step = group["lr"] * max(1, rows / columns) ** 0.5
                for p, update in zip(alike, updates):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step * update)


def _orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of each matrix (…, n, m) near 1, by five rounds of a polynomial."""
    wide = matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
    x = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x if wide is matrices else x.mT
