# %% [markdown]
# # How fast, and when
#
# Lesson 5 · learning-rate schedules · about two hours
#
# [← 4 optimizers](../04_optimizers/04_optimizers.ipynb) ·
# [6 regularization →](../06_regularization/06_regularization.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - write the schedules that networks are trained by, each as a function of the step, right at every boundary;
# - apply one to an optimizer, and resume a run as if it had never stopped;
# - say what a high rate is good for, what a low one is good for, and why a run may need to start gently;
# - measure which learning rates a net tolerates before you train it.
#
# Each exercise is a hole with a check below it. Run the check whenever you like: it tells you which part holds
# already and, if it knows your mistake, which one it is.

# %%
import copy
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import schedules as check
from dlcourse.data import digits
from dlcourse.explorers import schedules as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, minibatches, progress

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# A small net learns noisy digits by SGD with momentum (lesson 4), in batches of 16. The function below lets any
# function of the step choose the learning rate. The held-out digits are for choosing between runs: they are
# *validation* data.

# %%
x_train, y_train, x_val, y_val = digits(test=800)
EPOCH = math.ceil(len(x_train) / 16)  # steps in an epoch


def digit_net(seed: int = 0) -> nn.Sequential:
    """A classifier of digits: two hidden layers of 64 ReLU units, ten logits."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
                         nn.Linear(64, 10))

# %%
def train(rate, epochs: int, seed: int = 0, look=None) -> tuple[list, list]:
    """Train with learning rate rate(n) at step n: losses of the steps, accuracies of the epochs.

    look(model), if given, is called after every third step.
    """
    model, generator = digit_net(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)  # lr is set anew below
    losses, accuracies = [], []
    for _ in progress(range(epochs), "training"):
        for x, y in minibatches(x_train, y_train, 16, generator):
            optimizer.param_groups[0]["lr"] = rate(len(losses))
            noisy = x + 0.5 * torch.randn(x.shape, generator=generator)
            loss = F.cross_entropy(model(noisy), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if look and len(losses) % 3 == 0:
                look(model)
        accuracies.append(accuracy(model, x_val, y_val))
    return losses, accuracies

# %% [markdown]
# Two runs, with the same weights, the same batches, and the same rate, too high on purpose. After six epochs one of
# them goes on with a tenth of it. A third run has that tenth from the start. We look at the loss on all training
# digits, without their noise, after every third step.

# %%
def cut_after(epoch: int = 6, rate: float = 0.1, seed: int = 0) -> list[list[float]]:
    """Losses of three runs: at this rate, at a tenth after an epoch, at a tenth throughout."""
    def losses_at(schedule) -> list[float]:
        seen = []
        whole = lambda model: seen.append(F.cross_entropy(model(x_train), y_train).item())
        train(schedule, epoch + 3, seed=seed, look=torch.no_grad()(whole))
        return seen
    cut = lambda n: rate if n < epoch * EPOCH else rate / 10
    return [losses_at(lambda n: rate), losses_at(cut), losses_at(lambda n: rate / 10)]

# %% demo=true
figure, ax = plt.subplots()
names = ("0.1 throughout", "0.1, from epoch 7 on 0.01", "0.01 throughout")
for losses, label in zip(cut_after(), names):
    ax.plot(range(3, 3 * len(losses) + 1, 3), losses, label=label, linewidth=1.5)
explore.marks([6 * EPOCH], ax, "the cut")
ax.set(xlabel="step", ylabel="loss on all training digits", ylim=(0, 2.4))
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# The jitter stops at once, and the loss drops: in the second epoch after the cut it is at least a quarter below what
# it was in the epoch before the cut, and in the third it is lower than six epochs had ever brought it. At a high rate
# steps overshoot, and each batch pulls its own way, so the weights jitter. The first of the drop is jitter
# leaving. The rest is new progress: with shorter steps the loss sinks further in each of the three epochs.
#
# Then why not start low? 0.01 from the start lags far behind for three epochs. From the fifth on it is lower than
# 0.1, and in the ninth it is lower than the cut run as well: 0.1 was simply too high. From a peak that the net
# tolerates, *high first, low later* does win, as you will see with the cosine; how, and when, is what this lesson is
# about.
#
# ## Step decay
#
# The simplest schedule does what we have just done, again and again: every $s$ steps it multiplies the rate, at first
# $\eta_0$, by $\gamma$.
#
# $$\eta_n = \eta_0\,\gamma^{\lfloor n/s \rfloor}$$
#
# AlexNet's authors divided the rate by 10 by hand, whenever the validation error stopped falling, three times in all
# (Krizhevsky et al. 2012). ResNets were trained with cuts to a tenth as well (He et al. 2015). Shrinking steps are much
# older: Robbins and Monro (1951) proved that with steps falling like $1/n$ a search under noise converges.
#
# In this lesson a *schedule* is a function of the step $n$, an int that counts from 0. It returns a Python float, and
# remembers nothing: asked for step 7000, it need not have been asked for any step before. PyTorch's own schedulers,
# `torch.optim.lr_scheduler`, are off limits, as they are what you are building.
#
# **Exercise.** Write `step_decay`. Step $s$ is the first after a cut.

# %% exercise="step_decay"
def step_decay(step: int, base_lr: float, step_size: int, gamma: float = 0.1) -> float:
    """base_lr times gamma for each full stretch of step_size steps before this step."""
    ### BEGIN SOLUTION
    return base_lr * gamma ** (step // step_size)
    ### END SOLUTION

# %% check="step_decay" points=2
check.step_decay(step_decay)

# %% [markdown]
# A tenth every 100 steps, and a half: on a log scale both are stairs with even steps.

# %% demo=true
with once_written("step_decay"):
    figure, ax = plt.subplots(figsize=(7, 2.4))
    for gamma in (0.1, 0.5):
        rates = explore.schedule_of(lambda n: step_decay(n, 0.1, 100, gamma), 400)
        explore.rates(rates, ax, label=f"γ = {gamma:g}")
    ax.set(yscale="log")
    ax.legend()

# %% [markdown]
# ## Cosine
#
# When to cut, and by how much, are two more things to choose. Cosine annealing (Loshchilov and Hutter 2016) has
# neither; what is left to choose is the length, $T$ steps. It goes down on half a cosine, level at both ends, from
# $\eta_0$ to $\eta_{\min}$:
#
# $$\eta_n = \eta_{\min} + \tfrac12\,(\eta_0 - \eta_{\min})\left(1 + \cos\frac{\pi n}{T}\right)$$
#
# It lingers high, passes quickly through the middle, and lingers low. After step $T$ (`total` in code) our function
# stays at $\eta_{\min}$; the formula alone would climb again.
#
# **Exercise.** Write `cosine`. `math.cos` takes radians.

# %% exercise="cosine"
def cosine(step: int, total: int, base_lr: float, min_lr: float = 0.0) -> float:
    """Half a cosine from base_lr at step 0 to min_lr at step total, and min_lr after that."""
    ### BEGIN SOLUTION
    share = min(step, total) / total
    return min_lr + 0.5 * (base_lr - min_lr) * (1 + math.cos(math.pi * share))
    ### END SOLUTION

# %% check="cosine" points=3
check.cosine(cosine)

# %% [markdown]
# Eight epochs of noisy digits: three times from the same peak, 0.06, and once at a constant 0.02, which did best of
# four constants in this test: 0.01, 0.02, 0.03 and 0.06. The loss is that of the noisy batches. Each point is the
# mean of the 41 steps up to it, so a curve turns a little late.

# %%
def three_ways(peak: float = 0.06, epochs: int = 8, seed: int = 0) -> dict:
    """{name: (schedule, losses)} for two constant rates, step decay and a cosine."""
    total = epochs * EPOCH
    schedules = {f"constant {peak:g}": lambda n: peak,
                 "step decay": lambda n: step_decay(n, peak, total // 2),
                 "cosine": lambda n: cosine(n, total, peak), "constant 0.02": lambda n: 0.02}
    return {name: (rate, train(rate, epochs, seed=seed)[0]) for name, rate in schedules.items()}

# %% demo=true
with once_written("step_decay", "cosine"):
    figure, axes = plt.subplots(1, 2)
    for name, (rate, losses) in three_ways().items():
        explore.rates(explore.schedule_of(rate, len(losses)), axes[0])
        label = f"{name}, at the end {explore.final(losses):.2f}"
        explore.smoothed(losses, axes[1], width=41, label=label)
    axes[1].set(ylim=(0.5, 3.4))
    axes[1].legend()

# %% [markdown]
# Both that come down end lower than the constant peak, and lower than a constant 0.02, the best of the constants we
# tried. Until its cut, step decay *is* the constant peak, and for the first half of the run the cosine's loss is
# little better. Do not judge a schedule in the middle of it.
#
# ### What the low rate finds
#
# It is often said that a low rate lets training settle into *sharp* minima, narrow ones. There is a true part:
# gradient descent at rate $\eta$ is thrown out of a minimum that is curved more than $2/\eta$ in some direction
# (lesson 4; with momentum $\beta$ the limit is $2(1+\beta)/\eta$), so a lower rate admits places that a higher one
# does not.
#
# Whether it matters is disputed. Keskar et al. (2016) found that the sharp minima of large-batch training generalise
# worse. But the same function can be written with weights that make its minimum as sharp as one likes (Dinh et al.
# 2017), and in a large study sharpness followed settings such as the learning rate more than it followed generalisation
# (Andriushchenko et al. 2023). Our runs do not decide it.
#
# ## From a function to a run
#
# A schedule has to reach the optimizer, whose parameters may come in several *groups*, each a dictionary in
# `optimizer.param_groups` with a rate of its own under `"lr"`: the head of a net often gets a higher one than its
# body. So let a schedule give a *factor*, $f(n)$, and let every group keep its own base rate:
#
# $$\eta_n^{(g)} = \eta_0^{(g)} \, f(n)$$
#
# With base rate 1.0 the functions above give factors. A scheduler is a small machine that counts steps and does this.
# It must also survive a break. A long run is saved and resumed many times; one that starts its schedule over, or
# takes a decayed rate for the base rate, is spoiled without any error message.
#
# **Exercise.** Write `Scheduler`. At construction $f(0)$ is in force already: the first batch is step 0. `step()` is
# called after each batch. `state_dict()` returns a snapshot, a dictionary that later steps do not change, with the
# step and the base rates. After `load_state_dict(state)`, in a fresh scheduler on a fresh optimizer, the groups'
# rates are those of the saved step.

# %% exercise="Scheduler"
class Scheduler:
    """Sets each group's rate to its base rate · schedule(n), where n counts calls of step()."""
    def __init__(self, optimizer, schedule):
        """Remember the groups' present rates as base rates, and apply schedule(0)."""
        ### BEGIN SOLUTION
        self.optimizer, self.schedule, self.n = optimizer, schedule, -1
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.step()
        ### END SOLUTION

    def step(self):
        """Go on to the next step, and apply its factor."""
        ### BEGIN SOLUTION
        self.n += 1
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = base_lr * self.schedule(self.n)
        ### END SOLUTION

    def state_dict(self) -> dict:
        """A snapshot of the step and the base rates."""
        ### BEGIN SOLUTION
        return {"n": self.n, "base_lrs": list(self.base_lrs)}
        ### END SOLUTION

    def load_state_dict(self, state: dict):
        """Go on from a snapshot: the groups' rates are right at once."""
        ### BEGIN SOLUTION
        self.n, self.base_lrs = state["n"] - 1, list(state["base_lrs"])
        self.step()
        ### END SOLUTION

