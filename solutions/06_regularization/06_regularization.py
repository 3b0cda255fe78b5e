# %% [markdown]
# # Fitting less to learn more
#
# Lesson 6 · regularization · about two and a half hours
#
# [← 5 schedules](../05_schedules/05_schedules.ipynb) ·
# [7 normalization →](../07_normalization/07_normalization.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - tell a net that has learned from one that has memorised, and measure the gap between the two;
# - write the regularisers that narrow it, from a penalty on weights to mixup, and say by what mechanism each works;
# - judge whether a net's confidence can be trusted;
# - draw double descent, where more parameters hurt and then help again;
# - break a good classifier with changes that would not mislead you, and drive a net off a road that is new to it.

# %%
import copy
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import regularization as check
from dlcourse.data import digits
from dlcourse.explorers import regularization as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, fit, minibatches

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# Deep nets are hungry for labelled data. Suppose that there are only 200 labelled digits, each somewhere in a field
# of 10×10 pixels, under some noise. Another 597, the *validation* digits, are for choosing between nets, and 1000
# *test* digits for the final word. None of the net's weights are fitted to either. (With all 797 to learn from,
# this lesson's net gets three in four new digits right or more; with 200 it is about half.)

# %%
def scattered(seed: int = 0) -> list:
    """Digits somewhere in 10×10 pixels: x (N, 1, 10, 10) and y for training, validation, test."""
    x, y, x_test, y_test = digits(test=1000, seed=seed)
    x, y = torch.cat([x, x_test]).view(-1, 1, 8, 8), torch.cat([y, y_test])
    generator, field = torch.Generator().manual_seed(seed), torch.zeros(len(x), 1, 10, 10)
    for image, at, (row, column) in zip(x, field, torch.randint(3, (len(x), 2),
                                                                generator=generator).tolist()):
        at[:, row:row + 8, column:column + 8] = image
    noisy = (field + 0.15 * torch.randn(field.shape, generator=generator)).clamp(0, 1)
    parts = slice(200), slice(200, 797), slice(797, None)
    return [data[part] for part in parts for data in (noisy, y)]


