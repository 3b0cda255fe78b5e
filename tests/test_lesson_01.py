"""What lesson 01 says is true: its formulas give what its solutions give, its landmarks hold over three seeds."""

import math
from time import perf_counter

import pytest
import torch
from lesson_text import lesson_text

from dlcourse.data import digits

LESSON = lesson_text("01_deep_networks")
SEEDS = (0, 1, 2)
WIDTHS = [64, 64, 64, 10]
own = LESSON.code  # the lesson's functions, the solutions among them


@pytest.fixture(scope="module", params=SEEDS)
def reader(request):
    """(seed, trained model, its losses, its accuracy on new digits)."""
    return request.param, *own["read_digits"](WIDTHS, request.param)


def test_a_layer_is_x_times_w_turned_plus_b():
    LESSON.says(r"y = x W^\top + b")
    x, W, b = ([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], [0.5, 0.0, -1.0])
    by_hand = [[sum(a * w for a, w in zip(x[0], row)) + c for row, c in zip(W, b)]]
    assert own["linear"](torch.tensor(x), torch.tensor(W), torch.tensor(b)).tolist() == by_hand


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("depth", [2, 9, 30])
def test_without_activations_any_depth_equals_one_linear_map(depth, seed):
    LESSON.says(r"$(x W_1^\top + b_1) W_2^\top + b_2 = x (W_2 W_1)^\top + (W_2 b_1 + b_2)$",
                "On the left every network, however deep, draws a straight line.")
    layers = own["random_layers"](3, *[16] * (depth - 1), 2, seed=seed)
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    straight = own["mlp"](x, layers, lambda h: h)
    torch.testing.assert_close(straight, own["linear"](x, *own["collapse"](layers)))
    assert (straight - own["mlp"](x, layers, torch.relu)).abs().max() > 0.1 * straight.abs().max()


def test_the_hinge_formula_goes_through_all_points_and_is_what_the_solution_computes():
    LESSON.says(r"f(x) = y_1 + \sum_{i=1}^{m-1} (s_i - s_{i-1})\, \mathrm{ReLU}(x - x_i)", "and $s_0 = 0$")
    points = [(0.3, 1.0), (-1.0, 0.5), (2.0, -1.5), (0.9, 0.0)]
    xs, ys = (torch.tensor(part, dtype=torch.float64) for part in zip(*points))
    W1, b1, W2, b2 = own["hinge_interpolant"](xs, ys)
    points.sort()
    slopes = [0.0] + [(q[1] - p[1]) / (q[0] - p[0]) for p, q in zip(points, points[1:])]
    for x in [0.0, 0.5, 1.0, *xs.tolist()]:
        plain = points[0][1] + sum((slopes[i + 1] - slopes[i]) * max(0.0, x - points[i][0]) for i in range(3))
        net = own["mlp"](torch.tensor([[x]], dtype=torch.float64), [(W1, b1), (W2, b2)], torch.relu)
        assert net.item() == pytest.approx(plain, abs=1e-12)
        assert x not in dict(points) or plain == pytest.approx(dict(points)[x])


def test_the_approximation_error_falls_as_one_over_width_squared_and_stays_below_the_chords_bound():
    LESSON.says(r"$\tfrac18 d^2 \max |f''|$", r"it falls as $1/\text{width}^2$",
                r"Choose the square root below: it is too steep at 0, and the $1/\text{width}^2$ is gone.")
    widths = [8, 16, 32, 64, 128]
    errors = [own["interpolation_error"](width) for width in widths]
    assert all(error <= (7 / width) ** 2 / 8 for width, error in zip(widths, errors))
    assert all(3.6 < one / other < 4.4 for one, other in zip(errors, errors[1:]))
    roots = [own["interpolation_error"](width, lambda x: x.clamp(min=0).sqrt(), 1.0) for width in widths]
    assert all(1.3 < one / other < 1.6 for one, other in zip(roots, roots[1:]))


