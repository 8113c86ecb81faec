"""The class of every photo: its category, or a virtual class that data sets name or that clustering finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stbir.train.align_recipe import ClassSettings
from stbir.train.bank import FeatureBank
from stbir.train.category import align_classes, virtual_classes
from stbir.train.negatives import Rows


def photo_classes(
    bank: FeatureBank,
    categories: Rows,
    settings: ClassSettings,
    seed: int,
    embeddings: NDArray[np.float32] | None = None,
) -> Rows:
    """Give every photo of a corpus a class.

    Args:
        bank: Frozen features of photos and words to cluster by.
        categories: [N] category of every photo, -1 = none.
        settings: Categories, or virtual classes: labelled ones where the data have them, else clusters.
        seed: Of the clustering.
        embeddings: [N, D] unit rows to cluster by instead.

    Returns:
        [N], -1 = none.
    """
    if settings.classes == "category":
        return categories
    if embeddings is None:
        both = np.concatenate([_unit(bank.photo_features), _unit(_mean_texts(bank))], axis=1, dtype=np.float32)
        embeddings = both / np.float32(2**0.5)
    clusters = virtual_classes(embeddings, categories, seed=seed)
    names: dict[str, int] = {}
    found = np.full(len(categories), -1, np.int64)
    for row, photo in enumerate(bank.corpus.photos):
        if photo.virtual_class is not None:
            found[row] = names.setdefault(f"{photo.category}/{photo.virtual_class}", len(names))
        elif clusters[row] >= 0:
            found[row] = names.setdefault(f"#{clusters[row]}", len(names))
    return found


def renewed_classes(found: Rows, previous: Rows) -> Rows:
    """Classes found anew under the names of the earlier ones they share most photos with.

    Args:
        found: [N] new classes.
        previous: [N] earlier ones.

    Returns:
        [N]; photos of a class for which no earlier name is left have none.
    """
    renamed = align_classes(found, previous)
    return np.where(renamed <= previous.max(), renamed, -1)


def _unit(features: NDArray[np.floating]) -> NDArray[np.float32]:
    rows = np.asarray(features, np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


def _mean_texts(bank: FeatureBank) -> NDArray[np.float32]:
    """The mean of each photo's text features; zero where nothing is said about it."""
    texts = np.asarray(bank.texts[0], np.float32)
    found = np.zeros((len(bank.corpus.photos), texts.shape[1]), np.float32)
    for row, photo in enumerate(bank.corpus.photos):
        if photo.text_ids:
            found[row] = texts[list(photo.text_ids)].mean(0)
    return found
