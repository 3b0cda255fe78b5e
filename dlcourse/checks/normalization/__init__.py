"""The checks of lesson 07, `normalization`.

Each exercise: a reference, the parts it is judged by, and the wrong answers that people really give.
"""

from .batches import BatchNorm2d, batch_norm
from .by_hand import batch_norm_backward
from .folding import fold_batch_norm
from .review import review_company, review_numbers, review_running, review_scale, review_sequence
from .samples import GroupNorm, LayerNorm, RMSNorm
from .statistics import recalibrate

__all__ = ["BatchNorm2d", "GroupNorm", "LayerNorm", "RMSNorm", "batch_norm", "batch_norm_backward", "fold_batch_norm",
           "recalibrate", "review_company", "review_numbers", "review_running", "review_scale", "review_sequence"]
