"""The half of a check that runs beside the learner's code: it watches what is called and notes what comes back.

Nothing here decides anything. What leaves this module is data (see wire.py); the judge reads it elsewhere.
"""

import ast
import contextlib
import functools
import inspect
import linecache
import signal
import sys
import textwrap
import threading
import time
import traceback
import warnings

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

OURS = ("/dlcourse/", "/torch/", "<frozen")


def plain(thing):
    """Turn what an answer gave back into a tree of data; what has no such form becomes its type's name."""
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if isinstance(thing, torch.Tensor):
        return thing.detach().clone()
    if isinstance(thing, dict):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [plain(value) for value in thing]
    if type(thing).__module__ == "numpy":
        return {"$type": f"numpy {type(thing).__name__}"}
    return {"$type": type(thing).__name__}


def fresh(thing):
    """The same tree of data with tensors of its own: what an answer writes into one spoils no other question."""
    if isinstance(thing, torch.Tensor):
        return thing.clone()
    if isinstance(thing, dict):
        return {key: fresh(value) for key, value in thing.items()}
    return [fresh(value) for value in thing] if isinstance(thing, list) else thing


def gradient(output, inputs, weight=None):
    """d(sum of weight·output)/d(inputs), or None where no gradient flows. weight has output's shape; None means 1s.

    `inputs` is a tensor (one gradient comes back) or a list of them (a list comes back).
    """
    several = isinstance(inputs, (list, tuple))
    if not isinstance(output, torch.Tensor) or not output.requires_grad:
        return None
    if weight is None or weight.shape != output.shape:
        weight = torch.ones_like(output)
    with _Calls.paused():  # a sum, since for `grad_outputs` torch would load its compiler, a second at the first check
        total = (output * weight.to(output.dtype)).sum()
        found = torch.autograd.grad(total, inputs if several else [inputs], allow_unused=True)
    return list(found) if several else found[0]


class Endless(BaseException):
    """Raised inside an answer that has gone on for too long; no `except Exception` of the learner's holds it."""


def ask(parts, answer, questions: dict, off_limits=frozenset(), seconds: float = 10.0) -> dict:
    """Put every question to the answer; return what was observed, as a tree.

    parts: the check's parts; questions: {part name: [case, ...]}. The result has "source" (the answer's own
    text or None), "calls" (what was called of `off_limits`, sorted) and "parts" {name: [observation, ...]}; an
    observation is {"seen": tree} or {"raised": {"type", "text", "line", "inside"}}.
    The global random state is left as it was, and what the answer writes to stderr comes out on stdout. An answer
    that has not come to an end after `seconds` is stopped, and asked no more.
    """
    calls = set()
    seen = {}
    with beside(), contextlib.redirect_stderr(sys.stdout), _ending(seconds):
        for part in parts:
            seen[part.name] = []
            for case in questions[part.name]:
                observation = observe(part, answer, case, off_limits, calls)
                seen[part.name].append(observation)
                if is_stub(observation) or is_endless(observation):
                    return {"source": None, "calls": [], "parts": seen}
    return {"source": _source(answer), "calls": sorted(calls), "parts": seen}


@contextlib.contextmanager
def _ending(seconds):
    """Raise Endless in here once this thread has computed for so many seconds, or waited for six times as many.

    Time in which others have the core, or in which a module is imported, is not the answer's. Windows, and threads
    beside the main one, have no such clock.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    tick = seconds / 20
    last, computed, passed = time.thread_time(), 0.0, 0.0

    def look(number, frame):
        nonlocal last, computed, passed
        now, before = time.thread_time(), last
        last = now
        if not importing(frame):
            computed, passed = computed + now - before, passed + tick
        if computed > seconds or passed > 6 * seconds:
            raise Endless(f"It had not come to an end after {seconds:g} seconds.")

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, tick, tick)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def importing(frame) -> bool:
    """Whether a module is being imported, which must not be broken off halfway."""
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def beside():
    """Where answers are observed: gradients on, no warnings, and a random state that is put back afterwards."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield


def observe(part, answer, case, off_limits=frozenset(), calls=None) -> dict:
    """Look at an answer in one case: {"seen": tree} or {"raised": {"type", "text", "line", "inside"}}.

    What it calls of `off_limits` is added to the set `calls`. The judge looks at its reference in the same way,
    off_limits included: under a watching mode torch now and then takes another path, to another nan.
    """
    calls = set() if calls is None else calls
    try:
        with _watched(calls, off_limits):
            return {"seen": plain(part.observe(answer, **fresh(case)))}
    except (Exception, Endless) as error:  # whatever a learner's code raises is an observation, told to the learner
        return {"raised": {"type": type(error).__name__, "text": str(error)[:500], "line": _where(error),
                           "inside": _inside(error)}}


