"""What each layout maps to what, and what it says when something of its own is broken."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import LAYOUTS, drawing, ndjson, picture, strokes, write
from stbir.datasets import Dataset, Row, open_dataset, read_dataset
from stbir.datasets.formats import karpathy as karpathy_format
from stbir.datasets.formats.qmul import category_of
from stbir.errors import DatasetError


def made(name: str, tmp_path: Path, layout: str | None = None) -> tuple[Dataset, dict[str, Row]]:
    data = open_dataset(LAYOUTS[name].make(tmp_path), layout)
    return data, {row.id: row for row in data.rows}


def kinds(where: Path, layout: str | None = None) -> list[tuple[str, str, str]]:
    problems = read_dataset(where, layout, is_strict=False).problems
    return [(problem.severity, problem.kind, str(problem)) for problem in problems if problem.kind != "count"]


def test_official_manifests_keep_their_fields(tmp_path: Path) -> None:
    _, rows = made("stbir", tmp_path)
    row = rows["shoe:2"]
    assert (row.split, row.category, row.text) == ("test", "shoe", "red shoe 2")
    assert row.sketches == ("datasets/datasets/ShoeV2/testA/2_1.png",)
    assert row.attributes["negative_texts"] == ["blue boot"]


def test_official_manifests_find_pictures_that_were_unpacked_elsewhere(tmp_path: Path) -> None:
    folder = LAYOUTS["stbir"].make(tmp_path)
    (folder / "datasets" / "datasets" / "ShoeV2").rename(folder / "ShoeV2")
    data = open_dataset(folder)
    assert data.rows[0].image == "ShoeV2/testB/2.png"
    assert all(data.files.has(row.image or "") and data.files.has(row.sketches[0]) for row in data.rows)


def test_one_of_several_manifests_can_be_named(tmp_path: Path) -> None:
    folder = LAYOUTS["stbir"].make(tmp_path)
    data = open_dataset(folder / "manifests" / "val_manifest.jsonl")
    assert [row.split for row in data.rows] == ["val"]
    assert data.picture(data.rows[0]).size == (48, 40)


def test_qmul_pairs_by_name_and_takes_texts(tmp_path: Path) -> None:
    _, rows = made("qmul", tmp_path)
    row = rows["shoe/CHA_v1_Red"]
    assert row.sketches == ("trainA/CHA_v1_Red_1.png", "trainA/CHA_v1_Red_3.png")
    assert (row.image, row.split, row.category) == ("trainB/CHA_v1_Red.png", "train", "shoe")
    assert row.text == "black shoe CHA_v1_Red"
    assert rows["shoe/2429"].attributes == {"noise_sketches": ["test_noise/2429_1_mask1.png"]}


def test_qmul_noise_counts_as_drawings_when_asked_for(tmp_path: Path) -> None:
    _, rows = made("qmul", tmp_path, "qmul:noise")
    assert rows["shoe/2429"].sketches[-1] == "test_noise/2429_1_mask1.png"
    assert "noise_sketches" not in rows["shoe/2429"].attributes


def test_qmul_says_what_is_unpaired(tmp_path: Path) -> None:
    folder = LAYOUTS["qmul"].make(tmp_path)
    write(folder, {"trainA/404_1.png": drawing(1), "trainA/scan.png": drawing(2), "testB/9.png": picture(9)})
    found = kinds(folder)
    assert ("error", "missing", "trainA/404_1.png: its photo 404 is not in trainB") in found
    assert ("error", "format", "trainA/scan.png: expected a drawing called <photo>_<number>.png") in found
    assert ("warning", "unpaired", "testB/9.png: no drawing 9_<number>.png in testA") in found


def test_qmul_vectors_are_strokes(tmp_path: Path) -> None:
    data, rows = made("qmul-vector", tmp_path)
    row = rows["chair/10_v1"]
    assert (row.sketches, row.split) == (("train/10_v1_1", "train/10_v1_2"), "train")
    assert [stroke.tolist() for stroke in data.sketch(row, 0).strokes] == strokes(1)
    assert rows["chair/20"].split == "test"


def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path(tmp_path / "exploded").touch, ())

    files = {"photo/a.png": picture(1), "ShoeV2_Coordinate": pickle.dumps(Bomb())}
    with pytest.raises(DatasetError, match=r"ShoeV2_Coordinate: a pickle can run any code.*convert it once: python -c"):
        open_dataset(write(tmp_path / "ShoeV2", files))
    assert not (tmp_path / "exploded").exists()


def test_the_conversion_that_is_advised_works(tmp_path: Path) -> None:
    """The command of the message is run on a pickle like QMUL's, and its result is read."""
    import shlex
    import subprocess
    import sys

    points = {"/train/a_1": np.array([[0, 0, 0], [9, 9, 1]]), "/test/b_1": np.array([[0, 9, 0], [9, 0, 1]])}
    files = {"photo/a.png": picture(1), "photo/b.png": picture(2), "ShoeV2_Coordinate": pickle.dumps(points)}
    folder = write(tmp_path / "ShoeV2", files)
    (message,) = [text for _, kind, text in kinds(folder) if kind == "pickle"]
    command = shlex.split(message.split("once: ")[1].rpartition(", with its name")[0])
    assert command[:2] == ["python", "-c"]
    code = command[2].replace("FILE", "ShoeV2_Coordinate")
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    data = open_dataset(folder)
    assert [row.id for row in data.rows] == ["shoe/a", "shoe/b"]
    assert data.sketch(data.rows[0]).num_points == 2


