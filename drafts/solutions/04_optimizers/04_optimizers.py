# %% [markdown]
# # How weights move
#
# Lesson 4 · optimizers · about two and a half hours
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
from itertools import product

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
# From next to nothing to nearly everything right, and back to guessing: if you can tune a single number, tune this
# one. In this lesson you find out where its limits come from, and build the optimizers that people put around it.
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
    for _ in range(steps):
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
# The limit is sharp. It holds for bowls; a net's loss is no bowl, and its curvature changes as it trains. Yet trained
# by full-batch gradient descent, nets drift to where $\lambda_{\max}$ hovers just above $2/\eta$, and the loss goes on
# falling, not monotonically (Cohen et al. 2021, "the edge of stability"). Why that works is still being studied.
#
# There is a price to the steepest direction's limit. With $\eta$ just below $2/\lambda_{\max}$, the flattest
# direction shrinks by $1 - 2\lambda_{\min}/\lambda_{\max}$ a step. The ratio $\kappa = \lambda_{\max}/\lambda_{\min}$ is
# the *condition number*, and steps needed grow in proportion to it.
#
# ## SGD, and a ball that rolls
#
# A training set is too long to be differentiated for a single step. *Stochastic* gradient descent takes the gradient
# of a small batch instead (the idea goes back to Robbins and Monro 1951): noisy, but right on average, and cheap.
#
# Momentum gives the point a mass. Its velocity $v$ sums up past gradients, and old ones fade by a factor $\mu$ a step
# (Polyak 1964):
#
# $$v \leftarrow \mu v + g, \qquad x \leftarrow x - \eta v$$
#
# Where gradients agree the velocity grows to $1/(1-\mu)$ times the gradient; where they alternate they cancel.
# Nesterov's variant (1983; in the form of Sutskever et al. 2013, as PyTorch writes it) looks one step ahead:
#
# $$x \leftarrow x - \eta\,(g + \mu v)$$
#
# *Weight decay* $\lambda$ pulls every weight towards 0. Here it is the gradient of an *L2 penalty* $\tfrac\lambda2\|x\|^2$,
# added before anything else: $g \leftarrow g + \lambda x$.

# %% [markdown]
# An optimizer in PyTorch keeps a list of a model's parameters. After `loss.backward()` each has its gradient in
# `.grad`, and `step()` moves them all.
#
# - The parameters may come as a generator, as `model.parameters()` does: it can be walked through only once.
# - Each parameter has a velocity of its own, which starts at 0 (so the first $v$ is $g$).
# - A parameter whose `.grad` is None took no part in the loss: skip it, its decay and its velocity too. Every other
#   one decays, vectors included.
# - The change is made in place, in the parameter's own memory, since the model holds on to it. Autograd must not
#   record that: put `@torch.no_grad()` above `step`. And `.grad` stays as it is.
# - `zero_grad()` clears the gradients, to None or to 0: `backward` adds to whatever is there.
#
# **Exercise.** Write `SGD`.

# %% exercise="SGD"
class SGD:
    """Stochastic gradient descent with momentum, in PyTorch's convention.

    params: an iterable of tensors. `step()` moves them in place by their .grad; `zero_grad()` clears.
    """

    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        ### BEGIN SOLUTION
        self.params, self.lr = list(params), lr
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.velocities = [torch.zeros_like(p) for p in self.params]
        ### END SOLUTION

    @torch.no_grad()
    def step(self):
        """Move every parameter that has a gradient."""
        ### BEGIN SOLUTION
        for p, v in zip(self.params, self.velocities):
            if p.grad is None:
                continue
            g = p.grad + self.weight_decay * p
            v.mul_(self.momentum).add_(g)
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
                label="with momentum" if rolling else "without")
    ax.set(xlabel="condition number κ", ylabel="steps needed", xscale="log", yscale="log")
    ax.legend()

# %% [markdown]
# One line rises with $\kappa$, the other with $\sqrt\kappa$: at $\kappa = 1000$, some 7000 steps become fewer than
# 400. This is proven for bowls and gradients without noise; on a net, with noise, the gain is smaller and depends on the
# batch. Sutskever et al. (2013) found momentum, with good initial weights, to be crucial for training deep nets.
#
# ## A ruler for every weight
#
# A momentum is shared; steepness is not. RMSprop measures each weight's own gradients, by a running mean of their
# squares, and divides by its root (Hinton, in his 2012 course, lecture 6; it was never a paper):
#
# $$v \leftarrow \alpha v + (1 - \alpha)\,g^2, \qquad x \leftarrow x - \eta\,\frac{g}{\sqrt v + \epsilon}$$
#
# So a weight moves by about $\eta$ a step, however steep it is there; $\epsilon$ keeps 0/0 out. Its ancestor AdaGrad
# (Duchi et al. 2011) sums the squares instead, and its steps only ever get shorter.
#
# What SGD and its successors have in common stands in a base class from here on:

# %%
class Optimizer:
    """What every optimizer has: its parameters, a learning rate, a way to clear gradients."""

    def __init__(self, params, lr: float):
        self.params, self.lr = list(params), lr

    def zero_grad(self):
        """Clear every gradient."""
        for p in self.params:
            p.grad = None

# %% [markdown]
# **Exercise.** Write `RMSprop`, with $v$ starting at 0, $\epsilon$ outside the root, and the manners of `SGD`.

# %% exercise="RMSprop"
class RMSprop(Optimizer):
    """Divide each entry's gradient by the root of a running mean of its squares (Hinton 2012)."""

    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr)
        ### BEGIN SOLUTION
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
# **Exercise.** Write `Adam`. $t$ counts calls of `step`, starting with 1. (Counting for each parameter the steps that
# it took part in, as PyTorch does, is fine too.)

# %% exercise="Adam"
class Adam(Optimizer):
    """Adaptive moment estimation (Kingma and Ba 2014, Algorithm 1)."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        ### BEGIN SOLUTION
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
# *saddle*, a minimum along $x$ and a maximum along $y$. Each runs for 150 steps with the one of eight learning rates
# that brings it lowest, as the legend says.

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

# %% demo=true
with once_written("SGD", "RMSprop", "Adam"):
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 4.2))
    for ax, name in zip(axes, explore.SURFACES):
        best = {}
        for mover in MOVERS:
            lr, (height, points) = min(((lr, path(name, mover, lr)) for lr in RATES), key=lambda r: r[1][0])
            best[f"{mover}, {lr:g}"] = points
        explore.draw_paths(name, best, ax)
        ax.set(title=name)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8)
    axes[0].set(ylabel="y")