@contextlib.contextmanager
def _watched(calls, off_limits):
    """Note in `calls` what is used of `off_limits`: bare names of tensor functions, dotted names of Python's."""
    dotted = frozenset(name for name in off_limits if "." in name)
    with contextlib.ExitStack() as stack:
        if dotted:
            stack.enter_context(_frames(calls, dotted))
        if off_limits - dotted:
            stack.enter_context(_Operations(calls, off_limits))
            stack.enter_context(_Calls(calls, off_limits))
        yield


@contextlib.contextmanager
def _frames(calls, dotted):
    """Note every call into a Python module or function of these names: torch.optim, torch.nn.init.normal_."""
    @functools.cache
    def named(module, function):
        full = f"{module}.{function}"
        return next((name for name in dotted if full == name or full.startswith(name + ".")), None)

    def profile(frame, event, argument):
        if event == "call" and not _Calls._pauses:
            name = named(frame.f_globals.get("__name__", ""), frame.f_code.co_qualname)
            if name:
                calls.add(name)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


def paused():
    """A context for what a check's own `observe` uses of the things that are off limits."""
    return _Calls.paused()


def is_stub(observation) -> bool:
    """Whether the hole is still there. Torch raises NotImplementedError too, but always says why."""
    raised = observation.get("raised", {})
    return raised.get("type") == "NotImplementedError" and not raised.get("text")


def is_endless(observation) -> bool:
    """Whether the answer had to be stopped."""
    return observation.get("raised", {}).get("type") == "Endless"


def _where(error) -> str | None:
    """The learner's own line that raised: the innermost frame that is neither ours nor torch's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not any(part in frame.filename for part in OURS):
            return (frame.line or linecache.getline(frame.filename, frame.lineno)).strip() or None
    return None


def _inside(error) -> str:
    """The learner's function that raised, as its module names it: "gelu", "Adam.step"."""
    frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [code for code in frames if not any(part in code.co_filename for part in OURS)]
    return own[-1].co_qualname.split("<locals>.")[-1] if own else ""


def _source(answer) -> str | None:
    """The answer's own text, of a class that of its methods; None where there is none to read, or it is torch's."""
    if str(getattr(answer, "__module__", "")).split(".")[0] == "torch":
        return None
    pieces = [answer]
    if isinstance(answer, type):  # Python finds no source for a class that was typed into a notebook
        pieces = [getattr(method, "__func__", method) for method in vars(answer).values()]
    texts = []
    for piece in pieces:
        if inspect.isfunction(piece):
            with contextlib.suppress(OSError, SyntaxError):
                texts.append(_own_text(piece))
    return "\n".join(texts) or None


def _own_text(function) -> str:
    """A function's source; of a lambda only itself, not the line that it stands in."""
    text = textwrap.dedent(inspect.getsource(function))
    if function.__name__ != "<lambda>":
        return text
    return "\n".join(ast.unparse(node) for node in ast.walk(ast.parse(text.strip())) if isinstance(node, ast.Lambda))


class _Calls(TorchFunctionMode):
    """Notes off-limits functions by the name they are called under, torch.nn.functional.linear for one."""

    _pauses = 0

    def __init__(self, calls: set, off_limits):
        super().__init__()
        self.calls, self.off_limits = calls, off_limits

    @classmethod
    @contextlib.contextmanager
    def paused(cls):
        """What the check itself calls in here is not the learner's."""
        cls._pauses += 1
        try:
            yield
        finally:
            cls._pauses -= 1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if not self._pauses:
            self.calls.update({bare_name(getattr(func, "__name__", ""))} & self.off_limits)
        return func(*args, **(kwargs or {}))


class _Operations(TorchDispatchMode):
    """Notes off-limits operations as they reach the kernels: no alias, getattr or torch.ops hides from it."""

    @classmethod
    def _should_skip_dynamo(cls):  # to skip torch's compiler, torch would load it, over a second at the first check
        return False

    def __init__(self, calls: set, off_limits):
        super().__init__()
        self.calls, self.off_limits = calls, off_limits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not _Calls._pauses:
            self.calls.update({bare_name(func._schema.name)} & self.off_limits)
        return func(*args, **(kwargs or {}))


KERNELS = {"logsigmoidforward": "logsigmoid", "prelukernel": "prelu", "rreluwithnoise": "rrelu",
           "specialexpit": "sigmoid", "expit": "sigmoid"}


def bare_name(name: str) -> str:
    """`torch.softmax`, `aten::_softmax` and `Softmax` are all softmax; `log_softmax`, `LogSoftmax`: logsoftmax.

    A dotted name, that of a Python module or function, is what it is.
    """
    if name.startswith("torch."):
        return name
    name = name.removesuffix(".default").split("::")[-1].split(".")[-1]
    bare = name.replace("_", "").lower()
    return KERNELS.get(bare, bare)
