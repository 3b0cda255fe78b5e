"""nbval over every notebook: each runs as it stands, and a solution prints again what it printed."""
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from lesson_files import PAGES, ROOT, notebook

from dlcourse.lessons import kernel_env

pytestmark = pytest.mark.slow


def nbval(path: Path, scratch: Path, *options: str) -> tuple[dict[str, int], str]:
    """Run nbval on the notebook at `path`; return pytest's counts of its cells, and what it printed."""
    report = scratch / "report.xml"
    command = [sys.executable, "-m", "pytest", *options, str(path), f"--junit-xml={report}", "-q",
               "--color=no", "-c", os.devnull, "--rootdir", str(path.parent),
               "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, env=kernel_env(str(scratch)), cwd=scratch, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    return {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}, done.stdout


def passed(cells: int) -> dict[str, int]:
    """Return the counts of a run in which each of `cells` cells was run and none was wrong."""
    return {"tests": cells, "failures": 0, "errors": 0, "skipped": 0}


@pytest.mark.parametrize("lesson", PAGES)
def test_a_solution_prints_again_what_is_stored(lesson, tmp_path):
    code = [cell for cell in notebook(ROOT, "solutions", lesson).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "nbval compares nothing in a cell without a count"
    assert any(cell.outputs for cell in code)
    counts, printed = nbval(ROOT / "solutions" / lesson / f"{lesson}.ipynb", tmp_path, "--nbval")
    assert counts == passed(len(code)), printed


@pytest.mark.parametrize("lesson", PAGES)
def test_a_release_runs_from_top_to_bottom(lesson, tmp_path):
    code = [cell for cell in notebook(ROOT, "notebooks", lesson).cells if cell.cell_type == "code"]
    counts, printed = nbval(ROOT / "notebooks" / lesson / f"{lesson}.ipynb", tmp_path, "--nbval-lax")
    assert counts == passed(len(code)), printed


def test_nbval_fails_where_the_stored_output_is_not_what_comes_out(toy, tmp_path):
    from dlcourse.lessons import build

    solution = next(path for path in build(root=toy) if "solutions" in path.parts)
    code = [cell for cell in notebook(toy, "solutions", "01_sums").cells if cell.cell_type == "code"]
    assert nbval(solution, tmp_path, "--nbval")[0] == passed(len(code))
    solution.write_text(solution.read_text().replace("two and two make 4", "two and two make 5"))
    assert nbval(solution, tmp_path, "--nbval")[0] == passed(len(code)) | {"failures": 1}
