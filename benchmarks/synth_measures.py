"""What drawings are like, in numbers that do not depend on who made them: for `synth_realism.py`.

In: strokes. Out: one number a drawing for every name in `MEASURES` (and `ORDER_MEASURES` where the strokes are in the
order in which they were drawn). Before anything is measured the longer side of the ink is scaled to 1 and the strokes
are simplified with the same tolerance, so that neither the sampling of a tablet nor the size of a canvas counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.optimize import minimize
from scipy.stats import spearmanr, wasserstein_distance

from stbir.strokes import Sketch, rasterize

Values = NDArray[np.float64]

MEASURES = {
    "strokes": "number of strokes",
    "points": "points a stroke, simplified",
    "length": "median length of a stroke, in sides",
    "total": "length of all strokes, in sides",
    "ink": "share of ink in the raster, 128 px",
    "curvature": "turning, radians a side",
    "straightness": "ends' distance by length of strokes",
    "closed": "share of strokes that close",
    "filled": "share of 16 x 16 cells of the sheet with ink",
    "aspect": "shorter by longer side",
}
ORDER_MEASURES = {
    "long first": "rank correlation of order and length, from -1 (long first)",
    "top first": "rank correlation of order and height, to 1 (top first)",
    "jump": "way in the air between strokes, in sides",
    "rightward": "share of the ink drawn to the right",
    "downward": "share of the ink drawn downwards",
}
OFFSET = {"offset": "mean distance from the true outline after the best fit, in sides"}

_TOLERANCE = 0.01
_STEP = 0.02
_RASTER_PX = 128
_CELLS = 16
_FIELD_PX = 256
_FIRST_STEP = 0.06


def unit_strokes(sketch: Sketch) -> list[Values]:
    """Strokes [N, 2] whose ink is 1 along its longer side and begins at 0, simplified; dots are left out."""
    left, top, right, bottom = sketch.bounds
    side = max(right - left, bottom - top, 1e-6)
    moved = Sketch(tuple((s[:, :2] - np.float32([left, top])) / np.float32(side) for s in sketch.strokes))
    strokes = [np.asarray(s, np.float64) for s in moved.simplify(_TOLERANCE).strokes]
    return [stroke for stroke in strokes if len(stroke) > 1 and length(stroke) > _STEP]


def length(stroke: Values) -> float:
    """Length of a stroke [N, 2]."""
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum())


def measures(sketch: Sketch) -> dict[str, float] | None:
    """The numbers of `MEASURES`, None for a drawing without a line."""
    strokes = unit_strokes(sketch)
    if not strokes:
        return None
    lengths = np.array([length(stroke) for stroke in strokes])
    gaps = np.array([np.linalg.norm(stroke[0] - stroke[-1]) for stroke in strokes])
    corner = np.concatenate(strokes)
    extent = corner.max(axis=0) - corner.min(axis=0)
    raster = rasterize(sketch, _RASTER_PX)
    return {
        "strokes": float(len(strokes)),
        "points": float(np.mean([len(stroke) for stroke in strokes])),
        "length": float(np.median(lengths)),
        "total": float(lengths.sum()),
        "ink": float((raster < 128).mean()),
        "curvature": sum(turning(stroke) for stroke in strokes) / float(lengths.sum()),
        "straightness": float(gaps.sum() / lengths.sum()),
        "closed": float(((gaps < 0.15 * lengths) & (lengths > 0.15)).mean()),
        "filled": filled(strokes),
        "aspect": float(extent.min() / max(extent.max(), 1e-9)),
    }


def turning(stroke: Values) -> float:
    """Sum of the angles by which a stroke turns, in radians."""
    step = np.diff(stroke, axis=0)
    cross = step[:-1, 0] * step[1:, 1] - step[:-1, 1] * step[1:, 0]
    return float(np.abs(np.arctan2(cross, (step[:-1] * step[1:]).sum(axis=1))).sum())


def evenly(stroke: Values, step: float = _STEP) -> Values:
    """Points along a stroke, `step` apart."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    return np.stack([np.interp(at, along, stroke[:, k]) for k in (0, 1)], axis=1)


