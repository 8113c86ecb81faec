"""How near indexing comes to a pool that only decodes and resizes, what memory it takes, and what a second run costs.

    STBIR_DATA=FOLDER python benchmarks/index_throughput.py            20,000 JPEGs of 2-12 megapixels (20 GB in runs/)
    STBIR_DATA=FOLDER python benchmarks/index_throughput.py --files 1000

One process indexes all files in one run; after every few hundred it is stopped for a moment while the pool, in another
process with as many threads, decodes the same files, so both meet the same machine. The pool is asked twice: decoding
as stbir does (JPEGs at reduced size) and as most programs do (full size, then resized). What the indexing process still
does after it was told to stop counts as its time. Writes benchmarks/results/index-throughput.json; runs again where it
was cut off, because the pictures are kept and indexing goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from real_size_pictures import make_files

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "index-throughput.json"
NUM_FILES = 20_000
NUM_STOPS = 40
FILES_PER_SAMPLE = 150
SIDE_PX = 192
MEMORY_EVERY_S = 0.5
IDLE_S = 0.4
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

INDEXER = """
import sys, stbir
from stbir.gallery.ingest import Progress
every = int(sys.argv[3])
class Stopping(Progress):
    num = 0
    def start(self, total):
        print("total", total, flush=True)
    def advance(self):
        self.num += 1
        if self.num % every == 0:
            print("stopped", self.num, flush=True)
            sys.stdin.readline()
report = stbir.Gallery.open(sys.argv[1]).index(sys.argv[2], progress=Stopping())
print("done", report.added, report.total, len(report.skipped), flush=True)
"""


def main() -> None:
    """Measure everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=NUM_FILES, help="how many JPEGs")
    parser.add_argument("--data", type=Path, default=ROOT / "runs" / "index-data", help="where they are kept")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    files = options.data / f"files-{options.files}"
    say(f"making {options.files:,} files in {files}")
    make_files(files, options.files, Path(os.environ["STBIR_DATA"]))
    paths = sorted(files.rglob("*.jpg"))
    gallery = options.data / f"throughput-{options.files}.gallery"
    shutil.rmtree(gallery, ignore_errors=True)
    every = max(len(paths) // NUM_STOPS, 20)
    measured = measure(gallery, files, paths, every)
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": os.getloadavg()[0]},
        "versions": {name: version(name) for name in ("stbir", "onnxruntime", "lancedb", "pillow")},
        "num_files": len(paths),
        "num_bytes": sum(path.stat().st_size for path in paths),
        **measured,
        "second_run_s": second_runs(gallery, files),
        "gallery_bytes": sum(path.stat().st_size for path in gallery.rglob("*") if path.is_file()),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps({name: value for name, value in result.items() if name != "memory"}, indent=1))


def measure(gallery: Path, files: Path, paths: list[Path], every: int) -> dict[str, Any]:
    """Index everything in one process, stopped now and then for the pools."""
    command = [sys.executable, "-c", INDEXER, str(gallery), str(files), str(every)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    memory: list[tuple[float, int]] = []
    watching = threading.Thread(target=watch_memory, args=(process.pid, memory), daemon=True)
    intervals: list[dict[str, float]] = []
    started = 0.0
    report: list[int] = []
    for word, *numbers in lines(process):
        if word == "total":
            started = time.monotonic()
            watching.start()
        elif word == "stopped":
            spent = time.monotonic() - started + until_idle(process.pid)
            place = int(numbers[0])
            sample = paths[place - every : place][:: max(1, every // FILES_PER_SAMPLE)]
            rates = {"index": every / spent, "reduced": rate(decode_reduced, sample), "full": rate(decode_full, sample)}
            intervals.append(rates)
            say(f"{place:6,}  " + "  ".join(f"{name} {value:6.1f}/s" for name, value in rates.items()))
            started = time.monotonic()
            process.stdin.write("go on\n")
            process.stdin.flush()
        else:
            report = [int(number) for number in numbers]
    if process.wait() != 0 or not report:
        raise SystemExit("indexing failed")
    return {"report": dict(zip(("added", "total", "skipped"), report, strict=True)), **summed(intervals, memory)}


def summed(intervals: list[dict[str, float]], memory: list[tuple[float, int]]) -> dict[str, Any]:
    """Rates, their ratios interval by interval, and the curve of memory; the first interval warms up."""
    kept = intervals[1:] or intervals
    rates = {name: statistics.median(interval[name] for interval in kept) for name in kept[0]}
    ratios = {name: [interval["index"] / interval[name] for interval in kept] for name in ("reduced", "full")}
    megabytes = [used / 1e6 for _, used in memory]
    quarter = max(1, len(megabytes) // 4)
    return {
        "pictures_per_s": {name: round(value, 1) for name, value in rates.items()},
        "ratio": {
            f"to_{name}": {"median": round(statistics.median(each), 3), "of_sums": round(_of_sums(kept, name), 3)}
            for name, each in ratios.items()
        },
        "rss_mb": {
            "peak": round(max(megabytes)),
            "median_second_quarter": round(statistics.median(megabytes[quarter : 2 * quarter] or megabytes)),
            "median_last_quarter": round(statistics.median(megabytes[-quarter:])),
        },
        "memory": [[round(at, 1), round(used / 1e6)] for at, used in memory[:: max(1, len(memory) // 200)]],
        "intervals": [{name: round(value, 2) for name, value in interval.items()} for interval in intervals],
    }


def _of_sums(intervals: list[dict[str, float]], name: str) -> float:
    """Ratio of the rates over all files: time weighs, not intervals."""
    return sum(1 / interval[name] for interval in intervals) / sum(1 / interval["index"] for interval in intervals)


def second_runs(gallery: Path, files: Path) -> list[float]:
    """Times of `stbir index` where nothing has changed, start to exit."""
    command = [sys.executable, "-m", "stbir", "index", str(files), "--gallery", str(gallery)]
    times = []
    for _ in range(3):
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        times.append(round(time.monotonic() - started, 2))
    return times


def rate(decode: Any, sample: list[Path]) -> float:
    """Files per second of a pool that only decodes and resizes."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(decode, sample[:4]))
        started = time.monotonic()
        list(pool.map(decode, sample))
        return len(sample) / (time.monotonic() - started)


def decode_reduced(path: Path) -> None:
    """As stbir decodes: JPEGs at the smallest size that is still large enough, then to the size of the tower."""
    from stbir.images import letterbox, load_picture

    letterbox(load_picture(path, max_side_px=512), SIDE_PX)


def decode_full(path: Path) -> None:
    """As most programs decode: all pixels, then to the size of the tower."""
    with Image.open(path) as picture:
        picture.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)


def lines(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """What the indexing process says, word by word."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.split()


def until_idle(pid: int) -> float:
    """Seconds for which a process is still busy after it was told to stop."""
    started = last_change = time.monotonic()
    ticks = cpu_ticks(pid)
    while time.monotonic() - last_change < IDLE_S:
        time.sleep(0.02)
        if (now := cpu_ticks(pid)) != ticks:
            ticks, last_change = now, time.monotonic()
    return last_change - started


def cpu_ticks(pid: int) -> int:
    """Processor time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def watch_memory(pid: int, memory: list[tuple[float, int]]) -> None:
    """Note the resident memory of a process until it ends."""
    started = time.monotonic()
    while True:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        if pages == 0:
            return
        memory.append((time.monotonic() - started, pages * PAGE_BYTES))
        time.sleep(MEMORY_EVERY_S)


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