# %% check="Scheduler" points=4
check.Scheduler(Scheduler)

# %% [markdown]
# Train for 200 steps in one go, then once more with a break after 100, after which everything is built anew and
# loaded. If nothing is lost, the weights agree to the last bit. Forget the scheduler's state and they do not. (Here
# the number of the step picks the batch. A run that draws its batches at random must save its generator's state as
# well.)

# %%
def fresh():
    """A net, its optimizer, and a scheduler for a cosine of 200 steps."""
    model = digit_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return model, optimizer, Scheduler(optimizer, lambda n: cosine(n, 200, 1.0))


def go_on(model, optimizer, scheduler, first: int, last: int) -> None:
    """Train on the batches number first to last − 1."""
    for number in range(first, last):
        chosen = torch.arange(16 * number, 16 * number + 16) % len(x_train)
        optimizer.zero_grad()
        F.cross_entropy(model(x_train[chosen]), y_train[chosen]).backward()
        optimizer.step()
        scheduler.step()

# %%
def same_after_break(restored: int) -> bool:
    """Whether a break changes nothing, where this many of the three states are restored."""
    whole, broken, resumed = fresh(), fresh(), fresh()
    go_on(*whole, 0, 200)
    go_on(*broken, 0, 100)
    for saved, new in zip(broken[:restored], resumed):
        new.load_state_dict(copy.deepcopy(saved.state_dict()))
    go_on(*resumed, 100, 200)
    return all(map(torch.equal, whole[0].parameters(), resumed[0].parameters()))

