from __future__ import annotations

import numpy as np
import pytest

from shapes_dataset import write_shapes
from stbir.datasets import open_dataset
from stbir.evaluate import SystemFactory, evaluate, make_task
from stbir.evaluate.classic import ClassicEncoder, color_histogram, edge_histogram, named_colors
from stbir.synth.palette import COLORS


def test_an_edge_falls_into_its_direction_and_cell() -> None:
    grey = np.zeros((128, 128))
    grey[:, 64:] = 255.0
    found = edge_histogram(grey).reshape(8, 8, 9)
    assert np.linalg.norm(found) == pytest.approx(1)
    assert found[:, :, 0].sum() / found.sum() > 0.99
    assert set(np.argsort(found.sum(axis=(0, 2)))[-2:]) == {3, 4}
    turned = edge_histogram(grey.T).reshape(8, 8, 9)
    shares = turned.sum(axis=(0, 1)) / turned.sum()
    assert shares[4] == pytest.approx(0.5, abs=0.01)  # a quarter turn lies between directions 4 and 5 of 9
    assert shares[5] == pytest.approx(0.5, abs=0.01)
    assert not edge_histogram(np.full((128, 128), 7.0)).any()


def test_colours_are_named_and_seen() -> None:
    names = list(COLORS)
    assert np.flatnonzero(named_colors("a dark green boot")).tolist() == [names.index("dark green")]
    assert np.flatnonzero(named_colors("wine red and white")).tolist() == sorted(
        [names.index("burgundy"), names.index("white")]
    )
    assert not named_colors("a predictable thing").any()
    for name in ("red", "navy", "yellow", "black"):
        code = [int(COLORS[name][k : k + 2], 16) for k in (1, 3, 5)]
        assert names[int(np.argmax(color_histogram(np.full((128, 128, 3), code, np.uint8))))] == name


def test_it_finds_shapes_and_colours_without_learning(tmp_path) -> None:
    task = make_task("open", open_dataset(write_shapes(tmp_path / "shapes")))
    result = evaluate(task, SystemFactory().make("classic"), num_resamples=50)
    assert result.system.kind == "baseline"
    assert result.modes["sketch"].metrics["acc@5"].value > 0.6
    assert result.modes["sketch+text"].metrics["mrr"].value > result.modes["sketch"].metrics["mrr"].value


def test_arrays_and_pictures_are_encoded_alike() -> None:
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    encoder = ClassicEncoder()
    assert np.array_equal(encoder.encode_images([picture]), encoder.encode_images([np.asarray(picture)]))
