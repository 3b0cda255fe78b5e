"""The checks of what attends: attention itself, its heads, and the block that a Transformer is made of."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import remembered
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .shared import drawn_seed, raises, varied

# ----------------------------------------------------------------------------------------------- attention

LIBRARY = frozenset(
    "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_attention_math "
    "_scaled_dot_product_efficient_attention multi_head_attention_forward multihead_attention "
    "_native_multi_head_attention transformer_encoder_layer".split())


def _hide(scores, mask):
    """The reference's way: what may not be looked at gets −∞, and a row without anything to see a harmless 0."""
    blind = ~mask.any(-1, keepdim=True)
    return scores.masked_fill(~mask, -math.inf).masked_fill(blind, 0.0), blind


def _weigh(scores, mask, dim=-1):
    if mask is None:
        return scores.softmax(dim)
    hidden, blind = _hide(scores, mask)
    return hidden.softmax(dim).masked_fill(blind, 0.0)


def _attention(scale=lambda q, k, v: q.shape[-1] ** -0.5, weigh=_weigh, give=lambda w, v, s: (w @ v, w)):
    """attention from its three steps; a mistake changes one of them. give gets the weights, v and the scores."""
    def attention(q, k, v, mask=None):
        scores = q @ k.transpose(-2, -1) * scale(q, k, v)
        return give(weigh(scores, mask), v, scores)
    return attention


def attending(g, q, s, d, e=None, mask=None, dtype=torch.float64):
    """One case: queries of shape `q` + (T, d), s keys and values, values of width e, and a mask."""
    *front, t = q
    draw = lambda *shape: 1.5 * torch.randn(*front, *shape, generator=g, dtype=dtype)
    case = {"q": draw(t, d), "k": draw(s, d), "v": draw(s, e or d)}
    return case if mask is None else {**case, "mask": mask}


def some(g, *shape, blind=()):
    """A mask of this shape: about half True, at least one True and one False in a row, the rows `blind` all False."""
    mask = torch.rand(shape, generator=g) < 0.5
    number = torch.randint(shape[-1], shape[:-1], generator=g)
    mask.scatter_(-1, number[..., None], True)
    mask.scatter_(-1, (number[..., None] + 1) % shape[-1], False)
    mask[..., list(blind), :] = False
    return mask


def overshadowed(g):
    """One case: a hidden key whose score is thousands above the others', and those all far below 0."""
    visible = -10 + 0.1 * torch.randn(1, 4, 4, generator=g, dtype=torch.float64)
    hidden = torch.full((1, 1, 4), 100.0, dtype=torch.float64)
    return {"q": torch.full((1, 3, 4), 10.0, dtype=torch.float64), "k": torch.cat([hidden, visible], 1),
            "v": torch.randn(1, 5, 2, generator=g, dtype=torch.float64),
            "mask": torch.tensor([[False, True, True, True, True]] * 3)}


def _both(found):
    if isinstance(found, (tuple, list)) and len(found) == 2:
        return {"output": found[0], "weights": found[1]}
    return {"what came back": found}


def attended(answer, **case):
    """What comes back, and the inputs as they are afterwards."""
    case = {name: tensor.clone() for name, tensor in case.items()}
    return {**_both(answer(**case)), UNTOUCHED: case}


def attended_slopes(answer, **case):
    """The gradients of sum(output²) and of sum(weights²), with respect to q, k and v."""
    found = {}
    for number, name in enumerate(("output", "weights")):
        leaves = [case[letter].clone().requires_grad_() for letter in "qkv"[:3 - number]]
        inputs = [*(leaf.clone() for leaf in leaves), case["v"]][:3]
        mixed = answer(*inputs, *([case["mask"]] if "mask" in case else []))[number]
        slopes = gradient(mixed.square().sum(), leaves) or [None] * 3
        found |= {f"gradient of the {name} by {letter}": slope for letter, slope in zip("qkv", slopes[:len(leaves)])}
    return found


def _misfit(case_fits):
    """An error about shapes, in a case of this kind."""
    texts = ("mat1 and mat2", "must match", "Expected size", "expected m1", "size of tensor", "inconsistent tensor",
             "einsum", "mT", "Dimension out of range")
    return lambda finding, seen, case: raises(*texts)(finding, seen, case) and case_fits(case)


def _filled(value, nan=None):
    """Masked scores get a value, and a blind row whatever comes of that; `nan` mends the weights afterwards."""
    def weigh(scores, mask):
        if mask is None:
            return scores.softmax(-1)
        weights = scores.masked_fill(~mask, value).softmax(-1)
        return nan(weights) if nan else weights
    return weigh


def _added(mend):
    """−∞ is added where nothing may be seen, and a nan is mended after the softmax."""
    def weigh(scores, mask):
        if mask is None:
            return scores.softmax(-1)
        return mend((scores + torch.where(mask, 0.0, -math.inf)).softmax(-1))
    return weigh


def _on_scores(change):
    """Another way to hide: change(scores, mask as numbers), then softmax."""
    def weigh(scores, mask):
        return (scores if mask is None else change(scores, mask.to(scores.dtype))).softmax(-1)
    return weigh


def _after(scores, mask):
    return scores.softmax(-1) if mask is None else scores.softmax(-1) * mask


