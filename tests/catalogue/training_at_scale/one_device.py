"""Answers to what one device of lesson 10 trains with: loss scaling, recomputation, small and large batches."""

import math

import torch

from .. import right, wrong

# LossScaler


def gradients_of(optimizer):
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def has_overflow(optimizer):
    return any(torch.isinf(grad).any() or torch.isnan(grad).any() for grad in gradients_of(optimizer))


@right("LossScaler")
class InPlace:
    def __init__(self, init_scale=65536.0, growth_interval=2000):
        self.scale = init_scale
        self.growth_interval = growth_interval
        self.streak = 0
        self.skipped = False

    def step(self, optimizer):
        if has_overflow(optimizer):
            self.skipped = True
            return
        for grad in gradients_of(optimizer):
            grad /= self.scale
        optimizer.step()

    def update(self):
        if self.skipped:
            self.scale *= 0.5
            self.streak = 0
        else:
            self.streak += 1
            if self.streak == self.growth_interval:
                self.scale *= 2
                self.streak = 0
        self.skipped = False


@right("LossScaler")
class NewGradients:
    def __init__(self, init_scale=65536.0, growth_interval=2000):
        self.scale, self.interval, self.history = torch.tensor(float(init_scale)), growth_interval, []

    def step(self, optimizer):
        finite = True
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = p.grad / self.scale
                    finite = finite and math.isfinite(p.grad.abs().sum())
        if finite:
            optimizer.step()
        self.history.append(finite)

    def update(self):
        if not self.history[-1]:
            self.scale = self.scale / 2
            self.history = []
        elif len(self.history) >= self.interval and all(self.history):
            self.scale, self.history = self.scale * 2, []


@right("LossScaler")
class ByNorm:
    def __init__(self, init_scale=65536.0, growth_interval=2000):
        self.scale, self.interval, self.left, self.ok = init_scale, growth_interval, growth_interval, None

    def step(self, optimizer):
        gradients = gradients_of(optimizer)
        torch._foreach_mul_(gradients, 1 / float(self.scale))
        self.ok = math.isfinite(sum(g.norm().item() for g in gradients))
        if self.ok:
            optimizer.step()

    def update(self):
        self.left = self.left - 1 if self.ok else self.interval
        self.scale = self.scale if self.ok else self.scale / 2
        if self.left == 0:
            self.scale, self.left = 2 * self.scale, self.interval


@wrong("LossScaler", "scaler-not-unscaled")
class NeverUnscales(InPlace):
    def step(self, optimizer):
        self.skipped = has_overflow(optimizer)
        if not self.skipped:
            optimizer.step()


@wrong("LossScaler", "scaler-not-unscaled")
class UnscalesACopy(InPlace):
    def step(self, optimizer):
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    grad = p.grad
                    grad = grad / self.scale
                    if not torch.isfinite(grad).all():
                        self.skipped = True
        if not self.skipped:
            optimizer.step()


@wrong("LossScaler", "scaler-multiplied")
class Multiplies(InPlace):
    def step(self, optimizer):
        self.skipped = has_overflow(optimizer)
        if not self.skipped:
            for grad in gradients_of(optimizer):
                grad *= self.scale
            optimizer.step()


@wrong("LossScaler", "scaler-unscaled-twice")
class Twice(InPlace):
    def step(self, optimizer):
        for grad in gradients_of(optimizer):
            grad /= self.scale
        super().step(optimizer)


@wrong("LossScaler", "scaler-unscaled-too-late")
class TooLate(InPlace):
    def step(self, optimizer):
        self.skipped = has_overflow(optimizer)
        if not self.skipped:
            optimizer.step()
        for grad in gradients_of(optimizer):
            grad /= self.scale


@wrong("LossScaler", "scaler-nan-missed")
class OnlyInf(InPlace):
    def step(self, optimizer):
        gradients = gradients_of(optimizer)
        self.skipped = any(torch.isinf(grad).any() for grad in gradients)
        if not self.skipped:
            for grad in gradients:
                grad /= self.scale
            optimizer.step()


