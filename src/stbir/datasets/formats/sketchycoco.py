"""SketchyCOCO: scenes in `Scene/GT/<part>/` and `Scene/Sketch/paper_version/<part>/`, objects in
`Object/{GT,Sketch}/{train,val}/<COCO class number>/`; a drawing is called like its picture.

Parts of the scenes are `trainInTrain`, `valInTrain` and `val`; the last two together are the validation part of the
paper. Layout: README of https://github.com/sysu-imsl/SketchyCOCO, and public loaders.
"""

from __future__ import annotations

from collections import Counter

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, joined, parent, stem
from stbir.images import PICTURE_SUFFIXES

PUBLISHED: dict[str, dict[str, tuple[int, ...]]] = {
    "scene": {"train": (11_265,), "val": (2_816,)},
    "object": {"train": (18_869, 41_040), "val": (1_329, 6_841)},
}
CLASSES = {
    "2": "bicycle", "3": "car", "4": "motorcycle", "5": "airplane", "10": "traffic light", "11": "fire hydrant",
    "17": "cat", "18": "dog", "19": "horse", "20": "sheep", "21": "cow", "22": "elephant", "24": "zebra",
    "25": "giraffe", "106": "clouds", "124": "grass", "157": "sky", "169": "tree",
}  # fmt: skip
"""COCO(-Stuff) numbers of the classes that are drawn."""

_SPLITS = {"trainInTrain": "train", "train": "train", "valInTrain": "val", "val": "val"}


def read_sketchycoco(reading: Reading) -> None:
    """Read scenes and objects, or the part that an option names."""
    parts = [part for part in ("scene", "object") if part in reading.options or not reading.options]
    for part in parts:
        for folder in reading.tree.ending(f"{part.capitalize()}/GT"):
            _read_part(reading, part, folder)


def _read_part(reading: Reading, part: str, folder: str) -> None:
    sketch_root = joined(parent(folder), "Sketch")
    drawings = {
        _key(name.removeprefix(f"{sketch_root}/").removeprefix("paper_version/")): name
        for name in reading.tree.below(sketch_root, PICTURE_SUFFIXES)
    }
    counts: Counter[str | None] = Counter()
    for picture in reading.tree.below(folder, PICTURE_SUFFIXES):
        key = _key(picture.removeprefix(f"{folder}/"))
        split = _SPLITS.get(key.partition("/")[0])
        drawing = drawings.pop(key, None)
        label = base(parent(key))
        counts[split] += 1
        reading.row(
            picture,
            id=f"{part}/{key}",
            category="scene" if part == "scene" else CLASSES.get(label, label),
            image=picture,
            sketches=[drawing] if drawing else [],
            split=split,
        )
        if drawing is None:
            reading.warning("unpaired", picture, f"no drawing of the same name in {sketch_root}")
    for name in drawings.values():
        reading.flaw("missing", name, f"its picture {stem(name)} is not in {folder}")
    for split, published in PUBLISHED[part].items():
        reading.expect(f"{part}s of the split {split}", counts[split], *published)


def _key(name: str) -> str:
    return f"{parent(name)}/{stem(name)}"


def _fits(tree: Tree) -> bool:
    return any(tree.ending(f"{part}/GT") and tree.ending(f"{part}/Sketch") for part in ("Scene", "Object"))


SKETCHYCOCO = Format(
    title="SketchyCOCO ({Scene,Object}/{GT,Sketch})",
    fits=_fits,
    read=read_sketchycoco,
    options={"scene": "only scenes", "object": "only objects"},
)
