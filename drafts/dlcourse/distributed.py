"""Several processes at once from a notebook cell: `launch(function, ranks)` runs one function on every rank.

Each rank is a Python process of its own, spawned and never forked, in one process group: gloo between processes on the
CPU, nccl where every rank has a GPU. The function may be defined in the notebook. Nothing is left behind: no process,
no port, no file, whatever becomes of the ranks.

    launch(work, 4, data)              [work(data) of rank 0, …, of rank 3]
    with Team(4) as team:              the same processes for several runs, of which each may use fewer ranks
        team.run(work, data, ranks=2)
"""

import linecache
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path

LINES = 500  # of a rank's output in one run; what it prints beyond that is left out
GRACE = 2.0  # seconds in which a rank that is waiting has to say where
BREATH = 0.3  # seconds to hear whether another rank's error came first
NOT_THEIRS = (os.sep + "torch" + os.sep, os.path.dirname(__file__) + os.sep, sysconfig.get_path("stdlib"), "<frozen")


class RankError(RuntimeError):
    """A run that ended without results: a rank raised, was gone, or waited for too long.

    rank is the rank that is told of, or None where all of them waited.
    """

    def __init__(self, message: str, rank: int | None = None):
        super().__init__(message)
        self.rank = rank

    def _render_traceback_(self):  # IPython shows these lines in place of a traceback through our own code
        return str(self).splitlines()


class Deadlock(RankError):
    """Not every rank came to an end within the time limit."""


def launch(function, ranks: int, *args, seconds: float = 60.0, backend: str | None = None) -> list:
    """Call function(*args) on `ranks` processes at once; return what each gave back, rank 0 first.

    Inside, `torch.distributed` is ready: `get_rank()`, `get_world_size()` and every way to communicate. What the ranks
    print comes out here, with the rank's number before each line. Arguments and results are copies.
    backend is "gloo" or "nccl"; left out, it is nccl where each rank has a GPU to itself.
    Raises RankError with a rank's own traceback as soon as one fails, Deadlock after `seconds`, ValueError for a
    number of ranks that is not at least 1, TypeError for a function or an argument that cannot be sent.
    """
    with Team(ranks, backend) as team:
        return team.run(function, *args, seconds=seconds)


class RankUnwritten(RankError, NotImplementedError):
    """A rank has come upon an exercise that is still a hole: NotImplementedError, as in one process."""


class Team:
    """Processes that stay for several runs. A run that fails ends them all; the next one starts new ones."""

    def __init__(self, ranks: int, backend: str | None = None):
        if not isinstance(ranks, int) or isinstance(ranks, bool) or ranks < 1:
            raise ValueError(f"ranks is the number of processes, 1 or more; it was {ranks!r}.")
        if not hasattr(os, "killpg"):
            raise RuntimeError("Ranks need Linux or macOS; on Windows, run the lesson under WSL.")
        self.size, self.backend = ranks, backend
        self._ranks: list[_Rank] = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self) -> None:
        """End every process, and all that they started."""
        while self._ranks:
            self._ranks.pop().kill()

    def run(self, function, *args, ranks: int | None = None, seconds: float = 60.0) -> list:
        """Call function(*args) on the first `ranks` of the team, or on all; see `launch`."""
        ranks = self.size if ranks is None else ranks
        if not 1 <= ranks <= self.size:
            raise ValueError(f"This team has ranks for 1 to {self.size} processes; {ranks} were asked for.")
        work = _packed((function, args), "The function and its arguments cannot be sent to the ranks")
        try:
            with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
                while len(self._ranks) < ranks:
                    self._ranks.append(_Rank(len(self._ranks)))
                here = self._ranks[:ranks]
                for rank in here:
                    rank.send(("run", ranks, self.backend or _backend(ranks), f"{folder}/store", seconds + 60, work))
                return _Run(here, seconds).results()
        except BaseException:  # an interrupt too: whoever is left would wait for ever
            self.close()
            raise


