"""What an exercise rules out, used all the same: F.relu under another name, out of sight, or with the watch put out."""

from . import attack

# Each gives what F.relu gives: with the watch gone it would be a right answer. `works` shows it, outside any check.
WORKS = "\nassert {0}(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]"


def evade(name: str, code: str, answer: str, says: str = "off limits|rules out|relu", helper: str = "relu_like") -> None:
    """Register an answer to relu that goes through `helper`, which `code` defines."""
    attack("evading", name, code + (WORKS.format(helper) if helper else ""), {"relu": answer}, says)


RELU = "def relu(x):\n    return relu_like(x)"

evade("getattr", "relu_like = getattr(F, 're' + 'lu')", RELU)
evade("aliasing", "from torch.nn.functional import relu as relu_like", RELU)
evade("torch.ops", "relu_like = lambda x: torch.ops.aten.relu.default(x)", RELU)
evade("method of a module", "relu_like = nn.ReLU().forward", RELU)
evade("torch.jit", "relu_like = torch.jit.script(nn.ReLU())", RELU)
evade("torch.jit trace", "relu_like = torch.jit.trace(lambda x: x.relu(), torch.ones(2))", RELU)
evade("vmap", "relu_like = lambda x: torch.vmap(F.relu)(x)", RELU)

evade("thread", """
import threading
def relu_like(x):
    found = []
    worker = threading.Thread(target=lambda: found.append(F.relu(x)))
    worker.start(); worker.join()
    return found[0]""", RELU)

evade("thread started before", """
import queue, threading
asked, given = queue.Queue(), queue.Queue()
def serve():
    while True:
        given.put(F.relu(asked.get()))
threading.Thread(target=serve, daemon=True).start()
def relu_like(x):
    asked.put(x)
    return given.get(timeout=0.5)""", RELU)

HELPER = """
import os, socket, struct, pickle
ours, theirs = socket.socketpair()
if os.fork() == 0:
    try:
        while True:
            theirs.sendall(pickle.dumps(F.relu(pickle.loads(theirs.recv(1 << 20)))))
    finally:
        os._exit(0)
class Far(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ours.settimeout(0.3)
        ours.sendall(pickle.dumps(x.detach().clone()))
        output = pickle.loads(ours.recv(1 << 20))
        ctx.save_for_backward(output)
        return output
    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)
relu_like = Far.apply"""
evade("helper process", HELPER, RELU)

evade("subprocess", """
import subprocess, sys, json
def relu_like(x):
    code = f"relu = lambda v: list(map(relu, v)) if isinstance(v, list) else max(v, 0.0); print(relu({x.tolist()}))"
    return torch.tensor(json.loads(subprocess.check_output([sys.executable, "-c", code], timeout=60)), dtype=x.dtype)
""", RELU)

evade("modes taken off", """
from torch.utils import _python_dispatch
from torch.overrides import _len_torch_function_stack
def relu_like(x):
    with _python_dispatch._disable_current_modes(), torch._C.DisableTorchFunction():
        return F.relu(x)""", RELU)

evade("dispatch guard", """
def relu_like(x):
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
        return torch._C._nn.relu(x) if hasattr(torch._C._nn, "relu") else torch._C._VariableFunctions.relu(x)""", RELU)

evade("mode stack popped", """
from torch.utils._python_dispatch import _pop_mode, _push_mode, _get_current_dispatch_mode
def relu_like(x):
    modes = []
    while _get_current_dispatch_mode() is not None:
        modes.append(_pop_mode())
    functions = []
    while torch._C._len_torch_function_stack():
        functions.append(torch._C._pop_torch_function_stack())
    try:
        return F.relu(x)
    finally:
        for mode in reversed(functions): torch._C._push_on_torch_function_stack(mode)
        for mode in reversed(modes): _push_mode(mode)""", RELU)

evade("modes patched", """
from torch.utils._python_dispatch import TorchDispatchMode
from torch.overrides import TorchFunctionMode
for mode in (TorchDispatchMode, TorchFunctionMode):
    mode.__enter__ = lambda self: self
    mode.__exit__ = lambda self, *error: None
relu_like = lambda x: F.relu(x)""", RELU)

evade("frames of the watch", """
import sys
def relu_like(x):
    frame = sys._getframe()
    while frame:
        if isinstance(frame.f_locals.get("calls"), set):
            calls = frame.f_locals["calls"]
            output = F.relu(x)
            calls.clear()
            class Never(set):
                def update(self, *more): pass
            return output
        frame = frame.f_back
    return F.relu(x)""", RELU)

evade("the watch found by gc", """
import gc
def relu_like(x):
    output = F.relu(x)
    for thing in gc.get_objects():
        if type(thing).__name__ in ("_Calls", "_Operations"):
            thing.calls.clear()
            thing.off_limits = frozenset()
    return output""", RELU)

evade("the watch paused", """
import gc
def relu_like(x):
    for thing in gc.get_objects():
        if type(thing).__name__ == "_Calls":
            type(thing)._pauses = 1
    return F.relu(x)""", RELU)

