"""Index the sample pictures, search them by a drawing plus a few words, and show why both are needed.

Run by `make demo`. Prints the best results of three searches, and at which place the right picture stands by the
drawing alone, by the words alone, and by both; saves demo-out/contact-sheet.png. Exit code 1 if one is not first.
`python examples/demo.py --all` tries every sample query instead of the three.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from PIL import Image

import stbir
from stbir.gallery.ingest import Progress
from stbir.sheet import contact_sheet

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
OUT = ROOT / "demo-out"
SHOWN = ("c-chair-00004-03", "d-lamp-00001-13", "s-sandal-00006-01")
NUM_PRINTED = 5
NUM_ON_SHEET = 3


class Dots(Progress):
    """One line that says how far indexing is."""

    def start(self, total: int) -> None:
        """Remember how many pictures there are."""
        self.total, self.done = total, 0

    def advance(self) -> None:
        """Rewrite the line now and then."""
        self.done += 1
        if self.done % 20 == 0 or self.done == self.total:
            print(f"\r  {self.done} of {self.total}", end="\n" if self.done == self.total else "", flush=True)


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="try every sample query")
    parser.add_argument("--model", type=Path, help="another model bundle than the one shipped")
    options = parser.parse_args()

    # A gallery belongs to one model: another model gets another gallery.
    fingerprint = stbir.Bundle.load(options.model).info.fingerprint
    gallery = stbir.Gallery.open(OUT / f"samples-{fingerprint[:12]}.gallery", model=options.model)
    print(f"indexing {SAMPLES / 'gallery'}")
    report = gallery.index(SAMPLES / "gallery", progress=Dots())
    print(f"  {report.total} pictures, {report.added} of them new, in {report.seconds:.1f} s\n")

    queries = [json.loads(line) for line in (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    if options.all:
        return try_all(gallery, queries)
    by_name = {query["name"]: query for query in queries}
    sheets, failed = [], []
    ranks(gallery, by_name[SHOWN[0]])  # loads the model, so that the times below are those of a search alone
    for name in SHOWN:
        query = by_name[name]
        print(f'{query["sketch"]} + "{query["text"]}"')
        sketch = stbir.Sketch.load(SAMPLES / query["sketch"])
        started = time.perf_counter()
        hits = gallery.search(sketch=sketch, text=query["text"], top=NUM_PRINTED)
        took_ms = 1000 * (time.perf_counter() - started)
        target = Path(query["target"]).name
        for hit in hits:
            parts = "  ".join(f"{part} {value:+.3f}" for part, value in hit.parts.items())
            mark = "  <- the right one" if hit.path.name == target else ""
            print(f"  {hit.rank:2}. {hit.score:+.3f}  ({parts})  {hit.path.name}{mark}")
        both, by_sketch, by_text = ranks(gallery, query)
        print(f"  the right picture: {both}. by both, {by_sketch}. by the drawing alone, {by_text}. by the words alone")
        print(f"  took {took_ms:.0f} ms\n")
        if both != 1:
            failed.append(name)
        sheets.append(contact_sheet(stbir.Query(sketch=sketch, text=query["text"]), hits[:NUM_ON_SHEET]))
    save(sheets, OUT / "contact-sheet.png")
    print(f"saved {OUT / 'contact-sheet.png'}")
    if failed:
        print(f"the right picture is not first for {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def ranks(gallery: stbir.Gallery, query: dict[str, str]) -> tuple[int, int, int]:
    """Places of a query's right picture among all pictures: by both, by drawing alone, by words alone."""
    sketch, text = stbir.Sketch.load(SAMPLES / query["sketch"]), query["text"]
    ways = ({"sketch": sketch, "text": text}, {"sketch": sketch}, {"text": text})
    both, by_sketch, by_text = (
        place(gallery.search(**way, top=len(gallery), fold_duplicates=False), query["target"]) for way in ways
    )
    return both, by_sketch, by_text


def place(hits: list[stbir.Hit], target: str) -> int:
    """Where the right picture stands; others with an equal score count as better."""
    score = next(hit.score for hit in hits if hit.path.name == Path(target).name)
    return sum(hit.score >= score for hit in hits)


def try_all(gallery: stbir.Gallery, queries: list[dict[str, str]]) -> int:
    """Print a line for every sample query."""
    print("both  drawing  words  query")
    found = [ranks(gallery, query) for query in queries]
    for query, (both, by_sketch, by_text) in zip(queries, found, strict=True):
        print(f"{both:4}  {by_sketch:7}  {by_text:5}  {query['name']}: {query['text']}")
    first = [sum(each[way] == 1 for each in found) for way in range(3)]
    print(
        f"\nfirst: {first[0]} by both, {first[1]} by the drawing alone, {first[2]} by the words alone, of {len(found)}"
    )
    return 0


def save(sheets: list[Image.Image], path: Path) -> None:
    """Put contact sheets one below the other."""
    whole = Image.new("RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    whole.save(path, optimize=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except stbir.StbirError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)
