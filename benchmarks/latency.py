"""How long things take and how much they weigh: import, search in a new and in a running process, indexing, size.

Run by `make bench` on the sample gallery with the shipped model (`--model DIR` takes another). Writes
benchmarks/results/latency.json, which benchmarks/render.py turns into docs/benchmarks.md. Needs the core install only.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from PIL import Image

import stbir
from stbir.images import load_picture

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
RESULT = ROOT / "benchmarks" / "results" / "latency.json"
NUM_STARTS = 7
NUM_ROUNDS = 10
MIN_FOR_P99 = 50


def main() -> None:
    """Measure everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="another model bundle than the one shipped")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    measured_on = machine()  # its load must not be that of the indexing below
    bundle = stbir.Bundle.load(options.model)
    queries = [json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        gallery = stbir.Gallery.open(Path(folder) / "samples.gallery", model=options.model)
        report = gallery.index(SAMPLES / "gallery")
        say(f"indexed {report.added} pictures")
        result = {
            "machine": measured_on,
            "versions": {name: version(name) for name in ("stbir", "onnxruntime", "lancedb", "numpy")},
            "model": {
                "name": bundle.info.name,
                "version": bundle.info.version,
                "fingerprint": bundle.info.fingerprint,
                "megabytes": round(bundle.num_bytes / 1e6, 1),
            },
            "num_pictures": report.total,
            "import_ms": repeated(import_ms, NUM_STARTS),
            "index_pictures_per_s": round(report.added / report.seconds, 1),
            "encode_pictures_per_s": round(encode_rate(bundle), 1),
            "jpeg_224_pictures_per_s": round(jpeg_rate(bundle), 1),
            "cold_search_ms": repeated(lambda: cold_search_ms(gallery.path, options.model, queries[0]), NUM_STARTS),
            **warm_search_ms(gallery, queries),
            "core_install_megabytes": round(core_bytes() / 1e6),
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))


def import_ms() -> float:
    """Time of `import stbir` in a fresh interpreter, as python -X importtime counts it."""
    command = [sys.executable, "-X", "importtime", "-c", "import stbir"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    last = [line for line in log.splitlines() if re.search(r"\|\s+stbir$", line)][-1]
    return float(last.split("|")[1]) / 1e3


def cold_search_ms(gallery: Path, model: Path | None, query: dict[str, str]) -> float:
    """Time of the command `stbir search` with a drawing and words, start to exit: a new process, files cached."""
    command = [str(Path(sys.executable).parent / "stbir"), "search", "--gallery", str(gallery), "--json"]
    command += ["--sketch", str(SAMPLES / query["sketch"]), "--text", query["text"]]
    command += ["--model", str(model)] if model else []
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return 1e3 * (time.perf_counter() - started)


def warm_search_ms(gallery: stbir.Gallery, queries: list[dict[str, str]]) -> dict[str, dict[str, float]]:
    """Times of searches in a running process: encoding, finding, and both."""
    asked = [stbir.Query(sketch=stbir.Sketch.load(SAMPLES / each["sketch"]), text=each["text"]) for each in queries]
    for query in asked[:5]:
        gallery.answer(query)
    times: dict[str, list[float]] = {"encode": [], "search": [], "total": []}
    for query in asked * NUM_ROUNDS:
        started = time.perf_counter()
        answer = gallery.answer(query)
        times["total"].append(1e3 * (time.perf_counter() - started))
        times["encode"].append(answer.encode_ms)
        times["search"].append(answer.search_ms)
    return {f"warm_{name}_ms": summary(values) for name, values in times.items()}


def encode_rate(bundle: stbir.Bundle) -> float:
    """Pictures per second through the image tower, already decoded."""
    pictures = [load_picture(path) for path in sorted((SAMPLES / "gallery").glob("*.jpg"))[:256]]
    encoder = stbir.Encoder(bundle)
    encoder.encode_images(pictures[:32])
    started = time.perf_counter()
    encoder.encode_images(pictures)
    return len(pictures) / (time.perf_counter() - started)


def jpeg_rate(bundle: stbir.Bundle) -> float:
    """JPEGs of 224 px decoded and encoded a second, as indexing does it: every core takes one picture at a time."""
    contents = [jpeg_of(path) for path in sorted((SAMPLES / "gallery").glob("*.jpg"))[:320]]
    encoder = stbir.Encoder(bundle, threads=1)

    def encode(content: bytes) -> None:
        with Image.open(io.BytesIO(content)) as picture:
            encoder.encode_images([picture.convert("RGB")])

    rates = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(encode, contents[:32]))
        for _ in range(5):
            started = time.perf_counter()
            list(pool.map(encode, contents))
            rates.append(len(contents) / (time.perf_counter() - started))
    return statistics.median(rates)


def jpeg_of(path: Path) -> bytes:
    """A picture as a JPEG of 224 px."""
    content = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").resize((224, 224)).save(content, "JPEG", quality=90)
    return content.getvalue()


def core_bytes() -> int:
    """Size of stbir's files and of those of everything it requires, without extras, as installed here.

    A requirement for another platform or Python is not installed and so not counted.
    """
    pending, seen = ["stbir"], set()
    total = num_bytes(path for path in Path(stbir.__file__).parent.rglob("*") if path.suffix != ".pyc")
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if name != "stbir":
            total += num_bytes(Path(str(found.locate_file(file))) for file in found.files or ())
        for requirement in found.requires or ():
            specifier, _, marker = requirement.partition(";")
            if "extra" not in marker:
                pending.append(re.split(r"[^\w.-]", specifier.strip())[0])
    return total


def num_bytes(paths: Iterable[Path]) -> int:
    """Size of those paths that are files."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def repeated(measure: Callable[[], float], number: int) -> dict[str, float]:
    """The same measurement several times, after one that does not count."""
    measure()
    return summary([measure() for _ in range(number)])


def summary(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile (the maximum where there are too few measurements for one) and their number."""
    ordered = sorted(values)
    num = len(ordered)
    slow = {"p99": ordered[round(0.99 * (num - 1))]} if num >= MIN_FOR_P99 else {"max": ordered[-1]}
    rounded = {name: round(value, 2) for name, value in {"p50": statistics.median(ordered), **slow}.items()}
    return {**rounded, "n": num}


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that was."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"processor": processor(), "cores": cores, "system": platform.system(), "load_before": load}


def processor() -> str:
    """The processor's name."""
    names = re.findall(r"^model name\s*:\s*(.*)$", read(Path("/proc/cpuinfo")), re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()


def read(path: Path) -> str:
    """A text file's content, or nothing where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def say(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
