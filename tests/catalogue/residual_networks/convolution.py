"""Answers to conv2d."""

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong


def _sizes(x, weight, stride, padding):
    n, _, h, w = x.shape
    d, _, kh, kw = weight.shape
    return n, d, (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1


@right("conv2d")
def by_columns(x, weight, bias=None, stride=1, padding=0):
    columns = F.unfold(x, weight.shape[-2:], padding=padding, stride=stride)
    out = weight.reshape(len(weight), -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.view(_sizes(x, weight, stride, padding))


@right("conv2d")
def by_loops(x, weight, bias=None, stride=1, padding=0):
    n, d, high, wide = _sizes(x, weight, stride, padding)
    padded = x.new_zeros(n, x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    padded[:, :, padding:padding + x.shape[2], padding:padding + x.shape[3]] = x
    rows = []
    for i in range(high):
        row = []
        for j in range(wide):
            window = padded[:, :, i * stride:i * stride + weight.shape[2], j * stride:j * stride + weight.shape[3]]
            row.append((window[:, None] * weight[None]).sum((2, 3, 4)))
        rows.append(torch.stack(row, -1))
    out = torch.stack(rows, -2)
    return out if bias is None else out + bias.view(1, -1, 1, 1)


@right("conv2d")
def kernel_place_by_place(x, weight, bias=None, stride=1, padding=0):
    n, d, high, wide = _sizes(x, weight, stride, padding)
    x = F.pad(x, [padding] * 4)
    out = torch.zeros(n, d, high, wide, dtype=x.dtype)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            piece = x[:, :, i:i + stride * (high - 1) + 1:stride, j:j + stride * (wide - 1) + 1:stride]
            out = out + torch.einsum("nchw,dc->ndhw", piece, weight[:, :, i, j])
    if bias is not None:
        out = out + bias[None, :, None, None]
    return out


def _unfolded(x, weight, stride, padding):
    x = F.pad(x, (padding, padding, padding, padding))
    return x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)


def _add(out, bias):
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


@wrong("conv2d", "off-limits")
def torchs_own(x, weight, bias=None, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride, padding)


@wrong("conv2d", "off-limits")
def as_a_layer(x, weight, bias=None, stride=1, padding=0):
    layer = nn.Conv2d(x.shape[1], len(weight), weight.shape[2:], stride, padding, bias=False, dtype=x.dtype)
    layer.weight = nn.Parameter(weight)
    return _add(layer(x), bias)


@wrong("conv2d", "conv-flipped")
def as_in_mathematics(x, weight, bias=None, stride=1, padding=0):
    turned = torch.flip(weight, dims=(-1, -2))
    return by_columns(x, turned, bias, stride, padding)


@wrong("conv2d", "conv-transposed")
def swapped_letters(x, weight, bias=None, stride=1, padding=0):
    if weight.shape[2] != weight.shape[3]:
        return by_columns(x, weight.mT, bias, stride, padding)
    return _add(torch.einsum("nchwij,dcji->ndhw", _unfolded(x, weight, stride, padding), weight), bias)


@wrong("conv2d", "conv-one-channel")
def first_channel(x, weight, bias=None, stride=1, padding=0):
    windows = _unfolded(x, weight, stride, padding)[:, 0]
    return _add(torch.einsum("nhwij,dij->ndhw", windows, weight[:, 0]), bias)


@wrong("conv2d", "conv-mean")
def averaged(x, weight, bias=None, stride=1, padding=0):
    windows = _unfolded(x, weight, stride, padding)
    return _add((windows[:, None] * weight[None, :, :, None, None]).sum(2).mean((-1, -2)), bias)


@wrong("conv2d", "conv-channel-mean")
def mean_of_channels(x, weight, bias=None, stride=1, padding=0):
    windows = _unfolded(x, weight, stride, padding)
    return _add((windows[:, None] * weight[None, :, :, None, None]).sum((-1, -2)).mean(2), bias)


@wrong("conv2d", "conv-reread")
def forgot_to_transpose(x, weight, bias=None, stride=1, padding=0):
    columns = F.unfold(x, weight.shape[-2:], padding=padding, stride=stride).mT
    out = columns @ weight.reshape(len(weight), -1).T
    if bias is not None:
        out = out + bias
    return out.reshape(_sizes(x, weight, stride, padding))


@wrong("conv2d", "conv-scrambled")
def channels_last(x, weight, bias=None, stride=1, padding=0):
    columns = F.unfold(x, weight.shape[-2:], padding=padding, stride=stride)
    out = weight.permute(0, 2, 3, 1).reshape(len(weight), -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.view(_sizes(x, weight, stride, padding))


@wrong("conv2d", "conv-no-padding")
def ignores_padding(x, weight, bias=None, stride=1, padding=0):
    return by_columns(x, weight, bias, stride)


@wrong("conv2d", "conv-padding-one-side")
def pads_right_and_below(x, weight, bias=None, stride=1, padding=0):
    return by_columns(F.pad(x, (0, 2 * padding, 0, 2 * padding)), weight, bias, stride)


@wrong("conv2d", "conv-padding-copies")
def pads_with_the_edge(x, weight, bias=None, stride=1, padding=0):
    padded = F.pad(x, (padding,) * 4, mode="replicate") if padding else x
    return by_columns(padded, weight, bias, stride)


@wrong("conv2d", "conv-padding-halved")
def pads_columns_only(x, weight, bias=None, stride=1, padding=0):
    return by_columns(F.pad(x, (padding, padding)), weight, bias, stride)


@wrong("conv2d", "conv-no-stride")
def ignores_stride(x, weight, bias=None, stride=1, padding=0):
    return by_columns(x, weight, bias, 1, padding)


@wrong("conv2d", "conv-stride-rows")
def strides_rows_only(x, weight, bias=None, stride=1, padding=0):
    return by_columns(x, weight, bias, 1, padding)[:, :, ::stride]


@wrong("conv2d", "conv-ceil")
def rounds_up(x, weight, bias=None, stride=1, padding=0):
    x = F.pad(x, (padding, padding, padding, padding))
    while (x.shape[2] - weight.shape[2]) % stride:
        x = F.pad(x, (0, 0, 0, 1))
    while (x.shape[3] - weight.shape[3]) % stride:
        x = F.pad(x, (0, 1))
    return by_columns(x, weight, bias, stride)


@wrong("conv2d", "conv-size")
def size_without_the_window(x, weight, bias=None, stride=1, padding=0):
    columns = F.unfold(x, weight.shape[-2:], padding=padding, stride=stride)
    out = weight.flatten(1) @ columns
    return _add(out.view(len(x), len(weight), x.shape[2] // stride, x.shape[3] // stride), bias)


@wrong("conv2d", "conv-no-bias")
def ignores_bias(x, weight, bias=None, stride=1, padding=0):
    return by_columns(x, weight, None, stride, padding)


@wrong("conv2d", "conv-bias-none")
def needs_a_bias(x, weight, bias=None, stride=1, padding=0):
    return by_columns(x, weight, None, stride, padding) + bias.view(1, -1, 1, 1)


@wrong("conv2d", "conv-bias-axis")
def bias_on_columns(x, weight, bias=None, stride=1, padding=0):
    out = by_columns(x, weight, None, stride, padding)
    return out + bias if bias is not None else out


@wrong("conv2d", "no-gradient")
def detached(x, weight, bias=None, stride=1, padding=0):
    with torch.no_grad():
        return by_columns(x, weight, bias, stride, padding)


@wrong("conv2d", "wrong-dtype")
def single_zeros(x, weight, bias=None, stride=1, padding=0):
    n, d, high, wide = _sizes(x, weight, stride, padding)
    out = torch.zeros(n, d, high, wide)
    x = F.pad(x, (padding,) * 4)
    for i in range(high):
        for j in range(wide):
            window = x[:, :, i * stride:i * stride + weight.shape[2], j * stride:j * stride + weight.shape[3]]
            out[:, :, i, j] = torch.einsum("nchw,dchw->nd", window, weight).float()
    return _add(out, bias)


@wrong("conv2d", "conv-stride-in-size-only")
def stride_in_the_shape_alone(x, weight, bias=None, stride=1, padding=0):
    n, d, high, wide = _sizes(x, weight, stride, padding)
    kh, kw = weight.shape[2:]
    x = F.pad(x, (padding,) * 4)
    rows = [[torch.einsum("nchw,dchw->nd", x[:, :, i:i + kh, j:j + kw], weight) for j in range(wide)]
            for i in range(high)]
    return _add(torch.stack([torch.stack(row, -1) for row in rows], -2), bias)


@wrong("conv2d", "conv-mixed-sides")
def sides_of_the_kernel_swapped(x, weight, bias=None, stride=1, padding=0):
    n, d, high, wide = _sizes(x, weight, stride, padding)
    kw, kh = weight.shape[2:]
    x = F.pad(x, (padding,) * 4)
    out = x.new_zeros(n, d, high, wide)
    for i in range(high):
        for j in range(wide):
            window = x[:, None, :, i * stride:i * stride + kh, j * stride:j * stride + kw]
            out[:, :, i, j] = (window * weight).sum((2, 3, 4))
    return _add(out, bias)
