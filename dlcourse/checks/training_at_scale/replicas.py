"""The check of `DataParallel`: copies of one model on several ranks, beside one process with the whole batch."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from ..core import Mistake, Part
from .shared import ENDS, InOneProcess, RanksCheck, found, gave, on_ranks, raised


NONE = ("NoneType", "of type torch.Tensor")  # how an error tells that something was None


class Net(nn.Module):
    """Two layers, a buffer of numbers and one with an integer; with `idle` also a layer that nothing uses."""

    def __init__(self, seed, idle=False):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 3)
        if idle:
            self.idle = nn.Linear(2, 4)
        self.register_buffer("scale", torch.rand(6) + 0.5)
        self.register_buffer("count", torch.tensor(seed))
        self.double()

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)) * self.scale)


def _share(x):
    return x.chunk(dist.get_world_size())[dist.get_rank()]


def _grads(model):
    return [None if p.grad is None else p.grad.clone() for p in model.parameters()]


def gradients(answer, seed, x, y, idle=False):
    """On a rank: the gradients after one backward on its share of the batch."""
    model = answer(Net(seed, idle))
    F.mse_loss(model(_share(x)), _share(y)).backward()
    return {"gradients": _grads(model)}


def started(answer, seeds):
    """On a rank, whose model differs from the others': weights and buffers once it is wrapped."""
    model = answer(Net(seeds[dist.get_rank()]))
    return {"weights": list(model.parameters()), "buffers": list(model.buffers())}


def trained(answer, seeds, xs, ys, lr):
    """On a rank: the weights after some steps of gradient descent on its share of each batch."""
    model = answer(Net(seeds[dist.get_rank()]))
    for x, y in zip(xs, ys):
        model.zero_grad()
        F.mse_loss(model(_share(x)), _share(y)).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
    return {f"weights after {len(xs)} steps": list(model.parameters())}


def wrapped(answer, seed, x):
    """On a rank: what the wrapper gives for an input, and whether eval() reaches the model."""
    model = answer(Net(seed))
    output = model(x)
    model.eval()
    return {"a module": isinstance(model, nn.Module), "output": output,
            "modules in training after eval()": sum(m.training for m in model.modules())}


def _on_each(ranks, tree):
    return {f"{name} of rank {rank}": value for rank in range(ranks) for name, value in tree.items()}


def _whole(seed, x, y, idle=False):
    model = Net(seed, idle)
    F.mse_loss(model(x), y).backward()
    return _grads(model)


def _state(seed):
    model = Net(seed)
    return {"weights": [p.detach() for p in model.parameters()], "buffers": list(model.buffers())}


