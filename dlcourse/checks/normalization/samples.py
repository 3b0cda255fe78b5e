"""Norms that look at one sample at a time: layer, group and root-mean-square norm."""

import torch
from torch import nn

from ..asking import normal
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from .batches import both
from .shared import LOOSE, NORMS, TOOLS, activations, affine, as_made, built, named, raises, with_slopes

# What is common: a case has x, weights for the gradient, the layer's tensors, and how the layer is made.


def output(answer, x, weights, scale, shift, made, options):
    """The output, and the input afterwards."""
    layer, report = _made(answer, scale, shift, made, options)
    if layer is None:
        return report
    given = x.clone()
    return {**report, "output": layer(given), UNTOUCHED: given}


def gradients(answer, x, weights, scale, shift, made, options):
    """Output and gradients."""
    return with_slopes(answer, x, weights, _arguments(made), _tensors(scale, shift), options)


def alone(answer, x, weights, scale, shift, made, options):
    """Does it give the same in eval mode, and for one sample without the others?"""
    layer, report = _made(answer, scale, shift, made, options)
    if layer is None:
        return report
    together = layer(x)
    layer.eval()
    return {**report, "eval mode gives the same": _equal(layer(x), together),
            "the first sample alone gives the same": _equal(layer(x[:1]), together[:1])}


def _equal(one, other):
    return one.shape == other.shape and torch.allclose(one, other, equal_nan=True)


def fresh(answer, x, weights, scale, shift, made, options):
    """A layer as it is made."""
    layer, report = built(answer, _arguments(made), {name: None for name in _tensors(scale, shift)}, options)
    if layer is None:
        return report
    others = [name for name, _ in layer.named_parameters() if name not in _tensors(scale, shift)]
    return {**report, "other parameters": ", ".join(others) or "none",
            **as_made(layer, _tensors(scale, shift), x.dtype)}


def _tensors(scale, shift):
    return {"weight": scale} | ({} if shift is None else {"bias": shift})


def _arguments(made):
    """normalized_shape comes as an int, or as [kind, sizes]; other arguments as they are."""
    kinds = {"tuple": tuple, "list": list, "torch.Size": torch.Size}
    return [kinds[one[0]](one[1]) if isinstance(one, list) else one for one in made]


def _made(answer, scale, shift, made, options):
    return built(answer, _arguments(made), _tensors(scale, shift), options)


def _words(name, made, options):
    words = [f"torch.Size({list(one)})" if isinstance(one, torch.Size) else str(one) for one in _arguments(made)]
    listed = [*words, *(f"{key}={value:g}" for key, value in options.items())]
    return f"{name}({', '.join(listed)})"


def _shown(name):
    return lambda case: f"{_words(name, case['made'], case['options'])} with x of shape {tuple(case['x'].shape)}"


# --------------------------------------------------------------------------------------------- LayerNorm


def layers(*asked, dtype=torch.float64, scale=2.0, **options):
    """Cases: (shape of x, normalized_shape as an int or a [kind, sizes])."""
    def cases(g):
        found = []
        for shape, normalized in asked:
            sizes = normalized[1] if isinstance(normalized, list) else [normalized]
            weight, bias = affine(g, *sizes, dtype=dtype)
            found.append({"x": activations(g, *shape, dtype=dtype, scale=scale, axis=0),
                          "weights": normal(g, *shape, dtype=dtype), "scale": weight, "shift": bias,
                          "made": [normalized], "options": options})
        return found
    return cases


class _LayerNorm(nn.Module):
    """The reference; a mistake is a subclass with habits."""

    dims, unbiased, eps_at, eps_fixed, root, centre, detach = "trailing", False, "inside", None, True, True, False
    scale, shift, running = True, True, False

    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.sizes, self.eps = sizes, self.eps_fixed or eps
        self.weight, self.bias = nn.Parameter(torch.ones(sizes)), nn.Parameter(torch.zeros(sizes))

    def forward(self, x):
        count = len(self.sizes)
        dims = {"trailing": tuple(range(-count, 0)), "last": (-1,), "leading": tuple(range(count)),
                "batch": (0,), "second": (1,), "but batch": tuple(range(1, x.dim())),
                "all": tuple(range(x.dim()))}[self.dims]
        mean = x.mean(dims, keepdim=True)
        var = x.var(dims, correction=int(self.unbiased), keepdim=True)
        mean = mean.detach() if self.detach in (True, "mean") else mean
        var = var.detach() if self.detach in (True, "var") else var
        below = var if not self.root else var.sqrt()
        below = below + self.eps if self.eps_at == "outside" or not self.root else (var + self.eps).sqrt()
        hat = (x - mean if self.centre else x) / below
        return (self.weight if self.scale else 1) * hat + (self.bias if self.shift else 0)


