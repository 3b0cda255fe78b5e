"""The checks of SGD and RMSprop: one memory for each tensor."""

from functools import partial

import torch

from ..core import Check, Mistake, Part
from .machine import OPTIM, SINGLE, asked, common_mistakes, common_parts, optimizer, runs, steps, with_zeros

# ----------------------------------------------------------------------------------------------------- SGD

def _sgd(p, g, s, o, decayed=lambda g, p, wd: g + wd * p, velocity=lambda v, g, mu: mu * v + g,
         nesterov=lambda g, v, mu: g + mu * v, taken=lambda d, p, o: o.lr * d):
    g = decayed(g, p, o.weight_decay)
    if not o.momentum:
        return taken(g, p, o)
    s["old"] = s.get("v", torch.zeros_like(p))
    s["v"] = velocity(s["old"], g, o.momentum)
    return taken(nesterov(g, s["v"], o.momentum) if o.nesterov else s["v"], p, o)


SGD_DEFAULTS = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}


def _sgd_of(rule=_sgd, **slips):
    return optimizer(rule, SGD_DEFAULTS, **slips)


def _sgd_slip(**parts):
    return _sgd_of(partial(_sgd, **parts))


def _sgd_one_step_late(p, g, s, o):
    taken = _sgd(p, g, s, o)
    return o.lr * s["old"] if o.momentum and not o.nesterov else taken


def _sgd_decays_after(p, g, s, o):
    taken = _sgd(p, g, s, o, decayed=lambda g, p, wd: g)
    return taken + o.lr * o.weight_decay * (p - taken)


SGD = Check(
    "SGD", "SGD(params, lr, …)", _sgd_of(),
    [Part("steps", 0.25, "without momentum each tensor moves by −lr times its gradient",
          runs, steps, SINGLE, asked("SGD")),
     Part("momentum", 0.2, "a velocity for each tensor: v ← μv + g, and the tensor moves by −lr·v",
          lambda g: runs(g, {"momentum": 0.5}, {"momentum": 0.9}), steps, SINGLE, asked("SGD")),
     Part("nesterov", 0.1, "with nesterov it moves by −lr·(g + μv)",
          lambda g: runs(g, momentum=0.9, nesterov=True), steps, SINGLE, asked("SGD")),
     Part("weight decay", 0.15, "weight_decay times the tensor is added to its gradient, before momentum",
          lambda g: runs(g, {"weight_decay": 0.2}, {"momentum": 0.8, "weight_decay": 0.1},
                         {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}), steps, SINGLE, asked("SGD")),
     *common_parts("SGD", (0.1, 0.05, 0.1), rounding=SINGLE, momentum=0.9, weight_decay=0.1)],
    [Mistake("sgd-dampened", "The velocity is an average, μv + (1 − μ)g. PyTorch's is a sum, μv + g: with μ = 0.9 its "
             "steps grow ten times as long.", _sgd_slip(velocity=lambda v, g, mu: mu * v + (1 - mu) * g)),
     Mistake("sgd-no-momentum", "`momentum` is not used: each step knows only the present gradient.",
             _sgd_slip(velocity=lambda v, g, mu: g, nesterov=lambda g, v, mu: g)),
     Mistake("sgd-velocity-forgets", "The velocity is forgotten between steps: it only ever knows the present "
             "gradient. `v = …` gives a new tensor the name v; change the stored one in place, or store the new one.",
             [_sgd_slip(velocity=lambda v, g, mu, factor=factor: factor(mu) * g)
              for factor in (lambda mu: mu, lambda mu: 1 + mu, lambda mu: 1)]),
     Mistake("sgd-velocity-grows", "The old velocity is kept whole, v + g or v + μg: without the factor μ in front of "
             "it nothing ever fades.", [_sgd_slip(velocity=lambda v, g, mu: v + mu * g),
                                        _sgd_slip(velocity=lambda v, g, mu: v + g)]),
     Mistake("sgd-one-step-late", "The tensor moves by the velocity of the step before. Update v first, then use it.",
             _sgd_of(_sgd_one_step_late)),
     Mistake("sgd-no-nesterov", "With nesterov it comes out as plain momentum. Either `nesterov` is not used, or the "
             "v in g + μv is the velocity of the step before: it is the one just updated.",
             _sgd_slip(nesterov=lambda g, v, mu: v)),
     Mistake("sgd-nesterov-no-gradient", "With nesterov it moves by −lr·μv; the gradient itself is missing from "
             "g + μv.", _sgd_slip(nesterov=lambda g, v, mu: mu * v)),
     Mistake("sgd-nesterov-swapped", "Gradient and velocity are exchanged: with nesterov it moves by −lr·(g + μv), "
             "not −lr·(v + μg).", _sgd_slip(nesterov=lambda g, v, mu: v + mu * g)),
     Mistake("sgd-nesterov-whole", "The velocity is added without its factor μ.",
             _sgd_slip(nesterov=lambda g, v, mu: g + v)),
     Mistake("sgd-no-decay", "`weight_decay` is not used.", _sgd_slip(decayed=lambda g, p, wd: g)),
     Mistake("sgd-decay-sign", "The decay has the wrong sign: it makes weights grow.",
             _sgd_slip(decayed=lambda g, p, wd: g - wd * p)),
     Mistake("sgd-decay-double", "The decay is twice as strong as asked: g + 2λp belongs to a penalty λ‖p‖², and "
             "PyTorch's is ½λ‖p‖².", _sgd_slip(decayed=lambda g, p, wd: g + 2 * wd * p)),
     Mistake("sgd-decay-outside", "The decay is right on its own but bypasses the momentum: it is taken off the "
             "tensor directly. In PyTorch's SGD it is added to the gradient before the velocity is updated.",
             _sgd_slip(decayed=lambda g, p, wd: g, taken=lambda d, p, o: o.lr * (d + o.weight_decay * p))),
     Mistake("sgd-decay-after", "The tensor decays after the step, so part of the step decays with it. λp is added to "
             "the gradient, with the tensor as it was before the step.", _sgd_of(_sgd_decays_after)),
     Mistake("sgd-none-fades", "A parameter without a gradient stands still, but its velocity fades. Leave its "
             "velocity alone too.", _sgd_of(none="fades")),
     Mistake("sgd-decay-no-lr", "The decay shrinks the tensor by λp, without the learning rate.",
             [_sgd_slip(decayed=lambda g, p, wd: g, taken=lambda d, p, o: o.lr * d + o.weight_decay * p)]),
     Mistake("sgd-decay-matrices-only", "Vectors and numbers do not decay. Which tensors should is up to the caller, "
             "who passes groups: the optimizer decays every tensor that has a gradient.",
             _sgd_slip(decayed=lambda g, p, wd: g + wd * p if p.dim() > 1 else g)),
     Mistake("sgd-norm-decay", "λ‖p‖ was added to the gradient; the gradient of ½λ‖p‖² is λp.",
             _sgd_slip(decayed=lambda g, p, wd: g + wd * p.norm())),
     *common_mistakes(_sgd_of, _sgd)],
    OPTIM, "Tensor arithmetic is enough; `torch.no_grad` is allowed.")

