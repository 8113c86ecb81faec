"""What an alignment run may learn from: photos with at least one drawing and one text, and what validates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stbir.train.bank import FeatureBank
from stbir.train.negatives import Rows
from stbir.train.sketches import KINDS

NUM_HASH = 2**32
_NONE = np.full(1, -1)


class Triplets:
    """Photos with their drawings and texts; a photo without a drawing teaches words alone.

    Args:
        bank: The features.
        rows: [R] photos of the corpus.
        set_weights: How often photos of a data set are drawn, relative to their number.
        undrawn: How often photos without a drawing are drawn, relative to the others; 0 = never.
    """

    def __init__(
        self, bank: FeatureBank, rows: Rows, set_weights: Mapping[str, float], *, undrawn: float = 0.0
    ) -> None:
        photos = bank.corpus.photos
        self.drawings = drawings_by_photo(bank)
        weights = np.asarray(
            [set_weights.get(photos[row].set, 1.0) * (1.0 if int(row) in self.drawings else undrawn) for row in rows]
        )
        self.rows = rows[weights > 0]
        self.weights = weights[weights > 0]
        names: dict[str | None, int] = {None: -1}
        for photo in photos:
            names.setdefault(photo.category, len(names) - 1)
        self.categories = np.asarray([names[photo.category] for photo in photos])
        self.texts = [photo.text_ids for photo in photos]

    def chance(self, *, balanced: bool) -> NDArray[np.float64]:
        """[R] how often each photo is drawn; balanced: every category alike."""
        chance = self.weights.astype(np.float64)
        if balanced:
            found, place = np.unique(self.categories[self.rows], return_inverse=True)
            chance /= np.bincount(place, chance, len(found))[place]
        share: NDArray[np.float64] = chance / chance.sum()
        return share

    def choose(self, photos: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """A drawing (as the bank counts them; -1 = none) and a text (as the corpus counts them) for each photo."""
        chance = rng.random((2, len(photos)))
        drawings = []
        for photo, share in zip(photos, chance[0], strict=True):
            own = self.drawings.get(int(photo), _NONE)
            drawings.append(own[int(share * len(own))])
        texts = [self.texts[photo][int(c * len(self.texts[photo]))] for photo, c in zip(photos, chance[1], strict=True)]
        return np.asarray(drawings), np.asarray(texts)


class Doodles:
    """Drawings of a category that show no photo.

    Args:
        bank: The features.
    """

    def __init__(self, bank: FeatureBank) -> None:
        self.photo_category = bank.sketches.photo_category
        self.category = bank.sketches.category[bank.rows]
        places = np.flatnonzero(bank.sketches.photo[bank.rows] < 0)
        self._by_category = {
            int(kind): places[self.category[places] == kind] for kind in np.unique(self.category[places])
        }

    def choose(self, photos: Rows, count: int, rng: np.random.Generator) -> Rows:
        """Doodles of what a batch shows.

        Args:
            photos: [B] photos of the corpus.
            count: How many.
            rng: Source of the choice.

        Returns:
            [count] drawings, counted as the bank counts them, or none where nothing in the batch was doodled.
        """
        kinds = [int(kind) for kind in self.photo_category[photos] if int(kind) in self._by_category]
        if not kinds:
            return np.zeros(0, np.int64)
        chosen = rng.integers(0, len(kinds), count)
        share = rng.random(count)
        own = [self._by_category[kinds[place]] for place in chosen]
        return np.asarray([places[int(part * len(places))] for places, part in zip(own, share, strict=True)])

    def shows(self, doodles: Rows, photos: Rows) -> NDArray[np.bool_]:
        """[K, B] whether a photo is of a doodle's category."""
        found: NDArray[np.bool_] = self.category[doodles][:, None] == self.photo_category[photos][None]
        return found


def drawings_by_photo(bank: FeatureBank) -> dict[int, Rows]:
    """For every photo that was drawn its drawings, counted as the bank counts them.

    A photo that people drew is learned by their drawings alone; edges of it would be easier than what a user draws.
    """
    shown = bank.sketches.photo[bank.rows]
    kinds = bank.sketches.kinds[bank.rows]
    pseudo = KINDS.index("pseudo")
    found: dict[int, Rows] = {}
    for place in np.argsort(shown, kind="stable"):
        photo = int(shown[place])
        if photo < 0:
            continue
        found[photo] = np.append(found.get(photo, np.zeros(0, np.int64)), place)
    return {photo: own[kinds[own] != pseudo] if (kinds[own] != pseudo).any() else own for photo, own in found.items()}


def learned_rows(bank: FeatureBank, gate_share: float) -> tuple[Rows, Rows]:
    """Split the photos that have words and may be learned from; without a drawing they need words of their own.

    Args:
        bank: The features.
        gate_share: Share that the heads do not see; twins stay together.

    Returns:
        Photos for the heads, photos for the gate.
    """
    drawn = drawings_by_photo(bank)
    photos = bank.corpus.photos
    rows = [
        row for row, photo in enumerate(photos) if photo.trains and photo.text_ids and (row in drawn or photo.captioned)
    ]
    is_gate = np.asarray(
        [_chance(_block(photos[row].shape_group, f"{photos[row].set}/{photos[row].id}")) for row in rows]
    )
    found = np.asarray(rows, np.int64)
    return found[is_gate >= gate_share], found[is_gate < gate_share]


def _block(shape_group: str | None, name: str) -> str:
    """Twins in shape and in dress share the first part of their group's name."""
    return name if shape_group is None else shape_group.rsplit("-", 1)[0]


def _chance(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / NUM_HASH
