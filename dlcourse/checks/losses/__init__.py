"""The checks of lesson 03, `losses`: twelve exercises in three modules, and the review questions."""

from ..sealed import questions
from .predictions import mse, cross_entropy, binary_cross_entropy, focal_loss
from .structures import dice_loss, triplet_loss, ctc_loss, oscillator_residual
from .surface import filter_normalize, loss_along, top_curvature, critical_point

__all__ = ["mse", "cross_entropy", "binary_cross_entropy", "focal_loss", "dice_loss", "triplet_loss", "ctc_loss",
           "oscillator_residual", "filter_normalize", "loss_along", "top_curvature", "critical_point",
           "review_gradient", "review_labels", "review_focus", "review_frames", "review_sharp"]

review_gradient, review_labels, review_focus, review_frames, review_sharp = questions("losses")