class _Rank:
    """One process, seen from the notebook: a connection to it, and a pipe with what it prints."""

    def __init__(self, number: int):
        self.number = number
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", "from dlcourse import distributed; distributed._serve()",
                       str(theirs.fileno()), str(number)]
            loopback = {"GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0"}
            environment = os.environ | loopback | {
                "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path])),
                "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
                                            stderr=subprocess.STDOUT, env=environment, start_new_session=True,
                                            pass_fds=[theirs.fileno()])
        self.connection = Connection(ours.detach())
        os.set_blocking(self.process.stdout.fileno(), False)
        self._begun, self._lines = b"", 0

    def send(self, message) -> None:
        """Send a message; one to a process that is gone is lost, and its end is noticed when it is waited for."""
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def show(self) -> None:
        """Print the whole lines that have come, each with the rank's number before it."""
        while chunk := self.process.stdout.read(1 << 16):
            *lines, self._begun = (self._begun + chunk).split(b"\n")
            for line in lines:
                self._show(line)

    def _show(self, line: bytes) -> None:
        if line.startswith(b"[Gloo]"):  # it counts its peers aloud
            return
        self._lines += 1
        if self._lines <= LINES:
            print(f"[rank {self.number}] {line.decode(errors='replace').rstrip()}")
        elif self._lines == LINES + 1:
            print(f"[rank {self.number}] … and more, which is left out")

    def show_the_rest(self) -> None:
        """The same, and a last line without an end; the next run's lines are counted anew."""
        self.show()
        if self._begun:
            self._show(self._begun)
        self._begun, self._lines = b"", 0

    def kill(self) -> None:
        """End the process and everything in its session."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        self.connection.close()


class _Run:
    """One run: wait for every rank's result, print what comes, and say what went wrong."""

    def __init__(self, ranks: list[_Rank], seconds: float):
        self.ranks, self.seconds = ranks, seconds
        self.end = None  # the clock starts when all processes stand, so that starting them costs nobody time
        self.ready: set[int] = set()
        self.done: dict[int, object] = {}
        self.failed: dict[int, str] = {}

    def results(self) -> list:
        """What each rank gave back; raises RankError or Deadlock."""
        while len(self.done) < len(self.ranks):
            self._look(0.2)
            if self.failed:
                raise self._first_cause()
            if self.end and time.monotonic() > self.end:
                raise Deadlock(self._who_waits_where())
        for rank in self.ranks:
            rank.show_the_rest()
            rank.send(("end",))
        return [self.done[rank.number] for rank in self.ranks]

    def _look(self, patience: float) -> None:
        """Take in what has come: output, results, errors."""
        open_ends = {rank.connection: rank for rank in self.ranks
                     if rank.number not in self.done and rank.number not in self.failed}
        pipes = [rank.process.stdout for rank in self.ranks]
        for ready in wait([*open_ends, *pipes], patience):
            if ready in open_ends:
                self._hear(open_ends[ready])
        for rank in self.ranks:
            rank.show()

    def _hear(self, rank: _Rank) -> None:
        try:
            kind, *content = rank.connection.recv()
        except (EOFError, ConnectionResetError):
            kind, content = "gone", []
        if kind == "ready":
            self.ready.add(rank.number)
            if len(self.ready) == len(self.ranks):
                self.end = time.monotonic() + self.seconds
        elif kind == "result":
            self.done[rank.number] = pickle.loads(content[0])
        elif kind == "raised":
            self.failed[rank.number] = _told(rank.number, *content)
        elif kind == "gone":
            self.failed[rank.number] = _gone(rank)

    def _first_cause(self) -> RankError:
        """Of the errors that come in one breath, the one that is not another rank's missing end of the wire."""
        end = time.monotonic() + BREATH
        while time.monotonic() < end:
            self._look(0.05)
        self._show_all()
        number = min(self.failed, key=lambda number: " by peer" in self.failed[number])
        hole = self.failed[number].startswith(f"Rank {number} raised NotImplementedError\n")
        return (RankUnwritten if hole else RankError)(self.failed[number], number)

    def _show_all(self) -> None:
        for rank in self.ranks:
            rank.show_the_rest()

    def _who_waits_where(self) -> str:
        """One sentence for each rank, once those that wait have said where."""
        waiting = [rank for rank in self.ranks if rank.number not in self.done]
        places = {}
        for rank in waiting:
            rank.send(("where",))
        end = time.monotonic() + GRACE
        while len(places) < len(waiting) and time.monotonic() < end:
            unheard = {rank.connection: rank for rank in waiting if rank.number not in places}
            for connection in wait(list(unheard), 0.2):
                rank = unheard[connection]
                try:
                    kind, *content = connection.recv()
                except (EOFError, ConnectionResetError):
                    kind, content = "where", [[]]
                if kind == "where":
                    places[rank.number] = content[0]
        self._show_all()
        said = [f"  rank {rank.number} " + ("had come to its end" if rank.number in self.done else
                                            f"waits {_place(places.get(rank.number, []))}") for rank in self.ranks]
        return "\n".join([f"After {self.seconds:g} seconds not every rank had come to its end:", *said,
                          "All of them have been stopped. Does each `send` have its `recv`, on every rank?"])


