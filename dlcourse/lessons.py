"""The build: a lesson's `.py` → executed solution notebook → release for learners.

Only `solutions/NN_name/NN_name.py` is written by hand; both notebooks are made here, whole or not at all.
"""
import hashlib
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from dlcourse import course, release, reviews
from dlcourse.reading import Lesson, LessonError, read, shown

CELL_SECONDS = 120  # no cell of a lesson that takes 90 s in all needs more
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def build(names: list[str] | None = None, root: Path | None = None) -> list[Path]:
    """Build the lessons `names` (all of them by default) below `root` (the repository by default).

    The review questions are sealed first, for the lessons' checks are made of them (reviews.py). Returns the files
    that changed; raises LessonError, and changes nothing on disk, if a lesson is wrong.
    """
    root = Path(root or course.root())
    chosen = _choose(names, root)
    try:
        sealed = reviews.sealed_anew(root)
    except ValueError as error:
        raise LessonError(str(error)) from None
    before = {path: path.read_bytes() if path.exists() else None for path in sealed}
    changed = _swap_in(sealed, root)
    try:
        texts = {}
        for lesson in [read(name, root) for name in chosen]:
            solution = execute(lesson)
            texts[lesson.path.with_suffix(".ipynb")] = nbformat.writes(solution) + "\n"
            texts[root / "notebooks" / lesson.name / f"{lesson.name}.ipynb"] = release.release(solution)
        return changed + _swap_in(texts, root)
    except LessonError:
        _put_back(before)
        raise


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
        raise LessonError(f"There is no lesson to build in {shown(root / 'solutions')}.")
    return list(dict.fromkeys(names or known))


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
