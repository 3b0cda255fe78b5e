"""The explorers of lesson 09: a plane of codes, a game of two networks as a film, and diffusion through time.

They make what they show themselves, once: a VAE and two GANs are trained at the first look; the diffusion's best
guess of the noise has a formula.
"""

import math
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from .. import plots
from ..data import digits
from .explorer import Explorer, menu, slider

SPREAD = 0.15  # the standard deviation of each of the eight clouds
ANGLES = torch.arange(8) * math.pi / 4
CENTERS = 2 * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)
MARKERS = "osv^<>DPX*"
RECIPES = {"D at a tenth of G's rate": 1e-4, "D at G's rate": 1e-3}
MOMENTS = (50, 200, 400, 600, 800, 1000, 1200, 1400, 1600)
TIMESTEPS = 50


def _net(*widths, bend=nn.ReLU) -> nn.Sequential:
    layers = [layer for sizes in zip(widths, widths[1:]) for layer in (nn.Linear(*sizes), bend())]
    return nn.Sequential(*layers[:-1])


def _ring(n: int, generator) -> torch.Tensor:
    cloud = torch.randint(8, (n,), generator=generator)
    return CENTERS[cloud] + SPREAD * torch.randn(n, 2, generator=generator)


# The plane of codes.


@cache
def _plane(steps: int = 1200) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A decoder of two latents, the codes (N, 2) of digits held out, and their labels."""
    x, _, x_new, y_new = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder, decoder = _net(64, 128, 128, 4), _net(2, 128, 128, 64)
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 3e-3)
        for _ in range(steps):
            batch = x[torch.randint(len(x), (128,))]
            mu, logvar = encoder(batch).chunk(2, dim=1)
            logits = decoder(mu + (logvar / 2).exp() * torch.randn_like(mu))
            cost = (mu.square() + logvar.exp() - logvar - 1).sum() / 2
            loss = (F.binary_cross_entropy_with_logits(logits, batch, reduction="sum") + cost) / 128
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return decoder.requires_grad_(False), encoder(x_new)[:, :2], y_new


@cache
def _map(reach: float = 3.0, places: int = 13) -> torch.Tensor:
    """One picture of `places` × `places` digits, decoded at a grid of codes from −reach to reach."""
    at = torch.linspace(-reach, reach, places)
    codes = torch.stack([at.repeat(places), -at.repeat_interleave(places)], 1)
    return torch.sigmoid(_plane()[0](codes)).view(places, places, 8, 8).permute(0, 2, 1, 3).reshape(8 * places, -1)


def latent_plane() -> Explorer:
    """The plane of a VAE's two latents: what is decoded all over it, the codes of new digits, and one chosen place."""
    return Explorer(_draw_plane, {"first": slider("z₁", 0.0, -3.0, 3.0, 0.1),
                                  "second": slider("z₂", 0.0, -3.0, 3.0, 0.1)}, size=(9.4, 3.6), slow="training…")


def _draw_plane(figure, first: float, second: float) -> str:
    decoder, codes, labels = _plane()
    grid, cloud, one = figure.subplots(1, 3, width_ratios=[1, 1, 0.6])
    grid.imshow(_map(), cmap="gray_r", vmin=0, vmax=1, extent=(-3.25, 3.25, -3.25, 3.25))
    colours = plots.COLOURS + [plots.INK, "#8c8c8c", "#7a5195", "#6b4f2a"]
    for label in range(10):
        cloud.scatter(*codes[labels == label].T, s=9, marker=MARKERS[label], color=colours[label], label=str(label))
    cloud.legend(fontsize=7, loc="center left", bbox_to_anchor=(0.99, 0.5), handletextpad=0.1, borderaxespad=0.2)
    grid.plot([first], [second], "s", color=plots.COLOURS[1], markerfacecolor="none", markersize=16, markeredgewidth=2)
    cloud.plot([first], [second], "+", color=plots.INK, markersize=16, markeredgewidth=2.5)
    for ax, title in ((grid, "decoded: $z_1$ across, $z_2$ up"), (cloud, "codes of new digits")):
        ax.set(title=title, xlim=(-3.25, 3.25), ylim=(-3.25, 3.25), aspect="equal")
    place = torch.tensor([[first, second]])
    one.imshow(torch.sigmoid(decoder(place)).view(8, 8), cmap="gray_r", vmin=0, vmax=1)
    distance, index = torch.cdist(place, codes).min(1)
    one.set(title=f"at ({first:.1f}, {second:.1f})", xticks=[], yticks=[])
    grid.grid(False)
    one.grid(False)
    return (f"Decoded at ({first:.1f}, {second:.1f}): the nearest code of a new digit, {distance.item():.2f} away, is "
            f"that of a {labels[index].item()}.")


