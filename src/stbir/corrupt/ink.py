"""Geometry that the stroke noises share: strokes as one array of points, arc lengths, finer points, parts of a stroke.

In and out: arrays of points `[N, C]` whose first two columns are x and y; further columns (time, pressure) are carried
along. Imports NumPy and the drawing only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from stbir.strokes import Sketch

Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ink:
    """All strokes of a drawing in one array.

    Attributes:
        points: `[N, C]`; columns that not all strokes have are left out.
        counts: `[S]`: points of each stroke.
        size: As `Sketch.size`.
    """

    points: Points
    counts: NDArray[np.intp]
    size: tuple[float, float] | None

    @classmethod
    def of(cls, sketch: Sketch) -> Ink:
        """Put the strokes of a drawing one after the other."""
        width = min(stroke.shape[1] for stroke in sketch.strokes)
        points = np.concatenate([stroke[:, :width] for stroke in sketch.strokes])
        return cls(points, np.array([len(stroke) for stroke in sketch.strokes]), sketch.size)

    def sketch(self, xy: NDArray[np.floating] | None = None) -> Sketch:
        """The drawing again, with other places `[N, 2]` of its points if given."""
        points = self.points
        if xy is not None:
            points = np.concatenate([xy.astype(np.float32, copy=False), points[:, 2:]], axis=1)
        return Sketch(tuple(np.split(points, np.cumsum(self.counts)[:-1])), self.size)

    @property
    def strokes(self) -> tuple[Points, ...]:
        """Each stroke `[N, C]`, all with the same columns."""
        return tuple(np.split(self.points, np.cumsum(self.counts)[:-1]))

    @property
    def starts(self) -> NDArray[np.intp]:
        """`[S]`: index of each stroke's first point."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    @property
    def stroke_of_point(self) -> NDArray[np.intp]:
        """`[N]`: to which stroke each point belongs."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def scale(self) -> float:
        """Diagonal of the ink's bounding box: the unit of all noises."""
        return hypot(*np.ptp(self.points[:, :2], axis=0).tolist())

    def arc_lengths(self) -> NDArray[np.float32]:
        """`[N]`: length of the stroke up to each point, 0 at every stroke's start."""
        steps = np.zeros(len(self.points), np.float32)
        steps[1:] = np.hypot(*np.diff(self.points[:, :2], axis=0).T)
        steps[self.starts] = 0
        total = np.cumsum(steps, dtype=np.float64)
        return (total - np.repeat(total[self.starts], self.counts)).astype(np.float32)

    def lengths(self) -> NDArray[np.float32]:
        """`[S]`: length of each stroke."""
        return np.asarray(self.arc_lengths()[self.starts + self.counts - 1])

    def directions_at_ends(self, reach: float) -> NDArray[np.float32]:
        """Unit vectors `[S, 2, 2]` that point out of the start and the end of each stroke; zero for dots.

        Args:
            reach: How far along the stroke the direction is measured, so that a hook of a pixel does not decide.
        """
        first, last = self.starts, self.starts + self.counts - 1
        total = self.arc_lengths().astype(np.float64)
        total += np.repeat(np.cumsum(total[last]) - total[last], self.counts)
        after = np.minimum(np.searchsorted(total, total[first] + reach), last)
        before = np.maximum(np.searchsorted(total, total[last] - reach, side="right") - 1, first)
        xy = self.points[:, :2]
        vectors = np.stack([xy[first] - xy[after], xy[last] - xy[before]], axis=1)
        lengths = np.hypot(vectors[:, :, 0], vectors[:, :, 1])[:, :, None]
        return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))

    def denser(self, spacing: float) -> Ink:
        """Add points on long segments, so that no two neighbours are farther apart than `spacing`; at most 20,000."""
        steps = np.zeros(len(self.points), np.float64)
        steps[1:] = np.hypot(*np.diff(self.points[:, :2], axis=0).T)
        steps[self.starts] = 0
        spacing = max(spacing, float(steps.sum()) / 20_000)
        if spacing <= 0:
            return self
        repeats = np.maximum(1, np.ceil(steps / spacing)).astype(np.intp)
        ends = np.cumsum(repeats)
        share = (np.arange(1, ends[-1] + 1) - np.repeat(ends - repeats, repeats)) / np.repeat(repeats, repeats)
        before = np.roll(self.points, 1, axis=0)
        before[self.starts] = self.points[self.starts]
        stop = np.repeat(self.points, repeats, axis=0)
        points = stop + (np.repeat(before, repeats, axis=0) - stop) * (1 - share[:, None])
        counts = np.add.reduceat(repeats, self.starts)
        return Ink(points.astype(np.float32), counts, self.size)


def part_of_stroke(stroke: Points, arc: NDArray[np.float32], start: float, stop: float) -> Points:
    """The part of a stroke `[N, C]` between two arc lengths, its new ends interpolated; at least one point."""
    first, last = np.searchsorted(arc, [start, stop], side="right")
    places = np.array([start, stop])
    ends = np.stack([np.interp(places, arc, column) for column in stroke.T], axis=1).astype(np.float32)
    inner = stroke[first:last]
    if len(inner) and arc[last - 1] >= stop:
        inner = inner[:-1]
    return np.concatenate([ends[:1], inner, ends[1:]]) if stop > start else ends[:1]
