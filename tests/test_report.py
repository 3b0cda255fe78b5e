"""What is told of a class: figures against those worked out by hand, a CSV and a page that nothing breaks out of."""

import base64
import csv
import inspect
import io
import json
import re
import stat
from html.parser import HTMLParser
from importlib import import_module
from statistics import mean, median

import demo
import numpy as np
import pytest
from simulated import FORMULA, LESSON, by_exercise, as_cell

from dlcourse import cli
from dlcourse.checks import activations, telling
from dlcourse.course import CourseError
from dlcourse.grading import analysis, page, report
from dlcourse.grading.analysis import Marks

SCRIPT = "<script>alert(1)</script>"


def exercise(points, of, misconception=None, seconds=0.1):
    """A part of a record."""
    return {"points": points, "of": of, "score": points / of, "passed": points == of, "misconception": misconception,
            "message": "Asked secret-question", "told": "told", "seconds": seconds}


def record(relu, gelu, status="graded", found=(), **more):
    """A record of a lesson of two exercises and a written answer."""
    return {"form": 1, "lesson": LESSON, "status": status, "seed": 90210451, "walls": "sandbox", "found": list(found),
            "exercises": {"relu": relu, "gelu": gelu}, "written": ["why_relu"], "seconds": 1.25, "source": "s",
            "submission": "d"} | more


@pytest.fixture
def records():
    """Five that could be graded and one that could not."""
    return {
        "ada": record(exercise(2, 2, seconds=0.1), exercise(4, 4, seconds=0.2)),
        "ben": record(exercise(2, 2, seconds=0.3), exercise(1, 4, "gelu-tanh", seconds=0.4)),
        "cleo": record(exercise(1, 2, "relu-clamp", seconds=0.5), exercise(0, 4, "gelu-tanh", seconds=0.6),
                       found=["The check of relu had been edited."], twins=["dora"]),
        "dora": record(exercise(1, 2, "relu-clamp", seconds=0.7), exercise(0, 4, "not-written", seconds=0.8)),
        "=1+1": record(exercise(0, 2, None, seconds=0.9), exercise(0, 4, "off-limits", seconds=1.0),
                       found=[f"Beside the notebook lay {SCRIPT}: only the notebook is graded."]),
        f"eve {SCRIPT}": record(exercise(0, 2, seconds=0), exercise(0, 4, seconds=0), status="broken",
                                found=["It is not a notebook: it has no cells."]),
    }


@pytest.fixture
def marks():
    """What the gradebook has of them: three written answers are graded, one of the two that wait is late."""
    def one(relu, gelu, written, penalty=0.0):
        return Marks({"relu": relu, "gelu": gelu, "why_relu": written}, {"relu": 2.0, "gelu": 4.0, "why_relu": 5.0},
                     penalty)
    return {"ada": one(2.0, 4.0, 5.0), "ben": one(2.0, 1.0, None), "cleo": one(1.0, 0.0, 3.0, penalty=1.5),
            "dora": one(1.0, 2.0, None), "=1+1": one(0.0, 0.0, 1.0, penalty=3.0),
            f"eve {SCRIPT}": one(None, None, None)}


@pytest.fixture
def analysed(records, marks):
    return analysis.analyse(LESSON, records, marks)


def test_each_exercises_figures_are_those_worked_out_by_hand(analysed):
    relu, gelu = analysed.exercises
    assert (relu.name, relu.of, relu.passed, relu.mean) == ("relu", 2, 2 / 5, 6 / 10)
    assert (relu.seconds, relu.unwritten, relu.unnamed) == (0.5, 0, 1)
    assert (gelu.passed, gelu.mean, gelu.seconds, gelu.unwritten, gelu.unnamed) == (1 / 5, 5 / 20, 0.6, 1, 0)
    # Deviations of relu 2 2 1 1 0 from 6/5 and of gelu 4 1 0 0 0 from 1: products sum to 4, squares to 2.8 and 12.
    assert relu.discrimination == pytest.approx(4 / (2.8 * 12) ** 0.5) == gelu.discrimination
    assert analysed.totals == [6, 3, 1, 1, 0] and analysed.of == 6
    assert (analysed.having("broken"), analysed.having("waiting"), analysed.having("graded")) == (1, 2, 3)
    assert [(one.name, one.of, one.waiting, one.mean) for one in analysed.written] == [("why_relu", 5, 2, 9 / 15)]


