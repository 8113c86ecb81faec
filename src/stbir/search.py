"""The public `Gallery`: a collection of pictures that is indexed, searched and kept; and what answers its queries.

Must not import PyTorch.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stbir.errors import GalleryError, InputError, QueryError
from stbir.gallery.catalogue import Entry, IndexReport, ModelMark, Picture
from stbir.gallery.decode import Decoder
from stbir.gallery.ingest import COMMIT_ROWS, COMMIT_SECONDS, Progress
from stbir.gallery.milvus.address import Address
from stbir.gallery.ray import RayDecoder
from stbir.gallery.store import Store
from stbir.gallery.table import PictureTable
from stbir.gallery.update import check_model, find_pictures, open_index, read_catalogue, update
from stbir.hits import Hits
from stbir.indexing import IndexEvent, iterate_index
from stbir.keeping import Keeping
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.naming import TEXT_COLUMNS, NameSignal
from stbir.pages import check_page, find_page, rows_for
from stbir.query import Query
from stbir.searcher import Answer, EncodedQuery, Searcher, SketchLike, WeightsLike, check_search, make_query

__all__ = ["Answer", "EncodedQuery", "Folder", "Gallery", "GalleryInfo", "Searcher", "make_query"]


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
        store: Where its pictures lie if not in the directory; `num_bytes` does not count them then.
    """

    path: Path
    created: str
    num_pictures: int
    num_skipped: int
    num_bytes: int
    model: ModelMark
    folders: tuple[Folder, ...]
    store: str | None = None


