from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbir.datasets import near
from stbir.datasets.near import MAX_BITS, MAX_DIFFERENCE, MAX_MEAN_DIFFERENCE, clusters, near_pairs


def slow_pairs(looks: list[int], thumbnails: list[bytes]) -> list[tuple[int, int]]:
    """All with all."""
    found = []
    for right in range(len(looks)):
        for left in range(right):
            apart = np.abs(
                np.frombuffer(thumbnails[left], np.uint8) - np.frombuffer(thumbnails[right], np.uint8).astype(int)
            )
            is_near = apart.max() <= MAX_DIFFERENCE and apart.mean() <= MAX_MEAN_DIFFERENCE
            if (looks[left] ^ looks[right]).bit_count() <= MAX_BITS and is_near:
                found.append((left, right))
    return sorted(found)


@given(st.integers(0, 2**32), st.integers(2, 60))
def test_no_pair_is_missed_and_none_is_made_up(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    looks, thumbnails = [], []
    for _ in range(number):
        if looks and rng.random() < 0.7:
            source = int(rng.integers(len(looks)))
            flips = rng.choice(64, int(rng.integers(0, 6)), replace=False)
            looks.append(looks[source] ^ sum(1 << int(bit) for bit in flips))
            thumbnail = np.frombuffer(thumbnails[source], np.uint8).astype(int) + rng.integers(-5, 6, 12)
            thumbnails.append(np.clip(thumbnail, 0, 255).astype(np.uint8).tobytes())
        else:
            looks.append(int(rng.integers(0, 2**64, dtype=np.uint64)))
            thumbnails.append(rng.integers(0, 256, 12).astype(np.uint8).tobytes())
    assert near_pairs(looks, thumbnails) == slow_pairs(looks, thumbnails)


def test_another_colour_is_another_picture() -> None:
    assert near_pairs([5, 5], [bytes([200, 0, 0] * 4), bytes([0, 0, 200] * 4)]) == []
    assert near_pairs([5, 5], [bytes(12), bytes(12)]) == [(0, 1)]
    assert near_pairs([5], [bytes(12)]) == near_pairs([], []) == []


def test_another_detail_is_another_picture() -> None:
    plain, buckled = bytearray(768), bytearray(768)
    buckled[300:303] = (100, 100, 100)
    assert near_pairs([5, 5], [bytes(plain), bytes(buckled)]) == []
    buckled[300:303] = (20, 20, 20)
    assert near_pairs([5, 5], [bytes(plain), bytes(buckled)]) == [(0, 1)]


def test_very_many_of_one_band_stay_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes made to agree in one band are not compared all with all."""
    monkeypatch.setattr(near, "MAX_BAND_SIZE", 100)
    looks = [number << 16 for number in range(500)]
    pairs = near_pairs(looks, [bytes(12)] * 500)
    assert (0, 1) in pairs
    assert len(pairs) <= 500 * near.NEIGHBOURS


def test_clusters_are_the_connected_parts() -> None:
    assert clusters(6, [(4, 5), (1, 2), (2, 5)]) == [0, 1, 1, 3, 1, 1]
    assert clusters(0, []) == []
