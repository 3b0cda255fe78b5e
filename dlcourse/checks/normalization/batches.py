"""Batch norm: the function, and the module with its state."""

import torch
from torch import nn

from ..asking import normal
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import gradient
from .shared import (LOOSE, NORMS, TOOLS, activations, affine, as_made, built, named, no_slope, raises,
                     with_slopes)

# -------------------------------------------------------------------------------------------- batch_norm


def tables(*shapes, dtype=torch.float64, scale=2.0, **options):
    """Cases: x (N, D) with a mean and a scale for each feature, gamma, beta, weights for the gradient."""
    def cases(g):
        found = []
        for n, d in shapes:
            gamma, beta = affine(g, d, dtype=dtype)
            found.append({"x": activations(g, n, d, dtype=dtype, scale=scale), "gamma": gamma, "beta": beta,
                          "weight": normal(g, n, d, dtype=dtype), **options})
        return found
    return cases


def both(*makers):
    """The cases of several makers, one after the other."""
    return lambda g: [case for maker in makers for case in maker(g)]


def _called(answer, x, gamma, beta, eps):
    return answer(x, gamma, beta) if eps is None else answer(x, gamma, beta, eps)


def normalized(answer, x, gamma, beta, weight, eps=None):
    """The output, and the input afterwards."""
    given = x.clone()
    return {"output": _called(answer, given, gamma, beta, eps), UNTOUCHED: given}


def slopes(answer, x, gamma, beta, weight, eps=None):
    """The gradients of sum(weight·output)."""
    leaves = [tensor.clone().requires_grad_() for tensor in (x, gamma, beta)]
    grads = gradient(_called(answer, *(leaf.clone() for leaf in leaves), eps), leaves, weight) or [None] * 3
    return {f"gradient of {name}": grad for name, grad in zip(("x", "gamma", "beta"), grads)}


def finite(answer, x, gamma, beta, weight, eps=None):
    """Are the output and the gradients finite?"""
    leaves = [tensor.clone().requires_grad_() for tensor in (x, gamma, beta)]
    output = _called(answer, *(leaf.clone() for leaf in leaves), eps)
    grads = gradient(output, leaves, weight) or []
    found = {"output": output, **{f"gradient of {name}": grad for name, grad in zip(("x", "gamma", "beta"), grads)}}
    return {f"{name} is finite": bool(found.get(name) is None or found[name].isfinite().all())
            for name in ("output", "gradient of x", "gradient of gamma", "gradient of beta")}


def still(g):
    """One feature is the same for the whole batch, one nearly so: its spread is that of √eps."""
    case = tables((5, 3), scale=1.0)(g)[0]
    case["x"][:, 0] = 2.0
    case["x"][:, 1] = 1 + 4e-3 * normal(g, 5)
    return [{**case, "eps": 1e-5}, {**tables((6, 4), scale=0.2)(g)[0], "eps": 0.1}]


def far(g):
    """Features in float32 whose mean is ten thousand times their spread."""
    case = tables((8, 6), dtype=torch.float32)(g)[0]
    case["x"] = 1000 + 0.1 * normal(g, 8, 6, dtype=torch.float32)
    return [case]


def cancelled(finding, seen, case):
    """A mistake's `shows`: only far from 0 is the output another one."""
    return finding.kind == "value" and finding.path == ("output",) and bool((case["x"] > 900).all())


