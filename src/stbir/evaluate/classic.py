"""A baseline without learning: histograms of edge directions for drawings, colour words for words.

What retrieval by drawing was before learned features; a model that does not beat it has learned nothing. Drawing and
photo are compared by histograms of oriented gradients of their lines, words and photo by the colours named and seen.
It is an encoder like any other, so `ModelSystem` ranks with it. Words that name no colour find nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stbir.images import letterbox, load_picture
from stbir.model.bundle import Dims, ImageSettings, ModelInfo, SketchSettings, TextSettings
from stbir.model.fusion import gallery_vectors
from stbir.strokes import Sketch, rasterize
from stbir.synth.palette import COLOR_SYNONYMS, COLORS

SIDE_PX = 128
NUM_CELLS = 8
NUM_DIRECTIONS = 9

_LINE_WIDTH_PX = 3.0
_COLOR_WIDTH = 20.0

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]


class ClassicEncoder:
    """Encodes by fixed rules. Source: Dalal and Triggs, CVPR 2005; for drawings Hu and Collomosse, CVIU 2013."""

    def load_image(self, content: bytes) -> Any:
        """Decode a picture, at most 256 px large."""
        return load_picture(content, max_side_px=2 * SIDE_PX)

    def encode_images(self, pictures: Sequence[Any]) -> Vectors:
        """[N, Ds + Dt]: edge directions and colours of pictures."""
        from PIL import Image

        squares = [
            letterbox(Image.fromarray(each) if isinstance(each, np.ndarray) else each, SIDE_PX) for each in pictures
        ]
        edges = np.stack([edge_histogram(square.mean(axis=2)) for square in squares])
        return gallery_vectors(edges, np.stack([color_histogram(square) for square in squares]))

    def encode_sketches(self, sketches: Sequence[Sketch]) -> Vectors:
        """[N, Ds]: edge directions of drawings."""
        return np.stack(
            [edge_histogram(rasterize(each, SIDE_PX, _LINE_WIDTH_PX).astype(np.float64)) for each in sketches]
        )

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """[N, Dt]: colours that words name; zero where they name none."""
        return np.stack([named_colors(text) for text in texts])


def edge_histogram(grey: Values) -> Vectors:
    """Histogram of gradient directions in 8 x 8 cells, each cell's share smoothed by its neighbours.

    Args:
        grey: [S, S], any range.

    Returns:
        [576], unit, or zero for a picture of one colour.
    """
    down, right = np.gradient(grey)
    strength = np.sqrt(np.hypot(down, right))
    turn = (np.arctan2(down, right) % np.pi) / np.pi * NUM_DIRECTIONS
    lower = np.floor(turn).astype(np.intp) % NUM_DIRECTIONS
    upper = (lower + 1) % NUM_DIRECTIONS
    part = turn - np.floor(turn)
    place = np.arange(len(grey)) * NUM_CELLS // len(grey)
    cell = (place[:, None] * NUM_CELLS + place[None, :]) * NUM_DIRECTIONS
    size = NUM_CELLS * NUM_CELLS * NUM_DIRECTIONS
    found = np.bincount((cell + lower).ravel(), (strength * (1 - part)).ravel(), size)
    found += np.bincount((cell + upper).ravel(), (strength * part).ravel(), size)
    cells = np.pad(found.reshape(NUM_CELLS, NUM_CELLS, NUM_DIRECTIONS), ((1, 1), (1, 1), (0, 0)))
    rows = 0.5 * cells[1:-1] + 0.25 * (cells[:-2] + cells[2:])
    smooth = 0.5 * rows[:, 1:-1] + 0.25 * (rows[:, :-2] + rows[:, 2:])
    return _unit(np.sqrt(smooth).ravel())


def color_histogram(pixels: NDArray[np.uint8]) -> Vectors:
    """How much of each named colour a picture shows; what lies in the middle counts more.

    Args:
        pixels: [S, S, 3], RGB.

    Returns:
        [number of colours], unit.
    """
    small = pixels.reshape(32, len(pixels) // 32, 32, -1, 3).mean(axis=(1, 3)).reshape(-1, 3)
    across = np.exp(-0.5 * (np.linspace(-1, 1, 32) / 0.5) ** 2)
    distance = np.linalg.norm(_lab(small)[:, None] - _PALETTE[None], axis=2)
    nearness = np.exp(-0.5 * ((distance - distance.min(axis=1, keepdims=True)) / _COLOR_WIDTH) ** 2)
    nearness /= nearness.sum(axis=1, keepdims=True)
    return _unit(np.sqrt(np.outer(across, across).ravel() @ nearness))


def named_colors(text: str) -> Vectors:
    """[number of colours], unit: which colours words name, longest names first; zero where they name none."""
    found = np.zeros(len(_NAMES))
    left = text.lower()
    for words, number in _WORDS:
        left, num = re.subn(rf"\b{re.escape(words)}\b", " ", left)
        found[number] += num > 0
    return _unit(found)


def classic_info() -> ModelInfo:
    """Dimensions and name, for `ModelSystem`."""
    return ModelInfo(
        name="classic",
        created="",
        version="1",
        licence="Apache-2.0",
        description="edge directions and colour words, nothing learned",
        dims=Dims(sketch=NUM_CELLS * NUM_CELLS * NUM_DIRECTIONS, text=len(_NAMES)),
        image=ImageSettings(size_px=SIDE_PX, mean=(0, 0, 0), std=(1, 1, 1)),
        sketch=SketchSettings(size_px=SIDE_PX, line_width_px=_LINE_WIDTH_PX),
        text=TextSettings(max_tokens=1),
    )


def _lab(rgb: Values) -> Values:
    """CIE L*a*b* (D65) of sRGB [N, 3] in 0..255. Source: IEC 61966-2-1 and CIE 15."""
    share = rgb / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _unit(vector: Values) -> Vectors:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, np.float32)


_NAMES = tuple(COLORS)
_PALETTE = _lab(np.array([[int(COLORS[name][k : k + 2], 16) for k in (1, 3, 5)] for name in _NAMES], np.float64))
_WORDS = sorted(
    ((words, _NAMES.index(name)) for name, names in COLOR_SYNONYMS.items() for words in (name, *names)),
    key=lambda each: (-len(each[0]), each[0]),
)
