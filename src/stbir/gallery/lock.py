"""One writer at a time: an advisory lock on a gallery, and commits that Ctrl-C cannot cut in two."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from stbir.errors import GalleryError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no fcntl; there two writers are not kept apart
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"


@contextlib.contextmanager
def writer_lock(gallery: Path) -> Iterator[None]:
    """Hold the right to write to a gallery; readers need none.

    Args:
        gallery: An existing gallery directory.

    Raises:
        GalleryError: Another process holds it, or the directory cannot be written.
    """
    try:
        stream = (gallery / LOCK_FILE).open("ab")
    except OSError as error:
        raise GalleryError(
            f"cannot write to the gallery {gallery}: {error.strerror or error}; check the access rights and the disk"
        ) from error
    with stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise GalleryError(
                    f"another process is writing to the gallery {gallery}: wait until it ends, then run this again"
                ) from None
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done; only the main thread receives it anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    previous = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if arrived:
        raise KeyboardInterrupt
