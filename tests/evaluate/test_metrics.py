from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbir.errors import InputError
from stbir.evaluate.metrics import acc_at, hits_at, median_rank, mrr, reciprocal_ranks

ranks_lists = st.lists(st.integers(1, 2000), min_size=1, max_size=40)


@given(ranks_lists, st.integers(1, 20))
def test_metrics_agree_with_slow_loops(ranks: list[int], k: int) -> None:
    array = np.array(ranks)
    hits = 0
    total = 0.0
    for rank in ranks:
        hits += rank <= k
        total += 1 / rank
    ordered = sorted(ranks)
    middle = len(ranks) // 2
    median = ordered[middle] if len(ranks) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    assert acc_at(array, k) == pytest.approx(hits / len(ranks))
    assert mrr(array) == pytest.approx(total / len(ranks))
    assert median_rank(array) == median


@given(ranks_lists)
def test_metrics_know_no_order_of_queries(ranks: list[int]) -> None:
    array = np.array(ranks)
    assert mrr(array) == pytest.approx(mrr(array[::-1]))
    assert acc_at(array, 5) <= acc_at(array, 10)


def test_known_values() -> None:
    ranks = np.array([1, 5, 6, 11])
    assert [acc_at(ranks, k) for k in (1, 5, 10)] == [0.25, 0.5, 0.75]
    assert hits_at(ranks, 5).tolist() == [1, 1, 0, 0]
    assert reciprocal_ranks(ranks)[1] == 0.2


@pytest.mark.parametrize(
    "ranks", [np.array([0]), np.array([-1]), np.array([], int), np.array([1.0]), np.ones((2, 2), int)]
)
def test_what_is_no_rank_is_refused(ranks: np.ndarray) -> None:
    for metric in (mrr, median_rank, lambda each: acc_at(each, 1)):
        with pytest.raises(InputError):
            metric(ranks)


def test_k_must_be_positive() -> None:
    with pytest.raises(InputError, match="k=0"):
        acc_at(np.array([1]), 0)
