"""Stage `drawings`: the drawing tower, and the pictures' sketch-space head, learn to meet in the sketch space.

Four lessons at once: a drawing and its photo (contrastive), a drawing and its category's name (prototypes from a frozen
language model, so every set's categories share one space), two drawings of one thing, and the Quick, Draw! knowledge of
a teacher. The picture tower below its head is frozen, so its maps come from a cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from stbir.corrupt.strokes import humanise
from stbir.strokes import Sketch, rasterize
from stbir.train.corpus import Corpus, PictureMaps
from stbir.train.figures import rank_figures, with_score
from stbir.train.losses import distillation_loss, info_nce, prototype_loss
from stbir.train.sketches import SketchSet
from stbir.train.towers import ImageTower, SketchTower


@dataclass(frozen=True)
class DrawingsSettings:
    """What the stage `drawings` can be told.

    Attributes:
        batch_size: Drawings a step.
        backbone_lr: Peak learning rate of the drawing tower's backbone.
        head_lr: Peak learning rate of the heads.
        frozen_blocks: How many of the lowest blocks stay as pretrained; lines and corners need no new filters.
        num_negatives: Further photos a step that no drawing of the batch shows.
        kind_shares: Share of each kind of drawing in a batch.
        severity: Highest severity of the hand's noise for each kind.
        line_width_px: Width of the line where the noise leaves it alone.
        margin: Margin of the raster, share of its side.
        class_weight: Weight of the category lesson.
        pair_weight: Weight of the lesson of two drawings of one thing.
        teacher_weight: Weight of the teacher's lesson.
    """

    batch_size: int = 128
    backbone_lr: float = 4e-4
    head_lr: float = 1e-3
    frozen_blocks: int = 3
    num_negatives: int = 256
    kind_shares: Mapping[str, float] = field(
        default_factory=lambda: {"real": 0.28, "pseudo": 0.34, "synth": 0.12, "doodle": 0.18, "pair": 0.08}
    )
    severity: Mapping[str, float] = field(
        default_factory=lambda: {"real": 2.0, "pseudo": 3.5, "synth": 1.5, "doodle": 2.0, "pair": 2.0}
    )
    line_width_px: float = 2.0
    margin: float = 0.06
    class_weight: float = 0.5
    pair_weight: float = 0.5
    teacher_weight: float = 0.2


@dataclass(frozen=True)
class DrawingBatch:
    """One step's drawings.

    Attributes:
        rows: [B] indices into the sketch set.
        views: [B] view of the photo that goes with each drawing (1 = mirrored).
        ink: [B, S, S] uint8, 255 = paper.
        negatives: [K] photo indices.
    """

    rows: NDArray[np.int64]
    views: NDArray[np.int64]
    ink: NDArray[np.uint8]
    negatives: NDArray[np.int64]


class DrawingBatches(IterableDataset[DrawingBatch]):
    """Makes the batches of a range of steps; each depends on the seed and its step alone."""

    def __init__(
        self,
        sketches: SketchSet,
        negatives: NDArray[np.int64],
        settings: DrawingsSettings,
        size_px: int,
        num_views: int,
        seed: int,
        steps: range,
    ) -> None:
        self.sketches, self.negatives, self.settings = sketches, negatives, settings
        self.size_px, self.num_views, self.seed, self.steps = size_px, num_views, seed, steps
        self.pools = {kind: sketches.training_rows(kind) for kind in settings.kind_shares}
        self.pools = {kind: rows for kind, rows in self.pools.items() if len(rows)}

    def __iter__(self) -> Iterator[DrawingBatch]:
        worker = torch.utils.data.get_worker_info()
        first, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in self.steps[first::stride]:
            yield self.batch(step)

    def batch(self, step: int) -> DrawingBatch:
        """The batch of one step."""
        rng = np.random.default_rng([self.seed, 2, step])
        shares = np.asarray([self.settings.kind_shares[kind] for kind in self.pools])
        counts = np.floor(shares / shares.sum() * self.settings.batch_size).astype(int)
        counts[0] += self.settings.batch_size - counts.sum()
        rows = []
        for (kind, pool), count in zip(self.pools.items(), counts, strict=True):
            if kind == "pair":
                chosen = rng.choice(pool, count // 2)
                rows += [*chosen, *(self.sketches.partner(int(row), rng) for row in chosen)]
            else:
                rows += list(rng.choice(pool, count, replace=len(pool) < count))
        chosen_rows = np.asarray(rows)
        views = rng.integers(0, self.num_views, len(rows))
        ink = np.stack([self.draw(int(row), int(view), rng) for row, view in zip(rows, views, strict=True)])
        num_negatives = min(self.settings.num_negatives, len(self.negatives))
        return DrawingBatch(chosen_rows, views, ink, rng.choice(self.negatives, num_negatives, replace=False))

    def draw(self, row: int, view: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Rasterise one drawing with the noise of a hand; odd views are mirrored."""
        sketch = self.sketches.sketch(row)
        if view % 2:
            sketch = Sketch(tuple(stroke * np.asarray([-1, 1], np.float32) for stroke in sketch.strokes))
        severity = rng.uniform(0.0, self.settings.severity[self.sketches.kind(row)])
        sketch = humanise(sketch, rng, severity)
        width = self.settings.line_width_px * float(np.exp(rng.normal(0.0, 0.2)))
        return rasterize(sketch, self.size_px, width, self.settings.margin)


