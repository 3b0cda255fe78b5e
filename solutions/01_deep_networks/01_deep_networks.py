# %% [markdown]
# # Layers, depth and how a network learns
#
# Lesson 1 · deep networks · about three hours
#
# [2 activations →](../02_activations/02_activations.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# Welcome. You will write every part of a neural network yourself, and below each part stands a check that says what
# holds already, what does not, and, if it knows your mistake, which one it is.
#
# You will be able to
#
# - build a deep network from matrix products and bends, and say what it costs;
# - write down, without any training, networks that follow a given curve, and a deep one that a shallow one matches
#   only with exponentially many units;
# - find gradients in three ways: by hand, with an engine of your own, with PyTorch's autograd;
# - train a network with a loop of your own, measure it honestly, and look at what it has learned.
#
# You need Python, some calculus and matrices, and nothing of PyTorch.

# %%
import math
from itertools import count
from time import perf_counter

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import deep_networks as check
from dlcourse.data import digits, spirals
from dlcourse.explorers import deep_networks as explore
from dlcourse.payoff import once_written

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# What makes a 3 a 3? It is hard to write down a rule for that. At the end of this lesson a network of yours, trained by
# your own loop, reads about 39 in 40 of those that it never saw, and you look at the pictures that its first layer
# looks for.

# %% demo=true
x_train, y_train, x_test, y_test = digits()
figure, ax = plt.subplots(figsize=(7, 1.6))
explore.pictures(x_train[:60].view(-1, 8, 8), columns=20, ax=ax)
plots.alt("Sixty handwritten digits of 8 by 8 grey pixels; most can be read at a glance.")
plt.show()

# %% [markdown]
# ## A layer
#
# PyTorch's `Tensor` is an array of numbers with a shape and a dtype. `x @ W` multiplies matrices, `W.T` transposes one
# (rows become columns), `x.sum(0)` sums over the first axis. A batch of $N$ samples with $D$ features each is a tensor
# of shape $(N, D)$: each *row* is a sample.
#
# A *linear layer* gives every output its own weighted sum of all inputs, plus a constant, the *bias*:
#
# $$y = x W^\top + b$$
#
# The rows of $W$ are the outputs' weights, so $W$ is (out, in). $b$ is (out,), and adding it to $(N, \text{out})$ adds
# it to each row. Weights and biases are the network's *parameters*: the numbers that learning will change.
#
# **Exercise.** Write `linear`. PyTorch's own is off limits: it is what you are building. Let x have further axes in
# front, as in (2, 3, in): the features are always the last one.

