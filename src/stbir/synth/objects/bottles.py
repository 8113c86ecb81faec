"""Bottles and vases: turned or square bodies, closed by a cork or a cap, or open with flowers in them."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, loft, revolve, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, profile, vessel, wire


def _turned(solid: Solid, wall: Array, *, label: tuple[float, float] | None = None) -> None:
    """A closed turned body; a label is a band of other colour between two heights."""
    start = np.array([[0.0, wall[0, 1]], wall[0], wall[0]])
    grid = revolve(np.concatenate([start, wall, [[0.0, wall[-1, 1]]]]))
    splits = []
    if label:
        z = grid.points[:-1, :1, 2]
        mask = np.broadcast_to((z > label[0]) & (z < label[1]), (grid.points.shape[0] - 1, grid.points.shape[1]))
        splits.append((mask, "second", "label"))
    solid.add(grid, "main", "body", splits=splits)


def _glass_bottle(shape: Shape) -> Solid:
    solid = Solid()
    radius, height, neck = shape["radius"], shape["height"], shape["neck"]
    shoulder = height * shape["shoulder"]
    lower = np.stack([np.full(26, radius), np.linspace(0.04, shoulder, 26)], axis=1)
    slope = shape["slope"]
    upper = profile(
        [
            [radius, shoulder],
            [radius * (0.93 - 0.1 * slope), shoulder + 0.06],
            [neck + (radius - neck) * (0.3 + 0.2 * slope), shoulder + 0.13 + 0.1 * slope],
            [neck, shoulder + 0.22 + 0.22 * slope],
            [neck * 0.96, height],
        ],
        30,
    )
    foot = np.array([[radius * 0.9, 0.0], [radius * 0.97, 0.015]])
    _turned(solid, np.concatenate([foot, lower, upper[1:]]), label=(0.16 * height, shoulder - 0.06))
    ring = [[neck * 0.9, height - 0.07], [neck * 1.25, height - 0.06], [neck * 1.25, height - 0.02]]
    solid.add(revolve([*ring, [neck * 0.9, height]], 32), "main", "lip")
    if shape["cork"] > 0.5:
        cork = [[neck * 0.8, height - 0.02], [neck * 0.9, height + 0.09], [neck * 0.9, height + 0.09]]
        solid.add(revolve([*cork, [0.0, height + 0.09]], 32), "cork", "cork")
    else:
        foil = [[neck * 1.3, height - 0.16], [neck * 1.28, height + 0.015], [neck * 1.28, height + 0.015]]
        solid.add(revolve([*foil, [0.0, height + 0.025]], 32), "second", "capsule")
    return solid


def _thermos(shape: Shape) -> Solid:
    solid = Solid()
    radius, height = shape["radius"], shape["height"]
    top = height * (1 - shape["cup"])
    slim = radius * (1 - shape["taper"])
    body = profile([[radius * 0.94, 0.0], [radius, 0.04], [0.5 * (radius + slim), 0.5 * top], [slim, top]], 30)
    _turned(solid, body)
    neck = [[slim, top], [slim * 0.9, top + 0.04], [slim * 0.86, top + 0.07]]
    solid.add(revolve(neck), "metal", "neck")
    wide = slim * 0.95
    cup = profile([[wide, top + 0.05], [wide * 0.99, 0.5 * (top + height)], [wide * 0.93, height]], 14)
    solid.add(revolve(np.concatenate([cup, cup[-1:], [[0.0, height + 0.012]]])), "second", "cup")
    ring = [[radius * 0.9, 0.1], [radius * 1.03, 0.11], [radius * 1.03, 0.15], [radius * 0.9, 0.16]]
    solid.add(revolve(ring), "metal", "ring", detail=True)
    if shape["handle"] > 0.5:
        keys = [[radius - 0.02, 0, top * 0.86], [radius + 0.15, 0, top * 0.84], [radius + 0.17, 0, top * 0.5]]
        keys += [[radius + 0.14, 0, top * 0.26], [radius - 0.02, 0, top * 0.24]]
        path = curve(keys, 30)
        solid.add(tube(path, 0.035, 12, flat=0.7), "second", "handle", axis=path)
    return solid


def _sports_bottle(shape: Shape) -> Solid:
    solid = Solid()
    radius, height, waist = shape["radius"], shape["height"], shape["waist"]
    z = np.linspace(0.0, 1.0, 40)
    pinch = 1 - waist * np.exp(-(((z - shape["waist_place"]) / 0.13) ** 2))
    ends = np.minimum(1, 0.86 + 0.14 * (z / 0.06)) * np.where(z > 0.86, 1 - 0.35 * ((z - 0.86) / 0.14) ** 2, 1.0)
    wall = np.stack([radius * pinch * ends, z * height], axis=1)
    _turned(solid, wall)
    cap = radius * shape["cap"]
    lid = profile([[cap, height - 0.02], [cap, height + 0.09], [cap * 0.9, height + 0.12], [0.06, height + 0.16]], 20)
    solid.add(revolve(np.concatenate([lid, [[0.0, height + 0.16]]])), "second", "cap")
    spout = [[0.05, height + 0.15], [0.045, height + 0.24], [0.065, height + 0.25], [0.065, height + 0.3]]
    solid.add(revolve([*spout, [0.0, height + 0.3]], 28), "second", "nozzle")
    if shape["loop"] > 0.5:
        keys = [[cap * 0.9, 0, height + 0.06], [cap + 0.17, 0, height + 0.12], [cap + 0.15, 0, height - 0.1]]
        wire(solid, [*keys, [cap, 0, height + 0.02]], 0.02, "second", "loop")
    return solid


def _perfume(shape: Shape) -> Solid:
    solid = Solid()
    width, deep, height = shape["width"], shape["depth"], shape["height"]
    power = 2.2 + 8 * shape["square"]
    rings = []
    for z, k in ((0.0, 0.94), (0.03, 1.0), (0.35, 1.0), (0.7, 1.0), (0.93, 1.0), (0.98, 0.95), (1.0, 0.86)):
        k = k * (1 + shape["taper"] * (z - 0.5))
        ring = superellipse(width / 2 * k, deep / 2 * k, power, 64)
        rings.append(np.concatenate([ring, np.full((64, 1), z * height)], axis=1))
    body = loft(rings)
    solid.add(body, "main", "body")
    neck = [[0.08, height - 0.01], [0.08, height + 0.05], [0.1, height + 0.05]]
    solid.add(revolve([*neck, [0.1, height + 0.07]], 32), "metal", "neck")
    cap = shape["cap"]
    if shape["ball_cap"] > 0.5:
        solid.add(ball(cap * 0.6).moved(z=height + 0.06 + cap * 0.52), "second", "cap")
    else:
        block = [superellipse(cap * s, cap * s, 5.0, 48) for s in (0.5, 0.52, 0.52, 0.48)]
        levels = (0.05, 0.08, 0.05 + cap, 0.08 + cap)
        rows = [np.concatenate([r, np.full((48, 1), height + z)], axis=1) for r, z in zip(block, levels, strict=True)]
        solid.add(loft(rows), "second", "cap")
    return solid


def _stems(solid: Solid, shape: Shape, top: float, neck: float) -> None:
    """Flowers standing in a vase: stems, and blossoms of petals around a middle."""
    if shape["flowers"] < 0.5:
        return
    long = shape["stem"]
    for k, (lean, turn, rise) in enumerate(((0.0, 0.0, 1.0), (0.3, 2.2, 0.8), (0.34, 4.3, 0.86), (0.26, 5.6, 0.62))):
        tip = np.array([lean * np.cos(turn), lean * np.sin(turn) * 0.6, top + long * rise])
        foot = [0.3 * neck * np.cos(turn), 0.3 * neck * np.sin(turn), top - 0.12]
        path = curve([foot, 0.5 * (np.array(foot) + tip) - [0.04 * np.cos(turn), 0, 0.02], tip], 16)
        solid.add(tube(path, 0.013, 8), "leaf", f"stem.{k}", axis=path)
        blossom(solid, tip, 0.11, f"blossom.{k}", tilt=28 * np.cos(turn))


def blossom(solid: Solid, spot: Array, size: float, part: str, *, tilt: float = 0.0) -> None:
    """A flower head that faces the viewer and a little upwards."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reach = 0.72 + 0.28 * np.abs(np.cos(2.5 * angle))
    rows = []
    for s, lift in ((0.0, 0.0), (0.35, 0.01), (0.7, 0.05), (1.0, 0.1)):
        flat = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (reach * s * size)[:, None]
        rows.append(np.concatenate([flat, np.full((60, 1), lift * size * 4)], axis=1))
    flower = Grid(np.stack(rows)).turned(48, "x").turned(tilt, "y")
    solid.add(flower.moved(*spot), "petal", part)
    solid.add(
        ball(0.3 * size, flat=0.7).turned(48, "x").moved(*(spot + np.array([0, -0.012, 0.012]))),
        "heart",
        part + " heart",
    )