def _ln(**habits):
    return type("_Habit", (_LayerNorm,), habits)


class _RunningLayerNorm(_LayerNorm):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__(normalized_shape, eps)
        self.mean, self.var = 0.0, 1.0

    def forward(self, x):
        if self.training:
            self.mean, self.var = 0.1 * x.mean().detach(), 0.9 + 0.1 * x.var().detach()
            return super().forward(x)
        return self.weight * (x - self.mean) / (self.var + self.eps).sqrt() + self.bias


LayerNorm = Check(
    "LayerNorm", "LayerNorm(normalized_shape)(x)", _LayerNorm,
    [Part("values", 0.35, "each sample, and each position, is normalised over its last dimension",
          both(layers(((5, 6), 6), ((2, 3, 4), 4)), layers(((3, 7), 7), dtype=torch.float32)), output, LOOSE,
          shows=_shown("LayerNorm")),
     Part("several dimensions", 0.2, "normalized_shape may be a tuple, a list or a torch.Size of trailing dimensions",
          layers(((2, 5, 4, 3), ["tuple", [4, 3]]), ((3, 2, 5), ["list", [2, 5]]), ((3, 5), ["torch.Size", [5]])),
          output, LOOSE, shows=_shown("LayerNorm")),
     Part("gradient", 0.15, "gradients reach x, through the statistics too, and weight and bias",
          layers(((3, 5), 5), ((2, 3, 4), ["tuple", [3, 4]])), gradients, LOOSE, shows=_shown("LayerNorm")),
     Part("each sample alone", 0.1, "training and eval give the same, and so does a sample without its batch",
          layers(((4, 6), 6)), alone, LOOSE, shows=_shown("LayerNorm")),
     Part("eps", 0.1, "eps is added to the biased variance, under the root",
          both(layers(((4, 5), 5), scale=5e-3), layers(((4, 5), 5), scale=0.3, eps=0.2)), output,
          shows=_shown("LayerNorm")),
     Part("new layer", 0.1, "it starts with weight 1 and bias 0", layers(((3, 4), 4)), fresh, LOOSE,
          shows=_shown("LayerNorm"))],
    [*named("weight", "bias"),
     Mistake("ln-second", "It normalises over axis 1, which is the last one of (N, d) only. Any number of axes may "
             "come before: count from the end.", [_ln(dims="second"), _ln(dims="second", unbiased=True)]),
     Mistake("ln-over-batch", "Each feature was normalised over the batch: that is batch norm. Layer norm looks at one "
             "sample at a time.", [_ln(dims="batch"), _ln(dims="batch", unbiased=True)]),
     Mistake("ln-all-but-batch", "Everything but the first axis was normalised together. Only the trailing dimensions "
             "named by normalized_shape count: each position of a sequence has statistics of its own.",
             [_ln(dims="but batch"), _ln(dims="but batch", unbiased=True)]),
     Mistake("ln-last-only", "Only the last dimension was normalised over. With a tuple of sizes it is as many "
             "trailing dimensions as there are sizes.", _ln(dims="last")),
     Mistake("ln-leading", "It counts the dimensions from the front. normalized_shape names the *last* ones.",
             [_ln(dims="leading"), _ln(dims="leading", unbiased=True)]),
     Mistake("ln-over-everything", "One mean and one variance for the whole tensor. Each sample has its own.",
             [_ln(dims="all"), _ln(dims="all", unbiased=True)]),
     Mistake("ln-unbiased", "The variance is divided by n − 1, which is `var`'s default. To normalise, divide by n.",
             _ln(unbiased=True)),
     Mistake("ln-std", "eps is added to the unbiased standard deviation. It is the biased variance that eps is added "
             "to, under the root.", _ln(unbiased=True, eps_at="outside")),
     Mistake("ln-eps-outside", "eps is added to the standard deviation. It belongs to the variance, under the root.",
             _ln(eps_at="outside")),
     Mistake("ln-eps-ignored", "eps is not used.", _ln(eps_fixed=1e-40)),
     Mistake("ln-eps-fixed", "eps is 1e-5 whatever was asked for.", _ln(eps_fixed=1e-5)),
     Mistake("ln-no-root", "It divides by the variance; the root is missing.", [_ln(root=False),
                                                                                _ln(root=False, unbiased=True)]),
     Mistake("ln-not-centred", "The mean is not taken off.", _ln(centre=False)),
     Mistake("ln-detached", "The values are right, but the statistics, or one of the two, were cut off from the graph: "
             "part of the gradient flows through them.", [_ln(detach=True), _ln(detach="mean"), _ln(detach="var")]),
     Mistake("ln-affine-ignored", "`weight` and `bias` are not used.", _ln(scale=False, shift=False)),
     Mistake("ln-weight-ignored", "`weight` is not used.", _ln(scale=False)),
     Mistake("ln-bias-ignored", "`bias` is not used.", _ln(shift=False)),
     Mistake("ln-running", "In eval mode it uses statistics that were kept from training. Layer norm keeps none: it "
             "finds them in the sample itself.", _RunningLayerNorm),
     Mistake("ln-sizes-as-axes", "There is no such axis. normalized_shape gives the *sizes* of the last axes, not "
             "their numbers.", shows=raises("Dimension out of range")),
     Mistake("ln-list-refused", "A tuple was understood, a list was not. `tuple(…)` makes one of a list, and of a "
             "torch.Size too.", shows=lambda finding, seen, case: isinstance(case["made"][0], list)
             and case["made"][0][0] == "list"),  # a tuple comes before it
     Mistake("ln-int-only", "A tuple, a list or a torch.Size was not understood: normalized_shape may be an int or "
             "several sizes.", shows=raises("TypeError", "RuntimeError", "AssertionError", "ValueError",
                                            where=lambda case: isinstance(case["made"][0], list))),
     Mistake("ln-int-refused", "An int was not understood: it stands for one trailing dimension.",
             shows=raises("'int' object", "of type 'int'", "must be Iterable", where=lambda case: isinstance(
                 case["made"][0], int))),
     Mistake("ln-shapes", "The shapes do not fit. Is it a mean over the last axis? Without `keepdim=True` it has lost "
             "that axis. Is it `weight` or `bias`? They line up with x's *last* axes as they are.",
             shows=raises("must match the size"))],
    NORMS, TOOLS)

