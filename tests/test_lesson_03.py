"""What lesson 03 says is true: its formulas give what its solutions give, its landmarks hold over three seeds."""

import math
import time
from functools import cache
from itertools import product

import pytest
import torch
from lesson_text import lesson_text
from torch.nn import functional as F

from dlcourse.data import shapes
from dlcourse.explorers import losses as explore

LESSON = lesson_text("03_losses")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_formula_of_the_squared_error_is_what_its_solution_computes():
    LESSON.says(r"\mathrm{MSE} = \frac1n \sum_i (\hat y_i - y_i)^2")
    pred, target = draw(3, 4), draw(3, 4, seed=1)
    by_hand = sum((a - b) ** 2 for a, b in zip(pred.flatten().tolist(), target.flatten().tolist())) / 12
    assert own["mse"](pred, target).item() == pytest.approx(by_hand)
    with pytest.raises(ValueError):
        own["mse"](pred, target[:, :1])


def test_the_gradient_of_cross_entropy_is_p_minus_y_over_n():
    LESSON.says(r"\frac{\partial}{\partial\,\text{logits}} = \frac{p - y}{N}")
    logits, target = (3 * draw(5, 4)).requires_grad_(), torch.tensor([0, 3, 1, 1, 2])
    gradient, = torch.autograd.grad(own["cross_entropy"](logits, target), logits)
    torch.testing.assert_close(gradient, (logits.softmax(1) - F.one_hot(target, 4)).detach() / 5)


def test_to_be_sure_is_cheap_where_it_is_right_and_dear_where_it_is_wrong():
    LESSON.says("to be sure costs next to nothing where it is right (0.01 at $p = 0.99$) and ever more where it is wrong "
                "(4.6 at $p = 0.01$)")
    logits = torch.tensor([[0.99, 0.01]], dtype=torch.float64).log()
    right, wrong = (own["cross_entropy"](logits, torch.tensor([label])).item() for label in (0, 1))
    assert round(right, 2) == 0.01 and round(wrong, 1) == 4.6


def test_the_formulas_of_binary_and_focal_loss_are_what_their_solutions_compute():
    LESSON.says(r"-w\,y \log \sigma(x) - (1 - y) \log (1 - \sigma(x))", r"-(1 - p)^\gamma \log p",
                r"$1 - \sigma(x) = \sigma(-x)$ and $-\log\sigma(x) = \log(1 + e^{-x})$")
    x, y, w = draw(4, 3), (draw(4, 3, seed=1) > 0).double(), torch.tensor([1.0, 2.0, 0.5]).double()
    s = torch.sigmoid(x)
    by_hand = (-w * y * s.log() - (1 - y) * (1 - s).log()).mean()
    torch.testing.assert_close(own["binary_cross_entropy"](x, y, w), by_hand)
    right = torch.tensor([0, 2, 1, 1])
    p = x.softmax(1)[torch.arange(4), right]
    torch.testing.assert_close(own["focal_loss"](x, right, 1.5), (-(1 - p) ** 1.5 * p.log()).mean())


def test_the_dice_and_triplet_formulas_are_what_their_solutions_compute():
    LESSON.says(r"1 - \frac{2 \sum p\,m + s}{\sum p + \sum m + s}",
                r"\lVert a - q \rVert - \lVert a - n \rVert + \text{margin}")
    p, m = draw(1, 4, 5).sigmoid(), draw(1, 4, 5, seed=1) > 0.5
    by_hand = 1 - (2 * p[m].sum() + 0.3) / (p.sum() + m.sum() + 0.3)
    torch.testing.assert_close(own["dice_loss"](p, m, 0.3), by_hand)
    a, q, n = draw(3, 2), draw(3, 2, seed=1), draw(3, 2, seed=2)
    by_hand = sum(max(0.0, math.dist(x, y) - math.dist(x, z) + 0.7) for x, y, z in zip(a, q, n)) / 3
    assert own["triplet_loss"](a, q, n, 0.7).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("target", [[1, 2], [1, 1], [2], []], ids=str)
