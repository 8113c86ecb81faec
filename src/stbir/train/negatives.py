"""Batches with hard negatives: which photos stand together, and which of them must not be set against each other.

A batch is made of small groups. A group is a photo drawn by chance and its nearest neighbours of the same class by the
present embeddings, so that what is told apart in it are details. What cannot be told apart is masked: the same words,
the same shape (twins), the same photo under two names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stbir.errors import ConfigError
from stbir.train.align_recipe import NegativeSettings
from stbir.train.corpus import Photo

NUM_NEIGHBOURS = 24
_BLOCK = 512

Rows = NDArray[np.int64]


class GroupSampler:
    """Draws the photos of every step.

    Args:
        rows: [R] photos of the corpus that may be learned from.
        chance: [R] how often each is drawn, relative to the others.
        classes: [N] class of every photo of the corpus inside which negatives are searched; -1 = none.
        settings: Group size and where negatives come from.
        batch_size: Photos a step.
        seed: Of every choice.
    """

    def __init__(
        self,
        rows: Rows,
        chance: NDArray[np.float64],
        classes: Rows,
        settings: NegativeSettings,
        batch_size: int,
        seed: int,
    ) -> None:
        if len(rows) < batch_size:
            raise ConfigError(
                f"{len(rows)} photos have a drawing and words, fewer than a batch of {batch_size}: "
                "add data sets or lower batch_size"
            )
        self.rows, self.chance, self.classes = rows, chance / chance.sum(), classes
        self.settings, self.batch_size, self.seed = settings, batch_size, seed
        self.neighbours = np.full((len(classes), NUM_NEIGHBOURS), -1, np.int32)

    def refresh(self, embeddings: NDArray[np.float32]) -> None:
        """Search the nearest of each photo inside its class.

        Args:
            embeddings: [N, D] unit rows, of all photos of the corpus.
        """
        self.neighbours.fill(-1)
        classes = np.zeros(len(self.classes), np.int64) if self.settings.within == "any" else self.classes
        for number in np.unique(classes[self.rows]):
            members = self.rows[classes[self.rows] == number]
            if number < 0 or len(members) < 2:
                continue
            own = embeddings[members]
            for start in range(0, len(members), _BLOCK):
                cosine = own[start : start + _BLOCK] @ own.T
                cosine[cosine >= self.settings.near_duplicate] = -np.inf
                kept = min(NUM_NEIGHBOURS, len(members) - 1)
                best = np.argpartition(-cosine, kept - 1, axis=1)[:, :kept]
                order = np.take_along_axis(cosine, best, 1).argsort(1)[:, ::-1]
                best = np.take_along_axis(best, order, 1)
                found = members[best].astype(np.int32)
                found[~np.isfinite(np.take_along_axis(cosine, best, 1))] = -1
                self.neighbours[members[start : start + _BLOCK], :kept] = found

    def batch(self, rng: np.random.Generator) -> Rows:
        """Photos [B'] of a step, B' <= batch size: a photo that comes twice is taken once."""
        size = self.settings.group_size
        seeds = rng.choice(self.rows, max(1, self.batch_size // size), p=self.chance, replace=False)
        if size == 1:
            return np.asarray(seeds, np.int64)
        order = rng.permuted(np.tile(np.arange(min(NUM_NEIGHBOURS, 2 * size)), (len(seeds), 1)), axis=1)[:, : size - 1]
        near = np.take_along_axis(self.neighbours[seeds], order, 1).ravel()
        filled = np.concatenate([seeds, near[near >= 0]])
        missing = self.batch_size - len(filled)
        if missing > 0:
            filled = np.concatenate([filled, rng.choice(self.rows, missing, p=self.chance)])
        return np.unique(filled).astype(np.int64)

    def own_negatives(self, rows: Rows, count: int, rng: np.random.Generator) -> tuple[Rows, NDArray[np.bool_]]:
        """Hard negatives of every photo: their rows [B, K], and which of them are there; others point to row 0."""
        order = rng.permuted(np.tile(np.arange(NUM_NEIGHBOURS), (len(rows), 1)), axis=1)[:, :count]
        chosen = np.take_along_axis(self.neighbours[rows], order, 1).astype(np.int64)
        return np.maximum(chosen, 0), chosen >= 0


class Sameness:
    """Which photos, drawings and words must not be set against each other.

    Args:
        photos: The corpus' photos.
        near_duplicate: Cosine from which two photos count as the same.
    """

    def __init__(self, photos: Sequence[Photo], near_duplicate: float) -> None:
        self.shape = _numbered([photo.shape_group for photo in photos])
        self.dress = _numbered([photo.dress_group for photo in photos])
        self.near_duplicate = near_duplicate

    def photos(self, rows: Rows, others: Rows, embedded: Tensor, other_embedded: Tensor) -> Tensor:
        """[B, C] bool: the same photo, or so near that nobody could tell."""
        same = torch.from_numpy(rows[:, None] == others[None]).to(embedded.device)
        return same | (embedded.detach() @ other_embedded.detach().T >= self.near_duplicate)

    def shapes(self, rows: Rows, others: Rows) -> NDArray[np.bool_]:
        """[B, C]: twins in shape; a drawing cannot tell them apart."""
        same: NDArray[np.bool_] = self.shape[rows][:, None] == self.shape[others][None]
        return same

    def words(self, rows: Rows, others: Rows, text_ids: Rows, other_text_ids: Rows) -> NDArray[np.bool_]:
        """[B, C]: the same words, or twins in colour, material and pattern."""
        said = text_ids[:, None] == other_text_ids[None]
        same: NDArray[np.bool_] = said | (self.dress[rows][:, None] == self.dress[others][None])
        return same


def _numbered(names: Sequence[str | None]) -> Rows:
    """A number for each name, a number of its own for each None."""
    known: dict[str, int] = {}
    return np.asarray(
        [-1 - row if name is None else known.setdefault(name, len(known)) for row, name in enumerate(names)]
    )
