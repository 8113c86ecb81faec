"""The shipped model on the parts of the benchmark: its Acc@1 beside the best possible.

Renders 1,000 objects of each part (kept in --parts, so a second call goes on), asks each picture once among all of its
part by drawing, by words (the short text) and by both. Writes benchmarks/results/synth-model.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from stbir.cli import main as stbir
from stbir.datasets import read_manifest
from stbir.synth import ceilings
from synth_ceilings import SEEDS

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "synth-model.json"
NUM_OBJECTS = 1_000


def main() -> int:
    """Render, measure, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", type=Path, default=ROOT / "runs" / "synth-parts", help="where the parts are kept")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    results = []
    for part, seed in SEEDS.items():
        folder = options.parts / part
        given = ["--part", part, "--count", str(NUM_OBJECTS), "--seed", str(seed), "--out", str(folder)]
        if code := stbir(["synth", "render", *given]):
            return code
        results.append({"part": part, "seed": seed, **measured(folder)})
    options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def measured(folder: Path) -> dict[str, Any]:
    """Acc@1 of the shipped model with 95 % intervals, and the ceilings of the same set."""
    best = ceilings([row.attributes for row in read_manifest(folder / "manifest.jsonl")])[0]
    with tempfile.TemporaryDirectory() as out:
        asked = ["--data", str(folder), "--protocol", "open", "--split", "train,val,test", "--distractors", "none"]
        if code := stbir(["evaluate", *asked, "--out", out]):
            raise SystemExit(code)
        found = json.loads(next(Path(out).glob("*.json")).read_text(encoding="utf-8"))
    return {
        "pictures": found["data"]["num_pictures"],
        "data_sha256": found["data"]["sha256"],
        "model": {name: found["system"][name] for name in ("name", "version", "fingerprint")},
        "best_possible": {
            "sketch": round(best.sketch, 4),
            "text": round(best.text, 4),
            "sketch+text": round(best.both, 4),
        },
        "acc@1": {mode: each["metrics"]["acc@1"] for mode, each in found["modes"].items()},
    }


if __name__ == "__main__":
    raise SystemExit(main())
