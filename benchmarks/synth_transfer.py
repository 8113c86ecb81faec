"""Are synthetic drawings worth training on? A drawing tower trained on them alone finds real photos by real drawings.

Objects of STBIR-Synth, no two of one shape, are rendered once. Towers of one make (MobileNetV2 of ImageNet, the
picture side frozen but for its head) are trained on the same photos with the same steps, on different drawings of them:

- `synthetic`: drawings by today's hand; `synthetic, untuned`: by the hand as it was in the commit --untuned;
- `edge map`: PiDiNet's edges of the rendered photo, as a picture;
- `traced edges`: the same edges traced to strokes, with the noise of a hand on top: the training's pseudo-drawings.

Then real drawings are searched for: sketchy-125 (test), all of it and the things that the renderer knows too, and
chairv2-sketches. Everything rendered, traced and encoded is kept in --cache, so a second call goes on. Writes
benchmarks/results/synth-transfer.json. Needs the extras synth, train and hub, the data sets (STBIR_DATA) and git.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stbir.corrupt.strokes import humanise
from stbir.datasets import Dataset, open_dataset
from stbir.evaluate.intervals import bootstrap_interval, paired_difference
from stbir.evaluate.metrics import average_precisions, hits_at
from stbir.evaluate.ranks import ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks
from stbir.strokes import Sketch, rasterize
from stbir.synth import draw, plan_part
from stbir.synth.parts import PartItem
from stbir.synth.writing import write_picture
from stbir.train.edges import load_pidinet
from stbir.train.losses import info_nce
from stbir.train.pretrained import load_mobilenet
from stbir.train.pseudo import trace_edges
from stbir.train.recipe import WeightSettings
from stbir.train.sources import weights_folder
from stbir.train.towers import ImageTower, SketchTower
from synth_realism import SAME

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "synth-transfer.json"
UNTUNED = "59067b7cf376a5833039346e5292b7d28f18fecb"
SEED = 970_001
SHARES = {"S": 4, "C": 4, "D": 7}
PHOTO_PX, PICTURE_PX, SKETCH_PX = 192, 160, 128
NUM_VIEWS = 2
ARMS = ("synthetic", "synthetic, untuned", "edge map", "traced edges")
PSEUDO_SEVERITY = 3.5
DIM, BATCH, SCALE = 128, 64, 20.0
BACKBONE_LR, HEAD_LR = 2e-4, 1e-3

Ink = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """What the frozen blocks give for photos: the stem [N, 96, 10, 10], last maps [N, 320, 5, 5], pooled [N, 1280]."""

    stem: Tensor
    last: Tensor
    pooled: Tensor

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.stem[rows].float(), self.last[rows].float(), self.pooled[rows].float()


@dataclass(frozen=True)
class Task:
    """Real drawings and the pictures that they are searched in.

    Attributes:
        name: Of the table.
        ink: [Q, S, S] drawings.
        targets: [Q] the right picture of each.
        relevant: [Q, N] pictures of the same category.
        pictures: The gallery.
        asked: [Q] which drawings count.
    """

    name: str
    ink: Ink
    targets: NDArray[np.int64]
    relevant: NDArray[np.bool_]
    pictures: Pictures
    asked: NDArray[np.bool_]


def main() -> None:
    """Render, encode, train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the result")
    parser.add_argument("--cache", type=Path, default=ROOT / "runs" / "synth-transfer", help="what is made once")
    parser.add_argument("--photos", type=int, default=1500, help="how many objects, a multiple of 15")
    parser.add_argument("--untuned", default=UNTUNED, help="commit of the earlier hand; empty to leave it out")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--steps", type=int, default=240, help="of each training")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch, in each of the processes")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cache = options.cache / str(options.photos)
    cache.mkdir(parents=True, exist_ok=True)
    arms = [arm for arm in ARMS if options.untuned or arm != "synthetic, untuned"]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        prepare(cache, options.photos, arms, options.untuned, pool)
        jobs = [(arm, seed) for seed in range(options.seeds) for arm in arms]
        run = partial(trained_and_measured, cache, options.steps, options.threads)
        found = list(pool.map(run, *zip(*jobs, strict=True)))
    result = {
        "photos": options.photos,
        "drawings_per_photo": NUM_VIEWS,
        "steps": options.steps,
        "batch": BATCH,
        "seeds": options.seeds,
        "untuned_commit": options.untuned,
        "tables": tables(cache, dict(zip(jobs, found, strict=True)), arms, options.seeds),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["tables"], indent=1))


