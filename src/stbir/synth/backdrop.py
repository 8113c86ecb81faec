"""What lies behind an object: a studio, a floor and a wall, a table, tiles, or a room out of focus."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from stbir.synth.camera import Camera
from stbir.synth.mesh import Array
from stbir.synth.shading import blurred, smoothstep
from stbir.synth.texture import relief

if TYPE_CHECKING:
    from stbir.synth.spec import ObjectSpec


def _tiles(ground: Array) -> Array:
    """Brightness of a tiled floor at floor places [..., 3] in object sizes."""
    x, y = ground[..., 0] / 0.42, ground[..., 1] / 0.42
    joint = (np.abs(np.mod(x, 1) - 0.5) > 0.475) | (np.abs(np.mod(y, 1) - 0.5) > 0.475)
    return np.asarray(1.0 - 0.1 * np.mod(np.floor(x) + np.floor(y), 2) - 0.2 * joint, float)


def _shelf(spec: ObjectSpec, size_px: int) -> Array:
    """A shelf with books and boxes, out of focus [S, S, 3]."""
    rng = np.random.default_rng([spec.seed, 13])
    wall = _hex(spec.background.color)
    picture = np.broadcast_to(wall, (64, 64, 3)).copy()
    board = _hex(spec.background.floor)
    for level in (18, 38, 58):
        x = int(rng.integers(0, 5))
        while x < 64:
            wide, tall = int(rng.integers(2, 7)), int(rng.integers(7, 16))
            tone = np.clip(rng.uniform(0.04, 0.7) * (0.4 + 0.6 * rng.random(3)), 0, 1)
            picture[max(level - tall, 0) : level, x : x + wide] = tone
            x += wide + (int(rng.integers(3, 12)) if rng.random() < 0.25 else 0)
        picture[level : level + 2] = board
    return _enlarged(0.55 * picture + 0.45 * wall, size_px, 1)


def _room(spec: ObjectSpec, size_px: int) -> Array:
    """A room far out of focus: a window, furniture, a plant, as soft patches [S, S, 3]."""
    rng = np.random.default_rng([spec.seed, 14])
    wall = _hex(spec.background.color)
    picture = np.broadcast_to(wall, (64, 64, 3)).copy()
    y, x = np.mgrid[0:64, 0:64]
    for _ in range(9):
        across, down = rng.uniform(-4, 68), rng.uniform(-4, 60)
        wide, tall = rng.uniform(4, 16), rng.uniform(4, 20)
        tone = np.clip(rng.uniform(0.08, 0.95) * (0.5 + 0.5 * rng.random(3)), 0, 1)
        inside = (np.abs(x - across) / wide) ** 4 + (np.abs(y - down) / tall) ** 4 < 1
        picture[inside] = 0.65 * tone + 0.35 * wall
    return _enlarged(picture, size_px, 3)


def _wallpaper(spec: ObjectSpec, size_px: int) -> Array:
    """Wallpaper with broad stripes or lozenges, a little darker than the wall's colour [S, S, 3]."""
    rng = np.random.default_rng([spec.seed, 15])
    wall, step = _hex(spec.background.color), rng.uniform(0.09, 0.16)
    place = (np.arange(size_px) + 0.5) / size_px
    x, y = np.meshgrid(place, place)
    lozenges = np.mod(np.floor((x + y) / step) + np.floor((x - y) / step), 2)
    mark = np.mod(np.floor(x / step), 2) if rng.random() < 0.5 else lozenges
    return np.asarray(wall * (1 - 0.14 * mark)[..., None], float)


def _enlarged(small: Array, size_px: int, radius: int) -> Array:
    """A small picture [64, 64, 3] softened and stretched to [S, S, 3]."""
    soft = np.stack([blurred(small[..., k], radius) for k in range(3)], axis=-1)
    at = np.clip((np.arange(size_px) + 0.5) / size_px * 64 - 0.5, 0, 62.999)
    low = at.astype(int)
    part = (at - low)[:, None, None]
    rows = soft[low] * (1 - part) + soft[low + 1] * part
    part = (at - low)[None, :, None]
    return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part, float)


ROOMS: dict[str, Callable[[ObjectSpec, int], Array]] = {"shelf": _shelf, "room": _room, "wallpaper": _wallpaper}


def _hex(code: str) -> Array:
    channels = np.array([int(code[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.asarray(channels**2.2, float)


def backdrop(
    spec: ObjectSpec, camera: Camera, size_px: int, size: float, darkness: Callable[[Array], Array] | None
) -> Array:
    """What lies behind [S, S, 3], in linear light.

    Args:
        spec: Whose background.
        camera: The eye.
        size_px: S.
        size: Length of the object's diagonal.
        darkness: Shadow in [0, 1] of floor points [..., 3]; None if the object hangs.
    """
    rays = camera.rays(size_px)
    down = np.minimum(rays[..., 2], -1e-4)
    reach = -camera.eye[2] / down
    ground = camera.eye + rays * reach[..., None]
    looking_down = (rays[..., 2] < -1e-4) & (camera.eye[2] > 0)
    wall, floor = _hex(spec.background.color), _hex(spec.background.floor)
    across = np.linspace(-1, 1, size_px)
    glow = 1 - 0.1 * (across[None, :] ** 2 + across[:, None] ** 2)
    picture = wall * glow[..., None]
    if spec.background.style in ROOMS:
        picture = ROOMS[spec.background.style](spec, size_px) * glow[..., None]
    away = np.hypot(ground[..., 0], ground[..., 1])
    if spec.background.style != "studio":
        behind = ground @ np.array(
            [np.sin(np.radians(spec.view.azimuth_deg)), -np.cos(np.radians(spec.view.azimuth_deg)), 0]
        )
        on_floor = np.where(looking_down, smoothstep(behind, -1.06 * size, -1.0 * size), 0.0)[..., None]
        tone = np.broadcast_to(floor, picture.shape)
        if spec.background.style == "tiles":
            tone = tone * _tiles(ground / size)[..., None]
        if spec.background.style == "table":
            board = np.floor(ground[..., 1] / (0.32 * size))
            height, _, _ = relief(
                "wood", (ground[..., 0] / size + board * 0.37).ravel(), (ground[..., 1] / size).ravel()
            )
            seam = np.abs(np.mod(ground[..., 1] / (0.32 * size), 1) - 0.5) > 0.485
            tone = (
                tone * (0.72 + 0.28 * height.reshape(board.shape) - 0.2 * seam + 0.05 * np.sin(board * 2.4))[..., None]
            )
        picture = picture * (1 - on_floor) + tone * (glow * 0.98)[..., None] * on_floor
    if darkness is not None:
        shade = np.where(looking_down & (away < 4 * size), darkness(ground), 0.0)
        picture = picture * (1 - 0.62 * shade)[..., None]
    return picture