def digit_net(between=nn.Identity, seed: int = 0) -> nn.Sequential:
    """Two hidden layers of 256 ReLU units for 10×10 pixels, between() after each of them."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(100, 256), nn.ReLU(), between(),
                         nn.Linear(256, 256), nn.ReLU(), between(), nn.Linear(256, 10))

# %% [markdown]
# Now the surprise. We train the net twice: once on the 200 digits, once on the same digits with their labels
# shuffled, so that there is nothing to learn.

# %%
def memorise(shuffled: bool, seed: int = 0) -> tuple[list[float], float, float]:
    """Fit 200 digits, labels shuffled or not: losses, training and validation accuracy."""
    x, y, x_val, y_val, _, _ = scattered(seed)
    if shuffled:
        y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    net = digit_net(seed=seed)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    losses = fit(net, x, y, optimizer, F.cross_entropy, 60, batch_size=20, seed=seed)
    return losses, accuracy(net, x, y), accuracy(net, x_val, y_val)

# %% demo=true
figure, ax = plt.subplots()
for shuffled, name in ((False, "true labels"), (True, "shuffled labels")):
    losses, seen, new = memorise(shuffled)
    label = f"{name}: {seen:.0%} right in training, {new:.0%} on new digits"
    plots.losses(losses, ax, label=label)
ax.legend()
plt.show()

# %% [markdown]
# The net learns the shuffled labels by heart: all 200 right, at chance on anything new. A perfect fit to training
# data proves nothing. Zhang et al. (2016) did this with the image nets of their day on CIFAR-10 and ImageNet, and
# found that regularised nets can often do it too. Why nets that *could* memorise mostly learn instead is still
# debated.
#
# *Overfitting* is what goes wrong: the net fits what is particular to its training data, and pays on new ones. Its
# measure is the *generalisation gap*, the loss on validation data minus the loss on training data. *Regularisation*
# is whatever is done to narrow it without giving up on the task.
#
# ## The patient
#
# Every remedy is studied with this function. Its arguments are the places where one can take hold: what stands
# between the layers, what is done to a batch, the loss, and when to stop.

# %%
def study(between=nn.Identity, augment=None, loss_fn=F.cross_entropy, penalty=None, stop=None,
          epochs: int = 40, seed: int = 0) -> dict:
    """Train on 200 digits; return the net and, for each epoch, what `measured` says of it."""
    x, y, x_val, y_val, _, _ = scattered(seed)
    net, generator = digit_net(between, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    history = {"training": [], "validation": [], "right": []}
    for number in range(epochs):
        net.train()
        for inputs, target in minibatches(x, y, 20, generator):
            if augment:
                inputs, target = augment(inputs, target, generator)
            loss = loss_fn(net(inputs), target) + (penalty(net) if penalty else 0.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        for name, value in zip(history, measured(net, x, y, x_val, y_val)):
            history[name].append(value)
        if stop and stop(history["validation"][-1], net):
            break
    return {"net": net, **history}

# %%
@torch.no_grad()
def measured(net, x, y, x_val, y_val) -> list[float]:
    """In eval mode: the cross-entropy on training and on validation data, the share right there."""
    net.eval()
    losses = [F.cross_entropy(net(x), y).item(), F.cross_entropy(net(x_val), y_val).item()]
    return [*losses, accuracy(net, x_val, y_val)]


def gap(net, seed: int = 0) -> tuple[float, float]:
    """Validation loss − training loss, and the share of validation digits that are right."""
    seen, new, right = measured(net, *scattered(seed)[:4])
    return new - seen, right

# %% demo=true
figure, (ax, right) = plt.subplots(1, 2, width_ratios=(1.6, 1))
plain = study()
for name in ("training", "validation"):
    plots.losses(plain[name], ax, label=f"{name}, at the end {plain[name][-1]:.2f}")
best = plain["validation"].index(min(plain["validation"]))
ax.plot(best + 1, plain["validation"][best], "o", color=plots.COLOURS[1])
ax.annotate(f"lowest after epoch {best + 1}", (best + 1, plain["validation"][best]),
            xytext=(0, -16), textcoords="offset points")
ax.set(ylabel="cross-entropy", ylim=(0, 2.8))
ax.legend()
plots.losses([100 * share for share in plain["right"]], right, color=plots.COLOURS[1])
right.axvline(best + 1, color=plots.INK, linewidth=0.8, linestyle=":")
right.annotate("lowest loss", (best + 1, 5), xytext=(4, 0), textcoords="offset points")
right.set(ylabel="validation digits right, %", ylim=(0, 70))
plt.show()

# %% [markdown]
# The training loss goes on falling, the validation loss turns after a dozen epochs or so and climbs. But the share
# of digits it gets right does not fall with it: the net becomes surer, mistakes included (Guo et al. 2017 saw the
# same).
#
# ## A price on weights
#
# Large weights let a net bend sharply between two samples. So put a price on them. The *L2 penalty* adds the
# squares of all weights, times a strength $\lambda$, to the loss $L$:
#
# $$L + \lambda \sum_i w_i^2$$
#
# Its gradient, $2\lambda w$, pulls every weight towards 0, and only what the data insist on stays large. A net with
# small weights cannot change fast. With plain SGD the pull is the same as *weight decay*, shrinking each weight a
# little at every step. With Adam it is not, since Adam rescales the pull along with the gradient (lesson 4;
# Loshchilov and Hutter 2017). Some texts write $\tfrac12\lambda$; we do not.
#
# **Exercise.** Write `l2_penalty`. It may be handed `model.parameters()`, a generator, which can be gone through
# once.

# %% exercise="l2_penalty"
def l2_penalty(params, strength: float) -> torch.Tensor:
    """strength · Σ w² over every entry of every tensor in params, an iterable; differentiable."""
    ### BEGIN SOLUTION
    return strength * sum((w * w).sum() for w in params)
    ### END SOLUTION

# %% check="l2_penalty" points=2
check.l2_penalty(l2_penalty)

# %% demo=true
with once_written("l2_penalty"):
    figure, ax = plt.subplots()
    plots.losses(plain["validation"], ax, label=f"no penalty, gap {gap(plain['net'])[0]:.2f}")
    for strength in (0.001, 0.002, 0.005):
        run = study(penalty=lambda net: l2_penalty(net.parameters(), strength))
        plots.losses(run["validation"], ax, label=f"λ = {strength:g}, gap {gap(run['net'])[0]:.2f}")
    ax.set(ylabel="validation loss", ylim=(1.2, 2.6))
    ax.legend()

# %% [markdown]
# The stronger the pull, the later and the less the validation loss climbs. Its lowest point changes little here:
# the penalty prevents harm rather than teaching anything new.
#
# ## Dropout
#
# Dropout (Hinton et al. 2012; Srivastava et al. 2014) sets each activation to 0 with probability $p$, anew for
# every sample at every step. No unit can rely on a particular other one being there, so each has to be useful by
# itself, and what matters has to be there more than once: the authors speak of preventing *co-adaptation*. With a
# mask $m$ of independent 0s and 1s,
#
# $$y = \frac{m \odot x}{1 - p}, \qquad m_i \sim \mathrm{Bernoulli}(1 - p)$$
#
# Dividing by $1 - p$ keeps the expectation of every entry. This is *inverted* dropout: at test time nothing is
# dropped and nothing has to be scaled. (The papers scale at test time instead: all outgoing weights by $1 - p$.)
#
# **Exercise.** Write `Dropout` as an `nn.Module`: every entry of $x$ gets its own coin, every call new ones.
# Modules know their mode: `self.training` is True after `train()` and False after `eval()`. With $p = 1$ the result
# is 0 everywhere, not `nan`. The coins come from torch's global generator. `F.dropout` and `nn.Dropout` are off
# limits.

# %% exercise="Dropout"
class Dropout(nn.Module):
    """Zero each entry with probability p and scale the rest, in training mode only."""

    def __init__(self, p: float):
        ### BEGIN SOLUTION
        super().__init__()
        self.p = p
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x of any shape → the same shape and dtype."""
        ### BEGIN SOLUTION
        if not self.training:
            return x
        kept = torch.rand_like(x) >= self.p
        return x * kept / (1 - self.p) if self.p < 1 else x * 0
        ### END SOLUTION

# %% check="Dropout" points=4
check.Dropout(Dropout)

# %% demo=true
with once_written("Dropout"):
    figure, ax = plt.subplots()
    told = "no dropout: gap {:.2f}, {:.0%} right".format(*gap(plain["net"]))
    plots.losses(plain["validation"], ax, label=told)
    for p in (0.2, 0.5, 0.8):
        run = study(between=lambda: Dropout(p))
        told = "p = {:g}: gap {:.2f}, {:.0%} right".format(p, *gap(run["net"]))
        plots.losses(run["validation"], ax, label=told)
    ax.set(ylabel="validation loss", ylim=(1.2, 2.6))
    ax.legend()

# %% [markdown]
# $p = 0.5$ climbs later and less, and its lowest point is no higher. $p = 0.8$ has the smallest gap of all and gets
# the fewest digits right: a net that learns nothing has no gap.
#
# In the plane you can see what both do. Watch the boundary between the moons as you raise $p$ or the weight decay:
# noisy points lose their private islands. When does the net begin to fit too little?

# %% demo=true
explore.boundary()

# %% [markdown]
# ## Stopping early
#
# The simplest remedy: stop where the validation loss is lowest. Weights start small and have to travel, so fewer
# steps mean a simpler net; for a linear model with a quadratic loss that comes close to an L2 penalty (Goodfellow
# et al. 2016, section 7.8). The validation loss is noisy, so do not stop at the first bad epoch: wait for
# `patience` of them (Prechelt 1998 compares such rules).
#
# **Exercise.** Write `EarlyStopping`. The first loss is a new best; a later one is if it is below the last new best −
# `min_delta`. `step` returns True at the `patience`-th loss in a row that is no new best. (`patience` is 1 or more;
# lesson 5's ReduceOnPlateau waits for one more.) A loss of `nan` is no new best, not even the first. `restore` brings
# back the weights *and buffers* of the last new best; `state_dict()` has both, but hands out the very tensors that
# training goes on changing.

