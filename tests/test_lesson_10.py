"""What lesson 10 says of several devices is true: the same weights, the bytes counted, and nothing left behind."""

import math
import os
import socket
import subprocess
import sys
import time

import cloudpickle
import psutil
import pytest
import torch
import torch.distributed as dist
from catalogue.training_at_scale import devices
from lesson_text import lesson_text
from torch import nn

from dlcourse import course, lessons
from dlcourse.checks import training_at_scale as check
from dlcourse.checks.training_at_scale import orders, sharded
from dlcourse.checks.training_at_scale.shared import _KEPT
from dlcourse.checks.verdict import CheckFailed
from dlcourse.distributed import LOOPBACK, Deadlock, RankUnwritten, Team
from dlcourse.explorers import training_at_scale as explore
from dlcourse.torchrun import torchrun
from dlcourse.traffic import Traffic

LESSON = lesson_text("10_training_at_scale")
own = LESSON.code
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # or each rank would import this module, and the lesson


@pytest.fixture(scope="module")
def team():
    with Team(4, "gloo") as team:
        yield team


def left_behind() -> tuple[set[int], set[int]]:
    """This process's children, and the ports that it or any of them listens on, as psutil sees them."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    ports = {one.laddr.port for process in family for one in process.net_connections() if one.status == "LISTEN"}
    return {process.pid for process in family[1:]}, ports


def of_ours() -> list[str]:
    """What `ps` lists of processes that serve as ranks of this one, or of a process that is gone."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [args for _, parent, args in rows if "rank.serve()" in args and parent in ("1", str(os.getpid()))]


@pytest.mark.slow
@pytest.mark.parametrize("exercise, answer, mistake, seconds", [
    ("ring_all_reduce", "everybody_sends_first", "ring-deadlock", 15),
    ("ring_all_reduce", "leaves", "rank-exits", 15),
    ("DataParallel", "OnlyRankZeroBroadcasts", "rank-left-alone", 15),
])
def test_an_answer_that_deadlocks_or_exits_is_told_so_in_time_and_leaves_nothing(exercise, answer, mistake, seconds,
                                                                                 monkeypatch):
    monkeypatch.setattr(_KEPT, "team", None)  # a team of its own, as in a notebook
    before, listed, start = left_behind(), of_ours(), time.monotonic()
    with pytest.raises(CheckFailed) as caught:
        getattr(check, exercise)(getattr(devices, answer))
    assert caught.value.verdict.misconception == mistake
    assert time.monotonic() - start < seconds
    assert left_behind() == before and of_ours() == listed


def test_a_hole_starts_no_processes():
    class Hole(nn.Module):
        def __init__(self, model):
            super().__init__()
            raise NotImplementedError()
    start = time.monotonic()
    with pytest.raises(CheckFailed) as caught:
        check.DataParallel(Hole)
    assert caught.value.verdict.misconception == "not-written" and time.monotonic() - start < 1


def summed_by(reduce, size):
    tensor = torch.arange(float(size)) * (dist.get_rank() + 1)
    with Traffic() as traffic:
        reduce(tensor)
    return tensor, traffic.sent


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_the_ring_sums_and_sends_as_little_as_the_formula_says(team, ranks):
    LESSON.says(r"\text{bytes per rank} = 2\,\frac{n-1}{n} \times \text{bytes of the tensor}")
    for tensor, sent in team.run(summed_by, own["ring_all_reduce"], 1200, ranks=ranks):
        assert torch.equal(tensor, torch.arange(1200.0) * sum(range(1, ranks + 1)))
        assert sent == pytest.approx(2 * (ranks - 1) / ranks * 4800)


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_data_parallel_over_n_ranks_gives_the_weights_of_one_process_to_rounding(team, ranks, seed):
    LESSON.says("Does it train *the same* model?")
    rows = own["all_rows"](ranks, steps=20, seed=seed)
    ran = team.run(own["on_this_rank"], own["DataParallel"], own["x_train"], own["y_train"], rows, seed, ranks=ranks)
    alone = own["in_one_process"](rows, seed)
    for weights, _, _ in ran:
        torch.testing.assert_close(weights, alone, atol=1e-6, rtol=0)


@pytest.mark.slow
def test_pytorchs_data_parallel_agrees_and_sends_as_much_in_fewer_calls(team):
    LESSON.says("It gives the same weights and is charged for as many bytes, in fewer calls")
    rows = own["all_rows"](2, steps=20)
    data = own["x_train"], own["y_train"], rows, 0
    ours = team.run(own["on_this_rank"], own["DataParallel"], *data, ranks=2)[0]
    library = team.run(own["on_this_rank"], nn.parallel.DistributedDataParallel, *data, ranks=2)[0]
    torch.testing.assert_close(ours[0], library[0], atol=1e-6, rtol=0)
    assert ours[1] == library[1] and sum(library[2].values()) < sum(ours[2].values())


