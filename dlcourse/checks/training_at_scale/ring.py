"""The check of `ring_all_reduce`: sums on two, three and four ranks, and the bytes that each of them sent."""

import math

import torch
import torch.distributed as dist

from ...traffic import Traffic
from ..comparing import Finding
from ..core import Mistake, Part
from .shared import ENDS, InOneProcess, RanksCheck, found, gave, on_ranks, raised, tree


def reduced(answer, tensors, transposed=False):
    """On a rank: what its tensor holds afterwards."""
    mine = tensors[dist.get_rank()]
    mine = mine.t() if transposed else mine
    answer(mine)
    return {"result": mine}


def counted(answer, tensors):
    """On a rank: how many bytes it sent."""
    mine = tensors[dist.get_rank()]
    with Traffic() as traffic:
        answer(mine)
    return {"bytes sent": int(traffic.sent)}


def _total(tensors, transposed=False):
    total = torch.stack(tensors).sum(0)
    return total.t() if transposed else total


def _summed(ranks, tensors, transposed=False):
    return {f"result of rank {rank}": _total(tensors, transposed) for rank in range(ranks)}


def most(ranks: int, tensor) -> int:
    """Bytes that a rank may send: 2(n − 1) pieces, none larger than the n-th part rounded up."""
    return 2 * (ranks - 1) * math.ceil(tensor.numel() / ranks) * tensor.element_size()


def _allowed(ranks, tensors):
    return {f"bytes sent of rank {rank}": most(ranks, tensors[0]) for rank in range(ranks)}


def _not_more(case, seen, expected):
    """Sent no more than allowed, on every rank."""
    for name, bound in expected.items():
        got = seen.get(name) if isinstance(seen, dict) else None
        if not isinstance(got, int) or got > bound:
            return Finding((name,), "value", got, f"at most {bound}")
    return None


def _one(g, ranks, *shape, dtype=torch.float64, **more):
    draw = torch.randint(-9, 10, (ranks, *shape), generator=g).to(dtype)
    if dtype.is_floating_point:
        draw = torch.randn(ranks, *shape, generator=g, dtype=dtype)
    return {"ranks": ranks, "tensors": list(draw), **more}


def _call(case):
    mine = case["tensors"][0]
    dtype = str(mine.dtype).removeprefix("torch.")
    how = " (transposed, so not contiguous)" if case.get("transposed") else ""
    shape = tuple(mine.t().shape) if case.get("transposed") else tuple(mine.shape)
    return f"ring_all_reduce(tensor) on {case['ranks']} ranks, tensor of shape {shape}, {dtype}{how}"


# What came back, as some mistakes leave it.


def _results(seen, case):
    """The ranks' results as rows (ranks, numel) in float64, and the sum as a row; None where there are none."""
    got = [tree(seen).get(f"result of rank {rank}") for rank in range(case["ranks"])]
    total = _total(case["tensors"], case.get("transposed", False))
    if any(not isinstance(one, torch.Tensor) or one.shape != total.shape for one in got):
        return None, None
    return torch.stack([one.double().reshape(-1) for one in got]), total.double().reshape(-1)


def _own(case):
    rows = [one.t() if case.get("transposed") else one for one in case["tensors"]]
    return torch.stack([one.double().reshape(-1) for one in rows])


def _half_way(finding, seen, case):
    got, total = _results(seen, case)
    if got is None:
        return False
    right = torch.isclose(got, total)
    return bool(right.any(0).all() and right.any(1).all() and not right.all(1).any())


def _only_one(finding, seen, case):
    got, total = _results(seen, case)
    return got is not None and torch.isclose(got, total).all(1).sum() == 1


def _added_again(finding, seen, case):
    got, total = _results(seen, case)
    if got is None or case["ranks"] != 2:
        return False
    once, twice = torch.isclose(got, total), torch.isclose(got, total + _own(case))
    return bool((once | twice).all() and once.any() and twice.any())


def _tail(finding, seen, case):
    got, total = _results(seen, case)
    if got is None:
        return False
    end = total.numel() // case["ranks"] * case["ranks"]
    right = torch.isclose(got, total)
    return bool(end < total.numel() and right[:, :end].all() and torch.isclose(got, _own(case))[:, end:].all())


