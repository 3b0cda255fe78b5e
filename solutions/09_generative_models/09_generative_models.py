# %% [markdown]
# # Learning to make data
#
# Lesson 9 · generative models · about four hours
#
# [← 8 residual networks](../08_residual_networks/08_residual_networks.ipynb) ·
# [10 training at scale →](../10_training_at_scale/10_training_at_scale.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - build an autoencoder and a variational one, say what each term of its loss does, and walk through its latent space;
# - train a generator against a discriminator, watch it drop most of the data, measure that, and cure it;
# - write a diffusion model, from the noise schedule to the last denoising step, and draw new samples from it;
# - say with a number, not only a picture, how good samples are, and what that number does not see;
# - judge when made-up data helps a classifier that has few labels.
#
# The models are small, and so is the data: points in the plane, where you can see everything, and digits of 8×8
# pixels.

# %%
import math
from functools import cache

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import generative_models as check
from dlcourse.data import digits, moons
from dlcourse.explorers import generative_models as explore
from dlcourse.payoff import once_written
from dlcourse.training import fit, progress

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it
x_train, y_train, x_test, y_test = digits()

# %%
def show(images: torch.Tensor, ax, title: str, columns: int = 8) -> None:
    """Draw digits (N, 64) as one picture, `columns` in a row."""
    rows = F.pad(images.detach().view(-1, columns, 8, 8), (1, 1, 1, 1))
    ax.imshow(rows.permute(0, 2, 1, 3).reshape(-1, columns * 10), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=title)
    ax.grid(False)


def bars(values: dict[str, float], ax, form: str) -> None:
    """Draw a bar for each of the values, from the top, with its number beside it."""
    names, numbers = list(values)[::-1], list(values.values())[::-1]
    drawn = ax.barh(names, numbers, color=plots.COLOURS[0])
    ax.bar_label(drawn, [form.format(number) for number in numbers], padding=3)
    ax.set(xlim=(0, 1.2 * max(numbers)))
    ax.grid(axis="y", visible=False)

# %% [markdown]
# A *generative model* learns to make new data like the data it was shown. Here is the simplest one: for each pixel
# take the value that this pixel has in some digit, drawn anew for every pixel. Each pixel alone is perfect. Together
# they are dust, since all that makes a digit lies in how pixels hang together.

# %% demo=true
figure, axes = plt.subplots(1, 2, figsize=(7, 2.2))
generator = torch.Generator().manual_seed(0)
donors = torch.randint(len(x_train), (16, 64), generator=generator)
show(x_train[:16], axes[0], "digits")
show(x_train.gather(0, donors), axes[1], "every pixel right, no digit")
plots.alt("Left: sixteen digits. Right: sixteen pictures made pixel by pixel, dust without a "
          "digit.")

# %% [markdown]
# ## Through a narrow place
#
# An *autoencoder* learns to give back what it gets, through a bottleneck. An encoder makes a short *code* $z$ of the
# input, a decoder makes the input again from the code alone (Rumelhart, Hinton and Williams 1986; with many layers,
# Hinton and Salakhutdinov 2006):
#
# $$z = \mathrm{encode}(x), \qquad \hat x = \mathrm{decode}(z), \qquad \text{made small: } \lVert x - \hat x \rVert^2$$
#
# The code's space is the *latent space*: a compressed representation of the data, which nobody labelled. With $d$
# numbers in the code, $\hat x$ can move in at most $d$ directions when $x$ moves, so the matrix of slopes $\partial
# \hat x / \partial x$, the Jacobian, has rank $d$ at most. That is how the check sees that your bottleneck is one.
#
# `mlp` makes a stack of linear layers for you, with an activation between them (`bend`).

# %%
def mlp(*widths: int, bend=nn.ReLU) -> nn.Sequential:
    """Linear layers of these widths, the input's first; a bend between them, none at the end."""
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), bend()]
    return nn.Sequential(*layers[:-1])

# %% [markdown]
# **Exercise.** Write `Autoencoder`. `encode` takes x (N, dim) to codes (N, latent), `decode` takes codes back to (N,
# dim), and calling the module gives the reconstruction only. The layers in between and the range of the output are
# your choice. What is said about its pictures below was measured with two hidden layers of 128 each way, and no
# sigmoid: take those, and try others later.

