"""Where is the ink? A picture or phone photo of a drawing -> a mask of ink.

Digital drawings have one paper colour: the distance from it decides (ink may be dark, light or coloured). Photos have
uneven light and grey paper: the paper's brightness is estimated locally by a closing that is wider than any pen, and
what is clearly darker than it is ink. Areas filled with ink become their outline. Imports Pillow and NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_CELL_PX = 8
_PAPER_SPREAD = 12
_MIN_CONTRAST = 0.05
_THICK_PX = 3.0
_RIM_PX = 2


@dataclass(frozen=True)
class Ink:
    """Ink found in a picture.

    Attributes:
        weak: `[H, W]`: at least faint ink.
        strong: `[H, W]`: surely ink; parts of `weak` without any strong pixel are noise.
        is_clean: Whether it is a digital drawing rather than a photo of one.
    """

    weak: NDArray[np.bool_]
    strong: NDArray[np.bool_]
    is_clean: bool


def find_ink(picture: Image.Image) -> Ink:
    """Separate ink from paper.

    Args:
        picture: RGB or grey, already small (cost grows with the pixels).

    Returns:
        The ink; the masks are empty where nothing stands out.
    """
    clean = _find_ink_on_plain_paper(picture)
    found = clean if clean is not None else _find_ink_in_photo(picture)
    weak = _hollow(found.weak)
    return Ink(weak, found.strong & weak, found.is_clean)


def _find_ink_on_plain_paper(picture: Image.Image) -> Ink | None:
    """Ink by distance from the one paper colour, or None if the picture has no such colour."""
    pixels = np.asarray(picture)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    distance = np.zeros(pixels.shape[:2], np.uint8)
    for channel in range(pixels.shape[2]):
        values = pixels[:, :, channel]
        paper = np.uint8(np.bincount(values.ravel(), minlength=256).argmax())
        np.maximum(distance, np.where(values > paper, values - paper, paper - values), out=distance)
    counts = np.bincount(distance.ravel(), minlength=256) / distance.size
    if counts[: _PAPER_SPREAD + 1].sum() < 0.6:
        return None
    level = _quantile(counts, 32, 0.9)
    threshold = max(_PAPER_SPREAD, 0.35 * level)
    between = counts[_PAPER_SPREAD + 1 : int(threshold)].sum()
    if between > 0.12 or counts[int(threshold) :].sum() > 0.4:
        return None
    return Ink(distance > threshold, distance > 1.3 * threshold, is_clean=True)


def _quantile(counts: NDArray[np.float64], lowest: int, share: float) -> int:
    """The value below which `share` of all values from `lowest` up lie; `lowest` if there are none."""
    total = np.cumsum(counts[lowest:])
    return lowest + int(np.searchsorted(total, share * total[-1])) if total[-1] > 0 else lowest


def _find_ink_in_photo(picture: Image.Image) -> Ink:
    """Ink by local contrast to the paper around it."""
    darkest, lightest = _extreme_channels(np.asarray(picture))
    grey = 255 - lightest if _is_ink_light(darkest) else darkest
    grey = np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(0.6)))
    paper = _paper_brightness(grey)
    contrast = np.clip(1 - grey / paper, 0, 1).astype(np.float32, copy=False)
    contrast[_beside_the_paper(contrast)] = 0
    noise = 1.4826 * float(np.median(np.abs(contrast[::3, ::3] - np.median(contrast[::3, ::3]))))
    floor = max(_MIN_CONTRAST, 5 * noise)
    ink = contrast[contrast > 1.5 * floor]
    level = float(np.quantile(ink, 0.9)) if ink.size else 1.0
    threshold = max(floor, 0.35 * level)
    return Ink(contrast > threshold, contrast > 1.4 * threshold, is_clean=False)


def _extreme_channels(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The darkest and the lightest channel of every pixel: pens of any colour stand out in one of them."""
    if pixels.ndim == 2:
        return pixels, pixels
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    return np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)


