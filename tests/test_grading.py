"""The graded run on honest work: every right answer in full, the same record again, and what crosses the wall."""

import ast
import importlib
import inspect
import json
import pickletools
import re
import shutil
import textwrap
import types
from base64 import b64decode
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from catalogue import answers
from lesson_files import LESSONS, ROOT, graded, notebook
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import markdown2html
from nbgrader.utils import determine_grade

from dlcourse import answers as answers_in_cells
from dlcourse.checks.core import Check
from dlcourse.checks.verdict import CheckFailed
from dlcourse.course import CourseError
from dlcourse.grading import judging, plain, rebuild, run, safe, sandbox, submission

SHARED = pytest.mark.xdist_group("hostile")  # the files that share a sandbox run in one worker
LESSON = "02_activations"
MODULES = {lesson: lesson[3:] for lesson in LESSONS}
RIGHT = defaultdict(lambda: defaultdict(list))
for one in answers():
    if one.right:
        RIGHT[one.lesson][one.exercise].append(one)


@pytest.fixture(scope="module")
def walls():
    """One sandbox for the tests of this file."""
    made = sandbox.Sandbox()
    yield made
    made.close()


def solution(lesson: str) -> str:
    """A lesson's source as text."""
    return (ROOT / "solutions" / lesson / f"{lesson}.ipynb").read_text()


def released(lesson: str = LESSON) -> dict:
    """A lesson as learners get it, to be filled in."""
    return json.loads((ROOT / "notebooks" / lesson / f"{lesson}.ipynb").read_text())