def counts_of(num_photos: int) -> dict[str, int]:
    """How many objects of each part."""
    return {part: num_photos * share // sum(SHARES.values()) for part, share in SHARES.items()}


def chosen(num_photos: int) -> Iterator[PartItem]:
    """The objects: one dress of every shape."""
    for part, count in counts_of(num_photos).items():
        seen: set[str] = set()
        for item in plan_part(part, 4 * count + 64, SEED, shares=None):
            if item.shape_group not in seen and int(item.id[-1]) == item.number // 4 % 4:
                seen.add(item.shape_group)
                yield item
                if len(seen) == count:
                    break


def prepare(cache: Path, num_photos: int, arms: list[str], untuned: str, pool: ProcessPoolExecutor) -> None:
    """Make what is missing: photos, drawings of every arm as ink, features of both."""
    items = list(chosen(num_photos))
    photos = cache.parent / "photo"
    photos.mkdir(exist_ok=True)
    list(pool.map(partial(render_photo, photos), items, chunksize=16))
    with weights_folder(WeightSettings().root) as weights:
        checkpoint = weights / WeightSettings().pidinet

        def edges() -> Ink:
            return made(cache / "edges.npy", lambda: edge_maps(photos, items, checkpoint))

        inks = {
            "synthetic": lambda: all_inks(pool, drawn, items),
            "synthetic, untuned": lambda: earlier_inks(cache, num_photos, untuned, pool),
            "edge map": lambda: np.stack([edge_ink(each) for each in edges()]),
            "traced edges": lambda: all_inks(pool, traced, list(enumerate(edges()))),
        }
        network = load_mobilenet(weights / WeightSettings().mobilenet).eval()
        for arm in arms:
            ink = made(cache / f"ink-{slug(arm)}.npy", inks[arm])
            made(cache / f"stems-{slug(arm)}.npy", lambda ink=ink: sketch_stems(network, ink))
        if not (cache / "photos-pooled.npy").exists():
            save_pictures(network, (Image.open(photos / f"{item.id}.jpg") for item in items), cache / "photos")
        for name, splits in TASKS.items():
            if not (cache / f"{name}-asked.json").exists():
                prepare_task(cache, name, splits, network, pool)


def made(path: Path, make: Any) -> NDArray[Any]:
    """An array from the cache, made first if it is not there."""
    if not path.exists():
        print(path.name, flush=True)
        partial_file = path.with_suffix(".part")
        with partial_file.open("wb") as file:
            np.save(file, make())
        partial_file.replace(path)
    return np.load(path, mmap_mode="r")


def slug(arm: str) -> str:
    """An arm's name in file names."""
    return arm.replace(", ", "-").replace(" ", "-")


def render_photo(folder: Path, item: PartItem) -> None:
    """Render one photo if it is not there."""
    path = folder / f"{item.id}.jpg"
    if not path.exists():
        write_picture(path, item.spec, PHOTO_PX, 90)


def edge_maps(photos: Path, items: list[PartItem], checkpoint: Path) -> Ink:
    """PiDiNet's edges of the photos [N, S, S], 255 = edge."""
    network = load_pidinet(checkpoint)
    found = np.zeros((len(items), PHOTO_PX, PHOTO_PX), np.uint8)
    for start in range(0, len(items), 16):
        block = items[start : start + 16]
        pixels = np.stack([np.asarray(Image.open(photos / f"{item.id}.jpg"), np.float32) / 255 for item in block])
        with torch.inference_mode():
            edges = network(torch.from_numpy(pixels).permute(0, 3, 1, 2))
        found[start : start + 16] = (edges * 255).round().byte().numpy()
    return found


def all_inks(pool: ProcessPoolExecutor, make: Any, given: list[Any]) -> Ink:
    """Rasters of all drawings [N, views, S, S], 255 = paper."""
    return np.stack(list(pool.map(make, given, chunksize=16)))


def drawn(item: PartItem) -> Ink:
    """Synthetic drawings of an object."""
    sketches = [draw(item.spec, np.random.default_rng([item.spec.seed, 21, view])) for view in range(NUM_VIEWS)]
    return np.stack([rasterize(jittered(sketch, view), SKETCH_PX) for view, sketch in enumerate(sketches)])


def traced(edges: tuple[int, Ink]) -> Ink:
    """Strokes along the edges of a photo, with the noise of a hand."""
    number, picture = edges
    lines = trace_edges(np.array(picture))
    if not lines:
        return np.full((NUM_VIEWS, SKETCH_PX, SKETCH_PX), 255, np.uint8)
    views = []
    for view in range(NUM_VIEWS):
        rng = np.random.default_rng([SEED, number, view])
        sketch = humanise(Sketch(tuple(lines)), rng, rng.uniform(0, PSEUDO_SEVERITY))
        views.append(rasterize(jittered(sketch, view), SKETCH_PX))
    return np.stack(views)


def jittered(sketch: Sketch, view: int) -> Sketch:
    """A drawing turned and stretched a little, differently in every view: each arm gets the same."""
    turn, stretch = JITTER[view]
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * [stretch, 1.0]
    return Sketch(tuple((stroke[:, :2] @ matrix.T).astype(np.float32) for stroke in sketch.strokes))


JITTER = ((0.07, 1.08), (-0.07, 0.92))  # for each view: turn in radians, stretch


def edge_ink(edges: Ink) -> Ink:
    """An edge map as a picture of a drawing, in the same views."""
    paper = Image.fromarray(255 - edges).resize((SKETCH_PX, SKETCH_PX))
    middle, views = SKETCH_PX / 2, []
    for turn, stretch in JITTER:
        cos, sin = np.cos(turn), np.sin(turn)
        back = np.linalg.inv(np.array([[cos, -sin], [sin, cos]]) * [stretch, 1.0])
        shift = middle - back @ [middle, middle]
        coefficients = (*back[0], shift[0], *back[1], shift[1])
        views.append(
            np.asarray(
                paper.transform(
                    paper.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=255
                )
            )
        )
    return np.stack(views)


def earlier_inks(cache: Path, num_photos: int, commit: str, pool: ProcessPoolExecutor) -> Ink:
    """Drawings by the code of an earlier commit, in a process of its own."""
    source = cache / f"source-{commit[:12]}"
    if not source.exists():
        archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(source, filter="data")
    out = cache / "strokes-untuned.npz"
    if not out.exists():
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(source / "src"), str(ROOT / "benchmarks")])}
        subprocess.run(
            [sys.executable, "-c", _EARLIER, str(out), json.dumps([counts_of(num_photos), SEED, NUM_VIEWS])],
            env=environment,
            check=True,
        )
    with np.load(out) as packed:
        points, ends, counts = packed["points"], packed["ends"], packed["counts"]
    strokes = np.split(points, ends[:-1])
    bounds = np.cumsum(counts)
    sketches = [strokes[end - count : end] for end, count in zip(bounds, counts, strict=True)]
    return all_inks(pool, views_of, [sketches[k : k + NUM_VIEWS] for k in range(0, len(sketches), NUM_VIEWS)])


