# %% [markdown]
# # Keeping activations in range
#
# Lesson 7 · normalization · about three hours
#
# [← 6 regularization](../06_regularization/06_regularization.ipynb) ·
# [8 residual networks →](../08_residual_networks/08_residual_networks.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - write batch norm, with its state and its backward pass by hand, and the norms that look at one sample alone;
# - say over which axes each norm averages, and what follows from that;
# - show what batch norm buys (here: rates and weights at which a net fails without it) and say what is known of why;
# - avoid its traps: a forgotten `eval()`, small batches, statistics that no longer fit;
# - fold a batch norm away for inference, and choose a norm for a task.

# %%
import copy
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import normalization as check
from dlcourse.data import digits
from dlcourse.explorers import normalization as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, fit

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# Here are six layers that learn digits by plain gradient descent. A norm can stand before each ReLU, or after it.

# %%
x_train, y_train, x_test, y_test = digits()


def deep_net(norm=None, gain: float = 1.0, seed: int = 0, after: bool = False) -> nn.Sequential:
    """Six linear layers with He's weights times `gain`; norm(width) before or after each ReLU."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for width in [64] * 5 + [10]:
        layer = nn.Linear(64, width)
        nn.init.normal_(layer.weight, 0, gain * math.sqrt(2 / 64), generator=generator)
        nn.init.zeros_(layer.bias)
        bend = [nn.ReLU(), norm(width)] if norm else [nn.ReLU()]
        layers += [layer] + (bend if after else bend[::-1])
    return nn.Sequential(*layers[:-len(bend)])


def race(norm=None, lr: float = 0.1, gain: float = 1.0, seed: int = 0, after: bool = False):
    """Train for six epochs: the loss of each, and the net."""
    net = deep_net(norm, gain, seed, after)
    optimizer = torch.optim.SGD(net.parameters(), lr)
    return fit(net, x_train, y_train, optimizer, F.cross_entropy, 6, seed=seed), net

# %% [markdown]
# The same initial weights, the same batches, the same learning rate of 1. Only one of the two nets has a layer called
# batch norm before each ReLU.

# %% demo=true
figure, ax = plt.subplots()
for label, norm in {"without": None, "with batch norm": nn.BatchNorm1d}.items():
    plots.losses(race(norm, lr=1.0)[0], ax, label=label)
ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
ax.annotate("guessing: log 10", (6, 2.42), ha="right")
ax.set(ylim=(0, 3.3), title="learning rate 1")
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# After six epochs one is still guessing, the other has learned. This lesson builds that layer and its relatives, and
# asks what they do.
#
# ## One cube, four norms
#
# A layer's activations form a block: N samples, C channels (or features), and for images H×W pixels. Every norm in
# this lesson does the same to it: take off a mean, divide by a standard deviation, then let two learned numbers scale
# and shift. They differ in *which numbers the mean is taken over*. In the picture, entries of one colour share a
# mean; a paler shade counts as another colour.

# %% demo=true
explore.four_norms()
plt.show()

# %% [markdown]
# Batch norm: one mean for each channel, over all samples. Layer norm: one for each sample, over all its channels and
# pixels. Group norm splits a sample's channels into groups, here two. Instance norm has one for each channel of each
# sample. Everything else follows from this picture, the traps included.
#
# ## Batch norm
#
# Ioffe and Szegedy (2015) normalise each feature over the batch $B$ of $N$ samples, and then give the network a way
# to undo it: a scale $\gamma$ and a shift $\beta$ for each feature, both learned.
#
# $$\mu = \frac1N \sum_{i \in B} x_i, \qquad \sigma^2 = \frac1N \sum_{i \in B} (x_i - \mu)^2, \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma\,\hat x_i + \beta$$
#
# Mind four things. The variance is the *biased* one, divided by $N$; `torch.var` divides by $N - 1$ unless told
# `correction=0`. Take the mean off before you square: $\frac1N \sum x_i^2 - \mu^2$ is the same on paper, but in
# float32 it loses its digits where the mean is large. The small $\epsilon$ stands under the root, where it prevents
# 0/0 for a feature that never changes. And $\mu$ and $\sigma$ are made of the $x_i$: the gradient flows through them,
# so do not detach them.
#
# **Exercise.** Write `batch_norm` for a table of N samples and D features. In this and the next exercises torch's own
# norms are off limits.

# %% exercise="batch_norm"
def batch_norm(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, eps: float = 1e-5):
    """Normalise each feature of x over the batch (biased variance), scale by gamma, shift by beta.

    x (N, D), gamma (D,), beta (D,) → (N, D). Gradients reach the statistics; x stays as it is.
    """
    ### BEGIN SOLUTION
    var, mean = torch.var_mean(x, dim=0, correction=0)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta
    ### END SOLUTION

# %% check="batch_norm" points=3
check.batch_norm(batch_norm)

# %% [markdown]
# Two features of 200 samples: as they come, normalised, and with a scale and a shift that the network might learn.
# The cloud is moved and stretched, but not turned: features that go together still do.

# %% demo=true
with once_written("batch_norm"):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 2, generator=generator) @ torch.tensor([[3.0, 0.7], [0.0, 0.6]])
    x = x + torch.tensor([6.0, -3.0])
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.8), sharex=True, sharey=True)
    shown = {"x": x, "γ = 1, β = 0": batch_norm(x, torch.ones(2), torch.zeros(2)),
             "γ = (½, 2), β = (−4, 3)":
             batch_norm(x, torch.tensor([0.5, 2.0]), torch.tensor([-4.0, 3.0]))}
    for ax, (title, points) in zip(axes, shown.items()):
        ax.scatter(*points.T, s=8, color=plots.COLOURS[0])
        ax.set(title=title, xlabel="feature 1", xlim=(-7, 15), ylim=(-7, 11))
    axes[0].set(ylabel="feature 2")

# %% [markdown]
# In a batch of *two*, all that is left of a feature is which of the two samples has more of it: the outputs are
# $\gamma + \beta$ and $-\gamma + \beta$, near enough, if the two are much further apart than $\sqrt\epsilon \approx
# 0.003$. We shall come back to that.

# %%
with once_written("batch_norm"):
    pair = torch.tensor([[3.0, 0.1, -7.0], [5.0, 0.2, -60.0]])
    print(batch_norm(pair, torch.ones(3), torch.zeros(3)).round(decimals=2))

# %% [markdown]
# ## A layer that remembers
#
# When the model is used there may be no batch, and a prediction should not depend on its company. So during training
# the layer keeps *running statistics* of what it sees, and in eval mode it uses those. With a momentum $m$ of 0.1
# each batch moves them a tenth of the way:
#
# $$\text{running} \leftarrow (1 - m)\,\text{running} + m\,\text{batch}$$
#
# (Mind the letter: in PyTorch $m$ is the share of the *new* value, in Keras, for one, that of the old.) The running
# mean starts at 0, the running variance at 1. What is *stored* is the unbiased variance, divided by $n - 1$ with
# $n = N \cdot H \cdot W$, because it estimates the variance of all the data; what a batch is *normalised by* is the
# biased one.
#
# Three tools. An `nn.Parameter` is trained. `self.register_buffer("name", tensor)` keeps what belongs to the layer
# and is not trained: it is saved in the `state_dict` and moves along with `.to(…)`. And `self.training` tells the
# mode, which `model.train()` and `model.eval()` set.
#
# **Exercise.** Write `BatchNorm2d` for images: one mean and one variance for each channel, over N, H and W. The names
# in the docstring are prescribed, as the checks load numbers by them. What is stored must not keep a batch's graph
# alive: detach it, or work under `torch.no_grad()`.

# %% exercise="BatchNorm2d"
class BatchNorm2d(nn.Module):
    """Batch norm for images (N, C, H, W). Parameters weight and bias (C,), at first 1 and 0;
    buffers running_mean and running_var (C,), at first 0 and 1."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        ### BEGIN SOLUTION
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Training: normalise by the batch, move the running statistics. Eval: use them."""
        ### BEGIN SOLUTION
        var, mean = self.running_var, self.running_mean
        if self.training:
            var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0)
            n = x.numel() / x.shape[1]
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(var.detach() * n / (n - 1), self.momentum)
        scale = self.weight / torch.sqrt(var + self.eps)
        return (x - mean.view(-1, 1, 1)) * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
        ### END SOLUTION

# %% check="BatchNorm2d" points=5
check.BatchNorm2d(BatchNorm2d)

# %% [markdown]
# Watch it remember. Each batch has 16 images of 4×4 pixels, of mean 3 and standard deviation 2. A small momentum
# makes a steady memory, and a slow one: after few batches it still holds much of where it started.

# %% demo=true
with once_written("BatchNorm2d"):
    figure, axes = plt.subplots(1, 2)
    for momentum in (0.5, 0.1, 0.02):
        generator, layer = torch.Generator().manual_seed(0), BatchNorm2d(1, momentum=momentum)
        means, variances = [0.0], [1.0]
        for _ in range(100):
            layer(3 + 2 * torch.randn(16, 1, 4, 4, generator=generator))
            means.append(layer.running_mean.item())
            variances.append(layer.running_var.item())
        axes[0].plot(means, label=f"momentum {momentum}")
        axes[1].plot(variances)
    for ax, title in zip(axes, ("running mean", "running variance")):
        ax.set(xlabel="batches", title=title)
    axes[0].legend(loc="lower right")

# %% [markdown]
# ## Forgetting eval()
#
# Now for a net with your layer in it. Two convolutions, each followed by batch norm, learn the digits. (Their bias is
# left out: batch norm takes off any constant again, so it would do nothing.)

# %%
images, new_images = x_train.view(-1, 1, 8, 8), x_test.view(-1, 1, 8, 8)


def conv_net(norm, seed: int = 0) -> nn.Sequential:
    """A classifier of digits with two convolutions, norm(channels) after each."""
    torch.manual_seed(seed)
    first = [nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), norm(16), nn.ReLU()]
    second = [nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), norm(32), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(128, 10))


def trained(norm, seed: int = 0) -> nn.Sequential:
    """Six epochs of SGD with momentum."""
    net = conv_net(norm, seed)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    fit(net, images, y_train, optimizer, F.cross_entropy, 6, batch_size=32, seed=seed)
    return net

# %% [markdown]
# We grade it on new digits that come 36 at a time: once shuffled, once sorted by their class, as they might lie in a
# folder. And in both modes, on a copy of the net.

# %%
@torch.no_grad()
def graded_in_company(net: nn.Module, by_class: bool, training: bool, size: int = 36) -> float:
    """The accuracy on new digits, `size` at a time, in this mode."""
    net = copy.deepcopy(net).train(training)
    shuffled = torch.randperm(len(y_test), generator=torch.Generator().manual_seed(0))
    order = y_test.argsort(stable=True) if by_class else shuffled
    right = [net(new_images[some]).argmax(1) == y_test[some] for some in order.split(size)]
    return torch.cat(right).float().mean().item()

# %% demo=true
with once_written("BatchNorm2d"):
    own_net = trained(BatchNorm2d)
    figure, ax = plt.subplots()
    for k, (mode, training) in enumerate({"eval()": False, "eval() forgotten": True}.items()):
        scores = [100 * graded_in_company(own_net, sort, training) for sort in (False, True)]
        bars = ax.bar([0.38 * k, 1 + 0.38 * k], scores, 0.34, label=mode, hatch="/" * k,
                      edgecolor=plots.PAPER)
        ax.bar_label(bars, fmt="%.1f %%")
    ax.set(ylim=(0, 125), xticks=[0.19, 1.19], xticklabels=["shuffled", "sorted by class"],
           ylabel="right, %", yticks=range(0, 101, 25))
    ax.legend(loc="upper center", ncols=2)

# %% [markdown]
# In eval mode the order cannot matter. In training mode each digit is judged relative to the others in its batch. In
# mixed company that is nearly harmless (a digit or two of 360 are chance), so the mistake goes unnoticed.
# Among its own kind, each channel's level, which helps to tell the classes apart, is taken off with the mean; the
# pattern over the pixels is left, and serves for most.
#
# ## What it buys
#
# Your layer is made for images, and a feature is an image of one pixel. So it can go into the six-layer net of the
# beginning. We sweep the learning rate, and then the size of the initial weights.

# %%
class OverFeatures(BatchNorm2d):
    """Your BatchNorm2d for tables (N, D)."""

    def forward(self, x):
        return super().forward(x[:, :, None, None]).flatten(1)


def last_losses(norm, lrs=(0.1,), gains=(1.0,), seed: int = 0) -> list[float]:
    """The last epoch's training loss for each rate and gain; 9 where it is not finite."""
    runs = [race(norm, lr, gain, seed)[0][-1] for lr in lrs for gain in gains]
    return [loss if math.isfinite(loss) else 9.0 for loss in runs]

