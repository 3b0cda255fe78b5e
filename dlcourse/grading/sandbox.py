"""The walls around a learner's code, and a session behind them.

`Sandbox` is a process that bubblewrap has shut in: a read-only system, no network, nothing of the instructor's in
sight, an empty environment. It has torch loaded and forks for each notebook, with walls between them too (inside/).
Where the system does not allow those inner walls, every notebook gets a sandbox to itself, which takes seconds longer.
"""

import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from dlcourse.checks import wire
from dlcourse.course import CourseError

PACKAGE = Path(__file__).resolve().parents[1]
# What lessons import of the package. No check is among it: a reference answer must not be in the learner's reach.
FOR_LESSONS = ["__init__.py", "data.py", "training.py", "plots.py", "payoff.py", "distributed.py", "memory.py",
               "rank.py", "torchrun.py", "traffic.py", "prose.txt", "explorers", "checks/wire.py", "grading/inside",
               "progress.py", "course.py", "quiz.py", "answers.py", "alt.py"]
LATER = '''"""While a notebook is graded its checks are asked and judged from outside, by these names."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return later


def later(*answer, **options):
    return "This check is made where the grade is given."
'''
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/fonts",
          "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/nsswitch.conf"]
STEP = 0.2  # seconds between two looks at what a session uses
SECONDS_TO_LOAD = 120
MEGABYTES, PROCESSES = 4000, 60  # of one session, all its processes together
TOTAL_SECONDS = 900
GRACE = 10  # seconds in which a cell that has been stopped may still say so
START = "import sys; sys.path.insert(0, {!r}); from dlcourse.grading import inside; inside.main()"
MISSING = ("bubblewrap is missing, which shuts learners' code in: install it, as in `sudo apt install bubblewrap`, or "
           "grade with --no-sandbox where you trust everybody's code.")
REFUSED = ("bubblewrap cannot shut anything in here ({}): allow user namespaces (on Ubuntu `sudo sysctl "
           "kernel.apparmor_restrict_unprivileged_userns=0`), or grade with --no-sandbox where you trust everybody's "
           "code.")


class Ended(Exception):
    """A session is over before its notebook was; the message says why, in a clause: "it used more than 4 GB"."""


class Sandbox:
    """A shut-in process that opens one session after another. `walls` says what holds: "sandbox" or "none"."""

    def __init__(self, shut_in: bool = True):
        """Start it, which takes as long as importing torch. Raises CourseError where the machine cannot shut it in."""
        self.shut_in = shut_in
        self.shared = True  # sessions are forks of one process
        if shut_in and not shutil.which("bwrap"):
            raise CourseError(MISSING)
        if not hasattr(os, "fork"):
            raise CourseError("Grading needs Linux or macOS: on Windows, grade under WSL.")
        self._process = None
        self._start()

    @property
    def walls(self) -> str:
        """What holds a session in, for the record."""
        return "sandbox" if self.shut_in else "none"

    def close(self) -> None:
        """End it and all that it started."""
        if self._process is None:
            return
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._control.close()
        shutil.rmtree(self._stage, ignore_errors=True)
        self._process = None

    @contextmanager
    def session(self, seconds: float = TOTAL_SECONDS):
        """Open a session for one notebook; it is killed whole at the end, and by itself after `seconds`."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                opened = self._say(b"o", [theirs.fileno()])
            if not opened:
                raise CourseError(REFUSED.format("no session could be opened"))
            try:
                yield Session(ours, self._family, time.monotonic() + seconds)
            finally:
                if self.shared:
                    self._say(b"e")
                else:
                    self.close()

    def _start(self) -> None:
        self._launch("walls" if self.shut_in else "bare")
        if not self.shut_in or not self.shared:
            return
        ours, theirs = socket.socketpair()  # are inner walls possible here?
        with ours, theirs:
            self.shared = self._say(b"o", [theirs.fileno()])
            if self.shared:
                self._say(b"e")
        if not self.shared:
            self.close()
            self._launch("bare")

    def _launch(self, inner: str) -> None:
        """Start the process and wait until it has loaded."""
        inner = inner if self.shared else "bare"
        self._stage = stage()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(SECONDS_TO_LOAD)
        with theirs, tempfile.TemporaryFile() as said:
            where = "/course" if self.shut_in else self._stage
            command = [sys.executable, "-I", "-c", START.format(where), str(theirs.fileno()), inner]
            if self.shut_in:
                command = [*bubblewrap(self._stage), *command]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                             pass_fds=[theirs.fileno()], start_new_session=True,
                                             env=environment(where, self._stage), cwd=self._stage)
            theirs.close()
            ready = self._hear()
            if ready != b"r":
                said.seek(0)
                words = said.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
                self.close()
                if self.shut_in and words[-1].startswith("bwrap"):
                    raise CourseError(REFUSED.format(words[-1]))
                raise CourseError(f"Learners' code cannot be run here: {words[-1]}.")

    def _say(self, command: bytes, descriptors=()) -> bool:
        try:
            socket.send_fds(self._control, [command], list(descriptors))
        except OSError:
            return False
        return self._hear() == b"y"

    def _hear(self) -> bytes:
        try:
            return self._control.recv(1)
        except OSError:
            return b""

    def _family(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Session:
    """One notebook's process, seen from outside. Whatever it says is data, and late or long answers end it."""

    def __init__(self, sock, family, end: float):
        self._socket, self._family, self._end = sock, family, end
        self._before = len(family())
        sock.settimeout(STEP)

    def run(self, source: str, seconds: float) -> list:
        """Run a cell for at most `seconds`; return its outputs as they came, in any form. Raises Ended."""
        reply = self._request({"do": "run", "source": source, "seconds": seconds}, seconds + GRACE)
        return reply.get("outputs") if isinstance(reply, dict) else []

    def ask(self, seconds: float, **request) -> dict:
        """Put a check's questions (inside/session.py); return the reply, a dict of any form. Raises Ended."""
        reply = self._request({"do": "ask", "seconds": seconds, **request}, 7 * seconds + 60)
        return reply if isinstance(reply, dict) else {}

    def _request(self, request: dict, seconds: float):
        late = time.monotonic() + seconds

        def look():
            if time.monotonic() > min(late, self._end):
                raise Ended("it ran for too long" if late < self._end else "the notebook as a whole ran for too long")
            self._measure()

        try:
            wire.send(self._socket, request, waiting=look)
            reply = wire.receive(self._socket, waiting=look)
        except wire.BadFreight as error:
            raise Ended(f"what it sent back could not be read ({error})") from error
        except OSError as error:
            raise Ended("its process ended") from error
        if reply is None:
            raise Ended("its process ended")
        return reply

    def _measure(self) -> None:
        """Raise Ended where the session's processes use too much together."""
        family = self._family()
        if len(family) - self._before > PROCESSES:
            raise Ended(f"it started more than {PROCESSES} processes")
        used = 0
        for process in family:
            with suppress(psutil.Error):
                memory = process.memory_info()
                used += memory.rss - getattr(memory, "shared", 0)
        if used > MEGABYTES * 1e6:
            raise Ended(f"it used more than {MEGABYTES / 1000:g} GB of memory")


