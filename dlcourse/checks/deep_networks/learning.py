"""Learning: initial weights, the training loop and the score."""

import math
import weakref

import torch
from torch import nn

from ..asking import normal
from ..core import Check, Mistake, Part
from ..watching import paused


# ------------------------------------------------------------------------------------------ kaiming_normal


def fans(*sizes):
    """Cases: (fan_out, fan_in) and a generator's seed."""
    return lambda g: [{"fan_out": out, "fan_in": fan_in, "seed": int(torch.randint(2 ** 31, (), generator=g))}
                      for out, fan_in in sizes]


def statistics(answer, fan_out, fan_in, seed):
    """What can be said of the weights whatever the order of draws is."""
    w = answer(fan_out, fan_in, torch.Generator().manual_seed(seed))
    if not isinstance(w, torch.Tensor) or w.shape != (fan_out, fan_in) or w.dtype != torch.float32:
        return {"weight": w}
    w = w.detach().double()
    spread = w.std(correction=0)
    return {"weight": torch.zeros(fan_out, fan_in), "variance · fan_in": spread.square().item() * fan_in,
            "mean / standard deviation": (w.mean() / spread).item(),
            "fourth moment / variance²": ((w - w.mean()) ** 4).mean().item() / spread.item() ** 4}


def draws(answer, fan_out, fan_in, seed):
    """How it uses the generator."""
    torch.default_generator.manual_seed(seed)  # somewhere that no answer leaves it by seeding anew
    generator, before = torch.Generator().manual_seed(seed), torch.random.get_rng_state()
    first, second = (answer(fan_out, fan_in, generator) for _ in range(2))
    once_more = answer(fan_out, fan_in, torch.Generator().manual_seed(seed))
    if not all(isinstance(w, torch.Tensor) for w in (first, second, once_more)):
        return {"weight": first}
    return {"same state, same weights": torch.equal(first, once_more),
            "a second call gives other weights": not torch.equal(first, second),
            "the global random state is as before": torch.equal(before, torch.random.get_rng_state())}


