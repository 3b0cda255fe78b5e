"""What lesson 04 says is true: its optimizers are PyTorch's step by step, its landmarks hold over three seeds."""

import math
from functools import cache

import pytest
import torch
from lesson_text import lesson_text
from torch import nn
from torch.nn import functional as F

from dlcourse.checks import optimizers as checks
from dlcourse.checks.optimizers import machine

LESSON = lesson_text("04_optimizers")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them

OPTIONS = [
    ("SGD", {}), ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.1}), ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {}), ("RMSprop", {"alpha": 0.8, "eps": 0.1}),
    ("Adam", {}), ("Adam", {"betas": (0.7, 0.95), "eps": 0.1}),
    ("AdamW", {}), ("AdamW", {"betas": (0.8, 0.97), "weight_decay": 0.3}),
]


def case_of(gaps, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    if gaps:
        return machine.with_gaps(generator, **options)[1]
    return machine.run(generator, steps=60, **options)


@pytest.mark.parametrize("gaps", (False, True), ids=("every-gradient", "missing-gradients"))
@pytest.mark.parametrize("name, options", OPTIONS, ids=str)
def test_the_checks_reference_is_pytorchs_optimizer_step_by_step(name, options, gaps):
    case = case_of(gaps, **options)
    assert len(case["grads"][0]) >= 50
    theirs = machine.steps(getattr(torch.optim, name), **case)
    ours = machine.steps(getattr(checks, name).reference, **case)
    for key in theirs:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name, options", OPTIONS, ids=str)
def test_the_lessons_optimizers_are_pytorchs_step_by_step(name, options):
    LESSON.says("each step for step the same as PyTorch's")
    case = case_of(False, seed=1, **options)
    theirs = machine.steps(getattr(torch.optim, name), **case)
    ours = machine.steps(own[name], **case)
    for key in theirs:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-10, atol=1e-12)


def moves(make, gradients, start=1.5):
    """Where one number goes under these gradients."""
    x = torch.tensor([start], dtype=torch.float64)
    optimizer, visited = make([x]), []
    for g in gradients:
        x.grad = torch.tensor([g], dtype=torch.float64)
        optimizer.step()
        visited.append(x.item())
    return visited


GRADIENTS = [0.5, -1.0, 2.0, 0.3]


def plainly(step, start=1.5):
    """The same in plain Python: step(x, g, s, t) -> x, with a dict s for what is remembered."""
    x, state, visited = start, {}, []
    for t, g in enumerate(GRADIENTS, 1):
        x = step(x, g, state, t)
        visited.append(x)
    return visited


def momentum(x, g, s, t):
    s["v"] = 0.9 * s.get("v", 0) + g
    return x - 0.1 * s["v"]


def nesterov(x, g, s, t):
    s["v"] = 0.9 * s.get("v", 0) + g
    return x - 0.1 * (g + 0.9 * s["v"])


def rmsprop(x, g, s, t):
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * g ** 2
    return x - 0.1 * g / (math.sqrt(s["v"]) + 1e-8)


def adam(x, g, s, t):
    s["m"], s["v"] = 0.9 * s.get("m", 0) + 0.1 * g, 0.999 * s.get("v", 0) + 0.001 * g ** 2
    m_hat, v_hat = s["m"] / (1 - 0.9 ** t), s["v"] / (1 - 0.999 ** t)
    return x - 0.1 * m_hat / (math.sqrt(v_hat) + 1e-8)


