"""Which words of a text say what: stated colours, materials and patterns, other adjectives, and where clauses end.

In: what somebody typed. Out: spans of characters with the families they belong to. Words are found as whole words,
longest first, whatever their case; neighbouring colours (`golden brown`, `black-brown`) are one statement that belongs
to all their families. Imports the vocabulary only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Literal

from stbir.corrupt.vocabulary import (
    ADJECTIVES,
    COLORS,
    COLORS_NEAR,
    MATERIALS,
    MATERIALS_NEAR,
    PATTERNS,
    PATTERNS_NEAR,
    SHADES,
)

Kind = Literal["color", "material", "pattern"]

KINDS: tuple[Kind, ...] = ("color", "material", "pattern")
NEAR: dict[Kind, Mapping[str, tuple[str, ...]]] = {
    "color": COLORS_NEAR,
    "material": MATERIALS_NEAR,
    "pattern": PATTERNS_NEAR,
}
MAX_TEXT_LENGTH = 2000

_CLAUSE = re.compile(
    r"(?<!\s)\s*[,;:.!?]+\s*|(?<!\s)\s+(?=(?:with|in|on|at|against|under|over|showing|shown|seen|held|beside|behind|near|"
    r"inside|between|for|from|made of)\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """One stated attribute.

    Attributes:
        start: First character.
        stop: Character after the last.
        kind: What is stated.
        families: The families its words belong to.
        is_noun: Whether a pattern is named as a thing ("dots") rather than before one ("dotted").
    """

    start: int
    stop: int
    kind: Kind
    families: frozenset[str]
    is_noun: bool = False


def statements(text: str) -> tuple[Statement, ...]:
    """The colours, materials and patterns that a text states, in order and without overlap.

    >>> [(s.kind, sorted(s.families)) for s in statements("dark brown velvet chair")]
    [('color', ['brown']), ('material', ['textile'])]
    """
    pattern, meanings = _lexicon()
    found: list[Statement] = []
    for match in pattern.finditer(text):
        kind, family, is_noun = meanings[_plain(match["word"])]
        here = Statement(match.start(), match.end(), kind, frozenset([family]), is_noun)
        last = found[-1] if found else None
        is_joined = last is not None and text[last.stop : here.start] in ("-", " ", "/")
        if last is not None and is_joined and kind == "color" == last.kind:
            found[-1] = Statement(last.start, here.stop, kind, last.families | here.families)
        else:
            found.append(here)
    return tuple(found)


def contradicts(kind: Kind, families: Iterable[str], other: str) -> bool:
    """Whether a thing of these families can not be of the other family too."""
    return all(family != other and other not in near_families(kind, family) for family in families)


def near_families(kind: Kind, family: str) -> frozenset[str]:
    """Families that could be said of the same thing, both ways round."""
    table = NEAR[kind]
    return frozenset(table.get(family, ())) | {name for name, near in table.items() if family in near}


def word_spans(text: str) -> list[tuple[int, int]]:
    """First and last-plus-one character of every word; hyphens and apostrophes stay inside."""
    return [match.span() for match in re.finditer(r"\w+(?:[-'’]\w+)*", text)]


def adjective_spans(text: str) -> list[tuple[int, int]]:
    """Where an adjective stands that is no stated colour, material or pattern."""
    taken = [(s.start, s.stop) for s in statements(text)]
    spans = word_spans(text)
    return [
        (start, stop)
        for start, stop in spans
        if text[start:stop].lower() in ADJECTIVES and not any(a < stop and start < b for a, b in taken)
    ]


def clauses(text: str) -> list[tuple[int, int]]:
    """Spans of the parts of a text: between commas and before prepositions; none is blank."""
    cuts = [match.span() for match in _CLAUSE.finditer(text)]
    starts = [0, *(stop for _, stop in cuts)]
    stops = [*(start for start, _ in cuts), len(text)]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if text[start:stop].strip()]


def _plain(word: str) -> str:
    return re.sub(r"[\s-]+", " ", word.lower())


@cache
def _lexicon() -> tuple[re.Pattern[str], dict[str, tuple[Kind, str, bool]]]:
    """A pattern that finds every stated word, and what each means."""
    meanings: dict[str, tuple[Kind, str, bool]] = {}
    for family, (before, nouns) in PATTERNS.items():
        meanings.update({_plain(word): ("pattern", family, False) for word in before})
        meanings.update({_plain(word): ("pattern", family, True) for word in nouns})
    for family, words in MATERIALS.items():
        meanings.update({_plain(word): ("material", family, False) for word in words})
    for family, words in COLORS.items():
        meanings.update({_plain(word): ("color", family, False) for word in words})
    longest_first = sorted(meanings, key=lambda word: (-len(word), word))
    known = "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in longest_first)
    shades = "|".join(sorted(SHADES, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?<!\d-)(?:(?:{shades})[\s-]+)*(?P<word>{known})(?!\w)", re.IGNORECASE), meanings


def all_words(kind: Kind, family: str) -> tuple[str, ...]:
    """Every word of a family, the plainest first."""
    if kind == "pattern":
        return tuple(chain.from_iterable(PATTERNS[family]))
    return (COLORS if kind == "color" else MATERIALS)[family]