@pytest.mark.parametrize("points", [[[0, 0]], [["x", 0, 1]], {"a": 1}, "text"])
def test_coordinates_that_are_none_are_named(points: object, tmp_path: Path) -> None:
    files = {"photo/a.png": picture(1), "ShoeV2_Coordinate.json": json.dumps({"train/a_1": points})}
    with pytest.raises(DatasetError, match=r"the drawing 'train/a_1' is not a list of points"):
        open_dataset(write(tmp_path / "ShoeV2", files))


def test_qmul_v1_pairs_by_its_annotation(tmp_path: Path) -> None:
    folder = LAYOUTS["qmul-v1"].make(tmp_path)
    path = folder / "shoes" / "annotation" / "shoes_annotation.json"
    lists = json.loads(path.read_text())
    lists["train"]["sketches"].reverse()
    path.write_text(json.dumps(lists))
    rows = {row.id: row for row in open_dataset(folder).rows}
    assert rows["shoe/train/train1"].sketches == ("shoes/train/sketches/train2.png",)
    lists["train"]["sketches"].pop()
    path.write_text(json.dumps(lists))
    with pytest.raises(DatasetError, match="lists 2 images, but 1 sketches"):
        open_dataset(folder)
    path.unlink()
    rows = {row.id: row for row in open_dataset(folder).rows}
    assert rows["shoe/train/train1"].sketches == ("shoes/train/sketches/train1.png",)


def test_sketchy_takes_one_version_the_test_list_and_leaves_wrong_drawings_out(tmp_path: Path) -> None:
    _, rows = made("sketchy", tmp_path)
    bear = rows["bear/n02131653_7"]
    assert bear.sketches == ("256x256/sketch/tx_000000000000/bear/n02131653_7-1.png",)
    assert bear.attributes == {"invalid_sketches": ["256x256/sketch/tx_000000000000/bear/n02131653_7-2.png"]}
    assert (bear.split, rows["bear/n02131653_9"].split) == ("train", "test")
    assert rows["hot_air_balloon/ext_1"].category == "hot air balloon"


