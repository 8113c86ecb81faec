"""Validation figures of a stage, counted as evaluation counts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stbir.errors import ConfigError


def rank_figures(name: str, similarity: NDArray[np.float32], target: NDArray[np.int64]) -> dict[str, float]:
    """Acc@1, Acc@10 and MRR of one retrieval task, ties against the system.

    Args:
        name: Prefix of the figures.
        similarity: [Q, N] of queries with a gallery.
        target: [Q] position of the right one.

    Returns:
        `<name>_acc1`, `<name>_acc10`, `<name>_mrr`, each in [0, 1].

    Raises:
        ConfigError: A similarity is not finite: the training has diverged.
    """
    if not np.isfinite(similarity).all():
        raise ConfigError(
            f"validation {name}: embeddings are not finite; lower the learning rate and start with --fresh"
        )
    own = similarity[np.arange(len(target)), target]
    rank = (similarity >= own[:, None]).sum(1)
    return {
        f"{name}_acc1": float((rank <= 1).mean()),
        f"{name}_acc10": float((rank <= 10).mean()),
        f"{name}_mrr": float((1 / rank).mean()),
    }


def with_score(figures: dict[str, float]) -> dict[str, float]:
    """Add `score`, the mean of all MRRs.

    Raises:
        ConfigError: There is no validation task.
    """
    found = [value for name, value in figures.items() if name.endswith("_mrr")]
    if not found:
        raise ConfigError("no data set of the recipe has a split 'val' to choose the best weights by: add one")
    return {**figures, "score": float(np.mean(found))}
