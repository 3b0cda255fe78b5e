# %% [markdown]
# # Many devices, one model
#
# Lesson 10 · training at scale · about four hours
#
# You will be able to
#
# - train one model on several processes, and show that it is the very model one process would have trained;
# - say what each device sends, keeps and waits for, and count it: bytes per rank, state per rank, idle time;
# - split the data, the layers, the pipeline and the optimizer's state over devices, by hand and with PyTorch's own
# tools;
# - keep half-precision gradients alive, trade memory for computation, and scale the learning rate with the batch;
# - plan on paper what does not fit on one machine: memory, time, energy and cost, and judge what the plan leaves out.
#
# Nothing here is simulated that can be run: your code works in real processes, which talk over the machine's own
# network. Two cores are enough.

# %%
import math

import matplotlib.pyplot as plt
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import training_at_scale as check
from dlcourse.data import digits
from dlcourse.distributed import launch
from dlcourse.explorers import training_at_scale as explore
from dlcourse.payoff import once_written
from dlcourse.traffic import Traffic

plots.use_style()
torch.set_num_threads(1)  # the other core is for the other process

# %% [markdown]
# `launch(function, ranks, …)` starts so many Python processes, calls the function in each, and brings back what they
# return. Each process is a *rank*; their number is the *world size*. They share no memory: what one knows, another
# learns only by a message.

# %%
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
# `launch`
# gives up after a time limit and says which rank waits where; an error in one rank ends all of them.
#
# Each process is meant for a device of its own. Here the devices are the machine's cores and the messages go through
# gloo; where each rank has a GPU, `launch` takes nccl, and not a line of your code changes.
#
# ## Who sees which example
#
# *Data parallelism* gives every rank a copy of the model and a share of the data. The shares are made new in each
# epoch, and nobody deals them out: each rank draws the *same* order from the same seed, and takes its part.
#
# With $n$ examples and $w$ ranks, each takes $\lceil n/w \rceil$. The lengths must be equal, for a rank with one batch
# more than the others would wait for them for ever. Where $n$ does not divide, the order is repeated from its start,
# as
# often as it takes, to fill the last places.
#
# **Exercise.** Write `shard_batch`. The whole set is shuffled anew in each epoch, and the global random state is left
# alone: use a `torch.Generator` of your own. A list or a 1-d tensor of whole numbers will do, and which rank takes
# which
# places of the order is up to you.

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
# by
# Baidu and Horovod, Sergeev and Del Balso 2018).
#
# Cut the tensor into $n$ pieces. In each step every rank sends one piece to the right and takes one from the left.
#
# 1. *Reduce-scatter*, $n - 1$ steps: what comes in is added to the rank's own piece, and passed on in the next step.
#    At the end each rank holds one finished piece.
# 2. *All-gather*, $n - 1$ steps: finished pieces go round, and replace what stood there.
#
# So each rank sends $2(n-1)$ pieces of $1/n$ each:
#
# $$\text{bytes per rank} = 2\,\frac{n-1}{n} \times \text{bytes of the tensor}$$
#
# Less than twice the tensor, for any number of ranks. Follow the pieces here; the number in a piece says how many
# ranks' numbers are in it.

# %% demo=true
explore.ring()

# %% [markdown]
# Messages between two ranks are `dist.send(tensor, to)` and `dist.recv(buffer, source)`; the buffer has the size and
# dtype of what comes. `send` may return only once the other side receives. If all ranks send first, all wait for ever.
# `isend` returns at once and gives a handle to `wait()` for, which is all this helper does:

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
# shape, dtype and stride, and fewer entries than there are ranks (`torch.tensor_split` gives as many pieces as you ask
# for, some of them empty). Only messages between two ranks are allowed, `pass_on` or others.

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
# How much does it send? `Traffic` counts what a rank hands to `torch.distributed`. Beside yours: the way that comes to
# mind first, in which everyone sends everything to everyone.

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
    torch.stack(every).sum(0, out=tensor)

