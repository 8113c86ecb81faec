"""Do the synthetic drawings look like people's? Measures of both side by side, and how far they are apart.

For real drawings of things that STBIR-Synth has too, synthetic drawings of the same things are made, as many of each:
careful, ordinary and hasty ones, and the mixture that data sets get. Where the real drawings come as pictures, the
synthetic ones are rasterised and traced alike. Offsets are measured against edges: QMUL's edge maps and, for Sketchy,
PiDiNet's edges of the photo; for synthetic drawings against the object's own lines, or PiDiNet's edges of its picture.

Writes benchmarks/results/synth-realism.json; synth-realism-before.json is what the same measured before the hand was
tuned by it. `synth_tables.py` makes tables and a plot of both. Needs the extras synth and train, and the data sets
(STBIR_DATA). With `--sheets DIR` only sheets of real drawings above synthetic ones are written, to look at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stbir.datasets import Dataset, Row, open_dataset
from stbir.strokes import Sketch, rasterize
from stbir.synth import FAMILIES, draw, plan_part, render
from stbir.synth.dataset import spec_json
from stbir.synth.drawing import true_outline
from stbir.synth.spec import ObjectSpec
from synth_measures import MEASURES, ORDER_MEASURES, Outline, distance, measures, offset, order_measures, quartiles

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "synth-realism.json"
SEED = 960_001
MOST = 240  # drawings of one set and part
SHAPES_PER_KIND = 12
LEVELS: dict[str, float | None] = {"careful": 0.1, "ordinary": 0.5, "hasty": 0.9, "mixture": None}
PICTURE_PX = 224

# category of a real set -> part, families or kinds
SAME: dict[str, dict[str, tuple[str, tuple[str, ...]]]] = {
    "chairv2-sketches": {"chair": ("C", ("chair",))},
    "qmul-v1-sketch-edge": {"shoe": ("S", ("shoe",)), "chair": ("C", ("chair",)), "handbag": ("D", ("handbag",))},
    "sketchy-125": {
        "shoe": ("S", ("shoe",)),
        "chair": ("C", ("dining chair", "slatted chair", "armchair")),
        "alarm_clock": ("D", ("alarm clock",)),
        "car_(sedan)": ("D", ("toy car",)),
        "cup": ("D", ("mug",)),
        "eyeglasses": ("D", ("glasses",)),
        "guitar": ("D", ("guitar",)),
        "hat": ("D", ("hat",)),
        "pickup_truck": ("D", ("toy truck",)),
        "scissors": ("D", ("scissors",)),
        "table": ("D", ("table",)),
        "teapot": ("D", ("teapot",)),
        "umbrella": ("D", ("open umbrella",)),
        "wine_bottle": ("D", ("wine bottle",)),
    },
    "quickdraw-10k": {
        "shoe": ("S", ("shoe",)),
        "flip flops": ("S", ("flip-flop",)),
        "chair": ("C", ("dining chair", "slatted chair", "armchair")),
        "alarm clock": ("D", ("alarm clock",)),
        "backpack": ("D", ("backpack",)),
        "bus": ("D", ("toy bus",)),
        "cactus": ("D", ("potted cactus",)),
        "car": ("D", ("toy car",)),
        "clock": ("D", ("wall clock",)),
        "coffee cup": ("D", ("coffee mug",)),
        "eyeglasses": ("D", ("glasses",)),
        "floor lamp": ("D", ("floor lamp",)),
        "frying pan": ("D", ("frying pan",)),
        "guitar": ("D", ("guitar",)),
        "hat": ("D", ("hat",)),
        "headphones": ("D", ("headphones",)),
        "house plant": ("D", ("leafy plant",)),
        "mug": ("D", ("mug",)),
        "purse": ("D", ("handbag",)),
        "scissors": ("D", ("scissors",)),
        "table": ("D", ("table",)),
        "teapot": ("D", ("teapot",)),
        "train": ("D", ("toy train",)),
        "truck": ("D", ("toy truck",)),
        "umbrella": ("D", ("umbrella",)),
        "vase": ("D", ("vase",)),
        "wine bottle": ("D", ("wine bottle",)),
        "wristwatch": ("D", ("wrist watch",)),
    },
}
AS_PICTURES = ("qmul-v1-sketch-edge", "sketchy-125")


@dataclass(frozen=True)
class Job:
    """A synthetic drawing to make and measure.

    Attributes:
        spec: The object.
        seed: Of the hand.
        haste: See `stbir.synth.draw`.
        is_traced: Whether it is rasterised and traced, as the real ones it is compared with.
        outline: What its offset is measured from.
    """

    spec: ObjectSpec
    seed: int
    haste: float | None
    is_traced: bool
    outline: Outline | None

    def sketch(self) -> Sketch:
        """The drawing."""
        sketch = draw(self.spec, np.random.default_rng([self.spec.seed, 29, self.seed]), haste=self.haste)
        return Sketch.from_raster(rasterize(sketch, 256, 2.0, margin=0.1)) if self.is_traced else sketch


def main() -> None:
    """Measure, and write the result, the plot, the sheets and the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--most", type=int, default=MOST, help="drawings of one set and part")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--sheets", type=Path, help="write sheets to this folder and measure nothing")
    options = parser.parse_args()
    if options.sheets:
        write_sheets(options.sheets)
        return
    result: dict[str, Any] = {"seed": SEED, "most": options.most, "levels": LEVELS, "comparisons": []}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for name, categories in SAME.items():
            for part in sorted({part for part, _ in categories.values()}):
                result["comparisons"].append(compared(name, part, options.most, pool))
                options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def write_sheets(folder: Path, columns: int = 10, size_px: int = 112) -> None:
    """For every set and part real drawings above synthetic ones of the same kinds: careful, ordinary, hasty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, categories in SAME.items():
        dataset = open_dataset(name)
        for part in sorted({part for part, _ in categories.values()}):
            rows = real_rows(dataset, part, columns)
            specs = matching(part, [categories[row.category or ""][1] for row, _ in rows])
            lines = [[loaded(dataset, row) for row in rows]]
            for haste in list(LEVELS.values())[:3]:
                lines.append([Job(spec, k, haste, name in AS_PICTURES, None).sketch() for k, spec in enumerate(specs)])
            cells = [np.concatenate([rasterize(each, size_px, 1.6) for each in line], axis=1) for line in lines]
            Image.fromarray(np.concatenate(cells)).save(folder / f"synth-beside-{name}-{part}.png", optimize=True)


def compared(name: str, part: str, most: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Quartiles of the real drawings of a set and part, and of synthetic ones of every level with their distances."""
    dataset, is_traced = open_dataset(name), name in AS_PICTURES
    edges = Edges() if name == "sketchy-125" else None
    rows = real_rows(dataset, part, most)
    sketches = list(pool.map(partial(loaded, dataset), rows, chunksize=8))
    photos = {row.id: outline_of(dataset, row, edges) for row in {row.id: row for row, _ in rows}.values()}
    outlines = [photos[row.id] for row, _ in rows]
    real = gathered(pool.map(measured, sketches, outlines, [not is_traced] * len(rows), chunksize=8))
    wanted = [SAME[name][row.category or ""][1] for row, _ in rows]
    specs = matching(part, wanted)
    names = tuple(MEASURES) + (() if is_traced else tuple(ORDER_MEASURES)) + (("offset",) if is_traced else ())
    rendered = {spec_json(spec): edges.of(render(spec, PICTURE_PX)) for spec in specs} if edges else {}
    truths = [rendered.get(spec_json(spec)) for spec in specs]
    entry: dict[str, Any] = {"set": name, "part": part, "drawings": len(rows), "traced": is_traced}
    half = np.random.default_rng(SEED).permutation(len(rows))
    entry["real"] = {each: {"quartiles": quartiles(real[each]), "halves": halves(real[each], half)} for each in names}
    for level, haste in LEVELS.items():
        jobs = [Job(spec, k, haste, is_traced, truths[k]) for k, spec in enumerate(specs)]
        made = gathered(pool.map(made_and_measured, jobs, chunksize=8))
        entry[level] = {
            each: {"quartiles": quartiles(made[each]), "distance": round(distance(real[each], made[each]), 3)}
            for each in names
        }
        print(name, part, level, {each: entry[level][each]["distance"] for each in names}, flush=True)
    return entry


