"""The explorers of lesson 06: a boundary held back, two digits mixed, double descent; and the lesson's own drawings."""

from collections.abc import Callable, Sequence
from functools import cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator
from torch import Tensor, nn
from torch.nn import functional as F

from .. import plots
from ..data import digits, moons
from .explorer import Explorer, slider

POINTS = 60  # moons that the boundary is fitted to


def boundary() -> Explorer:
    """The boundary that a net draws between a few noisy moons, with dropout p and weight decay (AdamW's).

    Two hidden layers of 64 units, 250 steps on all 60 points at once.
    """
    decay = ipywidgets.FloatLogSlider(0.001, base=10, min=-3, max=1, step=0.25, description="weight decay",
                                      readout_format=".3f", continuous_update=True,
                                      style={"description_width": "initial"},
                                      layout=ipywidgets.Layout(width="300px"))
    return Explorer(_boundary, {"p": slider("dropout p", 0.0, 0.0, 0.9, 0.1), "decay": decay}, size=(5.4, 3.6),
                    slow="training…")


def _boundary(figure, p: float, decay: float) -> str:
    net, (x, y), (x_new, y_new) = fitted_boundary(round(p, 2), round(decay, 4))
    ax = figure.subplots()
    plots.decision_regions(net, x, y, ax)
    seen, new = ((net(points).argmax(1) == labels).float().mean().item() for points, labels in
                 ((x, y), (x_new, y_new)))
    ax.set(title=f"right: {seen:.0%} of these, {new:.0%} of new ones")
    return (f"With dropout {p:.1f} and weight decay {decay:.3g} the net gets {seen:.0%} of the {POINTS} training "
            f"points right and {new:.0%} of 1000 new ones.")


@cache
def fitted_boundary(p: float, decay: float) -> tuple:
    """A net in eval mode, the moons it was fitted to, and new ones."""
    points, new = moons(POINTS, 0.35, 1), moons(1000, 0.35, 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Dropout(p), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(p),
                            nn.Linear(64, 2))
        optimizer = torch.optim.AdamW(net.parameters(), 0.02, weight_decay=decay)
        for _ in range(250):
            optimizer.zero_grad()
            F.cross_entropy(net(points[0]), points[1]).backward()
            optimizer.step()
    return net.eval(), points, new


def mixing() -> Explorer:
    """Two digits, and what mixup makes of them at a share λ: the image and its label."""
    number = lambda label, value: ipywidgets.IntSlider(value, min=0, max=9, description=label,
                                                       style={"description_width": "initial"},
                                                       layout=ipywidgets.Layout(width="240px"))
    return Explorer(_mixing, {"first": number("first", 3), "second": number("second", 8),
                              "share": slider("λ", 0.6, 0.0, 1.0, 0.05)}, size=(8, 2.5), top=0.85)


def _mixing(figure, first: int, second: int, share: float) -> str:
    x, y, _, _ = digits()
    one, other = (x[(y == label).nonzero()[0, 0]].view(8, 8) for label in (first, second))
    *axes, between, right = figure.subplots(1, 5, width_ratios=(1, 1, 1, 0.15, 1.6))
    between.set_visible(False)
    titles = named(first), named(second), f"{share:.2f} and {1 - share:.2f}"
    for ax, image, title in zip(axes, (one, other, share * one + (1 - share) * other), titles):
        show_image(image[None], ax, title)
    label = torch.zeros(10)
    label[first] += share
    label[second] += 1 - share
    right.bar(range(10), label, color=plots.COLOURS[0])
    right.set(title="label", xticks=range(10), ylim=(0, 1.05))
    told = " and ".join(f"{value:.2f} for {number}" for number, value in enumerate(label.tolist()) if value > 0)
    return f"{named(first).capitalize()} and {named(second)}, mixed with λ = {share:.2f}: the label is {told}."


def named(number: int) -> str:
    """A digit with its article."""
    return f"an {number}" if number == 8 else f"a {number}"


def descent() -> Explorer:
    """Test error over the number of random features, for a number of training points and a noise."""
    count = ipywidgets.IntSlider(40, min=20, max=80, step=10, description="training points",
                                 style={"description_width": "initial"}, layout=ipywidgets.Layout(width="300px"))
    return Explorer(_descent, {"n_train": count, "noise": slider("noise", 0.5, 0.0, 1.0, 0.1)}, slow="fitting…")


def _descent(figure, n_train: int, noise: float) -> str:
    widths = [max(2, round(n_train * share)) for share in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1, 1.15, 1.3, 1.6, 2.2, 4,
                                                           8, 16)]
    errors = errors_of_widths(n_train, tuple(widths), round(noise, 2))
    ax = figure.subplots()
    descent_plot(widths, errors, n_train, ax)
    at = dict(zip(widths, errors))
    few = min((error, width) for width, error in at.items() if width < n_train)
    ax.set(title=f"test error, {n_train} points, noise {noise:.1f}", ylabel="",
           ylim=(0.6 * min(errors), 2 * max(errors)))
    return (f"With {n_train} training points and noise {noise:.1f} the lowest error with fewer features than points is "
            f"{few[0]:.2g} at width {few[1]}; at width {n_train} it is {at[n_train]:.2g}, and at width {widths[-1]} "
            f"{errors[-1]:.2g}.")


@cache
def errors_of_widths(n_train: int, widths: tuple[int, ...], noise: float, draws: int = 9) -> list[float]:
    """The median error of least squares on random ReLU features, which lesson 06 builds by hand."""
    generator = torch.Generator().manual_seed(0)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    found = []
    for _ in range(draws):
        target = F.normalize(normal(10), dim=0)
        x, new = normal(n_train, 10), normal(500, 10)
        y = x @ target + noise * normal(n_train)
        found.append([])
        for width in widths:
            v = normal(10, width)
            weights = torch.linalg.pinv(F.relu(x @ v)) @ y
            found[-1].append(F.mse_loss(F.relu(new @ v) @ weights, new @ target).item())
    return torch.tensor(found).median(0).values.tolist()


