"""Procedural reliefs (leather, weave, wood) and printed patterns (stripes, dots, checks), as functions of place."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stbir.synth.mesh import Array

_TILE = 256


def _smooth(noise: Array, radius_y: int, radius_x: int) -> Array:
    for axis, radius in ((0, radius_y), (1, radius_x)):
        for _ in range(2):
            noise = sum((np.roll(noise, k, axis) for k in range(-radius, radius + 1)), np.zeros_like(noise)) / (
                2 * radius + 1
            )
    return noise


def _unit(values: Array) -> Array:
    low, high = np.percentile(values, [1, 99])
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), float)


@lru_cache(maxsize=16)
def _relief(name: str) -> tuple[Array, Array, Array]:
    """Height [256, 256] in [0, 1] and its slopes along x and y; the edges join."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(_TILE, _TILE))
    y, x = np.mgrid[0:_TILE, 0:_TILE] / _TILE * 2 * np.pi
    if name == "grain":
        height = _unit(np.abs(_unit(_smooth(noise, 3, 3)) - 0.5)) ** 0.7
    elif name == "fuzz":
        height = _unit(0.5 * _unit(_smooth(noise, 1, 1)) + 0.5 * _unit(_smooth(rng.normal(size=noise.shape), 9, 9)))
    elif name == "weave":
        height = _unit(np.sin(32 * x) * np.sin(32 * y) + 0.5 * _smooth(noise, 1, 4) + 0.5 * _smooth(noise.T, 4, 1))
    elif name == "holes":
        height = (np.sin(20 * x) * np.sin(20 * y) > -0.45).astype(float)
    elif name == "brushed":
        height = _unit(_smooth(noise, 0, 24))
    elif name == "wood":
        wave = _smooth(rng.normal(size=noise.shape), 14, 60)
        height = _unit(0.65 * _unit(np.sin(9 * y + 500 * wave)) + 0.35 * _unit(_smooth(noise, 1, 30)))
    elif name == "patches":
        height = _unit(_smooth(noise, 7, 7) + 0.35 * _smooth(rng.normal(size=noise.shape), 2, 2))
    elif name == "plait":
        height = _unit(np.abs(np.sin(20 * x + 8 * np.sign(np.sin(20 * y)))) + 0.5 * np.abs(np.sin(20 * y)))
    elif name == "ribs":
        height = _unit(np.abs(np.sin(14 * x)) ** 0.6)
    elif name == "knit":
        height = _unit(np.abs(np.sin(16 * x + 1.2 * np.sin(24 * y))) + 0.3 * np.abs(np.sin(24 * y)))
    elif name == "speckle":
        height = 1 - (_smooth(noise, 1, 1) > 0.42).astype(float)
    else:
        height = np.ones_like(noise)
    return height, np.roll(height, -1, 1) - np.roll(height, 1, 1), np.roll(height, -1, 0) - np.roll(height, 1, 0)


_TILES_PER_UNIT = {
    "grain": 2.4,
    "fuzz": 2.2,
    "weave": 1.5,
    "holes": 1.9,
    "brushed": 1.2,
    "wood": 0.9,
    "speckle": 1.3,
    "plait": 1.6,
    "ribs": 1.6,
    "knit": 1.4,
}


def relief(name: str, u: Array, v: Array) -> tuple[Array, Array, Array]:
    """Height in [0, 1] and slopes along u and v of a relief at surface places [P]."""
    height, along_u, along_v = _relief(name)
    scale = _TILES_PER_UNIT.get(name, 1.0) * _TILE
    i, j = np.floor(v * scale).astype(int) % _TILE, np.floor(u * scale).astype(int) % _TILE
    return height[i, j], along_u[i, j], along_v[i, j]


def surface_places(points: Array, normals: Array, *, round_body: bool) -> tuple[Array, Array]:
    """Two coordinates [P] on the surface: around and up a round body, or the two axes the surface does not face."""
    x, y, z = points.T
    if round_body:
        radius = np.hypot(x, y)
        return np.arctan2(y, x) * 0.42, np.where(np.abs(normals[:, 2]) > 0.9, radius, z)
    facing = np.abs(normals)
    upward = (facing[:, 2] > 0.72) & (facing[:, 2] > facing[:, 1])
    sideways = ~upward & (facing[:, 0] > facing[:, 1] * 1.2)
    return np.where(sideways, y, x), np.where(upward, y, z)


def printed(name: str, u: Array, v: Array, scale: float, height: float) -> NDArray[np.float64]:
    """How much of the pattern's colour shows, in [0, 1].

    Args:
        name: A key of `stbir.synth.palette.PATTERN_WORDS`.
        u: [P] first surface coordinate.
        v: [P] second surface coordinate.
        scale: Size of the pattern.
        height: Height of the object, for patterns that have a place on it.
    """
    step = 0.13 * scale
    if name == "stripes":
        return (np.mod(v / step, 1) < 0.5).astype(float)
    if name == "vertical stripes":
        return (np.mod(u / step + 0.25, 1) < 0.5).astype(float)
    if name == "dots":
        row = np.floor(v / step)
        across = np.mod(u / step + 0.5 * np.mod(row, 2), 1) - 0.5
        return (np.hypot(across, np.mod(v / step, 1) - 0.5) < 0.29).astype(float)
    if name == "checks":
        return 0.5 * (np.mod(u / step, 1) < 0.5) + 0.5 * (np.mod(v / step, 1) < 0.5)
    if name == "band":
        return (np.abs(v / height - 0.5) < 0.16).astype(float)
    if name == "speckles":
        height_map, _, _ = _relief("speckle")
        i, j = np.floor(v * 330).astype(int) % _TILE, np.floor(u * 330).astype(int) % _TILE
        return np.asarray(1 - height_map[i, j], float)
    if name == "floral":
        return _flowers(u / (1.7 * step), v / (1.7 * step))
    if name == "logo":
        return _star(u, v - 0.5 * height, 0.2 * scale * height)
    return np.zeros_like(u)


def _flowers(u: Array, v: Array) -> Array:
    """Five-petalled flowers with an empty heart, one in each cell of unit size, every second row shifted."""
    row = np.floor(v)
    x, y = np.mod(u + 0.5 * np.mod(row, 2), 1) - 0.5, np.mod(v, 1) - 0.5
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    petals = radius < 0.2 + 0.16 * np.abs(np.cos(2.5 * angle))
    return (petals & (radius > 0.085)).astype(float)


def _star(u: Array, v: Array, size: float) -> Array:
    """One star of five points around the origin, within a ring."""
    radius, angle = np.hypot(u, v) / size, np.arctan2(v, u) - np.pi / 2
    wedge = np.abs(np.mod(angle * 5 / (2 * np.pi) + 0.5, 1) - 0.5) * 2
    edge = 0.68 / (0.68 + 1.0 * wedge) * 0.8
    ring = (radius > 0.88) & (radius < 1.0)
    return ((radius < edge) | ring).astype(float)