# %% demo=true
with once_written("BatchNorm2d"):
    figure, axes = plt.subplots(1, 2, sharey=True)
    lrs, gains = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0), (0.1, 0.3, 1.0, 3.0, 10.0)
    for label, norm, mark in (("without", None, "o"), ("with batch norm", OverFeatures, "s")):
        for ax, xs, losses in ((axes[0], lrs, last_losses(norm, lrs)),
                               (axes[1], gains, last_losses(norm, gains=gains))):
            ax.plot(xs, [min(loss, 2.8) for loss in losses], marker=mark, label=label)
    for ax, name in zip(axes, ("learning rate", "initial weights, times He's (rate 0.1)")):
        ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
        ax.set(xscale="log", xlabel=name, ylim=(0, 3.2))
    axes[0].annotate("guessing: log 10", (0.01, 2.38))
    axes[0].set(ylabel="training loss, epoch 6", yticks=[0, 1, 2, 2.8],
                yticklabels=["0", "1", "2", "not\nfinite"])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
# Without batch norm this net learns well at rates of 0.03 to 0.1, and at a rate of 0.1 only if its weights start near
# He's. (At 0.3 it is a matter of luck: of six seeds some end as low as at 0.1, others several times as high. And we
# vary one at a time: at lower rates three times He's weights learn a little.) At a rate of 1 it only guesses, at 3 its
# loss is no longer a number. With batch norm it learns at rates up to 3 (at 10 it fails as well) and from all of these
# weights, and in six epochs its loss gets lower at its best rate. This is the result that made batch norm famous: with
# it, higher rates and a few more changes, a leading image classifier reached the same accuracy in 14 times fewer steps
# (Ioffe and Szegedy 2015).
#
# *Why* is disputed. Their reason was *internal covariate shift*: each layer's inputs keep changing as the layers
# below learn, and batch norm holds their mean and variance still. Santurkar et al. (2018) added noise after batch
# norm, so that the inputs shifted more than without it, and the nets still trained well; they find that it makes the
# loss smoother. Bjorck et al. (2018) see the cause in the large rates themselves, which batch norm keeps from
# diverging. Luo et al. (2019) study a further effect, which we do not measure: the noise of the batch's statistics
# regularises. A part of the answer you can compute yourself.
#
# ## Backward by hand
#
# Autograd goes through your `batch_norm` step by step. On paper much cancels. With $g_i =
# \gamma\,\partial L / \partial y_i$, what is left for each feature is
#
# $$\frac{\partial L}{\partial x_i} = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \left( g_i - A - \hat x_i\, B \right)$$
#
# The first term is what you would get if $\mu$ and $\sigma$ were constants. $A$ comes back through the mean, $B$
# through the variance. Each is a mean over the batch.
#
# **Exercise.** Find $A$ and $B$, with the chain rule and three facts: $\partial \mu / \partial x_i = 1/N$, $\partial
# \sigma^2 / \partial x_i = 2 (x_i - \mu) / N$, and $\sum_i (x_i - \mu) = 0$. Then write `batch_norm_backward`. The
# gradients of $\gamma$ and $\beta$ are yours to find too: each takes part in the outputs of all samples.