# %% exercise="Autoencoder"
class Autoencoder(nn.Module):
    """Squeeze x (N, dim) through `latent` numbers and back."""

    def __init__(self, dim: int, latent: int):
        super().__init__()
        ### BEGIN SOLUTION
        self.inwards = mlp(dim, 128, 128, latent)
        self.outwards = mlp(latent, 128, 128, dim)
        ### END SOLUTION

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Codes (N, latent) of x (N, dim)."""
        ### BEGIN SOLUTION
        return self.inwards(x)
        ### END SOLUTION

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Reconstructions (N, dim) of codes (N, latent)."""
        ### BEGIN SOLUTION
        return self.outwards(z)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The reconstruction (N, dim) of x (N, dim)."""
        ### BEGIN SOLUTION
        return self.decode(self.encode(x))
        ### END SOLUTION

# %% check="Autoencoder" points=4
check.Autoencoder(Autoencoder)

# %% [markdown]
# Every model below but the adversarial one is trained by the same few lines: batches drawn at random, Adam, and a
# learning rate that rises and falls once (lesson 5). What `@cache` stands above is trained once and remembered; run
# its cell again to train it anew, with your latest code.

# %%
def minimise(loss_of, model, data, steps, lr, batch=128, seed=0) -> list[float]:
    """Train `model` on loss_of(batch); the loss, a mean over each twentieth of the run."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.1)
    history = []
    for _ in progress(range(steps), "training"):
        chosen = torch.randint(len(data), (batch,), generator=generator)
        loss = loss_of(data[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        history.append(loss.item())
    part = max(1, steps // 20)
    return [sum(history[k:k + part]) / part for k in range(0, steps - part + 1, part)]

# %%
@cache
def train_autoencoder(data: torch.Tensor, latent: int, steps: int = 1500, seed: int = 0):
    """An autoencoder of x (N, dim), trained on the squared error; weights frozen."""
    torch.manual_seed(seed)
    model = Autoencoder(data.shape[1], latent)
    minimise(lambda x: F.mse_loss(model(x), x), model, data, steps, 2e-3, seed=seed)
    return model.requires_grad_(False)

# %% [markdown]
# First in the plane, where a code of one number means that all reconstructions lie on a curve; then on digits, 64
# numbers through 8, with digits that the model has never seen.

# %% demo=true
with once_written("Autoencoder"):
    figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), width_ratios=[1.2, 1, 1])
    half_circles = moons(600, noise=0.1)[0]
    flat = train_autoencoder(half_circles, 1, 800)
    axes[0].scatter(*half_circles.T, s=5, color=plots.COLOURS[4], label="data")
    axes[0].scatter(*flat(half_circles).T, s=7, marker="s", color=plots.COLOURS[1],
                    label="back again")
    axes[0].set(title="2 numbers through 1", xlabel="$x_1$", ylabel="$x_2$", ylim=(-1.6, 1.4))
    axes[0].legend(loc="lower left", fontsize=8)
    squeezed = train_autoencoder(x_train, 8)
    show(x_test[:24], axes[1], "new digits", 6)
    show(squeezed(x_test[:24]), axes[2], "64 through 8 and back", 6)
    plots.alt("Left: points on two half circles, and what comes back through one number, a curve "
              "along both and across the gap. Right: digits, and softer ones that came through "
              "eight numbers.")
    plt.show()

# %% [markdown]
# The curve runs along both half circles, drops what lies across it, and has to cross the gap between the two, where
# no data is. The digits come back a little softer: what eight numbers can hold is what digits have in common. Uses
# of this are compression, features for other tasks, and finding odd inputs: the dust of the opening comes back far
# worse than new digits do.
#
# Is it a generator? The decoder makes a digit of any code, but of which codes? Nothing arranged them. Here are codes
# drawn from a normal distribution with the mean and the covariance of the real ones.

# %%
@torch.no_grad()
def from_normal_codes(model: nn.Module, n: int = 1000, seed: int = 0) -> torch.Tensor:
    """Decode n codes drawn from a normal with mean and covariance of the training digits' codes."""
    codes = model.encode(x_train)
    noise = torch.randn(n, codes.shape[1], generator=torch.Generator().manual_seed(seed))
    spread = torch.linalg.cholesky(torch.cov(codes.T))
    return model.decode(codes.mean(0) + noise @ spread.T).clamp(0, 1)

# %% demo=true
with once_written("Autoencoder"):
    figure, ax = plt.subplots(figsize=(5, 1.6))
    squeezed = train_autoencoder(x_train, 8)
    show(from_normal_codes(squeezed, 24), ax, "an autoencoder's codes, drawn at random", 12)
    plots.alt("What an autoencoder decodes of codes drawn at random: some are digits, some are "
              "none.")
    plt.show()

# %% [markdown]
# Some are digits, some are none: the real codes do not lie as a normal distribution does. One way on is to fit them a
# better distribution afterwards, which we shall try. The other is to train the encoder so that they do lie that way.
#
# ## A code that is a cloud
#
# The *variational autoencoder*, VAE, does that (Kingma and Welling 2013; Rezende et al. 2014). The encoder
# answers with a whole distribution of codes, a normal with its own mean $\mu$ and variance $\sigma^2$ for each
# coordinate; the decoder gets a sample of it; and all these clouds are drawn towards one *prior*, the standard
# normal. What is trained that way can be asked for new data: draw $z$ from the prior and decode it.
#
# To learn, the gradient has to get through the throw of the dice. The *reparameterization trick* moves the dice out
# of the way: throw $\varepsilon$, which depends on nothing, then compute
#
# $$z = \mu + \sigma \odot \varepsilon, \qquad \varepsilon \sim \mathcal N(0, I), \qquad \sigma = e^{\frac12 \log \sigma^2}$$
#
# where $\odot$ multiplies entry by entry. Networks give $\log \sigma^2$ (`logvar`), which may have any sign.
#
# **Exercise.** Write `reparameterize`. Where a generator is given all randomness comes from it
# (`torch.randn(…, generator=generator)`, for any generator or None); `torch.distributions` is off limits.

# %% exercise="reparameterize"
def reparameterize(mu: torch.Tensor, logvar: torch.Tensor,
                   generator: torch.Generator | None = None) -> torch.Tensor:
    """A sample z of N(mu, exp(logvar)), each entry with its own noise; same shape and dtype as mu.

    mu, logvar (N, latent). Gradients reach both. Each call draws fresh noise.
    """
    ### BEGIN SOLUTION
    noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + torch.exp(0.5 * logvar) * noise
    ### END SOLUTION

# %% check="reparameterize" points=3
check.reparameterize(reparameterize)

# %% [markdown]
# How far is a cloud from the prior? The Kullback–Leibler divergence measures, in nats, how many more nats it takes
# to describe samples of one distribution $q$ with a code made for another, $p$. It is 0 where the two are the same,
# never negative, and not symmetric. For two normals it can be written down (Kingma and Welling 2013, appendix B):
#
# $$\mathrm{KL}\left(\mathcal N(\mu, \sigma^2) \,\Vert\, \mathcal N(0, 1)\right) = \tfrac12 \left(\mu^2 + \sigma^2 - 1 - \log \sigma^2\right)$$
#
# and for independent coordinates it is the sum of theirs.
#
# **Exercise.** Write `kl_to_standard_normal`, one number for each sample, again without `torch.distributions`.

# %% exercise="kl_to_standard_normal"
def kl_to_standard_normal(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL of N(mu, exp(logvar)) from N(0, 1), summed over the latent axis: (N, latent) → (N,)."""
    ### BEGIN SOLUTION
    return 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    ### END SOLUTION

# %% check="kl_to_standard_normal" points=3
check.kl_to_standard_normal(kl_to_standard_normal)

# %% [markdown]
# Check it against its meaning: the mean of $\log q(z) - \log p(z)$ over samples $z$ of $q$, more and more of them.
# This uses your two functions together.

# %% demo=true
with once_written("reparameterize", "kl_to_standard_normal"):
    figure, ax = plt.subplots(figsize=(5.6, 2.4))
    mu, logvar = torch.tensor([[1.0]]), torch.tensor([[-2.0]])
    z = reparameterize(mu.expand(20_000, 1), logvar, torch.Generator().manual_seed(0))
    log_q, log_p = -(z - mu) ** 2 / (2 * logvar.exp()) - logvar / 2, -z ** 2 / 2
    running = (log_q - log_p).flatten().cumsum(0) / torch.arange(1, 20_001)
    ax.semilogx(range(1, 20_001), running, label="mean over samples")
    ax.axhline(kl_to_standard_normal(mu, logvar).item(), color=plots.INK, linestyle=":",
               linewidth=1.2, label="closed form")
    ax.set(xlabel="samples", ylabel="KL, nats")
    ax.legend()
    plt.show()

# %% [markdown]
# ## What a VAE makes small
#
# We would like the probability $p(x)$ of the data to be large. It is an integral over all codes, which has no closed
# form. But for any $q(z \mid x)$, since $p(x, z) = p(x)\, p(z \mid x)$,
#
# $$\log p(x) = \mathbb E_{q(z \mid x)} \log \frac{p(x, z)}{q(z \mid x)} + \mathrm{KL}\left(q(z \mid x) \,\Vert\, p(z \mid x)\right)$$
#
# A divergence is never negative, so the first term is a bound from below: the *evidence lower bound*, ELBO. With
# $p(x, z) = p(x \mid z)\, p(z)$ it is
#
# $$\mathbb E_{q(z \mid x)} \log p(x \mid z) - \mathrm{KL}\left(q(z \mid x) \,\Vert\, p(z)\right)$$
#
# how well the decoder explains $x$ from a code drawn for it, less what the code costs. Raising the bound raises $\log
# p(x)$, or narrows the gap, or both; a normal $q$ rarely closes it. This is *variational inference*. The loss is the
# ELBO's negative. With a probability for each pixel as output, $\log p(x \mid z)$ is minus the binary cross-entropy
# of lesson 3, summed over pixels. A weight $\beta$ on the KL shifts the balance (Higgins et al. 2017). $\beta = 1$ is
# the ELBO; above 1 the bound is looser, below 1 it is none:
#
# $$L = \mathrm{BCE}(\text{logits}, x) + \beta\, \mathrm{KL}$$
#
# Sums matter: average over pixels and sum over latents, and the KL weighs 64 times too much.
#
# **Exercise.** Write `elbo_loss`: both terms summed over every axis but the first, then the mean over the batch,
# stable for large logits. `F.binary_cross_entropy_with_logits` is allowed; look up its `reduction`.

# %% exercise="elbo_loss"
def elbo_loss(recon_logits: torch.Tensor, x: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor,
              beta: float = 1.0) -> torch.Tensor:
    """Negative ELBO with Bernoulli pixels, a scalar to be made small.

    recon_logits, x (N, …), x in [0, 1]; mu, logvar (N, latent); beta weighs the KL.
    """
    ### BEGIN SOLUTION
    surprise = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="none")
    surprise = surprise.flatten(start_dim=1).sum(dim=1)
    return (surprise + beta * kl_to_standard_normal(mu, logvar)).mean()
    ### END SOLUTION

# %% check="elbo_loss" points=4
check.elbo_loss(elbo_loss)

# %% [markdown]
# Our pixels are grey, not 0 or 1, so the first term is no true likelihood (Loaiza-Ganem and Cunningham 2019 repair
# it); as a cost it serves. Three models: $\beta$ a quarter, 1 and 4, with eight latents, measured on digits that
# were held out.

# %%
class VAE(nn.Module):
    """An encoder to (mu, logvar), a decoder to logits or points."""

    def __init__(self, dim: int, latent: int, width: int = 128):
        super().__init__()
        self.encoder = mlp(dim, width, width, 2 * latent)
        self.decoder = mlp(latent, width, width, dim)

    def encode(self, x):
        """mu and logvar, each (N, latent), of x (N, dim)."""
        return self.encoder(x).chunk(2, dim=1)

    def forward(self, x):
        """Reconstruction of one sample of the code, mu, logvar."""
        mu, logvar = self.encode(x)
        return self.decoder(reparameterize(mu, logvar)), mu, logvar

# %%
@cache
def train_vae(beta: float, latent: int = 8, steps: int = 1500, seed: int = 0):
    """A VAE of the training digits, weights frozen, and its loss over the run."""
    torch.manual_seed(seed)
    vae = VAE(64, latent)

    def loss_of(x):
        logits, mu, logvar = vae(x)
        return elbo_loss(logits, x, mu, logvar, beta)
    history = minimise(loss_of, vae, x_train, steps, 3e-3, seed=seed)
    return vae.requires_grad_(False), history


def terms(vae: VAE, x: torch.Tensor) -> tuple[float, float]:
    """The two terms of the negative ELBO on x: reconstruction and KL, nats per digit."""
    logits, mu, logvar = vae(x)
    kl = kl_to_standard_normal(mu, logvar).mean().item()
    return elbo_loss(logits, x, mu, logvar).item() - kl, kl

# %% [markdown]
# With so few latents the integral can be estimated after all: draw many codes from $q(z \mid x)$ and average $p(x, z)
# / q(z \mid x)$ over them (Burda et al. 2016). That shows how far below $\log p(x)$ the bound lies.

# %%
@torch.no_grad()
def surprise(vae: VAE, x: torch.Tensor, draws: int = 200, seed: int = 0) -> float:
    """−log p(x), nats per digit, estimated from `draws` codes for each."""
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = vae.encode(x)
    logs = []
    for _ in range(draws):
        z = reparameterize(mu, logvar, generator)
        costs = F.binary_cross_entropy_with_logits(vae.decoder(z), x, reduction="none").sum(dim=1)
        prior_over_q = ((z - mu) ** 2 / logvar.exp() + logvar - z ** 2).sum(dim=1) / 2
        logs.append(prior_over_q - costs)
    return math.log(draws) - torch.stack(logs).logsumexp(dim=0).mean().item()

# %% demo=true
with once_written("reparameterize", "kl_to_standard_normal", "elbo_loss"):
    BETAS = (0.25, 1.0, 4.0)
    trained = {beta: train_vae(beta) for beta in BETAS}
    figure, axes = plt.subplots(1, 2)
    axes[0].plot(range(75, 1501, 75), trained[1.0][1])
    axes[0].set(title="β = 1", xlabel="step", ylabel="negative ELBO, nats")
    for k, beta in enumerate(BETAS):
        reconstruction, kl = terms(trained[beta][0], x_test)
        axes[1].bar(k, reconstruction, color=plots.COLOURS[0],
                    label="reconstruction" if k == 0 else None)
        axes[1].bar(k, kl, bottom=reconstruction, color=plots.COLOURS[1], hatch="//",
                    edgecolor=plots.PAPER, label="KL" if k == 0 else None)
        axes[1].annotate(f"{reconstruction:.1f} + {kl:.1f}", (k, reconstruction + kl + 0.8),
                         ha="center")
        axes[1].plot(k, surprise(trained[beta][0], x_test), "D", color=plots.INK, markersize=5,
                     label="−log p(x)" if k == 0 else None)
    axes[1].set(xticks=range(3), xticklabels=[f"β = {b:g}" for b in BETAS], ylim=(0, 37),
                title="new digits, nats each")
    axes[1].legend(ncols=3, loc="upper left", fontsize=8, columnspacing=1)
    plt.show()

# %% [markdown]
# A small $\beta$ buys sharper reconstructions with a dearer code; a large one the reverse. Their sum, the negative
# ELBO, is lowest at $\beta = 1$, as it should be: that model was trained on it. The gap to $-\log p(x)$ is widest at
# the small $\beta$.
#
# At $\beta = 4$ the KL is nearly 0: the encoder gives the same cloud for every digit, and the decoder ignores it. That
# is *posterior collapse* (Bowman et al. 2016). It is no accident: with $\beta = 4$ the middle model would cost more
# than the collapsed one, since its KL would count four times. At $\beta = 1$ some of the eight latents have collapsed
# already, each on its own.
#
# Now draw codes from the prior, with $\beta = 1$, and walk a plane of codes: the second VAE below has two latents,
# and its codes can be seen.

# %%
@torch.no_grad()
def vae_samples(vae: VAE, n: int = 1000, seed: int = 0, drawn: bool = False) -> torch.Tensor:
    """Decode n codes drawn from the prior: each pixel's mean, or black or white `drawn` with it."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, vae.decoder[0].in_features, generator=generator)
    means = torch.sigmoid(vae.decoder(z))
    return torch.bernoulli(means, generator=generator) if drawn else means

# %% demo=true
with once_written("reparameterize", "kl_to_standard_normal", "elbo_loss"):
    vae = train_vae(1.0)[0]
    flat_vae = train_vae(1.0, latent=2)[0]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=[1, 1.3])
    at = torch.special.ndtri(torch.linspace(0.03, 0.97, 12))
    show(torch.sigmoid(flat_vae.decoder(torch.cartesian_prod(-at, at).flip(1))), axes[0],
         "two latents, a grid of codes", 12)
    show(vae_samples(vae, 60), axes[1], "eight latents, codes drawn at random", 10)
    plots.alt("Left: what a grid of two-number codes decodes to, digits that turn into their "
              "neighbours. Right: soft digits decoded from eight numbers drawn at random.")
    plt.show()

# %% [markdown]
# Walk the plane yourself: what is decoded on a grid of codes, the codes of new digits, and one place. Where does a 9
# become a 4? Which digits share a border, and what lies far outside, where no digit's code is? (The explorer trains
# its own VAE with two latents.)

# %% demo=true
explore.latent_plane()

# %% [markdown]
# ## From one digit to another
#
# The straight line between two codes passes nearer to the origin than the codes. In many dimensions a standard normal
# has almost nothing there: its samples have length about $\sqrt d$. So people walk along the sphere instead
# (Shoemake 1985; White 2016), also between means of clouds, which are shorter; we shall measure whether it helps.
# With $\omega$ the angle between the two *directions*,
#
# $$z_t = \frac{\sin((1 - t)\,\omega)}{\sin \omega}\, z_0 + \frac{\sin(t\,\omega)}{\sin \omega}\, z_1, \qquad \cos \omega = \frac{z_0 \cdot z_1}{\lVert z_0 \rVert\, \lVert z_1 \rVert}$$
#
# **Exercise.** Write `interpolate`: `steps` ≥ 2 points, both ends included. $z_0$ and $z_1$ enter as they are, with
# their own lengths. Codes in one direction are joined by a straight line. Between opposite ones no way is better than
# another: there it is enough not to give `nan`. Rounding can lift a cosine above 1, and there `acos` is `nan`.

# %% exercise="interpolate"
def interpolate(z0: torch.Tensor, z1: torch.Tensor, steps: int) -> torch.Tensor:
    """Points from z0 to z1, each (d,), along the sphere: (steps, d), both ends included."""
    ### BEGIN SOLUTION
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    omega = torch.acos((z0 @ z1 / (z0.norm() * z1.norm())).clamp(-1, 1))
    if omega.sin() < 1e-4:
        return (1 - t) * z0 + t * z1
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / omega.sin()
    ### END SOLUTION

# %% check="interpolate" points=3
check.interpolate(interpolate)

# %%
def nearest(images: torch.Tensor) -> torch.Tensor:
    """The distance of each image (N, 64) from the nearest training digit, (N,)."""
    return torch.cdist(images, x_train).min(dim=1).values


@torch.no_grad()
def midpoints(vae: VAE, pairs: int = 200, seed: int = 0) -> dict[str, float]:
    """Half-way between two new digits of different classes: mean distance from the data."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(x_test), (2, 2 * pairs), generator=generator)
    one, other = chosen[:, y_test[chosen[0]] != y_test[chosen[1]]][:, :pairs]
    codes, decode = vae.encode(x_test)[0], lambda z: torch.sigmoid(vae.decoder(z))
    sphere = torch.stack([interpolate(codes[i], codes[j], 3)[1] for i, j in zip(one, other)])
    images = {"new digits": x_test[one], "decoded ends": decode(codes[one]),
              "codes, sphere": decode(sphere),
              "codes, line": decode((codes[one] + codes[other]) / 2),
              "codes of the prior": vae_samples(vae, pairs, seed),
              "pixels, softened": (decode(codes[one]) + decode(codes[other])) / 2,
              "pixels": (x_test[one] + x_test[other]) / 2}
    return {name: nearest(found).mean().item() for name, found in images.items()}

# %% demo=true
with once_written("interpolate", "reparameterize", "kl_to_standard_normal", "elbo_loss"):
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), width_ratios=[1.2, 1])
    vae = train_vae(0.25)[0]
    ends = vae.encode(x_test[[0, 23]])[0]
    t = torch.linspace(0, 1, 8)[:, None]
    through = torch.cat([(1 - t) * x_test[0] + t * x_test[23],
                         torch.sigmoid(vae.decoder(interpolate(*ends, 8)))])
    show(through, axes[0], "through pixels (top), through codes (below)")
    bars(midpoints(vae), axes[1], "{:.2f}")
    axes[1].set(title="half-way: distance from the data")
    plt.show()

# %% [markdown]
# Here $\beta$ is a quarter, since that model's ends are recognisable. Half-way through pixels lie two digits on top of
# each other, far from every real one. Half-way through codes lies something that is nearly as near to the data as a
# new digit is, and a little nearer on the sphere than on the line.
#
# Two rival explanations. Decoded images are soft, and soft images are near to everything: so one bar averages the
# *decoded* ends in pixels, and it stays far off. And any code of the prior would do: so it would, the half-way codes
# are no nearer than those. What the walk adds is that it leads from one digit to another.
#
# ## How good is a sample?
#
# A picture of sixteen nice samples proves little. Two numbers will serve us. In the plane it is the *energy
# distance* of two sets of points (Székely and Rizzo 2013), 0 only where two distributions are the same:
#
# $$2\,\mathbb E \lVert X - Y \rVert - \mathbb E \lVert X - X' \rVert - \mathbb E \lVert Y - Y' \rVert$$
#
# We estimate it from pairs of different points, so that two samples of one distribution get 0 up to chance, a little
# below or above.
#
# For digits we follow Heusel et al. (2017): take the features of a classifier, fit a normal to those of each set, and
# measure how far the two normals are apart, by the square of their *Fréchet distance*, the smaller the better:
#
# $$\lVert m_1 - m_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2\,(C_1 C_2)^{1/2}\right)$$
#
# Theirs, FID, uses a network trained on ImageNet; ours a small classifier of digits, so the numbers compare only
# with each other. It learns from every other training digit, and samples are compared with those between, which it
# has not seen: features of digits that it knows by heart would be those of no other digit.

# %%
def energy_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """The energy distance of two samples, (N, d) and (M, d), from pairs of different points."""
    n, m = len(x), len(y)
    apart = lambda a, b: torch.cdist(a, b).sum()
    return (2 * apart(x, y) / (n * m) - apart(x, x) / (n * (n - 1))
            - apart(y, y) / (m * (m - 1))).item()

# %%
torch.manual_seed(0)
judge = mlp(64, 64, 16, 10)
fit(judge, x_train[::2], y_train[::2],
    torch.optim.AdamW(judge.parameters(), 3e-3, weight_decay=0.05),
    F.cross_entropy, epochs=50, label="judge")


@torch.no_grad()
def frechet(images: torch.Tensor, others: torch.Tensor = x_train[1::2]) -> float:
    """The squared Fréchet distance of two sets of digits, (N, 64), by 16 features of the judge."""
    one, two = (judge[:3](x).double() for x in (images, others))
    first, second = torch.cov(one.T), torch.cov(two.T)
    root = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    means = (one.mean(0) - two.mean(0)).square().sum()
    return (means + first.trace() + second.trace() - 2 * root).item()

# %% [markdown]
# Two ways to draw from a VAE are compared. A sample of the *model* has each pixel drawn, black or white, with the
# probability that the decoder gives. What people show instead are these probabilities, the means. And the plain
# autoencoder gets a second chance, a better distribution of its codes: a mixture of ten normals, fitted to them
# (Ghosh et al. 2020).

# %%
from sklearn.mixture import GaussianMixture


@torch.no_grad()
def from_mixed_codes(model: nn.Module, n: int = 1000, seed: int = 0) -> torch.Tensor:
    """Decode n codes drawn from a mixture of ten normals, fitted to the training digits' codes."""
    codes = model.encode(x_train).double().numpy()
    mixture = GaussianMixture(10, random_state=seed).fit(codes)
    drawn = torch.from_numpy(mixture.sample(n)[0]).float()  # sorted by component
    shuffled = drawn[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]
    return model.decode(shuffled).clamp(0, 1)

# %% demo=true
with once_written("Autoencoder", "reparameterize", "kl_to_standard_normal", "elbo_loss"):
    quarter, one, squeezed = train_vae(0.25)[0], train_vae(1.0)[0], train_autoencoder(x_train, 8)
    makers = {"new digits": x_test, "VAE, β = ¼, means": vae_samples(quarter),
              "VAE, β = 1, means": vae_samples(one),
              "VAE, β = ¼, pixels drawn": vae_samples(quarter, drawn=True),
              "VAE, β = 1, pixels drawn": vae_samples(one, drawn=True),
              "autoencoder, normal codes": from_normal_codes(squeezed),
              "autoencoder, mixture of codes": from_mixed_codes(squeezed)}
    figure, ax = plt.subplots(figsize=(6.4, 2.8))
    bars({name: frechet(images) for name, images in makers.items()}, ax, "{:.1f}")
    ax.set(title="squared Fréchet distance from training digits")
    plt.show()

# %% [markdown]
# New digits, though only 360, set a mark. The means of a VAE score far worse than its own samples, whose drawn pixels
# look speckled to us: the judge has another eye. Among the means $\beta = \frac14$ wins, against the better ELBO; among
# the samples it does not. How well a model explains data, how good its samples are and how good they look may come
# apart (Theis et al. 2016), so say which one a number measures.
#
# And the plain autoencoder? With normal codes it stands between the means of the two VAEs, and once its codes are drawn
# from a mixture it is better than both. It is a matter of knowing where codes lie. A VAE's merit is to settle that in
# advance.

# %% [markdown]
# ## Two players
#
# A *generative adversarial network*, GAN, needs no likelihood (Goodfellow et al. 2014). A generator $G$ makes
# samples from noise $z$; a discriminator $D$ gives a logit, high for what it takes for real. They play against each
# other: $D$ learns to tell, $G$ learns to fool it. On paper, with $\sigma$ the sigmoid,
#
# $$\min_G \max_D\; \mathbb E \log \sigma(D(x)) + \mathbb E \log(1 - \sigma(D(G(z))))$$
#
# so the discriminator makes this small:
#
# $$L_D = -\,\mathbb E \log \sigma(D(x)) - \mathbb E \log(1 - \sigma(D(G(z))))$$
#
# **Exercise.** Write `discriminator_loss` as the sum of the two means, not halved. The batches may differ in size,
# and logits may be as large as ±300. Note that $1 - \sigma(a) = \sigma(-a)$.

# %% exercise="discriminator_loss"
def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Mean −log σ(real) plus mean −log(1 − σ(fake)), a scalar; logits of any one shape each."""
    ### BEGIN SOLUTION
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
    ### END SOLUTION

# %% check="discriminator_loss" points=2
check.discriminator_loss(discriminator_loss)

# %% [markdown]
# The generator could minimise $\mathbb E \log(1 - \sigma(D(G(z))))$, its share of the game. But at first its samples
# are poor and $D$ is sure: at a logit of −20 the slope of that is $-\sigma(-20)$, two billionths. Goodfellow et al.
# propose a *non-saturating* loss with the same aim, and the full slope where it is needed most:
#
# $$L_G = -\,\mathbb E \log \sigma(D(G(z)))$$
#
# **Exercise.** Write `generator_loss`.

# %% exercise="generator_loss"
def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """Mean −log σ(fake), a scalar; its gradient does not vanish where fakes are seen through."""
    ### BEGIN SOLUTION
    return F.softplus(-fake_logits).mean()
    ### END SOLUTION

# %% check="generator_loss" points=2
check.generator_loss(generator_loss)

# %% [markdown]
# One round is a step of each: the discriminator on real samples and fakes, then the generator against the
# discriminator as it is *now*, with the same $z$. Neither step may move the other's weights or leave gradients in
# its way. While $D$ learns, the fakes are plain data: cut them off, with `.detach()`, from the graph that made them;
# the check sees whether a gradient reaches the generator. While $G$ learns, the gradient runs through $D$ into $G$,
# and leaves something in the `.grad` of $D$ as it passes.
#
# **Exercise.** Write `gan_step`. Gradients may be there from before: clear them. The loss of $D$ is that before its
# step. Give back both losses as numbers, or as tensors without a graph.

# %% exercise="gan_step"
def gan_step(generator: nn.Module, discriminator: nn.Module, opt_g: torch.optim.Optimizer,
             opt_d: torch.optim.Optimizer, real: torch.Tensor, z: torch.Tensor):
    """One step of the discriminator, then one of the generator; → (d_loss, g_loss).

    real (N, …), z (M, …); opt_g holds the generator's parameters, opt_d the discriminator's.
    """
    ### BEGIN SOLUTION
    fake = generator(z)
    d_loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    g_loss = generator_loss(discriminator(fake))
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    return d_loss.item(), g_loss.item()
    ### END SOLUTION

# %% check="gan_step" points=5
check.gan_step(gan_step)

# %% [markdown]
# ## Mode collapse
#
# Eight small clouds on a ring, a test in the manner of Metz et al. (2016): each cloud is a *mode* of the data. How many
# does a generator reach?
#
# **Exercise.** Write `modes_covered`: the number of centres that have at least one sample within the radius
# (Euclidean, the radius itself included).

# %% exercise="modes_covered"
def modes_covered(samples: torch.Tensor, centers: torch.Tensor, radius: float) -> int:
    """How many of the centers (K, d) have one of the samples (N, d) within `radius`."""
    ### BEGIN SOLUTION
    return int((torch.cdist(samples, centers) <= radius).any(dim=0).sum())
    ### END SOLUTION

# %% check="modes_covered" points=2
check.modes_covered(modes_covered)

# %%
SPREAD = 0.15  # the standard deviation of each cloud
ANGLES = torch.arange(8) * math.pi / 4
CENTERS = 2 * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)


def ring(n: int, seed: int = 0) -> torch.Tensor:
    """n points (n, 2) in eight clouds on a circle of radius 2."""
    generator = torch.Generator().manual_seed(seed)
    cloud = torch.randint(8, (n,), generator=generator)
    return CENTERS[cloud] + SPREAD * torch.randn(n, 2, generator=generator)


def share_near(samples: torch.Tensor) -> float:
    """The share of samples within three standard deviations of a centre."""
    return (torch.cdist(samples, CENTERS).amin(dim=1) <= 3 * SPREAD).float().mean().item()

# %% [markdown]
# Two runs that differ in one number, the discriminator's learning rate: a tenth of the generator's, or the same. The
# first is out of balance: each step of the generator is about ten times as long as its judge's, since Adam's steps are
# about as long as the rate.

# %%
@cache
def play(lr_d: float, steps: int = 2400, frames: int = 6, seed: int = 0) -> list[torch.Tensor]:
    """Train a GAN on the ring, generator at 1e-3; 1000 samples at each of `frames` moments."""
    torch.manual_seed(seed)
    generator, discriminator = mlp(2, 64, 64, 2), mlp(2, 64, 64, 1, bend=lambda: nn.LeakyReLU(0.2))
    opt_g = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(discriminator.parameters(), lr_d, betas=(0.5, 0.999))
    data, film = ring(4096, seed), []
    for step in progress(range(1, steps + 1), "playing"):
        gan_step(generator, discriminator, opt_g, opt_d, data[torch.randint(4096, (128,))],
                 torch.randn(128, 2))
        if step % (steps // frames) == 0:
            film.append(generator(torch.randn(1000, 2)).detach())
    return film

# %% demo=true
with once_written("discriminator_loss", "generator_loss", "gan_step", "modes_covered"):
    films = {"a tenth": play(1e-4), "the same": play(1e-3)}
    figure, axes = plt.subplots(2, 6, figsize=(9, 3.5), sharex=True, sharey=True)
    for row, (rate, film) in zip(axes, films.items()):
        for number, (ax, samples) in enumerate(zip(row, film), 1):
            ax.scatter(*CENTERS.T, s=90, facecolors="none", edgecolors=plots.COLOURS[1])
            ax.scatter(*samples.T, s=1, color=plots.COLOURS[0])
            count = modes_covered(samples, CENTERS, 3 * SPREAD)
            ax.set(xticks=[], yticks=[], xlim=(-3.2, 3.2), ylim=(-3.2, 3.2),
                   title=f"step {400 * number}:\n{count} modes, {share_near(samples):.0%}")
            ax.title.set_size(8)
            ax.grid(False)
        row[0].set(ylabel=f"rate of D:\n{rate}")
    plt.show()

# %% [markdown]
# The figure counts the modes reached, and the share of samples within three standard deviations of a centre. It takes
# both: a cloud of noise as wide as the ring reaches all eight modes, with few of its points near one.
#
# With a slow judge the generator heaps its samples where the judge is fooled at the moment, and moves on when the
# judge notices: this is *mode collapse*. The game as a whole does punish it. Against a $G$ that stands still the best
# discriminator answers $\sigma(D(x)) = p(x) / (p(x) + p_G(x))$, and against that one $G$ does best where $p_G = p$
# (Goodfellow et al. 2014, theorem 1). But for a $D$ that stands still $L_G$ is least with all samples where $D$ is
# highest: nothing in it asks that samples differ.
#
# With a judge that keeps up all eight modes are reached, and most samples are near one. Other cures give the judge
# more steps or a higher rate (Heusel et al. 2017 prove convergence for two suitable rates, under assumptions), let it
# see many samples at once (Salimans et al. 2016), or change the loss (Arjovsky et al. 2017). A balanced rate is no
# guarantee: it depends on the data and the networks.
#
# In the film below, choose the recipe and move through the training: the strip on top is the whole run. Where do the
# samples go, and when do modes get lost?

# %% demo=true
explore.gan_film()

# %% [markdown]
# The balanced recipe on digits, with more numbers in $z$. There is no likelihood to watch, and the two losses tell
# little about quality: they measure who is ahead. So we score samples.

# %%
@cache
def train_gan(steps: int = 3000, seed: int = 0) -> nn.Module:
    """A generator of digits from 16 numbers, trained against a discriminator; weights frozen."""
    torch.manual_seed(seed)
    generator = nn.Sequential(*mlp(16, 128, 128, 64), nn.Sigmoid())
    discriminator = mlp(64, 128, 128, 1, bend=lambda: nn.LeakyReLU(0.2))
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), 1e-3, betas=(0.5, 0.999))
                    for net in (generator, discriminator))
    for _ in progress(range(steps), "playing"):
        gan_step(generator, discriminator, opt_g, opt_d,
                 x_train[torch.randint(len(x_train), (128,))], torch.randn(128, 16))
    return generator.requires_grad_(False)

# %% demo=true
with once_written("discriminator_loss", "generator_loss", "gan_step"):
    artist = train_gan()
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    figure, ax = plt.subplots(figsize=(5, 1.9))
    score = frechet(artist(z))
    show(artist(z[:24]), ax, f"a GAN's digits, squared Fréchet distance {score:.1f}", 12)
    plt.show()

# %% [markdown]
# ## Noise, and back
#
# Destroying data is easy: add a little noise, a thousand times. A *diffusion model* learns to undo one little step,
# and makes data by undoing all of them from pure noise (Sohl-Dickstein et al. 2015; Ho et al. 2020, "DDPM"). Step
# $t$ there keeps a share $\alpha_t = 1 - \beta_t$ of the variance and adds $\beta_t$ of noise; after steps 0 to $t$
# there is left
#
# $$\bar\alpha_t = \prod_{i \le t} (1 - \beta_i), \qquad \beta_t = \min\left(1 - \frac{f(t + 1)}{f(t)},\, 0.999\right), \qquad f(t) = \cos^2\left(\frac{t/T + s}{1 + s} \cdot \frac{\pi}{2}\right)$$
#
# This is the cosine schedule of Nichol and Dhariwal (2021, eq. 17), which destroys evenly, with $s = 0.008$; here $t
# = 0, \dots, T - 1$, so that entry 0 is already a little noisy. Without the clip the last step would leave nothing.
#
# **Exercise.** Write `cosine_alpha_bar`.

# %% exercise="cosine_alpha_bar"
def cosine_alpha_bar(timesteps: int) -> torch.Tensor:
    """What is left of the data's variance after each of the steps, (timesteps,), falling."""
    ### BEGIN SOLUTION
    share = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2
    beta = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - beta, dim=0).float()
    ### END SOLUTION

