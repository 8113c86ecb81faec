"""How far a drawing alone or words alone can get: the best possible Acc@1, from the truth of a rendered part.

Pictures of one shape and viewpoint share their drawing: whoever has only the drawing can do no better than pick one of
them. Words fit every picture whose facts allow what they state: whoever has only the words can do no better than pick
one of those. So the ceiling of a query is one divided by the number of pictures it fits, of a set the mean over its
queries. Assumed is that a picture is as likely to be meant as any other, that a drawing says nothing of colours, and
that a text says nothing beyond the facts it states; a near twin has a drawing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stbir.errors import DatasetError
from stbir.synth.captions import agrees


@dataclass(frozen=True)
class Ceiling:
    """Best possible Acc@1 of one kind of text, each in (0, 1].

    Attributes:
        style: Who writes: a key of `stbir.synth.captions.STYLES`, or `first` for the text that a row is asked by.
        num_queries: Number of texts.
        sketch: By the drawing alone.
        text: By the words alone.
        both: By both.
    """

    style: str
    num_queries: int
    sketch: float
    text: float
    both: float


def ceilings(facts: Sequence[Mapping[str, Any]]) -> list[Ceiling]:
    """Ceilings of a gallery in which every picture is asked for once.

    Args:
        facts: The `attributes` of each row of a part's manifest: facts, `shape_group` and `states`.

    Returns:
        The ceiling of the first texts, then of each style.

    Raises:
        DatasetError: No rows, or rows without shape groups or stated facts.
    """
    if not facts:
        raise DatasetError("there are no rows to compute ceilings of: choose a split that has some")
    if not all("shape_group" in row and isinstance(row.get("states"), list) and row["states"] for row in facts):
        raise DatasetError(
            "some rows do not say their shape group and what their texts state: "
            "render the set with stbir synth render --part S, C or D"
        )
    fits = _Fits(facts)
    groups = np.array([str(row["shape_group"]) for row in facts])
    shares: dict[str, list[tuple[float, float, float]]] = {"first": []}
    for place, row in enumerate(facts):
        same_shape = groups == row["shape_group"]
        for number, stated in enumerate(row["states"]):
            fitting = fits.all_of(stated)
            if not (fitting[place] and same_shape[place]):
                raise DatasetError(f"row {place + 1} states what its own facts do not allow: {dict(stated)}")
            share = 1 / same_shape.sum(), 1 / fitting.sum(), 1 / (fitting & same_shape).sum()
            shares.setdefault(str(stated.get("style", "text")), []).append(share)
            if number == 0:
                shares["first"].append(share)
    return [Ceiling(style, len(found), *map(float, np.mean(found, axis=0))) for style, found in shares.items()]


class _Fits:
    """Which rows a statement fits, each worked out once."""

    def __init__(self, facts: Sequence[Mapping[str, Any]]) -> None:
        self._facts = facts
        self._known: dict[tuple[str, tuple[str, ...]], NDArray[np.bool_]] = {}

    def of(self, name: str, values: tuple[str, ...]) -> NDArray[np.bool_]:
        """Rows [N] that one statement fits."""
        if (name, values) not in self._known:
            self._known[name, values] = np.array([agrees(name, values, row) for row in self._facts])
        return self._known[name, values]

    def all_of(self, stated: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Rows [N] that all statements of a text fit."""
        fitting = np.ones(len(self._facts), bool)
        for name, values in stated.items():
            one_by_one = [(str(value),) for value in values] if name == "shape" else [tuple(map(str, values))]
            for few in one_by_one if name != "style" else ():
                fitting = fitting & self.of(name, few)
        return fitting