def test_lists_pair_originals_only_and_name_labels(tmp_path: Path) -> None:
    _, rows = made("sketchy-lists", tmp_path)
    bear = rows["256x256/photo/tx_000000000000/bear/n1_7.jpg"]
    assert bear.sketches == ("256x256/sketch/tx_000000000000_ready/bear/n1_7-1.png",)
    assert (bear.category, bear.split) == ("bear", "train")
    assert rows["EXTEND_image_sketchy/bear/n1_8.jpg"].sketches == ()
    assert rows["256x256/photo/tx_000000000000/hot air/n2_1.jpg"].split == "test"


def test_lists_without_pairs_give_rows_of_their_own(tmp_path: Path) -> None:
    _, rows = made("tuberlin", tmp_path)
    sketch = rows["png_ready/alarm clock/zero.png"]
    assert (sketch.image, sketch.sketches, sketch.category, sketch.split) == (
        None, ("png_ready/alarm clock/zero.png",), "alarm clock", "test",
    )  # fmt: skip


def test_several_lists_must_be_chosen_from(tmp_path: Path) -> None:
    folder = LAYOUTS["sketchy-lists"].make(tmp_path)
    for path in (folder / "zeroshot1").iterdir():
        write(folder, {f"zeroshot0/{path.name}": path.read_bytes()})
    with pytest.raises(DatasetError, match="zeroshot0, zeroshot1 are different splits: choose one"):
        open_dataset(folder)
    assert len(open_dataset(folder, "sketchy-lists:zeroshot0").rows) == 3


@pytest.mark.parametrize("line", ["bear/1.jpg", "bear/1.jpg x", "7"])
def test_broken_lines_of_a_list_are_named(line: str, tmp_path: Path) -> None:
    folder = LAYOUTS["sketchy-lists"].make(tmp_path)
    path = folder / "zeroshot1" / "all_photo_filelist_train.txt"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(DatasetError, match=r"filelist_train\.txt:3: .* expected a path, a space and a number"):
        open_dataset(folder)


def test_fscoco_splits_and_vectors(tmp_path: Path) -> None:
    folder = LAYOUTS["fscoco"].make(tmp_path)
    normal, unseen = open_dataset(folder), open_dataset(folder, "fscoco:vector,unseen")
    assert [row.split for row in normal.rows] == ["train", "test", "test"]
    assert [row.split for row in unseen.rows] == ["train", "train", "test"]
    assert normal.rows[0].sketches == ("raster_sketches/1/000000000285.jpg",)
    assert normal.rows[0].text == "a bear in scene 0"
    assert unseen.rows[0].sketches == ("vector_sketches/1/000000000285.npy",)
    assert [stroke.tolist() for stroke in unseen.sketch(unseen.rows[0]).strokes] == strokes(0)


def test_fscoco_raw_data_are_strokes_too(tmp_path: Path) -> None:
    points = [
        {"coordinates": ["0.5", "0.25"], "pen_state": [0, 1, 0], "timestamp": 1},
        {"coordinates": [0.75, 0.5], "pen_state": [1, 0, 0], "timestamp": 2},
    ]
    files = {"images/1/2.jpg": picture(1), "text/1/2.txt": "a cat", "raw_data/1/2.json": json.dumps(points)}
    data = open_dataset(write(tmp_path / "fscoco", files), "fscoco:vector")
    assert [stroke.tolist() for stroke in data.sketch(data.rows[0]).strokes] == [[[0.5, 0.25], [0.75, 0.5]]]


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    folder = LAYOUTS["fscoco"].make(tmp_path)
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    write(folder, {"vector_sketches/1/000000000285.npy": buffer.getvalue()})
    data = open_dataset(folder, "fscoco:vector")
    with pytest.raises(DatasetError, match=r"000000000285\.npy of row .*pickled arrays are never loaded"):
        data.sketch(data.rows[0])


