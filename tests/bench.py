"""Time every lesson's solution notebook on one core: seconds, peak memory, slowest check.

    make bench      or      python3 course.py bench [LESSON…]

Prints a row per lesson and ends with exit code 1 where one is over its limit. Peak memory is the largest resident
size of one process, the kernel or a rank; "all MB" that of all of them together, what they share counted once, looked at
twice a second. A check's time is that of its cell, the kernel's overhead included. The last line is Binder's: the
JupyterLab server beside the heaviest of these lessons, and the size of the environment.
"""

import secrets
import socket
import sys
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path

import nbformat
import psutil
from lesson_files import LESSONS, ROOT
from nbclient import NotebookClient

from dlcourse import lab
from dlcourse.lessons import kernel_env

SECONDS = {"02_activations": 60, "08_residual_networks": 150, "09_generative_models": 120, "10_training_at_scale": 120}
MEGABYTES = 1000
BINDER = 2000  # MB that mybinder.org may give


def measure(lesson: str, scratch: str) -> tuple[float, float, float, dict[str, float]]:
    """Run a solution notebook; return seconds, peak MB of a process and of all, and the seconds of each check."""
    notebook = nbformat.read(ROOT / "solutions" / lesson / f"{lesson}.ipynb", 4)
    started, checks, peak, together, over = {}, {}, 0.0, 0.0, threading.Event()

    def before(cell, cell_index):
        nonlocal peak
        started[cell_index] = time.perf_counter()
        peak = max(peak, resident())

    def after(cell, cell_index, execute_reply=None):
        nonlocal peak
        peak = max(peak, resident())
        if cell.metadata.get("nbgrader", {}).get("locked"):
            name = cell.metadata.nbgrader.grade_id.removeprefix("check_")
            checks[name] = time.perf_counter() - started[cell_index]

    def resident():
        kernels = [p for p in psutil.Process().children(recursive=True) if p.is_running()]
        return max([_peak(kernel) for kernel in kernels], default=0.0)

    def watch():
        nonlocal together
        while not over.wait(0.5):
            together = max(together, sum(map(_share, psutil.Process().children(recursive=True))))

    client = NotebookClient(notebook, timeout=600, kernel_name="python3", on_cell_start=before, on_cell_executed=after,
                            resources={"metadata": {"path": scratch}},
                            extra_arguments=["--log-level=ERROR"])  # or each kernel warns that it uses TCP
    begin = time.perf_counter()
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        client.execute(env=kernel_env(scratch))
    finally:
        over.set()
        watching.join()
    return time.perf_counter() - begin, peak, together, checks


def _share(process: psutil.Process) -> float:
    """A process's part of the memory, in MB: what it shares with others counts by halves, thirds and so on."""
    try:
        about = process.memory_full_info()
        return getattr(about, "pss", about.rss) / 1e6
    except psutil.Error:  # it has just ended
        return 0.0


def server_megabytes() -> float:
    """The memory of a JupyterLab server that has answered, in MB, started as `dlcourse lab` does."""
    with socket.socket() as probe:
        probe.bind((lab.HOST, 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as settings:
        token = secrets.token_urlsafe(24)
        lab.write_settings(Path(settings), Path(work), port, token)
        with lab.running_server(Path(settings), Path(work)) as server:
            lab.wait_until_it_answers(server, port, token, Path(work) / lab.LOG)
            first = psutil.Process(server.pid)
            return sum(map(_share, [first, *first.children(recursive=True)]))


def environment_gigabytes() -> float:
    """The size of the environment that this runs in, in GB."""
    return sum(path.lstat().st_size for path in Path(sys.prefix).rglob("*")) / 1e9


def _peak(process) -> float:
    """The largest resident size that a process ever had, in MB, where the system keeps it; else its present one."""
    try:
        with open(f"/proc/{process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000
    except FileNotFoundError:
        return process.memory_info().rss / 1e6
    except StopIteration:  # a process that is just ending
        return 0.0


def main(names: list[str]) -> int:
    """Measure the lessons named, or all; return the exit code."""
    if hasattr(psutil.Process, "cpu_affinity"):
        psutil.Process().cpu_affinity([psutil.Process().cpu_affinity()[0]])  # one core, for the kernels too
    print(f"{'lesson':24}{'seconds':>9}{'limit':>7}{'peak MB':>9}{'limit':>7}{'all MB':>8}   slowest check")
    over, most = False, 0.0
    for lesson in names or LESSONS:
        with tempfile.TemporaryDirectory() as scratch:
            seconds, megabytes, together, checks = measure(lesson, scratch)
        limit = SECONDS.get(lesson, 90)
        module = import_module(f"dlcourse.checks.{lesson[3:]}")
        late = [name for name, taken in checks.items() if taken > getattr(module, name).seconds]
        bad = seconds > limit or megabytes > MEGABYTES or late
        over, most = over or bool(bad), max(most, together)
        check = max(checks, key=checks.get)
        print(f"{lesson:24}{seconds:9.1f}{limit:7}{megabytes:9.0f}{MEGABYTES:7}{together:8.0f}   {check} {checks[check]:.2f} s"
              f"{'   OVER ITS LIMIT ' + ', '.join(late) if bad else ''}", flush=True)
    server = server_megabytes()
    print(f"\nBinder: server {server:.0f} MB and the heaviest of these {most:.0f} MB, of {BINDER} MB; "
          f"the environment has {environment_gigabytes():.1f} GB.")
    return int(over or server + most > BINDER)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
