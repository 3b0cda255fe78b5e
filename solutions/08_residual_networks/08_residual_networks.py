# %% [markdown]
# # A hundred layers
#
# Lesson 8 · residual networks and attention · about five hours
#
# [← 7 normalization](../07_normalization/07_normalization.ipynb) ·
# [9 generative models →](../09_generative_models/09_generative_models.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# You will be able to
#
# - write a convolution from scratch, and the blocks and networks that are built on it, counted to the layer;
# - show that plain networks get worse as they get deeper, and say what a skip connection changes and what it does not;
# - write attention and the block of a Transformer, and see them as residual networks too;
# - ask a classifier which pixels it heeds, and give a trained network a new task;
# - design, justify and train a network of a hundred layers.
#
# You need the training loop (lesson 1), AdamW and one-cycle (4 and 5) and batch norm (7), all of which you have
# written yourself. From here on PyTorch's own stand in for them.

# %%
import copy
import functools
import math
import textwrap
from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from dlcourse import plots
from dlcourse.checks import residual_networks as check
from dlcourse.data import digits, prose
from dlcourse.explorers import residual_networks as explore
from dlcourse.payoff import once_written
from dlcourse.training import Muon, accuracy, fit, progress

# %%
plots.use_style()
torch.set_num_threads(1)  # nets as thin as these lose more time sharing out work than doing it
x_train, y_train, x_test, y_test = digits()
images, new_images = x_train.view(-1, 1, 8, 8), x_test.view(-1, 1, 8, 8)  # one channel

# %% [markdown]
# Here is a tower of equal layers on the digits, 4, 16 and 64 of them. On the right the same towers, with one change:
# each layer *adds* what it computes to what it was given. Look at the loss on the *training* data.

# %%
class Tower(nn.Module):
    """`depth` linear layers with batch norm and ReLU; with `skip` each one's input is added."""

    def __init__(self, depth: int, skip: bool):
        super().__init__()
        floor = lambda: nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())
        self.floors = nn.ModuleList(floor() for _ in range(depth))
        self.head, self.skip = nn.Linear(64, 10), skip

    def forward(self, h):
        for floor in self.floors:
            h = h + floor(h) if self.skip else floor(h)
        return self.head(h)

# %%
def tower_losses(depth: int, skip: bool, seed: int = 0) -> list[float]:
    """The training loss of each of 8 epochs."""
    torch.manual_seed(seed)
    net = Tower(depth, skip)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    return fit(net, x_train, y_train, optimizer, F.cross_entropy, 8, 128, seed, f"{depth} layers")

# %% demo=true
figure, axes = plt.subplots(1, 2, sharey=True)
for ax, skip in zip(axes, (False, True)):
    for depth in (4, 16, 64):
        plots.losses(tower_losses(depth, skip), ax, label=f"{depth} layers")
    ax.set(title="each layer adds to its input" if skip else "plain layers", yscale="log")
    ax.set_yticks((0.03, 0.1, 0.3, 1, 3), ("0.03", "0.1", "0.3", "1", "3"))
axes[1].set(ylabel="")
axes[1].legend()
plt.show()

# %% [markdown]
# More layers can do all that fewer can: the added ones need only pass on what they get. Yet the plain tower of 64
# layers is the worst of them, and not because it overfits: this is its *training* loss. He et al. (2015) called this
# *degradation*. The tower that adds does not suffer from it. To see why, and to build networks with it that look at
# images as images, you need one more layer.
#
# ## A layer for images
#
# A linear layer does not know that two pixels are neighbours. A *convolution* does: it lays a small window of weights,
# the *kernel*, over each place of the image and sums what it finds there. The same weights serve everywhere, so a
# pattern is recognised wherever it stands, and there are few of them (Fukushima 1980; LeCun et al. 1989). An image has
# $C$ channels and a kernel has a layer for each; there are $D$ kernels, and each makes one channel of the output:
#
# $$y_{n d i j} = b_d + \sum_{c, u, v} w_{d c u v}\; x_{n,\, c,\; s i + u - p,\; s j + v - p}$$
#
# The *stride* $s$ is how many pixels the window moves on at a time. The *padding* $p$ is how many rows and columns of
# zeros are put around the image first; beyond those the window does not go. So of $H$ rows and a kernel of height $k$,
# $\lfloor (H + 2p - k) / s \rfloor + 1$ rows come out. Mathematicians would turn the kernel by 180° first and call
# ours *cross-correlation*; since the weights are learned, it makes no difference.
#
# Some tools: `F.pad(x, (left, right, top, bottom))` puts zeros around the last two axes. `x.unfold(axis, size, step)`
# cuts windows of that size along one axis, and puts a new axis for what is inside them at the end. `F.unfold(x, (kh,
# kw), padding=p, stride=s)` cuts out whole windows and lays each down as a column: (N, C·kh·kw, number of windows),
# with the channel changing slowest in a column.
#
# **Exercise.** Write `conv2d`. Kernels need not be square, stride and padding are whole numbers, one for both axes;
# `bias` (D,) may be None.

# %% exercise="conv2d"
def conv2d(x, weight, bias=None, stride: int = 1, padding: int = 0) -> torch.Tensor:
    """Cross-correlate images with kernels.

    x (N, C, H, W), weight (D, C, kh, kw), bias (D,) or None.
    Returns (N, D, (H + 2·padding − kh) // stride + 1, (W + 2·padding − kw) // stride + 1).
    """
    ### BEGIN SOLUTION
    kh, kw = weight.shape[2:]
    x = F.pad(x, (padding, padding, padding, padding))
    windows = x.unfold(2, kh, stride).unfold(3, kw, stride)  # (N, C, rows, columns, kh, kw)
    out = torch.einsum("nchwij,dcij->ndhw", windows, weight)
    return out if bias is None else out + bias[:, None, None]
    ### END SOLUTION

# %% check="conv2d" points=4
check.conv2d(conv2d)

# %% [markdown]
# Three kernels that nobody had to learn, on a photograph. The second answers to upright edges, the third to level ones.
# A network finds its own, and its first layer often comes out with edges of all directions (Krizhevsky et al. 2012).

# %% demo=true
with once_written("conv2d"):
    from sklearn.datasets import load_sample_image
    photo = torch.tensor(load_sample_image("china.jpg")[::2, ::2] / 255.0).mean(2)[None, None]
    edge = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]).double()
    kernels = {"blur": torch.ones(3, 3).double() / 9, "upright edges": edge, "level edges": edge.T}
    figure, axes = plt.subplots(1, 4, figsize=(9, 2))
    axes[0].imshow(photo[0, 0], cmap="gray")
    axes[0].set(title="a photograph")
    for ax, (name, kernel) in zip(axes[1:], kernels.items()):
        ax.imshow(conv2d(photo, kernel[None, None])[0, 0].abs(), cmap="gray")
        ax.set(title=name)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    plots.alt("A photograph in grey, and what three kernels make of it: one blurs, one is bright "
              "at upright edges, one at level edges.")

# %% [markdown]
# Stacked and trained, this layer is what most of computer vision has run on since 2012: classification, finding and
# outlining objects, tumours in scans, flaws on an assembly line, the lane in front of a car, and the making of images
# (lesson 9). Lately Transformers share that work (Dosovitskiy et al. 2020); you will come to them below. From here on
# `nn.Conv2d` stands in for your function: it is the same and faster.
#
# ## Learn the difference
#
# Suppose that the best thing a few layers could do is nearly nothing: to pass on what they get, slightly changed. A
# plain stack finds that hard; each of its layers must first learn to copy. So let the layers compute only the
# *change*, the residual $F(x) = H(x) - x$ of the wanted $H$, and add the input back (He et al. 2015):
#
# $$y = \mathrm{ReLU}\left(F(x) + x\right), \qquad
# F = \mathrm{bn}_2 \circ \mathrm{conv}_2 \circ \mathrm{ReLU} \circ \mathrm{bn}_1 \circ \mathrm{conv}_1$$
#
# Doing nothing now takes only a small scale in the last batch norm. (Small weights in the convolutions would not do:
# the norm divides their scale out again.) And backward, by the chain rule for the sum,
#
# $$\frac{\partial\,(F(x) + x)}{\partial x} = \frac{\partial F}{\partial x} + 1$$
#
# (1 stands for the identity matrix), so whatever the layers of $F$ do to the gradient, it also comes through the *skip
# connection*, or *shortcut*, the direct way that adds the input to the output. (Here the last ReLU, and the few
# projections, still stand on that road. He et al. (2016) cleared it with norm and ReLU *before* each convolution; the
# Transformer's block below is clear too.) What is added must have the same shape. Where the block changes the number of
# channels or, by a stride, the size, the shortcut *projects*: a 1×1 convolution with the block's stride and a batch norm,
# no more.
#
# **Exercise.** Write `BasicBlock`. The check loads weights by name, so use these: `conv1`, `bn1`, `conv2`, `bn2`, and
# `shortcut`, which is `nn.Identity()` (or an empty `nn.Sequential()`) wherever that fits, and a projection wherever it
# does not, stride 1 included. Both convolutions are 3×3 with padding 1 and without bias, as is the 1×1 one: the batch
# norm after each would take a bias away again. The stride is `conv1`'s and the projection's. The last ReLU comes after
# the sum.

