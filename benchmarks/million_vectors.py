"""A million realistic vectors and real queries: the material of benchmarks/million.py.

Pictures of six data sets and drawings and words of four are encoded by the shipped model. The pictures are then
multiplied: a new vector lies between a picture and one of its nearest neighbours of the same category, and is shifted
by the difference of another pair of neighbours, so that it keeps to the directions and distances in which real pictures
differ. Both comparison spaces are treated apart and made unit again, like the model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stbir
from stbir.datasets import Dataset, Row, open_dataset

PICTURES = ("sketchy-125", "fashion-products", "clothing-cc0", "ikea-products", "shoes-handbags", "imagenet-objects")
BATCH = 64
NEIGHBOURS = 10
SHIFT = 0.5
CHUNK = 20_000
QUERIES_OF_KIND = 200

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Real:
    """What was encoded.

    Attributes:
        pictures: [N, D], gallery vectors.
        categories: [N], name of each picture's category.
        sketches: [Q, Ds], drawings.
        texts: [Q, Dt], words; row i belongs to the same picture as the drawing i.
        words: [T, Dt], words of pictures that were not drawn.
    """

    pictures: Vectors
    categories: NDArray[np.str_]
    sketches: Vectors
    texts: Vectors
    words: Vectors


def encode(file: Path, encoder: stbir.Encoder, max_pictures: int | None) -> Real:
    """Encode the data sets, or read what an earlier run encoded.

    Args:
        file: Where the result is kept.
        encoder: The model.
        max_pictures: Of each data set at most; None for all.
    """
    if not file.is_file():
        sets = [open_dataset(name) for name in PICTURES]
        rows = [(data, row) for data in sets for row in [r for r in data.rows if r.image][:max_pictures]]
        vectors = [encode_batch(encoder, rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
        drawn = [row for row in sets[0].rows if row.sketches and row.text][:QUERIES_OF_KIND]
        told = [row.text for data in sets[3:] for row in data.rows if row.text]
        chosen = np.random.default_rng(0).permutation(len(told))[:QUERIES_OF_KIND]
        np.savez(
            file,
            pictures=np.concatenate(vectors),
            categories=np.array([f"{data.name}/{row.category or 'none'}" for data, row in rows]),
            sketches=encoder.encode_sketches([sets[0].sketch(row) for row in drawn]),
            texts=encoder.encode_texts([str(row.text) for row in drawn]),
            words=encoder.encode_texts([str(told[row]) for row in chosen]),
        )
    with np.load(file, allow_pickle=False) as found:
        return Real(**{name: found[name] for name in found.files})


def encode_batch(encoder: stbir.Encoder, rows: list[tuple[Dataset, Row]]) -> Vectors:
    """Gallery vectors of some pictures."""
    return encoder.encode_images([encoder.load_image(data.picture_bytes(row)) for data, row in rows])


def neighbours(vectors: Vectors, categories: NDArray[Any]) -> NDArray[np.int64]:
    """For each picture [N, K] its nearest ones of the same category; itself where there are too few."""
    found = np.repeat(np.arange(len(vectors))[:, None], NEIGHBOURS, axis=1)
    for category in np.unique(categories):
        rows = np.flatnonzero(categories == category)
        for start in range(0, len(rows), 1000):
            some = rows[start : start + 1000]
            similar = vectors[some] @ vectors[rows].T
            similar[np.arange(len(some)), np.arange(start, start + len(some))] = -1
            number = min(NEIGHBOURS, len(rows) - 1)
            if number > 0:
                found[some, :number] = rows[np.argsort(-similar, axis=1)[:, :number]]
    return found


def augment(file: Path, real: Real, number: int, dims: tuple[int, int]) -> tuple[Vectors, NDArray[np.int64]]:
    """Multiply the pictures, or read what an earlier run made.

    Args:
        file: Where the vectors are kept.
        real: The pictures.
        number: How many vectors.
        dims: Lengths of the two spaces.

    Returns:
        [number, D], mapped from the disk, and of each the picture that it comes from.
    """
    rng = np.random.default_rng(1)
    origins = np.concatenate([rng.permutation(len(real.pictures)) for _ in range(number // len(real.pictures) + 1)])
    origins = origins[:number]
    if not file.is_file():
        near = neighbours(real.pictures, real.categories)
        part = file.with_suffix(".part")
        made = np.lib.format.open_memmap(part, "w+", np.float32, (number, sum(dims)))
        for start in range(0, number, CHUNK):
            rows = origins[start : start + CHUNK]
            first, second = real.pictures[rows], real.pictures[near[rows, rng.integers(0, NEIGHBOURS, len(rows))]]
            others = rng.integers(0, len(near), len(rows))
            shift = real.pictures[others] - real.pictures[near[others, rng.integers(0, NEIGHBOURS, len(rows))]]
            between = rng.random((len(rows), 1), np.float32)
            made[start : start + len(rows)] = as_unit(first + between * (second - first) + SHIFT * shift, dims)
        made.flush()
        part.rename(file)
    return np.load(file, mmap_mode="r"), origins


def as_unit(vectors: Vectors, dims: tuple[int, int]) -> Vectors:
    """Gallery vectors whose spaces have equal lengths again."""
    spaces = vectors[:, : dims[0]], vectors[:, dims[0] :]
    units = [space / np.linalg.norm(space, axis=1, keepdims=True) for space in spaces]
    return np.asarray(np.concatenate(units, axis=1) / np.sqrt(2), np.float32)


def nearest_cosines(vectors: Vectors, number: int = 500) -> dict[str, float]:
    """How near the nearest other vector is: quartiles of the cosine, over some of the vectors."""
    rows = np.random.default_rng(2).integers(0, len(vectors), number)
    best = np.full(number, -1.0, np.float32)
    for start in range(0, len(vectors), 100_000):
        similar = np.asarray(vectors[rows]) @ np.asarray(vectors[start : start + 100_000]).T
        here = np.flatnonzero((rows >= start) & (rows < start + 100_000))
        similar[here, rows[here] - start] = -1
        best = np.maximum(best, similar.max(axis=1))
    return {name: round(float(np.quantile(best, q)), 4) for name, q in (("q25", 0.25), ("q50", 0.5), ("q75", 0.75))}