def _shared_out_anew(floor):
    """Masked after the softmax, then divided by what is left."""
    def weigh(scores, mask):
        weights = _after(scores, mask)
        return weights if mask is None else weights / floor(weights.sum(-1, keepdim=True))
    return weigh


def _low(value):
    """Hidden scores are this low, and their weights are cleared afterwards where nothing is to be seen."""
    def weigh(scores, mask):
        if mask is None:
            return scores.softmax(-1)
        return scores.masked_fill(~mask, value).softmax(-1) * mask.any(-1, keepdim=True)
    return weigh


def _causal_unasked(scores, mask):
    past = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    return _weigh(scores, past if mask is None else mask & past)


def _inverted(scores, mask):
    return _weigh(scores, None if mask is None else ~mask)


def _not_normalised(scores, mask):
    return scores.exp() if mask is None else scores.exp() * mask


def _over(scores, mask, dim):
    """The softmax over another axis, masked before."""
    return (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(dim)


def _scaled_late(q, k, v, mask=None):
    weights = _weigh(q @ k.transpose(-2, -1), mask) / q.shape[-1] ** 0.5
    return weights @ v, weights


def _cleared_output(w, v, s):
    """An output of 0 where all weights of a row are alike."""
    blind = (w - w.mean(-1, keepdim=True)).abs().amax(-1, keepdim=True) < 1e-9
    return (w @ v).masked_fill(blind, 0.0), w


attention = Check(
    "attention", "attention(q, k, v, mask)", _attention(),
    [Part("values", 0.4, "softmax of q·k/√d over the keys weighs the values; the weights come back too", lambda g: [
        attending(g, (2, 4), 6, 5, 3), attending(g, (2, 3, 4), 5, 6), attending(g, (5,), 3, 4, 7),
        attending(g, (2, 4), 3, 6, 2, dtype=torch.float32)], attended),
     Part("mask", 0.25, "only where the mask is True does a query look; it broadcasts over what stands in front",
          lambda g: [
              attending(g, (2, 4), 6, 5, 3, some(g, 2, 4, 6)), attending(g, (2, 3, 4), 5, 6, 2, some(g, 4, 5)),
              attending(g, (2, 3, 4), 5, 6, 2, some(g, 2, 1, 1, 5)),
              attending(g, (2, 5), 5, 4, mask=torch.ones(5, 5).tril().bool()), overshadowed(g)], attended),
     Part("nothing to see", 0.2, "a row whose mask is all False gives weights and an output of 0", lambda g: [
         attending(g, (2, 4), 6, 5, 3, some(g, 2, 4, 6, blind=[1])),
         attending(g, (3, 4), 5, 4, mask=some(g, 4, 5, blind=[0, 2]))], attended),
     Part("gradient", 0.15, "gradients are right and finite, also where a row has nothing to see", lambda g: [
         attending(g, (2, 4), 6, 5, 3), attending(g, (2, 4), 6, 5, 3, some(g, 2, 4, 6)),
         attending(g, (2, 4), 6, 5, 3, some(g, 2, 4, 6, blind=[2]))], attended_slopes)],
    [Mistake("attention-unscaled", "The scores are not scaled. Divide q·k by √d before the softmax: without it they "
             "grow with the width, and the softmax saturates.", _attention(scale=lambda q, k, v: 1.0)),
     Mistake("attention-scaled-by-d", "The scores are divided by d. It is √d: a dot product of d terms has a standard "
             "deviation that grows like √d.", _attention(scale=lambda q, k, v: 1 / q.shape[-1])),
     Mistake("attention-multiplied", "The scores are multiplied by √d (or by d). They should become smaller.",
             [_attention(scale=lambda q, k, v: q.shape[-1] ** 0.5), _attention(scale=lambda q, k, v: q.shape[-1])]),
     Mistake("attention-scaled-by-another-size", "The scores are divided by the root of another size. The d under "
             "the root is the width of q and k, the last axis: not their number, and not the width of v.",
             [_attention(scale=lambda q, k, v: v.shape[-1] ** -0.5),
              _attention(scale=lambda q, k, v: k.shape[-2] ** -0.5),
              _attention(scale=lambda q, k, v: q.shape[-2] ** -0.5)]),
     Mistake("attention-scaled-after", "The weights were scaled, not the scores: a row of them no longer sums to 1. "
             "Divide before the softmax.",
             _scaled_late),
     Mistake("attention-over-queries", "The softmax runs over the queries. Each *query* shares out a weight of 1 "
             "among the keys: the last axis of the scores.",
             _attention(weigh=lambda scores, mask: _over(scores, mask, -2))),
     Mistake("attention-over-an-axis-in-front", "The softmax runs over an axis counted from the front. It belongs "
             "over the keys, the last axis, however many stand in front.",
             [_attention(weigh=lambda scores, mask: _over(scores, mask, 0)),
              _attention(weigh=lambda scores, mask: _over(scores, mask, 1))]),
     Mistake("attention-no-softmax", "The weights are the scores themselves. They need a softmax over the keys.",
             _attention(weigh=lambda scores, mask: scores if mask is None else scores * mask)),
     Mistake("attention-not-normalised", "The weights of a row do not sum to 1: the exponentials are there, their "
             "sum is not divided out.", _attention(weigh=_not_normalised)),
     Mistake("attention-keys-not-transposed", "The shapes do not fit the product. Each query is to meet each key: "
             "q (…, T, d) times k with its last two axes swapped, (…, d, S), gives scores (…, T, S).",
             shows=_misfit(lambda case: case["q"].dim() == 3)),
     Mistake("attention-axes-from-the-front", "It works for one shape and not for another: axes are counted from the "
             "front somewhere. There may be any number of them: count from the back, −1 and −2.",
             shows=_misfit(lambda case: case["q"].dim() != 3)),
     Mistake("attention-mixes-queries", "The output mixes something other than the values: weights (…, T, S) times v "
             "(…, S, e).", [_attention(give=lambda w, v, s: (w.transpose(-2, -1) @ w @ v, w)),
                            _attention(give=lambda w, v, s: (s @ v, w))]),
     Mistake("attention-output-only", "Only one thing came back. Return two: the output and the weights.",
             shows=lambda finding, seen, case: finding.kind == "missing"
             and isinstance(seen.get("seen", {}).get("what came back"), torch.Tensor)),
     Mistake("attention-order-of-results", "The weights come first here. Return the output first, then the weights.",
             _attention(give=lambda w, v, s: (w, w @ v))),
     Mistake("attention-returns-scores", "The second thing is the scores. The weights, after the softmax, were asked "
             "for.", _attention(give=lambda w, v, s: (w @ v, s))),
     Mistake("attention-causal-unasked", "It hides the future though no mask asked for it. Here the mask alone says "
             "who may look where.", _attention(weigh=_causal_unasked)),
     Mistake("attention-mask-ignored", "The mask changes nothing: it is not used.",
             _attention(weigh=lambda scores, mask: scores.softmax(-1))),
     Mistake("attention-mask-inverted", "The mask is read the wrong way round: True means *may* look.",
             _attention(weigh=_inverted)),
     Mistake("attention-mask-inverted-nan", "The mask is read the wrong way round: True means *may* look. And a row "
             "that has nothing to see comes out as nan.",
             _attention(weigh=lambda scores, mask: _filled(-math.inf)(scores, None if mask is None else ~mask))),
     Mistake("attention-mask-after", "The mask comes after the softmax: what is hidden has taken its share already, "
             "and a row no longer sums to 1. Mask the scores, before.", _attention(weigh=_after)),
     Mistake("attention-shared-out-anew", "A hidden key takes part in the softmax, with its own score or with a number "
             "that is not low enough, and only its weight is cleared afterwards. Where visible scores are far below, "
             "nothing is left for those. Mask the scores, before the softmax, so that nothing can fall below.",
             [_attention(weigh=_shared_out_anew(floor)) for floor in (
                 lambda s: s.clamp_min(1e-9), lambda s: s + 1e-9, lambda s: torch.where(s > 0, s, 1.0),
                 lambda s: s.clamp_min(1e-6), lambda s: s.clamp_min(1e-12))]),
     Mistake("attention-not-low-enough", "Hidden scores are set to a number that visible ones can fall below: then the "
             "hidden keys get the weight. Only −∞, or a number of the size of −10⁹, is out of reach.",
             [_attention(weigh=_low(-100.0)), _attention(weigh=_low(-20.0)), _attention(weigh=_low(-50.0))]),
     Mistake("attention-masked-scores-zero", "Masked scores are set to 0, and exp(0) is 1: they still get weight. "
             "What is exp of the number that should stand there, if nothing is to be left?",
             _attention(weigh=_on_scores(lambda scores, mask: scores * mask))),
     Mistake("attention-mask-added", "The mask is added to the scores as 0 and 1, which shifts them a little and "
             "hides nothing.", [_attention(weigh=_on_scores(lambda scores, mask: scores + mask)),
                                _attention(weigh=_on_scores(lambda scores, mask: scores - (1 - mask)))]),
     Mistake("attention-zero-times-infinity", "The mask is multiplied by infinity, and 0 · inf is nan. Choose with "
             "`masked_fill` or `torch.where`.",
             [_attention(weigh=_on_scores(lambda scores, mask: scores + (1 - mask) * -math.inf)),
              _attention(weigh=_on_scores(lambda scores, mask: scores - (1 - mask) * math.inf))]),
     Mistake("attention-bool-minus", "torch does not subtract booleans. The opposite of a boolean mask is `~mask`.",
             shows=raises("with a bool tensor")),
     Mistake("attention-mask-shape", "The mask's shape is taken for that of the scores. It may lack axes in front, or "
             "have size 1 there: `masked_fill` and `torch.where` broadcast, an index `scores[~mask]` does not.",
             shows=lambda finding, seen, case: raises("shape of the mask", "boolean index", "indexed tensor",
                                                     "too many indices")(finding, seen, case)),
     Mistake("attention-mask-undefined", "Without a mask, `mask` is None, and None has no opposite and masks nothing. "
             "Mask only if there is one.", shows=raises("NoneType", "got (bool, float)", "got (bool, int)")),
     Mistake("attention-nan", "A row with nothing to see is nan: all its scores are −∞, and the softmax divides 0 by "
             "0. Such a row should give weights of 0. See to it before the softmax that no row is −∞ throughout.",
             _attention(weigh=_filled(-math.inf))),
     Mistake("attention-uniform", "A row with nothing to see looks everywhere alike: masked with one large number, "
             "all its scores are equal. Its weights should be 0.",
             [_attention(weigh=_filled(-1e9)), _attention(weigh=_filled(-1e4))]),
     Mistake("attention-blind-output-only", "Where there is nothing to see, the output is 0, but the weights are not.",
             _attention(weigh=_filled(-1e9), give=_cleared_output)),
     Mistake("attention-nan-gradient", "The values are right, but a gradient is nan. A nan that is replaced after the "
             "softmax is still in the softmax's own gradient: see to it before that a row's scores are never all −∞.",
             [_attention(weigh=_added(lambda w: w.nan_to_num(0.0))),
              _attention(weigh=_added(lambda w: torch.where(w.isnan(), 0.0, w)))]),
     Mistake("attention-weights-detached", "The output lets gradients through and the weights do not: they were "
             "detached on the way.", _attention(give=lambda w, v, s: (w @ v, w.detach()))),
     Mistake("attention-no-gradient", "q and k get no gradient: the weights were cut off from the graph.",
             _attention(give=lambda w, v, s: (w.detach() @ v, w.detach())))],
    LIBRARY, "A matrix product, `masked_fill`, `softmax` and another matrix product are your tools.")

# --------------------------------------------------------------------------------------- MultiHeadAttention

LAYERS = ("qkv.weight", "qkv.bias", "out.weight", "out.bias")
HEADS_LIBRARY = frozenset(
    "MultiheadAttention multi_head_attention_forward _native_multi_head_attention transformer_encoder_layer".split())
BOTH_METHODS = ("has a hole left: put your code where it says `raise NotImplementedError()`, in `__init__` and in "
                "`forward`.")


class _Heads(nn.Module):
    """The reference; a mistake is a subclass."""

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

    attention = staticmethod(_attention())

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


def _no_mask(self, t):
    return torch.ones(t, t, dtype=torch.bool)


def _masks(diagonal=0, upper=False):
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
        parts = _Heads.three(self, qkv)
        return [parts[number] for number in order]
    return three


def _scaled_by(size):
    """An attention whose scores are multiplied by size(q, heads)."""
    def attend(self, q, k, v):
        scale = size(q, self.heads)
        return _attention(scale=lambda q, k, v: scale)(q, k, v, self.mask(q.shape[-2]))[0]
    return attend


def _over_batch(self, x):
    return _Heads.forward(self, x.transpose(0, 1)).transpose(0, 1)


def _over_heads(self, x):
    """Attention without the transposition: the heads of one position attend to each other."""
    n, t, d = x.shape
    q, k, v = (part.view(n, t, self.heads, -1) for part in self.qkv(x).chunk(3, -1))
    return self.out(self.attention(q, k, v)[0].reshape(n, t, d))


def _one_head_only(self, d_model, heads):
    _Heads.start(self, d_model, heads)
    self.heads = 1


def _any_number(self, d_model, heads):
    self.heads = heads


def _with_weights(self, x):
    return _Heads.forward(self, x), x


MultiHeadAttention = Check(
    "MultiHeadAttention", "MultiHeadAttention(d_model, heads)(x)", _Heads,
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
             [varied(_Heads, split=_interleaved), varied(_Heads, split=_interleaved, merge=_interleaved_back)]),
     Mistake("heads-reshaped-across-positions", "The positions got mixed: reshaping (N, T, d_model) straight to (N, "
             "heads, T, d) cuts across them. First split the last axis, then swap the axes.",
             [varied(_Heads, split=_viewed), varied(_Heads, split=_viewed, merge=_merged_viewed)]),
     Mistake("heads-merged-across-positions", "The heads are right; they are put together wrongly. Swap the axes "
             "back to (N, T, heads, d) before the last two become one.", varied(_Heads, merge=_merged_viewed)),
     Mistake("heads-qkv-order", "The three parts of `qkv` are taken in another order. Its rows are those of q, then "
             "of k, then of v.", [varied(_Heads, three=_ordered(*order)) for order in (
                 (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1))]),
     Mistake("heads-qkv-per-head", "The rows of `qkv` are read as q, k, v of head 1, then of head 2. All of q comes "
             "first, then all of k, then all of v: cut into three before you cut into heads.",
             [varied(_Heads, three=_per_head), varied(_Heads, three=_strided)]),
     Mistake("heads-not-causal", "Every position looks at the later ones too. Position t may look at positions up to "
             "t.", varied(_Heads, mask=_no_mask)),
     Mistake("heads-backwards", "The mask is the wrong way round: each position looks only at itself and what comes "
             "after it.", [varied(_Heads, mask=_masks(0, True)), varied(_Heads, mask=_masks(1, True)),
                           varied(_Heads, mask=_masks(1, True), attention=staticmethod(_nan_blind))]),
     Mistake("heads-blind-to-itself", "A position does not see itself: the mask's diagonal should be True.",
             [varied(_Heads, mask=_masks(-1)),
              varied(_Heads, mask=_masks(-1), attention=staticmethod(_nan_blind))]),
     Mistake("heads-one-ahead", "Each position sees one beyond itself: the mask's triangle is too large by a "
             "diagonal.", varied(_Heads, mask=_masks(1))),
     Mistake("heads-scaled-by-d-model", "The scores are divided by √d_model. Each head has only d_model/heads "
             "features, and its own √d.",
             varied(_Heads, attend=_scaled_by(lambda q, heads: (q.shape[-1] * heads) ** -0.5))),
     Mistake("heads-unscaled", "The scores are not divided by √d.",
             varied(_Heads, attend=_scaled_by(lambda q, heads: 1.0))),
     Mistake("heads-no-out", "The last step is missing: the heads, put together, go through `out`.",
             varied(_Heads, forward=lambda self, x: self.merge(self.attend(*self.three(self.qkv(x)))))),
     Mistake("heads-one", "It is all one head: `heads` is not used.", varied(_Heads, start=_one_head_only)),
     Mistake("heads-over-batch", "The samples of a batch attend to each other. Time is the second axis of x (N, T, "
             "d_model).", varied(_Heads, forward=_over_batch)),
     Mistake("heads-over-heads", "The heads of a position attend to each other, and the positions not at all. "
             "Attention works on the last two axes: bring them to (…, T, d).", varied(_Heads, forward=_over_heads)),
     Mistake("heads-residual", "x was added to the output. That comes with the next exercise: here the output alone "
             "was asked for.", varied(_Heads, forward=lambda self, x: x + _Heads.forward(self, x))),
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
             "`__init__`: features would be left over.", varied(_Heads, start=_any_number)),
     Mistake("heads-detached", "Some of the layers get no gradient: on the way something was detached.",
             varied(_Heads, three=lambda self, qkv: _Heads.three(self, qkv.detach())))],
    HEADS_LIBRARY, "Your `attention`, a causal mask and two linear layers are your tools; "
    "F.scaled_dot_product_attention may be used too.", unwritten=BOTH_METHODS)