# %% exercise="BasicBlock"
class BasicBlock(nn.Module):
    """ReLU(F(x) + x) with two 3×3 convolutions in F (He et al. 2015, Figure 2).

    x (N, in_channels, H, W) → (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(out_channels))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(h + self.shortcut(x))
        ### END SOLUTION

# %% check="BasicBlock" points=5
check.BasicBlock(BasicBlock)

# %% [markdown]
# What comes out of a block if nothing has been learned yet? Here the scale γ of its last batch norm is turned up from 0.
# At 0 the block *is* the identity (its input, after a ReLU, has no negative numbers).

# %% demo=true
with once_written("BasicBlock"):
    figure, axes = plt.subplots(1, 4, figsize=(7, 2))
    torch.manual_seed(0)
    block, digit = BasicBlock(1, 1), images[:64]
    for ax, scale in zip(axes, (0.0, 0.2, 0.5, 1.0)):
        nn.init.constant_(block.bn2.weight, scale)
        ax.imshow(block(digit)[3, 0].detach(), cmap="gray_r")
        ax.set(title=f"γ = {scale:g}", xticks=[], yticks=[])
        ax.grid(False)
    plots.alt("One digit after a block whose last scale γ is 0, 0.2, 0.5 and 1: at 0 it is as it "
              "came, and the larger γ, the more the block has changed it.")

# %% [markdown]
# ### A narrow passage
#
# Wide blocks are dear: a 3×3 convolution from 256 to 256 channels has $9 \cdot 256^2$ weights. For their deeper nets He
# et al. let a 1×1 convolution narrow the signal first, do the 3×3 work in the narrow part, and widen it again, to four
# times the narrow width:
#
# $$F = \mathrm{bn}_3 \circ \mathrm{conv}_3 \circ \mathrm{ReLU} \circ \mathrm{bn}_2 \circ \mathrm{conv}_2 \circ
# \mathrm{ReLU} \circ \mathrm{bn}_1 \circ \mathrm{conv}_1$$
#
# **Exercise.** Write `Bottleneck`: `conv1` is 1×1 to `width` channels, `conv2` 3×3 and bears the stride (the paper had it
# on `conv1`; most code has moved it), `conv3` 1×1 to 4·`width` channels, with `bn1`, `bn2`, `bn3` and `shortcut` as
# before. A 1×1 window needs no padding.

# %% exercise="Bottleneck"
class Bottleneck(nn.Module):
    """ReLU(F(x) + x) with 1×1, 3×3 and 1×1 convolutions in F (He et al. 2015, Figure 5).

    x (N, in_channels, H, W) → (N, 4·width, ⌈H / stride⌉, ⌈W / stride⌉).
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1):
        super().__init__()
        ### BEGIN SOLUTION
        out = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width)
        middle = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.conv2, self.bn2 = middle, nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out:
            resize = nn.Conv2d(in_channels, out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(resize, nn.BatchNorm2d(out))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        return F.relu(self.bn3(self.conv3(h)) + self.shortcut(x))
        ### END SOLUTION

# %% check="Bottleneck" points=4
check.Bottleneck(Bottleneck)

# %% [markdown]
# On 256 channels the bottleneck has about a seventeenth of the basic block's parameters, and three layers in place of
# two.

# %% demo=true
with once_written("BasicBlock", "Bottleneck"):
    for block in (BasicBlock(256, 256), Bottleneck(256, 64)):
        print(f"{type(block).__name__:>10}: {sum(p.numel() for p in block.parameters()):>9,}")

# %% [markdown]
# ## The whole network
#
# For small images He et al. stack the blocks in three stages. A *stem*, a 3×3 convolution with batch norm and ReLU,
# makes `width` channels. Then come $n$ basic blocks of that width, $n$ of twice the width, and $n$ of four times the
# width; the first block of the second stage and of the third halves the image with stride 2. A mean over the image
# that is left (*global average pooling*) gives one number per channel, whatever the image's size, and a linear *head*
# makes logits of them. Counting the layers with weights on the way, and not the projections beside it:
#
# $$\mathrm{depth} = 1 + 3 \cdot 2n + 1 = 6n + 2$$
#
# (The paper's nets for small images widened the shortcut with zeros; yours projects.)
#
# **Exercise.** Write `resnet`,
# from your blocks, as a module of any kind. A depth that is not $6n + 2$ with $n \ge 1$ raises an error, of any kind.
# `nn.Sequential(*layers)` makes a network of a list of layers; `nn.AdaptiveAvgPool2d(1)` and `nn.Flatten()` may end it.

# %% exercise="resnet"
def resnet(depth: int, width: int, num_classes: int, in_channels: int = 1) -> nn.Module:
    """A residual network of 6n + 2 layers (He et al. 2015, section 4.2), with projections.

    (N, in_channels, H, W) → logits (N, num_classes). Another depth raises an error.
    """
    ### BEGIN SOLUTION
    n, rest = divmod(depth - 2, 6)
    if n < 1 or rest:
        raise ValueError(f"depth must be 6n + 2, not {depth}")
    stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
    layers = [stem, nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for out, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        for number in range(n):
            layers.append(BasicBlock(channels, out, stride if number == 0 else 1))
            channels = out
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]
    return nn.Sequential(*layers)
    ### END SOLUTION

# %% check="resnet" points=5
check.resnet(resnet)

# %% [markdown]
# ### Deeper is worse, and then it is not
#
# Now for the experiment of He et al. in small. To take the skips out of your network and leave all else alone, each
# shortcut is replaced by one that gives 0. Nets of 20 and of 56 layers learn the digits for eight epochs, with AdamW
# and one-cycle, in both kinds.

# %%
class Nothing(nn.Module):
    """A shortcut that lets nothing through."""

    def forward(self, x):
        return torch.zeros((), dtype=x.dtype)


def plain(net: nn.Module) -> nn.Module:
    """The same network without its skips, changed in place."""
    for module in net.modules():
        if hasattr(module, "shortcut"):
            module.shortcut = Nothing()
    return net

# %%
def taught(net: nn.Module, x, y, epochs: int = 8, peak: float = 0.01, seed: int = 0) -> list[float]:
    """Train `net` in place by AdamW, the rate on one cycle up to `peak`; the loss of each epoch."""
    optimizer = torch.optim.AdamW(net.parameters(), peak, weight_decay=0.05)
    steps = epochs * math.ceil(len(x) / 128)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps)
    optimizer.register_step_post_hook(lambda *_: cycle.step())
    return fit(net, x, y, optimizer, F.cross_entropy, epochs, 128, seed, "training")

# %%
def race(depth: int, skip: bool, seed: int = 0, epochs: int = 8, prepare=None) -> tuple:
    """Train a net, residual or plain: losses, net. `prepare`, if given, changes it before."""
    torch.manual_seed(seed)
    net = resnet(depth, 8, 10) if skip else plain(resnet(depth, 8, 10))
    if prepare is not None:
        prepare(net)
    return taught(net, images, y_train, epochs, seed=seed), net


racers = {}


def racer(depth: int, skip: bool) -> tuple[list, nn.Module]:
    """What `race` gives; each racer is trained once."""
    if (depth, skip) not in racers:
        racers[depth, skip] = race(depth, skip)
    return racers[depth, skip]

# %% demo=true
with once_written("BasicBlock", "resnet"):
    racers.clear()  # so that this cell, run again, trains anew
    figure, axes = plt.subplots(1, 2, sharey=True)
    for depth, skip in ((20, False), (56, False), (20, True), (56, True)):
        plots.losses(racer(depth, skip)[0], axes[int(skip)], label=f"{depth} layers")
    axes[0].set(title="plain", ylim=(0, 2.5))
    axes[1].set(title="residual", ylabel="")
    axes[1].legend()

# %% [markdown]
# Of the plain nets the deeper one is far worse, on the data that it is trained on. With skips the two differ little, at
# this rate and in eight epochs. On CIFAR-10 He et al. found the plain net of 56 layers worse than that of 20, but the
# residual one better, and that of 110 better still.
#
# ### Why?
#
# "Vanishing gradients" is the usual answer, and it is half of it. Move the depth: here is the size of each
# convolution's gradient before the first step. Without normalization the plain net's gradients vanish, in every layer
# alike: the signal fades on its way forward, the gradient on its way back, and each layer's gradient is a product of
# the two. (The initial weights decide how fast, and on such small images also the padding: much of each window lies on
# its zeros.) With batch norm they *explode* on their way back to the first layer, as Yang et al. (2019) derived; the
# residual net with batch norm is the one that stays in between. And what becomes of the residual net without
# normalization?

# %% demo=true
explore.gradients()