# %% exercise="linear"
def linear(x: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """x Wᵀ + b.  x (N, in) or (…, in), W (out, in), b (out,) → (N, out) or (…, out)."""
    ### BEGIN SOLUTION
    return x @ W.T + b
    ### END SOLUTION

# %% check="linear" points=2
check.linear(linear)

# %% [markdown]
# ## Layers on layers
#
# A deep network feeds each layer's output to the next, and puts an *activation* $\sigma$, a bend, between them:
#
# $$h_1 = \sigma(x W_1^\top + b_1), \quad h_2 = \sigma(h_1 W_2^\top + b_2), \quad \dots, \quad
# y = h_{n-1} W_n^\top + b_n$$
#
# What lies between input and output is *hidden*, and its entries are called *units*. The last layer has no bend: its
# outputs may be any number. A stack like this is a *multilayer perceptron*.
#
# **Exercise.** Write `mlp`. The activation is called between layers only: for a single layer not at all, and never on
# the last layer's output. Not even to throw the result away, since that is work for nothing; the calls are counted.
# `nn.Sequential`, PyTorch's way to chain layers, is off limits.

# %% exercise="mlp"
def mlp(x: torch.Tensor, layers: list, activation) -> torch.Tensor:
    """Each of the layers [(W, b), …] in turn, activation(z) between two; (N, in) → (N, out)."""
    ### BEGIN SOLUTION
    *hidden, last = layers
    for W, b in hidden:
        x = activation(linear(x, W, b))
    return linear(x, *last)
    ### END SOLUTION

# %% check="mlp" points=3
check.mlp(mlp)

# %% [markdown]
# The bend is not a detail. Without it two layers are one: $(x W_1^\top + b_1) W_2^\top + b_2 = x (W_2 W_1)^\top +
# (W_2 b_1 + b_2)$, again a matrix and a constant. So any stack collapses:

# %%
def collapse(layers: list) -> tuple[torch.Tensor, torch.Tensor]:
    """The one (W, b) that does what all the layers do when nothing stands between them."""
    W, b = layers[0]
    for next_W, next_b in layers[1:]:
        W, b = next_W @ W, next_W @ b + next_b
    return W, b


def random_layers(*widths: int, scale: float = 1.0, seed: int = 0) -> list:
    """Layers with normal biases and with normal weights times scale/√in, in float64."""
    g = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    return [(scale * normal(out, fan_in) / fan_in ** 0.5, normal(out))
            for fan_in, out in zip(widths, widths[1:])]

# %% demo=true
with once_written("linear", "mlp"):
    x = torch.linspace(-4, 4, 401, dtype=torch.float64)[:, None]
    figure, axes = plt.subplots(1, 2, sharex=True)
    bends = {"nothing between": lambda z: z, "max(0, z) between": torch.relu}
    for ax, (title, bend) in zip(axes, bends.items()):
        for depth in (1, 3, 9):
            layers = random_layers(1, *[16] * (depth - 1), 1, scale=2)
            y = mlp(x, layers, bend)
            ax.plot(x, y / y.abs().max(), label=f"{depth} layer{'s' * (depth > 1)}")
        ax.set(title=title, xlabel="x")
    axes[0].set_ylabel("output, scaled")
    axes[1].legend()
    straight = mlp(x, layers, lambda z: z)
    print("9 layers equal one:", torch.allclose(straight, linear(x, *collapse(layers))))

# %% [markdown]
# On the left every network, however deep, draws a straight line. On the right the bend is $\mathrm{ReLU}(z) = \max(0,
# z)$, the *rectified linear unit*; lesson 2 is about it and its relatives.
#
# ## Any curve, written down
#
# How much can bends do? One hidden layer is enough to follow any continuous curve on an interval, and you can write
# its weights down. A unit $\mathrm{ReLU}(x - x_i)$ is a *hinge*: flat, then rising from $x_i$ on. Sort the points
# $(x_1, y_1), \dots, (x_m, y_m)$ by $x$, let $s_i$ be the slope from point $i$ to the next, and $s_0 = 0$. Then
#
# $$f(x) = y_1 + \sum_{i=1}^{m-1} (s_i - s_{i-1})\, \mathrm{ReLU}(x - x_i)$$
#
# goes through all of them. Each hinge adds what the slope *changes* by, since those before it go on rising.
#
# **Exercise.** Write `hinge_interpolant`, which returns such a network as the four tensors of two layers. The points
# are distinct but in any order and unevenly spaced. Keep their dtype (`torch.ones_like` does). Outside of the points
# the network may do what it likes, and you may use as many hinges as you like. No training: PyTorch's gradients
# (autograd) and `torch.optim` are off limits.
#
# Tools: `t.sort()` gives two things, the sorted numbers and the order in which they stood, a tensor that other tensors
# can be indexed with. `t.diff()` is each entry but the first, less the one before it: one fewer than t has.
# `torch.cat([s, t])` joins two tensors. And `t[:, None]` makes a column, (m, 1), of (m,).

# %% exercise="hinge_interpolant"
def hinge_interpolant(xs: torch.Tensor, ys: torch.Tensor) -> tuple:
    """A one-hidden-layer ReLU network through every point, without training.

    xs (m,), ys (m,), m ≥ 2 → W1 (h, 1), b1 (h,), W2 (1, h), b2 (1,), for any number of hinges h
    """
    ### BEGIN SOLUTION
    xs, order = xs.sort()
    ys = ys[order]
    slopes = ys.diff() / xs.diff()
    changes = torch.cat([slopes[:1], slopes.diff()])
    knots = xs[:-1]
    return torch.ones_like(knots)[:, None], -knots, changes[None], ys[:1]
    ### END SOLUTION

# %% check="hinge_interpolant" points=4
check.hinge_interpolant(hinge_interpolant)

# %% [markdown]
# How good is it between the points? Calculus says that the chord between two points whose $x$ differ by $d$ leaves the
# curve by at most $\tfrac18 d^2 \max |f''|$. Twice the hinges, half the $d$, a quarter of the error: it falls as
# $1/\text{width}^2$.

# %%
def interpolation_error(hinges: int, f=torch.sin, end: float = 7.0) -> float:
    """The largest distance on [0, end] from f to the network of so many hinges, evenly spaced."""
    xs = torch.linspace(0, end, hinges + 1, dtype=torch.float64)
    W1, b1, W2, b2 = hinge_interpolant(xs, f(xs))
    x = torch.linspace(0, end, 20_001, dtype=torch.float64)[:, None]
    return (mlp(x, [(W1, b1), (W2, b2)], torch.relu) - f(x)).abs().max().item()

# %% demo=true
with once_written("linear", "mlp", "hinge_interpolant"):
    figure, axes = plt.subplots(1, 2)
    x = torch.linspace(0, 7, 500)
    axes[0].plot(x, x.sin(), color=plots.FAINT, linestyle="-", linewidth=6, label="sine")
    for hinges in (4, 9):
        xs = torch.linspace(0, 7, hinges + 1)
        W1, b1, W2, b2 = hinge_interpolant(xs, xs.sin())
        y = mlp(x[:, None], [(W1, b1), (W2, b2)], torch.relu)
        axes[0].plot(x, y, label=f"{hinges} hinges")
    axes[0].set(xlabel="x", ylabel="y", ylim=(-1.2, 2.2))
    axes[0].legend(ncols=3, fontsize=8, loc="upper center")
    widths = [4, 8, 16, 32, 64, 128, 256]
    errors = [interpolation_error(width) for width in widths]
    axes[1].loglog(widths, errors, marker="o", linestyle="none", label="largest error")
    axes[1].loglog(widths, [(7 / width) ** 2 / 8 for width in widths], label="d² / 8, the bound")
    axes[1].set(xlabel="hinges", xticks=widths[::2], xticklabels=widths[::2])
    axes[1].minorticks_off()
    axes[1].legend()

# %% [markdown]
# This is *universal approximation*, in one dimension. Cybenko (1989) and Hornik et al. (1989) proved it for any
# number of inputs and sigmoidal units, Leshno et al. (1993) for nearly every activation that is no polynomial. Depth
# can do it too: ReLU networks no wider than $d + 3$ units, but deep enough, come as close as you like to any continuous
# function of $d$ variables on a cube (Hanin 2019).
#
# Mind what it does not say: how wide or deep the network must be, that training would find the weights, or what
# happens outside the region. Choose the square root below: it is too steep at 0, and the $1/\text{width}^2$ is gone.

# %% demo=true
explore.hinges()

# %% [markdown]
# ## Depth beats width
#
# Some curves need a lot of hinges. Take the *tent map*, which goes up from 0 to 1 and down again:
#
# $$t(x) = 2\,\mathrm{ReLU}(x) - 4\,\mathrm{ReLU}(x - \tfrac12), \qquad 0 \le x \le 1$$
#
# Apply it to its own result, $t(t(x))$, and there are two tents; each further time doubles them. A saw with $2^k$
# straight pieces bends $2^k - 1$ times, and a hinge bends once: one hidden layer needs at least $2^k - 1$ units. A
# deep network only has to fold $k$ times.
#
# **Exercise.** Write `sawtooth_network`: the layers of a network that `mlp` with ReLU runs, at most 3 units in each
# hidden layer and one output, which applies $t$ `depth` times. A layer's W may mix the hinges of the layer below, so
# $t$ itself need not be a layer of its own; any number of layers will do. Write a matrix as a list of its rows:
# `torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])` is (3, 2).

# %% exercise="sawtooth_network"
def sawtooth_network(depth: int) -> list:
    """[(W, b), …] of a ReLU network that applies the tent map `depth` ≥ 1 times on [0, 1].

    Every layer but the last has at most 3 outputs, the last has 1.
    """
    ### BEGIN SOLUTION
    tent, kinks = torch.tensor([[2.0, -4.0]]), torch.tensor([0.0, -0.5])
    first = torch.ones(2, 1), kinks
    between = tent.repeat(2, 1), kinks  # both units need the last tent; one of them is shifted by ½
    last = tent, torch.zeros(1)
    return [first, *[between] * (depth - 1), last]
    ### END SOLUTION

# %% check="sawtooth_network" points=4
check.sawtooth_network(sawtooth_network)

# %%
def shallow_twin(depth: int) -> list:
    """One hidden layer that does the same as sawtooth_network(depth), by your hinges."""
    corners = torch.linspace(0, 1, 2 ** depth + 1)
    heights = torch.arange(2 ** depth + 1) % 2 * 1.0
    W1, b1, W2, b2 = hinge_interpolant(corners, heights)
    return [(W1, b1), (W2, b2)]


def hidden_units(layers: list) -> int:
    """How many hidden units a network has."""
    return sum(len(b) for _, b in layers[:-1])

# %% demo=true
with once_written("linear", "mlp", "hinge_interpolant", "sawtooth_network"):
    figure, axes = plt.subplots(1, 2)
    x = torch.linspace(0, 1, 1025)[:, None]
    for shift, depth in enumerate((1, 3, 5)):
        y = mlp(x, sawtooth_network(depth), torch.relu)
        axes[0].plot(x, y + 1.3 * shift, linestyle="-", linewidth=1.3)
    axes[0].set(yticks=[0.5, 1.8, 3.1], yticklabels=[1, 3, 5], ylabel="times applied", xlabel="x")
    depths = range(1, 11)
    for build, marker in ((shallow_twin, "o"), (sawtooth_network, "s")):
        units = [hidden_units(build(depth)) for depth in depths]
        axes[1].semilogy(depths, units, marker=marker, label=build.__name__)
    axes[1].minorticks_off()
    axes[1].set(xlabel="times applied", title="hidden units that do the same")
    axes[1].legend()

# %% [markdown]
# Ten folds: 20 units when deep (29 if each tent has a layer of its own), 1024 when shallow. Telgarsky (2015) made this
# an argument about classifiers. It shows that depth *can* save exponentially many units, for functions made by folding.
# Whether photographs and sentences are such functions nobody has proved; that deep networks do well on them is an
# observation.
#
# ## What a network costs
#
# A layer from $n$ to $m$ units has $mn$ weights and $m$ biases. For each sample each weight is used in one
# multiplication and one addition. These *floating-point operations*, FLOPs, are how computation is counted:
#
# $$\mathrm{FLOPs} = 2\,N \sum_{\text{layers}} mn$$
#
# Biases and activations are few beside them and by convention not counted. Layers may do without biases:
# `bias=False` is such a network.
#
# **Exercise.** Write `network_cost`. The widths are [in, …, out]: two of them are one layer. `batch_size` is $N$. Give
# back two ints.

# %% exercise="network_cost"
def network_cost(widths: list[int], batch_size: int, bias: bool = True) -> tuple[int, int]:
    """(number of parameters, FLOPs of a forward pass); a multiply-add counts 2."""
    ### BEGIN SOLUTION
    layers = list(zip(widths, widths[1:]))
    weights = sum(fan_in * fan_out for fan_in, fan_out in layers)
    biases = sum(fan_out for _, fan_out in layers) if bias else 0
    return weights + biases, 2 * batch_size * weights
    ### END SOLUTION

# %% check="network_cost" points=2
check.network_cost(network_cost)

# %% [markdown]
# With a capital S, *FLOPS* are FLOPs *per second*: the speed of a machine, or the part of it that you use. Using a
# trained network to predict is called *inference*, and its speed in samples per second is the *throughput*. Measure
# both on this machine, for a network of widths 64, 256, 256, 10. A *batch* is a number of samples that go through at
# once.

# %%
def throughput(batch_size: int, widths=(64, 256, 256, 10), seconds: float = 0.05) -> float:
    """Samples per second that mlp takes through random layers of these widths, in float32."""
    layers = [(W.float(), b.float()) for W, b in random_layers(*widths)]
    x = torch.ones(batch_size, widths[0])
    mlp(x, layers, torch.relu)  # the first call has more to set up
    calls, start = 0, perf_counter()
    while perf_counter() - start < seconds:
        mlp(x, layers, torch.relu)
        calls += 1
    return calls * batch_size / (perf_counter() - start)

# %%
with once_written("linear", "mlp", "network_cost"):
    speeds = {batch_size: throughput(batch_size) for batch_size in (1, 16, 256)}
    _, flops = network_cost([64, 256, 256, 10], batch_size=1)
    faster = speeds[256] > 2 * speeds[1]
    print("With batches of 256 the throughput is more than twice that of single samples:", faster)

# %%
# The numbers are your machine's, so none are printed here. Have a look: print(speeds)
# And in FLOPS: print({batch_size: speed * flops for batch_size, speed in speeds.items()})

# %% [markdown]
# Up to a point, a larger batch has a higher throughput: each call's overhead is shared, and in networks too big for
# the cache each weight is fetched once for many samples. Graphics processors do many multiply-adds at once; with two
# of them Krizhevsky et al. (2012) could train *AlexNet*, a network of 60 million parameters. A variant of it won the
# ImageNet competition that year with 15.3 % errors (right answer not among its five guesses), against 26.2 % for the
# next best, and deep learning took off.
#
# ## Learning is going downhill
#
# So far you chose the weights. To *learn* them, measure how wrong the network is by one number, the *loss* $L$, and
# ask for each weight: if it grew a little, by how much would $L$ change? That is $\partial L / \partial w$. All of
# them together are the *gradient*, which points uphill, so step the other way:
#
# $$w \leftarrow w - \eta\, \frac{\partial L}{\partial w}$$
#
# The step size $\eta$ is the *learning rate*. The question is how to find millions of derivatives at once. The answer
# is *backpropagation*, made known for networks by Rumelhart et al. (1986): the chain rule, applied from the loss
# backward, so that what one layer has worked out serves all the layers below it. You meet it three times, and build
# it twice.
#
# ## First time: one layer, by hand
#
# Say that $G = \partial L / \partial y$, of shape $(N, \text{out})$, has arrived at the output of $y = x W^\top + b$.
# Write out $y_{nj} = \sum_i x_{ni} W_{ji} + b_j$ and collect, for each number, all the ways in which it reaches the
# loss:
#
# $$\frac{\partial L}{\partial x_{ni}} = \sum_j G_{nj} W_{ji}, \qquad
# \frac{\partial L}{\partial W_{ji}} = \sum_n G_{nj}\, x_{ni}, \qquad
# \frac{\partial L}{\partial b_j} = \sum_n G_{nj}$$
#
# **Exercise.** Turn these sums into matrix products. Each gradient has the shape of what it belongs to; nothing is
# divided by $N$. Autograd, PyTorch's own backpropagation, is off limits until you have built two.

# %% exercise="linear_backward"
def linear_backward(x: torch.Tensor, W: torch.Tensor, grad_out: torch.Tensor) -> tuple:
    """The chain rule through y = x Wᵀ + b: (grad_x, grad_W, grad_b).

    x (N, in), W (out, in), grad_out (N, out) → (N, in), (out, in), (out,)
    """
    ### BEGIN SOLUTION
    return grad_out @ W, grad_out.T @ x, grad_out.sum(0)
    ### END SOLUTION

# %% check="linear_backward" points=3
check.linear_backward(linear_backward)

# %% [markdown]
# `grad_x` is what makes it go deep: it is the `grad_out` of the layer below, once the bend has let through what it
# lets through (for ReLU: where $z > 0$). Here are two layers, trained on a sine by nothing but your function. The
# loss is the mean square error, $\frac1N \sum (y - t)^2$, with slope $\frac2N (y - t)$.

# %%
def two_layers_backward(x, layers, t) -> list:
    """The gradients of mean((mlp(x) − t)²) for [(W1, b1), (W2, b2)]; x (N, in), t (N, 1)."""
    (W1, b1), (W2, b2) = layers
    z = linear(x, W1, b1)
    h = z.clamp(min=0)
    y = linear(h, W2, b2)
    grad_y = 2 * (y - t) / len(x)
    grad_h, grad_W2, grad_b2 = linear_backward(h, W2, grad_y)
    _, grad_W1, grad_b1 = linear_backward(x, W1, grad_h * (z > 0))
    return [(grad_W1, grad_b1), (grad_W2, grad_b2)]


def fit_by_hand(x, t, steps: int, lr: float = 0.01, seed: int = 0) -> list:
    """Gradient descent on two layers with 32 hidden units."""
    layers = random_layers(x.shape[1], 32, t.shape[1], seed=seed)
    for _ in range(steps):
        grads = two_layers_backward(x, layers, t)
        layers = [(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(layers, grads)]
    return layers

# %% demo=true
with once_written("linear", "mlp", "linear_backward"):
    x = torch.linspace(-3, 3, 100, dtype=torch.float64)[:, None]
    figure, ax = plt.subplots()
    ax.plot(x, x.sin(), color=plots.FAINT, linestyle="-", linewidth=6, label="sine")
    for steps in (0, 100, 5000):
        ax.plot(x, mlp(x, fit_by_hand(x, x.sin(), steps), torch.relu), label=f"{steps} steps")
    ax.set(xlabel="x", ylabel="y", ylim=(-2.5, 2.5))
    ax.legend()
    plt.show()

# %% [markdown]
# ## Second time: an engine for numbers
#
# Working out a backward function for each kind of network would be tiresome. But every computation is made of a few
# operations, and each of these has a simple slope. So let each number remember what it was made of, its *parents*,
# and the slope for each of them. Nodes and parents together are the *computational graph*; a deep network is one, with
# parameters in it. Here is the skeleton, with sums and products done; the other operators follow from them by Python's
# rules (`2 - a` asks for `a.__rsub__(2)`).

# %%
class Node:
    """A number, the nodes that it was made of, and its slope for each of them."""

    births = count()

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.parents, self.slopes = data, parents, slopes
        self.grad, self.born = 0.0, next(Node.births)

    def lift(self, other):  # a plain number becomes a node
        return other if isinstance(other, Node) else type(self)(other)

    def __add__(self, other):
        other = self.lift(other)
        return type(self)(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = self.lift(other)
        return type(self)(self.data * other.data, (self, other), (other.data, self.data))

# %%
class Arithmetic(Node):
    """All that follows from +, · and **: the other operators, with numbers on either side."""

    def __neg__(self): return self * -1
    def __sub__(self, other): return self + -other
    def __truediv__(self, other): return self * other ** -1
    def __radd__(self, other): return self + other
    def __rmul__(self, other): return self * other
    def __rsub__(self, other): return -self + other
    def __rtruediv__(self, other): return self ** -1 * other

# %% [markdown]
# Backward, then, is bookkeeping. The result's slope for itself is 1. A node passes what has arrived at it on to each
# parent, times the slope, and where several paths meet their contributions add up:
#
# $$\frac{\partial L}{\partial p} = \sum_{\text{children } c \text{ of } p}
# \frac{\partial L}{\partial c} \cdot \frac{\partial c}{\partial p}$$
#
# By hand, for $a = 2$, $b = 3$ and $L = ab + a$: call the product $c$. L's slope for itself is 1. L passes 1 on to $c$
# and 1 to $a$, its parents. Then $c$ passes on what it has times the other factor: 1 · 3 to $a$, 1 · 2 to $b$. So
# $\partial L / \partial a = 1 + 3 = 4$ and $\partial L / \partial b = 2$.
#
# A node may only pass on when *all* of it has arrived, so children go before parents. A node is always born after its
# parents: the `born` of the skeleton numbers all nodes in order. A `backward` that calls itself for each parent would
# end in Python's recursion limit, at about a thousand: loop over a list of nodes still to visit instead. And do not
# look through all waiting nodes for the youngest at every step, or large graphs take forever: put them in order once.
#
# `.grad` may still hold what an earlier `backward` added, so keep what arrives now apart from it, and add it at the
# end.
#
# **Exercise.** Complete `Value`: powers with a plain number as exponent, ReLU, exp and log, each a new `Value` with
# its parents and slopes; and `backward()`, which *adds* $\partial\,\text{self} / \partial\,\text{node}$ to the
# `.grad` of every node below, a 10 000-node chain included. When all `.grad` have been set to 0 it gives the same
# again. No torch, just floats.

# %% exercise="Value"
class Value(Arithmetic):
    """A number that knows its slope with respect to everything that it was made of."""

    def __pow__(self, power):
        ### BEGIN SOLUTION
        return Value(self.data ** power, (self,), (power * self.data ** (power - 1),))
        ### END SOLUTION
    def relu(self):
        ### BEGIN SOLUTION
        return Value(max(0.0, self.data), (self,), (float(self.data > 0),))
        ### END SOLUTION
    def exp(self):
        ### BEGIN SOLUTION
        return Value(math.exp(self.data), (self,), (math.exp(self.data),))
        ### END SOLUTION
    def log(self):
        ### BEGIN SOLUTION
        return Value(math.log(self.data), (self,), (1 / self.data,))
        ### END SOLUTION

    def backward(self):
        ### BEGIN SOLUTION
        below, to_visit = {self}, [self]
        while to_visit:
            to_visit += (new := set(to_visit.pop().parents) - below)
            below |= new
        arrived = {node: 0.0 for node in below} | {self: 1.0}
        for node in sorted(below, key=lambda node: -node.born):  # children before parents
            node.grad += arrived[node]
            for parent, slope in zip(node.parents, node.slopes):
                arrived[parent] += slope * arrived[node]
        ### END SOLUTION

# %% check="Value" points=5
check.Value(Value)

# %% [markdown]
# That is a deep-learning framework, if a slow one. It trains a network of 8 hidden units on 16 points of a sine,
# number by number, with no line about the network's gradient.

# %%
def scalar_net(x: float, weights: list) -> Value:
    """Eight hinges: the sum of v · relu(w · x + b) over the (w, b, v) of the weights."""
    return sum((v * (w * x + b).relu() for w, b, v in weights), start=Value(0.0))


def train_scalars(steps: int, lr: float = 0.1, seed: int = 0) -> tuple[list, list[float]]:
    """Gradient descent on Values; returns the weights and the loss of each step."""
    start = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)).tolist()
    weights = [[Value(number) for number in unit] for unit in start]
    points, losses = torch.linspace(-3, 3, 16).tolist(), []
    for _ in range(steps):
        loss = sum((scalar_net(x, weights) - math.sin(x)) ** 2 for x in points) / 16
        loss.backward()
        losses.append(loss.data)
        for parameter in [number for unit in weights for number in unit]:
            parameter.data -= lr * parameter.grad
            parameter.grad = 0.0  # the next backward would add to it
    return weights, losses

# %% demo=true
with once_written("Value"):
    weights, losses = train_scalars(200)
    figure, axes = plt.subplots(1, 2)
    axes[0].semilogy(range(1, len(losses) + 1), losses)
    axes[0].set(xlabel="step", title="loss")
    x = torch.linspace(-3, 3, 60)
    axes[1].plot(x, x.sin(), color=plots.FAINT, linestyle="-", linewidth=6)
    axes[1].plot(x, [scalar_net(at, weights).data for at in x.tolist()])
    axes[1].set(title="sine, and the network", xlabel="x")

# %% [markdown]
# The humps in the loss are steps that were too long for where they were taken (lesson 4): with half the learning rate
# there are none, and in as many steps it comes less far down.
#
# One backward pass gives the slopes for *all* parameters and passes on from each node once, so it costs a small
# multiple of the forward pass. Nudging the parameters one at a time would need a forward pass for each. This is
# *reverse-mode automatic differentiation*; Linnainmaa described it in 1970, without networks.
#
# ## Third time: autograd
#
# PyTorch's engine works like yours, with whole tensors as nodes. A tensor made with `requires_grad=True` has its uses
# recorded; `loss.backward()` adds slopes to `.grad`; `with torch.no_grad():` switches recording off. And
# `float(loss)`, or `loss.item()`, takes the number out and leaves the graph behind.

# %%
with once_written("Value"):
    for number in (Value, lambda data: torch.tensor(data, requires_grad=True)):
        a, b = number(2.0), number(3.0)
        loss = (a * b + a).log() - a.exp() / b
        loss.backward()
        print(f"slopes {float(a.grad):.4f} and {float(b.grad):.4f}")

# %%
with once_written("linear", "mlp", "linear_backward"):
    x = torch.linspace(-3, 3, 100, dtype=torch.float64)[:, None]
    layers = random_layers(1, 32, 1)
    by_hand = two_layers_backward(x, layers, x.sin())
    for tensor in sum(layers, ()):
        tensor.requires_grad_()
    (mlp(x, layers, torch.relu) - x.sin()).square().mean().backward()
    pairs = zip(sum(layers, ()), sum(by_hand, ()))
    print("by hand as by autograd:", all(torch.allclose(t.grad, grad) for t, grad in pairs))

# %% [markdown]
# Three times the same gradients, each with less to write for the next network: the last time a single word.
#
# ## A good start
#
# Gradient descent has to start somewhere. If all weights were equal, all units of a layer would stay alike, so they
# are drawn at random. Their size matters: a layer sums fan-in products (the *fan-in* is the number of inputs), and
# ReLU then removes half of the signal's mean square. What keeps the signal's size, layer after layer, is (He et al.
# 2015)
#
# $$w \sim \mathcal N(0, \sigma^2), \qquad \sigma^2 = \frac{2}{\text{fan-in}}$$
#
# where $\sigma$ is a standard deviation, and no activation this time.
#
# Random numbers come from a `torch.Generator`: the same state, the same numbers, so that an experiment can be
# repeated. `torch.randn` draws standard normal ones, from the generator that it is given as `generator=`.
#
# **Exercise.** Write `kaiming_normal`, with all randomness from the generator: a second call goes on from where the
# first left it, and PyTorch's global random state stays as it was. Its own initial weights, `nn.init`, are off limits.

# %% exercise="kaiming_normal"
def kaiming_normal(fan_out: int, fan_in: int, generator: torch.Generator) -> torch.Tensor:
    """A weight (fan_out, fan_in), float32, drawn from N(0, 2 / fan_in)."""
    ### BEGIN SOLUTION
    return math.sqrt(2 / fan_in) * torch.randn(fan_out, fan_in, generator=generator)
    ### END SOLUTION

# %% check="kaiming_normal" points=2
check.kaiming_normal(kaiming_normal)

# %%
def signal_sizes(scale: float, depth: int = 50, width: int = 256, seed: int = 0) -> list[float]:
    """The root mean square after each ReLU layer; your weights times `scale`, normal input."""
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(64, width, generator=generator)
    sizes = []
    for _ in range(depth):
        h = (h @ (scale * kaiming_normal(width, width, generator)).T).clamp(min=0)
        sizes.append(h.square().mean().sqrt().item())
    return sizes

# %% demo=true
with once_written("kaiming_normal"):
    figure, ax = plt.subplots()
    for scale in (1.4, 1.0, 0.7):
        plots.through_depth(signal_sizes(scale), ax, label=f"your weights × {scale}")
    ax.set(ylabel="size of the signal")
    ax.legend()
    plt.show()

# %% [markdown]
# ## The loop
#
# A training set is gone through in *batches*; the number of samples in one is the *batch size*. Each batch makes one
# step of gradient descent, from a gradient that is rough but cheap. One pass through all of the data is an *epoch*.
#
# PyTorch keeps parameters in an `nn.Module`, a *model*: `nn.Linear(in, out)` is your `linear` with its W and b, and
# `nn.Sequential(…)` chains modules. An *optimizer* such as `torch.optim.SGD` holds the parameters:
# `optimizer.zero_grad()` clears their `.grad`, and `optimizer.step()` subtracts `lr` times it. A model has two modes,
# `model.train()` and `model.eval()`, since some layers behave differently when training (dropout, batch
# normalization: lessons 6 and 7). And `model(x)` runs it on a batch.
#
# **Exercise.** Write `train`. Your loop may be handed a model in either mode, with old gradients in it, and a last
# batch that is smaller. The loss of an epoch is the mean over its *samples*, each batch's loss as the forward pass gave
# it, before the step.
# `loss_fn` gives the mean over a batch. Keep no loss tensor for longer than its batch: it holds on to its whole graph.

# %% exercise="train"
def train(model, batches, optimizer, loss_fn, epochs: int) -> list[float]:
    """Train the model in place, one step per batch; return one mean loss per epoch.

    batches       gives pairs (x, y) each time it is gone through
    loss_fn       loss_fn(prediction, target) is a scalar tensor, the mean over a batch
    """
    ### BEGIN SOLUTION
    model.train()
    losses = []
    for _ in range(epochs):
        total, samples = 0.0, 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total, samples = total + loss.item() * len(x), samples + len(x)
        losses.append(total / samples)
    return losses
    ### END SOLUTION

# %% check="train" points=5
check.train(train)

# %% [markdown]
# A falling loss says that the network fits what it has seen. What counts is what it has not. For a classifier with an
# output for each class, the guess is the class with the largest output (`argmax`), and the *accuracy* is the share of
# right guesses.
#
# **Exercise.** Write `evaluate`: in eval mode and without recording gradients; afterwards the model is back in the
# mode in which it came. `model.training` says which it is, True or False, and `model.train(mode)` takes either.

# %% exercise="evaluate"
def evaluate(model, batches) -> float:
    """The share of samples, in [0, 1], whose largest output (N, classes) is at the label y (N,)."""
    ### BEGIN SOLUTION
    was_training = model.training
    model.eval()
    right = samples = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            samples += len(y)
    model.train(was_training)
    return right / samples
    ### END SOLUTION

# %% check="evaluate" points=3
check.evaluate(evaluate)

# %% [markdown]
# ## Reading digits
#
# All your parts together: 64 pixels, two hidden layers of 64 units, ten outputs. The loss is *cross-entropy*, the
# negative logarithm of the probability given to the right class (lesson 3). Of the 1797 digits, 360 are held out.
# For comparison, a network with one hidden layer, and one layer with no bend. All have the learning rate 0.3: of
# 0.03, 0.1, 0.3 and 1 it gives the deepest of them the smallest training loss, on average over three seeds.

# %%
class Shuffled:
    """Batches of (x, y), in a new order each time they are gone through."""

    def __init__(self, x, y, batch_size: int = 64, seed: int = 0):
        self.x, self.y, self.batch_size = x, y, batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self):
        order = torch.randperm(len(self.x), generator=self.generator)
        for chosen in order.split(self.batch_size):
            yield self.x[chosen], self.y[chosen]

