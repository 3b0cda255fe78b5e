# %% [markdown]
# # What training minimises
#
# Lesson 3 · losses and the surface they make · about four hours
#
# [← 2 activations](../02_activations/02_activations.ipynb) ·
# [4 optimizers →](../04_optimizers/04_optimizers.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - write eight losses, stable where naive code gives `nan`, with gradients you have checked;
# - say for which task each was made, and what its rival does there;
# - teach a network an equation instead of examples;
# - draw the surface that training walks on, measure its curvature, and tell a minimum from a saddle;
# - say what is known about that surface, and what is still disputed.
#
# A *loss* is one number that says how wrong a model is. Training does nothing but make it smaller, so what you write
# into it is what you get, and what you leave out you do not.

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import losses as check
from dlcourse.data import digits, moons, shapes
from dlcourse.explorers import losses as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, fit

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# ## Squared error, and one bad number
#
# For a *regression*, where the answer is a number, the usual loss is the mean squared error over all $n$ entries:
#
# $$\mathrm{MSE} = \frac1n \sum_i (\hat y_i - y_i)^2$$
#
# A common bug is one of shape. A prediction (N, 1) minus a target (N,) broadcasts to a table of N × N
# differences. Nothing fails, and the model learns to predict the mean.
#
# **Exercise.** Write `mse` for two tensors of one shape, whatever it is. Shapes that differ must raise an error, of
# any type. Unless an exercise says otherwise, torch's own version is off limits: it is what you are building.

# %% exercise="mse"
def mse(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean of (pred − target)² over every entry. Raises where the shapes differ."""
    ### BEGIN SOLUTION
    if pred.shape != target.shape:
        raise ValueError(f"pred is {tuple(pred.shape)}, but target is {tuple(target.shape)}")
    return (pred - target).square().mean()
    ### END SOLUTION

# %% check="mse" points=2
check.mse(mse)

# %% [markdown]
# A square makes large errors count out of proportion. Twenty points on a line of slope ½, and then the last one is
# lifted: a typing error, say. We fit a line by your loss, and another by the mean *absolute* error. (Adam, here and
# below, is an optimizer that adapts its steps; lesson 4 builds it.)

# %%
def fitted_line(loss, lift: float, seed: int = 0) -> torch.Tensor:
    """Intercept and slope of the line through 20 noisy points, the last of them lifted."""
    x = torch.linspace(-1, 1, 20)
    y = x / 2 + 0.05 * torch.randn(20, generator=torch.Generator().manual_seed(seed))
    y[-1] += lift
    line = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([line], 0.05)
    for step in range(300):
        optimizer.zero_grad()
        loss(line[0] + line[1] * x, y).backward()
        optimizer.step()
    return line.detach()


def mean_absolute(pred, target):
    """The mean of |pred − target|."""
    return (pred - target).abs().mean()

# %% demo=true
with once_written("mse"):
    figure, ax = plt.subplots(figsize=(7, 2.8))
    lifts = torch.linspace(0, 5, 6)
    for loss, label in [(mse, "squared error"), (mean_absolute, "absolute error")]:
        ax.plot(lifts, [fitted_line(loss, lift)[1] for lift in lifts], marker="o", label=label)
    ax.set(xlabel="how far one of 20 points is lifted", ylabel="slope of the line", ylim=(0, 1.4))
    ax.legend()

# %% [markdown]
# Under the squared error the slope grows with the lift, without end. Under the absolute error the lifted point pulls
# no harder for being farther away. The price: its gradient does not shrink near the goal. Huber (1964)
# joined the two, square inside and absolute outside.
#
# ## Cross-entropy, and a gradient that does not die
#
# A classifier gives a number for each class, the *logits*; softmax turns them into probabilities $p$ (lesson 2). With
# the right class written as a *one-hot* row $y$, 1 at its place and 0 elsewhere, the loss is
#
# $$-\sum_c y_c \log p_c = -\log p_{\text{right}}, \qquad \frac{\partial}{\partial\,\text{logits}} = \frac{p - y}{N}$$
#
# On the left is one sample's loss: to be sure costs next to nothing where it is right (0.01 at $p = 0.99$) and ever more
# where it is wrong (4.6 at $p = 0.01$). The $N$ on the right comes from the mean over a batch. The gradient is the plain
# difference between what was said and what is so.
#
# **Exercise.** Write `cross_entropy`, right also for logits of ±10 000. `logsumexp` is allowed here: it computes
# $\log\sum_j e^{x_j}$ stably. `torch.gather`, or an index of rows and columns, picks an entry from each row. (`gather`
# gives (N, 1): take `[:, 0]` before you subtract, or you have a table of N × N again.)

# %% exercise="cross_entropy"
def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean of −log p of the right class. logits (N, C); target (N,) int64, right classes."""
    ### BEGIN SOLUTION
    right = logits.gather(1, target[:, None])[:, 0]
    return (logits.logsumexp(dim=1) - right).mean()
    ### END SOLUTION

# %% check="cross_entropy" points=3
check.cross_entropy(cross_entropy)

# %% [markdown]
# Why not the squared error between $p$ and $y$? Let a net begin surely wrong: its bias says class 0, with 12 logits
# to spare. One linear layer, the digits, and for each loss the best of three learning rates, by training accuracy.

# %%
x_train, y_train, x_test, y_test = digits()


def squared(logits, target):
    """Squared error between the probabilities and the one-hot rows."""
    return mse(logits.softmax(1), F.one_hot(target, logits.shape[1]).to(logits.dtype))


def recover(loss, lr: float, steps: int = 100) -> list[float]:
    """Training accuracy at each step, for a linear layer that starts sure of class 0."""
    net = nn.Linear(64, 10)
    nn.init.zeros_(net.weight)
    net.bias.data = torch.tensor([12.0] + 9 * [0.0])
    optimizer, history = torch.optim.SGD(net.parameters(), lr), []
    for step in range(steps):
        history.append(accuracy(net, x_train, y_train))
        optimizer.zero_grad()
        loss(net(x_train), y_train).backward()
        optimizer.step()
    return history

# %% demo=true
with once_written("mse", "cross_entropy"):
    figure, axes = plt.subplots(1, 2)
    gap = torch.linspace(-12, 6, 200, requires_grad=True)
    two = torch.stack([gap, torch.zeros_like(gap)], 1)
    for loss, label in [(squared, "squared error"), (cross_entropy, "cross-entropy")]:
        total = sum(loss(row[None], torch.tensor([0])) for row in two)
        slope, = torch.autograd.grad(total, gap, retain_graph=True)
        axes[0].plot(gap.detach(), slope.abs(), label=label)
        runs = [recover(loss, lr) for lr in (0.5, 5.0, 50.0)]
        axes[1].plot([100 * a for a in max(runs, key=lambda run: run[-1])], label=label)
    axes[0].set(xlabel="right logit − wrong logit", title="size of the gradient")
    axes[1].set(xlabel="step", title="training accuracy, %", ylim=(0, 103))
    axes[0].legend()

# %% [markdown]
# Where the net is surely wrong, far left, the squared error has almost no slope, about $e^{-12}$: it is multiplied by
# softmax's own, which has died. At these three rates the accuracy does not move in a hundred steps. Cross-entropy's
# logarithm cancels that factor, and what is left is $p - y$. (Its zigzag at first comes from the rate: of the three,
# the largest is the best in the end.)
#
# ## Many questions at once
#
# A photograph may show a dog *and* a ball, or neither. In a *multi-label* task each label is a yes-or-no question of
# its own, with its own logit $x$ and $p = \sigma(x)$:
#
# $$\mathrm{BCE} = \text{mean of}\; -w\,y \log \sigma(x) - (1 - y) \log (1 - \sigma(x))$$
#
# The weight $w$ (`pos_weight`, one number for each label, 1 if not given) makes rare positives count more. Beware:
# $\sigma(1000)$ rounds to 1, and $\log(1 - 1)$ is $-\infty$. Use $1 - \sigma(x) = \sigma(-x)$ and $-\log\sigma(x) =
# \log(1 + e^{-x})$, which torch has, stable, as `F.softplus(-x)`.
#
# **Exercise.** Write `binary_cross_entropy` from logits, the mean over every entry. At a logit of exactly 0, which a
# layer of zero weights gives, the gradient must be right too: formulas with $|x|$ or $\max(x, 0)$ have a kink there.

# %% exercise="binary_cross_entropy"
def binary_cross_entropy(logits: torch.Tensor, target: torch.Tensor,
                         pos_weight: torch.Tensor | None = None) -> torch.Tensor:
    """The mean over all entries. logits and target (N, C), target 0.0 or 1.0; pos_weight (C,)."""
    ### BEGIN SOLUTION
    yes, no = F.softplus(-logits), F.softplus(logits)  # −log σ(x), −log(1 − σ(x))
    if pos_weight is not None:
        yes = pos_weight * yes
    return (target * yes + (1 - target) * no).mean()
    ### END SOLUTION

# %% check="binary_cross_entropy" points=3
check.binary_cross_entropy(binary_cross_entropy)

# %% [markdown]
# Three questions about a digit: is it even? is it five or more? has it a closed loop (0, 6, 8 and 9)? A 6 and an 8
# answer yes three times, a 1 and a 3 never. A softmax must share out one unit of probability among the three: with a
# threshold below 1/3 it can say yes three times, but not no three times, since one $p$ is always at least 1/3; with a
# higher one it is the other way round. To be fair, the threshold is tuned on the training digits.

# %%
ANSWERS = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0],
                        [0, 1, 0], [1, 1, 1], [0, 1, 0], [1, 1, 1], [0, 1, 1.0]])


