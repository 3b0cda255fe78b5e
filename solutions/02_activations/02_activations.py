# %% [markdown]
# # What bends the line
#
# Lesson 2 · activation functions · about two hours
#
# [← 1 deep networks](../01_deep_networks/01_deep_networks.ipynb) ·
# [3 losses →](../03_losses/03_losses.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - write the activations that networks are built with, stable where naive code gives `nan`, with gradients you have
#   checked;
# - say why ReLU, with suitable initial weights, made networks of dozens of layers trainable where the sigmoid could
#   not, and what it broke in turn;
# - teach autograd a function by hand, and save memory by it;
# - measure how gradients and signals travel through thirty layers, and choose initial weights that let them.
#
# Each exercise is a hole with a check below it. Run the check whenever you like: it tells you which part holds
# already and, if it knows your mistake, which one it is.

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import activations as check
from dlcourse.data import digits, moons
from dlcourse.explorers import activations as explore
from dlcourse.payoff import once_written
from dlcourse.training import accuracy, fit

plots.use_style()
torch.set_num_threads(1)  # nets as small as these lose more time sharing out work than doing it

# %% [markdown]
# Two networks, three layers each, the same number of weights, trained on the same points for the same time. One has
# ReLUs between its layers; the other has nothing there.

# %% demo=true
def moon_net(*between: nn.Module) -> nn.Module:
    """Three linear layers, with the modules `between` after the first two, trained on the moons."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), *between, nn.Linear(16, 16), *between, nn.Linear(16, 2))
    fit(net, *moons(), torch.optim.Adam(net.parameters(), 0.01), F.cross_entropy, epochs=60)
    return net


figure, axes = plt.subplots(1, 2)
nets = {"three layers, nothing between": moon_net(), "with ReLU": moon_net(nn.ReLU())}
for ax, (title, net) in zip(axes, nets.items()):
    plots.decision_regions(net, *moons(), ax)
    ax.set(title=f"{title}: {accuracy(net, *moons()):.0%}")

# %% [markdown]
# Without a bend, three layers draw one straight line, and so would three hundred: a linear map of a linear map is a
# linear map. What stands between the layers makes depth worth having. This lesson is about that: a few functions,
# most of them a line long, over which papers are still written.
#
# ## ReLU
#
# The rectified linear unit passes what is positive and stops the rest:
#
# $$\mathrm{ReLU}(x) = \max(0, x)$$
#
# It costs one comparison, its slope is 1 wherever $x$ is positive, and on centred inputs about half of what it gives is
# exactly 0: a layer's answer is *sparse* (Glorot et al. 2011). The idea is old (Fukushima 1969); Nair and Hinton
# brought it into deep learning in 2010, and AlexNet won ImageNet with it in 2012. In its authors' test on a smaller
# net, ReLU reached a training error of 25 % six times sooner than tanh (Krizhevsky et al. 2012, Figure 1).
#
# At $x = 0$ there is no derivative. The convention is 0, and your gradient should keep it.
#
# **Exercise.** Write `relu`. In each exercise torch's own version is off limits: it is what you are building.

# %% exercise="relu"
def relu(x: torch.Tensor) -> torch.Tensor:
    """max(0, x) for each entry of x (any shape). The gradient at 0 is 0. x stays as it is."""
    ### BEGIN SOLUTION
    return torch.where(x > 0, x, 0.0)
    ### END SOLUTION

# %% check="relu" points=2
check.relu(relu)

# %% [markdown]
# One ReLU is a hinge. Three of them, with weights 1, −2 and 1, are a hat, zero on both sides; put hats side by side
# and you can follow any continuous curve as closely as you like. Lesson 1 builds just that.

# %% demo=true
with once_written("relu"):
    figure, axes = plt.subplots(1, 2)
    plots.curve(relu, axes[0])
    axes[0].set(title="one hinge")
    plots.curve(lambda x: relu(x + 1) - 2 * relu(x) + relu(x - 1), axes[1])
    axes[1].set(title="relu(x+1) − 2·relu(x) + relu(x−1)")

# %% [markdown]
# ## A little leak
#
# A ReLU that is off passes no gradient: nothing tells its weights to change. Leaky ReLU keeps a small slope $a$ on the
# left (Maas et al. 2013; `negative_slope` in code), so something always gets through:
#
# $$\mathrm{LeakyReLU}(x) = \begin{cases} x & x > 0 \\ a\,x & x \le 0 \end{cases}$$
#
# For $a \le 1$ this is $\max(a x, x)$. But He et al. (2015) let the network learn $a$, and a learned slope may pass 1.
#
# **Exercise.** Write `leaky_relu`, for any slope.

# %% exercise="leaky_relu"
def leaky_relu(x: torch.Tensor, negative_slope: float = 0.01) -> torch.Tensor:
    """x where x > 0, negative_slope · x elsewhere; any slope, also 0 and above 1."""
    ### BEGIN SOLUTION
    return torch.where(x > 0, x, negative_slope * x)
    ### END SOLUTION

# %% check="leaky_relu" points=2
check.leaky_relu(leaky_relu)

# %% [markdown]
# ## A soft landing
#
# ReLU's outputs are never negative, so their mean is not 0, and the next layer sees a shifted signal. The exponential
# linear unit (Clevert et al. 2015) lets the left side sink gently to $-\alpha$, where
# its slope is small but not 0:
#
# $$\mathrm{ELU}(x) = \begin{cases} x & x > 0 \\ \alpha\,(e^x - 1) & x \le 0 \end{cases}$$
#
# There is a trap in it. `torch.where` computes both sides and picks one; backward visits both. On the side not picked
# a large $x$ makes $e^x$ overflow to `inf`, and $0 \cdot \infty$ is `nan`. Values look perfect, training dies.
#
# **Exercise.** Write `elu`, with gradients that stay finite at ±100 in float32 and ±1000 in float64. At 0 the
# gradient belongs to the left side: it is $\alpha$.

# %% exercise="elu"
def elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """x where x > 0, alpha · (exp(x) − 1) elsewhere; values and gradients finite for large |x|."""
    ### BEGIN SOLUTION
    left = x.clamp(max=0)  # exp never sees a large number, so the side not picked cannot overflow
    return torch.where(x > 0, x, alpha * torch.expm1(left))
    ### END SOLUTION

# %% check="elu" points=3
check.elu(elu)

# %% [markdown]
# Here are your three side by side, with the mean of what each gives for standard normal input. ELU's is the
# closest to 0.

# %% demo=true
with once_written("relu", "leaky_relu", "elu"):
    figure, axes = plt.subplots(1, 2)
    x = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    for f in (relu, leaky_relu, elu):
        plots.curve_and_derivative(f, f"{f.__name__}, mean {f(x).mean():.2f}", axes)
    axes[0].legend()

# %% [markdown]
# ## The one that came before
#
# For decades the usual bends were tanh and the logistic sigmoid, which squeezes any number into (0, 1):
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}}, \qquad \sigma'(x) = \sigma(x)\,(1 - \sigma(x)) \le \tfrac14$$
#
# It still gates LSTMs and ends most yes/no classifiers. Written as above it is fragile: for $x = -1000$, $e^{-x}$ is
# `inf`. The value survives ($1/\infty = 0$), its gradient is `nan`.
#
# **Exercise.** Write `sigmoid` so that ±1000 gives finite, right values and gradients. The same quotient can be
# written in two ways, each safe on one side; mind what `where` taught you. Or go through the logarithm, with
# `torch.logaddexp`.
# The gradient at 0 is ¼, and code built on $|x|$ tends to miss it.

# %% exercise="sigmoid"
def sigmoid(x: torch.Tensor) -> torch.Tensor:
    """1 / (1 + exp(−x)), with finite values and gradients for any finite x."""
    ### BEGIN SOLUTION
    right = torch.exp(-x.clamp(min=0))  # each side's exp sees only numbers up to 0
    left = torch.exp(torch.where(x < 0, x, 0.0))
    return torch.where(x >= 0, 1 / (1 + right), left / (1 + left))
    ### END SOLUTION

# %% check="sigmoid" points=3
check.sigmoid(sigmoid)

# %% [markdown]
# On the right below: the best this slope can do is ¼, at $x = 0$, and beyond ±5 less than 0.007 is left.
# That is *saturation*. Its cousin $\tanh(x) = 2\sigma(2x) - 1$ is centred on 0 and has slope 1 there, yet saturates too.

# %% demo=true
with once_written("sigmoid"):
    figure, axes = plt.subplots(1, 2)
    plots.curve_and_derivative(sigmoid, "sigmoid", axes, (-8, 8))
    plots.curve_and_derivative(lambda x: 2 * sigmoid(2 * x) - 1, "tanh", axes, (-8, 8))
    axes[1].axhline(0.25, color=plots.INK, linewidth=0.8, linestyle=":")
    axes[1].annotate("¼", (-7.6, 0.27))
    axes[0].legend()

# %% [markdown]
# ## A gate that weighs
#
# Read ReLU as a gate: $x$ times 1 or times 0. The Gaussian error linear unit makes the gate soft (Hendrycks and
# Gimpel 2016). It weighs $x$ by the probability that a standard normal number is smaller than $x$:
#
# $$\mathrm{GELU}(x) = x\,\Phi(x), \qquad \Phi(x) = \tfrac12\left(1 + \mathrm{erf}\left(x / \sqrt2\right)\right)$$
#
# Unlike ReLU it is smooth: it has no kink, and its slope changes gradually. BERT and the GPTs use it. GPT's code has an
# approximation with tanh, and CLIP's a cheaper one, $x\,\sigma(1.702x)$.
#
# **Exercise.** Write the exact `gelu`.

# %% exercise="gelu"
def gelu(x: torch.Tensor) -> torch.Tensor:
    """x · Φ(x), with the standard normal's cumulative distribution Φ, exact (by erf)."""
    ### BEGIN SOLUTION
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    ### END SOLUTION