def _norm(dim=0, unbiased=False, eps_at="inside", root=True, centre=True, detach=(), gamma=True, beta=True,
          order="scale first", fixed=None):
    """batch_norm, with habits: see the mistakes."""
    def batch_norm(x, gamma_, beta_, eps=1e-5):
        eps = fixed if fixed is not None else eps
        kept = {} if dim == "all" else {"dim": dim, "keepdim": True}
        mean = x.mean(**kept) if centre else torch.zeros((), dtype=x.dtype)
        mean = mean.detach() if "mean" in detach else mean
        middle = x.mean(**kept).detach() if "mean" in detach else x.mean(**kept) if centre else 0
        squares = (x - middle).square()
        var = squares.mean(**kept) * (_bessel(x, dim) if unbiased else 1)
        var = var.detach() if "var" in detach else var
        if eps_at == "outside":
            below = var.sqrt() + eps if root else var + eps
        else:
            below = (var + eps).sqrt() if root else var + eps
        hat = (x - mean) / below
        if order == "shift first":
            return gamma_ * (hat + beta_)
        return (gamma_ if gamma else 1) * hat + (beta_ if beta else 0)
    return batch_norm


def _bessel(x, dim):
    n = x.numel() if dim == "all" else x.shape[dim]
    return n / (n - 1)


def _brackets(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0) / (x.var(0, correction=0) + eps).sqrt()) + beta


def _swapped(x, gamma, beta, eps=1e-5):
    return _norm()(x, beta, gamma, eps)


def _about_zero(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.square().mean(0) + eps).sqrt() + beta


def _by_numel(x, gamma, beta, eps=1e-5):
    mean = x.sum(0) / x.numel()
    return gamma * (x - mean) / ((x - mean).square().sum(0) / x.numel() + eps).sqrt() + beta


