"""The checks of Adam and AdamW: two memories for each tensor, and a count of steps."""

from functools import partial

import torch

from ..core import Check, Mistake, Part
from .machine import (OPTIM, SINGLE, asked, common_mistakes, common_parts, either_count, optimizer, raised, runs,
                      steps, with_zeros)

# ---------------------------------------------------------------------------------------------------- Adam


def _corrected(m, v, b1, b2, t):
    return m / (1 - b1 ** t), v / (1 - b2 ** t)


def _adam(p, g, s, o, first=lambda m, g, b1: b1 * m + (1 - b1) * g, second=lambda v, g, b2: b2 * v + (1 - b2) * g * g,
          hats=_corrected, quotient=lambda m, v, eps: m / (v.sqrt() + eps), betas=lambda b1, b2: (b1, b2)):
    b1, b2 = betas(*o.betas)
    s["m"] = first(s.get("m", torch.zeros_like(p)), g, b1)
    s["v"] = second(s.get("v", torch.zeros_like(p)), g, b2)
    m, v = hats(s["m"], s["v"], b1, b2, s["t"])
    return o.lr * quotient(m, v, o.eps)


ADAM_DEFAULTS = {"betas": (0.9, 0.999), "eps": 1e-8}


def _counts(rule, defaults, count=("own", "global"), **slips):
    """The same optimizer twice: a step count for each tensor, and one for all."""
    return [optimizer(rule, defaults, count=way, **slips) for way in count]


def _adam_of(rule=_adam, **slips):
    return _counts(rule, ADAM_DEFAULTS, **slips)


def _adam_slip(**parts):
    return _adam_of(partial(_adam, **parts))


def _one_number(mean):
    return lambda v, g, b2: b2 * v + (1 - b2) * getattr(g * g, mean)()


