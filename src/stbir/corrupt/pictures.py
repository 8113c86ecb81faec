"""Noises of photos: what cameras, web shops and screenshots do to the pictures of a gallery.

A noise is a function of RGB pixels `[H, W, 3]` (uint8, any size), a severity in [0, 5] and a random generator. Severity
0 returns the array itself; with the same seed a higher severity changes more of the same. Only `crop` changes the size
of the picture. Imports Pillow and NumPy only.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from stbir.corrupt.strokes import MAX_SEVERITY, check_severity

Pixels = NDArray[np.uint8]
ImageNoise = Callable[[Pixels, Generator, float], Pixels]

_LIKE_BORDER = 28
_MAX_COPIES = 40
_SMOOTH = 9
_MIN_BACKGROUND = 0.15
_WORK_SIDE_PX = 128
_LOWEST_QUALITY, _HIGHEST_QUALITY = 4, 50


def crop(pixels: Pixels, rng: Generator, severity: float) -> Pixels:
    """Cut the edges off: down to 55 % of width and height, anywhere."""
    places = rng.uniform(0, 1, 2)
    if check_severity(severity) == 0:
        return pixels
    height, width = pixels.shape[:2]
    kept = np.maximum(1, np.round((1 - 0.09 * severity) * np.array([height, width]))).astype(int)
    top, left = np.round(places * (np.array([height, width]) - kept)).astype(int)
    return pixels[top : top + kept[0], left : left + kept[1]]


def light(pixels: Pixels, rng: Generator, severity: float) -> Pixels:
    """Too dark or too bright by up to two stops, and a lamp's tint: white balance up to 45 % off."""
    is_dark = rng.random() < 0.6
    stops = rng.uniform(0.6, 1.0) * (-2.4 if is_dark else 1.3)
    warmth, tint = rng.uniform(-1, 1, 2)
    if check_severity(severity) == 0:
        return pixels
    share = severity / MAX_SEVERITY
    balance = np.exp(share * (0.45 * warmth * np.array([1, 0, -1]) + 0.2 * tint * np.array([0.5, -1, 0.5])))
    linear = (np.arange(256)[:, None] / 255) ** 2.2 * 2.0 ** (share * stops) * balance
    curves = np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2) * 255 + 0.5, np.uint8)
    return np.stack([curves[pixels[:, :, channel], channel] for channel in range(3)], axis=2)


def jpeg(pixels: Pixels, _rng: Generator, severity: float) -> Pixels:
    """Saved small: JPEG quality down to 4 (no chance in it)."""
    if check_severity(severity) == 0:
        return pixels
    quality = _HIGHEST_QUALITY * (_LOWEST_QUALITY / _HIGHEST_QUALITY) ** (severity / MAX_SEVERITY)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=round(quality))
        return np.asarray(Image.open(file))


def blur(pixels: Pixels, rng: Generator, severity: float) -> Pixels:
    """Out of focus or shaken: a radius up to 1.6 % of the diagonal."""
    is_shaken, angle = rng.random() < 0.5, rng.uniform(0, np.pi)
    if check_severity(severity) == 0:
        return pixels
    radius = 0.016 * (severity / MAX_SEVERITY) ** 1.6 * float(np.hypot(*pixels.shape[:2]))
    if not is_shaken:
        return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
    return _shaken(pixels, 1.7 * radius * np.array([np.cos(angle), np.sin(angle)]))