batch_norm = Check(
    "batch_norm", "batch_norm(x, gamma, beta, eps)", _norm(),
    [Part("values", 0.35, "each feature has the batch's mean taken off and is divided by the root of its biased "
          "variance, then scaled by gamma and shifted by beta",
          both(tables((6, 4), (3, 7)), tables((8, 3), dtype=torch.float32)), normalized, LOOSE),
     Part("gradient", 0.3, "gradients flow through the mean and the variance too", tables((5, 3), (4, 6)),
          slopes, LOOSE),
     Part("eps", 0.15, "eps is added to the variance, under the root; a feature that never changes gives beta",
          still, normalized, rounding=(1e-5, 1e-7)),
     Part("constant feature", 0.1, "output and gradient stay finite where a feature never changes", still, finite),
     Part("far from 0", 0.1, "a mean that is large beside the spread costs no digits", far, normalized, (0.02, 0.02))],
    [Mistake("bn-unbiased", "The variance is divided by N − 1. That is the unbiased estimate, `var`'s default; batch "
             "norm divides by N: look at `var`'s `correction` or `unbiased`, or write the mean of the squared "
             "deviations.",
             [_norm(unbiased=True), _norm(unbiased=True, eps_at="outside")]),
     Mistake("bn-brackets", "Only the mean is divided by the standard deviation. A pair of brackets is missing: first "
             "take the mean off, then divide.", [_brackets, lambda x, gamma, beta, eps=1e-5: gamma * (
                 x - x.mean(0) / (x.std(0) + eps)) + beta]),
     Mistake("bn-multiplied", "It multiplies by the standard deviation. Divide.",
             lambda x, gamma, beta, eps=1e-5: gamma * (x - x.mean(0)) * (x.var(0, correction=0) + eps).sqrt() + beta),
     Mistake("bn-detached", "The values are right, but the mean and the variance were cut off from the graph: they "
             "depend on x, and part of the gradient flows through them. No `detach`, `no_grad` or `.item()` on "
             "statistics.", _norm(detach=("mean", "var"))),
     Mistake("bn-variance-detached", "The gradient does not flow through the variance: it was cut off from the graph.",
             [_norm(detach=("var",))]),
     Mistake("bn-mean-detached", "The gradient does not flow through the mean: it was cut off from the graph.",
             [_mean_detached := lambda x, gamma, beta, eps=1e-5: gamma * (x - x.mean(0).detach()) / (
                 x.var(0, correction=0) + eps).sqrt() + beta]),
     Mistake("bn-eps-outside", "eps is added to the standard deviation. It belongs to the variance, under the root.",
             [_norm(eps_at="outside"), lambda x, gamma, beta, eps=1e-5: gamma * (x - x.mean(0)) / (
                 x.std(0, correction=0) + eps) + beta]),
     Mistake("bn-eps-ignored", "eps is not used, so a feature that never changes gives 0/0.",
             [_norm(fixed=0.0), lambda x, gamma, beta, eps=1e-5: gamma * (x - x.mean(0)) / x.std(0, correction=0)
              + beta]),
     Mistake("bn-eps-fixed", "eps is 1e-5 whatever was asked for.", _norm(fixed=1e-5)),
     Mistake("bn-over-features", "Each sample was normalised over its features: that is layer norm, later in this "
             "lesson. Batch norm takes each feature over the batch, the first axis.",
             [_norm(dim=1), _norm(dim=1, unbiased=True)]),
     Mistake("bn-over-everything", "One mean and one variance for the whole table. Each feature has its own.",
             [_norm(dim="all"), _norm(dim="all", unbiased=True)]),
     Mistake("bn-affine-ignored", "The normalised values came back as they are: neither gamma nor beta is used.",
             _norm(gamma=False, beta=False)),
     Mistake("bn-gamma-ignored", "gamma is not used.", _norm(gamma=False)),
     Mistake("bn-beta-ignored", "beta is not used.", _norm(beta=False)),
     Mistake("bn-swapped", "gamma and beta are swapped: gamma scales and beta shifts.", _swapped),
     Mistake("bn-shift-first", "beta was added before gamma scaled. Scale first, then shift.",
             _norm(order="shift first")),
     Mistake("bn-no-root", "It divides by the variance. Its root, the standard deviation, is what makes the spread 1.",
             [_norm(root=False), _norm(root=False, unbiased=True)]),
     Mistake("bn-not-centred", "The mean was not taken off before the scaling.",
             [_norm(centre=False), lambda x, gamma, beta, eps=1e-5: gamma * x / (x.var(0, correction=0) + eps).sqrt()
              + beta]),
     Mistake("bn-about-zero", "The variance is the mean of x², without the mean taken off first.", _about_zero),
     Mistake("bn-mean-of-squares", "Right on paper, but not in float32 where the mean is large: the mean of x² less "
             "the square of the mean takes one large number from another, and few of their seven digits are left. Take "
             "the mean off first, then square.", shows=cancelled),
     Mistake("bn-counted-all", "The sums are divided by the number of all entries, N·D. Each feature has N of them.",
             _by_numel),
     Mistake("bn-shapes", "The shapes do not fit. The statistics, gamma and beta all have one entry for each feature, "
             "shape (D,), and so line up with x's last axis as they are. Which axis is the batch, that a mean is taken "
             "over?", shows=raises("must match the size"))],
    NORMS, TOOLS)

# ------------------------------------------------------------------------------------------- BatchNorm2d

NAMES = ("weight", "bias", "running_mean", "running_var")


