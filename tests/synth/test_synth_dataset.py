"""Data sets on disk: manifest and files agree, a second run goes on, seeds do not meet."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from click.testing import CliRunner

from stbir.cli.synth import synth
from stbir.datasets import open_dataset
from stbir.errors import ConfigError, DatasetError
from stbir.synth import build_dataset, build_part
from stbir.synth.dataset import plan
from stbir.synth.samples import SAMPLE_SEED
from stbir.synth.wording import short_text


def shapes_of(count, seed):
    return {json.dumps(dict(item.spec.shape), sort_keys=True) for item in plan(count, seed)}


def test_plan_comes_in_twins():
    items = list(plan(640, 1))
    assert len({item.id for item in items}) == 640
    assert set(Counter(item.shape_group for item in items).values()) == {4}
    assert set(Counter(item.dress_group for item in items).values()) == {4}
    looks = Counter((item.shape_group, short_text(item.spec)) for item in items)
    assert max(looks.values()) == 1, "two pictures of one shape look alike"
    assert len({item.id.split("-")[0] for item in items}) == 5


def test_plan_of_fewer_is_the_beginning():
    assert [item.spec for item in plan(20, 3)] == [item.spec for item in plan(40, 3)][:20]


def test_other_seeds_have_other_shapes():
    assert not shapes_of(160, SAMPLE_SEED) & shapes_of(160, 910_001)


def test_build_and_go_on(tmp_path):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    manifest = build_dataset(tmp_path / "d", 3, seed=5, size_px=48, drawings_per_object=1)
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 3
    for row in rows:
        assert (tmp_path / "d" / row["image"]).stat().st_size > 500
        assert all((tmp_path / "d" / name).is_file() for name in row["sketches"])
    first = (tmp_path / "d" / rows[0]["image"]).read_bytes()
    (tmp_path / "d" / rows[0]["image"]).unlink()
    kept = (tmp_path / "d" / rows[1]["image"]).stat().st_mtime_ns
    calls = []
    build_dataset(
        tmp_path / "d", 4, seed=5, size_px=48, drawings_per_object=1, progress=lambda *call: calls.append(call)
    )
    assert (tmp_path / "d" / rows[0]["image"]).read_bytes() == first
    assert (tmp_path / "d" / rows[1]["image"]).stat().st_mtime_ns == kept
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(DatasetError, match="other settings"):
        build_dataset(tmp_path / "d", 4, seed=6, size_px=48)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"size_px": 8}, {"drawings_per_object": -1}, {"num_workers": 0}])
def test_numbers_out_of_range(tmp_path, wrong):
    with pytest.raises(ConfigError, match="count of 1 or more"):
        build_dataset(tmp_path, **{"count": 1, **wrong})


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match="cannot write"):
        build_dataset(tmp_path / "file", 1)


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_part_is_the_same_in_one_process_and_in_two_and_goes_on(tmp_path):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    manifest = build_part(tmp_path / "one", "D", 10, seed=3, size_px=40)
    calls = []
    build_part(tmp_path / "two", "D", 4, seed=3, size_px=40)
    build_part(tmp_path / "two", "D", 10, seed=3, size_px=40, num_workers=2, progress=lambda *call: calls.append(call))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert calls[0] == (4, 10)
    assert calls[-1] == (10, 10)
    for line in manifest.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert row["split"] in ("train", "val", "test")
        assert len(row["texts"]) == len(row["attributes"]["states"])
        assert row["virtual_class"] == row["attributes"]["kind"]
        assert row["attributes"]["numbers"]
    rows = open_dataset(tmp_path / "one").rows
    assert len(rows) == 10
    with pytest.raises(DatasetError, match="other settings"):
        build_part(tmp_path / "one", "D", 10, seed=3, size_px=40, unseen=("mug",))


def test_every_part_is_the_same_twice(tmp_path):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    for part in ("S", "C", "D"):
        for name in ("a", "b"):
            build_part(tmp_path / name / part, part, 2, seed=11, size_px=48)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_a_part_from_the_command_line(tmp_path):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    given = ["render", "--part", "S", "--count", "2", "--size", "40", "--workers", "1", "--splits", "none"]
    result = CliRunner().invoke(synth, [*given, "--out", str(tmp_path / "s")], catch_exceptions=False)
    assert result.exit_code == 0
    rows = (tmp_path / "s" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert all("split" not in json.loads(row) for row in rows)
    for wrong, words in (
        (["--part", "S", "--family", "mug"], "exclude each other"),
        (["--unseen", "mug"], "needs a part"),
        (["--part", "S", "--splits", "a,b"], "three percentages"),
    ):
        with pytest.raises(ConfigError, match=words):
            CliRunner().invoke(synth, ["render", *wrong, "--out", str(tmp_path / "w")], catch_exceptions=False)


def test_command_line(tmp_path):
    pytest.importorskip("vtkmodules", reason="needs the extra synth")
    arguments = [
        "render",
        "--count",
        "2",
        "--out",
        str(tmp_path),
        "--size",
        "48",
        "--family",
        "beer stein",
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(synth, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    rows = (tmp_path / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["attributes"]["kind"] for row in rows] == ["beer stein"] * 2
