"""What lesson 07 says is true: its layers are PyTorch's, its landmarks hold over three seeds."""

import math

import pytest
import torch
from lesson_text import lesson_text
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from dlcourse.explorers import normalization as explore

LESSON = lesson_text("07_normalization")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agree(mine, theirs, x):
    """Same weights in both; the same outputs, and the same gradients of x and of every parameter."""
    mine, theirs = mine.double(), theirs.double()
    for k, parameter in enumerate(theirs.parameters()):
        parameter.data = 1 + drawn(*parameter.shape, seed=k)
    assert not mine.load_state_dict(theirs.state_dict(), strict=False).missing_keys
    results = []
    for layer in (mine, theirs):
        leaf = x.clone().requires_grad_()
        output = layer(leaf)
        grads = torch.autograd.grad((output * drawn(*output.shape, seed=9)).sum(), [leaf, *layer.parameters()])
        results.append([output, *grads])
    for one, other in zip(*results):
        torch.testing.assert_close(one, other)


# The formulas.

def test_the_formula_of_batch_norm_is_what_the_solution_computes():
    LESSON.says(r"\mu = \frac1N \sum_{i \in B} x_i", r"\sigma^2 = \frac1N \sum_{i \in B} (x_i - \mu)^2",
                r"\hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}", r"y_i = \gamma\,\hat x_i + \beta")
    x, gamma, beta = [0.5, -1.0, 4.0, 2.5], 1.5, -0.25
    mean = sum(x) / 4
    var = sum((v - mean) ** 2 for v in x) / 4
    plain = [gamma * (v - mean) / math.sqrt(var + 1e-5) + beta for v in x]
    ours = own["batch_norm"](torch.tensor(x).double()[:, None], torch.tensor([gamma]), torch.tensor([beta]))
    torch.testing.assert_close(ours[:, 0], torch.tensor(plain, dtype=torch.float64))


def test_batch_norm_and_its_hand_written_gradient_are_torchs():
    LESSON.says(r"\frac{\partial L}{\partial x_i} = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \left( g_i - A - \hat x_i\, B "
                r"\right)", "Your $A$ and $B$ are means over the batch.")
    x, gamma, beta = drawn(7, 3).requires_grad_(), drawn(3, seed=1).requires_grad_(), drawn(3, seed=2).requires_grad_()
    grad_out = drawn(7, 3, seed=3)
    theirs = F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)
    torch.testing.assert_close(own["batch_norm"](x, gamma, beta, 1e-3), theirs)
    by_autograd = torch.autograd.grad(theirs, [x, gamma, beta], grad_out)
    by_hand = own["batch_norm_backward"](grad_out, x.detach(), gamma.detach(), 1e-3)
    torch.testing.assert_close(list(by_hand), list(by_autograd))


def test_the_running_statistics_follow_the_formula_and_torch():
    LESSON.says(r"\text{running} \leftarrow (1 - m)\,\text{running} + m\,\text{batch}")
    mine, theirs = own["BatchNorm2d"](3, momentum=0.3).double(), nn.BatchNorm2d(3, momentum=0.3).double()
    for k in range(4):
        x = 2 + 3 * drawn(2, 3, 4, 5, seed=k)
        torch.testing.assert_close(mine(x), theirs(x))
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(mine, name), getattr(theirs, name))
    torch.testing.assert_close(mine.eval()(x), theirs.eval()(x))


def test_each_layer_is_torchs_in_value_and_gradient():
    LESSON.says(r"\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot w + b",
                r"\mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d \sum_j x_j^2 + \epsilon}} \odot w")
    agree(own["BatchNorm2d"](4), nn.BatchNorm2d(4), drawn(3, 4, 2, 5))
    agree(own["LayerNorm"]((4, 5)), nn.LayerNorm((4, 5)), drawn(2, 3, 4, 5))
    agree(own["GroupNorm"](2, 6), nn.GroupNorm(2, 6), drawn(3, 6, 4))
    agree(own["RMSNorm"](5), nn.RMSNorm(5, eps=1e-6), drawn(2, 3, 5))