class _BatchNorm2d(nn.Module):
    """The reference; a mistake is a subclass with habits."""

    axes, unbiased, eps_at, eps_fixed = (0, 2, 3), False, "inside", None
    detach, affine, scale, shift = False, True, True, True
    stored, momentum_fixed, swapped, updates = "unbiased", None, False, ("mean", "var")
    in_eval, eval_updates, in_training, graph, begin = "running", False, "batch", False, (0.0, 1.0)
    affine_in_eval, cumulative, eval_root, eval_eps, persistent, register = True, False, True, True, True, True

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps = self.eps_fixed or eps
        self.momentum = self.momentum_fixed or momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        for name, value in zip(("running_mean", "running_var"), self.begin):
            self.register_buffer(name, torch.full((num_features,), value), persistent=self.persistent)
        self.count = 0

    def forward(self, x):
        column = (1, -1, 1, 1)
        mean, var = x.mean(self.axes, keepdim=True), x.var(self.axes, correction=int(self.unbiased), keepdim=True)
        if self.training or self.eval_updates:
            self.update(x, mean, var)
        if self.detach:
            mean, var = mean.detach(), var.detach()
        if (self.in_training if self.training else self.in_eval) == "running":
            mean, var = self.running_mean.view(column), self.running_var.view(column)
        eps = self.eps if self.training or self.eval_eps else 0
        root = (lambda v: v.sqrt()) if self.training or self.eval_root else (lambda v: v)
        hat = (x - mean) / (root(var) + eps if self.eps_at == "outside" else root(var + eps))
        if not self.affine or not (self.training or self.affine_in_eval):
            return hat
        return (self.weight.view(column) if self.scale else 1) * hat + (self.bias.view(column) if self.shift else 0)

    def update(self, x, mean, var):
        """Move the running statistics."""
        n = x.numel() / x.shape[1] if self.stored != "by N" else len(x)
        value = var * {"biased": 1.0}.get(self.stored, n / (n - 1) if n > 1 else float("inf"))
        if self.unbiased:
            value = var
        value = value.sqrt() if self.stored == "std" else value
        share = 1 - self.momentum if self.swapped else self.momentum
        self.count += 1
        share = 1 / self.count if self.cumulative else share
        for name, new in (("mean", mean), ("var", value)):
            if name not in self.updates:
                continue
            old = getattr(self, f"running_{name}")
            new = new if self.graph else new.detach()
            new = new.mean((0, 2, 3)) if new.dim() == 4 else new
            setattr(self, f"running_{name}", (1 - share) * old + share * new)


class _Rows(_BatchNorm2d):
    """A table made of x without moving the channels to the end."""

    eval_by_channel = False

    def forward(self, x):
        rows = x.reshape(-1, x.shape[1])
        mean, var = rows.mean(0), rows.var(0, correction=0)
        if self.training:
            self.update(rows, mean, var)
        elif self.eval_by_channel:
            return super().forward(x)
        else:
            mean, var = self.running_mean, self.running_var
        return (self.weight * (rows - mean) / (var + self.eps).sqrt() + self.bias).view(x.shape)


def _bn(**habits):
    return type("_Habit", (_BatchNorm2d,), habits)


def images(*shapes, dtype=torch.float64, scale=2.0, batches=1, **options):
    """Cases: batches of x (N, C, H, W), a weight and a bias, running statistics, weights for the gradient."""
    def cases(g):
        found = []
        for n, c, h, w in shapes:
            weight, bias = affine(g, c, dtype=dtype)
            found.append({"x": activations(g, n, c, h, w, dtype=dtype, scale=scale),
                          "weights": normal(g, n, c, h, w, dtype=dtype), "scale": weight, "shift": bias,
                          "running_mean": normal(g, c, dtype=dtype),
                          "running_var": 0.5 + 3 * torch.rand(c, generator=g, dtype=dtype),
                          "later": [activations(g, n + k, c, h, w, dtype=dtype) for k in range(1, batches)],
                          "options": {}, **options})
        return found
    return cases


def _loaded(answer, case, options, training=True, statistics=True):
    tensors = {"weight": case["scale"], "bias": case["shift"]}
    tensors |= {name: case[name] if statistics else None for name in ("running_mean", "running_var")}
    return built(answer, [len(case["scale"])], tensors, options, training)


def in_training(answer, x, options, **case):
    """The output in training mode, and the input afterwards."""
    layer, report = _loaded(answer, case, options)
    if layer is None:
        return report
    given = x.clone()
    return {**report, "output": layer(given), UNTOUCHED: given}


def fresh(answer, x, options, **case):
    """A layer as it is made."""
    layer, report = built(answer, [x.shape[1]], dict.fromkeys(NAMES), options)
    return report if layer is None else {**report, **as_made(layer, NAMES, x.dtype)}