# %% exercise="batch_norm_backward"
def batch_norm_backward(grad_out: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, eps: float):
    """The gradients of batch_norm(x, gamma, beta, eps), without autograd.

    grad_out (N, D) is the loss's gradient with respect to the output; x (N, D), gamma (D,).
    Returns grad_x (N, D), grad_gamma (D,), grad_beta (D,).
    """
    ### BEGIN SOLUTION
    var, mean = torch.var_mean(x, dim=0, correction=0)
    sigma = torch.sqrt(var + eps)
    hat = (x - mean) / sigma
    g = gamma * grad_out
    grad_x = (g - g.mean(0) - hat * (g * hat).mean(0)) / sigma
    return grad_x, (grad_out * hat).sum(0), grad_out.sum(0)
    ### END SOLUTION

# %% check="batch_norm_backward" points=4
check.batch_norm_backward(batch_norm_backward)

# %% [markdown]
# Your $A$ and $B$ are means over the batch. The gradient sums to 0 over the batch, as moving all $x_i$ together changes
# nothing. It has no part along $\hat x$ (but for $\epsilon$), as stretching changes nothing either: if the weights $w$
# before a batch norm are multiplied by $a$, the output stays. And as $\sigma$, by which the gradient is divided, grows
# with $a$, the gradient of $w$ is divided by $a$:

