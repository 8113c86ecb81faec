from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from stbir.errors import ConfigError
from stbir.train.align_recipe import AlignRecipe
from stbir.train.prepare import corpus_folder
from stbir.train.recipe import Recipe, find_recipe, load_recipe, parse_recipe, read_fields


def test_the_shipped_recipe_reads_and_can_be_overridden() -> None:
    path = find_recipe("default")
    assert load_recipe(path).words.schedule.num_steps != 7
    changed = load_recipe(path, ["words.schedule.num_steps=7", "model.name=mine"])
    assert (changed.words.schedule.num_steps, changed.model.name) == (7, "mine")


@pytest.mark.parametrize(
    ("override", "named"),
    [("words.speed=3", "words.speed"), ("seed=red", "seed"), ("nonsense", "nonsense"), ("seed.x=1", "seed")],
)
def test_a_wrong_field_is_named_in_one_line(override: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        load_recipe(find_recipe("default"), [override])
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match="default"):
        find_recipe("nothing-like-it")


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("seed = = 3")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_recipe(path)


def test_settings_cannot_be_changed_in_place() -> None:
    recipe: Recipe = load_recipe(find_recipe("default"))
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 3  # type: ignore[misc]


def test_a_recipe_extends_another_and_says_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "below.toml").write_text('seed = 1\n[model]\nname = "a"\nimage_px = 64\n[[stages]]\nx = 1\n')
    above = tmp_path / "above.toml"
    above.write_text('extends = "below.toml"\nseed = 2\n[model]\nname = "b"\n[[stages]]\nx = 2\n')
    fields = read_fields(above, ["stages.0.x=3"])
    assert fields == {"seed": 2, "model": {"name": "b", "image_px": 64}, "stages": [{"x": 3}]}


def test_a_recipe_that_extends_itself_or_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.write_text('extends = "loop.toml"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        read_fields(path)
    path.write_text('extends = "nothing-like-it"\n')
    with pytest.raises(ConfigError, match="nothing-like-it"):
        read_fields(path)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("base_share=0.3", "base_share needs"),
        ("device=cuda", "device must be"),
        ("stages.0.losses.triplet=1", "undrawn must be 0"),
        ("stages.3.lr=1", "place '3' of a list of 1"),
        ("bank.sketch_severities=[1.0, 2.0]", "must begin with 0"),
    ],
)
def test_an_alignment_that_cannot_be_is_refused_in_one_line(override: str, named: str) -> None:
    path = find_recipe("stbir")
    given = [override, "heads=fresh"] if override.startswith("base_share") else [override]
    with pytest.raises(ConfigError, match=named) as caught:
        parse_recipe(read_fields(path, given), AlignRecipe, path)
    assert "\n" not in str(caught.value)


def test_another_seed_learns_from_the_same_corpus() -> None:
    path = find_recipe("stbir")
    folders = {corpus_folder(parse_recipe(read_fields(path, [f"seed={n}"]), AlignRecipe, path)) for n in range(3)}
    assert len(folders) == 1
    assert corpus_folder(parse_recipe(read_fields(path, ["data.seed=5"]), AlignRecipe, path)) not in folders
