"""Stage `words`: the picture tower's upper half and the text tower's upper half learn to meet in the text space.

Runs on the frozen stems of a prepared corpus (see `stbir.train.corpus`), so a step costs a fifth of a full one.
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

from stbir.errors import ConfigError
from stbir.train.corpus import Corpus
from stbir.train.figures import rank_figures, with_score
from stbir.train.losses import info_nce
from stbir.train.towers import TEXT_STEM_LAYERS, ImageTower, TextTower


@dataclass(frozen=True)
class WordsSettings:
    """What the stage `words` can be told.

    Attributes:
        batch_size: Pairs a step.
        image_lr: Peak learning rate of the picture blocks.
        text_lr: Peak learning rate of the text layers; 0 leaves them as they are.
        head_lr: Peak learning rate of the heads.
        set_weights: How often pairs of a data set are drawn, relative to its size; 1 where not named.
        hard_share: Share of a batch drawn from one single data set, so that negatives are hard.
        feature_dropout: Dropout before the heads.
    """

    batch_size: int = 256
    image_lr: float = 3e-4
    text_lr: float = 0.0
    head_lr: float = 1e-3
    set_weights: Mapping[str, float] | None = None
    hard_share: float = 0.5
    feature_dropout: float = 0.1


class WordsStage:
    """Contrastive learning of pictures and words; see `stbir.train.stage.Stage`."""

    name = "words"

    def __init__(
        self,
        corpus: Corpus,
        image: ImageTower,
        text: TextTower,
        settings: WordsSettings,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.corpus, self.image, self.text, self.settings, self.seed = corpus, image, text, settings, seed
        self.device = torch.device(device)
        self.log_scale = nn.Parameter(torch.tensor(3.0, device=self.device))
        weights = settings.set_weights or {}
        found: dict[str, list[int]] = {}
        for index, photo in enumerate(corpus.photos):
            if photo.trains and photo.text_ids and weights.get(photo.set, 1.0) > 0:
                found.setdefault(photo.set, []).append(index)
        self.sets = {name: np.asarray(rows) for name, rows in found.items()}
        num_photos = sum(map(len, self.sets.values()))
        if num_photos < settings.batch_size:
            raise ConfigError(
                f"stage words has {num_photos} training photos with texts, fewer than a batch of "
                f"{settings.batch_size}: add data sets or lower words.batch_size"
            )
        self.rows = np.concatenate(list(self.sets.values()))
        chance = np.concatenate([np.full(len(rows), weights.get(name, 1.0)) for name, rows in self.sets.items()])
        self.chance = chance / chance.sum()
        self.set_chance = np.asarray([np.sqrt(len(r) * weights.get(n, 1.0)) for n, r in self.sets.items()])
        self.set_chance /= self.set_chance.sum()

    def modules(self) -> Mapping[str, nn.Module]:
        """The two towers and the temperature."""
        holder = nn.Module()
        holder.register_parameter("log_scale", self.log_scale)
        return {"image": self.image, "text": self.text, "scale": holder}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Upper blocks slowly, heads fast; stems stay as they are."""
        backbone = self.image.backbone
        blocks = [*backbone.blocks[backbone.stem_blocks :].parameters(), *backbone.last.parameters()]
        layers = list(self.text.backbone.layers[TEXT_STEM_LAYERS:].parameters())
        heads = (self.image.colour, self.image.text_head, self.text.head, self.text.skip)
        learning = [{"params": layers, "lr": self.settings.text_lr}] if self.settings.text_lr > 0 else []
        return [
            {"params": blocks, "lr": self.settings.image_lr},
            *learning,
            {"params": [p for m in heads for p in m.parameters()], "lr": self.settings.head_lr},
            {"params": [self.log_scale], "lr": self.settings.head_lr, "weight_decay": 0.0},
        ]

    def batches(self, first_step: int, num_steps: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Photo indices of each step, and the generator of its other choices."""
        for step in range(first_step, first_step + num_steps):
            rng = np.random.default_rng([self.seed, 1, step])
            num_hard = int(self.settings.hard_share * self.settings.batch_size)
            rows = rng.choice(self.rows, self.settings.batch_size - num_hard, p=self.chance, replace=False)
            pool = self.sets[list(self.sets)[rng.choice(len(self.sets), p=self.set_chance)]]
            hard = rng.choice(pool, min(num_hard, len(pool)), replace=False)
            yield np.unique(np.concatenate([rows, hard])), rng

    def losses(self, batch: tuple[NDArray[np.int64], np.random.Generator]) -> dict[str, Tensor]:
        """InfoNCE; equal words and equal photos are no negatives of each other."""
        rows, rng = batch
        text_ids = np.asarray([rng.choice(self.corpus.photos[row].text_ids) for row in rows])
        views = rng.integers(0, len(self.corpus.views), len(rows))
        images = self.encode_images(rows, views)
        words = self.encode_texts(text_ids)
        same_text = torch.from_numpy(text_ids[:, None] == text_ids[None])
        scale = self.log_scale.exp().clamp(max=100.0)
        return {"words": info_nce(words, images, scale, same_text.to(self.device))}

    def encode_images(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Tensor:
        """Text-space rows [B, text_dim] of photos from their cached stems."""
        stem = self.corpus.stems(rows, views).to(self.device)
        small = self.corpus.small_pictures(rows, views).to(self.device)
        _, pooled = self.image.middle(stem)
        pooled = F.dropout(pooled, self.settings.feature_dropout, self.image.training)
        return self.image.text_space(pooled, small)

    def encode_texts(self, text_ids: NDArray[np.int64]) -> Tensor:
        """Text-space rows [B, text_dim] of texts from their cached hidden states, or vectors where no layer learns."""
        if self.settings.text_lr == 0:
            vectors = torch.from_numpy(self.corpus.text_pooled[text_ids]).to(self.device)
            return self.text.project(F.dropout(vectors, self.settings.feature_dropout, self.text.training))
        hidden, mask = self.corpus.text_states(text_ids)
        pooled = self.text.backbone.top(hidden.to(self.device), mask.to(self.device), TEXT_STEM_LAYERS)
        return self.text.project(F.dropout(pooled, self.settings.feature_dropout, self.text.training))

    def validate(self) -> dict[str, float]:
        """Words to photo among the validation photos of each set, with that set's distractors."""
        figures: dict[str, float] = {}
        for name, (targets, gallery) in self.corpus.validation_galleries().items():
            plain = np.zeros(len(gallery), np.int64)
            vectors = torch.cat([self.encode_images(g, v) for g, v in _chunks(gallery, plain)])
            place = {int(row): position for position, row in enumerate(gallery)}
            pairs = [(t, place[int(row)]) for row in targets for t in self.corpus.photos[row].text_ids]
            words = torch.cat([self.encode_texts(ids) for (ids,) in _chunks(np.asarray([t for t, _ in pairs]))])
            figures |= rank_figures(name, (words @ vectors.T).cpu().numpy(), np.asarray([p for _, p in pairs]))
        return with_score(figures)


def _chunks(*arrays: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], ...]]:
    for start in range(0, len(arrays[0]), 256):
        yield tuple(array[start : start + 256] for array in arrays)
