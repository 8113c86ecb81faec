"""QMUL ShoeV1, ChairV1, Handbags: `<set>/{train,test}/{images,sketches}/`, paired by `annotation/*_annotation.json`.

The annotation lists `images` and `sketches` of each split in the same order; without it, files of the same name are
a pair. Layout: `sbir_cvpr2016` as https://github.com/seuliufeng/DeepSBIR reads it.
"""

from __future__ import annotations

from stbir.datasets.formats.format import Format
from stbir.datasets.formats.qmul import PUBLISHED_PAIRS_V1, SPLITS, category_of
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, joined, parent, stem
from stbir.images import PICTURE_SUFFIXES


def read_qmul_v1(reading: Reading) -> None:
    """Read every set of the tree."""
    for folder in _sets(reading.tree):
        category = category_of(base(folder) or reading.name)
        annotation = _annotation(reading, folder)
        for split in SPLITS:
            pairs = _pairs(reading, joined(folder, split), annotation.get(split))
            for photo, drawing in pairs:
                reading.row(
                    photo,
                    id=f"{category}/{split}/{stem(photo)}",
                    category=category,
                    image=photo,
                    sketches=[drawing] if drawing else [],
                    split=split,
                )
                if drawing is None:
                    reading.warning("unpaired", photo, f"no drawing called {stem(photo)} in sketches")
            if pairs and split in PUBLISHED_PAIRS_V1.get(category, {}):
                reading.expect(f"photos in {joined(folder, split)}", len(pairs), PUBLISHED_PAIRS_V1[category][split])


def _pairs(reading: Reading, folder: str, annotation: object) -> list[tuple[str, str | None]]:
    images, sketches = joined(folder, "images"), joined(folder, "sketches")
    if isinstance(annotation, dict):
        listed = [_names(annotation.get(part)) for part in ("images", "sketches")]
        if all(listed):
            if len(listed[0]) != len(listed[1]):
                message = f"the annotation lists {len(listed[0])} images, but {len(listed[1])} sketches"
                reading.error("format", folder, message)
            return [(joined(images, a), joined(sketches, b)) for a, b in zip(*listed, strict=False)]
        reading.error("format", folder, "the annotation has no lists of images and sketches for this split")
    drawn = {stem(name): name for name in reading.tree.directly(sketches, PICTURE_SUFFIXES)}
    photos = reading.tree.directly(images, PICTURE_SUFFIXES)
    pairs = [(photo, drawn.pop(stem(photo), None)) for photo in photos]
    for name in drawn.values():
        reading.flaw("missing", name, f"its photo {stem(name)} is not in {images}")
    return pairs


def _names(listed: object) -> list[str]:
    return listed if isinstance(listed, list) and all(isinstance(name, str) for name in listed) else []


def _annotation(reading: Reading, folder: str) -> dict[str, object]:
    for name in reading.tree.directly(joined(folder, "annotation"), {".json"}):
        if name.endswith("_annotation.json"):
            data = reading.json(name)
            if isinstance(data, dict):
                return data
            if data is not None:
                reading.error("format", name, "expected an object with train and test")
    return {}


def _sets(tree: Tree) -> list[str]:
    drawn = tree.ending(*(f"{split}/sketches" for split in SPLITS))
    return sorted({parent(parent(folder)) for folder in drawn if joined(parent(folder), "images") in tree.folders})


QMUL_V1 = Format(
    title="QMUL ShoeV1, ChairV1, Handbags ({train,test}/{images,sketches})",
    fits=lambda tree: bool(_sets(tree)),
    read=read_qmul_v1,
)
