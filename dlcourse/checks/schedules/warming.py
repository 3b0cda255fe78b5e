"""The checks of the schedules that begin with a warm-up: looked at step by step."""

import math

from ..core import Check, Mistake
from .drawing import ARITHMETIC, OFF_LIMITS, rate, whole
from .formulas import cosine_like
from .stepping import anneal, stage, straight

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


def _wsd_by_steps(left):
    """A warmup_stable_decay that takes `stable` and `decay` for steps; left(step, stable, decay) scales base_lr."""
    def schedule(step, warmup, stable, decay, base_lr):
        if step < stable:
            return wsd()(step, warmup, stable, decay, base_lr)
        return base_lr * left(step, stable, decay)
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
     Mistake("wsd-all-as-steps", "`stable` and `decay` are read as the steps where their stretches end. They are "
             "lengths: the plateau ends at warmup + stable, and the descent `decay` steps after that.",
             [_wsd_by_steps(lambda step, stable, decay: 0.0 if step >= decay else (decay - step) / (decay - stable)),
              _wsd_by_steps(lambda step, stable, decay: max(0.0, 1 - (step - stable) / (decay - stable)))]),
     Mistake("wsd-counts-from-one", "Climb and descent are both one step ahead, as if steps counted from 1. Step 0 is "
             "at 0, step warmup at base_lr, and so is the first of the descent.",
             wsd(lambda step, warmup, base: base * (step + 1) / warmup,
                 fall=lambda base, done, decay: base * max(0.0, 1 - (done + 1) / decay))),
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
