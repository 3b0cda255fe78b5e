"""Answers to the second half of lesson 08: attention, its heads, and the block."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# attention


@right("attention")
def by_where(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) * q.size(-1) ** -0.5
    if mask is None:
        weights = F.softmax(scores, dim=-1)
    else:
        weights = torch.where(mask, scores, -1e9).softmax(dim=-1) * mask
    return torch.matmul(weights, v), weights


@right("attention")
def by_hand_and_mended(q, k, v, mask=None):
    s = q @ k.transpose(-1, -2)
    s = s / math.sqrt(k.shape[-1])
    if mask is not None:
        s = s.masked_fill(mask == 0, float("-inf"))
    w = torch.nan_to_num(torch.softmax(s, -1), 0.0)
    return w @ v, w


@right("attention")
def by_einsum(q, k, v, mask=None):
    scores = torch.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e12)
    powers = torch.exp(scores - scores.amax(-1, keepdim=True))
    if mask is not None:
        powers = powers * mask
    total = powers.sum(-1, keepdim=True)
    weights = powers / torch.where(total > 0, total, 1.0)
    return torch.einsum("...ts,...se->...te", weights, v), weights


def careful(scores, mask):
    if mask is None:
        return scores.softmax(-1)
    return scores.masked_fill(mask.logical_not(), -1e30).softmax(-1) * mask


@wrong("attention", "attention-unscaled")
def no_scale(q, k, v, mask=None):
    w = careful(q @ k.mT, mask)
    return w @ v, w


@wrong("attention", "attention-scaled-by-d")
def by_d(q, k, v, mask=None):
    w = careful(torch.matmul(q, k.mT) / k.shape[-1], mask)
    return w @ v, w


@wrong("attention", "attention-multiplied")
def times_root(q, k, v, mask=None):
    w = careful(q @ k.mT * math.sqrt(q.size(-1)), mask)
    return w @ v, w


@wrong("attention", "attention-scaled-by-another-size")
def by_number_of_queries(q, k, v, mask=None):
    w = careful(q @ k.mT / math.sqrt(q.size(-2)), mask)
    return w @ v, w


@wrong("attention", "attention-scaled-after")
def scaled_late(q, k, v, mask=None):
    w = careful(q @ k.mT, mask) / math.sqrt(q.size(-1))
    return w @ v, w


@wrong("attention", "attention-over-queries")
def columns(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    w = F.softmax(scores, -2)
    return w @ v, w


@wrong("attention", "attention-over-an-axis-in-front")
def first_axis(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    w = F.softmax(scores, 0)
    return w @ v, w


@wrong("attention", "attention-no-softmax")
def raw(q, k, v, mask=None):
    w = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        w = w.masked_fill(~mask, 0.0)
    return w @ v, w


@wrong("attention", "attention-keys-not-transposed")
def untransposed(q, k, v, mask=None):
    w = careful(q @ k / math.sqrt(q.size(-1)), mask)
    return w @ v, w


@wrong("attention", "attention-axes-from-the-front")
def for_three_axes(q, k, v, mask=None):
    w = careful(q @ k.transpose(1, 2) / math.sqrt(q.size(-1)), mask)
    return w @ v, w


@wrong("attention", "attention-output-only")
def alone(q, k, v, mask=None):
    return careful(q @ k.mT / math.sqrt(q.size(-1)), mask) @ v


@wrong("attention", "attention-order-of-results")
def weights_first(q, k, v, mask=None):
    w = careful(q @ k.mT / math.sqrt(q.size(-1)), mask)
    return w, w @ v


@wrong("attention", "attention-returns-scores")
def scores_too(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    return careful(scores, mask) @ v, scores


@wrong("attention", "attention-mask-ignored")
def maskless(q, k, v, mask=None):
    w = (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1)
    return w @ v, w


@wrong("attention", "attention-mask-inverted")
def true_means_hidden(q, k, v, mask=None):
    w = careful(q @ k.mT / math.sqrt(q.size(-1)), None if mask is None else ~mask)
    return w @ v, w


@wrong("attention", "attention-mask-inverted-nan")
def fills_where_true(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-mask-after")
def masked_weights(q, k, v, mask=None):
    w = (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1)
    if mask is not None:
        w = torch.where(mask, w, 0.0)
    return w @ v, w


@wrong("attention", "attention-masked-scores-zero")
def scores_to_zero(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, 0)
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-zero-times-infinity")
def times_infinity(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores + (~mask) * float("-inf")
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-bool-minus")
def one_minus_mask(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores - 1e9 * (1 - mask)
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-mask-shape")
def by_index(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores[~mask] = -1e30
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-mask-undefined")
def always_masks(q, k, v, mask=None):
    w = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(mask == False, -1e30).softmax(-1)  # noqa: E712
    return w @ v, w


@wrong("attention", "attention-nan")
def minus_infinity(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-uniform")
def large_number(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    w = scores.softmax(-1)
    return w @ v, w


@wrong("attention", "attention-nan-gradient")
def added_and_mended(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -math.inf)
    w = scores.softmax(-1)
    w = torch.where(torch.isnan(w), torch.zeros_like(w), w)
    return w @ v, w


@wrong("attention", "attention-causal-unasked")
def causal(q, k, v, mask=None):
    past = torch.tril(torch.ones(q.shape[-2], k.shape[-2])).bool()
    w = careful(q @ k.mT / math.sqrt(q.size(-1)), past if mask is None else past & mask)
    return w @ v, w


@wrong("attention", "attention-weights-detached")
def weights_for_show(q, k, v, mask=None):
    w = careful(q @ k.mT / math.sqrt(q.size(-1)), mask)
    return w @ v, w.data


@wrong("attention", "attention-shared-out-anew")
def divided_by_what_is_left(q, k, v, mask=None):
    w = F.softmax(q @ k.mT / math.sqrt(q.size(-1)), dim=-1)
    if mask is not None:
        w = w * mask
        w = w / w.sum(-1, keepdim=True).clamp_min(1e-9)
    return w @ v, w


@wrong("attention", "attention-shared-out-anew")
def hidden_by_100_and_cleared(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is None:
        return scores.softmax(-1) @ v, scores.softmax(-1)
    w = scores.masked_fill(~mask, -100.0).softmax(-1) * mask
    return w @ v, w


@wrong("attention", "attention-not-low-enough")
def hidden_by_100(q, k, v, mask=None):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is None:
        return scores.softmax(-1) @ v, scores.softmax(-1)
    w = torch.where(mask, scores, -100.0).softmax(-1)
    w = torch.where(mask.any(-1, keepdim=True), w, 0.0)
    return w @ v, w


@wrong("attention", "off-limits")
def library(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask), torch.zeros(1)


@wrong("attention", "not-written")
def stub(q, k, v, mask=None):
    raise NotImplementedError()


@wrong("attention", None)
def root_of_d_plus_1(q, k, v, mask=None):
    w = careful(q @ k.mT / math.sqrt(q.size(-1) + 1), mask)
    return w @ v, w


# MultiHeadAttention


class Heads(nn.Module):
    """What the answers below share; each one stands for a whole answer."""

    def __init__(self, d_model, heads):
        super().__init__()
        assert d_model % heads == 0
        self.h, self.d = heads, d_model // heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)


@right("MultiHeadAttention")
class ByLibrary(Heads):
    def forward(self, x):
        N, T, D = x.shape
        q, k, v = self.qkv(x).view(N, T, 3, self.h, self.d).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(N, T, D))


@right("MultiHeadAttention")
class HeadByHead(Heads):
    def forward(self, x):
        T = x.shape[1]
        q, k, v = self.qkv(x).split(self.h * self.d, dim=2)
        future = torch.triu(torch.ones(T, T), diagonal=1).bool()
        done = []
        for i in range(self.h):
            part = slice(i * self.d, (i + 1) * self.d)
            scores = q[..., part] @ k[..., part].mT / self.d ** 0.5
            done.append(scores.masked_fill(future, -math.inf).softmax(-1) @ v[..., part])
        return self.out(torch.cat(done, -1))


@right("MultiHeadAttention")
class WithALongMask(Heads):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        self.register_buffer("past", torch.tril(torch.ones(256, 256)).bool())

    def forward(self, x):
        N, T, D = x.shape
        q, k, v = (z.reshape(N, T, self.h, self.d).permute(0, 2, 1, 3) for z in self.qkv(x).chunk(3, -1))
        w = (q @ k.mT * self.d ** -0.5).masked_fill(~self.past[:T, :T], -1e9).softmax(-1)
        return self.out((w @ v).permute(0, 2, 1, 3).reshape(N, T, D))


def attend(q, k, v, scale=None, mask=None):
    T = q.shape[-2]
    mask = torch.ones(T, T).tril().bool() if mask is None else mask
    return careful(q @ k.mT / math.sqrt(scale or q.shape[-1]), mask) @ v


def cut(layer, z):
    return z.reshape(*z.shape[:2], layer.h, layer.d).transpose(1, 2)


def glue(y):
    return y.transpose(1, 2).flatten(2)


@wrong("MultiHeadAttention", "heads-interleaved")
class Interleaved(Heads):
    def forward(self, x):
        N, T, D = x.shape
        q, k, v = (z.reshape(N, T, self.d, self.h).permute(0, 3, 1, 2) for z in self.qkv(x).chunk(3, -1))
        return self.out(attend(q, k, v).permute(0, 2, 3, 1).reshape(N, T, D))


@wrong("MultiHeadAttention", "heads-reshaped-across-positions")
class StraightReshape(Heads):
    def forward(self, x):
        N, T, D = x.shape
        q, k, v = (z.reshape(N, self.h, T, self.d) for z in self.qkv(x).chunk(3, -1))
        return self.out(attend(q, k, v).reshape(N, T, D))


@wrong("MultiHeadAttention", "heads-merged-across-positions")
class NotSwappedBack(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(attend(q, k, v).reshape(x.shape))


@wrong("MultiHeadAttention", "heads-qkv-order")
class KeysFirst(Heads):
    def forward(self, x):
        k, q, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(glue(attend(q, k, v)))


@wrong("MultiHeadAttention", "heads-qkv-per-head")
class ThreePerHead(Heads):
    def forward(self, x):
        N, T, D = x.shape
        q, k, v = self.qkv(x).reshape(N, T, self.h, 3 * self.d).transpose(1, 2).chunk(3, -1)
        return self.out(glue(attend(q, k, v)))


@wrong("MultiHeadAttention", "heads-not-causal")
class SeesAll(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(glue(F.scaled_dot_product_attention(q, k, v)))


@wrong("MultiHeadAttention", "heads-backwards")
class SeesTheFuture(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        T = x.shape[1]
        return self.out(glue(attend(q, k, v, mask=torch.ones(T, T).triu().bool())))


@wrong("MultiHeadAttention", "heads-one-ahead")
class OneAhead(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        T = x.shape[1]
        return self.out(glue(attend(q, k, v, mask=torch.ones(T, T).tril(1).bool())))


@wrong("MultiHeadAttention", "heads-blind-to-itself")
class NotItself(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        T = x.shape[1]
        return self.out(glue(attend(q, k, v, mask=torch.ones(T, T).tril(-1).bool())))


@wrong("MultiHeadAttention", "heads-scaled-by-d-model")
class WholeWidth(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(glue(attend(q, k, v, scale=x.shape[-1])))


@wrong("MultiHeadAttention", "heads-unscaled")
class Unscaled(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(glue(attend(q, k, v, scale=1)))


@wrong("MultiHeadAttention", "heads-no-out")
class NoOut(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return glue(attend(q, k, v))


@wrong("MultiHeadAttention", "heads-one")
class OneHead(Heads):
    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out(attend(q, k, v))


@wrong("MultiHeadAttention", "heads-residual")
class AddsX(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return x + self.out(glue(attend(q, k, v)))


@wrong("MultiHeadAttention", "heads-tuple")
class WithWeights(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        return self.out(glue(attend(q, k, v))), q @ k.mT


@wrong("MultiHeadAttention", "heads-float-mask")
class MaskOfNumbers(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        scores = (q @ k.mT / math.sqrt(q.size(-1))).masked_fill(~torch.ones(x.size(1), x.size(1)).tril(), -math.inf)
        return self.out(glue(scores.softmax(-1) @ v))


@wrong("MultiHeadAttention", "heads-attention-tuple")
class BothResults(Heads):
    def forward(self, x):
        q, k, v = (cut(self, z) for z in self.qkv(x).chunk(3, -1))
        mixed = attend(q, k, v), q @ k.mT
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


@wrong("MultiHeadAttention", "heads-names")
class ThreeLayers(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d_model, d_model) for _ in range(3))
        self.out, self.h, self.d = nn.Linear(d_model, d_model), heads, d_model // heads

    def forward(self, x):
        return self.out(glue(attend(*(cut(self, layer(x)) for layer in (self.q, self.k, self.v)))))


@wrong("MultiHeadAttention", "heads-layer-shape")
class NoBias(Heads):
    def __init__(self, d_model, heads):
        super().__init__(d_model, heads)
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)

    forward = KeysFirst.forward


@wrong("MultiHeadAttention", "heads-no-super")
class NoSuper(nn.Module):
    def __init__(self, d_model, heads):
        self.qkv = nn.Linear(d_model, 3 * d_model)


@wrong("MultiHeadAttention", "heads-indivisible")
class TakesAnything(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.h, self.d = heads, d_model // heads
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)

    forward = ByLibrary.forward


@wrong("MultiHeadAttention", "off-limits")
class Whole(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        self.inner = nn.MultiheadAttention(d_model, heads, batch_first=True)
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), self.inner.out_proj

    def forward(self, x):
        self.inner.in_proj_weight, self.inner.in_proj_bias = self.qkv.weight, self.qkv.bias
        T = x.shape[1]
        return self.inner(x, x, x, attn_mask=torch.ones(T, T).triu(1).bool())[0]


@wrong("MultiHeadAttention", "not-written")
class HeadsStub(nn.Module):
    def __init__(self, d_model, heads):
        super().__init__()
        raise NotImplementedError()


# TransformerBlock


class Parts(nn.Module):
    """What the answers below share; each one stands for a whole answer."""

    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attn = ByLibrary(d_model, heads)
        self.up, self.down = nn.Linear(d_model, mlp_ratio * d_model), nn.Linear(mlp_ratio * d_model, d_model)

    def mlp(self, x):
        return self.down(F.relu(self.up(x)))


@right("TransformerBlock")
class InTwoLines(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@right("TransformerBlock")
class WithTorchsAttention(nn.Module):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(d_model), nn.LayerNorm(d_model)])
        self.attention = nn.MultiheadAttention(d_model, heads, batch_first=True)
        wide = mlp_ratio * d_model
        self.mlp = nn.Sequential(nn.Linear(d_model, wide), nn.SiLU(), nn.Linear(wide, d_model))

    def forward(self, x):
        z, T = self.norms[0](x), x.shape[1]
        future = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
        x = x + self.attention(z, z, z, attn_mask=future, need_weights=False)[0]
        return x + self.mlp(self.norms[1](x))


@right("TransformerBlock")
class WithOwnNorm(nn.Module):
    class Norm(nn.Module):
        def __init__(self, d):
            super().__init__()
            self.gain, self.shift = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

        def forward(self, x):
            centred = x - x.mean(-1, keepdim=True)
            return self.gain * centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() + self.shift

    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.a, self.b = self.Norm(d_model), self.Norm(d_model)
        self.look = HeadByHead(d_model, heads)
        self.think = nn.Sequential(nn.Linear(d_model, d_model * mlp_ratio), nn.GELU(),
                                   nn.Linear(d_model * mlp_ratio, d_model))

    def forward(self, x):
        after = self.look(self.a(x)) + x
        return after + self.think(self.b(after))


@wrong("TransformerBlock", "block-post-norm")
class PostNorm(Parts):
    def forward(self, x):
        x = self.ln1(x + self.attn(x))
        return self.ln2(x + self.mlp(x))


@wrong("TransformerBlock", "block-x-normalised")
class Overwritten(Parts):
    def forward(self, x):
        x = self.ln1(x)
        x = x + self.attn(x)
        x = self.ln2(x)
        x = x + self.mlp(x)
        return x


@wrong("TransformerBlock", "block-no-residual")
class NoShortcut(Parts):
    def forward(self, x):
        return self.mlp(self.ln2(self.attn(self.ln1(x))))


@wrong("TransformerBlock", "block-attention-replaces")
class FirstShortcutMissing(Parts):
    def forward(self, x):
        x = self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-mlp-replaces")
class SecondShortcutMissing(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-attention-lost")
class FirstSumLost(Parts):
    def forward(self, x):
        y = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(y))


@wrong("TransformerBlock", "block-x-twice")
class Twice(Parts):
    def forward(self, x):
        y = x + self.attn(self.ln1(x))
        return x + y + self.mlp(self.ln2(y))


@wrong("TransformerBlock", "block-no-norm")
class Unnormalised(Parts):
    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(x)


@wrong("TransformerBlock", "block-attention-not-normalised")
class SecondNormOnly(Parts):
    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-mlp-not-normalised")
class FirstNormOnly(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(x)


@wrong("TransformerBlock", "block-norm-after-branch")
class BranchNormalised(Parts):
    def forward(self, x):
        x = x + self.ln1(self.attn(x))
        return x + self.ln2(self.mlp(x))


@wrong("TransformerBlock", "block-parallel")
class AtOnce(Parts):
    def forward(self, x):
        return x + self.attn(self.ln1(x)) + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-mlp-first")
class ThinksFirst(Parts):
    def forward(self, x):
        x = x + self.mlp(self.ln1(x))
        return x + self.attn(self.ln2(x))


@wrong("TransformerBlock", "block-not-causal")
class LooksAhead(InTwoLines):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads, mlp_ratio)
        self.attn = SeesAll(d_model, heads)


@wrong("TransformerBlock", "block-backwards")
class LooksTheOtherWay(InTwoLines):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads, mlp_ratio)
        self.attn = SeesTheFuture(d_model, heads)


@wrong("TransformerBlock", "block-no-attention")
class OnlyMlp(Parts):
    def forward(self, x):
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-no-mlp")
class OnlyAttention(Parts):
    def forward(self, x):
        return x + self.attn(self.ln1(x))


@wrong("TransformerBlock", "block-linear-mlp")
class NoBend(InTwoLines):
    def mlp(self, x):
        return self.down(self.up(x))


@wrong("TransformerBlock", "block-mlp-ratio")
class AlwaysFour(InTwoLines):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads)


@wrong("TransformerBlock", "block-mlp-bias")
class NoBiases(InTwoLines):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads, mlp_ratio)
        self.up = nn.Linear(d_model, mlp_ratio * d_model, bias=False)


@wrong("TransformerBlock", "block-dropout")
class Drops(Parts):
    def forward(self, x):
        x = x + F.dropout(self.attn(self.ln1(x)), 0.2)
        return x + F.dropout(self.mlp(self.ln2(x)), 0.2)


@wrong("TransformerBlock", "block-shortcut-detached")
class CutRoad(Parts):
    def forward(self, x):
        x = x.detach() + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-attention-tuple")
class TupleAdded(WithTorchsAttention):
    def forward(self, x):
        z = self.norms[0](x)
        x = x + self.attention(z, z, z)
        return x + self.mlp(self.norms[1](x))


@wrong("TransformerBlock", "block-mask-missing")
class OneArgument(WithTorchsAttention):
    def forward(self, x):
        x = x + self.attention(self.norms[0](x))[0]
        return x + self.mlp(self.norms[1](x))


@wrong("TransformerBlock", "off-limits")
class ReadyMade(nn.Module):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(d_model, heads, mlp_ratio * d_model, 0.0, batch_first=True,
                                                norm_first=True)

    def forward(self, x):
        return self.layer(x, src_mask=nn.Transformer.generate_square_subsequent_mask(x.shape[1]).to(x.dtype))


@wrong("TransformerBlock", "not-written")
class BlockStub(nn.Module):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError()


@wrong("TransformerBlock", "block-one-norm")
class OneNorm(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln1(x))


@wrong("TransformerBlock", "block-one-norm")
class OnlyOneNorm(nn.Module):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.norm, self.attn = nn.LayerNorm(d_model), ByLibrary(d_model, heads)
        self.mlp = nn.Sequential(nn.Linear(d_model, mlp_ratio * d_model), nn.SiLU(),
                                 nn.Linear(mlp_ratio * d_model, d_model))

    def forward(self, x):
        for part in (self.attn, self.mlp):
            x = x + part(self.norm(x))
        return x


@wrong("TransformerBlock", "block-mlp-bent-at-the-end")
class BentTwice(InTwoLines):
    def mlp(self, x):
        return F.gelu(self.down(F.gelu(self.up(x))))


@wrong("TransformerBlock", "input-changed")
class InPlace(Parts):
    def forward(self, x):
        x += self.attn(self.ln1(x))
        x += self.mlp(self.ln2(x))
        return x


@wrong("TransformerBlock", "block-linear-mlp")
class BentByTanh(InTwoLines):
    def mlp(self, x):
        return self.down(self.up(x).tanh())


@wrong("TransformerBlock", "returned-none")
class NoReturn(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        x = x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-dropout")
class DropsInTheMlp(InTwoLines):
    def mlp(self, x):
        return self.down(F.dropout(F.relu(self.up(x)), 0.1))


@wrong("TransformerBlock", "block-mlp-not-normalised")
class SecondNormIsNone(Parts):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads, mlp_ratio)
        self.ln2 = nn.Identity()

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-first-sample")
class FirstOfATensor(Parts):
    def forward(self, x):
        x = x + self.attn(self.ln1(x))[0]
        return x + self.mlp(self.ln2(x))


@wrong("TransformerBlock", "block-batch-norm")
class BatchNormed(InTwoLines):
    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__(d_model, heads, mlp_ratio)
        self.ln1, self.ln2 = nn.BatchNorm1d(d_model), nn.BatchNorm1d(d_model)