# The game as a film.


@cache
def _film(rate: float) -> list[torch.Tensor]:
    """Samples (500, 2) of a generator on the ring at each of MOMENTS."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        forger, critic = _net(2, 64, 64, 2), _net(2, 64, 64, 1, bend=lambda: nn.LeakyReLU(0.2))
        rates = [(forger, 1e-3), (critic, rate)]
        move_forger, move_critic = (torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.999)) for net, lr in rates)
        data, looked = _ring(4096, torch.Generator().manual_seed(0)), torch.randn(500, 2)
        film = []
        for step in range(1, MOMENTS[-1] + 1):
            made = forger(torch.randn(128, 2))
            real = critic(data[torch.randint(4096, (128,))])
            move_critic.zero_grad()
            (F.softplus(-real) + F.softplus(critic(made.detach()))).mean().backward()
            move_critic.step()
            move_forger.zero_grad()
            F.softplus(-critic(made)).mean().backward()
            move_forger.step()
            if step in MOMENTS:
                film.append(forger(looked).detach())
    return film


def _near(samples: torch.Tensor) -> tuple[int, float]:
    """Modes reached, and the share of samples near one."""
    close = torch.cdist(samples, CENTERS) <= 3 * SPREAD
    return int(close.any(0).sum()), close.any(1).float().mean().item()


def gan_film() -> Explorer:
    """The film of a generator's samples on the ring, one frame of it large, and how many modes it reached all along."""
    frame = slider("frame", 2, 0, len(MOMENTS) - 1, 1)
    frame.readout_format = ".0f"
    return Explorer(_draw_film, {"recipe": menu("recipe", list(RECIPES)), "frame": frame}, size=(8.4, 4.4),
                    top=0.92, slow="training…")


def _draw_film(figure, recipe: str, frame: float) -> str:
    film, number = _film(RECIPES[recipe]), int(frame)
    strip = [f"step {moment}" for moment in MOMENTS]
    axes = figure.subplot_mosaic([strip, ["large"] * 3 + ["modes"] * 6], height_ratios=[1, 3])
    for ax, samples, name in zip(axes.values(), film, strip):
        ax.plot(*samples.T, ".", markersize=1)
        ax.set_title(name, size=8, loc="center", pad=3)
    count, share = _near(film[number])
    axes["large"].scatter(*CENTERS.T, s=130, facecolors="none", edgecolors=plots.COLOURS[1])
    axes["large"].scatter(*film[number].T, s=3, color=plots.COLOURS[0])
    for ax in [axes[name] for name in [*strip, "large"]]:
        ax.set(xlim=(-4, 4), ylim=(-4, 4), xticks=[], yticks=[], aspect="equal")
        ax.grid(False)
    axes["large"].set_title(f"step {MOMENTS[number]}: {count} modes, {share:.0%} near")
    for spine in axes[strip[number]].spines.values():
        spine.set(visible=True, color=plots.COLOURS[1], linewidth=2.5)
    right = axes["modes"]
    for index, (name, rate) in enumerate(RECIPES.items()):
        right.plot(MOMENTS, [_near(samples)[0] for samples in _film(rate)], marker="os"[index], label=name,
                   color=plots.COLOURS[index], linestyle=plots.DASHES[index])
    right.axvline(MOMENTS[number], ymax=0.8, color=plots.INK, linewidth=0.8, linestyle="-")
    right.set(ylim=(-0.3, 11), yticks=range(0, 9, 2), xlabel="step", title="modes reached, of 8")
    right.legend(loc="upper right", ncols=2, fontsize=8)
    return f"{recipe}, step {MOMENTS[number]}: {count} of 8 modes are reached, {share:.0%} of the samples are near one."