# runs with the earlier package and with this file's choice of objects, which never changed
_EARLIER = """
import json, sys, numpy as np
from stbir.synth import draw, plan_part
COUNTS, SEED, VIEWS = json.loads(sys.argv[2])
strokes, counts = [], []
for part, count in COUNTS.items():
    seen = set()
    for item in plan_part(part, 4 * count + 64, SEED, shares=None):
        if item.shape_group in seen or int(item.id[-1]) != item.number // 4 % 4 or len(seen) == count:
            continue
        seen.add(item.shape_group)
        for view in range(VIEWS):
            sketch = draw(item.spec, np.random.default_rng([item.spec.seed, 21, view]))
            strokes += [stroke[:, :2] for stroke in sketch.strokes]
            counts.append(len(sketch.strokes))
ends = np.cumsum([len(stroke) for stroke in strokes])
np.savez(sys.argv[1], points=np.concatenate(strokes), ends=ends, counts=counts)
"""


def views_of(drawings: list[list[NDArray[np.float32]]]) -> Ink:
    """Rasters of an object's drawings given as strokes."""
    sketches = [Sketch(tuple(strokes)) for strokes in drawings]
    return np.stack([rasterize(jittered(sketch, view), SKETCH_PX) for view, sketch in enumerate(sketches)])


