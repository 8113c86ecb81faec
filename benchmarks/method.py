"""Train the method, its presets and its ablations on the same towers, data and steps, and measure them side by side.

One command from data to tables. Needs the development install, the real data sets (STBIR_DATA) and the rendered sets
named in src/stbir/train/recipes/stbir.toml. Runs lie in runs/method and are gone on with; results go to
benchmarks/results/method: `main` has all figures, `presets` and `ablation` compare with the method query by query. On
two CPU cores: the feature bank about half an hour, then two minutes a run and one a bundle that is measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stbir.cli import main as stbir

RUNS = Path("runs/method")
RESULTS = Path("benchmarks/results/method")
CACHE = Path("runs/experiments")
DATA = (
    "runs/stbir-synth-s,split=train+val+test,distractors=",
    "runs/stbir-synth-c,split=train+val+test,distractors=",
    "runs/stbir-synth-d,split=train+val+test,distractors=",
    "sketchy-125",
)


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Attributes:
        name: Of its runs.
        recipe: Recipe that it is made by.
        changes: Fields that differ from the recipe.
    """

    name: str
    recipe: str
    changes: tuple[str, ...] = ()


PRESETS = tuple(
    Variant(name, name) for name in ("stbir", "stbir-paper", "tsbir-mean", "triplet-sn", "text-only", "sketch-only")
)
ABLATIONS = (
    Variant("no-curriculum", "stbir", ("stages.0.curriculum.kind=off",)),
    Variant("ramp", "stbir", ("stages.0.curriculum.kind=ramp",)),
    Variant("no-classes", "stbir", ("stages.0.classes.weight=0",)),
    Variant("no-hard-negatives", "stbir", ("stages.0.negatives.group_size=1",)),
    Variant("no-composed", "stbir", ("stages.0.losses.composed=0", "stages.0.losses.pairs=1")),
    Variant("no-pairs", "stbir", ("stages.0.losses.pairs=0",)),
    Variant("mean-fusion", "stbir", ("fusion.kind=mean",)),
    Variant("gate", "stbir", ("fusion.kind=gate",)),
    Variant("one-space", "stbir", ("one_space=true", "base_share=0")),
    Variant("staged", "stbir-staged"),
    Variant("memory", "stbir", ("stages.0.losses.memory=4096",)),
    Variant("sigmoid", "stbir", ("stages.0.losses.form=sigmoid",)),
    Variant("fresh-heads", "stbir", ("heads=fresh", "base_share=0")),
    Variant("no-base-share", "stbir", ("base_share=0",)),
)
TABLES = ("main", "presets", "ablation", "robustness")


def main() -> int:
    """Train what is asked for, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=list(TABLES), help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, default=3, help="of the presets")
    parser.add_argument("--ablation-seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each")
    parser.add_argument("--train-only", action="store_true")
    options = parser.parse_args()
    jobs = [(variant, seed) for seed in range(options.seeds) for variant in PRESETS]
    if "ablation" in options.tables:
        jobs += [(variant, seed) for seed in range(options.ablation_seeds) for variant in ABLATIONS]
    with ThreadPoolExecutor(options.jobs) as pool:
        codes = list(pool.map(train, *zip(*jobs, strict=True)))
    if any(codes):
        return max(codes)
    for table in () if options.train_only else options.tables:
        if code := measure(table, options):
            return code
    return 0


def train(variant: Variant, seed: int) -> int:
    """Run one recipe unless its bundle is there."""
    out = RUNS / f"{variant.name}-{seed}"
    if (out / "bundle" / "model.json").is_file():
        return 0
    out.mkdir(parents=True, exist_ok=True)
    changes = (*variant.changes, f"seed={seed}", f"model.name={variant.name}")
    command = [sys.executable, "-m", "stbir", "train", variant.recipe, "--out", str(out), "--threads", "1"]
    command += [part for change in changes for part in ("--set", change)]
    print(f"{variant.name}, seed {seed}", file=sys.stderr)
    with (out / "log.txt").open("w") as log:
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if code:
        print(f"{out} failed with exit code {code}: see {out}/log.txt", file=sys.stderr)
    return code


def measure(table: str, options: argparse.Namespace) -> int:
    """Make one table by the evaluation harness."""
    experiment, out = table, RESULTS
    if table in ("main", "presets"):
        systems = [_bundles(PRESETS[0], options.seeds), "model"]
        systems += [_bundles(variant, options.seeds) for variant in PRESETS[1:]]
        if table == "presets":
            experiment, out = "ablation", RESULTS / "presets"
    elif table == "ablation":
        systems = [_bundles(PRESETS[0], options.ablation_seeds)]
        systems += [_bundles(variant, options.ablation_seeds) for variant in ABLATIONS]
    else:
        names = {"stbir", "stbir-paper", "tsbir-mean", "no-curriculum"}
        systems = ["model", *(_bundles(v, 1) for v in (*PRESETS, *ABLATIONS) if v.name in names)]
    given = [part for system in systems for part in ("--system", system)]
    data = DATA if table != "robustness" else (DATA[0], "sketchy-125")
    given += [part for each in data for part in ("--data", each)]
    if table == "robustness":
        given += ["--noise", "sketch-mixed", "--noise", "text-mixed", "--noise", "mixed", "--noise", "partial"]
    return stbir(["experiment", experiment, *given, "--out", str(out), "--cache", str(CACHE)])


def _bundles(variant: Variant, seeds: int) -> str:
    return "|".join(f"bundle:{RUNS / f'{variant.name}-{seed}' / 'bundle'}" for seed in range(seeds))


if __name__ == "__main__":
    sys.exit(main())