# %%
def network(widths: list[int], seed: int = 0) -> nn.Sequential:
    """Linear layers of these widths with your initial weights, ReLU between them."""
    generator = torch.Generator().manual_seed(seed)
    modules = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layer = nn.Linear(fan_in, fan_out)
        layer.weight.data = kaiming_normal(fan_out, fan_in, generator)
        layer.bias.data.zero_()
        modules += [layer, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def read_digits(widths: list[int], seed: int = 0, epochs: int = 30, lr: float = 0.3) -> tuple:
    """Train on digits: the model, its losses, its accuracy on digits held out."""
    x_train, y_train, x_test, y_test = digits(seed=seed)
    model = network(widths, seed)
    optimizer = torch.optim.SGD(model.parameters(), lr)
    losses = train(model, Shuffled(x_train, y_train, seed=seed), optimizer, F.cross_entropy, epochs)
    return model, losses, evaluate(model, [(x_test, y_test)])

# %% demo=true
with once_written("kaiming_normal", "train", "evaluate"):
    figure, ax = plt.subplots()
    for widths in ([64, 10], [64, 64, 10], [64, 64, 64, 10]):
        model, losses, accuracy = read_digits(widths)
        name = "–".join(map(str, widths))
        plots.losses(losses, ax, label=f"{name}: {accuracy:.1%} of new digits right")
    ax.set(yscale="log")
    ax.legend()
    plt.show()

# %% [markdown]
# One layer does well already: these digits are small and centred. After the same 30 epochs two hidden layers do better
# on new digits, by 6 of 360 here, and the loss is an order of magnitude lower. Part of the lead is speed: given 150
# epochs, one layer makes up some of it, 4 of the 6 here. And a single hidden layer does about as well as two; digits
# this small need no depth.
#
# Part of the low loss is memory: on the digits it was trained on, the network with two hidden layers makes no mistake
# at all, on new ones a few (lesson 6 is about the gap). Here are those that it got wrong, and below each its guess,
# then the label.

# %% demo=true
with once_written("kaiming_normal", "train", "evaluate"):
    model, _, _ = read_digits([64, 64, 64, 10])
    guesses = model(x_test).argmax(1)
    print(f"right of the digits it was trained on: {evaluate(model, [(x_train, y_train)]):.1%}")
    wrong = (guesses != y_test).nonzero().flatten()
    figure, ax = plt.subplots(figsize=(7, 1.2))
    explore.pictures(x_test[wrong].view(-1, 8, 8), columns=len(wrong), ax=ax)
    for number, index in enumerate(wrong):
        ax.annotate(f"{guesses[index]}, not {y_test[index]}", (9 * number + 3.5, 10),
                    ha="center", fontsize=8, annotation_clip=False)
    plt.show()

# %% [markdown]
# ## What the first layer looks for
#
# Each unit of the first layer has 64 weights, one for each pixel, so they make a picture: ink on violet speaks for
# the unit, ink on orange against it.

# %% demo=true
with once_written("kaiming_normal", "train", "evaluate"):
    trained = read_digits([64, 64, 64, 10])[0][0].weight
    change = trained - network([64, 64, 64, 10])[0].weight
    order = change.norm(dim=1).argsort(descending=True)
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 4))
    for ax, weights, title in zip(axes, (trained, change), ("trained", "what training changed")):
        explore.pictures(weights[order].view(-1, 8, 8), columns=8, ax=ax, signed=True)
        ax.set_title(title)
    explore.for_and_against(figure)
    plots.alt("The weights of 64 units, each a picture of 8 by 8 pixels, those first that training"
              " changed most. Left, as trained: much noise. Right, what training changed: smooth "
              "patches.")
    plt.show()

