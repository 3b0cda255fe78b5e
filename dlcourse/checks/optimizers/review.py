"""The review questions of lesson 04."""

from ..questions import choice, numeric, ordering

review_limit = numeric(
    "review_limit", 0.04,
    "The steepest direction decides: 2/50 = 0.04.",
    "Which of the curvatures sets the limit, and what multiplies the distance along it at each step?",
    {"review-limit-flat": (2.0, "At that rate the direction with curvature 1 just holds; what happens along the one "
                                "with curvature 50?"),
     "review-limit-half": (0.02, "At 1/50 that direction is done in a single step. How far beyond can you go before "
                                 "the distance no longer shrinks?"),
     "review-limit-sum": (2 / 61, "You added the curvatures up, but each direction is stable or not on its own."),
     "review-limit-fastest": (2 / 51, "That is the rate that converges fastest. The limit lies a little above.")},
    within=0.01)

review_bias = choice(
    "review_bias", "b",
    "m = 0.1·g and v = 0.001·g², so m/√v is 0.1/√0.001 ≈ 3.2 where it should be 1.",
    {"a": "m does start near 0, at 0.1·g. But v starts nearer still, and the step divides by its root.",
     "c": "Without the correction neither is right: m is 0.1·g and v 0.001·g². Put them into m/√v.",
     "d": "ε only matters where √v is as small as ε. Compute m/√v for m = 0.1·g and v = 0.001·g²."})

review_scale = choice(
    "review_scale", "c",
    "Adam divides by the size of the gradients, so their scale cancels; AdamW's decay never sees the gradient.",
    {"a": "For SGD that is what happens. What does Adam divide its mean gradient by?",
     "b": "Adam's steps keep their length, but so does the decay: AdamW takes off lr·λ·p, whatever the gradient is. "
          "What you describe happens with Adam and an L2 penalty.",
     "d": "ε is 10⁻⁸. It would matter if gradients were that small; a factor of 1000 makes them larger."})

review_loop = ordering(
    "review_loop", "cadeb",
    "Clear, predict, differentiate, clip what you found, step.",
    "Not quite in order. What does each line need that another one makes, and what would it spoil?",
    {"acdeb": ("review-loop-predict-first", "That trains just as well, since only `backward` touches gradients. But "
               "the question asks to clear first."),
     "cadbe": ("review-loop-clip-late", "The gradients are clipped after the step has been made with them."),
     "caedb": ("review-loop-clip-early", "Clipping comes before there is anything to clip: `backward` makes the "
               "gradients."),
     "adceb": ("review-loop-cleared", "zero_grad stands between backward and step: it throws away what the step "
               "needs."),
     "adebc": ("review-loop-cleared-last", "That works from the second batch on, and in the first too if no gradient "
               "is left over from before. To be safe at the first, clear first.")})

review_grid = choice(
    "review_grid", "c",
    "The best of a grid's rates is only known to be the best if there are worse ones on both sides.",
    {"a": "It is the best of the six. What do you know of the rates beyond it?",
     "b": "In our race a decay of 0.01 hardly showed. What do you know of learning rates above the largest one?",
     "d": "Seeds tell how sure that loss is. They do not tell whether another rate has a lower one."})
