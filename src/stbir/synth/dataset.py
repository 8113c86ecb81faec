"""Writing pictures, drawings and words to a folder: data sets of any size, and the sample gallery of the repository.

Objects come in blocks of twins (`stbir.synth.sampling.sample_block`). A block depends on (seed, block number) only, so
an interrupted run goes on where it stopped, and data sets with different seeds share no shape.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stbir.errors import ConfigError, DatasetError
from stbir.synth.drawing import draw
from stbir.synth.objects import FIRST_FAMILIES, KINDS
from stbir.synth.render import render
from stbir.synth.sampling import sample_block
from stbir.synth.spec import ObjectSpec
from stbir.synth.wording import attributes, describe, short_text

SAMPLE_SEED = 20_496  # under this seed all kinds appear among the first 640; never train on it
SAMPLE_COUNT = 640
SHAPES_PER_BLOCK = 4
DRESSES_PER_BLOCK = 4
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Item:
    """One object of a data set.

    Attributes:
        id: Its name, also of its files.
        spec: What to draw.
        shape_group: Objects of one group have the same shape and viewpoint.
        dress_group: Objects of one group have the same colours and pattern.
        number: Position in the data set.
    """

    id: str
    spec: ObjectSpec
    shape_group: str
    dress_group: str
    number: int


def plan(count: int, seed: int, families: tuple[str, ...] = ()) -> Iterator[Item]:
    """The objects of a data set, block by block.

    Args:
        count: Number of objects.
        seed: Data sets with different seeds have different shapes.
        families: Families or kinds to take turns; all families if empty.

    Yields:
        The items; the first n are the same for every count.
    """
    turns = families or FIRST_FAMILIES
    number = block_number = 0
    while number < count:
        rng = np.random.default_rng([seed, block_number])
        family = turns[block_number % len(turns)]
        block = sample_block(rng, family, shapes=SHAPES_PER_BLOCK, dresses=DRESSES_PER_BLOCK)
        for row, twins in enumerate(block):
            for column, spec in enumerate(twins):
                if number == count:
                    return
                name = f"{KINDS[spec.kind].family}-{block_number:04d}-{row}{column}"
                groups = f"s{block_number:04d}-{row}", f"d{block_number:04d}-{column}"
                yield Item(name, spec, *groups, number)
                number += 1
        block_number += 1


def build_dataset(
    out: str | os.PathLike[str],
    count: int,
    *,
    seed: int = 0,
    size_px: int = 224,
    drawings_per_object: int = 2,
    families: tuple[str, ...] = (),
    quality: int = 88,
    progress: Progress | None = None,
) -> Path:
    """Write a data set: `photo/*.jpg`, `drawings/*.json`, `manifest.jsonl`.

    Args:
        out: Folder; made if missing. Files of an interrupted run with the same settings are kept and completed.
        count: Number of objects.
        seed: See `plan`.
        size_px: Width and height of the pictures.
        drawings_per_object: Drawings of each object.
        families: Families or kinds; all families if empty.
        quality: JPEG quality.
        progress: Called with (objects done, objects in all).

    Returns:
        The manifest's path.

    Raises:
        ConfigError: A number out of range or an unknown family.
        DatasetError: The folder holds a data set with other settings, or cannot be written.
        MissingExtraError: VTK is not installed.
    """
    if count < 1 or not 32 <= size_px <= 2048 or drawings_per_object < 0:
        raise ConfigError(
            f"cannot render count={count} size={size_px} drawings={drawings_per_object}: "
            "give a count of 1 or more, a size of 32 to 2048 and 0 or more drawings"
        )
    root = Path(out)
    settings = {"seed": seed, "size_px": size_px, "families": list(families), "quality": quality}
    try:
        (root / "photo").mkdir(parents=True, exist_ok=True)
        (root / "drawings").mkdir(exist_ok=True)
        _check_settings(root, settings)
        rows = []
        for item in plan(count, seed, families):
            rows.append(_write_item(root, "photo", item, size_px, quality, drawings_per_object))
            if progress:
                progress(item.number + 1, count)
        _write_lines(root / "manifest.jsonl", rows)
    except OSError as error:
        raise DatasetError(
            f"cannot write the data set {root}: {error.strerror or error}; free space or choose another folder"
        ) from error
    return root / "manifest.jsonl"


def _check_settings(root: Path, settings: dict[str, Any]) -> None:
    path = root / "synth.json"
    if path.exists():
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            raise DatasetError(f"{path} is not JSON: remove it to start over, or choose another folder") from None
        if earlier != settings:
            raise DatasetError(f"{root} holds a data set with other settings ({earlier}): choose another folder")
    else:
        _write_text(path, json.dumps(settings) + "\n")


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    _write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write_picture(path: Path, spec: ObjectSpec, size_px: int, quality: int) -> None:
    partial = path.with_name(path.name + ".part")
    render(spec, size_px).save(partial, "JPEG", quality=quality, optimize=True)
    partial.replace(path)


def _write_drawing(path: Path, spec: ObjectSpec, seed: int, haste: float | None = None) -> None:
    sketch = draw(spec, np.random.default_rng([spec.seed, 21, seed]), haste=haste)
    strokes = [[[_short(value) for value in point] for point in stroke] for stroke in sketch.strokes]
    width, height = sketch.size or (0.0, 0.0)
    _write_text(path, json.dumps({"strokes": strokes, "size": [width, height]}, separators=(",", ":")) + "\n")


def _short(value: float) -> float | int:
    value = round(float(value), 1)
    return int(value) if value == int(value) else value


def _row(item: Item, image: str, sketches: list[str]) -> dict[str, Any]:
    texts = describe(item.spec, np.random.default_rng([item.spec.seed, 31]))
    facts = attributes(item.spec) | {"shape_group": item.shape_group, "dress_group": item.dress_group}
    return {
        "id": item.id,
        "category": KINDS[item.spec.kind].family,
        "image": image,
        "text": texts[0],
        "texts": texts,
        "sketches": sketches,
        "attributes": facts,
        "source": "stbir-synth",
        "licence": "Apache-2.0",
    }


def _write_item(root: Path, folder: str, item: Item, size_px: int, quality: int, num_drawings: int) -> dict[str, Any]:
    image = f"{folder}/{item.id}.jpg"
    if not (root / image).exists():
        _write_picture(root / image, item.spec, size_px, quality)
    sketches = [f"drawings/{item.id}-{k}.json" for k in range(num_drawings)]
    for k, name in enumerate(sketches):
        if not (root / name).exists():
            _write_drawing(root / name, item.spec, k)
    return _row(item, image, sketches)


def spec_json(spec: ObjectSpec) -> str:
    """A spec as one line of JSON, to keep or compare."""
    return json.dumps(asdict(spec), sort_keys=True)


def build_samples(out: str | os.PathLike[str], *, size_px: int = 208, progress: Progress | None = None) -> Path:
    """Write the repository's sample gallery: `gallery/*.jpg`, `drawings/*.json`, `manifest.jsonl`, `queries.jsonl`.

    Args:
        out: Folder; made if missing. Files already there are kept.
        size_px: Width and height of the pictures.
        progress: Called with (objects done, objects in all).

    Returns:
        The manifest's path.

    Raises:
        DatasetError: The folder cannot be written.
        MissingExtraError: VTK is not installed.
    """
    root = Path(out)
    rows, queries = [], []
    try:
        (root / "gallery").mkdir(parents=True, exist_ok=True)
        (root / "drawings").mkdir(exist_ok=True)
        for item in plan(SAMPLE_COUNT, SAMPLE_SEED):
            row = _write_item(root, "gallery", item, size_px, 86, 0)
            if _is_queried(item):
                name = f"drawings/{item.id}.json"
                if not (root / name).exists():
                    _write_drawing(root / name, item.spec, 0, haste=0.15 + 0.1 * (item.number % 5))
                row["sketches"] = [name]
                text = short_text(item.spec)
                queries.append({"name": item.id, "sketch": name, "text": text, "target": row["image"]})
            rows.append(row)
            if progress:
                progress(item.number + 1, SAMPLE_COUNT)
        _write_lines(root / "manifest.jsonl", rows)
        _write_lines(root / "queries.jsonl", queries)
    except OSError as error:
        raise DatasetError(
            f"cannot write the samples {root}: {error.strerror or error}; free space or choose another folder"
        ) from error
    return root / "manifest.jsonl"


def _is_queried(item: Item) -> bool:
    """One picture of each block, at changing places of its grid."""
    block = item.number // (SHAPES_PER_BLOCK * DRESSES_PER_BLOCK)
    return item.number % (SHAPES_PER_BLOCK * DRESSES_PER_BLOCK) == (5 * block + 3) % (
        SHAPES_PER_BLOCK * DRESSES_PER_BLOCK
    )
