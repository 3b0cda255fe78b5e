"""Review questions of lesson 10 on what devices say to each other and how long they wait."""

from ..questions import choice, numeric

review_ring = numeric(
    "review_ring", 1.75, "Each rank sends 2(n − 1) pieces of 1/n: 2 · 7/8 of a gigabyte.",
    "In each of two rounds a rank sends n − 1 pieces, each the n-th part of the gradient.",
    {"review-ring-half": (0.875, "That is one round, the reduce-scatter. The finished pieces go round as well."),
     "review-ring-gather": (7.0, "So much is sent by who sends whole gradients to each of the others."),
     "review-ring-pieces": (14.0, "That is the number of pieces. Each is an eighth of a gigabyte."),
     "review-ring-limit": (2.0, "That is what it comes to for ever more ranks. With 8 it is a little less."),
     "review-ring-whole": (1.0, "With two ranks it would be 1.")}, within=0.01)

review_bubble = choice(
    "review_bubble", "b",
    "The bubble is (S − 1)/(M + S − 1) of the time for both; 1F1B only needs fewer activations at once.",
    {"a": "Its stages wait as long as GPipe's do: they too start late and end early.",
     "c": "Every stage does the same work in both: M forwards and M backwards.",
     "d": "More stages mean more waiting, not less."})
