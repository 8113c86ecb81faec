"""Noises of drawings: severity 0 changes nothing, more severity changes more, ink always remains."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stbir.corrupt.ink import Ink, part_of_stroke
from stbir.corrupt.joining import join_strokes, round_corners
from stbir.corrupt.strokes import NOISES, humanise, line_width, mixed_sketch
from stbir.errors import ConfigError
from stbir.strokes import Sketch, rasterize

ALL = {**NOISES, "humanise": humanise, "mixed": mixed_sketch}
NAMES = sorted(ALL)

strokes = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.integers(2, 4)), elements=st.floats(-500, 500, width=32)
)
sketches = st.lists(strokes, min_size=1, max_size=6).map(lambda arrays: Sketch(tuple(arrays)))
seeds = st.integers(0, 2**32 - 1)


def lamp(num_details: int = 8) -> Sketch:
    turn = np.linspace(0, 2 * np.pi, 24)
    lines = [
        [[40, 20], [100, 20], [120, 80], [20, 80], [40, 20]],
        [[70, 80], [70, 180]],
        np.stack([70 + 40 * np.cos(turn), 190 + 10 * np.sin(turn)], axis=1),
        *([[30 + 10 * k, 60], [33 + 10 * k, 63]] for k in range(num_details)),
    ]
    return Sketch(tuple(np.array(line, np.float32) for line in lines), (150.0, 220.0))


def picture(sketch: Sketch) -> np.ndarray:
    return rasterize(sketch, 96, 3.0, fit=False).astype(np.float32)


def same(one: Sketch, other: Sketch) -> bool:
    return one.to_json() == other.to_json()


@pytest.mark.parametrize("name", NAMES)
@given(sketches, seeds)
@settings(max_examples=25, deadline=None)
def test_severity_zero_is_the_identity(name, sketch, seed):
    assert ALL[name](sketch, np.random.default_rng(seed), 0) is sketch


@pytest.mark.parametrize("name", NAMES)
@given(sketch=sketches, seed=seeds, severity=st.floats(0.01, 5))
@settings(max_examples=40, deadline=None)
def test_any_drawing_keeps_finite_ink(name, sketch, seed, severity):
    noisy = ALL[name](sketch, np.random.default_rng(seed), severity)
    assert len(noisy.strokes) >= 1
    assert all(len(stroke) and np.isfinite(stroke).all() and stroke.shape[1] in (2, 3, 4) for stroke in noisy.strokes)
    assert noisy.num_points < 25_000
    assert noisy.size == sketch.size
    assert rasterize(noisy, 32).min() < 255


@pytest.mark.parametrize("name", [name for name in NAMES if name != "shift_scale"])  # its dots lie beside the sheet
def test_more_severity_changes_more(name):
    sketch = lamp()
    change = [
        np.mean(
            [
                np.abs(picture(ALL[name](sketch, np.random.default_rng(seed), s)) - picture(sketch)).mean()
                for seed in range(40)
            ]
        )
        for s in (0, 1, 2, 3.5, 5)
    ]
    assert change[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(change)), change


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_noise_other_seed_other_noise(name):
    sketch = lamp()
    one, again, other = (ALL[name](sketch, np.random.default_rng(seed), 4) for seed in (1, 1, 2))
    assert same(one, again)
    assert same(one, other) == (name in ("partial", "coarsen"))


@pytest.mark.parametrize("name", NAMES)
def test_input_is_not_changed(name):
    sketch = lamp()
    before = [stroke.copy() for stroke in sketch.strokes]
    ALL[name](sketch, np.random.default_rng(0), 5)
    assert all((a == b).all() for a, b in zip(before, sketch.strokes, strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "mixed"])  # one point more is another chance
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_units_do_not_matter(name, factor):
    sketch = lamp()
    scaled = Sketch(tuple(stroke * np.float32(factor) for stroke in sketch.strokes))
    expected = picture_of_fit(ALL[name](sketch, np.random.default_rng(3), 3))
    found = picture_of_fit(ALL[name](scaled, np.random.default_rng(3), 3))
    assert np.abs(expected - found).mean() < 2


def picture_of_fit(sketch: Sketch) -> np.ndarray:
    return rasterize(sketch, 64).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("severity", [-0.1, 5.1, float("nan")])
def test_severity_out_of_range(name, severity):
    with pytest.raises(ConfigError, match="severity"):
        ALL[name](lamp(), np.random.default_rng(0), severity)


@pytest.mark.parametrize("name", NAMES)
def test_quick_enough_for_training(name):
    sketch = lamp(20)
    rng = np.random.default_rng(0)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        ALL[name](sketch, rng, 3)
        times.append(time.perf_counter() - start)
    assert min(times) < (0.008 if name in ("humanise", "mixed") else 0.003)


@pytest.mark.parametrize("name", ["affine", "jitter", "warp", "wobble"])
def test_time_and_pressure_are_carried(name):
    stroke = np.array([[0, 0, 10, 0.5], [50, 40, 20, 0.5], [90, 10, 30, 0.5]], np.float32)
    noisy = ALL[name](Sketch((stroke,)), np.random.default_rng(0), 3).strokes[0]
    assert noisy.shape[1] == 4
    assert (np.diff(noisy[:, 2]) >= 0).all()
    assert noisy[:, 3] == pytest.approx(np.full(len(noisy), 0.5))


# Each noise does what its name says


def test_drop_strokes_drops_short_ones_first_and_keeps_the_longest():
    sketch = lamp(17)
    kept = [NOISES["drop_strokes"](sketch, np.random.default_rng(seed), 5) for seed in range(60)]
    assert {len(noisy.strokes) for noisy in kept} == {8}
    longest = max(sketch.strokes, key=lambda stroke: np.hypot(*np.diff(stroke, axis=0).T).sum()).tolist()
    assert all(any(stroke.tolist() == longest for stroke in noisy.strokes) for noisy in kept)
    long_ones = sum(stroke.tolist() == sketch.strokes[1].tolist() for noisy in kept for stroke in noisy.strokes)
    short_ones = sum(stroke.tolist() == sketch.strokes[9].tolist() for noisy in kept for stroke in noisy.strokes)
    assert long_ones > 1.3 * short_ones


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_partial_keeps_the_first_part_of_the_ink(severity):
    sketch = lamp()
    noisy = NOISES["partial"](sketch, np.random.default_rng(0), severity)
    assert noisy.ink_length == pytest.approx((1 - 0.16 * severity) * sketch.ink_length, rel=1e-4)
    for kept, stroke in zip(noisy.strokes[:-1], sketch.strokes, strict=False):
        assert kept.tolist() == stroke.tolist()
    assert noisy.strokes[-1][0].tolist() == sketch.strokes[len(noisy.strokes) - 1][0].tolist()


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_break_lines_takes_ink_away_only(severity):
    sketch = lamp()
    noisy = NOISES["break_lines"](sketch, np.random.default_rng(1), severity)
    assert len(noisy.strokes) > len(sketch.strokes)
    lost = 1 - noisy.ink_length / sketch.ink_length
    assert 0.015 * severity < lost < 0.06 * severity
    assert not ((picture(noisy) < 100) & (rasterize(sketch, 96, 4.5, fit=False) > 200)).any()


def test_overshoot_goes_on_in_the_same_direction():
    sketch = Sketch((np.array([[0, 0], [100, 0]], np.float32),))
    stroke = NOISES["overshoot"](sketch, np.random.default_rng(0), 5).strokes[0]
    assert stroke[:, 1].tolist() == [0, 0, 0, 0]
    assert -6 <= stroke[0, 0] < 0
    assert 100 < stroke[-1, 0] <= 106


def test_scribble_and_retrace_add_ink_and_keep_what_was():
    sketch = lamp()
    for name in ("scribble", "retrace"):
        noisy = NOISES[name](sketch, np.random.default_rng(0), 5)
        assert len(noisy.strokes) > len(sketch.strokes)
        for before, after in zip(sketch.strokes, noisy.strokes, strict=False):
            assert before.tolist() == after.tolist()
    assert len(NOISES["scribble"](sketch, np.random.default_rng(0), 5).strokes) == len(sketch.strokes) + 6


def test_affine_keeps_straight_lines_straight_and_wobble_does_not():
    sketch = Sketch((np.array([[0, 0], [30, 60], [60, 120]], np.float32),))
    for seed in range(5):
        a, b, c = NOISES["affine"](sketch, np.random.default_rng(seed), 5).strokes[0]
        assert (b - a).tolist() == pytest.approx((c - b).tolist(), abs=1e-3)
    swayed = NOISES["wobble"](sketch, np.random.default_rng(0), 5).strokes[0].astype(np.float64)
    chord = swayed[-1] - swayed[0]
    offset = (swayed - swayed[0]) @ np.array([-chord[1], chord[0]]) / np.hypot(*chord)
    assert 0.3 < np.abs(offset).max() < 0.1 * 134
    assert np.abs(np.diff(offset, 2)).max() < 1.5


def test_warp_moves_near_points_alike():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (200, 2)).astype(np.float32)
    pairs = tuple(np.stack([p, p + 1]).astype(np.float32) for p in points)
    moved = NOISES["warp"](Sketch(pairs), np.random.default_rng(1), 5)
    lengths = [float(np.hypot(*(stroke[-1] - stroke[0]))) for stroke in moved.strokes]
    assert np.median(lengths) == pytest.approx(2**0.5, rel=0.5)
    assert max(float(np.hypot(*(m[0] - p[0]))) for m, p in zip(moved.strokes, pairs, strict=True)) > 3


def test_line_width():
    rng = np.random.default_rng(0)
    assert line_width(2.0, rng, 0) == 2.0
    widths = [line_width(2.0, rng, 5) for _ in range(300)]
    assert 0.8 <= min(widths) < 1
    assert 4 < max(widths) <= 5
    assert line_width(0.5, np.random.default_rng(1), 5) >= 0.5
    with pytest.raises(ConfigError):
        line_width(2.0, rng, 9)


def test_shift_scale_makes_the_drawing_small_in_the_frame():
    sketch = lamp()
    for severity, share in ((1, 0.89), (2.5, 0.725), (5, 0.45)):
        noisy = NOISES["shift_scale"](sketch, np.random.default_rng(0), severity)
        for before, after in zip(sketch.strokes, noisy.strokes, strict=False):
            assert before.tolist() == after.tolist()
        left, top, right, bottom = noisy.bounds
        assert right - left == pytest.approx(bottom - top, rel=1e-4)
        assert (sketch.bounds[3] - sketch.bounds[1]) / (bottom - top) == pytest.approx(share, rel=1e-4)
        assert left <= sketch.bounds[0] < sketch.bounds[2] <= right


@pytest.mark.parametrize("name", ["affine", "break_lines", "coarsen", "overshoot", "retrace", "scribble", "warp"])
def test_strength_multiplies(name):
    sketch = lamp()

    def change(severity: float, strength: float) -> float:
        noisy = [NOISES[name](sketch, np.random.default_rng(n), severity, strength=strength) for n in range(20)]
        return float(np.mean([np.abs(picture(each) - picture(sketch)).mean() for each in noisy]))

    assert same(*(NOISES[name](sketch, np.random.default_rng(0), 3, **k) for k in ({}, {"strength": 1.0})))
    assert change(1.5, 1.7) > 1.05 * change(1.5, 1.0)


# Humanise


def test_humanise_forgets_the_shortest_strokes_and_keeps_the_shape():
    sketch = lamp(8)
    counts = [len(humanise(sketch, np.random.default_rng(seed), 4).strokes) for seed in range(30)]
    assert np.mean(counts) < len(sketch.strokes) - 2
    near = rasterize(sketch, 96, 26.0, fit=True) < 128
    for seed in range(30):
        noisy = rasterize(humanise(sketch, np.random.default_rng(seed), 4), 96, 2.0) < 128
        assert (noisy & ~near).sum() < 0.2 * noisy.sum()


def test_humanise_joins_the_pieces_of_a_traced_edge():
    x = np.linspace(0, 100, 41)
    edge = np.stack([x, 0.02 * x**2], axis=1).astype(np.float32)
    pieces = Sketch((edge[:10], edge[10:22], edge[22:], edge[:2] + np.float32(60)))
    assert len(humanise(pieces, np.random.default_rng(0), 3).strokes) <= 2


def test_joining_ends_that_face_each_other():
    def joined(*lines: list[list[float]], gap: float = 3) -> list[list[list[float]]]:
        sketch = Sketch(tuple(np.array(line, np.float32) for line in lines))
        return [stroke.tolist() for stroke in join_strokes(Ink.of(sketch), gap, reach=2)]

    assert joined([[0, 0], [10, 0]], [[12, 0], [20, 0]]) == [[[0, 0], [10, 0], [12, 0], [20, 0]]]
    assert len(joined([[0, 0], [10, 0]], [[20, 0], [12, 0]])) == 1
    assert len(joined([[10, 0], [0, 0]], [[12, 0], [20, 0]], [[22, 0], [30, 0]])) == 1
    assert len(joined([[0, 0], [10, 0]], [[15, 0], [20, 0]])) == 2
    assert len(joined([[0, 0], [10, 0]], [[11, 0], [0, 2]])) == 2
    assert len(joined([[0, 0], [10, 0]], [[10, 1], [10, 9]])) == 2
    ring = [[[0, 0], [10, 0], [12, 1], [12, 9]], [[12, 10], [0, 10]], [[0, 9], [0, 1]]]
    assert sum(len(stroke) for stroke in joined(*ring)) == 8


def test_round_corners_cuts_corners_and_keeps_ends():
    ink = Ink.of(Sketch((np.array([[0, 0], [10, 0], [10, 10]], np.float32), np.array([[5, 5]], np.float32))))
    rounded = round_corners(ink).sketch()
    assert rounded.strokes[0].tolist() == [[0, 0], [7.5, 0], [10, 2.5], [10, 10]]
    assert rounded.strokes[1].tolist() == [[5, 5]]


# Geometry


@given(sketches, st.floats(0.5, 300))
@settings(max_examples=60, deadline=None)
def test_denser_keeps_points_and_lines(sketch, spacing):
    ink = Ink.of(sketch)
    dense = ink.denser(spacing)
    assert dense.lengths() == pytest.approx(ink.lengths(), rel=1e-3, abs=0.05)
    for before, after in zip(ink.strokes, dense.strokes, strict=True):
        assert np.abs(before[[0, -1]] - after[[0, -1]]).max() <= 1e-4 * 500
        steps = np.hypot(*np.diff(after[:, :2], axis=0).T)
        assert steps.max(initial=0) <= spacing * 1.01 + 0.01
    assert set(map(tuple, ink.points.tolist())) <= set(map(tuple, dense.points.tolist()))


@given(sketches, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_part_of_a_stroke_has_the_length_asked_for(sketch, one, other):
    ink = Ink.of(Sketch(sketch.strokes[:1]))
    arc = ink.arc_lengths()
    start, stop = sorted((one * float(arc[-1]), other * float(arc[-1])))
    part = part_of_stroke(ink.points, arc, start, stop)
    length = float(np.hypot(*np.diff(part[:, :2], axis=0).T).sum())
    assert length == pytest.approx(stop - start, rel=2e-3, abs=0.05)


def test_part_of_a_stroke_that_ends_at_a_point():
    stroke, arc = np.array([[0, 0], [10, 0], [20, 0]], np.float32), np.array([0, 10, 20], np.float32)
    assert part_of_stroke(stroke, arc, 0, 10).tolist() == [[0, 0], [10, 0]]
    assert part_of_stroke(stroke, arc, 5, 15).tolist() == [[5, 0], [10, 0], [15, 0]]
    assert part_of_stroke(stroke, arc, 0, 20).tolist() == stroke.tolist()
    assert part_of_stroke(stroke, arc, 7, 7).tolist() == [[7, 0]]
