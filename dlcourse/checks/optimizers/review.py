"""The review questions of lesson 04."""

from ..sealed import questions

review_limit, review_bias, review_scale, review_loop, review_grid = questions("optimizers")
