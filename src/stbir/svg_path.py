"""SVG path data -> polylines: every command, absolute and relative, curves and arcs flattened.

The data is hostile: numbers are bounded, the number of points too, and a broken command is an error that says where.
Must not import anything of stbir but the errors. Source of the arc formulas: SVG 1.1, appendix F.6.
"""

from __future__ import annotations

import itertools
import math
import re

from stbir.errors import SketchError

MAX_NUMBER = 1e7
MAX_POINTS = 200_000

Point = tuple[float, float]
Polyline = list[Point]

_NUMBER = re.compile(r"[\s,]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_FLAG = re.compile(r"[\s,]*([01])")
_COMMAND = re.compile(r"[\s,]*([MmZzLlHhVvCcSsQqTtAa])")
_REST = re.compile(r"[\s,]*")
_NUM_NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_FLATNESS = 0.001
_ARC_STEP = math.pi / 24
_NEGLIGIBLE = 1e-9


def flatten_path(data: str) -> list[Polyline]:
    """Read the `d` attribute of a path.

    Args:
        data: Path data.

    Returns:
        One polyline for each subpath that draws something; moves alone leave no ink.

    Raises:
        SketchError: A broken command, a number out of range, or too many points.

    >>> flatten_path("M1 1h2v2zm5 0l1,1")
    [[(1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (1.0, 1.0)], [(6.0, 1.0), (7.0, 2.0)]]
    """
    return _Pen(data).draw()


class _Pen:
    """Walks over path data: `at` is the current point, `start` the subpath's, `control` the last curve's."""

    def __init__(self, data: str) -> None:
        self.data = data
        self.position = 0
        self.lines: list[Polyline] = []
        self.num_points = 0
        self.at: Point = (0.0, 0.0)
        self.start: Point = (0.0, 0.0)
        self.control: Point | None = None
        self.is_open = False

    def draw(self) -> list[Polyline]:
        command, previous = "", ""
        while (end := _REST.match(self.data, self.position)) and end.end() < len(self.data):
            found = _COMMAND.match(self.data, self.position)
            if found:
                command, self.position = found[1], found.end()
            elif command in "Zz":
                raise self._broken()
            elif command in "Mm":
                command = "L" if command == "M" else "l"
            self._step(command, previous)
            previous = command.upper()
        return [line for line in self.lines if len(line) > 1]

    def _step(self, command: str, previous: str) -> None:
        kind = command.upper()
        base = self.at if command.islower() else (0.0, 0.0)
        if not self.lines and kind != "M":
            raise SketchError(f"path data starts with {command!r}: expected M or m")
        if kind == "A":
            self._arc(base)
        elif kind == "Z":
            self._line_to(self.start)
            self.is_open = False
        else:
            values = [self._number() for _ in range(_NUM_NUMBERS[kind])]
            if kind == "H":
                self._line_to((base[0] + values[0], self.at[1]))
            elif kind == "V":
                self._line_to((self.at[0], base[1] + values[0]))
            else:
                points = [(base[0] + x, base[1] + y) for x, y in zip(values[::2], values[1::2], strict=True)]
                self._move_or_curve(kind, points, previous)

    def _move_or_curve(self, kind: str, points: list[Point], previous: str) -> None:
        if kind == "M":
            self.at = self.start = points[0]
            self.lines.append([])
            self.is_open = False
            self._add(self.at)
        elif kind == "L":
            self._line_to(points[0])
        elif kind in "CS":
            first = [self._reflected(previous in ("C", "S"))] if kind == "S" else []
            self._cubic(*first, *points)
        else:
            control = self._reflected(previous in ("Q", "T")) if kind == "T" else points[0]
            end, start = points[-1], self.at
            one = (start[0] + 2 / 3 * (control[0] - start[0]), start[1] + 2 / 3 * (control[1] - start[1]))
            other = (end[0] + 2 / 3 * (control[0] - end[0]), end[1] + 2 / 3 * (control[1] - end[1]))
            self._cubic(one, other, end)
            self.control = control

    def _reflected(self, has_control: bool) -> Point:
        if not has_control or self.control is None:
            return self.at
        return 2 * self.at[0] - self.control[0], 2 * self.at[1] - self.control[1]

    def _number(self) -> float:
        found = _NUMBER.match(self.data, self.position)
        if not found:
            raise self._broken()
        self.position = found.end()
        value = float(found[1])
        if not abs(value) <= MAX_NUMBER:
            shown = found[1][:20]
            raise SketchError(f"the number {shown} in path data is out of range: expected at most {MAX_NUMBER:.0f}")
        return value

    def _flag(self) -> bool:
        found = _FLAG.match(self.data, self.position)
        if not found:
            raise self._broken()
        self.position = found.end()
        return found[1] == "1"

    def _broken(self) -> SketchError:
        near = self.data[self.position : self.position + 20].strip()
        return SketchError(f"path data is broken at character {self.position} ({near!r}): expected a number or command")

    def _add(self, point: Point) -> None:
        self.num_points += 1
        if self.num_points > MAX_POINTS:
            raise SketchError(f"a path has more than {MAX_POINTS:,} points: simplify it")
        self.lines[-1].append(point)
        self.at = point

    def _line_to(self, point: Point) -> None:
        if not self.is_open and len(self.lines[-1]) > 1:
            self.lines.append([self.at])
        self.is_open = True
        self._add(point)

    def _cubic(self, one: Point, other: Point, end: Point) -> None:
        start = self.at
        corners = (start, one, other, end)
        length = sum(math.dist(a, b) for a, b in itertools.pairwise(corners))
        bend = max(math.hypot(a[0] - 2 * b[0] + c[0], a[1] - 2 * b[1] + c[1]) for a, b, c in (corners[:3], corners[1:]))
        num_steps = max(1, math.ceil(math.sqrt(0.75 * bend / (_FLATNESS * length)))) if length > 0 else 1
        for step in range(1, num_steps):
            t = step / num_steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            self._line_to(
                (
                    a * start[0] + b * one[0] + c * other[0] + d * end[0],
                    a * start[1] + b * one[1] + c * other[1] + d * end[1],
                )
            )
        self._line_to(end)
        self.control = other

    def _arc(self, base: Point) -> None:
        radius_x, radius_y, degrees = abs(self._number()), abs(self._number()), self._number()
        is_large, is_sweep = self._flag(), self._flag()
        end = (base[0] + self._number(), base[1] + self._number())
        for point in arc_points(self.at, end, (radius_x, radius_y), degrees, is_large=is_large, is_sweep=is_sweep):
            self._line_to(point)


def arc_points(start: Point, end: Point, radii: Point, degrees: float, *, is_large: bool, is_sweep: bool) -> Polyline:
    """Points of an elliptical arc after `start` up to `end`, in SVG's endpoint form.

    Args:
        start: Where the arc begins.
        end: Where it ends.
        radii: Half axes, >= 0; enlarged where too small, a straight line where 0.
        degrees: Turn of the ellipse.
        is_large: Take the way of more than 180 degrees.
        is_sweep: Turn towards growing angles.

    Returns:
        At least one point, the last one is `end`.
    """
    radius_x, radius_y = radii
    if start == end or min(radii) <= _NEGLIGIBLE * math.dist(start, end):
        return [end]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half_x, half_y = (start[0] - end[0]) / 2, (start[1] - end[1]) / 2
    x, y = cosine * half_x + sine * half_y, cosine * half_y - sine * half_x
    too_small = math.hypot(x / radius_x, y / radius_y)
    if too_small > 1:
        radius_x, radius_y = radius_x * too_small, radius_y * too_small
    unit_x, unit_y = x / radius_x, y / radius_y
    square = unit_x**2 + unit_y**2
    if square < _NEGLIGIBLE**2:
        return [end]
    factor = math.sqrt(max(0.0, 1 / square - 1)) * (-1 if is_large == is_sweep else 1)
    centre_x, centre_y = factor * unit_y, -factor * unit_x
    first = math.atan2(unit_y - centre_y, unit_x - centre_x)
    span = math.atan2(-unit_y - centre_y, -unit_x - centre_x) - first
    if is_sweep and span < 0:
        span += 2 * math.pi
    elif not is_sweep and span > 0:
        span -= 2 * math.pi
    num_steps = max(1, math.ceil(abs(span) / _ARC_STEP))
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    points = []
    for step in range(1, num_steps):
        angle = first + span * step / num_steps
        x, y = radius_x * (centre_x + math.cos(angle)), radius_y * (centre_y + math.sin(angle))
        points.append((middle[0] + cosine * x - sine * y, middle[1] + sine * x + cosine * y))
    return [*points, end]
