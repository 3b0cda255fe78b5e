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
