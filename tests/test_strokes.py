"""Drawings in from every format, simplified, and drawn by the one rasteriser."""

from __future__ import annotations

import itertools
import json
import math
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from stbir.errors import SketchError
from stbir.raster import draw_polylines
from stbir.simplify import simplified
from stbir.strokes import Sketch, rasterize

coordinates = st.floats(-1000, 1000, width=32)
strokes = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(2)), elements=coordinates)
sketches = st.lists(strokes, min_size=1, max_size=6).map(lambda arrays: Sketch(tuple(arrays)))
seeds = st.integers(0, 2**32 - 1)

HOUSE = {"strokes": [[[10, 40], [10, 90], [60, 90], [60, 40], [10, 40]], [[10, 40], [35, 10], [60, 40]]]}


def random_lines(seed: int, span: float = 100.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.uniform(0, span, (rng.integers(1, 15), 2)).astype(np.float32) for _ in range(rng.integers(1, 5))]


# Reading


def test_json_with_time_pressure_and_size():
    sketch = Sketch.from_json('{"strokes": [[[0, 0, 5, 0.5], [3, 4, 9, 1]], [[7, 7]]], "size": [20, 10], "text": "x"}')
    assert [stroke.shape for stroke in sketch.strokes] == [(2, 4), (1, 2)]
    assert sketch.size == (20.0, 10.0)
    assert (sketch.num_points, sketch.ink_length, sketch.bounds) == (3, 5.0, (0.0, 0.0, 7.0, 7.0))


def test_json_points_of_mixed_length_keep_what_all_have():
    sketch = Sketch.from_json({"strokes": [[[0, 1], [2, 3, 40, 0.5]]]})
    assert sketch.strokes[0].tolist() == [[0, 1], [2, 3]]


def test_empty_strokes_are_dropped():
    assert len(Sketch.from_json({"strokes": [[], [[1, 2]], []]}).strokes) == 1


@settings(deadline=None)
@given(sketches)
def test_json_round_trip(sketch):
    text = json.dumps(sketch.to_json())
    again = Sketch.from_json(text)
    assert json.dumps(again.to_json()) == text
    for before, after in zip(sketch.strokes, again.strokes, strict=True):
        assert np.abs(before - after).max() <= 2e-6 * max(1.0, np.abs(before).max())