def test_a_deep_saw_of_2k_units_needs_2_to_the_k_of_them_in_one_layer():
    LESSON.says(r"A saw with $2^k$ straight pieces bends $2^k - 1$ times, and a hinge bends once",
                "Ten folds: 20 units when deep (29 if each tent has a layer of its own), 1024 when shallow.",
                r"t(x) = 2\,\mathrm{ReLU}(x) - 4\,\mathrm{ReLU}(x - \tfrac12)")
    for k in range(1, 9):
        deep, shallow = own["sawtooth_network"](k), own["shallow_twin"](k)
        x = torch.linspace(0, 1, 2 ** (k + 2) + 1)[:, None]
        saw = own["mlp"](x, deep, torch.relu)
        torch.testing.assert_close(saw, own["mlp"](x, shallow, torch.relu))
        bends = (saw.flatten().diff().diff().abs() > 1e-4).sum().item()
        assert bends == 2 ** k - 1 and own["hidden_units"](deep) == 2 * k
        assert bends <= own["hidden_units"](shallow) == 2 ** k
    assert own["hidden_units"](own["sawtooth_network"](10)) == 20
    assert own["hidden_units"](own["shallow_twin"](10)) == 1024


def test_the_cost_formula_counts_two_flops_for_each_weight_and_sample():
    LESSON.says(r"\mathrm{FLOPs} = 2\,N \sum_{\text{layers}} mn", "has $mn$ weights and $m$ biases")
    parameters, flops = own["network_cost"](WIDTHS, 5)
    model = own["network"](WIDTHS)
    assert parameters == sum(p.numel() for p in model.parameters())
    with torch.profiler.profile(with_flops=True) as profile:
        own["mlp"](torch.ones(5, 64, dtype=torch.float64), own["random_layers"](*WIDTHS), torch.relu)
    assert sum(event.flops for event in profile.events() if event.name == "aten::mm") == flops


def test_a_larger_batch_has_a_higher_throughput():
    LESSON.says("Up to a point, a larger batch has a higher throughput")
    assert own["throughput"](128) > 1.5 * own["throughput"](1)


def test_the_three_sums_of_backward_are_what_the_solution_computes_and_what_autograd_finds():
    LESSON.says(r"\frac{\partial L}{\partial x_{ni}} = \sum_j G_{nj} W_{ji}",
                r"\frac{\partial L}{\partial W_{ji}} = \sum_n G_{nj}\, x_{ni}",
                r"\frac{\partial L}{\partial b_j} = \sum_n G_{nj}")
    shapes = ((4, 3), (2, 3), (2,), (4, 2))
    x, W, b, G = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    found = own["linear_backward"](x, W, G)
    for mine, letters, parts in zip(found, ("nj,ji->ni", "nj,ni->ji", "nj->j"), ((G, W), (G, x), (G,))):
        torch.testing.assert_close(mine, torch.einsum(letters, *parts))
    torch.testing.assert_close(found, torch.autograd.grad(own["linear"](x, W, b), (x, W, b), G))


@pytest.mark.parametrize("seed", SEEDS)
def test_two_layers_learn_a_sine_by_hand_written_gradients(seed):
    LESSON.says("trained on a sine by nothing but your function",
                r"$\frac1N \sum (y - t)^2$, with slope $\frac2N (y - t)$")
    x = torch.linspace(-3, 3, 100, dtype=torch.float64)[:, None]
    error = lambda layers: (own["mlp"](x, layers, torch.relu) - x.sin()).square().mean()
    layers = [tuple(t.requires_grad_() for t in pair) for pair in own["random_layers"](1, 32, 1, seed=seed)]
    by_autograd = torch.autograd.grad(error(layers), [t for pair in layers for t in pair])
    by_hand = own["two_layers_backward"](x, layers, x.sin())
    torch.testing.assert_close([t for pair in by_hand for t in pair], list(by_autograd))
    assert error(own["fit_by_hand"](x, x.sin(), 2000, seed=seed)) < 0.02 < error(layers)


def test_the_engine_agrees_with_autograd_and_goes_through_ten_thousand_nodes():
    LESSON.says(r"\frac{\partial L}{\partial p} = \sum_{\text{children } c \text{ of } p} "
                r"\frac{\partial L}{\partial c} \cdot \frac{\partial c}{\partial p}", "a 10 000-node chain included")

    def slopes(number):
        a, b = number(0.7), number(-1.3)
        c = (a * b - 2 / a + 3).relu() + b ** 2 / (a + 1)
        (c * c.log() - (1 - a).exp() * c).backward()
        return [float(a.grad), float(b.grad)]

    LESSON.says(r"for $a = 2$, $b = 3$ and $L = ab + a$",
                r"$\partial L / \partial a = 1 + 3 = 4$ and $\partial L / \partial b = 2$")
    a, b = own["Value"](2.0), own["Value"](3.0)
    (a * b + a).backward()
    assert (a.grad, b.grad) == (4.0, 2.0)
    leaf = lambda data: torch.tensor(data, dtype=torch.float64, requires_grad=True)
    assert slopes(own["Value"]) == pytest.approx(slopes(leaf))
    first = node = own["Value"](1.0)
    for _ in range(10_000):
        node = node * 1.0001
    node.backward()
    assert first.grad == pytest.approx(1.0001 ** 10_000)


