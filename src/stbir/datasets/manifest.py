"""The one row format of all data sets: a JSON object per line, one line per picture.

    {"id": "shoe/17", "category": "shoe", "image": "photo/17.jpg", "text": "red suede boot",
     "sketches": ["sketch/17.svg"], "split": "test", "attributes": {"colour": "red"}}

Only `id` is required. Fields this format does not know are kept in `attributes`, so foreign manifests (the official
STBIR ones among them) load as they are. A manifest is hostile until it parsed: sizes are limited, paths must stay
inside the data set, and every error names file, line and field.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stbir.errors import DatasetError
from stbir.files import read_regular_file

MANIFEST_FILE = "manifest.jsonl"
MAX_MANIFEST_BYTES = 512_000_000
MAX_LINE_BYTES = 1_000_000
MAX_ROWS = 2_000_000
MAX_PATH_LENGTH = 1024
MAX_DEPTH = 32

_ALIASES = {"positive_sketches": "sketches", "license": "licence"}


class Row(BaseModel):
    """One picture with what is known about it, or drawings and words whose picture is missing.

    Attributes:
        id: Unique within the data set.
        category: What kind of thing it shows.
        image: The picture's file, relative to the data set, with forward slashes.
        text: A short description; where only `texts` is given, its first.
        texts: Further descriptions.
        sketches: Names of drawings of it: files relative to the data set, or keys of its stroke file.
        split: train, val, test, or the data set's own word; `gallery` marks distractors without queries.
        virtual_class: A finer class than the category.
        attributes: Everything else, unknown fields of the row included.
        source: Where the picture comes from.
        licence: Its licence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=MAX_PATH_LENGTH)
    category: str | None = None
    image: str | None = None
    text: str | None = None
    texts: tuple[str, ...] = ()
    sketches: tuple[str, ...] = ()
    split: str | None = None
    virtual_class: str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    source: str | None = None
    licence: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _fold_unknown(cls, data: Any) -> Any:
        """Rename the known aliases, move unknown fields to `attributes`; those given there explicitly win."""
        if not isinstance(data, dict):
            return data
        known: dict[str, Any] = {}
        unknown: dict[str, Any] = {}
        for name, value in data.items():
            field = name if name in cls.model_fields else _ALIASES.get(name)
            if field is None or (field != name and field in data):
                unknown[name] = value
            else:
                known[field] = value
        attributes = known.get("attributes")
        if unknown and (attributes is None or isinstance(attributes, dict)):
            known["attributes"] = {**unknown, **(attributes or {})}
        elif attributes is None:
            known.pop("attributes", None)
        return known

    @field_validator("sketches", "texts", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return () if value is None else value

    @field_validator("virtual_class", mode="before")
    @classmethod
    def _class_number(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("category", "image", "text", "split", "virtual_class", mode="after")
    @classmethod
    def _blank_is_none(cls, value: str | None) -> str | None:
        return value if value and value.strip() else None

    @field_validator("image", mode="after")
    @classmethod
    def _image_stays_inside(cls, value: str | None) -> str | None:
        return value if value is None else check_path(value)

    @field_validator("sketches", mode="after")
    @classmethod
    def _sketches_stay_inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_path(name) for name in value)

    @model_validator(mode="before")
    @classmethod
    def _first_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("text") and isinstance(data.get("texts"), list) and data["texts"]:
            return {**data, "text": data["texts"][0]}
        return data

    @property
    def all_texts(self) -> tuple[str, ...]:
        """`text` and `texts` without repetition, in this order."""
        given = ((self.text,) if self.text else ()) + tuple(text for text in self.texts if text.strip())
        return tuple(dict.fromkeys(given))


def check_path(path: str) -> str:
    """Refuse a name that could lead out of a data set.

    Args:
        path: A relative path with forward slashes.

    Returns:
        The same path.

    Raises:
        ValueError: Absolute, with a drive, a backslash, a zero byte or a part `..`, empty, or over-long.

    >>> check_path("photo/a.jpg")
    'photo/a.jpg'
    """
    expected = "expected a path inside the data set, with forward slashes"
    if not path or len(path) > MAX_PATH_LENGTH:
        raise ValueError(f"a path of {len(path)} characters: expected 1 to {MAX_PATH_LENGTH}")
    if "\\" in path or "\0" in path or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise ValueError(f"the path {path!r} may lead out of the data set: {expected}")
    if ".." in path.split("/"):
        raise ValueError(f"the path {path!r} leads out of the data set: {expected}")
    return path


def read_manifest(path: str | os.PathLike[str]) -> tuple[Row, ...]:
    """Read a manifest file.

    Args:
        path: A JSONL file.

    Returns:
        Its rows, in order.

    Raises:
        DatasetError: Missing, over the limits, or a line breaks the format; names file, line and field.
    """
    return parse_manifest(read_regular_file(path, MAX_MANIFEST_BYTES, DatasetError), os.fspath(path))


def parse_manifest(content: bytes, name: str) -> tuple[Row, ...]:
    """Read the content of a manifest.

    Args:
        content: JSONL, UTF-8; blank lines are skipped.
        name: What errors call it.

    Returns:
        Its rows, in order.

    Raises:
        DatasetError: Over the limits, or a line breaks the format; names line and field.

    >>> [row.text for row in parse_manifest(b'{"id": "a", "text": "red boot", "heel": "high"}', "m.jsonl")]
    ['red boot']
    """
    rows: list[Row] = []
    line_of: dict[str, int] = {}
    for number, line in numbered_lines(content):
        if len(rows) >= MAX_ROWS:
            raise DatasetError(f"{name} has more than the {MAX_ROWS:,} rows allowed: split it")
        try:
            row = parse_line(line)
        except BadLine as error:
            raise DatasetError(f"{name}:{number}: {error}") from None
        if row.id in line_of:
            raise DatasetError(
                f"{name}:{number}: the id {row.id!r} was used in line {line_of[row.id]} already: make ids unique"
            )
        line_of[row.id] = number
        rows.append(row)
    if not rows:
        raise DatasetError(f"{name} holds no rows: expected one JSON object per line")
    return tuple(rows)


class BadLine(ValueError):
    """A line that is no row.

    Attributes:
        messages: All that is wrong with it; `str` gives the first.
    """

    def __init__(self, *messages: str) -> None:
        super().__init__(messages[0])
        self.messages = messages


def numbered_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines of a text file that are not blank, with their numbers from 1; a byte order mark is dropped."""
    for number, line in enumerate(io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")), start=1):
        if line.strip():
            yield number, line


def parse_line(line: bytes) -> Row:
    """Read one line of a manifest.

    Raises:
        BadLine: Over the limits, not a JSON object, or fields that break the format.
    """
    try:
        return Row.model_validate(parse_object(line))
    except ValidationError as error:
        raise BadLine(*field_errors(error)) from None


def parse_object(line: bytes) -> dict[str, Any]:
    """Read a JSON object of a line.

    Raises:
        BadLine: Over the limits, or not a JSON object.
    """
    if len(line) > MAX_LINE_BYTES:
        raise BadLine(f"the line has {len(line):,} bytes, more than the {MAX_LINE_BYTES:,} allowed: shorten it")
    try:
        data = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadLine("the JSON is nested too deeply: expected one flat object") from None
    except ValueError as error:
        raise BadLine(f"not JSON ({error}): expected one JSON object per line") from None
    if not isinstance(data, dict):
        raise BadLine(f"a JSON {type(data).__name__}: expected one JSON object per line")
    if _is_deep(data):
        raise BadLine("the JSON is nested too deeply: expected one flat object")
    if has_half_characters(line, data):
        raise BadLine("a text holds half a character (\\ud800 to \\udfff alone): write it as UTF-8")
    return data


def has_half_characters(content: bytes, data: Any) -> bool:
    """Whether parsed JSON holds a half of a surrogate pair alone: no file and no tokenizer can take such a text."""
    if re.search(rb"\\u[dD][89a-fA-F]", content) is None:
        return False
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def field_errors(error: ValidationError) -> tuple[str, ...]:
    """What is wrong with the fields of a row, one line each."""
    messages = []
    for found in error.errors(include_url=False):
        field = ".".join(map(str, found["loc"])) or "row"
        message = found["msg"].removeprefix("Value error, ")
        messages.append(f"field {field} is {repr(found['input'])[:60]}: {message}")
    return tuple(messages)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
