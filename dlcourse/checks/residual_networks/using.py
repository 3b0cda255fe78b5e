"""The checks of what is done with a trained network: ask it where it looked, and give it another task."""

import copy
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, normal, raises
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from .shared import fill_layer

# ------------------------------------------------------------------------------------------------ saliency


class _Judge(nn.Module):
    """A small convolutional classifier with a batch norm, in eval mode."""

    def __init__(self, channels, classes, seed):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 5 * 6, classes)
        self.double().eval()
        for name, layer in self.named_children():
            fill_layer(layer, seed, name)

    def forward(self, x):
        return self.head(torch.tanh(self.norm(self.conv(x))).flatten(1))


def views(*askings):
    """Cases: (images, channels, classes, options)."""
    return lambda g: [{"x": normal(g, n, c, 5, 6), "target": torch.randint(classes, (n,), generator=g),
                       "classes": classes, "seed": drawn_seed(g), **options} for n, c, classes, options in askings]


def seen_map(answer, x, target, classes, seed):
    """The map."""
    return {"saliency": answer(_Judge(x.shape[1], classes, seed), x.clone(), target)}


def left_behind(answer, x, target, classes, seed, filled, required):
    """The map, and what became of the model's .grad, of x and its flags, and of the graph."""
    model, given = _Judge(x.shape[1], classes, seed), x.clone().requires_grad_(required)
    if filled:
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.5)
    found = answer(model, given, target)
    grads = [parameter.grad for parameter in model.parameters()]
    return {"saliency": found, "a graph behind it": isinstance(found, torch.Tensor) and found.requires_grad,
            "parameters whose .grad is gone": sum(filled and grad is None for grad in grads),
            ".grad of the parameters": ["None" if grad is None else grad for grad in grads],
            "parameters that require a gradient": sum(p.requires_grad for p in model.parameters()),
            "x.requires_grad": given.requires_grad, "x.grad": "None" if given.grad is None else given.grad,
            "mode": model.training, UNTOUCHED: given}


def _map(model, x, target, score=lambda logits, target: logits.gather(1, target[:, None]).sum(),
         look=lambda grad, x: grad.abs().amax(1)):
    leaf = x.detach().clone().requires_grad_()
    grad, = torch.autograd.grad(score(model(leaf), target), leaf)
    return look(grad, x).detach()


def _saliency(**options):
    return lambda model, x, target: _map(model, x, target, **options)


def _backward(model, x, target, clear=None, on=lambda x: x.detach().clone().requires_grad_(), off=lambda x: None,
              detach=True):
    """The way through .backward()."""
    leaf = on(x)
    if clear == "first":
        model.zero_grad()
    model(leaf).gather(1, target[:, None]).sum().backward()
    if clear == "last":
        model.zero_grad()
    found = leaf.grad.abs().amax(1)
    off(x)
    return found


def _frozen_for_good(model, x, target):
    model.requires_grad_(False)
    return _map(model, x, target)


def _backward_saved(model, x, target, **options):
    """backward(), with the parameters' gradients put back: only what it does to x is wrong."""
    before = [parameter.grad for parameter in model.parameters()]
    before = [None if grad is None else grad.clone() for grad in before]
    found = _backward(model, x, target, **options)
    for parameter, grad in zip(model.parameters(), before):
        parameter.grad = grad
    return found


def _autograd_on_x(model, x, target):
    x.requires_grad_(True)
    grad, = torch.autograd.grad(model(x).gather(1, target[:, None]).sum(), x)
    return grad.abs().amax(1)


def _flag_off(model, x, target):
    found = _autograd_on_x(model, x, target)
    x.requires_grad_(False)
    return found


_own = {"on": lambda x: x.requires_grad_()}
_probability = lambda logits, target: logits.softmax(1).gather(1, target[:, None]).sum()
_loss = lambda logits, target: F.cross_entropy(logits, target, reduction="sum")

