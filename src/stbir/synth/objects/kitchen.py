"""Pans and pots, and scissors."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, revolve, slab, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, closed, disc, profile, vessel


def _long_handle(solid: Solid, shape: Shape, radius: float, level: float) -> None:
    """A handle to +x, rising; a hole near its end."""
    long, rise = shape["handle"], shape["rise"]
    keys = [
        [radius - 0.03, 0, level],
        [radius + 0.18, 0, level + 0.35 * rise * 0.3],
        [radius + long, 0, level + 0.3 * rise],
    ]
    path = curve(keys, 26)
    radii = np.interp(np.linspace(0, 1, 26), [0, 0.15, 0.3, 0.9, 1.0], [0.04, 0.035, 0.045, 0.06, 0.05])
    solid.add(tube(path, radii * shape.get("grip", 1.0), 16, flat=0.55), "second", "handle", axis=path)
    solid.add(ball(0.024).moved(radius + 0.0, 0, level + 0.012), "metal", "rivet", detail=True)


def _pan(shape: Shape) -> Solid:
    solid = Solid()
    radius, high, slope = shape["radius"], shape["height"], shape["slope"]
    foot = radius * (1 - 0.3 * slope)
    keys = [[foot, 0.0], [foot + 0.02, 0.012], [0.45 * foot + 0.55 * radius, 0.4 * high], [radius, high]]
    outside, inside = vessel(profile(keys, 30), 0.02, 0.9 * high)
    solid.add(outside, "main", "pan")
    solid.add(inside, "inside", "inside")
    _long_handle(solid, shape, radius, high * 0.8)
    return solid


def _saucepan(shape: Shape) -> Solid:
    solid = Solid()
    radius, high = shape["radius"], shape["height"]
    keys = [[radius * 0.94, 0.0], [radius, 0.05], [radius, 0.5 * high], [radius, high]]
    outside, inside = vessel(profile(keys, 30), 0.025, 0.8 * high)
    solid.add(outside, "main", "pan")
    solid.add(inside, "inside", "inside")
    if shape["lid"] > 0.5:
        _lid(solid, radius, high, shape["dome"])
    _long_handle(solid, {**shape, "grip": 0.9}, radius, high * 0.82)
    return solid


def _lid(solid: Solid, radius: float, high: float, dome: float) -> None:
    line = profile(
        [[radius * 1.03, high + 0.0], [radius * 1.03, high + 0.03], [radius * 0.7, high + 0.04 + 0.8 * dome]], 16
    )
    line = np.concatenate(
        [line, profile([line[-1], [0.3 * radius, high + 0.04 + 0.97 * dome], [0.0, high + 0.04 + dome]], 8)]
    )
    solid.add(revolve(line), "main", "lid")
    top = high + 0.04 + dome
    knob = profile([[0.04, top - 0.01], [0.035, top + 0.05], [0.085, top + 0.07], [0.07, top + 0.11]], 14)
    solid.add(revolve(np.concatenate([knob, [[0.0, top + 0.11]]]), 30), "second", "knob")


def _pot(shape: Shape) -> Solid:
    solid = Solid()
    radius, high, belly = shape["radius"], shape["height"], shape["belly"]
    keys = [[radius * 0.88, 0.0], [radius * 0.95, 0.04], [radius * (1 + belly), 0.5 * high], [radius, high]]
    outside, inside = vessel(profile(keys, 30), 0.03, 0.8 * high)
    solid.add(outside, "main", "pot")
    solid.add(inside, "inside", "inside")
    _lid(solid, radius, high, shape["dome"])
    for k, side in enumerate((-1, 1)):
        x, z, wide = side * (radius - 0.02), high * 0.78, 0.17
        out = side * shape["ears"]
        keys = [[x, -wide, z], [x + 0.8 * out, -wide * 0.9, z + 0.02], [x + out, 0, z + 0.03]]
        path = curve([*keys, [x + 0.8 * out, wide * 0.9, z + 0.02], [x, wide, z]], 26)
        solid.add(tube(path, 0.034, 12), "second", f"ear.{k}", axis=path)
    return solid


def _blade(solid: Solid, shape: Shape, side: int) -> None:
    """One half: a blade to +y, a shank past the screw at the origin, a loop at -y; turned by half the opening."""
    long, wide = shape["blade"], shape["width"]
    if shape["pointed"] > 0.5:
        outline = [[-wide, -0.12], [wide, -0.12], [wide * 1.05, 0.1], [wide * 0.7, 0.7 * long], [0.0, long]]
        outline += [[-wide * 0.6, 0.7 * long], [-wide, 0.1]]
    else:
        outline = [[-wide, -0.12], [wide, -0.12], [wide, 0.1], [wide * 0.95, 0.8 * long], [wide * 0.6, 0.98 * long]]
        outline += [[-wide * 0.7, 0.96 * long], [-wide, 0.1]]
    corner = np.array(outline)
    dense = np.concatenate([np.linspace(a, b, 8)[:-1] for a, b in zip(corner, np.roll(corner, -1, 0), strict=True)])
    grid = slab(dense, 0.04, 0.012).moved(side * 0.01, 0.0, 0.05 + 0.02 * side)
    size, stretch = shape["loop"], shape["oval"]
    angle = np.linspace(0, 2 * np.pi, 50, endpoint=False) + np.pi / 2
    middle = np.array([side * (size + 0.03), -0.42 - size * stretch])
    ring = np.stack(
        [middle[0] + size * np.cos(angle), middle[1] + size * stretch * np.sin(angle), 0 * angle + 0.055], 1
    )
    a = np.radians(shape["open"] / 2 * side)
    frame = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])

    def place(points: Array) -> Array:
        return np.asarray(points @ frame.T, float)

    name = "ab"[side > 0]
    solid.add(grid.mapped(place), "blade", f"blade.{name}")
    shank = place(curve([[0.0, -0.08, 0.055], [side * 0.035, -0.25, 0.055], [side * 0.1, -0.45, 0.055]], 14))
    solid.add(tube(shank, np.linspace(0.06, 0.05, 14), 12, flat=0.8), "main", f"shank.{name}", axis=shank)
    loop = place(closed(ring))
    solid.add(tube(loop, shape["thick"], 14, flat=0.9), "main", f"loop.{name}", axis=loop)


def _scissors(shape: Shape) -> Solid:
    solid = Solid()
    for side in (-1, 1):
        _blade(solid, shape, side)
    solid.add(disc(0.045, 0.05, 0.015).turned(90, "x").moved(0, 0, 0.1), "second", "screw")
    return solid


_PANS = {
    "radius": Parameter(0.4, 0.56, "small", "big"),
    "handle": Parameter(0.5, 0.86, "short handle", "long handle"),
    "rise": Parameter(0.2, 1.0, "flat handle", "rising handle"),
}
_INSIDE = {"inside": ("charcoal", "metal"), "metal": ("silver", "metal")}
_VIEWS = ((-50.0, 20.0), (160.0, 230.0))

PANS = (
    Kind(
        "frying pan",
        "pan",
        ("frying pan", "skillet", "pan"),
        {
            **_PANS,
            "height": Parameter(0.1, 0.2, "shallow", "deep"),
            "slope": Parameter(0.2, 1.0, "straight sides", "sloping sides"),
        },
        _pan,
        ("enamel", "metal", "painted"),
        "handle",
        ("wood", "plastic", "metal"),
        _VIEWS,
        (22.0, 42.0),
        ("plain",),
        {**_INSIDE, "inside": ("main", "enamel")},
        round_body=True,
    ),
    Kind(
        "saucepan",
        "pan",
        ("saucepan", "pot with a handle", "milk pan"),
        {
            **_PANS,
            "height": Parameter(0.34, 0.56, "shallow", "deep"),
            "lid": Parameter(0, 1, "no lid", "with a lid", 2),
            "dome": Parameter(0.06, 0.2),
        },
        _saucepan,
        ("enamel", "metal"),
        "handle",
        ("wood", "plastic", "metal"),
        _VIEWS,
        (14.0, 32.0),
        ("plain", "plain", "plain", "dots", "stripes", "band", "floral"),
        _INSIDE,
        round_body=True,
    ),
    Kind(
        "cooking pot",
        "pan",
        ("cooking pot", "casserole", "stock pot", "pot with two handles"),
        {
            "radius": Parameter(0.42, 0.58, "narrow", "wide"),
            "height": Parameter(0.4, 0.74, "low", "tall"),
            "belly": Parameter(0.0, 0.1, "straight sides", "round sides"),
            "dome": Parameter(0.05, 0.24, "flat lid", "domed lid"),
            "ears": Parameter(0.11, 0.22, "small handles", "big handles"),
        },
        _pot,
        ("enamel", "metal", "ceramic"),
        "handles and knob",
        ("wood", "plastic", "metal"),
        ((-40.0, 40.0),),
        (10.0, 28.0),
        ("plain", "plain", "plain", "dots", "band", "floral"),
        _INSIDE,
        round_body=True,
    ),
)

SCISSORS = (
    Kind(
        "scissors",
        "scissors",
        ("scissors", "pair of scissors", "household scissors"),
        {
            "blade": Parameter(0.75, 1.1, "short blades", "long blades"),
            "width": Parameter(0.055, 0.09, "slim blades", "wide blades"),
            "open": Parameter(14.0, 60.0, "nearly closed", "wide open"),
            "loop": Parameter(0.14, 0.22, "small loops", "big loops"),
            "oval": Parameter(1.0, 1.6, "round loops", "oval loops"),
            "thick": Parameter(0.03, 0.055, "thin handles", "thick handles"),
            "pointed": Parameter(0, 1, "blunt", "pointed", 2),
        },
        _scissors,
        ("plastic", "rubber", "metal"),
        "screw",
        ("metal", "plastic"),
        ((-60.0, 60.0),),
        (48.0, 74.0),
        ("plain",),
        {"blade": ("silver", "metal")},
    ),
)