# ----------------------------------------------------------------------------------------- TransformerBlock


class _Block(nn.Module):
    """The reference; a mistake is a subclass. Each branch normalises its own input."""

    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attention, self.mlp = self.heads(d_model, heads), self.layers(d_model, mlp_ratio * d_model)

    heads = _Heads

    def layers(self, d, wide):
        return nn.Sequential(nn.Linear(d, wide), nn.GELU(), nn.Linear(wide, d))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def blocks(g, d_model=6, heads=2, mlp_ratio=4, n=2, t=5):
    """One case: the sizes, an input, and a seed for the numbers that the block is filled with."""
    return [{"d_model": d_model, "heads": heads, "mlp_ratio": mlp_ratio, "seed": drawn_seed(g),
             "x": torch.randn(n, t, d_model, generator=g, dtype=torch.float64)}]


@torch.no_grad()
def _block(answer, d_model, heads, mlp_ratio, seed, off=(), gains=True, biases=0.0, raw=False):
    """A block filled by the seed, whatever its parameters are called: matrices with normal numbers, gains left at 1.

    off  which matrices are 0: "mlp", those that have an axis of mlp_ratio·d_model; "attention", the others
    raw  it is given the input itself; otherwise a copy, so that what happens in place is told in one place only
    """
    model, g = answer(d_model, heads, mlp_ratio).double(), torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        gain = parameter.dim() == 1 and bool((parameter == 1).all())
        if parameter.dim() > 1:
            part = "mlp" if mlp_ratio * d_model in parameter.shape else "attention"
            numbers = torch.randn(parameter.shape, generator=g, dtype=torch.float64) / parameter.shape[-1] ** 0.5
            parameter.copy_(numbers * (part not in off))
        elif not (gain and gains):
            parameter.fill_(0.0 if gain else biases)
    if not raw:
        model.register_forward_pre_hook(lambda model, given: tuple(one.clone() for one in given))
    return model