def _asked(case):
    before = {(True, False): ", the parameters' .grad filled before", (False, True): ", x requires a gradient"}
    return (f"saliency(model, x, target), x of shape {tuple(case['x'].shape)}, {case['classes']} classes"
            + before.get((case.get("filled"), case.get("required")), ""))


_MapPart = partial(Part, shows=_asked)

saliency = Check(
    "saliency", "saliency(model, x, target)", _saliency(),
    [_MapPart("map", 0.4, "how much the target's logit changes with each pixel, without sign",
              views((2, 1, 4, {}), (5, 1, 3, {})), seen_map),
     _MapPart("channels", 0.2, "of several channels the largest counts, and one map per image is left",
              views((3, 3, 4, {}), (1, 2, 3, {})), seen_map),
     _MapPart("no trace", 0.4, "model, x and their gradients are left as they were; no graph hangs on the result",
              views(*[(3, 2, 4, {"filled": filled, "required": required})
                      for filled, required in ((True, False), (False, False), (False, True))]), left_behind)],
    [Mistake("saliency-signed", "The map has signs. How strongly a pixel counts is asked for, not in which direction: "
             "take the absolute value.", [_saliency(look=lambda g, x: g.amax(1))]),
     Mistake("saliency-abs-late", "The largest value over the channels is taken before the absolute value, so a "
             "channel with a large negative slope loses. Absolute values first.",
             [_saliency(look=lambda g, x: g.amax(1).abs())]),
     Mistake("saliency-channel-sum", "The channels are summed. The largest counts.",
             _saliency(look=lambda g, x: g.abs().sum(1))),
     Mistake("saliency-channel-mean", "The channels are averaged. The largest counts.",
             _saliency(look=lambda g, x: g.abs().mean(1))),
     Mistake("saliency-channel-norm", "The channels are joined by a root of squares. The largest counts.",
             _saliency(look=lambda g, x: g.norm(dim=1))),
     Mistake("saliency-channels-kept", "The axis of the channels is still there. One map for each image was asked for, "
             "(N, H, W): the largest over the channels.",
             [_saliency(look=lambda g, x: g.abs()), _saliency(look=lambda g, x: g.abs().amax(1, keepdim=True))]),
     Mistake("saliency-first-channel", "Only the first channel is looked at.",
             _saliency(look=lambda g, x: g.abs()[:, 0])),
     Mistake("saliency-probability", "The score is the probability after softmax. Its slope vanishes where the network "
             "is certain, and it mixes the other classes in: take the logit.",
             _saliency(score=_probability)),
     Mistake("saliency-loss", "The score is the loss, or a log-probability, its negative: other classes are mixed in. "
             "It is the target's logit that is asked for.",
             [_saliency(score=_loss), _saliency(score=lambda logits, target: F.cross_entropy(logits, target))]),
     Mistake("saliency-all-classes", "The logits of all classes are summed. Only the target's counts.",
             _saliency(score=lambda logits, target: logits.sum())),
     Mistake("saliency-every-target", "For each image the logits of *all* images' targets are summed: "
             "`logits[:, target]` is a table (N, N). Pair row i with target i.",
             _saliency(score=lambda logits, target: logits[:, target].sum())),
     Mistake("saliency-predicted", "The score is the largest logit, that of the class the network predicts. `target` "
             "may be another.", _saliency(score=lambda logits, target: logits.amax(1).sum())),
     Mistake("saliency-mean", "The score is the mean over the batch, so every map is smaller, the more images there "
             "are. Each image's map is its own: sum.",
             _saliency(score=lambda logits, target: logits.gather(1, target[:, None]).mean())),
     Mistake("saliency-times-input", "The gradient is multiplied by the input. That is another map, and gives dark "
             "pixels no chance.", _saliency(look=lambda g, x: (g * x).abs().amax(1))),
     Mistake("saliency-squared", "The slopes are squared. Take absolute values.",
             _saliency(look=lambda g, x: g.square().amax(1))),
     Mistake("saliency-scaled", "The map is scaled so that its largest value is 1. The slope itself was asked for.",
             [_saliency(look=lambda g, x: g.abs().amax(1) / g.abs().amax()), _saliency(
                 look=lambda g, x: g.abs().amax(1) / g.abs().amax((1, 2, 3))[:, None, None])]),
     Mistake("saliency-values-and-places", "`max` along an axis gives two things, the values and where they stand: "
             "take `.values`, or call `amax`.", shows=lambda finding, seen, case: finding.path == ("saliency",)
             and finding.kind == "type" and str(finding.got) == "list of 2"),
     Mistake("saliency-graph", "A graph hangs on the result: by `create_graph=True`, or because x brought its own, "
             "which `clone` alone keeps. It would stay in memory as long as the map. Cut it off.",
             shows=lambda finding, seen, case: finding.path == ("a graph behind it",)),
     Mistake("saliency-grad-filled", "`backward` reaches the parameters too, and adds to their .grad: the next "
             "optimizer step would use it. `torch.autograd.grad` gives the gradient by x alone.",
             [_backward, lambda m, x, t: _backward(m, x, t, on=lambda x: x.clone().requires_grad_()),
              lambda m, x, t: _backward(m, x, t, **_own),
              lambda m, x, t: _backward(m, x, t, **_own, off=lambda x: x.requires_grad_(False))]),
     Mistake("saliency-grad-cleared", "The parameters' .grad is gone afterwards. In the middle of training somebody "
             "was about to use it.",
             [lambda m, x, t: _backward(m, x, t, "first"), lambda m, x, t: _backward(m, x, t, "last"),
              lambda m, x, t: _backward(m, x, t, "first", **_own), lambda m, x, t: _backward(m, x, t, "last", **_own),
              lambda m, x, t: _backward(m, x, t, "last", **_own, off=lambda x: x.requires_grad_(False))]),
     Mistake("saliency-flag-left", "x requires a gradient afterwards, which it did not before, or keeps one in "
             "x.grad. Work on a copy of your own: `x.detach().clone()`.",
             [_autograd_on_x, lambda m, x, t: _backward_saved(m, x, t, **_own)]),
     Mistake("saliency-flag-cleared", "x came requiring a gradient and does not any more. Work on a copy of your own.",
             _flag_off),
     Mistake("saliency-frozen", "The model's parameters do not require gradients any more.", _frozen_for_good),
     Mistake("saliency-no-leaf", "x has no gradient to give: it must require one before it goes through the model.",
             shows=raises("does not require grad", "not have been used in the graph", "element 0 of tensors")),
     Mistake("saliency-not-scalar", "Backward starts from a single number. Sum the scores of the batch: each image's "
             "score depends on its own pixels alone.", shows=raises("scalar outputs")),
     Mistake("saliency-no-grad", "x.grad is None: x was no leaf, or did not require a gradient before it went "
             "through the model.", shows=raises("NoneType"))])

