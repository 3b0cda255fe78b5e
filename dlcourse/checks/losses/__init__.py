"""The checks of lesson 03, `losses`: twelve exercises in three modules, and the review questions."""

from ..questions import choice, numeric, ordering
from .predictions import mse, cross_entropy, binary_cross_entropy, focal_loss
from .structures import dice_loss, triplet_loss, ctc_loss, oscillator_residual
from .surface import filter_normalize, loss_along, top_curvature, critical_point

__all__ = ["mse", "cross_entropy", "binary_cross_entropy", "focal_loss", "dice_loss", "triplet_loss", "ctc_loss",
           "oscillator_residual", "filter_normalize", "loss_along", "top_curvature", "critical_point",
           "review_gradient", "review_labels", "review_focus", "review_frames", "review_sharp"]

review_gradient = numeric(
    "review_gradient", -0.2,
    "(p − y)/N: the right class has p = 0.2 and y = 1, and the mean over four samples divides by 4.",
    "The gradient at the logits is (p − y)/N. What are p and y for the right class, and what is N?",
    {"review-gradient-sign": (0.2, "The size is right, and the sign is turned: descent subtracts the gradient, and the "
                              "right logit should go up."),
     "review-gradient-batch": (-0.8, "That is p − y for one sample. The loss is a mean over a batch of four."),
     "review-gradient-target": (0.05, "That is p/N. The right class also has y = 1."),
     "review-gradient-log": (-1.25, "That is the derivative of −log p with respect to p, over N. The question is about "
                                    "the logit.")})

review_labels = choice(
    "review_labels", "b",
    "Each finding is a question of its own, and the answers need not sum to anything.",
    {"a": "A softmax shares out one unit of probability: with two findings each could get ½ at best, and with none the "
          "unit would still have to go somewhere.",
     "c": "Squared error on sigmoids runs, but where the net is surely wrong its gradient is almost 0.",
     "d": "A triplet loss arranges images by likeness. It says nothing yet about which findings one has."})

review_focus = numeric(
    "review_focus", 100.0,
    "(1 − 0.9)² = 0.01: the sample counts a hundredth of what it did.",
    "Put p = 0.9 and γ = 2 into the weight (1 − p)^γ. One over that is the factor.",
    {"review-focus-inverse": (0.01, "That is the weight itself. How many times less is that?"),
     "review-focus-linear": (10.0, "That is γ = 1. The weight is the square of 1 − p."),
     "review-focus-easy": (1 / 0.81, "That is p^γ, the weight turned round: it would spare the hard samples.")})

review_frames = ordering(
    "review_frames", "acdb",
    "ab needs 2 frames, abc 3, aab 4 (a blank between the a's), aaa 5.",
    "Count the letters, and one blank for each pair of equal neighbours.",
    {"bdca": ("review-frames-reversed", "The order is right, from the other end: fewest first."),
     "abcd": ("review-frames-letters", "You seem to have counted different letters, or to have gone by the alphabet. "
              "Equal neighbours need more frames, not fewer."),
     "acbd": ("review-frames-pairs", "The last two are swapped: aaa has two pairs of equal neighbours, aab one.")})

review_sharp = choice(
    "review_sharp", "d",
    "Both nets are one and the same function, so they generalise alike; only the coordinates were stretched.",
    {"a": "The two nets give the same answer to every input, so neither can generalise worse.",
     "b": "Scaling by 10 and by 1/10 cancels exactly through a ReLU: the function, and the loss, are the same.",
     "c": "The number was measured well enough. What it lacks is a meaning that does not depend on the scale of the "
          "weights."})
