from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from stbir.datasets import READERS, Dataset, open_dataset, read_dataset
from stbir.datasets.check import check
from stbir.datasets.readers import DATA_VARIABLE, data_folder
from stbir.errors import DatasetError

STROKES = [[[0, 0], [40, 40]], [[40, 0], [0, 40]]]


def png(colour: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def write_set(folder: Path, rows: list[dict[str, object]], files: dict[str, bytes]) -> Path:
    files = {**files, "manifest.jsonl": "\n".join(map(json.dumps, rows)).encode()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(folder: Path) -> Path:
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return target


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "p/a.png", "text": "red", "sketches": ["s/a.json", "s/a.ndjson"], "split": "test"},
        {"id": "b", "image": "p/b.png", "split": "gallery"},
        {"id": "c", "text": "no picture", "split": "train"},
    ]
    drawing = {"drawing": [[[0, 40], [0, 40]]]}
    files = {
        "p/a.png": png(),
        "p/b.png": b"broken",
        "s/a.json": json.dumps({"strokes": STROKES}).encode(),
        "s/a.ndjson": json.dumps(drawing).encode(),
    }
    return write_set(tmp_path / "mine", rows, files)


@pytest.mark.parametrize("form", ["folder", "zip", "manifest"])
def test_plain_set_reads_the_same_in_every_form(plain: Path, form: str) -> None:
    where = {"folder": plain, "zip": zipped(plain), "manifest": plain / "manifest.jsonl"}[form]
    data = open_dataset(where)
    assert data.name == "mine"
    assert data.splits == ("test", "gallery", "train")
    (row,) = data.in_split("test")
    assert data.picture(row).size == (8, 6)
    assert [sketch.num_points for sketch in data.sketches(row)] == [4, 2]
    assert data.picture_bytes(row) == (plain / "p" / "a.png").read_bytes()
    assert data.sketch_hash(row, 0) != data.sketch_hash(row, 1)


def test_errors_name_row_and_file(plain: Path) -> None:
    data = open_dataset(plain)
    a, b, c = data.rows
    with pytest.raises(DatasetError, match=r"p/b\.png of row 'b'"):
        data.picture(b)
    with pytest.raises(DatasetError, match="row 'c' has no picture"):
        data.picture(c)
    with pytest.raises(DatasetError, match="2 drawings, not a number 2"):
        data.sketch(a, 2)
    with pytest.raises(DatasetError, match="has no split valid: it has test, gallery, train"):
        data.in_split("valid")
    (plain / "s" / "a.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"s/a\.json of row 'a'"):
        data.sketch(a, 0)


def test_without_splits_every_row_belongs_to_each(tmp_path: Path) -> None:
    data = open_dataset(write_set(tmp_path / "x", [{"id": "a"}, {"id": "b"}], {}))
    assert len(data.in_split("test")) == 2


def test_names_are_looked_up_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DatasetError, match=r"put sketchy-125\.zip there"):
        open_dataset("sketchy-125")
    zipped(write_set(tmp_path / "sketchy-125", [{"id": "a"}], {}))
    assert open_dataset("sketchy-125").name == "sketchy-125"
    with pytest.raises(DatasetError, match="neither a folder or zip nor a known data set: known are chairv2"):
        open_dataset("nonsense")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"holds no manifest\.jsonl"):
        open_dataset(tmp_path / "empty")


def chairs(tmp_path: Path, *, strokes: list[dict[str, object]]) -> Path:
    rows: list[dict[str, object]] = [
        {"id": "chair:00123456_v1", "split": "test", "image": "photo/x.png", "sketches": ["png/00123456_v1_1.png"]},
        {"id": "chair:9", "split": "train", "image": None, "sketches": []},
    ]
    lines = "\n".join(map(json.dumps, strokes)).encode()
    return write_set(tmp_path / "chairv2-sketches", rows, {"strokes.jsonl": lines, "photo/x.png": png()})


def test_chairs_take_strokes_by_key_and_leave_their_own_article_out(tmp_path: Path) -> None:
    folder = chairs(tmp_path, strokes=[{"id": "00123456_v1_1", "strokes": STROKES}])
    with pytest.raises(DatasetError, match="needs the data set ikea-products beside it"):
        open_dataset(folder)
    ikea = [{"id": "001.234.56", "image": "photo/1.png"}, {"id": "999.999.99", "image": "photo/2.png"}]
    write_set(tmp_path / "ikea-products", ikea, {"photo/1.png": png(), "photo/2.png": png(size=(3, 3))})
    data = open_dataset(folder)
    assert [row.id for row in data.in_split("gallery")] == ["ikea/999.999.99"]
    (chair,) = data.in_split("test")
    assert chair.category == "chair"
    assert data.sketch(chair).num_points == 4
    assert data.picture(chair).size == (8, 6)
    assert data.picture(data.in_split("gallery")[0]).size == (3, 3)