def test_a_backward_pass_costs_in_proportion_to_the_size_of_the_graph():
    LESSON.says("so it costs a small multiple of the forward pass")

    def seconds(products):
        total = sum((own["Value"](1.0) * 2 for _ in range(products)), start=own["Value"](0.0))
        start = perf_counter()
        total.backward()
        return perf_counter() - start

    fastest = [min(seconds(products) for _ in range(5)) for products in (2000, 8000)]
    assert fastest[1] < 9 * fastest[0]  # in proportion is 4; to search all that wait at every step is 16


@pytest.mark.parametrize("seed", SEEDS)
def test_the_engine_trains_a_network_number_by_number(seed):
    LESSON.says("It trains a network of 8 hidden units on 16 points of a sine, number by number")
    _, losses = own["train_scalars"](200, seed=seed)
    assert len(losses) == 200 and losses[-1] < 0.12 < 0.5 < losses[0]  # a sine's own mean square is about 0.5
    LESSON.says("with half the learning rate there are none, and in as many steps it comes less far down")
    rises = lambda losses: max(later / earlier for earlier, later in zip(losses, losses[1:]))
    slower = own["train_scalars"](200, lr=0.05, seed=seed)[1]
    assert rises(slower) < 1 < 1.1 < rises(losses) and slower[-1] > losses[-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_he_weights_keep_the_signals_size_through_fifty_layers(seed):
    LESSON.says(r"\sigma^2 = \frac{2}{\text{fan-in}}", "removes half of the signal's mean square")
    assert 0.1 < own["signal_sizes"](1.0, seed=seed)[-1] < 10
    assert own["signal_sizes"](1.4, seed=seed)[-1] > 1e5
    assert own["signal_sizes"](0.7, seed=seed)[-1] < 1e-5


@pytest.mark.slow
def test_your_network_reads_about_39_in_40_new_digits_and_one_layer_fewer(reader):
    LESSON.says("reads about 39 in 40 of those that it never saw", "Of the 1797 digits, 360 are held out.",
                "After the same 30 epochs two hidden layers do better on new digits",
                "the loss is an order of magnitude lower", "makes no mistake at all",
                "And a single hidden layer does about as well as two")
    seed, model, losses, accuracy = reader
    _, one_layer_losses, one_layer_accuracy = own["read_digits"]([64, 10], seed)
    assert abs(accuracy - 39 / 40) < 0.03 and accuracy > one_layer_accuracy + 0.01 and one_layer_accuracy > 0.9
    assert 10 * losses[-1] < one_layer_losses[-1]
    longer = own["read_digits"]([64, 10], seed, epochs=150)[2]
    assert one_layer_accuracy + 0.004 < longer < accuracy - 0.002
    assert own["read_digits"]([64, 64, 10], seed)[2] > accuracy - 0.015
    if seed == 0:
        assert [round(360 * share) for share in (one_layer_accuracy, longer, accuracy)] == [345, 349, 351]
    assert own["evaluate"](model, [digits(seed=seed)[:2]]) == 1.0
    assert own["read_digits"]([64, 64, 10], seed)[2] == pytest.approx(accuracy, abs=0.02)


def test_part_of_the_lead_over_one_layer_is_speed():
    LESSON.says("by 6 of 360 here", "given 150 epochs, one layer makes up some of it, 4 of the 6 here")
    right = lambda *asked, **options: round(360 * own["read_digits"](*asked, **options)[2])
    deep, flat, patient = right(WIDTHS), right([64, 10]), right([64, 10], epochs=150)
    assert abs(deep - flat - 6) <= 2 and abs(patient - flat - 4) <= 2 and flat < patient < deep


@pytest.mark.slow
def test_a_learning_rate_of_three_tenths_gives_the_smallest_training_loss_of_four():
    LESSON.says("All have the learning rate 0.3: of 0.03, 0.1, 0.3 and 1 it gives the deepest of them the smallest "
                "training loss, on average over three seeds.")
    mean = {lr: sum(own["read_digits"](WIDTHS, seed, lr=lr)[1][-1] for seed in SEEDS) / 3
            for lr in (0.03, 0.1, 0.3, 1.0)}
    assert all(mean[0.3] < 0.5 * mean[lr] for lr in (0.03, 0.1, 1.0))


def together(pictures):
    """The correlation of neighbouring pixels, side by side, over all pictures (n, 8, 8)."""
    return torch.corrcoef(torch.stack([pictures[..., 1:].flatten(), pictures[..., :-1].flatten()]))[0, 1].item()


def test_what_training_changes_in_the_first_layer_goes_together_in_neighbouring_pixels(reader):
    LESSON.says("The 64 units stand in the order of how much training changed them.",
                "in the outermost columns, the gradient is nearly 0 and the noise has stayed",
                "is smoother: neighbouring pixels go together", "with shuffled labels it happens too, but less")
    seed, model, *_ = reader
    initial = own["network"](WIDTHS, seed)[0].weight.detach().view(-1, 8, 8)
    change = model[0].weight.detach().view(-1, 8, 8) - initial
    assert together(change) > 0.25 and abs(together(initial)) < 0.1
    columns = change.square().mean((0, 1)).sqrt()
    assert columns[0] < 0.05 * columns[3] and columns[7] < 0.4 * columns[3]
    x, y, *_ = digits(seed=seed)
    confused = own["network"](WIDTHS, seed)
    batches = own["Shuffled"](x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))], seed=seed)
    own["train"](confused, batches, torch.optim.SGD(confused.parameters(), 0.3), torch.nn.functional.cross_entropy, 30)
    assert 0.05 < together(confused[0].weight.detach().view(-1, 8, 8) - initial) < together(change) - 0.1


