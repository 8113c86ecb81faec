"""The training corpus: photos, words and drawings of many data sets, prepared once and kept on disk.

Frozen stems are run once for every photo (in a few views) and every text; stages read them as memory maps. What is on
disk is described by `corpus.json`; everything else is plain `.npy`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stbir.errors import ConfigError

TRAINING_SPLITS = frozenset({"train", "extra", None})


@dataclass(frozen=True)
class Photo:
    """One photo of the corpus.

    Attributes:
        set: Name of its data set.
        id: Its id there.
        category: What it shows, lower case, or None.
        split: Its split there; None trains.
        text_ids: Its texts, as indices into the corpus' texts.
        captioned: Whether they were written for this photo; else they only name its category.
        virtual_class: A finer class than the category, or None.
        shape_group: Photos with the same group show the same shape (twins in shape), or None.
        dress_group: Photos with the same group have the same colour, material and pattern, or None.
    """

    set: str
    id: str
    category: str | None
    split: str | None
    text_ids: tuple[int, ...]
    captioned: bool = True
    virtual_class: str | None = None
    shape_group: str | None = None
    dress_group: str | None = None

    @property
    def trains(self) -> bool:
        """Whether it may be learned from."""
        return self.split in TRAINING_SPLITS


@dataclass(frozen=True)
class View:
    """One view of every photo: as it is, or mirrored, cropped and relit.

    Attributes:
        stem: [N, 96, S/16, S/16] float16, the frozen stem's output.
        small: [N, S/8, S/8, 3] uint8, the shrunken pixels.
        mirrored: Whether left and right are exchanged.
    """

    stem: NDArray[np.float16]
    small: NDArray[np.uint8]
    mirrored: bool


class Corpus:
    """A prepared corpus, opened from its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        description = folder / "corpus.json"
        if not description.is_file():
            raise ConfigError(f"{folder}: no prepared corpus here; run the training command again to prepare it")
        fields = json.loads(description.read_text())
        self.texts: list[str] = fields["texts"]
        self.photos = [Photo(**{**row, "text_ids": tuple(row["text_ids"])}) for row in fields["photos"]]
        self._num_views: int = fields["num_views"]

    @cached_property
    def views(self) -> list[View]:
        """Frozen stems of the photos, where the recipe asked for them."""
        return [
            View(
                np.load(self.folder / f"stem{index}.npy", mmap_mode="r"),
                np.load(self.folder / f"small{index}.npy", mmap_mode="r"),
                mirrored=index % 2 == 1,
            )
            for index in range(self._num_views)
        ]

    @cached_property
    def text_pooled(self) -> NDArray[np.float32]:
        """[T, 384], the frozen text backbone's vectors."""
        vectors: NDArray[np.float32] = np.load(self.folder / "text_pooled.npy")
        return vectors

    @cached_property
    def _hidden(self) -> NDArray[np.float16]:
        hidden: NDArray[np.float16] = np.load(self.folder / "text_hidden.npy", mmap_mode="r")
        return hidden

    @cached_property
    def _offsets(self) -> NDArray[np.int64]:
        offsets: NDArray[np.int64] = np.load(self.folder / "text_offsets.npy")
        return offsets

    def stems(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Cached stems [B, 96, S/16, S/16] of photos in the given views, float32."""
        picked = np.stack([self.views[view].stem[row] for row, view in zip(rows, views, strict=True)])
        return torch.from_numpy(picked).float()

    def small_pictures(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Shrunken pictures [B, 3, S/8, S/8] in [-1, 1] of photos in the given views."""
        picked = np.stack([self.views[view].small[row] for row, view in zip(rows, views, strict=True)])
        return torch.from_numpy(picked).permute(0, 3, 1, 2).float() / 127.5 - 1.0

    def text_states(self, text_ids: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Cached hidden states [B, L, 384] of texts, padded, and their mask [B, L]."""
        lengths = self._offsets[text_ids + 1] - self._offsets[text_ids]
        hidden = np.zeros((len(text_ids), int(lengths.max()), self._hidden.shape[1]), np.float32)
        mask = np.zeros(hidden.shape[:2], np.int64)
        for index, (text, length) in enumerate(zip(text_ids, lengths, strict=True)):
            start = self._offsets[text]
            hidden[index, :length] = self._hidden[start : start + length]
            mask[index, :length] = 1
        return torch.from_numpy(hidden), torch.from_numpy(mask)

    def validation_galleries(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """For every set with captioned validation photos: those photos, and the gallery they are searched in.

        The gallery is the set's photos of the splits `val` and `gallery`; test photos stay unseen.
        """
        galleries: dict[str, tuple[list[int], list[int]]] = {}
        for row, photo in enumerate(self.photos):
            if photo.split in ("val", "gallery"):
                targets, gallery = galleries.setdefault(photo.set, ([], []))
                gallery.append(row)
                if photo.split == "val" and photo.text_ids and photo.captioned:
                    targets.append(row)
        return {
            name: (np.asarray(targets), np.asarray(gallery))
            for name, (targets, gallery) in galleries.items()
            if targets
        }


class PictureMaps:
    """What the trained picture blocks give for every photo, cached for the stage `drawings`.

    Attributes:
        views: Per view, the last block's maps [N, 320, g, g] and the pooled features [N, 1280], float16.
    """

    def __init__(self, folder: Path, num_views: int) -> None:
        self.views = [
            (
                np.load(folder / f"last{index}.npy", mmap_mode="r"),
                np.load(folder / f"pooled{index}.npy", mmap_mode="r"),
            )
            for index in range(num_views)
        ]

    def read(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The maps [B, 320, g, g] and features [B, 1280] of photos in the given views, float32."""
        pairs = list(zip(rows, views, strict=True))
        last = np.stack([self.views[view][0][row] for row, view in pairs])
        pooled = np.stack([self.views[view][1][row] for row, view in pairs])
        return torch.from_numpy(last).float(), torch.from_numpy(pooled).float()