def scale_kept(answer, fan_out, fan_in, seed, layers=50):
    """The size of the signal after 50 ReLU layers against that after the first, as a power of ten."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(32, fan_in, generator=torch.Generator().manual_seed(seed + 1))
    with paused():
        sizes = []
        for _ in range(layers):
            x = (x @ answer(fan_out, fan_in, generator).float().T).clamp(min=0).double().float()
            sizes.append(x.double().square().mean().item())
    return {"powers of ten lost or gained": math.log10(max(sizes[-1], 1e-45) / max(sizes[0], 1e-45))}


def _weights(variance, draw=torch.randn):
    """A kaiming_normal with another variance(fan_out, fan_in)."""
    return lambda fan_out, fan_in, generator: variance(fan_out, fan_in) ** 0.5 * draw(
        fan_out, fan_in, generator=generator)


def _even(*shape, generator):
    return (2 * torch.rand(*shape, generator=generator) - 1) * 3 ** 0.5


def _reseeded(fan_out, fan_in, generator):
    return _he(fan_out, fan_in, torch.Generator().manual_seed(0))


def _seed_from(fan_out, fan_in, generator):
    return _he(fan_out, fan_in, torch.Generator().manual_seed(generator.initial_seed()))


_he = _weights(lambda o, i: 2 / i)

kaiming_normal = Check(
    "kaiming_normal", "kaiming_normal(fan_out, fan_in, generator)", _he,
    [Part("statistics", 0.55, "normal, with mean 0 and variance 2 / fan_in", fans((200, 300), (500, 100)), statistics,
          rounding=(0.06, 0.03)),
     Part("generator", 0.25, "all randomness comes from the generator, which moves on", fans((20, 30)), draws),
     Part("depth", 0.2, "a signal keeps its scale through 50 ReLU layers", fans((128, 128)), scale_kept,
          rounding=(0.0, 4.5))],
    [Mistake("kaiming-generator", "The weights do not come from the generator that was handed in. `torch.randn` takes "
             "it as `generator=`.", lambda o, i, generator: (2 / i) ** 0.5 * torch.randn(o, i)),
     Mistake("kaiming-double", "The weight is float64. float32 was asked for, which is what `torch.randn` gives unless "
             "told otherwise.",
             shows=lambda finding, seen, case: finding.kind == "dtype" and finding.got == "float64"),
     Mistake("kaiming-global-seed", "The global generator is seeded anew on every call: all weights are alike, and "
             "everybody else's random numbers change too. Draw from the generator that was handed in, `generator=`.",
             lambda o, i, generator: (2 / i) ** 0.5 * torch.randn(o, i, generator=torch.manual_seed(0))),
     Mistake("kaiming-restarted", "Every call gives the same weights: it starts from a fixed seed each time. Draw from "
             "the generator as it comes, and it moves on by itself.",
             [_seed_from, _reseeded,
              lambda o, i, generator: _he(o, i, generator.manual_seed(generator.initial_seed()))]),
     Mistake("kaiming-xavier", "The variance is 1 / fan_in, which keeps the size of a signal where there is no bend. "
             "ReLU removes half of it: pay that back.", _weights(lambda o, i: 1 / i)),
     Mistake("kaiming-fan-out", "The variance is 2 / fan_out. What a unit sums over is its inputs, so it is the fan-in "
             "that counts.", _weights(lambda o, i: 2 / o)),
     Mistake("kaiming-average", "The variance is 2 / (fan_in + fan_out), Glorot's compromise. He's has the fan-in "
             "alone.",
             _weights(lambda o, i: 2 / (o + i))),
     Mistake("kaiming-no-root", "2 / fan_in is the variance; here it is the standard deviation. The square root is "
             "missing, or it reaches only the 2.",
             [_weights(lambda o, i: (2 / i) ** 2), _weights(lambda o, i: 2 / i ** 2)]),
     Mistake("kaiming-two-outside", "The standard deviation is 2 / √fan_in: the 2 belongs under the root.",
             _weights(lambda o, i: 4 / i)),
     Mistake("kaiming-upside-down", "The variance is fan_in / 2: the fraction is upside down.",
             _weights(lambda o, i: i / 2)),
     Mistake("kaiming-unscaled", "The variance is 1: the weights are not scaled.", _weights(lambda o, i: 1.0)),
     Mistake("kaiming-halved", "The variance is 1 / (2·fan_in): divided by 2 where it should be multiplied.",
             _weights(lambda o, i: 0.5 / i)),
     Mistake("kaiming-uniform", "The spread is right, but the numbers are spread evenly between two bounds. A normal "
             "distribution was asked for.", _weights(lambda o, i: 2 / i, _even)),
     Mistake("kaiming-even", "The numbers lie evenly between −√(2/fan_in) and √(2/fan_in), or between 0 and it. A "
             "normal distribution with that standard deviation was asked for.",
             [_weights(lambda o, i: 2 / i / 3, _even), _weights(lambda o, i: 2 / i, torch.rand)]),
     Mistake("kaiming-turned", "The weight is (fan_in, fan_out); `linear` takes W (out, in).",
             lambda o, i, generator: _he(o, i, generator).T)],
    off_limits=frozenset({"torch.nn.init"}), instead="`torch.randn` takes a generator; scale what it gives.")

# --------------------------------------------------------------------------------------------------- train


class _Batches:
    """Batches that can be gone through again and again; `before` is called before each is handed out."""

    def __init__(self, x, y, size, before=lambda: None):
        self.batches = list(zip(x.split(size), y.split(size)))
        self.before = before

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for x, y in self.batches:
            self.before()
            yield x.clone(), y.clone()


class _Student(nn.Module):
    """Two layers, with batch norm and dropout between them if asked for; notes how it was called."""

    def __init__(self, numbers, moody, outputs=2):
        super().__init__()
        self.first, self.last = nn.Linear(3, 5), nn.Linear(5, outputs)
        self.norm = nn.BatchNorm1d(5) if moody else nn.Identity()
        self.drop = nn.Dropout(0.4) if moody else nn.Identity()
        self.double()
        self.modes, self.recorded = [], []
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(numbers[:parameter.numel()].view_as(parameter))
                numbers = numbers[parameter.numel():]
            if moody:
                self.norm.running_mean += numbers[:5]
                self.norm.running_var += numbers[5:10].abs()

    def forward(self, x):
        self.modes.append(self.training)
        self.recorded.append(torch.is_grad_enabled())
        return self.last(self.drop(torch.tanh(self.norm(self.first(x)))))


class _Descent:
    """Gradient descent with what a training loop calls of an optimizer; torch.optim takes a second to load."""

    def __init__(self, parameters, lr, passes):
        self.param_groups, self.steps, self.early = [{"params": list(parameters), "lr": lr}], 0, 0
        self.passes = passes  # grows by one entry with each backward pass

    def zero_grad(self, set_to_none=True):
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self):
        self.steps += 1
        self.early += len(self.passes) < self.steps
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is not None:
                parameter -= self.param_groups[0]["lr"] * parameter.grad


def lessons(*askings):
    """Cases: (samples, batch size, epochs, options)."""
    return lambda g: [{"x": normal(g, n, 3), "y": normal(g, n, 2), "numbers": normal(g, 60), "size": size,
                       "epochs": epochs, **options} for n, size, epochs, options in askings]


def lopsided(prediction, target):
    """A mean square error that weighs large targets more, so that its arguments cannot be swapped unseen."""
    return ((prediction - target).square() * (1 + target.square())).mean()


def _school(answer, x, y, numbers, size, epochs, moody=False, stale=False, training=True, loss_fn=lopsided,
            before=lambda: None, passes=()):
    """Train a student; return what train gave back, and the student."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed does more, and takes a millisecond
    student, batches = _Student(numbers, moody), _Batches(x, y, size, before)
    student.train(training)
    if stale:
        for parameter in student.parameters():
            parameter.grad = torch.full_like(parameter, 3.0)
    optimizer = _Descent(student.parameters(), 0.02, passes)
    student.optimizer = [optimizer]  # in a list: no part of the module
    return answer(student, batches, optimizer, loss_fn, epochs), student


