"""A copy of a small gallery's vectors and catalogue that NumPy reads at once.

Opening the LanceDB table costs one to two seconds, mostly for importing it; reading this copy costs milliseconds. The
copy names the state of the table that it was made from and the checksums of its files. Whatever does not fit exactly
is as good as absent: the caller then reads the table and writes a new copy. Nothing is stored here alone.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stbir.atomic import write_atomically
from stbir.gallery.catalogue import COLUMNS, Entry, Vectors

FOLDER = "snapshot"
POINTER = "snapshot.json"


def read_snapshot(gallery: Path, token: str) -> tuple[list[Entry], Vectors] | None:
    """Read the copy if it shows the given state of the table.

    Args:
        gallery: The gallery's directory.
        token: The state of the table, from `Store.token`.

    Returns:
        N entries and their vectors [N, D]; None if the copy is absent, older, or damaged.
    """
    entries = read_entries(gallery, token)
    if entries is None:
        return None
    pointer = _read_pointer(gallery, token)
    data = _checked_bytes(gallery, pointer, "vectors")
    if data is None:
        return None
    try:
        vectors = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return None
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(entries):
        return None
    return entries, vectors


def read_entries(gallery: Path, token: str) -> list[Entry] | None:
    """Read the catalogue of the copy only; as `read_snapshot`."""
    data = _checked_bytes(gallery, _read_pointer(gallery, token), "catalogue")
    if data is None:
        return None
    try:
        columns = json.loads(data)
        return [Entry(*row) for row in zip(*(columns[name] for name in COLUMNS), strict=True)]
    except (ValueError, KeyError, TypeError):
        return None


def write_snapshot(gallery: Path, token: str, entries: Sequence[Entry], vectors: Vectors) -> None:
    """Write the copy; the pointer comes last, so a crash leaves the old copy or none.

    Args:
        gallery: The gallery's directory.
        token: The state of the table that the data were read at.
        entries: N entries.
        vectors: [N, D].

    Raises:
        OSError: The directory cannot be written; the gallery is as good without the copy.
    """
    folder = gallery / FOLDER
    folder.mkdir(exist_ok=True)
    rows = [entry.as_row() for entry in entries]
    columns = {name: [row[index] for row in rows] for index, name in enumerate(COLUMNS)}
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(vectors, np.float32), allow_pickle=False)
    contents = {
        "vectors": (f"vectors-{token}.npy", buffer.getvalue()),
        "catalogue": (f"catalogue-{token}.json", json.dumps(columns, separators=(",", ":")).encode()),
    }
    pointer: dict[str, Any] = {"token": token}
    for kind, (name, data) in contents.items():
        write_atomically(folder / name, data)
        pointer[kind] = {"file": name, "bytes": len(data), "crc32": zlib.crc32(data)}
    write_atomically(folder / POINTER, json.dumps(pointer, indent=2).encode())
    keep = {POINTER, *(name for name, _ in contents.values())}
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink(missing_ok=True)


def drop_snapshot(gallery: Path) -> None:
    """Delete the copy, if there is one."""
    (gallery / FOLDER / POINTER).unlink(missing_ok=True)


def _read_pointer(gallery: Path, token: str) -> dict[str, Any]:
    """The pointer if it is for this state of the table, else an empty one."""
    try:
        pointer = json.loads((gallery / FOLDER / POINTER).read_bytes())
    except (OSError, ValueError):
        return {}
    return pointer if isinstance(pointer, dict) and pointer.get("token") == token else {}


def _checked_bytes(gallery: Path, pointer: dict[str, Any], kind: str) -> bytes | None:
    """The bytes of one file of the copy, if they are the ones that were written."""
    record = pointer.get(kind)
    if not isinstance(record, dict):
        return None
    try:
        data = (gallery / FOLDER / Path(str(record["file"])).name).read_bytes()
    except (OSError, KeyError):
        return None
    return data if (len(data), zlib.crc32(data)) == (record.get("bytes"), record.get("crc32")) else None
