"""Guitars: a waisted body that faces the viewer, a neck with strings, a head with pegs."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, curve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, box, disc, upright


def _outline(shape: Shape, *, horns: float = 0.0) -> Array:
    """Body outline [N, 2], its lowest point at height 0: two bulges with a waist, horns beside the neck."""
    lower, upper, waist, high = shape["lower"], shape["upper"], shape["waist"], shape["body"]
    left = horns * shape.get("horn", 1.0)
    keys = [[0.0, 0.0], [0.62 * lower, 0.02 * high], [0.98 * lower, 0.17 * high], [0.93 * lower, 0.36 * high]]
    keys += [[waist * lower, 0.56 * high], [upper * lower, 0.76 * high], [0.86 * upper * lower, 0.93 * high]]
    right = [*keys[1:-1], [0.86 * upper * lower, (0.93 + 0.1 * left) * high], [0.3 * lower, (1.0 - 0.12 * left) * high]]
    if shape.get("cutaway", 0.0) > 0.5:
        right = [*keys[1:5], [upper * lower * 0.96, 0.7 * high], [0.62 * upper * lower, 0.79 * high]]
        right += [[0.3 * lower, 0.82 * high], [0.2 * lower, 0.99 * high]]
    one = curve([keys[0], *right, [0.0, (1.0 - 0.12 * left) * high]], 50)
    mirrored = [[-x, z] for x, z in keys[1:-1]]
    mirrored += [[-0.86 * upper * lower, (0.93 + 0.2 * left) * high], [-0.3 * lower, (1.0 - 0.12 * left) * high]]
    two = curve([keys[0], *mirrored, [0.0, (1.0 - 0.12 * left) * high]], 50)
    return np.concatenate([one[:-1], two[:0:-1]])


def _neck(solid: Solid, shape: Shape, start: float, front: float, bridge: float) -> None:
    """Neck, fretboard, head, pegs, frets and strings, from the body's top edge upwards."""
    long, wide = shape["neck"], shape["neck_width"]
    top = start + long
    solid.add(box(wide, 0.08, long + 0.1, 0.02).moved(0, front + 0.05, start - 0.1), "second", "neck")
    low = start - 0.3 * shape["body"]
    solid.add(box(wide * 1.04, 0.025, top - low, 0.006).moved(0, front - 0.005, low), "board", "fretboard")
    for k in range(8):
        z = low + (top - low) * (1 - 0.86 ** (k + 1))
        z = top + low - z
        solid.add(box(wide, 0.012, 0.012, 0.002).moved(0, front - 0.018, z), "metal", "frets", drawn=False)
    head = shape["head"]
    outline = np.array([[-0.5 * wide, 0.0], [0.0, -0.01], [0.5 * wide, 0.0], [0.86 * wide, 0.1], [0.82 * wide, head]])
    tip = [[0.3 * wide, head + 0.03], [0.0, head + 0.01], [-0.3 * wide, head + 0.03], [-0.82 * wide, head]]
    outline = np.concatenate([outline, tip, [[-0.86 * wide, 0.1]]])
    outline = np.concatenate([np.linspace(a, b, 6)[:-1] for a, b in zip(outline, np.roll(outline, -1, 0), strict=True)])
    solid.add(upright(outline, 0.06, 0.015).moved(0, front + 0.03, top - 0.02), "second", "head")
    count = round(shape.get("strings", 6.0))
    pegs = 3 if count > 4 else 2
    for k in range(pegs):
        for m, side in enumerate((-1, 1)):
            z = top + 0.1 + (head - 0.14) * k / max(pegs - 1, 1)
            solid.add(
                ball(0.028).moved(side * (0.86 * wide + 0.035), front + 0.03, z), "metal", f"peg.{k}{m}", detail=True
            )
    for k in range(count):
        x = (k / (count - 1) - 0.5) * wide * 0.76
        path = curve([[x * 1.15, front - 0.035, bridge], [x, front - 0.03, top + 0.03]], 6)
        solid.add(tube(path, 0.0055, 6), "metal", "strings", drawn=False)


def _acoustic(shape: Shape) -> Solid:
    solid = Solid()
    deep, high = shape["deep"], shape["body"]
    outline = _outline(shape)
    solid.add(upright(outline, deep, 0.025), "main", "body")
    front = -deep / 2
    hole = shape["hole"] * shape["lower"]
    middle = high * 0.62
    solid.add(disc(hole * 1.16, 0.01, 0.003).moved(0, front - 0.012, middle), "second", "rosette")
    solid.add(disc(hole, 0.012, 0.003).moved(0, front - 0.015, middle), "dark", "hole")
    bridge = high * 0.24
    solid.add(box(0.62 * shape["lower"], 0.04, 0.05, 0.012).moved(0, front - 0.02, bridge), "second", "bridge")
    if shape["guard"] > 0.5:
        path = np.array([[0.1, 0.52], [0.2, 0.57], [0.56, 0.5], [0.5, 0.36], [0.24, 0.4]]) * [shape["lower"], high]
        patch = curve([*path, path[0]], 40)[:-1]
        solid.add(upright(patch, 0.01, 0.003).moved(y=front - 0.009), "dark", "pickguard", detail=True)
    _neck(solid, shape, high * 0.985, front, bridge + 0.03)
    return solid