def _alike(one, other):
    return one.shape == other.shape and torch.allclose(one, other, 1e-3, 1e-6)


def _normal(x):
    return F.layer_norm(x, x.shape[-1:])


def _what(y, x):
    """In words: what y is of x."""
    if y is None:
        return None
    if not isinstance(y, torch.Tensor) or y.shape != x.shape:
        return "no tensor of x's shape"
    known = {"x": x, "0": 0 * x, "x, normalised": _normal(x), "2·x": 2 * x, "3·x": 3 * x, "4·x": 4 * x}
    return next((words for words, tensor in known.items() if _alike(y, tensor)), "something else")


def _branch(f, x):
    """In words: what a block does of which one branch is off. A branch behind a norm gives the same for 1000·x."""
    y, far = f(x), f(1000 * x)
    plain = _what(y, x)
    if plain is None:
        return None
    if plain != "something else":
        return plain
    added = far - 1000 * x
    if _alike(added, _normal(added)):
        return "x + norm(branch(x))"
    if _alike(added, y - x):
        return "x + branch(norm(x))"
    return "branch(norm(x)), without x" if _alike(far, y) else "something else"


def shortcut(answer, x, **made):
    """What comes out of a block all of whose branches give 0."""
    with torch.no_grad():
        bare = _block(answer, gains=False, off=("mlp", "attention"), **made)
        gained = _block(answer, off=("mlp", "attention"), **made)
        return {"output where every parameter is 0": _what(bare(x), x),
                "output where only the norms' gains are not 0": _what(gained(x), x)}


