"""How soon the page shows results: from the last movement of the pen to updated pictures, in a real browser.

Serves the gallery of 10,000 pictures that benchmarks/service_load.py makes, draws the sample drawings with pointer
events in headless Chromium, and stops the clock when the browser has painted the answer to the whole drawing. Also
measures the time between frames while drawing. Needs the extras `web` and `dev`, and Chromium. Writes
benchmarks/results/page_latency.json, which benchmarks/render.py turns into docs/benchmarks.md.

    python benchmarks/page_latency.py [--gallery DIR] [--drawings N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import stbir
from latency import ROOT, SAMPLES, machine, say
from service_load import Service, build_gallery

sys.path.insert(0, str(ROOT / "tests"))

from visitor import Visitor, sample_drawing, start_chromium  # found by the line above

RESULT = ROOT / "benchmarks" / "results" / "page_latency.json"
WORDS = "orange painted desk lamp"
HOLD_MS = 500
NUM_WARM_UP = 2

# Runs in the page. The clock starts with the time stamp that the browser gave the last movement, and stops in the frame
# after the one in which the answer was put in place: then it has been painted.
RECORDER = """() => {
    window.times = { settled: [], frames: [] };
    let last = 0, previous = 0;
    document.addEventListener('pointermove', (event) => { if (event.buttons) last = event.timeStamp; }, true);
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
            if (moved !== last) return;
            times.settled.push(performance.now() - moved);
            last = 0;
        }));
    }).observe(found, { attributes: true, attributeFilter: ['aria-busy'] });
}"""


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=Path, help="keep the gallery here and use it again")
    parser.add_argument("--drawings", type=int, default=12, help="how many of the 40 sample drawings are drawn")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    browser_path = os.environ.get("STBIR_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium: install it, or name it in STBIR_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        gallery = options.gallery or Path(folder) / "ten-thousand.gallery"
        if not gallery.exists():
            say("making a gallery of 10,000 pictures")
            build_gallery(gallery, Path(folder) / "samples.gallery")
        measured_on = machine()
        browser = start_chromium(driver, browser_path)
        with Service(gallery) as service:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            visitor = Visitor(context, f"http://127.0.0.1:{service.port}")
            visitor.open()
            visitor.page.evaluate(RECORDER)
            names = sorted(path.stem for path in (SAMPLES / "drawings").glob("*.json"))
            shown = names[:: max(1, len(names) // options.drawings)][: options.drawings]
            result = {
                "machine": measured_on,
                "browser": browser.version,
                "num_pictures": len(stbir.Gallery.open(gallery, create=False)),
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


def percentiles(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum, and how many values there are."""
    if not values:
        sys.exit("nothing was measured: did the page show results?")
    ordered = np.sort(values)
    p50, p95, highest = (float(np.percentile(ordered, share)) for share in (50, 95, 100))
    return {"p50": round(p50, 1), "p95": round(p95, 1), "max": round(highest, 1), "n": len(values)}


if __name__ == "__main__":
    main()
