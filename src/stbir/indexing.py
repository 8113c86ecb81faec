"""Indexing as an iterator: what happens, one event at a time, for programs and notebooks that show it their own way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stbir.gallery.catalogue import IndexReport
from stbir.gallery.ingest import Progress

MAX_WAITING = 1000


@dataclass(frozen=True)
class IndexEvent:
    """One thing that happened while indexing.

    Attributes:
        num_done: Files read so far.
        total: Files to read.
        skipped: The file that cannot be used, if that is what happened.
        reason: Why it cannot.
        report: What was done in all; only in the last event.
    """

    num_done: int
    total: int
    skipped: Path | None = None
    reason: str | None = None
    report: IndexReport | None = None


class _Stopped(KeyboardInterrupt):
    """Nobody listens any more: indexing ends like with Ctrl-C, and keeps what is encoded."""


class _Telling(Progress):
    """Puts what happens into a queue."""

    def __init__(self, events: queue.Queue[IndexEvent | None]) -> None:
        self._events = events
        self._total = 0
        self.num_done = 0
        self.is_left = threading.Event()

    def start(self, total: int) -> None:
        self._total = total
        self.tell(IndexEvent(0, total))

    def advance(self) -> None:
        self.num_done += 1
        self.tell(IndexEvent(self.num_done, self._total))

    def skip(self, path: Path, reason: str) -> None:
        self.tell(IndexEvent(self.num_done, self._total, path, reason))

    def finish(self, report: IndexReport) -> None:
        self.tell(IndexEvent(self.num_done, self._total, report=report))

    def tell(self, event: IndexEvent) -> None:
        while True:
            if self.is_left.is_set():
                raise _Stopped
            try:
                self._events.put(event, timeout=0.1)
            except queue.Full:
                continue
            return


def iterate_index(run: Callable[[Progress], IndexReport]) -> Iterator[IndexEvent]:
    """Run indexing in a thread and pass on what happens.

    Args:
        run: Indexes, telling a `Progress`.

    Yields:
        Events; the last one holds the report.

    Raises:
        StbirError: What indexing raised.
    """
    events: queue.Queue[IndexEvent | None] = queue.Queue(MAX_WAITING)
    telling = _Telling(events)
    failure: list[BaseException] = []

    def work() -> None:
        try:
            telling.finish(run(telling))
        except BaseException as error:  # noqa: BLE001  (raised again where the events are read)
            failure.append(error)
        finally:
            while not telling.is_left.is_set():
                try:
                    events.put(None, timeout=0.1)
                except queue.Full:
                    continue
                break

    thread = threading.Thread(target=work, name="index")
    thread.start()
    try:
        while (event := events.get()) is not None:
            yield event
    finally:
        telling.is_left.set()
        thread.join()
    if failure:
        raise failure[0]
