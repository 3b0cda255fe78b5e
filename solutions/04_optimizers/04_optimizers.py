# %% [markdown]
# # How weights move
#
# Lesson 4 · optimizers · about two and a half hours
#
# [← 3 losses](../03_losses/03_losses.ipynb) ·
# [5 schedules →](../05_schedules/05_schedules.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - say from the curvature of a loss which learning rates converge, and why a narrow valley is slow;
# - write SGD with momentum, RMSprop, Adam and AdamW, each step for step the same as PyTorch's;
# - show what momentum and adaptive steps are good for, on surfaces where you can watch them;
# - decay the right weights in the right way, keep gradients in bounds, and orthogonalize an update;
# - run a fair race between optimizers, and say what it does not prove.

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import optimizers as check
from dlcourse.data import digits
from dlcourse.explorers import optimizers as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, fit

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# One net, one optimizer, the same digits in the same order for eight epochs (an *epoch* shows each training sample
# once). Only the *learning rate* differs, the number that scales every step.

# %%
x_all, y_all, x_test, y_test = digits()
x_train, y_train, x_val, y_val = x_all[:1150], y_all[:1150], x_all[1150:], y_all[1150:]


def small_net(seed: int = 0) -> nn.Sequential:
    """A classifier of digits with one hidden layer of 32 units."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

# %% demo=true
figure, ax = plt.subplots()
for lr in (0.001, 0.01, 0.1, 1.0, 10.0):
    net = small_net()
    history = fit(net, x_train, y_train, torch.optim.SGD(net.parameters(), lr), F.cross_entropy, 8)
    plots.losses(history, ax, label=f"{lr:g}: {accuracy(net, x_val, y_val):.0%} on new digits")
ax.set(ylim=(0, 3.2))
ax.legend(title="learning rate", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# From guessing to nine digits in ten, and back to guessing. If you can tune a single number, tune this one. Too high
# a rate wrecks the net. One that is too low does no harm, but it may not get anywhere in the time you have.
#
# An *optimizer* is the rule that turns gradients into changes of the weights. You will find out where the learning
# rate's limits come from, and build the optimizers that people use.
#
# ## Downhill
#
# The gradient $\nabla f(x)$ points where $f$ rises fastest. Gradient descent takes a small step the other way, again
# and again (Cauchy 1847), with the learning rate $\eta$, `lr` in code:
#
# $$x_{k+1} = x_k - \eta\, \nabla f(x_k)$$
#
# **Exercise.** Write `gradient_descent`. Keep every point on the way, with the start as row 0, in x0's dtype.
# `torch.stack` makes one tensor of a list of them. The whole of `torch.optim` is off limits in this lesson: it is
# what you are building.

# %% exercise="gradient_descent"
def gradient_descent(grad, x0: torch.Tensor, lr: float, steps: int) -> torch.Tensor:
    """The points that gradient descent visits.

    grad maps a point (d,) to the gradient there (d,); x0 (d,) stays as it is.
    Returns (steps + 1, d): row k is the point after k steps, row 0 is x0.
    """
    ### BEGIN SOLUTION
    points = [x0]
    while len(points) <= steps:
        points.append(points[-1] - lr * grad(points[-1]))
    return torch.stack(points)
    ### END SOLUTION

# %% check="gradient_descent" points=2
check.gradient_descent(gradient_descent)

# %% [markdown]
# Here is a bowl, $f(x, y) = \tfrac12(x^2 + 25 y^2)$: along $y$ it is 25 times as steep as along $x$. The star is
# its minimum.

# %% demo=true
with once_written("gradient_descent"):
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
    curvature, start = torch.tensor([1.0, 25.0]), torch.tensor([-3.5, 1.2])
    for ax, lr in zip(axes, (0.01, 0.075, 0.081)):
        points = gradient_descent(lambda x: curvature * x, start, lr, steps=40)
        explore.draw_paths("bowl", {"": points.tolist()}, ax)
        ax.set(title=f"lr {lr:g}")
    axes[0].set(ylabel="y")

# %% [markdown]
# On the left it creeps, in the middle it bounces but gets there, on the right it leaves.
#
# ## How fast is too fast?
#
# Along one direction of a bowl with curvature $\lambda$ the gradient is $\lambda x$, so a step multiplies the
# distance to the minimum:
#
# $$x_{k+1} = (1 - \eta\lambda)\, x_k$$
#
# It shrinks where $|1 - \eta\lambda| < 1$, that is, where $\eta < 2/\lambda$. A bowl in many dimensions has a
# curvature for each: the *Hessian* $H$ is the matrix of second derivatives, its eigenvectors are the bowl's own
# axes, and its eigenvalues the curvatures along them. The steepest one decides:
#
# $$\eta_{\max} = \frac{2}{\lambda_{\max}(H)}$$
#
# **Exercise.** Write `largest_stable_lr` for a symmetric, positive-definite Hessian: the limit itself, as a number.
# `torch.linalg.eigvalsh` finds the eigenvalues of a symmetric matrix.

# %% exercise="largest_stable_lr"
def largest_stable_lr(hessian: torch.Tensor) -> float:
    """The learning rate above which gradient descent on ½ x·Hx diverges; hessian (d, d)."""
    ### BEGIN SOLUTION
    return 2 / torch.linalg.eigvalsh(hessian)[-1].item()
    ### END SOLUTION

# %% check="largest_stable_lr" points=2
check.largest_stable_lr(largest_stable_lr)

# %% [markdown]
# Put it to the test: a random bowl in ten dimensions, and learning rates 1 % to either side of your limit.

# %%
def distances(share: float, seed: int = 0, steps: int = 300) -> torch.Tensor:
    """Distance to the minimum at each step, with `share` of the largest stable rate."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(10, 10, generator=generator, dtype=torch.float64)
    H = root @ root.T / 10 + 0.1 * torch.eye(10, dtype=torch.float64)
    start = torch.randn(10, generator=generator, dtype=torch.float64)
    lr = share * largest_stable_lr(H)
    return gradient_descent(lambda x: H @ x, start, lr, steps).norm(dim=1)

