"""A drawing as strokes, and the one way from strokes to pixels.

In: stroke JSON, Quick, Draw! lines, SVG, or a picture of a drawing (traced to strokes). Out: `Sketch`, and by
`rasterize` the `[S, S]` picture that the sketch tower sees, the same in training, evaluation, command line and web.
Everything given is hostile until it parsed within the limits below. Must not import the model or anything above it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stbir.errors import ImageError, SketchError
from stbir.files import read_regular_file
from stbir.images import MAX_PIXELS, load_picture, to_rgb
from stbir.raster import draw_polylines
from stbir.simplify import simplified
from stbir.stroke_json import MAX_POINTS, MAX_STROKES, Strokes, read_quickdraw, read_strokes, rounded
from stbir.svg import read_svg
from stbir.tracing import WORKING_SIDE_PX, trace_picture

MAX_FILE_BYTES = 200_000_000
MAX_COORDINATE = 1e7

_MAX_TRACED_SIDE_PX = 2048
_TRACE_TOLERANCE_PX = 0.4


@dataclass(frozen=True, eq=False)
class Sketch:
    """A drawing: strokes in drawing order.

    Attributes:
        strokes: Each `[N >= 1, 2..4]`: x to the right, y downwards, then optionally time in ms and pressure. One point
            is a dot. Empty strokes are dropped.
        size: Width and height of the sheet in the units of the points, or None where unknown.

    Raises:
        SketchError: No ink, numbers that are not finite, wrong shapes, or more than the limits allow.

    >>> sketch = Sketch.from_json('{"strokes": [[[0, 0], [30, 40]]], "size": [64, 64]}')
    >>> sketch.num_points, sketch.ink_length, sketch.bounds
    (2, 50.0, (0.0, 0.0, 30.0, 40.0))
    """

    strokes: Strokes
    size: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            strokes = tuple(np.asarray(stroke, np.float32) for stroke in self.strokes if len(stroke))
        if not strokes:
            raise SketchError("the drawing is empty: draw at least one stroke")
        if len(strokes) > MAX_STROKES:
            raise SketchError(f"the drawing has {len(strokes):,} strokes, more than {MAX_STROKES:,}: simplify it")
        for stroke in strokes:
            if stroke.ndim != 2 or not 2 <= stroke.shape[1] <= 4:
                raise SketchError(
                    f"a stroke has the shape {stroke.shape}: expected points [x, y] or [x, y, t, pressure]"
                )
        num_points = sum(map(len, strokes))
        if num_points > MAX_POINTS:
            raise SketchError(f"the drawing has {num_points:,} points, more than {MAX_POINTS:,}: simplify it")
        largest = float(np.abs(np.concatenate([stroke[:, :2] for stroke in strokes])).max())
        if not (largest <= MAX_COORDINATE and all(s.shape[1] == 2 or np.isfinite(s[:, 2:]).all() for s in strokes)):
            raise SketchError(f"a coordinate is {largest}: expected finite numbers within ±{MAX_COORDINATE:.0f}")
        object.__setattr__(self, "strokes", strokes)
        object.__setattr__(self, "size", _checked_size(self.size))

    @classmethod
    def from_json(cls, data: str | bytes | Mapping[str, Any]) -> Sketch:
        """Read the drawing format of stbir's files and of its web API.

        Args:
            data: `{"strokes": [[[x, y], [x, y, t_ms, pressure], ...], ...], "size": [w, h]}` as text or parsed; `size`
                may be missing; other fields are ignored.

        Returns:
            The drawing.

        Raises:
            SketchError: Not this format, or over the limits.
        """
        return cls(*read_strokes(data))

    @classmethod
    def from_quickdraw(cls, line: str | bytes | Mapping[str, Any]) -> Sketch:
        """Read one line of a Quick, Draw! ndjson file, simplified or raw.

        Args:
            line: An object whose `drawing` is a list of strokes `[[x, ...], [y, ...]]`, raw ones with `[t, ...]`.

        Returns:
            The drawing; simplified files use coordinates 0..255.

        Raises:
            SketchError: Not this format, or over the limits.
        """
        return cls(read_quickdraw(line))

    @classmethod
    def from_svg(cls, text: str | bytes) -> Sketch:
        """Read an SVG drawing: its paths and shapes, transforms applied, curves as short lines.

        Args:
            text: The file's content; a document type or entities are refused.

        Returns:
            One stroke for each subpath or shape, in the units of the viewBox.

        Raises:
            SketchError: Not an SVG, broken, over the limits, or without lines.
        """
        lines, size = read_svg(text)
        if not lines:
            raise SketchError("the SVG holds no path or shape that is painted: expected a drawing")
        return cls(tuple(lines), size)

    @classmethod
    def from_raster(cls, picture: Image.Image | NDArray[np.uint8]) -> Sketch:
        """Trace a picture of a drawing: digital or a photo, dark on light or light on dark, any pen.

        Args:
            picture: A picture, or its pixels `[H, W]`, `[H, W, 3]` or `[H, W, 4]`.

        Returns:
            Strokes along the middle of the lines, in pixels of the picture, longest first.

        Raises:
            SketchError: Nothing like a drawing was found.
        """
        if not isinstance(picture, Image.Image):
            picture = _picture_of(picture)
        picture = picture if picture.mode == "L" and "transparency" not in picture.info else to_rgb(picture)
        lines = trace_picture(picture)
        if not lines:
            raise SketchError(
                "no lines were found in the picture: expected a drawing, darker or lighter than its paper"
            )
        tolerance = _TRACE_TOLERANCE_PX * max(1.0, max(picture.size) / WORKING_SIDE_PX)
        size = (float(picture.width), float(picture.height))
        return cls(simplified(lines, tolerance), size)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sketch:
        """Read a drawing file; its content, not its name, says which kind it is.

        Args:
            path: Stroke JSON, Quick, Draw! ndjson (its first line), SVG, or a picture of a drawing.

        Returns:
            The drawing.

        Raises:
            SketchError: The file is none of these, or over the limits; the message names the file.
        """
        content = read_regular_file(path, MAX_FILE_BYTES, SketchError)
        try:
            return cls.from_bytes(content)
        except (SketchError, ImageError) as error:
            raise SketchError(f"{os.fspath(path)}: {error}") from None

    @classmethod
    def from_bytes(cls, content: bytes, *, max_pixels: int = MAX_PIXELS) -> Sketch:
        """Read the content of a drawing file of any kind that `load` knows.

        Args:
            content: The file's bytes.
            max_pixels: Larger pictures are refused before they are decoded.

        Raises:
            SketchError: It is none of these, or over the limits.
            ImageError: A picture that cannot be decoded.
        """
        start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if start == b"{":
            return cls._from_json_file(content)
        if start == b"<":
            return cls.from_svg(content)
        return cls.from_raster(load_picture(content, max_side_px=_MAX_TRACED_SIDE_PX, max_pixels=max_pixels))

    @classmethod
    def _from_json_file(cls, content: bytes) -> Sketch:
        first_line = content.split(b"\n", 1)[0]
        is_quickdraw = b'"drawing"' in first_line
        return cls.from_quickdraw(first_line) if is_quickdraw else cls.from_json(content)

    def to_json(self) -> dict[str, Any]:
        """The drawing as `from_json` reads it, numbers rounded to seven significant digits of the largest."""
        fields: dict[str, Any] = {"strokes": [rounded(stroke) for stroke in self.strokes]}
        if self.size is not None:
            fields["size"] = list(self.size)
        return fields

    @property
    def num_points(self) -> int:
        """Points in all strokes."""
        return sum(map(len, self.strokes))

    @property
    def ink_length(self) -> float:
        """Length of all strokes together, in the units of the points."""
        return float(sum(np.hypot(*np.diff(stroke[:, :2], axis=0).T).sum() for stroke in self.strokes))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the ink."""
        points = np.concatenate([stroke[:, :2] for stroke in self.strokes])
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return left, top, right, bottom

    def simplify(self, tolerance: float) -> Sketch:
        """Leave out points that hardly change the lines.

        Args:
            tolerance: Largest distance of a left-out point from the simplified line, in the units of the points.

        Returns:
            The drawing with a subset of its points, the ends of all strokes among them.

        Source: Ramer 1972; Douglas and Peucker 1973.
        """
        if not tolerance >= 0:
            raise SketchError(f"tolerance={tolerance} is out of range: give a distance of 0 or more")
        return Sketch(simplified(self.strokes, tolerance), self.size)


