"""What lesson 06 says is true: its formulas give what its solutions give, its landmarks hold over three seeds."""

import statistics
from functools import cache

import pytest
import torch
from lesson_text import lesson_text
from torch import nn
from torch.nn import functional as F

from dlcourse.checks import regularization as check

LESSON = lesson_text("06_regularization")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them
remedies = own["REMEDIES"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@cache
def studied(name: str, seed: int) -> dict:
    """One remedy's run, made once for all tests."""
    torch.set_num_threads(1)
    return remedies[name](seed)


@cache
def gap(name: str, seed: int) -> tuple[float, float]:
    return own["gap"](studied(name, seed)["net"], seed)


# Formulas


def test_the_penalty_is_strength_times_the_sum_of_squares_and_pulls_with_twice_strength_times_w():
    LESSON.says(r"L + \lambda \sum_i w_i^2", r"Its gradient, $2\lambda w$, pulls every weight towards 0")
    w = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    penalty = own["l2_penalty"](iter([w]), 0.5)
    assert penalty.item() == 0.5 * (1 + 4 + 9)
    torch.testing.assert_close(torch.autograd.grad(penalty, w)[0], 2 * 0.5 * w.detach())


def test_dropout_keeps_the_expectation():
    LESSON.says(r"y = \frac{m \odot x}{1 - p}, \qquad m_i \sim \mathrm{Bernoulli}(1 - p)",
                "Dividing by $1 - p$ keeps the expectation of every entry.")
    torch.manual_seed(0)
    dropped = own["Dropout"](0.3).train()(torch.ones(200_000))
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.7).item()}


def test_early_stopping_waits_for_one_fewer_than_lesson_5_and_measures_from_the_last_new_best():
    LESSON.says("`step` returns True at the `patience`-th loss in a row that is no new best.",
                "a later one is if it is below the last new best − `min_delta`",
                "lesson 5's ReduceOnPlateau waits for one more.)")
    slow = own["EarlyStopping"](2, min_delta=0.05)
    assert [slow.step(loss, nn.Linear(1, 1)) for loss in (1.0, 0.97, 0.94, 0.91, 0.90)] == [False] * 4 + [True]
    stopping, net = own["EarlyStopping"](2), nn.Linear(1, 1)
    assert [stopping.step(loss, net) for loss in (1.0, 1.1, 1.2)] == [False, False, True]
    optimizer = torch.optim.SGD(net.parameters(), 1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    rates = []
    for loss in (1.0, 1.1, 1.2, 1.3):
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 1.0, 1.0, 0.1]


def test_colour_jitter_is_its_two_equations():
    LESSON.says(r"x' = b\,x, \qquad x'' = c\,(x' - m(x')) + m(x')")
    x = 0.4 + 0.1 * torch.rand(1, 3, 4, 4, dtype=torch.float64, generator=generator())
    y = own["color_jitter"](x, 0.2, 0.2, generator(1))
    c_times_b, rest = torch.linalg.lstsq(torch.stack([x.flatten(), torch.ones(48).double()], 1), y.flatten()).solution
    b = y.mean() / x.mean()
    assert 0.8 <= b <= 1.2 and 0.8 <= c_times_b / b <= 1.2
    torch.testing.assert_close(y, c_times_b * (x - x.mean()) + b * x.mean())


def test_mixup_is_its_equation_and_even_with_alpha_1():
    LESSON.says(r"\tilde x = \lambda x_i + (1 - \lambda)\,x_j", "with $\\alpha = 1$ it is even")
    x, y = torch.eye(6), torch.eye(6)[[3, 1, 0, 2, 5, 4]]
    mixed_x, mixed_y = own["mixup"](x, y, 1.0, generator())
    torch.testing.assert_close(mixed_y, mixed_x @ y)
    source, shares = generator(), []
    for _ in range(1000):
        mixed_x, _ = own["mixup"](x[:2], y[:2], 1.0, source)
        shares += [mixed_x[0, 0].item()] if mixed_x[0, 0] < 1 else []
    assert statistics.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert statistics.pvariance(shares) == pytest.approx(1 / 12, abs=0.01)


