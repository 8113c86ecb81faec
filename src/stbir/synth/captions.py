"""Words for an object in the manner of several writers; every text knows which attributes it states.

A text states, for an attribute, the values its words allow: "blue" allows navy too, "boot" every boot. What is left out
is not stated. So the truth says which pictures a text fits, and how far words alone can get
(`stbir.synth.ceilings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stbir.synth.naming import COLOR_WORDS, GENERIC_NOUNS, MATERIAL_WORDS, NOUN_WORDS, basic_color, color_names
from stbir.synth.objects import IDLE_NUMBERS, KINDS
from stbir.synth.palette import COLOR_SYNONYMS, MATERIALS, PATTERN_WORDS
from stbir.synth.spec import ObjectSpec
from stbir.synth.wording import attributes, second_part

WORN_FROM = 0.45
# kind -> number -> the choice that hides it: a wedge has no thin heel.
_HIDDEN_BY: dict[str, dict[str, str]] = {"strappy sandal": {"heel_slim": "wedge"}}
_OPENINGS = ("I am looking for", "looking for", "do you have", "wanted:", "where can I find", "need")
_PLURALS = ("glasses", "scissors", "headphones", "shades", "aviators", "spectacles", "earphones", "sunglasses")


@dataclass(frozen=True)
class Text:
    """One text about an object.

    Attributes:
        words: What is written.
        style: Who writes: a key of `STYLES`.
        states: Attribute -> values that the words allow; for `shape`, words that all hold.
    """

    words: str
    style: str
    states: Mapping[str, tuple[str, ...]]

    def fits(self, facts: Mapping[str, Any]) -> bool:
        """Whether an object with these `facts` may be meant."""
        return all(agrees(name, values, facts) for name, values in self.states.items())


def agrees(name: str, values: Sequence[str], facts: Mapping[str, Any]) -> bool:
    """Whether facts allow a statement: one of the values holds, or for `shape` all of them."""
    if name == "shape":
        return set(values) <= set(facts["shape"])
    return facts.get(name) in values


def facts_of(spec: ObjectSpec) -> dict[str, Any]:
    """The facts that texts state: those of `stbir.synth.wording.attributes` that show, and whether it is worn."""
    return attributes(spec) | {"shape": visible_words(spec), "condition": "worn" if spec.wear >= WORN_FROM else "new"}


def visible_words(spec: ObjectSpec) -> list[str]:
    """What one would say of the shape, without numbers that nothing shows."""
    hidden = set(IDLE_NUMBERS.get(spec.kind, ()))
    hidden |= {name for name, above in _HIDDEN_BY.get(spec.kind, {}).items() if spec.shape[above] > 0.5}
    said = {name: p.words(spec.shape[name]) for name, p in KINDS[spec.kind].parameters.items() if name not in hidden}
    return [word for word in said.values() if word]


@dataclass
class _Writer:
    """Collects words and what they state about one object."""

    spec: ObjectSpec
    rng: np.random.Generator
    states: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.facts = facts_of(self.spec)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def noun(self, *, generic: bool = False, plain: bool = False) -> str:
        kind = KINDS[self.spec.kind]
        options = GENERIC_NOUNS[kind.family] if generic else kind.nouns
        word = options[0] if plain else self.pick(options)
        self.states["kind"] = NOUN_WORDS[word]
        return word

    def color(self, name: str, slot: str, *, basic: bool = False, plain: bool = False) -> str:
        if basic:
            word = basic_color(name)
        elif plain or self.chance(0.55):
            word = COLOR_SYNONYMS[name][0]
        else:
            word = self.pick(color_names(name))
        # "blue" beside "navy" and "light blue" is meant narrowly by those who have the other words
        self.states[slot] = COLOR_WORDS[word] if basic else _narrow(word, name)
        return word

    def material(self, noun: str, *, plain: bool = False) -> str:
        words = tuple(word for word in MATERIALS[self.spec.material].words if word not in noun.split())
        if not words or (self.spec.material == "wood" and self.spec.color in ("oak", "walnut")):
            return ""
        word = words[0] if plain else self.pick(words)
        self.states["material"] = MATERIAL_WORDS[word]
        return word

    def pattern(self, *, plain: bool = False) -> tuple[str, str]:
        """Words before the noun and after it, for example ("white striped", "") or ("", "with white dots")."""
        if self.spec.pattern == "plain":
            return "", ""
        options = PATTERN_WORDS[self.spec.pattern]
        word = options[0] if plain else self.pick(options)
        self.states["pattern"] = _patterns_named(word)
        if "{color}" in word or plain:
            color = self.color(self.spec.pattern_color, "pattern_color", plain=plain)
            return ("", word.format(color=color)) if "{color}" in word else (f"and {color} {word}", "")
        return word, ""

    def second(self, *, basic: bool = False, plain: bool = False) -> str:
        part = second_part(self.spec)
        if part is None or self.spec.second_color == self.spec.color:
            return ""
        self.states["second_part"] = (part,)
        return f"{self.color(self.spec.second_color, 'second_color', basic=basic, plain=plain)} {part}"

    def shape(self, most: int, noun: str) -> list[str]:
        """Up to so many words for the shape, none that the noun says already."""
        known = [str(word) for word in self.facts["shape"] if not set(word.split()) & set(noun.split())]
        order = self.rng.permutation(len(known))
        second = second_part(self.spec) or ""
        chosen = [known[k] for k in order if not second or second.split()[-1] not in known[k].split()][:most]
        if chosen:
            self.states["shape"] = tuple(sorted(chosen))
        return chosen

    def condition(self) -> str:
        if self.facts["condition"] == "new":
            return ""
        self.states["condition"] = ("worn",)
        return self.pick(("worn", "used", "scuffed", "old"))

    def text(self, words: str, style: str) -> Text:
        return Text(" ".join(words.split()).replace(" ,", ","), style, dict(self.states))


def _narrow(word: str, color: str) -> tuple[str, ...]:
    """The colours a careful writer can mean by a word."""
    owners = tuple(sorted(name for name in COLOR_SYNONYMS if word in color_names(name)))
    return owners or (color,)


def _patterns_named(word: str) -> tuple[str, ...]:
    named = {name for name, words in PATTERN_WORDS.items() if word in words}
    if word in ("striped", "with {color} stripes"):
        named |= {"stripes", "vertical stripes"}
    return tuple(sorted(named))


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def _arranged(words: Sequence[str]) -> tuple[str, list[str], str]:
    """Shape words as they stand in a sentence: adjectives before the noun, parts the object has, and what follows."""
    adjectives = [word for word in words if " " not in word or word in ("very tall", "very low")]
    loose = [word for word in words if word.startswith(("wide at", "narrowing", "drawers on", "on a round"))]
    parts = [word.removeprefix("with ") for word in words if word not in (*adjectives, *loose)]
    return " ".join(adjectives), parts, "".join(f", {word}" for word in loose)


def _having(noun: str, parts: Sequence[str]) -> str:
    """A noun with its parts: `boot with laces and a cuff`."""
    if not parts:
        return noun
    return f"{noun}{' and ' if ' with ' in noun else ' with '}{_joined(parts)}"


def _short(write: _Writer) -> Text:
    """Colour, pattern, material, noun: what a shop's filter would hold."""
    color = write.color(write.spec.color, "color", plain=True)
    before, after = write.pattern(plain=True)
    noun = write.noun(plain=True)
    return write.text(f"{color} {before} {write.material(noun, plain=True)} {noun} {after}", "short")


