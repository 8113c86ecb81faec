"""Drawings of an object as people scribble them, from the object's own lines.

The lines are those of a wrongly remembered object seen from a slightly other side (`stbir.synth.lines`). Then a hand
draws them, part by part: strokes break at corners and run on, wobble, overshoot, leave gaps, are drawn twice; most go
to the right and down. The pen's speed and its pauses are in the time stamps.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from stbir.strokes import Sketch
from stbir.synth.contours import length, resampled, simplified
from stbir.synth.hand import Hand
from stbir.synth.lines import object_lines
from stbir.synth.mesh import Array, curve
from stbir.synth.objects import KINDS
from stbir.synth.render import geometry
from stbir.synth.spec import ObjectSpec, View

CANVAS_PX = 400
_FORWARD = 0.9  # share of strokes that go to the right or down
_FROM_ABOVE_DEG = 40.0  # what lies flat stays drawn from above
_LOWEST_DEG = 2.0
_BROAD = 1.3
_REACH = (1.2, 4.0)  # how long a stroke gets before the hand lifts


def _misremembered(spec: ObjectSpec, hand: Hand, rng: np.random.Generator) -> ObjectSpec:
    shape = {}
    for name, parameter in KINDS[spec.kind].parameters.items():
        error = 0.0 if parameter.steps else float(rng.normal(0, hand.wrong_shape)) * (parameter.high - parameter.low)
        shape[name] = float(np.clip(spec.shape[name] + error, parameter.low, parameter.high))
    return replace(spec, shape=shape, view=_misseen(replace(spec, shape=shape), hand, rng))


def _misseen(spec: ObjectSpec, hand: Hand, rng: np.random.Generator) -> View:
    """The viewpoint as somebody remembers it; haste turns it to the plain view from the broad side, at eye level."""
    view = spec.view
    flat = float(rng.uniform(0, hand.flat))
    across, along = np.ptp(geometry(spec).vertices[:, :2], axis=0).tolist()
    turn = 180.0 if max(across, along) > _BROAD * min(across, along) else 90.0
    start = 90.0 if turn == 180.0 and along > across else 0.0
    plain = start + turn * round((view.azimuth_deg - start) / turn)
    azimuth = view.azimuth_deg + flat * (plain - view.azimuth_deg) + float(rng.normal(0, hand.wrong_view_deg))
    elevation = view.elevation_deg * (1 - flat * (view.elevation_deg < _FROM_ABOVE_DEG))
    elevation += float(rng.normal(0, hand.wrong_view_deg * 0.6))
    elevation = max(elevation, min(view.elevation_deg, _LOWEST_DEG))
    return View(azimuth, elevation, view.distance * float(rng.uniform(0.9, 1.5)), 0.9)


def _broken(line: Array, hand: Hand, rng: np.random.Generator) -> list[Array]:
    """The line cut where a hand lifts: at sharp corners, and where it gets long."""
    points = resampled(line, 0.012)
    if np.linalg.norm(points[0] - points[-1]) < 0.008 and len(points) > 8:
        start = int(rng.integers(len(points) - 1))
        points = np.concatenate([points[start:-1], points[: start + 1]])
    cuts, last = [], 0
    limit = rng.uniform(*_REACH)
    for k in range(3, len(points) - 3):
        before, after = points[k] - points[k - 3], points[k + 3] - points[k]
        size = float(np.linalg.norm(before) * np.linalg.norm(after))
        turn = float(before @ after) / size if size > 0 else 1.0
        corner = turn < 0.45 and k - last > 5 and rng.random() < hand.breaks
        if corner or (k - last) * 0.012 > limit:
            cuts.append(k)
            last = k
            limit = rng.uniform(*_REACH)
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
        self.waves = rng.normal(size=(4, 2)) * 2.6
        self.phases = rng.uniform(0, 2 * np.pi, 4)
        self.amplitudes = rng.normal(0, hand.warp * 0.7, (4, 2))
        angle = rng.normal(0, 0.4 * hand.stretch)  # people keep upright what stands upright
        shear = rng.normal(0, 0.3 * hand.stretch)
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


def _strokes_along(line: Array, hand: Hand, rng: np.random.Generator) -> list[Array]:
    """The strokes in which a hand draws a line, now and then one of them twice."""
    strokes = []
    for piece in _broken(line, hand, rng):
        piece = _turned(piece, rng)
        strokes.append(_drawn(piece, hand, rng))
        if rng.random() < hand.doubled and len(piece) > 12:
            start = int(rng.integers(0, len(piece) // 2))
            end = int(rng.integers(len(piece) // 2 + 4, len(piece) + 1))
            again = replace(hand, shift=max(hand.shift, 0.005) * 1.2)
            strokes.append(_drawn(piece[start:end], again, rng))
    return strokes


def _turned(piece: Array, rng: np.random.Generator) -> Array:
    """The piece in the direction in which it is drawn: mostly to the right or down."""
    forward = float((piece[-1] - piece[0]).sum()) > 0
    return piece if forward == (rng.random() < _FORWARD) else piece[::-1]


def true_outline(spec: ObjectSpec) -> Sketch:
    """The object's own lines as a perfect hand would trace them: what a drawing's offset is measured from.

    Args:
        spec: The object.

    Returns:
        Lines (x, y) on a canvas of 400 x 400, none misplaced and none left out.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    lines = [line for part in object_lines(spec, Hand.perfect(), np.random.default_rng(0)) for line in part]
    points = [np.asarray(line * CANVAS_PX, np.float32) for line in lines]
    return Sketch(tuple(points), (float(CANVAS_PX), float(CANVAS_PX)))


def draw(spec: ObjectSpec, rng: np.random.Generator, *, haste: float | None = None) -> Sketch:
    """A drawing of an object.

    Args:
        spec: The object; its colours, pattern and light do not show.
        rng: Source of chance; the same state gives the same drawing.
        haste: 0 careful to 1 hasty; None for chance, careful rather than hasty.

    Returns:
        Strokes (x, y, t_ms) on a canvas of 400 x 400.

    Raises:
        MissingExtraError: VTK is not installed.
    """
    hand = Hand.of(float(rng.beta(1.2, 1.8)) if haste is None else haste).varied(rng)
    parts = object_lines(_misremembered(spec, hand, rng), hand, rng)
    longest = max(length(line) for part in parts for line in part)
    shortest = min(hand.shortest, 0.5 * longest)
    warp = _Warp(hand, rng)
    strokes: list[Array] = []
    for part in parts:
        misplaced = rng.normal(0, hand.part_shift, 2)
        for line in part:
            if length(line) > shortest:
                strokes += _strokes_along(warp(line) + misplaced, hand, rng)
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = float(rng.uniform(0.72, 0.9)) / float((high - low).max())
    room = 1 - (high - low) * scale
    corner = room * rng.uniform(0.25, 0.75, 2)
    placed = [((stroke - low) * scale + corner) for stroke in strokes]
    points = [np.round(s * [CANVAS_PX, CANVAS_PX, 1.0], 1).astype(np.float32) for s in _timed(placed, rng)]
    return Sketch(tuple(points), (float(CANVAS_PX), float(CANVAS_PX)))