def test_one_group_is_layer_norm_and_as_many_as_channels_is_instance_norm():
    LESSON.says("G = 1 is layer norm over the whole sample; G = C is *instance norm*")
    x = drawn(2, 6, 3, 4)
    torch.testing.assert_close(own["GroupNorm"](1, 6)(x), F.layer_norm(x, (6, 3, 4)))
    torch.testing.assert_close(own["GroupNorm"](6, 6)(x), F.instance_norm(x))


def test_in_a_batch_of_two_only_who_has_more_is_left():
    LESSON.says("In a batch of *two*, all that is left of a feature is which of the two samples has more of it")
    LESSON.says(r"if the two are much further apart than $\sqrt\epsilon \approx 0.003$")
    x = 5 * drawn(2, 50)
    normed = lambda x: own["batch_norm"](x, torch.ones(x.shape[1]), torch.zeros(x.shape[1]))
    torch.testing.assert_close(normed(x), (x - x.flip(0)).sign(), atol=0.01, rtol=0)
    assert normed(torch.tensor([[0.0], [1e-3]])).abs().max() < 0.2


def test_the_mean_of_squares_less_the_square_of_the_mean_loses_its_digits_in_float32_and_not_on_paper():
    LESSON.says(r"$\frac1N \sum x_i^2 - \mu^2$ is the same on paper, but in float32 it loses its digits where the mean "
                "is large")
    x = 1000 + 0.1 * drawn(50)
    less = lambda x: (x * x).mean() - x.mean() ** 2
    assert less(x) == pytest.approx(x.var(correction=0), rel=1e-5)
    assert not 0.5 < less(x.float()) / x.var(correction=0) < 2
    assert x.float().var(correction=0) == pytest.approx(x.var(correction=0), rel=1e-2)


# What follows from them.

def test_the_gradient_sums_to_zero_and_has_no_part_along_the_normalised_input():
    LESSON.says("The gradient sums to 0 over the batch", r"It has no part along $\hat x$ (but for $\epsilon$)")
    x, grad_out = drawn(9, 4), drawn(9, 4, seed=1)
    grad_x, *_ = own["batch_norm_backward"](grad_out, x, torch.ones(4).double(), 0.0)
    torch.testing.assert_close(grad_x.sum(0), torch.zeros(4).double())
    torch.testing.assert_close((grad_x * (x - x.mean(0))).sum(0), torch.zeros(4).double())


