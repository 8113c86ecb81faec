"""Write docs/benchmarks.md, and the tables in README.md and docs/model-card.md, from benchmarks/results: no figure is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from stbir.evaluate.experiments import Experiment, markdown_of, read_experiments
from stbir.evaluate.experiments.pages import write_plots
from stbir.evaluate.experiments.record import Table
from stbir.evaluate.result import Evaluation, GroupBy

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "images" / "experiments"
METHOD_PAGE = ROOT / "docs" / "method-figures.md"
METHOD_PLOTS = ROOT / "docs" / "images" / "method"
README = ROOT / "README.md"
CARD = ROOT / "docs" / "model-card.md"
SHOWN = "sketchy-125, protocol open"
BEGIN, END = "<!-- figures made by benchmarks/render.py -->", "<!-- end of figures -->"

HEAD = """# Benchmarks

Made by `python benchmarks/render.py` from the files in `benchmarks/results`; do not edit by hand. All tables and plots are
measured anew by `make experiments`, times by `make bench`. [evaluation.md](evaluation.md) explains protocols, figures and
systems, [corruptions.md](corruptions.md) the noises.

Every query is asked three times: by the drawing alone, by the words alone, and by both. One picture is right; its rank
is counted in the whole gallery, ties against the system. Figures of different protocols cannot be compared. The shipped
model's rank for every query of sketchy-125 is in `benchmarks/results/sketchy-125.open.json`: compare yours with it by
`stbir experiment significance --result`.

