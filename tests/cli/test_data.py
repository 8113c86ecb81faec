from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_layouts import LAYOUTS, Layout, manifest, ndjson, picture, write
from stbir.cli import main
from stbir.datasets import FORMATS, open_dataset
from stbir.datasets.problems import KINDS
from stbir.model.bundle import Bundle

EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


@EVERY
def test_a_whole_copy_is_fine_and_a_damaged_one_is_not(layout: Layout, tmp_path: Path, capsys) -> None:
    folder = layout.make(tmp_path)
    assert main(["data", "check", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert f"{folder.name}: {layout.num_rows} rows" in out
    assert "0 errors" in out
    assert err == ""
    if layout.torn is not None and layout.removed is not None:
        content = (folder / layout.torn).read_bytes()
        (folder / layout.torn).write_bytes(content[: len(content) // 2])
        (folder / layout.removed).unlink()
    else:
        with (folder / "cat.ndjson").open("ab") as file:
            file.write(b'\n{"key_id": 5}\n{"key_id": "7", "drawing": []}\n')
    assert main(["data", "check", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("ERROR: ")
    assert layout.torn is None or f"{layout.torn}: it is damaged" in out
    assert err.startswith(f"stbir: {folder}: ")
    assert err.count("\n") == 1
    if layout.removed is not None:
        assert Path(layout.removed).stem in out


def test_the_report_goes_by_severity_and_kind(tmp_path: Path, capsys) -> None:
    rows = [
        {"id": "a", "image": "a.png", "text": "red mug", "split": "train"},
        {"id": "b", "image": "b.jpg", "text": "red mug", "split": "test"},
        {"id": "a", "image": "gone.png"},
    ]
    folder = write(tmp_path / "set", {"manifest.jsonl": ndjson(*rows), "a.png": picture(1), "b.jpg": picture(1)})
    assert main(["data", "check", str(folder)]) == 2
    assert capsys.readouterr().out == (
        "ERROR: ids that are used twice (1)\n"
        "  manifest.jsonl:3: the id 'a' was used in manifest.jsonl:1 already: make ids unique\n"
        "\n"
        "ERROR: the same thing in several splits (1)\n"
        "  manifest.jsonl:2: b.jpg is the same picture as a.png of row 'a' (manifest.jsonl:1), which is in the split "
        "train, not test\n"
        "\n"
        "WARNING: files that are not what is said of them (1)\n"
        "  manifest.jsonl:2: b.jpg: it is called .jpg, but holds PNG: rename it\n"
        "\n"
        "WARNING: empty or repeated texts (1)\n"
        "  manifest.jsonl:1: 'red mug' is the text of 2 rows: also 'b'\n"
        "\n"
        "set: 2 rows, 2 files (552 bytes) looked at; 2 errors, 2 warnings\n"
    ).replace("552 bytes", f"{2 * len(picture(1))} bytes")


def test_check_as_json(tmp_path: Path, capsys) -> None:
    folder = manifest(tmp_path)
    (folder / "sketch" / "2.png").unlink()
    assert main(["data", "check", str(folder), "--json", "--quick", "--threads", "1"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["data"], report["rows"], report["errors"], report["warnings"]) == ("mugs", 3, 1, 0)
    assert report["problems"] == [
        {
            "severity": "error",
            "kind": "missing",
            "place": "manifest.jsonl:3",
            "row": "p2",
            "message": "sketch/2.png is not there: add the file, or drop it from the row",
        }
    ]


@pytest.mark.parametrize("name", ["qmul", "fscoco", "folder", "stbir"])
def test_evaluate_reads_other_layouts_as_they_are(name: str, tiny_bundle: Bundle, tmp_path: Path, capsys) -> None:
    folder = LAYOUTS[name].make(tmp_path)
    arguments = ["evaluate", "--data", str(folder), "--model", str(tiny_bundle.path), "--split", LAYOUTS[name].split]
    assert main(arguments) == 0
    assert "sketch+text" in capsys.readouterr().out


def test_stats_prints_tables_and_writes_plots(tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    folder = LAYOUTS["qmul"].make(tmp_path)
    assert main(["data", "stats", str(folder), "--out", str(tmp_path / "out"), "--sample", "3"]) == 0
    out, err = capsys.readouterr()
    assert "train     2           1         2         4      2" in out
    assert "strokes per drawing" in out
    assert "3 of 8 drawings opened (3 traced from pictures), 3 of 4 pictures; 0 cannot be opened" in out
    assert "wrote stats.json, rows.svg, texts.svg, drawings.svg, pictures.svg" in err
    assert json.loads((tmp_path / "out" / "stats.json").read_text())["rows"] == 4
    assert main(["data", "stats", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["drawings"]["drawings"] == 8


def test_plots_without_matplotlib_name_the_extra(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    folder = str(LAYOUTS["qmul"].make(tmp_path))
    assert main(["data", "stats", folder, "--out", str(tmp_path / "out")]) == 2
    assert "pip install 'stbir[report]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["data", "stats", folder]) == 0


def test_split_writes_a_manifest_that_opens(tmp_path: Path, capsys) -> None:
    folder = LAYOUTS["folder"].make(tmp_path)
    out = folder / "split.jsonl"
    arguments = ["data", "split", str(folder), "--ratios", "train=0.67,test=0.33", "--out", str(out), "--seed", "3"]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"manifest": str(out), "rows": 3, "splits": {"train": 2, "test": 1}}
    first = out.read_bytes()
    assert len(open_dataset(out).in_split("train")) == 2
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--force", "--stratify", "category", "--group", "near-duplicate"]) == 0
    assert main([*arguments, "--force"]) == 0
    assert out.read_bytes() == first
    assert "train     2" in capsys.readouterr().out


def test_split_keeps_look_alikes_together(tmp_path: Path, capsys) -> None:
    rows = [{"id": f"r{n}", "image": f"{n}.png"} for n in range(12)]
    files = {f"{n}.png": picture(n % 2) for n in range(12)}
    folder = write(tmp_path / "set", {"manifest.jsonl": ndjson(*rows), **files})
    out = folder / "split.jsonl"
    arguments = ["data", "split", str(folder), "--ratios", "a=0.5,b=0.5", "--out", str(out), "--force"]
    assert main([*arguments, "--group", "near-duplicate"]) == 0
    assert main(["data", "check", str(out)]) == 0
    assert main(arguments) == 0
    assert main(["data", "check", str(out)]) == 2
    assert "the same picture" in capsys.readouterr().out


def test_build_and_import_print_what_they_made(tmp_path: Path, capsys) -> None:
    folder = LAYOUTS["qmul"].make(tmp_path)
    write(folder, {"trainA/404_1.png": picture(3)})
    assert main(["data", "build", str(folder), "--format", "qmul:noise", "--out", str(folder / "manifest.jsonl")]) == 0
    out, err = capsys.readouterr()
    assert out == f"{folder / 'manifest.jsonl'}: 4 rows\n"
    assert err == "1 error in the data set: stbir data check tells which\n"
    assert main(["data", "import", str(folder), "--out", str(tmp_path / "copy.zip"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"data": str(tmp_path / "copy.zip"), "rows": 4, "files": 14}
    assert main(["data", "import", str(folder), "--out", str(tmp_path / "copy.zip")]) == 2
    assert main(["data", "build", str(folder), "--out", str(folder / "m.jsonl"), "--json"]) == 0


def test_formats_lists_every_format(capsys) -> None:
    assert main(["data", "formats", "--json"]) == 0
    assert [one["format"] for one in json.loads(capsys.readouterr().out)] == list(FORMATS)
    assert main(["data", "formats"]) == 0
    assert ":noise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nonsense"], "neither a folder or zip nor a known data set"),
        (["check", ".", "--format", "x"], "there is no format 'x'"),
        (["check", "set.tar.gz"], "cannot be read in place: unpack it, or pack it as a zip"),
        (["split", ".", "--ratios", "a=2", "--out", "m.jsonl"], "the share 'a=2' cannot be used"),
        (["build", ".", "--out", "m.jsonl"], "holds no manifest.jsonl"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.tar.gz").write_bytes(b"x")
    assert main(["data", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, stbir.cli.data; print({'numpy', 'PIL', 'pydantic', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def page(name: str) -> str:
    return (Path(__file__).resolve().parents[2] / "docs" / name).read_text(encoding="utf-8")


def test_the_page_shows_the_json_and_names_every_kind(tmp_path: Path, capsys) -> None:
    folder = manifest(tmp_path)
    (folder / "sketch" / "2.png").unlink()
    assert main(["data", "check", str(folder), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    part = page("cli.md").split("### stbir data check")[1].split("\n### ")[0]
    shown = json.loads(part.split("```json\n")[1].split("```")[0])
    assert shown.keys() == report.keys()
    assert shown["problems"][0].keys() == report["problems"][0].keys()
    assert [kind for kind in KINDS if f"`{kind}`" not in part] == []


def test_the_page_describes_every_format() -> None:
    table = page("dataset.md").split("## Layouts that are read as they are")[1].split("\n## ")[0]
    assert [name for name in FORMATS if f"\n| `{name}`" not in table] == []
    options = [f"{name}:{option}" for name, one in FORMATS.items() for option in one.options if "," not in option]
    assert [
        option for option in options if f"`{option}`" not in table and f"`:{option.partition(':')[2]}`" not in table
    ] == []


def test_the_figures_of_the_page_are_those_of_the_result() -> None:
    result = json.loads(
        (Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "data-check.json").read_text(encoding="utf-8")
    )
    text = page("dataset.md")
    for case in result["cases"].values():
        assert f"| {case['files']:,} | {case['seconds']} | {case['peak_megabytes']:.0f} MB |" in text
    assert len(result["look_alikes"]) >= 3
    for name, found in result["look_alikes"].items():
        shares = " | ".join(f"{100 * share:.1f} %" for share in found["found"].values())
        assert f"| {name} | {shares} | {found['pairs_of_different_pictures']} |" in text
