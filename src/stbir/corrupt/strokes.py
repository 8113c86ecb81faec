"""Noises of drawings: what people who cannot draw do to lines.

`NOISES` maps a name to a function of a drawing, a severity in [0, 5] and a random generator. Severity 0 returns the
drawing itself; with the same seed a higher severity changes more of the same. Amounts are shares of the drawing's
diagonal, so units do not matter. Some take a `strength` that multiplies their amount: training recipes were made with
1, the registry of `stbir.corrupt` calls them with what a user at their worst does. Width of the pen is no property of
strokes: `line_width` draws one for the rasteriser.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from stbir.corrupt.ink import Ink, Points, part_of_stroke
from stbir.corrupt.joining import join_strokes, round_corners
from stbir.errors import ConfigError
from stbir.strokes import Sketch

MAX_SEVERITY = 5.0

Noise = Callable[[Sketch, Generator, float], Sketch]


def check_severity(severity: float) -> float:
    """Return the severity if it is in [0, 5], else raise ConfigError."""
    if not 0 <= severity <= MAX_SEVERITY:
        raise ConfigError(f"severity={severity} is out of range: expected 0 (no change) to {MAX_SEVERITY:.0f}")
    return severity


def drop_strokes(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Forget strokes, up to 60 %, short ones rather than long ones; the longest always stays."""
    num_strokes = len(sketch.strokes)
    chances = rng.exponential(size=num_strokes)
    num_kept = max(1, num_strokes - round(0.12 * check_severity(severity) * num_strokes))
    if num_kept == num_strokes:
        return sketch
    lengths = Ink.of(sketch).lengths()
    chances /= np.sqrt(lengths / max(float(lengths.max()), 1e-12)) + 0.1
    chances[lengths.argmax()] = 0
    kept = np.sort(np.argsort(chances, kind="stable")[:num_kept]).tolist()
    return Sketch(tuple(sketch.strokes[i] for i in kept), sketch.size)


def partial(sketch: Sketch, _rng: Generator, severity: float) -> Sketch:
    """Stop early: only the first part of the ink in drawing order, down to 20 % (no chance in it)."""
    share = 1 - 0.16 * check_severity(severity)
    if severity == 0:
        return sketch
    ink = Ink.of(sketch)
    arc, lengths, starts = ink.arc_lengths(), ink.lengths(), ink.starts
    left = share * float(lengths.sum())
    kept: list[Points] = []
    for start, count, length in zip(starts.tolist(), ink.counts.tolist(), lengths.tolist(), strict=True):
        stroke = slice(start, start + count)
        if length > left:
            kept.append(part_of_stroke(ink.points[stroke], arc[stroke], 0.0, left))
            break
        kept.append(ink.points[stroke])
        left -= length
    return Sketch(tuple(kept), sketch.size)


