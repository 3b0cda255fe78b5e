"""The checks of `shard_batch` and `pipeline_schedule`, which say who does what: no ranks are needed to look at them."""

import math
from collections import Counter

import torch

from ..comparing import Finding, kind_of
from ..core import Check, Mistake, Part
from .shared import found, raised, tree

# ----------------------------------------------------------------------------------------------- shard_batch


AGAIN = "the first call again"  # under another global random state


def shards(answer, n, world_size, seed, epochs):
    """Every rank's indices, epoch by epoch; the learner's list or tensor as a list."""
    tree = {}
    for epoch in epochs:
        for rank in range(world_size):
            torch.manual_seed(7 * rank + epoch)  # the answer must not look at it
            indices = answer(n, rank, world_size, seed, epoch)
            tree[f"epoch {epoch}, rank {rank}"] = indices.tolist() if isinstance(indices, torch.Tensor) and (
                not indices.is_floating_point()) else indices
    torch.manual_seed(99)
    return {**tree, AGAIN: answer(n, 0, world_size, seed, epochs[0])}


def quiet(answer, n, world_size, seed, epochs):
    """Whether the global random state is as before, and whether a second call gives the same."""
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = answer(n, 0, world_size, seed, epochs[0])
    same = torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    second = answer(n, 0, world_size, seed, epochs[0])
    return {"global random state": "as before" if same else "changed",
            "a second call": "the same" if list(map(int, first)) == list(map(int, second)) else "something else"}


def _reference_shard(n, rank, world_size, seed, epoch):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1_000_003 * seed + epoch)).tolist()
    size = math.ceil(n / world_size)
    return [order[place % n] for place in range(rank, size * world_size, world_size)]


def _is_a_share(case, seen, expected):
    """Equal lengths, everything covered, nothing more often than the padding takes."""
    n, world = case["n"], case["world_size"]
    size = math.ceil(n / world)
    names = [name for name in expected if name != AGAIN]
    for name in names:
        got = seen.get(name) if isinstance(seen, dict) else None
        if not isinstance(got, list) or any(type(index) is not int for index in got):
            return Finding((name,), "none" if got is None else "type", kind_of(got), "list of whole numbers")
        if len(got) != size:
            return Finding((name,), "shape", f"{len(got)} indices", f"{size} indices, ⌈{n}/{world}⌉")
        if any(not 0 <= index < n for index in got):
            return Finding((name,), "value", f"an index {next(i for i in got if not 0 <= i < n)}", f"0 to {n - 1}")
    for epoch in case["epochs"]:
        counts = Counter(index for name in names if name.startswith(f"epoch {epoch},") for index in seen[name])
        least, most = size * world // n, -(-size * world // n)
        wrong = next((i for i in sorted(range(n), key=lambda i: counts[i] > 0)  # those that are missing first
                      if not least <= counts[i] <= most), None)
        if wrong is not None:
            return Finding((f"all ranks of epoch {epoch}",), "value", f"index {wrong} comes {counts[wrong]} times",
                           f"{least} times" if least == most else f"{least} or {most} times")
    return None


def _is_shuffled(case, seen, expected):
    """The order is mixed, and from epoch to epoch each rank gets other indices."""
    sets = {}
    for epoch in case["epochs"]:
        for rank in range(case["world_size"]):
            got = seen.get(f"epoch {epoch}, rank {rank}") if isinstance(seen, dict) else None
            if not isinstance(got, list) or any(type(index) is not int for index in got):
                return Finding((f"epoch {epoch}, rank {rank}",), "type", kind_of(got), "list of whole numbers")
            if got == sorted(got):
                return Finding((f"order in epoch {epoch}, rank {rank}",), "value", "ascending", "shuffled")
            sets[epoch, rank] = got
    first, second = case["epochs"][:2]
    for rank in range(case["world_size"]):
        if sets[first, rank] == sets[second, rank]:
            return Finding((f"order of rank {rank} in epochs {first} and {second}",), "value", "the same", "another")
        if set(sets[first, rank]) == set(sets[second, rank]):
            return Finding((f"set of rank {rank} in epochs {first} and {second}",), "value", "the same indices",
                           "other indices")
    return None


