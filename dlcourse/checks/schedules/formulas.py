"""The checks of the schedules that are formulas: looked at step by step."""

import math

from ..comparing import first_difference
from ..core import Check, Mistake
from .drawing import ARITHMETIC, OFF_LIMITS, rate, whole
from .stepping import anneal, at_steps, stage, straight

# ------------------------------------------------------------------------------------------------ step_decay


MEMORY = "asked for the same steps once more, it gave other rates"


def at_steps_twice(answer, steps, **options):
    """What `at_steps` sees; an error where it sees something else after a walk through all the steps."""
    seen = at_steps(answer, steps, **options)
    at_steps(answer, range(steps[-1] + 1), **options)
    if first_difference(at_steps(answer, steps, **options), seen):
        raise RuntimeError(MEMORY)
    return seen


def steps_down(count=lambda step, size: step // size, cut=lambda base, gamma, k: base * gamma ** k):
    """Make a step_decay out of how often it cut by `step`, and of what k cuts do."""
    return lambda step, base_lr, step_size, gamma=0.1: cut(base_lr, gamma, count(step, step_size))


def _stretches(g):
    size = whole(g, 6, 9)
    inside = [step for step in range(4 * size) if 1 <= step % size <= size - 2]
    return [{"steps": inside, "base_lr": rate(g), "step_size": size}]


def _boundaries(g):
    size = whole(g, 4, 7)
    return [{"steps": list(range(first, last)), "base_lr": rate(g), "step_size": size}
            for first, last in ((size - 1, 3 * size + 2), (0, size))] + [
                {"steps": list(range(4)), "base_lr": rate(g), "step_size": 1}]


def _gammas(g):
    return [{"steps": list(range(25)), "base_lr": rate(g), "step_size": 5, "gamma": gamma} for gamma in (0.5, 1.0)]


step_decay = Check(
    "step_decay", "step_decay(step, base_lr, step_size, gamma)", steps_down(),
    [stage("stretches", "step_decay", 0.5, "a tenth of the rate in each further stretch of step_size steps",
     _stretches, at_steps_twice),
     stage("boundaries", "step_decay", 0.3, "the cuts come at step_size, 2·step_size, … exactly", _boundaries),
     stage("gamma", "step_decay", 0.2, "gamma is what each cut multiplies by", _gammas)],
    [Mistake("step-decay-late", "The cuts come one step late. Steps count from 0: with step_size = 5 the first "
             "stretch is 0, 1, 2, 3, 4, and step 5 is cut already.",
             [steps_down(lambda step, size: max(0, step - 1) // size),
              steps_down(lambda step, size: (step - 1) // size),
              steps_down(lambda step, size: step // (size + 1))]),
     Mistake("step-decay-early", "The cuts come one step early: step_size − 1 is still in the first stretch, since "
             "steps count from 0.", [steps_down(lambda step, size: (step + 1) // size),
                                     steps_down(lambda step, size: step // max(1, size - 1))]),
     Mistake("step-decay-smooth", "It sinks a little at each step. Step decay stays level and then drops: only "
             "completed stretches count, so the exponent is a whole number.",
             steps_down(lambda step, size: step / size)),
     Mistake("step-decay-rounded", "`round` goes up from half a stretch on, so the cuts come half a stretch early. "
             "Only completed stretches count.",
             [steps_down(lambda step, size: round(step / size)),
              steps_down(lambda step, size: int(step / size + 0.5))]),
     Mistake("step-decay-ceil", "Rounding up counts a stretch as soon as it has begun. Only completed ones count.",
             steps_down(lambda step, size: math.ceil(step / size))),
     Mistake("step-decay-every-step", "It is cut at every step: `step_size` is not used.",
             steps_down(lambda step, size: step)),
     Mistake("step-decay-once", "It is cut once and then stays. Every further stretch brings a further cut.",
             steps_down(lambda step, size: min(step // size, 1))),
     Mistake("step-decay-at-multiples", "It is lower only at the very steps that step_size divides, and back up "
             "after them. The rate is computed anew from base_lr at each call, so all the cuts so far must be in it.",
             [steps_down(lambda step, size: int(step % size == 0)),
              steps_down(lambda step, size: int(step % size == 0 and step > 0))]),
     Mistake("step-decay-remainder", "The exponent is the remainder, step % step_size. How many stretches are "
             "complete is the quotient.", steps_down(lambda step, size: step % size)),
     Mistake("step-decay-gamma-ignored", "Each cut is to a tenth, whatever gamma is: `gamma` is not used.",
             steps_down(cut=lambda base, gamma, k: base * 0.1 ** k)),
     Mistake("step-decay-times", "k cuts multiply by gamma k times, which is gamma to the power of k, not gamma · k.",
             [steps_down(cut=lambda base, gamma, k: base * gamma * k),
              steps_down(cut=lambda base, gamma, k: base * (gamma * k if k else 1)),
              steps_down(cut=lambda base, gamma, k: base * (1 - gamma * k))]),
     Mistake("step-decay-subtracts", "gamma is taken off. A cut multiplies by it.",
             [steps_down(cut=lambda base, gamma, k: base - gamma * k),
              steps_down(cut=lambda base, gamma, k: base * (1 - gamma) ** k)]),
     Mistake("step-decay-grows", "The rate grows: it is divided by gamma, which is below 1.",
             steps_down(cut=lambda base, gamma, k: base / gamma ** k)),
     Mistake("step-decay-no-base", "This is the factor alone: `base_lr` is not in it.",
             steps_down(cut=lambda base, gamma, k: gamma ** k)),
     Mistake("step-decay-power-of-all", "The power takes base_lr along: (base·gamma)ᵏ. Only gamma is to be repeated.",
             steps_down(cut=lambda base, gamma, k: (base * gamma) ** k)),
     Mistake("step-decay-remembers", "It keeps the rate from one call to the next. A schedule may be asked for any "
             "step, in any order: compute the rate from `step` and base_lr alone.",
             shows=lambda finding, seen, case: MEMORY in seen.get("raised", {}).get("text", ""))],
    OFF_LIMITS, ARITHMETIC)


# ---------------------------------------------------------------------------------------------------- cosine


def cosine_like(share=lambda step, total: min(step, total) / total, curve=anneal):
    """Make a cosine schedule out of how much of the way is done, and the curve from base to min_lr."""
    return lambda step, total, base_lr, min_lr=0.0: curve(base_lr, min_lr, share(step, total))


def _bend(f):
    """min_lr + (base − min_lr)·f(share)."""
    return cosine_like(curve=lambda base, low, share: low + (base - low) * f(share))


def _raw(f, **options):
    return cosine_like(curve=lambda base, low, share: f(base, low, math.cos(math.pi * share)), **options)


def _descent(g):
    total = whole(g, 17, 29)
    return [{"steps": list(range(total + 1)), "total": total, "base_lr": rate(g)}]


def _descent_to_floor(g):
    total = whole(g, 11, 15)
    return [{"steps": list(range(total + 1)), "total": total, "base_lr": rate(g), "min_lr": 0.11}]


def _past_the_end(g):
    total = whole(g, 7, 12)
    return [{"steps": list(range(total - 2, 3 * total)), "total": total, "base_lr": rate(g), "min_lr": low}
            for low in (0.0, 0.07)]


def _exact_total(step, total):
    return step / total


cosine = Check(
    "cosine", "cosine(step, total, base_lr, min_lr)", cosine_like(),
    [stage("descent", "cosine", 0.5, "half a cosine from base_lr at step 0 down to 0 at step total", _descent),
     stage("floor", "cosine", 0.25, "with min_lr it runs from base_lr down to min_lr", _descent_to_floor),
     stage("afterwards", "cosine", 0.25, "after total it stays at min_lr", _past_the_end)],
    [Mistake("cosine-no-half", "At step 0 it gives twice the rate: 1 + cos runs from 2 down to 0, so a half is "
            "missing.",
             _raw(lambda base, low, c: low + (base - low) * (1 + c))),
     Mistake("cosine-no-one", "It goes below 0: the cosine itself runs from 1 to −1. It has to be lifted and halved.",
             [_raw(lambda base, low, c: low + (base - low) * c),
              _raw(lambda base, low, c: low + (base - low) * c / 2)]),
     Mistake("cosine-degrees", "`math.cos` takes radians, and 180 was meant as degrees. Half a turn is math.pi.",
             _bend(lambda share: (1 + math.cos(180 * share)) / 2)),
     Mistake("cosine-no-pi", "The cosine's argument runs only to 1. Half a turn is math.pi.",
             _bend(lambda share: (1 + math.cos(share)) / 2)),
     Mistake("cosine-quarter", "This is a quarter of a turn, cos(π/2 · step/total): level at the start but steep at "
             "the end. Asked for is half a turn, level at both ends.",
             _bend(lambda share: math.cos(math.pi / 2 * share))),
     Mistake("cosine-half-the-way", "At `total` it has come down only half of the way: the argument runs to a quarter "
             "of a turn, π/2. Half a turn is math.pi.", _bend(lambda share: (1 + math.cos(math.pi / 2 * share)) / 2)),
     Mistake("cosine-whole-turn", "This is a whole turn: at `total` the rate is back up. Half a turn leads down.",
             [_bend(lambda share: (1 + math.cos(2 * math.pi * share)) / 2),
              _raw(lambda base, low, c: low + (base - low) * c ** 2),
              cosine_like(_exact_total, lambda base, low, share: low + (base - low) * (
                  1 + math.cos(2 * math.pi * share)) / 2)]),
     Mistake("cosine-rises", "It rises from min_lr to base_lr: the sign of the cosine is turned.",
             _bend(lambda share: (1 - math.cos(math.pi * share)) / 2)),
     Mistake("cosine-linear", "This is a straight line from base_lr down. A cosine starts and ends level.",
             _bend(lambda share: 1 - share)),
     Mistake("cosine-integer", "step // total is 0 until total is reached: a single slash divides into fractions.",
             [cosine_like(lambda step, total: step // total), cosine_like(lambda step, total: min(1, step // total))]),
     Mistake("cosine-total-minus-one", "It arrives one step early: the descent takes `total` steps, so min_lr is "
             "reached at step = total.",
             [cosine_like(lambda step, total: min(step, total - 1) / (total - 1)),
              cosine_like(lambda step, total: min(step / (total - 1), 1)),
              cosine_like(lambda step, total: min(step + 1, total) / total),
              cosine_like(lambda step, total: step / (total - 1))]),
     Mistake("cosine-late", "It arrives one step late: min_lr is due at step = total.",
             [cosine_like(lambda step, total: min(step / (total + 1), 1)),
              cosine_like(lambda step, total: min(max(step - 1, 0) / total, 1))]),
     Mistake("cosine-rises-again", "After `total` the cosine turns back up, and the rate with it. It should stay at "
             "min_lr.", [cosine_like(_exact_total), lambda step, total, base_lr, min_lr=0.0: max(
                 min_lr, anneal(base_lr, min_lr, step / total))]),
     Mistake("cosine-ends-at-zero", "After `total` it gives 0. The rate that it came down to, min_lr, should stay.",
             lambda step, total, base_lr, min_lr=0.0: 0.0 if step > total else anneal(base_lr, min_lr, step / total)),
     Mistake("cosine-starts-over", "After `total` it starts over from base_lr, as if there were restarts. The rate "
             "that it came down to should stay.",
             [cosine_like(lambda step, total: (step if step <= total else step % total) / total),
              cosine_like(lambda step, total: step % total / total)]),
     Mistake("cosine-back-to-base", "After `total` it is back at base_lr. The rate that it came down to should stay.",
             lambda step, total, base_lr, min_lr=0.0: base_lr if step > total else anneal(
                 base_lr, min_lr, step / total)),
     Mistake("cosine-min-added", "min_lr was added on top, so the rate starts above base_lr. It should run from "
             "base_lr to min_lr: what the cosine shrinks is the distance between the two.",
             _raw(lambda base, low, c: low + base * (1 + c) / 2)),
     Mistake("cosine-min-clamped", "It goes down towards 0 and is held up at min_lr on the way, so it gets there too "
             "soon. Only the distance from base_lr to min_lr should shrink.",
             _raw(lambda base, low, c: max(low, base * (1 + c) / 2))),
     Mistake("cosine-min-ignored", "It goes down to 0 whatever min_lr is: `min_lr` is not used.",
             _raw(lambda base, low, c: base * (1 + c) / 2)),
     Mistake("cosine-min-outside", "It does not end at min_lr: mind the brackets. (base_lr − min_lr) is scaled as a "
             "whole, and min_lr is added after.", [
                 _raw(lambda base, low, c: (base - low) * (1 + c) / 2),
              _raw(lambda base, low, c: base - low * (1 + c) / 2),
                 _raw(lambda base, low, c: low + (base + low) * (1 + c) / 2),
                 _raw(lambda base, low, c: low + base - low * (1 + c) / 2)]),
     Mistake("cosine-half-of-one", "The half is only on part of the bracket: ½·(1 + cos) was meant, not ½ + cos or 1 "
             "+ ½·cos.", [_raw(lambda base, low, c: low + (base - low) * (0.5 + c)),
                            _raw(lambda base, low, c: low + (base - low) * (1 + 0.5 * c)),
                            _raw(lambda base, low, c: low + 0.5 * (base - low) + c)])],
    OFF_LIMITS, ARITHMETIC)


# ------------------------------------------------------------------------------------------- cosine_restarts


def restarting(into, **options):
    """Make a schedule with restarts out of `into(step, period, mult)` → (step in its cycle, the cycle's length)."""
    plain_cosine = cosine_like(_exact_total, **options)

    def schedule(step, period, base_lr, min_lr=0.0, mult=1):
        return plain_cosine(*into(step, period, mult), base_lr, min_lr)
    return schedule


def _cycle(step, period, mult, late=0):
    while step >= period + late:
        step -= period + late
        period *= mult
    return step, period


def _cycle_from_end(step, period, mult):
    """Where a restart is noticed one step too late."""
    while step > period:
        step -= period
        period *= mult
    return step, period


def _cycles_of(grow):
    def into(step, period, mult):
        length, number = period, 0
        while step >= length:
            step -= length
            number += 1
            length = grow(period, mult, number)
        return step, length
    return into


def _cycle_grown_first(step, period, mult):
    while step >= period:
        period *= mult
        step -= period
    return step, period


def _cycle_by_log(step, period, mult):
    if mult == 1:
        return step % period, period
    number = math.floor(math.log(step / period * (mult - 1) + 1, mult))
    return step - period * (mult ** number - 1) // (mult - 1), period * mult ** number


def _inside_cycles(g):
    period = whole(g, 6, 9)
    inside = [step for step in range(3 * period) if step % period]
    return [{"steps": inside, "period": period, "base_lr": rate(g)}]


def _restart_steps(g):
    period = whole(g, 5, 8)
    return [{"steps": list(range(3 * period + 2)), "period": period, "base_lr": rate(g)},
            {"steps": list(range(4)), "period": 1, "base_lr": rate(g)}]


def _growing_cycles(g):
    period = whole(g, 3, 5)
    return [{"steps": list(range(15 * period + 1)), "period": period, "base_lr": rate(g), "mult": 2},
            {"steps": list(range(13 * period + 1)), "period": period, "base_lr": rate(g), "mult": 3},
            {"steps": list(range(119, 124)), "period": 1, "base_lr": rate(g), "mult": 3}]


def _cycles_to_floor(g):
    return [{"steps": list(range(20)), "period": whole(g, 5, 6), "base_lr": rate(g), "min_lr": 0.13}]


cosine_restarts = Check(
    "cosine_restarts", "cosine_restarts(step, period, base_lr, min_lr, mult)", restarting(_cycle),
    [stage("cycles", "cosine_restarts", 0.4, "a cosine from base_lr towards 0 in each cycle", _inside_cycles),
     stage("restarts", "cosine_restarts", 0.2, "base_lr is back exactly at step period, 2·period, …", _restart_steps),
     stage("growing", "cosine_restarts", 0.25, "each cycle lasts mult times as long as the one before",
         _growing_cycles),
     stage("floor", "cosine_restarts", 0.15, "with min_lr each cycle runs down towards min_lr", _cycles_to_floor)],
    [Mistake("restarts-late", "The restart comes one step late. A cycle of `period` steps is 0, …, period − 1, and "
             "at step = period the next begins, at base_lr. Where step equals the length, it is over.",
             [restarting(_cycle_from_end), restarting(lambda step, period, mult: _cycle(step, period, mult, 1)),
              restarting(lambda step, period, mult: (period, period) if step and step % period == 0
                         else _cycle(step, period, mult))]),
     Mistake("restarts-early", "Each cycle reaches the bottom at its own last step: its cosine is divided by length "
             "− 1. Divided by the length it would reach the bottom just where the restart comes.",
             restarting(lambda step, period, mult: (
                 (cycle := _cycle(step, period, mult))[0], max(1, cycle[1] - 1)))),
     Mistake("restarts-none", "There is no restart: after the first cycle it stays at the bottom.",
             restarting(lambda step, period, mult: (min(step, period), period))),
     Mistake("restarts-back-up", "After the bottom it climbs back the way it came: the cosine simply goes on. A "
             "restart jumps to base_lr.", restarting(lambda step, period, mult: (step, period))),
     Mistake("restarts-mult-ignored", "All cycles have the same length: `mult` is not used.",
             restarting(lambda step, period, mult: (step % period, period))),
     Mistake("restarts-mult-from-first", "The first cycle is longer already. It takes `period` steps; only the ones "
             "after it grow.", restarting(lambda step, period, mult: _cycle(step, period * mult, mult))),
     Mistake("restarts-order", "`period` grows before the cycle that has just ended is taken off: too much goes, and "
             "the step in the new cycle is negative. Take off the old length first.",
             restarting(_cycle_grown_first)),
     Mistake("restarts-ends-multiplied", "It is the *ends* of the cycles that are multiplied here: with period 10 and "
             "mult 2 they would come at 10, 20 and 40. What grows is the length of a cycle, 10, 20, 40, and the "
             "ends are sums of lengths.",
             restarting(_cycles_of(lambda period, mult, number: period * mult ** number - period * mult ** (number - 1)
                                   if mult > 1 else period))),
     Mistake("restarts-log", "Just at a restart the logarithm comes out a little too low, so that the cycle before it "
             "is taken for the present one. Rounding is not to be trusted there: count in whole numbers.",
             restarting(_cycle_by_log)),
     Mistake("restarts-mult-linear", "A later cycle has the wrong length: each cycle lasts mult times as long as "
             "the one *before*, so the lengths are period, period·mult, period·mult² and so on.",
             [restarting(_cycles_of(lambda period, mult, number: period * mult * number)),
              restarting(_cycles_of(lambda period, mult, number: period * (1 + (mult - 1) * number))),
              restarting(_cycles_of(lambda period, mult, number: period * mult)),
              restarting(_cycles_of(lambda period, mult, number: period * mult ** (number - 1))),
              restarting(_cycles_of(lambda period, mult, number: period * mult ** (number * (number + 1) // 2))),
              restarting(_cycles_of(lambda period, mult, number: period * mult ** (number * (number - 1) // 2))),
              restarting(_cycles_of(lambda period, mult, number: period + mult * number))]),
     Mistake("restarts-first-length", "The restarts come in the right places for growing cycles, but the cosine "
             "inside them is still divided by the first period: it comes down too soon.",
             [restarting(lambda step, period, mult: (_cycle(step, period, mult)[0], period)),
              restarting(lambda step, period, mult: (min(_cycle(step, period, mult)[0], period), period))]),
     Mistake("restarts-from-zero", "Inside a longer cycle the steps are counted from the wrong place. A cycle starts "
             "where all the earlier ones together end, not at a multiple of its own length.",
             restarting(lambda step, period, mult: (step % _cycle(step, period, mult)[1], _cycle(step, period,
                 mult)[1]))),
     Mistake("restarts-mult-on-rate", "`mult` scales the rate here. It makes the cycles longer; each starts at "
             "base_lr.",
             lambda step, period, base_lr, min_lr=0.0, mult=1: anneal(
                 base_lr * mult ** (step // period), min_lr, step % period / period)),
     Mistake("restarts-no-half", "Each cycle starts at twice the rate: ½·(1 + cos) is missing its half.",
             restarting(_cycle, curve=lambda base, low, share: low + (base - low) * (1 + math.cos(math.pi * share)))),
     Mistake("restarts-linear", "Inside a cycle this is a straight line; asked for is half a cosine.",
             restarting(_cycle, curve=straight)),
     Mistake("restarts-min-added", "min_lr was added on top, so each cycle starts above base_lr. What shrinks is the "
             "distance between the two.",
             restarting(_cycle, curve=lambda base, low, share: low + anneal(base, 0, share))),
     Mistake("restarts-min-clamped", "It goes down towards 0 and is held up at min_lr on the way. Only the distance "
             "from base_lr to min_lr should shrink.",
             restarting(_cycle, curve=lambda base, low, share: max(low, anneal(base, 0, share)))),
     Mistake("restarts-min-ignored", "Each cycle goes down to 0 whatever min_lr is: `min_lr` is not used.",
             restarting(_cycle, curve=lambda base, low, share: anneal(base, 0, share))),
     Mistake("restarts-endless", "A loop never ends: what it compares does not change from round to round. With mult = "
             "1, the default, an end that is multiplied by mult stays where it is; the ends of the cycles are sums of "
             "their lengths.",
             shows=lambda finding, seen, case: "a loop that does not end" in seen.get("raised", {}).get("text", "")),
     Mistake("restarts-own-recursion", "It called itself without end: the recursion needs a step that gets smaller "
             "and a case that stops it.",
             shows=lambda finding, seen, case: seen.get("raised", {}).get("type") == "RecursionError")],
    OFF_LIMITS, "A loop that takes off completed cycles, and your `cosine`, are your tools.")
