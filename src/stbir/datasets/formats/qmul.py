"""QMUL ShoeV2, ChairV2 and sets like them: `trainA|testA` hold drawings, `trainB|testB` photos.

A drawing is called `<photo>_<number>.png`; noisy copies lie in `train_noise|test_noise` as
`<photo>_<number>_mask1.png`. Texts may lie beside the set as `<category>_<split>.txt`, a line `photo<TAB>text` each.
The vector variant has `photo/` and `<Set>_Coordinate`, a pickle of `{"/train/<photo>_<number>": [[x, y, end], ...]}`,
which must be converted to `<Set>_Coordinate.json` first.

Layout: `config.yaml` and `dataloader.py` of https://github.com/1006279002/STBIR; vector variant: `dataset_chairv2.py`
of https://github.com/AyanKumarBhunia/on-the-fly-FGSBIR.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.stroke_lines import LazyStrokes, points_to_strokes
from stbir.datasets.tree import Tree, base, joined, parent, stem
from stbir.images import PICTURE_SUFFIXES

PUBLISHED_PHOTOS = {"shoe": {"train": 1800, "test": 200}, "chair": {"train": 300, "test": 100}}
PUBLISHED_DRAWINGS = {"shoe": (6648, 6730), "chair": (1275,)}
PUBLISHED_PAIRS_V1 = {
    "shoe": {"train": 304, "test": 115},
    "chair": {"train": 200, "test": 97},
    "handbag": {"train": 400, "test": 168},
}
CATEGORIES = ("handbag", "shoe", "chair", "clothes")
SPLITS = ("train", "val", "test")

_COORDINATES = "_Coordinate"
_CONVERT = (
    "a pickle can run any code, so it is not loaded; if you trust its origin, convert it once: "
    "python -c \"import json, pickle; d = pickle.load(open('FILE', 'rb')); "
    "json.dump({k: v.tolist() for k, v in d.items()}, open('FILE.json', 'w'))\", with its name for FILE"
)


def read_qmul(reading: Reading) -> None:
    """Read every set of the tree; `noise` adds the noisy copies to the drawings, else `attributes` names them."""
    for folder in _sets(reading.tree):
        name = base(folder) or reading.name
        for split in SPLITS:
            _read_split(reading, folder, name, split)
        _refuse_pickle(reading, folder, has_pictures=True)
    points: dict[str, Any] = {}
    for folder in _vector_sets(reading.tree):
        points |= _read_vectors(reading, folder, base(folder) or reading.name)
    if points:
        reading.strokes = LazyStrokes(points, lambda drawn: {"strokes": points_to_strokes(drawn)})


def _read_split(reading: Reading, folder: str, name: str, split: str) -> None:
    tree = reading.tree
    photos = tree.directly(joined(folder, f"{split}B"), PICTURE_SUFFIXES)
    drawings = _by_photo(reading, tree.directly(joined(folder, f"{split}A"), PICTURE_SUFFIXES))
    noisy = _by_photo(reading, tree.directly(joined(folder, f"{split}_noise"), PICTURE_SUFFIXES))
    texts = _texts(reading, folder, name, split)
    for photo in photos:
        key = stem(photo)
        own, noise = drawings.pop(key, []), noisy.pop(key, [])
        is_noise_wanted = "noise" in reading.options
        reading.row(
            photo,
            id=f"{category_of(name)}/{key}",
            category=category_of(name),
            image=photo,
            sketches=(*own, *noise) if is_noise_wanted else own,
            text=texts.get(base(photo)),
            split=split,
            attributes={"noise_sketches": noise} if noise and not is_noise_wanted else None,
        )
        if not own:
            reading.warning("unpaired", photo, f"no drawing {key}_<number>.png in {split}A")
    for key, left in drawings.items():
        for drawing in left:
            reading.flaw("missing", drawing, f"its photo {key} is not in {split}B")
    published = (PUBLISHED_PAIRS_V1 if _is_v1(name) else PUBLISHED_PHOTOS).get(category_of(name), {})
    if photos and split in published:
        reading.expect(f"photos in {joined(folder, f'{split}B')}", len(photos), published[split])
    if split == "test" and not _is_v1(name) and category_of(name) in PUBLISHED_DRAWINGS:
        all_drawings = [n for part in SPLITS for n in tree.directly(joined(folder, f"{part}A"), PICTURE_SUFFIXES)]
        reading.expect(f"drawings in {name}", len(all_drawings), *PUBLISHED_DRAWINGS[category_of(name)])


def _by_photo(reading: Reading, names: list[str]) -> dict[str, list[str]]:
    """Drawings by the photo they are called after: `<photo>_<number>`, noisy ones with `_mask1` behind."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        match = re.fullmatch(r"(.+)_(\d+)(_mask\d*)?", stem(name))
        if match is None:
            reading.flaw("format", name, "expected a drawing called <photo>_<number>.png")
        else:
            found[match[1]].append(name)
    return found


