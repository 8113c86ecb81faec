"""A task as vectors: every picture, drawing and text of it through the model, each encoded once.

Out: gallery vectors and query vectors. What was encoded before, by the same model, from the same content and with the
same noise, is taken from the `VectorStore`, so that experiments share their parts and go on where they stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stbir.datasets import Row
from stbir.errors import DatasetError, ImageError
from stbir.evaluate.provenance import NOISE_PARTS, code_version
from stbir.evaluate.task import Task
from stbir.evaluate.vector_store import VectorStore
from stbir.strokes import Sketch

BATCH_SIZE = 64

Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int], None]


class Encodes(Protocol):
    """What evaluation needs of an encoder; `stbir.model.encoder.Encoder` is one."""

    def load_image(self, path: bytes, /) -> Any:
        """Decode a picture's bytes as the encoder wants it."""
        ...

    def encode_images(self, pictures: Sequence[Any]) -> Vectors:
        """[N, Ds + Dt], unit rows."""
        ...

    def encode_sketches(self, sketches: Sequence[Any]) -> Vectors:
        """[N, Ds], unit rows."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """[N, Dt], unit rows."""
        ...


@dataclass(frozen=True, eq=False)
class Embedded:
    """The vectors of a task.

    Attributes:
        gallery: [N, Ds + Dt], unit rows.
        sketches: [Q, Ds], unit rows, zero where the noise left no drawing; None where the task has no drawings.
        texts: [Q, Dt], unit rows, zero where the noise left no words; None where the task has no words.
    """

    gallery: Vectors
    sketches: Vectors | None
    texts: Vectors | None


class Embedder:
    """Encodes tasks with one model.

    Args:
        encoder: The model.
        version: What names the model and the code, for the store's keys: equal versions give equal vectors.
        store: Where vectors are kept; None keeps those of the last tasks in memory.
    """

    def __init__(self, encoder: Encodes, version: str, store: VectorStore | None = None) -> None:
        self.encoder = encoder
        self.version = version
        self.store = store or VectorStore()

    def rest(self) -> None:
        """Give back the memory of the model, where it can."""
        rest = getattr(self.encoder, "rest", None)
        if rest is not None:
            rest()

    def embed(self, task: Task, progress: Progress | None = None) -> Embedded:
        """Encode a task.

        Args:
            task: The task.
            progress: Told (what, how many done, of how many) after each batch.

        Returns:
            Its vectors.

        Raises:
            DatasetError: A picture or drawing cannot be read; names it.
        """
        tell = progress or _silent
        return Embedded(
            gallery=self._gallery(task, tell),
            sketches=self._sketches(task, tell) if task.has_sketches else None,
            texts=self._texts(task, tell) if task.has_texts else None,
        )

    def _gallery(self, task: Task, tell: Progress) -> Vectors:
        noise = _noise_of(task, "image")
        ids = [row.id for row in task.gallery] if noise else []
        key = self._key("gallery", noise, [ids, task.picture_hashes])
        return self.store.get(key, lambda: self._encode_gallery(task, tell))

    def _encode_gallery(self, task: Task, tell: Progress) -> Vectors:
        parts = []
        for rows in _batches(len(task.gallery)):
            parts.append(self.encoder.encode_images([self._picture(task, row) for row in task.gallery[rows]]))
            tell("pictures", rows.stop, len(task.gallery))
        return np.concatenate(parts)

    def _picture(self, task: Task, row: Row) -> Any:
        try:
            picture = self.encoder.load_image(task.data.picture_bytes(row))
        except ImageError as error:
            raise DatasetError(f"{task.data.files.name}: {row.image} of row {row.id!r}: {error}") from None
        if task.noise is None or "image" not in task.noise.changes:
            return picture
        return task.noise.image(np.asarray(picture, np.uint8), row.id)

    def _sketches(self, task: Task, tell: Progress) -> Vectors:
        """[Q, Ds]; a query with several drawings gets their mean, made unit again."""
        shown = [(question.row, position) for question in task.questions for position in question.positions]
        content = [[row.id, position, task.data.sketch_hash(row, position)] for row, position in shown]
        key = self._key("sketches", _noise_of(task, "sketch"), content)
        vectors = self.store.get(key, lambda: self._encode_sketches(task, shown, tell))
        owner = [number for number, question in enumerate(task.questions) for _ in question.positions]
        sums = np.zeros((len(task.questions), vectors.shape[1]), np.float64)
        np.add.at(sums, owner, vectors)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.where(lengths > 0, lengths, 1.0), np.float32)

    def _encode_sketches(self, task: Task, shown: Sequence[tuple[Row, int]], tell: Progress) -> Vectors:
        parts = []
        for rows in _batches(len(shown)):
            parts.append(_encoded([self._drawing(task, *each) for each in shown[rows]], self.encoder.encode_sketches))
            tell("drawings", rows.stop, len(shown))
        return _stacked(parts)

    def _drawing(self, task: Task, row: Row, position: int) -> Sketch | None:
        sketch = task.drawings_of(row)[position]
        if task.noise is None or "sketch" not in task.noise.changes:
            return sketch
        return task.noise.sketch(sketch, f"{row.id}#{position}")

    def _texts(self, task: Task, tell: Progress) -> Vectors:
        words = worded(task)
        key = self._key("texts", _noise_of(task, "text"), words)
        return self.store.get(key, lambda: self._encode_texts(words, tell))

    def _encode_texts(self, words: Sequence[str | None], tell: Progress) -> Vectors:
        distinct = list(dict.fromkeys(words))
        parts = []
        for rows in _batches(len(distinct)):
            parts.append(_encoded(distinct[rows], self.encoder.encode_texts))
            tell("texts", rows.stop, len(distinct))
        row_of = {text: row for row, text in enumerate(distinct)}
        return np.asarray(_stacked(parts)[[row_of[text] for text in words]])

    def _key(self, what: str, noise: Sequence[object] | None, content: Sequence[object]) -> str:
        return hashlib.sha256(json.dumps([what, self.version, noise, content]).encode()).hexdigest()


def worded(task: Task) -> list[str | None]:
    """[Q], the words of every query as they are asked, with the task's noise; None where it left none."""
    clean = [str(question.text) for question in task.questions]
    noise = task.noise
    if noise is None or "text" not in noise.changes:
        return list(clean)
    pool = list(dict.fromkeys(clean))
    return [noise.text(text, question.id, pool) for text, question in zip(clean, task.questions, strict=True)]