# ------------------------------------------------------------------------------------------------- RMSprop


def _rmsprop(p, g, s, o, square=lambda v, g, a: a * v + (1 - a) * g * g,
             quotient=lambda g, v, eps: g / (v.sqrt() + eps)):
    s["old"] = s.get("v", torch.zeros_like(p))
    s["v"] = square(s["old"], g, o.alpha)
    return o.lr * quotient(g, s["v"], o.eps)


def _rmsprop_of(rule=_rmsprop, **slips):
    return optimizer(rule, {"alpha": 0.99, "eps": 1e-8}, **slips)


def _rmsprop_slip(**parts):
    return _rmsprop_of(partial(_rmsprop, **parts))


def _rmsprop_late(p, g, s, o):
    _rmsprop(p, g, s, o)
    return o.lr * g / (s["old"].sqrt() + o.eps)


def _rmsprop_corrected(p, g, s, o):
    _rmsprop(p, g, s, o)
    return o.lr * g / ((s["v"] / (1 - o.alpha ** s["t"])).sqrt() + o.eps)


def _rmsprop_from_ones(p, g, s, o):
    s.setdefault("v", torch.ones_like(p))
    return _rmsprop(p, g, s, o)


def _rmsprop_first_square(p, g, s, o):
    s.setdefault("v", g * g)
    return _rmsprop(p, g, s, o)


def _without_eps(g, v, eps):
    return g / v.sqrt()


