"""FS-COCO: `images|raster_sketches|text/<user>/<cocoid>.{jpg,jpg,txt}`, one scene per drawing.

The strokes of the drawings are in `vector_sketches/<user>/<cocoid>.npy` (`[N, 3]`: x, y, 1 at the end of a stroke) or
`raw_data/<user>/<cocoid>.json` (points with `coordinates` in 0..1, `pen_state` and `timestamp`); `vector` takes them
instead of the pictures. `val_normal.txt` and `val_unseen_user.txt` (option `unseen`) list the test scenes.

Layout: https://github.com/pinakinathc/fscoco, `src/*/dataloader.py`.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from stbir.datasets.formats.format import Format
from stbir.datasets.reading import Reading
from stbir.datasets.stroke_lines import LazyStrokes, points_to_strokes
from stbir.datasets.tree import Tree, base, parent, stem, suffix
from stbir.errors import DatasetError, SketchError
from stbir.images import PICTURE_SUFFIXES

PUBLISHED_SCENES = 10_000
PUBLISHED_USERS = 100
MAX_VECTOR_BYTES = 32_000_000

_VECTORS = ("vector_sketches", "raw_data")


def read_fscoco(reading: Reading) -> None:
    """Read every scene that any of the folders knows."""
    tree = reading.tree
    images = _by_scene(tree, "images", PICTURE_SUFFIXES)
    vectors = _by_scene(tree, _VECTORS[0], {".npy"}) or _by_scene(tree, _VECTORS[1], {".json"})
    is_vector = "vector" in reading.options
    sketches = vectors if is_vector else _by_scene(tree, "raster_sketches", PICTURE_SUFFIXES)
    texts = _by_scene(tree, "text", {".txt"})
    test = _test_scenes(reading)
    for scene in sorted(images.keys() | sketches.keys() | texts.keys()):
        for what, files in (("images", images), ("a sketch folder", sketches), ("text", texts)):
            if scene not in files:
                reading.flaw("missing", scene, f"the scene is not in {what}")
        lines = reading.text(texts[scene]) if scene in texts else []
        reading.row(
            images.get(scene) or sketches.get(scene) or texts[scene],
            id=scene,
            category="scene",
            image=images.get(scene),
            sketches=[sketches[scene]] if scene in sketches else [],
            text=" ".join(lines) or None,
            split=("test" if base(scene) in test else "train") if test else None,
            attributes={"user": parent(scene)},
        )
    if is_vector:
        reading.strokes = LazyStrokes({name: name for name in sketches.values()}, lambda name: _strokes(reading, name))
    reading.expect("scenes", len(images), PUBLISHED_SCENES)
    reading.expect("users", len({parent(scene) for scene in images}), PUBLISHED_USERS)


def _by_scene(tree: Tree, folder: str, suffixes: Any) -> dict[str, str]:
    """Files of a folder by `<user>/<cocoid>`."""
    names = [name for found in tree.ending(folder) for name in tree.below(found, suffixes)]
    return {f"{base(parent(name))}/{stem(name)}": name for name in names}


def _test_scenes(reading: Reading) -> set[str]:
    wanted = "val_unseen_user.txt" if "unseen" in reading.options else "val_normal.txt"
    lists = [name for name in reading.tree.names if base(name) == wanted]
    if not lists and "unseen" in reading.options:
        reading.error("missing", wanted, "the list of the split is not there")
    return {line for name in lists for _, line in reading.lines(name)}


def _strokes(reading: Reading, name: str) -> dict[str, Any]:
    content = reading.files.read(name, MAX_VECTOR_BYTES)
    return {"strokes": _npy_strokes(content) if suffix(name) == ".npy" else _raw_strokes(content)}


def _npy_strokes(content: bytes) -> list[list[list[float]]]:
    try:
        points = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise SketchError(f"not an array of numbers ({error}): pickled arrays are never loaded") from None
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "iuf":
        raise SketchError("expected an array [N, 3] of x, y and the end of a stroke")
    return points_to_strokes(points.tolist())


def _raw_strokes(content: bytes) -> list[list[list[float]]]:
    import json

    try:
        points = [
            [*map(float, point["coordinates"]), float([int(state) for state in point["pen_state"]] != [0, 1, 0])]
            for point in json.loads(content)
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SketchError("expected a list of points with coordinates and pen_state") from None
    if any(len(point) != 3 for point in points):
        raise DatasetError("a point has no two coordinates")
    return points_to_strokes(points)


FSCOCO = Format(
    title="FS-COCO (images, raster_sketches, text/<user>/<cocoid>)",
    fits=lambda tree: bool(tree.ending("images")) and bool(tree.ending("raster_sketches", *_VECTORS)),
    read=read_fscoco,
    options={
        "vector": "drawings are the strokes of vector_sketches or raw_data",
        "unseen": "the split by user (val_unseen_user.txt) instead of val_normal.txt",
    },
)
