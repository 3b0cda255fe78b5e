"""The same graded run under plain `nbgrader autograde` and under formgrader's button; see nbgrader_config.py."""

import os
import secrets
import shutil
import weakref
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbgrader.preprocessors import AssignLatePenalties, CheckCellMetadata
from traitlets import Bool

from . import submission as handed_in
from .book import Book, SaveGrades
from .run import grade
from .sandbox import Sandbox

# What nbgrader does with a notebook that the judge has graded: enter it, and nothing that runs or decides.
AFTERWARDS = [SaveGrades, AssignLatePenalties, CheckCellMetadata]


class TrustedExporter(NotebookExporter):
    """Takes the place of the exporter in nbgrader's Autograde: what it reads in submitted/ it gives back graded."""

    shut_in = Bool(True, help="Whether learners' code runs in a sandbox: without one, trust everybody.").tag(
        config=True)
    _sandbox = None

    def from_filename(self, filename, resources=None, **options):
        """Grade a submitted notebook; an autograded one is read as it is."""
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources, **options)
        student, lesson = resources["nbgrader"]["student"], resources["nbgrader"]["assignment"]
        book = Book(Path(self.parent.coursedir.root))
        if self._sandbox is None:
            self._sandbox = Sandbox(self.shut_in)
            weakref.finalize(self, self._sandbox.close)
        handed = handed_in.read(Path(filename).parent, lesson)
        graded = grade(book.source(lesson), lesson, handed, secrets.randbits(62), self._sandbox)
        for sentence in graded.record["found"]:
            self.log.warning("%s: %s", student, sentence)
        self._clear(Path(self.parent._format_dest(lesson, student)), Path(filename).parent)
        book.keep(lesson, student, graded.record)
        return graded.notebook, self._resources(resources)

    def _resources(self, resources):
        return {**(resources or {}), "output_extension": ".ipynb", "outputs": {}}

    def _clear(self, folder: Path, submitted: Path) -> None:
        """Take away what nbgrader copied from beside the notebook: a link there may show anything of ours."""
        for path in folder.glob("*") if folder.is_dir() else []:
            if path.name in handed_in.NBGRADERS_OWN and not (submitted / path.name).is_symlink():
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else os.unlink(path)
