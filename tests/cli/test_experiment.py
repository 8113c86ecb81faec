from __future__ import annotations

import json
from pathlib import Path

import pytest

from shapes_dataset import write_shapes
from stbir.cli import main
from stbir.cli.experiment import TITLES
from stbir.evaluate.experiments import EXPERIMENTS, Experiment


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("sets") / "shapes")


def test_every_experiment_has_a_command() -> None:
    assert list(TITLES) == list(EXPERIMENTS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("main", ["--system", "model", "--system", "classic"]),
        ("ablation", []),
        ("robustness", ["--noise", "typos", "--severities", "0,5", "--noise-seeds", "0,1"]),
        ("gallery-size", ["--sizes", "3,6"]),
        ("partial", ["--shares", "0.5"]),
        ("significance", []),
    ],
)
def test_one_command_writes_figures_page_plots_and_report(
    shapes: Path, tiny_bundle, tmp_path: Path, capsys, monkeypatch, name: str, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["experiment", name, "--data", str(shapes), "--model", str(tiny_bundle.path), "--resamples", "50"]
    assert main([*given, *options, "--out", "out", "--json"]) == 0
    out, err = capsys.readouterr()
    found = Experiment.model_validate(json.loads(out))
    assert found == Experiment.read(tmp_path / "out" / f"{name}.json")
    assert err.count("wrote ") == 3
    assert (tmp_path / "out" / f"{name}.md").exists()
    assert (tmp_path / "out" / "report.html").exists()
    assert {path.stem for path in (tmp_path / "out" / "plots").glob("*.svg")} == {plot.name for plot in found.plots}
    assert found.command.startswith(f"stbir experiment {name} --data shapes")
    assert str(tmp_path) not in found.model_dump_json()
    assert main([*given, *options, "--out", "out"]) == 0
    assert found.tables[0].title in capsys.readouterr().out


def test_report_is_made_anew_from_what_lies_there(shapes: Path, tiny_bundle, tmp_path: Path, capsys) -> None:
    assert main(["experiment", "report", "--out", str(tmp_path)]) == 2
    assert "holds no results of stbir experiment" in capsys.readouterr().err
    given = ["experiment", "gallery-size", "--data", str(shapes), "--model", str(tiny_bundle.path), "--resamples", "50"]
    assert main([*given, "--out", str(tmp_path)]) == 0
    before = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    assert main(["experiment", "report", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["main", "--data", "nonsense"], "neither a folder or zip nor a known data set"),
        (["main", "--data", "samples,x=1"], "cannot read 'x=1'"),
        (["main", "--system", "nonsense"], "there is no system"),
        (["robustness", "--noise", "wobbble"], "wobbble"),
        (["robustness", "--severities", "a"], "severities"),
        (["significance", "--system", "model"], "two or more"),
        (["ablation", "--config", "missing.toml"], "missing.toml does not exist"),
    ],
)
def test_mistakes_are_one_line(
    shapes: Path, tiny_bundle, tmp_path: Path, capsys, options: list[str], message: str
) -> None:
    data = [] if "--data" in options else ["--data", str(shapes)]
    given = ["experiment", *options, *data, "--model", str(tiny_bundle.path), "--out", str(tmp_path / "out")]
    assert main(given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
