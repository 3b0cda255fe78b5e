"""Answers to lesson 05."""

import copy
import itertools
import math

import torch

from . import right, wrong

# step_decay


@right("step_decay")
def floor_division(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma ** (step // step_size)


@right("step_decay")
def loop_of_cuts(step, base_lr, step_size, gamma=0.1):
    lr = base_lr
    for n in range(1, step + 1):
        if n % step_size == 0:
            lr *= gamma
    return lr


@right("step_decay")
def tensor_of_floor(step, base_lr, step_size, gamma=0.1):
    return torch.tensor(base_lr, dtype=torch.float64) * gamma ** math.floor(step / step_size)


@wrong("step_decay", "step-decay-late")
def strictly_greater(step, base_lr, step_size, gamma=0.1):
    cuts = 0
    while step > step_size:
        step -= step_size
        cuts += 1
    return base_lr * gamma ** cuts


@wrong("step_decay", "step-decay-early")
def counts_from_one(step, base_lr, step_size, gamma=0.1):
    number = step + 1
    return base_lr * gamma ** (number // step_size)


@wrong("step_decay", "step-decay-smooth")
def true_division(step, base_lr, step_size, gamma=0.1):
    return base_lr * math.exp(math.log(gamma) * step / step_size)


@wrong("step_decay", "step-decay-rounded")
def rounds(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma ** round(step / step_size)


@wrong("step_decay", "step-decay-at-multiples")
def forgets(step, base_lr, step_size, gamma=0.1):
    if step > 0 and step % step_size == 0:
        base_lr *= gamma
    return base_lr


@wrong("step_decay", "step-decay-once")
def one_cut(step, base_lr, step_size, gamma=0.1):
    return base_lr if step < step_size else base_lr * gamma


@wrong("step_decay", "step-decay-gamma-ignored")
def tenth(step, base_lr, step_size, gamma=0.1):
    return base_lr / 10 ** (step // step_size)


@wrong("step_decay", "step-decay-every-step")
def each_step(step, base_lr, step_size, gamma=0.1):
    for _ in range(step):
        base_lr = base_lr * gamma
    return base_lr


@wrong("step_decay", "step-decay-times")
def multiplies(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma * (step // step_size)


@wrong("step_decay", "step-decay-no-base")
def factor_only(step, base_lr, step_size, gamma=0.1):
    return pow(gamma, step // step_size)


@wrong("step_decay", "step-decay-remainder")
def modulo(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma ** (step % step_size)


@wrong("step_decay", "step-decay-late")
def one_less(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma ** ((step - 1) // step_size)


_rate_so_far = None


@wrong("step_decay", "step-decay-remembers")
def lowers_a_global(step, base_lr, step_size, gamma=0.1):
    global _rate_so_far
    if step == 0:
        _rate_so_far = base_lr
    elif step % step_size == 0:
        _rate_so_far *= gamma
    return _rate_so_far


_kept = {}


@wrong("step_decay", "step-decay-remembers")
def lowers_what_it_kept(step, base_lr, step_size, gamma=0.1):
    rate = _kept.setdefault(base_lr, base_lr)
    if step and step % step_size == 0:
        _kept[base_lr] = rate * gamma
    return _kept[base_lr]


@wrong("step_decay", "off-limits")
def by_library(step, base_lr, step_size, gamma=0.1):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base_lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size, gamma)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    return scheduler.get_last_lr()[0]


@wrong("step_decay", None)
def halves(step, base_lr, step_size, gamma=0.1):
    return base_lr * gamma ** (step // (2 * step_size))


@wrong("step_decay", "not-written")
def still_a_stub(step, base_lr, step_size, gamma=0.1):
    raise NotImplementedError


@wrong("step_decay", "returned-none")
def forgot_return(step, base_lr, step_size, gamma=0.1):
    base_lr * gamma ** (step // step_size)


# cosine


@right("cosine")
def textbook_cosine(step, total, base_lr, min_lr=0.0):
    if step >= total:
        return min_lr
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * step / total))


@right("cosine")
def half_angle(step, total, base_lr, min_lr=0.0):
    share = min(step / total, 1.0)
    weight = math.cos(math.pi * share / 2) ** 2
    return weight * base_lr + (1 - weight) * min_lr


@right("cosine")
def by_degrees(step, total, base_lr, min_lr=0.0):
    angle = torch.deg2rad(torch.tensor(180.0 * min(step, total) / total, dtype=torch.float64))
    return (base_lr + min_lr + (base_lr - min_lr) * torch.cos(angle).item()) / 2


@wrong("cosine", "cosine-no-half")
def doubled(step, total, base_lr, min_lr=0.0):
    step = min(step, total)
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * step / total))


@wrong("cosine", "cosine-degrees")
def degrees(step, total, base_lr, min_lr=0.0):
    step = min(step, total)
    return min_lr + (base_lr - min_lr) * 0.5 * (1 + math.cos(180 * step / total))


@wrong("cosine", "cosine-rises-again")
def unbounded(step, total, base_lr, min_lr=0.0):
    return min_lr + (base_lr - min_lr) / 2 * (math.cos(step * math.pi / total) + 1)


@wrong("cosine", "cosine-min-added")
def on_top(step, total, base_lr, min_lr=0.0):
    if step > total:
        step = total
    return 0.5 * base_lr * (1 + math.cos(math.pi * step / total)) + min_lr


@wrong("cosine", "cosine-min-clamped")
def clamped(step, total, base_lr, min_lr=0.0):
    if step > total:
        return min_lr
    return max(0.5 * base_lr * (1 + math.cos(math.pi * step / total)), min_lr)


@wrong("cosine", "cosine-total-minus-one")
def last_step(step, total, base_lr, min_lr=0.0):
    if step >= total - 1:
        return min_lr
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * step / (total - 1)))


@wrong("cosine", "cosine-linear")
def straight_down(step, total, base_lr, min_lr=0.0):
    return base_lr + (min_lr - base_lr) * min(1, step / total)


@wrong("cosine", "cosine-integer")
def whole_division(step, total, base_lr, min_lr=0.0):
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * (min(step, total) // total))) / 2


@wrong("cosine", "cosine-quarter")
def quarter(step, total, base_lr, min_lr=0.0):
    share = min(1.0, step / total)
    return min_lr + (base_lr - min_lr) * math.cos(share * math.pi / 2)


@wrong("cosine", "cosine-half-the-way")
def quarter_of_a_turn(step, total, base_lr, min_lr=0.0):
    angle = math.pi * min(step, total) / (2 * total)
    return min_lr + (base_lr - min_lr) * (1 + math.cos(angle)) / 2


@wrong("cosine", "cosine-starts-over")
def again_after_the_end(step, total, base_lr, min_lr=0.0):
    if step > total:
        step %= total
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * step / total)) / 2


@wrong("cosine", "cosine-starts-over")
def always_again(step, total, base_lr, min_lr=0.0):
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * (step % total) / total)) / 2


@wrong("cosine", "cosine-rises")
def upside_down(step, total, base_lr, min_lr=0.0):
    share = min(1.0, step / total)
    return base_lr - (base_lr - min_lr) * 0.5 * (1 + math.cos(math.pi * share))


@wrong("cosine", "cosine-ends-at-zero")
def zero_after(step, total, base_lr, min_lr=0.0):
    if step > total:
        return 0.0
    return min_lr + (base_lr - min_lr) * (0.5 + 0.5 * math.cos(math.pi * step / total))


@wrong("cosine", "cosine-min-ignored")
def no_floor(step, total, base_lr, min_lr=0.0):
    step = min(step, total)
    return base_lr * (1 + math.cos(math.pi * step / total)) / 2


@wrong("cosine", "cosine-half-of-one")
def half_of_one(step, total, base_lr, min_lr=0.0):
    step = min(step, total)
    return min_lr + (base_lr - min_lr) * (1 + 0.5 * math.cos(math.pi * step / total))


@wrong("cosine", "cosine-whole-turn")
def two_pi(step, total, base_lr, min_lr=0.0):
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(2 * math.pi * step / total))


@wrong("cosine", "cosine-whole-turn")
def two_pi_held(step, total, base_lr, min_lr=0.0):
    if step > total:
        return min_lr
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.tau * step / total)) / 2