class Gallery(Keeping):
    """A collection of pictures that can be searched; open one with `Gallery.open`.

    Args:
        path: Its directory.
        store: What lies there; None for a gallery that the first `index` will make.
        model: The model's directory; None takes the model shipped with stbir.
        threads: Threads for encoding; None takes every core.
        read_only: Whether nothing may be written to it.
        address: Where the pictures of a gallery that is still to be made will lie; None for its directory.
    """

    def __init__(
        self,
        path: Path,
        store: Store | None,
        model: Path | str | None,
        threads: int | None,
        read_only: bool = False,
        address: str | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._address = address
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
        read_only: bool = False,
        store: str | None = None,
    ) -> Gallery:
        """Open a gallery.

        Args:
            path: Its directory.
            model: Directory of a model bundle; None takes the model shipped with stbir.
            create: Whether there need not be a gallery yet; the first `index` then makes it.
            threads: Threads for encoding; None takes every core.
            read_only: Whether nothing is written to it, not even a copy for quicker opening.
            store: Where the pictures of a new gallery are to lie, such as `milvus://host:19530/collection`; None for
                its directory. A gallery that is there already knows it.

        Returns:
            The gallery.

        Raises:
            GalleryError: There is something else, or (without `create`) nothing, or its pictures lie elsewhere.
            InputError: `store` is no address.
        """
        present = Store.open(path)
        address = None if store is None else str(Address.parse(store))
        if present is None and (read_only or not create):
            raise GalleryError(f"there is no gallery at {path}: make one with stbir index PHOTOS --gallery {path}")
        if present is not None and address not in (None, present.metadata.store):
            raise GalleryError(
                f"the gallery {path} keeps its pictures in {present.metadata.store or 'its directory'}, not in "
                f"{address}: leave --store out, or name a new directory"
            )
        return cls(Path(path).absolute(), present, model, threads, read_only, address)

    def index(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        exclude: Sequence[str] = (),
        hidden: bool = False,
        follow_links: bool = False,
        progress: Progress | None = None,
        commit_rows: int = COMMIT_ROWS,
        commit_seconds: float = COMMIT_SECONDS,
        ray: str | None = None,
    ) -> IndexReport:
        """Bring the gallery up to date with folders of pictures; what is known already costs nothing.

        Args:
            paths: Folders, single pictures, zip and tar archives, or patterns such as `photos/**/*.jpg`.
            exclude: Patterns such as `*/drafts/*` or `*.gif` of what to leave out.
            hidden: Whether files and folders whose name begins with a dot count.
            follow_links: Whether links to folders are followed, each folder once.
            progress: Told what happens.
            commit_rows: Commit after so many pictures at the latest.
            commit_seconds: Commit after so many seconds at the latest.
            ray: Encode on this Ray cluster: `auto`, `local`, or its address; None encodes here.

        Returns:
            What was done; files that could not be used are listed in it.

        Raises:
            InputError: A path does not exist, or no picture was found.
            ModelMismatchError: The gallery was made with another model.
            GalleryError: It cannot be written; what was committed before stays.
        """
        self._check_writable()
        store = self._refreshed()
        found = find_pictures(
            [paths] if isinstance(paths, str | os.PathLike) else paths,
            exclude,
            store,
            hidden=hidden,
            follow_links=follow_links,
        )
        return update(
            self.path,
            found,
            self._checked_encoder(store),
            progress or Progress(),
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
            address=self._address,
            decoder=Decoder if ray is None else partial(RayDecoder, ray),
        )

    def add(self, pictures: Path | str | Sequence[Path | str], *, progress: Progress | None = None) -> IndexReport:
        """Add pictures by their files; nothing else of the gallery is looked at, and nothing dropped.

        Args:
            pictures: Files.
            progress: Told what happens.

        Raises:
            InputError: A path does not exist, or is a folder.
        """
        files = [Path(each) for each in ([pictures] if isinstance(pictures, str | os.PathLike) else pictures)]
        if folders := [file for file in files if file.is_dir()]:
            raise InputError(f"{folders[0]} is a folder: give the files of pictures, or call index")
        return self.index(files, progress=progress)

    def index_iter(self, paths: Path | str | Sequence[Path | str], **options: Any) -> Iterator[IndexEvent]:
        """As `index`, telling what happens while it does; the last event holds the report.

        Left early, indexing stops like with Ctrl-C: what is encoded is kept.

        Args:
            paths: As in `index`.
            options: As in `index`, `progress` aside.

        Yields:
            One event for each picture that was read or skipped, with how far it is.
        """
        return iterate_index(lambda progress: self.index(paths, progress=progress, **options))

    def search(
        self,
        query: Query | None = None,
        *,
        sketch: SketchLike | None = None,
        text: str | None = None,
        image: Path | str | None = None,
        like: str | None = None,
        negative: str | None = None,
        weights: WeightsLike | None = None,
        top: int = 10,
        offset: int = 0,
        where: str | None = None,
        min_score: float | None = None,
        fold_duplicates: bool = True,
        names: float = 0.0,
    ) -> Hits:
        """Find pictures; give a query, or its parts.

        Args:
            query: A complete query; its parts (sketch to weights) are then left out.
            sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
            text: Words that should match.
            image: An example picture's file.
            like: An example from the gallery itself: a picture's id. It is no hit.
            negative: Words that should not match; pictures that fit them rank lower.
            weights: How much each part counts: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.
            top: How many hits at most.
            offset: Where to go on: `next_offset` of the hits before.
            where: SQL condition over the columns of the catalogue and your own.
            min_score: Hits with a lower score are left out.
            fold_duplicates: Whether pictures that look the same are shown once, with their number.
            names: Bonus, 0 to 1, of a picture whose name or caption holds the words of `text`.

        Returns:
            Hits, best first.

        Raises:
            QueryError: The query is empty or contradicts itself.
            SketchError: The drawing cannot be read or is empty.
            ModelMismatchError: The gallery was made with another model.
        """
        parts = {
            "sketch": sketch,
            "text": text,
            "image": image,
            "negative": negative,
            "weights": weights,
            "like": like,
        }
        if query is None:
            query = make_query(**parts)  # type: ignore[arg-type]
        elif any(value is not None for value in parts.values()):
            raise QueryError("give either a query or its parts, not both")
        answer = self.answer(
            query,
            top,
            offset=offset,
            where=where,
            min_score=min_score,
            fold_duplicates=fold_duplicates,
            names=names,
        )
        return Hits(answer.hits, answer.next_offset, self.thumbnails)

    def answer(
        self,
        query: Query,
        top: int = 10,
        *,
        offset: int = 0,
        where: str | None = None,
        min_score: float | None = None,
        fold_duplicates: bool = True,
        names: float = 0.0,
    ) -> Answer:
        """Find pictures and say how long it took; arguments as in `search`."""
        check_page(top, offset)
        check_search(top, where)
        signal = self._name_signal(names)
        searcher = self.searcher()
        started = time.perf_counter()
        encoded = searcher.encode(query)
        between = time.perf_counter()
        page = find_page(
            searcher,
            encoded,
            top=top,
            offset=offset,
            where=where,
            min_score=min_score,
            folds=fold_duplicates,
            without=query.like,
            words=query.text,
            names=signal,
        )
        ended = time.perf_counter()
        hits = [shown.hit for shown in page.shown]
        return Answer(hits, (between - started) * 1e3, (ended - between) * 1e3, page.next_offset)

    def search_many(
        self,
        queries: Sequence[Query],
        *,
        top: int = 10,
        where: str | None = None,
        min_score: float | None = None,
        fold_duplicates: bool = True,
    ) -> list[Hits]:
        """Answer many queries at once: encoded in batches, compared in one product of matrices where that is exact.

        Args:
            queries: What is asked.
            top: How many hits of each at most.
            where: SQL condition over the columns of the catalogue and your own.
            min_score: Hits with a lower score are left out.
            fold_duplicates: Whether pictures that look the same are shown once, with their number.

        Returns:
            For each query its hits, as `search` returns them.

        Raises:
            QueryError: `top`, `where` or an example cannot be used.
        """
        check_search(top, where)
        searcher = self.searcher()
        encoded = searcher.encode_many(queries)
        num_rows = rows_for(top, folds=fold_duplicates)
        found = searcher.find_many(encoded, num_rows, where=where)
        pages = [
            find_page(
                searcher,
                vectors,
                top=top,
                where=where,
                min_score=min_score,
                folds=fold_duplicates,
                without=query.like,
                found=rows,
            )
            for query, vectors, rows in zip(queries, encoded, found, strict=True)
        ]
        return [Hits([shown.hit for shown in page.shown], page.next_offset, self.thumbnails) for page in pages]

    def _name_signal(self, weight: float) -> NameSignal | None:
        """How names count; captions among the columns of the user's own count with them."""
        if not weight:
            return None
        table = self._existing().table
        if not isinstance(table, PictureTable):
            return NameSignal(weight, ("name",), None)
        own = table.own_columns()
        captions = tuple(name for name in TEXT_COLUMNS if str(own.get(name)) == "string")
        texts_of = (lambda ids: table.texts(ids, captions)) if captions else None
        return NameSignal(weight, ("name", *captions), texts_of)

    def searcher(self) -> Searcher:
        """The searcher over the gallery's present state; commits of other processes are seen at once.

        Raises:
            GalleryError: There is nothing to search yet.
            ModelMismatchError: The gallery was made with another model.
        """
        with self._lock:
            store = self._existing()
            encoder = self._checked_encoder(store)
            token = store.table.token()
            if self._searcher is None or token != self._token:
                index = open_index(store, leaves_copy=not self.read_only)
                if len(index) == 0:
                    raise GalleryError(
                        f"the gallery {self.path} holds no pictures: "
                        f"add some with stbir index PHOTOS --gallery {self.path}"
                    )
                self._searcher, self._token = Searcher(encoder, index, store.table.vectors), token
            return self._searcher

    def encoder(self) -> Encoder:
        """The model that made the gallery's vectors.

        Raises:
            ModelMismatchError: The gallery was made with another model.
        """
        return self._checked_encoder(self._refreshed())

    def entries(self) -> list[Entry]:
        """The whole catalogue, in order of path."""
        return read_catalogue(self._existing())

    def pictures(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Entries, vectors and thumbnails by id; ids that the gallery does not know are left out."""
        return self._existing().table.pictures(ids)

    def token(self) -> str:
        """Name of the gallery's present state; changes with every commit of any process."""
        store = self._existing()
        return f"{store.metadata.id[:8]}-{store.table.token()}"

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
            store=store.metadata.store,
        )

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
        store = self._refreshed()
        return 0 if store is None else len(store.table)

    def _refreshed(self) -> Store | None:
        """The store that lies there now: another process may have made, deleted or replaced the gallery."""
        with self._lock:
            present = Store.open(self.path)
            if present is None or self._store is None or present.metadata != self._store.metadata:
                self._store, self._searcher = present, None
            return self._store

    def _existing(self) -> Store:
        store = self._refreshed()
        if store is None:
            raise GalleryError(
                f"there is no gallery at {self.path}: make one with stbir index PHOTOS --gallery {self.path}"
            )
        return store

    def _checked_encoder(self, store: Store | None) -> Encoder:
        """The encoder, if its model is the one that made the gallery."""
        with self._lock:
            if self._encoder is None:
                self._encoder = Encoder(Bundle.load(self._model), self._threads)
            if store is not None:
                check_model(store, ModelMark.of(self._encoder.bundle.info))
            return self._encoder
