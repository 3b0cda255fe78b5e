# %% [markdown]
# # Many devices, one model
#
# Lesson 10 · training at scale · about four hours
#
# [← 9 generative models](../09_generative_models/09_generative_models.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - train one model on several processes, and show that one process would have trained the same;
# - say what each device sends, keeps and waits for, and count it: bytes per rank, state per rank, idle time;
# - split data, layers, stages and the optimizer's state over devices, by hand and with PyTorch's own tools;
# - keep half-precision gradients alive, trade memory for computation, and scale the learning rate with the batch;
# - plan on paper what does not fit on one machine: memory, time, energy and cost, and judge what the plan leaves out.
#
# Nothing here is simulated that can be run: your code works in real processes, which talk over the machine's own
# network. Two cores are enough.

# %%
import inspect
import math
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import training_at_scale as check
from dlcourse.data import digits
from dlcourse.distributed import Deadlock, Team, launch
from dlcourse.explorers import training_at_scale as explore
from dlcourse.payoff import once_written
from dlcourse.torchrun import torchrun
from dlcourse.traffic import Traffic

plots.use_style()
torch.set_num_threads(1)  # the other core is for the other process

# %% [markdown]
# Why more than one? In the usual mix of half and full precision, training with Adam keeps 16 bytes for each
# parameter: weights, gradients, and the optimizer's own numbers (Rajbhandari et al. 2019, section 3.1; you will count
# them below). A large GPU of 2023 has 80 GB. Beside it three models (Devlin et al. 2018; Radford et al. 2019; Brown
# et al. 2020):

# %% demo=true
sizes = {"BERT large (2018)": 0.34e9, "GPT-2 (2019)": 1.5e9, "GPT-3 (2020)": 175e9}
figure, ax = plt.subplots(figsize=(7, 2.4))
ax.plot([16 * parameters / 1e9 for parameters in sizes.values()], list(sizes), "o", ms=9)
ax.axvline(80, linestyle="--", color=plots.COLOURS[1])
ax.text(90, 0, "one device: 80 GB", color=plots.COLOURS[1], va="center")
ax.set(xscale="log", xlim=(1, 6000), ylim=(2.5, -0.5),
       xlabel="GB to keep while training, without activations")
plots.alt("Gigabytes kept while training, on a logarithmic axis: BERT large 5.4, GPT-2 24, GPT-3 "
          "2800. A dashed line marks one device of 80.")
plt.show()

# %% [markdown]
# The last one fills 35 such devices before it has seen a single example. This lesson cuts training into pieces that
# fit, and counts what the pieces have to tell each other.
#
# ## Ranks
#
# `launch(function, ranks, …)` starts so many Python processes, calls the function in each, and brings back what they
# return. Each process is a *rank*; their number is the *world size*. They share no memory: what one knows, another
# learns only by a message.

# %% demo=true
def who_am_i() -> str:
    """On a rank: its number, the world size, and a sum over all ranks."""
    rank, world = dist.get_rank(), dist.get_world_size()
    total = torch.tensor(float(rank))
    dist.all_reduce(total)  # in place: afterwards every rank holds the sum
    return f"rank {rank} of {world}: the ranks' numbers add up to {total:.0f}"


for line in launch(who_am_i, 3):
    print(line)

# %% [markdown]
# `all_reduce` is a *collective*: every rank must call it, in the same order. If one does not, the others wait.
# `launch` gives up after a time limit and says which rank waits where; an error in one rank ends all of them.

# %% demo=true
def lost_for_words() -> None:
    """On a rank: listen to the other one, which listens too."""
    dist.recv(torch.empty(1), 1 - dist.get_rank())


try:
    launch(lost_for_words, 2, seconds=1)
except Deadlock as error:
    print(error)

# %% [markdown]
# Each process is meant for a device of its own. Here the devices are the machine's cores, and messages go through a
# library named gloo. Where each rank has a GPU to itself, tensors on it travel by nccl; the calls stay the same.
#
# ## Who sees which example
#
# *Data parallelism* gives every rank a copy of the model and a share of the data. The shares are made new in each
# epoch, and nobody deals them out: each rank draws the *same* order from the same seed, and takes its part.
#
# With $n$ examples and $w$ ranks, each takes $\lceil n/w \rceil$. The lengths must be equal, for a rank with one
# batch more than the others would wait for them for ever. Where $n$ does not divide, the order is repeated from its
# start, as often as it takes, to fill the last places. PyTorch's `DistributedSampler` deals in the same way.
#
# **Exercise.** Write `shard_batch`. The whole set is shuffled anew in each epoch, and the global random state is left
# alone: use a `torch.Generator` of your own. A list or a 1-d tensor of whole numbers will do, and which rank takes
# which places of the order is up to you.

# %% exercise="shard_batch"
def shard_batch(n: int, rank: int, world_size: int, seed: int, epoch: int) -> torch.Tensor:
    """This rank's indices in this epoch: ⌈n / world_size⌉ of 0 … n − 1, each to one rank."""
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    order = torch.randperm(n, generator=generator)
    places = world_size * math.ceil(n / world_size)
    return order.repeat(math.ceil(places / n))[rank:places:world_size]
    ### END SOLUTION

# %% check="shard_batch" points=3
check.shard_batch(shard_batch)

# %% [markdown]
# ## A sum that nobody collects
#
# Every rank will have gradients of its own share, and all need their sum. Sent to one rank, which adds and answers,
# that rank's wire carries everything. A *ring* shares the work out (Patarasuk and Yuan 2009; brought to deep learning
# by Baidu and Horovod, Sergeev and Del Balso 2018).
#
# With $n$ ranks, cut the tensor into $n$ pieces. In each step every rank sends one piece to the right and takes one
# from the left.
#
# 1. *Reduce-scatter*, $n - 1$ steps: what comes in is added to the rank's own piece, and passed on in the next step.
#    At the end each rank holds one finished piece.
# 2. *All-gather*, $n - 1$ steps: finished pieces go round, and replace what stood there.
#
# So each rank sends $2(n-1)$ pieces of $1/n$ each:
#
# $$\text{bytes per rank} = 2\,\frac{n-1}{n} \times \text{bytes of the tensor}$$
#
# Less than twice the tensor, for any number of ranks, and nobody can send less and still bring everyone the sum
# (Patarasuk and Yuan 2009). But the $2(n-1)$ steps wait for each other: for small tensors on many ranks trees are
# faster. Follow the pieces; the number in each says how many ranks' numbers are in it.

# %% demo=true
explore.ring()

# %% [markdown]
# Messages between two ranks are `dist.send(tensor, to)` and `dist.recv(buffer, source)`; the buffer has the size and
# dtype of what comes. `send` may return only once the other side receives. If all ranks send first, all wait for
# ever. `isend` returns at once and gives a handle to `wait()` for, which is all this helper does:

