from __future__ import annotations

import json
from pathlib import Path

import pytest

from stbir.datasets import Dataset, open_dataset
from stbir.errors import DatasetError, InputError
from stbir.evaluate.protocols import PROTOCOLS, make_task

ROWS: list[dict[str, object]] = [
    {"id": "a1", "category": "a", "image": "a1.png", "sketches": ["a1-1", "a1-2"], "text": "red", "split": "test"},
    {"id": "a2", "category": "a", "image": "a2.png", "sketches": ["a2-1"], "text": "red", "split": "test"},
    {
        "id": "b1",
        "category": "b",
        "image": "b1.png",
        "sketches": ["b1-1", "b1-2", "b1-3"],
        "text": "x",
        "split": "test",
    },
    {"id": "b2", "category": "b", "image": "b2.png", "text": "no drawing", "split": "test"},
    {"id": "b3", "category": "b", "image": "b3.png", "sketches": ["b3-1"], "split": "test"},
    {"id": "b4", "category": "b", "sketches": ["b4-1"], "text": "no picture", "split": "test"},
    {"id": "t1", "category": "a", "image": "t1.png", "sketches": ["t1-1"], "text": "trained", "split": "train"},
    {"id": "g1", "category": "a", "image": "g1.png", "split": "gallery"},
    {"id": "g2", "category": "c", "split": "gallery"},
]


def dataset(folder: Path, rows: list[dict[str, object]]) -> Dataset:
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return open_dataset(folder)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return dataset(tmp_path, ROWS)


def asked(task) -> list[tuple[str, tuple[int, ...]]]:
    return [(question.row.id, question.positions) for question in task.questions]


DRAWINGS = [("a1", (0,)), ("a1", (1,)), ("a2", (0,)), ("b1", (0,)), ("b1", (1,)), ("b1", (2,))]


def test_open_asks_every_drawing_of_test_photos_and_distractors(data: Dataset) -> None:
    task = make_task("open", data)
    assert [row.id for row in task.gallery] == ["a1", "a2", "b1", "b2", "b3", "g1"]
    assert asked(task) == DRAWINGS
    assert set(task.pools()) == {""}
    assert task.left_out == {"no drawing": 1, "no text": 1, "no picture": 1}
    assert all(task.gallery[question.target].id == question.row.id for question in task.questions)


def test_fg_sbir_searches_the_category_among_test_photos_only(data: Dataset) -> None:
    task = make_task("fg-sbir", data)
    assert [row.id for row in task.gallery] == ["a1", "a2", "b1", "b2", "b3"]
    assert task.pools() == ["a", "a", "b", "b", "b"]
    assert asked(task) == DRAWINGS


def test_stbir_asks_once_for_each_photo_with_all_its_drawings(data: Dataset) -> None:
    task = make_task("stbir", data)
    assert [row.id for row in task.gallery] == ["a1", "a2", "b1", "b2", "b3"]
    assert asked(task) == [("a1", (0, 1)), ("a2", (0,)), ("b1", (0, 1, 2))]


def test_training_photos_are_never_searched_unless_named(data: Dataset) -> None:
    assert all(row.split != "train" for name in PROTOCOLS for row in make_task(name, data).gallery)
    assert "t1" in [row.id for row in make_task("open", data, distractors=("gallery", "train")).gallery]


def test_no_picture_is_searched_twice(data: Dataset) -> None:
    task = make_task("open", data, splits=("test",), distractors=("gallery", "test"))
    ids = [row.id for row in task.gallery]
    assert len(ids) == len(set(ids))


def test_shared_words_limit_what_words_alone_can_reach(data: Dataset) -> None:
    # "red" asks for a1 twice and for a2 once: at best a1 comes first, so 2 of 3; "x" is free. (2 + 3) / 6
    assert make_task("open", data).text_ceiling() == pytest.approx(5 / 6)
    assert make_task("stbir", data).text_ceiling() == pytest.approx(2 / 3)


def test_sets_without_drawings_are_asked_by_words_and_the_reverse(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"id": str(n), "image": f"{n}.png", "text": str(n)} for n in range(3)]
    task = make_task("open", dataset(tmp_path, rows))
    assert asked(task) == [("0", ()), ("1", ()), ("2", ())]
    assert (task.has_sketches, task.has_texts) == (False, True)
    rows = [{"id": str(n), "image": f"{n}.png", "sketches": ["s"]} for n in range(3)]
    task = make_task("open", dataset(tmp_path, rows))
    assert (task.has_sketches, task.has_texts) == (True, False)
    assert task.text_ceiling() is None


def test_photos_without_category_cannot_be_asked_by_category(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "sketches": ["s"]},
        {"id": "b", "category": "b", "image": "b.png", "sketches": ["s"]},
    ]
    task = make_task("fg-sbir", dataset(tmp_path, rows))
    assert asked(task) == [("b", (0,))]
    assert task.left_out == {"no category": 1}


def test_what_cannot_be_asked_is_said(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no protocol 'sbir': choose one of fg-sbir, open, stbir"):
        make_task("sbir", data)
    with pytest.raises(DatasetError, match="has no split valid"):
        make_task("open", data, splits=("valid",))
    with pytest.raises(DatasetError, match="no row has a picture and a drawing or a text"):
        make_task("open", data, splits=("gallery",))