def test_json_numbers_stay_short():
    text = json.dumps(Sketch((np.array([[0.1, 12.34]], np.float32),)).to_json())
    assert text == '{"strokes": [[[0.1, 12.34]]]}'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "not JSON"),
        ("[1]", "JSON list"),
        ("{}", 'no list "strokes"'),
        ('{"strokes": 3}', 'no list "strokes"'),
        ('{"strokes": []}', "empty"),
        ('{"strokes": [[], []]}', "empty"),
        ('{"strokes": [[1, 2]]}', "stroke 1"),
        ('{"strokes": [[[1, 2]], [["a", "b"]]]}', "stroke 2"),
        ('{"strokes": [[["1", "2"]]]}', "stroke 1"),
        ('{"strokes": [[[1, null]]]}', "stroke 1"),
        ('{"strokes": [[[1], [2]]]}', "shape"),
        ('{"strokes": [[[1, 2, 3, 4, 5]]]}', "shape"),
        ('{"strokes": [[[1, 2], 3]]}', "stroke 1"),
        ('{"strokes": [{"x": 1}]}', "stroke 1"),
        ('{"strokes": [[[NaN, 1]]]}', "not finite"),
        ('{"strokes": [[[0, 0]], [[Infinity, 1]]]}', "not finite"),
        ('{"strokes": [[[1e39, 1]]]}', "not finite"),
        ('{"strokes": [[[1e9, 1]]]}', "coordinate"),
        ('{"strokes": [[[1, 2, NaN]]]}', "not finite"),
        ('{"strokes": [[[1' + "0" * 400 + ", 1]]]}", "stroke 1"),
        ('{"strokes": [[[1, 2]]], "size": [0, 5]}', "size"),
        ('{"strokes": [[[1, 2]]], "size": [-3, 5]}', "size"),
        ('{"strokes": [[[1, 2]]], "size": [NaN, 5]}', "size"),
        ('{"strokes": [[[1, 2]]], "size": [true, 5]}', "size"),
        ('{"strokes": [[[1, 2]]], "size": "big"}', "size"),
        ('{"strokes": ' + "[" * 100_000, "JSON"),
        ('{"strokes": ' + "[" * 200 + "1" + "]" * 200 + "}", "stroke 1"),
        (b"\xff\xfe{", "not JSON"),
        ('{"strokes": [' + ",".join(["[[1,2]]"] * 20_001) + "]}", "strokes"),
        ('{"strokes": [[' + ",".join(["[1,2]"] * 200_001) + "]]}", "points"),
        (" " * 8_000_001, "bytes"),
    ],
)
def test_hostile_json_is_one_clear_line(data, reason):
    with pytest.raises(SketchError, match=reason) as caught:
        Sketch.from_json(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_not_finite_in_a_later_stroke_is_seen():
    fine, bad = np.zeros((2, 2), np.float32), np.array([[0, np.nan]], np.float32)
    for order in ((fine, bad), (bad, fine)):
        with pytest.raises(SketchError, match="finite"):
            Sketch(order)


def test_quickdraw_simplified_and_raw():
    simplified_line = '{"word": "cat", "drawing": [[[0, 10], [5, 6]], [[1, 2, 3], [1, 2, 3]]]}'
    assert [stroke.tolist() for stroke in Sketch.from_quickdraw(simplified_line).strokes] == [
        [[0, 5], [10, 6]],
        [[1, 1], [2, 2], [3, 3]],
    ]
    raw = Sketch.from_quickdraw({"drawing": [[[0, 10], [5, 6], [0, 80]]]})
    assert raw.strokes[0].tolist() == [[0, 5, 0], [10, 6, 80]]


@pytest.mark.parametrize(
    "line", ["{}", '{"drawing": [[[1, 2]]]}', '{"drawing": [[1, 2]]}', '{"drawing": [[[1], [2, 3]]]}']
)
def test_broken_quickdraw(line):
    with pytest.raises(SketchError):
        Sketch.from_quickdraw(line)


def test_load_goes_by_content_not_by_name(tmp_path):
    files = {
        "a.txt": json.dumps(HOUSE),
        "b.json": "\ufeff  " + json.dumps(HOUSE, indent=1),
        "c.png": '{"drawing": [[[10, 60], [10, 90]]]}\n{"drawing": []}\n',
        "d.json": '<svg viewBox="0 0 9 9"><path d="M1 1L8 8"/></svg>',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        assert Sketch.load(path).num_points >= 2, name
    picture = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(picture).line((10, 10, 50, 50), fill=0, width=2)
    picture.save(tmp_path / "e.svg", "PNG")
    assert Sketch.load(str(tmp_path / "e.svg")).ink_length == pytest.approx(56, abs=4)


def test_load_names_the_file(tmp_path):
    empty, text = tmp_path / "empty.json", tmp_path / "words.png"
    empty.touch()
    text.write_text("hello")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (empty, text, tmp_path / "missing.json", tmp_path, pipe, "/dev/zero"):
        with pytest.raises(SketchError, match=str(path)) as caught:
            Sketch.load(path)
        assert "\n" not in str(caught.value)


def test_load_of_a_blank_picture_says_so(tmp_path):
    Image.new("RGB", (80, 80), "white").save(tmp_path / "blank.png")
    with pytest.raises(SketchError, match=r"blank\.png.*no lines"):
        Sketch.load(tmp_path / "blank.png")


def test_broken_picture_is_a_sketch_error_that_names_the_file(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    with pytest.raises(SketchError, match=r"x\.jpg"):
        Sketch.load(tmp_path / "x.jpg")


# Simplify


def slow_ramer(points: np.ndarray, tolerance: float) -> list[int]:
    if len(points) < 3:
        return list(range(len(points)))
    start, chord = points[0], points[-1] - points[0]
    length = math.hypot(*chord)
    distances = []
    for point in points[1:-1]:
        along = np.clip((point - start) @ chord / length**2, 0, 1) if length > 0 else 0.0
        distances.append(math.hypot(*(point - start - along * chord)))
    middle = int(np.argmax(distances)) + 1
    if distances[middle - 1] <= tolerance:
        return [0, len(points) - 1]
    left, right = slow_ramer(points[: middle + 1], tolerance), slow_ramer(points[middle:], tolerance)
    return left + [middle + i for i in right[1:]]


@pytest.mark.parametrize("seed", range(20))
def test_simplify_is_ramers_rule(seed):
    lines = random_lines(seed)
    lines.append(np.concatenate([lines[0], lines[0][:1]]))
    tolerance = float(np.random.default_rng(seed).uniform(0, 40))
    for before, after in zip(lines, simplified(lines, tolerance), strict=True):
        expected = before[slow_ramer(before.astype(np.float64), tolerance)]
        assert after.tolist() == expected.tolist()


@settings(deadline=None)
@given(sketches, st.floats(0, 500))
def test_simplify_keeps_ends_and_order_and_stays_within_tolerance(sketch, tolerance):
    simple = sketch.simplify(tolerance)
    assert simple.num_points <= sketch.num_points
    for before, after in zip(sketch.strokes, simple.strokes, strict=True):
        assert after[0].tolist() == before[0].tolist()
        assert after[-1].tolist() == before[-1].tolist()
        assert distance_to_polyline(before, after).max() <= tolerance + 1e-3


def distance_to_polyline(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    points, line = points.astype(np.float64), line.astype(np.float64)
    nearest = np.hypot(*(points - line[0]).T)
    for start, stop in itertools.pairwise(line):
        chord = stop - start
        length2 = chord @ chord
        along = np.clip((points - start) @ chord / length2, 0, 1) if length2 > 0 else np.zeros(len(points))
        nearest = np.minimum(nearest, np.hypot(*(points - start - along[:, None] * chord).T))
    return nearest


def test_simplify_carries_time_and_pressure():
    stroke = np.array([[0, 0, 1, 0.1], [5, 0.01, 2, 0.2], [10, 0, 3, 0.3]], np.float32)
    assert Sketch((stroke,)).simplify(0.1).strokes[0].tolist() == stroke[[0, 2]].tolist()


def test_negative_tolerance_is_refused():
    with pytest.raises(SketchError, match="tolerance"):
        Sketch.from_json(HOUSE).simplify(-1)


# Rasterise


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [0.7, 2.0, 5.0])
def test_raster_is_the_distance_to_the_lines(seed, width):
    size = 48
    lines = [line - 10 for line in random_lines(seed, span=70)]
    centres = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).reshape(-1, 2) + 0.5
    distance = np.min([distance_to_polyline(centres, line) for line in lines], axis=0)
    expected = 255 * (1 - np.clip(width / 2 + 0.5 - distance, 0, 1)).reshape(size, size)
    drawn = draw_polylines(lines, size, width)
    assert np.abs(drawn - expected).max() <= 12
    assert np.abs(drawn - expected).mean() <= 1


@settings(max_examples=50, deadline=None)
@given(seeds, st.floats(0.05, 50), st.floats(-200, 200), st.floats(-200, 200))
def test_fitted_raster_ignores_place_and_scale(seed, scale, dx, dy):
    lines = random_lines(seed)
    moved = [line * np.float32(scale) + np.array([dx, dy], np.float32) for line in lines]
    difference = rasterize(Sketch(tuple(lines)), 64).astype(int) - rasterize(Sketch(tuple(moved)), 64)
    assert np.abs(difference).max() <= 24
    assert np.abs(difference).mean() <= 1


@given(sketches, st.sampled_from([16, 33, 64]))
@settings(max_examples=50, deadline=None)
def test_fitted_raster_keeps_its_margin_and_holds_ink(sketch, size):
    picture = rasterize(sketch, size, line_width_px=1.5, margin=0.1)
    assert picture.shape == (size, size)
    assert picture.dtype == np.uint8
    assert picture.min() < 128
    border = int(0.1 * size) - 1
    assert min(picture[:border].min(initial=255), picture[:, :border].min(initial=255)) == 255
    assert min(picture[size - border :].min(initial=255), picture[:, size - border :].min(initial=255)) == 255


def test_fit_fills_the_longer_side_and_keeps_the_aspect():
    picture = rasterize(Sketch.from_json({"strokes": [[[0, 0], [40, 0], [40, 10], [0, 10], [0, 0]]]}), 100, 2.0, 0.1)
    rows, columns = np.nonzero(picture < 128)
    assert (columns.min(), columns.max()) == (10, 89)
    assert np.ptp(rows) == pytest.approx(78 / 4 + 2, abs=1.5)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(49.5, abs=1)


def test_a_dot_is_a_dot_in_the_middle():
    picture = rasterize(Sketch.from_json({"strokes": [[[5, 5]]]}), 32, 4.0)
    rows, columns = np.nonzero(picture < 255)
    assert (rows.min() + rows.max(), columns.min() + columns.max()) == (31, 31)
    assert 255 * np.pi * 4 == pytest.approx(float((255 - picture.astype(int)).sum()), rel=0.1)


def test_without_fit_the_sheet_is_the_frame():
    line = [[[0, 50], [100, 50]]]
    on_sheet = rasterize(Sketch.from_json({"strokes": line, "size": [100, 100]}), 50, fit=False)
    assert (np.nonzero(on_sheet.min(axis=1) < 128)[0]).tolist() == [24, 25]
    in_pixels = rasterize(Sketch.from_json({"strokes": line}), 60, fit=False)
    assert (np.nonzero(in_pixels.min(axis=1) < 128)[0]).tolist() == [49, 50]
    assert rasterize(Sketch.from_json({"strokes": [[[300, 300], [400, 400]]]}), 60, fit=False).min() == 255


def test_lines_through_the_frame_from_far_outside_are_clipped():
    picture = rasterize(Sketch.from_json({"strokes": [[[-9e6, 8], [9e6, 8]]]}), 16, 2.0, fit=False)
    assert (picture[7:9] == 0).all()
    assert (picture[:6] == 255).all()


@pytest.mark.parametrize(
    "bad", [{"size_px": 0}, {"size_px": 9999}, {"line_width_px": 0}, {"margin": 0.5}, {"margin": -1}]
)
def test_raster_settings_out_of_range(bad):
    with pytest.raises(SketchError, match=next(iter(bad))):
        rasterize(Sketch.from_json(HOUSE), **bad)


def test_input_is_not_changed_and_the_result_repeats():
    sketch = Sketch.from_json(HOUSE)
    before = [stroke.copy() for stroke in sketch.strokes]
    assert (rasterize(sketch) == rasterize(sketch)).all()
    assert all((a == b).all() for a, b in zip(before, sketch.strokes, strict=True))


def test_hostile_amount_of_ink_ends_in_time():
    rng = np.random.default_rng(0)
    sketch = Sketch((rng.uniform(0, 1, (20_000, 2)).astype(np.float32),))
    start = time.perf_counter()
    assert (rasterize(sketch, 128) < 128).mean() > 0.7
    assert time.perf_counter() - start < 10