# %%
def pass_on(piece: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Send a piece to the right; return what comes from the left, of the size of `like`."""
    rank, world = dist.get_rank(), dist.get_world_size()
    sending = dist.isend(piece, (rank + 1) % world)
    came = torch.empty_like(like)
    dist.recv(came, (rank - 1) % world)
    sending.wait()
    return came

# %% [markdown]
# **Exercise.** Write `ring_all_reduce`: afterwards the tensor itself holds the sum, on every rank. It may have any
# shape, dtype and stride, and fewer entries than there are ranks (`torch.tensor_split` gives as many pieces as you
# ask for, some of them empty). Only messages between two ranks are allowed, `pass_on` or others.

# %% exercise="ring_all_reduce"
def ring_all_reduce(tensor: torch.Tensor) -> None:
    """Put the sum over all ranks into `tensor`; send at most 2(n − 1) n-th parts of it."""
    ### BEGIN SOLUTION
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.flatten()  # a copy, if the tensor is not contiguous
    pieces = flat.tensor_split(n)
    for step in range(n - 1):
        into = pieces[(rank - step - 1) % n]
        into += pass_on(pieces[(rank - step) % n], into)
    for step in range(n - 1):
        into = pieces[(rank - step) % n]
        into.copy_(pass_on(pieces[(rank + 1 - step) % n], into))
    tensor.copy_(flat.view(tensor.shape))
    ### END SOLUTION

# %% check="ring_all_reduce" points=6
check.ring_all_reduce(ring_all_reduce)

# %% [markdown]
# How much does it send? `Traffic` looks at what a rank hands to `torch.distributed`. A message counts as what it is;
# a collective call is charged what a rank of a ring sends for it, $(n-1)/n$ of its bytes, and twice that for an
# all-reduce. What gloo or nccl really send may differ. Beside yours: the way that comes to mind first, in which
# everyone sends everything to everyone. A `Team` is `launch` for several runs: its processes stay until the `with`
# ends.

# %%
def sent_by(reduce, megabytes: int = 4) -> float:
    """On a rank: the megabytes that it sends to sum a tensor of so many."""
    tensor = torch.ones(megabytes * 250_000)
    with Traffic() as traffic:
        reduce(tensor)
    return traffic.sent / 1e6


def everyone_to_everyone(tensor: torch.Tensor) -> None:
    """The same sum, by gathering all tensors on all ranks."""
    every = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(every, tensor)
    tensor.copy_(torch.stack(every).sum(0))

# %% demo=true
with once_written("ring_all_reduce"), Team(4) as team:
    for ranks in (2, 3, 4):
        ring, all_to_all = (team.run(sent_by, way, ranks=ranks)[0] for way in
                            (ring_all_reduce, everyone_to_everyone))
        print(f"{ranks} ranks, 4 MB: a rank of the ring sends {ring:.2f} MB, "
              f"gathering takes {all_to_all:.2f} MB")

# %% [markdown]
# ## Copies that stay equal
#
# If the loss is a mean over the batch $B$, and the batch falls into $n$ equal shares $B_r$, one for each rank, then
#
# $$\nabla L_B = \frac1n \sum_{r} \nabla L_{B_r}$$
#
# The *average* of the ranks' gradients is the gradient of the whole batch. Copies that start alike and take the same
# average take the same step, and stay alike: weights are sent once, gradients in every step. (A layer that looks at
# the whole batch sees only its rank's share, as batch norm does, and dropout draws on each rank: then it is no longer
# the very model that one process would train.)
#
# When is a gradient ready to be sent? As soon as backward has finished with its parameter. A *hook* runs just then:
# `p.register_post_accumulate_grad_hook(f)` calls `f(p)` each time backward has put a gradient into `p.grad`. A
# parameter that takes no part in the loss never calls it, and keeps None.
#
# **Exercise.** Write `DataParallel`. Rank 0's weights and buffers go to all ranks at construction (`dist.broadcast`
# works in place). After `loss.backward()` every `.grad` is the average, with nothing further to call.

# %% exercise="DataParallel"
class DataParallel(nn.Module):
    """A copy of `model` on every rank, called like it, with gradients averaged in backward."""

    def __init__(self, model: nn.Module):
        """Take rank 0's weights and buffers, and see to it that gradients will be averaged."""
        super().__init__()
        ### BEGIN SOLUTION
        self.model = model
        for tensor in [*model.parameters(), *model.buffers()]:
            dist.broadcast(tensor.data, 0)

        def average(p):
            dist.all_reduce(p.grad)
            p.grad /= dist.get_world_size()

        for p in model.parameters():
            if p.requires_grad:
                p.register_post_accumulate_grad_hook(average)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the model gives."""
        ### BEGIN SOLUTION
        return self.model(x)
        ### END SOLUTION

# %% check="DataParallel" points=6
check.DataParallel(DataParallel)

# %% [markdown]
# Does it train *the same* model? This net has neither of the two. Thirty steps on digits: two ranks with 32 examples
# each, which begin with different weights, against one process with all 64.

# %%
x_train, y_train, x_test, y_test = digits()


def small_net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def rows_of(step: int, rank: int, world: int, share: int = 32, seed: int = 0) -> torch.Tensor:
    """The examples that a rank sees in one step."""
    mine = torch.as_tensor(shard_batch(len(x_train), rank, world, seed, epoch=0))
    return mine[step * share:(step + 1) * share]


def descend(model: nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float = 0.1) -> None:
    """One step of gradient descent on the mean loss."""
    model.zero_grad()
    F.cross_entropy(model(x), y).backward()
    with torch.no_grad():
        for w in model.parameters():
            w -= lr * w.grad

# %%
def on_this_rank(wrap, x, y, rows, seed: int) -> tuple[torch.Tensor, int, dict]:
    """On a rank: train on its rows; the weights, and the last step's bytes sent and calls."""
    rank = dist.get_rank()
    model = wrap(small_net(seed + rank))
    for mine in rows[rank]:
        with Traffic() as traffic:
            descend(model, x[mine], y[mine])
    weights = torch.cat([p.detach().flatten() for p in model.parameters()])
    return weights, int(traffic.sent), dict(traffic.calls)

# %%
def in_one_process(rows, seed: int) -> torch.Tensor:
    """The same steps on all ranks' rows at once; the weights."""
    model = small_net(seed)
    for several in zip(*rows):
        every = torch.cat(several)
        descend(model, x_train[every], y_train[every])
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def all_rows(world: int, steps: int = 30, seed: int = 0) -> list:
    return [[rows_of(step, rank, world, seed=seed) for step in range(steps)]
            for rank in range(world)]

# %% demo=true
with once_written("shard_batch", "DataParallel"):
    rows = all_rows(2)
    ours = launch(on_this_rank, 2, DataParallel, x_train, y_train, rows, 0)
    alone = in_one_process(rows, 0)
    first, second = (weights for weights, *_ in ours)
    print("both ranks have the same weights: ", torch.equal(first, second))
    print("one process has them, to rounding:", torch.allclose(first, alone, atol=1e-6, rtol=0))

# %% [markdown]
# PyTorch's own is `DistributedDataParallel` (Li et al. 2020). It gives the same weights and is charged
# for as many bytes, in fewer calls: it collects gradients in *buckets* of up to 25 MB and sends a bucket while
# backward still works on the layers below, so that the wire is busy during computation. Yours makes a call for each
# parameter.

# %% demo=true
with once_written("shard_batch", "DataParallel"), Team(2) as team:
    data = x_train, y_train, all_rows(2), 0
    ways = {"yours": DataParallel, "PyTorch's": nn.parallel.DistributedDataParallel}
    ran = {name: team.run(on_this_rank, wrap, *data)[0] for name, wrap in ways.items()}
    for name, (weights, sent, calls) in ran.items():
        same = torch.allclose(weights, ran["PyTorch's"][0], atol=1e-6, rtol=0)
        print(f"{name:10} same weights, to rounding: {same}; "
              f"sends {sent:,} bytes a step, calls: {sum(calls.values())}")

# %% [markdown]
# ## A layer cut in two
#
# Data parallelism needs the whole model on each device. *Model parallelism* cuts the model itself, and there are two
# ways. One deals out whole layers, a line of devices; it comes next. *Tensor parallelism* cuts each layer (Megatron-LM,
# Shoeybi et al. 2019, section 3). In a pair of linear layers with a bend between them, cut the first by its outputs and
# the second by its inputs:
#
# $$Y = \phi(X A^\top)\,B^\top = \sum_{r} \phi(X A_r^\top)\,B_r^\top$$
#
# Rank $r$ holds the rows $A_r$ of the first weight and the columns $B_r$ of the second. The bend works on each number
# alone, so nothing is sent between the two: one sum at the end, one in backward.
#
# PyTorch keeps a weight as (out, in). In the *column-parallel* layer, named after the columns of a weight that is
# written (in, out), as in Shoeybi's paper, a rank has `weight` (out/n, in) and `bias` (out/n). The input is the same
# on all ranks, and so its gradient is the sum of what comes back through each: identity forward, sum backward. A hook
# on a tensor, `x.register_hook(f)`, replaces its gradient by `f(gradient)`, for an x that requires one. On `x` itself
# it would also catch what other layers send back to x: set it on `x.view_as(x)`, a new tensor with the same numbers,
# and go on with that.

# %%
def summed(tensor: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all ranks, as a new tensor."""
    total = tensor.clone()
    dist.all_reduce(total)
    return total

# %% [markdown]
# **Exercise.** Write `ColumnParallelLinear`. The output stays sharded. Sizes that cannot be divided raise a
# ValueError, and the shards differ even where every rank has drawn from the same seed: draw the whole, keep a part.

# %% exercise="ColumnParallelLinear"
class ColumnParallelLinear(nn.Module):
    """A rank's share of a linear layer's outputs: x (N, in) → (N, out/n), this rank's columns."""

    def __init__(self, in_features: int, out_features: int):
        """Make `weight` (out/n, in) and `bias` (out/n)."""
        super().__init__()
        ### BEGIN SOLUTION
        rank, n = dist.get_rank(), dist.get_world_size()
        if out_features % n:
            raise ValueError(f"{out_features} outputs cannot be divided among {n} ranks")
        whole = nn.Linear(in_features, out_features)
        self.weight = nn.Parameter(whole.weight.detach().chunk(n)[rank].clone())
        self.bias = nn.Parameter(whole.bias.detach().chunk(n)[rank].clone())
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """This rank's columns of the output; x's gradient is summed over the ranks in backward."""
        ### BEGIN SOLUTION
        if x.requires_grad:
            x = x.view_as(x)
            x.register_hook(summed)
        return F.linear(x, self.weight, self.bias)
        ### END SOLUTION

# %% check="ColumnParallelLinear" points=5
check.ColumnParallelLinear(ColumnParallelLinear)

# %% [markdown]
# The *row-parallel* layer takes up where that one ends: its input is sharded, (N, in/n), and each rank's product is
# one term of a sum. Its backward needs no message: the output's gradient is the same on all ranks, and each term just
# takes it. So any sum will do that leaves the gradient alone: `summed`, which autograd follows through the copy
# alone, or one behind its back, on `y.detach()`, which is y's memory without its graph.
#
# **Exercise.** Write `RowParallelLinear`, with `weight` (out, in/n) and the whole `bias`, added once: after the sum on
# every rank, or before it on one rank. The output is the same; but in the second case only that rank's bias learns.

# %% exercise="RowParallelLinear"
class RowParallelLinear(nn.Module):
    """A rank's share of a linear layer's inputs: x (N, in/n) → (N, out), whole on every rank."""

    def __init__(self, in_features: int, out_features: int):
        """Make `weight` (out, in/n) and `bias` (out)."""
        super().__init__()
        ### BEGIN SOLUTION
        rank, n = dist.get_rank(), dist.get_world_size()
        if in_features % n:
            raise ValueError(f"{in_features} inputs cannot be divided among {n} ranks")
        drawn = nn.Linear(in_features, out_features)
        self.weight = nn.Parameter(drawn.weight.detach().chunk(n, dim=1)[rank].clone())
        self.bias = nn.Parameter(torch.zeros(out_features))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The whole output, on every rank."""
        ### BEGIN SOLUTION
        y = F.linear(x, self.weight)
        dist.all_reduce(y.detach())  # the same memory, without autograd
        return y + self.bias
        ### END SOLUTION

# %% check="RowParallelLinear" points=5
check.RowParallelLinear(RowParallelLinear)

# %% [markdown]
# The pair beside PyTorch's `parallelize_module`, on the same weights: the output, the gradient of the input, what a
# rank sends for a batch of 16, and how many of the weights' numbers it holds.

# %%
def pair_by_hand(x, first, second):
    """On a rank: the column-row pair, with its share of two whole layers' weights."""
    here, ranks = dist.get_rank(), dist.get_world_size()
    pair = nn.Sequential(ColumnParallelLinear(64, 256), nn.ReLU(), RowParallelLinear(256, 64))
    with torch.no_grad():
        pair[0].weight.copy_(first.weight.chunk(ranks)[here])
        pair[0].bias.copy_(first.bias.chunk(ranks)[here])
        pair[2].weight.copy_(second.weight.chunk(ranks, dim=1)[here])
        pair[2].bias.copy_(second.bias)
    return there_and_back(pair, x)

# %%
def pair_by_pytorch(x, first, second):
    """On a rank: the same by torch.distributed.tensor."""
    from torch.distributed.device_mesh import init_device_mesh
    import torch.distributed.tensor.parallel as tp
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    pair = nn.Sequential(first, nn.ReLU(), second)
    plan = {"0": tp.ColwiseParallel(), "2": tp.RowwiseParallel()}
    return there_and_back(tp.parallelize_module(pair, mesh, plan), x)


def there_and_back(pair, x):
    """The output, x's gradient, the bytes sent, and how many of the weights' numbers stand here."""
    x = x.clone().requires_grad_()
    with Traffic() as traffic:
        y = pair(x)
        y.square().sum().backward()
    held = sum(getattr(p, "to_local", lambda: p)().numel() for p in pair.parameters())
    return y.detach(), x.grad, int(traffic.sent), held

# %% demo=true
with once_written("ColumnParallelLinear", "RowParallelLinear"), Team(2) as team:
    torch.manual_seed(0)
    first, second, x = nn.Linear(64, 256), nn.Linear(256, 64), torch.randn(16, 64)
    whole = second(F.relu(first(x))).detach()
    for name, way in {"yours": pair_by_hand, "PyTorch's": pair_by_pytorch}.items():
        y, grad, sent, held = team.run(way, x, first, second)[0]
        same = torch.allclose(y, whole, atol=1e-5)
        print(f"{name:10} as the whole layers: {same}; {sent:,} bytes sent, {held:,} numbers held")

# %% [markdown]
# ## A line of devices
#
# *Pipeline parallelism* gives each device some layers, a *stage*, and sends activations forward and gradients back.
# One batch alone would keep one device busy at a time. Cut it into $M$ *micro-batches*, and the stages work on
# different ones (Huang et al. 2018, GPipe). At the start and the end some stages still wait: the *bubble*.
# With $S$ stages and one unit of time for a forward or a backward, all is done after $2(M + S - 1)$ units, of which
# each stage works $2M$:
#
# $$\text{bubble fraction} = \frac{S - 1}{M + S - 1}$$
# GPipe runs all forwards, then all backwards, so a stage keeps something of all $M$ micro-batches: their activations,
# or, if it computes those again as its authors do, at least its inputs. *1F1B* does a backward as soon as one is
# possible. It comes from PipeDream (Narayanan et al. 2019), which never stops to wait and lets weights grow stale;
# with a wait at the end of each batch (Narayanan et al. 2021, section 2.2) it gives the batch's own gradient. Stage
# $s$, counted from 0, runs $S-s-1$ forwards ahead, then takes turns, a forward and a backward, and ends with the
# backwards that are left. It holds at most $S-s$ micro-batches at once. The bubble is GPipe's, also if a backward
# takes twice as long as a forward, as it about does.
#
# **Exercise.** Write `pipeline_schedule`: for each stage the order of its steps, `("F", m)` and `("B", m)` for
# micro-batch m, counted from 0. There may be fewer micro-batches than stages. A kind other than "gpipe" and "1f1b"
# raises a ValueError.

# %% exercise="pipeline_schedule"
def pipeline_schedule(stages: int, microbatches: int, kind: str) -> list[list[tuple[str, int]]]:
    """For each stage its steps in order, ("F", m) and ("B", m); kind is "gpipe" or "1f1b"."""
    ### BEGIN SOLUTION
    if kind not in ("gpipe", "1f1b"):
        raise ValueError(f"no kind {kind!r}")
    schedule = []
    for stage in range(stages):
        ahead = microbatches if kind == "gpipe" else min(stages - stage - 1, microbatches)
        steps = [("F", m) for m in range(ahead)]
        for m in range(microbatches):
            if ahead + m < microbatches:
                steps.append(("F", ahead + m))
            steps.append(("B", m))
        schedule.append(steps)
    return schedule
    ### END SOLUTION

# %% check="pipeline_schedule" points=5
check.pipeline_schedule(pipeline_schedule)

# %% [markdown]
# Change stages, micro-batches and kind. What halves the bubble? What does 1F1B gain, if not time?

# %% demo=true
explore.pipeline()

# %% [markdown]
# A schedule is more than a drawing. Here yours runs: each rank holds a stage, works through its list, and sends
# activations and gradients to its neighbours. Beside it PyTorch's pipeline, on the same two stages, and one process
# with the whole batch.

# %%
WIDTH = 128  # of what one stage hands to the next


def two_stages(seed: int = 0) -> list[nn.Module]:
    torch.manual_seed(seed)
    return [nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU()), nn.Linear(WIDTH, 10)]


def received(rows: int, source: int, tag: int) -> torch.Tensor:
    """What a neighbouring stage sends for micro-batch `tag`: activations or their gradient."""
    buffer = torch.empty(rows, WIDTH)
    dist.recv(buffer, source, tag=tag)
    return buffer

# %%
def run_schedule(schedule, stages, xs, ys):
    """On a rank: its stage through its list; gradients, and the most micro-batches kept."""
    rank, last, kept, most, sending = dist.get_rank(), len(stages) - 1, {}, 0, []
    for what, m in schedule[rank]:
        if what == "F":
            x = received(len(xs[m]), rank - 1, m).requires_grad_() if rank else xs[m]
            y = stages[rank](x)
            kept[m] = x, F.cross_entropy(y, ys[m]) / len(xs) if rank == last else y
            most = max(most, len(kept))
            sending += [dist.isend(y.detach(), rank + 1, tag=m)] if rank < last else []
        else:
            x, y = kept.pop(m)
            y.backward(received(len(xs[m]), rank + 1, m) if rank < last else None)
            sending += [dist.isend(x.grad, rank - 1, tag=m)] if rank else []
    [work.wait() for work in sending]
    grads = [p.grad for p in stages[rank].parameters()]
    return grads, most

# %%
def run_pytorchs(kind, stages, x, y, microbatches):
    """On a rank: the same two stages by torch.distributed.pipelining; its gradients."""
    from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
    rank = dist.get_rank()
    stage = PipelineStage(stages[rank], rank, len(stages), torch.device("cpu"))
    schedule = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}[kind](
        stage, microbatches, loss_fn=F.cross_entropy)
    if rank == 0:
        schedule.step(x)
    else:
        schedule.step(target=y)  # two stages: the second is the last
    return [p.grad for p in stages[rank].parameters()]


