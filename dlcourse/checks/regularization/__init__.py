"""The checks of lesson 06, `regularization`: exercises in three modules, review questions here."""

from ..questions import choice, numeric, ordering
from .augmenting import color_jitter, horizontal_flip, mixup, random_crop
from .measuring import calibration_error, fgsm, random_features_error, smoothed_cross_entropy
from .shrinking import Dropout, EarlyStopping, l2_penalty

# ---------------------------------------------------------------------------------------- review questions

review_dropout = numeric(
    "review_dropout", 3.75,
    "Kept with probability 0.8, it is divided by 0.8, so that its expectation stays 3.",
    "It is kept with probability 0.8. By what must it be divided, so that its expectation is 3 again?",
    {"review-dropout-unscaled": (3.0, "That is the activation unscaled: its expectation would be 2.4."),
     "review-dropout-shrunk": (2.4, "That is 3 · 0.8, the expectation of what is not scaled. What is kept has to "
                               "make up for it."),
     "review-dropout-by-p": (15.0, "That is 3 / 0.2, divided by the probability of being dropped."),
     "review-dropout-plus-p": (3.6, "That is 3 · 1.2. Multiply it by 0.8: the expectation is not 3.")})

review_test = choice(
    "review_test", "c",
    "Each of the 30 nets had some luck on the validation digits, and the best was chosen for its luck as well.",
    {"a": "Chance can make one sample harder than another. But a gap of this sign was to be expected: which of the two "
          "numbers was picked as the largest of 30?",
     "b": "They decided nothing, and that is just what makes the number on them honest. Reporting it decides nothing "
          "either.",
     "d": "Neither was trained on, but one of them was chosen on. A mean with a flattering number still flatters."})

review_descent = ordering(
    "review_descent", "abdc",
    "The peak stands where features and points are equally many, and the curve falls on both sides; far to the right "
    "it comes out lowest.",
    "Not quite. Look at your curve: where is its peak, which side is steeper, and where does it end?",
    {"cbad": ("review-descent-classical", "That is the classical expectation: the more parameters, the worse. Your "
              "curve peaks at the interpolation threshold and falls behind it."),
     "dabc": ("review-descent-modern", "That is how it would be if more parameters always helped. Before the threshold "
              "they stop helping and begin to hurt."),
     "cdba": ("review-descent-turned", "This is lowest first. Highest first was asked for."),
     "adbc": ("review-descent-sides", "The peak is right. How fast does your curve fall on either side of it?")})

review_calibration = numeric(
    "review_calibration", 0.14,
    "0.6 · |0.75 − 0.95| + 0.4 · |0.70 − 0.65| = 0.12 + 0.02.",
    "For each bin: the absolute gap between accuracy and mean confidence. Then weigh it by the bin's share of samples.",
    {"review-calibration-signed": (0.10, "Here gaps of both signs cancel: 0.12 − 0.02. Take absolute values."),
     "review-calibration-unweighted": (0.125, "That is the plain mean of the gaps 0.20 and 0.05. Weigh them by how "
                                       "many samples each bin has."),
     "review-calibration-largest": (0.20, "That is the larger of the two gaps."),
     "review-calibration-sum": (0.25, "That is the sum of the gaps; each counts with its bin's share of the samples."),
     "review-calibration-percent": (14.0, "That is in percent. Give a number between 0 and 1.")})

review_attack = numeric(
    "review_attack", 3.2,
    "64 · 0.1 · 0.5: every pixel adds its share. Random signs add as often as they take away, and end at about "
    "√64 · 0.05 = 0.4.",
    "How much does one pixel add, moved by ε the way the loss grows? And all 64 of them?",
    {"review-attack-one-pixel": (0.05, "That is what one pixel adds. All 64 move."),
     "review-attack-random": (0.4, "That is about how far *random* signs get, where pixels add as often as they take "
                              "away. Here each one adds."),
     "review-attack-no-epsilon": (32.0, "That is the sum of all slopes. Each pixel moves by ε only."),
     "review-attack-no-slope": (6.4, "That is how far all pixels move together. What they do to the loss depends on "
                                "the slope."),
     "review-attack-none": (0.0, "Slopes of both signs would cancel if all pixels moved the same way. Each moves the "
                            "way of its own sign.")})
