from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dataset_layouts import LAYOUTS, Layout, ndjson, picture, write
from stbir.datasets import read_dataset
from stbir.datasets.stats import Spread, describe

ROWS = [
    {"id": "a", "category": "mug", "image": "a.png", "text": "red Mug", "split": "train", "sketches": ["a.json"]},
    {"id": "b", "category": "mug", "image": "b.png", "text": "red  mug", "split": "test"},
    {
        "id": "c",
        "category": "lamp",
        "texts": ["a desk lamp", "lamp"],
        "split": "test",
        "sketches": ["c.json", "no.json"],
    },
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    square = {"strokes": [[[0, 0], [10, 0]], [[10, 0], [10, 10], [0, 10]]]}
    files = {"a.png": picture(1), "b.png": picture(2, size=(20, 30)), "a.json": json.dumps(square)}
    line = json.dumps({"strokes": [[[0, 0], [0, 8]]]})
    return write(tmp_path / "set", {**files, "c.json": line, "manifest.jsonl": ndjson(*ROWS)})


def test_everything_is_counted(folder: Path) -> None:
    numbers = describe(read_dataset(folder))
    assert [one.model_dump() for one in numbers.splits] == [
        {"split": "train", "rows": 1, "categories": 1, "pictures": 1, "drawings": 1, "texts": 1},
        {"split": "test", "rows": 2, "categories": 2, "pictures": 1, "drawings": 2, "texts": 3},
    ]
    assert numbers.categories == {"mug": {"train": 1, "test": 1}, "lamp": {"test": 1}}
    texts = numbers.texts
    assert (texts.texts, texts.different, texts.repeated, texts.vocabulary, texts.once) == (4, 3, 1, 5, 2)
    assert texts.common[:2] == (("lamp", 2), ("mug", 2))
    assert texts.words == Spread(least=1, median=2, mean=2, most=3)
    drawings = numbers.drawings
    assert (drawings.drawings, drawings.looked_at, drawings.traced, numbers.unreadable) == (3, 3, 0, 1)
    assert drawings.strokes == Spread(least=1, median=1.5, mean=1.5, most=2)
    assert drawings.points == Spread(least=2, median=3.5, mean=3.5, most=5)
    assert drawings.ink_length == Spread(least=1, median=2, mean=2, most=3)
    assert drawings.per_row == Spread(least=1, median=1.5, mean=1.5, most=2)
    assert numbers.pictures.width == Spread(least=20, median=34, mean=34, most=48)
    assert numbers.pictures.height == Spread(least=30, median=35, mean=35, most=40)


def test_a_sample_is_looked_at_and_said_so(folder: Path) -> None:
    reading = read_dataset(folder)
    numbers = describe(reading, sample=1, seed=3)
    assert (numbers.drawings.looked_at, numbers.pictures.looked_at, numbers.pictures.pictures) == (1, 1, 2)
    assert describe(reading, sample=1, seed=3) == numbers
    none = describe(reading, sample=0)
    assert none.drawings.strokes is None
    assert none.pictures.width is None


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_can_be_described_and_drawn(layout: Layout, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from stbir.datasets.plots import svgs_of

    numbers = describe(read_dataset(layout.make(tmp_path)))
    assert numbers.rows == layout.num_rows
    assert numbers.unreadable == 0
    plots = svgs_of(numbers)
    assert "rows.svg" in plots
    assert ("drawings.svg" in plots) == bool(numbers.drawings.drawings)
    for svg in plots.values():
        assert ET.fromstring(svg).tag.endswith("svg")
    assert svgs_of(numbers) == plots


def test_names_cannot_break_a_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from stbir.datasets.plots import svgs_of

    rows = [{"id": "a", "category": "$x_{", "split": "тест\n", "text": "<b>"}, {"id": "b", "category": "靴" * 90}]
    ET.fromstring(svgs_of(describe(read_dataset(write(tmp_path, {"manifest.jsonl": ndjson(*rows)}))))["rows.svg"])
