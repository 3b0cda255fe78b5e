"""The review questions of lesson 07."""

from ..sealed import questions

review_running, review_company, review_numbers, review_sequence, review_scale = questions("normalization")
