"""What the realism benchmark measures of a drawing, against drawings whose numbers are known."""

from __future__ import annotations

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stbir.strokes import Sketch

pytest.importorskip("scipy", reason="the benchmark needs SciPy")


@pytest.fixture(scope="module")
def measuring():
    path = Path(__file__).parents[2] / "benchmarks" / "synth_measures.py"
    spec = importlib.util.spec_from_file_location("synth_measures", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["synth_measures"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["synth_measures"]


def square(side: float, at: float = 0.0) -> np.ndarray:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], np.float32)
    return np.concatenate([np.linspace(a, b, 9) for a, b in pairwise(corners)]) * side + at


def test_a_square_has_the_numbers_of_a_square(measuring) -> None:
    found = measuring.measures(Sketch((square(300.0, 40.0).astype(np.float32),)))
    assert found["strokes"] == 1
    assert found["points"] == 5
    assert found["total"] == pytest.approx(4, abs=0.01)
    assert found["curvature"] == pytest.approx(3 * np.pi / 2 / 4, rel=0.01)
    assert found["closed"] == 1
    assert found["straightness"] == pytest.approx(0, abs=0.01)
    assert found["aspect"] == pytest.approx(1, abs=0.01)
    assert found["filled"] == pytest.approx(60 / 256, abs=0.01)


def test_size_and_sampling_do_not_count(measuring) -> None:
    drawing = Sketch((square(10.0).astype(np.float32), np.float32([[2, 2], [8, 8]])))
    large = Sketch(tuple(np.repeat(stroke, 3, axis=0) * 30 + 7 for stroke in drawing.strokes))
    assert measuring.measures(drawing) == pytest.approx(measuring.measures(large), abs=0.01)


def test_order_is_read_from_the_strokes(measuring) -> None:
    lines = [np.float32([[0, y], [100 - 10 * y / 10, y]]) for y in (0, 20, 40, 60)]
    forward, backward = Sketch(tuple(lines)), Sketch(tuple(line[::-1] for line in lines[::-1]))
    found, turned = measuring.order_measures(forward), measuring.order_measures(backward)
    assert (found["long first"], found["top first"], found["rightward"]) == pytest.approx((-1, 1, 1))
    assert (turned["long first"], turned["top first"], turned["rightward"]) == pytest.approx((1, -1, 0))


def test_offset_ignores_place_and_size_and_sees_another_shape(measuring) -> None:
    angle = np.linspace(0, 2 * np.pi, 80)
    circle = Sketch((np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32) * 50 + 100,))
    box = Sketch((square(100.0).astype(np.float32),))
    outline = measuring.Outline.of_sketch(box)
    same = Sketch((square(30.0, 12.0).astype(np.float32),))
    assert measuring.offset(same, outline) < 0.01
    assert measuring.offset(circle, outline) > 3 * measuring.offset(same, outline)


def test_distance_is_in_spreads_of_the_real_ones(measuring) -> None:
    real = np.random.default_rng(0).normal(3, 2, 4000)
    assert measuring.distance(real, real) == 0
    assert measuring.distance(real, real + 2) == pytest.approx(1, rel=0.05)
