"""The build: what it makes, what it refuses, and that it does either whole or not at all."""
import os

import pytest
from lesson_files import TOY, contents, graded, is_check, nbgrader, notebook, tree

from dlcourse import lessons
from dlcourse.lessons import LessonError, build

ADD = TOY[TOY.index('# %% exercise="add"'):TOY.index('# %% check="add"')]
CHECK_ADD = '# %% check="add" points=3\ncheck.add(add)\n\n'

# What is changed in the small lesson, and what the author is told. Cells are counted from 1.
REFUSALS = {
    "python cannot read it": ("total = a + b", "total = a +", "line 12, cell 3: Python cannot read this: in"),
    "narrative that python cannot read": ('display\n', 'display(\n', "line 6, cell 2: Python cannot read th"),
    "a semicolon that nbval does not see": (
        "raw=True)", "raw=True);", "line 30, cell 6: nbval does not see a closing `;`"),
    "no begin": ("    ### BEGIN SOLUTION\n", "", "line 13, cell 3: ### END SOLUTION stands without ### BEGI"),
    "no end": ("    ### END SOLUTION\n", "", "line 11, cell 3: ### BEGIN SOLUTION stands without its ### EN"),
    "begin twice": ("    return total\n", "    ### BEGIN SOLUTION\n", "line 13, cell 3: ### BEGIN SOLUTION"),
    "end before begin": ("BEGIN SOLUTION\n    total", "END SOLUTION\n    total", "line 11, cell 3: ### END"),
    "a misspelt marker": ("    ### BEGIN SOL", "    ## BEGIN SOL", "line 11, cell 3: a solution is marked b"),
    "an exercise without markers": (
        "    ### BEGIN SOLUTION\n    total = a + b\n    return total\n    ### END SOLUTION", "    return 3",
        "line 8, cell 3: the exercise 'add' has no ### BEGIN SOLUTION"),
    "an answer in narrative": (
        "# # Sums", "# ### BEGIN SOLUTION\n# 42\n# ### END SOLUTION", "line 2, cell 1: only an exercise or"),
    "a written answer without markers": (
        "# ### BEGIN SOLUTION\n# Because addition says so.\n# ### END SOLUTION", "", "line 39, cell 9: the"),
    "a hole outside a def": (
        'def add(a, b):\n    """Return a + b."""\n    ### BEGIN SOLUTION',
        "### BEGIN SOLUTION\ndef add(a, b):",
        "line 9, cell 3: the hole must be lines inside a def"),
    "a hole in the body of a class": (
        'def add(a, b):\n    """Return a + b."""', "class Adder:", "line 10, cell 3: the hole must be lines"),
    "a hole with nothing in it": ("    total = a + b\n    return total\n", "", "line 11, cell 3: the hole m"),
    "an exercise twice": (CHECK_ADD, ADD + CHECK_ADD, "line 16, cell 4: cell 3 has the name 'add' already"),
    "a check twice": ('check="biggest"', 'check="add"', "line 36, cell 8: cell 4 has the name 'add' already"),
    "two questions of one name": (
        '# %% check="biggest"', '# %% question="biggest"\nbiggest = "c"\n\n# %% check="biggest"',
        "line 36, cell 8: cell 7 has the name 'biggest' already: rename one"),
    "the name of a check cell": (
        '# %% [markdown] written="why"', '# %% [markdown] written="check_add"', "line 39, cell 9: 'check_ad"),
    "an exercise without a check cell": (
        '# %% check="add" points=3', "# %%", "line 8, cell 3: the exercise 'add' has no check cell"),
    "a question without a check cell": (
        '# %% check="biggest" points=1', "# %%", "line 32, cell 7: the question 'biggest' has no check cell"),
    "a check without an exercise": (
        '# %% demo=true', '# %% check="lost" points=1\ncheck.lost()\n\n# %% demo=true',
        "line 25, cell 6: there is no exercise or question 'lost'"),
    "a check of a written answer": (
        "# %% demo=true", '# %% check="why" points=1\ncheck.why(1)\n\n# %% demo=true',
        "line 25, cell 6: there is no exercise or question 'why'"),
    "a check above its exercise": (
        ADD + CHECK_ADD, CHECK_ADD + ADD, "line 8, cell 3: the check 'add' stands above what it checks"),
    "a check that nobody wrote": (
        'question="biggest"\n# a: one, b: two, c: three\n'
        'biggest = "c"  # your answer\n\n# %% check="biggest"',
        'question="least"\nleast = "c"\n\n# %% check="least"',
        "line 35, cell 8: there is no check 'least' in toy_checks.sums"),
    "a check cell that checks nothing": (
        "check.add(add)", "check.add", "line 16, cell 4: the check cell never calls check.add"),
    "a check without points": (" points=3", "", "line 16, cell 4: a check and a written answer say their po"),
    "points for nothing": ("# %% demo=true", "# %% demo=true points=1", "line 25, cell 6: a check and a wri"),
    "no points at all": ("points=3", "points=0", "line 16, cell 4: points must be a number above zero, not"),
    "points in words": ("points=3", 'points="3"', "line 16, cell 4: points must be a number above zero, not"),
    "a marker that is none": ("exercise=", "excercise=", "line 8, cell 3: its header has 'excercise', which"),
    "a title": ("# %% demo=true", "# %% Look", "line 25, cell 6: its header has 'title', which is no marker"),
    "a header that cannot be read": ('"add"\ndef', 'add\ndef', "line 8, cell 3: its header cannot be read"),
    "two markers": ("# %% demo=true", '# %% demo=true question="x"', "line 25, cell 6: a cell is one thing,"),
    "a demo that is none": ("demo=true", "demo=false", "line 25, cell 6: write demo=true, or leave demo out"),
    "a name that is none": ('exercise="add"', 'exercise="a d"', "line 8, cell 3: exercise='a d' must be a P"),
    "an exercise in prose": ('# %% exercise="add"', '# %% [markdown] exercise="add"', "line 8, cell 3: exer"),
    "a raw cell": ("# %% demo=true", "# %% [raw]", "line 25, cell 6: its header has 'raw', which is no mark"),
    "a question that does more": (
        'biggest = "c"', 'print(); biggest = "c"', "line 32, cell 7: a question is one assignment, `biggest"),
    "a widget without the answer": (
        '"c"  #', "quiz.ask(check.biggest)  #", "line 32, cell 7: a widget asks with the question's own check and"),
    "a widget with another's check": (
        '"c"  #', 'quiz.ask(check.add, "c")  #', "line 32, cell 7: a widget asks with the question's own check and"),
    "a widget that is asked for more": (
        '"c"  #', 'quiz.ask(check.biggest, "c").answer  #', "line 32, cell 7: a widget asks with the question's own"),
    "text above the first cell": ("# %% [markdown]\n# # Sums", "# # Sums", "line 1, cell 1: the first line"),
}


