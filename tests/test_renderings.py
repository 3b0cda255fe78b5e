"""Every lesson's renderings: the .py, the executed solution and the release say the same, and no more."""
import difflib
import re
import shutil

import nbformat
import pytest
from lesson_files import LESSONS, PAGES, ROOT, answer_lines, errors, graded, is_check, notebook, strings

from dlcourse import course, lessons, release

# Lines that give nothing away wherever they stand: short ones, and these.
TELLS_NOTHING = re.compile(r"return \w+|import [\w.]+( as \w+)?|from [\w.]+ import \w+|\"\"\".*|@\w+|"
                           r"(model|optimizer|loss)\.(train|eval|zero_grad|backward|step)\(\)|with torch\.no_grad\(\):|"
                           r"loss = loss_fn\(model\(x\), y\)|super\(\).__init__\([\w, ]*\)")

# Run again from the first cell to the last, so that pictures are compared too. Of the longer lessons nbval runs each
# cell and compares what is printed; here their outputs are taken as they stand, and all the rest is built anew.
RUN_AGAIN = {course.START, "01_deep_networks", "02_activations", "04_optimizers"}


@pytest.fixture(params=PAGES)
def lesson(request) -> str:
    """Each lesson's name in turn, the start page's first."""
    return request.param


def test_there_is_a_lesson_to_test():
    assert LESSONS


def test_nothing_lives_in_notebooks_but_one_release_a_lesson():
    found = {path.relative_to(ROOT / "notebooks").as_posix() for path in (ROOT / "notebooks").rglob("*")
             if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)}
    assert found == {f"{name}/{name}.ipynb" for name in PAGES}


@pytest.mark.slow
def test_the_notebooks_that_stand_are_what_a_fresh_build_makes(lesson, tmp_path, monkeypatch):
    if lesson not in RUN_AGAIN:
        monkeypatch.setattr(lessons, "_run", as_it_stands)
    (tmp_path / "solutions" / lesson).mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / lesson / f"{lesson}.py", tmp_path / "solutions" / lesson)
    made = lessons.build([lesson], root=tmp_path)
    assert len(made) == 2
    for path in made:
        stands = ROOT / path.relative_to(tmp_path)
        same = stands.read_bytes() == path.read_bytes()
        assert same, difference(stands.read_text(), path.read_text())


def as_it_stands(lesson: lessons.Lesson, made: nbformat.NotebookNode) -> None:
    """Give the notebook `made` the outputs that the committed one has, in place of running it."""
    stands = notebook(ROOT, "solutions", lesson.name)
    assert [cell.id for cell in made.cells] == [cell.id for cell in stands.cells], "run `make lessons`"
    made.metadata = stands.metadata
    made.metadata.language_info.version = "any"
    for new, old in zip(made.cells, stands.cells):
        if new.cell_type == "code":
            new.outputs, new.execution_count = old.outputs, old.execution_count


def difference(stands: str, made: str) -> str:
    """Return the first lines that differ, for the message of a failed test."""
    lines = difflib.unified_diff(stands.splitlines(), made.splitlines(), "as it stands", "built", lineterm="")
    first = "\n".join(line[:200] for _, line in zip(range(30), lines))
    return f"run `make lessons` and commit what it changes:\n{first}"


def test_source_solution_and_release_agree_cell_by_cell(lesson):
    source = lessons.read(lesson, ROOT)
    solution, released = (notebook(ROOT, rendering, lesson).cells for rendering in ("solutions", "notebooks"))
    assert len(source.cells) == len(solution) == len(released)
    for mark, name, py, sol, rel in zip(source.kinds, source.names, source.cells, solution, released):
        assert py.cell_type == sol.cell_type == rel.cell_type
        assert py.source == sol.source
        assert sol.id == rel.id
        expected = {"check": f"check_{name}", "demo": None}.get(mark, name)
        assert graded(sol).get("grade_id") == graded(rel).get("grade_id") == expected
        assert graded(sol).get("points") == graded(rel).get("points") == py.metadata.get("points")
        assert rel.source == released_source(mark, sol.source)
        if mark in (None, "demo"):
            assert sol.get("outputs") == rel.get("outputs")
        else:
            assert not rel.get("outputs")


def test_every_picture_that_stands_in_a_lesson_carries_its_alternative_text(lesson):
    for rendering in ("solutions", "notebooks"):
        cells = [cell for cell in notebook(ROOT, rendering, lesson).cells if cell.cell_type == "code"]
        silent = [cell.source for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})
                  if not output.metadata.get("image/png", {}).get("alt")]
        assert not silent, f"{rendering} has pictures without words; run `make lessons {lesson}`, then see to: {silent}"


def released_source(mark: str | None, source: str) -> str:
    """Return what learners should get of a cell marked as `mark` whose solution is `source`."""
    stub = {"exercise": "raise NotImplementedError()  # replace this line with your code",
            "written": "*Replace this line with your answer.*"}
    if mark == "question":
        return release.blank(source)
    return re.sub("### BEGIN SOLUTION\n.*?### END SOLUTION", stub.get(mark, ""), source, flags=re.DOTALL)


def test_no_line_of_an_answer_is_released(lesson):
    lines = [line for line in answer_lines(notebook(ROOT, "solutions", lesson)) if tells(line)]
    assert lines
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        released = "\n".join(strings(notebook(ROOT, "notebooks", path.stem)))
        assert [line for line in lines if line in released] == []


def tells(line: str) -> bool:
    """Would `line` of an answer tell a learner something? (A question's `name = value` always does.)"""
    return len(line.replace(" ", "")) >= 10 and not TELLS_NOTHING.fullmatch(line)


def test_every_check_of_the_solution_is_green(lesson):
    checks = [cell for cell in notebook(ROOT, "solutions", lesson).cells if is_check(cell)]
    assert checks
    for cell in checks:
        assert cell.execution_count
        assert not errors(cell)
        assert not any(output.get("name") == "stderr" for output in cell.outputs)
