"""How good a drawing is, without asking any model: how much is drawn, and whether others drew the same photo alike.

Both are compared within one task: its drawings are parted in thirds, low, middle and high.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np
from numpy.typing import NDArray

from stbir.evaluate.record import Quality
from stbir.strokes import Sketch, rasterize

LEVELS: tuple[Quality, ...] = ("low", "middle", "high")
_SIDE_PX = 48
_LINE_WIDTH_PX = 5.0

Values = NDArray[np.float64]


def detail(sketch: Sketch) -> float:
    """How much is drawn: length of all lines in diagonals of the drawing's bounding box; 0 for a dot."""
    left, top, right, bottom = sketch.bounds
    diagonal = hypot(right - left, bottom - top)
    return sketch.ink_length / diagonal if diagonal > 0 else 0.0


def agreement(sketches: Sequence[Sketch]) -> Values:
    """How much each drawing of one photo is like the others.

    Args:
        sketches: Two drawings or more.

    Returns:
        [S], mean overlap (cosine of thick-lined rasters) with the others, in [0, 1].
    """
    rasters = np.stack([rasterize(sketch, _SIDE_PX, _LINE_WIDTH_PX) for sketch in sketches])
    ink = (255.0 - rasters.reshape(len(sketches), -1)) / 255.0
    ink /= np.linalg.norm(ink, axis=1, keepdims=True)
    return np.asarray(((ink @ ink.T).sum(axis=1) - 1) / (len(sketches) - 1))


def qualities(sketches: Sequence[Sketch]) -> list[tuple[float, float | None]]:
    """Detail of each drawing of one photo, and its agreement with the others; None where there are no others."""
    agreements = agreement(sketches).tolist() if len(sketches) > 1 else [None] * len(sketches)
    return [(detail(sketch), alike) for sketch, alike in zip(sketches, agreements, strict=True)]


def thirds(values: Sequence[float | None]) -> list[Quality | None]:
    """Part values in thirds; None stays None.

    >>> thirds([3.0, None, 1.0, 2.0])
    ['high', None, 'low', 'middle']
    """
    known = np.array([value for value in values if value is not None], np.float64)
    if not len(known):
        return [None] * len(values)
    ends = np.quantile(known, [1 / 3, 2 / 3])
    return [None if value is None else LEVELS[int(np.searchsorted(ends, value, side="left"))] for value in values]
