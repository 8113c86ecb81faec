"""The words people have for colours, materials and objects, and what each word can mean.

A word may name several colours ("blue" is said of blue, navy and light blue), so a text that uses it states a set. The
tables are our own. They are wider than those of `stbir.synth.palette`, which keep the texts of the first families as
they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stbir.synth.objects import FAMILIES, KINDS
from stbir.synth.palette import COLOR_SYNONYMS, MATERIALS

# Names used for one colour only, beside those of COLOR_SYNONYMS.
_MORE_NAMES: dict[str, tuple[str, ...]] = {
    "black": ("jet black", "pitch black"),
    "white": ("snow white", "pure white"),
    "grey": ("mid grey", "stone grey"),
    "charcoal": ("anthracite", "slate grey"),
    "red": ("scarlet", "crimson", "cherry red", "tomato red"),
    "burgundy": ("bordeaux", "oxblood", "deep red"),
    "orange": ("bright orange", "tangerine"),
    "mustard": ("dark yellow",),
    "yellow": ("lemon yellow", "bright yellow", "canary yellow"),
    "olive": ("army green", "moss green"),
    "green": ("grass green", "bright green", "emerald"),
    "dark green": ("forest green", "hunter green", "pine green"),
    "mint": ("light green", "pistachio", "seafoam"),
    "teal": ("blue-green", "sea green"),
    "light blue": ("powder blue", "pastel blue"),
    "blue": ("cobalt", "bright blue", "cobalt blue"),
    "navy": ("midnight blue", "deep blue", "marine blue"),
    "purple": ("plum", "deep purple", "aubergine"),
    "lilac": ("pale purple", "mauve"),
    "pink": ("rose pink", "candy pink"),
    "beige": ("sandy beige", "oatmeal", "ecru"),
    "tan": ("caramel", "cognac", "honey brown"),
    "brown": ("chocolate brown", "dark brown", "chestnut"),
    "cream": ("ivory", "creamy white"),
    "gold": ("gold-coloured",),
    "silver": ("silvery",),
    "copper": ("rust-coloured", "copper-coloured", "bronze"),
    "oak": ("oak-coloured", "natural wood"),
    "walnut": ("walnut-coloured", "dark stained"),
}
# The few words that everybody uses, and all the colours they are used for.
BASIC_COLORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "black": ("black", "charcoal"),
        "white": ("white", "cream"),
        "grey": ("charcoal", "grey", "silver"),
        "red": ("burgundy", "red"),
        "orange": ("copper", "orange"),
        "yellow": ("gold", "mustard", "yellow"),
        "green": ("dark green", "green", "mint", "olive", "teal"),
        "blue": ("blue", "light blue", "navy", "teal"),
        "purple": ("lilac", "purple"),
        "pink": ("pink",),
        "brown": ("brown", "copper", "oak", "tan", "walnut"),
        "beige": ("beige", "cream", "tan"),
    }
)
# What a word for a kind also means: the family's everyday word is said of every kind.
GENERIC_NOUNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chair": ("chair", "seat"),
        "shoe": ("shoe",),
        "mug": ("mug", "cup"),
        "lamp": ("lamp", "light"),
        "bag": ("bag",),
        "sandal": ("shoe", "open shoe"),
        "teapot": ("pot", "pot with a spout"),
        "bottle": ("bottle", "flask"),
        "vase": ("vase", "vessel"),
        "clock": ("clock",),
        "watch": ("watch", "timepiece"),
        "table": ("table",),
        "glasses": ("glasses", "eyewear"),
        "headphones": ("headphones", "headset"),
        "umbrella": ("umbrella", "brolly"),
        "guitar": ("guitar", "string instrument"),
        "toy": ("toy", "toy on wheels"),
        "hat": ("hat", "headgear"),
        "pan": ("pan", "pot"),
        "scissors": ("scissors", "pair of scissors"),
        "plant": ("plant pot", "flower pot"),
    }
)
# Words that a reader takes more widely than the kind they are listed under.
_WIDE_NOUNS: dict[str, tuple[str, ...]] = {
    "boot": ("ankle boot", "tall boot"),
    "stool": ("bar stool",),
    "sneaker": ("high-top", "sneaker"),
    "trainer": ("high-top", "sneaker"),
    "heel": ("pump", "strappy sandal"),
    "slipper": ("slide", "slipper"),
    "sunglasses": ("aviator glasses", "sunglasses"),
    "sun hat": ("bucket hat", "sun hat"),
}


def _color_words() -> dict[str, tuple[str, ...]]:
    """Every colour word and the colours it names."""
    named: dict[str, set[str]] = {word: set(colors) for word, colors in BASIC_COLORS.items()}
    for table in (COLOR_SYNONYMS, _MORE_NAMES):
        for color, words in table.items():
            for word in words:
                named.setdefault(word, set()).add(color)
    return {word: tuple(sorted(colors)) for word, colors in sorted(named.items())}


def _noun_words() -> dict[str, tuple[str, ...]]:
    """Every noun and the kinds it can mean."""
    named: dict[str, set[str]] = {word: set(kinds) for word, kinds in _WIDE_NOUNS.items()}
    for kind in KINDS.values():
        for noun in kind.nouns:
            named.setdefault(noun, set()).add(kind.name)
    for family, nouns in GENERIC_NOUNS.items():
        for noun in nouns:
            named.setdefault(noun, set()).update(kind.name for kind in FAMILIES[family])
    return {word: tuple(sorted(kinds)) for word, kinds in sorted(named.items())}


def _material_words() -> dict[str, tuple[str, ...]]:
    """Every material word and the materials it can mean."""
    named: dict[str, set[str]] = {}
    for name, material in MATERIALS.items():
        for word in material.words:
            named.setdefault(word, set()).add(name)
    named["leather"].update({"patent leather", "suede"})
    named["wooden"] = named["wood"] = {"wood"}
    for word in ("ceramic", "pottery"):
        named[word].update({"ceramic", "porcelain", "stoneware", "clay"})
    for word in ("fabric", "cloth"):
        named[word].update({"canvas", "corduroy", "denim", "fabric", "felt", "linen", "nylon", "velvet", "wool"})
    return {word: tuple(sorted(materials)) for word, materials in sorted(named.items())}


COLOR_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(_color_words())
NOUN_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(_noun_words())
MATERIAL_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(_material_words())


def color_names(color: str) -> tuple[str, ...]:
    """What people call a colour, the usual names first; each may also name others, see `COLOR_WORDS`."""
    return COLOR_SYNONYMS[color] + _MORE_NAMES.get(color, ())


def basic_color(color: str) -> str:
    """The everyday word for a colour: `red` for burgundy."""
    if color in BASIC_COLORS:
        return color
    return next(word for word, colors in BASIC_COLORS.items() if color in colors)