def _copied(finding, seen, case):
    got, total = _results(seen, case)
    return bool(case.get("transposed")) and got is not None and torch.isclose(got, _own(case)).all().item()


def _two_are_done(finding, seen, case):
    said = seen.get("raised", {}).get("text", "")
    return case["ranks"] > 2 and all(f"rank {rank} had come to its end" in said for rank in (0, 1))


def _wrong_start(finding, seen, case):
    """Whether the all-gather began with another piece than the finished one."""
    got, total = _results(seen, case)
    n = case["ranks"]
    return got is not None and any(torch.allclose(got, _gathered(_own(case), n, start)) for start in range(n)
                                   if start != 1)


def _gathered(own, n, start):
    """What the ranks hold if the all-gather begins with piece rank + start; with 1, all hold the sum."""
    pieces = [list(row.tensor_split(n)) for row in own]
    for step in range(n - 1):
        sent = [pieces[rank][(rank - step) % n] for rank in range(n)]
        for rank in range(n):
            k = (rank - step - 1) % n
            pieces[rank][k] = pieces[rank][k] + sent[rank - 1]
    for step in range(n - 1):
        sent = [pieces[rank][(rank + start - step) % n] for rank in range(n)]
        for rank in range(n):
            pieces[rank][(rank - 1 + start - step) % n] = sent[rank - 1]
    return torch.stack([torch.cat(row) for row in pieces])


def _bytes(pattern):
    """Recognises what the ranks sent, in whole tensors: pattern(rank, ranks)."""
    def shows(finding, seen, case):
        got = [tree(seen).get(f"bytes sent of rank {rank}") for rank in range(case["ranks"])]
        return got == [pattern(rank, case["ranks"]) * case["tensors"][0].nbytes for rank in range(case["ranks"])]
    return shows


