"""Lamps: a shade, something that carries it, a foot."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, revolve, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape


def _shade(solid: Solid, low: float, shape: Shape) -> None:
    """A shade open below and above, its lower rim at height `low`."""
    wide, height = shape["shade_width"], shape["shade_height"]
    narrow = wide * shape["shade_taper"]
    z = np.linspace(0, 1, 14)
    bow = shape.get("shade_bow", 0.0)
    radius = wide + (narrow - wide) * z + bow * wide * np.sin(np.pi * z)
    outer = np.stack([radius, low + z * height], axis=1)
    solid.add(revolve(outer), "main", "shade")
    solid.add(revolve(outer - [0.012, 0.0]), "glow", "inside")
    for r, level in ((radius[0], low), (radius[-1], low + height)):
        ring = [
            [r - 0.016, level - 0.012],
            [r + 0.006, level - 0.012],
            [r + 0.006, level + 0.012],
            [r - 0.016, level + 0.012],
        ]
        solid.add(revolve(ring), "main", "shade")
    bulb = [
        [0, low + height * 0.68],
        [0.05, low + height * 0.6],
        [0.06, low + height * 0.5],
        [0.03, low + height * 0.36],
        [0, low + height * 0.3],
    ]
    solid.add(revolve(curve(bulb, 16), 24), "glow", "bulb", detail=True)


def _turned_base(shape: Shape, height: float) -> Array:
    """Profile of a foot and a body between vase, ball and column."""
    fat, waist, place = shape["base_width"], 0.045, shape["body_place"]
    keys = [
        [0.0, 0.0],
        [fat * shape["foot"], 0.0],
        [fat * shape["foot"], 0.035],
        [fat * 0.45, 0.075],
        [fat * 0.55, 0.13],
        [fat, height * place],
        [fat * (0.35 + 0.5 * shape["shoulder"]), height * (place + 0.5 * (1 - place))],
        [waist, height * 0.88],
        [waist * 0.7, height * 0.95],
        [waist * 0.6, height + 0.15],
    ]
    return curve(keys, 70)


def _table_lamp(shape: Shape) -> Solid:
    solid = Solid()
    height = shape["base_height"]
    solid.add(revolve(_turned_base(shape, height)), "second", "base")
    _shade(solid, height * 0.93, shape)
    return solid


def _mushroom(shape: Shape) -> Solid:
    solid = Solid()
    height, wide = shape["base_height"], shape["shade_width"]
    stem = curve(
        [[0.0, 0.0], [shape["base_width"] * 1.2, 0.0], [shape["base_width"] * 1.1, 0.05], [0.07, 0.2], [0.065, height]],
        40,
    )
    solid.add(revolve(stem), "second", "base")
    tall = shape["shade_height"]
    angle = np.linspace(0, np.pi / 2, 20)
    dome = np.stack([wide * np.cos(angle) ** shape["shade_taper"], height - 0.02 + tall * np.sin(angle)], axis=1)
    solid.add(revolve(dome), "main", "shade")
    solid.add(revolve([[wide, height - 0.02], [wide * 0.95, height - 0.035], [0.0, height - 0.02]]), "glow", "inside")
    return solid


def _floor_lamp(shape: Shape) -> Solid:
    solid = Solid()
    height, thick = shape["base_height"], shape["pole"]
    if shape["tripod"] > 0.5:
        for k in range(3):
            angle = 2 * np.pi * k / 3 + 0.9
            reach = shape["foot"]
            path = curve(
                [
                    [0.03 * np.cos(angle), 0.03 * np.sin(angle), height * 0.9],
                    [reach * np.cos(angle), reach * np.sin(angle), 0.015],
                ],
                12,
            )
            solid.add(tube(path, thick * 1.15, 12), "second", f"leg.{k}", axis=path)
        solid.add(
            revolve([[0.0, height * 0.86], [0.06, height * 0.86], [0.06, height * 0.92], [0.0, height * 0.92]], 24),
            "second",
            "joint",
            detail=True,
        )
        pole = curve([[0, 0, height * 0.88], [0, 0, height + 0.1]], 6)
    else:
        foot = shape["foot"] * 0.75
        solid.add(
            revolve([[0.0, 0.0], [foot, 0.0], [foot, 0.0], [foot, 0.03], [foot * 0.9, 0.045], [0.0, 0.06]]),
            "second",
            "foot",
        )
        pole = curve([[0, 0, 0.03], [0, 0, height + 0.1]], 10)
    solid.add(tube(pole, thick, 12), "second", "pole", axis=pole)
    _shade(solid, height, shape)
    return solid


def _cone_head(solid: Solid, tip: Array, direction: Array, shape: Shape) -> None:
    wide, length = shape["shade_width"], shape["shade_height"]
    profile = curve([[0.0, 0.0], [0.06, 0.0], [0.075, 0.07], [0.08 + 0.25 * wide, 0.16], [wide, length]], 24)
    inner = profile[::-1] - [0.012, 0.0]
    inner[:, 0] = np.maximum(inner[:, 0], 0)
    direction = direction / np.linalg.norm(direction)
    side = np.cross(direction, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(direction, side), direction], axis=1)

    def place(points: Array) -> Array:
        return np.asarray(tip + points @ frame.T, float)

    solid.add(revolve(profile, 40).mapped(place), "main", "shade")
    solid.add(revolve(inner, 40).mapped(place), "glow", "inside")
    bulb = curve([[0, length * 0.95], [0.06, length * 0.86], [0.05, length * 0.6], [0.0, length * 0.5]], 12)
    solid.add(revolve(bulb, 20).mapped(place), "glow", "bulb", detail=True)


def _desk_lamp(shape: Shape) -> Solid:
    solid = Solid()
    foot = shape["foot"]
    solid.add(
        revolve([[0.0, 0.0], [foot, 0.0], [foot, 0.0], [foot, 0.05], [foot * 0.92, 0.07], [0.0, 0.08]]), "main", "foot"
    )
    lower, upper = shape["lower_arm"], shape["upper_arm"]
    a, b = np.radians(shape["lower_angle"]), np.radians(shape["upper_angle"])
    start = np.array([-foot * 0.3, 0.0, 0.07])
    elbow = start + lower * np.array([-np.cos(a), 0.0, np.sin(a)])
    tip = elbow + upper * np.array([np.cos(b), 0.0, np.sin(b)])
    for name, p, q in (("lower arm", start, elbow), ("upper arm", elbow, tip)):
        path = curve([p, q], 8)
        solid.add(tube(path, shape["pole"], 12), "second", name, axis=path)
    for k, spot in enumerate((start, elbow, tip)):
        joint = revolve([[0, -0.04], [0.042, -0.04], [0.042, -0.04], [0.042, 0.04], [0.042, 0.04], [0, 0.04]], 20)
        solid.add(joint.turned(90, "x").moved(*spot), "second", f"joint.{k}", detail=True)
    tilt = np.radians(shape["head_angle"])
    _cone_head(solid, tip + np.array([0.0, 0.0, 0.03]), np.array([np.sin(tilt), 0.0, -np.cos(tilt)]), shape)
    return solid


def _pendant(shape: Shape) -> Solid:
    solid = Solid()
    low = shape["base_height"]
    wide, tall = shape["shade_width"], shape["shade_height"]
    keys = [[wide, low], [wide * (0.9 + 0.16 * shape["shade_bow"]), low + tall * 0.3]]
    keys += [
        [wide * (0.42 + 0.42 * shape["shade_bow"]), low + tall * 0.72],
        [0.06, low + tall],
        [0.045, low + tall * 1.14],
        [0, low + tall * 1.15],
    ]
    profile = curve(keys, 36)
    solid.add(revolve(profile), "main", "shade")
    inner = profile[:30] - [0.014, 0.004]
    solid.add(revolve(inner), "glow", "inside")
    top = low + tall * 1.14
    cord = curve([[0, 0, top], [0, 0, top + shape["cord"]]], 6)
    solid.add(tube(cord, 0.014, 10), "second", "cord", axis=cord)
    end = top + shape["cord"]
    solid.add(revolve([[0, end - 0.06], [0.11, end - 0.05], [0.11, end], [0, end]], 28), "second", "rose", detail=True)
    bulb = curve(
        [[0, low + tall * 0.5], [0.08, low + tall * 0.3], [0.09, low + 0.06], [0.05, low - 0.04], [0, low - 0.06]], 16
    )
    solid.add(revolve(bulb, 24), "glow", "bulb", detail=True)
    return solid


def _arc_lamp(shape: Shape) -> Solid:
    solid = Solid()
    height, reach = shape["base_height"], shape["reach"]
    foot = slab(superellipse(shape["foot"], shape["foot"], 2 + 4 * shape["foot_square"]), 0.07, 0.02)
    solid.add(foot.moved(x=-reach / 2, z=0.035), "second", "foot")
    path = curve(
        [
            [-reach / 2, 0, 0.05],
            [-reach / 2 - 0.04, 0, height * 0.55],
            [-reach * 0.28, 0, height * 0.93],
            [reach * 0.12, 0, height],
            [reach / 2, 0, height * 0.8],
        ],
        40,
    )
    solid.add(tube(path, shape["pole"], 12), "second", "pole", axis=path)
    angle = np.linspace(0, np.pi / 2, 18)
    wide = shape["shade_width"]
    dome = np.stack([wide * np.cos(angle), shape["shade_height"] * np.sin(angle)], axis=1)
    dome[:, 1] += height * 0.8 - shape["shade_height"]
    solid.add(revolve(dome).moved(x=reach / 2), "main", "shade")
    solid.add(revolve((dome - [0.012, 0.004])[:-1]).moved(x=reach / 2), "glow", "inside")
    return solid


_PATTERNS = ("plain", "plain", "plain", "stripes", "dots", "checks")
_VIEWS = ((-30.0, 30.0),)
_GLOW = {"glow": ("warm light", "glow")}

LAMPS = (
    Kind(
        "table lamp",
        "lamp",
        ("table lamp", "bedside lamp", "lamp"),
        {
            "base_height": Parameter(0.5, 0.85, "short base", "tall base"),
            "base_width": Parameter(0.11, 0.27, "slim base", "fat round base"),
            "body_place": Parameter(0.22, 0.55),
            "shoulder": Parameter(0.0, 1.0),
            "foot": Parameter(0.6, 1.15),
            "shade_width": Parameter(0.3, 0.46, "small shade", "wide shade"),
            "shade_height": Parameter(0.28, 0.5, "flat shade", "tall shade"),
            "shade_taper": Parameter(0.4, 1.0, "cone shade", "drum shade"),
            "shade_bow": Parameter(-0.08, 0.1),
        },
        _table_lamp,
        ("linen", "paper"),
        "base",
        ("ceramic", "wood", "metal", "painted"),
        _VIEWS,
        (4.0, 22.0),
        _PATTERNS,
        _GLOW,
        round_body=True,
    ),
    Kind(
        "mushroom lamp",
        "lamp",
        ("mushroom lamp", "dome table lamp", "table lamp with a dome shade"),
        {
            "base_height": Parameter(0.35, 0.6, "short stem", "tall stem"),
            "base_width": Parameter(0.13, 0.25, None, "wide foot"),
            "shade_width": Parameter(0.32, 0.5, "small shade", "wide shade"),
            "shade_height": Parameter(0.2, 0.42, "flat shade", "tall shade"),
            "shade_taper": Parameter(0.45, 1.0, "bulging shade", None),
        },
        _mushroom,
        ("plastic", "metal", "ceramic"),
        "stem",
        ("ceramic", "metal", "plastic", "wood"),
        _VIEWS,
        (2.0, 18.0),
        ("plain", "plain", "dots", "stripes"),
        _GLOW,
        round_body=True,
    ),
    Kind(
        "floor lamp",
        "lamp",
        ("floor lamp", "standing lamp", "standard lamp"),
        {
            "base_height": Parameter(1.25, 1.8, "short", "tall"),
            "pole": Parameter(0.016, 0.03),
            "tripod": Parameter(0, 1, "round foot", "tripod legs", 2),
            "foot": Parameter(0.28, 0.5),
            "shade_width": Parameter(0.26, 0.44, "small shade", "wide shade"),
            "shade_height": Parameter(0.26, 0.5, "flat shade", "tall shade"),
            "shade_taper": Parameter(0.45, 1.0, "cone shade", "drum shade"),
        },
        _floor_lamp,
        ("linen", "paper"),
        "stand",
        ("wood", "metal", "painted"),
        _VIEWS,
        (2.0, 16.0),
        _PATTERNS,
        _GLOW,
        round_body=True,
    ),
    Kind(
        "desk lamp",
        "lamp",
        ("desk lamp", "reading lamp", "anglepoise lamp"),
        {
            "foot": Parameter(0.2, 0.3, "small foot", "big foot"),
            "pole": Parameter(0.018, 0.03),
            "lower_arm": Parameter(0.5, 0.8),
            "upper_arm": Parameter(0.4, 0.75, "short arm", "long arm"),
            "lower_angle": Parameter(60.0, 105.0),
            "upper_angle": Parameter(5.0, 45.0),
            "head_angle": Parameter(0.0, 50.0),
            "shade_width": Parameter(0.18, 0.28, "small shade", "big shade"),
            "shade_height": Parameter(0.26, 0.4),
        },
        _desk_lamp,
        ("painted", "metal", "plastic"),
        "arm",
        ("metal", "painted", "wood"),
        ((-35.0, 35.0), (150.0, 210.0)),
        (4.0, 20.0),
        ("plain",),
        _GLOW,
        round_body=True,
    ),
    Kind(
        "pendant lamp",
        "lamp",
        ("pendant lamp", "hanging lamp", "ceiling lamp"),
        {
            "base_height": Parameter(0.9, 0.95),
            "cord": Parameter(0.4, 1.0, "short cord", "long cord"),
            "shade_width": Parameter(0.34, 0.6, "small shade", "wide shade"),
            "shade_height": Parameter(0.26, 0.6, "flat shade", "tall shade"),
            "shade_bow": Parameter(0.0, 1.0, "cone shade", "dome shade"),
        },
        _pendant,
        ("painted", "metal", "glass", "plastic"),
        "cord",
        ("plastic", "metal"),
        _VIEWS,
        (-8.0, 14.0),
        ("plain", "plain", "stripes", "dots"),
        _GLOW,
        round_body=True,
    ),
    Kind(
        "arc lamp",
        "lamp",
        ("arc lamp", "arched floor lamp", "curved floor lamp"),
        {
            "base_height": Parameter(1.3, 1.75, "low", "tall"),
            "reach": Parameter(0.75, 1.2, "short arc", "long arc"),
            "pole": Parameter(0.018, 0.032),
            "foot": Parameter(0.18, 0.28),
            "foot_square": Parameter(0, 1, "round foot", "square foot", 2),
            "shade_width": Parameter(0.2, 0.32, "small shade", "big shade"),
            "shade_height": Parameter(0.16, 0.3),
        },
        _arc_lamp,
        ("metal", "painted", "plastic"),
        "stand",
        ("metal", "painted"),
        ((-35.0, 35.0), (150.0, 210.0)),
        (2.0, 16.0),
        ("plain",),
        _GLOW,
        round_body=True,
    ),
)