def test_misconceptions_are_counted_by_exercise_and_explained_in_the_words_of_the_check(analysed):
    assert [(one.id, one.exercise, one.count) for one in analysed.misconceptions] == [
        ("gelu-tanh", "gelu", 2), ("relu-clamp", "relu", 2), ("off-limits", "gelu", 1)]
    says = {one.id: one.says for one in analysed.misconceptions}
    assert says["relu-clamp"] == next(one.says for one in activations.relu.mistakes if one.id == "relu-clamp")
    assert says["off-limits"] == analysis.GENERAL["off-limits"]
    assert analysis.explanation(LESSON, "relu", "renamed-since") == ""


def test_every_mistake_that_can_happen_in_any_exercise_is_explained():
    general = set(re.findall(r'^        \("([a-z-]+)", ', inspect.getsource(telling.general_mistake), re.MULTILINE))
    assert len(general) > 9 and general - {analysis.UNWRITTEN} == set(analysis.GENERAL) - {"off-limits"}


def test_discrimination_is_the_correlation_that_numpy_computes_and_the_point_biserial_one():
    generator = np.random.default_rng(0)
    rest = generator.normal(20, 5, 40)
    for scores in (generator.normal(size=40) + rest / 5, (rest + generator.normal(0, 6, 40) > 20).astype(float)):
        ours = analysis.discrimination(scores.tolist(), rest.tolist())
        assert ours == pytest.approx(np.corrcoef(scores, rest)[0, 1])
    p = scores.mean()  # of the last one, passed or not
    biserial = (rest[scores == 1].mean() - rest[scores == 0].mean()) / rest.std() * (p * (1 - p)) ** 0.5
    assert 0.2 < p < 0.8 and ours == pytest.approx(biserial)


@pytest.mark.parametrize("scores, rest", [([], []), ([1, 0], [5, 2]), ([1, 1, 1], [4, 5, 6]), ([0, 1, 1], [7, 7, 7])])
def test_discrimination_is_not_defined_for_two_or_where_all_are_alike(scores, rest):
    assert analysis.discrimination(scores, rest) is None


def test_the_gradebook_decides_what_counts(analysed):
    totals = {one.name: (one.total, one.status) for one in analysed.learners}
    assert totals == {"ada": (11, "graded"), "ben": (3, "waiting"), "cleo": (2.5, "graded"),
                      "dora": (3, "waiting"),  # a person gave gelu two points
                      "=1+1": (0, "graded"), f"eve {SCRIPT}": (0, "broken")}  # never below 0


def test_the_csv_comes_back_as_it_was_and_no_cell_is_a_formula(analysed, records, marks):
    marks["-2+3, \"quoted\"\nand more"] = marks["ada"]
    records["-2+3, \"quoted\"\nand more"] = records["ada"]
    text = report.csv_text(analysis.analyse(LESSON, records, marks))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == [*report.COLUMNS, "relu", "gelu", "why_relu"]
    assert rows[0] == {"student": "ada", "total": "11", "max": "11", "status": "graded", "relu": "2", "gelu": "4",
                       "why_relu": "5"}
    assert (rows[1]["status"], rows[1]["total"], rows[1]["why_relu"]) == ("waiting", "3", "")
    assert [row["student"] for row in rows[4:]] == ["'=1+1", f"eve {SCRIPT}", "'-2+3, \"quoted\"\nand more"]
    for start in "=+-@\t\r":
        assert report._harmless(f"{start}1") == f"'{start}1"
    assert report._harmless("ada") == "ada"


def test_the_columns_are_told_where_people_look(capsys):
    with pytest.raises(SystemExit):
        cli.main(["report", "--help"])
    told = capsys.readouterr().out
    for column in report.COLUMNS:
        assert column in told and re.search(rf"^    {column}  ", report.csv_text.__doc__, re.MULTILINE)


