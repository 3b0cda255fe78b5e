"""Answers to train_hundred_layers: quick ones, residual networks of linear layers for the most part."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from dlcourse.training import minibatches

from .. import right, wrong
from .blocks import with_modules
from .networks import chained


class _Step(nn.Module):
    """x + a small branch of two linear layers, which starts as 0."""

    def __init__(self, width, skip=True):
        super().__init__()
        self.norm, self.skip = nn.LayerNorm(width), skip
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        if skip:
            nn.init.zeros_(self.down.weight)

    def forward(self, x):
        return self.skip * x + self.down(F.relu(self.up(self.norm(x))))


def _stack(width=64, blocks=49, skip=True):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), *[_Step(width, skip) for _ in range(blocks)],
                         nn.LayerNorm(width), nn.Linear(width, 10))


def _fit(model, x, y, generator, epochs=5, lr=2e-3, size=128):
    optimizer = torch.optim.AdamW(model.parameters(), lr, weight_decay=0.05)
    steps = epochs * -(-len(x) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for inputs, target in minibatches(x, y, size, generator):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), target, label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    return model


@right("train_hundred_layers")
def residual_linear_layers(x, y, generator):
    torch.manual_seed(0)
    return _fit(_stack(), x, y, generator, epochs=8).eval()


@right("train_hundred_layers")
def thin_residual_net(x, y, generator):
    torch.manual_seed(int(torch.randint(1000, (), generator=generator)))
    blocks = [with_modules(12, 12) for _ in range(50)]
    for block in blocks:
        nn.init.zeros_(block.bn2.weight)
    model = nn.Sequential(nn.Conv2d(1, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), *blocks,
                          nn.Flatten(), nn.Linear(12 * 16, 10))
    return _fit(model, x, y, generator, epochs=5, lr=6e-3).eval()


@wrong("train_hundred_layers", "hundred-guesses")
def untrained(x, y, generator):
    return chained(104, 4, 10).eval()


@wrong("train_hundred_layers", "hundred-guesses")
def without_skips(x, y, generator):
    torch.manual_seed(0)
    return _fit(nn.Sequential(nn.Flatten(), *[nn.Sequential(nn.Linear(64, 64), nn.Sigmoid()) for _ in range(99)],
                              nn.Linear(64, 10)), x, y, generator, epochs=2).eval()


@wrong("train_hundred_layers", "hundred-98")
def ninety_eight(x, y, generator):
    return chained(98, 4, 10).eval()


@wrong("train_hundred_layers", "hundred-blocks")
def half_of_it(x, y, generator):
    return _fit(chained(50, 4, 10), x, y, generator, epochs=1).eval()


@wrong("train_hundred_layers", "hundred-shallow")
def twenty(x, y, generator):
    return chained(20, 4, 10).eval()


class _Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = self.first(x.flatten(1))
        for _ in range(100):
            x = x + 0.1 * torch.tanh(self.middle(x))
        return self.last(x)


@wrong("train_hundred_layers", "hundred-one-hook")
def one_layer_a_hundred_times(x, y, generator):
    return _Shared().eval()


@wrong("train_hundred_layers", "hundred-tuple")
def with_its_losses(x, y, generator):
    return _stack().eval(), [2.3, 1.0]


@wrong("train_hundred_layers", "returned-none")
def no_return(x, y, generator):
    _stack().eval()


@wrong("train_hundred_layers", "hundred-train-mode")
def in_training_mode(x, y, generator):
    torch.manual_seed(0)
    return _fit(_stack(), x, y, generator, epochs=8).train()


@wrong("train_hundred_layers", "hundred-underfits")
def one_short_epoch(x, y, generator):
    torch.manual_seed(0)
    return _fit(_stack(), x, y, generator, epochs=1).eval()


@wrong("train_hundred_layers", "hundred-overfits")
def on_forty_digits(x, y, generator):
    class Recall(nn.Module):
        """Knows its training digits by heart, and guesses on the others."""

        def __init__(self):
            super().__init__()
            self.net, self.known = _stack(), {image.numpy().tobytes(): label for image, label in zip(x, y)}

        def forward(self, images):
            logits = self.net(images)
            for row, image in enumerate(images):
                logits[row, self.known.get(image.numpy().tobytes(), 0)] += 100
            return logits
    return Recall().eval()


@wrong("train_hundred_layers", "hundred-statistics")
def statistics_never_caught_up(x, y, generator):
    model = thin_statistics = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), *[
        _Step(64) for _ in range(49)], nn.LayerNorm(64), nn.Linear(64, 10))
    torch.manual_seed(0)
    _fit(model, x, y, generator, epochs=3)
    thin_statistics[2].running_mean.fill_(30.0)
    return model.eval()


@wrong("train_hundred_layers", "hundred-diverged")
def diverged(x, y, generator):
    model = _stack()
    with torch.no_grad():
        model[1].weight.fill_(float("inf"))
    return model.eval()


@wrong("train_hundred_layers", "hundred-logits-shape")
def nine_classes(x, y, generator):
    model = _stack()
    model[-1] = nn.Linear(64, 9)
    return model.eval()


@wrong("train_hundred_layers", "hundred-input")
def flat_input(x, y, generator):
    model = copy.deepcopy(_stack())
    return nn.Sequential(nn.Linear(64, 64), model).eval()
