"""From object coordinates to the picture: the eye and its frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stbir.synth.mesh import Array
from stbir.synth.spec import View


@dataclass(frozen=True, eq=False)
class Camera:
    """A perspective eye whose picture spans [-1, 1] both ways.

    Attributes:
        eye: [3] where it stands.
        axes: [3, 3] rows: right, up, backward.
        zoom: Scale from tangent to picture units.
        shift: [2] added in the picture, so that the object is centred.
    """

    eye: Array
    axes: Array
    zoom: float
    shift: Array

    @classmethod
    def framing(cls, points: Array, view: View) -> Camera:
        """The camera of a view that shows all points [V, 3] centred, spanning `view.fill` of the frame."""
        low, high = points.min(axis=0), points.max(axis=0)
        middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
        a, e = np.radians(view.azimuth_deg), np.radians(view.elevation_deg)
        backward = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        axes = np.stack([right, np.cross(backward, right), backward])
        eye = middle + backward * size * view.distance / 1.6
        plain = cls(eye, axes, 1.0, np.zeros(2)).project(points)[:, :2]
        low2, high2 = plain.min(axis=0), plain.max(axis=0)
        zoom = 2 * view.fill / float((high2 - low2).max())
        return cls(eye, axes, zoom, -zoom * (low2 + high2) / 2)

    def project(self, points: Array) -> Array:
        """Picture x, y in [-1, 1] (y up) and nearness 1/distance of points [..., 3]."""
        seen = (points - self.eye) @ self.axes.T
        nearness = 1 / np.maximum(-seen[..., 2], 1e-6)
        flat = seen[..., :2] * nearness[..., None] * self.zoom + self.shift
        return np.concatenate([flat, nearness[..., None]], axis=-1)

    def rays(self, size_px: int) -> Array:
        """Directions [S, S, 3], unit length, through the pixels; row 0 on top."""
        place = (np.arange(size_px) + 0.5) / size_px * 2 - 1
        x, y = np.meshgrid((place - self.shift[0]) / self.zoom, (-place - self.shift[1]) / self.zoom)
        directions = np.stack([x, y, np.full_like(x, -1.0)], axis=-1) @ self.axes
        return np.asarray(directions / np.linalg.norm(directions, axis=-1, keepdims=True), float)
