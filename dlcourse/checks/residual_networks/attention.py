"""The check of attention itself: a weighted mean of values, with weights from queries and keys."""

import math

import torch

from ..asking import raises
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient

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


def attention_by(scale=lambda q, k, v: q.shape[-1] ** -0.5, weigh=_weigh, give=lambda w, v, s: (w @ v, w)):
    """Attention from its three steps; a mistake changes one of them. give gets the weights, v and the scores."""
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
    "attention", "attention(q, k, v, mask)", attention_by(),
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
             "grow with the width, and the softmax saturates.", attention_by(scale=lambda q, k, v: 1.0)),
     Mistake("attention-scaled-by-d", "The scores are divided by d. It is √d: a dot product of d terms has a standard "
             "deviation that grows like √d.", attention_by(scale=lambda q, k, v: 1 / q.shape[-1])),
     Mistake("attention-multiplied", "The scores are multiplied by √d (or by d). They should become smaller.",
             [attention_by(scale=lambda q, k, v: q.shape[-1] ** 0.5), attention_by(scale=lambda q, k, v: q.shape[-1])]),
     Mistake("attention-scaled-by-another-size", "The scores are divided by the root of another size. The d under "
             "the root is the width of q and k, the last axis: not their number, and not the width of v.",
             [attention_by(scale=lambda q, k, v: v.shape[-1] ** -0.5),
              attention_by(scale=lambda q, k, v: k.shape[-2] ** -0.5),
              attention_by(scale=lambda q, k, v: q.shape[-2] ** -0.5)]),
     Mistake("attention-scaled-after", "The weights were scaled, not the scores: a row of them no longer sums to 1. "
             "Divide before the softmax.",
             _scaled_late),
     Mistake("attention-over-queries", "The softmax runs over the queries. Each *query* shares out a weight of 1 "
             "among the keys: the last axis of the scores.",
             attention_by(weigh=lambda scores, mask: _over(scores, mask, -2))),
     Mistake("attention-over-an-axis-in-front", "The softmax runs over an axis counted from the front. It belongs "
             "over the keys, the last axis, however many stand in front.",
             [attention_by(weigh=lambda scores, mask: _over(scores, mask, 0)),
              attention_by(weigh=lambda scores, mask: _over(scores, mask, 1))]),
     Mistake("attention-no-softmax", "The weights are the scores themselves. They need a softmax over the keys.",
             attention_by(weigh=lambda scores, mask: scores if mask is None else scores * mask)),
     Mistake("attention-not-normalised", "The weights of a row do not sum to 1: the exponentials are there, their "
             "sum is not divided out.", attention_by(weigh=_not_normalised)),
     Mistake("attention-keys-not-transposed", "The shapes do not fit the product. Each query is to meet each key: "
             "q (…, T, d) times k with its last two axes swapped, (…, d, S), gives scores (…, T, S).",
             shows=_misfit(lambda case: case["q"].dim() == 3)),
     Mistake("attention-axes-from-the-front", "It works for one shape and not for another: axes are counted from the "
             "front somewhere. There may be any number of them: count from the back, −1 and −2.",
             shows=_misfit(lambda case: case["q"].dim() != 3)),
     Mistake("attention-mixes-queries", "The output mixes something other than the values: weights (…, T, S) times v "
             "(…, S, e).", [attention_by(give=lambda w, v, s: (w.transpose(-2, -1) @ w @ v, w)),
                            attention_by(give=lambda w, v, s: (s @ v, w))]),
     Mistake("attention-output-only", "Only one thing came back. Return two: the output and the weights.",
             shows=lambda finding, seen, case: finding.kind == "missing"
             and isinstance(seen.get("seen", {}).get("what came back"), torch.Tensor)),
     Mistake("attention-order-of-results", "The weights come first here. Return the output first, then the weights.",
             attention_by(give=lambda w, v, s: (w, w @ v))),
     Mistake("attention-returns-scores", "The second thing is the scores. The weights, after the softmax, were asked "
             "for.", attention_by(give=lambda w, v, s: (w @ v, s))),
     Mistake("attention-causal-unasked", "It hides the future though no mask asked for it. Here the mask alone says "
             "who may look where.", attention_by(weigh=_causal_unasked)),
     Mistake("attention-mask-ignored", "The mask changes nothing: it is not used.",
             attention_by(weigh=lambda scores, mask: scores.softmax(-1))),
     Mistake("attention-mask-inverted", "The mask is read the wrong way round: True means *may* look.",
             attention_by(weigh=_inverted)),
     Mistake("attention-mask-inverted-nan", "The mask is read the wrong way round: True means *may* look. And a row "
             "that has nothing to see comes out as nan.",
             attention_by(weigh=lambda scores, mask: _filled(-math.inf)(scores, None if mask is None else ~mask))),
     Mistake("attention-mask-after", "The mask comes after the softmax: what is hidden has taken its share already, "
             "and a row no longer sums to 1. Mask the scores, before.", attention_by(weigh=_after)),
     Mistake("attention-shared-out-anew", "A hidden key takes part in the softmax, with its own score or with a number "
             "that is not low enough, and only its weight is cleared afterwards. Where visible scores are far below, "
             "nothing is left for those. Mask the scores, before the softmax, so that nothing can fall below.",
             [attention_by(weigh=_shared_out_anew(floor)) for floor in (
                 lambda s: s.clamp_min(1e-9), lambda s: s + 1e-9, lambda s: torch.where(s > 0, s, 1.0),
                 lambda s: s.clamp_min(1e-6), lambda s: s.clamp_min(1e-12))]),
     Mistake("attention-not-low-enough", "Hidden scores are set to a number that visible ones can fall below: then the "
             "hidden keys get the weight. Only −∞, or a number of the size of −10⁹, is out of reach.",
             [attention_by(weigh=_low(-100.0)), attention_by(weigh=_low(-20.0)), attention_by(weigh=_low(-50.0))]),
     Mistake("attention-masked-scores-zero", "Masked scores are set to 0, and exp(0) is 1: they still get weight. "
             "What is exp of the number that should stand there, if nothing is to be left?",
             attention_by(weigh=_on_scores(lambda scores, mask: scores * mask))),
     Mistake("attention-mask-added", "The mask is added to the scores as 0 and 1, which shifts them a little and "
             "hides nothing.", [attention_by(weigh=_on_scores(lambda scores, mask: scores + mask)),
                                attention_by(weigh=_on_scores(lambda scores, mask: scores - (1 - mask)))]),
     Mistake("attention-zero-times-infinity", "The mask is multiplied by infinity, and 0 · inf is nan. Choose with "
             "`masked_fill` or `torch.where`.",
             [attention_by(weigh=_on_scores(lambda scores, mask: scores + (1 - mask) * -math.inf)),
              attention_by(weigh=_on_scores(lambda scores, mask: scores - (1 - mask) * math.inf))]),
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
             attention_by(weigh=_filled(-math.inf))),
     Mistake("attention-uniform", "A row with nothing to see looks everywhere alike: masked with one large number, "
             "all its scores are equal. Its weights should be 0.",
             [attention_by(weigh=_filled(-1e9)), attention_by(weigh=_filled(-1e4))]),
     Mistake("attention-blind-output-only", "Where there is nothing to see, the output is 0, but the weights are not.",
             attention_by(weigh=_filled(-1e9), give=_cleared_output)),
     Mistake("attention-nan-gradient", "The values are right, but a gradient is nan. A nan that is replaced after the "
             "softmax is still in the softmax's own gradient: see to it before that a row's scores are never all −∞.",
             [attention_by(weigh=_added(lambda w: w.nan_to_num(0.0))),
              attention_by(weigh=_added(lambda w: torch.where(w.isnan(), 0.0, w)))]),
     Mistake("attention-weights-detached", "The output lets gradients through and the weights do not: they were "
             "detached on the way.", attention_by(give=lambda w, v, s: (w @ v, w.detach()))),
     Mistake("attention-no-gradient", "q and k get no gradient: the weights were cut off from the graph.",
             attention_by(give=lambda w, v, s: (w.detach() @ v, w.detach())))],
    LIBRARY, "A matrix product, `masked_fill`, `softmax` and another matrix product are your tools.")