# %% exercise="EarlyStopping"
class EarlyStopping:
    """Says when to stop, and remembers the best model: step(val_loss, model), restore(model)."""

    def __init__(self, patience: int, min_delta: float = 0.0):
        ### BEGIN SOLUTION
        self.patience, self.min_delta = patience, min_delta
        self.lowest, self.bad, self.state = math.inf, 0, None
        ### END SOLUTION

    def step(self, val_loss: float, model: nn.Module) -> bool:
        """Take note of a loss; True at the patience-th in a row that is no new best."""
        ### BEGIN SOLUTION
        if val_loss < self.lowest - self.min_delta:
            self.lowest, self.bad, self.state = val_loss, 0, copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience
        ### END SOLUTION

    def restore(self, model: nn.Module) -> None:
        """Put the best step's weights and buffers back into the model."""
        ### BEGIN SOLUTION
        if self.state is not None:
            model.load_state_dict(self.state)
        ### END SOLUTION

# %% check="EarlyStopping" points=4
check.EarlyStopping(EarlyStopping)

# %%
def stopped(patience: int, seed: int = 0) -> dict:
    """A study that stops early and restores its best net."""
    stopping = EarlyStopping(patience)
    run = study(stop=stopping.step, seed=seed)
    stopping.restore(run["net"])
    return run

# %% demo=true
with once_written("EarlyStopping"):
    figure, ax = plt.subplots()
    run = stopped(patience=6)
    told = "all 40 epochs: gap {:.2f}, {:.0%} right".format(*gap(plain["net"]))
    plots.losses(plain["validation"], ax, label=told)
    best, last = run["validation"].index(min(run["validation"])), len(run["validation"]) - 1
    told = "brought back, epoch {}: gap {:.2f}, {:.0%} right".format(best + 1, *gap(run["net"]))
    for marker, epoch, name in (("o", best, told), ("X", last, f"stopped, epoch {last + 1}")):
        ax.plot(epoch + 1, run["validation"][epoch], marker, color=plots.COLOURS[1], linestyle="",
                markersize=9, label=name)
    ax.set(ylabel="validation loss", ylim=(1.2, 2.6))
    ax.legend()

# %% [markdown]
# It narrows the gap by a lot and saves about half of the time. But the lowest validation loss is what it was. The
# net knows no more about digits; if anything, it gets slightly fewer right. It has only stopped before it became
# too sure.
#
# ## More data out of the data
#
# A digit moved by a pixel is the same digit. Telling the net so is the strongest remedy here: *augmentation*
# changes every batch in ways that leave its labels true. With a new image each time there is less to memorise, and
# what all variants share is left to learn.
#
# All randomness comes from the `torch.Generator` handed in, as in
# `torch.randint(low, high, shape, generator=generator)`, where `high` itself is never drawn; `torch.rand` and
# `torch.randperm` take it too. Images are (N, C, H, W) and keep their dtype; the batch is not changed in place, and
# image $i$ stays at $i$.
#
# **Exercise.** Write `random_crop`: zeros around each image (`F.pad`), then a window of the old size. Each image
# has its own two offsets, even over 0 … 2·padding, and its channels move together. A loop over the images is fine.

# %% exercise="random_crop"
def random_crop(images: torch.Tensor, padding: int, generator: torch.Generator) -> torch.Tensor:
    """A random window, of the images' own size, of each padded image. (N, C, H, W) → same."""
    ### BEGIN SOLUTION
    n, _, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    corners = torch.randint(0, 2 * padding + 1, (n, 2), generator=generator).tolist()
    return torch.stack([image[:, top:top + height, left:left + width]
                        for image, (top, left) in zip(padded, corners)])
    ### END SOLUTION

# %% check="random_crop" points=3
check.random_crop(random_crop)

# %% [markdown]
# **Exercise.** Write `horizontal_flip`: each image, with probability $p$, has left and right exchanged.

# %% exercise="horizontal_flip"
def horizontal_flip(images: torch.Tensor, p: float, generator: torch.Generator) -> torch.Tensor:
    """Mirror each image, left for right, with probability p. (N, C, H, W) → same."""
    ### BEGIN SOLUTION
    chosen = torch.rand(len(images), generator=generator) < p
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
    ### END SOLUTION

# %% check="horizontal_flip" points=2
check.horizontal_flip(horizontal_flip)

# %% [markdown]
# Light changes too. *Colour jitter* draws for each image $x$ a brightness $b$ and a contrast $c$. Contrast
# stretches the image about its mean $m$, taken over all of its channels and pixels:
#
# $$x' = b\,x, \qquad x'' = c\,(x' - m(x')) + m(x')$$
#
# **Exercise.** Write `color_jitter`: $b$ even between 1 − brightness and 1 + brightness, $c$ likewise with
# contrast, two numbers of its own for each image. Clamp to [0, 1] at the very end.

# %% exercise="color_jitter"
def color_jitter(images: torch.Tensor, brightness: float, contrast: float,
                 generator: torch.Generator) -> torch.Tensor:
    """Random brightness and contrast for each image in [0, 1]. (N, C, H, W) → same, in [0, 1]."""
    ### BEGIN SOLUTION
    even = 2 * torch.rand(2, len(images), 1, 1, 1, generator=generator, dtype=images.dtype) - 1
    bright = images * (1 + brightness * even[0])
    m = bright.mean(dim=(1, 2, 3), keepdim=True)
    return ((bright - m) * (1 + contrast * even[1]) + m).clamp(0, 1)
    ### END SOLUTION

# %% check="color_jitter" points=3
check.color_jitter(color_jitter)

# %% demo=true
with once_written("random_crop", "horizontal_flip", "color_jitter"):
    photo, generator = explore.photograph(), torch.Generator().manual_seed(3)
    figure, axes = plt.subplots(1, 4, figsize=(7, 1.9))
    images = {"as it is": photo, "random_crop": random_crop(photo, 24, generator),
              "horizontal_flip": horizontal_flip(photo, 1.0, generator),
              "color_jitter": color_jitter(photo, 0.5, 0.5, generator)}
    for ax, (name, image) in zip(axes, images.items()):
        explore.show_image(image[0], ax, name)
    plots.alt("A photograph as it is, shifted with a black rim, mirrored, and in another light.")

