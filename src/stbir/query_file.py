"""Queries from a file: JSON lines, one query a line, in the words of the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stbir.errors import InputError, StbirError
from stbir.files import read_regular_file
from stbir.query import Query
from stbir.searcher import make_query

MAX_BYTES = 256_000_000
MAX_QUERIES = 100_000
FIELDS = ("id", "sketch", "text", "image", "like", "not", "weight")


def read_queries(file: Path | str) -> list[tuple[dict[str, Any], Query]]:
    """Read a file of queries.

    Args:
        file: An object a line. `sketch` is a file or stroke data, `image` a file, `weight` as on the command line or
            an object; files are looked up beside the file of queries. `id` is yours and comes back with the answer.

    Returns:
        For each query the object, stroke data left out, and the query.

    Raises:
        InputError: The file or a line cannot be used; names the line.
    """
    path = Path(file)
    text = read_regular_file(path, MAX_BYTES, InputError).decode("utf-8", errors="replace")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InputError(f'{path} holds no queries: expected an object a line, such as {{"text": "red boot"}}')
    if len(lines) > MAX_QUERIES:
        raise InputError(f"{path} holds {len(lines):,} queries: at most {MAX_QUERIES:,} are answered; split it")
    found = []
    for number, line in lines:
        asked = _object(path, number, line)
        try:
            found.append((_shown(asked), _query(asked, path.absolute().parent)))
        except StbirError as error:
            raise InputError(f"{path} line {number}: {error}") from None
    return found


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(f"{path} line {number} is not JSON: expected an object") from None
    if not isinstance(asked, dict):
        raise InputError(f"{path} line {number} is {type(asked).__name__}, expected an object")
    if unknown := [name for name in asked if name not in FIELDS]:
        raise InputError(f"{path} line {number} has the field {unknown[0]!r}: expected {', '.join(FIELDS)}")
    return asked


def _query(asked: Mapping[str, Any], folder: Path) -> Query:
    sketch, image = asked.get("sketch"), asked.get("image")
    if sketch is not None and not isinstance(sketch, str | dict):
        raise InputError(f"sketch is {type(sketch).__name__}: expected a file or stroke data")
    if image is not None and not isinstance(image, str):
        raise InputError(f"image is {type(image).__name__}: expected a file")
    return make_query(
        sketch=folder / sketch if isinstance(sketch, str) else sketch,
        text=asked.get("text"),
        image=None if image is None else folder / image,
        negative=asked.get("not"),
        weights=asked.get("weight"),
        like=asked.get("like"),
    )


def _shown(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "strokes" if isinstance(value, dict) and name == "sketch" else value for name, value in asked.items()}