def test_the_smoothed_loss_is_its_formula_and_torchs():
    LESSON.says(r"q_k = (1 - s)\,[k = y] + \frac{s}{C}, \qquad L = -\sum_k q_k \log p_k")
    logits, target = torch.randn(5, 4, generator=generator()), torch.tensor([0, 3, 1, 2, 2])
    q = 0.8 * F.one_hot(target, 4) + 0.2 / 4
    ours = own["smoothed_cross_entropy"](logits, target, 0.2)
    torch.testing.assert_close(ours, -(q * logits.softmax(1).log()).sum(1).mean())
    torch.testing.assert_close(ours, F.cross_entropy(logits, target, label_smoothing=0.2))


def test_lstsq_with_gelsd_picks_the_smallest_norm_as_pinv_does():
    LESSON.says("of all best solutions it picks the one with the smallest norm",
                '(`torch.linalg.lstsq` does so too, with `driver="gelsd"`).')
    phi, y = torch.randn(8, 12, generator=generator()).double().relu(), torch.randn(8, generator=generator(1)).double()
    phi[:, 0] = 0  # where the default driver errs by chance
    smallest = torch.linalg.pinv(phi) @ y
    torch.testing.assert_close(torch.linalg.lstsq(phi, y[:, None], driver="gelsd").solution[:, 0], smallest)
    torch.testing.assert_close(phi @ smallest, y)
    other = smallest + torch.linalg.svd(phi).Vh[-1]  # also exact, and longer
    torch.testing.assert_close(phi @ other, y)
    assert smallest.norm() < other.norm()


def test_the_calibration_error_is_its_formula():
    LESSON.says(r"\mathrm{ECE} = \sum_B \frac{|B|}{N}\,\bigl|\mathrm{acc}(B) - \mathrm{conf}(B)\bigr|")
    probs = torch.tensor([[0.95, 0.05], [0.93, 0.07], [0.4, 0.6]])
    error = own["calibration_error"](probs, torch.tensor([0, 1, 1]), 10)
    assert error == pytest.approx(2 / 3 * abs(0.5 - 0.94) + 1 / 3 * abs(1 - 0.6), abs=1e-6)


def test_fgsm_moves_every_pixel_by_epsilon_up_the_loss():
    LESSON.says(r"x' = \mathrm{clip}_{[0, 1]}\bigl(x + \varepsilon \,\mathrm{sign}(\nabla_x L)\bigr)")
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(9, 3)), 0.3 + 0.4 * torch.rand(4, 1, 3, 3)
    y = torch.tensor([0, 1, 2, 0])
    attacked = own["fgsm"](net, x, y, 0.05)
    torch.testing.assert_close((attacked - x).abs(), torch.full_like(x, 0.05))
    assert F.cross_entropy(net(attacked), y) > F.cross_entropy(net(x), y)


# Landmarks


@pytest.mark.parametrize("seed", SEEDS)
def test_a_net_memorises_random_labels_and_stays_at_chance_on_new_digits(seed):
    LESSON.says("The net learns the shuffled labels by heart: all 200 right, at chance on anything new.")
    losses, seen, new = own["memorise"](True, seed)
    assert seen == 1.0 and losses[-1] < 0.05 and new < 0.17
    x, y, x_val, *_ = own["scattered"](seed)
    assert len(x) == 200 and len(x_val) == 597


