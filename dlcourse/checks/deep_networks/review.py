"""The review questions of lesson 01."""

from ..sealed import questions

review_steps, review_share, review_linear, review_universal, review_order = questions("deep_networks")
