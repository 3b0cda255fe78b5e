"""The house: what holds for every lesson and every module, so that ten lessons stay one course."""

import ast
import subprocess
import sys

import pytest
from lesson_files import PAGES, ROOT

from dlcourse import lessons

MODULES = sorted((ROOT / "dlcourse").rglob("*.py"))
MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION")


@pytest.mark.parametrize("name", PAGES)
def test_a_cell_is_a_breath_and_its_lines_fit_the_page(name):
    lesson = lessons.read(name, ROOT)
    for index, cell in enumerate(lesson.cells):
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip() not in MARKERS]
            assert len(lines) <= 22, lesson.error(index, f"{len(lines)} lines of code")
            assert max(map(len, lines)) <= 100, lesson.error(index, "a line of over 100 characters")


@pytest.mark.parametrize("name", PAGES)
def test_a_lesson_imports_nothing_it_teaches_and_nothing_by_star(name):
    lesson = lessons.read(name, ROOT)
    taught = {exercise for _, exercise in lesson.marked("exercise")}
    for index, cell in enumerate(lesson.cells):
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else []:
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                assert not names & (taught | {"*"}), lesson.error(index, f"imports {names & (taught | {'*'})}")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_and_public_name_has_a_docstring_and_no_line_is_too_long(module):
    text = module.read_text()
    assert max(map(len, text.splitlines()), default=0) <= 120
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module.name}: {node.name} has no docstring"


def test_importing_the_package_adds_next_to_nothing_to_importing_torch():
    code = ("import time, torch; start = time.perf_counter(); import dlcourse; print(time.perf_counter() - start); "
            "import sys; assert not {'matplotlib', 'sklearn', 'ipywidgets', 'nbgrader'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.1


def test_checks_know_neither_nbgrader_nor_a_lessons_text():
    for module in (ROOT / "dlcourse" / "checks").rglob("*.py"):
        text = module.read_text()
        assert "import nbgrader" not in text and "from nbgrader" not in text
        assert "solutions/" not in text and "notebooks/" not in text
