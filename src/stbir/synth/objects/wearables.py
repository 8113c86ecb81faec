"""Glasses and headphones: what people wear on eyes and ears."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, closed, disc, upright


def _lens(shape: Shape) -> Array:
    """Outline [N, 2] of the right-hand lens around its middle: round to square, drooping outwards, raised corners."""
    outline = superellipse(shape["lens"], shape["lens"] * shape["lens_height"], 2.0 + 4.0 * shape["square"], 60)
    low = outline[:, 1] < 0
    outline[:, 0] *= np.where(low, 1 - shape.get("drop", 0.0) * 0.35 * np.abs(outline[:, 1]) / shape["lens"], 1.0)
    outline[:, 1] *= np.where(low, 1 + 0.3 * shape.get("drop", 0.0), 1.0)
    corner = np.clip(outline[:, 0] / shape["lens"], 0, 1) ** 2 * np.clip(outline[:, 1] / shape["lens"], 0, 1)
    outline += corner[:, None] * shape.get("cat", 0.0) * np.array([0.12, 0.24])
    return outline


def _glasses(shape: Shape) -> Solid:
    solid = Solid()
    outline, gap, thick = _lens(shape), shape["gap"], shape["frame"]
    z = 0.36
    x = gap / 2 + shape["lens"] + thick * 0.5
    for k, side in enumerate((1, -1)):
        flat = outline * [side, 1.0]
        bow = 0.05 * (flat[:, 0] / shape["lens"]) * side
        ring = np.stack([side * x + flat[:, 0], bow, z + flat[:, 1]], axis=1)
        solid.add(tube(closed(ring), thick, 12, flat=0.9), "main", f"rim.{k}", axis=closed(ring))
        if shape.get("tinted", 0.0) > 0.5:
            middle = ring.mean(axis=0)
            rows = [middle + (ring - middle) * s + [0, -0.05 * (1 - s**2), 0] for s in (0.0, 0.35, 0.7, 1.0)]
            solid.add(Grid(np.stack(rows)), "lens", f"lens.{k}")
        hinge = [side * (x + float(outline[:, 0].max()) + 0.4 * thick), 0.03, z + 0.35 * shape["lens"]]
        back = shape["temple"]
        keys = [hinge, [hinge[0] + side * 0.03, 0.12, hinge[2]], [hinge[0] + side * 0.02, 0.7 * back, hinge[2] + 0.01]]
        keys += [[hinge[0] - side * 0.03, 0.92 * back, hinge[2] - 0.08]]
        path = curve([*keys, [hinge[0] - side * 0.05, back, hinge[2] - 0.24]], 30)
        solid.add(tube(path, thick * 0.95, 12, flat=0.8), "second", f"temple.{k}", axis=path)
    inner = gap / 2 + thick
    high = z + shape["bridge"] * shape["lens"]
    keys = [[-inner, 0.0, high - 0.05], [0.0, -0.03, high + 0.03], [inner, 0.0, high - 0.05]]
    path = curve(keys, 16)
    solid.add(tube(path, thick * 0.9, 12), "main", "bridge", axis=path)
    if shape.get("double_bridge", 0.0) > 0.5:
        top = z + 0.82 * shape["lens"] * shape["lens_height"]
        path = curve([[-inner - 0.12, 0, top], [0, -0.02, top + 0.01], [inner + 0.12, 0, top]], 16)
        solid.add(tube(path, thick * 0.9, 12), "main", "bar", axis=path)
    return solid


def _tinted(shape: Shape) -> Solid:
    return _glasses({**shape, "tinted": 1.0})


def _headphones(shape: Shape) -> Solid:
    solid = Solid()
    half, high, cup = shape["width"] / 2, shape["height"], shape["cup"]
    angle = np.linspace(0.0, np.pi, 48)
    power = 2.0 + 1.6 * shape["square"]
    scale = (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)
    z = cup + 0.1
    arch = np.stack([half * np.cos(angle) * scale, 0 * angle, z + 0.12 + (high - z) * np.sin(angle) * scale], axis=1)
    ends = [[half, 0.0, z - 0.06]], [[-half, 0.0, z - 0.06]]
    band = shape["band"]
    solid.add(tube(np.concatenate([ends[0], arch, ends[1]]), band, 14, flat=0.45, power=4), "main", "band")
    crown = arch[14:34]
    solid.add(tube(crown + np.array([0, 0, -0.02]), 1.7 * band, 14, flat=0.55, power=3), "second", "padding")
    for k, side in enumerate((-1, 1)):
        oval = superellipse(cup * shape["cup_width"], cup, 2.6, 48)
        shell = upright(oval, 0.14, 0.06).turned(90, "z")
        solid.add(shell.moved(side * (half + 0.05), 0, z), "main", f"cup.{k}")
        soft = shape["cushion"]
        pad = upright(oval * 1.06, soft, 0.47 * soft).turned(90, "z")
        solid.add(pad.moved(side * (half - 0.015 - 0.5 * soft), 0, z), "second", f"cushion.{k}")
        cap = disc(cup * 0.4, 0.03, 0.01).turned(90, "z")
        solid.add(cap.moved(side * (half + 0.13), 0, z), "second", f"cap.{k}", detail=True)
    if shape.get("mic", 0.0) > 0.0:
        keys = [[-half - 0.02, -0.06, z - 0.5 * cup], [-half, -0.3, z - 0.95 * cup]]
        path = curve([*keys, [-half + shape["mic"], -0.5, z - 1.05 * cup]], 20)
        solid.add(tube(path, 0.022, 10), "second", "boom", axis=path)
        solid.add(ball(0.06).moved(*path[-1]), "second", "microphone")
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "lens": Parameter(0.28, 0.36, "small lenses", "big lenses"),
        "lens_height": Parameter(0.62, 1.0, "narrow lenses", "tall lenses"),
        "square": Parameter(0.0, 1.0, "round", "rectangular"),
        "gap": Parameter(0.14, 0.24),
        "frame": Parameter(0.018, 0.046, "thin frame", "thick frame"),
        "temple": Parameter(0.85, 1.1),
        "bridge": Parameter(0.1, 0.6, "low bridge", "high bridge"),
    }
    return {**base, **changes}


_VIEWS = ((-38.0, -12.0), (12.0, 38.0))

GLASSES = (
    Kind(
        "reading glasses",
        "glasses",
        ("glasses", "reading glasses", "spectacles"),
        _parameters(),
        _glasses,
        ("plastic", "metal"),
        "temples",
        ("plastic", "metal"),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        {},
    ),
    Kind(
        "sunglasses",
        "glasses",
        ("sunglasses", "shades", "dark glasses"),
        _parameters(
            lens_height=Parameter(0.66, 0.95, "narrow lenses", "tall lenses"),
            frame=Parameter(0.03, 0.055, "thin frame", "thick frame"),
            cat=Parameter(0.0, 1.0, None, "cat-eye"),
        ),
        _tinted,
        ("plastic",),
        "temples",
        ("plastic", "metal"),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        {"lens": ("black", "coloured glass")},
    ),
    Kind(
        "aviator glasses",
        "glasses",
        ("aviator sunglasses", "aviators", "pilot glasses"),
        _parameters(
            lens=Parameter(0.32, 0.38),
            square=Parameter(0.1, 0.3),
            lens_height=Parameter(0.74, 0.9),
            drop=Parameter(0.6, 1.2, None, "drop-shaped lenses"),
            frame=Parameter(0.014, 0.024),
            double_bridge=Parameter(0, 1, None, "double bridge", 2),
        ),
        _tinted,
        ("metal",),
        "temples",
        ("metal", "plastic"),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        {"lens": ("dark green", "coloured glass")},
    ),
)

_PHONES = {
    "width": Parameter(0.66, 0.84, "narrow", "wide"),
    "height": Parameter(0.85, 1.1, "low band", "high band"),
    "cup": Parameter(0.2, 0.32, "small ear cups", "big ear cups"),
    "cup_width": Parameter(0.66, 1.0, "oval ear cups", "round ear cups"),
    "cushion": Parameter(0.1, 0.22, "thin cushions", "thick cushions"),
    "band": Parameter(0.036, 0.066, "thin band", "thick band"),
    "square": Parameter(0.0, 1.0, "round band", "square band"),
}

HEADPHONES = (
    Kind(
        "over-ear headphones",
        "headphones",
        ("headphones", "over-ear headphones", "earphones"),
        _PHONES,
        _headphones,
        ("plastic", "metal", "leather"),
        "ear cushions",
        ("leather", "fabric"),
        ((-40.0, 40.0),),
        (6.0, 22.0),
        ("plain",),
        {},
    ),
    Kind(
        "headset",
        "headphones",
        ("headset", "headphones with a microphone", "gaming headset"),
        {**_PHONES, "mic": Parameter(0.1, 0.34, "short microphone", "long microphone")},
        _headphones,
        ("plastic",),
        "ear cushions",
        ("leather", "fabric"),
        ((-46.0, 10.0),),
        (6.0, 22.0),
        ("plain",),
        {},
    ),
)