# %%
def rescaled(factor: float, seed: int = 0) -> tuple[float, float]:
    """Weights before a batch norm times `factor`: change of the output, ratio of gradient norms."""
    generator = torch.Generator().manual_seed(seed)
    x, w = x_train[:64], torch.randn(64, 20, generator=generator)
    grad_out, gamma = torch.randn(64, 20, generator=generator), torch.ones(20)
    outputs = [batch_norm(x @ (a * w), gamma, 0 * gamma) for a in (1, factor)]
    grads = [x.T @ batch_norm_backward(grad_out, x @ (a * w), gamma, 1e-5)[0] for a in (1, factor)]
    return (outputs[1] - outputs[0]).abs().max().item(), (grads[1].norm() / grads[0].norm()).item()

# %%
with once_written("batch_norm", "batch_norm_backward"):
    for factor in (0.1, 10, 100):
        change, ratio = rescaled(factor)
        print(f"weights × {factor:<5g} output changes by {change:.2f}, gradient × {ratio:.2f}")

# %% [markdown]
# This is a brake. By the same two facts $\sum_i z_i\,\partial L/\partial z_i = 0$ for the inputs $z$ of the norm, and
# that sum is $w \cdot \partial L/\partial w$: the gradient is at right angles to $w$. So each step of plain gradient
# descent makes $w$ longer, and a $w$ that is $a$ times as long is turned by it through an angle about $a^2$ times
# smaller (van Laarhoven 2017). (So weight decay cannot make the function simpler here; it keeps the steps from
# shrinking.)
#
# Left: how many times longer the first weights are after six epochs. Right: the same nets, and with their weights put
# back to the initial length after every step (but for the last layer's: no norm stands behind it).

# %%
def braked(lr: float, gain: float = 1.0, seed: int = 0, hold: bool = False) -> tuple[float, float]:
    """Six epochs with batch norm: the last loss, and how many times longer the first weights are.

    With `hold`, weights before a norm are put back to their initial length after each step.
    """
    net = deep_net(OverFeatures, gain, seed)
    weights = [layer.weight for layer in net if isinstance(layer, nn.Linear)][:-1]
    lengths = [weight.norm().item() for weight in weights]

    def put_back(*_):
        for weight, length in zip(weights, lengths):
            weight.data *= length / weight.data.norm()

    optimizer = torch.optim.SGD(net.parameters(), lr)
    if hold:
        optimizer.register_step_post_hook(put_back)
    losses = fit(net, x_train, y_train, optimizer, F.cross_entropy, 6, seed=seed)
    return losses[-1], weights[0].norm().item() / lengths[0]

# %% demo=true
with once_written("BatchNorm2d"):
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3), width_ratios=(5, 4))
    runs = {"rate 0.1": (0.1, 1), "rate 1": (1.0, 1), "rate 3": (3.0, 1),
            "weights\n× 0.1": (0.1, 0.1), "weights\n× 10": (0.1, 10)}
    bars = axes[0].bar(list(runs), [braked(*run)[1] for run in runs.values()])
    axes[0].bar_label(bars, fmt="× %.2f")
    for k, (label, hold) in enumerate({"as it is": False, "lengths held": True}.items()):
        losses = [braked(lr, hold=hold)[0] for lr in (1.0, 3.0)]
        bars = axes[1].bar([0.38 * k, 1 + 0.38 * k], losses, 0.34, label=label, hatch="/" * k,
                           edgecolor=plots.PAPER)
        axes[1].bar_label(bars, fmt="%.2f")
    axes[0].set(ylabel="length after / before")
    axes[1].set(xticks=[0.19, 1.19], xticklabels=["rate 1", "rate 3"], ylabel="loss, epoch 6")
    axes[1].legend(loc="upper left")
    for ax in axes:
        ax.margins(y=0.15)

# %% [markdown]
# Weights that start ten times too small double; those that start ten times too large turn a hundredth as far, and
# learn slowly, as the sweep showed. At a rate of 3, steps turn the first weights less than half as far in the end as
# at first. But at 1 they grow by a sixth: far too little to explain why this net learns where the plain one fails.
# Held at their length, they learn all the same. At 3 they then end higher, on average over seeds: there the brake
# helps. By how much differs from run to run, since at such rates rounding grows. The brake is a part of the answer at
# most.
#
# ## Before or after the bend?
#
# The paper puts batch norm before the activation. Put after it instead, it gives the next layer inputs with mean 0
# and variance 1 (before $\gamma$ and $\beta$). Both are in use, and here both train, from the same weights at the same
# rate of 0.1:

# %% demo=true
with once_written("BatchNorm2d"):
    figure, ax = plt.subplots()
    for label, norm, after in (("without", None, False), ("before ReLU", OverFeatures, False),
                               ("after ReLU", OverFeatures, True)):
        history, net = race(norm, lr=0.1, after=after)
        score = accuracy(net, x_test, y_test)
        plots.losses(history, ax, label=f"{label}: {score:.0%} on new digits")
    ax.set(ylim=(0, 2.4))
    ax.legend()

# %% [markdown]
# ## One sample at a time
#
# A norm that needs company is in trouble where company is scarce or unwanted: a batch of two images that fill the
# memory, or a text that is to be read from left to right. Layer norm (Ba, Kiros and Hinton 2016) turns the cube: for
# each sample by itself it takes the mean and the variance over its *features*. There is nothing to remember, and
# training and eval do the same.
#
# An image's features are all of (C, H, W), as in the cube. In a text each *token* is a sample, with d features. So
# `normalized_shape` names the *trailing* dimensions to normalise over: with shape `(d,)` and x (N, T, d), each of the
# N·T tokens has its own mean.
#
# $$\mathrm{LayerNorm}(x) = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \odot w + b, \qquad
# \mu, \sigma^2 \text{ over the trailing dimensions}$$
#
# **Exercise.** Write `LayerNorm`. An int stands for one trailing dimension; a tuple, a list or a `torch.Size` for
# several. The variance is biased here too, as in all that follow; weight and bias have one entry for each *feature*.

