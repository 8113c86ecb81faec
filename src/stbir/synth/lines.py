"""The lines of an object that somebody draws, part by part, in the order in which they come to mind.

In: an object, a hand, a generator. Out: for every part its lines in [0, 1], y down. Lines are borders between visible
parts, hidden ones removed. Haste lets parts go: small ones into their neighbours, slim ones into single strokes, sorts
of many into one outline. A border between two parts is drawn once, with the part that comes first.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from stbir.synth.camera import Camera
from stbir.synth.contours import joined, length, part_borders, sides, smoothed
from stbir.synth.hand import Hand
from stbir.synth.mesh import Array
from stbir.synth.raster import pixel_weights, visible_faces
from stbir.synth.render import Geometry, geometry
from stbir.synth.spec import ObjectSpec
from stbir.tracing import trace_mask

_BUFFER_PX = 256
_NOTHING = -1
_ROD_WIDTH = 0.035
_SLENDER = 50.0  # perimeter squared by area above which a narrow part becomes a stroke; 16 of a square
_FEWEST_REGIONS = 2

Labels = NDArray[np.int64]


def object_lines(spec: ObjectSpec, hand: Hand, rng: np.random.Generator) -> list[list[Array]]:
    """The lines of an object.

    Args:
        spec: The object as it is remembered.
        hand: Who draws.
        rng: Source of chance.

    Returns:
        For each part, in drawing order, its lines [N, 2] in [0, 1], y down.
    """
    body = geometry(spec)
    stretch = 1 + rng.normal(0, hand.stretch, 3)
    vertices = body.vertices * stretch
    dropped, slim = _part_choices(body, hand, rng)
    gone = np.array([name in dropped or name in slim for name in body.parts])
    faces, parts = body.faces[~gone[body.face_parts]], body.face_parts[~gone[body.face_parts]]
    camera = Camera.framing(vertices, spec.view)
    projected = camera.project(vertices)
    found = visible_faces(projected, faces, _BUFFER_PX)
    sorts = _lumps(body, hand, rng)
    labels = np.where(found >= 0, np.append(sorts[parts], _NOTHING)[found], _NOTHING)  # of glasses no face may be left
    labels, strokes = _simplified_regions(labels, hand)
    groups = [[line / _BUFFER_PX for line in lines] for lines in _outlines(labels, rng)]
    groups += [[line / _BUFFER_PX] for line in strokes]
    if slim:
        nearness = np.zeros(found.shape)
        (rows, columns), weights = pixel_weights(projected, faces, found)
        nearness[rows, columns] = (projected[faces[found[rows, columns]], 2] * weights).sum(axis=1)
        for name in sorted(slim):
            groups.append(_seen_pieces(camera.project(body.axes[name] * stretch), nearness))
    return [group for group in groups if group]


def _sort(name: str) -> str:
    """What parts of one sort have in common: `leg` of `leg.2`."""
    return name.split(".")[0]


def _part_choices(body: Geometry, hand: Hand, rng: np.random.Generator) -> tuple[set[str], set[str]]:
    """Parts left out, and slim parts drawn as one stroke; parts of one sort mostly share their fate."""
    dropped, slim = set(body.undrawn), set()
    groups: dict[str, list[str]] = defaultdict(list)
    for name in body.parts:
        groups[_sort(name)].append(name)
    draws_single = rng.random() < hand.single
    for names in groups.values():
        leave_out = rng.random() < hand.missing
        spare = [name for name in names if name in body.details or name in body.axes]
        if len(spare) > hand.most:
            kept = np.linspace(0, len(spare) - 1, max(1, round(hand.most))).round().astype(int)
            dropped |= set(spare) - {spare[k] for k in kept}
        for name in names:
            if name in body.details and (leave_out or rng.random() < 0.3 * hand.missing):
                dropped.add(name)
            elif name in body.axes and draws_single and (name in body.details or _is_rod(body, name, hand)):
                slim.add(name)
    return dropped, slim - dropped


def _is_rod(body: Geometry, name: str, hand: Hand) -> bool:
    chosen = body.vertices[np.unique(body.faces[body.face_parts == body.parts.index(name)])]
    axis = body.axes[name]
    away = np.linalg.norm(chosen[:, None, :] - axis[None, ::3, :], axis=-1).min(axis=1)
    size = float(np.linalg.norm(np.ptp(body.vertices, axis=0)))
    return float(np.median(away)) < max(_ROD_WIDTH, 0.6 * hand.thinnest) * size


def _lumps(body: Geometry, hand: Hand, rng: np.random.Generator) -> Labels:
    """For every part the number of the part whose outline it shares: mostly its own."""
    sorts = np.arange(len(body.parts))
    first: dict[str, int] = {}
    for number, name in enumerate(body.parts):
        first.setdefault(_sort(name), number)
    is_lumped = {sort: rng.random() < hand.lumped for sort in first}
    for number, name in enumerate(body.parts):
        if is_lumped[_sort(name)]:
            sorts[number] = first[_sort(name)]
    return sorts


def _simplified_regions(labels: Labels, hand: Hand) -> tuple[Labels, list[Array]]:
    """Let small and narrow regions go, the narrowest first: into a neighbour, or into a stroke along their middle."""
    covered = labels >= 0
    if not covered.any() or hand.thinnest == 0:
        return labels, []
    rows, columns = np.nonzero(covered)
    span, area = float(max(np.ptp(rows), np.ptp(columns))), float(covered.sum())
    labels, strokes = labels.copy(), []
    for _ in range(int(labels.max()) + 1):
        numbers, sizes = np.unique(labels[labels >= 0], return_counts=True)
        beside = _shared_borders(labels)
        around = np.array([sum(beside[int(number)].values()) for number in numbers])
        width = 2 * sizes / np.maximum(around, 1)
        is_spare = (width < hand.thinnest * span) | (sizes < hand.smallest * area)
        if not is_spare.any() or len(numbers) <= _FEWEST_REGIONS:
            break
        spare = np.flatnonzero(is_spare)
        number = int(numbers[spare[np.argmin(sizes[spare])]])
        own = labels == number
        others = {other: shared for other, shared in beside[number].items() if other != _NOTHING}
        free = beside[number].get(_NOTHING, 0)
        slender = around[numbers == number][0] ** 2 / sizes[numbers == number][0]
        if free > 1.2 * sum(others.values()) and slender > _SLENDER:
            strokes += [np.asarray(line, float) for line in trace_mask(own) if len(line) > 2]
            labels[own] = _NOTHING
        else:
            labels[own] = max(others, key=lambda other: others[other]) if others else _NOTHING
    return labels, strokes


def _shared_borders(labels: Labels) -> dict[int, dict[int, int]]:
    """For every region how many pixel edges it shares with every other."""
    padded = np.pad(labels, 1, constant_values=_NOTHING)
    pairs = np.concatenate(
        [
            np.stack([padded[:-1].ravel(), padded[1:].ravel()], axis=1),
            np.stack([padded[:, :-1].ravel(), padded[:, 1:].ravel()], axis=1),
        ]
    )
    pairs, counts = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
    found: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for (a, b), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        found[a][b] += count
        found[b][a] += count
    return found


def _outlines(labels: Labels, rng: np.random.Generator) -> list[list[Array]]:
    """Outlines of the regions in drawing order; a border that two share goes with the first of them."""
    borders = part_borders(labels)
    owners = [sides(line, labels) for line in borders]
    rank = {number: place for place, number in enumerate(_drawing_order(labels, rng))}
    of_part: dict[int, list[Array]] = defaultdict(list)
    for line, pair in zip(borders, owners, strict=True):
        of_part[min(rank[number] for number in pair if number != _NOTHING)].append(line)
    outlines = []
    for place in sorted(of_part):
        lines = [line for line in joined(of_part[place], max_turn_deg=180.0) if length(line) > 5]
        outlines.append([smoothed(line, 2.2) for line in sorted(lines, key=length, reverse=True)])
    return outlines


def _drawing_order(labels: Labels, rng: np.random.Generator) -> list[int]:
    """Regions in the order of drawing: large ones first, mostly from the top, and after one the one beside it."""
    numbers, sizes = np.unique(labels[labels >= 0], return_counts=True)
    middles = {int(n): np.argwhere(labels == n).mean(axis=0) / _BUFFER_PX for n in numbers}
    share = dict(zip(numbers.tolist(), (sizes / sizes.sum()).tolist(), strict=True))
    by_size, by_height, nearby = rng.normal(1.5, 0.5), rng.normal(0.6, 0.8), abs(rng.normal(0.0, 0.6))
    left = set(middles)
    order: list[int] = []
    while left:
        last = middles[order[-1]] if order else None

        def cost(number: int, last: Array | None = last) -> float:
            away = 0.0 if last is None else float(np.linalg.norm(middles[number] - last))
            return float(-by_size * share[number] ** 0.5 + by_height * middles[number][0] + nearby * away)

        chosen = min(sorted(left), key=cost)
        order.append(chosen)
        left.remove(chosen)
    return order


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
