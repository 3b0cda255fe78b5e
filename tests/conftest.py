"""What several test files share."""
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import torch

from dlcourse import course


os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start: several run at once on few cores
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return course.root()


@pytest.fixture(scope="session")
def artefacts(root) -> Path:
    """A folder for what a person may want to see after a run (screenshots, tables); git ignores it."""
    folder = root / ".artefacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def summary_table(record_property) -> Callable[[str, Sequence[str], Iterable[Sequence]], None]:
    """A function (title, headings, rows) that has a table printed at the end of the run, below all dots."""
    def show(title: str, headings: Sequence[str], rows: Iterable[Sequence]) -> None:
        texts = [[str(field) for field in row] for row in (headings, *rows)]
        record_property("summary_table", [title, *texts])

    return show


def pytest_terminal_summary(terminalreporter) -> None:
    """Print what tests gave to `summary_table`; their reports bring it here from xdist's workers too."""
    for report in [report for reports in terminalreporter.stats.values() for report in reports]:
        if getattr(report, "when", None) != "call":
            continue
        for title, *rows in [value for key, value in report.user_properties if key == "summary_table"]:
            widths = [max(map(len, column)) for column in zip(*rows)]
            terminalreporter.section(title)
            for row in rows:
                fields = [field.rjust(width) for field, width in zip(row[1:], widths[1:])]
                terminalreporter.line("  ".join([row[0].ljust(widths[0]), *fields]))


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A course of one small lesson, 01_sums, whose checks are its own; not yet built."""
    from lesson_files import TOY, make_course

    from dlcourse import reading

    folder = make_course(tmp_path / "course", "01_sums", TOY)
    monkeypatch.setattr(reading, "CHECKS", "toy_checks")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    yield folder
    for module in [name for name in sys.modules if name.startswith("toy_checks")]:
        del sys.modules[module]