# %% demo=true
with once_written("gradient_descent", "largest_stable_lr"):
    figure, ax = plt.subplots()
    for share in (0.5, 0.99, 1.01):
        ax.plot(distances(share), label=f"{share:g} of the limit")
    ax.set(xlabel="step", ylabel="distance to the minimum", yscale="log")
    ax.legend()

# %% [markdown]
# The limit is sharp. It holds for bowls, and a net's loss is no bowl. Yet trained by full-batch gradient descent,
# nets typically drift to where $\lambda_{\max}$ hovers just above $2/\eta$, and the loss goes on falling, not
# monotonically (Cohen et al. 2021, "the edge of stability"). Why that works is still being studied.
#
# Above it the other directions shrink first, then the steepest takes over. Below, half the limit ends lower than 0.99
# of it: at 0.99 the steepest direction lingers (it keeps 98 % a step, and bounces), at half the flattest (97 %). The
# best rate lies between, at $2/(\lambda_{\max} + \lambda_{\min})$. Even there both keep $(\kappa - 1)/(\kappa + 1)$,
# where $\kappa = \lambda_{\max}/\lambda_{\min}$ is the *condition number*: the steps needed grow in proportion to it.
#
# ## SGD, and a ball that rolls
#
# Going through a whole training set for every single step is mostly too dear. *Stochastic* gradient descent takes the
# gradient of a small batch (Robbins and Monro 1951): noisy, but right on average, and cheap.
#
# Momentum gives the point a mass. Its velocity $v$ sums up past gradients, and old ones fade by a factor $\mu$ a step
# (Polyak 1964):
#
# $$v \leftarrow \mu v + g, \qquad x \leftarrow x - \eta v$$
#
# Where gradients agree the velocity grows to $1/(1-\mu)$ times the gradient; where they alternate it shrinks to
# $1/(1+\mu)$ times. Nesterov's variant (1983; in the form of Sutskever et al. 2013, as PyTorch writes it) moves by
# what the new $v$ would become if the same gradient came again:
#
# $$x \leftarrow x - \eta\,(g + \mu v)$$
#
# *Weight decay* pulls every weight towards 0. Here it is the gradient of an *L2 penalty* $\tfrac\lambda2\|x\|^2$,
# added before anything else: $g \leftarrow g + \lambda x$. (This $\lambda$ is no curvature.)

# %% [markdown]
# An optimizer in PyTorch keeps a list of a model's parameters. After `loss.backward()` each has its gradient in
# `.grad`, and `step()` moves them all.
#
# - The parameters may come as a generator, as `model.parameters()` does: it can be walked through only once.
# - Each parameter has a velocity of its own, which starts at 0 (so the first $v$ is $g$).
# - A parameter whose `.grad` is None took no part in the loss: skip it, its decay and its velocity too. Every other
#   one decays, vectors included.
# - The change is made in place, since the model holds on to its parameters: `-=` and the methods whose names end in
#   `_` do that, while `p = p - …` makes a new tensor. Autograd must not record it, hence the `@torch.no_grad()` above
#   `step`. And `.grad` stays as it is.
# - `zero_grad()` clears the gradients, to None or to 0: `backward` adds to whatever is there.
#
# **Exercise.** Write `SGD`.

# %% exercise="SGD"
class SGD:
    """Stochastic gradient descent with momentum; moves its params in place by their .grad."""

    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        ### BEGIN SOLUTION
        self.params, self.lr = list(params), lr
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.velocities = {}
        ### END SOLUTION

    @torch.no_grad()
    def step(self):
        """Move every parameter that has a gradient."""
        ### BEGIN SOLUTION
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad + self.weight_decay * p
            v = self.velocities.setdefault(p, torch.zeros_like(p)).mul_(self.momentum).add_(g)
            p -= self.lr * (g + self.momentum * v if self.nesterov else v)
        ### END SOLUTION

    def zero_grad(self):
        """Clear every gradient."""
        ### BEGIN SOLUTION
        for p in self.params:
            p.grad = None
        ### END SOLUTION

# %% check="SGD" points=5
check.SGD(SGD)

# %% [markdown]
# What is momentum worth? Take a bowl with curvatures 1 and $\kappa$. Theory gives the best settings for both (Polyak
# 1964): without momentum each step multiplies the error by about $1 - 2/\kappa$, with it by about
# $1 - 2/\sqrt\kappa$:
#
# $$\eta = \frac{2}{\kappa + 1}, \quad \mu = 0 \qquad\text{against}\qquad
# \eta = \left(\frac{2}{\sqrt\kappa + 1}\right)^2, \quad \mu = \left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^2$$

# %%
def steps_needed(kappa: float, rolling: bool, limit: int = 100_000) -> int:
    """Steps until a point on the bowl has come a million times nearer, with the best settings."""
    curvature = torch.tensor([1.0, kappa], dtype=torch.float64)
    x, root = torch.ones(2, dtype=torch.float64), math.sqrt(kappa)
    best = {"lr": (2 / (root + 1)) ** 2, "momentum": ((root - 1) / (root + 1)) ** 2}
    optimizer = SGD([x], **(best if rolling else {"lr": 2 / (kappa + 1)}))
    for step in range(1, limit):
        x.grad = curvature * x
        optimizer.step()
        if x.norm() < 1e-6 * math.sqrt(2):
            return step
    return limit

# %% demo=true
with once_written("SGD"):
    figure, ax = plt.subplots()
    kappas = [10, 30, 100, 300, 1000]
    for rolling, marker in ((False, "o"), (True, "s")):
        ax.plot(kappas, [steps_needed(kappa, rolling) for kappa in kappas], marker=marker,
                label="with momentum" if rolling else "without momentum")
    ax.set(xlabel="condition number κ", ylabel="steps needed", xscale="log", yscale="log")
    ax.legend()

