"""The checks of what saves memory on one device: recomputed activations, and a batch in pieces."""

import gc

import torch
from torch import nn
from torch.nn import functional as F

from ...memory import LiveBytes
from ..comparing import Finding
from ..core import Check, Mistake, Part

# ------------------------------------------------------------------------------------------------ checkpoint


def block(widths, weights, p=0.0):
    """Linear layers with these weights, tanh and dropout after each."""
    layers = []
    for (inputs, outputs), weight in zip(zip(widths, widths[1:]), weights):
        layer = nn.Linear(inputs, outputs).to(weight.dtype)
        layer.weight.data, layer.bias.data = weight.clone(), weight[:, 0].clone()
        layers.append(nn.Sequential(layer, nn.Tanh(), nn.Dropout(p)))
    return nn.Sequential(*layers)


def weights_between(g, widths, dtype=torch.float64):
    """A weight for each pair of widths."""
    return [torch.randn(outputs, inputs, generator=g, dtype=torch.float64).to(dtype) * 1.2 / inputs ** 0.5
            for inputs, outputs in zip(widths, widths[1:])]


def parameters_after(model):
    """The gradient of each parameter, under its name."""
    return {f"gradient of {name}": p.grad for name, p in model.named_parameters()}


def once(answer, x, widths, weights, p, weight, needs, look=()):
    """Values and gradients of one block; where asked for, the random numbers in the middle and at the end."""
    model, given = block(widths, weights, p), x.requires_grad_(needs)
    torch.manual_seed(7)
    output = answer(model, given)
    seen = {"output": output}
    between = torch.rand(2)  # the world goes on between forward and backward
    (output * weight).sum().backward()
    seen |= {"gradient of x": given.grad} if needs else {}
    seen |= parameters_after(model)
    if "random" in look:
        seen |= {"random numbers between": between, "random numbers after backward": torch.rand(2)}
    return seen


def several(answer, x, y, mask, scale, widths, weights, weight, use):
    """A function of two tensors, a mask, a number and None, with two results, of which the loss may use one."""
    model = block(widths, weights)
    a, b = x.requires_grad_(), y.requires_grad_()

    def function(a, mask, b, scale, nothing):
        hidden = model(a * mask)
        return hidden * scale + b, (hidden * b).sum(1)

    first, second = answer(function, a, mask, b, scale, None)
    seen = {"first output": first, "second output": second}
    loss = {"both": (first * weight).sum() + second.square().sum(), "first": (first * weight).sum(),
            "second": second.square().sum()}[use]
    loss.backward()
    return {**seen, "gradient of the first": a.grad, "gradient of the second": b.grad, **parameters_after(model)}


def kept(answer, x, widths, weights, p, segments):
    """Bytes alive between forward and backward, in outputs of one layer; how often each block ran; the peak."""
    models = [block(widths, weights, p) for _ in range(segments)]
    runs = [0] * segments

    def counted(number):
        def function(x):
            runs[number] += 1
            return models[number](x)
        return function

    leaf = x.requires_grad_()
    unit = len(x) * widths[-1] * x.element_size()
    with LiveBytes() as memory:
        output = leaf
        for number in range(segments):
            output = answer(counted(number), output)
        if memory.now > unit * (segments + 1):
            gc.collect()
        held = memory.now / unit
        start = memory.now
        memory.peak = start
        output.sum().backward()
        grads = sum(p.numel() for model in models for p in model.parameters()) * x.element_size() / unit
        peak = memory.peak / unit - grads
    return {"kept": round(held, 3), "peak in backward": round(peak, 3), "runs": [float(n) for n in runs]}


def keeps_little(case, seen, expected):
    """What may be kept: the result of each block, and once more its input; the reference keeps the result."""
    held, layers = seen["kept"], len(case["widths"]) - 1
    if held > 2.3 * case["segments"] + 0.5:
        return Finding(("memory held between forward and backward, in outputs of one layer",), "value", float(held),
                       float(expected["kept"]))
    if any(runs < 2 for runs in seen["runs"]):
        return Finding(("how often the function was run, forward and backward together",), "value",
                       min(seen["runs"]), 2)
    if case["segments"] > 1 and seen["peak in backward"] > expected["peak in backward"] + 1.5 * layers:
        return Finding(("peak during backward, in outputs of one layer",), "value", float(seen["peak in backward"]),
                       float(expected["peak in backward"]))
    return None


