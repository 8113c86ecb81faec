"""How much a drawing counts beside words: two inverse temperatures, fitted on validation queries.

A composed query is a product of two experts; its softmax over the gallery is exp(a * cos_sketch + b * cos_text). The
two numbers that make the right pictures most likely are what `model.json` calls the fusion scale. They do not change
the vectors, so they can be fitted again after export.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from stbir.datasets import open_dataset
from stbir.model.encoder import Encoder
from stbir.train.losses import composed_loss
from stbir.train.recipe import BalanceSet


@dataclass(frozen=True)
class Queries:
    """Similarities of composed queries with a gallery.

    Attributes:
        sketch: [Q, N] cosines of the drawings.
        text: [Q, N] cosines of the words.
        target: [Q] index of the right picture.
    """

    sketch: NDArray[np.float32]
    text: NDArray[np.float32]
    target: NDArray[np.int64]


def ask(encoder: Encoder, settings: BalanceSet) -> Queries:
    """Encode a validation set: every drawing with each of the first two texts of its picture is one query.

    Args:
        encoder: The exported model.
        settings: Which set and splits.

    Returns:
        The similarities.
    """
    dataset = open_dataset(settings.name)
    asked = dataset.in_split(settings.split)
    rows = [*asked, *(dataset.in_split(*settings.distractors) if settings.distractors else ())]
    sketch_space, text_space = encoder.encode_images_in_spaces([dataset.picture(row) for row in rows])
    sketches, texts, target = [], [], []
    for index, row in enumerate(asked):
        for sketch in dataset.sketches(row):
            for text in row.all_texts[:2]:
                sketches.append(sketch)
                texts.append(text)
                target.append(index)
    return Queries(
        encoder.encode_sketches(sketches) @ sketch_space.T,
        encoder.encode_texts(texts) @ text_space.T,
        np.asarray(target),
    )


def fit_scale(sets: list[Queries], num_steps: int = 300) -> tuple[float, float]:
    """Fit the two inverse temperatures; every set counts alike.

    Args:
        sets: Validation queries.
        num_steps: Steps of Adam on the logarithms.

    Returns:
        Scale of the drawing and scale of the words, both > 0.
    """
    log_scale = torch.tensor([2.0, 2.0], requires_grad=True)
    tensors = [(torch.from_numpy(q.sketch), torch.from_numpy(q.text), torch.from_numpy(q.target)) for q in sets]
    optimiser = torch.optim.Adam([log_scale], lr=0.05)
    for _ in range(num_steps):
        scale = (log_scale[0].exp(), log_scale[1].exp())
        loss = torch.stack([composed_loss(*parts, scale) for parts in tensors]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    sketch, text = log_scale.detach().exp().tolist()
    return float(sketch), float(text)
