"""What the learner has passed: recorded where they work and nowhere else, never in the way, never lost; and a reset."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from lesson_files import LESSONS, ROOT
from torch.nn import functional as F

from dlcourse import course, lab, progress
from dlcourse.checks import activations as check
from dlcourse.checks.core import Check
from dlcourse.checks.verdict import CheckFailed, Verdict
from dlcourse.cli import main

LESSON = "02_activations"
WRONG, RIGHT = Verdict(False, 0.5, "no", "gelu-swish"), Verdict(True, 1.0, "yes")
# What another notebook does: it records in the folder that it is started in. An exercise a line, on demand.
NOTEBOOK = """
import sys
from dlcourse import progress
from dlcourse.checks.verdict import Verdict
print("ready", flush=True)
for line in sys.stdin:
    progress.record("activations", line.strip(), Verdict(False, 0.5, "no"))
    print("done", flush=True)
"""


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """As in a new process, no sentence has been said yet."""
    monkeypatch.setattr(progress, "_said", set())


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder of a lesson in work/, where a notebook runs; its course has one small lesson and nothing else."""
    path = tmp_path / "notebooks" / LESSON / f"{LESSON}.ipynb"
    path.parent.mkdir(parents=True)
    cells = [graded("gelu", "def gelu(x):\n    raise NotImplementedError()"), graded("check_gelu", "check.gelu(gelu)"),
             graded("review_gain", "# which?\nreview_gain = None"),
             graded("check_review_gain", "check.review_gain(review_gain)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    lab.copy_lessons(tmp_path)
    monkeypatch.chdir(tmp_path / "work" / LESSON)
    return tmp_path / "work" / LESSON


def graded(name, source):
    """A cell as nbgrader releases it: an exercise or question, or its locked check."""
    mark = {"grade_id": name, "locked": name.startswith("check_"), "solution": not name.startswith("check_"),
            "grade": name.startswith("check_"), "schema_version": 3}
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": mark})


def rows(work):
    """All verdicts in the record of `work`, as tuples in the order of the table's columns."""
    with closing(sqlite3.connect(work / progress.FILE)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        return db.execute("select * from verdicts order by lesson, exercise").fetchall()


def notebook(folder, wrapper=()):
    """Another process that records in `folder`; it is ready when this returns."""
    ours = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    process = subprocess.Popen([*wrapper, sys.executable, "-c", ours + NOTEBOOK], cwd=folder, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_best_and_the_latest_verdict_are_kept_with_the_mistake_the_tries_and_the_first_success(place):
    for verdict in (WRONG, RIGHT, Verdict(False, 0.2, "no", "gelu-tanh")):
        progress.record("activations", "gelu", verdict)
    (lesson, exercise, best, latest, misconception, tries, first), = rows(place.parent)
    assert (lesson, exercise, best, latest, misconception, tries) == ("activations", "gelu", 1.0, 0.2, "gelu-tanh", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", first)
    progress.record("activations", "gelu", RIGHT)
    assert rows(place.parent)[0][-1] == first


def test_a_check_called_in_a_lesson_is_recorded_and_says_nothing_of_it(place, capsys):
    with pytest.raises(CheckFailed):
        check.gelu(F.silu)
    assert [row[:6] for row in rows(place.parent)] == [("activations", "gelu", 0.0, 0.0, "gelu-swish", 1)]
    assert check.review_gain("b").passed
    assert [row[1] for row in rows(place.parent)] == ["gelu", "review_gain"]
    assert capsys.readouterr() == ("", "")


def test_asking_and_judging_as_a_grader_does_records_nothing(place):
    questions = check.review_gain.questions(1)
    assert check.review_gain.judge(questions, check.review_gain.ask("b", questions)).passed
    assert rows(place.parent) == []


def test_nothing_is_recorded_where_dlcourse_lab_made_no_record(tmp_path, monkeypatch):
    (tmp_path / "work" / LESSON).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work" / LESSON)
    assert check.review_gain("b").passed
    progress.keep_answer("activations", "review_gain", "b")
    assert progress.kept_answer("activations", "review_gain") is None
    assert [path.name for path in tmp_path.rglob("*")] == ["work", LESSON]


def test_a_check_of_no_lesson_and_a_folder_that_is_gone_are_no_trouble(place, capsys):
    stranger = Check("gelu", "gelu(x)", check.gelu.reference, check.gelu.parts)
    assert stranger(F.gelu).passed and rows(place.parent) == []
    place.joinpath(f"{LESSON}.ipynb").unlink()
    place.rmdir()
    assert check.gelu(check.gelu.reference).passed
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", LESSONS)
def test_every_check_knows_its_lesson_and_the_totals_are_those_of_the_checks(name):
    module = import_module(f"dlcourse.checks.{name[3:]}")
    checks = {key: thing for key, thing in vars(module).items() if isinstance(thing, Check)}
    assert {progress.lesson_of(each) for each in checks.values()} == {name[3:]}
    exercises, questions = progress.checks_in(ROOT / "notebooks" / name / f"{name}.ipynb")
    assert set(exercises) == {key for key, each in checks.items() if not each.secret}
    assert set(questions) == {key for key, each in checks.items() if each.secret}


def test_two_notebooks_record_at_once_and_no_entry_is_lost(place):
    both = [notebook(place) for _ in range(2)]
    for process in both:
        process.stdin.write("gelu\n" * 100)
        process.stdin.close()
    said = [(process.stdout.read(), process.stderr.read(), process.wait(60)) for process in both]
    assert said == [("done\n" * 100, "", 0)] * 2
    assert [row[5] for row in rows(place.parent)] == [200]


def test_a_notebook_killed_in_the_middle_of_its_entries_loses_none_that_it_had_made(place):
    for rounds in range(5):
        before = sum(row[5] for row in rows(place.parent))
        process = notebook(place)
        process.stdin.write("gelu\n" * 2000)
        process.stdin.flush()
        time.sleep(0.05 + 0.03 * rounds)
        process.send_signal(signal.SIGKILL)
        done = process.communicate()[0].count("done\n")
        after = sum(row[5] for row in rows(place.parent))
        assert before + done <= after <= before + done + 1


def test_a_transaction_broken_off_halfway_is_as_if_it_had_never_begun(place):
    progress.record("activations", "gelu", WRONG)
    holding = ("import os, sqlite3; db = sqlite3.connect('../.progress.db', isolation_level=None); "
               "db.execute('pragma cache_spill = 1'); db.execute('pragma cache_size = 1'); "
               "db.execute('begin immediate'); db.execute('delete from verdicts'); "
               "db.executemany('insert into answers values (?, ?, ?)', [('a', str(n), 'x' * 500) for n in range(500)]);"
               "os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", holding], cwd=place, check=False)
    assert place.parent.joinpath(f"{progress.FILE}-journal").exists()  # half of it was in the file already
    progress.record("activations", "gelu", RIGHT)
    assert [row[:6] for row in rows(place.parent)] == [("activations", "gelu", 1.0, 1.0, None, 2)]


def junk(path):
    path.write_bytes(b"no database at all " * 500)


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])


def foreign(path):
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table verdicts (something)")
        db.execute(f"pragma user_version = {progress.VERSION}")


@pytest.mark.parametrize("damage", [junk, cut, foreign])
def test_a_damaged_record_is_set_aside_whole_told_once_and_begun_anew(place, capsys, damage):
    path = place.parent / progress.FILE
    for number in (1, 2):
        damage(path)
        before = path.read_bytes()
        progress._said.clear()
        for _ in range(2):
            with pytest.raises(CheckFailed):
                check.gelu(F.silu)
        told, errors = capsys.readouterr()
        aside = f"{progress.FILE}.damaged-{number}"
        assert errors == "" and told.count("\n") == 1 and f"kept as {aside}," in told
        assert (place.parent / aside).read_bytes() == before
        assert [row[5] for row in rows(place.parent)] == [2]


def test_two_notebooks_that_find_the_damage_at_once_both_record_and_set_it_aside_once(place):
    for number in range(1, 6):
        both = [notebook(place) for _ in range(2)]
        junk(place.parent / progress.FILE)
        for process, exercise in zip(both, ("gelu", "relu")):
            process.stdin.write(f"{exercise}\n")
            process.stdin.flush()
        for process in both:
            assert process.communicate()[1] == ""
        assert [row[1] for row in rows(place.parent)] == ["gelu", "relu"]
        assert len(list(place.parent.glob(f"{progress.FILE}.damaged-*"))) == number


def test_a_record_of_a_newer_version_is_left_as_it_is_and_one_sentence_says_so(place, capsys):
    path = place.parent / progress.FILE
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table later (something)")
        db.execute(f"pragma user_version = {progress.VERSION + 1}")
    before = path.read_bytes()
    assert check.review_gain("b").passed and check.review_gain("b").passed
    assert progress.kept_answer("activations", "review_gain") is None
    told, errors = capsys.readouterr()
    assert "newer version" in told and "update the course" in told and told.count("\n") == 1 and errors == ""
    assert path.read_bytes() == before


def test_in_a_folder_that_cannot_be_written_to_a_check_still_answers_and_says_so_once(place):
    progress.record("activations", "gelu", WRONG)
    process = notebook(place, ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"])
    told, errors = process.communicate("gelu\ngelu\n")
    sentence, *done = told.splitlines()
    assert "not being recorded" in sentence and "written to" in sentence and done == ["done"] * 2 and errors == ""
    assert [row[5] for row in rows(place.parent)] == [1]


def test_a_record_that_another_program_holds_delays_a_check_by_a_second_at_most(place, capsys):
    with closing(sqlite3.connect(place.parent / progress.FILE, isolation_level=None)) as db:
        db.execute("begin exclusive")
        start = time.perf_counter()
        assert check.review_gain("b").passed
        assert time.perf_counter() - start < 2
    assert "not being recorded" in capsys.readouterr().out


def test_answers_come_back_as_they_were_kept(place):
    for answer in ({"order": [3, 1, 2], "tried": True}, "b", 0.25, [], None):
        progress.keep_answer("activations", "review_gain", answer)
        assert progress.kept_answer("activations", "review_gain") == answer
    assert progress.kept_answer("losses", "review_gain") is None
    with pytest.raises(TypeError):
        progress.keep_answer("activations", "review_gain", {1, 2})


def test_a_summary_counts_what_passed_once_even_if_a_later_try_does_not(place):
    progress.record("activations", "gelu", RIGHT)
    progress.record("activations", "gelu", WRONG)
    progress.record("activations", "review_gain", WRONG)
    progress.record("activations", "no_longer_there", RIGHT)
    assert progress.summary() == [progress.Row(LESSON, {"gelu": "passed"}, {"review_gain": "tried"})]


def test_the_picture_needs_no_colour_and_says_the_same_in_words(place):
    progress.record("activations", "gelu", RIGHT)
    picture = progress.Picture(progress.summary())
    page = picture._repr_html_()
    assert "color" not in page and "background" not in page
    assert '<span role="img" aria-label="1 of 1 passed">■</span>' in page
    assert '<span role="img" aria-label="0 of 1 passed">□</span>' in page
    assert f'href="../{LESSON}/{LESSON}.ipynb"' in page
    assert repr(picture).splitlines()[1].split() == ["02", "activations", "1", "of", "1", "0", "of", "1", "#", "."]


def test_show_draws_where_there_is_a_record_and_says_how_to_begin_where_nothing_is_in_it(place, capsys, monkeypatch):
    progress.show()
    told = capsys.readouterr().out
    assert "0 of 1" in told and progress.NOTHING_YET in told
    progress.record("activations", "gelu", RIGHT)
    progress.show()
    told = capsys.readouterr().out
    assert "1 of 1" in told and progress.NOTHING_YET not in told
    monkeypatch.chdir(place.parents[1])
    progress.show()
    assert capsys.readouterr().out == progress.NOTHING_YET + "\n"


def test_the_command_prints_a_line_a_lesson_and_how_to_begin(place, capsys, monkeypatch):
    monkeypatch.setattr(course, "root", lambda: place.parents[1])
    monkeypatch.chdir(place.parents[1])
    assert main(["progress"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 3 and "0 of 1" in told[1] and told[2] == progress.NOTHING_YET
    monkeypatch.chdir(place)
    progress.record("activations", "gelu", RIGHT)
    assert main(["progress"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2 and "1 of 1" in told[1]


def test_the_whole_courses_table_has_ten_lessons_and_fits_a_terminal(tmp_path):
    lines = progress.table(progress.summary(ROOT / "work")).splitlines()
    assert [line[:2] for line in lines[1:]] == [name[:2] for name in LESSONS]
    assert max(map(len, lines)) <= 80


def test_a_reset_puts_the_release_back_and_keeps_every_state_that_was_there(place, capsys):
    root, work = place.parents[1], place.parent
    mine = work / LESSON / f"{LESSON}.ipynb"
    released = mine.read_bytes()
    progress.record("activations", "gelu", RIGHT)
    for number in (1, 2):
        mine.write_text(f"mine {number}")
        assert lab.reset(LESSON, root) == work / f"{LESSON}.backup-{number}"
        assert mine.read_bytes() == released
    kept = [(work / f"{LESSON}.backup-{number}" / f"{LESSON}.ipynb").read_text() for number in (1, 2)]
    assert kept == ["mine 1", "mine 2"]
    assert progress.summary(work)[0].exercises == {"gelu": "passed"}
    assert not any(course.LESSON.fullmatch(path.name) for path in work.glob("*backup*"))
    assert lab.copy_lessons(root) == [] and not list(work.glob(".copying*"))


def test_a_reset_forgets_what_was_passed_only_when_told_to_and_only_of_that_lesson(place):
    progress.record("activations", "gelu", RIGHT)
    progress.record("losses", "mse", RIGHT)
    progress.keep_answer("activations", "review_gain", "b")
    lab.reset(LESSON, place.parents[1], forget=True)
    assert [row[:2] for row in rows(place.parent)] == [("losses", "mse")]
    assert progress.kept_answer("activations", "review_gain") is None


def test_a_reset_of_what_is_not_there_copies_it(tmp_path, place, monkeypatch, capsys):
    monkeypatch.setattr(lab, "course_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    (place / f"{LESSON}.ipynb").unlink()
    place.rmdir()
    assert main(["reset", LESSON]) == 0
    assert (place / f"{LESSON}.ipynb").exists() and not list(place.parent.glob("*backup*"))
    assert "none before" in capsys.readouterr().out
    assert main(["reset", LESSON]) == 0
    assert capsys.readouterr().out == (f"work/{LESSON} is as it was released; "
                                       f"what you had is in work/{LESSON}.backup-1.\n")


@pytest.mark.parametrize("name", ["99_no_such_lesson", "activations", "..", "", "02_activations.backup-1"])
def test_a_reset_of_what_is_no_lesson_is_told_in_a_sentence(place, monkeypatch, capsys, name):
    monkeypatch.setattr(lab, "course_root", lambda: place.parents[1])
    before = sorted(place.parent.rglob("*"))
    assert main(["reset", name]) == 1
    assert capsys.readouterr().err == f"There is no lesson {name!r}: there is {LESSON}.\n"
    assert sorted(place.parent.rglob("*")) == before


def test_a_reset_that_breaks_off_leaves_the_learners_own_in_its_place(place, monkeypatch):
    (place / f"{LESSON}.ipynb").write_text("mine")
    rename = lab.os.rename

    def broken(source, target):
        if ".copying-" in str(source):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(lab.os, "rename", broken)
    with pytest.raises(course.CourseError, match="disk is full"):
        lab.reset(LESSON, place.parents[1])
    assert (place / f"{LESSON}.ipynb").read_text() == "mine"
    assert [path.name for path in place.parent.iterdir() if not path.name.startswith(".")] == [LESSON]


def test_the_module_costs_next_to_nothing_until_something_is_recorded():
    probe = "import sys, dlcourse.progress; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, text=True, capture_output=True).stdout.split()
    assert "dlcourse.progress" in loaded
    assert not {"torch", "sqlite3", "IPython", "ipywidgets", "nbformat"} & set(loaded)
