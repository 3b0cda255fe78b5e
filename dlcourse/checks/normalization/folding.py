"""The check of folding a batch norm into the convolution before it."""

import copy

import torch
from torch import nn

from ..asking import normal
from ..core import Check, Mistake, Part
from ..watching import paused
from .batches import both
from .shared import affine, raises


ROUNDED = (1e-4, 1e-5)  # what a float32 convolution may be off by
CONV = {"in_channels": 2, "out_channels": 6, "kernel_size": [3, 2], "bias": True}


def pairs(*settings, dtype=torch.float64, training=False, eps=1e-5):
    """Cases: settings of a convolution, the numbers for it and for its batch norm, and an image."""
    def cases(g):
        found = []
        for setting in settings:
            setting = {**CONV, **setting}
            out, inside = setting["out_channels"], setting["in_channels"] // setting.get("groups", 1)
            gamma, beta = affine(g, out, dtype=dtype)
            found.append({"setting": setting, "training": training, "eps": eps, "x": normal(
                g, 2, setting["in_channels"], 7, 6, dtype=dtype), "kernel": normal(
                    g, out, inside, *setting["kernel_size"], dtype=dtype), "shift": normal(g, out, dtype=dtype),
                "gamma": gamma, "beta": beta, "mean": normal(g, out, dtype=dtype),
                "var": 0.2 + 2 * torch.rand(out, generator=g, dtype=dtype)})
        return found
    return cases


def _pair(setting, training, eps, kernel, shift, gamma, beta, mean, var):
    """A convolution and a batch norm with these numbers."""
    setting = {key: tuple(value) if isinstance(value, list) else value for key, value in setting.items()}
    conv = nn.Conv2d(**setting, dtype=kernel.dtype)
    bn = nn.BatchNorm2d(len(gamma), eps, dtype=kernel.dtype)
    filled = {conv.weight: kernel, bn.weight: gamma, bn.bias: beta, bn.running_mean: mean, bn.running_var: var}
    if conv.bias is not None:
        filled[conv.bias] = shift
    with torch.no_grad():
        for tensor, values in filled.items():
            tensor.copy_(values)
    return conv.train(training), bn.train(training)


def _folded(answer, **numbers):
    conv, bn = _pair(**numbers)
    return conv, bn, answer(conv, bn)


def folded(answer, x, **numbers):
    """What the folded convolution gives for x."""
    *_, found = _folded(answer, **numbers)
    if not isinstance(found, nn.Conv2d):
        return {"result": found if found is None else f"a {type(found).__name__}"}
    with paused():
        return {"result": "a Conv2d", "has a bias": found.bias is not None, "output": found(x)}


def settings_kept(answer, x, **numbers):
    """The output, and the settings of the folded convolution."""
    *_, found = _folded(answer, **numbers)
    if not isinstance(found, nn.Conv2d):
        return {"result": found if found is None else f"a {type(found).__name__}"}
    names = ("kernel_size", "stride", "dilation", "groups", "padding_mode")
    kept = {name: str(getattr(found, name)) for name in names}
    return {"result": "a Conv2d", "dtype": str(found.weight.dtype), **kept, "output": found(x)}


def originals(answer, x, **numbers):
    """The two layers that were given, after the new one has been scribbled over."""
    conv, bn, found = _folded(answer, **numbers)
    new = isinstance(found, nn.Conv2d) and found is not conv
    before = {"a new layer came back": new}
    if new:
        with torch.no_grad():
            for parameter in found.parameters():
                parameter.fill_(77.0)
    state = {**{f"conv.{name}": tensor for name, tensor in conv.state_dict().items()},
             **{f"bn.{name}": tensor for name, tensor in bn.state_dict().items() if "batches" not in name}}
    return {**before, "mode of conv": conv.training, "mode of bn": bn.training,
            "conv has a bias": conv.bias is not None, **state}


