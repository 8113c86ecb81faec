"""A task as vectors: every picture, drawing and text of it through the model, each file read once.

Out: gallery vectors, query vectors, and a hash over everything that was read, so that a figure names its data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stbir.errors import DatasetError, ImageError
from stbir.evaluate.protocols import Task

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
        sketches: [Q, Ds], unit rows, or None where the task has no drawings.
        texts: [Q, Dt], unit rows, or None where it has no words.
        num_duplicates: Pictures whose file occurs in the gallery already; they tie with it.
        data_hash: SHA-256 over all pictures (with id, category and split), drawings and texts, in the task's order; 64
            hex digits.
    """

    gallery: Vectors
    sketches: Vectors | None
    texts: Vectors | None
    num_duplicates: int
    data_hash: str


def embed(task: Task, encoder: Encodes, progress: Progress | None = None) -> Embedded:
    """Encode a task.

    Args:
        task: The task.
        encoder: The model.
        progress: Told (what, how many done, of how many) after each batch.

    Returns:
        Its vectors.

    Raises:
        DatasetError: A picture or drawing cannot be read; names it.
    """
    tell = progress or _silent
    pictures: list[str] = []
    drawings: list[str] = []
    gallery = _embed_gallery(task, encoder, tell, pictures)
    num_duplicates = len(pictures) - len(set(pictures))
    sketches = _embed_sketches(task, encoder, tell, drawings) if task.has_sketches else None
    texts = None
    if task.has_texts:
        words = [str(question.text) for question in task.questions]
        distinct = list(dict.fromkeys(words))
        row_of = {text: row for row, text in enumerate(distinct)}
        parts = []
        for rows in _batches(len(distinct)):
            parts.append(encoder.encode_texts(distinct[rows]))
            tell("texts", rows.stop, len(distinct))
        texts = np.concatenate(parts)[[row_of[text] for text in words]]
    return Embedded(gallery, sketches, texts, num_duplicates, _data_hash(task, pictures, drawings))


def _data_hash(task: Task, pictures: Sequence[str], drawings: Sequence[str]) -> str:
    """SHA-256 over what decides ranks: contents, and which row, category and split they belong to."""
    rows = zip(task.gallery, pictures, strict=True)
    content = {
        "pictures": [[row.id, row.category, row.split, digest] for row, digest in rows],
        "drawings": list(drawings),
        "questions": [
            [question.row.id, question.positions, question.text if task.has_texts else None]
            for question in task.questions
        ],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _embed_gallery(task: Task, encoder: Encodes, tell: Progress, hashes: list[str]) -> Vectors:
    parts = []
    for rows in _batches(len(task.gallery)):
        pictures = []
        for row in task.gallery[rows]:
            content = task.data.picture_bytes(row)
            hashes.append(hashlib.sha256(content).hexdigest())
            try:
                pictures.append(encoder.load_image(content))
            except ImageError as error:
                raise DatasetError(f"{task.data.files.name}: {row.image} of row {row.id!r}: {error}") from None
        parts.append(encoder.encode_images(pictures))
        tell("pictures", rows.stop, len(task.gallery))
    return np.concatenate(parts)


def _embed_sketches(task: Task, encoder: Encodes, tell: Progress, hashes: list[str]) -> Vectors:
    """[Q, Ds]; a query with several drawings gets their mean, made unit again."""
    shown = [(question.row, position) for question in task.questions for position in question.positions]
    owner = [number for number, question in enumerate(task.questions) for _ in question.positions]
    parts = []
    for rows in _batches(len(shown)):
        parts.append(encoder.encode_sketches([task.data.sketch(*each) for each in shown[rows]]))
        hashes.extend(task.data.sketch_hash(*each) for each in shown[rows])
        tell("drawings", rows.stop, len(shown))
    vectors = np.concatenate(parts)
    sums = np.zeros((len(task.questions), vectors.shape[1]), np.float64)
    np.add.at(sums, owner, vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.where(lengths > 0, lengths, 1.0), np.float32)


def _batches(total: int) -> Iterator[slice]:
    for start in range(0, total, BATCH_SIZE):
        yield slice(start, min(start + BATCH_SIZE, total))


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total