# ----------------------------------------------------------------------------------------------- fine_tune


class _Pretrained(nn.Module):
    """A network whose head is at the "top", or "nested" in a part of it, or at the top and "bare" of a bias."""

    def __init__(self, kind, seed):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3)
        self.gate = nn.Linear(3, 3)
        if kind == "nested":
            self.classifier = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4))
            self.norm2 = nn.Identity()
        else:
            self.fc = nn.Linear(3, 4, bias=kind != "bare")
        for name, layer in self.named_modules():
            fill_layer(layer, seed, name)

    def forward(self, x):
        features = torch.relu(self.norm(self.stem(x))).mean((2, 3))
        features = features * torch.sigmoid(self.gate(features))
        return self.classifier(features) if hasattr(self, "classifier") else self.fc(features)


def hires(*askings):
    """Cases: (kind of model, number of classes, options)."""
    return lambda g: [{"kind": kind, "num_classes": classes, "seed": drawn_seed(g), "x": normal(g, 3, 1, 4, 4),
                       **options} for kind, classes, options in askings]


HEADS = {"nested": "classifier.2", "top": "fc", "bare": "fc"}


def _model(kind, seed, double=False, training=False):
    torch.manual_seed(0)
    model = _Pretrained(kind, seed).train(training)
    return model.double() if double else model