class _Recompute(torch.autograd.Function):
    """The reference; `how` names what a mistake does otherwise."""

    @staticmethod
    def forward(ctx, how, function, dummy, *inputs):
        ctx.how, ctx.function, ctx.inputs = how, function, inputs
        ctx.state = torch.get_rng_state()
        with torch.no_grad():
            return function(*inputs)

    @staticmethod
    def backward(ctx, *grads):
        how, before = ctx.how, torch.get_rng_state()
        if "new-numbers" not in how:
            torch.set_rng_state(ctx.state)
        inputs = ctx.inputs if "not-detached" in how else [
            x.detach().requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x for x in ctx.inputs]
        with torch.enable_grad():
            outputs = ctx.function(*inputs)
        if "state-left" not in how:
            torch.set_rng_state(before)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        if "ones" in how:
            grads = [torch.ones_like(o) for o in outputs]
        if "first-output" in how:
            outputs, grads = outputs[:1], grads[:1]
        pairs = [(o, grad) for o, grad in zip(outputs, grads) if o.requires_grad]
        if "inputs-only" in how:
            wanted = [x for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
            ends, starts = zip(*pairs)
            found = iter(torch.autograd.grad(ends, wanted, starts, allow_unused=True))
            return None, None, None, *(next(found) if isinstance(x, torch.Tensor) and x.requires_grad else None
                                       for x in inputs)
        torch.autograd.backward(*zip(*pairs))
        if "parameters-only" in how:
            return None, None, None, *(None for x in inputs)
        if "first-input" in how:
            return None, None, None, inputs[0].grad, *(None for x in inputs[1:])
        return None, None, None, *(x.grad if isinstance(x, torch.Tensor) else None for x in inputs)


def _checkpoint(*how, dummy=True):
    """A checkpoint that goes wrong in these ways."""
    def checkpoint(function, *inputs):
        return _Recompute.apply(how, function, torch.ones((), requires_grad=dummy), *inputs)
    return checkpoint


def _detached(function, *inputs):
    with torch.no_grad():
        return function(*inputs)


def _first_only(function, *inputs):
    return _checkpoint()(function, inputs[0])


def _boundaries(g, *shapes, p=0.0, needs=True, dtype=torch.float64, look=()):
    cases = []
    for batch, *widths in shapes:
        cases.append({"x": torch.randn(batch, widths[0], generator=g, dtype=dtype), "widths": widths,
                      "weights": weights_between(g, widths, dtype), "p": p, "needs": needs, "look": list(look),
                      "weight": torch.randn(batch, widths[-1], generator=g, dtype=dtype)})
    return cases


def _several(g):
    cases = []
    for use in ("both", "first", "second"):
        cases.append({"x": torch.randn(5, 3, generator=g, dtype=torch.float64), "widths": [3, 6, 4],
                      "y": torch.randn(5, 4, generator=g, dtype=torch.float64), "scale": 0.7,
                      "mask": torch.rand(5, 3, generator=g) < 0.6, "weights": weights_between(g, [3, 6, 4]),
                      "weight": torch.randn(5, 4, generator=g, dtype=torch.float64), "use": use})
    return cases


def _deep(g):
    widths = [32] * 9
    return [{"x": torch.randn(256, 32, generator=g), "widths": widths, "p": p, "segments": segments,
             "weights": weights_between(g, widths, torch.float32)} for segments, p in ((1, 0.1), (4, 0.0))]


def _function_in_words(text):
    def shows(case):
        widths = "–".join(map(str, case["widths"]))
        dropout = f" and dropout {case['p']:g}" if case.get("p") else ""
        return f"checkpoint(function, …), function: linear layers {widths} with tanh{dropout}{text(case)}"
    return shows


def _of_input(case):
    return "" if case.get("needs", True) else "; x needs no gradient"


def _in_backward(seen):
    """Whether the learner's own code raised; before it runs again, backward is called by the check's."""
    return bool(seen.get("raised", {}).get("inside"))


def _says(*words):
    return lambda finding, seen, case: any(word in seen.get("raised", {}).get("text", "") for word in words)


NO_GRAPH = ("The function ran under `no_grad`, and there was nothing to run it again: the result has no graph. Tie the "
            "second run to the backward pass, by a `Function` or by hooks.")

checkpoint = Check(
    "checkpoint", "checkpoint(function, *inputs)", _checkpoint(),
    [Part("gradients", 0.3, "values and gradients, those of the parameters too, are the function's own", lambda g: [
         *_boundaries(g, (5, 3, 6, 4), (4, 6, 2)), *_boundaries(g, (3, 4, 5), dtype=torch.float32)], once,
          shows=_function_in_words(_of_input)),
     Part("memory", 0.25, "between forward and backward the activations inside are not held", _deep, kept,
          rounding=(1e9, 1e9), agrees=keeps_little, shows=_function_in_words(
              lambda case: f", {case['segments']} of them in a row, each checkpointed" if case["segments"] > 1
              else ", x (256, 32)")),
     Part("dropout", 0.2, "the second run draws the first one's random numbers, and the generator goes on as it was",
          lambda g: _boundaries(g, (6, 5, 7, 4), p=0.4, look=["random"]), once, shows=_function_in_words(_of_input)),
     Part("inputs", 0.15, "several inputs, of which some are no tensors, and several results", _several, several,
          shows=lambda case: "checkpoint(function, a, mask, b, 0.7, None), function gives two tensors; the loss uses "
                             f"{'both' if case['use'] == 'both' else 'the ' + case['use']}"),
     Part("first layer", 0.1, "parameters get their gradient even where no input needs one",
          lambda g: _boundaries(g, (5, 3, 6, 4), needs=False), once, shows=_function_in_words(_of_input))],
    [Mistake("checkpoint-no-graph", NO_GRAPH, lambda function, *inputs: _detached(function, *inputs).requires_grad_()),
     Mistake("checkpoint-no-graph", NO_GRAPH, shows=lambda finding, seen, case: case.get("needs") and _says(
         "does not require grad")(finding, seen, case) and not _in_backward(seen)),
     Mistake("checkpoint-gradients-off", "The second run has left no graph to send a gradient through. Inside "
             "`backward` gradients are off: run the function under `torch.enable_grad()`.",
             shows=lambda finding, seen, case: _says("does not require grad")(finding, seen, case) and _in_backward(
                 seen)),
     Mistake("checkpoint-not-detached", "The inputs' gradients count twice. The second run hangs on the first graph's "
             "own inputs, so its backward adds to their `.grad`, and then they are given back as well. Run it on "
             "copies, `x.detach().requires_grad_(x.requires_grad)`.", _checkpoint("not-detached")),
     Mistake("checkpoint-inputs-only", "The parameters get no gradient. `torch.autograd.grad` with respect to the "
             "inputs alone throws theirs away; `torch.autograd.backward(outputs, grads)` adds them to `.grad` as the "
             "second run meets them.", _checkpoint("inputs-only")),
     Mistake("checkpoint-parameters-only", "The inputs get no gradient: the layers before this block would learn "
             "nothing. Backward returns one for each input, found in `.grad` of the detached copies.",
             _checkpoint("parameters-only")),
     Mistake("checkpoint-first-input", "Only the first input gets its gradient.", _checkpoint("first-input")),
     Mistake("checkpoint-ones", "The gradient that came from above is not used: it starts from ones, or from a sum, "
             "and is right only where the loss is the plain sum.", [_checkpoint("ones")]),
     Mistake("checkpoint-keeps-graph", "Everything is still held between forward and backward: the first run builds "
             "its graph, and that graph keeps the activations. Run the function without one the first time.",
             shows=lambda finding, seen, case: "held" in str(finding.path[:1])),
     Mistake("checkpoint-not-run-again", "The function ran only once, so what backward needs was kept somewhere. Run "
             "it again in backward.", shows=lambda finding, seen, case: "how often" in str(finding.path[:1])),
     Mistake("checkpoint-held-in-backward", "During backward too much is held at once: what one block recomputed is "
             "still there when the next one is at it.", shows=lambda finding, seen, case: "peak" in str(
                 finding.path[:1])),
     Mistake("checkpoint-new-numbers", "The second run drops other units than the first: the gradient belongs to "
             "another network than the loss. Keep `torch.get_rng_state()` from before the first run, and set it "
             "before the second.", [_checkpoint("new-numbers"), _checkpoint("new-numbers", "state-left")]),
     Mistake("checkpoint-state-left", "After backward the random generator stands elsewhere than without checkpoints: "
             "it was set back for the second run, and left there. Put it back afterwards.",
             _checkpoint("state-left")),
     Mistake("checkpoint-first-output", "Of several results only the first one is sent backward.",
             _checkpoint("first-output")),
     Mistake("checkpoint-no-grad-input", "No input needs a gradient, so the `Function`'s result has no graph and the "
             "parameters learn nothing: autograd looks at the tensors that go through `apply` alone. One that needs a "
             "gradient, handed through for no other purpose, is enough.", shows=lambda finding, seen, case: case.get(
                 "needs") is False and _says("does not require grad")(finding, seen, case)),
     Mistake("checkpoint-saves-anything", "`ctx.save_for_backward` takes tensors only, or None. Keep what else there "
             "is among the inputs as attributes of `ctx`.", shows=_says("can only save variables")),
     Mistake("checkpoint-detach-everything", "`.detach()` or `.requires_grad_()` is called on something that cannot "
             "do so: an input that is a number or None, or a tensor of bools or ints. Let those through as they are.",
             shows=_says("has no attribute 'detach'", "has no attribute 'requires_grad'",
                         "only Tensors of floating point", "has no attribute 'clone'", "has no attribute 'grad'")),
     Mistake("checkpoint-one-output", "The function may give back a tuple. Make a tuple of a single tensor too, and "
             "treat both alike.", shows=lambda finding, seen, case: "use" in case and _says(
                 "'tuple' object", "got tuple", "tuple", "Mismatch in shape", "too many values")(finding, seen, case)),
     Mistake("checkpoint-number-of-gradients", "`backward` has to return one thing for each argument of `forward`, "
             "None for those without a gradient.", shows=_says("returned an incorrect number of gradients"))],
    frozenset({"torch.utils.checkpoint"}),
    "`torch.autograd.Function` is a tool, and so is `torch.autograd.graph.saved_tensors_hooks`.", seconds=2.0,
    hint="Run the function without a graph and keep its inputs; in backward run it again with one, and send the "
         "gradient through that.")

# -------------------------------------------------------------------------------------- accumulate_gradients


class _Watched(nn.Module):
    """A small net that notes when a batch goes forward and when its gradient comes back."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second, self.order = nn.Parameter(first), nn.Parameter(second), []

    def forward(self, x):
        self.order.append(f"forward of {len(x)}")
        output = torch.tanh(x @ self.first) @ self.second
        if output.requires_grad:
            output.register_hook(lambda grad: self.order.append(f"backward of {len(grad)}"))
        return output


def batches_of(g, *sizes):
    """Micro-batches (x, y) of these sizes."""
    return [[torch.randn(size, 4, generator=g, dtype=torch.float64),
             torch.randn(size, 3, generator=g, dtype=torch.float64)] for size in sizes]


def accumulated(answer, first, second, batches, stale=0.0, iterator=False, loss="mse", look="gradient"):
    """The gradients after the call; or the order in which the micro-batches went through the model."""
    model = _Watched(first, second)
    loss_fn = {"mse": F.mse_loss, "ce": lambda output, y: F.cross_entropy(output, y.argmax(1))}[loss]
    for p in model.parameters() if stale else ():
        p.grad = torch.full_like(p, stale)
    pairs = [tuple(pair) for pair in batches]
    answer(model, loss_fn, iter(pairs) if iterator else pairs)
    if look == "order":
        return {"order": ", ".join(model.order)}
    return {"gradient of the first weight": model.first.grad, "gradient of the second weight": model.second.grad}


def _net(g, *sizes, **options):
    return {"first": torch.randn(4, 5, generator=g, dtype=torch.float64),
            "second": torch.randn(5, 3, generator=g, dtype=torch.float64), "batches": batches_of(g, *sizes), **options}


def _accumulate(model, loss_fn, micro_batches, clear=True, weight=None, share=None, last=None, at_once=False,
                between=lambda model: None):
    """The reference; mistakes are other weights of the micro-batches' losses, or another order."""
    if clear:
        for p in model.parameters():
            p.grad = None
    total, losses, count = 0, [], 0
    for x, y in micro_batches:
        between(model)
        loss = loss_fn(model(x), y) * (weight(x) if weight else len(x))
        total, count = total + len(x), count + 1
        losses.append(loss)
        if not at_once:
            loss.backward()
    if at_once:
        sum(losses).backward()
    for p in model.parameters():
        p.grad /= share(total, count, x) if share else total


def _varied(**settings):
    return lambda model, loss_fn, micro_batches: _accumulate(model, loss_fn, micro_batches, **settings)


def _cleared(model):
    for p in model.parameters():
        p.grad = torch.zeros_like(p)


def _one_big(model, loss_fn, micro_batches):
    xs, ys = zip(*micro_batches)
    model.zero_grad()
    loss_fn(model(torch.cat(xs)), torch.cat(ys)).backward()


def _first_batch(model, loss_fn, micro_batches):
    _accumulate(model, loss_fn, list(micro_batches)[:1])


def _list_call(case):
    sizes = ", ".join(str(len(x)) for x, _ in case["batches"])
    extra = "; there were gradients before" if case.get("stale") else ""
    return f"accumulate_gradients(model, loss_fn, micro_batches), batches of {sizes}{extra}" + (
        "; micro_batches is an iterator" if case.get("iterator") else "")


accumulate_gradients = Check(
    "accumulate_gradients", "accumulate_gradients(model, loss_fn, micro_batches)", _accumulate,
    [Part("equal", 0.35, "micro-batches of one size give the gradient of the whole batch", lambda g: [
         _net(g, 4, 4, 4), _net(g, 5, 5, loss="ce"), _net(g, 6)], accumulated, shows=_list_call),
     Part("uneven", 0.25, "a sample counts the same in a small micro-batch as in a large one", lambda g: [
         _net(g, 6, 2, 1), _net(g, 3, 7, loss="ce")], accumulated, shows=_list_call),
     Part("order", 0.2, "each micro-batch goes forward and back before the next one comes", lambda g: [
         _net(g, 3, 5, 2, look="order")], accumulated, shows=_list_call),
     Part("start", 0.1, "gradients that were there before do not count", lambda g: [
         _net(g, 4, 4, stale=2.5)], accumulated, shows=_list_call),
     Part("iterator", 0.1, "any iterable will do", lambda g: [_net(g, 4, 4, iterator=True)], accumulated,
          shows=_list_call)],
    [Mistake("accumulate-sum", "The micro-batches' gradients are added up: the result is as many times too long as "
             "there are micro-batches. The loss is a mean, and the big batch's is a mean over all.",
             _varied(weight=lambda x: 1, share=lambda total, count, x: 1)),
     Mistake("accumulate-mean-of-means", "It is the mean of the micro-batches' means. Where they differ in size, a "
             "sample in a small one counts for more: weight each loss by its number of samples.",
             _varied(weight=lambda x: 1, share=lambda total, count, x: count)),
     Mistake("accumulate-not-divided", "Each loss is weighted by its number of samples, and that is all: divide by "
             "the number of all samples.", _varied(share=lambda total, count, x: 1)),
     Mistake("accumulate-divided-by-count", "The losses are weighted by their samples and divided by the number of "
             "micro-batches. Divide by the number of all samples.", _varied(share=lambda total, count, x: count)),
     Mistake("accumulate-mean-over-samples", "Each loss is a mean already, and divided by the number of samples once "
             "more.", [_varied(weight=lambda x: 1 / len(x), share=lambda total, count, x: 1),
                       _varied(weight=lambda x: 1, share=lambda total, count, x: total)]),
     Mistake("accumulate-last-size", "It divides by the size of the last micro-batch, times how many there are. They "
             "may differ in size: add the sizes up.", [_varied(share=lambda total, count, x: count * len(x))]),
     Mistake("accumulate-last-only", "Only the last micro-batch's gradient is left: the gradients are cleared inside "
             "the loop. Clear them once, before it.",
             [_varied(between=_cleared), _varied(between=_cleared, weight=lambda x: 1,
                                                 share=lambda total, count, x: count),
              _varied(between=_cleared, weight=lambda x: 1, share=lambda total, count, x: 1)]),
     Mistake("accumulate-first-only", "Only the first micro-batch is used.", _first_batch),
     Mistake("accumulate-one-big-batch", "The micro-batches are put together again, and go through the model at once. "
             "The gradient is right; but the big batch's activations are what there was no memory for.", _one_big),
     Mistake("accumulate-one-backward", "All micro-batches go forward first, and their graphs wait for one backward "
             "at the end: as much is held as for the big batch. Call backward for each.", _varied(at_once=True)),
     Mistake("accumulate-stale", "Gradients that were there before are still in the sum. Clear them first.",
             [_varied(clear=False), lambda model, loss_fn, micro_batches: _stale(model, loss_fn, micro_batches)]),
     Mistake("accumulate-no-length", "`micro_batches` may be an iterator: it has no length and no entries to index, "
             "and can be gone through once. Make a list of it, or count while you go.",
             shows=lambda finding, seen, case: case.get("iterator") and (
                 "has no len" in seen.get("raised", {}).get("text", "") or "not subscriptable" in seen.get(
                     "raised", {}).get("text", ""))),
     Mistake("accumulate-exhausted", "An iterator can be gone through once: the second loop over it finds nothing. "
             "Make a list of it first, or do all in one loop.",
             shows=lambda finding, seen, case: bool(case.get("iterator")))],
    hint="Clear the gradients, let each micro-batch go forward and back with its share of the whole batch, and leave "
         "the sum in `.grad`.")


def _stale(model, loss_fn, micro_batches):
    """Adds to what was there, with the right weights."""
    pairs = list(micro_batches)
    total = sum(len(x) for x, _ in pairs)
    for x, y in pairs:
        (loss_fn(model(x), y) * len(x) / total).backward()
