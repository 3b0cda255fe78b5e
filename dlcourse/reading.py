"""A lesson as its author wrote it: read from the `.py`, and refused with one sentence where it is wrong."""
import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from dlcourse import release

CHECKS = "dlcourse.checks"  # the package with one module of checks per lesson
HEADER = re.compile(r"#\s*%%")

# Each marker of a cell's header: the type of cell it marks, and the keys that must stand beside it.
MARKERS = {"demo": ("code", set()), "exercise": ("code", set()), "question": ("code", set()),
           "check": ("code", {"points"}), "written": ("markdown", {"points"})}
JUPYTEXT_NOTES = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}


class LessonError(Exception):
    """A lesson cannot be built; the message is one sentence that names file, line and cell."""


@dataclass
class Lesson:
    """A lesson as read from `path`: its cells, and for each cell its header's line, kind and name."""

    name: str
    path: Path
    cells: list[NotebookNode]
    headers: list[int]
    kinds: list[str | None]
    names: list[str | None]

    def error(self, index: int, sentence: str, line: int = 0) -> LessonError:
        """Return the error that says `sentence` of cell `index`, at `line` of its source (0: its header)."""
        place = f"{shown(self.path)}, line {self.headers[index] + line}, cell {index + 1}"
        return LessonError(f"{place}: {sentence}")

    def marked(self, *kinds: str) -> Iterator[tuple[int, str]]:
        """Yield (index, name) of every cell marked as one of `kinds`."""
        return ((i, name) for i, (kind, name) in enumerate(zip(self.kinds, self.names)) if kind in kinds)


def read(name: str, root: Path) -> Lesson:
    """Read and validate the lesson `name` below `root` without running it; raises LessonError."""
    path = root / "solutions" / name / f"{name}.py"
    if not path.is_file():
        raise LessonError(f"{shown(path)} is missing: write the lesson there, or remove its folder.")
    lesson = _parse(name, path)
    _check_code(lesson)
    _check_solutions(lesson)
    _check_pairs(lesson)
    _check_functions(lesson)
    _check_folder(lesson)
    return lesson


