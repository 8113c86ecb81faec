"""The check finds what was broken on purpose, all of it at once, and nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from dataset_layouts import LAYOUTS, Layout, drawing, manifest, ndjson, picture, strokes, write, zipped
from stbir.datasets import read_dataset
from stbir.datasets import sources as sources_module
from stbir.datasets.check import Report, check
from stbir.datasets.contents import look_alikes
from stbir.errors import InputError

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def report_of(where: Path, layout: str | None = None, **settings: object) -> Report:
    return check(read_dataset(where, layout, is_strict=False), **settings)  # type: ignore[arg-type]


def found(report: Report, kind: str, severity: str | None = None) -> list[str]:
    return [str(p) for p in report.problems if p.kind == kind and severity in (None, p.severity)]


def photo_set(folder: Path, rows: list[dict[str, object]], files: dict[str, bytes | str] | None = None) -> Path:
    """A manifest with a picture for each row that names one."""
    given = {f"{row['image']}": picture(number) for number, row in enumerate(rows) if row.get("image")}
    return write(folder / "set", {**given, **(files or {}), "manifest.jsonl": ndjson(*rows)})


@EVERY
def test_a_whole_copy_has_no_errors(layout: Layout, tmp_path: Path) -> None:
    folder = layout.make(tmp_path)
    for where in (folder, zipped(folder)):
        report = report_of(where)
        assert [str(problem) for problem in report.problems if problem.severity == "error"] == []
        assert report.num_rows == layout.num_rows
        assert report.num_files > 0


@EVERY
def test_a_damaged_copy_names_everything(layout: Layout, tmp_path: Path) -> None:
    folder = layout.make(tmp_path)
    if layout.torn is None or layout.removed is None:
        pytest.skip("has no files of its own: see the test of broken lines")
    (folder / layout.removed).unlink()
    content = (folder / layout.torn).read_bytes()
    (folder / layout.torn).write_bytes(content[: len(content) // 2])
    for where in (folder, zipped(folder)):
        report = report_of(where)
        errors = [str(problem) for problem in report.problems if problem.severity == "error"]
        assert any(layout.torn in error and "damaged" in error for error in errors), errors
        gone = Path(layout.removed).stem
        assert any(gone in str(problem) for problem in report.problems if layout.torn not in str(problem))
        assert all("\n" not in error and len(error) < 500 for error in errors)


def test_broken_lines_are_all_named_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = manifest(tmp_path)
    path = folder / "manifest.jsonl"
    lines = path.read_bytes().splitlines()
    bad = [b'{"id": 3, "image": 7}', b"{", b'{"id": "x", "image": "../../etc/passwd"}', lines[0], b'{"id": "e"}']
    path.write_bytes(b"\n".join([*lines, *bad, b""]))
    report = report_of(folder)
    assert found(report, "format") == [
        "manifest.jsonl:4: field id is 3: Input should be a valid string",
        "manifest.jsonl:4: field image is 7: Input should be a valid string",
        "manifest.jsonl:5: not JSON (Expecting property name enclosed in double quotes: line 2 column 1 (char 2)): "
        "expected one JSON object per line",
    ]
    assert "manifest.jsonl:6: field image is '../../etc/passwd'" in found(report, "outside")[0]
    assert found(report, "id") == [
        "manifest.jsonl:7: the id 'p0' was used in manifest.jsonl:1 already: make ids unique"
    ]
    assert "manifest.jsonl:8: the row has no picture, no drawing and no text" in found(report, "unpaired")[0]
    assert report.num_rows == 4


def test_damaged_quickdraw_names_every_line(tmp_path: Path) -> None:
    folder = LAYOUTS["quickdraw"].make(tmp_path)
    with (folder / "cat.ndjson").open("ab") as file:
        file.write(b'\n{"key_id": "7", "word": "cat", "drawing": []}\n{"key_id": "8"}\n[1]\n')
        file.write(b'{"key_id": "9", "word": "cat", "drawing": [[[1, 1], [2, 2]]]}\n')
        file.write(b'{"key_id": "10", "word": "cat", "drawing": [[[1, "x"], [2, 2]]]}\n')
        file.write(b'{"key_id": "11", "word": "cat", "drawing": [5]}\n')
    report = report_of(folder)
    assert [line.split(": ")[0] for line in found(report, "format")] == ["cat.ndjson:4", "cat.ndjson:5"]
    assert [line.split(": ")[0] for line in found(report, "blank")] == ["cat.ndjson:3", "cat.ndjson:6"]
    assert [line.split(": ")[0] for line in found(report, "unreadable")] == ["cat.ndjson:7", "cat.ndjson:8"]


def test_files_are_looked_into(tmp_path: Path) -> None:
    blank = io.BytesIO()
    Image.new("L", (64, 64), 250).save(blank, "PNG")
    huge = io.BytesIO()
    Image.new("1", (20_000, 9_000)).save(huge, "PNG")
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "sketches": ["blank.png", "dot.json", "none.svg"]},
        {"id": "b", "image": "b.jpg"},
        {"id": "c", "image": "c.png", "width": 48, "height": 41},
        {"id": "d", "image": "d.png"},
        {"id": "e", "image": "e.png"},
        {"id": "f", "image": "f.png"},
    ]
    files: dict[str, bytes | str] = {
        "blank.png": blank.getvalue(),
        "dot.json": json.dumps({"strokes": [[[5, 5], [5, 5]]]}),
        "none.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "d.png": b"",
        "e.png": huge.getvalue(),
        "f.png": b"GIF89a and then nothing",
    }
    report = report_of(photo_set(tmp_path, rows, files))
    assert len(found(report, "blank")) == 3
    assert "blank.png: the sheet is blank: 0.0000%" in found(report, "blank")[0]
    assert found(report, "mismatch", "warning") == [
        "manifest.jsonl:2: b.jpg: it is called .jpg, but holds PNG: rename it",
        "manifest.jsonl:6: f.png: it is called .png, but holds GIF: rename it",
    ]
    assert found(report, "mismatch", "error") == ["manifest.jsonl:3: c.png has 48 x 40 pixels, the row says 48 x 41"]
    assert [line.split(": ")[1] for line in found(report, "unreadable")] == ["d.png", "f.png"]
    assert "e.png" in found(report, "over-limit")[0]


def test_files_over_the_limit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photo_set(tmp_path, [{"id": "a", "image": "a.png"}])
    monkeypatch.setattr(sources_module.FolderFiles.read, "__defaults__", (10,))
    assert found(report_of(folder), "over-limit") == [
        "manifest.jsonl:1: a.png has more bytes than are allowed: shrink it"
    ]


def test_the_same_thing_in_two_splits_is_an_error_in_one_a_warning(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "split": "train", "sketches": ["s.png"]},
        {"id": "b", "image": "b.png", "split": "train", "sketches": ["s.png", "s.png"]},
        {"id": "c", "image": "c.png", "split": "test", "sketches": ["t.png"]},
    ]
    files = {"b.png": picture(0), "c.png": picture(0), "s.png": drawing(1), "t.png": drawing(1)}
    report = report_of(photo_set(tmp_path, rows, files))
    assert found(report, "leakage", "error") == [
        f"manifest.jsonl:3: {same} of row 'a' (manifest.jsonl:1), which is in the split train, not test"
        for same in ("c.png is the same picture as a.png", "t.png is the same drawing as s.png")
    ]
    assert found(report, "duplicate", "warning") == [
        "manifest.jsonl:2: the row names a drawing twice: name each once",
        "manifest.jsonl:2: b.png is the same picture as a.png of row 'a' (manifest.jsonl:1)",
        "manifest.jsonl:2: s.png is the same drawing of row 'a' (manifest.jsonl:1)",
    ]


def test_look_alikes_are_found_across_sizes_and_compressions(tmp_path: Path) -> None:
    first = Image.open(io.BytesIO(picture(7, size=(96, 80))))
    buffer = io.BytesIO()
    first.resize((72, 60)).save(buffer, "JPEG", quality=80)
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "split": "train"},
        {"id": "b", "image": "b.jpg", "split": "test"},
        {"id": "c", "image": "c.png", "split": "train"},
    ]
    folder = photo_set(tmp_path, rows, {"a.png": picture(7, size=(96, 80)), "b.jpg": buffer.getvalue()})
    report = report_of(folder)
    assert report.num_errors == 0
    assert found(report, "leakage", "warning") == [
        "manifest.jsonl:2: b.jpg looks like a.png of row 'a' (manifest.jsonl:1), which is in the split train, not test"
    ]
    assert look_alikes(read_dataset(folder)) == [(0, 1)]
    assert found(report_of(folder, is_decoded=False), "leakage") == []


def test_texts_and_gaps(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "text": "Red  boot", "split": "train"},
        {"id": "b", "image": "b.png", "text": "red boot", "split": "train"},
        {"id": "c", "image": "c.png", "text": "blue boot " * 300, "split": "train"},
        {"id": "d", "image": "d.png", "text": " ", "split": "train"},
        {"id": "e", "image": "e.png", "texts": ["fine", ""]},
    ]
    report = report_of(photo_set(tmp_path, rows))
    assert found(report, "text") == [
        "manifest.jsonl:4: the text is empty: leave the field out, or write one",
        "manifest.jsonl:5: the text is empty: leave the field out, or write one",
        "manifest.jsonl:1: 'red boot' is the text of 2 rows: also 'b'",
    ]
    assert len(found(report, "over-limit", "warning")) == 1
    assert found(report, "unpaired") == [
        "manifest.jsonl:4: no text, while most rows of the split train have one",
        "manifest.jsonl:5: no split, while other rows name theirs",
    ]
    assert report.num_errors == 0


def test_groups_may_not_be_in_two_splits(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "image": "a.png", "split": "train", "shape": 4},
        {"id": "b", "image": "b.png", "split": "test", "shape": 4},
        {"id": "c", "image": "c.png", "split": "test"},
    ]
    folder = photo_set(tmp_path, rows)
    assert report_of(folder).num_errors == 0
    for field in ("shape", "attributes.shape"):
        report = report_of(folder, groups=[field])
        assert found(report, "leakage") == [f"manifest.jsonl:2: {field} = '4' is in the split train too (row 'a')"]
    with pytest.raises(InputError, match="no row has the field 'heel'"):
        report_of(folder, groups=["heel"])


def test_files_that_no_row_names_are_told_by_folder(tmp_path: Path) -> None:
    folder = photo_set(tmp_path, [{"id": "a", "image": "photo/a.png", "mask": "mask/a.png"}])
    write(
        folder, {"photo/x.png": picture(8), "photo/y.png": picture(9), "mask/a.png": picture(3), "notes.txt": "hello"}
    )
    assert found(report_of(folder), "unused") == [
        "photo: 2 pictures or drawings that no row names, such as photo/x.png"
    ]


def test_links_and_archives_that_lead_out(tmp_path: Path) -> None:
    folder = photo_set(tmp_path, [{"id": "a", "image": "a.png"}, {"id": "b", "image": "b.png"}])
    (tmp_path / "secret.png").write_bytes(picture(5))
    (folder / "a.png").unlink()
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    assert found(report_of(folder), "outside") == [
        "manifest.jsonl:1: a.png is a link out of the data set: replace it by the file"
    ]
    archive = zipped(folder)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../escaped.png", b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("b.png", picture(1))
    report = report_of(archive)
    assert "the path '../escaped.png' leads out of the data set" in found(report, "outside")[0]
    assert found(report, "duplicate", "error") == [
        "b.png: the archive holds 2 files of this name: only the last is ever read"
    ]


def test_a_zip_bomb_costs_one_file_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photo_set(tmp_path, [{"id": "a", "image": "a.png"}])
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(folder / "manifest.jsonl", "manifest.jsonl")
        file.writestr("a.png", b"\0" * 5_000_000)
    monkeypatch.setattr(sources_module.ZipFiles.read, "__defaults__", (1_000_000,))
    assert len(found(report_of(archive), "over-limit")) == 1


def test_names_cannot_break_the_report(tmp_path: Path) -> None:
    name = "a\n\x1b[31mERROR.png"
    report = report_of(photo_set(tmp_path, [{"id": "a\nb", "image": name, "text": "x"}], {name: b"torn"}))
    assert report.num_errors == 1
    assert all(str(problem).isprintable() for problem in report.problems)


def test_drawings_of_a_stroke_file_are_checked(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "sketches": ["k1", "k2"], "split": "train"},
        {"id": "b", "sketches": ["k3", "k4"], "split": "test"},
    ]
    lines = ndjson(
        {"id": "k1", "strokes": strokes(1)},
        {"id": "k2", "strokes": []},
        {"id": "k3", "strokes": strokes(1)},
        {"id": "k1", "strokes": strokes(2)},
    )
    report = report_of(photo_set(tmp_path, rows, {"strokes.jsonl": lines}))
    assert [line.split(": ")[0] for line in found(report, "blank")] == ["manifest.jsonl:1"]
    assert "k3 is the same drawing as k1 of row 'a'" in found(report, "leakage", "error")[0]
    assert found(report, "id") == ["strokes.jsonl:4: the drawing 'k1' was given before: make ids unique"]
    assert found(report, "missing") == ["manifest.jsonl:2: k4 is not there: add the file, or drop it from the row"]


def test_progress_counts_to_the_end_and_threads_change_nothing(tmp_path: Path) -> None:
    folder = LAYOUTS["qmul"].make(tmp_path)
    seen: list[tuple[int, int]] = []
    report = report_of(folder, threads=1, progress=lambda done, total: seen.append((done, total)))
    assert [step for step in seen if step[0] == step[1]] == [(4, 4), (8, 8)]
    assert report_of(folder, threads=4) == report
