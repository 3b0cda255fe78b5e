"""The checks of lesson 05, `schedules`: exercises in its modules, review questions here."""

from ..sealed import questions
from .formulas import step_decay, cosine, cosine_restarts
from .warming import warmup_cosine, one_cycle, warmup_stable_decay
from .scheduling import Scheduler
from .acting import ReduceOnPlateau
from .range_test import lr_range_test

review_cosine, review_restart, review_order, review_patience, review_drop = questions("schedules")
