"""The shipped sample gallery: manifest, files, drawings and queries agree."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from stbir.strokes import Sketch

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def rows():
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not part of an installed package")
    return [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def queries(rows):
    return [json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_file_is_in_the_manifest_and_the_other_way_round(rows):
    assert len(rows) == 640
    assert {row["image"] for row in rows} == {f"gallery/{path.name}" for path in (SAMPLES / "gallery").iterdir()}
    drawings = {name for row in rows for name in row["sketches"]}
    assert drawings == {f"drawings/{path.name}" for path in (SAMPLES / "drawings").iterdir()}
    assert len({row["id"] for row in rows}) == len(rows)


def test_size(rows):
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) <= 4_000_000


def test_rows_say_what_one_needs(rows):
    for row in rows:
        assert row["text"] == row["texts"][0]
        assert len(row["texts"]) >= 2
        assert row["category"] == row["attributes"]["family"]
        assert row["licence"]
        assert row["source"] == "stbir-synth"


def test_all_families_and_twins_of_both_sorts_are_there(rows):
    from stbir.synth import FAMILIES

    assert {row["category"] for row in rows} == set(FAMILIES)
    for group in ("shape_group", "dress_group"):
        assert set(Counter(row["attributes"][group] for row in rows).values()) == {4}


def test_pictures_open(rows):
    for row in rows[::40]:
        with Image.open(SAMPLES / row["image"]) as picture:
            picture.load()
            assert picture.mode == "RGB"
            assert 192 <= picture.width == picture.height <= 224


def test_drawings_open(rows, queries):
    for query in queries:
        sketch = Sketch.load(SAMPLES / query["sketch"])
        assert len(sketch.strokes) >= 2
        assert sketch.strokes[0].shape[1] == 3


def test_a_query_needs_both_the_drawing_and_the_words(rows, queries):
    """Several pictures have the drawn shape, several fit the words, exactly one is both."""
    from stbir.synth.samples import plan_samples, sample_queries

    items = list(plan_samples())
    assert [item.id for item in items] == [row["id"] for row in rows]
    texts = sample_queries(items)
    facts = {row["id"]: row["attributes"] for row in rows}
    by_image = {row["image"]: row for row in rows}
    assert {query["name"]: query["text"] for query in queries} == {name: text.words for name, text in texts.items()}
    for query in queries:
        target = by_image[query["target"]]
        assert query["sketch"] in target["sketches"]
        group = target["attributes"]["shape_group"]
        same_shape = {name for name, known in facts.items() if known["shape_group"] == group}
        same_words = {name for name, known in facts.items() if texts[query["name"]].fits(known)}
        assert len(same_shape) == 4
        assert len(same_words) >= 2, query["text"]
        assert same_shape & same_words == {target["id"]}


def test_queries_are_by_several_writers(queries):
    assert len(queries) == 40
    assert any("," in query["text"] for query in queries)
    assert len({query["target"].split("-")[1] for query in queries}) >= 20


def test_the_examples_of_the_page_are_the_queries_of_the_demo():
    """Written by benchmarks/page_examples.py."""
    script = runpy.run_path(str(SAMPLES.parent / "benchmarks" / "page_examples.py"))
    assert json.loads(script["EXAMPLES"].read_text(encoding="utf-8")) == script["page_examples"]()