def in_slopes(answer, x, weights, scale, shift, running_mean, running_var, options, **case):
    """Output and gradients in training mode."""
    return with_slopes(answer, x, weights, [len(scale)], {"weight": scale, "bias": shift, "running_mean": running_mean,
                                                          "running_var": running_var}, options)


def running(answer, x, later, options, **case):
    """The running statistics after each batch."""
    layer, report = _loaded(answer, case, options)
    if layer is None:
        return report
    for number, batch in enumerate([x, *later], 1):
        layer(batch)
        report |= {f"running_{name} after batch {number}": getattr(layer, f"running_{name}").detach().clone()
                   for name in ("mean", "var")}
    return report


def in_eval(answer, x, options, **case):
    """The output in eval mode, and the statistics afterwards."""
    layer, report = _loaded(answer, case, options, training=False)
    if layer is None:
        return report
    return {**report, "output": layer(x), "running_mean afterwards": layer.running_mean,
            "running_var afterwards": layer.running_var}


def in_both(answer, x, options, **case):
    """The output in training mode, and in eval mode with the statistics as they were."""
    found = [_loaded(answer, case, options, training) for training in (True, False)]
    if found[0][0] is None:
        return found[0][1]
    return {"output in training mode": found[0][0](x), "output in eval mode": found[1][0](x)}


def saved(answer, x, options, **case):
    """Are the statistics saved with the layer, and do they keep a graph alive?"""
    layer, report = _loaded(answer, case, options)
    if layer is None:
        return report
    layer(x.clone().requires_grad_())
    keeps = layer.running_mean.requires_grad or layer.running_var.requires_grad
    state = {name: tensor.detach().clone() for name, tensor in layer.state_dict().items()}
    again = answer(x.shape[1], **options).to(x.dtype)
    again.load_state_dict(state)
    named_in_it = {name: name in state for name in NAMES}
    same = torch.allclose(again.eval()(x), layer.eval()(x), equal_nan=True)
    return {**report, "a graph is kept in the statistics": keeps, "in the state_dict": named_in_it,
            "in eval mode a layer that loaded it gives the same": same}


def _running_shape(finding):
    return finding.kind == "shape" and str(finding.path[0]).startswith("running_")


def _sizes(shape):
    """The sizes in "shape (2, 3)"."""
    return [int(size) for size in shape.strip("shape ()").split(",") if size.strip()]


def _shown(words):
    def shows(case):
        x = case["x"]
        options = "".join(f", {name}={value:g}" for name, value in case["options"].items())
        return f"BatchNorm2d({x.shape[1]}{options}) {words}, x of shape {tuple(x.shape)}"
    return shows


