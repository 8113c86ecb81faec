"""Where all relevant pictures of each query stand, for queries with several of them.

In: vectors or scores, and for each query the indices of its relevant pictures. Out: `RelevantRanks`, from which
`metrics` makes Recall@K, P@K and average precision. With one relevant picture each these are the ranks of `ranks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError
from stbir.evaluate.ranks import (
    MEMORY_BYTES,
    TIE_TOLERANCE,
    Ranks,
    Values,
    Vectors,
    blocks,
    check_scores,
    check_vectors,
    largest_norm,
    norms_of,
    rounding,
    similarities_of_pairs,
    tiles,
)

Indices = NDArray[np.int64]
Relevant = Sequence[Sequence[int] | NDArray[np.integer]]


@dataclass(frozen=True, eq=False)
class RelevantRanks:
    """Ranks of all relevant pictures, query after query.

    Attributes:
        ranks: [P], 1-based, ascending within each query and without repetition there.
        offsets: [Q + 1]; the ranks of query q are ranks[offsets[q]:offsets[q + 1]].
    """

    ranks: Ranks
    offsets: Indices

    def __post_init__(self) -> None:
        ranks, offsets = np.asarray(self.ranks), np.asarray(self.offsets)
        fits = offsets.ndim == 1 and len(offsets) and offsets[0] == 0 and offsets[-1] == len(ranks)
        if ranks.ndim != 1 or not fits or np.any(np.diff(offsets) < 0):
            raise InputError(f"offsets {offsets.shape} do not divide ranks {ranks.shape}: expected 0 .. {ranks.size}")
        steps = np.diff(ranks, prepend=0)
        steps[offsets[:-1][np.diff(offsets) > 0]] = ranks[offsets[:-1][np.diff(offsets) > 0]]
        if np.any(steps < 1):
            raise InputError("ranks of relevant pictures must be 1-based and ascending within each query")

    def __len__(self) -> int:
        """How many queries."""
        return len(self.offsets) - 1

    @property
    def num_relevant(self) -> Indices:
        """[Q], how many relevant pictures each query has."""
        return np.diff(self.offsets)

    @property
    def num_without_positives(self) -> int:
        """How many queries have no relevant picture: figures of recall and precision are not defined for these."""
        return int(np.count_nonzero(self.num_relevant == 0))

    def with_positives(self) -> tuple[RelevantRanks, Indices]:
        """Leave out, on purpose, the queries without a relevant picture; report `num_without_positives` beside.

        Returns:
            The rest, and which queries [Q'] they are.
        """
        kept = np.flatnonzero(self.num_relevant)
        return RelevantRanks(self.ranks, np.concatenate([[0], self.offsets[1:][kept]])), kept

    def of(self, query: int) -> Ranks:
        """Ranks [R] of one query's relevant pictures, ascending."""
        return self.ranks[self.offsets[query] : self.offsets[query + 1]]


def ranks_of_relevant(
    queries: Vectors, gallery: Vectors, relevant: Relevant, *, memory_bytes: int = MEMORY_BYTES
) -> RelevantRanks:
    """Ranks of every query's relevant pictures among all pictures of the gallery.

    A picture that is not relevant and as similar as a relevant one stands before it; relevant pictures stand among
    themselves in order of similarity, which of two equal ones is first makes no difference. Decided as in
    `ranks.ranks_of_targets`, so independent of order and blocks.

    Args:
        queries: [Q, D].
        gallery: [N, D].
        relevant: [Q] lists of indices into the gallery, each without repetition; a list may be empty.
        memory_bytes: About how much the blocks may take; no effect on the result.

    Returns:
        The ranks. The j-th of a query is j + the number of irrelevant pictures at least as similar.

    Raises:
        InputError: Shapes that do not fit, an index outside the gallery or given twice, or a value that is not finite.

    Source: own; the convention of evaluation by "ties against the system".

    >>> ranks_of_relevant(np.ones((1, 1)), np.array([[0.9], [0.5], [0.5], [0.1]]), [[0, 2]]).ranks.tolist()
    [1, 3]
    """
    queries, gallery = np.asarray(queries), np.asarray(gallery)
    check_vectors(queries, gallery)
    rows, columns, offsets = _pairs(relevant, len(queries), len(gallery))
    norms, largest = norms_of("queries", queries), largest_norm("gallery", gallery)
    own = similarities_of_pairs(queries, gallery, rows, columns, memory_bytes)
    own = np.asarray(_descending(own, rows), np.float64)
    limits = own - TIE_TOLERANCE * norms[rows] * largest
    error = rounding(np.float64, queries.shape[1], norms, largest)
    reached = np.zeros(len(own), np.int64)
    for part, some in tiles(len(gallery), queries.shape, memory_bytes):
        pictures = gallery[part]
        similarity = queries[some].astype(np.float64) @ pictures.astype(np.float64).T
        for query, of_query in zip(range(some.start, some.stop), similarity, strict=True):
            mine = slice(offsets[query], offsets[query + 1])
            reached[mine] += _count(queries[query], pictures, of_query, limits[mine], float(error[query]))
    return _ranks(reached, own, limits, offsets)


def relevant_ranks_from_scores(
    scores: NDArray[np.floating], relevant: Relevant, *, memory_bytes: int = MEMORY_BYTES
) -> RelevantRanks:
    """Ranks of every query's relevant pictures, for systems that give scores instead of vectors.

    Args:
        scores: [Q, N], higher is better.
        relevant: [Q] lists of indices, each without repetition; a list may be empty.
        memory_bytes: About how much the blocks may take; no effect on the result.

    Returns:
        The ranks, as `ranks_of_relevant`; only equal scores are ties.

    Raises:
        InputError: Shapes that do not fit, an index out of range or given twice, or a score that is not finite.

    Source: own.

    >>> relevant_ranks_from_scores(np.array([[0.3, -0.1, 0.3, 0.2]]), [[0, 3]]).ranks.tolist()
    [2, 3]
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise InputError(f"scores {scores.shape} {scores.dtype} cannot be ranked: expected numbers [Q, N]")
    rows, columns, offsets = _pairs(relevant, *scores.shape)
    own = _descending(scores[rows, columns], rows)
    reached = np.zeros(len(own), np.int64)
    for some in blocks(len(scores), max(1, memory_bytes // (16 * max(scores.shape[1], 1)))):
        check_scores(scores[some], some.start)
        for query in range(some.start, some.stop):
            mine = slice(offsets[query], offsets[query + 1])
            reached[mine] = _reaching(np.sort(scores[query]), own[mine])
    return _ranks(reached, own, own, offsets)


def _pairs(relevant: Relevant, num_queries: int, num_pictures: int) -> tuple[Indices, Indices, Indices]:
    """Query [P] and picture [P] of each relevant pair, and where each query's pairs begin [Q + 1]."""
    if len(relevant) != num_queries:
        raise InputError(f"{len(relevant)} lists of relevant pictures do not fit {num_queries} queries: give one each")
    lists = list(_checked_lists(relevant, num_pictures))
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lists], dtype=np.int64)]).astype(np.int64)
    columns = np.concatenate([np.empty(0, np.int64), *lists])
    return np.repeat(np.arange(num_queries), np.diff(offsets)), columns, offsets