def test_sketchycoco_has_scenes_and_objects(tmp_path: Path) -> None:
    folder = LAYOUTS["sketchycoco"].make(tmp_path)
    rows = {row.id: row for row in open_dataset(folder).rows}
    assert rows["scene/valInTrain/1"].split == rows["scene/val/2"].split == "val"
    assert (rows["object/train/17/0"].category, rows["scene/trainInTrain/0"].category) == ("cat", "scene")
    assert rows["scene/val/2"].sketches == ("Scene/Sketch/paper_version/val/2.png",)
    assert {row.id.partition("/")[0] for row in open_dataset(folder, "sketchycoco:object").rows} == {"object"}


def test_cstbir_joins_queries_that_differ_in_the_drawing_only(tmp_path: Path) -> None:
    _, rows = made("cstbir", tmp_path)
    assert rows["train/10"].sketches == ("sketches/dog/1.png", "sketches/dog/2.png")
    assert rows["train/10"].text == "a [sketch], by a lake"
    assert rows["train/10#2"].category == "cup"
    assert rows["test/11"].image == "images/VG_Dataset/VG_100K/11.jpg"


def test_cstbir_as_a_list(tmp_path: Path) -> None:
    query = {"split": "test", "text": "a dog", "label": "dog", "image": "1.jpg", "sketch": "dog/1.png"}
    files = {"images/1.jpg": picture(1), "sketches/dog/1.png": drawing(1)}
    folder = write(tmp_path / "cstbir", {**files, "CSTBIR_dataset.json": json.dumps([query])})
    assert open_dataset(folder).rows[0].sketches == ("sketches/dog/1.png",)
    write(folder, {"CSTBIR_dataset.json": json.dumps([query, {**query, "text": 3}])})
    with pytest.raises(DatasetError, match=r"CSTBIR_dataset\.json\[1\]: expected an object"):
        open_dataset(folder)


@pytest.mark.parametrize("name", ["cstbir", "karpathy"])
def test_a_list_of_another_name_can_be_named(name: str, tmp_path: Path) -> None:
    folder = LAYOUTS[name].make(tmp_path)
    rows = open_dataset(folder).rows
    (path,) = (*folder.glob("*.csv"), *folder.glob("*.json"))
    other = path.rename(path.with_name(f"mine{path.suffix}"))
    assert open_dataset(other, name).rows == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("split,text\ntest,x\n", r"csv:1: no column image_filename, object_category, sketch_filename"),
        ("split,text,object_category,image_filename,sketch_filename\ntest,x\n", r"csv:2: another number of fields"),
        ("split,text,object_category,image_filename,sketch_filename\n" + "x" * 200_000, r"csv:2: not CSV"),
        (b"split,text,object_category,image_filename,sketch_filename\n\xff\xfe", r"csv:\d: not CSV"),
    ],
)
def test_broken_tables_are_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(write(tmp_path / "cstbir", {"CSTBIR.csv": content}))


def test_dsr_keeps_its_styles_and_refuses_a_picture_in_two_splits(tmp_path: Path) -> None:
    folder = LAYOUTS["dsr"].make(tmp_path)
    rows = {row.id: row for row in open_dataset(folder).rows}
    assert rows["1/7"].attributes == {"art": "art/1/7.jpg", "mosaic": "mosaic/1/7.jpg"}
    assert (rows["0/12"].split, rows["0/13"].split, rows["0/13"].text) == ("train", "test", "a plate of food 1")
    write(folder, {"test.json": (folder / "train.json").read_bytes()})
    assert [kind for severity, kind, _ in kinds(folder) if severity == "error"] == ["leakage"]


def test_karpathy_joins_folder_and_name_and_counts(tmp_path: Path) -> None:
    _, rows = made("karpathy", tmp_path)
    row = rows["val2014/COCO_val2014_1.jpg"]
    assert (row.split, row.texts, row.text) == ("restval", ("A cat 1.", "Cat no. 1"), "A cat 1.")
    assert row.image == "images/val2014/COCO_val2014_1.jpg"
    assert row.attributes == {"cocoid": 1, "imgid": 1}


