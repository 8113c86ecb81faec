"""What holds for the whole repository: layers, light imports, sorted names, nothing of one machine in tracked files."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "stbir"
HEAVY = ("torch", "torchvision", "transformers", "vtk", "pyvista", "fastapi", "ray", "pymilvus", "grpc")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_imports_go_one_way() -> None:
    python("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())")


@pytest.mark.parametrize("module", ["stbir", "stbir.search", "stbir.cli", "stbir.datasets", "stbir.evaluate"])
def test_searching_and_measuring_load_no_heavy_library(module: str) -> None:
    loaded = json.loads(python(f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"))
    assert not set(HEAVY) & set(loaded)


def test_importing_stbir_loads_no_engine_yet() -> None:
    """Every public name can still be reached: they are loaded when they are first used."""
    loaded = json.loads(python("import json, sys, stbir; dir(stbir); print(json.dumps(sorted(sys.modules)))"))
    assert not {"onnxruntime", "lancedb", "pyarrow", "numpy", "PIL", "pydantic", "click"} & set(loaded)
    python("import stbir; [getattr(stbir, name) for name in stbir.__all__]")


def exported() -> dict[str, list[str]]:
    """`__all__` by module, read without importing."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
                parts = path.relative_to(SOURCE.parent).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = ast.literal_eval(node.value)
    return found


@pytest.mark.parametrize("module", sorted(exported()))
def test_public_names_are_sorted_and_there(module: str) -> None:
    names = exported()[module]

    def constants_classes_functions(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert names == sorted(set(names), key=constants_classes_functions)
    if not module.startswith(("stbir.train", "stbir.synth")):
        imported = importlib.import_module(module)
        assert [name for name in names if not hasattr(imported, name)] == []


def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: tracked files are unknown")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_tracked_files_name_no_machine() -> None:
    homes = "|".join(["work", "root", "home/[a-z]", "Users/[a-z]", "opt/pypi"])
    machine_path = re.compile(rf"(?<![\w.~:/-])/(?:{homes})[\w.-]*/".encode())
    guilty = [
        f"{path.relative_to(ROOT)}: {match.group().decode()}"
        for path in tracked()
        if path.stat().st_size < 2_000_000 and (match := machine_path.search(path.read_bytes()))
    ]
    assert guilty == []


def test_machine_paths_would_be_seen() -> None:
    assert re.search(r"(?<![\w.~:/-])/(?:work|root)[\w.-]*/", "load('" + "/" + "work/main/x')")


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    documented = re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE)
    assert sorted(targets) == sorted(documented)
    assert {"demo", "test", "check", "bench"} <= set(targets)


def test_ci_runs_the_check() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert "make check" in text