def gradients_of(stages, x, y) -> list[torch.Tensor]:
    """In one process: all gradients of the mean loss."""
    model = nn.Sequential(*stages)
    F.cross_entropy(model(x), y).backward()
    return [p.grad for p in model.parameters()]

# %%
def all_close(several, whole) -> bool:
    """Whether the gradients of all stages in a row are those of the whole model, to rounding."""
    every = [grad for grads in several for grad in grads]
    pairs = zip(every, whole, strict=True)
    return all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


def counted(work, *args):
    """On a rank: what work gives, and the bytes that the rank sends meanwhile."""
    with Traffic() as traffic:
        result = work(*args)
    return result, int(traffic.sent)

# %% demo=true
with once_written("pipeline_schedule"), Team(2) as team:
    x, y, M = x_train[:64], y_train[:64], 8
    whole = gradients_of(two_stages(), x, y)
    for kind in ("gpipe", "1f1b"):
        plan = pipeline_schedule(2, M, kind)
        ran = team.run(counted, run_schedule, plan, two_stages(), x.chunk(M), y.chunk(M))
        library = team.run(counted, run_pytorchs, kind, two_stages(), x, y, M)
        (yours, kept), sent = zip(*(run for run, _ in ran)), [sent for _, sent in ran]
        theirs, sent_by_theirs = zip(*library)
        print(f"{kind}: gradients as in one process: yours {all_close(yours, whole)}, PyTorch's",
              f"{all_close(theirs, whole)}; micro-batches kept by each stage: {list(kept)};")
        print(f"  bytes sent by each stage: yours {sent}, PyTorch's {list(sent_by_theirs)}")

# %% [markdown]
# ## State that nobody needs twice
#
# Under data parallelism every rank keeps the same weights, the same gradients and the same optimizer state: for Adam
# two moments for each weight, in lesson 4's AdamW (Loshchilov and Hutter 2019) twice the bytes of the weights. ZeRO
# (Rajbhandari et al. 2019) asks who needs what. Stage 1 (section 5.1) shards the optimizer's state: each rank updates
# only its share of the weights, then hands the new values to the others.
#
# $$\text{state bytes per rank} \approx \frac{1}{n} \times \text{AdamW's}$$
# A tensor can be shared out in slices that are views: what changes in a slice changes in the tensor.