# %% check="cosine_alpha_bar" points=3
check.cosine_alpha_bar(cosine_alpha_bar)

# %% [markdown]
# Normal noise on top of normal noise is normal noise, so nobody has to walk there step by step. In one go
# (Ho et al. 2020, eq. 4):
#
# $$x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \varepsilon$$
#
# **Exercise.** Write `diffuse`. Each sample has its own $t$; $x_0$ may be points or images.

# %% exercise="diffuse"
def diffuse(x0: torch.Tensor, t: torch.Tensor, noise: torch.Tensor,
            alpha_bar: torch.Tensor) -> torch.Tensor:
    """x_t (N, …): x0 after steps 0 to t. t (N,) int64, noise like x0, alpha_bar (T,)."""
    ### BEGIN SOLUTION
    kept = alpha_bar[t].reshape(-1, *[1] * (x0.dim() - 1))
    return kept.sqrt() * x0 + (1 - kept).sqrt() * noise
    ### END SOLUTION

# %% check="diffuse" points=3
check.diffuse(diffuse)

# %% demo=true
with once_written("cosine_alpha_bar", "diffuse"):
    figure, axes = plt.subplots(1, 6, figsize=(9, 2.1), sharex=True, sharey=True)
    points, alpha_bar = ring(800), torch.as_tensor(cosine_alpha_bar(50))
    noise = torch.randn(800, 2, generator=torch.Generator().manual_seed(0))
    for ax, step in zip(axes, (0, 10, 20, 30, 40, 49)):
        ax.scatter(*diffuse(points, torch.full((800,), step), noise, alpha_bar).T, s=1)
        ax.set(title=f"t = {step}\nᾱ = {alpha_bar[step]:.1g}", xticks=[], yticks=[])
        ax.title.set_size(8)
        ax.grid(False)
    plots.alt("Eight clouds on a ring at steps 0, 10, 20, 30, 40 and 49 of 50: noise joins them "
              "bit by bit, until one round cloud is left.")
    plt.show()

