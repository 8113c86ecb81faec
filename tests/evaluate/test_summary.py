from __future__ import annotations

import doctest

import numpy as np
import pytest

from stbir.errors import InputError
from stbir.evaluate import summary
from stbir.evaluate.intervals import paired_difference
from stbir.evaluate.summary import holm, seeds_difference, summarize_seeds


def trained(rng: np.random.Generator, seeds: int, photos: int, *, of_seed: float, of_photo: float) -> np.ndarray:
    """Values with known spread over seeds and over photos."""
    return of_seed * rng.normal(size=(seeds, 1)) + of_photo * rng.normal(size=(1, photos))


def test_mean_and_sample_deviation_by_hand() -> None:
    found = summarize_seeds([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "ab")
    assert found.per_seed == (0.5, 1.0, 0.0)
    assert (found.value, found.spread, found.num_groups) == (0.5, 0.5, 2)


def test_interval_covers_seeds_and_photos() -> None:
    """Its width is that of both variances together; over photos alone it misses what another seed would give."""
    rng = np.random.default_rng(0)
    values = trained(rng, 30, 400, of_seed=0.1, of_photo=1.0)
    found = summarize_seeds(values, range(400), num_resamples=4000)
    by_seed, by_photo = values.mean(axis=1), values.mean(axis=0)
    both = np.sqrt(by_seed.var() / 30 + by_photo.var() / 400)
    assert found.high - found.low == pytest.approx(2 * 1.96 * both, rel=0.06)


def test_equal_seeds_leave_the_photos_and_equal_photos_the_seeds() -> None:
    rng = np.random.default_rng(1)
    photos = trained(rng, 5, 200, of_seed=0.0, of_photo=1.0)
    found = summarize_seeds(photos, range(200))
    assert found.spread == pytest.approx(0, abs=1e-12)
    assert found.high - found.low == pytest.approx(2 * 1.96 * photos[0].std() / np.sqrt(200), rel=0.1)
    seeds = trained(rng, 5, 200, of_seed=1.0, of_photo=0.0)
    found = summarize_seeds(seeds, range(200))
    assert found.spread == pytest.approx(seeds[:, 0].std(ddof=1))
    assert found.high - found.low == pytest.approx(2 * 1.96 * seeds[:, 0].std() / np.sqrt(5), rel=0.15)


def test_agrees_with_a_slow_bootstrap_of_seeds_and_photos() -> None:
    rng = np.random.default_rng(2)
    values, groups = rng.normal(size=(4, 40)) + rng.normal(size=(4, 1)), rng.integers(9, size=40)
    names = np.unique(groups)
    means = []
    for _ in range(4000):
        queries = np.concatenate([np.flatnonzero(groups == each) for each in rng.choice(names, len(names))])
        means.append(values[rng.integers(4, size=4)][:, queries].mean())
    found = summarize_seeds(values, groups, num_resamples=4000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.06)


def test_a_difference_within_the_seeds_spread_is_none_though_photos_alone_say_so() -> None:
    rng = np.random.default_rng(3)
    photos = rng.normal(size=(1, 500))
    one = photos + np.array([[0.3], [-0.2], [0.1]])
    other = photos + np.array([[-0.3], [0.2], [0.0]]) + 0.01 * rng.normal(size=(3, 500))
    found = seeds_difference(one, other, range(500))
    assert found.p_value > 0.2
    assert found.low < 0 < found.high
    assert paired_difference(one[0], other[0], range(500)).p_value < 0.01


def test_a_real_difference_is_found_whatever_the_photos_and_numbers_of_seeds() -> None:
    rng = np.random.default_rng(4)
    photos = rng.normal(size=(1, 300))
    one, other = (photos + shift + 0.02 * rng.normal(size=(n, 1)) for n, shift in ((4, 0.1), (3, 0.0)))
    found = seeds_difference(one, other, np.arange(300) // 2)
    assert found.value == pytest.approx(one.mean() - other.mean())
    assert found.low > 0
    assert found.p_value < 0.01
    back = seeds_difference(other, one, np.arange(300) // 2)
    assert (back.value, back.p_value) == (pytest.approx(-found.value), pytest.approx(found.p_value, abs=0.01))


def test_the_seeds_of_both_systems_count_in_their_difference() -> None:
    rng = np.random.default_rng(8)
    steady = np.repeat(rng.normal(size=(1, 300)), 3, axis=0)
    varied = steady[0] + rng.normal(size=(8, 1))
    width = 2 * 1.96 * varied.mean(axis=1).std() / np.sqrt(8)
    for one, other in ((varied, steady), (steady, varied)):
        found = seeds_difference(one, other, range(300))
        assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_same_seed_same_interval_and_names_of_groups_do_not_matter() -> None:
    values = np.random.default_rng(5).normal(size=(3, 6))
    assert summarize_seeds(values, "aabbcc") == summarize_seeds(values, [0, 0, 1, 1, 2, 2])
    assert summarize_seeds(values, "aabbcc") != summarize_seeds(values, "aabbcc", seed=1)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x 0.01; 2 x 0.03; max(0.06, 1 x 0.04)
        ([0.005, 0.011, 0.02, 0.04, 0.13], [0.025, 0.044, 0.06, 0.08, 0.13]),
        ([0.5, 0.6, 0.9], [1.0, 1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values).tolist() == pytest.approx(adjusted)


def test_holm_knows_no_order_and_is_no_stricter_than_bonferroni() -> None:
    rng = np.random.default_rng(6)
    p_values = rng.random(20) ** 3
    order = rng.permutation(20)
    assert holm(p_values)[order].tolist() == holm(p_values[order]).tolist()
    assert np.all(holm(p_values) <= np.minimum(1, 20 * p_values))
    assert np.all(holm(p_values) >= p_values)


def test_holm_keeps_the_family_of_false_findings_small() -> None:
    families = np.random.default_rng(7).random((2000, 10))
    assert np.mean([holm(family).min() < 0.05 for family in families]) == pytest.approx(0.05, abs=0.015)
    assert np.mean(families.min(axis=1) < 0.05) > 0.3


def test_unusable_input_is_refused() -> None:
    with pytest.raises(InputError, match="one seed shows no spread"):
        summarize_seeds([[1.0, 2.0]], "ab")
    with pytest.raises(InputError, match="different numbers of values"):
        summarize_seeds([[1.0, 2.0], [1.0]], "ab")
    with pytest.raises(InputError, match="do not fit"):
        summarize_seeds([[1.0, 2.0], [1.0, 2.0]], "abc")
    with pytest.raises(InputError, match="not finite"):
        summarize_seeds([[1.0, 2.0], [1.0, np.nan]], "ab")
    with pytest.raises(InputError, match="do not fit"):
        seeds_difference([[1.0], [2.0]], [[1.0, 2.0], [1.0, 2.0]], "a")
    with pytest.raises(InputError, match="confidence=1"):
        summarize_seeds([[1.0, 2.0], [1.0, 2.0]], "ab", confidence=1)
    with pytest.raises(InputError, match="num_resamples=0"):
        summarize_seeds([[1.0, 2.0], [1.0, 2.0]], "ab", num_resamples=0)
    for p_values in ([1.5], [-0.1], [float("nan")], [[0.1]]):
        with pytest.raises(InputError, match="cannot be adjusted"):
            holm(p_values)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(summary).failed == 0
