"""What runs when it counts: our cells as released, a learner's answers in their places, and their own cells in between.

Everything but the text of answers comes from the instructor's source: tags, ids, points, types, order, checks.
"""

import ast
import copy
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from dlcourse import release

from . import safe
from .submission import Broken


@dataclass
class Cell:
    """One cell of the rebuilt notebook. kind: "text", "code", "demo", "answer", "check", "written" or "extra"."""

    kind: str
    cell: NotebookNode
    name: str = ""  # of an answer, a check or a written answer: the exercise's


@dataclass
class Rebuilt:
    """A notebook made of both: its cells, and what was found on the way, in sentences."""

    cells: list[Cell]
    found: list[str]
    answers: dict[str, str]  # the text of each answer, by the exercise's name


def released(source: NotebookNode) -> list[Cell]:
    """The lesson's cells as learners get them, each with its kind; a question is None until it is answered."""
    demos = {cell.id for cell in source.cells if cell.metadata.get("dlcourse", {}).get("demo")}
    questions = {cell.metadata.nbgrader.grade_id for cell in source.cells if release.is_question(cell)}
    cells = []
    for cell in nbformat.reads(release.release(source), 4).cells:
        name, kind = cell.metadata.get("nbgrader", {}).get("grade_id", ""), "text"
        if name and not cell.metadata.nbgrader.solution:
            name, kind = name.removeprefix("check_"), "check"
        elif name:
            kind = "written" if cell.cell_type == "markdown" else "answer"
        elif cell.cell_type == "code":
            kind = "demo" if cell.id in demos else "code"
        cell.outputs = [] if cell.cell_type == "code" else cell.pop("outputs", None)
        if cell.cell_type != "code":
            cell.pop("outputs", None)
        if kind == "answer" and name in questions:
            cell.source = release.answered(cell.source, {})
        cells.append(Cell(kind, cell, name))
    assert questions <= {cell.name for cell in cells if cell.kind == "answer"}
    return cells


def rebuild(source: NotebookNode, submitted: list[dict]) -> Rebuilt:
    """Put the answers of a submitted notebook (`submission.cells`) into the lesson's own cells.

    An answer that was given in a widget is taken from the output of its cell, as if it had been typed.
    Raises Broken where none of the cells is of this lesson.
    """
    ours = released(source)
    submitted = [cell | {"source": release.answered(cell["source"], cell["answers"])} for cell in submitted]
    by_id = {cell.cell.metadata.nbgrader.grade_id: number for number, cell in enumerate(ours) if cell.name}
    by_place = {cell.cell.id: number for number, cell in enumerate(ours) if not cell.name}
    home = [by_id.get(cell["grade_id"], by_id.get(cell["id"]) if not cell["grade_id"] else None) for cell in submitted]
    if not any(number is not None for number in home):
        raise Broken("It is another notebook: no exercise of this lesson is in it.")
    found = _tampered(ours, submitted, home)
    chosen = _chosen(ours, submitted, home, found)
    after, extras = -1, {}
    for number, cell in enumerate(submitted):
        place = home[number] if home[number] is not None else by_place.get(cell["id"])
        if place is not None:
            after = place
        if number not in chosen.values() and _is_their_own(cell, place, ours):
            extras.setdefault(after, []).append(cell)
    own = {name for cells in extras.values() for cell in cells for name in _defined(cell["source"])}
    cells, answers = [], {}
    for place, extra in [(-1, None), *enumerate(ours)]:
        if extra is not None:
            cell = Cell(extra.kind, copy.deepcopy(extra.cell), extra.name)
            if place in chosen:
                cell.cell.source = submitted[chosen[place]]["source"]
                if extra.kind == "written":
                    cell.cell.attachments = safe.pictures(submitted[chosen[place]]["attached"])
            elif extra.kind == "answer" and extra.name in own:
                cell.cell.source = f"# {extra.name} stands in another cell."
                found.append(f"{extra.name} was found in a cell that is not the exercise's.")
            if extra.kind == "answer":
                answers[extra.name] = cell.cell.source
            cells.append(cell)
        for one in extras.get(place, []):
            cells.append(Cell("extra" if one["type"] == "code" else "text", _extra(one, len(cells))))
    missing = sorted(cell.name for place, cell in enumerate(ours)
                     if cell.kind in ("answer", "written") and place not in chosen and cell.name not in own)
    if missing:
        found.append(f"No cell for {_list(missing)}.")
    return Rebuilt(cells, found, answers)