# %% [markdown]
# An augmentation is a claim: *this does not change the answer*. A mirrored flower is a flower. A mirrored 2 is not
# a 2, so what happens to our digits if we flip them anyway?

# %%
def flipping(x, y, generator):
    """Flip half of the digits, whatever that makes of them."""
    return horizontal_flip(x, 0.5, generator), y


def cropping(x, y, generator):
    """Move each digit by up to a pixel."""
    return random_crop(x, 1, generator), y

# %% demo=true
with once_written("random_crop", "horizontal_flip"):
    figure, ax = plt.subplots()
    runs = {"none": plain, "flips": study(augment=flipping), "crops": study(augment=cropping)}
    for name, run in runs.items():
        plots.losses(run["validation"], ax, label=f"{name}: {gap(run['net'])[1]:.0%} right")
    ax.set(ylabel="validation loss", ylim=(0, 2.6))
    ax.legend(loc="lower left")

# %% [markdown]
# Crops do what none of the others did: the validation loss falls far below anything seen so far, because the net
# has learned something that is true. We scattered the digits ourselves, so crops imitate exactly what new ones
# bring. (At epoch 40 they are not done: after 200 the net gets about 80 % right, and its loss has turned too.)
# Flips claim something false. They narrow the gap about as well as the L2 penalty does, and help as little.
#
# ### Mixtures
#
# Mixup (Zhang et al. 2017) claims that half-way between two images lies half of each label. Of two samples with
# one-hot labels it makes
#
# $$\tilde x = \lambda x_i + (1 - \lambda)\,x_j, \qquad \tilde y = \lambda y_i + (1 - \lambda)\,y_j, \qquad
# \lambda \sim \mathrm{Beta}(\alpha, \alpha)$$
#
# This $\lambda$ is a share, not the penalty's strength. With a small $\alpha$ it is nearly always close to 0 or 1;
# with $\alpha = 1$ it is even. By turning sharp corners between classes into slopes, mixup holds back
# overconfidence as well (Thulasidasan et al. 2019).
#
# `torch.distributions.Beta` takes no generator. Either draw with the method `beta(a, b)` of NumPy's
# `numpy.random.default_rng(seed)`, and the seed from your generator. Or take $A/(A+B)$: it is a number from
# $\mathrm{Beta}(\alpha, \alpha)$ if $A$ and $B$ come from `torch._standard_gamma(alphas, generator=generator)`, which
# gives one for each entry of a tensor of $\alpha$s.
#
# **Exercise.** Write `mixup`. Partners come from the same batch in another order, shuffled or reversed. One
# $\lambda$ for the batch or one for each pair, as you like. $\alpha = 0$ mixes nothing. x and y keep their dtype.