@pytest.mark.parametrize(
    ("strokes", "message"),
    [([{"id": "other", "strokes": STROKES}], "names the drawing"), ([{"id": "x"}], r"strokes\.jsonl:1")],
)
def test_chairs_without_their_strokes_are_refused(
    tmp_path: Path, strokes: list[dict[str, object]], message: str
) -> None:
    folder = chairs(tmp_path, strokes=strokes)
    write_set(tmp_path / "ikea-products", [{"id": "1", "image": "p.png"}], {})
    with pytest.raises(DatasetError, match=message):
        open_dataset(folder)


def test_qmul_pictures_are_edge_maps(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "qmul-v1-sketch-edge", [{"id": "a", "photo_edges": "e.png"}], {"e.png": png()})
    data = open_dataset(folder)
    assert data.rows[0].image == "e.png"
    assert data.rows[0].attributes["image_kind"] == "edge map"
    write_set(folder, [{"id": "a"}], {})
    with pytest.raises(DatasetError, match="names no photo_edges"):
        open_dataset(folder)


def test_quickdraw_by_name_reads_its_strokes(tmp_path: Path) -> None:
    lines = [{"id": "qd-1", "category": "cat", "source": "quickdraw", "recognized": True, "strokes": STROKES}]
    (tmp_path / "quickdraw-10k").mkdir()
    (tmp_path / "quickdraw-10k" / "drawings.jsonl").write_text("\n".join(map(json.dumps, lines)))
    data = open_dataset(tmp_path / "quickdraw-10k")
    assert (data.rows[0].category, data.rows[0].image) == ("cat", None)
    assert data.sketch(data.rows[0]).num_points == 4


def test_a_tolerant_reading_goes_on_after_errors(tmp_path: Path) -> None:
    folder = chairs(tmp_path, strokes=[{"id": "x"}])
    write_set(tmp_path / "ikea-products", [{"id": "1", "image": "p.png"}], {})
    reading = read_dataset(folder, is_strict=False)
    assert [(problem.kind, problem.place) for problem in reading.problems] == [
        ("format", "strokes.jsonl:1"),
        ("missing", "manifest.jsonl:1"),
    ]
    assert [row.id for row in reading.rows] == ["chair:00123456_v1", "chair:9", "ikea/1"]
    assert reading.rows[0].sketches == ()


def real(name: str) -> Dataset:
    folder = Path(os.environ.get(DATA_VARIABLE) or Path(__file__).parents[2] / ".." / "shared" / "data")
    if not (folder / f"{name}.zip").exists():
        pytest.skip(f"{name}.zip is not in {DATA_VARIABLE} ({folder})")
    return open_dataset(folder / f"{name}.zip")


@pytest.mark.shared_data
@pytest.mark.parametrize("name", sorted(READERS))
def test_real_sets_name_only_files_they_hold(name: str) -> None:
    data = real(name)
    for row in data.rows[:: max(1, len(data.rows) // 300)]:
        assert row.image is None or data.files.has(row.image)
        assert all(sketch in data.strokes or data.files.has(sketch) for sketch in row.sketches)


@pytest.mark.shared_data
def test_sizes_of_the_benchmark_sets() -> None:
    sketchy = real("sketchy-125")
    test = sketchy.in_split("test")
    assert len(test) == 125
    assert sum(len(row.sketches) for row in test) == 647
    assert len(test) + len(sketchy.in_split("gallery")) == 1297
    chairv2 = real("chairv2-sketches")
    assert sum(row.image is not None for row in chairv2.in_split("train", "val", "test")) == 30
    assert len(chairv2.in_split("gallery")) == 2157


def test_data_folder_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    assert data_folder() == Path("..", "shared", "data")


@pytest.mark.shared_data
def test_the_rows_of_the_official_manifests_load_as_they_are(tmp_path: Path) -> None:
    """All 2,400 rows, written as the authors publish them: split by split, with their paths and field names."""
    official = []
    for row in real("chairv2-sketches").in_split("train", "val", "test"):
        known = row.attributes
        official.append(
            (row, "chair", known["official_image"], known["official_sketches"]),
        )
    for row in real("shoev2-photos").rows:
        part = "test" if row.split == "test" else "train"
        official.append((row, "shoe", f"datasets/datasets/ShoeV2/{part}B/{row.id.removeprefix('shoe/')}.png", []))
    (tmp_path / "manifests").mkdir()
    for split in ("train", "val", "test"):
        lines = [
            {
                "id": row.id.replace("/", ":"),
                "category": category,
                "split": split,
                "source": split,
                "image": image,
                "text": row.text,
                "positive_sketches": sketches,
                "negative_sketches": [],
                "virtual_class": row.virtual_class and int(row.virtual_class),
            }
            for row, category, image, sketches in official
            if row.split == split
        ]
        path = tmp_path / "manifests" / f"{split}_manifest.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    reading = read_dataset(tmp_path, is_strict=False)
    assert reading.problems == []  # the published numbers of rows among them
    assert len(reading.rows) == 2400
    assert sum(len(row.sketches) for row in reading.rows) == 1275


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["chairv2-sketches", "shoev2-photos", "sketchy-125", "qmul-v1-sketch-edge"])
def test_the_benchmark_sets_have_no_errors(name: str) -> None:
    data = real(name)
    report = check(read_dataset(data.files.name, is_strict=False))
    assert [str(problem) for problem in report.problems if problem.severity == "error"] == []
