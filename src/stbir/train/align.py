"""An alignment stage: drawing, photo and words learn to meet, by the lessons that the recipe switches on.

    pairs      drawing - photo and words - photo, each for itself
    composed   drawing and words together - photo: what a search does
    anchor     the stage's own modality - the mean of the two others (the STBIR authors' form)
    triplet    cosine triplet on what `anchor` compares, else on the composed query
    class      drawing, photo and words - their class, with a margin

Equations and sources: docs/method.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.train.align_recipe import StageSettings
from stbir.train.bank import FeatureBank
from stbir.train.category import MarginHead
from stbir.train.curriculum import Curriculum
from stbir.train.distributed import gather, share
from stbir.train.heads import PARTS, Heads
from stbir.train.losses import composed_loss, cosine_triplet, info_nce, own_negatives_nce, sigmoid_loss
from stbir.train.memory import CrossBatchMemory
from stbir.train.negatives import GroupSampler, Rows, Sameness
from stbir.train.photo_classes import photo_classes, renewed_classes
from stbir.train.triplets import Triplets
from stbir.train.validation import Validation

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
    """

    step: int
    photos: Rows
    drawings: Rows
    texts: Rows
    variants: Mapping[str, Rows]
    drawn: NDArray[np.bool_]
    missing: NDArray[np.int64]
    rng: np.random.Generator


