"""What runs inside the sandbox. Nothing here is trusted by anybody outside, and nothing outside is in reach.

One process loads torch once, then forks for each notebook (`_open`), behind walls of the notebook's own where the
system allows it: no sight of other processes, of their files, or of any network but its own loopback. The fork is a
`_Session`: it runs cells and puts a check's questions to an answer, each in another fork, so that what an answer does
while it is asked (print its questions, stash them, die, go on for ever) ends there.

    python -c "…; inside.main()" CONTROL walls|bare

CONTROL is the number of a socket; a byte comes in, "o" with the session's socket beside it or "e" to end the session,
and one byte goes back: "r" ready, "y" done, "n" not possible here.
"""

import base64
import builtins
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

from dlcourse.checks import wire

TEXT = 20_000  # characters of one output that are kept
OUTPUTS = 50  # of one cell
REPLY = 64 * 2**20  # bytes of observations
FILE_SIZE = 64 * 2**20
ADDRESS_SPACE = 6 * 2**30  # beyond what the loaded process maps; what counts is watched from outside
PROCESSES = 200
ROOM = b"size=256m"

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
MS_BIND, MS_REC = 0x1000, 0x4000
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1

LOADED = ["torch", "cloudpickle", "matplotlib.pyplot", "sklearn.datasets", "ipywidgets", "tqdm.auto", "dlcourse.plots",
          "dlcourse.data", "dlcourse.payoff", "dlcourse.training"]
# Whose functions an answer may have replaced, to look better than it is: put back before each question.
PRISTINE = ["builtins", "math", "random", "pickle", "copyreg", "inspect", "linecache", "ast", "signal", "warnings",
            "json", "struct", "zipfile", "numpy", "numpy.lib.format", "cloudpickle.cloudpickle", "torch",
            "torch.autograd", "torch.linalg", "torch.nn.functional",
            "torch.nn.init", "torch.overrides", "torch.random", "torch.testing", "torch.utils._python_dispatch",
            "torch.autograd.graph", "dlcourse.checks.wire", "dlcourse.grading.inside"]
CLASSES = ["torch.Tensor", "torch.nn.Module", "torch.autograd.Function", "torch.overrides.TorchFunctionMode",
           "torch.utils._python_dispatch.TorchDispatchMode"]
