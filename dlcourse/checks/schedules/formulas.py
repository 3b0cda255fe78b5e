"""The checks of the schedules that are formulas: looked at step by step."""

import contextlib
import math
import os
import sys

from ..core import Check, Mistake, Part
from ..watching import importing
from .drawing import ARITHMETIC, OFF_LIMITS, rate, whole

LINES = 20_000  # that an answer may run for one step: hundreds of times what any right one needs
LIBRARIES = ("site-packages", os.path.dirname(os.__file__), "<frozen")


def at_steps(answer, steps, **options):
    """What answer(step, …) gives at each of the steps."""
    ours = str(getattr(answer, "__module__", "")).startswith("dlcourse.checks.")
    seen = {}
    for step in steps:
        with contextlib.nullcontext() if ours else ending():
            seen[f"step {step}"] = answer(step, **options)
    return seen


@contextlib.contextmanager
def ending():
    """Where a loop of the learner's that never ends is stopped by an error.

    What libraries run does not count, nor what runs while one is imported, which must not be broken off.
    """
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if event == "call" and (any(part in frame.f_code.co_filename for part in LIBRARIES) or importing(frame)):
            return None
        lines += event == "line"
        if lines > LINES:
            raise RuntimeError(f"stopped after {LINES} lines of Python, in a loop that does not end")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def call(name):
    """The call in words, for a case of `at_steps`."""
    def shows(case):
        options = ", ".join(f"{key}={value:g}" for key, value in case.items() if key != "steps")
        steps = case["steps"]
        which = f"from {steps[0]} to {steps[-1]}" + (", but a few" if len(steps) <= steps[-1] - steps[0] else "")
        return f"{name}(step, {options}) at the steps {which}"
    return shows


def stage(name, exercise, share, holds, cases):
    """A part that looks at a schedule step by step."""
    return Part(name, share, holds, cases, at_steps, shows=call(exercise))


