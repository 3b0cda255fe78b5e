"""The check of the block that a Transformer is made of: attention and an MLP, each on a branch of its own."""

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, raises, remembered, varied
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .heads import BOTH_METHODS, Heads, masking, without_mask


class _Block(nn.Module):
    """The reference; a mistake is a subclass. Each branch normalises its own input."""

    def __init__(self, d_model, heads, mlp_ratio=4):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attention, self.mlp = self.heads(d_model, heads), self.layers(d_model, mlp_ratio * d_model)

    heads = Heads

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
         varied(_Block, heads=varied(Heads, forward=lambda self, x: x + Heads.forward(self, x))),
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
             varied(_Block, heads=varied(Heads, mask=without_mask))),
     Mistake("block-backwards", "Positions look at later ones and not at earlier ones: the mask is the wrong way "
             "round.", varied(_Block, heads=varied(Heads, mask=masking(0, True)))),
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
