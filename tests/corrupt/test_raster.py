"""Noises of drawn rasters, and drawings that go through a spoiled picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stbir.corrupt.raster import RASTER_NOISES, drawn, redraw
from stbir.errors import ConfigError, SketchError
from stbir.strokes import Sketch, rasterize

NAMES = sorted(RASTER_NOISES)
sides = st.sampled_from([1, 2, 3, 17, 64])
rasters = sides.flatmap(lambda side: hnp.arrays(np.uint8, (side, side)))


def house() -> Sketch:
    lines = [[[0, 100], [0, 40], [50, 0], [100, 40], [100, 100], [0, 100]], [[35, 100], [35, 60], [65, 60], [65, 100]]]
    return Sketch(tuple(np.array(line, np.float32) for line in lines))


@pytest.mark.parametrize("name", NAMES)
@given(raster=rasters, seed=st.integers(0, 999), severity=st.floats(0.01, 5))
@settings(max_examples=15, deadline=None)
def test_any_raster_stays_a_raster(name, raster, seed, severity):
    before = raster.copy()
    noisy = RASTER_NOISES[name](raster, np.random.default_rng(seed), severity)
    assert noisy.dtype == np.uint8
    assert noisy.shape == raster.shape
    assert (raster == before).all()
    assert RASTER_NOISES[name](raster, np.random.default_rng(seed), 0) is raster
    assert (noisy == RASTER_NOISES[name](raster, np.random.default_rng(seed), severity)).all()


@pytest.mark.parametrize("name", NAMES)
def test_more_severity_changes_more(name):
    raster = drawn(house(), 128)
    change = [
        np.mean(
            [
                np.abs(RASTER_NOISES[name](raster, np.random.default_rng(seed), s).astype(float) - raster).mean()
                for seed in range(30)
            ]
        )
        for s in (0, 1, 2, 3, 4, 5)
    ]
    assert change[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(change)), change


@pytest.mark.parametrize("name", NAMES)
def test_sizes_do_not_matter(name):
    """The same noise on a picture four times as large looks the same from afar (grain apart, which is per pixel)."""
    if name == "noise":
        pytest.skip("grain belongs to the pixels of the camera")
    near, far = (
        np.mean(
            [RASTER_NOISES[name](drawn(house(), side), np.random.default_rng(seed), 4).mean() for seed in range(25)]
        )
        for side in (400, 100)
    )
    assert near == pytest.approx(far, abs=16)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [-1, 6, float("nan")])
def test_severity_out_of_range(name, severity):
    with pytest.raises(ConfigError, match="severity"):
        RASTER_NOISES[name](np.full((8, 8), 255, np.uint8), np.random.default_rng(0), severity)


def test_cutout_only_rubs_out_and_blur_keeps_the_ink():
    raster = drawn(house(), 128)
    assert (RASTER_NOISES["cutout"](raster, np.random.default_rng(0), 5) >= raster).all()
    blurred = RASTER_NOISES["blur"](raster, np.random.default_rng(0), 5)
    assert (255.0 - blurred).sum() == pytest.approx((255.0 - raster).sum(), rel=0.15)


def test_pen_width_goes_both_ways():
    raster = drawn(house(), 200)
    means = [RASTER_NOISES["pen_width"](raster, np.random.default_rng(seed), 5).mean() for seed in range(20)]
    assert min(means) < raster.mean() - 10
    assert max(means) > raster.mean() + 2


@pytest.mark.parametrize("name", NAMES)
def test_redraw_gives_a_drawing_that_looks_alike_at_low_severity(name):
    sketch = house()
    assert redraw(sketch, name, np.random.default_rng(0), 0) is sketch
    if name == "cutout":
        return
    # the view of a photo is slanted, so lines move a little
    near = rasterize(sketch, 96, 14.0) < 128
    noisy = rasterize(redraw(sketch, name, np.random.default_rng(0), 1), 96, 2.0) < 128
    assert (noisy & ~near).sum() < 0.2 * noisy.sum()


def test_redraw_says_when_nothing_is_left():
    dot = Sketch((np.zeros((1, 2), np.float32),))
    lost = 0
    for seed in range(10):
        try:
            redraw(dot, "noise", np.random.default_rng(seed), 5)
        except SketchError:
            lost += 1
    assert lost > 0
    with pytest.raises(ConfigError, match="no raster noise 'rust'"):
        redraw(house(), "rust", np.random.default_rng(0), 1)


def test_a_marker_runs_lines_together():
    x = np.linspace(0, 100, 20)
    sketch = Sketch(tuple(np.stack([x, np.full(20, y)], axis=1).astype(np.float32) for y in (0, 3, 100)))
    lengths = [redraw(sketch, "pen_width", np.random.default_rng(seed), 5).ink_length / 400 for seed in range(8)]
    assert min(lengths) < 1.9
    assert max(lengths) > 2.3


def test_a_finer_pen_is_paler():
    thin, usual, thick = (drawn(house(), 200, pen).mean() for pen in (0.2, 1.0, 5.0))
    assert thin > usual + 3
    assert thick < usual - 20
