"""A small course to build in tests, and what tests want to know of any lesson's files."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from dlcourse import course, release

ROOT = course.root()
LESSONS = course.lessons()
PAGES = [course.START, *LESSONS]  # all that is built and released

TOY_CHECKS = '''
def add(add):
    assert add(1, 2) == 3, "1 and 2 make 3"


def biggest(answer):
    assert answer == "c", "not that one"
'''

TOY = '''\
# %% [markdown]
# # Sums

# %%
from toy_checks import sums as check
from IPython.display import display

# %% exercise="add"
def add(a, b):
    """Return a + b."""
    ### BEGIN SOLUTION
    total = a + b
    return total
    ### END SOLUTION

# %% check="add" points=3
check.add(add)

# %%
try:
    print("two and two make", add(2, 2))
except NotImplementedError:
    print("write add, then run this again")

# %% demo=true
pixel = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
         "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
view = {"model_id": "0", "version_major": 2, "version_minor": 0}
widget = {"image/png": pixel, "text/plain": "Slider()", "application/vnd.jupyter.widget-view+json": view}
display(widget, raw=True)

# %% question="biggest"
# a: one, b: two, c: three
biggest = "c"  # your answer

# %% check="biggest" points=1
check.biggest(biggest)

# %% [markdown] written="why" points=4
# Why?
#
# ### BEGIN SOLUTION
# Because addition says so.
# ### END SOLUTION
'''


def make_course(folder: Path, name: str, source: str) -> Path:
    """Write a course into `folder` with one lesson, `name`, and its checks; return `folder`."""
    lesson, checks = folder / "solutions" / name, folder / "toy_checks"
    lesson.mkdir(parents=True)
    (lesson / f"{name}.py").write_text(source)
    checks.mkdir()
    (checks / "__init__.py").touch()
    (checks / f"{name[3:]}.py").write_text(TOY_CHECKS)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the hash and the time of change of every file below `folder`, Python's caches left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix():
            (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of every file below `folder`, whenever it was written."""
    return {name: content for name, (content, _) in tree(folder).items()}


def nbgrader(*arguments: str, cwd: Path, **environment: str) -> str:
    """Run the `nbgrader` command in `cwd`; return what it logged, or raise AssertionError with it."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"nbgrader {' '.join(arguments)}\n{done.stdout}"
    return done.stdout


def notebook(folder: Path, rendering: str, name: str) -> nbformat.NotebookNode:
    """Read the `rendering` (solutions or notebooks) of lesson `name` below `folder`."""
    return nbformat.read(folder / rendering / name / f"{name}.ipynb", as_version=4)


def graded(cell: nbformat.NotebookNode) -> dict:
    """Return nbgrader's metadata of `cell`; empty for narrative."""
    return cell.metadata.get("nbgrader", {})


def is_check(cell: nbformat.NotebookNode) -> bool:
    """Is `cell` a check cell: graded, and not the learner's?"""
    return bool(graded(cell)) and not graded(cell)["solution"]


def errors(cell: nbformat.NotebookNode) -> list[str]:
    """List the names of the exceptions that `cell` ended with."""
    return [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]


def answer_lines(solution: nbformat.NotebookNode) -> list[str]:
    """List, stripped, every line of `solution` that only its readers may see: holes, answers to questions."""
    lines = []
    for cell in solution.cells:
        if graded(cell).get("solution"):
            source = cell.source.splitlines()
            if release.is_question(cell):
                name = graded(cell)["grade_id"]
                lines += [line.split("#")[0] for line in source if re.match(rf"{name}\s*=", line)]
            for first, last in release.holes(cell.source):
                lines += source[first:last - 1]
    return [line.strip() for line in lines]


def strings(node: dict | list | str | int | None) -> list[str]:
    """List every text in a notebook's JSON, keys too, but bitmaps, where any run of letters may occur."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key not in ("image/png", "image/jpeg")}
        return list(kept) + [text for value in kept.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []
