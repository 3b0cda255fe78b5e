"""What every check does, whatever it checks: parts and points, messages, rules, and leaving things as they were."""

import signal
import sys
import threading
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from dlcourse.checks import activations as check
from dlcourse.checks import picture, watching
from dlcourse.checks.asking import batches, slope, value
from dlcourse.checks.core import Check, Mistake, Part
from dlcourse.checks.verdict import CheckFailed


def failing(check, answer, **options):
    with pytest.raises(CheckFailed) as caught:
        check(answer, **options)
    return caught.value.verdict


def doubling(**options):
    return Check("double", "double(x)", lambda x: 2 * x, [
        Part("values", 0.6, "twice x", batches, value), Part("gradient", 0.4, "the gradient is 2", batches, slope)],
        [Mistake("double-square", "This is x².", lambda x: x * x)], **options)


def test_swish_given_for_gelu_is_named_and_ones_own_exact_gelu_passes():
    verdict = failing(check.gelu, F.silu)
    assert verdict.misconception == "gelu-swish" and "Swish" in verdict.message
    verdict = check.gelu(lambda x: 0.5 * x * (1 + torch.erf(x / 2 ** 0.5)))
    assert verdict.passed and verdict.score == 1.0 and verdict.misconception is None and verdict.seconds > 0


def test_a_part_that_holds_earns_its_share_and_nothing_does_without_the_first():
    assert failing(doubling(), lambda x: (2 * x).detach()).score == 0.6
    half = failing(doubling(), lambda x: x + x.detach())
    assert half.score == 0.6 and "1 of 2 parts hold, 60% of the points" in half.message
    assert failing(doubling(), lambda x: 2 * x + 1).score == 0.0  # its gradient is right


def test_the_message_shows_what_was_asked_what_came_back_and_where_they_part():
    message = failing(doubling(pointwise=True), lambda x: 2 * x + (x > 0)).message
    for piece in ("double(x) with x of shape (7,), float64", "Looked at output at [", "where x = ", "Yours", "Expected",
                  "✗ values: twice x", "✓ gradient: the gradient is 2"):
        assert piece in message


def rows(reference, x, **options):
    """A check of one part that looks at what comes back for x."""
    return Check("rows", "rows(x)", reference, [
        Part("values", 1.0, "as the reference", lambda g: [{"x": x}], lambda rows, x: {"output": rows(x)})], **options)


@pytest.mark.parametrize("reference, answer, shown", [
    (lambda x: [x, x], lambda x: [x, x + 1], "Looked at output, number 2 at [0, 0]\n"),
    (lambda x: [[x], [x, x]], lambda x: [[x], [x, x + 1]], "Looked at output, number 2, in it number 2 at [0, 0]\n")])
def test_a_place_in_a_list_is_counted_from_1_and_one_in_a_list_of_lists_inside_that(reference, answer, shown):
    assert shown in failing(rows(reference, torch.ones(2, 2)), answer).message


@pytest.mark.parametrize("options", [{"pointwise": True}, {"curve": (-1, 1)}, {}], ids=str)
@pytest.mark.parametrize("x, reference, entry, place, own", [
    ([[3.0, 5.0], [7.0, 9.0]], lambda x: x, 2, " at [1, 0]", ", where x = 7"),
    ([3.0, 7.0], lambda x: x[:, None], 1, " at [1, 0]", ", where x = 7"),
    (7.0, lambda x: x, 0, "", ", where x = 7"),
    ([3.0, 7.0], lambda x: x[:, None].expand(2, 3), 4, " at [1, 1]", ""),
    ([[3.0]], lambda x: x.expand(2, 2), 2, " at [1, 0]", ""),
    ([[3.0, 7.0]], lambda x: x[0], 1, " at [1]", ""),
], ids=["entry by entry", "a row to a column", "one number", "three of each", "more than x has", "fewer axes"])
def test_x_is_shown_of_a_function_of_one_number_where_it_has_its_own_and_nowhere_else(
        options, x, reference, entry, place, own):
    def wrong_in_one(x):
        y = reference(x).clone()
        y.view(-1)[entry] += 1
        return y
    shown = f"Looked at output{place}{own if options else ''}\n"
    assert shown in failing(rows(reference, torch.tensor(x), **options), wrong_in_one).message