def halves(values: NDArray[np.float64], order: NDArray[np.int64]) -> float:
    """Distance of two random halves of the real drawings: what cannot be told from chance."""
    order = order[order < len(values)]
    middle = len(order) // 2
    return round(distance(values[order[:middle]], values[order[middle:]]), 3)


def real_rows(dataset: Dataset, part: str, most: int) -> list[tuple[Row, int]]:
    """Drawings of a set that belong to a part, at most so many, by chance."""
    same = SAME[dataset.name]
    rows = [
        (row, position)
        for row in dataset.rows
        if same.get(row.category or "", ("", ()))[0] == part and row.attributes.get("recognized") is not False
        for position in range(len(row.sketches))
    ]
    order = np.random.default_rng(SEED).permutation(len(rows))[:most]
    return [rows[k] for k in sorted(order)]


def loaded(dataset: Dataset, place: tuple[Row, int]) -> Sketch:
    """A real drawing."""
    return dataset.sketch(*place)


class Edges:
    """PiDiNet's edges of photos, as the pseudo-drawings of the training use them."""

    def __init__(self) -> None:
        from stbir.train.edges import load_pidinet
        from stbir.train.recipe import WeightSettings
        from stbir.train.sources import weights_folder

        with weights_folder(WeightSettings().root) as folder:
            self.network = load_pidinet(folder / WeightSettings().pidinet)

    def of(self, photo: Any) -> Outline | None:
        """Lines of a photo, stretched to a square as Sketchy's were when people drew them."""
        import torch

        pixels = torch.from_numpy(np.asarray(photo.convert("RGB").resize((PICTURE_PX, PICTURE_PX)), np.float32) / 255)
        with torch.inference_mode():
            edges = self.network(pixels.permute(2, 0, 1)[None])[0].numpy()
        return Outline.of_mask(edges > 0.5)


