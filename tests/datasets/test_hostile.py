"""Whatever a stranger's data set holds, the kit answers in its own words, within its limits, and runs nothing."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import LAYOUTS, Layout, manifest, ndjson, picture, write
from stbir.cli.data_output import report_json, report_text
from stbir.datasets import open_dataset, read_dataset
from stbir.datasets import reading as reading_module
from stbir.datasets.build import build_manifest, import_dataset
from stbir.datasets.check import check
from stbir.datasets.stats import describe
from stbir.errors import DatasetError, StbirError

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
TEXTUAL = {".json", ".jsonl", ".ndjson", ".csv", ".txt", ".npy"}


@EVERY
def test_damage_of_any_kind_is_reported_not_raised(layout: Layout, tmp_path: Path) -> None:
    """Bytes flipped, cut out and repeated, in lists as in pictures."""
    rng = np.random.default_rng(7)
    folder = layout.make(tmp_path)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in files}
    lists = [path for path in files if path.suffix in TEXTUAL] or files
    for turn in range(40):
        path = (lists if turn % 2 else files)[int(rng.integers(len(lists if turn % 2 else files)))]
        content = bytearray(whole[path])
        start, stop = sorted(rng.integers(0, len(content) + 1, 2).tolist())
        if turn % 3 == 0:
            content[start:stop] = rng.integers(0, 256, stop - start).astype(np.uint8).tobytes()
        elif turn % 3 == 1:
            del content[start:stop]
        else:
            content[start:start] = content[start:stop] * 3
        path.write_bytes(content)
        with contextlib.suppress(DatasetError):  # nothing is left that could be read
            report = check(read_dataset(folder, layout.format, is_strict=False))
            assert all(line.isprintable() for line in report_text(report).splitlines())
            json.dumps(report_json(report))
        with contextlib.suppress(StbirError):
            describe(read_dataset(folder, layout.format))
        path.write_bytes(whole[path])


@pytest.mark.parametrize(
    "row",
    [
        f'{{"id": "a", "text": "x", "deep": {"[" * 200 + "]" * 200}}}',
        f'{{"id": "a", "text": "x", "deep": {"[" * 100_000 + "]" * 100_000}}}',
        f'{{"id": "a", "text": "x", "n": {"9" * 5000}}}',
        '{"id": "a", "note": "\\udfff", "text": "x"}',
        '{"id": "\\ud800", "text": "x"}',
        '{"id": "a", "text": "\\ud800"}',
        '{"id": "a", "image": "\\u0000.png"}',
        '{"id": "a", "image": "//host/share.png"}',
        '{"id": "a", "sketches": "/etc/passwd"}',
        '{"id": "a", "sketches": [["x"]]}',
        '{"id": {"a": 1}, "split": ["x"]}',
        '{"text": "x"}',
    ],
)
def test_odd_rows_are_findings(row: str, tmp_path: Path) -> None:
    write(tmp_path / "set", {"manifest.jsonl": f'{row}\n{{"id": "fine", "text": "fine"}}\n'})
    report = check(read_dataset(tmp_path / "set", is_strict=False))
    lines = [str(problem) for problem in report.problems if problem.severity == "error"]
    assert any("manifest.jsonl:1: " in line for line in lines)
    assert all(line.isprintable() and len(line) < 400 for line in lines)
    assert report.num_rows >= 1


def test_half_characters_are_refused_and_whole_ones_kept(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", {"manifest.jsonl": '{"id": "a", "text": "\\ud83d\\ude00 é"}\n'})
    build_manifest(read_dataset(folder), folder / "again.jsonl")
    assert open_dataset(folder / "again.jsonl").rows[0].text == "😀 é"
    images = '{"images": [{"filename": "a.jpg", "split": "test", "sentences": [{"raw": "\\udc00"}]}]}'
    with pytest.raises(DatasetError, match="half a character"):
        open_dataset(write(tmp_path / "coco", {"dataset_coco.json": images}))


def test_lists_over_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = manifest(tmp_path)
    monkeypatch.setattr("stbir.datasets.formats.manifest.MAX_MANIFEST_BYTES", 10)
    with pytest.raises(DatasetError, match="more than the 10 bytes allowed"):
        open_dataset(folder)
    report = check(read_dataset(folder, is_strict=False))
    assert report.problems[0].kind == "over-limit"


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "MAX_ROWS", 2)
    with pytest.raises(DatasetError, match="more than the 2 rows allowed: split it"):
        read_dataset(manifest(tmp_path), is_strict=False)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\b.png", "x/../../y.png"])
def test_no_list_leads_out(name: str, tmp_path: Path) -> None:
    line = f"test,a dog,dog,{name},1.png"
    header = "split,text,object_category,image_filename,sketch_filename"
    cstbir = write(tmp_path / "a", {"CSTBIR.csv": f"{header}\n{line}\n"})
    images = [{"filename": name, "split": "test", "sentences": [{"raw": "x"}]}]
    karpathy = write(tmp_path / "b", {"dataset_coco.json": json.dumps({"images": images})})
    lists = write(tmp_path / "c", {"zeroshot1/all_photo_filelist_train.txt": f"{name} 1\n"})
    for folder in (cstbir, karpathy, lists):
        report = check(read_dataset(folder, is_strict=False))
        assert report.num_rows == 0
        assert {problem.kind for problem in report.problems if problem.severity == "error"} == {"outside"}
        with pytest.raises(DatasetError, match="out of the data set"):
            open_dataset(folder)


def test_importing_never_writes_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1))
    folder = write(tmp_path / "set", {"manifest.jsonl": ndjson({"id": "a", "image": "a.png", "x": "../secret.png"})})
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DatasetError, match="link out of the data set"):
        import_dataset(read_dataset(folder), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
