"""Turn what the system and LanceDB raise while a gallery is read or written into one line."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from stbir.errors import GalleryError, StbirError

MIN_FREE_BYTES = 4096
SOURCE_PLACE = re.compile(r",? \S+\.rs:\d+(:\d+)?")
DISK_FULL_SIGNS = ("no space left", "storagefull", "os error 28")


@contextlib.contextmanager
def gallery_failures(gallery: Path, doing: str) -> Iterator[None]:
    """Raise `GalleryError` in place of what the system and LanceDB raise in the block.

    Args:
        gallery: The gallery's directory.
        doing: What was tried, for the message: "cannot {doing} {gallery}".

    Raises:
        GalleryError: With the reason, and for a full disk with what to do.
    """
    try:
        yield
    except StbirError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        if _is_disk_full(gallery, error):
            raise GalleryError(
                f"cannot {doing} {gallery}: the disk is full; what was committed before is safe, "
                "free some space and run the same command again"
            ) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise GalleryError(
            f"cannot {doing} {gallery}: {reason}; check the disk and the access rights, "
            "or make a new gallery with stbir index"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's message, without the place in LanceDB's source; its class where it has none."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return SOURCE_PLACE.sub("", line)[:300]


def _is_disk_full(path: Path, error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    text = str(error).lower()
    return any(sign in text for sign in DISK_FULL_SIGNS) or _free_bytes(path) < MIN_FREE_BYTES


def _free_bytes(path: Path) -> int:
    """Free space where the gallery lies; plenty if that cannot be told."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return MIN_FREE_BYTES
