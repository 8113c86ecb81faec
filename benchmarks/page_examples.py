"""Write the page's example queries, src/stbir/web/examples.json: those of the demo, their drawings with fewer points.

Run it whenever the three queries of examples/demo.py change; tests/test_samples.py fails until then.
"""

from __future__ import annotations

import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

from stbir.strokes import Sketch

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
EXAMPLES = ROOT / "src" / "stbir" / "web" / "examples.json"
# Of the 400 units of a sample drawing: what is left out is not seen.
TOLERANCE = 1.0


def page_examples() -> list[dict[str, Any]]:
    """The three examples, in the order of the demo."""
    shown = runpy.run_path(str(ROOT / "examples" / "demo.py"))["SHOWN"]
    lines = (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = {query["name"]: query for query in map(json.loads, lines)}
    lines = (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    categories = {row["id"]: row["category"] for row in map(json.loads, lines)}
    return [example_of(queries[name], categories[name]) for name in shown]


def example_of(query: dict[str, Any], category: str) -> dict[str, Any]:
    """One example: of the sample gallery the picture meant, and what is asked of any other gallery."""
    sketch = Sketch.load(SAMPLES / query["sketch"]).simplify(TOLERANCE)
    article = "An" if category[0] in "aeiou" else "A"
    return {
        "title": query["text"].capitalize(),
        "text": query["text"],
        "strokes": [[[round(float(x)), round(float(y))] for x, y in stroke[:, :2]] for stroke in sketch.strokes],
        "size": [round(side) for side in sketch.size or (400, 400)],
        "target": hashlib.sha256((SAMPLES / query["target"]).read_bytes()).hexdigest()[:12],
        "general": {"title": f"{article} {category}", "text": category},
    }


if __name__ == "__main__":
    EXAMPLES.write_text(json.dumps(page_examples(), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