# %% [markdown]
# A network gets $x_t$ and $t$, and is trained to say which noise is in it, by plain squared error (Ho et al. 2020,
# eq. 14: up to weights this is again a variational bound). With its guess $\hat\varepsilon$, one step back is (their
# Algorithm 2)
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \left( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\, \hat\varepsilon \right) + \sqrt{\beta_t}\, \xi, \qquad \alpha_t = \frac{\bar\alpha_t}{\bar\alpha_{t-1}}, \qquad \xi \sim \mathcal N(0, I)$$
#
# with $\bar\alpha_{-1} = 1$, and no $\xi$ in the last step, $t = 0$. Many $x_{t-1}$ may have led to one $x_t$: the
# fresh noise picks one. The variance $\beta_t$ is right for data that is standard normal, a smaller one for data that is a
# single point (Ho et al. 2020, section 3.2); with many steps they differ little.
#
# **Exercise.** Write `denoise_step`: one $t$ (an int, or a tensor without axes) for the whole batch, variance
# $\beta_t$, nothing clamped.

# %% exercise="denoise_step"
def denoise_step(predicted_noise: torch.Tensor, x_t: torch.Tensor, t: int, alpha_bar: torch.Tensor,
                 generator: torch.Generator | None = None) -> torch.Tensor:
    """One ancestral step from x_t (N, …) to x_{t−1}, same shape and dtype; alpha_bar (T,)."""
    ### BEGIN SOLUTION
    before = alpha_bar[t - 1] if t > 0 else torch.ones_like(alpha_bar[t])
    alpha = alpha_bar[t] / before
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * predicted_noise) / alpha.sqrt()
    if t == 0:
        return mean
    fresh = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype, device=x_t.device)
    return mean + (1 - alpha).sqrt() * fresh
    ### END SOLUTION

