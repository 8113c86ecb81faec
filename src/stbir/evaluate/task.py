"""A task: queries and the pictures they are asked of, whatever the protocol that made it. Imports no model.

A task can be asked with noise: `task.with_noise(...)` is the same task with every drawing, text or picture made worse.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stbir.datasets import Dataset, Row
from stbir.evaluate.noise import Noise
from stbir.evaluate.quality import qualities, thirds
from stbir.evaluate.record import Quality
from stbir.strokes import Sketch

# What a noise does not change, so that noisy copies of a task need not find it out again.
_KEPT = ("picture_hashes", "data_hash", "drawing_quality", "pool_numbers")


@dataclass(frozen=True)
class Question:
    """One query of a task.

    Attributes:
        row: The row it comes from.
        target: Index of its one right picture in the task's gallery.
        positions: Which of the row's drawings it shows; several are averaged. Empty without drawings.
        text: Its words, or None.
    """

    row: Row
    target: int
    positions: tuple[int, ...]
    text: str | None

    @property
    def id(self) -> str:
        """What run files call it: the row's id, and which of its drawings, counted from 1, if it shows just one."""
        return f"{self.row.id}#{self.positions[0] + 1}" if len(self.positions) == 1 else self.row.id


@dataclass(frozen=True, eq=False)
class Task:
    """Queries and the pictures they are asked of.

    Attributes:
        protocol: Which protocol made it.
        data: The data set that loads its files.
        gallery: Rows of the pictures that are searched, targets first.
        questions: The queries.
        by_category: Whether a query searches the pictures of its target's category only.
        splits: Splits that are asked.
        distractors: Splits that are only searched.
        left_out: Why rows of the split gave no query, with how many.
        noise: What is done to drawings, words or pictures before they are encoded; None for nothing.
    """

    protocol: str
    data: Dataset
    gallery: tuple[Row, ...]
    questions: tuple[Question, ...]
    by_category: bool
    splits: tuple[str, ...]
    distractors: tuple[str, ...]
    left_out: dict[str, int]
    noise: Noise | None = None
    _drawings: dict[str, list[Sketch]] = field(default_factory=dict, repr=False)

    def with_noise(self, noise: Noise | None) -> Task:
        """The same task with a noise, or without one; a noise of severity 0 is none."""
        made = replace(self, noise=noise if noise is not None and noise.severity > 0 else None)
        made.__dict__.update({name: self.__dict__[name] for name in _KEPT if name in self.__dict__})
        return made

    @property
    def targets(self) -> NDArray[np.int64]:
        """[Q], index into the gallery of each query's right picture."""
        return np.array([question.target for question in self.questions], np.int64)

    @property
    def photos(self) -> list[str]:
        """[Q], the row that each query asks for: what intervals are resampled by."""
        return [question.row.id for question in self.questions]

    @cached_property
    def picture_hashes(self) -> tuple[str, ...]:
        """SHA-256 of every picture of the gallery, 64 hex digits; reads all files."""
        return tuple(hashlib.sha256(self.data.picture_bytes(row)).hexdigest() for row in self.gallery)

    def drawings_of(self, row: Row) -> list[Sketch]:
        """All drawings of a row, without the noise; each is read and traced once for a task and its noisy copies."""
        if row.id not in self._drawings:
            self._drawings[row.id] = list(self.data.sketches(row))
        return self._drawings[row.id]

    @property
    def num_duplicates(self) -> int:
        """Pictures whose file occurs in the gallery already; they tie with it."""
        return len(self.picture_hashes) - len(set(self.picture_hashes))

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 over what decides ranks, without the noise: contents, and their rows, categories and splits."""
        rows = zip(self.gallery, self.picture_hashes, strict=True)
        has_sketches, has_texts = self.has_sketches, self.has_texts
        content = {
            "pictures": [[row.id, row.category, row.split, digest] for row, digest in rows],
            "drawings": [
                self.data.sketch_hash(question.row, position)
                for question in self.questions
                if has_sketches
                for position in question.positions
            ],
            "questions": [
                [question.row.id, question.positions, question.text if has_texts else None]
                for question in self.questions
            ],
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @cached_property
    def drawing_quality(self) -> tuple[tuple[Quality | None, ...], tuple[Quality | None, ...]]:
        """[Q] thirds by detail and [Q] thirds by agreement of every query's drawing, before any noise.

        None for queries with no drawing or several, and (agreement) where the photo has one drawing only.
        """
        rows = {question.row.id: question.row for question in self.questions if len(question.positions) == 1}
        of_row = {name: qualities(self.drawings_of(row)) for name, row in rows.items()}
        found = [
            of_row[question.row.id][question.positions[0]] if len(question.positions) == 1 else (None, None)
            for question in self.questions
        ]
        return tuple(thirds([each[0] for each in found])), tuple(thirds([each[1] for each in found]))

    @property
    def has_sketches(self) -> bool:
        """Whether every query has a drawing."""
        return all(question.positions for question in self.questions)

    @property
    def has_texts(self) -> bool:
        """Whether every query has words."""
        return all(question.text for question in self.questions)

    def pools(self) -> list[str]:
        """For each picture of the gallery the name of the pool it is searched in."""
        return [row.category or "" if self.by_category else "" for row in self.gallery]

    @cached_property
    def pool_numbers(self) -> NDArray[np.int64]:
        """[N], `pools` as numbers from 0."""
        names = self.pools()
        number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return np.array([number_of[name] for name in names], np.int64)

    @property
    def pool_sizes(self) -> NDArray[np.int64]:
        """[Q], how many pictures each query is searched in."""
        return np.bincount(self.pool_numbers)[self.pool_numbers[self.targets]]

    def text_ceiling(self) -> float | None:
        """Best Acc@1 that words alone can reach: photos with the same words in one pool cannot all come first."""
        if not self.has_texts:
            return None
        pools = self.pools()
        asked: dict[tuple[str, str], Counter[int]] = {}
        for question in self.questions:
            key = (pools[question.target], str(question.text))
            asked.setdefault(key, Counter())[question.target] += 1
        return sum(max(targets.values()) for targets in asked.values()) / len(self.questions)
