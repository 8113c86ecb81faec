"""Indexing in the background: at most one run at a time, its progress as a stream of server-sent events.

Only folders that the gallery knows already are indexed again; a client never names a path.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from stbir.errors import StbirError
from stbir.gallery.catalogue import IndexReport
from stbir.gallery.ingest import Progress
from stbir.search import Gallery
from stbir.web.observe import LOGGER
from stbir.web.problems import Problem, one_line, overloaded
from stbir.web.schemas import IndexStateOut

EVENT_EVERY_S = 0.25
SIGN_OF_LIFE_S = 15.0
MAX_LISTENERS = 64

logger = logging.getLogger(LOGGER)
Stage = Literal["idle", "scanning", "indexing", "done", "stopped", "failed"]


class Run(Progress):
    """Counts what an indexing thread does; read from the event loop.

    Attributes:
        job: The run's name.
        stage: How far it is.
        message: What was done, or why it failed.
    """

    def __init__(self) -> None:
        self.job = uuid.uuid4().hex[:12]
        self.stage: Stage = "scanning"
        self.message: str | None = None
        self._num_done = self._total = self._num_skipped = 0
        self._started = self._ended = time.monotonic()
        self._stop = threading.Event()

    def start(self, total: int) -> None:
        """The scan is done."""
        self._total = total
        self._started = time.monotonic()
        self.stage = "indexing"

    def advance(self) -> None:
        """One more file is done.

        Raises:
            KeyboardInterrupt: The service stops; what is decoded is committed, as after Ctrl-C.
        """
        self._num_done += 1
        self._ended = time.monotonic()
        if self._stop.is_set():
            raise KeyboardInterrupt

    def skip(self, path: Path, reason: str) -> None:  # noqa: ARG002 - the signature of Progress
        """A file cannot be used."""
        self._num_skipped += 1

    def stop(self) -> None:
        """Ask the thread to end soon."""
        self._stop.set()

    def state(self) -> IndexStateOut:
        """How far the run is."""
        seconds = self._ended - self._started
        rate = self._num_done / seconds if seconds > 0 else 0.0
        left = self._total - self._num_done
        return IndexStateOut(
            job=self.job,
            state=self.stage,
            done=self._num_done,
            total=self._total,
            rate=round(rate, 1),
            skipped=self._num_skipped,
            time_left_s=round(left / rate, 1) if rate > 0 and self.stage == "indexing" else None,
            message=self.message,
        )


class Indexing:
    """Runs indexing for one gallery.

    Args:
        gallery: The gallery.
        exclude: Patterns that are left out.
    """

    def __init__(self, gallery: Gallery, exclude: Sequence[str] = ()) -> None:
        self._gallery = gallery
        self._exclude = exclude
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._num_listeners = 0
        self._is_stopping = False

    def state(self) -> IndexStateOut:
        """How far the last run is."""
        if self._run is not None:
            return self._run.state()
        return IndexStateOut(
            job=None, state="idle", done=0, total=0, rate=0.0, skipped=0, time_left_s=None, message=None
        )

    def start(self, folders: Sequence[Path]) -> str:
        """Begin to index folders.

        Returns:
            The run's name.

        Raises:
            Problem: One runs already.
        """
        if self._run is not None and self._run.stage in ("scanning", "indexing"):
            raise Problem(409, f"the gallery is being indexed (job {self._run.job}): wait until that is done")
        run = self._run = Run()
        self._task = asyncio.get_running_loop().create_task(self._work(run, folders))
        return run.job

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: the state now and whenever it changes, and a sign of life now and then.

        Raises:
            Problem: Too many listen already.
        """
        self._num_listeners += 1
        try:
            last, sent = "", 0.0
            while not self._is_stopping:
                text = self.state().model_dump_json()
                if text != last:
                    yield f"event: state\ndata: {text}\n\n"
                    last, sent = text, time.monotonic()
                elif time.monotonic() - sent > SIGN_OF_LIFE_S:
                    yield ": still here\n\n"
                    sent = time.monotonic()
                await asyncio.sleep(EVENT_EVERY_S)
        finally:
            self._num_listeners -= 1

    def check_listeners(self) -> None:
        """Refuse one more listener where there are too many.

        Raises:
            Problem: There are.
        """
        if self._num_listeners >= MAX_LISTENERS:
            raise overloaded(f"{MAX_LISTENERS} clients watch the indexing already", 30)

    def end_streams(self) -> None:
        """Let the streams of events end, so that the service can stop."""
        self._is_stopping = True

    async def stop(self) -> None:
        """End the streams and the run; what it has done is kept."""
        self.end_streams()
        if self._run is not None:
            self._run.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def _work(self, run: Run, folders: Sequence[Path]) -> None:
        index = functools.partial(_index, self._gallery, folders, self._exclude, run)
        try:
            report = await asyncio.get_running_loop().run_in_executor(self._pool, index)
        except StbirError as error:
            run.message, run.stage = one_line(str(error)), "failed"
        except Exception:
            logger.exception("indexing failed", extra={"fields": {"job": run.job}})
            run.message, run.stage = "a bug in the service: its log says more", "failed"
        else:
            if report is None:
                run.message, run.stage = "stopped; what was done is kept", "stopped"
            else:
                run.message, run.stage = summary(report), "done"
        logger.info("indexed", extra={"fields": {"job": run.job, "state": run.stage, "summary": run.message}})


def summary(report: IndexReport) -> str:
    """What a run did, in a line."""
    names = ("added", "changed", "moved", "removed", "unchanged")
    counts = [f"{getattr(report, name):,} {name}" for name in names if getattr(report, name)]
    if report.skipped:
        counts.append(f"{len(report.skipped):,} skipped")
    return f"{', '.join(counts) or 'nothing to do'} in {report.seconds:.1f} s"


def _index(gallery: Gallery, folders: Sequence[Path], exclude: Sequence[str], run: Run) -> IndexReport | None:
    """Body of the indexing thread; None if it was stopped."""
    try:
        return gallery.index(list(folders), exclude=exclude, progress=run)
    except KeyboardInterrupt:
        return None
