"""A gallery of a million pictures: how fast, how exact, how large in memory; beside NumPy and FAISS.

    STBIR_DATA=... python benchmarks/million.py            all steps; what is done already is kept in runs/million
    python benchmarks/million.py --number 100000           the same with fewer, for trying out

Steps: real pictures and queries are encoded and multiplied (benchmarks/million_vectors.py); the vectors go into a
gallery through the table's own methods, with placeholders for thumbnails; a fresh process opens it and searches by the
same pages of hits as the command line and the service. NumPy's exact scan and FAISS HNSW search the same queries, in
turns with it, so that load of the machine hits all of them. Recall is counted against the exact scan, for drawings
alone, words alone and both. Needs faiss-cpu (extra `bench`). Writes benchmarks/results/million.json.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import stbir
from latency import machine
from million_vectors import Real, Vectors, augment, encode, nearest_cosines
from stbir.gallery.catalogue import Entry, ModelMark, Picture
from stbir.gallery.store import Store
from stbir.gallery.update import EXACT_MAX_PICTURES
from stbir.model.fusion import compose, scores
from stbir.pages import find_page
from stbir.query import Weights
from stbir.searcher import EncodedQuery

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "million.json"
TOP = 10
ROUNDING = 1e-5
SETTLE_S = 0.05  # NumPy's threads go on spinning that long after a product, and would slow down whoever is next
ROWS_AT_ONCE = 20_000
SCAN_ROWS = 50_000
PLACEHOLDER = b"no thumbnail"
FILTERS = {
    "1 % at random": "width = 107",
    "10 % at random": "width >= 110 AND width < 120",
    "a folder": "folder = '{}'",
}
QUERIES_OF_KIND = 100
HNSW_LINKS, HNSW_BUILD, HNSW_SEARCH = 16, 80, 128


def main() -> None:
    """Do the steps and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=1_000_000, help="how many vectors")
    parser.add_argument("--max-pictures", type=int, help="of each data set at most, for trying out")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "million", help="where steps are kept")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--without-hnsw", action="store_true", help="leave FAISS out; its build takes minutes")
    parser.add_argument("--searcher", action="store_true", help="used by the benchmark itself")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.searcher:
        answer_requests(options.work / f"{options.number}.gallery")
        return
    measured_on = machine()
    encoder = stbir.Encoder(stbir.Bundle.load(None), 2)
    dims = encoder.bundle.info.dims
    real = encode(options.work / "real.npz", encoder, options.max_pictures)
    vectors, origins = augment(
        options.work / f"vectors-{options.number}.npy", real, options.number, (dims.sketch, dims.text)
    )
    say(f"{len(vectors):,} vectors of {len(real.pictures):,} pictures")
    gallery = options.work / f"{options.number}.gallery"
    built = kept(options.work / f"{options.number}.built.json", lambda: build(gallery, encoder, vectors, origins, real))
    result = {
        "machine": measured_on,
        "number": len(vectors),
        "pictures": len(real.pictures),
        "nearest_cosine": {
            "real": nearest_cosines(real.pictures),
            "multiplied": nearest_cosines(vectors),
        },
        **built,
        **measure(options, encoder, real, vectors, origins),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))


def build(gallery: Path, encoder: stbir.Encoder, vectors: Vectors, origins: Any, real: Real) -> dict[str, Any]:
    """Put the vectors into a new gallery and build its index."""
    shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(parents=True)
    store = Store.create(gallery, ModelMark.of(encoder.bundle.info))
    started = time.perf_counter()
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        rows = range(start, min(start + ROWS_AT_ONCE, len(vectors)))
        store.table.add([picture(row, vectors[row], str(real.categories[origins[row]])) for row in rows])
    added = time.perf_counter()
    store.table.tidy(with_index=len(vectors) > EXACT_MAX_PICTURES)
    ended = time.perf_counter()
    return {
        "add_s": round(added - started, 1),
        "index_s": round(ended - added, 1),
        "gallery_megabytes": round(store.num_bytes() / 1e6),
    }


def picture(row: int, vector: Vectors, category: str) -> Picture:
    """A row as the gallery stores it."""
    path = f"/pictures/{category}/{row:07d}.jpg"
    entry = Entry(
        id=f"{row:012x}",
        path=path,
        root="/pictures",
        size_bytes=1000 + row,
        mtime_ns=row,
        content_hash=f"{row:064x}",
        width=100 + row % 100,
        height=100,
        perceptual_hash=f"{row:016x}",
    )
    return Picture(entry, np.asarray(vector), PLACEHOLDER)