# %% exercise="LayerNorm"
class LayerNorm(nn.Module):
    """Normalise over the trailing dimensions `normalized_shape` (int or sizes); x (…, *shape).

    Parameters weight, at first 1, and bias, at first 0, both of shape `normalized_shape`.
    """

    def __init__(self, normalized_shape, eps: float = 1e-5):
        super().__init__()
        ### BEGIN SOLUTION
        one = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.axes, self.eps = tuple(range(-len(shape), 0)), eps
        self.weight, self.bias = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each sample, and each position, by its own statistics; the same in training and eval."""
        ### BEGIN SOLUTION
        var, mean = torch.var_mean(x, dim=self.axes, correction=0, keepdim=True)
        return self.weight * (x - mean) / torch.sqrt(var + self.eps) + self.bias
        ### END SOLUTION

# %% check="LayerNorm" points=3
check.LayerNorm(LayerNorm)

# %% [markdown]
# In an image, layer norm forces all channels to share one mean, be they edges or colours. Group norm (Wu and He 2018)
# stands between: a sample's C channels are split into G groups of neighbours, and each group has its own statistics,
# over its channels *and* all pixels. G = 1 is layer norm over the whole sample; G = C is *instance norm*, which was
# made for style transfer (Ulyanov et al. 2016): it removes each image's own contrast.
#
# **Exercise.** Write `GroupNorm` for (N, C) and (N, C, …) with any axes after the channels. A C that G does not
# divide is refused in the constructor, with any error. Look up `Tensor.unflatten` or reshape: the groups are blocks
# of neighbouring channels.

# %% exercise="GroupNorm"
class GroupNorm(nn.Module):
    """Normalise each group of neighbouring channels of a sample, over all pixels; x (N, C, …).

    Parameters weight (C,), at first 1, and bias (C,), at first 0: one entry for each channel.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5):
        super().__init__()
        ### BEGIN SOLUTION
        if num_channels % num_groups:
            raise ValueError(f"{num_channels} channels do not make {num_groups} groups")
        self.num_groups, self.eps = num_groups, eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each group by its own statistics; the same in training and eval. Same shape as x."""
        ### BEGIN SOLUTION
        groups = x.reshape(len(x), self.num_groups, -1)
        var, mean = torch.var_mean(groups, dim=2, correction=0, keepdim=True)
        hat = ((groups - mean) / torch.sqrt(var + self.eps)).view(x.shape)
        column = [-1] + [1] * (x.dim() - 2)
        return self.weight.view(column) * hat + self.bias.view(column)
        ### END SOLUTION

# %% check="GroupNorm" points=4
check.GroupNorm(GroupNorm)

# %% [markdown]
# Is the mean needed at all? Zhang and Sennrich (2019) left it out. Root-mean-square norm only divides:
#
# $$\mathrm{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d \sum_j x_j^2 + \epsilon}} \odot w$$
#
# It did about as well as layer norm in their experiments and ran faster; LLaMA (Touvron et al. 2023) and many
# language models since use it.
#
# **Exercise.** Write `RMSNorm`, over the last dimension. No mean is taken off, and there is no bias. Mind the default
# of eps (torch's `nn.RMSNorm` has another).

# %% exercise="RMSNorm"
class RMSNorm(nn.Module):
    """Divide by the root mean square over the last dimension, then scale; x (…, dim).

    Parameter weight (dim,), at first 1.
    """

    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__()
        ### BEGIN SOLUTION
        self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each vector by its own root mean square. Same shape as x."""
        ### BEGIN SOLUTION
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight
        ### END SOLUTION

# %% check="RMSNorm" points=2
check.RMSNorm(RMSNorm)

# %% [markdown]
# Who depends on whom? We change one sample of four, and look how much each sample's output changes.

# %%
def influence(norm: nn.Module, seed: int = 0) -> list[float]:
    """The largest change of each sample's output when sample 2 of 4 is changed; x (4, 8)."""
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(seed))
    changed = x.clone()
    changed[1] = 3 * torch.randn(8, generator=torch.Generator().manual_seed(seed + 1))
    return (norm(changed) - norm(x)).detach().abs().amax(1).tolist()

# %% demo=true
with once_written("BatchNorm2d", "LayerNorm", "GroupNorm", "RMSNorm"):
    norms = {"batch": OverFeatures(8), "layer": LayerNorm(8), "group, G = 2": GroupNorm(2, 8),
             "RMS": RMSNorm(8)}
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.2), sharey=True)
    for ax, (name, norm) in zip(axes, norms.items()):
        ax.bar(range(1, 5), influence(norm), color=[plots.COLOURS[0]] + [plots.COLOURS[1]]
               + 2 * [plots.COLOURS[0]])
        ax.set(title=name, xlabel="sample", xticks=range(1, 5))
    axes[0].set(ylabel="largest change")

# %% [markdown]
# Only batch norm's samples 1, 3 and 4 move, though nobody touched them.
#
# Choose a norm, and see who shares a mean with whom. (For a text, read the upright axis as its tokens, and choose
# "layer norm of a token".) For which norms does the marked entry's mean reach into other samples? Which choice of
# groups makes group norm the same as instance norm?

# %% demo=true
explore.axes_of()

# %% [markdown]
# ## Small batches
#
# Batch norm's mean is an estimate from a sample of $n = N \cdot H \cdot W$ numbers, and an estimate from $n$
# independent numbers is off by about $1/\sqrt n$ standard deviations (left). An activation of 1, one standard
# deviation above the mean, is normalised in 2000 batches of $n$ numbers, itself among them: what comes out (middle)?
# At which $n$ would you no longer recognise it? (Neighbouring pixels are alike, so in a real image $H \cdot W$ of them
# count for fewer.)

# %% demo=true
explore.noise()

