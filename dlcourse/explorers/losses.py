"""The explorers of lesson 03: a real loss surface, the focal weight, CTC's alignments; and the lesson's own figures."""

import math
from functools import cache

import torch
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor
from torch.nn import functional as F

from .. import plots
from ..data import moons
from .explorer import Explorer, menu, slider

HEIGHTS = LinearSegmentedColormap.from_list("heights", ["#08306b", "#2f7fbc", "#a9cfe5", "#fbeed2", "#e69f00"])
INKS = LinearSegmentedColormap.from_list("inks", [plots.PAPER, plots.COLOURS[0]])

# ------------------------------------------------------------------------------------------ the loss surface


def contour(ax, alphas, heights: Tensor) -> None:
    """Draw heights (A, A), rows along β and columns along α, as filled contours with a mark at w."""
    ax.contourf(alphas, alphas, heights.numpy(), levels=14, cmap=HEIGHTS)
    ax.contour(alphas, alphas, heights.numpy(), levels=14, colors=plots.INK, linewidths=0.3, linestyles="-")
    ax.plot([0], [0], "X", color=plots.COLOURS[1], markeredgecolor=plots.PAPER, markersize=9)
    ends = [float(alphas[0]), 0.0, float(alphas[-1])]
    ax.set(xlabel="α", xticks=ends, yticks=ends)
    words = [_signed(f"{end:.2g}") for end in ends]
    ax.set_xticklabels(words)
    ax.set_yticklabels([words[0], "β", words[-1]], fontsize=9)
    ax.grid(False)


def _signed(number: str) -> str:
    """A number with a minus sign in place of a hyphen, as on the axes that matplotlib writes itself."""
    return number.replace("-", "−")


def relief(ax, alphas, heights: Tensor, turn: float = -60.0, steps: int = 25) -> None:
    """Draw the same heights as a surface in space, on axes of projection "3d", seen from the angle `turn`."""
    a, b = torch.meshgrid(torch.as_tensor(alphas), torch.as_tensor(alphas), indexing="xy")
    ax.plot_surface(a.numpy(), b.numpy(), heights.numpy(), cmap=HEIGHTS, rcount=steps, ccount=steps, linewidth=0)
    ax.view_init(35, turn)
    ax.set_box_aspect(None, zoom=0.85)  # room for the numbers beside it
    ax.set(xlabel="α", ylabel="β", facecolor=plots.PAPER)
    ax.tick_params(labelsize=7, pad=0)


def surface() -> Explorer:
    """The loss of a trained 12-layer net on the plane of two filter-normalised directions, plain or residual.

    Both surfaces are computed once, the first time each is shown.
    """
    return Explorer(_surface, {"net": menu("net", ["plain", "residual"]), "turn": slider("turn", -60, -180, 180, 5),
                               "reach": slider("reach", 1.0, 0.25, 1.0, 0.05),
                               "beta": slider("slice at β", 0, -1, 1, 0.05)},
                    size=(8.6, 3.2))


def _surface(figure, net: str, turn: float, reach: float, beta: float) -> str:
    alphas, table = _plane(net == "residual")
    kept = alphas.abs() <= reach + 1e-6
    near, heights = alphas[kept].round(decimals=2) + 0.0, table[kept][:, kept]
    beta = max(-reach, min(reach, beta))
    row = (near - beta).abs().argmin()
    contour(ax := figure.add_subplot(1, 3, 1), near, heights)
    ax.axhline(near[row].item(), color=plots.COLOURS[1], linewidth=1.5, linestyle="--")
    ax.set(title=f"{net}, log₁₀ loss")
    relief(figure.add_subplot(1, 3, 2, projection="3d"), near, heights, turn, 21)
    ax = figure.add_subplot(1, 3, 3)
    ax.plot(near, heights[row], color=plots.COLOURS[1])
    ax.set(title=f"slice at β = {_signed(f'{near[row].item() + 0.0:.2f}')}", xlabel="α")
    return (f"The {net} net's loss is {10 ** table[20, 20]:.3g} where it was trained to; on the part of the plane "
            f"that is shown it reaches {10 ** heights.max():.3g}, and on the slice {10 ** heights[row].max():.3g}.")