@pytest.mark.parametrize("seed", SEEDS)
def test_with_797_digits_three_in_four_are_right_and_with_200_about_half(seed):
    LESSON.says("(With all 797 to learn from, this lesson's net gets three in four new digits right or more; with 200 "
                "it is about half.)")
    x, y, x_val, y_val, x_test, y_test = own["scattered"](seed)
    net = own["digit_net"](seed=seed)
    own["fit"](net, torch.cat([x, x_val]), torch.cat([y, y_val]), torch.optim.Adam(net.parameters(), 1e-3),
               F.cross_entropy, 40, batch_size=20, seed=seed)
    assert own["accuracy"](net, x_test, y_test) > 0.74
    assert 0.46 < own["accuracy"](studied("nothing", seed)["net"], x_test, y_test) < 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_validation_loss_turns_after_a_dozen_epochs_or_so_and_the_share_right_does_not_fall_with_it(seed):
    LESSON.says("the validation loss turns after a dozen epochs or so and climbs",
                "the share of digits it gets right does not fall with it: the net becomes surer, mistakes included")
    run = studied("nothing", seed)
    lowest = run["validation"].index(min(run["validation"]))
    assert 8 <= lowest + 1 <= 20
    assert run["validation"][-1] > 1.15 * min(run["validation"])
    assert run["training"][-1] < 0.05 and run["training"][lowest] > 3 * run["training"][-1]
    assert statistics.mean(run["right"][-5:]) > statistics.mean(run["right"][lowest - 2:lowest + 3])
    wrong_and_sure = {}
    for name in ("early stopping", "nothing"):
        probs, y = own["said"](studied(name, seed)["net"], seed)
        confidence, chosen = probs.max(1)
        wrong_and_sure[name] = confidence[chosen != y].mean()
    assert wrong_and_sure["nothing"] > wrong_and_sure["early stopping"] + 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stronger_the_penalty_the_later_and_the_less_the_validation_loss_climbs(seed):
    LESSON.says("The stronger the pull, the later and the less the validation loss climbs. Its lowest point changes "
                "little here")
    runs = [studied("nothing", seed)["validation"]]
    for strength in (0.002, 0.005):
        penalty = lambda net: own["l2_penalty"](net.parameters(), strength)
        runs.append(own["study"](penalty=penalty, seed=seed)["validation"])
    climbs, lowest = [run[-1] - min(run) for run in runs], [run.index(min(run)) for run in runs]
    assert climbs[0] > 1.2 * climbs[1] > 1.4 * climbs[2] and lowest == sorted(lowest)
    assert all(abs(min(run) / min(runs[0]) - 1) < 0.1 for run in runs)


@pytest.mark.parametrize("seed", SEEDS)
def test_half_dropped_climbs_later_and_less_and_most_dropped_has_the_smallest_gap_and_the_fewest_right(seed):
    LESSON.says("$p = 0.5$ climbs later and less, and its lowest point is no higher. $p = 0.8$ has the smallest gap of "
                "all and gets the fewest digits right")
    plain, half = studied("nothing", seed)["validation"], studied("dropout", seed)["validation"]
    assert half.index(min(half)) > plain.index(min(plain)) and half[-1] - min(half) < 0.5 * (plain[-1] - min(plain))
    assert min(half) < 1.01 * min(plain)
    most = own["study"](between=lambda: own["Dropout"](0.8), seed=seed)
    narrow, right = own["gap"](most["net"], seed)
    assert narrow < 0.7 * gap("dropout", seed)[0] and right < gap("nothing", seed)[1] - 0.05
    assert most["training"][-1] > 0.8


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", [name for name in remedies if name != "nothing"])
def test_each_remedy_narrows_the_gap_on_200_digits(name, seed):
    LESSON.says("Every one narrows the gap")
    assert gap(name, seed)[0] < 0.92 * gap("nothing", seed)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_only_crops_raise_the_accuracy_by_much_and_mixup_costs_some(seed):
    LESSON.says("Only crops raise the accuracy by much", "Mixup even costs a little.")
    others = [gap(name, seed)[1] for name in remedies if name != "crops"]
    assert gap("crops", seed)[1] > max(others) + 0.05
    assert max(others) - gap("nothing", seed)[1] < 0.08
    assert gap("mixup", seed)[1] < gap("nothing", seed)[1] - 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_dividing_the_logits_changes_no_answer_and_narrows_the_gap_as_far_as_early_stopping(seed):
    LESSON.says("it divides the finished net's logits by 2.5, which changes no answer (*temperature scaling*",
                "the last about as far as early stopping. So much of this gap is overconfidence")
    probs, _ = own["said"](studied("nothing", seed)["net"], seed)
    cooler, y = own["said"](studied("logits / 2.5", seed)["net"], seed)
    assert torch.equal(probs.argmax(1), cooler.argmax(1))
    assert 0.8 < gap("logits / 2.5", seed)[0] / gap("early stopping", seed)[0] < 1.2
    assert own["calibration_error"](cooler, y) < 0.7 * own["calibration_error"](probs, y)