def _descended(seed, xs, ys, lr, grads=_whole):
    model = Net(seed)
    for x, y in zip(xs, ys):
        model.zero_grad()
        F.mse_loss(model(x), y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
    return {f"weights after {len(xs)} steps": [p.detach() for p in model.parameters()]}


def _of_shares(combine):
    """The gradients that each rank would have: combine(rank, [gradients of rank 0, of rank 1, …])."""
    def f(ranks, seed, x, y, idle=False):
        each = [_whole(seed, *share, idle) for share in zip(x.chunk(ranks), y.chunk(ranks))]
        return [[None if several[0] is None else combine(rank, several) for several in zip(*each)]
                for rank in range(ranks)]
    return f


def _only_rank_0(finding, seen, case):
    return finding.path and str(finding.path[0]).startswith("gradients of rank") and not str(
        finding.path[0]).endswith("rank 0") and "idle" not in case


def _mean_of_weights(ranks, seeds):
    states = [_state(seed)["weights"] for seed in seeds]
    return [[sum(several) / ranks for several in zip(*states)]] * ranks


def _batch(g, *lead):
    draw = lambda *shape: torch.randn(*lead, *shape, generator=g, dtype=torch.float64)
    return draw(12, 5), draw(12, 3)


def _gradient_case(g, ranks, **more):
    x, y = _batch(g)
    return {"ranks": ranks, "seed": _seed(g), "x": x, "y": y, **more}


def _seed(g):
    return int(torch.randint(1000, (), generator=g))


def _start_case(g, ranks):
    first = _seed(g)
    return {"ranks": ranks, "seeds": [first + 17 * rank for rank in range(ranks)]}


def _training_case(g, ranks):
    xs, ys = _batch(g, 3)
    return {**_start_case(g, ranks), "xs": list(xs), "ys": list(ys), "lr": 0.1}


def _call(case):
    what = {"idle": ", a model with a layer that nothing uses"} if case.get("idle") else {}
    seeds = ", each with a model of its own" if "seeds" in case else ""
    return f"DataParallel(model) on {case['ranks']} ranks{seeds}{''.join(what.values())}"


def _one_missing(finding, seen, case):
    return raised(*NONE)(finding, seen, case) and bool(case.get("idle"))


DataParallel = RanksCheck(
    "DataParallel", "DataParallel(model)", InOneProcess(None),
    [Part("gradients", 0.35, "after backward every rank holds the gradients of the whole batch's mean loss",
          lambda g: [_gradient_case(g, 2), _gradient_case(g, 3)],
          on_ranks(gradients, lambda ranks, **case: _on_each(ranks, {"gradients": _whole(**case)})), shows=_call),
     Part("start", 0.2, "every rank begins with rank 0's weights and buffers", lambda g: [_start_case(g, 3)],
          on_ranks(started, lambda ranks, seeds: _on_each(ranks, _state(seeds[0]))), shows=_call),
     Part("steps", 0.2, "after three steps all ranks have the weights that one process would have",
          lambda g: [_training_case(g, 3)],
          on_ranks(trained, lambda ranks, seeds, **case: _on_each(ranks, _descended(seeds[0], **case))), shows=_call),
     Part("unused", 0.15, "a parameter that no rank uses keeps None for its gradient",
          lambda g: [_gradient_case(g, 2, idle=True)],
          on_ranks(gradients, lambda ranks, **case: _on_each(ranks, {"gradients": _whole(**case)})), shows=_call),
     Part("module", 0.1, "it is an nn.Module that gives what the model gives",
          lambda g: [{"ranks": 2, "seed": _seed(g), "x": _batch(g)[0]}],
          on_ranks(wrapped, lambda ranks, seed, x: _on_each(ranks, {
              "a module": True, "output": Net(seed)(x).detach(), "modules in training after eval()": 0})),
          shows=_call)],
    [Mistake("dp-sum", "The gradients are the sum over the ranks. Each rank's loss is a mean over its own share, so "
             "the mean over the whole batch is the *average* of the ranks' gradients.",
             shows=gave("gradients", _of_shares(lambda rank, several: sum(several)))),
     Mistake("dp-local", "Every rank still has the gradients of its own share alone. Nobody will call anything after "
             "`backward()`, so the exchange must happen inside it: by hooks on the parameters, set at construction.",
             shows=gave("gradients", _of_shares(lambda rank, several: several[rank]))),
     Mistake("dp-divided-twice", "The average is divided by the number of ranks once more.",
             shows=gave("gradients", _of_shares(lambda rank, several: sum(several) / len(several) ** 2))),
     Mistake("dp-divided-not-summed", "Every rank's own gradients have been divided, and nothing was added.",
             shows=gave("gradients", _of_shares(lambda rank, several: several[rank] / len(several)))),
     Mistake("dp-rank-0s-gradients", "All ranks have the gradients of rank 0's share. What the others found is "
             "thrown away: average over all.",
             shows=gave("gradients", _of_shares(lambda rank, several: several[0]))),
     Mistake("dp-only-rank-0", "Rank 0 holds the average, the others do not. `reduce` brings the sum to one rank; "
             "all of them need it.", shows=_only_rank_0),
     Mistake("dp-mean-of-weights", "All ranks begin with the mean of their weights. They agree, but the mean of "
             "several initialisations is a smaller one: begin with rank 0's.",
             shows=gave("weights", _mean_of_weights)),
     Mistake("dp-no-broadcast", "The ranks begin with different weights. Each makes its model from random numbers of "
             "its own: at construction all must get rank 0's.", shows=found("weights of rank", "value")),
     Mistake("dp-no-buffers", "The weights agree, the buffers do not. Running statistics and their like are no "
             "parameters, and must come from rank 0 too.", shows=found("buffers", "value")),
     Mistake("dp-first-backward-only", "The first backward is right, and later ones are not.",
             shows=found("weights after", "value")),
     Mistake("dp-none", "A parameter that took no part in the loss has no gradient: its .grad is None, and None "
             "cannot be sent. It is unused on every rank, so all of them may skip it.", shows=_one_missing),
     Mistake("dp-none-at-construction", "Something is None here. At construction no parameter has a gradient yet; it "
             "comes with `backward()`.", shows=raised(*NONE)),
     Mistake("dp-unused-zero", "A parameter that nothing used has got a gradient. In one process it stays None, and "
             "an optimizer leaves it alone.",
             shows=lambda finding, seen, case: bool(case.get("idle")) and found("gradients", "type")(
                 finding, seen, case)),
     Mistake("dp-no-parameters", "The wrapper has no parameters. A module that is set as an attribute of an "
             "`nn.Module` is registered with all that it holds; call `super().__init__()` first.",
             shows=lambda finding, seen, case: finding.kind == "shape" and finding.got == "list of 0"),
     Mistake("dp-not-a-module", "It should be an `nn.Module`, so that it can be called like the model, and asked for "
             "its parameters.", shows=raised("has no attribute 'parameters'", "object is not callable",
                                             "has no attribute 'zero_grad'", "has no attribute 'buffers'")),
     Mistake("dp-no-super", "The attributes of a module can only be set after `super().__init__()`.",
             shows=raised("before Module.__init__")),
     Mistake("dp-no-forward", "There is no `forward` yet: it passes the input to the model.",
             shows=raised('missing the required "forward"')),
     Mistake("dp-output-exchanged", "The output is not the model's. Each rank keeps the outputs of its own share; it "
             "is the gradients that are averaged.", shows=found("output")),
     *ENDS],
    frozenset({"DistributedDataParallel", "torch.nn.parallel", "torch.distributed.fsdp",
               "torch.distributed._composable", "torch.distributed.algorithms"}),
    "Broadcast at construction, hooks on the parameters and `all_reduce` are your tools.")