# %% check="gelu" points=2
check.gelu(gelu)

# %% [markdown]
# On the right is how far the two approximations are off. It is little, but the outputs of a trained model change with
# it: when you load somebody's weights, load their GELU too.

# %% demo=true
with once_written("relu", "gelu"):
    figure, axes = plt.subplots(1, 2)
    for f in (relu, gelu):
        plots.curve(f, axes[0], (-3, 3), label=f.__name__)
    axes[0].legend()
    plots.curve(lambda x: F.gelu(x, approximate="tanh") - gelu(x), axes[1], label="tanh form")
    plots.curve(lambda x: x * torch.sigmoid(1.702 * x) - gelu(x), axes[1], label="x·σ(1.702x)")
    axes[1].set(title="approximation − exact")
    axes[1].legend()

# %% [markdown]
# ## A gate that x opens itself
#
# Put the sigmoid in the gate and you have Swish, *self-gated* and as smooth as GELU. A search over formulas came upon it
# (Ramachandran et al. 2017); under the name SiLU it had been proposed before (Hendrycks and Gimpel 2016; Elfwing et al.
# 2017):
#
# $$\mathrm{Swish}_\beta(x) = x\,\sigma(\beta x)$$
#
# With $\beta = 0$ it is the line $x/2$; as $\beta$ grows it closes in on ReLU. Ramachandran et al. found that it tends
# to beat ReLU on deeper models.
#
# **Exercise.** Write `swish`, stable for a large $\beta$. You have a sigmoid now.

