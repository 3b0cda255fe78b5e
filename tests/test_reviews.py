"""The review questions: written in reviews/, sealed into the package, and out of sight where learners' code is graded."""

import importlib
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from lesson_files import PAGES, ROOT, contents, tree

from dlcourse import reviews
from dlcourse.checks import questions, sealed
from dlcourse.checks.questions import Question
from dlcourse.grading import judging, sandbox
from dlcourse.lessons import LessonError, build

MODULES = {name: importlib.import_module(f"dlcourse.checks.{name[3:]}") for name in PAGES}
QUESTIONS = {f"{lesson}-{name}": check for lesson, module in MODULES.items()
             for name, check in vars(module).items() if isinstance(check, Question)}
REVIEW = '[biggest]\nkind = "choice"\nright = "c"\nbecause = "Three."\n[biggest.wrong]\na = "One."\nb = "Two."\n'


def texts(question: Question) -> list[str]:
    """What a question tells once it has been answered."""
    return [question.parts[0].holds, question.hint, *(mistake.says for mistake in question.mistakes)]


# In the package.


def test_what_is_sealed_is_what_is_written_in_reviews():
    assert reviews.sealed_anew(ROOT) == {}, "run `make lessons` and commit what it changes"


@pytest.mark.parametrize("lesson", PAGES)
def test_each_question_of_a_lesson_has_the_name_that_it_is_written_under(lesson):
    there = {name: check.name for name, check in vars(MODULES[lesson]).items() if isinstance(check, Question)}
    assert there and there == {name: name for name in reviews.read(ROOT)[lesson[3:]]}


def test_no_text_of_a_key_can_be_read_in_the_package_or_in_what_learners_open():
    files = [path for path in (ROOT / "dlcourse").rglob("*") if path.suffix in (".py", ".sealed", ".txt")]
    files += (ROOT / "notebooks").rglob("*.ipynb")
    read = "\n".join(path.read_text() for path in files)
    assert sealed.FILE in files and len(QUESTIONS) > 50
    assert [text for question in QUESTIONS.values() for text in texts(question) if len(text) > 30 and text in read] == []


def test_an_installed_package_has_its_review_questions_with_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sealed.FILE.relative_to(ROOT / "dlcourse").as_posix() in project["tool"]["setuptools"]["package-data"]["dlcourse"]


def test_a_seal_gives_back_what_it_was_given():
    written = {"sums": {"biggest": {"right": "ß", "within": 0.1 + 0.2, "wrong": {"a": [1, 2.0, "x"]}}}}
    assert sealed.unseal(sealed.seal(written)) == written
    assert "ß" not in sealed.seal(written)


# Out of sight.


def alike(first: Question, second: Question) -> bool:
    """Whether two questions send the same into the sandbox."""
    return judging.freight(first) == judging.freight(second)


def test_what_is_sent_to_an_answer_is_the_same_whatever_the_key_is():
    wrong = dict.fromkeys("abcd", "No.")
    assert alike(*(questions.choice("q", right, right, {key: says for key, says in wrong.items() if key != right})
                   for right in "ac"))
    assert alike(*(questions.ordering("q", right, right, "?", {}) for right in ("abc", "cab")))
    assert alike(*(questions.numeric("q", right, str(right), "?", {}) for right in (1.0, 2.0)))
    assert alike(*(questions.matching("q", dict(zip(("x", "y"), right)), right, "?", {"x-y": ("x", "y", "No.")})
                   for right in ("ab", "ba")))
    assert not alike(questions.ordering("q", "abc", "", "?", {}), questions.ordering("q", "abcd", "", "?", {}))


def test_what_is_laid_out_for_learners_has_widgets_and_no_keys():
    folder = Path(sandbox.stage())
    laid_out = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(folder)
    assert {"dlcourse/quiz.py", "dlcourse/answers.py"} <= laid_out
    assert not [name for name in laid_out if "sealed" in Path(name).name and name != "dlcourse/checks/sealed.py"]
    assert not [name for name in laid_out if name.endswith((".toml", ".sealed"))]