def branches(answer, x, **made):
    """What each branch adds, and to what."""
    with torch.no_grad():
        model, given = _block(answer, raw=True, **made), x.clone()
        first, second = model(given), _block(answer, **made)(x)
        seen = {"the same input gives the same twice": first is None or torch.equal(first, second)}
        seen |= {f"output with the {name}'s matrices 0": _branch(_block(answer, off=(off,), **made), x)
                 for name, off in (("MLP", "mlp"), ("attention", "attention"))}
    return seen | {"norms that serve both branches": _serving_both(answer, x, **made), UNTOUCHED: given}


def _serving_both(answer, x, **made):
    """How many gains matter to the output where the MLP's matrices are 0 and where those of the attention are."""
    moved = []
    for off in ("mlp", "attention"):
        model = _block(answer, off=(off,), **made)
        gains = [p for p in model.parameters() if p.dim() == 1 and bool((p == 1).all())]
        ways = torch.arange(1.0, x.numel() + 1).double().view(x.shape)
        y = model(x)
        try:
            slopes = gradient((y * ways).sum(), gains) if gains and y is not None else None
        except RuntimeError:  # something was changed in place: told elsewhere
            return 0
        moved.append([slope is not None and bool(slope.abs().max() > 1e-9) for slope in slopes or [None] * len(gains)])
    return sum(one and other for one, other in zip(*moved))