def stage() -> str:
    """Make a folder with the package as learners may see it; return its path."""
    folder = Path(tempfile.mkdtemp(prefix="dlcourse-stage-"))
    for name in FOR_LESSONS:
        source, target = PACKAGE / name, folder / "dlcourse" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copyfile(source, target)
    (folder / "dlcourse" / "grading" / "__init__.py").write_text('"""What runs inside the sandbox."""\n')
    checks = folder / "dlcourse" / "checks"
    (checks / "__init__.py").write_text(LATER.replace("return later", "from importlib import import_module\n"
                                                      "    return import_module(f'dlcourse.checks.{name}')"))
    for module in lessons_with_checks():
        (checks / f"{module}.py").write_text(LATER)
    folder.chmod(0o755)
    return str(folder)


def lessons_with_checks() -> list[str]:
    """The names that lessons import from dlcourse.checks: "activations" and its like."""
    found = (PACKAGE / "checks").iterdir()
    return sorted({path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").exists()}
                  - {"__init__", "wire"})


def bubblewrap(folder: str) -> list[str]:
    """The command that shuts the process in, up to the process's own: what it may see, and nothing else."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--uid", "65534",
               "--gid", "65534", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/dev/shm",
               "--remount-ro", "/dev"]  # nowhere may a notebook leave something for the next
    for place in SYSTEM:
        if os.path.islink(place):
            command += ["--symlink", os.readlink(place), place]
        elif os.path.exists(place):
            command += ["--ro-bind", place, place]
    for place in python_places():
        command += ["--ro-bind", place, place]
    for place in installed_package():
        command += ["--tmpfs", place]  # an installed package has the checks' answers in it
    return [*command, "--ro-bind", folder, "/course", "--chdir", "/tmp", "--remount-ro", "/"]


def python_places() -> list[str]:
    """The folders that this Python and its packages lie in, outermost ones only."""
    places = {sys.prefix, sys.base_prefix, *site.getsitepackages(), os.path.dirname(os.path.realpath(sys.executable))}
    found = sorted(place for place in map(os.path.abspath, places) if os.path.isdir(place))
    inside = [*found, "/usr"]
    return [place for place in found
            if not any(place != other and place.startswith(other + os.sep) for other in inside) and place != "/usr"]


def installed_package() -> list[str]:
    """Where the package lies inside a folder that the sandbox shows; nowhere, when it is run from a checkout."""
    shown = [*python_places(), "/usr"]
    candidates = {str(PACKAGE), *(os.path.join(place, "dlcourse") for place in site.getsitepackages())}
    return sorted(place for place in candidates
                  if os.path.isdir(place) and any(place.startswith(other + os.sep) for other in shown))


def environment(where: str, folder: str) -> dict[str, str]:
    """All that the process inside finds in its environment."""
    home = "/tmp" if where == "/course" else folder
    path = os.pathsep.join([os.path.dirname(sys.executable), "/usr/bin", "/bin"])
    places = {"PATH": path, "TMPDIR": "/tmp"} | dict.fromkeys(("HOME", "MPLCONFIGDIR", "IPYTHONDIR"), home)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return places | threads | {
        "LANG": "C.UTF-8", "MPLBACKEND": "module://matplotlib_inline.backend_inline", "CUDA_VISIBLE_DEVICES": "",
        "TQDM_DISABLE": "1", "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0"}
