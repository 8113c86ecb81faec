"""Losses as small pure functions: embeddings in, one number out.

All embeddings are unit rows; similarity is cosine, computed in at least 32 bits whatever precision the towers run in.
False negatives (the same photo, the same words, the same drawing under another index) are masked out instead of being
pushed away. docs/method.md has the equations.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cosines(rows: Tensor, others: Tensor) -> Tensor:
    """Similarity of every row with every other, never in half precision.

    Args:
        rows: [B, D] unit rows.
        others: [N, D] unit rows.

    Returns:
        [B, N] cosines.
    """
    # Autocast would multiply in bfloat16, whose three digits a scale of 100 turns into errors of 0.5 in the logits.
    with torch.autocast(rows.device.type, enabled=False):
        return _full(rows) @ _full(others).T


def pair_cosines(rows: Tensor, others: Tensor) -> Tensor:
    """Similarity of row i with the others of row i: [B, D] with [B, D] or [B, K, D] gives [B] or [B, K]."""
    rows = rows if others.dim() == rows.dim() else rows.unsqueeze(1)
    return (_full(rows) * _full(others)).sum(-1)


def info_nce(
    queries: Tensor,
    candidates: Tensor,
    scale: Tensor | float,
    same: Tensor | None = None,
    extra: Tensor | None = None,
    extra_same: Tensor | None = None,
) -> Tensor:
    """Contrastive loss in both directions with in-batch negatives.

    Args:
        queries: [B, D] unit rows.
        candidates: [B, D] unit rows; row i is the positive of query i.
        scale: Inverse temperature, > 0.
        same: [B, B] bool; True where query i and candidate j are not to be told apart. The diagonal is ignored.
        extra: [M, D] unit rows, further negatives of the queries (a memory, further photos); none of the candidates'.
        extra_same: [B, M] bool; True where query i and extra row j are not to be told apart.

    Returns:
        Mean cross entropy of both directions, >= 0; chance level is log B (forward: log(B + M)).

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", eq. 4; symmetric as in
    CLIP (Radford et al. 2021); further negatives as in Wang et al., "Cross-Batch Memory", CVPR 2020.
    """
    logits = scale * cosines(queries, candidates)
    target = torch.arange(len(logits), device=logits.device)
    if same is not None:
        hidden = same & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(hidden, float("-inf"))
    forward = logits
    if extra is not None:
        further = scale * cosines(queries, extra)
        if extra_same is not None:
            further = further.masked_fill(extra_same, float("-inf"))
        forward = torch.cat([logits, further], 1)
    return 0.5 * (F.cross_entropy(forward, target) + F.cross_entropy(logits.T, target))


def own_negatives_nce(
    anchor: Tensor, positive: Tensor, negatives: Tensor, temperature: float, valid: Tensor | None = None
) -> Tensor:
    """Contrastive loss in which each anchor sees its positive and its own negatives, nobody else's.

    Args:
        anchor: [B, D] unit rows.
        positive: [B, D] unit rows.
        negatives: [B, K, D] unit rows.
        temperature: Divides the cosines, > 0.
        valid: [B, K] bool; False where a negative is padding or a false one. Padding must be finite.

    Returns:
        Mean cross entropy, >= 0; chance level is log(1 + K), and 0 for an anchor without a valid negative.

    Source: van den Oord et al. 2018, eq. 4, with the mined negatives of STBIR's public code and no in-batch ones.
    """
    against = pair_cosines(anchor, negatives) / temperature
    if valid is not None:
        against = against.masked_fill(~valid, float("-inf"))
    own = pair_cosines(anchor, positive) / temperature
    logits = torch.cat([own.unsqueeze(1), against], 1)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def category_nce(queries: Tensor, candidates: Tensor, scale: Tensor | float, positive: Tensor) -> Tensor:
    """Contrastive loss of queries that mean a kind of thing: any candidate of the kind will do.

    Args:
        queries: [K, D] unit rows.
        candidates: [B, D] unit rows.
        scale: Inverse temperature, > 0.
        positive: [K, B] bool; at least one True in a row.

    Returns:
        Mean of -log of the share that the positives have of the softmax, >= 0.

    Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, eq. 3 (the sum inside the logarithm).
    """
    logits = scale * cosines(queries, candidates)
    own = logits.masked_fill(~positive, float("-inf"))
    return (logits.logsumexp(1) - own.logsumexp(1)).mean()


def sigmoid_loss(
    queries: Tensor, candidates: Tensor, scale: Tensor | float, bias: Tensor | float, same: Tensor | None = None
) -> Tensor:
    """Every pair of the batch is a yes-or-no question of its own: do these two belong together?

    Args:
        queries: [B, D] unit rows.
        candidates: [B, D] unit rows; row i is the positive of query i.
        scale: Inverse temperature, > 0; the source starts at 10.
        bias: Added to every logit; the source starts at -10, as nearly all pairs do not match.
        same: [B, B] bool; True where query i and candidate j are not to be told apart. The diagonal is ignored.

    Returns:
        Sum over the asked pairs of the logistic loss, divided by B; >= 0.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023, algorithm 1.
    """
    logits = scale * cosines(queries, candidates) + bias
    is_pair = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    loss = F.softplus(torch.where(is_pair, -logits, logits))
    if same is not None:
        loss = loss.masked_fill(same & ~is_pair, 0.0)
    return loss.sum() / len(logits)


def cosine_triplet(
    anchor: Tensor, positive: Tensor, negatives: Tensor, margin: float, valid: Tensor | None = None
) -> Tensor:
    """A positive must be nearer than each of the anchor's negatives by a margin.

    Args:
        anchor: [B, D] unit rows.
        positive: [B, D] unit rows.
        negatives: [B, K, D] unit rows.
        margin: In cosine, > 0.
        valid: [B, K] bool; False where a negative is padding or a false one. Padding must be finite.

    Returns:
        Mean hinge over all valid negatives, in [0, margin + 2]; 0 where none is valid; the margin for equal rows.

    Source: Schroff et al., "FaceNet", CVPR 2015, section 3.1, with cosines in place of squared distances.
    """
    own = pair_cosines(anchor, positive).unsqueeze(1)
    hinge = F.relu(margin - own + pair_cosines(anchor, negatives))
    if valid is None:
        return hinge.sum() / max(1, hinge.numel())
    return hinge.masked_fill(~valid, 0.0).sum() / valid.sum().clamp(min=1)


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
    return F.cross_entropy(scale * cosines(embeddings[known], prototypes), target[known])


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
    sketch_similarity: Tensor,
    text_similarity: Tensor,
    target: Tensor,
    scale: tuple[Tensor, Tensor],
    same: Tensor | None = None,
) -> Tensor:
    """Cross entropy of the composed query over a gallery: a product of two experts.

    Args:
        sketch_similarity: [Q, N] cosines of the drawings with the gallery.
        text_similarity: [Q, N] cosines of the words with the gallery.
        target: [Q] index of the right picture.
        scale: Inverse temperatures of drawing and words, each one number [] or one per query [Q]; 0 = not given.
        same: [Q, N] bool; True where query i and picture j are not to be told apart. The target is always kept.

    Returns:
        Mean cross entropy, chance level log N.

    Source: own; Hinton's product of experts applied to two retrieval softmaxes.
    """
    of_sketch, of_text = (part.unsqueeze(-1) if part.dim() else part for part in scale)
    logits = of_sketch * _full(sketch_similarity) + of_text * _full(text_similarity)
    if same is not None:
        hidden = same.scatter(1, target.unsqueeze(1), False)
        logits = logits.masked_fill(hidden, float("-inf"))
    return F.cross_entropy(logits, target)


def _full(x: Tensor) -> Tensor:
    """At least 32 bits; 64 stay 64."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