def adam_slips(slip, defaults, rule, prefix):
    """What goes wrong in Adam, and in AdamW too."""
    twice = lambda slipped: _counts(slipped, defaults)
    count_first = ("At the first step the count is still 0, and 1 − β⁰ is 0: the correction divides by it. Count "
                   "first, then correct.")
    return [
        Mistake(f"{prefix}-no-correction", "m and v start at 0 and are not corrected for it: the first steps come out "
                "wrong, with the usual betas about three times too long.",
                slip(hats=lambda m, v, b1, b2, t: (m, v))),
        Mistake(f"{prefix}-only-first-corrected", "Only the first moment is corrected for its start at 0; v needs it "
                "even more.", slip(hats=lambda m, v, b1, b2, t: (m / (1 - b1 ** t), v))),
        Mistake(f"{prefix}-only-second-corrected", "Only the second moment is corrected for its start at 0: the first "
                "steps are too short.", slip(hats=lambda m, v, b1, b2, t: (m, v / (1 - b2 ** t)))),
        Mistake(f"{prefix}-betas-swapped", "The betas are exchanged: the first belongs to the mean of the gradients, "
                "the second to the mean of their squares.", slip(betas=lambda b1, b2: (b2, b1))),
        Mistake(f"{prefix}-corrections-swapped", "Each moment is corrected with the other one's beta.",
                slip(hats=lambda m, v, b1, b2, t: (m / (1 - b2 ** t), v / (1 - b1 ** t)))),
        Mistake(f"{prefix}-count-from-zero", count_first, shows=raised("division by zero")),
        Mistake(f"{prefix}-count-from-zero", count_first,
                slip(hats=lambda m, v, b1, b2, t: _corrected(m, v, b1, b2, t - 1))),
        Mistake(f"{prefix}-count-per-tensor", "The step count goes up once for each tensor, so the correction differs "
                "from tensor to tensor and wears off too soon. One call of `step` is one step.",
                optimizer(rule, defaults, count="per tensor")),
        Mistake(f"{prefix}-count-stands", "The step count never goes beyond 1: every step is corrected as if it were "
                "the first.", slip(hats=lambda m, v, b1, b2, t: _corrected(m, v, b1, b2, 1))),
        Mistake(f"{prefix}-correction-product", "The correction uses 1 − βt, a product. It is a power: after t steps "
                "the zero that m started from still weighs β to the power of t.",
                slip(hats=lambda m, v, b1, b2, t: (m / (1 - b1 * t), v / (1 - b2 * t)))),
        Mistake(f"{prefix}-correction-multiplied", "The correction multiplies by 1 − βᵗ, which makes m and v smaller "
                "still. Divide by it.",
                slip(hats=lambda m, v, b1, b2, t: (m * (1 - b1 ** t), v * (1 - b2 ** t)))),
        Mistake(f"{prefix}-eps-inside", "ε stands under the root, √(v̂ + ε). PyTorch's stands outside, √v̂ + ε.",
                slip(quotient=lambda m, v, eps: m / (v + eps).sqrt())),
        Mistake(f"{prefix}-eps-last", "ε is added after the division. It belongs to the denominator, √v̂ + ε: mind the "
                "brackets.", [*twice(_adds_eps_last(rule)), *slip(quotient=lambda m, v, eps: m / v.sqrt() + eps)]),
        Mistake(f"{prefix}-root-first", "The root was taken of v, and then corrected: √v/(1 − βᵗ). Correct v, then "
                "take the root of v̂.",
                slip(hats=lambda m, v, b1, b2, t: (m / (1 - b1 ** t), (v, 1 - b2 ** t)),
                     quotient=lambda m, v, eps: m / (v[0].sqrt() / v[1] + eps))),
        Mistake(f"{prefix}-count-from-two", "At the first step the count is already 2. Start it at 0 and count at the "
                "beginning of a step, or start at 1 and count at its end.",
                slip(hats=lambda m, v, b1, b2, t: _corrected(m, v, b1, b2, t + 1))),
        Mistake(f"{prefix}-one-list", "m and v are one and the same list: `self.m = self.v = […]` gives one list two "
                "names, and each mean overwrites the other.",
                [*twice(_shares_one_list(rule, False)), *twice(_shares_one_list(rule, True))]),
        Mistake(f"{prefix}-eps-uncorrected", "ε is added to √v before the correction. PyTorch adds it to √v̂, after.",
                slip(hats=lambda m, v, b1, b2, t: (m / (1 - b1 ** t), (v, 1 - b2 ** t)),
                     quotient=lambda m, v, eps: m * v[1] ** 0.5 / (v[0].sqrt() + eps))),
        Mistake(f"{prefix}-no-root", "The mean gradient is divided by v̂, a mean square. Its root has the gradient's "
                "own unit.", slip(quotient=lambda m, v, eps: m / (v + eps))),
        Mistake(f"{prefix}-gradient-not-mean", "The numerator is the present gradient. Adam's is the mean m̂, its "
                "momentum.", [*slip(first=lambda m, g, b1: g, hats=lambda m, v, b1, b2, t: (m, v / (1 - b2 ** t))),
                              *slip(first=lambda m, g, b1: g)]),
        Mistake(f"{prefix}-not-squared", "v averages gradients (or their absolute values), not their squares.",
                [*slip(second=lambda v, g, b2: b2 * v + (1 - b2) * g),
                 *slip(second=lambda v, g, b2: b2 * v + (1 - b2) * g.abs())]),
        Mistake(f"{prefix}-no-memory", "m or v is forgotten between steps: it only ever knows the present gradient. "
                "`m = …` gives a new tensor the name m; change the stored one in place, or store the new one.",
                [*slip(first=lambda m, g, b1: (1 - b1) * g, second=lambda v, g, b2: (1 - b2) * g * g),
                 *slip(first=lambda m, g, b1: (1 - b1) * g), *slip(second=lambda v, g, b2: (1 - b2) * g * g)]),
        Mistake(f"{prefix}-square-of-mean", "v averages the squares of m. It should average the squares of the "
                "gradients.", twice(_squares_the_mean(rule))),
        Mistake(f"{prefix}-sums", "The new gradient enters a moment whole, without its factor 1 − β.",
                [*slip(first=lambda m, g, b1: b1 * m + g),
                 *slip(second=lambda v, g, b2: b2 * v + g * g),
                 *slip(first=lambda m, g, b1: b1 * m + g, second=lambda v, g, b2: b2 * v + g * g)]),
        Mistake(f"{prefix}-weights-swapped", "β and 1 − β are exchanged: the old mean should count for β.",
                slip(first=lambda m, g, b1: (1 - b1) * m + b1 * g,
                     second=lambda v, g, b2: (1 - b2) * v + b2 * g * g)),
        Mistake(f"{prefix}-one-number", "v is one number for a whole tensor. Each entry has its own.",
                [*slip(second=_one_number("mean")), *slip(second=_one_number("sum"))]),
        Mistake(f"{prefix}-no-eps", "`eps` is not added to √v̂. Where the gradient has always been 0, 0/√0 is nan.",
                slip(quotient=lambda m, v, eps: m / v.sqrt())),
        Mistake(f"{prefix}-eps-fixed", "`eps` is not used, or fixed at 10⁻⁸.",
                slip(quotient=lambda m, v, eps: m / (v.sqrt() + 1e-8))),
        Mistake(f"{prefix}-betas-fixed", "`betas` is not used: they are 0.9 and 0.999 whatever was asked for.",
                slip(betas=lambda b1, b2: (0.9, 0.999))),
        Mistake(f"{prefix}-state-corrected", "The corrected moments were stored as the new state, so the next step "
                "corrects them once more. m̂ and v̂ are only for this step.",
                twice(_stores_hats(rule)))]


