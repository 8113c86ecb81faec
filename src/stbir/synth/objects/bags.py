"""Bags: a soft body, handles or straps, flaps and buckles."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, loft, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape


def _section(shape: Shape, level: float, count: int = 72) -> Array:
    """Ring [count, 3] of the body at a relative height; slack cloth bulges in the middle."""
    height = shape["height"]
    grow = 1 + shape["flare"] * (level - 0.5) * 2
    swell = shape.get("bulge", 0.3) * np.sin(np.pi * min(level, 0.92))
    pinch = 1 - shape.get("pinch", 0.0) * level**2
    round_off = min(1.0, (level / 0.1) ** 0.5 * 0.14 + 0.86)
    half = shape["width"] / 2 * grow * round_off * (1 + 0.05 * swell)
    deep = shape["depth"] / 2 * pinch * round_off * (1 + 0.6 * swell)
    ring = superellipse(half, deep, shape.get("squareness", 4.5), count)
    return np.concatenate([ring, np.full((count, 1), level * height)], axis=1)


def _body(solid: Solid, shape: Shape, *, splits: bool = False, open_top: bool = False) -> None:
    levels = np.concatenate([[0.0], np.linspace(0.02, 1.0, 26)])
    rings = [_section(shape, float(level)) for level in levels]
    body = loft(rings, close_end=not open_top)
    rows = body.points.shape[0] - 1
    masks = []
    if splits:
        height = body.points[:-1, :1, 2] / shape["height"]
        low = np.broadcast_to(height < 0.24, (rows, body.points.shape[1]))
        masks.append((low, "second", "bottom"))
    solid.add(body, "main", "body", splits=masks)
    if open_top:
        inner = [ring * [0.965, 0.93, 1.0] for ring in rings[::-1]]
        solid.add(Grid(np.stack(inner[:20])), "lining", "inside")
        lip = np.stack([rings[-1], rings[-1] + [0, 0, 0.006], inner[0] + [0, 0, 0.006], inner[0]])
        solid.add(Grid(lip), "main", "body")


def _front(shape: Shape, level: float) -> float:
    """y of the body's front at a relative height."""
    return float(_section(shape, level)[:, 1].min())


def _buckle(solid: Solid, x: float, y: float, z: float, size: float, name: str) -> None:
    plate = slab(superellipse(size, size * 0.8, 5), 0.03, 0.012).turned(90, "x").moved(x, y, z)
    solid.add(plate, "metal", name, detail=True)


def _tote(shape: Shape) -> Solid:
    solid = Solid()
    _body(solid, shape, splits=shape["two_tone"] > 0.5, open_top=True)
    height, spread = shape["height"], shape["width"] * 0.24
    for k, y in enumerate((_front(shape, 1.0) - 0.008, -_front(shape, 1.0) + 0.008)):
        top = height + shape["strap"]
        keys = [
            [-spread, y, height * 0.72],
            [-spread, y, height],
            [-spread * 0.9, y * 0.8, height + shape["strap"] * 0.6],
        ]
        keys += [
            [0, y * 0.6, top],
            [spread * 0.9, y * 0.8, height + shape["strap"] * 0.6],
            [spread, y, height],
            [spread, y, height * 0.72],
        ]
        path = curve(keys, 48)
        solid.add(tube(path, 0.032, 12, flat=0.4, power=4), "second", f"strap.{k}", axis=path)
    if shape["pocket"] > 0.5:
        patch = slab(superellipse(shape["width"] * 0.2, height * 0.16, 7), 0.03, 0.012).turned(90, "x")
        solid.add(patch.moved(0, _front(shape, 0.4) - 0.012, height * 0.4), "main", "pocket", detail=True)
    return solid


def _flap(solid: Solid, shape: Shape, slot: str, length: float, rounding: float) -> None:
    """A flap from the back edge over the top, hanging down in front."""
    height = shape["height"]
    columns = np.linspace(-1, 1, 33)
    back = -_front(shape, 0.98)
    drop = length * height
    shape_of_edge = 1 - rounding * np.abs(columns) ** 3
    rows = []
    for step in np.linspace(0, 1, 10):
        rows.append(
            np.stack(
                [
                    columns,
                    0 * columns + back * (1 - 2 * step) * 1.01,
                    0 * columns + height + 0.015 + 0.02 * np.sin(np.pi * step),
                ],
                axis=1,
            )
        )
    for step in np.linspace(0.02, 1, 18):
        z = height - step * drop * shape_of_edge
        front = np.array([_front(shape, float(np.clip(level / height, 0, 1))) for level in z])
        rows.append(np.stack([columns, front - 0.018, z], axis=1))
    points = np.stack(rows)
    half = shape["width"] / 2 * (1 + shape["flare"]) * 0.955
    points[..., 0] *= half
    solid.add(Grid(points, wrap=False), slot, "flap")


