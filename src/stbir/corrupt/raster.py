"""Noises of a drawing as a picture: pens, scanners and phone cameras.

A noise is a function of a raster `[S, S]` (255 = paper, 0 = ink), a severity in [0, 5] and a random generator. Severity
0 returns the raster itself; with the same seed a higher severity changes more of the same. Lengths are shares of the
side, so sizes do not matter. `redraw` takes strokes the way a picture of a drawing takes through the product: drawn,
spoiled, traced back.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from stbir.corrupt.strokes import MAX_SEVERITY, check_severity
from stbir.errors import ConfigError
from stbir.strokes import Sketch, rasterize

Raster = NDArray[np.uint8]
RasterNoise = Callable[[Raster, Generator, float], Raster]

REDRAW_SIDE_PX = 400

_PEN_SHARE = 0.009
_REDRAW_MARGIN = 0.08
_NUM_HOLES = 8
_THICK_CHANCE = 0.6


def noise(raster: Raster, rng: Generator, severity: float) -> Raster:
    """Grain over ink and paper, up to a deviation of 120 of 255."""
    grain = rng.standard_normal(raster.shape, dtype=np.float32)
    if check_severity(severity) == 0:
        return raster
    return _to_pixels(raster + np.float32(24 * severity) * grain)


def blur(raster: Raster, _rng: Generator, severity: float) -> Raster:
    """Out of focus, up to a radius of 2 % of the side (no chance in it)."""
    if check_severity(severity) == 0:
        return raster
    return _blurred(raster, 0.004 * severity * len(raster))


def contrast(raster: Raster, rng: Generator, severity: float) -> Raster:
    """A hard pencil on grey, grainy paper: ink up to 92 % paler, paper up to a third darker."""
    paper = 255 * (1 - rng.uniform(0.2, 0.35) * check_severity(severity) / MAX_SEVERITY)
    grain = rng.standard_normal(raster.shape, dtype=np.float32)
    if severity == 0:
        return raster
    strength = np.exp(-0.5 * severity)
    return _to_pixels(
        paper * (1 - strength * (1 - raster.astype(np.float32) / 255)) + np.float32(0.9 * severity) * grain
    )


def cutout(raster: Raster, rng: Generator, severity: float) -> Raster:
    """Parts rubbed out or covered: up to eight white rectangles, a fifth of the side each."""
    middles = rng.uniform(0.1, 0.9, (_NUM_HOLES, 2))
    sides = 0.22 * np.exp(rng.uniform(-0.4, 0.4, (_NUM_HOLES, 1)) * np.array([1, -1]))
    if check_severity(severity) == 0:
        return raster
    spoiled = raster.copy()
    for number, (middle, side) in enumerate(zip(middles, sides, strict=True)):
        share = min(1.0, _NUM_HOLES * severity / MAX_SEVERITY - number)
        if share <= 0:
            break
        low, high = middle - side * share / 2, middle + side * share / 2
        (top, left), (bottom, right) = (np.round(np.clip(edge, 0, 1) * len(raster)).astype(int) for edge in (low, high))
        spoiled[top:bottom, left:right] = 255
    return spoiled


def pen_width(raster: Raster, rng: Generator, severity: float) -> Raster:
    """A marker or a needle instead of the pen: lines up to 3 % of the side thicker, or worn away to a hint."""
    is_thick = rng.random() < _THICK_CHANCE
    if check_severity(severity) == 0:
        return raster
    if is_thick:
        return _spread(raster, 0.003 * severity * len(raster))
    worn = 255 - _spread(255 - raster, 0.0008 * severity * len(raster)).astype(np.float32)
    return _to_pixels(raster + (worn - raster) * np.float32(0.85))


def paper_photo(raster: Raster, rng: Generator, severity: float) -> Raster:
    """A phone's photo of the sheet: slanted view, uneven light, a shadow's edge, grain, faded and blurred ink, JPEG."""
    corners = rng.uniform(-1, 1, (4, 2))
    light, shadow = rng.uniform(0, 2 * np.pi, 2)
    shade_at = rng.uniform(-0.3, 0.3)
    side = len(raster)
    rough = rng.standard_normal((max(1, side // 4), max(1, side // 4)), dtype=np.float32)
    grain = rng.standard_normal(raster.shape, dtype=np.float32)
    if check_severity(severity) == 0:
        return raster
    share = severity / MAX_SEVERITY
    ink = 1 - _blurred(raster, 0.005 * share * side).astype(np.float32) / 255
    paper = 255 - 40 * share + share * (6 * _enlarged(rough, side) + 7 * grain)
    sheet = _slanted(paper * (1 - (1 - 0.6 * share) * ink), 0.09 * share * corners)
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    ramp = np.cos(light) * axis + np.sin(light) * axis[:, None]
    edge = np.cos(shadow) * axis + np.sin(shadow) * axis[:, None] - shade_at
    dimmed = sheet * (1 - 0.6 * share * (ramp + 0.5)) * (1 - 0.5 * share / (1 + np.exp(-edge * 40)))
    return _recompressed(_to_pixels(dimmed), round(92 - 72 * share))


RASTER_NOISES: dict[str, RasterNoise] = {
    "blur": blur,
    "contrast": contrast,
    "cutout": cutout,
    "noise": noise,
    "paper_photo": paper_photo,
    "pen_width": pen_width,
}


def redraw(
    sketch: Sketch, noise_name: str, rng: Generator, severity: float, *, side_px: int = REDRAW_SIDE_PX
) -> Sketch:
    """What the product makes of a drawing that comes as a spoiled picture: drawn, spoiled, traced back to strokes.

    Args:
        sketch: The drawing.
        noise_name: One of `RASTER_NOISES`.
        rng: Source of the noise.
        severity: 0 returns the drawing itself.
        side_px: Side of the picture.

    Returns:
        The traced drawing, in pixels of the picture.

    Raises:
        SketchError: Nothing can be traced any more: the query is lost.
        ConfigError: No such noise, or a severity out of range.
    """
    if noise_name not in RASTER_NOISES:
        raise ConfigError(
            f"there is no raster noise {noise_name!r}: expected one of {', '.join(sorted(RASTER_NOISES))}"
        )
    if check_severity(severity) == 0:
        return sketch
    if noise_name == "pen_width":
        is_thick, amount = rng.random() < _THICK_CHANCE, rng.uniform(0.8, 1.0) * severity / MAX_SEVERITY
        return Sketch.from_raster(drawn(sketch, side_px, (6.0 if is_thick else 0.15) ** amount))
    return Sketch.from_raster(RASTER_NOISES[noise_name](drawn(sketch, side_px), rng, severity))


def drawn(sketch: Sketch, side_px: int = REDRAW_SIDE_PX, pen: float = 1.0) -> Raster:
    """The drawing `[S, S]` on a sheet that it fills, with the usual pen or one so many times as wide.

    A pen finer than a pixel leaves paler lines.
    """
    width_px = _PEN_SHARE * side_px * pen
    raster = rasterize(sketch, side_px, max(1.0, width_px), _REDRAW_MARGIN)
    return raster if width_px >= 1 else _to_pixels(255 - width_px * (255 - raster.astype(np.float32)))


def _to_pixels(values: NDArray[np.floating]) -> Raster:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def _blurred(raster: Raster, radius_px: float) -> Raster:
    return np.asarray(Image.fromarray(raster).filter(ImageFilter.GaussianBlur(radius_px)))


def _spread(raster: Raster, radius_px: float) -> Raster:
    """The darkest value within a radius, which may be a fraction of a pixel."""
    whole = int(radius_px)
    picture = Image.fromarray(raster)
    for _ in range(whole):
        picture = picture.filter(ImageFilter.MinFilter(3))
    values = np.asarray(picture).astype(np.float32)
    wider = np.asarray(picture.filter(ImageFilter.MinFilter(3))).astype(np.float32)
    return _to_pixels(values + (wider - values) * (radius_px - whole))


def _enlarged(rough: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(rough).resize((side, side), Image.Resampling.BILINEAR))


def _slanted(sheet: NDArray[np.floating], shifts: NDArray[np.floating]) -> NDArray[np.float32]:
    """The sheet `[S, S]` with its corners moved by `shifts` `[4, 2]` (shares of the side); paper goes on around it."""
    side = len(sheet)
    pad = side // 4 + 1
    wide = np.pad(sheet.astype(np.float32), pad, mode="reflect" if side > pad else "edge")
    frame = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    to_source = _perspective((frame + shifts) * side, frame * side + pad)
    turned = Image.fromarray(wide).transform(
        (side, side), Image.Transform.PERSPECTIVE, to_source, Image.Resampling.BILINEAR
    )
    return np.asarray(turned)


def _perspective(seen: NDArray[np.floating], source: NDArray[np.floating]) -> list[float]:
    """The eight numbers by which Pillow maps four seen corners `[4, 2]` to those of the source."""
    rows = []
    for (x, y), (u, v) in zip(seen.tolist(), source.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return [float(number) for number in np.linalg.solve(np.array(rows), source.ravel())]


def _recompressed(pixels: Raster, quality: int) -> Raster:
    """The picture as a JPEG of this quality gives it back."""
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))