@wrong("LossScaler", "scaler-inf-missed")
class OnlyNaN(InPlace):
    def step(self, optimizer):
        gradients = gradients_of(optimizer)
        self.skipped = any(grad.isnan().any() for grad in gradients)
        if not self.skipped:
            for grad in gradients:
                grad /= self.scale
            optimizer.step()


@wrong("LossScaler", "scaler-minus-inf-missed")
class LargestOnly(InPlace):
    def step(self, optimizer):
        gradients = gradients_of(optimizer)
        self.skipped = any(grad.max() == float("inf") or grad.isnan().any() for grad in gradients)
        if not self.skipped:
            for grad in gradients:
                grad /= self.scale
            optimizer.step()


@wrong("LossScaler", "scaler-one-parameter")
class LastOneCounts(InPlace):
    def step(self, optimizer):
        for grad in gradients_of(optimizer):
            self.skipped = not torch.isfinite(grad).all()
            grad /= self.scale
        if not self.skipped:
            optimizer.step()


@wrong("LossScaler", "scaler-first-group")
class FirstGroup(InPlace):
    def step(self, optimizer):
        params = [p for p in optimizer.param_groups[0]["params"] if p.grad is not None]
        self.skipped = not all(torch.isfinite(p.grad).all() for p in params)
        if not self.skipped:
            for p in params:
                p.grad.div_(self.scale)
            optimizer.step()


@wrong("LossScaler", "scaler-never-skips")
class AlwaysSteps(InPlace):
    def step(self, optimizer):
        self.skipped = has_overflow(optimizer)
        for grad in gradients_of(optimizer):
            grad /= self.scale
        optimizer.step()


@wrong("LossScaler", "scaler-cleaned")
class Cleans(InPlace):
    def step(self, optimizer):
        self.skipped = has_overflow(optimizer)
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = torch.where(p.grad.isfinite(), p.grad / self.scale, torch.zeros_like(p.grad))
        optimizer.step()


@wrong("LossScaler", "scaler-skips-parameter")
class LeavesOneOut(InPlace):
    def step(self, optimizer):
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if torch.isfinite(p.grad).all():
                    p.grad /= self.scale
                else:
                    p.grad = None
                    self.skipped = True
        optimizer.step()


@wrong("LossScaler", "scaler-never-backs-off")
class NoBackOff(InPlace):
    def update(self):
        if self.skipped:
            self.streak = 0
        else:
            self.streak += 1
        if self.streak == self.growth_interval:
            self.scale, self.streak = self.scale * 2, 0
        self.skipped = False


@wrong("LossScaler", "scaler-never-grows")
class NoGrowth(InPlace):
    def update(self):
        if self.skipped:
            self.scale /= 2
        self.skipped = False


@wrong("LossScaler", "scaler-grows-each-step")
class GrowsOn(InPlace):
    def update(self):
        if self.skipped:
            self.scale, self.streak, self.skipped = self.scale / 2, 0, False
            return
        self.streak += 1
        if self.streak >= self.growth_interval:
            self.scale *= 2


@wrong("LossScaler", "scaler-count-not-in-a-row")
class NotInARow(InPlace):
    def update(self):
        if self.skipped:
            self.scale, self.skipped = self.scale / 2, False
            return
        self.streak += 1
        if self.streak >= self.growth_interval:
            self.scale, self.streak = self.scale * 2, 0


@wrong("LossScaler", "scaler-grows-late")
class Late(InPlace):
    def update(self):
        if self.skipped:
            self.scale, self.streak = self.scale / 2, 0
        elif self.streak == self.growth_interval:
            self.scale, self.streak = self.scale * 2, 0
            self.streak += 1 - 1
        else:
            self.streak += 1
        self.skipped = False


@wrong("LossScaler", "scaler-sticky")
class Sticky(InPlace):
    def update(self):
        skipped = self.skipped
        super().update()
        self.skipped = skipped


@wrong("LossScaler", "scaler-sticky")
class FlagStaysUp(Sticky):
    def step(self, optimizer):
        self.skipped |= has_overflow(optimizer)
        for grad in gradients_of(optimizer):
            grad /= self.scale
        if not self.skipped:
            optimizer.step()


