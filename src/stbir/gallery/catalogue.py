"""What a gallery knows: one `Entry` per picture, and the gallery's own `Metadata` (gallery.json)."""

from __future__ import annotations

import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stbir.model.bundle import Dims, ModelInfo

Vectors = NDArray[np.float32]
SCHEMA_VERSION: Literal[2] = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of a gallery; the columns that a `--where` filter may name.

    Attributes:
        id: Short and stable: it follows the content, not the path.
        path: Absolute path of the file. A picture in an archive has the archive's path and its own below it, as if the
            archive were a folder: `/photos/shoes.zip/red/boot.jpg`.
        root: The folder that was given to `index`.
        size_bytes: Size of the file.
        mtime_ns: Time of its last change, nanoseconds; of a picture in an archive, that of the archive.
        content_hash: Hash of its bytes.
        width: Width in pixels, as seen upright.
        height: Height in pixels, as seen upright.
        archive: Absolute path of the archive that holds it; None for a file of its own.
        taken: When the photo was taken by the camera's clock, `2024-06-30T18:05:00`; None if the file does not say.
        camera: Maker and model of the camera; None if the file does not say.
        perceptual_hash: 16 hexadecimal digits, near to those of pictures that look the same; None in a row that an
            older stbir wrote, until the next `index` of its folder.
        group: Id of the picture that it looks the same as, the first of its group; None for that one itself and for
            a picture that stands alone, so that `group or id` names the group.
        folder: Path without the name; follows from the path.
        name: The file's name; follows from the path.
    """

    id: str
    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int
    archive: str | None = None
    taken: str | None = None
    camera: str | None = None
    perceptual_hash: str | None = None
    group: str | None = None
    folder: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        folder, _, name = self.path.rpartition(os.sep)
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "name", name)

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `COLUMNS`."""
        return astuple(self)


COLUMNS = tuple(field.name for field in fields(Entry))
PATH_COLUMNS = ("path", "root", "archive", "folder")
OPTIONAL_COLUMNS = ("archive", "taken", "camera", "perceptual_hash", "group")


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the store.

    Attributes:
        entry: Its catalogue data.
        vector: [D], its gallery vector, unit length.
        thumbnail: A small JPEG.
    """

    entry: Entry
    vector: Vectors
    thumbnail: bytes


class ModelMark(BaseModel):
    """Which model made a gallery's vectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    fingerprint: str
    dims: Dims

    @classmethod
    def of(cls, info: ModelInfo) -> ModelMark:
        """The mark of a model."""
        return cls(name=info.name, version=info.version, fingerprint=info.fingerprint, dims=info.dims)

    def __str__(self) -> str:
        return f"{self.name!r} {self.version} ({self.fingerprint[:12]})"


class Metadata(BaseModel):
    """The contents of gallery.json, written when the gallery is made and when its schema is brought up to date.

    Version 2 added the columns from `archive` on. `store` is where the pictures lie if not in the gallery's directory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    id: str
    created: str
    model: ModelMark
    store: str | None = None


class SkippedFile(BaseModel):
    """A file that could not be decoded, remembered so that the next run need not try it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size_bytes: int
    mtime_ns: int
    reason: str


class SkippedFiles(BaseModel):
    """The contents of skipped.json; another version of stbir tries the files again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    files: tuple[SkippedFile, ...] = Field(default=())


class ArchiveRecord(BaseModel):
    """What an archive held, so that it is not read again while its size and time stay; see `scan.KnownArchive`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: int
    mtime_ns: int
    members: tuple[tuple[str, int, int], ...]
    problems: tuple[str, ...]


class ArchiveRecords(BaseModel):
    """The contents of archives.json, by path; another version of stbir lists the archives again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    archives: dict[str, ArchiveRecord]


@dataclass(frozen=True)
class IndexReport:
    """What one run of `index` did, counted in pictures.

    Attributes:
        added: New in the gallery.
        changed: Same path, other content.
        moved: Same content, other path.
        removed: Gone from the folder, so gone from the gallery.
        unchanged: Known already.
        skipped: Path and reason of each file that could not be used.
        total: Pictures in the gallery now.
        seconds: How long it took.
    """

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: tuple[tuple[Path, str], ...] = ()
    total: int = 0
    seconds: float = 0.0