class DrawingsStage:
    """Learning of the sketch space; see `stbir.train.stage.Stage`."""

    name = "drawings"

    def __init__(
        self,
        corpus: Corpus,
        maps: PictureMaps,
        sketches: SketchSet,
        image: ImageTower,
        sketch: SketchTower,
        settings: DrawingsSettings,
        seed: int,
        device: str = "cpu",
        num_workers: int = 1,
    ) -> None:
        self.corpus, self.maps, self.sketches = corpus, maps, sketches
        self.image, self.sketch, self.settings, self.seed = image, sketch, settings, seed
        self.device, self.num_workers = torch.device(device), num_workers
        self.log_scale = nn.Parameter(torch.tensor(3.0, device=self.device))
        names = torch.from_numpy(corpus.text_pooled[np.asarray(sketches.category_texts)]).to(self.device)
        self.names = F.normalize(names, dim=-1)
        dim = image.shape_head.map.out_features
        torch.manual_seed(seed + 1)
        self.prototypes = nn.Sequential(nn.Linear(self.names.shape[1], 512), nn.GELU(), nn.Linear(512, dim))
        self.teacher_head = nn.Linear(sketch.backbone.feature_dim, sketches.teacher_logits.shape[1])
        self.prototypes.to(self.device)
        self.teacher_head.to(self.device)
        self.photo_class = torch.from_numpy(sketches.photo_category)
        self.trainable_photos = np.flatnonzero([photo.trains for photo in corpus.photos])
        for part in (sketch.backbone.first, *sketch.backbone.blocks[: settings.frozen_blocks]):
            part.requires_grad_(False)

    def modules(self) -> Mapping[str, nn.Module]:
        """The towers and what only training needs."""
        holder = nn.Module()
        holder.register_parameter("log_scale", self.log_scale)
        return {
            "image": self.image,
            "sketch": self.sketch,
            "scale": holder,
            "prototypes": self.prototypes,
            "teacher_head": self.teacher_head,
        }

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The drawing tower's backbone slowly, all heads fast."""
        heads = (self.sketch.head, self.image.shape_head, self.image.detail, self.prototypes, self.teacher_head)
        return [
            {
                "params": [p for p in self.sketch.backbone.parameters() if p.requires_grad],
                "lr": self.settings.backbone_lr,
            },
            {"params": [p for head in heads for p in head.parameters()], "lr": self.settings.head_lr},
            {"params": [self.log_scale], "lr": self.settings.head_lr, "weight_decay": 0.0},
        ]

    def batches(self, first_step: int, num_steps: int) -> Iterator[DrawingBatch]:
        """Batches of the steps, drawn in worker processes."""
        data = DrawingBatches(
            self.sketches,
            self.trainable_photos,
            self.settings,
            self.sketch.size_px,
            len(self.maps.views),
            self.seed,
            range(first_step, first_step + num_steps),
        )
        loader = DataLoader(data, batch_size=None, num_workers=self.num_workers)
        yield from loader

    def losses(self, batch: DrawingBatch) -> dict[str, Tensor]:
        """The four lessons."""
        rows = torch.from_numpy(batch.rows)
        ink = 1.0 - torch.from_numpy(batch.ink).to(self.device).float().unsqueeze(1) / 255.0
        feature_map = self.sketch.features(ink.contiguous(memory_format=torch.channels_last))
        embedded = self.sketch.head(feature_map)
        scale = self.log_scale.exp().clamp(max=60.0)
        prototypes = F.normalize(self.prototypes(self.names), dim=-1)
        result = {"photo": self._photo_loss(batch, embedded, prototypes, scale)}
        weight = self.settings.class_weight
        classes = torch.from_numpy(self.sketches.category[batch.rows]).to(self.device)
        result["class"] = weight * prototype_loss(embedded, prototypes, classes, scale)
        result["pair"] = self.settings.pair_weight * self._pair_loss(batch, embedded, scale)
        taught = self.sketches.has_teacher[batch.rows]
        logits = self.teacher_head(feature_map.mean((2, 3)))
        teacher = torch.from_numpy(self.sketches.teacher_logits[rows]).float().to(self.device)
        if taught.any():
            chosen = torch.from_numpy(taught).to(self.device)
            result["teacher"] = self.settings.teacher_weight * distillation_loss(logits[chosen], teacher[chosen])
        return result

    def _photo_loss(self, batch: DrawingBatch, embedded: Tensor, prototypes: Tensor, scale: Tensor) -> Tensor:
        """Drawing to photo over the batch's photos and further ones, photo to drawing, and photo to category."""
        photos = self.sketches.photo[batch.rows]
        drawn = np.flatnonzero(photos >= 0)
        extra = np.setdiff1d(batch.negatives, photos)
        rows = np.concatenate([photos[drawn], extra])
        views = np.concatenate([batch.views[drawn], np.zeros(len(extra), np.int64)])
        pictures = self.encode_images(rows, views)
        queries = embedded[torch.from_numpy(drawn).to(self.device)]
        logits = scale * queries @ pictures.T
        same = torch.from_numpy(photos[drawn][:, None] == rows[None]).to(self.device)
        target = torch.arange(len(drawn), device=self.device)
        same[target, target] = False
        logits = logits.masked_fill(same, float("-inf"))
        forward = F.cross_entropy(logits, target)
        backward = F.cross_entropy(logits[:, : len(drawn)].T, target)
        classes = self.photo_class[torch.from_numpy(rows)].to(self.device)
        named = prototype_loss(pictures, prototypes, classes, scale)
        return forward + 0.5 * backward + 0.5 * self.settings.class_weight * named

    def _pair_loss(self, batch: DrawingBatch, embedded: Tensor, scale: Tensor) -> Tensor:
        """Two drawings of one thing among the batch's other such pairs."""
        group = self.sketches.group[batch.rows]
        is_pair = np.flatnonzero([self.sketches.kind(int(row)) == "pair" for row in batch.rows])
        if len(is_pair) < 4:
            return embedded.sum() * 0.0
        half = len(is_pair) // 2
        left, right = is_pair[:half], is_pair[half : 2 * half]
        same = torch.from_numpy(group[left][:, None] == group[right][None]).to(self.device)
        return info_nce(embedded[torch.from_numpy(left)], embedded[torch.from_numpy(right)], scale, same)

    def encode_images(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Sketch-space rows [B, Ds] of photos from their cached maps."""
        stem = self.corpus.stems(rows, views).to(self.device)
        last, pooled = self.maps.read(rows, views)
        return self.image.sketch_space(stem, last.to(self.device), pooled.to(self.device))

    def encode_sketches(self, rows: NDArray[np.int64]) -> Tensor:
        """Sketch-space rows [B, Ds] of clean drawings."""
        size_px, settings = self.sketch.size_px, self.settings
        ink = np.stack(
            [
                rasterize(self.sketches.sketch(int(row)), size_px, settings.line_width_px, settings.margin)
                for row in rows
            ]
        )
        result: Tensor = self.sketch(1.0 - torch.from_numpy(ink).to(self.device).float().unsqueeze(1) / 255.0)
        return result

    def validate(self) -> dict[str, float]:
        """Drawing to photo (Sketchy's validation photos among its distractors), drawing to edge map (QMUL)."""
        figures: dict[str, float] = {}
        for name, (queries, targets, gallery) in self.sketches.validation_tasks(self.corpus).items():
            vectors = torch.cat(
                [
                    self.encode_images(part, np.zeros(len(part), np.int64))
                    if name.startswith("photo")
                    else self.encode_sketches(part)
                    for part in np.array_split(gallery, max(1, len(gallery) // 128))
                ]
            )
            drawn = torch.cat([self.encode_sketches(p) for p in np.array_split(queries, max(1, len(queries) // 128))])
            figures |= rank_figures(name, (drawn @ vectors.T).cpu().numpy(), targets)
        return with_score(figures)
