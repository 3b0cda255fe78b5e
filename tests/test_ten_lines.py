"""The lesson of ten lines that GUIDE.md works through is done as it says, by an author in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lesson_files import ROOT, graded, notebook

LESSON = "11_means"
AUTHORS = ("dlcourse", "reviews", "nbgrader_config.py", "pyproject.toml")  # what of the repository such a lesson needs
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = (ROOT / "GUIDE.md").read_text().split("## A lesson of ten lines\n")[1].split("\n## ")[0]


def named_blocks() -> dict[str, str]:
    """The section's blocks that a file's name leads up to, by that name; of a notebook it is one answer."""
    found = {}
    for block in BLOCK.finditer(SECTION):
        before = SECTION[:block.start()].rstrip().splitlines()
        names = re.findall(r"`([^`]+/[^`]+)`", " ".join(before[-2:]))
        if block[1] != "sh":
            found[names[-1]] = block[2]
    return found


def commands() -> list[str]:
    """The section's commands, a script for each block."""
    return [text for language, text in BLOCK.findall(SECTION) if language == "sh"]


def run(script: str, copy: Path) -> str:
    """Type a script's lines in the copy, with its package as the one that is installed; return what was printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(["bash", "-euc", script], cwd=copy, env=os.environ | {"PYTHONPATH": str(copy), "PATH": path},
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


def hand_in(copy: Path, place: str, answer: str) -> None:
    """Put the released notebook with `answer` in its one exercise at `place`, where nbgrader collects to."""
    released = notebook(copy, "notebooks", LESSON)
    cell, = [cell for cell in released.cells if graded(cell).get("solution")]
    assert "raise NotImplementedError()" in cell.source
    cell.source = answer
    (copy / place).parent.mkdir(parents=True)
    nbformat.write(released, copy / place)


def test_the_lesson_is_ten_lines_under_its_headers():
    lines = named_blocks()[f"solutions/{LESSON}/{LESSON}.py"].splitlines()
    assert sum(not line.startswith("# %%") for line in lines) == 10


@pytest.mark.slow
def test_it_goes_from_nothing_to_points_and_a_mistake_told_by_name(tmp_path):
    blocks = named_blocks()
    for name in AUTHORS:
        take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        take(ROOT / name, tmp_path / name)
    for name in [name for name in blocks if name.endswith(".py")]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(blocks[name])
    build, grade = commands()

    run(build, tmp_path)
    for name in [name for name in blocks if name.endswith(".ipynb")]:
        hand_in(tmp_path, name, blocks[name])
    printed = run(grade, tmp_path)

    assert "without a sandbox" not in printed
    assert "50 %" in printed and "harmonic-upside-down" in printed
    assert (tmp_path / f"records/{LESSON}.csv").read_text() == blocks[f"records/{LESSON}.csv"]
    page = f"feedback/bob/{LESSON}/{LESSON}.html"
    assert blocks[page] in (tmp_path / page).read_text()
