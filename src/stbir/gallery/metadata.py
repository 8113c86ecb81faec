"""The user's own columns: prices, categories, captions, whatever a CSV or JSON file says of the pictures.

Each row of the file names a picture by `id`, `path` or `name`; the other fields become columns that `--where` may
name. A column's type is found from all its values: whole numbers, numbers, true and false, else text. Files are
hostile: sizes, numbers of rows and columns and lengths are limited, and names must be plain.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stbir.errors import InputError
from stbir.files import read_regular_file
from stbir.gallery.catalogue import COLUMNS, Entry
from stbir.gallery.failures import first_line
from stbir.gallery.store import Store
from stbir.gallery.update import read_catalogue

MAX_BYTES = 512_000_000
MAX_ROWS = 5_000_000
MAX_COLUMNS = 100
MAX_CHARACTERS = 10_000
COLUMN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
KEYS = ("id", "path", "name")
RESERVED = {*COLUMNS, "vector", "thumbnail"}
TRUE_WORDS = {"true": True, "false": False, "yes": True, "no": False}
INTEGER = re.compile(r"[+-]?\d{1,18}")
SQL_TYPES = {bool: "boolean", int: "bigint", float: "double", str: "string"}

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Attached:
    """What came of attaching metadata.

    Attributes:
        num_pictures: Pictures that got values.
        columns: Names and types of the columns: boolean, bigint, double, string.
        unknown: Rows of the file that name no picture of the gallery, by what they name.
    """

    num_pictures: int
    columns: Mapping[str, str]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A metadata file that was read.

    Attributes:
        key: By which column pictures are named.
        names: What each row names.
        columns: The other columns, typed, each with a value or None for every row.
        folder: Where the file lies; relative paths start there.
    """

    key: str
    names: tuple[str, ...]
    columns: Mapping[str, tuple[Value, ...]]
    folder: Path


def read_sheet(file: Path | str) -> Sheet:
    """Read a metadata file.

    Args:
        file: `.csv` or `.tsv` with a line of column names, `.json` with a list of objects, or `.jsonl`.

    Returns:
        Its rows.

    Raises:
        InputError: It cannot be read, or breaks a limit; names file, row and column.
    """
    path = Path(file)
    text = _text(path)
    rows = _delimited(path, text) if path.suffix.lower() in (".csv", ".tsv") else _objects(path, text)
    if not rows:
        raise InputError(f"{path} holds no rows: expected column names and a row for each picture")
    names = list(dict.fromkeys(name for row in rows for name in row))
    key = next((name for name in KEYS if name in names), None)
    if key is None:
        raise InputError(f"{path} names no pictures: expected a column id, path or name, found {', '.join(names[:8])}")
    columns = [name for name in names if name not in KEYS]
    if not columns:
        raise InputError(f"{path} says nothing of the pictures: expected columns beside {key}, such as category")
    if len(columns) > MAX_COLUMNS:
        raise InputError(f"{path} has {len(columns)} columns: at most {MAX_COLUMNS} are read; leave some out")
    for name in columns:
        if not COLUMN_NAME.fullmatch(name):
            raise InputError(
                f"{path}: the column {name[:80]!r} cannot be used: write lower case letters, digits and underscores"
            )
        if name in RESERVED:
            raise InputError(f"{path}: the column {name!r} is the gallery's own: give it another name")
    pictures = tuple(str(row.get(key) or "").strip() for row in rows)
    if "" in pictures:
        raise InputError(f"{path}: row {pictures.index('') + 1} has no {key}: name the picture")
    typed = {name: _typed(path, name, [row.get(name) for row in rows]) for name in columns}
    return Sheet(key, pictures, typed, path.absolute().parent)


def attach(store: Store, sheet: Sheet) -> Attached:
    """Write a sheet's columns to the pictures that it names; the writer's lock is held.

    Pictures that it does not name keep what they have. A column that is there already keeps its type.

    Args:
        store: The gallery.
        sheet: From `read_sheet`.

    Returns:
        What was done.

    Raises:
        InputError: A column is there with another type.
        GalleryError: The gallery cannot be written.
    """
    import pyarrow as pa

    kinds = {name: _kind(values) for name, values in sheet.columns.items()}
    present = {name: str(kind) for name, kind in store.files.own_columns().items()}
    arrow = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    for name, kind in kinds.items():
        wanted = present.get(name, str(arrow[kind]))
        if wanted != str(arrow[kind]):
            if wanted == "double" and kind is int:
                kinds[name] = float
            elif wanted == "string":
                kinds[name] = str
            else:
                raise InputError(
                    f"the column {name!r} of the gallery holds {wanted}, the file {arrow[kind]}: "
                    "correct its values, or give it another name"
                )
    chosen, unknown = _matched(sheet, read_catalogue(store))
    rows: dict[str, list[Any]] = {"id": list(chosen)}
    fields = [pa.field("id", pa.string(), nullable=False)]
    for name, kind in kinds.items():
        values = [sheet.columns[name][row] for row in chosen.values()]
        rows[name] = [None if value is None else _as_text(value) if kind is str else kind(value) for value in values]
        fields.append(pa.field(name, arrow[kind]))
    missing = {name: f"CAST(NULL AS {SQL_TYPES[kind]})" for name, kind in kinds.items() if name not in present}

    def change(table: Any) -> None:
        if missing:
            table.add_columns(missing)
        if chosen:
            table.merge_insert("id").when_matched_update_all().execute(pa.table(rows, schema=pa.schema(fields)))

    store.files.commit("write metadata to", change)
    return Attached(len(chosen), {name: SQL_TYPES[kind] for name, kind in kinds.items()}, unknown)


