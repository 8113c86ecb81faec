"""What a photo's file says of when and with what it was taken. Strangers wrote it: checked, cut, one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

MAX_CAMERA_CHARACTERS = 100
_DATES = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)


@dataclass(frozen=True, slots=True)
class PhotoData:
    """When and with what a photo was taken.

    Attributes:
        taken: By the camera's clock, `2024-06-30T18:05:00`; None if unknown.
        camera: Maker and model; None if unknown.
    """

    taken: str | None = None
    camera: str | None = None


def photo_data(exif: Image.Exif) -> PhotoData:
    """Read a photo's EXIF block; what is damaged counts as absent.

    Args:
        exif: The block, as Pillow reads it.

    Returns:
        When and with what it was taken.
    """
    try:
        camera = _camera(exif)
        block = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # noqa: BLE001  (a damaged EXIF block must not cost the picture)
        return PhotoData()
    return PhotoData(_taken(block), camera)


def _taken(block: Mapping[int, Any]) -> str | None:
    """The moment of exposure; the date of the file's last edit, which EXIF has too, is something else."""
    for tag in _DATES:
        try:
            return datetime.strptime(_text(block.get(tag))[:19], "%Y:%m:%d %H:%M:%S").isoformat()
        except ValueError:
            continue
    return None


def _camera(exif: Image.Exif) -> str | None:
    """`Canon EOS 5D`, whether or not the model repeats the maker, as many do."""
    maker, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
    name = model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}"
    return name.strip()[:MAX_CAMERA_CHARACTERS].strip() or None


def _text(value: object) -> str:
    """One line of printable text; empty for anything else."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value.partition("\0")[0]).split())