# %%
with once_written("cosine", "Scheduler"):
    print("net, optimizer and scheduler restored: the same weights?", same_after_break(3))
    print("net and optimizer restored:            the same weights?", same_after_break(2))

# %% [markdown]
# ## Again from the top
#
# SGDR, *stochastic gradient descent with warm restarts*, repeats the cosine (Loshchilov and Hutter 2016). A restart
# jumps back to $\eta_0$ and keeps the weights: that is what is warm about it. The first cycle lasts `period` steps,
# and each further one `mult` times as long as the one before it. With period 10 and mult 2 the cycles start at 0, 10,
# 30 and 70.
#
# Why go back up? A good net is there at the end of *each* cycle, before anybody decided how long to train; and the
# predictions of the nets of several cycles, averaged, are an ensemble for the price of one run (Huang et al. 2017).
#
# **Exercise.** Write `cosine_restarts`, for whole numbers `mult` from 1. Where a cycle would reach its end, the next
# one starts: step `period` gets `base_lr`.

# %% exercise="cosine_restarts"
def cosine_restarts(step: int, period: int, base_lr: float, min_lr: float = 0.0,
                    mult: int = 1) -> float:
    """A cosine from base_lr towards min_lr in each cycle, back at base_lr at each restart."""
    ### BEGIN SOLUTION
    while step >= period:
        step -= period
        period *= mult
    return cosine(step, period, base_lr, min_lr)
    ### END SOLUTION

# %% check="cosine_restarts" points=3
check.cosine_restarts(cosine_restarts)

# %% [markdown]
# Three cycles of 2, 4 and 8 epochs. After each restart the loss rises with the rate; it comes down again with it, and
# each cycle ends lower than the one before.

# %%
def restarts(seed: int = 0) -> tuple:
    """The schedule of three cycles, and the losses of a run by it."""
    rate = lambda n: cosine_restarts(n, 2 * EPOCH, 0.06, mult=2)
    return rate, train(rate, 14, seed=seed)[0]

# %% demo=true
with once_written("cosine", "cosine_restarts"):
    figure, axes = plt.subplots(1, 2)
    rate, losses = restarts()
    explore.rates(explore.schedule_of(rate, len(losses)), axes[0])
    explore.smoothed(losses, axes[1], width=41)
    explore.marks([2 * EPOCH, 6 * EPOCH], axes[1], "restarts")
    axes[1].set(ylim=(0.5, 2.4))
    plt.show()