@wrong("cosine", "off-limits")
def library_cosine(step, total, base_lr, min_lr=0.0):
    from torch.optim.lr_scheduler import CosineAnnealingLR
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base_lr)
    scheduler = CosineAnnealingLR(optimizer, total, min_lr)
    for _ in range(min(step, total)):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"]


@wrong("cosine", None)
def squared(step, total, base_lr, min_lr=0.0):
    share = min(1.0, step / total)
    return min_lr + (base_lr - min_lr) * (0.5 * (1 + math.cos(math.pi * share))) ** 2


# cosine_restarts


@right("cosine_restarts")
def while_loop(step, period, base_lr, min_lr=0.0, mult=1):
    start = 0
    while start + period <= step:
        start += period
        period *= mult
    return textbook_cosine(step - start, period, base_lr, min_lr)


@right("cosine_restarts")
def closed_form(step, period, base_lr, min_lr=0.0, mult=1):
    if mult == 1:
        return textbook_cosine(step % period, period, base_lr, min_lr)
    number, length = 0, period
    while period * (mult ** (number + 1) - 1) // (mult - 1) <= step:
        number += 1
    start = period * (mult ** number - 1) // (mult - 1)
    length = period * mult ** number
    return half_angle(step - start, length, base_lr, min_lr)


@right("cosine_restarts")
def recursive(step, period, base_lr, min_lr=0.0, mult=1):
    if step >= period:
        return recursive(step - period, period * mult, base_lr, min_lr, mult)
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-late")
def late_restart(step, period, base_lr, min_lr=0.0, mult=1):
    while step > period:
        step = step - period
        period = period * mult
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-mult-ignored")
def equal_cycles(step, period, base_lr, min_lr=0.0, mult=1):
    return textbook_cosine(step % period, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-none")
def no_restart(step, period, base_lr, min_lr=0.0, mult=1):
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-back-up")
def swings(step, period, base_lr, min_lr=0.0, mult=1):
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * step / period))


@wrong("cosine_restarts", "restarts-first-length")
def first_length(step, period, base_lr, min_lr=0.0, mult=1):
    length = period
    while step >= length:
        step -= length
        length *= mult
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-mult-linear")
def adds_up(step, period, base_lr, min_lr=0.0, mult=1):
    first = period
    count = 1
    while step >= period:
        step -= period
        count += 1
        period = first * ((mult - 1) * (count - 1) + 1)
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-mult-from-first")
def grows_first(step, period, base_lr, min_lr=0.0, mult=1):
    period *= mult
    while step >= period:
        step -= period
        period *= mult
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-early")
def bottom_too_soon(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        step, period = step - period, period * mult
    return textbook_cosine(step, max(period - 1, 1), base_lr, min_lr)


@wrong("cosine_restarts", "restarts-no-half")
def doubled_cycles(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        step, period = step - period, period * mult
    return min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * step / period))