@pytest.mark.parametrize("seed", SEEDS)
def test_early_stopping_saves_about_half_of_the_time_and_knows_no_more(seed):
    LESSON.says("It narrows the gap by a lot and saves about half of the time.",
                "the lowest validation loss is what it was",
                "if anything, it gets slightly fewer right")
    run, plain = studied("early stopping", seed), studied("nothing", seed)
    assert 12 <= len(run["validation"]) <= 28
    assert gap("early stopping", seed)[0] < 0.75 * gap("nothing", seed)[0]
    assert min(run["validation"]) <= 1.03 * min(plain["validation"])
    assert run["validation"] == plain["validation"][:len(run["validation"])]
    *_, x_test, y_test = own["scattered"](seed)
    early, late = (own["accuracy"](one["net"], x_test, y_test) for one in (run, plain))
    assert -0.06 < early - late < -0.005


@pytest.mark.parametrize("seed", SEEDS)
def test_flips_narrow_the_gap_as_the_penalty_does_and_help_as_little(seed):
    LESSON.says("They narrow the gap about as well as the L2 penalty does, and help as little.")
    narrow, flips = own["gap"](own["study"](augment=own["flipping"], seed=seed)["net"], seed)
    assert 0.9 < narrow / gap("L2 penalty", seed)[0] < 1.2
    assert abs(flips - gap("nothing", seed)[1]) < 0.07
    assert gap("crops", seed)[1] > flips + 0.07


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_crops_are_not_done_at_epoch_40_and_after_200_their_loss_has_turned_too(seed):
    LESSON.says("(At epoch 40 they are not done: after 200 the net gets about 80 % right, and its loss has turned "
                "too.)")
    run = own["study"](augment=own["cropping"], epochs=200, seed=seed)
    assert min(run["validation"]) < 0.8 * min(run["validation"][:40])
    assert abs(own["accuracy"](run["net"], *own["scattered"](seed)[4:]) - 0.8) < 0.03
    assert run["validation"][-1] > 1.08 * min(run["validation"])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_little_smoothing_calibrates_and_too_much_makes_too_modest(seed):
    LESSON.says("A smoothing of 0.1, a customary value, brings the large points near the line.",
                "on the left the net is right far less often than it says", "the net has become too modest")
    errors, modesty = {}, {}
    for smoothing, run in ((0.0, studied("nothing", seed)), (0.1, studied("label smoothing", seed)),
                           (0.4, own["smooth"](0.4, seed))):
        probs, y = own["said"](run["net"], seed)
        errors[smoothing] = own["calibration_error"](probs, y)
        modesty[smoothing] = ((probs.argmax(1) == y).float().mean() - probs.amax(1).mean()).item()
    assert errors[0.1] < 0.6 * min(errors[0.0], errors[0.4])
    assert modesty[0.0] < -0.1 and modesty[0.4] > 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_mixup_holds_back_overconfidence(seed):
    LESSON.says("mixup holds back overconfidence as well")
    plain, mixed = (own["calibration_error"](*own["said"](studied(name, seed)["net"], seed))
                    for name in ("nothing", "mixup"))
    assert mixed < 0.75 * plain