def _sentence(write: _Writer) -> Text:
    """A whole sentence that leaves little out."""
    color = write.color(write.spec.color, "color")
    before, after = write.pattern()
    noun = write.noun()
    material = write.material(noun) if write.chance(0.8) else ""
    second = write.second()
    adjectives, parts, loose = _arranged(write.shape(3, noun))
    thing = f"{write.condition()} {adjectives} {color} {before} {material} {noun} {after}".split()
    vowel = thing[0][0] in "aeiou" and not thing[0].startswith(("use", "uk"))
    article = "" if noun.split()[-1] in _PLURALS else "an " if vowel else "a "
    start = write.pick(("This is", "The picture shows", "It is"))
    more = [word for word in (second, *parts) if word]
    tail = f"{write.pick((', with', '; note the', ', it has'))} {_joined(more)}" if more else ""
    return write.text(f"{start} {article}{' '.join(thing)}{tail}{loose}.", "sentence")


def _query(write: _Writer) -> Text:
    """What somebody asks a shop assistant for."""
    color = write.color(write.spec.color, "color", basic=write.chance(0.3))
    before, after = write.pattern() if write.chance(0.8) else ("", "")
    noun = write.noun(generic=write.chance(0.35))
    material = write.material(noun) if write.chance(0.45) else ""
    second = write.second() if write.chance(0.4) else ""
    adjectives, parts, loose = _arranged(write.shape(1, noun))
    thing = _having(f"{noun} {after}", [word for word in (second, *parts) if word])
    return write.text(f"{write.pick(_OPENINGS)} {adjectives} {color} {before} {material} {thing}{loose}", "query")


def _tags(write: _Writer) -> Text:
    """Comma after comma, the noun first."""
    words = [write.noun(), write.color(write.spec.color, "color")]
    before, after = write.pattern() if write.chance(0.85) else ("", "")
    words += [before.removeprefix("and "), after, write.material(words[0]) if write.chance(0.7) else ""]
    words += [write.second() if write.chance(0.6) else "", *write.shape(2, words[0]), write.condition()]
    return write.text(", ".join(word for word in words if word), "tags")


def _vague(write: _Writer) -> Text:
    """Everyday words only: a basic colour and the family's name."""
    color = write.color(write.spec.color, "color", basic=True)
    pattern = ""
    if write.spec.pattern != "plain" and write.chance(0.5):
        pattern = "patterned"
        write.states["pattern"] = tuple(sorted(name for name in PATTERN_WORDS if name != "plain"))
    return write.text(f"{write.pick(('some', 'that', ''))} {color} {pattern} {write.noun(generic=True)}", "vague")


def _shape_first(write: _Writer) -> Text:
    """Somebody who cares for the form and says the colour last."""
    noun = write.noun()
    adjectives, parts, loose = _arranged(write.shape(3, noun))
    color = write.color(write.spec.color, "color")
    before, after = write.pattern() if write.chance(0.6) else ("", "")
    form = f"{adjectives} {_having(noun, parts)}{loose}"
    return write.text(f"{form}, {color} {before} {after}", "shape first")


STYLES: dict[str, Callable[[_Writer], Text]] = {
    "short": _short,
    "sentence": _sentence,
    "query": _query,
    "tags": _tags,
    "vague": _vague,
    "shape first": _shape_first,
}


def write_texts(spec: ObjectSpec, rng: np.random.Generator) -> list[Text]:
    """One text of each style; the first is short and plain and tells the object from its twins of the same shape.

    Args:
        spec: The object.
        rng: Source of chance.

    Returns:
        As many texts as `STYLES`, in its order, no two with the same words.
    """
    texts: list[Text] = []
    for style in STYLES.values():
        text = style(_Writer(spec, rng))
        if text.words not in {known.words for known in texts}:
            texts.append(text)
    return texts
