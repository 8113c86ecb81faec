"""The lessons of an alignment stage: embeddings of a batch in, named losses out.

    pairs      drawing - photo and words - photo, each for itself
    composed   drawing and words together - photo: what a search does
    anchored   the stage's own modality - the mean of the two others (the STBIR authors' form), or a triplet
    classified drawing, photo and words - their class, with a margin

Equations and sources: docs/method.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.train.align_recipe import StageSettings
from stbir.train.category import MarginHead
from stbir.train.losses import composed_loss, cosine_triplet, info_nce, own_negatives_nce, sigmoid_loss
from stbir.train.memory import CrossBatchMemory
from stbir.train.negatives import Rows, Sameness

START_SCALE = 3.0
HIGHEST_SCALE = 100.0


@dataclass(frozen=True)
class Embedded:
    """A batch as unit rows.

    Attributes:
        sketch: [B, Ds].
        text: [B, Dt].
        for_sketch: [B, Ds], the photos in the sketch space.
        for_text: [B, Dt], the photos in the text space.
    """

    sketch: Tensor
    text: Tensor
    for_sketch: Tensor
    for_text: Tensor


@dataclass(frozen=True)
class Items:
    """What a step shows: the photos, and one drawing, one text and a variant of each for every photo.

    Attributes:
        step: Of the stage.
        photos: [B] photos of the corpus.
        drawings: [B] drawings of the bank; any where there is none.
        texts: [B] texts of the corpus.
        variants: For each modality [B].
        drawn: [B] whether there is a drawing.
        missing: [B] what the composed query lacks: 0 nothing, 1 the drawing, 2 the words.
        rng: Source of further choices of the step.
        doodles: [K] drawings of the bank that show a category of the batch and no photo; K may be 0.
        doodle_variants: [K].
    """

    step: int
    photos: Rows
    drawings: Rows
    texts: Rows
    variants: Mapping[str, Rows]
    drawn: NDArray[np.bool_]
    missing: NDArray[np.int64]
    rng: np.random.Generator
    doodles: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    doodle_variants: Rows = field(default_factory=lambda: np.zeros(0, np.int64))


class Lessons:
    """What a stage teaches.

    Args:
        settings: The stage of the recipe.
        same: What must not be set against each other.
        scales: Log inverse temperatures of drawing and words, and the sigmoid's bias.
        class_heads: Classifier of each space, or of `both` in one space.
        memory: Past embeddings, or None.
        one_space: Whether both spaces are one.
    """

    def __init__(
        self,
        settings: StageSettings,
        same: Sameness,
        scales: nn.ParameterDict,
        class_heads: Mapping[str, MarginHead],
        memory: CrossBatchMemory | None,
        *,
        one_space: bool,
    ) -> None:
        self.settings, self.same, self.scales, self.class_heads = settings, same, scales, class_heads
        self.memory, self.one_space = memory, one_space

    def scale(self, space: str) -> Tensor | float:
        """Inverse temperature of drawing or words."""
        fixed = self.settings.losses.temperature
        return self.scales[space].exp().clamp(max=HIGHEST_SCALE) if fixed is None else 1.0 / fixed

    def pairs(self, items: Items, embedded: Embedded) -> dict[str, Tensor]:
        """Drawing and photo, words and photo."""
        rows = items.photos
        twins = torch.from_numpy(self.same.shapes(rows, rows))
        alike = torch.from_numpy(self.same.words(rows, rows, items.texts, items.texts))
        lessons = {
            "drawing": ("sketch", embedded.sketch, embedded.for_sketch, twins),
            "words": ("text", embedded.text, embedded.for_text, alike),
        }
        found = {}
        for name, (part, queries, photos, masked) in lessons.items():
            if part not in self.settings.learns:
                continue
            there = np.flatnonzero(items.drawn) if part == "sketch" else np.arange(len(rows))
            if len(there) < 2:
                continue
            same = masked | self.same.photos(rows, rows, photos, photos)
            found[name] = self._contrast(name, items, there, queries[there], photos[there], same[there][:, there])
        return found

    def _contrast(self, name: str, items: Items, there: Rows, queries: Tensor, photos: Tensor, same: Tensor) -> Tensor:
        space = "sketch" if name == "drawing" else "text"
        scale = self.scale(space)
        if self.settings.losses.form == "sigmoid":
            return sigmoid_loss(queries, photos, scale, self.scales["bias"], same)
        if self.memory is None:
            return info_nce(queries, photos, scale, same)
        past, ids = self.memory.rows(name)
        extra_same = torch.from_numpy(self._same_as_past(name, items.photos[there], ids.numpy())) if len(ids) else None
        loss = info_nce(queries, photos, scale, same, past if len(ids) else None, extra_same)
        self.memory.add(name, photos.detach(), torch.from_numpy(items.photos[there]))
        return loss

    def _same_as_past(self, name: str, photos: Rows, ids: Rows) -> NDArray[np.bool_]:
        group = self.same.shape if name == "drawing" else self.same.dress
        alike = group[photos][:, None] == group[ids][None]
        same: NDArray[np.bool_] = alike | (photos[:, None] == ids[None])
        return same

    def composed(self, items: Items, embedded: Embedded) -> Tensor:
        """Drawing and words together among the photos of the batch."""
        keep_sketch = torch.from_numpy(items.missing != 1).float()[:, None]
        keep_text = torch.from_numpy(items.missing != 2).float()[:, None]
        sketch, text = embedded.sketch * keep_sketch, embedded.text * keep_text
        rows = items.photos
        same = self._composed_same(items, embedded)
        target = torch.arange(len(rows))
        if self.one_space:
            query = F.normalize(sketch + text, dim=-1)
            return info_nce(query, embedded.for_text, self.scale("text"), same)
        similarity = (sketch @ embedded.for_sketch.T, text @ embedded.for_text.T)
        scales = tuple(torch.as_tensor(self.scale(space)) for space in ("sketch", "text"))
        return composed_loss(*similarity, target, (scales[0], scales[1]), same)

    def _composed_same(self, items: Items, embedded: Embedded) -> Tensor:
        """What the composed query cannot tell apart; where a part is missing, what the other one cannot."""
        rows = items.photos
        near = self.same.photos(rows, rows, embedded.for_text, embedded.for_text)
        if not self.one_space:
            near = near & self.same.photos(rows, rows, embedded.for_sketch, embedded.for_sketch)
        twins, alike = self.same.shapes(rows, rows), self.same.words(rows, rows, items.texts, items.texts)
        blind = ((items.missing == 2)[:, None] & twins) | ((items.missing == 1)[:, None] & alike)
        return near | torch.from_numpy(blind | (twins & alike))

    def anchored(
        self, items: Items, embedded: Embedded, far: Callable[[str], Tensor], valid: NDArray[np.bool_]
    ) -> dict[str, Tensor]:
        """The stage's modality against the mean of the two others, with own or in-batch negatives.

        A triplet without this form compares the composed query with the photo.

        Args:
            items: The batch.
            embedded: Its rows.
            far: Rows [B * K, D] of a modality (or of `both`) of each item's own negatives.
            valid: [B, K] which of them are there.

        Returns:
            Losses by name.
        """
        weights = self.settings.losses
        is_there = torch.from_numpy(valid)
        found: dict[str, Tensor] = {}
        for part in self.settings.learns if weights.anchor else ("both",):
            anchor, positive = self._anchor(part, embedded)
            negatives = far(part).view(len(items.photos), -1, positive.shape[1])
            if weights.anchor:
                if weights.form == "own":
                    loss = own_negatives_nce(anchor, positive, negatives, 1.0 / float(self.scale("text")), is_there)
                else:
                    loss = info_nce(anchor, positive, self.scale("text"), self._composed_same(items, embedded))
                found[f"anchor_{part}"] = weights.anchor * loss
            if weights.triplet:
                loss = cosine_triplet(anchor, positive, negatives, weights.triplet_margin, is_there)
                found[f"triplet_{part}"] = weights.triplet * loss
        return found

    def _anchor(self, part: str, embedded: Embedded) -> tuple[Tensor, Tensor]:
        """The mean of the two other modalities, and the modality itself; `both`: the composed query and the photo."""
        if part == "both":
            return side_by_side(embedded.sketch, embedded.text), side_by_side(embedded.for_sketch, embedded.for_text)
        rows = {"sketch": embedded.sketch, "image": embedded.for_text, "text": embedded.text}
        others = [value for name, value in rows.items() if name != part]
        return F.normalize(others[0] + others[1], dim=-1), rows[part]

    def classified(self, items: Items, embedded: Embedded, photo_class: Rows) -> Tensor:
        """Every modality against its class, in its space."""
        target = torch.from_numpy(photo_class[items.photos])
        drawn = target.masked_fill(~torch.from_numpy(items.drawn), -1)
        spaces = {
            "sketch": (embedded.sketch, drawn, embedded.for_sketch),
            "text": (embedded.text, target, embedded.for_text),
        }
        found = []
        for space, (queries, classes, photos) in spaces.items():
            head = self.class_heads["both" if self.one_space else space]
            found += [head.loss(queries, classes), head.loss(photos, target)]
        return torch.stack(found).mean()


def side_by_side(sketch_space: Tensor, text_space: Tensor) -> Tensor:
    """Rows of both spaces as one unit row; its cosines are the means of both."""
    return torch.cat([sketch_space, text_space], 1) / 2**0.5