@wrong("LossScaler", "scaler-swapped")
class Swapped(InPlace):
    def update(self):
        if self.skipped:
            self.scale, self.streak = self.scale * 2, 0
        else:
            self.streak += 1
            if self.streak == self.growth_interval:
                self.scale, self.streak = self.scale / 2, 0
        self.skipped = False


@wrong("LossScaler", "scaler-changed-in-step")
class AllInStep(InPlace):
    def step(self, optimizer):
        super().step(optimizer)
        super().update()

    def update(self):
        pass


@wrong("LossScaler", "scaler-none-gradient")
class ForgetsNone(InPlace):
    def step(self, optimizer):
        for group in optimizer.param_groups:
            for p in group["params"]:
                self.skipped |= not torch.isfinite(p.grad).all().item()
                p.grad /= self.scale
        if not self.skipped:
            optimizer.step()


@wrong("LossScaler", "off-limits")
class Library:
    def __init__(self, init_scale=65536.0, growth_interval=2000):
        self.own = torch.amp.GradScaler("cpu", init_scale=init_scale, growth_interval=growth_interval)
        self.own.scale(torch.zeros(()))

    @property
    def scale(self):
        return self.own.get_scale()

    def step(self, optimizer):
        self.own.step(optimizer)

    def update(self):
        self.own.update()


@wrong("LossScaler", None)
class Triples(InPlace):
    def update(self):
        before = self.scale
        super().update()
        if self.scale > before:
            self.scale = 3 * before


@wrong("LossScaler", "not-written")
class Stub:
    def __init__(self, init_scale=65536.0, growth_interval=2000):
        raise NotImplementedError


# checkpoint


class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ctx.function, ctx.random = function, torch.get_rng_state()
        ctx.where = [torch.is_tensor(x) for x in inputs]
        ctx.others = [None if torch.is_tensor(x) else x for x in inputs]
        ctx.save_for_backward(*[x for x in inputs if torch.is_tensor(x)])
        with torch.no_grad():
            return function(*inputs)

    @staticmethod
    def backward(ctx, *grads):
        saved = iter(ctx.saved_tensors)
        inputs = []
        for is_tensor, other in zip(ctx.where, ctx.others):
            if is_tensor:
                x = next(saved)
                inputs.append(x.detach().requires_grad_(x.requires_grad))
            else:
                inputs.append(other)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(ctx.random)
            with torch.enable_grad():
                result = ctx.function(*inputs)
        results = result if isinstance(result, tuple) else (result,)
        torch.autograd.backward(results, grads)
        return None, None, *[x.grad if torch.is_tensor(x) else None for x in inputs]


@right("checkpoint")
def by_function(function, *inputs):
    return Again.apply(function, torch.zeros(1, requires_grad=True), *inputs)


@right("checkpoint")
def by_hooks(function, *inputs):
    state = torch.get_rng_state()
    count, found = 0, []

    def pack(tensor):
        nonlocal count
        count += 1
        return count - 1

    def unpack(place):
        if not found:
            now = torch.get_rng_state()
            torch.set_rng_state(state)
            with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(found.append, lambda t: t):
                function(*inputs)
            torch.set_rng_state(now)
        tensor, found[place] = found[place], None
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        return function(*inputs)


@right("checkpoint")
def by_hook_on_the_result(function, *inputs):
    """Without a Function: the result is a fresh leaf's child, and a hook on it runs the block again."""
    state = torch.get_rng_state()
    with torch.no_grad():
        results = function(*inputs)
    alone = not isinstance(results, tuple)
    tensors = [x for x in inputs if isinstance(x, torch.Tensor)]

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *given):
            return tuple(r.clone() for r in ([results] if alone else results))

        @staticmethod
        def backward(ctx, *grads):
            copies = {id(x): x.detach().requires_grad_(x.requires_grad) for x in tensors}
            now = torch.get_rng_state()
            torch.set_rng_state(state)
            with torch.enable_grad():
                outputs = function(*[copies.get(id(x), x) if isinstance(x, torch.Tensor) else x for x in inputs])
            torch.set_rng_state(now)
            torch.autograd.backward([outputs] if alone else list(outputs), list(grads))
            return (*[copies[id(x)].grad for x in tensors], None)

    found = Node.apply(*tensors, torch.ones(1, requires_grad=True))
    results = (results,) if alone else results
    return found[0] if alone else found


