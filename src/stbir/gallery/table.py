"""The LanceDB table of a gallery: catalogue, vectors and thumbnails of all pictures, every commit a version.

LanceDB is imported when the table is really opened (that takes one to two seconds). It never calls fsync itself, so
each commit is followed by one. Its failures come out as `GalleryError`.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, cast

import numpy as np

from stbir.atomic import sync_directory
from stbir.errors import GalleryError, QueryError
from stbir.gallery.catalogue import COLUMNS, OPTIONAL_COLUMNS, Entry, Picture, Vectors
from stbir.gallery.failures import first_line, gallery_failures

TABLE = "pictures"
EMPTY = "empty"
KEEP_OLD_VERSIONS = timedelta(hours=1)
MAX_SMALL_FRAGMENTS = 8
IDS_PER_STATEMENT = 500
INDEX_PREFIX = "vectors_of_"
MAX_GROWTH = 4
FLAT_ROWS_WITHOUT_INDEX = 5_000
_SEPARATOR = re.escape(os.sep)
_NEW_COLUMNS = {
    **dict.fromkeys(OPTIONAL_COLUMNS, "CAST(NULL AS string)"),
    "folder": f"regexp_replace(path, '{_SEPARATOR}[^{_SEPARATOR}]*$', '')",
    "name": f"regexp_replace(path, '(?s)^.*{_SEPARATOR}', '')",
}


@dataclass(frozen=True)
class IndexState:
    """How far the approximate index covers a table.

    Attributes:
        num_trained: Rows that there were when it was trained; 0 if there is none.
        num_indexed: Rows in it.
        num_unindexed: Rows that a search compares one by one.
    """

    num_trained: int
    num_indexed: int
    num_unindexed: int


class PictureTable:
    """Reads and commits the rows of one gallery.

    Args:
        gallery: The gallery's directory.
        dims: D, the length of its vectors.
    """

    def __init__(self, gallery: Path, dims: int) -> None:
        self._gallery = gallery
        self._folder = gallery / f"{TABLE}.lance"
        self._dims = dims
        self._table: Any = None
        self._synced: set[str] = set()

    def __len__(self) -> int:
        table = self._opened()
        if table is None:
            return 0
        with self._failures("read the gallery"):
            return int(table.count_rows())

    def token(self) -> str:
        """Name of the table's present state, found without LanceDB.

        Returns:
            Changes with every commit of any process; the same for a copy of the gallery. `empty` without a table.

        Raises:
            GalleryError: The table's directory cannot be read.
        """
        folder = self._folder / "_versions"
        with self._failures("read the gallery"):
            try:
                manifests = [path.name for path in folder.iterdir() if path.suffix == ".manifest"]
            except FileNotFoundError:
                return EMPTY
            if not manifests:
                return EMPTY
            newest = max(manifests, key=version_of)
            content = (folder / newest).read_bytes()
            return f"{version_of(newest)}-{zlib.crc32(content):08x}"

    def entries(self) -> list[Entry]:
        """The whole catalogue, in order of path."""
        table = self._read(self._select(None, COLUMNS))
        return sorted(_entries(table), key=lambda entry: entry.path)

    def entries_and_vectors(self) -> tuple[list[Entry], Vectors]:
        """The whole catalogue in order of path, and the vectors [N, D] in the same order."""
        table = self._read(self._select(None, (*COLUMNS, "vector")))
        entries = _entries(table)
        order = sorted(range(len(entries)), key=lambda row: entries[row].path)
        vectors = self._vectors(table)
        return [entries[row] for row in order], vectors[order]

    def pictures(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Whole rows by id; ids that are not there are left out."""
        found: dict[str, Picture] = {}
        for statement in _id_statements(ids):
            table = self._read(self._select(statement, (*COLUMNS, "vector", "thumbnail")))
            thumbnails = table.column("thumbnail").to_pylist() if table is not None else []
            for row in zip(_entries(table), self._vectors(table), thumbnails, strict=True):
                found[row[0].id] = Picture(*row)
        return found

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors [D] by id; ids that are not there are left out."""
        found: dict[str, Vectors] = {}
        for statement in _id_statements(ids):
            table = self._read(self._select(statement, ("id", "vector")))
            if table is not None:
                found.update(zip(table.column("id").to_pylist(), self._vectors(table), strict=True))
        return found

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """JPEG thumbnails by id; ids that are not there are left out."""
        found: dict[str, bytes] = {}
        for statement in _id_statements(ids):
            table = self._read(self._select(statement, ("id", "thumbnail")))
            if table is not None:
                found.update(zip(table.column("id").to_pylist(), table.column("thumbnail").to_pylist(), strict=True))
        return found

    def texts(self, ids: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
        """What text columns of the user's own say, joined, by id."""
        found: dict[str, str] = {}
        for statement in _id_statements(ids):
            table = self._read(self._select(statement, ("id", *columns)))
            for row in table.to_pylist() if table is not None else ():
                found[row["id"]] = "\n".join(row[name] for name in columns if row[name])
        return found

    def matching_ids(self, where: str) -> set[str]:
        """Ids of the pictures that fulfil a filter.

        Args:
            where: SQL condition over the catalogue's columns, for example `width > 1000 AND path LIKE '%boots%'`.

        Returns:
            Their ids.

        Raises:
            QueryError: The condition cannot be understood.
        """
        query = self._select(where, ("id",))
        if query is None:
            return set()
        try:
            return set(query.to_arrow().column("id").to_pylist())
        except (ValueError, RuntimeError) as error:
            raise self._bad_filter(where, error) from None

    def nearest(
        self,
        query: Vectors,
        top: int,
        where: str | None,
        *,
        nprobes: int,
        refine: int,
        is_everywhere: bool = False,
        is_exact: bool = False,
    ) -> tuple[list[Entry], Vectors]:
        """Search in the table's own index, or past it.

        Args:
            query: [D].
            top: How many.
            where: SQL condition, or None.
            nprobes: How many partitions of the index are looked through.
            is_everywhere: Whether the other partitions follow until there are enough candidates.
            refine: How many candidates for each hit are compared by their whole vectors.
            is_exact: Whether every picture that fulfils the condition is compared instead.

        Returns:
            K <= top entries and their vectors [K, D], best first by cosine.

        Raises:
            QueryError: The condition cannot be understood.
        """
        table = self._opened()
        if table is None:
            return [], np.empty((0, len(query)), np.float32)
        request = table.search(query, vector_column_name="vector").distance_type("cosine").limit(top)
        if is_exact:
            request = request.bypass_vector_index()
        else:
            request = request.minimum_nprobes(nprobes).maximum_nprobes(0 if is_everywhere else nprobes)
            request = request.refine_factor(refine)
        request = request.select(_present(table, [*COLUMNS, "vector", "_distance"]))
        if where is not None:
            request = request.where(where, prefilter=True)
        try:
            found = request.to_arrow()
        except (ValueError, RuntimeError) as error:
            if where is not None:
                raise self._bad_filter(where, error) from None
            raise
        return _entries(found), self._vectors(found)

    def batches(self, columns: Sequence[str], size: int, where: str | None = None) -> Iterator[Any]:
        """The rows as Arrow record batches, read one after the other.

        Args:
            columns: Which columns.
            size: Rows of a batch at most.
            where: SQL condition, or None.

        Yields:
            Batches.

        Raises:
            GalleryError: The gallery cannot be read.
        """
        query = self._select(where, columns)
        if query is None:
            return
        with self._failures("read the gallery"):
            reader = query.to_batches(size)
        while True:
            with self._failures("read the gallery"):
                batch = next(reader, None)
            if batch is None:
                return
            yield batch

    def chunks(self, size: int) -> Iterator[list[Picture]]:
        """All rows, so many at a time, read one chunk after the other.

        Args:
            size: Rows of a chunk at most.

        Yields:
            Chunks.

        Raises:
            GalleryError: The gallery cannot be read.
        """
        import pyarrow as pa

        for batch in self.batches((*COLUMNS, "vector", "thumbnail"), size):
            table = pa.Table.from_batches([batch])
            with self._failures("read the gallery"):
                thumbnails = table.column("thumbnail").to_pylist()
                rows = [Picture(*row) for row in zip(_entries(table), self._vectors(table), thumbnails, strict=True)]
            yield rows

    def row_places(self) -> list[tuple[int, str | None]]:
        """LanceDB's own number of every row, and its id where the ids can be read."""
        table = self._opened()
        if table is None:
            return []
        with contextlib.suppress(RuntimeError, ValueError, OSError):
            found = table.search().select(["id"]).with_row_id(True).to_arrow()
            return list(zip(found.column("_rowid").to_pylist(), found.column("id").to_pylist(), strict=True))
        with self._failures("read the rows of"):
            found = table.search().select(["_rowid"]).with_row_id(True).to_arrow()
            return [(number, None) for number in found.column("_rowid").to_pylist()]

    def row_at(self, place: int) -> Picture | None:
        """One row by LanceDB's own number; None if it cannot be read."""
        table = self._opened()
        if table is None:
            return None
        try:
            found = table.take_row_ids([place]).select(_present(table, [*COLUMNS, "vector", "thumbnail"])).to_arrow()
            return Picture(_entries(found)[0], self._vectors(found)[0], found.column("thumbnail")[0].as_py())
        except (RuntimeError, ValueError, OSError, IndexError):
            return None

    def opened(self) -> Any:
        """LanceDB's table at its newest version, for what keeps a gallery; None if nothing was stored yet."""
        return self._opened()

    def commit(self, doing: str, change: Callable[[Any], object]) -> None:
        """Change LanceDB's table and flush what was written to the disk.

        Args:
            doing: What is done, for the message of a failure: "cannot {doing} GALLERY".
            change: Gets the table.

        Raises:
            GalleryError: It failed, or nothing was stored yet.
        """
        table = self._opened()
        if table is None:
            raise GalleryError(f"cannot {doing} {self._gallery}: it holds no pictures yet; run stbir index first")
        with self._failures(doing):
            change(table)
            self._sync()

    def append(self, rows: Any) -> None:
        """Commit rows given as an Arrow table with all columns, the user's own included."""
        with self._failures("write to the gallery"):
            table = self._opened()
            if table is None:
                self._table = self._database().create_table(TABLE, rows)
            else:
                table.add(rows)
            self._sync()

    def add(self, pictures: Sequence[Picture]) -> None:
        """Commit new pictures, whose ids and paths are new."""
        with self._failures("write to the gallery"):
            table = self._opened()
            if table is None:
                self._table = self._database().create_table(TABLE, self._arrow(pictures))
            else:
                table.add(self._arrow(pictures))
            self._sync()

    def replace(self, pictures: Sequence[Picture], key: str) -> None:
        """Commit pictures in place of those with the same `path` or `id`.

        Args:
            pictures: The new rows.
            key: Column by which old rows are found; rows without an old one are added.
        """
        with self._failures("write to the gallery"):
            merge = self._opened().merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
            merge.execute(self._arrow(pictures))
            self._sync()

    def delete(self, ids: Sequence[str]) -> None:
        """Commit the removal of pictures."""
        with self._failures("write to the gallery"):
            for statement in _id_statements(ids):
                self._opened().delete(statement)
            self._sync()

    def add_columns(self) -> None:
        """Commit the columns that a table of schema version 1 lacks; nothing is read or encoded again."""
        with self._failures("bring the schema up to date of"):
            table = self._opened()
            if table is None:
                return
            if missing := {name: value for name, value in _NEW_COLUMNS.items() if name not in table.schema.names}:
                table.add_columns(missing)
                self._sync()

    def tidy(self, *, with_index: bool) -> None:
        """Join small fragments, drop versions older than an hour, keep the approximate index fresh.

        New rows are searched one by one until they are enough to be worth putting into the index. The index is trained
        anew when the gallery has become several times as large: its partitions would be too few.

        Args:
            with_index: Whether the gallery is large enough to be searched by the approximate index.
        """
        with self._failures("tidy the gallery"):
            table = self._opened()
            if table is None:
                return
            is_fresh = with_index and self._train_index(table)
            if is_fresh or self._is_untidy(table, with_index=with_index):
                self._optimize(table, KEEP_OLD_VERSIONS)
            self._sync()

    def compact(self, keep_versions: timedelta = KEEP_OLD_VERSIONS) -> None:
        """Join fragments, bring the index up to date and drop old versions now.

        Args:
            keep_versions: Versions younger than this stay; while one is pinned, all do.
        """
        with self._failures("compact the gallery"):
            table = self._opened()
            if table is not None:
                self._optimize(table, keep_versions)
                self._sync()

    def _optimize(self, table: Any, keep_versions: timedelta) -> None:
        """LanceDB refuses to clean up past a pinned version: while there is a pin, no version goes."""
        is_pinned = bool(table.tags.list())
        table.optimize(cleanup_older_than=timedelta(days=36_500) if is_pinned else keep_versions)

    def index_state(self) -> IndexState:
        """How far the approximate index covers the table."""
        table = self._opened()
        if table is None:
            return IndexState(0, 0, 0)
        with self._failures("read the gallery"):
            num_rows = int(table.count_rows())
            name = _index_name(table)
            if name is None:
                return IndexState(0, 0, num_rows)
            stats = table.index_stats(name)
            trained = name.removeprefix(INDEX_PREFIX)
            num_trained = int(trained) if trained.isdigit() else 0
            return IndexState(num_trained, int(stats.num_indexed_rows), int(stats.num_unindexed_rows))

    def train_index(self) -> None:
        """Train the approximate index anew, whatever its state."""
        with self._failures("build the index of"):
            table = self._opened()
            if table is not None:
                self._build_index(table)
                self._sync()

    def _train_index(self, table: Any) -> bool:
        """Build the index if there is none, or if it was trained for a much smaller gallery; whether it was built."""
        state = self.index_state()
        num_rows = state.num_indexed + state.num_unindexed
        if state.num_trained and num_rows <= MAX_GROWTH * state.num_trained:
            return False
        self._build_index(table)
        return True

    def _build_index(self, table: Any) -> None:
        from lancedb.index import IvfRq

        old = _index_name(table)
        name = f"{INDEX_PREFIX}{table.count_rows()}"
        if old is not None:
            table.drop_index(old)
        table.create_index("vector", config=IvfRq(distance_type="cosine"), name=name)

    def _is_untidy(self, table: Any, *, with_index: bool) -> bool:
        if with_index and self.index_state().num_unindexed > FLAT_ROWS_WITHOUT_INDEX:
            return True
        return int(table.stats()["fragment_stats"]["num_small_fragments"]) > MAX_SMALL_FRAGMENTS

    def _database(self) -> Any:
        import lancedb

        return lancedb.connect(str(self._gallery))

    def _opened(self) -> Any:
        """The table at its newest version; None if nothing was stored yet.

        A first commit that a full disk or a kill cut short leaves files but no version: nothing was stored.
        """
        if self._table is None and self.token() == EMPTY:
            return None
        with self._failures("open the gallery"):
            if self._table is None:
                self._table = self._database().open_table(TABLE)
            else:
                self._table.checkout_latest()
        return self._table

    def _select(self, where: str | None, columns: Sequence[str]) -> Any:
        """A query for some columns of all rows that fulfil a condition; None if nothing was stored yet."""
        table = self._opened()
        if table is None:
            return None
        query = table.search().select(_present(table, columns))
        return query if where is None else query.where(where)

    def _read(self, query: Any) -> Any:
        if query is None:
            return None
        with self._failures("read the gallery"):
            return query.to_arrow()

    def _vectors(self, table: Any) -> Vectors:
        """The vectors of an Arrow table as one array [N, D]."""
        if table is None or table.num_rows == 0:
            return np.empty((0, self._dims), np.float32)
        column = table.column("vector").combine_chunks()
        return cast(Vectors, column.flatten().to_numpy(zero_copy_only=False).reshape(table.num_rows, -1))

    def _arrow(self, pictures: Sequence[Picture]) -> Any:
        """Rows as an Arrow table."""
        import pyarrow as pa

        dims = self._dims
        kinds = {"size_bytes": pa.int64(), "mtime_ns": pa.int64(), "width": pa.int32(), "height": pa.int32()}
        schema = pa.schema(
            [pa.field(name, kinds.get(name, pa.string()), nullable=name in _NEW_COLUMNS) for name in COLUMNS]
            + [pa.field("vector", pa.list_(pa.float32(), dims)), pa.field("thumbnail", pa.binary())]
        )
        columns: list[Any] = [list(column) for column in zip(*(p.entry.as_row() for p in pictures), strict=True)]
        flat = np.concatenate([picture.vector for picture in pictures]).astype(np.float32)
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), dims))
        columns.append([picture.thumbnail for picture in pictures])
        return pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema)

    def _sync(self) -> None:
        """Flush the files of the last commits to the disk, where the system can do so by their names."""
        if os.name != "posix":
            return
        for folder, _, names in os.walk(self._folder):
            fresh = {f"{folder}{os.sep}{name}" for name in names} - self._synced
            for file in sorted(fresh):
                with contextlib.suppress(FileNotFoundError):
                    descriptor = os.open(file, os.O_RDONLY)
                    try:
                        os.fsync(descriptor)
                    finally:
                        os.close(descriptor)
            self._synced |= fresh
            if fresh:
                sync_directory(Path(folder))

    def _bad_filter(self, where: str, error: Exception) -> QueryError:
        """The error for a condition that LanceDB refuses."""
        reason = first_line(error).removeprefix("Invalid input, ").removeprefix("Schema error: ")
        reason = reason.split(" Valid fields are ")[0].rstrip(".")
        names = ", ".join((*COLUMNS, *self.own_columns()))
        return QueryError(
            f"cannot use the filter {where!r}: {reason}; it may name {names}, "
            "for example \"width >= 800 AND path LIKE '%boots%'\""
        )

    def own_columns(self) -> dict[str, Any]:
        """Names and Arrow types of the columns that the user added."""
        table = self._opened()
        if table is None:
            return {}
        known = {*COLUMNS, "vector", "thumbnail"}
        return {field.name: field.type for field in table.schema if field.name not in known}

    def _failures(self, doing: str) -> contextlib.AbstractContextManager[None]:
        return gallery_failures(self._gallery, doing)


def _index_name(table: Any) -> str | None:
    """Name of the index over the vectors; None if there is none."""
    return next((str(index.name) for index in table.list_indices() if list(index.columns) == ["vector"]), None)


def _entries(table: Any) -> list[Entry]:
    if table is None:
        return []
    present = table.column_names
    columns = [table.column(name).to_pylist() if name in present else repeat(None, table.num_rows) for name in COLUMNS]
    return [Entry(*row) for row in zip(*columns, strict=True)]


def _present(table: Any, columns: Sequence[str]) -> list[str]:
    """The columns that there are; a table of schema version 1 that was not written since lacks some."""
    missing = _NEW_COLUMNS.keys() - set(table.schema.names)
    return [name for name in columns if name not in missing]


def _id_statements(ids: Sequence[str]) -> Iterator[str]:
    """Conditions that select rows by id, a few hundred at a time."""
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in ids[start : start + IDS_PER_STATEMENT])
        yield f"id IN ({quoted})"


def version_of(manifest: str) -> int:
    """Version of a Lance manifest by its file name, which counts down from 2^64 - 1 in the newer naming."""
    stem = manifest.partition(".")[0]
    number = int(stem) if stem.isdigit() else 0
    return 2**64 - 1 - number if number >= 2**63 else number
