"""Words for an object as people type them: short, some attributes, not all."""

from __future__ import annotations

from typing import Any

import numpy as np

from stbir.synth.objects import KINDS
from stbir.synth.palette import COLOR_SYNONYMS, MATERIALS, PATTERN_WORDS
from stbir.synth.spec import ObjectSpec

# What the second colour is on where that depends on the shape: kind -> (shape number, words if it is above 0.5, else).
_SECOND_PARTS: dict[str, tuple[tuple[str, str | None, str | None], ...]] = {
    "ankle boot": (("elastic", "elastic sides", "laces"),),
    "tall boot": (("cuff", "cuff", None), ("strap", "strap", None)),
    "pump": (("ankle_strap", "ankle strap", None), ("bow", "bow", None)),
    "office chair": (("arms", "armrests", None),),
    "backpack": (("two_tone", "pocket and straps", "straps"),),
    "duffel bag": (("two_tone", "ends and straps", "straps"),),
    "tote bag": (("two_tone", "straps and bottom", "straps"),),
    "bucket bag": (("two_tone", "strap and bottom", "strap"),),
    "clog": (("heel_strap", "heel strap", None),),
    "slide": (("two_bands", "stripe", None),),
    "ballet flat": (("strap", "strap", None), ("bow", "bow", None)),
    "slipper": (("pompon", "fur trim and pompon", "fur trim"),),
    "wine bottle": (("cork", "label", "label and capsule"),),
    "thermos flask": (("handle", "cup and handle", "cup"),),
    "open umbrella": (("two_tone", "panels and handle", "handle"),),
    "parasol": (("two_tone", "panels and pole", "pole"),),
    "baseball cap": (("two_tone", "peak and front", "button"),),
    "wall clock": (("square", None, None),),
    "potted cactus": (("saucer", "saucer", None), ("collar", "rim", None)),
    "leafy plant": (("saucer", "saucer", None), ("collar", "rim", None)),
    "flowering plant": (("saucer", "saucer", None), ("collar", "rim", None)),
}


def shape_words(spec: ObjectSpec) -> list[str]:
    """What one would say of the shape: only what is out of the ordinary."""
    words = []
    for name, parameter in KINDS[spec.kind].parameters.items():
        word = parameter.words(spec.shape[name])
        if word:
            words.append(word)
    return words


def second_part(spec: ObjectSpec) -> str | None:
    """Words for what the second colour is on, or None if nothing shows it."""
    rules = _SECOND_PARTS.get(spec.kind)
    if rules is None:
        return KINDS[spec.kind].second_part
    for name, above, below in rules:
        words = above if spec.shape[name] > 0.5 else below
        if words:
            return words
    return None


def attributes(spec: ObjectSpec) -> dict[str, Any]:
    """The facts that the words are made of."""
    facts: dict[str, Any] = {
        "family": KINDS[spec.kind].family,
        "kind": spec.kind,
        "color": spec.color,
        "material": spec.material,
        "pattern": spec.pattern,
        "shape": shape_words(spec),
    }
    if spec.pattern != "plain":
        facts["pattern_color"] = spec.pattern_color
    if second_part(spec) is not None:
        facts["second_color"] = spec.second_color
        facts["second_part"] = second_part(spec)
    return facts


class _Speaker:
    """One way of saying things: each name has a synonym picked once."""

    def __init__(self, spec: ObjectSpec, rng: np.random.Generator, *, plain: bool) -> None:
        def pick(options: tuple[str, ...]) -> str:
            return options[0] if plain else options[int(rng.integers(len(options)))]

        kind = KINDS[spec.kind]
        self.noun = pick(kind.nouns)
        self.color = pick(COLOR_SYNONYMS[spec.color])
        self.second = pick(COLOR_SYNONYMS[spec.second_color])
        words = MATERIALS[spec.material].words
        # wood colours name the wood already; "oak chair" says it all
        self.material = (
            pick(words) if words and not (spec.material == "wood" and spec.color in ("oak", "walnut")) else ""
        )
        if spec.material == "wood" and "wood" in self.noun:
            self.material = ""
        other = pick(COLOR_SYNONYMS[spec.pattern_color])
        pattern = pick(PATTERN_WORDS[spec.pattern]) if spec.pattern != "plain" else ""
        self.before = f"and {other} {pattern}" if pattern and "{" not in pattern else ""
        self.after = pattern.format(color=other) if "{" in pattern else ""
        self.part = second_part(spec)
        self.differs = spec.second_color != spec.color
        shape = shape_words(spec)
        self.shape = [shape[k] for k in rng.permutation(len(shape))]

    def thing(self, *, material: bool) -> str:
        """Colour, pattern, material and noun, for example `red and white striped canvas high-top`."""
        words = [self.color, self.before, self.material if material else "", self.noun]
        return " ".join(word for word in words if word)


def describe(spec: ObjectSpec, rng: np.random.Generator) -> list[str]:
    """Captions of an object, in other words each.

    Args:
        spec: The object.
        rng: Source of chance.

    Returns:
        Five different texts or fewer. The first is plain and the fullest; every one names colour and object.
    """
    texts = []
    for number in range(6):
        say = _Speaker(spec, rng, plain=number == 0)
        parts = [say.thing(material=number == 0 or rng.random() < 0.6)]
        if say.after:
            parts[0] += f" {say.after}"
        extras = []
        if say.part and say.differs and (number == 0 or rng.random() < 0.5):
            extras.append(f"{say.second} {say.part}")
        shape = [word for word in say.shape if not (extras and say.part and say.part.split()[-1] in word.split())]
        extras += shape[: 2 if number == 0 else int(rng.integers(0, 3))]
        if extras and number and rng.random() < 0.3:
            text = f"{parts[0]}, {' and '.join(extras)}"
        elif number and rng.random() < 0.2 and not say.before:
            text = ", ".join(
                [f"{say.noun} in {say.color} {say.material}".strip() + (f" {say.after}" if say.after else ""), *extras]
            )
        else:
            text = ", ".join(parts + extras)
        if text not in texts:
            texts.append(text)
    return texts[:5]


def short_text(spec: ObjectSpec) -> str:
    """The words of somebody who leaves the shape to the drawing: colour, pattern, material and the family's name."""
    say = _Speaker(spec, np.random.default_rng(0), plain=True)
    family = KINDS[spec.kind].family
    words = [say.color, say.before, say.material, family]
    return " ".join(word for word in words if word) + (f" {say.after}" if say.after else "")
