"""Mugs: turned bodies with a handle."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, revolve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape

_PATTERNS = ("plain", "plain", "stripes", "dots", "checks", "band")


def _body(solid: Solid, shape: Shape, *, inner: str) -> Array:
    """Add the vessel and return its outer wall [N, 2] (radius, height)."""
    radius, height, taper = shape["radius"], shape["height"], shape["taper"]
    wall = 0.035 + 0.02 * radius
    z = np.linspace(0, 1, 24)
    outer = radius * (1 + taper * (z - 1) + shape["belly"] * np.sin(np.pi * z) ** 1.5)
    foot = np.minimum(1, z / 0.12 + 0.001) ** 0.35
    outer = outer * (0.86 + 0.14 * foot)
    profile = np.stack([outer, z * height], axis=1)
    lip = [[outer[-1] - wall * 0.15, height + wall * 0.28], [outer[-1] - wall * 0.5, height + wall * 0.38]]
    lip += [[outer[-1] - wall * 0.85, height + wall * 0.28]]
    inside = np.stack([outer[::-1] - wall, z[::-1] * height], axis=1)
    inside = inside[inside[:, 1] > wall]
    solid.add(revolve(np.concatenate([[[0, 0], [outer[0], 0], [outer[0], 0]], profile])), "main", "body")
    solid.add(revolve([profile[-1], *lip, inside[0]]), "rim", "rim")
    solid.add(revolve(np.concatenate([inside, inside[-1:], [[0, wall]]])), inner, "inside")
    return profile


def _handle(solid: Solid, shape: Shape, profile: Array) -> None:
    height, size = shape["height"], shape["handle_size"]
    middle = height * shape["handle_place"]
    half = height * 0.5 * min(size, 1.9 * min(shape["handle_place"], 1 - shape["handle_place"]))
    reach = shape["handle_reach"]
    square = shape["handle_square"]
    top, bottom = middle + half, middle - half
    at_top = float(np.interp(top, profile[:, 1], profile[:, 0]))
    at_bottom = float(np.interp(bottom, profile[:, 1], profile[:, 0]))
    angle = np.linspace(np.pi / 2, -np.pi / 2, 30)
    power = 2 + 4 * square
    scale = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    base = np.linspace(at_top, at_bottom, 30) - 0.02
    path = np.stack([base + reach * scale * np.cos(angle), 0 * angle, middle + half * scale * np.sin(angle)], axis=1)
    start = shape["handle_width"] * 0.86 - 0.03  # the rounded ends stay within the wall
    path = np.concatenate([[[at_top + start, 0, path[0, 2]]], path[2:-2], [[at_bottom + start, 0, path[-1, 2]]]])
    solid.add(tube(path, shape["handle_width"], 16, flat=0.72, power=2.6), "second", "handle", axis=path)


def _mug(shape: Shape) -> Solid:
    solid = Solid()
    profile = _body(solid, shape, inner="inner")
    _handle(solid, shape, profile)
    return solid


def _teacup(shape: Shape) -> Solid:
    solid = Solid()
    profile = _body(solid, shape, inner="inner")
    _handle(solid, shape, profile)
    for block in solid.vertices:
        block[:, 2] += 0.07
    solid.axes["handle"][:, 2] += 0.07
    wide = shape["saucer"]
    rim = curve(
        [[0.0, 0.03], [0.35, 0.02], [0.62, 0.045], [wide, 0.13], [wide + 0.012, 0.115], [0.6, 0.0], [0, 0.0]], 40
    )
    solid.add(revolve(rim), "second", "saucer")
    return solid


def _goblet(shape: Shape) -> Solid:
    solid = Solid()
    profile = _body(solid, shape, inner="inner")
    _handle(solid, shape, profile)
    height = shape["height"]
    for k, level in enumerate((0.12, 0.86)):
        radius = float(np.interp(level * height, profile[:, 1], profile[:, 0]))
        ring = [[radius - 0.01, level * height - 0.035], [radius + 0.014, level * height - 0.03]]
        ring += [[radius + 0.014, level * height + 0.03], [radius - 0.01, level * height + 0.035]]
        solid.add(revolve(ring), "second", f"hoop.{k}", detail=True)
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "radius": Parameter(0.36, 0.5, "narrow", "wide"),
        "height": Parameter(0.8, 1.1, "short", "tall"),
        "taper": Parameter(-0.12, 0.3, None, "tapered"),
        "belly": Parameter(-0.06, 0.16, "waisted", "bulbous"),
        "handle_size": Parameter(0.5, 0.85, "small handle", "big handle"),
        "handle_reach": Parameter(0.2, 0.38, None, "wide handle"),
        "handle_square": Parameter(0.0, 1.0, "round handle", "square handle"),
        "handle_place": Parameter(0.45, 0.58),
        "handle_width": Parameter(0.045, 0.08, "thin handle", "thick handle"),
    }
    return {**base, **changes}


_VIEWS = ((-40.0, 40.0), (140.0, 220.0))

MUGS = (
    Kind(
        "coffee mug",
        "mug",
        ("mug", "coffee mug", "cup"),
        _parameters(),
        _mug,
        ("ceramic", "stoneware"),
        "handle",
        ("ceramic",),
        _VIEWS,
        (12.0, 34.0),
        _PATTERNS,
        {},
        round_body=True,
    ),
    Kind(
        "tall mug",
        "mug",
        ("tall mug", "latte mug", "tall cup"),
        _parameters(
            radius=Parameter(0.3, 0.38, "slim", None),
            height=Parameter(1.15, 1.5, None, "very tall"),
            taper=Parameter(-0.1, 0.4, None, "conical"),
        ),
        _mug,
        ("ceramic", "stoneware"),
        "handle",
        ("ceramic",),
        _VIEWS,
        (10.0, 28.0),
        _PATTERNS,
        {},
        round_body=True,
    ),
    Kind(
        "teacup",
        "mug",
        ("teacup", "tea cup", "cup and saucer"),
        _parameters(
            radius=Parameter(0.48, 0.6, None, "wide"),
            height=Parameter(0.5, 0.7, "shallow", "deep"),
            taper=Parameter(0.3, 0.55),
            belly=Parameter(0.06, 0.22, None, "round"),
            saucer=Parameter(0.8, 1.02, None, "big saucer"),
        ),
        _teacup,
        ("ceramic", "porcelain"),
        "saucer",
        ("ceramic",),
        _VIEWS,
        (18.0, 36.0),
        _PATTERNS,
        {},
        round_body=True,
    ),
    Kind(
        "beer stein",
        "mug",
        ("beer stein", "tankard", "beer mug"),
        _parameters(
            radius=Parameter(0.38, 0.46),
            height=Parameter(1.1, 1.4, None, "tall"),
            taper=Parameter(-0.35, 0.05, "narrowing upwards", None),
            belly=Parameter(-0.04, 0.05),
            handle_size=Parameter(0.62, 0.85, None, "big handle"),
            handle_width=Parameter(0.06, 0.085),
        ),
        _goblet,
        ("stoneware", "metal", "ceramic", "wood"),
        "hoops and handle",
        ("metal", "ceramic"),
        _VIEWS,
        (10.0, 28.0),
        ("plain", "plain", "stripes", "checks"),
        {},
        round_body=True,
    ),
    Kind(
        "enamel mug",
        "mug",
        ("enamel mug", "camping mug", "tin mug"),
        _parameters(taper=Parameter(-0.02, 0.06), belly=Parameter(-0.01, 0.01), radius=Parameter(0.42, 0.52)),
        _mug,
        ("enamel",),
        "handle",
        ("enamel",),
        _VIEWS,
        (12.0, 34.0),
        ("plain", "plain", "speckles", "dots", "band"),
        {},
        round_body=True,
    ),
)
