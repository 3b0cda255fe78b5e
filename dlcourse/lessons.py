"""The build: a lesson's `.py` → executed solution notebook → release for learners.

Only `solutions/NN_name/NN_name.py` is written by hand; both notebooks are made here, whole or not at all.
"""
import ast
import hashlib
import importlib
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from dlcourse import course, release

CHECKS = "dlcourse.checks"  # the package with one module of checks per lesson
CELL_SECONDS = 120  # no cell of a lesson that takes 90 s in all needs more
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
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
        place = f"{_shown(self.path)}, line {self.headers[index] + line}, cell {index + 1}"
        return LessonError(f"{place}: {sentence}")

    def marked(self, *kinds: str) -> Iterator[tuple[int, str]]:
        """Yield (index, name) of every cell marked as one of `kinds`."""
        return ((i, name) for i, (kind, name) in enumerate(zip(self.kinds, self.names)) if kind in kinds)


def build(names: list[str] | None = None, root: Path | None = None) -> list[Path]:
    """Build the lessons `names` (all of them by default) below `root` (the repository by default).

    Returns the notebooks that changed; raises LessonError, and changes nothing on disk, if a lesson is wrong.
    """
    root = Path(root or course.root())
    texts = {}
    for lesson in [read(name, root) for name in _choose(names, root)]:
        solution = execute(lesson)
        texts[lesson.path.with_suffix(".ipynb")] = nbformat.writes(solution) + "\n"
        texts[root / "notebooks" / lesson.name / f"{lesson.name}.ipynb"] = release.release(solution)
    return _swap_in(texts, root)


def read(name: str, root: Path) -> Lesson:
    """Read and validate the lesson `name` below `root` without running it; raises LessonError."""
    path = root / "solutions" / name / f"{name}.py"
    if not path.is_file():
        raise LessonError(f"{_shown(path)} is missing: write the lesson there, or remove its folder.")
    lesson = _parse(name, path)
    _check_code(lesson)
    _check_solutions(lesson)
    _check_pairs(lesson)
    _check_functions(lesson)
    _check_folder(lesson)
    return lesson


def execute(lesson: Lesson) -> NotebookNode:
    """Return the executed solution notebook of `lesson`; raises LessonError if a cell fails."""
    notebook = nbformat.v4.new_notebook(cells=_notebook_cells(lesson), metadata={"kernelspec": KERNELSPEC})
    _run(lesson, notebook)
    del notebook.metadata["language_info"]["version"]  # a newer Python is not a newer lesson
    notebook.metadata.pop("widgets", None)
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            release.clean(cell)
            if complaint := release.unfit(cell):
                raise lesson.error(index, f"its output {complaint}.")
    return notebook


def kernel_env(scratch: str) -> dict[str, str]:
    """Return the environment in which a lesson's outputs are the same everywhere; `scratch` is a folder."""
    package = str(Path(__file__).resolve().parents[1])  # the kernel imports the package that builds
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return os.environ | {
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MKL_CBWR": "COMPATIBLE",
        "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0", "PYTHONPATH": path, "TQDM_DISABLE": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": scratch,  # nobody's own start-up files
    }


def _choose(names: list[str] | None, root: Path) -> list[str]:
    """Return the lessons to build, refusing a name that is none."""
    known = sorted(path.name for path in (root / "solutions").glob("[!._]*") if path.is_dir())
    for name in names or []:
        if name not in known:
            raise LessonError(f"There is no lesson {name!r}: there is {', '.join(known) or 'none'}.")
    if not known:
        raise LessonError(f"There is no lesson to build in {_shown(root / 'solutions')}.")
    return list(dict.fromkeys(names or known))


def _parse(name: str, path: Path) -> Lesson:
    """Read the percent script at `path` and understand its headers."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LessonError(f"{_shown(path)} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    cells = jupytext.reads(text, fmt="py:percent").cells
    headers = [number for number, line in enumerate(text.splitlines(), 1) if HEADER.match(line)]
    if len(headers) != len(cells) or not cells:
        raise LessonError(f"{_shown(path)}, line 1, cell 1: the first line must be a cell's header, `# %%`, "
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
        if lesson.kinds[index] == "question" and not _assigns(body, lesson.names[index]):
            raise lesson.error(index, f"a question is one assignment, `{lesson.names[index]} = …`.")


def _assigns(body: list[ast.stmt], name: str) -> bool:
    """Is `body` one plain assignment to `name`?"""
    return (len(body) == 1 and isinstance(body[0], ast.Assign)
            and [ast.unparse(target) for target in body[0].targets] == [name])


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
        raise LessonError(f"{_shown(path)} would be released to learners with the lesson: move it elsewhere.")


def _notebook_cells(lesson: Lesson) -> list[NotebookNode]:
    """Return the cells of `lesson` with nbgrader's metadata for our markers; only an edit changes an id."""
    cells, seen = [], Counter()
    for cell, kind, name in zip(lesson.cells, lesson.kinds, lesson.names):
        metadata = release.metadata(kind, name, cell.metadata.get("points"))
        label = metadata.get("nbgrader", {}).get("grade_id")
        label = label or hashlib.sha256(f"{cell.cell_type} {cell.source}".encode()).hexdigest()[:12]
        seen[label] += 1
        label = label if seen[label] == 1 else f"{label}-{seen[label]}"
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        cells.append(new(source=cell.source, metadata=metadata, id=label))
    return cells


def _run(lesson: Lesson, notebook: NotebookNode) -> None:
    """Run `notebook` in a fresh kernel, in an empty folder, filling in its outputs."""
    index = 0

    def start(cell: NotebookNode, cell_index: int) -> None:
        nonlocal index
        index = cell_index
        bar.update()

    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False,
                            coalesce_streams=True, on_cell_start=start,
                            extra_arguments=["--log-level=ERROR"])  # or each kernel warns that it uses TCP
    progress = {"desc": lesson.name, "unit": "cell", "file": sys.stderr, "disable": None}
    with tempfile.TemporaryDirectory() as scratch, tqdm(total=len(notebook.cells), **progress) as bar:
        client.resources = {"metadata": {"path": scratch}}
        try:
            client.execute(env=kernel_env(scratch))
        except CellExecutionError as error:
            message = release.shorten(error.evalue, 200)
            raise lesson.error(index, f"it raised {error.ename}: {message}") from None
        except CellTimeoutError:
            raise lesson.error(index, f"it took more than {CELL_SECONDS} s.") from None
        except DeadKernelError:
            raise lesson.error(index, "its kernel died (out of memory?).") from None


def _swap_in(texts: dict[Path, str], root: Path) -> list[Path]:
    """Write every file of `texts` that differs from what stands, all of them or none; return those."""
    before = {path: path.read_bytes() if path.exists() else None for path in texts}
    changed = [path for path, text in texts.items() if before[path] != text.encode()]
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".building-") as beside:  # where a move is atomic
            for number, path in enumerate(changed):
                Path(beside, str(number)).write_bytes(texts[path].encode())
            for number, path in enumerate(changed):
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(beside, str(number)), path)
    except OSError as error:
        _put_back({path: before[path] for path in changed})
        raise LessonError(f"Nothing was built: cannot write {error.filename} ({error.strerror}).") from None
    return changed


def _put_back(before: dict[Path, bytes | None]) -> None:
    """Make every file what it was `before`; None: it was not there."""
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != content:
            path.write_bytes(content)


def _shown(path: Path) -> str:
    """Return `path` from its `solutions` folder on, as a person at the repository's root would type it."""
    parts = path.parts
    return "/".join(parts[max((i for i, part in enumerate(parts) if part == "solutions"), default=0):])
