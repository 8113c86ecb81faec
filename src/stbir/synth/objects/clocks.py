"""Clocks and wrist watches: a dial with hands in a case that hangs, stands or is strapped to a wrist."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, revolve, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, box, closed, disc, rod, upright


def _hand(solid: Solid, middle: Array, length: float, width: float, clock_angle: float, part: str) -> None:
    """A hand from the middle of the dial; angle clockwise from twelve, in turns."""
    outline = superellipse(width, length / 2 + width, 4.0, 28) + np.array([0.0, length / 2])
    a = -2 * np.pi * clock_angle
    turned = outline @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    blade = upright(turned, 0.012, 0.004)
    solid.add(blade.moved(*middle), "hand", part)


def _dial(solid: Solid, middle: Array, radius: float, shape: Shape, *, square: float = 2.0) -> None:
    """Face, marks and hands, facing the viewer."""
    face = upright(superellipse(radius, radius, square, 64), 0.02, 0.004)
    solid.add(face.moved(*middle), "face", "face")
    front = middle - [0.0, 0.016, 0.0]
    numbers = round(shape["marks"])
    for k in range(numbers):
        turn = 2 * np.pi * k / numbers
        direction = np.array([np.sin(turn), np.cos(turn)])
        reach = radius * (0.84 if square < 3 else 0.84 / max(np.abs(direction)) ** 0.8)
        long = radius * (0.09 if k % max(numbers // 4, 1) == 0 else 0.055)
        outline = superellipse(0.016 + 0.01 * radius, long, 5.0, 20)
        outline = outline @ np.array([[direction[1], -direction[0]], [direction[0], direction[1]]])
        mark = upright(outline, 0.01, 0.003)
        spot = front + np.array([reach * direction[0], 0.0, reach * direction[1]])
        solid.add(mark.moved(*spot), "hand", f"mark.{k}", detail=True)
    minute = shape["minute"]
    hour = (np.floor(shape["hour"]) + minute) / 12
    _hand(solid, front - [0, 0.006, 0], radius * 0.5, radius * 0.04, hour, "hour hand")
    _hand(solid, front - [0, 0.014, 0], radius * 0.74, radius * 0.03, minute, "minute hand")
    solid.add(ball(radius * 0.06).moved(*(front - [0, 0.02, 0])), "hand", "pin", detail=True)


def _rim(solid: Solid, middle: Array, radius: float, thick: float, power: float, slot: str = "main") -> None:
    outline = superellipse(radius, radius, power, 72)
    ring = np.stack([outline[:, 0], 0 * outline[:, 0], outline[:, 1]], axis=1) + middle
    solid.add(tube(closed(ring), thick, 14, flat=1.2), slot, "rim")


def _wall_clock(shape: Shape) -> Solid:
    solid = Solid()
    middle = np.array([0.0, 0.0, 1.4])
    radius, thick, power = shape["radius"], shape["rim"], 2.0 + 6.0 * (shape["square"] > 0.5)
    back = upright(superellipse(radius, radius, power, 72), 0.08, 0.03)
    solid.add(back.moved(*(middle + np.array([0, 0.06, 0]))), "main", "case")
    _dial(solid, middle, radius, shape, square=power)
    _rim(solid, middle, radius, thick, power)
    return solid


def _alarm_clock(shape: Shape) -> Solid:
    solid = Solid()
    radius, deep = shape["radius"], shape["depth"]
    middle = np.array([0.0, -deep / 2, radius + 0.2])
    case = disc(radius + 0.03, deep, 0.05)
    solid.add(case.moved(y=0.0, z=middle[2]), "main", "case")
    _dial(solid, middle - [0, 0.012, 0], radius * 0.92, shape)
    _rim(solid, middle - [0, 0.005, 0], radius * 0.96, 0.045, 2.0)
    bell = shape["bells"]
    for k, side in enumerate((-1, 1)):
        lean = side * shape["bell_lean"]
        out = np.array([np.sin(lean), 0.0, np.cos(lean)])
        spot = np.array([0.0, 0.0, middle[2]]) + out * (radius + 0.1)
        angle = np.linspace(0, np.pi / 2, 12)
        dome = np.stack([bell * np.cos(angle), 0.75 * bell * np.sin(angle)], axis=1)
        cup = revolve(np.concatenate([[[0.0, 0.0], dome[0], dome[0]], dome]), 36).turned(np.degrees(lean), "y")
        solid.add(cup.moved(*spot), "second", f"bell.{k}")
        rod(solid, spot - out * 0.14, spot + out * 0.02, 0.025, "metal", f"post.{k}")
        foot = np.array([np.sin(side * 0.55), 0.0, -np.cos(0.55)])
        start = np.array([0.0, 0.0, middle[2]]) + foot * radius * 0.98
        rod(solid, start, [start[0] + side * 0.07, 0.0, 0.03], 0.032, "metal", f"foot.{k}")
    top = middle[2] + radius + 0.16 + bell * 0.6
    rod(solid, [0, 0, middle[2] + radius], [0, 0, top - 0.05], 0.02, "metal", "hammer", detail=True)
    solid.add(ball(0.05).moved(0, 0, top - 0.05), "metal", "hammer", detail=True)
    if shape["handle"] > 0.5:
        high = top + 0.2
        arm = radius + 0.08 + 0.75 * bell
        x, low = arm * np.sin(shape["bell_lean"]), middle[2] + arm * np.cos(shape["bell_lean"])
        keys = [[-x, 0, low], [-x * 0.96, 0, high - 0.06], [0, 0, high], [x * 0.96, 0, high - 0.06]]
        path = curve([*keys, [x, 0, low]], 30)
        solid.add(tube(path, 0.025, 12), "metal", "handle", axis=path)
    return solid


def _mantel_clock(shape: Shape) -> Solid:
    solid = Solid()
    wide, high, deep = shape["width"], shape["height"], shape["depth"]
    base = box(wide + 0.14, deep + 0.1, 0.1, 0.02)
    solid.add(base, "second", "base")
    count = 64
    if shape["arched"] > 0.5:
        angle = np.linspace(0, np.pi, 34)
        arch = np.stack([wide / 2 * np.cos(angle), high - wide / 2 + wide / 2 * np.sin(angle)], axis=1)
        outline = np.concatenate([[[-wide / 2, 0.0], [0.0, 0.0], [wide / 2, 0.0]], arch])
    else:
        outline = superellipse(wide / 2, high / 2, 14.0, count) + np.array([0.0, high / 2])
    case = upright(outline, deep, 0.03)
    solid.add(case.moved(z=0.09), "main", "case")
    radius = shape["dial"] * wide / 2
    z = 0.09 + (high - wide / 2 if shape["arched"] > 0.5 else high * 0.56)
    middle = np.array([0.0, -deep / 2 - 0.005, z])
    _dial(solid, middle, radius, shape)
    _rim(solid, middle - [0, 0.005, 0], radius, 0.03, 2.0, "metal")
    return solid


def _watch(shape: Shape) -> Solid:
    """A watch set down on its strap: the strap is a standing loop, the dial faces the viewer and leans back."""
    solid = Solid()
    wide, tall, power = shape["strap"], shape["loop"], 2.0 + 5.0 * (shape["square"] > 0.5)
    radius = shape["radius"]
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    loop = np.stack([0 * angle, 0.3 - 0.36 * np.cos(angle), 0.02 + tall * (1 + np.sin(angle))], axis=1)
    path = np.concatenate([loop[4:], loop[:-3]])[:53]
    solid.add(tube(path, wide, 16, flat=0.16, power=6), "second", "strap", axis=path)
    middle = np.array([0.0, -0.1, 0.02 + tall])
    case = upright(superellipse(radius, radius, power, 64), 0.11, 0.035)
    solid.add(case.moved(*middle), "main", "case")
    _dial(solid, middle - [0, 0.055, 0], radius * 0.86, shape, square=power)
    _rim(solid, middle - [0, 0.05, 0], radius * 0.92, 0.035, power)
    crown = disc(0.035, 0.06, 0.012).turned(90, "z")
    solid.add(crown.moved(radius + 0.03, middle[1], middle[2]), "main", "crown", detail=True)
    for k, (sx, sz) in enumerate(((-1, 1), (1, 1), (-1, -1), (1, -1))):
        lug = slab(superellipse(0.03, 0.05, 4.0, 20), 0.07, 0.02).turned(90, "x")
        solid.add(lug.moved(sx * wide * 0.8, middle[1] + 0.02, middle[2] + sz * (radius + 0.01)), "main", f"lug.{k}")
    return solid


def _pocket_watch(shape: Shape) -> Solid:
    """A watch standing on its rim's lowest point, crown and ring on top, the lid open to the side if it has one."""
    solid = Solid()
    radius, thick = shape["radius"], shape["thick"]
    middle = np.array([0.0, 0.0, radius + 0.05])
    solid.add(disc(radius, 0.16, 0.06).moved(*middle), "main", "case")
    _dial(solid, middle - [0, 0.08, 0], radius * 0.86, shape)
    _rim(solid, middle - [0, 0.06, 0], radius * 0.94, thick, 2.0)
    top = middle[2] + radius
    rod(solid, [0, 0, top - 0.02], [0, 0, top + 0.09], 0.05, "main", "stem")
    solid.add(ball(0.075, flat=0.8).moved(0, 0, top + 0.12), "main", "crown")
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    size = shape["ring"]
    ring = np.stack([size * np.cos(angle), 0 * angle, top + 0.1 + 0.75 * size + size * np.sin(angle)], axis=1)
    solid.add(tube(closed(ring), 0.022, 10), "main", "ring", axis=closed(ring))
    if shape["lid"] > 0.5:
        cover = disc(radius, 0.05, 0.02, dome=0.02).turned(shape["lid_angle"], "z")
        out = np.radians(shape["lid_angle"])
        hinge = -radius - 0.03
        solid.add(cover.moved(hinge - radius * np.cos(out), -radius * np.sin(out), middle[2]), "main", "lid")
    keys = [[size * 0.4, 0.0, top + 0.2 + size], [0.55 * radius, 0.06, top + 0.1], [1.15 * radius, 0.1, middle[2]]]
    path = curve([*keys, [1.3 * radius, 0.05, 0.25 * radius], [1.5 * radius, -0.05, 0.03]], 40)
    solid.add(tube(path, 0.03, 10, flat=0.7), "second", "chain", axis=path)
    return solid


