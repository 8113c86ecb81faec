"""The one rasteriser: polylines in pixels -> an anti-aliased drawing.

Ink is the set of points nearer than half the line width to a polyline, so joints and caps are round at every angle and
a shift by a fraction of a pixel changes the grey values smoothly. Polylines are cut into dashes about a pixel long,
each dash updates the distance of the few pixels around it, and the distances become coverage once at the end. Imports
NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CHUNK_CELLS = 1 << 20
_FAR = np.float32(1e9)


def draw_polylines(polylines: Sequence[NDArray[np.float32]], size_px: int, line_width_px: float) -> NDArray[np.uint8]:
    """Draw polylines in ink on white paper.

    Args:
        polylines: Each `[N >= 1, 2]`, x to the right and y downwards in pixels; one point is a dot. Parts outside the
            frame are clipped.
        size_px: Side S of the square frame.
        line_width_px: Width of the line, > 0.

    Returns:
        `[S, S]`, 255 = paper, 0 = ink.

    >>> picture = draw_polylines([np.array([[0, 2], [4, 2]], np.float32)], size_px=4, line_width_px=2.0)
    >>> picture[:, 1].tolist()
    [255, 0, 0, 255]
    """
    reach = line_width_px / 2 + 0.5
    dash = max(1.0, reach / 3)
    patch = int(2 * reach + dash) + 1
    side = size_px + 2 * patch
    distance2 = np.full(side * side, _FAR, np.float32)
    middles, halves = _dashes(polylines, size_px, reach, dash)
    chunk = _CHUNK_CELLS // patch**2 + 1
    for first in range(0, len(middles), chunk):
        part = slice(first, first + chunk)
        _stamp(distance2, middles[part], halves[part], patch, side, reach + dash / 2)
    inner = distance2.reshape(side, side)[patch:-patch, patch:-patch]
    return np.asarray(255.5 - 255 * np.clip(reach - np.sqrt(inner), 0, 1), np.uint8)


def _stamp(
    distance2: NDArray[np.float32],
    middles: NDArray[np.float32],
    halves: NDArray[np.float32],
    patch: int,
    side: int,
    reach: float,
) -> None:
    """Lower the squared distances `[side * side]` of the pixels around dashes from their middles `[M, 2]`.

    `halves` `[M, 2]` lead from the middle of a dash to its end.
    """
    centred = middles - np.float32(0.5)
    first_pixel = np.ceil(centred - np.float32(reach))
    steps = np.arange(patch)
    offset = (first_pixel - centred)[:, :, None] + steps.astype(np.float32)
    half = np.hypot(halves[:, 0], halves[:, 1])
    unit = halves / np.maximum(half, np.float32(1e-9))[:, None]
    along = (offset[:, 1] * unit[:, 1, None])[:, :, None] + (offset[:, 0] * unit[:, 0, None])[:, None, :]
    np.abs(along, out=along)
    inside = np.minimum(along, half[:, None, None])
    offset *= offset
    squared = offset[:, 1, :, None] + offset[:, 0, None, :]
    inside *= 2 * along - inside
    squared -= inside
    np.maximum(squared, 0, out=squared)
    corner = first_pixel.astype(np.intp)
    first = (corner[:, 1] + patch) * side + corner[:, 0] + patch
    index = first[:, None] + (steps[:, None] * side + steps).ravel()
    np.minimum.at(distance2, index.ravel(), squared.ravel())


def _dashes(
    polylines: Sequence[NDArray[np.float32]], size_px: int, reach: float, dash: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles `[M, 2]` of dashes along the polylines and the way `[M, 2]` from there to their ends, clipped."""
    points = np.concatenate(polylines).astype(np.float32, copy=False)
    ends = np.cumsum([len(line) for line in polylines])
    is_dot = np.diff(ends, prepend=0) == 1
    is_inner = np.ones(len(points) - 1, bool)
    is_inner[ends[:-1] - 1] = False
    dots = points[ends[is_dot] - 1]
    start = np.concatenate([points[:-1][is_inner], dots])
    stop = np.concatenate([points[1:][is_inner], dots])
    low, high = -reach, size_px + reach
    if points.min() < low or points.max() > high:
        start, stop = _clip(start, stop, low, high)
    delta = stop - start
    counts = np.maximum(1, np.ceil(np.hypot(delta[:, 0], delta[:, 1]) / dash)).astype(np.intp)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    step = np.repeat(delta / counts[:, None].astype(np.float32), counts, axis=0)
    half = step * np.float32(0.5)
    middles = np.repeat(start, counts, axis=0) + half * (2 * within[:, None] + 1).astype(np.float32)
    return middles, half


def _clip(
    start: NDArray[np.float32], stop: NDArray[np.float32], low: float, high: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The parts of the segments inside the square `[low, high]`, by Liang and Barsky's rule."""
    origin = start.astype(np.float64)
    delta = stop - origin
    safe = np.where(delta == 0, 1.0, delta)
    to_low, to_high = (low - origin) / safe, (high - origin) / safe
    is_outside = (delta == 0) & ((origin < low) | (origin > high))
    enter = np.where(delta == 0, 0.0, np.minimum(to_low, to_high)).max(axis=1).clip(min=0.0)
    leave = np.where(delta == 0, 1.0, np.maximum(to_low, to_high)).min(axis=1).clip(max=1.0)
    keep = (enter <= leave) & ~is_outside.any(axis=1)
    origin, delta = origin[keep], delta[keep]
    clipped_start = origin + delta * enter[keep, None]
    clipped_stop = origin + delta * leave[keep, None]
    return (
        np.clip(clipped_start, low, high).astype(np.float32),
        np.clip(clipped_stop, low, high).astype(np.float32),
    )