RMSprop = Check(
    "RMSprop", "RMSprop(params, lr, …)", _rmsprop_of(),
    [Part("steps", 0.35, "v ← αv + (1 − α)g², and the tensor moves by −lr·g/(√v + ε), α = 0.99 unless told otherwise",
          lambda g: runs(g, eps=1e-12), steps, SINGLE, asked("RMSprop")),
     Part("alpha and eps", 0.2, "alpha and eps are used, each in its place",
          lambda g: runs(g, {"alpha": 0.8}, {"alpha": 0.9, "eps": 0.1}), steps, SINGLE, asked("RMSprop")),
     Part("zero gradients", 0.1, "an entry whose gradient is 0 stays where it is", with_zeros, steps,
          SINGLE, lambda case: "RMSprop(params, lr=0.05), where some gradients are exactly 0 at first"),
     *common_parts("RMSprop", (0.15, 0.05, 0.1), rounding=SINGLE, alpha=0.9)],
    [Mistake("rmsprop-eps-inside", "ε stands under the root, √(v + ε). PyTorch's stands outside, √v + ε.",
             _rmsprop_slip(quotient=lambda g, v, eps: g / (v + eps).sqrt())),
     Mistake("rmsprop-no-root", "The gradient is divided by v, a mean square. Its root has the gradient's own unit.",
             _rmsprop_slip(quotient=lambda g, v, eps: g / (v + eps))),
     Mistake("rmsprop-alpha-swapped", "α and 1 − α are exchanged: with α = 0.99 the old average should count for 99 %, "
             "the new square for 1 %.", _rmsprop_slip(square=lambda v, g, a: (1 - a) * v + a * g * g)),
     Mistake("rmsprop-adagrad", "The squares are added up, v + g². That is AdaGrad, whose learning rates only "
             "ever fall; RMSprop forgets old squares.", _rmsprop_slip(square=lambda v, g, a: v + g * g)),
     Mistake("rmsprop-no-fresh-factor", "The new square enters whole, αv + g². For an average it needs the factor "
             "1 − α.", _rmsprop_slip(square=lambda v, g, a: a * v + g * g)),
     Mistake("rmsprop-not-squared", "The average is of gradients (or their absolute values), not of their squares.",
             [_rmsprop_slip(square=lambda v, g, a: a * v + (1 - a) * g),
              _rmsprop_slip(square=lambda v, g, a: a * v + (1 - a) * g.abs())]),
     Mistake("rmsprop-no-memory", "Only the present gradient is squared: every step is equally long in each "
             "direction, whatever the slope. v has to be remembered.", [_rmsprop_slip(square=lambda v, g, a: g * g),
                                         _rmsprop_slip(square=lambda v, g, a: (1 - a) * g * g)]),
     Mistake("rmsprop-late", "The gradient is divided by the average of the step before: at the first step that is 0, "
             "and the step is huge. Update v first.", _rmsprop_of(_rmsprop_late)),
     Mistake("rmsprop-corrected", "v is corrected for its start at 0. Adam does that; RMSprop takes v as it is.",
             _rmsprop_of(_rmsprop_corrected)),
     Mistake("rmsprop-from-ones", "v starts at 1; it should start at 0.", _rmsprop_of(_rmsprop_from_ones)),
     Mistake("rmsprop-from-first-square", "v starts as the first squared gradient; it should start at 0.",
             _rmsprop_of(_rmsprop_first_square)),
     Mistake("rmsprop-one-number", "v is one number for a whole tensor. Each entry has its own.",
             [_rmsprop_slip(square=lambda v, g, a: a * v + (1 - a) * (g * g).mean()),
              _rmsprop_slip(square=lambda v, g, a: a * v + (1 - a) * (g * g).sum())]),
     Mistake("rmsprop-no-eps", "`eps` is not added to √v. Where the gradient has always been 0, 0/√0 is nan.",
             _rmsprop_slip(quotient=lambda g, v, eps: g / v.sqrt())),
     Mistake("rmsprop-eps-last", "ε is added after the division. It belongs to the denominator, √v + ε: mind the "
             "brackets.", [_rmsprop_of(lambda p, g, s, o: o.eps + _rmsprop(p, g, s, o, quotient=_without_eps)),
                           _rmsprop_slip(quotient=lambda g, v, eps: g / v.sqrt() + eps)]),
     Mistake("rmsprop-eps-fixed", "`eps` is not used, or fixed at 10⁻⁸.",
             _rmsprop_slip(quotient=lambda g, v, eps: g / (v.sqrt() + 1e-8))),
     Mistake("rmsprop-alpha-fixed", "`alpha` is not used: it is 0.99, or 0.9, whatever was asked for.",
             [_rmsprop_slip(square=lambda v, g, a: 0.99 * v + 0.01 * g * g),
              _rmsprop_slip(square=lambda v, g, a: 0.9 * v + 0.1 * g * g)]),
     Mistake("rmsprop-multiplied", "The gradient is multiplied by √v; it should be divided.",
             _rmsprop_slip(quotient=lambda g, v, eps: g * (v.sqrt() + eps))),
     *common_mistakes(_rmsprop_of, _rmsprop)],
    OPTIM, "Tensor arithmetic is enough; `torch.no_grad` is allowed.")
