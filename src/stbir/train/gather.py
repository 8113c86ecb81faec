"""Gather every drawing of a corpus, traced where it is a picture, and ask the teacher about each."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from stbir.datasets import Dataset, Row, open_dataset
from stbir.errors import DatasetError
from stbir.strokes import Sketch, rasterize
from stbir.train.pretrained import load_doodlenet
from stbir.train.recipe import CorpusRecipe
from stbir.train.sketches import Drawing, SketchSet
from stbir.train.sources import HAND_DRAWN, PAIRED, Source, category_name, doodle_lines

_BATCH = 256


def all_drawings(recipe: CorpusRecipe, sources: list[Source], folder: Path) -> Iterator[Drawing]:
    """Every drawing of the corpus, traced where it is a picture."""
    yield from _drawings_of_photos(sources)
    with np.load(folder / "pseudo.npz", allow_pickle=False) as packed:
        rows, points, lengths, counts = (packed[name] for name in ("rows", "points", "lengths", "counts"))
    lines = np.split(points, np.cumsum(lengths)[:-1])
    ends = np.cumsum(counts)
    for row, start, end in zip(rows, ends - counts, ends, strict=True):
        photo = sources[row].photo
        yield Drawing(Sketch(tuple(lines[start:end])), "pseudo", int(row), photo.category, f"pseudo/{row}", "train")
    for fields in doodle_lines(recipe):
        if fields.get("recognized") is False:
            continue
        strokes = tuple(np.asarray(stroke, np.float32) for stroke in fields["strokes"] if stroke)
        if strokes:
            yield Drawing(Sketch(strokes), "doodle", -1, category_name(fields["category"]), fields["id"], "train")
    yield from _pairs(recipe)


def _drawings_of_photos(sources: list[Source]) -> Iterator[Drawing]:
    """Drawings made of a photo or of a rendered object."""
    drawn = [(index, source) for index, source in enumerate(sources) if source.row.sketches]
    with ProcessPoolExecutor() as pool:
        traced = pool.map(_sketches_of, [source for _, source in drawn], chunksize=16)
        for (index, source), sketches in zip(drawn, tqdm(traced, total=len(drawn), desc="drawings"), strict=True):
            photo = source.photo
            split = "train" if photo.trains else "val" if photo.split == "val" else "test"
            kind = "real" if photo.set in HAND_DRAWN else "synth"
            for sketch in sketches:
                yield Drawing(sketch, kind, index, photo.category, f"{photo.set}/{photo.id}", split)


def _sketches_of(source: Source) -> list[Sketch]:
    """The drawings of a row that hold lines; icons that are filled areas do not."""
    sketches = []
    for position in range(len(source.row.sketches)):
        try:
            sketches.append(source.dataset.sketch(source.row, position))
        except DatasetError as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
    return sketches


def _pairs(recipe: CorpusRecipe) -> Iterator[Drawing]:
    """Drawings with the edge map of their photo (QMUL V1), and several drawings of one chair (ChairV2).

    A tenth of QMUL's training pairs validates. Chairs with a photo are a benchmark and stay out.
    """
    for settings in recipe.data.sets:
        name = Path(settings.name).stem
        if name not in PAIRED or settings.edge_maps:
            continue
        dataset = open_dataset(settings.name)
        rows = [row for row in dataset.rows if row.split == "train" and row.sketches]
        if name == "chairv2-sketches":
            rows = [row for row in rows if row.image is None]
        rows = [row for row in rows if _share(row.id) < settings.share]
        with ProcessPoolExecutor() as pool:
            jobs = pool.map(_pair_sketches, [dataset] * len(rows), rows, chunksize=16)
            for row, sketches in zip(rows, tqdm(jobs, total=len(rows), desc=name), strict=True):
                held_out = name == "qmul-v1-sketch-edge" and _share(row.id) < 0.1
                for sketch in sketches:
                    category = category_name(row.category)
                    yield Drawing(sketch, "pair", -1, category, f"{name}/{row.id}", "val" if held_out else "train")


def _pair_sketches(dataset: Dataset, row: Row) -> list[Sketch]:
    sketches = list(dataset.sketches(row))
    if row.attributes.get("image_kind") == "edge map":
        sketches.append(Sketch.from_raster(dataset.picture(row)))
    return sketches


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32


def run_teacher(folder: Path, directory: Path, path: Path) -> None:
    """Write DoodleNet's logits of every drawing."""
    network, names = load_doodlenet(directory)
    sketches = SketchSet(folder)
    logits = np.zeros((len(sketches), len(names)), np.float16)
    for start in tqdm(range(0, len(sketches), _BATCH), desc="teacher", unit="batch"):
        rows = range(start, min(start + _BATCH, len(sketches)))
        ink = np.stack([small_ink(sketches.sketch(row)) for row in rows])
        with torch.inference_mode():
            logits[rows.start : rows.stop] = network(torch.from_numpy(ink)[:, None]).half().numpy()
    with path.open("wb") as file:
        np.save(file, logits)


def small_ink(sketch: Sketch) -> NDArray[np.float32]:
    """A drawing as DoodleNet wants it: [28, 28], ink = 1, the line 1.8 px wide."""
    large = rasterize(sketch, size_px=112, line_width_px=7.2, margin=0.03)
    result: NDArray[np.float32] = 1 - large.reshape(28, 4, 28, 4).mean((1, 3), dtype=np.float32) / np.float32(255)
    return result