def seeds(answer, n, world_size, several):
    """One rank's indices for several seeds."""
    return {f"seed {seed}": list(map(int, answer(n, 1, world_size, seed, 0))) for seed in several}


def _seeds_differ(case, seen, expected):
    first, second = (seen.get(name) if isinstance(seen, dict) else None for name in expected)
    return Finding(("seeds",), "value", "the same for both", "another order") if first == second else None


def _shard_call(case):
    seed = case["seed"] if "seed" in case else f"each of {case['several']}"
    epochs = f", epochs {case['epochs']}" if "epochs" in case else ""
    return f"shard_batch({case['n']}, rank, {case['world_size']}, seed={seed}){epochs}, every rank"


def _draw(g, low=1, high=10_000):
    return int(torch.randint(low, high, (), generator=g))


def _cover(text):
    return lambda finding, seen, case: finding.path and str(finding.path[0]).startswith("all ranks") and (
        text in str(finding.got))


def _length(f):
    def shows(finding, seen, case):
        return finding.kind == "shape" and finding.got == f"{f(case['n'], case['world_size'])} indices"
    return shows


def _first(seen, case) -> list:
    """Each rank's indices in the first epoch."""
    rows = [tree(seen).get(f"epoch {epoch}, rank {rank}") for epoch in case.get("epochs", [])[:1]
            for rank in range(case["world_size"])]
    return rows if all(isinstance(row, list) for row in rows) else []


def _ragged(finding, seen, case):
    lengths = [len(got) for name, got in tree(seen).items() if isinstance(got, list) and name != AGAIN]
    return finding.kind == "shape" and sum(lengths) == len(case["epochs"]) * case["n"]


def _out_of_range(finding, seen, case):
    return finding.kind == "value" and str(finding.got).startswith("an index")


def _all_the_same(finding, seen, case):
    rows = _first(seen, case)
    return _cover("times")(finding, seen, case) and len(rows) > 1 and all(row == rows[0] for row in rows)


def _drawn_anew(finding, seen, case):
    again, rows = tree(seen).get(AGAIN), _first(seen, case)
    again = again.tolist() if isinstance(again, torch.Tensor) else again
    return _cover("times")(finding, seen, case) and bool(rows) and again != rows[0]


def _own_orders(finding, seen, case):
    """Nothing twice on any rank, and yet some index is missing."""
    rows = _first(seen, case)
    return _cover("times")(finding, seen, case) and all(len(set(row)) == len(row) for row in rows) and len(
        {index for row in rows for index in row}) < case["n"] and any(row != rows[0] for row in rows)


def _overlapping(finding, seen, case):
    return _cover("times")(finding, seen, case) and not _cover("comes 0 times")(finding, seen, case)


