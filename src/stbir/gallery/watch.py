"""Wait until something changes below some folders and has settled, by `watchfiles` (extra `watch`).

Folders that come and go (drives, network mounts) are looked at again every so often, because the system reports nothing
of them. What lies in the gallery itself is no change, or indexing would start itself again without end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stbir.errors import MissingExtraError
from stbir.gallery.globs import Glob
from stbir.gallery.scan import is_below

SETTLE_MS = 1000
MAX_SETTLE_MS = 10_000
LOOK_AGAIN_MS = 10_000


def changes(paths: Sequence[Path | str], gallery: Path, *, look_again_ms: int = LOOK_AGAIN_MS) -> Iterator[bool]:
    """Wait for changes, again and again; the first yield catches up with what happened before.

    Args:
        paths: Folders, files or patterns, as given to `index`.
        gallery: The gallery's directory, whose changes do not count.
        look_again_ms: How often folders are looked for that the system cannot watch.

    Yields:
        True after a change that has settled, False when a time without changes has passed.

    Raises:
        MissingExtraError: The extra `watch` is not installed.
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        import watchfiles
    except ImportError:
        raise MissingExtraError("stbir index --watch", "watch") from None
    return _changes(watchfiles.watch, paths, gallery, look_again_ms)


def _changes(
    watch: Callable[..., Iterator[set[Any]]], paths: Sequence[Path | str], gallery: Path, look_again_ms: int
) -> Iterator[bool]:
    roots = sorted({_root(path) for path in paths})
    must_poll: bool | None = None
    before = _states(roots)
    while True:
        watched = [root for root, state in before.items() if state is not None] or [str(gallery.parent)]
        try:
            is_late = True
            for batch in watch(
                *watched,
                watch_filter=lambda _, path: not is_below(path, str(gallery)),
                debounce=MAX_SETTLE_MS,
                step=SETTLE_MS,
                rust_timeout=look_again_ms,
                yield_on_timeout=True,
                raise_interrupt=True,
                force_polling=must_poll,
            ):
                now = _states(roots)
                has_moved, before = now != before, now
                yield bool(batch) or has_moved or is_late
                is_late = False
                if has_moved:
                    break
        except OSError:  # more folders than the system watches for one user, or one vanished while the watch began
            must_poll = True
            time.sleep(SETTLE_MS / 1e3)
            before = _states(roots)


def _root(path: Path | str) -> str:
    """The folder or file to watch for what a user named."""
    absolute = os.path.normpath(Path(path).absolute())
    glob = None if Path(absolute).exists() else Glob.parse(absolute)
    return absolute if glob is None else glob.root


def _states(roots: Sequence[str]) -> dict[str, tuple[int, int] | None]:
    """Which folders are there; another one under the same name is another."""
    states: dict[str, tuple[int, int] | None] = {}
    for root in roots:
        try:
            status = Path(root).stat()
            states[root] = (status.st_dev, status.st_ino)
        except OSError:
            states[root] = None
    return states
