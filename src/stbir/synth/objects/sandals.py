"""Open footwear: sandals, flip-flops, slides, clogs and slippers, on the last of the shoes."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.last import add_heel, add_sole, add_upper, floor, half_width, upper
from stbir.synth.objects.pieces import ball, box


def _over(shape: Shape, x_low: float, x_high: float, rise: float) -> Array:
    """A line over the foot from its outer to its inner edge [N, 3]; crosses the foot at an angle."""
    t = np.linspace(-1, 1, 26)
    x = 0.5 * (x_low + x_high) + 0.5 * (x_high - x_low) * t
    half = half_width(shape, x) * 1.0
    arch = np.sqrt(np.clip(1 - np.abs(t) ** 2.6, 0, 1))
    return np.stack([x, -half * t, floor(shape, x) + rise * arch], axis=1)


def _strap(solid: Solid, path: Array, width: float, part: str, slot: str = "main") -> None:
    solid.add(tube(path, width, 12, flat=0.2, power=4), slot, part, axis=path)


def _level_strap(solid: Solid, path: Array, width: float, part: str) -> None:
    """A strap around something upright: its width stands."""
    solid.add(tube(path, 0.2 * width, 12, flat=5.0, power=4), "second", part, axis=path)


def _band(solid: Solid, shape: Shape, low: float, high: float, rise: float, part: str, slot: str = "main") -> None:
    """A wide band over the foot between two places along it, as one sheet with two sides."""
    rows = [
        _over(shape, x, x, rise * (1.18 - 0.55 * (x - low) / max(high - low, 1e-6) * 0.6)) for x in _steps(low, high)
    ]
    sheet = np.stack(rows)
    solid.add(Grid(sheet + np.array([0, 0, 0.012]), wrap=False), slot, part)
    solid.add(Grid(sheet - [0, 0, 0.008], wrap=False), "lining", "inside")
    border = np.concatenate([sheet[0], sheet[1:, -1], sheet[-1, -2::-1], sheet[-2:0:-1, 0]])
    solid.add(Grid(np.stack([border + np.array([0, 0, 0.012]), border - [0, 0, 0.008]])), slot, part)


def _steps(low: float, high: float) -> Array:
    return np.linspace(low, high, 12)


def _insole(solid: Solid, shape: Shape, slot: str) -> None:
    """The foot bed on top of the sole."""
    x = np.concatenate([np.linspace(0.995, 0.1, 40), 0.02 + 0.08 * (1 - np.sin(np.linspace(0, np.pi / 2, 12)))])
    half = half_width(shape, np.maximum(x, 0.07)) * np.sqrt(1 - (1 - np.clip((x - 0.015) / 0.1, 0, 1)) ** 2)
    z = floor(shape, x) + 0.016
    across = np.linspace(-1, 1, 9)
    sheet = np.stack([x[:, None] + 0 * across, half[:, None] * across, z[:, None] + 0.0 * across], axis=-1)
    solid.add(Grid(sheet, wrap=False), slot, "foot bed")


def _base(shape: Shape, *, wedge: bool) -> Solid:
    solid = Solid()
    add_sole(solid, shape, slot="sole", wedge=wedge, welt=0.012)
    _insole(solid, shape, "bed")
    if not wedge:
        add_heel(solid, shape, slot="sole", slim=shape["heel_slim"], length=0.22)
    return solid


def _sandal(shape: Shape) -> Solid:
    solid = _base(shape, wedge=shape["wedge"] > 0.5)
    wide = shape["strap_width"]
    crossed = shape["crossed"]
    _strap(solid, _over(shape, 0.72 - 0.1 * crossed, 0.72 + 0.1 * crossed, 0.1), wide, "front strap.0")
    if round(shape["straps"]) > 1:
        _strap(solid, _over(shape, 0.7 + 0.12 * crossed, 0.62 - 0.08 * crossed, 0.12), wide, "front strap.1")
    if round(shape["straps"]) > 2:
        _strap(solid, _over(shape, 0.5, 0.5, 0.17), wide, "front strap.2")
    high = float(floor(shape, 0.1))
    level = high + shape["ankle_level"]
    angle = np.linspace(0, 2 * np.pi, 44)
    ring = np.stack([0.15 + 0.15 * np.cos(angle), 0.105 * np.sin(angle), level + 0.03 * np.cos(angle)], axis=1)
    _level_strap(solid, np.concatenate([ring, ring[1:2]]), wide * 0.85, "ankle strap")
    for k, side in enumerate((-1, 1)):
        keys = [[0.17, side * float(half_width(shape, 0.17)) * 0.95, high - 0.01]]
        keys += [[0.12, side * 0.1, 0.5 * (high + level)], [0.13, side * 0.103, level]]
        _strap(solid, curve(keys, 14), wide * 0.8, f"side strap.{k}")
    heel = curve([[0.02, 0, high - 0.01], [-0.012, 0, high + 0.5 * (level - high)], [0.0, 0, level - 0.02]], 12)
    solid.add(tube(heel, 0.075, 14, flat=0.25, power=4), "main", "heel cup")
    solid.add(box(0.035, 0.02, 0.05, 0.008).moved(0.17, -0.118, level - 0.02), "metal", "buckle", detail=True)
    return solid


def _flip_flop(shape: Shape) -> Solid:
    solid = _base(shape, wedge=True)
    wide = shape["strap_width"]
    post = np.array([0.8, 0.02, float(floor(shape, 0.8)) + 0.0])
    for k, side in enumerate((-1, 1)):
        x = shape["anchor"]
        end = [x, side * half_width(shape, x) * 0.98, float(floor(shape, x)) + 0.005]
        middle = [0.5 * (x + 0.8) + 0.05, side * 0.1, float(floor(shape, 0.6)) + shape["rise"]]
        path = curve([post + np.array([0, 0, 0.045]), middle, end], 26)
        solid.add(
            tube(path, wide * np.linspace(0.7, 1.1, 26), 12, flat=0.4, power=3), "second", f"strap.{k}", axis=path
        )
    solid.add(tube(curve([post, post + np.array([0, 0, 0.05])], 5), 0.016, 10), "second", "toe post")
    return solid


def _slide(shape: Shape) -> Solid:
    solid = _base(shape, wedge=True)
    low = 0.78 - shape["band"]
    _band(solid, shape, low, 0.8, shape["rise"], "band")
    if shape["two_bands"] > 0.5:
        middle = 0.5 * (low + 0.8)
        path = _over(shape, middle, middle, shape["rise"] * 0.99) + np.array([0, 0, 0.016])
        _strap(solid, path, 0.03, "stripe", "second")
    return solid


def _clog(shape: Shape) -> Solid:
    """A closed toe, an open heel."""
    solid = Solid()
    rings = upper(shape)
    cut = int(len(rings) * shape["cut"])
    add_upper(solid, rings[:cut], [])
    add_sole(solid, shape, slot="sole", wedge=True, welt=0.018)
    _insole(solid, shape, "bed")
    if shape["heel_strap"] > 0.5:
        row = rings[cut - 1]
        level = float(row[:, 2].max()) - 0.03
        x = float(row[0, 0]) - 0.04
        keys = [[x, -0.13, level - 0.05], [0.12, -0.13, level - 0.02], [-0.03, 0.0, level]]
        path = curve([*keys, [0.12, 0.13, level - 0.02], [x, 0.13, level - 0.05]], 36)
        _level_strap(solid, path, 0.035, "heel strap")
        for k, side in enumerate((-1, 1)):
            solid.add(ball(0.026).moved(x, side * 0.14, level - 0.05), "metal", f"rivet.{k}", detail=True)
    return solid


def _slipper(shape: Shape) -> Solid:
    solid = Solid()
    rings = upper(shape)
    cut = int(len(rings) * shape["cut"])
    add_upper(solid, rings[:cut], [])
    edge = rings[cut - 1]
    solid.add(tube(np.concatenate([edge[44:], edge[:30]]), 0.038, 12), "second", "fur trim")
    add_sole(solid, shape, slot="sole", wedge=True, welt=0.015)
    _insole(solid, shape, "bed")
    if shape["pompon"] > 0.5:
        solid.add(ball(0.075, sides=30).moved(*(rings[int(cut * 0.8), 0] + [0, 0, 0.04])), "second", "pompon")
    return solid


def _ballet(shape: Shape) -> Solid:
    solid = Solid()
    rings = upper(shape)
    add_upper(solid, rings, [])
    add_sole(solid, shape, slot="sole", welt=0.0)
    add_heel(solid, shape, slot="heel", slim=0.0, length=0.22)
    if shape["bow"] > 0.5:
        spot = rings[-1, 0] + [0.03, 0, 0.004]
        for k, side in enumerate((-1, 1)):
            loop = [spot, spot + np.array([0.01, side * 0.045, 0.03]), spot + np.array([0.015, side * 0.085, 0.0])]
            path = curve([*loop, spot + np.array([0.0, side * 0.04, -0.012]), spot], 22)
            solid.add(tube(path, 0.014, 8), "second", f"bow.{k}", axis=path, detail=True)
        solid.add(ball(0.02).moved(*spot), "second", "knot", detail=True)
    if shape["strap"] > 0.5:
        path = _over(shape, 0.4, 0.4, 0.15)
        _strap(solid, path, 0.022, "strap", "second")
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "heel_height": Parameter(0.0, 0.03),
        "heel_slim": Parameter(0.0, 0.5),
        "sole": Parameter(0.035, 0.07, "thin sole", "thick sole"),
        "toe_spring": Parameter(0.0, 0.03),
        "toe_height": Parameter(0.1, 0.15),
        "toe_point": Parameter(0.0, 0.5),
        "width": Parameter(0.92, 1.08),
        "throat": Parameter(0.42, 0.52),
        "instep": Parameter(0.22, 0.28),
        "shaft": Parameter(0.16, 0.23),
        "ankle": Parameter(0.09, 0.12),
        "shaft_width": Parameter(0.0, 0.5),
        "dip": Parameter(0.0, 0.04),
    }
    return {**base, **changes}


def _only(names: str, **changes: Parameter) -> dict[str, Parameter]:
    """The base parameters named, and others; what is left out stays at its middle."""
    base = _parameters()
    return {**{name: base[name] for name in names.split()}, **changes}


def _whole(shape: Shape) -> dict[str, float]:
    return {**{name: (p.low + p.high) / 2 for name, p in _parameters().items()}, **shape}


_VIEWS = ((-48.0, 24.0), (156.0, 228.0))
_ELEVATION = (14.0, 34.0)
_FIXED = {
    "lining": ("beige", "fabric"),
    "sole": ("charcoal", "rubber"),
    "bed": ("tan", "leather"),
    "metal": ("silver", "metal"),
    "collar": ("main", "leather"),
    "heel": ("main", "leather"),
}
_BED = "sole toe_spring toe_point width"
_CLOSED = "toe_spring toe_height toe_point width throat instep"

SANDALS = (
    Kind(
        "strappy sandal",
        "sandal",
        ("sandal", "strappy sandal", "summer sandal"),
        _only(
            _BED,
            heel_height=Parameter(0.02, 0.3, "flat heel", "high heel"),
            heel_slim=Parameter(0.0, 0.95, "block heel", "thin heel"),
            wedge=Parameter(0, 1, None, "wedge heel", 2),
            straps=Parameter(1, 3, "one front strap", "three front straps", 3),
            strap_width=Parameter(0.018, 0.042, "thin straps", "wide straps"),
            crossed=Parameter(0.0, 1.0, None, "crossed straps"),
            ankle_level=Parameter(0.16, 0.27),
        ),
        lambda shape: _sandal(_whole(shape)),
        ("leather", "suede", "patent leather"),
        "ankle strap",
        ("leather",),
        _VIEWS,
        _ELEVATION,
        ("plain",),
        _FIXED,
    ),
    Kind(
        "flip-flop",
        "sandal",
        ("flip-flop", "thong sandal", "beach sandal"),
        _only(
            _BED,
            strap_width=Parameter(0.018, 0.034, "thin straps", "wide straps"),
            anchor=Parameter(0.32, 0.5, "long straps", "short straps"),
            rise=Parameter(0.09, 0.15),
        ),
        lambda shape: _flip_flop(_whole(shape)),
        ("rubber",),
        "straps",
        ("rubber", "leather"),
        _VIEWS,
        (22.0, 44.0),
        ("plain", "plain", "stripes", "dots", "floral"),
        {**_FIXED, "sole": ("main", "rubber"), "bed": ("main", "rubber")},
    ),
    Kind(
        "slide",
        "sandal",
        ("slide", "bath slipper", "slip-on sandal"),
        _only(
            _BED,
            band=Parameter(0.16, 0.36, "narrow band", "wide band"),
            rise=Parameter(0.12, 0.19),
            two_bands=Parameter(0, 1, None, "striped band", 2),
        ),
        lambda shape: _slide(_whole(shape)),
        ("rubber", "leather", "suede"),
        "stripe",
        ("rubber",),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "dots", "stripes", "checks"),
        {**_FIXED, "bed": ("charcoal", "rubber")},
    ),
    Kind(
        "clog",
        "sandal",
        ("clog", "garden clog", "open-backed shoe"),
        _only(
            _CLOSED,
            cut=Parameter(0.5, 0.6, "short upper", None),
            sole=Parameter(0.05, 0.1, "thin sole", "thick sole"),
            heel_height=Parameter(0.0, 0.08, None, "raised heel"),
            heel_strap=Parameter(0, 1, None, "heel strap", 2),
        ),
        lambda shape: _clog(_whole(shape)),
        ("rubber", "leather", "suede"),
        "heel strap",
        ("leather", "rubber"),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "dots", "floral"),
        {**_FIXED, "sole": ("tan", "wood")},
    ),
    Kind(
        "slipper",
        "sandal",
        ("slipper", "house slipper", "house shoe"),
        _only(
            _CLOSED + " heel_height sole",
            cut=Parameter(0.48, 0.6, "short upper", None),
            pompon=Parameter(0, 1, None, "with a pompon", 2),
        ),
        lambda shape: _slipper(_whole(shape)),
        ("felt", "wool", "velvet"),
        "fur trim",
        ("wool",),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "checks", "stripes", "dots"),
        {**_FIXED, "bed": ("cream", "fabric"), "collar": ("main", "fabric")},
    ),
    Kind(
        "ballet flat",
        "sandal",
        ("ballet flat", "ballerina", "flat shoe"),
        _only(
            "toe_spring ankle",
            sole=Parameter(0.016, 0.03),
            heel_height=Parameter(0.012, 0.04),
            toe_height=Parameter(0.075, 0.1),
            toe_point=Parameter(0.0, 1.0, "round toe", "pointed toe"),
            throat=Parameter(0.72, 0.8),
            instep=Parameter(0.1, 0.14),
            shaft=Parameter(0.15, 0.2),
            width=Parameter(0.8, 0.92),
            dip=Parameter(0.03, 0.07),
            bow=Parameter(0, 1, None, "with a bow", 2),
            strap=Parameter(0, 1, None, "with a strap", 2),
        ),
        lambda shape: _ballet(_whole(shape)),
        ("leather", "suede", "patent leather", "satin"),
        "trim",
        ("leather", "satin"),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "plain", "dots"),
        {**_FIXED, "sole": ("charcoal", "leather")},
    ),
)
