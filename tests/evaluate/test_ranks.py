"""Each test of a pitfall names the bug that released code of this field has (design: evaluation)."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.errors import InputError
from stbir.evaluate import ranks as ranks_module
from stbir.evaluate.ranks import pair_similarities, ranks_from_scores, ranks_in_pools, ranks_of_targets


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


def pair_by_pair(queries: np.ndarray, gallery: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The decision in double precision for every single pair: no screening, no product."""
    largest = np.sqrt(np.square(gallery, dtype=np.float64).sum(axis=1)).max()
    ranks = []
    for query, target in zip(queries, targets, strict=True):
        similarity = pair_similarities(np.broadcast_to(query, gallery.shape), gallery)
        tolerance = 1e-12 * np.sqrt(np.square(query, dtype=np.float64).sum()) * largest
        ranks.append(np.count_nonzero(similarity >= similarity[target] - tolerance))
    return np.array(ranks)


def near_ties(rng: np.random.Generator, dims: int, num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures whose similarities differ by one unit in the last place of single precision, or not at all."""
    picture = unit(rng.normal(size=(1, dims)))[0]
    gallery = np.repeat(picture[None], num, axis=0)
    places = rng.integers(dims, size=num)
    towards = np.where(rng.random(num) < 0.5, -np.inf, np.inf).astype(np.float32)
    moved = np.nextafter(gallery[np.arange(num), places], towards)
    gallery[np.arange(num), places] = np.where(rng.random(num) < 0.3, picture[places], moved)
    queries = unit(picture + 0.05 * rng.normal(size=(20, dims)))
    return queries, gallery, rng.integers(num, size=20)


@pytest.mark.parametrize("dims", [3, 17, 256, 700])
def test_near_ties_are_decided_as_in_double_precision(dims: int) -> None:
    rng = np.random.default_rng(dims)
    queries, gallery, targets = near_ties(rng, dims, 400)
    similarity = queries @ gallery.T
    naive = 1 + (similarity > similarity[np.arange(20), targets][:, None]).sum(axis=1)
    ranks = ranks_of_targets(queries, gallery, targets)
    assert ranks.tolist() == pair_by_pair(queries, gallery, targets).tolist()
    assert np.count_nonzero(naive != ranks) > 10  # single precision alone cannot tell them


def test_a_few_near_ties_among_others_are_decided_as_in_double_precision() -> None:
    """So few that the pairs of doubt are decided one by one, not by products in double precision."""
    rng = np.random.default_rng(11)
    queries, close, targets = near_ties(rng, 128, 30)
    gallery = np.concatenate([close, unit(rng.normal(size=(5000, 128)))])
    expected = pair_by_pair(queries, gallery, targets)
    assert ranks_of_targets(queries, gallery, targets).tolist() == expected.tolist()
    order = rng.permutation(len(gallery))
    for memory in (1, 5_000, 300_000):
        ranks = ranks_of_targets(queries, gallery[order], np.argsort(order)[targets], memory_bytes=memory)
        assert ranks.tolist() == expected.tolist()


def test_double_precision_agrees_with_exact_fractions_where_it_must() -> None:
    rng = np.random.default_rng(12)
    queries, gallery, targets = near_ties(rng, 24, 60)
    tolerance = Fraction(1, 10**11)
    for query, target, rank in zip(queries, targets, ranks_of_targets(queries, gallery, targets), strict=True):
        exact = [
            sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(query, picture, strict=True))
            for picture in gallery
        ]
        surely = sum(value >= exact[target] for value in exact)
        at_most = sum(value >= exact[target] - tolerance for value in exact)
        assert surely <= rank <= at_most


def test_the_error_bound_is_what_makes_it_right(monkeypatch) -> None:
    """With a bound of nothing the screening in single precision goes wrong on the same input."""
    rng = np.random.default_rng(13)
    queries, close, targets = near_ties(rng, 700, 60)
    gallery = np.concatenate([close, unit(rng.normal(size=(5000, 700)))])
    expected = pair_by_pair(queries, gallery, targets).tolist()
    assert ranks_of_targets(queries, gallery, targets).tolist() == expected
    monkeypatch.setattr(ranks_module, "rounding", lambda dtype, dims, norms, largest: np.zeros(len(norms)))
    assert ranks_of_targets(queries, gallery, targets).tolist() != expected


@pytest.mark.parametrize("dims", [1, 7, 256, 4000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_bound_holds(dims: int, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(dims)
    queries, gallery = (np.abs(rng.normal(size=(40, dims))).astype(np.float32) for _ in range(2))
    norms = np.linalg.norm(queries, axis=1)
    bound = ranks_module.rounding(dtype, dims, norms, float(np.linalg.norm(gallery, axis=1).max()))
    product = queries.astype(dtype) @ gallery.astype(dtype).T
    exact = pair_similarities(np.repeat(queries, 40, axis=0), np.tile(gallery, (40, 1))).reshape(40, 40)
    assert np.all(np.abs(product - exact).max(axis=1) <= bound)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-3, 1e15, 1e30])
def test_scale_changes_no_rank_not_even_beyond_single_precision(scale: float) -> None:
    rng = np.random.default_rng(14)
    queries, gallery = rng.normal(size=(10, 12)), rng.normal(size=(80, 12))
    targets = rng.integers(80, size=10)
    expected = ranks_of_targets(queries, gallery, targets)
    assert ranks_of_targets(queries * scale, gallery * scale, targets).tolist() == expected.tolist()


def test_squares_beyond_single_precision_are_no_broken_vectors() -> None:
    gallery = np.float32(1e25) * np.eye(3, dtype=np.float32)
    assert ranks_of_targets(gallery, gallery, np.arange(3)).tolist() == [1, 1, 1]


def test_gallery_may_lie_in_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(15)
    queries, gallery = unit(rng.normal(size=(10, 12))), unit(rng.normal(size=(80, 12)))
    targets = rng.integers(80, size=10)
    stored = np.memmap(tmp_path / "gallery", np.float32, "w+", shape=gallery.shape)
    stored[:] = gallery
    assert ranks_of_targets(queries, stored, targets).tolist() == ranks_of_targets(queries, gallery, targets).tolist()


def test_memory_does_not_grow_with_the_gallery() -> None:
    rng = np.random.default_rng(17)
    queries = unit(rng.normal(size=(50, 8)))
    peaks = []
    for num in (50_000, 200_000):
        gallery = rng.standard_normal((num, 8), dtype=np.float32)
        tracemalloc.start()
        ranks_of_targets(queries, gallery, np.arange(50), memory_bytes=400_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        del gallery
    assert peaks[1] < 1.05 * peaks[0]


def test_scores_are_ranked_like_vectors() -> None:
    rng = np.random.default_rng(16)
    scores = rng.integers(-3, 3, size=(30, 50))
    targets = rng.integers(50, size=30)
    slow = [1 + sum(row[n] >= row[t] for n in range(50) if n != t) for row, t in zip(scores, targets, strict=True)]
    for dtype in (np.int64, np.float32, np.float64):
        for memory in (1, 10**9):
            assert ranks_from_scores(scores.astype(dtype), targets, memory_bytes=memory).tolist() == slow
    assert ranks_from_scores(np.zeros((3, 9)), np.arange(3)).tolist() == [9, 9, 9]


def test_unusable_scores_are_refused() -> None:
    scores = np.zeros((3, 4))
    scores[2, 1] = np.nan
    with pytest.raises(InputError, match="scores of query 2 are not finite"):
        ranks_from_scores(scores, np.array([0, 0, 0]), memory_bytes=1)
    with pytest.raises(InputError, match="expected numbers"):
        ranks_from_scores(np.zeros(4), np.array([0]))
    with pytest.raises(InputError, match="expected 2 integers"):
        ranks_from_scores(np.zeros((2, 4)), np.array([0]))
    with pytest.raises(InputError, match=r"outside 0\.\.3"):
        ranks_from_scores(np.zeros((1, 4)), np.array([4]))
    with pytest.raises(InputError, match="are no vectors"):
        ranks_of_targets(np.array([["a"]]), np.ones((1, 1), np.float32), np.array([0]))
