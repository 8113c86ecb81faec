"""From a query to hits: `Searcher`, the one path of command line, web and evaluation; and the public `Gallery`.

    Query -> rasterize, tokenise -> encode -> fuse to one vector -> VectorIndex -> Hits (score, parts)

Must not import PyTorch.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stbir.errors import GalleryError, ModelMismatchError, QueryError
from stbir.gallery.catalogue import Entry, IndexReport, ModelMark, Vectors
from stbir.gallery.index import VectorIndex
from stbir.gallery.ingest import COMMIT_ROWS, COMMIT_SECONDS, Progress
from stbir.gallery.lock import writer_lock
from stbir.gallery.scan import is_below
from stbir.gallery.store import Store
from stbir.gallery.update import find_pictures, open_index, read_catalogue, update
from stbir.gallery.verify import Check, verify
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.model.fusion import compose, part_scores
from stbir.query import Hit, Query, Weights
from stbir.strokes import Sketch

SketchLike = Sketch | Path | str | Mapping[str, Any]
WeightsLike = Weights | Mapping[str, float] | str


@dataclass(frozen=True)
class Answer:
    """What a search found and how long it took.

    Attributes:
        hits: Best first.
        encode_ms: Time to turn the query into a vector, milliseconds.
        search_ms: Time to find the hits, milliseconds.
    """

    hits: list[Hit]
    encode_ms: float
    search_ms: float


@dataclass(frozen=True)
class EncodedQuery:
    """A query as vectors.

    Attributes:
        vector: [D], all parts fused by their weights.
        parts: Unit vectors of the given parts: sketch [Ds], text [Dt], image [D].
    """

    vector: Vectors
    parts: dict[str, Vectors]


class Searcher:
    """Answers queries with one model over one index; safe to share between threads.

    Args:
        encoder: The model that made the index's vectors.
        index: Where to search.
    """

    def __init__(self, encoder: Encoder, index: VectorIndex) -> None:
        self.encoder = encoder
        self.index = index

    def encode(self, query: Query) -> EncodedQuery:
        """Turn a query into vectors.

        Args:
            query: What is asked.

        Returns:
            Its fused vector and its parts.
        """
        parts: dict[str, Vectors] = {}
        if query.sketch is not None:
            parts["sketch"] = self.encoder.encode_sketches([query.sketch])[0]
        words = [text for text in (query.text, query.negative) if text is not None]
        encoded = dict(zip(words, self.encoder.encode_texts(words), strict=True)) if words else {}
        if query.text is not None:
            parts["text"] = encoded[query.text]
        if query.image is not None:
            parts["image"] = self.encoder.encode_images([self.encoder.load_image(query.image)])[0]
        negative = None if query.negative is None else encoded[query.negative]
        info = self.encoder.bundle.info
        return EncodedQuery(compose(info.dims, info.fusion.scale, query.weights, negative=negative, **parts), parts)

    def search(
        self, query: Query, top: int = 10, *, where: str | None = None, min_score: float | None = None
    ) -> Answer:
        """Answer a query.

        Args:
            query: What is asked.
            top: How many hits at most.
            where: SQL condition over the catalogue's columns; only pictures that fulfil it are hits.
            min_score: Hits with a lower score are left out.

        Returns:
            The hits and the times.

        Raises:
            QueryError: `top` or `where` cannot be used.
        """
        if top < 1:
            raise QueryError(f"top={top} is out of range: ask for 1 hit or more")
        if where is not None and not where.strip():
            raise QueryError('the filter is empty: write a condition such as "width >= 800" or leave it out')
        started = time.perf_counter()
        encoded = self.encode(query)
        between = time.perf_counter()
        found = self.index.search(encoded.vector, top, where)
        parts = part_scores(self.encoder.bundle.info.dims, found.vectors, **encoded.parts)
        hits = [
            Hit(
                rank=row + 1,
                id=entry.id,
                path=Path(entry.path),
                score=float(found.scores[row]),
                parts={name: float(values[row]) for name, values in parts.items()},
            )
            for row, entry in enumerate(found.entries)
            if min_score is None or found.scores[row] >= min_score
        ]
        ended = time.perf_counter()
        return Answer(hits, encode_ms=(between - started) * 1e3, search_ms=(ended - between) * 1e3)


@dataclass(frozen=True)
class Folder:
    """A folder that was indexed, and how many pictures of it the gallery holds."""

    path: Path
    num_pictures: int


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery is.

    Attributes:
        path: Its directory.
        created: When it was made, ISO 8601.
        num_pictures: How many pictures it holds.
        num_skipped: How many files could not be decoded.
        num_bytes: Its size on disk.
        model: The model that made its vectors.
        folders: Where its pictures lie.
    """

    path: Path
    created: str
    num_pictures: int
    num_skipped: int
    num_bytes: int
    model: ModelMark
    folders: tuple[Folder, ...]