# %% [markdown]
# What does that do to a net? Two hidden layers, 1024 digits, batches of 32 down to 2. Six epochs each: four at a rate
# of 0.1 · size/32, two at a tenth of that. The nets differ in their norm only; we tuned the rate for none. Beside them,
# the two-convolution net.

# %%
KINDS = {"batch norm": OverFeatures, "layer norm": LayerNorm,
         "group norm, G = 8": lambda width: GroupNorm(8, width)}


def small_batches(kind: str, size: int, seed: int = 0) -> tuple[float, float, float]:
    """Train in batches of `size`: the share of wrong answers on new digits, the last training loss,
    and the share that is wrong where all new digits are one batch, in training mode."""
    torch.manual_seed(seed)
    norm, seen, new = KINDS.get(kind), x_train[:1024], x_test
    if norm:
        net = nn.Sequential(nn.Linear(64, 64), norm(64), nn.ReLU(),
                            nn.Linear(64, 64), norm(64), nn.ReLU(), nn.Linear(64, 10))
    else:
        net, seen, new = conv_net(nn.BatchNorm2d, seed), images[:1024], new_images
    for lr, epochs in ((0.1, 4), (0.01, 2)):
        optimizer = torch.optim.SGD(net.parameters(), lr * size / 32)
        losses = fit(net, seen, y_train[:1024], optimizer, F.cross_entropy, epochs, size, seed)
    wrong = 1 - accuracy(net, new, y_test)
    together = net.train()(new).argmax(1) != y_test
    return wrong, losses[-1], together.float().mean().item()

# %% demo=true
with once_written("BatchNorm2d", "LayerNorm", "GroupNorm"):
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.4))
    for kind, mark in zip([*KINDS, "batch norm, two convolutions"], "so^D"):
        sizes = [32, 8, 4, 2] if kind in KINDS else [32, 2]
        wrong, losses, together = zip(*[small_batches(kind, size) for size in sizes])
        axes[0].plot(sizes, [100 * share for share in wrong], marker=mark, label=kind)
        axes[1].plot(sizes, losses, marker=mark)
        if kind == "batch norm":
            axes[0].plot([2], [100 * together[-1]], "x", color=plots.INK)
            axes[0].annotate("graded in\none batch", (2.8, 100 * together[-1]), ha="right",
                             va="top")
    for ax, name in zip(axes, ("wrong on new digits, %", "training loss, last epoch")):
        ax.set(xscale="log", xticks=[32, 8, 4, 2], xticklabels=[32, 8, 4, 2], xlabel="batch size",
               ylabel=name, ylim=(0, None))
        ax.minorticks_off()
        ax.invert_xaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
# Batch norm's training loss rises with every step to smaller batches; its error follows, a little if at all at 8 and 4.
# At 2 it is several times that of the other two: every feature of a digit becomes about +1 or −1, and which of the two
# depends on its neighbour. Are only the running statistics bad, made of so few samples? No: graded all in one batch, by
# that batch's own statistics, nearly as many are wrong. The net has learned little.
#
# Wu and He found a gap for ResNet-50 on ImageNet too: at 2 images per GPU, group norm's error was 10.6 percentage
# points below batch norm's. There, part of it lies in the statistics used for evaluation (Singh and Shrivastava
# 2019). In our two-convolution net, whose means are over 16 and 4 pixels of each digit too, nothing is lost at 2.
#
# For one feature vector alone $\hat x$ is 0, the output $\beta$ whatever came, and the unbiased variance 0/0. PyTorch
# refuses such a batch, usually an epoch's last.
#
# ## Folded away
#
# Once a model is trained its running statistics are constants, and batch norm in eval mode is a scale and a shift for
# each channel. The convolution before it is linear: it can take both into its own weights, and the batch norm is
# gone. With $s = \gamma / \sqrt{\sigma^2 + \epsilon}$,
#
# $$\gamma\,\frac{(W * x + b) - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta = W' * x + b'$$
#
# **Exercise.** Find $W'$ and $b'$, and write `fold_batch_norm`. The kernel is (out, in, height, width); batch norm
# has one entry for each output channel. A convolution without a bias has `None` there. Use the running statistics
# whatever the mode, keep stride, padding, padding mode, dilation, groups and dtype, and leave both originals alone.
# To put numbers into a layer, assign an `nn.Parameter(numbers)` (a bare tensor is refused), or write into the old one
# with `.copy_(numbers)`. `torch.nn.utils.fusion`, which does the whole, is off limits.

# %% exercise="fold_batch_norm"
@torch.no_grad()
def fold_batch_norm(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """A new convolution, with a bias, that gives what conv and then bn give in eval mode."""
    ### BEGIN SOLUTION
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    bias = torch.zeros_like(bn.bias) if conv.bias is None else conv.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1))
    folded.bias = nn.Parameter((bias - bn.running_mean) * scale + bn.bias)
    return folded
    ### END SOLUTION

# %% check="fold_batch_norm" points=4
check.fold_batch_norm(fold_batch_norm)

# %% [markdown]
# From here on we use torch's own `nn.BatchNorm2d`, so that tools that look for it can find it. Yours has the same
# names, so what it has learned loads into it.

# %%
with once_written("BatchNorm2d", "fold_batch_norm"):
    learned = trained(BatchNorm2d).state_dict()
    net = conv_net(nn.BatchNorm2d).eval()
    net.load_state_dict(learned, strict=False)  # torch's layer has a counter of batches besides
    first, second = fold_batch_norm(net[0], net[1]), fold_batch_norm(net[3], net[4])
    slim = nn.Sequential(first, net[2], second, *net[5:])
    difference = (slim(new_images) - net(new_images)).abs().max().item()
    print(f"{len(net)} layers, folded {len(slim)}")
    print(f"the logits differ by less than 0.001: {difference < 1e-3}")

