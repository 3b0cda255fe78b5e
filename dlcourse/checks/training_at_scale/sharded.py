"""The check of `ShardedAdamW`: the weights beside AdamW's, and the bytes of state that each rank keeps."""

import torch
import torch.distributed as dist
from torch import nn

from ..comparing import Finding
from ..core import Mistake, Part
from .shared import ENDS, InOneProcess, RanksCheck, found, on_ranks, raised, tree

SINGLE = (1e-4, 2e-6)
SHAPES = [(7, 5), (5,), (3, 4), (4,), (6, 2), (3,)]
EVEN = [(16, 16)] * 12  # no tensor dominates: whole tensors can be shared out evenly
SHARE = 0.58  # of AdamW's state, on three ranks: a third of both moments and of a copy of the weights is 0.5


def _parameters(starts):
    return [nn.Parameter(start.clone()) for start in starts]


def stepped(answer, starts, grads, lr, options):
    """On a rank: every tensor after the steps. Gradients are the same on all ranks, as after data parallelism."""
    params = _parameters(starts)
    optimizer = answer((p for p in params), lr, **options)
    for t in range(len(grads[0])):
        for p, several in zip(params, grads):
            p.grad = several[t].clone()
        optimizer.step()
    return {"tensors": params}


def stored(answer, starts, grads, lr):
    """On a rank: the bytes of all tensors that the optimizer holds beside parameters and gradients."""
    params = _parameters(starts)
    optimizer = answer(params, lr)
    for t in range(len(grads[0])):
        for p, several in zip(params, grads):
            p.grad = several[t].clone()
        optimizer.step()
    known = {tensor.untyped_storage().data_ptr() for p in params for tensor in (p, p.grad) if tensor is not None}
    return {"state bytes": sum(bytes for start, bytes in _storages(optimizer).items() if start not in known)}


def _storages(thing) -> dict[int, int]:
    """The bytes of each tensor's storage that can be reached from a thing; gradients are left out."""
    found, seen, todo = {}, set(), [thing]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, (type, type(dist), str, bytes, int, float)):
            continue
        seen.add(id(one))
        if isinstance(one, torch.Tensor):
            storage = one.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
            todo.append({k: v for k, v in vars(one).items()} if hasattr(one, "__dict__") else None)
        elif isinstance(one, dict):
            todo += [*one, *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            todo += one
        elif hasattr(one, "__closure__"):
            todo += [cell.cell_contents for cell in one.__closure__ or ()]
        else:
            todo += [getattr(one, name) for name in getattr(type(one), "__slots__", ()) if hasattr(one, name)]
            todo.append(getattr(one, "__dict__", None))
    return found


def adamw(starts, grads, lr, options=None, *, decay="decoupled", correct=True, moved=1.0, clock=None, which=None):
    """AdamW in one process (Loshchilov and Hutter 2019); the keywords are ways to go wrong. The tensors it ends with.

    moved   the share of each step that is made;  which   flat entries (of all tensors in a row) that move at all
    """
    o = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, **(options or {})}
    (b1, b2), eps, wd = o["betas"], o["eps"], o["weight_decay"]
    sizes = [start.numel() for start in starts]
    p = torch.cat([start.flatten() for start in starts]).double()
    m, v = torch.zeros_like(p), torch.zeros_like(p)
    for t in range(1, len(grads[0]) + 1):
        g = torch.cat([several[t - 1].flatten() for several in grads]).double()
        g = g + wd * p if decay == "in the gradient" else g
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        k = clock or t
        mh, vh = (m / (1 - b1 ** k), v / (1 - b2 ** k)) if correct else (m, v)
        new = p * (1 - lr * wd) if decay == "decoupled" else p
        new = new - lr * mh / (vh.sqrt() + eps)
        step = moved * (new - p)
        p = p + (step if which is None else torch.where(which, step, 0.0))
    return [part.view(start.shape).float() for part, start in zip(p.split(sizes), starts)]


def _expected(ranks, starts, grads, lr, options):
    tensors = adamw(starts, grads, lr, options)
    return {f"tensors of rank {rank}": tensors for rank in range(ranks)}


def _whole(starts):
    """Bytes of AdamW's state: two moments of each number."""
    return 2 * sum(start.nbytes for start in starts)


def _bytes(ranks, starts, grads, lr):
    return {f"state bytes of rank {rank}": _whole(starts) for rank in range(ranks)}


def _a_share(case, seen, expected):
    for name, whole in expected.items():
        got = seen.get(name) if isinstance(seen, dict) else None
        if not isinstance(got, int) or got > SHARE * whole:
            return Finding((name,), "value", got, f"about {whole // case['ranks']}, a third of AdamW's {whole}")
    return None


def _case(g, ranks, shapes=SHAPES, steps=4, options=None):
    draw = lambda *shape: torch.randn(*shape, generator=g)
    away = lambda grad: grad + 0.3 * grad.sign()
    case = {"ranks": ranks, "starts": [draw(*shape) for shape in shapes],
            "grads": [away(draw(*shape) + draw(steps, *shape)) for shape in shapes], "lr": 0.05}
    return case if options is None else {**case, "options": options}


def _call(case):
    options = "".join(f", {name}={value}" for name, value in case.get("options", {}).items())
    return (f"ShardedAdamW(params, {case['lr']}{options}) on {case['ranks']} ranks, {len(case['starts'])} tensors, "
            f"{len(case['grads'][0])} steps")


def _gave(**slips):
    """Recognises the weights that AdamW with these slips would give."""
    def shows(finding, seen, case):
        if "options" not in case or not found("tensors of rank")(finding, seen, case):
            return False
        wrong = adamw(case["starts"], case["grads"], case["lr"], **({"options": case["options"]} | slips))
        return all(_close(_of(seen, rank), wrong) for rank in range(case["ranks"]))
    return shows