# %% check="denoise_step" points=5
check.denoise_step(denoise_step)

# %% [markdown]
# For eight clouds the best possible guess of the noise has a formula, so this explorer needs no training. Move
# through time: forward on the left, back on the right. When are the eight decided?

# %% demo=true
explore.diffusion_time()

# %% [markdown]
# Now a network that has to learn it. It adds an embedding of $t$ to every hidden layer. For points in the plane it also
# sees sines and cosines of them, which help it draw fine detail (Tancik et al. 2020). Its layers answer $v =
# \sqrt{\bar\alpha_t}\, \varepsilon - \sqrt{1 - \bar\alpha_t}\, x_0$, from which the noise is $\sqrt{\bar\alpha_t}\, v
# + \sqrt{1 - \bar\alpha_t}\, x_t$ (Salimans and Ho 2022): nearly all noise, it hands on $x_t$; nearly clean, it trusts
# its layers. That matters, since the first step back multiplies an error of the guess at $t = T - 1$ by about 32.

# %%
class Waves(nn.Module):
    """x (N, d) with the sines and cosines of x, 2x, … beside it: (N, d (1 + 2 waves))."""

    def __init__(self, waves: int):
        super().__init__()
        self.waves = waves

    def forward(self, x):
        """x and its waves."""
        angles = [k * x for k in range(1, self.waves + 1)]
        return torch.cat([x, *map(torch.sin, angles), *map(torch.cos, angles)], dim=1)