# %% [markdown]
# One line rises with $\kappa$, the other with $\sqrt\kappa$: at $\kappa = 1000$, some 7000 steps become fewer than
# 400. This is proven for bowls and gradients without noise; on a net the gain depends on the batch, too.
#
# ## A ruler for every weight
#
# One learning rate serves all weights, but not all are equally steep. *Adaptive* methods give each weight a step size
# of its own, from the gradients it has had. RMSprop keeps a running mean of their squares, also called $v$ (there is
# no velocity now), and divides by its root (Hinton 2012, lecture 6; it was never a paper):
#
# $$v \leftarrow \alpha v + (1 - \alpha)\,g^2, \qquad x \leftarrow x - \eta\,\frac{g}{\sqrt v + \epsilon}$$
#
# Once $v$ has settled, a weight's step is of the order of $\eta$, however steep it is there; $\epsilon$ keeps 0/0
# out. At first $v$ is too small, and the very first step is $1/\sqrt{1 - \alpha} = 10$ times $\eta$: Adam will mend
# that. AdaGrad (Duchi et al. 2011) sums the squares instead: under a steady gradient its steps get shorter and
# shorter.
#
# Your `SGD` already keeps the parameters and the learning rate, and clears gradients. The next optimizers inherit
# that, under the names that you chose: `super().__init__(params, lr)` runs your `SGD`'s constructor first, then comes
# what is new, then another `step`. (While your `SGD` does not pass, they can do all that themselves.)
#
# **Exercise.** Write `RMSprop`, with $v$ starting at 0, $\epsilon$ outside the root, and `SGD`'s manners: skip what
# has no gradient, change in place, leave `.grad` as it is. (There is no weight decay.)

# %% exercise="RMSprop"
class RMSprop(SGD):
    """Divide each entry's gradient by the root of a running mean of its squares (Hinton 2012)."""

    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        ### BEGIN SOLUTION
        super().__init__(params, lr)
        self.alpha, self.eps = alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.params]
        ### END SOLUTION

    @torch.no_grad()
    def step(self):
        """Move every parameter that has a gradient."""
        ### BEGIN SOLUTION
        for p, v in zip(self.params, self.squares):
            if p.grad is not None:
                v.mul_(self.alpha).add_((1 - self.alpha) * p.grad ** 2)
                p -= self.lr * p.grad / (v.sqrt() + self.eps)
        ### END SOLUTION

# %% check="RMSprop" points=3
check.RMSprop(RMSprop)

# %% [markdown]
# ## Adam
#
# Kingma and Ba (2014) put the two together: a running mean $m$ of the gradients, a running mean $v$ of their squares.
# Both start at 0 and are too small at first: after $t$ steps the zero still weighs $\beta^t$. Dividing by
# $1 - \beta^t$ pays that back (Algorithm 1):
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2$$
#
# $$\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad
# x \leftarrow x - \eta\,\frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# **Exercise.** Write `Adam`, with the manners of `SGD`. $t$ counts calls of `step`, starting with 1. (Counting for
# each parameter the steps that it took part in, as PyTorch does, is fine too.)

