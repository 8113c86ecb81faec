"""Drawings of a stroke file, kept as the bytes of their lines and parsed when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stbir.datasets.manifest import BadLine, numbered_lines, parse_object
from stbir.datasets.reading import Reading
from stbir.datasets.sources import MAX_FILE_BYTES

STROKE_FILE = "strokes.jsonl"


class LazyStrokes(Mapping[str, Any]):
    """Names of drawings to stroke JSON, made when it is asked for.

    Args:
        sources: What each drawing is made from, by its name.
        load: Makes the stroke JSON of one.
    """

    def __init__(self, sources: Mapping[str, Any], load: Callable[[Any], Any]) -> None:
        self._sources = sources
        self._load = load

    def __getitem__(self, name: str) -> Any:
        return self._load(self._sources[name])

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def read_stroke_lines(reading: Reading, name: str = STROKE_FILE) -> LazyStrokes:
    """Read a file with one drawing `{"id": ..., "strokes": [...]}` per line.

    Args:
        reading: Where the file is, and where broken lines are noted.
        name: The file.

    Returns:
        The drawings by id.
    """
    lines: dict[str, bytes] = {}
    for number, line in numbered_lines(reading.content(name, MAX_FILE_BYTES) or b""):
        place = f"{name}:{number}"
        try:
            drawing = parse_object(line)
        except BadLine as error:
            reading.error("format", place, str(error))
            continue
        key = drawing.get("id")
        if not isinstance(key, str) or not isinstance(drawing.get("strokes"), list):
            reading.error("format", place, "expected an object with id and strokes")
        elif key in lines:
            reading.error("id", place, f"the drawing {key!r} was given before: make ids unique")
        else:
            lines[key] = line
    return LazyStrokes(lines, _strokes_of_line)


def points_to_strokes(points: list[list[float]]) -> list[list[list[float]]]:
    """Strokes of points `[x, y, end]`, where `end` is 1 at the last point of each stroke.

    Source: the format of QMUL's coordinate files and of FS-COCO's vector sketches.
    """
    strokes: list[list[list[float]]] = [[]]
    for x, y, end in points:
        strokes[-1].append([x, y])
        if end:
            strokes.append([])
    return [stroke for stroke in strokes if stroke]


def _strokes_of_line(line: bytes) -> dict[str, Any]:
    drawing = parse_object(line)
    return {name: drawing[name] for name in ("strokes", "size") if name in drawing}