# %% [markdown]
# The 64 units stand in the order of how much training changed them. On the left much is noise: it is what the weights
# were drawn as. Where there is hardly ever ink, in the outermost columns, the gradient is nearly 0 and the noise has
# stayed. The change, on the right, is smoother: neighbouring pixels go together. Some of that is the digits' doing,
# since each change is a sum of images; with shuffled labels it happens too, but less. Look at the first ones: a patch
# of violet beside a patch of orange asks for ink here and none there. That looks more like pieces of strokes than like
# whole digits. The last three have hardly changed, and the very last not at all. With the weights it was drawn with it
# is off for every digit, so no gradient reaches it: a *dead* unit (lesson 2).
#
# Do such features help? Sort new digits in the simplest way, by the nearest class mean, in the pixels and in what
# each hidden layer makes of them:

# %%
def nearest_mean(layer, x_train, y_train, x_test, y_test) -> float:
    """The share of test digits whose nearest class mean, in layer(x), is that of their class."""
    with torch.no_grad():
        train_features, test_features = layer(x_train), layer(x_test)
    means = torch.stack([train_features[y_train == k].mean(0) for k in range(10)])
    return (torch.cdist(test_features, means).argmin(1) == y_test).double().mean().item()

# %% demo=true
with once_written("kaiming_normal", "train", "evaluate"):
    figure, ax = plt.subplots(figsize=(7, 2.6))
    trained, _, _ = read_digits([64, 64, 64, 10])
    for name, net in {"trained": trained, "initial weights": network([64, 64, 64, 10])}.items():
        shares = [nearest_mean(net[:end], *digits()) for end in (0, 2, 4)]
        ax.plot(["pixels", "hidden layer 1", "hidden layer 2"], shares, marker="o", label=name)
    ax.set(ylabel="nearest mean is right")
    ax.legend()
    plt.show()

