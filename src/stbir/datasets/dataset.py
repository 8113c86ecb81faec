"""A data set: rows, and the pictures and drawings they name, loaded one at a time.

In: rows and the files behind them. Out: PIL pictures and `Sketch` objects, through the same safe decoding and the same
tracing as a user's input takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stbir.datasets.manifest import Row
from stbir.datasets.sources import Files
from stbir.errors import DatasetError, ImageError, SketchError

if TYPE_CHECKING:
    from PIL.Image import Image

    from stbir.strokes import Sketch

NO_STROKES: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows and their files.

    Attributes:
        name: What it is called in results.
        files: Where pictures and drawings are read from.
        rows: All rows, in the manifest's order.
        strokes: Drawings that lie in one stroke file instead of one file each: name to stroke JSON.
    """

    name: str
    files: Files
    rows: tuple[Row, ...]
    strokes: Mapping[str, Any] = field(default_factory=lambda: NO_STROKES, repr=False)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that its rows name, in order of appearance."""
        return tuple(dict.fromkeys(row.split for row in self.rows if row.split is not None))

    def in_split(self, *names: str) -> tuple[Row, ...]:
        """Rows of some splits.

        Args:
            names: Splits. In a data set that names none, every row belongs to each.

        Returns:
            The rows, in the manifest's order.

        Raises:
            DatasetError: None of these splits is in the data set.
        """
        known = self.splits
        if not known:
            return self.rows
        if not set(names) & set(known):
            raise DatasetError(
                f"data set {self.name} has no split {' or '.join(names)}: it has {', '.join(known)}; name one of these"
            )
        return tuple(row for row in self.rows if row.split in names)

    def picture(self, row: Row, *, max_side_px: int | None = None) -> Image:
        """Load a row's picture.

        Args:
            row: One of the rows.
            max_side_px: Shrink so that no side is longer; None keeps the size.

        Returns:
            RGB, upright.

        Raises:
            DatasetError: The row has none, or the file cannot be decoded; names row and file.
        """
        from stbir.images import load_picture

        content = self.picture_bytes(row)
        try:
            return load_picture(content, max_side_px=max_side_px)
        except ImageError as error:
            raise DatasetError(f"{self.files.name}: {row.image} of row {row.id!r}: {error}") from None

    def picture_bytes(self, row: Row) -> bytes:
        """The content of a row's picture file; `DatasetError` where the row has none."""
        if row.image is None:
            raise DatasetError(f"data set {self.name}: row {row.id!r} has no picture: use rows with an image")
        return self.files.read(row.image)

    def sketch(self, row: Row, position: int = 0) -> Sketch:
        """Load one of a row's drawings.

        Args:
            row: One of the rows.
            position: Which of `row.sketches`, from 0.

        Returns:
            The drawing as strokes; a picture of a drawing is traced.

        Raises:
            DatasetError: No such drawing, or it cannot be read; names row and file.
        """
        if not 0 <= position < len(row.sketches):
            raise DatasetError(
                f"data set {self.name}: row {row.id!r} has {len(row.sketches)} drawings, not a number {position}: "
                "count from 0"
            )
        name = row.sketches[position]
        try:
            return self._load_sketch(name)
        except (SketchError, ImageError) as error:
            raise DatasetError(f"{self.files.name}: {name} of row {row.id!r}: {error}") from None

    def sketches(self, row: Row) -> tuple[Sketch, ...]:
        """Load all of a row's drawings, in order."""
        return tuple(self.sketch(row, position) for position in range(len(row.sketches)))

    def sketch_hash(self, row: Row, position: int) -> str:
        """SHA-256 of a drawing's bytes or stroke line, 64 hex digits."""
        name = row.sketches[position]
        if name in self.strokes:
            return hashlib.sha256(repr(self.strokes[name]).encode()).hexdigest()
        return hashlib.sha256(self.files.read(name)).hexdigest()

    def _load_sketch(self, name: str) -> Sketch:
        from stbir.strokes import Sketch

        if name in self.strokes:
            return Sketch.from_json(self.strokes[name])
        return Sketch.from_bytes(self.files.read(name))