@pytest.mark.parametrize("seed", SEEDS)
def test_larger_weights_before_batch_norm_change_no_output_and_shrink_the_gradient(seed):
    LESSON.says("if the weights $w$ before a batch norm are multiplied by $a$, the output stays",
                "the gradient of $w$ is divided by $a$")
    for factor in (0.1, 10, 100):
        change, ratio = own["rescaled"](factor, seed)
        assert change < 0.02 and ratio * factor == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_of_weights_before_a_batch_norm_is_at_right_angles_to_them(seed):
    LESSON.says(r"$\sum_i z_i\,\partial L/\partial z_i = 0$", "the gradient is at right angles to $w$")
    x, w, grad_out = drawn(64, 20, seed=seed), drawn(20, 6, seed=seed + 10), drawn(64, 6, seed=seed + 20)
    z = x @ w
    grad_z, *_ = own["batch_norm_backward"](grad_out, z, torch.ones(6).double(), 1e-5)
    grad_w = x.T @ grad_z
    torch.testing.assert_close((w * grad_w).sum(0), (z * grad_z).sum(0))
    assert F.cosine_similarity(w, grad_w, dim=0).abs().max() < 1e-3
    LESSON.says("a $w$ that is $a$ times as long is turned by it through an angle about $a^2$ times smaller")
    longer, *_ = own["batch_norm_backward"](grad_out, x @ (10 * w), torch.ones(6).double(), 1e-5)
    turned = [torch.atan(0.01 * grad.norm(dim=0) / length.norm(dim=0)) for grad, length in (
        (grad_w, w), (x.T @ longer, 10 * w))]
    torch.testing.assert_close(turned[0], 100 * turned[1], rtol=0.05, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_brake_shows_at_large_rates_and_from_small_weights_and_not_from_large_ones(seed):
    LESSON.says("Weights that start ten times too small double", "turn a hundredth as far",
                "steps turn the first weights less than half as far in the end as at first",
                "But at 1 they grow by a sixth")
    assert own["braked"](0.1, 0.1, seed)[1] > 1.7 and own["braked"](0.1, 10, seed)[1] < 1.02
    assert own["braked"](3.0, seed=seed)[1] > 2 ** 0.5 and 1.08 < own["braked"](1.0, seed=seed)[1] < 1.3


@pytest.mark.slow
def test_the_brake_is_a_part_of_the_answer_and_not_the_whole():
    LESSON.says("At 3 they then end higher, on average over seeds: there the brake helps.")
    held, free = ([own["braked"](lr, seed=seed, hold=hold)[0] for lr in (1.0, 3.0) for seed in SEEDS]
                  for hold in (True, False))
    assert max(held[:3]) < 0.3 and max(held[3:]) < 0.8
    assert sum(held[3:]) > sum(free[3:])


def test_only_batch_norm_lets_samples_depend_on_each_other():
    LESSON.says("Who depends on whom? We change one sample of four")
    assert min(own["influence"](own["OverFeatures"](8))) > 0.1
    for norm in (own["LayerNorm"](8), own["GroupNorm"](2, 8), own["RMSNorm"](8)):
        changes = own["influence"](norm)
        assert changes[1] > 0.1 and changes[0] == changes[2] == changes[3] == 0.0


def test_the_cube_has_as_many_colours_as_means():
    LESSON.says("Batch norm: one mean for each channel, over all samples. Layer norm: one for each sample")
    n, c, l = explore.SHAPE
    counted = {norm: len(explore.belongs(norm).unique()) for norm in explore.NORMS}
    assert counted == {"batch norm": c, "layer norm": n, "group norm": 2 * n, "instance norm": n * c,
                       "layer norm of a token": n * l}
    assert torch.equal(explore.belongs("group norm", 1), explore.belongs("layer norm"))
    assert torch.equal(explore.belongs("group norm", c), explore.belongs("instance norm"))


def test_an_estimate_from_n_numbers_is_off_by_one_over_root_n():
    LESSON.says(r"is off by about $1/\sqrt n$ standard deviations")
    for count in (4, 16, 64):
        assert explore._drawn(count)[0].std().item() == pytest.approx(count ** -0.5, rel=0.06)
    assert (explore._drawn(2)[1].abs() > 0.9).float().mean() > 0.9


def test_the_explorer_puts_a_one_into_2000_batches_and_marks_the_choice_on_the_curve():
    LESSON.says("An activation of 1, one standard deviation above the mean, is normalised in 2000 batches of $n$ "
                "numbers, itself among them")
    assert explore._drawn(4)[1].shape == (2000,) and not explore._drawn(1)[1].any()
    for count in (1, 4, 64 * 16):
        ax = Figure().subplots()
        explore._over_counts(ax, count, explore._drawn(count)[1])
        *_, curve, choice = (dict(zip(*line.get_data())) for line in ax.lines)
        assert curve[count] == choice[count]


# The landmarks.

@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_learns_at_rates_and_from_weights_at_which_the_plain_net_does_not(seed):
    LESSON.says("After six epochs one is still guessing, the other has learned.",
                "Without batch norm this net learns well at rates of 0.03 to 0.1",
                "and at a rate of 0.1 only if its weights start near He's.",
                "At a rate of 1 it only guesses, at 3 its loss is no longer a number.",
                "With batch norm it learns at rates up to 3 (at 10 it fails as well) and from all of these weights")
    plain, normed = ([own["last_losses"](norm, (lr,), seed=seed)[0] for lr in (1.0, 3.0)]
                     for norm in (None, own["OverFeatures"]))
    assert plain[0] > 0.9 * math.log(10) and plain[1] == 9.0 and max(normed) < 0.5
    assert max(own["last_losses"](None, (0.03, 0.1), seed=seed)) < 0.8
    gains = (0.1, 10.0)
    assert min(own["last_losses"](None, gains=(0.1, 0.3, 3.0, 10.0), seed=seed)) > 0.9 * math.log(10)
    assert max(own["last_losses"](own["OverFeatures"], gains=gains, seed=seed)) < 1.2


def test_at_a_rate_of_three_tenths_the_plain_net_depends_on_its_seed():
    LESSON.says("of six seeds some end as low as at 0.1, others several times as high")
    at_a_tenth, at_three_tenths = ([own["last_losses"](None, (lr,), seed=seed)[0] for seed in range(6)]
                              for lr in (0.1, 0.3))
    assert min(at_three_tenths) < 1.3 * sum(at_a_tenth) / 6
    assert sum(loss > 2 * sum(at_a_tenth) / 6 for loss in at_three_tenths) >= 2


def test_at_lower_rates_the_plain_net_learns_a_little_from_larger_weights():
    LESSON.says("at lower rates three times He's weights learn a little")
    assert min(own["last_losses"](None, (0.003, 0.01), gains=(3.0,))) < 2.2


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_gets_lower_at_its_best_rate(seed):
    LESSON.says("in six epochs its loss gets lower at its best rate")
    best = [min(own["last_losses"](norm, (0.03, 0.1, 0.3), seed=seed)) for norm in (None, own["OverFeatures"])]
    assert best[1] < 0.6 * best[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_batch_norm_trains_before_and_after_the_activation(seed):
    LESSON.says("Both are in use, and here both train, from the same weights at the same rate of 0.1")
    for after in (False, True):
        history, net = own["race"](own["OverFeatures"], lr=0.1, seed=seed, after=after)
        assert history[-1] < 0.2 and own["accuracy"](net, own["x_test"], own["y_test"]) > 0.92


@pytest.mark.parametrize("seed", SEEDS)
def test_a_forgotten_eval_makes_predictions_depend_on_the_batch(seed):
    LESSON.says("In eval mode the order cannot matter.", "In mixed company that is nearly harmless",
                "Among its own kind, each channel's level, which helps to tell the classes apart, is taken off")
    net = own["trained"](own["BatchNorm2d"], seed)
    score = lambda by_class, training: own["graded_in_company"](net, by_class, training)
    assert abs(score(True, False) - score(False, False)) < 0.004
    assert abs(score(False, True) - score(False, False)) < 0.04
    assert 0.6 < score(True, True) < score(False, False) - 0.06


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_batches_of_two_ruin_batch_norm_and_no_other_norm(seed):
    LESSON.says("its error follows, a little if at all at 8 and 4. At 2 it is several times that of the other two",
                "by that batch's own statistics, nearly as many are wrong")
    (at_4, loss_4, _), (at_32, loss_32, _) = (own["small_batches"]("batch norm", size, seed) for size in (4, 32))
    ruined, loss, together = own["small_batches"]("batch norm", 2, seed)
    others = [own["small_batches"](kind, 2, seed) for kind in own["KINDS"] if kind != "batch norm"]
    assert at_4 < 0.11 and loss_32 < loss_4 < loss
    assert ruined > 0.15 and max(wrong for wrong, *_ in others) < 0.09 and ruined > 2.5 * max(w for w, *_ in others)
    assert together > 0.15 and together > 0.6 * ruined and loss > 1.2 and max(loss for _, loss, _ in others) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_convolutional_net_batches_of_two_do_no_harm(seed):
    LESSON.says("In our two-convolution net, whose means are over 16 and 4 pixels of each digit too,",
                "nothing is lost at 2.")
    wrong = [own["small_batches"]("batch norm, two convolutions", size, seed)[0] for size in (2, 32)]
    assert wrong[0] < 0.07 and wrong[0] < wrong[1] + 0.02


def test_one_feature_vector_alone_gives_beta_and_pytorch_refuses_it():
    LESSON.says(r"For one feature vector alone $\hat x$ is 0, the output $\beta$ whatever came")
    beta = drawn(4)
    torch.testing.assert_close(own["batch_norm"](drawn(1, 4, seed=1), torch.ones(4).double(), beta)[0], beta)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm1d(4)(torch.ones(1, 4))


def test_batch_norm_over_positions_lets_each_see_the_ones_after_it():
    LESSON.says("a mean over positions lets each see the tokens after it, which it is to predict")
    norm, x = nn.BatchNorm1d(8), drawn(1, 8, 5).float()
    changed = x.clone()
    changed[..., -1] += 3
    assert (norm(changed) - norm(x)).abs().amax(1)[0, :4].min() > 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_new_statistics_serve_a_new_camera_but_not_a_negative(seed):
    LESSON.says("Faint ink and grey paper change every channel by a scale and a shift",
                "The negative is beyond their reach")
    net = own["trained"](nn.BatchNorm2d, seed)
    for camera in ("faint ink", "grey paper"):
        before, after = own["new_camera"](net, camera)
        assert after > 0.85 and after > before + 0.1
    assert max(own["new_camera"](net, "negative")) < 0.15
    assert min(own["new_camera"](net, "as trained")) > 0.93
    LESSON.says("It is even worse than guessing", "the logits go against the original's (a correlation of about −0.5)")
    negative = own["CAMERAS"]["negative"]
    plain = net.eval()(own["new_images"])
    own["recalibrate"](net, negative(own["images"][:512]).split(64))
    both = [(logits - logits.mean(1, keepdim=True)).flatten() for logits in (plain, net(negative(own["new_images"])))]
    assert torch.corrcoef(torch.stack(both))[0, 1] < -0.35


def test_a_folded_net_gives_the_same_logits():
    LESSON.says(r"\gamma\,\frac{(W * x + b) - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta = W' * x + b'")
    net = own["conv_net"](nn.BatchNorm2d)
    net(own["images"][:100])
    net.eval()
    first, second = own["fold_batch_norm"](net[0], net[1]), own["fold_batch_norm"](net[3], net[4])
    slim = nn.Sequential(first, net[2], second, *net[5:])
    torch.testing.assert_close(slim(own["new_images"]), net(own["new_images"]), atol=1e-4, rtol=1e-4)


def test_the_numbers_of_the_review_questions():
    running = own["BatchNorm2d"](1)
    for mean in (1.0, 3.0):
        running(torch.tensor([mean - 1, mean + 1]).view(2, 1, 1, 1))
    LESSON.says("In one channel the first has mean 1, the second mean 3.")
    assert running.running_mean.item() == pytest.approx(0.39)
    LESSON.says("the weights of a layer right before a batch norm are multiplied by 10")
    x, w, grad_out = drawn(30, 4), drawn(4, 3, seed=1), drawn(30, 3, seed=2)
    for a, lr in ((1, 0.01), (10, 0.01 * 100)):  # one step, 100 times as large, from weights ten times as long
        grad_z, *_ = own["batch_norm_backward"](grad_out, x @ (a * w), torch.ones(3).double(), 0.0)
        stepped = a * w - lr * x.T @ grad_z
        torch.testing.assert_close(stepped / a, w - 0.01 * x.T @ own["batch_norm_backward"](
            grad_out, x @ w, torch.ones(3).double(), 0.0)[0])