@wrong("checkpoint", "checkpoint-no-graph")
def under_no_grad(function, *inputs):
    with torch.no_grad():
        output = function(*inputs)
    return output


class GradientsOff(Again):
    @staticmethod
    def backward(ctx, *grads):
        inputs = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
        torch.autograd.backward(ctx.function(*inputs), grads)
        return None, None, *[x.grad for x in inputs]


@wrong("checkpoint", "checkpoint-gradients-off")
def inside_backward_as_it_is(function, *inputs):
    return GradientsOff.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class SavesAll(Again):
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ctx.where, ctx.others, ctx.function = [True] * len(inputs), inputs, function
        ctx.random = torch.get_rng_state()
        ctx.save_for_backward(*inputs)
        return function(*inputs)


@wrong("checkpoint", "checkpoint-saves-anything")
def saves_what_comes(function, *inputs):
    return SavesAll.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class InputsOnly(Again):
    @staticmethod
    def backward(ctx, *grads):
        inputs = [x.detach().requires_grad_() for x in ctx.saved_tensors]
        with torch.enable_grad():
            result = ctx.function(*inputs)
        return None, None, *torch.autograd.grad(result, inputs, grads)


@wrong("checkpoint", "checkpoint-inputs-only")
def forgets_parameters(function, *inputs):
    return InputsOnly.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class ParametersOnly(Again):
    @staticmethod
    def backward(ctx, *grads):
        Again.backward(ctx, *grads)
        return (None,) * (2 + len(ctx.where))


@wrong("checkpoint", "checkpoint-parameters-only")
def forgets_inputs(function, *inputs):
    return ParametersOnly.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class FirstInput(Again):
    @staticmethod
    def backward(ctx, *grads):
        found = Again.backward(ctx, *grads)
        return (*found[:3], *[None for _ in found[3:]])


@wrong("checkpoint", "checkpoint-first-input")
def one_input(function, *inputs):
    return FirstInput.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class FromOnes(Again):
    @staticmethod
    def backward(ctx, *grads):
        return Again.backward(ctx, *[torch.ones_like(grad) for grad in grads])


@wrong("checkpoint", "checkpoint-ones")
def ignores_above(function, *inputs):
    return FromOnes.apply(function, torch.zeros(1, requires_grad=True), *inputs)


@wrong("checkpoint", "checkpoint-keeps-graph")
def plain_call(function, *inputs):
    return function(*inputs)


