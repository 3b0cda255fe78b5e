"""The check of a convolution written from scratch."""

import torch
from torch.nn import functional as F

from ..asking import normal, raises
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient

OFF_LIMITS = frozenset({
    "conv1d", "conv2d", "conv3d", "convolution", "convtranspose1d", "convtranspose2d", "convtranspose3d", "convtbc",
    "lazyconv2d", "convolutionoverrideable", "mkldnnconvolution", "slowconv2dforward", "thnnconv2d", "convdepthwise2d",
    "slowconvdilated2d"})


def images(*askings, dtype=torch.float64):
    """Cases: (shape of x, shape of the kernels, options); with `bias=True` a bias is drawn too."""
    def cases(g):
        made = []
        for shape, kernels, options in askings:
            options = dict(options)
            bias = options.pop("bias", False)
            made.append({"x": normal(g, *shape, dtype=dtype), "kernels": normal(g, *kernels, dtype=dtype),
                         "bias": normal(g, kernels[0], dtype=dtype) if bias else None, **options})
        return made
    return cases


def maps(answer, x, kernels, bias, **options):
    """What comes out, and x afterwards."""
    given = x.clone()
    return {"output": answer(given, kernels, bias, **options), UNTOUCHED: given}


def plain_call(answer, x, kernels, bias):
    """What comes out when only images and kernels are given."""
    return {"output": answer(x, kernels)}


def slopes(answer, x, kernels, bias, **options):
    """The gradients of a weighted sum of the output, by input."""
    leaves = [x.clone().requires_grad_(), kernels.clone().requires_grad_(), bias.clone().requires_grad_()]
    output = answer(leaves[0].clone(), leaves[1].clone(), leaves[2].clone(), **options)
    weight = torch.linspace(-1, 1, output.numel(), dtype=x.dtype).view(output.shape)
    found = gradient(output, leaves, weight)
    return {f"gradient by {name}": found and grad for name, grad in zip(("x", "weight", "bias"), found or 3 * [None])}


def asked(case):
    """A case in words."""
    words = [f"x of shape {tuple(case['x'].shape)}", f"weight of shape {tuple(case['kernels'].shape)}"]
    words += ["a bias"] if case["bias"] is not None else []
    words += [f"{name}={case[name]}" for name in ("stride", "padding") if name in case]
    return f"conv2d with {', '.join(words)}"


def _conv(*, kernel=lambda w: w, pad=lambda x, p: F.pad(x, (p, p, p, p)), channels="all", over=lambda w: 1,
          padded=True, strided=True, biased=True):
    """conv2d, with habits: see the mistakes."""
    def conv2d(x, weight, bias=None, stride=1, padding=0):
        w = kernel(weight)
        x = pad(x, padding) if padded and padding else x
        windows = x.unfold(2, w.shape[2], 1).unfold(3, w.shape[3], 1)
        if strided:
            windows = windows[:, :, ::stride, ::stride]
        if channels == "first":
            windows, w = windows[:, :1], w[:, :1]
        out = torch.einsum("nchwij,dcij->ndhw", windows, w) / over(w)
        return out if bias is None or not biased else out + bias.view(-1, 1, 1)
    return conv2d


def _one_sided(x, p):
    return F.pad(x, (0, 2 * p, 0, 2 * p))


def _half_padded(x, p):
    return F.pad(x, (p, 0, p, 0))


