"""A gallery as one Parquet file, and back: for other tools, for another machine, as a backup.

The file holds every column, vectors, thumbnails and the user's own columns included, and in its own metadata which
model made the vectors. Rows stream through, so a gallery of any size needs little memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stbir.errors import GalleryError, InputError
from stbir.gallery.catalogue import COLUMNS, PATH_COLUMNS, SCHEMA_VERSION, Metadata
from stbir.gallery.failures import gallery_failures
from stbir.gallery.lock import writer_lock
from stbir.gallery.metadata import COLUMN_NAME, MAX_COLUMNS
from stbir.gallery.store import Store
from stbir.gallery.update import EXACT_MAX_PICTURES, open_index

ROWS_AT_ONCE = 5_000
RECORD = b"stbir"
MAX_RECORD_BYTES = 100_000
MAX_GROUP_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        num_pictures: Rows in it.
        num_bytes: Its size.
    """

    path: Path
    num_pictures: int
    num_bytes: int


def export_parquet(store: Store, file: Path | str) -> Exported:
    """Write a gallery to a Parquet file, which appears when it is complete.

    Args:
        store: The gallery.
        file: Where; an existing file is replaced.

    Returns:
        What was written.

    Raises:
        InputError: The file cannot be written.
        GalleryError: The gallery cannot be read, or holds nothing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(file).absolute()
    table = store.files.opened()
    if table is None:
        raise GalleryError(f"the gallery {store.path} holds no pictures: there is nothing to export")
    columns = [field.name for field in table.schema]
    schema = table.schema.with_metadata({RECORD: store.metadata.model_dump_json().encode()})
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    number = 0
    try:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for batch in store.files.batches(columns, ROWS_AT_ONCE):
                writer.write_table(pa.Table.from_batches([batch]).select(columns).cast(schema))
                number += batch.num_rows
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}; choose another place") from None
    finally:
        part.unlink(missing_ok=True)
    return Exported(target, number, target.stat().st_size)


def import_parquet(file: Path | str, gallery: Path | str, moved: Mapping[str, str] | None = None) -> Store:
    """Make a new gallery of a file that `export_parquet` wrote.

    Args:
        file: The file.
        gallery: Where; nothing may be there yet.
        moved: Where folders lie on this machine: each old folder with its new one.

    Returns:
        The gallery.

    Raises:
        InputError: The file is not one of stbir, is damaged, or is of a newer version.
        GalleryError: There is a gallery already, or it cannot be written.
    """
    import pyarrow.parquet as pq

    path = Path(gallery).absolute()
    if Store.open(path) is not None:
        raise GalleryError(f"there is a gallery at {gallery} already: name a new directory")
    with _readable(file):
        reader = pq.ParquetFile(file)
    with reader:
        metadata = _metadata(file, reader)
        with gallery_failures(path, "make the gallery"):
            path.mkdir(parents=True, exist_ok=True)
        with writer_lock(path):
            if Store.open(path) is not None:
                raise GalleryError(f"there is a gallery at {gallery} already: name a new directory")
            store = Store.create(path, metadata.model)
            for rows in _batches(file, reader):
                store.files.append(_moved(rows, moved or {}))
            num_pictures = len(store.table)
            store.table.tidy(with_index=num_pictures > EXACT_MAX_PICTURES)
            if num_pictures:
                open_index(store)
    return store


def _metadata(file: Path | str, reader: Any) -> Metadata:
    """What the file says of itself, once it is certain that its columns are those of a gallery."""
    import pyarrow as pa

    schema = reader.schema_arrow
    record = (schema.metadata or {}).get(RECORD, b"")
    if not record or len(record) > MAX_RECORD_BYTES:
        raise InputError(f"{file} was not written by stbir gallery export: expected such a file")
    try:
        metadata = Metadata.model_validate_json(record)
    except ValidationError:
        raise InputError(
            f"{file} was written by another version of stbir than this one, which reads schema versions up to "
            f"{SCHEMA_VERSION}: upgrade stbir, or export again"
        ) from None
    dims = metadata.model.dims.total
    kinds = {field.name: field.type for field in schema}
    wanted = {"id": pa.string(), "path": pa.string(), "vector": pa.list_(pa.float32(), dims), "thumbnail": pa.binary()}
    for name, kind in wanted.items():
        if kinds.get(name) != kind:
            raise InputError(
                f"{file} is damaged: its column {name} is {kinds.get(name)}, expected {kind}; export again"
            )
    own = [name for name in kinds if name not in (*COLUMNS, *wanted)]
    if len(own) > MAX_COLUMNS or not all(COLUMN_NAME.fullmatch(name) for name in own):
        raise InputError(f"{file} is damaged: its columns cannot be used; export again")
    for group in range(reader.num_row_groups):
        if reader.metadata.row_group(group).total_byte_size > MAX_GROUP_BYTES:
            raise InputError(
                f"{file} is damaged: a part of it claims more than {MAX_GROUP_BYTES:,} bytes; export again"
            )
    return metadata


def _batches(file: Path | str, reader: Any) -> Iterator[Any]:
    import pyarrow as pa

    batches = reader.iter_batches(ROWS_AT_ONCE)
    while True:
        with _readable(file):
            batch = next(batches, None)
        if batch is None:
            return
        yield pa.Table.from_batches([batch]).replace_schema_metadata(None)


def _moved(rows: Any, moved: Mapping[str, str]) -> Any:
    """The rows with the paths of this machine."""
    import pyarrow as pa

    if not moved:
        return rows
    pairs = [(os.path.normpath(old), os.path.normpath(Path(new).absolute())) for old, new in moved.items()]
    for name in PATH_COLUMNS:
        if name in rows.column_names:
            values = [_moved_path(value, pairs) for value in rows.column(name).to_pylist()]
            place = rows.column_names.index(name)
            rows = rows.set_column(place, rows.schema.field(name), pa.array(values, pa.string()))
    return rows


def _moved_path(path: str | None, pairs: list[tuple[str, str]]) -> str | None:
    for old, new in pairs:
        if path == old or (path is not None and path.startswith(old.rstrip("/\\") + os.sep)):
            return new + path[len(old.rstrip("/\\")) :]
    return path


@contextlib.contextmanager
def _readable(file: Path | str) -> Iterator[None]:
    """Say in one line why a Parquet file cannot be read."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["damaged"])[0][:200]
        raise InputError(f"cannot read {file}: {reason}; expected a file of stbir gallery export") from None