def test_ctc_sums_over_every_path_that_collapses_to_the_target(target):
    LESSON.says("equal neighbours become one, then blanks go", "So `a a – b` and `– a b b` both say *ab*",
                r"= -\log \sum_{\text{paths that collapse to it}} \; \prod_t p_t(\text{label at } t)")
    assert own["collapse"]([1, 1, 0, 2]) == own["collapse"]([0, 1, 2, 2]) == [1, 2]
    assert own["collapse"]([1, 0, 1]) == [1, 1]
    log_p = draw(4, 3).log_softmax(1)
    paths = [path for path in product(range(3), repeat=4) if own["collapse"](list(path)) == target]
    total = sum(math.exp(sum(log_p[t, k].item() for t, k in enumerate(path))) for path in paths)
    assert own["ctc_loss"](log_p, torch.tensor(target, dtype=torch.long)).item() == pytest.approx(-math.log(total))
    _, counted, probability, visits = explore.lattice(log_p, torch.tensor(target, dtype=torch.long))
    assert counted == len(paths) and probability == pytest.approx(total)
    torch.testing.assert_close(visits.sum(1), torch.ones(4, dtype=torch.float64))


def test_aa_needs_three_frames_and_abba_five():
    LESSON.says("How many frames does *aa* need at least, and *abba*?", "*aa* needs 3 frames, *abba* 5")
    for word, needed in (([1, 1], 3), ([1, 2, 2, 1], 5)):
        loss = lambda frames: own["ctc_loss"](draw(frames, 3).log_softmax(1), torch.tensor(word))
        assert loss(needed - 1).isinf() and loss(needed).isfinite()


def test_aba_has_as_many_alignments_as_the_binomial_says():
    LESSON.says(r"In T frames *aba* has $\binom{T + 3}{6}$ alignments, as has every word of three letters without doubles")
    for word in ([1, 2, 1], [1, 2, 3]):
        for frames in range(2, 12):
            counted = explore.lattice(torch.zeros(frames, 4).log_softmax(1), torch.tensor(word))[1]
            assert counted == math.comb(frames + 3, 6)


def test_the_residual_nets_bowl_ends_where_the_text_says():
    LESSON.says("from α ≈ −0.3 on the way leads over a low ridge and down into a second hollow, whose deepest point lies "
                "near α = −0.45, β = 0.2. A long valley crosses the upper right corner.")
    alphas, heights = explore._plane.__wrapped__(True, cells=21)
    at = lambda value: (alphas - value).abs().argmin().item()
    left = heights[at(0), :at(0) + 1].flip(0)  # from the cross on
    ridge = (left.diff() < 0).nonzero()[0, 0].item()
    assert abs(alphas[at(0) - ridge] + 0.3) < 0.06 and left[ridge:].min() < left[ridge] - 0.1
    hollow = heights[at(0):, :at(-0.3)]
    row, column = divmod(hollow.argmin().item(), hollow.shape[1])
    assert abs(alphas[column] + 0.45) < 0.06 and abs(alphas[at(0) + row] - 0.2) < 0.06
    valley = heights[at(0.5):, at(0.15):at(0.85)]
    assert (valley.amin(0) < valley[0] - 0.2).all() and (valley.amin(0) < valley[-1]).all()


def test_the_true_swing_solves_the_oscillators_equation():
    LESSON.says(r"u''(t) + \omega^2 u(t) = 0")
    assert own["oscillator_residual"](own["swing"], own["TIMES"], 8.0) < 1e-20
    assert own["oscillator_residual"](own["swing"], own["TIMES"], 7.0) > 1


def test_a_normalised_filter_has_the_length_of_the_weights_filter():
    LESSON.says(r"d_i \leftarrow d_i\, \frac{\lVert w_i \rVert}{\lVert d_i \rVert + 10^{-10}}")
    d, w = draw(4, 2, 3, 3), draw(4, 2, 3, 3, seed=1)
    new, bias = own["filter_normalize"]([d, draw(4)], [w, draw(4)])
    torch.testing.assert_close(new.flatten(1).norm(dim=1), w.flatten(1).norm(dim=1))
    assert not bias.any()


def test_power_iteration_finds_the_top_eigenvalue_of_a_known_hessian():
    LESSON.says(r"\lambda \approx \frac{v \cdot Hv}{v \cdot v}")
    h = torch.diag(torch.tensor([1.0, -5.0, 2.0], dtype=torch.float64))
    w = draw(3).requires_grad_()
    assert own["top_curvature"](lambda: w @ h @ w / 2, [w], 50) == pytest.approx(-5)


# What the experiments show.


def test_the_squared_errors_slope_grows_with_an_outlier_and_the_absolute_errors_does_not():
    LESSON.says("Under the squared error the slope grows with the lift, without end.")
    for seed in SEEDS:
        slopes = lambda loss: [own["fitted_line"](loss, lift, seed)[1].item() for lift in (0.0, 2.0, 4.0)]
        low, middle, high = slopes(own["mse"])
        assert high - middle == pytest.approx(middle - low, rel=0.1) and high - low > 0.4
        low, _, high = slopes(own["mean_absolute"])
        assert abs(high - low) < 0.1