# %%
class NoiseNet(nn.Module):
    """Guess the noise in x_t (N, dim) at steps t (N,)."""

    def __init__(self, dim: int, alpha_bar: torch.Tensor, width: int = 64, waves: int = 0):
        super().__init__()
        self.alpha_bar = alpha_bar
        self.when = nn.Embedding(len(alpha_bar), width)
        self.first = nn.Sequential(Waves(waves), nn.Linear(dim * (1 + 2 * waves), width))
        self.middle = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])
        self.last = nn.Linear(width, dim)

    def forward(self, x, t):
        """The guess, like x."""
        when = self.when(t)
        h = F.silu(self.first(x) + when)
        for layer in self.middle:
            h = h + F.silu(layer(h) + when)
        signal = self.alpha_bar[t][:, None]
        return (1 - signal).sqrt() * x + signal.sqrt() * self.last(h)

# %%
def train_diffusion(data, width: int = 64, waves: int = 0, steps: int = 2000, seed: int = 0):
    """A NoiseNet for data (N, dim) of a size near 1, 50 timesteps; weights frozen."""
    torch.manual_seed(seed)
    alpha_bar = torch.as_tensor(cosine_alpha_bar(50))
    net = NoiseNet(data.shape[1], alpha_bar, width, waves)

    def loss_of(x0):
        t, noise = torch.randint(50, (len(x0),)), torch.randn_like(x0)
        return F.mse_loss(net(diffuse(x0, t, noise, alpha_bar), t), noise)
    minimise(loss_of, net, data, steps, 4e-3, batch=256, seed=seed)
    return net.requires_grad_(False)


def draw(net: NoiseNet, n: int = 1000, seed: int = 0) -> torch.Tensor:
    """n samples: from pure noise all the way back."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, net.last.out_features, generator=generator)
    for t in reversed(range(len(net.alpha_bar))):
        x = denoise_step(net(x, torch.full((n,), t)), x, t, net.alpha_bar, generator)
    return x

# %% [markdown]
# On the ring, against a VAE that sees the same sines, has as many steps, and a bound with normal instead of Bernoulli
# output, of the clouds' own spread; and against the balanced GAN from above. All are scored on points that none has
# seen.

# %%
def ring_vae(data: torch.Tensor, seed: int = 0, waves: int = 3) -> torch.Tensor:
    """1000 samples of a VAE trained on points of the ring, output N(decoder(z), SPREAD²)."""
    torch.manual_seed(seed)
    vae, seen = VAE(2, 2), 2 * (1 + 2 * waves)
    vae.encoder = nn.Sequential(Waves(waves), mlp(seen, 64, 64, 4))
    vae.decoder = nn.Sequential(Waves(waves), mlp(seen, 64, 64, 2))

    def loss_of(x):
        center, mu, logvar = vae(x)
        far = (x - center).square().sum(dim=1) / (2 * SPREAD ** 2)
        return (far + kl_to_standard_normal(mu, logvar)).mean()
    minimise(loss_of, vae, data, 2000, 4e-3, batch=256, seed=seed)
    with torch.no_grad():
        return vae.decoder(torch.randn(1000, 2)) + SPREAD * torch.randn(1000, 2)

# %%
def ring_contest(seed: int = 0, waves: int = 3) -> dict[str, torch.Tensor]:
    """1000 points of each: new data, a VAE's, a GAN's, a diffusion model's."""
    data = ring(4096, seed)
    return {"new data": ring(1000, seed + 500), "VAE": ring_vae(data, seed, waves),
            "GAN": play(1e-3, seed=seed)[-1],
            "diffusion": draw(train_diffusion(data, waves=waves, seed=seed), seed=seed)}

