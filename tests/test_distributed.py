"""Ranks as a notebook starts them: what they give back, print and raise, how they end, and that nothing stays."""

import os
import subprocess
import sys
import time

import psutil
import pytest
import torch
import torch.distributed as dist
from torch import nn

from dlcourse import distributed
from dlcourse.distributed import Deadlock, RankError, Team, launch
from dlcourse.traffic import Traffic


def left_behind() -> tuple[set[int], set[int]]:
    """This process's children, and the ports that it or any of them listens on."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    ports = {one.laddr.port for process in family for one in process.net_connections() if one.status == "LISTEN"}
    return {process.pid for process in family[1:]}, ports


@pytest.fixture(autouse=True)
def nothing_stays():
    """Whatever a test does with ranks, no process and no port of theirs is there afterwards."""
    before = left_behind()
    yield
    assert left_behind() == before


def summed(x):
    total = x * dist.get_rank()
    dist.all_reduce(total)
    return total


@pytest.mark.slow
def test_every_rank_works_on_its_own_copy_and_gives_back_its_result():
    x = torch.ones(2)
    results = launch(summed, 3, x)
    assert [result.tolist() for result in results] == [[3, 3]] * 3 and x.tolist() == [1, 1]


@pytest.mark.slow
def test_the_same_processes_run_again_and_with_fewer_ranks(capsys):
    with Team(3) as team:
        pids = team.run(os.getpid)
        assert team.run(os.getpid, ranks=2) == pids[:2] and team.run(os.getpid) == pids
        assert team.run(dist.get_world_size, ranks=1) == [1]
    assert len(set(pids)) == 3 and os.getpid() not in pids


@pytest.mark.slow
def test_functions_and_classes_of_a_notebook_reach_the_ranks(tmp_path):
    cell = """
import torch.distributed as dist
from torch import nn
from dlcourse.distributed import launch
FACTOR = 3
class Triple(nn.Module):
    def forward(self, x):
        return FACTOR * x
def work(x):
    return Triple()(x) + dist.get_rank()
