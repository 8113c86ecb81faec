from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from dataset_layouts import LAYOUTS, Layout, qmul_vector, zipped
from stbir.datasets import Dataset, open_dataset, read_dataset
from stbir.datasets.build import build_manifest, import_dataset
from stbir.datasets.check import check
from stbir.errors import DatasetError

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def content(data: Dataset) -> list[tuple[object, ...]]:
    """All that a data set says, files by their content."""
    return [
        (
            row.id, row.category, row.all_texts, row.split, row.attributes,
            row.image and data.picture_bytes(row),
            [[stroke.tolist() for stroke in sketch.strokes] for sketch in data.sketches(row)],
        )
        for row in data.rows
    ]  # fmt: skip


@EVERY
@pytest.mark.parametrize("is_above", [False, True])
def test_a_built_manifest_says_the_same(layout: Layout, is_above: bool, tmp_path: Path) -> None:
    folder = layout.make(tmp_path)
    before = open_dataset(folder)
    out = (folder.parent if is_above else folder) / "built.jsonl"
    assert build_manifest(read_dataset(folder), out) == layout.num_rows
    assert content(open_dataset(out)) == content(before)
    with pytest.raises(DatasetError, match="exists already: choose another name, or replace it with --force"):
        build_manifest(read_dataset(folder), out)
    build_manifest(read_dataset(folder, layout.format), out, is_forced=True)


@EVERY
@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_an_imported_set_stands_alone(layout: Layout, name: str, tmp_path: Path) -> None:
    folder = layout.make(tmp_path / "a")
    before = content(open_dataset(folder))
    out = tmp_path / "b" / name
    import_dataset(read_dataset(folder), out)
    folder.rename(tmp_path / "gone")
    data = open_dataset(out)
    assert content(data) == before
    assert check(read_dataset(out, is_strict=False)).num_errors == 0
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_the_same_set_gives_the_same_zip(tmp_path: Path) -> None:
    folder = LAYOUTS["qmul"].make(tmp_path)
    for name in ("a.zip", "b.zip"):
        import_dataset(read_dataset(folder), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert "train_noise/1031_1_mask1.png" in archive.namelist()


def test_a_manifest_must_lie_above_its_files(tmp_path: Path) -> None:
    folder = LAYOUTS["qmul"].make(tmp_path / "sets")
    with pytest.raises(DatasetError, match="would not lie above its files"):
        build_manifest(read_dataset(folder), tmp_path / "elsewhere" / "manifest.jsonl")
    with pytest.raises(DatasetError, match="is not one folder: bring it into one by stbir data import"):
        build_manifest(read_dataset(zipped(folder)), tmp_path / "manifest.jsonl")
    assert not (tmp_path / "manifest.jsonl").exists()


def test_strokes_are_not_written_over_others(tmp_path: Path) -> None:
    folder = qmul_vector(tmp_path)
    (folder / "strokes.jsonl").write_text("precious")
    with pytest.raises(DatasetError, match=r"strokes\.jsonl exists already"):
        build_manifest(read_dataset(folder, "qmul"), folder / "manifest.jsonl")
    assert (folder / "strokes.jsonl").read_text() == "precious"


def test_importing_refuses_gaps_and_existing_places(tmp_path: Path) -> None:
    folder = LAYOUTS["manifest"].make(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(DatasetError, match="full exists already"):
        import_dataset(read_dataset(folder), tmp_path / "full")
    (folder / "photo" / "1.png").unlink()
    with pytest.raises(DatasetError, match=r"lacks 1 files that its rows name, such as 'photo/1\.png'"):
        import_dataset(read_dataset(folder), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_interrupted_import_leaves_nothing(tmp_path: Path) -> None:
    folder = LAYOUTS["manifest"].make(tmp_path / "a")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    for name in ("copy", "copy.zip"):
        with pytest.raises(KeyboardInterrupt):
            import_dataset(read_dataset(folder), tmp_path / "b" / name, progress=stop)
    assert list((tmp_path / "b").iterdir()) == []