def _checked_lists(relevant: Relevant, num_pictures: int) -> Iterator[Indices]:
    for query, given in enumerate(relevant):
        indices = np.asarray(given, None if len(given) else np.int64)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise InputError(f"relevant pictures of query {query} are no indices: expected a list of integers")
        if len(indices) and not (indices.min() >= 0 and indices.max() < num_pictures):
            raise InputError(
                f"a relevant picture of query {query} is outside 0..{num_pictures - 1}: it must be in the gallery"
            )
        if len(np.unique(indices)) < len(indices):
            raise InputError(f"a relevant picture of query {query} is given twice: name each once")
        yield indices.astype(np.int64)


def _descending(own: NDArray[np.floating], rows: Indices) -> NDArray[np.floating]:
    """The similarities [P] from the largest to the smallest within each query."""
    return own[np.lexsort((own, -rows))[::-1]]


def _count(query: Vectors, pictures: Vectors, similarity: Values, limits: Values, error: float) -> Indices:
    """How many pictures [N] reach each limit [R]: products decide where they can, pairs of doubt one by one."""
    ascending = np.sort(similarity)
    certain = _reaching(ascending, np.nextafter(limits + error, np.inf))
    possible = _reaching(ascending, np.nextafter(limits - error, -np.inf))
    for place in np.flatnonzero(possible > certain):
        limit = limits[place]
        near = np.flatnonzero((similarity >= limit - 2 * error) & (similarity <= limit + 2 * error))
        exact = similarities_of_pairs(query[None], pictures, np.zeros_like(near), near, MEMORY_BYTES)
        beyond = np.count_nonzero(similarity > limit + 2 * error)
        certain[place] = beyond + np.count_nonzero(exact >= limit)
    return certain


def _reaching(ascending: NDArray[np.floating], limits: NDArray[np.floating]) -> Indices:
    """How many of the ascending numbers [N] are at least each limit [R]."""
    return np.asarray(len(ascending) - np.searchsorted(ascending, limits, side="left"), np.int64)


def _ranks(
    reached: Indices, own: NDArray[np.floating], limits: NDArray[np.floating], offsets: Indices
) -> RelevantRanks:
    """From the number of all pictures that reach each limit, relevant ones taken out again."""
    ranks = np.empty(len(reached), np.int64)
    for start, stop in pairwise(offsets):
        mine = slice(start, stop)
        irrelevant = reached[mine] - _reaching(own[mine][::-1], limits[mine])
        ranks[mine] = irrelevant + np.arange(1, stop - start + 1)
    return RelevantRanks(ranks, offsets)
