"""Noises of photos."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from stbir.corrupt.pictures import IMAGE_NOISES, _from_border
from stbir.errors import ConfigError

NAMES = sorted(IMAGE_NOISES)
SHAPES = [(1, 1), (1, 9), (13, 2), (40, 31)]
pictures = st.sampled_from(SHAPES).flatmap(lambda shape: hnp.arrays(np.uint8, (*shape, 3)))


def product() -> np.ndarray:
    """A ball on white, lit from one side."""
    y, x = np.mgrid[-1:1:96j, -1:1:128j]
    ball = np.stack([200 - 90 * x, 60 - 30 * y, 40 + 20 * x], axis=2)
    return np.where((x**2 + y**2 < 0.4)[:, :, None], ball, 246).clip(0, 255).astype(np.uint8)


def street() -> np.ndarray:
    """Texture everywhere, no background."""
    return np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)


def resized(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((120, 90), Image.Resampling.BOX), float)


@pytest.mark.parametrize("name", NAMES)
@given(pixels=pictures, seed=st.integers(0, 999), severity=st.floats(0.01, 5))
@settings(max_examples=15, deadline=None)
def test_any_picture_stays_a_picture(name, pixels, seed, severity):
    before = pixels.copy()
    noisy = IMAGE_NOISES[name](pixels, np.random.default_rng(seed), severity)
    assert noisy.dtype == np.uint8
    assert noisy.ndim == 3
    assert noisy.shape[2] == 3
    assert min(noisy.shape) >= 1
    assert name == "crop" or noisy.shape == pixels.shape
    assert (pixels == before).all()
    assert IMAGE_NOISES[name](pixels, np.random.default_rng(seed), 0) is pixels
    assert (noisy == IMAGE_NOISES[name](pixels, np.random.default_rng(seed), severity)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scene", [product, street])
def test_more_severity_changes_more(name, scene):
    pixels = scene()
    change = [
        np.mean(
            [
                np.abs(resized(IMAGE_NOISES[name](pixels, np.random.default_rng(seed), s)) - resized(pixels)).mean()
                for seed in range(25)
            ]
        )
        for s in (0, 1, 2, 3, 4, 5)
    ]
    assert change[0] == 0
    # cropping noise gives noise: nothing is left to grow after the first step
    steps = change[:2] if (name, scene) == ("crop", street) else change
    assert all(later > earlier for earlier, later in itertools.pairwise(steps)), change


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [-1, 6, float("nan")])
def test_severity_out_of_range(name, severity):
    with pytest.raises(ConfigError, match="severity"):
        IMAGE_NOISES[name](product(), np.random.default_rng(0), severity)


def test_crop_cuts_a_part_out():
    pixels = street()
    cut = IMAGE_NOISES["crop"](pixels, np.random.default_rng(0), 5)
    assert cut.shape == (50, 66, 3)
    places = [(y, x) for y in range(41) for x in range(55) if (pixels[y : y + 50, x : x + 66] == cut).all()]
    assert len(places) == 1


def test_background_replaces_what_is_around_the_thing_only():
    pixels = product()
    is_ball = (pixels != 246).any(axis=2)
    inner = np.asarray(Image.fromarray(is_ball).resize((128, 96))) & (np.roll(is_ball, 9, 1) & np.roll(is_ball, -9, 1))
    inner &= np.roll(is_ball, 9, 0) & np.roll(is_ball, -9, 0)
    noisy = IMAGE_NOISES["background"](pixels, np.random.default_rng(0), 5)
    changed = np.abs(noisy.astype(int) - pixels).max(axis=2) > 8
    assert changed[~is_ball].mean() > 0.85
    assert changed[inner].mean() < 0.01


def test_background_hides_parts_of_the_margin_where_nothing_is_plain():
    pixels = street()
    shares = []
    for seed in range(10):
        noisy = IMAGE_NOISES["background"](pixels, np.random.default_rng(seed), 5)
        changed = (noisy != pixels).any(axis=2)
        shares.append(changed.mean())
        assert changed[40:50, 55:65].mean() < 0.5
    assert 0.1 < np.mean(shares) < 0.6


def test_light_goes_both_ways_and_tints():
    grey = np.full((8, 8, 3), 120, np.uint8)
    lit = np.array([IMAGE_NOISES["light"](grey, np.random.default_rng(seed), 5).mean((0, 1)) for seed in range(40)])
    assert lit.mean(axis=1).min() < 80
    assert lit.mean(axis=1).max() > 150
    assert np.ptp(lit, axis=1).max() > 30


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)))
@settings(max_examples=100, deadline=None)
def test_reached_from_the_border_as_by_flood_fill(is_open):
    room = Image.fromarray(np.uint8(np.pad(is_open, 1, constant_values=True)) * np.uint8(255)).copy()
    ImageDraw.floodfill(room, (0, 0), 128)
    assert (_from_border(is_open) == (np.asarray(room)[1:-1, 1:-1] == 128)).all()
