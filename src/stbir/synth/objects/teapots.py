"""Teapots, coffee pots and kettles: a turned body with a spout, a handle and a lid."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, revolve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, profile, wire


def _body(solid: Solid, shape: Shape) -> Array:
    """Add the body; returns its wall [N, 2]."""
    radius, height = shape["radius"], shape["height"]
    place, neck = shape["belly_place"], radius * shape["neck"]
    keys = [[radius * 0.62, 0.0], [radius * 0.66, 0.02], [radius * 0.9, height * place * 0.45]]
    keys += [[radius, height * place], [(radius + neck) / 2 + 0.05 * radius, height * (place + 0.62 * (1 - place))]]
    keys += [[neck, height]]
    wall = profile(keys, 44)
    solid.add(revolve(np.concatenate([[[0.0, 0.0], wall[0], wall[0]], wall])), "main", "body")
    return wall


def _lid(solid: Solid, wall: Array, shape: Shape) -> float:
    """Add lid and knob; returns the height of the top."""
    neck, top = wall[-1]
    rise = neck * shape["lid"]
    dome = profile([[neck * 1.04, top - 0.01], [neck * 1.05, top + 0.02], [neck * 0.7, top + rise * 0.8]], 14)
    dome = np.concatenate([dome, profile([dome[-1], [0.0, top + rise]], 6)[1:]])
    solid.add(revolve(dome), "main", "lid")
    knob = shape["knob"]
    solid.add(ball(knob, flat=0.9).moved(z=top + rise + knob * 0.7), "second", "knob")
    return float(top + rise + knob * 1.6)


def _spout(solid: Solid, wall: Array, shape: Shape, *, low: float, high: float, thick: float) -> None:
    height = shape["height"]
    start = float(np.interp(low * height, wall[:, 1], wall[:, 0])) - 0.1
    reach = shape["radius"] + shape["spout"]
    bend = shape["spout_bend"]
    keys = [[start, 0, low * height], [start + 0.5 * (reach - start) + 0.1 * bend, 0, (low + 0.12) * height]]
    keys += [
        [reach - 0.3 * shape["spout"] * bend, 0, height * (0.45 * low + 0.55 * high)],
        [reach + 0.03, 0, high * height],
    ]
    path = curve(keys, 30)
    radii = np.linspace(thick, thick * 0.42, 30)
    solid.add(tube(path, radii, 18), "main", "spout")


def _ear(solid: Solid, wall: Array, shape: Shape) -> None:
    height, reach = shape["height"], shape["handle"]
    top, bottom = 0.86 * height, 0.26 * height
    x_top, x_low = (-float(np.interp(z, wall[:, 1], wall[:, 0])) for z in (top, bottom))
    out = min(x_top, x_low) - reach
    keys = [[x_top + 0.04, 0, top], [x_top - 0.5 * reach, 0, top + 0.05], [out, 0, top - 0.1 * height]]
    keys += [[out + 0.03, 0, 0.5 * (top + bottom) - 0.05], [x_low - 0.25 * reach, 0, bottom + 0.02]]
    keys += [[x_low + 0.05, 0, bottom]]
    path = curve(keys, 40)
    solid.add(tube(path, shape["handle_width"], 16, flat=0.75), "second", "handle", axis=path)


def _teapot(shape: Shape) -> Solid:
    solid = Solid()
    wall = _body(solid, shape)
    _lid(solid, wall, shape)
    _spout(solid, wall, shape, low=0.34, high=0.98, thick=0.12)
    _ear(solid, wall, shape)
    return solid


def _coffee_pot(shape: Shape) -> Solid:
    solid = Solid()
    wall = _body(solid, shape)
    _lid(solid, wall, shape)
    _spout(solid, wall, shape, low=0.42, high=0.99, thick=0.1)
    _ear(solid, wall, shape)
    return solid


def _kettle(shape: Shape) -> Solid:
    solid = Solid()
    wall = _body(solid, shape)
    _lid(solid, wall, shape)
    _spout(solid, wall, shape, low=0.5, high=1.02, thick=0.1)
    height, radius = shape["height"], shape["radius"]
    top = height + shape["arch"]
    spread = radius * 0.84
    shoulder = wall[int(wall[:, 0].argmax()) :][::-1]
    low = float(np.interp(spread, shoulder[:, 0], shoulder[:, 1]))
    square = shape["arch_square"]
    keys = [[-spread, 0, low - 0.02], [-spread * 1.04, 0, 0.6 * top + 0.4 * low]]
    keys += [[-spread * (0.6 + 0.3 * square), 0, top * 0.97], [0, 0, top]]
    wire(solid, keys + [[-x, y, z] for x, y, z in keys[-2::-1]], 0.03, "metal", "bow", count=50)
    grip = curve([[-spread * 0.5, 0, top * 0.985], [0, 0, top + 0.004], [spread * 0.5, 0, top * 0.985]], 16)
    solid.add(tube(grip, 0.05, 14), "second", "handle", axis=grip)
    return solid


def _parameters(without: str = "", **changes: Parameter) -> dict[str, Parameter]:
    base = {
        "radius": Parameter(0.42, 0.58, "slim", "fat"),
        "height": Parameter(0.56, 0.82, "low", "tall"),
        "belly_place": Parameter(0.34, 0.56, "low belly", None),
        "neck": Parameter(0.42, 0.68, "narrow lid", "wide lid"),
        "lid": Parameter(0.18, 0.6, "flat lid", "domed lid"),
        "knob": Parameter(0.045, 0.085, None, "big knob"),
        "spout": Parameter(0.22, 0.42, "short spout", "long spout"),
        "spout_bend": Parameter(0.0, 1.0, "straight spout", "curved spout"),
        "handle": Parameter(0.2, 0.38, None, "wide handle"),
        "handle_width": Parameter(0.035, 0.06, "thin handle", "thick handle"),
    }
    return {name: value for name, value in {**base, **changes}.items() if name not in without.split()}


_VIEWS = ((-34.0, 34.0), (146.0, 214.0))
_ELEVATION = (8.0, 26.0)
_PATTERNS = ("plain", "plain", "dots", "stripes", "band", "checks")

TEAPOTS = (
    Kind(
        "round teapot",
        "teapot",
        ("teapot", "tea pot", "round teapot"),
        _parameters(),
        _teapot,
        ("ceramic", "porcelain", "stoneware"),
        "handle and knob",
        ("ceramic", "wood"),
        _VIEWS,
        _ELEVATION,
        _PATTERNS,
        {},
        round_body=True,
    ),
    Kind(
        "coffee pot",
        "teapot",
        ("coffee pot", "coffee jug"),
        _parameters(
            radius=Parameter(0.3, 0.4, "slim", None),
            height=Parameter(0.95, 1.25, None, "very tall"),
            belly_place=Parameter(0.2, 0.4, "low belly", None),
            neck=Parameter(0.55, 0.85, "narrow lid", "wide lid"),
        ),
        _coffee_pot,
        ("enamel", "ceramic", "metal"),
        "handle and knob",
        ("wood", "enamel", "plastic"),
        _VIEWS,
        (6.0, 22.0),
        _PATTERNS,
        {},
        round_body=True,
    ),
    Kind(
        "stove kettle",
        "teapot",
        ("kettle", "stove kettle", "tea kettle", "whistling kettle"),
        _parameters(
            "handle handle_width",
            height=Parameter(0.46, 0.66, "flat", "tall"),
            spout=Parameter(0.16, 0.26),
            belly_place=Parameter(0.2, 0.4),
            neck=Parameter(0.36, 0.5),
            arch=Parameter(0.34, 0.56, "low handle", "high handle"),
            arch_square=Parameter(0.0, 1.0, "round handle", "square handle"),
        ),
        _kettle,
        ("enamel", "metal", "painted"),
        "grip and knob",
        ("wood", "plastic"),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "plain", "dots", "stripes"),
        {"metal": ("silver", "metal")},
        round_body=True,
    ),
)
