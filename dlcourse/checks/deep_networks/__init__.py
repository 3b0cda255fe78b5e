"""The checks of lesson 01, `deep_networks`.

Each exercise: a reference, the parts it is judged by, and the wrong answers that people really give.
"""

from .backpropagation import Value, linear_backward
from .constructions import hinge_interpolant, sawtooth_network
from .layers import linear, mlp, network_cost
from .learning import evaluate, kaiming_normal, train
from .review import review_linear, review_order, review_share, review_steps, review_universal

__all__ = ["Value", "evaluate", "hinge_interpolant", "kaiming_normal", "linear", "linear_backward", "mlp",
           "network_cost", "review_linear", "review_order", "review_share", "review_steps", "review_universal",
           "sawtooth_network", "train"]
