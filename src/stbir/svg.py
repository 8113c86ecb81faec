"""SVG drawings -> polylines in the units of the viewBox.

Reads path, polyline, polygon, line, rect, circle and ellipse through nested groups and their transforms. What is not
painted (definitions, clips, `display: none`, a background rectangle) is left out; `use`, text and style sheets are not
followed. The file is hostile: document types and entities are refused, bytes, elements, depth and points are limited.
Must not import `stbir.strokes`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from stbir.errors import SketchError
from stbir.svg_path import MAX_NUMBER, MAX_POINTS, Polyline, arc_points, flatten_path

MAX_BYTES = 8_000_000
MAX_ELEMENTS = 20_000
MAX_DEPTH = 100

_UNPAINTED = frozenset({"defs", "clipPath", "mask", "symbol", "pattern", "marker", "metadata", "title", "desc"})
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|%)?\s*$")
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_TRANSFORM = re.compile(r"[\s,]*(matrix|translate|scale|rotate|skewX|skewY)\s*\(([^()]*)\)")
_NUM_VALUES = {"matrix": (6,), "translate": (1, 2), "scale": (1, 2), "rotate": (1, 3), "skewX": (1,), "skewY": (1,)}

Matrix = NDArray[np.float64]
Attributes = dict[str, str]


@dataclass(frozen=True)
class _State:
    """What an element inherits: the way to the outermost viewBox `[3, 3]`, and its paint."""

    matrix: Matrix
    fill: str = "black"
    stroke: str = "none"
    is_hidden: bool = False


def read_svg(text: str | bytes) -> tuple[list[NDArray[np.float32]], tuple[float, float] | None]:
    """Read the lines of an SVG drawing.

    Args:
        text: The file's content.

    Returns:
        Polylines `[N >= 1, 2]` in document order, and the width and height of the viewBox, None where not given.

    Raises:
        SketchError: Not an SVG, broken, with a document type or entities, or over the limits.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(content) > MAX_BYTES:
        raise SketchError(f"the SVG has {len(content):,} bytes, more than the {MAX_BYTES:,} allowed: simplify it")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8" if isinstance(text, str) else None)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise SketchError(f"the SVG is not well-formed XML ({error}): save it again") from None
    return reader.lines, reader.size


def _refuse_document_type(*_: object) -> None:
    raise SketchError("the SVG has a document type (<!DOCTYPE ...>), which may hide entities: remove that line")


class _Reader:
    def __init__(self) -> None:
        self.lines: list[NDArray[np.float32]] = []
        self.size: tuple[float, float] | None = None
        self.states: list[_State] = []
        self.num_elements = 0
        self.num_points = 0

    def start(self, tag: str, attributes: Attributes) -> None:
        name = tag.rpartition(":")[2]
        self.num_elements += 1
        if self.num_elements > MAX_ELEMENTS:
            raise SketchError(f"the SVG has more than {MAX_ELEMENTS:,} elements: simplify it")
        if len(self.states) >= MAX_DEPTH:
            raise SketchError(f"the SVG is nested more than {MAX_DEPTH} deep: ungroup it")
        if not self.states:
            if name != "svg":
                raise SketchError(f"the file's root element is <{tag[:30]}>: expected an SVG drawing")
            self.states.append(self._outermost(attributes))
            return
        if name == "svg":
            attributes = {**attributes, "transform": self._nested(attributes)}
        state = _inherit(self.states[-1], name, attributes)
        self.states.append(state)
        is_painted = not state.is_hidden and (state.fill != "none" or state.stroke != "none")
        if is_painted and name in _SHAPES and not self._is_background(name, attributes, state):
            for line in _SHAPES[name](attributes, self.size):
                self._add(line, state.matrix)

    def end(self, _: str) -> None:
        self.states.pop()

    def _outermost(self, attributes: Attributes) -> _State:
        box = _view_box(attributes)
        if box is not None:
            self.size = box[2], box[3]
        elif all(_LENGTH.match(attributes.get(side, "100%")) for side in ("width", "height")):
            width, height = (_length(attributes, side, None) for side in ("width", "height"))
            self.size = (width, height) if width > 0 and height > 0 else None
        matrix = np.eye(3)
        if box is not None:
            matrix[:2, 2] = -box[0], -box[1]
        return _inherit(_State(matrix), "svg", {**attributes, "transform": ""})

    def _nested(self, attributes: Attributes) -> str:
        """The transform of an inner `<svg>`: its place, and its viewBox scaled into its width and height."""
        x, y, width, height = _lengths({"width": "100%", "height": "100%"} | attributes, _BOX, self.size)
        box = _view_box(attributes)
        if box is None:
            return f"translate({x} {y})"
        scale = min(width / box[2], height / box[3])
        return f"translate({x} {y}) scale({scale}) translate({-box[0]} {-box[1]})"

    def _is_background(self, name: str, attributes: Attributes, state: _State) -> bool:
        if name != "rect" or state.stroke != "none" or self.size is None:
            return False
        sides = (_length(attributes, "width", self.size[0]), _length(attributes, "height", self.size[1]))
        scale = math.sqrt(abs(float(np.linalg.det(state.matrix[:2, :2]))))
        return all(side * scale >= 0.99 * whole for side, whole in zip(sides, self.size, strict=True))

    def _add(self, line: Polyline, matrix: Matrix) -> None:
        self.num_points += len(line)
        if self.num_points > MAX_POINTS:
            raise SketchError(f"the SVG has more than {MAX_POINTS:,} points: simplify it")
        points = np.asarray(line, np.float64) @ matrix[:2, :2].T + matrix[:2, 2]
        if not float(np.abs(points).max()) <= MAX_NUMBER:
            raise SketchError(f"the SVG leads to points outside ±{MAX_NUMBER:.0f}: expected a drawing of usual size")
        self.lines.append(points.astype(np.float32))


