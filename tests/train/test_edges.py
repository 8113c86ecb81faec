from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.edges import PiDiNet, fold_pixel_difference, load_pidinet  # noqa: E402
from stbir.train.gather import small_ink  # noqa: E402
from stbir.train.pseudo import trace_edges  # noqa: E402
from stbir.train.sources import category_name  # noqa: E402


def test_folded_convolutions_equal_differences_of_pixels() -> None:
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 1, 3, 3, generator=rng)
    patch = torch.randn(1, 1, 5, 5, generator=rng)
    inner = patch[0, 0, 1:4, 1:4]
    w = weight[0, 0]
    central = sum(float(w[i, j] * (inner[i, j] - inner[1, 1])) for i in range(3) for j in range(3))
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    angular = sum(float(w[a] * (inner[a] - inner[b])) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
    for kind, expected in (("central", central), ("angular", angular)):
        folded = fold_pixel_difference(weight, kind)
        found = float((folded[0, 0] * inner).sum())
        assert found == pytest.approx(expected, abs=1e-4), kind
    flat = torch.full((1, 1, 5, 5), 3.0)
    for kind in ("central", "angular", "radial"):
        folded = fold_pixel_difference(weight, kind)
        size = folded.shape[-1]
        assert float((folded * flat[..., :size, :size]).sum()) == pytest.approx(0.0, abs=1e-4)


def test_edges_have_the_size_of_the_picture() -> None:
    torch.manual_seed(0)
    network = PiDiNet(8, 4).eval()
    with torch.inference_mode():
        edges = network(torch.rand(2, 3, 48, 48))
    assert edges.shape == (2, 48, 48)
    assert 0 <= float(edges.min()) <= float(edges.max()) <= 1


def test_another_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"state_dict": {"module.x": torch.ones(2)}}, path)
    with pytest.raises(ConfigError, match=r"other\.pth"):
        load_pidinet(path)


def test_a_thick_edge_becomes_one_thin_line() -> None:
    edges = np.zeros((96, 96), np.uint8)
    for offset, value in ((-2, 60), (-1, 160), (0, 250), (1, 160), (2, 60)):
        edges[48 + offset, 15:80] = value
    lines = trace_edges(edges)
    assert len(lines) == 1
    assert np.abs(lines[0][:, 1] - 48.5).max() < 2
    assert np.ptp(lines[0][:, 0]) > 50


def test_weak_edges_stay_only_where_they_touch_strong_ones() -> None:
    edges = np.zeros((96, 96), np.uint8)
    edges[30:33, 15:80] = 110
    assert trace_edges(edges) == []
    edges[30:33, 15:40] = 250
    lines = trace_edges(edges)
    assert np.ptp(np.concatenate(lines)[:, 0]) > 50


def test_no_edges_no_lines() -> None:
    assert trace_edges(np.zeros((64, 64), np.uint8)) == []


def test_category_names_meet() -> None:
    assert category_name("Car_(sedan)") == "car"
    assert category_name("emoji") is None
    assert category_name(None) is None


def test_small_ink_is_what_the_teacher_wants() -> None:
    from stbir.strokes import Sketch

    ink = small_ink(Sketch((np.asarray([[0, 0], [10, 10]], np.float32),)))
    assert ink.shape == (28, 28)
    assert ink.dtype == np.float32
    assert 0.9 < ink.max() <= 1
    assert ink[0, 27] == 0