def filled(strokes: list[Values]) -> float:
    """Share of the cells of the square around the ink that hold ink."""
    points = np.concatenate([evenly(stroke) for stroke in strokes])
    cells = np.clip((points * _CELLS).astype(int), 0, _CELLS - 1)
    return len(np.unique(cells, axis=0)) / _CELLS**2


def order_measures(sketch: Sketch) -> dict[str, float] | None:
    """The numbers of `ORDER_MEASURES`, None for fewer than four strokes."""
    strokes = unit_strokes(sketch)
    if len(strokes) < 4:
        return None
    order = np.arange(len(strokes))
    steps = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    size = np.abs(steps).sum(axis=0)
    air = [np.linalg.norm(b[0] - a[-1]) for a, b in pairwise(strokes)]
    return {
        "long first": float(spearmanr(order, [length(stroke) for stroke in strokes]).statistic),
        "top first": float(spearmanr(order, [evenly(stroke)[:, 1].mean() for stroke in strokes]).statistic),
        "jump": float(np.mean(air)),
        "rightward": float(steps[:, 0].clip(min=0).sum() / max(size[0], 1e-9)),
        "downward": float(steps[:, 1].clip(min=0).sum() / max(size[1], 1e-9)),
    }


@dataclass(frozen=True)
class Outline:
    """Lines that a drawing is compared with.

    Attributes:
        field: [S, S] distance of every pixel to the nearest line, in sides of the lines' box.
        low: [2] the box's first corner, in pixels.
        side: The box's longer side, in pixels.
    """

    field: Values
    low: Values
    side: float

    @classmethod
    def of_mask(cls, mask: NDArray[np.bool_]) -> Outline | None:
        """From a picture whose lines are True; None without lines."""
        rows, columns = np.nonzero(mask)
        if len(rows) < 10:
            return None
        low = np.array([columns.min(), rows.min()], float)
        side = float(max(np.ptp(columns), np.ptp(rows), 1))
        return cls(distance_transform_edt(~mask) / side, low, side)

    @classmethod
    def of_sketch(cls, sketch: Sketch) -> Outline | None:
        """From lines given as strokes."""
        return cls.of_mask(rasterize(sketch, _FIELD_PX, 1.5, margin=0.2) < 128)


def offset(sketch: Sketch, outline: Outline) -> float:
    """Mean distance of a drawing's ink from the outline, after the best shift and scaling of either axis."""
    strokes = unit_strokes(sketch)
    points = np.concatenate([evenly(stroke) for stroke in strokes]) if strokes else np.zeros((1, 2))
    last = np.array(outline.field.shape[::-1]) - 1

    def distance(fit: Values) -> float:
        shift, scale = fit[:2], np.exp(fit[2:4])
        place = outline.low + outline.side * (shift + (points - 0.5) * scale + 0.5)
        inside = np.clip(place, 0, last)
        beyond = np.linalg.norm(place - inside, axis=1) / outline.side
        column, row = np.rint(inside).astype(int).T
        # a drawing shrunk to a dot lies on any line: scaling costs
        return float((outline.field[row, column] + beyond).mean() + 0.05 * np.square(fit[2:4]).sum())

    simplex = np.concatenate([np.zeros((1, 4)), np.eye(4) * _FIRST_STEP])
    options = {"maxiter": 200, "xatol": 1e-3, "fatol": 1e-5}
    ways = [
        minimize(distance, simplex[0], method="Nelder-Mead", options={**options, "initial_simplex": sign * simplex})
        for sign in (1, -1)
    ]
    return min(float(way.fun) for way in ways)


def distance(real: Values, made: Values) -> float:
    """Wasserstein distance of two samples in standard deviations of the real one; 0 = alike."""
    spread = max(float(np.std(real)), 1e-3)
    return float(wasserstein_distance(real, made)) / spread


def quartiles(values: Values) -> list[float]:
    """The three quartiles."""
    return [round(float(q), 4) for q in np.quantile(values, [0.25, 0.5, 0.75])]
