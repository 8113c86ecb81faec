"""Join strokes that go on where another ends: traced edges are cut in pieces, people draw on.

In: strokes as arrays of points `[N, C]`. Out: fewer, longer ones. Imports NumPy only.
"""

from __future__ import annotations

import numpy as np

from stbir.corrupt.ink import Ink, Points

_MIN_COSINE = 0.5
_MAX_STROKES = 250

End = tuple[int, int]


def join_strokes(ink: Ink, gap: float, reach: float) -> tuple[Points, ...]:
    """Join ends that are near each other and face each other, nearest first.

    Args:
        ink: The strokes.
        gap: Largest distance of two ends that are joined.
        reach: Length over which the direction of an end is measured.

    Returns:
        The joined strokes; each stands where its first piece stood. Drawings of more than 250 strokes stay as they are.
    """
    strokes = ink.strokes
    partner = _partners(ink, gap, reach) if len(strokes) <= _MAX_STROKES else {}
    if not partner:
        return strokes
    joined: list[Points] = []
    done = [False] * len(strokes)
    free_first = sorted(((n, e) for n in range(len(strokes)) for e in (0, 1)), key=lambda end: end in partner)
    places: list[int] = []
    for number, end in free_first:
        pieces: list[Points] = []
        place = len(strokes)
        while not done[number]:
            done[number] = True
            place = min(place, number)
            pieces.append(strokes[number] if end == 0 else strokes[number][::-1])
            number, end = partner.get((number, 1 - end), (number, end))
        if pieces:
            joined.append(np.concatenate(pieces))
            places.append(place)
    return tuple(joined[i] for i in np.argsort(places, kind="stable").tolist())


def _partners(ink: Ink, gap: float, reach: float) -> dict[End, End]:
    """Which end goes on in which, both ways."""
    ends = ink.points[np.stack([ink.starts, ink.starts + ink.counts - 1], axis=1).ravel(), :2]
    outward = ink.directions_at_ends(reach).reshape(-1, 2)
    difference = ends[None, :] - ends[:, None]
    distance = np.hypot(difference[:, :, 0], difference[:, :, 1])
    facing = -(outward @ outward.T)
    owner = np.arange(len(ends)) // 2
    is_pair = (distance <= gap) & (facing > _MIN_COSINE) & (owner[:, None] < owner[None, :])
    rows, columns = np.nonzero(is_pair)
    partner: dict[End, End] = {}
    for i in np.argsort(distance[rows, columns] - 1e-3 * gap * facing[rows, columns], kind="stable").tolist():
        one, other = _end(int(rows[i])), _end(int(columns[i]))
        if one not in partner and other not in partner:
            partner[one], partner[other] = other, one
    return partner


def _end(index: int) -> End:
    return index // 2, index % 2


def round_corners(ink: Ink) -> Ink:
    """Cut every corner of every stroke once, ends kept. Source: Chaikin 1974."""
    is_last = np.zeros(len(ink.points), bool)
    is_last[ink.starts + ink.counts - 1] = True
    is_first = np.zeros(len(ink.points), bool)
    is_first[ink.starts] = True
    before, after = np.roll(ink.points, 1, axis=0), np.roll(ink.points, -1, axis=0)
    cut = np.stack([0.75 * ink.points + 0.25 * before, 0.75 * ink.points + 0.25 * after], axis=1)
    cut[is_first | is_last] = ink.points[is_first | is_last][:, None]
    stays = np.stack([np.ones(len(ink.points), bool), ~(is_first | is_last)], axis=1)
    counts = np.add.reduceat(stays.sum(axis=1), ink.starts)
    return Ink(cut[stays].astype(np.float32, copy=False), counts, ink.size)
