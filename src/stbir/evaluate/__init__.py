"""Evaluation: ranks in whole galleries, figures with intervals, protocols, systems, noises, and experiments.

    task = make_task("open", open_dataset("sketchy-125"))
    print(evaluate(task, SystemFactory().make("model")).table())

Systems without a bundle: `ranks_from_scores` takes a matrix of scores, `read_run` and `ranks_of_run` a run file.
Nothing here imports PyTorch.
"""

from stbir.evaluate.embed import Embedder
from stbir.evaluate.evaluation import evaluate
from stbir.evaluate.intervals import Difference, Interval, bootstrap_interval, paired_difference, share_interval
from stbir.evaluate.metrics import acc_at, mean_average_precision, median_rank, mrr, precision_at, recall_at
from stbir.evaluate.named import SystemFactory, callable_system, run_system
from stbir.evaluate.noise import Noise
from stbir.evaluate.outside import CallableSystem, RandomSystem, RunSystem
from stbir.evaluate.protocols import PROTOCOLS, make_task
from stbir.evaluate.ranks import ranks_from_scores, ranks_in_pools, ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks, ranks_of_relevant, relevant_ranks_from_scores
from stbir.evaluate.result import Evaluation
from stbir.evaluate.runs import Ranking, Run, RunRanks, ranks_of_run, read_run, run_from_scores, write_qrels
from stbir.evaluate.summary import SeedSummary, holm, seeds_difference, summarize_seeds
from stbir.evaluate.systems import ModelSystem, ScoreFusion, System
from stbir.evaluate.task import Question, Task
from stbir.evaluate.task_files import write_task
from stbir.evaluate.vector_store import VectorStore

__all__ = [
    "PROTOCOLS",
    "CallableSystem",
    "Difference",
    "Embedder",
    "Evaluation",
    "Interval",
    "ModelSystem",
    "Noise",
    "Question",
    "RandomSystem",
    "Ranking",
    "RelevantRanks",
    "Run",
    "RunRanks",
    "RunSystem",
    "ScoreFusion",
    "SeedSummary",
    "System",
    "SystemFactory",
    "Task",
    "VectorStore",
    "acc_at",
    "bootstrap_interval",
    "callable_system",
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
    "run_system",
    "seeds_difference",
    "share_interval",
    "summarize_seeds",
    "write_qrels",
    "write_task",
]
