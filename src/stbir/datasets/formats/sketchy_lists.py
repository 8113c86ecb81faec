"""Sketchy, TU-Berlin and QuickDraw Extended, as lists of `path label` for photos and for drawings.

The lists lie in `zeroshot*/` beside the pictures: `*filelist_{train,zero}.txt`, or `sketch_{train,zero}.txt` and
`all_photo_{train,zero}.txt`; `cname_cid.txt` and `cname_cid_zero.txt` name the labels. `zero` are the classes that
are not trained on: they become the split test. In Sketchy a drawing belongs to the photo of its name in the
original part (`256x256/photo`); in the other two nothing pairs drawings with photos, so each is a row of its own.

Layout: the data of SAKE (https://github.com/qliu24/SAKE), as many zero-shot loaders read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, joined, parent, stem

PUBLISHED = {
    "sketchy": {"photos": (73_002,), "drawings": (75_471, 75_479, 75_481)},
    "tuberlin": {"photos": (204_070, 204_489), "drawings": (20_000,)},
    "quickdraw": {"photos": (203_885, 204_000), "drawings": (330_000,)},
}

_LIST = re.compile(r"(?!cname)(?P<what>.+?)(_filelist)?_(?P<split>train|val|zero|test)\.txt")
_SPLITS = {"zero": "test"}


def read_lists(reading: Reading) -> None:
    """Read the lists of one folder; where there are several, the option names it, such as `zeroshot1`."""
    folders = _list_folders(reading.tree)
    wanted = [folder for folder in folders if base(folder) in reading.options or not reading.options]
    if len(wanted) != 1:
        names = ", ".join(base(folder) for folder in folders)
        reading.error("format", "", f"the lists of {names} are different splits: choose one, sketchy-lists:NAME")
        if not wanted:
            return
    lists = [match for name in reading.tree.directly(wanted[0]) if (match := _LIST.fullmatch(base(name)))]
    labels = _labels(reading, wanted[0])
    photos: dict[str, list[str]] = {}
    sketches: list[tuple[str, str, str, str]] = []
    counts = {"photos": 0, "drawings": 0}
    for match in lists:
        split = _SPLITS.get(match["split"], match["split"])
        is_drawn = re.search(r"sketch_tx|^sketch|^png", match["what"]) is not None
        for place, path, label in _entries(reading, joined(wanted[0], match[0])):
            counts["drawings" if is_drawn else "photos"] += 1
            category = labels.get(label) or base(parent(path))
            if is_drawn:
                sketches.append((place, path, category, split))
            else:
                photos.setdefault(path, [place, category, split])
    _add_rows(reading, photos, sketches)
    for what, published in PUBLISHED[_which(lists)].items():
        reading.expect(f"{what} in the lists", counts[what], *published)


def _add_rows(reading: Reading, photos: dict[str, list[str]], sketches: list[tuple[str, str, str, str]]) -> None:
    original = {
        (split, base(parent(path)), stem(path)): path
        for path, (_, _, split) in photos.items()
        if "256x256/photo/" in path
    }
    drawn: dict[str, list[str]] = {}
    alone = []
    for place, path, category, split in sketches:
        photo = original.get((split, base(parent(path)), re.sub(r"-\d+$", "", stem(path))))
        if photo is None:
            alone.append((place, path, category, split))
        else:
            drawn.setdefault(photo, []).append(path)
    for path, (place, category, split) in photos.items():
        reading.row(place, id=path, category=category, image=path, sketches=drawn.get(path, []), split=split)
    for place, path, category, split in alone:
        reading.row(place, id=path, category=category, sketches=[path], split=split)


def _entries(reading: Reading, name: str) -> Iterator[tuple[str, str, str]]:
    """Place, path from the top, and label of each line; the folder of the lists lies beside the pictures."""
    root = parent(parent(name))
    for number, line in reading.lines(name):
        path, space, label = line.rpartition(" ")
        if not space or not label.isdigit():
            reading.error("format", f"{name}:{number}", f"{line[:60]!r}: expected a path, a space and a number")
        else:
            yield f"{name}:{number}", joined(root, path.strip()), label


def _labels(reading: Reading, folder: str) -> dict[str, str]:
    """Names of the labels; training and zero-shot lists may count anew, and then the folder of a file decides."""
    name = joined(folder, "cname_cid.txt")
    if not reading.tree.has(name):
        return {}
    found = {}
    for number, line in reading.lines(name):
        category, space, label = line.rpartition(" ")
        if not space or not label.isdigit():
            reading.error("format", f"{name}:{number}", f"{line[:60]!r}: expected a name, a space and a number")
        found[label] = category.replace("_", " ")
    other = joined(folder, "cname_cid_zero.txt")
    if reading.tree.has(other):
        for _, line in reading.lines(other):
            category, _, label = line.rpartition(" ")
            if found.setdefault(label, category.replace("_", " ")) != category.replace("_", " "):
                return {}
    return found


def _which(lists: list[re.Match[str]]) -> str:
    """Which of the three sets the lists are of, by how they are called."""
    names = " ".join(match["what"] for match in lists)
    return "sketchy" if "sketch_tx" in names else "tuberlin" if "ready" in names else "quickdraw"


def _list_folders(tree: Tree) -> list[str]:
    marks = re.compile(r".*filelist_(train|zero)\.txt|sketch_(train|zero)\.txt")
    return sorted({parent(name) for name in tree.names if marks.fullmatch(base(name))})


SKETCHY_LISTS = Format(
    title="Sketchy, TU-Berlin, QuickDraw Extended (zeroshot*/*_filelist_{train,zero}.txt)",
    fits=lambda tree: bool(_list_folders(tree)),
    read=read_lists,
    options={"zeroshot0, zeroshot1, ...": "the folder of the lists, where there are several"},
)
