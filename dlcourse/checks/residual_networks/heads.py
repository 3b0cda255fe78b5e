"""The check of a layer of several causal heads, between two linear layers."""

import math

import torch
from torch import nn

from ..asking import raises, varied
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .attention import attention_by

LAYERS = ("qkv.weight", "qkv.bias", "out.weight", "out.bias")
LIBRARY = frozenset(
    "MultiheadAttention multi_head_attention_forward _native_multi_head_attention transformer_encoder_layer".split())
BOTH_METHODS = ("has a hole left: put your code where it says `raise NotImplementedError()`, in `__init__` and in "
                "`forward`.")


class Heads(nn.Module):
    """The reference of MultiHeadAttention; a mistake is a subclass."""

    def __init__(self, d_model, heads):
        super().__init__()
        self.start(d_model, heads)
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)

    def start(self, d_model, heads):
        if d_model % heads:
            raise ValueError("d_model is no multiple of heads")
        self.heads = heads

    def forward(self, x):
        return self.out(self.merge(self.attend(*self.three(self.qkv(x)))))

    def three(self, qkv):
        return [self.split(part) for part in qkv.chunk(3, -1)]

    def split(self, part):
        n, t, d = part.shape
        return part.view(n, t, self.heads, d // self.heads).transpose(1, 2)

    def merge(self, y):
        n, _, t, _ = y.shape
        return y.transpose(1, 2).reshape(n, t, -1)

    def attend(self, q, k, v):
        return self.attention(q, k, v, self.mask(q.shape[-2]))[0]

    attention = staticmethod(attention_by())

    def mask(self, t):
        return torch.ones(t, t, dtype=torch.bool).tril()


def several(g, d_model, heads, n, t, dtype=torch.float64, **options):
    """One case: the two layers' weights and biases, and x (n, t, d_model)."""
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=dtype)
    wide = 1.5 / d_model ** 0.5
    return {"d_model": d_model, "heads": heads, "x": draw(n, t, d_model),
            "weights": [wide * draw(3 * d_model, d_model), 0.5 * draw(3 * d_model), wide * draw(d_model, d_model),
                        0.5 * draw(d_model)], **options}


@torch.no_grad()
def _loaded(answer, d_model, heads, weights):
    """The answer's module with the case's weights in it."""
    model = answer(d_model, heads).to(weights[0].dtype)
    for name, weight in zip(LAYERS, weights):
        layer, what = name.split(".")
        own = getattr(getattr(model, layer), what)
        if own is None or own.shape != weight.shape:
            found = "there is none" if own is None else f"its shape is {tuple(own.shape)}"
            raise ValueError(f"`{name}` should have shape {tuple(weight.shape)}; {found}")
        own.copy_(weight)
    return model


def through_heads(answer, x, **made):
    """The output, and the input as it is afterwards."""
    model, given = _loaded(answer, **made), x.clone()
    return {"output": model(given), UNTOUCHED: given}


def future_changed(answer, x, **made):
    """How much the outputs of the first positions change when the last three inputs do."""
    model, other = _loaded(answer, **made), x.clone()
    other[:, -3:] = 5 - other[:, -3:]
    return {"change of the first outputs": (model(other) - model(x))[:, :-3]}


def lengths(answer, x, **made):
    """Outputs of one module for one position, for few, for all."""
    model = _loaded(answer, **made)
    return {f"output for {t} position{'s' if t > 1 else ''}": model(x[:, :t]) for t in (3, x.shape[1], 1)}


def heads_slopes(answer, x, **made):
    """The gradients of sum(output²) with respect to x and to the layers' parameters."""
    model, leaf = _loaded(answer, **made), x.clone().requires_grad_()
    output = model(leaf.clone())
    inputs = [leaf, model.qkv.weight, model.qkv.bias, model.out.weight, model.out.bias]
    found = gradient(output.square().sum(), inputs) or [None] * 5
    return {f"gradient of {name}": one for name, one in zip(("x", *LAYERS), found)}


def indivisible(answer, d_model, heads):
    """Whether the constructor, or at the latest the first call, refuses."""
    try:
        answer(d_model, heads)
    except Exception:
        return {"an error is raised": True}
    return {"an error is raised": False}


def _heads_call(case):
    if "x" not in case:
        return f"MultiHeadAttention({case['d_model']}, {case['heads']})"
    n, t, d = case["x"].shape
    return (f"MultiHeadAttention({case['d_model']}, {case['heads']}), weights loaded, called with x of shape "
            f"({n}, {t}, {d})")


def _heads_part(name, share, holds, cases, observe):
    return Part(name, share, holds, cases, observe, shows=_heads_call)


def without_mask(self, t):
    """A mask method that hides nothing."""
    return torch.ones(t, t, dtype=torch.bool)


