"""Colours and materials by the names people use."""

from __future__ import annotations

from dataclasses import dataclass

COLORS: dict[str, str] = {
    "black": "#1d1c1f",
    "white": "#f3f1ec",
    "grey": "#8b8d91",
    "charcoal": "#3a3b3f",
    "red": "#c4211f",
    "burgundy": "#6a1526",
    "orange": "#e8731a",
    "mustard": "#cf9a1b",
    "yellow": "#f2cf2a",
    "olive": "#6d7030",
    "green": "#2f8a3c",
    "dark green": "#1d4a33",
    "mint": "#a5dcc0",
    "teal": "#117a7d",
    "light blue": "#92c3e6",
    "blue": "#2358c4",
    "navy": "#1b2a52",
    "purple": "#67358f",
    "lilac": "#bda4da",
    "pink": "#ee8fb0",
    "beige": "#d8c4a0",
    "tan": "#b98249",
    "brown": "#6d4123",
    "cream": "#efe3c4",
    "gold": "#d3a136",
    "silver": "#bcbfc4",
    "copper": "#b86a42",
    "oak": "#bf8b52",
    "walnut": "#5d3a24",
    "warm light": "#ffe9bd",
}
COLOR_SYNONYMS: dict[str, tuple[str, ...]] = {
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "gray"),
    "charcoal": ("charcoal", "dark grey", "dark gray"),
    "red": ("red", "bright red"),
    "burgundy": ("burgundy", "dark red", "wine red", "maroon"),
    "orange": ("orange",),
    "mustard": ("mustard", "mustard yellow", "ochre"),
    "yellow": ("yellow",),
    "olive": ("olive", "olive green", "khaki"),
    "green": ("green",),
    "dark green": ("dark green", "bottle green"),
    "mint": ("mint", "mint green", "pale green"),
    "teal": ("teal", "petrol", "dark turquoise"),
    "light blue": ("light blue", "sky blue", "pale blue", "baby blue"),
    "blue": ("blue", "royal blue"),
    "navy": ("navy", "navy blue", "dark blue"),
    "purple": ("purple", "violet"),
    "lilac": ("lilac", "light purple", "lavender"),
    "pink": ("pink", "rose"),
    "beige": ("beige", "sand"),
    "tan": ("tan", "light brown", "camel"),
    "brown": ("brown",),
    "cream": ("cream", "off-white"),
    "gold": ("gold", "golden", "brass"),
    "silver": ("silver", "chrome"),
    "copper": ("copper",),
    "oak": ("oak", "light wood", "light wooden"),
    "walnut": ("walnut", "dark wood", "dark wooden"),
}
METAL_COLORS = ("gold", "silver", "copper", "black", "charcoal")
WOOD_COLORS = ("oak", "walnut", "oak", "walnut", "black")
GLASS_COLORS = ("green", "dark green", "brown", "light blue", "blue", "teal", "purple", "pink", "mustard")
STRAW_COLORS = ("beige", "tan", "cream", "brown", "black", "white", "pink", "navy")
CLAY_COLORS = ("copper", "beige", "brown", "grey", "cream", "white")
DENIM_COLORS = ("blue", "navy", "light blue", "black", "grey")
PAINT_COLORS = tuple(
    name for name in COLORS if name not in ("gold", "silver", "copper", "oak", "walnut", "warm light", "charcoal")
)


@dataclass(frozen=True)
class Material:
    """How a surface takes the light.

    Attributes:
        roughness: 0 mirror to 1 chalk.
        specular: Reflectance when looked at straight on.
        metallic: 1 for bare metal.
        texture: Name of the procedural relief, see `stbir.synth.texture`.
        bump: How far the relief tilts the surface.
        shade: How much the relief darkens the colour.
        sheen: Brightening at grazing angles (velvet, suede).
        glow: Light of its own.
        words: How people call it; empty if nobody would mention it.
    """

    roughness: float
    specular: float = 0.04
    metallic: float = 0.0
    texture: str = "none"
    bump: float = 0.0
    shade: float = 0.0
    sheen: float = 0.0
    glow: float = 0.0
    words: tuple[str, ...] = ()


