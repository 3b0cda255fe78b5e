"""One HTML page on a class and a lesson: figures, tables, and what learners handed in. No script, nothing fetched.

Whatever stands on it is text that has been escaped: learners choose their names, and what was found quotes them.
"""

import base64
import io
from html import escape
from statistics import mean, median

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dlcourse.plots import COLOURS, FAINT, INK, STYLE

from .analysis import UNWRITTEN, Analysis, number_of, share, summary, waiting

MOST = 15  # misconceptions in the figure; the table has all
BINS = 12
WIDE = 9.9  # inches

CSS = """
:root { color-scheme: light dark; --paper: #fdfcf8; --ink: #2b2b2b; --soft: #6a665c; --line: #d8d4c8; --tint: #f3f0e7;
        --mark: #b04a00; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1c1b19; --ink: #e8e5dc; --soft: #a9a498; --line: #3d3a34; --tint: #272522; --mark: #f0a060;
          --bar: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
       font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .5rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.facts li { flex: 1 1 8rem; background: var(--tint); border-radius: .6rem; padding: .7rem 1rem; }
.facts b { display: block; font-size: 1.5rem; line-height: 1.25; font-weight: 600; }
.facts span { color: var(--soft); font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: .8125rem; vertical-align: bottom; }
td.number, th.number { text-align: right; padding-right: 1.25rem; white-space: nowrap;
                       font-variant-numeric: tabular-nums; }
td { overflow-wrap: anywhere; }
td.name, th.name { overflow-wrap: normal; white-space: nowrap; }
td:last-child:not(.number) { min-width: 15rem; }
code { font: .875em ui-monospace, monospace; }
.word { color: var(--mark); font-weight: 600; }
figure { margin: 1rem 0; }
img { display: block; max-width: 100%; height: auto; border-radius: .6rem; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page(analysis: Analysis) -> str:
    """The page as text."""
    title = escape(f"Lesson {analysis.lesson.replace('_', ' ')}: what the class knows")
    body = [f"<h1>{title}</h1>", f'<p class="soft">{escape(summary(analysis))}</p>', *_overview(analysis),
            *_exercises(analysis), *_misconceptions(analysis), *_learners(analysis)]
    return PAGE.format(title=title, css=CSS, body="\n".join(body))


def _overview(analysis: Analysis) -> list[str]:
    totals = analysis.totals
    facts = [(len(analysis.learners), "handed in"), (len(totals), "graded by the checks")]
    if totals:
        facts += [(f"{mean(totals):.1f}", f"mean, of {analysis.of:g} points"), (f"{median(totals):.1f}", "median")]
    facts += [(count, words) for status, words in (("broken", "could not be read"), ("lost", "could not be graded"),
                                                   ("waiting", "to be graded by hand"))
              if (count := analysis.having(status))]
    lines = ['<ul class="facts">', *(f"<li><b>{escape(str(fact))}</b><span>{escape(words)}</span></li>"
                                     for fact, words in facts), "</ul>"]
    if analysis.unprotected:
        bare = number_of(analysis.unprotected, "notebook")
        lines.append(f'<p><span class="word">{bare} ran without a sandbox:</span> what learners’ code did to the '
                     "machine or to each other is not known.</p>")
    if totals:
        lines.append(_figure(
            lambda ax: draw_totals(totals, analysis.of, ax), (WIDE, 2.8),
            f"Histogram of points from checks, of {analysis.of:g}: {number_of(len(totals), 'learner')}, lowest "
            f"{min(totals):g}, median {median(totals):g}, mean {mean(totals):.1f}, highest {max(totals):g}."))
    return lines


def _exercises(analysis: Analysis) -> list[str]:
    lines = ["<h2>Exercises</h2>",
             "<p>Over the learners whose notebooks could be read. <em>Discrimination</em> is the correlation of an "
             "exercise’s points with the points of all others: near 1, who masters it masters the rest; near 0 or "
             "below, it asks for something else or may be unclear. <em>Wrong, no name</em> counts wrong answers that "
             "are no mistake the check knows.</p>"]
    if analysis.totals:
        told = "; ".join(f"{one.name} {share(one.passed)}" for one in analysis.exercises)
        size = (WIDE, 0.7 + 0.28 * len(analysis.exercises))
        lines.append(_figure(lambda ax: draw_passed(analysis.exercises, ax), size,
                             f"Bars of the share of learners who passed each exercise: {told}."))
    rows = [[_code(one.name), f"{one.of:g}", share(one.passed), share(one.mean), _digits(one.discrimination),
             _digits(one.seconds), str(one.unwritten), str(one.unnamed)] for one in analysis.exercises]
    lines += _table(["exercise", "points", "passed", "mean score", "discrimination", "median seconds", "not written",
                     "wrong, no name"], rows, numbers=range(1, 8))
    lines += [f"<p>{_code(one.name)}, a written answer of {one.of:g} points: {escape(waiting(one))}.</p>"
              for one in analysis.written]
    return lines


def _misconceptions(analysis: Analysis) -> list[str]:
    lines = ["<h2>Misconceptions</h2>"]
    if not analysis.misconceptions:
        return [*lines, "<p>None that the checks know by name.</p>"]
    shown, left_out = analysis.misconceptions[:MOST], analysis.misconceptions[MOST:]
    if left_out:  # not some of those that are as frequent, and others not
        shown = [one for one in shown if one.count > left_out[0].count] or shown
    told = "; ".join(f"{one.exercise} {one.id} {one.count}" for one in shown)
    more = len(analysis.misconceptions) - len(shown)
    lines += [f"<p>Mistakes that the checks recognised, by name. Answers not yet written ({UNWRITTEN}) are not among "
              "them.</p>",
              _figure(lambda ax: draw_misconceptions(shown, ax), (WIDE, 0.7 + 0.28 * len(shown)),
                      f"Bars of how many learners showed each mistake{', the most frequent ones' if more else ''}: "
                      f"{told}.")]
    if more:
        lines.append(f'<p class="soft">{more} more in the table.</p>')
    rows = [[str(one.count), _code(one.exercise), _code(one.id), _prose(one.says)] for one in analysis.misconceptions]
    return lines + _table(["learners", "exercise", "name", "what it is"], rows, numbers=[0], names=(1, 2))


def _learners(analysis: Analysis) -> list[str]:
    most = analysis.of + sum(one.of for one in analysis.written)
    rows = []
    for one in analysis.learners:
        written = ["waiting" if one.points.get(answer.name, 0.0) is None else f"{one.points.get(answer.name, 0.0):g}"
                   for answer in analysis.written]
        word = "" if one.status in ("graded", "waiting") else f'<span class="word">{escape(one.status)}.</span> '
        late = [f"Late: {one.penalty:g} points less."] if one.penalty else []
        rows.append([escape(one.name), f"{one.total:g}", *written, word + escape(" ".join([*one.found, *late]))])
    headings = ["learner", f"points of {most:g}", *(f"{one.name}, of {one.of:g}" for one in analysis.written),
                "what was found"]
    return ["<h2>Learners</h2>",
            "<p>Points as the gradebook has them; a written answer counts once it is graded. What was found is for a "
            "person to judge: it took no points by itself.</p>",
            *_table(headings, rows, numbers=range(1, len(headings) - 1), names=(0,))]


def draw_totals(totals: list[float], of: float, ax) -> None:
    """Draw how many learners have how many points, and their mean."""
    bins = [of * number / BINS for number in range(BINS + 1)]
    ax.hist(totals, bins, color=COLOURS[0], rwidth=0.92)
    ax.axvline(mean(totals), color=COLOURS[1], linestyle=(0, (5, 1.5)), zorder=3)
    ax.annotate(f"mean {mean(totals):.1f}", (mean(totals), 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
                textcoords="offset points", va="bottom", ha="center", color=COLOURS[1])
    ax.set(xlim=(0, of), xlabel=f"points from checks, of {of:g}", ylabel="learners")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="x", visible=False)


def draw_passed(exercises, ax) -> None:
    """Draw the share of learners who passed each exercise, and a mark at the mean score."""
    rows = range(len(exercises))
    ax.barh(rows, [one.passed or 0 for one in exercises], color=COLOURS[0], height=0.7, label="passed")
    ax.plot([one.mean or 0 for one in exercises], rows, "D", color=COLOURS[1], markersize=5, label="mean score")
    ax.set(xlim=(0, 1.02), yticks=rows, yticklabels=[one.name for one in exercises])
    ax.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    _flat(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)


def draw_misconceptions(misconceptions, ax) -> None:
    """Draw how many learners showed each mistake, the most frequent on top."""
    rows = range(len(misconceptions))
    bars = ax.barh(rows, [one.count for one in misconceptions], color=COLOURS[1], height=0.7)
    ax.bar_label(bars, padding=4, color=INK)
    ax.set(yticks=rows, yticklabels=[_label(one) for one in misconceptions], xlabel="learners")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlim(0, max(one.count for one in misconceptions) * 1.08)
    _flat(ax)


def _label(misconception) -> str:
    return f"{misconception.exercise}: {misconception.id}"


def _flat(ax) -> None:
    """Rows from the top down, with lines for the values only."""
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_color(FAINT)


def _figure(draw, size: tuple[float, float], alt: str) -> str:
    """An image inside the page, on the course's own paper, which reads well in light and dark."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "dlcourse", "svg.fonttype": "path"}):
        figure = Figure(figsize=size)
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
        draw(figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    encoded = base64.b64encode(file.getvalue()).decode()
    return f'<figure><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{encoded}"></figure>'


def _table(headings, rows, numbers=(), names=(0,)) -> list[str]:
    """A table of cells that are HTML already."""
    def kind(column):
        return ' class="number"' if column in numbers else ' class="name"' if column in names else ""

    head = "".join(f"<th{kind(column)}>{escape(text)}</th>" for column, text in enumerate(headings))
    body = ["".join(f"<td{kind(column)}>{cell}</td>" for column, cell in enumerate(row)) for row in rows]
    return ['<div class="wide"><table>', f"<thead><tr>{head}</tr></thead>", "<tbody>",
            *(f"<tr>{row}</tr>" for row in body), "</tbody>", "</table></div>"]


def _code(name: str) -> str:
    return f"<code>{escape(name)}</code>"


def _prose(text: str) -> str:
    """A sentence of ours, with `code` in it."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