| data set | what it is |
|---|---|
| `samples` | 640 rendered pictures of all 21 families, the gallery that ships; 40 of them are asked for |
| `stbir-synth-s`, `-c`, `-d` | 1,000 rendered footwear, chairs and daily objects each, in blocks of twins: four shapes times four dresses, one drawing each, so neither drawing nor words alone can do it ([synth.md](synth.md) has the best possible figures) |
| `sketchy-125` | 647 hand drawings of 125 photos of 125 categories, and 1,172 photos that only distract |
| `chairv2-sketches` | 94 hand drawings of 30 chairs among IKEA's articles; the picture tower of the shipped model has not seen these 30, but its drawing tower is the first model's, which had |
| `shoev2-photos` | 200 shoes with their captions; no drawings |
| `qmul-v1-sketch-edge` | hand drawings of shoes, chairs and handbags; searched are the edge maps of their photos |
"""


def main() -> None:
    """Write the page, its plots, and the short table in the README."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    if PLOTS.exists():
        shutil.rmtree(PLOTS)
    write_plots(read_experiments(RESULTS / "experiments"), PLOTS)
    PAGE.write_text(page(RESULTS), encoding="utf-8")
    write_method_page(RESULTS / "method")
    README.write_text(with_figures(README.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")
    CARD.write_text(with_card(CARD.read_text(encoding="utf-8"), RESULTS), encoding="utf-8")


def write_method_page(results: Path) -> None:
    """The page of `benchmarks/method.py`, where it has measured something."""
    found = read_experiments(results)
    if not found:
        return
    presets = [
        each.model_copy(update={"title": "Presets: the method against other ways to train the same towers"})
        for each in read_experiments(results / "presets")
    ]
    shutil.rmtree(METHOD_PLOTS, ignore_errors=True)
    curves = [each for each in found if each.name == "robustness"]
    write_plots(curves, METHOD_PLOTS)
    others = [each for each in found if each.name != "robustness"]
    parts = [METHOD_HEAD, *(markdown_of(each) for each in [*presets, *others])]
    parts += [markdown_of(each, f"images/{METHOD_PLOTS.name}") for each in curves]
    METHOD_PAGE.write_text("\n".join(parts), encoding="utf-8")


def with_figures(text: str, results: Path) -> str:
    """The README with its short table made anew, from the table `SHOWN` of the main experiment."""
    path = results / "experiments" / "main.json"
    found = [table for table in Experiment.read(path).tables if table.title.startswith(SHOWN)] if path.exists() else []
    if not found:
        return text
    table = found[0]
    places = [[column.name for column in table.columns].index(name) for name in ("query", "Acc@1 %", "Acc@10 %", "MRR")]
    words = [row for row in table.words() if row[0] in ("system", table.rows[0][0])]
    head, *rows = [[row[place] for place in places] for row in words]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{_lead(table)}\n\n{lines}\n{END}{after}"


def with_card(text: str, results: Path) -> str:
    """The model card with its tables made anew: every set of the main experiment, and by the quality of the drawing."""
    path = results / "experiments" / "main.json"
    if not path.exists():
        return text
    names = ("query", "Acc@1 %", "Acc@10 %", "MRR")
    lines = [f"| data set | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for table in Experiment.read(path).tables:
        head, *rows = table.words()
        places = [head.index(name) for name in names]
        own = [row for row in rows if row[0] == rows[0][0]]
        lines += [f"| {table.title} | {' | '.join(row[place] for place in places)} |" for row in own]
    by_quality = [line for grouping in QUALITY for line in _by(results, grouping)]
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n" + "\n".join([*lines, *by_quality]) + f"\n{END}{rest.partition(END)[2]}"


def _by(results: Path, grouping: GroupBy) -> list[str]:
    """The composed query and its parts on sketchy-125 by the drawing's quality."""
    path = results / "sketchy-125.open.json"
    if not path.exists():
        return []
    head, *rows = Evaluation.read(path).breakdown(grouping)
    return ["", QUALITY[grouping], "", *(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])]


QUALITY: dict[GroupBy, str] = {
    "detail": "sketchy-125 by how much is drawn, in thirds of its drawings:",
    "agreement": "sketchy-125 by how alike people drew the same photo, in thirds:",
}


METHOD_HEAD = """# What the method and its parts are worth

Made by `python benchmarks/render.py` from what `python benchmarks/method.py` trains and measures; do not edit by hand. All
rows start from the first model's towers and learn from the same data in the same number of steps; [method.md](method.md) says what
each is, [training.md](training.md) how it is trained, [training-log.md](training-log.md) what else was tried.
`stbir-default` is that first model (`stbir train default`, fingerprint aa57fd4d), which shipped when this was measured. Presets are trained with three seeds, ablations with one; learning rates of the presets
are the better one of two on validation. [evaluation.md](evaluation.md) explains protocols and figures.
"""


def _lead(table: Table) -> str:
    return (
        f"Real drawings and a few words each ({table.title}); in brackets 95 % intervals by photo, ties count as lost:"
    )


def page(results: Path) -> str:
    """The page as Markdown, from the result files of a folder."""
    parts = [HEAD]
    parts += [markdown_of(each, "images/experiments") for each in read_experiments(results / "experiments")]
    times = {
        "latency": latency,
        "page_latency": page_latency,
        "service": service,
        "index-throughput": index_throughput,
        "index-throughput-4000": index_throughput,
        "million": million,
        "evaluation-scale": evaluation_scale,
    }
    found = [
        (render, results / f"{name}.json") for name, render in times.items() if (results / f"{name}.json").exists()
    ]
    if found:
        parts.append("## Time and size\n")
    parts += [render(json.loads(path.read_text(encoding="utf-8"))) for render, path in found]
    return "\n".join(parts)


def latency(found: dict[str, Any]) -> str:
    """Table of times and sizes."""
    machine, model = found["machine"], found["model"]

    def times(name: str) -> str:
        measured = found[name]
        slow = f"{measured['p99']:,.1f} ms" if "p99" in measured else f"max {measured['max']:,.1f} ms"
        return f"{measured['p50']:,.1f} ms | {slow} | {measured['n']}"

    return f"""{found["num_pictures"]:,} sample pictures, model {model["name"]} {model["version"]} ({model["megabytes"]} MB);
{_machine(machine)}.

| | p50 | p99 | n |
|---|---|---|---|
| `import stbir` (python -X importtime) | {times("import_ms")} |
| `stbir search` with drawing and words: the whole command, new process, files cached | {times("cold_search_ms")} |
| warm search: encode the query | {times("warm_encode_ms")} |
| warm search: find the hits | {times("warm_search_ms")} |
| warm search: both | {times("warm_total_ms")} |

- `stbir index`: {found["index_pictures_per_s"]} pictures/s (reading, decoding, encoding, storing);
  image tower alone, in batches: {found["encode_pictures_per_s"]} pictures/s; decoding and encoding JPEGs of 224 px, a
  picture a core: {found["jpeg_224_pictures_per_s"]} pictures/s.
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
    return f"""**The page.**

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
    return f"""**The service.**

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


def index_throughput(found: dict[str, Any]) -> str:
    """Table of what indexing real-size pictures takes."""
    rate, ratio, memory = found["pictures_per_s"], found["ratio"], found["rss_mb"]
    return f"""**Indexing {found["num_files"]:,} JPEGs of 2-12 megapixels** ({found["num_bytes"] / 1e9:,.1f} GB), two cores, in turns with a pool of as many
threads that only decodes and resizes the same files.

| | pictures a second | indexing, relative to it |
|---|---|---|
| `stbir index`: hash, decode, encode, thumbnail, write | {rate["index"]:.1f} | |
| pool that decodes all pixels and resizes, as most programs do | {rate["full"]:.1f} | {ratio["to_full"]["median"]:.2f} |
| pool that decodes at reduced size, as stbir does | {rate["reduced"]:.1f} | {ratio["to_reduced"]["median"]:.2f} |

{_disturbed(found)}Resident memory: {memory["median_second_quarter"]:,} MB in the second quarter of the run, {memory["median_last_quarter"]:,} MB in the last, {memory["peak"]:,} MB at most. A second run
over unchanged files: {", ".join(f"{each:.1f}" for each in found["second_run_s"])} s.

```
python benchmarks/index_throughput.py --files {found["num_files"]}
```
"""


def _disturbed(found: dict[str, Any]) -> str:
    """What else ran."""
    note = found.get("note")
    return f"{note}\n\n" if note else ""


def million(found: dict[str, Any]) -> str:
    """Table of searching a million pictures."""
    shown = "| {} | {:,.1f} ms | {:,.1f} ms | {:.4f} |"
    rows = [
        shown.format(each["engine"], each["p50_ms"], each["p99_ms"], each["recall_at_10"]) for each in found["engines"]
    ]
    filtered = [
        shown.format(f"stbir, filter: {each['filter']}", each["p50_ms"], each["p99_ms"], each["recall_at_10"])
        for each in found["filters"]
    ]
    return f"""**{found["number"]:,} pictures**: vectors of {found["pictures"]:,} real ones, multiplied by small changes; queries by drawing, by words
and by both; {_machine(found["machine"])}. stbir alone, one search after the other: p50 {found["alone"]["p50_ms"]:.1f} ms, p99 {found["alone"]["p99_ms"]:.1f} ms. In the table the
engines search in turns, so each begins with what the scan of all vectors left in the processor's cache. FAISS: 16 links, efSearch
128, all vectors in memory (2.2 GB).

| engine | p50 | p99 | recall@10 |
|---|---|---|---|
{chr(10).join(rows + filtered)}

Memory of the process that searches: {found["rss_peak_megabytes"]:,} MB at most, {found["anonymous_megabytes"]:,} MB of it not of files; a new process has its first result after {found["process_to_first_result_s"]:.1f} s.
Adding the rows took {found["add_s"]:,.0f} s, the index {found["index_s"]:,.0f} s, the gallery has {found["gallery_megabytes"]:,} MB; FAISS's graph took {found.get("faiss_build_s", float("nan")):,.0f} s to build.

```
python benchmarks/million.py
```
"""


def evaluation_scale(found: dict[str, Any]) -> str:
    """Table of what evaluation itself takes."""
    rows = [
        f"| {name} | {case['seconds']:,.1f} s | {case['peak_megabytes']:,.0f} MB |"
        for name, case in found["cases"].items()
    ]
    same = "The ranks are the same" if found["same_ranks"] else "THE RANKS DIFFER"
    return f"""**Evaluation at scale**: {found["num_queries"]:,} queries in {found["num_pictures"]:,} pictures of {found["dims"]} dimensions
({found["gallery_megabytes"]:,.0f} MB of vectors); {_machine(found["machine"])}. {same} for every size of the blocks, a shuffled gallery, a
gallery in a file and other settings of the BLAS.

| case | time | peak memory, vectors included |
|---|---|---|
{chr(10).join(rows)}

```
python benchmarks/evaluation_scale.py
```
"""


def _machine(machine: dict[str, Any]) -> str:
    busy = "" if machine["load_before"] is None else f", load {machine['load_before']} before"
    return f"{machine['processor']}, {machine['cores']} cores{busy}"


if __name__ == "__main__":
    main()