@pytest.mark.parametrize("seed", SEEDS)
def test_the_test_error_peaks_at_the_interpolation_threshold_and_falls_below_the_u(seed):
    LESSON.says("Here the far end is below the U's bottom at a width of about 20.")
    error = dict(zip(own["WIDTHS"], own["descent"](seed=seed)))
    assert max(error, key=error.get) == 40
    below = {width: e for width, e in error.items() if width < 40}
    assert 10 <= min(below, key=below.get) <= 25
    assert error[40] > 5 * min(below.values()) and error[5] > 1.1 * min(below.values())
    assert error[800] < 0.9 * min(below.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_review_questions_order_of_widths_is_what_comes_out(seed):
    LESSON.says("a) 100, b) 120, c) 2000, d) 70")
    source, widths = generator(seed), [100, 120, 2000, 70]
    runs = torch.tensor([own["random_features_error"](100, widths, 0.5, source) for _ in range(15)])
    a, b, c, d = runs.median(0).values.tolist()
    assert a > 1.3 * b > 1.3 ** 2 * d > 1.3 ** 3 * c


@pytest.mark.parametrize("seed", SEEDS)
def test_a_97_per_cent_classifier_falls_below_60_under_fgsm_and_noise_of_that_size_does_little(seed):
    LESSON.says(r"At $\varepsilon = 0.1$ random signs cost about two digits in a hundred, the gradient's signs nearly "
                "half of all.")
    net = own["victim"](seed)
    clean, _ = own["under_attack"](net, 0.0)
    attacked, noisy = own["under_attack"](net, 0.1)
    assert clean >= 0.97 and 0.4 < attacked < 0.6 and clean - 0.035 < noisy <= clean


@cache
def steps(seed: int, jitter: bool, style: str) -> list[int]:
    """How far a driver gets on three roads of one style."""
    net = own["driver"](own["jittering"] if jitter else None, seed)
    return [len(own["drive"](net, style, road)) for road in SEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_driver_leaves_the_road_it_was_not_trained_on_and_jitter_saves_the_night_alone(seed):
    LESSON.says("On asphalt both hold the road to the end. At night the plain driver is soon off",
                "it drives on", "In winter both are off at once.",
                "with the colours of road and verge exchanged both drive on")
    for jitter in (False, True):
        assert steps(seed, jitter, "asphalt") == steps(seed, jitter, "exchanged") == [300] * 3
        assert max(steps(seed, jitter, "winter")) < 20
    assert steps(seed, True, "night") == [300] * 3 and max(steps(seed, False, "night")) < 120


@pytest.mark.slow
def test_one_plain_driver_in_four_gets_through_the_night_and_none_through_winter():
    LESSON.says("(With other seeds one plain driver in four gets through the night. In winter none does.)")
    assert sum(steps(seed, False, "night") == [300] * 3 for seed in range(8)) in (1, 2, 3)
    assert all(max(steps(seed, False, "winter")) < 20 for seed in range(8))


def test_on_asphalt_the_verge_is_brighter_in_green_alone_and_in_winter_in_all_three():
    LESSON.says("On asphalt the verge is brighter in green alone, in winter in all three colours")
    brighter = {style: [v > r for r, v in zip(road, verge)] for style, (road, verge) in own["STYLES"].items()}
    assert brighter["asphalt"] == brighter["night"] == [False, True, False]
    assert brighter["winter"] == [True] * 3 and brighter["exchanged"] == [False] * 3


def test_a_linear_loss_rises_by_3_2_under_fgsm_and_by_0_4_as_a_rule_under_random_signs():
    LESSON.says("linear in its 64 pixels, with slope 0.5 or −0.5 at each")
    slopes = 0.5 * torch.randn(64, generator=generator()).sign()
    rise = (0.1 * slopes.sign() @ slopes).item()
    assert rise == pytest.approx(3.2) and check.review_attack(rise).passed
    signs = torch.randn(5000, 64, generator=generator(1)).sign()
    assert (0.1 * signs @ slopes).std().item() == pytest.approx(0.4, rel=0.05)


def test_a_kept_activation_of_3_is_3_75():
    torch.manual_seed(0)
    kept = own["Dropout"](0.2).train()(torch.full((100,), 3.0))
    assert kept.max().item() == pytest.approx(3.75)
    assert check.review_dropout(kept.max().item()).passed


def test_the_two_bins_of_the_review_have_a_calibration_error_of_0_14():
    LESSON.says("60 lie in a bin with mean confidence 0.95 and accuracy 0.75, and 40 in a bin with mean confidence 0.65 "
                "and accuracy 0.70")
    confidence = torch.tensor([0.95] * 60 + [0.65] * 40)
    target = torch.tensor([0] * 45 + [1] * 15 + [0] * 28 + [1] * 12)
    error = own["calibration_error"](torch.stack([confidence, 1 - confidence], 1), target)
    assert error == pytest.approx(0.14, abs=1e-6) and check.review_calibration(round(error, 4)).passed
