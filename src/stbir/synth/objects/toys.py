"""Toy vehicles: a car, a truck, a bus and a train engine, seen from the side, on wheels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stbir.synth.mesh import Array, Grid, Solid, curve, revolve, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, box, disc, profile, upright


def _wheels(solid: Solid, places: ArrayLike, radius: float, width: float) -> None:
    """Tyres with hubs on both sides at the places along x."""
    for k, x in enumerate(np.asarray(places, float)):
        for m, side in enumerate((-1, 1)):
            y = side * width / 2
            solid.add(disc(radius, 0.11, 0.03).moved(x, y, radius), "tyre", f"wheel.{k}{m}")
            solid.add(disc(radius * 0.55, 0.13, 0.02).moved(x, y, radius), "second", f"hub.{k}{m}")
            solid.add(ball(radius * 0.16).moved(x, y + side * 0.065, radius), "tyre", f"axle.{k}{m}", detail=True)


def _smooth_outline(keys: ArrayLike, count: int = 100) -> Array:
    """A closed outline through keys, evenly spaced, corners only a little rounded."""
    corner = np.asarray(keys, float)
    lines = [np.linspace(a, b, 14)[:-1] for a, b in zip(corner, np.roll(corner, -1, 0), strict=True)]
    rough = np.concatenate(lines)
    padded = np.concatenate([rough[-3:], rough, rough[:3]])
    soft = np.mean([padded[k : k + len(rough)] for k in range(7)], axis=0)
    steps = np.linspace(0, len(soft), count, endpoint=False)
    whole = np.concatenate([soft, soft[:1]])
    return np.stack([np.interp(steps, np.arange(len(whole)), whole[:, k]) for k in (0, 1)], axis=1)


def _windows(solid: Solid, outline: Array, width: float, name: str) -> None:
    for k, side in enumerate((-1, 1)):
        solid.add(upright(outline, 0.012, 0.004).moved(y=side * (width / 2 + 0.003)), "window", f"{name}.{k}")


def _car(shape: Shape) -> Solid:
    solid = Solid()
    long, low, width = shape["length"], shape["body"], shape["width"]
    wheel = shape["wheel"]
    ground = wheel * 0.7
    half = long / 2
    hood, boot = shape["hood"], shape["boot"]
    top = ground + low
    body = [[-half, ground], [half, ground], [half, ground + 0.8 * low], [half - 0.08, top], [-half + 0.05, top]]
    solid.add(upright(_smooth_outline([*body, [-half, ground + 0.85 * low]]), width, 0.06), "main", "body")
    front, back, roof = half - hood * long, -half + boot * long, top + shape["cabin"]
    rake = shape["rake"] * shape["cabin"]
    cabin = [[back - 0.02, top - 0.04], [front + 0.02, top - 0.04], [front - rake, roof], [back + 0.6 * rake, roof]]
    solid.add(upright(_smooth_outline(cabin), width * 0.88, 0.07), "main", "cabin")
    middle = (front + back) / 2
    for name, a, b, c, d in (
        ("front window", middle + 0.03, front - 0.05, front - rake - 0.03, middle + 0.03),
        ("rear window", back + 0.06, middle - 0.03, middle - 0.03, back + 0.6 * rake + 0.04),
    ):
        pane = _smooth_outline([[a, top + 0.02], [b, top + 0.02], [c, roof - 0.05], [d, roof - 0.05]], 60)
        _windows(solid, pane, width * 0.88, name)
    for name, x, roof_x, lean in (("windscreen", front, front - rake, 1), ("rear screen", back, back + 0.6 * rake, -1)):
        pane = np.array([[-0.36, 0.06], [0.36, 0.06], [0.32, 0.9], [-0.32, 0.9]]) * [width, 1.0]
        flat = _smooth_outline(pane, 50)
        points = [
            np.stack([x + (roof_x - x) * r[:, 1] + lean * 0.022, r[:, 0], top - 0.02 + (roof - top) * r[:, 1]], axis=1)
            for r in (np.broadcast_to(flat.mean(axis=0), flat.shape), flat)
        ]
        solid.add(Grid(np.stack(points)), "window", name)
    for k, side in enumerate((-1, 1)):
        lamp = disc(0.055, 0.04, 0.015).turned(90, "z").moved(half + 0.005, side * width * 0.32, ground + 0.6 * low)
        solid.add(lamp, "lamp", f"headlight.{k}", detail=True)
        bumper = box(0.07, width * 0.96, 0.06, 0.025).moved(side * (half + 0.02), 0, ground + 0.03)
        solid.add(bumper, "metal", f"bumper.{k}")
    _wheels(solid, [-half + 0.22 * long, half - 0.22 * long], wheel, width)
    return solid


def _truck(shape: Shape) -> Solid:
    solid = Solid()
    long, width, wheel = shape["length"], shape["width"], shape["wheel"]
    half, ground = long / 2, wheel * 1.0
    solid.add(box(long, width * 0.7, 0.08, 0.02).moved(z=ground - 0.04), "chassis", "chassis")
    cab_long, cab_high = shape["cab"] * long, shape["cab_height"]
    start = half - cab_long
    nose = shape["nose"] * cab_long * 0.4
    keys = [[start + 0.02, ground], [half, ground], [half, ground + cab_high * (1.0 if nose < 0.06 else 0.5)]]
    if nose >= 0.06:
        keys += [[half - nose, ground + 0.56 * cab_high], [half - nose - 0.06, ground + cab_high]]
    else:
        keys += [[half - 0.04, ground + cab_high]]
    keys += [[start + 0.02, ground + cab_high]]
    solid.add(upright(_smooth_outline(keys), width, 0.05), "main", "cab")
    right = half - 0.05 - (nose if nose >= 0.06 else 0.0)
    pane = [[start + 0.1, ground + 0.56 * cab_high], [right - 0.03, ground + 0.56 * cab_high]]
    pane += [[right - 0.07, ground + 0.9 * cab_high], [start + 0.1, ground + 0.9 * cab_high]]
    _windows(solid, _smooth_outline(pane, 60), width, "window")
    load_long = start + half - 0.03
    x = -half + load_long / 2
    if shape["tipper"] > 0.5:
        high = shape["load"] * 0.7
        keys = [[-half + 0.08, ground + 0.04], [start - 0.04, ground + 0.04], [start + 0.0, ground + 0.06 + high]]
        keys += [[-half - 0.08, ground + 0.06 + high]]
        solid.add(upright(_smooth_outline(keys), width * 1.02, 0.03), "second", "tub")
        for k, px in enumerate(np.linspace(-half + 0.14, start - 0.1, 4)):
            rib = box(0.035, 0.03, high * 0.9, 0.01)
            solid.add(rib.moved(px, -width * 0.51 - 0.01, ground + 0.08), "second", f"rib.{k}", detail=True)
    else:
        solid.add(box(load_long, width * 1.02, shape["load"], 0.03).moved(x, 0, ground + 0.04), "second", "box")
    for k, side in enumerate((-1, 1)):
        lamp = disc(0.05, 0.04, 0.015).turned(90, "z").moved(half + 0.005, side * width * 0.33, ground + 0.16)
        solid.add(lamp, "lamp", f"headlight.{k}", detail=True)
    _wheels(solid, [half - 0.22, -half + 0.2, -half + 0.2 + 2.1 * wheel], wheel, width)
    return solid


def _bus(shape: Shape) -> Solid:
    solid = Solid()
    long, width, wheel, high = shape["length"], shape["width"], shape["wheel"], shape["height"]
    half, ground = long / 2, wheel * 0.65
    power = 5.0 + 9.0 * (1 - shape["rounded"])
    decks = 2 if shape["double"] > 0.5 else 1
    total = high * (1.75 if decks == 2 else 1.0)
    outline = superellipse(half, total / 2, power, 100) + np.array([0.0, ground + total / 2])
    solid.add(upright(outline, width, 0.06), "main", "body")
    stripe = superellipse(half - 0.05, 0.045, 12.0, 40) + np.array([0.0, ground + 0.36 * high])
    for k, side in enumerate((-1, 1)):
        solid.add(upright(stripe, 0.012, 0.004).moved(y=side * (width / 2 + 0.003)), "second", f"stripe.{k}")
    count = round(shape["windows"])
    step = (long - 0.2) / count
    for deck in range(decks):
        base = ground + high * (0.52 + 0.8 * deck)
        for k in range(count):
            x = -half + 0.1 + (k + 0.5) * step
            pane = superellipse(step * 0.42, 0.15 * high + 0.02, 6.0, 40) + np.array([x, base + 0.16 * high])
            _windows(solid, pane, width, f"window.{deck}{k}")
    screen = slab(superellipse(width * 0.38, 0.16 * high, 6.0, 40), 0.02, 0.006).turned(90, "x").turned(90, "z")
    solid.add(screen.moved(half - 0.002, 0, ground + 0.66 * high), "window", "windscreen")
    for k, side in enumerate((-1, 1)):
        lamp = disc(0.05, 0.04, 0.015).turned(90, "z").moved(half, side * width * 0.33, ground + 0.2 * high)
        solid.add(lamp, "lamp", f"headlight.{k}", detail=True)
    _wheels(solid, [-half + 0.24 * long, half - 0.24 * long], wheel, width)
    return solid


def _engine(shape: Shape) -> Solid:
    solid = Solid()
    long, width, wheel = shape["length"], shape["width"], shape["wheel"]
    half, ground = long / 2, wheel * 1.1
    solid.add(box(long, width, 0.1, 0.02).moved(z=ground), "chassis", "frame")
    radius = shape["boiler"]
    cab_long = 0.34 * long
    tank = long - cab_long - 0.06
    wall = profile([[0.92 * radius, 0.0], [radius, 0.04], [radius, 0.5 * tank], [radius, tank]], 24)
    grid = revolve(np.concatenate([[[0.0, 0.0], wall[0], wall[0]], wall, [[0.0, tank]]])).turned(-90, "y")
    middle = ground + 0.1 + radius
    solid.add(grid.moved(half - 0.03, 0, middle), "main", "boiler")
    for k, x in enumerate((0.3, 0.72)):
        angle = np.linspace(0, 2 * np.pi, 40)
        loop = np.stack([0 * angle + half - 0.03 - x * tank, radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        solid.add(tube(loop + np.array([0, 0, middle]), 0.022, 10), "second", f"hoop.{k}", detail=True)
    cab_high = 2 * radius + shape["cab_height"]
    x = -half + cab_long / 2
    solid.add(box(cab_long, width, cab_high, 0.02).moved(x, 0, ground + 0.1), "main", "cab")
    pane = superellipse(cab_long * 0.3, 0.12, 6.0, 40) + np.array([x, ground + 0.1 + cab_high - 0.2])
    _windows(solid, pane, width, "window")
    roof = box(cab_long + 0.14, width + 0.12, 0.06, 0.025).moved(x, 0, ground + 0.1 + cab_high)
    solid.add(roof, "second", "roof")
    tall, fat = shape["chimney"], 0.09
    flare = shape["funnel"]
    stack = profile([[fat, 0.0], [fat, 0.6 * tall], [fat * (1 + flare), tall], [fat * 0.8 * (1 + flare), tall]], 20)
    top = middle + radius - 0.03
    solid.add(revolve(np.concatenate([stack, [[0.0, tall]]]), 36).moved(half - 0.2, 0, top), "second", "chimney")
    dome = ball(0.1).moved(half - 0.52 * tank - 0.03, 0, middle + radius)
    solid.add(dome, "second", "dome")
    path = curve([[half + 0.02, -width * 0.4, ground + 0.05], [half + 0.02, width * 0.4, ground + 0.05]], 6)
    solid.add(tube(path, 0.04, 10), "second", "buffer")
    _wheels(solid, np.linspace(-half + 0.24, half - 0.24, 3), wheel, width * 0.94)
    return solid


_FIXED = {
    "tyre": ("charcoal", "rubber"),
    "window": ("light blue", "coloured glass"),
    "lamp": ("cream", "porcelain"),
    "metal": ("silver", "metal"),
    "chassis": ("charcoal", "plastic"),
}
_VIEWS = ((-44.0, 30.0),)
_BASE = {
    "width": Parameter(0.48, 0.6),
    "wheel": Parameter(0.14, 0.22, "small wheels", "big wheels"),
}
_TOY = ("plastic", "painted", "painted")

TOYS = (
    Kind(
        "toy car",
        "toy",
        ("toy car", "little car", "model car"),
        {
            **_BASE,
            "length": Parameter(1.15, 1.5, "short", "long"),
            "body": Parameter(0.22, 0.34, "low", "high"),
            "hood": Parameter(0.12, 0.34, "short bonnet", "long bonnet"),
            "boot": Parameter(0.04, 0.24, "hatchback", "long boot"),
            "cabin": Parameter(0.22, 0.34, "flat roof", "tall cabin"),
            "rake": Parameter(0.2, 1.0, "upright windscreen", "sloping windscreen"),
        },
        _car,
        _TOY,
        "hubs",
        ("plastic", "metal"),
        _VIEWS,
        (8.0, 24.0),
        ("plain", "plain", "plain", "stripes", "logo"),
        _FIXED,
    ),
    Kind(
        "toy truck",
        "toy",
        ("toy truck", "toy lorry", "model truck"),
        {
            **_BASE,
            "length": Parameter(1.25, 1.6, "short", "long"),
            "cab": Parameter(0.26, 0.36, "short cab", "long cab"),
            "cab_height": Parameter(0.38, 0.54, "low cab", "high cab"),
            "nose": Parameter(0, 1, None, "with a bonnet", 2),
            "load": Parameter(0.34, 0.62, "low load", "high load"),
            "tipper": Parameter(0, 1, "box body", "tipper", 2),
        },
        _truck,
        _TOY,
        "load and hubs",
        ("plastic", "painted", "wood"),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        _FIXED,
    ),
    Kind(
        "toy bus",
        "toy",
        ("toy bus", "model bus", "little bus"),
        {
            **_BASE,
            "length": Parameter(1.2, 1.6, "short", "long"),
            "height": Parameter(0.46, 0.6),
            "rounded": Parameter(0.0, 1.0, "boxy", "rounded"),
            "double": Parameter(0, 1, None, "double-decker", 2),
            "windows": Parameter(3, 6, "few windows", "many windows", 4),
        },
        _bus,
        _TOY,
        "stripe and hubs",
        ("plastic", "painted"),
        _VIEWS,
        (6.0, 20.0),
        ("plain",),
        _FIXED,
    ),
    Kind(
        "toy train",
        "toy",
        ("toy train", "toy steam engine", "toy locomotive"),
        {
            "width": Parameter(0.48, 0.58),
            "wheel": Parameter(0.13, 0.2, "small wheels", "big wheels"),
            "length": Parameter(1.2, 1.55, "short", "long"),
            "boiler": Parameter(0.19, 0.26, "slim boiler", "fat boiler"),
            "cab_height": Parameter(0.1, 0.3, "low cab", "high cab"),
            "chimney": Parameter(0.18, 0.36, "short chimney", "tall chimney"),
            "funnel": Parameter(0.1, 1.1, "straight chimney", "flared chimney"),
        },
        _engine,
        ("painted", "wood", "plastic"),
        "chimney and roof",
        ("painted", "wood"),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        _FIXED,
    ),
)
