"""Noise for training: with some probability one or more of the named noises, each as strong as chance says.

A schedule raises probability and severity as training goes on; these functions only apply what it says. Drawings as
strokes cost about a millisecond, so noise is made anew for every batch. Imports no model and no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stbir.corrupt.pictures import IMAGE_NOISES
from stbir.corrupt.raster import RASTER_NOISES
from stbir.corrupt.registry import CORRUPTIONS
from stbir.corrupt.strokes import check_severity
from stbir.errors import ConfigError
from stbir.strokes import Sketch

_T = TypeVar("_T")

# Noises that keep what the item means: a wrong or missing word is another lesson, which its caller has to want.
SKETCH_NAMES = (
    *("affine", "break-lines", "coarsen", "drop-strokes", "jitter", "overshoot", "partial", "retrace", "scribble"),
    *("shift-scale", "warp", "wobble"),
)
RASTER_NAMES = tuple(RASTER_NOISES)
TEXT_NAMES = ("attribute-dropout", "paraphrase", "synonyms", "typos")
IMAGE_NAMES = tuple(IMAGE_NOISES)
MAX_NOISES = 3


def corrupt_sketch(
    sketch: Sketch, rng: Generator, severity: float, probability: float, names: Sequence[str] = SKETCH_NAMES
) -> Sketch:
    """Spoil a drawing as strokes, or leave it.

    Args:
        sketch: The drawing.
        rng: Source of chance.
        severity: Highest severity, in [0, 5]; each noise draws its own below it.
        probability: How often anything happens, in [0, 1].
        names: Noises to choose from; up to three of them at once.

    Returns:
        The drawing; the very same object where nothing happened.

    Raises:
        ConfigError: A number out of range, no name, or one that spoils no strokes.
    """

    def apply(name: str, item: Sketch, source: Generator, amount: float) -> Sketch:
        spoiled = _known(name, CORRUPTIONS).sketch(item, source, amount)
        return item if spoiled is None else spoiled

    return _some_of(sketch, rng, severity, probability, names, apply)


def corrupt_raster(
    raster: NDArray[np.uint8],
    rng: Generator,
    severity: float,
    probability: float,
    names: Sequence[str] = RASTER_NAMES,
) -> NDArray[np.uint8]:
    """Spoil a drawn raster `[S, S]` (255 = paper), or leave it; otherwise as `corrupt_sketch`."""

    def apply(name: str, item: NDArray[np.uint8], source: Generator, amount: float) -> NDArray[np.uint8]:
        return _known(name, RASTER_NOISES)(item, source, amount)

    return _some_of(raster, rng, severity, probability, names, apply)


def corrupt_text(
    text: str,
    rng: Generator,
    severity: float,
    probability: float,
    names: Sequence[str] = TEXT_NAMES,
    *,
    pool: Sequence[str] = (),
) -> str:
    """Spoil words, or leave them; `pool` as in `Corruption.text`, otherwise as `corrupt_sketch`."""

    def apply(name: str, item: str, source: Generator, amount: float) -> str:
        return _known(name, CORRUPTIONS).text(item, source, amount, pool=pool)

    return _some_of(text, rng, severity, probability, names, apply)


def corrupt_image(
    pixels: NDArray[np.uint8],
    rng: Generator,
    severity: float,
    probability: float,
    names: Sequence[str] = IMAGE_NAMES,
) -> NDArray[np.uint8]:
    """Spoil a photo `[H, W, 3]`, or leave it; otherwise as `corrupt_sketch`."""

    def apply(name: str, item: NDArray[np.uint8], source: Generator, amount: float) -> NDArray[np.uint8]:
        return _known(name, IMAGE_NOISES)(item, source, amount)

    return _some_of(pixels, rng, severity, probability, names, apply)


def _some_of(
    item: _T,
    rng: Generator,
    severity: float,
    probability: float,
    names: Sequence[str],
    apply: Callable[[str, _T, Generator, float], _T],
) -> _T:
    """One to three different noises after each other, with the given probability."""
    if not 0 <= probability <= 1:
        raise ConfigError(f"probability={probability} is out of range: expected 0 to 1")
    if not names:
        raise ConfigError("names is empty: give at least one noise, or probability=0")
    happens = rng.random() < probability
    if not happens or check_severity(severity) == 0:
        return item
    num_noises = min(len(names), int(rng.choice([1, 1, 2, MAX_NOISES])))
    for number in rng.choice(len(names), num_noises, replace=False).tolist():
        item = apply(names[number], item, rng, float(rng.uniform(0, severity)))
    return item


def _known(name: str, noises: dict[str, _T]) -> _T:
    if name not in noises:
        raise ConfigError(f"there is no noise {name!r} here: expected some of {', '.join(sorted(noises))}")
    return noises[name]
