"""Evaluation: ranks in whole galleries, figures with intervals, the protocols, and one function that does it all.

    task = make_task("open", open_dataset("sketchy-125"))
    print(evaluate(task, Encoder(bundle), bundle.info).table())

Nothing here imports PyTorch.
"""

from stbir.evaluate.evaluation import evaluate
from stbir.evaluate.intervals import Difference, Interval, bootstrap_interval, paired_difference, share_interval
from stbir.evaluate.metrics import acc_at, median_rank, mrr
from stbir.evaluate.protocols import PROTOCOLS, Task, make_task
from stbir.evaluate.ranks import ranks_in_pools, ranks_of_targets
from stbir.evaluate.result import Evaluation

__all__ = [
    "PROTOCOLS",
    "Difference",
    "Evaluation",
    "Interval",
    "Task",
    "acc_at",
    "bootstrap_interval",
    "evaluate",
    "make_task",
    "median_rank",
    "mrr",
    "paired_difference",
    "ranks_in_pools",
    "ranks_of_targets",
    "share_interval",
]
