"""A learner's notebook as it runs in the sandbox: its cells, and what is asked of its answers."""

import base64
import contextlib
import importlib
import os
import pickle
import select
import signal
import sys
import time

from dlcourse.checks import wire

from . import pristine, walls
from .shell import OUTPUTS, TEXT, Output, make_shell

REPLY = 64 * 2**20  # bytes of observations
LOADED = ["torch", "cloudpickle", "matplotlib.pyplot", "sklearn.datasets", "ipywidgets", "tqdm.auto", "dlcourse.plots",
          "dlcourse.data", "dlcourse.payoff", "dlcourse.training"]
SPAWNING = {"_thread.start_new_thread", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"}


class TimeUp(BaseException):
    """Raised in a cell that has run for too long."""


class Session:
    """A learner's notebook as it runs: one IPython shell, cells in order, questions in forks."""

    def __init__(self):
        """Load everything that a notebook may want; done once, before any notebook is known."""
        for name in LOADED:
            importlib.import_module(name)
        sys.modules["torch"].set_num_threads(1)
        self.outputs = []
        self.shell = make_shell(self.outputs)
        self.stdout, self.stderr = Output("stdout"), Output("stderr")
        self.pristine = pristine.photograph()

    def serve(self, sock) -> None:
        """Answer requests until the other side closes; never returns."""
        walls.limit()
        os.makedirs("/tmp/work" if os.access("/tmp", os.W_OK) else ".", exist_ok=True)
        with contextlib.suppress(OSError):
            os.chdir("/tmp/work")
        sys.path.append(os.getcwd())  # last: nothing there takes another module's name
        empty = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(empty, descriptor)
        sys.stdout, sys.stderr, sys.stdin = self.stdout, self.stderr, open(os.devnull)
        answers = {"run": self.run, "ask": self.ask}
        receive, send, leave = wire.receive, wire.send, os._exit
        while (request := receive(sock)) is not None:
            send(sock, answers[request.pop("do")](**request))
        leave(0)

    def run(self, source: str, seconds: float) -> dict:
        """Run one cell; return its outputs."""
        def stop(number, frame):
            raise TimeUp(f"It had not come to an end after {seconds:g} seconds.")

        self.outputs.clear()
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            self.shell.run_cell(source, store_history=True)
        except TimeUp:  # it came late, in the shell itself
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return {"outputs": [*self.stdout.take(), *self.stderr.take(), *self.outputs[:OUTPUTS]]}

    def ask(self, answer: str, freight: str, questions, off_limits: list, seconds: float, alone: bool) -> dict:
        """Put questions to what the expression `answer` gives, in a fork; return what came back, or what went wrong.

        freight: the pickled pair (the function that asks, parts); alone: nothing may start threads or processes.
        """
        if alone and os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # behind walls: all that the notebook started, which might help
        back, there = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(back)
            try:
                reply = self._asked(answer, freight, questions, off_limits, seconds, alone)
                packed = wire.pack(reply)
            except BaseException as error:  # whatever it is, it is told outside
                packed = wire.pack({"trouble": f"{type(error).__name__}: {str(error)[:500]}"})
            with open(there, "wb") as pipe:
                pipe.write(packed)
            os._exit(0)
        os.close(there)
        freight, late = _read(back, 7 * seconds + 30)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if late:
            return {"trouble": "endless"}
        try:
            return wire.unpack(freight)
        except wire.BadFreight:
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
            return {"trouble": f"ended: {how}"}

    def _asked(self, answer, freight, questions, off_limits, seconds, alone) -> dict:
        put_back, before = pristine.put_back, self.pristine
        replaced = put_back(before)
        self.stdout.length = self.stderr.length = TEXT  # what an answer prints here would show its questions
        ask, parts = pickle.loads(base64.b64decode(freight))
        try:
            thing = eval(answer, self.shell.user_ns)
        except Exception as error:
            return {"missing": f"{type(error).__name__}: {str(error)[:500]}", "replaced": replaced}
        if alone:
            sys.addaudithook(_alone)
        observations = ask(parts, thing, questions, frozenset(off_limits), seconds)
        return {"observations": observations, "replaced": replaced, "changed": put_back(before)}


def _alone(event: str, arguments) -> None:
    """An audit hook, which nothing can take away again."""
    if event in SPAWNING:
        raise RuntimeError("An answer is asked in one thread of one process.")


def _read(descriptor: int, seconds: float) -> tuple[bytes, bool]:
    """Read a pipe to its end; return what came, and whether it took too long. Too much counts as nothing."""
    chunks, length, end = [], 0, time.monotonic() + seconds
    while length <= REPLY:
        ready, _, _ = select.select([descriptor], [], [], max(0, end - time.monotonic()))
        if not ready:
            return b"", True
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            break
        chunks.append(chunk)
        length += len(chunk)
    os.close(descriptor)
    return (b"".join(chunks) if length <= REPLY else b""), False