# %% [markdown]
# Nothing but labels told the network what to make of pixels. Yet after each trained layer the nearest mean is right
# more often than in the pixels; with random weights it is right less often. A layer's output
# is a *representation* of the input, and finding a useful one by training is *representation learning* (Bengio et al.
# 2013). With depth it can become *hierarchical*: in convolutional networks trained on photographs, first layers
# respond to edges and colours, middle ones to textures and parts, the last to whole objects (Zeiler and Fergus 2014).
# Two small layers on 64 pixels are no proof of that.
#
# *Automatic feature learning*, with nobody designing features, is the great strength of deep learning. Two spirals
# show it in miniature. For a straight line they are nearly hopeless. A person who sees the spiral can hand-craft a
# feature, the angle minus what the radius predicts, and then a straight line does it. A network finds features of its
# own.

# %%
def unwound(x: torch.Tensor) -> torch.Tensor:
    """A feature by a person who looked: the direction, turned back by the spiral's turns."""
    angle = torch.atan2(x[:, 1], x[:, 0]) - 3 * math.pi * x.norm(dim=1)
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def spiral_race(seed: int = 0) -> dict[str, float]:
    """Accuracy on new points of a line, a line on hand-made features, a network, by Adam."""
    x, y = spirals(400, seed=seed)
    x_new, y_new = spirals(1000, seed=seed + 100)
    shares = {}
    for name, widths, features in (("line", [2, 2], lambda x: x),
                                   ("line,\nhand-made", [2, 2], unwound),
                                   ("network,\n2 × 32 hidden", [2, 32, 32, 2], lambda x: x)):
        model = network(widths, seed)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        train(model, Shuffled(features(x), y, seed=seed), optimizer, F.cross_entropy, 60)
        shares[name] = evaluate(model, [(features(x_new), y_new)])
    return shares