def queries_of(encoder: stbir.Encoder, real: Real) -> dict[str, list[EncodedQuery]]:
    """Drawings alone, words alone, and both, as the searcher composes them."""
    info = encoder.bundle.info

    def made(**parts: Vectors) -> EncodedQuery:
        return EncodedQuery(compose(info.dims, info.fusion, Weights(), **parts), parts)

    some = QUERIES_OF_KIND
    return {
        "drawing": [made(sketch=sketch) for sketch in real.sketches[-some:]],
        "words": [made(text=text) for text in real.words[-some:]],
        "both": [
            made(sketch=sketch, text=text)
            for sketch, text in zip(real.sketches[-some:], real.texts[-some:], strict=True)
        ],
    }


def measure(
    options: argparse.Namespace, encoder: stbir.Encoder, real: Real, vectors: Vectors, origins: Any
) -> dict[str, Any]:
    """Ask all engines in turns, and compare what they find with the exact scan."""
    queries = queries_of(encoder, real)
    flat = [(kind, query) for kind, several in queries.items() for query in several]
    say("exact neighbours")
    truths = truth(np.stack([query.vector for _, query in flat]), vectors, origins, real)
    searcher = Child(options)
    engines: dict[str, Callable[[EncodedQuery], list[int]]] = {}
    exact = np.load(vectors.filename)
    engines["NumPy, exact"] = lambda query: best_rows(scores(query.vector, exact))
    if not options.without_hnsw:
        hnsw, built = faiss_hnsw(options.work / f"{options.number}.faiss", exact)
        engines["FAISS HNSW"] = lambda query: list(hnsw.search(query.vector[None], TOP)[1][0])
    else:
        built = {}
    times: dict[str, list[float]] = {name: [] for name in ("stbir", *engines)}
    hits: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in queries} for name in times}
    order = np.random.default_rng(3).permutation(len(flat))
    alone = [searcher.ask(flat[row][1], None)[0] for row in order]
    for row in order:
        kind, query = flat[row]
        took, found = searcher.ask(query, None)
        times["stbir"].append(took)
        hits["stbir"][kind].append(recall(query, exact[found], truths["none"][row]))
        for name, search in engines.items():
            time.sleep(SETTLE_S)
            started = time.perf_counter()
            found = search(query)
            times[name].append(1e3 * (time.perf_counter() - started))
            hits[name][kind].append(recall(query, exact[found], truths["none"][row]))
    table = [
        {
            "engine": name,
            **percentiles(times[name]),
            "recall_at_10": round(float(np.mean([each for kind in hits[name].values() for each in kind])), 4),
            **{f"recall_{kind}": round(float(np.mean(each)), 4) for kind, each in hits[name].items()},
        }
        for name in times
    ]
    filtered = []
    for name in FILTERS:
        took_all, recalls = [], []
        for row in order[::2]:
            _, query = flat[row]
            took, found = searcher.ask(query, where_of(name, real))
            took_all.append(took)
            recalls.append(recall(query, exact[found], truths[name][row]))
        filtered.append({"filter": name, **percentiles(took_all), "recall_at_10": round(float(np.mean(recalls)), 4)})
    memory = searcher.memory()
    searcher.close()
    return {"alone": percentiles(alone), "engines": table, "filters": filtered, **searcher.started, **memory, **built}


def truth(queries: Vectors, vectors: Vectors, origins: Any, real: Real) -> dict[str, Vectors]:
    """Under each filter and without, the score [Q] that a picture needs to be among the best."""
    width = 100 + np.arange(len(vectors)) % 100
    folder = np.array([f"/pictures/{name}" for name in real.categories])[origins]
    masks = {
        "none": np.ones(len(vectors), np.bool_),
        "1 % at random": width == 107,
        "10 % at random": (width >= 110) & (width < 120),
        "a folder": folder == where_of("a folder", real).split("'")[1],
    }
    best = {name: np.full((len(queries), TOP), -np.inf, np.float32) for name in masks}
    for start in range(0, len(vectors), SCAN_ROWS):
        values = scores(queries, np.asarray(vectors[start : start + SCAN_ROWS]))
        for name, mask in masks.items():
            here = values[:, mask[start : start + SCAN_ROWS]]
            best[name] = np.sort(np.concatenate([best[name], here], axis=1), axis=1)[:, -TOP:]
    return {name: found[:, 0] for name, found in best.items()}