FORMULAS = {
    r"v \leftarrow \mu v + g, \qquad x \leftarrow x - \eta v": ("SGD", {"momentum": 0.9}, momentum),
    r"x \leftarrow x - \eta\,(g + \mu v)": ("SGD", {"momentum": 0.9, "nesterov": True}, nesterov),
    r"g \leftarrow g + \lambda x": ("SGD", {"weight_decay": 0.3}, lambda x, g, s, t: x - 0.1 * (g + 0.3 * x)),
    r"v \leftarrow \alpha v + (1 - \alpha)\,g^2, \qquad x \leftarrow x - \eta\,\frac{g}{\sqrt v + \epsilon}":
        ("RMSprop", {}, rmsprop),
    r"\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad "
    r"x \leftarrow x - \eta\,\frac{\hat m}{\sqrt{\hat v} + \epsilon}": ("Adam", {}, adam),
    r"x \leftarrow x - \eta\lambda x, \qquad x \leftarrow x - \eta\,\frac{\hat m}{\sqrt{\hat v} + \epsilon}":
        ("AdamW", {"weight_decay": 0.3}, lambda x, g, s, t: adam(x - 0.1 * 0.3 * x, g, s, t)),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_each_optimizers_formula_is_in_the_lesson_and_is_what_its_solution_computes(formula):
    LESSON.says(formula)
    name, options, step = FORMULAS[formula]
    assert moves(lambda params: own[name](params, 0.1, **options), GRADIENTS) == pytest.approx(plainly(step))


def test_gradient_descent_multiplies_the_distance_by_one_minus_lr_times_curvature():
    LESSON.says(r"x_{k+1} = x_k - \eta\, \nabla f(x_k)", r"x_{k+1} = (1 - \eta\lambda)\, x_k")
    path = own["gradient_descent"](lambda x: 4.0 * x, torch.tensor([3.0]), 0.1, 5)
    torch.testing.assert_close(path[:, 0], 3.0 * 0.6 ** torch.arange(6.0))


def test_the_bowls_steepest_curvature_sets_the_limit_the_pictures_show():
    LESSON.says(r"\eta_{\max} = \frac{2}{\lambda_{\max}(H)}",
                "On the left it creeps, in the middle it bounces but gets there, on the right it leaves.",
                "along $y$ it is 25 times as steep as along $x$")
    curvature, start = torch.tensor([1.0, 25.0]), torch.tensor([-3.5, 1.2])
    assert own["largest_stable_lr"](torch.diag(curvature)) == pytest.approx(0.08)
    ends = [own["gradient_descent"](lambda x: curvature * x, start, lr, 40)[-1] for lr in (0.01, 0.075, 0.081)]
    assert ends[0][0] < -2 and ends[1].norm() < 0.3 and ends[2][1].abs() > 2


@pytest.mark.parametrize("seed", SEEDS)
def test_above_the_limit_gradient_descent_diverges_and_below_it_converges(seed):
    LESSON.says("learning rates 1 % to either side of your limit", "The limit is sharp.")
    below, above = (own["distances"](share, seed) for share in (0.99, 1.01))
    assert below[-1] < 0.01 * below[0]
    assert above[-1] > 10 * above[0] and above[-1] > 2 * above[-60]
    LESSON.says("Above it the other directions shrink first, then the steepest takes over.")
    assert above.min() < 0.4 * above[0] and above.argmin() > 5


def test_close_to_the_limit_the_steepest_direction_lingers_and_at_half_of_it_the_flattest():
    LESSON.says("half the limit ends lower than 0.99 of it: at 0.99 the steepest direction lingers (it keeps 98 % a step, "
                "and bounces), at half the flattest (97 %)", r"$2/(\lambda_{\max} + \lambda_{\min})$",
                r"both keep $(\kappa - 1)/(\kappa + 1)$", r"$\kappa = \lambda_{\max}/\lambda_{\min}$")
    ends = {share: own["distances"](share)[-2:] for share in (0.5, 0.99)}
    assert ends[0.5][1] < ends[0.99][1]
    assert ends[0.99][1] / ends[0.99][0] == pytest.approx(0.98, abs=1e-3)
    assert ends[0.5][1] / ends[0.5][0] == pytest.approx(0.97, abs=5e-3)
    small, large = 1.0, 30.0
    kept = [abs(1 - 2 / (small + large) * curvature) for curvature in (small, large)]
    assert kept == pytest.approx([(30 - 1) / (30 + 1)] * 2)


def test_momentum_improves_the_rate_from_the_condition_number_to_its_root():
    LESSON.says(r"One line rises with $\kappa$, the other with $\sqrt\kappa$: at $\kappa = 1000$, some 7000 steps become "
                "fewer than 400.")
    plain, rolling = ([own["steps_needed"](kappa, way) for kappa in (10, 100, 1000)] for way in (False, True))
    for smaller, larger in zip(plain, plain[1:]):
        assert larger / smaller == pytest.approx(10, rel=0.15)
    for smaller, larger in zip(rolling, rolling[1:]):
        assert larger / smaller == pytest.approx(math.sqrt(10), rel=0.15)
    assert 6500 < plain[2] < 7500 and rolling[2] < 400


def test_agreeing_gradients_add_up_to_one_over_one_minus_mu_and_alternating_ones_to_one_over_one_plus_mu():
    LESSON.says(r"Where gradients agree the velocity grows to $1/(1-\mu)$ times the gradient")
    agreeing = moves(lambda params: own["SGD"](params, 1.0, momentum=0.9), [1.0] * 200)
    assert agreeing[-2] - agreeing[-1] == pytest.approx(10, rel=1e-3)
    alternating = moves(lambda params: own["SGD"](params, 1.0, momentum=0.9), [1.0, -1.0] * 100)
    LESSON.says(r"where they alternate it shrinks to $1/(1+\mu)$ times.")
    assert abs(alternating[-2] - alternating[-1]) == pytest.approx(1 / 1.9, rel=1e-3)


def test_an_l2_penalty_shrinks_every_weight_by_a_share_of_itself_in_sgd_without_momentum_only():
    LESSON.says(r"For SGD without momentum, an L2 penalty and shrinking every weight by $\eta\lambda$ of itself are the same "
                "thing. In Adam they are not")

    def end(make, shrinks):
        x = torch.tensor([1.5, -0.5], dtype=torch.float64)
        optimizer = make([x])
        for target in GRADIENTS:
            g = x - target
            x.mul_(1 - 0.1 * 0.3 * shrinks)
            x.grad = g + (0 if shrinks else 0.3 * x)
            optimizer.step()
        return x

    same = lambda make: torch.allclose(end(make, True), end(make, False), atol=1e-6)
    assert same(lambda params: own["SGD"](params, 0.1))
    assert not same(lambda params: own["SGD"](params, 0.1, momentum=0.9))
    assert not same(lambda params: own["Adam"](params, 0.1))


def test_the_first_step_of_rmsprop_is_ten_times_too_long_and_one_that_has_settled_is_as_long_as_the_rate():
    LESSON.says("Once $v$ has settled, a weight's step is of the order of $\\eta$, however steep it is there",
                r"the very first step is $1/\sqrt{1 - \alpha} = 10$ times $\eta$: Adam will mend that")
    for steepness in (0.01, 100.0):
        visited = moves(lambda params: own["RMSprop"](params, 1.0), [steepness] * 600, start=0.0)
        assert -visited[0] == pytest.approx(10, rel=1e-3)
        assert visited[-2] - visited[-1] == pytest.approx(1, rel=0.01)
        assert -moves(lambda params: own["Adam"](params, 1.0), [steepness], start=0.0)[0] == pytest.approx(1, rel=1e-3)


def test_rmsprop_is_the_first_to_leave_the_saddle_in_the_explorer():
    LESSON.says("Which of them is the first to leave the saddle at a rate of 0.01?")
    explore = own["explore"]
    paths = {name: explore.walk(rule, "saddle", 0.01, 0.9, 100) for name, rule in explore.RULES.items()}
    left = {name: next((step for step, (_, y) in enumerate(path) if y > 0.5), math.inf) for name, path in paths.items()}
    assert min(left, key=left.get) == "RMSprop" and left["RMSprop"] < 10 < 30 < left["Adam"]


def test_adamws_decay_pulls_the_end_of_the_path_away_from_rosenbrocks_minimum():
    LESSON.says("Where does AdamW's decay pull the end of the path in Rosenbrock's valley?")
    explore = own["explore"]
    ends = {name: explore.walk(explore.RULES[name], "Rosenbrock", 0.3, 0.9, 300)[-1]
            for name in ("Adam", "AdamW, λ = 0.1")}
    assert ends["Adam"] == pytest.approx((1, 1), abs=0.01)
    assert ends["AdamW, λ = 0.1"][0] < 0.75


@pytest.mark.parametrize("seed", SEEDS)
def test_plain_sgd_stalls_at_a_saddle_that_momentum_and_adam_leave(seed):
    LESSON.says("After 120 steps SGD is still within 0.05 of the ridge; momentum, at a lower rate, and Adam are at a "
                "minimum.", "SGD's rate is close to its limit of $2/4$.")
    sgd, at_the_limit, rolling, adaptive = (own["off_the_ridge"](*one, seed=seed) for one in (
        ("SGD", 0.45), ("SGD", 0.499), ("momentum", 0.25), ("Adam", 0.05)))
    assert sgd[0] < sgd[-1] < 0.03 and at_the_limit[-1] < 0.05  # no stable rate would do
    assert abs(rolling[-1] - 1) < 0.07 and abs(adaptive[-1] - 1) < 0.05


@pytest.mark.parametrize("start", (5.0, 5.5, 6.0))
def test_momentum_rolls_out_of_a_local_minimum_and_too_much_of_it_past_the_lowest(start):
    LESSON.says("At this rate, 0.1, plain descent ($\\mu = 0$) stops in the first dip. With momentum 0.9 it rolls through, "
                "to the lowest point; with 0.95 through that one too, into a dip on the other side. At another rate, "
                "0.05, momentum 0.95 stops at the lowest point as well. (Longer steps alone do not do it: without "
                "momentum, rates of 1 and 2 stop in the first dip.)")
    ends = {momentum: own["roll"](momentum, start)[-1] for momentum in (0.0, 0.9, 0.95)}
    assert ends[0.0] == pytest.approx(2.76, abs=0.01)
    assert ends[0.9] == pytest.approx(0, abs=0.01)
    assert ends[0.95] == pytest.approx(-2.76, abs=0.01)
    assert own["roll"](0.95, start, lr=0.05)[-1] == pytest.approx(0, abs=0.02)
    assert all(own["roll"](0.0, start, lr)[-1] == pytest.approx(2.76, abs=0.01) for lr in (0.3, 1.0, 2.0))


def test_the_line_with_dips_is_the_one_whose_slope_is_followed():
    LESSON.says(r"$f(x) = \tfrac1{20} x^2 + \tfrac15 (1 - \cos 2x)$")
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    (x ** 2 / 20 + (1 - torch.cos(2 * x)) / 5).sum().backward()
    assert 2.0 - own["roll"](0.0, 2.0, lr=1.0, steps=1)[1] == pytest.approx(x.grad.item())


def test_with_its_best_rate_each_descends_the_bowl_and_only_sgd_has_not_left_the_saddle():
    LESSON.says("With its best rate each of them finds the way down the bowl.",
                "On the saddle all start 0.0001 off the line", "SGD is the only one that has not arrived")
    assert len(own["RATES"]) == 8 and own["explore"].SURFACES["saddle"].start[1] == 1e-4
    best = {(name, mover): own["best_path"](name, mover) for name in ("bowl", "saddle") for mover in own["MOVERS"]}
    assert all(best["bowl", mover][0] < 1e-4 for mover in own["MOVERS"])
    arrived = {mover for mover in own["MOVERS"] if best["saddle", mover][0] < -0.0249}
    assert arrived == set(own["MOVERS"]) - {"SGD"} and best["saddle", "SGD"][2][-1][1] < 0.1
    LESSON.says("No stable rate would do: at 0.499 it has come to $y = 0.15$.", "more than 0.32, our largest rate")
    assert own["path"]("saddle", "SGD", 0.499)[1][-1][1] == pytest.approx(0.147, abs=0.003) and max(own["RATES"]) == 0.32
    LESSON.says("In Rosenbrock's valley RMSprop is still on its way; SGD leapt across in one lucky step.")
    ends = {mover: own["best_path"]("Rosenbrock", mover)[2] for mover in own["MOVERS"]}
    arrived = {mover for mover, points in ends.items() if math.dist(points[-1], (1, 1)) < 0.05}
    assert arrived == set(own["MOVERS"]) - {"RMSprop"} and ends["RMSprop"][-1][0] < 0.85
    assert ends["SGD"][0][0] == -1.5 and ends["SGD"][1][0] > 0.5
    for (name, mover), (height, lr, points) in best.items():
        assert len(points) == 151 and (height, points) == own["path"](name, mover, lr)
        assert all(height <= own["path"](name, mover, other)[0] for other in own["RATES"])


@pytest.mark.parametrize("seed", SEEDS)
def test_adamw_regularises_independently_of_the_losss_scale_and_adam_with_l2_does_not(seed):
    LESSON.says("On the right AdamW regularises the same at every scale, and the penalty vanishes as the loss grows.",
                "Multiply its loss by a constant and Adam's path does not change")
    norms = {kind: [own["weights_after"](kind, scale, seed) for scale in (0.01, 1.0, 100.0)]
             for kind in ("no decay", "Adam + L2", "AdamW")}
    assert max(norms["AdamW"]) < 1.01 * min(norms["AdamW"]) < 0.8 * min(norms["no decay"])
    assert max(norms["no decay"]) < 1.01 * min(norms["no decay"])
    assert norms["Adam + L2"][2] > 2 * norms["Adam + L2"][1] > 10 * norms["Adam + L2"][0]
    assert norms["Adam + L2"][2] > 0.85 * norms["no decay"][2]


@pytest.mark.parametrize("seed", SEEDS)
def test_adamw_decays_every_weight_alike_and_adam_with_l2_those_with_small_gradients(seed):
    LESSON.says("On the left AdamW takes the same share of every weight; a penalty in Adam takes all where gradients are "
                "small, and next to nothing where they are large.")
    left = {kind: [own["remaining"](kind, size, seed) for size in (0.01, 1.0, 100.0)]
            for kind in ("no decay", "Adam + L2", "AdamW")}
    assert left["AdamW"] == pytest.approx([0.995 ** 200] * 3, abs=0.03)
    assert left["no decay"] == pytest.approx([1.0] * 3, abs=0.03)
    assert abs(left["Adam + L2"][0]) < 0.05 and 0.6 < left["Adam + L2"][1] < 0.95 and left["Adam + L2"][2] > 0.95


def test_clipping_takes_the_weight_down_the_cliff_where_neither_rate_does_without():
    LESSON.says("Without clipping, a learning rate that suits the floor is fatal at the edge: at 0.005 the first step goes "
                "to $w \\approx -7000$. And one that survives the edge creeps.",
                r"Near $5.6 \cdot 10^{-7}$ there is a rate whose first leap happens to land on the floor",
                r"\min\left(1, \frac{c}{\|g\|}\right)")
    assert own["on_the_cliff"](0.005, max_norm=5)[-1] == pytest.approx(1, abs=1e-3)
    assert own["on_the_cliff"](0.005)[1] == pytest.approx(-7000, rel=0.02)
    assert 1.3 < own["on_the_cliff"](1e-7)[-1] < 1.5
    for exponent in range(-28, -7):  # four rates to a power of ten
        end = own["on_the_cliff"](10 ** (exponent / 4))[-1]
        assert abs(end - 1) > 0.1 or exponent == -25  # 10^(-25/4) is 5.6e-7
    p = nn.Parameter(torch.zeros(2))
    p.grad = torch.tensor([3.0, 4.0])
    assert own["clip_grad_norm"]([p], 1.0) == pytest.approx(5)
    torch.testing.assert_close(p.grad, torch.tensor([0.6, 0.8]))


def test_five_newton_schulz_steps_bring_singular_values_near_one():
    LESSON.says("after five steps whatever was above a five-hundredth of the norm lies between 0.68 and 1.21",
                r"X \leftarrow aX + (bA + cA^2)\,X, \qquad A = XX^\top, \qquad (a, b, c) = (3.4445,\ -4.7750,\ 2.0315)",
                r"$a\sigma + b\sigma^3 + c\sigma^5$")
    sigma = torch.linspace(0.002, 1, 20_000, dtype=torch.float64)
    lifted = sigma.clone()
    for _ in range(5):
        lifted = 3.4445 * lifted - 4.7750 * lifted ** 3 + 2.0315 * lifted ** 5
    assert 0.68 < lifted.min() and lifted.max() < 1.21
    for shape in ((6, 9), (9, 6)):
        G = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        U, before, V = torch.linalg.svd(G / G.norm(), full_matrices=False)
        after = before.clone()
        for _ in range(5):
            after = 3.4445 * after - 4.7750 * after ** 3 + 2.0315 * after ** 5
        torch.testing.assert_close(own["orthogonalize"](G), U @ torch.diag(after) @ V)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gradients_singular_values_are_lopsided_and_orthogonalized_ones_are_not(seed):
    LESSON.says("a few *singular values*, the entries of the diagonal $\\Sigma$, outweigh the others")
    G = own["hidden_gradient"](seed)
    before, after = torch.linalg.svdvals(G), torch.linalg.svdvals(own["orthogonalize"](G))
    assert before[:8].square().sum() > 0.9 * before.square().sum() and before[0] > 100 * before[-1]
    assert after[:24].min() > 0.5 and after.max() < 1.3
    LESSON.says("The smallest have not got all the way: they were below a five-hundredth of the norm.")
    assert after[-1] < 0.6 and before[-1] < before.norm() / 500
    assert all(0.68 < new < 1.21 for old, new in zip(before / before.norm(), after) if old > 0.002)


def test_pytorch_has_muon_too():
    LESSON.says("PyTorch has Muon too, as `torch.optim.Muon`")
    assert hasattr(torch.optim, "Muon")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_learning_rate_alone_decides_between_guessing_and_learning(seed):
    LESSON.says("From guessing to nine digits in ten, and back to guessing")
    scores = []
    for lr in (0.001, 1.0, 10.0):
        net = own["small_net"](seed)
        own["fit"](net, own["x_train"], own["y_train"], torch.optim.SGD(net.parameters(), lr), F.cross_entropy, 8,
                   seed=seed)
        scores.append(own["accuracy"](net, own["x_val"], own["y_val"]))
    assert scores[1] > 0.88 and scores[0] < 0.35 and scores[2] < 0.35


@cache
def finish(name):
    """Validation losses (rates,), and each seed's test accuracy at the best rate, as the lesson's figure shows."""
    rates, runs = own["results"](name)
    loss = runs[..., 0].mean(dim=1)
    best = loss.argmin().item()
    return rates, loss.tolist(), best, runs[best, :, 1].tolist()


@pytest.mark.parametrize("name", own["RACERS"])
def test_for_every_optimizer_the_rate_decides_and_its_best_lies_inside_the_grid(name):
    LESSON.says("one optimizer's rates lie much further apart than the optimizers at their best: SGD's losses reach from "
                "0.16 to 2.3, which is guessing, Adam's from 0.12 to 2. Each has its own best rate.",
                "six learning rates, three seeds each", "Each grid lies so that the best rate is inside")
    rates, loss, best, scores = finish(name)
    assert len(rates) == 6 and 0 < best < 5
    assert max(loss) > 1.5 and loss[best] < 0.25 and min(scores) > 0.9
    lowest, highest = {"SGD": (0.16, 2.3), "Adam": (0.12, 2.0)}.get(name, (loss[best], max(loss)))
    assert loss[best] == pytest.approx(lowest, abs=0.01) and max(loss) == pytest.approx(highest, abs=0.06)
    assert max(loss) - loss[best] > 10 * (0.166 - 0.116)  # which is how far apart the best of all five lie


@pytest.mark.slow
def test_tuned_optimizers_end_closer_together_than_the_seeds_of_one():
    LESSON.says("tuned, their means lie about two points apart, and RMSprop's three seeds more than four",
                "Three of one tuned optimizer lay more than four points apart")
    scores = {name: finish(name)[3] for name in own["RACERS"]}
    means = [sum(score) / 3 for score in scores.values()]
    spreads = [max(score) - min(score) for score in scores.values()]
    assert 0.01 < max(means) - min(means) < 0.03
    assert max(spreads) == max(scores["RMSprop"]) - min(scores["RMSprop"])
    assert 0.04 < max(spreads) < 0.05 and max(spreads) > max(means) - min(means)
    LESSON.says("Adam and AdamW, all but the same here, lie half a point apart",
                "360 test digits leave an uncertainty of about a point by themselves")
    assert 0.002 < abs(sum(scores["Adam"]) - sum(scores["AdamW"])) / 3 < 0.008
    assert len(own["x_test"]) == 360 and math.sqrt(0.96 * 0.04 / 360) == pytest.approx(0.01, abs=0.001)


def test_which_optimizer_wins_at_one_rate_depends_on_the_rate():
    LESSON.says("At 0.03 for all, Adam and AdamW are ahead and SGD has hardly begun; at 1, which the figure shows for SGD "
                "only (we ran the others too), SGD is far ahead.",
                "customary 0.001 is a thirtieth of its best rate here, where there are only 180 steps")
    at = lambda name, lr: sum(own["race"](name, lr, seed)[0] for seed in SEEDS) / 3
    ahead = max(at(name, 0.03) for name in ("Adam", "AdamW"))
    assert 1.2 * ahead < min(at(name, 0.03) for name in ("SGD", "momentum", "RMSprop"))
    assert at("SGD", 0.03) > 1.5
    assert 5 * at("SGD", 1.0) < min(at(name, 1.0) for name in ("momentum", "RMSprop", "Adam", "AdamW"))
    rates, loss, best, _ = finish("Adam")
    assert rates[best] == pytest.approx(0.03)
    assert 10 * math.ceil(len(own["x_train"]) / 64) == 180


def test_adam_and_adamw_coincide_in_the_race():
    LESSON.says("(Adam's and AdamW's curves coincide: ten epochs are too few for a decay of 0.01 to show.)")
    for one, other in zip(finish("Adam")[1], finish("AdamW")[1]):
        assert one == pytest.approx(other, rel=0.06)


def test_the_model_answers_numbers_are_the_races():
    _, loss, best, scores = finish("Adam")
    LESSON.says("Adam's validation loss went from about 2 at 0.0003 to 0.12 at 0.03")
    assert loss[0] == pytest.approx(2, abs=0.1) and loss[best] == pytest.approx(0.12, abs=0.01)


def test_without_bias_corrections_the_first_step_is_about_three_times_too_long():
    assert checks.review_bias.reference == "b"
    assert 0.1 / math.sqrt(0.001) == pytest.approx(3.16, abs=0.01)


@pytest.mark.parametrize("rule, name, options", [
    ("SGD", "SGD", {}), ("momentum", "SGD", {"momentum": 0.9}), ("RMSprop", "RMSprop", {}), ("Adam", "Adam", {}),
    ("Nesterov", "SGD", {"momentum": 0.9, "nesterov": True}), ("AdamW, λ = 0.1", "AdamW", {"weight_decay": 0.1})])
@pytest.mark.parametrize("surface", own["explore"].SURFACES)
def test_the_explorers_paths_are_those_of_the_lessons_optimizers(surface, rule, name, options):
    explore, shape = own["explore"], own["explore"].SURFACES[surface]
    path = explore.walk(explore.RULES[rule], surface, 0.01, 0.9, 30)
    point = torch.tensor(shape.start, dtype=torch.float64, requires_grad=True)
    optimizer = own[name]([point], 0.01, **options)
    for visited in path[1:]:
        optimizer.zero_grad()
        shape.value(*point).backward()  # by autograd: the surface's own gradient is held to it too
        optimizer.step()
        assert point.tolist() == pytest.approx(list(visited), rel=1e-6, abs=1e-9)


def test_the_stars_are_minima():
    for shape in own["explore"].SURFACES.values():
        for minimum in shape.minima:
            assert shape.gradient(*minimum) == pytest.approx((0, 0))
            point = torch.tensor(minimum, dtype=torch.float64)
            hessian = torch.autograd.functional.hessian(lambda p: shape.value(*p), point)
            assert torch.linalg.eigvalsh(hessian).min() > 0


def test_the_explorer_says_where_sgd_diverges_and_disables_what_does_nothing():
    explorer = own["explore"].paths()
    explorer.controls["lr"].value = 0.079
    assert "SGD diverges" not in explorer.words
    explorer.controls["lr"].value, explorer.controls["steps"].value = 0.1, 100
    assert "SGD diverges" in explorer.words
    explorer.controls["shown"].value = "RMSprop"
    assert explorer.controls["mu"].disabled
    explorer.controls["shown"].value = "Adam"
    assert not explorer.controls["mu"].disabled
