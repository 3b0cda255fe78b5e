"""How an optimizer is watched, and the small machine that the reference and most mistakes are made with."""

from types import SimpleNamespace

import torch
from torch import nn

from ..comparing import first_difference
from ..core import Mistake, Part

OPTIM = frozenset({"torch.optim"})
LEAF = "a leaf Variable"  # PyTorch's words where a parameter is changed while a graph is recorded
SINGLE = (1e-4, 2e-5)  # what is left of 52 steps in float32, or of a correction 1 − βᵗ whose βᵗ was a float32 tensor


def raised(*texts):
    """Recognises an error by any of these pieces of its text."""
    return lambda finding, seen, case: any(text in seen.get("raised", {}).get("text", "") for text in texts)


def optimizer(rule, defaults, *, params="kept", none="skipped", state="own", count="own", change="in place",
              which=slice(None), clear="none", grad="kept"):
    """Make an optimizer class of rule(p, g, s, o) -> what is taken off p.

    p is a tensor, g its gradient, s its state (a dict with "t", its step count), o the options. The keywords are
    ways to go wrong; their defaults are right. `count="global"` is right too.
    """
    class Optimizer:
        """Steps by the rule."""

        def __init__(self, parameters, lr, **options):
            walked = list(parameters) if params in ("kept", "used up") else None
            self.params = walked if params == "kept" else parameters
            self.o = SimpleNamespace(**{**defaults, **options, "lr": lr})
            self.states, self.t = {}, 0

        @torch.no_grad()
        def step(self):
            self.t += count != "per tensor"
            place = -1  # among the parameters that have a gradient
            for number, p in list(enumerate(self.params))[which]:
                self.t += count == "per tensor"
                g = p.grad
                if g is None and none == "skipped":
                    continue
                if g is None and none == "decays":
                    p.sub_(self.o.lr * self.o.weight_decay * p)
                    continue
                if g is None and none == "ends the step":
                    return
                place += g is not None
                s = self.states.setdefault({"own": number, "by shape": p.shape, "one": 0, "by place": place}[state],
                                           {"t": 0})
                if g is None and none == "fades":
                    s["v"] = self.o.momentum * s.get("v", torch.zeros_like(p))
                    continue
                if state == "by place" and s.setdefault("shape", p.shape) != p.shape:
                    raise RuntimeError("a state of another shape")
                s["t"] = s["t"] + 1 if count == "own" else self.t
                taken = rule(p, torch.zeros_like(p) if g is None else g, s, self.o)
                if g is None and none == "stands":
                    continue
                if change == "in place":
                    p.sub_(taken)
                elif change == "new data":
                    p.data = p.data - taken
                if grad == "cleared":
                    p.grad = None

        def zero_grad(self):
            for p in self.params:
                if clear == "none":
                    p.grad = None
                elif clear == "weights":
                    p.data.zero_()

    return Optimizer


SHAPES = [(4,), (4,), (3, 4), ()]
SCALES = [0.5, 3.0, 1.0, 1.0]


def run(g, lr=0.05, steps=52, tensors=4, dtype=torch.float64, **options):
    """One case: where tensors of several shapes start, their gradients at each step, and the options."""
    draw = lambda *shape: torch.randn(shape, generator=g, dtype=dtype)
    away = lambda grad: grad + 0.3 * grad.sign()  # from 0, where ε would begin to show
    shapes, scales = SHAPES[:tensors], SCALES[:tensors]
    return {"starts": [draw(*shape) for shape in shapes],
            "grads": [scale * away(draw(*shape) + draw(steps, *shape)) for shape, scale in zip(shapes, scales)],
            "lr": lr, **options}


def runs(g, *several, **options):
    """A short run for each of `several` sets of options, then a long one for the last of them.

    The short ones come first: most wrong answers are told apart by them alone, which saves time.
    """
    several = several or ({},)
    return [*(run(g, steps=3, tensors=2, **options, **more) for more in several),
            run(g, **options, **several[-1])]


def with_gaps(g, **options):
    """Runs where gradients are missing now and then: one tensor's always, others' at first or for a while."""
    short, long = run(g, steps=6, tensors=3, **options), run(g, **options)
    for case, always, late, gap in ((short, 2, 2, (3, 4)), (long, 3, 9, (20, 31))):
        gone = torch.zeros(len(case["grads"][0]), len(case["starts"]), dtype=torch.bool)
        gone[:, always] = True
        gone[:late, 1] = True
        gone[gap[0]:gap[1], 0] = True
        case["gone"] = gone
    return [short, long]


def with_zeros(g, **options):
    """A run in which some entries' gradients are exactly 0 at first."""
    case = run(g, steps=4, tensors=2, **options)
    case["grads"][0][:2, :2] = 0.0
    return [case]


def _tensors(starts):
    return [nn.Parameter(start.clone()) for start in starts]


def _rows(history):
    return {f"tensor {number}, [step, …]": torch.stack(rows) for number, rows in enumerate(zip(*history))}


def _snapshot(params):
    return [p.detach().clone() for p in params]


