"""The checks of lesson 10, `training_at_scale`.

Answers that need ranks are looked at on real processes (see shared.py); what is expected is computed in one.
"""

from .orders import shard_batch
from .ring import ring_all_reduce
from .replicas import DataParallel
from .layers import ColumnParallelLinear, RowParallelLinear
from .orders import pipeline_schedule
from .sharded import ShardedAdamW
from .precision import LossScaler
from .memory import checkpoint, accumulate_gradients
from .paper import large_batch_lr, memory_per_device, training_cost, fit_power_law
from .review import (review_ring, review_bubble, review_precision, review_accumulate, review_memory,
                     review_emergence)

__all__ = ["shard_batch", "ring_all_reduce", "DataParallel", "ColumnParallelLinear", "RowParallelLinear",
           "pipeline_schedule", "ShardedAdamW", "LossScaler", "checkpoint", "accumulate_gradients", "large_batch_lr",
           "memory_per_device", "training_cost", "fit_power_law", "review_ring", "review_bubble", "review_precision",
           "review_accumulate", "review_memory", "review_emergence"]
