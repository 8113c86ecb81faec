"""Leave out points that hardly change a line: Ramer's rule, for all strokes of a drawing at once.

The chords of all strokes are split level by level instead of one by one, so that the cost is a few array operations for
each level. Imports NumPy only. Source: Ramer 1972; Douglas and Peucker 1973.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def simplified(strokes: Sequence[NDArray[np.float32]], tolerance: float) -> tuple[NDArray[np.float32], ...]:
    """Leave out points by Ramer's rule, in all strokes at once; see `Sketch.simplify`.

    Args:
        strokes: Each `[N >= 1, 2..4]`.
        tolerance: Largest distance of a left-out point from the simplified line.

    Returns:
        Each stroke with a subset of its points, both ends among them.
    """
    points = np.concatenate([stroke[:, :2] for stroke in strokes]).astype(np.float64) @ np.array([1, 1j])
    lasts = np.cumsum([len(stroke) for stroke in strokes]) - 1
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    keep = np.zeros(len(points), bool)
    keep[firsts] = keep[lasts] = True
    first, last = firsts, lasts
    while (is_open := last - first > 1).any():
        first, last = first[is_open], last[is_open]
        middle = _farthest_beyond(points, first, last, tolerance)
        is_split = middle >= 0
        first, last, middle = first[is_split], last[is_split], middle[is_split]
        keep[middle] = True
        first, last = np.concatenate([first, middle]), np.concatenate([middle, last])
    ends = lasts + 1
    return tuple(stroke[keep[end - len(stroke) : end]] for stroke, end in zip(strokes, ends.tolist(), strict=True))


def _farthest_beyond(
    points: NDArray[np.complex128], first: NDArray[np.intp], last: NDArray[np.intp], tolerance: float
) -> NDArray[np.intp]:
    """For each chord `first`-`last` the index of the point between that is farthest from it, -1 if none is too far."""
    counts = last - first - 1
    starts = np.cumsum(counts) - counts
    chord = np.repeat(np.arange(len(first)), counts)
    index = np.arange(len(chord)) + (first + 1 - starts)[chord]
    span = points[last] - points[first]
    length = np.abs(span)
    unit = np.divide(span.conj(), length, out=np.zeros_like(span), where=length > 0)
    offset = (points[index] - points[first][chord]) * unit[chord]
    offset -= np.clip(offset.real, 0, length[chord])
    dot = length[chord] == 0
    offset[dot] = (points[index] - points[first][chord])[dot]
    distance = np.abs(offset)
    farthest = np.maximum.reduceat(distance, starts)
    is_farthest = np.flatnonzero(distance == farthest[chord])
    middle = np.empty(len(first), np.intp)
    middle[chord[is_farthest[::-1]]] = index[is_farthest[::-1]]
    middle[farthest <= tolerance] = -1
    return middle
