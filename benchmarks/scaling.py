"""Measure what a picture costs in bytes and seconds, and compute the sizing table of docs/scaling.md from it.

    python benchmarks/scaling.py --server .venv-milvus/bin/python     measure (5 to 15 minutes) and renew the table
    python benchmarks/scaling.py --computed --core-hour 0.03          only compute it again, at other prices

Measured on this machine: bytes per picture on disk in LanceDB and Milvus, resident bytes per picture of a Milvus server
for each kind of index, of the indexing process for its catalogue, pictures per second and core, bytes per picture that
travel through Ray. Everything else is arithmetic on them (`compute`) and on the assumptions, which are the options.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import pickle
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from latency import machine, say
from stbir.errors import GalleryError
from stbir.gallery.catalogue import Entry, Metadata, ModelMark, Picture
from stbir.gallery.decode import Decoder
from stbir.gallery.milvus.address import Address
from stbir.gallery.milvus.table import MilvusTable
from stbir.gallery.register import Register
from stbir.gallery.scan import Found
from stbir.gallery.table import PictureTable
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "scaling.json"
PAGE = ROOT / "docs" / "scaling.md"
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9)
SERVER_INDEXES = ("hnsw", "ivf_sq8")
ROWS_PER_COMMIT = 2000
NUM_CATALOGUE = 100_000
MAX_ENCODED = 200
GB = 1e9


def main() -> None:
    """Measure what is asked for, compute, write the result and the table."""
    options = parse()
    if options.computed:
        measured = json.loads(options.out.read_text(encoding="utf-8"))["measured"]
    else:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(options, Path(folder))
    assumed = {name: getattr(options, name) for name in ASSUMPTIONS}
    rows = [compute(num, index, measured, assumed) for num in SIZES for index in indexes(num, measured)]
    result = {"measured": measured, "assumed": assumed, "computed": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))
    if options.page.is_file():
        text = options.page.read_text(encoding="utf-8")
        for name, block in {"measured": measured_table(measured), "sizes": size_table(rows, assumed)}.items():
            before, rest = text.split(f"<!-- {name}: benchmarks/scaling.py -->\n")
            _, after = rest.split("<!-- end -->", 1)
            text = f"{before}<!-- {name}: benchmarks/scaling.py -->\n{block}<!-- end -->{after}"
        options.page.write_text(text, encoding="utf-8")


ASSUMPTIONS = {
    "core_hour": (0.04, "price of one core for one hour of encoding"),
    "node_month": (250.0, "price of one machine of the store for a month"),
    "node_gb": (64.0, "memory of such a machine, GB"),
    "memory_share": (0.7, "share of it that vectors and index may fill"),
    "disk_gb_month": (0.08, "price of a GB of disk for a month"),
    "copies": (3.0, "copies of everything on a cluster's disks"),
    "cores": (64.0, "cores that encode at the same time on a cluster"),
}


def parse() -> argparse.Namespace:
    """The options; every assumption is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=30_000, help="pictures in the stores that are measured")
    parser.add_argument("--server", type=Path, help="python of an environment with milvus==2.3.5; none: not measured")
    parser.add_argument("--pictures", type=Path, default=ROOT / "samples" / "gallery", help="what is encoded")
    parser.add_argument(
        "--real-size", type=Path, help="data sets of which pictures of 2-12 megapixels are made instead"
    )
    parser.add_argument("--model", type=Path, help="another model bundle than the one shipped")
    parser.add_argument("--computed", action="store_true", help="measure nothing, compute from the last result")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result is written")
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are renewed")
    for name, (value, meaning) in ASSUMPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value, help=f"{meaning} ({value:g})")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that is not arithmetic."""
    bundle = Bundle.load(options.model)
    result: dict[str, Any] = {"machine": machine(), "rows": options.rows, "dims": bundle.info.dims.total}
    result |= encoding(options, bundle, folder)
    result["catalogue_bytes"] = catalogue_bytes()
    pictures = make_pictures(options.rows, bundle.info.dims.total, result["thumbnail_bytes"])
    result["lance"] = lance(folder / "lance", pictures, bundle.info.dims.total)
    if options.server is not None:
        result["milvus"] = {
            index: milvus(folder / f"milvus-{index}", index, pictures, bundle, options.server)
            for index in SERVER_INDEXES
        }
    return result


def encoding(options: argparse.Namespace, bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Pictures per second of one core from file to vector, and what comes out."""
    if options.real_size:
        from real_size_pictures import make_files

        make_files(folder / "real", 120, options.real_size, 40)
        source = folder / "real"
    else:
        source = options.pictures
    paths = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    paths = paths[:: math.ceil(len(paths) / MAX_ENCODED)]
    files = [Found(str(path), str(source), path.stat().st_size, 1) for path in paths]
    decoder = Decoder(Encoder(bundle, 1), lambda _digest: False)
    decoder.decode(files[0])
    started = time.perf_counter()
    decoded = [decoder.decode(file) for file in files]
    seconds = time.perf_counter() - started
    say(f"encoded {len(files)} pictures in {seconds:.1f} s on one core")
    return {
        "pictures_per_core_s": round(len(files) / seconds, 2),
        "picture_bytes": round(sum(file.size_bytes for file in files) / len(files)),
        "thumbnail_bytes": round(sum(len(each.thumbnail) for each in decoded) / len(decoded)),
        "ray_bytes": round(len(pickle.dumps(list(zip(files, decoded, strict=True)))) / len(files)),
    }


