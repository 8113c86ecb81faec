"""Drawing specs by chance: one object, or a block of twins.

A block is a grid: some shapes times some dresses (colours, materials, patterns). Every picture of it has twins of the
same shape in other colours and twins of the same colours in other shapes, so neither a drawing nor words alone tell it
apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stbir.errors import ConfigError
from stbir.synth.objects import FAMILIES, FIRST_FAMILIES, IDLE_NUMBERS, KINDS, Kind
from stbir.synth.palette import (
    CLAY_COLORS,
    DENIM_COLORS,
    GLASS_COLORS,
    METAL_COLORS,
    PAINT_COLORS,
    STRAW_COLORS,
    WOOD_COLORS,
)
from stbir.synth.spec import Background, Light, ObjectSpec, View

_BACKDROPS = (
    ("studio", ("#ffffff", "#ffffff", "#f7f7f7", "#ebebec", "#dcdee0")),
    ("studio", ("#f6e3dc", "#dcebf2", "#e4efdc", "#efe4f3", "#f8efd4", "#d5e6e2")),
    ("floor", ("#e9e4da", "#dfe5ea", "#efeae6", "#c9d3d6", "#e7dccd")),
    ("table", ("#efece6", "#dfe3e6", "#e8e0d4", "#d4dad6")),
)
_FLOORS = {
    "floor": ("#cfc7ba", "#b9bfc4", "#d8d2cb", "#a7aeb0", "#c7b49b"),
    "table": ("#b98a5c", "#8f6440", "#d0a878", "#a88a6a"),
}
_OWN_COLORS = {
    "coloured glass": GLASS_COLORS,
    "straw": STRAW_COLORS,
    "clay": CLAY_COLORS,
    "denim": DENIM_COLORS,
    "paper label": ("white", "cream", "yellow", "black", "red", "light blue"),
}
_LIGHT_NEEDS_DARK = {"white": "cream", "cream": "white"}


@dataclass(frozen=True)
class Dress:
    """Colours, materials and pattern, without a shape; fits every kind that allows its materials."""

    color: str
    second_color: str
    material: str
    second_material: str
    pattern: str
    pattern_color: str
    pattern_scale: float


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _color_for(rng: np.random.Generator, material: str) -> str:
    if material == "wood":
        return _pick(rng, WOOD_COLORS)
    if material == "metal":
        return _pick(rng, METAL_COLORS)
    if material in ("linen", "paper"):
        return _pick(rng, [c for c in PAINT_COLORS if c not in ("black", "brown")])
    return _pick(rng, _OWN_COLORS.get(material, PAINT_COLORS))


def sample_shape(rng: np.random.Generator, kind: Kind) -> dict[str, float]:
    """Shape numbers of a kind, uniform in their ranges."""
    shape = {}
    for name, parameter in kind.parameters.items():
        place = rng.integers(parameter.steps) / (parameter.steps - 1) if parameter.steps else rng.random()
        shape[name] = round(float(parameter.low + (parameter.high - parameter.low) * place), 4)
    return shape


def sample_dress(rng: np.random.Generator, kind: Kind) -> Dress:
    """Colours, materials and pattern that suit a kind."""
    material, second_material = _pick(rng, kind.materials), _pick(rng, kind.second_materials)
    color = _color_for(rng, material)
    pattern = _pick(rng, kind.patterns) if material not in ("wood", "metal", "suede", "velvet", "mesh") else "plain"
    if pattern == "stripes" and rng.random() < 0.4:
        pattern = "vertical stripes"
    second_color = _color_for(rng, second_material)
    if second_material == material and rng.random() < 0.3:
        second_color = color
    others = [
        c for c in ("white", "black", "red", "blue", "yellow", "green", "orange", "pink", "navy", "cream") if c != color
    ]
    pattern_color = _pick(rng, others)
    if color in _LIGHT_NEEDS_DARK and pattern_color in ("white", "cream"):
        pattern_color = _pick(rng, ["black", "red", "blue", "navy", "green"])
    if color in ("black", "navy", "brown", "burgundy", "dark green", "purple", "charcoal") and pattern_color in (
        "black",
        "navy",
    ):
        pattern_color = _pick(rng, ["white", "yellow", "cream", "pink"])
    if pattern != "plain" and rng.random() < 0.5 and kind.family != "lamp":
        second_color = pattern_color if second_material not in ("wood", "metal") else second_color
    scale = round(float(rng.uniform(0.75, 1.3)), 3)
    return Dress(color, second_color, material, second_material, pattern, pattern_color, scale)


def _sample_view(rng: np.random.Generator, kind: Kind) -> View:
    low, high = kind.azimuths_deg[int(rng.integers(len(kind.azimuths_deg)))]
    return View(
        azimuth_deg=round(float(rng.uniform(low, high)), 2),
        elevation_deg=round(float(rng.uniform(*kind.elevation_deg)), 2),
        distance=round(float(rng.uniform(3.2, 5.5)), 2),
        fill=round(float(rng.uniform(0.7, 0.84)), 3),
    )


def _sample_light(rng: np.random.Generator) -> Light:
    side = -1 if rng.random() < 0.6 else 1
    return Light(
        azimuth_deg=round(float(side * rng.uniform(18, 62)), 2),
        elevation_deg=round(float(rng.uniform(34, 66)), 2),
        strength=round(float(rng.uniform(0.9, 1.14)), 3),
        warmth=round(float(rng.uniform(-0.7, 1.0)), 3),
    )


def _sample_background(rng: np.random.Generator) -> Background:
    style, colors = _BACKDROPS[int(rng.choice(4, p=[0.42, 0.22, 0.2, 0.16]))]
    return Background(style, _pick(rng, colors), _pick(rng, _FLOORS.get(style, ("#ffffff",))))


def _kind(rng: np.random.Generator, family: str | None) -> Kind:
    if family is None:
        family = _pick(rng, FIRST_FAMILIES)
    if family in KINDS:
        return KINDS[family]
    if family not in FAMILIES:
        known = ", ".join([*FAMILIES, *KINDS])
        raise ConfigError(f"there is no object family {family!r}: give one of {known}")
    return FAMILIES[family][int(rng.integers(len(FAMILIES[family])))]


def _spec(rng: np.random.Generator, kind: Kind, shape: dict[str, float], dress: Dress, view: View) -> ObjectSpec:
    return ObjectSpec(
        kind=kind.name,
        shape=shape,
        color=dress.color,
        second_color=dress.second_color,
        material=dress.material,
        second_material=dress.second_material,
        pattern=dress.pattern,
        pattern_color=dress.pattern_color,
        pattern_scale=dress.pattern_scale,
        view=view,
        light=_sample_light(rng),
        background=_sample_background(rng),
        seed=int(rng.integers(2**31)),
    )


def sample_spec(rng: np.random.Generator, family: str | None = None) -> ObjectSpec:
    """One object by chance.

    Args:
        rng: Source of chance.
        family: A family ("shoe") or a kind ("ankle boot"); None for any.

    Returns:
        The spec.

    Raises:
        ConfigError: No such family.
    """
    kind = _kind(rng, family)
    return _spec(rng, kind, sample_shape(rng, kind), sample_dress(rng, kind), _sample_view(rng, kind))


def sample_block(
    rng: np.random.Generator, family: str | None = None, *, shapes: int = 4, dresses: int = 4
) -> list[list[ObjectSpec]]:
    """A block of twins.

    Args:
        rng: Source of chance.
        family: A family or a kind; None for any.
        shapes: Number of shapes. All are of one kind or, in half of the blocks, some of another kind of the family.
        dresses: Number of dresses.

    Returns:
        [shapes][dresses]: a row has one shape and one viewpoint, a column one dress; light and background are free.
    """
    first = _kind(rng, family)
    kinds = [first] * shapes
    if rng.random() < 0.5 and family not in KINDS:
        relatives = [k for k in FAMILIES[first.family] if set(k.materials) & set(first.materials) - {"wood"}]
        kinds = [first] * (shapes - shapes // 2) + [relatives[int(rng.integers(len(relatives)))]] * (shapes // 2)
    clothes = _sample_dresses(rng, kinds, dresses)
    rows = []
    made: list[tuple[Kind, dict[str, float]]] = []
    for kind in kinds:
        shape, view = (
            _other_shape(rng, kind, [shape for known, shape in made if known is kind]),
            _sample_view(rng, kind),
        )
        made.append((kind, shape))
        row = []
        for dress in clothes:
            fitting = dress
            if dress.second_material not in kind.second_materials:
                other = _pick(rng, kind.second_materials)
                fitting = replace(dress, second_material=other, second_color=_color_for(rng, other))
            row.append(_spec(rng, kind, shape, fitting, view))
        rows.append(row)
    return rows


def sample_rich_block(rng: np.random.Generator, kinds: Sequence[Kind], dresses: int = 4) -> list[list[ObjectSpec]]:
    """A block of twins as the parts of the benchmark have them.

    Args:
        rng: Source of chance.
        kinds: The kind of each shape but the last.
        dresses: Number of dresses.

    Returns:
        [shapes][dresses] as in `sample_block`; the last row is a near twin of the first: the same kind seen from the
        same side, some of its shape numbers a little changed (`shape_distance` says how much). Backgrounds are richer,
        every third object is worn.
    """
    clothes = _sample_dresses(rng, kinds, dresses)
    made: list[tuple[Kind, dict[str, float], View]] = []
    for kind in kinds:
        shape = _other_shape(rng, kind, [shape for known, shape, _ in made if known is kind])
        made.append((kind, shape, _sample_view(rng, kind)))
    kind, shape, view = made[0]
    made.append((kind, _near_shape(rng, kind, shape), view))
    return [[_rich_spec(rng, kind, shape, dress, view) for dress in clothes] for kind, shape, view in made]


def _rich_spec(rng: np.random.Generator, kind: Kind, shape: dict[str, float], dress: Dress, view: View) -> ObjectSpec:
    if dress.second_material not in kind.second_materials:
        other = _pick(rng, kind.second_materials)
        dress = replace(dress, second_material=other, second_color=_color_for(rng, other))
    wear = round(float(rng.uniform(0.2, 0.9)), 3) if rng.random() < 1 / 3 else 0.0
    return replace(_spec(rng, kind, shape, dress, view), background=_rich_background(rng), wear=wear)


def _rich_background(rng: np.random.Generator) -> Background:
    if rng.random() < 0.62:
        return _sample_background(rng)
    style = _pick(rng, ("shelf", "room", "wallpaper", "tiles", "room"))
    walls = ("#e9e4da", "#dfe5ea", "#efeae6", "#c9d3d6", "#e7dccd", "#d7e0d2", "#e6d6cf", "#f2efe9")
    floors = ("#cfc7ba", "#b9bfc4", "#d8d2cb", "#8f6440", "#c7b49b", "#e4e0d8")
    return Background(style, _pick(rng, walls), _pick(rng, floors))


def _near_shape(rng: np.random.Generator, kind: Kind, shape: dict[str, float]) -> dict[str, float]:
    """A near twin's shape: a third of the continuous numbers, at least two, moved by 0.2 to 0.45 of their range."""
    idle = IDLE_NUMBERS.get(kind.name, ())
    free = [name for name, parameter in kind.parameters.items() if not parameter.steps and name not in idle]
    count = min(len(free), max(2, round(len(free) / 3)))
    near = dict(shape)
    for k in rng.permutation(len(free))[:count]:
        parameter = kind.parameters[free[k]]
        step = float(rng.uniform(0.2, 0.45)) * (parameter.high - parameter.low)
        up = shape[free[k]] + step <= parameter.high
        down = shape[free[k]] - step >= parameter.low
        way = 1 if up and (not down or rng.random() < 0.5) else -1
        near[free[k]] = round(shape[free[k]] + way * step, 4)
    return near


