"""What lesson 02 says is true: its formulas give what its solutions give, its landmarks hold over three seeds."""

import math

import pytest
import torch
from lesson_text import lesson_text
from torch import nn

LESSON = lesson_text("02_activations")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them

FORMULAS = {  # what stands in the lesson: (the solution it describes, the same formula in plain Python)
    r"\mathrm{ReLU}(x) = \max(0, x)": ("relu", lambda x: max(0, x)),
    r"\mathrm{LeakyReLU}(x) = \begin{cases} x & x > 0 \\ a\,x & x \le 0 \end{cases}":
        ("leaky_relu", lambda x: x if x > 0 else 0.01 * x),
    r"\mathrm{ELU}(x) = \begin{cases} x & x > 0 \\ \alpha\,(e^x - 1) & x \le 0 \end{cases}":
        ("elu", lambda x: x if x > 0 else math.exp(x) - 1),
    r"\sigma(x) = \frac{1}{1 + e^{-x}}": ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
    r"\mathrm{GELU}(x) = x\,\Phi(x), \qquad \Phi(x) = \tfrac12\left(1 + \mathrm{erf}\left(x / \sqrt2\right)\right)":
        ("gelu", lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    r"\mathrm{Swish}_\beta(x) = x\,\sigma(\beta x)": ("swish", lambda x: x / (1 + math.exp(-x))),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_each_formula_is_in_the_lesson_and_is_what_its_solution_computes(formula):
    LESSON.says(formula)
    name, plain = FORMULAS[formula]
    xs = [-30.0, -3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0, 30.0]
    ours = own[name](torch.tensor(xs, dtype=torch.float64))
    torch.testing.assert_close(ours, torch.tensor([float(plain(x)) for x in xs], dtype=torch.float64))


def test_the_softmax_formulas_are_what_the_solutions_compute():
    LESSON.says(r"\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
                r"\log \mathrm{softmax}(x)_i = x_i - \log \sum_j e^{x_j}")
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    powers = [math.exp(v) for v in x.tolist()]
    torch.testing.assert_close(own["softmax"](x, 0), torch.tensor([p / sum(powers) for p in powers]).double())
    by_hand = [v - math.log(sum(powers)) for v in x.tolist()]
    torch.testing.assert_close(own["log_softmax"](x, 0), torch.tensor(by_hand, dtype=torch.float64))


@pytest.mark.parametrize("formula, f, slope", [
    (r"\sigma'(x) = \sigma(x)\,(1 - \sigma(x)) \le \tfrac14", "sigmoid", lambda s, x: s * (1 - s)),
    (r"\frac{d}{dx}\, x\,\sigma(x) = \sigma(x) + x\,\sigma(x)\,(1 - \sigma(x))", "swish", lambda s, x: s + x * s * (1 - s)),
])
def test_each_derivative_is_in_the_lesson_and_agrees_with_autograd(formula, f, slope):
    LESSON.says(formula)
    x = torch.linspace(-6, 6, 101, dtype=torch.float64, requires_grad=True)
    by_autograd, = torch.autograd.grad(own[f](x).sum(), x)
    torch.testing.assert_close(by_autograd, slope(torch.sigmoid(x), x))
    assert f != "sigmoid" or by_autograd.max() <= 0.25 + 1e-12


def test_tanh_is_a_stretched_sigmoid():
    LESSON.says(r"$\tanh(x) = 2\sigma(2x) - 1$")
    x = torch.linspace(-3, 3, 50)
    torch.testing.assert_close(torch.tanh(x), 2 * torch.sigmoid(2 * x) - 1)


def test_in_two_steps_the_log_probability_is_lost_a_little_past_100():
    LESSON.says("Taken in two steps it is −∞, and its line ends, a little past 100.")
    behind = torch.arange(0.0, 160.0)
    logits = torch.stack([torch.zeros_like(behind), -behind], dim=1)
    first_lost = own["softmax"](logits, 1)[:, 1].log().isinf().nonzero()[0].item()
    assert 100 < first_lost < 110
    assert own["log_softmax"](logits, 1).isfinite().all()


def test_e_to_the_710_is_too_big_for_float64():
    LESSON.says(r"In float64 $e^{710}$ is already too big.")
    x = torch.tensor([709.0, 710.0], dtype=torch.float64).exp()
    assert x[0].isfinite() and x[1].isinf()


def test_beyond_5_the_sigmoids_slope_is_below_a_hundredth():
    LESSON.says("the best this slope can do is ¼, at $x = 0$, and beyond ±5 less than 0.007 is left")
    slope = lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2
    assert slope(0) == 0.25 and slope(5) < 0.007


def test_elus_mean_is_closest_to_0_for_normal_input():
    LESSON.says("ELU's is the closest to 0")
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    means = {name: own[name](x).mean().abs().item() for name in ("relu", "leaky_relu", "elu")}
    assert means["elu"] < 0.5 * min(means["relu"], means["leaky_relu"])


def test_the_hand_written_backward_keeps_one_tensor_of_several():
    LESSON.says("saving a single tensor")
    own_swish, function = (own["megabytes_kept"](f, 1000) for f in (own["swish"], own["SwishFunction"].apply))
    assert function == pytest.approx(0.004) and own_swish >= 4 * function


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sigmoids_gradient_at_layer_1_of_30_is_orders_of_magnitude_below_relus(seed):
    LESSON.says(r"With the sigmoid it gets less by a factor of about $10^{18}$.",
                "With ReLU the first layer gets about as much as the last.")
    shares = {name: (norms := own["gradients_through"](name, seed=seed))[0] / norms[-1] for name in own["BENDS"]}
    assert 1e-20 < shares["sigmoid"] < 1e-17
    assert 0.1 < shares["ReLU"] < 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_20_layer_relu_net_learns_the_digits_where_a_sigmoid_net_only_guesses(seed):
    LESSON.says("With these weights the sigmoid net never gets beyond guessing.", "Tanh learns too.",
                "the best of three learning rates, by training loss")
    best = {}
    for name in own["BENDS"]:
        runs = [own["deep_race"](name, lr, seed=seed) for lr in (3e-4, 1e-3, 3e-3)]
        best[name] = min(runs, key=lambda run: run[0][-1])
    assert best["ReLU"][1] > 0.85 and best["tanh"][1] > 0.85
    assert best["sigmoid"][1] < 0.2 and min(best["sigmoid"][0]) > 0.95 * math.log(10)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_too_large_step_kills_relu_units_and_leaky_relu_keeps_them(seed):
    LESSON.says("The jolt switched off nearly as many leaky units.", "every one of them goes on learning",
                "about four in ten units of the first layer never moved again")
    (before, after, stuck), _ = own["jolt"](nn.ReLU, seed)
    assert before < 0.1 and 0.3 < after < 0.55
    assert stuck == after
    (_, leaky_after, leaky_stuck), _ = own["jolt"](lambda: nn.LeakyReLU(0.1), seed)
    assert leaky_after > 0.75 * after and leaky_stuck == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_he_weights_keep_the_signals_variance_where_xavier_halves_it_at_every_layer(seed):
    LESSON.says("ReLU then zeroes half of it, which halves its mean square",
                "Halving at each of twenty layers makes a factor of a million.")
    per_layer = {}
    for gain in (math.sqrt(2), 1.0):
        variances = own["signal_variance"](gain, seed=seed)
        per_layer[gain] = (variances[-1] / variances[0]) ** (1 / (len(variances) - 1))
    assert per_layer[math.sqrt(2)] == pytest.approx(1, abs=0.05)
    assert per_layer[1.0] == pytest.approx(0.5, abs=0.03)
