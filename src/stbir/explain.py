"""Why a picture was found: which places of it, which words and which strokes the score rests on.

By leaving out, so it works with any model: places of the picture are covered with the colour of its border, words and
strokes are dropped, and what the similarity loses is how much they matter. One run of the picture tower over the
covered pictures serves drawing, words and example alike. Must not import PyTorch.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from stbir.gallery.catalogue import Vectors
from stbir.images import letterbox_place
from stbir.model.encoder import Encoder
from stbir.model.fusion import gallery_vectors, part_scores, scores
from stbir.query import Query
from stbir.searcher import EncodedQuery, Searcher
from stbir.strokes import Sketch, rasterize

CELLS = 5
COVER = 2.0
EDGE = 0.15
MAX_GROUPS = 16
LEAST_FALL = 1e-3
PICTURES_PER_RUN = 2
DRAWINGS_PER_RUN = 4
WORD = re.compile(r"\w[\w'’-]*")

Place = tuple[int, int, int, int]


@dataclass(frozen=True)
class Word:
    """A word of the query.

    Attributes:
        word: As it was written.
        start: Its first character in the text.
        end: The character after its last one.
        weight: How much it matters, in [-1, 1]; below 0 the picture would fit better without it.
    """

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why a picture was found.

    Attributes:
        score: Similarity of the whole query with the picture as it was explained.
        parts: Similarity of each given part.
        heatmaps: For each given part [R, C] in [0, 1]: how much each cell of a grid over the whole picture matters.
        words: The words of the text, in order.
        strokes: For each stroke how much it matters, in [-1, 1].
    """

    score: float
    parts: dict[str, float]
    heatmaps: dict[str, Vectors]
    words: tuple[Word, ...]
    strokes: tuple[float, ...]


def explain(searcher: Searcher, query: Query, picture: Image.Image) -> Explanation:
    """Explain why a query finds a picture.

    Args:
        searcher: Has the model.
        query: What was asked.
        picture: What was found.

    Returns:
        What the score rests on. Long texts and drawings of many strokes are left out in up to `MAX_GROUPS` runs of
        neighbours, which then share their weight.

    Source: occlusion after Zeiler and Fergus 2014, section 4.2; words and strokes are left out the same way.
    """
    return explain_encoded(searcher.encoder, searcher.encode(query), picture, sketch=query.sketch, text=query.text)


def explain_encoded(
    encoder: Encoder,
    query: EncodedQuery,
    picture: Image.Image,
    *,
    sketch: Sketch | None = None,
    text: str | None = None,
    pool: Executor | None = None,
) -> Explanation:
    """Explain with a query that is encoded already; see `explain`.

    Args:
        encoder: The model.
        query: The query as vectors.
        picture: What was found.
        sketch: The query's drawing.
        text: The query's words.
        pool: Where runs of the towers go on side by side; None makes one after the other.

    Returns:
        What the score rests on.
    """
    spans = [] if text is None else [found.span() for found in WORD.finditer(text)]
    words, strokes = _groups(len(spans)), _groups(0 if sketch is None else len(sketch.strokes))
    texts = [_without_words(text or "", spans[group.start : group.stop]) for group in words if len(words) > 1]
    drawings: Any = [] if sketch is None else _without_strokes(encoder, sketch, strokes)
    cover, covers, shape = _coverer(encoder, picture)
    run: Callable[..., Iterable[Vectors]] = map if pool is None else pool.map
    of_pictures = run(cover, _chunks(covers, PICTURES_PER_RUN))
    of_drawings = run(encoder.encode_ink, _chunks(drawings, DRAWINGS_PER_RUN))
    of_texts = run(encoder.encode_texts, _chunks(texts, MAX_GROUPS))
    pictures = np.concatenate(list(of_pictures))
    dims = encoder.bundle.info.dims
    similarities = part_scores(dims, pictures, **query.parts)
    parts = {name: float(values[0]) for name, values in similarities.items()}

    def weights(part: str, vectors: Iterable[Vectors], groups: Sequence[range]) -> list[float]:
        if not groups:
            return []
        left = [part_scores(dims, pictures[:1], **{part: each})[part][0] for rows in vectors for each in rows]
        shares = _shares(parts[part] - np.array(left or [0.0], np.float32))
        return [float(share) for share, group in zip(shares, groups, strict=True) for _ in group]

    return Explanation(
        score=float(scores(query.vector, pictures[:1])[0]),
        parts=parts,
        heatmaps={
            name: _shares(np.maximum(values[0] - values[1:], 0)).reshape(shape) for name, values in similarities.items()
        },
        words=tuple(
            Word((text or "")[start:end], start, end, weight)
            for (start, end), weight in zip(spans, weights("text", of_texts, words), strict=True)
        ),
        strokes=tuple(weights("sketch", of_drawings, strokes)),
    )


