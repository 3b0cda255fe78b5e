"""The check of estimating running statistics again, from data they are to fit."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import normal
from ..core import Check, Mistake, Part
from ..watching import paused
from .batches import both
from .shared import activations, raises


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
