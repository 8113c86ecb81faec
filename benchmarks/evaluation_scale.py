"""How long evaluation takes and how much memory, at 10,000 queries in 100,000 pictures of 256 dimensions.

Every case runs in a process of its own, which reports its time (on the clock, and of all cores together, which other
work on the machine disturbs less), its peak memory and a hash of its ranks: the same for
every size of the blocks, a shuffled gallery, a gallery in a file, and other settings of the BLAS. Writes
benchmarks/results/evaluation-scale.json. Needs the core install only, and a POSIX system.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latency import machine, say
from stbir.evaluate.intervals import bootstrap_interval, share_interval
from stbir.evaluate.metrics import acc_at, hits_at, median_rank
from stbir.evaluate.ranks import MEMORY_BYTES, ranks_of_targets
from stbir.evaluate.relevance import ranks_of_relevant

RESULT = Path(__file__).resolve().parent / "results" / "evaluation-scale.json"
NOISE = 0.25
NUM_RELEVANT = 10
BLAS_SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

Sizes = tuple[int, int, int]
Vectors = NDArray[np.float32]
Targets = NDArray[np.int64]


def main() -> None:
    """Run every case in its own process and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs=3, default=(10_000, 100_000, 256), metavar=("Q", "N", "D"))
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--case", choices=sorted(CASES), help="run this case only, here, and print what it took")
    options = parser.parse_args()
    sizes = tuple(options.sizes)
    if options.case:
        print(json.dumps(CASES[options.case](sizes)))
        return
    measured_on = machine()
    cases = {name: in_a_process(name, sizes, dict(os.environ)) for name in CASES}
    plain = {name: value for name, value in os.environ.items() if name not in BLAS_SETTINGS}
    if len(plain) < len(os.environ):
        cases["BLAS not told what to do"] = in_a_process("blocks of 64 MB", sizes, plain)
    hashes = {case["ranks"] for name, case in cases.items() if case.pop("is_same_task", False)}
    result = {
        "machine": measured_on,
        "versions": {name: version(name) for name in ("stbir", "numpy")},
        "blas_settings": {name: os.environ[name] for name in BLAS_SETTINGS if name in os.environ},
        "num_queries": sizes[0],
        "num_pictures": sizes[1],
        "dims": sizes[2],
        "gallery_megabytes": round(4 * sizes[1] * sizes[2] / 1e6, 1),
        "same_ranks": len(hashes) == 1,
        "cases": cases,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))
    if len(hashes) != 1:
        sys.exit("the ranks differ between cases of the same task")


def in_a_process(name: str, sizes: Sizes, environment: dict[str, str]) -> dict[str, Any]:
    """Run a case in a fresh interpreter."""
    command = [sys.executable, __file__, "--case", name, "--sizes", *map(str, sizes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    say(f"{name}: {found}")
    return found


def in_blocks(memory_bytes: int) -> Callable[[Sizes], dict[str, Any]]:
    """The ranks, with blocks of this size."""

    def case(sizes: Sizes) -> dict[str, Any]:
        queries, gallery, targets = made(sizes)
        return timed(lambda: ranks_of_targets(queries, gallery, targets, memory_bytes=memory_bytes))

    return case


def shuffled(sizes: Sizes) -> dict[str, Any]:
    """The ranks in a gallery of another order."""
    queries, gallery, targets = made(sizes)
    order = np.random.default_rng(1).permutation(len(gallery))
    gallery[:] = gallery[order]
    moved = np.argsort(order)[targets]
    return timed(lambda: ranks_of_targets(queries, gallery, moved))


def in_a_file(sizes: Sizes) -> dict[str, Any]:
    """The ranks in a gallery that lies in a file and is read as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        queries, gallery, targets = made(sizes)
        gallery.tofile(Path(folder) / "gallery")
        shape = gallery.shape
        del gallery
        stored = np.memmap(Path(folder) / "gallery", np.float32, "r", shape=shape)
        return timed(lambda: ranks_of_targets(queries, stored, targets))


def constant(sizes: Sizes) -> dict[str, Any]:
    """All pictures alike: no product in single precision decides anything."""
    _, _, targets = made(sizes)
    queries, gallery = (np.ones((num, sizes[2]), np.float32) for num in sizes[:2])
    return timed(lambda: ranks_of_targets(queries, gallery, targets)) | {"is_same_task": False}


def several(sizes: Sizes) -> dict[str, Any]:
    """Ranks of several relevant pictures for each query."""
    queries, gallery, targets = made(sizes)
    relevant = [(target + 7 * np.arange(NUM_RELEVANT)) % len(gallery) for target in targets]
    return timed(lambda: ranks_of_relevant(queries, gallery, relevant).ranks) | {"is_same_task": False}


def intervals(sizes: Sizes) -> dict[str, Any]:
    """Intervals of Acc@1 and of the median rank, by photos with two queries each."""
    ranks = np.random.default_rng(2).integers(1, sizes[1], size=sizes[0])
    groups = np.arange(sizes[0]) // 2
    clocks = time.perf_counter(), time.process_time()
    share_interval(hits_at(ranks, sizes[1] // 10), groups)
    bootstrap_interval(ranks, groups, statistic="median")
    return {**taken(*clocks), "peak_megabytes": peak_megabytes()}


CASES: dict[str, Callable[[Sizes], dict[str, Any]]] = {
    "blocks of 64 MB": in_blocks(MEMORY_BYTES),
    "blocks of 8 MB": in_blocks(8_000_000),
    "blocks of 256 MB": in_blocks(256_000_000),
    "gallery shuffled": shuffled,
    "gallery in a file": in_a_file,
    "all pictures alike": constant,
    f"{NUM_RELEVANT} relevant pictures each": several,
    "intervals of Acc@1 and median rank": intervals,
}


def made(sizes: Sizes) -> tuple[Vectors, Vectors, Targets]:
    """Unit vectors: pictures at random, and queries that are noisy copies of their targets."""
    num_queries, num_pictures, dims = sizes
    rng = np.random.default_rng(0)
    gallery = rng.standard_normal((num_pictures, dims), dtype=np.float32)
    for start in range(0, num_pictures, 1000):  # in parts, lest making it takes more memory than ranking
        part = gallery[start : start + 1000]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    targets = rng.integers(num_pictures, size=num_queries)
    queries = NOISE * rng.standard_normal((num_queries, dims), dtype=np.float32)
    queries += gallery[targets]
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return queries, gallery, targets


def timed(rank: Callable[[], Targets]) -> dict[str, Any]:
    """What ranking took, and what came out."""
    before = peak_megabytes()
    clocks = time.perf_counter(), time.process_time()
    ranks = rank()
    return {
        **taken(*clocks),
        "peak_megabytes": peak_megabytes(),
        "peak_megabytes_before": before,
        "acc@10": round(acc_at(ranks, 10), 4),
        "median_rank": median_rank(ranks),
        "ranks": hashlib.sha256(ranks.astype("<i8").tobytes()).hexdigest()[:16],
        "is_same_task": True,
    }


def taken(started: float, started_cores: float) -> dict[str, float]:
    """Seconds since then on the clock, and of all cores together."""
    on_clock, of_cores = time.perf_counter() - started, time.process_time() - started_cores
    return {"seconds": round(on_clock, 2), "core_seconds": round(of_cores, 2)}


def peak_megabytes() -> float:
    """The most memory that this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


if __name__ == "__main__":
    main()
