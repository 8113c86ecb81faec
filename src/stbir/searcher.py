"""From a query to hits: `Searcher`, the one path of command line, web and evaluation.

    Query -> rasterize, tokenise -> encode -> fuse to one vector -> VectorIndex -> Hits (score, parts)

Must not import PyTorch. The public names are reached through `stbir.search`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stbir.errors import QueryError
from stbir.gallery.catalogue import Vectors
from stbir.gallery.index import Neighbours, VectorIndex
from stbir.model.encoder import Encoder
from stbir.model.fusion import compose, part_scores
from stbir.query import Hit, Query, Weights
from stbir.strokes import Sketch

SketchLike = Sketch | Path | str | Mapping[str, Any]
WeightsLike = Weights | Mapping[str, float] | str


@dataclass(frozen=True)
class Answer:
    """What a search found and how long it took.

    Attributes:
        hits: Best first.
        encode_ms: Time to turn the query into a vector, milliseconds.
        search_ms: Time to find the hits, milliseconds.
    """

    hits: list[Hit]
    encode_ms: float
    search_ms: float


@dataclass(frozen=True)
class EncodedQuery:
    """A query as vectors.

    Attributes:
        vector: [D], all parts fused by their weights.
        parts: Unit vectors of the given parts: sketch [Ds], text [Dt], image [D].
    """

    vector: Vectors
    parts: dict[str, Vectors]


@dataclass(frozen=True)
class Found(Neighbours):
    """The nearest pictures, best first, with the similarity of each part.

    Attributes:
        parts: For each given part [K], its cosine alone.
    """

    parts: dict[str, Vectors]

    def __len__(self) -> int:
        return len(self.entries)

    def hit(self, row: int, rank: int | None = None) -> Hit:
        """One row as a hit.

        Args:
            row: Which one, from 0.
            rank: Its place; None takes the row's own.
        """
        return Hit(
            rank=row + 1 if rank is None else rank,
            id=self.entries[row].id,
            path=Path(self.entries[row].path),
            score=float(self.scores[row]),
            parts={name: float(values[row]) for name, values in self.parts.items()},
        )


class Searcher:
    """Answers queries with one model over one index; safe to share between threads.

    Args:
        encoder: The model that made the index's vectors.
        index: Where to search.
    """

    def __init__(self, encoder: Encoder, index: VectorIndex) -> None:
        self.encoder = encoder
        self.index = index

    def encode(self, query: Query) -> EncodedQuery:
        """Turn a query into vectors.

        Args:
            query: What is asked.

        Returns:
            Its fused vector and its parts.
        """
        parts: dict[str, Vectors] = {}
        if query.sketch is not None:
            parts["sketch"] = self.encoder.encode_sketches([query.sketch])[0]
        words = [text for text in (query.text, query.negative) if text is not None]
        encoded = dict(zip(words, self.encoder.encode_texts(words), strict=True)) if words else {}
        if query.text is not None:
            parts["text"] = encoded[query.text]
        if query.image is not None:
            parts["image"] = self.encoder.encode_images([self.encoder.load_image(query.image)])[0]
        negative = None if query.negative is None else encoded[query.negative]
        return self.fuse(parts, query.weights, negative)

    def fuse(self, parts: Mapping[str, Vectors], weights: Weights, negative: Vectors | None = None) -> EncodedQuery:
        """Join parts that are encoded already; changing the weights runs no tower.

        Args:
            parts: Unit vectors of the given parts: sketch [Ds], text [Dt], image [D].
            weights: How much each part counts.
            negative: [Dt], unit: the words that should not match.

        Returns:
            The query as vectors.

        Raises:
            QueryError: The weights of the given parts add up to 0.
        """
        info = self.encoder.bundle.info
        vector = compose(info.dims, info.fusion, weights, negative=negative, **parts)
        return EncodedQuery(vector, dict(parts))

    def find(self, query: EncodedQuery, top: int = 10, *, where: str | None = None) -> Found:
        """Find the pictures nearest to an encoded query.

        Args:
            query: From `encode` or `fuse`.
            top: How many at most.
            where: SQL condition over the catalogue's columns; only pictures that fulfil it are found.

        Returns:
            What was found, best first.

        Raises:
            QueryError: `top` or `where` cannot be used.
        """
        if top < 1:
            raise QueryError(f"top={top} is out of range: ask for 1 hit or more")
        if where is not None and not where.strip():
            raise QueryError('the filter is empty: write a condition such as "width >= 800" or leave it out')
        near = self.index.search(query.vector, top, where)
        parts = part_scores(self.encoder.bundle.info.dims, near.vectors, **query.parts)
        return Found(near.entries, near.vectors, near.scores, parts)

    def search(
        self, query: Query, top: int = 10, *, where: str | None = None, min_score: float | None = None
    ) -> Answer:
        """Answer a query.

        Args:
            query: What is asked.
            top: How many hits at most.
            where: SQL condition over the catalogue's columns; only pictures that fulfil it are hits.
            min_score: Hits with a lower score are left out.

        Returns:
            The hits and the times.

        Raises:
            QueryError: `top` or `where` cannot be used.
        """
        started = time.perf_counter()
        encoded = self.encode(query)
        between = time.perf_counter()
        found = self.find(encoded, top, where=where)
        hits = [found.hit(row) for row in range(len(found)) if min_score is None or found.scores[row] >= min_score]
        ended = time.perf_counter()
        return Answer(hits, encode_ms=(between - started) * 1e3, search_ms=(ended - between) * 1e3)


def make_query(
    sketch: SketchLike | None = None,
    text: str | None = None,
    image: Path | str | None = None,
    negative: str | None = None,
    weights: WeightsLike | None = None,
) -> Query:
    """Make a query of what users have: files, stroke data, text.

    Args:
        sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
        text: Words that should match.
        image: An example picture's file.
        negative: Words that should not match.
        weights: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.

    Returns:
        The query.

    Raises:
        QueryError: It is empty or contradicts itself.
        SketchError: The drawing cannot be read or is empty.
    """
    if isinstance(sketch, Mapping):
        sketch = Sketch.from_json(sketch)
    elif isinstance(sketch, str | os.PathLike):
        sketch = Sketch.load(sketch)
    if isinstance(weights, str):
        weights = Weights.parse(weights)
    elif isinstance(weights, Mapping):
        if unknown := set(weights) - set(asdict(Weights())):
            raise QueryError(f"unknown weight {', '.join(sorted(unknown))}: expected sketch, text, image")
        weights = Weights(**weights)
    return Query(
        sketch=sketch,
        text=text,
        image=None if image is None else Path(image),
        negative=negative,
        weights=Weights() if weights is None else weights,
    )