def jitter(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Shake every point independently, by up to 1.5 % of the diagonal."""
    ink = Ink.of(sketch)
    shake = rng.standard_normal((len(ink.points), 2), dtype=np.float32)
    if check_severity(severity) == 0:
        return sketch
    return ink.sketch(ink.points[:, :2] + shake * np.float32(0.003 * severity * ink.scale))


def wobble(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Let the hand sway: slow waves along every stroke, up to 2 % of the diagonal."""
    if check_severity(severity) == 0:
        return sketch
    ink = Ink.of(sketch)
    scale = ink.scale
    ink = ink.denser(scale / 40)
    num_waves, num_strokes = 3, len(ink.counts)
    waves = rng.uniform(0.25, 1.2, (num_waves, num_strokes, 2)) * max(scale, 1e-12)
    phases = rng.uniform(0, 2 * np.pi, (num_waves, num_strokes, 2))
    stroke = ink.stroke_of_point
    angles = 2 * np.pi * ink.arc_lengths()[:, None] / waves[:, stroke] + phases[:, stroke]
    sway = np.sin(angles).sum(axis=0) / np.sqrt(num_waves / 2)
    return ink.sketch(ink.points[:, :2] + sway * (0.004 * severity * scale))


def affine(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Get the whole wrong: rotation up to 15 degrees, proportions up to 35 %, slant up to 0.25."""
    turn, stretch, slant = rng.uniform(-1, 1, 3) * (check_severity(severity) / MAX_SEVERITY * strength)
    if severity == 0:
        return sketch
    ink = Ink.of(sketch)
    angle = np.deg2rad(15) * turn
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    proportions = np.diag(np.exp([0.15 * stretch, -0.15 * stretch])) @ np.array([[1, 0.25 * slant], [0, 1]])
    xy = ink.points[:, :2]
    centre = (xy.min(axis=0) + xy.max(axis=0)) / 2
    return ink.sketch((xy - centre) @ (rotation @ proportions).T + centre)


def warp(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Get parts wrong: smooth waves over the sheet stretch some regions and squeeze others, up to 5 %."""
    if check_severity(severity) == 0:
        return sketch
    ink = Ink.of(sketch)
    scale = ink.scale
    ink = ink.denser(scale / 40)
    num_waves = 4
    xy = ink.points[:, :2] / max(scale, 1e-12)
    directions = rng.uniform(0, 2 * np.pi, num_waves)
    frequencies = 2 * np.pi * rng.uniform(0.6, 1.8, num_waves)
    carriers = np.stack([np.cos(directions), np.sin(directions)]) * frequencies
    heights = rng.standard_normal((num_waves, 2)) / np.sqrt(num_waves)
    shift = np.sin(xy @ carriers + rng.uniform(0, 2 * np.pi, num_waves)) @ heights
    return ink.sketch(ink.points[:, :2] + shift * (0.01 * severity * strength * scale))


def scribble(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Add strokes that mean nothing, up to six: lines, hooks and zigzags anywhere on the drawing."""
    num_extra = int(np.ceil(1.2 * strength * check_severity(severity)))
    if num_extra == 0:
        return sketch
    left, top, right, bottom = sketch.bounds
    scale = Ink.of(sketch).scale
    extra = []
    for _ in range(num_extra):
        turns = np.cumsum(rng.normal(0, rng.choice([0.1, 0.4, 1.6]), 12)) + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (rng.uniform(0.08, 0.3) * scale / 12)
        place = np.array([rng.uniform(left, right), rng.uniform(top, bottom)])
        extra.append((place + np.cumsum(steps, axis=0)).astype(np.float32))
    return Sketch((*sketch.strokes, *extra), sketch.size)


def break_lines(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Lift the pen too early: gaps of 2 to 5 % of the diagonal, up to 20 % of all ink."""
    if check_severity(severity) == 0:
        return sketch
    ink = Ink.of(sketch)
    scale, arc, lengths, starts = ink.scale, ink.arc_lengths(), ink.lengths(), ink.starts
    total = float(lengths.sum())
    num_gaps = int(np.ceil(0.04 * severity * strength * total / max(0.035 * scale, 1e-12)))
    places = np.sort(rng.uniform(0, total, min(num_gaps, 500)))
    offsets = np.cumsum(lengths) - lengths
    pieces: list[Points] = []
    for start, count, length, offset in zip(starts, ink.counts, lengths.tolist(), offsets.tolist(), strict=True):
        stroke = ink.points[start : start + count]
        gaps = places[(places >= offset) & (places < offset + length)] - offset
        if len(gaps) == 0:
            pieces.append(stroke)
            continue
        half = np.minimum(rng.uniform(0.01, 0.025, len(gaps)) * scale, 0.1 * length)
        opens = np.concatenate([[0.0], gaps + half])
        closes = np.concatenate([gaps - half, [length]])
        reach = np.maximum.accumulate(opens)
        pieces += [
            part_of_stroke(stroke, arc[start : start + count], float(begin), float(end))
            for begin, end in zip(reach, closes, strict=True)
            if end > begin
        ]
    return Sketch(tuple(pieces), sketch.size) if pieces else sketch


def overshoot(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Draw on past the ends of the strokes, straight, by up to 6 % of the diagonal."""
    amounts = rng.uniform(0, 1, (len(sketch.strokes), 2))
    if check_severity(severity) == 0:
        return sketch
    ink = Ink.of(sketch)
    scale = ink.scale
    outward = ink.directions_at_ends(reach=0.03 * scale) * (0.012 * severity * strength * scale * amounts[:, :, None])
    starts, ends = ink.starts, ink.starts + ink.counts
    extra = ink.points[np.stack([starts, ends - 1], axis=1)]
    extra[:, :, :2] += outward.astype(np.float32)
    longer = np.insert(ink.points, np.stack([starts, ends], axis=1).ravel(), extra.reshape(-1, extra.shape[2]), axis=0)
    return Ink(longer, ink.counts + 2, sketch.size).sketch()


def retrace(sketch: Sketch, rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Go over strokes a second time, a little beside the first: up to 80 % of them, 1.5 % of the diagonal away."""
    chances = rng.uniform(0, 1, len(sketch.strokes))
    if check_severity(severity) == 0:
        return sketch
    again = tuple(stroke for stroke, chance in zip(sketch.strokes, chances, strict=True) if chance < 0.16 * severity)
    if not again:
        return sketch
    scale = Ink.of(sketch).scale
    second = wobble(Sketch(again, sketch.size), rng, severity / 2)
    shifts = rng.normal(0, 0.003 * severity * strength * scale, (len(again), 2)).astype(np.float32)
    moved = [np.concatenate([s[:, :2] + d, s[:, 2:]], axis=1) for s, d in zip(second.strokes, shifts, strict=True)]
    return Sketch((*sketch.strokes, *moved), sketch.size)


def coarsen(sketch: Sketch, _rng: Generator, severity: float, *, strength: float = 1.0) -> Sketch:
    """Draw with fewer, straighter lines: points within 3 % of the diagonal of a chord go."""
    if check_severity(severity) == 0:
        return sketch
    return sketch.simplify(0.006 * severity * strength * Ink.of(sketch).scale)


def shift_scale(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Draw small and off the middle of the sheet, down to 45 % of its side, with slips of the pen at its corners.

    Place and size alone would change nothing: the rasteriser fits the ink into its frame. Two stray dots, as where a
    palm touched the canvas, make the frame the whole sheet.
    """
    places = rng.uniform(0, 1, 2)
    if check_severity(severity) == 0:
        return sketch
    left, top, right, bottom = sketch.bounds
    extent = max(right - left, bottom - top)
    side = extent / (1 - 0.11 * severity)
    room = side - np.array([right - left, bottom - top])
    corner = np.array([left, top]) - places * room
    dots = (corner[None].astype(np.float32), (corner + side)[None].astype(np.float32))
    return Sketch((*sketch.strokes, *dots), sketch.size) if extent > 0 else sketch


def line_width(line_width_px: float, rng: Generator, severity: float) -> float:
    """Another width of the pen for the rasteriser: up to 2.5 times as thin or thick, never below half a pixel."""
    exponent = rng.uniform(-1, 1) * check_severity(severity) / MAX_SEVERITY
    return line_width_px if severity == 0 else max(0.5, line_width_px * float(2.5**exponent))


def humanise(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Make a clean or traced drawing look drawn by hand: pieces joined, details forgotten, lines and proportions off.

    Args:
        sketch: For example the edges of a photo as strokes.
        rng: Source of the noise.
        severity: 0 returns the drawing itself; 2 is a careful hand, 5 a hasty one.

    Returns:
        The drawing, shortest strokes gone first, at least the longest one left.
    """
    if check_severity(severity) == 0:
        return sketch
    ink = Ink.of(sketch)
    scale = ink.scale
    if scale <= 0:
        return sketch
    strokes = join_strokes(ink, gap=0.006 * severity * scale, reach=0.03 * scale)
    drawing = _without_details(Sketch(strokes, sketch.size), rng, severity)
    drawing = drawing.simplify(rng.uniform(0.2, 1.0) * 0.003 * severity * scale)
    if rng.random() < 0.15 * severity:
        drawing = round_corners(Ink.of(drawing)).sketch()
    for noise, share in ((overshoot, 0.4), (drop_strokes, 0.25), (affine, 0.5), (warp, 0.6), (wobble, 0.4)):
        drawing = noise(drawing, rng, severity * share * rng.uniform(0, 1))
    return drawing


def mixed_sketch(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """What somebody who cannot draw hands in: details forgotten, shapes and proportions off, unsteady lines, slips."""
    check_severity(severity)
    for (noise, share), source in zip(_MIX, rng.spawn(len(_MIX)), strict=True):
        sketch = noise(sketch, source, share * severity)
    return sketch


def _without_details(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
    """Leave out the shortest strokes, as far as they are short and little ink is lost; the longest stays."""
    ink = Ink.of(sketch)
    lengths = ink.lengths()
    order = np.argsort(lengths, kind="stable")
    limit = rng.uniform(0, 1) * 0.03 * severity * ink.scale
    is_detail = (lengths[order] < limit) & (np.cumsum(lengths[order]) < 0.08 * severity * lengths.sum())
    is_detail[-1] = False
    return Sketch(tuple(sketch.strokes[i] for i in np.sort(order[~is_detail]).tolist()), sketch.size)


NOISES: dict[str, Noise] = {
    "affine": affine,
    "break_lines": break_lines,
    "coarsen": coarsen,
    "drop_strokes": drop_strokes,
    "jitter": jitter,
    "overshoot": overshoot,
    "partial": partial,
    "retrace": retrace,
    "scribble": scribble,
    "shift_scale": shift_scale,
    "warp": warp,
    "wobble": wobble,
}

_MIX: tuple[tuple[Noise, float], ...] = (
    (coarsen, 0.4),
    (drop_strokes, 0.5),
    (affine, 0.7),
    (warp, 0.7),
    (wobble, 0.7),
    (jitter, 0.25),
    (overshoot, 0.6),
    (break_lines, 0.4),
    (scribble, 0.4),
)
