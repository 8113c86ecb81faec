"""Each test of a pitfall names the bug that released code of this field has (design: evaluation)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.errors import InputError
from stbir.evaluate.ranks import ranks_in_pools, ranks_of_targets


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def slow_ranks(queries: np.ndarray, gallery: np.ndarray, targets: np.ndarray) -> list[int]:
    """One loop, whole numbers or exact fractions: no rounding, no blocks."""
    ranks = []
    for query, target in zip(queries, targets, strict=True):
        own = sum(float(a) * float(b) for a, b in zip(query, gallery[target], strict=True))
        better_or_equal = 0
        for index, picture in enumerate(gallery):
            other = sum(float(a) * float(b) for a, b in zip(query, picture, strict=True))
            better_or_equal += index != target and other >= own
        ranks.append(1 + better_or_equal)
    return ranks


small = st.integers(min_value=-3, max_value=3)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_agrees_with_a_slow_loop_on_tied_and_degenerate_input(data: st.DataObject) -> None:
    num_queries, num_pictures, dims = (data.draw(st.integers(1, 6)) for _ in range(3))
    queries, gallery = (
        np.array(data.draw(st.lists(st.lists(small, min_size=dims, max_size=dims), min_size=n, max_size=n)), np.float32)
        for n in (num_queries, num_pictures)
    )
    targets = np.array(
        data.draw(st.lists(st.integers(0, num_pictures - 1), min_size=num_queries, max_size=num_queries))
    )
    assert ranks_of_targets(queries, gallery, targets).tolist() == slow_ranks(queries, gallery, targets)


def test_agrees_with_a_slow_loop_on_random_vectors() -> None:
    rng = np.random.default_rng(0)
    queries, gallery = unit(rng.normal(size=(20, 16))), unit(rng.normal(size=(50, 16)))
    targets = rng.integers(50, size=20)
    assert ranks_of_targets(queries, gallery, targets).tolist() == slow_ranks(queries, gallery, targets)


def test_constant_descriptor_is_last_not_first() -> None:
    ones = np.ones((200, 8), np.float32)
    assert ranks_of_targets(ones, ones, np.arange(200)).tolist() == [200] * 200
    zeros = np.zeros((5, 8), np.float32)
    assert ranks_of_targets(zeros, zeros, np.arange(5)).tolist() == [5] * 5


def test_copies_of_the_target_count_against_it_wherever_they_lie() -> None:
    rng = np.random.default_rng(1)
    gallery = unit(rng.normal(size=(997, 333)))
    targets = np.array([3, 500, 996])
    gallery[[0, 491, 777]] = gallery[3]
    gallery[[1, 990]] = gallery[500]
    queries = gallery[targets]
    assert ranks_of_targets(queries, gallery, targets).tolist() == [4, 3, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["queries", "gallery"])
def test_values_that_are_not_finite_are_refused_not_ranked_first(value: float, where: str) -> None:
    vectors = {"queries": np.eye(3, dtype=np.float32), "gallery": np.eye(3, dtype=np.float32)}
    vectors[where][1, 2] = value
    with pytest.raises(InputError, match=f"row 1 of the {where} is not finite"):
        ranks_of_targets(vectors["queries"], vectors["gallery"], np.arange(3))


def test_target_similarity_does_not_lose_by_rounding() -> None:
    """Scaling a query by a power of two, or adding the target to a different block, changes no product's order."""
    rng = np.random.default_rng(2)
    gallery = unit(rng.normal(size=(300, 129)))
    queries = gallery + np.float32(1e-3) * unit(rng.normal(size=(300, 129)))
    assert ranks_of_targets(queries, gallery, np.arange(300)).tolist() == [1] * 300


def test_gallery_order_block_size_and_query_order_change_no_rank() -> None:
    rng = np.random.default_rng(3)
    queries, gallery = unit(rng.normal(size=(64, 48))), unit(rng.normal(size=(500, 48)))
    gallery[250:] = gallery[:250]
    targets = rng.integers(500, size=64)
    ranks = ranks_of_targets(queries, gallery, targets)
    order = rng.permutation(500)
    shuffled = ranks_of_targets(queries, gallery[order], np.argsort(order)[targets])
    np.testing.assert_array_equal(ranks, shuffled)
    for memory in (1, 10_000, 77_777, 10**9):
        np.testing.assert_array_equal(ranks, ranks_of_targets(queries, gallery, targets, memory_bytes=memory))
    np.testing.assert_array_equal(ranks[::-1], ranks_of_targets(queries[::-1], gallery, targets[::-1]))


def test_whole_gallery_counts_not_a_batch() -> None:
    """A target that beats the 23 pictures around it but not the gallery is not first."""
    gallery = np.zeros((1000, 2), np.float32)
    gallery[:, 0] = np.linspace(0, 1, 1000)
    query = np.array([[1.0, 0.0]], np.float32)
    assert ranks_of_targets(query, gallery, np.array([23])).tolist() == [977]


def test_negative_similarities_rank_like_all_others() -> None:
    gallery = np.array([[-0.9], [-0.2], [-0.5]], np.float32)
    assert ranks_of_targets(np.ones((1, 1), np.float32), gallery, np.array([1])).tolist() == [1]


def test_no_queries_give_no_ranks() -> None:
    assert ranks_of_targets(np.empty((0, 4), np.float32), np.eye(4, dtype=np.float32), np.empty(0, int)).tolist() == []


@pytest.mark.parametrize(
    ("queries", "targets", "message"),
    [
        (np.ones((2, 3)), np.array([0, 1]), "do not fit"),
        (np.ones(4), np.array([0]), "do not fit"),
        (np.ones((2, 4)), np.array([0]), "expected 2 integers"),
        (np.ones((1, 4)), np.array([0.0]), "expected 1 integers"),
        (np.ones((1, 4)), np.array([4]), "outside 0..3"),
        (np.ones((1, 4)), np.array([-1]), "outside 0..3"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(queries: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ranks_of_targets(queries.astype(np.float32), np.eye(4, dtype=np.float32), targets)


def test_pools_are_ranked_apart() -> None:
    rng = np.random.default_rng(4)
    queries, gallery = unit(rng.normal(size=(40, 8))), unit(rng.normal(size=(60, 8)))
    pools = rng.integers(4, size=60)
    targets = rng.integers(60, size=40)
    ranks = ranks_in_pools(queries, gallery, targets, pools[targets], pools)
    for query in range(40):
        others = [index for index in np.flatnonzero(pools == pools[targets[query]]) if index != targets[query]]
        similarity = gallery @ queries[query]
        assert ranks[query] == 1 + sum(similarity[index] >= similarity[targets[query]] for index in others)
    with pytest.raises(InputError, match="query 0 has its right picture in another pool"):
        ranks_in_pools(queries, gallery, targets, pools[targets] + 9, pools)


def test_similarities_equal_but_for_rounding_are_ties() -> None:
    rng = np.random.default_rng(5)
    picture = unit(rng.normal(size=(1, 333)))[0]
    gallery = np.stack([rng.permutation(picture) for _ in range(50)])
    queries = np.full((50, 333), 0.1, np.float32)
    assert ranks_of_targets(queries, gallery, np.arange(50)).tolist() == [50] * 50