# %% [markdown]
# ## Statistics that no longer fit
#
# Running statistics belong to the weights and the data they were collected with. Change either and they are wrong:
# average the weights of several moments of one run (Izmailov et al. 2018), or show the model images from another
# camera. The cure is cheap, for it takes no labels: run data through the model and collect the statistics anew. Ioffe
# and Szegedy took the *plain average* over batches after training; Wu and Johnson (2021) show where it beats the
# moving one. (Variances averaged so miss how the batches' means differ: shuffle, and take large batches.)
#
# Three tools. `model.modules()` visits every module at any depth. `nn.modules.batchnorm._BatchNorm` is what torch's
# batch norms have in common, so `isinstance` finds them all. A batch norm has `reset_running_stats()`, and with
# `momentum = None` it averages all batches equally since the last reset. (`torch.optim.swa_utils.update_bn` does
# nearly all of it, and is allowed; it gives every module the root's mode back.)
#
# **Exercise.** Write `recalibrate`. `batches` may be anything that can be gone through once; a batch is a tensor or a
# pair (x, y), which may be a tuple or a list. Every batch counts the same, whatever its size. Run the whole model in
# training mode or only its batch norms: here both are fine. Afterwards each module has its own mode and each batch
# norm its own momentum back, and no parameter has changed.

