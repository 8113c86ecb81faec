"""From a query to hits: `Searcher`, the one path of command line, web and evaluation.

    Query -> rasterize, tokenise -> encode -> fuse to one vector -> VectorIndex -> Hits (score, parts)

Must not import PyTorch. The public names are reached through `stbir.search`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stbir.errors import QueryError
from stbir.gallery.catalogue import Vectors
from stbir.gallery.index import Neighbours, VectorIndex, search_many
from stbir.model.encoder import Encoder
from stbir.model.fusion import compose, part_scores
from stbir.naming import NameSignal, holds_any, search_words, share_held
from stbir.query import Hit, Query, Weights
from stbir.strokes import Sketch

SketchLike = Sketch | Path | str | Mapping[str, Any]
MIN_NAMED = 256
WeightsLike = Weights | Mapping[str, float] | str


@dataclass(frozen=True)
class Answer:
    """What a search found and how long it took.

    Attributes:
        hits: Best first.
        encode_ms: Time to turn the query into a vector, milliseconds.
        search_ms: Time to find the hits, milliseconds.
        next_offset: Where the next page begins; None at the end, and where pages were not asked for.
    """

    hits: list[Hit]
    encode_ms: float
    search_ms: float
    next_offset: int | None = None


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

    def hit(self, row: int, rank: int | None = None, num_duplicates: int = 0) -> Hit:
        """One row as a hit.

        Args:
            row: Which one, from 0.
            rank: Its place; None takes the row's own.
            num_duplicates: How many pictures that look the same it stands for.
        """
        return Hit(
            rank=row + 1 if rank is None else rank,
            id=self.entries[row].id,
            path=Path(self.entries[row].path),
            score=float(self.scores[row]),
            parts={name: float(values[row]) for name, values in self.parts.items()},
            num_duplicates=num_duplicates,
        )


class Searcher:
    """Answers queries with one model over one index; safe to share between threads.

    Args:
        encoder: The model that made the index's vectors.
        index: Where to search.
        vectors_of: Gives the vectors of stored pictures by id, for queries with `like`.
    """

    def __init__(
        self,
        encoder: Encoder,
        index: VectorIndex,
        vectors_of: Callable[[Sequence[str]], Mapping[str, Vectors]] | None = None,
    ) -> None:
        self.encoder = encoder
        self.index = index
        self._vectors_of = vectors_of

    def encode(self, query: Query) -> EncodedQuery:
        """Turn a query into vectors.

        Args:
            query: What is asked.

        Returns:
            Its fused vector and its parts.

        Raises:
            QueryError: The picture named by `like` is not in the gallery.
        """
        return self.encode_many([query])[0]

    def encode_many(self, queries: Sequence[Query]) -> list[EncodedQuery]:
        """Turn queries into vectors, the drawings, words and examples of all of them in batches.

        Args:
            queries: What is asked.

        Returns:
            For each what `encode` returns.

        Raises:
            QueryError: A picture named by `like` is not in the gallery.
        """
        words = list(dict.fromkeys(text for query in queries for text in (query.text, query.negative) if text))
        texts = dict(zip(words, self.encoder.encode_texts(words), strict=True)) if words else {}
        drawn = [query.sketch for query in queries if query.sketch is not None]
        drawings = iter(self.encoder.encode_sketches(drawn) if drawn else ())
        examples = self._examples(queries)
        encoded = []
        for query in queries:
            parts: dict[str, Vectors] = {}
            if query.sketch is not None:
                parts["sketch"] = next(drawings)
            if query.text is not None:
                parts["text"] = texts[query.text]
            if (example := query.like or query.image) is not None:
                parts["image"] = examples[example]
            negative = None if query.negative is None else texts[query.negative]
            encoded.append(self.fuse(parts, query.weights, negative))
        return encoded

    def _examples(self, queries: Sequence[Query]) -> dict[str | Path, Vectors]:
        """The vectors of all example pictures, by id or file."""
        ids = list(dict.fromkeys(query.like for query in queries if query.like is not None))
        found: dict[str | Path, Vectors] = {}
        if ids and self._vectors_of is not None:
            found.update(self._vectors_of(ids))
        if unknown := [each for each in ids if each not in found]:
            raise QueryError(f"the gallery has no picture with the id {unknown[0]!r}: give the id of a hit")
        files = list(dict.fromkeys(query.image for query in queries if query.image is not None))
        for start in range(0, len(files), self.encoder.batch_size):
            some = files[start : start + self.encoder.batch_size]
            pictures = [self.encoder.load_image(file) for file in some]
            found.update(zip(some, self.encoder.encode_images(pictures), strict=True))
        return found

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

    def find(
        self,
        query: EncodedQuery,
        top: int = 10,
        *,
        where: str | None = None,
        words: str | None = None,
        names: NameSignal | None = None,
    ) -> Found:
        """Find the pictures nearest to an encoded query.

        Args:
            query: From `encode` or `fuse`.
            top: How many at most.
            where: SQL condition over the catalogue's columns; only pictures that fulfil it are found.
            words: The query's words, for `names`.
            names: How much it counts that words stand in a picture's name; None for not at all.

        Returns:
            What was found, best first.

        Raises:
            QueryError: `top` or `where` cannot be used.
        """
        check_search(top, where)
        sought = search_words(words) if words and names is not None and names.weight else ()
        if names is None or not sought:
            return self.found(query, self.index.search(query.vector, top, where))
        num_rows = max(MIN_NAMED, 1 << (top - 1).bit_length())
        held = holds_any(sought, names.columns)
        near = self.found(query, self.index.search(query.vector, num_rows, where))
        named = self.index.search(query.vector, num_rows, held if where is None else f"({where}) AND ({held})")
        return _with_names(near, self.found(query, named), sought, names, top)

    def find_many(self, queries: Sequence[EncodedQuery], top: int = 10, *, where: str | None = None) -> list[Found]:
        """Find the pictures nearest to each of many encoded queries; as `find`, in one pass where the index can."""
        check_search(top, where)
        if not queries:
            return []
        near = search_many(self.index, np.stack([query.vector for query in queries]), top, where)
        return [self.found(query, each) for query, each in zip(queries, near, strict=True)]

    def found(self, query: EncodedQuery, near: Neighbours) -> Found:
        """Neighbours with the similarity of each part of the query."""
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


def check_search(top: int, where: str | None) -> None:
    """Refuse what no index could answer.

    Raises:
        QueryError: `top` or `where` cannot be used.
    """
    if top < 1:
        raise QueryError(f"top={top} is out of range: ask for 1 hit or more")
    if where is not None and not where.strip():
        raise QueryError('the filter is empty: write a condition such as "width >= 800" or leave it out')


def _with_names(near: Found, named: Found, words: Sequence[str], names: NameSignal, top: int) -> Found:
    """Both together, in the order of the score with the bonus of the names."""
    known = {entry.id for entry in near.entries}
    more = [row for row, entry in enumerate(named.entries) if entry.id not in known]
    entries = near.entries + [named.entries[row] for row in more]
    texts = names.texts_of([entry.id for entry in entries]) if names.texts_of else {}
    shares = [share_held(words, f"{entry.name}\n{texts.get(entry.id, '')}") for entry in entries]
    held = np.array(shares, np.float32)
    scores = np.concatenate([near.scores, named.scores[more]]) + np.float32(names.weight) * held
    best = np.lexsort((np.array([entry.id for entry in entries], np.str_), -scores))[:top]
    vectors = np.concatenate([near.vectors, named.vectors[more]])[best]
    parts = {part: np.concatenate([near.parts[part], named.parts[part][more]])[best] for part in near.parts}
    return Found([entries[row] for row in best], vectors, scores[best], parts | {"names": held[best]})


def make_query(
    sketch: SketchLike | None = None,
    text: str | None = None,
    image: Path | str | None = None,
    negative: str | None = None,
    weights: WeightsLike | None = None,
    like: str | None = None,
) -> Query:
    """Make a query of what users have: files, stroke data, text.

    Args:
        sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
        text: Words that should match.
        image: An example picture's file.
        negative: Words that should not match.
        weights: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.
        like: An example from the gallery itself: a picture's id.

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
        like=like,
    )
