"""The demo and the benchmark page, run on small made-up input."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shapes_dataset import write_shapes
from stbir.evaluate.experiments import EXPERIMENTS, ExperimentSettings, Runner
from stbir.model.bundle import Bundle

ROOT = Path(__file__).resolve().parents[1]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def demo(tmp_path: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    shapes = write_shapes(tmp_path / "samples" / "gallery")
    for path in [*shapes.glob("drawings/*"), shapes / "manifest.jsonl"]:
        path.rename(tmp_path / "samples" / path.name)
    (shapes / "drawings").rmdir()
    demo = load("examples/demo.py")
    monkeypatch.setattr(demo, "SAMPLES", tmp_path / "samples")
    monkeypatch.setattr(demo, "OUT", tmp_path / "out")
    monkeypatch.setattr(demo, "SHOWN", ("red-bar", "green-disc"))
    monkeypatch.setattr(sys, "argv", ["demo.py", "--model", str(tiny_bundle.path)])
    write_queries(demo, {"red-bar": "gallery/red-bar.png", "green-disc": "gallery/green-disc.png"})
    return demo


def write_queries(demo: ModuleType, targets: dict[str, str]) -> None:
    lines = [
        {"name": name, "sketch": f"{name}-1.json", "text": name.split("-")[0], "target": target}
        for name, target in targets.items()
    ]
    (demo.SAMPLES / "queries.jsonl").write_text("\n".join(map(json.dumps, lines)))


def test_demo_shows_why_both_are_needed(demo: ModuleType, capsys) -> None:
    assert demo.main() == 0
    out = capsys.readouterr().out
    assert "12 pictures, 12 of them new" in out
    assert out.count("the right picture: 1. by both") == 2
    alone = re.findall(r"1\. by both, (\d+)\. by the drawing alone, (\d+)\. by the words alone", out)
    assert any(int(by_sketch) > 1 for by_sketch, _ in alone)
    assert any(int(by_text) > 1 for _, by_text in alone)
    assert (demo.OUT / "contact-sheet.png").stat().st_size > 1000
    assert demo.main() == 0
    assert "12 pictures, 0 of them new" in capsys.readouterr().out


def test_demo_fails_when_the_right_picture_is_not_first(demo: ModuleType, capsys) -> None:
    write_queries(demo, {"red-bar": "gallery/red-cross.png", "green-disc": "gallery/green-disc.png"})
    assert demo.main() == 1
    assert "not first for red-bar" in capsys.readouterr().err


def test_demo_runs_with_the_next_model_too(
    demo: ModuleType, tiny_bundle: Bundle, other_bundle: Bundle, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new bundle in the same place must not meet the gallery of the old one."""
    place = tmp_path / "bundle"
    monkeypatch.setattr(sys, "argv", ["demo.py", "--model", str(place)])
    for bundle in (tiny_bundle, other_bundle):
        shutil.copytree(bundle.path, place, dirs_exist_ok=True)
        assert demo.main() in (0, 1)
    assert capsys.readouterr().out.count("12 pictures, 12 of them new") == 2
    assert (demo.OUT / f"samples-{tiny_bundle.info.fingerprint[:12]}.gallery").is_dir()


