from __future__ import annotations

import doctest
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbir.errors import InputError
from stbir.evaluate import metrics
from stbir.evaluate.metrics import (
    acc_at,
    average_precisions,
    hits_at,
    mean_average_precision,
    median_rank,
    mrr,
    precision_at,
    precisions_at,
    recall_at,
    recalls_at,
    reciprocal_ranks,
)
from stbir.evaluate.relevance import RelevantRanks

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


def found_of(*ranks: list[int]) -> RelevantRanks:
    sizes = [len(each) for each in ranks]
    return RelevantRanks(np.array(list(chain(*ranks)), np.int64), np.cumsum([0, *sizes]))


several = st.lists(st.sets(st.integers(1, 30), min_size=1, max_size=12).map(sorted), min_size=1, max_size=6)


@given(several, st.integers(1, 40))
def test_metrics_of_several_relevant_agree_with_slow_loops(ranks: list[list[int]], k: int) -> None:
    found = found_of(*ranks)
    for query, of_query in enumerate(ranks):
        relevant = [place in of_query for place in range(1, 31)]
        hits = sum(relevant[:k])
        precisions = [sum(relevant[:place]) / place for place in range(1, 31) if relevant[place - 1]]
        in_reach = [sum(relevant[:place]) / place for place in range(1, min(k, 30) + 1) if relevant[place - 1]]
        assert recalls_at(found, k)[query] == pytest.approx(hits / len(of_query))
        assert precisions_at(found, k)[query] == pytest.approx(hits / k)
        assert average_precisions(found)[query] == pytest.approx(sum(precisions) / len(of_query))
        assert average_precisions(found, k)[query] == pytest.approx(sum(in_reach) / len(of_query))
    assert recall_at(found, k) == pytest.approx(np.mean(recalls_at(found, k)))
    assert precision_at(found, k) == pytest.approx(np.mean(precisions_at(found, k)))
    assert mean_average_precision(found) == pytest.approx(np.mean(average_precisions(found)))


@given(ranks_lists, st.integers(1, 20))
def test_with_one_relevant_picture_the_measures_are_those_of_its_rank(ranks: list[int], k: int) -> None:
    found = found_of(*([rank] for rank in ranks))
    assert recalls_at(found, k).tolist() == hits_at(np.array(ranks), k).tolist()
    assert precision_at(found, k) == pytest.approx(acc_at(np.array(ranks), k) / k)
    assert mean_average_precision(found) == pytest.approx(mrr(np.array(ranks)))


def test_known_values_of_several_relevant() -> None:
    found = found_of([1, 3, 6], [2])
    assert recalls_at(found, 3).tolist() == pytest.approx([2 / 3, 1])
    assert precisions_at(found, 5).tolist() == [0.4, 0.2]
    assert average_precisions(found).tolist() == pytest.approx([(1 + 2 / 3 + 3 / 6) / 3, 0.5])
    assert average_precisions(found, 3).tolist() == pytest.approx([(1 + 2 / 3) / 3, 0.5])
    assert mean_average_precision(found, 1) == pytest.approx((1 / 3 + 0) / 2)


def test_queries_without_relevant_pictures_are_neither_dropped_nor_zero() -> None:
    found = found_of([1], [], [2], [])
    for metric in (lambda each: recall_at(each, 1), lambda each: precision_at(each, 1), mean_average_precision):
        with pytest.raises(InputError, match=r"2 of 4 queries have no relevant picture \(the first is number 1\)"):
            metric(found)
        with pytest.raises(InputError, match="there are no queries"):
            metric(found_of())
    assert mean_average_precision(found.with_positives()[0]) == 0.75


def test_k_of_several_must_be_positive() -> None:
    for metric in (recall_at, precision_at, mean_average_precision):
        with pytest.raises(InputError, match="k=0"):
            metric(found_of([1]), 0)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(metrics).failed == 0
