"""Tables: a top, something that carries it, sometimes a shelf or drawers."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Solid, curve, revolve, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, box, profile, rod


def _top(solid: Solid, shape: Shape, power: float) -> None:
    thick = shape["top"]
    outline = superellipse(shape["width"] / 2, shape["depth"] / 2, power, 80)
    solid.add(slab(outline, thick, thick * 0.35).moved(z=shape["height"] - thick / 2), "main", "top")


def _four_legs(solid: Solid, shape: Shape, slot: str = "second", inset: float = 0.07) -> None:
    splay, thick = shape["splay"], shape["leg"]
    power = 6.0 if shape["square_legs"] > 0.5 else 2.0
    for k, (sx, sy) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        x, y = shape["width"] / 2 - inset - splay, shape["depth"] / 2 - inset - 0.6 * splay
        start = [sx * x, sy * y, shape["height"] - shape["top"]]
        end = [sx * (x + splay), sy * (y + 0.6 * splay), thick * 0.6]
        rod(solid, start, end, thick, slot, f"leg.{k}", taper=0.7, power=power)


def _dining(shape: Shape) -> Solid:
    solid = Solid()
    _top(solid, shape, 4.0 + 10 * (1 - shape["rounded"]))
    _four_legs(solid, shape)
    apron = box(shape["width"] - 0.3 - shape["splay"], shape["depth"] - 0.24 - shape["splay"], 0.1, 0.01)
    solid.add(apron.moved(z=shape["height"] - shape["top"] - 0.1), "second", "apron")
    if shape["drawer"] > 0.5:
        front = -(shape["depth"] - 0.24 - shape["splay"]) / 2 - 0.012
        solid.add(ball(0.025).moved(0, front, shape["height"] - shape["top"] - 0.055), "metal", "knob", detail=True)
    return solid


def _pedestal(shape: Shape) -> Solid:
    solid = Solid()
    _top(solid, {**shape, "depth": shape["width"]}, 2.0 + 6.0 * (shape["square"] > 0.5))
    high, foot, thick = shape["height"] - shape["top"], shape["foot"] * shape["width"] / 2, shape["column"]
    if shape["star_foot"] > 0.5:
        for k in range(4):
            a = np.pi / 4 + k * np.pi / 2
            keys = [[0.0, 0.0, 0.26], [0.5 * foot * np.cos(a), 0.5 * foot * np.sin(a), 0.14]]
            path = curve([*keys, [foot * np.cos(a), foot * np.sin(a), 0.03]], 14)
            solid.add(tube(path, thick * np.linspace(0.9, 0.6, 14), 12), "second", f"foot.{k}", axis=path)
        stem = [[0.0, 0.16], [thick, 0.18], [thick * 1.25, 0.34], [thick * 0.8, 0.6 * high], [thick, high]]
        solid.add(revolve(profile([*stem, [0.1, high]], 30)), "second", "column")
    else:
        keys = [[foot, 0.0], [foot, 0.02], [0.4 * foot, 0.07], [thick, 0.2], [thick, 0.7 * high], [thick * 1.4, high]]
        line = profile(keys, 40)
        solid.add(revolve(np.concatenate([[[0.0, 0.0], line[0], line[0]], line])), "second", "column")
    return solid


def _coffee_table(shape: Shape) -> Solid:
    solid = Solid()
    _top(solid, shape, 2.2 + 10 * (1 - shape["rounded"]))
    _four_legs(solid, shape, inset=0.08 + 0.14 * shape["rounded"])
    if shape["shelf"] > 0.5:
        k = 0.84 - 0.2 * shape["rounded"]
        outline = superellipse(shape["width"] / 2 * k, shape["depth"] / 2 * k, 2.2 + 10 * (1 - shape["rounded"]), 72)
        solid.add(slab(outline, 0.035, 0.012).moved(z=shape["height"] * 0.34), "main", "shelf")
    return solid


def _desk(shape: Shape) -> Solid:
    solid = Solid()
    _top(solid, shape, 14.0)
    high, deep, wide = shape["height"] - shape["top"], shape["depth"] - 0.06, shape["cabinet"]
    side = 1 if shape["left"] < 0.5 else -1
    x = side * (shape["width"] / 2 - wide / 2 - 0.05)
    solid.add(box(wide, deep, high - 0.04, 0.012).moved(x=x, z=0.04), "second", "cabinet")
    drawers = round(shape["drawers"])
    step = (high - 0.1) / drawers
    for k in range(drawers):
        z = 0.075 + k * step
        front = box(wide - 0.05, 0.03, step - 0.035, 0.01)
        solid.add(front.moved(x, -deep / 2 - 0.012, z), "main", f"drawer.{k}")
        knob = ball(0.024).moved(x, -deep / 2 - 0.045, z + step / 2 - 0.02)
        solid.add(knob, "metal", f"knob.{k}", detail=True)
    for k, y in enumerate((-deep / 2 + 0.04, deep / 2 - 0.04)):
        foot = [-side * (shape["width"] / 2 - 0.09), y, 0.03]
        rod(solid, [foot[0], y, high], foot, shape["leg"], "second", f"leg.{k}", power=5.0)
    return solid


def _parameters(without: str = "", **changes: Parameter) -> dict[str, Parameter]:
    base = {
        "width": Parameter(1.1, 1.6, "small", "long"),
        "depth": Parameter(0.66, 0.9),
        "height": Parameter(0.66, 0.84, "low", "high"),
        "top": Parameter(0.04, 0.1, "thin top", "thick top"),
        "leg": Parameter(0.028, 0.06, "thin legs", "thick legs"),
        "splay": Parameter(0.0, 0.14, "straight legs", "splayed legs"),
        "square_legs": Parameter(0, 1, None, None, 2),
    }
    return {name: value for name, value in {**base, **changes}.items() if name not in without.split()}


_VIEWS = ((-40.0, -10.0), (10.0, 40.0))
_KNOBS = {"metal": ("silver", "metal")}
_WOODEN = ("wood", "painted", "wood")

TABLES = (
    Kind(
        "dining table",
        "table",
        ("table", "dining table", "kitchen table"),
        _parameters(rounded=Parameter(0.0, 1.0, None, "rounded corners"), drawer=Parameter(0, 1, None, "drawer", 2)),
        _dining,
        _WOODEN,
        "legs",
        ("wood", "painted", "metal"),
        _VIEWS,
        (12.0, 28.0),
        ("plain",),
        _KNOBS,
    ),
    Kind(
        "pedestal table",
        "table",
        ("pedestal table", "bistro table", "table on one leg"),
        {
            "width": Parameter(0.8, 1.15, "small", "wide"),
            "height": Parameter(0.7, 1.0, "low", "high"),
            "top": Parameter(0.035, 0.08, "thin top", "thick top"),
            "column": Parameter(0.035, 0.075, "thin column", "thick column"),
            "foot": Parameter(0.5, 0.8, "small foot", "wide foot"),
            "square": Parameter(0, 1, "round top", "square top", 2),
            "star_foot": Parameter(0, 1, "round foot", "four-armed foot", 2),
        },
        _pedestal,
        ("wood", "painted", "wood"),
        "foot",
        ("metal", "wood", "painted"),
        ((-40.0, 40.0),),
        (10.0, 26.0),
        ("plain",),
        _KNOBS,
    ),
    Kind(
        "coffee table",
        "table",
        ("coffee table", "low table", "sofa table"),
        _parameters(
            height=Parameter(0.36, 0.52, "very low", None),
            depth=Parameter(0.6, 0.95, "narrow", None),
            rounded=Parameter(0.0, 1.0, "square corners", "oval top"),
            shelf=Parameter(0, 1, None, "with a shelf", 2),
        ),
        _coffee_table,
        _WOODEN,
        "legs",
        ("metal", "wood", "painted"),
        _VIEWS,
        (16.0, 34.0),
        ("plain",),
        _KNOBS,
    ),
    Kind(
        "desk",
        "table",
        ("desk", "writing desk", "office desk"),
        _parameters(
            "splay square_legs",
            width=Parameter(1.15, 1.5, "small", "long"),
            depth=Parameter(0.6, 0.76),
            cabinet=Parameter(0.34, 0.5, "narrow drawers", "wide drawers"),
            drawers=Parameter(2, 4, "two drawers", "four drawers", 3),
            left=Parameter(0, 1, "drawers on the right", "drawers on the left", 2),
        ),
        _desk,
        _WOODEN,
        "cabinet",
        ("wood", "painted"),
        _VIEWS,
        (10.0, 24.0),
        ("plain",),
        _KNOBS,
    ),
)
