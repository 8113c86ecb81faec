"""What one file of a data set holds, in less than a kilobyte: content hash, kind, size, and how it looks.

In: the bytes of a picture or of a drawing. Out: `Facts`, with what is wrong with the file in words. Decoding goes
through `stbir.images` and `stbir.strokes`, so a file is readable here if and only if it is readable in a search.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stbir.datasets.tree import suffix
from stbir.errors import ImageError, SketchError
from stbir.images import load_picture, picture_size
from stbir.strokes import Sketch

THUMBNAIL_PX = 16

_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"GIF8", 0, "GIF"),
    (b"WEBP", 8, "WebP"),
    (b"BM", 0, "BMP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"ftypavif", 4, "AVIF"),
    (b"P6", 0, "PPM"),
    (b"P5", 0, "PPM"),
    (b"<", 0, "SVG"),
    (b"{", 0, "JSON"),
)
_SUFFIXES = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "WebP": {".webp"},
    "BMP": {".bmp"},
    "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif"},
    "PPM": {".ppm", ".pgm"},
    "SVG": {".svg"},
    "JSON": {".json", ".ndjson"},
}
_DECODED_SIDE_PX = 64
_DRAWING_SIDE_PX = 512
_LEAST_CONTRAST = 32
_LEAST_INK = 1e-4


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file holds.

    Attributes:
        digest: SHA-256 of the bytes.
        num_bytes: How many there are.
        size_px: Width and height as seen upright; (0, 0) where it was not decoded, or has none.
        look: Difference hash, 64 bits: which of two neighbouring areas is brighter. None where it was not decoded.
        thumbnail: `16 x 16 x 3` bytes, the picture shrunk; empty where it was not decoded.
        mismatch: How the content differs from what the name says, or None.
        problem: Kind and message of what is wrong, or None.
    """

    digest: bytes
    num_bytes: int
    size_px: tuple[int, int] = (0, 0)
    look: int | None = None
    thumbnail: bytes = b""
    mismatch: str | None = None
    problem: tuple[str, str] | None = None


def picture_facts(name: str, content: bytes, *, is_decoded: bool = True) -> Facts:
    """Look at a picture file.

    Args:
        name: What it is called; only its suffix matters.
        content: Its bytes.
        is_decoded: Whether to decode it, which finds damage and look-alikes.

    Returns:
        The facts.
    """
    digest, mismatch = hashlib.sha256(content).digest(), _mismatch(name, content)
    if not content:
        return Facts(digest, 0, problem=("unreadable", "the file is empty (0 bytes): expected a picture"))
    if not is_decoded:
        return Facts(digest, len(content), mismatch=mismatch)
    try:
        picture = load_picture(content, max_side_px=_DECODED_SIDE_PX)
        size_px = picture_size(content)
    except ImageError as error:
        return Facts(digest, len(content), mismatch=mismatch, problem=_image_problem(error))
    return Facts(digest, len(content), size_px, difference_hash(picture), thumbnail(picture), mismatch)


def drawing_facts(name: str, content: bytes, *, is_decoded: bool = True) -> Facts:
    """Look at the file of a drawing: strokes, or a picture of it.

    Args:
        name: What it is called; only its suffix matters.
        content: Its bytes.
        is_decoded: Whether to decode it, which finds damage and blank sheets.

    Returns:
        The facts.
    """
    digest, mismatch = hashlib.sha256(content).digest(), _mismatch(name, content)
    if not content:
        return Facts(digest, 0, problem=("unreadable", "the file is empty (0 bytes): expected a drawing"))
    if not is_decoded:
        return Facts(digest, len(content), mismatch=mismatch)
    problem, size_px = None, (0, 0)
    try:
        if content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"<"):
            problem = ink_problem(Sketch.from_bytes(content))
        else:
            problem = _blank_problem(load_picture(content, max_side_px=_DRAWING_SIDE_PX))
            size_px = picture_size(content)
    except SketchError as error:
        problem = sketch_problem(error)
    except ImageError as error:
        problem = _image_problem(error)
    return Facts(digest, len(content), size_px, mismatch=mismatch, problem=problem)


def sketch_problem(error: SketchError) -> tuple[str, str]:
    """Kind and message of a drawing that cannot be read as strokes."""
    text = str(error)
    if "empty" in text or "holds no path" in text:
        return "blank", text
    return ("over-limit" if "more than" in text else "unreadable"), text


def ink_problem(sketch: Sketch) -> tuple[str, str] | None:
    """A finding if the strokes of a drawing leave nothing but dots in one place."""
    left, top, right, bottom = sketch.bounds
    if left == right and top == bottom:
        return "blank", f"all {sketch.num_points} points of the drawing lie in one place"
    return None


def difference_hash(picture: Image.Image) -> int:
    """64 bits that say for 8 x 8 areas whether the next one to the right is brighter.

    Source: N. Krawetz, "Kind of Like That" (dHash), hackerfactor.com 2013.
    """
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def thumbnail(picture: Image.Image) -> bytes:
    """The picture shrunk to `16 x 16 x 3` bytes, whatever its shape."""
    small = picture.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return small.tobytes()


def _blank_problem(picture: Image.Image) -> tuple[str, str] | None:
    grey: NDArray[np.int16] = np.asarray(picture.convert("L"), np.int16)
    paper = int(np.median(grey))
    ink = float((np.abs(grey - paper) >= _LEAST_CONTRAST).mean())
    if ink < _LEAST_INK:
        return "blank", f"the sheet is blank: {ink:.4%} of its pixels differ from the paper"
    return None


def _mismatch(name: str, content: bytes) -> str | None:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip() if content[:1] not in (b"\xff", b"\x89") else content
    kind = next((kind for mark, at, kind in _MAGIC if start[at : at + len(mark)] == mark), None)
    if kind is None or not suffix(name) or suffix(name) in _SUFFIXES[kind]:
        return None
    return f"it is called {suffix(name)}, but holds {kind}"


def _image_problem(error: ImageError) -> tuple[str, str]:
    text = str(error).replace("the picture ", "it ", 1)
    return ("over-limit" if "pixels, more than" in text or "more pixels than" in text else "unreadable"), text
