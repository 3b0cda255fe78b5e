"""The attack on a good classifier: one step along the sign of the gradient."""

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import DOUBLE, raises
from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from ..watching import paused


def attacks(*settings):
    """Cases: (epsilon, mode) with images in [0, 1], some pixels 0 or 1, and the weights of a small net."""
    def cases(g):
        found = []
        for epsilon, training in settings:
            x = torch.rand(5, 1, 3, 4, generator=g, dtype=DOUBLE)
            x[:, :, 0, :2], x[:, :, 2, 3] = 0.0, 1.0
            found.append({"x": x, "y": torch.randint(0, 3, (5,), generator=g), "epsilon": epsilon,
                          "training": training, "numbers": torch.randn(8 * 12 + 8 + 16 + 24 + 3, generator=g,
                                                                       dtype=DOUBLE)})
        return found
    return cases


def _victim(numbers, training):
    """A small net with batch norm in float64, its weights from `numbers` (147,)."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        sizes = [parameter.numel() for parameter in net.parameters()]
        for parameter, chunk in zip(net.parameters(), numbers.split(sizes)):
            parameter.copy_(chunk.view_as(parameter))
        net[2].running_mean += 0.5
        net[2].running_var *= 4
    return net.train(training)


def attacked(answer, x, y, epsilon, training, numbers):
    """The images that it gives."""
    given = x.clone()
    output = answer(_victim(numbers, training), given, y, epsilon)
    return {"attacked images": output, UNTOUCHED: given}


def traces(answer, x, y, epsilon, training, numbers):
    """What the attack leaves behind."""
    net, given = _victim(numbers, training), x.clone()
    kept = torch.ones_like(net[1].weight)
    net[1].weight.grad = kept.clone()
    output = answer(net, given, y, epsilon)
    grads = [p.grad for p in net.parameters()]
    return {"a gradient that was there is as before": grads[0] is not None and torch.equal(grads[0], kept),
            "parameters without a gradient have none now": all(one is None for one in grads[1:]),
            "the model's mode is as before": all(m.training == training for m in net.modules()),
            "parameters still require a gradient": all(p.requires_grad for p in net.parameters()),
            "x requires a gradient": given.requires_grad, "x has a gradient": given.grad is not None,
            "the result carries a graph": getattr(output, "requires_grad", False)}


def _fgsm(model, x, y, epsilon, step=lambda g: g.sign(), clip=lambda new, x: new.clamp(0, 1), way=1, target=None,
          scale=None, loss_fn=F.cross_entropy):
    """The reference; mistakes are other settings."""
    moved = x.detach().clone().requires_grad_()
    with paused():
        logits = model(moved)
        loss = loss_fn(logits, target(logits, y) if target else y)
        found, = torch.autograd.grad(loss, moved)
    return clip(x + way * (scale or epsilon) * step(found), x).detach()


def _attack(**settings):
    """An fgsm with other settings."""
    return lambda model, x, y, epsilon: _fgsm(model, x, y, epsilon, **settings)


def _in_eval(model, x, y, epsilon):
    before = model.training
    model.eval()
    result = _fgsm(model, x, y, epsilon)
    model.train(before)
    return result


def _left_in_eval(model, x, y, epsilon):
    return _fgsm(model.eval(), x, y, epsilon)


def _in_train(model, x, y, epsilon):
    before = model.training
    result = _fgsm(model.train(), x, y, epsilon)
    model.train(before)
    return result


def _left_in_train(model, x, y, epsilon):
    return _fgsm(model.train(), x, y, epsilon)


def _by_chance(finding, seen, case) -> bool:
    """Every pixel moved by epsilon or to the edge, and about half of them the wrong way."""
    got = seen.get("seen", {}).get("attacked images") if isinstance(seen.get("seen"), dict) else None
    x = case["x"]
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        return False
    ups, downs = (x + case["epsilon"]).clamp(0, 1), (x - case["epsilon"]).clamp(0, 1)
    moved = torch.minimum((got - ups).abs(), (got - downs).abs()).max() < 1e-6
    right = (got - _fgsm(_victim(case["numbers"], case["training"]), x, case["y"], case["epsilon"])).abs() < 1e-6
    inside = (x + case["epsilon"] < 1) & (x - case["epsilon"] > 0)
    return bool(moved) and 0.25 < right[inside].double().mean().item() < 0.75


def _backward(model, x, y, epsilon):
    moved = x.clone().requires_grad_()
    with paused():
        F.cross_entropy(model(moved), y).backward()
    return (x + epsilon * moved.grad.sign()).clamp(0, 1)


def _cleared(model, x, y, epsilon):
    model.zero_grad()
    result = _backward(model, x, y, epsilon)
    model.zero_grad()
    return result


def _marks_x(model, x, y, epsilon):
    x.requires_grad_()
    with paused():
        found, = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + epsilon * found.sign()).clamp(0, 1).detach()


def _marks_x_backward(model, x, y, epsilon):
    x.requires_grad_()
    with paused():
        F.cross_entropy(model(x), y).backward()
    return (x + epsilon * x.grad.sign()).clamp(0, 1).detach()


def _keeps_graph(model, x, y, epsilon):
    moved = x.clone().requires_grad_()
    with paused():
        found, = torch.autograd.grad(F.cross_entropy(model(moved), y), moved)
    return (moved + epsilon * found.sign()).clamp(0, 1)


def _traced(*names, but=()):
    """A mistake's `shows`: these traces were left and those in `but` were not."""
    wrong = {"x requires a gradient": True, "x has a gradient": True, "the result carries a graph": True}
    bad = lambda seen, name: seen.get("seen", {}).get(name) is wrong.get(name, False)
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and all(
        bad(seen, name) for name in names) and not any(bad(seen, name) for name in but)


