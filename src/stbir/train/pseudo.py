"""Pseudo-drawings: lines traced from the edges of photos, few of which anybody has drawn."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from stbir.tracing import trace_mask
from stbir.train.edges import load_pidinet
from stbir.train.sources import Source

_BATCH = 16


def trace_pseudo(folder: Path, sources: list[Source], checkpoint: Path | None, path: Path) -> None:
    """Trace pseudo-drawings of training photos from their edges; the edge detector is needed if any are wanted."""
    by_set: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        if source.photo.trains:
            by_set.setdefault(source.settings.name, []).append(index)
    chosen: list[int] = []
    for settings in {source.settings.name: source.settings for source in sources}.values():
        rows = by_set.get(settings.name, [])
        rng = np.random.default_rng(len(rows))
        chosen += [int(row) for row in rng.permutation(rows)[: settings.max_pseudo]]
    photos = np.load(folder / "photos.npy", mmap_mode="r")
    if not chosen or checkpoint is None:
        save_traced(np.zeros((0, *photos.shape[1:3]), np.uint8), np.zeros(0, np.int64), path)
        return
    network = load_pidinet(checkpoint)
    edges = np.zeros((len(chosen), *photos.shape[1:3]), np.uint8)
    for start in tqdm(range(0, len(chosen), _BATCH), desc="edges", unit="batch"):
        block = slice(start, start + _BATCH)
        pixels = torch.from_numpy(np.array(photos[chosen[block]])).permute(0, 3, 1, 2).float() / 255.0
        with torch.inference_mode():
            edges[block] = (network(pixels) * 255).round().byte().numpy()
    save_traced(edges, np.asarray(chosen, np.int64), path)


def save_traced(edges: NDArray[np.uint8], rows: NDArray[np.int64], path: Path) -> None:
    """Trace edge maps [N, S, S] (255 = edge) of photos `rows` and write the strokes as `.npz`."""
    kept, strokes, counts = [], [], []
    with ProcessPoolExecutor() as pool:
        for row, lines in zip(rows, tqdm(pool.map(trace_edges, edges, chunksize=32), total=len(edges)), strict=True):
            if lines:
                kept.append(row)
                strokes += lines
                counts.append(len(lines))
    points = np.concatenate(strokes) if strokes else np.zeros((0, 2), np.float32)
    with path.open("wb") as file:
        np.savez(file, rows=kept, points=points, lengths=[len(s) for s in strokes], counts=counts)


def trace_edges(edges: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Trace the ridges of an edge map [S, S], 255 = edge, as polylines; the frame's border is left out.

    A pixel is on a ridge where it is the largest of its neighbourhood across one of four directions; weak ridges stay
    only where they touch strong ones.
    """
    soft = np.asarray(Image.fromarray(edges).filter(ImageFilter.GaussianBlur(1.0)), np.float32)
    padded = np.pad(soft, 3)
    side = soft.shape[0]

    def shifted(dy: int, dx: int) -> NDArray[np.float32]:
        return padded[3 + dy : 3 + dy + side, 3 + dx : 3 + dx + side]

    ridge = np.zeros(soft.shape, bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        is_top = np.logical_and.reduce([soft >= shifted(k * dy, k * dx) for k in (-3, -2, -1, 1, 2, 3)])
        ridge |= is_top & (soft > 1.15 * np.minimum(shifted(3 * dy, 3 * dx), shifted(-3 * dy, -3 * dx)))
    ridge[:4], ridge[-4:], ridge[:, :4], ridge[:, -4:] = False, False, False, False
    grown = ridge & (soft > 50)
    joined = np.asarray(Image.fromarray(grown).convert("L").filter(ImageFilter.MaxFilter(3))) > 0
    lines = trace_mask(joined, ridge & (soft > 120), is_clean=False)
    lengths = [float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines]
    return [line for line, length in zip(lines, lengths, strict=True) if length > 0.04 * side][:60]
