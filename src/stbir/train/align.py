"""An alignment stage: which items a step shows, how they are embedded, and what the training loop asks for.

What is taught stands in `stbir.train.lessons`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.train.align_recipe import StageSettings
from stbir.train.bank import FeatureBank
from stbir.train.category import MarginHead
from stbir.train.curriculum import Curriculum
from stbir.train.distil import Teacher
from stbir.train.distributed import gather, share
from stbir.train.heads import PARTS, Heads
from stbir.train.lessons import Embedded, Items, Lessons, side_by_side
from stbir.train.losses import category_nce
from stbir.train.memory import CrossBatchMemory
from stbir.train.negatives import GroupSampler, Rows, Sameness
from stbir.train.photo_classes import photo_classes, renewed_classes
from stbir.train.triplets import Doodles, Triplets
from stbir.train.validation import Validation

# One doodle for so many photos of a batch.
DOODLE_SHARE = 4


class AlignStage:
    """See `stbir.train.loop.Stage`.

    Args:
        settings: The stage of the recipe.
        bank: Features.
        triplets: Photos that may be learned from, with their drawings and texts.
        heads: What learns.
        scales: Log inverse temperatures of drawing and words, shared by all stages.
        classes: [N] class of every photo of the corpus, -1 = none.
        class_heads: Classifier of each space, shared by all stages; empty without a category lesson.
        validation: The validation tasks.
        seed: Of every choice.
        teacher: The base's rows, where it is kept.
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
        teacher: Teacher | None = None,
    ) -> None:
        self.name, self.settings, self.bank, self.triplets, self.heads = settings.name, settings, bank, triplets, heads
        self.scales, self.class_heads, self.validation = scales, class_heads, validation
        self.seed, self.teacher = seed, teacher
        self.step = 0
        self.doodles = Doodles(bank)
        chance = triplets.chance(balanced=settings.class_balanced)
        inside = triplets.categories
        self.sampler = GroupSampler(triplets.rows, chance, inside, settings.negatives, settings.batch_size, seed)
        self._use_classes(classes)
        self.curriculum = Curriculum(settings.curriculum, settings.schedule.num_steps)
        dims = {"drawing": heads.towers.sketch.head.map.out_features, "words": heads.towers.text.skip.out_features}
        size = settings.losses.memory
        self.memory = CrossBatchMemory(dims, size) if size else None
        same = Sameness(bank.corpus.photos, settings.negatives.near_duplicate)
        self.lessons = Lessons(settings, same, scales, class_heads, self.memory, one_space=heads.one_space)
        for part in PARTS:
            heads.by_part[part].requires_grad_(part in settings.learns)

    # What the loop asks for.

    def modules(self) -> Mapping[str, nn.Module]:
        """Heads, temperatures and classifiers."""
        kinds = {f"class_{space}": head for space, head in self.class_heads.items()}
        return {**self.heads.by_part, "scales": self.scales, **kinds}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What learns of the modalities that learn, the classifiers, and the temperatures."""
        modules: list[nn.Module] = [self.heads.by_part[part] for part in self.settings.learns]
        if self.settings.classes.weight > 0:
            modules += self.class_heads.values()
        upper = [
            p for part, blocks in self.heads.blocks.items() if part in self.settings.learns for p in blocks.parameters()
        ]
        slow = {id(p) for p in upper}
        heads = [p for module in modules for p in module.parameters() if id(p) not in slow]
        groups: list[dict[str, Any]] = [{"params": heads, "lr": self.settings.lr}]
        if upper:
            groups.append({"params": upper, "lr": self.settings.upper_lr})
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
            found |= {name: weights.pairs * value for name, value in self.lessons.pairs(batch, embedded).items()}
        if weights.composed:
            found["composed"] = weights.composed * self.lessons.composed(batch, embedded)
        if weights.anchor or weights.triplet:
            found |= self._anchored(batch, embedded)
        doodles = self._embed_doodles(batch)
        if doodles is not None:
            shown = torch.from_numpy(self.doodles.shows(batch.doodles, batch.photos))
            loss = category_nce(doodles, embedded.for_sketch, self.lessons.scale("sketch"), shown)
            found["doodles"] = weights.doodles * loss
        if weights.distil and self.teacher is not None:
            found["distil"] = weights.distil * self._distilled(batch, embedded, doodles, self.teacher)
        if self.settings.classes.weight:
            found["class"] = self.settings.classes.weight * self.lessons.classified(batch, embedded, self.classes)
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
        rows: NDArray[np.float32] = side_by_side(for_sketch, for_text).numpy()
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
        doodles = np.zeros(0, np.int64)
        if self.settings.losses.doodles > 0:
            doodles = self.doodles.choose(photos, max(1, len(photos) // DOODLE_SHARE), rng)
        severities = settings.sketch_severities
        spoiled = self.curriculum.variants("sketch", severities, len(doodles), step, rng)
        drawings = np.maximum(drawings, 0)
        return Items(step, photos, drawings, texts, variants, drawn, missing, rng, doodles, spoiled)

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

    def _embed_doodles(self, items: Items) -> Tensor | None:
        """[K, D], or None where nothing was doodled."""
        if len(items.doodles) == 0:
            return None
        features = self.bank.read("sketch", share(items.doodles), share(items.doodle_variants))
        return gather(self.heads.sketch(features))

    @staticmethod
    def _distilled(items: Items, embedded: Embedded, doodles: Tensor | None, teacher: Teacher) -> Tensor:
        there = np.flatnonzero(items.drawn)
        drawings, rows = items.drawings[there], embedded.sketch[there]
        if doodles is not None:
            drawings, rows = np.concatenate([drawings, items.doodles]), torch.cat([rows, doodles])
        return teacher.loss(items.photos, embedded.for_sketch, drawings, rows)

    def _anchored(self, items: Items, embedded: Embedded) -> dict[str, Tensor]:
        """Draw each item's own negatives and compare."""
        rows, valid = self.sampler.own_negatives(items.photos, max(1, self.settings.negatives.own), items.rng)
        negatives = self.items(items.step, rows.ravel(), items.rng)
        return self.lessons.anchored(items, embedded, lambda part: self._rows_of(part, negatives), valid)

    def _rows_of(self, part: str, items: Items) -> Tensor:
        """Embeddings of one modality only."""
        if part in ("both", "image"):
            for_sketch, for_text = self.heads.image(self._features("image", items))
            return gather(side_by_side(for_sketch, for_text) if part == "both" else for_text)
        features = self._features(part, items)
        return gather(self.heads.sketch(features) if part == "sketch" else self.heads.text(features))
