from __future__ import annotations

import numpy as np
import pytest

from stbir.errors import InputError
from stbir.evaluate.intervals import _medians, bootstrap_interval, paired_difference, share_interval


def test_value_is_the_statistic_of_all_values() -> None:
    values = [1.0, 2.0, 10.0, 4.0]
    assert bootstrap_interval(values, range(4)).value == 4.25
    assert bootstrap_interval(values, range(4), statistic="median").value == 3.0


def test_constant_values_have_no_spread() -> None:
    for statistic in ("mean", "median"):
        interval = bootstrap_interval([0.5] * 9, "aaabbbccc", statistic=statistic)  # type: ignore[arg-type]
        assert (interval.low, interval.value, interval.high) == pytest.approx((0.5, 0.5, 0.5))


def test_interval_matches_the_normal_approximation() -> None:
    values = (np.random.default_rng(0).random(2000) < 0.3).astype(float)
    interval = bootstrap_interval(values, np.arange(2000))
    half = 1.96 * np.sqrt(values.var() / 2000)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.003)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.003)


def test_queries_of_one_photo_are_drawn_together() -> None:
    """Ten copies of each query add no knowledge: by photo the interval stays, by query it would shrink to a third."""
    values = (np.random.default_rng(1).random(100) < 0.5).astype(float)
    once = bootstrap_interval(values, np.arange(100))
    tenfold = bootstrap_interval(np.repeat(values, 10), np.repeat(np.arange(100), 10))
    apart = bootstrap_interval(np.repeat(values, 10), np.arange(1000))
    assert tenfold.high - tenfold.low == pytest.approx(once.high - once.low, rel=0.1)
    assert apart.high - apart.low < 0.5 * (once.high - once.low)


def test_means_agree_with_a_slow_bootstrap() -> None:
    rng = np.random.default_rng(2)
    values, groups = rng.normal(size=60), rng.integers(12, size=60)
    names = list(dict.fromkeys(groups.tolist()))
    means = []
    for _ in range(4000):
        drawn = [values[groups == names[index]] for index in rng.integers(len(names), size=len(names))]
        means.append(np.concatenate(drawn).mean())
    interval = bootstrap_interval(values, groups, num_resamples=4000)
    low, high = np.quantile(means, [0.025, 0.975])
    assert interval.low == pytest.approx(low, abs=0.03)
    assert interval.high == pytest.approx(high, abs=0.03)


def test_weighted_medians_agree_with_repeating() -> None:
    rng = np.random.default_rng(3)
    values = np.sort(rng.integers(1, 50, size=11)).astype(float)
    weights = rng.integers(0, 4, size=(50, 11)).astype(float)
    weights[:, 0] += 1
    expected = [np.median(np.repeat(values, row.astype(int))) for row in weights]
    assert _medians(values, weights).tolist() == expected


def test_same_seed_same_interval_and_names_of_groups_do_not_matter() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]
    by_number = bootstrap_interval(values, [0, 0, 1, 1, 2, 2])
    assert by_number == bootstrap_interval(values, ["x", "x", "y", "y", "z", "z"])
    assert by_number == bootstrap_interval(values, np.array(["p", "p", "q", "q", "r", "r"]))


def test_all_hits_and_all_misses_are_bounded_by_the_number_of_photos() -> None:
    """The lower end is the share with which all of n photos hit in 2.5 % of the samples, however many drawings each."""
    hits = share_interval(np.ones(60), np.repeat(np.arange(20), 3))
    assert (hits.value, hits.high) == (1.0, 1.0)
    assert hits.low**20 == pytest.approx(0.025)
    assert hits.low == pytest.approx(0.8316, abs=1e-4)
    misses = share_interval(np.zeros(60), np.repeat(np.arange(20), 3))
    assert (misses.value, misses.low, misses.high) == (0.0, 0.0, pytest.approx(1 - hits.low))
    assert share_interval([1.0], ["one"]).low == pytest.approx(0.025)
    assert share_interval(np.ones(20), range(20), confidence=0.9).low == pytest.approx(0.05 ** (1 / 20))


def test_a_share_in_between_is_bootstrapped() -> None:
    hits = [1, 0, 1, 1, 0, 1, 1]
    assert share_interval(hits, "aabbccd", seed=3) == bootstrap_interval(hits, "aabbccd", seed=3)


def test_a_share_is_of_hits_and_misses() -> None:
    with pytest.raises(InputError, match="neither 0 nor 1"):
        share_interval([1.0, 0.5], [1, 2])


def test_paired_difference_sees_what_unpaired_intervals_hide() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(size=300)
    better = base + 0.05 + 0.01 * rng.normal(size=300)
    found = paired_difference(better, base, np.arange(300))
    assert found.low > 0
    assert found.p_value < 0.01
    assert bootstrap_interval(base, np.arange(300)).high > bootstrap_interval(better, np.arange(300)).low


def test_no_difference_is_no_difference() -> None:
    same = paired_difference([1.0, 0.0, 1.0], [1.0, 0.0, 1.0], "abc")
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    forth = paired_difference([1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], "abcd")
    back = paired_difference([0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0], "abcd")
    assert (forth.value, forth.p_value) == (-back.value, back.p_value)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [([], [], "do not fit"), ([1.0], [1, 2], "do not fit"), ([1.0, float("nan")], [1, 2], "not finite")],
)
def test_unusable_values_are_refused(values: list[float], groups: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bootstrap_interval(values, groups)


def test_unusable_settings_are_refused() -> None:
    with pytest.raises(InputError, match="confidence=1"):
        bootstrap_interval([1.0], [1], confidence=1)
    with pytest.raises(InputError, match="num_resamples=0"):
        bootstrap_interval([1.0], [1], num_resamples=0)
    with pytest.raises(InputError, match="cannot be paired"):
        paired_difference([1.0], [1.0, 2.0], [1])