def _handle(solid: Solid, shape: Shape, rise: float, spread: float, radius: float) -> None:
    top = shape["height"]
    keys = [
        [-spread, 0, top - 0.03],
        [-spread * 0.98, 0, top + rise * 0.55],
        [-spread * 0.5, 0, top + rise * 0.97],
        [0, 0, top + rise * 1.04],
    ]
    keys += [[spread * 0.5, 0, top + rise * 0.97], [spread * 0.98, 0, top + rise * 0.55], [spread, 0, top - 0.03]]
    path = curve(keys, 44)
    solid.add(tube(path, radius, 14), "second", "handle", axis=path)
    for k, side in enumerate((-1, 1)):
        _buckle(solid, side * spread, 0.0, top + 0.02, 0.04, f"ring.{k}")


def _handbag(shape: Shape) -> Solid:
    solid = Solid()
    _body(solid, shape)
    _flap(solid, shape, "main", shape["flap"], shape["flap_round"])
    _handle(solid, shape, shape["strap"], shape["width"] * shape["handle_spread"], 0.026)
    z = shape["height"] * (1 - shape["flap"]) + 0.03
    _buckle(solid, 0, _front(shape, 1 - shape["flap"]) - 0.035, z, 0.05, "clasp")
    return solid


def _satchel(shape: Shape) -> Solid:
    solid = Solid()
    _body(solid, shape)
    _flap(solid, shape, "main", shape["flap"], shape["flap_round"])
    height = shape["height"]
    for k, side in enumerate((-1, 1)):
        x = side * shape["width"] * 0.27
        levels = np.linspace(1.02, 0.16, 16)
        path = np.stack(
            [np.full(16, x), [_front(shape, min(level, 1.0)) - 0.03 for level in levels], levels * height], axis=1
        )
        solid.add(tube(path, 0.035, 12, flat=0.3, power=5), "second", f"belt.{k}", axis=path)
        _buckle(solid, x, _front(shape, 0.3) - 0.045, height * 0.3, 0.05, f"buckle.{k}")
    _handle(solid, shape, shape["strap"] * 0.6, shape["width"] * 0.16, 0.024)
    return solid


def _backpack(shape: Shape) -> Solid:
    solid = Solid()
    height, width = shape["height"], shape["width"]

    def ring(level: float) -> Array:
        top = 1 - max(0.0, (level - 0.66) / 0.34) ** 2.6 * (0.32 + 0.3 * shape["top_round"])
        base = _section({**shape, "flare": 0.0, "pinch": 0.25}, level)
        return np.asarray(base * [top, 1.0, 1.0], float)

    rings = [ring(float(level)) for level in np.concatenate([[0.0], np.linspace(0.02, 1, 30)])]
    solid.add(loft(rings), "main", "body")
    low, high = 0.08, 0.08 + shape["pocket_height"]
    pocket_half = width * 0.36
    outline = superellipse(pocket_half, (high - low) / 2 * height, 4.5, 64)
    y = _front({**shape, "flare": 0.0, "pinch": 0.25}, 0.3)
    pocket = slab(outline, 0.16, 0.075, dome=0.02).turned(90, "x").moved(0, y - 0.02, (low + high) / 2 * height)
    solid.add(pocket, "second" if shape["two_tone"] > 0.5 else "main", "pocket")
    zip_z = high * height - 0.05
    bar = curve(
        [[-pocket_half * 0.8, y - 0.105, zip_z], [0, y - 0.112, zip_z], [pocket_half * 0.8, y - 0.105, zip_z]], 12
    )
    solid.add(tube(bar, 0.011, 8), "metal", "zip", axis=bar, detail=True)
    arch = curve(
        [
            [-width * 0.4, 0.62],
            [-width * 0.36, 0.84],
            [-width * 0.2, 0.94],
            [0, 0.96],
            [width * 0.2, 0.94],
            [width * 0.36, 0.84],
            [width * 0.4, 0.62],
        ],
        30,
    )
    seam = []
    for x, level in arch:
        points = ring(float(level))
        front = points[points[:, 1] < 0]
        order = np.argsort(front[:, 0])
        seam.append([x * 0.92, np.interp(x * 0.92, front[order, 0], front[order, 1]) - 0.004, level * height])
    solid.add(tube(seam, 0.014, 8), "second", "seam", axis=seam, detail=True)
    loop = curve(
        [
            [-0.11, 0.02, height - 0.03],
            [-0.1, 0.02, height + 0.1],
            [0, 0.02, height + 0.15],
            [0.1, 0.02, height + 0.1],
            [0.11, 0.02, height - 0.03],
        ],
        28,
    )
    solid.add(tube(loop, 0.024, 12), "second", "loop", axis=loop)
    back = shape["depth"] / 2
    for k, side in enumerate((-1, 1)):
        x = side * width * 0.34
        path = curve(
            [
                [x * 0.6, back * 0.8, height * 0.93],
                [x, back + 0.2, height * 0.72],
                [x * 1.18, back + 0.2, height * 0.36],
                [x * 1.2, back * 0.9, height * 0.1],
            ],
            24,
        )
        solid.add(tube(path, 0.055, 14, flat=0.4, power=4), "second", f"strap.{k}", axis=path)
    return solid


