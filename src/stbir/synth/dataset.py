"""Writing pictures, drawings and words to a folder: data sets of any size.

Objects come in blocks of twins (`stbir.synth.sampling.sample_block`). A block depends on (seed, block number) only, so
an interrupted run goes on where it stopped, and data sets with different seeds share no shape.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stbir.errors import ConfigError, DatasetError
from stbir.synth.objects import FIRST_FAMILIES, KINDS
from stbir.synth.parts import DRESSES_PER_BLOCK, SHAPES_PER_BLOCK, PartItem, plan_part
from stbir.synth.rows import first_row, part_row
from stbir.synth.sampling import sample_block
from stbir.synth.spec import ObjectSpec
from stbir.synth.writing import Job, Progress, write_all, write_lines, write_text

RENDERER = 1  # raised when pictures of the parts change, so that no folder mixes two kinds
HAND = 2  # raised when drawings change; the pictures of an earlier hand stay as they are


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
        families: Families or kinds to take turns; the first five families if empty.

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
    num_workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a data set: `photo/*.jpg`, `drawings/*.json`, `manifest.jsonl`.

    Args:
        out: Folder; made if missing. Files of an interrupted run with the same settings are kept and completed.
        count: Number of objects.
        seed: See `plan`.
        size_px: Width and height of the pictures.
        drawings_per_object: Drawings of each object.
        families: Families or kinds; the first five families if empty.
        quality: JPEG quality.
        num_workers: Number of processes; the bytes are the same for every number.
        progress: Called with (objects done, objects in all).

    Returns:
        The manifest's path.

    Raises:
        ConfigError: A number out of range or an unknown family.
        DatasetError: The folder holds a data set with other settings, or cannot be written.
        MissingExtraError: VTK is not installed.
    """
    job = _checked_job(out, count, size_px, quality, drawings_per_object, num_workers)
    settings = {"seed": seed, "size_px": size_px, "families": list(families), "quality": quality, "hand": HAND}
    items = list(plan(count, seed, families))
    return _build(job, items, settings, num_workers, progress, [first_row(item, job) for item in items])


def build_part(
    out: str | os.PathLike[str],
    part: str,
    count: int,
    *,
    seed: int = 0,
    size_px: int = 256,
    drawings_per_object: int = 1,
    shares: tuple[int, int, int] | None = (70, 10, 20),
    unseen: Sequence[str] | None = None,
    quality: int = 88,
    num_workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a part of the benchmark: `photo/*.jpg`, `drawings/*.json`, `manifest.jsonl` with splits and stated facts.

    Args:
        out: Folder; made if missing. Files of an interrupted run with the same settings are kept and completed.
        part: S, C or D.
        count: Number of objects.
        seed: See `stbir.synth.parts.plan_part`.
        size_px: Width and height of the pictures.
        drawings_per_object: Drawings of each object.
        shares: Percentages of train, val and test; None for no splits.
        unseen: Kinds and families in the test split only; None for the part's own.
        quality: JPEG quality.
        num_workers: Number of processes; the bytes are the same for every number.
        progress: Called with (objects done, objects in all).

    Returns:
        The manifest's path.

    Raises:
        ConfigError: A number out of range, or an unknown part, kind or family.
        DatasetError: The folder holds a data set with other settings, or cannot be written.
        MissingExtraError: VTK is not installed.
    """
    job = _checked_job(out, count, size_px, quality, drawings_per_object, num_workers)
    items = list(plan_part(part, count, seed, shares=shares, unseen=unseen))
    settings = {"part": part, "seed": seed, "size_px": size_px, "quality": quality, "renderer": RENDERER, "hand": HAND}
    settings |= {"splits": list(shares or ()), "unseen": None if unseen is None else sorted(unseen)}
    return _build(job, items, settings, num_workers, progress, [part_row(item, job) for item in items])


def _checked_job(
    out: str | os.PathLike[str], count: int, size_px: int, quality: int, num_drawings: int, num_workers: int
) -> Job:
    if count < 1 or not 32 <= size_px <= 2048 or num_drawings < 0 or num_workers < 1:
        raise ConfigError(
            f"cannot render count={count} size={size_px} drawings={num_drawings} workers={num_workers}: "
            "give a count of 1 or more, a size of 32 to 2048, 0 or more drawings and 1 or more workers"
        )
    return Job(Path(out), "photo", size_px, quality, num_drawings)


def _build(
    job: Job,
    items: Sequence[Item] | Sequence[PartItem],
    settings: dict[str, Any],
    num_workers: int,
    progress: Progress | None,
    rows: list[dict[str, Any]],
) -> Path:
    root = job.root
    try:
        (root / "photo").mkdir(parents=True, exist_ok=True)
        (root / "drawings").mkdir(exist_ok=True)
        _check_settings(root, settings)
        write_all(job, items, num_workers, progress)
        write_lines(root / "manifest.jsonl", rows)
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
        write_text(path, json.dumps(settings) + "\n")


def spec_json(spec: ObjectSpec) -> str:
    """A spec as one line of JSON, to keep or compare."""
    return json.dumps(asdict(spec), sort_keys=True)