# %% exercise="Adam"
class Adam(SGD):
    """Adaptive moment estimation (Kingma and Ba 2014, Algorithm 1)."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        ### BEGIN SOLUTION
        super().__init__(params, lr)
        self.betas, self.eps, self.t = betas, eps, 0
        self.means = [torch.zeros_like(p) for p in self.params]
        self.squares = [torch.zeros_like(p) for p in self.params]
        ### END SOLUTION

    @torch.no_grad()
    def step(self):
        """Move every parameter that has a gradient."""
        ### BEGIN SOLUTION
        self.t += 1
        b1, b2 = self.betas
        for p, m, v in zip(self.params, self.means, self.squares):
            if p.grad is not None:
                m.mul_(b1).add_((1 - b1) * p.grad)
                v.mul_(b2).add_((1 - b2) * p.grad ** 2)
                m_hat, v_hat = m / (1 - b1 ** self.t), v / (1 - b2 ** self.t)
                p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)
        ### END SOLUTION

# %% check="Adam" points=5
check.Adam(Adam)

# %% [markdown]
# Watch them all on three surfaces: the bowl; the valley of Rosenbrock (1960), with 10 in place of his 100; and a
# *saddle*, at 0 a minimum along $x$ and a maximum along $y$. Each runs for 150 steps, with the one of eight learning
# rates that leaves it lowest. The dot is the start, a path's own mark its end.

# %%
MOVERS = {"SGD": SGD, "momentum": lambda params, lr: SGD(params, lr, momentum=0.9),
          "Nesterov": lambda params, lr: SGD(params, lr, momentum=0.9, nesterov=True),
          "RMSprop": RMSprop, "Adam": Adam}
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)


def path(name: str, mover: str, lr: float, steps: int = 150) -> tuple[float, list]:
    """Follow one of the MOVERS on a surface: the last height, and the points on the way."""
    surface = explore.SURFACES[name]
    point = torch.tensor(surface.start, dtype=torch.float64)
    optimizer, points = MOVERS[mover]([point], lr), [point.tolist()]
    while len(points) <= steps and point.abs().max() < 10:
        point.grad = torch.stack(surface.gradient(*point))
        optimizer.step()
        points.append(point.tolist())
    return (surface.value(*points[-1]) if len(points) > steps else math.inf), points

# %%
def best_path(name: str, mover: str) -> tuple[float, float, list]:
    """Of the RATES the one that brings a mover lowest: the last height, the rate, the points."""
    heights, paths = zip(*(path(name, mover, lr) for lr in RATES))
    best = heights.index(min(heights))
    return heights[best], RATES[best], paths[best]

# %% demo=true
with once_written("SGD", "RMSprop", "Adam"):
    figure, axes = plt.subplots(3, 5, figsize=(9.6, 6.3), sharex="row", sharey="row")
    for row, name in zip(axes, explore.SURFACES):
        for number, (ax, mover) in enumerate(zip(row, MOVERS)):
            _, lr, points = best_path(name, mover)
            explore.draw_paths(name, {"": points}, ax, first=number)
            ax.set_title(f"{mover}, {lr:g}", fontsize=10)
        row[0].set(ylabel=f"{name}: y")

# %% [markdown]
# With its best rate each of them finds the way down the bowl. In Rosenbrock's valley RMSprop is still on its way; SGD
# leapt across in one lucky step. On the saddle all start 0.0001 off the line $y = 0$, its ridge, and SGD is the only
# one that has not arrived. No stable rate would do: at 0.499 it has come to $y = 0.15$. (Others too might do better
# at more than 0.32, our largest rate.)
#
# ## Stuck where it is flat
#
# At a saddle the gradient is 0, and near it tiny, though it is no minimum. In many dimensions saddles are thought to
# be a greater obstacle than bad minima (Dauphin et al. 2014; lesson 3 counts them). Off the ridge by $y$, plain
# descent moves by $\eta\,|\lambda|\,y$ only: exponentially, but slowly, and the steep direction does not let $\eta$
# grow. Momentum adds such steps up; Adam divides by their size, and so hardly sees that they are small. Here is the
# same saddle, from three starts beside the ridge. SGD's rate is close to its limit of $2/4$.

# %%
def off_the_ridge(mover: str, lr: float, seed: int = 0, steps: int = 120) -> list[float]:
    """|y| at each step on the saddle; its minima lie at y = −1 and y = 1."""
    surface = explore.SURFACES["saddle"]
    offset = torch.rand(1, generator=torch.Generator().manual_seed(seed)).item() * 1e-4 + 1e-5
    point = torch.tensor([1.5, offset], dtype=torch.float64)
    optimizer, heights = MOVERS[mover]([point], lr), []
    for _ in range(steps):
        point.grad = torch.stack(surface.gradient(*point))
        optimizer.step()
        heights.append(point[1].abs().item())
    return heights

# %% demo=true
with once_written("SGD", "Adam"):
    figure, ax = plt.subplots()
    for (mover, lr), colour, dashes in zip({"SGD": 0.45, "momentum": 0.25, "Adam": 0.05}.items(),
                                           plots.COLOURS, plots.DASHES):
        for seed in range(3):
            ax.plot(off_the_ridge(mover, lr, seed), color=colour, linestyle=dashes, linewidth=1.4,
                    label=f"{mover}, lr {lr:g}" if seed == 0 else None)
    ax.set(xlabel="step", ylabel="|y|: 1 is a minimum", yscale="log")
    ax.legend()

# %% [markdown]
# After 120 steps SGD is still within 0.05 of the ridge; momentum, at a lower rate, and Adam are at a minimum. SGD's
# line rises too. From a random start, with small steps, plain descent leaves such a saddle almost surely (Lee et al.
# 2016), but where many follow one another that can take exponentially long (Du et al. 2017). Noise helps, and
# minibatches bring it: how much of a net's training time saddles cost is not settled.
#
# The same inertia can carry a ball out of a *local minimum*, a dip that is not the lowest. Here is a line with dips,
# $f(x) = \tfrac1{20} x^2 + \tfrac15 (1 - \cos 2x)$, and three starts on its right.

# %%
def roll(momentum: float, start: float, lr: float = 0.1, steps: int = 300) -> list[float]:
    """Where SGD is at each step on the line with dips."""
    x = torch.tensor([start], dtype=torch.float64)
    optimizer, visited = SGD([x], lr, momentum=momentum), [start]
    for _ in range(steps):
        x.grad = x / 10 + 0.4 * torch.sin(2 * x)
        optimizer.step()
        visited.append(x.item())
    return visited

# %% demo=true
with once_written("SGD"):
    figure, axes = plt.subplots(1, 2)
    line = lambda x: x ** 2 / 20 + (1 - torch.cos(2 * x)) / 5
    plots.curve(line, axes[0], (-4.5, 6.5), color=plots.INK, linewidth=1.2)
    for mu, marker, colour, dashes in zip((0.0, 0.9, 0.95), "os^", plots.COLOURS, plots.DASHES):
        ways = [roll(mu, start) for start in (5.0, 5.5, 6.0)]
        for way in ways:
            axes[1].plot(way[:161], color=colour, linestyle=dashes, linewidth=1.4)
        end = torch.tensor(ways[0][-1])
        axes[0].plot(end, line(end), marker, color=colour, label=f"ends, μ = {mu:g}")
    axes[0].set(ylabel="f(x)")
    axes[0].legend(loc="upper center", fontsize=9)
    axes[1].set(xlabel="step", ylabel="x")

# %% [markdown]
# At this rate, 0.1, plain descent ($\mu = 0$) stops in the first dip. With momentum 0.9 it rolls through, to the
# lowest point; with 0.95 through that one too, into a dip on the other side. At another rate, 0.05, momentum 0.95
# stops at the lowest point as well. (Longer steps alone do not do it: without momentum, rates of 1 and 2 stop in the
# first dip.) Momentum can leave a local minimum, but does not know which one is worth leaving.
#
# ## Decay that keeps its size
#
# For SGD without momentum, an L2 penalty and shrinking every weight by $\eta\lambda$ of itself are the same thing. In
# Adam they are not: a penalty's gradient $\lambda x$ is divided by $\sqrt{\hat v}$ like all the rest, so weights with
# large gradients hardly decay. Loshchilov and Hutter (2017) took the decay out of the gradient (they *decoupled* it),
# and called the result AdamW. It shrinks each weight first, then Adam steps, with moments that know nothing of the
# decay:
#
# $$x \leftarrow x - \eta\lambda x, \qquad x \leftarrow x - \eta\,\frac{\hat m}{\sqrt{\hat v} + \epsilon}$$
#
# (As in PyTorch, $\eta$ scales the decay; in the paper's Algorithm 2 only the schedule does.)
#
# **Exercise.** Write `AdamW`, with all manners of `SGD`: where `.grad` is None nothing decays, and every other
# parameter does. You may build on your `Adam`, as the class below does, once it is written.

# %% exercise="AdamW"
class AdamW(Adam):
    """Adam with decoupled decay (Loshchilov and Hutter 2017, Algorithm 2), as PyTorch scales it."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        ### BEGIN SOLUTION
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay
        ### END SOLUTION

    @torch.no_grad()
    def step(self):
        """Decay, then move, every parameter that has a gradient."""
        ### BEGIN SOLUTION
        for p in self.params:
            if p.grad is not None:
                p -= self.lr * self.weight_decay * p
        super().step()
        ### END SOLUTION

