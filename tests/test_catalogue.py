"""Every wrong answer is rejected and most are told their own mistake; every right one is accepted."""

import time
from collections import Counter
from functools import cache
from importlib import import_module

import pytest
from catalogue import answers

from dlcourse.checks.core import Check
from dlcourse.checks.verdict import CheckFailed

ANSWERS = answers()
LESSONS = sorted({answer.lesson for answer in ANSWERS})
CAPSTONES = {"train_hundred_layers"}  # these may take a minute


def grouped(lesson, value, *marks):
    """A case of a test; a lesson's cases run in one worker, which then need not ask for a verdict twice."""
    return pytest.param(value, id=str(value), marks=[pytest.mark.xdist_group(f"catalogue of {lesson}"), *marks])


def check_of(answer) -> Check:
    return getattr(import_module(f"dlcourse.checks.{answer.lesson}"), answer.exercise)


# An exercise's first right answer and its first wrong one, where the check neither trains nor starts processes:
# all that FAST=1 looks at.
FIRST = {(answer.lesson, answer.exercise, answer.right): answer for answer in reversed(ANSWERS)}.values()
FIRST = {answer for answer in FIRST if check_of(answer).seconds <= 1}


def each(answers):
    """A test's cases: these answers."""
    return pytest.mark.parametrize("answer", [
        grouped(answer.lesson, answer, *([] if answer in FIRST else [pytest.mark.slow])) for answer in answers])


each_lesson = pytest.mark.parametrize("lesson", [grouped(lesson, lesson) for lesson in LESSONS])


def verdict_on(answer, seed=None):
    return timed(answer, seed)[0]


@cache
def timed(answer, seed=None):
    """The verdict, and how long the check kept a core busy, however many others want that core."""
    start = time.process_time()
    try:
        verdict = check_of(answer)(answer.code, seed=seed)
    except CheckFailed as failed:
        verdict = failed.verdict
    return verdict, time.process_time() - start


def seeds(answer):
    """The learner's own draw and one of a grader's; of a check that trains, the learner's alone."""
    return (None, 1) if check_of(answer).seconds <= 1 else (None,)


@each(answer for answer in ANSWERS if answer.right)
def test_a_right_answer_is_accepted_in_full(answer):
    for seed in seeds(answer):
        verdict = verdict_on(answer, seed)
        assert verdict.passed and verdict.score == 1.0, verdict.message


@each(answer for answer in ANSWERS if not answer.right)
def test_a_wrong_answer_is_rejected_and_told_its_mistake(answer):
    for seed in seeds(answer):
        verdict = verdict_on(answer, seed)
        assert not verdict.passed and verdict.score < 1.0
        assert verdict.misconception == answer.mistake, verdict.message
        assert len(verdict.message) > 20


@pytest.mark.slow
@each_lesson
def test_every_exercise_has_six_wrong_answers_and_two_right_ones_and_nine_in_ten_are_told(lesson, summary_table):
    rows = []
    for exercise in exercises(lesson):
        mine = [a for a in ANSWERS if (a.lesson, a.exercise) == (lesson, exercise)]
        verdicts = [(a, verdict_on(a, None)) for a in mine]
        wrong = [(a, v) for a, v in verdicts if not a.right]
        told = sum(v.misconception == a.mistake and v.misconception is not None for a, v in wrong)
        accepted = sum(v.passed for _, v in wrong)
        rejected = sum(not v.passed for a, v in verdicts if a.right)
        rows.append((exercise, len(wrong), accepted, told, len(mine) - len(wrong), rejected))
        assert len(wrong) >= 6 and len(mine) - len(wrong) >= 2, f"{exercise} needs more answers in the catalogue"
    total = ("all", *(sum(row[k] for row in rows) for k in range(1, 6)))
    summary_table(f"catalogue of {lesson}: {len(rows)} exercises, {total[3] / total[1]:.0%} told their own mistake",
                  ("exercise", "wrong", "accepted", "told", "right", "rejected"), [*rows, total])
    assert total[2] == 0 and total[5] == 0
    assert all(row[3] >= 0.9 * row[1] - 0.5 for row in rows) and total[3] >= 0.9 * total[1]


def exercises(lesson: str) -> list[str]:
    """The names of a lesson's checks that are no review questions, in the order they stand."""
    module = import_module(f"dlcourse.checks.{lesson}")
    return [name for name, check in vars(module).items() if isinstance(check, Check) and not check.secret]


@each_lesson
def test_every_mistake_has_an_id_of_its_own_and_a_sentence(lesson):
    for check in vars(import_module(f"dlcourse.checks.{lesson}")).values():
        if isinstance(check, Check):
            says = {(mistake.id, mistake.says) for mistake in check.mistakes}
            twice = [id for id, count in Counter(id for id, _ in says).items() if count > 1]
            assert not twice, f"{check.name} explains {twice} in two ways"
            assert all(says.rstrip().endswith((".", "?")) for _, says in says)


@each(ANSWERS)
def test_a_check_answers_within_a_second_or_where_it_trains_within_its_limit(answer):
    limit = check_of(answer).seconds
    assert limit <= (60 if answer.exercise in CAPSTONES else 20)
    clock = hasattr(check_of(answer), "ranks")  # other processes do the work, and wait for each other
    asked = (ask(answer, None) for ask in (timed, timed.__wrapped__))  # the first may have loaded what it needs
    assert any((verdict.seconds if clock else core) < limit for verdict, core in asked)
