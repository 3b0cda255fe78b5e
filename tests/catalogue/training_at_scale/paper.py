"""Answers to what lesson 10 computes on paper: rates, memory, cost, a scaling law."""

import math

import torch

from .. import right, wrong

# large_batch_lr


@right("large_batch_lr")
def linear_rule(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    if step >= warmup:
        return target
    return base_lr + step / warmup * (target - base_lr)


@right("large_batch_lr")
def by_factor(step, base_lr, base_batch, batch, warmup):
    done = 1.0 if warmup == 0 else min(1.0, step / warmup)
    factor = 1 + done * (batch / base_batch - 1)
    return base_lr * factor


@right("large_batch_lr")
def as_tensor(step, base_lr, base_batch, batch, warmup):
    ends = torch.tensor([base_lr, base_lr * batch / base_batch], dtype=torch.float64)
    return torch.lerp(*ends, min(1.0, step / max(warmup, 1)) if warmup else 1.0)


@wrong("large_batch_lr", "large-batch-square-root")
def root_rule(step, base_lr, base_batch, batch, warmup):
    target = base_lr * math.sqrt(batch / base_batch)
    return target if step >= warmup else base_lr + (target - base_lr) * step / warmup


@wrong("large_batch_lr", "large-batch-upside-down")
def upside_down(step, base_lr, base_batch, batch, warmup):
    target = base_lr / batch * base_batch
    return target if step >= warmup else base_lr + (target - base_lr) * step / warmup


@wrong("large_batch_lr", "large-batch-no-base")
def times_batch(step, base_lr, base_batch, batch, warmup):
    target = batch * base_lr
    return target if step >= warmup else base_lr + (target - base_lr) * step / warmup


@wrong("large_batch_lr", "large-batch-not-scaled")
def never_scales(step, base_lr, base_batch, batch, warmup):
    return base_lr


@wrong("large_batch_lr", "large-batch-from-zero")
def from_zero(step, base_lr, base_batch, batch, warmup):
    return base_lr * batch / base_batch * (min(1, step / warmup) if warmup else 1)


@wrong("large_batch_lr", "large-batch-no-warmup")
def at_once(step, base_lr, base_batch, batch, warmup):
    return batch / base_batch * base_lr


@wrong("large_batch_lr", "large-batch-flat")
def jumps(step, base_lr, base_batch, batch, warmup):
    if step < warmup:
        return base_lr
    return base_lr * (batch / base_batch)


@wrong("large_batch_lr", "large-batch-one-ahead")
def counts_from_one(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    return target if step >= warmup else base_lr + (step + 1) * (target - base_lr) / warmup


@wrong("large_batch_lr", "large-batch-goes-on")
def endless_climb(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    if warmup == 0:
        return target
    return base_lr * (1 - step / warmup) + target * step / warmup


@wrong("large_batch_lr", "large-batch-added")
def added(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    return target if step >= warmup else base_lr + target * step / warmup


@wrong("large_batch_lr", "large-batch-starts-low")
def at_least_one_step(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    return base_lr + (target - base_lr) * min(1, step / max(warmup, 1))


@wrong("large_batch_lr", "large-batch-divides-by-zero")
def no_guard(step, base_lr, base_batch, batch, warmup):
    target = base_lr * batch / base_batch
    return base_lr + (target - base_lr) * min(1.0, step / warmup)


@wrong("large_batch_lr", None)
def double(step, base_lr, base_batch, batch, warmup):
    return 2 * linear_rule(step, base_lr, base_batch, batch, warmup)


@wrong("large_batch_lr", "not-written")
def no_rate(step, base_lr, base_batch, batch, warmup):
    raise NotImplementedError


# memory_per_device


@right("memory_per_device")
def adds_up(parameters, devices, stage):
    weights, gradients, states = 2 * parameters, 2 * parameters, 12 * parameters
    if stage >= 1:
        states /= devices
    if stage >= 2:
        gradients /= devices
    if stage >= 3:
        weights /= devices
    return weights + gradients + states


@right("memory_per_device")
def by_table(parameters, devices, stage):
    whole = [16, 4, 2, 0][stage]
    return parameters * (whole + (16 - whole) / devices)


@right("memory_per_device")
def rounded_up(parameters, devices, stage):
    shard = math.ceil(parameters / devices)
    return sum(size * (shard if stage >= at else parameters) for size, at in [(2, 3), (2, 2), (4, 1), (4, 1), (4, 1)])


@wrong("memory_per_device", "memory-no-master")
def without_copy(parameters, devices, stage):
    whole = [12, 4, 2, 0][stage]
    return parameters * (whole + (12 - whole) / devices)


@wrong("memory_per_device", "memory-all-fp32")
def all_in_float(parameters, devices, stage):
    w, g, s = 4 * parameters, 4 * parameters, 8 * parameters
    return (w / devices if stage > 2 else w) + (g / devices if stage > 1 else g) + (s / devices if stage > 0 else s)


@wrong("memory_per_device", "memory-weights-first")
def other_order(parameters, devices, stage):
    w, g, s = 2 * parameters, 2 * parameters, 12 * parameters
    return (w / devices if stage > 0 else w) + (g / devices if stage > 1 else g) + (s / devices if stage > 2 else s)


@wrong("memory_per_device", "memory-one-stage-late")
def one_late(parameters, devices, stage):
    return by_table(parameters, devices, max(0, stage - 1))


@wrong("memory_per_device", "memory-only-this-stage")
def one_piece(parameters, devices, stage):
    w, g, s = 2 * parameters, 2 * parameters, 12 * parameters
    if stage == 1:
        s /= devices
    elif stage == 2:
        g /= devices
    elif stage == 3:
        w /= devices
    return w + g + s


@wrong("memory_per_device", "memory-always-shared")
def all_shared(parameters, devices, stage):
    return parameters / devices * 16


@wrong("memory_per_device", "memory-all-at-once")
def all_from_stage_1(parameters, devices, stage):
    return 16 * parameters / (devices if stage else 1)


@wrong("memory_per_device", "memory-integer")
def whole_bytes(parameters, devices, stage):
    states = 12 // devices if stage >= 1 else 12
    gradients = 2 // devices if stage >= 2 else 2
    weights = 2 // devices if stage >= 3 else 2
    return parameters * (states + gradients + weights)


@wrong("memory_per_device", "memory-never-shared")
def none_shared(parameters, devices, stage):
    return parameters * (2 + 2 + 4 + 4 + 4)


@wrong("memory_per_device", "memory-gigabytes")
def gigabytes(parameters, devices, stage):
    return adds_up(parameters, devices, stage) / 10 ** 9


@wrong("memory_per_device", "memory-bits")
def bits(parameters, devices, stage):
    whole = [128, 32, 16, 0][stage]
    return parameters * (whole + (128 - whole) / devices)


@wrong("memory_per_device", "memory-only-the-shard")
def shard_alone(parameters, devices, stage):
    if stage == 0:
        return 16 * parameters
    return {1: 12, 2: 14, 3: 16}[stage] * parameters / devices


@wrong("memory_per_device", None)
def with_activations(parameters, devices, stage):
    return 1.2 * adds_up(parameters, devices, stage)


@wrong("memory_per_device", "not-written")
def no_memory(parameters, devices, stage):
    raise NotImplementedError


# training_cost


@right("training_cost")
def step_by_step(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
    seconds = 6 * parameters * tokens / (flops_per_second * utilization)
    kwh = watts / 1000 * seconds / 3600
    kg = kwh * grams_per_kwh / 1000
    return seconds, kwh, kg


@right("training_cost")
def in_a_list(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
    hours = parameters * tokens * 6 / flops_per_second / utilization / 3600
    energy = torch.tensor(watts * hours / 1e3, dtype=torch.float64)
    return [hours * 3600, energy, energy * grams_per_kwh / 1e3]


@right("training_cost")
def forward_and_back(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
    forward = 2 * parameters * tokens
    backward = 2 * forward
    seconds = (forward + backward) / utilization / flops_per_second
    joules = seconds * watts
    return seconds, joules / 3.6e6, joules * grams_per_kwh / 3.6e9


def _vary(flops=6, unit=3.6e6, per_kg=1000, share=lambda u: u, power=lambda w, u: w):
    def answer(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
        seconds = flops * parameters * tokens / flops_per_second / share(utilization)
        energy = seconds * power(watts, utilization) / unit
        return seconds, energy, energy * grams_per_kwh / per_kg
    return answer


@wrong("training_cost", "cost-two")
def forward_only(*given, **named):
    return _vary(flops=2)(*given, **named)


@wrong("training_cost", "cost-peak")
def at_peak(*given, **named):
    return _vary(share=lambda u: 1)(*given, **named)


@wrong("training_cost", "cost-utilization-times")
def faster_when_idle(*given, **named):
    return _vary(share=lambda u: 1 / u)(*given, **named)


@wrong("training_cost", "cost-joules")
def in_joules(*given, **named):
    return _vary(unit=1)(*given, **named)


@wrong("training_cost", "cost-watt-hours")
def in_watt_hours(*given, **named):
    return _vary(unit=3600)(*given, **named)


@wrong("training_cost", "cost-kilowatt-seconds")
def in_kilowatt_seconds(*given, **named):
    return _vary(unit=1000)(*given, **named)


@wrong("training_cost", "cost-grams")
def in_grams(*given, **named):
    return _vary(per_kg=1)(*given, **named)


@wrong("training_cost", "cost-tonnes")
def in_tonnes(*given, **named):
    return _vary(per_kg=1e6)(*given, **named)


@wrong("training_cost", "cost-energy-by-utilization")
def less_power(*given, **named):
    return _vary(power=lambda w, u: w * u)(*given, **named)


@wrong("training_cost", "cost-hours")
def in_hours(*given, **named):
    seconds, kwh, kg = _vary()(*given, **named)
    return seconds / 3600, kwh, kg


@wrong("training_cost", "cost-not-three")
def seconds_only(*given, **named):
    return _vary()(*given, **named)[0]


@wrong("training_cost", None)
def with_overhead(*given, **named):
    return tuple(1.5 * value for value in _vary()(*given, **named))


@wrong("training_cost", "not-written")
def no_cost(parameters, tokens, flops_per_second, utilization, watts, grams_per_kwh):
    raise NotImplementedError


# fit_power_law


@right("fit_power_law")
def over_exponents(n, loss):
    n, loss = torch.tensor(n, dtype=torch.float64), torch.tensor(loss, dtype=torch.float64)
    best = None
    for b in torch.linspace(0.02, 1.5, 400, dtype=torch.float64):
        x = (n / n.min()) ** -b
        design = torch.stack([x, torch.ones_like(x)], 1)
        ac = torch.linalg.lstsq(design, loss.unsqueeze(1)).solution.flatten()
        error = ((design @ ac - loss) ** 2).sum()
        if best is None or error < best[0]:
            best = error, ac, b
    _, ac, b = best
    return (ac[0] * n.min() ** b).item(), b.item(), ac[1].item()


@right("fit_power_law")
def by_scipy(n, loss):
    import numpy
    from scipy.optimize import curve_fit
    n, loss = numpy.asarray(n), numpy.asarray(loss)
    first = n.min()
    (a, b, c), _ = curve_fit(lambda n, a, b, c: a * (n / first) ** -b + c, n, loss,
                             p0=[loss.max() - loss.min(), 0.5, loss.min()], maxfev=10000)
    return float(a * first ** b), float(b), float(c)


@right("fit_power_law")
def over_floors(n, loss):
    """The floor that makes loss − c straightest on log-log axes, by least squares in the losses themselves."""
    import numpy
    from scipy.optimize import minimize
    n, loss = numpy.array(n, dtype=float), numpy.array(loss, dtype=float)
    x = n / n.min()

    def error(theta):
        return ((numpy.exp(theta[0]) * x ** -theta[1] + theta[2] - loss) ** 2).sum()

    found = min((minimize(error, [numpy.log(loss.max() - share * loss.min()), b, share * loss.min()],
                          method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000})
                 for share in (0.3, 0.9) for b in (0.3, 0.8)), key=lambda result: result.fun)
    log_a, b, c = found.x
    return [float(numpy.exp(log_a) * n.min() ** b), float(b), float(c)]


@wrong("fit_power_law", "power-law-no-floor")
def straight_on_log_log(n, loss):
    import numpy
    slope, intercept = numpy.polyfit(numpy.log(numpy.asarray(n)), numpy.log(numpy.asarray(loss)), 1)
    return float(numpy.exp(intercept)), float(-slope), 0.0


@wrong("fit_power_law", "power-law-lowest-as-floor")
def smallest_as_floor(n, loss):
    import numpy
    n, loss = numpy.asarray(n), numpy.asarray(loss)
    c = loss.min()
    above = loss > c
    slope, intercept = numpy.polyfit(numpy.log(n[above]), numpy.log(loss[above] - c), 1)
    return float(numpy.exp(intercept)), float(-slope), float(c)


@wrong("fit_power_law", "power-law-floor-guessed")
def nine_tenths(n, loss):
    import numpy
    n, loss = numpy.asarray(n), numpy.asarray(loss)
    c = 0.9 * loss.min()
    slope, intercept = numpy.polyfit(numpy.log(n), numpy.log(loss - c), 1)
    return float(numpy.exp(intercept)), float(-slope), float(c)


@wrong("fit_power_law", "power-law-sign")
def slope_as_exponent(n, loss):
    a, b, c = over_exponents(n, loss)
    return a, -b, c


@wrong("fit_power_law", "power-law-small-a")
def intercept_as_a(n, loss):
    a, b, c = over_exponents(n, loss)
    return math.log(a), b, c


@wrong("fit_power_law", "power-law-order")
def floor_second(n, loss):
    a, b, c = over_exponents(n, loss)
    return a, c, b


@wrong("fit_power_law", "power-law-small-a")
def forgets_to_undo(n, loss):
    a, b, c = over_exponents(n, loss)
    return a * min(n) ** -b, b, c


@wrong("fit_power_law", "power-law-flat")
def gradient_descent_from_ones(n, loss):
    n, loss = torch.tensor(n, dtype=torch.float64), torch.tensor(loss, dtype=torch.float64)
    theta = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theta], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        (theta[0] * n ** -(theta[1] + 2) + theta[2] - loss).square().mean().backward()
        optimizer.step()
    return theta[0].item(), theta[1].item() + 2, theta[2].item()


@wrong("fit_power_law", "power-law-not-the-best")
def adam_that_stops_early(n, loss):
    n, loss = torch.as_tensor(n, dtype=torch.float64), torch.as_tensor(loss, dtype=torch.float64)
    log_a, b, c = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(3))
    optimizer = torch.optim.Adam([log_a, b, c], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        (log_a.exp() * (n / n.min()) ** -b + c - loss).square().mean().backward()
        optimizer.step()
    return (log_a.exp() * n.min() ** b).item(), b.item(), c.item()


@wrong("fit_power_law", "power-law-tensor-methods")
def wants_tensors(n, loss):
    x = n.double()
    return over_exponents(x.tolist(), loss.tolist())


@wrong("fit_power_law", "power-law-not-three")
def two_numbers(n, loss):
    return over_exponents(n, loss)[:2]


@wrong("fit_power_law", "power-law-not-the-best")
def fixed_exponent(n, loss):
    import numpy
    n, loss = numpy.asarray(n), numpy.asarray(loss)
    a, c = numpy.polyfit(n ** -0.1, loss, 1)
    return float(a), 0.1, float(c)


@wrong("fit_power_law", "not-written")
def no_law(n, loss):
    raise NotImplementedError