def make_pictures(number: int, dims: int, thumbnail_bytes: int) -> list[Picture]:
    """Rows as they are in a gallery: unit vectors in clusters, thumbnails that cannot be compressed."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, dims)).astype(np.float32)
    vectors = centres[rng.integers(0, 300, number)] + rng.normal(size=(number, dims)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [Picture(entry(n), vectors[n], rng.bytes(thumbnail_bytes)) for n in range(number)]


def entry(n: int) -> Entry:
    """A catalogue entry of usual length."""
    digest = f"{(n + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4
    return Entry(
        id=digest[:12],
        path=f"/mnt/photos/archive/2024/{n // 1000:05d}/IMG_{n:08d}.jpg",
        root="/mnt/photos/archive",
        size_bytes=3_000_000 + n,
        mtime_ns=1_700_000_000_000_000_000 + n,
        content_hash=digest,
        width=4000,
        height=3000,
        taken="2024-06-30T18:05:00",
        camera="Maker Model 5",
        perceptual_hash=digest[16:32],
    )


def catalogue_bytes() -> float:
    """Resident bytes per known picture of the process that indexes."""
    gc.collect()
    before = resident(os.getpid())
    register = Register([entry(n) for n in range(NUM_CATALOGUE)])
    gc.collect()
    grown = resident(os.getpid()) - before
    assert len(register.by_path) == NUM_CATALOGUE
    return round(grown / NUM_CATALOGUE)


def lance(folder: Path, pictures: list[Picture], dims: int) -> dict[str, Any]:
    """Bytes per picture on disk of LanceDB, with its index, after tidying up."""
    folder.mkdir()
    table = PictureTable(folder, dims)
    started = time.perf_counter()
    for start in range(0, len(pictures), ROWS_PER_COMMIT):
        table.add(pictures[start : start + ROWS_PER_COMMIT])
    written = time.perf_counter() - started
    without_index = size(folder)
    started = time.perf_counter()
    table.train_index()
    return {
        "rows_per_s": round(len(pictures) / written),
        "disk_bytes": round(without_index / len(pictures)),
        "index_bytes": round(size(folder, "_indices") / len(pictures)),
        "index_s_per_million": round((time.perf_counter() - started) / len(pictures) * 1e6),
    }


def milvus(folder: Path, index: str, pictures: list[Picture], bundle: Bundle, python: Path) -> dict[str, Any]:
    """Bytes per picture on disk and in memory of a Milvus server, once all is written and indexed."""
    sys.path.insert(0, str(ROOT / "tests"))
    from milvus_server import MilvusServer

    os.environ["STBIR_MILVUS_SERVER"] = str(python)
    server = MilvusServer(folder)
    server.start()
    try:
        warm_up(server.address, index, pictures[:ROWS_PER_COMMIT], bundle)
        memory, disk = server.resident(), size(folder / "data")
        table = opened(f"{server.address}/measured?index={index}", bundle)
        started = time.perf_counter()
        for start in range(0, len(pictures), ROWS_PER_COMMIT):
            table.add(pictures[start : start + ROWS_PER_COMMIT])
        written = time.perf_counter() - started
        flush(table)
        wait_until_indexed(table)
        started = time.perf_counter()
        settled = settle(server)
        say(f"{index}: settled after {time.perf_counter() - started:.0f} s")
        search_ms = [searched(table, picture.vector) for picture in pictures[:: len(pictures) // 50]]
        return {
            "rows_per_s": round(len(pictures) / written),
            "memory_bytes": round((settled - memory) / len(pictures)),
            "disk_bytes": round((size(folder / "data") - size(folder / "data", "rocksmq") - disk) / len(pictures)),
            "log_bytes": round(size(folder / "data", "rocksmq") / len(pictures)),
            "search_ms_p50": round(float(np.median(search_ms)), 1),
        }
    finally:
        server.kill()


def warm_up(place: str, index: str, pictures: list[Picture], bundle: Bundle) -> None:
    """What the server needs once, whatever it holds."""
    table = opened(f"{place}/warm?index={index}", bundle)
    table.add(pictures)
    flush(table)
    wait_until_indexed(table)


def flush(table: MilvusTable) -> None:
    """Write everything into segments, however long that takes on this machine."""
    for attempt in range(10):
        try:
            table.flush()
            return
        except GalleryError as error:
            say(f"attempt {attempt}: {error}")
    raise SystemExit("the server does not flush")


def opened(address: str, bundle: Bundle) -> MilvusTable:
    """An empty gallery in a store."""
    table = MilvusTable(Address.parse(address), bundle.info.dims.total)
    table.establish(Metadata(id="0" * 32, created="", model=ModelMark.of(bundle.info)))
    return table


def wait_until_indexed(table: MilvusTable) -> None:
    """Until the index holds what was flushed."""
    client = table._opened()
    for _ in range(600):
        state = client.describe_index(table.address.collection, "vector")
        if state.get("pending_index_rows", 0) == 0 and state.get("state", "Finished") == "Finished":
            return
        time.sleep(1)


def settle(server: Any) -> float:
    """Resident bytes once they no longer change by more than a hundredth in ten seconds."""
    before = server.resident()
    for _ in range(12):
        time.sleep(10)
        now = server.resident()
        if abs(now - before) < before / 100:
            return float(now)
        before = now
    return float(before)


def searched(table: MilvusTable, vector: Any) -> float:
    """Milliseconds of one search for ten pictures."""
    started = time.perf_counter()
    table.nearest(vector, 26, "", {"ef": 128} if table.address.index == "hnsw" else {"nprobe": 32})
    return (time.perf_counter() - started) * 1e3


def size(folder: Path, part: str = "") -> int:
    """Bytes of the files below a folder; with `part`, of those that lie in one of this name."""
    found = (path for path in folder.rglob("*") if path.is_file() and (not part or part in path.parts))
    return sum(path.stat().st_size for path in found)


def resident(pid: int) -> int:
    """Resident bytes of a process that are its own."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return 1024 * int(re.findall(r"RssAnon:\s+(\d+)", status)[0])


