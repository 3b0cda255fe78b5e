"""Answers to `ring_all_reduce`, `DataParallel`, the parallel layers and `ShardedAdamW`."""

import torch
import torch.distributed as dist

from .. import right, wrong

# ring_all_reduce


def pass_on(out, into):
    """Send to the right, receive from the left, at the same time."""
    rank, n = dist.get_rank(), dist.get_world_size()
    going = dist.isend(out.contiguous(), (rank + 1) % n)
    dist.recv(into, (rank - 1) % n)
    going.wait()


def ring(flat, rounds=2, add_again=False):
    rank, n = dist.get_rank(), dist.get_world_size()
    pieces = flat.tensor_split(n)
    for step in range(n - 1):
        into = torch.empty_like(pieces[(rank - step - 1) % n])
        pass_on(pieces[(rank - step) % n], into)
        pieces[(rank - step - 1) % n].add_(into)
    for step in range(n - 1 if rounds == 2 else 0):
        into = torch.empty_like(pieces[(rank - step) % n])
        pass_on(pieces[(rank + 1 - step) % n], into)
        if add_again:
            into += pieces[(rank - step) % n]
        pieces[(rank - step) % n].copy_(into)
    return flat


@right("ring_all_reduce")
def with_isend(tensor):
    tensor.copy_(ring(tensor.flatten().clone()).view(tensor.shape))
    return tensor


