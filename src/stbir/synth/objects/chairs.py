"""Chairs: legs, a seat, a back, sometimes arms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, revolve, slab, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape


def _rod(
    solid: Solid, start: list[float], end: list[float], radius: float, slot: str, part: str, **kwargs: float
) -> None:
    steps = np.linspace(0, 1, 8)[:, None]
    path = np.array(start) * (1 - steps) + np.array(end) * steps
    taper = float(kwargs.get("taper", 1.0))
    radii = radius * np.linspace(1.0, taper, 8)
    solid.add(tube(path, radii, 14, power=float(kwargs.get("power", 2.0))), slot, part, axis=path)


def _legs(solid: Solid, shape: Shape, slot: str = "second") -> None:
    half, depth, height = shape["width"] / 2, shape["depth"] / 2, shape["seat_height"]
    splay, thick = shape["splay"], shape["leg_thickness"]
    power = 5.0 if shape.get("square_legs", 0.0) > 0.5 else 2.0
    feet = []
    inset = 1 - 0.3 * shape.get("round_seat", 0.0)
    for k, (sx, sy) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        x, y = (half - 0.07) * inset, (depth - 0.07) * inset
        top = [sx * x, sy * y, height - 0.01]
        foot = [sx * (x + splay), sy * (y + splay), thick * 0.7]
        feet.append((top, foot))
        _rod(solid, top, foot, thick, slot, f"leg.{k}", taper=0.62, power=power)
    if shape.get("stretcher", 0.0) > 0.5:
        for k, (i, j) in enumerate(((0, 3), (1, 2))):
            ends = [[t + 0.62 * (f - t) for t, f in zip(*feet[m], strict=True)] for m in (i, j)]
            _rod(solid, ends[0], ends[1], thick * 0.55, slot, f"stretcher.{k}")
            solid.details.add(f"stretcher.{k}")


def _seat(solid: Solid, shape: Shape, thickness: float, *, slot: str = "main", dome: float = 0.02) -> None:
    power = 2.0 + 6.0 * (1 - shape.get("round_seat", 0.3))
    outline = superellipse(shape["width"] / 2, shape["depth"] / 2, power)
    plate = slab(outline, thickness, thickness * 0.45, dome=dome)
    solid.add(plate.moved(z=shape["seat_height"] + thickness / 2), slot, "seat")


def _lean(shape: Shape, base: float) -> Callable[[Array], Array]:
    """Stand a flat plate (x, y) up behind the seat: y becomes height, tilted and bent around the sitter."""
    tilt, bend, half = np.tan(np.radians(shape["recline"])), shape["back_curve"], shape["width"] / 2

    def place(points: Array) -> Array:
        x, up, thick = points[..., 0], points[..., 1], points[..., 2]
        y = shape["depth"] / 2 - 0.04 + tilt * up - thick - bend * (x / half) ** 2 * 0.35
        return np.stack([x, y, base + up], axis=-1)

    return place


def _plate(low: float, high: float, half: float, thickness: float, power: float) -> Grid:
    outline = superellipse(half, (high - low) / 2, power) + np.array([0.0, (low + high) / 2])
    return slab(outline, thickness, thickness * 0.45)


def _arms(solid: Solid, shape: Shape, slot: str = "second") -> None:
    if shape.get("arms", 0.0) < 0.5:
        return
    base, half, depth = shape["seat_height"], shape["width"] / 2, shape["depth"] / 2
    height = shape.get("arm_height", 0.32)
    thick = shape["leg_thickness"] * 0.95
    for k, side in enumerate((-1, 1)):
        x = side * (half + 0.02)
        path = curve(
            [
                [x, -depth + 0.12, base + 0.02],
                [x, -depth + 0.08, base + height * 0.6],
                [x, -depth + 0.12, base + height],
                [x, 0.0, base + height * 1.04],
                [x - side * 0.02, depth - 0.02 + height * np.tan(np.radians(shape["recline"])), base + height * 1.05],
            ],
            30,
        )
        solid.add(tube(path, thick, 14), slot, f"arm.{k}", axis=path)


def _panel_chair(shape: Shape) -> Solid:
    solid = Solid()
    _legs(solid, shape)
    _seat(solid, shape, 0.09)
    half = shape["width"] / 2
    low = 0.08 + 0.18 * shape["back_gap"]
    back = _plate(low, shape["back_height"], half * shape["back_width"], 0.07, 2.4 + 5 * (1 - shape["back_round"]))
    solid.add(back.mapped(_lean(shape, shape["seat_height"])), "main", "back")
    place = _lean(shape, shape["seat_height"])
    for k, side in enumerate((-0.6, 0.6)):
        ends = place(np.array([[side * half, -0.02, 0.0], [side * half, low + 0.12, 0.0]]))
        _rod(solid, list(ends[0]), list(ends[1]), shape["leg_thickness"] * 0.8, "second", f"post.{k}")
    _arms(solid, shape)
    return solid


def _slat_chair(shape: Shape) -> Solid:
    solid = Solid()
    _legs(solid, shape)
    _seat(solid, shape, 0.06, slot="main", dome=0.005)
    place = _lean(shape, shape["seat_height"])
    half, high = shape["width"] / 2 - 0.05, shape["back_height"]
    for k, side in enumerate((-1, 1)):
        path = place(np.stack([np.full(12, side * half), np.linspace(-0.05, high, 12), np.zeros(12)], axis=1))
        solid.add(tube(path, shape["leg_thickness"] * 0.95, 14), "main", f"post.{k}", axis=path)
    num = round(shape["slats"])
    if shape["upright_slats"] > 0.5:
        rail = _plate(high - 0.13, high + 0.01, half + 0.03, 0.045, 5.0)
        solid.add(rail.mapped(place), "main", "rail")
        for k, x in enumerate(np.linspace(-half, half, num + 2)[1:-1]):
            plank = superellipse(0.035, (high - 0.1) / 2, 8) + np.array([x, (high - 0.1) / 2])
            solid.add(
                slab(plank, 0.03, 0.012).mapped(place), "main", f"slat.{k}", axis=place(_line(x, 0, x, high - 0.1))
            )
    else:
        gap = (high - 0.12) / num
        for k in range(num):
            low = 0.14 + k * gap
            plank = _plate(low, low + gap * 0.52, half, 0.035, 6.0)
            solid.add(plank.mapped(place), "main", f"slat.{k}")
    _arms(solid, shape, "main")
    return solid


def _line(x0: float, y0: float, x1: float, y1: float) -> Array:
    steps = np.linspace(0, 1, 10)
    return np.stack([x0 + (x1 - x0) * steps, y0 + (y1 - y0) * steps, 0 * steps], axis=1)


def _bentwood(shape: Shape) -> Solid:
    solid = Solid()
    _legs(solid, {**shape, "round_seat": 1.0})
    _seat(solid, {**shape, "round_seat": 1.0}, 0.07, dome=0.0)
    place = _lean(shape, shape["seat_height"])
    half, high = shape["width"] / 2 - 0.04, shape["back_height"]
    for name, scale, radius in (
        ("hoop", 1.0, shape["leg_thickness"] * 0.85),
        ("inner hoop", 0.62, shape["leg_thickness"] * 0.6),
    ):
        a = half * scale
        h = high * (1.0 if scale == 1.0 else 0.72)
        keys = [
            [-a * 0.86, -0.03],
            [-a, h * 0.4],
            [-a * 0.8, h * 0.82],
            [0, h],
            [a * 0.8, h * 0.82],
            [a, h * 0.4],
            [a * 0.86, -0.03],
        ]
        flat = curve(keys, 44)
        path = place(np.concatenate([flat, np.zeros((44, 1))], axis=1))
        solid.add(tube(path, radius, 14), "second", name, axis=path)
    _arms(solid, shape)
    return solid


def _shell(shape: Shape) -> Solid:
    """A bucket of one piece on thin legs."""
    solid = Solid()
    _legs(solid, {**shape, "stretcher": 0.0, "splay": shape["splay"] + 0.06})
    half, depth, high = shape["width"] / 2 + 0.04, shape["depth"] / 2, shape["back_height"]
    along = curve(
        [
            [-depth - 0.04, 0.02, 0.9],
            [-depth + 0.03, 0.06, 1.0],
            [0.0, 0.04, 1.04],
            [depth - 0.1, 0.07, 1.0],
            [depth + 0.02, 0.26, 0.95],
            [depth + 0.05 + high * 0.2, high * 0.8, 0.86],
            [depth + 0.05 + high * 0.27, high, 0.62],
        ],
        36,
    )
    across = np.linspace(-1, 1, 30)
    place = np.linspace(0, 1, 36)[:, None]
    wing = shape["wings"] * np.exp(-(((place - 0.45) / 0.28) ** 2))
    rounding = np.sqrt(np.clip(1 - np.abs(across) ** 5 * 0.35, 0, 1))
    x = across * along[:, 2:] * half * (1 - 0.06 * wing * np.abs(across))
    y = along[:, :1] - 0.24 * np.abs(across) ** 2.5 * np.clip(place * 1.6 - 0.5, 0, 1) + 0 * x
    z = (
        along[:, 1:2] * (1 - np.clip((place - 0.62) / 0.38, 0, 1) ** 2 * (1 - rounding))
        + wing * np.abs(across) ** 3 * 0.3
    )
    top = np.stack([x, y, shape["seat_height"] + z], axis=-1)
    solid.add(Grid(top, wrap=False), "main", "shell")
    solid.add(Grid(top + np.array([0.0, 0.02, -0.035]), wrap=False), "main", "shell")
    edge = np.concatenate([top[0], top[1:, -1], top[-1, -2::-1], top[-2:0:-1, 0]])
    ring = np.stack([edge, edge + np.array([0.0, 0.02, -0.035])])
    solid.add(Grid(ring), "main", "shell")
    return solid


def _armchair(shape: Shape) -> Solid:
    solid = Solid()
    half, depth, seat = shape["width"] / 2 + 0.1, shape["depth"] / 2 + 0.06, 0.34
    low = 0.13
    for k, (sx, sy) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        x, y = sx * (half - 0.08), sy * (depth - 0.08)
        _rod(solid, [x, y, low + 0.03], [x + sx * 0.03, y + sy * 0.03, 0.02], 0.045, "second", f"leg.{k}", taper=0.6)
    base = slab(superellipse(half, depth, 9), seat - low, 0.05)
    solid.add(base.moved(z=(seat + low) / 2), "main", "base")
    cushion = slab(superellipse(half - 0.13, depth - 0.04, 7), 0.16, 0.075, dome=0.035)
    solid.add(cushion.moved(y=-0.04, z=seat + 0.07), "main", "cushion")
    arm_top = seat + 0.12 + 0.2 * shape["arm_height"]
    width = 0.075 + 0.06 * shape["arm_roll"]
    for k, side in enumerate((-1, 1)):
        rings = []
        for y in np.concatenate([[-depth - 0.01], [-depth - 0.01], np.linspace(-depth, depth, 8), [depth]]):
            shape_2d = superellipse(width, (arm_top - low) / 2, 5 - 2.4 * shape["arm_roll"], 40)
            shape_2d[:, 0] += np.where(shape_2d[:, 1] > 0, side * 0.05 * shape["arm_roll"], 0)
            rings.append(
                np.stack(
                    [side * (half - 0.02) + shape_2d[:, 0], np.full(40, y), (arm_top + low) / 2 + shape_2d[:, 1]],
                    axis=1,
                )
            )
        rows = [rings[0] * 0.94 + rings[0].mean(axis=0) * 0.06 - [0, 0.03, 0], *rings[2:]]
        middle = np.broadcast_to(rows[0].mean(axis=0), rows[0].shape)
        solid.add(Grid(np.stack([middle, (middle + rows[0]) / 2, *rows])), "main", f"arm.{k}")
        end = np.broadcast_to(rings[-1].mean(axis=0), rings[-1].shape)
        solid.add(Grid(np.stack([rings[-1], end])), "main", f"arm.{k}")
    high = shape["back_height"] + 0.1
    back = slab(
        superellipse(half - 0.02, high / 2, 2.6 + 5 * (1 - shape["back_round"])) + np.array([0, high / 2 - 0.1]),
        0.2,
        0.09,
        dome=0.05,
    )
    place = _lean({**shape, "depth": 2 * depth - 0.12, "width": 2 * half}, seat)
    solid.add(back.mapped(place), "main", "back")
    if shape["buttons"] > 0.5:
        for k, (x, up) in enumerate([(x, up) for up in (0.3, 0.55) for x in (-0.22, 0.0, 0.22)]):
            spot = place(np.array([[x * half * 2, up * high, 0.15]]))[0]
            button = slab(superellipse(0.022, 0.022), 0.02, 0.01).turned(90, "x").moved(*spot)
            solid.add(button, "second", f"button.{k}", detail=True)
    return solid


def _office(shape: Shape) -> Solid:
    solid = Solid()
    seat = shape["seat_height"]
    for k in range(5):
        angle = 2 * np.pi * k / 5 + 0.4
        tip = [0.42 * np.cos(angle), 0.42 * np.sin(angle), 0.09]
        _rod(solid, [0, 0, 0.14], tip, 0.034, "frame", f"foot.{k}", taper=0.7)
        wheel = revolve([[0, -0.025], [0.045, -0.025], [0.045, -0.025], [0.045, 0.025], [0.045, 0.025], [0, 0.025]], 20)
        solid.add(wheel.turned(90, "x").turned(40 * k).moved(tip[0], tip[1], 0.045), "frame", f"wheel.{k}")
    _rod(solid, [0, 0, 0.1], [0, 0, seat], 0.035, "frame", "column")
    _seat(solid, {**shape, "round_seat": 0.5}, 0.11, dome=0.025)
    place = _lean(shape, seat)
    low = 0.16 + 0.16 * shape["back_gap"]
    half = shape["width"] / 2
    back = _plate(low, shape["back_height"], half * shape["back_width"], 0.1, 2.6 + 4 * (1 - shape["back_round"]))
    solid.add(back.mapped(place), "main", "back")
    spine = place(np.stack([np.zeros(12), np.linspace(-0.06, low + 0.2, 12), np.full(12, -0.06)], axis=1))
    solid.add(tube(spine, 0.035, 12), "frame", "spine", axis=spine)
    if shape["arms"] > 0.5:
        for k, side in enumerate((-1, 1)):
            x = side * (half + 0.05)
            path = curve([[x * 0.8, 0.05, seat + 0.03], [x, 0.05, seat + 0.08], [x, 0.05, seat + 0.27]], 16)
            solid.add(tube(path, 0.026, 12), "frame", f"arm post.{k}", axis=path)
            pad = slab(superellipse(0.05, 0.18, 4), 0.05, 0.022)
            solid.add(pad.moved(x=x, z=seat + 0.29), "second", f"arm pad.{k}")
    return solid


def _stool(shape: Shape) -> Solid:
    solid = Solid()
    body = {
        **shape,
        "seat_height": shape["seat_height"] + 0.25,
        "width": shape["width"] * 0.72,
        "depth": shape["width"] * 0.72,
    }
    _legs(solid, {**body, "stretcher": 1.0, "splay": shape["splay"] + 0.06})
    _seat(solid, body, 0.05 + 0.1 * shape["padding"], dome=0.02)
    if shape["back_height"] > 0.3:
        place = _lean({**body, "recline": 8.0, "back_curve": 0.3}, body["seat_height"])
        high = shape["back_height"] * 0.6
        plate = _plate(high - 0.14, high, body["width"] / 2, 0.05, 5)
        solid.add(plate.mapped(place), "main", "back")
        for k, side in enumerate((-0.7, 0.7)):
            ends = place(np.array([[side * body["width"] / 2, 0.0, 0.0], [side * body["width"] / 2, high - 0.08, 0.0]]))
            _rod(solid, list(ends[0]), list(ends[1]), shape["leg_thickness"] * 0.8, "second", f"post.{k}")
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "width": Parameter(0.72, 0.96, "narrow", "wide"),
        "depth": Parameter(0.66, 0.86),
        "seat_height": Parameter(0.58, 0.76, "low", None),
        "splay": Parameter(0.0, 0.12, "straight legs", "splayed legs"),
        "leg_thickness": Parameter(0.025, 0.05, "thin legs", "thick legs"),
        "back_height": Parameter(0.5, 0.98, "low back", "high back"),
        "recline": Parameter(4.0, 16.0),
        "back_curve": Parameter(0.0, 0.6, None, "curved back"),
    }
    return {**base, **changes}


_ARMS = Parameter(0, 1, None, "with arms", 2)
_VIEWS = ((-58.0, -14.0), (14.0, 58.0))
_SOFT = ("plain", "plain", "plain", "stripes", "checks", "dots")

CHAIRS = (
    Kind(
        "dining chair",
        "chair",
        ("dining chair", "chair", "kitchen chair"),
        _parameters(
            back_gap=Parameter(0, 1, None, "open gap in the back"),
            back_width=Parameter(0.8, 1.02),
            back_round=Parameter(0, 1, "square back", "round back"),
            arms=_ARMS,
            stretcher=Parameter(0, 1, None, None, 2),
            square_legs=Parameter(0, 1, None, None, 2),
        ),
        _panel_chair,
        ("fabric", "leather", "velvet", "plastic"),
        "legs",
        ("wood", "metal", "painted"),
        _VIEWS,
        (10.0, 28.0),
        _SOFT,
        {},
    ),
    Kind(
        "slatted chair",
        "chair",
        ("slatted chair", "wooden chair", "ladder-back chair", "chair with slats"),
        _parameters(
            slats=Parameter(3, 6, "few slats", "many slats", 4),
            upright_slats=Parameter(0, 1, "horizontal slats", "vertical slats", 2),
            arms=_ARMS,
            stretcher=Parameter(0, 1, None, None, 2),
        ),
        _slat_chair,
        ("wood", "painted", "wood"),
        "legs",
        ("wood", "painted"),
        _VIEWS,
        (10.0, 28.0),
        ("plain",),
        {},
    ),
    Kind(
        "bentwood chair",
        "chair",
        ("round-back chair", "bentwood chair", "bistro chair", "cafe chair"),
        _parameters(
            arms=_ARMS,
            stretcher=Parameter(0, 1, None, None, 2),
            back_height=Parameter(0.6, 0.95, "low back", "tall back"),
        ),
        _bentwood,
        ("fabric", "leather", "wood", "painted"),
        "frame",
        ("wood", "metal", "painted"),
        _VIEWS,
        (10.0, 28.0),
        ("plain", "plain", "dots", "stripes"),
        {},
    ),
    Kind(
        "shell chair",
        "chair",
        ("shell chair", "bucket chair", "moulded chair"),
        _parameters(
            wings=Parameter(0.0, 1.0, None, "raised sides"),
            back_height=Parameter(0.5, 0.8, "low back", "high back"),
        ),
        _shell,
        ("plastic", "fabric", "leather", "velvet"),
        "legs",
        ("wood", "metal", "painted"),
        _VIEWS,
        (10.0, 26.0),
        ("plain", "plain", "plain", "checks"),
        {},
    ),
    Kind(
        "armchair",
        "chair",
        ("armchair", "easy chair", "upholstered armchair"),
        _parameters(
            width=Parameter(0.68, 0.95, None, "wide"),
            depth=Parameter(0.72, 0.9),
            back_height=Parameter(0.45, 0.9, "low back", "high back"),
            back_round=Parameter(0, 1, "square back", "round back"),
            arm_height=Parameter(0.0, 1.0, "low arms", "high arms"),
            arm_roll=Parameter(0.0, 1.0, "straight arms", "rolled arms"),
            buttons=Parameter(0, 1, None, "buttoned back", 2),
        ),
        _armchair,
        ("fabric", "leather", "velvet"),
        "feet",
        ("wood", "metal"),
        _VIEWS,
        (12.0, 28.0),
        _SOFT,
        {},
    ),
    Kind(
        "office chair",
        "chair",
        ("office chair", "swivel chair", "desk chair"),
        _parameters(
            seat_height=Parameter(0.52, 0.66),
            back_gap=Parameter(0, 1),
            back_width=Parameter(0.75, 1.05, "narrow back", "wide back"),
            back_round=Parameter(0, 1, "square back", "round back"),
            arms=Parameter(0, 1, "no arms", "with arms", 2),
        ),
        _office,
        ("fabric", "leather", "plastic"),
        "armrests",
        ("plastic",),
        _VIEWS,
        (12.0, 28.0),
        ("plain",),
        {"frame": ("charcoal", "metal")},
    ),
    Kind(
        "bar stool",
        "chair",
        ("bar stool", "stool", "high stool"),
        _parameters(
            seat_height=Parameter(0.75, 1.05, "low", "tall"),
            padding=Parameter(0.0, 1.0, "thin seat", "thick padded seat"),
            back_height=Parameter(0.1, 0.8, "backless", "with a back"),
            round_seat=Parameter(0.0, 1.0, "square seat", "round seat"),
        ),
        _stool,
        ("leather", "fabric", "wood", "plastic"),
        "legs",
        ("wood", "metal", "painted"),
        _VIEWS,
        (10.0, 26.0),
        ("plain",),
        {},
    ),
)