def _parse(name: str, path: Path) -> Lesson:
    """Read the percent script at `path` and understand its headers."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LessonError(f"{shown(path)} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    cells = jupytext.reads(text, fmt="py:percent").cells
    headers = [number for number, line in enumerate(text.splitlines(), 1) if HEADER.match(line)]
    if len(headers) != len(cells) or not cells:
        raise LessonError(f"{shown(path)}, line 1, cell 1: the first line must be a cell's header, `# %%`, "
                          "and no line inside a string may look like one.")
    lesson = Lesson(name, path, cells, headers, [None] * len(cells), [None] * len(cells))
    for index in range(len(cells)):
        _read_header(lesson, index)
    return lesson


def _read_header(lesson: Lesson, index: int) -> None:
    """Set kind and name of cell `index` from the keys in its header."""
    cell = lesson.cells[index]
    keys = {key: value for key, value in cell.metadata.items() if key not in JUPYTEXT_NOTES}
    if "incorrectly_encoded_metadata" in keys:  # jupytext's name for it
        raise lesson.error(index, "its header cannot be read: write it like `# %% check=\"gelu\" points=3`.")
    unknown = [key for key in keys if key not in MARKERS and key != "points"]
    if unknown or cell.cell_type == "raw":
        raise lesson.error(index, f"its header has {(unknown or ['raw'])[0]!r}, which is no marker: there is "
                                  f"{', '.join(MARKERS)} and points.")
    kinds = [key for key in keys if key in MARKERS]
    if len(kinds) > 1:
        raise lesson.error(index, f"a cell is one thing, not {' and '.join(kinds)}: split it.")
    kind = kinds[0] if kinds else None
    cell_type, needed = MARKERS.get(kind, (cell.cell_type, set()))
    if cell.cell_type != cell_type:
        raise lesson.error(index, f"{kind} marks a {cell_type} cell, and this is a {cell.cell_type} cell.")
    if needed != keys.keys() - {kind}:
        raise lesson.error(index, "a check and a written answer say their points, and nothing else has any.")
    if needed and not (type(keys["points"]) in (int, float) and keys["points"] > 0):
        raise lesson.error(index, f"points must be a number above zero, not {keys['points']!r}.")
    if kind == "demo" and keys["demo"] is not True:
        raise lesson.error(index, "write demo=true, or leave demo out.")
    if kind not in (None, "demo") and not str(keys[kind]).isidentifier():
        raise lesson.error(index, f"{kind}={keys[kind]!r} must be a Python name in quotes.")
    lesson.kinds[index], lesson.names[index] = kind, keys.get(kind)


def _check_code(lesson: Lesson) -> None:
    """Refuse code that Python cannot read, and a question that is anything but its own assignment."""
    for index, cell in enumerate(lesson.cells):
        if cell.cell_type != "code":
            continue
        try:
            body = release.parsed(cell.source).body
        except SyntaxError as error:
            raise lesson.error(index, f"Python cannot read this: {error.msg}.", error.lineno or 0) from None
        if cell.source.rstrip().endswith(";"):  # nbval keeps no history, and IPython looks for the `;` in it
            raise lesson.error(index, "nbval does not see a closing `;`: end with plt.show() or `_ = …`.",
                               cell.source.rstrip().count("\n") + 1)
        if lesson.kinds[index] == "question":
            _check_question(lesson, index, body)


def _check_question(lesson: Lesson, index: int, body: list[ast.stmt]) -> None:
    """Refuse a question that is no assignment to its name, or asks in a widget otherwise than its release can."""
    name = lesson.names[index]
    if not (len(body) == 1 and isinstance(body[0], ast.Assign)
            and [ast.unparse(target) for target in body[0].targets] == [name]):
        raise lesson.error(index, f"a question is one assignment, `{name} = …`.")
    value = body[0].value
    if any(isinstance(node, ast.Name) and node.id == "quiz" for node in ast.walk(value)):
        if not (release.asks(value) and len(value.args) == 2 and value.args[0].attr == name):
            raise lesson.error(index, f"a widget asks with the question's own check and has the answer beside it, "
                                      f"`{name} = quiz.ask(check.{name}, …)`.")


def _check_solutions(lesson: Lesson) -> None:
    """Refuse an answer that would be released, or a hole that would stop an unsolved notebook."""
    for index, cell in enumerate(lesson.cells):
        kind = lesson.kinds[index]
        try:
            holes = release.holes(cell.source)
        except ValueError as error:
            raise lesson.error(index, f"{error.args[0]}.", error.args[1]) from None
        if holes and kind not in ("exercise", "written"):
            raise lesson.error(index, "only an exercise or a written answer has a solution to take out.",
                               holes[0][0])
        if not holes and kind in ("exercise", "written"):
            raise lesson.error(index, f"the {kind} {lesson.names[index]!r} has no {release.BEGIN} and "
                                      f"{release.END}.")
        for first, last in holes if kind == "exercise" else []:
            if not release.inside_def(cell.source, first, last):
                raise lesson.error(index, "the hole must be lines inside a def: anywhere else it would stop "
                                          "an unsolved notebook.", first)


def _check_pairs(lesson: Lesson) -> None:
    """Refuse a name used twice, an answer without its check below, and a check without its answer above."""
    answers, checks = dict[str, int](), dict[str, int]()
    for index, name in lesson.marked("exercise", "question", "written", "check"):
        kind = lesson.kinds[index]
        same = checks if kind == "check" else answers
        if name in same:
            raise lesson.error(index, f"cell {same[name] + 1} has the name {name!r} already: rename one.")
        same[name] = index
    for index, name in lesson.marked("exercise", "question"):
        if name not in checks:
            raise lesson.error(index, f"the {lesson.kinds[index]} {name!r} has no check cell: add one below.")
    for index, name in lesson.marked("check"):
        if lesson.kinds[answers.get(name, index)] not in ("exercise", "question"):
            raise lesson.error(index, f"there is no exercise or question {name!r} to check.")
        if answers[name] > index:
            raise lesson.error(index, f"the check {name!r} stands above what it checks: move it below.")
        if f"check_{name}" in answers:
            raise lesson.error(answers[f"check_{name}"], f"'check_{name}' is a check cell's name: rename it.")


def _check_functions(lesson: Lesson) -> None:
    """Refuse a check cell whose check does not exist, or that does not call it and so could never be red."""
    checks = list(lesson.marked("check"))
    if not checks:
        return
    module = f"{CHECKS}.{re.sub(r'^[0-9]+_', '', lesson.name)}"
    try:
        functions = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise lesson.error(checks[0][0], f"its checks need a module {error.name}: write it.") from None
    for index, name in checks:
        if not callable(getattr(functions, name, None)):
            raise lesson.error(index, f"there is no check {name!r} in {module}: write it there.")
        tree = release.parsed(lesson.cells[index].source)
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if not any(isinstance(call, ast.Attribute) and call.attr == name for call in calls):
            raise lesson.error(index, f"the check cell never calls check.{name}, so everybody would pass.")


def _check_folder(lesson: Lesson) -> None:
    """Refuse files beside the lesson that nbgrader would hand to learners."""
    for path in release.strays(lesson.path.parent, lesson.name):
        raise LessonError(f"{shown(path)} would be released to learners with the lesson: move it elsewhere.")


def shown(path: Path) -> str:
    """Return `path` from its `solutions` folder on, as a person at the repository's root would type it."""
    parts = path.parts
    return "/".join(parts[max((i for i, part in enumerate(parts) if part == "solutions"), default=0):])
