"""The public `Gallery`: a collection of pictures that is indexed, searched and kept; and what answers its queries.

Must not import PyTorch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from stbir.archives import is_missing
from stbir.errors import GalleryError, QueryError
from stbir.gallery.catalogue import Entry, IndexReport, ModelMark, Picture
from stbir.gallery.decode import Decoder
from stbir.gallery.ingest import COMMIT_ROWS, COMMIT_SECONDS, Progress
from stbir.gallery.lock import writer_lock
from stbir.gallery.milvus.address import Address
from stbir.gallery.ray import RayDecoder
from stbir.gallery.scan import is_below
from stbir.gallery.store import Store
from stbir.gallery.update import check_model, find_pictures, open_index, read_catalogue, update
from stbir.gallery.verify import Check, verify
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.query import Hit, Query
from stbir.searcher import Answer, EncodedQuery, Searcher, SketchLike, WeightsLike, make_query

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


class Gallery:
    """A collection of pictures that can be searched; open one with `Gallery.open`.

    Args:
        path: Its directory.
        store: What lies there; None for a gallery that the first `index` will make.
        model: The model's directory; None takes the model shipped with stbir.
        threads: Threads for encoding; None takes every core.
        address: Where the pictures of a gallery that is still to be made will lie; None for its directory.
    """

    def __init__(
        self,
        path: Path,
        store: Store | None,
        model: Path | str | None,
        threads: int | None,
        address: str | None = None,
    ) -> None:
        self.path = path
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
        store: str | None = None,
    ) -> Gallery:
        """Open a gallery.

        Args:
            path: Its directory.
            model: Directory of a model bundle; None takes the model shipped with stbir.
            create: Whether there need not be a gallery yet; the first `index` then makes it.
            threads: Threads for encoding; None takes every core.
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
        if present is None and not create:
            raise GalleryError(f"there is no gallery at {path}: make one with stbir index PHOTOS --gallery {path}")
        if present is not None and address not in (None, present.metadata.store):
            raise GalleryError(
                f"the gallery {path} keeps its pictures in {present.metadata.store or 'its directory'}, not in "
                f"{address}: leave --store out, or name a new directory"
            )
        return cls(Path(path).absolute(), present, model, threads, address)

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
            negative: Words that should not match; pictures that fit them rank lower.
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
            encoder = self._checked_encoder(store)
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

    def remove(
        self, ids: str | Sequence[str] = (), *, under: Path | str | None = None, missing: bool = False
    ) -> list[Entry]:
        """Forget pictures; the files are not touched, and an `index` of their folder brings them back.

        Args:
            ids: Which ones, by id; one id or several.
            under: And all below this folder.
            missing: And all whose file is no longer there.

        Returns:
            What was removed.

        Raises:
            GalleryError: An id is unknown, nothing lies below the folder, or the gallery cannot be written.
        """
        chosen = {ids} if isinstance(ids, str) else set(ids)
        with writer_lock(self._existing().path):
            store = self._existing()
            entries = read_catalogue(store)
            if unknown := chosen - {entry.id for entry in entries}:
                raise GalleryError(
                    f"the gallery {self.path} has no picture with the id {', '.join(sorted(unknown))}: "
                    "see stbir gallery list"
                )
            folder = None if under is None else os.path.normpath(Path(under).absolute())
            if folder is not None and not any(is_below(entry.path, folder) for entry in entries):
                raise GalleryError(
                    f"the gallery {self.path} has no picture below {under}: see its folders with stbir gallery info"
                )
            removed = [
                entry
                for entry in entries
                if entry.id in chosen
                or (folder is not None and is_below(entry.path, folder))
                or (missing and is_missing(entry.path))
            ]
            if removed:
                with store.held():
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
        return 0 if self._refreshed() is None else len(self.entries())

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
