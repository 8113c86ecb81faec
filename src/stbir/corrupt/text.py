"""Noises of words: what people leave out, mistype, call by another name, say otherwise, or get wrong.

A noise is a function of a text, a severity in [0, 5] and a random generator; `wrong_text` also takes a pool of other
texts. Severity 0 returns the text itself; with the same seed a higher severity changes more of the same. "" means that
nothing was said. Texts that a noise finds nothing to change in stay as they are, so do most noises' texts of more than
2,000 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain

import numpy as np
from numpy.random import Generator

from stbir.corrupt.phrases import (
    MAX_TEXT_LENGTH,
    Statement,
    adjective_spans,
    all_words,
    clauses,
    contradicts,
    statements,
    word_spans,
)
from stbir.corrupt.strokes import MAX_SEVERITY, check_severity
from stbir.corrupt.vocabulary import (
    ADJECTIVES,
    FRAMES,
    FUNCTION_WORDS,
    KEYBOARD_ROWS,
    MATERIALS_MISTAKEN,
    PATTERNS,
    PLAIN_COLORS,
    PLAIN_PATTERNS,
    SYNONYMS,
)

TextNoise = Callable[[str, Generator, float], str]

Span = tuple[int, int]

_COLOR_SHARE = 0.7
_MAX_TRIES = 50


def attribute_dropout(text: str, rng: Generator, severity: float) -> str:
    """Leave attributes out, up to all: colours, materials, patterns, adjectives and side remarks; a name stays."""
    if check_severity(severity) == 0 or len(text) > MAX_TEXT_LENGTH:
        return text
    droppable = _droppable(text)
    order = rng.permutation(len(droppable))
    num_dropped = _count(rng, len(droppable), severity / MAX_SEVERITY)
    dropped = [droppable[i] for i in order[:num_dropped].tolist()]
    while dropped and not word_spans(left := _without(text, dropped)):
        dropped.pop()
    return left if dropped else text


def typos(text: str, rng: Generator, severity: float) -> str:
    """Mistype up to half of the words: a neighbouring key, two letters swapped, one missing, one twice."""
    if check_severity(severity) == 0:
        return text
    words = [span for span in word_spans(text[:MAX_TEXT_LENGTH]) if span[1] - span[0] >= 3]
    order = rng.permutation(len(words))
    num_wrong = _count(rng, len(words), 0.5 * severity / MAX_SEVERITY)
    chances = rng.random((len(words), 3))
    wrong = {words[i]: _mistyped(text[slice(*words[i])], *chances[i].tolist()) for i in order[:num_wrong].tolist()}
    return _replaced(text, wrong)


def synonyms(text: str, rng: Generator, severity: float) -> str:
    """Call things by other names that mean the same, up to all that are known."""
    if check_severity(severity) == 0 or len(text) > MAX_TEXT_LENGTH:
        return text
    pattern, groups = _synonym_lexicon()
    found = list(pattern.finditer(text))
    order = rng.permutation(len(found))
    num_changed = _count(rng, len(found), severity / MAX_SEVERITY)
    chances = rng.random(len(found)).tolist()
    for i in sorted(order[:num_changed].tolist(), reverse=True):
        others = groups[found[i][0].lower()]
        word = _cased_like(found[i][0], others[int(chances[i] * len(others))])
        before = text[: found[i].start()].rstrip().rpartition(" ")[2]
        word = word.removeprefix(f"{before} ")  # "bright red" for red is no "bright bright red"
        text = _with_article(text[: found[i].start()] + word + text[found[i].end() :], found[i].start())
    return text


def paraphrase(text: str, rng: Generator, severity: float) -> str:
    """Say the same otherwise: list or sentence, attributes before or behind, other order, a frame around it."""
    if check_severity(severity) == 0 or len(text) > MAX_TEXT_LENGTH:
        return text
    steps: tuple[Callable[[str, Generator], str], ...] = (_attributes_behind, _reordered, _as_sentence, _framed)
    if sum(text[slice(*span)].lower() in FUNCTION_WORDS for span in word_spans(text)) >= 3:
        steps = (_as_list, _reordered, _attributes_behind, _framed)
    chances = rng.random(len(steps)).tolist()
    seeds = rng.integers(2**32, size=len(steps)).tolist()
    for number, step in enumerate(steps):
        if severity / MAX_SEVERITY * len(steps) > number + chances[number]:
            text = step(text, np.random.default_rng(seeds[number]))
    return text


def wrong_attribute(text: str, rng: Generator, severity: float) -> str:
    """Get one stated colour, material or pattern wrong, with a chance of severity / 5: another, contradicting word."""
    chance, which, what, about = rng.random(4).tolist()
    if check_severity(severity) == 0 or chance >= severity / MAX_SEVERITY or len(text) > MAX_TEXT_LENGTH:
        return text
    found = statements(text)
    options = [(s, words) for s in found if (words := _contradicting(s, found))]
    if not options:
        return text
    if about < _COLOR_SHARE:
        options = [option for option in options if option[0].kind == "color"] or options
    statement, words = options[int(which * len(options))]
    word = _cased_like(text[statement.start :], words[int(what * len(words))])
    return _with_article(text[: statement.start] + word + text[statement.stop :], statement.start)


def wrong_text(text: str, rng: Generator, severity: float, pool: Sequence[str] = ()) -> str:
    """Say something else altogether, with a chance of severity / 5: another text of the pool, where it has one."""
    chance = rng.random()
    if check_severity(severity) == 0 or chance >= severity / MAX_SEVERITY or not pool:
        return text
    drawn = (pool[place] for place in rng.integers(len(pool), size=_MAX_TRIES).tolist())
    others = (other for other in chain(drawn, pool) if other.strip() and other.casefold() != text.casefold())
    return next(others, text)


def no_words(text: str, rng: Generator, severity: float) -> str:
    """Say nothing, with a chance of severity / 5."""
    chance = rng.random()
    return "" if chance < check_severity(severity) / MAX_SEVERITY else text


def mixed_text(text: str, rng: Generator, severity: float) -> str:
    """What a careless user types: other names, said otherwise, half of the attributes gone, typos."""
    dropping, naming, saying, typing = rng.spawn(4)
    text = attribute_dropout(text, dropping, 0.5 * check_severity(severity))
    text = synonyms(text, naming, severity)
    text = paraphrase(text, saying, severity)
    return typos(text, typing, 0.5 * severity)


TEXT_NOISES: dict[str, TextNoise] = {
    "attribute_dropout": attribute_dropout,
    "no_words": no_words,
    "paraphrase": paraphrase,
    "synonyms": synonyms,
    "typos": typos,
    "wrong_attribute": wrong_attribute,
}


def _count(rng: Generator, num: int, share: float) -> int:
    """A share of a number, rounded up or down by chance: with one seed a larger share never gives less."""
    return min(num, int(share * num + rng.random() * (share < 1)))


def _droppable(text: str) -> list[Span]:
    """Attributes, adjectives, and every clause but the first; the first clause's last word stays."""
    parts = clauses(text)
    found = [(s.start, s.stop) for s in statements(text)] + adjective_spans(text)
    return sorted(span for span in found if span[1] != parts[0][1]) + parts[1:]


