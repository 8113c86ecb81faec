"""What a vector index is to stbir: the one protocol that the exact scan, LanceDB and later engines fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class SearchesMany(Protocol):
    """What an index has that answers many queries quicker than one by one."""

    def search_many(self, queries: Vectors, top: int, where: str | None = None) -> list[Neighbours]:
        """As `search_many` below."""
        ...


def search_many(index: VectorIndex, queries: Vectors, top: int, where: str | None = None) -> list[Neighbours]:
    """Find the nearest pictures of many queries, together where the index can.

    Args:
        index: Where to search.
        queries: [Q, D], from `stbir.model.fusion.compose`.
        top: How many of each at most.
        where: As in `VectorIndex.search`.

    Returns:
        For each query what `VectorIndex.search` returns, equal scores aside by no more than rounding.

    Raises:
        QueryError: The condition cannot be understood.
    """
    if isinstance(index, SearchesMany):
        return index.search_many(queries, top, where)
    return [index.search(query, top, where) for query in queries]
