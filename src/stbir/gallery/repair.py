"""Make a damaged gallery sound: what can be encoded again from its file is, what cannot is dropped, the rest stays.

Nothing is guessed. A row whose vector or thumbnail is damaged is encoded anew if its file is there with the content
that was encoded; else it is dropped, and the next `index` of its folder finds what lies there. If the newest state of
the table cannot be opened at all, the gallery goes back to the newest older one that can.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from stbir.errors import GalleryError, ImageError
from stbir.gallery.catalogue import Picture
from stbir.gallery.decode import Decoder
from stbir.gallery.failures import gallery_failures
from stbir.gallery.scan import Found
from stbir.gallery.snapshot import FOLDER
from stbir.gallery.store import Store
from stbir.gallery.update import EXACT_MAX_PICTURES, open_index
from stbir.gallery.verify import Check, verify
from stbir.model.encoder import Encoder


@dataclass(frozen=True)
class Repair:
    """What was done to make a gallery sound.

    Attributes:
        num_pictures: Pictures in the gallery now.
        encoded: Paths of pictures that were encoded anew.
        dropped: Ids of rows that were dropped.
        went_back_to: The version whose state was taken because the newest could not be opened; None if it could.
        check: The check afterwards.
    """

    num_pictures: int
    encoded: tuple[Path, ...]
    dropped: tuple[str, ...]
    went_back_to: int | None
    check: Check


def repair(store: Store, encoder: Encoder) -> Repair:
    """Make a gallery sound; the writer's lock is held.

    Args:
        store: The gallery.
        encoder: Its model.

    Returns:
        What was done.

    Raises:
        GalleryError: No state of the table can be opened, or the gallery cannot be written.
    """
    table = store.files
    went_back_to = _go_back(store)
    shutil.rmtree(store.path / FOLDER, ignore_errors=True)
    damaged = set(verify(store).damaged_ids)
    encoded: list[Path] = []
    dropped: list[str] = []
    whole = _readable_damaged(store, damaged)
    for picture in whole:
        if (again := _encoded_again(picture, encoder)) is None:
            dropped.append(picture.entry.id)
            continue
        table.replace([again], "id")
        encoded.append(Path(again.entry.path))
    dropped += _drop_unreadable(store)
    if dropped:
        table.delete(dropped)
    dropped += _drop_repeated(store)
    num_pictures = len(store.table)
    if num_pictures > EXACT_MAX_PICTURES:
        table.train_index()
    if num_pictures:
        open_index(store)
    return Repair(num_pictures, tuple(encoded), tuple(dropped), went_back_to, verify(store))


def _go_back(store: Store) -> int | None:
    """Go back to the newest version that opens; None if the present one does."""
    try:
        len(store.table)
    except GalleryError as error:
        import lancedb

        manifests = sorted((store.path / "pictures.lance" / "_versions").glob("*.manifest"))
        with gallery_failures(store.path, "repair"):
            database = lancedb.connect(str(store.path))
        for number, manifest in _newest_first(manifests):
            manifest.rename(manifest.with_suffix(".damaged"))
            try:
                database.open_table("pictures").count_rows()
            except (RuntimeError, ValueError, OSError):
                continue
            return number - 1
        raise GalleryError(
            f"no state of the gallery {store.path} can be opened any more: delete it and index again"
        ) from error
    return None


def _newest_first(manifests: list[Path]) -> list[tuple[int, Path]]:
    from stbir.gallery.table import version_of

    return sorted(((version_of(path.name), path) for path in manifests), reverse=True)


def _readable_damaged(store: Store, damaged: set[str]) -> list[Picture]:
    """Rows that can be read although something in them is damaged."""
    if not damaged:
        return []
    places = [place for place, name in store.files.row_places() if name in damaged]
    return [picture for place in places if (picture := store.files.row_at(place)) is not None]


def _drop_unreadable(store: Store) -> list[str]:
    """Drop rows that cannot be read at all; they are named where their ids can be read."""
    gone = [(place, name) for place, name in store.files.row_places() if store.files.row_at(place) is None]
    if gone:
        numbers = ", ".join(str(place) for place, _ in gone)
        store.files.commit("repair", lambda table: table.delete(f"_rowid IN ({numbers})"))
    return [name or f"row {place}" for place, name in gone]


def _drop_repeated(store: Store) -> list[str]:
    """Keep the first row of those that share an id or a path."""
    seen: set[str] = set()
    repeated: list[tuple[int, str]] = []
    for place, name in store.files.row_places():
        picture = store.files.row_at(place)
        if picture is None:
            continue
        keys = {f"id {picture.entry.id}", f"path {picture.entry.path}"}
        if keys & seen:
            repeated.append((place, name or picture.entry.id))
        seen |= keys
    if repeated:
        numbers = ", ".join(str(place) for place, _ in repeated)
        store.files.commit("repair", lambda table: table.delete(f"_rowid IN ({numbers})"))
    return [name for _, name in repeated]


def _encoded_again(picture: Picture, encoder: Encoder) -> Picture | None:
    """The row encoded anew; None if its file has gone or changed."""
    entry = picture.entry
    decoder = Decoder(encoder, lambda _digest: False)
    file = Found(entry.path, entry.root, entry.size_bytes, entry.mtime_ns, entry.archive)
    try:
        decoded = decoder.decode(file)
    except ImageError:
        return None
    if decoded.content_hash != entry.content_hash or decoded.vector is None:
        return None
    return Picture(replace(entry, perceptual_hash=decoded.perceptual_hash), decoded.vector, decoded.thumbnail)