class Page(HTMLParser):
    """What stands on a page: its tags with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def test_the_page_is_whole_runs_nothing_and_fetches_nothing(analysed):
    text = page.page(analysed)
    parsed = Page(text)
    assert not parsed.open
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "form", "base", "svg", "a"}
    for tag, attributes in parsed.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert all("//" not in value for name, value in attributes.items() if not value.startswith("data:"))
    assert "url(" not in page.CSS and "@import" not in page.CSS
    images = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(images) == 3
    for image in images:
        assert len(image["alt"]) > 40
        kind, picture = image["src"].split(",")
        assert kind == "data:image/svg+xml;base64" and b"</svg>" in base64.b64decode(picture)
    assert "default-src 'none'" in text


def test_the_page_says_what_was_found_and_shows_what_learners_wrote_as_text(analysed):
    text = page.page(analysed)
    shown = " ".join(" ".join(Page(text).texts).split())
    assert SCRIPT not in text and f"eve {SCRIPT}" in shown and f"Beside the notebook lay {SCRIPT}" in shown
    for sentence in ("The check of relu had been edited.", "The same notebook as dora's.", "It is not a notebook",
                     "broken.", "Late: 1.5 points less.", "2 to be graded by hand", "60 % on average"):
        assert sentence in shown, sentence
    for one in analysed.misconceptions:
        assert f"{one.count} {one.exercise} {one.id}" in shown
        assert one.says.split("`")[0].strip() in shown
    assert "0.69" in shown  # the discrimination
    assert "90210451" not in text and "secret-question" not in text


def test_the_same_class_makes_the_same_page(analysed):
    assert page.page(analysed) == page.page(analysed)


def test_a_class_of_which_nothing_could_be_graded_still_has_a_page(records):
    broken = {name: one | {"status": "lost"} for name, one in records.items()}
    analysed = analysis.analyse(LESSON, broken, {})
    shown = " ".join(Page(page.page(analysed)).texts)
    assert "could not be graded" in shown and "–" in shown
    assert "–" in report.report_table(analysed) and "6 could not be graded" in report.report_table(analysed)


def test_the_table_of_a_run_has_a_row_for_each_learner_and_words_for_what_went_wrong(records, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    records["dora"]["status"] = "lost"
    records["ben"]["walls"] = "none"
    records["ben"]["found"] = ["Words \x1b[31m" + "and more words " * 20 + "\x1b[2J"]
    table = report.class_table(records)
    lines = table.splitlines()
    assert all(len(line) <= 80 for line in lines) and "\x1b" not in table
    rows = {line.split()[0]: line for line in lines[2:] if line[:1].strip()}
    assert rows["ada"].split() == ["ada", "6", "6", "1.2"]
    assert "LOST:" in rows["dora"] and "BROKEN: It is not a notebook" in rows["eve"]
    assert "The same notebook as dora's." in " ".join(table.split())
    assert "2.5 of 6 points on average, 1 broken, 1 lost" in " ".join(table.split())  # (6 + 3 + 1 + 0) / 4
    assert "1 notebook ran without a sandbox" in " ".join(table.split())


def test_two_who_wrote_nothing_are_not_called_twins(records):
    empty = record(exercise(0, 2, "not-written"), exercise(0, 4, "not-written"), twins=["dora"])
    assert analysis.found_in(empty) == [] and "dora" in analysis.found_in(records["cleo"])[1]


def test_a_long_list_of_misconceptions_ends_with_what_is_left_out(records):
    for number in range(30):
        records[f"learner {number}"] = record(exercise(2, 2), exercise(0, 4, f"gelu-{number}"))
    table = report.report_table(analysis.analyse(LESSON, records, {}))
    assert "… and 13 more, none by more than 1 learner: the page has all." in table


def test_the_report_in_a_terminal_has_the_figures_and_the_sentences(analysed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    table = report.report_table(analysed)
    assert max(map(len, table.splitlines())) <= 100
    assert re.search(r"^relu +2  ███░░░░░ +40 % +60 % +0\.69 +0\.50 +1$", table, re.MULTILINE)
    assert re.search(r"^gelu +4  ██░░░░░░ +20 % +25 % +0\.69 +0\.60 +1$", table, re.MULTILINE)
    assert re.search(r"^ +2  gelu +gelu-tanh  ", table, re.MULTILINE)
    assert "why_relu, written, 5 points: 2 to be graded by hand, 60 % on average so far" in table.replace("\xa0", " ")


def test_wide_and_joined_letters_keep_the_columns_straight():
    lines = report.table(["who", "n", ""], [["李明", "1", ""], ["é", "2", ""], ["ada", "3", ""]], right=(1,)).splitlines()
    assert [report._cells(line) for line in (lines[0], *lines[2:])] == [7, 7, 7, 7]


class Folder:
    """A course folder as far as a report without a gradebook needs it."""

    def __init__(self, root, records):
        self.root, self.all = root, records

    def source(self, lesson):
        return "{}"

    def records(self, lesson):
        return self.all


def test_what_is_written_is_the_owners_alone_and_a_class_not_graded_is_told_how(records, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "gradebook_marks", lambda book, lesson: {})
    with pytest.raises(CourseError, match="dlcourse grade 02_activations"):
        report.report(Folder(tmp_path, {}), LESSON)
    report.report(Folder(tmp_path, records), LESSON, str(tmp_path / "grades.csv"))
    for path in (tmp_path / "records" / LESSON / "report.html", tmp_path / "grades.csv"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert str(path) in capsys.readouterr().out or path.suffix == ".csv"
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match="cannot be written"):
        report.report(Folder(tmp_path, records), LESSON, None, str(tmp_path / "file" / "page.html"))


@pytest.mark.parametrize("answer", [one for some in by_exercise().values() for one in some], ids=str)
def test_an_answer_of_the_catalogue_is_the_same_as_a_cell_of_a_notebook(answer):
    names: dict = {}
    exec(as_cell(answer), names)
    check = getattr(import_module(f"dlcourse.checks.{answer.lesson}"), answer.exercise)
    verdict = check.judge(check.questions(3), check.ask(names[answer.exercise], check.questions(3)))
    assert verdict.passed == answer.right and verdict.misconception == answer.mistake


@pytest.mark.slow
def test_a_simulated_class_goes_from_the_release_to_the_report(tmp_path, capsys):
    everybody = demo.run(tmp_path / "demo", 8)
    told = capsys.readouterr().out
    folder = tmp_path / "demo"
    assert told.strip().splitlines()[-1] == f"The page: {folder / 'records' / LESSON / 'report.html'}"

    records = {path.stem: json.loads(path.read_text()) for path in (folder / "records" / LESSON).glob("*.json")}
    assert set(records) == {one.name for one in everybody}
    by_kind = {one.kind: records[one.name] for one in everybody}
    gained = {kind: sum(one["points"] for one in record["exercises"].values()) for kind, record in by_kind.items()}
    full = sum(one["of"] for one in by_kind["right"]["exercises"].values())
    assert gained["right"] == full == gained["twin"] and 0 < gained["partly"] < full
    assert gained["empty"] == gained["broken"] == gained["hostile"] == 0
    assert by_kind["broken"]["status"] == "broken" and by_kind["twin"]["twins"] == [everybody[0].name]
    planted = [(records[one.name]["exercises"][exercise]["misconception"], mistake)
               for one in everybody for exercise, mistake in one.planted.items()]
    assert planted and all(found == mistake for found, mistake in planted)

    rows = {row["student"]: row for row in csv.DictReader((folder / demo.FOR_LMS).open(newline=""))}
    assert set(rows) == {f"'{one.name}" if one.name == FORMULA else one.name for one in everybody}
    exported = {row["student_id"]: row for row in csv.DictReader((folder / demo.EXPORTED).open(newline=""))}
    for name, row in exported.items():
        assert float(row["score"]) == pytest.approx(float(rows[name.replace(FORMULA, f"'{FORMULA}")]["total"]))
    feedback = list((folder / "feedback").rglob("*.html"))
    assert len(feedback) == 8 and any(demo.COMMENT in path.read_text() for path in feedback)
    totals = [sum(one["points"] for one in record["exercises"].values())
              for record in records.values() if record["status"] == "graded"]
    shown = " ".join(Page((folder / "records" / LESSON / "report.html").read_text()).texts)
    assert f"{mean(totals):.1f}" in shown and f"{median(totals):.1f}" in shown