# %% [markdown]
# ## A gentle start
#
# At step 0 weights are random and gradients can be large; momentum and Adam's averages have seen nothing yet. A full
# step then may go so wrong that training never recovers. *Warm-up* starts at 0 and climbs on a straight line, over
# $W$ steps, to $\eta_0$; then the cosine takes over for what is left:
#
# $$\eta_n = \begin{cases} \eta_0\,\dfrac{n}{W} & n < W \\[2ex]
# \eta_{\min} + \tfrac12\,(\eta_0 - \eta_{\min})\left(1 + \cos\dfrac{\pi\,(n - W)}{T - W}\right) & W \le n \le T
# \end{cases}$$
#
# The Transformer was trained with a warm-up from the start (Vaswani et al. 2017). With one, and a rate scaled up with
# the batch, a ResNet-50 trained in batches of 8192 images came out as accurate as in small ones (Goyal et al. 2017);
# their climb starts at the rate for small batches, ours at 0.
#
# **Exercise.** Write `warmup_cosine`. Step 0 gets exactly 0, step $W$ gets `base_lr`, and after `total` it stays at
# `min_lr`. With `warmup=0` it is a plain cosine: never divide by `warmup` then. `warmup` is less than `total`. (With
# rate 0 the first batch moves nothing; some libraries start at $1/W$ instead.)

# %% exercise="warmup_cosine"
def warmup_cosine(step: int, warmup: int, total: int, base_lr: float,
                  min_lr: float = 0.0) -> float:
    """A line from 0 to base_lr at step warmup, then half a cosine to min_lr at step total."""
    ### BEGIN SOLUTION
    if step < warmup:
        return base_lr * step / warmup
    return cosine(step - warmup, total - warmup, base_lr, min_lr)
    ### END SOLUTION

# %% check="warmup_cosine" points=3
check.warmup_cosine(warmup_cosine)

# %% [markdown]
# Now the case that made warm-up famous. A Transformer (lesson 8 builds one; here torch's own layers serve) reads each
# digit as a sequence of eight rows. Its eight layers normalise *after* each residual sum, "post-norm", as the
# original did. It is trained by Adam, once with warm-up and once without, from the same weights.

# %%
class RowReader(nn.Module):
    """A post-norm Transformer that reads a digit (N, 64) as 8 rows; logits (N, 10)."""

    def __init__(self, depth: int = 8, width: int = 32):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(0.1 * torch.randn(8, width))
        self.layers = nn.Sequential(*[
            nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
            for _ in range(depth)])
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        rows = self.embed(x.view(-1, 8, 8)) + self.position
        return self.head(self.layers(rows).mean(1))