def _vase(shape: Shape) -> Solid:
    solid = Solid()
    height, radius = shape["height"], shape["radius"]
    foot, neck, mouth, place = shape["foot"] * radius, shape["neck"] * radius, shape["mouth"] * radius, shape["place"]
    keys = [[foot, 0.0], [foot * 1.02, 0.03], [0.5 * (foot + radius) + 0.12 * radius, height * place * 0.5]]
    keys += [[radius, height * place], [0.55 * radius + 0.45 * neck, height * (place + 0.55 * (0.8 - place))]]
    keys += [[neck, height * 0.84], [0.4 * neck + 0.6 * mouth, height * 0.96], [mouth, height]]
    outside, inside = vessel(profile(keys, 54), 0.025, 0.3 * height)
    solid.add(outside, "main", "body")
    solid.add(inside, "second", "inside")
    _stems(solid, shape, height, neck)
    return solid


def _trumpet_vase(shape: Shape) -> Solid:
    solid = Solid()
    height, radius = shape["height"], shape["radius"]
    foot = shape["foot"] * radius
    z = np.linspace(0, 1, 40)
    flare = foot + (radius - foot) * z ** (1 + 2 * shape["flare"])
    disc = np.where(z < 0.05, radius * shape["base"], 0.0)
    outside, inside = vessel(np.stack([np.maximum(flare, disc), z * height], axis=1), 0.022, 0.5 * height)
    solid.add(outside, "main", "body")
    solid.add(inside, "second", "inside")
    _stems(solid, shape, height, radius * 0.8)
    return solid