@pytest.mark.slow
def test_fully_sharded_and_sharded_and_plain_adamw_agree_keep_less_and_less_and_send_what_the_lesson_says(team):
    LESSON.says("The same weights come out.", "Sharding the state this way costs half as many bytes again")
    data, wrap, adamw = (own["x_train"], own["y_train"], own["all_rows"](2)), own["DataParallel"], torch.optim.AdamW
    work = own["adamw_on_ranks"]
    plain, sent, kept, state = team.run(work, wrap, adamw, *data, ranks=2)[0]
    ours = team.run(work, wrap, own["ShardedAdamW"], *data, ranks=2)
    library = team.run(work, own["sharded_fully"], adamw, *data, ranks=2)
    for other in (*ours, *library):
        torch.testing.assert_close(other[0], plain, atol=1e-5, rtol=0)
    assert all(one[2] == kept and one[3] < 0.55 * state for one in ours)
    assert all(one[2] < 0.55 * kept and one[3] < 0.55 * state for one in library)
    assert ours[0][1] == pytest.approx(1.5 * sent, rel=0.01) and library[0][1] == pytest.approx(sent, rel=0.01)


def layer_by_layer(model):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for part in (model[0], model[2], model):
        fully_shard(part, mesh=mesh)
    return model


def test_sharding_each_layer_gathers_again_in_backward_and_sends_half_as_much_again(team):
    LESSON.says("drops a layer's weights after forward and gathers them again: half as much again")
    data = own["x_train"], own["y_train"], own["all_rows"](2)
    whole, layers = (team.run(own["adamw_on_ranks"], wrap, torch.optim.AdamW, *data, ranks=2)[0]
                     for wrap in (own["sharded_fully"], layer_by_layer))
    torch.testing.assert_close(layers[0], whole[0], atol=1e-5, rtol=0)
    assert layers[1] == pytest.approx(1.5 * whole[1], rel=0.01)


def gradients(wrap, small_net, x, y):
    share = [tensor.chunk(dist.get_world_size())[dist.get_rank()] for tensor in (x, y)]
    model = wrap(small_net(0))
    nn.functional.cross_entropy(model(share[0]), share[1]).backward()
    return [getattr(p.grad, "full_tensor", lambda: p.grad)() for p in model.parameters()]