def _inherit(parent: _State, name: str, attributes: Attributes) -> _State:
    declarations = [part.partition(":") for part in attributes.get("style", "").split(";")]
    style = {key.strip(): value.strip() for key, _, value in declarations}
    painted = {**attributes, **style}
    is_gone = painted.get("display") == "none" or painted.get("visibility") in ("hidden", "collapse")
    matrix = parent.matrix
    if attributes.get("transform"):
        matrix = _bounded(matrix @ _transform(attributes["transform"]))
    return _State(
        matrix,
        painted.get("fill", parent.fill),
        painted.get("stroke", parent.stroke),
        parent.is_hidden or is_gone or name in _UNPAINTED,
    )


def _bounded(matrix: Matrix) -> Matrix:
    if not float(np.abs(matrix).max()) <= MAX_NUMBER**2:
        raise SketchError("the transforms of the SVG grow without bound: expected a drawing of usual size")
    return matrix


def _transform(text: str) -> Matrix:
    matrix = np.eye(3)
    position = 0
    while found := _TRANSFORM.match(text, position):
        position = found.end()
        matrix = _bounded(matrix @ _one_transform(found[1], _numbers(found[2])))
    if text[position:].strip(" \t\r\n,"):
        raise SketchError(f"cannot read the transform {text[position : position + 40]!r}: expected SVG transforms")
    return matrix


def _one_transform(name: str, values: list[float]) -> Matrix:
    if len(values) not in _NUM_VALUES[name]:
        raise SketchError(f"the transform {name} has {len(values)} numbers: expected {_NUM_VALUES[name]}")
    if name == "matrix":
        a, b, c, d, e, f = values
    elif name == "translate":
        a, b, c, d, e, f = 1, 0, 0, 1, values[0], values[1] if len(values) > 1 else 0
    elif name == "scale":
        a, b, c, d, e, f = values[0], 0, 0, values[-1], 0, 0
    elif name == "rotate":
        angle = math.radians(values[0])
        x, y = values[1:] or (0, 0)
        a, b, c, d = math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)
        e, f = x - a * x - c * y, y - b * x - d * y
    else:
        slope = math.tan(math.radians(values[0]))
        a, b, c, d, e, f = 1, slope * (name == "skewY"), slope * (name == "skewX"), 1, 0, 0
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], np.float64)


def _numbers(text: str) -> list[float]:
    try:
        values = [float(part) for part in re.split(r"[\s,]+|(?<=[\d.])(?=[+-])", text.strip()) if part]
    except ValueError:
        raise SketchError(f"cannot read the numbers {text[:40]!r} of the SVG: expected for example 10, 20") from None
    if not all(abs(value) <= MAX_NUMBER for value in values):
        raise SketchError(f"a number in {text[:40]!r} is out of range: expected at most {MAX_NUMBER:.0f}")
    return values