def _without(text: str, dropped: Sequence[Span]) -> str:
    """The text without some spans, and without the commas and "and"s that held them."""
    marked = text
    for start, stop in sorted(dropped, reverse=True):
        marked = marked[:start] + "\0" * (stop - start) + marked[stop:]
    marked = re.sub(r"\0+", "\0", marked)
    joint = r"(?:\band\b|\bor\b|&|-|/)"
    marked = re.sub(rf"\0\s*{joint}\s*|\s*{joint}\s*\0\s*(?=$|[,.\0])", "\0", marked, flags=re.IGNORECASE)
    marked = re.sub(rf"([\w-]+)\s*{joint}\s*\0", _joint_of_attributes, marked, flags=re.IGNORECASE)
    marked = re.sub(
        r"\b(?:an?|the|with|in|on|of|at)\s*\0\s*(?=$|[,.]|(?:in|on|with|at|of|and)\b)", "", marked, flags=re.IGNORECASE
    )
    marked = re.sub(r"\s*\0\s*", " ", marked)
    marked = re.sub(r"\s+(?=[,.;])", "", re.sub(r"\s{2,}", " ", marked))
    marked = re.sub(r"^[\s,.;]+|(?:[\s,;]|\s\.)+$", "", re.sub(r"(?:\s*,){2,}", ",", marked))
    return re.sub(r",(?=\S)", ", ", re.sub(r",\s*\.", ".", marked))


def _joint_of_attributes(match: re.Match[str]) -> str:
    """ "red and [white] bike" loses its "and", "stems and [thin] twigs" keeps it."""
    word = match[1].lower()
    return f"{match[1]}\0" if word in ADJECTIVES or statements(word) else match[0]


def _mistyped(word: str, how: float, where: float, which: float) -> str:
    """One typing error in a word of at least three letters, not at its first letter."""
    places = [place for place in range(1, len(word)) if word[place].isalnum()] or [1]
    place = places[int(where * len(places))]
    kind = int(how * 4)
    letter = word[place]
    near = _neighbours().get(letter.lower(), "")
    if kind == 0 and near:
        key = near[int(which * len(near))]
        return word[:place] + (key.upper() if letter.isupper() else key) + word[place + 1 :]
    if kind == 1 and word[place - 1] != letter and word[place - 1].isalnum():
        return word[: place - 1] + letter + word[place - 1] + word[place + 1 :]
    if kind == 2:
        return word[:place] + letter + word[place:]
    return word[:place] + word[place + 1 :]


@cache
def _neighbours() -> dict[str, str]:
    """The keys beside each key of a QWERTY keyboard."""
    places = {key: (x + 0.4 * y, y) for y, row in enumerate(KEYBOARD_ROWS) for x, key in enumerate(row)}
    return {
        key: "".join(k for k, (u, v) in places.items() if k != key and abs(u - x) <= 1 and abs(v - y) <= 1)
        for key, (x, y) in places.items()
    }