def _duffel(shape: Shape) -> Solid:
    solid = Solid()
    long, radius = shape["width"] * 1.15, shape["height"] * 0.42
    rings = []
    for x in np.concatenate([[-1.0, -1.0, -0.985, -0.95], np.linspace(-0.88, 0.88, 20), [0.95, 0.985, 1.0, 1.0]]):
        scale = (1 - abs(x) ** 14 * 0.12) * (1 - 0.08 * x**2)
        ring = superellipse(radius * scale, radius * scale * 0.92, 2.6, 56)
        rings.append(
            np.stack(
                [np.full(56, x * long / 2), ring[:, 0], np.maximum(ring[:, 1], -radius * 0.8) + radius * 0.8], axis=1
            )
        )
    body = loft(rings)
    columns = body.points.shape[1]
    at = np.abs(body.points[:-1, :1, 0]) / (long / 2)
    ends = np.broadcast_to(at > 0.8, (len(at), columns))
    solid.add(body, "main", "body", splits=[(ends, "second", "end")] if shape["two_tone"] > 0.5 else [])
    top = radius * 1.72
    for k, y in enumerate((-1, 1)):
        spread = long * 0.22
        arc = np.linspace(-0.9, 0.75, 10)
        side = [
            [-spread, y * radius * 0.99 * np.cos(a) - y * 0.0, radius * 0.8 + radius * 0.95 * np.sin(a)] for a in arc
        ]
        rise = top + shape["strap"] * 0.55
        keys = [
            *side[::3],
            [-spread * 0.7, y * radius * 0.5, rise * 0.97],
            [0, y * radius * 0.35, rise + 0.03],
            [spread * 0.7, y * radius * 0.5, rise * 0.97],
        ]
        keys += [[spread, p[1], p[2]] for p in side[::3][::-1]]
        path = curve(keys, 60)
        path[:, 1] += y * 0.02
        solid.add(tube(path, 0.032, 12, flat=0.45, power=4), "second", f"strap.{k}", axis=path)
    zipper = curve([[-long * 0.42, -0.03, top - 0.02], [0, -0.03, top + 0.004], [long * 0.42, -0.03, top - 0.02]], 14)
    solid.add(tube(zipper, 0.014, 8), "metal", "zip", axis=zipper, detail=True)
    return solid


def _bucket(shape: Shape) -> Solid:
    solid = Solid()
    body = {**shape, "squareness": 2.2, "depth": shape["width"] * 0.8, "pinch": 0.0, "bulge": 0.15}
    _body(solid, body, splits=shape["two_tone"] > 0.5, open_top=True)
    height, half = shape["height"], shape["width"] / 2 * (1 + shape["flare"])
    rise = shape["strap"] * 1.3 + 0.15
    path = curve(
        [
            [-half, 0, height * 0.84],
            [-half * 1.02, 0, height * 1.02],
            [-half * 0.6, 0, height + rise * 0.8],
            [0, 0, height + rise],
            [half * 0.6, 0, height + rise * 0.8],
            [half * 1.02, 0, height * 1.02],
            [half, 0, height * 0.84],
        ],
        44,
    )
    solid.add(tube(path, 0.03, 12, flat=0.5, power=4), "second", "strap", axis=path)
    ring = _section(body, 0.87)
    cord = np.concatenate([ring, ring[:2]]) * [1.012, 1.012, 1.0]
    solid.add(tube(cord, 0.014, 8), "second", "cord", axis=cord, detail=True)
    front = _front(body, 0.87)
    for k, side in enumerate((-1, 1)):
        tail = curve(
            [
                [side * 0.01, front - 0.01, height * 0.87],
                [side * 0.05, front - 0.03, height * 0.74],
                [side * 0.06, front - 0.02, height * 0.6],
            ],
            12,
        )
        solid.add(tube(tail, 0.014, 8), "second", f"tassel.{k}", axis=tail, detail=True)
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "width": Parameter(0.8, 1.15, "narrow", "wide"),
        "height": Parameter(0.62, 0.95, "low", "tall"),
        "depth": Parameter(0.22, 0.4, "flat", "deep"),
        "flare": Parameter(-0.14, 0.14, "wide at the bottom", "wide at the top"),
        "bulge": Parameter(0.0, 0.6),
        "strap": Parameter(0.25, 0.6, "short handle", "long handle"),
    }
    return {**base, **changes}


