"""The exact scan: every picture is compared. The right index for small galleries and the yardstick for all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stbir.gallery.catalogue import Entry, Vectors
from stbir.gallery.index import Neighbours
from stbir.model.fusion import scores


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
        values = scores(query, self._vectors)
        rows = np.arange(len(values))
        if where is not None:
            allowed = self._matching_ids(where)
            rows = np.array([row for row, entry in enumerate(self._entries) if entry.id in allowed], np.intp)
        if 0 < top < len(rows):
            threshold = np.partition(values[rows], -top)[-top]
            rows = rows[values[rows] >= threshold]
        best = rows[np.lexsort((self._ids[rows], -values[rows]))][:top]
        return Neighbours([self._entries[row] for row in best], self._vectors[best], values[best])