def _chosen(ours, submitted, home, found) -> dict[int, int]:
    """For each place of an answer the number of the cell that has it: of several, the last that was changed."""
    chosen, seen = {}, {}
    for number, place in enumerate(home):
        if place is not None and ours[place].kind in ("answer", "written"):
            seen.setdefault(place, []).append(number)
    for place, numbers in seen.items():
        changed = [n for n in numbers if submitted[n]["source"].strip() != ours[place].cell.source.strip()]
        chosen[place] = (changed or numbers)[-1]
        if len(numbers) > 1:
            found.append(f"{len(numbers)} cells call themselves {ours[place].name}: the last changed one counts.")
    return chosen


def _tampered(ours, submitted, home) -> list[str]:
    """Sentences on check cells and metadata that are not as they were released; none of it decides anything."""
    found, there = [], {}
    for number, place in enumerate(home):
        if place is not None:
            there.setdefault(place, []).append(number)
    checks = [place for place, cell in enumerate(ours) if cell.kind == "check"]
    gone = [ours[place].name for place in checks if place not in there]
    if gone:
        found.append(f"The check of {_list(gone)} had been deleted.")
    edited = [ours[place].name for place in checks for n in there.get(place, [])
              if submitted[n]["source"].strip() != ours[place].cell.source.strip()]
    if edited:
        found.append(f"The check of {_list(sorted(set(edited)))} had been edited.")
    copied = [ours[place].name for place in checks if len(there.get(place, [])) > 1]
    if copied:
        found.append(f"The check of {_list(copied)} had been copied.")
    keys = ("grade", "solution", "locked", "points", "cell_type", "task")
    retagged = sorted({ours[place].name for place, numbers in there.items() for n in numbers
                       if submitted[n]["nbgrader"] and _differ(ours[place].cell.metadata.nbgrader, submitted[n], keys)
                       or submitted[n]["type"] != ours[place].cell.cell_type})
    if retagged:
        found.append(f"The metadata of {_list(retagged)} had been changed.")
    order = [place for place in home if place is not None]
    if any(later < earlier for earlier, later in zip(order, order[1:])):
        found.append("Cells had been put in another order.")
    unknown = {cell["grade_id"] for cell, place in zip(submitted, home) if cell["grade_id"] and place is None}
    if unknown:
        found.append(f"{len(unknown)} graded cells are of another lesson or another release.")
    return found


def _differ(ours: NotebookNode, cell: dict, keys) -> bool:
    return any(key in cell["nbgrader"] and cell["nbgrader"][key] != ours.get(key) for key in keys if key in ours)


def _is_their_own(cell: dict, place: int | None, ours) -> bool:
    """Whether a cell is to be kept beside ours: theirs, a second answer, or a code cell of ours that they changed."""
    if not cell["source"].strip() or cell["type"] == "raw":
        return False
    if place is None:
        return True
    if ours[place].kind in ("answer", "written"):
        return cell["source"].strip() != ours[place].cell.source.strip()
    return ours[place].kind == "code" and cell["source"].strip() != ours[place].cell.source.strip()


def _extra(cell: dict, number: int) -> NotebookNode:
    if cell["type"] == "code":
        return nbformat.v4.new_code_cell(source=cell["source"], id=f"extra-{number}")
    return nbformat.v4.new_markdown_cell(source=cell["source"], id=f"extra-{number}",
                                         attachments=safe.pictures(cell["attached"]))


def _defined(source: str) -> set[str]:
    """The names that a cell defines or assigns at its top level; none where Python cannot read it."""
    try:
        body = release.parsed(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names | {target.id for node in body if isinstance(node, ast.Assign)
                    for target in node.targets if isinstance(target, ast.Name)}


def _list(names: list[str]) -> str:
    shown = [*names[:6], f"{len(names) - 6} more"] if len(names) > 7 else names
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