def learned(answer, **case):
    """The parameters after training, and how often the model was run for it."""
    passes = []

    def loss_fn(prediction, target):
        loss = lopsided(prediction, target)
        if loss.requires_grad:
            loss.register_hook(lambda grad: passes.append(1))
        return loss

    _, student = _school(answer, **case, loss_fn=loss_fn, passes=passes)
    optimizer, = student.optimizer
    return {"forward passes": len(student.modes), "backward passes": len(passes), "optimizer steps": optimizer.steps,
            "steps before the backward pass of their batch": optimizer.early,
            "parameters": {name: tensor for name, tensor in student.state_dict().items() if "num_batch" not in name}}


def reported(answer, **case):
    """The losses that train returns."""
    return {"losses": _school(answer, **case)[0]}


def moods(answer, **case):
    """The mode of the model in each forward pass, and what it has learned."""
    _, student = _school(answer, **case)
    return {"model.training in each forward pass": student.modes, "weights": student.last.weight}


class _Mark:
    """Something that lives as long as the node of a graph that it is tied to."""


def graphs(answer, **case):
    """Are graphs of earlier batches kept alive, during training or after it?"""
    marks, kept = [], []

    def loss_fn(prediction, target):
        loss, mark = lopsided(prediction, target), _Mark()
        loss.grad_fn.metadata["mark"] = mark
        marks.append(weakref.ref(mark))
        return loss

    found, _ = _school(answer, **case, loss_fn=loss_fn,
                        before=lambda: kept.append(any(mark() for mark in marks[:-1])))
    return {"graphs of earlier batches kept during training": any(kept),
            "graphs kept in what train returns": found is not None and any(mark() for mark in marks)}


def _loop(*, mode=True, zero="first", backward=True, step="batch", mean="samples", swapped=False, late=False, item=True,
          late_item=False, epochs=None):
    """train, with habits: see the mistakes."""
    def train(model, batches, optimizer, loss_fn, asked):
        if mode is not None:
            model.train(mode)
        losses, everything, total, count = [], [], 0.0, 0
        for _ in range(epochs or asked):
            if mean != "never reset":
                total, count = 0.0, 0
            batch_losses = []
            if zero == "epoch":
                optimizer.zero_grad()
            for x, y in batches:
                if zero == "first":
                    optimizer.zero_grad()
                prediction = model(x)
                loss = loss_fn(y, prediction) if swapped else loss_fn(prediction, y)
                if step == "early":
                    optimizer.step()
                if backward:
                    loss.backward()
                if zero == "too late":
                    optimizer.zero_grad()
                if step == "batch":
                    optimizer.step()
                if zero == "last":
                    optimizer.zero_grad()
                if late:
                    loss = loss_fn(model(x), y)
                value = loss.item() if item else loss
                total, count = total + value * len(x), count + len(x)
                batch_losses.append(value)
            if step == "epoch":
                optimizer.step()
            everything += batch_losses
            batch_mean = sum(batch_losses) / len(batch_losses)
            batches_seen = len(batch_losses)
            losses.append({"batches": batch_mean, "last": batch_losses[-1], "sum": total,
                           "plain sum": sum(batch_losses), "unweighed": sum(batch_losses) / count,
                           "per batch": total / batches_seen,
                           "first size": total / batches_seen / 4}.get(mean, total / count))
            if late_item:
                losses[-1] = losses[-1].item()
        return everything if mean == "all" else losses
    return train