LOOKING = f"""
import os, sys, zlib, base64
found = [os.path.join(folder, file) for folder, _, files in os.walk('/') for file in files
         if file in ('{sealed.FILE.name}', '02_activations.toml')]
print('found', found)
from dlcourse import quiz
try:
    from dlcourse.checks import sealed
    print(sealed.questions('activations'))
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.slow
@pytest.mark.xdist_group("hostile")
def test_code_in_the_sandbox_finds_no_key():
    walls = sandbox.Sandbox()
    try:
        with walls.session() as session:
            said = "".join(one.get("text", "") for one in session.run(LOOKING, 60))
    finally:
        walls.close()
    assert said.splitlines() == ["found []", "This check is made where the grade is given."]


# Partial credit.


def letters(**right) -> Question:
    """A question that matches words to letters; x and y are taken for each other."""
    return questions.matching("m", right, "Yes.", "Look again.", {"x-y": ("x", "y", "These two.")})


def verdict(question: Question, answer):
    """The verdict, passed or not."""
    asked = question.questions()
    return question.judge(asked, question.ask(answer, asked))


@pytest.mark.parametrize("answer, score, mistake", [
    ("abcd", 1.0, None), (" A, b. C d", 1.0, None), ("bacd", 0.5, "x-y"), ("aacd", 0.75, "x-y"), ("abdc", 0.5, None),
    ("----", 0.0, None), ("a---", 0.25, None), ("dcba", 0.0, None), ("bbbb", 0.25, "x-y")])
def test_each_word_that_has_its_letter_earns_its_share_and_a_mix_up_is_named(answer, score, mistake):
    found = verdict(letters(x="a", y="b", z="c", w="d"), answer)
    assert (found.passed, found.score, found.misconception) == (score == 1, score, mistake)
    assert ("These two." in found.message) == (mistake is not None)
    assert 0 < score < 1 and f"{score * 4:.0f} of 4 are right" in found.message or score in (0, 1)


@pytest.mark.parametrize("answer", ["abc", "abcde", "abce", "", 3, ["a"], {"x": "a"}])
def test_what_is_no_row_of_letters_is_told_how_to_write_one(answer):
    found = verdict(letters(x="a", y="b", z="c", w="d"), answer)
    assert found.score == 0 and "Answer with 4 letters in quotes" in found.message


@pytest.mark.parametrize("answer, told", [
    ("abc", "4 letters are asked for, and there are 3."), ("abce", "there is no e to choose."),
    ("dcba", "0 of 4 are right."), ("aacd", "a stands more than once and b not at all."),
    ("aa--", "a stands more than once."), ("bcda", "0 of 4 are right.")])
def test_a_row_of_letters_is_counted_whatever_is_wrong_with_it(answer, told):
    message = verdict(letters(x="a", y="b", z="c", w="d"), answer).message
    assert told in message and "not that one" not in message
    assert ("more than once" in message) == (len(set(answer)) < len(answer))


@pytest.mark.parametrize("seen", [None, 3, "abcd", [], {}, {"answer": None}, {"answer": "abcd"}, {"answer": {"x": 1}},
                                  {"answer": {"x": ["a"]}}, {"answer": {"x": {"a": "a"}, "y": None}}])
def test_observations_of_any_other_form_earn_nothing(seen):
    question = letters(x="a", y="b")
    for observations in ({"parts": {"answer": [{"seen": seen}]}}, {"parts": {"answer": [seen]}}, {"parts": {"answer": seen}}):
        found = question.judge(question.questions(), observations)
        assert not found.passed and found.score == 0.0


# Numbers.


@pytest.mark.parametrize("answer", ["1/3", " 1 / 3 ", "0.333333", 1 / 3, "3 ** -1"])
def test_a_number_may_be_written_as_arithmetic_in_quotes(answer):
    assert verdict(questions.numeric("n", 1 / 3, "Yes.", "Look again.", {}), answer).passed


@pytest.mark.parametrize("answer", ["0,341", (0, 341), "a third", "nan", [1], ""])
def test_what_is_no_number_is_told_how_to_write_one(answer):
    found = verdict(questions.numeric("n", 0.341, "Yes.", "Look again.", {}), answer)
    assert not found.passed and "such as 0.5 or 1/3 (a point, no comma); 2% to either side counts" in found.message


@pytest.mark.parametrize("right, within, form", [
    (230, 0.001, "Answer with a whole number."), (9, 0.0, "Answer with a whole number."),
    (230, 0.01, "(a point, no comma); 1% to either side counts as right."),
    (3.0, 0.001, "(a point, no comma); 0.1% to either side counts as right."),
    (0.5, 0.07, "(a point, no comma); 7% to either side counts as right."), (0.5, 0.0, "(a point, no comma)."),
])
def test_how_exact_a_number_must_be_is_said_as_it_is(right, within, form):
    found = verdict(questions.numeric("n", right, "Yes.", "Look again.", {}, within), "?")
    assert found.message.endswith(form)


# The build.


@pytest.fixture
def reviewed(toy):
    """The small course, with a review of its question."""
    (toy / "reviews").mkdir()
    (toy / "dlcourse" / "checks").mkdir(parents=True)
    (toy / "reviews" / "01_sums.toml").write_text(REVIEW)
    return toy


def test_a_build_seals_the_reviews_and_a_second_one_touches_nothing(reviewed):
    changed = [path.relative_to(reviewed).as_posix() for path in build(root=reviewed)]
    assert changed[0] == "dlcourse/checks/reviews.sealed" and len(changed) == 3
    written = sealed.unseal((reviewed / reviews.SEALED).read_text())
    assert written["sums"]["biggest"]["wrong"] == {"a": "One.", "b": "Two."}
    before = tree(reviewed)
    assert build(root=reviewed) == [] and tree(reviewed) == before


def test_questions_in_another_order_and_a_seal_that_is_broken_are_sealed_anew(reviewed):
    least = REVIEW.replace("biggest", "least")
    path = reviewed / reviews.SEALED
    for text in (REVIEW + least, least + REVIEW):
        (reviewed / "reviews" / "01_sums.toml").write_text(text)
        assert path in reviews.sealed_anew(reviewed)
        build(root=reviewed)
        assert list(sealed.unseal(path.read_text())["sums"]) == re.findall(r"^\[(\w+)\]", text, re.MULTILINE)
    for spoiled in ("<<<<<<< ours\n" + path.read_text(), "", path.read_text()[:200], json.dumps({})):
        path.write_text(spoiled)
        assert path in reviews.sealed_anew(reviewed)


def test_a_lesson_that_is_wrong_leaves_the_seal_as_it_was(reviewed):
    source = reviewed / "solutions/01_sums/01_sums.py"
    source.write_text(source.read_text().replace("total = a + b", "total = a +"))
    before = contents(reviewed)
    with pytest.raises(LessonError, match="Python cannot read this"):
        build(root=reviewed)
    assert contents(reviewed) == before


REFUSALS = {  # what is changed in the review, and what the author is told
    "no TOML": ('right = "c"', "right = c", r"01_sums.toml cannot be read: Invalid value"),
    "no kind": ('kind = "choice"\n', "", "01_sums.toml, biggest: write .biggest. and below it a kind: choice, num"),
    "an unknown kind": ('"choice"', '"guess"', "01_sums.toml, biggest: write .biggest. and below it a kind"),
    "no question": ("[biggest]\n", "biggest = 3\n[x]\n", "01_sums.toml cannot be read|biggest: write"),
    "no reason": ('because = "Three."\n', "", "biggest: this makes no question .*because.*; see the function choice"),
    "a word too many": ("because", "hint = 'x'\nbecause", "biggest: this makes no question .*hint"),
    "a wrong answer that is right": ('b = "Two."', 'c = "Three?"', "biggest: to the answer 'c' it says '✓ biggest"),
    "another kind's wrong answers": ('"choice"', '"ordering"', "biggest: this makes no question"),
}


@pytest.mark.parametrize("old, new, message", REFUSALS.values(), ids=REFUSALS)
def test_a_review_that_makes_no_question_is_refused_in_one_sentence(reviewed, old, new, message):
    assert old in REVIEW
    (reviewed / "reviews" / "01_sums.toml").write_text(REVIEW.replace(old, new))
    before = contents(reviewed)
    with pytest.raises(LessonError, match=message) as refusal:
        build(root=reviewed)
    assert "\n" not in str(refusal.value) and contents(reviewed) == before
