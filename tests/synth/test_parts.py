"""Parts S, C and D: enough kinds, blocks of twins, near twins, splits that share nothing, kinds held out."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from stbir.errors import ConfigError
from stbir.synth import FAMILIES, KINDS, PARTS, plan_part
from stbir.synth.objects import IDLE_NUMBERS
from stbir.synth.sampling import sample_shape, shape_distance


def test_parts_hold_what_the_benchmark_asks_for():
    kinds = {name: [kind for family in part.families for kind in FAMILIES[family]] for name, part in PARTS.items()}
    assert len(kinds["S"]) >= 6
    assert len(kinds["C"]) >= 6
    assert len(PARTS["D"].families) >= 14
    assert sorted(kind.name for each in kinds.values() for kind in each) == sorted(KINDS)


@pytest.mark.parametrize("part", PARTS)
def test_a_plan_comes_in_twins(part):
    items = list(plan_part(part, 320, 5))
    assert len({item.id for item in items}) == 320
    assert set(Counter(item.shape_group for item in items).values()) == {4}
    assert set(Counter(item.dress_group for item in items).values()) == {4}
    shapes = defaultdict(set)
    for item in items:
        shapes[item.shape_group].add((tuple(sorted(item.spec.shape.items())), item.spec.view))
    assert all(len(found) == 1 for found in shapes.values())
    assert len(set().union(*shapes.values())) == 80


@pytest.mark.parametrize("part", PARTS)
def test_no_shape_and_no_dress_lies_in_two_splits(part):
    items = list(plan_part(part, 1600, 6))
    for group in ("shape_group", "dress_group"):
        splits = defaultdict(set)
        for item in items:
            splits[getattr(item, group)].add(item.split)
        assert all(len(found) == 1 for found in splits.values())
    by_shape = defaultdict(set)
    for item in items:
        by_shape[tuple(sorted(item.spec.shape.items()))].add(item.split)
    assert all(len(found) == 1 for found in by_shape.values())
    assert {item.split for item in items} == {"train", "val", "test"}


@pytest.mark.parametrize("part", PARTS)
def test_unseen_kinds_are_in_the_test_split_only(part):
    items = list(plan_part(part, 1600, 7))
    trained = {item.spec.kind for item in items if item.split == "train"}
    unseen = {item.spec.kind for item in items if not item.is_seen}
    assert unseen
    assert not unseen & trained
    assert {item.split for item in items if not item.is_seen} == {"test"}
    others = list(plan_part(part, 320, 7, unseen=()))
    assert all(item.is_seen for item in others)


def test_shares_are_kept():
    items = list(plan_part("S", 16 * 200, 8, unseen=()))
    shares = Counter(item.split for item in items)
    assert shares == {"train": 16 * 140, "val": 16 * 20, "test": 16 * 40}
    assert all(item.split is None for item in plan_part("S", 64, 8, shares=None))


def test_near_twins_are_near_and_others_are_not():
    for part in PARTS:
        shapes = {item.shape_group: item for item in plan_part(part, 320, 9)}
        near = [item for item in shapes.values() if item.near_group]
        assert len(near) == 40
        for item in near:
            twin = shapes[item.near_group]
            assert twin.near_group == item.shape_group
            assert twin.spec.kind == item.spec.kind
            assert twin.spec.view == item.spec.view
            apart = shape_distance(KINDS[item.spec.kind], item.spec.shape, twin.spec.shape)
            assert apart == pytest.approx(item.near_distance, abs=1e-4)
            assert 0.05 < apart < 0.4
        far = [
            shape_distance(KINDS[a.spec.kind], a.spec.shape, b.spec.shape)
            for a in shapes.values()
            for b in shapes.values()
            if a.spec.kind == b.spec.kind and a.shape_group < b.shape_group and b.shape_group != a.near_group
        ]
        assert np.median(far) > 2 * np.median([item.near_distance for item in near])


@pytest.mark.parametrize("part", PARTS)
def test_fewer_are_the_beginning_and_seeds_do_not_meet(part):
    some, more = list(plan_part(part, 40, 3)), list(plan_part(part, 100, 3))
    assert some == more[:40]
    other = {tuple(item.spec.shape.values()) for item in plan_part(part, 100, 4)}
    assert not other & {tuple(item.spec.shape.values()) for item in more}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"part": "X"}, "no part 'X'.*S, C, D"),
        ({"part": "S", "unseen": ["mug"]}, "no kind or family 'mug'.*shoe"),
        ({"part": "C", "unseen": ["chair"]}, "leave some to train on"),
        ({"part": "S", "shares": (70, 10, 10)}, "multiples of 5 that make 100"),
        ({"part": "S", "shares": (73, 7, 20)}, "multiples of 5 that make 100"),
    ],
)
def test_mistakes_are_one_clear_error(wrong, words):
    with pytest.raises(ConfigError, match=words):
        list(plan_part(count=1, seed=0, **wrong))


def test_every_family_is_shown_and_every_kind_named_in_the_docs():
    docs = Path(__file__).parents[2] / "docs"
    if not docs.is_dir():
        pytest.skip("the docs are not part of an installed package")
    page = (docs / "synth.md").read_text(encoding="utf-8")
    for family, kinds in FAMILIES.items():
        assert f"images/synth-{family}.jpg" in page
        assert (docs / "images" / f"synth-{family}.jpg").stat().st_size < 250_000
        listed = ", ".join(f"{kind.name} ({len(kind.parameters)})" for kind in kinds)
        assert f"| {family} | {listed} |" in page


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_shows_in_the_form(kind):
    """But for those listed as idle: a number that changes nothing must not be stated, nor make a near twin."""
    found = set()
    for name, parameter in KINDS[kind].parameters.items():
        for seed in range(12):
            base = sample_shape(np.random.default_rng(seed), KINDS[kind])
            low, high = (KINDS[kind].build({**base, name: end}) for end in (parameter.low, parameter.high))
            if not same_form(low, high):
                found.add(name)
                break
    assert set(KINDS[kind].parameters) - found == IDLE_NUMBERS.get(kind, frozenset())


def same_form(one, other):
    parts = [np.concatenate(solid.face_parts) for solid in (one, other)]
    slots = [np.concatenate(solid.face_slots) for solid in (one, other)]
    points = [np.concatenate(solid.vertices) for solid in (one, other)]
    return (
        points[0].shape == points[1].shape
        and np.abs(points[0] - points[1]).max() < 1e-3
        and one.slots == other.slots
        and np.array_equal(*slots)
        and np.array_equal(*parts)
    )
