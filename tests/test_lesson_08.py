"""What lesson 08 says of very deep networks is true: formulas, numbers, and landmarks over three seeds."""

import math
import statistics

import pytest
import torch
from lesson_text import lesson_text
from torch import nn
from torch.nn import functional as F

from dlcourse.checks import residual_networks
from dlcourse.checks.verdict import CheckFailed
from dlcourse.explorers import residual_networks as explorers
from dlcourse.training import accuracy

LESSON = lesson_text("08_residual_networks")
SEEDS = (0, 1, 2)
own = LESSON.code  # the lesson's functions, the solutions among them


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def racers():
    """The nets of the race, trained once each: (depth, skip, seed) -> (losses, net)."""
    kept = {}

    def race(depth, skip, seed):
        if (depth, skip, seed) not in kept:
            kept[depth, skip, seed] = own["race"](depth, skip, seed=seed)
        return kept[depth, skip, seed]
    return race


def test_the_convolutions_formula_is_what_the_solution_computes():
    LESSON.says(r"y_{n d i j} = b_d + \sum_{c, u, v} w_{d c u v}\; x_{n,\, c,\; s i + u - p,\; s j + v - p}",
                r"$\lfloor (H + 2p - k) / s \rfloor + 1$ rows come out")
    x, w, b = torch.randn(2, 3, 7, 6).double(), torch.randn(4, 3, 3, 2).double(), torch.randn(4).double()
    s, p = 2, 1
    y = own["conv2d"](x, w, b, s, p)
    assert y.shape[2:] == ((7 + 2 * p - 3) // s + 1, (6 + 2 * p - 2) // s + 1)
    inside = lambda i, j: 0 <= i < 7 and 0 <= j < 6
    n, d, i, j = 1, 3, 0, 2
    by_hand = b[d] + sum(w[d, c, u, v] * x[n, c, s * i + u - p, s * j + v - p]
                         for c in range(3) for u in range(3) for v in range(2) if inside(s * i + u - p, s * j + v - p))
    torch.testing.assert_close(y[n, d, i, j], by_hand)
    torch.testing.assert_close(y, F.conv2d(x, w, b, s, p))


def test_a_block_is_the_relu_of_f_plus_x_and_passes_the_gradient_of_the_sum_as_it_is():
    LESSON.says(r"y = \mathrm{ReLU}\left(F(x) + x\right)",
                r"\frac{\partial\,(F(x) + x)}{\partial x} = \frac{\partial F}{\partial x} + 1")
    block, x = own["BasicBlock"](3, 3).double().eval(), torch.randn(2, 3, 4, 4).double()
    f = lambda x: block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    torch.testing.assert_close(block(x), F.relu(f(x) + x))
    flat = lambda g: torch.autograd.functional.jacobian(lambda v: g(v.view_as(x)).flatten(), x.flatten())
    torch.testing.assert_close(flat(lambda x: f(x) + x), flat(f) + torch.eye(x.numel()).double())


def test_with_a_last_scale_of_0_a_block_is_the_identity_for_what_is_not_negative():
    LESSON.says("At 0 the block *is* the identity")
    block, x = own["BasicBlock"](3, 3), torch.rand(4, 3, 5, 5)
    nn.init.zeros_(block.bn2.weight)
    torch.testing.assert_close(block(x), x)


def test_a_bottleneck_has_a_seventeenth_of_the_parameters():
    LESSON.says("about a seventeenth of the basic block's parameters", "$9 \\cdot 256^2$ weights")
    count = lambda net: sum(p.numel() for p in net.parameters())
    assert count(own["BasicBlock"](256, 256)) / count(own["Bottleneck"](256, 64)) == pytest.approx(17, abs=0.5)


@pytest.mark.parametrize("depth, millions", [(20, 0.27), (110, 1.7)])
def test_a_resnet_has_as_many_layers_as_its_depth_says_and_about_the_papers_parameters(depth, millions):
    LESSON.says(r"\mathrm{depth} = 1 + 3 \cdot 2n + 1 = 6n + 2")
    net = own["resnet"](depth, 16, 10, 3)
    layers = [m for m in net.modules() if isinstance(m, nn.Linear)
              or isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(layers) == depth
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(millions * 1e6, rel=0.03)


def test_two_residual_steps_written_out_are_the_sum_of_their_paths():
    LESSON.says("$x + F_1(x) + F_2(x + F_1(x))$", "with $n$ blocks $2^n$ paths")
    f, x = [nn.Linear(3, 3), nn.Linear(3, 3)], torch.randn(5, 3)
    h = x + f[0](x)
    torch.testing.assert_close(h + f[1](h), x + f[0](x) + f[1](x + f[0](x)))


def test_a_dense_block_gives_the_input_and_every_layers_features():
    LESSON.says(r"h_k = \mathrm{layer}_k\left([x, h_1, \dots, h_{k-1}]\right)")
    block, x = own["DenseBlock"](3, 2, 4).eval(), torch.randn(2, 3, 5, 5)
    out = block(x)
    assert out.shape == (2, 3 + 4 * 2, 5, 5)
    for k, layer in enumerate(block.layers):
        torch.testing.assert_close(out[:, 3 + 2 * k:5 + 2 * k], layer(out[:, :3 + 2 * k]))


def test_stochastic_depth_keeps_the_mean_and_40_of_54_blocks():
    LESSON.says(r"y = x + \frac{m}{1 - p}\,F(x) \quad \text{in training}", r"probability $\frac{l}{2L}$")
    torch.manual_seed(0)
    x = torch.ones(40_000, 1)
    assert own["stochastic_depth"](x, lambda x: 3 * x, 0.3, True).mean() == pytest.approx(4, abs=0.05)
    assert own["active_blocks"](4000).float().mean() == pytest.approx(sum(1 - l / 108 for l in range(1, 55)), abs=0.3)


def test_saliency_is_the_slope_of_the_targets_logit():
    LESSON.says(r"\mathrm{saliency}_{ij} = \max_c \left|\frac{\partial s_t}{\partial x_{c i j}}\right|")
    torch.manual_seed(0)
    net = own["resnet"](8, 4, 3, 2).double().eval()
    x, t, step = torch.randn(1, 2, 6, 6).double(), 2, 1e-6
    found, by_hand = own["saliency"](net, x, torch.tensor([t]))[0, 3, 4], []
    for c in range(2):
        up, down = x.clone(), x.clone()
        up[0, c, 3, 4] += step
        down[0, c, 3, 4] -= step
        by_hand.append(abs((net(up) - net(down))[0, t].item()) / (2 * step))
    assert found.item() == pytest.approx(max(by_hand), rel=1e-4)


@pytest.mark.slow
def test_the_explorer_shows_gradients_that_vanish_explode_or_stay_in_between():
    LESSON.says("Without normalization the plain net's gradients vanish, in every layer alike",
                "With batch norm they *explode* on their way back to the first layer",
                "make signals *grow*, block by block")
    of = explorers.gradients_before_training
    plain_norm, residual_norm = of(104, True, False), of(104, True, True)
    assert max(of(104, False, False)) < 1e-6
    assert plain_norm[0] / plain_norm[-1] > 1e3
    assert 0.1 < residual_norm[0] / residual_norm[-1] < 100
    assert min(of(104, False, True)) > 1e3
    for depth in (8, 56):
        for norm in ("batch norm", "none"):
            explorer = explorers.gradients()
            explorer.controls["depth"].value, explorer.controls["norm"].value = depth, norm
            assert f"{depth} layers" in explorer.words


def test_the_explorer_of_saliency_shows_the_digit_and_the_class_that_are_chosen():
    net = own["resnet"](8, 4, 10).eval()
    explorer = explorers.pixels(own["saliency"], net, own["new_images"][:5], own["y_test"][:5])
    first = explorer.words
    assert f"A {int(own['y_test'][0])}, which" in first and f"class {int(own['y_test'][0])}." in first
    explorer.controls["number"].value, explorer.controls["asked"].value = 3, "3"
    assert f"A {int(own['y_test'][3])}, which" in explorer.words and "class 3." in explorer.words


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_tower_gets_worse_with_depth_and_one_that_adds_does_not(seed):
    LESSON.says("Yet the plain tower of 64 layers is the worst of them", "The tower that adds does not suffer from it.")
    last = {(depth, skip): own["tower_losses"](depth, skip, seed)[-1] for depth in (4, 64) for skip in (False, True)}
    assert last[64, False] > 2.0 > 3 * last[4, False]
    assert last[64, True] < 0.2 and last[4, True] < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_net_gets_worse_from_20_to_56_layers_on_training_data_and_a_residual_one_does_not(seed, racers):
    LESSON.says("Of the plain nets the deeper one is far worse, on the data that it is trained on.",
                "With skips the two differ little, at this rate and in eight epochs.")
    last = {(depth, skip): racers(depth, skip, seed)[0][-1] for depth in (20, 56) for skip in (False, True)}
    assert last[56, False] > 1.0 and last[20, False] < 0.4
    assert abs(last[56, True] - last[20, True]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_losing_a_block_barely_hurts_a_residual_net_and_ruins_a_plain_one(seed, racers):
    LESSON.says("The plain net of 20 layers is ruined whichever block it loses.",
                "The residual nets hardly notice, except in their first blocks")
    whole = lambda net: accuracy(net, own["new_images"], own["y_test"])
    plain, residual = racers(20, False, seed)[1], racers(56, True, seed)[1]
    assert whole(plain) > 0.85 and whole(residual) > 0.85
    assert max(own["without_each_block"](plain)) < 0.45
    assert statistics.median(own["without_each_block"](residual)) > whole(residual) - 0.04


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_net_of_104_layers_fails_where_a_residual_one_passes_95_percent(seed):
    LESSON.says("with the same budget of six epochs and the same initial weights for both kinds")
    scores = {skip: accuracy(own["race"](104, skip, seed, 6, own["start_small"])[1], own["new_images"], own["y_test"])
              for skip in (False, True)}
    assert scores[True] > 0.95 and scores[False] < 0.5


@pytest.mark.slow
def test_covering_salient_pixels_costs_more_than_others(racers):
    LESSON.says("So the map does say something about this net.")
    differences = []
    for seed in SEEDS:
        net = racers(20, True, seed)[1].eval()
        answers = net(own["new_images"]).argmax(1)
        salient = own["accuracy_without"](net, lambda x: own["saliency"](net, x, answers))
        least = own["accuracy_without"](net, lambda x: -own["saliency"](net, x, answers))
        differences.append(least - salient)
    assert min(differences) > 0.01 and sum(differences) / 3 > 0.04


@pytest.mark.slow
def test_a_pretrained_net_that_may_change_learns_the_most_from_25_images():
    LESSON.says("the net that has seen 0 to 4 and may change all its layers learns the most from 25 images")
    tries = [own["second_task"](seed) for seed in SEEDS]
    mean = {name: sum(scores[name] for scores in tries) / len(tries) for name in tries[0]}
    assert mean["all layers"] > mean["head only"] + 0.1 and mean["all layers"] > mean["from nothing"] + 0.1
    LESSON.says("one linear layer does at least as well")
    assert mean["one linear layer"] > mean["all layers"] - 0.01


@pytest.mark.slow
def test_a_dense_net_comes_as_far_with_less_than_a_quarter_of_the_parameters(racers):
    LESSON.says("At least as far, with less than a quarter of the parameters.")
    count = lambda net: sum(p.numel() for p in net.parameters())
    ahead = []
    for seed in SEEDS:
        residual, dense = racers(20, True, seed)[1], own["dense_net"](seed)
        assert 4 * count(dense) < count(residual)
        own["taught"](dense, own["images"], own["y_train"], seed=seed)
        scores = [accuracy(net, own["new_images"], own["y_test"]) for net in (dense, residual)]
        ahead.append(scores[0] - scores[1])
    assert sum(ahead) / len(ahead) > -0.01


def test_training_shows_its_progress_on_stdout_and_writes_nothing_to_stderr(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    own["taught"](own["resnet"](8, 2, 10), own["images"][:256], own["y_train"][:256], epochs=1)
    told = capsys.readouterr()
    assert "training" in told.out and not told.err


def test_the_capstones_check_trains_once_and_asks_all_its_parts_of_that_net():
    calls = []

    def train_hundred_layers(x, y, generator):
        calls.append(len(x))
        return nn.Sequential(nn.Flatten(), *[nn.Linear(64, 64) for _ in range(99)], nn.Linear(64, 10)).eval()
    with pytest.raises(CheckFailed):
        residual_networks.train_hundred_layers(train_hundred_layers)
    assert calls == [1797 - 360]


def test_the_review_numbers():
    assert 2 * 3 * 18 + 2 == 110
    assert math.isclose(sum(1 - l / 40 for l in range(1, 21)), 14.75)
    weights = {"a": 256 * 64 + 9 * 64 * 64 + 64 * 256, "b": 64 * 64, "c": 2 * 9 * 256 ** 2, "d": 9 * 32 * 32}
    assert "".join(sorted(weights, key=weights.get)) == "bdac"
