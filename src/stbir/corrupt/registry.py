"""All noises under one roof: `CORRUPTIONS` maps a name to what it spoils and how.

The same noises measure robustness and make training harder. A severity is a number from 0 (nothing changes: the very
object comes back) to 5 (as bad as a user can be). Chance comes from `item_rng`: it depends on the item alone, not on
the order of the items or the batch, and a higher severity changes more of the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stbir.corrupt import pictures, raster, strokes, text
from stbir.corrupt.strokes import MAX_SEVERITY, check_severity
from stbir.errors import ConfigError
from stbir.strokes import MAX_COORDINATE, Sketch

Modality = Literal["sketch", "text", "image", "both"]
SketchNoise = Callable[[Sketch, Generator, float], Sketch | None]
TextNoise = Callable[[str, Generator, float, Sequence[str]], str]
ImageNoise = Callable[[NDArray[np.uint8], Generator, float], NDArray[np.uint8]]

_N = TypeVar("_N")
_ROOM = 8.0


@dataclass(frozen=True)
class Corruption:
    """One noise by its name.

    Attributes:
        name: As on the command line.
        modality: What it spoils; "both" is drawing and words of one query.
        description: What a user does who causes it, in one line.
    """

    name: str
    modality: Modality
    description: str
    sketch_noise: SketchNoise | None = None
    text_noise: TextNoise | None = None
    image_noise: ImageNoise | None = None

    def sketch(self, sketch: Sketch, rng: Generator, severity: float) -> Sketch | None:
        """Spoil a drawing.

        Args:
            sketch: The drawing.
            rng: Source of the noise, usually `item_rng`.
            severity: In [0, 5].

        Returns:
            The drawing, the very same object at severity 0; None: nothing was drawn.

        Raises:
            ConfigError: It spoils no drawings, or the severity is out of range.
            SketchError: A raster noise left nothing to trace; that query is lost.
        """
        noise = self._checked(self.sketch_noise, "drawings")
        return noise(sketch if severity == 0 else _with_room(sketch), rng, severity)

    def text(self, text: str, rng: Generator, severity: float, *, pool: Sequence[str] = ()) -> str:
        """Spoil words.

        Args:
            text: The words.
            rng: Source of the noise, usually `item_rng`.
            severity: In [0, 5].
            pool: Other queries' texts, for `wrong-text`; with none it changes nothing.

        Returns:
            The words, the very same object at severity 0; "": nothing was said.

        Raises:
            ConfigError: It spoils no words, or the severity is out of range.
        """
        return self._checked(self.text_noise, "words")(text, rng, severity, pool)

    def image(self, pixels: NDArray[np.uint8], rng: Generator, severity: float) -> NDArray[np.uint8]:
        """Spoil a photo.

        Args:
            pixels: RGB `[H, W, 3]`.
            rng: Source of the noise, usually `item_rng`.
            severity: In [0, 5].

        Returns:
            RGB, the very same array at severity 0; cropped ones are smaller.

        Raises:
            ConfigError: It spoils no photos, or the severity is out of range.
        """
        return self._checked(self.image_noise, "photos")(pixels, rng, severity)

    def _checked(self, noise: _N | None, what: str) -> _N:
        if noise is None:
            raise ConfigError(f"corruption {self.name!r} spoils no {what}: it is one of {self.modality}; name another")
        return noise


def corruption(name: str) -> Corruption:
    """Look a noise up.

    Raises:
        ConfigError: No such noise; the message lists all.

    >>> corruption("wrong-attribute").modality
    'text'
    """
    if name not in CORRUPTIONS:
        raise ConfigError(f"there is no corruption {name!r}: expected one of {', '.join(sorted(CORRUPTIONS))}")
    return CORRUPTIONS[name]


def item_rng(seed: int, name: str, key: str) -> Generator:
    """The chance of one item under one noise.

    Args:
        seed: Of the run.
        name: The noise's name.
        key: What the item is called, for example its query's id.

    Returns:
        A generator that depends on the three alone, on every machine.
    """
    digest = hashlib.blake2b(f"{seed}\0{name}\0{key}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _with_room(sketch: Sketch) -> Sketch:
    """The drawing, shrunk where noise could push it over the largest coordinate that a drawing may have."""
    largest = max(abs(edge) for edge in sketch.bounds)
    if largest <= MAX_COORDINATE / _ROOM:
        return sketch
    shrunk = tuple(
        np.concatenate([stroke[:, :2] / np.float32(_ROOM), stroke[:, 2:]], axis=1) for stroke in sketch.strokes
    )
    size = None if sketch.size is None else (sketch.size[0] / _ROOM, sketch.size[1] / _ROOM)
    return Sketch(shrunk, size)


def no_sketch(sketch: Sketch, rng: Generator, severity: float) -> Sketch | None:
    """Draw nothing, with a chance of severity / 5."""
    chance = rng.random()
    return None if chance < check_severity(severity) / MAX_SEVERITY else sketch


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").partition("\n")[0].rstrip(".")


def _stroke(name: str, strength: float | None = None) -> Corruption:
    noise: Callable[..., Sketch] = strokes.NOISES[name]
    spoiled = noise if strength is None else functools.partial(noise, strength=strength)

    described = _first_line(noise) + ("" if strength is None else f"; amounts times {strength:g}")
    return Corruption(name.replace("_", "-"), "sketch", described, sketch_noise=spoiled)


def _redrawn(name: str) -> Corruption:
    def noise(sketch: Sketch, rng: Generator, severity: float) -> Sketch:
        return raster.redraw(sketch, name, rng, severity)

    described = f"{_first_line(raster.RASTER_NOISES[name])}; traced back"
    return Corruption(_RASTER_NAMES.get(name, f"raster-{name}"), "sketch", described, sketch_noise=noise)


def _said(name: str, noise: text.TextNoise) -> Corruption:
    def from_pool(words: str, rng: Generator, severity: float, _pool: Sequence[str]) -> str:
        return noise(words, rng, severity)

    return Corruption(name, "text", _first_line(noise), text_noise=from_pool)


_RASTER_NAMES: Mapping[str, str] = {"paper_photo": "paper-photo", "pen_width": "line-width"}
_TEXT_NAMES: Mapping[str, str] = {"no_words": "no-text"}
_MIXED_TEXT = _said("text-mixed", text.mixed_text)
_ALL: tuple[Corruption, ...] = (
    _stroke("affine", 1.7),
    _stroke("break_lines", 2.0),
    _stroke("coarsen", 1.5),
    _stroke("drop_strokes"),
    _stroke("jitter"),
    _stroke("overshoot", 2.5),
    _stroke("partial"),
    _stroke("retrace", 1.6),
    _stroke("scribble", 1.6),
    _stroke("shift_scale"),
    _stroke("warp", 1.4),
    _stroke("wobble"),
    *(_redrawn(name) for name in raster.RASTER_NOISES),
    Corruption("sketch-mixed", "sketch", _first_line(strokes.mixed_sketch), sketch_noise=strokes.mixed_sketch),
    Corruption("no-sketch", "sketch", _first_line(no_sketch), sketch_noise=no_sketch),
    *(_said(_TEXT_NAMES.get(name, name.replace("_", "-")), noise) for name, noise in text.TEXT_NOISES.items()),
    Corruption("wrong-text", "text", _first_line(text.wrong_text), text_noise=text.wrong_text),
    _MIXED_TEXT,
    Corruption("mixed", "both", "sketch-mixed and text-mixed together", strokes.mixed_sketch, _MIXED_TEXT.text_noise),
    *(
        Corruption(f"image-{name}", "image", _first_line(noise), image_noise=noise)
        for name, noise in pictures.IMAGE_NOISES.items()
    ),
)
CORRUPTIONS: dict[str, Corruption] = {each.name: each for each in sorted(_ALL, key=lambda each: each.name)}