def _is_ink_light(grey: NDArray[np.uint8]) -> bool:
    """Whether thin things are rather lighter than the usual brightness around them than darker, as chalk on a board."""
    cells = Image.fromarray(_cells(grey, rank=0.5)).filter(ImageFilter.MedianFilter(7))
    small = Image.fromarray(grey).reduce(_CELL_PX // 2)
    usual = cells.resize((2 * cells.width, 2 * cells.height), Image.Resampling.BILINEAR)
    around = np.asarray(usual, np.float32)[: small.height, : small.width]
    widest, narrowest = ImageFilter.MaxFilter(5), ImageFilter.MinFilter(5)
    without_dark = np.asarray(small.filter(widest).filter(narrowest))
    without_light = np.asarray(small.filter(narrowest).filter(widest))
    dark = np.minimum(without_dark, around) - np.asarray(small)
    light = np.asarray(small) - np.maximum(without_light, around)
    return float((light.clip(min=0) ** 3).mean()) > float((dark.clip(min=0) ** 3).mean())


def _paper_brightness(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness of the paper under every pixel `[H, W]`: a closing on a coarse grid, smoothly enlarged."""
    height, width = grey.shape
    cells = _cells(grey, rank=0.75)
    rows, columns = cells.shape
    reach = max(3, round(max(rows, columns) * 0.14) // 2 * 2 + 1)
    closed = Image.fromarray(cells.astype(np.uint8)).filter(ImageFilter.MaxFilter(reach))
    closed = closed.filter(ImageFilter.MinFilter(reach)).filter(ImageFilter.GaussianBlur(0.7))
    size = (columns * _CELL_PX, rows * _CELL_PX)
    paper: NDArray[np.float32] = np.asarray(closed.resize(size, Image.Resampling.BILINEAR), np.float32)[:height, :width]
    return np.maximum(paper, np.float32(24))


def _cells(values: NDArray[Any], rank: float) -> NDArray[Any]:
    """The value at the given rank in every cell of a coarse grid."""
    height, width = values.shape
    rows, columns = -(-height // _CELL_PX), -(-width // _CELL_PX)
    padded = np.pad(values, ((0, rows * _CELL_PX - height), (0, columns * _CELL_PX - width)), mode="edge")
    grouped = padded.reshape(rows, _CELL_PX, columns, _CELL_PX).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    position = round(rank * (_CELL_PX * _CELL_PX - 1))
    return np.asarray(np.partition(grouped, position, axis=2)[:, :, position])


def _beside_the_paper(contrast: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The table around the paper `[H, W]`: cells dark all over, connected to the picture's border."""
    is_dark = _cells(contrast, rank=0.25) > 2 * _MIN_CONTRAST
    outside = is_dark.copy()
    outside[1:-1, 1:-1] = False
    for _ in range(is_dark.size):
        grown = _grown(outside) & is_dark
        if (grown == outside).all():
            break
        outside = grown
    height, width = contrast.shape
    return _grown(outside).repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)[:height, :width]


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:])


def usual_width(mask: NDArray[np.bool_]) -> float:
    """Usual width of the lines in a mask `[H, W]` in pixels, from its area and the length of its border."""
    edge = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return 2 * int(mask.sum()) / max(1, edge)


def smooth_borders(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Smooth the ragged borders of thick lines `[H, W]`, which thinning would turn into spurs; thin lines stay."""
    return mask if usual_width(mask) < _THICK_PX else np.asarray(_box_count(mask, 1) >= 5)


def _hollow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Turn areas filled with ink, much thicker than the drawing's usual line, into outlines."""
    if not mask.any():
        return mask
    radius = round(max(2.0, 0.014 * float(np.hypot(*mask.shape)), 0.7 * usual_width(mask)))
    core: NDArray[np.bool_] = _box_count(mask, radius) == (2 * radius + 1) ** 2
    if not core.any():
        return mask
    is_thick = _box_count(core, radius) > 0
    is_inside = _box_count(mask, _RIM_PX) == (2 * _RIM_PX + 1) ** 2
    return np.asarray(mask & ~(is_thick & is_inside))


def _box_count(mask: NDArray[np.bool_], radius: int) -> NDArray[np.int32]:
    """How many of the `(2 * radius + 1)^2` pixels around each pixel are set; outside counts as not set."""
    side = 2 * radius + 1
    sums = (
        np.pad(mask, ((radius + 1, radius), (radius + 1, radius))).cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    )
    return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side])