# %%
def read_rows(lr: float, warmup: int, steps: int = 250, seed: int = 0) -> list[float]:
    """The losses of a RowReader, trained by Adam with warmup_cosine."""
    torch.manual_seed(seed)
    model, generator = RowReader(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    scheduler = Scheduler(optimizer, lambda n: warmup_cosine(n, warmup, steps, 1.0))
    losses = []
    for _ in progress(range(steps), f"warm-up {warmup}"):
        chosen = torch.randint(len(x_train), (32,), generator=generator)
        loss = F.cross_entropy(model(x_train[chosen]), y_train[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses

# %% demo=true
with once_written("cosine", "warmup_cosine", "Scheduler"):
    figure, ax = plt.subplots()
    for lr, warmup in ((0.01, 0), (0.01, 75), (0.003, 0), (0.003, 75)):
        words = f"{warmup} steps of warm-up" if warmup else "no warm-up"
        explore.smoothed(read_rows(lr, warmup), ax, label=f"rate {lr:g}, {words}")
    ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("guessing: log 10", (249, 2.1), ha="right")
    ax.set(ylim=(0, 2.9))
    ax.legend(loc="center right")

# %% [markdown]
# At 0.01, without warm-up, the net is lost in its first steps: it ends at the loss of guessing, though the cosine has
# brought the rate down to almost nothing by then. With 75 steps of warm-up the same rate trains it. So does about a
# third of the rate without any warm-up; and with warm-up, that lower rate does best of all four. Warm-up widens the
# range of rates that work, and does not say which of them is best.
#
# Why it helps is not settled. Xiong et al. (2020) show that in a post-norm Transformer the gradients near the output
# are large at the start, and that normalising *before* each layer removes the need. Liu et al. (2019) point at Adam:
# its first averages rest on a few batches, and so its first steps are erratic.
#
# ## One cycle
#
# Smith and Topin (2017) go further: a rate too high to live with may still be passed through. The *1cycle* policy
# climbs to a high maximum during the first part of the run, and spends the rest coming down far below its start. They
# report networks trained an order of magnitude faster, and call it super-convergence.
#
# We follow the definition of PyTorch's `OneCycleLR`. With $T$ steps in all, the peak is at step
# $p = \texttt{pct\_start}\cdot T - 1$, and the last step is $T - 1$:
#
# $$\eta_n = \begin{cases} A(\eta_{\mathrm{start}},\, \eta_{\max},\, n/p) & n \le p \\[1ex]
# A(\eta_{\max},\, \eta_{\mathrm{end}},\, (n - p)/(T - 1 - p)) & n > p \end{cases}
# \qquad A(a, b, t) = b + \tfrac12\,(a - b)(1 + \cos \pi t)$$
#
# where $\eta_{\mathrm{start}} = \eta_{\max}/\texttt{div}$, and $\eta_{\mathrm{end}} =
# \eta_{\mathrm{start}}/\texttt{final\_div}$.
#
# **Exercise.** Write `one_cycle` for steps from 0 to `total` − 1. The peak $p$ is above 0 and may lie between two
# steps. We leave momentum alone; PyTorch's moves it the other way unless told not to.

# %% exercise="one_cycle"
def one_cycle(step: int, total: int, max_lr: float, pct_start: float = 0.3, div: float = 25.0,
              final_div: float = 1e4) -> float:
    """Half a cosine from max_lr/div up to max_lr, then one down to max_lr/div/final_div."""
    ### BEGIN SOLUTION
    start, peak = max_lr / div, pct_start * total - 1
    if step <= peak:
        return cosine(peak - step, peak, max_lr, start)
    return cosine(step - peak, total - 1 - peak, max_lr, start / final_div)
    ### END SOLUTION

# %% check="one_cycle" points=4
check.one_cycle(one_cycle)

# %% [markdown]
# How many epochs does it take to reach an accuracy of 94 % on the validation digits, in the mean of three nets? Four
# constant rates have 25 epochs; one cycle has to do it in 8, and so has a plain cosine from the same peak. The peak,
# 0.06, and the 94 % were chosen on these same digits, so the runs are compared as one tunes; none of the accuracies is
# a fair estimate for new digits.

# %%
TARGET = 0.94


def mean_accuracy(rate, epochs: int, seed: int) -> list[float]:
    """The accuracy of each epoch, the mean of three nets."""
    runs = [train(rate, epochs, seed=3 * seed + net)[1] for net in range(3)]
    return [sum(of_epoch) / 3 for of_epoch in zip(*runs)]


def race(seed: int = 0) -> dict:
    """{name: accuracy of each epoch}: four constant rates; a cycle and a cosine of 8 epochs."""
    runs = {f"constant {lr:g}": mean_accuracy(lambda n: lr, 25, seed)
            for lr in (0.01, 0.02, 0.03, 0.06)}
    cycle, fall = lambda n: one_cycle(n, 8 * EPOCH, 0.06), lambda n: cosine(n, 8 * EPOCH, 0.06)
    return runs | {"one cycle, maximum 0.06": mean_accuracy(cycle, 8, seed),
                   "cosine from 0.06": mean_accuracy(fall, 8, seed)}


def epochs_to(target: float, accuracies: list[float]) -> float:
    """The first epoch, from 1 on, with at least this accuracy; infinity where there is none."""
    return next((n for n, found in enumerate(accuracies, 1) if found >= target), math.inf)

# %% demo=true
with once_written("cosine", "one_cycle"):
    figure, ax = plt.subplots(figsize=(7, 3.6))
    for name, accuracies in race().items():
        needed = epochs_to(TARGET, accuracies)
        words = f"{needed} epochs" if needed < math.inf else "not in 25 epochs"
        width = 1.3 if name.startswith("constant") else 2.6
        plots.losses(accuracies, ax, label=f"{name}: {words}", linewidth=width)
    ax.axhline(TARGET, color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("94 %", (0, TARGET), xytext=(0, 3), textcoords="offset points")
    ax.set(ylim=(0.7, 0.97), ylabel="accuracy on validation digits")
    ax.legend(loc="lower right")

# %% [markdown]
# One cycle gets there within 8 epochs; the fastest of the four constant rates takes longer, and the cycle's own
# maximum, held constant, does not get there in 25 epochs. Half-way, after four epochs, the constant 0.03 is still
# ahead: the gain comes at the end.
#
# Is it the cycle, though? A cosine from the same peak, without the rise, gets there as soon or sooner: on this net it
# is the coming down that pays, not the cycle. And mind the noise: what counts here is the first epoch at 94 %, and the
# constant 0.02 falls below it again in the next.
#
# This is one small net on one task, and it is no super-convergence. How fast a run can be also depends on batch size
# and regularisation; and a cycle has to know its end before it starts.
#
# ## Stop when you like
#
# That is awkward when a run costs months: a cosine stopped half-way has not come down, and one that has come down
# cannot simply go on. *Warm-up, stable, decay*, used for MiniCPM (Hu et al. 2024), keeps the rate level for as long
# as one likes and comes down at the end, within a small part of the run. MiniCPM comes down exponentially; we take a
# straight line. Several decays can branch off from one long level run. For language models Hägele et al. (2024) find
# a level rate with a final descent as good as the cosine, or better.
#
# $$\eta_n = \eta_0 \cdot \begin{cases} n/W & n < W \\ 1 & W \le n < W + S \\
# \max\left(0,\ 1 - \dfrac{n - W - S}{D}\right) & n \ge W + S \end{cases}$$
#
# **Exercise.** Write `warmup_stable_decay`. `warmup`, `stable` and `decay` are three *lengths*, in steps. Warm-up is
# as before, and may be 0.

# %% exercise="warmup_stable_decay"
def warmup_stable_decay(step: int, warmup: int, stable: int, decay: int,
                        base_lr: float) -> float:
    """A line up to base_lr, `stable` steps of it, a line down to 0 in `decay` steps, then 0."""
    ### BEGIN SOLUTION
    if step < warmup:
        return base_lr * step / warmup
    done = max(0, step - warmup - stable)
    return base_lr * max(0.0, 1 - done / decay)
    ### END SOLUTION

# %% check="warmup_stable_decay" points=3
check.warmup_stable_decay(warmup_stable_decay)

# %% [markdown]
# One trunk, three ends: decays of two epochs branch off after 4, 8 and 12. Up to there the runs are the same.

# %%
def branches(seed: int = 0) -> dict:
    """{epoch where the decay begins: losses} for three ends of the same run."""
    def losses(stable: int) -> list[float]:
        rate = lambda n: warmup_stable_decay(n, 20, stable * EPOCH - 20, 2 * EPOCH, 0.06)
        return train(rate, stable + 2, seed=seed)[0]
    return {stable: losses(stable) for stable in (4, 8, 12)}

# %% demo=true
with once_written("warmup_stable_decay"):
    figure, ax = plt.subplots()
    for stable, losses in reversed(branches().items()):
        explore.smoothed(losses, ax, width=41, label=f"{stable} epochs, then the decay")
    explore.marks([4 * EPOCH, 8 * EPOCH, 12 * EPOCH], ax, "decay begins", top=0.5, height=0.04)
    ax.set(ylim=(0.4, 2.4))
    ax.legend()

# %% [markdown]
# Each branch drops while its rate comes down, whichever epoch that is. Four more level epochs alone buy less than
# those two. What is a longer trunk for, then? Here the branch after 8 epochs ends no lower than the one after 4; only
# the one after 12 ends lower. With other seeds the order changes: at the level rate this small net learns little after
# its first few epochs.
#
# ## Listening to the run
#
# All schedules so far are fixed before the first step. `ReduceOnPlateau` watches a metric instead, most often the
# validation loss after each epoch, and multiplies the rate by `factor` when there is no progress: what AlexNet's
# authors did by hand. PyTorch calls it `ReduceLROnPlateau`, and asks by default for a small relative improvement;
# ours takes any.
#
# Lower is better here. A metric is *good* if it is below the best so far, and anything else is *bad*; the same value
# again is bad. `patience` bad metrics in a row are tolerated, and the next one, number patience + 1, brings the cut. A
# good metric sets the count back to 0, and so does a cut. (In lesson 6 you will write `EarlyStopping`, whose patience
# counts one fewer: it acts at the patience-th.)
#
# **Exercise.** Write `ReduceOnPlateau`. A cut multiplies the rate of every group by `factor`, but goes no lower than
# `min_lr`.

# %% exercise="ReduceOnPlateau"
class ReduceOnPlateau:
    """Cuts every group's rate at the (patience + 1)-th metric in a row that is no new best."""

    def __init__(self, optimizer, factor: float = 0.1, patience: int = 10, min_lr: float = 0.0):
        """Remember the settings. The rates stay as they are."""
        ### BEGIN SOLUTION
        self.optimizer, self.factor, self.min_lr = optimizer, factor, min_lr
        self.patience, self.best, self.bad = patience, math.inf, 0
        ### END SOLUTION

    def step(self, metric: float):
        """Take note of a metric, such as a validation loss, and cut the rates if it is time."""
        ### BEGIN SOLUTION
        if metric < self.best:
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.bad > self.patience:
            self.bad = 0
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, self.min_lr)
        ### END SOLUTION

# %% check="ReduceOnPlateau" points=4
check.ReduceOnPlateau(ReduceOnPlateau)

# %% [markdown]
# Here it is at work on noisy digits: a fifth of the rate after three bad epochs in a row.

# %%
def watched(epochs: int = 25, seed: int = 0) -> tuple[list, list]:
    """The rate and the validation loss of each epoch, with the rate cut on plateaus."""
    model, generator = digit_net(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9)
    plateau, rates, losses = ReduceOnPlateau(optimizer, factor=0.2, patience=2), [], []
    for _ in progress(range(epochs), "watched"):
        rates.append(optimizer.param_groups[0]["lr"])
        for x, y in minibatches(x_train, y_train, 16, generator):
            noisy = x + 0.5 * torch.randn(x.shape, generator=generator)
            optimizer.zero_grad()
            F.cross_entropy(model(noisy), y).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(F.cross_entropy(model(x_val), y_val).item())
        plateau.step(losses[-1])
    return rates, losses

# %% demo=true
with once_written("ReduceOnPlateau"):
    figure, axes = plt.subplots(1, 2)
    rates, losses = watched()
    plots.losses(rates, axes[0], marker="o", markersize=4, drawstyle="steps-mid")
    plots.losses(losses, axes[1], marker="o", markersize=4)
    axes[0].set(ylabel="learning rate", ylim=(0, None), yticks=[0, 0.012, 0.06])
    axes[1].set(ylabel="validation loss", ylim=(0, None))
    plt.show()

# %% [markdown]
# The validation loss drops at the cut, as the training loss did at the start of this lesson. (The best metric and the
# count are state as well: a run that is to be resumed must save them too.) Mind what such a rule listens to: three
# bad epochs may be bad luck, the more so the smaller the validation set, and what has steered training is no longer
# an independent judge of it.
#
# ## How high?
#
# Every schedule has a peak, and none says how high. The *range test* asks the net (Smith 2015): give each batch a
# higher rate than the one before, from far too low to far too high, and watch the loss. While the rate is too low
# nothing happens; then the loss falls; then it explodes. A good peak lies where it falls, below where it turns.
#
# Smith's rates grow linearly, and he watched the accuracy. Most tools today watch the loss and multiply: with
# $k \ge 2$ batches, numbered from 0, the rate of batch $i$ is
#
# $$\eta_i = \eta_{\mathrm{lo}} \left(\frac{\eta_{\mathrm{hi}}}{\eta_{\mathrm{lo}}}\right)^{i/(k-1)}$$
#
# **Exercise.** Write `lr_range_test`. For each batch: set all groups to its rate, note the loss, make one update.
# Stop early at a loss that is not finite, or more than four times the best so far; whether that last one is noted is
# up to you. It is a test, so leave no trace (gradients may stay): weights, buffers (batch norm's running means,
# lesson 7), the optimizer's state and its rates are as before, early stop or not. `model.state_dict()` and
# `optimizer.state_dict()` hold the very tensors that training changes; `copy.deepcopy` gives you some of your own.

# %% exercise="lr_range_test"
def lr_range_test(model: nn.Module, optimizer, loss_fn, batches, lr_min: float,
                  lr_max: float) -> tuple[list[float], list[float]]:
    """(learning rates, losses), one of each per batch, from lr_min to lr_max with equal ratios.

    batches: any iterable of (x, y), a generator too; loss_fn(model(x), y) is a scalar tensor."""
    ### BEGIN SOLUTION
    batches = list(batches)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    lrs, losses = [], []
    for i, (x, y) in enumerate(batches):
        lrs.append(lr_min * (lr_max / lr_min) ** (i / (len(batches) - 1)))
        for group in optimizer.param_groups:
            group["lr"] = lrs[-1]
        loss = loss_fn(model(x), y)
        losses.append(loss.detach().item())
        if not math.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.load_state_dict(before[0])
    optimizer.load_state_dict(before[1])
    return lrs, losses
    ### END SOLUTION

# %% check="lr_range_test" points=5
check.lr_range_test(lr_range_test)

# %% [markdown]
# And here is what it says of the net that we have been training all along.

# %%
def noisy_batches(count: int, seed: int = 0):
    """Batches of 16 noisy digits."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        chosen = torch.randint(len(x_train), (16,), generator=generator)
        noise = 0.5 * torch.randn(16, 64, generator=generator)
        yield x_train[chosen] + noise, y_train[chosen]


def tested(seed: int = 0) -> tuple[list, list]:
    """The range test of a fresh net on 300 noisy batches, from 10⁻⁴ to 10."""
    model = digit_net(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    return lr_range_test(model, optimizer, F.cross_entropy, noisy_batches(300, seed), 1e-4, 10.0)

# %% demo=true
with once_written("lr_range_test"):
    figure, ax = plt.subplots()
    explore.range_plot(*tested(), ax)
    ax.set(ylim=(1.2, 3.2))

# %% [markdown]
# One rule of thumb takes the rate where the loss falls fastest; another, a tenth of the rate where it is lowest. They
# disagree, and each run marks another place. Our peak of 0.06 was chosen by training many times; the test's steepest
# fall is within a factor of about two of it, for the price of some 250 batches. But it looks only at the first steps
# of training, and what a net tolerates changes later. And its rates climb gently, much as in a warm-up: so we would not
# conclude from it that a run may *start* at the rate it finds. (We have not measured that here.)
#
# Which rates does SGD tolerate when batches are larger? When there is no momentum?

# %% demo=true
explore.range_test()

# %% [markdown]
# With larger batches the lowest point moves up: with momentum 0.9 from a rate of 0.16 for batches of 8 to 0.41 for
# batches of 256. Without momentum both marks lie more than twice as high, since momentum adds up many gradients.
#
# ## Design your own
#
# Choose a schedule and its peak. On the right the small net has been trained by it, beside the same net at the
# constant peak. Which schedules tolerate the highest peak? With a low one, does the schedule matter at all?

# %% demo=true
explore.designer()

# %% [markdown]
# All that come down tolerate a higher peak than the constant: at 0.2, with the other sliders as they were, it ends at
# 1.77, step decay at 1.13 and a cosine at 1.03. At 0.01 the constant does best of all, at 0.97: that rate is low
# already, and a schedule only takes from it.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A cosine runs from 0.4 at step 0 to 0 at step 200. What is the rate at step 50? Give the number, to 1 %.

# %% question="review_cosine"
review_cosine = quiz.ask(check.review_cosine, 0.4 * (1 + math.cos(math.pi / 4)) / 2)  # or a number

# %% check="review_cosine" points=1
check.review_cosine(review_cosine)

# %% [markdown]
# **2.** A cosine with restarts has a first period of 5 steps and mult 3. At which step does its fourth cycle begin?

# %% question="review_restart"
review_restart = quiz.ask(check.review_restart, 65)  # or a number

# %% check="review_restart" points=1
check.review_restart(review_restart)

# %% [markdown]
# **3.** Order these by their rate at step 25 of 100, lowest first. All have the base rate 1 and min_lr 0: a) constant,
# b) a straight line down to 0, c) step decay by a tenth every 20 steps, d) cosine, e) a straight warm-up over the first
# 50 steps. The letters in one string, such as "abcde".

# %% question="review_order"
review_order = quiz.ask(check.review_order, "cebda")  # or five letters, in quotes

# %% check="review_order" points=1
check.review_order(review_order)

# %% [markdown]
# **4.** `ReduceOnPlateau` with patience 3 is told these losses, epoch 1 first: 0.9, 0.7, 0.5, 0.6, 0.55, 0.58, 0.52,
# 0.51, 0.53. After which epoch is the rate cut?
#
# - a) After epoch 5.
# - b) After epoch 6.
# - c) After epoch 7.
# - d) After epoch 8.

# %% question="review_patience"
review_patience = quiz.ask(check.review_patience, "c")  # or one letter, in quotes

# %% check="review_patience" points=1
check.review_patience(review_patience)

# %% [markdown]
# **5.** The rate is cut to a tenth, and within an epoch the training loss is clearly lower; it goes on sinking after
# that. What did the cut do?
#
# - a) It threw the weights out of their minimum, into a deeper one.
# - b) Steps overshoot less: the jitter shrinks, and the weights get on where long steps threw them back.
# - c) With a lower rate the gradients become larger.
# - d) It made the gradient of each batch less noisy.

# %% question="review_drop"
review_drop = quiz.ask(check.review_drop, "b")  # or one letter, in quotes

# %% check="review_drop" points=1
check.review_drop(review_drop)

# %% [markdown]
# **6.** A colleague is about to train a deep post-norm Transformer. The run may be stopped and resumed at any time, and
# nobody knows yet how long it will be. In 100 to 200 words, plan its learning rate: which schedule, how high a peak and
# how to find it, how to start, how to end, and what to save. Refer to what you measured above.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | peak | finds it by a range test or by trials on validation data, and says what the test cannot tell |
# | start | warms up, and says what happens to a post-norm net without it |
# | middle | chooses a schedule that does not need the end to be known, and says why a cosine needs it |
# | end | brings the rate down, and says what that does to the loss and why |
# | resume | saves the scheduler's step and base rates beside net and optimizer, and says what goes wrong otherwise |

# %% [markdown] written="plan_a_run" points=5
# ### BEGIN SOLUTION
# I would look for the peak with a range test and start below the rate where its loss turns up. The test sees only the
# first steps, so I would compare two or three peaks near it in short runs, by validation loss.
#
# The run starts with a warm-up from 0. Our eight-layer post-norm net at rate 0.01 without one was lost in its first
# steps and ended at the loss of guessing; with 75 steps of warm-up the same rate trained it.
#
# As nobody knows the length, I would use warm-up, stable, decay. A cosine needs its end in advance: stopped early, it
# has not come down. The level stretch can go on as long as we like.
#
# When we decide to stop, the rate goes down to 0 on a line. In our branches the loss dropped while the rate came
# down: smaller steps jitter less, and get on where long ones overshot.
#
# With every checkpoint I would save net, optimizer and the scheduler's state, its step and its base rates. Without it
# the schedule started over: after one step it was back at the full rate in the middle of the run.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have written six schedules that are right at every boundary, a scheduler that survives a break, a rule that
# listens to the validation loss, and a test that asks a net how fast it can learn. You have seen a loss drop the
# moment its rate was cut, a net that full first steps destroy and gentle ones save, and a good accuracy reached in
# eight epochs.
#
# [← 4 optimizers](../04_optimizers/04_optimizers.ipynb) ·
# [6 regularization →](../06_regularization/06_regularization.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Andriushchenko, Croce, Müller, Hein, Flammarion (2023). *A modern look at the relationship between sharpness and
#   generalization.* arXiv:2302.07011.
# - Dinh, Pascanu, Bengio, Bengio (2017). *Sharp minima can generalize for deep nets.* arXiv:1703.04933.
# - Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He (2017). *Accurate, large minibatch SGD:
#   training ImageNet in 1 hour.* arXiv:1706.02677.
# - Hägele, Bakouch, Kosson, Ben Allal, von Werra, Jaggi (2024). *Scaling laws and compute-optimal training beyond fixed
#   training durations.* arXiv:2405.18392.
# - He, Zhang, Ren, Sun (2015). *Deep residual learning for image recognition.* arXiv:1512.03385.
# - Hu, Tu, Han, He, Cui and others (2024). *MiniCPM: unveiling the potential of small language models with scalable
#   training strategies.* arXiv:2404.06395.
# - Huang, Li, Pleiss, Liu, Hopcroft, Weinberger (2017). *Snapshot ensembles: train 1, get M for free.*
#   arXiv:1704.00109.
# - Keskar, Mudigere, Nocedal, Smelyanskiy, Tang (2016). *On large-batch training for deep learning: generalization gap
#   and sharp minima.* arXiv:1609.04836.
# - Krizhevsky, Sutskever, Hinton (2012). *ImageNet classification with deep convolutional neural networks.* NIPS.
# - Liu, Jiang, He, Chen, Liu, Gao, Han (2019). *On the variance of the adaptive learning rate and beyond.*
#   arXiv:1908.03265.
# - Loshchilov, Hutter (2016). *SGDR: stochastic gradient descent with warm restarts.* arXiv:1608.03983.
# - Robbins, Monro (1951). *A stochastic approximation method.* The Annals of Mathematical Statistics 22(3).
# - Smith (2015). *Cyclical learning rates for training neural networks.* arXiv:1506.01186. Section 3.3 has the range
#   test.
# - Smith, Topin (2017). *Super-convergence: very fast training of neural networks using large learning rates.*
#   arXiv:1708.07120.
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017). *Attention is all you need.*
#   arXiv:1706.03762.
# - Xiong, Yang, He, Zheng, Zheng, Xing, Zhang, Lan, Wang, Liu (2020). *On layer normalization in the Transformer
#   architecture.* arXiv:2002.04745.