class _Folding:
    """fold_batch_norm, with habits: see the mistakes."""

    def __init__(self, conv_bias=True, bias_scaled=True, mean=-1.0, eps="right", root=True, gamma=True, beta=True,
                 keep=("stride", "padding", "dilation", "groups", "padding_mode"), dtype=None, result="new",
                 scale_kernel=True, invert=False, silent=True, mean_scaled=True):
        self.__dict__.update(locals())

    def __call__(self, conv, bn):
        eps = {"none": 0.0, "fixed": 1e-5}.get(self.eps, bn.eps)
        below = bn.running_var + eps
        below = below.sqrt() if self.root else below
        below = bn.running_var.sqrt() + eps if self.eps == "outside" else below
        scale = (bn.weight if self.gamma else 1) / below
        scale = 1 / scale if self.invert else scale
        bias = conv.bias if conv.bias is not None and self.conv_bias else torch.zeros_like(bn.bias)
        if self.bias_scaled:
            bias = scale * (bias + (self.mean if self.mean_scaled else 0) * bn.running_mean)
            bias = bias if self.mean_scaled else bias + self.mean * bn.running_mean
        else:
            bias = bias + self.mean * scale * bn.running_mean
        bias = bias + (bn.bias if self.beta else 0)
        kernel = conv.weight * scale[:, None, None, None] if self.scale_kernel else conv.weight
        if self.result == "in place":
            conv.weight.data, conv.bias = kernel.data, nn.Parameter(bias.detach())
            return conv
        if self.result == "in place copy":
            conv.weight.data = kernel.data
        new = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, bias=True,
                        dtype=self.dtype or conv.weight.dtype, **{name: getattr(conv, name) for name in self.keep})
        with torch.no_grad():
            new.weight.copy_(kernel)
            new.bias.copy_(bias)
        return self.finish(conv, bn, new)

    def finish(self, conv, bn, new):
        """What is done in the end, and given back."""
        if self.result == "shares":
            new.weight = conv.weight
        if self.result in ("eval", "conv in eval"):
            conv.eval()
        if self.result in ("eval", "bn in eval"):
            bn.eval()
        if self.result == "numbers":
            return new.weight, new.bias
        if self.result == "list":
            return nn.Sequential(new, bn)
        return new


def _without(*names):
    return tuple(name for name in ("stride", "padding", "dilation", "groups", "padding_mode") if name not in names)


def _bias_lost(conv, bn):
    new = copy.deepcopy(conv)
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    new.weight.data *= scale[:, None, None, None]
    if new.bias is not None:
        new.bias.data = scale * (new.bias.data - bn.running_mean) + bn.bias.data
    return new


def _kernel_only(conv, bn):
    new = copy.deepcopy(conv)
    new.weight.data *= (bn.weight / (bn.running_var + bn.eps).sqrt())[:, None, None, None]
    return new


def _by_batch(conv, bn):
    return _Folding(mean=0.0)(conv, bn)


