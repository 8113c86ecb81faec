"""Rows of the gallery by id, read from the table in shared batches and kept within a bounded memory.

A page of results asks for dozens of thumbnails at once; one statement reads them all. Methods are called from one event
loop, reading happens in a thread.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from stbir.gallery.catalogue import Picture

GATHER_S = 0.002
MAX_KEPT_BYTES = 64_000_000
MAX_ROWS_AT_ONCE = 200
ROW_BYTES = 500

Read = Callable[[Sequence[str]], dict[str, Picture]]


class Rows:
    """Reads rows and keeps the ones used last.

    Args:
        read: Reads rows by id; unknown ids are left out.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._kept: OrderedDict[str, Picture] = OrderedDict()
        self._kept_bytes = 0
        self._waiting: list[str] = []
        self._wanted: dict[str, asyncio.Future[Picture | None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._generation = 0

    async def get(self, picture_id: str) -> Picture | None:
        """A row; None if there is none with this id.

        Raises:
            GalleryError: The table cannot be read.
        """
        kept = self._kept.get(picture_id)
        if kept is not None:
            self._kept.move_to_end(picture_id)
            return kept
        self.prepare([picture_id])
        return await asyncio.shield(self._wanted[picture_id])

    def prepare(self, ids: Sequence[str]) -> None:
        """Begin to read rows that will be asked for soon."""
        fresh = [each for each in ids if each not in self._kept and each not in self._wanted]
        loop = asyncio.get_running_loop()
        for picture_id in fresh:
            self._wanted[picture_id] = loop.create_future()
            self._wanted[picture_id].add_done_callback(_notice)
        self._waiting.extend(fresh)
        if self._waiting and self._reading is None:
            self._reading = loop.create_task(self._read_waiting())

    def forget(self) -> None:
        """Drop what is kept: the gallery changed."""
        self._generation += 1
        self._kept.clear()
        self._kept_bytes = 0

    async def stop(self) -> None:
        """Give up what waits and end the thread."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def _read_waiting(self) -> None:
        """Body of the one task that reads while something waits."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(GATHER_S)
        while self._waiting:
            ids, self._waiting = self._waiting[:MAX_ROWS_AT_ONCE], self._waiting[MAX_ROWS_AT_ONCE:]
            generation = self._generation
            try:
                found = await loop.run_in_executor(self._pool, self._read, ids)
            except Exception as error:  # noqa: BLE001  (belongs to those who wait for the rows)
                self._settle(ids, {}, error)
                continue
            if generation == self._generation:
                self._keep(found)
            self._settle(ids, found)
        self._reading = None

    def _settle(self, ids: Sequence[str], found: dict[str, Picture], error: Exception | None = None) -> None:
        for picture_id in ids:
            future = self._wanted.pop(picture_id)
            if future.done():
                continue
            if error is None:
                future.set_result(found.get(picture_id))
            else:
                future.set_exception(error)

    def _keep(self, found: dict[str, Picture]) -> None:
        for picture_id, picture in found.items():
            self._kept[picture_id] = picture
            self._kept_bytes += _num_bytes(picture)
        while self._kept_bytes > MAX_KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= _num_bytes(oldest)


def _num_bytes(picture: Picture) -> int:
    return len(picture.thumbnail) + picture.vector.nbytes + ROW_BYTES


def _notice(done: asyncio.Future[Picture | None]) -> None:
    """Look at a future's error, which nobody else does where the row was only prepared."""
    if not done.cancelled():
        done.exception()