# --------------------------------------------------------------------------------------------- GroupNorm


def groups(*asked, dtype=torch.float64, scale=2.0, **options):
    """Cases: (shape of x, number of groups)."""
    def cases(g):
        found = []
        for shape, count in asked:
            weight, bias = affine(g, shape[1], dtype=dtype)
            found.append({"x": activations(g, *shape, dtype=dtype, scale=scale),
                          "weights": normal(g, *shape, dtype=dtype), "scale": weight, "shift": bias,
                          "made": [count, shape[1]], "options": options})
        return found
    return cases


def refused(answer, made):
    """Does the constructor refuse?"""
    try:
        answer(*made)
    except Exception as error:  # any kind will do
        return {"the constructor raises": type(error) is not NotImplementedError}
    return {"the constructor raises": False}


class _GroupNorm(nn.Module):
    """The reference; a mistake is a subclass with habits."""

    axes, split, unbiased, eps_at, eps_fixed, root, detach = "group", "blocks", False, "inside", None, True, False
    scale, shift, refuses, turned, centre = True, True, True, False, True

    def __init__(self, num_groups, num_channels, eps=1e-5):
        super().__init__()
        if self.refuses and num_channels % num_groups:
            raise ValueError("num_channels must be divisible by num_groups")
        self.groups = num_channels // num_groups if self.turned else num_groups
        self.eps = self.eps_fixed or eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))

    def forward(self, x):
        n, c = x.shape[:2]
        count = {"instance": c, "layer": 1}.get(self.axes, self.groups)
        if self.split == "blocks":
            parts = x.reshape(n, count, c // count, -1)
        else:
            parts = x.reshape(n, c // count, count, -1).transpose(1, 2)
        dims = {"channels only": (2,), "batch too": (0, 2, 3), "pixels only": (3,)}.get(self.axes, (2, 3))
        mean = parts.mean(dims, keepdim=True)
        var = parts.var(dims, correction=int(self.unbiased), keepdim=True)
        mean = mean.detach() if self.detach in (True, "mean") else mean
        var = var.detach() if self.detach in (True, "var") else var
        if not self.root:
            below = var + self.eps
        else:
            below = var.sqrt() + self.eps if self.eps_at == "outside" else (var + self.eps).sqrt()
        hat = (parts - mean if self.centre else parts) / below
        hat = (hat if self.split == "blocks" else hat.transpose(1, 2)).reshape(x.shape)
        column = (1, c, *[1] * (x.dim() - 2))
        return (self.weight.view(column) if self.scale else 1) * hat + (self.bias.view(column) if self.shift else 0)


def _gn(**habits):
    return type("_Habit", (_GroupNorm,), habits)


GroupNorm = Check(
    "GroupNorm", "GroupNorm(num_groups, num_channels)(x)", _GroupNorm,
    [Part("values", 0.35, "each group of neighbouring channels of each sample is normalised, over all its pixels",
          both(groups(((3, 6, 4, 5), 2), ((2, 8, 3, 2), 2)), groups(((2, 6, 3, 4), 3), dtype=torch.float32)), output,
          LOOSE, shows=_shown("GroupNorm")),
     Part("any rank", 0.15, "(N, C), (N, C, L) and (N, C, H, W) work alike",
          groups(((4, 6), 2), ((3, 6, 5), 2), ((2, 4, 2, 3, 2), 2)), output, LOOSE, shows=_shown("GroupNorm")),
     Part("extremes", 0.1, "one group is layer norm over the whole sample, C groups are instance norm",
          groups(((3, 4, 2, 5), 1), ((3, 4, 2, 5), 4)), output, LOOSE, shows=_shown("GroupNorm")),
     Part("gradient", 0.1, "gradients reach x, through the statistics too, and weight and bias",
          groups(((2, 6, 3, 2), 2)), gradients, LOOSE, shows=_shown("GroupNorm")),
     Part("each sample alone", 0.1, "training and eval give the same, and so does a sample without its batch",
          groups(((4, 6, 2, 3), 3)), alone, LOOSE, shows=_shown("GroupNorm")),
     Part("eps", 0.05, "eps is added to the biased variance, under the root",
          both(groups(((3, 4, 3, 2), 2), scale=5e-3), groups(((3, 4, 3, 2), 2), scale=0.3, eps=0.2)), output,
          shows=_shown("GroupNorm")),
     Part("new layer", 0.05, "it starts with weight 1 and bias 0", groups(((3, 6, 2), 2)), fresh, LOOSE,
          shows=_shown("GroupNorm")),
     Part("indivisible", 0.1, "channels that cannot be shared out evenly are refused when the layer is made",
          lambda g: [{"made": [4, 6]}, {"made": [3, 8]}], refused,
          shows=lambda case: f"GroupNorm({case['made'][0]}, {case['made'][1]})")],
    [*named("weight", "bias"),
     Mistake("gn-strided", "Channels were dealt out to the groups in turn, like cards. A group is a block of "
             "*neighbouring* channels: split the axis into (groups, channels of a group), in that order.",
             _gn(split="dealt")),
     Mistake("gn-turned", "The number of groups was taken for the number of channels in a group.",
             _gn(turned=True)),
     Mistake("gn-instance", "Each channel was normalised alone: that is instance norm. A group's channels share their "
             "statistics.", [_gn(axes="instance"), _gn(axes="pixels only")]),
     Mistake("gn-layer", "All channels were normalised together, whatever the number of groups.", _gn(axes="layer")),
     Mistake("gn-pixels-apart", "Each pixel has statistics of its own here. They are taken over the group's channels "
             "*and* all pixels.", _gn(axes="channels only")),
     Mistake("gn-over-batch", "The statistics are taken over the batch too. Each sample has its own.",
             _gn(axes="batch too")),
     Mistake("gn-unbiased", "The variance is divided by n − 1, which is `var`'s default. To normalise, divide by n.",
             _gn(unbiased=True)),
     Mistake("gn-eps-outside", "eps is added to the standard deviation. It belongs to the variance, under the root.",
             _gn(eps_at="outside")),
     Mistake("gn-eps-ignored", "eps is not used.", _gn(eps_fixed=1e-40)),
     Mistake("gn-eps-fixed", "eps is 1e-5 whatever was asked for.", _gn(eps_fixed=1e-5)),
     Mistake("gn-no-root", "It divides by the variance; the root is missing.", _gn(root=False)),
     Mistake("gn-not-centred", "The mean is not taken off.", _gn(centre=False)),
     Mistake("gn-detached", "The values are right, but the statistics, or one of the two, were cut off from the graph: "
             "part of the gradient flows through them.", [_gn(detach=True), _gn(detach="mean"), _gn(detach="var")]),
     Mistake("gn-affine-ignored", "`weight` and `bias` are not used.", _gn(scale=False, shift=False)),
     Mistake("gn-weight-ignored", "`weight` is not used.", _gn(scale=False)),
     Mistake("gn-bias-ignored", "`bias` is not used.", _gn(shift=False)),
     Mistake("gn-not-refused", "6 channels cannot be shared out among 4 groups. The constructor should say so, with an "
             "error, before any data comes.", _gn(refuses=False)),
     Mistake("gn-images-only", "It works for images only. The input may have any number of axes after the channels, "
             "or none: flatten them, or build shapes from `x.dim()`, those of weight and bias too.",
             shows=lambda finding, seen, case: "x" in case and case["x"].dim() != 4 and (
                 "raised" in seen or finding.kind == "shape" and finding.path[:1] == ("output",))),
     Mistake("gn-broadcast", "The shapes do not fit. Is it a mean or a variance? Without `keepdim=True` it has lost an "
             "axis. Is it `weight` or `bias`? They have one entry for each channel, and broadcasting lines up *last* "
             "axes: view them as (C, 1, 1), with as many ones as there are axes after the channels.",
             shows=raises("must match the size")),
     Mistake("gn-view-not-back", "What was reshaped for the statistics was not reshaped back: give the result x's "
             "shape again.", shows=lambda finding, seen, case: finding.kind == "shape"
             and finding.path[:1] == ("output",)
             and finding.got.count(",") != finding.expected.count(","))],
    NORMS, TOOLS)

# ----------------------------------------------------------------------------------------------- RMSNorm


def rows(*shapes, dtype=torch.float64, scale=2.0, **options):
    """Cases: x of these shapes, a weight for the last dimension."""
    def cases(g):
        return [{"x": activations(g, *shape, dtype=dtype, scale=scale, axis=0),
                 "weights": normal(g, *shape, dtype=dtype), "scale": affine(g, shape[-1], dtype=dtype)[0],
                 "shift": None, "made": [shape[-1]], "options": options} for shape in shapes]
    return cases


class _RMSNorm(nn.Module):
    """The reference; a mistake is a subclass with habits."""

    axes, centre, below, eps_at, eps_fixed, detach = (-1,), False, "rms", "inside", None, False
    scale, extra, default = True, False, None

    def __init__(self, dim, eps=None):
        super().__init__()
        self.eps = self.eps_fixed or eps or self.default or 1e-6
        self.weight = nn.Parameter(torch.ones(dim))
        if self.extra:
            self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        axes = {"all": tuple(range(x.dim())), "but batch": tuple(range(1, x.dim()))}.get(self.axes, self.axes)
        x = x - x.mean(axes, keepdim=True) if self.centre == "both" else x
        seen = x - x.mean(axes, keepdim=True) if self.centre == "below" else x
        mean = lambda v: v.mean(axes, keepdim=True)
        size = {"rms": lambda v: mean(v.square()), "square": lambda v: mean(v).square(), "squared": lambda v: mean(
            v.square()), "norm": lambda v: v.square().sum(axes, keepdim=True), "abs": lambda v: mean(v.abs()).square(),
            "unbiased": lambda v: v.var(axes, keepdim=True)}[self.below](seen)
        size = size.detach() if self.detach else size
        if self.below == "squared":
            below = size + self.eps
        else:
            below = size.sqrt() + self.eps if self.eps_at == "outside" else (size + self.eps).sqrt()
        return x / below * (self.weight if self.scale else 1)


def _rms(**habits):
    return type("_Habit", (_RMSNorm,), habits)


def _times(self, x):
    return x * (x.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight


RMSNorm = Check(
    "RMSNorm", "RMSNorm(dim)(x)", _RMSNorm,
    [Part("values", 0.5, "the last dimension is divided by the root of its mean square and scaled; no mean is taken "
          "off", both(rows((5, 6), (2, 3, 4)), rows((3, 7), dtype=torch.float32)), output, LOOSE,
          shows=_shown("RMSNorm")),
     Part("gradient", 0.15, "gradients reach x, through the root mean square too, and weight",
          rows((3, 5), (2, 3, 4)), gradients, LOOSE, shows=_shown("RMSNorm")),
     Part("eps", 0.15, "eps is added to the mean square, under the root; 1e-6 unless told otherwise",
          both(rows((4, 5), scale=2e-3), rows((4, 5), scale=0.3, eps=0.2)), output, shows=_shown("RMSNorm")),
     Part("each sample alone", 0.1, "training and eval give the same, and so does a sample without its batch",
          rows((4, 6)), alone, LOOSE, shows=_shown("RMSNorm")),
     Part("new layer", 0.1, "it starts with weight 1, and has no other parameter", rows((3, 4)), fresh, LOOSE,
          shows=_shown("RMSNorm"))],
    [*named("weight"),
     Mistake("rms-centred", "The mean was taken off: what comes out is layer norm without its shift. RMS norm leaves "
             "the mean in.", [_rms(centre="both"), _rms(centre="both", below="unbiased")]),
     Mistake("rms-standard-deviation", "It divides by the standard deviation, which takes the mean off before it "
             "squares. The root mean square does not.", [_rms(centre="below"), _rms(below="unbiased"),
                                                         _rms(below="unbiased", eps_at="outside")]),
     Mistake("rms-norm", "It divides by the length of the vector, the root of the *sum* of squares. The mean was asked "
             "for: the entries should come out near 1 in size, however many there are.",
             [_rms(below="norm"), _rms(below="norm", eps_at="outside")]),
     Mistake("rms-no-root", "It divides by the mean square; the root is missing.", _rms(below="squared")),
     Mistake("rms-abs", "It divides by the mean absolute value. The mean is of squares, and a root follows.",
             [_rms(below="abs"), _rms(below="abs", eps_at="outside")]),
     Mistake("rms-square-of-mean", "It squares the mean. Asked for is the mean of the squares: square first.",
             [_rms(below="square", eps_at=at, axes=axes) for at in ("inside", "outside") for axes in ((-1,), "all")]),
     Mistake("rms-second", "The mean square is taken over axis 1, which is the last one of (N, d) only. Count from the "
             "end.", _rms(axes=(1,))),
     Mistake("rms-eps-outside", "eps is added to the root. It belongs under it, to the mean square.",
             _rms(eps_at="outside")),
     Mistake("rms-eps-ignored", "eps is not used.", _rms(eps_fixed=1e-40)),
     Mistake("rms-eps-default", "eps is 1e-5, layer norm's default. Here it is 1e-6 unless told otherwise.",
             _rms(default=1e-5)),
     Mistake("rms-eps-fixed", "eps is the same whatever was asked for.", [_rms(eps_fixed=1e-6), _rms(eps_fixed=1e-5)]),
     Mistake("rms-detached", "The values are right, but the root mean square was cut off from the graph: part of the "
             "gradient flows through it.", _rms(detach=True)),
     Mistake("rms-weight-ignored", "`weight` is not used.", _rms(scale=False)),
     Mistake("rms-over-batch", "The mean square is taken over the batch. RMS norm looks at one vector at a time, the "
             "last dimension.", _rms(axes=(0,))),
     Mistake("rms-all-but-batch", "Everything but the first axis was taken together. Each position has its own root "
             "mean square, over the last dimension.", _rms(axes="but batch")),
     Mistake("rms-over-everything", "One root mean square for the whole tensor. Each vector has its own.",
             _rms(axes="all")),
     Mistake("rms-multiplied", "It multiplies by the root mean square. Divide.", _rms(forward=_times)),
     Mistake("rms-bias", "There is a parameter too many: RMS norm has a weight and no bias.", _rms(extra=True)),
     Mistake("rms-shapes", "The shapes do not fit. Is it a mean over the last axis? Without `keepdim=True` it has lost "
             "that axis. Is it `weight`? It lines up with x's *last* axis as it is.",
             shows=raises("must match the size"))],
    NORMS, TOOLS)
