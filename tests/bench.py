"""Time every lesson's solution notebook on one core: seconds, peak memory, slowest check.

    make bench      or      python3 course.py bench [LESSON…]

Prints a row per lesson and ends with exit code 1 where one is over its limit. Peak memory is the largest resident
size of the notebook's kernel; a check's time is that of its cell, the kernel's overhead included.
"""

import sys
import tempfile
import time
from importlib import import_module

import nbformat
import psutil
from lesson_files import LESSONS, ROOT
from nbclient import NotebookClient

from dlcourse.lessons import kernel_env

SECONDS = {"02_activations": 60, "08_residual_networks": 150, "09_generative_models": 120, "10_training_at_scale": 120}
MEGABYTES = 1000


def measure(lesson: str, scratch: str) -> tuple[float, float, dict[str, float]]:
    """Run a solution notebook; return seconds, peak MB, and the seconds of each check."""
    notebook = nbformat.read(ROOT / "solutions" / lesson / f"{lesson}.ipynb", 4)
    started, checks, peak = {}, {}, 0.0

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

    client = NotebookClient(notebook, timeout=600, kernel_name="python3", on_cell_start=before, on_cell_executed=after,
                            resources={"metadata": {"path": scratch}})
    begin = time.perf_counter()
    client.execute(env=kernel_env(scratch))
    return time.perf_counter() - begin, peak, checks


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
    print(f"{'lesson':24}{'seconds':>9}{'limit':>7}{'peak MB':>9}{'limit':>7}   slowest check")
    over = False
    for lesson in names or LESSONS:
        with tempfile.TemporaryDirectory() as scratch:
            seconds, megabytes, checks = measure(lesson, scratch)
        limit = SECONDS.get(lesson, 90)
        module = import_module(f"dlcourse.checks.{lesson[3:]}")
        late = [name for name, taken in checks.items() if taken > getattr(module, name).seconds]
        bad = seconds > limit or megabytes > MEGABYTES or late
        over |= bool(bad)
        check = max(checks, key=checks.get)
        print(f"{lesson:24}{seconds:9.1f}{limit:7}{megabytes:9.0f}{MEGABYTES:7}   {check} {checks[check]:.2f} s"
              f"{'   OVER ITS LIMIT ' + ', '.join(late) if bad else ''}", flush=True)
    return int(over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
