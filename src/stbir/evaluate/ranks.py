"""Where each query's one right picture stands in the whole gallery.

In: query and gallery vectors (or a matrix of scores) and the index of each query's right picture. Out: 1-based ranks.
Ties count against the system, so a constant descriptor is last everywhere; values that are not finite are refused
instead of ranking first. Memory does not grow with the gallery, which may be a `numpy.memmap`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stbir.errors import InputError

MEMORY_BYTES = 64_000_000
TIE_TOLERANCE = 1e-12
LARGEST_NORM_IN_SINGLE = 1e18
LARGEST_DIMS_IN_SINGLE = 100_000
_FEW = 1 / 64

Vectors = NDArray[np.float32]
Ranks = NDArray[np.int64]
Values = NDArray[np.float64]


def ranks_of_targets(
    queries: Vectors, gallery: Vectors, targets: NDArray[np.integer], *, memory_bytes: int = MEMORY_BYTES
) -> Ranks:
    """Rank of each query's right picture among all pictures of the gallery.

    Whether a picture counts depends on nothing but the query, the two pictures, and the largest norm in the gallery: it
    is decided by `pair_similarities`, one expression for the right picture and all others. Products in single
    precision only spare work: where their worst possible rounding error leaves no doubt, the decision is the same.
    So the ranks are the same for every order of the gallery, block size, number of threads and BLAS.

    Args:
        queries: [Q, D].
        gallery: [N, D].
        targets: [Q], index into the gallery of each query's one right picture.
        memory_bytes: About how much the blocks may take; no effect on the result.

    Returns:
        [Q], 1 + the number of other pictures at least as similar as the right one: 1 is best, N is worst. Similarities
        that differ by rounding only (1e-12 of the largest possible product) are ties. Chance level is (N + 1) / 2 on
        average.

    Raises:
        InputError: Shapes that do not fit, an index outside the gallery, or a value that is not finite.

    Source: own; the convention of evaluation by "ties against the system". Error of a product of D terms: Higham,
        Accuracy and Stability of Numerical Algorithms, 2002, eq. 3.5.

    >>> ranks_of_targets(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), np.array([0, 1])).tolist()
    [1, 1]
    >>> ranks_of_targets(np.ones((1, 2), np.float32), np.ones((5, 2), np.float32), np.array([0])).tolist()
    [5]
    """
    queries, gallery, targets = np.asarray(queries), np.asarray(gallery), np.asarray(targets)
    check_vectors(queries, gallery)
    check_targets(targets, len(queries), len(gallery))
    norms = norms_of("queries", queries)
    largest = largest_norm("gallery", gallery)
    limits = similarities_of_pairs(queries, gallery, np.arange(len(queries)), targets, memory_bytes)
    limits -= TIE_TOLERANCE * norms * largest
    dims = queries.shape[1]
    levels = [(dtype, rounding(dtype, dims, norms, largest)) for dtype in _precisions(dims, norms, largest)]
    ranks = np.zeros(len(queries), np.int64)
    for columns, rows in tiles(len(gallery), queries.shape, memory_bytes):
        of_rows = [(dtype, error[rows]) for dtype, error in levels]
        ranks[rows] += _count(queries[rows], gallery[columns], limits[rows], of_rows, memory_bytes)
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
    pools = np.unique(query_pools)
    if len(pools) == 1 and np.all(gallery_pools == pools[0]):
        return ranks_of_targets(queries, gallery, targets)
    ranks = np.empty(len(queries), np.int64)
    for pool in pools:
        of_pool = query_pools == pool
        members = np.flatnonzero(gallery_pools == pool)
        ranks[of_pool] = ranks_of_targets(
            queries[of_pool], gallery[members], np.searchsorted(members, targets[of_pool])
        )
    return ranks


def ranks_from_scores(
    scores: NDArray[np.floating], targets: NDArray[np.integer], *, memory_bytes: int = MEMORY_BYTES
) -> Ranks:
    """Rank of each query's right picture, for systems that give scores instead of vectors.

    Args:
        scores: [Q, N], higher is better; negative scores rank like all others.
        targets: [Q], index of each query's one right picture.
        memory_bytes: About how much the blocks may take; no effect on the result.

    Returns:
        [Q], 1 + the number of other pictures with at least the right one's score. Only equal scores are ties here:
        a system that computes equal scores by different roundings must round them itself.

    Raises:
        InputError: Shapes that do not fit, an index out of range, or a score that is not finite.

    Source: own.

    >>> ranks_from_scores(np.array([[0.1, 0.3, 0.2], [-0.5, -0.5, -0.9]]), np.array([1, 0])).tolist()
    [1, 2]
    """
    scores, targets = np.asarray(scores), np.asarray(targets)
    if scores.ndim != 2 or scores.dtype.kind not in "fiu":
        raise InputError(f"scores {scores.shape} {scores.dtype} cannot be ranked: expected numbers [Q, N]")
    check_targets(targets, *scores.shape)
    ranks = np.empty(len(scores), np.int64)
    for rows in blocks(len(scores), max(1, memory_bytes // (16 * max(scores.shape[1], 1)))):
        of_rows = scores[rows]
        check_scores(of_rows, rows.start)
        own = of_rows[np.arange(len(of_rows)), targets[rows]]
        ranks[rows] = (of_rows >= own[:, None]).sum(axis=1)
    return ranks


def pair_similarities(queries: Vectors, pictures: Vectors) -> Values:
    """Inner products row by row in double precision, each by the same operations whatever the other rows are.

    Args:
        queries: [P, D].
        pictures: [P, D].

    Returns:
        [P].
    """
    # Not einsum, vecdot or matmul: their order of summation depends on alignment and size.
    products = queries.astype(np.float64, order="C") * pictures.astype(np.float64, order="C")
    return np.asarray(products.sum(axis=1))


def similarities_of_pairs(
    queries: Vectors, gallery: Vectors, rows: NDArray[np.integer], columns: NDArray[np.integer], memory_bytes: int
) -> Values:
    """`pair_similarities` of queries[rows] and gallery[columns], in blocks: [P]."""
    similarities = np.empty(len(rows))
    for part in blocks(len(rows), max(1, memory_bytes // (32 * queries.shape[1]))):
        similarities[part] = pair_similarities(queries[rows[part]], gallery[columns[part]])
    return similarities


def check_vectors(queries: Vectors, gallery: Vectors) -> None:
    """Refuse what is not [Q, D] and [N, D] numbers with D >= 1."""
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1] or not gallery.shape[1]:
        raise InputError(f"queries {queries.shape} and gallery {gallery.shape} do not fit: expected [Q, D] and [N, D]")
    for name, vectors in (("queries", queries), ("gallery", gallery)):
        if vectors.dtype.kind not in "fiu":
            raise InputError(f"{name} of type {vectors.dtype} are no vectors: expected real numbers")


def check_targets(targets: NDArray[np.integer], num_queries: int, num_pictures: int) -> None:
    """Refuse what is not one index into the gallery for each query."""
    if targets.shape != (num_queries,) or targets.dtype.kind not in "iu":
        raise InputError(f"targets {targets.shape} {targets.dtype} do not fit: expected {num_queries} integers")
    if len(targets) and not (targets.min() >= 0 and targets.max() < num_pictures):
        raise InputError(
            f"a target index is outside 0..{num_pictures - 1}: every query needs its picture in the gallery"
        )


def check_scores(scores: NDArray[np.floating], first_row: int) -> None:
    """Refuse scores [R, N] that are not finite; `first_row` is the number of their first row in the whole."""
    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(wrong):
        raise InputError(f"scores of query {first_row + wrong[0]} are not finite: the system's scores are broken")


def norms_of(name: str, vectors: Vectors) -> Values:
    """Lengths of the rows [Q, D]; a row that is not finite is refused, `name` says of what."""
    return np.concatenate([np.empty(0), *_norms(name, vectors)])


def largest_norm(name: str, vectors: Vectors) -> float:
    """The largest of `norms_of`, 0 without rows."""
    return max((float(norms.max()) for norms in _norms(name, vectors)), default=0.0)


def _norms(name: str, vectors: Vectors) -> Iterator[Values]:
    for rows in blocks(len(vectors), max(1, 200_000 // vectors.shape[1])):
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(vectors[rows], dtype=np.float64).sum(axis=1)
        wrong = np.flatnonzero(~np.isfinite(squares))
        if len(wrong):
            raise InputError(f"row {rows.start + wrong[0]} of the {name} is not finite: the model's vectors are broken")
        yield np.sqrt(squares)


def blocks(length: int, size: int) -> Iterator[slice]:
    """Slices that cover 0..length, each of at most `size`."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def tiles(num_pictures: int, shape: tuple[int, ...], memory_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of pictures and, for each, all blocks of queries [Q, D]: the gallery is read once."""
    width = min(max(1, memory_bytes // (32 * shape[1])), max(num_pictures, 1))
    for columns in blocks(num_pictures, width):
        for rows in blocks(shape[0], max(1, memory_bytes // (16 * width))):
            yield columns, rows


def _precisions(dims: int, norms: Values, largest: float) -> list[type[np.floating]]:
    """Single precision first, unless its range is too small for these vectors."""
    fits = max(norms.max(initial=0.0), largest) <= LARGEST_NORM_IN_SINGLE and dims <= LARGEST_DIMS_IN_SINGLE
    return [np.float32, np.float64] if fits else [np.float64]


def rounding(dtype: type[np.floating], dims: int, norms: Values, largest: float) -> Values:
    """How far a product in this precision can be from `pair_similarities`, for queries of these norms: [Q].

    The sum of D products in any order is off by at most D u / (1 - D u) of the norms' product; two more u for rounding
    the vectors themselves. What underflows, vectors' values or products, is off by less than the smallest normal
    number each.
    """

    def share(kind: type[np.floating]) -> float:
        unit = (dims + 2) * float(np.finfo(kind).eps) / 2
        return unit / (1 - unit)

    underflow = dims * float(np.finfo(dtype).tiny) * (1 + norms + largest)
    return np.asarray(1.001 * (share(dtype) + share(np.float64)) * norms * largest + underflow)


def _count(
    queries: Vectors,
    pictures: Vectors,
    limits: Values,
    levels: list[tuple[type[np.floating], Values]],
    memory_bytes: int,
) -> Ranks:
    """For each query how many pictures reach its limit: products decide where they can, pairs of doubt one by one."""
    for dtype, error in levels:
        similarity = queries.astype(dtype, copy=False) @ pictures.astype(dtype, copy=False).T
        certain = similarity >= np.nextafter((limits + error).astype(dtype), dtype(np.inf))[:, None]
        possible = similarity >= np.nextafter((limits - error).astype(dtype), dtype(-np.inf))[:, None]
        counts = certain.sum(axis=1)
        doubtful = np.logical_xor(possible, certain, out=possible)
        if np.count_nonzero(doubtful) <= _FEW * doubtful.size:
            break
    rows, columns = np.divmod(np.flatnonzero(doubtful), len(pictures))
    exact = similarities_of_pairs(queries, pictures, rows, columns, memory_bytes)
    return np.asarray(counts + np.bincount(rows[exact >= limits[rows]], minlength=len(queries)))
