"""The registry: one name, one noise, chance that depends on the item alone."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import stbir.corrupt
from stbir.corrupt import CORRUPTIONS, Corruption, corruption, item_rng
from stbir.errors import ConfigError, SketchError
from stbir.strokes import MAX_COORDINATE, Sketch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "corruptions.md"
SKETCH_NAMES = [name for name, each in CORRUPTIONS.items() if each.modality in ("sketch", "both")]
TEXT_NAMES = [name for name, each in CORRUPTIONS.items() if each.modality in ("text", "both")]
IMAGE_NAMES = [name for name, each in CORRUPTIONS.items() if each.modality == "image"]
TEXT = "black suede ankle boot, white laces"
POOL = ("red mug", "green chair, wooden legs")
BOOT = Sketch(
    (
        np.array([[0, 0], [40, 0], [45, 60], [100, 80], [100, 100], [0, 100], [0, 0]], np.float32),
        np.array([[0, 90], [100, 90]], np.float32),
        np.array([[45, 60], [60, 50]], np.float32),
    ),
    (120.0, 120.0),
)
PIXELS = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)

SKETCHES = {
    "dot": Sketch((np.array([[3, 4]], np.float32),)),
    "same point twice": Sketch((np.array([[3, 4], [3, 4]], np.float32),)),
    "straight line": Sketch((np.array([[0, 5], [900, 5]], np.float32),)),
    "huge": Sketch((np.array([[-MAX_COORDINATE, 0], [MAX_COORDINATE, 9], [0, MAX_COORDINATE]], np.float32),)),
    "far away": Sketch((np.array([[9_999_000, 9_999_000], [9_999_990, 9_999_900]], np.float32),), (1e7, 1e7)),
    "tiny": Sketch((np.array([[0, 0], [1e-6, 2e-6]], np.float32),)),
    "timed": Sketch(
        (np.array([[0, 0, 0, 1], [9, 9, 30, 1]], np.float32), np.array([[1, 2, 50], [8, 1, 80]], np.float32))
    ),
}


def outcome(sketch: Sketch | None) -> object:
    return None if sketch is None else sketch.to_json()


def spoiled(name: str, sketch: Sketch, key: str, severity: float, seed: int = 0) -> object:
    try:
        return outcome(CORRUPTIONS[name].sketch(sketch, item_rng(seed, name, key), severity))
    except SketchError:
        return "lost"


def test_names_and_modalities():
    assert list(CORRUPTIONS) == sorted(CORRUPTIONS)
    assert all(each.name == name and each.description for name, each in CORRUPTIONS.items())
    assert {"sketch-mixed", "text-mixed", "mixed", "no-sketch", "no-text", "paper-photo", "line-width"} <= set(
        CORRUPTIONS
    )
    assert CORRUPTIONS["mixed"].modality == "both"
    with pytest.raises(ConfigError, match=r"no corruption 'mixd': expected one of affine, .*wrong-text"):
        corruption("mixd")
    assert corruption("partial") is CORRUPTIONS["partial"]


def test_every_public_name_is_documented():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in CORRUPTIONS if f"`{name}` |" not in page] == []
    assert [name for name in stbir.corrupt.__all__ if not inspect.getdoc(getattr(stbir.corrupt, name))] == []


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_zero_is_the_same_object(name):
    each = CORRUPTIONS[name]
    if each.sketch_noise:
        assert all(each.sketch(s, item_rng(0, name, "q"), 0) is s for s in (BOOT, *SKETCHES.values()))
    if each.text_noise:
        assert each.text(TEXT, item_rng(0, name, "q"), 0, pool=POOL) is TEXT
    if each.image_noise:
        assert each.image(PIXELS, item_rng(0, name, "q"), 0) is PIXELS


@pytest.mark.parametrize("name", SKETCH_NAMES)
@pytest.mark.parametrize("kind", SKETCHES)
def test_no_drawing_breaks_a_noise(name, kind):
    for severity in (0.3, 2.5, 5):
        spoiled(name, SKETCHES[kind], kind, severity)
        if not name.startswith(("raster", "paper", "line", "no")):
            assert spoiled(name, SKETCHES[kind], kind, severity) != "lost"


@pytest.mark.parametrize("name", SKETCH_NAMES)
def test_drawings_do_not_depend_on_order(name):
    keys = ["a", "b", "c"]
    forward = {key: spoiled(name, BOOT, key, 3) for key in keys}
    backward = {key: spoiled(name, BOOT, key, 3) for key in reversed(keys)}
    assert forward == backward
    other_seeds = [spoiled(name, BOOT, key, 3, seed) for key in keys for seed in range(1, 8)]
    without_chance = name in ("partial", "coarsen", "raster-blur")
    assert all(each == forward["a"] for each in other_seeds) == without_chance


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_words_do_not_depend_on_order(name):
    def noisy(key: str, seed: int = 0) -> str:
        return CORRUPTIONS[name].text(TEXT, item_rng(seed, name, key), 3, pool=POOL)

    assert [noisy(key) for key in "abc"] == [noisy(key) for key in "cba"][::-1]
    assert len({noisy(key, seed) for key in "abc" for seed in range(8)}) > 1


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_photos_do_not_depend_on_order(name):
    def noisy(key: str) -> bytes:
        return CORRUPTIONS[name].image(PIXELS, item_rng(0, name, key), 3).tobytes()

    assert [noisy(key) for key in "abc"] == [noisy(key) for key in "cba"][::-1]


def test_item_rng_depends_on_all_three_and_on_nothing_else():
    first = item_rng(0, "jitter", "shoe/1").integers(2**62)
    assert first == item_rng(0, "jitter", "shoe/1").integers(2**62)
    others = {
        item_rng(*given).integers(2**62)
        for given in ((1, "jitter", "shoe/1"), (0, "warp", "shoe/1"), (0, "jitter", "2"))
    }
    assert len(others | {first}) == 4
    # the same on every machine and in every version
    assert first == 102517981105620596
    item_rng(0, "jitter", "\ud800 木")


@pytest.mark.parametrize(("name", "part"), [("no-sketch", "sketch"), ("no-text", "text")])
def test_missing_parts_are_missing_as_often_as_the_severity_says(name, part):
    gone = {
        severity: np.array(
            [
                spoiled(name, BOOT, str(n), severity) is None
                if part == "sketch"
                else CORRUPTIONS[name].text(TEXT, item_rng(0, name, str(n)), severity) == ""
                for n in range(600)
            ]
        )
        for severity in (1, 3, 5)
    }
    assert gone[5].all()
    assert gone[1].mean() == pytest.approx(0.2, abs=0.05)
    assert gone[3].mean() == pytest.approx(0.6, abs=0.06)
    assert not (gone[1] & ~gone[3]).any()


def test_mixed_spoils_both():
    mixed = CORRUPTIONS["mixed"]
    assert spoiled("mixed", BOOT, "q", 4) != outcome(BOOT)
    assert mixed.text(TEXT, item_rng(0, "mixed", "q"), 4) != TEXT


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_noise_refuses_what_it_does_not_spoil(name):
    each = CORRUPTIONS[name]
    calls = {
        "drawings": (each.sketch_noise, lambda: each.sketch(BOOT, item_rng(0, name, ""), 1)),
        "words": (each.text_noise, lambda: each.text(TEXT, item_rng(0, name, ""), 1)),
        "photos": (each.image_noise, lambda: each.image(PIXELS, item_rng(0, name, ""), 1)),
    }
    for what, (noise, call) in calls.items():
        if noise is None:
            with pytest.raises(ConfigError, match=f"{name}' spoils no {what}"):
                call()
        else:
            call()


@pytest.mark.parametrize("name", SKETCH_NAMES)
def test_severity_out_of_range(name):
    for severity in (-0.1, 5.1, float("nan")):
        with pytest.raises(ConfigError, match="severity"):
            CORRUPTIONS[name].sketch(BOOT, item_rng(0, name, ""), severity)


def test_own_noises_can_be_made():
    loud = Corruption("loud", "text", "shout", text_noise=lambda text, _rng, _severity, _pool: text.upper())
    assert loud.text("mug", item_rng(0, "loud", ""), 1) == "MUG"
