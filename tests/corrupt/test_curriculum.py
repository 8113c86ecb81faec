"""Noise for training: as often and as strong as asked."""

from __future__ import annotations

import numpy as np
import pytest

from stbir.corrupt import corrupt_image, corrupt_raster, corrupt_sketch, corrupt_text
from stbir.corrupt.curriculum import RASTER_NAMES, SKETCH_NAMES, TEXT_NAMES
from stbir.corrupt.raster import drawn
from stbir.errors import ConfigError
from stbir.strokes import Sketch, rasterize

SKETCH = Sketch((np.array([[0, 0], [80, 10], [60, 90], [0, 60]], np.float32), np.array([[5, 5], [50, 60]], np.float32)))
RASTER = drawn(SKETCH, 64)
TEXT = "black suede ankle boot, white laces"
PIXELS = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
CASES = {
    "sketch": (corrupt_sketch, SKETCH),
    "raster": (corrupt_raster, RASTER),
    "text": (corrupt_text, TEXT),
    "image": (corrupt_image, PIXELS),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_happens_as_often_as_asked(case, probability):
    corrupt, item = CASES[case]
    rng = np.random.default_rng(0)
    num = 400
    same = sum(corrupt(item, rng, 5.0, probability) is item for _ in range(num))
    # a weak noise on words may find nothing to do
    slack = 0.1 if case == "text" else 0.065
    assert same / num == pytest.approx(1 - probability, abs=slack)
    assert probability > 0 or same == num


@pytest.mark.parametrize("case", CASES)
def test_severity_zero_is_the_same_object(case):
    corrupt, item = CASES[case]
    assert all(corrupt(item, np.random.default_rng(seed), 0.0, 1.0) is item for seed in range(20))


@pytest.mark.parametrize("case", CASES)
def test_same_generator_same_noise(case):
    corrupt, item = CASES[case]

    def run(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        results = [corrupt(item, rng, 4.0, 0.8) for _ in range(10)]
        return [str(r.to_json() if isinstance(r, Sketch) else np.asarray(r).tolist()) for r in results]

    assert run(0) == run(0)
    assert run(0) != run(1)


def test_higher_severity_is_stronger():
    clean = rasterize(SKETCH, 64).astype(float)

    def change(severity: float) -> float:
        noisy = [corrupt_sketch(SKETCH, np.random.default_rng(seed), severity, 1.0) for seed in range(60)]
        return float(np.mean([np.abs(rasterize(each, 64) - clean).mean() for each in noisy]))

    assert change(0.5) < change(2) < change(5)


def test_only_the_named_noises_are_used():
    rng = np.random.default_rng(0)
    for _ in range(30):
        noisy = corrupt_sketch(SKETCH, rng, 5.0, 1.0, ["scribble"])
        assert [s.tolist() for s in noisy.strokes[:2]] == [s.tolist() for s in SKETCH.strokes]
    found = {corrupt_text(TEXT, rng, 5.0, 1.0, ["wrong-text"], pool=["mug"]) for _ in range(50)}
    assert found == {TEXT, "mug"}
    assert corrupt_sketch(SKETCH, np.random.default_rng(0), 5.0, 1.0, ["no-sketch"]) is SKETCH


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"probability": 1.5}, "probability=1.5"),
        ({"probability": float("nan")}, "probability=nan"),
        ({"severity": 6.0}, "severity=6.0"),
        ({"names": []}, "names is empty"),
        ({"names": ["rust"]}, "no noise 'rust' here: expected some of"),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_refuses_what_makes_no_sense(case, given, message):
    corrupt, item = CASES[case]
    with pytest.raises(ConfigError, match=message):
        corrupt(item, np.random.default_rng(0), **({"severity": 2.0, "probability": 1.0} | given))


def test_default_names_change_no_meaning():
    assert not {"wrong-attribute", "wrong-text", "no-text", "no-sketch"} & {*SKETCH_NAMES, *TEXT_NAMES, *RASTER_NAMES}