# %% exercise="swish"
def swish(x: torch.Tensor, beta: float = 1.0) -> torch.Tensor:
    """x · σ(beta · x)."""
    ### BEGIN SOLUTION
    return x * sigmoid(beta * x)
    ### END SOLUTION

# %% check="swish" points=2
check.swish(swish)

# %% demo=true
with once_written("sigmoid", "swish"):
    figure, axes = plt.subplots(1, 2)
    for beta in (0.0, 0.5, 1.0, 10.0):
        plots.curve_and_derivative(lambda x: swish(x, beta), f"β = {beta:g}", axes)
    axes[0].legend()

# %% [markdown]
# Move the mark along each curve, and change its parameter. Where is the slope above 1? Where is it negative?

# %% demo=true
explore.curves()

# %% [markdown]
# ## Teaching autograd by hand
#
# Autograd kept a tensor for nearly every step of your `swish`, to have it at hand for backward. One would do: from $x$
# alone the derivative can be computed again.
#
# $$\frac{d}{dx}\, x\,\sigma(x) = \sigma(x) + x\,\sigma(x)\,(1 - \sigma(x))$$
#
# A `torch.autograd.Function` has two static methods, and a context `ctx` that carries things from one to the other.
# `forward(ctx, x)` gives the output and saves tensors with `ctx.save_for_backward(…)`. `backward(ctx, grad_out)` finds
# them in the tuple `ctx.saved_tensors`; it receives the gradient of the loss with respect to the output and returns the
# one with respect to $x$: the chain rule, one link of it.
#
# **Exercise.** Check the derivative above on paper, then write `SwishFunction` ($\beta = 1$), saving a single tensor.
# Calling autograd inside backward does not count.