# %% [markdown]
# So it takes the two together: skips without any normalization (or careful initial weights: Zhang et al. 2019) make
# signals *grow*, block by block. With both, batch norm keeps each branch small beside its skip, the smaller the deeper
# the net, so that blocks start near the identity (De and Smith 2020). Size is not all: He et al. found healthy gradients
# in their plain net of 34 layers, and AdamW, used here, divides them by their size anyway. Balduzzi et al. (2017) saw
# that in deep plain nets gradients of nearby inputs have little to do with one another, so that a step that helps one
# hurts the next; with skips that likeness is lost far more slowly. Li et al. (2018) drew loss landscapes, jagged without
# skips and smooth with them. What the best explanation is, is still argued over.
#
# ### Many short nets in one
#
# Write two residual steps out (without the ReLUs after the sums): $x + F_1(x) + F_2(x + F_1(x))$. There are paths
# through both branches, through one, and one through none; with $n$ blocks $2^n$ paths, most of middling length. If a
# network really works as such a crowd (Veit et al. 2016), it should bear the loss of any one block. To take a block out
# of the trained nets, let it hand on its input:

# %%
def without_each_block(net: nn.Module) -> list[float]:
    """The accuracy on new digits without one block, for each that keeps its input's shape."""
    scores = []
    blocks = [module for module in net.modules() if hasattr(module, "shortcut")]
    for block in blocks:
        if block.conv1.in_channels != block.conv2.out_channels:
            continue  # it projects: its input does not fit in its place
        hook = block.register_forward_hook(lambda block, given, output: given[0])
        scores.append(accuracy(net, new_images, y_test))
        hook.remove()
    return scores

# %% demo=true
with once_written("BasicBlock", "resnet"):
    figure, ax = plt.subplots()
    for (depth, skip), marker in {(56, True): "o", (20, True): "s", (20, False): "X"}.items():
        net = racer(depth, skip)[1]
        scores = without_each_block(net)
        whole = accuracy(net, new_images, y_test)
        place = [(number + 0.5) / len(scores) for number in range(len(scores))]
        name = f"{'residual' if skip else 'plain'}, {depth} layers: {whole:.0%} whole"
        ax.plot(place, scores, marker=marker, label=name)
    ax.set(xlabel="where the missing block stood: 0 the stem, 1 the head", ylim=(0, 1.05),
           ylabel="accuracy on new digits")
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.45))

# %% [markdown]
# The plain net of 20 layers is ruined whichever block it loses. (That of 56 is left out: even whole it is poor.) The
# residual nets hardly notice, except in their first blocks. The count of paths does not say why: every block is on half
# of them. (Blocks that project were left in.) Veit et al. saw this on CIFAR-10, and that in a net of 110 layers most of
# the gradient came by paths of only 10 to 34 layers. It is no proof of a crowd that votes: Greff et al. (2017) read the
# same finding as blocks that refine one estimate step by step.
#
# ## Keep everything
#
# Adding mixes what the layers found. A *dense* block keeps it apart (Huang et al. 2017): each layer is given all that
# there is so far, side by side along the channels, and adds `growth` new channels of its own:
#
# $$h_k = \mathrm{layer}_k\left([x, h_1, \dots, h_{k-1}]\right), \qquad
# \mathrm{layer} = \mathrm{conv} \circ \mathrm{ReLU} \circ \mathrm{bn}$$
#
# Every layer has a short way to the input and to the loss, and can be thin, since nothing need be remembered twice.
#
# **Exercise.** Write `DenseBlock`. Each layer is batch norm, ReLU, a 3×3 convolution with padding 1 and without bias (no
# 1×1 convolution before it, as some versions have). What comes out is $[x, h_1, \dots, h_{\mathrm{layers}}]$, in this
# order, joined by `torch.cat`. Layers kept in a list belong to the module only if it is an `nn.ModuleList`. Names are
# yours to choose.

# %% exercise="DenseBlock"
class DenseBlock(nn.Module):
    """Layers that each see the input and all features before them (Huang et al. 2017, Figure 1).

    x (N, in_channels, H, W) → (N, in_channels + growth·layers, H, W).
    """

    def __init__(self, in_channels: int, growth: int, layers: int):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList()
        for number in range(layers):
            seen = in_channels + number * growth
            conv = nn.Conv2d(seen, growth, 3, padding=1, bias=False)
            self.layers.append(nn.Sequential(nn.BatchNorm2d(seen), nn.ReLU(), conv))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ### BEGIN SOLUTION
        for grow in self.layers:
            x = torch.cat([x, grow(x)], dim=1)
        return x
        ### END SOLUTION

# %% check="DenseBlock" points=4
check.DenseBlock(DenseBlock)

# %% [markdown]
# How far does it come with few parameters? Here is one dense block of eight layers as a whole classifier, beside your
# residual net of 20 layers from above.