def _reread(x, weight, b=None, stride=1, padding=0):
    """The columns of unfold (N, C·kh·kw, L) are right, the product is read as (N, L, D) images."""
    columns = F.unfold(x, weight.shape[2:], padding=padding, stride=stride)
    out = columns.transpose(1, 2) @ weight.flatten(1).T
    out = out if b is None else out + b
    high, wide = ((x.shape[2 + k] + 2 * padding - weight.shape[2 + k]) // stride + 1 for k in (0, 1))
    return out.reshape(len(x), len(weight), high, wide)


def _scrambled(x, weight, b=None, stride=1, padding=0):
    """The kernels are flattened with the channel last, where the columns have it first."""
    return F.conv2d(x, weight.permute(0, 2, 3, 1).reshape(weight.shape), b, stride, padding)


def _cropped(x, weight, b=None, stride=1, padding=0):
    """The output has the right size, and the window still moves by one pixel."""
    high, wide = ((x.shape[2 + k] + 2 * padding - weight.shape[2 + k]) // stride + 1 for k in (0, 1))
    return F.conv2d(x, weight, b, 1, padding)[:, :, :high, :wide]


def _mixed_sides(finding, seen, case):
    """Sizes that do not fit, where height and width differ."""
    (high, wide), (kh, kw) = case["x"].shape[2:], case["kernels"].shape[2:]
    return (high != wide or kh != kw) and raises("The size of tensor", "einsum", "expanded size", "out of bounds",
                                                 "shape mismatch", "broadcast")(finding, seen, case)


def _ceil(x, weight, b=None, stride=1, padding=0):
    """A last position that hangs over the edge is counted too."""
    extra = [(-(x.shape[2 + k] + 2 * padding - weight.shape[2 + k])) % stride for k in (0, 1)]
    return F.conv2d(F.pad(x, (padding, padding + extra[1], padding, padding + extra[0])), weight, b, stride)


def _dense_then_thin(x, weight, b=None, stride=1, padding=0):
    """Only the rows are thinned out."""
    return F.conv2d(x, weight, b, (stride, 1), padding)


conv2d = Check(
    "conv2d", "conv2d(x, weight, bias, stride, padding)", lambda *args, **named: F.conv2d(*args, **named),
    [Part("values", 0.35, "each output is the sum over channels and window of weight · input",
          images(((2, 3, 6, 5), (4, 3, 3, 3), {}), ((1, 1, 4, 4), (1, 1, 1, 1), {}), ((2, 2, 5, 7), (3, 2, 2, 3), {})),
          plain_call, shows=asked),
     Part("padding", 0.15, "`padding` rows and columns of zeros on all four sides",
          images(((2, 2, 5, 4), (3, 2, 3, 3), {"padding": 1}), ((1, 2, 3, 3), (2, 2, 3, 3), {"padding": 2})), maps,
          shows=asked),
     Part("stride", 0.2, "the window moves `stride` pixels at a time, and only where it fits whole",
          images(((2, 2, 8, 6), (3, 2, 2, 2), {"stride": 2}), ((2, 2, 8, 7), (2, 2, 3, 3), {"stride": 2}),
                 ((1, 2, 9, 10), (3, 2, 3, 3), {"stride": 3, "padding": 1})), maps, shows=asked),
     Part("bias", 0.1, "one number per output channel is added",
          images(((2, 1, 4, 4), (4, 1, 1, 1), {"bias": True}), ((2, 2, 5, 4), (4, 2, 3, 3), {"bias": True})), maps,
          shows=asked),
     Part("gradients", 0.15, "gradients reach x, weight and bias",
          images(((2, 2, 6, 5), (3, 2, 3, 3), {"bias": True, "stride": 2, "padding": 1})), slopes, shows=asked),
     Part("float32", 0.05, "in float32 it stays float32",
          images(((2, 3, 6, 6), (4, 3, 3, 3), {"bias": True, "padding": 1}), dtype=torch.float32), maps, shows=asked)],
    [Mistake("conv-flipped", "The kernel is turned by 180° first. That is convolution as mathematics has it; what "
             "deep learning calls by that name is cross-correlation: the kernel is laid on as it is.",
             _conv(kernel=lambda w: w.flip(2, 3))),
     Mistake("conv-transposed", "Rows and columns of the kernel are swapped.", [
         _conv(kernel=lambda w: w.transpose(2, 3)), _conv(kernel=lambda w: w.transpose(2, 3).reshape(w.shape))]),
     Mistake("conv-one-channel", "Only the first input channel is used. A kernel has a layer for each channel, and "
             "the sum runs over all of them.", _conv(channels="first")),
     Mistake("conv-mean", "The products are averaged over the window. They are summed.",
             [_conv(over=lambda w: w[0].numel()), _conv(over=lambda w: w[0, 0].numel())]),
     Mistake("conv-channel-mean", "The products are averaged over the channels. They are summed.",
             _conv(over=lambda w: w.shape[1])),
     Mistake("conv-reread", "The numbers are right and stand in the wrong places. A product (N, positions, channels) "
             "cannot be reshaped into (N, channels, rows, columns): transpose it first.", _reread),
     Mistake("conv-scrambled", "The weights are flattened in another order than the window: in the columns that "
             "`F.unfold` gives, the channel changes slowest and the column of the window fastest, as in "
             "`weight.flatten(1)`.", _scrambled),
     Mistake("conv-no-padding", "The image is not padded: `padding` is not used.", _conv(padded=False)),
     Mistake("conv-padding-one-side", "The zeros stand on two sides only. They go on all four.",
             [_conv(pad=_one_sided), _conv(pad=_half_padded)]),
     Mistake("conv-padding-copies", "The image is padded with copies of its own pixels. Padding is zeros.",
             [_conv(pad=lambda x, p: F.pad(x, (p, p, p, p), mode="replicate")),
              _conv(pad=lambda x, p: F.pad(x, (p, p, p, p), mode="circular")),
              _conv(pad=lambda x, p: F.pad(x, (p, p, p, p), mode="reflect"))]),
     Mistake("conv-padding-halved", "Only one of the two axes is padded.",
             [_conv(pad=lambda x, p: F.pad(x, (p, p))), _conv(pad=lambda x, p: F.pad(x, (0, 0, p, p)))]),
     Mistake("conv-padding-fixed", "It always pads by half the kernel's size, whatever was asked for.",
             lambda x, w, b=None, stride=1, padding=0: F.conv2d(x, w, b, stride, w.shape[-1] // 2)),
     Mistake("conv-no-stride", "The window moves by one pixel: `stride` is not used.", _conv(strided=False)),
     Mistake("conv-stride-in-size-only", "The output has as many places as `stride` leaves, but the window moves by "
             "one pixel all the same: its corner is at stride · i, stride · j.", _cropped),
     Mistake("conv-mixed-sides", "The sizes do not fit: height and width are mixed up somewhere, or taken for equal. "
             "Neither images nor kernels need be square: rows go with H and kh, columns with W and kw.",
             shows=_mixed_sides),
     Mistake("conv-stride-rows", "The stride counts for one of the two axes only.",
             [_dense_then_thin, lambda x, w, b=None, stride=1, padding=0: F.conv2d(x, w, b, (1, stride), padding)]),
     Mistake("conv-ceil", "There is a row or a column too many, where the window hangs over the edge. Count the "
             "places where it fits whole: (H + 2·padding − kh) // stride + 1.", _ceil),
     Mistake("conv-size", "The size of the output does not fit the number of windows. It is (H + 2·padding − kh) // "
             "stride + 1 rows, and columns likewise, with the window's width.",
             shows=raises("is invalid for input of size", "shape '[")),
     Mistake("conv-no-bias", "The bias is not added.", _conv(biased=False)),
     Mistake("conv-bias-none", "Without a bias it fails: `bias` may be None.", shows=raises("NoneType")),
     Mistake("conv-bias-axis", "The bias (D,) was lined up with the last axis, the columns of the image. It belongs "
             "to the channels: line it up with those.",
             lambda x, w, b=None, **o: F.conv2d(x, w, None, **o) + (0 if b is None else b))],
    OFF_LIMITS, "`F.unfold` cuts the windows out, `F.pad` adds zeros, and a product and a sum do the rest.")
