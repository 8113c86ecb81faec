"""`stbir data stats`: what a data set is made of, in numbers.

In: a reading. Out: `Statistics`: rows per split and category, texts, drawings and pictures. Drawings and pictures have
to be opened, so of large sets a seeded sample is looked at; how many were is among the numbers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stbir.datasets.dataset import Dataset
from stbir.datasets.manifest import Row
from stbir.datasets.reading import Reading
from stbir.errors import DatasetError, ImageError
from stbir.images import picture_size
from stbir.strokes import Sketch, rasterize

SAMPLE = 1000
DENSITY_SIDE_PX = 128
NUM_COMMON_WORDS = 20

Progress = Callable[[int, int], None]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spread(_Record):
    """How numbers are spread.

    Attributes:
        least: The smallest.
        median: Half of them are below.
        mean: The mean.
        most: The largest.
    """

    least: float
    median: float
    mean: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """The spread of some numbers, rounded to four digits; None of no numbers."""
        if not values:
            return None
        array = np.asarray(values, float)
        numbers = (array.min(), np.median(array), array.mean(), array.max())
        return cls(**dict(zip(cls.model_fields, (float(f"{number:.4g}") for number in numbers), strict=True)))


class SplitCounts(_Record):
    """One split.

    Attributes:
        split: Its name; None for rows that name none.
        rows: Its rows.
        categories: Different categories among them.
        pictures: Rows with a picture.
        drawings: Drawings of all rows.
        texts: Texts of all rows.
    """

    split: str | None
    rows: int
    categories: int
    pictures: int
    drawings: int
    texts: int


class TextCounts(_Record):
    """The texts.

    Attributes:
        texts: How many there are.
        different: Different ones, whatever the case and the spaces.
        repeated: Texts that more than one row has.
        words: Words per text.
        vocabulary: Different words.
        once: Words that occur once.
        common: The most frequent words and how often each occurs.
    """

    texts: int
    different: int
    repeated: int
    words: Spread | None
    vocabulary: int
    once: int
    common: tuple[tuple[str, int], ...]


class DrawingCounts(_Record):
    """The drawings.

    Attributes:
        drawings: How many there are.
        per_row: Drawings of each row that has any.
        looked_at: How many were opened.
        traced: How many of those are pictures, traced to strokes.
        strokes: Strokes of each.
        points: Points of each.
        ink_length: Length of all strokes, in longer sides of the drawing's bounding box.
        density: Share of ink at 128 px with lines of 2 px, fitted to the frame.
    """

    drawings: int
    per_row: Spread | None
    looked_at: int
    traced: int
    strokes: Spread | None
    points: Spread | None
    ink_length: Spread | None
    density: Spread | None


class PictureCounts(_Record):
    """The pictures.

    Attributes:
        pictures: How many rows have one.
        looked_at: How many were opened.
        width: Width in pixels.
        height: Height in pixels.
        kilobytes: Size of the file.
    """

    pictures: int
    looked_at: int
    width: Spread | None
    height: Spread | None
    kilobytes: Spread | None


class Statistics(_Record):
    """What a data set is made of.

    Attributes:
        name: The data set.
        rows: Its rows.
        unreadable: Drawings and pictures that could not be opened: `stbir data check` tells why.
        splits: Each split, in order of appearance.
        categories: Category to split to number of rows, the largest first; "" for none.
        texts: The texts.
        drawings: The drawings.
        pictures: The pictures.
        values: The numbers behind the spreads, for plots.
    """

    name: str
    rows: int
    unreadable: int
    splits: tuple[SplitCounts, ...]
    categories: dict[str, dict[str, int]]
    texts: TextCounts
    drawings: DrawingCounts
    pictures: PictureCounts
    values: dict[str, list[float]] = Field(default_factory=dict, exclude=True, repr=False)


def describe(reading: Reading, *, sample: int = SAMPLE, seed: int = 0, progress: Progress | None = None) -> Statistics:
    """Count a data set.

    Args:
        reading: The data set.
        sample: How many drawings, and how many pictures, are opened at most.
        seed: Which ones.
        progress: Called with the number of files opened and of all.

    Returns:
        The numbers.
    """
    data = reading.dataset()
    drawn = [(row, position) for row in data.rows for position in range(len(row.sketches))]
    pictured = [row for row in data.rows if row.image is not None]
    shown = _some(drawn, sample, seed)
    seen = _some(pictured, sample, seed)
    total = len(shown) + len(seen)
    values: dict[str, list[float]] = defaultdict(list)
    unreadable = 0
    for done, (row, position) in enumerate(shown, start=1):
        unreadable += not _measure_drawing(data, row, position, values)
        _tell(progress, done, total)
    for done, row in enumerate(seen, start=len(shown) + 1):
        unreadable += not _measure_picture(data, row, values)
        _tell(progress, done, total)
    return Statistics(
        name=data.name,
        rows=len(data.rows),
        unreadable=unreadable,
        splits=_splits(data.rows),
        categories=_categories(data.rows),
        texts=_texts(data.rows, values),
        drawings=DrawingCounts(
            drawings=len(drawn),
            per_row=Spread.of([len(row.sketches) for row in data.rows if row.sketches]),
            looked_at=len(shown),
            traced=int(sum(values["traced"])),
            **{name: Spread.of(values[name]) for name in ("strokes", "points", "ink_length", "density")},
        ),
        pictures=PictureCounts(
            pictures=len(pictured),
            looked_at=len(seen),
            **{name: Spread.of(values[name]) for name in ("width", "height", "kilobytes")},
        ),
        values=dict(values),
    )


def _some(things: Sequence[Any], number: int, seed: int) -> list[Any]:
    if len(things) <= number:
        return list(things)
    chosen = np.random.default_rng(seed).choice(len(things), number, replace=False)
    return [things[index] for index in sorted(chosen.tolist())]


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _measure_drawing(data: Dataset, row: Row, position: int, values: dict[str, list[float]]) -> bool:
    try:
        sketch = data.sketch(row, position)
    except DatasetError:
        return False
    left, top, right, bottom = sketch.bounds
    name = row.sketches[position]
    is_strokes = name in data.strokes or name.endswith((".svg", ".json", ".ndjson"))
    values["traced"].append(float(not is_strokes))
    values["strokes"].append(len(sketch.strokes))
    values["points"].append(sketch.num_points)
    values["ink_length"].append(sketch.ink_length / max(right - left, bottom - top, 1e-9))
    values["density"].append(_density(sketch))
    return True


def _density(sketch: Sketch) -> float:
    return float((rasterize(sketch, DENSITY_SIDE_PX) < 128).mean())


def _measure_picture(data: Dataset, row: Row, values: dict[str, list[float]]) -> bool:
    try:
        content = data.picture_bytes(row)
        width, height = picture_size(content)
    except (DatasetError, ImageError):
        return False
    values["width"].append(width)
    values["height"].append(height)
    values["kilobytes"].append(len(content) / 1000)
    return True


def _splits(rows: Sequence[Row]) -> tuple[SplitCounts, ...]:
    members: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        members[row.split].append(row)
    return tuple(
        SplitCounts(
            split=split,
            rows=len(part),
            categories=len({row.category for row in part if row.category is not None}),
            pictures=sum(row.image is not None for row in part),
            drawings=sum(len(row.sketches) for row in part),
            texts=sum(len(row.all_texts) for row in part),
        )
        for split, part in members.items()
    )


def _categories(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row.category or ""][row.split or ""] += 1
    order = sorted(counts, key=lambda category: (-counts[category].total(), category))
    return {category: dict(counts[category]) for category in order}


def _texts(rows: Sequence[Row], values: dict[str, list[float]]) -> TextCounts:
    uses: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for row in rows:
        for text in row.all_texts:
            plain = " ".join(text.lower().split())
            found = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", plain)
            uses[plain] += 1
            words.update(found)
            values["words"].append(len(found))
    return TextCounts(
        texts=uses.total(),
        different=len(uses),
        repeated=sum(count > 1 for count in uses.values()),
        words=Spread.of(values["words"]),
        vocabulary=len(words),
        once=sum(count == 1 for count in words.values()),
        common=tuple(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:NUM_COMMON_WORDS]),
    )
