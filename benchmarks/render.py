"""Write docs/benchmarks.md, and the table in README.md, from the files in benchmarks/results: no figure is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stbir.evaluate import Evaluation

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
SHOWN = "sketchy-125.open.json"
BEGIN, END = "<!-- figures made by benchmarks/render.py -->", "<!-- end of figures -->"

HEAD = """# Benchmarks

Made by `python benchmarks/render.py` from the files in `benchmarks/results`; do not edit by hand.

Every query is asked three times: by the drawing alone, by the words alone, and by both. One picture is right; its rank
is counted in the whole gallery, ties against the system. Protocols:

| protocol | a query is | searched are |
|---|---|---|
| `open` | every test drawing, with its photo's words | all test photos and every distractor |
| `fg-sbir` | every test drawing, with its photo's words | the test photos of its category |
| `stbir` | every test photo: its words and the mean of its drawings | all test photos |

Figures of different protocols cannot be compared.
"""


def main() -> None:
    """Write the page, and the short table in the README."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(RESULTS), encoding="utf-8")
    README.write_text(with_figures(README.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")


def with_figures(text: str, results: Path) -> str:
    """The README with its short table made anew, from the result file `SHOWN`."""
    if not (results / SHOWN).exists():
        return text
    evaluation = Evaluation.read(results / SHOWN)
    data = evaluation.data
    head, *rows = [[row[0], row[1], row[3], row[4]] for row in evaluation.rows()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])
    lead = (
        f"{data.num_queries:,} real drawings of {data.num_photos:,} photos and a few words each, searched among "
        f"{data.num_pictures:,} photos ({data.name}, test split); in brackets 95 % intervals by photo:"
    )
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{lead}\n\n{table}\n{END}{after}"


def page(results: Path) -> str:
    """The page as Markdown, from the result files of a folder."""
    parts = [HEAD]
    evaluations = [(path, Evaluation.read(path)) for path in sorted(results.glob("*.*.json"))]  # DATA.PROTOCOL.json
    if evaluations:
        parts.append("## Finding the right picture\n")
        parts.extend(section(path, evaluation) for path, evaluation in evaluations)
    if (results / "latency.json").exists():
        parts.append(latency(json.loads((results / "latency.json").read_text(encoding="utf-8"))))
    if (results / "page_latency.json").exists():
        parts.append(page_latency(json.loads((results / "page_latency.json").read_text(encoding="utf-8"))))
    if (results / "service.json").exists():
        parts.append(service(json.loads((results / "service.json").read_text(encoding="utf-8"))))
    return "\n".join(parts)


def section(path: Path, evaluation: Evaluation) -> str:
    """Table, notes and provenance of one evaluation."""
    data, model = evaluation.data, evaluation.model
    head, *rows = evaluation.rows()
    splits = ", ".join(data.splits)
    made_with = f"stbir {evaluation.stbir_version}; `benchmarks/results/{path.name}`"
    notes = "\n".join(f"- {note}" for note in evaluation.notes())
    weights = ", ".join(f"{name} {weight:g}" for name, weight in evaluation.settings.weights.items())
    return f"""### {data.name}, protocol `{evaluation.protocol}`

{data.num_queries:,} queries for {data.num_photos:,} photos (split {splits}), {data.num_pictures:,} pictures.

| {" | ".join(head)} |
|{"---|" * len(head)}
{chr(10).join(f"| {' | '.join(row)} |" for row in rows)}

{notes}
- Model {model.name} {model.version}, fingerprint `{model.fingerprint[:12]}`; weights {weights};
  data `{data.sha256[:12]}`; {made_with}.

```
{evaluation.command} --out benchmarks/results
```
"""


def latency(found: dict[str, Any]) -> str:
    """Table of times and sizes."""
    machine, model = found["machine"], found["model"]
    busy = "" if machine["load_before"] is None else f", load {machine['load_before']} before"

    def times(name: str) -> str:
        measured = found[name]
        slow = f"{measured['p99']:,.1f} ms" if "p99" in measured else f"max {measured['max']:,.1f} ms"
        return f"{measured['p50']:,.1f} ms | {slow} | {measured['n']}"

    return f"""## Time and size

{found["num_pictures"]:,} sample pictures, model {model["name"]} {model["version"]} ({model["megabytes"]} MB);
{machine["processor"]}, {machine["cores"]} cores{busy}.

| | p50 | p99 | n |
|---|---|---|---|
| `import stbir` (python -X importtime) | {times("import_ms")} |
| `stbir search` with drawing and words: the whole command, new process, files cached | {times("cold_search_ms")} |
| warm search: encode the query | {times("warm_encode_ms")} |
| warm search: find the hits | {times("warm_search_ms")} |
| warm search: both | {times("warm_total_ms")} |

- `stbir index`: {found["index_pictures_per_s"]} pictures/s (reading, decoding, encoding, storing);
  image tower alone: {found["encode_pictures_per_s"]} pictures/s.
- Core install (stbir with its model and all it requires, no extras): {found["core_install_megabytes"]} MB.

```
make bench
```
"""


def page_latency(found: dict[str, Any]) -> str:
    """Table of how soon the page shows results."""
    machine = found["machine"]
    busy = "" if machine["load_before"] is None else f", load {machine['load_before']} before"
    rows = {
        "pen lifted: from its last movement to painted results": "pen_lifted_ms",
        "pen resting on the canvas: from its last movement to painted results": "pen_held_ms",
        "time between frames while a line is drawn": "frame_ms",
    }
    lines = "\n".join(
        f"| {name} | {found[key]['p50']:.0f} ms | {found[key]['p95']:.0f} ms | {found[key]['max']:.0f} ms "
        f"| {found[key]['n']:,} |"
        for name, key in rows.items()
    )
    return f"""## The page

{found["num_drawings"]} sample drawings, drawn stroke by stroke in a real browser (Chromium {found["browser"]}, no GPU),
with words in the box, over {found["num_pictures"]:,} pictures; browser and service on the same machine:
{machine["processor"]}, {machine["cores"]} cores{busy}.

| | p50 | p95 | max | n |
|---|---|---|---|---|
{lines}

```
python benchmarks/page_latency.py && python benchmarks/render.py
```
"""


def service(found: dict[str, Any]) -> str:
    """Table of what the service stands."""
    machine, crowd, many = found["machine"], found["overload"], found["fifty_clients"]
    rows = {
        "one user drawing: a search of a drawing never sent before, with words": found["one_user_drawing_ms"],
        "one user moving the balance": found["one_user_slider_ms"],
        "one user asking why: heat maps for drawing and words, words, strokes": found["one_user_explanation_ms"],
        "50 clients, each asking again at once: drawings never sent before": many,
        f"{crowd['num_clients']} clients: those let in": crowd["answered_ms"],
        f"{crowd['num_clients']} clients: those sent away with 503": crowd["refused_ms"],
        "one user right after that": crowd["one_user_after_ms"],
    }
    lines = "\n".join(
        f"| {name} | {row['p50']:,.0f} ms | {row['p95']:,.0f} ms | {row['p99']:,.0f} ms | {row['n']:,} |"
        for name, row in rows.items()
    )
    start, memory = found["restart_after_kill_s"], many["rss_mb"]
    rounds = ", ".join(f"{each['p95']:,.0f} ms" for each in many["rounds"])
    statuses = ", ".join(f"{number:,} times {status}" for status, number in many["statuses"].items())
    return f"""## The service

`stbir serve` over {found["num_pictures"]:,} pictures, times with HTTP; {machine["processor"]}, {machine["cores"]}
cores, which the load generator and other jobs used too: load {found["load_before"]} before, {many["load_during"]} in
the end.

| | p50 | p95 | p99 | n |
|---|---|---|---|---|
{lines}

- 50 clients: {many["requests_per_s"]} searches/s, {statuses}, in the quietest of {len(many["rounds"])} rounds (p95 of
  all: {rounds}); memory {memory[0]:,.0f} MB after the first thousand requests, {memory[-1]:,.0f} MB after the last
  round.
- Killed with SIGKILL: the first search is answered {start["p50"]:.1f} s after the new start (median of {start["n"]},
  largest {start["p99"]:.1f} s).

```
python benchmarks/service_load.py && python benchmarks/render.py
```
"""


if __name__ == "__main__":
    main()
