"""The review questions of lesson 01."""

from ..questions import choice, numeric, ordering

review_steps = numeric(
    "review_steps", 230,
    "22 full batches and one of 29 make 23 steps an epoch, ten times.",
    "How many batches does an epoch have? The last one may be smaller, and it is a batch too.",
    {"review-steps-floor": (220, "The last batch, of 29 digits, is left out here. It makes a step like the others."),
     "review-steps-one-epoch": (23, "That is one epoch. There are ten."),
     "review-steps-samples": (14370, "That is a step for each digit. A step is made for each batch of 64."),
     "review-steps-epochs": (10, "That is a step for each epoch. A step is made for each batch."),
     "review-steps-fraction": (14370 / 64, "Half a step does not exist: each epoch ends with a smaller batch.")},
    within=0.001)

review_share = numeric(
    "review_share", 1 / 3,
    "50 000 samples of 2·10⁹ FLOPs are 10¹⁴ operations in a second, of 3·10¹⁴ that the device could do.",
    "Multiply samples per second by operations per sample: that is how many operations per second really happen.",
    {"review-share-upside-down": (3.0, "That is the peak over what is used: upside down."),
     "review-share-doubled": (2 / 3, "The 2 GFLOPs count multiplications and additions already."),
     "review-share-halved": (1 / 6, "The 2 GFLOPs are for one sample; nothing has to be halved."),
     "review-share-percent": (100 / 3, "That is a percentage. A share between 0 and 1 was asked for.")})

review_linear = choice(
    "review_linear", "b",
    "Each layer multiplies by a matrix and adds a vector; a product of matrices is a matrix. Nothing is left of the "
    "depth.",
    {"a": "Nothing goes wrong numerically; the net just cannot draw anything but straight lines.",
     "c": "There are gradients, and it trains; what it can represent is the question.",
     "d": "The parameters are all still there. Together they describe no more than one layer's would."})

review_universal = choice(
    "review_universal", "c",
    "It is a statement about what exists. Neither how wide, nor whether training gets there, nor what happens on new "
    "data is in it.",
    {"a": "That weights exist does not say that gradient descent finds them.",
     "b": "Fitting the function on a closed interval says nothing about points outside, or about what was never seen.",
     "d": "The theorem leaves the width open; the sawtooth shows that one layer may need exponentially many units."})

review_order = ordering(
    "review_order", "cedba",
    "Clear, predict, compare, go backward, step.",
    "Not quite in order. What does each line need from the one before it?",
    {"edcba": ("review-order-cleared-third", "This works too, since only `backward` writes gradients. Here the step "
               "was to begin with the clearing."),
     "ecdba": ("review-order-cleared-second", "This works too, since only `backward` writes gradients. Here the step "
               "was to begin with the clearing."),
     "cedab": ("review-order-step-first", "The step comes before backward here, so it has no gradient to use."),
     "edbca": ("review-order-cleared-late", "Cleared between backward and step, every gradient is gone when the step "
               "is made: nothing would ever be learned."),
     "edbac": ("review-order-cleared-last", "This works from the second batch on, but old gradients get into the first "
               "step: begin with clearing."),
     "cdeba": ("review-order-loss-first", "The loss compares a prediction with the target: it needs the prediction.")})