BatchNorm2d = Check(
    "BatchNorm2d", "BatchNorm2d(num_features)(x)", _BatchNorm2d,
    [Part("training", 0.25, "in training mode each channel is normalised by the batch's own statistics, over N, H and "
          "W, then scaled and shifted",
          both(images((4, 3, 5, 2), (2, 5, 2, 3)), images((3, 2, 4, 3), dtype=torch.float32)), in_training, LOOSE,
          shows=_shown("in training mode")),
     Part("running statistics", 0.2, "each batch in training mode moves the running mean and the running, unbiased "
          "variance by the share `momentum`",
          both(images((4, 3, 3, 2), (2, 4, 2, 3), batches=3), images((3, 2, 2, 4), batches=2,
                                                                     options={"momentum": 0.3})),
          running, shows=_shown("after some batches in training mode")),
     Part("eval", 0.2, "in eval mode the running statistics are used, and left alone",
          images((4, 3, 5, 2), (2, 5, 2, 3)), in_eval, LOOSE, shows=_shown("in eval mode")),
     Part("gradient", 0.1, "gradients reach x, through the statistics too, and weight and bias", images((3, 2, 4, 3)),
          in_slopes, LOOSE, shows=_shown("in training mode")),
     Part("eps", 0.05, "eps is added to the variance, under the root, in both modes",
          both(images((3, 4, 2, 3), scale=0.3, options={"eps": 0.2}), images((3, 4, 2, 3), scale=5e-3)), in_both,
          shows=_shown("in training and in eval mode")),
     Part("new layer", 0.1, "it starts with weight 1, bias 0, running mean 0 and running variance 1",
          images((3, 4, 2, 3)), fresh, shows=_shown("just made")),
     Part("state", 0.1, "the statistics are saved with the layer, and keep no graph alive", images((3, 4, 2, 3)), saved,
          LOOSE, shows=_shown("after one batch, saved and loaded"))],
    [*named(*NAMES),
     Mistake("bn2d-eval-batch-statistics", "In eval mode it still uses the batch's own statistics, so that an image's "
             "result depends on its company. Ask `self.training`, and use the running statistics where it is False.",
             _bn(in_eval="batch")),
     Mistake("bn2d-never-asks", "It does the same in both modes: normalise by the batch, and move the running "
             "statistics. Ask `self.training`: where it is False, the running ones are used, and left alone.",
             _bn(eval_updates=True, in_eval="batch")),
     Mistake("bn2d-eval-updates", "The running statistics change in eval mode. Nothing may be learned there.",
             _bn(eval_updates=True)),
     Mistake("bn2d-rows", "The table was made with `reshape` alone, which moves no axis: each of its columns mixes "
             "channels. Bring the channels to the end first, with `permute`, and back afterwards.",
             [_Rows, type("_Habit", (_Rows,), {"eval_by_channel": True})]),
     Mistake("bn2d-no-grad", "The whole result is cut off from the graph. Only what is *stored* may be: the "
             "normalisation itself has to be differentiated.", shows=no_slope("x")),
     Mistake("bn2d-training-uses-running", "In training mode it normalises by the running statistics. They are for "
             "later: in training the batch's own are used.", _bn(in_training="running")),
     Mistake("bn2d-variance-never", "The running variance is never updated.", _bn(updates=("mean",))),
     Mistake("bn2d-mean-never", "The running mean is never updated.", _bn(updates=("var",))),
     Mistake("bn2d-running-never", "The running statistics are never updated.", _bn(updates=())),
     Mistake("bn2d-running-biased", "The running variance is the biased one. To normalise a batch its own variance is "
             "divided by n = N·H·W; the one that is stored estimates that of all data, and is divided by n − 1.",
             _bn(stored="biased")),
     Mistake("bn2d-output-unbiased", "The batch is normalised by the unbiased variance. That one is for the running "
             "statistics; to normalise, divide by n.", _bn(unbiased=True)),
     Mistake("bn2d-counted-n", "The variance is made unbiased by N/(N − 1). Each channel has N·H·W numbers, not N.",
             _bn(stored="by N")),
     Mistake("bn2d-momentum-swapped", "`momentum` multiplies the old value. In PyTorch's convention it is the share of "
             "the *new* one: 0.1 moves a tenth of the way.", _bn(swapped=True)),
     Mistake("bn2d-momentum-fixed", "The momentum is 0.1 whatever was asked for.", _bn(momentum_fixed=0.1)),
     Mistake("bn2d-replaced", "The running statistics are the last batch's. They should move towards it by the share "
             "`momentum`.", _bn(momentum_fixed=1.0)),
     Mistake("bn2d-plain-average", "All batches count the same here, a plain average. Asked for is a step by the share "
             "`momentum` towards each new batch.", _bn(cumulative=True)),
     Mistake("bn2d-std-stored", "running_var holds the standard deviation, not the variance.", _bn(stored="std")),
     Mistake("bn2d-affine-ignored", "`weight` and `bias` are not used.", _bn(affine=False)),
     Mistake("bn2d-affine-ignored-in-eval", "`weight` and `bias` are used in training mode only. They belong to both.",
             _bn(affine_in_eval=False)),
     Mistake("bn2d-weight-ignored", "`weight` is not used.", _bn(scale=False)),
     Mistake("bn2d-bias-ignored", "`bias` is not used.", _bn(shift=False)),
     Mistake("bn2d-detached", "The values are right, but the batch's statistics were cut off from the graph. They "
             "depend on x: detach what you *store*, not what you normalise by.", _bn(detach=True)),
     Mistake("bn2d-graph-kept", "The running statistics keep the graph of the batch alive, and with it that of every "
             "batch before: memory grows with each step. Store detached numbers, or update them under "
             "`torch.no_grad()`.",
             [_bn(graph=True)]),
     Mistake("bn2d-graph-in-place", "The running statistics were changed in place with a graph attached. Update them "
             "under `torch.no_grad()`.", shows=raises("leaf variable that requires grad", "modified by an inplace")),
     Mistake("bn2d-instance", "Each image was normalised alone, over H and W: that is instance norm. Batch norm takes "
             "each channel over the batch too.", [_bn(axes=(2, 3)), _bn(axes=(2, 3), stored="biased")]),
     Mistake("bn2d-layer", "Each image was normalised over its channels: that is layer norm. Batch norm takes "
             "each channel alone, over the batch.", [_bn(axes=(1, 2, 3)), _bn(axes=(1, 2, 3), stored="biased")]),
     Mistake("bn2d-over-everything", "One mean and one variance for all channels. Each channel has its own.",
             [_bn(axes=(0, 1, 2, 3)), _bn(axes=(0, 1, 2, 3), stored="biased")]),
     Mistake("bn2d-eps-outside", "eps is added to the standard deviation. It belongs to the variance, under the root.",
             _bn(eps_at="outside")),
     Mistake("bn2d-eps-fixed", "eps is 1e-5 whatever was asked for.", _bn(eps_fixed=1e-5)),
     Mistake("bn2d-eps-ignored", "eps is not used.", _bn(eps_fixed=1e-30)),
     Mistake("bn2d-eval-eps", "In eval mode eps is not used. It belongs under the root there too.",
             _bn(eval_eps=False)),
     Mistake("bn2d-eval-no-root", "In eval mode it divides by the variance. The root is missing.",
             _bn(eval_root=False)),
     Mistake("bn2d-starts-at-zero", "The running variance of a new layer is 0. It starts at 1, as if the data had been "
             "normalised already.", _bn(begin=(0.0, 0.0))),
     Mistake("bn2d-not-saved", "Something is missing in the layer's `state_dict()`, so it is lost when the model is "
             "saved. A registered buffer is saved, unless it is made with persistent=False.",
             [_bn(persistent=False)], ),
     Mistake("bn2d-keys", "Loading a saved layer failed: the new one has other keys. Each tensor must be registered in "
             "`__init__`.", shows=raises("loading state_dict")),
     Mistake("bn2d-kept-axes", "A mean kept as (1, C, 1, 1) was added to the (C,) that is stored, and broadcasting "
             "made a larger tensor of the two. Store it without its axes of length 1: `flatten()`, or a mean without "
             "`keepdim`.", shows=lambda finding, seen, case: _running_shape(finding) and 1 in _sizes(finding.got)),
     Mistake("bn2d-batch-axis-only", "Statistics over the batch alone: every pixel has its own. A channel has one mean "
             "and one variance, over N, H and W.", shows=lambda finding, seen, case: _running_shape(finding)
             and 1 not in _sizes(finding.got)),
     Mistake("bn2d-broadcast", "The shapes do not fit: statistics, weight and bias have one entry for each channel, "
             "shape (C,), and broadcasting lines up *last* axes. Reduce over (0, 2, 3), and give what has shape (C,) "
             "the shape (C, 1, 1) or (1, C, 1, 1).", shows=raises("must match the size", "doesn't match the broadcast",
                                                                  "output with shape"))],
    NORMS, f"{TOOLS} You may use your own `batch_norm`, too.")

