"""The review questions of lesson 10."""

from ..sealed import questions

(review_ring, review_bubble, review_precision, review_accumulate, review_memory,
 review_emergence) = questions("training_at_scale")