@pytest.mark.parametrize("reference, answer, says", [
    (lambda x: [1.0, 2.0, 3.0], lambda x: [1.0, 2.0], "3 entries were asked for, and 2 came back."),
    (lambda x: x[:1], lambda x: x, "1 entry was asked for, and 2 came back."),
    (lambda x: [x], lambda x: [], "1 entry was asked for, and 0 came back."),
    (lambda x: x, lambda x: x[:, None], "The numbers came back in another shape than was asked for."),
    (lambda x: x[:, None], lambda x: x[:1, None], "The numbers came back in another shape than was asked for."),
    (lambda x: {"a": x}, lambda x: 3, "It gave back an int; a dict of 1 was asked for."),
    (lambda x: "left", lambda x: [x], "It gave back a list of 1; a str was asked for."),
    (lambda x: None, lambda x: 3, "It gave back an int; None was asked for."),
])
def test_what_came_back_in_another_form_is_told_in_plain_words(reference, answer, says):
    assert says in failing(rows(reference, torch.ones(2)), answer).message


def test_a_lost_gradient_names_the_copy_that_forgets_where_its_numbers_came_from():
    verdict = failing(doubling(), lambda x: 2 * torch.tensor(x.tolist(), dtype=x.dtype))
    assert verdict.misconception == "no-gradient" and "through `torch.tensor(…)`, which copies" in verdict.message


def test_a_notebook_shows_the_message_and_no_traceback():
    with pytest.raises(CheckFailed) as caught:
        doubling()(lambda x: x * x)
    shown = "\n".join(caught.value._render_traceback_())
    assert "This is x²." in shown and "Traceback" not in shown and "File" not in shown
    assert isinstance(caught.value, AssertionError)


def test_a_failing_function_of_one_number_is_drawn_beside_the_expected_one():
    png = picture.draw(F.silu, check.gelu.reference, check.gelu.curve)
    assert png.startswith(b"\x89PNG") and png != picture.draw(torch.relu, check.gelu.reference, check.gelu.curve)
    for no_curve in (lambda x: None, lambda x: x[:3], lambda x: x.reshape(2)):
        assert picture.draw(no_curve, check.gelu.reference, check.gelu.curve) is None
    assert picture.draw(lambda x: x.detach(), check.gelu.reference, check.gelu.curve)  # its value at least


def test_an_error_in_an_answer_is_told_with_the_learners_own_line():
    def broken(x):
        return x.reshape(-1, 1000)
    message = failing(doubling(), broken).message
    assert "It raised RuntimeError" in message and "return x.reshape(-1, 1000)" in message


def test_only_an_untouched_hole_counts_as_not_written():
    def stub(x):
        raise NotImplementedError()

    assert failing(doubling(), stub).misconception == "not-written"
    raised_by_torch = failing(doubling(), lambda x: x & x)
    assert raised_by_torch.misconception is None and "not implemented for" in raised_by_torch.message


def test_a_message_names_the_method_or_the_earlier_exercise_that_is_not_written():
    class double:
        def __call__(self, x):
            raise NotImplementedError()

    def halve(x):
        raise NotImplementedError()
    assert failing(doubling(), double()).message.startswith("double.__call__ is not written yet")
    assert failing(doubling(), lambda x: halve(x)).message.startswith("double calls halve, which is not written yet")


def test_an_answer_that_never_ends_is_stopped_and_told_so():
    def forever(x):
        while True:
            try:
                x = x + 0
            except Exception:
                pass

    verdict = failing(doubling(seconds=0.05), forever)
    assert verdict.misconception == "endless" and "had not come to an end after 0.5 seconds" in verdict.message
    assert verdict.seconds < 5 and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_import_is_never_broken_off_and_its_time_is_not_the_answers(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time\nend = time.process_time() + 1\n"
                                                "while time.process_time() < end: pass\nready = 2\n")
    monkeypatch.syspath_prepend(tmp_path)

    def late(x):
        import slow_to_import
        return slow_to_import.ready * x
    assert doubling(seconds=0.05)(late).passed


def test_an_answer_that_waits_for_ever_is_stopped_too():
    verdict = failing(doubling(seconds=0.02), lambda x: threading.Event().wait())
    assert verdict.misconception == "endless"


def test_an_answer_that_writes_into_a_list_of_tensors_changes_no_other_question():
    case = {"params": [torch.ones(2)], "deep": {"also": [torch.ones(2)]}}

    def spoil(answer, params, deep):
        params[0].zero_()
        deep["also"].clear()
    watching.observe(SimpleNamespace(observe=spoil), None, case)
    assert case["params"][0].tolist() == [1, 1] and len(case["deep"]["also"]) == 1


@pytest.mark.parametrize("answer, words", [
    (lambda x: F.gelu(x), "gelu"), (lambda x: torch.nn.GELU()(x), "gelu"), (lambda x: torch.ops.aten.gelu(x), "gelu"),
    (lambda x: getattr(F, "ge" + "lu")(x), "gelu"), (lambda x: torch._C._nn.gelu(x, approximate="none"), "gelu"),
    (lambda x: x * torch.special.ndtr(x) if x.dim() < 9 else F.gelu(x), "gelu"),
], ids=["called", "as a module", "torch.ops", "getattr", "private", "in a branch never taken"])
def test_what_an_exercise_rules_out_is_seen_however_it_is_called(answer, words):
    verdict = failing(check.gelu, answer)
    assert verdict.misconception == "off-limits" and verdict.score == 0.0
    assert f"it uses torch's {words}" in verdict.message


