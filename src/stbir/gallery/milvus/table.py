"""A gallery's pictures in Milvus: catalogue and vectors in one collection, thumbnails and records in another.

    NAME           one row per picture: the catalogue's columns, its vector; searched
    NAME_records   by id: thumbnails (base64), and the gallery's own records, whose ids begin with a dot:
                   .gallery (Metadata), .commit (changes with every commit), .lease (stbir.gallery.milvus.lease)

Two collections, because Milvus loads whole rows into memory: the second needs no index and may lie on disk (mmap).
Every write is an upsert or a delete by id and may be repeated. A commit writes thumbnails, then rows, then `.commit`;
cut short, it leaves thumbnails that nobody sees, or rows that the next `index` writes again. Milvus keeps what it has
acknowledged in its write-ahead log, so nothing has to be flushed for a killed server to find it again.
"""

from __future__ import annotations

import base64
import contextlib
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from functools import cached_property
from typing import Any

import numpy as np

from stbir.errors import GalleryError
from stbir.gallery.catalogue import COLUMNS, Entry, Metadata, Picture, Vectors
from stbir.gallery.milvus.address import Address
from stbir.gallery.milvus.client import READ_S, WRITE_S, can_match_anywhere, connect, milvus_failures
from stbir.gallery.milvus.lease import Lease
from stbir.gallery.milvus.where import as_columns, quoted, translate

EMPTY = "empty"
GALLERY, COMMIT, LEASE = ".gallery", ".commit", ".lease"
MAX_ROWS = 16_384
ROWS_PER_REQUEST = 1000
IDS_PER_REQUEST = 500
ID_BYTES = 128
TEXT_BYTES = 65_535
FILTERS = as_columns([(field.name, str(field.type)) for field in fields(Entry)])
INDEX_SETTINGS: dict[str, dict[str, int]] = {
    "hnsw": {"M": 16, "efConstruction": 200},
    "ivf_sq8": {"nlist": 1024},
    "flat": {},
}