def _ukulele(shape: Shape) -> Solid:
    return _acoustic({**shape, "strings": 4.0, "guard": 0.0})


def _electric(shape: Shape) -> Solid:
    solid = Solid()
    high, deep = shape["body"], shape["deep"]
    outline = _outline(shape, horns=1.0)
    solid.add(upright(outline, deep, 0.035), "main", "body")
    front = -deep / 2
    lower = shape["lower"]
    guard = np.array([[-0.28, 0.84], [0.3, 0.84], [0.62, 0.62], [0.42, 0.48], [0.62, 0.28], [0.34, 0.2]])
    guard = np.concatenate([guard, [[-0.1, 0.32], [-0.34, 0.56]]]) * [lower, high]
    solid.add(upright(curve([*guard, guard[0]], 60)[:-1], 0.014, 0.004).moved(y=front - 0.004), "second", "pickguard")
    for k, z in enumerate(np.linspace(0.36, 0.7, round(shape["pickups"]))):
        pickup = box(0.42 * lower + 0.04, 0.04, 0.06, 0.012).moved(0, front - 0.022, z * high)
        solid.add(pickup, "dark", f"pickup.{k}")
    bridge = 0.22 * high
    solid.add(box(0.42 * lower, 0.045, 0.07, 0.012).moved(0, front - 0.02, bridge), "metal", "bridge")
    for k in range(2):
        knob = disc(0.038, 0.05, 0.012).moved(lower * (0.5 - 0.08 * k), front - 0.03, high * (0.27 - 0.09 * k))
        solid.add(knob, "metal", f"dial.{k}", detail=True)
    _neck(solid, shape, high * 0.94, front, bridge + 0.05)
    return solid


_NECK = {
    "neck": Parameter(0.62, 0.8, "short neck", "long neck"),
    "neck_width": Parameter(0.085, 0.11),
    "head": Parameter(0.22, 0.3),
    "waist": Parameter(0.56, 0.76, "narrow waist", "wide waist"),
}
_FIXED = {
    "board": ("charcoal", "wood"),
    "dark": ("black", "plastic"),
    "metal": ("silver", "metal"),
}
_VIEWS = ((-34.0, 34.0),)

GUITARS = (
    Kind(
        "acoustic guitar",
        "guitar",
        ("acoustic guitar", "guitar", "folk guitar"),
        {
            **_NECK,
            "lower": Parameter(0.34, 0.44, "slim body", "wide body"),
            "upper": Parameter(0.66, 0.86, None, "broad shoulders"),
            "body": Parameter(0.82, 1.0),
            "deep": Parameter(0.18, 0.26),
            "hole": Parameter(0.24, 0.34),
            "cutaway": Parameter(0, 1, None, "with a cutaway", 2),
            "guard": Parameter(0, 1, None, "with a pickguard", 2),
        },
        _acoustic,
        ("wood", "painted", "wood"),
        "neck",
        ("wood",),
        _VIEWS,
        (0.0, 12.0),
        ("plain",),
        _FIXED,
    ),
    Kind(
        "electric guitar",
        "guitar",
        ("electric guitar", "e-guitar", "rock guitar"),
        {
            **_NECK,
            "lower": Parameter(0.3, 0.38, "slim body", "wide body"),
            "upper": Parameter(0.78, 0.95),
            "body": Parameter(0.72, 0.88, "short body", "long body"),
            "deep": Parameter(0.1, 0.14),
            "horn": Parameter(0.3, 1.3, "short horns", "long horns"),
            "pickups": Parameter(2, 3, "two pickups", "three pickups", 2),
        },
        _electric,
        ("painted", "wood", "metal"),
        "pickguard and neck",
        ("plastic",),
        _VIEWS,
        (0.0, 12.0),
        ("plain", "plain", "plain", "stripes", "floral"),
        _FIXED,
    ),
    Kind(
        "ukulele",
        "guitar",
        ("ukulele", "uke", "small four-string guitar"),
        {
            **_NECK,
            "lower": Parameter(0.34, 0.42, "slim body", "wide body"),
            "upper": Parameter(0.68, 0.88),
            "body": Parameter(0.8, 0.92),
            "neck": Parameter(0.42, 0.54, "short neck", "long neck"),
            "neck_width": Parameter(0.12, 0.14),
            "deep": Parameter(0.18, 0.24),
            "hole": Parameter(0.26, 0.36),
        },
        _ukulele,
        ("wood", "painted", "plastic"),
        "neck",
        ("wood", "painted"),
        _VIEWS,
        (0.0, 12.0),
        ("plain", "plain", "floral"),
        _FIXED,
    ),
)