def _logits(weights: list[Tensor], x: Tensor, residual: bool) -> Tensor:
    h = torch.relu(x @ weights[0])
    for w in weights[1:-1]:
        h = torch.relu(h @ w) + (h if residual else 0)
    return h @ weights[-1]


@cache
def _plane(residual: bool, depth: int = 12, width: int = 16, cells: int = 41) -> tuple[Tensor, Tensor]:
    """α's (cells,) and log₁₀ losses (cells, cells) around a net trained on the moons."""
    x, y = moons(150)
    x = torch.cat([x, torch.ones(len(x), 1)], 1)  # the input's 1 stands for a bias
    generator = torch.Generator().manual_seed(1)
    sizes = [3] + [width] * (depth - 1) + [2]
    scale = 0.4 if residual else 1.0
    weights = [scale * math.sqrt(2 / a) * torch.randn(a, b, generator=generator) for a, b in zip(sizes, sizes[1:])]
    optimizer = torch.optim.Adam([w.requires_grad_() for w in weights], 0.005)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(_logits(weights, x, residual), y).backward()
        optimizer.step()
    with torch.no_grad():
        ways = [[(d := torch.randn(w.shape, generator=generator)) * w.norm(dim=0) / d.norm(dim=0) for w in weights]
                for _ in range(2)]
        alphas = torch.linspace(-1, 1, cells)
        losses = [F.cross_entropy(_logits([w + a * d + b * e for w, d, e in zip(weights, *ways)], x, residual), y)
                  for b in alphas for a in alphas]
    return alphas, torch.stack(losses).view(cells, cells).log10()


# --------------------------------------------------------------------------------------------------- focal γ


def focal() -> Explorer:
    """The focal loss of one sample, and what 50 easy samples weigh against one hard one."""
    return Explorer(_focal, {"gamma": slider("γ", 2.0, 0.0, 5.0, 0.1),
                             "p": slider("p of an easy sample", 0.9, 0.5, 0.99, 0.01)})


def _focal(figure, gamma: float, p: float) -> str:
    curve, bars = figure.subplots(1, 2)
    ps = torch.linspace(0.01, 0.999, 200)
    loss = lambda p, gamma: -(1 - p) ** gamma * torch.log(p)
    curve.plot(ps, loss(ps, 0.0), color=plots.FAINT, label="γ = 0, cross-entropy")
    curve.plot(ps, loss(ps, gamma), color=plots.COLOURS[0], label=f"γ = {gamma:.1f}")
    curve.axvline(p, color=plots.COLOURS[1], linewidth=1, linestyle="--", label="an easy sample")
    curve.set(title="loss of one sample", xlabel="p of its right class", ylim=(0, 4))
    curve.legend(loc="upper right", frameon=True, facecolor=plots.PAPER, edgecolor=plots.PAPER, framealpha=1)
    hard = torch.tensor(0.2)
    easy, one = 50 * loss(torch.tensor(p), gamma).item(), loss(hard, gamma).item()
    share = easy / (easy + one)
    drawn = bars.bar(["50 easy ones", "1 hard one, p = 0.2"], [100 * share, 100 - 100 * share],
                     color=[plots.COLOURS[0], plots.COLOURS[1]], hatch=["", "//"], edgecolor=plots.PAPER)
    bars.bar_label(drawn, fmt="%.0f %%")
    bars.set(title="share of the total loss", ylim=(0, 115), yticks=[0, 50, 100])
    return (f"With γ = {gamma:.1f}, fifty easy samples with p = {p:.2f} make {share:.0%} of the loss, one hard sample "
            f"with p = 0.2 the rest.")


# ---------------------------------------------------------------------------------------------- CTC's lattice


def alignments() -> Explorer:
    """CTC's lattice for a short word: how probable it is that each state is visited at each frame.

    The frames say the word's letters evenly, one after the other, as surely as `sharpness` makes them.
    """
    return Explorer(_alignments, {"word": menu("word", ["ab", "aa", "aba", "abba", "abc"], "aba"),
                                  "frames": slider("frames", 8, 2, 14, 1),
                                  "sharpness": slider("sharpness", 1.0, 0.0, 5.0, 0.25)})