def outline_of(dataset: Dataset, row: Row, edges: Edges | None) -> Outline | None:
    """What a real drawing is compared with."""
    if edges:
        return edges.of(dataset.picture(row))
    if row.attributes.get("image_kind") == "edge map":
        return Outline.of_mask(np.asarray(dataset.picture(row).convert("L")) < 128)
    return None


def matching(part: str, wanted: Sequence[tuple[str, ...]]) -> list[ObjectSpec]:
    """For every real drawing the spec of an object of the same kind, in turn."""
    specs: dict[str, list[ObjectSpec]] = {}
    kinds = {name: kinds_of(name) for names in wanted for name in names}
    needed = {kind for each in kinds.values() for kind in each}
    for item in plan_part(part, 16 * 6000, SEED, shares=None):
        own = specs.setdefault(item.spec.kind, [])
        if item.id.endswith("0") and item.spec.kind in needed and len(own) < SHAPES_PER_KIND:
            own.append(item.spec)
            if all(len(specs.get(kind, ())) == SHAPES_PER_KIND for kind in needed):
                break
    turn: dict[tuple[str, ...], int] = {}
    found = []
    for names in wanted:
        turn[names] = turn.get(names, -1) + 1
        pool = [kind for name in names for kind in kinds[name]]
        own = specs[pool[turn[names] % len(pool)]]
        found.append(own[turn[names] // len(pool) % len(own)])
    return found


def kinds_of(name: str) -> tuple[str, ...]:
    """The kinds of a family, or the kind itself."""
    return tuple(kind.name for kind in FAMILIES[name]) if name in FAMILIES else (name,)


def made_and_measured(job: Job) -> dict[str, float]:
    """The numbers of a synthetic drawing."""
    outline = job.outline if job.outline or not job.is_traced else Outline.of_sketch(true_outline(job.spec))
    return measured(job.sketch(), outline, not job.is_traced)


def measured(sketch: Sketch, outline: Outline | None, is_ordered: bool) -> dict[str, float]:
    """The numbers of a drawing."""
    found = dict(measures(sketch) or {})
    if is_ordered:
        found |= order_measures(sketch) or {}
    if outline and found:
        found["offset"] = offset(sketch, outline)
    return found


def gathered(drawings: Iterator[dict[str, float]]) -> dict[str, NDArray[np.float64]]:
    """Numbers by name instead of by drawing."""
    found: dict[str, list[float]] = {}
    for drawing in drawings:
        for name, value in drawing.items():
            if np.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