def order(answer, x, **made):
    """In words: how the two branches follow each other."""
    with torch.no_grad():
        whole, first, second = (_block(answer, off=off, **made) for off in ((), ("mlp",), ("attention",)))
        y, with_attention, with_mlp = whole(x), first(x), second(x)
        ways = {"attention first, then the MLP": second(with_attention),
                "the MLP first, then attention": first(with_mlp), "both from the same x": with_attention + with_mlp - x}
        if _alike(with_attention, x) or _alike(with_mlp, x):
            return {"order of the branches": "there is but one branch"}
        return {"order of the branches": next((way for way, z in ways.items() if _alike(y, z)), "another one")}


def looks(answer, x, **made):
    """Which inputs an output depends on: those of its past, no others."""
    with torch.no_grad():
        model = _block(answer, **made)
        alone = _block(answer, off=("attention",), **made)
        y, middle = model(x), x.shape[1] // 2
        later, earlier, sample = x.clone(), x.clone(), x.clone()
        later[:, middle + 1:] *= -1
        earlier[:, :middle] *= -1
        sample[0] *= -1
        same = lambda one, other: bool(torch.allclose(one, other, 1e-6, 1e-9))
        return {"a position depends on later ones": not same(model(later)[:, :middle + 1], y[:, :middle + 1]),
                "a position depends on earlier ones": not same(model(earlier)[:, middle:], y[:, middle:]),
                "a sample depends on another": not same(model(sample)[1:], y[1:]),
                "the MLP mixes positions": not same(alone(earlier)[:, middle:], alone(x)[:, middle:]),
                "the same input gives the same twice": same(model(x), y)}


def mlp_form(answer, x, **made):
    """Whether the MLP has its width, a bend and biases."""
    d, wide = made["d_model"], made["mlp_ratio"] * made["d_model"]
    with torch.no_grad():
        model = _block(answer, off=("attention",), **made)
        shapes = [tuple(parameter.shape) for parameter in model.parameters()]
        added, mirrored = model(x) - x, model(-x) + x
        turned = []
        for matrix in (p for p in model.parameters() if tuple(p.shape) in ((wide, d), (d, wide))):
            matrix.neg_()
            turned.append(_alike(model(x) - x, -added))
            matrix.neg_()
        return {f"matrices to {wide} features and back": sum(shape in ((wide, d), (d, wide)) for shape in shapes),
                f"a bias for the {wide} features": (wide,) in shapes,
                "the MLP's answer to −x is but minus that to x": _alike(mirrored, -added),
                "the MLP ends in a linear layer": any(turned)}


def block_slopes(answer, x, **made):
    """Whether every parameter gets a gradient, and what comes back through the shortcut."""
    model, leaf = _block(answer, biases=0.1, **made), x.clone().requires_grad_()
    ways = torch.arange(1.0, x.shape[-1] + 1).double()  # a plain sum would be blind to what a norm lets through
    parameters = list(model.parameters())
    found = gradient((model(leaf) * ways).square().sum(), parameters) or [None] * len(parameters)
    empty = _block(answer, gains=False, off=("mlp", "attention"), **made)
    back = gradient(empty(leaf), leaf)
    return {"parameters without a gradient": sum(one is None for one in found),
            "gradient through the shortcut": "none" if back is None else _what(back * x, x)}


def _block_part(name, share, holds, observe, **case):
    return Part(name, share, holds, lambda g: blocks(g, **case), remembered(observe), shows=lambda case: (
        f"TransformerBlock({case['d_model']}, {case['heads']}, {case['mlp_ratio']}), its parameters set, on x of shape "
        f"{tuple(case['x'].shape)}"))


def _forward(forward, **more):
    return varied(_Block, forward=forward, **more)


def _post(self, x):
    x = self.norm1(x + self.attention(x))
    return self.norm2(x + self.mlp(x))


def _normalised_away(self, x):
    x = self.norm1(x)
    x = x + self.attention(x)
    x = self.norm2(x)
    return x + self.mlp(x)


def _restarts(self, x):
    return x + self.mlp(self.norm2(self.attention(self.norm1(x))))


def _one_norm(self, x):
    x = x + self.attention(self.norm1(x))
    return x + self.mlp(self.norm1(x))


