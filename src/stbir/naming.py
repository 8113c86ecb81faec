"""Words that stand in a picture's name or in what its owner wrote about it: a further signal beside drawing and words.

Off by default. A picture whose name holds all the query's words gains the full bonus, one that holds half of them half
of it; the bonus is added to the similarity. Candidates are the nearest pictures and the nearest of those whose text
holds a word, so a name can lift a picture that is far down, but never bring in one that drawing and words refuse
altogether while the bonus is small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stbir.errors import QueryError

MAX_WORDS = 8
MIN_LETTERS = 3
TEXT_COLUMNS = ("caption", "title", "description", "tags", "keywords")
STOP_WORDS = frozenset({"and", "are", "for", "from", "its", "not", "off", "one", "the", "this", "that", "with"})
TextsOf = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True)
class NameSignal:
    """How names count in a search.

    Attributes:
        weight: Bonus of a picture whose text holds all words, 0 to 1.
        columns: Where the words are looked for: `name`, and text columns of the user's own.
        texts_of: Gives by id the text of those columns; None where there is only the name.
    """

    weight: float
    columns: tuple[str, ...] = ("name",)
    texts_of: TextsOf | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise QueryError(f"names={self.weight} is out of range: give a bonus of 0 to 1, such as 0.1")


def search_words(text: str) -> tuple[str, ...]:
    """The words worth looking for, in lower case, each once.

    >>> search_words("the red Suede boot, red laces")
    ('red', 'suede', 'boot', 'laces')
    """
    words = (word for word in re.findall(r"[^\W_]+", text.lower()) if len(word) >= MIN_LETTERS)
    return tuple(dict.fromkeys(word for word in words if word not in STOP_WORDS))[:MAX_WORDS]


def holds_any(words: Sequence[str], columns: Sequence[str]) -> str:
    """SQL condition: one of the columns holds one of the words.

    >>> holds_any(["red"], ["name"])
    "lower(name) LIKE '%red%'"
    """
    return " OR ".join(f"lower({column}) LIKE '%{word}%'" for column in columns for word in words)


def share_held(words: Sequence[str], text: str) -> float:
    """Share of the words that a text holds, 0 to 1."""
    low = text.lower()
    return sum(word in low for word in words) / len(words) if words else 0.0
