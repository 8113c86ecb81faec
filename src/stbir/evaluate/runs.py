"""Other people's systems: files with the pictures that a system found for each query.

Three formats, told apart by their first line, plain or gzipped:

    JSONL  {"query": "shoe/17#0", "ids": ["shoe/17", "shoe/3"], "scores": [0.9, 0.4]}    best first; scores or none
    TREC   shoe/17#0 Q0 shoe/17 1 0.9 my-system                                          query Q0 id rank score tag
    CSV    query,id,score                                                                this header, then lines like it

Where there are scores they decide, never a rank column or the order of lines; ties count against the system. A run
file is hostile until it parsed: sizes are limited, and every error names file and line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError
from stbir.evaluate.ranks import Ranks, check_targets
from stbir.evaluate.run_files import Format, Ranking, read_rankings, write_qrels, write_rankings

__all__ = [
    "Ranking",
    "Run",
    "RunRanks",
    "ranks_of_run",
    "read_run",
    "run_from_scores",
    "write_qrels",
]

_NAMED = 3


@dataclass(frozen=True)
class Run:
    """A system's answers to all queries it was asked.

    Attributes:
        rankings: By the query's id.
        name: What it is called: the file's name, or the TREC tag.
    """

    rankings: Mapping[str, Ranking]
    name: str = "run"

    def __len__(self) -> int:
        """How many queries it answers."""
        return len(self.rankings)

    def write(self, path: str | os.PathLike[str], format: Format = "jsonl") -> None:
        """Write a run file; gzipped where the name ends in .gz.

        Args:
            path: Where; an existing file is replaced.
            format: jsonl, trec or csv. The latter two need scores: without them the place from the end is written.

        Raises:
            InputError: No such format, an id that the format cannot hold, or the file cannot be written.
        """
        write_rankings(Path(path), self.name, self.rankings, format)


@dataclass(frozen=True, eq=False)
class RunRanks:
    """Ranks of the right pictures in a run, and what the run left open; all of it counts as lost.

    Attributes:
        ranks: [Q], 1-based; the size of the pool, the last place, where the right picture was not listed.
        num_missing_queries: Queries that the run does not answer.
        num_not_listed: Queries that it answers without listing the right picture.
    """

    ranks: Ranks
    num_missing_queries: int
    num_not_listed: int


def read_run(path: str | os.PathLike[str]) -> Run:
    """Read a run file of any of the three formats.

    Args:
        path: The file, plain or gzipped.

    Returns:
        The run, every ranking ordered by its scores where it has some.

    Raises:
        InputError: Not such a file, beyond the limits, a score that is not finite, or a picture listed twice for a
            query; names file and line.
    """
    name, rankings = read_rankings(path)
    return Run(rankings, name)


def run_from_scores(
    query_ids: Sequence[str],
    gallery_ids: Sequence[str],
    scores: NDArray[np.floating],
    *,
    top: int | None = None,
    name: str = "run",
) -> Run:
    """Make a run of a matrix of scores.

    Args:
        query_ids: [Q].
        gallery_ids: [N].
        scores: [Q, N], higher is better.
        top: How many pictures to keep for each query; None keeps all.
        name: What to call it.

    Returns:
        The run. Equal scores are in the gallery's order, which counts for nothing.

    Raises:
        InputError: Shapes that do not fit, repeated ids, or a score that is not finite.
    """
    scores = np.asarray(scores, np.float64)
    if scores.shape != (len(query_ids), len(gallery_ids)):
        raise InputError(f"scores {scores.shape} do not fit {len(query_ids)} queries and {len(gallery_ids)} pictures")
    if not np.isfinite(scores).all():
        raise InputError("a score is not finite: the system's scores are broken")
    for kind, ids in (("query", query_ids), ("picture", gallery_ids)):
        _numbers(kind, ids)
    rankings = {}
    for query, of_query in zip(query_ids, scores, strict=True):
        order = np.argsort(-of_query, kind="stable")[:top]
        rankings[query] = Ranking(tuple(gallery_ids[index] for index in order), of_query[order])
    return Run(rankings, name)


def ranks_of_run(
    run: Run,
    query_ids: Sequence[str],
    gallery_ids: Sequence[str],
    targets: NDArray[np.integer],
    pools: Sequence[object] | NDArray[np.generic] | None = None,
) -> RunRanks:
    """Where each query's right picture stands in a run.

    Args:
        run: The system's answers.
        query_ids: [Q], all queries of the task.
        gallery_ids: [N], all pictures that are searched.
        targets: [Q], index into the gallery of each query's one right picture.
        pools: [N], the pool of each picture; a query is searched in the pool of its right picture, and what the run
            lists from other pools is passed over. None: one pool.

    Returns:
        Ranks, 1 + the number of other listed pictures of the pool with at least the right one's score. A query that
        the run does not answer, or where it does not list the right picture, gets the size of the pool.

    Raises:
        InputError: Shapes that do not fit, repeated ids, or the run names a query or a picture that the task lacks.

    Source: own; ties as in `ranks.ranks_of_targets`.
    """
    targets = np.asarray(targets)
    check_targets(targets, len(query_ids), len(gallery_ids))
    if pools is not None and len(pools) != len(gallery_ids):
        raise InputError(f"{len(pools)} pools do not fit {len(gallery_ids)} pictures: give one for each picture")
    queries, pictures = _numbers("query", query_ids), _numbers("picture", gallery_ids)
    _refuse_unknown(run, queries, pictures)
    names = [""] * len(gallery_ids) if pools is None else list(pools)
    codes = {name: code for code, name in enumerate(dict.fromkeys(names))}
    pool_of = np.array([codes[name] for name in names], np.int64)
    sizes = np.bincount(pool_of, minlength=1)
    ranks = np.empty(len(query_ids), np.int64)
    num_missing = num_not_listed = 0
    for number, (query, target) in enumerate(zip(query_ids, targets.tolist(), strict=True)):
        ranking = run.rankings.get(query)
        rank = None if ranking is None else _rank(ranking, target, pictures, pool_of)
        num_missing += ranking is None
        num_not_listed += ranking is not None and rank is None
        ranks[number] = sizes[pool_of[target]] if rank is None else rank
    return RunRanks(ranks, num_missing, num_not_listed)


def _rank(ranking: Ranking, target: int, pictures: Mapping[str, int], pool_of: NDArray[np.int64]) -> int | None:
    """Rank of the target among the listed pictures of its pool, or None where it is not listed."""
    listed = np.array([pictures[each] for each in ranking.ids], np.int64)
    place = np.flatnonzero(listed == target)
    if not len(place):
        return None
    before = np.arange(len(listed)) <= place[0]
    if ranking.scores is not None:
        before = ranking.scores >= ranking.scores[place[0]]
    return int(np.count_nonzero(before & (pool_of[listed] == pool_of[target])))


def _refuse_unknown(run: Run, queries: Mapping[str, int], pictures: Mapping[str, int]) -> None:
    listed = (each for ranking in run.rankings.values() for each in ranking.ids)
    for kind, known, given in (("query", queries, iter(run.rankings)), ("picture", pictures, listed)):
        unknown = sorted({each for each in given if each not in known})
        if unknown:
            more = ", ..." if len(unknown) > _NAMED else ""
            raise InputError(
                f"run {run.name} names {len(unknown)} unknown {kind} ids ({', '.join(map(repr, unknown[:_NAMED]))}"
                f"{more}): expected ids like {next(iter(known), '')!r}"
            )


def _numbers(kind: str, ids: Sequence[str]) -> dict[str, int]:
    numbers = {each: number for number, each in enumerate(ids)}
    if len(numbers) < len(ids):
        repeated = next(each for number, each in enumerate(ids) if numbers[each] != number)
        raise InputError(f"{kind} id {repeated!r} is given twice: ids must be unique")
    return numbers