def _of(seen, rank):
    return tree(seen).get(f"tensors of rank {rank}")


def _close(got, tensors):
    return isinstance(got, list) and len(got) == len(tensors) and all(
        isinstance(one, torch.Tensor) and one.shape == other.shape and torch.allclose(one, other, 1e-4, 1e-5)
        for one, other in zip(got, tensors))


def _rows(seen, case):
    """Of each rank, which numbers are AdamW's and which are where they started."""
    flat = lambda tensors: torch.cat([t.flatten().float() for t in tensors])
    got = [_of(seen, rank) for rank in range(case["ranks"])]
    if any(not isinstance(one, list) or len(one) != len(case["starts"]) for one in got):
        return None
    got = torch.stack([flat(one) for one in got])
    right = torch.isclose(got, flat(adamw(case["starts"], case["grads"], case["lr"], case["options"])), 1e-4, 1e-5)
    return right, got == flat(case["starts"])


def _each_its_own(finding, seen, case):
    rows = "options" in case and _rows(seen, case)
    return bool(rows) and bool((rows[0] | rows[1]).all() and rows[0].any(0).all() and not rows[0].all(1).any())


def _one_ranks(finding, seen, case):
    rows = "options" in case and _rows(seen, case)
    return bool(rows) and bool((rows[0] | rows[1]).all() and rows[0].any() and not rows[0].any(0).all())


def _state_is(low, high):
    """Recognises state bytes between two shares of AdamW's, on rank 0."""
    def shows(finding, seen, case):
        got = tree(seen).get("state bytes of rank 0")
        return found("state bytes")(finding, seen, case) and isinstance(got, int) and (
            low <= got / _whole(case["starts"]) <= high)
    return shows


def _of_one_rank(finding, seen, case):
    got = [tree(seen).get(f"state bytes of rank {rank}") for rank in range(case["ranks"])]
    return found("state bytes")(finding, seen, case) and None not in got and min(got) < 0.1 * max(got)


ShardedAdamW = RanksCheck(
    "ShardedAdamW", "ShardedAdamW(params, lr, …)", InOneProcess(None),
    [Part("steps", 0.4, "after four steps every rank has AdamW's weights, all of them",
          lambda g: [_case(g, 2, options={}), _case(g, 3, options={})],
          on_ranks(stepped, _expected), SINGLE, _call),
     Part("options", 0.2, "betas, eps and weight_decay are AdamW's",
          lambda g: [_case(g, 2, options={"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2})],
          on_ranks(stepped, _expected), SINGLE, _call),
     Part("memory", 0.4, "each of three ranks keeps about a third of AdamW's state",
          lambda g: [_case(g, 3, EVEN, steps=2)], on_ranks(stored, _bytes), shows=_call, agrees=_a_share)],
    [Mistake("sharded-not-exchanged", "Each rank has moved its own share of the weights, and the others' have stayed. "
             "After its step every rank must hand on what it has moved. If yours does: a generator of parameters can "
             "be walked through only once, and is empty afterwards.", shows=_each_its_own),
     Mistake("sharded-one-ranks-share", "Only one rank's share of the weights has moved. Each share must come from "
             "the rank that is in charge of it.", shows=_one_ranks),
     Mistake("sharded-nothing-moves", "Nothing moves: the weights stay where they were. Are they changed in place? "
             "A generator of parameters, by the way, can be walked through only once.", shows=_gave(moved=0.0)),
     Mistake("sharded-averaged", "The weights are averaged over the ranks, of which only one has moved each: so it is "
             "half a step, or less. Take the owner's.",
             shows=lambda finding, seen, case: _gave(moved=1 / case["ranks"])(finding, seen, case)),
     Mistake("sharded-l2", "The decay goes into the gradient, and with it into the moments: that is Adam with an L2 "
             "penalty. AdamW takes lr · weight_decay · p off the weights themselves.",
             shows=_gave(decay="in the gradient")),
     Mistake("sharded-no-decay", "The weights do not decay. AdamW's default is weight_decay = 0.01.",
             shows=_gave(decay="none")),
     Mistake("sharded-no-correction", "The moments start at 0 and are too small at first: divide them by 1 − βᵗ.",
             shows=_gave(correct=False)),
     Mistake("sharded-clock", "The step count stays at 1, so the bias corrections never change.",
             shows=_gave(clock=1)),
     Mistake("sharded-options-ignored", "The options are not used: this is what their defaults give.",
             shows=_gave(options={})),
     Mistake("sharded-state-of-one", "One rank keeps the state and the others have none. Share it out.",
             shows=_of_one_rank),
     Mistake("sharded-whole-state", "The weights are right, but every rank keeps the state of all of them: nothing "
             "has been sharded. A rank should make moments only for its own share.", shows=_state_is(0.95, 1.1)),
     Mistake("sharded-one-moment", "One of the two moments is kept whole on every rank. Shard both.",
             shows=_state_is(0.64, 0.7)),
     Mistake("sharded-keeps-a-copy", "The moments are sharded, but the optimizer keeps whole copies beside them, of "
             "the weights or of the gradients. What it needs in a step it can make in that step.",
             shows=_state_is(0.7, 0.94)),
     Mistake("sharded-more-than-whole", "Each rank keeps more than AdamW in one process would.",
             shows=_state_is(1.1, 99)),
     *ENDS],
    frozenset({"ZeroRedundancyOptimizer", "torch.distributed.optim", "torch.distributed.fsdp",
               "torch.distributed._composable"}),
    "`broadcast`, `all_gather` and your AdamW, or torch's, are what you build it from.")
