"""A graded run: (source notebook, submission, seed) -> graded notebook and record; pure but for the clock."""

import functools
import hashlib
import importlib
import re
import time
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.utils import determine_grade

from . import judging, plain, safe
from .rebuild import Rebuilt, rebuild, released
from .sandbox import TOTAL_SECONDS, Ended
from .submission import Broken, Submission, cells

CELL_SECONDS = 60.0
DEATHS = 3  # cells that may end the session before the rest is given up
SKIPPED = "This cell shows something and is not run when the notebook is graded."
RUN = ("code", "answer", "extra")  # kinds of cells
FORM = 1  # of the record


@dataclass(frozen=True)
class Graded:
    """notebook: an .ipynb as text, safe to open, that nbgrader scores; record: plain data, the instructor's own."""

    notebook: str
    record: dict


def grade(source: str, lesson: str, submission: Submission, seed: int, sandbox) -> Graded:
    """Grade one submission of `lesson`, whose solution notebook is `source` (text), in the sandbox.

    Never raises for anything that a learner can hand in; a submission that cannot be graded gets a record that says
    so. record: {"form", "lesson", "status": "graded" or "broken", "found": [sentence], "exercises": {name: {"points",
    "of", "score", "passed", "message", "told", "misconception", "seconds"}}, "written": [name], "seed", "walls",
    "seconds", "source", "submission"}; "message" shows the secret questions, "told" does not.
    """
    start = time.perf_counter()
    solution = _read(source)
    record = {"form": FORM, "lesson": lesson, "status": "graded", "seed": seed, "walls": sandbox.walls,
              "source": hashlib.sha256(source.encode()).hexdigest(), "submission": submission.digest}
    try:
        rebuilt = rebuild(solution, cells(submission))
        exercises = _run(rebuilt, lesson, seed, sandbox)
    except Broken as broken:
        rebuilt = Rebuilt(released(solution), [str(broken)], {})
        exercises = {cell.name: judging.failed(cell.name, "the notebook could not be read")
                     for cell in rebuilt.cells if cell.kind == "check"}
        record["status"] = "broken"
    words = {word for cell in rebuilt.cells if cell.kind in ("answer", "extra")
             for word in plain.striking(cell.cell.source)}
    if words:
        rebuilt.found.append(f"Cells of theirs use {', '.join(sorted(words))}: worth a look.")
    if submission.beside:
        rebuilt.found.append(f"Beside the notebook lay {', '.join(submission.beside[:5])}"
                             f"{' and more' * (len(submission.beside) > 5)}: only the notebook is graded.")
    record["exercises"] = {}
    for cell in rebuilt.cells:
        if cell.kind == "check":
            seen = record["exercises"][cell.name] = _write(cell.cell, exercises[cell.name])
            if record["status"] == "broken" or seen["misconception"] == "out-of-sight":
                cell.cell.metadata["dlcourse"] = {"by_hand": True}  # no points until somebody has looked
            rebuilt.found += exercises[cell.name].found
    record["written"] = [cell.name for cell in rebuilt.cells if cell.kind == "written"]
    record["found"] = [safe.text(sentence, 400) for sentence in dict.fromkeys(rebuilt.found)]
    record["seconds"] = round(time.perf_counter() - start, 3)
    return Graded(_finished(rebuilt, record), record)


@functools.lru_cache(maxsize=4)
def _read(source: str) -> NotebookNode:
    return nbformat.reads(source, 4)


def _run(rebuilt: Rebuilt, lesson: str, seed: int, sandbox) -> dict[str, judging.Judged]:
    """Run the notebook; ask each answer that is plain in a process that has run only what such answers are made of."""
    made = _made(rebuilt)
    apart = {number: one for number, one in made.items() if one and not one.reaches}
    judged = _run_whole(rebuilt, lesson, seed, sandbox, apart)
    for number in made.keys() - apart.keys():
        name = rebuilt.cells[number].name
        judged[name] = judging.out_of_sight(_check(lesson, name), judged[name],
                                            list(made[number].reaches) if made[number] else [])
    return judged | _ask_apart(rebuilt, lesson, seed, sandbox, apart)


def _made(rebuilt: Rebuilt) -> dict[int, plain.Made | None]:
    """For each check, by its place: what its answer is made of."""
    before, made = [], {}
    for number, cell in enumerate(rebuilt.cells):
        if cell.kind in RUN:
            before += plain.statements(cell.cell.source, number, cell.kind != "code")
        elif cell.kind == "check":
            made[number] = plain.made_of(judging.expression(cell.cell.source, cell.name), before)
    return made


