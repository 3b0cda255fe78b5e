"""The review questions of lesson 07."""

from ..questions import choice, numeric, ordering

review_running = numeric(
    "review_running", 0.39,
    "After the first batch it is 0.9·0 + 0.1·1 = 0.1, after the second 0.9·0.1 + 0.1·3 = 0.39.",
    "Two steps, each a tenth of the way from where the running mean is to the batch's mean. Where does it start?",
    {"review-running-average": (2.0, "That is the plain average of the two. The running mean moves a tenth of the way "
                                "with each batch."),
     "review-running-swapped": (2.79, "Here 0.1 is the share of the old value. In PyTorch's convention it is the share "
                                "of the new one."),
     "review-running-sum": (0.4, "That is a tenth of each, added. At the second step nine tenths of the old value are "
                            "kept, not all of it."),
     "review-running-last": (0.3, "That is a tenth of the second mean. Nine tenths of the old value are still in it."),
     "review-running-from-one": (1.2, "This starts at 1. The running variance does; the running mean starts at 0.")},
    within=0.01)

review_company = choice(
    "review_company", "c",
    "Only in training mode does the order matter. There each batch has statistics of its own, so that misfit running "
    "ones do no harm; in eval mode they do. `recalibrate` would help.",
    {"a": "The photographs are the same each time, and in eval mode the score is the same to the digit. So it is not "
          "chance in which ones were drawn.",
     "b": "`eval()` changes no weight. It changes what some layers do: which ones, in this net?",
     "d": "Grading changes no weight, in neither mode: that takes an optimizer. The running statistics it does move in "
          "training mode, but the net was loaded anew."})

review_numbers = ordering(
    "review_numbers", "cdab",
    "Instance norm 4·4 = 16, group norm 4·16 = 64, batch norm 8·16 = 128, layer norm 64·16 = 1024.",
    "Not quite in order. For each norm, multiply the sizes of the axes that one mean is taken over.",
    {"badc": ("review-numbers-reversed", "The order is right, from the other end: fewest first."),
     "cadb": ("review-numbers-group", "16 groups of 64 channels have 4 channels each: 4·16 numbers. How many has batch "
              "norm, with 8 images?"),
     "acdb": ("review-numbers-batch", "Batch norm's mean is taken over the batch *and* the pixels: 8·16 numbers."),
     "cdba": ("review-numbers-layer", "Layer norm takes all 64 channels of an image with their 16 pixels: more than "
              "batch norm's 8·16 numbers.")})

review_sequence = choice(
    "review_sequence", "b",
    "In training each of batch norm's means is over all positions, later ones included. (In eval mode running "
    "statistics would serve: one token alone is no obstacle.)",
    {"a": "Layer norm has as many parameters, a weight and a bias for each feature. What differs is the axis.",
     "c": "Both give the same kind of output, with mean 0 and variance 1 before the affine part; the question is over "
          "what.",
     "d": "Batch norm is differentiable through its statistics too: you wrote that backward pass."})

review_scale = choice(
    "review_scale", "d",
    "The gradient is a tenth, and to turn weights that are ten times as long as far as before, a step must be ten "
    "times as long: 10·10.",
    {"a": "A smaller rate makes it worse: the gradient is a tenth already, for the output is the same with weights ten "
          "times as large.",
     "b": "The functions are the same at the start, but not the steps: how long is the gradient, and how far does a "
          "step turn weights that are ten times as long?",
     "c": "That makes up for the gradient, which is a tenth. But the weights are also ten times as long: how far does "
          "the same step turn them?"})
