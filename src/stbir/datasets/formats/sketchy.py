"""The Sketchy database: `256x256/{photo,sketch}/tx_*/<class>/`, drawings called `<photo>-<number>.png`.

`tx_000000000000` is the version without shift and scale; another is taken only where that is missing. `testset.txt`
of the info folder, a line `<class>/<photo>.jpg` each, marks the test photos. `invalid.txt` of a class lists drawings
that its makers call wrong: they are left out of `sketches` and named in `attributes`.

Layout: Sangkloy et al., The Sketchy Database, SIGGRAPH 2016, and its README; as public loaders read it.
"""

from __future__ import annotations

import re
from collections import defaultdict

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, parent, stem
from stbir.images import PICTURE_SUFFIXES

PUBLISHED_PHOTOS = 12_500
PUBLISHED_DRAWINGS = (75_471, 75_479, 75_481)
PUBLISHED_CLASSES = 125


def read_sketchy(reading: Reading) -> None:
    """Read one version of the photos with one version of the drawings."""
    photo_root, sketch_root = _version(reading.tree, "photo"), _version(reading.tree, "sketch")
    if photo_root is None or sketch_root is None:
        reading.error("missing", "", "expected 256x256/photo/tx_*/<class>/ and 256x256/sketch/tx_*/<class>/")
        return
    test, invalid = _test_photos(reading), _invalid(reading)
    drawings: dict[str, list[str]] = defaultdict(list)
    for name in reading.tree.below(sketch_root, PICTURE_SUFFIXES):
        match = re.fullmatch(r"(.+)-\d+", stem(name))
        if match is None:
            reading.flaw("format", name, "expected a drawing called <photo>-<number>.png")
        else:
            drawings[f"{base(parent(name))}/{match[1]}"].append(name)
    num_drawings = sum(map(len, drawings.values()))
    photos = reading.tree.below(photo_root, PICTURE_SUFFIXES)
    for photo in photos:
        category = base(parent(photo))
        key = f"{category}/{stem(photo)}"
        drawn = drawings.pop(key, [])
        wrong = [name for name in drawn if f"{category}/{stem(name)}" in invalid]
        reading.row(
            photo,
            id=key,
            category=category.replace("_", " "),
            image=photo,
            sketches=[name for name in drawn if name not in wrong],
            split=("test" if key in test else "train") if test else None,
            attributes={"invalid_sketches": wrong} if wrong else None,
        )
        if not drawn:
            reading.warning("unpaired", photo, f"no drawing called {stem(photo)}-<number>")
    for key, left in drawings.items():
        for name in left:
            reading.flaw("missing", name, f"its photo {key} is not in {photo_root}")
    reading.expect(f"photos in {photo_root}", len(photos), PUBLISHED_PHOTOS)
    reading.expect(f"drawings in {sketch_root}", num_drawings, *PUBLISHED_DRAWINGS)
    reading.expect("classes", len({row.category for row in reading.rows}), PUBLISHED_CLASSES)


def _version(tree: Tree, part: str) -> str | None:
    """The folder of a part in the version that is taken, such as `256x256/photo/tx_000000000000`."""
    found = (folder for folder in tree.folders if re.search(rf"(^|/){part}/tx_\d+(_ready)?$", folder))
    return min(found, default=None)  # tx_000000000000 comes first


def _test_photos(reading: Reading) -> set[str]:
    lists = [name for name in reading.tree.names if base(name) == "testset.txt"]
    return {line.rpartition(".")[0] for name in lists for _, line in reading.lines(name)}


def _invalid(reading: Reading) -> set[str]:
    lists = [name for name in reading.tree.names if base(name) == "invalid.txt"]
    return {f"{base(parent(name))}/{line}" for name in lists for _, line in reading.lines(name)}


SKETCHY = Format(
    title="Sketchy (256x256/{photo,sketch}/tx_*/<class>/)",
    fits=lambda tree: _version(tree, "photo") is not None and _version(tree, "sketch") is not None,
    read=read_sketchy,
)
