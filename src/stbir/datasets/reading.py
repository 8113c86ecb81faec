"""One reading of a data set: what a reader is given, and where it puts rows and findings.

A strict reading, as `open_dataset` does it, stops at the first error; a tolerant one, as `check` does it, collects all
of them and goes on. Readers are written once for both.
"""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from stbir.datasets.dataset import Dataset
from stbir.datasets.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_ROWS,
    BadLine,
    Row,
    field_errors,
    has_half_characters,
    numbered_lines,
    parse_object,
)
from stbir.datasets.problems import ERROR, WARNING, Problem
from stbir.datasets.sources import Chosen, Files
from stbir.datasets.tree import Tree
from stbir.errors import DatasetError

MAX_TEXT_BYTES = 1_000_000


class Reading:
    """Rows and findings of a data set that is being read.

    Args:
        name: What the data set is called in results.
        files: Its files.
        options: What was asked of the format, such as "noise".
        is_strict: Raise the first error instead of noting it.

    Attributes:
        rows: The rows so far.
        places: Where each row comes from, such as `manifest.jsonl:17`.
        strokes: Drawings that lie in one file: name to stroke JSON.
        stroke_file: That file, where it is in the format that a manifest has beside it.
        problems: The findings so far.
    """

    def __init__(self, name: str, files: Files, *, options: Collection[str] = (), is_strict: bool = True) -> None:
        self.name = name
        self.files = files
        self.options = frozenset(options)
        self.is_strict = is_strict
        self.rows: list[Row] = []
        self.places: list[str] = []
        self.strokes: Mapping[str, Any] = {}
        self.stroke_file: str | None = None
        self.problems: list[Problem] = []
        self._place_of: dict[str, str] = {}

    @functools.cached_property
    def tree(self) -> Tree:
        """What lies where."""
        return Tree(self.files)

    def lists(self, found: list[str]) -> list[str]:
        """The list that was named, whatever it is called; else those that were found."""
        return [self.files.chosen] if isinstance(self.files, Chosen) else found

    def error(self, kind: str, place: str, message: str, *, row: str | None = None) -> None:
        """Note what makes the data set wrong.

        Raises:
            DatasetError: The reading is strict.
        """
        problem = Problem(kind, ERROR, place, message, row)
        if self.is_strict:
            where = f"{self.files.name}/{place}" if place else self.files.name
            raise DatasetError(f"{where}: {message}")
        self.problems.append(problem)

    def flaw(self, kind: str, place: str, message: str, *, row: str | None = None) -> None:
        """Note an error that leaves the rest usable, such as a drawing without its photo; never raises."""
        self.problems.append(Problem(kind, ERROR, place, message, row))

    def warning(self, kind: str, place: str, message: str, *, row: str | None = None) -> None:
        """Note what may be meant so."""
        self.problems.append(Problem(kind, WARNING, place, message, row))

    def row(self, place: str, **fields: Any) -> Row | None:
        """Add a row.

        Args:
            place: Where it comes from.
            fields: Fields of `Row`; those that are None are left out.

        Returns:
            The row; None where it breaks the format.
        """
        return self._validated(place, {name: value for name, value in fields.items() if value is not None})

    def line(self, place: str, line: bytes) -> Row | None:
        """Add the row of a manifest's line."""
        try:
            fields = parse_object(line)
        except BadLine as error:
            self.error("format", place, str(error))
            return None
        return self._validated(place, fields)

    def _validated(self, place: str, fields: dict[str, Any]) -> Row | None:
        texts = fields.get("texts")
        for text in (fields.get("text"), *(texts if isinstance(texts, list | tuple) else ())):
            if isinstance(text, str) and not text.strip():
                self.warning("text", place, "the text is empty: leave the field out, or write one", row=_id_of(fields))
        try:
            row = Row.model_validate(fields)
        except ValidationError as error:
            for message in field_errors(error):
                is_outside = "out of the data set" in message
                self.error("outside" if is_outside else "format", place, message, row=_id_of(fields))
            return None
        return self.add(place, row)

    def add(self, place: str, row: Row) -> Row | None:
        """Add a row that is in order but perhaps for its id."""
        if row.id in self._place_of:
            message = f"the id {row.id!r} was used in {self._place_of[row.id]} already: make ids unique"
            self.error("id", place, message, row=row.id)
            return None
        if len(self.rows) >= MAX_ROWS:
            raise DatasetError(f"{self.files.name} has more than the {MAX_ROWS:,} rows allowed: split it")
        self._place_of[row.id] = place
        self.rows.append(row)
        self.places.append(place)
        return row

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Lines of a text file that are not blank, with their numbers from 1."""
        content = self.content(name, MAX_MANIFEST_BYTES)
        for number, line in numbered_lines(content or b""):
            try:
                yield number, line.decode("utf-8").strip()
            except UnicodeDecodeError:
                self.error("format", f"{name}:{number}", "the line is not UTF-8 text: convert the file")

    def text(self, name: str) -> list[str]:
        """The lines of a small text file, one text each; nothing where it is missing, which is noted."""
        content = self.content(name, MAX_TEXT_BYTES)
        try:
            return [line.strip() for line in (content or b"").decode("utf-8-sig").splitlines() if line.strip()]
        except UnicodeDecodeError:
            self.error("format", name, "not UTF-8 text: convert the file")
            return []

    def json(self, name: str) -> Any:
        """The content of a JSON file; None where it is not one, which is noted."""
        content = self.content(name, MAX_MANIFEST_BYTES)
        if content is None:
            return None
        try:
            data = json.loads(content)
            if not has_half_characters(content, data):
                return data
            self.error("format", name, "a text holds half a character (\\ud800 to \\udfff alone): write it as UTF-8")
        except RecursionError:
            self.error("format", name, "the JSON is nested too deeply")
        except ValueError as error:
            self.error("format", name, f"not JSON ({error})")
        return None

    def table(self, name: str, columns: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
        """Rows of a CSV file with their line numbers.

        Args:
            name: The file.
            columns: Columns that it must have.
        """
        content = self.content(name, MAX_MANIFEST_BYTES)
        if content is None:
            return
        reader = csv.DictReader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""))
        try:
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                self.error("format", f"{name}:1", f"no column {', '.join(missing)}: expected {', '.join(columns)}")
                return
            for fields in reader:
                if None in fields.values() or None in fields:
                    self.error("format", f"{name}:{reader.line_num}", "another number of fields than columns")
                else:
                    yield reader.line_num, fields
        except (csv.Error, UnicodeDecodeError) as error:
            self.error("format", f"{name}:{reader.line_num + 1}", f"not CSV ({error}): the rest is not read")

    def content(self, name: str, max_bytes: int) -> bytes | None:
        """Content of a file; None where it cannot be read, which is noted."""
        try:
            return self.files.read(name, max_bytes)
        except DatasetError as error:
            kind = "over-limit" if "bytes allowed" in str(error) else "missing"
            self.error(kind, name, str(error))
            return None

    def expect(self, what: str, found: int, *published: int) -> None:
        """Note another number than the published ones, as of a partial copy."""
        if found not in published:
            numbers = " or ".join(f"{number:,}" for number in published)
            self.warning(
                "count", "", f"{found:,} {what}, published are {numbers}: the copy is partial, or another version"
            )

    def dataset(self) -> Dataset:
        """The data set as read so far.

        Raises:
            DatasetError: The reading is strict and there are no rows.
        """
        if not self.rows and not self.problems:
            self.error("format", "", "no rows were found: expected pictures, drawings or texts")
        return Dataset(self.name, self.files, tuple(self.rows), self.strokes)


def _id_of(fields: Mapping[str, Any]) -> str | None:
    known = fields.get("id")
    return known if isinstance(known, str) else None
