"""The benchmark of evaluation at scale, in small: every case of the same task gives the same ranks."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="peak memory is measured on POSIX systems only")

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("evaluation_scale", FOLDER / "evaluation_scale.py")
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(module)  # type: ignore[union-attr]
        yield module
    sys.modules.pop("latency", None)


def test_ranks_are_the_same_in_every_case(benchmark) -> None:
    found = {name: case((60, 500, 16)) for name, case in benchmark.CASES.items()}
    same = [each for each in found.values() if each.get("is_same_task")]
    assert len(same) == 5
    assert len({each["ranks"] for each in same}) == 1
    assert found["all pictures alike"]["median_rank"] == 500
    assert all(each["seconds"] >= 0 and each["peak_megabytes"] > 0 for each in found.values())


def test_recorded_figures_keep_the_promise() -> None:
    """10,000 queries in 100,000 pictures in under a minute and 1.5 GB."""
    found = json.loads((FOLDER / "results" / "evaluation-scale.json").read_text(encoding="utf-8"))
    assert (found["num_queries"], found["num_pictures"], found["dims"]) == (10_000, 100_000, 256)
    assert found["same_ranks"]
    assert found["cases"]["blocks of 64 MB"]["seconds"] < 60
    assert max(case["peak_megabytes"] for case in found["cases"].values()) < 1500