# %% exercise="mixup"
def mixup(x: torch.Tensor, y: torch.Tensor, alpha: float,
          generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each sample with another of the batch. x (N, …), y one-hot float (N, C) → the same."""
    ### BEGIN SOLUTION
    if alpha == 0:
        return x, y
    a, b = torch._standard_gamma(torch.full((2,), alpha, dtype=torch.float64), generator=generator)
    share, others = (a / (a + b)).item(), torch.randperm(len(x), generator=generator)
    return share * x + (1 - share) * x[others], share * y + (1 - share) * y[others]
    ### END SOLUTION

# %% check="mixup" points=4
check.mixup(mixup)

# %% demo=true
explore.mixing()

# %% [markdown]
# ## Softer targets
#
# Cross-entropy is never content: only infinite logits would do. *Label smoothing* (Szegedy et al. 2015) asks for
# less. Of the target, a share $s$ is taken from the right class $y$ and spread evenly over all $C$ classes, the
# right one among them:
#
# $$q_k = (1 - s)\,[k = y] + \frac{s}{C}, \qquad L = -\sum_k q_k \log p_k$$
#
# ($[k = y]$ is 1 if $k = y$, else 0.) Its lowest value is reached at finite logits: no reward for being ever surer.
#
# **Exercise.** Write `smoothed_cross_entropy`, the mean over the batch. Torch's argument `label_smoothing` would be
# the whole answer, so it is off limits; logits of ±10 000 should do no harm.

# %% exercise="smoothed_cross_entropy"
def smoothed_cross_entropy(logits: torch.Tensor, target: torch.Tensor,
                           smoothing: float) -> torch.Tensor:
    """Cross-entropy with label smoothing. logits (N, C), target (N,) int64 → scalar, the mean."""
    ### BEGIN SOLUTION
    log_p = logits.log_softmax(1)
    own = log_p.gather(1, target[:, None])[:, 0]
    return -((1 - smoothing) * own + smoothing * log_p.mean(1)).mean()
    ### END SOLUTION

# %% check="smoothed_cross_entropy" points=3
check.smoothed_cross_entropy(smoothed_cross_entropy)

# %% [markdown]
# ### Can its confidence be trusted?
#
# A net is *calibrated* if, of all the times it says 80 %, it is right in 80 %. Guo et al. (2017) found the nets of
# their day overconfident by the *expected calibration error* (Naeini et al. 2015); newer ones can be much better
# (Minderer et al. 2021). Sort the samples into bins $B$ of equal width by confidence, the largest of the
# probabilities. Then weigh each bin's gap between accuracy and mean confidence by its share of the samples:
#
# $$\mathrm{ECE} = \sum_B \frac{|B|}{N}\,\bigl|\mathrm{acc}(B) - \mathrm{conf}(B)\bigr|$$
#
# **Exercise.** Write `calibration_error`. A confidence of exactly 1 belongs to the last bin; what lies on another
# edge may go to either side. Empty bins add nothing.

# %% exercise="calibration_error"
def calibration_error(probs: torch.Tensor, target: torch.Tensor, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3). probs (N, C), target (N,) int64."""
    ### BEGIN SOLUTION
    confidence, predicted = probs.max(1)
    correct = (predicted == target).double()
    bin_of = (confidence * bins).long().clamp(max=bins - 1)
    error = 0.0
    for number in bin_of.unique():
        inside = bin_of == number
        off = (correct[inside] - confidence[inside]).mean().abs().item()
        error += off * inside.sum().item() / len(target)
    return error
    ### END SOLUTION

# %% check="calibration_error" points=3
check.calibration_error(calibration_error)

# %%
def said(net: nn.Module, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """What the net says about the validation digits, (597, 10), and what they are, (597,)."""
    _, _, x_val, y_val, _, _ = scattered(seed)
    net.eval()
    with torch.no_grad():
        return net(x_val).softmax(1), y_val


def smooth(smoothing: float, seed: int = 0) -> dict:
    """A study with label smoothing."""
    loss = lambda logits, target: smoothed_cross_entropy(logits, target, smoothing)
    return study(loss_fn=loss, seed=seed)

# %% demo=true
with once_written("smoothed_cross_entropy", "calibration_error"):
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(7.4, 2.7))
    for ax, smoothing in zip(axes, (0.0, 0.1, 0.4)):
        probs, y = said(smooth(smoothing)["net"])
        explore.reliability(probs, y, ax, label=ax is axes[0])
        ax.set(title=f"s = {smoothing:g}: ECE {calibration_error(probs, y):.2f}")
    axes[0].set(ylabel="accuracy")

# %% [markdown]
# Each point is one of the error's 15 bins, and its area the number of digits in it. Points below the dotted line
# are boasts: on the left the net is right far less often than it says. A smoothing of 0.1, a customary value,
# brings the large points near the line. With 0.4 they lie above it: the net has become too modest. Müller et al.
# (2019) found the same use for smoothing, and a price: such nets make worse teachers for smaller ones, though that
# is disputed (Shen et al. 2021).
#
# ## All of them, side by side
#
# Each remedy has a strength that we showed above. The last one trains nothing: it divides the finished net's logits
# by 2.5, which changes no answer (*temperature scaling*, Guo et al. 2017). Test digits decide nothing: the net that
# does best on validation digits meets them once, at the end.

# %%
def mixing(x, y, generator):
    """Mix each batch with itself, with labels as probabilities."""
    return mixup(x, F.one_hot(y, 10).float(), 1.0, generator)


def cooled(seed: int = 0) -> dict:
    """The plain net, its last layer divided by 2.5 when training is over."""
    run = study(seed=seed)
    for parameter in run["net"][-1].parameters():
        parameter.data /= 2.5
    return run

# %%
REMEDIES = {"nothing": lambda seed: study(seed=seed),
            "L2 penalty": lambda seed: study(
                penalty=lambda net: l2_penalty(net.parameters(), 0.002), seed=seed),
            "dropout": lambda seed: study(between=lambda: Dropout(0.5), seed=seed),
            "early stopping": lambda seed: stopped(6, seed),
            "crops": lambda seed: study(augment=cropping, seed=seed),
            "mixup": lambda seed: study(augment=mixing, seed=seed),
            "label smoothing": lambda seed: smooth(0.1, seed),
            "logits / 2.5": lambda seed: cooled(seed)}

# %% demo=true
with once_written("l2_penalty", "Dropout", "EarlyStopping", "random_crop", "mixup",
                  "smoothed_cross_entropy"):
    nets = {name: run(0)["net"] for name, run in REMEDIES.items()}
    gaps = {name: gap(net) for name, net in nets.items()}
    figure, axes = plt.subplots(1, 2, sharey=True)
    titles = "gap between the losses", "validation digits right"
    for which, (ax, title) in enumerate(zip(axes, titles)):
        bars = ax.barh(list(gaps), [values[which] for values in gaps.values()])
        ax.bar_label(bars, fmt=["{:.2f}", "{:.0%}"][which], padding=3)
        longest = max(values[which] for values in gaps.values())
        ax.set(title=title, xticks=[], xlim=(0, (1.2, 1.6)[which] * longest))
        ax.grid(False)
    chosen = max(gaps, key=lambda name: gaps[name][1])
    tested = accuracy(nets[chosen], *scattered()[4:])
    ax.annotate(f"test digits: {tested:.0%}", (gaps[chosen][1], list(gaps).index(chosen)),
                xytext=(34, 0), textcoords="offset points", va="center")
    axes[0].invert_yaxis()

# %% [markdown]
# Every one narrows the gap, and the last about as far as early stopping. So much of this gap is overconfidence:
# look at both columns. Only crops raise the accuracy by much: they bring in knowledge, that a moved digit is the
# same digit. Mixup even costs a little. In practice remedies are combined, with strengths chosen on validation
# data. (Early stopping's gap and the last one are a little flattered: epoch and 2.5 were chosen on these very
# digits.)
#
# ## More parameters: worse, then better
#
# The classical advice was to use few parameters. Too few cannot fit, too many fit the noise: the test error makes a
# U, the *bias–variance trade-off*. Belkin et al. (2019) showed what lies beyond. A model that is *just* large
# enough to fit its training data, at the *interpolation threshold*, is at its worst; still larger ones get better
# again, often better than the U's bottom. They named it *double descent*. Put fixed random ReLU features on ten
# inputs and fit only the last layer by least squares:
#
# $$y = X w + \sigma\,\epsilon, \qquad \Phi = \mathrm{ReLU}(X V), \qquad a = \Phi^{+} y$$
#
# $X$ is standard normal, (n, 10); $\lVert w \rVert = 1$; $V$, (10, width), is standard normal too. $\Phi^+$ is the
# pseudo-inverse, `torch.linalg.pinv`: of all best solutions it picks the one with the smallest norm
# (`torch.linalg.lstsq` does so too, with `driver="gelsd"`).
#
# **Exercise.** Write `random_features_error`. For each width it gives the mean squared error of the fit on fresh
# inputs, 500 or more, against targets without noise. Draw $X$, $w$ and $V$ anew for each width or not, as you like.
# float64 is safer: at the peak, float32 has too few digits.

# %% exercise="random_features_error"
def random_features_error(n_train: int, widths: list[int], noise: float,
                          generator: torch.Generator) -> list[float]:
    """Test error of least squares on random ReLU features, one for each width, in order.

    noise is the standard deviation of what is added to the training targets.
    """
    ### BEGIN SOLUTION
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    w = normal(10)
    w = w / w.norm()
    X, X_new = normal(n_train, 10), normal(500, 10)
    y, errors = X @ w + noise * normal(n_train), []
    for width in widths:
        V = normal(10, width)
        a = torch.linalg.pinv((X @ V).clamp(min=0)) @ y
        errors.append(((X_new @ V).clamp(min=0) @ a - X_new @ w).square().mean().item())
    return errors
    ### END SOLUTION

# %% check="random_features_error" points=4
check.random_features_error(random_features_error)

# %%
WIDTHS = [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 80, 120, 200, 400, 800]


def descent(n_train: int = 40, noise: float = 0.5, seed: int = 0, draws: int = 20) -> list[float]:
    """The median error for each of WIDTHS, over 20 draws of data and features."""
    generator = torch.Generator().manual_seed(seed)
    errors = [random_features_error(n_train, WIDTHS, noise, generator) for _ in range(draws)]
    return torch.tensor(errors).median(0).values.tolist()

# %% demo=true
with once_written("random_features_error"):
    figure, ax = plt.subplots()
    explore.descent_plot(WIDTHS, descent(), 40, ax)
    plt.show()

# %% [markdown]
# At a width of 40 there is exactly one fit through the 40 noisy points, and it has to contort itself: noise along
# the directions in which $\Phi$ is smallest is blown up. Beyond, there are many exact fits, and the pseudo-inverse
# takes the smallest, which gets smoother as there are more to choose from. Here the far end is below the U's bottom
# at a width of about 20. That depends on the task: move the noise and the number of points below.
#
# Nakkiran et al. (2019) found it in deep nets too, over width and over epochs, and most clearly with noisy labels.
# So "larger is worse" and "larger is better" each hold somewhere, and very large, *overparameterised* models are
# not the folly they once seemed. A penalty, well chosen, can flatten the peak (Nakkiran et al. 2020).

# %% demo=true
explore.descent()

# %% [markdown]
# ## Small changes, wrong answers
#
# Szegedy et al. (2013) found nets to be *brittle*: changes too small to see could turn an answer. Goodfellow et al.
# (2014) gave a one-step recipe, the *fast gradient sign method*: move every pixel by $\varepsilon$, the way the
# loss grows.
#
# $$x' = \mathrm{clip}_{[0, 1]}\bigl(x + \varepsilon \,\mathrm{sign}(\nabla_x L)\bigr)$$
#
# Their explanation: a net is roughly linear in its input, so many small changes that all point the right way add
# up. Ilyas et al. (2019) blame features that predict well and are brittle; the matter is open.
#
# **Exercise.** Write `fgsm`, with cross-entropy for $L$. Leave nothing behind: the model's `.grad`s, its mode
# (whichever it is) and the x that was handed in stay as they were, and the result has no graph.
# `torch.autograd.grad(loss, leaf)` touches no other gradient and gives a tuple, here of one; the leaf must require
# a gradient.

# %% exercise="fgsm"
def fgsm(model: nn.Module, x: torch.Tensor, y: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Attack images x in [0, 1], classes y (N,): every pixel moves by epsilon, or to the edge."""
    ### BEGIN SOLUTION
    leaf = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)
    return (x.detach() + epsilon * slope.sign()).clamp(0, 1)
    ### END SOLUTION

# %% check="fgsm" points=4
check.fgsm(fgsm)

# %% [markdown]
# The victim is no weakling: it has seen 1437 digits, neatly centred. Beside the attack we put noise of the same
# size: every pixel up or down by $\varepsilon$, at random.

# %%
def victim(seed: int = 0) -> nn.Sequential:
    """A good classifier of centred digits, (N, 1, 8, 8), in eval mode."""
    x, y, _, _ = digits()
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    fit(net, x.view(-1, 1, 8, 8), y, optimizer, F.cross_entropy, 25, seed=seed)
    net.eval()
    return net


def under_attack(net: nn.Module, epsilon: float, seed: int = 0) -> tuple[float, float]:
    """The accuracy on new digits under attack, and under noise of the same size."""
    _, _, x, y = digits()
    x, generator = x.view(-1, 1, 8, 8), torch.Generator().manual_seed(seed)
    noise = epsilon * torch.randn(x.shape, generator=generator).sign()
    return accuracy(net, fgsm(net, x, y, epsilon), y), accuracy(net, (x + noise).clamp(0, 1), y)

# %% demo=true
with once_written("fgsm"):
    net, epsilons = victim(), [0.0, 0.05, 0.1, 0.15, 0.2]
    attacked, noisy = zip(*(under_attack(net, epsilon) for epsilon in epsilons))
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3), width_ratios=(1.3, 1))
    axes[0].plot(epsilons, [100 * a for a in noisy], "s-", label="random signs")
    axes[0].plot(epsilons, [100 * a for a in attacked], "o--", label="the gradient's signs")
    axes[0].set(xlabel="ε", ylabel="new digits right, %", ylim=(0, 103), xticks=epsilons)
    axes[0].legend(loc="lower left")
    explore.attacked_digits(net, fgsm, 0.1, axes[1])

# %% [markdown]
# At $\varepsilon = 0.1$ random signs cost about two digits in a hundred, the gradient's signs nearly half of all.
# You see the grey, and read them still. Training on attacked images helps (Madry et al. 2017), at some cost on
# clean ones; better attacks exist, and robustness is unsolved.
#
# ## A road it has not seen
#
# Cars, robots and drones use nets to perceive what is around them, to predict what others will do and to plan. They
# need no attacker to fail. ALVINN (Pomerleau 1988), a net fed by a camera and a laser range finder, was trained on
# simulated roads and then steered a van on real ones. Every driving net since faces the same question: what if the
# road looks different from those it was trained on? Such a change between training and use is a *distribution
# shift*.
#
# Our car sees 8×16 pixels of road ahead. $d$ is how far it is off the middle, $\varphi$ its angle to the road, $k$
# the road's curvature. A driver that knows all three steers well; two nets learn to imitate it from pictures of
# asphalt alone, one of them from pictures that went through your `color_jitter`.

# %%
STYLES = {  # colours of road and verge
    "asphalt": ((0.35, 0.35, 0.38), (0.25, 0.55, 0.20)),
    "night": ((0.10, 0.10, 0.11), (0.05, 0.12, 0.04)),
    "winter": ((0.55, 0.50, 0.45), (0.92, 0.94, 0.97)),
    "exchanged": ((0.92, 0.94, 0.97), (0.55, 0.50, 0.45))}
AHEAD, ACROSS = torch.linspace(1, 8, 8)[:, None], torch.linspace(-4, 4, 16)


def camera(d, phi, k, style: str, generator: torch.Generator) -> torch.Tensor:
    """What the car sees, (N, 3, 8, 16), with some noise; d, phi, k (N,) or numbers."""
    d, phi, k = (torch.as_tensor(v, dtype=torch.float32).view(-1, 1, 1) for v in (d, phi, k))
    middle = k * AHEAD ** 2 / 2 - d - phi * AHEAD
    on_road = (3 - 2 * (ACROSS - middle).abs()).clamp(0, 1)[:, None]
    road, verge = (torch.tensor(colour).view(3, 1, 1) for colour in STYLES[style])
    image = on_road * road + (1 - on_road) * verge
    return (image + 0.03 * torch.randn(image.shape, generator=generator)).clamp(0, 1)

# %%
def driver(augment=None, seed: int = 0) -> nn.Sequential:
    """Learn to steer from 1000 pictures of asphalt, by imitating one who knows d, phi and k."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(384, 64), nn.ReLU(), nn.Linear(64, 1),
                        nn.Flatten(0))
    even = lambda size: size * (2 * torch.rand(1000, generator=generator) - 1)
    d, phi, k = even(1.5), even(0.3), even(0.06)
    x, steering = camera(d, phi, k, "asphalt", generator), k - 0.15 * d - 0.6 * phi
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(25):
        seen = augment(x, generator) if augment else x
        for pictures, target in minibatches(seen, steering, 64, generator):
            optimizer.zero_grad()
            F.mse_loss(net(pictures), target).backward()
            optimizer.step()
    net.eval()
    return net

# %%
@torch.no_grad()
def drive(net: nn.Module, style: str, road: int = 0, steps: int = 300) -> list[float]:
    """How far off the middle the car is at each step; it ends where the car leaves the road."""
    generator, t = torch.Generator().manual_seed(road), torch.arange(steps)
    starts = 2 * math.pi * torch.rand(3, generator=generator)
    bends = zip((0.025, 0.015, 0.01), (20, 9, 33), starts)
    path, d, phi = [], 0.0, 0.0
    for k in sum(size * torch.sin(t / period + start) for size, period, start in bends).tolist():
        phi += net(camera(d, phi, k, style, generator)).item() - k
        d += math.sin(phi)
        path.append(d)
        if abs(d) > 1.5:
            break
    return path

# %%
def jittering(x, generator):
    """Strong changes of brightness and contrast."""
    return color_jitter(x, 0.8, 0.8, generator)

# %% demo=true
with once_written("color_jitter"):
    drivers = {"plain": driver(), "trained with jitter": driver(jittering)}
    figure, axes = plt.subplots(2, 4, figsize=(7.8, 3.8), height_ratios=(1, 2), sharey="row")
    for column, style in zip(axes.T, STYLES):
        picture = camera(0.5, 0.0, 0.03, style, torch.Generator().manual_seed(0))[0]
        explore.show_image(picture, column[0], style)
        explore.drives({name: drive(net, style) for name, net in drivers.items()}, column[1])
    axes[1, 0].set(ylabel="off the middle")
    named = axes[1, 2].get_legend_handles_labels()  # in winter all three marks are there
    figure.legend(*named, loc="outside lower center", ncols=3)

# %% [markdown]
# On asphalt both hold the road to the end. At night the plain driver is soon off, and nothing in its training loss
# gave warning. (With other seeds one plain driver in four gets through the night. In winter none does.) Jitter had
# shown the other one darker pictures, and it drives on.
#
# In winter both are off at once. It is not the brightness: with the colours of road and verge exchanged both drive
# on. On asphalt the verge is brighter in green alone, in winter in all three colours; jitter, which scales all
# colours alike, never turned that round. An augmentation protects from the changes that it imitates: do not count
# on more.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A unit's activation is 3, and inverted dropout with $p = 0.2$ follows. In training, what value does it have
# when it is kept?

# %% question="review_dropout"
review_dropout = quiz.ask(check.review_dropout, 3 / 0.8)  # or a number

# %% check="review_dropout" points=1
check.review_dropout(review_dropout)

# %% [markdown]
# **2.** You tried 30 settings of $\lambda$, $p$ and the epoch, and kept the net with the most validation digits
# right: 58 %. Of the test digits, which it had never met, it gets 53 % right. What do you report, and why do the
# numbers differ?
#
# - a) 58 %: the test digits happen to be harder
# - b) 58 %: test digits must not decide anything
# - c) 53 %: the best of 30 looks better than it is on the digits that it was chosen on
# - d) 55.5 %: neither was trained on, so take the mean

# %% question="review_test"
review_test = quiz.ask(check.review_test, "c")  # or one letter, in quotes

# %% check="review_test" points=1
check.review_test(review_test)

# %% [markdown]
# **3.** Random ReLU features, 100 training points with as much noise as in our figure. Order the widths by the test
# error that you expect, highest first: a) 100, b) 120, c) 2000, d) 70. The letters in one string, such as "abcd".

# %% question="review_descent"
review_descent = quiz.ask(check.review_descent, "abdc")  # or four letters, in quotes

# %% check="review_descent" points=1
check.review_descent(review_descent)

# %% [markdown]
# **4.** Of 100 predictions, 60 lie in a bin with mean confidence 0.95 and accuracy 0.75, and 40 in a bin with mean
# confidence 0.65 and accuracy 0.70. What is the expected calibration error?

# %% question="review_calibration"
review_calibration = quiz.ask(check.review_calibration, 0.6 * 0.20 + 0.4 * 0.05)  # or a number

# %% check="review_calibration" points=1
check.review_calibration(review_calibration)

# %% [markdown]
# **5.** Suppose that a net's loss is linear in its 64 pixels, with slope 0.5 or −0.5 at each. By how much does FGSM
# with $\varepsilon = 0.1$ raise it, if no pixel reaches 0 or 1?

# %% question="review_attack"
review_attack = quiz.ask(check.review_attack, 64 * 0.1 * 0.5)  # or a number

# %% check="review_attack" points=1
check.review_attack(review_attack)

# %% [markdown]
# **6.** You train a model; its training loss falls steadily, but after epoch 10 its validation loss begins to rise.
# In your own words, 150 to 250 of them: describe three different interventions and, for each, the mechanism by
# which it addresses the problem. Say what you would measure to see whether it worked.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | diagnosis | names overfitting: the net fits what is particular to the training data, or grows too sure of it |
# | first mechanism | an intervention, and how it acts: on weights, units, data, targets or time |
# | second mechanism | a second, of another kind than the first |
# | third mechanism | a third, of another kind again |
# | evidence | what is measured, on which data, with a figure of this lesson as an example |
# | limits | a cost or a limit of at least one: what it cannot do, or when it would hurt |

# %% [markdown] written="three_interventions" points=6
# ### BEGIN SOLUTION
# The net overfits: what it gains after epoch 10 is particular to its training samples, and costs it on new ones. In
# our run the share right did not fall: much of the rise was overconfidence.
#
# *Early stopping.* Keep the weights of the epoch with the lowest validation loss. They travel less far from their
# small start, so the net stays simpler. The gap shrank clearly; the lowest validation loss was no lower, since
# nothing new was learned.
#
# *Dropout.* In training each activation is dropped with probability p and the rest are scaled up. A unit cannot
# count on particular others, so patterns that need many of them to agree about one sample are not built. With p =
# 0.5 the loss climbed later and less; with 0.8 the net hardly fitted.
#
# *Augmentation.* Each epoch shows moved copies, so that only what is common to all of them pays. Crops closed most
# of the gap in 40 epochs and raised the accuracy, more than everything else. The claim must be true: flipped digits
# narrowed the gap a little and raised nothing.
#
# I would choose strengths by validation loss, compare gap, accuracy and calibration with the untreated run, over
# several seeds, and report on test digits that decided nothing.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You tell learning from memorising by the gap, wrote six remedies and know what each takes hold of (weights, units,
# time, images, mixtures, targets), and you judge a net's confidence before you trust it. You drew double descent,
# broke a good classifier with changes that would not mislead you, and watched a driver leave a road that it was not
# prepared for.
#
# [← 5 schedules](../05_schedules/05_schedules.ipynb) ·
# [7 normalization →](../07_normalization/07_normalization.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Belkin, Hsu, Ma, Mandal (2019). *Reconciling modern machine-learning practice and the classical bias–variance
#   trade-off.* PNAS 116. arXiv:1812.11118.
# - Goodfellow, Bengio, Courville (2016). *Deep Learning*, chapter 7. MIT Press.
# - Goodfellow, Shlens, Szegedy (2014). *Explaining and harnessing adversarial examples.* arXiv:1412.6572.
# - Guo, Pleiss, Sun, Weinberger (2017). *On calibration of modern neural networks.* ICML. arXiv:1706.04599.
# - Hinton, Srivastava, Krizhevsky, Sutskever, Salakhutdinov (2012). *Improving neural networks by preventing
#   co-adaptation of feature detectors.* arXiv:1207.0580.
# - Ilyas, Santurkar, Tsipras, Engstrom, Tran, Madry (2019). *Adversarial examples are not bugs, they are features.*
#   NeurIPS. arXiv:1905.02175.
# - Loshchilov, Hutter (2017). *Decoupled weight decay regularization.* arXiv:1711.05101.
# - Madry, Makelov, Schmidt, Tsipras, Vladu (2017). *Towards deep learning models resistant to adversarial attacks.*
#   arXiv:1706.06083.
# - Minderer, Djolonga, Romijnders, Hubis, Zhai, Houlsby, Tran, Lucic (2021). *Revisiting the calibration of modern
#   neural networks.* NeurIPS. arXiv:2106.07998.
# - Müller, Kornblith, Hinton (2019). *When does label smoothing help?* NeurIPS. arXiv:1906.02629.
# - Naeini, Cooper, Hauskrecht (2015). *Obtaining well calibrated probabilities using Bayesian binning.* AAAI.
# - Nakkiran, Kaplun, Bansal, Yang, Barak, Sutskever (2019). *Deep double descent: where bigger models and more data
#   hurt.* arXiv:1912.02292.
# - Nakkiran, Venkat, Kakade, Ma (2020). *Optimal regularization can mitigate double descent.* arXiv:2003.01897.
# - Pomerleau (1988). *ALVINN: an autonomous land vehicle in a neural network.* NIPS.
# - Prechelt (1998). *Early stopping – but when?* In *Neural Networks: Tricks of the Trade*, Springer.
# - Shen, Liu, Xu, Chen, Cheng, Savvides (2021). *Is label smoothing truly incompatible with knowledge distillation:
#   an empirical study.* ICLR. arXiv:2104.00676.
# - Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014). *Dropout: a simple way to prevent neural
#   networks from overfitting.* JMLR 15.
# - Szegedy, Zaremba, Sutskever, Bruna, Erhan, Goodfellow, Fergus (2013). *Intriguing properties of neural
#   networks.* arXiv:1312.6199.
# - Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2015). *Rethinking the Inception architecture for computer vision.*
#   arXiv:1512.00567.
# - Thulasidasan, Chennupati, Bilmes, Bhattacharya, Michalak (2019). *On mixup training: improved calibration and
#   predictive uncertainty for deep neural networks.* NeurIPS. arXiv:1905.11001.
# - Zhang, Bengio, Hardt, Recht, Vinyals (2016). *Understanding deep learning requires rethinking generalization.*
#   arXiv:1611.03530.
# - Zhang, Cisse, Dauphin, Lopez-Paz (2017). *mixup: beyond empirical risk minimization.* arXiv:1710.09412.
