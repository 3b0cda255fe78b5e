"""The checks of lesson 06, `regularization`: exercises in three modules, review questions here."""

from ..sealed import questions
from .augmenting import color_jitter, horizontal_flip, mixup, random_crop
from .measuring import calibration_error, fgsm, random_features_error, smoothed_cross_entropy
from .shrinking import Dropout, EarlyStopping, l2_penalty

review_dropout, review_test, review_descent, review_calibration, review_attack = questions("regularization")
