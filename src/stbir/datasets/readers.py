"""Open a data set: by a name that is known, by a path to it, in any layout of `formats`.

`READERS` holds what is special about data sets known by name; whatever is not in it is read by the layout that it has.
Names are looked up in the folder that the environment variable STBIR_DATA names, else in `../shared/data`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from stbir.datasets.dataset import Dataset
from stbir.datasets.formats import FORMATS
from stbir.datasets.formats.manifest import read_manifest_rows
from stbir.datasets.formats.quickdraw import read_quickdraw
from stbir.datasets.manifest import MANIFEST_FILE
from stbir.datasets.reading import Reading
from stbir.datasets.sources import Chosen, Files, MountedFiles, Subfolder, open_files
from stbir.datasets.tree import Tree
from stbir.errors import DatasetError

DATA_VARIABLE = "STBIR_DATA"
DEFAULT_DATA = Path("..", "shared", "data")

Reader = Callable[[Reading], None]

_LIST_SUFFIXES = {".jsonl", ".ndjson", ".csv", ".json"}


def read_plain(reading: Reading) -> None:
    """Read a data set whose manifest is in the house's row format already."""
    read_manifest_rows(reading)


def read_chairv2(reading: Reading) -> None:
    """Read the ChairV2 drawings: strokes from `strokes.jsonl`, and the IKEA pictures beside it as distractors.

    The 30 rows with a photo show IKEA articles, so the same articles are left out of the distractors. A drawing
    `png/<key>.png` of the manifest stands for the strokes of that key. Chairs keep their own splits and get the
    category "chair"; distractors have the split "gallery".
    """
    beside = _beside(reading.files, "ikea-products")
    ikea = Reading("ikea-products", open_files(beside), is_strict=reading.is_strict)
    read_manifest_rows(ikea)
    read_manifest_rows(reading)
    for index, row in enumerate(reading.rows):
        keys = tuple(sketch.removeprefix("png/").removesuffix(".png") for sketch in row.sketches)
        missing = [key for key in keys if key not in reading.strokes]
        for key in missing:
            message = f"row {row.id!r} names the drawing {key!r}, strokes.jsonl has none"
            reading.error("missing", reading.places[index], message, row=row.id)
        known = tuple(key for key in keys if key not in missing)
        reading.rows[index] = row.model_copy(update={"category": row.category or "chair", "sketches": known})
    articles = {article_number(row.id) for row in reading.rows if row.image}
    reading.problems += ikea.problems
    for row, place in zip(ikea.rows, ikea.places, strict=True):
        if article_number(row.id) not in articles:
            changes = {"id": f"ikea/{row.id}", "image": f"ikea-products/{row.image}", "split": "gallery"}
            reading.add(f"ikea-products/{place}", row.model_copy(update=changes))
    reading.files = MountedFiles({"": reading.files, "ikea-products": ikea.files})


def read_qmul_v1_edges(reading: Reading) -> None:
    """Read the QMUL V1 drawings of shoes, chairs and handbags with the edge maps of their photos.

    The photos themselves are not in the set: each row's `image` is its edge map, and `attributes` says so.
    """
    read_manifest_rows(reading)
    for index, row in enumerate(reading.rows):
        edges = row.attributes.get("photo_edges")
        if not isinstance(edges, str):
            message = f"row {row.id!r} names no photo_edges: expected the edge map of its photo"
            reading.error("missing", reading.places[index], message, row=row.id)
            continue
        attributes = {**row.attributes, "image_kind": "edge map"}
        reading.rows[index] = row.model_copy(update={"image": edges, "attributes": attributes})


READERS: dict[str, Reader] = {
    "chairv2-sketches": read_chairv2,
    "clothing-cc0": read_plain,
    "fashion-products": read_plain,
    "fluent-emoji": read_plain,
    "ikea-products": read_plain,
    "imagenet-objects": read_plain,
    "qmul-v1-sketch-edge": read_qmul_v1_edges,
    "quickdraw-10k": read_quickdraw,
    "shoes-handbags": read_plain,
    "shoev2-photos": read_plain,
    "sketchy-125": read_plain,
    "tiny-imagenet-16k": read_plain,
}