shard_batch = Check(
    "shard_batch", "shard_batch(n, rank, world_size, seed, epoch)", _reference_shard,
    [Part("shares", 0.4, "every index comes to some rank, to one only but for the padding; all get ⌈n/world⌉",
          lambda g: [{"n": 24, "world_size": 3, "seed": _draw(g), "epochs": [0, 1]},
                     {"n": 23, "world_size": 4, "seed": _draw(g), "epochs": [0, 3]},
                     {"n": 30, "world_size": 1, "seed": _draw(g), "epochs": [2]},
                     {"n": 3, "world_size": 8, "seed": _draw(g), "epochs": [0, 1]}],
          shards, shows=_shard_call, agrees=_is_a_share),
     Part("epochs", 0.3, "the whole set is shuffled anew in each epoch, so a rank gets other indices",
          lambda g: [{"n": 40, "world_size": 2, "seed": _draw(g), "epochs": [0, 1]},
                     {"n": 60, "world_size": 3, "seed": _draw(g), "epochs": [4, 9]}],
          shards, shows=_shard_call, agrees=_is_shuffled),
     Part("seeds", 0.1, "another seed gives another order",
          lambda g: [{"n": 40, "world_size": 2, "several": [(first := _draw(g)), first + 5_000]}],
          seeds, shows=_shard_call, agrees=_seeds_differ),
     Part("random state", 0.2, "the same call gives the same, and the global random state stays as it was",
          lambda g: [{"n": 40, "world_size": 2, "seed": _draw(g), "epochs": [1]}], quiet, shows=_shard_call)],
    [Mistake("shard-global-rng", "The order comes from the global random state, which differs from rank to rank. Then "
             "the ranks do not agree who has which index. Draw from a `torch.Generator` of your own, seeded from "
             "`seed` and `epoch`.",
             shows=lambda finding, seen, case: _drawn_anew(finding, seen, case) or found("a second call")(
                 finding, seen, case)),
     Mistake("shard-rank-in-seed", "Each rank shuffles in a way of its own, so they do not agree who has which index: "
             "some come twice, some never. All ranks must draw the same order.", shows=_own_orders),
     Mistake("shard-global-seeded", "The right numbers, but `torch.manual_seed` has changed the global random state, "
             "from which the rest of the program draws. Use a `torch.Generator` of your own.",
             shows=found("global random state")),
     Mistake("shard-all-alike", "All ranks get the same indices: `rank` is not used.", shows=_all_the_same),
     Mistake("shard-ragged", "The ranks get different numbers of indices. One of them would make a step more than the "
             "others, and wait for them for ever: pad to equal lengths.", shows=_ragged),
     Mistake("shard-pads-once", "With more ranks than indices one round of padding is not enough: repeat the shuffled "
             "order as often as it takes.", shows=lambda finding, seen, case: finding.kind == "shape" and (
                 case["world_size"] > 2 * case["n"])),
     Mistake("shard-drops", "The last few indices are left out. Round up, not down, and pad.",
             shows=lambda finding, seen, case: _length(lambda n, world: n // world)(finding, seen, case)),
     Mistake("shard-whole", "A rank gets the whole set. Its share is a part of it.",
             shows=_length(lambda n, world: n)),
     Mistake("shard-pads-alike", "One index is repeated over and over for the padding. Repeat the shuffled order from "
             "its start, so that none comes more than once more than the others.",
             shows=_overlapping),
     Mistake("shard-misses", "Some indices come to no rank at all.", shows=_cover("comes 0 times")),
     Mistake("shard-out-of-range", "Some indices do not exist: they run from 0 to n − 1.", shows=_out_of_range),
     Mistake("shard-not-shuffled", "The indices are in ascending order: nothing has been shuffled.",
             shows=found("order in epoch")),
     Mistake("shard-epoch-ignored", "Every epoch has the same order: `epoch` is not used.",
             shows=lambda finding, seen, case: finding.path and "order of rank" in str(finding.path[0])),
     Mistake("shard-fixed-sets", "Each rank keeps its set and only changes its order. Shuffle the whole set first, "
             "the same way on all ranks, and then share it out.",
             shows=lambda finding, seen, case: finding.path and "set of rank" in str(finding.path[0])),
     Mistake("shard-seed-ignored", "`seed` is not used.", shows=found("seeds")),
     Mistake("shard-generator-device", "What stands in `torch.Generator(…)` is a device. The seed is set afterwards: "
             "`torch.Generator().manual_seed(seed)`.", shows=raised("accelerator device", "device ordinal"))],
    frozenset({"DistributedSampler", "torch.utils.data"}), "`torch.randperm` with a generator is your tool.")


# ----------------------------------------------------------------------------------------- pipeline_schedule


def schedule(answer, stages, microbatches, kind):
    """The schedule as data: a list for each stage."""
    return {"stages": answer(stages, microbatches, kind)}


def refused(answer, stages, microbatches, kind):
    """Whether it raises."""
    try:
        answer(stages, microbatches, kind)
    except NotImplementedError:
        raise
    except Exception:  # any will do
        return {"a kind that does not exist": "refused"}
    return {"a kind that does not exist": "accepted"}


def right_schedule(stages, microbatches, kind):
    """GPipe: all forwards, then all backwards. 1F1B: stages − s − 1 forwards ahead, then in turns."""
    if kind not in ("gpipe", "1f1b"):
        raise ValueError(kind)
    orders = []
    for stage in range(stages):
        ahead = microbatches if kind == "gpipe" else min(stages - stage - 1, microbatches)
        order = [("F", m) for m in range(ahead)]
        for m in range(microbatches - ahead):
            order += [("F", ahead + m), ("B", m)]
        orders.append(order + [("B", m) for m in range(microbatches - ahead, microbatches)])
    return orders


def timed(orders) -> list | None:
    """When each step of each stage begins, F and B one unit each; None where the stages wait for ever."""
    done, clock, at, begins = {}, [0] * len(orders), [0] * len(orders), [[] for _ in orders]
    moved = True
    while moved:
        moved = False
        for stage, order in enumerate(orders):
            while at[stage] < len(order):
                what, m = order[at[stage]]
                before = (("F", m, stage - 1) if stage else None) if what == "F" else (
                    ("B", m, stage + 1) if stage + 1 < len(orders) else None)
                own = ("F", m, stage) if what == "B" else None
                needed = [step for step in (before, own) if step]
                if any(step not in done for step in needed):
                    break
                begin = max([clock[stage], *(done[step] for step in needed)])
                begins[stage].append(begin)
                done[what, m, stage] = clock[stage] = begin + 1
                at[stage] += 1
                moved = True
    return begins if all(place == len(order) for place, order in zip(at, orders)) else None


def kept(order) -> int:
    """The most micro-batches whose activations a stage holds at once."""
    most = now = 0
    for what, _ in order:
        now += 1 if what == "F" else -1
        most = max(most, now)
    return most


def _read(case, seen):
    """The orders as lists of (letter, number), or the Finding that says why they are none."""
    got = seen.get("stages") if isinstance(seen, dict) else None
    if not isinstance(got, list):
        return Finding(("schedule",), "none" if got is None else "type", kind_of(got), "list of lists")
    if len(got) != case["stages"]:
        return Finding(("schedule",), "shape", f"{len(got)} stages", f"{case['stages']} stages")
    orders = []
    for stage, order in enumerate(got):
        if not isinstance(order, list) or any(not isinstance(step, list) or len(step) != 2 for step in order):
            return Finding((f"stage {stage}",), "type", kind_of(order), "list of pairs like ('F', 0)")
        order = [(str(what), int(m) if isinstance(m, (int, torch.Tensor)) else m) for what, m in order]
        expected = {(what, m) for what in "FB" for m in range(case["microbatches"])}
        for step in order:
            if step not in expected:
                return Finding((f"stage {stage}",), "value", f"a step {step}", "('F', m) or ('B', m), m from 0")
        if len(set(order)) < len(expected) or len(order) > len(expected):
            missing = min(expected - set(order), default="none twice", key=str)
            return Finding((f"stage {stage}",), "shape", f"{len(order)} steps, without {missing}"
                           if missing != "none twice" else f"{len(order)} steps, some of them twice",
                           f"{len(expected)} steps, each once")
        orders.append(order)
    return orders


def _runs(case, seen, expected):
    orders = _read(case, seen)
    if isinstance(orders, Finding):
        return orders
    for stage, order in enumerate(orders):
        for m in range(case["microbatches"]):
            if order.index(("B", m)) < order.index(("F", m)):
                return Finding((f"order in stage {stage}",), "value", f"B {m} before F {m}", f"F {m} first")
    if timed(orders) is None:
        return Finding(("dependencies",), "value", "the stages wait for each other for ever", "an order that runs")
    if case["kind"] == "gpipe":
        for stage, order in enumerate(orders):
            if "B" in [what for what, _ in order[:case["microbatches"]]]:
                return Finding((f"gpipe, stage {stage}",), "value", "a backward among the forwards",
                               "all forwards first")
    return None


def _short(case, seen, expected):
    orders = _read(case, seen)
    begins = None if isinstance(orders, Finding) else timed(orders)
    if begins is None:
        return _runs(case, seen, expected) or Finding(("schedule",), "value", "none that runs", "one that runs")
    length, least = 1 + max(max(times, default=0) for times in begins), 2 * (case["microbatches"] + case["stages"] - 1)
    if length != least:
        return Finding(("units until all is done",), "value", length, least)
    return None


def _lean(case, seen, expected):
    orders = _read(case, seen)
    if isinstance(orders, Finding):
        return orders
    for stage, order in enumerate(orders):
        bound = case["microbatches"]
        if case["kind"] == "1f1b":
            bound = min(bound, case["stages"] - stage)
        if kept(order) != bound:
            return Finding((f"micro-batches kept at once in stage {stage}",), "value", kept(order), bound)
    return None


def _cases(*several):
    return lambda g: [{"stages": stages, "microbatches": m, "kind": kind} for stages, m, kind in several]


def _as(f):
    """A schedule stage by stage: f(stages, microbatches, kind, stage) -> order."""
    return lambda stages, microbatches, kind: [f(stages, microbatches, kind, stage) for stage in range(stages)]


def _ahead(extra):
    """Recognises how many micro-batches a 1f1b stage keeps: extra(stages, microbatches, stage)."""
    def shows(finding, seen, case):
        orders = _read(case, tree(seen))
        return case["kind"] == "1f1b" and not isinstance(orders, Finding) and all(
            kept(order) == min(case["microbatches"], extra(case["stages"], case["microbatches"], stage))
            for stage, order in enumerate(orders))
    return shows


def _in_turns(finding, seen, case):
    orders = _read(case, tree(seen))
    turns = [step for m in range(case["microbatches"]) for step in (("F", m), ("B", m))]
    return not isinstance(orders, Finding) and case["stages"] > 1 and all(order == turns for order in orders)


def _backwards_reversed(finding, seen, case):
    orders = _read(case, tree(seen))
    return not isinstance(orders, Finding) and case["kind"] == "1f1b" and any(
        [m for what, m in order if what == "B"] != sorted(m for what, m in order if what == "B") for order in orders)


def _from_one(finding, seen, case):
    if not str(finding.got).startswith("a step"):
        return False
    stages = [order for order in tree(seen).get("stages") if isinstance(order, list)]
    numbers = {step[1] for order in stages for step in order if isinstance(step, list) and len(step) == 2}
    return numbers == set(range(1, case["microbatches"] + 1))


def _other_letters(finding, seen, case):
    return str(finding.got).startswith("a step") and not any(f"('{letter}'" in str(finding.got) for letter in "FB")


def _swapped(finding, seen, case):
    got = tree(seen).get("stages")
    return isinstance(got, list) and len(got) == case["microbatches"] != case["stages"]


def _pairs(finding, seen, case):
    return finding.kind == "type" and found("stage")(finding, seen, case)


pipeline_schedule = Check(
    "pipeline_schedule", "pipeline_schedule(stages, microbatches, kind)", right_schedule,
    [Part("order", 0.4, "each stage does every forward and backward once, and all that a step needs comes before it",
          _cases((3, 4, "gpipe"), (3, 5, "1f1b"), (1, 3, "1f1b"), (4, 2, "1f1b"), (4, 8, "1f1b"), (2, 1, "gpipe")),
          schedule, agrees=_runs),
     Part("length", 0.25, "with F and B one unit each, all is done after 2·(microbatches + stages − 1) units",
          _cases((3, 5, "1f1b"), (4, 8, "gpipe"), (4, 8, "1f1b"), (4, 3, "1f1b")), schedule, agrees=_short),
     Part("activations", 0.25, "gpipe keeps all micro-batches at once, 1f1b's stage s at most stages − s",
          _cases((4, 8, "1f1b"), (3, 5, "gpipe"), (4, 2, "1f1b"), (2, 6, "1f1b")), schedule, agrees=_lean),
     Part("kinds", 0.1, "another kind is refused", _cases((2, 3, "2f2b")), refused)],
    [Mistake("pipeline-backward-first", "A stage does a backward before the forward of the same micro-batch. Backward "
             "needs what forward has kept.", shows=found("order in stage")),
     Mistake("pipeline-from-one", "The micro-batches are counted from 1. Count from 0.", shows=_from_one),
     Mistake("pipeline-letters", "A step is a pair of a letter, \"F\" or \"B\", and the micro-batch's number.",
             shows=_other_letters),
     Mistake("pipeline-by-microbatch", "There is a list for each micro-batch. Give one for each stage.",
             shows=_swapped),
     Mistake("pipeline-flat", "Each step is to be a pair, (\"F\" or \"B\", micro-batch), each stage a list of such "
             "pairs.", shows=_pairs),
     Mistake("pipeline-gpipe-mixed", "This is 1F1B, or some other mixture. GPipe does all forwards first.",
             shows=found("gpipe, stage")),
     Mistake("pipeline-deadlock", "The stages wait for each other for ever: one wants a micro-batch's gradient before "
             "it hands on the forward that the next stage needs for it. In 1F1B stage s must run stages − s − 1 "
             "forwards ahead before it takes turns.", shows=found("dependencies")),
     Mistake("pipeline-no-warm-up", "Every stage does the same: forward, backward, in turns from the start. Then the "
             "next micro-batch waits until the last one has come all the way back.", shows=_in_turns),
     Mistake("pipeline-gpipe-only", "1f1b comes out as gpipe: all forwards, then all backwards, so every stage keeps "
             "all micro-batches. In 1F1B a backward follows as soon as it can.",
             shows=_ahead(lambda stages, m, stage: m)),
     Mistake("pipeline-ahead-by-one", "The stages run one forward too many ahead, so each keeps one micro-batch more "
             "than it must: stages − s at once, the one at hand included.",
             shows=_ahead(lambda stages, m, stage: stages - stage + 1)),
     Mistake("pipeline-stages-reversed", "The stages are the wrong way round. It is the first that runs furthest "
             "ahead, since its gradients come back last.", shows=_ahead(lambda stages, m, stage: stage + 1)),
     Mistake("pipeline-same-lead", "Every stage runs equally far ahead. The first must, the last need not: its "
             "gradient is there at once.", shows=_ahead(lambda stages, m, stage: stages)),
     Mistake("pipeline-backwards-reversed", "1F1B's backwards come in the order of the forwards: the oldest "
             "micro-batch first.", shows=_backwards_reversed),
     Mistake("pipeline-missing-steps", "Some steps are missing, or come twice. Each stage does the forward and the "
             "backward of every micro-batch, once each, also where there are fewer micro-batches than stages.",
             shows=lambda finding, seen, case: finding.kind == "shape" and "steps" in str(finding.got)),
     Mistake("pipeline-extra-steps", "A step for a micro-batch that does not exist. With fewer micro-batches than "
             "stages a stage cannot run stages − s − 1 ahead.",
             shows=lambda finding, seen, case: str(finding.got).startswith("a step")),
     Mistake("pipeline-any-kind", "A kind that does not exist is accepted. Raise a ValueError.",
             shows=found("a kind that does not exist")),
     Mistake("pipeline-empty", "There are no more micro-batches where one is asked for.", shows=raised("IndexError"))])
