"""Lines of an object as the eye finds them: borders between visible parts, traced and joined by good continuation.

In: a map of part numbers per pixel. Out: open or closed lines [N, 2] in pixels, staircases smoothed away.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from stbir.synth.mesh import Array

Vertex = tuple[int, int]


def part_borders(labels: NDArray[np.int64]) -> list[Array]:
    """Trace all borders between different labels.

    Args:
        labels: [H, W] part numbers, -1 for nothing.

    Returns:
        Lines [N, 2] of pixel corners (x, y), each between two meeting points of three parts, or closed.
    """
    padded = np.pad(labels, 1, constant_values=-1)
    near: dict[Vertex, list[Vertex]] = defaultdict(list)
    rows, columns = np.nonzero(padded[:-1] != padded[1:])
    for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
        near[x, y + 1].append((x + 1, y + 1))
        near[x + 1, y + 1].append((x, y + 1))
    rows, columns = np.nonzero(padded[:, :-1] != padded[:, 1:])
    for y, x in zip(rows.tolist(), columns.tolist(), strict=True):
        near[x + 1, y].append((x + 1, y + 1))
        near[x + 1, y + 1].append((x + 1, y))
    used: set[tuple[Vertex, Vertex]] = set()
    lines = []

    def walk(start: Vertex, following: Vertex) -> None:
        path = [start, following]
        used.update([(start, following), (following, start)])
        while len(near[path[-1]]) == 2 and path[-1] != start:
            a, b = near[path[-1]]
            step = b if a == path[-2] else a
            if (path[-1], step) in used:
                break
            used.update([(path[-1], step), (step, path[-1])])
            path.append(step)
        lines.append(np.array(path, float) - 1)

    meeting = [vertex for vertex, others in near.items() if len(others) != 2]
    for vertex in meeting + list(near):
        for other in near[vertex]:
            if (vertex, other) not in used:
                walk(vertex, other)
    return lines


def sides(line: Array, labels: NDArray[np.int64]) -> tuple[int, int]:
    """The labels [H, W] on both sides of a line of `part_borders`."""
    padded = np.pad(labels, 1, constant_values=-1)
    (x0, y0), (x1, y1) = line[:2].astype(int).tolist()
    if y0 == y1:
        column = min(x0, x1) + 1
        return int(padded[y0, column]), int(padded[y0 + 1, column])
    row = min(y0, y1) + 1
    return int(padded[row, x0]), int(padded[row, x0 + 1])


def smoothed(line: Array, sigma: float) -> Array:
    """The line [N, 2] with its staircase averaged out; open ends stay in place, closed lines stay closed."""
    if len(line) < 4:
        return line
    reach = max(1, min(int(3 * sigma), len(line) - 2))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    if np.array_equal(line[0], line[-1]):
        around = np.concatenate([line[-reach - 1 : -1], line, line[1 : reach + 1]])
    else:
        head = 2 * line[0] - line[1 : reach + 1][::-1]
        tail = 2 * line[-1] - line[-reach - 1 : -1][::-1]
        around = np.concatenate([head, line, tail])
    return np.stack([np.convolve(around[:, k], weights, mode="valid") for k in (0, 1)], axis=1)


def length(line: Array) -> float:
    """Length of a line [N, 2]."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def resampled(line: Array, spacing: float) -> Array:
    """The line with points at even distances, at least two."""
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(2, round(steps[-1] / spacing) + 1)
    at = np.linspace(0, steps[-1], count)
    return np.stack([np.interp(at, steps, line[:, k]) for k in (0, 1)], axis=1)


def _heading(line: Array, reach: float = 6.0) -> Array:
    """Unit direction in which the line leaves its first point."""
    far = line[np.argmax(np.linalg.norm(line - line[0], axis=1) > reach)] if len(line) > 2 else line[-1]
    step = far - line[0] if np.any(far != line[0]) else line[-1] - line[0]
    return np.asarray(step / max(float(np.linalg.norm(step)), 1e-9), float)


def joined(lines: list[Array], max_turn_deg: float = 35.0) -> list[Array]:
    """Join lines that meet and go on in the same direction, the straightest pair first.

    Args:
        lines: Lines [N, 2] that share end points exactly.
        max_turn_deg: Largest turn at a joint.

    Returns:
        Fewer, longer lines.
    """
    pool = dict(enumerate(lines))
    number = len(lines)
    limit = np.cos(np.radians(max_turn_deg))
    while True:
        ends: dict[tuple[float, float], list[tuple[int, bool, Array]]] = defaultdict(list)
        for key, line in pool.items():
            if np.array_equal(line[0], line[-1]):
                continue
            ends[float(line[0, 0]), float(line[0, 1])].append((key, True, _heading(line)))
            ends[float(line[-1, 0]), float(line[-1, 1])].append((key, False, _heading(line[::-1])))
        pairs = []
        for meeting in ends.values():
            for i, (a, a_start, a_way) in enumerate(meeting):
                for b, b_start, b_way in meeting[i + 1 :]:
                    if a != b and -float(a_way @ b_way) > limit:
                        pairs.append((float(a_way @ b_way), a, a_start, b, b_start))
        taken: set[int] = set()
        for _, a, a_start, b, b_start in sorted(pairs, key=lambda pair: pair[0]):
            if a in taken or b in taken:
                continue
            taken.update([a, b])
            first, second = pool.pop(a), pool.pop(b)
            first = first[::-1] if a_start else first
            second = second if b_start else second[::-1]
            pool[number] = np.concatenate([first, second[1:]])
            number += 1
        if not taken:
            return list(pool.values())


def simplified(line: Array, tolerance: float) -> Array:
    """Ramer-Douglas-Peucker: the points of a line [N, 2] that matter more than `tolerance`."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    if len(line) > 3 and np.allclose(line[0], line[-1]):
        far = int(np.argmax(np.linalg.norm(line - line[0], axis=1)))
        keep[far] = True
        spans = [(0, far), (far, len(line) - 1)]
    while spans:
        a, b = spans.pop()
        if b - a < 2:
            continue
        base = line[b] - line[a]
        size = float(np.linalg.norm(base))
        rest = line[a + 1 : b] - line[a]
        away = (
            np.abs(rest[:, 0] * base[1] - rest[:, 1] * base[0]) / size if size > 1e-9 else np.linalg.norm(rest, axis=1)
        )
        k = int(np.argmax(away))
        if away[k] > tolerance:
            keep[a + 1 + k] = True
            spans += [(a, a + 1 + k), (a + 1 + k, b)]
    return line[keep]