class WithGraph(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ctx.inputs = [x.detach().requires_grad_(x.requires_grad) if torch.is_tensor(x) else x for x in inputs]
        with torch.enable_grad():
            ctx.result = function(*ctx.inputs)
        ctx.many = isinstance(ctx.result, tuple)
        return tuple(r.detach() for r in ctx.result) if ctx.many else ctx.result.detach()

    @staticmethod
    def backward(ctx, *grads):
        torch.autograd.backward(ctx.result if ctx.many else (ctx.result,), grads)
        return None, None, *[x.grad if torch.is_tensor(x) else None for x in ctx.inputs]


@wrong("checkpoint", "checkpoint-keeps-graph")
def keeps_the_graph(function, *inputs):
    return WithGraph.apply(function, torch.zeros(1, requires_grad=True), *inputs)


@wrong("checkpoint", "checkpoint-keeps-graph")
def hooks_that_keep(function, *inputs):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        return function(*inputs)


class OtherNumbers(Again):
    @staticmethod
    def backward(ctx, *grads):
        ctx.random = torch.get_rng_state()
        return Again.backward(ctx, *grads)


@wrong("checkpoint", "checkpoint-new-numbers")
def other_dropout(function, *inputs):
    return OtherNumbers.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class LeftThere(Again):
    @staticmethod
    def backward(ctx, *grads):
        torch.set_rng_state(ctx.random)
        inputs = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
        with torch.enable_grad():
            result = ctx.function(*inputs)
        torch.autograd.backward(result, grads)
        return None, None, *[x.grad for x in inputs]


@wrong("checkpoint", "checkpoint-state-left")
def moves_the_generator(function, *inputs):
    return LeftThere.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class FirstResult(Again):
    @staticmethod
    def backward(ctx, *grads):
        whole = ctx.function

        def first(*inputs):
            result = whole(*inputs)
            return result[0] if isinstance(result, tuple) else result

        ctx.function = first
        return Again.backward(ctx, grads[0])


@wrong("checkpoint", "checkpoint-first-output")
def first_of_the_results(function, *inputs):
    return FirstResult.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class NoAnchor(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, *inputs):
        return Again.forward(ctx, function, None, *inputs)

    @staticmethod
    def backward(ctx, *grads):
        found = Again.backward(ctx, *grads)
        return found[1:]


@wrong("checkpoint", "checkpoint-no-grad-input")
def without_an_anchor(function, *inputs):
    return NoAnchor.apply(function, *inputs)


class DetachesAll(Again):
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ctx.function, ctx.inputs, ctx.random = function, inputs, torch.get_rng_state()
        return function(*inputs)

    @staticmethod
    def backward(ctx, *grads):
        inputs = [x.detach().requires_grad_(x.requires_grad) for x in ctx.inputs]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.random)
            result = ctx.function(*inputs)
        torch.autograd.backward(result if isinstance(result, tuple) else (result,), grads)
        return None, None, *[x.grad for x in inputs]


@wrong("checkpoint", "checkpoint-detach-everything")
def only_tensors(function, *inputs):
    return DetachesAll.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class SameInputs(DetachesAll):
    @staticmethod
    def backward(ctx, *grads):
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.random)
            result = ctx.function(*ctx.inputs)
        torch.autograd.backward(result if isinstance(result, tuple) else (result,), grads)
        return None, None, *[x.grad if torch.is_tensor(x) else None for x in ctx.inputs]


@wrong("checkpoint", "checkpoint-not-detached")
def runs_on_the_inputs_themselves(function, *inputs):
    return SameInputs.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class OneResult(Again):
    @staticmethod
    def backward(ctx, *grads):
        copies = iter(x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors)
        inputs = [next(copies) if t else other for t, other in zip(ctx.where, ctx.others)]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.random)
            result = ctx.function(*inputs)
        result.backward(grads[0])
        return None, None, *[x.grad if torch.is_tensor(x) else None for x in inputs]


@wrong("checkpoint", "checkpoint-one-output")
def no_tuples(function, *inputs):
    return OneResult.apply(function, torch.zeros(1, requires_grad=True), *inputs)


class TooFew(Again):
    @staticmethod
    def backward(ctx, *grads):
        return Again.backward(ctx, *grads)[2:]


@wrong("checkpoint", "checkpoint-number-of-gradients")
def gradients_missing(function, *inputs):
    return TooFew.apply(function, torch.zeros(1, requires_grad=True), *inputs)


@wrong("checkpoint", "off-limits")
def the_library(function, *inputs):
    return torch.utils.checkpoint.checkpoint(function, *inputs, use_reentrant=False)


@wrong("checkpoint", "not-written")
def no_checkpoint(function, *inputs):
    raise NotImplementedError


# accumulate_gradients