# %% check="AdamW" points=3
check.AdamW(AdamW)

# %% [markdown]
# Does it matter? First, 1000 weights that begin at 1. Their gradients are pure noise, so that on average only the
# decay moves them. How much of them is left?

# %%
def remaining(kind: str, size: float, seed: int = 0, steps: int = 200) -> float:
    """The mean of weights that began at 1, after steps with gradients of this size."""
    generator = torch.Generator().manual_seed(seed)
    w = torch.ones(1000)
    optimizer = AdamW([w], 0.01, weight_decay=0.5 if kind == "AdamW" else 0.0)  # 0.0: Adam
    for _ in range(steps):
        noise = size * torch.randn(1000, generator=generator)
        w.grad = noise + 0.1 * w if kind == "Adam + L2" else noise
        optimizer.step()
    return w.mean().item()

# %% [markdown]
# Second, a linear classifier of digits. Multiply its loss by a constant and Adam's path does not change, since $m$
# and $\sqrt v$ grow alike. Does its regularization?

# %%
def weights_after(kind: str, scale: float, seed: int = 0, steps: int = 300) -> float:
    """The norm of a linear classifier's weights after training on scale · loss."""
    net, x, y = nn.Linear(64, 10), x_train[:300], y_train[:300]
    nn.init.normal_(net.weight, 0, 0.1, generator=torch.Generator().manual_seed(seed))
    nn.init.zeros_(net.bias)
    decay = 0.5 if kind == "AdamW" else 0.0
    optimizer = AdamW(net.parameters(), 0.01, weight_decay=decay)
    for _ in range(steps):
        optimizer.zero_grad()
        penalty = 0.005 * net.weight.square().sum() if kind == "Adam + L2" else 0.0
        (scale * F.cross_entropy(net(x), y) + penalty).backward()
        optimizer.step()
    return net.weight.norm().item()

# %% demo=true
with once_written("SGD", "Adam", "AdamW"):
    figure, axes = plt.subplots(1, 2)
    scales = [0.01, 0.1, 1.0, 10.0, 100.0]
    for kind, marker in {"no decay": "o", "Adam + L2": "s", "AdamW": "^"}.items():
        axes[0].plot(scales, [remaining(kind, size) for size in scales], marker=marker)
        norms = [weights_after(kind, scale) for scale in scales]
        axes[1].plot(scales, norms, marker=marker, label=kind)
    axes[0].set(xlabel="size of the gradients", title="what is left of a weight", ylim=(-0.1, 1.1))
    axes[1].set(xlabel="the loss is multiplied by", title="norm of the weights", ylim=(-1, 23))
    for ax in axes:
        ax.set(xscale="log")
    figure.legend(loc="outside lower center", ncols=3)

# %% [markdown]
# On the left AdamW takes the same share of every weight; a penalty in Adam takes all where gradients are small, and
# next to nothing where they are large. On the right AdamW regularises the same at every scale, and the penalty
# vanishes as the loss grows. (The strengths were not matched: compare the shapes, not the heights. And part of it is
# not Adam's doing: loss and penalty in one sum strike another balance at each scale, whatever the optimizer.)
#
# AdamW is the usual choice for Transformers (lesson 8). Why Adam beats SGD by so much on language models is debated;
# that rare words make up much of the data is one explanation with evidence (Kunstner et al. 2024).
#
# ## What should decay?
#
# By custom matrices and kernels decay, and vectors (biases, a norm layer's scale) are spared. A bias governs one
# variable only and takes few data to fit; shrinking it can make a net underfit (Goodfellow et al. 2016, section 7.1).
# For norm scales and embeddings it is a habit, and habits differ.
#
# PyTorch's optimizers take *parameter groups* for this (yours do not, to stay short): a list of dicts, each with
# `params` and its own options.
#
# **Exercise.** Write `decay_groups`. What has two dimensions or more decays. A parameter that two layers share
# belongs in the list once.

