"""From an encoded query to one page of hits: conditions, folding of copies, paging."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stbir.errors import QueryError
from stbir.gallery.catalogue import PATH_COLUMNS
from stbir.query import Hit
from stbir.searcher import EncodedQuery, Found, Searcher
from stbir.web.live import State
from stbir.web.schemas import FiltersIn

NEAR_IDENTICAL = 0.995
LOOK_AHEAD = 2
MORE_ROWS = 16
MAX_ROWS = 20_000
FOLD_CHUNK = 256
HIDDEN = re.compile(rf"\b({'|'.join(PATH_COLUMNS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """A hit with what a page shows of it.

    Attributes:
        hit: The hit; copies folded into it count for no rank.
        row: Its place among all rows found, from 0.
        num_duplicates: How many copies were folded into it.
    """

    hit: Hit
    row: int
    num_duplicates: int


@dataclass(frozen=True)
class Page:
    """Some of the hits.

    Attributes:
        found: All rows that were looked at, best first.
        shown: The hits of this page.
        next_offset: Where the next page begins; None at the end.
    """

    found: Found
    shown: list[Shown]
    next_offset: int | None

    @classmethod
    def empty(cls) -> Page:
        """The page of a gallery that holds no pictures."""
        nothing = np.empty((0, 0), np.float32)
        return cls(Found([], nothing, np.empty(0, np.float32), {}), [], None)


def find_page(
    searcher: Searcher,
    query: EncodedQuery,
    *,
    top: int,
    offset: int = 0,
    where: str | None = None,
    min_score: float | None = None,
    folds: bool = True,
) -> Page:
    """Find one page of hits.

    Args:
        searcher: Where to search.
        query: What is asked.
        top: Hits of the page at most.
        offset: Rows before the page, from the `next_offset` of the page before.
        where: SQL condition.
        min_score: Hits with a lower score are left out.
        folds: Whether copies are shown once.

    Returns:
        The page. Its hits stay the same whether or not the pages before were looked at.

    Raises:
        QueryError: The condition cannot be used.
    """
    num_rows = offset + LOOK_AHEAD * top + MORE_ROWS if folds else offset + top + 1
    while True:
        found = searcher.find(query, num_rows, where=where)
        leaders, copies = fold(found) if folds else (list(range(len(found))), {})
        fitting = [row for row in leaders if min_score is None or found.scores[row] >= min_score]
        here = [row for row in fitting if row >= offset]
        is_all = len(found) < num_rows or len(fitting) < len(leaders) or num_rows >= MAX_ROWS
        if len(here) > top or is_all:
            break
        num_rows *= 2
    ranks = {row: rank for rank, row in enumerate(fitting, start=1)}
    shown = [Shown(found.hit(row, ranks[row]), row, copies.get(row, 0)) for row in here[:top]]
    return Page(found, shown, here[top] if len(here) > top else None)


def fold(found: Found) -> tuple[list[int], dict[int, int]]:
    """Group rows that show the same picture: the same file's content, or vectors that hardly differ.

    Args:
        found: Rows, best first.

    Returns:
        The first row of each group, and for those with copies how many.
    """
    leaders: list[int] = []
    copies: dict[int, int] = {}
    by_hash: dict[str, int] = {}
    for start in range(0, len(found), FOLD_CHUNK):
        chunk = found.vectors[start : start + FOLD_CHUNK]
        known = list(leaders)
        near_known = chunk @ found.vectors[known].T > NEAR_IDENTICAL
        near_here = chunk @ chunk.T > NEAR_IDENTICAL
        here: list[int] = []
        for place in range(len(chunk)):
            row = start + place
            digest = found.entries[row].content_hash
            leader = by_hash.get(digest)
            if leader is None:
                leader = _first(known, near_known[place])
            if leader is None:
                leader = _first(here, near_here[place, [each - start for each in here]])
            if leader is None:
                leaders.append(row)
                here.append(row)
                leader = row
            else:
                copies[leader] = copies.get(leader, 0) + 1
            by_hash.setdefault(digest, leader)
    return leaders, copies


def _first(rows: list[int], is_near: NDArray[np.bool_]) -> int | None:
    """The first of the rows that is near; None if none is."""
    return rows[int(is_near.argmax())] if is_near.any() else None


def condition(where: str | None, filters: FiltersIn, state: State, *, shows_paths: bool = True) -> str | None:
    """The SQL condition of a search.

    Args:
        where: The client's own.
        filters: Chosen ones, joined by AND.
        state: Knows the folders.
        shows_paths: Whether the client may know where files lie; otherwise its condition may not ask either.

    Returns:
        Both together; None for neither.

    Raises:
        QueryError: A folder is unknown, or the condition names what is hidden.
    """
    if where is not None and not shows_paths and HIDDEN.search(where):
        raise QueryError(f"where may not name {', '.join(PATH_COLUMNS)}: this service does not show where files lie")
    parts = [] if where is None or not where.strip() else [f"({where})"]
    if filters.folder is not None:
        folder = state.folders.get(filters.folder)
        if folder is None:
            raise QueryError(f"the gallery has no folder with the id {filters.folder}: see GET /api/gallery")
        parts.append("root = '" + str(folder).replace("'", "''") + "'")
    for name in ("width", "height"):
        least, most = getattr(filters, f"min_{name}"), getattr(filters, f"max_{name}")
        parts += [] if least is None else [f"{name} >= {least}"]
        parts += [] if most is None else [f"{name} <= {most}"]
    if filters.orientation is not None:
        sign = {"landscape": ">", "portrait": "<", "square": "="}[filters.orientation]
        parts.append(f"width {sign} height")
    return " AND ".join(parts) or None