KEPT, NONE = "a gradient that was there is as before", "parameters without a gradient have none now"

fgsm = Check(
    "fgsm", "fgsm(model, x, y, epsilon)", _fgsm,
    [Part("values", 0.5, "every pixel moves by epsilon, the way the loss grows", attacks((0.1, False), (0.25, False)),
          attacked),
     Part("mode", 0.15, "the gradient is that of the mode the model is in", attacks((0.1, True)), attacked),
     Part("no traces", 0.35, "the model's gradients and mode, and x, are as before; the result has no graph",
          attacks((0.1, False), (0.1, True)), traces)],
    [Mistake("fgsm-descends", "This goes down the loss: it helps the model. The attack goes up.", _attack(way=-1)),
     Mistake("fgsm-no-sign", "The gradient itself is added. Its sign should be: every pixel moves by the same amount.",
             _attack(step=lambda g: g)),
     Mistake("fgsm-normalised", "The gradient is divided by its length. Its sign should be taken, pixel by pixel.",
             [_attack(step=lambda g: g / g.norm()), _attack(step=lambda g: g / g.abs().max()),
              _attack(step=lambda g: g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1))]),
     Mistake("fgsm-unclipped", "Pixels leave [0, 1]: no image looks like that. Clamp the result.",
             _attack(clip=lambda new, x: new)),
     Mistake("fgsm-half-clipped", "Only one end is clamped: pixels leave [0, 1] on the other.",
             [_attack(clip=lambda new, x: new.clamp(min=0)), _attack(clip=lambda new, x: new.clamp(max=1))]),
     Mistake("fgsm-clips-the-step", "The step is clamped to [0, 1], and not what comes out: pixels can only grow "
             "that way. Clamp the image.", [lambda model, x, y, epsilon: x + (_fgsm(
                 model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(0, 1),
                 lambda model, x, y, epsilon: (x + (_fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(
                     0, 1)).clamp(0, 1)]),
     Mistake("fgsm-only-the-step", "It gives back the step, without the image it belongs to.",
             [lambda model, x, y, epsilon: _fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x,
              lambda model, x, y, epsilon: (_fgsm(model, x, y, epsilon, clip=lambda new, x: new) - x).clamp(0, 1)]),
     Mistake("fgsm-epsilon-ignored", "The step is 1, or another fixed size: `epsilon` is not used.",
             [_attack(scale=1.0), _attack(scale=0.1)]),
     Mistake("fgsm-predicted-class", "The loss is taken with the class that the model predicts. y has the right ones.",
             _attack(target=lambda logits, y: logits.argmax(1))),
     Mistake("fgsm-nll-on-logits", "`nll_loss` wants log-probabilities, and got logits: the other classes' logits have "
             "no part in it.", _attack(loss_fn=F.nll_loss)),
     Mistake("fgsm-softmax-twice", "`cross_entropy` got probabilities, and goes through the softmax again. It wants "
             "logits.", _attack(loss_fn=lambda logits, y: F.cross_entropy(logits.softmax(1), y))),
     Mistake("fgsm-not-changed", "The images came back unchanged: no gradient of the loss reached them.",
             lambda model, x, y, epsilon: x * 1),
     Mistake("fgsm-forces-eval", "It puts the model into eval mode for the gradient. The attack is on the model as it "
             "is: whoever calls decides about its mode.", _in_eval),
     Mistake("fgsm-left-in-eval", "The model was in training mode and is in eval mode now. Leave its mode alone.",
             _left_in_eval),
     Mistake("fgsm-forces-train", "It puts the model into training mode: batch norm takes this batch's statistics "
             "then, and moves its own. The attack is on the model as it is.", [_in_train, _left_in_train]),
     Mistake("fgsm-grads-left", "The model's parameters have gradients that they did not have, or more than before: "
             "`backward` fills every leaf's `.grad`. `torch.autograd.grad(loss, x)` gives x's alone.",
             shows=_traced(KEPT, NONE)),
     Mistake("fgsm-grads-cleared", "The model's gradients are gone: clearing them also clears those that were there "
             "before. `torch.autograd.grad(loss, x)` touches none of them.", shows=_traced(KEPT, but=(NONE,))),
     Mistake("fgsm-grads-frozen", "The parameters no longer require a gradient: the model could not be trained on.",
             shows=_traced("parameters still require a gradient")),
     Mistake("fgsm-marks-x", "The x that was handed in now requires a gradient, or has one. Work on a copy: "
             "`x.detach().clone()`.", [_marks_x, _marks_x_backward]),
     Mistake("fgsm-marks-x", "The x that was handed in now requires a gradient, or has one. Work on a copy: "
             "`x.detach().clone()`.", shows=_traced("x requires a gradient")),
     Mistake("fgsm-graph", "The result still carries the graph that it was computed with. Detach it.", _keeps_graph),
     Mistake("fgsm-tuple", "`torch.autograd.grad` gives a tuple: one gradient for each tensor that it was asked for. "
             "Take the one that is in it.", shows=raises("'tuple' object", "not tuple", "and 'tuple'")),
     Mistake("fgsm-x-needs-grad", "There is no gradient with respect to x: either it does not require one, or the loss "
             "was computed under `torch.no_grad()`. Make a copy of x that requires it, with gradients on.",
             shows=raises("does not require grad", "not have been used", "grad can be implicitly")),
     Mistake("fgsm-by-chance", "Every pixel moves by epsilon, but about half of them not the way the loss grows. Do "
             "the signs come from the gradient of the loss with respect to x?", shows=_by_chance)])
