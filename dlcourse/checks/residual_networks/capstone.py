"""The check of the capstone: a network of a hundred layers, trained here and judged by digits that it never saw.

It is trained once, beside the learner's code; what crosses to the judge are its logits on the held-out digits and the
number of layers that they went through. The judge trains nothing: it knows the labels, and its reference is a name.
"""

import copy

import torch
from torch import nn

from ..asking import drawn_seed, raises
from ..comparing import Finding, kind_of
from ..core import Check, Mistake, Part

ENOUGH, LAYERS, HELD_OUT = 0.95, 100, 360


def school(g):
    """One case: which digits are held out, and the state of the generator."""
    return [{"seed": drawn_seed(g) % 1000}]


def _digits(seed):
    from ...data import digits
    x, y, x_new, y_new = digits(HELD_OUT, seed)
    return x.view(-1, 1, 8, 8), y, x_new.view(-1, 1, 8, 8), y_new


def weighted_layers(model, x) -> int:
    """How many convolutions and linear layers a forward pass goes through, each counted once.

    Of several convolutions that read the same tensor a 1×1 one is a shortcut, unless all of them are 1×1: then one
    of them counts.
    """
    reached, readers = {}, {}

    def note(layer, given, output):
        reached[id(layer)] = layer
        if isinstance(layer, nn.Conv2d):
            readers.setdefault(id(given[0]), [given[0]]).append(layer)

    layers = [module for module in model.modules() if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    shortcuts = set()
    for _, *group in readers.values():
        small = [layer for layer in group if tuple(layer.kernel_size) == (1, 1)]
        if len(group) > 1:
            shortcuts |= {id(layer) for layer in (small if len(small) < len(group) else small[1:])}
    return len(reached) - len(shortcuts)


def _observed(answer, seed):
    x, y, x_new, _ = _digits(seed)
    model = answer(x.clone(), y.clone(), torch.Generator().manual_seed(seed))
    if not isinstance(model, nn.Module):
        return {"returned": model if model is None else kind_of(model)}
    mode = model.training
    as_trained = _share(copy.deepcopy(model).train(), x, y) if any(True for _ in model.parameters()) else 0.0
    model.eval()
    with torch.no_grad():
        return {"returned": "a module", "training": mode, "weighted layers": weighted_layers(model, x_new[:4]),
                "logits": model(x_new), "accuracy on the training digits": _share(model, x, y),
                "in training mode": as_trained}


@torch.no_grad()
def _share(model, x, y):
    return (model(x).argmax(1) == y).double().mean().item()


class _AtHome(dict):
    """A dict that is empty elsewhere: what is in it is not for the process in which an answer is asked."""

    def __reduce__(self):
        return dict, ()


_last = _AtHome()  # what the last training gave, so that one training serves all parts of one check


def _trained(answer, seed, anew=False):
    """What `_observed` gave, or the error that it raised; trained anew for the first part only."""
    if anew or _last.get("of") is not answer or _last.get("seed") != seed:
        _last.clear()
        _last.update(of=answer, seed=seed)
        try:
            _last["seen"] = _observed(answer, seed)
        except Exception as error:  # the other parts are told the same, without another training
            _last["raised"] = error
    if "raised" in _last:
        raise _last["raised"]
    return _last["seen"]


def trained(answer, seed):
    """Train, and look at what came of it."""
    return _quick(answer) or _trained(answer, seed, anew=True)


def trained_already(answer, seed):
    """Look again."""
    return _quick(answer) or _trained(answer, seed)


def _quick(answer):
    return {"returned": "nothing is trained here"} if answer is REFERENCE else None


def REFERENCE(x, y, generator):
    """Stands for a right answer: the judge trains nothing."""


def _module(seen):
    """None where a module came back that gives logits; else what to say."""
    seen = seen if isinstance(seen, dict) else {}
    if seen.get("returned") != "a module":
        got = seen.get("returned")
        return Finding(("result",), "none" if got is None else "type", kind_of(None) if got is None else str(got),
                       "nn.Module")
    logits = seen.get("logits")
    if not isinstance(logits, torch.Tensor) or logits.shape != (HELD_OUT, 10):
        got = f"shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else kind_of(logits)
        return Finding(("logits",), "shape", got, f"shape {(HELD_OUT, 10)}")
    return None


def deep(case, seen, expected):
    """A module, logits, and at least a hundred layers with weights."""
    if finding := _module(seen):
        return finding
    count = seen.get("weighted layers")
    if not isinstance(count, int) or count < LAYERS:
        return Finding(("layers with weights",), "value", count, f"at least {LAYERS}")
    return None


def accurate(case, seen, expected):
    """Right on 95 % of the digits never seen."""
    if finding := _module(seen):
        return finding
    labels = _digits(case["seed"])[3]
    share = (seen["logits"].double().argmax(1) == labels).double().mean().item()
    if not seen["logits"].isfinite().all():
        return Finding(("logits",), "value", "nan or infinity", "numbers")
    return None if share >= ENOUGH else Finding(("accuracy on digits never seen",), "value", share,
                                                f"at least {ENOUGH}")


def in_eval(case, seen, expected):
    """Given back in eval mode."""
    if finding := _module(seen):
        return finding
    return Finding(("model.training",), "value", True, False) if seen.get("training") is not False else None


def _low(test):
    """A mistake's `shows`: the accuracy is too low, and test(held out, training digits, the same in training mode)."""
    def shows(finding, seen, case):
        seen = seen.get("seen") or {}
        return finding.path == ("accuracy on digits never seen",) and test(
            finding.got, seen.get("accuracy on the training digits", 0.0), seen.get("in training mode", 0.0))
    return shows


def _few(test):
    return lambda finding, seen, case: finding.path == ("layers with weights",) and isinstance(
        finding.got, int) and test(finding.got)


_asked = lambda case: f"train_hundred_layers(x, y, generator) on {1797 - HELD_OUT} digits"


class _OneTraining(Check):
    """A check all of whose parts are asked of one and the same case, so that one training serves them."""

    def questions(self, seed: int | None = None) -> dict:
        drawn = super().questions(seed)
        return dict.fromkeys(drawn, drawn[self.parts[0].name])


train_hundred_layers = _OneTraining(
    "train_hundred_layers", "train_hundred_layers(x, y, generator)", REFERENCE,
    [Part("depth", 0.3, "a module that gives (N, 10) logits after at least 100 layers with weights", school, trained,
          shows=_asked, agrees=deep),
     Part("digits never seen", 0.6, f"at least {ENOUGH:.0%} of {HELD_OUT} held-out digits are recognised", school,
          trained_already, shows=_asked, agrees=accurate),
     Part("mode", 0.1, "the model comes back in eval mode", school, trained_already, shows=_asked, agrees=in_eval)],
    [Mistake("hundred-98", "98 is the last depth of the form 6n + 2 below 100. The next one is 104.",
             shows=_few(lambda count: count == 98)),
     Mistake("hundred-one-hook", "A forward pass meets next to no convolution or linear layer. What is counted are "
             "nn.Conv2d and nn.Linear modules, each once however often it is used.", shows=_few(lambda n: n < 5)),
     Mistake("hundred-blocks", "That is about half of it: a basic block holds two layers with weights, a bottleneck "
             "three. Or the shortcuts' 1×1 convolutions were counted, which are no layers of the main path.",
             shows=_few(lambda count: 40 < count < 60)),
     Mistake("hundred-shallow", "There are fewer than 100 layers with weights on the way from image to logits: "
             "convolutions and linear layers, without batch norms and the shortcuts' 1×1 convolutions.",
             shows=_few(lambda count: True)),
     Mistake("hundred-statistics", "In training mode it knows its training digits, in eval mode it does not: batch "
             "norm's running statistics lag behind the weights. More steps, a rate that ends near 0, or statistics "
             "collected anew at the end (lesson 7) bring them together.",
             shows=_low(lambda new, old, live: live > old + 0.2)),
     Mistake("hundred-guesses", "It does no better than guessing, on the digits it was trained on as well. A plain "
             "stack of this depth does that, and so does a net that was never trained, or with a rate far from one "
             "that works. Does the loss fall in the first epoch?",
             shows=_low(lambda new, old, live: old < 0.25)),
     Mistake("hundred-overfits", "It knows its training digits and not the new ones: regularise it (weight decay, "
             "augmentation, a smaller net), or let it see more variety.",
             shows=_low(lambda new, old, live: old > 0.985 and new < 0.95)),
     Mistake("hundred-underfits", "It has learned something, but not even its training digits well enough: train it "
             "longer, or with another rate, or start each block as the identity.",
             shows=_low(lambda new, old, live: True)),
     Mistake("hundred-tuple", "More than the model came back. Return the trained model alone.",
             shows=lambda finding, seen, case: finding.kind == "type" and str(finding.got).startswith(
                 ("list", "tuple", "dict"))),
     Mistake("hundred-no-module", "What came back is no `nn.Module`.",
             shows=lambda finding, seen, case: finding.kind == "type"),
     Mistake("hundred-train-mode", "The model is given back in training mode: whoever uses it gets other answers for "
             "other batches. Call `eval()` at the end.",
             shows=lambda finding, seen, case: finding.path == ("model.training",)),
     Mistake("hundred-diverged", "The logits are nan or infinite: training has blown up. Lower the rate, warm up, "
             "or start each block as the identity.",
             shows=lambda finding, seen, case: finding.path == ("logits",) and finding.kind == "value"),
     Mistake("hundred-logits-shape", "The model should give ten logits for each image.",
             shows=lambda finding, seen, case: finding.path == ("logits",) and finding.kind == "shape"),
     Mistake("hundred-input", "The network does not take what it is given: images (N, 1, 8, 8), one channel.",
             shows=raises("to have 3 channels", "mat1 and mat2", "3D (unbatched) or 4D", "expected input"))],
    seconds=20)
