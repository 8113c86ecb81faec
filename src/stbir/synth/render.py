"""From an `ObjectSpec` to a picture: geometry, visibility, light, background, anti-aliasing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stbir.synth.backdrop import backdrop
from stbir.synth.camera import Camera
from stbir.synth.mesh import Array
from stbir.synth.objects import KINDS
from stbir.synth.raster import pixel_weights, visible_faces
from stbir.synth.shading import Lighting, Surface, blurred, lengths, lit, slot_looks

if TYPE_CHECKING:
    from stbir.synth.spec import ObjectSpec

_OVERSAMPLE = 2
_SHADOW_PX = 256


@dataclass(frozen=True, eq=False)
class Geometry:
    """A solid as arrays.

    Attributes:
        vertices: [V, 3].
        normals: [V, 3].
        faces: [F, 3].
        face_slots: [F] numbers into `slots`.
        face_parts: [F] numbers into `parts`.
        axes: Middle lines of thin parts.
        details: Parts that a hasty drawing leaves out.
        undrawn: Parts that no drawing shows.
    """

    vertices: Array
    normals: Array
    faces: NDArray[np.int64]
    face_slots: NDArray[np.int64]
    face_parts: NDArray[np.int64]
    slots: tuple[str, ...]
    parts: tuple[str, ...]
    axes: dict[str, Array]
    details: frozenset[str]
    undrawn: frozenset[str]


@lru_cache(maxsize=32)
def _geometry(kind: str, shape: tuple[tuple[str, float], ...]) -> Geometry:
    solid = KINDS[kind].build(dict(shape))
    return Geometry(
        np.concatenate(solid.vertices),
        np.concatenate(solid.normals),
        np.concatenate(solid.faces),
        np.concatenate(solid.face_slots),
        np.concatenate(solid.face_parts),
        tuple(solid.slots),
        tuple(solid.parts),
        dict(solid.axes),
        frozenset(solid.details),
        frozenset(solid.undrawn),
    )


def geometry(spec: ObjectSpec) -> Geometry:
    """The triangles of a spec; kept for the next call with the same shape."""
    return _geometry(spec.kind, tuple(sorted(spec.shape.items())))


def _shadow_map(body: Geometry, direction: Array) -> tuple[Array, Array, Array]:
    """Seen from the light: the picture frame [3, 4] and nearness [256, 256], -inf where nothing is."""
    right = np.cross([0.0, 0.0, 1.0], direction)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(direction, right), direction])
    seen = body.vertices @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    span = float((high - low)[:2].max()) * 0.72  # room at the border for soft shadows
    middle = (low + high)[:2] / 2
    flat = np.concatenate([(seen[:, :2] - middle) / span, seen[:, 2:]], axis=1)
    found = visible_faces(flat, body.faces, _SHADOW_PX)
    (rows, columns), weights = pixel_weights(flat, body.faces, found)
    depth = np.full(found.shape, -np.inf)
    depth[rows, columns] = (flat[body.faces[found[rows, columns]], 2] * weights).sum(axis=1)
    return axes, np.array([*middle, span]), depth


def _in_light(points: Array, axes: Array, frame: Array) -> tuple[Array, Array, Array]:
    seen = points @ axes.T
    x = (seen[..., 0] - frame[0]) / frame[2]
    y = (seen[..., 1] - frame[1]) / frame[2]
    return (x + 1) / 2 * _SHADOW_PX - 0.5, (1 - y) / 2 * _SHADOW_PX - 0.5, seen[..., 2]


def _between(field: Array, x: Array, y: Array) -> Array:
    """Values of a field [S, S] at places between its pixels."""
    last = field.shape[0] - 1.001
    x, y = np.clip(x, 0, last), np.clip(y, 0, last)
    i, j = y.astype(int), x.astype(int)
    fx, fy = x - j, y - i
    top = field[i, j] * (1 - fx) + field[i, j + 1] * fx
    return np.asarray(top * (1 - fy) + (field[i + 1, j] * (1 - fx) + field[i + 1, j + 1] * fx) * fy, float)


def _self_shadow(points: Array, axes: Array, frame: Array, depth: Array, size: float) -> Array:
    x, y, z = _in_light(points, axes, frame)
    free = np.zeros(len(points))
    taps = (
        (0, 0),
        (1.5, 0.6),
        (-0.6, 1.5),
        (-1.5, -0.6),
        (0.6, -1.5),
        (2.6, -2.2),
        (-2.4, 2.4),
        (2.2, 2.6),
        (-2.6, -2.4),
    )
    for dx, dy in taps:
        j = np.clip((x + dx + 0.5).astype(int), 0, _SHADOW_PX - 1)
        i = np.clip((y + dy + 0.5).astype(int), 0, _SHADOW_PX - 1)
        free += depth[i, j] < z + 0.018 * size
    return free / len(taps)


def _ground_shadow(ground: Array, axes: Array, frame: Array, depth: Array, size: float) -> Array:
    """Darkness in [0, 1] of floor points [..., 3]: sharp where the object touches, soft further away."""
    step = (np.arange(_SHADOW_PX) + 0.5) / _SHADOW_PX * 2 - 1
    seen_x, seen_y = (step * frame[2] + frame[0])[None, :], (-step * frame[2] + frame[1])[:, None]
    right, up, toward = axes
    # nearness of the floor z = 0 as the light sees it
    floor = -(seen_x * right[2] + seen_y * up[2]) / toward[2]
    covered = np.isfinite(depth)
    above = np.where(covered, (depth - floor) * toward[2], 0.0) / size
    near = blurred(np.where(covered, np.exp(-above * 9), 0.0)[::2, ::2], 2)
    far = blurred(covered[::2, ::2].astype(float), 6)
    x, y, _ = _in_light(ground, axes, frame)
    inside = (x > 0) & (x < _SHADOW_PX - 1) & (y > 0) & (y < _SHADOW_PX - 1)
    return np.where(
        inside, np.clip(0.55 * _between(near, x / 2, y / 2) + 0.45 * _between(far, x / 2, y / 2), 0, 1), 0.0
    )


def _occlusion(distance: Array, mask: NDArray[np.bool_], size: float) -> Array:
    """Light left [P] in hollows at the covered pixels, from how far each lies behind its surroundings."""
    step = 4
    small, cover = distance[::step, ::step] * mask[::step, ::step], mask[::step, ::step].astype(float)
    rows, columns = np.nonzero(mask)
    seen = distance[rows, columns]
    result = np.ones_like(seen)
    for radius in (2, 6):
        mean = blurred(small, radius) / np.maximum(blurred(cover, radius), 1e-6)
        result -= 0.26 * np.clip((seen - _between(mean, columns / step, rows / step)) / (0.1 * size), 0, 1)
    return result


def render(spec: ObjectSpec, size_px: int = 224) -> Image.Image:
    """Draw the picture of a spec.

    Args:
        spec: What to draw.
        size_px: Width and height.

    Returns:
        An RGB picture; the same spec gives the same pixels on one machine.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    body = geometry(spec)
    kind = KINDS[spec.kind]
    extent = body.vertices.max(axis=0) - body.vertices.min(axis=0)
    size = float(np.linalg.norm(extent))
    camera = Camera.framing(body.vertices, spec.view)
    lighting = Lighting.of(spec)
    fine = size_px * _OVERSAMPLE
    projected = camera.project(body.vertices)
    found = visible_faces(projected, body.faces, fine)
    (rows, columns), weights = pixel_weights(projected, body.faces, found)
    face = found[rows, columns]
    corners = body.faces[face]
    weights = weights * projected[corners, 2]
    weights /= weights.sum(axis=1, keepdims=True)
    points = np.einsum("pk,pkd->pd", weights, body.vertices[corners])
    normals = np.einsum("pk,pkd->pd", weights, body.normals[corners])
    normals /= np.maximum(lengths(normals), 1e-9)
    toward = camera.eye - points
    distance = lengths(toward)
    toward /= distance
    normals = np.where(np.einsum("pd,pd->p", normals, toward)[:, None] < 0, -normals, normals)
    axes, frame, shadow_depth = _shadow_map(body, lighting.key)
    depth = np.zeros(found.shape)
    depth[rows, columns] = distance[:, 0]
    surface = Surface(
        points=points,
        normals=normals,
        toward=toward,
        slot=body.face_slots[face],
        free=_self_shadow(points, axes, frame, shadow_depth, size),
        open=_occlusion(depth, found >= 0, size),
        floor_z=float(body.vertices[:, 2].min()),
        height=float(extent[2]),
    )
    colors = lit(spec, surface, slot_looks(spec, kind, body.slots), lighting, round_body=kind.round_body)
    picture = np.zeros((fine, fine, 4))
    picture[rows, columns, :3] = colors
    picture[rows, columns, 3] = 1.0
    picture = (picture[::2, ::2] + picture[1::2, ::2] + picture[::2, 1::2] + picture[1::2, 1::2]) / 4

    def darkness(ground: Array) -> Array:
        return _ground_shadow(ground, axes, frame, shadow_depth, size)

    standing = surface.floor_z < 0.2 * size
    behind = backdrop(spec, camera, size_px, size, darkness if standing else None)
    out = picture[..., :3] + behind * (1 - picture[..., 3:])
    out = np.clip(out, 0, 1)
    coded = np.where(out <= 0.0031308, out * 12.92, 1.055 * np.maximum(out, 1e-9) ** (1 / 2.4) - 0.055)
    return Image.fromarray((coded * 255 + 0.5).astype(np.uint8), "RGB")
