"""A gallery as a service sees it: its present state at hand at once, renewed in the background when it changes.

Commits of any process are noticed by the name of the gallery's state, which needs no LanceDB; while a new state is
read, searches go on in the old one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stbir.errors import StbirError
from stbir.gallery.catalogue import Entry
from stbir.search import Gallery, GalleryInfo, Searcher
from stbir.web.rows import Rows

LOOK_EVERY_S = 0.5
FOLDER_ID_DIGITS = 12

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """One state of the gallery.

    Attributes:
        token: Its name.
        info: What the gallery is.
        searcher: None while it holds no pictures.
        folders: The indexed folders by id.
    """

    token: str
    info: GalleryInfo
    searcher: Searcher | None
    folders: dict[str, Path]


class LiveGallery:
    """Follows a gallery; used from one event loop.

    Args:
        gallery: It exists and its model fits.

    Attributes:
        state: The newest state that was read.
        rows: Its rows by id.
        error: Why the last look failed; None if it did not.
        on_state: Called whenever a new state was read.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.state = read_state(gallery)
        self.rows = Rows(gallery.pictures)
        self.error: str | None = None
        self.on_state: Callable[[], None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow changes, and open the table, which takes a second, before a request needs it."""
        self.rows.prepare(["0"])
        self._following = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self.rows.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def refresh(self) -> None:
        """Look at the gallery now, and read its new state if it changed."""
        loop = asyncio.get_running_loop()
        try:
            token = await loop.run_in_executor(self._pool, self.gallery.token)
            if token != self.state.token:
                self.state = await loop.run_in_executor(self._pool, read_state, self.gallery)
                if self.on_state is not None:
                    self.on_state()
                self.rows.forget()
            self.error = None
        except StbirError as error:
            if self.error is None:
                logger.warning("the gallery cannot be read: %s", error)
            self.error = str(error)

    async def _follow(self) -> None:
        """Look again and again; a gallery that takes long to read is looked at less often."""
        while True:
            started = time.monotonic()
            try:
                await self.refresh()
            except Exception:
                logger.exception("following the gallery failed")
            await asyncio.sleep(max(LOOK_EVERY_S, 3 * (time.monotonic() - started)))


def read_state(gallery: Gallery) -> State:
    """Read a gallery's present state.

    Raises:
        GalleryError: It cannot be read, or was made with another model.
    """
    token = gallery.token()
    info = gallery.info()
    searcher = gallery.searcher() if info.num_pictures else None
    folders = {folder_id(str(folder.path)): folder.path for folder in info.folders}
    return State(token, info, searcher, folders)


def folder_id(root: str) -> str:
    """A folder's name for clients, who never send paths."""
    return hashlib.sha256(root.encode()).hexdigest()[:FOLDER_ID_DIGITS]


def shown_path(entry: Entry, *, is_full: bool) -> str:
    """A picture's path for clients: as it is, or below its indexed folder, which is named without where it lies."""
    if is_full:
        return entry.path
    root = Path(entry.root)
    path = Path(entry.path)
    below = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return str(Path(root.name) / below)