# %% exercise="SwishFunction"
class SwishFunction(torch.autograd.Function):
    """x · σ(x) with a hand-written backward. Use: SwishFunction.apply(x)."""

    @staticmethod
    def forward(ctx, x):
        """Return x · σ(x), same shape as x; save one tensor."""
        ### BEGIN SOLUTION
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)
        ### END SOLUTION

    @staticmethod
    def backward(ctx, grad_out):
        """Return grad_out times the derivative at x, same shape as x."""
        ### BEGIN SOLUTION
        x, = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return grad_out * (gate + x * gate * (1 - gate))
        ### END SOLUTION

# %% check="SwishFunction" points=4
check.SwishFunction(SwishFunction)

# %% [markdown]
# What did it save? Count the bytes that each version keeps for backward, for a million numbers.

# %%
def megabytes_kept(f, n: int = 1_000_000) -> float:
    """Megabytes that autograd keeps between forward and backward of f, for n float32 inputs."""
    kept = {}
    keep = lambda tensor: kept.update({tensor.data_ptr(): tensor.nbytes}) or tensor
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = f(torch.randn(n, requires_grad=True))
    return sum(kept.values()) / 1e6

# %%
with once_written("swish", "SwishFunction"):
    for name, f in {"your swish": swish, "torch's x * sigmoid(x)": lambda x: x * torch.sigmoid(x),
                    "SwishFunction": SwishFunction.apply}.items():
        print(f"{name:24}{megabytes_kept(f):5.0f} MB")

# %% [markdown]
# ## Units that die
#
# Back to ReLU, and to its price. One step that is too large can push a unit's weights so far that the unit is off for
# *every* input. Then its gradient is exactly 0, and plain gradient descent leaves its weights where they are. Unless
# the layers below change its inputs, it is dead. People call this *dying ReLU*.
#
# **Exercise.** Find the dead units of a layer from its activations.

# %% exercise="dead_units"
def dead_units(activations: torch.Tensor) -> torch.Tensor:
    """Which units are exactly 0 for the whole batch.

    activations (N, units), as they leave a ReLU → bool (units,)
    """
    ### BEGIN SOLUTION
    return (activations == 0).all(dim=0)
    ### END SOLUTION

# %% check="dead_units" points=2
check.dead_units(dead_units)

# %% [markdown]
# The experiment needs digits and a net of any depth. `stack` draws its weights from a normal distribution with variance
# $\mathrm{gain}^2 / \mathrm{fan\_in}$, where the fan-in is the number of a unit's inputs. What the gain should be is a
# question for later.

# %%
x_train, y_train, x_test, y_test = digits()


