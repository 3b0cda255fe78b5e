"""The checks of lesson 08, `residual_networks`: exercises in several modules, review questions here."""

from ..questions import choice, numeric, ordering
from .convolution import conv2d
from .blocks import BasicBlock, Bottleneck
from .networks import resnet
from .dense import DenseBlock, stochastic_depth
from .attention import attention, MultiHeadAttention, TransformerBlock
from .using import saliency, fine_tune
from .capstone import train_hundred_layers

# ---------------------------------------------------------------------------------------- review questions

review_depth = numeric(
    "review_depth", 110, "Each block holds two layers, so 2 · 3 · 18 = 108, and stem and head make 110.",
    "Three stages of 18 blocks, two layers in each block, and two more layers.",
    {"review-depth-blocks": (54, "That is the number of blocks. Each holds two layers with weights."),
     "review-depth-no-ends": (108, "Stem and head have weights too."),
     "review-depth-one-end": (109, "One of stem and head is missing."),
     "review-depth-one-stage": (38, "That is one stage. There are three."),
     "review-depth-projections": (112, "The projections on the shortcuts are not counted: they are not on the way "
                                  "that every signal takes.")}, within=0.001)

review_degradation = choice(
    "review_degradation", "c",
    "More layers can always do what fewer do, by leaving the signal alone; the optimizer does not find such weights.",
    {"a": "An overfitting net does *well* on its training data. This one does badly on them.",
     "b": "It could: layers that are the identity would make it equal to the smaller one. It is not what the net can "
          "express that is lacking.",
     "d": "That can happen where nothing is normalised. With batch norm the first layers' gradients were the largest, "
          "as the explorer shows."})

review_zero = choice(
    "review_zero", "b",
    "With γ = 0 the last batch norm gives 0, so F(x) = 0 and ReLU(x) is left, which is x for an x that is not "
    "negative.",
    {"a": "The branch gives 0; the shortcut is still there, so the sum is not 0.",
     "c": "The weights before the zeros may be what they like: the last batch norm multiplies by 0.",
     "d": "γ itself gets a gradient at once: the normalised numbers that it multiplies are not 0. The layers below it "
          "follow, after the first step."})

review_active = numeric(
    "review_active", 14.75, "The mean of the kept probabilities, 1 − l/40 for l = 1 … 20, is 0.7375; 20 times that "
    "is 14.75.",
    "Block l is kept with probability 1 − l/40. Add these up for l = 1 … 20.",
    {"review-active-half": (10, "Only the last block is dropped with probability ½; the others less often."),
     "review-active-all": (20, "That is how many there are. How many are kept on average?"),
     "review-active-dropped": (5.25, "That is how many are dropped on average. How many are kept?"),
     "review-active-quarter": (15, "A quarter dropped on average would be right if the probabilities began at 0. They "
                               "begin at 1/40."),
     "review-active-from-zero": (15.25, "That counts blocks 0 to 19. They are numbered from 1 to 20."),
     "review-active-one": (0.7375, "That is the mean probability of being kept. There are 20 blocks.")}, within=0.01)

review_order = ordering(
    "review_order", "bdac",
    "4,096 and 9,216; then 69,632 for the bottleneck, and 1,179,648 for the basic block.",
    "Count weights alone: kernel height · kernel width · channels in · channels out, summed over the convolutions.",
    {"cadb": ("review-order-reversed", "The order is right, from the other end: fewest first."),
     "dbac": ("review-order-small", "The two single convolutions are swapped: one has 64·64 weights, the other "
              "9·32·32."),
     "bdca": ("review-order-bottleneck", "The last two are swapped: in the bottleneck the 3×3 convolution works on "
              "64 channels, not on 256.")})