def soft_labels(logits, target):
    """Cross-entropy with several right classes in a row: the rival."""
    return -(target * logits.log_softmax(1)).sum(1).mean()


def three_questions(loss, seed: int = 0) -> float:
    """Share of new digits with all three questions answered right."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
    squash = torch.sigmoid if loss is binary_cross_entropy else lambda logits: logits.softmax(1)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    fit(net, x_train, ANSWERS[y_train], optimizer, loss, 15, seed=seed, label="questions")
    with torch.no_grad():
        train, test = squash(net(x_train)), squash(net(x_test))
    right = lambda p, y, t: ((p > t) == ANSWERS[y].bool()).all(1).float().mean().item()
    best = max(torch.linspace(0.05, 0.95, 19).tolist(), key=lambda t: right(train, y_train, t))
    return right(test, y_test, best)

# %% demo=true
with once_written("binary_cross_entropy"):
    figure, ax = plt.subplots(figsize=(7, 1.7))
    shares = [three_questions(loss) for loss in (soft_labels, binary_cross_entropy)]
    bars = ax.barh(["softmax", "three sigmoids, BCE"], [100 * s for s in shares], hatch=["//", ""],
                   edgecolor=plots.PAPER)
    ax.bar_label(bars, fmt=" %.0f %%")
    ax.set(xlim=(0, 110), xlabel="new digits with all three answers right, %")
    ax.grid(axis="y", visible=False)

# %% [markdown]
# On these digits the softmax cannot pass 83 % with a threshold below 1/3, where every 1 and 3 is lost, nor 80 % with a
# higher one, where every 6 and 8 is: it learned nearly all that it can say. (Like most figures here this is one run.
# What the text says of them held for three seeds; the exact percentages belong to this one.)
#
# ## One in fifty
#
# Fifty boring samples for one that matters: fraud, a rare disease, an object among empty background. Each easy sample
# costs little, but there are many. The focal loss (Lin et al. 2017) weighs a sample down by how sure the net already
# is of its right class, $p$:
#
# $$\mathrm{FL} = \text{mean of}\; -(1 - p)^\gamma \log p$$
#
# With $\gamma = 0$ this is cross-entropy. A trap: where $p$ rounds to 1, $(1 - p)^{0.5}$ has slope $\infty$ there,
# and $\infty \cdot 0$ is `nan`.
#
# **Exercise.** Write `focal_loss` for several classes, with finite gradients for $\gamma$ of 0, 0.5 and 2 wherever
# $p$ rounds to 0 or 1. All of torch's losses are allowed; `reduction="none"` gives one loss for each sample. Mind
# what is averaged, and when.

# %% exercise="focal_loss"
def focal_loss(logits: torch.Tensor, target: torch.Tensor, gamma: float = 2.0) -> torch.Tensor:
    """The mean of −(1 − p)^gamma · log p, p of the right class. logits (N, C), target (N,)."""
    ### BEGIN SOLUTION
    ce = F.cross_entropy(logits, target, reduction="none")  # −log p
    unsure = (1 - torch.exp(-ce)).clamp(min=1e-8)  # above 0, so that its power has a slope
    return (unsure ** gamma * ce).mean()
    ### END SOLUTION

# %% check="focal_loss" points=3
check.focal_loss(focal_loss)

# %% [markdown]
# How much do fifty easy samples weigh against one hard one? At which γ do the two sides balance? And if the easy ones
# are only at p = 0.6?

# %% demo=true
explore.focal()

# %% [markdown]
# (They balance at γ ≈ 0.57, and for p = 0.6 only at γ ≈ 4.)
#
# Find the eights, with one eight for every fifty other digits to learn from. *Recall* is the share of eights that are
# found, *precision* the share of finds that are eights. On the right stands a rival that costs nothing: instead of ½,
# the threshold for $p$ that has the best F1, the harmonic mean of the two, on the training digits.

# %%
def find_eights(loss, seed: int = 0, tuned: bool = False) -> tuple[float, float]:
    """Recall and precision on new digits, after 200 steps on 50 others for each eight."""
    x, y, x_new, y_new = digits(test=700, seed=seed)
    eights, others = (y == 8).nonzero()[:, 0], (y != 8).nonzero()[:, 0]
    kept = torch.cat([others, eights[:len(others) // 50]])
    x, y, y_new = x[kept], (y[kept] == 8).long(), y_new == 8
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for step in range(200):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        p, p_new = net(x).softmax(1)[:, 1], net(x_new).softmax(1)[:, 1]
    f1 = lambda t: 2 * ((p > t) & (y == 1)).sum() / ((p > t).sum() + (y == 1).sum())
    found = p_new > (max(torch.linspace(0.01, 0.5, 50).tolist(), key=f1) if tuned else 0.5)
    hits = (found & y_new).sum()
    return (hits / y_new.sum()).item(), (hits / found.sum().clamp(min=1)).item()

# %% demo=true
with once_written("cross_entropy", "focal_loss"):
    figure, ax = plt.subplots(figsize=(7, 2.8))
    rivals = {"cross-entropy": (cross_entropy, False), "focal, γ = 2": (focal_loss, False),
              "cross-entropy,\ntuned": (cross_entropy, True), "focal,\ntuned": (focal_loss, True)}
    runs = [torch.tensor([find_eights(f, seed, tuned) for seed in range(3)]).mean(0)
            for f, tuned in rivals.values()]
    for k, label, hatch in [(0, "recall", ""), (1, "precision", "//")]:
        bars = ax.bar([i + 0.36 * k for i in range(4)], [100 * run[k] for run in runs], 0.34,
                      label=label, hatch=hatch, edgecolor=plots.PAPER)
        ax.bar_label(bars, fmt="%.0f %%")
    ax.set(xticks=[i + 0.18 for i in range(4)], ylabel="%, mean of three runs", ylim=(0, 118))
    ax.set_xticklabels(rivals)
    ax.legend(ncols=2, loc="upper left")

# %% [markdown]
# At the usual threshold of ½ the focal loss lifts recall from almost nothing. (A run that finds nothing counts as
# precision 0 in the mean.) But look at the right: with tuned thresholds the two losses find about equally many, so
# most of the gain was one of threshold. The loss was made for detectors that judge about a hundred thousand places in
# every image.
#
# ## A small mask
#
# In *segmentation* each pixel gets an answer. If the object covers 1.4 % of the image, "nothing anywhere" is right
# for 98.6 % of the pixels. Dice compares two *sets* instead, the overlap with the sizes, so background that was
# rightly left alone earns nothing. In its soft form (Milletari et al. 2016, here with plain sums) it takes
# probabilities $p$ and a mask $m$:
#
# $$\mathrm{Dice\ loss} = 1 - \frac{2 \sum p\,m + s}{\sum p + \sum m + s}$$
#
# The sums run over the pixels of one image; then comes the mean over images. The small number $s$ (`smooth`) keeps an
# empty mask from making 0/0.
#
# **Exercise.** Write `dice_loss`, for masks of floats or of booleans.

# %% exercise="dice_loss"
def dice_loss(probs: torch.Tensor, mask: torch.Tensor, smooth: float = 1.0) -> torch.Tensor:
    """The mean over images of 1 − soft Dice. probs (N, H, W) in [0, 1]; mask (N, H, W)."""
    ### BEGIN SOLUTION
    mask = mask.to(probs.dtype)
    overlap, sizes = (probs * mask).sum((1, 2)), (probs + mask).sum((1, 2))
    return (1 - (2 * overlap + smooth) / (sizes + smooth)).mean()
    ### END SOLUTION

# %% check="dice_loss" points=3
check.dice_loss(dice_loss)

# %% [markdown]
# A small convolutional net (lesson 8 builds them), noisy images with one small shape in each, and the two losses.
# Every ten steps we measure Dice on new images, with $p$ cut at ½.

# %%
def pixel_bce(probs, mask):
    """Binary cross-entropy, from probabilities here."""
    return F.binary_cross_entropy(probs, mask.float())

# %%
def segment(loss, seed: int = 0, steps: int = 150):
    """Dice on new images every ten steps; p for each of their pixels at step 40 (200, 24, 24)."""
    x, m = shapes(128, seed=seed)
    x_new, m_new = shapes(200, seed=seed + 50)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.LeakyReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.LeakyReLU(),
        nn.Conv2d(8, 1, 1), nn.Sigmoid(), nn.Flatten(0, 1))
    optimizer, scores = torch.optim.Adam(net.parameters(), 0.003), []
    for step in range(1, steps + 1):
        some = torch.arange(32 * step, 32 * step + 32) % len(x)
        optimizer.zero_grad()
        loss(net(x[some, None]), m[some]).backward()
        optimizer.step()
        if step % 10 == 0:
            p = net(x_new[:, None]).detach()
            scores.append(1 - dice_loss((p > 0.5).float(), m_new, smooth=1e-6).item())
        if step == 40:
            early = p
    return scores, early

# %% demo=true
with once_written("dice_loss"):
    figure, axes = plt.subplots(1, 3, width_ratios=[2, 1.2, 1.2], figsize=(7.6, 2.8))
    x_new, m_new = shapes(200, seed=50)
    for ax, loss, label in [(axes[1], pixel_bce, "cross-entropy"), (axes[2], dice_loss, "Dice")]:
        scores, early = segment(loss)
        axes[0].plot(range(10, 160, 10), scores, label=label)
        right = ((early > 0.5) == m_new).float().mean()
        explore.mask_over(x_new[3], early[3] > 0.5, ax, label)
        ax.set(xlabel=f"step 40: {100 * right:.1f} % of\nall pixels right")
    axes[0].set(xlabel="step", ylabel="Dice on new images", ylim=(0, 1))
    axes[0].legend(loc="lower right")

# %% [markdown]
# After 40 steps cross-entropy has found nothing in any image, and its pixel accuracy looks splendid. The loss is a
# mean over pixels, 98.6 % of them background, and the quickest way down is to say no everywhere. A lower threshold
# does not help here: at step 40 even the best one for these images gives a Dice of only 0.12. Given time
# cross-entropy wakes up: this task is easy, and by step 150 most of the gap is closed. So this race shows a slow
# start, not a final ranking. The two losses can also be added.
#
# ## A place for faces never seen
#
# A classifier has one logit for each class it was trained on. A person who is enrolled tomorrow has none. *Metric
# learning* trains a map into a space where distance means difference. The triplet loss takes an *anchor* $a$, a
# *positive* $q$ of the same class and a *negative* $n$ of another (Weinberger and Saul 2009; for faces Schroff et al.
# 2015; both with squared distances):
#
# $$\text{mean of}\; \max\left(0,\; \lVert a - q \rVert - \lVert a - n \rVert + \text{margin}\right)$$
#
# Once the negative is farther away by the margin, a triplet is content.
#
# **Exercise.** Write `triplet_loss` with the plain Euclidean distance. Where two points coincide, a square root has
# slope $\infty$: any finite gradient will do there, `nan` will not.

# %% exercise="triplet_loss"
def triplet_loss(anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor,
                 margin: float = 1.0) -> torch.Tensor:
    """The mean of max(0, d(anchor, positive) − d(anchor, negative) + margin); all (N, D)."""
    ### BEGIN SOLUTION
    near = (anchor - positive).norm(dim=1)  # norm's gradient at 0 is 0
    far = (anchor - negative).norm(dim=1)
    return (near - far + margin).clamp(min=0).mean()
    ### END SOLUTION

# %% check="triplet_loss" points=3
check.triplet_loss(triplet_loss)

# %% [markdown]
# A net puts each digit on a plane. It is trained on triplets of the digits 0 to 7, and we look at where new images
# fall, the 8s and 9s (in black) included, which it has never seen.

# %%
def embed(seed: int = 0, steps: int = 300) -> torch.Tensor:
    """The places (360, 2) of the test digits, after training on triplets of 0 to 7."""
    x, y = x_train[y_train < 8], y_train[y_train < 8]
    generator = torch.Generator().manual_seed(seed)
    pick = lambda n, size: torch.randint(n, (size,), generator=generator)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(net.parameters(), 0.005)
    members = [(y == c).nonzero()[:, 0] for c in range(8)]
    for step in range(steps):
        c = pick(8, 256)
        other = (c + 1 + pick(7, 256)) % 8
        a, q, n = (torch.stack([members[k][pick(len(members[k]), 1)[0]] for k in classes.tolist()])
                   for classes in (c, c, other))
        optimizer.zero_grad()
        triplet_loss(net(x[a]), net(x[q]), net(x[n])).backward()
        optimizer.step()
    return net(x_test).detach()

# %%
def told_apart(z, y) -> float:
    """How often a pair of one class lies nearer than a pair of two classes (0.5 is chance)."""
    i, j = torch.triu_indices(len(z), len(z), 1)
    distance, same = (z[i] - z[j]).norm(dim=1), y[i] == y[j]
    rank = distance.argsort().argsort().double()
    n, m = same.sum(), (~same).sum()
    return 1 - ((rank[same].sum() - n * (n - 1) / 2) / (n * m)).item()

# %% demo=true
with once_written("triplet_loss"):
    figure, ax = plt.subplots(figsize=(7, 4.2))
    z = embed()
    explore.as_digits(z, y_test, ax, strangers=(8, 9))
    title = "how often a pair of one class is nearer than a pair of two"
    for name, rows in [("digits 0 to 7", y_test < 8), ("8 and 9, never seen", y_test >= 8)]:
        here, pixels = (told_apart(places[rows], y_test[rows]) for places in (z, x_test))
        title += f"\n{name}: {here:.2f} here, {pixels:.2f} by pixels"
    ax.set(title=title)

# %% [markdown]
# New images of known digits lie with their kind, and are told apart better than by the distance between pixels. The
# 8s and 9s get a place as well. (A classifier's logits would give them one too; the triplet loss trains the distance
# itself.) But on those two, never seen, this small plane tells pairs apart worse than the pixels do. FaceNet, which
# does recognise strangers, was trained on faces of millions of people (Schroff et al. 2015).
#
# ## Strokes without alignment
#
# A pen moves for thirty frames and three or four strokes make a word. Which frame belongs to which stroke nobody
# says. *Connectionist temporal classification* (Graves et al. 2006) lets the net say a label or *blank* at each
# frame. A path of labels is *collapsed*: equal neighbours become one, then blanks go. So `a a – b` and `– a b b` both
# say *ab*, and *aa* needs a blank between its letters. The loss is
#
# $$-\log p(\text{target}) = -\log \sum_{\text{paths that collapse to it}} \; \prod_t p_t(\text{label at } t)$$
#
# There are too many paths to list. But write the target with blanks around each letter, `– a – b –`: a row of states,
# and a path walks along it. Let $\alpha_t(s)$ be the log of the total probability of all beginnings of paths that are
# in state $s$ at frame $t$. Such a path stayed there, came from the state before, or skipped one:
#
# $$\alpha_t(s) = \log\left(e^{\alpha_{t-1}(s)} + e^{\alpha_{t-1}(s-1)} + [\text{skip}]\, e^{\alpha_{t-1}(s-2)}\right) +
# \log p_t(\text{label of } s)$$
#
# *Skip* is allowed where state $s$ is a letter that differs from the letter two states before. In `– a – a –` that is
# nowhere: from the first a to the second the path must pass the blank. At the first frame a path is in one of the
# first two states, with that label's log-probability; it ends in one of the last two.
#
# **Exercise.** Write `ctc_loss` for one sequence: not divided by any length; `inf` where the target does not fit (its
# gradient is not judged then). An empty target has one state, the blank, at every frame. Mind that `logsumexp` over
# nothing but $-\infty$ has a gradient of `nan`; a number like −1e30 has not.

# %% exercise="ctc_loss"
def ctc_loss(log_probs: torch.Tensor, target: torch.Tensor, blank: int = 0) -> torch.Tensor:
    """−log p(target). log_probs (T, C), log-probabilities; target (S,) int64, without blanks."""
    ### BEGIN SOLUTION
    states = torch.full((2 * len(target) + 1,), blank)
    states[1::2] = target
    skip = torch.zeros(len(states), dtype=torch.bool)
    skip[3::2] = target[1:] != target[:-1]
    never = log_probs.new_full((2,), -1e30)
    alpha = log_probs[0, states] + never[0] * (torch.arange(len(states)) > 1)
    for frame in log_probs[1:]:
        before = torch.cat([never, alpha])  # before[s + 2] is alpha[s]
        jump = torch.where(skip, before[:-2], never[0])
        alpha = torch.stack([alpha, before[1:-1], jump]).logsumexp(0) + frame[states]
    log_p = alpha[-2:].logsumexp(0)
    return torch.where(log_p > -1e29, -log_p, math.inf)
    ### END SOLUTION

# %% check="ctc_loss" points=5
check.ctc_loss(ctc_loss)

# %% [markdown]
# Each dot is a state that some path visits; the shade says how probable a visit is. How fast does the number of
# alignments of *aba* grow with the frames? How many frames does *aa* need at least, and *abba*?

# %% demo=true
explore.alignments()

# %% [markdown]
# (In T frames *aba* has $\binom{T + 3}{6}$ alignments, as has every word of three letters without doubles. *aa* needs 3
# frames, *abba* 5.)
#
# Now the pen. Three strokes, an arch, a bowl and a wave, each drawn over three to seven frames, with rests between.
# One rival: share out the letters evenly over the frames, and train each frame by cross-entropy. It has no blank, so
# it can never write a double letter; words without doubles are counted apart.

# %%
def written(n: int, seed: int, frames: int = 30) -> tuple[torch.Tensor, list[list[int]]]:
    """Pen heights (n, frames) with noise, and the words: lists of strokes 1, 2 and 3."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda low, high: torch.randint(low, high, (1,), generator=generator).item()
    pen, words = 0.15 * torch.randn(n, frames, generator=generator), []
    for line in pen:
        word, t = [], draw(0, 4)
        while len(word) < 4 and t + (long := draw(3, 8)) <= frames:
            stroke, s = draw(1, 4), torch.linspace(0, math.pi, long)
            line[t:t + long] += {1: s.sin(), 2: -s.sin(), 3: (2 * s).sin()}[stroke]
            word.append(stroke)
            t += long + draw(1, 4)
        words.append(word)
    return pen, words