# %% demo=true
with once_written("ring_all_reduce"):
    for ranks in (2, 4):
        ring, all_to_all = (launch(sent_by, ranks, way)[0] for way in
                            (ring_all_reduce, everyone_to_everyone))
        print(f"{ranks} ranks, 4 MB: a rank of the ring sends {ring:.0f} MB, "
              f"gathering takes {all_to_all:.0f} MB")

# %% [markdown]
# ## Copies that stay equal
#
# If the loss is a mean over the batch $B$, and the batch falls into equal shares $B_1 \dots B_w$, then
#
# $$\nabla L_B = \frac1w \sum_{r=1}^{w} \nabla L_{B_r}$$
#
# The *average* of the ranks' gradients is the gradient of the whole batch. Copies that start alike and take the same
# average take the same step, and stay alike: weights are sent once, gradients in every step.
#
# When is a gradient ready to be sent? As soon as backward has finished with its parameter. A *hook* runs just then:
# `p.register_post_accumulate_grad_hook(f)` calls `f(p)` each time backward has put a gradient into `p.grad`. A
# parameter
# that takes no part in the loss never calls it, and keeps None.
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
# Does it train *the same* model? Thirty steps on digits: two ranks with 32 examples each, which begin with different
# weights, against one process with all 64.

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
        for p in model.parameters():
            p -= lr * p.grad

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

# %%
with once_written("shard_batch", "DataParallel"):
    rows = all_rows(2)
    ours = launch(on_this_rank, 2, DataParallel, x_train, y_train, rows, 0)
    alone = in_one_process(rows, 0)
    print("both ranks have the same weights:", torch.equal(ours[0][0], ours[1][0]))
    print("one process has them, to 1e-6:   ", torch.allclose(ours[0][0], alone, atol=1e-6, rtol=0))

# %% [markdown]
# PyTorch's own is `DistributedDataParallel` (Li et al. 2020). It gives the same weights and sends as many bytes, in
# fewer calls: it collects gradients in *buckets* of up to 25 MB and sends a bucket while backward still works on the
# layers below, so that the wire is busy during computation. Yours makes a call for each parameter.

# %%
with once_written("shard_batch", "DataParallel"):
    wrap = nn.parallel.DistributedDataParallel
    library = launch(on_this_rank, 2, wrap, x_train, y_train, rows, 0)
    same = torch.allclose(ours[0][0], library[0][0], atol=1e-6, rtol=0)
    print("the same weights, to 1e-6:", same)
    for name, (_, sent, calls) in {"yours": ours[0], "PyTorch's": library[0]}.items():
        print(f"{name:10} sends {sent:,} bytes a step, in {sum(calls.values())} calls")

# %% [markdown]
# ## A layer cut in two
#
# Data parallelism needs the whole model on each device. *Tensor parallelism* cuts the layers (Shoeybi et al. 2019,
# Megatron-LM). In a pair of linear layers with a bend between them, cut the first by its outputs and the second by its
# inputs:
#
# $$Y = \phi(X A^\top)\,B^\top = \sum_{r} \phi(X A_r^\top)\,B_r^\top$$
#
# Rank $r$ holds the rows $A_r$ of the first weight and the columns $B_r$ of the second. The bend works on each number
# alone, so nothing is sent between the two: one sum at the end, one in backward.
#
# PyTorch keeps a weight as (out, in). In the *column-parallel* layer, named after the columns of its output, a rank
# has
# `weight` (out/n, in) and `bias` (out/n). The input is the same on all ranks, and so its gradient is the sum of what
# comes back through each: identity forward, sum backward. A hook on a tensor, `x.register_hook(f)`, replaces its
# gradient by `f(gradient)`, for an x that requires one.

