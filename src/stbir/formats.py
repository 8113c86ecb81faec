"""Which picture formats are read: Pillow's own, HEIC by the extra `heic`, previews of raw photos by the extra `raw`."""

from __future__ import annotations

import functools
import io
from pathlib import PurePath

from PIL import Image

from stbir.errors import ImageError, MissingExtraError

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf"}
    | {".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"}
)
MIN_PREVIEW_PX = 800
PREVIEW_QUALITY = 95

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


def formats_for(start: bytes, name: str) -> tuple[str, ...]:
    """The formats, by Pillow's names, that a picture may have.

    Args:
        start: At least the first 12 bytes of its file.
        name: What to call it in an error.

    Raises:
        ImageError: It needs an optional part that is not installed.
    """
    brand = start[8:12] if start[4:8] == b"ftyp" else b""
    if brand in _HEIF_BRANDS:
        return _heif_formats(name)
    if brand in _AVIF_BRANDS and "AVIF" not in _formats():
        raise _lacking(name, "is in the format AVIF, which needs Pillow 11.3 or newer: pip install -U pillow")
    return _formats()


def viewable(content: bytes, name: str) -> bytes:
    """The bytes that show a picture: of a raw photo its preview, else the file's own.

    Args:
        content: The file's bytes.
        name: Its path; the suffix tells raw photos, whose content often looks like TIFF.

    Returns:
        A picture in a format that Pillow reads.

    Raises:
        ImageError: A raw photo that cannot be read, or the extra `raw` is not installed.
    """
    return _raw_preview(content, name) if PurePath(name).suffix.lower() in RAW_SUFFIXES else content


@functools.cache
def _formats() -> tuple[str, ...]:
    """The allowed formats that this Pillow can read."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _heif_formats(name: str) -> tuple[str, ...]:
    try:
        import pillow_heif
    except ImportError:
        raise _lacking(name, str(MissingExtraError("is in the format HEIC: reading it", "heic"))) from None
    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener()
    return ("HEIF",)


def _raw_preview(content: bytes, name: str) -> bytes:
    """The JPEG that the camera put into the file; one made from the sensor's data where that is absent or tiny."""
    try:
        import rawpy
    except ImportError:
        raise _lacking(name, str(MissingExtraError("is a raw photo: reading it", "raw"))) from None
    try:
        with rawpy.imread(io.BytesIO(content)) as raw:
            preview = _embedded(raw, rawpy)
            if preview is not None:
                return preview
            picture = Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))
    except MemoryError:
        raise
    except Exception as reason:  # noqa: BLE001  (LibRaw's errors have no common base that rawpy promises)
        text = " ".join(str(reason).split()) or type(reason).__name__
        raise ImageError(f"{name} is a raw photo that cannot be read ({text}): convert it to JPEG") from None
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return buffer.getvalue()


def _embedded(raw: object, rawpy: object) -> bytes | None:
    """The largest JPEG in a raw photo, if it is large enough to be searched."""
    try:
        thumbnail = raw.extract_thumb()  # type: ignore[attr-defined]
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):  # type: ignore[attr-defined]
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG:  # type: ignore[attr-defined]
        return None
    with Image.open(io.BytesIO(thumbnail.data), formats=("JPEG",)) as picture:
        return bytes(thumbnail.data) if max(picture.size) >= MIN_PREVIEW_PX else None


def _lacking(name: str, reason: str) -> ImageError:
    """An error that an installation puts right: the file is tried again next time."""
    error = ImageError(f"{name} {reason}")
    error.is_passing = True
    return error
