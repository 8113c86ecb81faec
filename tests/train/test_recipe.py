from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from stbir.errors import ConfigError
from stbir.train.recipe import Recipe, find_recipe, load_recipe


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