train = Check(
    "train", "train(model, batches, optimizer, loss_fn, epochs)", _loop(),
    [Part("learns", 0.35, "one step for each batch, each batch once in every epoch",
          lessons((8, 4, 1, {}), (8, 4, 3, {})), learned,
          shows=lambda case: f"train(…) on 2 batches of 4, epochs = {case['epochs']}"),
     Part("losses", 0.25, "one number per epoch: the mean loss over its samples, also where the last batch is smaller",
          lessons((8, 4, 2, {}), (10, 4, 3, {})), reported,
          shows=lambda case: f"train(…) on {len(case['x'])} samples in batches of 4, epochs = {case['epochs']}"),
     Part("mode", 0.15, "the model is in training mode whatever it was before",
          lessons((8, 4, 2, {"moody": True, "training": False})), moods,
          shows=lambda case: "train(…) of a model with batch norm and dropout that comes in eval mode"),
     Part("stale gradients", 0.15, "gradients that were there before have no say",
          lessons((8, 4, 2, {"stale": True})), learned,
          shows=lambda case: "train(…) of a model whose .grad is filled before the call"),
     Part("no graph kept", 0.1, "a batch's graph is let go of when its step is done", lessons((12, 4, 2, {})), graphs,
          shows=lambda case: "train(…) on 3 batches, while counting the graphs that are still alive")],
    [Mistake("train-never-cleared", "Gradients of earlier batches are still there: `backward` adds to .grad, so it has "
             "to be cleared for each batch.", [_loop(zero="never"), _loop(zero="epoch")]),
     Mistake("train-cleared-too-late", "No weight moved: the gradients are cleared between `backward` and `step`, "
             "so that it finds none.", _loop(zero="too late")),
     Mistake("train-step-before-backward", "`step` comes before `backward`, so it finds what was in .grad before: "
             "nothing, or another batch's gradients. It needs those that `backward` makes of this batch.",
             [_loop(step="early", zero=zero) for zero in ("first", "last", "never")]),
     Mistake("train-no-step", "No weight moved: the gradients are there, and `optimizer.step()` is never called.",
             [_loop(step="never"), _loop(step="never", zero="never")]),
     Mistake("train-no-backward", "No weight moved: nothing goes backward, so `step` finds no gradients. "
             "`loss.backward()` makes them.", _loop(backward=False)),
     Mistake("train-stale", "The gradients that stood in .grad before the call got into the first step: they are "
             "cleared at the end of a step only. Clear them before each `backward`.", _loop(zero="last")),
     Mistake("train-step-per-epoch", "There is one step per epoch. The optimizer steps after every batch: that is what "
             "batches are for.",
             [_loop(step="epoch"), _loop(step="epoch", zero="epoch"), _loop(step="epoch", zero="never")]),
     Mistake("train-one-epoch", "The batches were gone through once, whatever `epochs` says.", _loop(epochs=1)),
     Mistake("train-arguments-swapped", "The loss was called as loss_fn(target, prediction); the prediction comes "
             "first.",
             _loop(swapped=True)),
     Mistake("train-mean-of-batches", "The loss of an epoch is the mean of the batches' losses, so the samples of a "
             "small last batch count more than the others. Weigh each batch by its size.", _loop(mean="batches")),
     Mistake("train-sum", "The losses are summed over an epoch and not divided by the number of samples.",
             [_loop(mean="sum"), _loop(mean="plain sum")]),
     Mistake("train-unweighed", "The sum of the batches' losses is divided by the number of samples. Each of them is a "
             "mean already: weigh it by the size of its batch before it is added.", _loop(mean="unweighed")),
     Mistake("train-divided-by-batches", "The sum over samples is divided by the number of batches; divide by the "
             "number of samples.", _loop(mean="per batch")),
     Mistake("train-last-loss", "The loss of an epoch is that of its last batch alone.", _loop(mean="last")),
     Mistake("train-every-batch", "There is a loss for every batch; one for each epoch was asked for.",
             _loop(mean="all")),
     Mistake("train-number-of-losses", "There is not one number for each epoch. Does the `append` stand in the loop "
             "over the epochs, and the `return` after it?",
             shows=lambda finding, seen, case: finding.path == ("losses",) and finding.kind == "shape"),
     Mistake("train-total-runs-on", "The sum is not set back to 0 between epochs, so each loss has the earlier epochs "
             "in it.",
             _loop(mean="never reset")),
     Mistake("train-eval-mode", "The model was not put into training mode. It came in eval mode, where dropout does "
             "nothing and batch norm uses old statistics.", [_loop(mode=None), _loop(mode=False)]),
     Mistake("train-looks-twice", "The model is run twice for each batch, once more after the step. The loss of the "
             "batch is there already, and a second pass costs as much again.", _loop(late=True)),
     Mistake("train-graph-kept", "The sum is made of loss tensors, and each drags its graph along: memory grows with "
             "every batch. Add the plain number, `loss.item()`.", 
             [_loop(item=False), _loop(item=False, late_item=True)]),
     Mistake("train-size-assumed", "All batches are taken to be as large as the first; the last one may be smaller.",
             _loop(mean="first size"))])

