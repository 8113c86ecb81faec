"""How soon the page shows results: from the last movement of the pen to updated pictures, in a real browser.

Serves a gallery of 10,000 pictures (the samples, and copies of them with disturbed vectors), draws the sample drawings
with pointer events in headless Chromium, and stops the clock when the browser has painted the answer to the whole
drawing. Also measures the time between frames while drawing. Needs the extras `web` and `dev`, and Chromium. Writes
benchmarks/results/page_latency.json, which benchmarks/render.py turns into docs/benchmarks.md.

    python benchmarks/page_latency.py [--gallery DIR] [--drawings N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import stbir
from latency import ROOT, SAMPLES, machine, say
from stbir.gallery.catalogue import Picture
from stbir.gallery.store import Store

sys.path.insert(0, str(ROOT / "tests"))

from visitor import Visitor, sample_drawing, start_chromium  # found by the line above

RESULT = ROOT / "benchmarks" / "results" / "page_latency.json"
NUM_PICTURES = 10_000
WORDS = "pink fabric chair"
HOLD_MS = 500
NUM_WARM_UP = 2

# Runs in the page. The clock starts with the time stamp that the browser gave the last movement, and stops in the frame
# after the one in which the answer was put in place: then it has been painted.
RECORDER = """() => {
    window.times = { settled: [], frames: [] };
    let last = 0, previous = 0;
    document.addEventListener('pointermove', (event) => { last = event.timeStamp; }, true);
    const frame = (now) => {
        if (previous && document.getElementById('ink').matches(':active')) times.frames.push(now - previous);
        previous = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const found = document.getElementById('found');
    new MutationObserver(() => {
        if (found.ariaBusy !== 'false' || !last) return;
        const moved = last;
        requestAnimationFrame(() => requestAnimationFrame(() => {
            if (moved === last) times.settled.push(performance.now() - moved);
        }));
    }).observe(found, { attributes: true, attributeFilter: ['aria-busy'] });
}"""


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=Path, help="an existing gallery instead of one made for this run")
    parser.add_argument("--drawings", type=int, default=20, help="how many of the 40 sample drawings are drawn")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = os.environ.get("STBIR_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium: install it, or name it in STBIR_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        gallery = options.gallery or large_gallery(Path(folder) / "large.gallery")
        measured_on = machine()
        browser = start_chromium(driver, browser_path)
        with serving(gallery) as url:
            visitor = Visitor(browser.new_context(viewport={"width": 1280, "height": 800}), url)
            visitor.open()
            visitor.page.evaluate(RECORDER)
            names = sorted(path.stem for path in (SAMPLES / "drawings").glob("*.json"))
            shown = names[:: max(1, len(names) // options.drawings)][: options.drawings]
            result = {
                "machine": measured_on,
                "browser": browser.version,
                "num_pictures": len(Store.open(gallery).table),  # type: ignore[union-attr]
                "num_drawings": len(shown),
                "pen_lifted_ms": measure(visitor, shown, is_held=False),
                "pen_held_ms": measure(visitor, shown, is_held=True),
                "frame_ms": percentiles(visitor.page.evaluate("times.frames")),
            }
        browser.close()
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    say(json.dumps(result, indent=1))


def measure(visitor: Visitor, names: list[str], *, is_held: bool) -> dict[str, float]:
    """Draw, and after each stroke wait for the results: with the pen lifted at once, or still down for a while."""
    page, values = visitor.page, []
    for number, name in enumerate([*names[:NUM_WARM_UP], *names]):
        page.locator("#new-button").click()
        page.locator("#text").fill(WORDS)
        page.wait_for_timeout(300)
        visitor.settle()
        page.evaluate("times.settled.length = 0")
        draw(visitor, name, is_held=is_held)
        if number >= NUM_WARM_UP:
            values += page.evaluate("times.settled")
    return percentiles(values)


def draw(visitor: Visitor, name: str, *, is_held: bool) -> None:
    """Draw a sample; the results of each stroke have half a second to come."""
    strokes, side = sample_drawing(name)
    box = visitor.page.locator("#ink").bounding_box()
    scale = box["width"] / side
    for stroke in strokes:
        points = [(box["x"] + x * scale, box["y"] + y * scale) for x, y, *_ in [*stroke[:-1:4], stroke[-1]]]
        visitor.page.mouse.move(*points[0])
        visitor.page.mouse.down()
        for point in points[1:]:
            visitor.page.mouse.move(*point)
        if is_held:
            visitor.page.wait_for_timeout(HOLD_MS)
        visitor.page.mouse.up()
        if not is_held:
            visitor.page.wait_for_timeout(HOLD_MS)


def large_gallery(path: Path, num_pictures: int = NUM_PICTURES) -> Path:
    """Index the samples and add copies with disturbed vectors, under other ids, until there are `num_pictures`."""
    say(f"making a gallery of {num_pictures:,} pictures")
    stbir.Gallery.open(path).index(SAMPLES / "gallery")
    table = Store.open(path).table  # type: ignore[union-attr]
    pictures = list(table.pictures([entry.id for entry in table.entries()]).values())
    random = np.random.default_rng(0)
    copies: list[Picture] = []
    for number in range(num_pictures - len(pictures)):
        picture = pictures[number % len(pictures)]
        noise = random.normal(0, 0.02, picture.vector.shape).astype(np.float32)
        vector = picture.vector + noise
        digest = hashlib.sha256(f"{picture.entry.id} {number}".encode()).hexdigest()
        entry = replace(picture.entry, id=digest[:12], content_hash=digest, path=f"{picture.entry.path}-{number}.jpg")
        copies.append(Picture(entry, vector / np.linalg.norm(vector), picture.thumbnail))
    table.add(copies)
    return path


@contextmanager
def serving(gallery: Path) -> Iterator[str]:
    """The address of `stbir serve` in a process of its own."""
    command = [sys.executable, "-m", "stbir", "serve", "--gallery", str(gallery), "--port", "0"]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            yield wait_for_address(process, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for_address(process: subprocess.Popen[bytes], log: Any) -> str:
    """What the service says it listens on."""
    for _ in range(600):
        log.seek(0)
        if found := re.search(r"http://[\w.:\[\]]+", log.read()):
            return found.group().rstrip("/")
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    log.seek(0)
    sys.exit(f"stbir serve did not start: {log.read()}")


def percentiles(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, and how many values there are."""
    if not values:
        sys.exit("nothing was measured: did the page show results?")
    ordered = np.sort(values)
    p50, p95, highest = (float(np.percentile(ordered, share)) for share in (50, 95, 100))
    return {"p50": round(p50, 1), "p95": round(p95, 1), "max": round(highest, 1), "n": len(values)}


if __name__ == "__main__":
    main()