def _made_with(**parts):
    """A block with some of its parts made otherwise: name = (d) -> module, or None to leave it out."""
    def __init__(self, d_model, heads, mlp_ratio=4):
        _Block.__init__(self, d_model, heads, mlp_ratio)
        for name, make in parts.items():
            delattr(self, name)
            if make is not None:
                setattr(self, name, make(d_model))
    return __init__


def _loses_attention(self, x):
    return x + self.mlp(self.norm2(x + self.attention(self.norm1(x))))


def _sandwich(self, x):
    return self.norm2(_Block.forward(self, x))


def _mlp_first(self, x):
    x = x + self.mlp(self.norm2(x))
    return x + self.attention(self.norm1(x))


def _at_once(self, x):
    return x + self.attention(self.norm1(x)) + self.mlp(self.norm2(x))


def _shared_norm(self, x):
    z = self.norm1(x)
    x = x + self.attention(z)
    return x + self.mlp(z)


def _late_attention_norm(self, x):
    x = x + self.norm1(self.attention(x))
    return x + self.norm2(self.mlp(x))


def _dropping(self, x):
    x = x + F.dropout(self.attention(self.norm1(x)), 0.1, True)
    return x + F.dropout(self.mlp(self.norm2(x)), 0.1, True)


def _cut_shortcut(self, x):
    x = x.detach() + self.attention(self.norm1(x))
    return x.detach() + self.mlp(self.norm2(x))


def _cut_branches(self, x):
    x = x + self.attention(self.norm1(x)).detach()
    return x + self.mlp(self.norm2(x)).detach()


def _with_relu(self, d, wide):
    """With this bend the MLP scales with its input, so a norm behind it looks like one before it."""
    return nn.Sequential(nn.Linear(d, wide), nn.ReLU(), nn.Linear(wide, d))


def _layers(make):
    return varied(_Block, layers=lambda self, d, wide: make(d, wide))


def _mlp_of_4(self, d_model, heads, mlp_ratio=4):
    _Block.__init__(self, d_model, heads, 4)