def stack(activation, depth: int, gain: float, seed: int = 0) -> nn.Sequential:
    """A classifier of digits: `depth` linear layers, activation() between them, ten logits."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for width in [64] * (depth - 1) + [10]:
        layer = nn.Linear(64, width)
        nn.init.normal_(layer.weight, 0, gain / math.sqrt(64), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])

# %% [markdown]
# One step 400 times as large as the rest, then twelve epochs of gentle ones. We count the first-layer units that are
# off for every training digit, before the jolt and after it, and those of them whose weights never moved again: once with
# ReLU, once with a leak of 0.1.

# %%
def jolt(activation, seed: int = 0) -> tuple[list[float], float]:
    """Shares of first-layer units off before a jolt, after it, stuck for good; test accuracy."""
    net = stack(activation, depth=3, gain=math.sqrt(2), seed=seed)
    off = lambda: dead_units(net[0](x_train).clamp(min=0))
    before = off()
    optimizer = torch.optim.SGD(net.parameters(), lr=20.0)
    F.cross_entropy(net(x_train[:64]), y_train[:64]).backward()
    optimizer.step()
    after, weights = off(), net[0].weight.detach().clone()
    optimizer.param_groups[0]["lr"] = 0.05
    fit(net, x_train, y_train, optimizer, F.cross_entropy, epochs=12, seed=seed, label="jolted")
    stuck = after & (net[0].weight == weights).all(dim=1)
    shares = [units.double().mean().item() for units in (before, after, stuck)]
    return shares, accuracy(net, x_test, y_test)

# %% demo=true
with once_written("dead_units"):
    figure, axes = plt.subplots(1, 2, sharey=True)
    jolted = {"ReLU": jolt(nn.ReLU), "Leaky ReLU": jolt(lambda: nn.LeakyReLU(0.1))}
    for ax, (name, (shares, score)) in zip(axes, jolted.items()):
        bars = ax.bar(["off before", "off after", "never moved"], [100 * s for s in shares])
        ax.bar_label(bars, fmt="%.0f %%")
        ax.set(title=f"{name}: {score:.0%} right in the end", ylim=(0, 60))
    axes[0].set(ylabel="units of the first layer, %")

# %% [markdown]
# Every ReLU unit that is off after the jolt is dead: below the first layer there is only data, so its inputs never
# change, its gradient is 0, and twelve epochs leave its weights where they were, to the last bit. The jolt switched off
# nearly as many leaky units. They stay on the left side too, but there they still pass a tenth of the gradient: every one
# of them goes on learning, and none is lost to the net.
#
# Lu et al. (2019) show that the deeper a ReLU net, with symmetric initial weights, the likelier the whole net is born
# dead.
#
# ## What depth asks of a bend
#
# The gradient that reaches the first layer is a product with one factor for each layer above it: that layer's weights
# times its slopes. The sigmoid's slope is at most ¼, so with weights of ordinary size every factor is small. Hochreiter
# (1991) and Bengio et al. (1994) described what follows in recurrent nets, where every time step is a layer: the
# *vanishing gradient*. It shrinks exponentially with depth, until the first layers stop learning.
#
# **Exercise.** Measure it: write `gradient_norms`, which looks at a model's gradients without leaving a trace.
# `torch.autograd.grad` computes gradients and gives them to you, where `loss.backward()` adds them to `.grad`. Look up its
# options `retain_graph` and `allow_unused`.

# %% exercise="gradient_norms"
def gradient_norms(model: nn.Module, loss: torch.Tensor) -> dict[str, float]:
    """The L2 norm of d loss/d parameter, {name: norm} in the order of model.named_parameters().

    A parameter that the loss does not depend on has norm 0.0. Every .grad stays as it was, and the
    graph stays alive: a second call on the same loss gives the same.
    """
    ### BEGIN SOLUTION
    names, parameters = zip(*model.named_parameters())
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return {name: 0.0 if g is None else g.norm().item() for name, g in zip(names, gradients)}
    ### END SOLUTION

# %% check="gradient_norms" points=4
check.gradient_norms(gradient_norms)

# %% [markdown]
# Thirty layers and three activations, with He's weights for ReLU and variance 1/fan-in for the other two (the next
# section says why). What reaches layer 1?

# %%
BENDS = {"ReLU": (nn.ReLU, math.sqrt(2)), "tanh": (nn.Tanh, 1.0), "sigmoid": (nn.Sigmoid, 1.0)}


def gradients_through(name: str, depth: int = 30, seed: int = 0) -> list[float]:
    """The gradient norm of each layer's weights, first layer first, for one of the BENDS."""
    activation, gain = BENDS[name]
    net = stack(activation, depth, gain, seed)
    norms = gradient_norms(net, F.cross_entropy(net(x_train[:256]), y_train[:256]))
    return [norm for parameter, norm in norms.items() if parameter.endswith("weight")]

# %% demo=true
with once_written("gradient_norms"):
    for name in BENDS:
        plots.through_depth(gradients_through(name), label=name)
    plt.ylabel("gradient norm")
    plt.legend()

# %% [markdown]
# With ReLU the first layer gets about as much as the last. With the sigmoid it gets less by a factor of about $10^{18}$.
# No single learning rate mends that: one that suits layer 1 would make layer 30 diverge.
#
# Adam (lesson 4) rescales gradients, though not ones far below its $\epsilon$ of $10^{-8}$. Does it save the sigmoid?
# Twenty layers, twelve epochs on digits, and for each activation the best of three learning rates, by training loss.

# %%
def deep_race(name: str, lr: float, depth: int = 20, seed: int = 0) -> tuple[list[float], float]:
    """Train a deep net with one of the BENDS by Adam: the loss of each epoch, the test accuracy."""
    activation, gain = BENDS[name]
    net = stack(activation, depth, gain, seed)
    optimizer = torch.optim.Adam(net.parameters(), lr)
    history = fit(net, x_train, y_train, optimizer, F.cross_entropy, 12, seed=seed, label=name)
    return history, accuracy(net, x_test, y_test)

