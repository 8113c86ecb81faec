"""What the service does, without HTTP: search, explain, describe. One object for each application."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from stbir.explain import Explanation, explain_encoded
from stbir.gallery.catalogue import COLUMNS, PATH_COLUMNS, Picture
from stbir.model.encoder import Encoder
from stbir.pages import Page, find_page
from stbir.search import Gallery
from stbir.searcher import EncodedQuery
from stbir.strokes import Sketch
from stbir.web.asking import PICTURE_ID, Reader
from stbir.web.encoding import BatchEncoder
from stbir.web.examples import examples_for
from stbir.web.finding import condition
from stbir.web.gates import Gate
from stbir.web.jobs import Indexing
from stbir.web.live import LiveGallery, shown_path
from stbir.web.observe import Metrics
from stbir.web.problems import Problem
from stbir.web.schemas import (
    ExamplesOut,
    ExplainIn,
    ExplainOut,
    FilterChoices,
    FolderOut,
    GalleryOut,
    HeatmapOut,
    HitOut,
    LimitsOut,
    ModelOut,
    QueryOut,
    SearchIn,
    SearchOut,
    TookMs,
    WordOut,
)
from stbir.web.settings import Settings


class Service:
    """Answers over one gallery; used from one event loop.

    Args:
        gallery: It exists and its model fits.
        settings: The rules.

    Raises:
        GalleryError: The gallery cannot be read.
    """

    def __init__(self, gallery: Gallery, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.live = LiveGallery(gallery)
        self.encoder: Encoder = gallery.encoder()
        self.indexing = Indexing(gallery, settings.exclude)
        self.is_stopping = False
        num_threads = settings.threads or num_cores()
        self.batches = BatchEncoder(
            self.encoder,
            num_workers=num_threads,
            max_waiting=4 * settings.max_searches,
            gather_s=settings.gather_ms / 1e3,
            observe=self.metrics.observe_batch,
        )
        self.searches = Gate("searches", settings.max_searches)
        self.pictures = Gate("pictures to decode", settings.max_pictures)
        self.reader = Reader(self.encoder, self.batches, self.live.rows, settings.limits, self.pictures, num_threads)
        self.explanations = Gate("explanations", settings.max_explanations)
        self._explainer = ThreadPoolExecutor(1, thread_name_prefix="explain")
        self._runs = ThreadPoolExecutor(num_threads, thread_name_prefix="explain-run")
        self._finders = ThreadPoolExecutor(num_threads, thread_name_prefix="find")

    async def start(self) -> None:
        """Load what searches need, and in the background what explanations need; begin to follow the gallery."""
        self.live.start()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._finders, self.encoder.warm_up, "sketch", "text")
        if self.live.on_state is not None:
            self.live.on_state()
        self._warming = loop.run_in_executor(self._explainer, self.encoder.warm_up, "image")

    def begin_to_stop(self) -> None:
        """Say that the service is no longer ready, and end streams; requests are still answered."""
        self.is_stopping = True
        self.indexing.end_streams()

    async def stop(self) -> None:
        """Finish what runs and end the threads."""
        self.is_stopping = True
        await self.indexing.stop()
        await self.live.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    async def search(self, asked: SearchIn, *, shows_pictures: bool = False) -> SearchOut:
        """Answer a search.

        Args:
            asked: The search.
            shows_pictures: Whether thumbnails of the hits will be asked for, so that reading them may begin.

        Returns:
            What was found.

        Raises:
            StbirError: The query cannot be used.
            Problem: The service is busy, or the example is unknown.
        """
        limits = self.settings.limits
        if asked.top > limits.max_top or asked.offset > limits.max_offset:
            most = f"{limits.max_top} and {limits.max_offset}"
            raise Problem(422, f"top={asked.top} and offset={asked.offset} are too large: at most {most}")
        if asked.where is not None and len(asked.where) > limits.max_characters:
            raise Problem(422, f"where has more than the {limits.max_characters:,} characters allowed: write less")
        with self.searches.entered():
            started = time.perf_counter()
            question = await self.reader.read(asked)
            between = time.perf_counter()
            state = self.live.state
            where = condition(asked.where, asked.filters, state, shows_paths=self.settings.shows_paths)
            page = Page.empty()
            if state.searcher is not None:
                query = state.searcher.fuse(question.parts, question.weights, question.negative)
                find = partial(
                    find_page,
                    state.searcher,
                    query,
                    top=asked.top,
                    offset=asked.offset,
                    where=where,
                    min_score=asked.min_score,
                    folds=asked.fold_duplicates,
                )
                page = await asyncio.get_running_loop().run_in_executor(self._finders, find)
            if shows_pictures:
                self.live.rows.prepare([shown.hit.id for shown in page.shown])
            ended = time.perf_counter()
        return SearchOut(
            query=_query_out(asked),
            took_ms=TookMs(
                encode=_ms(between - started), search=_ms(ended - between), total=_ms(time.perf_counter() - started)
            ),
            total_estimate=state.info.num_pictures,
            next_offset=page.next_offset,
            hits=self._hits(page),
        )

    async def explain(self, asked: ExplainIn) -> ExplainOut:
        """Say why a picture is found.

        Raises:
            StbirError: The query cannot be used.
            Problem: The service is busy, or the picture is unknown.
        """
        with self.explanations.entered():
            started = time.perf_counter()
            question, picture = await asyncio.gather(self.reader.read(asked), self.picture(asked.id))
            searcher = self.live.state.searcher
            if searcher is None:
                raise Problem(404, "the gallery holds no pictures: index some first")
            query = searcher.fuse(question.parts, question.weights, question.negative)
            work = partial(
                _explain,
                self.encoder,
                query,
                picture.thumbnail,
                sketch=question.sketch,
                text=question.text,
                pool=self._runs,
            )
            found = await asyncio.get_running_loop().run_in_executor(self._explainer, work)
            return explain_out(asked.id, found, _ms(time.perf_counter() - started))

    async def picture(self, picture_id: str) -> Picture:
        """A picture's row.

        Raises:
            Problem: The gallery does not know the id.
        """
        picture = await self.live.rows.get(picture_id) if PICTURE_ID.fullmatch(picture_id) else None
        if picture is None:
            raise Problem(404, f"the gallery has no picture with the id {picture_id[:40]!r}: search again")
        return picture

    def describe(self) -> GalleryOut:
        """What the gallery is."""
        state, settings = self.live.state, self.settings
        info = state.info
        sketch = self.encoder.bundle.info.sketch
        counts = {folder.path: folder.num_pictures for folder in info.folders}
        folders = [
            FolderOut(id=each, name=path.name or str(path), num_pictures=counts[path])
            for each, path in state.folders.items()
        ]
        columns = [name for name in COLUMNS if settings.shows_paths or name not in PATH_COLUMNS]
        return GalleryOut(
            name=info.path.name,
            num_pictures=info.num_pictures,
            num_skipped=info.num_skipped,
            num_bytes=info.num_bytes,
            created=info.created,
            model=ModelOut(name=info.model.name, version=info.model.version, fingerprint=info.model.fingerprint),
            folders=folders,
            version=state.token,
            line_width_share=sketch.line_width_px / (sketch.size_px * (1 - 2 * sketch.margin)),
            filters=FilterChoices(folders=folders, columns=columns),
            limits=LimitsOut(**settings.limits.model_dump(include=set(LimitsOut.model_fields))),
            is_writable=settings.is_writable,
            auth=bool(settings.keys),
        )

    async def examples(self) -> ExamplesOut:
        """Queries to begin with."""
        return await examples_for(self.live.rows)

    def start_indexing(self, folders: list[str] | None) -> str:
        """Index folders again.

        Args:
            folders: Their ids; None for all.

        Returns:
            The job's name.

        Raises:
            Problem: That is not allowed, a folder is unknown, or a run is going on.
        """
        if not self.settings.is_writable:
            raise Problem(403, "this service may not change its gallery: run stbir index where the gallery lies")
        known = self.live.state.folders
        chosen = list(known) if folders is None else folders
        if unknown := [each for each in chosen if each not in known]:
            raise Problem(404, f"the gallery has no folder with the id {', '.join(unknown[:3])}: see GET /api/gallery")
        if not chosen:
            raise Problem(409, "the gallery knows no folder yet: run stbir index PHOTOS --gallery DIR first")
        return self.indexing.start([known[each] for each in dict.fromkeys(chosen)])

    def metrics_text(self) -> bytes:
        """All metrics."""
        self.metrics.waiting.set(len(self.batches))
        self.metrics.kept.set(self.batches.num_hits)
        self.metrics.encoded.set(self.batches.num_misses)
        self.metrics.pictures.set(self.live.state.info.num_pictures)
        return self.metrics.as_text()

    def _hits(self, page: Page) -> list[HitOut]:
        hits = []
        for shown in page.shown:
            entry, hit = page.found.entries[shown.row], shown.hit
            hits.append(
                HitOut(
                    rank=hit.rank,
                    id=hit.id,
                    name=Path(entry.path).name,
                    path=shown_path(entry, is_full=self.settings.shows_paths),
                    score=round(hit.score, 6),
                    parts={name: round(value, 6) for name, value in hit.parts.items()},
                    width=entry.width,
                    height=entry.height,
                    num_duplicates=hit.num_duplicates,
                )
            )
        return hits

    def _close(self) -> None:
        self.batches.close()
        self.reader.close()
        for pool in (self._finders, self._explainer, self._runs):
            pool.shutdown(wait=True, cancel_futures=True)


def num_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _explain(
    encoder: Encoder, query: EncodedQuery, thumbnail: bytes, *, sketch: Sketch | None, text: str | None, pool: Executor
) -> Explanation:
    """Explain with the stored thumbnail, which is large enough for the model and there even if the file is not."""
    picture = encoder.load_image(thumbnail)
    return explain_encoded(encoder, query, picture, sketch=sketch, text=text, pool=pool)


def explain_out(picture_id: str, found: Explanation, took_ms: float) -> ExplainOut:
    """An explanation as clients get it."""
    heatmaps = {
        name: HeatmapOut(rows=heat.shape[0], columns=heat.shape[1], values=np.round(heat, 3).tolist())
        for name, heat in found.heatmaps.items()
    }
    words = [WordOut(word=w.word, start=w.start, end=w.end, weight=round(w.weight, 3)) for w in found.words]
    return ExplainOut(
        id=picture_id,
        took_ms=took_ms,
        score=round(found.score, 6),
        parts={name: round(value, 6) for name, value in found.parts.items()},
        heatmaps=heatmaps,
        words=words,
        strokes=[round(weight, 3) for weight in found.strokes],
    )


def _query_out(asked: SearchIn) -> QueryOut:
    drawn = "strokes" if asked.strokes is not None else "picture" if asked.sketch_picture is not None else None
    example = None
    if asked.image is not None:
        example = asked.image if PICTURE_ID.fullmatch(asked.image) else "picture"
    return QueryOut(
        sketch=drawn,
        text=asked.text,
        image=example,
        negative=asked.negative,
        weights=asked.weights,
        where=asked.where,
        min_score=asked.min_score,
        top=asked.top,
        offset=asked.offset,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