class Gallery:
    """A collection of pictures that can be searched; open one with `Gallery.open`.

    Args:
        path: Its directory.
        store: What lies there; None for a gallery that the first `index` will make.
        model: The model's directory; None takes the model shipped with stbir.
        threads: Threads for encoding; None takes every core.
    """

    def __init__(self, path: Path, store: Store | None, model: Path | str | None, threads: int | None) -> None:
        self.path = path
        self._store = store
        self._model = model
        self._threads = threads
        self._encoder: Encoder | None = None
        self._searcher: Searcher | None = None
        self._token = ""
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        model: Path | str | None = None,
        create: bool = True,
        threads: int | None = None,
    ) -> Gallery:
        """Open a gallery.

        Args:
            path: Its directory.
            model: Directory of a model bundle; None takes the model shipped with stbir.
            create: Whether there need not be a gallery yet; the first `index` then makes it.
            threads: Threads for encoding; None takes every core.

        Returns:
            The gallery.

        Raises:
            GalleryError: There is something else, or (without `create`) nothing.
        """
        store = Store.open(path)
        if store is None and not create:
            raise GalleryError(f"there is no gallery at {path}: make one with stbir index PHOTOS --gallery {path}")
        return cls(Path(path).absolute(), store, model, threads)

    def index(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        exclude: Sequence[str] = (),
        progress: Progress | None = None,
        commit_rows: int = COMMIT_ROWS,
        commit_seconds: float = COMMIT_SECONDS,
    ) -> IndexReport:
        """Bring the gallery up to date with folders of pictures; what is known already costs nothing.

        Args:
            paths: Folders or single pictures.
            exclude: Patterns such as `*/drafts/*` or `*.gif` of what to leave out.
            progress: Told what happens.
            commit_rows: Commit after so many pictures at the latest.
            commit_seconds: Commit after so many seconds at the latest.

        Returns:
            What was done; files that could not be used are listed in it.

        Raises:
            InputError: A path does not exist, or no picture was found.
            ModelMismatchError: The gallery was made with another model.
            GalleryError: It cannot be written; what was committed before stays.
        """
        found = find_pictures([paths] if isinstance(paths, str | os.PathLike) else paths, exclude)
        encoder = self._checked_encoder()
        if self._store is None:
            self._store = Store.create(self.path, ModelMark.of(encoder.bundle.info))
        return update(
            self._store,
            found,
            encoder,
            progress or Progress(),
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
        )

    def search(
        self,
        query: Query | None = None,
        *,
        sketch: SketchLike | None = None,
        text: str | None = None,
        image: Path | str | None = None,
        negative: str | None = None,
        weights: WeightsLike | None = None,
        top: int = 10,
        where: str | None = None,
        min_score: float | None = None,
    ) -> list[Hit]:
        """Find pictures; give a query, or its parts.

        Args:
            query: A complete query; the parts below are then left out.
            sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
            text: Words that should match.
            image: An example picture's file.
            negative: Words that should not match.
            weights: How much each part counts: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.
            top: How many hits at most.
            where: SQL condition over id, path, root, size_bytes, mtime_ns, content_hash, width, height.
            min_score: Hits with a lower score are left out.

        Returns:
            Hits, best first.

        Raises:
            QueryError: The query is empty or contradicts itself.
            SketchError: The drawing cannot be read or is empty.
            ModelMismatchError: The gallery was made with another model.
        """
        parts = {"sketch": sketch, "text": text, "image": image, "negative": negative, "weights": weights}
        if query is None:
            query = make_query(**parts)  # type: ignore[arg-type]
        elif any(value is not None for value in parts.values()):
            raise QueryError("give either a query or its parts, not both")
        return self.answer(query, top, where=where, min_score=min_score).hits

    def answer(
        self, query: Query, top: int = 10, *, where: str | None = None, min_score: float | None = None
    ) -> Answer:
        """Find pictures and say how long it took; arguments as in `search`."""
        return self.searcher().search(query, top, where=where, min_score=min_score)

    def searcher(self) -> Searcher:
        """The searcher over the gallery's present state; commits of other processes are seen at once.

        Raises:
            GalleryError: There is nothing to search yet.
            ModelMismatchError: The gallery was made with another model.
        """
        with self._lock:
            store = self._existing()
            encoder = self._checked_encoder()
            token = store.table.token()
            if self._searcher is None or token != self._token:
                index = open_index(store)
                if len(index) == 0:
                    raise GalleryError(
                        f"the gallery {self.path} holds no pictures: "
                        f"add some with stbir index PHOTOS --gallery {self.path}"
                    )
                self._searcher, self._token = Searcher(encoder, index), token
            return self._searcher

    def entries(self) -> list[Entry]:
        """The whole catalogue, in order of path."""
        return read_catalogue(self._existing())

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """JPEG thumbnails by id; ids that the gallery does not know are left out."""
        return self._existing().table.thumbnails(ids)

    def info(self) -> GalleryInfo:
        """What the gallery is; needs no model."""
        store = self._existing()
        counts: dict[str, int] = {}
        for entry in self.entries():
            counts[entry.root] = counts.get(entry.root, 0) + 1
        return GalleryInfo(
            path=self.path,
            created=store.metadata.created,
            num_pictures=sum(counts.values()),
            num_skipped=len(store.read_skipped()),
            num_bytes=store.num_bytes(),
            model=store.metadata.model,
            folders=tuple(Folder(Path(root), number) for root, number in sorted(counts.items())),
        )

    def remove(self, ids: Sequence[str] = (), *, under: Path | str | None = None, missing: bool = False) -> list[Entry]:
        """Forget pictures; the files are not touched, and an `index` of their folder brings them back.

        Args:
            ids: Which ones, by id.
            under: And all below this folder.
            missing: And all whose file is no longer there.

        Returns:
            What was removed.

        Raises:
            GalleryError: An id is unknown, or the gallery cannot be written.
        """
        store = self._existing()
        with writer_lock(store.path):
            entries = read_catalogue(store)
            if unknown := set(ids) - {entry.id for entry in entries}:
                raise GalleryError(
                    f"the gallery {self.path} has no picture with the id {', '.join(sorted(unknown))}: "
                    "see stbir gallery list"
                )
            folder = None if under is None else os.path.normpath(Path(under).absolute())
            removed = [
                entry
                for entry in entries
                if entry.id in ids
                or (folder is not None and is_below(entry.path, folder))
                or (missing and not Path(entry.path).exists())
            ]
            if removed:
                store.table.delete([entry.id for entry in removed])
                open_index(store)
        return removed

    def verify(self) -> Check:
        """Read every row of the gallery and check it; needs no model."""
        return verify(self._existing())

    def close(self) -> None:
        """Give up the memory held for searching; the gallery can still be used."""
        with self._lock:
            self._searcher = None
            self._encoder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return 0 if self._store is None else len(self.entries())

    def _existing(self) -> Store:
        """The store, looked for again if there was none when the gallery was opened."""
        if self._store is None:
            self._store = Store.open(self.path)
        if self._store is None:
            raise GalleryError(
                f"there is no gallery at {self.path}: make one with stbir index PHOTOS --gallery {self.path}"
            )
        return self._store

    def _checked_encoder(self) -> Encoder:
        """The encoder, if its model is the one that made the gallery."""
        with self._lock:
            if self._encoder is None:
                self._encoder = Encoder(Bundle.load(self._model), self._threads)
            mine = ModelMark.of(self._encoder.bundle.info)
            if self._store is not None and self._store.metadata.model.fingerprint != mine.fingerprint:
                raise ModelMismatchError(
                    f"the gallery {self.path} was made with the model {self._store.metadata.model}, "
                    f"this is the model {mine}: name the gallery's own model with --model, "
                    "or index the pictures into a new gallery"
                )
            return self._encoder


def make_query(
    sketch: SketchLike | None = None,
    text: str | None = None,
    image: Path | str | None = None,
    negative: str | None = None,
    weights: WeightsLike | None = None,
) -> Query:
    """Make a query of what users have: files, stroke data, text.

    Args:
        sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
        text: Words that should match.
        image: An example picture's file.
        negative: Words that should not match.
        weights: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.

    Returns:
        The query.

    Raises:
        QueryError: It is empty or contradicts itself.
        SketchError: The drawing cannot be read or is empty.
    """
    if isinstance(sketch, Mapping):
        sketch = Sketch.from_json(sketch)
    elif isinstance(sketch, str | os.PathLike):
        sketch = Sketch.load(sketch)
    if isinstance(weights, str):
        weights = Weights.parse(weights)
    elif isinstance(weights, Mapping):
        if unknown := set(weights) - set(asdict(Weights())):
            raise QueryError(f"unknown weight {', '.join(sorted(unknown))}: expected sketch, text, image")
        weights = Weights(**weights)
    return Query(
        sketch=sketch,
        text=text,
        image=None if image is None else Path(image),
        negative=negative,
        weights=weights or Weights(),
    )
