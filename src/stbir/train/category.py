"""Category knowledge: heads that classify embeddings with a margin, and virtual classes found by clustering.

A head lives in training only; what it leaves behind is the shape of the space. Virtual classes cut a category into
groups of look-alikes, so that a head must tell a high boot from an ankle boot and hard negatives come from one group.
Rows in, numbers or class ids out; nothing here reads a data set.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.errors import ConfigError
from stbir.train.losses import cosines

HeadKind = Literal["linear", "arcface", "cosface", "subcentre"]

# 1 - cos^2 below this counts as this: the slope of the sine is infinite where it is 0.
_LEAST_SINE_SQUARED = 1e-6
_MOST_ROUNDS = 50
_KEPT_USES = 0.99


class MarginHead(nn.Module):
    """A classifier whose right class must win by a margin.

    Source: ArcFace, Deng et al., CVPR 2019, eq. 3; CosFace, Wang et al., CVPR 2018, eq. 4; Sub-centre ArcFace, Deng et
    al., ECCV 2020. Where an angle plus the margin would pass 180 degrees, the cosine less margin * sin(margin)
    stands in, as in the authors' code (InsightFace, `easy_margin=False`): the logit keeps falling with the angle.
    """

    def __init__(
        self,
        kind: HeadKind,
        num_classes: int,
        dim: int,
        *,
        margin: float = 0.2,
        scale: float = 32.0,
        num_centres: int = 3,
    ) -> None:
        """Draw the class weights from PyTorch's present seed.

        Args:
            kind: `linear` is a plain layer with a bias and has neither margin nor scale; `arcface` and `subcentre` add
                the margin to the angle; `cosface` takes it off the cosine.
            num_classes: Classes, at least 1.
            dim: Length of the embeddings.
            margin: Radians (`arcface`, `subcentre`; below pi / 2) or cosine (`cosface`), >= 0.
            scale: Inverse temperature, > 0.
            num_centres: Weights of a class (`subcentre`); a row is compared with the nearest.

        Raises:
            ConfigError: An unknown kind or an impossible number.
        """
        super().__init__()
        if kind not in get_args(HeadKind):
            raise ConfigError(f"no class head {kind!r}: choose one of {', '.join(get_args(HeadKind))}")
        if num_classes < 1 or dim < 1 or num_centres < 1:
            raise ConfigError(
                f"class head: {num_classes} classes, {dim} dimensions and {num_centres} centres must each be 1 or more"
            )
        if not 0 <= margin < math.pi / 2 or scale <= 0:
            raise ConfigError(f"class head: margin {margin} must be in [0, 1.57) and scale {scale} above 0")
        self.kind, self.margin, self.scale = kind, margin, scale
        self.num_classes = num_classes
        self.num_centres = num_centres if kind == "subcentre" else 1
        self.weight = nn.Parameter(torch.empty(num_classes, self.num_centres, dim))
        nn.init.xavier_uniform_(self.weight.view(-1, dim))
        self.bias = nn.Parameter(torch.zeros(num_classes)) if kind == "linear" else None
        # How often each centre was lately the nearest of its class: the most used one stands for the class.
        self.uses: Tensor
        self.register_buffer("uses", torch.zeros(num_classes, self.num_centres))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Scores without the margin: [B, D] unit rows -> [B, C]."""
        if self.bias is not None:
            return cosines(embeddings, self.weight[:, 0]) + self.bias
        return self.scale * self._centre_cosines(embeddings).amax(-1)

    def loss(self, embeddings: Tensor, target: Tensor) -> Tensor:
        """Cross entropy with the margin on the right class.

        Args:
            embeddings: [B, D] unit rows.
            target: [B] class ids; -1 = unknown, left out.

        Returns:
            Mean over the known rows, >= 0; 0 where none is known.
        """
        known = target >= 0
        if not bool(known.any()):
            return embeddings.sum() * 0.0 + self.weight.sum() * 0.0
        embeddings, target = embeddings[known], target[known]
        if self.bias is not None:
            return F.cross_entropy(self.logits(embeddings), target)
        by_centre = self._centre_cosines(embeddings)
        if self.training and self.num_centres > 1:
            self._count(by_centre.detach(), target)
        cos, place = by_centre.amax(-1), target.unsqueeze(1)
        cos = cos.scatter(1, place, self._with_margin(cos.gather(1, place)))
        return F.cross_entropy(self.scale * cos, target)

    def forward(self, embeddings: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return self.loss(embeddings, target)

    def prototypes(self) -> Tensor:
        """One unit row a class, [C, D]: its weight; of several centres the one most rows were nearest to lately."""
        used = self.uses.argmax(1)
        return F.normalize(self.weight[torch.arange(self.num_classes, device=used.device), used], dim=-1)

    def _centre_cosines(self, embeddings: Tensor) -> Tensor:
        """[B, D] -> [B, C, K]."""
        centres = F.normalize(self.weight, dim=-1).flatten(0, 1)
        return cosines(embeddings, centres).view(-1, self.num_classes, self.num_centres)

    def _count(self, by_centre: Tensor, target: Tensor) -> None:
        nearest = by_centre[torch.arange(len(target), device=target.device), target].argmax(-1)
        self.uses *= _KEPT_USES
        self.uses.index_put_((target, nearest), torch.ones_like(nearest, dtype=self.uses.dtype), accumulate=True)

    def _with_margin(self, cos: Tensor) -> Tensor:
        if self.kind == "cosface":
            return cos - self.margin
        sine = (1 - cos**2).clamp(min=_LEAST_SINE_SQUARED).sqrt()
        turned = cos * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cos - self.margin * math.sin(self.margin)
        return torch.where(cos > math.cos(math.pi - self.margin), turned, beyond)


def virtual_classes(
    features: NDArray[np.float32],
    category: NDArray[np.int64],
    *,
    items_per_class: int = 40,
    max_per_category: int = 24,
    max_unknown: int = 256,
    seed: int,
) -> NDArray[np.int64]:
    """Cut every category into groups of items that are alike: spherical k-means inside each.

    Args:
        features: [N, D] unit rows, for example image and text features side by side.
        category: [N] category ids; -1 = unknown.
        items_per_class: A category of n items is cut into about n / items_per_class classes.
        max_per_category: Most classes of one category.
        max_unknown: Most classes of the items of unknown category, which are clustered as one pool; 0 leaves them out.
        seed: Of the first centres.

    Returns:
        [N] class ids, 0..C-1, each with at least one item; -1 = left out. Ids go by category, then by the first item,
        unknown ones last: they depend on what was found, not on the order in which it was found.

    Raises:
        ConfigError: The shapes do not fit, a feature is not finite, or a number is below 1.

    Source: own; Dhillon & Modha, "Concept Decompositions for Large Sparse Text Data using Clustering", 2001, for the
    clustering, Arthur & Vassilvitskii, "k-means++", 2007, for the first centres.
    """
    if features.ndim != 2 or category.shape != (len(features),):
        raise ConfigError(
            f"virtual classes: features {features.shape} and category {category.shape} must be [N, D] and [N]"
        )
    if min(items_per_class, max_per_category) < 1 or max_unknown < 0:
        raise ConfigError(
            f"virtual classes: items_per_class {items_per_class} and max_per_category {max_per_category} must be 1 or "
            f"more, max_unknown {max_unknown} 0 or more"
        )
    if not np.isfinite(features).all():
        raise ConfigError("virtual classes: a feature is not finite; the towers that made it have diverged")
    result = np.full(len(features), -1, np.int64)
    known, unknown = np.unique(category[category >= 0]), np.asarray([-1] if (category < 0).any() else [], np.int64)
    num_classes = 0
    for name in np.concatenate([known, unknown]):
        items = np.flatnonzero(category == name if name >= 0 else category < 0)
        most = max_per_category if name >= 0 else max_unknown
        if most == 0:
            continue
        wanted = min(max(1, round(len(items) / items_per_class)), most, len(items))
        rng = np.random.default_rng([seed, int(name) + 1])
        result[items] = num_classes + _in_order(_spherical_k_means(features[items], wanted, rng))
        num_classes += wanted
    return result


def align_classes(found: NDArray[np.int64], previous: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rename classes so that each keeps the id of the earlier class it shares most items with.

    A head's class weights then stay meaningful when virtual classes are found anew.

    Args:
        found: [N] new class ids; -1 = none.
        previous: [N] earlier class ids of the same items; -1 = none.

    Returns:
        [N] the new classes under ids in 0..max(number of new, number of earlier classes) - 1. Pairs are matched
        greedily, largest overlap first; a class without a partner gets the lowest free id.

    Raises:
        ConfigError: The lengths differ.
    """
    if found.shape != previous.shape:
        raise ConfigError(f"virtual classes: {found.shape} new ids cannot follow {previous.shape} earlier ones")
    num_found, num_previous = int(found.max(initial=-1)) + 1, int(previous.max(initial=-1)) + 1
    both = (found >= 0) & (previous >= 0)
    pairs, shared = np.unique(np.stack([found[both], previous[both]]), axis=1, return_counts=True)
    names = np.full(num_found, -1, np.int64)
    free = np.ones(max(num_found, num_previous), bool)
    # Stable: equal overlaps go by new id, then by earlier id.
    for new, old in pairs[:, np.argsort(-shared, kind="stable")].T:
        if names[new] < 0 and free[old]:
            names[new], free[old] = old, False
    alone = np.flatnonzero(names < 0)
    names[alone] = np.flatnonzero(free)[: len(alone)]
    return np.where(found >= 0, names[found], -1) if num_found else found.copy()


def _spherical_k_means(x: NDArray[np.float32], num: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Cluster unit rows [N, D] by cosine into `num` groups, none of them empty."""
    centres = _first_centres(x, num, rng)
    labels = np.full(len(x), -1, np.int64)
    for _ in range(_MOST_ROUNDS):
        similarity = x @ centres.T
        changed = similarity.argmax(1)
        _refill(changed, similarity, num)
        if (changed == labels).all():
            break
        labels = changed
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, x)
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return labels


def _first_centres(x: NDArray[np.float32], num: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """k-means++: each further centre is an item, drawn in proportion to its distance from the nearest one so far."""
    chosen = [int(rng.integers(len(x)))]
    distance = np.maximum(0.0, 1.0 - x @ x[chosen[0]])
    while len(chosen) < num:
        distance[chosen] = 0.0
        reached = np.cumsum(distance, dtype=np.float64)
        if reached[-1] > 0:
            chosen.append(int(np.searchsorted(reached, rng.random() * reached[-1], side="right")))
        else:
            # All the rest lie on a centre: any of them will do, and `_refill` gives it an item.
            chosen.append(int(np.setdiff1d(np.arange(len(x)), chosen)[0]))
        distance = np.minimum(distance, np.maximum(0.0, 1.0 - x @ x[chosen[-1]]))
    return x[chosen].copy()


def _refill(labels: NDArray[np.int64], similarity: NDArray[np.float32], num: int) -> None:
    """Give every empty group the item that fits its own worst, out of a group that can spare one."""
    counts = np.bincount(labels, minlength=num)
    fit = similarity[np.arange(len(labels)), labels]
    for empty in np.flatnonzero(counts == 0):
        worst = int(np.where(counts[labels] > 1, fit, np.inf).argmin())
        counts[labels[worst]] -= 1
        labels[worst] = empty
        counts[empty], fit[worst] = 1, np.inf


def _in_order(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number groups by their first item."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    result: NDArray[np.int64] = place[inverse]
    return result
