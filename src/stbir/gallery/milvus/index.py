"""Search in Milvus' own index, for galleries that lie there."""

from __future__ import annotations

from typing import Any

import numpy as np

from stbir.errors import QueryError
from stbir.gallery.catalogue import Entry, Vectors
from stbir.gallery.index import Neighbours
from stbir.gallery.milvus.table import MAX_ROWS, MilvusTable
from stbir.model.fusion import scores

MARGIN = 16
TIE = 1e-5


class MilvusIndex:
    """Finds candidates by Milvus' index and scores them exactly.

    Args:
        table: The gallery's table.
        num_pictures: How many pictures it holds.
    """

    def __init__(self, table: MilvusTable, num_pictures: int) -> None:
        self._table = table
        self._num_pictures = num_pictures

    def __len__(self) -> int:
        return self._num_pictures

    def search(self, query: Vectors, top: int, where: str | None = None) -> Neighbours:
        """Search the store; see `VectorIndex.search`.

        Raises:
            QueryError: Also if more hits are asked for than Milvus gives at once.
        """
        if top > MAX_ROWS:
            raise QueryError(f"top={top} is out of range: a gallery in Milvus gives at most {MAX_ROWS:,} hits at once")
        condition = "" if where is None else self._table.filter_of(where)
        limit = min(top + MARGIN, MAX_ROWS)
        while True:
            entries, vectors, is_all = self._candidates(query, limit, condition)
            values = scores(query, vectors)
            best = np.lexsort((np.array([entry.id for entry in entries], dtype=np.str_), -values))
            if is_all or limit == MAX_ROWS or values[best[top - 1]] - values[best[-1]] > TIE:
                break
            limit = min(4 * limit, MAX_ROWS)  # equal scores at the end: the first by id may lie beyond
        best = best[:top]
        return Neighbours([entries[row] for row in best], vectors[best], values[best])

    def _candidates(self, query: Vectors, limit: int, condition: str) -> tuple[list[Entry], Vectors, bool]:
        """The nearest pictures, and whether they are all there are; fewer than asked for are looked up without index.

        An index that sees few pictures because of a condition may miss some, so it is not believed then.
        """
        entries, vectors = self._table.nearest(query, limit, condition, self._thoroughness(limit, condition))
        if len(entries) == limit:
            return entries, vectors, False
        if condition or self._num_pictures < MAX_ROWS:
            found = self._table.matching(condition, MAX_ROWS)
            if len(found[0]) < MAX_ROWS:
                return *found, True
        return entries, vectors, True

    def _thoroughness(self, limit: int, condition: str) -> dict[str, Any]:
        """How much of the index is looked at; a filter hides part of what is seen, so more with one."""
        share = 4 if condition else 1
        match self._table.address.index:
            case "hnsw":
                return {"ef": min(max(128 * share, 2 * limit), 32_768)}
            case "ivf_sq8":
                return {"nprobe": 32 * share}
        return {}
