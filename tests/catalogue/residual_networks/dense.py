"""Answers to DenseBlock and stochastic_depth."""

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# DenseBlock


def _layer(i, growth, **options):
    return nn.Sequential(nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, growth, 3, padding=1, **{"bias": False, **options}))


@right("DenseBlock")
class grows(nn.Module):
    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList([_layer(in_channels + k * growth, growth) for k in range(layers)])

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


@right("DenseBlock")
class collects(nn.Module):
    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.norms, self.convs = nn.ModuleList(), nn.ModuleList()
        channels = in_channels
        for _ in range(layers):
            self.norms.append(nn.BatchNorm2d(channels))
            self.convs.append(nn.Conv2d(channels, growth, kernel_size=3, padding="same", bias=False))
            channels += growth

    def forward(self, x):
        seen = [x]
        for norm, conv in zip(self.norms, self.convs):
            seen.append(conv(torch.relu(norm(torch.concat(seen, 1)))))
        return torch.concat(seen, 1)


def _dense(name, mistake, forward=None, layer=None):
    """An answer that differs from `grows` in its forward, or in its layers."""
    body = {"__module__": __name__}
    if forward:
        body["forward"] = forward
    if layer:
        def __init__(self, in_channels, growth, layers):
            nn.Module.__init__(self)
            self.layers = nn.ModuleList([layer(in_channels + k * growth, growth) for k in range(layers)])
        body["__init__"] = __init__
    return wrong("DenseBlock", mistake)(type(name, (grows,), body))


def _new_only(self, x):
    return grows.forward(self, x)[:, x.shape[1]:]


def _reversed(self, x):
    for layer in self.layers:
        x = torch.cat([layer(x), x], 1)
    return x


def _last_features(self, x):
    for layer in self.layers:
        features = layer(x)
        x = torch.cat([x, features], 1)
    return features


def _drops_last(self, x):
    for layer in self.layers[:-1]:
        x = torch.cat([x, layer(x)], 1)
    self.layers[-1](x)
    return x


def _detaches(self, x):
    for layer in self.layers:
        x = torch.cat([x, layer(x.detach())], 1)
    return x


def _along_rows(self, x):
    for layer in self.layers:
        x = torch.cat([x, layer(x)], 2)
    return x


_dense("without_the_input", "dense-without-input", _new_only)
_dense("newest_first", "dense-newest-first", _reversed)
_dense("last_features", "dense-only-last", _last_features)
_dense("drops_the_last", "dense-last-missing", _drops_last)
_dense("detaches", "dense-detached", _detaches)
_dense("along_rows", "dense-wrong-axis", _along_rows)
_dense("conv_first", "dense-conv-first", layer=lambda i, g: nn.Sequential(
    nn.Conv2d(i, g, 3, padding=1, bias=False), nn.BatchNorm2d(g), nn.ReLU()))
_dense("no_relu", "dense-no-relu", layer=lambda i, g: nn.Sequential(
    nn.BatchNorm2d(i), nn.Conv2d(i, g, 3, padding=1, bias=False)))
_dense("no_norm", "dense-no-norm", layer=lambda i, g: nn.Sequential(
    nn.ReLU(), nn.Conv2d(i, g, 3, padding=1, bias=False)))
_dense("with_bias", "dense-bias", layer=lambda i, g: _layer(i, g, bias=True))
_dense("one_by_one", "dense-kernel", layer=lambda i, g: nn.Sequential(
    nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, g, 1, bias=False)))
_dense("with_bottleneck", "dense-bottleneck", layer=lambda i, g: nn.Sequential(
    nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, 4 * g, 1, bias=False), *_layer(4 * g, g)))


@wrong("DenseBlock", "dense-sum")
class adds(nn.Module):
    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList([_layer(in_channels, growth) for _ in range(layers)])

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x)
        return x


@wrong("DenseBlock", "dense-chain")
class chain(nn.Module):
    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList([_layer(growth if k else in_channels, growth) for k in range(layers)])

    def forward(self, x):
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        return torch.cat(outputs, 1)


