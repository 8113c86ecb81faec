"""DSR, the Diverse-Style Retrieval set: `images|sketch|art|mosaic|text/` with the same names inside.

Lists such as `train.json` and `test.json` (objects with `image` and `caption`) name the splits; without them all
pictures belong to none. The art and mosaic versions are kept in `attributes`.

Layout: `src/dataset/data.py` of https://github.com/CuriseJia/FreeStyleRet. No exact counts are published.
"""

from __future__ import annotations

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.tree import Tree, base, joined, parent, stem
from stbir.images import PICTURE_SUFFIXES

_STYLES = ("art", "mosaic")


def read_dsr(reading: Reading) -> None:
    """Read every picture with its versions and its text."""
    root = _root(reading.tree) or ""
    versions = {part: _by_key(reading.tree, joined(root, part)) for part in ("images", "sketch", *_STYLES)}
    texts = _by_key(reading.tree, joined(root, "text"), {".txt"})
    splits = _splits(reading, root)
    for key in sorted(set().union(*versions.values(), texts)):
        for part in ("images", "sketch"):
            if key not in versions[part]:
                reading.flaw("missing", joined(joined(root, part), key), f"other versions of {key} are there")
        if key not in texts:
            reading.flaw("missing", joined(joined(root, "text"), key), f"{key} has no text")
        lines = reading.text(texts[key]) if key in texts else []
        styles = {part: versions[part][key] for part in _STYLES if key in versions[part]}
        drawing = versions["sketch"].get(key)
        reading.row(
            versions["images"].get(key) or drawing or joined(root, key),
            id=key,
            category=parent(key) or None,
            image=versions["images"].get(key),
            sketches=[drawing] if drawing else [],
            text=lines[0] if lines else None,
            split=splits.get(key),
            attributes=styles,
        )


def _by_key(tree: Tree, folder: str, suffixes: frozenset[str] | set[str] = PICTURE_SUFFIXES) -> dict[str, str]:
    return {_key(name.removeprefix(f"{folder}/")): name for name in tree.below(folder, suffixes)}


def _key(name: str) -> str:
    return joined(parent(name), stem(name))


def _splits(reading: Reading, root: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in reading.tree.directly(root, {".json"}):
        split = stem(name)
        entries = reading.json(name) if split in ("train", "val", "test") else []
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            image = entry.get("image") if isinstance(entry, dict) else None
            if not isinstance(image, str):
                reading.error("format", f"{base(name)}[{number}]", "expected an object with image and caption")
            elif found.setdefault(_key(image), split) != split:
                reading.error("leakage", f"{base(name)}[{number}]", f"{image} is in {found[_key(image)]} already")
    return found


def _root(tree: Tree) -> str | None:
    for folder in tree.ending("images"):
        top = parent(folder)
        if all(joined(top, part) in tree.folders for part in ("sketch", "text")) and any(
            joined(top, style) in tree.folders for style in _STYLES
        ):
            return top
    return None


DSR = Format(
    title="DSR (images, sketch, art, mosaic, text with the same names)",
    fits=lambda tree: _root(tree) is not None,
    read=read_dsr,
)