# %% demo=true
with once_written("kaiming_normal", "train", "evaluate"):
    figure, axes = plt.subplots(1, 2)
    x, y = spirals(400)
    for label, marker in zip(range(2), "os"):
        axes[0].scatter(*x[y == label].T, s=8, marker=marker, color=plots.COLOURS[label])
    shares = spiral_race()
    axes[0].set(title="two spirals", aspect="equal", xticks=[], yticks=[])
    bars = axes[1].bar(shares.keys(), [100 * share for share in shares.values()], width=0.6)
    axes[1].bar_label(bars, fmt="%.0f %%")
    axes[1].set(title="right on new points, %", ylim=(0, 115))

# %% [markdown]
# How does it do that? It bends the plane until one straight cut is enough. On the left is the plane and how a trained
# net divides it, on the right the same points and a grid as its last hidden layer sees them; the cut is the dotted
# line. Which widths and depths suffice? What does the grid look like without an activation?

# %% demo=true
explore.warp()

# %% [markdown]
# ## Where it wins, and where not
#
# Deep learning has changed some sciences. It predicts the structures of proteins (Jumper et al. 2021) and the weather
# of the next ten days (Lam et al. 2023), stands in for a part of climate models (Rasp et al. 2018), and proposes new
# antibiotics (Stokes et al. 2020) and crystals (Merchant et al. 2023) to test.
#
# In recognising what is seen, heard or written it has raised the best results by far (LeCun et al. 2015), and in
# making pictures (lesson 9) and text (lesson 8). It does not win everywhere: on tables of about ten thousand rows,
# ensembles of decision trees were still ahead in a large comparison (Grinsztajn et al. 2022). Such claims have a date:
# since then a paper reports the lead on small ones for a network trained on millions of made-up tables (Hollmann et
# al. 2025).
#
# Here are 442 patients with diabetes, ten numbers about each (age, blood pressure, …), and
# how far the disease had progressed a year later (Efron et al. 2004). A linear model by least squares against a
# network with two hidden layers of 32, trained for 10 and for 100 epochs. What is measured is $R^2$, the share of the
# variance that is predicted, on the patients it was fitted to and on 110 held out.

