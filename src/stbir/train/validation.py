"""Validation of an alignment run: composed queries on the validation photos of every set, clean or spoiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from stbir.errors import ConfigError
from stbir.train.bank import FeatureBank
from stbir.train.figures import rank_figures
from stbir.train.heads import Heads
from stbir.train.negatives import Rows
from stbir.train.triplets import drawings_by_photo

Balance = Callable[[Tensor, Tensor], Tensor]

_BLOCK = 1024
TEXTS_PER_DRAWING = 2


@dataclass(frozen=True)
class Task:
    """Composed queries over one gallery.

    Attributes:
        drawings: [Q] counted as the bank does.
        texts: [Q] indices into the corpus' texts.
        target: [Q] positions in the gallery.
        gallery: [G] photos of the corpus.
    """

    drawings: Rows
    texts: Rows
    target: Rows
    gallery: Rows


@dataclass(frozen=True)
class Similarity:
    """A task as numbers.

    Attributes:
        drawn: [Q, Ds], the drawings.
        said: [Q, Dt], the words.
        sketch: [Q, G], cosines of the drawings with the gallery.
        text: [Q, G], cosines of the words with the gallery.
        target: [Q] positions in the gallery.
    """

    drawn: Tensor
    said: Tensor
    sketch: Tensor
    text: Tensor
    target: Tensor


class Validation:
    """The tasks of all sets whose validation photos have drawings and words.

    Args:
        bank: The features.
        weights: How much each set counts for the score; 1 where not named.
    """

    def __init__(self, bank: FeatureBank, weights: Mapping[str, float]) -> None:
        self.bank, self.weights = bank, weights
        drawn = drawings_by_photo(bank)
        self.tasks: dict[str, Task] = {}
        for name, (targets, gallery) in bank.corpus.validation_galleries().items():
            place = {int(row): position for position, row in enumerate(gallery)}
            queries = [
                (drawing, text, place[int(row)])
                for row in targets
                for number, drawing in enumerate(drawn.get(int(row), ()))
                for text in _texts_for(bank.corpus.photos[row].text_ids, number)
            ]
            if queries:
                drawings, texts, positions = (np.asarray(column) for column in zip(*queries, strict=True))
                self.tasks[name] = Task(drawings, texts, positions, gallery)
        if not self.tasks:
            raise ConfigError("no data set of the recipe has a split 'val' with drawings and words: add one")

    @torch.inference_mode()
    def embed_photos(self, heads: Heads, rows: Rows) -> tuple[Tensor, Tensor]:
        """Both spaces of photos, without noise."""
        _still(heads)
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        found = [heads.image(self.bank.read("image", block, np.zeros(len(block), np.int64))) for block in blocks]
        return torch.cat([pair[0] for pair in found]), torch.cat([pair[1] for pair in found])

    @torch.inference_mode()
    def embed_queries(self, heads: Heads, task: Task, severity: float = 0.0) -> tuple[Tensor, Tensor]:
        """Drawings [Q, Ds] and words [Q, Dt] of a task, in the variant nearest to a severity."""
        _still(heads)
        settings = self.bank.settings
        found = []
        for part, rows in (("sketch", task.drawings), ("text", task.texts)):
            variant = int(np.abs(np.asarray(getattr(settings, f"{part}_severities")) - severity).argmin())
            features = self.bank.read(part, rows, np.full(len(rows), variant))
            found.append(heads.sketch(features) if part == "sketch" else heads.text(features))
        return found[0], found[1]

    def similarities(self, heads: Heads, severity: float = 0.0) -> dict[str, Similarity]:
        """Every task as numbers, in the variant nearest to a severity."""
        found = {}
        for name, task in self.tasks.items():
            for_sketch, for_text = self.embed_photos(heads, task.gallery)
            sketch, text = self.embed_queries(heads, task, severity)
            cosines = sketch @ for_sketch.T, text @ for_text.T
            found[name] = Similarity(sketch, text, *cosines, torch.from_numpy(task.target))
        return found

    def figures(self, heads: Heads, balance: Balance, severity: float = 0.0, way: str = "both") -> dict[str, float]:
        """Figures of every task.

        Args:
            heads: What embeds.
            balance: Inverse temperatures of drawing and words, [2] or, by their vectors, [Q, 2].
            severity: Of the queries' noise.
            way: What `score` is the weighted mean MRR of.

        Returns:
            Acc@1, Acc@10 and MRR by drawing, by words and by both, and `score`.
        """
        figures: dict[str, float] = {}
        score = total = 0.0
        for name, found in self.similarities(heads, severity).items():
            right = found.target.numpy()
            scale = balance(found.drawn, found.said).detach().expand(len(right), 2)
            both = scale[:, :1] * found.sketch + scale[:, 1:] * found.text
            for part, cosine in (("sketch", found.sketch), ("text", found.text), ("both", both)):
                figures |= rank_figures(f"{name}_{part}", cosine.numpy(), right)
            weight = self.weights.get(name, 1.0)
            score += weight * figures[f"{name}_{way}_mrr"]
            total += weight
        return {**figures, "score": score / total}


def fit_balance(
    validation: Validation,
    heads: Heads,
    severities: tuple[float, ...] = (0.0,),
    change: Balance | None = None,
    weights: Mapping[str, float] | None = None,
) -> tuple[float, float]:
    """Fit the inverse temperatures of drawing and words on the validation tasks; every set counts by its weight.

    Args:
        validation: The tasks.
        heads: The trained heads.
        severities: Severities that count alike.
        change: Factors by which a gate will change the scales of a query; None = none.
        weights: How much each set counts, 1 where not named; None takes those of the validation.

    Returns:
        Scale of the drawing and scale of the words, both > 0.
    """
    log_scale = torch.tensor([2.5, 2.5], requires_grad=True)
    counts = validation.weights if weights is None else weights
    parts = [
        (counts.get(name, 1.0), *_scaled(found, change), found.target)
        for severity in severities
        for name, found in validation.similarities(heads, severity).items()
    ]
    optimiser = torch.optim.Adam([log_scale], lr=0.05)
    for _ in range(200):
        scale = log_scale.exp()
        losses = [w * F.cross_entropy(scale[0] * sketch + scale[1] * text, target) for w, sketch, text, target in parts]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    sketch_scale, text_scale = log_scale.detach().exp().tolist()
    return float(sketch_scale), float(text_scale)


def _scaled(found: Similarity, change: Balance | None) -> tuple[Tensor, Tensor]:
    """Cosines of drawings and of words, times what the gate says."""
    if change is None:
        return found.sketch.clone(), found.text.clone()
    factor = change(found.drawn, found.said).detach()
    return factor[:, :1] * found.sketch, factor[:, 1:] * found.text


def _texts_for(text_ids: tuple[int, ...], number: int) -> list[int]:
    """Two texts for each drawing, others for the next."""
    count = min(TEXTS_PER_DRAWING, len(text_ids))
    return [text_ids[(number * count + offset) % len(text_ids)] for offset in range(count)]


def _still(heads: Heads) -> None:
    for part in heads.by_part.values():
        part.eval()
