"""The manifests of the STBIR authors: `manifests/{train,val,test}_manifest.jsonl`, paths below the repository's root.

Layout: https://github.com/1006279002/STBIR, `config.yaml` and `scripts/generate_manifest.py`; the pictures are
QMUL's ShoeV2 and ChairV2 under `datasets/datasets/`. Where they were unpacked elsewhere, such as beside the
manifests, they are found by the end of their path.
"""

from __future__ import annotations

from collections import Counter

from stbir.datasets.formats.format import Format
from stbir.datasets.formats.manifest import read_rows
from stbir.datasets.manifest import Row
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree

PUBLISHED = {"train": 1890, "val": 210, "test": 300}

_END = "_manifest.jsonl"
_FOLDERS = ("manifests", "")


def read_stbir(reading: Reading) -> None:
    """Read all manifests; the negatives that the authors drew stay in `attributes`."""
    for name in _manifests(reading.tree):
        read_rows(reading, name)
    reading.rows[:] = [_located(row, reading.tree) for row in reading.rows]
    counts = Counter(row.split for row in reading.rows)
    for name in _manifests(reading.tree):
        split = name.rpartition("/")[2].removesuffix(_END)
        if split in PUBLISHED:
            reading.expect(f"rows of the split {split}", counts[split], PUBLISHED[split])


def _manifests(tree: Tree) -> list[str]:
    return [name for folder in _FOLDERS for name in tree.directly(folder) if name.endswith(_END)]


def _located(row: Row, tree: Tree) -> Row:
    image = row.image and _file(row.image, tree)
    sketches = tuple(_file(name, tree) for name in row.sketches)
    return row.model_copy(update={"image": image, "sketches": sketches})


def _file(name: str, tree: Tree) -> str:
    """The file, or the one at the longest end of the path that is there: `datasets/datasets/ShoeV2/...`."""
    parts = name.split("/")
    for start in range(len(parts) - 2):
        end = "/".join(parts[start:])
        found = tree.locate(end)
        if tree.has(found):
            return found
    return name


STBIR = Format(
    title="manifests of the STBIR authors (manifests/{train,val,test}_manifest.jsonl)",
    fits=lambda tree: bool(_manifests(tree)),
    read=read_stbir,
)
