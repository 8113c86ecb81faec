"""Surfaces made of grids of points: tubes, turned bodies, slabs and lofts, collected into a solid.

In: numbers that say a shape. Out: `Solid`, triangles with normals, each face knowing its material
slot and the part it belongs to. Plain NumPy; no renderer here. Lengths are in the object's own unit, x to the right,
y away from the viewer, z up, the floor at z = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Split = tuple[NDArray[np.bool_], str, str]


@dataclass(frozen=True, eq=False)
class Grid:
    """A surface as rows of points.

    Attributes:
        points: [R, C, 3]. A row given twice makes a sharp edge there.
        wrap: Whether the last column joins the first.
    """

    points: Array
    wrap: bool = True

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Grid:
        """The grid shifted."""
        return Grid(self.points + np.array([x, y, z]), self.wrap)

    def mapped(self, function: Callable[[Array], Array]) -> Grid:
        """The grid with every point passed through `function` ([..., 3] -> [..., 3])."""
        return Grid(function(self.points), self.wrap)

    def turned(self, degrees: float, axis: str = "z") -> Grid:
        """The grid turned around a coordinate axis."""
        return Grid(self.points @ rotation(degrees, axis).T, self.wrap)


@dataclass(frozen=True, eq=False)
class Solid:
    """An object: triangles gathered part by part.

    Attributes:
        axes: Middle line [N, 3] of each thin part; a hasty drawing uses it in place of two outlines.
        details: Parts that a hasty drawing leaves out.
        undrawn: Parts that no drawing shows, such as the strings of a guitar.
    """

    vertices: list[Array] = field(default_factory=list)
    normals: list[Array] = field(default_factory=list)
    faces: list[NDArray[np.int64]] = field(default_factory=list)
    face_slots: list[NDArray[np.int64]] = field(default_factory=list)
    face_parts: list[NDArray[np.int64]] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    axes: dict[str, Array] = field(default_factory=dict)
    details: set[str] = field(default_factory=set)
    undrawn: set[str] = field(default_factory=set)

    def add(
        self,
        grid: Grid,
        slot: str,
        part: str,
        *,
        axis: ArrayLike | None = None,
        detail: bool = False,
        drawn: bool = True,
        splits: Sequence[Split] = (),
    ) -> None:
        """Add a surface.

        Args:
            grid: The surface.
            slot: Which colour and material it takes, for example `main`.
            part: Name for drawings; surfaces of one name count as one part.
            axis: Middle line [N, 3] if the part is thin.
            detail: Whether a hasty drawing may leave it out.
            drawn: Whether drawings show it at all.
            splits: (mask [R-1, C or C-1] of cells, slot, part) that override slot and part for some cells.
        """
        points = grid.points
        if grid.wrap:
            points = np.concatenate([points, points[:, :1]], axis=1)
        rows, columns = points.shape[:2]
        start = sum(len(block) for block in self.vertices)
        index = start + np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        cells = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 2, 3)
        slot_of = np.full(len(cells), self._number(self.slots, slot))
        part_of = np.full(len(cells), self._number(self.parts, part))
        for mask, other_slot, other_part in splits:
            slot_of[mask.ravel()] = self._number(self.slots, other_slot)
            part_of[mask.ravel()] = self._number(self.parts, other_part)
        self.vertices.append(points.reshape(-1, 3))
        self.normals.append(_normals(points, grid.wrap).reshape(-1, 3))
        self.faces.append(cells.reshape(-1, 3))
        self.face_slots.append(np.repeat(slot_of, 2))
        self.face_parts.append(np.repeat(part_of, 2))
        if axis is not None:
            self.axes[part] = np.asarray(axis, float)
        if detail:
            self.details.add(part)
        if not drawn:
            self.undrawn.add(part)

    @staticmethod
    def _number(names: list[str], name: str) -> int:
        if name not in names:
            names.append(name)
        return names.index(name)


def _normals(points: Array, wrap: bool) -> Array:
    if wrap:
        padded = np.concatenate([points[:, -2:-1], points, points[:, 1:2]], axis=1)
        across = padded[:, 2:] - padded[:, :-2]
    else:
        across = np.gradient(points, axis=1)
    normals = np.cross(across, np.gradient(points, axis=0))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    good = length[..., 0] > 1e-9
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-12), 0.0)
    for row, neighbour in ((0, 1), (-1, -2)):  # a row drawn together to one point has no direction of its own
        if good[row].mean() < 0.5:
            mean = normals[neighbour].mean(axis=0)
            normals[row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return normals


def rotation(degrees: float, axis: str) -> Array:
    """Rotation matrix [3, 3] around x, y or z."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if axis == "x":
        return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    if axis == "y":
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def curve(keys: ArrayLike, count: int = 40) -> Array:
    """A smooth line through key points (Catmull-Rom).

    Args:
        keys: [K, D], at least two.
        count: Number of points of the line.

    Returns:
        [count, D], evenly spaced in the key number.
    """
    keys = np.asarray(keys, float)
    if len(keys) == 2:
        steps = np.linspace(0, 1, count)[:, None]
        return np.asarray(keys[0] * (1 - steps) + keys[1] * steps, float)
    padded = np.concatenate([[2 * keys[0] - keys[1]], keys, [2 * keys[-1] - keys[-2]]])
    position = np.linspace(0, len(keys) - 1, count)
    k = np.minimum(position.astype(int), len(keys) - 2)
    t = (position - k)[:, None]
    a, b, c, d = padded[k], padded[k + 1], padded[k + 2], padded[k + 3]
    return np.asarray(
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3), float
    )


