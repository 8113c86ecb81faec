"""Check a whole gallery: every row readable, every vector usable, every thumbnail a picture, every file in place.

Rows are read in batches, so a gallery of any size is checked in little memory. Where a batch cannot be read, its rows
are read one by one, to name those that are damaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbir.archives import is_missing, read_file
from stbir.errors import GalleryError, ImageError
from stbir.gallery.catalogue import Picture
from stbir.gallery.store import Store
from stbir.images import MAX_FILE_BYTES, load_picture

UNIT_TOLERANCE = 1e-3
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Check:
    """What a check of a gallery found.

    Attributes:
        num_pictures: Rows that were read.
        problems: Damage, one line each; empty for a sound gallery.
        missing: Pictures whose file is no longer there; not damage, `index` will drop or find them.
        changed: Pictures whose file has other content than the one that was encoded, where files were read; not
            damage, `index` will encode them anew.
        damaged_ids: Ids of the rows that the problems are about, for `repair`.
    """

    num_pictures: int
    problems: tuple[str, ...]
    missing: tuple[Path, ...]
    changed: tuple[Path, ...] = ()
    damaged_ids: tuple[str, ...] = ()


def verify(store: Store, *, files: bool = False) -> Check:
    """Read every row of a gallery and check it.

    Args:
        store: The gallery.
        files: Whether every file is read too and compared with the hash of what was encoded.

    Returns:
        What was found.

    Raises:
        GalleryError: The table cannot be read at all.
    """
    dims = store.metadata.model.dims.total
    problems: list[str] = []
    damaged: dict[str, None] = {}
    missing: list[Path] = []
    changed: list[Path] = []
    ids: dict[str, int] = {}
    paths: dict[str, int] = {}
    for name, picture in _rows(store):
        ids[name] = ids.get(name, 0) + 1
        if found := list(_problems_of(name, picture, dims)):
            problems += found
            damaged[name] = None
        if picture is None:
            continue
        path = picture.entry.path
        paths[path] = paths.get(path, 0) + 1
        if is_missing(path):
            missing.append(Path(path))
        elif files and _is_changed(picture):
            changed.append(Path(path))
    for kind, counts in (("id", ids), ("path", paths)):
        problems += [f"{count} rows have the {kind} {name}" for name, count in sorted(counts.items()) if count > 1]
    return Check(sum(ids.values()), tuple(problems), tuple(sorted(missing)), tuple(sorted(changed)), tuple(damaged))


def _rows(store: Store) -> Iterator[tuple[str, Picture | None]]:
    """Every row by its id; None for one that cannot be read."""
    num_read = 0
    try:
        for chunk in store.table.chunks(ROWS_AT_ONCE):
            yield from ((picture.entry.id, picture) for picture in chunk)
            num_read += len(chunk)
    except GalleryError:
        if store.metadata.store:
            raise
        for place, name in store.files.row_places()[num_read:]:
            picture = store.files.row_at(place)
            yield (picture.entry.id if picture else name or f"row {place}"), picture


def _problems_of(name: str, picture: Picture | None, dims: int) -> Iterator[str]:
    """What is wrong with one row."""
    if picture is None:
        yield f"{name}: its row cannot be read"
        return
    if len(picture.vector) != dims:
        yield f"{name}: its vector has {len(picture.vector)} numbers, expected {dims}"
    norm = float(np.linalg.norm(picture.vector))
    if not np.isfinite(norm):
        yield f"{name}: its vector is not finite"
    elif abs(norm - 1) > UNIT_TOLERANCE:
        yield f"{name}: its vector has the length {norm:.4g}, expected 1"
    try:
        load_picture(picture.thumbnail)
    except ImageError as error:
        yield f"{name}: its thumbnail is damaged: {error}"


def _is_changed(picture: Picture) -> bool:
    """Whether a file has other content than the one that was encoded; one that cannot be read is as good as missing."""
    try:
        return hashlib.sha256(read_file(picture.entry.path, MAX_FILE_BYTES)).hexdigest() != picture.entry.content_hash
    except ImageError:
        return True
