"""Every layout: recognised, read alike as a folder, as a zip and one folder down, and fit to be evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_layouts import LAYOUTS, Layout, zipped
from stbir.datasets import FORMATS, open_dataset, read_dataset
from stbir.datasets.readers import _recognised
from stbir.datasets.sources import open_files
from stbir.errors import DatasetError
from stbir.evaluate import make_task

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


@EVERY
def test_the_layout_is_recognised(layout: Layout, tmp_path: Path) -> None:
    assert _recognised(open_files(layout.make(tmp_path)))[0] == layout.format


@EVERY
def test_folder_zip_and_nested_folder_give_the_same_rows(layout: Layout, tmp_path: Path) -> None:
    folder = layout.make(tmp_path / "a")
    rows = open_dataset(folder).rows
    assert len(rows) == layout.num_rows
    assert open_dataset(zipped(folder)).rows == rows
    outer = tmp_path / "unpacked"
    outer.mkdir()
    folder.rename(outer / folder.name)
    nested = open_dataset(outer)
    assert len(nested.rows) == layout.num_rows
    assert all(nested.picture_bytes(row) for row in nested.rows if row.image)
    assert all(sketch.num_points for row in nested.rows for sketch in nested.sketches(row))


@EVERY
def test_everything_that_rows_name_can_be_opened(layout: Layout, tmp_path: Path) -> None:
    data = open_dataset(layout.make(tmp_path), layout.format)
    for row in data.rows:
        assert row.image is None or data.picture(row).size == (48, 40)
        assert all(sketch.num_points > 1 for sketch in data.sketches(row))
        assert row.image or row.sketches


@EVERY
def test_nothing_is_lost_and_nothing_is_made_up(layout: Layout, tmp_path: Path) -> None:
    """A whole copy has no finding but the numbers, which a sample of a few files must miss."""
    reading = read_dataset(layout.make(tmp_path), is_strict=False)
    assert {problem.kind for problem in reading.problems} <= {"count"}


@EVERY
def test_pairs_can_be_evaluated(layout: Layout, tmp_path: Path) -> None:
    data = open_dataset(layout.make(tmp_path))
    if layout.is_paired:
        task = make_task("open", data, splits=(layout.split,))
        assert task.questions
        assert all(row.split == layout.split for row in task.gallery)
    else:
        with pytest.raises(DatasetError, match=r"no row has a picture and a drawing|has no split"):
            make_task("open", data, splits=("test",))


def test_every_format_has_a_layout_that_is_tested() -> None:
    assert {layout.format for layout in LAYOUTS.values()} == set(FORMATS)


def test_a_folder_of_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"holds no manifest\.jsonl, and its layout is none of stbir, "):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("nonsense", "there is no format 'nonsense': choose one of manifest, stbir, "),
        ("qmul:masks", "the format qmul has no option 'masks': choose of noise"),
        ("dsr:x", "the format dsr has no option 'x': it has none"),
    ],
)
def test_mistakes_in_a_format_name_what_there_is(layout: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(LAYOUTS["qmul"].make(tmp_path), layout)
