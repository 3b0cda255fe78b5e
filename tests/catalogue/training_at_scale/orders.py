"""Answers to `shard_batch` and `pipeline_schedule`."""

import math
import random

import numpy as np
import torch

from .. import right, wrong

# shard_batch


def shuffled(n, seed, epoch):
    generator = torch.Generator()
    generator.manual_seed(seed + 100_000 * epoch)
    return torch.randperm(n, generator=generator)


@right("shard_batch")
def every_nth(n, rank, world_size, seed, epoch):
    size = (n + world_size - 1) // world_size
    order = shuffled(n, seed, epoch).repeat(math.ceil(size * world_size / n))[:size * world_size]
    return order[rank::world_size]


@right("shard_batch")
def blocks_by_python(n, rank, world_size, seed, epoch):
    order = list(range(n))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    size = -(-n // world_size)
    return [order[k % n] for k in range(rank * size, (rank + 1) * size)]


@right("shard_batch")
def by_numpy(n, rank, world_size, seed, epoch):
    order = np.random.default_rng([seed, epoch]).permutation(n)
    size = math.ceil(n / world_size)
    return np.resize(order, size * world_size).reshape(world_size, size)[rank].tolist()


@wrong("shard_batch", "shard-global-rng")
def global_permutation(n, rank, world_size, seed, epoch):
    size = math.ceil(n / world_size)
    order = torch.randperm(n)
    order = order.repeat(math.ceil(size * world_size / n))
    return order[rank:size * world_size:world_size]


@wrong("shard_batch", "shard-rank-in-seed")
def seeded_by_rank_too(n, rank, world_size, seed, epoch):
    generator = torch.Generator().manual_seed(seed + epoch + rank)
    order = torch.randperm(n, generator=generator).tolist() * world_size
    size = math.ceil(n / world_size)
    return order[rank * size:(rank + 1) * size]


@wrong("shard_batch", "shard-global-seeded")
def seeds_everything(n, rank, world_size, seed, epoch):
    torch.manual_seed(seed * 31 + epoch)
    order = torch.randperm(n).tolist()
    size = math.ceil(n / world_size)
    return (order * world_size)[rank:size * world_size:world_size]


@wrong("shard_batch", "shard-all-alike")
def forgets_the_rank(n, rank, world_size, seed, epoch):
    return shuffled(n, seed, epoch)[:math.ceil(n / world_size)]


@wrong("shard_batch", "shard-ragged")
def no_padding(n, rank, world_size, seed, epoch):
    return shuffled(n, seed, epoch)[rank::world_size]


@wrong("shard_batch", "shard-drops")
def rounds_down(n, rank, world_size, seed, epoch):
    size = n // world_size
    return shuffled(n, seed, epoch)[rank * size:(rank + 1) * size]


@wrong("shard_batch", "shard-whole")
def everything(n, rank, world_size, seed, epoch):
    return shuffled(n, seed, epoch)


@wrong("shard_batch", "shard-pads-once")
def pads_once(n, rank, world_size, seed, epoch):
    order = shuffled(n, seed, epoch).tolist()
    size = math.ceil(n / world_size)
    order += order[:size * world_size - n]
    return order[rank:size * world_size:world_size]


@wrong("shard_batch", "shard-pads-alike")
def pads_with_the_first(n, rank, world_size, seed, epoch):
    order = shuffled(n, seed, epoch).tolist()
    size = math.ceil(n / world_size)
    order += [order[0]] * (size * world_size - n)
    return order[rank::world_size]


@wrong("shard_batch", "shard-pads-alike")
def draws_the_padding(n, rank, world_size, seed, epoch):
    order = shuffled(n, seed, epoch).tolist()
    size = math.ceil(n / world_size)
    order += [0] * (size * world_size - n)
    return order[rank * size:(rank + 1) * size]


@wrong("shard_batch", "shard-not-shuffled")
def in_order(n, rank, world_size, seed, epoch):
    size = math.ceil(n / world_size)
    return [k % n for k in range(rank * size, (rank + 1) * size)] if n > size else list(range(n))


@wrong("shard_batch", "shard-epoch-ignored")
def once_for_all(n, rank, world_size, seed, epoch):
    return every_nth(n, rank, world_size, seed, 0)


@wrong("shard_batch", "shard-fixed-sets")
def shuffles_its_own(n, rank, world_size, seed, epoch):
    size = math.ceil(n / world_size)
    mine = [k % n for k in range(rank * size, (rank + 1) * size)]
    return [mine[k] for k in shuffled(size, seed, epoch).tolist()]


@wrong("shard_batch", "shard-seed-ignored")
def one_seed(n, rank, world_size, seed, epoch):
    return every_nth(n, rank, world_size, 0, epoch)


@wrong("shard_batch", "shard-out-of-range")
def counts_from_one(n, rank, world_size, seed, epoch):
    return every_nth(n, rank, world_size, seed, epoch) + 1


@wrong("shard_batch", "shard-generator-device")
def seed_for_a_device(n, rank, world_size, seed, epoch):
    order = torch.randperm(n, generator=torch.Generator(seed + epoch))
    return order[rank::world_size]


@wrong("shard_batch", "shard-misses")
def draws_with_replacement(n, rank, world_size, seed, epoch):
    generator = torch.Generator().manual_seed(seed + epoch)
    size = math.ceil(n / world_size)
    return torch.randint(n, (world_size, size), generator=generator)[rank]


@wrong("shard_batch", "wrong-type")
def floats(n, rank, world_size, seed, epoch):
    return [float(k) for k in every_nth(n, rank, world_size, seed, epoch)]


@wrong("shard_batch", "off-limits")
def library_sampler(n, rank, world_size, seed, epoch):
    from torch.utils.data import DistributedSampler
    sampler = DistributedSampler(range(n), world_size, rank, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@wrong("shard_batch", "returned-none")
def gives_nothing(n, rank, world_size, seed, epoch):
    every_nth(n, rank, world_size, seed, epoch)


@wrong("shard_batch", "not-written")
def unwritten(n, rank, world_size, seed, epoch):
    raise NotImplementedError()


# pipeline_schedule


def forwards(m):
    return [("F", k) for k in range(m)]


def backwards(m):
    return [("B", k) for k in range(m)]


def one_f_one_b(stages, microbatches, lead, stage):
    lead = max(0, min(lead, microbatches))
    order = forwards(lead)
    for k in range(microbatches):
        if lead + k < microbatches:
            order.append(("F", lead + k))
        order.append(("B", k))
    return order


def check_kind(kind):
    if kind != "gpipe" and kind != "1f1b":
        raise ValueError(f"unknown kind {kind}")


@right("pipeline_schedule")
def by_lead(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return [forwards(microbatches) + backwards(microbatches) for _ in range(stages)]
    return [one_f_one_b(stages, microbatches, stages - 1 - s, s) for s in range(stages)]


@right("pipeline_schedule")
def last_first_in_gpipe(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return tuple(tuple(forwards(microbatches) + backwards(microbatches)[::-1]) for _ in range(stages))
    return by_lead(stages, microbatches, kind)


@right("pipeline_schedule")
def by_simulation(stages, microbatches, kind):
    """Whoever can do a backward does it; a forward only while few enough are under way."""
    assert kind in ("gpipe", "1f1b")
    most = [microbatches if kind == "gpipe" else stages - s for s in range(stages)]
    orders, done = [[] for _ in range(stages)], set()
    while len(done) < 2 * stages * microbatches:
        now = []
        for s, order in enumerate(orders):
            f, b = (sum(what == letter for what, _ in order) for letter in "FB")
            ready_b = b < f and (s == stages - 1 or ("B", b, s + 1) in done)
            if kind == "gpipe":
                ready_b = ready_b and f == microbatches
            if ready_b:
                now.append(("B", b, s))
            elif f < microbatches and f - b < most[s] and (s == 0 or ("F", f, s - 1) in done):
                now.append(("F", f, s))
        for what, m, s in now:
            orders[s].append([what, m])
            done.add((what, m, s))
    return orders


@wrong("pipeline_schedule", "pipeline-gpipe-only")
def always_gpipe(stages, microbatches, kind):
    check_kind(kind)
    return by_lead(stages, microbatches, "gpipe")


@wrong("pipeline_schedule", "pipeline-gpipe-mixed")
def always_1f1b(stages, microbatches, kind):
    check_kind(kind)
    return by_lead(stages, microbatches, "1f1b")


@wrong("pipeline_schedule", "pipeline-deadlock")
def no_lead(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    return [one_f_one_b(stages, microbatches, s, s) for s in range(stages)]


@wrong("pipeline_schedule", "pipeline-no-warm-up")
def in_turns(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    return [[step for k in range(microbatches) for step in (("F", k), ("B", k))] for _ in range(stages)]


@wrong("pipeline_schedule", "pipeline-ahead-by-one")
def one_too_many(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    return [one_f_one_b(stages, microbatches, stages - s, s) for s in range(stages)]


@wrong("pipeline_schedule", "pipeline-same-lead")
def equally_far(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    return [one_f_one_b(stages, microbatches, stages - 1, s) for s in range(stages)]


@wrong("pipeline_schedule", "pipeline-from-one")
def from_one(stages, microbatches, kind):
    return [[(what, m + 1) for what, m in order] for order in by_lead(stages, microbatches, kind)]


@wrong("pipeline_schedule", "pipeline-letters")
def whole_words(stages, microbatches, kind):
    words = {"F": "forward", "B": "backward"}
    return [[(words[what], m) for what, m in order] for order in by_lead(stages, microbatches, kind)]


@wrong("pipeline_schedule", "pipeline-flat")
def strings(stages, microbatches, kind):
    return [[f"{what}{m}" for what, m in order] for order in by_lead(stages, microbatches, kind)]


@wrong("pipeline_schedule", "pipeline-by-microbatch")
def per_microbatch(stages, microbatches, kind):
    return [[("F", s) for s in range(stages)] + [("B", s) for s in range(stages)] for _ in range(microbatches)]


@wrong("pipeline_schedule", "pipeline-any-kind")
def any_kind(stages, microbatches, kind):
    return by_lead(stages, microbatches, "gpipe" if kind == "gpipe" else "1f1b")


@wrong("pipeline_schedule", "pipeline-backward-first")
def backward_first(stages, microbatches, kind):
    check_kind(kind)
    return [backwards(microbatches) + forwards(microbatches) for _ in range(stages)]


@wrong("pipeline_schedule", "pipeline-missing-steps")
def no_drain(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    return [by_lead(stages, microbatches, kind)[s][:2 * microbatches - (stages - 1 - s)] for s in range(stages)]


@wrong("pipeline_schedule", "pipeline-extra-steps")
def leads_too_far(stages, microbatches, kind):
    check_kind(kind)
    if kind == "gpipe":
        return by_lead(stages, microbatches, kind)
    orders = []
    for s in range(stages):
        lead = stages - s - 1
        order = forwards(lead)
        for k in range(max(0, microbatches - lead)):
            order += [("F", lead + k), ("B", k)]
        orders.append(order + [("B", k) for k in range(max(0, microbatches - lead), microbatches)])
    return orders


@wrong("pipeline_schedule", "returned-none")
def forgets_to_return(stages, microbatches, kind):
    by_lead(stages, microbatches, kind)


@wrong("pipeline_schedule", "not-written")
def schedule_hole(stages, microbatches, kind):
    raise NotImplementedError()
