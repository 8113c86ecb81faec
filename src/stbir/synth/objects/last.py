"""The last: the form of a foot, and what every shoe is built from it - upper, sole, heel.

The foot points to +x, its length is 1. Two lines in the side view, the front line (toe, vamp, instep, shin) and the
back line (toe, sole, heel, calf), are paired; each pair spans one ring of the upper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, Split, curve, loft, superellipse
from stbir.synth.objects.kinds import Shape

AROUND = 72
ALONG = 90


def _step(x: Array | float, low: float, high: float) -> Array:
    t = np.clip((np.asarray(x, float) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), float)


def floor(shape: Shape, x: Array | float) -> Array:
    """Height of the insole at a place along the foot."""
    x = np.asarray(x, float)
    lift = shape["heel_height"] * (1 - _step(x, 0.2, 0.66))
    spring = shape["toe_spring"] * np.clip((x - 0.7) / 0.3, 0, 1) ** 2
    return shape["sole"] + lift + spring


def half_width(shape: Shape, x: Array | float) -> Array:
    """Half width of the foot at a place along it."""
    x = np.clip(np.asarray(x, float), 0, 1)
    slim = shape["width"]
    tip = shape["toe_point"]
    keys = [[0.0, 0.055], [0.04, 0.09], [0.14, 0.118], [0.35, 0.115], [0.55, 0.14], [0.7, 0.16]]
    keys += [[0.84, 0.145 - 0.035 * tip], [0.93, 0.112 - 0.05 * tip], [0.98, 0.068 - 0.038 * tip], [1.0, 0.02]]
    places = np.array(keys)
    return np.asarray(slim * np.interp(x, places[:, 0], places[:, 1]), float)


def _lines(shape: Shape) -> tuple[Array, Array, Array]:
    """Front line [N, 2], back line [N, 2] and half width [N] of the upper's rings, from toe to opening."""
    toe, ankle = shape["toe_height"], shape["ankle"]

    def z(x: float, above: float) -> list[float]:
        return [x, float(floor(shape, x)) + above]

    throat = shape["throat"]
    instep = shape["instep"]
    front = [z(1.0, 0.4 * toe), z(0.99, 0.75 * toe), z(0.94, toe), z(0.8, toe * 1.22 + 0.015)]
    back = [z(1.0, 0.4 * toe), z(0.99, 0.0), z(0.95, 0.0), z(0.8, 0.0)]
    middle = (0.8 + throat) / 2
    front += [z(middle, toe + 0.5 * (instep - toe) + 0.02), z(throat, instep)]
    back += [z(0.56, 0.0), z(0.3, 0.0)]
    heel = float(floor(shape, 0.0))
    top = shape["shaft"]
    if top > 0.24:  # a boot: the front line climbs along the shin
        flare = shape["shaft_width"]
        lean = 0.02
        knee = 0.5 * (instep + top) if top <= 0.65 else instep + 0.14
        front += [[throat - 0.09, heel + instep + 0.05], [throat - 0.135, heel + knee + 0.02]]
        back += [[0.02, heel], [-0.012, heel + 0.16]]
        if top > 0.65:
            front.append([throat - 0.147, heel + 0.5 * top + 0.1])
            back.append([0.012 - 0.02 * flare, heel + 0.5 * top + 0.06])
        front.append([throat - 0.14 + lean + 0.04 * flare, heel + top])
        back.append([lean - 0.06 * flare, heel + top])
    else:  # a shoe: the rings fan around the throat down to the heel
        front += [
            [throat - 0.012, front[-1][1] + 0.014],
            [throat - 0.02, front[-1][1] + 0.022],
            [throat - 0.025, front[-1][1] + 0.026],
        ]
        back += [[0.03, heel], [-0.012, heel + top * 0.55], [0.012, heel + top]]
    f, b = curve(front, ALONG), curve(back, ALONG)
    foot = half_width(shape, (f[:, 0] + b[:, 0]) / 2)
    foot[0] = 0.004
    leg = 0.5 * np.linalg.norm(f - b, axis=1) * (0.84 if top > 0.24 else 0.5)
    blend = _step(np.linspace(0, 1, ALONG), 0.66, 0.92)
    width = foot * (1 - blend) + blend * np.minimum(leg, ankle + 0.05)
    width *= np.minimum(1, np.linspace(0, 18, ALONG) ** 0.5 / 1.6 + 0.02)
    return f, b, width


