"""The explorers of lesson 10: a ring all-reduce step by step, a pipeline's timeline, and a memory planner."""

import ipywidgets

from .. import plots
from .explorer import Explorer, menu


def whole(label: str, value: int, low: int, high: int) -> ipywidgets.IntSlider:
    """A slider over whole numbers, with its name beside it."""
    return ipywidgets.IntSlider(value, min=low, max=high, description=label, continuous_update=True,
                                style={"description_width": "initial"}, layout=ipywidgets.Layout(width="260px"))


def ring() -> Explorer:
    """Which pieces each rank holds after so many steps of a ring all-reduce, and what it has sent."""
    ranks, step = whole("ranks", 4, 2, 6), whole("step", 2, 0, 6)
    ranks.observe(lambda change: setattr(step, "max", 2 * (change.new - 1)), names="value")
    return Explorer(_ring, {"ranks": ranks, "step": step}, size=(7, 3.2), top=0.84)


def counts(ranks: int, step: int) -> list[list[int]]:
    """For each rank and piece, how many ranks' numbers are in it after so many steps."""
    held = [[1] * ranks for _ in range(ranks)]
    for now in range(min(step, 2 * (ranks - 1))):
        before = [list(row) for row in held]
        for rank in range(ranks):
            piece, came = moved(ranks, now, rank), before[(rank - 1) % ranks]
            held[rank][piece] = came[piece] + (before[rank][piece] if now < ranks - 1 else 0)
    return held


def moved(ranks: int, step: int, rank: int) -> int:
    """The piece that reaches a rank in a step, counted from 0."""
    return (rank - step - 1) % ranks if step < ranks - 1 else (rank - (step - ranks + 1)) % ranks


def _ring(figure, ranks: int, step: int) -> str:
    step = min(step, 2 * (ranks - 1))
    held, ax = counts(ranks, step), figure.subplots()
    for rank in range(ranks):
        for piece in range(ranks):
            share = held[rank][piece] / ranks
            arrived = step > 0 and moved(ranks, step - 1, rank) == piece
            ax.add_patch(_box(piece, ranks - 1 - rank, plots.COLOURS[0], 0.12 + 0.6 * share, arrived))
            ax.text(piece + 0.5, ranks - 0.5 - rank, str(held[rank][piece]), ha="center", va="center",
                    fontweight="bold" if held[rank][piece] == ranks else "normal")
    ax.set(xlim=(0, ranks), ylim=(0, ranks), xticks=[k + 0.5 for k in range(ranks)],
           yticks=[k + 0.5 for k in range(ranks)], xticklabels=[f"piece {k}" for k in range(ranks)],
           yticklabels=[str(ranks - 1 - k) for k in range(ranks)])
    ax.set_ylabel("rank", labelpad=2)
    ax.grid(False)
    ax.tick_params(length=0)
    phase = "before the first step" if step == 0 else (
        f"step {step} of {2 * (ranks - 1)}: " + ("reduce-scatter" if step < ranks else "all-gather"))
    ax.set_title(f"{phase}\neach rank has sent {step}/{ranks} of the tensor")
    done = sum(count == ranks for row in held for count in row)
    return (f"{ranks} ranks, {phase}: {done} of {ranks * ranks} pieces hold the full sum, and each rank has sent "
            f"{step / ranks:.2f} times the tensor.")


def _box(x, y, colour, strength, marked):
    from matplotlib.patches import Rectangle
    return Rectangle((x + 0.04, y + 0.06), 0.92, 0.88, facecolor=(*_rgb(colour), strength),
                     edgecolor=plots.COLOURS[1] if marked else plots.FAINT, linewidth=2.5 if marked else 1)


def _rgb(colour):
    from matplotlib.colors import to_rgb
    return to_rgb(colour)


def pipeline() -> Explorer:
    """The timeline of GPipe or 1F1B: forwards and backwards of each micro-batch on each stage, and the bubble."""
    return Explorer(_pipeline, {"kind": menu("schedule", ["GPipe", "1F1B"], "1F1B"), "stages": whole("stages", 4, 1, 6),
                                "microbatches": whole("micro-batches", 8, 1, 12)}, size=(8.4, 2.9), top=0.82)


def timeline(kind: str, stages: int, microbatches: int) -> list[list[tuple[str, int, int]]]:
    """For each stage (what, micro-batch, begin), forward and backward one unit of time each."""
    orders = []
    for stage in range(stages):
        lead = microbatches if kind == "GPipe" else min(stages - stage - 1, microbatches)
        order = [("F", m) for m in range(lead)]
        for m in range(microbatches):
            order += [("F", lead + m)] * (lead + m < microbatches) + [("B", m)]
        orders.append(order)
    ends, clock, rows = {}, [0] * stages, [[] for _ in range(stages)]
    while any(orders):
        for stage, order in enumerate(orders):
            while order:
                what, m = order[0]
                source = stage - 1 if what == "F" else stage + 1
                if 0 <= source < stages and (what, m, source) not in ends:
                    break
                begin = max(clock[stage], ends.get((what, m, source), 0))
                rows[stage].append((what, m, begin))
                ends[what, m, stage] = clock[stage] = begin + 1
                order.pop(0)
    return rows


