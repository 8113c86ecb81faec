"""The sample gallery of the repository: pictures of all three parts, and queries that need both drawing and words.

Blocks of twins of every family (`stbir.synth.parts`), small enough to ship. A query draws one picture of each block and
says of it, in one writer's manner, what tells it from its twins in shape and what its twins in appearance share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stbir.errors import DatasetError
from stbir.synth.captions import Text, facts_of
from stbir.synth.parts import DRESSES_PER_BLOCK, SHAPES_PER_BLOCK, PartItem, plan_part
from stbir.synth.rows import part_row, part_texts
from stbir.synth.writing import Job, Progress, write_drawing, write_files, write_lines

SAMPLE_SEED = 20_496  # never train on it
SAMPLE_COUNTS = {"S": 192, "C": 112, "D": 336}  # so that all kinds of S and C and all families of D are there

_SIZE_PX = 208
_QUALITY = 78
_PER_BLOCK = SHAPES_PER_BLOCK * DRESSES_PER_BLOCK
_WRITERS = ("short", "query", "short", "tags")
_KEPT = ("short", "query", "tags")


def plan_samples() -> Iterator[PartItem]:
    """The objects of the sample gallery, part by part."""
    for part, count in SAMPLE_COUNTS.items():
        yield from plan_part(part, count, SAMPLE_SEED, shares=None)


def build_samples(out: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Write the sample gallery: `gallery/*.jpg`, `drawings/*.json`, `manifest.jsonl`, `queries.jsonl`.

    Args:
        out: Folder; made if missing. Files already there are kept.
        progress: Called with (objects done, objects in all).

    Returns:
        The manifest's path.

    Raises:
        DatasetError: The folder cannot be written.
        MissingExtraError: VTK is not installed.
    """
    root = Path(out)
    job = Job(root, "gallery", _SIZE_PX, _QUALITY, 0)
    items = list(plan_samples())
    asked = sample_queries(items)
    rows: list[dict[str, Any]] = []
    queries: list[dict[str, Any]] = []
    try:
        (root / "gallery").mkdir(parents=True, exist_ok=True)
        (root / "drawings").mkdir(exist_ok=True)
        for number, item in enumerate(items):
            write_files(job, item)
            row = _sample_row(item, job)
            if item.id in asked:
                name = f"drawings/{item.id}.json"
                if not (root / name).exists():
                    write_drawing(root / name, item.spec, 0, haste=0.05 + 0.1 * (len(queries) % 5))
                row["sketches"] = [name]
                queries.append({"name": item.id, "sketch": name, "text": asked[item.id].words, "target": row["image"]})
            rows.append(row)
            if progress:
                progress(number + 1, len(items))
        write_lines(root / "manifest.jsonl", rows)
        write_lines(root / "queries.jsonl", queries)
    except OSError as error:
        raise DatasetError(
            f"cannot write the samples {root}: {error.strerror or error}; free space or choose another folder"
        ) from error
    return root / "manifest.jsonl"


def _sample_row(item: PartItem, job: Job) -> dict[str, Any]:
    """The row of a part's manifest, kept small: no shape numbers, texts of the queries' writers only."""
    row = part_row(item, job)
    facts = row["attributes"]
    kept = [place for place, states in enumerate(facts["states"]) if states["style"] in _KEPT]
    row["texts"] = [row["texts"][place] for place in kept]
    row["attributes"] = {name: value for name, value in facts.items() if name != "numbers"}
    row["attributes"]["states"] = [facts["states"][place] for place in kept]
    return row


def sample_queries(items: Sequence[PartItem]) -> dict[str, Text]:
    """For one object of each block, the words that tell it from its twins in shape and that others fit too.

    Args:
        items: All objects of the gallery.

    Returns:
        Text by object's id; blocks in which no writer says such a thing of any object are left out.
    """
    facts = {item.id: facts_of(item.spec) for item in items}
    found: dict[str, Text] = {}
    for block in range(len(items) // _PER_BLOCK):
        own = items[block * _PER_BLOCK : (block + 1) * _PER_BLOCK]
        first = (5 * block + 3) % _PER_BLOCK
        wanted = _WRITERS[block % len(_WRITERS)]
        for item in [*own[first:], *own[:first]]:
            texts = _by_style(part_texts(item), wanted)
            twins = [facts[other.id] for other in own if other.shape_group == item.shape_group]
            needs_both = [
                text
                for text in texts[:2]
                if sum(map(text.fits, twins)) == 1 and sum(map(text.fits, facts.values())) >= 2
            ]
            if needs_both:
                found[item.id] = needs_both[0]
                break
    return found


def _by_style(texts: Sequence[Text], wanted: str) -> list[Text]:
    """Texts of the wanted style first, then short ones."""
    return sorted(texts, key=lambda text: (text.style != wanted, text.style != "short"))