# %%
def dense_net(seed: int = 0) -> nn.Module:
    """A stem of 8 channels, a dense block that adds 8 layers of 6, and a head."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), DenseBlock(8, 6, 8),
                         nn.BatchNorm2d(56), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                         nn.Linear(4 * 56, 10))

# %% demo=true
with once_written("BasicBlock", "resnet", "DenseBlock"):
    small = dense_net()
    history = taught(small, images, y_train)
    figure, ax = plt.subplots(figsize=(7, 2.6))
    for name, losses, net in (("dense", history, small), ("residual", *racer(20, True))):
        count = sum(p.numel() for p in net.parameters())
        score = accuracy(net, new_images, y_test)
        plots.losses(losses, ax, label=f"{name}: {count:,} parameters, {score:.0%} on new digits")
    ax.legend()

# %% [markdown]
# At least as far, with less than a quarter of the parameters. (One per cent of 360 new digits is 3 or 4 of them, so a
# small gap says little.) And it is no fair race: the dense net's head still sees four places, the other's one mean.
#
# ## Skip at random
#
# If a residual net bears the loss of a block, one may leave blocks out in training on purpose: *stochastic depth*
# (Huang et al. 2016). For each sample a coin decides whether the branch is used; the skip always is. The net trained is
# shorter on average, and it cannot lean on any one block, much as with dropout (lesson 6). With a probability $p$ of
# dropping the branch, and $m$ either 0 or 1, drawn once per sample:
#
# $$y = x + \frac{m}{1 - p}\,F(x) \quad \text{in training}, \qquad y = x + F(x) \quad \text{afterwards}$$
#
# Dividing by $1 - p$ keeps the mean the same, so that nothing need be changed afterwards. (The paper draws once for a
# whole batch, which saves the work of the branch, and scales the branch afterwards instead.)
#
# **Exercise.** Write `stochastic_depth`. The branch is a function; you may call it on all samples and throw results
# away. Draw from torch's global generator, as `torch.rand` does when given none. $p$ is from 0 to 1, both included:
# with $p = 1$ in training $x$ alone is left.

# %% exercise="stochastic_depth"
def stochastic_depth(x: torch.Tensor, branch, p: float, training: bool) -> torch.Tensor:
    """x + branch(x), in training with the branch dropped from each sample with probability p.

    x (N, …); what is kept in training is scaled by 1 / (1 − p).
    """
    ### BEGIN SOLUTION
    if not training:
        return x + branch(x)
    if p == 1:
        return x.clone()
    kept = (torch.rand(len(x)) >= p).to(x.dtype).view(-1, *[1] * (x.dim() - 1))
    return x + branch(x) * kept / (1 - p)
    ### END SOLUTION

# %% check="stochastic_depth" points=4
check.stochastic_depth(stochastic_depth)

# %% [markdown]
# Huang et al. drop early blocks seldom and late ones often: block $l$ of $L$ with probability $\frac{l}{2L}$. How many of
# $L = 54$ blocks, the blocks of their net of 110 layers, are active? Your function, for 2000 samples, with a branch that
# counts:

# %%
def active_blocks(samples: int = 2000, blocks: int = 54, seed: int = 0) -> torch.Tensor:
    """How many branches are kept for each sample, int64 (samples,)."""
    torch.manual_seed(seed)
    count = torch.zeros(samples)
    for number in range(1, blocks + 1):
        added = stochastic_depth(torch.zeros(samples), torch.ones_like, number / (2 * blocks), True)
        count += added > 0
    return count.long()

# %% demo=true
with once_written("stochastic_depth"):
    figure, ax = plt.subplots(figsize=(7, 2.6))
    active = active_blocks()
    ax.hist(active.tolist(), bins=[n - 0.5 for n in range(25, 56)], color=plots.COLOURS[0])
    ax.axvline(active.float().mean(), color=plots.COLOURS[1], linestyle="--")
    ax.annotate(f"mean {active.float().mean():.1f}", (active.float().mean() + 0.4, 20),
                bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1})
    ax.set(xlabel="active blocks of 54", ylabel="samples")

# %% [markdown]
# ## Layers that look around
#
# A convolution gives each place a weighted sum of its neighbours, with the same weights everywhere. In a photograph
# that is a good beginning. In a sentence, the word that matters may be the one before or one thirty words back, and
# which it is depends on what the words *are*. What is needed is a layer that finds out, for each input, where to look.
#
# *Attention* is that layer (Bahdanau et al. 2014 for translation; Vaswani et al. 2017 as the main part of a net, the
# *Transformer*). Each place sends out a *query* $q$, what it is looking for, and offers a *key* $k$, what it can be
# found by, and a *value* $v$, what it passes on. All three are vectors, and all are learned. How well a query fits a
# key is their dot product; a softmax (lesson 2) makes of these scores weights that sum to 1; and what comes out is the
# values, mixed by the weights. With the vectors of all places as rows of matrices:
#
# $$\mathrm{attention}(q, k, v) = w\,v, \qquad w = \mathrm{softmax}\left(\frac{q\,k^\top}{\sqrt d}\right)$$
#
# The softmax runs along each row: every query shares out a weight of 1 among the keys. Why $\sqrt d$? For $d$
# independent entries of mean 0 and variance 1, $q \cdot k$ is a sum of $d$ products and has variance $d$. Wide vectors
# would make large scores, and a softmax of large scores is nearly all 1 and 0 and lets hardly any gradient through.
#
# A *mask* says who may look where. It is True where a query may look at a key. Where it is False, the weight must be 0,
# and the others of the row must still sum to 1, so the mask has to act before the softmax: $e^{-\infty} = 0$. One case
# needs care. If a row's mask is all False, the softmax divides 0 by 0.
#
# **Exercise.** Write `attention`. $q$ is (…, T, d), $k$ (…, S, d) and $v$ (…, S, e), with any axes in front; the mask
# broadcasts to (…, T, S). A query that may look nowhere gets weights of 0 and an output of 0, and gradients stay
# finite. `masked_fill(where, number)` is handy, and so is `.transpose(-2, -1)`, which swaps the last two axes.

# %% exercise="attention"
def attention(q, k, v, mask=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix values by how well keys fit queries (Vaswani et al. 2017, equation 1).

    q (…, T, d), k (…, S, d), v (…, S, e); mask bool, broadcastable to (…, T, S), True = may look.
    Returns the mixed values (…, T, e) and the weights (…, T, S).
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        blind = ~mask.any(-1, keepdim=True)
        scores = scores.masked_fill(~(mask | blind), -math.inf)
    weights = torch.softmax(scores, -1)
    if mask is not None:
        weights = weights.masked_fill(blind, 0.0)
    return weights @ v, weights
    ### END SOLUTION

# %% check="attention" points=4
check.attention(attention)

# %% [markdown]
# What the root is good for: random queries and sixteen random keys, narrow and wide. Without the root nearly all the
# weight of a wide query goes to one key, before anything has been learned.

# %%
def largest_weight(d: int, scaled: bool = True, seed: int = 0) -> float:
    """The largest of 16 weights, a mean over 200 random queries of width d."""
    generator = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(200, n, d, generator=generator) for n in (1, 16))
    _, weights = attention(q if scaled else q * math.sqrt(d), k, k)
    return weights.amax(-1).mean().item()

# %% demo=true
with once_written("attention"):
    figure, ax = plt.subplots(figsize=(7, 2.6))
    widths = [2 ** power for power in range(1, 11)]
    ax.plot(widths, [largest_weight(d, scaled=False) for d in widths], label="q·k")
    ax.plot(widths, [largest_weight(d) for d in widths], label="q·k / √d")
    ax.axhline(1 / 16, color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("all alike: 1/16", (2, 0.09))
    ax.set(xscale="log", xlabel="width d", ylabel="largest weight", ylim=(0, 1.03))
    ax.legend(loc="center right")

# %% [markdown]
# ## Several heads, and no look ahead
#
# In *self-attention* queries, keys and values all come from the same sequence $x$, by three linear maps. One softmax
# can hardly look for two things at once, so the width $d_{\text{model}}$ is cut into several *heads*, runs of $d =
# d_{\text{model}} / \text{heads}$ features, each with its own weights. Their outputs, side by side again, go through a
# last linear map:
#
# $$q, k, v = \mathrm{qkv}(x), \qquad \mathrm{head}_i = \mathrm{attention}(q_i, k_i, v_i), \qquad
# \mathrm{out}(\mathrm{head}_1, \mathrm{head}_2, \dots)$$
#
# A model that predicts the next character must not see it. So place $t$ may look at places up to $t$, itself included:
# the mask is a lower triangle (`torch.tril`), and the layer is *causal*. The gain is great: from one pass over a text
# of 32 characters, 32 predictions are learned, each from its own past.
#
# **Exercise.** Write `MultiHeadAttention`, always causal. For the check, two layers need these names and forms:
# `qkv`, from $d_{\text{model}}$ to $3\,d_{\text{model}}$ features, of which the first third is $q$, the next $k$, the
# last $v$; and `out`, from $d_{\text{model}}$ to $d_{\text{model}}$; both `nn.Linear` with a bias. Within a third, the
# first $d$ features are head 1's, the next $d$ head 2's. If the heads do not divide the width, raise an error. PyTorch's
# `F.scaled_dot_product_attention` is allowed now, `nn.MultiheadAttention` is not.

# %% exercise="MultiHeadAttention"
class MultiHeadAttention(nn.Module):
    """Causal self-attention: x (N, T, d_model) → (N, T, d_model). Layers: qkv and out."""

    def __init__(self, d_model: int, heads: int):
        """Raises an error where heads do not divide d_model."""
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % heads:
            raise ValueError(f"{heads} heads do not divide a width of {d_model}")
        self.heads = heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Each place mixes what it and the places before it offer."""
        ### BEGIN SOLUTION
        n, t, d_model = x.shape
        parts = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (part.reshape(n, t, self.heads, -1).transpose(1, 2) for part in parts)
        past = torch.ones(t, t, dtype=torch.bool).tril()
        mixed, _ = attention(q, k, v, past)
        return self.out(mixed.transpose(1, 2).reshape(n, t, d_model))
        ### END SOLUTION

# %% check="MultiHeadAttention" points=5
check.MultiHeadAttention(MultiHeadAttention)

# %% [markdown]
# Who depends on whom? Twelve places, random weights, and the size of the gradient of each output with respect to each
# input: below the diagonal there is some, above it exactly none.

# %%
def dependence(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The gradient norm of output t by input s, a matrix (T, T), for x (T, d_model)."""
    slopes = torch.autograd.functional.jacobian(lambda x: layer(x[None])[0], x)  # (T, d, T, d)
    return slopes.square().sum((1, 3)).sqrt()

# %% demo=true
with once_written("attention", "MultiHeadAttention"):
    torch.manual_seed(0)
    figure, ax = plt.subplots(figsize=(4.2, 3.4))
    seen = dependence(MultiHeadAttention(16, 4), torch.randn(12, 16))
    image = ax.imshow(seen.log10(), cmap="cividis", vmin=-1.5)
    figure.colorbar(image, label="gradient norm, power of 10")
    ax.set(xlabel="input", ylabel="output", xticks=range(0, 12, 2), yticks=range(0, 12, 2))
    ax.grid(False)
    plots.alt("How strongly each of 12 outputs depends on each of 12 inputs: some on the diagonal "
              "and below it, not at all above it.")

# %% [markdown]
# Something is still missing: order. But for its mask, attention treats what it sees as a set: shuffle the places and
# the outputs are shuffled alike. So a model has to say where each item stands. The simplest way adds a learned vector
# for each position to the item's own. The original added sines and cosines of the position instead, and found that the
# two do nearly equally well (Vaswani et al. 2017).
#
# ## The block
#
# Attention moves information between places. What is done with it at each place is the work of an MLP, applied to every
# place alike. Both are branches of a residual block, as you know it, and in front of each stands a layer norm (lesson
# 7):
#
# $$x \leftarrow x + \mathrm{attention}(\mathrm{norm}(x)), \qquad x \leftarrow x + \mathrm{mlp}(\mathrm{norm}(x))$$
#
# Here "attention" is the whole multi-head layer, and each sum has a norm of its own. The MLP widens to
# `mlp_ratio` times the width, bends, and comes back. From input to output the main road has nothing on it but
# additions: with every parameter 0 the block gives $x$ back.
#
# **Exercise.** Write `TransformerBlock`, causal, without dropout: two norms, the attention, and an MLP of two linear
# layers with biases and a ReLU, GELU or SiLU between them. You may use `nn.LayerNorm` and `nn.Sequential`, and now
# `nn.MultiheadAttention` as well. Names are yours to choose. PyTorch's own Transformer layers are off limits.

# %% exercise="TransformerBlock"
class TransformerBlock(nn.Module):
    """A pre-norm Transformer block: x (N, T, d_model) → (N, T, d_model), causal."""

    def __init__(self, d_model: int, heads: int, mlp_ratio: int = 4):
        """The MLP's hidden layer has mlp_ratio · d_model units."""
        super().__init__()
        ### BEGIN SOLUTION
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = MultiHeadAttention(d_model, heads)
        self.norm2 = nn.LayerNorm(d_model)
        self.mlp = nn.Sequential(nn.Linear(d_model, mlp_ratio * d_model), nn.GELU(),
                                 nn.Linear(mlp_ratio * d_model, d_model))
        ### END SOLUTION

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to x what attention finds, and to that what the MLP makes of it."""
        ### BEGIN SOLUTION
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))
        ### END SOLUTION

# %% check="TransformerBlock" points=4
check.TransformerBlock(TransformerBlock)

# %% [markdown]
# ### Before or after the sum
#
# The original block normalised *after* each sum, on the main road: $x \leftarrow \mathrm{norm}(x + \mathrm{branch}(x))$,
# *post-norm*. Lesson 5 trained such a net, and at a high rate it was lost without warm-up. Xiong et al. (2020) show that
# in post-norm the gradients near the output are large at the start, and well behaved in pre-norm, so that warm-up can be
# left out. Here are both orders with your attention: eight blocks read a digit as eight rows of pixels, by Adam, at the
# same rate, 0.01.

# %%
class PostNormBlock(nn.Module):
    """The order of the original: the norm stands on the main road, after each sum."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attend, self.first = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(),
                                   nn.Linear(4 * width, width))
        self.second = nn.LayerNorm(width)

    def forward(self, x):
        x = self.first(x + self.attend(x))
        return self.second(x + self.think(x))