def most_kept(row) -> int:
    """The most micro-batches whose activations a stage holds at once."""
    held = [0]
    for what, _, _ in row:
        held.append(held[-1] + (1 if what == "F" else -1))
    return max(held)


def _pipeline(figure, kind: str, stages: int, microbatches: int) -> str:
    from matplotlib.collections import PolyCollection
    rows, ax = timeline(kind, stages, microbatches), figure.subplots()
    for what, colour in (("F", plots.COLOURS[4]), ("B", plots.COLOURS[5])):
        boxes = [_corners(begin, stage) for stage, row in enumerate(rows) for w, _, begin in row if w == what]
        ax.add_collection(PolyCollection(boxes, facecolor=colour, edgecolor=plots.PAPER, linewidth=1))
    end = max(begin + 1 for row in rows for _, _, begin in row)
    for stage, row in enumerate(rows):
        for what, m, begin in row:
            ax.text(begin + 0.5, stage, f"{m}" if end > 24 else f"{what}{m}", ha="center", va="center", fontsize=7)
        ax.text(end * 1.012, stage, f"keeps {most_kept(row)}", va="center", fontsize=8)
    bubble = 1 - 2 * microbatches / end
    ax.set(xlim=(0, end * 1.12), ylim=(stages - 0.4, -0.6), yticks=range(stages), xlabel="time")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("stage", labelpad=2)
    ax.grid(False)
    ax.set_title(f"{kind}: {end} units, of which each stage waits {end - 2 * microbatches} ({bubble:.0%})\n"
                 "F forward (blue), B backward (orange)")
    return (f"{kind}, stages: {stages}, micro-batches: {microbatches}. It takes {end} units of time; each stage waits "
            f"{bubble:.0%} of them, and stage 0 keeps up to {most_kept(rows[0])} micro-batches at once.")


def _corners(x, y):
    return [(x, y - 0.42), (x + 1, y - 0.42), (x + 1, y + 0.42), (x, y + 0.42)]


MODELS = {"1.5 billion": 1.5e9, "7.5 billion": 7.5e9, "70 billion": 70e9, "175 billion": 175e9, "1 trillion": 1e12}


def memory() -> Explorer:
    """The memory planner: bytes of weights, gradients and optimizer states per device, at each stage of ZeRO."""
    devices = ipywidgets.SelectionSlider(options=[2 ** k for k in range(13)], value=64, description="devices",
                                         style={"description_width": "initial"},
                                         layout=ipywidgets.Layout(width="260px"))
    return Explorer(_memory, {"parameters": menu("parameters", list(MODELS), "7.5 billion"), "devices": devices,
                              "stage": whole("stage", 1, 0, 3)}, size=(8, 2.9), top=0.84)


def planned(parameters: float, devices: int, stage: int) -> tuple[float, float, float]:
    """Gigabytes of weights, gradients and Adam's states on each device."""
    return tuple(parameters * size / (devices if stage >= first else 1) / 1e9
                 for size, first in ((2, 3), (2, 2), (12, 1)))


def _memory(figure, parameters: str, devices: int, stage: int) -> str:
    ax, names = figure.subplots(), ("weights", "gradients", "Adam's states")
    for row in range(4):
        left = 0.0
        for size, name, colour in zip(planned(MODELS[parameters], devices, row), names, plots.COLOURS):
            ax.barh(row, size, left=left, color=colour, alpha=1 if row == stage else 0.45,
                    label=name if row == stage else None)
            left += size
        ax.annotate(f"{left:,.1f} GB" if left < 1000 else f"{left:,.0f} GB", (left, row), (5, 0),
                    textcoords="offset points", va="center", fontweight="bold" if row == stage else "normal",
                    bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1})
    most = sum(planned(MODELS[parameters], devices, 0))
    ax.axvline(80, linestyle="--", color=plots.INK, linewidth=1)
    ax.set(yticks=range(4), xlim=(0, 1.18 * max(most, 80)), ylim=(3.6, -0.6), xlabel="GB on each device")
    ax.set_ylabel("stage", labelpad=2)
    ax.grid(False)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8, borderaxespad=0)
    total = sum(planned(MODELS[parameters], devices, stage))
    fits = "fits" if total <= 80 else "does not fit"
    ax.set_title(f"{parameters} parameters on {devices} device{'s' if devices > 1 else ''}, stage {stage}: "
                 f"{total:,.1f} GB each\nwhich {fits} in 80 GB (dashed)")
    return (f"{parameters} parameters on {devices} devices at ZeRO stage {stage}: {total:,.1f} GB of weights, "
            f"gradients and optimizer states on each device, which {fits} in 80 GB.")
