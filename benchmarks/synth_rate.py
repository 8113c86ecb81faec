"""How fast the benchmark's parts are rendered, and whether two runs give the same bytes.

Renders objects of S, C and D at 256 px, each with one drawing, by two processes, and again by one; compares all files.
Writes benchmarks/results/synth-rate.json. Pictures a second are wall-clock time and so depend on what else the machine
does (its load is noted); processor seconds an object do so much less. Needs the extra synth.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stbir.synth import build_part

RESULT = Path(__file__).resolve().parent / "results" / "synth-rate.json"
SEED = 940_002
COUNTS = {"S": 160, "C": 160, "D": 320}
SIZE_PX = 256
NUM_WORKERS = 2


def main() -> int:
    """Measure and write the result; 1 if two runs differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: measured(Path(folder) / name, workers) for name, workers in (("two", NUM_WORKERS), ("one", 1))}
        hashes = [hashes_of(Path(folder) / name) for name in runs]
    same = sum(hashes[0][name] == hashes[1].get(name) for name in hashes[0])
    result = {
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in ("numpy", "vtk", "pillow")},
        "size_px": SIZE_PX,
        "objects": sum(COUNTS.values()),
        "drawings_per_object": 1,
        "two_processes": runs["two"],
        "one_process": runs["one"],
        "repeated": {"files": len(hashes[0]), "identical": same},
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0 if same == len(hashes[0]) == len(hashes[1]) else 1


def measured(folder: Path, num_workers: int) -> dict[str, Any]:
    """Render all parts; wall-clock and processor time."""
    load = os.getloadavg()[0]
    start, used = time.perf_counter(), processor_seconds()
    for part, count in COUNTS.items():
        build_part(folder / part, part, count, seed=SEED, size_px=SIZE_PX, num_workers=num_workers)
    wall, cpu, objects = time.perf_counter() - start, processor_seconds() - used, sum(COUNTS.values())
    return {
        "processes": num_workers,
        "objects_per_s": round(objects / wall, 2),
        "processor_s_per_object": round(cpu / objects, 4),
        "objects_per_s_by_processor_time_on_two_cores": round(2 * objects / cpu, 1),
        "load_before": round(load, 1),
    }


def processor_seconds() -> float:
    """Processor time of this process and of the children that ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def hashes_of(folder: Path) -> dict[str, str]:
    """Hash of every file, by its name within the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
