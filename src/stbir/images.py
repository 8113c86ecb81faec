"""Pictures in: safe decoding, content hashes, thumbnails, and the frame that the image tower sees.

Whatever a file holds, `load_picture` either returns an upright RGB picture or raises one `ImageError` that names it:
formats are an allowlist, sizes are checked before pixels are decoded, pipes and devices are never opened for reading,
and Pillow's warnings stay inside. Must not import the model or anything above it.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from stbir.archives import read_file
from stbir.errors import ImageError
from stbir.exif import PhotoData, photo_data
from stbir.files import open_regular_file
from stbir.formats import HEIF_SUFFIXES, RAW_SUFFIXES, formats_for, viewable

PICTURE_SUFFIXES = (
    frozenset({".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
    | HEIF_SUFFIXES
    | RAW_SUFFIXES
)
MAX_FILE_BYTES = 256_000_000
MAX_PIXELS = 150_000_000

_ORIENTATION = 0x0112
_BAND_PIXELS = 4_000_000
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture's file says of it.

    Attributes:
        size_px: Width and height, as seen upright.
        photo: When and with what it was taken.
    """

    size_px: tuple[int, int]
    photo: PhotoData


def load_picture(
    path_or_bytes: str | os.PathLike[str] | bytes, *, max_side_px: int | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode a picture safely.

    Args:
        path_or_bytes: A file, also one in an archive (`stbir.archives`), or the content of one. Of raw photos, known by
            their suffix, the preview is decoded.
        max_side_px: Shrink so that no side is longer; JPEGs are then decoded at reduced size, which is many times
            faster. None keeps the size.
        max_pixels: Larger pictures are refused before they are decoded. Pillow's own limit (twice
            `PIL.Image.MAX_IMAGE_PIXELS`, 179 million) holds too.

    Returns:
        An RGB picture, upright by its EXIF orientation, transparency on white, of animations the first frame.

    Raises:
        ImageError: Not a picture, damaged, too large, missing, not readable or not a regular file; names the file.
    """
    if isinstance(path_or_bytes, bytes):
        name, content = "the picture", path_or_bytes
    else:
        name = os.fspath(path_or_bytes)
        content = viewable(read_file(path_or_bytes, MAX_FILE_BYTES), name)
    if not content:
        raise ImageError(f"{name} is empty (0 bytes): expected a picture")
    try:
        formats = formats_for(content, name)
        with _quiet_pillow(), Image.open(io.BytesIO(content), formats=formats) as picture:
            if picture.width * picture.height > max_pixels:
                size = f"{picture.width} x {picture.height}"
                raise ImageError(f"{name} has {size} pixels, more than the {max_pixels:,} allowed: shrink it")
            return _decode(picture, max_side_px)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"{name} has more pixels than the {max_pixels:,} allowed: shrink it") from None
    except UnidentifiedImageError:
        expected = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, AVIF or HEIC"
        raise ImageError(f"{name} is not a picture that can be read: expected {expected}") from None
    except MemoryError:
        raise no_memory(name) from None
    except Exception as reason:  # noqa: BLE001  (damaged files make the decoders raise errors of any kind)
        text = " ".join(str(reason).split()) or type(reason).__name__
        raise ImageError(f"{name} is damaged and cannot be decoded ({text}): restore it or leave it out") from None


def picture_size(path_or_bytes: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """Width and height of a picture in pixels as seen upright; reads the header only.

    Args:
        path_or_bytes: A file, or the content of one.

    Raises:
        ImageError: Missing, not readable, not a regular file or not a picture; names the file.
    """
    return picture_header(path_or_bytes).size_px


def picture_header(path_or_bytes: str | os.PathLike[str] | bytes) -> Header:
    """What a picture's file says of it, without decoding it; arguments and errors as `picture_size`."""
    if isinstance(path_or_bytes, bytes):
        return _header(io.BytesIO(path_or_bytes), "the picture")
    with open_regular_file(path_or_bytes, ImageError) as file:
        return _header(file, os.fspath(path_or_bytes))


def _header(file: IO[bytes], name: str) -> Header:
    try:
        start = file.read(32)
        file.seek(0)
        with _quiet_pillow(), Image.open(file, formats=formats_for(start, name)) as picture:
            width, height = picture.size
            exif = picture.getexif()
            is_turned = exif.get(_ORIENTATION, 1) in (5, 6, 7, 8)
            return Header((height, width) if is_turned else (width, height), photo_data(exif))
    except MemoryError:
        raise no_memory(name) from None
    except ImageError:
        raise
    except Exception as reason:
        if isinstance(reason, OSError) and reason.errno is not None:
            raise  # of the disk, not of a decoder
        raise ImageError(f"{name} is not a picture that can be read ({reason})") from None