def _alignments(figure, word: str, frames: float, sharpness: float) -> str:
    frames = int(frames)
    target = torch.tensor([1 + "abc".index(letter) for letter in word])
    logits = torch.zeros(frames, 4, dtype=torch.float64)
    said = target[(torch.arange(frames) * len(word)) // frames]
    logits[torch.arange(frames), said] = sharpness
    states, paths, probability, visits = lattice(logits.log_softmax(1), target)
    ax = figure.subplots()
    extent = (0.5, frames + 0.5, len(states) - 0.5, -0.5)
    ax.imshow(visits.T.numpy(), cmap=INKS, vmin=0, vmax=1, aspect="auto", extent=extent)
    times, rows = (visits > 0).nonzero(as_tuple=True)
    inks = [plots.PAPER if seen > 0.5 else plots.INK for seen in visits[times, rows].tolist()]
    ax.scatter(times + 1, rows, s=9, color=inks)
    ax.set(yticks=range(len(states)), yticklabels=["–" if s == 0 else "abc"[s - 1] for s in states.tolist()],
           xticks=range(1, frames + 1), xlabel="frame", ylabel="state")
    ax.grid(False)
    if not paths:
        ax.set(title=f"“{word}” does not fit into {frames} frames")
        return f"The word {word} does not fit into {frames} frames: p is 0 and the loss is infinite."
    counted = "1 alignment" if paths == 1 else f"{paths} alignments"
    ax.set(title=f"“{word}” in {frames} frames: {counted}, p = {probability:.2g}")
    return (f"“{word}” in {frames} frames has {counted}, with a total probability of {probability:.3g}, a loss of "
            f"{-math.log(probability):.2f}. A dot marks a state that one of them visits.")


def lattice(log_probs: Tensor, target: Tensor) -> tuple[Tensor, int, float, Tensor]:
    """The states of a target (S,) with blank 0, the number of its alignments, their probability, and the visits.

    visits (T, 2S + 1) is the probability, given the target, that an alignment is in that state at that frame.
    """
    states = torch.zeros(2 * len(target) + 1, dtype=torch.long)
    states[1::2] = target
    n = len(states)
    step = torch.eye(n, dtype=torch.float64) + torch.diag(torch.ones(n - 1, dtype=torch.float64), 1)
    for s in range(2, n):
        step[s - 2, s] = float(states[s] != 0 and states[s] != states[s - 2])
    first, last = (torch.zeros(n, dtype=torch.float64) for _ in range(2))
    first[:2], last[-2:] = 1, 1

    def run(emitted):
        forward, backward = [first * emitted[0]], [last]
        for row in emitted[1:]:
            forward.append(forward[-1] @ step * row)
        for row in emitted[1:].flip(0):
            backward.append(step @ (backward[-1] * row))
        return torch.stack(forward), torch.stack(backward[::-1])

    paths = int((run(torch.ones(len(log_probs), n, dtype=torch.float64))[0][-1] * last).sum())
    forward, backward = run(log_probs.double().exp()[:, states])
    probability = (forward[-1] * last).sum().item()
    return states, paths, probability, forward * backward / max(probability, 1e-300)


# ------------------------------------------------------------------------------------------ the lesson's figures


def as_digits(z: Tensor, labels: Tensor, ax, strangers: tuple[int, ...] = ()) -> None:
    """Draw each point of z (N, 2) as the digit that it is; the strangers in ink, the others in colour."""
    for digit in labels.unique().tolist():
        colour = plots.INK if digit in strangers else (plots.COLOURS + ["#8c6d1f", "#6a51a3"])[digit % 8]
        size = 42 if digit in strangers else 26
        ax.scatter(*z[labels == digit].T, marker=f"${digit}$", s=size, color=colour, linewidth=0.3)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def mask_over(image: Tensor, found: Tensor, ax, title: str) -> None:
    """Draw an image (H, W) and the outline of the pixels found (H, W)."""
    ax.imshow(image.numpy(), cmap="gray", vmin=-0.6, vmax=1.4)
    if found.any():
        ax.contour(found.float().numpy(), levels=[0.5], colors=[plots.COLOURS[5]], linewidths=2, linestyles="-")
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)
