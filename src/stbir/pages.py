"""From an encoded query to one page of hits: copies are shown once, and the next page goes on where this one ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stbir.errors import QueryError
from stbir.naming import NameSignal
from stbir.query import Hit
from stbir.searcher import EncodedQuery, Found, Searcher

NEAR_IDENTICAL = 0.995
LOOK_AHEAD = 2
MORE_ROWS = 16
MAX_ROWS = 20_000
FOLD_CHUNK = 256


@dataclass(frozen=True)
class Shown:
    """A hit with what a page shows of it.

    Attributes:
        hit: The hit; copies folded into it count for no rank.
        row: Its place among all rows found, from 0.
    """

    hit: Hit
    row: int


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
    without: str | None = None,
    words: str | None = None,
    names: NameSignal | None = None,
    found: Found | None = None,
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
        without: Id of a picture that is no hit: the example itself.
        words: The query's words, for `names`.
        names: How much it counts that words stand in a picture's name; None for not at all.
        found: The first `rows_for` rows, if they were found already.

    Returns:
        The page. Its hits stay the same whether or not the pages before were looked at.

    Raises:
        QueryError: `top`, `offset` or the condition cannot be used.
    """
    check_page(top, offset)
    num_rows = rows_for(top, offset, folds=folds)
    while True:
        if found is None:
            found = searcher.find(query, num_rows, where=where, words=words, names=names)
        leaders, copies = fold(found) if folds else (list(range(len(found))), {})
        leaders = [row for row in leaders if found.entries[row].id != without]
        fitting = [row for row in leaders if min_score is None or found.scores[row] >= min_score]
        here = [row for row in fitting if row >= offset]
        is_all = len(found) < num_rows or len(fitting) < len(leaders) or num_rows >= MAX_ROWS
        if len(here) > top or is_all:
            break
        num_rows, found = 2 * num_rows, None
    ranks = {row: rank for rank, row in enumerate(fitting, start=1)}
    shown = [Shown(found.hit(row, ranks[row], copies.get(row, 0)), row) for row in here[:top]]
    return Page(found, shown, here[top] if len(here) > top else None)


def rows_for(top: int, offset: int = 0, *, folds: bool = True) -> int:
    """How many rows are looked at first for a page."""
    return offset + LOOK_AHEAD * top + MORE_ROWS if folds else offset + top + 1


def check_page(top: int, offset: int) -> None:
    """Refuse a page that cannot be shown.

    Raises:
        QueryError: `top` or `offset` is out of range.
    """
    if top < 1:
        raise QueryError(f"top={top} is out of range: ask for 1 hit or more")
    if offset < 0:
        raise QueryError(f"offset={offset} is out of range: give 0, or the next_offset of the page before")


def fold(found: Found) -> tuple[list[int], dict[int, int]]:
    """Group rows that show the same picture.

    They do if their files have the same content, if indexing put them into one group of look-alikes, or, of rows that
    an older stbir wrote, if their vectors hardly differ.

    Args:
        found: Rows, best first.

    Returns:
        The first row of each group, and for those with copies how many.
    """
    leaders: list[int] = []
    copies: dict[int, int] = {}
    by_name: dict[str, int] = {}
    is_old = np.array([entry.perceptual_hash is None for entry in found.entries], np.bool_)
    for start in range(0, len(found), FOLD_CHUNK):
        chunk = found.vectors[start : start + FOLD_CHUNK]
        known = list(leaders)
        is_old_here = is_old[start : start + FOLD_CHUNK]
        near_known = (chunk @ found.vectors[known].T > NEAR_IDENTICAL) & is_old_here[:, None] & is_old[known]
        near_here = (chunk @ chunk.T > NEAR_IDENTICAL) & is_old_here[:, None] & is_old_here
        here: list[int] = []
        for place in range(len(chunk)):
            row = start + place
            entry = found.entries[row]
            marks = (f"content {entry.content_hash}", f"group {entry.group or entry.id}")
            leader = next((by_name[mark] for mark in marks if mark in by_name), None)
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
            for mark in marks:
                by_name.setdefault(mark, leader)
    return leaders, copies


def _first(rows: list[int], is_near: NDArray[np.bool_]) -> int | None:
    """The first of the rows that is near; None if none is."""
    return rows[int(is_near.argmax())] if is_near.any() else None