_TIME = {
    "hour": Parameter(0.0, 11.99),
    "minute": Parameter(0.0, 1.0),
    "marks": Parameter(4, 12, "four marks", "twelve marks", 2),
}
_FRONT = ((-32.0, 32.0),)
_FACE = {"face": ("white", "paper label"), "hand": ("black", "plastic"), "metal": ("silver", "metal")}

CLOCKS = (
    Kind(
        "wall clock",
        "clock",
        ("wall clock", "clock", "kitchen clock"),
        {
            **_TIME,
            "radius": Parameter(0.5, 0.6),
            "rim": Parameter(0.035, 0.09, "thin rim", "thick rim"),
            "square": Parameter(0, 1, "round", "square", 2),
        },
        _wall_clock,
        ("plastic", "wood", "metal", "painted"),
        "face",
        ("plastic",),
        ((-26.0, 26.0),),
        (-6.0, 12.0),
        ("plain",),
        _FACE,
    ),
    Kind(
        "alarm clock",
        "clock",
        ("alarm clock", "bell alarm clock", "twin-bell alarm clock"),
        {
            **_TIME,
            "radius": Parameter(0.36, 0.48, "small", "big"),
            "depth": Parameter(0.2, 0.36),
            "bells": Parameter(0.14, 0.23, "small bells", "big bells"),
            "bell_lean": Parameter(0.45, 0.75),
            "handle": Parameter(0, 1, None, "with a handle", 2),
        },
        _alarm_clock,
        ("painted", "metal", "plastic"),
        "bells",
        ("metal", "painted"),
        _FRONT,
        (4.0, 18.0),
        ("plain",),
        _FACE,
    ),
    Kind(
        "mantel clock",
        "clock",
        ("mantel clock", "table clock", "shelf clock"),
        {
            **_TIME,
            "width": Parameter(0.6, 0.95, "narrow", "wide"),
            "height": Parameter(0.8, 1.1, "low", "tall"),
            "depth": Parameter(0.24, 0.36),
            "arched": Parameter(0, 1, "square top", "round top", 2),
            "dial": Parameter(0.6, 0.84, "small dial", "big dial"),
        },
        _mantel_clock,
        ("wood", "painted", "plastic"),
        "base",
        ("wood", "metal", "painted"),
        _FRONT,
        (6.0, 20.0),
        ("plain",),
        _FACE,
    ),
)

