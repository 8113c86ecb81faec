"""Ceilings: by hand on four pictures, and on a planned part against counting pair by pair."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from stbir.cli.synth import synth
from stbir.errors import DatasetError
from stbir.synth import ceilings, plan_part, write_texts
from stbir.synth.captions import facts_of


def row(color, kind, group, /, **stated):
    states = [{"style": "short", **{name: list(values) for name, values in stated.items()}}]
    return {"color": color, "kind": kind, "shape": [], "shape_group": group, "states": states}


FOUR = [
    row("red", "pump", "a", color=["red"]),  # also the red loafer: 1/2; twin in shape: 1/2; both: 1
    row("blue", "pump", "a", color=["blue"], kind=["pump"]),  # alone: 1; twin in shape: 1/2; both: 1
    row("red", "loafer", "b", kind=["loafer", "pump"]),  # everything but the boot: 1/3; own shape: 1; both: 1
    row("navy", "boot", "c", color=["navy"]),
]


def test_four_pictures_by_hand():
    first, short = ceilings(FOUR)
    assert (first.style, short.style) == ("first", "short")
    assert first.num_queries == short.num_queries == 4
    assert short.sketch == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert short.text == pytest.approx((1 / 2 + 1 + 1 / 3 + 1) / 4)
    assert short.both == 1.0


def test_twins_in_shape_and_in_words_cannot_be_told_apart():
    same = [row("red", "pump", "a", color=["red"])] * 2
    assert [(each.sketch, each.text, each.both) for each in ceilings(same)] == [(0.5, 0.5, 0.5)] * 2


def test_a_planned_part_against_pair_by_pair():
    items = list(plan_part("D", 160, 1))
    texts = [write_texts(item.spec, np.random.default_rng(item.number)) for item in items]
    facts = [facts_of(item.spec) | {"shape_group": item.shape_group} for item in items]
    rows = [
        fact | {"states": [{"style": text.style, **text.states} for text in own]}
        for fact, own in zip(facts, texts, strict=True)
    ]
    first = ceilings(rows)[0]
    slow = [1 / sum(own[0].fits(other) for other in facts) for own in texts]
    assert first.text == pytest.approx(np.mean(slow))
    assert first.sketch == pytest.approx(0.25)
    assert first.text < 0.5 < first.both == 1.0


@pytest.mark.parametrize("rows", [[], [{"color": "red"}], [{"shape_group": "a", "states": []}]])
def test_rows_that_do_not_say_enough(rows):
    with pytest.raises(DatasetError, match=r"choose a split|--part S, C or D"):
        ceilings(rows)


def test_a_row_that_contradicts_itself():
    with pytest.raises(DatasetError, match="row 1 states what its own facts do not allow"):
        ceilings([row("red", "pump", "a", color=["blue"])])


def test_command_line(tmp_path):
    lines = [json.dumps({"id": str(k), "split": "test", "attributes": fact}) for k, fact in enumerate(FOUR)]
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    result = CliRunner().invoke(synth, ["ceilings", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "75.0" in result.stdout
    result = CliRunner().invoke(synth, ["ceilings", str(tmp_path), "--json", "--split", "test"], catch_exceptions=False)
    assert json.loads(result.stdout)["num_pictures"] == 4
    with pytest.raises(DatasetError, match="choose a split"):
        CliRunner().invoke(synth, ["ceilings", str(tmp_path), "--split", "val"], catch_exceptions=False)
