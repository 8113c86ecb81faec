"""Search in LanceDB's own index, for galleries too large for the exact scan.

The index keeps vectors in partitions, with one bit per number. A search looks through the partitions nearest to the
query and compares the best candidates by their whole vectors. A filter makes partitions poor: where it leaves few
pictures, all of them are compared and nothing is lost; where it leaves more, more partitions are looked through.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from stbir.gallery.catalogue import Vectors
from stbir.gallery.index import Neighbours
from stbir.gallery.table import NPROBES, REFINE_FACTOR, PictureTable
from stbir.model.fusion import scores

EXACT_UNDER_FILTER = 20_000
EXACT_SHARE = 0.02
MAX_NPROBES = 1024
MIN_CANDIDATES = 100
MAX_COUNTS = 256


class LanceIndex:
    """Finds candidates by LanceDB's index and scores them exactly.

    Args:
        table: The gallery's table.
        num_pictures: How many pictures it holds.
    """

    def __init__(self, table: PictureTable, num_pictures: int) -> None:
        self._table = table
        self._num_pictures = num_pictures
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def __len__(self) -> int:
        return self._num_pictures

    def search(self, query: Vectors, top: int, where: str | None = None) -> Neighbours:
        """Search the approximate index; see `VectorIndex.search`."""
        nprobes, is_exact = (NPROBES, False) if where is None else self._plan(where)
        refine = max(2, min(REFINE_FACTOR, MIN_CANDIDATES * REFINE_FACTOR // top))
        entries, vectors = self._table.nearest(
            query, top, where, nprobes=nprobes, refine=refine, is_exact=is_exact or top >= self._num_pictures
        )
        values = scores(query, vectors)
        best = np.lexsort((np.array([entry.id for entry in entries], dtype=np.str_), -values))
        return Neighbours([entries[row] for row in best], vectors[best], values[best])

    def _plan(self, where: str) -> tuple[int, bool]:
        """How many partitions to look through under a filter, or that everything it leaves is compared."""
        num_left = self._count(where)
        share = num_left / max(1, self._num_pictures)
        if num_left <= EXACT_UNDER_FILTER or share <= EXACT_SHARE:
            return NPROBES, True
        return min(MAX_NPROBES, round(NPROBES / share**0.5)), False

    def _count(self, where: str) -> int:
        """How many pictures fulfil a filter, remembered while the table stays as it is."""
        key = (self._table.token(), where)
        if key not in self._counts:
            self._counts[key] = self._table.count(where)
            if len(self._counts) > MAX_COUNTS:
                self._counts.popitem(last=False)
        return self._counts[key]
