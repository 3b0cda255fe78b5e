"""The checks of what is computed on paper: a large batch's rate, memory, cost, a scaling law."""

import math

import torch

from ..comparing import Finding
from ..core import Check, Mistake, Part


def drawn(g, low, high, digits=3):
    """A number between low and high, of that many digits, even on a log scale."""
    share = torch.rand((), generator=g, dtype=torch.float64).item()
    return float(f"{low * (high / low) ** share:.{digits}g}")


def whole(g, low, high):
    """A whole number from low to high."""
    return int(torch.randint(low, high + 1, (), generator=g))


def _says(*words):
    return lambda finding, seen, case: any(word in seen.get("raised", {}).get("text", "") for word in words)

# -------------------------------------------------------------------------------------------- large_batch_lr


def rate_at(answer, **case):
    """The rate of one step."""
    return {"rate": answer(**case)}


def _ratio(base_batch, batch):
    return batch / base_batch


def _rate(step, base_lr, base_batch, batch, warmup, peak=_ratio, climb=None, count=None):
    """The reference; mistakes are other peaks, other climbs."""
    high = base_lr * peak(base_batch, batch)
    if step >= warmup:
        return high
    return climb(step, base_lr, high, warmup) if climb else base_lr + (high - base_lr) * step / warmup


def _varied(**settings):
    return lambda step, base_lr, base_batch, batch, warmup: _rate(step, base_lr, base_batch, batch, warmup, **settings)


def _steps(g, *shares, warmup=None):
    """One case for each share of the warm-up that is done."""
    base, batch, length = whole(g, 2, 5) * 32, whole(g, 6, 20) * 96, whole(g, 40, 90) * 2 if warmup is None else warmup
    return [{"step": int(share * length) if isinstance(share, float) else share, "base_lr": drawn(g, 0.02, 0.3),
             "base_batch": base, "batch": batch, "warmup": length} for share in shares]


def _from_zero(step, base_lr, high, warmup):
    return high * step / warmup


def _early_peak(step, base_lr, base_batch, batch, warmup):
    high = base_lr * batch / base_batch
    return high if step >= warmup - 1 else base_lr + (high - base_lr) * step / max(1, warmup - 1)


def _never_divides_by_0(step, base_lr, base_batch, batch, warmup):
    return base_lr + (base_lr * batch / base_batch - base_lr) * min(1.0, step / max(1, warmup))


def _goes_on(step, base_lr, base_batch, batch, warmup):
    return base_lr + (base_lr * batch / base_batch - base_lr) * step / warmup