def test_demo_times_searches_after_loading_the_model(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(demo.time, "perf_counter", lambda: float(calls.append("clock") or 0))
    monkeypatch.setattr(demo, "ranks", lambda *_: calls.append("search") or (1, 1, 1))
    assert demo.main() == 0
    assert calls[calls.index("search") :][:2] == ["search", "clock"]
    assert calls.count("search") == 3


def test_demo_can_try_every_query(demo: ModuleType, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--all"])
    assert demo.main() == 0
    assert re.search(r"first: 2 by both, [01] by the drawing alone, [01] by the words", capsys.readouterr().out)


def test_shown_searches_are_sample_queries() -> None:
    names = [json.loads(line)["name"] for line in (ROOT / "samples" / "queries.jsonl").read_text().splitlines()]
    shown = load("examples/demo.py").SHOWN
    assert len(shown) == 3
    assert set(shown) <= set(names)


LATENCY = {
    "machine": {"processor": "P", "cores": 2, "system": "Linux", "load_before": 0.1},
    "model": {"name": "m", "version": "1", "fingerprint": "f", "megabytes": 30.1},
    "num_pictures": 640,
    "index_pictures_per_s": 150.0,
    "encode_pictures_per_s": 200.0,
    "jpeg_224_pictures_per_s": 300.0,
    "core_install_megabytes": 604,
    **{
        name: {"p50": 12.34, "p99": 23.45, "n": 70}
        for name in ("import_ms", "warm_encode_ms", "warm_search_ms", "warm_total_ms")
    },
    "cold_search_ms": {"p50": 1100.0, "max": 1234.5, "n": 7},
}


TIMES = {"p50": 12.3, "p95": 45.6, "p99": 78.9, "n": 1000}
SERVICE = {
    "machine": {"processor": "P", "cores": 2, "system": "Linux"},
    "load_before": 0.1,
    "num_pictures": 10_000,
    "restart_after_kill_s": {"p50": 1.2, "p95": 1.5, "p99": 1.6, "n": 5},
    **dict.fromkeys(("one_user_drawing_ms", "one_user_slider_ms", "one_user_explanation_ms"), TIMES),
    "fifty_clients": {
        **TIMES,
        "statuses": {"200": 10_000},
        "requests_per_s": 170.5,
        "rounds": [TIMES, TIMES],
        "rss_mb": [650.2, 651.8],
        "load_during": 2.5,
    },
    "overload": {"num_clients": 400, "answered_ms": TIMES, "refused_ms": TIMES, "one_user_after_ms": TIMES},
}


def test_page_shows_what_the_service_stands(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text(json.dumps(SERVICE))
    page = load("benchmarks/render.py").page(tmp_path)
    assert (
        "| 50 clients, each asking again at once: drawings never sent before | 12 ms | 46 ms | 79 ms | 1,000 |" in page
    )
    assert (
        "170.5 searches/s, 10,000 times 200, in the quietest of 2 rounds (p95 of\n  all: 46 ms, 46 ms); memory 650 MB"
        in page
    )
    assert "1.2 s after the new start (median of 5,\n  largest 1.6 s)" in page


def test_page_shows_every_result(tiny_bundle: Bundle, tmp_path: Path) -> None:
    shapes = write_shapes(tmp_path / "shapes")
    settings = ExperimentSettings.model_validate({"data": (str(shapes),), "num_resamples": 50})
    found = EXPERIMENTS["main"](Runner.make(settings, model=tiny_bundle.path, is_quiet=True), "the command")
    found.write(tmp_path / "results" / "experiments" / "main.json")
    (tmp_path / "results" / "latency.json").write_text(json.dumps(LATENCY))
    scale = (ROOT / "benchmarks" / "results" / "evaluation-scale.json").read_text()
    (tmp_path / "results" / "evaluation-scale.json").write_text(scale)
    page = load("benchmarks/render.py").page(tmp_path / "results")
    assert "**shapes, protocol open: 12 queries for 6 photos, 12 pictures**" in page
    assert "| tiny | sketch+text | 100.0 [54.1, 100.0] |" in page
    assert "```\nthe command\n```" in page
    assert "(images/experiments/main-shapes-open.svg)" in page
    assert "| warm search: both | 12.3 ms | 23.4 ms | 70 |" in page
    assert "new process, files cached | 1,100.0 ms | max 1,234.5 ms | 7 |" in page
    assert "no extras): 604 MB" in page
    assert "10,000 queries in 100,000 pictures of 256 dimensions" in page


def test_few_times_have_a_maximum_and_no_percentile() -> None:
    summary = load("benchmarks/latency.py").summary
    assert summary([3.0, 1.0, 2.0]) == {"p50": 2.0, "max": 3.0, "n": 3}
    assert summary([float(number) for number in range(101)]) == {"p50": 50.0, "p99": 99.0, "n": 101}


def test_size_of_the_core_is_measured_without_undeclared_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "packaging", None)
    latency = load("benchmarks/latency.py")
    assert latency.core_bytes() > 100e6  # numpy and ONNX Runtime alone are larger


def test_page_is_up_to_date() -> None:
    render = load("benchmarks/render.py")
    assert render.PAGE.read_text(encoding="utf-8") == render.page(render.RESULTS), "run python benchmarks/render.py"
    readme = render.README.read_text(encoding="utf-8")
    assert readme == render.with_figures(readme, render.RESULTS), "run python benchmarks/render.py"


def test_every_plot_of_the_page_is_there() -> None:
    plots = re.findall(r"\((images/experiments/[^)]+)\)", (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"))
    assert [plot for plot in plots if not (ROOT / "docs" / plot).exists()] == []