def test_a_net_that_starts_surely_wrong_recovers_by_cross_entropy_and_not_by_squared_error():
    LESSON.says("At these three rates the accuracy does not move in a hundred steps.",
                "almost no slope, about $e^{-12}$")
    two = torch.tensor([[-12.0, 0.0]], dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(own["squared"](two, torch.tensor([0])), two)[0].abs().max().item()
    assert 0.2 < slope / math.exp(-12) < 5
    for lr in (0.5, 5.0, 50.0):
        assert own["recover"](own["cross_entropy"], lr)[-1] > 0.9
        stuck = own["recover"](own["squared"], lr)
        assert max(stuck) == min(stuck) < 0.15


def test_the_rate_that_zigzags_at_first_is_the_best_in_the_end():
    LESSON.says("Its zigzag at first comes from the rate: of the three, the largest is the best in the end.")
    low, middle, high = (own["recover"](own["cross_entropy"], lr) for lr in (0.5, 5.0, 50.0))
    assert high[-1] > max(low[-1], middle[-1])
    fall = lambda run: max(before - after for before, after in zip(run, run[1:]))
    assert fall(high) > 0.2 > 0.05 > fall(low)


def test_the_softmax_answers_nearly_as_many_questions_as_it_can_say():
    LESSON.says("On these digits the softmax cannot pass 83 % with a threshold below 1/3, where every 1 and 3 is lost, "
                "nor 80 % with a higher one, where every 6 and 8 is")
    kinds = own["ANSWERS"][own["y_test"]].sum(1)
    assert {digit for digit in range(10) if own["ANSWERS"][digit].sum() == 0} == {1, 3}
    assert {digit for digit in range(10) if own["ANSWERS"][digit].sum() == 3} == {6, 8}
    below, above = (1 - (kinds == lost).float().mean().item() for lost in (0, 3))
    assert round(100 * below) == 83 and round(100 * above) == 80
    for seed in SEEDS:
        assert above - 0.03 < own["three_questions"](own["soft_labels"], seed) <= below


@pytest.mark.parametrize("seed", SEEDS)
def test_three_sigmoids_answer_several_questions_better_than_a_softmax(seed):
    LESSON.says("A softmax must share out one unit of probability among the three",
                "but not no three times, since one $p$ is always at least 1/3")
    sigmoids, softmax = (own["three_questions"](own[loss], seed) for loss in ("binary_cross_entropy", "soft_labels"))
    assert sigmoids > softmax + 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_focal_loss_lifts_recall_on_a_1_to_50_imbalance(seed):
    LESSON.says("At the usual threshold of ½ the focal loss lifts recall from almost nothing.")
    plain, focal = (own["find_eights"](own[loss], seed)[0] for loss in ("cross_entropy", "focal_loss"))
    assert plain < 0.25 and focal > plain + 0.1


def test_with_tuned_thresholds_both_losses_find_about_equally_many_eights():
    LESSON.says("with tuned thresholds the two losses find about equally many",
                "so most of the gain was one of threshold")
    mean = lambda loss, tuned: sum(own["find_eights"](own[loss], seed, tuned)[0] for seed in SEEDS) / 3
    gain = mean("focal_loss", False) - mean("cross_entropy", False)
    assert abs(mean("focal_loss", True) - mean("cross_entropy", True)) < 0.08 < gain / 2


def test_fifty_easy_samples_balance_one_hard_one_where_the_text_says():
    LESSON.says("They balance at γ ≈ 0.57, and for p = 0.6 only at γ ≈ 4.")
    share = lambda p, gamma: -(1 - p) ** gamma * math.log(p)
    for p, gamma in ((0.9, 0.57), (0.6, 4.0)):
        assert 50 * share(p, gamma) == pytest.approx(share(0.2, gamma), rel=0.02)


def test_a_mask_covers_about_one_and_a_half_percent():
    LESSON.says("If the object covers 1.4 % of the image", "98.6 % of the pixels")
    images, masks = shapes(500, seed=7)
    assert images.shape == masks.shape == (500, 24, 24) and masks.dtype == torch.bool
    assert masks.float().mean().item() == pytest.approx(0.014, abs=0.001)
    assert images[masks].mean() > 0.7 > 0.1 > images[~masks].mean()
    assert torch.equal(shapes(500, seed=7)[0], images) and not torch.equal(shapes(500, seed=8)[0], images)


@pytest.mark.parametrize("seed", SEEDS)
def test_dice_finds_small_masks_while_cross_entropy_still_finds_nothing(seed):
    LESSON.says("After 40 steps cross-entropy has found nothing in any image", "by step 150 most of the gap is closed",
                "at step 40 even the best one for these images gives a Dice of only 0.12",
                "by step 150 most of the gap was closed", "had reached a Dice of 0.67")
    plain, early = own["segment"](own["pixel_bce"], seed)
    dice, _ = own["segment"](own["dice_loss"], seed)
    assert not (early > 0.5).any() and plain[3] < 0.01 and dice[3] > 0.35
    masks = shapes(200, seed=seed + 50)[1]
    best = max(1 - own["dice_loss"]((early > t).float(), masks, 1e-6).item() for t in torch.logspace(-3, -0.1, 40))
    assert best < 0.2
    if seed == 0:
        assert best == pytest.approx(0.12, abs=0.02) and dice[3] == pytest.approx(0.67, abs=0.02)
    assert 0 < dice[-1] - plain[-1] < 0.5 * (dice[3] - plain[3])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_embedding_tells_known_digits_apart_better_and_strangers_worse_than_pixels(seed):
    LESSON.says("told apart better than by the distance between pixels",
                "this small plane tells pairs apart worse than the pixels do")
    z, x, y = own["embed"](seed), own["x_test"], own["y_test"]
    known = y < 8
    assert own["told_apart"](z[known], y[known]) > own["told_apart"](x[known], y[known]) + 0.04
    assert own["told_apart"](z[~known], y[~known]) < own["told_apart"](x[~known], y[~known]) - 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_ctc_reads_strokes_that_even_shares_do_not(seed):
    LESSON.says("On words without doubles the rival reads far more, and CTC still the most.", "three or four strokes")
    (shared, shared_single), (ctc, ctc_single) = own["read_strokes"](True, seed), own["read_strokes"](False, seed)
    assert ctc > 0.5 > 0.25 > shared and shared_single > shared + 0.15 and ctc_single > shared_single + 0.1
    words = own["written"](256, seed)[1]
    assert sum(len(word) in (3, 4) for word in words) > 250


@pytest.mark.parametrize("seed", SEEDS)
def test_the_physics_informed_net_fits_an_oscillator_from_10_points(seed):
    LESSON.says("Ten points from the first 0.4 seconds", "Both pass through the points.")
    error = {}
    for physics in (False, True):
        u = own["learn_swing"](physics, seed)
        off = (u - own["swing"](own["TIMES"])).square()
        error[physics] = off.mean().sqrt().item()
        assert off[own["TIMES"] <= 0.4].mean().sqrt() < 0.1
    assert error[True] < 0.15 and error[False] > 0.4


@cache
def deep(residual, seed, epochs=12):
    """The heights of a net's slices, (3, 61), and its training loss."""
    net, loss = own["trained_deep"](residual, seed, epochs)
    return own["slices"](net, seed), loss


def with_the_notch(heights):
    return heights.diff(dim=-1).diff(dim=-1).abs().mean().item()


def test_roughness_does_not_see_the_middle():
    LESSON.says(r"The middle, $|\alpha| \le 0.2$, is left out")
    flat = torch.zeros(3, 61)
    flat[:, own["STEPS"].abs() < 0.19] = -4.0
    assert own["roughness"](flat) == 0 < with_the_notch(flat)
    flat[:, own["STEPS"] > 0.25] = torch.arange(61.0)[own["STEPS"] > 0.25].remainder(2)
    assert own["roughness"](flat) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_residual_free_deep_nets_slices_are_rougher_than_a_residual_ones(seed):
    LESSON.says("The plain net's slices bend more, and rise higher by some powers of ten.",
                "the plain net is also less well trained",
                "trained on until its loss is lower than the residual net's at the left, it stays rough",
                "the residual net after 60 epochs, with the lowest loss of all, bends less than either plain one",
                "With the notch in the middle (shaded) counted in, it would pass for as rough.")
    rough = own["roughness"]
    (plain, loss), (residual, residual_loss) = deep(False, seed), deep(True, seed)
    assert rough(plain) > 3 * rough(residual) and plain.max() > residual.max() + 1 and loss > residual_loss
    (later, later_loss), (residual_later, lowest) = deep(False, seed, 60), deep(True, seed, 60)
    assert lowest < 0.1 * later_loss and later_loss < 0.9 * residual_loss
    assert rough(later) > 3 * rough(residual) and min(rough(plain), rough(later)) > 1.5 * rough(residual_later)
    assert with_the_notch(residual_later) > 0.75 * with_the_notch(later)


def test_minima_become_rare_among_random_symmetric_matrices():
    LESSON.says("for a minimum *every* direction must curve up")
    for seed in SEEDS:
        shares = [own["random_minima"](n, seed) for n in (1, 2, 3, 6)]
        assert 0.4 < shares[0] < 0.6 and 0.08 < shares[1] < 0.22 and shares[2] < 0.07 and shares[3] == 0


def ways_down(hessians):
    return (torch.linalg.eigvalsh(hessians) < -1e-6).sum(1)


def test_minima_become_rare_from_5_weights_to_9_and_higher_points_have_more_ways_down():
    LESSON.says("From 5 weights to 9, minima become rare among the points found.",
                "With 13 the search landed on none.", "within each net, the more ways lead down, the higher the point")
    for seed in SEEDS:
        shares = []
        for width in (1, 2, 3):
            hessians, losses, _ = own["critical_points"](width, seed)
            kinds = [own["critical_point"](h) for h in hessians]
            shares.append(kinds.count("minimum") / len(kinds))
            assert torch.corrcoef(torch.stack([ways_down(hessians).double(), losses]))[0, 1] > 0.8
        assert shares[0] > 0.4 > 0.1 > shares[1] and shares[2] == 0


def test_most_critical_points_are_a_smaller_nets_with_one_unit_idle_or_doubled():
    LESSON.says("the same ones return at each size, one way down more",
                "Most of these are the smaller net's points with one unit idle or doubled")
    for seed in SEEDS:
        smaller = {}
        for width in (1, 2, 3):
            hessians, losses, w = own["critical_points"](width, seed)
            ways = dict(zip((round(loss, 5) for loss in losses.tolist()), ways_down(hessians).tolist()))
            returned = [loss for loss in smaller if loss in ways]
            if width > 1:
                assert len(returned) > 0.4 * len(smaller)
                assert all(ways[loss] == smaller[loss] + 1 for loss in returned)
                rows = torch.cat([w[:, :2 * width].view(-1, width, 2), w[:, 2 * width:3 * width, None]], 2)
                apart = lambda i, j: torch.minimum((rows[:, i] - rows[:, j]).norm(dim=1),
                                                   (rows[:, i] + rows[:, j]).norm(dim=1))
                small = (w[:, 3 * width:4 * width].abs() < 1e-4).any(1)
                for i in range(width):
                    for j in range(i):
                        small |= apart(i, j) < 1e-4
                assert small.double().mean() > 0.6
            smaller = ways


@pytest.mark.slow
def test_wide_nets_end_at_one_height_where_narrow_ones_end_at_two():
    LESSON.says("With three or four units there are two heights",
                "With sixteen all forty starts end at the same height, up to 0.01, and that is the lower one.",
                "On new data these forty do alike, too.")
    for seed in SEEDS:
        wide, right = own["final_losses"](16, seed)
        assert wide.max() - wide.min() < 0.01 and right.max() - right.min() < 0.02
        for width in (3, 4):
            narrow, _ = own["final_losses"](width, seed)
            assert narrow.max() - narrow.min() > 0.1 and wide.max() < narrow.min() + 0.01
            middle = (narrow.max() + narrow.min()) / 2
            assert all(group.max() - group.min() < 0.03 for group in (narrow[narrow < middle], narrow[narrow > middle]))


def test_rescaling_changes_the_curvature_and_nothing_else():
    LESSON.says("One function, one test accuracy, and a curvature that can be made as large as you like")
    for seed in SEEDS:
        (sharp, loss, score), (plain, same_loss, same_score) = own["rescaled"](8.0, seed), own["rescaled"](1.0, seed)
        assert sharp > 10 * plain and score == same_score and loss == pytest.approx(same_loss, rel=1e-4)


# The explorers.


@pytest.mark.slow
@pytest.mark.parametrize("name, moves", [
    ("focal", {"gamma": (0.0, 5.0), "p": (0.5, 0.99)}),
    ("alignments", {"word": ("ab", "abba"), "frames": (2, 14), "sharpness": (0.0, 5.0)}),
    ("surface", {"net": ("residual",), "turn": (-180, 120), "reach": (0.25,), "beta": (-1.0, 1.0)})])
def test_an_explorer_draws_for_every_control_and_fast(name, moves):
    explorer = getattr(explore, name)()
    explorer.controls[next(iter(moves))].value = moves[next(iter(moves))][0]  # what is computed once
    words = {explorer.words}
    for control, values in moves.items():
        for value in values:
            taken = []
            for _ in range(3):
                start = time.perf_counter()
                explorer.controls[control].value = value
                explorer.refresh()
                taken.append(time.perf_counter() - start)
            words.add(explorer.words)
            assert min(taken) < 1.0  # two drawings, and the machine may be busy
    assert len(words) > 2
