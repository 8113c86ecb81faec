"""A picture of a drawing -> polylines, as if it had been drawn on the canvas.

Ink is found, thinned to middle lines, and read as a graph of paths between ends and crossings. Short spurs and specks
go, paths that run straight through a crossing become one stroke, and the staircase of the pixels is smoothed away.
In: a picture. Out: arrays of points, longest stroke first. Must not import `stbir.strokes`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stbir.binarize import find_ink, smooth_borders
from stbir.raster import draw_polylines
from stbir.skeleton import thin

WORKING_SIDE_PX = 512

_SMALL_SIDE_PX = 160
_MIN_COSINE = 0.5
_MAX_SKELETON_POINTS = 60_000
_STEPS = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)])

Polyline = NDArray[np.float32]
End = tuple[int, int]


@dataclass
class _Path:
    """Skeleton points `[N, 2]` (x, y) from node `nodes[0]` to node `nodes[1]`."""

    points: NDArray[np.float64]
    nodes: tuple[int, int]

    @property
    def length(self) -> float:
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())

    def direction(self, end: int, reach: int) -> NDArray[np.float64]:
        """Unit vector from the given end into the path."""
        points = self.points if end == 0 else self.points[::-1]
        vector = points[min(reach, len(points) - 1)] - points[0]
        norm = float(np.hypot(*vector))
        return np.asarray(vector / norm) if norm > 0 else vector


def trace_picture(picture: Image.Image) -> list[Polyline]:
    """Trace the drawing in a picture.

    Args:
        picture: RGB or grey, of any size; large ones are shrunk, and enlarged views of small drawings are taken.

    Returns:
        Polylines `[N >= 1, 2]` in pixels of the given picture, longest first; empty if no ink was found.
    """
    lines = _trace_at_working_size(picture)
    if not lines or max(picture.size) <= WORKING_SIDE_PX:
        return lines
    box = _box_around(lines, picture.size)
    if max(box[2] - box[0], box[3] - box[1]) > 0.6 * max(picture.size):
        return lines
    corner = np.array(box[:2], np.float32)
    closer = _trace_at_working_size(picture.crop(box), known=[line - corner for line in lines])
    return [line + corner for line in closer] or lines


def _trace_at_working_size(picture: Image.Image, known: list[Polyline] | None = None) -> list[Polyline]:
    """Trace a picture shrunk to the working size; of a closer view only what touches the `known` lines."""
    scale = 2.0 if max(picture.size) <= _SMALL_SIDE_PX else min(1.0, WORKING_SIDE_PX / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    filter_ = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    small = picture if scale == 1.0 else picture.resize(size, filter_, reducing_gap=2.0)
    ink = find_ink(small)
    back = np.array([picture.width / small.width, picture.height / small.height], np.float32)
    strong = ink.strong
    if known is not None:
        side = max(small.size)
        surroundings = draw_polylines([line / back for line in known], side, line_width_px=0.05 * side)
        strong = strong & (surroundings < 128)[: small.height, : small.width]
    lines = trace_mask(ink.weak, strong=strong, is_clean=ink.is_clean)
    return [(line * back).astype(np.float32) for line in lines]


def _box_around(lines: list[Polyline], size: tuple[int, int]) -> tuple[int, int, int, int]:
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    border = 0.1 * float((high - low).max()) + 4
    left, top = np.maximum(0, low - border).astype(int).tolist()
    right, bottom = np.minimum(size, np.ceil(high + border)).astype(int).tolist()
    return left, top, right, bottom


def trace_mask(
    mask: NDArray[np.bool_], strong: NDArray[np.bool_] | None = None, *, is_clean: bool = True
) -> list[Polyline]:
    """Trace a mask of ink; the quick way for drawings that are already black and white.

    Args:
        mask: `[H, W]`, True = ink.
        strong: `[H, W]`: connected ink without any pixel of this is dropped as noise; None keeps all.
        is_clean: Keep every mark; otherwise specks are dropped and ragged borders of thick lines smoothed.

    Returns:
        Polylines `[N >= 1, 2]` in pixels (the first pixel's centre is 0.5, 0.5), longest first.
    """
    mask = mask if is_clean else smooth_borders(mask)
    skeleton = thin(mask)
    num_points = int(skeleton.sum())
    if num_points == 0 or num_points > _MAX_SKELETON_POINTS:
        return []
    width = float(mask.sum()) / num_points
    paths = _paths(skeleton)
    paths = _without_noise(paths, mask if strong is None else strong, width, is_clean)
    paths = _pruned(_merge_nodes(paths, 1.0 + width), 1.0 + 1.2 * width)
    lines = _joined(paths, reach=round(3 + 1.5 * width))
    lines.sort(key=lambda line: -_length(line))
    return [_tidy(line) for line in lines]


def _paths(skeleton: NDArray[np.bool_]) -> list[_Path]:
    """Cut the skeleton into paths between its nodes: ends and crossings; a loop has one node where it starts."""
    padded = np.pad(skeleton, 1)
    index = np.full(padded.shape, -1, np.int32)
    rows, columns = np.nonzero(padded)
    index[rows, columns] = np.arange(len(rows))
    around = np.stack([index[rows + dy, columns + dx] for dy, dx in _STEPS.tolist()], axis=1)
    for diagonal in (1, 3, 5, 7):
        is_short_cut = (around[:, diagonal - 1] >= 0) | (around[:, (diagonal + 1) % 8] >= 0)
        around[is_short_cut, diagonal] = -1
    degrees = (around >= 0).sum(axis=1)
    neighbours = [[other for other in row if other >= 0] for row in around.tolist()]
    points = np.stack([columns - 0.5, rows - 0.5], axis=1)
    is_node = (degrees != 2).tolist()
    seen = list(is_node)
    paths = []

    def walk(start: int, step: int) -> None:
        chain = [start, step]
        while not is_node[chain[-1]]:
            here, before = chain[-1], chain[-2]
            seen[here] = True
            one, other = neighbours[here]
            chain.append(other if one == before else one)
        paths.append(_Path(points[chain], (start, chain[-1])))

    for node in np.flatnonzero(degrees != 2).tolist():
        if not neighbours[node]:
            paths.append(_Path(points[[node]], (node, node)))
        for step in neighbours[node]:
            if (is_node[step] and node < step) or not (is_node[step] or seen[step]):
                walk(node, step)
    for start, was_seen in enumerate(seen):
        if not was_seen and not seen[start]:
            is_node[start] = seen[start] = True
            walk(start, neighbours[start][0])
    return paths


def _without_noise(paths: list[_Path], strong: NDArray[np.bool_], width: float, is_clean: bool) -> list[_Path]:
    """Drop connected parts without sure ink; in photos also specks and what hangs on the picture's border."""
    groups: dict[int, list[_Path]] = defaultdict(list)
    label = _union([path.nodes for path in paths])
    for path in paths:
        groups[label[path.nodes[0]]].append(path)
    pixels = {name: np.concatenate([path.points for path in group]).astype(int) for name, group in groups.items()}
    extent = {name: float(np.ptp(spots, axis=0).max()) for name, spots in pixels.items()}
    largest = max(extent.values())
    last = np.array(strong.shape[::-1]) - 3
    kept = []
    for name, group in groups.items():
        spots = pixels[name]
        is_sure = bool(strong[spots[:, 1], spots[:, 0]].any())
        hangs_on_border = bool((spots < 3).any() or (spots > last).any())
        smallest = 0.3 * largest if hangs_on_border else max(1.5 * width, 0.02 * largest)
        if is_sure and (is_clean or extent[name] >= smallest):
            kept += group
    return kept


def _union(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """A representative for every node that a pair names, the same for connected ones."""
    parent: dict[int, int] = {}

    def find(node: int) -> int:
        root = node
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
        return root

    for one, other in pairs:
        parent[find(one)] = find(other)
    return {node: find(node) for node in list(parent)}


def _num_ends(paths: list[_Path]) -> dict[int, int]:
    ends: dict[int, int] = defaultdict(int)
    for path in paths:
        for node in path.nodes:
            ends[node] += 1
    return ends


def _merge_nodes(paths: list[_Path], max_length: float) -> list[_Path]:
    """Make one node of crossings that only a short bridge parts: thinning tears crossings of thick lines apart."""
    ends = _num_ends(paths)
    home: dict[int, int] = {}
    spots: dict[int, NDArray[np.float64]] = {}
    kept = []
    for path in sorted(paths, key=lambda path: len(path.points)):
        is_short = 1 < len(path.points) <= 1 + max_length and path.length <= max_length
        if not is_short or min(ends[node] for node in path.nodes) < 3:
            kept.append(path)
            continue
        one, other = (home.get(node, node) for node in path.nodes)
        together = np.concatenate([spots.get(one, path.points[:1]), spots.get(other, path.points[-1:])])
        if one == other:
            continue
        if float(np.ptp(together, axis=0).max()) > 1.5 * max_length:
            kept.append(path)
            continue
        home.update(dict.fromkeys([*path.nodes, *(key for key, value in home.items() if value == other)], one))
        spots[one] = together
    centres = {name: points.mean(axis=0, keepdims=True) for name, points in spots.items()}
    return [_moved_to_centres(path, home, centres) for path in kept]


def _moved_to_centres(path: _Path, home: dict[int, int], centres: dict[int, NDArray[np.float64]]) -> _Path:
    first, last = (home.get(node, node) for node in path.nodes)
    before = [centres[first]] if path.nodes[0] in home else []
    after = [centres[last]] if path.nodes[1] in home else []
    return _Path(np.concatenate([*before, path.points, *after]), (first, last))


def _pruned(paths: list[_Path], max_length: float) -> list[_Path]:
    """Drop short paths that end freely at a crossing, shortest first, while the crossing stays one."""
    ends = _num_ends(paths)
    kept = []
    for path in sorted(paths, key=lambda path: path.length):
        degrees = sorted(ends[node] for node in path.nodes)
        if len(path.points) > 1 and degrees[0] == 1 and degrees[1] > 2 and path.length <= max_length:
            for node in path.nodes:
                ends[node] -= 1
        else:
            kept.append(path)
    return kept


def _joined(paths: list[_Path], reach: int) -> list[NDArray[np.float64]]:
    """Join paths that go on straight through a crossing, and chain them to lines."""
    at_node: dict[int, list[End]] = defaultdict(list)
    for number, path in enumerate(paths):
        if len(path.points) > 1:
            at_node[path.nodes[0]].append((number, 0))
            at_node[path.nodes[1]].append((number, 1))
    partner: dict[End, End] = {}
    for ends in at_node.values():
        directions = [paths[number].direction(end, reach) for number, end in ends]
        pairs = [
            (float(-(directions[i] @ directions[j])), i, j) for i in range(len(ends)) for j in range(i + 1, len(ends))
        ]
        for cosine, i, j in sorted(pairs, reverse=True):
            is_free = ends[i] not in partner and ends[j] not in partner
            if is_free and (cosine > _MIN_COSINE or len(ends) == 2):
                partner[ends[i]], partner[ends[j]] = ends[j], ends[i]
    lines = []
    done = [False] * len(paths)
    starts = [(n, e) for n in range(len(paths)) for e in (0, 1) if (n, e) not in partner]
    for number, end in starts + [(n, 0) for n in range(len(paths))]:
        pieces = []
        while not done[number]:
            done[number] = True
            points = paths[number].points
            pieces.append(points if end == 0 else points[::-1])
            number, end = partner.get((number, 1 - end), (number, end))
        if pieces:
            lines.append(np.concatenate(pieces))
    return lines


def _length(line: NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _tidy(line: NDArray[np.float64], passes: int = 2) -> Polyline:
    """Smooth the staircase of the pixels; ends stay, closed lines stay closed."""
    if len(line) < 4:
        return line.astype(np.float32)
    is_closed = bool(np.hypot(*(line[0] - line[-1])) < 1.5)
    for _ in range(passes):
        inner = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
        seam = (line[-2] + 2 * line[0] + line[1]) / 4
        line = np.concatenate([[seam if is_closed else line[0]], inner, [seam if is_closed else line[-1]]])
    return line.astype(np.float32)