@right("ring_all_reduce")
def with_p2p_ops(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.reshape(-1)
    size = -(-len(flat) // n)
    padded = torch.zeros(n, size, dtype=tensor.dtype)
    padded.view(-1)[:len(flat)] = flat
    for step in range(2 * (n - 1)):
        out, into = (rank - step) % n, (rank - step - 1) % n
        came = torch.empty(size, dtype=tensor.dtype)
        ops = [dist.P2POp(dist.isend, padded[out].clone(), (rank + 1) % n),
               dist.P2POp(dist.irecv, came, (rank - 1) % n)]
        for work in dist.batch_isend_irecv(ops):
            work.wait()
        padded[into] = padded[into] + came if step < n - 1 else came
    tensor.copy_(padded.view(-1)[:len(flat)].view(tensor.shape))


@right("ring_all_reduce")
def direct_to_the_owner(tensor):
    """No ring: each rank sends piece k straight to rank k, which adds, and sends the sum to everyone."""
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.reshape(-1).clone()
    pieces = list(flat.tensor_split(n))
    others = [k for k in range(n) if k != rank]
    sending = [dist.isend(pieces[k].clone(), k) for k in others]
    for k in others:
        came = torch.empty_like(pieces[rank])
        dist.recv(came, k)
        pieces[rank] += came
    for work in sending:
        work.wait()
    sending = [dist.isend(pieces[rank], k) for k in others]
    for k in others:
        dist.recv(pieces[k], k)
    for work in sending:
        work.wait()
    tensor.copy_(torch.cat(pieces).view(tensor.shape))


@right("ring_all_reduce")
def odd_and_even_take_turns(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.clone().reshape(-1)
    pieces = flat.tensor_split(n)

    def swap(out, into):
        if rank == 0:
            dist.send(out.clone(), (rank + 1) % n)
            dist.recv(into, (rank - 1) % n)
        else:
            dist.recv(into, (rank - 1) % n)
            dist.send(out.clone(), (rank + 1) % n)

    for step in range(n - 1):
        into = torch.empty_like(pieces[(rank - step - 1) % n])
        swap(pieces[(rank - step) % n], into)
        pieces[(rank - step - 1) % n].add_(into)
    for step in range(n - 1):
        into = torch.empty_like(pieces[(rank - step) % n])
        swap(pieces[(rank + 1 - step) % n], into)
        pieces[(rank - step) % n].copy_(into)
    tensor[...] = flat.view(tensor.shape)


@wrong("ring_all_reduce", "ring-deadlock")
def everybody_sends_first(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    came = torch.empty_like(tensor)
    dist.send(tensor, (rank + 1) % n)
    dist.recv(came, (rank - 1) % n)
    tensor += came


@wrong("ring_all_reduce", "ring-two-ranks")
def the_other_one(tensor):
    other = 1 - dist.get_rank()
    flat = tensor.flatten()
    pieces = flat.tensor_split(2)
    going = dist.isend(pieces[other].clone(), other)
    came = torch.empty_like(pieces[1 - other])
    dist.recv(came, other)
    going.wait()
    pieces[1 - other].add_(came)
    going = dist.isend(pieces[1 - other].clone(), other)
    dist.recv(pieces[other], other)
    going.wait()
    tensor.copy_(flat.view(tensor.shape))


@wrong("ring_all_reduce", "ring-deadlock")
def everybody_listens_first(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    came = torch.empty_like(tensor)
    dist.recv(came, (rank - 1) % n)
    dist.send(tensor, (rank + 1) % n)
    tensor += came


@wrong("ring_all_reduce", "ring-deadlock")
def listens_to_the_wrong_side(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    came, out = torch.empty_like(tensor), tensor.clone()
    for _ in range(n - 1):
        going = dist.isend(out, (rank + 1) % n)
        dist.recv(came, (rank + 1) % n)
        going.wait()
        tensor += came
        out = came.clone()


@wrong("ring_all_reduce", "ring-whole-tensor")
def whole_tensors_go_round(tensor):
    out = tensor.clone(memory_format=torch.contiguous_format)
    for _ in range(dist.get_world_size() - 1):
        came = torch.empty_like(out)
        pass_on(out, came)
        tensor += came
        out = came


@wrong("ring_all_reduce", "ring-whole-tensor")
def everyone_to_everyone(tensor):
    others = [k for k in range(dist.get_world_size()) if k != dist.get_rank()]
    mine = tensor.clone(memory_format=torch.contiguous_format)
    sending = [dist.isend(mine, k) for k in others]
    for k in others:
        came = torch.empty_like(mine)
        dist.recv(came, k)
        tensor.add_(came)
    for work in sending:
        work.wait()


@wrong("ring_all_reduce", "ring-star")
def rank_0_does_it_all(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    mine = tensor.clone(memory_format=torch.contiguous_format)
    if rank:
        dist.send(mine, 0)
        dist.recv(mine, 0)
    else:
        for k in range(1, n):
            came = torch.empty_like(mine)
            dist.recv(came, k)
            mine += came
        for k in range(1, n):
            dist.send(mine, k)
    tensor.copy_(mine)


@wrong("ring_all_reduce", "ring-chain")
def along_the_line_and_back(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    mine = tensor.clone(memory_format=torch.contiguous_format)
    if rank > 0:
        came = torch.empty_like(mine)
        dist.recv(came, rank - 1)
        mine += came
    if rank < n - 1:
        dist.send(mine, rank + 1)
        dist.recv(mine, rank + 1)
    if rank > 0:
        dist.send(mine, rank - 1)
    tensor.copy_(mine)


@wrong("ring_all_reduce", "ring-average")
def the_mean(tensor):
    with_isend(tensor)
    tensor /= dist.get_world_size()


@wrong("ring_all_reduce", "ring-new-tensor")
def gives_the_sum_back(tensor):
    return ring(tensor.flatten().clone()).view(tensor.shape)


@wrong("ring_all_reduce", "ring-neighbours")
def only_the_neighbour(tensor):
    came = torch.empty_like(tensor)
    pass_on(tensor, came)
    tensor += came


@wrong("ring_all_reduce", "ring-starts-with-the-wrong-piece")
def gathers_from_its_own_number(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = ring(tensor.flatten().clone(), rounds=1)
    pieces = flat.tensor_split(n)
    for step in range(n - 1):
        into = torch.empty_like(pieces[(rank - step - 1) % n])
        pass_on(pieces[(rank - step) % n], into)
        pieces[(rank - step - 1) % n].copy_(into)
    tensor.copy_(flat.view(tensor.shape))


@wrong("ring_all_reduce", "ring-half-way")
def reduce_scatter_only(tensor):
    tensor.copy_(ring(tensor.flatten().clone(), rounds=1).view(tensor.shape))


@wrong("ring_all_reduce", "ring-adds-finished")
def adds_in_both_rounds(tensor):
    tensor.copy_(ring(tensor.flatten().clone(), add_again=True).view(tensor.shape))


@wrong("ring_all_reduce", "ring-only-one-rank")
def reduces_to_rank_0(tensor):
    if dist.get_rank():
        dist.send(tensor.contiguous(), 0)
    else:
        for k in range(1, dist.get_world_size()):
            came = torch.empty_like(tensor)
            dist.recv(came, k)
            tensor += came


@wrong("ring_all_reduce", "ring-tail")
def forgets_the_rest(tensor):
    n = dist.get_world_size()
    flat = tensor.reshape(-1).clone()
    end = len(flat) // n * n
    if end:
        ring(flat[:end])
    tensor.copy_(flat.view(tensor.shape))


@wrong("ring_all_reduce", "ring-pieces")
def by_chunk(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.reshape(-1).clone()
    pieces = list(flat.chunk(n))
    for step in range(2 * (n - 1)):
        out, into = pieces[(rank - step) % n], pieces[(rank - step - 1) % n]
        came = torch.empty_like(into)
        pass_on(out, came)
        into.copy_(into + came if step < n - 1 else came)
    tensor.copy_(flat.view(tensor.shape))


@wrong("ring_all_reduce", "ring-buffer")
def buffers_like_what_it_sends(tensor):
    rank, n = dist.get_rank(), dist.get_world_size()
    flat = tensor.flatten()
    pieces = flat.tensor_split(n)
    for step in range(2 * (n - 1)):
        out, into = pieces[(rank - step) % n], pieces[(rank - step - 1) % n]
        came = torch.empty_like(out)
        pass_on(out, came)
        into.copy_(into + came if step < n - 1 else came)
    tensor.copy_(flat.view(tensor.shape))


@wrong("ring_all_reduce", "ring-view")
def by_view(tensor):
    ring(tensor.view(-1))


@wrong("ring_all_reduce", "ring-copy-not-written-back")
def by_reshape(tensor):
    ring(tensor.reshape(-1))


@wrong("ring_all_reduce", "off-limits")
def by_all_reduce(tensor):
    dist.all_reduce(tensor)


@wrong("ring_all_reduce", "off-limits")
def by_gathering(tensor):
    every = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    getattr(dist, "all_" + "gather")(every, tensor)
    tensor.copy_(sum(every))


@wrong("ring_all_reduce", "not-written")
def hole(tensor):
    raise NotImplementedError()


@wrong("ring_all_reduce", "rank-exits")
def leaves(tensor):
    if dist.get_rank() == 1:
        raise SystemExit(1)
    ring(tensor.reshape(-1))


# DataParallel


class Wrapped(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        self.begin()
        for p in model.parameters():
            self.prepare(p)

    def begin(self):
        for t in self.model.state_dict().values():
            dist.broadcast(t, 0)

    def prepare(self, p):
        p.register_post_accumulate_grad_hook(self.exchange)

    def exchange(self, p):
        dist.all_reduce(p.grad)
        p.grad /= dist.get_world_size()

    def forward(self, *args, **kwargs):
        return self.model(*args, **kwargs)


@right("DataParallel")
class ByAccumulateHook(Wrapped):
    pass


@right("DataParallel")
class ByTensorHook(Wrapped):
    def begin(self):
        with torch.no_grad():
            for t in [*self.model.parameters(), *self.model.buffers()]:
                dist.broadcast(t, src=0)

    def prepare(self, p):
        def average(grad):
            grad = grad / dist.get_world_size()
            dist.all_reduce(grad)
            return grad
        p.register_hook(average)


@right("DataParallel")
class AllAtOnce(Wrapped):
    """One flat exchange, when all have come that backward will reach: the leaves of the output's graph."""

    def forward(self, x):
        output = super().forward(x)
        self.arrived, self.awaited, nodes = 0, set(), [output.grad_fn]
        while nodes:
            node = nodes.pop()
            nodes += [before for before, _ in node.next_functions if before is not None]
            self.awaited |= {node.variable} if hasattr(node, "variable") else set()
        return output

    def prepare(self, p):
        p.register_post_accumulate_grad_hook(self.count)

    def count(self, p):
        self.arrived += 1
        if self.arrived == len(self.awaited):
            self.exchange()

    def exchange(self):
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads]) / dist.get_world_size()
        dist.all_reduce(flat)
        for g, part in zip(grads, flat.split([g.numel() for g in grads])):
            g.copy_(part.view_as(g))


@right("DataParallel")
class ByItsOwnRing(Wrapped):
    def exchange(self, p):
        flat = p.grad.flatten()
        ring(flat)
        p.grad.copy_(flat.view_as(p.grad) / dist.get_world_size())


@wrong("DataParallel", "dp-sum")
class Sums(Wrapped):
    def exchange(self, p):
        dist.all_reduce(p.grad)


@wrong("DataParallel", "dp-local")
class WantsACall(Wrapped):
    def prepare(self, p):
        pass

    def synchronize(self):
        for p in self.model.parameters():
            self.exchange(p)


@wrong("DataParallel", "dp-local")
class HookOnACopy(Wrapped):
    def prepare(self, p):
        def average(grad):
            grad = grad.clone()
            dist.all_reduce(grad)
            grad /= dist.get_world_size()
        p.register_hook(average)


@wrong("DataParallel", "dp-divided-twice")
class DividesTwice(Wrapped):
    def exchange(self, p):
        p.grad /= dist.get_world_size()
        dist.all_reduce(p.grad)
        p.grad /= dist.get_world_size()


@wrong("DataParallel", "dp-divided-not-summed")
class OnlyDivides(Wrapped):
    def exchange(self, p):
        p.grad = p.grad / dist.get_world_size()


@wrong("DataParallel", "dp-rank-0s-gradients")
class RankZeroSays(Wrapped):
    def exchange(self, p):
        dist.broadcast(p.grad, 0)


@wrong("DataParallel", "dp-only-rank-0")
class ReducesToRankZero(Wrapped):
    def exchange(self, p):
        mine = p.grad / dist.get_world_size()
        dist.reduce(mine, 0)
        if dist.get_rank() == 0:
            p.grad.copy_(mine)


@wrong("DataParallel", "dp-no-broadcast")
class SameSeedHopefully(Wrapped):
    def begin(self):
        pass


@wrong("DataParallel", "dp-mean-of-weights")
class MeanOfWeights(Wrapped):
    def begin(self):
        for p in self.model.parameters():
            dist.all_reduce(p.data)
            p.data /= dist.get_world_size()
        for b in self.model.buffers():
            dist.broadcast(b, 0)


@wrong("DataParallel", "dp-no-buffers")
class ParametersOnly(Wrapped):
    def begin(self):
        for p in self.model.parameters():
            dist.broadcast(p.data, 0)


@wrong("DataParallel", "dp-unused-zero")
class FillsTheGaps(Wrapped):
    def begin(self):
        super().begin()
        for p in self.model.parameters():
            p.grad = torch.zeros_like(p)


@wrong("DataParallel", "dp-none")
class NeedsEveryGradient(AllAtOnce):
    def exchange(self):
        for p in self.model.parameters():
            dist.all_reduce(p.grad)
            p.grad /= dist.get_world_size()


@wrong("DataParallel", "dp-none-at-construction")
class AtConstruction(Wrapped):
    def prepare(self, p):
        self.exchange(p)


@wrong("DataParallel", "dp-no-parameters")
class HidesTheModel(Wrapped):
    def __init__(self, model):
        super().__init__(model)
        del self.model
        self.models = [model]

    def forward(self, x):
        return self.models[0](x)


@wrong("DataParallel", "dp-not-a-module")
class PlainObject:
    def __init__(self, model):
        self.model = model
        Wrapped(model)

    def __call__(self, x):
        return self.model(x)


@wrong("DataParallel", "dp-first-backward-only")
class OnceIsEnough(Wrapped):
    def exchange(self, p):
        if not hasattr(p, "exchanged"):
            super().exchange(p)
        p.exchanged = True


@wrong("DataParallel", "rank-left-alone")
class OnlyRankZeroBroadcasts(Wrapped):
    def begin(self):
        if dist.get_rank() == 0:
            super().begin()


@wrong("DataParallel", "off-limits")
class Library(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)

    def forward(self, x):
        return self.model(x)


@wrong("DataParallel", "not-written")
class Hole(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        raise NotImplementedError()

    def forward(self, *inputs):
        raise NotImplementedError()


# ColumnParallelLinear


class CopyForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        grad = grad.clone()
        dist.all_reduce(grad)
        return grad


class Column(torch.nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.n, self.rank = dist.get_world_size(), dist.get_rank()
        self.sizes = in_features, out_features
        if self.refuse():
            raise ValueError("sizes do not divide")
        self.weight, self.bias = self.tensors(in_features, out_features)

    def refuse(self):
        return self.sizes[1] % self.n

    def tensors(self, into, out):
        whole = torch.randn(out, into) / into ** 0.5
        return torch.nn.Parameter(whole.tensor_split(self.n)[self.rank].clone()), self.zeros(out // self.n)

    def zeros(self, n):
        return torch.nn.Parameter(torch.zeros(n))

    def forward(self, x):
        return CopyForward.apply(x) @ self.weight.t() + self.bias


@right("ColumnParallelLinear")
class SlicesTheWhole(Column):
    pass


@right("ColumnParallelLinear")
class ByHook(Column):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        generator = torch.Generator().manual_seed(dist.get_rank())
        with torch.no_grad():
            self.weight.uniform_(-0.1, 0.1, generator=generator)

    def forward(self, x):
        def total(grad):
            grad = grad.contiguous().clone()
            dist.all_reduce(grad)
            return grad
        if x.requires_grad:
            x = x.view_as(x)
            x.register_hook(total)
        return torch.nn.functional.linear(x, self.weight, self.bias)


@right("ColumnParallelLinear")
class HoldsALinear(torch.nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        assert out_features % dist.get_world_size() == 0
        state = torch.get_rng_state()
        torch.manual_seed(torch.initial_seed() + 1 + dist.get_rank())
        self.linear = torch.nn.Linear(in_features, out_features // dist.get_world_size())
        torch.set_rng_state(state)

    weight = property(lambda self: self.linear.weight)
    bias = property(lambda self: self.linear.bias)

    def forward(self, x):
        return self.linear(CopyForward.apply(x))


@wrong("ColumnParallelLinear", "column-hook-on-x")
class HookOnTheInput(Column):
    def forward(self, x):
        def total(grad):
            grad = grad.clone()
            dist.all_reduce(grad)
            return grad
        if x.requires_grad:
            x.register_hook(total)
        return x @ self.weight.t() + self.bias


@wrong("ColumnParallelLinear", "column-gradient-not-summed")
class PlainForward(Column):
    def forward(self, x):
        return x @ self.weight.t() + self.bias


@wrong("ColumnParallelLinear", "column-gradient-average")
class MeanGradient(Column):
    def forward(self, x):
        if x.requires_grad:
            x.register_hook(lambda grad: CopyForward.backward(None, grad) / self.n)
        return x @ self.weight.t() + self.bias


@wrong("ColumnParallelLinear", "column-split-inputs")
class SplitsInputs(Column):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out, into // self.n)), self.zeros(out)


@wrong("ColumnParallelLinear", "column-transposed")
class Transposed(Column):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(into, out // self.n)), self.zeros(out // self.n)

    def forward(self, x):
        return CopyForward.apply(x) @ self.weight + self.bias


@wrong("ColumnParallelLinear", "column-whole")
class HoldsAll(Column):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out, into)), self.zeros(out)

    def forward(self, x):
        return (CopyForward.apply(x) @ self.weight.t() + self.bias).chunk(self.n, 1)[self.rank]


@wrong("ColumnParallelLinear", "column-whole-bias")
class WholeBias(Column):
    def tensors(self, into, out):
        return super().tensors(into, out)[0], self.zeros(out)

    def forward(self, x):
        return CopyForward.apply(x) @ self.weight.t() + self.bias.chunk(self.n)[self.rank]


@wrong("ColumnParallelLinear", "column-gathers")
class GathersTheOutput(Column):
    def forward(self, x):
        y = super().forward(x)
        every = [torch.empty_like(y) for _ in range(self.n)]
        dist.all_gather(every, y.contiguous())
        every[self.rank] = y
        return torch.cat(every, 1)


@wrong("ColumnParallelLinear", "column-sums-output")
class SumsTheOutput(Column):
    def forward(self, x):
        y = super().forward(x)
        dist.all_reduce(y)
        return y


@wrong("ColumnParallelLinear", "column-no-bias")
class NoBias(Column):
    def forward(self, x):
        return CopyForward.apply(x) @ self.weight.t()


@wrong("ColumnParallelLinear", "column-hook-needs-gradient")
class HookAlways(Column):
    def forward(self, x):
        x.register_hook(lambda grad: CopyForward.backward(None, grad))
        return x @ self.weight.t() + self.bias


@wrong("ColumnParallelLinear", "shard-same")
class SameEverywhere(Column):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out // self.n, into)), self.zeros(out // self.n)


@wrong("ColumnParallelLinear", "shard-indivisible")
class CutsOff(Column):
    def refuse(self):
        return False


@wrong("ColumnParallelLinear", "shard-no-parameters")
class PlainTensors(Column):
    def tensors(self, into, out):
        weight, bias = super().tensors(into, out)
        return weight.detach().requires_grad_(), bias.detach().requires_grad_()


@wrong("ColumnParallelLinear", "column-sends-in-forward")
class SendsTheInput(Column):
    def forward(self, x):
        x = x.view_as(x) if x.requires_grad else x
        with torch.no_grad():
            copy = x.detach().clone()
            dist.broadcast(copy, 0)
        return super().forward(x)


@wrong("ColumnParallelLinear", "column-weight-gradient-summed")
class SumsAllGradients(Column):
    def tensors(self, into, out):
        weight, bias = super().tensors(into, out)
        for p in (weight, bias):
            p.register_hook(lambda grad: CopyForward.backward(None, grad))
        return weight, bias


@wrong("ColumnParallelLinear", "off-limits")
class ByDTensor(Column):
    def forward(self, x):
        from torch.distributed.tensor import DTensor
        DTensor
        return super().forward(x)


@wrong("ColumnParallelLinear", "not-written")
class ColumnHole(torch.nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        raise NotImplementedError()


# RowParallelLinear


class Row(Column):
    def refuse(self):
        return self.sizes[0] % self.n

    def tensors(self, into, out):
        whole = torch.randn(out, into) / into ** 0.5
        return torch.nn.Parameter(whole.tensor_split(self.n, 1)[self.rank].clone()), self.zeros(out)

    def forward(self, x):
        y = x @ self.weight.t()
        dist.all_reduce(y)
        return y + self.bias


class SumForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        return grad


@right("RowParallelLinear")
class AllReduceTheResult(Row):
    pass


@right("RowParallelLinear")
class ByFunction(Row):
    def forward(self, x):
        return SumForward.apply(torch.nn.functional.linear(x, self.weight)) + self.bias


@right("RowParallelLinear")
class RankZeroAddsTheBias(Row):
    def forward(self, x):
        return SumForward.apply(torch.nn.functional.linear(x, self.weight, None if self.rank else self.bias))


@right("RowParallelLinear")
class OverItsOwnRing(Row):
    def forward(self, x):
        y = x @ self.weight.t()
        with torch.no_grad():
            total = ring(y.detach().flatten().clone()).view(y.shape)
        return y + (total - y.detach()) + self.bias


@wrong("RowParallelLinear", "row-not-summed")
class NoSum(Row):
    def forward(self, x):
        return x @ self.weight.t() + self.bias


@wrong("RowParallelLinear", "row-bias-many-times")
class BiasFirst(Row):
    def forward(self, x):
        return SumForward.apply(x @ self.weight.t() + self.bias)


@wrong("RowParallelLinear", "row-average")
class Averages(Row):
    def forward(self, x):
        return SumForward.apply(x @ self.weight.t()) / self.n + self.bias


@wrong("RowParallelLinear", "row-no-bias")
class RowNoBias(Row):
    def forward(self, x):
        return SumForward.apply(x @ self.weight.t())


@wrong("RowParallelLinear", "row-split-outputs")
class SplitsOutputs(Row):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out // self.n, into)), self.zeros(out)


@wrong("RowParallelLinear", "row-whole")
class RowHoldsAll(Row):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out, into)), self.zeros(out)


@wrong("RowParallelLinear", "row-bias-shard")
class BiasShard(Row):
    def tensors(self, into, out):
        return super().tensors(into, out)[0], self.zeros(out // self.n)


@wrong("RowParallelLinear", "row-splits-input")
class SplitsTheInput(Row):
    def forward(self, x):
        return super().forward(x.chunk(self.n, 1)[self.rank])


@wrong("RowParallelLinear", "row-gradient-many-times")
class LibrarysBackward(Row):
    def forward(self, x):
        import torch.distributed.nn.functional as communicate
        return communicate.all_reduce(x @ self.weight.t()) + self.bias


@wrong("RowParallelLinear", "row-gathers")
class GathersAndAdds(Row):
    def forward(self, x):
        mine = x @ self.weight.t()
        every = [torch.empty_like(mine) for _ in range(self.n)]
        dist.all_gather(every, mine.detach())
        every[self.rank] = mine
        return sum(every) + self.bias


@wrong("RowParallelLinear", "row-only-one-rank")
class ReducesToOne(Row):
    def forward(self, x):
        y = x @ self.weight.t()
        total = y.detach().clone()
        dist.reduce(total, 0)
        return (y + (total - y.detach()) if self.rank == 0 else y) + self.bias


@wrong("RowParallelLinear", "shard-gradient-cut")
class CutsTheGraph(Row):
    def forward(self, x):
        with torch.no_grad():
            y = x @ self.weight.t()
            dist.all_reduce(y)
        return y + self.bias


@wrong("RowParallelLinear", "shard-same")
class RowSame(Row):
    def tensors(self, into, out):
        return torch.nn.Parameter(torch.randn(out, into // self.n)), self.zeros(out)


@wrong("RowParallelLinear", "shard-indivisible")
class RowCutsOff(Row):
    def refuse(self):
        return False


@wrong("RowParallelLinear", "shard-no-attribute")
class NoBiasAttribute(Row):
    def zeros(self, n):
        return None


@wrong("RowParallelLinear", "rank-left-alone")
class OnlyRankZeroSums(Row):
    def forward(self, x):
        y = x @ self.weight.t()
        if self.rank == 0:
            dist.all_reduce(y)
        return y + self.bias


@wrong("RowParallelLinear", "not-written")
class RowHole(Column):
    def forward(self, x):
        raise NotImplementedError()


# ShardedAdamW


class Sharded:
    """Whole tensors are shared out in turns; each rank's moments are made for its own."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params = list(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.rank, self.n, self.t = dist.get_rank(), dist.get_world_size(), 0
        self.moments = {k: self.make(p) for k, p in enumerate(self.params) if self.keeps(k)}

    def owner(self, k):
        return k % self.n

    def keeps(self, k):
        return self.owner(k) == self.rank

    def make(self, p):
        return torch.zeros_like(p), torch.zeros_like(p)

    def update(self, k, p):
        m, v = self.moments[k]
        b1, b2 = self.betas
        m.lerp_(p.grad, 1 - b1)
        v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
        p.mul_(1 - self.lr * self.weight_decay)
        p.sub_(self.lr * (m / (1 - b1 ** self.t)) / ((v / (1 - b2 ** self.t)).sqrt() + self.eps))

    def share(self, k, p):
        dist.broadcast(p, self.owner(k))

    @torch.no_grad()
    def step(self):
        self.t += 1
        for k in self.moments:
            self.update(k, self.params[k])
        for k, p in enumerate(self.params):
            self.share(k, p)


@right("ShardedAdamW")
class InTurns(Sharded):
    pass


@right("ShardedAdamW")
class BySlices:
    """All tensors in one row, cut into equal slices; torch's AdamW on a copy of the own slice."""

    def __init__(self, params, lr=1e-3, **options):
        self.params = list(params)
        n = dist.get_world_size()
        flat = torch.cat([p.detach().flatten() for p in self.params])
        self.size = -(-len(flat) // n)
        self.extra = self.size * n - len(flat)
        self.mine = torch.nn.Parameter(self.slice(flat))
        self.inner = torch.optim.AdamW([self.mine], lr, **options)

    def slice(self, flat):
        flat = torch.cat([flat, flat.new_zeros(self.extra)])
        return flat.chunk(dist.get_world_size())[dist.get_rank()].clone()

    def step(self):
        self.mine.grad = self.slice(torch.cat([p.grad.flatten() for p in self.params]))
        self.inner.step()
        self.mine.grad = None
        pieces = [torch.empty_like(self.mine) for _ in range(dist.get_world_size())]
        dist.all_gather(pieces, self.mine.detach())
        flat = torch.cat(pieces)
        with torch.no_grad():
            for p in self.params:
                p.copy_(flat[:p.numel()].view_as(p))
                flat = flat[p.numel():]


@right("ShardedAdamW")
class ByTorchOnOwnTensors:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        self.params = list(params)
        load = [0] * dist.get_world_size()
        self.owners = []
        for p in self.params:
            self.owners.append(load.index(min(load)))
            load[self.owners[-1]] += p.numel()
        mine = [p for p, owner in zip(self.params, self.owners) if owner == dist.get_rank()]
        self.inner = torch.optim.AdamW(mine, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def step(self):
        self.inner.step()
        for p, owner in zip(self.params, self.owners):
            dist.broadcast(p.data, owner)


@wrong("ShardedAdamW", "sharded-whole-state")
class KeepsAll(Sharded):
    def keeps(self, k):
        return True


@wrong("ShardedAdamW", "sharded-whole-state")
class StateAheadOfTime(Sharded):
    def __init__(self, params, lr=1e-3, **options):
        super().__init__(params, lr, **options)
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]
        self.moments = {k: (self.m[k], self.v[k]) for k in self.moments}


@wrong("ShardedAdamW", "sharded-one-moment")
class FirstMomentWhole(Sharded):
    def __init__(self, params, lr=1e-3, **options):
        super().__init__(params, lr, **options)
        self.first = [torch.zeros_like(p) for p in self.params]
        self.moments = {k: (self.first[k], v) for k, (_, v) in self.moments.items()}


@wrong("ShardedAdamW", "sharded-keeps-a-copy")
class KeepsACopy(Sharded):
    def step(self):
        super().step()
        self.last = [p.detach().clone() for p in self.params]


@wrong("ShardedAdamW", "sharded-not-exchanged")
class NoExchange(Sharded):
    def share(self, k, p):
        pass


@wrong("ShardedAdamW", "sharded-one-ranks-share")
class FromRankZero(Sharded):
    def share(self, k, p):
        dist.broadcast(p, 0)


@wrong("ShardedAdamW", "sharded-averaged")
class AveragesWeights(Sharded):
    def share(self, k, p):
        dist.all_reduce(p)
        p /= self.n


@wrong("ShardedAdamW", "sharded-l2")
class DecayInTheGradient(Sharded):
    def update(self, k, p):
        p.grad = p.grad + self.weight_decay * p
        decay, self.weight_decay = self.weight_decay, 0.0
        super().update(k, p)
        self.weight_decay = decay


@wrong("ShardedAdamW", "sharded-no-decay")
class NoDecay(Sharded):
    def update(self, k, p):
        self.weight_decay = 0
        super().update(k, p)


@wrong("ShardedAdamW", "sharded-no-decay")
class DefaultOfAdam(Sharded):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)


@wrong("ShardedAdamW", "sharded-no-correction")
class NoCorrection(Sharded):
    def update(self, k, p):
        m, v = self.moments[k]
        m.lerp_(p.grad, 1 - self.betas[0])
        v.lerp_(p.grad ** 2, 1 - self.betas[1])
        p.mul_(1 - self.lr * self.weight_decay).sub_(self.lr * m / (v.sqrt() + self.eps))


@wrong("ShardedAdamW", "sharded-clock")
class ClockStands(Sharded):
    def step(self):
        self.t = 0
        super().step()


@wrong("ShardedAdamW", "sharded-options-ignored")
class OptionsIgnored(Sharded):
    def __init__(self, params, lr=1e-3, **options):
        super().__init__(params, lr)


@wrong("ShardedAdamW", "sharded-nothing-moves")
class NewTensors(Sharded):
    def step(self):
        self.t += 1
        for k in self.moments:
            moved = self.params[k].detach().clone()
            moved.grad = self.params[k].grad
            self.update(k, moved)


@wrong("ShardedAdamW", "sharded-nothing-moves")
class UsedUpGenerator(Sharded):
    def __init__(self, params, lr=1e-3, **options):
        super().__init__(params, lr, **options)
        self.params = list(params)
        self.moments = {}


@wrong("ShardedAdamW", "sharded-state-of-one")
class RankZeroDoesItAll(Sharded):
    def owner(self, k):
        return 0


@wrong("ShardedAdamW", "rank-left-alone")
class OwnersBroadcastAlone(Sharded):
    def share(self, k, p):
        if self.owner(k) == self.rank:
            dist.broadcast(p, self.rank)


@wrong("ShardedAdamW", "rank-leaf")
class UnderAGraph(Sharded):
    def step(self):
        self.t += 1
        for k in self.moments:
            self.update(k, self.params[k])


@wrong("ShardedAdamW", "off-limits")
class Zero:
    def __init__(self, params, lr=1e-3, **options):
        from torch.distributed.optim import ZeroRedundancyOptimizer
        self.inner = ZeroRedundancyOptimizer(list(params), torch.optim.AdamW, lr=lr, **options)

    def step(self):
        self.inner.step()


@wrong("ShardedAdamW", "not-written")
class ShardedHole:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        raise NotImplementedError()

    def step(self):
        raise NotImplementedError()
