"""CSTBIR: a table with one query per line: split, text, object_category, image_filename, sketch_filename.

Also the JSON list of the same with split, text, label, image, sketch. Pictures are Visual Genome's and drawings are
Quick, Draw!'s, in whatever folders they were unpacked to: they are found by the end of their path. Lines that differ
in the drawing only become one row; a picture with several texts stays several rows, because text and drawing of a
query belong together.

Layout: `dataloader.py` of https://github.com/vl2g/CSTBIR. Counts are published rounded only (2 M queries, 108 k
pictures), so none is asserted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, stem, suffix

COLUMNS = ("split", "text", "object_category", "image_filename", "sketch_filename")
FIELDS = ("split", "text", "label", "image", "sketch")


def read_cstbir(reading: Reading) -> None:
    """Read the table or the list."""
    queries: dict[tuple[str, ...], tuple[str, list[str]]] = {}
    for name in reading.lists(_tables(reading.tree)):
        entries = _table(reading, name) if suffix(name) == ".csv" else _list(reading, name)
        for place, (split, text, category, image, sketch) in entries:
            key = (split, text, category, reading.tree.locate(image))
            queries.setdefault(key, (place, []))[1].append(reading.tree.locate(sketch))
    numbers: dict[str, int] = {}
    for (split, text, category, image), (place, sketches) in queries.items():
        known = f"{split}/{stem(image)}"
        numbers[known] = numbers.get(known, 0) + 1
        reading.row(
            place,
            id=known if numbers[known] == 1 else f"{known}#{numbers[known]}",
            category=category,
            image=image or None,
            text=text,
            sketches=list(dict.fromkeys(name for name in sketches if name)),
            split=split,
        )


def _table(reading: Reading, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, fields in reading.table(name, COLUMNS):
        yield f"{name}:{number}", tuple(fields[column].strip() for column in COLUMNS)


def _list(reading: Reading, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    entries: Any = reading.json(name)
    if not isinstance(entries, list):
        if entries is not None:
            reading.error("format", name, "expected a list of queries")
        return
    for number, entry in enumerate(entries):
        place = f"{name}[{number}]"
        if isinstance(entry, dict) and all(isinstance(entry.get(field), str) for field in FIELDS):
            yield place, tuple(entry[field].strip() for field in FIELDS)
        else:
            reading.error("format", place, f"expected an object with the texts {', '.join(FIELDS)}")


def _tables(tree: Tree) -> list[str]:
    return [name for name in tree.names if "cstbir" in base(name).lower() and suffix(name) in (".csv", ".json")]


CSTBIR = Format(
    title="CSTBIR (CSTBIR*.csv or .json, one query per line)",
    fits=lambda tree: bool(_tables(tree)),
    read=read_cstbir,
)