def _state(model, head=None, only=None):
    return {name: tensor for name, tensor in model.state_dict().items() if "num_batches" not in name
            and (head is None or name.startswith(head) == (only == "head"))}


def new_head(answer, kind, num_classes, seed, x):
    """The head that the new model has, and that every other weight is the old one."""
    model = _model(kind, seed)
    new, head = answer(model, num_classes), HEADS[kind]
    if not isinstance(new, nn.Module):
        return {"the new model": new if new is None else type(new).__name__}
    linear = dict(new.named_modules()).get(head)
    words = f"{linear.in_features} → {linear.out_features}" if isinstance(linear, nn.Linear) else "no linear layer"
    seen = {"logits' shape": str(tuple(new.eval()(x.float()).shape)), f"layer {head}": words,
            "a bias in the head": getattr(linear, "bias", None) is not None}
    seen = {"the new model": "a module"} | seen
    return seen | {f"weights of {name}": tensor for name, tensor in _state(new, head, "rest").items()}


def flags(answer, kind, num_classes, seed, x):
    """Which parameters require a gradient."""
    new = answer(_model(kind, seed), num_classes)
    return {"requires_grad": {name: parameter.requires_grad for name, parameter in new.named_parameters()}}


def flags_left(answer, kind, num_classes, seed, x):
    """Which parameters require a gradient with freeze=False, where the stem was frozen before."""
    model = _model(kind, seed)
    model.stem.requires_grad_(False)
    new = answer(model, num_classes, freeze=False)
    return {"requires_grad": {name: parameter.requires_grad for name, parameter in new.named_parameters()}}


def original(answer, kind, num_classes, seed, x):
    """What became of the model that was handed in, and whether the new one shares tensors with it."""
    model = _model(kind, seed)
    before = {name: tensor.clone() for name, tensor in _state(model).items()}
    new = answer(model, num_classes)
    shared = {t.data_ptr() for t in model.state_dict().values()} & {t.data_ptr() for t in new.state_dict().values()}
    return {"a new model": new is not model,
            "outputs of the original": list(model.eval()(x.float()).shape),
            "original's parameters that require a gradient": sum(p.requires_grad for p in model.parameters()),
            "original's weights": "as before" if all(
                name in before and torch.equal(tensor, before[name]) for name, tensor in _state(model).items())
            else "changed", "tensors shared with the original": len(shared)}


def kept(answer, kind, num_classes, seed, x, double, training):
    """Mode and dtype of the new model, those of the head apart."""
    new, head = answer(_model(kind, seed, double, training), num_classes), HEADS[kind]
    linear = new.get_submodule(head)
    return {"training": [module.training for module in new.modules()],
            "dtype of the head": str(linear.weight.dtype),
            "dtypes of the rest": sorted({str(t.dtype) for t in _state(new, head, "rest").values()})}


def freshness(answer, kind, num_classes, seed, x):
    """Whether the head's weights are new, also where the number of classes stays the same."""
    model, head = _model(kind, seed), HEADS[kind]
    first, second = (answer(model, num_classes).get_submodule(head).weight for _ in range(2))
    old = model.get_submodule(head).weight
    return {"the head's weights are new": first.shape != old.shape or not torch.equal(first, old),
            "two heads differ": not torch.equal(first, second), "weights are finite": bool(first.isfinite().all())}


