"""What a rank says to the others, counted: for lesson 10, its checks, and whoever wants to know what a library sends.

    with Traffic() as traffic:
        loss.backward()
    traffic.sent, traffic.calls        1048576, {"allreduce": 3}
"""

from collections import Counter

import torch
import torch.distributed as dist
from torch.utils._python_dispatch import TorchDispatchMode

PLUMBING = {"barrier", "wait_tensor", "wrap_tensor_autograd", "recv", "recv_any_source", "monitored_barrier"}


class Traffic(TorchDispatchMode):
    """Counts what this rank hands to `torch.distributed` inside its `with`, whichever way it is called.

    calls   how often, by the kind of call: "send", "allreduce", "broadcast", "allgather", "reducescatter", …
    sent    bytes that this rank sends: all of a message to one other rank; of a collective operation its share
            where the ranks stand in a ring: (n − 1)/n of all bytes involved, and twice that for an all-reduce
    """

    @classmethod
    def _should_skip_dynamo(cls):  # to skip torch's compiler, torch would load it, for over a second
        return False

    def __init__(self):
        super().__init__()
        self.calls, self.sent = Counter(), 0.0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        space, name = func._schema.name.split("::")
        if "c10d" in space and name.strip("_") not in PLUMBING:
            kind = name.strip("_").removesuffix("_base").replace("_into_tensor", "").replace("_tensor", "")
            kind = kind.replace("_", "").removesuffix("coalesced")
            self.calls[kind] += 1
            self.sent += _share(kind) * max((_bytes(argument) for argument in args), default=0)
        return func(*args, **(kwargs or {}))


def _share(kind: str) -> float:
    ranks = dist.get_world_size()
    return 1.0 if kind == "send" else (ranks - 1) / ranks * (2 if kind == "allreduce" else 1)


def _bytes(thing) -> int:
    if isinstance(thing, torch.Tensor):
        return thing.nbytes
    return sum(map(_bytes, thing)) if isinstance(thing, (list, tuple)) else 0