def _jug(shape: Shape) -> Solid:
    solid = Solid()
    height, radius = shape["height"], shape["radius"]
    neck, mouth = shape["neck"] * radius, shape["mouth"] * radius
    keys = [[0.7 * radius, 0.0], [0.74 * radius, 0.03], [radius, height * shape["place"]]]
    keys += [[0.5 * (radius + neck), height * 0.66], [neck, height * 0.8], [mouth, height]]
    wall = profile(keys, 44)
    lip = shape["lip"]

    def beak(points: Array) -> Array:
        high = np.clip((points[..., 2] / height - 0.8) / 0.2, 0, 1) ** 2
        angle = np.arctan2(points[..., 1], points[..., 0])
        pull = np.exp(-((angle / 0.5) ** 2)) * high
        moved = points.copy()
        moved[..., 0] += lip * pull
        moved[..., 2] += 0.35 * lip * pull
        return moved

    outside, inside = vessel(wall, 0.025, 0.4 * height)
    solid.add(outside.mapped(beak), "main", "body")
    solid.add(inside.mapped(beak), "second", "inside")
    reach, top, low = shape["handle"], 0.93 * height, 0.36 * height
    x_top, x_low = (-float(np.interp(z, wall[:, 1], wall[:, 0])) for z in (top, low))
    out = min(x_top, x_low) - reach
    keys = [[x_top + 0.05, 0, top], [x_top - 0.6 * reach, 0, top + 0.06], [out, 0, top - 0.16 * height]]
    keys += [[0.6 * out + 0.4 * x_low, 0, low + 0.1 * height], [x_low + 0.05, 0, low]]
    path = curve(keys, 36)
    solid.add(tube(path, 0.045, 14, flat=0.7), "main", "handle", axis=path)
    return solid


