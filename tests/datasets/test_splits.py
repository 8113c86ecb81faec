from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stbir.datasets.manifest import Row
from stbir.datasets.splits import assign_splits, parse_ratios
from stbir.errors import InputError

RATIOS = {"train": 0.8, "val": 0.1, "test": 0.1}
SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=5).map(
    lambda parts: {f"s{at}": part / sum(parts) for at, part in enumerate(parts)}
)
ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from("abc")), max_size=80).map(
    lambda parts: [
        Row(id=f"r{at}", image=f"{image}.png", virtual_class=f"v{shape}", category=category)
        for at, (image, shape, category) in enumerate(parts)
    ]
)
SINGLES = st.lists(st.sampled_from("abcd"), max_size=120).map(
    lambda categories: [Row(id=f"r{at}", category=category) for at, category in enumerate(categories)]
)


def splits_of(rows: Sequence[Row]) -> dict[str, str | None]:
    return {row.id: row.split for row in rows}


@given(ROWS, SHARES, st.integers(0, 99))
def test_no_group_is_in_two_splits(rows: list[Row], ratios: dict[str, float], seed: int) -> None:
    done = assign_splits(rows, ratios, seed=seed, groups=["virtual_class"] if rows else [])
    assert [row.model_copy(update={"split": None}) for row in done] == rows
    for field in ("image", "virtual_class"):
        seen: dict[object, set[str | None]] = defaultdict(set)
        for row in done:
            seen[getattr(row, field)].add(row.split)
        assert all(len(splits) == 1 for splits in seen.values())
    assert {row.split for row in done} <= set(ratios)


@given(SINGLES, SHARES, st.integers(0, 99))
def test_shares_are_exact_where_groups_are_single_rows(rows: list[Row], ratios: dict[str, float], seed: int) -> None:
    counts = Counter(row.split for row in assign_splits(rows, ratios, seed=seed))
    for split, share in ratios.items():
        assert abs(counts[split] - share * len(rows)) < 1
    assert counts.total() == len(rows)


@given(SINGLES, SHARES, st.integers(0, 99))
def test_strata_have_the_same_shares(rows: list[Row], ratios: dict[str, float], seed: int) -> None:
    counts: Counter[tuple[str | None, str | None]] = Counter()
    sizes: Counter[str | None] = Counter()
    for row in assign_splits(rows, ratios, seed=seed, stratify="category"):
        counts[row.category, row.split] += 1
        sizes[row.category] += 1
    for category, size in sizes.items():
        for split, share in ratios.items():
            assert abs(counts[category, split] - share * size) < 1
    for split, share in ratios.items():  # what one stratum owes the next makes up for
        assert abs(sum(counts[category, split] for category in sizes) - share * len(rows)) <= len(ratios)


@given(ROWS, SHARES, st.integers(0, 99))
def test_shares_are_off_by_the_largest_groups_at_most(rows: list[Row], ratios: dict[str, float], seed: int) -> None:
    done = assign_splits(rows, ratios, seed=seed)
    largest = max(Counter(row.image for row in rows).values(), default=0)
    counts = Counter(row.split for row in done)
    for split, share in ratios.items():
        assert abs(counts[split] - share * len(rows)) <= max(1, len(ratios) - 1) * max(1, largest)


@given(ROWS, st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows: list[Row], seed: int, shuffler: random.Random) -> None:
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert splits_of(assign_splits(shuffled, RATIOS, seed=seed)) == splits_of(assign_splits(rows, RATIOS, seed=seed))


def test_another_seed_is_another_split_and_the_same_the_same() -> None:
    rows = [Row(id=f"r{at}") for at in range(200)]
    first, again, other = (splits_of(assign_splits(rows, RATIOS, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert Counter(first.values()) == {"train": 160, "val": 20, "test": 20}


def test_chains_of_groups_stay_together() -> None:
    rows = [
        Row(id="a", image="1.png"),
        Row(id="b", image="1.png", attributes={"shape": 7}),
        Row(id="c", attributes={"shape": 7}),
        Row(id="d"),
        *(Row(id=f"e{at}") for at in range(20)),
    ]
    done = splits_of(assign_splits(rows, {"x": 0.5, "y": 0.5}, groups=["attributes.shape"], links=[(2, 3)]))
    assert len({done[name] for name in "abcd"}) == 1


def test_kept_splits_stay_and_draw_their_groups_along() -> None:
    rows = [
        Row(id="a", split="test", virtual_class="1"),
        Row(id="b", split="train", virtual_class="1"),
        *(Row(id=f"c{at}", split="train", virtual_class=f"n{at}") for at in range(10)),
    ]
    done = splits_of(assign_splits(rows, {"train": 0.8, "val": 0.2}, groups=["virtual_class"], keep=["test"]))
    assert done["a"] == done["b"] == "test"
    assert Counter(done.values()) == {"test": 2, "train": 8, "val": 2}
    rows[1] = rows[1].model_copy(update={"split": "gallery"})
    with pytest.raises(InputError, match="the group of row 'a' is in the kept splits gallery and test"):
        assign_splits(rows, {"train": 1.0}, groups=["virtual_class"], keep=["test", "gallery"])


def test_a_field_that_no_row_has_is_a_mistake() -> None:
    with pytest.raises(InputError, match="no row has the field 'heel'"):
        assign_splits([Row(id="a")], RATIOS, groups=["heel"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train=0.8,test=0.1", "add up to 0.9: expected 1"),
        ("train=x", "'train=x' is not NAME=NUMBER"),
        ("train", "'train' is not NAME=NUMBER"),
        ("train=0.5,train=0.5", "name each split once"),
        ("train=1,test=0", "above 0, at most 1"),
        ("train=nan", "above 0, at most 1"),
        ("=1", "name each split once"),
        ("", "add up to 0: expected 1"),
    ],
)
def test_ratios_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_ratios(text)
    assert message in str(caught.value)