def _matched(sheet: Sheet, entries: Sequence[Entry]) -> tuple[dict[str, int], tuple[str, ...]]:
    """By id of a picture the row that names it, the last one; and what names none."""
    known: dict[str, list[str]] = {}
    for entry in entries:
        known.setdefault(getattr(entry, sheet.key), []).append(entry.id)
        if sheet.key == "path":
            known.setdefault(os.path.relpath(entry.path, entry.root), []).append(entry.id)
    chosen: dict[str, int] = {}
    unknown = []
    for row, name in enumerate(sheet.names):
        ids = known.get(name)
        if ids is None and sheet.key == "path":
            ids = known.get(os.path.normpath(sheet.folder / name))
        if ids is None:
            unknown.append(name)
        chosen.update(dict.fromkeys(ids or (), row))
    return chosen, tuple(unknown)


def _text(path: Path) -> str:
    content = read_regular_file(path, MAX_BYTES, InputError)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None


def _delimited(path: Path, text: str) -> list[dict[str, Any]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if repeated := {name for name in header if header.count(name) > 1}:
            raise InputError(f"{path} has the column {sorted(repeated)[0]!r} twice: rename one")
        rows = []
        for number, line in enumerate(reader, start=2):
            if not line:
                continue
            if len(line) != len(header):
                raise InputError(
                    f"{path} line {number} has {len(line)} fields, expected {len(header)}: check its quotes"
                )
            rows.append(dict(zip(header, line, strict=True)))
            _check_number(path, len(rows))
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num} cannot be read: {error}; check its quotes") from None
    return rows


def _objects(path: Path, text: str) -> list[dict[str, Any]]:
    """Rows of a JSON list or of JSON lines."""
    try:
        if path.suffix.lower() == ".jsonl":
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            lines = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not JSON ({first_line(error)}): expected a list of objects, or in .jsonl one object a line"
        ) from None
    if not isinstance(lines, list):
        raise InputError(f"{path} holds {type(lines).__name__}, expected a list of objects, one for each picture")
    _check_number(path, len(lines))
    for number, row in enumerate(lines, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} is {type(row).__name__}, expected an object")
    return lines


def _check_number(path: Path, number: int) -> None:
    if number > MAX_ROWS:
        raise InputError(f"{path} has more than {MAX_ROWS:,} rows: split it")


def _typed(path: Path, name: str, values: Sequence[Any]) -> tuple[Value, ...]:
    """A column's values in the one type that fits them all; empty text is no value."""
    plain: list[Value] = []
    for number, value in enumerate(values, start=1):
        if isinstance(value, str):
            value = value.strip() or None
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            value = ", ".join(value)
        elif isinstance(value, float) and not math.isfinite(value):
            value = None
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
            value = float(value)
        if value is not None and not isinstance(value, bool | int | float | str):
            raise InputError(
                f"{path}: row {number} has {type(value).__name__} as {name}: expected text, a number, true or false"
            )
        if isinstance(value, str) and len(value) > MAX_CHARACTERS:
            raise InputError(
                f"{path}: row {number} has {len(value):,} characters as {name}: at most {MAX_CHARACTERS:,} are read"
            )
        plain.append(value)
    given = [value for value in plain if value is not None]
    if given and all(isinstance(value, str) for value in given):
        texts = [str(value) for value in given]
        if all(text.lower() in TRUE_WORDS for text in texts):
            return tuple(None if value is None else TRUE_WORDS[str(value).lower()] for value in plain)
        if all(INTEGER.fullmatch(text) and not _is_code(text) for text in texts):
            return tuple(None if value is None else int(value) for value in plain)
        if all(_is_number(text) and not _is_code(text) for text in texts):
            return tuple(None if value is None else float(value) for value in plain)
        return tuple(plain)
    kind = _kind(plain)
    return tuple(None if value is None else _as_text(value) if kind is str else kind(value) for value in plain)


def _kind(values: Sequence[Value]) -> type[bool] | type[int] | type[float] | type[str]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return bool
    if kinds == {int}:
        return int
    if kinds and kinds <= {int, float}:
        return float
    return str


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _is_code(text: str) -> bool:
    """Whether a number is rather a code whose zeros in front matter, such as 00123."""
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