# %%
def slices(tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """One flat slice of a contiguous tensor for each rank, all in the tensor's own memory."""
    return tensor.view(-1).tensor_split(dist.get_world_size())

# %% [markdown]
# **Exercise.** Write `ShardedAdamW`. Gradients arrive averaged. Share out slices, or whole tensors where none is much
# larger than the others, and let each rank keep moments for its own share only; torch's AdamW, or yours from lesson
# 4, can work on that share. After `step()` every rank has all the new weights.

# %% exercise="ShardedAdamW"
class ShardedAdamW:
    """AdamW with its state shared out over the ranks (ZeRO stage 1); defaults as torch's AdamW."""

    def __init__(self, params, lr: float = 1e-3, betas=(0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0.01):
        """Keep all parameters, and make state for this rank's share of them."""
        ### BEGIN SOLUTION
        self.params, self.rank = list(params), dist.get_rank()
        self.mine = [nn.Parameter(slices(p.detach())[self.rank]) for p in self.params]
        self.inner = torch.optim.AdamW(self.mine, lr, betas, eps, weight_decay)
        ### END SOLUTION

    def step(self) -> None:
        """Move this rank's share, and hand it to all."""
        ### BEGIN SOLUTION
        for p, own in zip(self.params, self.mine):
            own.grad = None if p.grad is None else slices(p.grad)[self.rank]
        self.inner.step()
        for p in self.params:
            for rank, piece in enumerate(slices(p.detach())):
                dist.broadcast(piece, rank)
        ### END SOLUTION

# %% check="ShardedAdamW" points=6
check.ShardedAdamW(ShardedAdamW)

# %% [markdown]
# ZeRO's stages 2 and 3 shard gradients and weights as well: a layer's weights are gathered just before they are used,
# and dropped afterwards. PyTorch's `fully_shard` can do that; Zhao et al. (2023) describe its forerunner. Ten steps
# of AdamW in three ways, on two ranks: plain, yours, and fully sharded. The same weights come out. What a rank keeps
# between steps differs, and so does what it sends in a step.

# %%
def local(tensor: torch.Tensor) -> torch.Tensor:
    """Of a tensor that PyTorch has sharded, this rank's part; of others all."""
    return getattr(tensor, "to_local", lambda: tensor)()


def by_place(tensors) -> dict[int, int]:
    """{where in memory: bytes} of these tensors on this rank, so that none counts twice."""
    here = [local(t) for t in tensors if t is not None]
    return {t.untyped_storage().data_ptr(): t.nbytes for t in here}


def tensors_in(thing) -> list[torch.Tensor]:
    """All tensors that an optimizer holds, in lists and dictionaries too."""
    if isinstance(thing, (ShardedAdamW, torch.optim.Optimizer)):
        thing = vars(thing)
    if isinstance(thing, (dict, list, tuple)):
        inside = thing.values() if isinstance(thing, dict) else thing
        return [t for one in inside for t in tensors_in(one)]
    return [thing] if isinstance(thing, torch.Tensor) else []

# %%
def sharded_fully(model: nn.Module) -> nn.Module:
    """PyTorch's ZeRO 3: every rank keeps a part of each weight."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    return model

# %%
def adamw_on_ranks(wrap, optimizer_class, x, y, rows):
    """On a rank: ten steps; weights, bytes sent in a step, bytes of weights and of state."""
    model = wrap(small_net(0))
    optimizer = optimizer_class(model.parameters(), 1e-2)
    for mine in rows[dist.get_rank()][:10]:
        model.zero_grad()
        with Traffic() as traffic:
            F.cross_entropy(model(x[mine]), y[mine]).backward()
            optimizer.step()
    params = list(model.parameters())
    weights, grads = by_place(params), by_place(p.grad for p in params)
    state = {k: v for k, v in by_place(tensors_in(optimizer)).items() if k not in weights | grads}
    whole = [getattr(p, "full_tensor", lambda: p)().detach().flatten() for p in params]
    return torch.cat(whole), int(traffic.sent), sum(weights.values()), sum(state.values())

# %% demo=true
with once_written("shard_batch", "DataParallel", "ShardedAdamW"), Team(2) as team:
    adamw, data = torch.optim.AdamW, (x_train, y_train, all_rows(2))
    ways = {"AdamW": (DataParallel, adamw), "ShardedAdamW": (DataParallel, ShardedAdamW),
            "fully_shard": (sharded_fully, adamw)}
    ran = {name: team.run(adamw_on_ranks, *way, *data)[0] for name, way in ways.items()}
    for name, (weights, sent, kept, state) in ran.items():
        same = torch.allclose(weights, ran["AdamW"][0], atol=1e-5)
        print(f"{name:13} same weights: {same}; a step sends {sent:,} bytes; "
              f"rank 0 keeps {kept:,} of weights, {state:,} of state")

# %% [markdown]
# Sharding the state this way costs half as many bytes again: every rank gets the whole average, though it uses only
# its share, and then the new weights. A better stage 1, and every stage 2, stops half-way round the ring: after the
# reduce-scatter each rank has its share of the average, and gathering weights in place of gradients sends no more
# than plain data parallelism does. `fully_shard` is charged as little here because it was called on the net as a
# whole, which is gathered once a step and kept until after backward. Called on each layer too it drops a layer's
# weights after forward and gathers them again: half as much again (Rajbhandari et al. 2019, section 7).

# %% [markdown]
# ## Outside the notebook, and on several hosts
#
# `launch` is for a notebook. A long run is a script, started by `torchrun`, which gives each process its rank and
# where to meet the others. Your code goes into it as it stands: here are the cells in which you wrote it, with what a
# script needs around them.

# %%
HEAD = """import math, os
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

"""

START = """
own_gpu = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if own_gpu else torch.device("cpu")
if own_gpu:
    torch.cuda.set_device(device)
dist.init_process_group("nccl" if own_gpu else "gloo")
rank, world = dist.get_rank(), dist.get_world_size()
"""

# %%
TRAIN = """
torch.manual_seed(rank)  # other weights on each rank, until DataParallel brings them rank 0's
model = DataParallel(nn.Linear(8, 1).to(device))
x = torch.linspace(-1, 1, 512, device=device).sin().view(64, 8)
for epoch in range(30):
    mine = torch.as_tensor(shard_batch(len(x), rank, world, 0, epoch))
    model.zero_grad()
    F.mse_loss(model(x[mine]), x[mine].sum(1, keepdim=True)).backward()
    with torch.no_grad():
        for w in model.parameters():
            w -= 0.02 * w.grad
loss = F.mse_loss(model(x), x.sum(1, keepdim=True)).detach()
ring_all_reduce(loss)
if rank == 0:
    print(f"{world} ranks, mean loss {loss / world:.4f}")
dist.destroy_process_group()
"""

# %%
def cell_of(thing) -> str:
    """The text of the cell in which a class or function was written."""
    function = thing if inspect.isfunction(thing) else thing.__init__
    return "".join(inspect.findsource(function)[0])


def script_with(*answers) -> str:
    """A whole script for `torchrun`, with the cells of these answers and of `pass_on`."""
    return "\n".join([HEAD, *map(cell_of, (pass_on, *answers)), START, TRAIN])

# %% demo=true
with once_written("shard_batch", "ring_all_reduce", "DataParallel"):
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "train.py")
        script.write_text(script_with(shard_batch, ring_all_reduce, DataParallel))
        print(torchrun(script, 2))

# %% [markdown]
# In a terminal that is `torchrun --standalone --nproc-per-node 2 train.py`. On two hosts with eight GPUs each, start
# the same script once on each of them:
#
#     torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 train.py
#
# HOST is the name of one of the two, which both can reach. The agents meet there, agree who is which rank, and start
# sixteen processes; `dist.init_process_group` finds the rest in its environment.
#
# Large models are cut in all three ways at once (Narayanan et al. 2021). Tensor parallelism talks in every layer and
# stays inside a host, where the wires are fast; stages talk less and may lie on different hosts; data parallelism
# goes around both.

# %% [markdown]
# ## Half the bits
#
# From here on it is one device again, and how to get more out of it. Half-precision numbers take half the memory, and
# GPUs have special units that multiply them several times as fast. What do they leave out?

# %%
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    kind = torch.finfo(dtype)
    print(f"{str(dtype)[6:]:9} largest {kind.max:.1e}, next after 1: 1 + {kind.eps:.1e}, "
          f"2e-8 becomes {torch.tensor(2e-8).to(dtype):.1e}, 1e5 {torch.tensor(1e5).to(dtype):.0f}")

# %% [markdown]
# float16 spends its 16 bits on digits: what lies below $2^{-25}$, about $3 \cdot 10^{-8}$, becomes 0, its largest
# number is 65 504, and from 65 520 on all becomes inf. bfloat16 keeps float32's range; its next number above 1 is
# 1.0078.
#
# *Mixed precision* (Micikevicius et al. 2017) multiplies matrices in half precision; weights, their
# updates and sums stay in float32. `torch.autocast` does it: inside it a linear layer casts its input and weight, and
# `.grad` comes back in float32. But on the way back through the layers the gradients themselves are half-precision
# numbers.
#
# They can be small. We make ours small by hand: the loss is divided by 3.2 million, the number of tokens that GPT-3
# took for a step (Brown et al. 2020, table 2.1), as if each digit were one of so many. In deep nets gradients get
# small by themselves. Adam's `eps` must be smaller than usual here, or it would drown such gradients in any
# precision.

# %%
class Unscaled:
    """Leaves the loss as it is; used like the scaler that you will write."""
    scale = 1.0

    def step(self, optimizer) -> None:
        optimizer.step()

    def update(self) -> None:
        pass

# %%
def classifier(seed: int, device: str = "cpu") -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                         nn.Linear(64, 10)).to(device)


def right_share(model, device: str = "cpu") -> float:
    """Share of the held-out digits that the model gets right."""
    with torch.no_grad():
        return (model(x_test.to(device)).argmax(1).cpu() == y_test).float().mean().item()

# %%
def train_in(dtype, scaler, seed: int = 0, device: str = "cpu", epochs: int = 10):
    """Train in mixed precision: accuracy, share of layer 1's gradient that is 0, scales."""
    model, g = classifier(seed, device), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, eps=1e-15)
    zeros, scales = [], []
    orders = [torch.randperm(len(x_train), generator=g) for _ in range(epochs)]
    for rows in (rows for order in orders for rows in order.split(128)):
        x, y = x_train[rows].to(device), y_train[rows].to(device)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            logits = model(x)
        loss = F.cross_entropy(logits.float(), y, reduction="sum") / 3_200_000
        optimizer.zero_grad()
        (loss * scaler.scale).backward()
        zeros.append((model[0].weight.grad == 0).float().mean().item())
        scaler.step(optimizer)
        scaler.update()
        scales.append(float(scaler.scale))
    return right_share(model, device), sum(zeros) / len(zeros), scales

# %% demo=true
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    right, zero, _ = train_in(dtype, Unscaled())
    print(f"{str(dtype)[6:]:9} {right:.0%} of the held-out digits right; "
          f"{zero:.0%} of layer 1's gradient is 0")

# %% [markdown]
# Some of the gradient is 0 in any precision: digits have corners that are always white. In float16 more than half of
# it is, and what is 0 teaches nothing. bfloat16 has the range, and its few digits are enough here.
#
# *Loss scaling* multiplies the loss by a number $S$ before backward. By the chain rule every
# gradient on the way is $S$ times as large; before the optimizer steps, $S$ is divided out again, in float32:
#
# $$g = \tfrac1S\,\nabla_w (S \cdot L)$$
#
# Which $S$? As large as can be without an overflow, and that changes while training. So try: where any gradient is
# inf or nan, leave out the step and halve $S$; after `growth_interval` good steps in a row, double it.
#
# **Exercise.** Write `LossScaler`. It is used as `(loss * scaler.scale).backward()`, `scaler.step(optimizer)`,
# `scaler.update()`. `step` divides every gradient in the optimizer's `param_groups` by the scale (None is passed
# over) and calls `optimizer.step()` only where all are finite. After a good step the gradients hold their true
# values. Only `update` changes `.scale`.

# %% exercise="LossScaler"
class LossScaler:
    """Dynamic loss scaling; `.scale` is what the loss is to be multiplied by."""
    def __init__(self, init_scale: float = 2.0 ** 16, growth_interval: int = 2000):
        ### BEGIN SOLUTION
        self.scale, self.growth_interval = init_scale, growth_interval
        self.good_steps, self.overflow = 0, False
        ### END SOLUTION

    def step(self, optimizer):
        """Unscale the gradients, and step where all of them are finite."""
        ### BEGIN SOLUTION
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]
                 if p.grad is not None]
        finite = [grad.div_(self.scale).isfinite().all() for grad in grads]
        self.overflow = not all(finite)
        if not self.overflow:
            optimizer.step()
        ### END SOLUTION

    def update(self):
        """Halve the scale after an overflow; double it after enough good steps in a row."""
        ### BEGIN SOLUTION
        self.good_steps = 0 if self.overflow else self.good_steps + 1
        if self.overflow:
            self.scale /= 2
        elif self.good_steps == self.growth_interval:
            self.scale, self.good_steps = 2 * self.scale, 0
        ### END SOLUTION