def indexes(number: int, measured: dict[str, Any]) -> list[str]:
    """Where that many pictures may lie: on one machine in LanceDB, or in Milvus."""
    return [*(["lance"] if number <= 10**7 else []), *(measured.get("milvus", {}) if number >= 10**6 else [])]


def compute(number: int, index: str, measured: dict[str, Any], assumed: dict[str, float]) -> dict[str, Any]:
    """What a number of pictures needs and costs.

    disk   = number * bytes per picture * copies (1 in LanceDB)
    memory = number * bytes per picture of the server
    nodes  = memory / (memory of a machine * share that may be filled), rounded up
    hours  = number / (pictures per second and core * cores) / 3600
    once   = number / pictures per second and core / 3600 * price of a core hour
    month  = nodes * price of a machine + disk * price of a GB
    """
    one = index == "lance"
    store = measured["lance"] if one else measured["milvus"][index]
    per_picture = store["disk_bytes"] + (store["index_bytes"] if one else 0)
    disk_gb = number * per_picture * (1 if one else assumed["copies"]) / GB
    memory_gb = 0.0 if one else number * store["memory_bytes"] / GB
    nodes = 1 if one else max(1, math.ceil(memory_gb / (assumed["node_gb"] * assumed["memory_share"])))
    cores = measured["machine"]["cores"] if one else assumed["cores"]
    core_hours = number / measured["pictures_per_core_s"] / 3600
    month = (0.0 if one else nodes * assumed["node_month"]) + disk_gb * assumed["disk_gb_month"]
    return {
        "pictures": number,
        "store": "LanceDB" if one else f"Milvus {index}",
        "disk_gb": disk_gb,
        "memory_gb": memory_gb,
        "nodes": nodes,
        "cores": cores,
        "hours": core_hours / cores,
        "catalogue_gb": number * measured["catalogue_bytes"] / GB,
        "once_per_million": core_hours * assumed["core_hour"] / number * 1e6,
        "month_per_million": month / number * 1e6,
    }


