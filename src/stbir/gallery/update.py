"""The two things done with a whole gallery: bring it up to date, and open it for searching."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stbir.errors import GalleryError, InputError, ModelMismatchError
from stbir.gallery.approximate import LanceIndex
from stbir.gallery.catalogue import Entry, IndexReport, ModelMark, Vectors
from stbir.gallery.decode import Decoder
from stbir.gallery.exact import ExactIndex
from stbir.gallery.failures import gallery_failures
from stbir.gallery.index import VectorIndex
from stbir.gallery.ingest import COMMIT_ROWS, COMMIT_SECONDS, Ingest, MakeDecoder, Progress
from stbir.gallery.lock import writer_lock
from stbir.gallery.milvus.index import MilvusIndex
from stbir.gallery.milvus.table import MilvusTable
from stbir.gallery.scan import Scan, compare, is_below, scan
from stbir.gallery.snapshot import read_entries, read_snapshot, write_snapshot
from stbir.gallery.store import Store
from stbir.model.encoder import Encoder

EXACT_MAX_PICTURES = 20_000


def find_pictures(
    paths: Sequence[Path | str],
    exclude: Sequence[str] = (),
    store: Store | None = None,
    *,
    hidden: bool = False,
    follow_links: bool = False,
) -> Scan:
    """Scan folders and refuse those where nothing is found.

    Args:
        paths: Folders, single pictures, archives, or patterns.
        exclude: Patterns of paths or names to leave out.
        store: The gallery that will be brought up to date, if there is one.
        hidden: Whether files and folders whose name begins with a dot count.
        follow_links: Whether links to folders are followed.

    Returns:
        What was found.

    Raises:
        InputError: No path given, a path does not exist, or no picture was found.
        GalleryError: No picture was found where the gallery knows some.
    """
    if not paths:
        raise InputError("nothing to index: name one or more folders with pictures")
    known = {} if store is None else store.read_archives()
    found = scan(paths, exclude, hidden=hidden, follow_links=follow_links, known_archives=known)
    if not found.files and store is not None:
        _refuse_vanished_folders(found, read_catalogue(store))
    if not found.files and not found.problems:
        raise InputError(
            f"no pictures in {', '.join(str(path) for path in paths)}: "
            "expected files such as .jpg, .png, .webp, .heic, .tif or .dng, or .zip and .tar archives of them"
        )
    return found


def check_model(store: Store, mine: ModelMark) -> None:
    """Refuse a model that did not make the gallery's vectors.

    Args:
        store: The gallery.
        mine: The model that is to encode pictures or queries.

    Raises:
        ModelMismatchError: The gallery was made with another model.
    """
    if store.metadata.model.fingerprint != mine.fingerprint:
        raise ModelMismatchError(
            f"the gallery {store.path} was made with the model {store.metadata.model}, "
            f"this is the model {mine}: name the gallery's own model with --model, "
            "or index the pictures into a new gallery"
        )


def update(
    path: Path,
    found: Scan,
    encoder: Encoder,
    progress: Progress,
    *,
    commit_rows: int = COMMIT_ROWS,
    commit_seconds: float = COMMIT_SECONDS,
    address: str | None = None,
    decoder: MakeDecoder = Decoder,
) -> IndexReport:
    """Bring a gallery up to date with what lies on disk.

    Args:
        path: The gallery's directory; without a gallery in it, one is made.
        found: From `find_pictures`.
        encoder: The gallery's model.
        progress: Told what happens.
        commit_rows: Commit after so many pictures at the latest.
        commit_seconds: Commit after so many seconds at the latest.
        address: Where the pictures of a gallery that is made are to lie; None for its directory.
        decoder: Makes what decodes and encodes files.

    Returns:
        What was done.

    Raises:
        ModelMismatchError: The gallery was made with another model.
        GalleryError: Another process writes to the gallery, it cannot be written, or a folder is empty all at once.
    """
    started = time.monotonic()
    with _opened_for_writing(path, ModelMark.of(encoder.bundle.info), address) as store:
        entries = read_catalogue(store)
        _refuse_vanished_folders(found, entries)
        difference = compare(found, entries)
        ingest = Ingest(
            store,
            entries,
            encoder,
            progress,
            commit_rows=commit_rows,
            commit_seconds=commit_seconds,
            decoder=decoder,
        )
        try:
            report = ingest.run(found, difference)
        finally:
            progress.close()
        _remember_archives(store, found)
        if report.added or report.changed or report.moved or report.removed:
            store.table.tidy(with_index=report.total > EXACT_MAX_PICTURES)
            open_index(store)
    return replace(report, seconds=time.monotonic() - started)


def open_index(store: Store, *, leaves_copy: bool = True) -> VectorIndex:
    """Open a gallery for searching, the quickest way its size and state allow.

    Args:
        store: The gallery.
        leaves_copy: Whether a copy may be written that the next reader opens at once.

    Returns:
        The exact scan for galleries up to `EXACT_MAX_PICTURES`, LanceDB's index above; in Milvus its own.

    Raises:
        GalleryError: The gallery cannot be read.
    """
    if isinstance(store.table, MilvusTable):
        return MilvusIndex(store.table, len(store.table))
    token = store.table.token()
    copy = read_snapshot(store.path, token)
    if copy is None:
        num_pictures = len(store.table)
        if num_pictures > EXACT_MAX_PICTURES:
            return LanceIndex(store.table, num_pictures)
        copy = _read_and_copy(store, leaves_copy=leaves_copy)
    return ExactIndex(*copy, store.table.matching_ids)


def read_catalogue(store: Store) -> list[Entry]:
    """All entries in order of path, from the snapshot if it is up to date, else from the table."""
    entries = read_entries(store.path, store.table.token())
    return store.table.entries() if entries is None else entries


def _remember_archives(store: Store, found: Scan) -> None:
    """Remember what the archives hold that were found, and those elsewhere."""
    before = store.read_archives()
    after = {path: known for path, known in before.items() if not found.covers(path)} | found.archives
    if after != before:
        store.write_archives(after)


@contextlib.contextmanager
def _opened_for_writing(path: Path, model: ModelMark, address: str | None) -> Iterator[Store]:
    """Hold the writer's lock on a gallery of this model; only under the lock is it certain whether there is one."""
    Store.open(path)
    with gallery_failures(path, "make the gallery"):
        path.mkdir(parents=True, exist_ok=True)
    with writer_lock(path):
        store = Store.open(path) or Store.create(path, model, address)
        check_model(store, model)
        with store.held():
            yield store.migrate()


def _read_and_copy(store: Store, *, leaves_copy: bool) -> tuple[list[Entry], Vectors]:
    """Read the table, and leave a snapshot for the next reader where the directory can be written."""
    token = store.table.token()
    entries, vectors = store.table.entries_and_vectors()
    if leaves_copy and token == store.table.token():
        with contextlib.suppress(OSError):
            write_snapshot(store.path, token, entries, vectors)
    return entries, vectors


def _refuse_vanished_folders(found: Scan, entries: Sequence[Entry]) -> None:
    """Take a folder that lost all its pictures at once for a drive that is not mounted, not for a wish to forget."""
    for root in found.roots:
        if any(is_below(path, root) for path in found.files) or not Path(root).is_dir():
            continue
        num_known = sum(is_below(entry.path, root) and found.covers(entry.path) for entry in entries)
        if num_known:
            raise GalleryError(
                f"{root} holds no pictures any more, but the gallery knows {num_known} of it: is a drive missing? "
                f"if they are really gone, run: stbir gallery remove --under {root}"
            )