def test_published_numbers_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = LAYOUTS["karpathy"].make(tmp_path)
    counts = [str(problem) for problem in read_dataset(folder).problems if problem.kind == "count"]
    assert "1 pictures of the split train in dataset_coco.json, published are 82,783" in counts[0]
    monkeypatch.setitem(karpathy_format.PUBLISHED, "coco", {"train": 1, "restval": 1, "val": 0, "test": 1})
    assert read_dataset(folder).problems == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("stbir", ["1,890", "210", "300"]),
        ("qmul", ["1,800", "200", "6,648 or 6,730"]),
        ("qmul-vector", ["1,275"]),
        ("qmul-v1", ["304", "115"]),
        ("sketchy", ["12,500", "75,471 or 75,479 or 75,481", "125"]),
        ("sketchy-lists", ["73,002", "75,471"]),
        ("tuberlin", ["204,070 or 204,489", "20,000"]),
        ("fscoco", ["10,000", "100"]),
        ("sketchycoco", ["11,265", "2,816", "18,869", "1,329"]),
        ("karpathy", ["82,783", "30,504", "5,000"]),
        ("quickdraw", ["345"]),
    ],
)
def test_a_partial_copy_is_told_the_published_numbers(name: str, numbers: list[str], tmp_path: Path) -> None:
    problems = read_dataset(LAYOUTS[name].make(tmp_path)).problems
    told = [problem.message for problem in problems if (problem.kind, problem.severity) == ("count", "warning")]
    assert len(told) == len(problems)
    assert [number for number in numbers if not any(f"published are {number}" in line for line in told)] == []


@pytest.mark.parametrize(
    ("folder", "category"),
    [
        ("ShoeV2", "shoe"),
        ("QMUL-Chair-V1", "chair"),
        ("handbags", "handbag"),
        ("ClothesV1", "clothes"),
        ("Hats", "hats"),
    ],
)
def test_the_folder_names_the_category(folder: str, category: str) -> None:
    assert category_of(folder) == category


def test_quickdraw_reads_simplified_and_raw_lines(tmp_path: Path) -> None:
    data, rows = made("quickdraw", tmp_path)
    assert rows["481"].category == "cat"
    assert rows["482"].attributes["recognized"] is False
    assert [stroke.tolist() for stroke in data.sketch(rows["481"]).strokes] == strokes(1)
    assert data.sketch(rows["483"]).strokes[0].shape == (4, 3)
    assert len(open_dataset(tmp_path / "quickdraw", "quickdraw:recognized").rows) == 2
    assert len(open_dataset(tmp_path / "quickdraw" / "cat.ndjson").rows) == 2


def test_broken_lines_of_quickdraw_are_named(tmp_path: Path) -> None:
    lines = ndjson({"key_id": "1", "word": "cat", "drawing": [[[0, 9], [0, 9]]]}, {"key_id": "2"})
    with pytest.raises(DatasetError, match=r"cat\.ndjson:2: expected an object with key_id and drawing"):
        open_dataset(write(tmp_path / "qd", {"cat.ndjson": lines}))


def test_plain_folder_maps_splits_categories_and_numbers(tmp_path: Path) -> None:
    _, rows = made("folder", tmp_path)
    row = rows["train/boots/a-1"]
    assert (row.split, row.category) == ("train", "boots")
    assert row.sketches == ("sketch/train/boots/a-1-1.png", "sketch/train/boots/a-1_2.json")
    assert row.texts == ("thing 0", "another thing 0")


def test_plain_folder_takes_drawings_from_a_folder_of_the_photo(tmp_path: Path) -> None:
    files = {"photos/x.jpg": picture(1), "sketches/x/anna.png": drawing(1), "sketches/x/ben.png": drawing(2)}
    (row,) = open_dataset(write(tmp_path / "mine", files)).rows
    assert row.sketches == ("sketches/x/anna.png", "sketches/x/ben.png")