def open_dataset(where: str | os.PathLike[str], layout: str | None = None) -> Dataset:
    """Open a data set by path or by name.

    Args:
        where: A folder or zip in one of the layouts of `FORMATS`, a manifest or list in such a folder, or a name in
            `READERS`. A folder or zip that is called like a known data set is read by that reader.
        layout: A name in `FORMATS`, with options behind a colon such as `qmul:noise`; by default it is recognised.

    Returns:
        The data set.

    Raises:
        DatasetError: No such data set, or it breaks its format.
    """
    return read_dataset(where, layout).dataset()


def read_dataset(where: str | os.PathLike[str], layout: str | None = None, *, is_strict: bool = True) -> Reading:
    """Read a data set, with what was found to be wrong.

    Args:
        where: As in `open_dataset`.
        layout: As in `open_dataset`.
        is_strict: Raise the first error instead of noting it.

    Returns:
        The reading: rows with their places, files, and findings.

    Raises:
        DatasetError: No such data set or layout, or the layout is not recognised; if strict, it breaks its format.
    """
    path = Path(where)
    if not path.exists():
        path = _find(os.fspath(where))
    chosen: str | None = None
    if path.suffix in _LIST_SUFFIXES and path.is_file():
        path, chosen = _folder_of(path)
    name = (path.stem if path.is_file() else path.resolve().name) or "data"
    files = open_files(path)
    if chosen is not None:
        files, name = Chosen(files, chosen), Path(chosen).stem
    if layout is None and name in READERS:
        reader, options = READERS[name], frozenset[str]()
    else:
        reader, options, files = _reader(files, layout)
    reading = Reading(name, files, options=options, is_strict=is_strict)
    reader(reading)
    return reading


def _folder_of(path: Path) -> tuple[Path, str | None]:
    """The data set of a file: its folder, and the file itself unless it is the folder's manifest."""
    if path.name == MANIFEST_FILE:
        return path.parent, None
    if path.parent.resolve().name == "manifests":
        return path.parent.parent, f"manifests/{path.name}"
    return path.parent, path.name


def _reader(files: Files, layout: str | None) -> tuple[Reader, frozenset[str], Files]:
    if layout is None:
        name, files = _recognised(files)
        return FORMATS[name].read, frozenset(), files
    name, _, options = layout.partition(":")
    if name not in FORMATS:
        raise DatasetError(f"there is no format {name!r}: choose one of {', '.join(FORMATS)}")
    known = {option for names in FORMATS[name].options for option in names.split(", ")}
    wanted = frozenset(option.strip() for option in options.split(",") if option.strip())
    unknown = {option for option in wanted - known if not (option.startswith("zeroshot") and "zeroshot0" in known)}
    if unknown:
        expected = f"choose of {', '.join(sorted(known))}" if known else "it has none"
        raise DatasetError(f"the format {name} has no option {sorted(unknown)[0]!r}: {expected}")
    return FORMATS[name].read, wanted, files


def _recognised(files: Files) -> tuple[str, Files]:
    """The first layout that fits, also where everything lies in one folder, as in many archives."""
    if isinstance(files, Chosen) and files.chosen.endswith(".jsonl"):
        is_official = files.chosen.endswith("_manifest.jsonl")
        return ("stbir" if is_official else "manifest"), files
    inner = files
    while True:
        tree = Tree(inner)
        for name, layout in FORMATS.items():
            if layout.fits(tree):
                return name, inner
        tops = {path.partition("/")[0] for path in tree.names}
        if len(tops) != 1 or not all("/" in path for path in tree.names):
            raise DatasetError(
                f"{files.name} holds no {MANIFEST_FILE}, and its layout is none of {', '.join(list(FORMATS)[1:])}: "
                "name it by --format, or see docs/dataset.md for what a data set looks like"
            )
        inner = Subfolder(inner, tops.pop())


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


def article_number(row_id: str) -> str:
    """Digits of the IKEA article in an id like `chair:20208527_v1` or `202.085.27`, without leading zeros."""
    return row_id.removeprefix("chair:").partition("_")[0].replace(".", "").lstrip("0")