_VIEWS = ((-30.0, 30.0),)
_GLASSY = ("coloured glass",)
_FLOWERS = {"leaf": ("green", "painted"), "petal": ("pink", "fabric"), "heart": ("yellow", "fabric")}
_PATTERNS = ("plain", "plain", "stripes", "dots", "band", "floral")

BOTTLES = (
    Kind(
        "wine bottle",
        "bottle",
        ("wine bottle", "bottle", "bottle of wine"),
        {
            "radius": Parameter(0.18, 0.27, "slim", "fat"),
            "height": Parameter(1.15, 1.5, "short", "tall"),
            "neck": Parameter(0.055, 0.085, "thin neck", None),
            "shoulder": Parameter(0.42, 0.6, "long neck", "short neck"),
            "slope": Parameter(0.0, 1.0, "square shoulders", "sloping shoulders"),
            "cork": Parameter(0, 1, None, "with a cork", 2),
        },
        _glass_bottle,
        _GLASSY,
        "label",
        ("paper label",),
        _VIEWS,
        (2.0, 16.0),
        ("plain",),
        {"cork": ("tan", "canvas")},
        round_body=True,
    ),
    Kind(
        "thermos flask",
        "bottle",
        ("thermos flask", "vacuum flask", "thermos"),
        {
            "radius": Parameter(0.2, 0.31, "slim", "fat"),
            "height": Parameter(1.0, 1.35, "short", "tall"),
            "cup": Parameter(0.18, 0.36, "small cup", "big cup"),
            "taper": Parameter(-0.04, 0.2, None, "narrowing upwards"),
            "handle": Parameter(0, 1, None, "with a handle", 2),
        },
        _thermos,
        ("painted", "metal", "plastic"),
        "cup",
        ("plastic", "metal"),
        _VIEWS,
        (6.0, 22.0),
        ("plain", "plain", "stripes", "checks", "dots", "band", "logo"),
        {"metal": ("silver", "metal")},
        round_body=True,
    ),
    Kind(
        "sports bottle",
        "bottle",
        ("sports bottle", "water bottle", "drinking bottle"),
        {
            "radius": Parameter(0.22, 0.32, "slim", "fat"),
            "height": Parameter(0.8, 1.1, "short", "tall"),
            "waist": Parameter(0.0, 0.28, "straight sides", "waisted"),
            "waist_place": Parameter(0.36, 0.66),
            "cap": Parameter(0.56, 0.8, "narrow cap", "wide cap"),
            "loop": Parameter(0, 1, None, "with a loop", 2),
        },
        _sports_bottle,
        ("plastic", "metal"),
        "cap",
        ("plastic",),
        _VIEWS,
        (6.0, 20.0),
        ("plain", "plain", "stripes", "band", "logo", "dots"),
        {},
        round_body=True,
    ),
    Kind(
        "perfume bottle",
        "bottle",
        ("perfume bottle", "perfume flacon", "scent bottle"),
        {
            "width": Parameter(0.5, 0.95, "narrow", "wide"),
            "depth": Parameter(0.24, 0.4),
            "height": Parameter(0.5, 0.95, "low", "tall"),
            "square": Parameter(0.0, 1.0, "oval", "square"),
            "taper": Parameter(-0.3, 0.3, "narrowing upwards", "wide at the top"),
            "cap": Parameter(0.16, 0.3, "small cap", "big cap"),
            "ball_cap": Parameter(0, 1, None, "ball stopper", 2),
        },
        _perfume,
        _GLASSY,
        "cap",
        ("metal", "plastic"),
        _VIEWS,
        (6.0, 22.0),
        ("plain",),
        {"metal": ("gold", "metal")},
    ),
)

