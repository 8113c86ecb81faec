from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from stbir.train.corpus import Photo
from stbir.train.sketches import KINDS
from stbir.train.triplets import Doodles, Triplets, drawings_by_photo, learned_rows

REAL, PSEUDO, SYNTH, DOODLE = (KINDS.index(kind) for kind in ("real", "pseudo", "synth", "doodle"))


def make_bank(photos: list[Photo], drawings: list[tuple[int, int]]) -> Any:
    """A bank of which only photos and drawings are looked at; drawings are (photo, kind)."""
    shown, kinds = (np.asarray(column) for column in zip(*drawings, strict=True))
    sketches = SimpleNamespace(photo=shown, kinds=kinds)
    corpus = SimpleNamespace(photos=photos)
    return SimpleNamespace(corpus=corpus, sketches=sketches, rows=np.arange(len(shown)))


def photo(number: int, name: str = "toy", split: str = "train", shape: str | None = None, **fields: Any) -> Photo:
    return Photo(name, str(number), "shoe", split, (number,), shape_group=shape, **fields)


def test_a_photo_that_people_drew_is_learned_by_their_drawings_alone() -> None:
    bank = make_bank([photo(n) for n in range(3)], [(0, PSEUDO), (0, REAL), (1, PSEUDO), (1, PSEUDO), (0, REAL)])
    found = drawings_by_photo(bank)
    assert {row: own.tolist() for row, own in found.items()} == {0: [1, 4], 1: [2, 3]}


def test_twins_stay_on_one_side_and_nothing_of_other_splits_is_learned() -> None:
    photos = [photo(n, shape=f"toy/s{n // 16:05d}-{n % 4}") for n in range(320)]
    photos += [photo(n, split="val") for n in range(320, 330)]
    bank = make_bank(photos, [(n, SYNTH) for n in range(330)])
    for_heads, for_gate = learned_rows(bank, 0.3)
    assert set(for_heads) | set(for_gate) == set(range(320))
    assert not {n // 16 for n in for_heads} & {n // 16 for n in for_gate}
    assert 2 <= len({n // 16 for n in for_gate}) <= 10


def test_photos_without_a_drawing_need_words_of_their_own_and_come_as_often_as_asked() -> None:
    photos = [photo(0), photo(1), photo(2, captioned=False), photo(3, "other")]
    bank = make_bank(photos, [(0, SYNTH), (3, SYNTH)])
    rows, _ = learned_rows(bank, 0.0)
    assert rows.tolist() == [0, 1, 3]
    assert Triplets(bank, rows, {}).rows.tolist() == [0, 3]
    triplets = Triplets(bank, rows, {"other": 2.0}, undrawn=0.5)
    assert triplets.chance(balanced=False).tolist() == pytest.approx([1 / 3.5, 0.5 / 3.5, 2 / 3.5])
    drawings, texts = triplets.choose(np.asarray([0, 1, 3]), np.random.default_rng(0))
    assert drawings.tolist() == [0, -1, 1]
    assert texts.tolist() == [0, 1, 3]


def test_doodles_are_of_what_the_batch_shows_and_belong_to_no_photo() -> None:
    photos = [photo(n) for n in range(4)]
    bank = make_bank(photos, [(0, REAL), (-1, DOODLE), (-1, DOODLE), (-1, DOODLE), (3, PSEUDO)])
    bank.sketches.category = np.asarray([0, 0, 1, 1, 2])
    bank.sketches.photo_category = np.asarray([0, 1, 2, -1])
    assert set(drawings_by_photo(bank)) == {0, 3}
    doodles = Doodles(bank)
    rng = np.random.default_rng(0)
    found = doodles.choose(np.asarray([0, 1, 2, 3]), 60, rng)
    assert set(found.tolist()) == {1, 2, 3}
    assert np.mean(found == 1) == pytest.approx(0.5, abs=0.2)
    assert doodles.shows(np.asarray([1, 2]), np.asarray([0, 1, 3])).tolist() == [
        [True, False, False],
        [False, True, False],
    ]
    assert set(doodles.choose(np.asarray([1, 2]), 20, rng).tolist()) == {2, 3}
    assert len(doodles.choose(np.asarray([2, 3]), 20, rng)) == 0
