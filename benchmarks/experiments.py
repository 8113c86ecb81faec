"""Measure every table and plot of docs/benchmarks.md: render the synthetic sets if need be, run all experiments.

What was measured is kept in runs/experiments, so a second call goes on where the first stopped. Results go to
benchmarks/results/experiments. Needs the development install and the real data sets (STBIR_DATA).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stbir.cli import main as stbir
from stbir.evaluate.experiments import EXPERIMENTS
from synth_ceilings import SEEDS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path("benchmarks/results/experiments")
CACHE = Path("runs/experiments")
NUM_OBJECTS = 1000
# Robustness is one noise after the other on every drawing: one real set. Only strokes that people drew in their order,
# not those traced from pictures, show how an unfinished drawing fares.
OWN_OPTIONS = {
    "ablation": ["--system", "model", "--system", "mean", "--system", "weighted=0.5", "--system", "rrf"],
    "significance": ["--system", "model", "--system", "mean", "--system", "weighted=0.5", "--system", "rrf"],
    "robustness": ["--data", "sketchy-125", "--noise", "all"],
    "partial": ["--data", "chairv2-sketches,split=train+val+test", "--data", "sketchy-125"],
}


def main() -> int:
    """Run the experiments that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which experiments; all if none is named")
    names = parser.parse_args().names or list(EXPERIMENTS)
    if unknown := set(names) - set(EXPERIMENTS):
        parser.error(f"no experiment {', '.join(sorted(unknown))}: choose from {', '.join(EXPERIMENTS)}")
    for part, seed in SEEDS.items():
        given = ["--part", part, "--count", str(NUM_OBJECTS), "--seed", str(seed)]
        if code := stbir(["synth", "render", *given, "--out", f"runs/stbir-synth-{part.lower()}"]):
            return code
    for name in names:
        config = "benchmarks/main.toml" if name == "main" else "benchmarks/curves.toml"
        given = ["experiment", name, "--config", config, *OWN_OPTIONS.get(name, [])]
        if code := stbir([*given, "--out", str(RESULTS), "--cache", str(CACHE)]):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