def _view_box(attributes: Attributes) -> list[float] | None:
    if "viewBox" not in attributes:
        return None
    box = _numbers(attributes["viewBox"])
    if len(box) != 4 or box[2] <= 0 or box[3] <= 0:
        raise SketchError(f"the viewBox is {attributes['viewBox'][:40]!r}: expected x, y, width and height above 0")
    return box


def _length(attributes: Attributes, name: str, whole: float | None, default: str = "0") -> float:
    text = attributes.get(name, default)
    found = _LENGTH.match(text)
    if not found or not abs(float(found[1])) <= MAX_NUMBER:
        raise SketchError(f"cannot read {name}={text[:40]!r} of the SVG: expected a length such as 10 or 2.5mm")
    if found[2] == "%":
        return float(found[1]) / 100 * (whole or 0.0)
    return float(found[1]) * _UNITS.get(found[2] or "px", 1.0)


def _path(attributes: Attributes, _: tuple[float, float] | None) -> list[Polyline]:
    return flatten_path(attributes.get("d", ""))


def _polyline(attributes: Attributes, _: tuple[float, float] | None) -> list[Polyline]:
    values = _numbers(attributes.get("points", ""))
    points = list(zip(values[::2], values[1::2], strict=False))
    return [points] if points else []


def _polygon(attributes: Attributes, size: tuple[float, float] | None) -> list[Polyline]:
    return [[*points, points[0]] for points in _polyline(attributes, size)]


def _line(attributes: Attributes, size: tuple[float, float] | None) -> list[Polyline]:
    x1, y1, x2, y2 = _lengths(attributes, ("x1", "y1", "x2", "y2"), size)
    return [[(x1, y1), (x2, y2)]]


def _rect(attributes: Attributes, size: tuple[float, float] | None) -> list[Polyline]:
    x, y, width, height = _lengths(attributes, _BOX, size)
    if width <= 0 or height <= 0:
        return []
    rx_name, ry_name = ("rx" if "rx" in attributes else "ry"), ("ry" if "ry" in attributes else "rx")
    rx = min(max(0.0, _lengths({"x": attributes.get(rx_name, "0")}, ("x",), size)[0]), width / 2)
    ry = min(max(0.0, _lengths({"y": attributes.get(ry_name, "0")}, ("y",), size)[0]), height / 2)
    right, bottom = x + width, y + height
    if rx == 0 or ry == 0:
        return [[(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]]
    points = [(x + rx, y)]
    for before, after in (
        ((right - rx, y), (right, y + ry)),
        ((right, bottom - ry), (right - rx, bottom)),
        ((x + rx, bottom), (x, bottom - ry)),
        ((x, y + ry), (x + rx, y)),
    ):
        points += [before, *arc_points(before, after, (rx, ry), 0, is_large=False, is_sweep=True)]
    return [points]


def _circle(attributes: Attributes, size: tuple[float, float] | None) -> list[Polyline]:
    x, y, radius = _lengths(attributes, ("cx", "cy", "r"), size)
    return _oval(x, y, radius, radius)


def _ellipse(attributes: Attributes, size: tuple[float, float] | None) -> list[Polyline]:
    x, y, rx, ry = _lengths(attributes, ("cx", "cy", "rx", "ry"), size)
    return _oval(x, y, rx, ry)


def _oval(x: float, y: float, rx: float, ry: float) -> list[Polyline]:
    if rx <= 0 or ry <= 0:
        return []
    right, left = (x + rx, y), (x - rx, y)
    first = arc_points(right, left, (rx, ry), 0, is_large=False, is_sweep=True)
    return [[right, *first, *arc_points(left, right, (rx, ry), 0, is_large=False, is_sweep=True)]]


def _lengths(attributes: Attributes, names: tuple[str, ...], size: tuple[float, float] | None) -> list[float]:
    width, height = size or (None, None)
    return [_length(attributes, name, height if "y" in name or name == "height" else width) for name in names]


_BOX = ("x", "y", "width", "height")
_SHAPES = {
    "path": _path,
    "polyline": _polyline,
    "polygon": _polygon,
    "line": _line,
    "rect": _rect,
    "circle": _circle,
    "ellipse": _ellipse,
}
