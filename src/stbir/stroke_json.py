"""Stroke JSON and Quick, Draw! lines -> arrays of points, and back.

The text is hostile: bytes, strokes and points are limited, and whatever is not nested lists of finite numbers is
refused with one line. Must not import `stbir.strokes`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stbir.errors import SketchError

MAX_BYTES = 8_000_000
MAX_STROKES = 20_000
MAX_POINTS = 200_000

Strokes = tuple[NDArray[np.float32], ...]
Size = tuple[float, float]


def read_strokes(data: str | bytes | Mapping[str, Any]) -> tuple[Strokes, Size | None]:
    """Read `{"strokes": [[[x, y], ...], ...], "size": [w, h]}`, text or parsed; see `Sketch.from_json`."""
    fields = _parse_object(data)
    if not isinstance(fields.get("strokes"), list | tuple):
        raise SketchError('the drawing has no list "strokes": expected {"strokes": [[[x, y], ...], ...]}')
    return _arrays(fields["strokes"]), _parsed_size(fields.get("size"))


def read_quickdraw(line: str | bytes | Mapping[str, Any]) -> Strokes:
    """Read one line of a Quick, Draw! ndjson file, text or parsed; see `Sketch.from_quickdraw`."""
    drawing = _parse_object(line).get("drawing")
    if not isinstance(drawing, list | tuple):
        raise SketchError('the line has no list "drawing": expected one line of a Quick, Draw! ndjson file')
    columns = _arrays(drawing, may_be_ragged=False)
    if any(len(array) not in (2, 3) for array in columns):
        raise SketchError('a stroke of "drawing" is not [[x, ...], [y, ...]]: expected a Quick, Draw! ndjson line')
    return tuple(np.ascontiguousarray(array.T) for array in columns)


def rounded(stroke: NDArray[np.float32]) -> list[list[float]]:
    """A stroke `[N, C]` as lists, every column rounded to seven significant digits of its largest value."""
    points: list[list[float]] = stroke.astype(np.float64).tolist()
    largest = np.abs(stroke).max(axis=0).tolist()
    digits = [max(0, 6 - math.floor(math.log10(value))) if value > 0 else 0 for value in largest]
    return [[round(value, places) for value, places in zip(point, digits, strict=True)] for point in points]


def _parse_object(data: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(data, Mapping):
        return data
    if len(data) > MAX_BYTES:
        raise SketchError(f"the drawing has {len(data):,} bytes, more than the {MAX_BYTES:,} allowed: simplify it")
    try:
        fields = json.loads(data)
    except RecursionError:
        raise SketchError("the drawing's JSON is nested too deeply: expected three levels of lists") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise SketchError(f"the drawing is not JSON ({error}): expected an object with strokes") from None
    if not isinstance(fields, dict):
        raise SketchError(f"the drawing is a JSON {type(fields).__name__}: expected an object with strokes")
    return fields


def _arrays(strokes: Iterable[Any], *, may_be_ragged: bool = True) -> Strokes:
    """Strokes as float32 arrays; anything but nested lists of numbers is refused."""
    arrays = []
    num_points = 0
    for position, stroke in enumerate(strokes):
        if position >= MAX_STROKES:
            raise SketchError(f"the drawing has more than {MAX_STROKES:,} strokes: simplify it")
        array = _numbers(stroke, position, may_be_ragged)
        num_points += array.size
        if num_points > 4 * MAX_POINTS:
            raise SketchError(f"the drawing has more than {MAX_POINTS:,} points: simplify it")
        if array.size:
            arrays.append(array)
    return tuple(arrays)


def _numbers(stroke: Any, position: int, may_be_ragged: bool) -> NDArray[np.float32]:
    expected = "expected a list of points [x, y] or [x, y, t, pressure], all numbers"
    try:
        array = _array(stroke, may_be_ragged)
    except (ValueError, TypeError, OverflowError, KeyError):
        raise SketchError(f"stroke {position + 1} cannot be read: {expected}") from None
    if array.size and (array.dtype.kind not in "iuf" or array.ndim != 2):
        raise SketchError(f"stroke {position + 1} is not a list of points: {expected}")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise SketchError(f"stroke {position + 1} holds a number that is not finite: {expected}")
    return array


def _array(stroke: Any, may_be_ragged: bool) -> NDArray[Any]:
    try:
        return np.asarray(stroke)
    except ValueError:
        if not may_be_ragged:
            raise
        width = min(len(point) for point in stroke)
        return np.asarray([point[:width] for point in stroke])


def _parsed_size(size: Any) -> tuple[float, float] | None:
    if size is None:
        return None
    is_pair = isinstance(size, list | tuple) and len(size) == 2
    if not is_pair or not all(isinstance(side, int | float) and not isinstance(side, bool) for side in size):
        raise SketchError('the "size" of the drawing is not a pair of numbers: expected [width, height]')
    return size[0], size[1]