def steps(answer, starts, grads, lr, gone=None, generator=False, **options):
    """Every tensor after every step, the start as row 0; each step finds fresh gradients, or None where `gone`."""
    params = _tensors(starts)
    moving = answer((p for p in params) if generator else params, lr, **options)
    history = [_snapshot(params)]
    for t in range(len(grads[0])):
        for number, p in enumerate(params):
            p.grad = None if gone is not None and gone[t, number] else grads[number][t].clone()
        moving.step()
        history.append(_snapshot(params))
    return _rows(history)


def upkeep(answer, starts, grads, lr, **options):
    """What a step leaves behind, where .grad is one tensor that is filled anew each time; and what zero_grad does."""
    params = _tensors(starts)
    memory = [p.data_ptr() for p in params]
    moving = answer(params, lr, **options)
    history, left = [_snapshot(params)], []
    for t in range(len(grads[0])):
        for p, gs in zip(params, grads):
            if p.grad is None:
                p.grad = gs[t].clone()
            else:
                p.grad.copy_(gs[t])
        moving.step()
        history.append(_snapshot(params))
        left.append([None if p.grad is None else p.grad.clone() for p in params])
    seen = {}
    for number, gs in enumerate(grads):
        for t, one in enumerate(left):
            seen[f"step {t + 1} leaves tensor {number}"] = "no .grad" if one[number] is None else "its .grad"
            kept = gs[t].clone() if one[number] is None else one[number]
            seen[f".grad of tensor {number} after step {t + 1}"] = kept
    seen |= _rows(history)
    seen |= {"a graph kept in the optimizer": _keeps_graph(vars(moving))}
    seen |= {f"memory of tensor {number}": "the same" if p.data_ptr() == before else "replaced"
             for number, (p, before) in enumerate(zip(params, memory))}
    params[-1].grad = None
    before = _snapshot(params)
    seen |= {"zero_grad with a .grad that is None": _runs(moving.zero_grad)}
    for number, p in enumerate(params):
        clean = p.grad is None or not p.grad.any()
        seen[f".grad of tensor {number} after zero_grad"] = "None or zeros" if clean else "still there"
        seen[f"tensor {number} after zero_grad"] = "as before" if torch.equal(p, before[number]) else "changed"
    return seen


def _runs(zero_grad) -> str:
    """Call it; say whether it ran, or which error tells that it met None or touched a parameter."""
    try:
        zero_grad()
    except (AttributeError, RuntimeError, TypeError) as error:
        if "NoneType" in str(error) or LEAF in str(error):
            return f"raised {error}"
        raise
    return "runs"


def _keeps_graph(thing, depth=4) -> bool:
    """Is there a tensor with a graph behind it in these nested containers?"""
    if isinstance(thing, torch.Tensor):
        return thing.grad_fn is not None
    if isinstance(thing, dict):
        thing = list(thing.values())
    return depth > 0 and isinstance(thing, (list, tuple)) and any(_keeps_graph(one, depth - 1) for one in thing)


def asked(name):
    """A case in words: SGD(params, lr=0.05, momentum=0.9), 52 steps on 5 tensors."""
    def words(case):
        options = "".join(f", {key}={value}" for key, value in case.items()
                          if key not in ("starts", "grads", "gone", "generator"))
        params = "generator of params" if case.get("generator") else "params"
        tensors = "1 tensor" if len(case["starts"]) == 1 else f"{len(case['starts'])} tensors"
        gaps = ", some gradients None" if "gone" in case else ""
        return f"{name}({params}{options}), {len(case['grads'][0])} steps on {tensors}{gaps}"
    return words


def common_parts(name, shares, agrees=None, rounding=None, **options):
    """The four parts that all optimizers share."""
    shows = asked(name)
    return [Part("missing gradients", shares[0], "a tensor whose .grad is None is left out, its state too",
                 lambda g: with_gaps(g, **options), steps, rounding, shows, agrees),
            Part("generator", shares[1], "the parameters may come as a generator",
                 lambda g: [run(g, steps=3, tensors=3, generator=True, **options)], steps, rounding, shows),
            Part("float32", 0.05, "in float32 too, to rounding", lambda g: [run(g, dtype=torch.float32, **options)],
                 steps, SINGLE, shows),
            Part("upkeep", shares[2], "tensors change in place, .grad stays as it was, no graph is kept; zero_grad "
                 "clears gradients",
                 lambda g: [run(g, steps=3, tensors=3, **more) for more in _with_and_without_decay(options)],
                 upkeep, rounding, shows)]


def _with_and_without_decay(options):
    """Without decay the gradient itself goes into the state, and must not become the state."""
    return [options, {**options, "weight_decay": 0.0}] if "weight_decay" in options else [options]