# %% check="LossScaler" points=4
check.LossScaler(LossScaler)

# %% [markdown]
# The same float16 with your scaler, which may grow every five good steps here:

# %% demo=true
with once_written("LossScaler"):
    right, zero, scales = train_in(torch.float16, LossScaler(growth_interval=5))
    print(f"float16, scaled: {right:.0%} right; {zero:.0%} of layer 1's gradient is 0")
    plt.step(range(1, 1 + len(scales)), scales, where="post")  # each holds until the next step
    plt.yscale("log", base=2)
    plt.xlabel("step")
    plt.ylabel("scale")
    plt.show()

# %% [markdown]
# The accuracy is back where float32 has it. The scale climbs until something overflows, loses one step, and goes on
# just below the edge. PyTorch's `torch.amp.GradScaler` does the same. On a GPU not a line of `train_in` changes:

# %%
with once_written("LossScaler"):
    for dtype in (torch.float16, torch.bfloat16) if torch.cuda.is_available() else ():
        right, zero, _ = train_in(dtype, LossScaler(growth_interval=5), device="cuda")
        print(f"{torch.cuda.get_device_name()}, {dtype}: {right:.0%} right")
    if not torch.cuda.is_available():
        print("There is no GPU here that PyTorch can use, so this stays with the CPU.")

# %% [markdown]
# ## Forget, and compute again
#
# Backward needs the activations of forward, so all of them are held in between. A *checkpoint* (Chen et al.
# 2016; also *gradient checkpointing*) keeps a block's inputs alone and runs the block again in backward.
# Forward and backward together cost about three forward passes; a checkpoint adds one.
#
# The second run must draw the same random numbers as the first, or dropout would drop other units:
# `torch.get_rng_state()` and `torch.set_rng_state(state)` read and set the generator, and after backward it should
# stand where it would stand without you. Inside `backward` gradients are off; `with torch.enable_grad():` turns them
# on. `torch.autograd.backward(outputs, grads)` sends gradients into a graph and adds to the `.grad` of every leaf it
# meets, parameters included. A `Function`'s result has a graph only if one of its tensor arguments needs a gradient:
# that is all the `anchor` below is for. `backward` gives back one thing for each argument of `forward`, None where
# there is no gradient. The copies of the inputs that the second run takes must be detached, or it would hang on the
# first graph and its gradients count twice.
#
# **Exercise.** Write `checkpoint` by filling in the two halves of `Recompute`, or your own way. The function may take
# things that are no tensors and may give a tuple. `torch.utils.checkpoint` is off limits.

# %% exercise="checkpoint"
class Recompute(torch.autograd.Function):
    """Runs function(*inputs) without a graph, and once more with one in backward."""
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ### BEGIN SOLUTION
        ctx.function, ctx.inputs, ctx.random = function, inputs, torch.get_rng_state()
        return function(*inputs)  # a Function's forward builds no graph
        ### END SOLUTION

    @staticmethod
    def backward(ctx, *grads):
        ### BEGIN SOLUTION
        inputs = [x.detach().requires_grad_(x.requires_grad) if torch.is_tensor(x) else x
                  for x in ctx.inputs]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():  # a fork is put back
            torch.set_rng_state(ctx.random)
            outputs = ctx.function(*inputs)
        torch.autograd.backward(outputs if isinstance(outputs, tuple) else (outputs,), grads)
        return None, None, *(x.grad if torch.is_tensor(x) else None for x in inputs)
        ### END SOLUTION


def checkpoint(function, *inputs):
    """function(*inputs), whose inner activations are computed again in backward, not held."""
    return Recompute.apply(function, torch.ones((), requires_grad=True), *inputs)

# %% check="checkpoint" points=5
check.checkpoint(checkpoint)

# %% [markdown]
# A net of 32 layers, each a linear map, a layer norm and a GELU, cut into segments that are checkpointed. `LiveBytes`
# follows every tensor that is alive, `FlopCounterMode` counts the multiplications and additions in matrix products.

# %%
from torch.utils.flop_counter import FlopCounterMode

from dlcourse.memory import LiveBytes


def thirty_two_layers(width: int = 64) -> nn.Sequential:
    torch.manual_seed(0)
    layer = lambda: nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU())
    return nn.Sequential(*[layer() for _ in range(32)])


