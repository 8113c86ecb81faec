from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("torch")

from stbir.errors import ConfigError
from stbir.train.recipe import Recipe
from stbir.train.run import check_same_run
from stbir.train.sources import read_sources, weights_folder


def make_set(folder: Path, rows: list[dict[str, object]]) -> None:
    folder.mkdir()
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def recipe_for(*sets: dict[str, object], **fields: object) -> Recipe:
    schedule = {"num_steps": 1}
    return Recipe.model_validate(
        {"data": {"sets": sets}, "words": {"schedule": schedule}, "drawings": {"schedule": schedule}, **fields}
    )


ROWS: list[dict[str, object]] = [
    {"id": "a", "image": "a.jpg", "split": "train", "text": "red mug", "category": "Mugs"},
    {"id": "b", "image": "b.jpg", "split": "validation", "text": "blue mug"},
    {"id": "c", "image": "c.jpg", "split": "test", "text": "red mug"},
    {"id": "d", "image": "d.jpg", "split": "gallery"},
    {"id": "e", "image": "e.jpg", "category": "mug"},
    {"id": "f", "image": "f.jpg", "split": "secret", "text": "green mug"},
    {"id": "g", "text": "no picture"},
]


def test_splits_decide_what_is_learned_from(tmp_path: Path) -> None:
    make_set(tmp_path / "toys", ROWS)
    sources, texts = read_sources(recipe_for({"name": str(tmp_path / "toys")}))
    assert {s.photo.id: s.photo.trains for s in sources} == {
        "a": True, "b": False, "c": False, "d": False, "e": True, "f": False,
    }  # fmt: skip
    by_id = {source.photo.id: source.photo for source in sources}
    assert by_id["b"].split == "val"
    assert by_id["a"].text_ids == by_id["c"].text_ids
    assert [texts[i] for i in by_id["e"].text_ids] == ["mug"]
    assert not by_id["e"].captioned
    assert by_id["a"].category == "mugs" or by_id["a"].category == "mug"


def test_held_out_splits_are_read_but_never_learned_from(tmp_path: Path) -> None:
    make_set(tmp_path / "toys", ROWS)
    sources, _ = read_sources(recipe_for({"name": str(tmp_path / "toys"), "held_out": ["train"]}))
    assert not next(s for s in sources if s.photo.id == "a").photo.trains


def test_articles_of_the_chair_benchmark_are_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STBIR_DATA", str(tmp_path))
    make_set(
        tmp_path / "ikea-products",
        [
            {"id": "001.401.28", "image": "x.jpg", "text": "chair"},
            {"id": "300.000.01", "image": "y.jpg", "text": "lamp"},
        ],
    )
    make_set(tmp_path / "chairv2-sketches", [{"id": "chair:00140128_v1", "image": "photo/a.jpg", "split": "train"}])
    (tmp_path / "chairv2-sketches" / "strokes.jsonl").write_text("")
    sources, _ = read_sources(recipe_for({"name": "ikea-products"}))
    assert {s.photo.id: s.photo.trains for s in sources} == {"001.401.28": False, "300.000.01": True}


def test_weights_come_from_a_zip_and_a_broken_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STBIR_DATA", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.writestr("net/a.bin", b"123")
    with weights_folder("weights") as folder:
        assert (folder / "net" / "a.bin").read_bytes() == b"123"
    assert not folder.exists()
    (tmp_path / "weights.zip").write_bytes(b"not a zip")
    with pytest.raises(ConfigError, match=r"weights\.zip"), weights_folder("weights"):
        pass
    with pytest.raises(ConfigError, match="STBIR_DATA"), weights_folder("elsewhere"):
        pass


def test_a_run_of_another_recipe_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    recipe = recipe_for({"name": "toys"})
    check_same_run(recipe, path)
    path.write_text(recipe.model_dump_json())
    check_same_run(recipe, path)
    check_same_run(recipe_for({"name": "toys"}, licence="MIT"), path)
    with pytest.raises(ConfigError, match="seed"):
        check_same_run(recipe_for({"name": "toys"}, seed=3), path)