def descent_plot(widths: Sequence[int], errors: Sequence[float], n_train: int, ax=None) -> None:
    """Draw the test error over the width, and where the width is the number of training points."""
    ax = ax or plt.gca()
    ax.plot(widths, errors, "o-", color=plots.COLOURS[0], markersize=4)
    ax.axvline(n_train, color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("as many features\nas training points", (n_train, 0.97), xycoords=("data", "axes fraction"),
                xytext=(8, 0), textcoords="offset points", va="top")
    ax.set(xscale="log", yscale="log", xlabel="width: number of features", ylabel="test error")
    ticks = [tick for tick in (2, 5, 10, 20, 40, 80, 200, 400, 800) if min(widths) <= tick <= max(widths)]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


def photograph(height: int = 107, width: int = 160) -> Tensor:
    """A photograph of a flower that scikit-learn ships, (1, 3, height, width), pixels in [0, 1]."""
    from sklearn.datasets import load_sample_image
    image = torch.tensor(load_sample_image("flower.jpg")).permute(2, 0, 1)[None] / 255
    return F.interpolate(image, (height, width), mode="area")


def show_image(image: Tensor, ax, title: str = "") -> None:
    """Show one image (C, H, W) in [0, 1], one channel in grey."""
    pixels = image.detach().clamp(0, 1).permute(1, 2, 0)
    ax.imshow(pixels if pixels.shape[2] == 3 else pixels[..., 0], cmap="gray_r", vmin=0, vmax=1,
              interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)
    ax.grid(False)


def reliability(probs: Tensor, target: Tensor, ax=None, bins: int = 15, label: bool = False) -> None:
    """Draw the accuracy over the confidence in each bin; a point's area is the number of samples that its bin holds.

    With `label` the diagonal, where a calibrated net lies, is named.
    """
    ax = ax or plt.gca()
    confidence, chosen = probs.max(1)
    right, where = (chosen == target).float(), (confidence * bins).long().clamp(max=bins - 1)
    inside = [where == number for number in where.unique()]
    ax.plot([0, 1], [0, 1], color=plots.INK, linewidth=0.8, linestyle=":")
    if label:
        ax.annotate("as sure as right", (0.42, 0.49), rotation=45, rotation_mode="anchor", fontsize=8)
    ax.scatter([confidence[these].mean() for these in inside], [right[these].mean() for these in inside],
               s=[500 * these.float().mean() for these in inside], color=plots.COLOURS[0], zorder=3, clip_on=False)
    ax.set(xlabel="confidence", xlim=(0, 1.05), ylim=(-0.05, 1.08))


def attacked_digits(net: nn.Module, attack: Callable, epsilon: float, ax=None, shown: int = 4) -> None:
    """Show digits that the net gets right, above the same under attack, with what it says of each.

    attack(net, x, y, epsilon) gives the attacked images; of each class the one is shown that the net was surest of, of
    those that were turned.
    """
    ax = ax or plt.gca()
    _, _, x, y = digits()
    x = x.view(-1, 1, 8, 8)
    changed = attack(net, x, y, epsilon)
    with torch.no_grad():
        (surety, before), after = net(x).softmax(1).max(1), net(changed).argmax(1)
    surety = torch.where((before == y) & (after != y), surety, 0)
    surest = F.one_hot(y, 10).mul(surety[:, None]).max(0)
    chosen = surest.indices[surest.values.sort(descending=True).indices[:shown]]
    rows = [torch.cat([F.pad(image[i, 0], (0, 1), value=0.0) for i in chosen], 1) for image in (x, changed)]
    ax.imshow(torch.cat([F.pad(rows[0], (0, 0, 0, 3)), rows[1]]), cmap="gray_r", vmin=0, vmax=1)
    for place, i in enumerate(chosen):
        for height, said in ((9.2, before[i]), (20.2, after[i])):
            ax.annotate(f"says {said.item()}", (9 * place + 3.5, height), ha="center", va="center", fontsize=9,
                        annotation_clip=False)
    ax.set(xticks=[], yticks=[], ylim=(21, -0.5), title=f"before and after, ε = {epsilon:g}")
    ax.spines[:].set_visible(False)
    ax.grid(False)


def drives(paths: dict[str, Sequence[float]], ax=None, edge: float = 1.5, steps: int = 300) -> None:
    """Draw how far off the middle each driver is at each step (log scale); a cross where it leaves the road."""
    ax = ax or plt.gca()
    for number, (name, path) in enumerate(paths.items()):
        colour = plots.COLOURS[number]
        ax.plot(range(1, len(path) + 1), path, label=name, color=colour, linestyle=plots.DASHES[number], linewidth=1.5)
    off = [(len(path), max(-2.2, min(2.2, path[-1]))) for path in paths.values() if abs(path[-1]) > edge]
    if off:
        ax.plot(*zip(*off), "x", color=plots.INK, markersize=7, linestyle="", label="leaves the road")
    for side, word in ((-edge, ""), (edge, "edge of the road")):
        ax.axhline(side, color=plots.INK, linewidth=0.8, linestyle=":")
        ax.annotate(word, (steps, side), xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=8)
    ax.set(xlabel="step", xscale="log", xlim=(1, steps), ylim=(-2.5, 2.5))
    ax.xaxis.set_major_locator(FixedLocator([1, 10, 100]))
    ax.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    ax.xaxis.set_minor_locator(NullLocator())