def pass_in_segments(model, x, segments: int) -> None:
    """Forward and backward; each segment is checkpointed, or none where segments is 0."""
    for part in ([model[i:i + 32 // segments] for i in range(0, 32, 32 // segments)]
                 if segments else [model]):
        x = checkpoint(part, x) if segments else part(x)
    x.square().mean().backward()

# %%
def cost_of_segments(segments: int) -> tuple[float, float]:
    """The most megabytes alive at once, and billions of operations."""
    x = torch.randn(512, 64, generator=torch.Generator().manual_seed(0))
    with LiveBytes() as memory:
        pass_in_segments(thirty_two_layers(), x, segments)
    with FlopCounterMode(display=False) as flops:
        pass_in_segments(thirty_two_layers(), x, segments)
    return memory.peak / 1e6, flops.get_total_flops() / 1e9

# %% demo=true
with once_written("checkpoint"):
    for segments in (0, 1, 2, 4, 8, 16, 32):
        peak, operations = cost_of_segments(segments)
        print(f"{segments or 'no':>2} segments: {peak:4.1f} MB at most, {operations:.2f} GFLOP")

# %% [markdown]
# Eight segments need about a quarter of the memory, for a third more operations. One segment gains nothing, for all
# of it is alive again in backward. Too many gain less, as their inputs are held too: with $k$ segments of $L/k$
# layers, $k + L/k$ is smallest near $k = \sqrt L$.
#
# ## A large batch in small pieces
#
# If the batch does not fit, take it in pieces and let the gradients add up: backward adds into `.grad` anyway.
#
# **Exercise.** Write `accumulate_gradients`: afterwards `.grad` holds the gradient of the mean loss over all pieces
# together, as a pipeline leaves it (Huang et al. 2018). `loss_fn` is a mean, the micro-batches are any
# iterable of (x, y) and may differ in size; start from cleared gradients, one backward for each. (A batch norm would
# still see the small batches.)

# %% exercise="accumulate_gradients"
def accumulate_gradients(model, loss_fn, micro_batches) -> None:
    """Leave in .grad the gradient of the mean loss over all micro-batches together."""
    ### BEGIN SOLUTION
    model.zero_grad()
    total = 0
    for x, y in micro_batches:
        (loss_fn(model(x), y) * len(x)).backward()
        total += len(x)
    for p in model.parameters():
        if p.grad is not None:
            p.grad /= total
    ### END SOLUTION

# %% check="accumulate_gradients" points=3
check.accumulate_gradients(accumulate_gradients)

# %%
with once_written("accumulate_gradients"):
    for pieces in (1, 4, 16):
        model = classifier(0)
        with LiveBytes() as memory:
            accumulate_gradients(model, F.cross_entropy, zip(x_train[:1024].chunk(pieces),
                                                             y_train[:1024].chunk(pieces)))
        norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
        print(f"{pieces:2} pieces: gradient of norm {norm:.4f}, {memory.peak / 1e6:.2f} MB at most")

# %% [markdown]
# So any batch fits, and $n$ ranks take one $n$ times as large. But then an epoch has fewer steps, and at the old rate
# the net gets less far. Goyal et al. (2017) trained ImageNet in an hour, with batches of 8192, by one
# rule: a batch $B$ in place of $B_0$ wants a rate $B/B_0$ times as high, for one such step should do what $B/B_0$
# small ones did. In the first steps, when the weights change fast, that reasoning fails; so they climb to the full
# rate over $W$ steps. At step $n$, counted from 0, the rate is
#
# $$\eta_n = \eta_0 + \left(\tfrac{B}{B_0}\,\eta_0 - \eta_0\right)\min\left(1, \tfrac nW\right)$$
#
# **Exercise.** Write `large_batch_lr`. With $W = 0$ the full rate is there from step 0.

# %% exercise="large_batch_lr"
def large_batch_lr(step: int, base_lr: float, base_batch: int, batch: int, warmup: int) -> float:
    """From base_lr to base_lr · batch / base_batch at step warmup; constant after that."""
    ### BEGIN SOLUTION
    peak = base_lr * batch / base_batch
    return peak if step >= warmup else base_lr + (peak - base_lr) * step / warmup
    ### END SOLUTION

# %% check="large_batch_lr" points=2
check.large_batch_lr(large_batch_lr)

# %% [markdown]
# Ten epochs of digits by SGD with momentum. A rate that works for batches of 16 is to be carried over to 128: first
# 0.01, a cautious one, then 0.04.

# %%
from dlcourse.training import minibatches


def digits_in_batches(batch: int, rate, seed: int, epochs: int = 10) -> float:
    """Held-out accuracy after training with learning rate rate(n) at step n."""
    model, generator, n = classifier(seed), torch.Generator().manual_seed(seed), 0
    optimizer = torch.optim.SGD(model.parameters(), 1.0, momentum=0.9)
    for epoch in range(epochs):
        for x, y in minibatches(x_train, y_train, batch, generator):
            optimizer.param_groups[0]["lr"], n = rate(n), n + 1
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return right_share(model)

# %%
def four_recipes(seed: int, base: float, warmup: int = 24) -> dict[str, float]:
    """The accuracy of batches of 16, and of 128 with the rate kept, scaled, and warmed up."""
    scaled = lambda warmup: lambda n: large_batch_lr(n, base, 16, 128, warmup)
    return {f"batch 16, rate {base}": digits_in_batches(16, lambda n: base, seed),
            f"batch 128, rate {base}": digits_in_batches(128, lambda n: base, seed),
            f"batch 128, scaled to {8 * base:.2f}": digits_in_batches(128, scaled(0), seed),
            "batch 128, scaled, with warm-up": digits_in_batches(128, scaled(warmup), seed)}

# %% demo=true
with once_written("large_batch_lr"):
    for base in 0.01, 0.04:
        runs = [four_recipes(seed, base) for seed in range(3)]
        for name in runs[0]:
            print(f"{name:32}", *(f"{run[name]:.1%}" for run in runs))

# %% [markdown]
# Three seeds, a column each. From 0.01 the large batch falls far behind at the old rate; the scaled rate brings
# nearly all of it back. But 0.01 leaves room: batches of 16 do better at four times as much. From 0.04 the large
# batch loses only a few points at the old rate, and the scaled one, 0.32, brings back less than half of them. It is a
# rule of thumb. Warm-up makes no clear difference from 0.01, and none for the better from 0.04; in lesson 5 a
# Transformer of eight layers was lost without it. Nor does the rule hold without end: McCandlish et al. (2018)
# measure how noisy the gradient is, and find that beyond a batch which averages the noise away, a larger one saves
# hardly any steps.
#
# ## On paper
#
# The rest of this lesson is for machines that we do not have: we plan, and hold the plan against what was published.
#
# **Exercise.** Write `memory_per_device`: bytes of model states, activations left out. Per parameter: fp16 weights 2,
# fp16 gradients 2, Adam's fp32 states 12 (a copy of the weights, two moments). ZeRO (Rajbhandari et al. 2019)
# shares out the states at stage 1, the gradients too at 2, the weights too at 3; at stage 0 every device
# holds all.

# %% exercise="memory_per_device"
def memory_per_device(parameters: int, devices: int, stage: int) -> float:
    """Bytes of weights, gradients and optimizer states on each device, at ZeRO stage 0 to 3."""
    ### BEGIN SOLUTION
    pieces = ((12, 1), (2, 2), (2, 3))  # bytes per parameter, shared out from this stage on
    return parameters * sum(size / devices if stage >= first else size for size, first in pieces)
    ### END SOLUTION

# %% check="memory_per_device" points=2
check.memory_per_device(memory_per_device)

# %%
with once_written("memory_per_device"):
    for stage in range(4):
        print(f"7.5 billion parameters, 64 devices, stage {stage}: "
              f"{memory_per_device(7_500_000_000, 64, stage) / 1e9:5.1f} GB each")

# %% [markdown]
# Figure 1 of the ZeRO paper has 120, 31.4, 16.6 and 1.9 GB. What fits where? Choose a model and a number of devices;
# the dashed line is a device of 80 GB.

# %% demo=true
explore.memory()

# %% [markdown]
# Time and energy next. For each token, forward takes about 2 FLOPs per parameter, a multiplication and an addition,
# and backward twice that, so $N$ parameters and $D$ tokens take $6ND$ in all (Kaplan et al. 2020, section 2.1).
#
# **Exercise.** Write `training_cost`: seconds, kilowatt-hours and kilograms. `flops_per_second` and `watts` are the
# whole cluster's; `utilization` is the share of that peak rate which is reached; the watts are drawn all the time.

# %% exercise="training_cost"
def training_cost(parameters: float, tokens: float, flops_per_second: float, utilization: float,
                  watts: float, grams_per_kwh: float) -> tuple[float, float, float]:
    """Seconds, kilowatt-hours and kilograms of CO2-equivalent of one training run."""
    ### BEGIN SOLUTION
    seconds = 6 * parameters * tokens / (flops_per_second * utilization)
    kwh = seconds / 3600 * watts / 1000
    return seconds, kwh, kwh * grams_per_kwh / 1000
    ### END SOLUTION

# %% check="training_cost" points=3
check.training_cost(training_cost)

# %% [markdown]
# GPT-3 has 174.6 billion parameters and saw 300 billion tokens (Brown et al. 2020, table D.1). Patterson et al.
# (2021, table 4) put it on 10 000 V100s: 125 TFLOP/s each at best, 24.6 reached, 330 W, 10 % more for the building,
# 429 g per kWh.

# %%
GPT3 = {"parameters": 174.6e9, "tokens": 300e9, "flops_per_second": 10_000 * 125e12,
        "utilization": 24.6 / 125, "watts": 10_000 * 330 * 1.1, "grams_per_kwh": 429}
with once_written("training_cost"):
    seconds, kwh, kg = training_cost(**GPT3)
    print(f"{6 * 174.6e9 * 300e9:.2e} FLOPs, {seconds / 86400:.1f} days, "
          f"{kwh / 1000:.0f} MWh, {kg / 1000:.0f} t CO2e")

# %% [markdown]
# Brown et al. count 3.14·10²³ FLOPs. Patterson et al. have 14.8 days, 1287 MWh and 552 t. With their inputs our
# formula gives their figures, but for rounding: that checks our arithmetic and our units, not whether the run took so
# much. What the plan leaves out: the runs that failed, the search before the last run, the making of the machines,
# and every answer that the model gives afterwards.
#
# ## A line that one may prolong
#
# Is a larger model worth it? For language models trained with care, the loss falls with their size like
# $a\,n^{-b} + c$, over many powers of ten (Kaplan et al. 2020; with a floor, Hoffmann et al. 2022,
# section 3.3). So people train small ones, fit the law, and decide by it.
#
# **Exercise.** Write `fit_power_law`: the a, b, c with the least squared error. For any one $b$ the best $a$ and $c$
# are a linear least-squares problem, which `torch.linalg.lstsq` solves; so try many $b$, say from 0.01 to 2 in steps
# of 0.01, and keep the best. n and loss are lists or 1-d tensors. n may be large: divide it by its smallest value
# before you take powers, and turn the $a$ that you find back into the one that goes with n itself.

# %% exercise="fit_power_law"
def fit_power_law(n, loss) -> tuple[float, float, float]:
    """The (a, b, c) for which a·n^−b + c has the least squared error; lists or 1-d tensors."""
    ### BEGIN SOLUTION
    n, loss = (torch.as_tensor(values, dtype=torch.float64) for values in (n, loss))
    first, best = n.min(), (math.inf,)
    for b in torch.linspace(0.01, 2, 400, dtype=torch.float64):
        design = torch.stack([(n / first) ** -b, torch.ones_like(n)], dim=1)
        a, c = torch.linalg.lstsq(design, loss[:, None]).solution[:, 0]
        error = (design @ torch.stack([a, c]) - loss).square().sum().item()
        best = min(best, (error, (a * first ** b).item(), b.item(), c.item()))
    return best[1:]
    ### END SOLUTION

# %% check="fit_power_law" points=3
check.fit_power_law(fit_power_law)

# %% [markdown]
# Small language models: from eight characters of the course's own prose they guess the next one (Bengio et al. 2003).
# Only the number of hidden units, $n$, changes: from 6 to 32. How good will 128 be? We fit, and train it as well.

# %%
from dlcourse.data import prose

TEXT = prose()
CHARACTERS = sorted(set(TEXT))
WINDOWS = torch.tensor([CHARACTERS.index(c) for c in TEXT]).unfold(0, 9, 1)  # eight, and the next
SEEN, UNSEEN = WINDOWS[:len(WINDOWS) * 9 // 10], WINDOWS[len(WINDOWS) * 9 // 10 + 8:]


def next_character(hidden: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Embedding(len(CHARACTERS), 8), nn.Flatten(),
                         nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, len(CHARACTERS)))

# %%
def language_loss(hidden: int, seed: int, steps: int = 500) -> float:
    """Cross-entropy on unseen text after 500 steps of Adam, in nats per character."""
    model, g = next_character(hidden, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)  # one call for all tensors
    for n in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - n / steps)
        batch = SEEN[torch.randint(len(SEEN), (256,), generator=g)]
        optimizer.zero_grad()
        F.cross_entropy(model(batch[:, :-1]), batch[:, -1]).backward()
        optimizer.step()
    with torch.no_grad():
        return F.cross_entropy(model(UNSEEN[:, :-1]), UNSEEN[:, -1]).item()


def mean_losses(widths, seeds=(0, 1, 2)) -> list[float]:
    """For each number of hidden units the mean loss of a model for each seed."""
    return [sum(language_loss(hidden, seed) for seed in seeds) / len(seeds) for hidden in widths]

# %% demo=true
widths, wide = [6, 8, 12, 16, 24, 32], 128
losses, (measured,) = mean_losses(widths), mean_losses([wide])
with once_written("fit_power_law"):
    a, b, c = fit_power_law(widths, losses)
    print(f"32 units: {losses[-1]:.2f}; for 128 the law says {a * wide ** -b + c:.2f}, "
          f"measured {measured:.2f}")
    n = torch.linspace(6, wide, 200)
    plt.figure(figsize=(6, 3.2))
    plt.plot(n, a * n ** -b + c, "--", color=plots.INK, label="law fitted to the small")
    plt.plot(widths, losses, "o", color=plots.COLOURS[0], label="small models, three runs each")
    plt.plot([wide], [measured], "s", color=plots.COLOURS[1], label="trained for the test")
    plt.xscale("log", base=2)
    plt.xlabel("hidden units")
    plt.ylabel("loss on unseen text")
    plt.legend()
    plt.show()

# %% [markdown]
# Four times as wide as any model that the fit has seen, and the prediction misses by a few hundredths. Take that with
# care. We also tried the number of parameters in place of the width, and a width of 4 among the small; both predicted
# worse, and you see the set-up that did best. A forecast counts only where all of it is fixed before the answer is
# known. The three numbers are less certain than the curve, for large models too: Besiroglu et al. (2024) took the
# data from the plots of Hoffmann et al., fitted the law again, and got other constants.
#
# ## What scale brings, and what is disputed
#
# Large language models are Transformers (lesson 8) trained to guess the next token, and little else. Translation was
# what the Transformer was made for (Vaswani et al. 2017). Summaries, answers to questions and code followed by
# fine-tuning (Devlin et al. 2018; Lewis et al. 2019; Chen et al. 2021). GPT-3 did many such tasks with no fine-tuning
# at all, from a few examples in its input: *few-shot* learning (Brown et al. 2020).
#
# ### Do abilities emerge?
#
# Wei et al. (2022a) call an ability *emergent* if small models lack it and large ones have it, so that one could not
# have foretold it from the small: they list dozens of tasks that stay at chance over many sizes, and then rise.
# Schaeffer et al. (2023) answer that it is the ruler that jumps. Let a model be right about each token with
# probability $p = e^{-\text{loss}}$, where the loss falls by a power law, and ask for ten tokens that are *all*
# right:

# %% demo=true
n = torch.logspace(6, 12, 200)
p = torch.exp(-(n / 1e8) ** -0.4)  # a made-up law: one nat at a hundred million parameters
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8))
titles = "loss per token", "p of the right token", "all ten tokens right"
for ax, values, title in zip(axes, (-p.log(), p, p ** 10), titles):
    ax.plot(n, values)
    ax.set(title=title, xscale="log", xlabel="parameters")