# ------------------------------------------------------------------------------------------------ evaluate


def exams(*askings):
    """Cases: (samples, batch size, options). Two of three labels are those that the model in eval mode gives."""
    def cases(g):
        made = []
        for n, size, options in askings:
            numbers, x = normal(g, 60), normal(g, n, 3)
            with torch.no_grad():
                y = _Student(numbers, options.get("moody", False), 3).eval()(x).argmax(1)
            wrong = torch.arange(n) % 3 == 2
            wrong[-1] = True  # the small batch at the end is the hard one
            y[wrong] = (y[wrong] + 1) % 3
            made.append({"x": x, "y": y, "numbers": numbers, "size": size, **options})
        return made
    return cases


def _exam(answer, x, y, numbers, size, moody=False, training=False):
    torch.default_generator.manual_seed(0)
    student, batches = _Student(numbers, moody, 3), _Batches(x, y, size)
    student.train(training)
    return answer(student, batches), student


def scored(answer, **case):
    """The accuracy."""
    return {"accuracy": _exam(answer, **case)[0]}


def in_eval(answer, **case):
    """The accuracy of a model in training mode, the mode it was run in, and its statistics afterwards."""
    found, student = _exam(answer, **case)
    return {"model.training in each forward pass": sorted(set(student.modes)), "accuracy": found,
            "running mean": student.norm.running_mean}


def mode_after(answer, **case):
    """The mode the model is left in."""
    return {"model.training afterwards": _exam(answer, **case)[1].training}


def without_gradients(answer, **case):
    """Whether gradients were recorded during the forward passes, and whether they can be again afterwards."""
    _, student = _exam(answer, **case)
    after = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    return {"gradients recorded in forward": any(student.recorded), "gradients can be recorded afterwards": after}


def _marks(*, score="share", axis=1, mode="restored", grad="off"):
    """evaluate, with habits: see the mistakes."""
    def evaluate(model, batches):
        before = model.training
        if mode != "as it came":
            model.eval()
        shares, right, count, first = [], 0, 0, None
        with torch.set_grad_enabled(grad == "on"):
            for x, y in batches:
                hits = model(x).argmax(axis) == y
                first = first or len(y)
                shares.append(hits.double().mean().item())
                right, count = right + hits.sum().item(), count + len(y)
        if grad == "left off":
            torch.set_grad_enabled(False)
        model.train({"restored": before, "always train": True, "left in eval": False}.get(mode, before))
        return {"batches": sum(shares) / len(shares), "count": right, "last": shares[-1],
                "percent": 100 * right / count, "wrong": 1 - right / count, "per batch": right / len(shares),
                "rounded": float(round(right / count)), "floor": right // count, "sum": sum(shares),
                "first size": right / (len(shares) * first)}.get(score, right / count)
    return evaluate


