"""What a vector index is to stbir: the one protocol that the exact scan, LanceDB and later engines fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stbir.gallery.catalogue import Entry, Vectors


@dataclass(frozen=True)
class Neighbours:
    """The nearest pictures, best first; equal scores are in order of id.

    Attributes:
        entries: K catalogue entries.
        vectors: [K, D], their gallery vectors.
        scores: [K], as `stbir.model.fusion.scores` defines them.
    """

    entries: list[Entry]
    vectors: Vectors
    scores: Vectors


class VectorIndex(Protocol):
    """Finds the pictures nearest to a query vector."""

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def search(self, query: Vectors, top: int, where: str | None = None) -> Neighbours:
        """Find the nearest pictures.

        Args:
            query: [D], from `stbir.model.fusion.compose`.
            top: How many at most.
            where: SQL condition over the catalogue's columns; only pictures that fulfil it count.

        Returns:
            min(top, number of pictures that fulfil `where`) neighbours.

        Raises:
            QueryError: The condition cannot be understood.
        """
        ...
