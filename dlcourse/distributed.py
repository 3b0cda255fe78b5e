"""Several processes at once from a notebook cell: `launch(function, ranks)` runs one function on every rank.

Each rank is a Python process of its own, spawned and never forked, in one process group: gloo between processes on the
CPU; where every rank has a GPU to itself, tensors on it go through nccl. The function may be defined in the notebook.
Nothing is left behind: no process, no port, no file, whatever becomes of the ranks.

    launch(work, 4, data)              [work(data) of rank 0, …, of rank 3]
    with Team(4) as team:              the same processes for several runs, of which each may use fewer ranks
        team.run(work, data, ranks=2)
"""

import linecache
import os
import pickle
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path

LINES = 500  # of a rank's output in one run; what it prints beyond that is left out
START = 90.0  # seconds in which every process must stand; on a busy machine torch alone may take many
GRACE = 2.0  # seconds in which a rank that is waiting has to say where
MORE = 3.0  # seconds that a rank gets beyond its time while it imports a module
BREATH = 0.3  # seconds to hear whether another rank's error came first
GLOO = b"[Gloo]", b"terminate called", b"  what():"  # how its lines begin: it counts its peers, and tells why it ends
TOO_LONG = b"doesn't match expected size"
LOOPBACK = "lo" if sys.platform == "linux" else "lo0"  # the machine's own network
NOT_THEIRS = (os.sep + "torch" + os.sep, os.path.dirname(__file__) + os.sep, sysconfig.get_path("stdlib"), "<frozen")


class RankError(RuntimeError):
    """A run that ended without results: a rank raised, was gone, or waited for too long.

    rank is the rank that is told of, or None where all of them waited; settled says whether every rank had come to a
    result or an error, so that none of them is left waiting.
    """

    def __init__(self, message: str, rank: int | None = None, settled: bool = False):
        super().__init__(message)
        self.rank, self.settled = rank, settled

    def _render_traceback_(self):  # IPython shows these lines in place of a traceback through our own code
        return str(self).splitlines()


class Deadlock(RankError):
    """Not every rank came to an end within the time limit."""


def launch(function, ranks: int, *args, seconds: float = 60.0, backend: str | None = None) -> list:
    """Call function(*args) on `ranks` processes at once; return what each gave back, rank 0 first.

    Inside, `torch.distributed` is ready: `get_rank()`, `get_world_size()` and every way to communicate. What the ranks
    print comes out here, with the rank's number before each line. Arguments and results are copies.
    backend is one of torch's; left out, it is gloo, and where each rank has a GPU to itself nccl for tensors on that.
    Raises RankError with a rank's own traceback as soon as one fails, Deadlock after `seconds`, ValueError for a
    number of ranks that is not at least 1, TypeError for a function or an argument that cannot be sent. The seconds
    count from when all processes stand, and a rank that is importing a module at their end gets a few more.
    """
    with Team(ranks, backend) as team:
        return team.run(function, *args, seconds=seconds)


class RankUnwritten(RankError, NotImplementedError):
    """A rank has come upon an exercise that is still a hole: NotImplementedError, as in one process."""


class Team:
    """Processes that stay for several runs.

    A run in which a rank waits or is gone ends them all, and the next one starts new ones. Where each rank has come to
    a result or an error, they stay.
    """

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

    @property
    def stands(self) -> bool:
        """Whether there are processes, so that the next run need not start them."""
        return bool(self._ranks)

    def close(self) -> None:
        """End every process, and all that they started."""
        while self._ranks:
            self._ranks.pop().kill()

    def run(self, function, *args, ranks: int | None = None, seconds: float = 60.0) -> list:
        """Call function(*args) on the first `ranks` of the team, or on all; see `launch`."""
        ranks = self.size if ranks is None else ranks
        if not 1 <= ranks <= self.size:
            raise ValueError(f"This team has ranks for 1 to {self.size} processes; {ranks} were asked for.")
        work = packed((function, args), "The function and its arguments cannot be sent to the ranks")
        try:
            with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
                while len(self._ranks) < ranks:
                    self._ranks.append(_Rank(len(self._ranks)))
                here = self._ranks[:ranks]
                for rank in here:
                    rank.send(("run", ranks, self.backend or _backend(ranks), f"{folder}/store", seconds + 60, work))
                return _Run(here, seconds).results()
        except BaseException as error:  # an interrupt too: whoever is left would wait for ever
            if not getattr(error, "settled", False):
                self.close()
            raise