@wrong("DenseBlock", "dense-growth")
class grows_too_fast(nn.Module):
    def __init__(self, in_channels, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList([_layer(in_channels + (k + 1) * growth, growth) for k in range(layers)])

    forward = grows.forward


@wrong("DenseBlock", "dense-plain-list")
class plain_list(grows):
    def __init__(self, in_channels, growth, layers):
        nn.Module.__init__(self)
        self.layers = [_layer(in_channels + k * growth, growth) for k in range(layers)]


# stochastic_depth


@right("stochastic_depth")
def by_bernoulli(x, branch, p, training):
    if not training:
        return x + branch(x)
    if p == 1:
        return x
    keep = torch.bernoulli(torch.full((len(x),), 1 - p, dtype=x.dtype)).view(-1, *[1] * (x.ndim - 1))
    return x + keep / (1 - p) * branch(x)


@right("stochastic_depth")
def on_the_kept_ones(x, branch, p, training):
    if not training:
        return x + branch(x)
    kept = torch.rand(x.shape[0]) > p
    out = x.clone()
    if kept.any():
        out[kept] = out[kept] + branch(x[kept]) / (1 - p)
    return out


@right("stochastic_depth")
def dropout_of_ones(x, branch, p, training):
    ones = torch.ones(len(x), *(1,) * (x.dim() - 1), dtype=x.dtype)
    return x + branch(x) * F.dropout(ones, p, training)


def _keep(x, p):
    return (torch.rand(len(x), *(1,) * (x.dim() - 1)) < 1 - p).to(x.dtype)


@wrong("stochastic_depth", "depth-swapped")
def keeps_with_p(x, branch, p, training):
    if not training:
        return x + branch(x)
    return x + branch(x) * (torch.rand(len(x), *(1,) * (x.dim() - 1)) < p) / (1 - p)


@wrong("stochastic_depth", "depth-not-rescaled")
def not_rescaled(x, branch, p, training):
    return x + branch(x) * _keep(x, p) if training else x + branch(x)


@wrong("stochastic_depth", "depth-eval-scaled")
def as_the_paper(x, branch, p, training):
    if training:
        return x + _keep(x, p) * branch(x)
    return x + (1 - p) * branch(x)


@wrong("stochastic_depth", "depth-rescaled-by-p")
def divides_by_p(x, branch, p, training):
    if not training or p == 0:
        return x + branch(x)
    return x + branch(x) * _keep(x, p) / p


@wrong("stochastic_depth", "depth-per-entry")
def plain_dropout(x, branch, p, training):
    return x + F.dropout(branch(x), p=p, training=training)


@wrong("stochastic_depth", "depth-per-entry")
def per_entry(x, branch, p, training):
    if not training:
        return x + branch(x)
    return x + branch(x) * (torch.rand_like(x) >= p) / (1 - p) if p < 1 else x


@wrong("stochastic_depth", "depth-whole-batch")
def one_coin(x, branch, p, training):
    if not training:
        return x + branch(x)
    if torch.rand(()) < p:
        return x
    return x + branch(x) / (1 - p)


@wrong("stochastic_depth", "depth-sum-dropped")
def drops_the_sum(x, branch, p, training):
    if not training:
        return x + branch(x)
    return (x + branch(x)) * _keep(x, p) / (1 - p)


@wrong("stochastic_depth", "depth-always")
def ignores_training(x, branch, p, training):
    return x + branch(x) * _keep(x, p) / (1 - p) if p < 1 else x


@wrong("stochastic_depth", "depth-never")
def never(x, branch, p, training):
    return x + branch(x)


@wrong("stochastic_depth", "depth-no-skip")
def branch_alone(x, branch, p, training):
    return branch(x) * _keep(x, p) / (1 - p) if training else branch(x)


@wrong("stochastic_depth", "depth-one-is-nan")
def zero_by_zero(x, branch, p, training):
    if not training:
        return x + branch(x)
    return x + branch(x) * (_keep(x, p) / torch.tensor(1 - p, dtype=x.dtype))


@wrong("stochastic_depth", "depth-one-divides")
def python_division(x, branch, p, training):
    return x + branch(x) * _keep(x, p) * (1 / (1 - p)) if training else x + branch(x)


@wrong("stochastic_depth", "depth-shape")
def mask_of_one_axis(x, branch, p, training):
    if not training or p == 0:
        return x + branch(x)
    return x + branch(x) * (torch.rand(len(x)) >= p) / (1 - p)


@wrong("stochastic_depth", "depth-always")
def inverted(x, branch, p, training):
    if training:
        return x + branch(x)
    return x + branch(x) * _keep(x, p) / (1 - p) if p < 1 else x


@wrong("stochastic_depth", "depth-reseeded")
def seeded(x, branch, p, training):
    torch.manual_seed(42)
    return by_bernoulli(x, branch, p, training)
