"""Answers to resnet."""

from torch import nn
from torch.nn import functional as F

from .. import right, wrong
from .blocks import as_in_the_paper as Block
from .blocks import with_modules


@right("resnet")
def chained(depth, width, num_classes, in_channels=1):
    if depth < 8 or (depth - 2) % 6 != 0:
        raise ValueError(f"depth must be 6n + 2, not {depth}")
    n = (depth - 2) // 6
    layers = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for stage in range(3):
        for block in range(n):
            out = width * 2 ** stage
            layers.append(Block(channels, out, 2 if stage > 0 and block == 0 else 1))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes))


class _Net(nn.Module):
    def __init__(self, n, width, num_classes, in_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.stages = nn.ModuleList([self._stage(width, width, n, 1), self._stage(width, 2 * width, n, 2),
                                     self._stage(2 * width, 4 * width, n, 2)])
        self.fc = nn.Linear(4 * width, num_classes)

    def _stage(self, i, o, n, stride):
        return nn.Sequential(with_modules(i, o, stride), *[with_modules(o, o) for _ in range(n - 1)])

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        for stage in self.stages:
            x = stage(x)
        return self.fc(x.mean(dim=(2, 3)))


@right("resnet")
def as_a_class(depth, width, num_classes, in_channels=1):
    n, rest = divmod(depth - 2, 6)
    assert rest == 0 and n >= 1
    return _Net(n, width, num_classes, in_channels)


def _net(depth, width, num_classes, in_channels=1, *, n=None, widths=(1, 2, 4), strides=(1, 2, 2), stem=None,
         block=Block, pool=(nn.AdaptiveAvgPool2d, nn.Flatten), tail=()):
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(depth)
    n = n or (depth - 2) // 6
    layers = stem or [nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for factor, stride in zip(widths, strides):
        for number in range(n):
            layers.append(block(channels, factor * width, stride if number == 0 else 1))
            channels = factor * width
    return nn.Sequential(*layers, pool[0](1), pool[1](), nn.Linear(channels, num_classes), *tail)


def _variant(name, mistake, make):
    make.__name__, make.__module__ = name, __name__
    return wrong("resnet", mistake)(make)


_variant("one_block_more", "resnet-blocks-per-stage", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, n=(depth + 4) // 6))
_variant("layers_for_blocks", "resnet-blocks-per-stage", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, n=(depth - 2) // 3))
_variant("four_stages", "resnet-four-stages", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, widths=(1, 2, 4, 8), strides=(1, 2, 2, 2)))
_variant("one_width", "resnet-one-width", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, widths=(1, 1, 1)))
_variant("tripled", "resnet-widths", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, widths=(1, 2, 3)))
_variant("no_strides", "resnet-no-stride", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, strides=(1, 1, 1)))
_variant("strides_in_every_stage", "resnet-stride-first-stage", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, strides=(2, 2, 2)))
_variant("bare_stem", "resnet-no-stem-norm", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, stem=[nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)]))
_variant("stem_with_bias", "resnet-stem-bias", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels,
    stem=[nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]))
_variant("stem_without_bend", "resnet-stem-no-relu", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels,
    stem=[nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]))
_variant("photograph_stem", "resnet-imagenet-stem", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, stem=[nn.Conv2d(in_channels, width, 7, 2, 3, bias=False),
                                                  nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]))
_variant("max_pooled", "resnet-max-pool", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, pool=(nn.AdaptiveMaxPool2d, nn.Flatten)))
_variant("probabilities", "resnet-softmax", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, tail=[nn.Softmax(dim=-1)]))
_variant("always_one_channel", "resnet-in-channels", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes))


class _Plain(Block):
    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


_variant("plain", "resnet-no-skip", lambda depth, width, num_classes, in_channels=1: _net(
    depth, width, num_classes, in_channels, block=_Plain))


@wrong("resnet", "resnet-depth-unchecked")
def any_depth(depth, width, num_classes, in_channels=1):
    return _net(6 * max(1, (depth - 2) // 6) + 2, width, num_classes, in_channels)


@wrong("resnet", "resnet-depth-unchecked")
def none_too_small(depth, width, num_classes, in_channels=1):
    if (depth - 2) % 6:
        raise ValueError("6n + 2")
    return _net(max(depth, 8), width, num_classes, in_channels)


@wrong("resnet", "resnet-wrong-refused")
def asks_for_6n(depth, width, num_classes, in_channels=1):
    if depth % 6:
        raise ValueError("6n")
    return _net(depth + 2, width, num_classes, in_channels)


@wrong("resnet", "resnet-mismatch")
def forgets_the_width(depth, width, num_classes, in_channels=1):
    n, channels = (depth - 2) // 6, width
    layers = [nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for factor, stride in ((1, 1), (2, 2), (4, 2)):
        for number in range(n):
            layers.append(Block(channels, factor * width, stride if number == 0 else 1))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, num_classes))


class _Listed(_Net):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        stages = list(self.stages)
        del self.stages
        self.stages = stages


@wrong("resnet", "resnet-plain-list")
def in_a_list(depth, width, num_classes, in_channels=1):
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(depth)
    return _Listed((depth - 2) // 6, width, num_classes, in_channels)


@wrong("resnet", "resnet-pooled-axes")
def not_pooled(depth, width, num_classes, in_channels=1):
    return nn.Sequential(*list(chained(depth, width, num_classes, in_channels))[:-3], nn.Flatten(),
                         nn.Linear(4 * width, num_classes))


@wrong("resnet", "resnet-one-block-often")
def one_block_often(depth, width, num_classes, in_channels=1):
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        raise ValueError(depth)
    stem = [nn.Conv2d(in_channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*stem, *[Block(width, width)] * n, Block(width, 2 * width, 2),
                         *[Block(2 * width, 2 * width)] * (n - 1), Block(2 * width, 4 * width, 2),
                         *[Block(4 * width, 4 * width)] * (n - 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4 * width, num_classes))
