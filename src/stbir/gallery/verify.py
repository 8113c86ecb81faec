"""Check a whole gallery: every row readable, every vector usable, every thumbnail a picture, every file in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stbir.archives import is_missing
from stbir.errors import ImageError
from stbir.gallery.catalogue import Entry, Picture
from stbir.gallery.store import Store
from stbir.images import load_picture

UNIT_TOLERANCE = 1e-3
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Check:
    """What a check of a gallery found.

    Attributes:
        num_pictures: Rows that were read.
        problems: Damage, one line each; empty for a sound gallery.
        missing: Pictures whose file is no longer there; not damage, `index` will drop or find them.
    """

    num_pictures: int
    problems: tuple[str, ...]
    missing: tuple[Path, ...]


def verify(store: Store) -> Check:
    """Read every row of a gallery and check it.

    Args:
        store: The gallery.

    Returns:
        What was found.

    Raises:
        GalleryError: The table cannot be read at all.
    """
    entries = store.table.entries()
    problems = [f"{count} rows have the id {name}" for name, count in _repeated([entry.id for entry in entries])]
    problems += [f"{count} rows have the path {name}" for name, count in _repeated([entry.path for entry in entries])]
    for start in range(0, len(entries), ROWS_AT_ONCE):
        chunk = entries[start : start + ROWS_AT_ONCE]
        rows = store.table.pictures([entry.id for entry in chunk])
        for entry in chunk:
            problems += _problems_of(entry, rows.get(entry.id), store.metadata.model.dims.total)
    missing = tuple(Path(entry.path) for entry in entries if is_missing(entry.path))
    return Check(len(entries), tuple(problems), missing)


def _problems_of(entry: Entry, picture: Picture | None, dims: int) -> Iterator[str]:
    """What is wrong with one row."""
    if picture is None:
        yield f"{entry.id}: its row cannot be read"
        return
    norm = float(np.linalg.norm(picture.vector))
    if len(picture.vector) != dims:
        yield f"{entry.id}: its vector has {len(picture.vector)} numbers, expected {dims}"
    if not abs(norm - 1) <= UNIT_TOLERANCE:
        yield f"{entry.id}: its vector has the length {norm:.4g}, expected 1"
    try:
        load_picture(picture.thumbnail)
    except ImageError as error:
        yield f"{entry.id}: its thumbnail is damaged: {error}"


def _repeated(values: Sequence[str]) -> list[tuple[str, int]]:
    return [(value, count) for value, count in sorted(Counter(values).items()) if count > 1]
