"""Every point of the text that the course is held to has a home, as tests/coverage.md says, and the home exists."""

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest
from lesson_files import PAGES, ROOT

from dlcourse import lessons

PAGE = ROOT / "tests" / "coverage.md"
NUMBERED = {page[:2]: page for page in PAGES}


def numbers(count: int) -> list[str]:
    """"1", "2", … as the first column counts."""
    return [str(number) for number in range(1, count + 1)]


POINTS = {  # what the text has, table by table: the first column in full, so that no row is lost, doubled or moved
    "Definitions": numbers(10),
    "Key points": [f"{concept}.{point}" for concept in numbers(10) for point in numbers(5)],
    "Theory": numbers(3),
    "Applications": numbers(4),
    "Strengths": numbers(4),
    "Limitations": numbers(5),
    "Debates": numbers(4),
    "Key terms": numbers(12),
    "Review questions": numbers(4),
    "Further reading": numbers(6),
}
WITH_CARE = "Claims that a lesson takes with care"
TERMS = {"batch size": "batch sizes?", "skip connection": "skip connections?|skips", "fine-tuning": "fine-tun",
         "overfitting": "overfit", "FLOPS": "(?-i:FLOPS)"}  # as they are met, where not by name; FLOPs are another thing
HOME = re.compile(r"(exercise|landmark|question|explorer|section|says|reference) `([^`]+)`")


class Row(NamedTuple):
    """One row of the page: its table, the point's number in the source, the point, its lessons, its homes."""

    table: str
    source: str
    point: str
    lessons: tuple[str, ...]
    homes: tuple[tuple[str, str], ...]


def parsed(page: str) -> list[Row]:
    """Read the rows of every table with four columns; raises AssertionError where one is not written as agreed."""
    rows, table = [], ""
    for line in page.splitlines():
        table = line.removeprefix("## ") if line.startswith("## ") else table
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) == 2 or cells[0] in ("source", "---"):
            continue
        assert len(cells) == 4, f"not four columns: {line}"
        source, point, numbered, homes = cells
        assert not re.sub(r"[, ]", "", HOME.sub("", homes)), f"{table} {source}: cannot read {HOME.sub('', homes)!r}"
        rows.append(Row(table, source, point, tuple(numbered.split(", ")), tuple(HOME.findall(homes))))
    return rows


ROWS = parsed(PAGE.read_text(encoding="utf-8"))


class Inside:
    """What can be a home in one lesson, kind by kind; `words` is its prose without the references."""

    def __init__(self, number: str):
        lesson = lessons.read(NUMBERED[number], ROOT)
        prose = [cell.source for cell in lesson.cells if cell.cell_type == "markdown"]
        before, _, references = "\n".join(prose).partition("## References\n")
        code = [cell.source for cell in lesson.cells if cell.cell_type == "code"]
        self.cells = [" ".join(text.split()) for text in prose]
        self.words = " ".join(before.split())
        self.references = [" ".join(entry.split()) for entry in re.split(r"^- ", references, flags=re.MULTILINE)]
        self.named = {
            "exercise": {name for _, name in lesson.marked("exercise")},  # read() has found their checks
            "question": {name for _, name in lesson.marked("question", "written")},
            "section": set(re.findall(r"^##+ (.+)$", before, re.MULTILINE)),
            "explorer": {name for source in code for name in re.findall(r"^explore\.(\w+)\(", source, re.MULTILINE)},
            "landmark": {node.name for path in (ROOT / "tests").glob(f"test_lesson_{number}*.py")
                         for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
                         if node.name.startswith("test_")},
        }

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such a home here."""
        if kind == "says":
            return name in self.words
        if kind == "reference":
            return sum(name in entry for entry in self.references) == 1
        return name in self.named[kind]


@cache
def inside(number: str) -> Inside:
    """Read the lesson of this number once."""
    return Inside(number)


@pytest.mark.parametrize("table", POINTS)
def test_the_page_has_every_point_of_the_source_once(table):
    assert [row.source for row in ROWS if row.table == table] == POINTS[table]
    points = [row.point for row in ROWS if row.table == table]
    assert all(points) and len(set(points)) == len(points)


def test_the_page_has_no_other_table_and_a_disputed_claim_belongs_to_a_point():
    assert {row.table for row in ROWS} == {*POINTS, WITH_CARE}
    claims = [row.source for row in ROWS if row.table == WITH_CARE]
    kinds = {"theory": "Theory", "strength": "Strengths"}
    for kind, _, number in (claim.rpartition(" ") for claim in claims):
        assert number in (POINTS[kinds[kind]] if kind else POINTS["Key points"] + POINTS["Definitions"])
    assert len(claims) == len(set(claims)) == 15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table} {row.source}")
def test_every_point_has_a_home_and_the_home_exists(row):
    assert set(row.lessons) <= set(NUMBERED), f"there is no lesson {' or '.join(row.lessons)}"
    assert row.homes, "a point without a home"
    assert len(set(row.homes)) == len(row.homes)
    lost = [home for home in row.homes if not any(inside(number).has(*home) for number in row.lessons)]
    assert not lost, f"no such home in lesson {' or '.join(row.lessons)}: {lost}"
    unused = [number for number in row.lessons if not any(inside(number).has(*home) for home in row.homes)]
    assert not unused, f"no home of this point is in lesson {' or '.join(unused)}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.table == "Key terms"], ids=lambda row: row.point)
def test_a_key_term_is_defined_where_it_is_first_met(row):
    term = re.compile(rf"\b(?:{TERMS.get(row.point, row.point)})", re.IGNORECASE)
    taught = [number for number in sorted(NUMBERED) if number != "00"]
    text = next(text for number in taught for text in inside(number).cells[1:] if term.search(text))
    assert any(kind == "says" and words in text and term.search(words) for kind, words in row.homes), text


@pytest.mark.parametrize("row", [row for row in ROWS if row.table == "Key terms"], ids=lambda row: row.point)
def test_a_key_term_stands_in_the_glossary_with_a_lesson_that_defines_it(row):
    entry = re.search(rf"- \*{row.point}\* \(\[lesson (\d+)\]", inside("00").words, re.IGNORECASE)
    assert entry, "no such entry"
    assert f"{int(entry[1]):02}" in row.lessons
