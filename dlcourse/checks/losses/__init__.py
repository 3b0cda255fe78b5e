"""The checks of lesson 03, `losses`: twelve exercises in its modules, and the review questions."""

from ..sealed import questions
from .predictions import mse, cross_entropy, binary_cross_entropy, focal_loss
from .structures import dice_loss, triplet_loss
from .sequences import ctc_loss
from .physics import oscillator_residual
from .surface import filter_normalize, loss_along
from .curvature import top_curvature, critical_point

__all__ = ["mse", "cross_entropy", "binary_cross_entropy", "focal_loss", "dice_loss", "triplet_loss", "ctc_loss",
           "oscillator_residual", "filter_normalize", "loss_along", "top_curvature", "critical_point",
           "review_gradient", "review_labels", "review_focus", "review_frames", "review_sharp"]

review_gradient, review_labels, review_focus, review_frames, review_sharp = questions("losses")
