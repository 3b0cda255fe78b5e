# %% [markdown]
# # Start here
#
# Welcome. In ten lessons you build deep learning yourself, from one linear layer to training across many processes. You
# read a little, move a picture, write a few lines, and run the check below them. This page takes five minutes, and ten
# more if you try yourself on its glossary: it shows the way, lets you meet a check, and tells you where everything
# runs.
#
# You need Python, some calculus and matrices. You need no PyTorch yet, and no GPU.

# %%
import torch

from dlcourse import course_map, progress
from dlcourse.checks import start_here as check
from dlcourse.checks.verdict import CheckFailed

# %% [markdown]
# ## The map
#
# An arrow leads from a lesson to those that build on it. Going through them by number always works; if you are in a
# hurry for one, follow its arrows backwards.

# %% demo=true
course_map.show()

# %% [markdown]
# The hours are for reading everything and writing every exercise; together they are about 32. Many people need more
# than one evening for a lesson, and several for some.
#
# - [01 deep networks](../01_deep_networks/01_deep_networks.ipynb), 3 hours, comes first: layers, backpropagation in
#   three ways, and a training loop that learns to read digits.
# - [02 activations](../02_activations/02_activations.ipynb), 2 hours, after 01: what bends the line, and what
#   becomes of a gradient on its way through thirty bends.
# - [03 losses](../03_losses/03_losses.ipynb), 4 hours, after 02: eight ways to say how wrong a model is, and the
#   surface that each makes.
# - [04 optimizers](../04_optimizers/04_optimizers.ipynb), 2.5 hours, after 01: how weights move, from plain steps
#   to Adam and Muon, and a fair race.
# - [05 schedules](../05_schedules/05_schedules.ipynb), 2 hours, after 04: how large a step should be, and when.
# - [06 regularization](../06_regularization/06_regularization.ipynb), 2.5 hours, after 03: how to learn instead of
#   memorising, and how a good classifier is fooled.
# - [07 normalization](../07_normalization/07_normalization.ipynb), 3 hours, after 02: how activations are kept in
#   range, in training and afterwards.
# - [08 residual networks](../08_residual_networks/08_residual_networks.ipynb), 5 hours, after 05 and 07: a hundred
#   layers that learn, attention, and a small language model, with a loss that lesson 1 names and lesson 3 explains.
# - [09 generative models](../09_generative_models/09_generative_models.ipynb), 4 hours, after 03 and 05: networks
#   that make data, in four ways, and how good it is.
# - [10 training at scale](../10_training_at_scale/10_training_at_scale.ipynb), 4 hours, after 08: one model on many
#   devices, and what that costs.
#
# ## How checks talk
#
# Each exercise has a check. It looks at more than values: at gradients, other shapes, extreme inputs. When something
# does not hold yet it tells you what does, and where yours and the expected part; and if it knows a mistake that gives
# exactly your numbers, it names that. Here somebody was asked for $x^2$ and gave $2x$:

# %% demo=true
def twice(x):
    return 2 * x


try:
    check.square(twice)
except CheckFailed as failed:
    print(failed)

# %% [markdown]
# A red check is no grade. Run it as often as you like; in your own notebook it is there to help. Where a course counts
# points, some parts weigh more than others, so a check that holds in part also says what share of the points that is.
#
# ## Thirty seconds
#
# **Exercise.** Now you. Write `square`: replace the line that raises `NotImplementedError`, run the cell with
# Shift+Enter, then run the check.

# %% exercise="square"
def square(x: torch.Tensor) -> torch.Tensor:
    """Each entry of x times itself; same shape as x."""
    ### BEGIN SOLUTION
    return torch.square(x)
    ### END SOLUTION

# %% check="square" points=1
check.square(square)

# %% [markdown]
# That is the whole rhythm. You never wrote a derivative, yet your gradient was checked as well: PyTorch followed your
# arithmetic. In lesson 1 you will build the part that does this.
#
# A lesson can be run from top to bottom at any time, finished or not: what waits for an exercise of yours says so.
#
# ## How far you are
#
# Every check that you run in a lesson is noted in a file beside your notebooks, `work/.progress.db`. It stays on your
# machine. Run this cell again whenever you want to see it; `dlcourse progress` prints the same in a terminal. The two
# checks of this page are not counted.

# %% demo=true
progress.show()