@wrong("cosine_restarts", "restarts-min-added")
def floor_on_top(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        step, period = step - period, period * mult
    return textbook_cosine(step, period, base_lr) + min_lr


@wrong("cosine_restarts", "restarts-linear")
def sawtooth(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        step, period = step - period, period * mult
    return base_lr - (base_lr - min_lr) * step / period


@wrong("cosine_restarts", "restarts-mult-on-rate")
def scaled_rate(step, period, base_lr, min_lr=0.0, mult=1):
    cycle, inside = divmod(step, period)
    return textbook_cosine(inside, period, base_lr * mult ** cycle, min_lr)


@wrong("cosine_restarts", "restarts-order")
def grows_before_taking_off(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        period = period * mult
        step = step - period
    return half_angle(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-ends-multiplied")
def multiplied_ends(step, period, base_lr, min_lr=0.0, mult=1):
    if mult == 1:
        return textbook_cosine(step % period, period, base_lr, min_lr)
    start, end = 0, period
    while step >= end:
        start, end = end, end * mult
    return textbook_cosine(step - start, end - start, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-endless")
def multiplied_ends_of_any_mult(step, period, base_lr, min_lr=0.0, mult=1):
    start, end = 0, period
    while step >= end:
        start, end = end, end * mult
    return textbook_cosine(step - start, end - start, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-endless")
def forgets_to_take_off(step, period, base_lr, min_lr=0.0, mult=1):
    n = step
    while step >= period:
        n -= period
        period *= mult
    return textbook_cosine(n, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-log")
def by_logarithm(step, period, base_lr, min_lr=0.0, mult=1):
    if mult == 1:
        return textbook_cosine(step % period, period, base_lr, min_lr)
    n = int(math.log(1 + step / period * (mult - 1), mult))
    start = period * (mult ** n - 1) / (mult - 1)
    return textbook_cosine(step - start, period * mult ** n, base_lr, min_lr)


@wrong("cosine_restarts", "off-limits")
def library_restarts(step, period, base_lr, min_lr=0.0, mult=1):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base_lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, period, mult, min_lr)
    scheduler.step(step)
    return optimizer.param_groups[0]["lr"]


@wrong("cosine_restarts", None)
def shrinking(step, period, base_lr, min_lr=0.0, mult=1):
    while step >= period:
        step, period, base_lr = step - period, period * mult, base_lr * 0.9
    return textbook_cosine(step, period, base_lr, min_lr)


@wrong("cosine_restarts", "restarts-own-recursion")
def endless(step, period, base_lr, min_lr=0.0, mult=1):
    return endless(step % period, period * mult, base_lr, min_lr, mult)


@wrong("cosine_restarts", "restarts-mult-linear")
def grows_by_powers(step, period, base_lr, min_lr=0.0, mult=1):
    number = 0
    while step >= period:
        step -= period
        number += 1
        period *= mult ** number
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * step / period))


@wrong("cosine_restarts", "restarts-mult-linear")
def grows_by_powers_from_zero(step, period, base_lr, min_lr=0.0, mult=1):
    number = 0
    while step >= period:
        step -= period
        period *= mult ** number
        number += 1
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * step / period))


# warmup_cosine


@right("warmup_cosine")
def two_cases(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@right("warmup_cosine")
def guarded(step, warmup, total, base_lr, min_lr=0.0):
    if warmup > 0 and step <= warmup:
        return (step / warmup) * base_lr
    share = (step - warmup) / (total - warmup)
    share = 1.0 if share > 1 else share
    return min_lr + (base_lr - min_lr) * math.cos(math.pi / 2 * share) ** 2


@right("warmup_cosine")
def smaller_of_two(step, warmup, total, base_lr, min_lr=0.0):
    climb = step / warmup if warmup else 1.0
    fall = half_angle(max(step - warmup, 0), total - warmup, base_lr, min_lr)
    return fall * min(climb, 1.0)


@wrong("warmup_cosine", "warmup-starts-above-zero")
def plus_one(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * (step + 1) / warmup
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-early")
def minus_one(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / (warmup - 1)
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-zero")
def divides_by_zero(step, warmup, total, base_lr, min_lr=0.0):
    if step <= warmup:
        return base_lr * step / warmup
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-cosine-not-shifted")
def not_shifted(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    return textbook_cosine(step, total, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-cosine-too-long")
def too_long(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    return textbook_cosine(step - warmup, total, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-rises-again")
def bounces(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    angle = math.pi * (step - warmup) / (total - warmup)
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(angle))


@wrong("warmup_cosine", "warmup-from-min")
def from_the_floor(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return min_lr + (base_lr - min_lr) * (step / warmup)
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-times-cosine")
def product(step, warmup, total, base_lr, min_lr=0.0):
    lr = textbook_cosine(step, total, base_lr, min_lr)
    if step < warmup:
        lr = lr * step / warmup
    return lr


@wrong("warmup_cosine", "warmup-integer")
def whole_climb(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return step // warmup * base_lr
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-no-base")
def climbs_to_one(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return step / warmup
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-zero-starts-at-zero")
def at_least_one(step, warmup, total, base_lr, min_lr=0.0):
    if step == 0:
        return 0.0
    return two_cases(step, warmup, total, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-late")
def one_longer(step, warmup, total, base_lr, min_lr=0.0):
    if step <= warmup:
        return base_lr * step / (warmup + 1)
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "warmup-min-ignored")
def falls_to_zero(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    return textbook_cosine(step - warmup, total - warmup, base_lr)


@wrong("warmup_cosine", "warmup-cosine-not-shifted")
def shorter_but_not_shifted(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * step / warmup
    return textbook_cosine(step, total - warmup, base_lr, min_lr)


@wrong("warmup_cosine", "off-limits")
def library_warmup(step, warmup, total, base_lr, min_lr=0.0):
    from torch.optim import lr_scheduler
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base_lr)
    schedule = lambda n: two_cases(n, warmup, total, 1.0, min_lr / base_lr)
    scheduler = lr_scheduler.LambdaLR(optimizer, schedule)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"]


@wrong("warmup_cosine", None)
def root_climb(step, warmup, total, base_lr, min_lr=0.0):
    if step < warmup:
        return base_lr * math.sqrt(step / warmup)
    return textbook_cosine(step - warmup, total - warmup, base_lr, min_lr)


# one_cycle


@right("one_cycle")
def as_in_torch(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    initial = max_lr / div
    final = initial / final_div
    peak = pct_start * total - 1
    if step <= peak:
        low, high, share = initial, max_lr, step / peak
        return high + (low - high) / 2 * (1 + math.cos(math.pi * share))
    share = (step - peak) / (total - 1 - peak)
    return final + (max_lr - final) / 2 * (1 + math.cos(math.pi * share))


@right("one_cycle")
def with_half_angles(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    peak, end = float(pct_start * total) - 1, total - 1
    if step < peak:
        weight = math.sin(math.pi / 2 * step / peak) ** 2
        return weight * max_lr + (1 - weight) * max_lr / div
    weight = math.cos(math.pi / 2 * (step - peak) / (end - peak)) ** 2
    return weight * max_lr + (1 - weight) * max_lr / (div * final_div)


@right("one_cycle")
def by_cosine_of_rest(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    peak = pct_start * total - 1
    if step <= peak:
        return textbook_cosine(peak - step, peak, max_lr, max_lr / div)
    return textbook_cosine(step - peak, total - 1 - peak, max_lr, max_lr / div / final_div)


def _two_phases(step, peak, end, first, top, last):
    if step <= peak:
        return textbook_cosine(peak - step, peak, top, first)
    return textbook_cosine(step - peak, end - peak, top, last)


@wrong("one_cycle", "one-cycle-peak-late")
def no_minus_one(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total, total, max_lr / div, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-never-ends")
def ends_late(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total, max_lr / div, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-final-of-max")
def final_of_max(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, max_lr / div, max_lr, max_lr / final_div)


@wrong("one_cycle", "one-cycle-div-swapped")
def swapped_div(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, max_lr / final_div, max_lr, max_lr / div)


@wrong("one_cycle", "one-cycle-linear")
def two_lines(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    first, peak = max_lr / div, pct_start * total - 1
    if step <= peak:
        return first + (max_lr - first) * step / peak
    left = (total - 1 - step) / (total - 1 - peak)
    return first / final_div + (max_lr - first / final_div) * left


@wrong("one_cycle", "one-cycle-truncated")
def whole_peak(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, int(pct_start * total) - 1, total - 1, max_lr / div, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-final-ignored")
def back_to_first(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, max_lr / div, max_lr, max_lr / div)


@wrong("one_cycle", "one-cycle-ends-at-zero")
def down_to_zero(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, max_lr / div, max_lr, 0.0)


@wrong("one_cycle", "one-cycle-starts-at-zero")
def from_zero(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, 0.0, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-pct-ignored")
def always_thirty(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, 3 * total / 10 - 1, total - 1, max_lr / div, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-peak-of-last")
def share_of_last(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    last = total - 1
    return _two_phases(step, pct_start * last, last, max_lr / div, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-phases-apart")
def falls_from_next(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    up = pct_start * total
    if step <= up - 1:
        return as_in_torch(step, total, max_lr, pct_start, div, final_div)
    return textbook_cosine(step - up, total - up, max_lr, max_lr / div / final_div)


@wrong("one_cycle", "one-cycle-fall-not-shifted")
def fall_from_zero(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    p, low = pct_start * total - 1, max_lr / div
    half = lambda a, b, t: b + 0.5 * (a - b) * (1 + math.cos(math.pi * t))
    return half(low, max_lr, step / p) if step <= p else half(max_lr, low / final_div, step / (total - 1 - p))


@wrong("one_cycle", "one-cycle-fall-rises")
def fall_turned(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    p, low = pct_start * total - 1, max_lr / div
    half = lambda a, b, t: b + 0.5 * (a - b) * (1 + math.cos(math.pi * t))
    return half(low, max_lr, step / p) if step <= p else half(low / final_div, max_lr, (step - p) / (total - 1 - p))


@wrong("one_cycle", "one-cycle-rise-falls")
def rise_turned(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    p, low = pct_start * total - 1, max_lr / div
    half = lambda a, b, t: b + 0.5 * (a - b) * (1 + math.cos(math.pi * t))
    return half(max_lr, low, step / p) if step <= p else half(max_lr, low / final_div, (step - p) / (total - 1 - p))


@wrong("one_cycle", "one-cycle-truncated")
def rounded_peak(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    low = max_lr / div
    return _two_phases(step, round(pct_start * total - 1), total - 1, low, max_lr, low / final_div)


@wrong("one_cycle", "one-cycle-div-ignored")
def always_25(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    return _two_phases(step, pct_start * total - 1, total - 1, max_lr / 25, max_lr, max_lr / 25 / final_div)


@wrong("one_cycle", "off-limits")
def library_one_cycle(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, total, pct_start=pct_start, div_factor=div, final_div_factor=final_div,
        cycle_momentum=False)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"]


@wrong("one_cycle", None)
def rises_by_squares(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
    peak = pct_start * total - 1
    if step <= peak:
        return max_lr / div + (max_lr - max_lr / div) * (step / peak) ** 2
    return as_in_torch(step, total, max_lr, pct_start, div, final_div)


# warmup_stable_decay


@right("warmup_stable_decay")
def three_cases(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * step / warmup
    step -= warmup + stable
    if step <= 0:
        return base_lr
    return max(0.0, base_lr * (1 - step / decay))


@right("warmup_stable_decay")
def trapezoid(step, warmup, stable, decay, base_lr):
    up = step / warmup if warmup else 1.0
    down = (warmup + stable + decay - step) / decay
    return base_lr * max(0.0, min(up, 1.0, down))


@right("warmup_stable_decay")
def ends_named(step, warmup, stable, decay, base_lr):
    flat, end = warmup + stable, warmup + stable + decay
    if step >= end:
        return 0.0
    if step >= flat:
        return base_lr * (end - step) / decay
    return base_lr if step >= warmup else base_lr / warmup * step


@wrong("warmup_stable_decay", "wsd-starts-above-zero")
def wsd_plus_one(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * (1 + step) / warmup
    return ends_named(step, warmup, stable, decay, base_lr)


@wrong("warmup_stable_decay", "wsd-lengths-as-steps")
def absolute_steps(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * step / warmup
    if step < stable:
        return base_lr
    return max(0.0, base_lr * (1 - (step - stable) / decay))


@wrong("warmup_stable_decay", "wsd-negative")
def below_zero(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * step / warmup
    if step < warmup + stable:
        return base_lr
    return base_lr - base_lr * (step - warmup - stable) / decay


@wrong("warmup_stable_decay", "wsd-cosine")
def cosine_end(step, warmup, stable, decay, base_lr):
    if step < warmup + stable:
        return three_cases(step, warmup, stable, decay, base_lr)
    return textbook_cosine(step - warmup - stable, decay, base_lr)


@wrong("warmup_stable_decay", "wsd-zero")
def wsd_by_zero(step, warmup, stable, decay, base_lr):
    if step <= warmup:
        return base_lr * (step / warmup)
    return ends_named(step, warmup, stable, decay, base_lr)


@wrong("warmup_stable_decay", "wsd-of-total")
def of_total(step, warmup, stable, decay, base_lr):
    total = warmup + stable + decay
    if step < warmup + stable:
        return ends_named(step, warmup, stable, decay, base_lr)
    return base_lr * max(0, total - step) / total


@wrong("warmup_stable_decay", "wsd-one-off")
def one_sooner(step, warmup, stable, decay, base_lr):
    flat = warmup + stable
    if step < flat:
        return ends_named(step, warmup, stable, decay, base_lr)
    return base_lr * max(0.0, (decay - 1 - (step - flat)) / decay)


@wrong("warmup_stable_decay", "wsd-decay-not-shifted")
def warmup_left_in(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return step / warmup * base_lr
    if step < warmup + stable:
        return base_lr
    return base_lr * max(0, 1 - (step - stable) / decay)


@wrong("warmup_stable_decay", "wsd-decay-not-shifted")
def stable_left_in(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return step / warmup * base_lr
    return base_lr if step < warmup + stable else max(0.0, base_lr - base_lr * (step - warmup) / decay)


@wrong("warmup_stable_decay", "wsd-no-decay")
def never_down(step, warmup, stable, decay, base_lr):
    return base_lr * min(1.0, step / warmup) if warmup else base_lr


@wrong("warmup_stable_decay", "wsd-drop")
def drops(step, warmup, stable, decay, base_lr):
    return ends_named(step, warmup, stable, decay, base_lr) if step < warmup + stable else 0.0


@wrong("warmup_stable_decay", "wsd-upside-down")
def climbs_again(step, warmup, stable, decay, base_lr):
    flat = warmup + stable
    if step < flat:
        return ends_named(step, warmup, stable, decay, base_lr)
    return base_lr * min(step - flat, decay) / decay


@wrong("warmup_stable_decay", "returned-none")
def missing_branch(step, warmup, stable, decay, base_lr):
    if step < warmup + stable:
        return ends_named(step, warmup, stable, decay, base_lr)
    elif step <= warmup + stable + decay:
        return base_lr * (warmup + stable + decay - step) / decay


@wrong("warmup_stable_decay", "wsd-no-warmup")
def cold_start(step, warmup, stable, decay, base_lr):
    flat = warmup + stable
    return base_lr if step < flat else base_lr * max(0.0, 1 - (step - flat) / decay)


@wrong("warmup_stable_decay", "wsd-zero-starts-at-zero")
def always_from_zero(step, warmup, stable, decay, base_lr):
    return ends_named(step, warmup, stable, decay, base_lr) if step else 0.0


@wrong("warmup_stable_decay", None)
def root_end(step, warmup, stable, decay, base_lr):
    flat = warmup + stable
    if step < flat:
        return ends_named(step, warmup, stable, decay, base_lr)
    return base_lr * (1 - math.sqrt(min(1.0, (step - flat) / decay)))


@wrong("warmup_stable_decay", "wsd-all-as-steps")
def three_steps(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * step / warmup
    if step < stable:
        return base_lr
    if step < decay:
        return base_lr * (decay - step) / (decay - stable)
    return 0.0


@wrong("warmup_stable_decay", "wsd-all-as-steps")
def three_steps_without_an_end(step, warmup, stable, decay, base_lr):
    if step < warmup:
        return base_lr * step / warmup
    if step < stable:
        return base_lr
    return base_lr * max(0.0, (decay - step) / (decay - stable))


@wrong("warmup_stable_decay", "wsd-counts-from-one")
def counts_steps_from_one(step, warmup, stable, decay, base_lr):
    number = step + 1
    if step < warmup:
        return base_lr * number / warmup
    if step < warmup + stable:
        return base_lr
    return base_lr * max(0.0, 1 - (number - warmup - stable) / decay)


# ReduceOnPlateau


@right("ReduceOnPlateau")
class CountsDown:
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.groups = optimizer.param_groups
        self.factor, self.patience, self.min_lr = factor, patience, min_lr
        self.best = None
        self.left = patience

    def step(self, metric):
        if self.best is None or metric < self.best:
            self.best, self.left = metric, self.patience
        elif self.left:
            self.left -= 1
        else:
            self.left = self.patience
            for group in self.groups:
                group["lr"] = max(self.min_lr, self.factor * group["lr"])


@right("ReduceOnPlateau")
class KeepsHistory:
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.optimizer, self.factor, self.patience, self.min_lr = optimizer, factor, patience, min_lr
        self.history, self.last_good = [], 0

    def step(self, metric):
        if not self.history or metric < min(self.history):
            self.last_good = len(self.history)
        self.history.append(metric)
        if len(self.history) - 1 - self.last_good > self.patience:
            self.last_good = len(self.history) - 1
            for group in self.optimizer.param_groups:
                lr = group["lr"] * self.factor
                group["lr"] = lr if lr > self.min_lr else self.min_lr


@right("ReduceOnPlateau")
class WithThreshold:
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.optimizer, self.factor, self.patience, self.min_lr = optimizer, factor, patience, min_lr
        self.best, self.bad = float("inf"), 0

    def step(self, metric):
        metric = float(metric)
        if metric < self.best - 1e-4:
            self.best = metric
            self.bad = 0
        else:
            self.bad += 1
        if self.bad == self.patience + 1:
            self.bad = 0
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)


class _Plateau:
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.optimizer, self.factor, self.patience, self.min_lr = optimizer, factor, patience, min_lr
        self.best, self.bad = float("inf"), 0

    def reduce(self):
        for group in self.optimizer.param_groups:
            group["lr"] = max(group["lr"] * self.factor, self.min_lr)


@wrong("ReduceOnPlateau", "plateau-due-without-bad")
class AtPatience(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad >= self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-early")
class AtPatienceWhenBad(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
            return
        self.bad += 1
        if self.bad >= self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-equals")
class JustAtPatience(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
            if self.bad == self.patience:
                self.reduce()
                self.bad = 0


@wrong("ReduceOnPlateau", "plateau-checked-before-counting")
class ChecksFirst(_Plateau):
    def step(self, metric):
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0
        if metric < self.best:
            self.best = metric
            self.bad = 0
        else:
            self.bad = self.bad + 1


@wrong("ReduceOnPlateau", "plateau-count-not-reset")
class NeverStartsOver(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
            if self.bad > self.patience:
                self.reduce()


@wrong("ReduceOnPlateau", "plateau-count-after-improvement")
class CountsAll(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best = metric
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-best-not-updated")
class FirstIsBest(_Plateau):
    def step(self, metric):
        if self.best == float("inf"):
            self.best = metric
        elif metric < self.best:
            self.bad = 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-against-previous")
class AgainstPrevious(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.bad = 0
        else:
            self.bad += 1
        self.best = metric
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-first-group")
class FirstGroup(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            group = self.optimizer.param_groups[0]
            group["lr"] = max(group["lr"] * self.factor, self.min_lr)
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-floor-ignored")
class NoFloor(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                group["lr"] *= self.factor
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-higher-is-better")
class HigherIsBetter(_Plateau):
    def step(self, metric):
        if self.best == float("inf") or metric > self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-equal-is-better")
class EqualIsBetter(_Plateau):
    def step(self, metric):
        if metric > self.best:
            self.bad += 1
        else:
            self.best, self.bad = metric, 0
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-best-from-zero")
class BestFromZero(_Plateau):
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        super().__init__(optimizer, factor, patience, min_lr)
        self.best = 0

    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.reduce()
            self.bad = 0


@wrong("ReduceOnPlateau", "plateau-compares-with-none")
class BestIsNone(_Plateau):
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        super().__init__(optimizer, factor, patience, min_lr)
        self.best = None

    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0


@wrong("ReduceOnPlateau", "plateau-never-cuts")
class ChangesACopy(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                lr = group["lr"]
                lr = max(lr * self.factor, self.min_lr)
            self.bad = 0


@wrong("ReduceOnPlateau", "off-limits")
class LibraryPlateau:
    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.inner = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=factor, patience=patience, min_lr=min_lr)

    def step(self, metric):
        self.inner.step(metric)


@wrong("ReduceOnPlateau", None)
class CutsTwice(_Plateau):
    def step(self, metric):
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.reduce()
            self.reduce()
            self.bad = 0


# Scheduler


@right("Scheduler")
class BaseRatesInAList:
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.n = -1
        self.step()

    def step(self):
        self.n += 1
        factor = self.schedule(self.n)
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.base_lrs[i] * factor

    def state_dict(self):
        return {"n": self.n, "base_lrs": self.base_lrs.copy()}

    def load_state_dict(self, state):
        self.n = state["n"] - 1
        self.base_lrs = list(state["base_lrs"])
        self.step()


@right("Scheduler")
class InitialRatesInTheGroups:
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule, self.last = optimizer, schedule, 0
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self._set()

    def _set(self):
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.schedule(self.last)

    def step(self):
        self.last = self.last + 1
        self._set()

    def state_dict(self):
        return {"last": self.last, "initial": [group["initial_lr"] for group in self.optimizer.param_groups]}

    def load_state_dict(self, state):
        self.last = state["last"]
        for group, initial in zip(self.optimizer.param_groups, state["initial"]):
            group["initial_lr"] = initial
        self._set()


@right("Scheduler")
class DeepCopied:
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.state = {"step": 0, "rates": [g["lr"] for g in optimizer.param_groups]}
        self.write()

    def write(self):
        for g, rate in zip(self.optimizer.param_groups, self.state["rates"]):
            g["lr"] = rate * self.schedule(self.state["step"])

    def step(self):
        self.state["step"] += 1
        self.write()

    def state_dict(self):
        return copy.deepcopy(self.state)

    def load_state_dict(self, state):
        self.state = copy.deepcopy(state)
        self.write()


class _Schedules:
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.base = [group["lr"] for group in optimizer.param_groups]
        self.n = 0
        self.set()

    def set(self):
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * self.schedule(self.n)

    def step(self):
        self.n += 1
        self.set()

    def state_dict(self):
        return {"n": self.n, "base": list(self.base)}

    def load_state_dict(self, state):
        self.n, self.base = state["n"], list(state["base"])
        self.set()


@wrong("Scheduler", "scheduler-compounds")
class Compounds(_Schedules):
    def set(self):
        for group in self.optimizer.param_groups:
            group["lr"] *= self.schedule(self.n)


@wrong("Scheduler", "scheduler-one-late")
class SetsThenCounts(_Schedules):
    def step(self):
        self.set()
        self.n += 1


@wrong("Scheduler", "scheduler-no-start")
class WaitsForStep(_Schedules):
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.base = [group["lr"] for group in optimizer.param_groups]
        self.n = 0


@wrong("Scheduler", "scheduler-first-group")
class OnlyFirst(_Schedules):
    def set(self):
        self.optimizer.param_groups[0]["lr"] = self.base[0] * self.schedule(self.n)


@wrong("Scheduler", "scheduler-one-base")
class OneBase(_Schedules):
    def __init__(self, optimizer, schedule):
        rate = optimizer.param_groups[0]["lr"]
        super().__init__(optimizer, schedule)
        self.base = [rate for _ in optimizer.param_groups]
        self.set()


@wrong("Scheduler", "scheduler-base-lost")
class SavesOnlyStep(_Schedules):
    def state_dict(self):
        return {"n": self.n}

    def load_state_dict(self, state):
        self.n = state["n"]
        self.set()


@wrong("Scheduler", "scheduler-load-sets-no-rate")
class LoadsQuietly(_Schedules):
    def load_state_dict(self, state):
        self.n = state["n"]
        self.base = state["base"]


@wrong("Scheduler", "scheduler-alias")
class HandsOutItself:
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule = optimizer, schedule
        self.state = {"n": 0, "base": [group["lr"] for group in optimizer.param_groups]}
        self.set()

    def set(self):
        for group, base in zip(self.optimizer.param_groups, self.state["base"]):
            group["lr"] = base * self.schedule(self.state["n"])

    def step(self):
        self.state["n"] += 1
        self.set()

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = dict(state)
        self.set()


@wrong("Scheduler", "scheduler-alias")
class KeepsWhatItLoads(HandsOutItself):
    def state_dict(self):
        return {"n": self.state["n"], "base": list(self.state["base"])}

    def load_state_dict(self, state):
        self.state = state
        self.set()


@wrong("Scheduler", "scheduler-factor-as-rate")
class FactorIsRate(_Schedules):
    def set(self):
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule(self.n)


@wrong("Scheduler", "scheduler-step-lost")
class ForgetsToLoad(_Schedules):
    def load_state_dict(self, state):
        self.base = list(state["base"])
        self.set()


@wrong("Scheduler", "scheduler-state-of-rates")
class SavesPresentRates(_Schedules):
    def state_dict(self):
        return {"n": self.n, "base": [group["lr"] for group in self.optimizer.param_groups]}


@wrong("Scheduler", "scheduler-load-steps")
class StepsOnLoad(_Schedules):
    def load_state_dict(self, state):
        self.n, self.base = state["n"], list(state["base"])
        self.step()


@wrong("Scheduler", "scheduler-state-of-the-old")
class SavesAll(_Schedules):
    def state_dict(self):
        return {**vars(self)}

    def load_state_dict(self, state):
        for name, value in state.items():
            setattr(self, name, value)
        self.set()


@wrong("Scheduler", "scheduler-groups-kept")
class KeepsTheGroups:
    def __init__(self, optimizer, schedule):
        self.groups, self.schedule, self.n = optimizer.param_groups, schedule, 0
        self.base = [group["lr"] for group in self.groups]
        self.set()

    def set(self):
        factor = self.schedule(self.n)
        for group, base in zip(self.groups, self.base):
            group["lr"] = factor * base

    def step(self):
        self.n += 1
        self.set()

    def state_dict(self):
        return {"n": self.n, "base": self.base[:]}

    def load_state_dict(self, state):
        self.n, self.base = state["n"], state["base"][:]
        self.set()


@wrong("Scheduler", "scheduler-no-state")
class NoReturn(_Schedules):
    def state_dict(self):
        {"n": self.n, "base": self.base}


@wrong("Scheduler", "off-limits")
class Wrapped(torch.optim.lr_scheduler.LambdaLR):
    def __init__(self, optimizer, schedule):
        super().__init__(optimizer, schedule)


@wrong("Scheduler", "scheduler-default-base")
class Defaults(_Schedules):
    def __init__(self, optimizer, schedule):
        self.optimizer, self.schedule, self.n = optimizer, schedule, 0
        self.base = [optimizer.defaults["lr"]] * len(optimizer.param_groups)
        self.set()


@wrong("Scheduler", None)
class HalfFactor(_Schedules):
    def set(self):
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * (1 + self.schedule(self.n)) / 2


# lr_range_test


@right("lr_range_test")
def deep_copies(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches = list(batches)
    before = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    lrs, losses = [], []
    for i, (x, y) in enumerate(batches):
        lr = lr_min * (lr_max / lr_min) ** (i / (len(batches) - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = loss_fn(model(x), y)
        if not math.isfinite(loss.item()) or (losses and loss.item() > 4 * min(losses)):
            break
        lrs.append(lr)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.load_state_dict(before[0])
    optimizer.load_state_dict(before[1])
    return lrs, losses


@right("lr_range_test")
def on_a_copy(model, optimizer, loss_fn, batches, lr_min, lr_max):
    model, optimizer = copy.deepcopy((model, optimizer))
    batches = [*batches]
    grid = torch.logspace(math.log10(lr_min), math.log10(lr_max), len(batches), dtype=torch.float64).tolist()
    lrs, losses, best = [], [], float("inf")
    for lr, (x, y) in zip(grid, batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        lrs.append(lr)
        losses.append(loss.item())
        best = min(best, losses[-1])
        if not torch.isfinite(loss) or losses[-1] > 4 * best:
            return lrs, losses
        optimizer.step()
    return lrs, losses


@right("lr_range_test")
def try_finally(model, optimizer, loss_fn, batches, lr_min, lr_max):
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    batches = tuple(batches)
    ratio = (lr_max / lr_min) ** (1 / (len(batches) - 1))
    lr, lrs, losses = lr_min, [], []
    try:
        for x, y in batches:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            lrs.append(lr)
            losses.append(loss.detach().item())
            if math.isnan(losses[-1]) or math.isinf(losses[-1]) or losses[-1] > 4 * min(losses):
                return torch.tensor(lrs, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
            lr *= ratio
    finally:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
    return lrs, losses


def _grid(low, high, n):
    return [low * (high / low) ** (i / (n - 1)) for i in range(n)]


def _loop(model, optimizer, loss_fn, batches, grid, stops=True):
    """The loop that most of the answers below share, without saving or restoring."""
    lrs, losses = [], []
    for lr, (x, y) in zip(grid, batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if stops and (not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses)):
            break
        loss.backward()
        optimizer.step()
    return lrs, losses


def _saved(model, optimizer):
    return copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())


def _restore(model, optimizer, saved):
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])


@wrong("lr_range_test", "range-linear")
def linear_grid(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved = list(batches), _saved(model, optimizer)
    found = _loop(model, optimizer, loss_fn, batches, torch.linspace(lr_min, lr_max, len(batches)).tolist())
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-open-end")
def open_end(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved = list(batches), _saved(model, optimizer)
    ratio = (lr_max / lr_min) ** (1 / len(batches))
    found = _loop(model, optimizer, loss_fn, batches, [lr_min * ratio ** i for i in range(len(batches))])
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-weights-kept")
def shallow(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches = list(batches)
    weights, state = model.state_dict(), copy.deepcopy(optimizer.state_dict())
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    model.load_state_dict(weights)
    optimizer.load_state_dict(state)
    return found


@wrong("lr_range_test", "range-weights-kept")
def nothing_restored(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches = list(batches)
    return _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))


@wrong("lr_range_test", "range-buffers-kept")
def only_parameters(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, state = list(batches), copy.deepcopy(optimizer.state_dict())
    weights = [p.data.clone() for p in model.parameters()]
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    for p, old in zip(model.parameters(), weights):
        p.data.copy_(old)
    optimizer.load_state_dict(state)
    return found


@wrong("lr_range_test", "range-state-kept")
def momentum_kept(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, weights = list(batches), copy.deepcopy(model.state_dict())
    rates = [group["lr"] for group in optimizer.param_groups]
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    model.load_state_dict(weights)
    for group, lr in zip(optimizer.param_groups, rates):
        group["lr"] = lr
    return found


@wrong("lr_range_test", "range-state-kept")
def shallow_optimizer(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, weights = list(batches), copy.deepcopy(model.state_dict())
    state = optimizer.state_dict()
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    model.load_state_dict(weights)
    optimizer.load_state_dict(state)
    return found


@wrong("lr_range_test", "range-rates-kept")
def rate_kept(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, (weights, state) = list(batches), _saved(model, optimizer)
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    rates = [group["lr"] for group in optimizer.param_groups]
    _restore(model, optimizer, (weights, state))
    for group, lr in zip(optimizer.param_groups, rates):
        group["lr"] = lr
    return found


@wrong("lr_range_test", "range-loss-after")
def loss_after(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
        lrs.append(lr)
        losses.append(loss_fn(model(x), y).item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
    _restore(model, optimizer, saved)
    return lrs, losses


@wrong("lr_range_test", "range-never-stops")
def no_stop(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved = list(batches), _saved(model, optimizer)
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)), stops=False)
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-nan-goes-on")
def blind_to_nan(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    best = float("inf")
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if loss.item() > 4 * best:
            break
        best = min(best, loss.item())
        loss.backward()
        optimizer.step()
    _restore(model, optimizer, saved)
    return lrs, losses


@wrong("lr_range_test", "range-first-group")
def first_group_only(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimizer.step()
    _restore(model, optimizer, saved)
    return lrs, losses


@wrong("lr_range_test", "range-no-length")
def asks_for_length(model, optimizer, loss_fn, batches, lr_min, lr_max):
    saved = _saved(model, optimizer)
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, len(batches)))
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-gone-through-twice")
def counts_first(model, optimizer, loss_fn, batches, lr_min, lr_max):
    saved = _saved(model, optimizer)
    n = sum(1 for _ in batches)
    found = _loop(model, optimizer, loss_fn, batches, _grid(lr_min, lr_max, n))
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-not-restored-after-stop")
def returns_early(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            return lrs, losses
        loss.backward()
        optimizer.step()
    _restore(model, optimizer, saved)
    return lrs, losses


@wrong("lr_range_test", "range-accumulates")
def no_zero_grad(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = loss_fn(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimizer.step()
    _restore(model, optimizer, saved)
    return lrs, losses


def _tested(limit=4.0, against=min, restore=(True, True), zero=True, after_update=False, spread=_grid,
            note=torch.Tensor.item):
    """An lr_range_test that leaves before it notes the loss that ends it, or with one more update."""
    def run(model, optimizer, loss_fn, batches, lr_min, lr_max):
        batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
        for lr, (x, y) in zip(spread(lr_min, lr_max, len(batches)), batches):
            for group in optimizer.param_groups:
                group["lr"] = lr
            loss = loss_fn(model(x), y)
            if zero:
                optimizer.zero_grad()
            if after_update:
                loss.backward()
                optimizer.step()
            if not math.isfinite(loss.item()) or losses and loss.item() > limit * against(losses):
                break
            lrs.append(lr)
            losses.append(note(loss))
            if not after_update:
                loss.backward()
                optimizer.step()
        if restore[0]:
            model.load_state_dict(saved[0])
        if restore[1]:
            optimizer.load_state_dict(saved[1])
        return lrs, losses
    return run


@right("lr_range_test")
def updates_before_it_leaves(*args):
    return _tested(after_update=True)(*args)


@wrong("lr_range_test", "range-stops-early")
def three_times(*args):
    return _tested(limit=3)(*args)


@wrong("lr_range_test", "range-limit")
def ten_times(*args):
    return _tested(limit=10)(*args)


@wrong("lr_range_test", "range-limit")
def thousand_times(*args):
    return _tested(limit=1000)(*args)


@wrong("lr_range_test", "range-stops-early")
def twice(*args):
    return _tested(limit=2)(*args)


@wrong("lr_range_test", "range-limit")
def against_the_first(*args):
    return _tested(against=lambda losses: losses[0])(*args)


@wrong("lr_range_test", "range-limit")
def against_the_last(*args):
    return _tested(against=lambda losses: losses[-1])(*args)


@wrong("lr_range_test", "range-limit")
def against_the_mean(*args):
    return _tested(against=lambda losses: sum(losses) / len(losses))(*args)


@wrong("lr_range_test", "range-weights-kept")
def model_left(*args):
    return _tested(restore=(False, True), after_update=True)(*args)


@wrong("lr_range_test", "range-weights-kept")
def all_left(*args):
    return _tested(restore=(False, False))(*args)


@wrong("lr_range_test", "range-rates-kept")
def optimizer_left(*args):
    return _tested(restore=(True, False), after_update=True)(*args)


@wrong("lr_range_test", "range-state-kept")
def only_rates_back(model, optimizer, *rest):
    rates = [group["lr"] for group in optimizer.param_groups]
    found = _tested(restore=(True, False))(model, optimizer, *rest)
    for group, lr in zip(optimizer.param_groups, rates):
        group["lr"] = lr
    return found


@wrong("lr_range_test", "range-buffers-kept")
def parameters_back(model, *rest):
    weights = [p.detach().clone() for p in model.parameters()]
    found = _tested(restore=(False, True))(model, *rest)
    with torch.no_grad():
        for p, old in zip(model.parameters(), weights):
            p.copy_(old)
    return found


@wrong("lr_range_test", "range-accumulates")
def piles_up(*args):
    return _tested(zero=False)(*args)


@wrong("lr_range_test", "range-linear")
def evenly(*args):
    return _tested(spread=lambda low, high, n: torch.linspace(low, high, n, dtype=torch.float64).tolist())(*args)


@wrong("lr_range_test", "range-logspace-of-rates")
def powers_of_rates(*args):
    return _tested(spread=lambda low, high, n: torch.logspace(low, high, n).tolist())(*args)


@wrong("lr_range_test", "range-not-restored-after-stop")
def leaves_in_the_loop(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved, lrs, losses = list(batches), _saved(model, optimizer), [], []
    for lr, (x, y) in zip(_grid(lr_min, lr_max, len(batches)), batches):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        if not math.isfinite(loss.item()) or losses and loss.item() > 4 * min(losses):
            return lrs, losses
        lrs.append(lr)
        losses.append(loss.item())
    _restore(model, optimizer, saved)
    return lrs, losses


@wrong("lr_range_test", "range-swapped")
def swapped_pair(model, optimizer, loss_fn, batches, lr_min, lr_max):
    lrs, losses = deep_copies(model, optimizer, loss_fn, batches, lr_min, lr_max)
    return losses, lrs


@wrong("lr_range_test", "off-limits")
def library_grid(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved = list(batches), _saved(model, optimizer)
    probe = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr_min)
    ratio = (lr_max / lr_min) ** (1 / (len(batches) - 1))
    scheduler, grid = torch.optim.lr_scheduler.ExponentialLR(probe, ratio), []
    for _ in batches:
        grid.append(scheduler.get_last_lr()[0])
        probe.step()
        scheduler.step()
    found = _loop(model, optimizer, loss_fn, batches, grid)
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", None)
def every_other(model, optimizer, loss_fn, batches, lr_min, lr_max):
    batches, saved = list(batches), _saved(model, optimizer)
    grid = _grid(lr_min, lr_max, len(batches))
    found = _loop(model, optimizer, loss_fn, batches, list(itertools.chain(*zip(grid[::2], grid[::2])))[:len(batches)])
    _restore(model, optimizer, saved)
    return found


@wrong("lr_range_test", "range-live-losses")
def notes_tensors(*args):
    return _tested(note=lambda loss: loss)(*args)


@wrong("lr_range_test", "range-evaluates")
def evaluates(model, *rest):
    model.eval()
    return _tested()(model, *rest)


@wrong("lr_range_test", "range-evaluates")
def evaluates_and_returns(model, *rest):
    model.eval()
    found = _tested()(model, *rest)
    model.train()
    return found


@wrong("lr_range_test", "range-own-steps")
def another_optimizer(model, optimizer, *rest):
    saved = copy.deepcopy(optimizer.state_dict())
    found = _tested()(model, torch.optim.SGD(model.parameters(), lr=1.0), *rest)
    optimizer.load_state_dict(saved)
    return found


@wrong("Scheduler", "scheduler-load-constructs")
class BuildsItselfAnew(_Schedules):
    def load_state_dict(self, state):
        self.__init__(self.optimizer, self.schedule)
        self.n = state["n"]
        self.set()


@wrong("Scheduler", "scheduler-load-constructs")
class BuildsItselfAnewAndStepsOn(_Schedules):
    def load_state_dict(self, state):
        self.__init__(self.optimizer, self.schedule)
        while self.n < state["n"]:
            self.step()


@wrong("Scheduler", "scheduler-from-previous")
class DividesByThePrevious(_Schedules):
    def step(self):
        self.n += 1
        for group in self.optimizer.param_groups:
            group["lr"] *= self.schedule(self.n) / self.schedule(self.n - 1)


class _Counting:
    start = math.inf

    def __init__(self, optimizer, factor=0.1, patience=10, min_lr=0.0):
        self.optimizer, self.factor, self.patience, self.min_lr = optimizer, factor, patience, min_lr
        self.best, self.bad = self.start, 0

    def good(self, metric):
        return metric < self.best

    def after_cut(self, metric):
        self.bad = 0

    def step(self, metric):
        if self.good(metric):
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)
            self.after_cut(metric)


@wrong("ReduceOnPlateau", "plateau-best-moved-by-cut")
class BestAtTheCut(_Counting):
    def after_cut(self, metric):
        self.best, self.bad = metric, 0


@wrong("ReduceOnPlateau", "plateau-nan-is-good")
class BadIfAtLeast(_Counting):
    def good(self, metric):
        return not metric >= self.best


@wrong("ReduceOnPlateau", "plateau-best-from-a-number")
class StartsAtTen(_Counting):
    start = 10.0