def top_of(values: Vectors) -> Any:
    """Places of the largest values, the largest first."""
    some = np.argpartition(-values, TOP)[:TOP]
    return some[np.argsort(-values[some], kind="stable")]


def best_rows(values: Vectors) -> list[int]:
    """Rows of the best scores."""
    return [int(row) for row in top_of(values)]


def where_of(name: str, real: Real) -> str:
    """The SQL condition of a filter; the folder is the one whose share is nearest to 1 %."""
    names, counts = np.unique(real.categories, return_counts=True)
    nearest = names[np.argmin(np.abs(counts / len(real.categories) - 0.01))]
    return FILTERS[name].format(f"/pictures/{nearest}")


def faiss_hnsw(file: Path, vectors: Vectors) -> tuple[Any, dict[str, Any]]:
    """FAISS's graph over the same vectors, from the disk if it was built before."""
    import faiss

    note = file.with_suffix(".faiss.json")
    if not file.is_file():
        say("building FAISS HNSW, which takes minutes")
        index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_BUILD
        started = time.perf_counter()
        index.add(vectors)
        faiss.write_index(index, str(file))
        built = {"faiss_build_s": round(time.perf_counter() - started, 1)}
        note.write_text(json.dumps(built), encoding="utf-8")
    index = faiss.read_index(str(file))
    index.hnsw.efSearch = HNSW_SEARCH
    return index, json.loads(note.read_text(encoding="utf-8"))


class Child:
    """A fresh process that searches the gallery, so that its memory is its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        command = [sys.executable, __file__, "--searcher", "--number", str(options.number), "--work", str(options.work)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started = self._receive()

    def ask(self, query: EncodedQuery, where: str | None) -> tuple[float, list[int]]:
        """Milliseconds of one search, and the rows found."""
        time.sleep(SETTLE_S)
        request = {"parts": {name: part.tolist() for name, part in query.parts.items()}, "where": where}
        answer = self._send(request)
        return answer["ms"], answer["rows"]

    def memory(self) -> dict[str, Any]:
        """The process's memory after all searches."""
        return self._send({"memory": True})

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def answer_requests(path: Path) -> None:
    """The fresh process: open the gallery, search once by words, then answer requests."""
    born = time.time() - process_age_s()
    started = time.perf_counter()
    gallery = stbir.Gallery.open(path, create=False)
    gallery.search(text="a red shoe")
    opened = time.perf_counter() - started
    reply({"open_to_first_result_s": round(opened, 2), "process_to_first_result_s": round(time.time() - born, 2)})
    for request in requests():
        if "memory" in request:
            reply(memory_of())
            continue
        parts = {name: np.array(part, np.float32) for name, part in request["parts"].items()}
        query = gallery.searcher().fuse(parts, Weights())
        started = time.perf_counter()
        page = find_page(gallery.searcher(), query, top=TOP, where=request["where"])
        took = 1e3 * (time.perf_counter() - started)
        reply({"ms": took, "rows": [int(shown.hit.id, 16) for shown in page.shown]})


def requests() -> Iterator[dict[str, Any]]:
    """Requests from the parent."""
    for line in sys.stdin:
        yield json.loads(line)


def reply(answer: dict[str, Any]) -> None:
    """Answer the parent."""
    print(json.dumps(answer), flush=True)


def process_age_s() -> float:
    """How long ago this process was started."""
    ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / 100


def memory_of() -> dict[str, int]:
    """Megabytes: the most ever held, what is held now, and the part of it that is not of files."""
    status = Path("/proc/self/status").read_text()
    names = {"VmHWM": "rss_peak_megabytes", "VmRSS": "rss_megabytes", "RssAnon": "anonymous_megabytes"}
    return {
        name: round(int(re.findall(rf"^{key}:\s+(\d+)", status, re.MULTILINE)[0]) / 1000) for key, name in names.items()
    }


def recall(query: EncodedQuery, found: Vectors, needed: float) -> float:
    """Share of the best that was found; of pictures that score alike, as far as rounding goes, any counts."""
    return min(1.0, int((scores(query.vector, found) >= needed - ROUNDING).sum()) / TOP)


def percentiles(values: list[float]) -> dict[str, float]:
    """Median and 99th percentile, milliseconds."""
    return {"p50_ms": round(float(np.median(values)), 2), "p99_ms": round(float(np.quantile(values, 0.99)), 2)}


def kept(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a step gave, from an earlier run if it was done then."""
    if not file.is_file():
        file.write_text(json.dumps(make()), encoding="utf-8")
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return result


def say(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
