"""How long `stbir data check` takes and how much memory, and how well it finds look-alikes.

Each case runs in a process of its own on a made-up data set: a manifest of 100,000 rows alone, the same with a small
picture file each, compared by content or decoded, and a few thousand pictures of usual size. With STBIR_DATA also the
real sets: how many of their pictures are found again after they were shrunk or compressed anew. Writes
benchmarks/results/data-check.json. Needs the core install only, and a POSIX system.
"""

from __future__ import annotations

import argparse
import io
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
from PIL import Image

from latency import machine, say
from stbir.datasets import open_dataset, read_dataset
from stbir.datasets.check import check
from stbir.datasets.fingerprint import picture_facts
from stbir.datasets.near import near_pairs
from stbir.errors import DatasetError

RESULT = Path(__file__).resolve().parent / "results" / "data-check.json"
REAL = ("shoev2-photos", "sketchy-125", "imagenet-objects", "clothing-cc0", "ikea-products")
NUM_ALTERED = 300
CHANGES = {
    "JPEG at quality 60": (60, 1.0),
    "half the size": (85, 0.5),
    "three quarters of the size": (75, 0.75),
    "JPEG at quality 30": (30, 1.0),
}


def main() -> None:
    """Run every case in its own process and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=4_000)
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--check", nargs=2, metavar=("WHERE", "DEPTH"), help="check this here, and print what it took")
    options = parser.parse_args()
    if options.check:
        print(json.dumps(checked(*options.check)))
        return
    measured_on = machine()
    with tempfile.TemporaryDirectory() as folder:
        cases = {name: case(Path(folder), options) for name, case in CASES.items()}
    result = {
        "machine": measured_on,
        "versions": {name: version(name) for name in ("stbir", "numpy", "pillow")},
        "cases": cases,
        "look_alikes": look_alikes(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))


def in_a_process(where: Path, depth: str) -> dict[str, Any]:
    """Check a data set in a fresh interpreter."""
    command = [sys.executable, __file__, "--check", str(where), depth]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    say(f"{where.name} {depth}: {found}")
    return found


def checked(where: str, depth: str) -> dict[str, Any]:
    """What checking a data set took."""
    started = time.perf_counter()
    report = check(read_dataset(where, is_strict=False), is_decoded=depth == "decoded")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "rows": report.num_rows,
        "files": report.num_files,
        "megabytes": round(report.num_bytes / 1e6, 1),
        "errors": report.num_errors,
        "warnings": report.num_warnings,
        "seconds": round(time.perf_counter() - started, 1),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1),
    }


def rows_alone(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A manifest without files: texts, ids, splits and groups."""
    return in_a_process(written(folder / "rows", options.rows, None), "decoded")


def small_pictures(folder: Path, options: argparse.Namespace, depth: str = "compared") -> dict[str, Any]:
    """A small picture for every row."""
    return in_a_process(written(folder / "small", options.rows, 64), depth)


def small_pictures_decoded(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The same, every picture decoded."""
    return small_pictures(folder, options, "decoded")


def usual_pictures(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Pictures of usual size, decoded in the pool."""
    return in_a_process(written(folder / "usual", options.pictures, 640), "decoded")


CASES: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "rows alone": rows_alone,
    "a picture of 64 px each, compared by content": small_pictures,
    "a picture of 64 px each, decoded": small_pictures_decoded,
    "a picture of 640 px each, decoded": usual_pictures,
}


def written(folder: Path, number: int, size_px: int | None) -> Path:
    """A data set of noise, with a copy and a look-alike here and there."""
    if folder.exists():
        return folder
    rng = np.random.default_rng(0)
    (folder / "photo").mkdir(parents=True)
    with (folder / "manifest.jsonl").open("w", encoding="utf-8") as file:
        for index in range(number):
            row = {
                "id": f"r{index}",
                "category": f"kind {index % 125}",
                "text": f"a thing with number {index} and some words more",
                "split": "train" if index % 10 else "test",
                "attributes": {"shape": index // 10},
            }
            if size_px is not None:
                row["image"] = f"photo/{index}.jpg"
                blocks = rng.integers(0, 256, (8, 8, 3), np.uint8)
                picture = Image.fromarray(blocks).resize((size_px, size_px), Image.Resampling.BICUBIC)
                picture.save(folder / "photo" / f"{index}.jpg", "JPEG", quality=80)
            file.write(json.dumps(row) + "\n")
    return folder


def look_alikes() -> dict[str, Any]:
    """Of pictures of the real sets: which share is found again when altered, and how many others are taken for it."""
    found = {}
    for name in REAL if os.environ.get("STBIR_DATA") else ():
        try:
            data = open_dataset(name)
        except DatasetError as error:
            say(str(error))
            continue
        rows = [row for row in data.rows if row.image is not None]
        chosen = np.random.default_rng(0).choice(len(rows), min(NUM_ALTERED, len(rows)), replace=False)
        facts = []
        for index in sorted(chosen.tolist()):
            content = data.picture_bytes(rows[index])
            facts += [
                picture_facts("a.jpg", one) for one in (content, *(altered(content, *c) for c in CHANGES.values()))
            ]
        pairs = near_pairs([one.look or 0 for one in facts], [one.thumbnail for one in facts])
        width = len(CHANGES) + 1
        hits = [{(left, right) for left, right in pairs if left // width == right // width and left % width == 0}]
        others = {(left // width, right // width) for left, right in pairs if left // width != right // width}
        found[name] = {
            "pictures": len(chosen),
            "found": {
                change: round(sum((width * i, width * i + at) in hits[0] for i in range(len(chosen))) / len(chosen), 3)
                for at, change in enumerate(CHANGES, start=1)
            },
            "pairs_of_different_pictures": len(others),
        }
        say(f"{name}: {found[name]}")
    return found


def altered(content: bytes, quality: int, scale: float) -> bytes:
    """A picture compressed anew, at another size."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