def superellipse(a: float, b: float, power: float = 2.0, count: int = 56) -> Array:
    """Outline [count, 2] between an ellipse (power 2) and a rectangle with rounded corners (power 5 and more)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    radius = (np.abs(cos) ** power + np.abs(sin) ** power) ** (-1 / power)
    return np.stack([a * radius * cos, b * radius * sin], axis=1)


def revolve(profile: ArrayLike, sides: int = 56) -> Grid:
    """A turned body.

    Args:
        profile: [N, 2] radius and height from one end to the other.
        sides: Number of points around.
    """
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    radius, z = profile[:, :1], np.repeat(profile[:, 1:], sides, axis=1)
    return Grid(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=-1))


def tube(path: ArrayLike, radius: float | ArrayLike, sides: int = 14, *, flat: float = 1.0, power: float = 2.0) -> Grid:
    """A rod or band along a line, with rounded ends.

    Args:
        path: [N, 3].
        radius: One number, or [N].
        sides: Number of points around.
        flat: Thickness of the section relative to its width.
        power: Section shape, see `superellipse`.
    """
    path = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radius, float), (len(path),))
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    side = np.cross(tangent[0], [0.0, 0.0, 1.0] if abs(tangent[0, 2]) < 0.9 else [0.0, 1.0, 0.0])
    sides_along = np.empty_like(path)
    for i, direction in enumerate(tangent):
        side = side - direction * (side @ direction)
        side = side / max(float(np.linalg.norm(side)), 1e-9)
        sides_along[i] = side
    up = np.cross(sides_along, tangent)
    section = superellipse(1.0, flat, power, sides)
    ring = section[:, 0, None, None] * sides_along + section[:, 1, None, None] * up
    ring = np.swapaxes(ring, 0, 1)
    cap = np.sin(np.linspace(0, np.pi / 2, 5))
    depth = min(1.0, flat * 1.2)
    rows = [path[0] + ring[0] * radii[0] * s - tangent[0] * radii[0] * depth * np.sqrt(1 - s**2) for s in cap]
    rows += [p + r * q for p, r, q in zip(path[1:-1], ring[1:-1], radii[1:-1], strict=True)]
    rows += [
        path[-1] + ring[-1] * radii[-1] * s + tangent[-1] * radii[-1] * depth * np.sqrt(1 - s**2) for s in cap[::-1]
    ]
    return Grid(np.stack(rows))


def slab(outline: ArrayLike, thickness: float, bevel: float, *, dome: float = 0.0, rings: int = 6) -> Grid:
    """A plate with a rounded edge, lying flat around z = 0.

    Args:
        outline: [N, 2], seen from above; every point of it visible from its middle.
        thickness: Height of the plate.
        bevel: Radius of the rounded edge, at most half the thickness is used.
        dome: How much the upper face rises towards the middle.
        rings: Rows on each face, so that the plate can be bent.
    """
    outline = np.asarray(outline, float)
    middle = outline.mean(axis=0)
    arm = outline - middle
    reach = np.linalg.norm(arm, axis=1, keepdims=True)
    bevel = min(bevel, thickness / 2)
    rows = []
    turn = np.linspace(0, np.pi / 2, 5)
    inner = 1 - bevel / reach
    half = thickness / 2

    def row(scale: Array, z: float) -> None:
        rows.append(np.concatenate([middle + arm * scale, np.full((len(arm), 1), z)], axis=1))

    for step in np.linspace(0, 1, rings)[:-1]:
        row(inner * step, half + dome * (1 - step**2))
    for angle in turn:
        row(1 - bevel * (1 - np.sin(angle)) / reach, half - bevel * (1 - np.cos(angle)))
    for angle in turn[::-1]:
        row(1 - bevel * (1 - np.sin(angle)) / reach, -half + bevel * (1 - np.cos(angle)))
    for step in np.linspace(1, 0, rings)[1:]:
        row(inner * step, -half)
    return Grid(np.stack(rows))


def loft(rings: Sequence[ArrayLike], *, close_start: bool = True, close_end: bool = True) -> Grid:
    """A body through closed rings [N, 3] each, its ends closed by flat caps with a sharp edge."""
    rows = [np.asarray(ring, float) for ring in rings]
    if close_start:
        middle = np.broadcast_to(rows[0].mean(axis=0), rows[0].shape)
        rows = [middle, (middle + rows[0]) / 2, rows[0], *rows]
    if close_end:
        middle = np.broadcast_to(rows[-1].mean(axis=0), rows[-1].shape)
        rows = [*rows, rows[-1], (middle + rows[-1]) / 2, middle]
    return Grid(np.stack(rows))