def _tune(*, copied=copy.deepcopy, which=-1, freeze="all but the head", thaw="left", like=True, same_kept=False,
          fresh=None, top=False, head_first=False, bias=lambda old: True):
    """fine_tune, with habits: see the mistakes."""
    def fine_tune(model, num_classes, freeze=True, _frozen=freeze):
        new = copied(model)
        modules = list(new.named_children() if top else new.named_modules())
        name, old = [(n, m) for n, m in modules if isinstance(m, nn.Linear)][which]
        reference = old.weight if like else torch.zeros(())
        head = nn.Linear(old.in_features, num_classes, bias(old), device=reference.device, dtype=reference.dtype)
        head.train(old.training)
        if same_kept and old.out_features == num_classes:
            head = old
        if fresh:
            fresh(head)
        return new, name, head
    def answer(model, num_classes, freeze=True, rule=freeze):
        new, name, head = fine_tune(model, num_classes)
        parent = new.get_submodule(name.rpartition(".")[0])
        if rule == "head too":
            setattr(parent, name.rpartition(".")[2], head)
        if freeze and rule != "nothing" or rule == "whatever is asked":
            for parameter in new.parameters():
                parameter.requires_grad_(False)
        if rule != "head too":
            setattr(parent, name.rpartition(".")[2], head)
        if freeze and rule == "head only":
            new.requires_grad_(True)
            head.requires_grad_(False)
        if freeze and rule == "weights only":
            head.bias.requires_grad_(False)
        if not freeze and thaw == "all":
            new.requires_grad_(True)
        return new
    return answer


def _in_place(model, num_classes, freeze=True):
    return _tune(copied=lambda model: model)(model, num_classes, freeze)


def _shallow(model, num_classes, freeze=True):
    def shallow(model):
        new = copy.copy(model)
        new._modules = dict(model._modules)
        return new
    return _tune(copied=shallow)(model, num_classes, freeze)


def _no_grad_flags(model, num_classes, freeze=True):
    new = _tune()(model, num_classes, freeze)
    for parameter in model.parameters():
        parameter.requires_grad_(not freeze)
    return new


def _back_to_train(model, num_classes, freeze=True):
    return _tune()(model, num_classes, freeze).train()


def _into_eval(model, num_classes, freeze=True):
    return _tune()(model, num_classes, freeze).eval()


@torch.no_grad()
def _everything_fresh(model, num_classes, freeze=True):
    new = _tune()(model, num_classes, freeze)
    for module in new.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return new


def _zeroed(head):
    nn.init.zeros_(head.weight)


def _same_seed(model, num_classes, freeze=True):
    torch.manual_seed(0)
    return _tune()(model, num_classes, freeze)


def _extra(model, num_classes, freeze=True):
    """A head on top of the old one."""
    new = copy.deepcopy(model).requires_grad_(not freeze)
    return nn.Sequential(new, nn.Linear(4, num_classes))


_TunePart = partial(Part, shows=lambda case: (
    f"fine_tune(model, {case['num_classes']}), where the model's head is `{HEADS[case['kind']]}`, with 4 outputs"))