@cache
def _synonym_lexicon() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    """A pattern that finds every word with synonyms, and for each its others; plurals for words, not for phrases."""
    groups: dict[str, tuple[str, ...]] = {}
    for line in SYNONYMS:
        words = re.split(r" [=|] ", line)
        for word in words if "=" in line else words[:1]:
            groups.setdefault(word, tuple(other for other in words if other != word))
    for word, others in list(groups.items()):
        if word[-1].isalpha() and word[-1] not in "sxy" and f"{word}s" not in groups:
            groups[f"{word}s"] = tuple(_plural(other) for other in others)
    known = "|".join(re.escape(word) for word in sorted(groups, key=lambda word: (-len(word), word)))
    return re.compile(rf"(?<![\w-])(?:{known})(?![\w-])", re.IGNORECASE), groups


def _plural(word: str) -> str:
    if word.endswith(("sh", "ch", "x", "ss")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"


def _cased_like(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _replaced(text: str, changes: dict[Span, str]) -> str:
    for (start, stop), new in sorted(changes.items(), reverse=True):
        text = text[:start] + new + text[stop:]
    return text


def _contradicting(statement: Statement, stated: Sequence[Statement]) -> tuple[str, ...]:
    """Words for another family that contradicts a statement, those that the text states nowhere else if possible."""
    kind = statement.kind
    if kind == "material":
        wrong = tuple(name for family in sorted(statement.families) for name in MATERIALS_MISTAKEN[family])
    else:
        wrong = PLAIN_COLORS if kind == "color" else PLAIN_PATTERNS
    families = [name for name in wrong if contradicts(kind, statement.families, name)]
    said = frozenset().union(*(other.families for other in stated if other.kind == kind))
    families = [name for name in families if name not in said] or families
    if kind != "pattern":
        return tuple(all_words(kind, name)[0] for name in families)
    return tuple(PATTERNS[name][int(statement.is_noun)][0] for name in families)


def _with_article(text: str, place: int) -> str:
    """The text with "a" or "an" as the word at this place asks for."""
    match = re.search(r"\b(an?)\s+$", text[:place], re.IGNORECASE)
    if match is None:
        return text
    article = "an" if text[place : place + 1].lower() in "aeiou" else "a"
    return text[: match.start()] + _cased_like(match[1], article) + text[match.end(1) :]


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"(?<!\s)\s*[,;.]+\s*", text) if part.strip()]


def _as_sentence(text: str, rng: Generator) -> str:
    """`black boot, laces, low heel` -> `a black boot with laces and low heel`."""
    first, *rest = _parts(text) or [text]
    joint = (" with ", " that has ", " which has ")[int(rng.integers(3))]
    return _with_lead(first) + (joint + " and ".join(rest) if rest else "")


def _with_lead(text: str) -> str:
    """With an article in front, unless it has one or speaks of several."""
    is_several = re.match(r"(?:an?|the|two|three|pair|\d)\b", text, re.IGNORECASE) or re.search(r"[^s]s$", text)
    return text if is_several else ("an " if text[:1].lower() in "aeiou" else "a ") + text


def _as_list(text: str, _rng: Generator) -> str:
    """`A small white plane crosses a sky.` -> `small white plane crosses sky`, cut at its prepositions."""
    parts = []
    for start, stop in clauses(text):
        words = [text[slice(*span)] for span in _shifted(word_spans(text[start:stop]), start)]
        kept = [word for word in words if word.lower() not in FUNCTION_WORDS]
        parts.append(" ".join(kept))
    listed = ", ".join(part for part in parts if part)
    return _uncapitalised(listed) if listed else text


def _shifted(spans: Sequence[Span], by: int) -> list[Span]:
    return [(start + by, stop + by) for start, stop in spans]


def _attributes_behind(text: str, _rng: Generator) -> str:
    """`black suede boot with laces` -> `boot in black suede with laces`: what stands before the first name moves."""
    start, stop = (clauses(text) or [(0, len(text))])[0]
    main = text[start:stop]
    leading = re.match(r"(?:an?|the)\s+", main, re.IGNORECASE)
    at = leading.end() if leading else 0
    front = at
    for s in statements(main):
        if not main[front : s.start].strip():
            front = s.stop
    name = main[front:].strip()
    is_name = name[:1].isalnum() and name.split()[0].lower() not in FUNCTION_WORDS
    if front == at or not is_name:
        return text
    moved = f"{name} in {_uncapitalised(main[at:front].strip())}"
    return text[:start] + (_with_lead(moved) if leading else moved) + text[stop:]


def _reordered(text: str, rng: Generator) -> str:
    """What follows the first comma in another order."""
    parts = [part.rstrip(".") for part in re.split(r"\s*,\s*", text) if part.strip()]
    if len(parts) < 3:
        return text
    by = 1 + int(rng.integers(len(parts) - 2))
    return ", ".join([parts[0], *parts[1 + by :], *parts[1 : 1 + by]])


def _framed(text: str, rng: Generator) -> str:
    """Wrapped into what people say to a clerk."""
    text = _uncapitalised(text.strip().rstrip("."))
    return FRAMES[int(rng.integers(len(FRAMES)))].format(text) if text else text


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