class MilvusTable:
    """Reads and commits the rows of one gallery; stands in for `PictureTable`.

    Args:
        address: Where they lie.
        dims: D, the length of the vectors.
        gallery_id: Which gallery must lie there; empty takes any.
    """

    def __init__(self, address: Address, dims: int, gallery_id: str = "") -> None:
        self.address = address
        self.dims = dims
        self._gallery_id = gallery_id
        self._rows = address.collection
        self._records = f"{address.collection}_records"
        self._lock = threading.RLock()
        self._connected: Any = None
        self._lease = Lease(lambda: self._record(LEASE), lambda text: self._write_record(LEASE, text), str(address))

    def establish(self, metadata: Metadata) -> Metadata:
        """Make the collections if there are none, and say which gallery lies there.

        Args:
            metadata: Of the gallery to make.

        Returns:
            The same, or that of the gallery which lies there already.

        Raises:
            GalleryError: The store cannot be reached, or the collection is no gallery.
        """
        client = self._client()
        with self._failures("make the gallery in"):
            if not client.has_collection(self._records, timeout=READ_S):
                if client.has_collection(self._rows, timeout=READ_S):
                    raise GalleryError(
                        f"the collection {self._rows} of the store {self.address} exists and is no gallery of stbir: "
                        "choose another name"
                    )
                self._make(self._records, {"id": ID_BYTES, "content": TEXT_BYTES}, 2, "flat")
            known = self._record(GALLERY)
            if not client.has_collection(self._rows, timeout=READ_S):
                self._make(self._rows, dict.fromkeys(COLUMNS, TEXT_BYTES), self.dims, self.address.index)
            if known is None:
                self._write_record(GALLERY, metadata.model_dump_json())
        return metadata if known is None else self._metadata(known)

    def __len__(self) -> int:
        with self._failures("read"):
            return self._count("", "Strong")

    def token(self) -> str:
        """Name of the present state; changes with every commit of any process. `empty` before the first."""
        with self._failures("read"):
            return self._record(COMMIT, "Session") or EMPTY

    def entries(self) -> list[Entry]:
        """The whole catalogue, in order of path."""
        rows = self._all_rows("", COLUMNS)
        return sorted(map(entry_of, rows), key=lambda entry: entry.path)

    def entries_and_vectors(self) -> tuple[list[Entry], Vectors]:
        """The whole catalogue in order of path, and the vectors [N, D] in the same order."""
        rows = sorted(self._all_rows("", (*COLUMNS, "vector")), key=lambda row: str(row["path"]))
        return [entry_of(row) for row in rows], self.vectors_of(rows)

    def pictures(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Whole rows by id; ids that are not there are left out."""
        thumbnails = self.thumbnails(ids)
        found = self._by(self._rows, "id", ids, (*COLUMNS, "vector"))
        vectors = self.vectors_of(found)
        return {
            entry.id: Picture(entry, vector, thumbnails.get(entry.id, b""))
            for entry, vector in zip(map(entry_of, found), vectors, strict=True)
        }

    def chunks(self, size: int) -> Iterator[list[Picture]]:
        """All rows, so many at a time at most, in order of id."""
        for rows in self._pages("", (*COLUMNS, "vector"), min(size, ROWS_PER_REQUEST)):
            thumbnails = self.thumbnails([row["id"] for row in rows])
            entries, vectors = map(entry_of, rows), self.vectors_of(rows)
            yield [Picture(e, v, thumbnails.get(e.id, b"")) for e, v in zip(entries, vectors, strict=True)]

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Vectors [D] by id; ids that are not there are left out."""
        found = self._by(self._rows, "id", ids, ("id", "vector"))
        return dict(zip((row["id"] for row in found), self.vectors_of(found), strict=True))

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """JPEG thumbnails by id; ids that are not there are left out."""
        wanted = [picture_id for picture_id in ids if not picture_id.startswith(".")]
        rows = self._by(self._records, "id", wanted, ("id", "content"), "Session")
        return {row["id"]: base64.b64decode(row["content"]) for row in rows}

    def matching_ids(self, where: str) -> set[str]:
        """Ids of the pictures that fulfil a filter; see `PictureTable.matching_ids`."""
        return {row["id"] for row in self._all_rows(self.filter_of(where), ("id",))}

    def count(self, where: str) -> int:
        """How many pictures fulfil a filter; `QueryError` if it cannot be understood."""
        with self._failures("read"):
            return self._count(self.filter_of(where), "Bounded")

    def filter_of(self, where: str) -> str:
        """An SQL condition in the language of this server's filters.

        Raises:
            QueryError: It cannot be understood, or Milvus has nothing like it.
        """
        return translate(where, FILTERS, can_match_anywhere=self._can_match_anywhere)

    def nearest(
        self, query: Vectors, limit: int, condition: str, settings: dict[str, Any]
    ) -> tuple[list[Entry], Vectors]:
        """Search Milvus' index.

        Args:
            query: [D].
            limit: How many at most, up to `MAX_ROWS`.
            condition: From `filter_of`; empty for all pictures.
            settings: How thoroughly the index is searched.

        Returns:
            K entries and their vectors [K, D], best first.
        """
        with self._failures("search"):
            (found,) = self._opened().search(
                self._rows,
                data=[query.tolist()],
                filter=condition,
                limit=limit,
                output_fields=[*COLUMNS, "vector"],
                search_params={"metric_type": "IP", "params": settings},
                anns_field="vector",
                consistency_level="Bounded",
                timeout=READ_S,
            )
            rows = [dict(hit["entity"]) for hit in found]
        return [entry_of(row) for row in rows], self.vectors_of(rows)

    def matching(self, condition: str, limit: int) -> tuple[list[Entry], Vectors]:
        """Entries and vectors [K, D] of up to `limit` pictures that fulfil a condition, in order of id."""
        with self._failures("search"):
            rows = self._opened().query(
                self._rows,
                filter=condition or 'id != ""',
                output_fields=[*COLUMNS, "vector"],
                limit=limit,
                consistency_level="Bounded",
                timeout=READ_S,
            )
        return [entry_of(row) for row in rows], self.vectors_of(rows)

    def add(self, pictures: Sequence[Picture]) -> None:
        """Commit new pictures, whose ids and paths are new."""
        with self._commit():
            self._upsert(pictures)

    def replace(self, pictures: Sequence[Picture], key: str) -> None:
        """Commit pictures in place of those with the same `path` or `id`; see `PictureTable.replace`."""
        with self._commit():
            if key != "id":
                kept = {picture.entry.id for picture in pictures}
                values = [str(getattr(picture.entry, key)) for picture in pictures]
                old = self._by(self._rows, key, values, ("id",))
                self._delete([row["id"] for row in old if row["id"] not in kept])
            self._upsert(pictures)

    def delete(self, ids: Sequence[str]) -> None:
        """Commit the removal of pictures."""
        with self._commit():
            self._delete(ids)

    def tidy(self, *, with_index: bool) -> None:
        """Nothing to do: Milvus joins, indexes and clears away by itself."""

    def flush(self) -> None:
        """Have what is in the log written into segments and indexed now; Milvus does so by itself in time."""
        with self._failures("flush"):
            for name in (self._rows, self._records):
                self._opened().flush(name, timeout=WRITE_S)

    def add_columns(self) -> None:
        """A store has had all columns from the beginning."""

    def held(self) -> AbstractContextManager[None]:
        """Hold the right to write, on whatever machine."""
        self._opened()
        return self._lease.held()

    def vectors_of(self, rows: Sequence[dict[str, Any]]) -> Vectors:
        """The vectors of some rows as one array [N, D]."""
        if not rows:
            return np.empty((0, self.dims), np.float32)
        return np.array([row["vector"] for row in rows], np.float32)

    @cached_property
    def _can_match_anywhere(self) -> bool:
        with self._failures("read"):
            return can_match_anywhere(self._opened())

    def _failures(self, doing: str) -> AbstractContextManager[None]:
        return milvus_failures(self.address, doing)

    def _client(self) -> Any:
        with self._lock:
            if self._connected is None:
                self._connected = connect(self.address)
            return self._connected

    def _opened(self) -> Any:
        """The client, once it is certain that this gallery lies there."""
        with self._lock:
            if self._connected is not None:
                return self._connected
            client = connect(self.address)
            with self._failures("open"):
                if not client.has_collection(self._records, timeout=READ_S):
                    raise GalleryError(
                        f"the store {self.address} holds no gallery any more: index into a new one, or restore it"
                    )
                self._connected = client
                try:
                    self._refuse_another()
                except BaseException:
                    self._connected = None
                    raise
            return client

    def _refuse_another(self) -> None:
        known = self._metadata(self._record(GALLERY) or "{}")
        if self._gallery_id and known.id != self._gallery_id:
            raise GalleryError(
                f"the store {self.address} holds another gallery ({known.id[:8]}) than this directory belongs to "
                f"({self._gallery_id[:8]}): it was made anew; index into a new directory with --store"
            )

    def _metadata(self, text: str) -> Metadata:
        try:
            return Metadata.model_validate_json(text)
        except ValueError:
            raise GalleryError(
                f"the store {self.address} holds a gallery that this stbir cannot read: upgrade stbir, or use another "
                "collection"
            ) from None

    def _make(self, name: str, columns: dict[str, int], dims: int, index: str) -> None:
        """Make a collection: columns of text with their greatest length, the numbers of `Entry`, a vector."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        for column, num_bytes in columns.items():
            if column in FILTERS and not FILTERS[column].is_text:
                schema.add_field(column, DataType.INT64)
            else:
                is_key = column == "id"
                size = ID_BYTES if is_key else num_bytes
                schema.add_field(column, DataType.VARCHAR, is_primary=is_key, max_length=size)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dims)
        plan = MilvusClient.prepare_index_params()
        plan.add_index("vector", index_type=index.upper(), metric_type="IP", params=INDEX_SETTINGS[index])
        self._client().create_collection(
            name, schema=schema, index_params=plan, consistency_level="Bounded", timeout=WRITE_S
        )

    def _count(self, condition: str, consistency: str) -> int:
        (found,) = self._opened().query(
            self._rows,
            filter=condition,
            output_fields=["count(*)"],
            consistency_level=consistency,
            timeout=READ_S,
        )
        return int(found["count(*)"])

    def _record(self, name: str, consistency: str = "Strong") -> str | None:
        with self._failures("read"):
            rows = self._opened().query(
                self._records,
                filter=f"id == {quoted(name)}",
                output_fields=["content"],
                consistency_level=consistency,
                timeout=READ_S,
            )
        return str(rows[0]["content"]) if rows else None

    def _write_record(self, name: str, text: str) -> None:
        self._write(self._records, [_record_row(name, text)])

    def _all_rows(self, condition: str, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Rows in order of id, however many."""
        return [row for page in self._pages(condition, columns, ROWS_PER_REQUEST) for row in page]

    def _pages(self, condition: str, columns: Sequence[str], size: int) -> Iterator[list[dict[str, Any]]]:
        """Rows in order of id, so many at a time.

        pymilvus has an iterator for this; with servers before 2.5 it reads the state of this machine's clock, which
        misses what was just written. So its two options are given here; and because a server of 2.3 then does not wait
        for the newest state, whatever is asked for, a count without them waits first.
        """
        len(self)
        last = ""
        while True:
            beyond = f"id > {quoted(last)}"
            with self._failures("read"):
                rows = self._opened().query(
                    self._rows,
                    filter=f"{beyond} and ({condition})" if condition else beyond,
                    output_fields=list({"id", *columns}),
                    limit=size,
                    iterator="True",
                    reduce_stop_for_best="True",
                    consistency_level="Bounded",
                    timeout=READ_S,
                )
            if not rows:
                return
            yield [dict(row) for row in rows]
            last = str(rows[-1]["id"])

    def _by(
        self, collection: str, key: str, values: Sequence[str], columns: Sequence[str], consistency: str = "Strong"
    ) -> list[dict[str, Any]]:
        """Rows whose column `key` has one of the values."""
        found: list[dict[str, Any]] = []
        for condition in _conditions(key, values):
            with self._failures("read"):
                found += self._opened().query(
                    collection,
                    filter=condition,
                    output_fields=list(columns),
                    limit=MAX_ROWS,
                    consistency_level=consistency,
                    timeout=READ_S,
                )
        return found

    @contextlib.contextmanager
    def _commit(self) -> Iterator[None]:
        """What is written in the block, if the lease is still ours, and then the sign that something changed."""
        self._lease.check()
        with self._failures("write to"):
            yield
            self._write_record(COMMIT, uuid.uuid4().hex[:16])

    def _upsert(self, pictures: Sequence[Picture]) -> None:
        for start in range(0, len(pictures), ROWS_PER_REQUEST):
            chunk = pictures[start : start + ROWS_PER_REQUEST]
            thumbnails = [_record_row(p.entry.id, base64.b64encode(p.thumbnail).decode()) for p in chunk]
            self._write(self._records, thumbnails)
            self._write(self._rows, [_row_of(picture) for picture in chunk])

    def _write(self, collection: str, rows: list[dict[str, Any]]) -> None:
        with self._failures("write to"):
            self._opened().upsert(collection, rows, timeout=WRITE_S)

    def _delete(self, ids: Sequence[str]) -> None:
        for condition in _conditions("id", ids):
            for collection in (self._rows, self._records):
                self._opened().delete(collection, filter=condition, timeout=WRITE_S)


def entry_of(row: dict[str, Any]) -> Entry:
    """A row's catalogue data; an empty text in a column that may be NULL stands for it."""
    values: list[Any] = [row[name] or None if FILTERS[name].is_optional else row[name] for name in COLUMNS]
    return Entry(*values)


def _row_of(picture: Picture) -> dict[str, Any]:
    values = zip(COLUMNS, picture.entry.as_row(), strict=True)
    return {**{name: "" if value is None else value for name, value in values}, "vector": picture.vector}


def _record_row(name: str, content: str) -> dict[str, Any]:
    """A row of the second collection; Milvus insists on a vector."""
    return {"id": name, "content": content, "vector": [0.0, 1.0]}


def _conditions(column: str, values: Sequence[str]) -> Iterator[str]:
    """Filters that select rows by a column, some hundred at a time."""
    for start in range(0, len(values), IDS_PER_REQUEST):
        yield f"{column} in [{', '.join(map(quoted, values[start : start + IDS_PER_REQUEST]))}]"