_VASE = {
    "flowers": Parameter(0, 1, None, "with flowers", 2),
    "stem": Parameter(0.3, 0.6),
    "foot": Parameter(0.4, 0.75, None, "wide foot"),
}

VASES = (
    Kind(
        "bellied vase",
        "vase",
        ("vase", "bellied vase", "round vase"),
        {
            **_VASE,
            "radius": Parameter(0.3, 0.46, "slim", "fat"),
            "height": Parameter(0.75, 1.05, "low", "tall"),
            "place": Parameter(0.3, 0.6, "low belly", "high belly"),
            "neck": Parameter(0.36, 0.62, "narrow neck", "wide neck"),
            "mouth": Parameter(0.5, 0.85),
        },
        _vase,
        ("ceramic", "porcelain", "stoneware", "coloured glass"),
        "inside",
        ("ceramic",),
        _VIEWS,
        (8.0, 24.0),
        _PATTERNS,
        _FLOWERS,
        round_body=True,
    ),
    Kind(
        "bottle vase",
        "vase",
        ("long-necked vase", "bottle vase", "bud vase"),
        {
            **_VASE,
            "radius": Parameter(0.28, 0.4, "slim", "fat"),
            "height": Parameter(0.95, 1.3, "low", "tall"),
            "place": Parameter(0.2, 0.32),
            "neck": Parameter(0.16, 0.3, "very thin neck", None),
            "mouth": Parameter(0.2, 0.5, "straight mouth", "flared mouth"),
        },
        _vase,
        ("ceramic", "stoneware", "metal", "coloured glass"),
        "inside",
        ("ceramic",),
        _VIEWS,
        (6.0, 22.0),
        _PATTERNS,
        _FLOWERS,
        round_body=True,
    ),
    Kind(
        "trumpet vase",
        "vase",
        ("trumpet vase", "flared vase", "funnel vase"),
        {
            **_VASE,
            "radius": Parameter(0.26, 0.42, "slim", "wide"),
            "height": Parameter(0.85, 1.15, "low", "tall"),
            "foot": Parameter(0.26, 0.6, "narrow foot", None),
            "flare": Parameter(0.0, 1.0, "straight sides", "strongly flared"),
            "base": Parameter(0.0, 0.95, None, "on a round base"),
        },
        _trumpet_vase,
        ("ceramic", "porcelain", "metal", "coloured glass"),
        "inside",
        ("ceramic",),
        _VIEWS,
        (8.0, 24.0),
        _PATTERNS,
        _FLOWERS,
        round_body=True,
    ),
    Kind(
        "jug",
        "vase",
        ("jug", "pitcher", "water jug"),
        {
            "radius": Parameter(0.32, 0.46, "slim", "fat"),
            "height": Parameter(0.8, 1.1, "low", "tall"),
            "place": Parameter(0.26, 0.46),
            "neck": Parameter(0.55, 0.85, "narrow neck", "wide neck"),
            "mouth": Parameter(0.7, 0.95),
            "lip": Parameter(0.1, 0.3, "small lip", "big lip"),
            "handle": Parameter(0.16, 0.32, "small handle", "big handle"),
        },
        _jug,
        ("ceramic", "stoneware", "enamel", "porcelain"),
        "inside",
        ("ceramic",),
        ((-34.0, 34.0), (146.0, 214.0)),
        (10.0, 28.0),
        _PATTERNS,
        {},
        round_body=True,
    ),
)
