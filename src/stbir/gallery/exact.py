"""The exact scan: every picture is compared. The right index for small galleries and the yardstick for all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stbir.gallery.catalogue import Entry, Vectors
from stbir.gallery.index import Neighbours
from stbir.model.fusion import scores

QUERIES_AT_ONCE = 128


class ExactIndex:
    """Holds all vectors in memory.

    Args:
        entries: N catalogue entries.
        vectors: [N, D], their gallery vectors.
        matching_ids: Ids of the pictures that fulfil a condition.
    """

    def __init__(self, entries: Sequence[Entry], vectors: Vectors, matching_ids: Callable[[str], set[str]]) -> None:
        self._entries = entries
        self._vectors = vectors
        self._matching_ids = matching_ids
        self._ids = np.array([entry.id for entry in entries], dtype=np.str_)

    def __len__(self) -> int:
        return len(self._entries)

    def search(self, query: Vectors, top: int, where: str | None = None) -> Neighbours:
        """Compare with every picture; see `VectorIndex.search`."""
        return self.search_many(query[None], top, where)[0]

    def search_many(self, queries: Vectors, top: int, where: str | None = None) -> list[Neighbours]:
        """Answer many queries by products of matrices.

        Args:
            queries: [Q, D].
            top: How many neighbours of each at most.
            where: As in `search`.

        Returns:
            For each query what `search` returns.
        """
        allowed = np.arange(len(self._entries))
        if where is not None:
            ids = self._matching_ids(where)
            allowed = np.array([row for row, entry in enumerate(self._entries) if entry.id in ids], np.intp)
        found = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            values = scores(queries[start : start + QUERIES_AT_ONCE], self._vectors)
            found += [self._best(row, allowed, top) for row in values]
        return found

    def _best(self, values: Vectors, rows: NDArray[np.intp], top: int) -> Neighbours:
        """The best of the allowed rows, given the scores of all."""
        if 0 < top < len(rows):
            threshold = np.partition(values[rows], -top)[-top]
            rows = rows[values[rows] >= threshold]
        best = rows[np.lexsort((self._ids[rows], -values[rows]))][:top]
        return Neighbours([self._entries[row] for row in best], self._vectors[best], values[best])
