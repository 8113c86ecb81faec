"""Encode what several requests ask for in shared batches, and keep what was encoded.

In: a part of a query (drawing, words, picture) with a key that names its content. Out: its unit vector. Worker threads
take what waits for one tower, up to a batch; a part that is known, or on its way for another request, costs nothing.
The queue is bounded: a full one raises `Problem` with status 503. Must not know of HTTP otherwise.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stbir.gallery.catalogue import Vectors
from stbir.model.encoder import Encoder
from stbir.web.problems import overloaded

# Small batches keep what the towers of drawings and pictures work on in the processor's cache; words gain from larger.
MAX_BATCH = {"sketch": 6, "text": 16, "image": 2}
MAX_KEPT = 4096

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Job:
    """A part that waits to be encoded; `key` is its tower and its content's name."""

    key: Key
    value: Any
    future: asyncio.Future[Vectors]
    loop: asyncio.AbstractEventLoop


class BatchEncoder:
    """Encodes parts of queries; its methods are called from one event loop.

    Args:
        encoder: The gallery's model.
        num_workers: Batches at the same time.
        max_waiting: Parts that may wait.
        gather_s: How long the first part of a batch waits for others.
        observe: Told the tower and the size of every batch.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        num_workers: int = 1,
        max_waiting: int = 256,
        gather_s: float = 0.0,
        observe: Callable[[str, int], None] | None = None,
    ) -> None:
        self._run: dict[str, Callable[[Sequence[Any]], Vectors]] = {
            "sketch": encoder.encode_sketches,
            "text": encoder.encode_texts,
            "image": encoder.encode_images,
        }
        self._max_waiting = max_waiting
        self._gather_s = gather_s
        self._observe = observe
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._kept: OrderedDict[Key, Vectors] = OrderedDict()
        self._running: dict[Key, asyncio.Future[Vectors]] = {}
        self.num_hits = 0
        self.num_misses = 0
        self._workers = [
            threading.Thread(target=self._work, name=f"encode-{number}", daemon=True) for number in range(num_workers)
        ]
        for worker in self._workers:
            worker.start()

    def __len__(self) -> int:
        """Parts that wait."""
        return len(self._waiting)

    async def encode(self, tower: str, name: str, value: Any) -> Vectors:
        """Encode one part.

        Args:
            tower: sketch, text or image.
            name: Names the content: equal names have equal values.
            value: A `Sketch`, a string, or an RGB picture.

        Returns:
            Its unit vector.

        Raises:
            Problem: Too much waits already.
        """
        key = (tower, name)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.num_hits += 1
            return kept
        running = self._running.get(key)
        if running is None:
            self.num_misses += 1
            running = self._enqueue(key, value)
        else:
            self.num_hits += 1
        return await asyncio.shield(running)

    def close(self) -> None:
        """Stop the workers once nothing waits any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(timeout=10)

    def _enqueue(self, key: Key, value: Any) -> asyncio.Future[Vectors]:
        if len(self._waiting) >= self._max_waiting:
            raise overloaded("too many queries wait to be encoded")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Vectors] = loop.create_future()
        self._running[key] = future
        future.add_done_callback(lambda done: self._keep(key, done))
        with self._changed:
            self._waiting.append(_Job(key, value, future, loop))
            self._changed.notify_all()
        return future

    def _keep(self, key: Key, done: asyncio.Future[Vectors]) -> None:
        self._running.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._kept[key] = done.result()
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

    def _work(self) -> None:
        """Body of a worker thread."""
        while batch := self._next_batch():
            tower = batch[0].key[0]
            try:
                vectors = self._run[tower]([job.value for job in batch])
                outcomes: Sequence[Any] = [vector.copy() for vector in vectors]
            except Exception as error:  # noqa: BLE001  (whatever it is belongs to those who wait, not to the worker)
                outcomes = [error] * len(batch)
            if self._observe is not None:
                self._observe(tower, len(batch))
            for job, outcome in zip(batch, outcomes, strict=True):
                _settle(job, outcome)

    def _next_batch(self) -> list[_Job]:
        """Jobs of one tower, the longest waiting first; empty when the encoder is closed."""
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return []
                self._changed.wait()
            tower = self._waiting[0].key[0]
            size = MAX_BATCH[tower]
            batch = self._take(tower, size)
            until = time.monotonic() + self._gather_s
            while len(batch) < size and (left := until - time.monotonic()) > 0 and not self._is_closed:
                self._changed.wait(left)
                batch += self._take(tower, size - len(batch))
            if self._waiting:
                self._changed.notify_all()
            return batch

    def _take(self, tower: str, number: int) -> list[_Job]:
        taken = [job for job in self._waiting if job.key[0] == tower][:number]
        for job in taken:
            self._waiting.remove(job)
        return taken


def _settle(job: _Job, outcome: Any) -> None:
    """Hand an outcome over to the event loop that waits for it, if it still runs."""

    def settle() -> None:
        if job.future.done():
            return
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)

    try:
        job.loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
