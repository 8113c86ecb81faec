"""A plain folder: `photo/`, `sketch/` and `text/` with the same names inside.

    photo/[train|val|test|gallery/][<category>/]boot-7.jpg
    sketch/.../boot-7.png, boot-7-1.svg, boot-7_2.json      any number of drawings
    text/.../boot-7.txt                                     one text per line

Folders may also be called photos, image, images; sketches, drawing, drawings; texts, captions. Documented in
docs/dataset.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import SKETCH_SUFFIXES, Tree, joined, parent, stem
from stbir.images import PICTURE_SUFFIXES

PHOTOS = ("photo", "photos", "image", "images")
SKETCHES = ("sketch", "sketches", "drawing", "drawings")
TEXTS = ("text", "texts", "captions")
SPLITS = frozenset({"train", "val", "valid", "validation", "test", "gallery", "extra"})


def read_folder(reading: Reading) -> None:
    """Read every photo with the drawings and texts of its name; drawings and texts without one are rows too."""
    tree = reading.tree
    photos = {_key(name, top): name for top, name in _inside(tree, PHOTOS, PICTURE_SUFFIXES)}
    texts = {_key(name, top): name for top, name in _inside(tree, TEXTS, {".txt"})}
    drawings: dict[str, list[str]] = defaultdict(list)
    for top, name in _inside(tree, SKETCHES, SKETCH_SUFFIXES):
        drawings[_drawn(_key(name, top), photos, texts)].append(name)
    for key in sorted(photos.keys() | drawings.keys() | texts.keys()):
        split, category = _split_and_category(key)
        lines = reading.text(texts[key]) if key in texts else []
        place = photos.get(key) or (drawings[key][0] if key in drawings else texts[key])
        reading.row(
            place,
            id=key,
            category=category,
            image=photos.get(key),
            sketches=drawings.get(key, []),
            text=lines[0] if lines else None,
            texts=lines if len(lines) > 1 else None,
            split=split,
        )
        if key not in photos and photos:
            reading.flaw("missing", place, f"its photo {key} is not there")


def _inside(tree: Tree, names: Collection[str], suffixes: Collection[str]) -> list[tuple[str, str]]:
    return [(top, name) for top in names if top in tree.folders for name in tree.below(top, suffixes)]


def _key(name: str, top: str) -> str:
    return joined(parent(name), stem(name)).removeprefix(f"{top}/")


def _drawn(key: str, photos: Collection[str], texts: Collection[str]) -> str:
    """What a drawing shows: the photo or text of its name, or of its name without a number behind it."""
    shorter = re.sub(r"[-_]\d+$", "", key)
    by_folder = parent(key)
    for known in (key, shorter, by_folder):
        if known in photos or known in texts:
            return known
    return shorter


def _split_and_category(key: str) -> tuple[str | None, str | None]:
    parts = key.split("/")[:-1]
    split = parts.pop(0) if parts and parts[0] in SPLITS else None
    split = "val" if split in ("valid", "validation") else split
    return split, "/".join(parts) or None


def _fits(tree: Tree) -> bool:
    return any(top in tree.folders for top in (*PHOTOS, *SKETCHES))


FOLDER = Format(title="a plain folder: photo/, sketch/, text/ with the same names inside", fits=_fits, read=read_folder)