def masking(diagonal=0, upper=False):
    """A mask method: the lower or upper triangle up to this diagonal."""
    return lambda self, t: (torch.triu if upper else torch.tril)(torch.ones(t, t), diagonal).bool()


def _nan_blind(q, k, v, mask):
    scores = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(~mask, -math.inf)
    return scores.softmax(-1) @ v, scores


def _interleaved(self, part):
    n, t, d = part.shape
    return part.view(n, t, d // self.heads, self.heads).permute(0, 3, 1, 2)


def _interleaved_back(self, y):
    n, h, t, d = y.shape
    return y.permute(0, 2, 3, 1).reshape(n, t, h * d)


def _viewed(self, part):
    n, t, d = part.shape
    return part.reshape(n, self.heads, t, d // self.heads)


def _merged_viewed(self, y):
    n, h, t, d = y.shape
    return y.reshape(n, t, h * d)


def _per_head(self, qkv):
    n, t, d = qkv.shape
    return qkv.view(n, t, self.heads, 3, d // self.heads // 3).permute(3, 0, 2, 1, 4)


def _strided(self, qkv):
    n, t, d = qkv.shape
    return [self.split(part) for part in qkv.view(n, t, d // 3, 3).unbind(-1)]


def _ordered(*order):
    """A `three` that takes the parts in another order; order[0] is where q is taken from."""
    def three(self, qkv):
        parts = Heads.three(self, qkv)
        return [parts[number] for number in order]
    return three


def _scaled_by(size):
    """An attention whose scores are multiplied by size(q, heads)."""
    def attend(self, q, k, v):
        scale = size(q, self.heads)
        return attention_by(scale=lambda q, k, v: scale)(q, k, v, self.mask(q.shape[-2]))[0]
    return attend


def _over_batch(self, x):
    return Heads.forward(self, x.transpose(0, 1)).transpose(0, 1)


def _over_heads(self, x):
    """Attention without the transposition: the heads of one position attend to each other."""
    n, t, d = x.shape
    q, k, v = (part.view(n, t, self.heads, -1) for part in self.qkv(x).chunk(3, -1))
    return self.out(self.attention(q, k, v)[0].reshape(n, t, d))


def _one_head_only(self, d_model, heads):
    Heads.start(self, d_model, heads)
    self.heads = 1


def _any_number(self, d_model, heads):
    self.heads = heads


def _with_weights(self, x):
    return Heads.forward(self, x), x


MultiHeadAttention = Check(
    "MultiHeadAttention", "MultiHeadAttention(d_model, heads)(x)", Heads,
    [_heads_part("values", 0.5, "with weights loaded into `qkv` and `out`, the output is right", lambda g: [
        several(g, 6, 2, 2, 5), several(g, 12, 3, 3, 4), several(g, 8, 1, 2, 3),
        several(g, 12, 4, 2, 5, torch.float32)], through_heads),
     _heads_part("causal", 0.2, "what comes later changes nothing before it", lambda g: [
         several(g, 8, 2, 2, 7)], future_changed),
     _heads_part("any length", 0.1, "one module serves sequences of any length, also of 1", lambda g: [
         several(g, 6, 2, 2, 11)], lengths),
     _heads_part("gradient", 0.1, "x and both layers get their gradients", lambda g: [
         several(g, 6, 3, 2, 4)], heads_slopes),
     _heads_part("heads fit", 0.1, "heads that do not divide d_model are refused", lambda g: [
         {"d_model": 10, "heads": 4}], indivisible)],
    [Mistake("heads-interleaved", "The features are dealt out to the heads in turn. Each head takes a run of "
             "d_model/heads features that stand next to each other: the first run is head 1's.",
             [varied(Heads, split=_interleaved), varied(Heads, split=_interleaved, merge=_interleaved_back)]),
     Mistake("heads-reshaped-across-positions", "The positions got mixed: reshaping (N, T, d_model) straight to (N, "
             "heads, T, d) cuts across them. First split the last axis, then swap the axes.",
             [varied(Heads, split=_viewed), varied(Heads, split=_viewed, merge=_merged_viewed)]),
     Mistake("heads-merged-across-positions", "The heads are right; they are put together wrongly. Swap the axes "
             "back to (N, T, heads, d) before the last two become one.", varied(Heads, merge=_merged_viewed)),
     Mistake("heads-qkv-order", "The three parts of `qkv` are taken in another order. Its rows are those of q, then "
             "of k, then of v.", [varied(Heads, three=_ordered(*order)) for order in (
                 (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1))]),
     Mistake("heads-qkv-per-head", "The rows of `qkv` are read as q, k, v of head 1, then of head 2. All of q comes "
             "first, then all of k, then all of v: cut into three before you cut into heads.",
             [varied(Heads, three=_per_head), varied(Heads, three=_strided)]),
     Mistake("heads-not-causal", "Every position looks at the later ones too. Position t may look at positions up to "
             "t.", varied(Heads, mask=without_mask)),
     Mistake("heads-backwards", "The mask is the wrong way round: each position looks only at itself and what comes "
             "after it.", [varied(Heads, mask=masking(0, True)), varied(Heads, mask=masking(1, True)),
                           varied(Heads, mask=masking(1, True), attention=staticmethod(_nan_blind))]),
     Mistake("heads-blind-to-itself", "A position does not see itself: the mask's diagonal should be True.",
             [varied(Heads, mask=masking(-1)),
              varied(Heads, mask=masking(-1), attention=staticmethod(_nan_blind))]),
     Mistake("heads-one-ahead", "Each position sees one beyond itself: the mask's triangle is too large by a "
             "diagonal.", varied(Heads, mask=masking(1))),
     Mistake("heads-scaled-by-d-model", "The scores are divided by √d_model. Each head has only d_model/heads "
             "features, and its own √d.",
             varied(Heads, attend=_scaled_by(lambda q, heads: (q.shape[-1] * heads) ** -0.5))),
     Mistake("heads-unscaled", "The scores are not divided by √d.",
             varied(Heads, attend=_scaled_by(lambda q, heads: 1.0))),
     Mistake("heads-no-out", "The last step is missing: the heads, put together, go through `out`.",
             varied(Heads, forward=lambda self, x: self.merge(self.attend(*self.three(self.qkv(x)))))),
     Mistake("heads-one", "It is all one head: `heads` is not used.", varied(Heads, start=_one_head_only)),
     Mistake("heads-over-batch", "The samples of a batch attend to each other. Time is the second axis of x (N, T, "
             "d_model).", varied(Heads, forward=_over_batch)),
     Mistake("heads-over-heads", "The heads of a position attend to each other, and the positions not at all. "
             "Attention works on the last two axes: bring them to (…, T, d).", varied(Heads, forward=_over_heads)),
     Mistake("heads-residual", "x was added to the output. That comes with the next exercise: here the output alone "
             "was asked for.", varied(Heads, forward=lambda self, x: x + Heads.forward(self, x))),
     Mistake("heads-tuple", "More than the output came back. Return the output alone, a tensor.",
             shows=lambda finding, seen, case: isinstance(seen.get("seen", {}).get("output"), list)),
     Mistake("heads-wrong-reshape", "The shapes do not fit. (N, T, d_model) becomes (N, T, heads, d), then (N, heads, "
             "T, d), and comes back the same way.",
             shows=raises("is invalid for input of size", "must match", "Expected size", "mat1 and mat2",
                          "not enough values", "too many values", "view size is not compatible")),
     Mistake("heads-float-mask", "The mask holds numbers. `attention` takes a mask of booleans: make it one with "
             "`.bool()`, or say `dtype=torch.bool`.",
             shows=raises("bitwise_", "only supports boolean masks", "operator.invert", "Expected attn_mask dtype")),
     Mistake("heads-attention-tuple", "`attention` gives two things, the output and the weights. Take the first.",
             shows=raises("'tuple' object has no attribute")),
     Mistake("heads-names", "The check puts weights into two layers, `qkv` and `out`, and did not find them. "
             "They are attributes of exactly these names.",
             shows=raises("no attribute 'qkv'", "no attribute 'out'", "no attribute 'weight'", "no attribute 'bias'")),
     Mistake("heads-layer-shape", "`qkv` is nn.Linear(d_model, 3·d_model) and `out` nn.Linear(d_model, d_model), both "
             "with a bias.", shows=raises("should have shape")),
     Mistake("heads-no-super", "nn.Module must be set up before it is given a layer: `super().__init__()` comes first.",
             shows=raises("before Module.__init__() call")),
     Mistake("heads-no-forward", "There is no `forward`: that is the method which is run when the module is called.",
             shows=raises('required "forward" function')),
     Mistake("heads-fixed-length", "It works for sequences of one length only: a mask made for one is used for "
             "another. Make it for the T that comes in.",
             shows=lambda finding, seen, case: finding.kind == "raised" and finding.got["type"] in (
                 "RuntimeError", "IndexError", "ValueError") and case.get("x") is not None and case["x"].shape[1] > 8),
     Mistake("heads-indivisible", "Heads that do not divide d_model are taken without a word. Raise an error in "
             "`__init__`: features would be left over.", varied(Heads, start=_any_number)),
     Mistake("heads-detached", "Some of the layers get no gradient: on the way something was detached.",
             varied(Heads, three=lambda self, qkv: Heads.three(self, qkv.detach())))],
    LIBRARY, "Your `attention`, a causal mask and two linear layers are your tools; "
    "F.scaled_dot_product_attention may be used too.", unwritten=BOTH_METHODS)