def no_memory(name: str) -> ImageError:
    """The error for a picture that does not fit into the memory that is free now."""
    error = ImageError(f"{name} does not fit into the memory: free some, or shrink it")
    error.is_passing = True
    return error


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to RGB, transparency on white, 16 bits and floats scaled to 8 bits."""
    return _converter(picture)(picture)


def letterbox(picture: Image.Image, size_px: int, max_stretch: float = 4 / 3) -> NDArray[np.uint8]:
    """Scale a picture into a square frame, the image tower's view of it, the same in training and search.

    Usual photos (up to 4:3) fill the frame, stretched a little, because padding wastes a quarter of the pixels: of 500
    ImageNet photos a pretrained MobileNetV2 names 73 % when stretched to the square, 68 % when padded.

    Args:
        picture: Any picture.
        size_px: Side S of the frame.
        max_stretch: Largest change of the aspect ratio, >= 1; 1 keeps the aspect.

    Returns:
        `[S, S, 3]`: the picture scaled (anti-aliased) and centred; the rest has the mean colour of its border.
    """
    picture = to_rgb(picture)
    left, top, width, height = letterbox_place(picture.size, size_px, max_stretch)
    scaled = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))
    frame = np.empty((size_px, size_px, 3), np.uint8)
    if scaled.shape != frame.shape:
        border = np.concatenate([scaled[0], scaled[-1], scaled[:, 0], scaled[:, -1]])
        frame[:] = np.round(border.mean(axis=0))
    frame[top : top + height, left : left + width] = scaled
    return frame


def letterbox_place(size: tuple[int, int], size_px: int, max_stretch: float = 4 / 3) -> tuple[int, int, int, int]:
    """Where `letterbox` puts a picture.

    Args:
        size: Width and height of the picture.
        size_px: Side S of the frame.
        max_stretch: As in `letterbox`.

    Returns:
        Left, top, width and height in the frame, pixels.

    >>> letterbox_place((400, 100), 192)
    (0, 64, 192, 64)
    """
    short = max(1, round(size_px * min(1.0, max_stretch * min(size) / max(size))))
    width, height = (size_px, short) if size[0] >= size[1] else (short, size_px)
    return (size_px - width) // 2, (size_px - height) // 2, width, height


def thumbnail_jpeg(picture: Image.Image, side_px: int = 256) -> bytes:
    """Encode a small JPEG of a picture, aspect kept, its longer side at most `side_px`."""
    small = to_rgb(picture)
    if max(small.size) > side_px:
        size = _scaled_size(small.size, side_px / max(small.size))
        small = small.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


def content_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits.

    Raises:
        ImageError: Missing, not readable, or not a regular file; names the file.
    """
    with open_regular_file(path, ImageError) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(picture: Image.Image, max_side_px: int | None) -> Image.Image:
    scale = 1.0 if max_side_px is None else min(1.0, max_side_px / max(picture.size))
    target = _scaled_size(picture.size, scale)
    if scale < 1.0:
        picture.draft(None, target)
    picture.load()
    factor = min(picture.width // target[0], picture.height // target[1])
    decoded = _reduced_to_rgb(picture, factor) if factor >= 2 else to_rgb(picture)
    if decoded.size != target:
        decoded = decoded.resize(target, Image.Resampling.BICUBIC)
    turn = _TURNS.get(_orientation(picture))
    decoded = decoded.copy() if turn is None else decoded.transpose(turn)
    decoded.info = {}
    return decoded


def _orientation(picture: Image.Image) -> int:
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  (a damaged EXIF block must not cost the picture)
        return 1
    return orientation if isinstance(orientation, int) else 1


def _reduced_to_rgb(picture: Image.Image, factor: int) -> Image.Image:
    """Shrink by a whole factor band by band, so that only one full-size copy of a large picture is in memory."""
    convert = _converter(picture)
    reduced = Image.new("RGB", (-(-picture.width // factor), -(-picture.height // factor)))
    rows = max(1, _BAND_PIXELS // (picture.width * factor)) * factor
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        reduced.paste(convert(band).reduce(factor), (0, top // factor))
    return reduced


def _converter(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How this picture, or any part of it, becomes RGB."""
    if picture.mode.startswith(("I", "F")):
        low, high = _black_and_white(picture)
        return functools.partial(_deep_to_rgb, black=low, white=high)
    if picture.has_transparency_data:
        return _on_white
    return lambda part: part if part.mode == "RGB" else part.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    layer = picture.convert("RGBA")
    paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(paper, layer).convert("RGB")


def _black_and_white(picture: Image.Image) -> tuple[float, float]:
    """Values of black and of white in a picture of 16 or more bits: the usual range, or its own if it leaves that."""
    low, high = np.asarray(picture.getextrema(), float).tolist()
    usual = 1.0 if picture.mode == "F" else 65535.0
    is_usual = low >= 0 and high <= usual
    has_own_range = np.isfinite([low, high]).all() and high > low
    return (low, high) if has_own_range and not is_usual else (0.0, usual)


def _deep_to_rgb(picture: Image.Image, black: float, white: float) -> Image.Image:
    share = (np.asarray(picture, np.float32) - np.float32(black)) / np.float32(white - black)
    grey = np.round(np.clip(np.nan_to_num(share), 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


_quiet_lock = threading.Lock()
_quiet_stack = ExitStack()
_num_quiet = 0


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Ignore Pillow's warnings; threads that decode at the same time share one change of the filters."""
    global _num_quiet
    with _quiet_lock:
        if _num_quiet == 0:
            _quiet_stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\b")
        _num_quiet += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _num_quiet -= 1
            if _num_quiet == 0:
                _quiet_stack.close()