plt.show()

# %% [markdown]
# One and the same smooth gain; only the last picture looks like a new ability. Up to half a billion parameters the
# last picture stays below 1 %, where $p$ is above one half already. (That takes errors that do not depend on one
# another, and our law falls about five times as steeply as Kaplan et al. measured, so that the rise fits on the
# picture.) They show it for arithmetic in GPT-3, and make vision nets "emerge" by a choice of metric. The other side:
# whoever needs ten right tokens needs the third picture, and it is the one that matters for use and for safety; and
# Du et al. (2024) find tasks that rise from chance only below a certain loss, with smooth metrics too.
#
# ### Will scaling go on?
#
# *For*: loss has followed such laws over many powers of ten, and Sutton (2019) reads the history of the field as
# general methods plus computation winning again and again. *Against*: a power law means ever more for ever less. The
# recipe itself was revised: Hoffmann et al. (2022) found models too large for their data, and their Chinchilla, with
# a quarter of Gopher's parameters and the same computation, did better. Human text is finite (Villalobos et al.
# 2024). And a lower loss is not a promise about any task.
#
# ### Is it reasoning?
#
# *For*: asked to write down the steps, large models solve many more word problems (Wei et al. 2022b), and rewarding
# right answers makes them better still at mathematics and code (DeepSeek-AI 2025). *Against*: changed numbers in
# grade-school problems lowered the score of every model that Mirzadeh et al. (2024) tried, and a clause that looks
# relevant and is not lowered it by up to 65 %; they see patterns matched. How much of such drops is more than chance
# is itself disputed. What to call it is open.
#
# ### Can one look inside?
#
# Saliency (lesson 8) is a gradient: it says what would change the answer if it moved a little and all else stayed. So
# it is a hint and no cause, and some popular maps hardly change when the net's weights are drawn anew (Adebayo et al.
# 2018). *For*: one can step in, spoil an input, put back single activations of the clean run and see which of them
# bring the answer back (Meng et al. 2022); and sparse autoencoders find directions of which many stand for something
# that people can name (Bricken et al. 2023). *Against*: how much of what a large model does is explained by such
# parts is unknown, and who is decided about may have a right to reasons that nobody can give.
#
# ### At what cost?
#
# *Efficiency.* *For* hope in better methods: Ho et al. (2024) estimate that the computation for a given
# language-modelling performance halved about every eight months from 2012 to 2023, somewhere between every 5 and
# every 14. *Against*: by the same estimate growing computation contributed more than better algorithms, and the
# estimate rests on noisy benchmarks. *Carbon.* Strubell et al. (2019) raised the alarm with an architecture search
# that was to emit as much as five cars in their lives. Patterson et al. (2021) correct that estimate downwards, find
# such figures hard to make afterwards, and show that the choice of model, datacenter and processor changes them up to
# a hundred- or thousandfold. For BLOOM, a model of GPT-3's size, Luccioni et al. (2022) report about 25 t from the
# machines' own electricity in training, and 50 t with the making of the machines and idle time. The figures here
# leave out the use.
#
# *Ethics.* Models repeat what they were fed. Commercial classifiers of gender from faces erred on up to 34.7 % of
# darker-skinned women and on at most 0.8 % of lighter-skinned men (Buolamwini, Gebru 2018). Text of single persons
# can be drawn out of a language model (Carlini et al. 2020). Bender et al. (2021) ask who pays and who gains when
# models grow. Among the remedies are datasheets and model cards that say what a model was made of and for (Gebru et
# al. 2018; Mitchell et al. 2018), and measuring the groups apart.

# %% [markdown]
# ## Questions
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** Eight ranks sum a gradient of 1 GB by a ring. How many GB does each rank send?

# %% question="review_ring"
review_ring = quiz.ask(check.review_ring, 1.75)  # or a number

# %% check="review_ring" points=1
check.review_ring(review_ring)

# %% [markdown]
# **2.** A pipeline has 4 stages. The batch is cut into as few micro-batches as let each stage wait no more than a
# tenth of the time. Stage 1, counted from 0, holds how many times as many of them at once by GPipe as by 1F1B?

# %% question="review_bubble"
review_bubble = quiz.ask(check.review_bubble, 9)  # or a number

# %% check="review_bubble" points=1
check.review_bubble(review_bubble)

# %% [markdown]
# **3.** On its way back in float16 a loss makes gradients of about $10^{-9}$, $10^{-6}$ and $3$. By how much must it
# be multiplied for none of the three to become 0 or inf?
#
# - a) $2^4$
# - b) $2^{12}$
# - c) $2^{16}$
# - d) There is no such number: float16 is too narrow for all three.

# %% question="review_precision"
review_precision = quiz.ask(check.review_precision, "b")  # or one letter, in quotes

# %% check="review_precision" points=1
check.review_precision(review_precision)

