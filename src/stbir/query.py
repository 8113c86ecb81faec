"""What is asked and what comes back: `Query`, `Weights`, `Hit`.

A query is one object whatever the user gave: a drawing, words, an example picture, words that must not match, and how
much each counts. `stbir.search` turns it into one vector. This module holds data only; it imports no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from stbir.errors import QueryError

if TYPE_CHECKING:
    from stbir.strokes import Sketch

MODALITIES = ("sketch", "text", "image")


@dataclass(frozen=True)
class Weights:
    """How much each part of a query counts, relative to the others; 1 is the balance the model learned.

    Attributes:
        sketch: Weight of the drawing, >= 0.
        text: Weight of the words, >= 0.
        image: Weight of the example picture, >= 0.
    """

    sketch: float = 1.0
    text: float = 1.0
    image: float = 1.0

    def __post_init__(self) -> None:
        for name in MODALITIES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise QueryError(f"weight {name}={value!r} is not a number: give a number of 0 or more")
            if not (0.0 <= float(value) < float("inf")):
                raise QueryError(f"weight {name}={value} is out of range: give a number of 0 or more")

    @classmethod
    def parse(cls, text: str) -> Weights:
        """Read the command line's form.

        Args:
            text: Comma-separated pairs, for example `sketch=0.7,text=0.3`; parts left out keep weight 1.

        Returns:
            The weights.

        Raises:
            QueryError: An unknown name or a value that is not a number.

        >>> Weights.parse("sketch=0.7,text=0.3")
        Weights(sketch=0.7, text=0.3, image=1.0)
        """
        values: dict[str, float] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, separator, number = pair.partition("=")
            name = name.strip()
            if not separator or name not in MODALITIES:
                raise QueryError(f"cannot read weight {pair!r}: write for example sketch=0.7,text=0.3")
            try:
                values[name] = float(number)
            except ValueError:
                raise QueryError(f"weight {name}={number!r} is not a number: write for example {name}=0.5") from None
        return cls(**values)


@dataclass(frozen=True)
class Query:
    """One question to a gallery; at least one of sketch, text and image is given.

    Attributes:
        sketch: A drawing.
        text: Words that should match.
        image: An example picture: a file.
        negative: Words that should not match.
        weights: How much each part counts.
        like: An example from the gallery itself: a picture's id. It takes the place of `image`.
    """

    sketch: Sketch | None = None
    text: str | None = None
    image: Path | None = None
    negative: str | None = None
    weights: Weights = field(default_factory=Weights)
    like: str | None = None

    def __post_init__(self) -> None:
        for name in ("text", "negative"):
            value = getattr(self, name)
            if value is not None:
                _check_words(name, value)
        if not isinstance(self.weights, Weights):
            raise QueryError(
                f"weights {self.weights!r} cannot be used: give Weights, a mapping such as {{'sketch': 0.7}}, "
                "or text such as sketch=0.7,text=0.3"
            )
        if self.like is not None and (not isinstance(self.like, str) or not self.like.strip()):
            raise QueryError(f"like={self.like!r} is not the id of a picture: give the id of a hit")
        if self.like is not None and self.image is not None:
            raise QueryError("the query has two examples, a file and a picture of the gallery: give one of them")
        given = [name for name in MODALITIES if getattr(self, name) is not None]
        if self.like is not None:
            given.append("image")
        if not given:
            raise QueryError("the query is empty: give a drawing, words or an example picture")
        if all(getattr(self.weights, name) == 0 for name in given):
            raise QueryError(f"every given part of the query ({', '.join(given)}) has weight 0: raise one above 0")


@dataclass(frozen=True)
class Hit:
    """One picture found.

    Attributes:
        rank: 1-based position.
        id: The picture's id in its gallery.
        path: Where the picture lies.
        score: Similarity of the whole query, in [-1, 1]; higher is better.
        parts: Similarity of each given part alone, in [-1, 1].
        num_duplicates: How many further pictures that look the same were left out in its favour.
    """

    rank: int
    id: str
    path: Path
    score: float
    parts: dict[str, float]
    num_duplicates: int = 0


def _check_words(name: str, words: str) -> None:
    if not isinstance(words, str):
        raise QueryError(f"the {name} of the query is {words!r}: expected words")
    if not words.strip():
        raise QueryError(f"the {name} of the query is empty: write a few words or leave it out")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise QueryError(f"the {name} of the query is not valid Unicode ({words!a}): write it anew") from None
