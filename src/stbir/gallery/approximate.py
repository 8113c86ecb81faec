"""Search in LanceDB's own index, for galleries too large for the exact scan.

The index keeps vectors in partitions, with one bit per number. A search looks through the partitions nearest to the
query and compares the best candidates by their whole vectors. One bit misplaces what is nearly as good, most of all for
words, whose vector is half empty: hence many candidates, and always the same number, however few hits are asked for.
Under a filter all partitions are looked through, for what is left may lie in any of them. Measured with a million
vectors by benchmarks/million.py.
"""

from __future__ import annotations

import math

import numpy as np

from stbir.gallery.catalogue import Vectors
from stbir.gallery.index import Neighbours
from stbir.gallery.table import PictureTable
from stbir.model.fusion import scores

NPROBES = 60
CANDIDATES = 600
MIN_REFINE = 2
ALL_PARTITIONS_FROM = 1000


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
        entries, vectors = self._table.nearest(
            query,
            top,
            where,
            nprobes=NPROBES,
            is_everywhere=where is not None or top >= ALL_PARTITIONS_FROM,
            refine=max(MIN_REFINE, math.ceil(CANDIDATES / top)),
            is_exact=top >= self._num_pictures,
        )
        values = scores(query, vectors)
        best = np.lexsort((np.array([entry.id for entry in entries], dtype=np.str_), -values))
        return Neighbours([entries[row] for row in best], vectors[best], values[best])
