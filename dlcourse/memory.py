"""How many bytes of tensors are alive, whoever holds them: lesson 10 measures by it what a network stores."""

import weakref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class LiveBytes(TorchDispatchMode):
    """`with LiveBytes() as memory:` counts the memory of the tensors that are made inside, for as long as it is held.

    Each operation is seen as it reaches its kernel. What counts is the storage, once, however many tensors look at
    it, and until nobody holds it any more: no variable, no graph, no context of a `Function`, no hook. What was there
    before, parameters and inputs, does not count.

    now   bytes alive
    peak  the most there ever were
    line  bytes alive after each operation
    """

    def __init__(self):
        super().__init__()
        self.now, self.peak, self.line = 0, 0, []
        self._known = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls):  # to skip torch's compiler, torch would load it
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self._ignore([*args, *(kwargs or {}).values()])
        result = func(*args, **(kwargs or {}))
        self._count(result)
        self.line.append(self.now)
        return result

    def bytes_of(self, *tensors: Tensor) -> int:
        """The bytes of these tensors' storages, each once, as far as they were made inside."""
        storages = {id(t.untyped_storage()): t.untyped_storage() for t in tensors}
        return sum(s.nbytes() for s in storages.values() if getattr(s, "_counted", False))

    def _ignore(self, things):
        """Storages that come in unseen were there before."""
        for t in _tensors(things):
            storage = t.untyped_storage()
            if storage not in self._known:
                self._known.add(storage)

    def _count(self, things):
        for t in _tensors([things]):
            storage = t.untyped_storage()
            if storage not in self._known:
                self._known.add(storage)
                storage._counted = True
                size = storage.nbytes()
                self.now += size
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._free, size)

    def _free(self, size):
        self.now -= size


def _tensors(things):
    """All tensors in nested lists and tuples."""
    for thing in things:
        if isinstance(thing, Tensor):
            yield thing
        elif isinstance(thing, (list, tuple)):
            yield from _tensors(thing)
