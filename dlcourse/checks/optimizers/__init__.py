"""The checks of lesson 04, `optimizers`.

An optimizer is watched through whole runs: tensors of several shapes, gradients that the case brings along, every
step compared. The reference and most mistakes are one small machine (see machine.py) around a rule; that the
reference gives what torch.optim gives, step by step, is proven in tests/test_lesson_04.py. (It is not torch.optim
itself, whose first use costs more than a second.)
"""

from .adam import Adam, AdamW
from .matrices import decay_groups, orthogonalize
from .momentum import SGD, RMSprop
from .review import review_bias, review_grid, review_limit, review_loop, review_scale
from .descent import clip_grad_norm, gradient_descent, largest_stable_lr

__all__ = ["gradient_descent", "largest_stable_lr", "SGD", "RMSprop", "Adam", "AdamW", "decay_groups",
           "clip_grad_norm", "orthogonalize", "review_limit", "review_bias", "review_scale", "review_loop",
           "review_grid"]