# %% exercise="recalibrate"
@torch.no_grad()
def recalibrate(model: nn.Module, batches) -> None:
    """Make every batch norm's running mean and (unbiased) variance plain averages over batches."""
    ### BEGIN SOLUTION
    modes = {module: module.training for module in model.modules()}
    norms = [module for module in modes if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in batches:
        model(batch[0] if isinstance(batch, (tuple, list)) else batch)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    for module, mode in modes.items():
        module.training = mode
    ### END SOLUTION

# %% check="recalibrate" points=4
check.recalibrate(recalibrate)

# %% [markdown]
# Three new cameras: one sees faint ink, one grey paper, one a negative. We show the net 512 of their images, without
# labels, and grade it on others.

# %%
CAMERAS = {"as trained": lambda x: x, "faint ink": lambda x: 0.25 * x,
           "grey paper": lambda x: 0.5 + 0.3 * x, "negative": lambda x: 1 - x}


def new_camera(net: nn.Module, camera: str) -> tuple[float, float]:
    """The accuracy on a camera's images, before and after recalibration on 512 others."""
    see, copied = CAMERAS[camera], copy.deepcopy(net)
    before = accuracy(copied, see(new_images), y_test)
    recalibrate(copied, see(images[:512]).split(64))
    return before, accuracy(copied, see(new_images), y_test)

# %% demo=true
with once_written("BatchNorm2d", "recalibrate"):
    net = trained(nn.BatchNorm2d)
    figure, ax = plt.subplots()
    scores = torch.tensor([new_camera(net, camera) for camera in CAMERAS])
    for k, label in enumerate(("before", "after recalibration")):
        bars = ax.bar(torch.arange(4) + 0.38 * k, 100 * scores[:, k], 0.34, label=label,
                      hatch="/" * k, edgecolor=plots.PAPER)
        ax.bar_label(bars, fmt="%.0f %%")
    ax.set(xticks=torch.arange(4) + 0.19, xticklabels=CAMERAS, ylabel="right, %", ylim=(0, 125),
           yticks=range(0, 101, 25))
    ax.legend(loc="upper center", ncols=2)

# %% [markdown]
# Faint ink and grey paper change every channel by a scale and a shift (but for the images' edges), and new statistics
# take them off again. Li et al. (2016) built a method for domain adaptation on it. The negative is beyond their
# reach: there edges change their sign, and no mean or variance mends that. It is even worse than guessing, for what
# spoke for a class speaks against it: the logits go against the original's (a correlation of about −0.5).
#
# ## Which one, when
#
# - **Batch norm** in convolutional nets for images, with batches of a few dozen or more. It costs nothing once folded,
#   and its noise regularises a little. Its price: two modes, and samples that depend on each other.
# - **Layer norm** (Vaswani et al. 2017) or **RMS norm** in Transformers. Texts are padded; a mean over positions lets
#   each see the tokens after it, which it is to predict; and text batches' statistics fluctuate, to which Shen et al.
#   (2020) trace batch norm's poor results there.
# - **Group norm** where images leave room for few samples only: detection, segmentation, video.
# - **Instance norm** where an image's own contrast should not matter, as in style transfer.
#
# None is a law of nature: Brock et al. (2021) trained ResNets that normalise no activations to what was then the best
# accuracy on ImageNet without extra data; they standardise the weights instead, and clip gradients.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A new batch norm with momentum 0.1 sees two batches in training mode. In one channel the first has mean 1,
# the second mean 3. What is its running mean then?

# %% question="review_running"
review_running = quiz.ask(check.review_running, 0.9 * 0.1 + 0.3)  # or a number

# %% check="review_running" points=1
check.review_running(review_running)

# %% [markdown]
# **2.** A colleague grades a net with batch norm and without dropout on the same 1000 photographs, in two different
# orders: 96.9 % and 96.1 % are right. Then she loads the net anew, calls `eval()`, and gets 88.0 %, twice. What is
# most likely?
#
# - a) There are too few photographs: such scores vary by chance.
# - b) `eval()` took the net back to weights from earlier in training.
# - c) She first graded in training mode, and the running statistics do not fit these photographs.
# - d) She first graded in training mode, and so trained the net on these photographs.

# %% question="review_company"
review_company = quiz.ask(check.review_company, "c")  # or one letter, in quotes

# %% check="review_company" points=1
check.review_company(review_company)

# %% [markdown]
# **3.** Activations have shape (8, 64, 4, 4): 8 images, 64 channels, 4×4 pixels. Order the norms by how many numbers
# each of their means is taken over, fewest first: a) batch norm, b) layer norm over (C, H, W), c) instance norm,
# d) group norm with 16 groups.

# %% question="review_numbers"
review_numbers = quiz.ask(check.review_numbers, "cdab")  # or four letters, in quotes

# %% check="review_numbers" points=1
check.review_numbers(review_numbers)

# %% [markdown]
# **4.** A language model learns to predict each next token, for all positions of a text at once. Why layer norm over
# each token's features, and not batch norm over (N, T)?
#
# - a) Layer norm has fewer parameters.
# - b) Batch norm's means would let a position see the tokens that it is to predict.
# - c) Batch norm's outputs do not have mean 0 and variance 1.
# - d) Gradients cannot flow through batch norm's statistics.

# %% question="review_sequence"
review_sequence = quiz.ask(check.review_sequence, "b")  # or one letter, in quotes

# %% check="review_sequence" points=1
check.review_sequence(review_sequence)

# %% [markdown]
# **5.** Before training, the weights of a layer right before a batch norm are multiplied by 10. By what must this
# layer's learning rate be multiplied, so that gradient descent goes through the same functions as before? (Leave
# $\epsilon$ aside.)
#
# - a) By 0.1.
# - b) By 1.
# - c) By 10.
# - d) By 100.

# %% question="review_scale"
review_scale = quiz.ask(check.review_scale, "d")  # or one letter, in quotes

# %% check="review_scale" points=1
check.review_scale(review_scale)

# %% [markdown]
# **6.** In your own words, 150 to 250 of them: compare batch norm and layer norm. Over what does each normalise, and
# what follows for training and inference? Describe a situation in which you would prefer each, and say why. Refer to
# what you measured above.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | axes | says over which axes each takes its mean and variance |
# | consequences | training and eval differ for batch norm (running statistics), not for layer norm, and why |
# | prefer batch norm | a situation, with a reason that follows from the axes or from folding |
# | prefer layer norm | a situation, with a reason that follows from the axes |
# | evidence | uses a figure of this lesson, with numbers read from it |

# %% [markdown] written="compare_norms" points=5
# ### BEGIN SOLUTION
# Batch norm takes the mean and the variance of each channel over the samples of the batch (and the pixels); layer
# norm takes them over the features of one sample, or of one token. Both then scale and shift by learned numbers.
#
# So with batch norm the samples of a batch depend on each other. In training that adds noise, which is said to
# regularise a little; at inference it is not wanted, so running statistics take the batch's place, and the two modes
# differ. Forgetting `eval()` took our net from 97 % to 83 % when digits came sorted by class. Layer norm finds its
# statistics in the sample itself: nothing is stored, and training and eval are the same.
#
# I would take batch norm for a convolutional classifier with batches of 64 or more: the statistics are then reliable,
# and it can be folded into the convolution, so that it costs nothing in use. I would take layer norm in a
# Transformer that predicts the next token: a mean over the positions of a text would tell each about the ones after
# it, padding would be mixed in, and the batch per device may be small. In our experiment with a batch size of 2 batch
# norm got more than a quarter of the new digits wrong, layer norm 4 %. Where images leave room for few samples, group
# norm is the better choice.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have written batch norm with its memory and its backward pass, and three norms that need no company. You can say
# over which axes each averages. You have seen batch norm bear rates and weights that the net without it could not,
# and computed a part of the reason; you have caught a forgotten `eval()`, ruined training with batches of two, folded a
# norm away, and mended statistics that no longer fitted. And you can say which norm you would choose, and why.
#
# [← 6 regularization](../06_regularization/06_regularization.ipynb) ·
# [8 residual networks →](../08_residual_networks/08_residual_networks.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Ba, Kiros, Hinton (2016). *Layer normalization.* arXiv:1607.06450.
# - Bjorck, Gomes, Selman, Weinberger (2018). *Understanding batch normalization.* NeurIPS. arXiv:1806.02375.
# - Brock, De, Smith, Simonyan (2021). *High-performance large-scale image recognition without normalization.* ICML.
#   arXiv:2102.06171.
# - Ioffe, Szegedy (2015). *Batch normalization: accelerating deep network training by reducing internal covariate
#   shift.* ICML. arXiv:1502.03167.
# - Izmailov, Podoprikhin, Garipov, Vetrov, Wilson (2018). *Averaging weights leads to wider optima and better
#   generalization.* UAI. arXiv:1803.05407.
# - Li, Wang, Shi, Liu, Hou (2016). *Revisiting batch normalization for practical domain adaptation.* arXiv:1603.04779.
# - Luo, Wang, Shao, Peng (2019). *Towards understanding regularization in batch normalization.* ICLR.
#   arXiv:1809.00846.
# - Santurkar, Tsipras, Ilyas, Madry (2018). *How does batch normalization help optimization?* NeurIPS.
#   arXiv:1805.11604.
# - Shen, Yao, Gholaminejad, Mahoney, Keutzer (2020). *PowerNorm: rethinking batch normalization in Transformers.*
#   ICML. PMLR 119.
# - Singh, Shrivastava (2019). *EvalNorm: estimating batch normalization statistics for evaluation.* ICCV.
#   arXiv:1904.06031.
# - Touvron and others (2023). *LLaMA: open and efficient foundation language models.* arXiv:2302.13971.
# - Ulyanov, Vedaldi, Lempitsky (2016). *Instance normalization: the missing ingredient for fast stylization.*
#   arXiv:1607.08022.
# - van Laarhoven (2017). *L2 regularization versus batch and weight normalization.* arXiv:1706.05350.
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017). *Attention is all you need.* NIPS.
#   arXiv:1706.03762.
# - Wu, He (2018). *Group normalization.* ECCV. arXiv:1803.08494.
# - Wu, Johnson (2021). *Rethinking "Batch" in BatchNorm.* arXiv:2105.07576.
# - Zhang, Sennrich (2019). *Root mean square layer normalization.* NeurIPS. arXiv:1910.07467.