def measured_table(measured: dict[str, Any]) -> str:
    """The measured figures as lines of Markdown."""
    rows = {
        "pictures per second and core, file to vector": f"{measured['pictures_per_core_s']:g}",
        "size of these pictures, mean": f"{measured['picture_bytes'] / 1e3:,.0f} kB",
        "thumbnail, mean": f"{measured['thumbnail_bytes'] / 1e3:.1f} kB",
        "through Ray per picture": f"{measured['ray_bytes'] / 1e3:.1f} kB",
        "memory of `stbir index` per known picture": f"{measured['catalogue_bytes']:,} bytes",
        "LanceDB, disk per picture": f"{measured['lance']['disk_bytes'] / 1e3:.2f} kB",
        "LanceDB, index per picture": f"{measured['lance']['index_bytes']:,} bytes",
        "LanceDB, writing": f"{measured['lance']['rows_per_s']:,} pictures/s",
    }
    for index, store in measured.get("milvus", {}).items():
        rows[f"Milvus {index}, disk per picture"] = f"{store['disk_bytes'] / 1e3:.2f} kB"
        rows[f"Milvus {index}, memory per picture"] = f"{store['memory_bytes'] / 1e3:.2f} kB"
        rows[f"Milvus {index}, writing"] = f"{store['rows_per_s']:,} pictures/s"
    on = measured["machine"]
    head = f"{measured['rows']:,} pictures, {measured['dims']} dimensions, {on['processor']}, {on['cores']} cores.\n\n"
    return (
        head + "| what | measured |\n|---|---|\n" + "".join(f"| {what} | {value} |\n" for what, value in rows.items())
    )


def size_table(rows: list[dict[str, Any]], assumed: dict[str, float]) -> str:
    """The sizing table as lines of Markdown."""
    named = ", ".join(f"{ASSUMPTIONS[name][1]} {value:g}" for name, value in assumed.items())
    head = (
        "pictures",
        "store",
        "disk",
        "memory",
        "machines",
        "encoding",
        "catalogue",
        "once / million",
        "monthly / million",
    )
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (
            f"{row['pictures']:,}",
            row["store"],
            f"{row['disk_gb']:,.1f} GB",
            f"{row['memory_gb']:,.1f} GB" if row["memory_gb"] else "-",
            str(row["nodes"]),
            f"{row['hours']:,.1f} h on {row['cores']:g} cores",
            f"{row['catalogue_gb']:,.1f} GB",
            f"{row['once_per_million']:,.2f}",
            f"{row['month_per_million']:,.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\nAssumed: {named}.\n"


if __name__ == "__main__":
    main()