_TWO_TONE = Parameter(0, 1, None, "two-tone", 2)
_VIEWS = ((-38.0, 38.0),)
_FIXED = {"metal": ("gold", "metal"), "lining": ("beige", "fabric")}
_PATTERNS = ("plain", "plain", "stripes", "checks", "dots")

BAGS = (
    Kind(
        "tote bag",
        "bag",
        ("tote bag", "shopper", "shopping bag"),
        _parameters(
            two_tone=Parameter(0, 1, None, None, 2),
            pocket=Parameter(0, 1, None, "front pocket", 2),
            pinch=Parameter(0.2, 0.75),
            strap=Parameter(0.25, 0.6, "short straps", "long straps"),
        ),
        _tote,
        ("canvas", "leather", "canvas", "fabric"),
        "straps",
        ("leather", "canvas"),
        _VIEWS,
        (8.0, 24.0),
        _PATTERNS,
        _FIXED,
    ),
    Kind(
        "handbag",
        "bag",
        ("handbag", "purse", "ladies' bag"),
        _parameters(
            flare=Parameter(-0.16, 0.06, "wide at the bottom", None),
            flap=Parameter(0.3, 0.66, "short flap", "long flap"),
            flap_round=Parameter(0.0, 0.6, "straight flap", "rounded flap"),
            handle_spread=Parameter(0.2, 0.4, None, "wide handle"),
        ),
        _handbag,
        ("leather", "patent leather", "suede", "leather"),
        "handle",
        ("leather",),
        _VIEWS,
        (8.0, 22.0),
        ("plain", "plain", "plain", "checks", "dots"),
        _FIXED,
    ),
    Kind(
        "satchel",
        "bag",
        ("satchel", "messenger bag", "briefcase", "school bag"),
        _parameters(
            flare=Parameter(-0.03, 0.03),
            height=Parameter(0.62, 0.82),
            depth=Parameter(0.2, 0.32, "flat", "deep"),
            bulge=Parameter(0.0, 0.2),
            flap=Parameter(0.35, 0.7, "short flap", "long flap"),
            flap_round=Parameter(0.0, 0.35),
        ),
        _satchel,
        ("leather", "canvas", "suede"),
        "belts",
        ("leather",),
        _VIEWS,
        (8.0, 22.0),
        ("plain", "plain", "plain", "checks"),
        _FIXED,
    ),
    Kind(
        "backpack",
        "bag",
        ("backpack", "rucksack", "knapsack"),
        _parameters(
            width=Parameter(0.66, 0.88, "narrow", "wide"),
            height=Parameter(0.9, 1.2, "low", "tall"),
            depth=Parameter(0.3, 0.46),
            top_round=Parameter(0.0, 1.0, "square top", "round top"),
            pocket_height=Parameter(0.26, 0.46, "small pocket", "big front pocket"),
            two_tone=Parameter(0, 1, None, "contrast pocket", 2),
            squareness=Parameter(2.6, 5.0),
        ),
        _backpack,
        ("canvas", "leather", "nylon"),
        "straps",
        ("leather", "nylon"),
        _VIEWS,
        (6.0, 20.0),
        ("plain", "plain", "stripes", "checks", "dots"),
        _FIXED,
    ),
    Kind(
        "duffel bag",
        "bag",
        ("duffel bag", "holdall", "travel bag", "gym bag"),
        _parameters(
            width=Parameter(0.95, 1.3, "short", "long"),
            two_tone=Parameter(0, 1, None, "contrast ends", 2),
            strap=Parameter(0.25, 0.55, "short straps", "long straps"),
        ),
        _duffel,
        ("canvas", "leather", "nylon"),
        "straps",
        ("leather", "nylon"),
        _VIEWS,
        (10.0, 26.0),
        ("plain", "plain", "stripes", "checks"),
        _FIXED,
    ),
    Kind(
        "bucket bag",
        "bag",
        ("bucket bag", "drawstring bag"),
        _parameters(
            width=Parameter(0.62, 0.82, "slim", "wide"),
            two_tone=Parameter(0, 1, None, None, 2),
            strap=Parameter(0.2, 0.6, "short strap", "long strap"),
        ),
        _bucket,
        ("leather", "canvas", "suede"),
        "strap and cord",
        ("leather",),
        _VIEWS,
        (8.0, 24.0),
        ("plain", "plain", "stripes", "dots"),
        _FIXED,
    ),
)