ring_all_reduce = RanksCheck(
    "ring_all_reduce", "ring_all_reduce(tensor)", InOneProcess(None),
    [Part("sum", 0.5, "on 2, 3 and 4 ranks every rank's tensor holds the sum of all",
          lambda g: [_one(g, 2, 8), _one(g, 3, 6), _one(g, 4, 8)], on_ranks(reduced, _summed), shows=_call),
     Part("any tensor", 0.25, "lengths that do not divide, fewer entries than ranks, other shapes, dtypes and strides",
          lambda g: [_one(g, 3, 7), _one(g, 4, 2), _one(g, 3, 4, dtype=torch.int64), _one(g, 2, 3, 5),
                     _one(g, 4, 6, dtype=torch.float32), _one(g, 3, 4, 3, transposed=True)],
          on_ranks(reduced, _summed), shows=_call),
     Part("bytes", 0.25, "no rank sends more than 2(n − 1)/n of the tensor, up to rounding",
          lambda g: [_one(g, 2, 121), _one(g, 3, 121), _one(g, 4, 121)], on_ranks(counted, _allowed), shows=_call,
          agrees=_not_more)],
    [Mistake("ring-two-ranks", "Ranks 0 and 1 come to their end, and another waits: it speaks to a rank that does not "
             "exist. Two ranks have only each other; of n the one to the right is `(rank + 1) % n`, and "
             "`dist.get_world_size()` says how many there are.", shows=_two_are_done),
     Mistake("ring-deadlock", "The ranks wait for each other, for ever. A blocking `send` may not return before the "
             "other side receives, and `recv` waits for what was sent: if all of them begin with the same one, nobody "
             "gets to the other; and who listens to a rank must be spoken to by that rank. "
             "Start the sending with `isend`, receive, then wait for it; send to one neighbour and receive from the "
             "other.", shows=raised("Deadlock")),
     Mistake("ring-copy-not-written-back", "A tensor that is not contiguous stays as it was. `reshape(-1)`, "
             "`flatten()` and `contiguous()` copy such a tensor, and the sum then stands in the copy only.",
             shows=_copied),
     Mistake("ring-new-tensor", "The tensor still holds what it held: the sum went into a new one. The result is to "
             "stand in the tensor that was given.",
             shows=gave("result", lambda ranks, tensors, transposed=False: [
                 one.t() if transposed else one for one in tensors])),
     Mistake("ring-average", "It gives the mean. An all-reduce sums; whoever wants the mean divides afterwards.",
             shows=gave("result", lambda ranks, tensors, transposed=False: [
                 _total(tensors, transposed) / ranks] * ranks)),
     Mistake("ring-neighbours", "Each rank has added its neighbour's tensor to its own, and no more. What comes from "
             "further away must be passed on.",
             shows=lambda finding, seen, case: case["ranks"] > 2 and any(
                 gave("result", lambda ranks, tensors, transposed=False, way=way: [
                     tensors[rank] + tensors[(rank + way) % ranks] for rank in range(ranks)])(finding, seen, case)
                 for way in (1, -1))),
     Mistake("ring-adds-finished", "Finished pieces have been added to what stood there, so some numbers count more "
             "than once. In the second round a piece that comes in *replaces* yours.", shows=_added_again),
     Mistake("ring-starts-with-the-wrong-piece", "The sums in the first round are right, and then pieces go round that "
             "are not finished. After the reduce-scatter a rank's finished piece is another one than it began with: "
             "that one goes first.", shows=_wrong_start),
     Mistake("ring-half-way", "Each rank has the full sum of one piece, and not of the others. That is the first "
             "half, the reduce-scatter. In the second half the finished pieces go round.", shows=_half_way),
     Mistake("ring-only-one-rank", "One rank has the sum, the others do not. All of them need it.", shows=_only_one),
     Mistake("ring-tail", "The last entries were left out: the length is not a multiple of the number of ranks, and "
             "length // n entries for each leave some over.", shows=_tail),
     Mistake("ring-pieces", "There are not as many pieces as ranks here. `torch.chunk` and `split` may give fewer "
             "pieces than asked for; `torch.tensor_split` gives exactly as many, some of them empty.",
             shows=raised("IndexError", "not enough values to unpack", "too many values to unpack")),
     Mistake("ring-view", "A tensor that is not contiguous has no `view(-1)`. Copy it with `reshape`, and write the "
             "result back.", shows=raised("view size is not compatible")),
     Mistake("ring-zero-d", "It needs a tensor with one axis. Make any shape flat first.",
             shows=raised("1-dimensional tensor")),
     Mistake("ring-buffer", "What a rank sends does not fit what the other one holds ready for it. A buffer must have "
             "the length and dtype of the piece that comes in, which may differ from those of the one that goes out: "
             "with `pass_on` that is `like`.",
             shows=raised("longer than the buffer", "preamble", "must match the size",
                          "doesn't match the broadcast shape", "match the size", "can't be cast")),
     Mistake("ring-whole-tensor", "The sum is right, but every rank sends whole tensors, n − 1 of them: the more "
             "ranks, the more bytes. Cut the tensor into n pieces and send one piece at a time.",
             shows=_bytes(lambda rank, ranks: ranks - 1)),
     Mistake("ring-whole-tensor-twice", "The sum is right, but whole tensors go round the ring, and twice. Cut the "
             "tensor into n pieces, and in each step send one piece.",
             shows=_bytes(lambda rank, ranks: 2 * (ranks - 1))),
     Mistake("ring-star", "The sum is right, but one rank does the work for all: it gets every tensor and sends the "
             "sum to each, so it sends n − 1 whole tensors. Share the pieces out: each rank is in charge of one.",
             shows=lambda finding, seen, case: any(_bytes(
                 lambda rank, ranks, centre=centre: ranks - 1 if rank == centre else 1)(finding, seen, case)
                 for centre in (0, case["ranks"] - 1))),
     Mistake("ring-chain", "The sum is right, but whole tensors go along the chain of ranks, one rank at work and the "
             "others waiting. Cut the tensor into n pieces, so that all ranks send at once.",
             shows=_bytes(lambda rank, ranks: 1 if rank in (0, ranks - 1) else 2)),
     *ENDS],
    frozenset({"all_reduce", "reduce", "all_gather", "_allgather_base", "reduce_scatter", "_reduce_scatter_base",
               "all_gather_into_tensor", "broadcast", "gather", "scatter", "all_to_all", "all_gather_object",
               "all_reduce_coalesced", "all_gather_coalesced"}),
    "`send`, `recv`, `isend`, `irecv` and `P2POp` are what you build it from.", ranks=4)