def sketch_stems(network: torch.nn.Module, ink: Ink) -> NDArray[np.float16]:
    """The stem of every raster [N, views, 96, 8, 8]."""
    flat = ink.reshape(-1, SKETCH_PX, SKETCH_PX)
    found = np.zeros((len(flat), 96, SKETCH_PX // 16, SKETCH_PX // 16), np.float16)
    for start in range(0, len(flat), 64):
        pixels = torch.from_numpy(np.array(flat[start : start + 64], np.float32) / 127.5 - 1)
        with torch.inference_mode():
            found[start : start + 64] = (
                network.stem(pixels[:, None].expand(-1, 3, -1, -1), network.stem_blocks).half().numpy()
            )
    return found.reshape(*ink.shape[:-2], *found.shape[1:])


def save_pictures(network: torch.nn.Module, pictures: Iterator[Image.Image], path: Path) -> None:
    """Write what the frozen blocks give for pictures, next to `path`."""
    tower = ImageTower(PICTURE_PX, DIM, DIM)
    tower.backbone = network
    stems, lasts, pooled = [], [], []
    for picture in pictures:
        small = picture.convert("RGB").resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(small, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.inference_mode():
            stem = network.stem(pixels, network.stem_blocks)
            last, mean = tower.middle(stem)
        stems.append(stem[0].half().numpy())
        lasts.append(last[0].half().numpy())
        pooled.append(mean[0].half().numpy())
    for name, values in (("stem", stems), ("last", lasts), ("pooled", pooled)):
        np.save(path.with_name(f"{path.name}-{name}.npy"), np.stack(values))


def load_pictures(path: Path) -> Pictures:
    """Read what `save_pictures` wrote."""
    return Pictures(
        *(torch.from_numpy(np.load(path.with_name(f"{path.name}-{n}.npy"))) for n in ("stem", "last", "pooled"))
    )


# set -> splits asked, splits searched
TASKS = {
    "sketchy-125": (("test",), ("test", "gallery")),
    "chairv2-sketches": (("train", "val", "test"), ("train", "val", "test", "gallery")),
}


def prepare_task(
    cache: Path, name: str, splits: tuple[Any, Any], network: torch.nn.Module, pool: ProcessPoolExecutor
) -> None:
    """Encode a real task's pictures, rasterise and encode its drawings."""
    print(name, flush=True)
    dataset = open_dataset(name)
    gallery = [row for row in dataset.in_split(*splits[1]) if row.image]
    save_pictures(network, (dataset.picture(row) for row in gallery), cache / name)
    place = {row.id: k for k, row in enumerate(gallery)}
    asked = [(row, k) for row in dataset.in_split(*splits[0]) if row.image for k in range(len(row.sketches))]
    ink = np.stack(list(pool.map(partial(real_ink, dataset), asked, chunksize=8)))
    np.save(cache / f"{name}-ink.npy", ink)
    np.save(cache / f"{name}-stems.npy", sketch_stems(network, ink))
    facts = {
        "targets": [place[row.id] for row, _ in asked],
        "ids": [row.id for row, _ in asked],
        "asked": [kind_of(name, row.category) for row, _ in asked],
        "gallery": [kind_of(name, row.category) for row in gallery],
    }
    (cache / f"{name}-asked.json").write_text(json.dumps(facts), encoding="utf-8")


def kind_of(name: str, category: str | None) -> str:
    """A picture's category; the catalogue beside ChairV2 calls chairs by many names."""
    kind = (category or "").lower()
    return "chair" if name == "chairv2-sketches" and ("chair" in kind or "stool" in kind) else kind


def real_ink(dataset: Dataset, place: tuple[Any, int]) -> Ink:
    """A real drawing as the product rasterises it."""
    return rasterize(dataset.sketch(*place), SKETCH_PX)


def trained_and_measured(cache: Path, steps: int, threads: int, arm: str, seed: int) -> dict[str, Any]:
    """Per query: hits and average precision of the towers of one arm and seed, for every task."""
    torch.set_num_threads(threads)
    path = cache / f"found-{slug(arm)}-{seed}-{steps}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    image, sketch = trained(cache, arm, steps, seed)
    found = {}
    for name in TASKS:
        facts = json.loads((cache / f"{name}-asked.json").read_text(encoding="utf-8"))
        stems = torch.from_numpy(np.load(cache / f"{name}-stems.npy"))
        pictures = load_pictures(cache / name)
        with torch.inference_mode():
            gallery = torch.cat([image.sketch_space(*pictures[block]) for block in blocks(len(pictures.stem))])
            queries = torch.cat([sketch_space(sketch, stems[block].float()) for block in blocks(len(stems))])
        found[name] = figures(queries.numpy(), gallery.numpy(), facts)
    path.write_text(json.dumps(found), encoding="utf-8")
    print(
        arm,
        seed,
        {name: {m: round(float(np.mean(v)), 4) for m, v in each.items()} for name, each in found.items()},
        flush=True,
    )
    return found


def trained(cache: Path, arm: str, steps: int, seed: int) -> tuple[ImageTower, SketchTower]:
    """Train both towers: of the drawings' the blocks above the stem and the head, of the pictures' the head."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([SEED, seed])
    image, sketch = ImageTower(PICTURE_PX, DIM, DIM), SketchTower(SKETCH_PX, DIM)
    with weights_folder(WeightSettings().root) as weights:
        sketch.backbone = load_mobilenet(weights / WeightSettings().mobilenet)
    stems = np.load(cache / f"stems-{slug(arm)}.npy", mmap_mode="r")
    photos = load_pictures(cache / "photos")
    top = [*sketch.backbone.blocks[sketch.backbone.stem_blocks :].parameters(), *sketch.backbone.last.parameters()]
    heads = [*sketch.head.parameters(), *image.detail.parameters(), *image.shape_head.parameters()]
    rates = [BACKBONE_LR, HEAD_LR]
    optimizer = torch.optim.AdamW(
        [{"params": top, "lr": rates[0]}, {"params": heads, "lr": rates[1]}], weight_decay=0.02
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        rows = rng.choice(len(stems), BATCH, replace=False)
        views = rng.integers(0, stems.shape[1], BATCH)
        ink = torch.from_numpy(np.stack([stems[row, view] for row, view in zip(rows, views, strict=True)])).float()
        loss = info_nce(sketch_space(sketch, ink), image.sketch_space(*photos[torch.from_numpy(rows)]), SCALE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return image.eval(), sketch.eval()


def sketch_space(tower: SketchTower, stem: Tensor) -> Tensor:
    """Stems of drawings [B, 96, 8, 8] to unit rows [B, D]."""
    result: Tensor = tower.head(tower.backbone.top(stem, tower.backbone.stem_blocks))
    return result


def blocks(count: int) -> Iterator[Tensor]:
    """Row numbers in blocks."""
    yield from torch.arange(count).split(256)


def figures(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], facts: dict[str, Any]
) -> dict[str, list[float]]:
    """Per query: hit at 1 and at 10, and average precision by category."""
    ranks = ranks_of_targets(queries, gallery, np.array(facts["targets"]))
    kinds, asked = np.array(facts["gallery"]), np.array(facts["asked"])
    order = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")
    found = [np.flatnonzero(kinds[row] == kind) + 1 for row, kind in zip(order, asked, strict=True)]
    ends = np.concatenate([[0], np.cumsum([len(each) for each in found])])
    precisions = average_precisions(RelevantRanks(np.concatenate(found), ends))
    return {"acc@1": hits_at(ranks, 1).tolist(), "acc@10": hits_at(ranks, 10).tolist(), "map": precisions.tolist()}


def tables(cache: Path, found: dict[tuple[str, int], Any], arms: list[str], seeds: int) -> list[dict[str, Any]]:
    """Means over seeds with intervals by photo, and the differences of the first arm to the others."""
    result = []
    for title, name, known_only in (
        ("sketchy-125, all", "sketchy-125", False),
        ("sketchy-125, things rendered too", "sketchy-125", True),
        ("chairv2-sketches", "chairv2-sketches", False),
    ):
        facts = json.loads((cache / f"{name}-asked.json").read_text(encoding="utf-8"))
        known = set(SAME.get(name, {}))
        kept = np.array([not known_only or kind in known for kind in facts["asked"]])
        ids = np.array(facts["ids"])[kept]
        table: dict[str, Any] = {
            "title": title,
            "queries": int(kept.sum()),
            "pictures": len(facts["gallery"]),
            "rows": {},
        }
        for arm in arms:
            row: dict[str, Any] = {}
            for metric in ("acc@1", "acc@10", "map"):
                own, first = (
                    np.array([found[each, seed][name][metric] for seed in range(seeds)])[:, kept]
                    for each in (arm, arms[0])
                )
                interval = bootstrap_interval(own.mean(axis=0), ids)
                row[metric] = {"value": interval.value, "low": interval.low, "high": interval.high}
                row[metric]["seeds"] = [round(float(value), 4) for value in own.mean(axis=1)]
                if arm != arms[0]:
                    less = paired_difference(first.mean(axis=0), own.mean(axis=0), ids)
                    row[metric]["synthetic_more_by"] = {"value": less.value, "low": less.low, "high": less.high}
            table["rows"][arm] = row
        result.append(table)
    return result


if __name__ == "__main__":
    main()