def test_the_last_picture_is_a_unit_that_is_off_for_every_digit_from_the_start(reader):
    LESSON.says("The last three have hardly changed, and the very last not at all.",
                "it is off for every digit, so no gradient reaches it: a *dead* unit")
    seed, model, *_ = reader
    initial = own["network"](WIDTHS, seed)[0]
    unchanged = (model[0].weight == initial.weight).all(1)
    off = (initial(digits(seed=seed)[0]) <= 0).all(0)
    assert unchanged.any() and off[unchanged].all()
    changes = (model[0].weight - initial.weight).norm(dim=1).sort(descending=True).values
    assert changes[-3] < 0.03 * changes[0] and changes[-1] == 0


def test_after_each_trained_layer_the_nearest_mean_is_right_more_often_and_after_random_ones_less(reader):
    LESSON.says("after each trained layer the nearest mean is right more often than in the pixels; with random weights "
                "it is right less often. ")
    seed, model, *_ = reader
    shares = {name: [own["nearest_mean"](net[:end], *digits(seed=seed)) for end in (0, 2, 4)]
              for name, net in (("trained", model), ("random", own["network"](WIDTHS, seed)))}
    assert shares["trained"][0] + 0.015 < shares["trained"][1] < shares["trained"][2]
    assert shares["random"][0] > shares["random"][1] + 0.02 > shares["random"][2] + 0.04


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_finds_features_for_the_spirals_where_a_line_needs_hand_made_ones(seed):
    LESSON.says("For a straight line they are nearly hopeless.", "A network finds features of its own.")
    line, made, net = own["spiral_race"](seed).values()
    assert line < 0.7 and made > 0.97 and net > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_on_442_patients_a_network_knows_its_own_better_and_new_ones_worse_than_a_linear_model(seed):
    LESSON.says("After 100 epochs the network knows its own patients far better than the linear model does, and new "
                "ones worse.", "Stopping after 10 epochs helps", "332 samples, and ten baseline measurements",
                "on 110 held out")
    linear, late = own["diabetes_race"](100, seed).values()
    assert late[0] > linear[0] + 0.2 and late[1] < linear[1] - 0.1
    _, early = own["diabetes_race"](10, seed).values()
    assert early[1] > late[1] + 0.1


@pytest.mark.parametrize("seed", range(6))
def test_on_the_patients_the_linear_model_is_ahead_of_an_early_stopped_network_too(seed):
    LESSON.says("and still the linear model is ahead; both hold for other splits of the patients too.")
    linear, early = own["diabetes_race"](10, seed).values()
    assert linear[1] > early[1] + 0.015


def test_the_review_questions_numbers_are_those_of_the_text():
    LESSON.says("You train on 1437 digits with batch size 64, for ten epochs.")
    assert len(digits()[0]) == 1437
    assert len(list(own["Shuffled"](*digits()[:2]))) * 10 == 10 * math.ceil(1437 / 64) == 230
