"""The data sets known by name, and how each becomes rows.

`READERS` maps a name to a function from files to a `Dataset`; whatever is not in it is read as a plain manifest. Names
are looked up in the folder that the environment variable STBIR_DATA names, else in `../shared/data`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stbir.datasets.dataset import Dataset
from stbir.datasets.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Row, parse_manifest
from stbir.datasets.sources import Files, MountedFiles, open_files
from stbir.errors import DatasetError

DATA_VARIABLE = "STBIR_DATA"
DEFAULT_DATA = Path("..", "shared", "data")

Reader = Callable[[str, Files], Dataset]


def read_plain(name: str, files: Files) -> Dataset:
    """Read a data set whose manifest is in the house's row format already.

    Args:
        name: What it is called in results.
        files: Its files, `manifest.jsonl` among them.

    Returns:
        The data set.
    """
    return Dataset(name, files, _rows(files))


def read_chairv2(name: str, files: Files) -> Dataset:
    """Read the ChairV2 drawings: strokes from `strokes.jsonl`, and the IKEA pictures beside it as distractors.

    The 30 rows with a photo show IKEA articles, so the same articles are left out of the distractors. A drawing
    `png/<key>.png` of the manifest stands for the strokes of that key.

    Args:
        name: What it is called in results.
        files: The chairs; `ikea-products` is opened beside them.

    Returns:
        Chairs with their own splits, category "chair"; distractors with split "gallery".
    """
    ikea = open_files(_beside(files, "ikea-products"))
    strokes = _stroke_lines(files)
    chairs = []
    for row in _rows(files):
        keys = tuple(sketch.removeprefix("png/").removesuffix(".png") for sketch in row.sketches)
        missing = [key for key in keys if key not in strokes]
        if missing:
            raise DatasetError(f"{files.name}: row {row.id!r} names the drawing {missing[0]!r}, strokes.jsonl has none")
        chairs.append(row.model_copy(update={"category": row.category or "chair", "sketches": keys}))
    articles = {article_number(row.id) for row in chairs if row.image}
    distractors = [
        row.model_copy(update={"id": f"ikea/{row.id}", "image": f"ikea-products/{row.image}", "split": "gallery"})
        for row in _rows(ikea)
        if article_number(row.id) not in articles
    ]
    return Dataset(name, MountedFiles({"": files, "ikea-products": ikea}), (*chairs, *distractors), strokes)


def read_qmul_v1(name: str, files: Files) -> Dataset:
    """Read the QMUL V1 drawings of shoes, chairs and handbags with the edge maps of their photos.

    The photos themselves are not in the set: each row's `image` is its edge map, and `attributes` says so.

    Args:
        name: What it is called in results.
        files: Its files.

    Returns:
        The data set.
    """
    rows = []
    for row in _rows(files):
        edges = row.attributes.get("photo_edges")
        if not isinstance(edges, str):
            raise DatasetError(f"{files.name}: row {row.id!r} names no photo_edges: expected the edge map of its photo")
        attributes = {**row.attributes, "image_kind": "edge map"}
        rows.append(row.model_copy(update={"image": edges, "attributes": attributes}))
    return Dataset(name, files, tuple(rows))


READERS: dict[str, Reader] = {
    "chairv2-sketches": read_chairv2,
    "clothing-cc0": read_plain,
    "fashion-products": read_plain,
    "fluent-emoji": read_plain,
    "ikea-products": read_plain,
    "imagenet-objects": read_plain,
    "qmul-v1-sketch-edge": read_qmul_v1,
    "shoes-handbags": read_plain,
    "shoev2-photos": read_plain,
    "sketchy-125": read_plain,
    "tiny-imagenet-16k": read_plain,
}


def open_dataset(where: str | os.PathLike[str]) -> Dataset:
    """Open a data set by path or by name.

    Args:
        where: A folder or zip with a `manifest.jsonl`, that file itself, or a name in `READERS`. A folder or zip that
            is called like a known data set is read by that reader.

    Returns:
        The data set.

    Raises:
        DatasetError: No such data set, or it breaks its format.
    """
    path = Path(where)
    if not path.exists():
        path = _find(os.fspath(where))
    if path.name == MANIFEST_FILE:
        path = path.parent
    name = (path.stem if path.is_file() else path.resolve().name) or "data"
    return READERS.get(name, read_plain)(name, open_files(path))


def data_folder() -> Path:
    """Where data sets are looked up by name."""
    return Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)


def _find(name: str) -> Path:
    folder = data_folder()
    if name in READERS:
        for path in (folder / name, folder / f"{name}.zip"):
            if path.exists():
                return path
        raise DatasetError(
            f"data set {name} is not in {folder}: put {name}.zip there, or name its folder in {DATA_VARIABLE}"
        )
    raise DatasetError(
        f"{name} is neither a folder or zip nor a known data set: known are {', '.join(sorted(READERS))}"
    )


def _beside(files: Files, name: str) -> Path:
    folder = Path(files.name).parent
    for path in (folder / name, folder / f"{name}.zip"):
        if path.exists():
            return path
    raise DatasetError(f"{files.name} needs the data set {name} beside it: put {name}.zip into {folder}")


def _rows(files: Files) -> tuple[Row, ...]:
    if not files.has(MANIFEST_FILE):
        raise DatasetError(f"{files.name} holds no {MANIFEST_FILE}: it is not a data set; give one that has it")
    return parse_manifest(files.read(MANIFEST_FILE, MAX_MANIFEST_BYTES), f"{files.name}/{MANIFEST_FILE}")


def _stroke_lines(files: Files) -> dict[str, Any]:
    strokes: dict[str, Any] = {}
    for number, line in enumerate(files.read("strokes.jsonl").splitlines(), start=1):
        try:
            drawing = json.loads(line)
            strokes[drawing["id"]] = {"strokes": drawing["strokes"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise DatasetError(f"{files.name}/strokes.jsonl:{number}: expected an object with id and strokes") from None
    return strokes


def article_number(row_id: str) -> str:
    """Digits of the IKEA article in an id like `chair:20208527_v1` or `202.085.27`, without leading zeros."""
    return row_id.removeprefix("chair:").partition("_")[0].replace(".", "").lstrip("0")