def anneal(start, end, share):
    """Half a cosine from start (share 0) to end (share 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def straight(start, end, share):
    """A straight line from start (share 0) to end (share 1)."""
    return start + (end - start) * share


# ------------------------------------------------------------------------------------------------ step_decay


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
     _stretches),
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
             steps_down(cut=lambda base, gamma, k: (base * gamma) ** k))],
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
     Mistake("cosine-back-to-base", "After `total` it is back at base_lr. The rate that it came down to should stay.",
             [lambda step, total, base_lr, min_lr=0.0: base_lr if step > total else anneal(base_lr, min_lr,
              step / total),
              cosine_like(lambda step, total: step % total / total)]),
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
    return [{"steps": list(range(20)), "period": whole(g, 5, 6), "base_lr": rate(g), "min_lr": 0.13, "mult": mult}
            for mult in (1, 2)]


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

# --------------------------------------------------------------------------------------------- warmup_cosine


def warmed(climb=lambda step, warmup, base, low: base * step / warmup,
           share=lambda step, warmup, total: min(1, (step - warmup) / (total - warmup)),
           curve=anneal, ends=lambda step, warmup: step < warmup):
    """Make a warmup_cosine out of its climb, the share of the descent done, its curve, and while it climbs."""
    def schedule(step, warmup, total, base_lr, min_lr=0.0):
        if ends(step, warmup):
            return climb(step, warmup, base_lr, min_lr)
        return curve(base_lr, min_lr, share(step, warmup, total))
    return schedule


def _climb(g):
    warmup, base = whole(g, 5, 9), rate(g)
    return [{"steps": list(range(warmup + 1)), "warmup": warmup, "total": 4 * warmup + 3, "base_lr": base}]


def _after_climb(g):
    warmup = whole(g, 4, 7)
    return [{"steps": list(range(warmup, 4 * warmup + 3)), "warmup": warmup, "total": 4 * warmup + 2,
             "base_lr": rate(g)}]


def _warm_to_floor(g):
    return [{"steps": list(range(21)), "warmup": whole(g, 4, 7), "total": 20, "base_lr": rate(g), "min_lr": 0.12}]


def _warm_past_the_end(g):
    return [{"steps": list(range(16, 40)), "warmup": whole(g, 3, 5), "total": 18, "base_lr": rate(g), "min_lr": low}
            for low in (0.0, 0.05)]


def _without_warmup(g):
    return [{"steps": list(range(14)), "warmup": 0, "total": whole(g, 11, 13), "base_lr": rate(g)}]


warmup_cosine = Check(
    "warmup_cosine", "warmup_cosine(step, warmup, total, base_lr, min_lr)", warmed(),
    [stage("climb", "warmup_cosine", 0.35, "a straight line from 0 at step 0 to base_lr at step = warmup", _climb),
     stage("descent", "warmup_cosine", 0.25, "then half a cosine, from base_lr at warmup to 0 at total", _after_climb),
     stage("floor", "warmup_cosine", 0.15, "with min_lr the descent ends there, and the climb still starts at 0",
           _warm_to_floor),
     stage("afterwards", "warmup_cosine", 0.1, "after total it stays at min_lr", _warm_past_the_end),
     stage("no warm-up", "warmup_cosine", 0.15, "warmup = 0 is a plain cosine", _without_warmup)],
    [Mistake("warmup-starts-above-zero", "Step 0 gets base_lr/warmup already, and base_lr comes a step early. That "
             "is (step + 1)/warmup, as some libraries do it; here the line starts at 0 and arrives at step = warmup.",
             [warmed(lambda step, warmup, base, low: base * (step + 1) / warmup),
              warmed(lambda step, warmup, base, low: base * min(1, (step + 1) / warmup),
                     ends=lambda step, warmup: step <= warmup)]),
     Mistake("warmup-early", "base_lr is reached one step early: the climb is divided by warmup − 1.",
             [warmed(lambda step, warmup, base, low: base * step / (warmup - 1)),
              warmed(lambda step, warmup, base, low: base * step / max(1, warmup - 1))]),
     Mistake("warmup-late", "base_lr is reached late: at step = warmup the climb should be over.",
             [warmed(lambda step, warmup, base, low: base * step / (warmup + 1),
                     ends=lambda step, warmup: step <= warmup),
              warmed(lambda step, warmup, base, low: base * (step + 1) / (warmup + 1)),
              warmed(lambda step, warmup, base, low: base * step / (warmup + 1)),
              warmed(lambda step, warmup, base, low: base * max(step - 1, 0) / warmup,
                     ends=lambda step, warmup: step <= warmup)]),
     Mistake("warmup-none", "There is no warm-up: it starts at base_lr.",
             [warmed(ends=lambda step, warmup: False, share=lambda step, warmup, total: max(
                 0, min(1, (step - warmup) / (total - warmup)))),
              warmed(ends=lambda step, warmup: False, share=lambda step, warmup, total: min(1, step / total))]),
     Mistake("warmup-integer", "step // warmup is 0 until warmup is reached: a single slash divides into fractions.",
             [warmed(lambda step, warmup, base, low: base * (step // warmup)),
              warmed(lambda step, warmup, base, low: base * (step // warmup), share=lambda step, warmup, total:
                     (step - warmup) // (total - warmup))]),
     Mistake("warmup-no-base", "The climb runs from 0 to 1, whatever base_lr is.",
             warmed(lambda step, warmup, base, low: step / warmup)),
     Mistake("warmup-downwards", "The climb runs downwards: at step 0 the rate is highest.",
             warmed(lambda step, warmup, base, low: base * (1 - step / warmup))),
     Mistake("warmup-curved", "The climb is a curve; a straight line is asked for.",
             [warmed(lambda step, warmup, base, low: anneal(0, base, step / warmup)),
              warmed(lambda step, warmup, base, low: base * (step / warmup) ** 2)]),
     Mistake("warmup-times-cosine", "The climb is multiplied by a cosine that has been falling since step 0, so "
             "base_lr is never reached. One follows the other.",
             lambda step, warmup, total, base_lr, min_lr=0.0: cosine_like()(step, total, base_lr, min_lr)
             * (min(1, step / warmup) if warmup else 1)),
     Mistake("warmup-cosine-not-shifted", "After the climb the rate jumps down: the cosine counts its steps from 0. "
             "It should start, at base_lr, where the climb ends.",
             [warmed(share=lambda step, warmup, total: min(1, step / total)),
              warmed(share=lambda step, warmup, total: min(1, step / (total - warmup))),
              warmed(share=lambda step, warmup, total: step / total),
              warmed(share=lambda step, warmup, total: step / (total - warmup))]),
     Mistake("warmup-cosine-too-long", "The descent does not arrive at `total`: what is left after the climb is "
             "total − warmup steps.",
             [warmed(share=lambda step, warmup, total: min(1, (step - warmup) / total)),
              warmed(share=lambda step, warmup, total: (step - warmup) / total)]),
     Mistake("warmup-cosine-one-off", "The descent is one step off at an end: it should start, with share 0, at step = "
             "warmup and be complete, with share 1, at step = total.",
             [warmed(share=lambda step, warmup, total: min(1, (step - warmup) / (total - warmup - 1))),
              warmed(share=lambda step, warmup, total: min(1, (step - warmup + 1) / (total - warmup))),
              warmed(share=lambda step, warmup, total: min(1, (step - warmup) / (total - warmup + 1)))]),
     Mistake("warmup-cosine-linear", "The descent is a straight line; half a cosine is asked for.",
             warmed(curve=straight)),
     Mistake("warmup-from-min", "The climb starts at min_lr. It starts at 0; min_lr is where the descent ends.",
             [warmed(lambda step, warmup, base, low: low + (base - low) * step / warmup),
              warmed(lambda step, warmup, base, low: max(low, base * step / warmup))]),
     Mistake("warmup-min-added", "min_lr was added on top of the cosine, so it jumps above base_lr. What shrinks is "
             "the distance from base_lr to min_lr.",
             warmed(curve=lambda base, low, share: low + anneal(base, 0, share))),
     Mistake("warmup-min-ignored", "The descent goes to 0 whatever min_lr is: `min_lr` is not used.",
             warmed(curve=lambda base, low, share: anneal(base, 0, share))),
     Mistake("warmup-rises-again", "After `total` the cosine turns back up, and the rate with it. It should stay at "
             "min_lr.", warmed(share=lambda step, warmup, total: (step - warmup) / (total - warmup))),
     Mistake("warmup-zero", "With warmup = 0 it divides by zero. There is no climb then, and step 0 belongs to the "
             "descent already.",
             [warmed(ends=lambda step, warmup: step <= warmup),
              lambda step, warmup, total, base_lr, min_lr=0.0: base_lr * min(1.0, step / warmup) if step < warmup
              or step / warmup < 1 else warmed()(step, warmup, total, base_lr, min_lr)]),
     Mistake("warmup-zero-starts-at-zero", "With warmup = 0 step 0 gets a rate of 0. There is no climb then: it "
             "starts at base_lr.", [warmed(lambda step, warmup, base, low: base * step / max(1, warmup),
                                    ends=lambda step, warmup: step < max(1, warmup)),
                             warmed(lambda step, warmup, base, low: base * step / max(1, warmup),
                                    ends=lambda step, warmup: step <= 0 or step < warmup)])],
    OFF_LIMITS, "Arithmetic and your `cosine` are your tools.")

# ------------------------------------------------------------------------------------------------- one_cycle


def cycled(peak=lambda pct, total: pct * total - 1, last=lambda total: total - 1, up=anneal, down=anneal,
           start=lambda top, div, final: top / div, end=lambda top, div, final: top / div / final):
    """Make a one_cycle out of the steps where it peaks and ends, its two curves, and its two low rates."""
    def schedule(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
        top, finish = peak(pct_start, total), last(total)
        low, lowest = start(max_lr, div, final_div), end(max_lr, div, final_div)
        if step <= top:
            return up(low, max_lr, step / top)
        return down(max_lr, lowest, (step - top) / (finish - top))
    return schedule


def _fall_by(share):
    """A one_cycle with another share of the fall, out of (step, total, the step of the peak)."""
    def schedule(step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4):
        peak = pct_start * total - 1
        if step <= peak:
            return anneal(max_lr / div, max_lr, step / peak)
        return anneal(max_lr, max_lr / div / final_div, share(step, total, peak))
    return schedule


def _rising(g):
    total = 10 * whole(g, 4, 6)
    return [{"steps": list(range(round(0.3 * total))), "total": total, "max_lr": rate(g)}]


def _falling(g):
    total = 10 * whole(g, 3, 5)
    return [{"steps": list(range(round(0.3 * total), total)), "total": total, "max_lr": rate(g)}]


def _any_numbers(g):
    return [{"steps": list(range(25)), "total": 25, "max_lr": rate(g), "pct_start": 0.46, "div": 5.0, "final_div": 8.0},
            {"steps": list(range(24)), "total": 24, "max_lr": rate(g), "pct_start": 0.2, "div": 4.0, "final_div": 50.0}]


one_cycle = Check(
    "one_cycle", "one_cycle(step, total, max_lr, pct_start, div, final_div)", cycled(),
    [stage("rise", "one_cycle", 0.4, "half a cosine up from max_lr/25 to max_lr at step 0.3·total − 1", _rising),
     stage("fall", "one_cycle", 0.3, "half a cosine down, to the first rate / 10 000 at step total − 1", _falling),
     stage("any numbers", "one_cycle", 0.3, "pct_start, div and final_div are what they say", _any_numbers)],
    [Mistake("one-cycle-peak-late", "The peak comes one step late. Steps count from 0, so the last of the first "
             "pct_start·total steps is number pct_start·total − 1.",
             [cycled(lambda pct, total: pct * total), cycled(lambda pct, total: pct * total, lambda total: total),
              cycled(lambda pct, total: int(pct * total)), cycled(lambda pct, total: round(pct * total))]),
     Mistake("one-cycle-peak-of-last", "The peak is at pct_start·(total − 1). PyTorch puts it at pct_start·total − 1.",
             cycled(lambda pct, total: pct * (total - 1))),
     Mistake("one-cycle-never-ends", "The lowest rate is not reached: the last step is number total − 1, not total.",
             cycled(last=lambda total: total)),
     Mistake("one-cycle-phases-apart", "The fall is one step off: it should start from the peak at pct_start·total − 1 "
             "and take all the steps from there to total − 1.",
             [lambda step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4, gap=gap: cycled()(
                 step, total, max_lr, pct_start, div, final_div) if step <= pct_start * total - 1 else anneal(
                 max_lr, max_lr / div / final_div, (step - pct_start * total + shift) / ((1 - pct_start) * total + gap))
              for shift, gap in ((0, 0), (0, -1))]
             + [lambda step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4: cycled()(
                 step, total, max_lr, pct_start, div, final_div) if step <= pct_start * total - 1 else anneal(
                 max_lr, max_lr / div / final_div, (step - pct_start * total + 1) / ((1 - pct_start) * total - 1))]),
     Mistake("one-cycle-truncated", "The peak was rounded to a whole step. It may lie between two steps: only the "
             "default happened to give a whole number.",
             [cycled(lambda pct, total: int(pct * total) - 1), cycled(lambda pct, total: round(pct * total) - 1),
              cycled(lambda pct, total: int(pct * total - 1)), cycled(lambda pct, total: math.ceil(pct * total) - 1),
              cycled(lambda pct, total: round(pct * total - 1)),
              cycled(lambda pct, total: math.ceil(pct * total - 1))]),
     Mistake("one-cycle-fall-not-shifted", "At the peak the rate jumps down: the fall counts its steps from 0. It "
             "should start, at max_lr, where the rise ends.",
             [_fall_by(lambda step, total, peak: step / (total - 1 - peak)),
              _fall_by(lambda step, total, peak: step / (total - 1))]),
     Mistake("one-cycle-fall-rises", "After the peak it starts from the lowest rate and climbs: the two ends of the "
             "fall have changed places.", cycled(down=lambda a, b, share: anneal(b, a, share))),
     Mistake("one-cycle-rise-falls", "The first part starts at max_lr and falls: the two ends of the rise have changed "
             "places.", [cycled(up=lambda a, b, share: anneal(b, a, share)),
                         cycled(up=lambda a, b, share: anneal(b, a, share),
                                down=lambda a, b, share: anneal(b, a, share))]),
     Mistake("one-cycle-linear", "The lines are straight; PyTorch's default, and what is asked for, is half a cosine "
             "each way.", [cycled(up=straight, down=straight), cycled(up=straight), cycled(down=straight)]),
     Mistake("one-cycle-div-swapped", "div and final_div are swapped: div gives the first rate, final_div the last.",
             [cycled(start=lambda top, div, final: top / final, end=lambda top, div, final: top / final / div),
              cycled(start=lambda top, div, final: top / final, end=lambda top, div, final: top / div)]),
     Mistake("one-cycle-final-of-max", "The last rate is max_lr/final_div. final_div divides the *first* rate, which "
             "is max_lr/div.", cycled(end=lambda top, div, final: top / final)),
     Mistake("one-cycle-final-ignored", "The fall ends at the first rate again: it goes down much further, to that "
             "rate over final_div.", cycled(end=lambda top, div, final: top / div)),
     Mistake("one-cycle-ends-at-zero", "The fall ends at 0: it should end at the first rate over final_div.",
             cycled(end=lambda top, div, final: 0.0)),
     Mistake("one-cycle-starts-at-zero", "The rise starts at 0; it starts at max_lr/div.",
             [cycled(start=lambda top, div, final: 0.0),
              cycled(start=lambda top, div, final: 0.0, end=lambda top, div, final: 0.0)]),
     Mistake("one-cycle-div-as-rate", "div is what max_lr is divided by, not a rate, and neither is final_div.",
             [cycled(start=lambda top, div, final: div, end=lambda top, div, final: final),
              cycled(start=lambda top, div, final: 1 / div, end=lambda top, div, final: 1 / div / final),
              cycled(start=lambda top, div, final: top * div, end=lambda top, div, final: top * div / final)]),
     Mistake("one-cycle-no-rise", "It starts at the peak: the first pct_start of the steps should lead up to it.",
             [lambda step, total, max_lr, pct_start=0.3, div=25.0, final_div=1e4: anneal(
                 max_lr, max_lr / div / final_div, step / (total - 1)),
              cycled(start=lambda top, div, final: top)]),
     Mistake("one-cycle-middle", "The peak is in the middle: `pct_start` is not used.",
             [cycled(lambda pct, total: total / 2), cycled(lambda pct, total: total / 2 - 1),
              cycled(lambda pct, total: (total - 1) / 2), cycled(lambda pct, total: total // 2)]),
     Mistake("one-cycle-pct-ignored", "The peak is at 30 % whatever pct_start is.",
             cycled(lambda pct, total: 0.3 * total - 1)),
     Mistake("one-cycle-div-ignored", "The rates at the two ends are those of div = 25 and final_div = 10 000, "
             "whatever was asked for.", [cycled(start=lambda top, div, final: top / 25,
                                               end=lambda top, div, final: top / 25 / 1e4),
                                        cycled(start=lambda top, div, final: top / 25,
                                               end=lambda top, div, final: top / 25 / final),
                                        cycled(start=lambda top, div, final: top / 25),
                                        cycled(end=lambda top, div, final: top / 25 / 1e4),
                                        cycled(end=lambda top, div, final: top / 25 / final),
                                        cycled(end=lambda top, div, final: top / div / 1e4)]),
     Mistake("one-cycle-no-half", "It overshoots max_lr: 1 + cos runs from 2 to 0, so a half is missing.",
             [cycled(up=lambda a, b, share: b + (a - b) * (1 + math.cos(math.pi * share)),
                     down=lambda a, b, share: b + (a - b) * (1 + math.cos(math.pi * share))),
              cycled(up=lambda a, b, share: a + (b - a) * (1 - math.cos(math.pi * share)),
                     down=lambda a, b, share: b + (a - b) * (1 + math.cos(math.pi * share)))])],
    OFF_LIMITS, "Arithmetic and `math.cos` are your tools; a helper that goes from one number to another along half "
    "a cosine serves both phases.")

# --------------------------------------------------------------------------------------- warmup_stable_decay


def wsd(climb=lambda step, warmup, base: base * step / warmup, begins=lambda warmup, stable: warmup + stable,
        fall=lambda base, done, decay: base * max(0.0, 1 - done / decay),
        climbs=lambda step, warmup: step < warmup, flat=lambda step, end: step < end):
    """Make a warmup_stable_decay out of its climb, the step where the descent begins, and the descent."""
    def schedule(step, warmup, stable, decay, base_lr):
        if climbs(step, warmup):
            return climb(step, warmup, base_lr)
        end = begins(warmup, stable)
        return base_lr if flat(step, end) else fall(base_lr, step - end, decay)
    return schedule


def _wsd_done(done):
    """A warmup_stable_decay whose descent counts its steps by (step, warmup, stable)."""
    def schedule(step, warmup, stable, decay, base_lr):
        if step < warmup + stable:
            return wsd()(step, warmup, stable, decay, base_lr)
        return base_lr * max(0.0, 1 - done(step, warmup, stable) / decay)
    return schedule


def _wsd_case(g, first, last, warmup=None, stable=None):
    """One case from step `first` to step `last`, functions of (warmup, stable, decay)."""
    lengths = (whole(g, 4, 6) if warmup is None else warmup, whole(g, 8, 11) if stable is None else stable, whole(g,
        5, 7))
    return {"steps": list(range(first(*lengths), last(*lengths) + 1)), "warmup": lengths[0], "stable": lengths[1],
            "decay": lengths[2], "base_lr": rate(g)}


warmup_stable_decay = Check(
    "warmup_stable_decay", "warmup_stable_decay(step, warmup, stable, decay, base_lr)", wsd(),
    [stage("plateau", "warmup_stable_decay", 0.4, "from 0 up to base_lr at step = warmup, then level for `stable` "
            "steps",
           lambda g: [_wsd_case(g, lambda w, s, d: 0, lambda w, s, d: w + s)]),
     stage("decay", "warmup_stable_decay", 0.3, "then a straight line, to 0 after `decay` more steps",
           lambda g: [_wsd_case(g, lambda w, s, d: w + s - 1, lambda w, s, d: w + s + d),
                      _wsd_case(g, lambda w, s, d: 0, lambda w, s, d: w + s + d, stable=0)]),
     stage("afterwards", "warmup_stable_decay", 0.15, "0 after that",
           lambda g: [_wsd_case(g, lambda w, s, d: w + s + d, lambda w, s, d: w + s + 2 * d + 3)]),
     stage("no warm-up", "warmup_stable_decay", 0.15, "warmup = 0 starts at base_lr",
           lambda g: [_wsd_case(g, lambda w, s, d: 0, lambda w, s, d: s + 2, warmup=0)])],
    [Mistake("wsd-starts-above-zero", "Step 0 gets base_lr/warmup already, and base_lr comes a step early. The climb "
             "starts at 0 and arrives at step = warmup.",
             [wsd(lambda step, warmup, base: base * (step + 1) / warmup)]),
     Mistake("wsd-early", "base_lr is reached one step early: the climb is divided by warmup − 1.",
             [wsd(lambda step, warmup, base: base * step / (warmup - 1)),
              wsd(lambda step, warmup, base: base * step / max(1, warmup - 1))]),
     Mistake("wsd-late", "base_lr is reached late: at step = warmup the climb should be over.",
             [wsd(lambda step, warmup, base: base * step / (warmup + 1), climbs=lambda step, warmup: step <= warmup),
              wsd(lambda step, warmup, base: base * (step + 1) / (warmup + 1)),
              wsd(lambda step, warmup, base: base * step / (warmup + 1))]),
     Mistake("wsd-no-warmup", "There is no climb: it starts at base_lr.", wsd(climbs=lambda step, warmup: False)),
     Mistake("wsd-integer", "step // warmup is 0 until warmup is reached: a single slash divides into fractions.",
             wsd(lambda step, warmup, base: base * (step // warmup))),
     Mistake("wsd-no-base", "The climb runs from 0 to 1, whatever base_lr is.",
             wsd(lambda step, warmup, base: step / warmup)),
     Mistake("wsd-lengths-as-steps", "The descent begins too soon: `stable` is a length, counted from the end of the "
             "climb, not the number of a step.",
             [wsd(begins=lambda warmup, stable: stable), wsd(begins=lambda warmup, stable: max(stable, warmup)),
              wsd(begins=lambda warmup, stable: stable, fall=lambda base, done, decay: base * max(0.0, min(
                  1.0, 1 - done / decay)))]),
     Mistake("wsd-decay-as-step", "`decay` is read as the step at which 0 is reached. It is a length: 0 comes at "
             "warmup + stable + decay.",
             lambda step, warmup, stable, decay, base_lr: wsd()(step, warmup, stable, decay, base_lr)
             if step < warmup + stable else base_lr * max(0.0, (decay - step) / (decay - warmup - stable))),
     Mistake("wsd-cosine", "The descent is a cosine; a straight line is asked for.",
             wsd(fall=lambda base, done, decay: anneal(base, 0.0, min(1, done / decay)))),
     Mistake("wsd-of-total", "The descent is measured on the whole run, (total − step)/total, so it starts with a "
             "jump. It goes from base_lr to 0 within its own `decay` steps.",
             lambda step, warmup, stable, decay, base_lr: wsd()(step, warmup, stable, decay, base_lr)
             if step < warmup + stable else base_lr * max(0.0, 1 - step / (warmup + stable + decay))),
     Mistake("wsd-decay-not-shifted", "The descent counts its steps from the wrong place: step warmup + stable is its "
             "number 0, so both lengths come off.",
             [_wsd_done(lambda step, warmup, stable: step - stable),
              _wsd_done(lambda step, warmup, stable: step - warmup)]),
     Mistake("wsd-one-off", "The descent is one step off: its first step, warmup + stable, should still be at base_lr, "
             "and 0 be reached at warmup + stable + decay.",
             [wsd(fall=lambda base, done, decay: base * max(0.0, 1 - (done + 1) / decay)),
              wsd(fall=lambda base, done, decay: base * max(0.0, 1 - done / (decay - 1))),
              wsd(fall=lambda base, done, decay: base * max(0.0, 1 - done / (decay + 1))),
              wsd(fall=lambda base, done, decay: base * max(0.0, 1 - (done - 1) / decay), flat=lambda step, end:
                  step <= end)]),
     Mistake("wsd-drop", "After the plateau it drops to 0 at once: the last `decay` steps should lead down.",
             wsd(fall=lambda base, done, decay: 0.0)),
     Mistake("wsd-no-decay", "It never comes down: after the plateau the last `decay` steps lead to 0.",
             wsd(fall=lambda base, done, decay: base)),
     Mistake("wsd-upside-down", "The descent is upside down: it drops and climbs again. What is left of the way, not "
             "what is done, scales base_lr.", wsd(fall=lambda base, done, decay: base * min(1.0, done / decay))),
     Mistake("wsd-negative", "After the end the rate is below 0: the line goes on. A negative rate climbs the loss; "
             "stop at 0.", wsd(fall=lambda base, done, decay: base * (1 - done / decay))),
     Mistake("wsd-held", "After the end it is back at base_lr, or stays above 0. It should be 0 from there on.",
             [wsd(fall=lambda base, done, decay: base * (1 - done / decay) if done < decay else base),
              wsd(fall=lambda base, done, decay: base * (1 - min(done, decay - 1) / decay))]),
     Mistake("wsd-zero", "With warmup = 0 it divides by zero. There is no climb then.",
             [wsd(climbs=lambda step, warmup: step <= warmup),
              lambda step, warmup, stable, decay, base_lr: min(base_lr * step / warmup, wsd()(
                  max(step, warmup), warmup, stable, decay, base_lr))]),
     Mistake("wsd-zero-starts-at-zero", "With warmup = 0 step 0 gets a rate of 0. There is no climb then: it starts "
             "at base_lr.", [wsd(lambda step, warmup, base: base * step / max(1, warmup),
                              climbs=lambda step, warmup: step < max(1, warmup))])],
    OFF_LIMITS, ARITHMETIC)
