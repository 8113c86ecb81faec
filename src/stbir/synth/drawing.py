"""Drawings of an object as people scribble them, from the object's own lines.

The lines are those of a slightly wrong object seen from a slightly other side; thin parts may become single strokes,
small parts may be missing. Then a hand draws them: strokes break at corners and run on, wobble, overshoot, leave gaps,
are drawn twice. The order is big lines first, with the pen's speed and pauses as time stamps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from stbir.strokes import Sketch
from stbir.synth.camera import Camera
from stbir.synth.contours import joined, length, part_borders, resampled, simplified, smoothed
from stbir.synth.mesh import Array, curve
from stbir.synth.objects import KINDS
from stbir.synth.raster import pixel_weights, visible_faces
from stbir.synth.render import Geometry, geometry
from stbir.synth.spec import ObjectSpec, View

CANVAS_PX = 400
_BUFFER_PX = 256


@dataclass(frozen=True)
class Hand:
    """How somebody draws; every number grows with haste.

    Attributes:
        wrong_shape: Error of the shape numbers, share of their range.
        wrong_view_deg: Error of the viewpoint.
        warp: Bending of the whole drawing, share of its size.
        stretch: Error of the proportions.
        shift: Misplacement of single strokes.
        wobble: Unsteadiness along a stroke.
        tolerance: Detail that is lost.
        missing: Chance that a small part is left out.
        single: Chance that a thin part becomes one stroke.
        breaks: Chance that a stroke ends at a corner.
        overshoot: Chance that a stroke runs on or stops short.
        doubled: Chance that a stroke is drawn twice.
        shortest: Lines below this share of the drawing are left out.
    """

    wrong_shape: float
    wrong_view_deg: float
    warp: float
    stretch: float
    shift: float
    wobble: float
    tolerance: float
    missing: float
    single: float
    breaks: float
    overshoot: float
    doubled: float
    shortest: float

    @classmethod
    def of(cls, haste: float) -> Hand:
        """A hand between careful (0) and hasty (1)."""
        careful = np.array([0.02, 3.0, 0.006, 0.02, 0.003, 0.0016, 0.006, 0.1, 0.1, 0.5, 0.25, 0.05, 0.02])
        hasty = np.array([0.08, 9.0, 0.018, 0.065, 0.01, 0.0045, 0.018, 0.7, 0.85, 0.7, 0.55, 0.15, 0.06])
        return cls(*(careful + haste * (hasty - careful)).tolist())


def _misremembered(spec: ObjectSpec, hand: Hand, rng: np.random.Generator) -> ObjectSpec:
    shape = {}
    for name, parameter in KINDS[spec.kind].parameters.items():
        error = 0.0 if parameter.steps else float(rng.normal(0, hand.wrong_shape)) * (parameter.high - parameter.low)
        shape[name] = float(np.clip(spec.shape[name] + error, parameter.low, parameter.high))
    view = View(
        spec.view.azimuth_deg + float(rng.normal(0, hand.wrong_view_deg)),
        spec.view.elevation_deg + float(rng.normal(0, hand.wrong_view_deg * 0.6)),
        spec.view.distance * float(rng.uniform(0.9, 1.5)),
        0.9,
    )
    return replace(spec, shape=shape, view=view)


def _object_lines(spec: ObjectSpec, hand: Hand, rng: np.random.Generator) -> list[Array]:
    """Lines [N, 2] in [0, 1], y down."""
    body = geometry(spec)
    stretch = 1 + rng.normal(0, hand.stretch, 3)
    vertices = body.vertices * stretch
    dropped, thin = _part_choices(body, hand, rng)
    gone = np.array([name in dropped or name in thin for name in body.parts])
    faces = body.faces[~gone[body.face_parts]]
    parts = body.face_parts[~gone[body.face_parts]]
    camera = Camera.framing(vertices, spec.view)
    projected = camera.project(vertices)
    found = visible_faces(projected, faces, _BUFFER_PX)
    labels = np.where(found >= 0, np.append(parts, -1)[found], -1)  # of glasses nothing may be left but single strokes
    lines = [line for line in joined(part_borders(labels)) if length(line) > 5]
    lines = [smoothed(line, 2.2) / _BUFFER_PX for line in lines]
    if thin:
        nearness = np.zeros(found.shape)
        (rows, columns), weights = pixel_weights(projected, faces, found)
        nearness[rows, columns] = (projected[faces[found[rows, columns]], 2] * weights).sum(axis=1)
        for name in sorted(thin):
            lines += _seen_pieces(camera.project(body.axes[name] * stretch), nearness)
    return lines


def _part_choices(body: Geometry, hand: Hand, rng: np.random.Generator) -> tuple[set[str], set[str]]:
    """Parts left out, and thin parts drawn as one stroke; siblings (`leg.0`, `leg.1`) mostly share their fate."""
    dropped, thin = set(body.undrawn), set()
    groups: dict[str, list[str]] = {}
    for name in body.parts:
        groups.setdefault(name.split(".")[0], []).append(name)
    slim = rng.random() < hand.single
    for names in groups.values():
        leave_out = rng.random() < hand.missing
        for name in names:
            if name in body.details and (leave_out or rng.random() < 0.3 * hand.missing):
                dropped.add(name)
            elif name in body.axes and slim and (name in body.details or _is_rod(body, name)):
                thin.add(name)
    return dropped, thin


def _is_rod(body: Geometry, name: str) -> bool:
    chosen = body.vertices[np.unique(body.faces[body.face_parts == body.parts.index(name)])]
    axis = body.axes[name]
    away = np.linalg.norm(chosen[:, None, :] - axis[None, ::3, :], axis=-1).min(axis=1)
    return float(np.median(away)) < 0.035 * float(np.linalg.norm(np.ptp(body.vertices, axis=0)))


def _seen_pieces(path: Array, nearness: Array) -> list[Array]:
    x, y = (path[:, 0] + 1) / 2, (1 - path[:, 1]) / 2
    i = np.clip((y * _BUFFER_PX).astype(int), 0, _BUFFER_PX - 1)
    j = np.clip((x * _BUFFER_PX).astype(int), 0, _BUFFER_PX - 1)
    seen = path[:, 2] > nearness[i, j] * 0.985
    pieces, flat = [], np.stack([x, y], axis=1)
    borders = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]])))
    for start, end in zip(borders[::2], borders[1::2], strict=True):
        if end - start >= 2:
            pieces.append(flat[start:end])
    return pieces


def _broken(line: Array, hand: Hand, rng: np.random.Generator) -> list[Array]:
    """The line cut where a hand lifts: at sharp corners, and where it gets long."""
    points = resampled(line, 0.012)
    if np.linalg.norm(points[0] - points[-1]) < 0.008 and len(points) > 8:
        start = int(rng.integers(len(points) - 1))
        points = np.concatenate([points[start:-1], points[: start + 1]])
    cuts, last = [], 0
    limit = rng.uniform(0.7, 2.2)
    for k in range(3, len(points) - 3):
        before, after = points[k] - points[k - 3], points[k + 3] - points[k]
        size = float(np.linalg.norm(before) * np.linalg.norm(after))
        turn = float(before @ after) / size if size > 0 else 1.0
        corner = turn < 0.45 and k - last > 5 and rng.random() < hand.breaks * 0.6
        if corner or (k - last) * 0.012 > limit:
            cuts.append(k)
            last = k
            limit = rng.uniform(0.7, 2.2)
    pieces, start = [], 0
    for cut in [*cuts, len(points) - 1]:
        pieces.append(points[start : cut + 1])
        start = cut
    return [piece for piece in pieces if len(piece) >= 2]


def _noise(rng: np.random.Generator, count: int, period: float) -> Array:
    """Smooth noise [count, 2] of unit size, with about one swing every `period` points."""
    knots = rng.normal(size=(max(2, round(count / period)) + 2, 2))
    return curve(knots, count)


class _Warp:
    """A smooth bending of the whole drawing: wrong proportions here and there."""

    def __init__(self, hand: Hand, rng: np.random.Generator) -> None:
        self.waves = rng.normal(size=(4, 2)) * 5.0
        self.phases = rng.uniform(0, 2 * np.pi, 4)
        self.amplitudes = rng.normal(0, hand.warp * 0.7, (4, 2))
        angle = rng.normal(0, 1.6 * hand.stretch * 0.6)
        shear = rng.normal(0, hand.stretch * 0.6)
        self.matrix = np.array([[np.cos(angle), np.sin(angle) + shear], [-np.sin(angle), np.cos(angle)]])

    def __call__(self, points: Array) -> Array:
        swing = np.sin(points @ self.waves.T + self.phases)
        return np.asarray((points - 0.5 + swing @ self.amplitudes) @ self.matrix.T + 0.5, float)


def _drawn(piece: Array, hand: Hand, rng: np.random.Generator) -> Array:
    """One stroke as the hand makes it [N, 2]."""
    keys = simplified(piece, hand.tolerance * float(rng.uniform(0.6, 1.2)))
    if len(keys) > 2:
        line = _rounded(keys)
    else:
        bow = rng.normal(0, 0.012) * np.array([keys[1, 1] - keys[0, 1], keys[0, 0] - keys[1, 0]])
        line = curve([keys[0], keys.mean(axis=0) + bow, keys[1]], 20)
    if rng.random() < hand.overshoot and length(line) > 0.04:
        line = _other_end(line, rng)
    line = resampled(line, 0.011)
    count = len(line)
    line = line + _noise(rng, count, 14.0) * hand.wobble * 1.5 + _noise(rng, count, 3.5) * hand.wobble * 0.35
    return line + rng.normal(0, hand.shift, 2) * min(1.0, 0.35 + length(line))


def _rounded(keys: Array) -> Array:
    """A pen line through key points: soft at gentle turns, sharp at corners."""
    step = np.diff(keys, axis=0)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    sharp = np.flatnonzero((step[:-1] * step[1:]).sum(axis=1) < 0.25) + 1
    pieces = []
    bounds = [0, *sharp.tolist(), len(keys) - 1]
    for a, b in pairwise(bounds):
        part = curve(keys[a : b + 1], 10 * (b - a) + 1)
        pieces.append(part if a == 0 else part[1:])
    return np.concatenate(pieces)


def _other_end(line: Array, rng: np.random.Generator) -> Array:
    """The stroke run on, or stopped short, at one of its ends."""
    change = float(rng.normal(0, 0.022))
    if rng.random() < 0.5:
        line = line[::-1]
    if change < 0 and length(line) > 0.12:
        fine = resampled(line, 0.006)
        return fine[: max(2, len(fine) - round(-change / 0.006))]
    way = line[-1] - line[max(0, len(line) - 4)]
    way /= max(float(np.linalg.norm(way)), 1e-9)
    return np.concatenate([line, [line[-1] + way * abs(change)]])


def _timed(strokes: list[Array], rng: np.random.Generator) -> list[Array]:
    """Add milliseconds: slow in curves and at the ends, a pause between strokes."""
    now, result = 0.0, []
    pace = rng.uniform(0.9, 2.2)
    for stroke in strokes:
        move = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
        bend = np.zeros(len(stroke))
        if len(stroke) > 2:
            a, b = np.diff(stroke, axis=0)[:-1], np.diff(stroke, axis=0)[1:]
            bend[1:-1] = np.abs(np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1)))
        speed = pace / (1 + 3 * bend[1:])
        ramp = np.minimum(1, 0.35 + np.minimum(np.arange(len(move)), np.arange(len(move))[::-1]) / 6)
        times = now + np.concatenate([[0.0], np.cumsum(move / (speed * ramp))]) * 1000
        result.append(np.concatenate([stroke, times[:, None]], axis=1))
        now = times[-1] + rng.uniform(120, 700)
    return result


def draw(spec: ObjectSpec, rng: np.random.Generator, *, haste: float | None = None) -> Sketch:
    """A drawing of an object.

    Args:
        spec: The object; its colours, pattern and light do not show.
        rng: Source of chance; the same state gives the same drawing.
        haste: 0 careful to 1 hasty; None for chance, mostly in between.

    Returns:
        Strokes (x, y, t_ms) on a canvas of 400 x 400.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    hand = Hand.of(float(rng.beta(1.6, 1.6)) if haste is None else haste)
    lines = _object_lines(_misremembered(spec, hand, rng), hand, rng)
    longest = max(length(line) for line in lines)
    kept = [line for line in lines if length(line) > min(hand.shortest, 0.5 * longest)]
    kept.sort(key=lambda line: -length(line) * float(rng.uniform(0.7, 1.3)))
    warp = _Warp(hand, rng)
    strokes: list[Array] = []
    for line in kept:
        for piece in _broken(line, hand, rng):
            bent = warp(piece)
            strokes.append(_drawn(bent, hand, rng))
            if rng.random() < hand.doubled and len(piece) > 12:
                start = int(rng.integers(0, len(piece) // 2))
                end = int(rng.integers(len(piece) // 2 + 4, len(piece) + 1))
                again = replace(hand, shift=max(hand.shift, 0.005) * 1.2)
                strokes.append(_drawn(bent[start:end], again, rng))
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = float(rng.uniform(0.72, 0.9)) / float((high - low).max())
    room = 1 - (high - low) * scale
    corner = room * rng.uniform(0.25, 0.75, 2)
    placed = [((stroke - low) * scale + corner) for stroke in strokes]
    points = [np.round(s * [CANVAS_PX, CANVAS_PX, 1.0], 1).astype(np.float32) for s in _timed(placed, rng)]
    return Sketch(tuple(points), (float(CANVAS_PX), float(CANVAS_PX)))
