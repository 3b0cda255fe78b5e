"""What lesson 10 says of one device and of plans on paper is true: landmarks over three seeds, published rows."""

import math
import re
import statistics
import time

import pytest
import torch
from catalogue.training_at_scale import one_device
from lesson_text import lesson_text
from torch import nn
from torch.nn import functional as F

from dlcourse.checks import training_at_scale as check
from dlcourse.checks.training_at_scale import orders
from dlcourse.checks.verdict import CheckFailed
from dlcourse.explorers import training_at_scale as explore
from dlcourse.memory import LiveBytes

LESSON = lesson_text("10_training_at_scale")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them


def mean(values):
    values = list(values)
    return sum(values) / len(values)


# Half precision.


def test_float16_ends_where_the_lesson_says_and_bfloat16_does_not():
    LESSON.says(r"what lies below $2^{-25}$, about $3 \cdot 10^{-8}$, becomes 0, its largest number is 65 504, and "
                "from 65 520 on all becomes inf.", "its next number above 1 is 1.0078.")
    half = lambda x: torch.tensor(x, dtype=torch.float64).to(torch.float16)
    assert half(0.99 * 2 ** -25) == 0 and half(1.01 * 2 ** -25) > 0
    assert half(65504.0) == half(65519.9) == 65504 and half(65520.0).isinf()
    small, large = torch.tensor([3e-38, 3e38]).to(torch.bfloat16)
    assert small > 0 and large.isfinite()
    assert 1 + torch.finfo(torch.bfloat16).eps == pytest.approx(1.0078, abs=2e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_float16_loses_gradients_that_scaling_keeps_and_bfloat16_needs_no_scaling(seed):
    LESSON.says("In float16 more than half of it is", "The accuracy is back where float32 has it.",
                "bfloat16 has the range, and its few digits are enough here.")
    plain, lost, wide = (own["train_in"](dtype, own["Unscaled"](), seed)
                         for dtype in (torch.float32, torch.float16, torch.bfloat16))
    saved = own["train_in"](torch.float16, own["LossScaler"](growth_interval=5), seed)
    assert lost[1] > 0.5 and plain[1] < 0.35
    assert lost[0] < plain[0] - 0.15
    for other in (saved, wide):
        assert abs(other[0] - plain[0]) < 0.03 and abs(other[1] - plain[1]) < 0.05


def test_the_scale_climbs_to_an_overflow_and_stays_below_the_edge():
    LESSON.says("The scale climbs until something overflows, loses one step, and goes on just below the edge.")
    scales = own["train_in"](torch.float16, own["LossScaler"](growth_interval=5))[2]
    falls = [n for n in range(1, len(scales)) if scales[n] < scales[n - 1]]
    assert falls and scales[0] == 2.0 ** 16
    assert {after / before for before, after in zip(scales, scales[1:])} == {0.5, 1.0, 2.0}
    assert min(scales[falls[0]:]) >= max(scales) / 16


def test_loss_scaler_steps_as_pytorchs_does():
    LESSON.says("PyTorch's `torch.amp.GradScaler` does the same.")
    ours, theirs = (nn.Parameter(torch.ones(3)) for _ in range(2))
    one, other = torch.optim.SGD([ours], 0.1, momentum=0.9), torch.optim.SGD([theirs], 0.1, momentum=0.9)
    mine = own["LossScaler"](init_scale=8.0, growth_interval=2)
    library = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    for factor in (1.0, 2.0, math.inf, 1.0, 3.0, 0.5, math.nan, 1.0):
        for p, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            loss = (p * factor).sum()
            ((loss * mine.scale) if p is ours else library.scale(loss)).backward()
        mine.step(one), mine.update()
        library.step(other), library.update()
        assert torch.equal(ours, theirs) and mine.scale == library.get_scale()


@pytest.mark.parametrize("answer, order", [("Late", "✓"), ("FlagStaysUp", "✓"), ("AllInStep", "✗")])
def test_whether_update_alone_changes_the_scale_is_told_apart_from_when_and_how(answer, order):
    with pytest.raises(CheckFailed) as caught:
        check.LossScaler(getattr(one_device, answer))
    assert f"{order} order: only update() changes the scale" in caught.value.verdict.message


# Recomputing.


def test_checkpoints_cut_peak_activations_to_a_quarter_for_a_third_more_operations():
    LESSON.says("Eight segments need about a quarter of the memory, for a third more operations.",
                "One segment gains nothing", "Too many gain less")
    cost = {segments: own["cost_of_segments"](segments) for segments in (0, 1, 8, 32)}
    assert cost[8][0] < 0.3 * cost[0][0]
    assert cost[8][1] / cost[0][1] == pytest.approx(4 / 3, abs=0.01)
    assert cost[1][0] > 0.9 * cost[0][0] and cost[32][0] > 1.3 * cost[8][0]


@pytest.mark.slow
def test_a_checkpointed_pass_takes_about_a_third_longer_by_the_clock_too():
    LESSON.says("Forward and backward together cost about three forward passes; a checkpoint adds one.")
    model, x = own["thirty_two_layers"](512), torch.randn(128, 512)  # so wide that products take most of the time

    def seconds(segments):
        start = time.process_time()
        own["pass_in_segments"](model, x, segments)
        return time.process_time() - start

    seconds(0), seconds(8)
    pairs = [(seconds(0), seconds(8)) for _ in range(7)]
    assert 1.1 < statistics.median(slow / quick for quick, slow in pairs) < 1.6


def test_a_checkpointed_net_has_the_gradients_of_the_plain_one():
    found = []
    for segments in (0, 8):
        model = own["thirty_two_layers"]()
        own["pass_in_segments"](model, torch.randn(16, 64, generator=torch.Generator().manual_seed(1)), segments)
        found.append([p.grad for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_pieces_give_the_gradient_of_the_whole_batch_in_less_memory():
    x, y, seen = own["x_train"][:1024], own["y_train"][:1024], []
    for pieces in (1, 16):
        model = own["classifier"](0)
        with LiveBytes() as memory:
            own["accumulate_gradients"](model, F.cross_entropy, zip(x.chunk(pieces), y.chunk(pieces)))
        seen.append((torch.cat([p.grad.flatten() for p in model.parameters()]), memory.peak))
    torch.testing.assert_close(seen[0][0], seen[1][0], atol=1e-6, rtol=1e-4)
    assert seen[1][1] < 0.5 * seen[0][1]


# Large batches.


def test_the_formula_of_the_large_batch_rate_is_what_its_solution_computes():
    LESSON.says(r"\eta_n = \eta_0 + \left(\tfrac{B}{B_0}\,\eta_0 - \eta_0\right)\min\left(1, \tfrac nW\right)")
    for n in range(40):
        plain = 0.1 + (480 / 32 * 0.1 - 0.1) * min(1, n / 25)
        assert own["large_batch_lr"](n, 0.1, 32, 480, 25) == pytest.approx(plain)
    LESSON.says("With $W = 0$ the full rate is there from step 0.")
    assert own["large_batch_lr"](0, 0.1, 32, 480, 0) == pytest.approx(1.5)


@pytest.mark.slow
def test_a_large_batch_falls_behind_at_the_old_rate_and_the_scaled_rate_brings_most_of_it_back():
    LESSON.says("From 0.01 the large batch falls far behind at the old rate; the scaled rate brings nearly all of it back.",
                "Warm-up makes no clear difference from 0.01")
    runs = [own["four_recipes"](seed, 0.01) for seed in SEEDS]
    small, kept, scaled, warmed = (mean(run[name] for run in runs) for name in runs[0])
    for run in runs:
        small_one, kept_one, scaled_one, _ = run.values()
        assert kept_one < small_one - 0.15 and scaled_one > small_one - 0.06
    assert scaled > small - 0.04 and abs(warmed - scaled) < 0.03


@pytest.mark.slow
def test_from_a_rate_without_room_the_scaled_one_brings_little_back():
    LESSON.says("batches of 16 do better at four times as much.", "the large batch loses only a few points at the old "
                "rate, and the scaled one, 0.32, brings back less than half of them.", "and none for the better from 0.04")
    cautious = mean(own["four_recipes"](seed, 0.01)["batch 16, rate 0.01"] for seed in SEEDS)
    runs = [own["four_recipes"](seed, 0.04) for seed in SEEDS]
    small, kept, scaled, warmed = (mean(run[name] for run in runs) for name in runs[0])
    assert small > cautious and 0.02 < small - kept < 0.1
    assert scaled - kept < 0.5 * (small - kept) and warmed < scaled + 0.01


# On paper, against what was published.


def test_the_memory_planner_gives_the_zero_papers_row():
    LESSON.says("Figure 1 of the ZeRO paper has 120, 31.4, 16.6 and 1.9 GB.")
    for stage, published in enumerate((120, 31.4, 16.6, 1.9)):
        gigabytes = own["memory_per_device"](7_500_000_000, 64, stage) / 1e9
        assert gigabytes == pytest.approx(published, abs=0.05)
        assert sum(explore.planned(7.5e9, 64, stage)) == pytest.approx(gigabytes)


def test_the_cost_model_gives_gpt3s_operations_and_patterson_and_others_figures():
    LESSON.says("Brown et al. count 3.14·10²³ FLOPs. Patterson et al. have 14.8 days, 1287 MWh and 552 t.")
    given = own["GPT3"]
    assert 6 * given["parameters"] * given["tokens"] == pytest.approx(3.14e23, rel=2e-3)
    seconds, kwh, kg = own["training_cost"](**given)
    assert seconds / 86400 == pytest.approx(14.8, abs=0.05)
    assert kwh / 1000 == pytest.approx(1287, rel=2e-3) and kg / 1000 == pytest.approx(552, rel=2e-3)


def test_the_sums_of_the_critiques_answer_are_those_of_training_cost():
    LESSON.says("64 GPUs at 9.6 PFLOP/s in all need 8.75 million seconds, 101 days, 109 MWh and 44 t of CO₂e.")
    seconds, kwh, kg = own["training_cost"](7e9, 2e12, 64 * 150e12, 1.0, 64 * 700, 400)
    assert (seconds, kwh, kg) == pytest.approx((8.75e6, 109e3, 44e3), rel=0.015)
    assert seconds / 86400 == pytest.approx(101, abs=0.5)


def test_the_review_of_the_bubble_is_what_the_formula_and_the_schedules_say():
    fewest = next(m for m in range(1, 99) if 3 / (m + 3) <= 0.1)
    gpipe, ahead = (orders.kept(own["pipeline_schedule"](4, fewest, kind)[1]) for kind in ("gpipe", "1f1b"))
    assert check.review_bubble.reference == gpipe / ahead == 9


def test_in_the_review_of_precision_one_scale_alone_keeps_all_three_gradients():
    gradients = torch.tensor([1e-9, 1e-6, 3.0], dtype=torch.float64)
    kept = {}
    for letter, scale in (("a", 2 ** 4), ("b", 2 ** 12), ("c", 2 ** 16)):
        half = (gradients * scale).half()
        kept[letter] = bool((half > 0).all() and half.isfinite().all())
    assert [letter for letter, all_three in kept.items() if all_three] == [check.review_precision.reference]


def test_the_review_of_memory_and_of_emergence_is_what_the_formulas_say():
    loads = {letter: own["memory_per_device"](*row) for letter, row in {
        "a": (7e9, 64, 0), "b": (1e9, 8, 0), "c": (7e9, 64, 1), "d": (1.3e9, 8, 3)}.items()}
    assert "".join(sorted(loads, key=loads.get)) == "dbca"
    assert (0.5 ** 0.2) ** 5 == pytest.approx(0.5)


# Scaling laws.


@pytest.mark.slow
@pytest.mark.parametrize("group", SEEDS)
def test_a_power_law_fitted_on_small_language_models_predicts_a_held_out_larger_one(group):
    LESSON.says("Four times as wide as any model that the fit has seen, and the prediction misses by a few hundredths.")
    seeds, widths = range(3 * group, 3 * group + 3), [6, 8, 12, 16, 24, 32]
    losses, (loss,) = own["mean_losses"](widths, seeds), own["mean_losses"]([128], seeds)
    a, b, c = own["fit_power_law"](widths, losses)
    missed = abs(a * 128 ** -b + c - loss)
    assert missed < 0.07
    assert missed < 0.4 * (losses[-1] - loss)  # the best of the small is much farther off


def test_a_smooth_gain_per_token_looks_sudden_where_ten_must_be_right():
    LESSON.says("Up to half a billion parameters the last picture stays below 1 %, where $p$ is above "
                "one half already.")
    n = torch.logspace(6, 12, 200)
    p = torch.exp(-(n / 1e8) ** -0.4)  # as in the lesson's cell
    assert (p ** 10)[n < 5e8].max() < 0.01 and p[n < 5e8].max() > 0.5
    assert (p ** 10)[-1] > 0.75


# Sources.


NAME = r"[A-Z][\w-]*[a-z][\w-]*"  # a family name; "AI" is none


def test_every_source_that_is_named_stands_among_the_references_and_the_other_way_round():
    prose, references = LESSON.words.split("## References")
    named = set(re.findall(rf"({NAME})(?:(?:,? and|,) {NAME}(?: {NAME})?| et al\.)? \(?((?:19|20)\d\d[ab]?)\b", prose))
    listed = set(re.findall(rf"- ({NAME})[^()]*? \((\d\d\d\d[ab]?)\)", references))
    assert len(named) > 30 and named == listed, (named - listed, listed - named)