TransformerBlock = Check(
    "TransformerBlock", "TransformerBlock(d_model, heads, mlp_ratio)(x)", _Block,
    [_block_part("shortcut", 0.3, "with every parameter 0 the block gives x back", shortcut),
     _block_part("branches", 0.25, "each branch adds to x what it makes of norm(x)", branches),
     _block_part("order", 0.1, "the MLP works on what attention has added to", order),
     _block_part("who sees whom", 0.2, "a position depends on itself and on what came before it", looks),
     _block_part("MLP", 0.1, "it widens to mlp_ratio·d_model, bends, and comes back", mlp_form, mlp_ratio=5),
     _block_part("gradient", 0.05, "every parameter gets a gradient, and the shortcut lets it through", block_slopes)],
    [Mistake("block-post-norm", "The norm stands after the sum, on the way that everything takes: post-norm, the "
             "original Transformer's. Here it is to stand inside the branch: x + attention(norm(x)).", _forward(_post)),
     Mistake("block-post-norm-too", "A norm stands on the main road, after a sum: what comes in does not go out as it "
             "came. Norms belong inside the branches only.", [
                 _forward(_sandwich), _forward(lambda self, x: self.norm2(_Block.forward(self, x)) + 0)]),
     Mistake("block-x-normalised", "x itself was overwritten by norm(x), so the shortcut carries the normalised one. "
             "Normalise what goes into the branch, and add to the x that came in.", [
                 _forward(_normalised_away),
                 _forward(lambda self, x: _Block.forward(self, self.norm1(x)))]),
     Mistake("block-no-residual", "There is no shortcut: x goes only through the branches. Each one adds to x.",
             [_forward(lambda self, x: self.mlp(self.norm2(self.attention(self.norm1(x))))),
              _forward(lambda self, x: self.mlp(self.attention(self.norm1(x))))]),
     Mistake("block-attention-replaces", "Attention replaces x instead of adding to it.", [
         _forward(lambda self, x: (lambda z: z + self.mlp(self.norm2(z)))(self.attention(self.norm1(x))))]),
     Mistake("block-mlp-replaces", "The MLP replaces x instead of adding to it.", [
         _forward(lambda self, x: self.mlp(self.norm2(x + self.attention(self.norm1(x)))))]),
     Mistake("block-attention-lost", "Attention's result enters the MLP, but is not added to x: the second sum starts "
             "again from the block's input. It starts from the first sum.",
             [_forward(_loses_attention), _forward(_restarts)]),
     Mistake("block-x-twice", "x is added more than once.", [
         _forward(lambda self, x: x + _Block.forward(self, x)),
         varied(_Block, heads=varied(_Heads, forward=lambda self, x: x + _Heads.forward(self, x))),
         _forward(lambda self, x: (lambda z: z + z + self.mlp(self.norm2(z)))(x + self.attention(self.norm1(x))))]),
     Mistake("block-no-norm", "Nothing is normalised: a larger x makes larger branches. Each branch normalises its "
             "input.", _forward(lambda self, x: (lambda z: z + self.mlp(z))(x + self.attention(x)))),
     Mistake("block-attention-not-normalised", "The input of the attention is not normalised; the MLP's is.",
             [_forward(lambda self, x: (lambda z: z + self.mlp(self.norm2(z)))(x + self.attention(x))),
              varied(_Block, __init__=_made_with(norm1=lambda d: nn.Identity()))]),
     Mistake("block-mlp-not-normalised", "The input of the MLP is not normalised; the attention's is.",
             [_forward(lambda self, x: (lambda z: z + self.mlp(z))(x + self.attention(self.norm1(x)))),
              varied(_Block, __init__=_made_with(norm2=lambda d: nn.Identity())),
              varied(_Block, __init__=_made_with(norm2=lambda d: nn.Identity()), layers=_with_relu)]),
     Mistake("block-norm-after-branch", "What a branch gives is normalised, rather than what it gets.",
             [_forward(_late_attention_norm), _forward(_late_attention_norm, layers=_with_relu)]),
     Mistake("block-one-norm", "One norm serves both branches. Each has a norm of its own, with its own gains.",
             [_forward(_one_norm), _forward(_one_norm, __init__=_made_with(norm2=None))]),
     Mistake("block-parallel", "Both branches start from the same x. The MLP is to work on the sum that attention has "
             "added to.", [_forward(_at_once), _forward(_shared_norm)]),
     Mistake("block-mlp-first", "The MLP comes first here. Attention does, then the MLP.", _forward(_mlp_first)),
     Mistake("block-not-causal", "A position depends on later ones: the attention is not causal.",
             varied(_Block, heads=varied(_Heads, mask=_no_mask))),
     Mistake("block-backwards", "Positions look at later ones and not at earlier ones: the mask is the wrong way "
             "round.", varied(_Block, heads=varied(_Heads, mask=_masks(0, True)))),
     Mistake("block-norm-mixes", "The norm mixes positions, or samples: its mean is taken over more than the features "
             "of one position.", shows=lambda finding, seen, case: "the MLP mixes positions" in finding.path
             and finding.got is True),
     Mistake("block-dropout", "The same input gives two different outputs: there is dropout in it. None was asked for.",
             shows=lambda finding, seen, case: "the same input gives the same twice" in finding.path),
     Mistake("block-no-attention", "No attention reaches the output: there is only the MLP.",
             _forward(lambda self, x: x + self.mlp(self.norm2(x)))),
     Mistake("block-no-mlp", "No MLP reaches the output: there is only the attention.",
             _forward(lambda self, x: x + self.attention(self.norm1(x)))),
     Mistake("block-linear-mlp", "The MLP has no activation between its two layers, which makes them one linear map, "
             "or another than ReLU, GELU or SiLU.", [
                 _layers(lambda d, wide: nn.Sequential(nn.Linear(d, wide), nn.Linear(wide, d))),
                 _layers(lambda d, wide: nn.Sequential(nn.Linear(d, wide), nn.Tanh(), nn.Linear(wide, d)))]),
     Mistake("block-mlp-bent-at-the-end", "The MLP ends in an activation. What it adds must be free to take any sign "
             "and size: the last thing in it is a linear layer.",
             shows=lambda finding, seen, case: "the MLP ends in a linear layer" in finding.path),
     Mistake("block-first-sample", "One sample's output depends on another sample: is an index `[0]` taken from "
             "what the attention gives? If that is a tensor, it is the first sample.",
             shows=lambda finding, seen, case: "a sample depends on another" in finding.path and finding.got is True),
     Mistake("block-batch-norm", "This is a batch norm, which takes the second axis for the features. A layer norm was "
             "asked for.", shows=raises("running_mean should contain", "expected 2D or 3D input")),
     Mistake("block-mlp-ratio", "The MLP's hidden layer has another width than mlp_ratio·d_model.",
             [varied(_Block, __init__=_mlp_of_4),
              _layers(lambda d, wide: nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d)))]),
     Mistake("block-mlp-bias", "The MLP's first layer has no bias.",
             [_layers(lambda d, wide: nn.Sequential(nn.Linear(d, wide, bias=False), nn.GELU(), nn.Linear(wide, d))),
              _layers(lambda d, wide: nn.Sequential(nn.Linear(d, wide, bias=False), nn.GELU(),
                                                    nn.Linear(wide, d, bias=False)))]),
     Mistake("block-shortcut-detached", "The shortcut is detached: no gradient comes back through it, and that was "
             "what it is for.", _forward(_cut_shortcut)),
     Mistake("block-branch-detached", "Some parameters get no gradient: a branch was detached.",
             [_forward(_cut_branches),
              _forward(lambda self, x: (lambda z: z + self.mlp(self.norm2(z)))(
                  x + self.attention(self.norm1(x)).detach()))]),
     Mistake("block-attention-tuple", "The attention gave a tuple, and x plus a tuple is no sum. "
             "`nn.MultiheadAttention` returns its output and the weights: take the first.",
             shows=raises("and 'tuple'", "not tuple", "can only concatenate tuple")),
     Mistake("block-mask-missing", "`nn.MultiheadAttention` looks everywhere unless you give it a mask, and needs "
             "query, key and value.", shows=raises("required positional argument: 'query'", "'key' and 'value'",
                                                   "Need attn_mask if specifying")),
     Mistake("block-no-super", "nn.Module must be set up before it is given a layer: `super().__init__()` comes first.",
             shows=raises("before Module.__init__() call")),
     Mistake("block-no-forward", "There is no `forward`: that is the method which is run when the module is called.",
             shows=raises('required "forward" function'))],
    frozenset({"torch.nn.modules.transformer"}),
    "Your `MultiHeadAttention`, two `nn.LayerNorm` and an MLP are your tools.", unwritten=BOTH_METHODS)