def shape_distance(kind: Kind, one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """How far two shapes of a kind are apart, 0 to 1: root mean square over the numbers that show, by their ranges."""
    idle = IDLE_NUMBERS.get(kind.name, ())
    spans = [(name, p.high - p.low) for name, p in kind.parameters.items() if name not in idle]
    return float(np.sqrt(np.mean([((one[name] - other[name]) / span) ** 2 for name, span in spans])))


def _other_shape(rng: np.random.Generator, kind: Kind, known: Sequence[dict[str, float]]) -> dict[str, float]:
    """A shape that a drawing can tell from the known ones: of eight, the one furthest from its nearest."""
    if not known:
        return sample_shape(rng, kind)

    def apart(shape: dict[str, float]) -> float:
        spans = {name: parameter.high - parameter.low for name, parameter in kind.parameters.items()}
        return min(sum(((shape[n] - other[n]) / spans[n]) ** 2 for n in spans) for other in known)

    return max((sample_shape(rng, kind) for _ in range(8)), key=apart)


def _sample_dresses(rng: np.random.Generator, kinds: Sequence[Kind], count: int) -> list[Dress]:
    """Dresses that suit all kinds; no two have the same colour unless the kinds allow few colours."""
    clothes: list[Dress] = []
    for attempt in range(1000):
        dress = sample_dress(rng, kinds[0])
        if not all(dress.material in kind.materials for kind in kinds):
            continue
        few = attempt > 40 * count
        taken = {_look(other, with_pattern=few) for other in clothes}
        if _look(dress, with_pattern=few) not in taken:
            clothes.append(dress)
            if len(clothes) == count:
                return clothes
    raise ConfigError(f"{kinds[0].name} has fewer than {count} different dresses: ask for fewer")


def _look(dress: Dress, *, with_pattern: bool) -> tuple[str, ...]:
    pattern = (dress.pattern, dress.pattern_color if dress.pattern != "plain" else "")
    return (dress.color, *pattern) if with_pattern else (dress.color,)