# %% [markdown]
# To begin a lesson anew, `dlcourse reset 02_activations` puts its first state back and keeps yours beside it, in
# `work/02_activations.backup-1`.
#
# ## Where it runs
#
# *On your machine.* With Python 3.11 or newer, `make lab` in the course's folder (or `python3 course.py lab`) sets
# everything up, copies the lessons to `work/` and opens this page. Your answers live in `work/`; an update of the
# course never overwrites them.
#
# *On Binder.* Open `https://mybinder.org/v2/gh/OWNER/REPOSITORY/HEAD`, with the two names from the address of the
# course's GitHub page in place of OWNER and REPOSITORY: you are lent a machine with everything installed. It forgets
# everything when you leave, so download the notebooks that you want to keep.
#
# *On a GPU.* No lesson needs one: the networks are small enough for a processor. Lesson 10 uses GPUs where it finds
# enough of them, one for each process; on Linux `make lab` installs a PyTorch that can.
#
# ## Glossary
#
# Twelve words that the lessons lean on. Beside each is the lesson where you first work with it.
#
# - *Backpropagation* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): the chain rule, applied from the loss
#   back to the first layer, so that one pass gives the derivative of the loss by every weight.
# - *Epoch* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): one pass through the whole training set, in
#   however many steps.
# - *Batch size* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): how many samples share one gradient, and
#   with it one step of the optimizer.
# - *Learning rate* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): the number that turns a gradient into a
#   step; plain gradient descent moves each weight by minus the rate times its gradient.
# - *Overfitting* ([lesson 6](../06_regularization/06_regularization.ipynb)): fitting what is particular to the
#   training data, and paying for it on new data. The gap between the two losses shows it.
# - *Vanishing gradient* ([lesson 2](../02_activations/02_activations.ipynb)): a gradient that shrinks exponentially
#   with the number of layers it passes back through, until the first ones hardly learn.
# - *Skip connection* ([lesson 8](../08_residual_networks/08_residual_networks.ipynb)): a path round some layers that
#   adds their input to their output, $h + f(h)$.
# - *Latent space* ([lesson 9](../09_generative_models/09_generative_models.ipynb)): the space of the codes to which a
#   model has learned to compress its data, or from which it makes some.
# - *Fine-tuning* ([lesson 8](../08_residual_networks/08_residual_networks.ipynb)): training a model that was trained
#   on one task further on another, often with a new last layer.
# - *Inference* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): using a trained model to predict; no weight
#   changes. (Statisticians mean something else by the word.)
# - *FLOPS* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): a rate, floating-point operations per *second*:
#   what a machine can do, or does. With a small s, *FLOPs* are a count: the operations that a computation takes.
# - *Throughput* ([lesson 1](../01_deep_networks/01_deep_networks.ipynb)): also a rate, but of samples: how many go
#   through training or inference per second.

# %% [markdown]
# ## Do you know the words?
#
# Now, or after a few lessons: cover the text after each word above, and say in your own words what it means. Then find
# what belongs to it:
#
# - a) Images a second, however much arithmetic each of them takes.
# - b) Fifty factors below one, multiplied: next to nothing is left for the layers beside the input.
# - c) When it is over, each of your samples has had its turn once.
# - d) You go on from somebody's finished weights, with the few samples that you have.
# - e) Twice as large, it makes every update of plain SGD twice as long; larger still, and the loss runs away.
# - f) You walk through a computation in reverse, multiply local slopes, and have the slope of every weight.
# - g) Each picture is a handful of numbers there, and neighbours look alike.
# - h) What it says on the box: how many additions and multiplications in a second.
# - i) The score on homework goes up and up, and the one in the exam comes down.
# - j) If it is 64, then 1280 samples make 20 updates.
# - k) Forward, and nothing else: what a model does all day once it is finished.
# - l) With it a block has only to learn what to change about what it was given.
#
# Run the next two cells, choose a letter for each word and press Check; then run the check cell below. Where
# no lists show, write the letters into the cell in place of `quiz.ask(…)`, in quotes, in the order of the glossary.

# %%
from dlcourse import quiz

# %% question="glossary"
glossary = quiz.ask(check.glossary, "fcjeiblgdkha")  # or twelve letters, in quotes

# %% check="glossary" points=2
check.glossary(glossary)

# %% [markdown]
# ## Off you go
#
# The first lesson is [01 deep networks](../01_deep_networks/01_deep_networks.ipynb). At the top and at the end of each
# lesson there is a way to the ones beside it, and back here.
