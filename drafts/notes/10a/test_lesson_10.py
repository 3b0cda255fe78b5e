"""What lesson 10 says of several devices is true: the same weights, the bytes counted, and nothing left behind."""

import math
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
import torch.distributed as dist
from catalogue.training_at_scale import devices
from lesson_files import ROOT
from lesson_text import lesson_text
from torch import nn

from dlcourse import lessons
from dlcourse.checks import training_at_scale as check
from dlcourse.checks.training_at_scale import orders, sharded
from dlcourse.checks.training_at_scale.shared import _Company
from dlcourse.checks.verdict import CheckFailed
from dlcourse.distributed import Team
from dlcourse.explorers import training_at_scale as explore
from dlcourse.traffic import Traffic

LESSON = lesson_text("10_training_at_scale")
own = LESSON.code


@pytest.fixture(scope="module")
def team():
    with Team(4, "gloo") as team:
        yield team


def left_behind() -> tuple[set[int], set[int]]:
    """This process's children, and the ports that it or any of them listens on."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    ports = {one.laddr.port for process in family for one in process.net_connections() if one.status == "LISTEN"}
    return {process.pid for process in family[1:]}, ports


@pytest.mark.parametrize("exercise, answer, mistake, seconds", [
    ("ring_all_reduce", "everybody_sends_first", "ring-deadlock", 20),
    ("ring_all_reduce", "leaves", "rank-exits", 15),
    ("DataParallel", "OnlyRankZeroBroadcasts", "rank-left-alone", 20),
])
def test_an_answer_that_deadlocks_or_exits_is_told_so_in_time_and_leaves_nothing(exercise, answer, mistake, seconds,
                                                                                 monkeypatch):
    monkeypatch.setattr(_Company, "kept", None)  # a team of its own, as in a notebook
    before, start = left_behind(), time.monotonic()
    with pytest.raises(CheckFailed) as caught:
        getattr(check, exercise)(getattr(devices, answer))
    assert caught.value.verdict.misconception == mistake
    assert time.monotonic() - start < seconds
    assert left_behind() == before


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


def test_pytorchs_data_parallel_agrees_and_sends_as_much_in_fewer_calls(team):
    LESSON.says("It gives the same weights and sends as many bytes, in fewer calls")
    rows = own["all_rows"](2, steps=20)
    data = own["x_train"], own["y_train"], rows, 0
    ours = team.run(own["on_this_rank"], own["DataParallel"], *data, ranks=2)[0]
    library = team.run(own["on_this_rank"], nn.parallel.DistributedDataParallel, *data, ranks=2)[0]
    torch.testing.assert_close(ours[0], library[0], atol=1e-6, rtol=0)
    assert ours[1] == library[1] and sum(library[2].values()) < sum(ours[2].values())


def test_fully_sharded_and_sharded_and_plain_adamw_agree_and_keep_less_and_less(team):
    LESSON.says("The same weights come out.")
    rows, data = own["all_rows"](2), (own["x_train"], own["y_train"])
    plain = team.run(own["adamw_on_ranks"], "plain", *data, rows, ranks=2, seconds=120)[0]
    ours = team.run(own["adamw_on_ranks"], "plain", *data, rows, own["ShardedAdamW"], ranks=2)[0]
    library = team.run(own["adamw_on_ranks"], "fully_shard", *data, rows, ranks=2, seconds=120)[0]
    for other in (ours, library):
        torch.testing.assert_close(other[0], plain[0], atol=1e-5, rtol=0)
    assert ours[1] == plain[1] and ours[2] < 0.95 * plain[2]
    assert library[1] < 0.6 * plain[1] and library[2] < 0.6 * plain[2]


def test_the_tensor_parallel_pair_is_the_whole_layers_by_hand_and_by_pytorch(team):
    torch.manual_seed(0)
    first, second, x = nn.Linear(64, 256), nn.Linear(256, 64), torch.randn(16, 64)
    leaf = x.clone().requires_grad_()
    whole = second(first(leaf).relu())
    whole.square().sum().backward()
    for way in ("pair_by_hand", "pair_by_pytorch"):
        y, grad, _, held = team.run(own[way], x, first, second, ranks=2, seconds=120)[0]
        torch.testing.assert_close(y, whole.detach(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(grad, leaf.grad, atol=1e-4, rtol=1e-4)
        assert held < 0.6 * (2 * 64 * 256 + 256 + 64)


@pytest.mark.parametrize("kind, kept", [("gpipe", (8, 8)), ("1f1b", (2, 1))])
def test_the_schedule_runs_on_real_ranks_as_one_process_and_as_pytorchs_pipeline(team, kind, kept):
    x, y = own["x_train"][:64], own["y_train"][:64]
    whole = own["gradients_of"](own["two_stages"](), x, y)
    ran = team.run(own["run_schedule"], own["pipeline_schedule"](2, 8, kind), own["two_stages"](), x.chunk(8),
                   y.chunk(8), ranks=2)
    library = team.run(own["run_pytorchs"], kind, own["two_stages"](), x, y, 8, ranks=2, seconds=120)
    assert tuple(most for _, most in ran) == kept
    for grads in ([g for grads, _ in ran for g in grads], [g for grads in library for g in grads]):
        for one, other in zip(grads, whole, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


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


def script(tmp_path):
    """The script that the lesson writes, with the cell of its DataParallel."""
    lesson = lessons.read("10_training_at_scale", ROOT)
    cell = next(cell.source for cell, name in zip(lesson.cells, lesson.names) if name == "DataParallel")
    path = tmp_path / "train.py"
    path.write_text(own["SCRIPT"].format(answers=cell))
    return path


def torchrun(*arguments):
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "torch.distributed.run", *map(str, arguments)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_script_runs_under_torchrun(tmp_path):
    done = torchrun("--standalone", "--nproc-per-node", 2, script(tmp_path))
    out, errors = done.communicate(timeout=120)
    assert out.startswith("2 ranks, loss 0.0"), errors


def test_two_agents_on_loopback_make_one_world(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = script(tmp_path)
    agents = [torchrun("--nnodes", 2, "--nproc-per-node", 1, "--rdzv-backend", "c10d", "--rdzv-id", "lesson",
                       "--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1", path) for _ in range(2)]
    said = [agent.communicate(timeout=180) for agent in agents]
    assert sum("2 ranks, loss 0.0" in out for out, _ in said) == 1, said
    assert [agent.returncode for agent in agents] == [0, 0]


def test_shards_cover_the_digits_in_every_epoch():
    n = len(own["x_train"]) if "x_train" in own else 1437
    for epoch in range(3):
        shares = [torch.as_tensor(own["shard_batch"](n, rank, 4, 0, epoch)) for rank in range(4)]
        assert {len(share) for share in shares} == {math.ceil(n / 4)}
        assert set(torch.cat(shares).tolist()) == set(range(n))
