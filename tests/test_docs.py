"""The pages say what the code does: links lead somewhere, every option and field is named, JSON has the shape shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from shapes_dataset import write_shapes
from stbir.cli import cli, main
from stbir.model.bundle import Bundle
from stbir.train.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


def test_readme_has_no_placeholder() -> None:
    assert re.findall(r"^\W*[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\W*$", read("README.md"), re.MULTILINE) == []


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Names of a model's fields and of those of the models in it."""

    def models(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for part in get_args(annotation):
            yield from models(part)

    for name, field in model.model_fields.items():
        yield name
        for inner in models(field.annotation):
            yield from fields(inner)


def test_every_field_of_a_recipe_is_explained() -> None:
    table = read("docs/training.md").split("## Fields of a recipe")[1].split("\n## ")[0]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    assert {"seed", "num_steps", "hard_share"} <= set(fields(Recipe))
    assert sorted(set(fields(Recipe)) - named) == []


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by how it is called."""

    def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield from below(f"{name} {inner}", found)
        else:
            yield name, command

    return below("stbir", cli)


def section(name: str) -> str:
    """The page's part about one command."""
    found = re.search(rf"^##+ {name}\n(.*?)(?=^##|\Z)", read("docs/cli.md"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no section {name!r}"
    return found[1]


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_option_is_in_the_page_with_its_default(name: str, command: click.Command) -> None:
    lines = re.findall(r"^\| (`-.*?) \| (.*?) \|", section(name), re.MULTILINE)
    shown = {option: default for cell, default in lines for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", cell)}
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert set(shown) == {name for option in options for name in option.opts}
    for option in options:
        default = shown[option.opts[-1]]
        if option.show_default:
            assert default.strip("`") == str(option.default)
        assert option.required == ("required" in default)
        assert not option.envvar or f"`{option.envvar}`" in default
    assert f"```\n{name}" in section(name), "no example"


def test_no_command_of_the_page_is_gone() -> None:
    groups = {" ".join(name.split()[:2]) for name, _ in commands()}
    headings = set(re.findall(r"^##+ (stbir .+)$", read("docs/cli.md"), re.MULTILINE))
    assert headings == groups | {name for name, _ in commands()}


def test_exit_codes_and_variables_are_in_the_page() -> None:
    page = read("docs/cli.md")
    assert set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE)) == {"0", "2", "130"}
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    for variable in set(re.findall(r"\"(STBIR_[A-Z]+)\"", sources)):
        assert f"| `{variable}` |" in page


def shape(value: Any) -> Any:
    """Names and nesting of a JSON document; of a list the first element, of a number or text the kind."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def test_json_has_the_shape_of_the_page(tiny_bundle: Bundle, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("STBIR_GALLERY", str(tmp_path / "my.gallery"))
    monkeypatch.setenv("STBIR_MODEL", str(tiny_bundle.path))
    folder = write_shapes(tmp_path / "shapes")
    (folder / "torn.jpg").write_bytes(b"torn")
    asked = {
        "stbir index": [str(folder), "--exclude", "*.json*"],
        "stbir search": ["--sketch", str(folder / "drawings" / "red-bar-1.json"), "--text", "red", "--top", "1"],
        "stbir gallery info": [],
        "stbir evaluate": ["--data", str(folder)],
    }
    for name, arguments in asked.items():
        assert main([*name.split()[1:], *arguments, "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        if name == "stbir evaluate":
            printed["modes"] = {"sketch+text": printed["modes"]["sketch+text"]}
        (shown,) = re.findall(r"^```json\n(.*?)^```", section(name), re.MULTILINE | re.DOTALL)
        assert shape(json.loads(shown)) == shape(printed), name