# %% demo=true
with once_written("cosine_alpha_bar", "diffuse", "denoise_step", "reparameterize",
                  "kl_to_standard_normal", "discriminator_loss", "generator_loss", "gan_step"):
    figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.8), sharex=True, sharey=True)
    for ax, (name, points) in zip(axes, ring_contest().items()):
        ax.scatter(*points.T, s=2)
        apart = energy_distance(points, ring(4000, 900))
        ax.set(xticks=[], yticks=[], title=f"{name}: energy distance\n"
               f"{apart:.3f}, {share_near(points):.0%} near a centre")
        ax.title.set_size(9)
        ax.grid(False)
    plt.show()

# %% [markdown]
# The VAE's decoder is one continuous map: clouds joined in code space stay joined by bridges in the plane. A
# diffusion model pulls a point towards its cloud in fifty small steps, and few points are left between. Over three
# seeds its mean energy distance was below half of the VAE's and of the GAN's. The GAN's generator is one continuous
# map too. It draws a thin curve through the clouds: as many of its points are near a centre as of the diffusion
# model's, but they do not fill the clouds. And without the sines, in both, the diffusion model is not ahead of the
# VAE: what a network is shown counts as much as what it is trained for.
#
# For digits we do what large image models do, and let the diffusion happen in the *codes* of an autoencoder: *latent
# diffusion* (Rombach et al. 2022). Yours, with eight numbers, is trained already; its codes, shifted and scaled to
# mean 0 and spread 1, are the data.

# %%
@cache
def latent_diffusion(autoencoder: Autoencoder, n: int = 1000, seed: int = 0) -> torch.Tensor:
    """n digits (n, 64): a diffusion model of the training digits' codes, decoded."""
    codes = autoencoder.encode(x_train)
    mean, spread = codes.mean(0), codes.std(0)
    net = train_diffusion((codes - mean) / spread, width=128, seed=seed)
    return autoencoder.decode(draw(net, n, seed) * spread + mean).clamp(0, 1)

# %% demo=true
with once_written("Autoencoder", "cosine_alpha_bar", "diffuse", "denoise_step", "reparameterize",
                  "kl_to_standard_normal", "elbo_loss", "discriminator_loss",
                  "generator_loss", "gan_step"):
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(0))
    one, squeezed = train_vae(1.0)[0], train_autoencoder(x_train, 8)
    made = {"new digits": x_test, "VAE, means": vae_samples(one),
            "VAE, drawn": vae_samples(one, drawn=True), "GAN": train_gan()(z),
            "mixture": from_mixed_codes(squeezed), "diffusion": latent_diffusion(squeezed)}
    figure, axes = plt.subplots(1, 6, figsize=(9.4, 3))
    for ax, (name, images) in zip(axes, made.items()):
        show(images[:32], ax, f"{name}: {frechet(images):.1f}", 4)
        ax.title.set_size(9)
    figure.suptitle("digits and their squared Fréchet distance from training digits", size=10,
                    x=0.01, ha="left")
    plt.show()

# %% [markdown]
# Latent diffusion has a lower distance than the GAN and than the means of either VAE; over three seeds it was below six
# tenths of that with $\beta = 1$. It is not the last word here: the VAE's drawn pixels with $\beta = 1$ do no worse, and
# the plain mixture does better, with the same decoder. A mixture of ten normals is enough for eight numbers; the codes of Rombach et al.
# have thousands. The GAN's distance is far higher, and jumps from seed to seed: from 16 to 27 in three runs.
#
# On ImageNet diffusion overtook GANs in 2021 (Dhariwal and Nichol), at a price: here fifty passes through a network
# for one sample, where the others need one. Another sampler needs fewer (Song et al. 2021), and so do models trained for
# straighter paths (flow matching, Lipman et al. 2023). The lead moves: in 2024 a Transformer that draws a picture from
# coarse to fine reported better scores on ImageNet than diffusion by Transformers (Tian et al. 2024). Text is generated
# in yet another way, letter by letter, as in lesson 8.
#
# Might a model just copy its training data? Its Fréchet distance would be near 0. So look for the nearest training
# digit of each sample. Large diffusion models do give some training images back, which touches privacy and copyright
# (Carlini et al. 2023).

# %% demo=true
with once_written("Autoencoder", "cosine_alpha_bar", "diffuse", "denoise_step"):
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 2.3), width_ratios=[1.2, 1])
    squeezed = train_autoencoder(x_train, 8)
    diffused = latent_diffusion(squeezed)
    closest = x_train[torch.cdist(diffused[:10], x_train).argmin(dim=1)]
    show(torch.cat([diffused[:10], closest]), axes[0],
         "samples (top), nearest training digit (below)", 10)
    sets = {"new digits": x_test, "latent diffusion": diffused, "a copier": squeezed(x_train)}
    for (name, images), dashes in zip(sets.items(), plots.DASHES):
        axes[1].hist(nearest(images), bins=30, range=(0, 2.5), density=True, histtype="step",
                     label=name, linewidth=2, linestyle=dashes)
    axes[1].set(xlabel="distance from the nearest training digit", ylabel="density")
    axes[1].legend(fontsize=8)
    plt.show()

# %% [markdown]
# The copier decodes the codes of training digits, and lies nearer to them than new digits do. Our samples lie a little
# farther off than new digits: these are no copies.
#
# ## What made-up data is good for
#
# Generative models draw images and fill in missing parts (Rombach et al. 2022), propose molecules (Gómez-Bombarelli et
# al. 2018), and stand in for data that is scarce. Take the last: five labels per class. The VAE has seen all training
# digits, but no label. For each labelled digit it draws codes from that digit's own cloud, and the decoded images
# share its label: *augmentation*, learned rather than designed (lesson 6). One classifier has seven layers, which
# fifty digits train badly; the other has two. The control adds pixel noise, for which nobody has to train anything.

# %%
def taught(net: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int = 150) -> float:
    """Train a classifier on x (N, 64), y (N,); its accuracy on new digits."""
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(steps):
        chosen = torch.randint(len(x), (64,))
        loss = F.cross_entropy(net(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (net(x_test).argmax(dim=1) == y_test).float().mean().item()

# %%
def few_labels(vae: VAE, hidden: int = 6, draws: int = 12, seed: int = 0) -> dict[str, float]:
    """Accuracy on new digits with 5 labels per class, a mean over `draws` choices of the fifty."""
    scores = {"fifty digits": 0.0, "with VAE samples": 0.0, "with pixel noise": 0.0}
    for number in range(draws):
        torch.manual_seed(1000 * seed + number)
        order = torch.randperm(len(x_train))
        chosen = torch.cat([order[y_train[order] == label][:5] for label in range(10)])
        again = chosen.repeat(30)
        with torch.no_grad():
            variants = torch.sigmoid(vae(x_train[again])[0])
        noisy = x_train[again] + 0.2 * torch.randn(len(again), 64)
        for name, extra in zip(scores, (x_train[again], variants, noisy)):
            torch.manual_seed(number)  # the same first weights and batches for all three
            pixels, labels = torch.cat([x_train[again], extra]), y_train[again].repeat(2)
            scores[name] += taught(mlp(64, *[64] * hidden, 10), pixels, labels) / draws
    return scores

# %% demo=true
with once_written("reparameterize", "kl_to_standard_normal", "elbo_loss"):
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 1.9), sharey=True)
    for ax, hidden, title in zip(axes, (6, 1), ("seven layers", "two layers")):
        bars(few_labels(train_vae(1.0)[0], hidden), ax, "{:.1%}")
        ax.set(title=f"{title}: right on new digits", xlim=(0, 1.15))
    plt.show()

# %% [markdown]
# The VAE's samples help the seven-layer net by some points. Do not conclude that they were worth training a VAE: plain
# noise does at least as well, and a net of two layers does better with the fifty digits alone than seven layers with
# either; it hardly gains from the samples. A generator knows nothing that its training data did not tell it, though
# here it saw all the unlabelled digits, which the classifiers did not. Compare with the cheap alternative first.

# %% [markdown]
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A VAE's encoder answers $\mu = 1$ and $\sigma = 2$ for its only latent coordinate. What does this code cost,
# the KL from the prior, in nats?

# %% question="review_kl"
review_kl = quiz.ask(check.review_kl, 0.5 * (1 + 4 - 1 - math.log(4)))  # or a number

# %% check="review_kl" points=1
check.review_kl(review_kl)