@pytest.mark.parametrize("old, new, message", REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_lesson_is_refused_in_one_sentence_before_it_runs(toy, monkeypatch, old, new, message):
    monkeypatch.setattr(lessons, "execute", lambda lesson: pytest.fail("it was run"))
    source = toy / "solutions/01_sums/01_sums.py"
    assert old in TOY
    source.write_text(TOY.replace(old, new, 1))
    before = tree(toy)
    with pytest.raises(LessonError, match=f"^solutions/01_sums/01_sums.py, {message}") as refusal:
        build(root=toy)
    assert "\n" not in str(refusal.value)
    assert tree(toy) == before


def test_a_lesson_without_its_module_of_checks_is_refused(toy):
    (toy / "toy_checks/sums.py").unlink()
    with pytest.raises(LessonError, match="line 16, cell 4: its checks need a module toy_checks.sums"):
        build(root=toy)


def test_a_folder_without_its_lesson_is_refused(toy):
    (toy / "solutions/02_products").mkdir()
    with pytest.raises(LessonError, match="^solutions/02_products/02_products.py is missing: write"):
        build(root=toy)


def test_an_unknown_lesson_is_refused_by_naming_those_there_are(toy):
    with pytest.raises(LessonError, match="^There is no lesson '03_powers': there is 01_sums.$"):
        build(["01_sums", "03_powers"], root=toy)


def test_a_source_that_is_not_utf_8_is_refused(toy):
    (toy / "solutions/01_sums/01_sums.py").write_bytes(TOY.encode() + b"# caf\xe9")
    with pytest.raises(LessonError, match=r"^solutions/01_sums/01_sums.py is not UTF-8 at byte \d+; save"):
        build(root=toy)


@pytest.mark.parametrize("name", ["answers.txt", "draft.ipynb", "old/01_sums.ipynb"])
def test_a_file_that_nbgrader_would_release_with_the_lesson_is_refused(toy, name):
    path = toy / "solutions/01_sums" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("biggest is c")
    with pytest.raises(LessonError, match=f"^solutions/01_sums/{name} would be released to learners"):
        build(root=toy)


# What the narrative cell does instead, and what the author is told.
BROKEN_RUNS = {
    "it raises": ("1 / 0", "line 19, cell 5: it raised ZeroDivisionError: 'division by zero'$"),
    "its kernel dies": ("import os; os._exit(1)", "line 19, cell 5: its kernel died"),
    "it shows an address": ("object()", "line 19, cell 5: its output shows 0x[0-9a-f]+, a memory address"),
    "it shows a path of this machine": (
        "import os; print(os.getcwd())", "line 19, cell 5: its output shows '/.*', a path of this machine"),
}


@pytest.mark.parametrize("code, message", BROKEN_RUNS.values(), ids=BROKEN_RUNS)
def test_a_lesson_whose_run_goes_wrong_changes_nothing_not_even_the_lessons_before_it(toy, code, message):
    first = toy / "solutions/00_first"
    first.mkdir()
    (first / "00_first.py").write_text("# %%\n1 + 1\n")
    source = toy / "solutions/01_sums/01_sums.py"
    begin, end = TOY.index("try:\n"), TOY.index("# %% demo")
    source.write_text(TOY[:begin] + code + "\n\n" + TOY[end:])
    before = tree(toy)
    with pytest.raises(LessonError, match=f"^solutions/01_sums/01_sums.py, {message}") as refusal:
        build(root=toy)
    assert "\n" not in str(refusal.value)
    assert tree(toy) == before


@pytest.mark.slow
def test_a_cell_that_never_ends_is_stopped(toy, monkeypatch):
    monkeypatch.setattr(lessons, "CELL_SECONDS", 2)
    source = toy / "solutions/01_sums/01_sums.py"
    source.write_text(TOY.replace("try:", "while True: pass\ntry:"))
    with pytest.raises(LessonError, match="line 19, cell 5: it took more than 2 s.$"):
        build(root=toy)


def test_a_check_that_writes_to_stderr_is_refused_as_nbgrader_would_fail_it(toy):
    source = toy / "solutions/01_sums/01_sums.py"
    noisy = "import sys\nprint('hm', file=sys.stderr)\ncheck.add(add)"
    source.write_text(TOY.replace("check.add(add)", noisy))
    with pytest.raises(LessonError, match="line 16, cell 4: its output is 'hm' on stderr, which nbgrader"):
        build(root=toy)


def test_a_build_makes_both_notebooks_and_a_second_one_touches_neither(toy):
    changed = build(root=toy)
    assert [path.relative_to(toy).as_posix() for path in changed] == [
        "solutions/01_sums/01_sums.ipynb", "notebooks/01_sums/01_sums.ipynb"]
    before = tree(toy)
    assert build(["01_sums"], root=toy) == []
    assert tree(toy) == before


def test_a_build_that_cannot_write_the_second_file_puts_the_first_back(toy, monkeypatch):
    build(root=toy)
    source = toy / "solutions/01_sums/01_sums.py"
    source.write_text(TOY.replace("# Sums", "# Sums and more"))
    before = contents(toy)
    replace, moved = os.replace, []

    def replace_once(beside, path):
        if moved:
            raise OSError(28, "No space left on device", str(path))
        moved.append(path)
        replace(beside, path)

    monkeypatch.setattr(os, "replace", replace_once)
    with pytest.raises(LessonError, match="^Nothing was built: cannot write .*01_sums.ipynb .No space left"):
        build(root=toy)
    assert moved
    assert contents(toy) == before


def test_the_solution_carries_what_nbgrader_reads_and_ids_that_an_edit_elsewhere_leaves_alone(toy):
    build(root=toy)
    cells = notebook(toy, "solutions", "01_sums").cells
    add, check, why = cells[2], cells[3], cells[8]
    common = {"schema_version": 3, "locked": False}
    assert graded(add) == common | {"grade_id": "add", "grade": False, "solution": True}
    assert graded(check) == common | {"grade_id": "check_add", "grade": True, "solution": False, "points": 3,
                                      "locked": True}
    assert graded(why) == common | {"grade_id": "why", "grade": True, "solution": True, "points": 4}
    assert [cell.id for cell in (add, check, why)] == ["add", "check_add", "why"]
    assert cells[5].metadata == {"dlcourse": {"demo": True}}

    source = toy / "solutions/01_sums/01_sums.py"
    source.write_text(TOY.replace("# Sums", "# Sums\n\n# %%\n1\n\n# %%\n1"))
    build(root=toy)
    ids = [cell.id for cell in notebook(toy, "solutions", "01_sums").cells]
    assert ids[3:] == [cell.id for cell in cells[1:]]
    assert ids[2] == f"{ids[1]}-2"


def test_outputs_keep_the_picture_beside_a_widget_and_nothing_that_needs_its_kernel(toy):
    source = toy / "solutions/01_sums/01_sums.py"
    again = 'raw=True)\ndel widget["image/png"]\ndisplay(widget, raw=True)'
    source.write_text(TOY.replace("raw=True)", again))
    build(root=toy)
    solution = notebook(toy, "solutions", "01_sums")
    assert [dict(output.data) for output in solution.cells[5].outputs] == [
        {"text/plain": "Slider()", "image/png": solution.cells[5].outputs[0].data["image/png"]}]
    assert set(solution.metadata) == {"kernelspec", "language_info"}
    assert "version" not in solution.metadata.language_info
    assert all(set(cell.metadata) <= {"nbgrader", "dlcourse"} for cell in solution.cells)


def test_the_release_has_holes_for_answers_and_keeps_the_pictures_of_the_narrative(toy):
    build(root=toy)
    cells = notebook(toy, "notebooks", "01_sums").cells
    stub = "raise NotImplementedError()  # replace this line with your code"
    assert cells[2].source == f'def add(a, b):\n    """Return a + b."""\n    {stub}'
    assert cells[6].source == "# a: one, b: two, c: three\nbiggest = None  # your answer"
    assert cells[8].source == "Why?\n\n*Replace this line with your answer.*"
    assert [cell.metadata.get("tags") for cell in cells if is_check(cell)] == [["raises-exception"]] * 2
    assert cells[4].outputs[0].text == "two and two make 4\n"
    assert "image/png" in cells[5].outputs[0].data
    assert not any(cell.outputs for cell in cells if graded(cell) and cell.cell_type == "code")
    assert "dlcourse" not in cells[5].metadata


@pytest.mark.slow
def test_plain_nbgrader_writes_the_release_that_the_build_writes(toy):
    build(root=toy)
    before = contents(toy)
    for path in (toy / "notebooks").rglob("*.ipynb"):
        path.unlink()
    (toy / "solutions/01_sums/01_sums.py~").write_text(TOY)
    nbgrader("generate_assignment", "01_sums", "--force", cwd=toy)
    after = contents(toy / "notebooks")
    assert after == {"01_sums/01_sums.ipynb": before["notebooks/01_sums/01_sums.ipynb"]}


def test_a_question_is_blanked_whatever_its_value_looks_like():
    from dlcourse.release import blank

    source = "# é: which?\npairs = {\n    'é': 1,  # first\n}  # your answer\n# done"
    assert blank(source) == "# é: which?\npairs = None  # your answer\n# done"


def test_a_question_in_a_widget_is_released_without_its_answer():
    from dlcourse.release import blank

    assert blank('x = quiz.ask(check.x, "é")  # or a letter') == "x = quiz.ask(check.x)  # or a letter"
    assert blank("x = quiz.ask(check.x,\n             (1 + 2) / 3,  # a third\n)") == (
        "x = quiz.ask(check.x,  # a third\n)")
