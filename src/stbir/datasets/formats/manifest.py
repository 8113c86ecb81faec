"""stbir's own format: `manifest.jsonl`, one row per line, beside the files that it names.

Drawings may also be keys of `strokes.jsonl`, one `{"id": ..., "strokes": [...]}` per line. Documented in
docs/dataset.md.
"""

from __future__ import annotations

from stbir.datasets.formats.format import Format
from stbir.datasets.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, numbered_lines
from stbir.datasets.reading import Reading
from stbir.datasets.sources import Chosen
from stbir.datasets.stroke_lines import STROKE_FILE, read_stroke_lines


def read_manifest_rows(reading: Reading) -> None:
    """Read the rows of the manifest, or of the JSONL file that was named, and the stroke file beside it."""
    name = reading.files.chosen if isinstance(reading.files, Chosen) else MANIFEST_FILE
    if not reading.files.has(name):
        reading.error("missing", "", f"holds no {MANIFEST_FILE}: it is not a data set; give one that has it")
        return
    read_rows(reading, name)
    if reading.files.has(STROKE_FILE):
        reading.strokes, reading.stroke_file = read_stroke_lines(reading), STROKE_FILE


def read_rows(reading: Reading, name: str) -> None:
    """Read the lines of one manifest file as rows."""
    number = 0
    for number, line in numbered_lines(reading.content(name, MAX_MANIFEST_BYTES) or b""):
        reading.line(f"{name}:{number}", line)
    if not number and not reading.problems:
        reading.error("format", name, "holds no rows: expected one JSON object per line")


MANIFEST = Format(
    title="manifest.jsonl, one row per line",
    fits=lambda tree: tree.has(MANIFEST_FILE),
    read=read_manifest_rows,
)
