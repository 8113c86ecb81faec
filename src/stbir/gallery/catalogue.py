"""What a gallery knows: one `Entry` per picture, and the gallery's own `Metadata` (gallery.json)."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stbir.model.bundle import Dims, ModelInfo

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of a gallery; the columns that a `--where` filter may name.

    Attributes:
        id: Short and stable: it follows the content, not the path.
        path: Absolute path of the file.
        root: The folder that was given to `index`.
        size_bytes: Size of the file.
        mtime_ns: Time of its last change, nanoseconds.
        content_hash: Hash of its bytes.
        width: Width in pixels, as seen upright.
        height: Height in pixels, as seen upright.
    """

    id: str
    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    content_hash: str
    width: int
    height: int

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `COLUMNS`."""
        return astuple(self)


COLUMNS = tuple(field.name for field in fields(Entry))


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
    """The contents of gallery.json, written once when the gallery is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    id: str
    created: str
    model: ModelMark


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
