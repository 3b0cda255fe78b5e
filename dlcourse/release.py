"""What leaves a lesson: where answers stand in a cell, outputs fit to commit, and the notebook learners open.

The release is nbgrader's own, with four of its preprocessors bettered by small subclasses;
`nbgrader_config.py` names the same list, so that `nbgrader generate_assignment` writes the same bytes.
"""
import ast
import re
import sys
import tempfile
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbconvert.exporters import NotebookExporter
from nbgrader import utils
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    NbGraderPreprocessor,
    SaveCells,
)
from nbformat import NotebookNode
from traitlets import Dict, Unicode
from traitlets.config import Config

# What nbgrader must never copy beside a notebook: the lesson's source, with every answer in it, and its
# relatives (02_activations.py~, .02_activations.py.swp, a pairing file); then nbgrader's own default.
IGNORE = ["*.py", "*.py?", "*.py.*", "*.md", "*.toml", "*~", ".*",
          ".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
TOP_FOLDERS = "home|Users|root|tmp|private|var|usr|opt|mnt"
ABSOLUTE_PATH = re.compile(rf"(?<![\w.:/<])(?:/(?:{TOP_FOLDERS})/|[A-Z]:\\)[^\s'\"<>]*")


class ClearAnswers(ClearSolutions):
    """nbgrader's, with a stub that is one line and a `question` that keeps its name and its comment."""

    code_stub = Dict({"python": "raise NotImplementedError()  # replace this line with your code"}
                     ).tag(config=True)
    text_stub = Unicode("*Replace this line with your answer.*").tag(config=True)

    def preprocess_cell(self, cell, resources, cell_index):
        """Empty the answer in `cell`, be it a hole, a question or a written one."""
        if is_question(cell):
            cell.source = blank(cell.source)
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


class ClearGraded(ClearOutput):
    """nbgrader's, for graded cells only: figures of the narrative stay for whoever reads before running."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Drop the outputs of an exercise, a question or a check."""
        if utils.is_solution(cell) or utils.is_grade(cell):
            return super().preprocess_cell(cell, resources, cell_index)
        return cell, resources


class LetChecksFail(NbGraderPreprocessor):
    """Tag check cells, so that running all of an unsolved notebook goes on past a red check."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Add the tag that JupyterLab, nbclient and nbval know."""
        if utils.is_grade(cell) and not utils.is_solution(cell):
            cell.metadata.tags = ["raises-exception"]
        return cell, resources


class DropBuildNotes(NbGraderPreprocessor):
    """Drop what only the build and the grader read."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Remove the `dlcourse` metadata."""
        cell.metadata.pop("dlcourse", None)
        return cell, resources


# nbgrader's order; without its header, footer and generated tests, which no lesson has.
PREPROCESSORS = [
    LockCells, ClearAnswers, ClearGraded, LetChecksFail, DropBuildNotes, CheckCellMetadata, ComputeChecksums,
    SaveCells, ClearHiddenTests, ClearMarkScheme, ComputeChecksums, CheckCellMetadata,
]


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a code cell, magics included; raises SyntaxError."""
    return ast.parse(TransformerManager().transform_cell(source))


def holes(source: str) -> list[tuple[int, int]]:
    """Return the lines (counted from 1) of each BEGIN SOLUTION in `source` and of its END.

    Raises ValueError(sentence, line) where they do not pair.
    """
    found, begun = [], 0
    for number, line in enumerate(map(str.strip, source.splitlines()), 1):
        if "BEGIN SOLUTION" not in line and "END SOLUTION" not in line:
            continue
        if line not in (BEGIN, END):
            raise ValueError(f"a solution is marked by a line that is {BEGIN} or {END} alone", number)
        if (line == BEGIN) == bool(begun):
            raise ValueError(f"{line} stands without {END if begun else BEGIN} before it", number)
        if begun:
            found.append((begun, number))
        begun = number if line == BEGIN else 0
    if begun:
        raise ValueError(f"{BEGIN} stands without its {END}", begun)
    return found


def inside_def(source: str, first: int, last: int) -> bool:
    """Is there code between the lines `first` and `last`, all of it in the body of one def?"""
    lines = [line.strip() for line in source.splitlines()]
    code = [number for number in range(first + 1, last) if lines[number - 1].split("#")[0]]
    return bool(code) and any(
        isinstance(node, ast.FunctionDef) and node.lineno < first and code[-1] <= node.end_lineno
        for node in ast.walk(parsed(source)))


def is_question(cell: NotebookNode) -> bool:
    """Is `cell` a review question: an answer that is code, but has no hole?"""
    return cell.cell_type == "code" and utils.is_solution(cell) and BEGIN not in cell.source


def blank(source: str) -> str:
    """Return the assignment `source` without its answer; comments around it stay.

    A plain value becomes None. What asks in a widget, `name = quiz.ask(check.name, answer)`, still asks.
    """
    value = ast.parse(source).body[0].value
    if not asks(value):
        return _replaced(source, _start(value), _end(value), "None")
    return _replaced(source, _end(value.args[0]), _end(value.args[-1]), "")


def asks(value: ast.expr) -> bool:
    """Is `value` a call of quiz.ask with a check, and perhaps an answer?"""
    return (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "ask"
            and isinstance(value.func.value, ast.Name) and value.func.value.id == "quiz"
            and not value.keywords and len(value.args) in (1, 2) and isinstance(value.args[0], ast.Attribute))


def answered(source: str, answers: dict[str, str | float]) -> str:
    """Return `source` with the answer itself in the place of each `quiz.ask(check.name)` that a name is given to.

    answers: {question: answer}. Without one there an answer that is written into the call counts, and without that
    it is None. Source that Python cannot read is returned as it is.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    for call in [node.value for node in reversed(body) if isinstance(node, ast.Assign) and asks(node.value)]:
        question, *written = call.args
        text = ast.get_source_segment(source, written[0]) if written else "None"
        text = repr(answers[question.attr]) if question.attr in answers else text
        source = _replaced(source, _start(call), _end(call), text)
    return source


def _start(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def _replaced(source: str, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    """Put `text` between two places of `source`, (line from 1, column in bytes) as ast counts them."""
    lines = source.encode().splitlines(keepends=True)
    before = b"".join(lines[:start[0] - 1]) + lines[start[0] - 1][:start[1]]
    after = lines[end[0] - 1][end[1]:] + b"".join(lines[end[0]:])
    return (before + text.encode() + after).decode()


def metadata(kind: str | None, name: str | None, points: float | None) -> dict:
    """Return the notebook's metadata for a cell marked as `kind`, the form that nbgrader reads (schema 3)."""
    if kind is None:
        return {}
    if kind == "demo":
        return {"dlcourse": {"demo": True}}
    check = kind == "check"
    return {"nbgrader": {
        "schema_version": 3, "grade_id": f"check_{name}" if check else name,
        "grade": points is not None, "solution": not check, "locked": check,
    } | ({} if points is None else {"points": points})}


def release(solution: NotebookNode) -> str:
    """Return what learners get of an executed `solution`, as the text of an .ipynb."""
    exporter = NotebookExporter(config=Config({"Exporter": {"default_preprocessors": []}}))
    for preprocessor in PREPROCESSORS:
        if preprocessor is not SaveCells:  # the gradebook is filled by `nbgrader generate_assignment`
            exporter.register_preprocessor(preprocessor, enabled=True)
    text, _ = exporter.from_notebook_node(solution)
    return text if text.endswith("\n") else text + "\n"


def strays(folder: Path, name: str) -> list[Path]:
    """List what nbgrader would copy or release from a lesson's `folder` beside the notebook `name`."""
    return sorted(Path(path) for path in utils.find_all_files(str(folder), IGNORE)
                  if Path(path) != folder / f"{name}.ipynb")


def clean(cell: NotebookNode) -> None:
    """Drop from a code cell the live half of widgets, which is nothing without its kernel.

    An output whose still image (or table) stands beside the widget keeps that.
    """
    kept = []
    for output in cell.outputs:
        was_widget = output.get("data", {}).pop(WIDGET_VIEW, None) is not None
        if not was_widget or set(output.data) - {"text/plain"}:
            kept.append(output)
    cell.outputs = kept


def unfit(cell: NotebookNode) -> str | None:
    """Say what in the outputs of a code cell must not be committed, or return None."""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr" and utils.is_grade(cell):
            return f"is {shorten(output.text)} on stderr, which nbgrader takes for a failed check"
        for text in _texts(output):
            if match := ADDRESS.search(text):
                return f"shows {match[0]}, a memory address, new in every run; write `_ = …` or plt.show()"
            if path := _machine_path(text):
                return f"shows {shorten(path)}, a path of this machine; print less of it"
    return None


def _texts(output: NotebookNode) -> list[str]:
    """List what a person can read in `output`; images are left out, where any run of letters may occur."""
    if output.output_type == "stream":
        return [output.text]
    return [text for kind, text in output.get("data", {}).items()
            if isinstance(text, str) and not kind.startswith(("image/png", "image/jpeg"))]


def _machine_path(text: str) -> str | None:
    """Return the first absolute path in `text` that means nothing elsewhere, or None."""
    here = {str(path) for path in (Path.cwd(), Path.home(), sys.prefix, tempfile.gettempdir())} - {"/"}
    if match := ABSOLUTE_PATH.search(text):
        return match[0]
    return next((path for path in here if re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", text)), None)


def shorten(text: str, limit: int = 60) -> str:
    """Return `text` on one line of at most `limit` characters, in quotes."""
    line = " ".join(text.split())
    return repr(line if len(line) <= limit else line[:limit - 1] + "…")