def _texts(reading: Reading, folder: str, name: str, split: str) -> dict[str, str]:
    list_name = f"{category_of(name)}_{split}.txt"
    places = (folder, parent(folder), parent(parent(folder)))
    path = next((joined(place, list_name) for place in places if reading.tree.has(joined(place, list_name))), None)
    if path is None:
        return {}
    texts = {}
    for number, line in reading.lines(path):
        photo, tab, text = line.partition("\t")
        if not tab:
            reading.error("format", f"{path}:{number}", "expected a photo, a tab and its text")
        texts[photo.strip()] = text.strip()
    return texts


def _read_vectors(reading: Reading, folder: str, name: str) -> dict[str, Any]:
    """Read the vector variant: photos in `photo/`, drawings in `<Set>_Coordinate.json`; gives the drawings' points."""
    path = _coordinates(reading.tree, folder)
    if path is None:
        _refuse_pickle(reading, folder, has_pictures=False)
        return {}
    points = {joined(folder, key.strip("/")): value for key, value in _points(reading, path).items()}
    drawings: dict[str, list[str]] = defaultdict(list)
    splits: dict[str, str] = {}
    for key in points:
        photo = base(key).rpartition("_")[0]
        drawings[photo].append(key)
        splits[photo] = base(parent(key))
    photos = {stem(photo): photo for photo in reading.tree.directly(joined(folder, "photo"), PICTURE_SUFFIXES)}
    for photo in sorted(set(photos) | set(drawings)):
        if photo not in photos:
            reading.flaw("missing", path, f"the photo {photo} of a drawing is not in {joined(folder, 'photo')}")
        reading.row(
            photos.get(photo, path),
            id=f"{category_of(name)}/{photo}",
            category=category_of(name),
            image=photos.get(photo),
            sketches=drawings.get(photo, []),
            split=splits.get(photo),
        )
    if category_of(name) in PUBLISHED_DRAWINGS:
        reading.expect(f"drawings in {path}", len(points), *PUBLISHED_DRAWINGS[category_of(name)])
    return points


def _points(reading: Reading, path: str) -> dict[str, Any]:
    data = reading.json(path)
    if data is None:
        return {}
    if not isinstance(data, dict):
        reading.error("format", path, "expected an object: drawing to its points [x, y, end]")
        return {}
    good = {key: points for key, points in data.items() if _are_points(points)}
    for key in data.keys() - good.keys():
        reading.error("format", path, f"the drawing {key[:60]!r} is not a list of points [x, y, end]")
    return {key: good[key] for key in sorted(good)}


def _are_points(points: Any) -> bool:
    return isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 3 and all(isinstance(value, int | float) for value in point)
        for point in points
    )


def _refuse_pickle(reading: Reading, folder: str, *, has_pictures: bool) -> None:
    for name in reading.tree.directly(folder):
        if base(name).endswith(_COORDINATES):
            report = reading.warning if has_pictures else reading.error
            report("pickle", name, _CONVERT)


def _coordinates(tree: Tree, folder: str) -> str | None:
    return next((name for name in tree.directly(folder) if name.endswith(f"{_COORDINATES}.json")), None)


def _sets(tree: Tree) -> list[str]:
    return sorted({parent(folder) for folder in tree.ending("trainA", "testA")})


def _vector_sets(tree: Tree) -> list[str]:
    marks = (parent(n) for n in tree.names if n.endswith((_COORDINATES, f"{_COORDINATES}.json")))
    return sorted({folder for folder in marks if folder not in _sets(tree)})


def category_of(name: str) -> str:
    """The category of a set called like `ShoeV2`, `QMUL-Chair-V1` or `handbags`: shoe, chair, handbag."""
    plain = re.sub(r"[-_ ]?V\d+$", "", name, flags=re.IGNORECASE).lower()
    return next((category for category in CATEGORIES if category in plain), plain)


def _is_v1(name: str) -> bool:
    return name.lower().endswith("v1")


QMUL = Format(
    title="QMUL ShoeV2, ChairV2 (trainA, trainB, testA, testB; or photo/ and <Set>_Coordinate.json)",
    fits=lambda tree: bool(_sets(tree) or _vector_sets(tree)),
    read=read_qmul,
    options={"noise": "the noisy copies count as drawings"},
)
