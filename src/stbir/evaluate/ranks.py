"""Where each query's one right picture stands in the whole gallery.

In: query and gallery vectors and the index of each query's right picture. Out: 1-based ranks. Ties count against the
system, so a constant descriptor is last everywhere; values that are not finite are refused instead of ranking first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError

MEMORY_BYTES = 64_000_000
TIE_TOLERANCE = 1e-12

Vectors = NDArray[np.float32]
Ranks = NDArray[np.int64]


def ranks_of_targets(
    queries: Vectors, gallery: Vectors, targets: NDArray[np.integer], *, memory_bytes: int = MEMORY_BYTES
) -> Ranks:
    """Rank of each query's right picture among all pictures of the gallery.

    The products are taken in double precision in blocks, the target's similarity from the same product as all others.
    Similarities that differ by rounding only (1e-12 of the largest possible product) are ties, which makes the ranks
    independent of the gallery's order, of the block size and of the number of threads.

    Args:
        queries: [Q, D].
        gallery: [N, D].
        targets: [Q], index into the gallery of each query's one right picture.
        memory_bytes: About how much the blocks may take; no effect on the result.

    Returns:
        [Q], 1 + the number of other pictures at least as similar as the right one: 1 is best, N is worst. Chance level
        is (N + 1) / 2 on average.

    Raises:
        InputError: Shapes that do not fit, an index outside the gallery, or a value that is not finite.

    Source: own; the convention of evaluation by "ties against the system".

    >>> ranks_of_targets(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), np.array([0, 1])).tolist()
    [1, 1]
    >>> ranks_of_targets(np.ones((1, 2), np.float32), np.ones((5, 2), np.float32), np.array([0])).tolist()
    [5]
    """
    queries, gallery, targets = np.asarray(queries), np.asarray(gallery), np.asarray(targets)
    _check(queries, gallery, targets)
    ranks = np.empty(len(queries), np.int64)
    if not len(queries):
        return ranks
    tolerance = TIE_TOLERANCE * _largest_norm(queries) * _largest_norm(gallery)
    rows_per_block = max(1, memory_bytes // (16 * max(len(gallery), 1)))
    for rows in _blocks(len(queries), rows_per_block):
        similarity = _products(queries[rows], gallery, memory_bytes)
        own = similarity[np.arange(len(similarity)), targets[rows]]
        ranks[rows] = np.count_nonzero(similarity >= own[:, None] - tolerance, axis=1)
    return ranks


def ranks_in_pools(
    queries: Vectors,
    gallery: Vectors,
    targets: NDArray[np.integer],
    query_pools: NDArray[np.integer],
    gallery_pools: NDArray[np.integer],
) -> Ranks:
    """Rank of each query's right picture among the pictures of the query's own pool only.

    Args:
        queries: [Q, D].
        gallery: [N, D].
        targets: [Q], index into the gallery; each must lie in the query's pool.
        query_pools: [Q], for example the number of the category.
        gallery_pools: [N].

    Returns:
        [Q], 1-based, as `ranks_of_targets`.

    Raises:
        InputError: As `ranks_of_targets`, or a target lies in another pool than its query.
    """
    outside = np.flatnonzero(gallery_pools[targets] != query_pools)
    if len(outside):
        raise InputError(f"query {outside[0]} has its right picture in another pool: put both into the same one")
    ranks = np.empty(len(queries), np.int64)
    for pool in np.unique(query_pools):
        of_pool = query_pools == pool
        members = np.flatnonzero(gallery_pools == pool)
        ranks[of_pool] = ranks_of_targets(
            queries[of_pool], gallery[members], np.searchsorted(members, targets[of_pool])
        )
    return ranks


def _check(queries: Vectors, gallery: Vectors, targets: NDArray[np.integer]) -> None:
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1] or not gallery.shape[1]:
        raise InputError(f"queries {queries.shape} and gallery {gallery.shape} do not fit: expected [Q, D] and [N, D]")
    if targets.shape != (len(queries),) or targets.dtype.kind not in "iu":
        raise InputError(f"targets {targets.shape} {targets.dtype} do not fit: expected {len(queries)} integers")
    if len(targets) and not (targets.min() >= 0 and targets.max() < len(gallery)):
        raise InputError(
            f"a target index is outside 0..{len(gallery) - 1}: every query needs its picture in the gallery"
        )
    for name, vectors in (("queries", queries), ("gallery", gallery)):
        for rows in _blocks(len(vectors), 65_536):
            wrong = np.flatnonzero(~np.isfinite(vectors[rows]).all(axis=1))
            if len(wrong):
                raise InputError(
                    f"row {rows.start + wrong[0]} of the {name} is not finite: the model's vectors are broken"
                )


def _products(queries: Vectors, gallery: Vectors, memory_bytes: int) -> NDArray[np.float64]:
    """[Q, N] inner products in double precision; the gallery is widened block by block."""
    similarity = np.empty((len(queries), len(gallery)))
    wide = queries.astype(np.float64)
    for columns in _blocks(len(gallery), max(1, memory_bytes // (16 * gallery.shape[1]))):
        np.matmul(wide, gallery[columns].astype(np.float64).T, out=similarity[:, columns])
    return similarity


def _largest_norm(vectors: Vectors) -> float:
    largest = max(
        float(np.square(vectors[rows], dtype=np.float64).sum(axis=1).max()) for rows in _blocks(len(vectors), 65_536)
    )
    return math.sqrt(largest)


def _blocks(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