def upper(shape: Shape) -> Array:
    """Rings [ALONG, AROUND, 3]; the column runs from the front line (0) over +y to the back line and home over -y."""
    front, back, width = _lines(shape)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    t = np.linspace(0, 1, ALONG)[:, None]
    power = np.where(cos[None, :] < 0, 3.6 - 1.3 * _step(t, 0.62, 0.85), 2.15)  # fuller towards the sole
    scale = (np.abs(cos) ** power + np.abs(sin) ** power) ** (-1 / power)
    middle, arm = (front + back) / 2, (front - back) / 2
    side = middle[:, None, :] + (cos * scale)[..., None] * arm[:, None, :]
    rings = np.stack([side[..., 0], (sin * scale) * width[:, None], side[..., 1]], axis=-1)
    dip = shape.get("dip", 0.0) * _step(t, 0.6, 1.0) * (np.abs(sin)[None, :] ** 1.5)
    rings[..., 2] -= dip
    return rings


def add_sole(solid: Solid, shape: Shape, *, slot: str, wedge: bool = False, welt: float = 0.014) -> None:
    """Add the sole, flat below the heel if it is a wedge; `welt` is how far it stands out."""
    thick = shape["sole"]
    end = -0.02 if welt > 0.01 else 0.004
    fine = 1 - np.cos(np.linspace(np.pi / 2, 0, 14))
    x = np.concatenate([np.linspace(1.008, 0.96, 10), np.linspace(0.95, 0.11, 36), end + (0.1 - end) * fine])
    half = half_width(shape, np.maximum(x, 0.07)) + welt * np.minimum(1, (1.012 - x) / 0.03)
    half = half * np.sqrt(1 - (1 - np.clip((x - end) / 0.1, 0, 1)) ** 2)
    outline = np.concatenate([np.stack([x, half], 1), np.stack([x, -half], 1)[::-1]])
    upper = floor(shape, outline[:, 0])
    lower = np.zeros_like(upper) if wedge else upper - thick
    lower = np.maximum(lower, 0.0) + shape["toe_spring"] * 0.0
    tread = np.minimum(lower + 0.4 * thick * np.clip((outline[:, 0] - 0.86) / 0.14, 0, 1) ** 2, upper - 0.3 * thick)
    bottom = np.where(outline[:, 0] > 0.86, np.maximum(lower, tread), lower)
    spine = np.stack([outline[:, 0], 0 * upper, upper], axis=1)
    edge = np.stack([outline[:, 0], outline[:, 1], upper + 0.012], axis=1)
    base = np.stack([outline[:, 0] * 0.985 + 0.005, outline[:, 1] * 0.94, bottom], axis=1)
    under = np.stack([outline[:, 0], 0 * upper, bottom], axis=1)
    rows = [spine, edge * [1, 0.97, 1], edge, edge, edge * 0.5 + base * 0.5, base, base, under]
    solid.add(Grid(np.stack(rows)), slot, "sole")


def add_heel(solid: Solid, shape: Shape, *, slot: str, slim: float, length: float) -> None:
    """A heel from the sole's underside down to the floor; slim 0 is a block, 1 a stiletto."""
    top = superellipse(length / 2, float(half_width(shape, 0.12)) * 0.98, 3.0, 40)
    rings = []
    height = float(floor(shape, 0.1)) - shape["sole"] * 0.4
    for s in np.linspace(0, 1, 12):
        k = 1 - slim * (1 - (1 - s) ** 2.4) * 0.86
        ring = top * k
        x = length / 2 - 0.012 - (1 - k) * length * 0.28 + 0.02 * s * slim
        tilt = (floor(shape, np.clip(ring[:, 0] + x, 0, 1)) - float(floor(shape, 0.1))) * (1 - s)
        rings.append(np.stack([ring[:, 0] + x, ring[:, 1], height * (1 - s) + tilt], axis=1))
    solid.add(loft(rings), slot, "heel")


def add_upper(solid: Solid, rings: Array, splits: Sequence[Split]) -> None:
    """The upper with its parts, the collar's edge and the lining."""
    cells = (rings.shape[0] - 1, rings.shape[1])
    masks = [(np.broadcast_to(mask, cells), slot, part) for mask, slot, part in splits]
    solid.add(Grid(rings), "main", "upper", splits=masks)
    middle = rings.mean(axis=1, keepdims=True)
    inner = (rings - middle) * [0.94, 0.9, 0.94] + middle
    solid.add(Grid(inner[::-1][:40]), "lining", "inside")
    edge = rings[-1]
    inset = inner[-1]
    lift = np.array([0, 0, 0.008])
    solid.add(Grid(np.stack([edge, edge + lift, inset + lift, inset])), "collar", "collar")


def cells_of(rings: Array) -> tuple[Array, Array]:
    """For each cell of the upper: place along [N-1, 1] from toe 0 to opening 1; angle [1, C], 0 at the front line."""
    t = (np.arange(len(rings) - 1)[:, None] + 0.5) / (len(rings) - 1)
    angle = (np.arange(rings.shape[1])[None, :] + 0.5) / rings.shape[1] * 360
    return t, np.minimum(angle, 360 - angle)
