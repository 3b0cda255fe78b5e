"""Review questions of lesson 10 on what devices say to each other and how long they wait."""

from ..questions import numeric

review_ring = numeric(
    "review_ring", 1.75, "Each rank sends 2(n − 1) pieces of 1/n: 2 · 7/8 of a gigabyte.",
    "In each of two rounds a rank sends n − 1 pieces, each the n-th part of the gradient.",
    {"review-ring-half": (0.875, "That is one round, the reduce-scatter. The finished pieces go round as well."),
     "review-ring-gather": (7.0, "So much is sent by who sends whole gradients to each of the others."),
     "review-ring-pieces": (14.0, "That is the number of pieces. Each is an eighth of a gigabyte."),
     "review-ring-limit": (2.0, "That is what it comes to for ever more ranks. With 8 it is a little less."),
     "review-ring-whole": (1.0, "With two ranks it would be 1.")}, within=0.01)

review_bubble = numeric(
    "review_bubble", 27, "3/(M + 3) is a tenth for M = 27.",
    "Set the bubble fraction to a tenth, for S = 4, and solve for M.",
    {"review-bubble-ideal": (30, "That is 3/M = 1/10: waiting as a share of the work, not of the whole time."),
     "review-bubble-stages": (36, "That is 4/(M + 4) = 1/10. There are S − 1 units of waiting for M + S − 1 in all."),
     "review-bubble-not-yet": (26, "3/29 is a little more than a tenth."),
     "review-bubble-one-more": (28, "It is enough, but one fewer would be too.")}, within=0)