def test_python_functions_and_whole_modules_can_be_ruled_out_too():
    rules = frozenset({"torch.optim", "torch.nn.utils.clip_grad", "Sequential", "torch.nn.modules.container.Sequential"})
    ruled = doubling(off_limits=rules)

    def with_optimizer(x):
        from torch.optim import SGD as hidden
        hidden([torch.zeros(1, requires_grad=True)], lr=1.0)
        return 2 * x

    clip = torch.nn.utils.clip_grad_norm_
    assert "it uses torch.optim." in failing(ruled, with_optimizer).message
    both = lambda x: torch.nn.Sequential()(with_optimizer(x))
    assert "it uses torch's Sequential and torch.optim." in failing(ruled, both).message
    assert "torch.nn.utils.clip_grad" in failing(ruled, lambda x: (clip([torch.zeros(1)], 1.0), 2 * x)[1]).message
    sequential = torch.nn.Sequential
    assert "torch.nn.modules.container.Sequential" in failing(ruled, lambda x: sequential()(2 * x)).message
    assert "uses torch's Sequential." in failing(ruled, lambda x: torch.nn.Sequential()(2 * x)).message
    assert ruled(lambda x: x + x).passed
    assert sys.getprofile() is None


def test_a_learners_own_function_of_the_same_name_is_not_torchs():
    def gelu(x):
        return x * torch.special.ndtr(x)
    assert check.gelu(lambda x: gelu(x)).passed


def test_the_learners_draw_is_always_the_same_and_a_graders_is_another():
    first, again, other = (check.gelu.questions(seed)["values"][0]["x"] for seed in (None, None, 5))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_check_leaves_random_state_and_gradient_mode_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert check.gelu(lambda x: x * torch.special.ndtr(x) + 0 * torch.rand(())).passed
        assert not torch.is_grad_enabled()
    assert torch.equal(before, torch.get_rng_state())


def test_what_an_answer_writes_to_stderr_comes_out_on_stdout(capfd):
    def noisy(x):
        print("careful", file=sys.stderr)
        warnings.warn("careful too")
        return 2 * x
    assert doubling()(noisy).passed
    out, err = capfd.readouterr()
    assert "careful" in out and err == ""


@pytest.mark.parametrize("question, answer, mistake, words", [
    (check.review_dead, "b", "review_dead-b", "smaller step"), (check.review_dead, "(B) ", "review_dead-b", "smaller step"),
    (check.review_dead, "z", None, "one letter"), (check.review_dead, None, "not-written", "no answer yet"),
    (check.review_shrinking, 0.5 ** 10, "review-shrinking-half", "derivative"),
    (check.review_shrinking, 0.1, None, "factors multiply"), (check.review_shrinking, "abc", None, "a number"),
    (check.review_shrinking, float("nan"), None, "a number"),
    (check.review_order, "aebcd", "review-order-reversed", "other end"),
    (check.review_order, "cbdea", None, "explorer"), (check.review_order, "abc", None, "each once"),
])
def test_a_review_question_says_why_an_answer_is_wrong_and_keeps_the_right_one_to_itself(question, answer, mistake, words):
    verdict = failing(question, answer)
    assert verdict.misconception == mistake and words in verdict.message
    assert "Expected" not in verdict.message and question.parts[0].holds not in verdict.message


@pytest.mark.parametrize("question, answer", [
    (check.review_dead, "c"), (check.review_dead, " C)"), (check.review_shrinking, 1e-6), (check.review_order, "d, c, b, e, a"),
])
def test_a_right_answer_is_right_however_it_is_written(question, answer):
    assert question.parts[0].holds in question(answer).message


def test_observations_of_any_other_form_do_not_pass():
    questions = check.gelu.questions()
    for forged in ({"source": None, "calls": [], "parts": {}},
                   {"source": None, "calls": [], "parts": {"values": [], "gradient": [], "tails": []}},
                   {"source": None, "calls": [], "parts": {"values": [{"seen": None}] * 4}},
                   {}, None, [], {"source": 3, "calls": 4, "parts": 5},
                   {"source": None, "calls": [], "parts": {"values": ["x"] * 4}}):
        verdict = check.gelu.judge(questions, forged)
        assert not verdict.passed and verdict.score == 0.0 and verdict.message
