"""`stbir data build` and `import`: any layout as rows of the one manifest format.

`build` writes a manifest beside the files, which stay where they are; `import` copies everything that the rows name
into a folder or zip of its own. Nothing that exists is overwritten unless asked for, and no half-written file stays.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from stbir.atomic import write_atomically
from stbir.datasets.dataset import Dataset
from stbir.datasets.fields import texts_in
from stbir.datasets.manifest import MANIFEST_FILE, Row, check_path
from stbir.datasets.reading import Reading
from stbir.datasets.sources import Chosen, Files, FolderFiles, Subfolder
from stbir.datasets.stroke_lines import STROKE_FILE
from stbir.datasets.tree import joined, suffix
from stbir.errors import DatasetError

Progress = Callable[[int, int], None]

_PACKED = {".json", ".jsonl", ".ndjson", ".svg", ".txt", ".bmp", ".tif", ".tiff", ".ppm"}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as a manifest, whole or not at all.

    Args:
        path: The file; its folder exists.
        rows: The rows, in order.
    """

    def write(stream: BinaryIO) -> None:
        for line in _lines(rows):
            stream.write(line)

    write_atomically(path, write)


def build_manifest(reading: Reading, out: Path, *, rows: Sequence[Row] | None = None, is_forced: bool = False) -> int:
    """Write a manifest that names a data set's files where they are.

    Args:
        reading: The data set, in a folder.
        out: The manifest, in the data set's folder or in one above it. Drawings that lie in a file of another format
            are written to `strokes.jsonl` beside it.
        rows: Other rows than those of the reading, of the same files.
        is_forced: Replace files that exist.

    Returns:
        The number of rows.

    Raises:
        DatasetError: The data set is a zip, the manifest would lie elsewhere, or it exists.
    """
    start = _way_down(reading, out)
    data = reading.dataset()
    moved = [_moved(row, start, data) for row in (data.rows if rows is None else rows)]
    stroke_file = out.with_name(STROKE_FILE)
    is_own = not start and reading.stroke_file == STROKE_FILE  # the drawings are there already
    targets = [out, *([stroke_file] if data.strokes and not is_own else [])]
    for target in targets:
        if target.exists() and not is_forced:
            raise DatasetError(f"{target} exists already: choose another name, or replace it with --force")
    out.parent.mkdir(parents=True, exist_ok=True)
    if data.strokes and not is_own:
        write_atomically(stroke_file, lambda stream: stream.writelines(_stroke_lines(data, moved)))
    write_manifest(out, moved)
    return len(moved)


def import_dataset(reading: Reading, out: Path, *, progress: Progress | None = None) -> int:
    """Copy a data set, with all files that its rows name, into a folder or zip that stands alone.

    Args:
        reading: The data set.
        out: A folder that does not exist or is empty, or a name that ends in `.zip`.
        progress: Called with the number of files done and of all.

    Returns:
        The number of files copied.

    Raises:
        DatasetError: Files are missing, or `out` exists.
    """
    data = reading.dataset()
    names = _files_of(reading, data)
    missing = [name for name in names if not reading.tree.has(name)]
    if missing:
        raise DatasetError(
            f"{data.files.name} lacks {len(missing):,} files that its rows name, such as {missing[0]!r}: "
            "`stbir data check` lists them all"
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DatasetError(f"{out} exists already: choose another name, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    pack = _pack_zip if suffix(out.name) == ".zip" else _fill_folder
    pack(out, data, names, progress)
    return len(names)


def _way_down(reading: Reading, out: Path) -> str:
    """The way from the manifest's folder down to the data set's."""
    root = _root(reading.files)
    if root is None:
        raise DatasetError(f"{reading.files.name} is not one folder: bring it into one by stbir data import first")
    try:
        way = root.resolve().relative_to(out.parent.resolve())
    except ValueError:
        raise DatasetError(
            f"{out} would not lie above its files in {root}: put the manifest there, or copy the set by data import"
        ) from None
    return "" if way == Path() else way.as_posix()


def _root(files: Files) -> Path | None:
    if isinstance(files, FolderFiles):
        return files.root
    if isinstance(files, Chosen):
        return _root(files.files)
    if isinstance(files, Subfolder):
        outer = _root(files.files)
        return None if outer is None else outer / files.folder
    return None


def _moved(row: Row, start: str, data: Dataset) -> Row:
    if not start:
        return row
    image = None if row.image is None else joined(start, row.image)
    sketches = tuple(name if name in data.strokes else joined(start, name) for name in row.sketches)
    return row.model_copy(update={"image": image, "sketches": sketches})


def _files_of(reading: Reading, data: Dataset) -> list[str]:
    """Files that rows name: pictures, drawings, and what their attributes name if it is there."""
    found: dict[str, None] = {}
    for row in data.rows:
        if row.image is not None:
            found[row.image] = None
        found.update((name, None) for name in row.sketches if name not in data.strokes)
        found.update((name, None) for name in texts_in(row.attributes) if reading.tree.has(name))
    return [check_path(name) for name in found if name not in (MANIFEST_FILE, STROKE_FILE)]


def _fill_folder(out: Path, data: Dataset, names: Sequence[str], progress: Progress | None) -> None:
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        for number, name in enumerate(names):
            target = partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.files.read(name))
            if progress is not None:
                progress(number + 1, len(names))
        if data.strokes:
            (partial / STROKE_FILE).write_bytes(b"".join(_stroke_lines(data, data.rows)))
        write_manifest(partial / MANIFEST_FILE, data.rows)
        partial.chmod(0o755)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _pack_zip(out: Path, data: Dataset, names: Sequence[str], progress: Progress | None) -> None:
    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            for number, name in enumerate(names):
                _add(archive, name, data.files.read(name))
                if progress is not None:
                    progress(number + 1, len(names))
            if data.strokes:
                _add(archive, STROKE_FILE, b"".join(_stroke_lines(data, data.rows)))
            _add(archive, MANIFEST_FILE, b"".join(_lines(data.rows)))

    write_atomically(out, write)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file without the time of day, so that the same data set gives the same zip."""
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED if suffix(name) in _PACKED else zipfile.ZIP_STORED
    archive.writestr(entry, content)


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        yield row.model_dump_json(exclude_defaults=True).encode() + b"\n"


def _stroke_lines(data: Dataset, rows: Iterable[Row]) -> Iterator[bytes]:
    names = dict.fromkeys(name for row in rows for name in row.sketches if name in data.strokes)
    for name in names:
        yield json.dumps({"id": name, **data.strokes[name]}, separators=(",", ":")).encode() + b"\n"