def collapse(labels: list[int]) -> list[int]:
    """Make equal neighbours one, then leave out blanks."""
    return [k for k, before in zip(labels, [0, *labels]) if k != before and k != 0]

# %% [markdown]
# Your loss takes one sequence at a time. To train on whole batches we call torch's. It is the same function, but for
# its mean over a batch, which first divides each loss by the length of its target.

# %%
with once_written("ctc_loss"):
    log_probs = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    target = torch.tensor([1, 3, 3])
    theirs = F.ctc_loss(log_probs, target, torch.tensor(30), torch.tensor(3), reduction="sum")
    print(f"yours {ctc_loss(log_probs, target):.3f}, torch's {theirs:.3f}")

# %%
def stroke_reader() -> nn.Sequential:
    """A small net from pen heights (N, 1, T) to log-probabilities (N, 4, T)."""
    return nn.Sequential(
        nn.Conv1d(1, 24, 7, padding=3), nn.ReLU(), nn.Conv1d(24, 24, 7, padding=3), nn.ReLU(),
        nn.Conv1d(24, 4, 1), nn.LogSoftmax(1))

# %%
def read_strokes(aligned: bool, seed: int = 0, epochs: int = 60) -> tuple[float, float]:
    """Share of new words read right, all and without doubles; `aligned`: shared out evenly."""
    (pen, words), (new_pen, new_words) = written(256, seed), written(256, seed + 77)
    torch.manual_seed(seed)
    net = stroke_reader()
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    lengths = torch.tensor([len(word) for word in words])
    padded = nn.utils.rnn.pad_sequence([torch.tensor(word) for word in words], batch_first=True)
    even = torch.stack([torch.tensor(w)[torch.arange(30) * len(w) // 30] for w in words])
    for step in range(4 * epochs):
        b = torch.arange(64 * step, 64 * step + 64) % 256
        log_p = net(pen[b, None])
        loss = F.nll_loss(log_p, even[b]) if aligned else F.ctc_loss(
            log_p.permute(2, 0, 1), padded[b], torch.full((64,), 30), lengths[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said = [collapse(labels) for labels in net(new_pen[:, None]).argmax(1).tolist()]
    right = torch.tensor([labels == word for labels, word in zip(said, new_words)]).float()
    return right.mean().item(), right[[collapse(word) == word for word in new_words]].mean().item()

# %% demo=true
figure, axes = plt.subplots(1, 2, width_ratios=[3, 2], figsize=(7, 2.6))
pen, words = written(256, seed=0)
for row in range(3):
    axes[0].plot(pen[row] + 3 * row, color=plots.COLOURS[row], linestyle="-")
    axes[0].annotate(" ".join("∩∪∿"[k - 1] for k in words[row]), (31, 3 * row))
axes[0].set(title="three words and their strokes", xlabel="frame", yticks=[], xlim=(0, 38),
            xticks=[0, 10, 20, 30])
for k, (aligned, label) in enumerate([(True, "shared out evenly"), (False, "CTC")]):
    shares = [100 * share for share in read_strokes(aligned)]
    bars = axes[1].bar([0.4 * k, 1 + 0.4 * k], shares, 0.38,
                       hatch=["//", ""][k], edgecolor=plots.PAPER, label=label)
    axes[1].bar_label(bars, fmt="%.0f %%")
axes[1].set(title="new words read right, %", ylim=(0, 135), yticks=[0, 50, 100], xticks=[0.2, 1.2])
axes[1].set_xticklabels(["all", "without\ndoubles"])
axes[1].legend(loc="upper left", fontsize=8)
plt.show()

# %% [markdown]
# Part of the gap is the double letters. On words without doubles the rival reads far more, and CTC still the most.
#
# ## An equation instead of examples
#
# A loss need not come from data. A *physics-informed* network (Raissi et al. 2019; the idea is older, Lagaris et al.
# 1998) is a function $u(t)$ that is trained to obey a differential equation. For a weight on a spring:
#
# $$u''(t) + \omega^2 u(t) = 0, \qquad \mathrm{residual} = \text{mean of} \left(u'' + \omega^2 u\right)^2$$
#
# The derivatives come from autograd: `du, = torch.autograd.grad(u.sum(), t, create_graph=True)` gives $u'(t)$ for
# each $t$, since each $u(t)$ depends on its own $t$ only, and keeps the graph *of the derivative*. (It comes in a
# tuple, one entry for each input; hence the comma.) So you can differentiate it again, and the result by the weights.
#
# **Exercise.** Write `oscillator_residual`, a scalar that can be differentiated by the weights. Leave no trace: $t$
# must not start to require a gradient, no `.grad` may be written.

# %% exercise="oscillator_residual"
def oscillator_residual(u, t: torch.Tensor, omega: float) -> torch.Tensor:
    """The mean of (u'' + omega² u)². u maps (N, 1) to (N, 1), row by row; t (N, 1)."""
    ### BEGIN SOLUTION
    t = t.detach().clone().requires_grad_()
    height = u(t)
    speed, = torch.autograd.grad(height.sum(), t, create_graph=True)
    acceleration, = torch.autograd.grad(speed.sum(), t, create_graph=True)
    return (acceleration + omega ** 2 * height).square().mean()
    ### END SOLUTION

# %% check="oscillator_residual" points=4
check.oscillator_residual(oscillator_residual)

# %% [markdown]
# Ten points from the first 0.4 seconds, and the question how it goes on. One net gets the points, the other also the
# equation at forty times from 0 to 1 s, most of them beyond the last point. (LBFGS is an optimizer that asks for the
# loss as often as it likes; so it is handed a function.)

# %%
TIMES = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None]


def swing(t, omega: float = 8.0):
    """The true motion."""
    return torch.cos(omega * t + 0.3)

# %%
def learn_swing(physics: bool, seed: int = 0, omega: float = 8.0) -> torch.Tensor:
    """u at TIMES (200, 1), learned from ten points before t = 0.4, with or without the equation."""
    torch.manual_seed(seed)
    u = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    u = u.double()
    t = torch.linspace(0, 0.4, 10, dtype=torch.float64)[:, None]
    optimizer = torch.optim.LBFGS(u.parameters(), max_iter=400, history_size=50,
                                  line_search_fn="strong_wolfe", tolerance_change=1e-12)

    def loss():
        optimizer.zero_grad()
        total = mse(u(t), swing(t))
        if physics:  # divided by ω⁴, so that the two terms are of one size
            total = total + oscillator_residual(u, TIMES[::5], omega) / omega ** 4
        total.backward()
        return total

    optimizer.step(loss)
    return u(TIMES).detach()

# %% demo=true
with once_written("mse", "oscillator_residual"):
    figure, ax = plt.subplots(figsize=(7, 2.8))
    ax.plot(TIMES, swing(TIMES), color=plots.FAINT, linewidth=6, linestyle="-", label="true motion")
    for physics, label in [(False, "ten points"), (True, "ten points and the equation")]:
        u = learn_swing(physics)
        ax.plot(TIMES, u, label=f"{label}, error {mse(u, swing(TIMES)).sqrt():.2f}")
    ax.plot(torch.linspace(0, 0.4, 10), swing(torch.linspace(0, 0.4, 10)), "o", color=plots.INK)
    ax.set(xlabel="t in seconds", ylim=(-1.4, 2.8))
    ax.legend(loc="upper left", fontsize=8)

# %% [markdown]
# Both pass through the points. Beyond them, the first has nothing to go by. This is a kind problem, with $\omega$
# given: here two numbers, found by least squares, would do as well. The net is worth it where no formula is known. On
# harder equations the residual can make a surface so badly shaped that training fails, though the net could
# represent the answer (Krishnapriyan et al. 2021). Which brings us to surfaces.
#
# ## The surface
#
# Think of the weights as a place and of the loss as its height. The mean squared error of a linear model is a bowl:
# whoever walks down arrives at the lowest place. A net's loss is *non-convex*: it can have several *local minima*,
# places no higher than anything near them, and *saddles*, level like the middle of a mountain pass, up one way and down
# another. In thousands of dimensions we can only look at cuts: choose a *direction* $d$, a list of tensors like the
# weights, and draw the loss at $w + \alpha d$.
#
# A random direction is hard to read. Where a layer's weights are ten times as large (with ReLUs the next layer's can
# be ten times as small, and the net the same), a step of a given size matters ten times less. So Li et al. (2018)
# scale each *filter* of $d$, all that stands under one first index of a tensor (a row of a matrix, an output channel
# of a convolution), to the length of the same filter of $w$:
#
# $$d_i \leftarrow d_i\, \frac{\lVert w_i \rVert}{\lVert d_i \rVert + 10^{-10}}$$
#
# **Exercise.** Write `filter_normalize`. Entries with one axis (biases, and the scales of the normalization layers of
# lesson 7) become zeros.

# %% exercise="filter_normalize"
def filter_normalize(direction: list[torch.Tensor],
                     weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """A new list: each filter of `direction` at the length of that of `weights`, 1-d entries zero.

    Both lists are aligned with model.parameters() and stay as they are.
    """
    ### BEGIN SOLUTION
    def length(t):
        return t.detach().flatten(1).norm(dim=1).view(-1, *[1] * (t.dim() - 1))

    return [d * length(w) / (length(d) + 1e-10) if d.dim() > 1 else torch.zeros_like(d)
            for d, w in zip(direction, weights)]
    ### END SOLUTION

# %% check="filter_normalize" points=3
check.filter_normalize(filter_normalize)

# %% [markdown]
# Then walk. Weights that are moved must come home, bit for bit, even if `loss_fn` fails on the way: Python's `try: …
# finally: …` runs its last part whatever happens. In floats $(w + s) - s$ is not always $w$, so keep a copy; and mind
# that `p.data`, `p.detach()` and `state_dict()` are no copies, `clone()` is.
#
# **Exercise.** Write `loss_along`. Leave Parameters (the objects), `.grad` and mode (`model.training`) as they are.
# `p.copy_(…)` under `torch.no_grad()` writes new values into a parameter.

# %% exercise="loss_along"
def loss_along(model: nn.Module, loss_fn, direction: list[torch.Tensor], alphas) -> torch.Tensor:
    """loss_fn(model) at w + α·direction for each α: (A,), detached. The model is left as it was.

    direction: a list aligned with model.parameters(); alphas: a tensor (A,) or a list.
    """
    ### BEGIN SOLUTION
    weights = [p.detach().clone() for p in model.parameters()]

    def move(alpha):
        with torch.no_grad():
            for p, w, d in zip(model.parameters(), weights, direction):
                p.copy_(w if alpha is None else w + alpha * d)

    losses = []
    try:
        for alpha in alphas:
            move(alpha)
            losses.append(loss_fn(model).detach())
    finally:
        move(None)  # the copy itself: adding 0·d would turn −0 into 0, and an infinite d into nan
    return torch.stack(losses)
    ### END SOLUTION

# %% check="loss_along" points=4
check.loss_along(loss_along)

# %% [markdown]
# Lesson 8 is about *residual* nets, whose layers *add* to what comes in, $h + f(h)$. Li et al. found that for deep
# nets this makes the surface strikingly smoother. Here are forty layers, with such additions and without, trained on
# the digits alike. So that each signal survives, the residual net's starting weights are multiplied by 0.3.
# *Roughness* is how much a slice bends at each step, on average. The middle, $|\alpha| \le 0.2$, is left out: there the
# logarithm makes a sharp notch of any low minimum, which tells how low the loss is and not how rough its surroundings.

# %%
class Deep(nn.Module):
    """A classifier of digits with `depth` linear layers, residual or plain."""

    def __init__(self, residual: bool, depth: int = 40, width: int = 32):
        super().__init__()
        self.residual = residual
        sizes = [64] + [width] * (depth - 1) + [10]
        self.layers = nn.ModuleList(map(nn.Linear, sizes, sizes[1:]))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            if residual:
                layer.weight.data *= 0.3

    def forward(self, x):
        first, *middle, last = self.layers
        h = torch.relu(first(x))
        for layer in middle:
            h = torch.relu(layer(h)) + (h if self.residual else 0)
        return last(h)

# %%
STEPS = torch.linspace(-1, 1, 61)


def digits_loss(model):
    """Mean cross-entropy on 400 training digits."""
    return F.cross_entropy(model(x_train[:400]), y_train[:400])


def random_direction(model, generator):
    """A filter-normalised random direction for a model."""
    weights = [p.detach() for p in model.parameters()]
    return filter_normalize([torch.randn(w.shape, generator=generator) for w in weights], weights)

# %%
def trained_deep(residual: bool, seed: int = 0, epochs: int = 12) -> tuple[Deep, float]:
    """A trained net of forty layers, and its last epoch's training loss."""
    torch.manual_seed(seed)
    net = Deep(residual)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    losses = fit(net, x_train, y_train, optimizer, F.cross_entropy, epochs, seed=seed, label="deep")
    return net, losses[-1]


def slices(net, seed: int = 0) -> torch.Tensor:
    """log₁₀ of the loss along three random directions, (3, 61)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([loss_along(net, digits_loss, random_direction(net, generator), STEPS)
                        for _ in range(3)]).log10()


def roughness(heights) -> float:
    """The mean size of the second differences of slices (…, 61) where |α| > 0.2."""
    bends = heights.diff(dim=-1).diff(dim=-1).abs()
    return bends[..., STEPS[1:-1].abs() > 0.21].mean().item()  # 0.2 itself is rounded

# %% demo=true
with once_written("filter_normalize", "loss_along"):
    figure, axes = plt.subplots(1, 4, sharey=True, figsize=(8.6, 3))
    deep = {"residual": trained_deep(True), "plain": trained_deep(False),
            "residual, 60 epochs": trained_deep(True, epochs=60),
            "plain, 60 epochs": trained_deep(False, epochs=60)}
    for ax, (name, (net, loss)) in zip(axes, deep.items()):
        heights = slices(net)
        ax.axvspan(-0.2, 0.2, color=plots.FAINT, alpha=0.3, linewidth=0)
        ax.plot(STEPS, heights.T)
        title = f"{name}\nroughness {roughness(heights):.3f}\ntraining loss {loss:.2f}"
        ax.set(title=title, xlabel="α", xticks=[-1, 0, 1])
    axes[0].set(ylabel="log₁₀ of the loss")

# %% [markdown]
# The plain net's slices bend more, and rise higher by some powers of ten. One rival explanation stands in the titles:
# after the same 12 epochs the plain net is also less well trained. But trained on until its loss is lower than the
# residual net's at the left, it stays rough; and the residual net after 60 epochs, with the lowest loss of all, bends
# less than either plain one. With the notch in the middle (shaded) counted in, it would pass for as rough. Another
# rival is not ruled out: the starting weights differ too.
#
# Two directions make a plane: here that of the plain net after 12 epochs, as contours and as a landscape, and beside
# it the residual net's, on the same scale. A cross marks the trained weights.

# %%
def plane(net, alphas, seed: int = 0) -> torch.Tensor:
    """log₁₀ of the loss at w + α·d + β·e, (A, A): a row for each β."""
    generator = torch.Generator().manual_seed(seed)
    d, e = random_direction(net, generator), random_direction(net, generator)
    rows = []
    for beta in alphas:
        with_beta = lambda model: loss_along(model, digits_loss, [beta * t for t in e], [1.0])[0]
        rows.append(loss_along(net, with_beta, d, alphas))
    return torch.stack(rows).log10()

# %% demo=true
with once_written("filter_normalize", "loss_along"):
    alphas = torch.linspace(-1, 1, 21)
    plain, residual = (plane(deep[name][0], alphas) for name in ("plain", "residual"))
    figure = plt.figure(figsize=(8.4, 3))
    explore.contour(figure.add_subplot(1, 3, 1, title="plain, log₁₀ of the loss"), alphas, plain)
    for place, heights, title in [(2, plain, "plain"), (3, residual, "residual")]:
        ax = figure.add_subplot(1, 3, place, projection="3d", title=title)
        explore.relief(ax, alphas, heights)
        ax.set(zlim=(plain.min(), plain.max()))

# %% [markdown]
# A smaller net on the moons, for you to walk around. Turn it, shorten its reach to look nearer, and move the slice.
# Where does the residual net's surface stop looking like a bowl? (The plain net reached the lower loss here, so its
# hole is deeper.)

# %% demo=true
explore.surface()

# %% [markdown]
# (Left of the cross at β = 0: from α ≈ −0.3 on the way leads over a low ridge and down into a second hollow, whose
# deepest point lies near α = −0.45, β = 0.2. A long valley crosses the upper right corner.)
#
# ## Curvature
#
# Where the slope is 0, at a *critical point*, the second derivatives decide. They make the *Hessian* $H$, a symmetric
# matrix with a row for each weight, far too large to write down for a real net. But $Hv$ costs only a
# small multiple of one gradient. Pearlmutter (1994) gave an exact method; ours, exact too, differentiates the
# gradient's product with a fixed $v$.
#
# $$Hv = \nabla_w \left( \nabla_w L \cdot v \right), \qquad v \leftarrow \frac{Hv}{\lVert Hv \rVert}, \qquad
# \lambda \approx \frac{v \cdot Hv}{v \cdot v}$$
#
# Repeating the middle step turns almost any $v$ towards the eigenvector whose eigenvalue has the largest magnitude,
# if one is largest: *power iteration*. The quotient on the right reads off its $\lambda$, sign included.
#
# **Exercise.** Write `top_curvature`. Treat all parameters as one long vector; use at most `iterations` + 2 products
# (the quotient wants one more, of the last $v$), and leave `.grad` alone. Start from random numbers, `torch.randn_like`
# of each parameter or of the long gradient: a fixed start might stand at right angles to the eigenvector. Only the
# gradient needs `create_graph=True`; for $Hv$ `retain_graph=True` is enough, which lets you differentiate one graph
# several times. $v$ must carry no graph, or each product drags all earlier ones along.

# %% exercise="top_curvature"
def top_curvature(loss_fn, params: list[torch.Tensor], iterations: int = 30) -> float:
    """The Hessian's eigenvalue of largest magnitude, with its sign. loss_fn() is a scalar loss."""
    ### BEGIN SOLUTION
    gradient = torch.autograd.grad(loss_fn(), params, create_graph=True)
    gradient = torch.cat([g.flatten() for g in gradient])

    def product(v):
        parts = torch.autograd.grad(gradient @ v, params, retain_graph=True)
        return torch.cat([part.flatten() for part in parts])

    v = torch.randn_like(gradient)
    for _ in range(iterations):
        v = product(v / v.norm())
    v = v / v.norm()
    return (v @ product(v)).item()
    ### END SOLUTION

# %% check="top_curvature" points=4
check.top_curvature(top_curvature)

# %% [markdown]
# All eigenvalues of $H$ together say what kind of point it is: up every way, a *minimum*; down every way, a
# *maximum*; up some ways and down others, a *saddle*. A computed 0 is never quite 0, so $|\lambda| \le 10^{-6}\max(1,
# \max|\lambda|)$ counts as zero. Where there is a zero and not both signs, $H$ does not tell: call it *flat*.
#
# **Exercise.** Write `critical_point`, for a Hessian that is symmetric up to rounding.

# %% exercise="critical_point"
def critical_point(hessian: torch.Tensor) -> str:
    """One of "minimum", "maximum", "saddle", "flat", from the eigenvalues of hessian (n, n)."""
    ### BEGIN SOLUTION
    values = torch.linalg.eigvalsh(hessian)
    zero = 1e-6 * max(1.0, values.abs().max().item())
    up, down = bool((values > zero).any()), bool((values < -zero).any())
    if up and down:
        return "saddle"
    if (values.abs() <= zero).any():
        return "flat"
    return "minimum" if up else "maximum"
    ### END SOLUTION

# %% check="critical_point" points=3
check.critical_point(critical_point)

# %% [markdown]
# ## Saddles everywhere
#
# People used to fear that training ends in a bad local minimum. Dauphin et al. (2014) argued that in many dimensions
# the trouble is saddles: for a minimum *every* direction must curve up. First the bare geometry: random symmetric
# matrices. Then a real loss: a net with one hidden layer of tanh units, six points to learn and a little *weight
# decay*, a penalty on the squares of the weights. From 100 random places we search for points of slope 0 of any kind,
# by making the gradient's length small (not the loss). Of points with the same loss we keep one.

# %%
def random_minima(n: int, seed: int = 0, draws: int = 400) -> float:
    """Share of minima among random symmetric n × n matrices."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(draws, n, n, generator=generator, dtype=torch.float64)
    return sum(critical_point(h) == "minimum" for h in a + a.mT) / draws


POINTS = torch.tensor([[-1, -1], [-1, 1], [1, -1], [1, 1], [0, 0.5], [0.5, -0.3]]).double()
HEIGHTS = torch.tensor([-0.7, 0.7, 0.7, -0.7, 0.2, -0.1]).double()


def tiny_loss(w):
    """The loss of a tanh net on POINTS whose 4k + 1 weights are the vector w."""
    k = len(w) // 4
    hidden = torch.tanh(POINTS @ w[:2 * k].view(k, 2).T + w[2 * k:3 * k])
    return (hidden @ w[3 * k:4 * k] + w[-1] - HEIGHTS).square().mean() + 0.001 * w.square().sum()

# %%
def critical_points(width: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Hessians (K, n, n), losses (K,) and weights (K, n) of points of slope 0 that were found."""
    gradient = torch.func.grad(tiny_loss)  # and vmap makes a function work on many w at once
    slope, bend, value = map(torch.func.vmap, (gradient, torch.func.jacrev(gradient), tiny_loss))
    n = 4 * width + 1
    generator = torch.Generator().manual_seed(seed)
    w = 1.5 * torch.randn(100, n, generator=generator, dtype=torch.float64)
    g, caution = slope(w), torch.full((100, 1), 0.1, dtype=torch.float64)
    for _ in range(60):  # Levenberg's and Marquardt's steps on the length of the gradient
        h = bend(w)
        normal = h @ h + caution[:, :, None] * torch.eye(n, dtype=torch.float64)
        new = w - torch.linalg.solve(normal, (h @ g[:, :, None]))[:, :, 0]
        better = slope(new).norm(dim=1, keepdim=True) < g.norm(dim=1, keepdim=True)
        w = torch.where(better, new, w)
        g, caution = slope(w), torch.where(better, caution / 4, caution * 4).clamp(1e-14, 1e6)
    w = w[g.norm(dim=1) < 1e-9]
    w = w[list({round(loss, 6): i for i, loss in enumerate(value(w).tolist())}.values())]
    return bend(w), value(w), w

# %% demo=true
with once_written("critical_point"):
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 3))
    axes[0].plot(range(1, 9), [100 * random_minima(n) for n in range(1, 9)], marker="o")
    axes[0].set(title="random matrices", xlabel="dimension", ylabel="minima, %", xticks=[1, 4, 8])
    for width, marker, colour in zip((1, 2, 3), "osD", plots.COLOURS):
        hessians, losses, _ = critical_points(width)
        minima = sum(critical_point(h) == "minimum" for h in hessians)
        bar = axes[1].bar(f"{4 * width + 1}", 100 * minima / len(hessians), color=colour)
        axes[1].bar_label(bar, [f"{minima} of {len(hessians)}"])
        down = (torch.linalg.eigvalsh(hessians) < -1e-6).sum(1)
        places = down + 0.12 * (width - 2)
        axes[2].plot(places, losses, marker, color=colour, markersize=5, alpha=0.5,
                     label=f"{4 * width + 1} weights")
    axes[1].set(title="minima of a net, %", xlabel="weights", ylim=(0, 60))
    axes[2].set(title="loss there", xlabel="directions that go down", xticks=[0, 1, 2, 3])
    axes[2].margins(x=0.1)
    axes[2].legend(fontsize=8)

# %% [markdown]
# From 5 weights to 9, minima become rare among the points found. (5, 9 and 13 weights are one, two and three units.
# With 13 the search landed on none. There is one: the penalty grows without end, so somewhere the loss is lowest.) On
# the right: within each net, the more ways lead down, the higher the point, as Dauphin et al. saw in larger nets.
# Look at the heights: the same ones return at each size, one way down more. Most of these are the smaller net's
# points with one unit idle or doubled: a minimum of the small net can be a saddle of the large one (Fukumizu and
# Amari 2000). How common other saddles are, our search does not show.
#
# That minima are few does not mean that training misses them: from almost every start gradient descent with small
# enough steps does not end in a *strict* saddle, one with an eigenvalue below 0 (Lee et al. 2016). It slows down near
# one. Momentum (lesson 4) helps to get away.
#
# Are the minima themselves good? For large nets most seem to lie at about the same height, so for training it matters
# little which is found; Choromanska et al. (2015) derive it for a simplified model. A small test: forty starts for
# each of three widths, on the moons, with a little weight decay so that each run settles.

# %%
def final_losses(width: int, seed: int = 0, starts: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Training loss, decay included, and share of new moons right, of nets side by side."""
    (x, y), (x_new, y_new) = moons(150), moons(500, seed=1)
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(starts, 3, width, generator=generator).requires_grad_()
    last = (torch.randn(starts, width, 1, generator=generator) / math.sqrt(width)).requires_grad_()
    logits = lambda x: (torch.tanh(F.pad(x, (0, 1), value=1) @ first) @ last)[:, :, 0]
    target = y.float().expand(starts, -1)
    optimizer = torch.optim.Adam([first, last], 0.03)
    for step in range(800):
        losses = F.binary_cross_entropy_with_logits(logits(x), target, reduction="none").mean(1)
        losses = losses + 0.001 * (first.square().sum((1, 2)) + last.square().sum((1, 2)))
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
    return losses.detach(), ((logits(x_new) > 0) == y_new.bool()).float().mean(1)

# %% demo=true
figure, axes = plt.subplots(1, 2, sharey=True, figsize=(7, 2.4))
for row, width in enumerate((3, 4, 16)):
    losses, right = final_losses(width)
    for ax, values in zip(axes, (losses, 100 * right)):
        ax.plot(values, row + torch.linspace(-0.2, 0.2, 40), "osD"[row], alpha=0.6, markersize=4)
axes[0].set(yticks=range(3), xlabel="training loss in the end", ylim=(-0.5, 2.5))
axes[0].set_yticklabels(["3 units", "4 units", "16 units"])
axes[1].set(xlabel="new moons right, %")
plt.show()

# %% [markdown]
# With three or four units there are two heights, and the start decides which one it will be. With sixteen all forty
# starts end at the same height, up to 0.01, and that is the lower one. On new data these forty do alike, too. That is
# no law: Liu et al. (2020) lead SGD to minima with perfect training answers and poor test results.
#
# ## Still disputed: does flat mean good?
#
# Hochreiter and Schmidhuber (1997) proposed that a *flat* minimum generalises better than a sharp one: less precision
# is needed to describe it. Keskar et al. (2017) found that large batches lead to sharper minima and worse test
# results, and training that seeks flatness often helps (Foret et al. 2021). Against it speaks this: multiply the
# first layer of a ReLU net (its biases too) by any $c > 0$, and divide the next layer's weights by $c$. Every output
# stays as it is.

# %%
def rescaled(c: float, seed: int = 0) -> tuple[float, float, float]:
    """Top curvature, training loss and test accuracy of one trained net, rescaled by c."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 32, bias=False), nn.ReLU(), nn.Linear(32, 10, bias=False))
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    fit(net, x_train, y_train, optimizer, F.cross_entropy, 10, seed=seed, label="to be rescaled")
    with torch.no_grad():
        net[0].weight *= c
        net[2].weight /= c
    curvature = top_curvature(lambda: digits_loss(net), list(net.parameters()), 30)
    return curvature, digits_loss(net).item(), accuracy(net, x_test, y_test)

# %% demo=true
with once_written("top_curvature"):
    figure, ax = plt.subplots(figsize=(7, 2.6))
    scales = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    sharp, _, score = zip(*[rescaled(c) for c in scales])
    ax.loglog(scales, sharp, marker="o", base=2)
    for c, curvature, right in list(zip(scales, sharp, score))[::3]:
        ax.annotate(f"{100 * right:.1f} % right", (c, curvature), xytext=(0, -16 if c == 1 else 9),
                    textcoords="offset points", ha="center")
    ax.set(xlabel="c", ylabel="top curvature", xlim=(0.08, 12.5), ylim=(1, max(sharp) * 4))

# %% [markdown]
# One function, one test accuracy, and a curvature that can be made as large as you like: the argument is Dinh et
# al.'s (2017). Measures that do not change under such scalings were then proposed; in a large comparison by
# Andriushchenko et al. (2023) they did not track generalisation well either, and on data from elsewhere sharper was
# sometimes better. Whether the flatness that training finds *causes* good results, or travels with something that
# does, is open.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** In a batch of 4, one sample has p = (0.7, 0.2, 0.1), and its right class is the second. What is the gradient
# of the mean cross-entropy with respect to the logit of that class?

# %% question="review_gradient"
review_gradient = quiz.ask(check.review_gradient, (0.2 - 1) / 4)  # or a number

# %% check="review_gradient" points=1
check.review_gradient(review_gradient)

# %% [markdown]
# **2.** An X-ray may show several of fourteen findings, or none. Which loss suits?
#
# - a) Cross-entropy over fourteen classes.
# - b) Binary cross-entropy for each finding.
# - c) Squared error on fourteen sigmoids.
# - d) A triplet loss on the images.

# %% question="review_labels"
review_labels = quiz.ask(check.review_labels, "b")  # or one letter, in quotes

# %% check="review_labels" points=1
check.review_labels(review_labels)

# %% [markdown]
# **3.** A sample has p = 0.9 for its right class. How many times less does it cost under the focal loss with γ = 2
# than under cross-entropy?

# %% question="review_focus"
review_focus = quiz.ask(check.review_focus, 1 / (1 - 0.9) ** 2)  # or a number

# %% check="review_focus" points=1
check.review_focus(review_focus)

# %% [markdown]
# **4.** Order these targets by the number of frames that CTC needs for them at least, fewest first: a) *ab*, b)
# *aaa*, c) *abc*, d) *aab*. The letters in one string, such as "abcd".

# %% question="review_frames"
review_frames = quiz.ask(check.review_frames, "acdb")  # or four letters, in quotes

# %% check="review_frames" points=1
check.review_frames(review_frames)

# %% [markdown]
# **5.** You multiply the first layer of a trained ReLU net (without biases) by 10, divide the second by 10, and the
# top curvature grows. What follows?
#
# - a) The new net will generalise worse, since its minimum is sharper.
# - b) The training loss has grown as well.
# - c) Power iteration needed more steps.
# - d) Curvature alone cannot tell which of two nets generalises better.

# %% question="review_sharp"
review_sharp = quiz.ask(check.review_sharp, "d")  # or one letter, in quotes

# %% check="review_sharp" points=1
check.review_sharp(review_sharp)

# %% [markdown]
# **6.** In your own words, 100 to 200 of them: a colleague segments tumours that cover 1 % of an image. After a short
# training with binary cross-entropy 99 % of the pixels are right. They are pleased, and explain it by "a nice flat
# minimum". What do you ask, what do you propose, and what would convince you?
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | number | sees that "no tumour anywhere" is right for 99 % of the pixels, and asks for Dice or recall |
# | mechanism | says why the many background pixels lead the loss there at first |
# | proposal | names a loss or remedy and why it suits; longer training, or a threshold with its doubt, counts |
# | honesty | says what our own experiment does not show: one easy task, and by step 150 most of the gap was closed |
# | flatness | explains that curvature depends on the scale of the weights, or that the matter is disputed |

# %% [markdown] written="pleased_too_early" points=5
# ### BEGIN SOLUTION
# If 1 % of the pixels are tumour, a net that finds nothing is right for 99 % of them, so the number says nothing. I
# would ask for Dice, or for recall and precision, on new images, and look at some masks. Early in training nearly all
# of the loss comes from background, and the quickest way to make it smaller is to say "no" everywhere; in our
# experiment cross-entropy had found nothing after 40 steps, with 98.6 % of the pixels right, where the net trained by
# the Dice loss had reached a Dice of 0.67.
#
# I would try Dice, or Dice plus cross-entropy, since Dice gives no credit for background. To be fair I would also
# train longer: in our run most of the gap was closed by step 150, and ours was one easy task. Tuning the threshold
# costs little, though a lower one did not help ours at step 40.
# What would convince me is a comparison over several seeds on patients held out.
#
# Flatness explains nothing here. By scaling two layers against each other one can make the same function look as
# sharp as one likes, and whether flat minima generalise better is disputed even with better measures.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have written eight losses, checked their gradients at logits of 10 000 and at distance 0, and seen what each was
# made for, beside a rival. You have taught a net an equation, cut through a loss surface, measured its curvature
# without writing down a Hessian, and told minima from saddles. And you can say why "flat" is not yet "good".
#
# [← 2 activations](../02_activations/02_activations.ipynb) ·
# [4 optimizers →](../04_optimizers/04_optimizers.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Andriushchenko, Croce, Müller, Hein, Flammarion (2023). *A modern look at the relationship between sharpness and
#   generalization.* ICML. arXiv:2302.07011.
# - Choromanska, Henaff, Mathieu, Ben Arous, LeCun (2015). *The loss surfaces of multilayer networks.* AISTATS.
#   arXiv:1412.0233.
# - Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio (2014). *Identifying and attacking the saddle point problem in
#   high-dimensional non-convex optimization.* NIPS. arXiv:1406.2572.
# - Dinh, Pascanu, Bengio, Bengio (2017). *Sharp minima can generalize for deep nets.* ICML. arXiv:1703.04933.
# - Foret, Kleiner, Mobahi, Neyshabur (2021). *Sharpness-aware minimization for efficiently improving generalization.*
#   ICLR. arXiv:2010.01412.
# - Fukumizu, Amari (2000). *Local minima and plateaus in hierarchical structures of multilayer perceptrons.* Neural
#   Networks 13.
# - Graves, Fernández, Gomez, Schmidhuber (2006). *Connectionist temporal classification: labelling unsegmented
#   sequence data with recurrent neural networks.* ICML. Section 4.1 has the forward algorithm.
# - Hochreiter, Schmidhuber (1997). *Flat minima.* Neural Computation 9.
# - Huber (1964). *Robust estimation of a location parameter.* Annals of Mathematical Statistics 35.
# - Keskar, Mudigere, Nocedal, Smelyanskiy, Tang (2017). *On large-batch training for deep learning: generalization
#   gap and sharp minima.* ICLR. arXiv:1609.04836.
# - Krishnapriyan, Gholami, Zhe, Kirby, Mahoney (2021). *Characterizing possible failure modes in physics-informed
#   neural networks.* NeurIPS. arXiv:2109.01050.
# - Lagaris, Likas, Fotiadis (1998). *Artificial neural networks for solving ordinary and partial differential
#   equations.* IEEE Transactions on Neural Networks 9.
# - Lee, Simchowitz, Jordan, Recht (2016). *Gradient descent only converges to minimizers.* COLT. arXiv:1602.04915,
#   there without the "only".
# - Li, Xu, Taylor, Studer, Goldstein (2018). *Visualizing the loss landscape of neural nets.* NeurIPS.
#   arXiv:1712.09913. Section 4 has filter normalisation.
# - Lin, Goyal, Girshick, He, Dollár (2017). *Focal loss for dense object detection.* ICCV. arXiv:1708.02002.
# - Liu, Papailiopoulos, Achlioptas (2020). *Bad global minima exist and SGD can reach them.* NeurIPS.
#   arXiv:1906.02613.
# - Milletari, Navab, Ahmadi (2016). *V-Net: fully convolutional neural networks for volumetric medical image
#   segmentation.* 3DV. arXiv:1606.04797.
# - Pearlmutter (1994). *Fast exact multiplication by the Hessian.* Neural Computation 6.
# - Raissi, Perdikaris, Karniadakis (2019). *Physics-informed neural networks: a deep learning framework for solving
#   forward and inverse problems involving nonlinear partial differential equations.* Journal of Computational Physics
#   378.
# - Schroff, Kalenichenko, Philbin (2015). *FaceNet: a unified embedding for face recognition and clustering.* CVPR.
#   arXiv:1503.03832.
# - Weinberger, Saul (2009). *Distance metric learning for large margin nearest neighbor classification.* Journal of
#   Machine Learning Research 10.