# %%
def summed(tensor: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all ranks, as a new tensor."""
    total = tensor.clone()
    dist.all_reduce(total)
    return total

# %% [markdown]
# **Exercise.** Write `ColumnParallelLinear`. The output stays sharded. Sizes that cannot be divided raise a
# ValueError,
# and the shards differ even where every rank has drawn from the same seed: draw the whole, keep a part.

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
# one
# term of a sum. Its backward needs no message: the output's gradient is the same on all ranks, and each term just
# takes it. `dist.all_reduce` on the result changes numbers without autograd's knowing, and here that is right.
#
# **Exercise.** Write `RowParallelLinear`, with `weight` (out, in/n) and the whole `bias`, added once.

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
        dist.all_reduce(y)
        return y + self.bias
        ### END SOLUTION

# %% check="RowParallelLinear" points=5
check.RowParallelLinear(RowParallelLinear)

# %% [markdown]
# The pair beside PyTorch's `parallelize_module`, on the same weights: outputs, gradients of the input, and what each
# sends for a batch of 16.

# %%
def pair_by_hand(x, first, second):
    """On a rank: the column-row pair, with its share of two whole layers' weights."""
    rank, n = dist.get_rank(), dist.get_world_size()
    pair = nn.Sequential(ColumnParallelLinear(64, 256), nn.ReLU(), RowParallelLinear(256, 64))
    with torch.no_grad():
        pair[0].weight.copy_(first.weight.chunk(n)[rank])
        pair[0].bias.copy_(first.bias.chunk(n)[rank])
        pair[2].weight.copy_(second.weight.chunk(n, dim=1)[rank])
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

# %%
with once_written("ColumnParallelLinear", "RowParallelLinear"):
    torch.manual_seed(0)
    first, second, x = nn.Linear(64, 256), nn.Linear(256, 64), torch.randn(16, 64)
    whole = second(F.relu(first(x))).detach()
    for name, way in {"yours": pair_by_hand, "PyTorch's": pair_by_pytorch}.items():
        y, grad, sent, held = launch(way, 2, x, first, second)[0]
        same = torch.allclose(y, whole, atol=1e-5)
        print(f"{name:10} as the whole layers: {same}; {sent:,} bytes sent, {held:,} numbers held")

# %% [markdown]
# ## A line of devices
#
# *Pipeline parallelism* gives each device some layers, a *stage*, and sends activations forward and gradients back.
# One
# batch alone would keep one device busy at a time. Cut it into $M$ *micro-batches*, and the stages work on different
# ones (Huang et al. 2018, GPipe). At the start and the end some stages still wait: the *bubble*. With $S$ stages and
# one
# unit of time for a forward or a backward, all is done after $2(M + S - 1)$ units, of which each stage works $2M$:
#
# $$\text{bubble fraction} = \frac{S - 1}{M + S - 1}$$
#
# GPipe runs all forwards, then all backwards, so a stage keeps the activations of all $M$ micro-batches. *1F1B*
# (Narayanan
# et al. 2019, 2021) does a backward as soon as one is possible. Stage $s$, counted from 0, runs $S - s - 1$ forwards
# ahead, then takes turns, a forward and a backward, and ends with the backwards that are left. It holds at most
# $S - s$ micro-batches at once. The bubble is the same.
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
# activations and gradients to its neighbours. Beside it PyTorch's pipeline, on the same two stages.

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
    return [p.grad for p in stages[rank].parameters()], most

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
with once_written("pipeline_schedule"):
    x, y, M = x_train[:64], y_train[:64], 8
    whole = gradients_of(two_stages(), x, y)
    close = lambda all_grads: all(map(lambda a, b: torch.allclose(a, b, atol=1e-6),
                                      sum(all_grads, []), whole))
    for kind in ("gpipe", "1f1b"):
        schedule = pipeline_schedule(2, M, kind)
        ran = launch(run_schedule, 2, schedule, two_stages(), x.chunk(M), y.chunk(M))
        grads, most = zip(*ran)
        library = launch(run_pytorchs, 2, kind, two_stages(), x, y, M)
        print(f"{kind}: yours as one process: {close(list(grads))}, PyTorch's: {close(library)}; "
              f"micro-batches kept at once: {most[0]} and {most[1]}")

# %% [markdown]
# ## State that nobody needs twice
#
# Under data parallelism every rank keeps the same weights, the same gradients and the same optimizer state: for Adam
# two
# moments for each weight, in lesson 4's AdamW twice the bytes of the weights. ZeRO (Rajbhandari et al. 2019) asks who
# needs what. Stage 1 shards the optimizer's state: each rank updates only its share of the weights, then hands the new
# values to the others.
#
# $$\text{state bytes per rank} \approx \frac{1}{w} \times \text{AdamW's}$$
#
# **Exercise.** Write `ShardedAdamW`. Gradients arrive averaged. Share out whole tensors or slices, as you like, and
# let
# each rank keep moments for its own share only; torch's AdamW, or yours from lesson 4, can work on that share. After
# `step()` every rank has all the new weights.

# %% exercise="ShardedAdamW"
class ShardedAdamW:
    """AdamW with its state shared out over the ranks (ZeRO stage 1); defaults as torch's AdamW."""

    def __init__(self, params, lr: float = 1e-3, betas=(0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0.01):
        """Keep all parameters, and make state for this rank's share of them."""
        ### BEGIN SOLUTION
        self.params = list(params)
        self.world = dist.get_world_size()
        mine = self.params[dist.get_rank()::self.world]
        self.inner = torch.optim.AdamW(mine, lr, betas, eps, weight_decay)
        ### END SOLUTION

    def step(self) -> None:
        """Move this rank's share, and hand it to all."""
        ### BEGIN SOLUTION
        self.inner.step()
        for number, p in enumerate(self.params):
            dist.broadcast(p.data, number % self.world)
        ### END SOLUTION

# %% check="ShardedAdamW" points=6
check.ShardedAdamW(ShardedAdamW)

# %% [markdown]
# ZeRO's stages 2 and 3 shard gradients and weights as well: a layer's weights are gathered just before they are used,
# and
# dropped afterwards. PyTorch's `fully_shard` does that (Zhao et al. 2023). Ten steps of AdamW in three ways, on two
# ranks: plain, yours, and fully sharded. The same weights come out. What a rank keeps between steps differs.

# %%
def bytes_of(tensors) -> int:
    return sum(getattr(t, "to_local", lambda: t)().nbytes for t in tensors)


def adamw_on_ranks(kind, x, y, rows, sharded_adamw=None):
    """On a rank: ten steps in one of three ways; the weights, and bytes of weights and state."""
    model = small_net(0)
    if kind == "fully_shard":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    else:
        model = DataParallel(model)
    optimizer = (sharded_adamw or torch.optim.AdamW)(model.parameters(), 1e-2)
    for mine in rows[dist.get_rank()][:10]:
        model.zero_grad()
        F.cross_entropy(model(x[mine]), y[mine]).backward()
        optimizer.step()
    weights = [getattr(p, "full_tensor", lambda: p)().detach().flatten()
               for p in model.parameters()]
    states = [t for s in getattr(optimizer, "inner", optimizer).state.values() for t in s.values()]
    return torch.cat(weights), bytes_of(model.parameters()), bytes_of(states)

# %%
with once_written("shard_batch", "DataParallel", "ShardedAdamW"):
    ways = {"AdamW": ("plain",), "ShardedAdamW": ("plain", ShardedAdamW),
            "fully_shard": ("fully_shard",)}
    for name, (kind, *own) in ways.items():
        ran = launch(adamw_on_ranks, 2, kind, x_train, y_train, all_rows(2), *own)
        reference = ran[0][0] if name == "AdamW" else reference
        same = torch.allclose(ran[0][0], reference, atol=1e-5)
        print(f"{name:13} same weights: {same}; rank 0 keeps {ran[0][1]:,} bytes of weights, "
              f"{ran[0][2]:,} of state")

# %% [markdown]
# (Part B, notes/10b.py, goes here: precision, checkpointing, accumulation, large batches, on paper.)

# %% [markdown]
# ## Outside the notebook, and on several hosts
#
# `launch` is for a notebook. A long run is a script, started by `torchrun`, which gives each process its rank and
# where
# to meet the others. Your classes go into it as they stand.

# %%
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

# %%
SCRIPT = """import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

{answers}

dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
torch.manual_seed(dist.get_rank())
model = DataParallel(nn.Linear(8, 1))
x = torch.linspace(-1, 1, 64).view(8, 8)[dist.get_rank()::dist.get_world_size()]
for _ in range(100):
    model.zero_grad()
    F.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
if dist.get_rank() == 0:
    loss = F.mse_loss(model(x), x.sum(1, keepdim=True))
    print(f"{{dist.get_world_size()}} ranks, loss {{loss:.4f}}")
dist.destroy_process_group()
"""

# %%
def cell_of(thing) -> str:
    """The text of the cell in which a class or function was written."""
    function = thing if inspect.isfunction(thing) else thing.__init__
    return "".join(inspect.findsource(function)[0])

# %%
with once_written("DataParallel"), tempfile.TemporaryDirectory() as folder:
    script = Path(folder, "train.py")
    script.write_text(SCRIPT.format(answers=cell_of(DataParallel)))
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone",
                           "--nproc-per-node", "2", str(script)], capture_output=True, text=True)
    print(done.stdout.strip() or done.stderr)

