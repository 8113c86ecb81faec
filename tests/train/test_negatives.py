from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.align_recipe import NegativeSettings  # noqa: E402
from stbir.train.corpus import Photo  # noqa: E402
from stbir.train.negatives import GroupSampler, Sameness  # noqa: E402


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sampler(classes: list[int], rows: list[int], **settings: object) -> GroupSampler:
    chosen = NegativeSettings.model_validate({"group_size": 3, "near_duplicate": 0.999, **settings})
    return GroupSampler(np.asarray(rows), np.ones(len(rows)), np.asarray(classes), chosen, 4, seed=0)


def test_neighbours_are_of_the_same_class_nearest_first_and_not_duplicates() -> None:
    angles = np.asarray([0.0, 0.001, 0.3, 0.5, 0.1, 0.2])
    embeddings = unit(np.stack([np.cos(angles), np.sin(angles)], 1))
    found = sampler([0, 0, 0, 0, 1, 0], [0, 1, 2, 3, 4, 5])
    found.refresh(embeddings)
    # Row 1 is nearly row 0, row 4 is of another class.
    assert [row for row in found.neighbours[0] if row >= 0] == [5, 2, 3]
    assert not (found.neighbours[4] >= 0).any()


def test_photos_that_may_not_be_learned_from_are_no_neighbours() -> None:
    embeddings = unit(np.random.default_rng(0).normal(size=(8, 4)))
    found = sampler([0] * 8, [0, 1, 2, 3, 5])
    found.refresh(embeddings)
    assert set(found.neighbours[0][found.neighbours[0] >= 0]) == {1, 2, 3, 5}


def test_a_batch_holds_groups_and_is_filled_up() -> None:
    rng = np.random.default_rng(0)
    classes = [number // 6 for number in range(24)]
    found = sampler(classes, list(range(24)))
    found.batch_size = 9
    found.refresh(unit(rng.normal(size=(24, 4))))
    sizes = []
    for step in range(40):
        batch = found.batch(np.random.default_rng([1, step]))
        assert len(set(batch)) == len(batch) <= 9
        sizes.append(np.bincount(np.asarray(classes)[batch]).max())
    assert np.mean(sizes) > 3.5


def test_own_negatives_are_neighbours_or_marked_as_missing() -> None:
    found = sampler([0, 0, 0, 1], [0, 1, 2, 3])
    found.refresh(unit(np.random.default_rng(2).normal(size=(4, 3))))
    rows, is_there = found.own_negatives(np.asarray([0, 3]), 24, np.random.default_rng(0))
    assert set(rows[0][is_there[0]]) == {1, 2}
    assert not is_there[1].any()


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(ConfigError, match="fewer than a batch of 4"):
        sampler([0, 0], [0, 1])


def photo(number: int, shape: str | None, dress: str | None) -> Photo:
    return Photo("toy", str(number), "shoe", "train", (number,), True, None, shape, dress)


def test_twins_are_the_same_for_the_part_that_cannot_tell_them() -> None:
    same = Sameness([photo(0, "a", "x"), photo(1, "a", "y"), photo(2, "b", "x"), photo(3, None, None)], 0.99)
    rows, texts = np.arange(4), np.asarray([7, 8, 9, 7])
    assert same.shapes(rows, rows).astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    # Photos 0 and 2 look alike; photos 0 and 3 are said to be the same.
    assert same.words(rows, rows, texts, texts).astype(int).tolist() == [
        [1, 0, 1, 1],
        [0, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 0, 0, 1],
    ]


def test_near_duplicates_are_the_same_photo() -> None:
    same = Sameness([photo(n, None, None) for n in range(3)], 0.99)
    rows = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.05], [0.0, 1.0]]), dim=-1)
    found = same.photos(np.arange(3), np.arange(3), rows, rows)
    assert found.int().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
