"""The checks of lesson 05, `schedules`: exercises in three modules, review questions here."""

import math

from ..questions import choice, numeric, ordering
from .acting import ReduceOnPlateau, Scheduler
from .formulas import cosine, cosine_restarts, one_cycle, step_decay, warmup_cosine, warmup_stable_decay
from .range_test import lr_range_test

# ---------------------------------------------------------------------------------------- review questions

review_cosine = numeric(
    "review_cosine", 0.4 * (1 + math.cos(math.pi / 4)) / 2,
    "A quarter of the way, cos(π/4) ≈ 0.707, so 85 % of the rate is left: a cosine starts slowly.",
    "A quarter of the descent is done. Put the share into ½(1 + cos(π · share)).",
    {"review-cosine-linear": (0.3, "That is what a straight line would give. A cosine is level at first."),
     "review-cosine-no-half": (0.4 * (1 + math.cos(math.pi / 4)), "That is above the rate at the start: a half is "
                               "missing."),
     "review-cosine-quarter-turn": (0.4 * math.cos(math.pi / 8), "That is cos(π/2 · share), a quarter of a turn."),
     "review-cosine-only-cosine": (0.4 * math.cos(math.pi / 4), "That is the cosine alone, which would go on to −1. "
                                   "It has to be lifted and halved."),
     "review-cosine-degrees": (0.4 * (1 + math.cos(45)) / 2, "45 was meant as degrees; `math.cos` takes radians.")},
    within=0.01)

review_restart = numeric(
    "review_restart", 65, "Cycles of 5, 15 and 45 steps come first: 65 in all.",
    "How long are the first three cycles, and where do they end?",
    {"review-restart-length": (135, "135 is how long the fourth cycle lasts. Where does it begin?"),
     "review-restart-equal": (15, "That would be right with mult = 1: here each cycle lasts three times as long as the "
                              "one before."),
     "review-restart-third": (20, "That is where the third cycle begins."),
     "review-restart-ends": (45, "45 is how long the third cycle lasts: the two before it come on top."),
     "review-restart-doubled": (35, "That would be right with mult = 2: here it is 3."),
     "review-restart-fifth": (200, "That is where the fifth cycle begins: four cycles have ended by then.")},
    within=0.001)

review_order = ordering(
    "review_order", "cebda",
    "0.1, 0.5, 0.75, 0.85 and 1 times the base rate: the cosine is still high after a quarter of the run.",
    "Not quite in order. Compute each at step 25, as a share of the base rate.",
    {"adbec": ("review-order-reversed", "The order is right, from the other end: lowest first."),
     "cedba": ("review-order-cosine-line", "Two are swapped: at first a cosine comes down more slowly than a "
               "straight line to the same end."),
     "ecbda": ("review-order-warmup", "Half-way up its climb the warm-up has reached half of the rate. How low is "
               "the step decay by then?")})

review_patience = choice(
    "review_patience", "c",
    "The best, 0.5, comes at epoch 3. Epochs 4, 5 and 6 are borne, and epoch 7 is the fourth in a row without a new "
    "best.",
    {"a": "Epoch 5 is lower than epoch 4, but neither is below the best. Count from there to patience + 1.",
     "b": "Epoch 6 is the third in a row without a new best. How many does patience = 3 bear before it cuts?",
     "d": "That is one too many: the cut comes at metric number patience + 1 without a new best."})

review_drop = choice(
    "review_drop", "b",
    "Each step overshoots by an amount that grows with the rate and with the noise of the batch. Smaller steps leave "
    "less of that at once, and then the loss goes on sinking below all that the high rate had reached.",
    {"a": "Smaller steps throw the weights less far, not further. What do long steps do that short ones do less?",
     "c": "The gradients are what they were; the rate multiplies them by less, not by more.",
     "d": "A batch's gradient is as noisy as it was, for the same weights. What shrinks is the step that it makes."})