evaluate = Check(
    "evaluate", "evaluate(model, batches)", _marks(),
    [Part("accuracy", 0.4, "the share of samples whose largest output is at their label",
          exams((12, 4, {}), (12, 6, {})), scored, shows=lambda case: f"evaluate(model, batches) on 12 samples in "
          f"batches of {case['size']}"),
     Part("uneven batches", 0.2, "every sample counts the same, also in a smaller last batch",
          exams((11, 4, {}), (9, 5, {})),
          scored, shows=lambda case: f"evaluate(model, batches) on {len(case['x'])} samples in batches of "
          f"{case['size']}"),
     Part("eval mode", 0.2, "dropout is off, and batch norm uses its statistics and leaves them",
          exams((12, 4, {"moody": True, "training": True})), in_eval,
          shows=lambda case: "evaluate(model, batches) of a model with batch norm and dropout, in training mode"),
     Part("mode afterwards", 0.1, "a model is given back in the mode it came in",
          exams((8, 4, {"training": True}), (8, 4, {"training": False})), mode_after,
          shows=lambda case: "evaluate(model, batches) of a model in "
          f"{'training' if case['training'] else 'eval'} mode"),
     Part("no gradients", 0.1, "no graph is recorded, and afterwards it can be again", exams((8, 4, {})),
          without_gradients, shows=lambda case: "evaluate(model, batches)")],
    [Mistake("evaluate-mean-of-batches", "This is the mean of the batches' accuracies, so samples of a small last "
             "batch count more. Count right answers and samples, and divide once.", _marks(score="batches")),
     Mistake("evaluate-percent", "This is a percentage. A share between 0 and 1 was asked for.",
             _marks(score="percent")),
     Mistake("evaluate-count", "This is the number of right answers; it should be divided by the number of samples.",
             _marks(score="count")),
     Mistake("evaluate-divided-by-batches", "The number of right answers is divided by the number of batches; divide "
             "by the number of samples.", _marks(score="per batch")),
     Mistake("evaluate-sum", "The accuracies of the batches are summed and not divided.", _marks(score="sum")),
     Mistake("evaluate-last-batch", "Only the last batch counts.", _marks(score="last")),
     Mistake("evaluate-error", "This is the share of wrong answers.", _marks(score="wrong")),
     Mistake("evaluate-whole-number", "A division or a rounding made a whole number of it: `//` and `round` do that.",
             [_marks(score="floor"), _marks(score="rounded")]),
     Mistake("evaluate-size-assumed", "All batches are taken to be as large as the first; the last one may be smaller.",
             _marks(score="first size")),
     Mistake("evaluate-wrong-axis", "The largest output was looked for over the batch, not over the classes: outputs "
             "are (N, classes).", shows=lambda finding, seen, case: "raised" in seen
             and "must match the size" in seen["raised"]["text"]),
     Mistake("evaluate-no-axis", "`argmax()` without an axis gives one place in the whole batch, and all samples were "
             "compared with it. Each sample has its own largest output: name the axis of the classes.",
             _marks(axis=None)),
     Mistake("evaluate-training-mode", "The model was run as it came, in training mode: dropout dropped units, and "
             "batch norm took the batch's statistics and changed its own. Call `model.eval()` first.",
             _marks(mode="as it came")),
     Mistake("evaluate-left-in-eval", "The model is left in eval mode. Whoever is in the middle of training goes on "
             "without dropout and does not notice.", _marks(mode="left in eval")),
     Mistake("evaluate-always-train", "The model came in eval mode and is given back in training mode: remember which "
             "it was.",
             _marks(mode="always train")),
     Mistake("evaluate-gradients", "A graph is recorded for every batch, for gradients that nobody asks for: it costs "
             "memory and time. `torch.no_grad()` is for this.", _marks(grad="on")),
     Mistake("evaluate-gradients-left-off", "Gradients are switched off for good: nothing can be trained afterwards. "
             "Use `with torch.no_grad():`, which puts things back.", _marks(grad="left off"))])
