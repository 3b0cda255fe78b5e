"""A lesson's own words and its own code, so that a test can hold the one to the other."""

import ast
from functools import cache

from dlcourse import course, lessons


class LessonText:
    """The source of one lesson.

    `words` is its prose; `code` its namespace: what its cells import, define and assign, without what they run.
    """

    def __init__(self, name: str):
        lesson = lessons.read(name, course.root())
        self.name = name
        self.words = " ".join(" ".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown").split())
        self.code = {}
        for cell, kind in zip(lesson.cells, lesson.kinds):
            if cell.cell_type == "code" and kind not in ("check", "question"):
                exec(compile(_definitions(cell.source, kind), f"<{name}>", "exec"), self.code)

    def says(self, *sentences: str) -> None:
        """Assert that the lesson still says so, word for word: what a test proves must be what a learner reads."""
        for sentence in sentences:
            assert " ".join(sentence.split()) in self.words, (
                f"{self.name} no longer says “{sentence}”, which this test proves: change the two together")


def _definitions(source: str, kind: str | None) -> ast.Module:
    tree = ast.parse(source)
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef) + ((ast.Assign,) if kind != "demo" else ())
    tree.body = [node for node in tree.body if isinstance(node, kept)]
    return tree


@cache
def lesson_text(name: str) -> LessonText:
    """Read a lesson once per process."""
    return LessonText(name)
