"""What `stbir serve` stands: one user, fifty at once, more than fit, explanations, and being killed.

Run by hand: `python benchmarks/service_load.py`; writes benchmarks/results/service.json. The gallery has 10,000
pictures: the vectors of the sample pictures, each moved a little at random, stored by the real store. The load
generator runs on the same cores as the service, so what it needs is taken from the service.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import stbir
from stbir.gallery.catalogue import ModelMark, Picture
from stbir.gallery.ingest import ID_DIGITS
from stbir.gallery.lock import writer_lock
from stbir.gallery.store import Store

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
RESULT = ROOT / "benchmarks" / "results" / "service.json"
NUM_PICTURES = 10_000
JITTER = 0.25
SEED = 0
NUM_SINGLE = 400
NUM_CLIENTS = 50
NUM_REQUESTS = 10_000
NUM_ROUNDS = 3
NUM_EXPLAINED = 80
NUM_OVERLOAD = 400
NUM_RESTARTS = 5


def main() -> None:
    """Measure everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--requests", type=int, default=NUM_REQUESTS, help="requests of the fifty clients")
    parser.add_argument("--gallery", type=Path, help="keep the gallery here and use it again")
    options = parser.parse_args()
    queries = [json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = options.gallery or Path(folder) / "ten-thousand.gallery"
        if not path.exists():
            build_gallery(path, Path(folder) / "samples.gallery")
        result = {
            "machine": {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "system": platform.system()},
            "load_before": round(load, 1),
            "versions": {name: version(name) for name in ("stbir", "fastapi", "uvicorn", "onnxruntime", "numpy")},
            "num_pictures": len(stbir.Gallery.open(path, create=False)),
            "generator": "same machine, same cores",
            **measure(path, queries, options.requests),
        }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1), file=sys.stderr)


def measure(path: Path, queries: list[dict[str, str]], num_requests: int) -> dict[str, Any]:
    """Start the service and let it work."""
    restarts = [restart_s(path) for _ in range(NUM_RESTARTS)]
    with Service(path) as service:
        asyncio.run(closed_loop(service, drawings(queries, 1), 4, 200))
        single = asyncio.run(closed_loop(service, growing_drawings(queries), 1, NUM_SINGLE))
        slider = asyncio.run(closed_loop(service, slider_moves(queries), 1, NUM_SINGLE))
        explained = asyncio.run(closed_loop(service, explanations(service, queries), 1, NUM_EXPLAINED))
        rounds = []
        for seed in range(NUM_ROUNDS):  # other jobs come and go: the quietest round counts, all are listed
            found = asyncio.run(closed_loop(service, drawings(queries, 2 + seed), NUM_CLIENTS, num_requests))
            rounds.append((found, round(os.getloadavg()[0], 1)))
        overload = overloaded(service, queries)
    fifty, load = min(rounds, key=lambda each: each[0].summary()["p95"])
    return {
        "restart_after_kill_s": summary(restarts, 2),
        "one_user_drawing_ms": single.summary(),
        "one_user_slider_ms": slider.summary(),
        "one_user_explanation_ms": explained.summary(),
        "fifty_clients": {
            **fifty.summary(),
            "requests_per_s": round(len(fifty.ms) / fifty.seconds, 1),
            "load_during": load,
            "rounds": [{**each.summary(), "load": busy} for each, busy in rounds],
            "rss_mb": [value for each, _ in rounds for value in each.rss_mb],
        },
        "overload": overload,
    }


def build_gallery(path: Path, samples: Path) -> None:
    """Fill a gallery with jittered copies of the sample pictures' vectors, by the store that `stbir index` uses."""
    with stbir.Gallery.open(samples) as gallery:
        gallery.index(SAMPLES / "gallery")
        known = list(gallery.pictures([entry.id for entry in gallery.entries()]).values())
        mark = ModelMark.of(gallery.encoder().bundle.info)
    rng = np.random.default_rng(SEED)
    path.mkdir(parents=True)
    with writer_lock(path):
        store = Store.create(path, mark)
        for start in range(0, NUM_PICTURES, 2000):
            store.table.add([jittered(known[n % len(known)], n, mark, rng) for n in range(start, start + 2000)])
        store.table.tidy(with_index=False)


def jittered(picture: Picture, number: int, mark: ModelMark, rng: np.random.Generator) -> Picture:
    """A picture of its own, near another one."""
    vector = picture.vector
    if number >= 640:
        noise = rng.normal(size=vector.shape).astype(np.float32)
        parts = np.split(vector * np.sqrt(2) + JITTER * noise / np.linalg.norm(noise), [mark.dims.sketch])
        vector = np.concatenate([part / np.linalg.norm(part) for part in parts]).astype(np.float32) / np.sqrt(2)
    digest = sha256(f"{picture.entry.content_hash}-{number}".encode()).hexdigest()
    moved = f"{picture.entry.root}/{number:05}-{Path(picture.entry.path).name}"
    entry = replace(picture.entry, id=digest[:ID_DIGITS], path=moved, content_hash=digest)
    return Picture(entry, vector.astype(np.float32), picture.thumbnail)