def _coverer(encoder: Encoder, picture: Image.Image) -> tuple[Callable[[Vectors], Vectors], Vectors, tuple[int, int]]:
    """How the picture is covered.

    Returns:
        A function from covers [B, 1, S, S] to gallery vectors [B, D]; all covers [1 + R * C, 1, S, S], the first of
        which covers nothing; and R and C.
    """
    size_px = encoder.bundle.info.image.size_px
    place = letterbox_place(picture.size, size_px)
    pixels = encoder.image_input([picture])
    fill = _border_mean(pixels[0], place)
    covers, shape = _covers(place, size_px)

    def cover(some: Vectors) -> Vectors:
        return gallery_vectors(*encoder.encode_pixels(pixels + some * (fill - pixels)))

    return cover, covers, shape


@functools.lru_cache(maxsize=16)
def _covers(place: Place, size_px: int) -> tuple[Vectors, tuple[int, int]]:
    """Soft-edged squares over one cell of the picture each, in [0, 1], after one that is empty; rows and columns."""
    left, top, width, height = place
    rows, columns = (max(2, round(CELLS * side / max(width, height))) for side in (height, width))
    down, across = _profiles(top, height, rows, size_px), _profiles(left, width, columns, size_px)
    squares = (down[:, None, :, None] * across[None, :, None, :]).reshape(-1, 1, size_px, size_px)
    return np.concatenate([np.zeros_like(squares[:1]), squares]), (rows, columns)


def _profiles(start: int, length: int, number: int, size_px: int) -> Vectors:
    """How far each pixel of one axis is covered by each of some equal cells, [number, S]."""
    cell = length / number
    centres = start + cell * (np.arange(number) + 0.5)
    distance = np.abs(np.arange(size_px) + 0.5 - centres[:, None])
    return np.clip((cell * COVER / 2 - distance) / (cell * EDGE) + 0.5, 0, 1).astype(np.float32)


def _border_mean(pixels: Vectors, place: Place) -> Vectors:
    """Mean colour along the picture's border, [3, 1, 1], of normalised pixels [3, S, S]."""
    left, top, width, height = place
    inner = pixels[:, top : top + height, left : left + width]
    border = np.concatenate([inner[:, 0], inner[:, -1], inner[:, :, 0], inner[:, :, -1]], axis=1)
    return np.asarray(border.mean(axis=1)[:, None, None], np.float32)


def _without_words(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without neighbouring words."""
    return f"{text[: spans[0][0]]} {text[spans[-1][1] :]}"


def _without_strokes(encoder: Encoder, sketch: Sketch, groups: Sequence[range]) -> Vectors:
    """The drawing without each group of strokes, [G, 1, S, S]; what is left stays where it was in the frame.

    Nothing for a single group: without it there is no drawing.
    """
    settings = encoder.bundle.info.sketch
    left, top, right, bottom = sketch.bounds
    extent = max(right - left, bottom - top)
    if len(groups) < 2:
        return np.empty((0, 1, settings.size_px, settings.size_px), np.float32)
    side = (
        (extent or 1.0)
        * settings.size_px
        / max(settings.size_px * (1 - 2 * settings.margin) - settings.line_width_px, 1.0)
    )
    shift = np.array([side / 2 - (left + right) / 2, side / 2 - (top + bottom) / 2], np.float32)
    strokes = [stroke[:, :2] + shift for stroke in sketch.strokes]
    rasters = [
        rasterize(
            Sketch(tuple(strokes[: group.start] + strokes[group.stop :]), (side, side)),
            settings.size_px,
            settings.line_width_px,
            fit=False,
        )
        for group in groups
    ]
    return np.float32(1) - np.stack(rasters)[:, None].astype(np.float32) / np.float32(255)


def _groups(number: int) -> list[range]:
    """Cut a sequence into at most `MAX_GROUPS` runs of neighbours, nearly equal in length."""
    ends = np.linspace(0, number, min(number, MAX_GROUPS) + 1).round().astype(int).tolist()
    return [range(start, end) for start, end in itertools.pairwise(ends)]


def _shares(falls: Vectors) -> Vectors:
    """Falls of a similarity as shares of the largest one, in [-1, 1]; zeros where nothing matters."""
    largest = float(np.abs(falls).max())
    return falls / np.float32(largest) if largest > LEAST_FALL else np.zeros_like(falls)


def _chunks(items: Any, size: int) -> list[Any]:
    return [items[start : start + size] for start in range(0, len(items), size)]