# %% exercise="decay_groups"
def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Two groups for an optimizer, {"params": [...], "weight_decay": ...} each, both always there.

    The first holds every parameter with two or more dimensions, with weight_decay; the second all
    others, with 0.
    """
    ### BEGIN SOLUTION
    params = list(model.parameters())  # which lists a shared parameter once
    return [{"params": [p for p in params if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0}]
    ### END SOLUTION

# %% check="decay_groups" points=2
check.decay_groups(decay_groups)

# %% demo=true
with once_written("decay_groups"):
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 10))
    names = {parameter: name for name, parameter in net.named_parameters()}
    for group in decay_groups(net, 0.01):
        print(group["weight_decay"], *(names[parameter] for parameter in group["params"]))

# %% [markdown]
# ## Cliffs
#
# A recurrent net (a net that is applied to its own output) multiplies by the same weight at every step. After ten
# steps that is $w^{10}$, and the loss has a cliff: nearly flat, then almost vertical. One step at the edge throws the
# weight far away. Pascanu et al. (2013) shorten the gradient where it is too long, and keep its direction:
#
# $$g \leftarrow g \cdot \min\left(1, \frac{c}{\|g\|}\right), \qquad \|g\| = \sqrt{\textstyle\sum_i g_i^2}$$
#
# The norm runs over the entries of *all* parameters together. Clipped tensor by tensor, the step as a whole would
# point elsewhere.
#
# **Exercise.** Write `clip_grad_norm`. It returns the norm before clipping, which is worth plotting: it warns of
# trouble. Gradients may be None, or all 0; with none at all the norm is 0. Scale `.grad` in place or put a new tensor
# there. `nn.utils.clip_grad_norm_` is off limits.

# %% exercise="clip_grad_norm"
def clip_grad_norm(params, max_norm: float) -> float:
    """Scale all gradients together so that their L2 norm is at most max_norm.

    params: an iterable of parameters, perhaps a generator. Returns the norm before.
    """
    ### BEGIN SOLUTION
    grads = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(g.square().sum().item() for g in grads))
    if norm > max_norm:
        for g in grads:
            g.mul_(max_norm / norm)
    return norm
    ### END SOLUTION

# %% check="clip_grad_norm" points=3
check.clip_grad_norm(clip_grad_norm)

# %% [markdown]
# Ten steps of a net with a single weight, which should come out at 1: the loss is $(w^{10} - 1)^2$. Start on the
# cliff, at $w = 1.8$.

# %%
def on_the_cliff(lr: float, max_norm: float = math.inf, steps: int = 60) -> list[float]:
    """Where gradient descent takes w, from 1.8, on (w¹⁰ − 1)²; it ends beyond 10⁶."""
    w = torch.tensor([1.8], dtype=torch.float64, requires_grad=True)
    optimizer, visited = SGD([w], lr), [w.item()]
    while len(visited) <= steps and abs(visited[-1]) < 1e6:
        optimizer.zero_grad()
        (w ** 10 - 1).square().sum().backward()
        clip_grad_norm([w], max_norm)
        optimizer.step()
        visited.append(w.item())
    return visited

# %% demo=true
with once_written("SGD", "clip_grad_norm"):
    figure, axes = plt.subplots(1, 2)
    plots.curve(lambda w: (w ** 10 - 1) ** 2, axes[0], (0, 1.8))
    axes[0].plot(1, 0, "*", color=plots.INK, markersize=11)
    axes[0].plot(1.8, (1.8 ** 10 - 1) ** 2, "o", color=plots.INK)
    axes[0].set(xlabel="w", ylabel="loss", title="start and minimum")
    axes[0].set_yticks([0, 1e5], labels=["0", "10⁵"])
    axes[1].plot(on_the_cliff(0.005, 5), "-o", markersize=3, label="lr 0.005, clipped at 5")
    axes[1].plot(on_the_cliff(1e-7), "--s", markersize=3, label="lr 10⁻⁷, not clipped")
    axes[1].set(xlabel="step", ylabel="w", title="down the cliff")
    axes[1].legend()

# %% [markdown]
# Without clipping, a learning rate that suits the floor is fatal at the edge: at 0.005 the first step goes to
# $w \approx -7000$. And one that survives the edge creeps. (Near $5.6 \cdot 10^{-7}$ there is a rate whose first leap
# happens to land on the floor: luck, not a method.)
#
# ## A matrix is more than its entries
#
# All our optimizers treat a weight matrix as a bag of numbers. Its gradient is a matrix too, $G=U\Sigma V^\top$,
# where $U$ and $V$ only rotate and $\Sigma$ stretches. Often it is lopsided: a few *singular values*, the entries of
# the diagonal $\Sigma$, outweigh the others. Muon (Jordan et al. 2024) makes them all about equal: it replaces its
# momentum, a sum of such gradients, by nearly $UV^\top$. Made from one gradient instead of a sum, such an update
# points in the direction of steepest descent under the spectral norm, the largest singular value (Bernstein and
# Newhouse 2024).
#
# Finding $U$ and $V$ (a singular value decomposition) is slow on a GPU. A Newton–Schulz iteration needs matrix
# products only: divide $G$ by its Frobenius norm (the root of the sum of its squared entries), then repeat
#
# $$X \leftarrow aX + (bA + cA^2)\,X, \qquad A = XX^\top, \qquad (a, b, c) = (3.4445,\ -4.7750,\ 2.0315)$$
#
# Each step does to every singular value $\sigma$ what the polynomial $a\sigma + b\sigma^3 + c\sigma^5$ does to a
# number. The coefficients, Jordan's, lift small values fast: after five steps whatever was above a five-hundredth of
# the norm lies between 0.68 and 1.21. That is not exactly 1, and did his training runs no harm.
#
# **Exercise.** Write `orthogonalize`, in G's own dtype. Wide or tall, the formula is the same; zeros stay zeros.
# Decompositions such as `torch.linalg.svd`, `qr` and `eigh` are off limits.

# %% exercise="orthogonalize"
def orthogonalize(G: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Bring the singular values of G near 1 (Jordan et al. 2024); those that are 0 stay 0.

    G (n, m), wide or tall, stays as it is; a matrix of the same shape and dtype comes back.
    """
    ### BEGIN SOLUTION
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G / (G.norm() + 1e-12)
    for _ in range(steps):  # the polynomial, on all singular values at once
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X
    ### END SOLUTION

# %% check="orthogonalize" points=3
check.orthogonalize(orthogonalize)

# %% [markdown]
# On the left, what five steps do to any singular value; on the right, to the gradient of a net's hidden layer after
# two epochs of digits.

# %%
def hidden_gradient(seed: int = 0) -> torch.Tensor:
    """The gradient (32, 64) of the first layer's weights, on 256 digits, after two epochs."""
    net = small_net(seed)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    fit(net, x_train, y_train, optimizer, F.cross_entropy, 2, seed=seed)
    net.zero_grad()
    F.cross_entropy(net(x_train[:256]), y_train[:256]).backward()
    return net[0].weight.grad

# %% demo=true
with once_written("orthogonalize"):
    figure, axes = plt.subplots(1, 2)
    sigma = torch.linspace(0, 1, 501, dtype=torch.float64)
    lifted = sigma.clone()
    for _ in range(5):
        lifted = 3.4445 * lifted - 4.7750 * lifted ** 3 + 2.0315 * lifted ** 5
    axes[0].plot(sigma, lifted)
    axes[0].set(xlabel="singular value before", title="after five steps", ylim=(0, 1.3))
    G = hidden_gradient()
    matrices = {"gradient / norm": G / G.norm(), "orthogonalized": orthogonalize(G)}
    for label, matrix in matrices.items():
        axes[1].plot(range(1, 33), torch.linalg.svdvals(matrix), label=label)
    axes[1].set(xlabel="number of the singular value", title="a layer's gradient", yscale="log")
    axes[1].legend(loc="lower left")

# %% [markdown]
# The smallest have not got all the way: they were below a five-hundredth of the norm. PyTorch has Muon too, as
# `torch.optim.Muon`, for hidden matrices only; embeddings, vectors and the last layer are left to AdamW.
#
# ## Play
#
# All optimizers on one surface, with one learning rate and one momentum for all (as Adam's $\beta_1$ too). Where does
# the bowl's SGD diverge, and is it at $2/25$? Which of them is the first to leave the saddle at a rate of 0.01? What
# does momentum 0.99 do? Where does AdamW's decay pull the end of the path in Rosenbrock's valley?