class Service:
    """`stbir serve` in a process of its own."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-m", "stbir", "serve", "--gallery", str(path), "--port", "0", "--log-format"]
        self.started = time.monotonic()
        self.process = subprocess.Popen([*command, "json"], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        if found is None:
            raise SystemExit(f"the service did not start: {first}")
        self.port = int(found[1])
        self._reader = threading.Thread(target=self._drop_log)
        self._reader.start()

    def _drop_log(self) -> None:
        """Read what the service logs, so that it never waits for that."""
        assert self.process.stderr is not None
        for _ in self.process.stderr:
            pass

    def cpu_s(self) -> float:
        """Processor time used so far, by all threads."""
        values = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Memory in use."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return round(int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024, 1)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self._reader.join()


def restart_s(path: Path) -> float:
    """Kill a service with SIGKILL and start it again: seconds from the new start to the first answered search."""
    with Service(path) as service:
        asyncio.run(closed_loop(service, iter([search_body({"text": "red shoe"})]), 1, 1))
        service.process.kill()
        service.process.wait()
    with Service(path) as service:
        asyncio.run(closed_loop(service, iter([search_body({"text": "red shoe"})]), 1, 1))
        return time.monotonic() - service.started


@dataclass
class Outcome:
    """What a run of requests gave."""

    ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    num_retry_after: int = 0
    rss_mb: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Percentiles, counts by status."""
        return {**summary(self.ms), "statuses": {str(status): n for status, n in sorted(self.statuses.items())}}


Request = tuple[str, bytes]


async def closed_loop(service: Service, requests: Iterator[Request], num_clients: int, number: int) -> Outcome:
    """Clients on connections of their own that each ask again as soon as they are answered, or may be again."""
    outcome = Outcome()
    started = time.perf_counter()
    left = number

    async def client() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        while left > 0:
            left -= 1
            path, body = next(requests)
            sent = time.perf_counter()
            status, retry_after_s = await exchange(reader, writer, path, body)
            (outcome.refused_ms if status == 503 else outcome.ms).append(1e3 * (time.perf_counter() - sent))
            outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
            if retry_after_s is not None:
                outcome.num_retry_after += 1
                await asyncio.sleep(retry_after_s)
            if len(outcome.ms) % max(1, number // 10) == 0:
                outcome.rss_mb.append(service.rss_mb())
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(num_clients)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes
) -> tuple[int, float | None]:
    """Send one request and read its whole answer; gives its status and its Retry-After."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", answer.lower())[0])
    await reader.readexactly(length)
    wait = re.findall(rb"retry-after: (\d+)", answer.lower())
    return int(answer[9:12]), float(wait[0]) if wait else None


def search_body(fields: dict[str, Any]) -> Request:
    """A search for 24 hits."""
    return "/api/search", json.dumps({**fields, "top": 24}).encode()


def loaded(query: dict[str, str]) -> list[list[list[float]]]:
    """A sample drawing's strokes."""
    return json.loads((SAMPLES / query["sketch"]).read_text(encoding="utf-8"))["strokes"]


def drawings(queries: list[dict[str, str]], seed: int) -> Iterator[Request]:
    """Drawings that were never sent before, each with one of forty texts."""
    rng = np.random.default_rng(seed)
    strokes = [loaded(query) for query in queries]
    while True:
        number = int(rng.integers(len(queries)))
        scale = 1 + rng.normal() * 0.05
        moved = [[[round(p[0] * scale, 2), round(p[1] + rng.normal(), 2)] for p in s] for s in strokes[number]]
        yield search_body({"strokes": moved, "text": queries[number]["text"]})


def growing_drawings(queries: list[dict[str, str]]) -> Iterator[Request]:
    """One user drawing: the same drawing again and again with some more points, as the page sends while one draws."""
    while True:
        for query in queries:
            strokes = loaded(query)
            for count in range(1, len(strokes) + 1):
                for share in (0.5, 1.0):
                    last = strokes[count - 1][: max(2, int(share * len(strokes[count - 1])))]
                    grown = [*strokes[: count - 1], last]
                    yield search_body({"strokes": [[p[:2] for p in s] for s in grown], "text": query["text"]})


def slider_moves(queries: list[dict[str, str]]) -> Iterator[Request]:
    """One user moving the balance: the same query with other weights."""
    strokes, text = loaded(queries[0]), queries[0]["text"]
    step = 0
    while True:
        step += 1
        weight = 0.5 + 0.5 * np.sin(step)
        yield search_body({"strokes": strokes, "text": text, "weights": {"sketch": weight, "text": 1.01 - weight}})


def explanations(service: Service, queries: list[dict[str, str]]) -> Iterator[Request]:
    """The first hit of each sample query explained, for drawing and words."""
    client = stbir.Client(f"http://127.0.0.1:{service.port}")
    asked = []
    for query in queries:
        strokes = loaded(query)
        hit = client.search(sketch={"strokes": strokes}, text=query["text"], top=1).hits[0]
        asked.append(json.dumps({"strokes": strokes, "text": query["text"], "id": hit.id}).encode())
    while True:
        for body in asked:
            yield "/api/explain", body


def overloaded(service: Service, queries: list[dict[str, str]]) -> dict[str, Any]:
    """More clients than the service lets in, then one alone right after."""
    crowd = asyncio.run(closed_loop(service, drawings(queries, 98), NUM_OVERLOAD, 4 * NUM_OVERLOAD))
    after = asyncio.run(closed_loop(service, drawings(queries, 99), 1, 50))
    return {
        "num_clients": NUM_OVERLOAD,
        "statuses": crowd.summary()["statuses"],
        "with_retry_after": crowd.num_retry_after,
        "answered_ms": summary(crowd.ms),
        "refused_ms": summary(crowd.refused_ms),
        "first_ms_after": round(after.ms[0], 1),
        "one_user_after_ms": after.summary(),
    }


def summary(values: list[float], digits: int = 1) -> dict[str, float]:
    """Percentiles."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))], digits)

    return {"p50": round(statistics.median(ordered), digits), "p95": at(0.95), "p99": at(0.99), "n": len(ordered)}


def processor() -> str:
    """The processor's name."""
    names = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
