"""The checks of lesson 06, `regularization`: exercises in its modules, review questions here."""

from ..sealed import questions
from .shrinking import l2_penalty, Dropout
from .stopping import EarlyStopping
from .augmenting import random_crop, horizontal_flip
from .coloring import color_jitter
from .mixing import mixup
from .measuring import smoothed_cross_entropy, calibration_error
from .double_descent import random_features_error
from .attacking import fgsm

review_dropout, review_test, review_descent, review_calibration, review_attack = questions("regularization")