def _noise_of(task: Task, modality: str) -> list[object] | None:
    """What of the task's noise changes the vectors of a modality."""
    noise = task.noise
    if noise is None or modality not in noise.changes:
        return None
    return [noise.name, noise.severity, noise.seed, code_version(NOISE_PARTS)]


def _encoded(items: Sequence[Any], encode: Callable[[Sequence[Any]], Vectors]) -> tuple[Vectors, list[bool]]:
    """Vectors of the items that are there, and which are; of no width where none is."""
    there = [item is not None for item in items]
    given = [item for item in items if item is not None]
    return encode(given) if given else np.zeros((0, 0), np.float32), there


def _stacked(parts: Sequence[tuple[Vectors, list[bool]]]) -> Vectors:
    """All rows in order, zero where an item is missing."""
    width = max(vectors.shape[1] for vectors, _ in parts)
    rows = np.zeros((sum(len(there) for _, there in parts), width), np.float32)
    present = np.concatenate([there for _, there in parts])
    found = [vectors for vectors, there in parts if any(there)]
    if found:
        rows[present] = np.concatenate(found)
    return rows


def _batches(total: int) -> Iterator[slice]:
    for start in range(0, total, BATCH_SIZE):
        yield slice(start, min(start + BATCH_SIZE, total))


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total
