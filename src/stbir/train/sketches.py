"""All drawings of a training corpus, packed: strokes, what they show, where they come from.

Kinds: `real` drawings of a photo; `pseudo` drawings traced from a photo's edges; `synth` drawings of rendered objects
and icons; `doodle` drawings of a category only; `pair` drawings that go with another drawing (or edge map) of the same
thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stbir.strokes import Sketch
from stbir.train.corpus import Corpus

KINDS = ("real", "pseudo", "synth", "doodle", "pair")


@dataclass(frozen=True)
class Drawing:
    """One drawing on its way into a `SketchSet`.

    Attributes:
        sketch: The strokes.
        kind: One of `KINDS`.
        photo: Row of its photo in the corpus, -1 for none.
        category: What it shows, lower case, or None.
        group: Drawings with the same group show the same thing.
        split: `train`, `val` or `test`.
    """

    sketch: Sketch
    kind: str
    photo: int
    category: str | None
    group: str
    split: str


class SketchSet:
    """The packed drawings, opened from the corpus' folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        packed = np.load(folder / "sketches.npz", allow_pickle=False)
        self._points = packed["points"]
        self._stroke_ends = packed["stroke_ends"]
        self._sketch_ends = packed["sketch_ends"]
        self.kinds: NDArray[np.int64] = packed["kind"]
        self.photo: NDArray[np.int64] = packed["photo"]
        self.category: NDArray[np.int64] = packed["category"]
        self.group: NDArray[np.int64] = packed["group"]
        self.splits: NDArray[np.str_] = packed["split"]
        self.photo_category: NDArray[np.int64] = packed["photo_category"]
        self.category_texts: NDArray[np.int64] = packed["category_texts"]
        self.has_teacher: NDArray[np.bool_] = np.isin(self.kinds, [KINDS.index(k) for k in ("real", "doodle")])
        self._groups: dict[int, NDArray[np.int64]] = {}
        pairs = np.flatnonzero(self.kinds == KINDS.index("pair"))
        for group in np.unique(self.group[pairs]):
            self._groups[int(group)] = pairs[self.group[pairs] == group]

    def __len__(self) -> int:
        return len(self._sketch_ends)

    @cached_property
    def teacher_logits(self) -> NDArray[np.float16]:
        """[N, 345], what the teacher says of every drawing."""
        logits: NDArray[np.float16] = np.load(self._folder / "teacher_logits.npy", mmap_mode="r")
        return logits

    def sketch(self, row: int) -> Sketch:
        """The strokes of one drawing."""
        first = int(self._sketch_ends[row - 1]) if row else 0
        ends = self._stroke_ends[first : int(self._sketch_ends[row])]
        start = int(self._stroke_ends[first - 1]) if first else 0
        starts = np.concatenate([[start], ends[:-1]])
        return Sketch(tuple(self._points[a:b] for a, b in zip(starts, ends, strict=True)))

    def kind(self, row: int) -> str:
        """The kind of one drawing."""
        return KINDS[int(self.kinds[row])]

    def training_rows(self, kind: str) -> NDArray[np.int64]:
        """Rows of one kind that may be learned from; pairs only where a partner exists."""
        rows = np.flatnonzero((self.kinds == KINDS.index(kind)) & (self.splits == "train"))
        if kind == "pair":
            rows = np.asarray([row for row in rows if len(self._groups[int(self.group[row])]) > 1], np.int64)
        return rows

    def partner(self, row: int, rng: np.random.Generator) -> int:
        """Another drawing of the same thing."""
        others = self._groups[int(self.group[row])]
        return int(rng.choice(others[others != row]))

    def validation_tasks(
        self, corpus: Corpus
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Retrieval tasks of the validation split.

        Returns:
            By name: query rows, the position of each one's target in the gallery, the gallery's rows. The gallery of
            `photo_…` tasks holds corpus photos, that of `edge_…` tasks drawings.
        """
        tasks = {}
        galleries = corpus.validation_galleries()
        real = np.flatnonzero((self.kinds == KINDS.index("real")) & (self.splits == "val"))
        for name, (_, gallery) in galleries.items():
            place = {int(row): position for position, row in enumerate(gallery)}
            queries = np.asarray([row for row in real if int(self.photo[row]) in place], np.int64)
            if len(queries):
                targets = np.asarray([place[int(self.photo[row])] for row in queries])
                tasks[f"photo_{name}"] = (queries, targets, gallery)
        held_out = np.flatnonzero((self.kinds == KINDS.index("pair")) & (self.splits == "val"))
        firsts = [int(rows[0]) for rows in self._groups.values() if len(rows) > 1 and rows[0] in held_out]
        seconds = [int(self._groups[int(self.group[row])][1]) for row in firsts]
        if firsts:
            tasks["edge"] = (np.asarray(firsts), np.arange(len(firsts)), np.asarray(seconds))
        return tasks


def pack(drawings: list[Drawing], corpus: Corpus, category_texts: dict[str, int], path: Path) -> None:
    """Write drawings as `sketches.npz`.

    Args:
        drawings: The drawings.
        corpus: Whose photos they may show.
        category_texts: For every category name, its index in the corpus' texts.
        path: The file.
    """
    names = list(category_texts)
    place = {name: index for index, name in enumerate(names)}
    groups: dict[str, int] = {}
    strokes = [np.asarray(stroke[:, :2], np.float32) for drawing in drawings for stroke in drawing.sketch.strokes]
    np.savez(
        path,
        points=np.concatenate(strokes),
        stroke_ends=np.cumsum([len(stroke) for stroke in strokes]),
        sketch_ends=np.cumsum([len(drawing.sketch.strokes) for drawing in drawings]),
        kind=np.asarray([KINDS.index(drawing.kind) for drawing in drawings]),
        photo=np.asarray([drawing.photo for drawing in drawings]),
        category=np.asarray([place.get(drawing.category or "", -1) for drawing in drawings]),
        group=np.asarray([groups.setdefault(drawing.group, len(groups)) for drawing in drawings]),
        split=np.asarray([drawing.split for drawing in drawings]),
        photo_category=np.asarray([place.get(photo.category or "", -1) for photo in corpus.photos]),
        category_texts=np.asarray(list(category_texts.values())),
    )