fine_tune = Check(
    "fine_tune", "fine_tune(model, num_classes, freeze)", _tune(),
    [_TunePart("head", 0.3, "the last linear layer, wherever it sits, has the new number of outputs; all else stays",
               hires(("top", 7, {}), ("nested", 2, {}), ("bare", 5, {})), new_head),
     _TunePart("frozen", 0.2, "only the head requires a gradient", hires(("top", 7, {}), ("nested", 2, {})), flags),
     _TunePart("original", 0.2, "the model that was handed in is left as it was, and shares nothing",
               hires(("top", 7, {}), ("nested", 2, {})), original),
     _TunePart("not frozen", 0.1, "with freeze=False the flags stay as they were found",
               hires(("top", 7, {})), flags_left),
     _TunePart("fresh", 0.1, "the head is new, also where the number of classes is the old one",
               hires(("top", 4, {}), ("nested", 4, {})), freshness),
     _TunePart("kept", 0.1, "mode and dtype are those of the model",
               hires(("top", 3, {"double": True, "training": False}),
                     ("nested", 3, {"double": False, "training": True}),
                     ("top", 3, {"double": True, "training": True})), kept)],
    [Mistake("tune-in-place", "The model that was handed in was changed. Whoever trained it may still need it: work on "
             "a deep copy.", [_in_place]),
     Mistake("tune-shallow", "The copy is shallow: its layers are the original's, and freezing or training the one "
             "changes the other. `copy.deepcopy` copies layers too.",
             [_shallow, _tune(copied=copy.copy)]),
     Mistake("tune-no-bias", "The new head has no bias. It has one whatever the old head had.",
             [_tune(bias=lambda old: False), _tune(bias=lambda old: old.bias is not None)]),
     Mistake("tune-not-replaced", "As many logits as before come out: the old head still does the work. A layer is "
             "replaced in the part that holds it: neither another attribute of the model (also one whose *name* has a "
             "dot in it) nor a new `out_features` does that.",
             shows=lambda finding, seen, case: finding.path == ("logits' shape",) and finding.got == "(3, 4)"),
     Mistake("tune-original-frozen", "It is the original's parameters that were frozen.", [_no_grad_flags]),
     Mistake("tune-first-linear", "The sizes no longer fit: is it the *last* linear layer that was replaced, and does "
             "the new one take as many inputs as the old?",
             shows=raises("mat1 and mat2 shapes cannot", "at non-singleton dimension")),
     Mistake("tune-nothing-frozen", "Nothing is frozen: with freeze=True only the head may require a gradient.",
             _tune(freeze="nothing")),
     Mistake("tune-all-frozen", "Everything is frozen, the head too. Freeze first, then put the new head in; or let "
             "the head's parameters require gradients again.", _tune(freeze="head too")),
     Mistake("tune-inverted", "The head is frozen and the rest is not. The rest keeps what it knows; the head learns.",
             _tune(freeze="head only")),
     Mistake("tune-bias-frozen", "The head's bias is frozen too. It belongs to the head.",
             _tune(freeze="weights only")),
     Mistake("tune-freeze-ignored", "It freezes also with freeze=False.", _tune(freeze="whatever is asked")),
     Mistake("tune-thawed", "With freeze=False, parameters that were frozen before require gradients now. Leave the "
             "flags as they are.", _tune(thaw="all")),
     Mistake("tune-head-kept", "Where the number of classes is the same the old head was kept. Other classes may be "
             "meant by as many logits: always make a new one.", [_tune(same_kept=True)]),
     Mistake("tune-zero-head", "The new head's weights are all 0, or the same each time. A freshly made linear layer "
             "brings random ones.", [_tune(fresh=_zeroed), _same_seed]),
     Mistake("tune-everything-fresh", "The pretrained weights are gone: the whole network was initialised anew. Only "
             "the head is new.", _everything_fresh),
     Mistake("tune-dtype", "The new head is float32 whatever the model is. Make it like the old one: `dtype` and "
             "`device` of its weight.", [_tune(like=False)]),
     Mistake("tune-train-mode", "The model came in eval mode and is given back in training mode, in whole or in part. "
             "A new layer is in training mode: set it to the old one's.",
             [_back_to_train, lambda m, n, freeze=True: _mode_of_head(m, n, freeze)]),
     Mistake("tune-eval-mode", "The model came in training mode and is given back in eval mode.", _into_eval),
     Mistake("tune-on-top", "A linear layer stands on top of the old head. The old head is to be replaced.", _extra),
     Mistake("tune-children", "The head may sit inside a part of the network: look through `named_modules()`, which "
             "goes into the depths, not only through the top level.",
             shows=raises("list index out of range", "has no attribute 'in_features'", kind=None)),
     Mistake("tune-name", "The head has a name of its own in each network. Find it by what it is, an `nn.Linear`, not "
             "by what it is called.", shows=raises("has no attribute 'fc'", "has no attribute 'head'",
                                             "has no attribute 'classifier'", "item assignment",
                                             "not subscriptable"))])


def _mode_of_head(model, num_classes, freeze=True):
    new = _tune()(model, num_classes, freeze)
    [m for m in new.modules() if isinstance(m, nn.Linear)][-1].train()
    return new