# %% demo=true
explore.paths()

# %% [markdown]
# ## A fair race
#
# A comparison is as good as its tuning. So each of your optimizers gets the same net, batches, epochs and number of
# tries: six learning rates, three seeds each. (Each grid lies so that the best rate is inside, which took looking
# beforehand; momentum, $\alpha$ and the betas stay as they come.) The rate is chosen by the mean loss on *validation*
# digits, which no optimizer trains on. The test digits are looked at once, afterwards.

# %%
RACERS = {
    "SGD": (SGD, 0.01),
    "momentum": (lambda params, lr: SGD(params, lr, momentum=0.9), 0.001),
    "RMSprop": (RMSprop, 0.0001),
    "Adam": (Adam, 0.0003),
    "AdamW": (AdamW, 0.0003)}
STEPS_UP = [10 ** (k / 2) for k in range(6)]  # each try is √10 times the one before


@torch.no_grad()
def validation_loss(net: nn.Module) -> float:
    """Mean cross-entropy on the validation digits."""
    return F.cross_entropy(net(x_val), y_val).item()


def race(name: str, lr: float, seed: int = 0, epochs: int = 10) -> tuple[float, float]:
    """Train a small net with one of the RACERS: validation loss, test accuracy."""
    net = small_net(seed)
    optimizer = RACERS[name][0](net.parameters(), lr)
    fit(net, x_train, y_train, optimizer, F.cross_entropy, epochs, seed=seed, label=name)
    return min(validation_loss(net), 10.0), accuracy(net, x_test, y_test)

# %%
def results(name: str, seeds=range(3)) -> tuple[list[float], torch.Tensor]:
    """The learning rates tried, and (rates, seeds, 2): validation loss and test accuracy."""
    rates = [RACERS[name][1] * step for step in STEPS_UP]
    return rates, torch.tensor([[race(name, lr, seed) for seed in seeds] for lr in rates])

# %% demo=true
with once_written("SGD", "RMSprop", "Adam", "AdamW"):
    figure, axes = plt.subplots(1, 2, width_ratios=(3, 2), figsize=(9, 3.4))
    for number, name in enumerate(RACERS):
        rates, runs = results(name)
        loss, best = runs[..., 0].mean(dim=1), runs[..., 0].mean(dim=1).argmin()
        axes[0].plot(rates, loss, marker=explore.MARKERS[number], label=name)
        axes[1].plot(100 * runs[best, :, 1], [number - 0.15, number, number + 0.15],
                     explore.MARKERS[number], color=plots.COLOURS[number])
    axes[0].set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss")
    axes[0].legend(loc="lower left", fontsize=9)
    axes[1].set(yticks=range(len(RACERS)), yticklabels=list(RACERS), xlabel="test accuracy, %",
                title="each with its best rate", xlim=(90, 100))
    axes[1].invert_yaxis()

# %% [markdown]
# On the left, one optimizer's rates lie much further apart than the optimizers at their best: SGD's losses reach from
# 0.16 to 2.3, which is guessing, Adam's from 0.12 to 2. Each has its own best rate. (Adam's and AdamW's curves
# coincide: ten epochs are too few for a decay of 0.01 to show.)
#
# On the right a mark for each seed: tuned, their means lie about two points apart, and RMSprop's three seeds more
# than four. Adam and AdamW, all but the same here, lie half a point apart: so much is chance. And 360 test digits
# leave an uncertainty of about a point by themselves. So no ranking can be read from this.
#
# At 0.03 for all, Adam and AdamW are ahead and SGD has hardly begun; at 1, which the figure shows for SGD only (we
# ran the others too), SGD is far ahead. And Adam's customary 0.001 is a thirtieth of its best rate here, where there
# are only 180 steps.
#
# What can such a race not show?
#
# - *Other tasks.* One small net, 1150 digits, one batch size, a constant rate. In a benchmark of fifteen optimizers
#   on eight problems the ranking changed from problem to problem, none clearly dominated, and Adam remained a strong
#   contender (Schmidt et al. 2020). That, and not our figure, is why Adam is a good first choice.
# - *Final performance.* Adaptive methods often make faster progress at first; SGD is said to need careful tuning, and
#   then to end best. Wilson et al. (2017) saw adaptive methods flatten out sooner and generalise worse, on several
#   tasks. Choi et al. (2019) tuned also what we left alone, and adaptive methods were never worse. It depends on the
#   task and on what is tuned.
# - *Cost.* Adam keeps two numbers beside each weight, SGD with momentum one.
#
# What we would carry over is the order of work: the learning rate first, its schedule next (lesson 5). Without time
# for that, try several optimizers as they come: on Schmidt's problems that did about as well as tuning one.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A bowl has curvatures 1, 10 and 50. Above which learning rate does gradient descent diverge? Give the number.

# %% question="review_limit"
review_limit = quiz.ask(check.review_limit, 2 / 50)  # or a number

# %% check="review_limit" points=1
check.review_limit(review_limit)

# %% [markdown]
# **2.** You leave both bias corrections out of Adam ($\beta_1 = 0.9$, $\beta_2 = 0.999$). How long is the first step
# of a weight, compared with the learning rate?
#
# - a) A tenth of it, since $m$ starts near 0.
# - b) About three times as long.
# - c) Just as long: the two errors cancel.
# - d) Nearly infinite, but for $\epsilon$.

# %% question="review_bias"
review_bias = quiz.ask(check.review_bias, "b")  # or one letter, in quotes

# %% check="review_bias" points=1
check.review_bias(review_bias)

# %% [markdown]
# **3.** You multiply the loss by 1000 and train with AdamW as before. What changes?
#
# - a) Steps become 1000 times as long.
# - b) The weight decay becomes 1000 times weaker, compared with the steps.
# - c) Next to nothing.
# - d) $\epsilon$ begins to dominate.

# %% question="review_scale"
review_scale = quiz.ask(check.review_scale, "c")  # or one letter, in quotes

