import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import stbir

ROOT = Path(__file__).resolve().parents[1]


def test_public_names_are_sorted_and_there():
    assert stbir.__all__ == sorted(stbir.__all__)
    assert {name for name in stbir.__all__ if name != "__version__"} == set(stbir._HOMES)
    for name in stbir.__all__:
        assert getattr(stbir, name) is not None
    assert set(stbir.__all__) == set(dir(stbir))


def test_every_error_is_public():
    from stbir import errors

    named = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert named <= set(stbir.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="colour"):
        _ = stbir.colour


def test_the_version_is_that_of_the_installed_package():
    assert stbir.__version__ == version("stbir")


def test_importing_stbir_loads_nothing_heavy():
    code = "import sys, stbir; print([m for m in ('numpy', 'PIL', 'pydantic', 'onnxruntime') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_source_archive_holds_what_the_tests_read():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert all(pattern.startswith("/") for pattern in included), "unanchored patterns match at any depth"
    assert [pattern for pattern in included if not (ROOT / pattern[1:]).exists()] == []
    read = {".ci", "Makefile", "README.md", "benchmarks", "docs", "examples", "samples", "src", "tests"}
    assert {f"/{name}" for name in read} <= set(included)
