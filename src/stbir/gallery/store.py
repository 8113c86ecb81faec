"""A gallery directory and what belongs to it.

my.gallery/
  gallery.json      Metadata: the gallery's id and the model that made its vectors
  pictures.lance/   catalogue, vectors, thumbnails (stbir.gallery.table)
  snapshot/         a copy for quick reading (stbir.gallery.snapshot)
  skipped.json      files that could not be decoded
  archives.json     what the archives held when they were last read
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

import stbir
from stbir.archives import Member
from stbir.atomic import write_atomically
from stbir.errors import GalleryError
from stbir.gallery.catalogue import (
    SCHEMA_VERSION,
    ArchiveRecord,
    ArchiveRecords,
    Metadata,
    ModelMark,
    SkippedFile,
    SkippedFiles,
)
from stbir.gallery.failures import gallery_failures
from stbir.gallery.lock import LOCK_FILE
from stbir.gallery.milvus.address import Address
from stbir.gallery.milvus.table import MilvusTable
from stbir.gallery.scan import GALLERY_FILE, KnownArchive
from stbir.gallery.table import PictureTable

SKIPPED_FILE = "skipped.json"
ARCHIVES_FILE = "archives.json"


class Store:
    """A gallery that exists.

    Attributes:
        path: Its directory, absolute.
        metadata: What gallery.json says.
        table: Its pictures; in Milvus if the metadata name a store.
    """

    table: PictureTable | MilvusTable

    def __init__(self, path: Path, metadata: Metadata) -> None:
        self.path = path
        self.metadata = metadata
        self.table = _table(path, metadata)

    @classmethod
    def open(cls, path: Path | str) -> Store | None:
        """Open a gallery.

        Args:
            path: The directory.

        Returns:
            The store; None if there is nothing yet, so that a gallery could be made there.

        Raises:
            GalleryError: The path is something else than a gallery, or the gallery is damaged.
        """
        directory = Path(path).absolute()
        try:
            str(directory).encode()
        except UnicodeEncodeError:
            raise GalleryError(
                f"the gallery's path {str(directory)!a} is not valid UTF-8: choose another one"
            ) from None
        file = directory / GALLERY_FILE
        if file.is_file():
            return cls(directory, _read_metadata(file))
        if directory.is_dir() and not all(_is_beginning(child.name) for child in directory.iterdir()):
            raise GalleryError(
                f"{path} is not a gallery: it holds other files and no {GALLERY_FILE}; "
                "name a gallery made by stbir index, or a new directory"
            )
        if directory.exists() and not directory.is_dir():
            raise GalleryError(f"{path} is a file, not a gallery: name a directory made by stbir index, or a new one")
        return None

    @classmethod
    def create(cls, path: Path | str, model: ModelMark, address: str | None = None) -> Store:
        """Make a gallery; the writer's lock is held, so that no other process makes one there too.

        Args:
            path: Where; an existing directory.
            model: The model whose vectors will be stored.
            address: Where its pictures are to lie (`stbir.gallery.milvus.address`) if not in the directory. If there is
                a gallery already, the directory becomes another door to it.

        Returns:
            The store.

        Raises:
            GalleryError: The directory cannot be written, or the store cannot be reached.
        """
        directory = Path(path).absolute()
        created = datetime.now(UTC).isoformat(timespec="seconds")
        metadata = Metadata(id=uuid.uuid4().hex, created=created, model=model, store=address)
        table = _table(directory, metadata)
        if isinstance(table, MilvusTable):
            metadata = table.establish(metadata).model_copy(update={"store": address})
        with gallery_failures(directory, "make the gallery"):
            write_atomically(directory / GALLERY_FILE, _as_json(metadata))
        return cls(directory, metadata)

    def migrate(self) -> Store:
        """Bring a gallery that an older stbir made to the present schema; the writer's lock is held.

        The table comes first: cut short, this is done again by the next writer.

        Returns:
            The store as it is now; itself if there was nothing to do.

        Raises:
            GalleryError: The gallery cannot be written.
        """
        if self.metadata.schema_version == SCHEMA_VERSION:
            return self
        self.table.add_columns()
        metadata = self.metadata.model_copy(update={"schema_version": SCHEMA_VERSION})
        with gallery_failures(self.path, "write to the gallery"):
            write_atomically(self.path / GALLERY_FILE, _as_json(metadata))
        return Store(self.path, metadata)

    @property
    def files(self) -> PictureTable:
        """The pictures, for what can only be done where they lie in files of this machine.

        Raises:
            GalleryError: They lie in a store.
        """
        if isinstance(self.table, MilvusTable):
            raise GalleryError(
                f"the gallery {self.path} keeps its pictures in {self.table.address}, this needs one in files: leave "
                "versions, backups and repairs to its server; columns of your own are not kept there"
            )
        return self.table

    def held(self) -> AbstractContextManager[None]:
        """Hold the right to write against other machines; the lock on the directory is held already.

        Raises:
            GalleryError: A process elsewhere holds it.
        """
        return self.table.held() if isinstance(self.table, MilvusTable) else contextlib.nullcontext()

    def read_skipped(self) -> list[SkippedFile]:
        """Files that could not be decoded by this version of stbir."""
        try:
            record = SkippedFiles.model_validate_json((self.path / SKIPPED_FILE).read_bytes())
        except (OSError, ValidationError):
            return []
        return list(record.files) if record.version == stbir.__version__ else []

    def write_skipped(self, files: Iterable[SkippedFile]) -> None:
        """Remember files that could not be decoded."""
        record = SkippedFiles(version=stbir.__version__, files=tuple(files))
        with gallery_failures(self.path, "write to the gallery"):
            write_atomically(self.path / SKIPPED_FILE, _as_json(record))

    def read_archives(self) -> dict[str, KnownArchive]:
        """What archives held when this version of stbir listed them, by path."""
        try:
            record = ArchiveRecords.model_validate_json((self.path / ARCHIVES_FILE).read_bytes())
        except (OSError, ValidationError):
            return {}
        if record.version != stbir.__version__:
            return {}
        return {
            path: KnownArchive(
                each.size_bytes, each.mtime_ns, tuple(Member(*member) for member in each.members), each.problems
            )
            for path, each in record.archives.items()
        }

    def write_archives(self, archives: Mapping[str, KnownArchive]) -> None:
        """Remember what archives hold."""
        records = {
            path: ArchiveRecord(
                size_bytes=each.size_bytes,
                mtime_ns=each.mtime_ns,
                members=tuple((member.name, member.size_bytes, member.place) for member in each.members),
                problems=each.problems,
            )
            for path, each in archives.items()
        }
        with gallery_failures(self.path, "write to the gallery"):
            content = ArchiveRecords(version=stbir.__version__, archives=records).model_dump_json()
            write_atomically(self.path / ARCHIVES_FILE, content.encode())

    def num_bytes(self) -> int:
        """Size on disk; files that another process removes meanwhile do not count."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += (Path(folder) / name).stat().st_size
        return total