class _Rank:
    """One process, seen from the notebook: a connection to it, and a pipe with what it prints."""

    def __init__(self, number: int):
        self.number = number
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", "from dlcourse import rank; rank.serve()",
                       str(theirs.fileno()), str(number)]
            environment = os.environ | {"GLOO_SOCKET_IFNAME": LOOPBACK} | {
                "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path])),
                "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
                                            stderr=subprocess.STDOUT, env=environment, start_new_session=True,
                                            pass_fds=[theirs.fileno()])
        self.connection = Connection(ours.detach())
        os.set_blocking(self.process.stdout.fileno(), False)
        self._begun, self._lines = b"", 0
        self.overfull = False  # whether gloo has ended it over a message that was longer than its buffer

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
        if line.startswith(GLOO):
            self.overfull |= TOO_LONG in line
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
        self.late = time.monotonic() + START
        self.ready: set[int] = set()
        self.done: dict[int, object] = {}
        self.failed: dict[int, str] = {}
        self.lost = False  # whether a process has gone

    def results(self) -> list:
        """What each rank gave back; raises RankError or Deadlock."""
        while len(self.done) < len(self.ranks):
            self._look(0.2)
            if self.failed:
                raise self._first_cause()
            if time.monotonic() > (self.end or self.late):
                self._give_up()
        self._end_all()
        return [self.done[rank.number] for rank in self.ranks]

    def _end_all(self) -> None:
        """Let ranks that have all come to their end take down their process group, and wait for work."""
        for rank in self.ranks:
            rank.show_the_rest()
            rank.send(("end",))

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

    def _hear(self, rank: _Rank, places: dict | None = None) -> None:
        """Take in one message of a rank; where it is goes into `places`."""
        try:
            kind, *content = rank.connection.recv()
        except (EOFError, ConnectionResetError):
            kind, content = "gone", []
        if kind == "ready":
            self.ready.add(rank.number)
            if len(self.ready) == len(self.ranks):
                self.end = time.monotonic() + self.seconds
        elif kind == "where" and places is not None:
            places[rank.number] = content[0]
        elif kind == "result":
            self.done[rank.number] = pickle.loads(content[0])
        elif kind == "raised":
            self.failed[rank.number] = _told(rank.number, *content)
        elif kind == "gone":
            self.failed[rank.number] = _gone(rank)
            self.lost = True

    def _first_cause(self) -> RankError:
        """Of the errors that come in one breath, the one that is not another rank's missing end of the wire."""
        end = time.monotonic() + BREATH
        while time.monotonic() < end:
            self._look(0.05)
        settled = not self.lost and len(self.done) + len(self.failed) == len(self.ranks)
        self._end_all() if settled else self._show_all()
        number = min(sorted(self.failed), key=lambda number: " by peer" in self.failed[number])
        hole = self.failed[number].startswith(f"Rank {number} raised NotImplementedError\n")
        return (RankUnwritten if hole else RankError)(self.failed[number], number, settled)

    def _show_all(self) -> None:
        for rank in self.ranks:
            rank.show_the_rest()

    def _give_up(self) -> None:
        """Raise Deadlock; but if a rank is just importing a module, which is nobody's fault, give it some time more."""
        places = self._places()
        if self.failed or len(self.done) == len(self.ranks):  # news after all
            return
        if self.end and time.monotonic() < self.late and any(map(_imports, places.values())):
            self.end = time.monotonic() + MORE
            return
        self._show_all()
        when = f"{START:g} seconds after the processes' start"
        if self.end:
            when = f"After {self.seconds:g} second{'s' * (self.seconds != 1)}"
        said = [f"  rank {rank.number} " + ("had come to its end" if rank.number in self.done else
                                            f"waits {_place(places.get(rank.number, []))}") for rank in self.ranks]
        raise Deadlock("\n".join([f"{when} not every rank had come to its end:", *said,
                                  "All of them have been stopped. Does each `send` have its `recv`, on every rank?"]))

    def _places(self) -> dict[int, list]:
        """Where each rank is that has not come to its end, as far as it says so in time."""
        waiting = [rank for rank in self.ranks if rank.number not in self.done]
        places = {}
        for rank in waiting:
            rank.send(("where",))
        end = time.monotonic() + GRACE
        while len(places) < len(waiting) and time.monotonic() < end:
            unheard = {rank.connection: rank for rank in waiting if rank.number not in places}
            for connection in wait(list(unheard), 0.2):
                self._hear(unheard[connection], places)
                if unheard[connection].number in self.done | self.failed:
                    places.setdefault(unheard[connection].number, [])
        return places


def packed(thing, otherwise: str) -> bytes:
    """A thing as bytes that another process can read; TypeError, `otherwise` in front, where it has no such form."""
    import cloudpickle
    try:
        return cloudpickle.dumps(thing)
    except Exception as error:  # whatever an object's own pickling raises
        raise TypeError(f"{otherwise}: {error}.") from None


def _backend(ranks: int) -> str:
    import torch
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and torch.cuda.device_count() >= ranks else "gloo"


def _gone(rank: _Rank) -> str:
    try:
        code = rank.process.wait(1)
    except subprocess.TimeoutExpired:
        return f"Rank {rank.number} closed its connection before it gave a result. The other ranks have been stopped."
    rank.show()
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    why = ": what came was longer than the buffer that it held ready" if rank.overfull else ""
    return (f"The process of rank {rank.number} ended {how} before it gave a result{why}. "
            "The other ranks have been stopped.")


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


def _imports(frames: list) -> bool:
    return any(file.startswith("<frozen importlib") for file, _, _ in frames)


def _theirs(frames: list) -> list:
    return [frame for frame in frames if not any(part in frame[0] for part in NOT_THEIRS)]


def _source(file: str, line: int) -> str:
    """A line of code; that of a notebook's cell is known only in this process, not to the rank."""
    return linecache.getline(file, line).strip() or "(no source)"
