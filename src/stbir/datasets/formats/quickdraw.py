"""Quick, Draw!: `<category>.ndjson`, one drawing per line, simplified or raw; also stroke files `drawings.jsonl`.

Each drawing is a row without a picture. The option `recognized` takes those only that the game recognised. Files are
read line by line, and lines are parsed again when a drawing is asked for, so that memory stays near the file's size.

Layout: https://github.com/googlecreativelab/quickdraw-dataset, "The raw moderated dataset", "Preprocessed dataset".
"""

from __future__ import annotations

from typing import Any

from stbir.datasets.formats.format import Format
from stbir.datasets.manifest import MAX_MANIFEST_BYTES, BadLine, numbered_lines, parse_object
from stbir.datasets.reading import Reading
from stbir.datasets.stroke_lines import LazyStrokes
from stbir.datasets.tree import Tree, base, stem, suffix

DRAWINGS_FILE = "drawings.jsonl"
PUBLISHED_CATEGORIES = 345


def read_quickdraw(reading: Reading) -> None:
    """Read every file of drawings."""
    lines: dict[str, bytes] = {}
    names = _files(reading.tree)
    for name in names:
        for number, line in numbered_lines(reading.content(name, MAX_MANIFEST_BYTES) or b""):
            _add(reading, f"{name}:{number}", name, line, lines)
    reading.strokes = LazyStrokes(lines, _strokes)
    if len(names) > 1:
        reading.expect("categories", len({row.category for row in reading.rows}), PUBLISHED_CATEGORIES)


def _add(reading: Reading, place: str, name: str, line: bytes, lines: dict[str, bytes]) -> None:
    try:
        drawing = parse_object(line)
    except BadLine as error:
        reading.error("format", place, str(error))
        return
    key = drawing.get("key_id", drawing.get("id"))
    if not isinstance(key, str | int) or not isinstance(drawing.get("drawing", drawing.get("strokes")), list):
        reading.error("format", place, "expected an object with key_id and drawing")
        return
    if "recognized" in reading.options and drawing.get("recognized") is False:
        return
    category = drawing.get("word", drawing.get("category"))
    known = ("recognized", "countrycode", "timestamp")
    row = reading.row(
        place,
        id=str(key),
        category=category if isinstance(category, str) else stem(name),
        sketches=[str(key)],
        source=drawing.get("source") if isinstance(drawing.get("source"), str) else None,
        attributes={field: drawing[field] for field in known if field in drawing},
    )
    if row is not None:
        lines[row.id] = line


def _strokes(line: bytes) -> dict[str, Any]:
    drawing = parse_object(line)
    if "strokes" in drawing:
        return {"strokes": drawing["strokes"]}
    return {"strokes": [list(map(list, zip(*stroke, strict=False))) for stroke in drawing["drawing"]]}


def _files(tree: Tree) -> list[str]:
    return [name for name in tree.names if suffix(name) == ".ndjson" or base(name) == DRAWINGS_FILE]


QUICKDRAW = Format(
    title="Quick, Draw! (<category>.ndjson, one drawing per line)",
    fits=lambda tree: bool(_files(tree)),
    read=read_quickdraw,
    options={"recognized": "only drawings that the game recognised"},
)
