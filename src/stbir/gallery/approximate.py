"""Search in LanceDB's own index, for galleries too large for the exact scan."""

from __future__ import annotations

import numpy as np

from stbir.gallery.catalogue import Vectors
from stbir.gallery.index import Neighbours
from stbir.gallery.table import PictureTable
from stbir.model.fusion import scores


class LanceIndex:
    """Finds candidates by LanceDB's index and scores them exactly.

    Args:
        table: The gallery's table.
        num_pictures: How many pictures it holds.
    """

    def __init__(self, table: PictureTable, num_pictures: int) -> None:
        self._table = table
        self._num_pictures = num_pictures

    def __len__(self) -> int:
        return self._num_pictures

    def search(self, query: Vectors, top: int, where: str | None = None) -> Neighbours:
        """Search the approximate index; see `VectorIndex.search`."""
        entries, vectors = self._table.nearest(query, top, where)
        values = scores(query, vectors)
        best = np.lexsort((np.array([entry.id for entry in entries], dtype=np.str_), -values))
        return Neighbours([entries[row] for row in best], vectors[best], values[best])