def filled(lesson: str, texts: dict[str, str] | None = None) -> dict:
    """A lesson with the solution's answers, or others in their place."""
    learners, ours = released(lesson), {}
    for cell in notebook(ROOT, "solutions", lesson).cells:
        if graded(cell).get("solution"):
            ours[graded(cell)["grade_id"]] = "\n".join(
                line for line in cell.source.splitlines() if "SOLUTION" not in line)
    for cell in learners["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in ours:
            cell["source"] = (texts or {}).get(name, ours[name])
    return learners


def grade(learners: dict, walls, lesson: str = LESSON, seed: int = 11):
    """Grade a notebook."""
    handed_in = submission.Submission(json.dumps(learners).encode())
    return run.grade(solution(lesson), lesson, handed_in, seed, walls)


def points(graded_run) -> dict[str, float]:
    """The points of each exercise."""
    return {name: one["points"] for name, one in graded_run.record["exercises"].items()}


def cell_with(learners: dict, name: str) -> dict:
    """The cell of a grade_id."""
    return next(cell for cell in learners["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def set_answer(learners: dict, name: str, text: str) -> dict:
    """Write an answer into its cell; return the notebook."""
    cell_with(learners, name)["source"] = text
    return learners


# Right answers.


def as_a_cell(answer) -> str:
    """A right answer of the catalogue as one would type it into the exercise's cell, with the helpers that it needs."""
    text = sources(answer.code.__module__, answer.code.__name__)
    body = textwrap.indent(text, "    ")
    return f"def {answer.name}_():\n{body}\n    return {answer.code.__name__}\n\n\n{answer.exercise} = {answer.name}_()"


def sources(module: str, name: str) -> str:
    """The source of what `name` in a module of the catalogue is made of, without its decorators `right` and `wrong`."""
    text = inspect.getsource(importlib.import_module(module))
    made = plain.made_of(name, plain.statements(text, 0, True))
    pieces = []
    for node in ast.parse(made.theirs).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                if alias.name not in ("right", "wrong"):
                    pieces.append(sources("catalogue." + ".".join([*module.split(".")[1:-1], node.module]), alias.name))
                    if alias.asname:
                        pieces.append(f"{alias.asname} = {alias.name}")
            continue
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.decorator_list = [one for one in node.decorator_list
                                   if not (isinstance(one, ast.Call) and getattr(one.func, "id", "") in ("right", "wrong"))]
        pieces.append(ast.unparse(node))
    return "\n".join(pieces)


def turns(lesson: str) -> list[dict]:
    """{exercise: answer} for as many notebooks as it takes to have every right answer of a lesson graded once."""
    known = RIGHT[MODULES[lesson]]
    return [{name: choices[turn] for name, choices in known.items() if turn < len(choices)}
            for turn in range(max(map(len, known.values()), default=0))]


@SHARED
@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_right_answer_is_graded_in_full_in_the_sandbox(lesson, walls, summary_table):
    rows, wrongly = defaultdict(lambda: [0, 0.0]), []
    whole = grade(filled(lesson), walls, lesson)
    wrongly += [(name, "the solution's", one["told"]) for name, one in whole.record["exercises"].items() if not one["passed"]]
    assert whole.record["found"] == []
    for turn in turns(lesson):
        seen = grade(filled(lesson, {name: as_a_cell(answer) for name, answer in turn.items()}), walls, lesson)
        for name, answer in turn.items():
            one = seen.record["exercises"][name]
            rows[name][0] += 1
            rows[name][1] += one["score"] if one["points"] == one["of"] else 0
            if not one["passed"]:
                wrongly.append((name, answer.name, one["told"], seen.record["found"]))
    summary_table(f"right answers of {lesson}, graded in the sandbox", ("exercise", "graded", "in full"),
                  [(name, count, f"{full:g}") for name, (count, full) in rows.items()])
    assert not wrongly
    assert sum(count for count, _ in rows.values()) == sum(map(len, RIGHT[MODULES[lesson]].values()))


@SHARED
@pytest.mark.slow
def test_the_same_seed_gives_the_same_record_and_another_gives_other_questions(walls):
    learners = set_answer(released(), "gelu", "def gelu(x):\n    return x * torch.sigmoid(x)")
    first, again, other = (without_time(grade(learners, walls, seed=seed)) for seed in (5, 5, 6))
    assert first == again
    assert first.pop("seed") != other.pop("seed")
    assert first["exercises"]["gelu"]["told"] == other["exercises"]["gelu"]["told"]
    assert first["exercises"]["gelu"]["message"] != other["exercises"]["gelu"]["message"]


def without_time(graded_run) -> dict:
    """A record without what a clock wrote."""
    record = json.loads(json.dumps(graded_run.record))
    for one in [record, *record["exercises"].values()]:
        del one["seconds"]
    return record


@SHARED
@pytest.mark.slow
def test_part_of_the_points_is_what_nbgrader_reads_and_the_message_stands_in_the_same_cell(walls):
    learners = set_answer(released(), "relu", "def relu(x):\n    return x.clamp(min=0)")
    seen = grade(learners, walls)
    cell = next(cell for cell in nbformat.reads(seen.notebook, 4).cells if graded(cell).get("grade_id") == "check_relu")
    assert determine_grade(cell) == (1.6, 2.0)
    assert "zero" in cell.outputs[0].text.lower() and points(seen)["relu"] == 1.6
    assert seen.record["exercises"]["relu"]["misconception"] == "relu-clamp"


@SHARED
@pytest.mark.slow
def test_what_is_told_shows_no_hidden_question(walls):
    learners = released()
    set_answer(learners, "relu", "def relu(x):\n    raise ValueError(f'QUESTION {x.tolist()}')")
    set_answer(learners, "gelu", "def gelu(x):\n    return x + 1234.5")
    set_answer(learners, "softmax", "def softmax(x, dim):\n    print('QUESTION', x)\n    return x")
    seen = grade(learners, walls, seed=987654321)
    shown = json.dumps([cell.get("outputs") for cell in json.loads(seen.notebook)["cells"]])
    assert "QUESTION" not in shown and "987654321" not in seen.notebook
    questions = run._check(LESSON, "gelu").questions(987654321)
    for case in questions["values"]:
        assert f"{case['x'].flatten()[0].item():.3f}"[:5] not in shown
    assert "QUESTION" in seen.record["exercises"]["relu"]["message"]


@SHARED
@pytest.mark.slow
@pytest.mark.parametrize("disguise", [
    "F.relu(x)", "getattr(torch, 're' + 'lu')(x)", "torch.ops.aten.relu(x)", "nn.ReLU()(x)", "their_own(x)",
    "x.relu()"])
def test_what_is_ruled_out_is_told_so_in_every_disguise(disguise, walls):
    learners = set_answer(released(), "relu", f"their_own = F.relu\n\n\ndef relu(x):\n    return {disguise}")
    one = grade(learners, walls).record["exercises"]["relu"]
    assert (one["points"], one["misconception"]) == (0.0, "off-limits")
    assert "relu" in one["told"]


@SHARED
@pytest.mark.slow
def test_a_helper_in_another_cell_and_magics_and_imports_do_no_harm(walls):
    learners = released()
    cells = learners["cells"]
    first = next(number for number, cell in enumerate(cells) if cell["cell_type"] == "code")
    helper = {"cell_type": "code", "id": "mine", "metadata": {}, "outputs": [], "execution_count": None,
              "source": "import os, sys\nzero = 0.0\nTABLE = {}\nTABLE['low'] = zero\n\ndef positive(x):\n    return x > zero\n"
                        "print(sys.version, os.getcwd())"}
    cells.insert(first + 1, helper)
    set_answer(learners, "relu", "%%time\ndef relu(x):\n    return torch.where(positive(x), x, TABLE['low'])")
    set_answer(learners, "dead_units", "import gc, math\n%matplotlib inline\n\n@torch.no_grad()\ndef dead_units(activations):\n"
                                       "    return (activations == 0).all(0)\n\ndead_units(torch.zeros(2, 3))")
    seen = grade(learners, walls)
    assert (points(seen)["relu"], points(seen)["dead_units"]) == (2.0, 2.0)


@SHARED
@pytest.mark.slow
def test_without_walls_the_record_says_so():
    bare = sandbox.Sandbox(shut_in=False)
    try:
        seen = grade(set_answer(released(), "relu", "def relu(x):\n    return x * (x > 0)"), bare)
    finally:
        bare.close()
    assert seen.record["walls"] == "none" and points(seen)["relu"] == 2.0


def test_without_bubblewrap_it_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CourseError, match="install it.*--no-sandbox"):
        sandbox.Sandbox()


# What crosses the wall.


@pytest.mark.parametrize("lesson", sorted(MODULES.values()))
def test_no_reference_and_no_mistake_is_sent_into_the_sandbox(lesson):
    leaks, looked_at = {}, 0
    for check in vars(importlib.import_module(f"dlcourse.checks.{lesson}")).values():
        if not isinstance(check, Check):
            continue
        sent = {content for _, content, _ in pickletools.genops(b64decode(judging.freight(check)))
                if isinstance(content, bytes)}
        ours = [check.reference]
        for mistake in check.mistakes:
            ours += mistake.answer if isinstance(mistake.answer, list) else [mistake.answer]
        for thing in ours:
            for code in codes(thing):
                looked_at += 1
                if len(code.co_code) > 40 and code.co_code in sent:
                    leaks.append(f"{check.name}: {what} ({code.co_qualname})")
    assert looked_at and not leaks


def test_what_a_check_remembers_of_an_answer_is_not_sent_into_the_sandbox(monkeypatch):
    from dlcourse.checks import residual_networks

    monkeypatch.setattr(judging, "_FREIGHT", {})
    with pytest.raises(CheckFailed):
        residual_networks.train_hundred_layers(quickly_wrong)
    assert __name__.encode() not in b64decode(judging.freight(residual_networks.train_hundred_layers))


def quickly_wrong(x, y, generator):
    """No model at all."""


def codes(thing) -> list[types.CodeType]:
    """The code objects of ours in a function or class."""
    found = [thing] if isinstance(thing, types.FunctionType) else []
    if isinstance(thing, type):
        found = [function for one in vars(thing).values()
                 if isinstance(function := getattr(one, "__func__", one), types.FunctionType)]
    return [one.__code__ for one in found if "dlcourse" in one.__code__.co_filename]


def test_what_is_laid_out_for_learners_has_no_check_in_it():
    folder = sandbox.stage()
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in Path(folder).rglob("*")
             if path.suffix in (".py", ".txt")}
    assert f"dlcourse/checks/{MODULES[LESSON]}.py" in texts
    for name, text in texts.items():
        assert not re.search(r"\b(Mistake|Check|Part)\(|BEGIN SOLUTION", text), name
    shutil.rmtree(folder)


def test_all_that_lessons_import_of_the_package_is_laid_out():
    folder = Path(sandbox.stage())
    imported = {name for lesson in LESSONS for cell in notebook(ROOT, "solutions", lesson).cells
                if cell.cell_type == "code" for name in re.findall(r"from (dlcourse[\w.]*) import", cell.source)}
    assert "dlcourse.training" in imported
    for name in imported:
        place = folder / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").is_file(), name
    shutil.rmtree(folder)


# Rebuilding.


def rebuilt(learners: dict) -> rebuild.Rebuilt:
    """What is made of a notebook."""
    cells = submission.cells(submission.Submission(json.dumps(learners).encode()))
    return rebuild.rebuild(nbformat.reads(solution(LESSON), 4), cells)


def plan(made: rebuild.Rebuilt) -> list[tuple[str, str]]:
    """The kinds and names of cells in order, the learner's own left out."""
    return [(cell.kind, cell.name) for cell in made.cells if not cell.cell.get("id", "").startswith("extra-")]


MINE = "def relu(x):\n    return x * (x > 0)"


def answered() -> dict:
    """A notebook in which relu is answered."""
    return set_answer(released(), "relu", MINE)


def test_an_untouched_notebook_is_rebuilt_as_it_is():
    made = rebuilt(answered())
    assert made.found == [] and made.answers["relu"] == MINE
    assert [cell.cell.source for cell in made.cells] == [
        unanswered("".join(cell["source"])) for cell in answered()["cells"]]


def unanswered(source: str) -> str:
    """A released cell as it is graded where nothing was done to it: a question in a widget is None."""
    return re.sub(r"quiz\.ask\(check\.\w+\)", "None", source)


def deleted(cells):
    cells[:] = [cell for cell in cells if not cell["metadata"].get("nbgrader", {}).get("locked")]


def duplicated(cells):
    cells += [json.loads(json.dumps(cell)) for cell in cells if cell["metadata"].get("nbgrader", {}).get("locked")]


def reordered(cells):
    cells.reverse()


def retagged(cells):
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("locked"):
            cell["metadata"]["nbgrader"] |= {"points": 99, "grade": False, "solution": True}
            cell["metadata"]["tags"] = ["skip-execution"]


def edited(cells):
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("locked"):
            cell["source"] = "print(2.0)"


@pytest.mark.parametrize(("tamper", "found"), [
    (deleted, "The check of relu, .* had been deleted"), (duplicated, "had been copied"), (reordered, "another order"),
    (retagged, "metadata of .* had been changed"), (edited, "had been edited")])
def test_whatever_was_done_to_the_checks_ours_stand_and_the_answer_counts(tamper, found):
    learners = answered()
    tamper(learners["cells"])
    made, untouched = rebuilt(learners), rebuilt(answered())
    assert plan(made) == plan(untouched)
    assert made.answers["relu"] == MINE
    assert any(re.search(found, sentence) for sentence in made.found), made.found
    ours = {cell.name: cell.cell for cell in untouched.cells if cell.kind == "check"}
    assert {cell.name: cell.cell for cell in made.cells if cell.kind == "check"} == ours


def test_an_answer_in_another_cell_counts_where_the_exercises_own_is_empty_or_gone():
    for gone in (True, False):
        learners = answered()
        cell = cell_with(learners, "relu")
        if gone:
            learners["cells"].remove(cell)
        else:
            cell["source"] = "raise NotImplementedError()"
        learners["cells"].insert(2, {"cell_type": "code", "id": "mine", "metadata": {}, "source": MINE, "outputs": []})
        made = rebuilt(learners)
        own = [cell.cell.source for cell in made.cells if cell.kind == "extra"]
        assert own == [MINE]
        if gone:
            assert "relu was found in a cell that is not the exercise's." in made.found


def test_of_two_cells_for_one_exercise_the_last_changed_one_counts():
    learners = answered()
    copy = json.loads(json.dumps(cell_with(learners, "relu")))
    learners["cells"].append({**copy, "source": "def relu(x):\n    return 0 * x"})
    made = rebuilt(learners)
    assert made.answers["relu"].endswith("0 * x")
    assert "2 cells call themselves relu: the last changed one counts." in made.found


def test_an_older_release_is_graded_on_the_answers_that_still_have_a_place():
    learners = answered()
    cell_with(learners, "elu")["metadata"]["nbgrader"]["grade_id"] = "elu_of_last_year"
    del learners["cells"][-1]
    made = rebuilt(learners)
    assert made.answers["relu"] == MINE and made.answers["elu"] == "# elu stands in another cell."
    assert [cell.cell.source for cell in made.cells if cell.kind == "extra"] == [
        "".join(cell_with(released(), "elu")["source"])]
    assert "elu was found in a cell that is not the exercise's." in made.found
    assert "1 graded cells are of another lesson or another release." in made.found


def test_an_answer_that_is_nowhere_is_missed():
    learners = answered()
    learners["cells"].remove(cell_with(learners, "elu"))
    learners["cells"].remove(cell_with(learners, "why_relu"))
    made = rebuilt(learners)
    assert "NotImplementedError" in made.answers["elu"] and "No cell for elu and why_relu." in made.found


# Questions answered in widgets.


def in_widget(learners: dict, name: str, answer, mime: str = answers_in_cells.MIME, question: str | None = None) -> dict:
    """Put an answer where a widget puts it; return the notebook."""
    data = {"text/plain": f"Your answer: {answer}", mime: {"question": question or name, "answer": answer}}
    cell_with(learners, name)["outputs"] = [
        {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.jupyter.widget-view+json": {}}},
        {"output_type": "display_data", "metadata": {}, "data": data}]
    return learners


@pytest.mark.parametrize(("name", "answer", "source"), [
    ("review_dead", "c", "review_dead = 'c'"), ("review_shrinking", 1e-6, "review_shrinking = 1e-06"),
    ("review_shrinking", 3, "review_shrinking = 3"), ("review_order", "dcbea", "review_order = 'dcbea'"),
    ("review_dead", "'); import os #", """review_dead = "'); import os #\""""),
    ("review_dead", "\n\ud800\0é", "review_dead = '\\n\\ud800\\x00é'")])
def test_an_answer_in_the_cells_output_counts_as_if_it_were_typed(name, answer, source):
    made = rebuilt(in_widget(released(), name, answer))
    assert made.answers[name].split("  #")[0] == source and made.found == []
    assert ast.literal_eval(ast.parse(made.answers[name]).body[0].value) == answer


@pytest.mark.parametrize("answer", [
    None, True, float("nan"), float("inf"), 1e301, 10 ** 400, "x" * 201, [], ["c"], {"c": "c"}, [[[["c"]]]]])
def test_what_is_no_answer_is_none_whatever_stands_in_the_output(answer):
    assert rebuilt(in_widget(released(), "review_dead", answer)).answers["review_dead"].startswith("review_dead = None")


@pytest.mark.parametrize("outputs", [
    None, 3, "c", {}, [None], [3], [[]], [{}], [{"data": None}], [{"data": "c"}], [{"data": {answers_in_cells.MIME: None}}],
    [{"data": {answers_in_cells.MIME: "c"}}], [{"data": {answers_in_cells.MIME: {"answer": "c"}}}],
    [{"data": {answers_in_cells.MIME: {"question": ["review_dead"], "answer": "c"}}}],
    [{"data": {"application/json": {"question": "review_dead", "answer": "c"}}}],
    [{"data": {answers_in_cells.MIME: {"question": "review_gain", "answer": "c"}}}]])
def test_outputs_of_any_other_form_hold_no_answer(outputs):
    learners = released()
    cell_with(learners, "review_dead")["outputs"] = outputs
    made = rebuilt(learners)
    assert made.answers["review_dead"].startswith("review_dead = None") and made.found == []


def test_a_typed_answer_counts_and_one_that_is_written_into_the_call_does_where_none_was_given():
    learners = in_widget(released(), "review_dead", "a")
    set_answer(learners, "review_dead", 'review_dead = "b"')
    assert rebuilt(learners).answers["review_dead"] == 'review_dead = "b"'
    set_answer(learners, "review_dead", 'review_dead = quiz.ask(check.review_dead, "d")')
    assert rebuilt(learners).answers["review_dead"] == "review_dead = 'a'"
    cell_with(learners, "review_dead")["outputs"] = []
    assert rebuilt(learners).answers["review_dead"] == 'review_dead = "d"'


def test_of_two_cells_for_one_question_the_last_answered_one_counts():
    learners = in_widget(released(), "review_dead", "a")
    cell = cell_with(learners, "review_dead")
    copies = [json.loads(json.dumps(cell)) for _ in range(2)]
    copies[1]["outputs"] = []
    copies[0]["outputs"][1]["data"][answers_in_cells.MIME]["answer"] = "c"
    learners["cells"] += copies
    made = rebuilt(learners)
    assert made.answers["review_dead"].startswith("review_dead = 'c'")
    assert "3 cells call themselves review_dead: the last changed one counts." in made.found


@pytest.mark.parametrize("source", [
    "review_dead = quiz.ask(check.review_dead", "review_dead = quiz.ask()", "review_dead = quiz.ask(check.review_dead, 1, 2)",
    "review_dead = quiz.ask(*check.review_dead)", "review_dead = " + "(" * 5000, "review_dead = quiz.ask(check.review_dead).x",
    "review_dead = quiz.ask(a" + ".b" * 5000 + ")", "\0", "%%time\nreview_dead = quiz.ask(check.review_dead)"])
def test_a_cell_that_asks_in_no_form_of_ours_is_taken_as_it_is_written_or_is_none(source):
    learners = in_widget(set_answer(released(), "review_dead", source), "review_dead", "c")
    assert rebuilt(learners).answers["review_dead"] in (source, "review_dead = None")


@SHARED
@pytest.mark.slow
def test_answers_in_widgets_are_graded_in_full_and_a_wrong_one_is_told_its_mistake(walls):
    learners = released()
    for name, answer in (("review_dead", "c"), ("review_shrinking", 0.25 ** 10), ("review_order", "dcbea"), ("review_gain", "c")):
        in_widget(learners, name, answer)
    seen = grade(learners, walls)
    assert [points(seen)[name] for name in ("review_dead", "review_shrinking", "review_order", "review_gain", "review_shift")
            ] == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert seen.record["exercises"]["review_gain"]["misconception"] == "review_gain-c"
    assert seen.record["exercises"]["review_shift"]["misconception"] == "not-written"
    assert seen.record["found"] == [] and answers_in_cells.MIME not in seen.notebook


def test_a_notebook_of_another_lesson_is_refused():
    with pytest.raises(submission.Broken, match="another notebook"):
        rebuilt({"cells": [{"cell_type": "code", "source": "1", "metadata": {}, "id": "x"}]})


# Plain code.


def reached(text: str) -> set[str]:
    """What code reaches for."""
    return plain.reaches(ast.parse(text))


@pytest.mark.parametrize("text", [
    "def relu(x):\n    return torch.where(x > 0, x, 0.0)", "from torch import nn\nclass A(nn.Module):\n"
    "    def __init__(self):\n        super().__init__()\n        self._w = 3\n        setattr(self, f'w{1}', 2)",
    "import math\nhalf = [math.sqrt(n) for n in range(3)]", "y = type(x)(3)", "@torch.no_grad()\ndef f(x): return x",
    "import numpy as np\nfrom torch.nn import functional as F\nF.relu(x)", "model.eval()", "x.grad_fn.name()",
    "@functools.wraps(f)\ndef g(input): return f(input)", "from functools import wraps\nwraps(f)(g)"])
def test_ordinary_code_is_plain(text):
    assert reached(text) == set()


@pytest.mark.parametrize("text", [
    "import gc", "import os, math", "from torch import *", "import torch.overrides", "from torch.utils import _python_dispatch",
    "torch._C", "F.warnings.sys", "x.__class__", "eval('1')", "e = eval", "getattr(torch, name)", "getattr(x, '__class__')",
    "g = getattr", "type('A', (), {})", "t = type", "class A(B, metaclass=C): pass", "class A:\n    def __torch_function__(s): pass",
    "class A:\n    __torch_dispatch__ = f", "g.gi_frame", "torch.load('x')", "torch.jit.script(f)", "torch.compile(f)",
    "match x:\n    case A(__class__=c): pass", "operator.attrgetter('x')", "open('x')", "np.memmap('/proc/self/mem')",
    "type(x)\ntype('A', (), {})", "import dlcourse.grading.inside", "from dlcourse.grading import inside",
    "f.__globals__", "vars(F)['relu']", "torch.library.Library('aten', 'IMPL')", "plt.switch_backend('module://x')",
    "getattr(self, f'{name}')", "getattr(*pair)", "__builtins__", "def f(self): return self._C", "import string",
    "def f(self, rest): return getattr(self, f'o{rest}')", "from functools import wraps as w", "functools.wraps(f, ['cpu'])",
    "functools.update_wrapper(f, g, ['cpu'])", "def f(self): return self._pop_mode", "torch.utils.data._utils"])
def test_what_could_reach_the_watch_is_not_plain(text):
    assert reached(text)


def made(expression: str, *cells: str) -> plain.Made | None:
    """What an expression is made of, given the learner's cells."""
    return plain.made_of(expression, [one for number, cell in enumerate(cells) for one in plain.statements(cell, number, True)])


def test_what_an_answer_is_made_of_is_followed_through_cells_and_nothing_else_is():
    found = made("f", "import os, math\nk = 2\nwide = []\nwide.append(k)\nos.kill(1, 9)", "def g(x): return wide, math.pi",
                 "def f(x):\n    k = 1\n    return g(x)\n\nprint(f(1))\nf(3)")
    assert found.reaches == ()
    assert "".join(found.theirs.split()) == "importmathk=2wide=[]wide.append(k)defg(x):returnwide,math.pi" \
        "deff(x):k=1returng(x)"
    twice = made("f", "def h(): return open('x')", "def g(): return h()", "h = lambda: 1", "def f(): return g()", "def k(): pass")
    assert twice.theirs == "def g(): return h()\nh = lambda: 1\ndef f(): return g()" and twice.reaches == ()
    early = made("f", "def h(): return 1", "f = h()", "def h(): return open('x')")
    assert early.theirs == "def h(): return 1\nf = h()"
    assert made("f", "f = []", "for n in range(3): f = f + [n]", "f += [2]").theirs.count("\n") == 2
    assert made("f", "x = 1") is None
    assert made("f", "exec('f = 1')") is None
    assert made("f", "import os\ndef f(): return os.sep").reaches == ("os",)
    assert made("f", "def f(): return 1\nf.x = open('y')").reaches == ("open",)


# What is made safe.


SCRIPT = "<script>alert(1)</script>"
WRITTEN = "why_relu"


def test_outputs_keep_text_and_pictures_and_nothing_that_runs():
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    kept = safe.outputs([
        {"output_type": "display_data", "data": {"text/html": SCRIPT, "image/svg+xml": SCRIPT, "text/plain": "x",
                                                 "image/png": png, "application/javascript": "1", "text/latex": "$x$"}},
        {"output_type": "display_data", "data": {"text/html": SCRIPT}},
        {"output_type": "display_data", "data": {"image/png": "PHN2Zz4="}},
        {"output_type": "stream", "name": "evil", "text": "\x1b[31mred\x1b[0m \x1b]0;t\x07 \x1b[2J \ud800"},
        {"output_type": "error", "ename": SCRIPT, "evalue": 3, "traceback": "no list"},
        {"output_type": "update_display_data"}, None, "text", 7])
    assert [one.output_type for one in kept] == ["display_data", "stream", "error"]
    assert set(kept[0].data) == {"text/plain", "image/png"}
    assert kept[1].name == "stdout" and kept[1].text.startswith("\x1b[31mred\x1b[0m") and "\x07" not in kept[1].text
    assert kept[2].evalue == "" and kept[2].traceback == []
    assert safe.outputs(None) == safe.outputs({"a": 1}) == safe.outputs("text") == []


def test_a_picture_keeps_its_alternative_text_as_words_and_nothing_else_of_its_metadata():
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    shown = {"output_type": "display_data", "data": {"image/png": png}}
    worded = {"image/png": {"alt": "a line \x1b[2J" + SCRIPT * 100, "width": 7}, "filenames": {"image/png": "/etc"}}
    one, *others = safe.outputs([{**shown, "metadata": metadata} for metadata in (
        worded, None, 7, {"image/png": 7}, {"image/png": {"alt": ["a"]}}, {"image/png": {"alt": ""}})])
    assert set(one.metadata) == {"image/png"} and set(one.metadata["image/png"]) == {"alt"}
    words = one.metadata["image/png"]["alt"]
    assert words.startswith("a line ") and "\x1b" not in words and len(words) < safe.ALT + 100
    assert len(others) == 5 and not any(other.metadata for other in others)
    cells = [nbformat.v4.new_code_cell(outputs=[one])]
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    assert 'alt="a line ' in page and SCRIPT not in page


def test_outputs_are_capped():
    kept = safe.outputs([{"output_type": "stream", "name": "stdout", "text": "x" * 10 ** 6}] * 100)
    assert len(kept) == safe.OUTPUTS and len(kept[0].text) < safe.TEXT + 100


def test_markdown_shows_html_instead_of_meaning_it():
    shown = safe.markdown(f"a {SCRIPT} b `<b>` 1 < 2 <a href='x'> <!-- c --> <?x\n\n```\n<b>\n```\n")
    assert "<script" not in shown and "<a" not in shown and "<!--" not in shown and "<?" not in shown
    assert "`<b>`" in shown and "1 < 2" in shown and "```\n<b>\n```" in shown


@pytest.mark.parametrize("source", [
    "see ![it](attachment:a.svg) here", "![it][1]\n\n[1]: attachment:a.svg", "[click](javascript:alert(1))",
    "![x](JavaScript:alert(1))", "[ref][a]\n\n[a]: javascript:alert(1)", "<javascript:alert(1)>", "[x](vbscript:1)",
    "[x](java&#115;cript:alert(1))", "[x](<  javascript:alert(1)>)", "[x](data:text/html,1)"])
def test_markdown_that_would_break_a_page_or_run_something_makes_a_page_that_does_neither(source):
    page = markdown2html(safe.markdown(source))
    assert not re.search(r"(href|src)\s*=\s*.?\s*(javascript|vbscript|data|attachment)", page, re.IGNORECASE)


def test_honest_markdown_stays_as_it_is():
    source = ("A [link](https://pytorch.org), a [mail](mailto:a@b.c), [below](#x), ![picture](figure.png), `a < b`, "
              "$\\frac{a}{b}$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert safe.markdown(source) == source


def test_a_picture_pasted_into_a_written_answer_stays_and_nothing_else_that_is_attached(walls):
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    learners = set_answer(released(), WRITTEN, "My curve: ![curve](attachment:curve.png)")
    cell_with(learners, WRITTEN)["attachments"] = {
        "curve.png": {"image/png": png, "text/html": SCRIPT}, "b": {"image/png": "PHN2Zz4="}, "c": {"text/html": SCRIPT}}
    kept = next(cell for cell in nbformat.reads(grade(learners, walls).notebook, 4).cells
                if graded(cell).get("grade_id") == WRITTEN)
    assert kept.source == "My curve: ![curve](attachment:curve.png)"
    assert kept.attachments == {"curve.png": {"image/png": png}}


# What is read.


def test_a_submission_is_read_without_following_or_waiting(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    folder = tmp_path / "handed in"
    folder.mkdir()
    name = folder / f"{LESSON}.ipynb"
    assert "There is no" in submission.read(folder, LESSON).problem
    name.symlink_to(secret)
    read = submission.read(folder, LESSON)
    assert "is a link" in read.problem and read.notebook == b""
    name.unlink()
    name.write_bytes(b"{}")
    (folder / "timestamp.txt").write_text("now")
    (folder / "torch.py").touch()
    read = submission.read(folder, LESSON)
    assert (read.notebook, read.beside, read.problem) == (b"{}", ("torch.py",), "")
    assert submission.nbgraders_own(folder) == {"timestamp.txt": b"now"}
    (folder / "submission_secret.txt").symlink_to(secret)
    assert "submission_secret.txt" not in submission.nbgraders_own(folder)


@pytest.mark.parametrize(("content", "why"), [
    (b"", "JSON"), (b"\xff\xfe", "JSON"), (b"[" * 10 ** 5, "JSON"), (b"3", "no cells"), (b"[]", "no cells"),
    (b'{"cells": {}}', "no cells"), (b'{"worksheets": []}', "format 3")])
def test_what_is_no_notebook_is_said_to_be_none(content, why):
    with pytest.raises(submission.Broken, match=why):
        submission.cells(submission.Submission(content))


def test_cells_have_the_right_types_whatever_they_were():
    content = {"cells": [{"cell_type": 3, "source": ["a", 1, "b"], "metadata": [], "id": {}}, "no cell",
                         {"cell_type": "code", "source": "\ud800", "metadata": {"nbgrader": {"grade_id": 7}}}]}
    first, second = submission.cells(submission.Submission(json.dumps(content).encode()))
    assert first == {"type": "raw", "source": "ab", "id": "", "answers": {}, "attached": {}, "grade_id": "",
                     "nbgrader": {}}
    assert second["grade_id"] == "" and second["source"].encode()

