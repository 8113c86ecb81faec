"""Pictures for clients: thumbnails from the gallery, large views made anew, and the files themselves as downloads.

A client names an id; the path comes from the gallery's catalogue. Large views are decoded and encoded again, so nothing
of a file's bytes, metadata included, reaches a browser as a picture.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from stbir.archives import read_file
from stbir.errors import ImageError
from stbir.files import open_regular_file
from stbir.gallery.catalogue import Entry
from stbir.images import MAX_FILE_BYTES, load_picture
from stbir.web.live import folder_id, shown_path
from stbir.web.problems import Problem
from stbir.web.schemas import PictureInfoOut

LARGE_SIDE_PX = 2048
QUALITY = 90
CHUNK_BYTES = 1 << 18


def large_view(entry: Entry) -> bytes:
    """A JPEG of a picture, no side longer than `LARGE_SIDE_PX`.

    Raises:
        ImageError: The file is gone or cannot be decoded.
    """
    check_there(entry)
    buffer = io.BytesIO()
    load_picture(entry.path, max_side_px=LARGE_SIDE_PX).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def original(entry: Entry) -> Iterator[bytes]:
    """The file's bytes.

    Raises:
        ImageError: The file is gone or changed; before the first byte.
    """
    check_there(entry)
    if entry.archive is not None:
        yield read_file(entry.path, MAX_FILE_BYTES)
        return
    with open_regular_file(entry.path, ImageError) as file:
        left = entry.size_bytes
        while left > 0 and (part := file.read(min(CHUNK_BYTES, left))):
            left -= len(part)
            yield part


def check_there(entry: Entry) -> None:
    """Refuse a file that is not the one that was indexed.

    Raises:
        Problem: It is gone, or changed since.
    """
    if not is_there(entry):
        raise Problem(
            404, f"the file of {entry.id} is gone or changed since it was indexed: index its folder again", "gone"
        )


def is_there(entry: Entry) -> bool:
    """Whether a picture's file, or the archive that holds it, lies where it was, with the size and time it had."""
    try:
        status = os.stat(entry.archive or entry.path)  # noqa: PTH116
    except OSError:
        return False
    is_same_size = entry.archive is not None or status.st_size == entry.size_bytes
    return is_same_size and status.st_mtime_ns == entry.mtime_ns


def disposition(entry: Entry) -> str:
    """The header that makes a browser save a file under its own name."""
    name = Path(entry.path).name
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def info_of(entry: Entry, *, shows_paths: bool) -> PictureInfoOut:
    """What clients are told of a picture."""
    return PictureInfoOut(
        id=entry.id,
        name=Path(entry.path).name,
        path=shown_path(entry, is_full=shows_paths),
        folder=folder_id(entry.root),
        width=entry.width,
        height=entry.height,
        num_bytes=entry.size_bytes,
        modified=datetime.fromtimestamp(entry.mtime_ns / 1e9, UTC).isoformat(timespec="seconds"),
        is_there=is_there(entry),
    )