# %% demo=true
figure, ax = plt.subplots()
for name in BENDS:
    runs = [deep_race(name, lr) for lr in (3e-4, 1e-3, 3e-3)]
    history, score = min(runs, key=lambda run: run[0][-1])
    plots.losses(history, ax, label=f"{name}: {score:.0%} on new digits")
ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
ax.annotate("guessing: log 10", (12, 2.15), ha="right")
ax.set(ylim=(0, 2.7))
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# With these weights the sigmoid net never gets beyond guessing. This is what ReLU changed: Glorot, Bordes and Bengio
# (2011) trained deep rectifier nets from scratch where people had believed that layers must be pre-trained one by one.
#
# Tanh learns too. Its slope at 0 is 1, and weights of the right size keep its signal there. What the sigmoid lacks is a
# slope near 1; ReLU has it for every positive input, however large, and tanh only near 0, so tanh depends more on its
# initial weights. How much of ReLU's success is the bend's own is still argued over: with orthogonal weights, deep nets
# of saturating units have beaten it (Pennington et al. 2017), and normalization (lesson 7) and *skip connections*, which
# add a layer's input to its output (lesson 8), help every activation.
#
# ## Weights that keep the signal
#
# The forward direction has the same problem. A layer sums fan-in products, so with weights of variance
# $1/\mathrm{fan\_in}$ it keeps the size of a signal that has passed through no bend (Glorot and Bengio 2010, "Xavier",
# for equal widths). ReLU then zeroes half of it, which halves its mean square, and with it the variance of the next
# layer's sums. He et al. (2015) pay it back:
#
# $$\mathrm{Var}(w) = \frac{2}{\mathrm{fan\_in}}, \qquad \text{a gain of } \sqrt2$$

# %%
@torch.no_grad()
def signal_variance(gain: float, depth: int = 20, width: int = 512, seed: int = 0) -> list[float]:
    """The variance of what each ReLU layer computes before its bend, for normal input."""
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(width, width, generator=generator)
    variances = []
    for _ in range(depth):
        z = h @ (gain / math.sqrt(width) * torch.randn(width, width, generator=generator))
        variances.append(z.var().item())
        h = z.clamp(min=0)
    return variances

# %% demo=true
for label, gain in {"He, gain √2": math.sqrt(2), "Xavier, gain 1": 1.0}.items():
    variances = signal_variance(gain)
    relative = [v / variances[0] for v in variances]
    per_layer = relative[-1] ** (1 / (len(relative) - 1))
    plots.through_depth(relative, label=f"{label}: × {per_layer:.2f} a layer")
plt.ylabel("variance, layer 1 = 1")
plt.legend()
plt.show()

# %% [markdown]
# Halving at each of twenty layers makes a factor of a million. Try it for thirty: the *spread* is how much a unit's
# activation differs from input to input, so where it is 0 the net has forgotten what it was shown. Which gain keeps
# ReLU's spread alive? Which suits tanh? How far do you have to go to save the sigmoid, and what becomes of its
# histograms there?

# %% demo=true
explore.signal()

# %% [markdown]
# ## The last layer
#
# The last layer of a classifier gives one number for each class: the *logits*. Softmax turns them into probabilities:
#
# $$\mathrm{softmax}(x)_i = \frac{e^{x_i}}{\sum_j e^{x_j}}$$
#
# In float64 $e^{710}$ is already too big. But softmax has a symmetry to use: adding the same number to every $x_i$ changes
# nothing.
#
# **Exercise.** Write `softmax` along any axis, for logits as large as ±10 000.

# %% exercise="softmax"
def softmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    """Exponentials of x over their sum along `dim`; same shape as x. Finite for any finite x."""
    ### BEGIN SOLUTION
    powers = torch.exp(x - x.amax(dim, keepdim=True))
    return powers / powers.sum(dim, keepdim=True)
    ### END SOLUTION

# %% check="softmax" points=3
check.softmax(softmax)

# %% [markdown]
# Dividing the logits by a *temperature* first sharpens the probabilities (below 1) or evens them out (above 1).
# Language models offer it as a dial.

# %% demo=true
with once_written("softmax"):
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.4), sharey=True)
    logits = torch.tensor([2.0, 1.0, 0.2, -1.0])
    for ax, temperature in zip(axes, (0.3, 1.0, 5.0)):
        ax.bar(range(4), softmax(logits / temperature, 0), color=plots.COLOURS[0])
        ax.set(title=f"temperature {temperature:g}", xticks=range(4), xlabel="class")
    axes[0].set(ylabel="probability")