def _packed(thing, otherwise: str) -> bytes:
    import cloudpickle
    try:
        return cloudpickle.dumps(thing)
    except Exception as error:  # whatever an object's own pickling raises
        raise TypeError(f"{otherwise}: {error}.") from None


def _backend(ranks: int) -> str:
    import torch
    return "nccl" if torch.cuda.is_available() and torch.cuda.device_count() >= ranks else "gloo"


def _gone(rank: _Rank) -> str:
    try:
        code = rank.process.wait(1)
    except subprocess.TimeoutExpired:
        return f"Rank {rank.number} closed its connection before it gave a result. The other ranks have been stopped."
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"The process of rank {rank.number} ended {how} before it gave a result. The other ranks have been stopped."


def _told(number: int, kind: str, text: str, frames: list) -> str:
    """A rank's error with the lines that led to it, the last one last, as in a traceback."""
    steps = [f"  {name}, line {line}: {_source(file, line)}" for file, line, name in _theirs(frames)]
    return "\n".join([f"Rank {number} raised {kind}{': ' * bool(text)}{text}", *steps,
                      "The other ranks have been stopped."])


def _place(frames: list) -> str:
    """Where a rank is: the innermost line that is not torch's, ours or Python's own."""
    theirs = _theirs(frames)
    if not theirs:
        return "and did not say where"
    file, line, name = theirs[-1]
    return f"in {name}, line {line}: {_source(file, line)}"


def _theirs(frames: list) -> list:
    return [frame for frame in frames if not any(part in frame[0] for part in NOT_THEIRS)]


def _source(file: str, line: int) -> str:
    """A line of code; that of a notebook's cell is known only in this process, not to the rank."""
    return linecache.getline(file, line).strip() or "(no source)"


# What runs in a rank's process.


def _serve() -> None:
    """Take work from the connection until it closes; the main thread does it, another one listens."""
    connection, number = Connection(int(sys.argv[1])), int(sys.argv[2])
    sending, jobs = threading.Lock(), queue.SimpleQueue()

    def send(*message):
        with sending:
            connection.send(message)

    def listen():
        main = threading.main_thread().ident
        while True:
            try:
                kind, *content = connection.recv()
            except (EOFError, ConnectionResetError):  # whoever started this process is gone
                os._exit(1)
            if kind != "where":
                jobs.put(content)
            else:
                send("where", _frames(traceback.walk_stack(sys._current_frames()[main]))[::-1])

    import torch
    import torch.distributed  # noqa: F401  before the work, so that the clock does not count it
    torch.set_num_threads(1)
    threading.Thread(target=listen, daemon=True).start()
    while True:
        _work(number, send, *jobs.get())
        jobs.get()  # the others may still be at it, and would miss this rank's end of the wire
        torch.distributed.destroy_process_group()


def _work(number: int, send, ranks: int, backend: str, store: str, seconds: float, work: bytes) -> None:
    import torch
    import torch.distributed as dist
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(ranks)}
    try:
        if backend == "nccl":
            torch.cuda.set_device(number)
        dist.init_process_group(backend, init_method=f"file://{store}", rank=number, world_size=ranks,
                                timeout=timedelta(seconds=seconds))
        function, args = pickle.loads(work)
        send("ready")
        result = _packed(function(*args), "What it gave back cannot be sent to the notebook")
    except BaseException as error:  # sys.exit too: the others must hear of it
        sys.stdout.flush()
        send("raised", type(error).__name__, str(error), _frames(traceback.walk_tb(error.__traceback__)))
        threading.Event().wait()  # its end would give the others an error of their own to report
    sys.stdout.flush()
    send("result", result)


def _frames(walk) -> list:
    return [(frame.f_code.co_filename, line, frame.f_code.co_qualname.split("<locals>.")[-1]) for frame, line in walk]
