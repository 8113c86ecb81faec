"""Evaluation: ranks in whole galleries, figures with intervals, the protocols, and one function that does it all.

    task = make_task("open", open_dataset("sketchy-125"))
    print(evaluate(task, Encoder(bundle), bundle.info).table())

Systems without a bundle: `ranks_from_scores` takes a matrix of scores, `read_run` and `ranks_of_run` a run file.
Nothing here imports PyTorch.
"""

from stbir.evaluate.evaluation import evaluate
from stbir.evaluate.intervals import Difference, Interval, bootstrap_interval, paired_difference, share_interval
from stbir.evaluate.metrics import acc_at, mean_average_precision, median_rank, mrr, precision_at, recall_at
from stbir.evaluate.protocols import PROTOCOLS, Task, make_task
from stbir.evaluate.ranks import ranks_from_scores, ranks_in_pools, ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks, ranks_of_relevant, relevant_ranks_from_scores
from stbir.evaluate.result import Evaluation
from stbir.evaluate.runs import Ranking, Run, RunRanks, ranks_of_run, read_run, run_from_scores, write_qrels
from stbir.evaluate.summary import SeedSummary, holm, seeds_difference, summarize_seeds

__all__ = [
    "PROTOCOLS",
    "Difference",
    "Evaluation",
    "Interval",
    "Ranking",
    "RelevantRanks",
    "Run",
    "RunRanks",
    "SeedSummary",
    "Task",
    "acc_at",
    "bootstrap_interval",
    "evaluate",
    "holm",
    "make_task",
    "mean_average_precision",
    "median_rank",
    "mrr",
    "paired_difference",
    "precision_at",
    "ranks_from_scores",
    "ranks_in_pools",
    "ranks_of_relevant",
    "ranks_of_run",
    "ranks_of_targets",
    "read_run",
    "recall_at",
    "relevant_ranks_from_scores",
    "run_from_scores",
    "seeds_difference",
    "share_interval",
    "summarize_seeds",
    "write_qrels",
]
