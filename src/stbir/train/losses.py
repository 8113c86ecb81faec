"""Losses as small pure functions: embeddings in, one number out.

All embeddings are unit rows; similarity is cosine. False negatives (the same photo, the same words, the same drawing
under another index) are masked out instead of being pushed away.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(queries: Tensor, candidates: Tensor, scale: Tensor | float, same: Tensor | None = None) -> Tensor:
    """Contrastive loss in both directions with in-batch negatives.

    Args:
        queries: [B, D] unit rows.
        candidates: [B, D] unit rows; row i is the positive of query i.
        scale: Inverse temperature, > 0.
        same: [B, B] bool; True where query i and candidate j are not to be told apart. The diagonal is ignored.

    Returns:
        Mean cross entropy of both directions, >= 0; chance level is log B.

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", eq. 4; symmetric as in
    CLIP (Radford et al. 2021).
    """
    logits = scale * queries @ candidates.T
    target = torch.arange(len(logits), device=logits.device)
    if same is not None:
        hidden = same & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(hidden, float("-inf"))
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def prototype_loss(embeddings: Tensor, prototypes: Tensor, target: Tensor, scale: Tensor | float) -> Tensor:
    """Classify embeddings by their nearest class prototype.

    Args:
        embeddings: [B, D] unit rows.
        prototypes: [C, D] unit rows.
        target: [B] class indices; -1 = unknown, left out.
        scale: Inverse temperature, > 0.

    Returns:
        Mean cross entropy over the known rows, 0 where none is known; chance level is log C.

    Source: normalised softmax, Zhai & Wu, "Classification is a Strong Baseline for Deep Metric Learning", eq. 3.
    """
    known = target >= 0
    if not bool(known.any()):
        return embeddings.sum() * 0.0
    return F.cross_entropy(scale * embeddings[known] @ prototypes.T, target[known])


def distillation_loss(logits: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Follow a teacher's class probabilities.

    Args:
        logits: [B, C] of the student.
        teacher: [B, C] logits of the teacher.
        temperature: Softening of both, > 0.

    Returns:
        Mean Kullback-Leibler divergence times the squared temperature, >= 0.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network", section 2.
    """
    own = F.log_softmax(logits / temperature, -1)
    theirs = F.log_softmax(teacher / temperature, -1)
    return F.kl_div(own, theirs, log_target=True, reduction="batchmean") * temperature**2


def composed_loss(
    sketch_similarity: Tensor, text_similarity: Tensor, target: Tensor, scale: tuple[Tensor, Tensor]
) -> Tensor:
    """Cross entropy of the composed query over a gallery: a product of two experts.

    Args:
        sketch_similarity: [Q, N] cosines of the drawings with the gallery.
        text_similarity: [Q, N] cosines of the words with the gallery.
        target: [Q] index of the right picture.
        scale: Inverse temperatures of drawing and words.

    Returns:
        Mean cross entropy, chance level log N.

    Source: own; Hinton's product of experts applied to two retrieval softmaxes.
    """
    logits = scale[0] * sketch_similarity + scale[1] * text_similarity
    return F.cross_entropy(logits, target)