# %% [markdown]
# **4.** The mean loss of a micro-batch of 6 samples is 2, that of another of 2 samples is 6. What is the mean loss of
# the batch of 8?

# %% question="review_accumulate"
review_accumulate = quiz.ask(check.review_accumulate, 3.0)  # or a number

# %% check="review_accumulate" points=1
check.review_accumulate(review_accumulate)

# %% [markdown]
# **5.** Order by bytes of model states on one device, smallest first.
#
# - a) 7 billion parameters, 64 devices, stage 0
# - b) 1 billion parameters, 8 devices, stage 0
# - c) 7 billion parameters, 64 devices, stage 1
# - d) 1.3 billion parameters, 8 devices, stage 3

# %% question="review_memory"
review_memory = quiz.ask(check.review_memory, "dbca")  # or four letters, in quotes

# %% check="review_memory" points=1
check.review_memory(review_memory)

# %% [markdown]
# **6.** A model gets each token right with the same probability, whatever the others are. An answer of five tokens
# counts only if all are right. How large must the probability be for half of the answers to count?

# %% question="review_emergence"
review_emergence = quiz.ask(check.review_emergence, 0.871)  # or a number from 0 to 1

# %% check="review_emergence" points=1
check.review_emergence(review_emergence)

# %% [markdown]
# **7.** A critique, in 200 to 300 of your own words. A hospital wants to train a language model of 7 billion
# parameters on 2 trillion tokens, its own records among them, to write discharge letters. It has 64 GPUs that reach
# 150 TFLOP/s each and draw 700 W with all around them, at 400 g per kWh. The supplier says that medical reasoning
# will emerge at this size. Would you do it?
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | cost | time, energy and emissions with your `training_cost`, and what that figure leaves out |
# | alternative | a cheaper way to the goal, and why it could be enough, or why not |
# | emergence | treats the supplier's claim as disputed, with an argument from each side, and asks for a test |
# | interpretability | says what cannot be known of why a letter says what it says, and who must check it |
# | ethics | names two harms, to whom they would be done, and something that would make each smaller |
# | decision | decides, and says what evidence would change the decision |

# %% [markdown] written="critique" points=6
# ### BEGIN SOLUTION
# By $6ND$ it is 8.4·10²² FLOPs. 64 GPUs at 9.6 PFLOP/s in all need 8.75 million seconds, 101 days, 109 MWh and 44 t
# of CO₂e. That is one run without failures, without trials before it, without making the machines, and without the
# use.
#
# I would first take an open model that exists and fine-tune it, on a few thousand checked letters: that costs hours.
# Language is there already; what is missing is the hospital's style and forms. If it fails on special terms, training
# on from that model with our text comes next. From scratch comes last.
#
# "Will emerge" is no promise. Wei et al. saw tasks rise suddenly with size; Schaeffer et al. got such jumps from the
# metric alone, and a smooth curve at smaller sizes would let us predict. So I would ask for results at 1 and 3
# billion, by a smooth metric and by the one that counts: letters without an error, on cases that the supplier has not
# seen.
#
# Why a sentence stands in a letter nobody can say; saliency shows where a model looked, not why. So each letter is a
# draft. A doctor compares it with the record and signs, and errors are counted.
#
# Patients whose records are learned can be quoted to strangers: remove names, try to extract them, keep the model
# inside. Groups that are rare in the records may get worse letters: measure errors for each group, and stop where
# they differ.
#
# I would not train it. I would change my mind if the fine-tuned model made more errors than the doctors do, and a
# small run from scratch clearly fewer.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have trained one model on several processes and shown that it is the one that a single process would have
# trained; summed tensors round a ring and counted every byte; cut layers, a pipeline and an optimizer's state, and
# set each beside PyTorch's own. You have kept float16's gradients alive, bought memory with computation, carried a
# learning rate over to a batch eight times as large, and reproduced on paper what ZeRO, GPT-3 and its emissions were
# reported to take. You have foretold a model's loss before training it, and you know which claims about scale are
# measured and which are disputed.
#
# This was the last lesson. It began, nine lessons ago, with a single hinge; nearly every part in between you have
# written yourself.
#
# [← 9 generative models](../09_generative_models/09_generative_models.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim (2018). *Sanity checks for saliency maps.* arXiv:1810.03292.
# - Bender, Gebru, McMillan-Major, Shmitchell (2021). *On the dangers of stochastic parrots: can language models be
#   too big?* FAccT.
# - Bengio, Ducharme, Vincent, Jauvin (2003). *A neural probabilistic language model.* Journal of Machine Learning
#   Research 3.
# - Besiroglu, Erdil, Barnett, You (2024). *Chinchilla scaling: a replication attempt.* arXiv:2404.10102.
# - Bricken et al. (2023). *Towards monosemanticity: decomposing language models with dictionary learning.*
#   transformer-circuits.pub.
# - Brown et al. (2020). *Language models are few-shot learners.* arXiv:2005.14165.
# - Buolamwini, Gebru (2018). *Gender shades: intersectional accuracy disparities in commercial gender
#   classification.* FAT*.
# - Carlini et al. (2020). *Extracting training data from large language models.* arXiv:2012.07805.
# - Chen et al. (2021). *Evaluating large language models trained on code.* arXiv:2107.03374.
# - Chen, Xu, Zhang, Guestrin (2016). *Training deep nets with sublinear memory cost.* arXiv:1604.06174.
# - DeepSeek-AI (2025). *DeepSeek-R1: incentivizing reasoning capability in LLMs via reinforcement learning.*
#   arXiv:2501.12948.
# - Devlin, Chang, Lee, Toutanova (2018). *BERT: pre-training of deep bidirectional transformers for language
#   understanding.* arXiv:1810.04805.
# - Du, Zeng, Dong, Tang (2024). *Understanding emergent abilities of language models from the loss perspective.*
#   arXiv:2403.15796.
# - Gebru et al. (2018). *Datasheets for datasets.* arXiv:1803.09010.
# - Goyal et al. (2017). *Accurate, large minibatch SGD: training ImageNet in 1 hour.* arXiv:1706.02677.
# - Ho et al. (2024). *Algorithmic progress in language models.* arXiv:2403.05812.
# - Hoffmann et al. (2022). *Training compute-optimal large language models.* arXiv:2203.15556.
# - Huang et al. (2018). *GPipe: efficient training of giant neural networks using pipeline parallelism.*
#   arXiv:1811.06965.
# - Kaplan et al. (2020). *Scaling laws for neural language models.* arXiv:2001.08361.
# - Lewis et al. (2019). *BART: denoising sequence-to-sequence pre-training for natural language generation,
#   translation, and comprehension.* arXiv:1910.13461.
# - Li et al. (2020). *PyTorch Distributed: experiences on accelerating data parallel training.* arXiv:2006.15704.
# - Loshchilov, Hutter (2019). *Decoupled weight decay regularization.* arXiv:1711.05101.
# - Luccioni, Viguier, Ligozat (2022). *Estimating the carbon footprint of BLOOM, a 176B parameter language model.*
#   arXiv:2211.02001.
# - McCandlish, Kaplan, Amodei, OpenAI Dota Team (2018). *An empirical model of large-batch training.*
#   arXiv:1812.06162.
# - Meng, Bau, Andonian, Belinkov (2022). *Locating and editing factual associations in GPT.* arXiv:2202.05262.
# - Micikevicius et al. (2017). *Mixed precision training.* arXiv:1710.03740.
# - Mirzadeh et al. (2024). *GSM-Symbolic: understanding the limitations of mathematical reasoning in large language
#   models.* arXiv:2410.05229.
# - Mitchell et al. (2018). *Model cards for model reporting.* arXiv:1810.03993.
# - Narayanan et al. (2019). *PipeDream: generalized pipeline parallelism for DNN training.* SOSP.
# - Narayanan et al. (2021). *Efficient large-scale language model training on GPU clusters using Megatron-LM.*
#   arXiv:2104.04473.
# - Patarasuk, Yuan (2009). *Bandwidth optimal all-reduce algorithms for clusters of workstations.* Journal of
#   Parallel and Distributed Computing 69.
# - Patterson et al. (2021). *Carbon emissions and large neural network training.* arXiv:2104.10350.
# - Radford et al. (2019). *Language models are unsupervised multitask learners.* OpenAI.
# - Rajbhandari, Rasley, Ruwase, He (2019). *ZeRO: memory optimizations toward training trillion parameter models.*
#   arXiv:1910.02054.
# - Schaeffer, Miranda, Koyejo (2023). *Are emergent abilities of large language models a mirage?* arXiv:2304.15004.
# - Sergeev, Del Balso (2018). *Horovod: fast and easy distributed deep learning in TensorFlow.* arXiv:1802.05799.
# - Shoeybi et al. (2019). *Megatron-LM: training multi-billion parameter language models using model parallelism.*
#   arXiv:1909.08053.
# - Strubell, Ganesh, McCallum (2019). *Energy and policy considerations for deep learning in NLP.* arXiv:1906.02243.
# - Sutton (2019). *The bitter lesson.* incompleteideas.net.
# - Vaswani et al. (2017). *Attention is all you need.* arXiv:1706.03762.
# - Villalobos et al. (2024). *Will we run out of data? Limits of LLM scaling based on human-generated data.*
#   arXiv:2211.04325.
# - Wei et al. (2022a). *Emergent abilities of large language models.* arXiv:2206.07682.
# - Wei et al. (2022b). *Chain-of-thought prompting elicits reasoning in large language models.* arXiv:2201.11903.
# - Zhao et al. (2023). *PyTorch FSDP: experiences on scaling fully sharded data parallel.* arXiv:2304.11277.
