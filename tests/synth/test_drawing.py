"""Drawings: strokes on the canvas, different each time, with time stamps; and the tracing below them."""

from __future__ import annotations

import numpy as np
import pytest

from stbir.synth import draw, sample_spec
from stbir.synth.contours import joined, length, part_borders, resampled, sides, simplified, smoothed
from stbir.synth.drawing import CANVAS_PX, true_outline
from stbir.synth.hand import LEVELS, Hand
from stbir.synth.lines import object_lines


@pytest.fixture(scope="module")
def spec():
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    return sample_spec(np.random.default_rng(1), "dining chair")


@pytest.mark.parametrize("haste", [0.0, 0.5, 1.0])
def test_strokes_stay_on_the_canvas_and_time_goes_on(spec, haste):
    sketch = draw(spec, np.random.default_rng(2), haste=haste)
    points = np.concatenate(sketch.strokes)
    assert len(sketch.strokes) >= (4 if haste < 1 else 2)
    assert points.shape[1] == 3
    assert points[:, :2].min() >= 0
    assert points[:, :2].max() <= CANVAS_PX
    assert (np.diff(points[:, 2]) >= 0).all()
    assert 500 < points[-1, 2] < 200_000
    assert np.ptp(points[:, :2], axis=0).max() > 0.6 * CANVAS_PX


def test_same_seed_same_drawing_other_seed_other_drawing(spec):
    first, again, other = (draw(spec, np.random.default_rng(seed), haste=0.5) for seed in (3, 3, 4))
    assert first.to_json() == again.to_json()
    assert first.to_json() != other.to_json()


def test_colours_do_not_show(spec):
    from dataclasses import replace

    red, blue = (replace(spec, color=color) for color in ("red", "blue"))
    drawings = [draw(item, np.random.default_rng(5), haste=0.3).to_json() for item in (red, blue)]
    assert drawings[0] == drawings[1]


@pytest.mark.parametrize("kind", ["high-top", "slatted chair", "leafy plant", "open umbrella"])
def test_haste_loses_detail(kind):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    thing = sample_spec(np.random.default_rng(9), kind)
    drawings = {
        level: [draw(thing, np.random.default_rng(k), haste=haste) for k in range(4)] for level, haste in LEVELS.items()
    }
    ink = {level: np.mean([drawing.ink_length for drawing in each]) for level, each in drawings.items()}
    strokes = {level: np.mean([len(drawing.strokes) for drawing in each]) for level, each in drawings.items()}
    assert ink["doodle"] < 0.8 * ink["careful"]
    assert strokes["doodle"] < 0.6 * strokes["careful"]


def test_a_perfect_hand_changes_nothing(spec):
    """Chance is left in the order only, and with it in which part's line a border is; a doodle is shorter."""
    first, second = (object_lines(spec, Hand.perfect(), np.random.default_rng(k)) for k in (1, 2))
    lengths = [sorted(round(length(line), 6) for part in parts for line in part) for parts in (first, second)]
    assert sum(lengths[0]) == pytest.approx(sum(lengths[1]), rel=0.01)
    outline = true_outline(spec)
    assert outline.ink_length == pytest.approx(sum(lengths[0]) * CANVAS_PX, rel=0.01)
    assert outline.ink_length > draw(spec, np.random.default_rng(3), haste=0.9).ink_length * 0.9


def test_people_of_one_haste_differ():
    hand = Hand.of(0.5)
    one, other = hand.varied(np.random.default_rng(1)), hand.varied(np.random.default_rng(2))
    assert one != other
    for each in (one, other):
        assert all(0 <= getattr(each, name) <= 1 for name in ("missing", "single", "overshoot", "flat"))
    assert Hand.of(0.0).thinnest < hand.thinnest < Hand.of(1.0).thinnest


def test_sides_of_a_border():
    labels = np.full((12, 12), -1)
    labels[2:10, 2:6] = 0
    labels[2:10, 6:10] = 1
    found = sorted(tuple(sorted(sides(line, labels))) for line in part_borders(labels))
    assert found == [(-1, 0), (-1, 1), (0, 1)]


def test_a_square_of_two_parts_gives_its_borders():
    labels = np.full((12, 12), -1)
    labels[2:10, 2:6] = 0
    labels[2:10, 6:10] = 1
    lines = part_borders(labels)
    # three arcs between the two points where both parts and the outside meet
    assert len(lines) == 3
    assert sorted(round(length(line)) for line in lines) == [8, 16, 16]


def test_joined_follows_the_straight_way():
    a = np.array([[0.0, 0.0], [10.0, 0.0]])
    b = np.array([[20.0, 0.0], [10.0, 0.0]])
    c = np.array([[10.0, 0.0], [10.0, 10.0]])
    lines = joined([a, b, c])
    assert sorted(length(line) for line in lines) == [10.0, 20.0]


def test_smoothing_keeps_open_ends_and_closes_closed_lines():
    steps = np.array([[k // 2, (k + 1) // 2] for k in range(40)], float)
    soft = smoothed(steps, 2.0)
    assert np.allclose(soft[[0, -1]], steps[[0, -1]])
    assert length(soft) < 0.8 * length(steps)
    angle = np.linspace(0, 2 * np.pi, 50)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    circle[-1] = circle[0]
    assert np.allclose(smoothed(circle, 2.0)[0], smoothed(circle, 2.0)[-1])


def test_simplified_keeps_corners_only():
    line = np.concatenate([np.linspace([0, 0], [5, 0], 20), np.linspace([5, 0], [5, 5], 20)])
    assert np.allclose(simplified(line, 0.1), [[0, 0], [5, 0], [5, 5]])


def test_resampled_is_even():
    line = resampled(np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0]]), 0.5)
    assert np.allclose(np.diff(line[:, 0]), 0.5)