# %% [markdown]
# On two hosts with eight GPUs each, start the same script once on each of them:
#
#     torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 train.py
#
# HOST is the name of one of the two, which both can reach. The agents meet there, agree who is which rank, and start
# sixteen processes; `dist.init_process_group` finds the rest in its environment.
#
# ## A critique
#
# (Part B's written question, the debates and what the plan leaves out go here; then the review.)

# %% [markdown]
# **1.** Eight ranks sum a gradient of 1 GB by a ring. How many GB does each rank send?

# %% question="review_ring"
review_ring = 1.75  # a number

# %% check="review_ring" points=1
check.review_ring(review_ring)

# %% [markdown]
# **2.** What does 1F1B gain over GPipe, with the same stages and micro-batches?
#
# - a) A smaller bubble.
# - b) Fewer activations kept at once.
# - c) Less work for each stage.
# - d) A smaller bubble, the more stages there are.

# %% question="review_bubble"
review_bubble = "b"  # one letter, in quotes

# %% check="review_bubble" points=1
check.review_bubble(review_bubble)

# %% [markdown]
# ## What you can do now
#
# You have trained one model on several processes and shown that it is the one that a single process would have
# trained;
# summed tensors round a ring and counted every byte; cut layers, a pipeline and an optimizer's state, and set each
# beside
# PyTorch's own. (Part B's share of this paragraph.) This was the last lesson: from a hinge to a plan for a thousand
# devices, each part written by you.
#
# ## References
#
# - Huang et al. (2018). *GPipe: efficient training of giant neural networks using pipeline parallelism.*
#   arXiv:1811.06965.
# - Li et al. (2020). *PyTorch Distributed: experiences on accelerating data parallel training.* arXiv:2006.15704.
# - Loshchilov, Hutter (2019). *Decoupled weight decay regularization.* arXiv:1711.05101.
# - Narayanan et al. (2019). *PipeDream: generalized pipeline parallelism for DNN training.* SOSP.
# - Narayanan et al. (2021). *Efficient large-scale language model training on GPU clusters using Megatron-LM.*
#   arXiv:2104.04473.
# - Patarasuk, Yuan (2009). *Bandwidth optimal all-reduce algorithms for clusters of workstations.* Journal of Parallel
#   and Distributed Computing 69.
# - Rajbhandari, Rasley, Ruwase, He (2019). *ZeRO: memory optimizations toward training trillion parameter models.*
#   arXiv:1910.02054.
# - Sergeev, Del Balso (2018). *Horovod: fast and easy distributed deep learning in TensorFlow.* arXiv:1802.05799.
# - Shoeybi et al. (2019). *Megatron-LM: training multi-billion parameter language models using model parallelism.*
#   arXiv:1909.08053.
# - Zhao et al. (2023). *PyTorch FSDP: experiences on scaling fully sharded data parallel.* arXiv:2304.11277.