print(launch(work, 2, 5))
"""
    script = tmp_path / "cell.py"
    script.write_text(cell)  # without `if __name__ == "__main__"`, as a cell has none
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[15, 16]\n" and done.stderr == ""


def test_what_a_rank_prints_carries_its_number_and_goes_to_stdout(capfd):
    def work():
        print("one\ntwo" if dist.get_rank() else "zero", end="")
        print(" and a warning", file=sys.stderr)
    launch(work, 2)
    said = capfd.readouterr()
    assert sorted(said.out.splitlines()) == ["[rank 0] zero and a warning", "[rank 1] one", "[rank 1] two and a warning"]
    assert said.err == ""


def test_a_flood_of_output_is_cut(capfd):
    launch(lambda: print("line\n" * 2000), 1)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 501 and lines[-1] == "[rank 0] … and more, which is left out"


def fails_on_one():
    if dist.get_rank() == 1:
        raise ValueError("no such thing")
    dist.barrier()


def leaves_on_one():
    if dist.get_rank() == 1:
        sys.exit(3)
    dist.barrier()


def dies_on_zero():
    if dist.get_rank() == 0:
        os._exit(7)
    dist.barrier()


@pytest.mark.slow
@pytest.mark.parametrize("work, rank, told", [
    (fails_on_one, 1, ["Rank 1 raised ValueError: no such thing", "fails_on_one, line", 'raise ValueError("no such thing")']),
    (leaves_on_one, 1, ["Rank 1 raised SystemExit: 3", "sys.exit(3)"]),
    (dies_on_zero, 0, ["rank 0 ended with exit code 7"]),
    (lambda: (x for x in ()), 0, ["What it gave back cannot be sent", "generator"]),
], ids=["raises", "exits", "dies", "gives a generator"])
def test_one_rank_that_fails_ends_all_within_seconds_and_is_told_of(work, rank, told):
    with Team(3) as team:
        team.run(dist.get_rank)
        start = time.monotonic()
        with pytest.raises(RankError) as caught:
            team.run(work)
        assert time.monotonic() - start < 5
        assert [words for words in told if words not in str(caught.value)] == []
        assert caught.value.rank == rank or "generator" in told[-1]
        assert team.run(dist.get_rank) == [0, 1, 2]  # a new team stands up


def sends_more_than_fits():
    if dist.get_rank() == 0:
        dist.send(torch.zeros(3), 1)
    else:
        dist.recv(torch.zeros(2), 0)
    dist.barrier()


@pytest.mark.slow
def test_a_message_longer_than_its_buffer_is_told_of_in_our_words_and_not_in_gloos(capfd):
    with pytest.raises(RankError, match="rank 1 ended by signal SIGABRT .* longer than the buffer"):
        launch(sends_more_than_fits, 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_deadlock_ends_in_time_and_says_which_rank_waits_where():
    def crossed():
        buffer = torch.zeros(1)
        if dist.get_rank() < 2:
            dist.recv(buffer, 1 - dist.get_rank())
    with Team(3) as team:
        team.run(dist.get_rank)
        start = time.monotonic()
        with pytest.raises(Deadlock) as caught:
            team.run(crossed, seconds=1)
        assert time.monotonic() - start < 6
    said = str(caught.value)
    assert "After 1 second not every rank" in said and "rank 2 had come to its end" in said
    assert all(f"rank {rank} waits in " in said for rank in (0, 1))
    assert said.count("dist.recv(buffer, 1 - dist.get_rank())") == 2


@pytest.mark.slow
def test_ranks_that_all_raise_stay_for_the_next_run():
    def fails():
        raise ValueError("no such thing")
    with Team(2) as team:
        pids = team.run(os.getpid)
        for _ in range(2):
            with pytest.raises(RankError, match="no such thing"):
                team.run(fails)
        assert team.run(os.getpid) == pids and [float(total) for total in team.run(summed, torch.ones(1))] == [1, 1]


@pytest.mark.slow
def test_a_module_is_imported_to_its_end_beyond_the_time_limit(tmp_path):
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(3)\nvalue = 7\n")

    def imports(folder):
        sys.path.insert(0, folder)
        import slow_to_import
        return slow_to_import.value
    assert launch(imports, 1, str(tmp_path), seconds=1) == [7]


class Hangs:
    """Takes for ever to arrive."""

    def __reduce__(self):
        return time.sleep, (1000,)


@pytest.mark.slow
def test_a_rank_that_does_not_get_to_its_work_is_given_up(monkeypatch):
    with Team(1) as team:
        team.run(dist.get_rank)
        monkeypatch.setattr(distributed, "START", 2.0)
        with pytest.raises(Deadlock, match="2 seconds after the processes' start"):
            team.run(lambda thing: thing, Hangs())


def by_the_differentiable_library(x):
    from torch.distributed.nn.functional import all_reduce
    return all_reduce(x)


@pytest.mark.slow
def test_what_torch_remembers_of_an_earlier_run_does_no_harm_in_the_next():
    with Team(3) as team:
        for ranks in (2, 3):
            assert team.run(by_the_differentiable_library, torch.ones(1), ranks=ranks) == [ranks] * ranks


def test_a_rank_that_computes_for_ever_is_stopped_with_what_it_started():
    def forever():
        subprocess.Popen(["sleep", "1000"])
        while True:
            pass
    with pytest.raises(Deadlock, match="rank 0 waits in forever"):
        launch(forever, 1, seconds=0.5)


def test_an_interrupt_ends_all_ranks(monkeypatch):
    def interrupted(run):
        raise KeyboardInterrupt
    monkeypatch.setattr(distributed._Run, "results", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launch(dist.barrier, 2)


@pytest.mark.slow
def test_ranks_end_when_their_notebook_is_killed():
    script = ("import os, time, torch.distributed as dist; from dlcourse.distributed import Team; team = Team(2); "
              "print(team.run(os.getpid), flush=True); time.sleep(100)")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as notebook:
        pids = eval(notebook.stdout.readline(), {})
        notebook.kill()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert len(pids) == 2 and alive == []


@pytest.mark.parametrize("ranks", [0, -1, 2.0, True, "2"])
def test_a_number_of_ranks_that_makes_no_sense_is_refused_in_one_sentence(ranks):
    with pytest.raises(ValueError, match="ranks is the number of processes, 1 or more; it was"):
        launch(dist.barrier, ranks)


def test_what_cannot_be_sent_is_refused_before_any_process_starts():
    with pytest.raises(TypeError, match="cannot be sent to the ranks"):
        launch(dist.get_rank, 2, (x for x in ()))
    with Team(2) as team, pytest.raises(ValueError, match="1 to 2 processes; 3 were asked for"):
        team.run(dist.get_rank, ranks=3)


@pytest.mark.slow
def test_gradients_and_modules_cross():
    def trained(model):
        model(torch.ones(1, 2)).sum().backward()
        return {name: p.grad for name, p in model.named_parameters()}
    assert launch(trained, 2, nn.Linear(2, 1))[1]["weight"].tolist() == [[1, 1]]


def every_way(x):
    """The bytes that a rank sends in each way of sharing a tensor of 400 bytes, and how often it calls."""
    from torch.distributed import _functional_collectives as functional
    rank, n = dist.get_rank(), dist.get_world_size()
    ways = {
        "all_reduce": lambda: dist.all_reduce(x.clone()),
        "functional all_reduce": lambda: functional.wait_tensor(functional.all_reduce(x, "sum", dist.group.WORLD)),
        "all_gather": lambda: dist.all_gather([torch.empty_like(x) for _ in range(n)], x),
        "broadcast": lambda: dist.broadcast(x.clone(), 0),
        "isend and recv": lambda: (dist.isend(x, (rank + 1) % n), dist.recv(x.clone(), (rank - 1) % n))[0].wait(),
        "barrier": dist.barrier}
    sent = {}
    for name, way in ways.items():
        with Traffic() as traffic:
            way()
        sent[name] = traffic.sent, sum(traffic.calls.values())
    return sent


@pytest.mark.slow
def test_traffic_counts_what_a_rank_of_a_ring_would_send_whichever_way_it_is_called():
    assert launch(every_way, 4, torch.ones(100)) == [{
        "all_reduce": (600, 1), "functional all_reduce": (600, 1), "all_gather": (1200, 1), "broadcast": (300, 1),
        "isend and recv": (400, 1), "barrier": (0, 0)}] * 4