# %% [markdown]
# **2.** At some step of a diffusion exactly half of the original amplitude is left: $x_t = \frac12 x_0 + \dots$ What
# is $\bar\alpha_t$ there?

# %% question="review_signal"
review_signal = quiz.ask(check.review_signal, 0.5 ** 2)  # or a number

# %% check="review_signal" points=1
check.review_signal(review_signal)

# %% [markdown]
# **3.** Why can a GAN's generator give only a few kinds of samples, where the data has many?
#
# - a) It overfits to the training data.
# - b) Against the discriminator of the moment each sample counts by itself.
# - c) The non-saturating loss has a vanishing gradient.
# - d) Its noise $z$ has fewer coordinates than there are modes.

# %% question="review_collapse"
review_collapse = quiz.ask(check.review_collapse, "b")  # or one letter, in quotes

# %% check="review_collapse" points=1
check.review_collapse(review_collapse)

# %% [markdown]
# **4.** A VAE's KL has fallen to 0 on every digit. What does that mean?
#
# - a) The encoder has become perfect.
# - b) Reconstructions equal their originals.
# - c) The code no longer depends on the digit.
# - d) The loss is at its lowest.

# %% question="review_posterior"
review_posterior = quiz.ask(check.review_posterior, "c")  # or one letter, in quotes

# %% check="review_posterior" points=1
check.review_posterior(review_posterior)

# %% [markdown]
# **5.** Bring into order what happens when a diffusion model draws a sample, up to the end of its first step: a) the
# network guesses the noise, b) fresh noise is added, c) $x_T$ is drawn from a standard normal, d) the mean of the
# step is computed. The letters in one string, such as "abcd".

# %% question="review_order"
review_order = quiz.ask(check.review_order, "cadb")  # or four letters, in quotes

# %% check="review_order" points=1
check.review_order(review_order)

# %% [markdown]
# **6.** A hospital has 2000 scans, of which 100 show a rare illness, and wants more images of the illness to train a
# classifier. In 150 to 250 words: compare a VAE, a GAN and a diffusion model for this. What does each one optimise,
# how does each fail, how would you measure the quality of its samples, and what would you check before you use them?
# Refer to what you measured above.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | objectives | says what each of the three makes small or large |
# | failures | one for each: soft samples or posterior collapse; mode collapse; cost of sampling or copying |
# | measure | a number with its meaning, and something that it does not see |
# | evidence | uses a figure of this lesson, with its numbers |
# | caution | copies and privacy, a cheap control, or that samples add no knowledge the data lacked |

# %% [markdown] written="which_generator" points=5
# ### BEGIN SOLUTION
# A VAE raises a lower bound of the data's likelihood: reconstruction less the cost of the code. Its means are soft and
# fill the gaps between modes, as the bridges between our eight clouds show; with too large a weight on the KL the
# code dies, as at β = 4, where the KL was nearly 0. A GAN's discriminator minimises a cross-entropy, its generator
# that of being taken for real. It can drop modes: with a slow discriminator ours reached two of the eight clouds in
# the end, and here a dropped mode may be a form of the illness. A diffusion model minimises the squared error of
# guessed noise. It had a lower Fréchet distance on digits than the GAN and the VAE's means (about 3 against 17 and
# 10), but each sample takes fifty passes, and with 100 scans it may learn them by heart.
#
# I would compute a Fréchet distance in a medical classifier's features to scans held out, and count which forms of
# the illness appear. The distance sees only means and covariances, and cannot tell copying from learning, so I would
# also look at the nearest training scan of each sample. Before using samples I would compare, on real scans held
# out, with plain augmentation: for our fifty digits pixel noise did no worse than the VAE. And the samples come from
# 100 patients: they contain nothing about forms of the illness those did not have, and may give the patients away.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have squeezed digits through eight numbers and walked among them, trained a variational bound, made
# two networks compete, counted the modes that they lost and won back, and built a diffusion model from its schedule
# to its last step. You have put a number on samples and seen what it misses, and tried made-up data on a classifier
# with few labels, beside a cheap control.
#
# [← 8 residual networks](../08_residual_networks/08_residual_networks.ipynb) ·
# [10 training at scale →](../10_training_at_scale/10_training_at_scale.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Arjovsky, Chintala, Bottou (2017). *Wasserstein GAN.* arXiv:1701.07875.
# - Bowman, Vilnis, Vinyals, Dai, Jozefowicz, Bengio (2016). *Generating sentences from a continuous space.*
#   arXiv:1511.06349.
# - Burda, Grosse, Salakhutdinov (2016). *Importance weighted autoencoders.* arXiv:1509.00519.
# - Carlini, Hayes, Nasr, Jagielski, Sehwag, Tramèr, Balle, Ippolito, Wallace (2023). *Extracting training data from
#   diffusion models.* arXiv:2301.13188.
# - Dhariwal, Nichol (2021). *Diffusion models beat GANs on image synthesis.* arXiv:2105.05233.
# - Ghosh, Sajjadi, Vergari, Black, Schölkopf (2020). *From variational to deterministic autoencoders.*
#   arXiv:1903.12436.
# - Gómez-Bombarelli et al. (2018). *Automatic chemical design using a data-driven continuous representation of
#   molecules.* ACS Central Science 4.
# - Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio (2014). *Generative adversarial
#   networks.* arXiv:1406.2661. Section 3 has the loss that does not saturate.
# - Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter (2017). *GANs trained by a two time-scale update rule converge
#   to a local Nash equilibrium.* arXiv:1706.08500. The Fréchet Inception distance is here too.
# - Higgins, Matthey, Pal, Burgess, Glorot, Botvinick, Mohamed, Lerchner (2017). *beta-VAE: learning basic visual
#   concepts with a constrained variational framework.* ICLR.
# - Hinton, Salakhutdinov (2006). *Reducing the dimensionality of data with neural networks.* Science 313.
# - Ho, Jain, Abbeel (2020). *Denoising diffusion probabilistic models.* arXiv:2006.11239.
# - Kingma, Welling (2013). *Auto-encoding variational Bayes.* arXiv:1312.6114.
# - Lipman, Chen, Ben-Hamu, Nickel, Le (2023). *Flow matching for generative modeling.* arXiv:2210.02747.
# - Loaiza-Ganem, Cunningham (2019). *The continuous Bernoulli: fixing a pervasive error in variational autoencoders.*
#   arXiv:1907.06845.
# - Metz, Poole, Pfau, Sohl-Dickstein (2016). *Unrolled generative adversarial networks.* arXiv:1611.02163.
# - Nichol, Dhariwal (2021). *Improved denoising diffusion probabilistic models.* arXiv:2102.09672.
# - Rezende, Mohamed, Wierstra (2014). *Stochastic backpropagation and approximate inference in deep generative
#   models.* arXiv:1401.4082.
# - Rombach, Blattmann, Lorenz, Esser, Ommer (2022). *High-resolution image synthesis with latent diffusion models.*
#   arXiv:2112.10752.
# - Rumelhart, Hinton, Williams (1986). *Learning internal representations by error propagation.* In Parallel
#   Distributed Processing, volume 1.
# - Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016). *Improved techniques for training GANs.*
#   arXiv:1606.03498.
# - Salimans, Ho (2022). *Progressive distillation for fast sampling of diffusion models.* arXiv:2202.00512.
# - Shoemake (1985). *Animating rotation with quaternion curves.* SIGGRAPH.
# - Sohl-Dickstein, Weiss, Maheswaranathan, Ganguli (2015). *Deep unsupervised learning using nonequilibrium
#   thermodynamics.* arXiv:1503.03585.
# - Song, Meng, Ermon (2021). *Denoising diffusion implicit models.* arXiv:2010.02502.
# - Székely, Rizzo (2013). *Energy statistics: a class of statistics based on distances.* Journal of Statistical
#   Planning and Inference 143.
# - Tancik, Srinivasan, Mildenhall, Fridovich-Keil, Raghavan, Singhal, Ramamoorthi, Barron, Ng (2020). *Fourier features
#   let networks learn high frequency functions in low dimensional domains.* arXiv:2006.10739.
# - Theis, van den Oord, Bethge (2016). *A note on the evaluation of generative models.* arXiv:1511.01844.
# - Tian, Jiang, Yuan, Peng, Wang (2024). *Visual autoregressive modeling: scalable image generation via next-scale
#   prediction.* arXiv:2404.02905.
# - White (2016). *Sampling generative networks.* arXiv:1609.04468.
