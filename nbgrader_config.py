"""How `nbgrader` and its formgrader work on this course, when started from this folder.

solutions/NN_name/NN_name.ipynb is nbgrader's source, notebooks/NN_name/NN_name.ipynb its release:
    nbgrader generate_assignment 02_activations --force
fills the gradebook and writes the release that `dlcourse build` writes. For a class on one server, set
c.Exchange.root to a folder that everybody there can write to.
"""
import os
import sys
from pathlib import Path

from dlcourse import release
from dlcourse.grading import plugin

# nbgrader calls its neighbour `alembic` by name to make a gradebook; let it be found without `activate` too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

c = get_config()  # noqa: F821  (nbgrader puts it here)

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "dlcourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.CourseDirectory.db_url = f"sqlite:///{c.CourseDirectory.root}/gradebook.db"
c.CourseDirectory.ignore = release.IGNORE  # or learners get the lesson's .py, answers and all

c.GenerateAssignment.preprocessors = release.PREPROCESSORS

# Grading: what is read from submitted/ is rebuilt from the source, run in a sandbox and judged outside it.
c.Autograde.exporter_class = plugin.TrustedExporter
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = plugin.AFTERWARDS
# c.TrustedExporter.shut_in = False  # where there is no bubblewrap and you trust everybody's code

# Pages made of learners' notebooks (feedback, formgrader) run no script of theirs.
c.HTMLExporter.sanitize_html = True