class AlignStage:
    """See `stbir.train.loop.Stage`.

    Args:
        settings: The stage of the recipe.
        bank: Features.
        triplets: Photos that may be learned from, with their drawings and texts.
        heads: What learns.
        scales: Log inverse temperatures of drawing and words, shared by all stages.
        classes: [N] class of every photo of the corpus, -1 = none.
        num_classes: Number of classes.
        class_heads: Classifier of each space, shared by all stages; empty without a category lesson.
        validation: The validation tasks.
        seed: Of every choice.
    """

    def __init__(
        self,
        settings: StageSettings,
        bank: FeatureBank,
        triplets: Triplets,
        heads: Heads,
        scales: nn.ParameterDict,
        classes: Rows,
        class_heads: Mapping[str, MarginHead],
        validation: Validation,
        seed: int,
    ) -> None:
        self.name, self.settings, self.bank, self.triplets, self.heads = settings.name, settings, bank, triplets, heads
        self.scales, self.class_heads, self.validation = scales, class_heads, validation
        self.seed = seed
        self.step = 0
        chance = triplets.chance(balanced=settings.class_balanced)
        inside = triplets.categories
        self.sampler = GroupSampler(triplets.rows, chance, inside, settings.negatives, settings.batch_size, seed)
        self._use_classes(classes)
        self.same = Sameness(bank.corpus.photos, settings.negatives.near_duplicate)
        self.curriculum = Curriculum(settings.curriculum, settings.schedule.num_steps)
        dims = {"drawing": heads.towers.sketch.head.map.out_features, "words": heads.towers.text.skip.out_features}
        size = settings.losses.memory
        self.memory = CrossBatchMemory(dims, size) if size else None
        for part in PARTS:
            heads.by_part[part].requires_grad_(part in settings.learns)

    # What the loop asks for.

    def modules(self) -> Mapping[str, nn.Module]:
        """Heads, temperatures and classifiers."""
        kinds = {f"class_{space}": head for space, head in self.class_heads.items()}
        return {**self.heads.by_part, "scales": self.scales, **kinds}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The heads of the modalities that learn, the classifiers, and the temperatures."""
        modules: list[nn.Module] = [self.heads.by_part[part] for part in self.settings.learns]
        if self.settings.classes.weight > 0:
            modules += self.class_heads.values()
        groups = [{"params": [p for module in modules for p in module.parameters()], "lr": self.settings.lr}]
        if self.settings.losses.temperature is None:
            groups.append({"params": list(self.scales.parameters()), "lr": self.settings.lr, "weight_decay": 0.0})
        return groups

    def batches(self, first_step: int, num_steps: int) -> Iterator[Items]:
        """What each step shows; it depends on the seed, the step, and the neighbours found last."""
        for step in range(first_step, first_step + num_steps):
            if step % self.settings.negatives.refresh_every == 0:
                self.refresh()
            every = self.settings.classes.refresh_every
            if every and step and step % every == 0:
                self.renew_classes()
            rng = np.random.default_rng([self.seed, 11, step])
            yield self.items(step, self.sampler.batch(rng), rng)

    def losses(self, batch: Items) -> dict[str, Tensor]:
        """The lessons that are switched on."""
        self.step = batch.step
        self.heads.dropout = self.settings.feature_dropout
        embedded = self.embed(batch)
        weights = self.settings.losses
        found: dict[str, Tensor] = {}
        if weights.pairs:
            found |= {name: weights.pairs * value for name, value in self.pairs(batch, embedded).items()}
        if weights.composed:
            found["composed"] = weights.composed * self.composed(batch, embedded)
        if weights.anchor or weights.triplet:
            found |= self.anchored(batch, embedded)
        if self.settings.classes.weight:
            found["class"] = self.settings.classes.weight * self.classified(batch, embedded)
        return found

    def validate(self) -> dict[str, float]:
        """Figures of the composed query, clean and under the curriculum's present severity."""
        figures = self.validation.figures(self.heads, self.balance, way=self._judged_by())
        severity = self.curriculum.at(self.step).severity
        if self.settings.curriculum.kind == "adaptive" and severity > 0:
            spoiled = self.validation.figures(self.heads, self.balance, severity, self._judged_by())
            figures["spoiled_score"] = spoiled["score"]
        return figures

    def on_validation(self, figures: dict[str, float]) -> None:
        """The adaptive curriculum goes a step up, or not."""
        if "spoiled_score" in figures:
            self.curriculum.listen(figures["score"], figures["spoiled_score"])

    def levels(self) -> dict[str, float]:
        """How far the curriculum is, from 0 to 1."""
        return {"level": self.curriculum.at(self.step).progress}

    def balance(self, drawn: Tensor, said: Tensor) -> Tensor:
        """Present inverse temperatures [2], the same for every query."""
        del drawn, said
        if self.heads.one_space:
            return torch.ones(2)
        return torch.stack([self.scales["sketch"], self.scales["text"]]).exp()

    def _judged_by(self) -> str:
        """Both parts together, but where a stage learns nothing about one of them."""
        learns, weights = self.settings.learns, self.settings.losses
        if weights.composed or weights.anchor or weights.triplet:
            return "both"
        return "both" if {"sketch", "text"} <= set(learns) else "text" if "text" in learns else "sketch"

    def state_dict(self) -> dict[str, Any]:
        """What a resumed stage needs beside its modules."""
        state: dict[str, Any] = {
            "curriculum": self.curriculum.state_dict(),
            "neighbours": torch.from_numpy(self.sampler.neighbours),
            "classes": torch.from_numpy(self.classes),
        }
        return state if self.memory is None else {**state, "memory": self.memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.curriculum.load_state_dict(state["curriculum"])
        self.sampler.neighbours = state["neighbours"].numpy()
        self._use_classes(state["classes"].numpy())
        if self.memory is not None:
            self.memory.load_state_dict(state["memory"])

    # Batches.

    def refresh(self) -> None:
        """Search hard negatives by the present embeddings of the clean photos."""
        self.sampler.refresh(self._photo_rows())

    def renew_classes(self) -> None:
        """Find virtual classes anew by the present embeddings."""
        settings = self.settings.classes
        found = photo_classes(self.bank, self.triplets.categories, settings, self.seed, self._photo_rows())
        self._use_classes(renewed_classes(found, self.classes))

    def _photo_rows(self) -> NDArray[np.float32]:
        """Every photo of the corpus in both spaces, one unit row each."""
        for_sketch, for_text = self.validation.embed_photos(self.heads, np.arange(len(self.triplets.categories)))
        rows: NDArray[np.float32] = _side_by_side(for_sketch, for_text).numpy()
        return rows

    def _use_classes(self, classes: Rows) -> None:
        self.classes = classes
        if self.settings.negatives.within == "virtual":
            self.sampler.classes = classes

    def items(self, step: int, photos: Rows, rng: np.random.Generator) -> Items:
        """Choose a drawing, a text and the variants for photos."""
        drawings, texts = self.triplets.choose(photos, rng)
        settings = self.bank.settings
        variants = {
            part: self.curriculum.variants(part, getattr(settings, f"{part}_severities"), len(photos), step, rng)
            for part in PARTS
        }
        kinds = rng.integers(1, 3, len(photos))
        drawn = drawings >= 0
        missing = np.where(rng.random(len(photos)) < self.curriculum.at(step).missing, kinds, 0)
        missing = np.where(drawn, missing, 1)
        return Items(step, photos, np.maximum(drawings, 0), texts, variants, drawn, missing, rng)

    def embed(self, items: Items) -> Embedded:
        """Run the heads over a batch; of several processes each takes its share, and all get all rows."""
        for_sketch, for_text = self.heads.image(self._features("image", items))
        return Embedded(
            gather(self.heads.sketch(self._features("sketch", items))),
            gather(self.heads.text(self._features("text", items))),
            gather(for_sketch),
            gather(for_text),
        )

    def _features(self, part: str, items: Items) -> Tensor:
        rows = {"sketch": items.drawings, "image": items.photos, "text": items.texts}[part]
        return self.bank.read(part, share(rows), share(items.variants[part]))

    # Lessons.

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
        if self.heads.one_space:
            query = F.normalize(sketch + text, dim=-1)
            return info_nce(query, embedded.for_text, self.scale("text"), same)
        similarity = (sketch @ embedded.for_sketch.T, text @ embedded.for_text.T)
        scales = tuple(torch.as_tensor(self.scale(space)) for space in ("sketch", "text"))
        return composed_loss(*similarity, target, (scales[0], scales[1]), same)

    def _composed_same(self, items: Items, embedded: Embedded) -> Tensor:
        """What the composed query cannot tell apart; where a part is missing, what the other one cannot."""
        rows = items.photos
        near = self.same.photos(rows, rows, embedded.for_text, embedded.for_text)
        if not self.heads.one_space:
            near = near & self.same.photos(rows, rows, embedded.for_sketch, embedded.for_sketch)
        twins, alike = self.same.shapes(rows, rows), self.same.words(rows, rows, items.texts, items.texts)
        blind = ((items.missing == 2)[:, None] & twins) | ((items.missing == 1)[:, None] & alike)
        return near | torch.from_numpy(blind | (twins & alike))

    def anchored(self, items: Items, embedded: Embedded) -> dict[str, Tensor]:
        """The stage's modality against the mean of the two others, with own or in-batch negatives.

        A triplet without this form compares the composed query with the photo.
        """
        weights, settings = self.settings.losses, self.settings.negatives
        found: dict[str, Tensor] = {}
        rows, valid = self.sampler.own_negatives(items.photos, max(1, settings.own), items.rng)
        is_there = torch.from_numpy(valid)
        negatives = self.items(items.step, rows.ravel(), items.rng)
        for part in self.settings.learns if weights.anchor else ("both",):
            anchor, positive = self._anchor(part, embedded)
            far = self._rows_of(part, negatives).view(len(items.photos), -1, positive.shape[1])
            if weights.anchor:
                if self.settings.losses.form == "own":
                    loss = own_negatives_nce(anchor, positive, far, 1.0 / float(self.scale("text")), is_there)
                else:
                    loss = info_nce(anchor, positive, self.scale("text"), self._composed_same(items, embedded))
                found[f"anchor_{part}"] = weights.anchor * loss
            if weights.triplet:
                found[f"triplet_{part}"] = weights.triplet * cosine_triplet(
                    anchor, positive, far, weights.triplet_margin, is_there
                )
        return found

    def _anchor(self, part: str, embedded: Embedded) -> tuple[Tensor, Tensor]:
        """The mean of the two other modalities, and the modality itself; `both`: the composed query and the photo."""
        if part == "both":
            return _side_by_side(embedded.sketch, embedded.text), _side_by_side(embedded.for_sketch, embedded.for_text)
        rows = {"sketch": embedded.sketch, "image": embedded.for_text, "text": embedded.text}
        others = [value for name, value in rows.items() if name != part]
        return F.normalize(others[0] + others[1], dim=-1), rows[part]

    def _rows_of(self, part: str, items: Items) -> Tensor:
        """Embeddings of one modality only."""
        if part in ("both", "image"):
            for_sketch, for_text = self.heads.image(self._features("image", items))
            return gather(_side_by_side(for_sketch, for_text) if part == "both" else for_text)
        features = self._features(part, items)
        return gather(self.heads.sketch(features) if part == "sketch" else self.heads.text(features))

    def classified(self, items: Items, embedded: Embedded) -> Tensor:
        """Every modality against its class, in its space."""
        target = torch.from_numpy(self.classes[items.photos])
        drawn = target.masked_fill(~torch.from_numpy(items.drawn), -1)
        spaces = {
            "sketch": (embedded.sketch, drawn, embedded.for_sketch),
            "text": (embedded.text, target, embedded.for_text),
        }
        found = []
        for space, (queries, classes, photos) in spaces.items():
            head = self.class_heads["both" if self.heads.one_space else space]
            found += [head.loss(queries, classes), head.loss(photos, target)]
        return torch.stack(found).mean()


def _side_by_side(sketch_space: Tensor, text_space: Tensor) -> Tensor:
    """Rows of both spaces as one unit row; its cosines are the means of both."""
    return torch.cat([sketch_space, text_space], 1) / 2**0.5