# %%
def diabetes_race(epochs: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """R² on training and on new patients, of a linear model and of a network."""
    from sklearn.datasets import load_diabetes
    x, y = (torch.tensor(part, dtype=torch.float32) for part in load_diabetes(return_X_y=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    new, known = order[:110], order[110:]
    x, y = x / x[known].std(0), ((y - y[known].mean()) / y[known].std())[:, None]
    with_one = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    linear_model = with_one @ torch.linalg.lstsq(with_one[known], y[known]).solution
    net = network([10, 32, 32, 1], seed)
    optimizer = torch.optim.SGD(net.parameters(), 0.03)
    train(net, Shuffled(x[known], y[known], 32, seed), optimizer, F.mse_loss, epochs)
    r2 = lambda p, who: 1 - ((p - y)[who].square().mean() / y[who].var(correction=0)).item()
    predictions = {"linear": linear_model, f"network, {epochs} epochs": net(x).detach()}
    return {name: (r2(p, known), r2(p, new)) for name, p in predictions.items()}

# %% demo=true
with once_written("kaiming_normal", "train"):
    scores = diabetes_race(epochs=10) | diabetes_race(epochs=100)
    figure, ax = plt.subplots(figsize=(7, 2.6))
    for shift, hatch, (name, values) in zip((-0.27, 0, 0.27), (None, "//", ".."), scores.items()):
        bars = ax.bar([at + shift for at in range(2)], values, width=0.25, label=name,
                      hatch=hatch, edgecolor=plots.PAPER)
        ax.bar_label(bars, fmt="%.2f")
    ax.axhline(0, color=plots.INK, linewidth=0.8, linestyle="-")
    ax.set(xticks=range(2), xticklabels=["patients it was trained on", "new patients"])
    ax.set(ylabel="R²", ylim=(0, 1))
    ax.legend(loc="upper right")
    plt.show()

# %% [markdown]
# After 100 epochs the network knows its own patients far better than the linear model does, and new ones worse.
# Stopping after 10 epochs helps, and still the linear model is ahead; both hold for other splits of the patients too. A
# likely reason: 332 samples, and ten baseline measurements that already carry what can be learned. For the memorising
# lesson 6 has remedies. Still: on a small table of good features, try the linear model first.
#
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** You train on 1437 digits with batch size 64, for ten epochs. How many steps does the optimizer make?

# %% question="review_steps"
review_steps = quiz.ask(check.review_steps, 230)  # or a number

# %% check="review_steps" points=1
check.review_steps(review_steps)

# %% [markdown]
# **2.** A forward pass of your model costs 2 GFLOPs ($2 \cdot 10^9$) for one sample. The device promises 300 TFLOPS
# ($3 \cdot 10^{14}$). You measure a throughput of 50 000 samples per second. What share of the promise do you use?

# %% question="review_share"
review_share = quiz.ask(check.review_share, 1 / 3)  # or a number between 0 and 1

# %% check="review_share" points=1
check.review_share(review_share)

# %% [markdown]
# **3.** You forget the activations in a ten-layer classifier. What happens?
#
# - a) The outputs overflow.
# - b) It can only do what one linear layer can.
# - c) It cannot be trained, since there are no gradients.
# - d) It has as many parameters as one layer.

# %% question="review_linear"
review_linear = quiz.ask(check.review_linear, "b")  # or one letter, in quotes

# %% check="review_linear" points=1
check.review_linear(review_linear)

# %% [markdown]
# **4.** What does universal approximation promise?
#
# - a) That gradient descent finds a network for every continuous function.
# - b) That a network which fits its training points is right between and beyond them.
# - c) That for every continuous function on a bounded, closed region some network comes as close as you like.
# - d) That a shallow network never needs more units than a deep one.

# %% question="review_universal"
review_universal = quiz.ask(check.review_universal, "c")  # or one letter, in quotes

# %% check="review_universal" points=1
check.review_universal(review_universal)

# %% [markdown]
# **5.** Put a training step in order, beginning with the clearing of old gradients: a) `optimizer.step()`, b)
# `loss.backward()`, c) `optimizer.zero_grad()`, d) `loss = loss_fn(prediction, y)`, e) `prediction = model(x)`. The
# letters in one string, such as "abcde".

# %% question="review_order"
review_order = quiz.ask(check.review_order, "cedba")  # or five letters, in quotes

# %% check="review_order" points=1
check.review_order(review_order)

# %% [markdown]
# **6.** In your own words, 100 to 200 of them, for a friend who can program but has never met a neural network: what
# is backpropagation, and why is it fast? Use your `Value` as the example.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | purpose | says what is computed: the slope of one loss for every parameter, so that a step can be taken |
# | local slopes | each operation knows its own slope for each of its inputs |
# | chain rule | going backward, what arrives is multiplied by the local slope, and several paths are added |
# | order | explains why a node must wait until all has arrived |
# | cost | one backward pass for all parameters, against one forward pass for each if they are nudged |

# %% [markdown] written="how_it_learns" points=5
# ### BEGIN SOLUTION
# A network has thousands of parameters and one number that says how wrong it is, the loss. To improve, you want to
# know for every parameter how the loss would change if it grew a little; then you move each a bit the other way.
#
# My `Value` is a number that remembers which numbers it was made of and how fast it changes with each: for a product
# a·b the slope for a is b. `backward` starts at the loss, whose slope for itself is 1, and hands slopes down: each
# node multiplies what has arrived at it by its own slope for a parent and adds the result to what arrives there. That
# is the chain rule; the adding is there because a number that is used twice reaches the loss on two paths. For the
# same reason a node must wait until everything made of it has passed on its share, so I take the youngest node first.
#
# Every node is visited once, so all slopes together cost about as much as computing the loss. Nudging each parameter
# and computing the loss anew would cost one forward pass for each of them.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have built networks from matrix products and bends and counted what they cost. You have written one through any
# points, and one that ten folds make as jagged as a thousand hinges. You have found gradients by hand, with an engine
# of your own and with autograd, and they agreed. And you have trained a network with your own loop, measured it on
# digits it had never seen, and looked at its weights and at what its layers make of an image.
#
# [2 activations →](../02_activations/02_activations.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Bengio, Courville, Vincent (2013). *Representation learning: a review and new perspectives.* IEEE Transactions on
#   Pattern Analysis and Machine Intelligence 35. arXiv:1206.5538.
# - Cybenko (1989). *Approximation by superpositions of a sigmoidal function.* Mathematics of Control, Signals, and
#   Systems 2.
# - Efron, Hastie, Johnstone, Tibshirani (2004). *Least angle regression.* Annals of Statistics 32. Section 1 has the
#   diabetes study.
# - Goodfellow, Bengio, Courville (2016). *Deep Learning*, chapter 6: further reading on all of this. MIT Press.
# - Grinsztajn, Oyallon, Varoquaux (2022). *Why do tree-based models still outperform deep learning on typical tabular
#   data?* NeurIPS. arXiv:2207.08815.
# - Hanin (2019). *Universal function approximation by deep neural nets with bounded width and ReLU activations.*
#   Mathematics 7, 992. doi:10.3390/math7100992.
# - He, Zhang, Ren, Sun (2015). *Delving deep into rectifiers: surpassing human-level performance on ImageNet
#   classification.* arXiv:1502.01852. Section 2.2 derives the 2.
# - Hollmann et al. (2025). *Accurate predictions on small data with a tabular foundation model.* Nature 637.
#   doi:10.1038/s41586-024-08328-6.
# - Hornik, Stinchcombe, White (1989). *Multilayer feedforward networks are universal approximators.* Neural Networks 2.
# - Jumper et al. (2021). *Highly accurate protein structure prediction with AlphaFold.* Nature 596. doi:10.1038/s41586-021-03819-2.
# - Krizhevsky, Sutskever, Hinton (2012). *ImageNet classification with deep convolutional neural networks.* NIPS.
# - Lam et al. (2023). *Learning skillful medium-range global weather forecasting.* Science 382.
# - LeCun, Bengio, Hinton (2015). *Deep learning.* Nature 521. doi:10.1038/nature14539.
# - Leshno, Lin, Pinkus, Schocken (1993). *Multilayer feedforward networks with a nonpolynomial activation function can
#   approximate any function.* Neural Networks 6.
# - Linnainmaa (1970). *The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the
#   local rounding errors.* Master's thesis (in Finnish), University of Helsinki.
# - Merchant et al. (2023). *Scaling deep learning for materials discovery.* Nature. doi:10.1038/s41586-023-06735-9.
# - Rasp, Pritchard, Gentine (2018). *Deep learning to represent subgrid processes in climate models.* PNAS 115.
# - Rumelhart, Hinton, Williams (1986). *Learning representations by back-propagating errors.* Nature 323.
# - Stokes et al. (2020). *A deep learning approach to antibiotic discovery.* Cell 180.
# - Telgarsky (2015). *Representation benefits of deep feedforward networks.* arXiv:1509.08101.
# - Zeiler, Fergus (2014). *Visualizing and understanding convolutional networks.* ECCV. arXiv:1311.2901.