WATCHES = (
    Kind(
        "wrist watch",
        "watch",
        ("wrist watch", "wristwatch", "watch"),
        {
            **_TIME,
            "radius": Parameter(0.26, 0.36, "small dial", "big dial"),
            "strap": Parameter(0.12, 0.2, "thin strap", "wide strap"),
            "loop": Parameter(0.42, 0.56),
            "square": Parameter(0, 1, "round dial", "square dial", 2),
        },
        _watch,
        ("metal",),
        "strap",
        ("leather", "rubber", "suede"),
        _FRONT,
        (8.0, 26.0),
        ("plain",),
        {**_FACE, "hand": ("black", "plastic")},
    ),
    Kind(
        "pocket watch",
        "watch",
        ("pocket watch", "fob watch", "watch on a chain"),
        {
            **_TIME,
            "radius": Parameter(0.38, 0.5, "small", "big"),
            "thick": Parameter(0.03, 0.055, "thin rim", "thick rim"),
            "ring": Parameter(0.1, 0.17, "small ring", "big ring"),
            "lid": Parameter(0, 1, None, "with a lid", 2),
            "lid_angle": Parameter(15.0, 70.0),
        },
        _pocket_watch,
        ("metal",),
        "chain",
        ("metal",),
        _FRONT,
        (2.0, 16.0),
        ("plain",),
        _FACE,
    ),
)
