"""The checks of lesson 05, `schedules`: exercises in three modules, review questions here."""

from ..sealed import questions
from .acting import ReduceOnPlateau, Scheduler
from .formulas import cosine, cosine_restarts, one_cycle, step_decay, warmup_cosine, warmup_stable_decay
from .range_test import lr_range_test

review_cosine, review_restart, review_order, review_patience, review_drop = questions("schedules")