def rasterize(
    sketch: Sketch, size_px: int = 128, line_width_px: float = 2.0, margin: float = 0.06, *, fit: bool = True
) -> NDArray[np.uint8]:
    """Draw a sketch, anti-aliased, with round joints and caps.

    Args:
        sketch: The drawing.
        size_px: Side S of the square frame.
        line_width_px: Width of every line, > 0; pressure is ignored.
        margin: Free share of the frame on each side, in [0, 0.5); for `fit` only.
        fit: Scale the ink's bounding box (aspect kept) into the frame and centre it. Otherwise the sheet
            (`sketch.size`) is scaled into the frame and centred, or, where its size is unknown, points are pixels.

    Returns:
        `[S, S]`, 255 = paper, 0 = ink.

    Raises:
        SketchError: A setting is out of range.
    """
    if not 1 <= size_px <= 4096:
        raise SketchError(f"size_px={size_px} is out of range: expected 1 to 4096")
    if not 0 < line_width_px <= size_px:
        raise SketchError(f"line_width_px={line_width_px} is out of range: expected more than 0, at most {size_px}")
    if not 0 <= margin < 0.5:
        raise SketchError(f"margin={margin} is out of range: expected 0 or more, below 0.5")
    lines = [stroke[:, :2] for stroke in sketch.strokes]
    if not fit and sketch.size is None:
        return draw_polylines(lines, size_px, line_width_px)
    if fit:
        left, top, right, bottom = sketch.bounds
        room = max(size_px * (1 - 2 * margin) - line_width_px, 1.0)
    else:
        left, top, (right, bottom) = 0.0, 0.0, sketch.size or (1.0, 1.0)
        room = float(size_px)
    extent = max(right - left, bottom - top)
    scale = room / extent if extent > 0 else 0.0
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    moved = [((line - centre) * scale + size_px / 2).astype(np.float32) for line in lines]
    return draw_polylines(moved, size_px, line_width_px)


def _picture_of(pixels: NDArray[np.uint8]) -> Image.Image:
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if not is_picture or pixels.dtype != np.uint8 or pixels.size == 0:
        found = f"shape {pixels.shape} of {pixels.dtype}"
        raise SketchError(f"the pixels have the {found}: expected uint8 [H, W], [H, W, 3] or [H, W, 4]")
    return Image.fromarray(pixels)


def _checked_size(size: tuple[float, float] | None) -> tuple[float, float] | None:
    if size is None:
        return None
    width, height = size
    if not (0 < width <= MAX_COORDINATE and 0 < height <= MAX_COORDINATE):
        raise SketchError(f"the size of the drawing is {str(list(size))[:60]}: expected two numbers above 0")
    return float(width), float(height)
