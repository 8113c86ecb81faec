from __future__ import annotations

import json
from pathlib import Path

import pytest

from shapes_dataset import write_shapes
from stbir.cli import main
from stbir.cli.evaluate import PROTOCOL_NAMES
from stbir.evaluate import PROTOCOLS, Evaluation
from stbir.model.bundle import Bundle


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("sets") / "shapes")


def test_table_on_stdout_and_result_in_a_file(shapes: Path, tiny_bundle: Bundle, tmp_path: Path, capsys) -> None:
    arguments = ["evaluate", "--data", str(shapes), "--model", str(tiny_bundle.path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "sketch+text  100.0 [54.1, 100.0]" in out
    assert "wrote" in err
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == f"shapes.open.tiny-{tiny_bundle.info.fingerprint[:8]}.json"
    result = Evaluation.read(path)
    assert result.command == "stbir evaluate --data shapes --protocol open --model bundle"
    assert result.data.distractors == ("gallery",)
    assert str(tmp_path) not in result.model_dump_json()


def test_command_names_seed_and_a_model_below_the_working_directory(
    shapes: Path, tiny_bundle: Bundle, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_bundle.path.parents[1])
    model = f"{tiny_bundle.path.parent.name}/bundle"
    for given in (model, f"./{model}", str(tiny_bundle.path)):
        assert main(["evaluate", "--data", str(shapes), "--model", given, "--seed", "7", "--json"]) == 0
        result = Evaluation.model_validate(json.loads(capsys.readouterr().out))
        assert result.command == f"stbir evaluate --data shapes --protocol open --model {model} --seed 7"
        assert result.settings.seed == 7


def test_result_of_the_shipped_model_keeps_a_stable_name(
    shapes: Path, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STBIR_MODEL", raising=False)
    monkeypatch.setattr("stbir.model.bundle.DEFAULT_PATH", tiny_bundle.path)
    assert main(["evaluate", "--data", str(shapes), "--out", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["shapes.open.json"]


def test_json_on_stdout_is_the_result(shapes: Path, tiny_bundle: Bundle, capsys) -> None:
    options = ["--protocol", "fg-sbir", "--weight", "sketch=1,text=0", "--split", "test", "--distractors", "x"]
    assert main(["evaluate", "--data", str(shapes), "--model", str(tiny_bundle.path), "--json", *options]) == 0
    out = capsys.readouterr().out
    result = Evaluation.model_validate(json.loads(out))
    assert result.modes["sketch+text"].ranks == result.modes["sketch"].ranks
    assert result.data.distractors == ()
    assert result.command.endswith("--weight sketch=1,text=0")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nonsense"], "neither a folder or zip nor a known data set"),
        (["--split", "valid"], "has no split valid: it has"),
        (["--protocol", "sbir"], "fg-sbir"),
        (["--model", "nowhere"], "nowhere is not a model bundle"),
        (["--weight", "sketch=x"], "is not a number"),
    ],
)
def test_mistakes_are_one_line(shapes: Path, tiny_bundle: Bundle, capsys, options: list[str], message: str) -> None:
    arguments = ["evaluate", "--data", str(shapes), "--model", str(tiny_bundle.path)]
    assert main([*arguments, *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_help_names_every_protocol() -> None:
    assert tuple(sorted(PROTOCOLS)) == PROTOCOL_NAMES
