"""How drawing, words and example picture become one query vector: pure NumPy, no model.

There are two comparison spaces. A gallery vector holds a picture's place in both, `concat(sketch space, text space) /
sqrt(2)`. A query vector holds the query's parts, weighted, so one dot product gives the weighted sum of cosines, and
moving the weight from drawing to words needs no re-encoding of the gallery.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stbir.errors import QueryError
from stbir.model.bundle import Dims, Fusion, Scale
from stbir.query import Weights

Vectors = NDArray[np.float32]

NEGATIVE_SHARE = 0.5
SQRT2 = math.sqrt(2.0)


def gallery_vectors(sketch_space: Vectors, text_space: Vectors) -> Vectors:
    """Join the two spaces of pictures into gallery vectors.

    Args:
        sketch_space: [N, Ds], unit rows.
        text_space: [N, Dt], unit rows.

    Returns:
        [N, Ds + Dt], unit rows.

    >>> gallery_vectors(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32)).round(3).tolist()
    [[0.7070000171661377, 0.7070000171661377]]
    """
    return np.asarray(np.concatenate([sketch_space, text_space], axis=1) / np.float32(SQRT2), np.float32)


def shares(given: set[str], weights: Weights, scale: Scale) -> dict[str, float]:
    """How much each given part counts, summing to 1.

    Args:
        given: Which of sketch, text, image the query holds.
        weights: The user's weights.
        scale: The model's learned balance; an example image lies in both spaces and takes their mean.

    Returns:
        Share of each given part, each in [0, 1].

    Raises:
        QueryError: All of them have weight 0.
    """
    scales = {"sketch": scale.sketch, "text": scale.text, "image": (scale.sketch + scale.text) / 2}
    raw = {name: getattr(weights, name) * scales[name] for name in sorted(given)}
    total = sum(raw.values())
    if not 0 < total < math.inf:
        raise QueryError(f"the weights of {', '.join(sorted(given))} add up to {total:g}: raise one above 0")
    return {name: value / total for name, value in raw.items()}


def query_scale(fusion: Fusion, sketch: Vectors, text: Vectors) -> Scale:
    """How much drawing and words of one query count before the user's weights.

    Args:
        fusion: The model's balance.
        sketch: [Ds], unit: the drawing.
        text: [Dt], unit: the words.

    Returns:
        The balance, corrected by the model's gate where it has one.
    """
    gate = fusion.gate
    if gate is None:
        return fusion.scale
    hidden, hidden_bias, out, out_bias = gate.arrays
    inner = np.tanh(hidden @ np.concatenate([sketch, text]) + hidden_bias)
    change = gate.limit * np.tanh(out @ inner + out_bias)
    return Scale(sketch=fusion.scale.sketch * math.exp(change[0]), text=fusion.scale.text * math.exp(change[1]))


def compose(
    dims: Dims,
    fusion: Fusion,
    weights: Weights,
    *,
    sketch: Vectors | None = None,
    text: Vectors | None = None,
    image: Vectors | None = None,
    negative: Vectors | None = None,
) -> Vectors:
    """Make the one query vector.

    Args:
        dims: Lengths of the two spaces.
        fusion: The model's learned balance.
        weights: The user's weights.
        sketch: [Ds], unit: the drawing.
        text: [Dt], unit: the words.
        image: [Ds + Dt], unit: the example picture's gallery vector.
        negative: [Dt], unit: the words that should not match; half as strong as words that should.

    Returns:
        [Ds + Dt], not unit: `score` of it with a gallery vector is the weighted sum of cosines. At least one of
        sketch, text and image must be given with a weight above 0 (`stbir.query.Query` sees to it).
    """
    parts = {"sketch": sketch, "text": text, "image": image}
    scale = fusion.scale if sketch is None or text is None else query_scale(fusion, sketch, text)
    share = shares({name for name, vector in parts.items() if vector is not None}, weights, scale)
    query = np.zeros(dims.total, np.float32)
    if sketch is not None:
        query[: dims.sketch] += np.float32(share["sketch"]) * sketch
    if text is not None:
        query[dims.sketch :] += np.float32(share["text"]) * text
    if image is not None:
        query += np.float32(share["image"] / SQRT2) * image
    if negative is not None:
        strength = share["text"] if text is not None else shares({*share, "text"}, weights, scale)["text"]
        query[dims.sketch :] -= np.float32(NEGATIVE_SHARE * strength) * negative
    return query


def scores(query: Vectors, gallery: Vectors) -> Vectors:
    """Similarity of a query with pictures.

    Args:
        query: [D] or [Q, D], from `compose`.
        gallery: [N, D], gallery vectors.

    Returns:
        [N] or [Q, N], the weighted sums of cosines, in [-1, 1] where nothing is negated.
    """
    return np.asarray(query @ gallery.T, np.float32) * np.float32(SQRT2)


def part_scores(
    dims: Dims,
    gallery: Vectors,
    *,
    sketch: Vectors | None = None,
    text: Vectors | None = None,
    image: Vectors | None = None,
) -> dict[str, Vectors]:
    """Cosine of each given part alone with pictures.

    Args:
        dims: Lengths of the two spaces.
        gallery: [N, Ds + Dt], gallery vectors.
        sketch: [Ds], unit.
        text: [Dt], unit.
        image: [Ds + Dt], unit.

    Returns:
        For each given part [N], in [-1, 1].
    """
    parts: dict[str, Vectors] = {}
    if sketch is not None:
        parts["sketch"] = scores(sketch, gallery[:, : dims.sketch])
    if text is not None:
        parts["text"] = scores(text, gallery[:, dims.sketch :])
    if image is not None:
        parts["image"] = np.asarray(gallery @ image, np.float32)
    return parts