ITSELF = {"manual_seed"}  # which torch replaces when it loads its compiler
SPAWNING = {"_thread.start_new_thread", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"}


class TimeUp(BaseException):
    """Raised in a cell that has run for too long."""


class _Output(io.TextIOBase):
    """stdout or stderr of a session: what is printed, up to a limit; the rest is left out."""

    def __init__(self, name: str):
        self.name, self.parts, self.length = name, [], 0

    def writable(self):
        return True

    def write(self, text):
        if self.length < TEXT:
            self.parts.append(text[:TEXT - self.length])
        self.length += len(text)
        return len(text)

    def take(self) -> list[dict]:
        """Everything since the last time, as outputs of a cell."""
        text = "".join(self.parts) + ("\n… and more, which is left out\n" if self.length > TEXT else "")
        self.parts, self.length = [], 0
        return [{"output_type": "stream", "name": self.name, "text": text}] if text else []


def main() -> None:
    """Load what every notebook needs, then open and end sessions as the control socket says."""
    control = socket.socket(fileno=int(sys.argv[1]))
    walls = sys.argv[2] == "walls"
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # a session whose parent is gone is still ours to wait for
    session = _Session()
    gc.freeze()  # what is loaded stays shared between the forks
    control.sendall(b"r")
    running = None
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not command:
            os._exit(0)
        if command == b"o":
            running = _open(session, descriptors[0], control, libc, walls)
            os.close(descriptors[0])
            control.sendall(b"y" if running else b"n")
        elif command == b"e":
            _end(running, walls)
            running = None
            control.sendall(b"y")


def _open(session, descriptor: int, control, libc, walls: bool) -> int | None:
    """Fork a session on the socket `descriptor`; return the number of its process, None where walls can't be built."""
    told, tell = os.pipe()
    middle = os.fork()
    if middle == 0:  # the first process of a new PID namespace is a child of the one that asks for it
        try:
            if walls:
                _unshare(libc)
            else:
                os.setsid()
            number = os.fork()
            if number == 0:
                control.close()
                os.close(told)
                os.close(tell)
                if walls:
                    _furnish(libc)
                session.serve(socket.socket(fileno=descriptor))
            os.write(tell, str(number).encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(middle, 0)
    with open(told, "rb") as pipe:
        number = pipe.read()
    return int(number) if number else None


def _end(number: int | None, walls: bool) -> None:
    """Kill a session's first process; behind walls the kernel then kills all that it started."""
    if number is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL) if walls else os.killpg(os.getpgid(number), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:  # it, and whatever else of the session has come to us
            if os.waitpid(-1, 0 if walls else os.WNOHANG)[0] in (0, number):
                return


def _unshare(libc) -> None:
    """Leave the namespaces that all sessions share. Raises OSError where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def _furnish(libc) -> None:
    """In the new namespaces: empty folders for temporary files, a loopback, and no privilege from here on."""
    pythons = [(place, os.open(place, os.O_PATH)) for place in sorted({sys.prefix, sys.base_prefix})
               if place.startswith("/tmp/")]  # a course that lies there keeps its Python in sight
    for folder in (b"/tmp", b"/dev/shm"):
        if libc.mount(b"tmpfs", folder, b"tmpfs", 0, ROOM):
            raise OSError(ctypes.get_errno(), "mount")
    for place, descriptor in pythons:
        os.makedirs(place)
        if libc.mount(f"/proc/self/fd/{descriptor}".encode(), place.encode(), None, MS_BIND | MS_REC, None):
            raise OSError(ctypes.get_errno(), "mount")
        os.close(descriptor)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), nothing):
        raise OSError(ctypes.get_errno(), "capset")


class _Session:
    """A learner's notebook as it runs: one IPython shell, cells in order, questions in forks."""

    def __init__(self):
        """Load everything that a notebook may want; done once, before any notebook is known."""
        for name in LOADED:
            importlib.import_module(name)
        sys.modules["torch"].set_num_threads(1)
        self.outputs = []
        self.shell = _shell(self.outputs)
        self.stdout, self.stderr = _Output("stdout"), _Output("stderr")
        self.pristine = _photograph()

    def serve(self, sock) -> None:
        """Answer requests until the other side closes; never returns."""
        _limit()
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
        put_back, pristine = _put_back, self.pristine
        replaced = put_back(pristine)
        self.stdout.length = self.stderr.length = TEXT  # what an answer prints here would show its questions
        ask, parts = pickle.loads(base64.b64decode(freight))
        try:
            thing = eval(answer, self.shell.user_ns)
        except Exception as error:
            return {"missing": f"{type(error).__name__}: {str(error)[:500]}", "replaced": replaced}
        if alone:
            sys.addaudithook(_alone)
        observations = ask(parts, thing, questions, frozenset(off_limits), seconds)
        return {"observations": observations, "replaced": replaced, "changed": put_back(pristine)}


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


def _limit() -> None:
    """Set what one process of a session may use; memory and processes of all together are watched from outside."""
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else io.StringIO("0") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    for name, value in (("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", FILE_SIZE), ("RLIMIT_NOFILE", 512),
                        ("RLIMIT_AS", mapped + ADDRESS_SPACE), ("RLIMIT_NPROC", PROCESSES)):
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


def _photograph() -> list[tuple]:
    """(owner, name, value, code) for every function, class and module that PRISTINE and CLASSES hold."""
    owners = [importlib.import_module(name) for name in PRISTINE] + _classes()
    modules = [(sys.modules, name, sys.modules[name], None) for name in PRISTINE]
    return modules + [(owner, name, value, getattr(value, "__code__", None))
                      for owner in owners for name, value in vars(owner).items()
                      if name not in ITSELF
                      and (callable(value) or isinstance(value, (type(sys), staticmethod, classmethod, property)))]


def _classes() -> list[type]:
    return [getattr(importlib.import_module(module), name)
            for module, _, name in (path.rpartition(".") for path in CLASSES)]


def _put_back(pristine: list[tuple]) -> list[str]:
    """Undo what a learner replaced of other people's functions; return the names."""
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    threading.setprofile(None)
    gc.callbacks.clear()
    replaced = []
    for owner, name, value, code in pristine:
        now = owner.get(name) if owner is sys.modules else vars(owner).get(name)
        if code is not None and value.__code__ is not code:
            value.__code__ = code
            replaced.append(name)
        if now is value:
            continue
        replaced.append(name)
        if owner is sys.modules:
            owner[name] = value
        else:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(owner, name, value)
    known = {(owner, name) for owner, name, _, _ in pristine if isinstance(owner, type)}
    for owner in {owner for owner, _ in known}:
        for name in [name for name, value in vars(owner).items() if callable(value) and (owner, name) not in known]:
            delattr(owner, name)  # it hides what the class had from its bases
            replaced.append(name)
    return sorted(set(replaced))[:20]


def _shell(outputs: list):
    """An IPython shell without history or colours whose displays go into `outputs`."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    def keep(kind, data):
        if len(outputs) < OUTPUTS:
            outputs.append({"output_type": kind, "data": {key: value for key, value in data.items()
                                                          if isinstance(value, str)}})

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, source=None, **options):
            keep("display_data", _as_text(data))

    class Hook(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            keep("execute_result", _as_text(format_dict))

    class Shell(InteractiveShell):
        displayhook_class = Type(Hook)
        display_pub_class = Type(Publisher)

        def enable_gui(self, gui=None):
            pass

        def _showtraceback(self, etype, evalue, stb):
            outputs.append({"output_type": "error", "ename": etype.__name__, "evalue": str(evalue)[:2000],
                            "traceback": ["\n".join(stb)[-TEXT:]]})

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    config.InteractiveShell.cache_size = 1000
    shell = Shell.instance(config=config)
    builtins.display = importlib.import_module("IPython.display").display
    return shell


def _as_text(data: dict) -> dict:
    """MIME data as JSON takes it: pictures in base64."""
    return {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for kind, value in data.items()}