def _ask_apart(rebuilt, lesson, seed, sandbox, apart) -> dict[str, judging.Judged]:
    """Ask plain answers in sessions that have run nothing but plain code and our first cell, the imports."""
    first = next(cell.cell.source for cell in rebuilt.cells if cell.kind == "code")
    judged, waiting = {}, list(apart)
    end = time.monotonic() + TOTAL_SECONDS
    while waiting:
        with sandbox.session(end - time.monotonic()) as session:
            try:
                session.run(first, CELL_SECONDS)
                while waiting:
                    number = waiting[0]
                    for text in apart[number].cells:
                        session.run(text, CELL_SECONDS)
                    cell = rebuilt.cells[number]
                    judged[cell.name] = _judge(cell, lesson, apart[number].theirs, seed, session)
                    waiting.pop(0)
            except Ended as ended:
                over = list(waiting) if "as a whole" in str(ended) else waiting[:1]
                del waiting[:len(over)]
                judged |= {name: judging.failed(name, f"while it was asked, {ended}")
                           for name in (rebuilt.cells[number].name for number in over)}
    return judged


def _run_whole(rebuilt: Rebuilt, lesson: str, seed: int, sandbox, apart) -> dict[str, judging.Judged]:
    """Run the notebook; a cell that ends the session is left out and the rest run again, a few times."""
    left_out: dict[int, str] = {}
    while True:
        judged: dict[str, judging.Judged] = {}
        number = -1
        try:
            with sandbox.session() as session:
                for number, cell in enumerate(rebuilt.cells):
                    if number in left_out:
                        _leave_out(cell, left_out[number], judged)
                    elif cell.kind in RUN:
                        cell.cell.outputs = safe.outputs(session.run(cell.cell.source, CELL_SECONDS))
                    elif cell.kind == "check" and number not in apart:
                        judged[cell.name] = _judge(cell, lesson, rebuilt.answers.get(cell.name), seed, session)
            return judged
        except Ended as ended:
            left_out[number] = str(ended)
            what = rebuilt.cells[number].name or "a cell of their own"
            rebuilt.found.append(f"The notebook was ended at {what}: {ended}.")
            if len(left_out) == DEATHS or "as a whole" in str(ended):
                for cell in rebuilt.cells[number:]:
                    if cell.kind == "check":
                        judged[cell.name] = judging.failed(cell.name, f"the notebook had been ended: {ended}")
                return judged


def _check(lesson: str, name: str):
    return getattr(importlib.import_module(f"dlcourse.checks.{re.sub(r'^[0-9]+_', '', lesson)}"), name)


def _judge(cell, lesson, source, seed, session) -> judging.Judged:
    expression = judging.expression(cell.cell.source, cell.name)
    return judging.judge(_check(lesson, cell.name), session, expression, source, seed)


def _leave_out(cell, why: str, judged) -> None:
    if cell.kind == "check":
        judged[cell.name] = judging.failed(cell.name, f"while it was asked, {why}")
    else:
        cell.cell.outputs = [v4.new_output("error", ename="Ended", evalue=why, traceback=[f"It was ended: {why}."])]


def _write(cell: NotebookNode, judged: judging.Judged) -> dict:
    """Put a verdict into its check cell as nbgrader scores it; return its part of the record."""
    verdict, of = judged.verdict, float(cell.metadata.nbgrader.points)
    points = of if verdict.passed else round(min(of, max(0.0, verdict.score * of)), 2)
    told = safe.text(judged.told)
    cell.outputs = [v4.new_output("stream", name="stdout", text=told + "\n")]
    if not verdict.passed:
        cell.outputs.append(v4.new_output("execute_result", data={"text/plain": str(points)}))
    scored, _ = determine_grade(cell)
    assert scored == points, f"nbgrader would score {scored}, the verdict is {points}"
    return {"points": points, "of": of, "score": verdict.score, "passed": verdict.passed,
            "misconception": verdict.misconception, "message": safe.text(verdict.message), "told": told,
            "seconds": round(verdict.seconds, 3)}


def _finished(rebuilt: Rebuilt, record: dict) -> str:
    """The graded notebook as text."""
    notebook = v4.new_notebook(metadata={"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python",
                                                        "name": "python3"}, "language_info": {"name": "python"}})
    if record["status"] == "broken":
        words = "\n\n".join(safe.markdown(sentence) for sentence in record["found"])
        notebook.cells.append(v4.new_markdown_cell(f"**This submission could not be graded.** {words}", id="broken"))
    for cell in rebuilt.cells:
        if cell.kind == "demo":
            cell.cell.outputs = [v4.new_output("stream", name="stdout", text=SKIPPED + "\n")]
        elif cell.kind == "written" or cell.cell.get("id", "").startswith("extra-") and cell.kind == "text":
            cell.cell.source = safe.markdown(cell.cell.source, cell.cell.get("attachments"))
        if cell.cell.cell_type == "code":
            cell.cell.execution_count = None
            for output in cell.cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = None
        notebook.cells.append(cell.cell)
    return nbformat.writes(notebook) + "\n"
