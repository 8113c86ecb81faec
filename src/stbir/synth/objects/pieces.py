"""Small forms that many objects share: rods, boxes, balls, standing plates, closed loops."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stbir.synth.mesh import Array, Grid, Solid, curve, revolve, slab, superellipse, tube


def rod(
    solid: Solid,
    start: ArrayLike,
    end: ArrayLike,
    radius: float,
    slot: str,
    part: str,
    *,
    taper: float = 1.0,
    power: float = 2.0,
    detail: bool = False,
) -> None:
    """Add a straight rod.

    Args:
        solid: What it is added to.
        start: [3].
        end: [3].
        radius: At the start; `taper` times that at the end.
        slot: Colour and material.
        part: Name for drawings.
        taper: See `radius`.
        power: Section, see `superellipse`.
        detail: Whether a hasty drawing may leave it out.
    """
    path = curve(np.array([start, end], float), 8)
    radii = radius * np.linspace(1.0, taper, 8)
    solid.add(tube(path, radii, 14, power=power), slot, part, axis=path, detail=detail)


def wire(
    solid: Solid, keys: ArrayLike, radius: float, slot: str, part: str, *, count: int = 36, detail: bool = False
) -> None:
    """Add a round wire along a smooth line through keys [K, 3]."""
    path = curve(keys, count)
    solid.add(tube(path, radius, 12), slot, part, axis=path, detail=detail)


def box(width: float, depth: float, height: float, bevel: float, *, power: float = 12.0) -> Grid:
    """A block standing on z = 0, its corners rounded."""
    return slab(superellipse(width / 2, depth / 2, power, 72), height, bevel).moved(z=height / 2)


def upright(outline: ArrayLike, thickness: float, bevel: float, *, dome: float = 0.0) -> Grid:
    """A plate that faces the viewer: its outline [N, 2] becomes x and z, it lies around y = 0."""
    return slab(outline, thickness, bevel, dome=dome).turned(90, "x")


def disc(radius: float, thickness: float, bevel: float, *, dome: float = 0.0) -> Grid:
    """A round plate that faces the viewer."""
    return upright(superellipse(radius, radius, 2.0, 48), thickness, bevel, dome=dome)


def ball(radius: float, *, flat: float = 1.0, sides: int = 28) -> Grid:
    """A ball around the origin, its height `flat` times its width."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    profile = np.stack([radius * np.cos(angle), flat * radius * np.sin(angle)], axis=1)
    profile[[0, -1], 0] = 0.0
    return revolve(profile, sides)


def closed(points: Array) -> Array:
    """A loop [N, 3] with its first two points repeated, so that a tube along it joins."""
    return np.concatenate([points, points[:2]])


def profile(keys: ArrayLike, count: int = 40) -> Array:
    """A smooth profile [count, 2] (radius, height) through keys; no radius falls below zero."""
    line = curve(keys, count)
    line[:, 0] = np.maximum(line[:, 0], 0.0)
    return line


def vessel(outer: Array, wall: float, depth: float) -> tuple[Grid, Grid]:
    """An open vessel from its outer profile [N, 2], bottom to rim: outside with rim, and inside.

    Args:
        outer: Profile without the bottom's middle.
        wall: Thickness.
        depth: How far the inside goes down from the rim.
    """
    foot = np.array([[0.0, outer[0, 1]], outer[0], outer[0]])
    top = outer[-1]
    lip = [[top[0] - 0.2 * wall, top[1] + 0.3 * wall], [top[0] - 0.8 * wall, top[1] + 0.3 * wall]]
    inner = outer[::-1] - [wall, 0.0]
    inner = inner[(inner[:, 1] > top[1] - depth) & (inner[:, 0] > 0.01)]
    floor = [[inner[-1, 0], inner[-1, 1]], [0.0, inner[-1, 1]]]
    return revolve(np.concatenate([foot, outer, lip])), revolve(np.concatenate([lip[-1:], inner, floor]))