# %%
class RowReader(nn.Module):
    """Reads a digit (N, 64) row by row; logits (N, 10) from the last row."""

    def __init__(self, block, depth: int = 8, width: int = 32):
        super().__init__()
        self.embed, self.position = nn.Linear(8, width), nn.Embedding(8, width)
        self.blocks = nn.Sequential(*[block(width, 4) for _ in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, x):
        rows = self.embed(x.view(-1, 8, 8)) + self.position.weight
        return self.head(self.blocks(rows)[:, -1])

# %%
def read_rows(block, warmup: int, lr: float = 0.01, steps: int = 150, seed: int = 0) -> list:
    """The loss of each step by Adam: `warmup` steps up to lr, which then falls to 0."""
    x, y, _, _ = digits()
    torch.manual_seed(seed)
    model, losses = RowReader(block), []
    optimizer = torch.optim.Adam(model.parameters(), lr)
    rate = lambda n: min((n + 1) / (warmup + 1), (steps - n) / (steps - warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for _ in progress(range(steps), f"warm-up {warmup}"):
        chosen = torch.randint(len(x), (32,))
        loss = F.cross_entropy(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses

# %% demo=true
with once_written("attention", "MultiHeadAttention", "TransformerBlock"):
    figure, ax = plt.subplots()
    for block, warmup in ((PostNormBlock, 0), (PostNormBlock, 50), (TransformerBlock, 0)):
        kind = "post-norm" if block is PostNormBlock else "pre-norm"
        losses = read_rows(block, warmup)
        means = [sum(losses[max(0, n - 14):n + 1]) / len(losses[max(0, n - 14):n + 1])
                 for n in range(len(losses))]
        words = f"{warmup} steps of warm-up" if warmup else "no warm-up"
        ax.plot(means, label=f"{kind}, {words}")
    ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("guessing: log 10", (149, 2.1), ha="right")
    ax.set(xlabel="step", ylabel="training loss, mean of 15 steps", ylim=(0, 3))
    ax.legend(loc="lower left")

# %% [markdown]
# Post-norm without warm-up stays at guessing. With 50 steps of warm-up the same net learns; pre-norm learns without
# any. This is one rate, and a high one: at lower rates post-norm may need no warm-up either (lesson 5). Which order is
# better once both train is a question of its own.
#
# ## A model that writes
#
# One block, many kinds of data: yours has read digits row by row, and text is next. Cut into patches it takes photographs
# (Dosovitskiy et al. 2020), cut into moments speech (Radford et al. 2022). That one architecture serves so many fields
# is a strength of deep learning. It has a price: with no more to learn from than the million pictures of ImageNet, the
# photographs' Transformer fell a few points behind residual networks of its size.
#
# Now to a task that made attention famous: given the characters so far, what is the next one? A model answers with a
# probability for each. How good it is on text it has never seen is measured in *bits per character*: the mean of $-\log_2
# p(c)$ over the characters $c$ that did follow. It is the cross-entropy in another unit. Guessing among 75 characters
# costs $\log_2 75 = 6.2$ bits.
#
# The text is this course's own, 62 000 characters of lessons 1 to 5. One paragraph in ten is for choosing between
# models, another one in ten for the final measurement.

# %%
TEXT = prose()
CHARACTERS = sorted(set(TEXT))
NUMBER = {c: number for number, c in enumerate(CHARACTERS)}


def split_text(seed: int = 0) -> tuple[str, str, str]:
    """Training, validation and test text: whole paragraphs, dealt out by the seed."""
    lines = TEXT.splitlines(keepends=True)
    shuffled = torch.randperm(len(lines), generator=torch.Generator().manual_seed(seed)).tolist()
    tenth = len(lines) // 10
    cuts = shuffled[2 * tenth:], shuffled[:tenth], shuffled[tenth:2 * tenth]
    return tuple("".join(lines[i] for i in sorted(cut)) for cut in cuts)

# %% [markdown]
# ### Counting
#
# Shannon (1951) predicted English from counts: how often did each letter follow these last $n - 1$? Such a model is an
# *$n$-gram*. From statistics of letters and words, with effects over up to eight letters, he put English at about 2.3
# bits a letter; from people who guessed the next letter, knowing a hundred, at 0.6 to 1.3.
#
# Long contexts say more, but most of them never occurred in the training text. So each length falls back on the one
# below it. With $h$ the last $n - 1$ characters and $h'$ the same without the first of them,
#
# $$p_n(c \mid h) = \frac{\mathrm{count}(h\,c) + k\,p_{n-1}(c \mid h')}{\mathrm{count}(h) + k}$$
#
# Where $h$ is common the counts decide, where it is rare the shorter context does; $k$ says how much is common. At the
# bottom, $p_0$ is the same for all characters.

# %%
def count(text: str, longest: int = 7) -> dict:
    """How often each character followed each context of up to longest − 1, and "all" of them."""
    counts = defaultdict(Counter)
    for i, c in enumerate(text):
        for n in range(min(longest, i + 1)):
            counts[text[i - n:i]].update((c, "all"))
    return counts


def ngram_bits(counts: dict, text: str, k: float, longest: int = 7) -> list[float]:
    """Bits per character of text for n = 1, 2, …, longest."""
    bits = [0.0] * longest
    for i, c in enumerate(text):
        p = 1 / len(CHARACTERS)
        for n in range(longest):
            seen = counts.get(text[i - n:i]) if n <= i else None
            if seen:
                p = (seen[c] + k * p) / (seen["all"] + k)
            bits[n] -= math.log2(p) / len(text)
    return bits

# %% [markdown]
# ### Attending
#
# The model: a vector for each character and one for each position, some dropout on them (lesson 6), two of your blocks,
# a norm, and a linear layer to 75 logits. It sees 32 characters, no more.

# %%
class CharacterModel(nn.Module):
    """Predicts the next character after each: (N, T) numbers → (N, T, 75) logits."""

    def __init__(self, width: int = 64, heads: int = 4, depth: int = 2, context: int = 32):
        super().__init__()
        self.context = context
        self.characters = nn.Embedding(len(CHARACTERS), width)
        self.positions = nn.Embedding(context, width)
        for table in (self.characters, self.positions):
            nn.init.normal_(table.weight, std=0.1)
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.Sequential(*[TransformerBlock(width, heads) for _ in range(depth)])
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(CHARACTERS)))

    def forward(self, numbers):
        items = self.characters(numbers) + self.positions.weight[:numbers.shape[1]]
        return self.last(self.blocks(self.dropout(items)))

# %% [markdown]
# It is measured in windows that overlap by half, and only in the second half of each, so that every prediction has at
# least 16 characters to go by (but for the first 16 of all).

# %%
def numbers_of(text: str) -> torch.Tensor:
    """The characters' numbers, int64 (len(text),)."""
    return torch.tensor([NUMBER[c] for c in text])


@torch.no_grad()
def model_bits(model: CharacterModel, text: str) -> float:
    """Bits per character of text, in eval mode."""
    model.eval()
    windows = numbers_of(text).unfold(0, model.context + 1, model.context // 2)
    losses = F.cross_entropy(model(windows[:, :-1]).mT, windows[:, 1:], reduction="none")
    model.train()
    half = model.context // 2
    return torch.cat([losses[0, :half], losses[:, half:].flatten()]).mean().item() / math.log(2)

# %% [markdown]
# There is little text and little time, so the optimizer matters. Muon (lesson 4) takes the blocks' matrices, AdamW the
# rest. Rate, dropout and number of steps were chosen on the validation text too.

# %%
def optimizers_for(model: nn.Module, steps: int) -> list:
    """Muon for the blocks' matrices and AdamW for the rest, each with its schedule."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if not any(p is matrix for matrix in matrices)]
    pair = [Muon(matrices, lr=0.015), torch.optim.AdamW(others, 0.006, betas=(0.9, 0.98))]
    rate = lambda n: min((n + 1) / 32, (steps - n) / steps)
    return [(each, torch.optim.lr_scheduler.LambdaLR(each, rate)) for each in pair]

# %%
@functools.cache
def learn_text(steps: int = 1600, seed: int = 0, every: int = 200) -> tuple:
    """A trained model, and its bits per character on the validation text every so many steps."""
    training, validation, _ = split_text(seed)
    torch.manual_seed(seed)
    model, numbers, history = CharacterModel(), numbers_of(training), []
    pairs, window = optimizers_for(model, steps), torch.arange(model.context + 1)
    for step in progress(range(1, steps + 1), "reading the course"):
        batch = numbers[torch.randint(len(numbers) - model.context, (16, 1)) + window]
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        model.zero_grad()
        loss.backward()
        for optimizer, schedule in pairs:
            optimizer.step()
            schedule.step()
        if step % every == 0:
            history.append(model_bits(model, validation))
    return model, history

# %% [markdown]
# The $n$-grams get the same care: of all $n$ up to 7 and six values of $k$, the best pair on the validation text.

# %%
def best_ngram(seed: int = 0) -> dict:
    """Validation bits by k and n, the best (n, k) by them, and its bits on the test text."""
    training, validation, test = split_text(seed)
    counts = count(training)
    table = {k: ngram_bits(counts, validation, k) for k in (1, 2, 4, 8, 16, 32)}
    k = min(table, key=lambda k: min(table[k]))
    n = table[k].index(min(table[k])) + 1
    return {"table": table, "n": n, "k": k, "test": ngram_bits(counts, test, k)[n - 1]}

# %% demo=true
with once_written("attention", "MultiHeadAttention", "TransformerBlock"):
    counted, (writer, history) = best_ngram(), learn_text()
    test = model_bits(writer, split_text()[2])
    figure, axes = plt.subplots(1, 2, sharey=True)
    for k in (1, 4, 16):
        axes[0].plot(range(1, 8), counted["table"][k], marker="o", label=f"k = {k}")
    axes[0].set(xlabel="n", ylabel="bits per character", title="n-grams, validation text",
                ylim=(2, 4.6))
    axes[1].plot(range(200, 1601, 200), history, marker="o", label="validation text")
    best = f"best n-gram: n = {counted['n']}, k = {counted['k']}"
    axes[1].axhline(min(counted["table"][counted["k"]]), color=plots.COLOURS[1], linestyle="--")
    axes[1].annotate(best, (200, min(counted["table"][counted["k"]]) - 0.14))
    words = f"Transformer; test text: {test:.2f} against {counted['test']:.2f}"
    axes[1].set(xlabel="step", title=words)
    for ax in axes:
        ax.legend()

# %% [markdown]
# The model passes every $n$-gram, though the best of them by little: of those that we tried, with one way of smoothing;
# on 50 000 characters, well-smoothed counts are a strong rival, and with $k = 1$ they are far worse. Each seed deals
# out other paragraphs, and the order is the same for the three that we tried. Counts know a context only if it occurred
# letter by letter; the Transformer can also use what is alike without being equal, and it is that which pays as text
# and model grow.
#
# Let it write. Each character is drawn from the model's own prediction, at a temperature of 0.6 (lesson 2), and becomes
# part of what the next prediction sees.

# %%
@torch.no_grad()
def write(model: CharacterModel, start: str, length: int = 420, seed: int = 0) -> str:
    """Go on after `start`, one drawn character at a time."""
    model.eval()
    generator, numbers = torch.Generator().manual_seed(seed), numbers_of(start)
    for _ in range(length):
        logits = model(numbers[None, -model.context:])[0, -1]
        chances = torch.softmax(logits / 0.6, 0)
        numbers = torch.cat([numbers, torch.multinomial(chances, 1, generator=generator)])
    return "".join(CHARACTERS[number] for number in numbers)

# %% demo=true
with once_written("attention", "MultiHeadAttention", "TransformerBlock"):
    figure, ax = plt.subplots(figsize=(7, 1.3))
    written = write(learn_text()[0], "The gradient ")
    lines = [textwrap.fill(line, 84) for line in written.splitlines()]
    ax.text(0, 1, "\n".join(lines[:9]), va="top", family="monospace", fontsize=8)
    ax.set_axis_off()

# %% [markdown]
# Mostly words of the course, the shape of its sentences, and no meaning. It has read what you have read in five
# lessons, some sixteen times over. Large language models are stacks of the block that you wrote, wider and deeper, that
# have read trillions of *tokens*, pieces of words (Llama 3: 15 trillion; Dubey et al. 2024). They translate, summarise,
# answer questions, hold conversations and write code, and take up a new task from a few examples in the text that they
# are to go on with, without a step of training (Brown et al. 2020). Whether such abilities come suddenly with size, as
# Wei et al. (2022) describe, or only seem to, by the way they are measured (Schaeffer et al. 2023), is disputed.
#
# ## What a head looks at
#
# Here is a smaller model, trained the same way for a few hundred steps when the picture is first drawn. Choose a layer,
# a head and a place: the bars are the weights with which that place looks back. In its first layer some heads look mostly
# at the last few places. Where do those of the second layer look? Does any head find where a word begins?
#
# A map of weights is no explanation yet. It says where a head looks, not what it makes of it, and very different maps can
# come with the same prediction (Jain and Wallace 2019; but see Wiegreffe and Pinter 2019).

# %% demo=true
explore.attention_maps()

# %% [markdown]
# ## Where does it look?
#
# Dozens of layers decide, and nobody can read them. A first question to ask is how much the score of a class would
# change with each pixel (Simonyan et al. 2013). That is a gradient, with respect to the image instead of the weights.
# For the logit $s_t$ of a target class $t$ and channels $c$:
#
# $$\mathrm{saliency}_{ij} = \max_c \left|\frac{\partial s_t}{\partial x_{c i j}}\right|$$
#
# One backward pass serves a whole batch: the sum of the images' scores has, with respect to each image, that image's own
# gradient (in eval mode, where batch norm does not mix them).
#
# **Exercise.** Write `saliency`. The model comes in eval mode and stays in it. Leave no trace: `.grad` and
# `requires_grad`, of `x` and of each parameter, are afterwards what they were before. `logits.gather(1, target[:,
# None])` picks one logit of each row; `torch.autograd.grad(number, tensor)` gives a gradient and writes it nowhere.

# %% exercise="saliency"
def saliency(model: nn.Module, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """How much the target's logit changes with each pixel; the largest over the channels.

    x (N, C, H, W), target (N,) int64; `model` gives logits. Returns (N, H, W), without a graph.
    """
    ### BEGIN SOLUTION
    leaf = x.detach().clone().requires_grad_()
    score = model(leaf).gather(1, target[:, None]).sum()
    slope, = torch.autograd.grad(score, leaf)
    return slope.abs().amax(1)
    ### END SOLUTION

# %% check="saliency" points=4
check.saliency(saliency)

# %% [markdown]
# Choose a digit, and ask your residual net of 20 layers about its own class or about another one. Which pixels bear
# on its score for a 3 when it sees an 8? The map says how strongly, not which way.

# %% demo=true
with once_written("BasicBlock", "resnet", "saliency"):
    display(explore.pixels(saliency, racer(20, True)[1].eval(), new_images[:40], y_test[:40]))

# %% [markdown]
# How good is such a map? One test is cheap: cover the pixels it names and see what becomes of the answer. Below, the 10
# pixels of the highest saliency are set to the mean brightness, or 10 drawn at random, or the 10 of the lowest.

# %%
def accuracy_without(net: nn.Module, choose, pixels: int = 10) -> float:
    """The accuracy on new digits once the pixels with the highest choose(x) (N, 8, 8) are gray."""
    ranks = choose(new_images).flatten(1).argsort(1, descending=True)[:, :pixels]
    covered = new_images.flatten(1).scatter(1, ranks, images.mean().item())
    return accuracy(net, covered.view_as(new_images), y_test)

# %% demo=true
with once_written("BasicBlock", "resnet", "saliency"):
    net = racer(20, True)[1].eval()
    answers = net(new_images).argmax(1)
    generator = torch.Generator().manual_seed(0)
    rules = {"the most salient": lambda x: saliency(net, x, answers),
             "at random": lambda x: torch.rand(len(x), 8, 8, generator=generator),
             "the least salient": lambda x: -saliency(net, x, answers)}
    figure, ax = plt.subplots(figsize=(7, 2.2))
    scores = [accuracy_without(net, rule) for rule in rules.values()]
    ax.barh(list(rules), scores, color=plots.COLOURS[:3])
    for row, score in enumerate(scores):
        ax.annotate(f"{score:.0%}", (score + 0.01, row), va="center")
    ax.set(xlabel="accuracy with 10 of 64 pixels covered", xlim=(0, 1.08))

# %% [markdown]
# So the map does say something about this net. (How much of it is only that the rim is empty in most digits, this test
# does not tell.) It says it about small changes only, and it is no explanation: why these pixels count, it does not
# tell. Adebayo et al. (2018) found that some popular refinements of such maps barely change when the network's weights
# are replaced by random ones, so they cannot be telling about what it has learned; the plain gradient passed that test.
# That deep networks are hard to interpret remains one of their weaknesses, wherever someone is owed a reason.
#
# ## A new task for an old net
#
# What a network has learned for one task often serves another: its early layers find edges and strokes, whatever they
# are used for later (Yosinski et al. 2014). *Fine-tuning* takes a trained network, puts a new head in place of the old,
# and trains on; and if there are few new data, it *freezes* the rest: with `requires_grad` False a parameter gets no
# gradient, and an optimizer leaves it alone. (Batch norm's running statistics are no parameters. In training mode they
# still follow the new data; `fine_tune` need not see to that.) The language models of our day begin so too: trained
# once on much text, then fine-tuned to follow instructions (Ouyang et al. 2022).
#
# **Exercise.** Write `fine_tune`. The head is the *last* `nn.Linear` in `model.named_modules()`, however deep inside,
# and is always replaced by a freshly made one with `num_classes` outputs (and a bias), of the same dtype and device and
# in the same mode. A new model comes back; the one given stays as it was, so `copy.deepcopy` it. Frozen means that only
# the head requires gradients; with `freeze=False` all flags stay as they are. To put `layer` in the place of that name:
# `model.set_submodule("classifier.2", layer)`.

# %% exercise="fine_tune"
def fine_tune(model: nn.Module, num_classes: int, freeze: bool = True) -> nn.Module:
    """A copy of `model` with a fresh head; with `freeze`, only the head requires gradients."""
    ### BEGIN SOLUTION
    tuned = copy.deepcopy(model)
    if freeze:
        tuned.requires_grad_(False)
    name, old = [(n, m) for n, m in tuned.named_modules() if isinstance(m, nn.Linear)][-1]
    head = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
    tuned.set_submodule(name, head.train(old.training))
    return tuned
    ### END SOLUTION

# %% check="fine_tune" points=4
check.fine_tune(fine_tune)

# %% [markdown]
# A net of 20 layers learns the digits 0 to 4. Then it is to tell 5 to 9 apart, from *five* examples of each: with a new
# head on frozen layers, with all layers left free, and, to compare, as a new net that starts from nothing. The last row
# is no deep net at all: one linear layer on the 64 pixels, from nothing too.

# %%
def few(seed: int, each: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """A few training images of each of the digits 5 to 9, labels 0 to 4."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[y_train[order] == label][:each] for label in range(5, 10)])
    return images[chosen], y_train[chosen] - 5

# %%
def second_task(seed: int = 0) -> dict[str, float]:
    """The accuracy on new digits 5 to 9, for each way to learn them from a few."""
    low, high = y_train < 5, y_test >= 5
    torch.manual_seed(seed)
    old = resnet(20, 8, 5)
    taught(old, images[low], y_train[low], seed=seed)
    ways = {"head only": fine_tune(old, 5), "all layers": fine_tune(old, 5, freeze=False),
            "from nothing": resnet(20, 8, 5),
            "one linear layer": nn.Sequential(nn.Flatten(), nn.Linear(64, 5))}
    scores = {}
    for name, net in ways.items():
        taught(net, *few(seed), epochs=40, seed=seed)
        scores[name] = accuracy(net, new_images[high], y_test[high] - 5)
    return scores

# %% demo=true
with once_written("BasicBlock", "resnet", "fine_tune"):
    tries = [second_task(seed) for seed in range(3)]
    figure, ax = plt.subplots(figsize=(7, 2.2))
    for row, name in enumerate(tries[0]):
        scores = [scores[name] for scores in tries]
        ax.plot(scores, [row] * 3, "o", color=plots.COLOURS[row])
        ax.annotate(f"mean {sum(scores) / 3:.0%}", (0.02, row), va="center")
    ax.set(yticks=range(4), yticklabels=list(tries[0]), xlim=(0, 1), ylim=(-0.6, 3.6),
           xlabel="accuracy on new digits 5 to 9, three draws")

# %% [markdown]
# Of the three deep nets the net that has seen 0 to 4 and may change all its layers learns the most from 25 images: what
# it learned before serves it. But one linear layer does at least as well, so nobody needs twenty layers *here*;
# fine-tuning pays where the task does need them and the data for it are few. The frozen net stays far behind: its last
# features were made to tell other digits apart, a head alone may not make up for that, and 40 steps may be too few for
# it. Freezing is cheap, and safest where the new task is close to the old one; how many layers to free is a choice to
# be made on validation data.
#
# ## A hundred layers, trained
#
# All that you have built in eight lessons now goes into one training pipeline.
#
# **Exercise.** Write `train_hundred_layers`: design a network with at least 100 layers with weights between image and
# logits, train it on the digits given, and return it in eval mode. It passes if it recognises at least 95 % of 360
# digits that it has never seen. Counted are `nn.Conv2d` and `nn.Linear` modules that a forward pass goes through, each
# once, without the shortcuts' 1×1 convolutions. Aim at 15 seconds on one core, or less; 20 is the limit. Use the
# generator for the order of the batches if you shuffle yourself, or draw a seed from it with
# `int(torch.randint(2 ** 31, (), generator=generator))`.
#
# You design all of it: the block, the depth and the width, the weights each block starts from, the optimizer, the rate
# and its course, the number of epochs, what keeps it from overfitting, and the loop (one of this lesson's will do as a
# start). For each choice have a reason that you measured; question 6 asks for them. Choose by the training loss of the
# first epochs and by training digits that you hold back, not by the test digits. The check says only that it passes, so
# measure accuracy and seconds yourself. And then go on: with how few parameters, and in how short a time, does it still?

# %% exercise="train_hundred_layers"
def train_hundred_layers(x: torch.Tensor, y: torch.Tensor, generator: torch.Generator) -> nn.Module:
    """Train a network of at least 100 layers on digits x (N, 1, 8, 8) in [0, 1], y (N,) int64.

    Returns it in eval mode; it gives logits (N, 10).
    """
    ### BEGIN SOLUTION
    drawn = int(torch.randint(2 ** 31, (), generator=generator))
    torch.manual_seed(drawn)
    net = resnet(104, 8, 10)
    for block in net.modules():
        if isinstance(block, BasicBlock):
            nn.init.zeros_(block.bn2.weight)  # each block starts as the identity
    taught(net, x, y, epochs=7, peak=0.01, seed=drawn)
    return net.eval()
    ### END SOLUTION

# %% check="train_hundred_layers" points=8
check.train_hundred_layers(train_hundred_layers)

# %% [markdown]
# What was the skip worth? Here is the race once more, at 104 layers, with the same budget of six epochs and the same
# initial weights for both kinds. The last scale γ of each block starts small; Goyal et al. (2017) start it at 0, so that
# a block of a residual net begins as the identity. Here it is 0.2: at 0 a plain block would be silent for ever, and 0.2
# does the plain net no harm, since the next batch norm divides by it again.

# %%
def start_small(net: nn.Module) -> None:
    """Set the last scale of each block to 0.2, in place."""
    for module in net.modules():
        if hasattr(module, "shortcut"):
            nn.init.constant_(module.bn2.weight, 0.2)

# %% demo=true
with once_written("BasicBlock", "resnet"):
    figure, ax = plt.subplots()
    for skip in (False, True):
        history, net = race(104, skip, epochs=6, prepare=start_small)
        score, kind = accuracy(net, new_images, y_test), "residual" if skip else "plain"
        name = f"{kind}: {score:.0%} on new digits"
        plots.losses(history, ax, label=name)
    ax.axhline(math.log(10), color=plots.INK, linewidth=0.8, linestyle=":")
    ax.annotate("guessing: log 10", (6, 2.4), ha="right")
    ax.set(title="104 layers", ylim=(0, 2.8))
    ax.legend(loc="center right")

# %% [markdown]
# ## Review
#
# Run the cell under a question and answer there: you are told at once what that means. Then run the check below it.
# Where no buttons show, write the answer into the cell in place of `quiz.ask(…)`: letters in quotes, or a number.

# %%
from dlcourse import quiz

# %% [markdown]
# **1.** How many layers with weights does a residual network like yours have that has 18 basic blocks in each of its
# three stages? Count as in this lesson.

# %% question="review_depth"
review_depth = quiz.ask(check.review_depth, 110)  # or a number

# %% check="review_depth" points=1
check.review_depth(review_depth)

# %% [markdown]
# **2.** A plain net of 56 layers with batch norm has a higher training loss than one of 20. Which explanation fits what
# you saw?
#
# - a) It overfits: it has too many parameters for the data.
# - b) It is too deep to express what the smaller net expresses.
# - c) It could do as well, but the optimizer does not find such weights.
# - d) The gradients of its first layers vanish.

# %% question="review_degradation"
review_degradation = quiz.ask(check.review_degradation, "c")  # or one letter, in quotes

# %% check="review_degradation" points=1
check.review_degradation(review_degradation)

# %% [markdown]
# **3.** In every basic block of a residual net the last batch norm starts with scale γ = 0 (and shift 0). What holds at
# the start of training?
#
# - a) The network gives 0 for every input.
# - b) Each block whose shortcut is the identity hands on its input.
# - c) The convolutions' weights must be 0 as well.
# - d) γ gets no gradient, so it stays 0.

# %% question="review_zero"
review_zero = quiz.ask(check.review_zero, "b")  # or one letter, in quotes

# %% check="review_zero" points=1
check.review_zero(review_zero)

# %% [markdown]
# **4.** With stochastic depth, block $l$ of 20 is dropped with probability $\frac{l}{40}$. How many of the 20 are kept on
# average? Compute it.

# %% question="review_active"
review_active = quiz.ask(check.review_active, sum(1 - l / 40 for l in range(1, 21)))  # or a number

# %% check="review_active" points=1
check.review_active(review_active)

# %% [markdown]
# **5.** Order these by the number of weights in their convolutions, fewest first: a) a bottleneck from 256 to 256
# channels, width 64; b) a 1×1 convolution from 64 to 64 channels; c) a basic block from 256 to 256 channels; d) a 3×3
# convolution from 32 to 32 channels. The letters in one string, such as "abcd".

# %% question="review_order"
review_order = quiz.ask(check.review_order, "bdac")  # or four letters, in quotes

# %% check="review_order" points=1
check.review_order(review_order)

# %% [markdown]
# **6.** Design a pipeline that trains an image classifier of a hundred layers, on data of your choice (say which, and
# how much there is). In 200 to 300 words name what you choose for architecture, normalization, optimizer, learning-rate
# schedule and regularization, and justify each choice: by what mechanism does it help *here*? Refer to what you
# measured in this lesson or an earlier one, and say what you would watch to notice that a choice was wrong.
#
# Your answer is read by a person, who gives a point for each of these:
#
# | point | what it takes |
# |---|---|
# | architecture | skips or dense connections, with the reason why a plain stack of this depth fails |
# | normalization | names one and where it stands, with its condition (batch size, eval mode) or its alternative |
# | optimizer | names one with its step size or weight decay, and a reason other than "it is usual" |
# | schedule | names its course and says what the start and the end of it are for |
# | regularization | at least two means that suit the amount of data, each with its mechanism |
# | evidence and watching | cites a measurement, and names a curve or number that would show a wrong choice |

# %% [markdown] written="hundred_layer_pipeline" points=6
# ### BEGIN SOLUTION
# Data: 50 000 colour images, 32×32, ten classes.
#
# Architecture: a residual network, 3×3 stem, three stages of 17 basic blocks (104 layers), widths 16, 32, 64. Without
# skips our 56-layer net had a far higher training loss than the 20-layer one, and the 104-layer one hardly left
# guessing, while with skips it passed 95 %: a block only has to learn a change, and the gradient has a way through the
# sums past every branch.
#
# Normalization: batch norm after each convolution, which lets the residual sums grow by a constant from block to block
# instead of doubling them; batches of 128 give steady statistics. The last scale of each block starts at 0, so the net
# begins as a shallow one. For batches of a few images I would take group norm. Evaluation must run in eval mode.
#
# Optimizer: SGD with momentum 0.9 and weight decay 5e-4 where there is time to tune the rate; for a short run AdamW, as
# here, since it adapts the step to each layer's gradients, which differ in size over a hundred layers. The peak comes
# from a range test, by training loss.
#
# Schedule: one-cycle. The warm-up keeps the first steps, when statistics and moments are unsettled, from doing harm; the
# long decay lets the noise of the steps die out at the end.
#
# Regularization: random crops and flips, which multiply the data by changes that keep the label; weight decay, off for
# norms and biases; stochastic depth up to 0.5, which trains shorter nets that cannot lean on one block; label smoothing
# against overconfidence.
#
# I would watch training and validation loss: a training loss that does not fall in the first epoch points to the rate or
# the start of the blocks, a gap between the two to too little regularization, and good training-mode but bad eval-mode
# accuracy to the running statistics.
# ### END SOLUTION

# %% [markdown]
# ## What you can do now
#
# You have written a convolution, and from blocks of it networks whose layers you can count in your head. You have
# watched a plain net get worse with depth, seen its gradients vanish without normalization and explode with it, and
# taken blocks out of a residual net that hardly missed them. You have written attention and the block that Transformers
# are made of, asked a network where it looked, and given it a new task. And you have trained a hundred layers.
#
# [← 7 normalization](../07_normalization/07_normalization.ipynb) ·
# [9 generative models →](../09_generative_models/09_generative_models.ipynb) ·
# [start](../00_start_here/00_start_here.ipynb) ·
# [glossary](../00_start_here/00_start_here.ipynb#Glossary)
#
# ## References
#
# - Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim (2018). *Sanity checks for saliency maps.* NeurIPS.
#   arXiv:1810.03292.
# - Bahdanau, Cho, Bengio (2014). *Neural machine translation by jointly learning to align and translate.*
#   arXiv:1409.0473.
# - Balduzzi, Frean, Leary, Lewis, Ma, McWilliams (2017). *The shattered gradients problem: if resnets are the answer,
#   then what is the question?* ICML. arXiv:1702.08591.
# - Brown et al. (2020). *Language models are few-shot learners.* NeurIPS. arXiv:2005.14165.
# - De, Smith (2020). *Batch normalization biases residual blocks towards the identity function in deep networks.*
#   NeurIPS. arXiv:2002.10444.
# - Dosovitskiy et al. (2020). *An image is worth 16x16 words: Transformers for image recognition at scale.*
#   arXiv:2010.11929.
# - Dubey et al. (2024). *The Llama 3 herd of models.* arXiv:2407.21783.
# - Fukushima (1980). *Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition
#   unaffected by shift in position.* Biological Cybernetics 36.
# - Goodfellow, Bengio, Courville (2016). *Deep Learning*, chapter 9: further reading on convolutions. MIT Press.
# - Goyal et al. (2017). *Accurate, large minibatch SGD: training ImageNet in 1 hour.* arXiv:1706.02677. Section 5.1
#   starts blocks as the identity.
# - Greff, Srivastava, Schmidhuber (2017). *Highway and residual networks learn unrolled iterative estimation.* ICLR.
#   arXiv:1612.07771.
# - He, Zhang, Ren, Sun (2015). *Deep residual learning for image recognition.* arXiv:1512.03385.
# - He, Zhang, Ren, Sun (2016). *Identity mappings in deep residual networks.* ECCV. arXiv:1603.05027.
# - Huang, Sun, Liu, Sedra, Weinberger (2016). *Deep networks with stochastic depth.* ECCV. arXiv:1603.09382.
# - Huang, Liu, van der Maaten, Weinberger (2017). *Densely connected convolutional networks.* CVPR. arXiv:1608.06993.
# - Jain, Wallace (2019). *Attention is not explanation.* NAACL. arXiv:1902.10186.
# - Krizhevsky, Sutskever, Hinton (2012). *ImageNet classification with deep convolutional neural networks.* NIPS.
#   Figure 3 shows the kernels of the first layer.
# - LeCun et al. (1989). *Backpropagation applied to handwritten zip code recognition.* Neural Computation 1.
# - Li, Xu, Taylor, Studer, Goldstein (2018). *Visualizing the loss landscape of neural nets.* NeurIPS.
#   arXiv:1712.09913.
# - Ouyang et al. (2022). *Training language models to follow instructions with human feedback.* NeurIPS.
#   arXiv:2203.02155.
# - Radford, Kim, Xu, Brockman, McLeavey, Sutskever (2022). *Robust speech recognition via large-scale weak
#   supervision.* arXiv:2212.04356.
# - Schaeffer, Miranda, Koyejo (2023). *Are emergent abilities of large language models a mirage?* NeurIPS.
#   arXiv:2304.15004.
# - Shannon (1951). *Prediction and entropy of printed English.* Bell System Technical Journal 30.
# - Simonyan, Vedaldi, Zisserman (2013). *Deep inside convolutional networks: visualising image classification models
#   and saliency maps.* arXiv:1312.6034.
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017). *Attention is all you need.* NIPS.
#   arXiv:1706.03762.
# - Veit, Wilber, Belongie (2016). *Residual networks behave like ensembles of relatively shallow networks.* NIPS.
#   arXiv:1605.06431.
# - Wei et al. (2022). *Emergent abilities of large language models.* TMLR. arXiv:2206.07682.
# - Wiegreffe, Pinter (2019). *Attention is not not explanation.* EMNLP.
# - Xiong et al. (2020). *On layer normalization in the Transformer architecture.* ICML. arXiv:2002.04745.
# - Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz (2019). *A mean field theory of batch normalization.* ICLR.
#   arXiv:1902.08129.
# - Yosinski, Clune, Bengio, Lipson (2014). *How transferable are features in deep neural networks?* NIPS.
#   arXiv:1411.1792.
# - Zhang, Dauphin, Ma (2019). *Fixup initialization: residual learning without normalization.* ICLR.
#   arXiv:1901.09321.