MATERIALS: dict[str, Material] = {
    "leather": Material(0.42, 0.045, texture="grain", bump=0.2, shade=0.12, words=("leather",)),
    "patent leather": Material(0.1, 0.09, words=("patent leather", "shiny", "glossy leather")),
    "suede": Material(0.95, 0.01, texture="fuzz", bump=0.2, shade=0.32, sheen=0.3, words=("suede",)),
    "velvet": Material(0.9, 0.01, texture="fuzz", bump=0.1, shade=0.16, sheen=0.65, words=("velvet",)),
    "satin": Material(0.3, 0.06, texture="brushed", bump=0.04, sheen=0.3, words=("satin", "silky")),
    "canvas": Material(0.95, 0.015, texture="weave", bump=0.3, shade=0.3, words=("canvas", "cloth")),
    "fabric": Material(
        0.95, 0.015, texture="weave", bump=0.3, shade=0.36, words=("fabric", "cloth", "upholstery fabric")
    ),
    "mesh": Material(0.8, 0.02, texture="holes", bump=0.1, shade=0.5, words=("mesh", "knit")),
    "nylon": Material(0.45, 0.035, texture="weave", bump=0.12, shade=0.08, words=("nylon",)),
    "linen": Material(0.95, 0.01, texture="weave", bump=0.2, shade=0.26, glow=0.32, words=("fabric", "linen")),
    "paper": Material(0.9, 0.01, texture="none", glow=0.42, words=("paper",)),
    "plastic": Material(0.28, 0.05, words=("plastic",)),
    "rubber": Material(0.62, 0.03, words=("rubber",)),
    "ceramic": Material(0.14, 0.055, words=("ceramic", "glazed")),
    "porcelain": Material(0.1, 0.06, words=("porcelain", "china")),
    "stoneware": Material(
        0.6, 0.03, texture="speckle", shade=0.6, bump=0.05, words=("stoneware", "speckled clay", "pottery")
    ),
    "enamel": Material(0.12, 0.07, words=("enamel", "tin")),
    "glass": Material(0.06, 0.09, glow=0.25, words=("glass",)),
    "metal": Material(0.26, 0.6, 1.0, texture="brushed", bump=0.07, shade=0.06, words=("metal",)),
    "wood": Material(0.5, 0.035, texture="wood", bump=0.05, shade=0.55, words=("wooden", "wood")),
    "painted": Material(0.35, 0.045, words=("painted", "lacquered")),
    "glow": Material(0.9, 0.0, glow=1.5),
    "coloured glass": Material(0.05, 0.12, glow=0.1, words=("glass",)),
    "paper label": Material(0.85, 0.02, words=("paper",)),
    "felt": Material(0.95, 0.01, texture="fuzz", bump=0.1, shade=0.2, sheen=0.2, words=("felt",)),
    "straw": Material(0.85, 0.02, texture="plait", bump=0.3, shade=0.4, words=("straw", "woven straw")),
    "denim": Material(0.92, 0.015, texture="weave", bump=0.25, shade=0.42, words=("denim", "jeans")),
    "corduroy": Material(0.92, 0.012, texture="ribs", bump=0.3, shade=0.4, sheen=0.2, words=("corduroy", "cord")),
    "wool": Material(0.95, 0.01, texture="knit", bump=0.4, shade=0.45, words=("knitted", "woollen", "wool")),
    "clay": Material(0.85, 0.02, texture="speckle", shade=0.16, words=("clay", "terracotta", "earthenware")),
    "leafy": Material(0.55, 0.04, texture="grain", bump=0.06, shade=0.14),
}
PATTERN_WORDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "stripes": ("striped", "with {color} stripes", "striped"),
    "vertical stripes": ("vertically striped", "with vertical {color} stripes"),
    "dots": ("dotted", "with {color} dots", "polka dot", "with {color} spots"),
    "checks": ("checked", "with {color} checks", "chequered", "plaid"),
    "band": ("with a {color} band", "with one wide {color} stripe"),
    "speckles": ("speckled", "with {color} speckles"),
    "floral": ("floral", "with {color} flowers", "flowery"),
    "logo": ("with a {color} logo", "with a {color} star on it"),
}


def linear_rgb(name: str) -> tuple[float, float, float]:
    """A named colour in linear light, each channel in [0, 1]."""
    code = COLORS[name].lstrip("#")
    channels = [int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return r, g, b