def background(pixels: Pixels, rng: Generator, severity: float) -> Pixels:
    """Clutter where a plain background was, else in front of the edges; nothing is known of what the picture shows.

    A background is what looks like the border and is connected with it. Where that is less than 15 % of the picture,
    discs and bars hide up to a third of the margin instead.
    """
    height, width = pixels.shape[:2]
    clutter = _clutter((height, width), rng)
    if check_severity(severity) == 0:
        return pixels
    share = severity / MAX_SEVERITY
    mask = _plain_background(pixels)
    if mask.mean() < _MIN_BACKGROUND:
        return _occluded(pixels, clutter, rng, share)
    soft = np.asarray(Image.fromarray(np.uint8(mask) * np.uint8(255)).filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    weight = soft[:, :, None] / np.float32(255) * np.float32(share**1.3)
    return np.asarray(pixels + (clutter - pixels.astype(np.float32)) * weight + 0.5, np.uint8)


IMAGE_NOISES: dict[str, ImageNoise] = {
    "background": background,
    "blur": blur,
    "crop": crop,
    "jpeg": jpeg,
    "light": light,
}


def _shaken(pixels: Pixels, reach: NDArray[np.floating]) -> Pixels:
    """The mean of copies shifted along a line of this length, both ways, edges repeated."""
    num_copies = min(_MAX_COPIES, max(2, int(np.ceil(2 * np.abs(reach).max())) + 1))
    height, width = pixels.shape[:2]
    pad = int(np.ceil(np.abs(reach).max()))
    wide = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    total = np.zeros(pixels.shape, np.uint16)
    for share in np.linspace(-1, 1, num_copies):
        x, y = np.round(share * reach).astype(int) + pad
        total += wide[y : y + height, x : x + width]
    return np.asarray((total + num_copies // 2) // num_copies, np.uint8)


def _plain_background(pixels: Pixels) -> NDArray[np.bool_]:
    """What is smooth, coloured like most of the border, and connected with it `[H, W]`."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORK_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)).astype(np.int16)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    some = border[::4]
    is_alike = (np.abs(some[:, None] - some[None]) <= _LIKE_BORDER).all(axis=2)
    paper = some[is_alike.sum(axis=1).argmax()]
    is_plain = (np.abs(small - paper).max(axis=2) <= 2 * _LIKE_BORDER) & (_steepness(small) <= _SMOOTH)
    coarse = _from_border(is_plain)
    grown = Image.fromarray(np.uint8(coarse) * np.uint8(255)).filter(ImageFilter.MaxFilter(3))
    wide = np.asarray(grown.resize((width, height), Image.Resampling.BILINEAR))
    return np.asarray((wide > 127) & (np.abs(pixels.astype(np.int16) - paper).max(axis=2) <= 2 * _LIKE_BORDER))


def _from_border(is_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What can be reached from the border through open pixels, along rows and columns `[H, W]`."""
    height, width = is_open.shape
    along_rows = np.cumsum(~is_open, axis=1) + (width + 1) * np.arange(height)[:, None]
    along_columns = np.cumsum(~is_open, axis=0) + (height + 1) * np.arange(width)
    reached = is_open.copy()
    reached[1:-1, 1:-1] = False
    num_before = -1
    while num_before < (num_reached := int(reached.sum())):
        num_before = num_reached
        for run in (along_rows, along_columns):  # a run of open pixels is reached where one of them is
            is_hit = np.zeros(int(run.max()) + 1, bool)
            is_hit[run[reached]] = True
            reached = is_open & is_hit[run]
    return reached


def _steepness(small: NDArray[np.int16]) -> NDArray[np.int16]:
    """Largest difference of each pixel to its right and lower neighbour, any channel `[H, W]`."""
    right = np.abs(np.diff(small, axis=1, append=small[:, -1:])).max(axis=2)
    below = np.abs(np.diff(small, axis=0, append=small[-1:])).max(axis=2)
    return np.asarray(np.maximum(right, below))


def _clutter(shape: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """A room out of focus `[H, W, 3]`: blotches of muted colours, some stripes and boxes on them."""
    height, width = shape
    base = rng.uniform(50, 205) + rng.normal(0, 20, 3) + rng.normal(0, 35, (5, 5, 1)) + rng.normal(0, 12, (5, 5, 3))
    ground = Image.fromarray(np.uint8(np.clip(base, 0, 255))).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(ground)
    for _ in range(14):
        grey = rng.uniform(20, 235)
        colour = tuple(int(value) for value in np.clip(grey + rng.normal(0, 28, 3), 0, 255))
        x, y = rng.uniform(-0.1, 1, 2) * (width, height)
        w, h = rng.uniform(0.03, 0.35, 2) * (width, height)
        box = (float(x), float(y), float(x + w), float(y + h))
        (draw.rectangle if rng.random() < 0.6 else draw.ellipse)(box, fill=colour)
    soft = ground.filter(ImageFilter.GaussianBlur(0.004 * (height + width)))
    grain = rng.normal(0, 5, (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip(np.asarray(soft, np.float32) + grain, 0, 255))


def _occluded(pixels: Pixels, clutter: NDArray[np.float32], rng: Generator, share: float) -> Pixels:
    """Things in front of the margin: up to six discs and bars whose middles lie near the border."""
    height, width = pixels.shape[:2]
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(6):
        along, side, size, stretch = (
            rng.uniform(0, 1),
            int(rng.integers(4)),
            rng.uniform(0.12, 0.26),
            rng.uniform(0.6, 1.6),
        )
        x, y = ((along, 0.02), (along, 0.98), (0.02, along), (0.98, along))[side]
        half = share * size * np.array([stretch, 1 / stretch]) * max(height, width)
        low, high = np.array([x * width, y * height]) - half, np.array([x * width, y * height]) + half
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([*low.tolist(), *high.tolist()], fill=255)
    weight = np.asarray(mask, np.float32)[:, :, None] / np.float32(255)
    return np.asarray(np.clip(pixels + (clutter - pixels.astype(np.float32)) * weight + 0.5, 0, 255), np.uint8)