def test_the_gradients_of_fully_shard_are_the_average_which_adamw_would_not_show(team):
    x, y = own["x_train"][:64], own["y_train"][:64]
    for one, other in zip(*(team.run(gradients, own[wrap], own["small_net"], x, y, ranks=2)[0] for wrap in (
            "sharded_fully", "DataParallel")), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_the_tensor_parallel_pair_is_the_whole_layers_by_hand_and_by_pytorch(team):
    torch.manual_seed(0)
    first, second, x = nn.Linear(64, 256), nn.Linear(256, 64), torch.randn(16, 64)
    leaf = x.clone().requires_grad_()
    whole = second(first(leaf).relu())
    whole.square().sum().backward()
    for way in ("pair_by_hand", "pair_by_pytorch"):
        y, grad, sent, held = team.run(own[way], x, first, second, ranks=2)[0]
        torch.testing.assert_close(y, whole.detach(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(grad, leaf.grad, atol=1e-4, rtol=1e-4)
        assert held < 0.6 * (2 * 64 * 256 + 256 + 64)
        assert sent == x.nbytes + y.nbytes  # one sum there, one back, each of 2(n − 1)/n of the tensor, n = 2


@pytest.mark.parametrize("kind, kept", [("gpipe", (8, 8)), ("1f1b", (2, 1))])
def test_the_schedule_runs_on_real_ranks_as_one_process_and_as_pytorchs_pipeline(team, kind, kept):
    x, y = own["x_train"][:64], own["y_train"][:64]
    whole = own["gradients_of"](own["two_stages"](), x, y)
    plan = own["pipeline_schedule"](2, 8, kind)
    ran = team.run(own["counted"], own["run_schedule"], plan, own["two_stages"](), x.chunk(8), y.chunk(8), ranks=2)
    library = team.run(own["counted"], own["run_pytorchs"], kind, own["two_stages"](), x, y, 8, ranks=2)
    assert tuple(most for (_, most), _ in ran) == kept
    for grads in ([grads for (grads, _), _ in ran], [grads for grads, _ in library]):
        assert own["all_close"](grads, whole)
    assert [sent for _, sent in ran] == [64 * own["WIDTH"] * 4] * 2
    assert all(sent == pytest.approx(64 * own["WIDTH"] * 4, rel=0.01) for _, sent in library)


@pytest.mark.parametrize("kind", ["gpipe", "1f1b"])
def test_the_bubble_is_the_formulas_for_every_pipeline_and_the_explorer_draws_the_same(kind):
    LESSON.says(r"\text{bubble fraction} = \frac{S - 1}{M + S - 1}")
    for stages in range(1, 6):
        for m in range(1, 9):
            schedule = own["pipeline_schedule"](stages, m, kind)
            begins = orders.timed(schedule)
            length = 1 + max(map(max, begins))
            assert 1 - 2 * m / length == pytest.approx((stages - 1) / (m + stages - 1))
            drawn = explore.timeline({"gpipe": "GPipe", "1f1b": "1F1B"}[kind], stages, m)
            assert [[begin for *_, begin in row] for row in drawn] == begins


def lasts(schedule, backward):
    """The units that a schedule takes if a forward takes one and a backward so many."""
    ends, clock, todo = {}, [0] * len(schedule), [list(order) for order in schedule]
    while any(todo):
        for stage, order in enumerate(todo):
            while order:
                what, m = order[0]
                source = stage - 1 if what == "F" else stage + 1
                if 0 <= source < len(schedule) and (what, m, source) not in ends:
                    break
                clock[stage] = max(clock[stage], ends.get((what, m, source), 0)) + (1 if what == "F" else backward)
                ends[what, m, stage] = clock[stage]
                order.pop(0)
    return max(clock)


@pytest.mark.parametrize("kind", ["gpipe", "1f1b"])
def test_the_bubble_stays_the_formulas_if_a_backward_takes_twice_as_long(kind):
    LESSON.says("The bubble is GPipe's, also if a backward takes twice as long as a forward")
    for stages in range(1, 6):
        for m in range(1, 9):
            length = lasts(own["pipeline_schedule"](stages, m, kind), 2)
            assert 1 - 3 * m / length == pytest.approx((stages - 1) / (m + stages - 1))


def test_in_the_explorers_ring_every_piece_is_whole_at_the_end_and_one_a_rank_half_way():
    for ranks in range(2, 7):
        assert explore.counts(ranks, 2 * (ranks - 1)) == [[ranks] * ranks] * ranks
        assert [row.count(ranks) for row in explore.counts(ranks, ranks - 1)] == [1] * ranks


def test_the_checks_adamw_is_torchs():
    p = nn.Parameter(torch.randn(3, 4))
    start, grads = [p.detach().clone()], [torch.randn(5, 3, 4)]
    optimizer = torch.optim.AdamW([p], 0.05)
    for t in range(5):
        p.grad = grads[0][t]
        optimizer.step()
    torch.testing.assert_close(sharded.adamw(start, grads, 0.05)[0], p.detach(), atol=2e-6, rtol=1e-4)


# The same code under torchrun.


def script(tmp_path, **cells):
    """The script that the lesson writes, with the lesson's own cells, or others in their place."""
    lesson = lessons.read("10_training_at_scale", course.root())
    written = {name: lesson.cells[index].source for index, name in lesson.marked("exercise")}
    helper = next(cell.source for cell in lesson.cells if cell.source.startswith("def pass_on("))
    answers = [cells.get(name, written[name]) for name in ("shard_batch", "ring_all_reduce", "DataParallel")]
    path = tmp_path / "train.py"
    path.write_text("\n".join([own["HEAD"], helper, *answers, own["START"], own["TRAIN"]]))
    return path


@pytest.mark.slow
def test_the_script_runs_under_torchrun_and_leaves_nothing(tmp_path):
    before = left_behind()
    assert torchrun(script(tmp_path), 2) == "2 ranks, mean loss 0.0744\n"
    assert left_behind() == before


@pytest.mark.slow
def test_a_script_with_a_hole_says_so_and_one_that_waits_for_ever_is_stopped(tmp_path):
    before = left_behind()
    with pytest.raises(RankUnwritten):
        torchrun(script(tmp_path, ring_all_reduce="def ring_all_reduce(tensor):\n    raise NotImplementedError()"), 2)
    waits = "def ring_all_reduce(tensor):\n    dist.recv(tensor, 1 - dist.get_rank())"
    with pytest.raises(Deadlock, match="After 15 seconds"):
        torchrun(script(tmp_path, ring_all_reduce=waits), 2, seconds=15)
    assert left_behind() == before


def agent(*arguments):
    environment = os.environ | {"GLOO_SOCKET_IFNAME": LOOPBACK, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "torch.distributed.run", *map(str, arguments)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_agents_on_loopback_make_one_world(tmp_path):
    LESSON.says("start the same script once on each of them")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path, before = script(tmp_path), left_behind()
    agents = [agent("--nnodes", 2, "--nproc-per-node", 2, "--rdzv-backend", "c10d", "--rdzv-id", "lesson",
                    "--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1", path) for _ in range(2)]
    said = [one.communicate(timeout=180) for one in agents]
    assert sorted(out for out, _ in said) == ["", "4 ranks, mean loss 0.0744\n"], said
    assert [one.returncode for one in agents] == [0, 0]
    assert left_behind() == before


def test_shards_cover_the_digits_in_every_epoch():
    n = len(own["x_train"])
    for epoch in range(3):
        shares = [torch.as_tensor(own["shard_batch"](n, rank, 4, 0, epoch)) for rank in range(4)]
        assert {len(share) for share in shares} == {math.ceil(n / 4)}
        assert set(torch.cat(shares).tolist()) == set(range(n))