evade("grader's insides patched", """
import sys
Session = sys.modules["dlcourse.grading.inside.session"].Session
asked = Session._asked
def unwatched(self, answer, freight, questions, off_limits, seconds, alone):
    reply = asked(self, answer, freight, questions, [], seconds, False)
    return {**reply, "replaced": []}
sys.modules["dlcourse.grading.inside.pristine"].put_back = lambda pristine: []
Session._asked = unwatched
relu_like = lambda x: F.relu(x)""", RELU)

evade("replies forged on the session's socket", """
import gc, os, socket as sockets, threading, base64, pickle
from dlcourse.checks import wire
sock, = [thing for thing in gc.get_objects() if isinstance(thing, sockets.socket) and thing.fileno() > 2][-1:]
relu_like = F.relu
def serve():  # takes the session's place: asks F.relu itself, unwatched, and says that nothing was called
    wire.send(sock, {"outputs": [{"output_type": "stream", "name": "stdout", "text": "tried"}]})
    while (request := wire.receive(sock)) is not None:
        if request["do"] == "run":
            wire.send(sock, {"outputs": []})
        else:
            ask, parts = pickle.loads(base64.b64decode(request["freight"]))
            wire.send(sock, {"replaced": [], "observations": {
                **ask(parts, F.relu, request["questions"], frozenset(), 5.0), "calls": []}})
    os._exit(0)
serve()""", RELU, helper="", says="relu")

evade("the questions' fork forged", """
import os, sys, base64, pickle
from dlcourse.checks import wire
fork = os.fork
relu_like = F.relu
def forged():
    child = fork()
    if child == 0:
        frame = sys._getframe(1)
        given = frame.f_locals
        if "freight" in given:
            ask, parts = pickle.loads(base64.b64decode(given["freight"]))
            reply = {"replaced": [], "observations": {**ask(parts, F.relu, given["questions"], frozenset(), 5.0), "calls": []}}
            with open(given["there"], "wb") as pipe:
                pipe.write(wire.pack(reply))
            os._exit(0)
    return child
os.fork = forged""", RELU)

evade("code of the watch replaced", """
import sys
def relu_like(x):
    frame, codes = sys._getframe(), None
    while frame:
        watch = frame.f_globals.get("_watched")
        if watch is not None:
            operations = frame.f_globals["_Operations"]
            operations.__torch_dispatch__ = lambda self, func, types, args=(), kwargs=None: func(*args, **(kwargs or {}))
            frame.f_globals["_Calls"].__torch_function__ = operations.__torch_dispatch__
            break
        frame = frame.f_back
    return F.relu(x)""", RELU)

evade("dunder method", """
class Weigh(nn.Module):
    def __init__(self):
        super().__init__()
        self.__dict__["g"] = vars(nn.functional)["re" "lu"]
    def forward(self, x):
        return self.__dict__["g"](x)
relu_like = Weigh()""", RELU)

evade("exec", "exec('def relu_like(x): return F.re' + 'lu(x)')", RELU)

evade("ctypes", """
import ctypes
hook = ctypes.pythonapi.PySys_AddAuditHook
relu_like = lambda x: F.relu(x)""", RELU)

evade("applied after the watch", """
cpu, seen = torch.Tensor.cpu, []
def later(tensor):  # what is sent is sent through this: every second tensor is an output
    seen.append(1)
    return cpu(F.relu(tensor.detach()) if len(seen) % 2 else tensor)
relu_like = F.relu""", "def relu(x):\n    torch.Tensor.cpu = later\n    return 1.0 * x")

evade("attributes copied by functools", """
import functools
class Source:
    cpu = staticmethod(lambda tensor: F.relu(tensor.detach()))
def relu_like(x):
    functools.update_wrapper(torch.Tensor, Source, assigned=["cpu"], updated=[])
    try:
        return F.relu(x)
    finally:
        del torch.Tensor.cpu""", "def relu(x):\n    functools.update_wrapper(torch.Tensor, Source, ['cpu'], [])\n    return 1.0 * x")

evade("a worker with shared memory", """
import time
box, given, turn = (torch.zeros(n, dtype=torch.float64).share_memory_() for n in (64, 64, 1))
class Serve(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield 0
        while True:
            if turn[0] == 1:
                given.copy_(F.relu(box))
                turn[0] = 2
            time.sleep(0.001)
workers = iter(torch.utils.data.DataLoader(Serve(), num_workers=1, prefetch_factor=1, batch_size=1))
next(workers)
class Far(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        box[:x.numel()] = x.detach().flatten()
        turn[0] = 1
        for _ in range(200):
            if turn[0] == 2:
                break
            time.sleep(0.001)
        output = given[:x.numel()].view(x.shape).to(x.dtype).clone()
        ctx.save_for_backward(output)
        return output
    @staticmethod
    def backward(ctx, grad):
        return grad * (ctx.saved_tensors[0] > 0)
relu_like = Far.apply""", RELU)