# %% check="review_scale" points=1
check.review_scale(review_scale)

# %% [markdown]
# **4.** Order the lines of a training step: a) `loss = loss_fn(model(x), y)`, b) `optimizer.step()`, c)
# `optimizer.zero_grad()`, d) `loss.backward()`, e) `clip_grad_norm(model.parameters(), 1.0)`. Begin by clearing what
# the last step left. The letters in one string, such as "abcde".

# %% question="review_loop"
review_loop = quiz.ask(check.review_loop, "cadeb")  # or five letters, in quotes

# %% check="review_loop" points=1
check.review_loop(review_loop)

# %% [markdown]
# **5.** AdamW's validation loss is lowest at the largest of the six learning rates that you tried. What next?
#
# - a) Keep that rate.
# - b) Tune the weight decay at that rate.
# - c) Try larger rates.
# - d) Run that rate with more seeds.

# %% question="review_grid"
review_grid = quiz.ask(check.review_grid, "c")  # or one letter, in quotes

# %% check="review_grid" points=1
check.review_grid(review_grid)

# %% [markdown]
# **6.** A colleague writes: "Our new optimizer reaches 97.2 % on digits, Adam only 95.3 %, both at the default
# learning rate 0.001. It should replace Adam." In 100 to 200 words: what would you ask, and how would you run the
# comparison? Refer to what you measured above.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | tuning | each optimizer needs its own learning rate, with the same number of tries |
# | selection | the rate is chosen on training or validation data, never by test accuracy |
# | noise | several seeds, and the spread compared with the difference |
# | evidence | uses a figure of this lesson, with its numbers |
# | scope | says what one small task cannot show |

# %% [markdown] written="fair_race" points=5
# ### BEGIN SOLUTION
# I would ask how either learning rate was chosen. In our race the rate mattered far more than the optimizer: Adam's
# validation loss went from about 2 at 0.0003 to 0.12 at 0.03, and 0.001 was far from its best. A rate that happens to
# suit the new optimizer and not Adam would explain the whole difference. So I would give both the same net, batches,
# epochs and number of learning rates, on a grid wide enough that the best lies inside it, and choose each one's rate
# by validation loss. The test set is used once, for the two that were chosen.
#
# Then I would ask for several seeds. Three of one tuned optimizer lay more than four points apart in our figure, and
# the means of the tuned optimizers about two, so a difference of 1.9 points in a single run says little.
#
# Even a clear win would hold for this task only. Before it replaces Adam I would want other nets and data sets, and
# the time and memory that a step takes.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You can read the largest learning rate off a curvature. You have written SGD, RMSprop, Adam and AdamW, equal to
# PyTorch's at every step, and watched momentum shorten a valley and leave a saddle. You decay what should decay, clip
# what is too long, and know what Muon does to a matrix. And you can tell a fair race from an advertisement.
#
# [← 3 losses](../03_losses/03_losses.ipynb) ·
# [5 schedules →](../05_schedules/05_schedules.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Bernstein, Newhouse (2024). *Old optimizer, new norm: an anthology.* arXiv:2409.20325.
# - Cauchy (1847). *Méthode générale pour la résolution des systèmes d'équations simultanées.* Comptes rendus de
#   l'Académie des sciences 25.
# - Choi, Shallue, Nado, Lee, Maddison, Dahl (2019). *On empirical comparisons of optimizers for deep learning.*
#   arXiv:1910.05446.
# - Cohen, Kaur, Li, Kolter, Talwalkar (2021). *Gradient descent on neural networks typically occurs at the edge of
#   stability.* arXiv:2103.00065.
# - Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio (2014). *Identifying and attacking the saddle point problem in
#   high-dimensional non-convex optimization.* arXiv:1406.2572.
# - Du, Jin, Lee, Jordan, Póczos, Singh (2017). *Gradient descent can take exponential time to escape saddle points.*
#   arXiv:1705.10412.
# - Duchi, Hazan, Singer (2011). *Adaptive subgradient methods for online learning and stochastic optimization.*
#   Journal of Machine Learning Research 12.
# - Goodfellow, Bengio, Courville (2016). *Deep learning.* MIT Press.
# - Hinton (2012). *Neural networks for machine learning*, lecture 6, with Srivastava and Swersky. Coursera.
#   (Usually cited as Tieleman, Hinton 2012, lecture 6.5.)
# - Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein (2024). *Muon: an optimizer for hidden layers in neural
#   networks.* kellerjordan.github.io/posts/muon.
# - Kingma, Ba (2014). *Adam: a method for stochastic optimization.* arXiv:1412.6980. Algorithm 1.
# - Kunstner, Yadav, Milligan, Schmidt, Bietti (2024). *Heavy-tailed class imbalance and why Adam outperforms gradient
#   descent on language models.* arXiv:2402.19449.
# - Lee, Simchowitz, Jordan, Recht (2016). *Gradient descent only converges to minimizers.* COLT.
# - Loshchilov, Hutter (2017). *Decoupled weight decay regularization.* arXiv:1711.05101. Algorithm 2.
# - Nesterov (1983). *A method of solving a convex programming problem with convergence rate O(1/k²).* Soviet
#   Mathematics Doklady 27.
# - Pascanu, Mikolov, Bengio (2013). *On the difficulty of training recurrent neural networks.* arXiv:1211.5063.
# - Polyak (1964). *Some methods of speeding up the convergence of iteration methods.* USSR Computational Mathematics
#   and Mathematical Physics 4.
# - Robbins, Monro (1951). *A stochastic approximation method.* Annals of Mathematical Statistics 22.
# - Rosenbrock (1960). *An automatic method for finding the greatest or least value of a function.* The Computer
#   Journal 3.
# - Schmidt, Schneider, Hennig (2020). *Descending through a crowded valley: benchmarking deep learning optimizers.*
#   arXiv:2007.01547.
# - Sutskever, Martens, Dahl, Hinton (2013). *On the importance of initialization and momentum in deep learning.*
#   ICML.
# - Wilson, Roelofs, Stern, Srebro, Recht (2017). *The marginal value of adaptive gradient methods in machine
#   learning.* arXiv:1705.08292.