def _squares_the_mean(rule):
    """The rule, with v made of the squares of m."""
    def slipped(p, g, s, o):
        mean = o.betas[0] * s.get("m", torch.zeros_like(p)) + (1 - o.betas[0]) * g
        return rule(p, g, s, o, second=lambda v, g, b2: b2 * v + (1 - b2) * mean * mean)
    return slipped


def _adds_eps_last(rule):
    """The rule, with ε added to the whole step."""
    return lambda p, g, s, o: o.eps + rule(p, g, s, o, quotient=lambda m, v, eps: m / v.sqrt())


def _shares_one_list(rule, in_place):
    """The rule, with m and v one tensor; the quotient's m is its last value, or what it was before v's turn."""
    def slipped(p, g, s, o):
        if "v" in s:
            s["m"] = s["v"]
        last = {"hats": lambda m, v, b1, b2, t: _corrected(v, v, b1, b2, t)} if in_place else {}
        return rule(p, g, s, o, second=lambda v, g, b2: b2 * s["m"] + (1 - b2) * g * g, **last)
    return slipped


def _stores_hats(rule):
    """The rule, with the corrected moments put back into the state."""
    def slipped(p, g, s, o):
        taken = rule(p, g, s, o)
        s["m"], s["v"] = _corrected(s["m"], s["v"], *o.betas, s["t"])
        return taken
    return slipped


Adam = Check(
    "Adam", "Adam(params, lr, …)", _adam_of()[0],
    [Part("steps", 0.35, "m and v are running means of g and g², corrected for their start at 0; the tensor moves by "
          "−lr·m̂/(√v̂ + ε)", lambda g: runs(g, eps=1e-12), steps, SINGLE, asked("Adam")),
     Part("betas and eps", 0.2, "betas and eps are used, each in its place",
          lambda g: runs(g, {"betas": (0.7, 0.95)}, {"eps": 0.1}), steps, SINGLE, asked("Adam")),
     Part("zero gradients", 0.1, "an entry whose gradient is 0 stays where it is", with_zeros, steps, SINGLE,
          lambda case: "Adam(params, lr=0.05), where some gradients are exactly 0 at first"),
     *common_parts("Adam", (0.15, 0.05, 0.1), either_count(ADAM_DEFAULTS, _adam), SINGLE, betas=(0.8, 0.97))],
    [*adam_slips(_adam_slip, ADAM_DEFAULTS, _adam, "adam"),
     *common_mistakes(_adam_of, _adam)],
    OPTIM, "Tensor arithmetic is enough; `torch.no_grad` is allowed.")

# --------------------------------------------------------------------------------------------------- AdamW


def _adamw(p, g, s, o, decay=lambda p, o: o.lr * o.weight_decay * p, **parts):
    return decay(p, o) + _adam(p, g, s, o, **parts)


def _adamw_after(p, g, s, o):
    taken = _adam(p, g, s, o)
    return taken + o.lr * o.weight_decay * (p - taken)


def _adamw_in_numerator(p, g, s, o):
    return _adam(p, g, s, o, quotient=lambda m, v, eps: (m + o.weight_decay * p) / (v.sqrt() + eps))


def _adamw_coupled(p, g, s, o, factor=1.0):
    return _adam(p, g + factor * o.weight_decay * p, s, o)


def _adamw_both(p, g, s, o):
    return _adamw(p, g + o.weight_decay * p, s, o)


ADAMW_DEFAULTS = {**ADAM_DEFAULTS, "weight_decay": 0.01}


def _adamw_of(rule=_adamw, defaults=None, **slips):
    return _counts(rule, defaults or ADAMW_DEFAULTS, **slips)


def _adamw_slip(**parts):
    return _adamw_of(partial(_adamw, **parts))


def _steps_inside(count):
    """Adam's whole step for each parameter, inside of the loop that decays them."""
    class StepsInside(optimizer(_adam, ADAMW_DEFAULTS, count=count)):
        @torch.no_grad()
        def step(self):
            for p in self.params:
                if p.grad is not None:
                    p.sub_(self.o.lr * self.o.weight_decay * p)
                    super().step()
    return StepsInside


