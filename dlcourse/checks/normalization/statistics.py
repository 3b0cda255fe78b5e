"""Running statistics put to use: folded into a convolution, and estimated again."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from ..core import Check, Mistake, Part
from ..watching import paused
from .batches import both
from .shared import activations, affine, normal, raises

# --------------------------------------------------------------------------------------- fold_batch_norm

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
        if self.result == "eval":
            conv.eval(), bn.eval()
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
     Mistake("fold-mode-changed", "The layers were given in training mode and are in eval mode now. The running "
             "statistics can be read in any mode.", _Folding(result="eval")),
     Mistake("fold-numbers", "One convolution was asked for, not its numbers.",
             [_Folding(result="numbers"), _Folding(result="list")])],
    frozenset({"torch.nn.utils.fusion"}), "`nn.Conv2d`, `copy.deepcopy` and arithmetic are your tools.")

# ------------------------------------------------------------------------------------------- recalibrate


class _Block(nn.Module):
    """A layer and its norm, one level down."""

    def __init__(self, inside, outside):
        super().__init__()
        self.layer, self.norm = nn.Linear(inside, outside), nn.BatchNorm1d(outside)

    def forward(self, x):
        return torch.tanh(self.norm(self.layer(x)))


class _Net(nn.Module):
    """Batch norms of all three kinds, at different depths."""

    def __init__(self, numbers):
        super().__init__()
        self.stem, self.bn, self.volume = nn.Conv2d(2, 3, (2, 1)), nn.BatchNorm2d(3), nn.BatchNorm3d(3)
        self.body = nn.ModuleList([_Block(3, 4), nn.Sequential(_Block(4, 3))])
        self.last, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)  # last, so that chance has no say in the statistics
        self.double()
        with torch.no_grad():
            for tensor in [*self.parameters(), *self.buffers()]:
                if tensor.is_floating_point():
                    tensor.copy_(numbers[:tensor.numel()].view_as(tensor))
                    numbers = numbers[tensor.numel():]
                else:
                    tensor.fill_(7)
            for norm in _norms(self):
                norm.running_var.abs_().add_(0.5)

    def forward(self, x):
        x = torch.tanh(self.bn(self.stem(x)))
        x = torch.tanh(self.volume(x[:, :, None])).mean((2, 3, 4))
        for part in self.body:
            x = part(x)
        return self.drop(self.last(x))


def _norms(model):
    return [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def streams(*sizes, **options):
    """Cases: batches of these sizes, numbers for the net, and how the batches are handed over."""
    return lambda g: [{"batches": [activations(g, n, 2, 4, 3, axis=0) + k for k, n in enumerate(some)],
                       "numbers": normal(g, 130), "form": "list of tensors", "momenta": [0.1, 0.1, 0.1],
                        "training": True, "frozen": False, **options} for some in sizes]


def _handed(batches, form):
    """The batches as a list of tensors, a generator, or a list or generator of pairs."""
    things = [(x.clone(), torch.arange(len(x))) if "pairs" in form else x.clone() for x in batches]
    if "lists" in form:
        things = [list(pair) for pair in things]
    return (thing for thing in things) if "generator" in form else things


def _recalibrated(answer, batches, numbers, form, momenta, training, frozen):
    torch.manual_seed(0)
    net = _Net(numbers)
    for norm, momentum in zip(_norms(net), momenta):
        norm.momentum = momentum
    net.train(training)
    if frozen:
        net.bn.eval()
        net.body[1].eval()
    before = copy.deepcopy(net)
    with paused():
        answer(net, _handed(batches, form))
    return before, net


def statistics(answer, **case):
    """The running statistics of each batch norm."""
    _, net = _recalibrated(answer, **case)
    return {f"{name} of batch norm {number}": getattr(norm, name).detach().clone()
            for number, norm in enumerate(_norms(net), 1) for name in ("running_mean", "running_var")}


def modes(answer, **case):
    """The mode of each module afterwards."""
    _, net = _recalibrated(answer, **case)
    return {f"training of {name or 'the model'}": module.training for name, module in net.named_modules()}


def momenta(answer, **case):
    """The momentum of each batch norm afterwards."""
    _, net = _recalibrated(answer, **case)
    return {f"momentum of batch norm {number}": "None" if norm.momentum is None else f"{norm.momentum:g}"
            for number, norm in enumerate(_norms(net), 1)}


def parameters(answer, **case):
    """Parameters and their .grad afterwards."""
    _, net = _recalibrated(answer, **case)
    grads = {f".grad of {name}": "None" if p.grad is None else "a tensor" for name, p in net.named_parameters()}
    trained = {f"{name} is trained": p.requires_grad for name, p in net.named_parameters()}
    graph = any(tensor.requires_grad for tensor in net.buffers())
    return {**{name: p.detach().clone() for name, p in net.named_parameters()}, **grads, **trained,
            "a graph is kept in the statistics": graph}


def _again(average="plain", reset=True, restore="each", momentum="kept", which="all", step=False, mode="train",
           twice=False, pair=True, biased=False, graph=False):
    """recalibrate, with habits: see the mistakes."""
    def recalibrate(model, batches):
        batches = list(batches)
        batches = [batch[0] if isinstance(batch, (tuple, list)) and pair else batch for batch in batches]
        norms = [n for n in _norms(model) if which == "all" or which == "2d" and isinstance(n, nn.BatchNorm2d)
                 or which == "1d and 2d" and isinstance(n, (nn.BatchNorm1d, nn.BatchNorm2d))
                 or which == "children" and n in list(model.children())]
        kept = {module: module.training for module in model.modules()}
        was, momenta = model.training, {norm: norm.momentum for norm in norms}
        for norm in norms:
            if reset == "numbers":
                norm.running_mean.zero_(), norm.running_var.fill_(1)
            elif reset:
                norm.reset_running_stats()
            norm.momentum = {"plain": None, "last": 1.0, "fixed": 0.1, "of all": 1 / len(batches)}.get(
                average, norm.momentum)
        if mode == "train":
            model.train()
        elif mode == "eval":
            model.eval()
        if average in ("pooled", "weighted"):
            _by_sizes(model, norms, batches, average)
        else:
            with torch.no_grad():
                for batch in batches:
                    model(batch)
        if biased:
            _make_biased(model, norms, batches)
        for norm in norms:
            norm.momentum = {"kept": momenta[norm], "default": 0.1}.get(momentum, norm.momentum)
        if restore == "each":
            for module, training in kept.items():
                module.training = training
        elif restore == "root":
            model.train(was)
        elif restore == "eval":
            model.eval()
        return model
    return recalibrate


def _by_sizes(model, norms, batches, average):
    """The average weighted by size, or one batch of everything."""
    with torch.no_grad():
        if average == "pooled":
            for norm in norms:
                norm.momentum = None
            model(torch.cat(batches))
            return
        sums = {norm: [0.0, 0.0] for norm in norms}
        for norm in norms:
            norm.momentum = 1.0
        for batch in batches:
            model(batch)
            for norm, total in sums.items():
                total[0] = total[0] + norm.running_mean * len(batch)
                total[1] = total[1] + norm.running_var * len(batch)
        count = sum(map(len, batches))
        for norm, (mean, var) in sums.items():
            norm.running_mean.copy_(mean / count)
            norm.running_var.copy_(var / count)


def _make_biased(model, norms, batches):
    """Replace each running variance by the average of the biased ones."""
    found, hooks = {norm: [] for norm in norms}, []
    for norm in norms:
        hooks.append(norm.register_forward_hook(lambda norm, inputs, out: found[norm].append(
            inputs[0].var((0, *range(2, inputs[0].dim())), correction=0))))
    with torch.no_grad():
        for batch in batches:
            F.dropout(model(batch), 0.0)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        norm.running_var.copy_(torch.stack(found[norm]).mean(0))


_plain = _again()


def _one_form(case):
    return f"recalibrate(model, batches) with {_listed([len(x) for x in case['batches']])} samples, as a {case['form']}"


def _listed(sizes):
    return " and ".join([", ".join(map(str, sizes[:-1]))] * (len(sizes) > 1) + [str(sizes[-1])])


recalibrate = Check(
    "recalibrate", "recalibrate(model, batches)", _plain,
    [Part("statistics", 0.4, "every batch norm's running mean and variance become the plain average over the batches",
          both(streams([6, 6, 6], [5, 3, 9]), streams([4, 5], frozen=True)), statistics, shows=_one_form),
     Part("batches", 0.15, "the batches are tensors or pairs, from anything that can be gone through once",
          both(streams([5, 4], form="list of pairs"), streams([4, 6], form="generator"),
               streams([4, 3], form="generator of pairs as lists")), statistics, shows=_one_form),
     Part("momentum", 0.15, "each batch norm has its own momentum back",
          streams([4, 5], momenta=[0.1, 0.3, None]), momenta,
          shows=lambda case: "recalibrate(model, batches), with momenta 0.1, 0.3 and None"),
     Part("modes", 0.2, "the model and each module in it have their own mode back", both(
          streams([4, 5], training=False), streams([4, 5], frozen=True)), modes,
          shows=lambda case: f"recalibrate(model, batches) of a model in {'training' if case['training'] else 'eval'} "
          f"mode{' with some modules in eval mode' if case['frozen'] else ''}"),
     Part("parameters", 0.1, "parameters and their .grad stay as they were, and no graph is kept", streams([4, 5]),
          parameters, shows=lambda case: "recalibrate(model, batches), then the parameters")],
    [Mistake("recalibrate-moving-average", "The statistics move by the share `momentum` with each batch, so the last "
             "ones count most and the starting value is still in them. With momentum None a batch norm takes the plain "
             "average.", [_again(average="as it was"), _again(average="as it was", reset=False),
                          _again(average="fixed"), _again(average="of all")]),
     Mistake("recalibrate-not-reset", "The old statistics are still in the average. Start over first: "
             "`reset_running_stats()` does it, and sets the count of batches back to 0.", _again(reset=False)),
     Mistake("recalibrate-counter", "The statistics were set back, but not `num_batches_tracked`, the count of batches "
             "that a plain average divides by. `reset_running_stats()` sets all three back.", _again(reset="numbers")),
     Mistake("recalibrate-last-batch", "Only the last batch counts.", _again(average="last")),
     Mistake("recalibrate-weighted", "Larger batches count more here. A plain average was asked for: every batch "
             "counts the same.", _again(average="weighted")),
     Mistake("recalibrate-pooled", "All batches were taken as one. Asked for is the average of each batch's "
             "statistics.", _again(average="pooled")),
     Mistake("recalibrate-biased", "The average is of biased variances; a batch norm stores unbiased ones.",
             _again(biased=True)),
     Mistake("recalibrate-eval", "The statistics are those of a new layer: nothing was learned from the batches. Was "
             "the model run on them, and in training mode? In eval mode a batch norm leaves its statistics alone.",
             _again(mode="eval")),
     Mistake("recalibrate-untouched", "The statistics are what they were before. Was the model itself run on the "
             "batches, not a copy, and in training mode? In eval mode a batch norm leaves its statistics alone.",
             _again(mode="eval", reset=False)),
     Mistake("recalibrate-as-it-came", "A module that came in eval mode learned nothing from the batches. Every batch "
             "norm counts: put the model into training mode first.",
             [_again(mode="as it came")]),
     Mistake("recalibrate-top-level", "Only batch norms directly in the model were found. They may be deeper: "
             "`model.modules()` visits every module inside.", _again(which="children")),
     Mistake("recalibrate-2d-only", "Only `nn.BatchNorm2d` was counted. `nn.BatchNorm1d` is one too, and so is every "
             "`nn.modules.batchnorm._BatchNorm`.", _again(which="2d")),
     Mistake("recalibrate-not-3d", "`nn.BatchNorm3d` was not counted. All of torch's batch norms are "
             "`nn.modules.batchnorm._BatchNorm`.", _again(which="1d and 2d")),
     Mistake("recalibrate-some-missed", "The first batch norm has its new statistics, but not each of the others. One "
             "that is nested deeper, or of another kind, may have been missed: `model.modules()` visits every module, "
             "and every batch norm is an `nn.modules.batchnorm._BatchNorm`.",
             shows=lambda finding, seen, case: finding.kind == "value" and "of batch norm" in str(finding.path[:1])
             and str(finding.path[0]).startswith("running") and not str(finding.path[0]).endswith(" 1")),
     Mistake("recalibrate-tensors", "A batch may also be one tensor, which is no pair: do not take it apart, nor take "
             "its first sample for the batch. Ask with `isinstance` which of the two it is.",
             shows=raises("too many values", "not enough values", "expected 4D input", "expected 5D input",
                          where=lambda case: "pairs" not in case["form"])),
     Mistake("recalibrate-pairs", "A batch may be a pair (x, y), a tuple or a list. The model wants its first "
             "half.",
             shows=raises("TypeError", "AttributeError", where=lambda case: "pairs" in case["form"])),
     Mistake("recalibrate-generator", "`batches` may be a generator: it has no length and no index, and can be gone "
             "through once.", shows=lambda finding, seen, case: "generator" in case["form"] and (
                 "raised" in seen or finding.kind == "value")),
     Mistake("recalibrate-momentum-lost", "The momentum was changed and not put back: further training would go on "
             "with it. Remember each module's own.", [_again(momentum="left"), _again(average="fixed",
                                                                                      momentum="left")]),
     Mistake("recalibrate-momentum-default", "Every batch norm has momentum 0.1 afterwards. Each had its own.",
             _again(momentum="default")),
     Mistake("recalibrate-left-training", "The model is left in training mode.", _again(restore="none")),
     Mistake("recalibrate-left-eval", "The model is left in eval mode.", _again(restore="eval")),
     Mistake("recalibrate-root-mode", "The model has its mode back, but `model.train(…)` gave the same one to all "
             "modules inside. Some had another: remember each module's own.", _again(restore="root")),
     Mistake("recalibrate-none-momentum", "A module's momentum may be None, which is no number.",
             shows=raises("NoneType", where=lambda case: None in case["momenta"]))])