def common_mistakes(build, rule):
    """The mistakes that every optimizer invites. build(**slips) gives the forms of an otherwise right answer."""
    shared = "All tensors share one state. Every parameter needs a state of its own, of its own shape."
    clears_weights = "zero_grad sets the parameters themselves to 0, not their gradients."
    no_gradient = "A parameter that took no part in the loss has no gradient: its .grad is None. Skip it."
    in_zero_grad = lambda text: lambda finding, seen, case: (
        finding.path and str(finding.path[0]).startswith("zero_grad with") and text in str(finding.got))
    forms = lambda answer: answer if isinstance(answer, list) else [answer]
    scaled = lambda factor: build(rule=lambda p, g, s, o: factor(o) * rule(p, g, s, o))
    return [
        Mistake("optimizer-uphill", "It climbs: the step has the wrong sign.", scaled(lambda o: -1)),
        Mistake("optimizer-lr-twice", "The learning rate comes in twice, as lr².", scaled(lambda o: o.lr)),
        Mistake("optimizer-no-lr", "The learning rate is not used.", scaled(lambda o: 1 / o.lr)),
        Mistake("optimizer-zeros-weights", clears_weights, shows=in_zero_grad(LEAF)),
        Mistake("optimizer-leaf", "PyTorch refuses to change a parameter in place while it records a graph. A step "
                "is no part of the model: make it under `torch.no_grad()`.", shows=raised(LEAF)),
        Mistake("optimizer-none", no_gradient, shows=in_zero_grad("NoneType")),
        Mistake("optimizer-none", no_gradient, shows=lambda finding, seen, case: (
            "gone" in case and raised("NoneType")(finding, seen, case))),
        Mistake("optimizer-state-none", "Something of yours is None where a number, a tensor or a class is needed. "
                "All parameters have a gradient here: is it an attribute that nothing has been put into yet?",
                shows=lambda finding, seen, case: "gone" not in case and raised("NoneType")(finding, seen, case)),
        Mistake("optimizer-shared-state", shared, shows=raised(
            "must match the size", "match the broadcast shape", "same shape as")),
        Mistake("optimizer-shared-state", shared, build(state="one")),
        Mistake("optimizer-no-zero-grad", "There is no `zero_grad` yet.", shows=raised("has no attribute 'zero_grad'")),
        Mistake("optimizer-no-attribute", "The object has no such attribute. A class that inherits gets what its "
                "parent's constructor sets only if it calls that constructor: `super().__init__(params, lr)`.",
                shows=raised(*(f"'{name}' object has no attribute" for name in ("SGD", "RMSprop", "Adam", "AdamW")))),
        Mistake("optimizer-nothing-moves", "Nothing moves: the parameters stay where they were. `p = p - …` makes a "
                "new tensor and gives it the name p; the model still holds the old one. Change the tensor in place.",
                build(change="none")),
        Mistake("optimizer-generator", "Given a generator, it makes one step or none. A generator can be walked "
                "through once: keep a list of what it gives, and walk through that.",
                [*forms(build(params="generator")), *forms(build(params="used up"))]),
        Mistake("optimizer-first-tensor", "Only the first tensor moves.", build(which=slice(1))),
        Mistake("optimizer-none-ends", "A parameter without a gradient ends the whole step: those after it do not "
                "move. Skip the one, and go on.", build(none="ends the step")),
        Mistake("optimizer-none-moves-state", "A parameter without a gradient stands still, but its state goes on as "
                "if the gradient were 0. Leave its state alone too.", build(none="stands")),
        Mistake("optimizer-none-is-zero", "A parameter without a gradient is treated as if its gradient were 0: it "
                "still coasts or decays. Skip it altogether, its state too.", build(none="zero")),
        Mistake("optimizer-state-by-place", "Where a parameter has no gradient, those after it get the state of "
                "another one: leaving some parameters out moves all others up. Each must keep its own.",
                build(state="by place")),
        Mistake("optimizer-state-by-shape", "Two tensors of the same shape share their state. Every parameter needs "
                "its own.", build(state="by shape")),
        Mistake("optimizer-new-data", "The values are right, but each step puts a new tensor in the old one's place. "
                "Whoever shares the parameter's memory (a tied layer, a view) is left behind: change it in place.",
                build(change="new data")),
        Mistake("optimizer-grad-cleared", "The step takes the gradients away. Others may still want to look at them: "
                "clearing is what zero_grad is for.", build(grad="cleared")),
        Mistake("optimizer-zero-grad-idle", "After zero_grad the gradients are still there. The next backward would "
                "add to them.", build(clear="nothing")),
        Mistake("optimizer-zeros-weights", clears_weights, build(clear="weights")),
        Mistake("optimizer-graph", "The steps are right, but the optimizer's state keeps a graph, longer with each "
                "step, and memory runs out. Compute the whole step under `torch.no_grad()`.",
                shows=lambda finding, seen, case: finding.path == ("a graph kept in the optimizer",)),
        Mistake("optimizer-grad-changed", "The step changed .grad. Make a new tensor for what you add to it, and a "
                "copy of what you want to remember.",
                shows=lambda finding, seen, case: finding.path and str(finding.path[0]).startswith(".grad of")
                and " after step " in str(finding.path[0]) and finding.kind == "value")]


def either_count(defaults, rule):
    """Accept a step count for each tensor and one for all alike."""
    other = optimizer(rule, defaults, count="global")

    def agrees(case, seen, expected):
        finding = first_difference(seen, expected, SINGLE)
        return finding if finding and first_difference(seen, steps(other, **case), SINGLE) else None
    return agrees