# Diffusion through time.


@cache
def _schedule() -> torch.Tensor:
    """The cosine schedule's ᾱ, (TIMESTEPS,)."""
    wave = [math.cos((k / TIMESTEPS + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(TIMESTEPS + 1)]
    kept = [max(after / before, 0.001) for before, after in zip(wave, wave[1:])]
    return torch.tensor(kept).cumprod(0)


def best_guess(x: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """The mean of the noise in x (N, 2), given x, where `left` is ᾱ: the eight clouds weighed by their likelihood."""
    variance = left * SPREAD ** 2 + 1 - left
    away = x[:, None] - left.sqrt() * CENTERS
    share = torch.softmax(-away.square().sum(2) / (2 * variance), 1)
    return (1 - left).sqrt() / variance * (share[:, :, None] * away).sum(1)


@cache
def _paths(n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """The data at each step of the way there, and samples at each step back, (TIMESTEPS + 1, n, 2) each."""
    generator, left = torch.Generator().manual_seed(0), _schedule()
    there = [_ring(n, generator)]
    for kept in left / torch.cat([torch.ones(1), left[:-1]]):
        there.append(kept.sqrt() * there[-1] + (1 - kept).sqrt() * torch.randn(n, 2, generator=generator))
    back = [torch.randn(n, 2, generator=generator)]
    for t in range(TIMESTEPS - 1, -1, -1):
        kept = left[t] / left[t - 1] if t else left[0]
        mean = (back[-1] - (1 - kept) / (1 - left[t]).sqrt() * best_guess(back[-1], left[t])) / kept.sqrt()
        back.append(mean + ((1 - kept).sqrt() * torch.randn(n, 2, generator=generator) if t else 0))
    return torch.stack(there), torch.stack(back[::-1])


def diffusion_time() -> Explorer:
    """Points of the ring on their way into noise, and noise on its way back, at a chosen number of steps."""
    steps = slider("steps of noise", 12, 0, TIMESTEPS, 1)
    steps.readout_format = ".0f"
    return Explorer(_draw_time, {"steps": steps}, size=(8.4, 3.1))


def _draw_time(figure, steps: float) -> str:
    number, (there, back) = int(steps), _paths()
    left = 1.0 if number == 0 else _schedule()[number - 1].item()
    near = [_near(points[number])[1] for points in (there, back)]
    axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.1])
    for ax, points, title in zip(axes, (there, back), (f"there, {number} steps in", f"back, {number} steps left")):
        ax.scatter(*points[number].T, s=3, color=plots.COLOURS[0])
        ax.set(xlim=(-3.4, 3.4), ylim=(-3.4, 3.4), xticks=[], yticks=[], title=title)
        ax.grid(False)
    axes[2].plot(range(TIMESTEPS + 1), [1.0, *_schedule().tolist()])
    axes[2].plot([number], [left], "o", color=plots.COLOURS[1], markersize=8)
    axes[2].set(title="ᾱ, what is left of the data", xlabel="steps of noise", ylim=(-0.03, 1.05))
    return (f"After {number} of {TIMESTEPS} steps ᾱ is {left:.3f}; within {3 * SPREAD:.2f} of the middle of a cloud of "
            f"the data lie {near[0]:.0%} of the points on the way there and {near[1]:.0%} of those on the way back.")