def _table(path: Path, metadata: Metadata) -> PictureTable | MilvusTable:
    """What reads and writes the pictures."""
    dims = metadata.model.dims.total
    if metadata.store is None:
        return PictureTable(path, dims)
    return MilvusTable(Address.parse(metadata.store), dims, metadata.id)


def _is_beginning(name: str) -> bool:
    """Whether a directory may hold a file of this name before there is a gallery in it."""
    return name == LOCK_FILE or name.startswith(f".{GALLERY_FILE}.")


def _read_metadata(file: Path) -> Metadata:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise GalleryError(f"gallery {file.parent}: cannot read {file.name}: {error.strerror or error}") from error
    _refuse_newer(file, content)
    try:
        return Metadata.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise GalleryError(
            f"gallery {file.parent}: {file.name} is wrong at {where}: {first['msg']}; "
            "it is damaged: restore it, or delete the gallery and index again"
        ) from None


def _refuse_newer(file: Path, content: bytes) -> None:
    """Say of a gallery from the future that it is one, whatever else its file holds."""
    try:
        version = json.loads(content).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise GalleryError(
            f"gallery {file.parent}: {file.name} has schema version {version}, this stbir {stbir.__version__} reads "
            f"versions up to {SCHEMA_VERSION}: upgrade stbir, or index into a new gallery"
        )


def _as_json(record: BaseModel) -> bytes:
    return (record.model_dump_json(indent=2) + "\n").encode()