# %% [markdown]
# Losses need the logarithm of a probability. Taking the two steps one after the other loses everything once the
# probability underflows to 0. Taken together they can be made harmless:
#
# $$\log \mathrm{softmax}(x)_i = x_i - \log \sum_j e^{x_j}$$
#
# **Exercise.** Write `log_softmax`. The symmetry helps here too; `torch.logsumexp` would be the whole answer, so it is
# off limits.

# %% exercise="log_softmax"
def log_softmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The logarithm of softmax(x) along `dim`, finite also where softmax(x) underflows to 0."""
    ### BEGIN SOLUTION
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - torch.log(torch.exp(shifted).sum(dim, keepdim=True))
    ### END SOLUTION

# %% check="log_softmax" points=3
check.log_softmax(log_softmax)

# %% [markdown]
# How wrong may a classifier be before its loss is infinite? Here is the log-probability of a class whose logit lies
# further and further behind, in float32. Taken in two steps it is −∞, and its line ends, a little past 100.

# %% demo=true
with once_written("softmax", "log_softmax"):
    behind = torch.arange(0.0, 160.0)
    logits = torch.stack([torch.zeros_like(behind), -behind], dim=1)
    figure, ax = plt.subplots(figsize=(7, 2.6))
    ax.plot(behind, log_softmax(logits, 1)[:, 1], label="log_softmax(x)")
    in_two_steps = softmax(logits, 1)[:, 1].log()
    ax.plot(behind, in_two_steps, label="log(softmax(x))", linewidth=4, alpha=0.7)
    end = in_two_steps.isfinite().sum() - 1
    ax.plot(end, in_two_steps[end], "X", color=plots.COLOURS[1], markersize=10)
    ax.annotate("−∞ from here on", (end - 3, in_two_steps[end] - 20), ha="right")
    ax.set(xlabel="how far the logit lies behind", ylabel="log-probability")
    ax.legend()

# %% [markdown]
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** A chain of ten sigmoid units, one in each layer, each with weight 1. By what factor, at most, is the gradient
# multiplied on its way back through all ten? Give the number (`0.5 ** 3` is a number too).

# %% question="review_shrinking"
review_shrinking = quiz.ask(check.review_shrinking, 0.25 ** 10)  # or a number

# %% check="review_shrinking" points=1
check.review_shrinking(review_shrinking)

# %% [markdown]
# **2.** A ReLU unit in a middle layer has been off for every training input for many epochs. What can bring it back?
#
# - a) The layers above it: they can send it a gradient of the other sign.
# - b) A smaller learning rate from now on.
# - c) Changes in the layers below, if they move its inputs far enough.
# - d) A larger loss: a stronger gradient would get through to it.

# %% question="review_dead"
review_dead = quiz.ask(check.review_dead, "c")  # or one letter, in quotes

# %% check="review_dead" points=1
check.review_dead(review_dead)

# %% [markdown]
# **3.** Why does He initialisation have a 2 where Xavier has a 1?
#
# - a) Because tanh would saturate otherwise.
# - b) Because ReLU removes half of the signal's mean square.
# - c) Because biases start at 0.
# - d) Because the fan-in counts twice.

# %% question="review_gain"
review_gain = quiz.ask(check.review_gain, "b")  # or one letter, in quotes

# %% check="review_gain" points=1
check.review_gain(review_gain)

# %% [markdown]
# **4.** Order these by their value at $x = -1$, lowest first: a) ReLU, b) GELU, c) Swish, d) ELU with $\alpha = 1$,
# e) Leaky ReLU with slope 0.01. The letters in one string, such as "abcde".

# %% question="review_order"
review_order = quiz.ask(check.review_order, "dcbea")  # or five letters, in quotes

# %% check="review_order" points=1
check.review_order(review_order)

# %% [markdown]
# **5.** You add 100 to every logit of a classifier. What happens to its softmax?
#
# - a) Nothing.
# - b) The largest probability comes nearer to 1.
# - c) All probabilities come nearer to each other.
# - d) It overflows and gives `nan`, however it is written.

# %% question="review_shift"
review_shift = quiz.ask(check.review_shift, "a")  # or one letter, in quotes

# %% check="review_shift" points=1
check.review_shift(review_shift)

# %% [markdown]
# **6.** In your own words, 100 to 200 of them: why did ReLU make networks trainable that were out of reach for the
# sigmoid? Which problem does it solve, by what mechanism, and which new problem does it bring? Name one remedy for the
# new one. Refer to what you measured above.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | problem | names the vanishing gradient and says that it is a product over layers |
# | mechanism | a layer's factor is its weights times its slopes; slope at most ¼, against exactly 1 where a ReLU is on |
# | evidence | uses a figure of this lesson, with its numbers |
# | new problem | explains why a dead unit gets no gradient |
# | remedy | names one and says why it works |

# %% [markdown] written="why_relu" points=5
# ### BEGIN SOLUTION
# On its way back to the first layer the gradient is multiplied, for each layer, by its weights and by its slopes. The
# sigmoid's slope is at most ¼ and nearly 0 once it saturates, so with ordinary weights the product shrinks
# exponentially: in our 30-layer net the first layer's gradient was about 10¹⁸ times smaller than the last layer's, and the
# 20-layer net never got beyond guessing. ReLU's slope is exactly 1 for a unit that is on, so along the paths that are on
# the slopes shrink nothing; with He's weights, which make up for the half that is off, layer 1 got about as much as
# layer 30, and the 20-layer net learned the digits.
#
# The price: where ReLU is off its slope is exactly 0. A unit pushed so far that it is off for every input gets no
# gradient and is stuck; after one jolt about four in ten units of the first layer never moved again. Leaky ReLU keeps a
# small slope on the left, so a gradient always arrives: in our run every leaky unit went on learning. Smaller steps or
# warm-up would keep units from being pushed that far.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have written eight functions, stable where naive code gives `nan`, with gradients that were checked. You have seen
# thirty layers starve behind a sigmoid and live behind a ReLU, killed units and counted them, taught autograd a
# derivative, and judged initial weights by what they do to a signal.
#
# [← 1 deep networks](../01_deep_networks/01_deep_networks.ipynb) ·
# [3 losses →](../03_losses/03_losses.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Bengio, Simard, Frasconi (1994). *Learning long-term dependencies with gradient descent is difficult.* IEEE
#   Transactions on Neural Networks 5.
# - Clevert, Unterthiner, Hochreiter (2015). *Fast and accurate deep network learning by exponential linear units
#   (ELUs).* arXiv:1511.07289.
# - Elfwing, Uchibe, Doya (2017). *Sigmoid-weighted linear units for neural network function approximation in
#   reinforcement learning.* arXiv:1702.03118.
# - Fukushima (1969). *Visual feature extraction by a multilayered network of analog threshold elements.* IEEE
#   Transactions on Systems Science and Cybernetics 5.
# - Glorot, Bengio (2010). *Understanding the difficulty of training deep feedforward neural networks.* AISTATS.
# - Glorot, Bordes, Bengio (2011). *Deep sparse rectifier neural networks.* AISTATS.
# - Goodfellow, Bengio, Courville (2016). *Deep Learning*, chapter 6: further reading on all of this. MIT Press.
# - He, Zhang, Ren, Sun (2015). *Delving deep into rectifiers: surpassing human-level performance on ImageNet
#   classification.* arXiv:1502.01852. Section 2.2 derives the 2.
# - Hendrycks, Gimpel (2016). *Gaussian error linear units (GELUs).* arXiv:1606.08415.
# - Hochreiter (1991). *Untersuchungen zu dynamischen neuronalen Netzen.* Diploma thesis, TU München.
# - Krizhevsky, Sutskever, Hinton (2012). *ImageNet classification with deep convolutional neural networks.* NIPS.
#   Figure 1 compares ReLU with tanh.
# - Lu, Shin, Su, Karniadakis (2019). *Dying ReLU and initialization: theory and numerical examples.*
#   arXiv:1903.06733.
# - Maas, Hannun, Ng (2013). *Rectifier nonlinearities improve neural network acoustic models.* ICML workshop.
# - Nair, Hinton (2010). *Rectified linear units improve restricted Boltzmann machines.* ICML.
# - Pennington, Schoenholz, Ganguli (2017). *Resurrecting the sigmoid in deep learning through dynamical isometry:
#   theory and practice.* arXiv:1711.04735.
# - Ramachandran, Zoph, Le (2017). *Searching for activation functions.* arXiv:1710.05941.