large_batch_lr = Check(
    "large_batch_lr", "large_batch_lr(step, base_lr, base_batch, batch, warmup)", _rate,
    [Part("after the warm-up", 0.4, "from step warmup on the rate is base_lr · batch / base_batch", lambda g: [
         *_steps(g, 1.0, 1.5, 9.0)], rate_at),
     Part("climb", 0.4, "a straight line from base_lr at step 0 to there", lambda g: [
         *_steps(g, 0, 1, 0.25), *_steps(g, 0.5, 0.75)], rate_at),
     Part("edges", 0.2, "no warm-up, the base batch itself, a smaller batch than that", lambda g: [
         *_steps(g, 0, 3, warmup=0), {"step": 7, "base_lr": 0.1, "base_batch": 96, "batch": 96, "warmup": 20},
         {"step": 5, "base_lr": 0.1, "base_batch": 128, "batch": 32, "warmup": 20},
         *_steps(g, 0, 1, warmup=1)], rate_at)],
    [Mistake("large-batch-square-root", "The rate grows with the square root of the batch. That rule exists too; here "
             "it is the linear one.", _varied(peak=lambda base, batch: (batch / base) ** 0.5)),
     Mistake("large-batch-upside-down", "The ratio is upside down: a larger batch takes longer steps.",
             _varied(peak=lambda base, batch: base / batch)),
     Mistake("large-batch-no-base", "The rate is multiplied by the batch itself. It is the ratio to the base batch "
             "that counts.", _varied(peak=lambda base, batch: batch)),
     Mistake("large-batch-not-scaled", "The rate stays at base_lr: the batch is not used.",
             _varied(peak=lambda base, batch: 1.0)),
     Mistake("large-batch-integer", "`//` cuts the ratio down to a whole number.",
             _varied(peak=lambda base, batch: batch // base)),
     Mistake("large-batch-from-zero", "The climb starts from 0. This one starts from base_lr, which the small batch "
             "was happy with.", _varied(climb=_from_zero)),
     Mistake("large-batch-no-warmup", "The full rate is there from the first step: `warmup` is not used.",
             lambda step, base_lr, base_batch, batch, warmup: base_lr * batch / base_batch),
     Mistake("large-batch-flat", "During the warm-up the rate stays at base_lr, and then jumps. Let it climb on a "
             "straight line.", _varied(climb=lambda step, base_lr, high, warmup: base_lr)),
     Mistake("large-batch-one-ahead", "The climb is one step ahead: step 0 has not climbed yet.",
             _varied(climb=lambda step, low, high, warmup: low + (high - low) * (step + 1) / warmup)),
     Mistake("large-batch-peak-early", "The peak is reached one step too early; at step `warmup` it is due.",
             _early_peak),
     Mistake("large-batch-goes-on", "The line goes on climbing after the warm-up. From there the rate is constant.",
             [_goes_on, lambda step, base_lr, base_batch, batch, warmup: _goes_on(
                 step, base_lr, base_batch, batch, warmup) if warmup else base_lr * batch / base_batch]),
     Mistake("large-batch-added", "The whole peak is added on top of base_lr; what is to be climbed is the difference "
             "of the two.", _varied(climb=lambda step, low, high, warmup: low + high * step / warmup)),
     Mistake("large-batch-ratio-climbs", "The climb goes by powers, evenly on a log scale. It is a straight line.",
             _varied(climb=lambda step, low, high, warmup: low * (high / low) ** (step / warmup))),
     Mistake("large-batch-cosine", "The climb is half a cosine. It is a straight line.", _varied(
         climb=lambda step, low, high, warmup: high + (low - high) * (1 + math.cos(math.pi * step / warmup)) / 2)),
     Mistake("large-batch-starts-low", "Without a warm-up the first step goes at base_lr: `max(1, warmup)` makes a "
             "warm-up of one step where none was asked for. With warmup = 0 step 0 has the full rate.",
             _never_divides_by_0),
     Mistake("large-batch-divides-by-zero", "With warmup = 0 there is nothing to climb: ask whether the warm-up is "
             "over before you divide by its length.",
             shows=lambda finding, seen, case: case["warmup"] == 0 and seen.get("raised", {}).get(
                 "type") == "ZeroDivisionError")],
    frozenset({"torch.optim.lr_scheduler"}), "A ratio and a straight line are all it takes.")

# ----------------------------------------------------------------------------------------- memory_per_device


def bytes_for(answer, parameters, devices, stage):
    """Bytes on one device."""
    given = answer(parameters, devices, stage)
    return {"bytes": float(given) if isinstance(given, int) and not isinstance(given, bool) else given}


def _memory(parameters, devices, stage, weights=2, grads=2, states=12, from_stage=(3, 2, 1), last=None):
    """The reference; a mistake has other bytes, or shards at other stages."""
    sizes = (weights, grads, states)
    shares = [size / devices if stage >= start else size for size, start in zip(sizes, from_stage)]
    return float(parameters * (last(shares) if last else sum(shares)))


def _other(**settings):
    return lambda parameters, devices, stage: _memory(parameters, devices, stage, **settings)


def _plans(g, *stages, devices=None):
    return [{"parameters": int(drawn(g, 1e8, 1e12)), "devices": devices or whole(g, 2, 40) * 8, "stage": stage}
            for stage in stages]


memory_per_device = Check(
    "memory_per_device", "memory_per_device(parameters, devices, stage)", _memory,
    [Part("replicated", 0.3, "at stage 0 every device holds all of it: 16 bytes per parameter", lambda g: [
         *_plans(g, 0, 0), *_plans(g, 0, devices=1)], bytes_for),
     Part("stage 1", 0.25, "the optimizer's states are shared out", lambda g: _plans(g, 1, 1), bytes_for),
     Part("stage 2", 0.2, "the gradients too", lambda g: _plans(g, 2, 2), bytes_for),
     Part("stage 3", 0.25, "the weights too", lambda g: [*_plans(g, 3), *_plans(g, 3, devices=1)], bytes_for)],
    [Mistake("memory-no-master", "Adam's states are counted as 8 bytes per parameter. The fp32 copy of the weights "
             "belongs to them: without it small updates would be lost in fp16.", _other(states=8)),
     Mistake("memory-all-fp32", "Everything is counted in fp32. Weights and gradients are fp16 here, and the fp32 copy "
             "of the weights is one of the optimizer's states.",
             [_other(weights=4, grads=4, states=8), _other(weights=4, grads=4)]),
     Mistake("memory-fp32-gradients", "The gradients are counted in fp32: they are fp16 here, 2 bytes each.",
             _other(grads=4)),
     Mistake("memory-half-states", "The states are counted in fp16. It is the sums over many steps that need fp32: "
             "copy of the weights, first and second moment, 4 bytes each.", _other(states=6)),
     Mistake("memory-no-gradients", "The gradients are missing: 2 bytes per parameter.", _other(grads=0)),
     Mistake("memory-no-weights", "The fp16 weights are missing: 2 bytes per parameter.", _other(weights=0)),
     Mistake("memory-one-moment", "Adam keeps two moments, and here a copy of the weights as well, each in fp32.",
             _other(states=4)),
     Mistake("memory-weights-first", "The stages are in the wrong order. Stage 1 shares out the optimizer's states, "
             "the largest piece; the weights come last.", [_other(from_stage=(1, 2, 3)), _other(from_stage=(2, 3, 1)),
                                                           _other(from_stage=(2, 1, 3)), _other(from_stage=(3, 1, 2)),
                                                           _other(from_stage=(1, 3, 2))]),
     Mistake("memory-one-stage-late", "What stage 1 shares out is shared only from stage 2 on, and so forth.",
             _other(from_stage=(4, 3, 2))),
     Mistake("memory-only-this-stage", "Each stage shares out its own piece and no other. They add up: stage 2 shares "
             "what stage 1 does as well.", lambda parameters, devices, stage: float(parameters * sum(
                 size / devices if stage == start else size for size, start in zip((2, 2, 12), (3, 2, 1))))),
     Mistake("memory-always-shared", "At stage 0 nothing is shared out.", [
         lambda parameters, devices, stage: 16.0 * parameters / devices]),
     Mistake("memory-all-at-once", "From stage 1 on everything is shared out. That is stage 3: stage 1 shares out the "
             "optimizer's states alone, stage 2 the gradients as well.", _other(from_stage=(1, 1, 1))),
     Mistake("memory-integer", "`//` cuts the bytes per parameter down to a whole number. Divide with `/`.",
             lambda parameters, devices, stage: float(parameters * sum(
                 size // devices if stage >= start else size for size, start in zip((2, 2, 12), (3, 2, 1))))),
     Mistake("memory-never-shared", "`stage` and `devices` change nothing: it is as if every device held all of it.",
             [lambda parameters, devices, stage: 16.0 * parameters, _other(from_stage=(9, 9, 9))]),
     Mistake("memory-only-the-shard", "What is not shared out is missing: every device holds that whole.",
             lambda parameters, devices, stage: float(parameters * (16 if stage == 0 else sum(
                 size / devices for size, start in zip((2, 2, 12), (3, 2, 1)) if stage >= start)))),
     Mistake("memory-gigabytes", "That is a number of gigabytes. Bytes were asked for.", [
         lambda *given: _memory(*given) / 1e9, lambda *given: _memory(*given) / 2 ** 30]),
     Mistake("memory-bits", "That is a number of bits. Bytes were asked for.", lambda *given: 8 * _memory(*given)),
     Mistake("memory-all-devices", "That is what all devices hold together. Asked is for one of them.",
             lambda parameters, devices, stage: devices * _memory(parameters, devices, stage))],
    hint="Three pieces: fp16 weights (2 bytes), fp16 gradients (2), the optimizer's fp32 states (12). Which are "
         "divided by the number of devices at this stage?")

# --------------------------------------------------------------------------------------------- training_cost


def cost_of(answer, **case):
    """The three numbers by name."""
    given = answer(**case)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return {"seconds, kWh, kg": given}
    return dict(zip(("seconds", "kWh", "kg of CO2e"), given))


def _cost(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh, flops=6.0, speed=None,
          energy=3.6e6, grams=1000.0):
    """The reference; mistakes have other factors."""
    rate = speed(flops_per_second, utilization) if speed else flops_per_second * utilization
    seconds = flops * parameters * tokens / rate
    kwh = seconds * watts / energy
    return seconds, kwh, kwh * grams_per_kwh / grams


def _priced(**settings):
    return lambda *given, **named: _cost(*given, **named, **settings)


def _runs(g, n=2):
    return [{"parameters": drawn(g, 1e8, 1e12), "tokens": drawn(g, 1e9, 1e13), "flops_per_second": drawn(g, 1e15, 1e19),
             "utilization": drawn(g, 0.2, 0.6, 2), "watts": drawn(g, 1e5, 1e7), "grams_per_kwh": drawn(g, 20, 700)}
            for _ in range(n)]


def _full(g):
    return [{**case, "utilization": 1.0} for case in _runs(g, 1)]


training_cost = Check(
    "training_cost", "training_cost(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh)", _cost,
    [Part("costs", 0.75, "6ND FLOPs at the rate that is reached; energy and emissions follow", lambda g: _runs(g, 3),
          cost_of),
     Part("peak", 0.25, "where the hardware runs at its peak, utilization 1, nothing is lost", _full, cost_of)],
    [Mistake("cost-two", "It counts 2 FLOPs per parameter and token: that is the forward pass. Backward costs twice "
             "as much again.", _priced(flops=2.0)),
     Mistake("cost-four", "It counts 4 FLOPs per parameter and token: that is the backward pass alone.",
             _priced(flops=4.0)),
     Mistake("cost-three", "It counts 3 FLOPs per parameter and token. A multiply-add is two operations, three times "
             "over.", _priced(flops=3.0)),
     Mistake("cost-eight", "It counts 8 FLOPs per parameter and token: that is with every activation recomputed. Asked "
             "is for 6.", _priced(flops=8.0)),
     Mistake("cost-one", "It counts one operation per parameter and token. It is six.", _priced(flops=1.0)),
     Mistake("cost-peak", "The hardware is taken to run at its peak: `utilization` is not used.",
             _priced(speed=lambda rate, share: rate)),
     Mistake("cost-utilization-times", "The time is multiplied by the utilization. What is used less well takes "
             "longer: divide.", _priced(speed=lambda rate, share: rate / share)),
     Mistake("cost-idle", "1 − utilization is the share that is lost. What is used is utilization.",
             _priced(speed=lambda rate, share: rate * (1 - share) or math.inf)),
     Mistake("cost-joules", "The energy is in joules, that is watt-seconds. A kilowatt-hour is 3.6 million of them.",
             [_priced(energy=1.0)]),
     Mistake("cost-watt-hours", "The energy is in watt-hours: a thousand of them are a kilowatt-hour.",
             [_priced(energy=3600.0)]),
     Mistake("cost-kilowatt-seconds", "The energy is in kilowatt-seconds: 3600 of them are a kilowatt-hour.",
             [_priced(energy=1000.0)]),
     Mistake("cost-minutes", "The energy is computed with 60 seconds to the hour.", [_priced(energy=60000.0)]),
     Mistake("cost-grams", "The emissions are in grams. Kilograms were asked for.", [_priced(grams=1.0)]),
     Mistake("cost-tonnes", "The emissions are in tonnes. Kilograms were asked for.", [_priced(grams=1e6)]),
     Mistake("cost-energy-by-utilization", "The power is multiplied by the utilization. `watts` is what the cluster "
             "draws while it runs, however well it is used.", [
                 lambda *given, **named: _less_power(*given, **named)]),
     Mistake("cost-hours", "The time is in hours or days. Seconds were asked for.", [
         lambda *given, **named: (_cost(*given, **named)[0] / 3600, *_cost(*given, **named)[1:]),
         lambda *given, **named: (_cost(*given, **named)[0] / 86400, *_cost(*given, **named)[1:])]),
     Mistake("cost-not-three", "Three numbers were asked for: seconds, kilowatt-hours, kilograms.",
             shows=lambda finding, seen, case: finding.path[:1] in (("seconds, kWh, kg",), ("seconds",)) and
             finding.kind in ("type", "none", "missing"))],
    hint="Seconds from 6ND and the rate that is really reached; energy is power times time; emissions are energy times "
         "the grid's grams.")


def _less_power(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
    return _cost(parameters, tokens, flops_per_second, utilization, watts * utilization, grams_per_kwh)

# --------------------------------------------------------------------------------------------- fit_power_law


def predictions(answer, n, loss, at, plain):
    """What the fitted law says in the middle of the data and beyond it."""
    given = answer(n.tolist(), loss.tolist()) if plain else answer(n, loss)
    given = given.tolist() if isinstance(given, torch.Tensor) else given
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return {"(a, b, c)": given}
    a, b, c = (float(value) for value in given)
    return {f"loss at n = {size:.3g}": _law(size, a, b, c) for size in at}


def _law(n, a, b, c):
    try:
        value = a * n ** -b + c
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return value if isinstance(value, float) else math.nan


def within_three_percent(case, seen, expected):
    """Each prediction lies within 3 % of the true law, which made the data."""
    if "(a, b, c)" in seen:
        return Finding(("(a, b, c)",), "none" if seen["(a, b, c)"] is None else "type",
                       "None" if seen["(a, b, c)"] is None else "something else", "three numbers")
    for (name, got), size in zip(seen.items(), case["at"]):
        true = _law(size, *case["law"])
        if not abs(got - true) <= 0.03 * true:
            return Finding((name,), "value", got, true)
    return None


def _observed(answer, n, loss, at, law, plain=False):
    return predictions(answer, n, loss, at, plain)


def _laws(g, *laws, noise=0.0, points=10, span=3, plain=False):
    """Cases: sizes over `span` powers of ten, the law's loss there with noise, where it is asked for."""
    cases = []
    for a, b, c in laws:
        first = drawn(g, 2e3, 2e5)
        n = first * 10.0 ** torch.linspace(0, span, points, dtype=torch.float64)
        above = a * (n / first) ** -b
        loss = above + c + noise * above.mean() * torch.randn(points, generator=g, dtype=torch.float64)
        last = n[-1].item()
        cases.append({"n": n, "loss": loss, "at": [n[points // 2].item(), 10 * last], "plain": plain,
                      "law": [a * first ** b, b, c]})
    return cases


def _fit(n, loss, low=0.01, high=2.0, rounds=4, fix=None):
    """The reference: for each exponent the best a and c are a linear problem; the exponent is searched for."""
    n, loss = (torch.as_tensor(values, dtype=torch.float64) for values in (n, loss))
    for _ in range(rounds):
        exponents = torch.linspace(low, high, 60, dtype=torch.float64)
        powers = (n / n[0]) ** -exponents[:, None]
        design = torch.stack([powers, torch.ones_like(powers)], dim=-1)
        solution = torch.linalg.lstsq(design, loss.expand(60, -1)[..., None]).solution
        errors = (design @ solution - loss[:, None]).square().sum((1, 2))
        best = int(errors.argmin())
        low, high = exponents[max(best - 1, 0)].item(), exponents[min(best + 1, 59)].item()
    (a, c), b = solution[best, :, 0].tolist(), exponents[best].item()
    return a * n[0].item() ** b, b, c


def _log_log(n, loss, c=0.0):
    """A straight line through the logarithms of loss − c."""
    n, loss = (torch.as_tensor(values, dtype=torch.float64) for values in (n, loss))
    x, y = n.log(), (loss - c).clamp(min=1e-12).log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item(), c


def _lowest(n, loss):
    loss = torch.as_tensor(loss, dtype=torch.float64)
    keep = loss > loss.min()
    return _log_log(torch.as_tensor(n, dtype=torch.float64)[keep], loss[keep], loss.min().item())


def _to_lowest(share):
    return lambda n, loss: _log_log(n, loss, share * min(map(float, loss)))


def _changed(change):
    """A fit whose numbers are then given back otherwise."""
    return lambda n, loss: change(*_fit(n, loss))


def _for_first(n, loss):
    a, b, c = _fit(n, loss)
    return a * min(map(float, n)) ** -b, b, c


def _for_last(n, loss):
    a, b, c = _fit(n, loss)
    return a * max(map(float, n)) ** -b, b, c


def _passes_by(seen, case):
    """Whether the points lie on a law, and what came back does not go through them."""
    first, *_ = seen.values() if isinstance(seen, dict) else [None]
    on_it = all(abs(_law(size, *case["law"]) - loss) <= 1e-9 for size, loss in zip(
        case["n"].tolist(), case["loss"].tolist()))
    return on_it and isinstance(first, float) and abs(first - _law(case["at"][0], *case["law"])) > 1e-3


def _rises(seen):
    """Whether the predicted loss grows with n, and much."""
    values = list(seen.values()) if isinstance(seen, dict) else []
    return len(values) == 2 and all(isinstance(v, float) for v in values) and values[1] > max(1.2 * values[0], 0.0)


def _flat(n, loss):
    return 0.0, 0.0, sum(map(float, loss)) / len(loss)


def _of_log(n, loss):
    """A straight line in log n."""
    n, loss = (torch.as_tensor(values, dtype=torch.float64) for values in (n, loss))
    design = torch.stack([n.log(), torch.ones_like(n)], dim=1)
    slope, level = torch.linalg.lstsq(design, loss[:, None]).solution[:, 0].tolist()
    return 1.0, -slope, level


def _shows_data(case):
    low, high = case["n"].min().item(), case["n"].max().item()
    kind = "lists of" if case["plain"] else "1-d tensors,"
    return f"fit_power_law(n, loss), {kind} {len(case['n'])} points, n from {low:.3g} to {high:.3g}"


fit_power_law = Check(
    "fit_power_law", "fit_power_law(n, loss)", _fit,
    [Part("exact", 0.4, "data that follow a law give that law back, at ten times the largest n as well", lambda g: [
         *_laws(g, (3.0, 0.4, 1.5), (1.2, 0.25, 2.0)), *_laws(g, (6.0, 0.7, 0.8), points=7)], _observed,
          rounding=(5e-3, 1e-6), agrees=within_three_percent, shows=_shows_data),
     Part("noise", 0.35, "with noise on the losses it predicts within 3 % at ten times the largest n", lambda g: [
         *_laws(g, (3.0, 0.4, 1.5), (2.0, 0.5, 1.0), (4.0, 0.3, 2.5), noise=0.005)], _observed,
          rounding=(5e-3, 1e-6), agrees=within_three_percent, shows=_shows_data),
     Part("lists", 0.15, "plain lists will do, in any order of n", lambda g: [
         {**case, "n": case["n"].flip(0), "loss": case["loss"].flip(0)}
         for case in _laws(g, (2.5, 0.35, 1.8), plain=True)], _observed, rounding=(5e-3, 1e-6),
          agrees=within_three_percent, shows=_shows_data),
     Part("no floor", 0.1, "a law whose c is 0 is one too", lambda g: _laws(g, (3.0, 0.3, 0.0)), _observed,
          rounding=(5e-3, 1e-6), agrees=within_three_percent, shows=_shows_data)],
    [Mistake("power-law-no-floor", "It fits a·n^−b alone, a straight line on log-log axes, and promises a loss that "
             "goes down to 0. The constant c is missing: without it the prediction at large n is too low.", _log_log),
     Mistake("power-law-lowest-as-floor", "The smallest loss is taken for c. The floor lies below every loss that was "
             "measured; find the c that fits best.", [_lowest, _to_lowest(0.999), _to_lowest(0.9999),
                                                      _to_lowest(0.99), _to_lowest(1.0), _to_lowest(0.95)]),
     Mistake("power-law-floor-guessed", "c is a fixed share of the smallest loss. Find the c that fits best.",
             [_to_lowest(0.9), _to_lowest(0.8), _to_lowest(0.5)]),
     Mistake("power-law-sign", "The exponent came back with the wrong sign: with b > 0, a·n^−b falls. The slope on "
             "log-log axes is −b.", shows=lambda finding, seen, case: _rises(seen.get("seen"))),
     Mistake("power-law-small-a", "The a that came back is far too small, and c alone is left of the law. Is it the "
             "logarithm of a, the intercept on log-log axes? Or the a that goes with n divided by something? Give back "
             "the one that goes with n itself.", [
                 _changed(lambda a, b, c: (math.log(abs(a)) if a else -math.inf, b, c)),
                 _changed(lambda a, b, c: (math.log10(abs(a)) if a else -math.inf, b, c)), _for_first, _for_last,
                 lambda n, loss: (lambda a, b, c: (math.log(a), b, c))(*_log_log(n, loss))]),
     Mistake("power-law-order", "The three numbers came back in another order: a, b, c.", [
         _changed(lambda a, b, c: (a, c, b)), _changed(lambda a, b, c: (c, a, b)), _changed(lambda a, b, c: (b, a, c)),
         _changed(lambda a, b, c: (c, b, a)), _changed(lambda a, b, c: (b, c, a))]),
     Mistake("power-law-floor-forgotten", "The floor was found, and then 0 was given back for it.",
             _changed(lambda a, b, c: (a, b, 0.0))),
     Mistake("power-law-flat", "It predicts the same loss for every n: the exponent went to 0, or a did. From a bad "
             "start, or with n as large as these, a search by gradients gets nowhere: divide n by its smallest value "
             "first, or search over b alone.", _flat),
     Mistake("power-law-line", "A straight line in log n is no power law: it falls below any floor, and below 0.",
             _of_log),
     Mistake("power-law-not-the-best", "Other a, b and c come closer to these points, which lie on such a law. A "
             "search by gradients may be far from its end, and one over a few b steps over the best. Search over b in "
             "small steps, and solve for a and c at each.",
             shows=lambda finding, seen, case: finding.kind == "value" and _passes_by(seen.get("seen"), case)),
     Mistake("power-law-tensor-methods", "n and loss may be lists: make tensors (or arrays) of them first.",
             shows=_says("'list' object", "must be Tensor, not list", "type 'list'", "got list",
                         "unsupported operand type(s)", "bad operand type")),
     Mistake("power-law-not-three", "Three numbers were asked for: a, b and c.",
             shows=lambda finding, seen, case: finding.path[:1] == ("(a, b, c)",) and finding.kind == "type")],
    seconds=5.0, hint="For any one b, the best a and c are a linear least-squares problem: so search over b, and keep "
                      "the b with the smallest error.")