AdamW = Check(
    "AdamW", "AdamW(params, lr, …)", _adamw_of()[0],
    [Part("steps", 0.3, "with weight_decay = 0 it is Adam",
          lambda g: runs(g, weight_decay=0.0, eps=1e-12), steps, SINGLE, asked("AdamW")),
     Part("decay", 0.25, "each tensor shrinks by lr·weight_decay of itself, apart from Adam's moments",
          lambda g: runs(g, {"weight_decay": 0.3}, {"weight_decay": 0.1, "lr": 0.1}, eps=1e-12), steps, SINGLE,
          asked("AdamW")),
     Part("defaults", 0.1, "weight_decay is 0.01 unless told otherwise; betas and eps are used",
          lambda g: runs(g, {"lr": 0.3, "eps": 1e-12}, {"betas": (0.7, 0.95), "eps": 0.1, "weight_decay": 0.2})
          + with_zeros(g), steps, SINGLE, asked("AdamW")),
     *common_parts("AdamW", (0.15, 0.05, 0.1), either_count(ADAMW_DEFAULTS, _adamw), SINGLE,
                   betas=(0.8, 0.97), weight_decay=0.2)],
    [Mistake("adamw-coupled", "The decay is added to the gradient, and so passes through the moments: Adam divides it "
             "by √v̂ along with the rest. AdamW takes it off the tensor directly.",
             [*_adamw_of(_adamw_coupled), *_adamw_of(partial(_adamw_coupled, factor=2.0))]),
     Mistake("adamw-in-numerator", "The decay is kept out of the moments but still divided by √v̂ + ε. It should be "
             "lr·λ·p, nothing else.", _adamw_of(_adamw_in_numerator)),
     Mistake("adamw-no-lr", "The decay shrinks the tensor by λp, without the learning rate.",
             _adamw_slip(decay=lambda p, o: o.weight_decay * p)),
     Mistake("adamw-after", "The tensor decays after Adam's step, so part of the step decays with it. In PyTorch it "
             "decays first.", _adamw_of(_adamw_after)),
     Mistake("adamw-no-decay", "No decay arrives: this is Adam. Either `weight_decay` is not used, or `p = …` made a "
             "new tensor and left the parameter as it was.", _adamw_slip(decay=lambda p, o: 0.0)),
     Mistake("adamw-only-decay", "Only the decay is made. Where is Adam's own step?",
             _adamw_of(lambda p, g, s, o: o.lr * o.weight_decay * p)),
     Mistake("adamw-steps-inside", "Adam's step moves all parameters, and it is made once for each of them. Decay all "
             "of them first; then let Adam step once.", [_steps_inside("own"), _steps_inside("global")]),
     Mistake("adamw-constant", "The decay is lr·λ for every entry, whatever its size. It should be that share of the "
             "entry.", _adamw_slip(decay=lambda p, o: o.lr * o.weight_decay * torch.ones_like(p))),
     Mistake("adamw-multiplied", "The tensor was multiplied by the decay itself. It should lose that share of itself, "
             "and keep the rest.", [*_adamw_slip(decay=lambda p, o: p - o.weight_decay * p),
                                    *_adamw_slip(decay=lambda p, o: p - o.lr * o.weight_decay * p)]),
     Mistake("adamw-options-lost", "`betas` and `eps` do not arrive: they are Adam's defaults whatever was asked for. "
             "Does Adam's constructor get them?",
             _adamw_slip(betas=lambda b1, b2: (0.9, 0.999), quotient=lambda m, v, eps: m / (v.sqrt() + 1e-8))),
     Mistake("adamw-sign", "The decay has the wrong sign: it makes weights grow.",
             _adamw_slip(decay=lambda p, o: -o.lr * o.weight_decay * p)),
     Mistake("adamw-double", "The decay is twice as strong as asked.",
             _adamw_slip(decay=lambda p, o: 2 * o.lr * o.weight_decay * p)),
     Mistake("adamw-twice", "The tensor decays twice: once directly and once through the gradient.",
             _adamw_of(_adamw_both)),
     Mistake("adamw-matrices-only", "Vectors and numbers do not decay. Which tensors should is up to the caller, who "
             "passes groups: the optimizer decays every tensor that has a gradient.",
             _adamw_slip(decay=lambda p, o: o.lr * o.weight_decay * p if p.dim() > 1 else 0.0)),
     Mistake("adamw-default", "Without being told, weight_decay should be 0.01.",
             [*_adamw_of(defaults={**ADAMW_DEFAULTS, "weight_decay": 0.0}),
              *_adamw_of(defaults={**ADAMW_DEFAULTS, "weight_decay": 0.1})]),
     Mistake("adamw-fixed", "`weight_decay` is not used: it is 0.01 whatever was asked for.",
             _adamw_slip(decay=lambda p, o: 0.01 * o.lr * p)),
     Mistake("adamw-none-decays", "A parameter without a gradient decays. It should be skipped altogether.",
             _adamw_of(none="decays")),
     *adam_slips(_adamw_slip, ADAMW_DEFAULTS, _adamw, "adamw"),
     *common_mistakes(_adamw_of, _adamw)],
    OPTIM, "Tensor arithmetic is enough, and your own Adam; `torch.no_grad` is allowed.")
