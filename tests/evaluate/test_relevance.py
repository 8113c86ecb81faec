from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stbir.errors import InputError
from stbir.evaluate.ranks import ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks, ranks_of_relevant, relevant_ranks_from_scores

small = st.integers(min_value=-2, max_value=2)


def slow_ranks(similarity: np.ndarray, relevant: list[int]) -> list[int]:
    """Sort; of equal ones the irrelevant come first."""
    order = sorted(range(len(similarity)), key=lambda picture: (-similarity[picture], picture in relevant))
    return [place for place, picture in enumerate(order, start=1) if picture in relevant]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_agrees_with_sorting_on_tied_input(data: st.DataObject) -> None:
    num_queries, num_pictures, dims = (data.draw(st.integers(1, 6)) for _ in range(3))
    queries, gallery = (
        np.array(data.draw(st.lists(st.lists(small, min_size=dims, max_size=dims), min_size=n, max_size=n)), np.float32)
        for n in (num_queries, num_pictures)
    )
    one = st.lists(st.integers(0, num_pictures - 1), unique=True)
    relevant = data.draw(st.lists(one, min_size=num_queries, max_size=num_queries))
    found = ranks_of_relevant(queries, gallery, relevant, memory_bytes=data.draw(st.sampled_from([1, 500, 10**8])))
    scored = relevant_ranks_from_scores(queries @ gallery.T, relevant, memory_bytes=1)
    for query in range(num_queries):
        assert found.of(query).tolist() == slow_ranks(queries[query] @ gallery.T, relevant[query])
        assert scored.of(query).tolist() == found.of(query).tolist()


def test_one_relevant_picture_each_is_the_rank_of_the_target() -> None:
    rng = np.random.default_rng(0)
    queries, gallery = rng.normal(size=(30, 24)).astype(np.float32), rng.normal(size=(400, 24)).astype(np.float32)
    gallery[300:] = gallery[:100]
    targets = rng.integers(400, size=30)
    found = ranks_of_relevant(queries, gallery, targets[:, None])
    assert found.ranks.tolist() == ranks_of_targets(queries, gallery, targets).tolist()


def test_equal_but_for_rounding_are_ties_and_order_and_blocks_change_nothing() -> None:
    rng = np.random.default_rng(1)
    picture = rng.normal(size=333).astype(np.float32)
    gallery = np.stack([rng.permutation(picture) for _ in range(60)])
    queries = np.full((3, 333), 0.1, np.float32)
    relevant = [[0, 7, 30], [59], []]
    found = ranks_of_relevant(queries, gallery, relevant)
    assert [found.of(query).tolist() for query in range(3)] == [[58, 59, 60], [60], []]
    order = rng.permutation(60)
    moved = [np.argsort(order)[each] if each else each for each in relevant]
    for memory in (1, 9_999, 10**8):
        shuffled = ranks_of_relevant(queries, gallery[order], moved, memory_bytes=memory)
        assert shuffled.ranks.tolist() == found.ranks.tolist()


def test_pairs_at_the_edge_of_a_tie_are_decided_one_by_one() -> None:
    """Differences around the tolerance, where products of other shapes may round to either side."""
    rng = np.random.default_rng(2)
    direction = rng.normal(size=64)
    direction /= np.linalg.norm(direction)
    gallery = direction * (1 - np.linspace(0, 2e-12, 500)[:, None])
    relevant = [[250, 100, 499]]
    found = ranks_of_relevant(direction[None], gallery, relevant)
    apart = [
        ranks_of_targets(direction[None], np.delete(gallery, [each for each in relevant[0] if each != target], axis=0),
                         np.array([target - sum(each < target for each in relevant[0])]))[0]
        for target in sorted(relevant[0])
    ]  # fmt: skip
    assert found.of(0).tolist() == [place + number for number, place in enumerate(apart)]


def test_queries_without_positives_are_counted_and_left_out_on_purpose_only() -> None:
    found = relevant_ranks_from_scores(np.array([[3, 2, 1], [1, 2, 3], [1, 2, 3]]), [[0, 2], [], [0]])
    assert len(found) == 3
    assert found.num_relevant.tolist() == [2, 0, 1]
    assert found.num_without_positives == 1
    rest, kept = found.with_positives()
    assert kept.tolist() == [0, 2]
    assert [rest.of(query).tolist() for query in range(2)] == [[1, 3], [3]]
    assert rest.num_without_positives == 0


@pytest.mark.parametrize(
    ("relevant", "message"),
    [
        ([[0]], "1 lists of relevant pictures do not fit 2 queries"),
        ([[0], [3]], "query 1 is outside 0..2"),
        ([[-1], [0]], "query 0 is outside 0..2"),
        ([[0], [1, 1]], "query 1 is given twice"),
        ([[0], [1.0]], "query 1 are no indices"),
        ([[0], [[1]]], "query 1 are no indices"),
    ],
)
def test_unusable_relevance_is_refused(relevant: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ranks_of_relevant(np.ones((2, 2), np.float32), np.ones((3, 2), np.float32), relevant)
    with pytest.raises(InputError, match=message):
        relevant_ranks_from_scores(np.ones((2, 3)), relevant)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    gallery = np.ones((3, 2), np.float32)
    gallery[2, 0] = value
    with pytest.raises(InputError, match="row 2 of the gallery is not finite"):
        ranks_of_relevant(np.ones((1, 2), np.float32), gallery, [[0]])
    with pytest.raises(InputError, match="scores of query 0 are not finite"):
        relevant_ranks_from_scores(np.array([[1.0, value]]), [[0]])


@pytest.mark.parametrize(
    ("ranks", "offsets"),
    [([1, 2], [0, 1]), ([1, 2], [1, 2]), ([1, 2], []), ([2, 1], [0, 2]), ([1, 1], [0, 2]), ([0], [0, 1])],
)
def test_what_are_no_ranks_of_relevant_pictures_is_refused(ranks: list[int], offsets: list[int]) -> None:
    with pytest.raises(InputError):
        RelevantRanks(np.array(ranks), np.array(offsets, np.int64))