fold_batch_norm = Check(
    "fold_batch_norm", "fold_batch_norm(conv, bn)", _Folding(),
    [Part("values", 0.35, "the new convolution gives what conv and then bn give in eval mode",
          both(pairs({}, {"bias": False}), pairs({"in_channels": 3}, dtype=torch.float32)), folded, ROUNDED,
          shows=lambda case: f"fold_batch_norm(conv, bn), with conv {'with' if case['setting']['bias'] else 'without'} "
          f"a bias, {str(case['x'].dtype).removeprefix('torch.')}"),
     Part("settings", 0.25, "stride, padding, padding mode, dilation, groups and dtype are kept", both(
         pairs({"stride": [2, 1]}, {"padding": [1, 2]}, {"padding": 1, "padding_mode": "circular"},
               {"dilation": [2, 1]}, {"groups": 2, "in_channels": 4}), pairs({"stride": 2}, dtype=torch.float32)),
         settings_kept, ROUNDED, shows=lambda case: "fold_batch_norm(conv, bn), with conv made with " + ", ".join(
             f"{key}={value}" for key, value in case["setting"].items() if key not in CONV or key == "in_channels")),
     Part("eps", 0.1, "it is bn's own eps that is added to the variance", pairs({}, eps=0.3), folded, ROUNDED,
          shows=lambda case: "fold_batch_norm(conv, bn), with bn.eps = 0.3"),
     Part("training mode", 0.1, "the running statistics count, whatever mode the layers are in",
          pairs({}, training=True), folded, ROUNDED,
          shows=lambda case: "fold_batch_norm(conv, bn), both in training mode"),
     Part("originals", 0.2, "both layers stay as they were, and share nothing with the new one",
          both(pairs({}, {"bias": False}, training=True), pairs({})), originals,
          shows=lambda case: "fold_batch_norm(conv, bn), then conv and bn")],
    [Mistake("fold-conv-bias-lost", "The convolution's own bias is lost. It comes before the batch norm, so it is "
             "normalised too.", _Folding(conv_bias=False)),
     Mistake("fold-bias-unscaled", "The convolution's own bias is added as it is. It comes before the batch norm, so "
             "it is scaled like everything else there.", _Folding(bias_scaled=False)),
     Mistake("fold-mean-unscaled", "The running mean is taken off after the scaling. Batch norm takes it off first, so "
             "it is scaled too.", _Folding(mean_scaled=False)),
     Mistake("fold-mean-sign", "The running mean is added; it is taken off.", _Folding(mean=1.0)),
     Mistake("fold-mean-forgotten", "The running mean is not taken off.", _by_batch),
     Mistake("fold-eps-ignored", "bn.eps is not used.", _Folding(eps="none")),
     Mistake("fold-eps-fixed", "eps is 1e-5 whatever the layer has: use `bn.eps`.", _Folding(eps="fixed")),
     Mistake("fold-eps-outside", "eps is added to the standard deviation. Batch norm adds it to the variance, under "
             "the root.", _Folding(eps="outside")),
     Mistake("fold-no-root", "It divides by the variance; the root is missing.", _Folding(root=False)),
     Mistake("fold-gamma-ignored", "bn.weight is not used.", _Folding(gamma=False)),
     Mistake("fold-beta-ignored", "bn.bias is not used.", _Folding(beta=False)),
     Mistake("fold-kernel-unscaled", "The kernel is as it was; each of its output channels should be scaled.",
             _Folding(scale_kernel=False)),
     Mistake("fold-upside-down", "The scale is upside down: bn.weight over the standard deviation.",
             _Folding(invert=True)),
     Mistake("fold-no-bias", "Where the convolution has no bias, the folded one needs one all the same: what the "
             "batch norm shifts by has no other place.",
             [_bias_lost]),
     Mistake("fold-bias-left", "The kernel is scaled, and the bias is as it was. What the batch norm takes off and "
             "adds belongs into the bias.", _kernel_only),
     Mistake("fold-bias-never-made", "The new convolution has no bias to write to: it was made with the old one's "
             "setting. What the batch norm shifts by needs a place.", shows=lambda finding, seen, case: finding.path[:1]
             == ("has a bias",) or "raised" in seen and not case["setting"]["bias"] and any(
                 words in seen["raised"]["text"] for words in ("no attribute 'copy_'", "Unexpected key(s)"))),
     Mistake("fold-bias-is-none", "A convolution made with bias=False has None for its bias. Count it as zeros.",
             shows=raises("NoneType", where=lambda case: not case["setting"]["bias"])),
     Mistake("fold-bias-truth", "`if conv.bias` or `conv.bias or …` asks whether a tensor is true, and one with "
             "several entries is neither. Ask whether there is a bias: `conv.bias is not None`.",
             shows=raises("Boolean value of Tensor")),
     Mistake("fold-bare-tensor", "A layer takes no bare tensor for its weight or bias. Wrap the numbers in "
             "`nn.Parameter(…)`, or write them into the parameter that is there, with `.copy_(…)` under "
             "`torch.no_grad()`.", shows=raises("cannot assign")),
     Mistake("fold-in-place-graph", "A parameter is written into while autograd watches. Do it under "
             "`torch.no_grad()`, or assign an `nn.Parameter(…)`.", shows=raises("leaf Variable that requires grad")),
     Mistake("fold-wrong-axis", "The shapes do not fit: the kernel is (out, in, height, width), and bn has one entry "
             "for each *output* channel. Give the scale the shape (out, 1, 1, 1).",
             shows=raises("must match the size", where=lambda case: "groups" not in case["setting"])),
     Mistake("fold-settings-lost", "Stride, padding, padding mode and dilation are back to their defaults. Hand each "
             "on to the new convolution.", _Folding(keep=("groups",))),
     Mistake("fold-stride-lost", "The stride is lost.", _Folding(keep=_without("stride"))),
     Mistake("fold-padding-lost", "The padding is lost.", _Folding(keep=_without("padding"))),
     Mistake("fold-padding-mode-lost", "The padding mode is lost: this convolution pads in a circle, the new one with "
             "zeros.", [_Folding(keep=_without("padding_mode"))]),
     Mistake("fold-dilation-lost", "The dilation is lost.", [_Folding(keep=_without("dilation")), _Folding(
         keep=_without("dilation", "padding_mode"))]),
     Mistake("fold-groups-lost", "The groups are lost: with them each output channel sees a part of the inputs only, "
             "and the kernel is smaller.", shows=raises("Error", where=lambda case: "groups" in case["setting"])),
     Mistake("fold-dtype-lost", "The new layer is float32, whatever the old one was. A layer can be made with a dtype, "
             "or brought to one with `.to(…)`.",
             [_Folding(dtype=torch.float32)]),
     Mistake("fold-dtype-mixed", "The new layer's weight or bias has another dtype than the input: the dtype of conv "
             "was lost on the way.",
             shows=raises("same dtype", "should be the same", "Input type", "expected scalar type")),
     Mistake("fold-in-place", "It changed the convolution that it was given. Make a new one; the old one may still be "
             "in training.", [_Folding(result="in place"), _Folding(result="in place copy")]),
     Mistake("fold-shares", "The new convolution shares its parameters with the old one.",
             shows=lambda finding, seen, case: finding.expected != 77.0 and finding.got == 77.0),
     Mistake("fold-mode-changed", "A layer that was given in training mode is in eval mode now. The running "
             "statistics can be read in any mode: leave the mode alone, or put it back.",
             [_Folding(result=result) for result in ("eval", "bn in eval", "conv in eval")]),
     Mistake("fold-numbers", "One convolution was asked for, not its numbers.",
             [_Folding(result="numbers"), _Folding(result="list")])],
    frozenset({"torch.nn.utils.fusion"}), "`nn.Conv2d`, `copy.deepcopy` and arithmetic are your tools.")
