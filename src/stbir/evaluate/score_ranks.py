"""Ranks from scores that a function gives, pool by pool and in blocks of queries, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stbir.evaluate.ranks import Ranks, ranks_from_scores
from stbir.evaluate.record import Mode
from stbir.evaluate.task import Task

BLOCK_BYTES = 64_000_000

Indices = NDArray[np.int64]
Scores = NDArray[np.float64]


def ranked_by_scores(
    task: Task,
    modes: Sequence[Mode],
    scores: Callable[[Mode, Indices, Indices], Scores],
) -> dict[Mode, Ranks]:
    """Ranks from a function that gives the scores [B, M] of some queries for some pictures; pool by pool, in blocks."""
    found: dict[Mode, Ranks] = {mode: np.empty(len(task.questions), np.int64) for mode in modes}
    for rows, members in _pool_blocks(task):
        local = np.searchsorted(members, task.targets[rows])
        for mode in modes:
            found[mode][rows] = ranks_from_scores(scores(mode, rows, members), local)
    return found


def _pool_blocks(task: Task) -> Iterator[tuple[Indices, Indices]]:
    """Queries that search the same pictures, a block of them at a time, with these pictures."""
    pools = task.pool_numbers
    of_query = pools[task.targets]
    for pool in np.unique(of_query):
        members = np.flatnonzero(pools == pool)
        asked = np.flatnonzero(of_query == pool)
        step = max(1, BLOCK_BYTES // (8 * len(members)))
        for start in range(0, len(asked), step):
            yield asked[start : start + step], members


def worst_ranks(scores: Scores) -> Scores:
    """[B, N], the 1-based rank of every picture; equal scores all get the worst rank among them."""
    order = np.argsort(scores, axis=1)
    placed = np.take_along_axis(scores, order, axis=1)
    number = np.tile(np.arange(scores.shape[1], 0, -1, dtype=np.float64), (len(scores), 1))
    is_new = np.ones(scores.shape, bool)
    is_new[:, 1:] = placed[:, 1:] != placed[:, :-1]
    number = np.minimum.accumulate(np.where(is_new, number, np.inf), axis=1)
    ranks = np.empty_like(number)
    np.put_along_axis(ranks, order, number, axis=1)
    return ranks
