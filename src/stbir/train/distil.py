"""What the base makes of photos and drawings in the sketch space, for a lesson that keeps it (distillation).

Real drawings of photos are few, so the base's sketch space, which doodles and pseudo-drawings of many photos shaped, is
worth more than they can teach anew. Rendered photos are left out: there the stages know better than the base.

Source: Li and Hoiem, "Learning without Forgetting", TPAMI 2018: the earlier model's answers on the new data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.train.bank import FeatureBank
from stbir.train.negatives import Rows

_BLOCK = 64

Encode = Callable[[Rows], NDArray[np.float32]]


@dataclass(frozen=True)
class Teacher:
    """The base's rows in the sketch space; zeros where it is not asked.

    Attributes:
        photos: [N, D], counted as the corpus does.
        drawings: [M, D], counted as the bank does, without noise.
    """

    photos: NDArray[np.float16]
    drawings: NDArray[np.float16]

    def loss(self, photos: Rows, for_sketch: Tensor, drawings: Rows, sketch: Tensor) -> Tensor:
        """How far photos and drawings are from where the base has them.

        Args:
            photos: [B] photos of the corpus.
            for_sketch: [B, D] their present unit rows in the sketch space.
            drawings: [B'] drawings of the bank.
            sketch: [B', D] their present unit rows.

        Returns:
            Mean of 1 - cosine over what the base was asked for; 0 where that is nothing.
        """
        targets = torch.from_numpy(np.concatenate([self.photos[photos], self.drawings[drawings]])).float()
        known = targets.square().sum(1) > 0
        if not known.any():
            return for_sketch.sum() * 0.0
        cosine = (F.normalize(targets[known], dim=-1) * torch.cat([for_sketch, sketch])[known]).sum(1)
        return (1.0 - cosine).mean()


def build_teacher(bank: FeatureBank, base: Bundle) -> Teacher:
    """Ask the base, or open what it said before.

    Args:
        bank: The photos and drawings; its folder keeps the answers.
        base: The bundle that the bank was made with.

    Returns:
        Its rows.
    """
    files = [bank.folder / f"base-{part}.npy" for part in ("image", "sketch")]
    if not all(file.exists() for file in files):
        encoder = Encoder(base)
        asked = np.asarray([photo.shape_group is None for photo in bank.corpus.photos])
        pixels = np.load(bank.corpus.folder / "photos.npy", mmap_mode="r")
        _ask(files[0], asked, lambda rows: encoder.encode_images_in_spaces(list(np.array(pixels[rows])))[0])
        shown = bank.sketches.photo[bank.rows]
        drawn = asked[shown] | (shown < 0)
        _ask(
            files[1],
            drawn,
            lambda rows: encoder.encode_sketches([bank.sketches.sketch(int(row)) for row in bank.rows[rows]]),
        )
    return Teacher(*(np.load(file) for file in files))


def _ask(path: Path, asked: NDArray[np.bool_], encode: Encode) -> None:
    """Write the rows of everything that is asked for, zeros elsewhere."""
    chosen = np.flatnonzero(asked)
    found: NDArray[np.float16] | None = None
    for start in tqdm(range(0, len(chosen), _BLOCK), desc=path.stem, unit="batch"):
        rows = chosen[start : start + _BLOCK]
        vectors = encode(rows)
        if found is None:
            found = np.zeros((len(asked), vectors.shape[1]), np.float16)
        found[rows] = vectors
    partial = path.with_name(f"partial-{path.name}")
    with partial.open("wb") as file:
        np.save(file, np.zeros((len(asked), 1), np.float16) if found is None else found)
    partial.replace(path)