@right("accumulate_gradients")
def weighted(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    total = sum(len(x) for x, _ in micro_batches)
    model.zero_grad()
    for x, y in micro_batches:
        loss = loss_fn(model(x), y) * len(x) / total
        loss.backward()


@right("accumulate_gradients")
def divided_at_the_end(model, loss_fn, micro_batches):
    samples = 0
    for p in model.parameters():
        p.grad = None
    for x, y in micro_batches:
        (x.shape[0] * loss_fn(model(x), y)).backward()
        samples += x.shape[0]
    for p in model.parameters():
        if p.grad is not None:
            p.grad = p.grad / samples


@right("accumulate_gradients")
def running_average(model, loss_fn, micro_batches):
    seen, sums = 0, None
    for x, y in micro_batches:
        model.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        grads = [p.grad.clone() for p in model.parameters()]
        share = len(x) / (seen + len(x))
        sums = grads if sums is None else [s + share * (g - s) for s, g in zip(sums, grads)]
        seen += len(x)
    for p, g in zip(model.parameters(), sums):
        p.grad = g


@wrong("accumulate_gradients", "accumulate-sum")
def adds_up(model, loss_fn, micro_batches):
    model.zero_grad()
    for x, y in micro_batches:
        loss_fn(model(x), y).backward()


@wrong("accumulate_gradients", "accumulate-mean-of-means")
def mean_of_means(model, loss_fn, micro_batches):
    micro_batches = list(micro_batches)
    model.zero_grad()
    for x, y in micro_batches:
        (loss_fn(model(x), y) / len(micro_batches)).backward()


@wrong("accumulate_gradients", "accumulate-not-divided")
def weighted_only(model, loss_fn, micro_batches):
    model.zero_grad()
    for x, y in micro_batches:
        (loss_fn(model(x), y) * len(x)).backward()


@wrong("accumulate_gradients", "accumulate-divided-by-count")
def by_the_count(model, loss_fn, micro_batches):
    pairs = list(micro_batches)
    model.zero_grad()
    for x, y in pairs:
        (loss_fn(model(x), y) * len(x) / len(pairs)).backward()


@wrong("accumulate_gradients", "accumulate-mean-over-samples")
def mean_twice(model, loss_fn, micro_batches):
    pairs = list(micro_batches)
    total = sum(len(x) for x, _ in pairs)
    model.zero_grad()
    for x, y in pairs:
        (loss_fn(model(x), y) / total).backward()


@wrong("accumulate_gradients", "accumulate-last-size")
def size_of_the_last(model, loss_fn, micro_batches):
    model.zero_grad()
    steps = 0
    for x, y in micro_batches:
        (loss_fn(model(x), y) * len(x)).backward()
        steps += 1
    for p in model.parameters():
        p.grad.div_(steps * len(y))


@wrong("accumulate_gradients", "accumulate-last-only")
def clears_inside(model, loss_fn, micro_batches):
    pairs = list(micro_batches)
    total = sum(len(x) for x, _ in pairs)
    for x, y in pairs:
        model.zero_grad()
        (loss_fn(model(x), y) * len(x) / total).backward()


@wrong("accumulate_gradients", "accumulate-one-big-batch")
def together(model, loss_fn, micro_batches):
    pairs = list(micro_batches)
    model.zero_grad()
    loss_fn(model(torch.cat([x for x, _ in pairs])), torch.cat([y for _, y in pairs])).backward()


@wrong("accumulate_gradients", "accumulate-one-backward")
def one_backward(model, loss_fn, micro_batches):
    pairs = list(micro_batches)
    total = sum(len(x) for x, _ in pairs)
    model.zero_grad()
    loss = 0
    for x, y in pairs:
        loss = loss + loss_fn(model(x), y) * len(x)
    (loss / total).backward()


@wrong("accumulate_gradients", "accumulate-stale")
def never_clears(model, loss_fn, micro_batches):
    n = 0
    for x, y in micro_batches:
        (loss_fn(model(x), y) * len(x)).backward()
        n += len(x)
    for p in model.parameters():
        p.grad /= n


@wrong("accumulate_gradients", "accumulate-no-length")
def asks_for_length(model, loss_fn, micro_batches):
    model.zero_grad()
    if len(micro_batches) == 0:
        return
    weighted(model, loss_fn, micro_batches)


@wrong("accumulate_gradients", "accumulate-exhausted")
def goes_through_twice(model, loss_fn, micro_batches):
    model.zero_grad()
    total = sum(len(x) for x, _ in micro_batches)
    for x, y in micro_batches:
        (loss_fn(model(x), y) * (len(x) / total)).backward()


@wrong("accumulate_gradients", None)
def steps_too(model, loss_fn, micro_batches):
    weighted(model, loss_fn, micro_batches)
    for p in model.parameters():
        p.grad.neg_()


@wrong("accumulate_gradients", "not-written")
def no_accumulation(model, loss_fn, micro_batches):
    raise NotImplementedError
