"""Shoes and boots: an upper lofted between a front and a back line, a sole, a heel, laces.

The foot points to +x, its length is 1. Two lines in the side view, the front line (toe, vamp, instep, shin) and the
back line (toe, sole, heel, calf), are paired; each pair spans one ring of the upper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, Split, curve, loft, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape

_AROUND = 72
_ALONG = 90


def _step(x: Array | float, low: float, high: float) -> Array:
    t = np.clip((np.asarray(x, float) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), float)


def _floor(shape: Shape, x: Array | float) -> Array:
    """Height of the insole at a place along the foot."""
    x = np.asarray(x, float)
    lift = shape["heel_height"] * (1 - _step(x, 0.2, 0.66))
    spring = shape["toe_spring"] * np.clip((x - 0.7) / 0.3, 0, 1) ** 2
    return shape["sole"] + lift + spring


def _half_width(shape: Shape, x: Array | float) -> Array:
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
        return [x, float(_floor(shape, x)) + above]

    throat = shape["throat"]
    instep = shape["instep"]
    front = [z(1.0, 0.4 * toe), z(0.99, 0.75 * toe), z(0.94, toe), z(0.8, toe * 1.22 + 0.015)]
    back = [z(1.0, 0.4 * toe), z(0.99, 0.0), z(0.95, 0.0), z(0.8, 0.0)]
    middle = (0.8 + throat) / 2
    front += [z(middle, toe + 0.5 * (instep - toe) + 0.02), z(throat, instep)]
    back += [z(0.56, 0.0), z(0.3, 0.0)]
    heel = float(_floor(shape, 0.0))
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
    f, b = curve(front, _ALONG), curve(back, _ALONG)
    foot = _half_width(shape, (f[:, 0] + b[:, 0]) / 2)
    foot[0] = 0.004
    leg = 0.5 * np.linalg.norm(f - b, axis=1) * (0.84 if top > 0.24 else 0.5)
    blend = _step(np.linspace(0, 1, _ALONG), 0.66, 0.92)
    width = foot * (1 - blend) + blend * np.minimum(leg, ankle + 0.05)
    width *= np.minimum(1, np.linspace(0, 18, _ALONG) ** 0.5 / 1.6 + 0.02)
    return f, b, width


def _upper(shape: Shape) -> Array:
    """Rings [_ALONG, _AROUND, 3]; the column runs from the front line (0) over +y to the back line and home over -y."""
    front, back, width = _lines(shape)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    t = np.linspace(0, 1, _ALONG)[:, None]
    power = np.where(cos[None, :] < 0, 3.6 - 1.3 * _step(t, 0.62, 0.85), 2.15)  # fuller towards the sole
    scale = (np.abs(cos) ** power + np.abs(sin) ** power) ** (-1 / power)
    middle, arm = (front + back) / 2, (front - back) / 2
    side = middle[:, None, :] + (cos * scale)[..., None] * arm[:, None, :]
    rings = np.stack([side[..., 0], (sin * scale) * width[:, None], side[..., 1]], axis=-1)
    dip = shape.get("dip", 0.0) * _step(t, 0.6, 1.0) * (np.abs(sin)[None, :] ** 1.5)
    rings[..., 2] -= dip
    return rings


def _sole(solid: Solid, shape: Shape, *, slot: str, wedge: bool = False, welt: float = 0.014) -> None:
    thick = shape["sole"]
    end = -0.02 if welt > 0.01 else 0.004
    fine = 1 - np.cos(np.linspace(np.pi / 2, 0, 14))
    x = np.concatenate([np.linspace(1.008, 0.96, 10), np.linspace(0.95, 0.11, 36), end + (0.1 - end) * fine])
    half = _half_width(shape, np.maximum(x, 0.07)) + welt * np.minimum(1, (1.012 - x) / 0.03)
    half = half * np.sqrt(1 - (1 - np.clip((x - end) / 0.1, 0, 1)) ** 2)
    outline = np.concatenate([np.stack([x, half], 1), np.stack([x, -half], 1)[::-1]])
    upper = _floor(shape, outline[:, 0])
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


def _heel(solid: Solid, shape: Shape, *, slot: str, slim: float, length: float) -> None:
    """A heel from the sole's underside down to the floor; slim 0 is a block, 1 a stiletto."""
    top = superellipse(length / 2, float(_half_width(shape, 0.12)) * 0.98, 3.0, 40)
    rings = []
    height = float(_floor(shape, 0.1)) - shape["sole"] * 0.4
    for s in np.linspace(0, 1, 12):
        k = 1 - slim * (1 - (1 - s) ** 2.4) * 0.86
        ring = top * k
        x = length / 2 - 0.012 - (1 - k) * length * 0.28 + 0.02 * s * slim
        tilt = (_floor(shape, np.clip(ring[:, 0] + x, 0, 1)) - float(_floor(shape, 0.1))) * (1 - s)
        rings.append(np.stack([ring[:, 0] + x, ring[:, 1], height * (1 - s) + tilt], axis=1))
    solid.add(loft(rings), slot, "heel")


def _add_upper(solid: Solid, rings: Array, splits: Sequence[Split]) -> None:
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


def _cells(rings: Array) -> tuple[Array, Array]:
    """For each cell of the upper: place along [N-1, 1] from toe 0 to opening 1; angle [1, C], 0 at the front line."""
    t = (np.arange(len(rings) - 1)[:, None] + 0.5) / (len(rings) - 1)
    angle = (np.arange(rings.shape[1])[None, :] + 0.5) / rings.shape[1] * 360
    return t, np.minimum(angle, 360 - angle)


def _laces(
    solid: Solid, rings: Array, start: float, end: float, count: int, spread: float, radius: float = 0.013
) -> None:
    angle = np.linspace(-spread, spread, 15)
    columns = angle / 360 * rings.shape[1]
    for k, t in enumerate(np.linspace(start, end, count)):
        rows = (t + 0.012 * (1 - np.abs(angle) / spread) * (-1) ** k) * (len(rings) - 1)
        low = np.clip(rows.astype(int), 0, len(rings) - 2)
        part = (rows - low)[:, None]
        near = np.floor(columns).astype(int)
        mix = (columns - near)[:, None]

        def pick(row: Array, near: Array = near, mix: Array = mix) -> Array:
            here, beside = rings[row, near % rings.shape[1]], rings[row, (near + 1) % rings.shape[1]]
            return np.asarray(here * (1 - mix) + beside * mix, float)

        path = pick(low) * (1 - part) + pick(low + 1) * part
        middle = rings[int(t * (len(rings) - 1))].mean(axis=0)
        out = path - middle
        path = path + out / np.linalg.norm(out, axis=1, keepdims=True) * radius * 0.9
        solid.add(tube(path, radius, 8), "second", f"lace.{k}", axis=path, detail=True)


def _bow(solid: Solid, spot: Array) -> None:
    for k, side in enumerate((-1, 1)):
        loop = curve(
            [
                spot,
                spot + np.array([0.03, side * 0.05, 0.045]),
                spot + np.array([0.06, side * 0.11, 0.02]),
                spot + np.array([0.055, side * 0.09, -0.025]),
                spot + np.array([0.01, side * 0.02, -0.01]),
            ],
            24,
        )
        solid.add(tube(loop, 0.011, 8), "second", f"bow.{k}", axis=loop, detail=True)


def _sneaker(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    t, angle = _cells(rings)
    splits = [
        ((t < 0.24) & (angle < 400) & (shape["toe_cap"] > 0.5), "cap", "toe cap"),
        ((t > 0.3) & (angle < 26), "tongue", "tongue"),
    ]
    if shape["side_stripe"] > 0.5:
        slant = t * 300 - 60
        stripe = (np.abs(angle - 78 - (slant - 90) * 0.5) < 11) & (t > 0.34) & (t < 0.72)
        splits.append((stripe, "second", "stripe"))
    splits.append(((t > 0.86) & (angle > 140), "second", "heel tab"))
    _add_upper(solid, rings, splits)
    _sole(solid, shape, slot="sole", wedge=True, welt=0.02)
    _laces(solid, rings, 0.36, 0.66, 5, 30)
    _tongue(solid, rings)
    return solid


def _tongue(solid: Solid, rings: Array) -> None:
    spot = rings[-1, 0]
    before = rings[-1, 0] - [-0.14, 0.0, 0.07]
    up = curve(
        [before + np.array([0, 0, -0.01]), spot + np.array([-0.005, 0, 0.01]), spot + np.array([-0.035, 0, 0.05])], 14
    )
    solid.add(tube(up, 0.062, 14, flat=0.22, power=3.5), "tongue", "tongue")


def _high_top(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    t, angle = _cells(rings)
    splits = [((t < 0.26) & (shape["toe_cap"] > 0.5), "cap", "toe cap"), ((t > 0.3) & (angle < 24), "tongue", "tongue")]
    _add_upper(solid, rings, splits)
    _sole(solid, shape, slot="sole", wedge=True, welt=0.02)
    _laces(solid, rings, 0.36, 0.93, 8, 28)
    if shape["badge"] > 0.5:
        row = rings[int(0.86 * _ALONG)]
        for k, column in enumerate((20, _AROUND - 20)):
            disc = superellipse(0.05, 0.05, 2, 24)
            spot = row[column] + [0, 0.004 * (1 if k == 0 else -1), 0.0]
            ring = np.stack([spot[0] + disc[:, 0], np.full(24, spot[1]), spot[2] + disc[:, 1]], axis=1)
            solid.add(
                loft([ring, ring + np.array([0, 0.014 * (1 if k == 0 else -1), 0])]),
                "second",
                f"badge.{k}",
                detail=True,
            )
    return solid


def _ankle_boot(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    t, angle = _cells(rings)
    splits = []
    if shape["elastic"] > 0.5:
        splits.append(((t > 0.7) & (t < 0.985) & (np.abs(angle - 95) < 22.5), "second", "elastic"))
    else:
        splits.append(((t > 0.4) & (angle < 20), "tongue", "tongue"))
    _add_upper(solid, rings, splits)
    _sole(solid, shape, slot="sole")
    _heel(solid, shape, slot="sole", slim=shape["heel_slim"], length=0.25)
    if shape["elastic"] <= 0.5:
        _laces(solid, rings, 0.44, 0.95, 7, 26)
    else:
        loop = curve(
            [
                [0.02, 0, rings[-1, 36, 2] - 0.07],
                [-0.05, 0, rings[-1, 36, 2] + 0.0],
                [0.0, 0, rings[-1, 36, 2] + 0.05],
                [0.03, 0, rings[-1, 36, 2] - 0.02],
            ],
            16,
        )
        solid.add(tube(loop, 0.014, 10), "second", "pull loop", axis=loop, detail=True)
    return solid


def _tall_boot(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    splits: list[Split] = []
    if shape["cuff"] > 0.5:
        splits.append((rings[:-1, :, 2].mean(axis=1, keepdims=True) > rings[-1, :, 2].min() - 0.17, "second", "cuff"))
    _add_upper(solid, rings, splits)
    _sole(solid, shape, slot="sole")
    _heel(solid, shape, slot="sole", slim=shape["heel_slim"], length=0.24)
    if shape["strap"] > 0.5:
        row = rings[int(0.66 * _ALONG)]
        middle = row.mean(axis=0)
        band = np.concatenate([row, row[:2]])
        band = middle + (band - middle) * 1.03
        solid.add(tube(band, 0.026, 10, flat=0.45, power=4), "second", "strap", axis=band)
    return solid


def _pump(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    _add_upper(solid, rings, [])
    _sole(solid, shape, slot="sole", welt=0.0)
    _heel(solid, shape, slot="heel", slim=shape["heel_slim"], length=0.2)
    if shape["ankle_strap"] > 0.5:
        x, _, z = rings[-1, _AROUND // 2]
        angle = np.linspace(0, 2 * np.pi, 40)
        path = np.stack(
            [x + 0.14 + 0.14 * np.cos(angle), 0.1 * np.sin(angle), z + 0.075 + 0.035 * np.cos(angle)], axis=1
        )
        solid.add(tube(path, 0.016, 10), "second", "ankle strap", axis=path)
        post = curve([[x + 0.015, 0, z - 0.03], [x, 0, z + 0.045]], 6)
        solid.add(tube(post, 0.024, 10), "main", "upper")
    if shape["bow"] > 0.5:
        _bow(solid, rings[-1, 0] + [0.03, 0, 0.0])
    return solid


def _loafer(shape: Shape) -> Solid:
    solid = Solid()
    rings = _upper(shape)
    t, angle = _cells(rings)
    apron = (angle < 42) & (t > 0.2) & (t < 0.66)
    saddle = (np.abs(t - 0.56) < 0.05) & (angle < 95)
    _add_upper(solid, rings, [(apron, "main", "apron"), (saddle, "second", "saddle")])
    _sole(solid, shape, slot="sole")
    _heel(solid, shape, slot="sole", slim=0.0, length=0.27)
    if shape["tassel"] > 0.5:
        _bow(solid, rings[int(0.55 * _ALONG), 0] + [0.0, 0, 0.012])
    return solid


def _parameters(**changes: Parameter) -> dict[str, Parameter]:
    base = {
        "heel_height": Parameter(0.0, 0.02),
        "sole": Parameter(0.03, 0.05),
        "toe_spring": Parameter(0.01, 0.05),
        "toe_height": Parameter(0.1, 0.15),
        "toe_point": Parameter(0.0, 0.6, "round toe", "pointed toe"),
        "width": Parameter(0.9, 1.08),
        "throat": Parameter(0.42, 0.52),
        "instep": Parameter(0.22, 0.28),
        "shaft": Parameter(0.16, 0.23),
        "ankle": Parameter(0.09, 0.12),
        "shaft_width": Parameter(0.0, 0.5),
        "dip": Parameter(0.0, 0.04),
    }
    return {**base, **changes}


_VIEWS = ((-48.0, 24.0), (156.0, 228.0))
_FIXED = {
    "lining": ("beige", "fabric"),
    "sole": ("white", "rubber"),
    "tongue": ("main", "fabric"),
    "collar": ("main", "leather"),
    "cap": ("white", "rubber"),
}
_DARK = {**_FIXED, "sole": ("charcoal", "rubber"), "tongue": ("main", "leather")}
_ELEVATION = (8.0, 26.0)

SHOES = (
    Kind(
        "sneaker",
        "shoe",
        ("sneaker", "trainer", "sports shoe", "running shoe"),
        _parameters(
            sole=Parameter(0.06, 0.12, "thin sole", "thick sole"),
            heel_height=Parameter(0.0, 0.03),
            toe_cap=Parameter(0, 1, None, "white toe cap", 2),
            side_stripe=Parameter(0, 1, None, "side stripe", 2),
            toe_point=Parameter(0.0, 0.2),
            dip=Parameter(0.02, 0.06),
        ),
        _sneaker,
        ("canvas", "leather", "suede", "mesh"),
        "laces",
        ("fabric",),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "plain", "checks", "dots"),
        _FIXED,
    ),
    Kind(
        "high-top",
        "shoe",
        ("high-top sneaker", "high-top", "high-top trainer", "basketball shoe"),
        _parameters(
            sole=Parameter(0.05, 0.09, "thin sole", "thick sole"),
            shaft=Parameter(0.38, 0.52),
            toe_cap=Parameter(0, 1, None, "white toe cap", 2),
            badge=Parameter(0, 1, None, "round badge", 2),
            toe_point=Parameter(0.0, 0.1),
        ),
        _high_top,
        ("canvas", "leather", "suede"),
        "laces",
        ("fabric",),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "plain", "checks", "dots", "stripes"),
        _FIXED,
    ),
    Kind(
        "ankle boot",
        "shoe",
        ("ankle boot", "boot", "short boot"),
        _parameters(
            heel_height=Parameter(0.03, 0.16, "flat heel", "high heel"),
            heel_slim=Parameter(0.0, 0.5),
            shaft=Parameter(0.4, 0.6, "low shaft", None),
            elastic=Parameter(0, 1, "lace-up", "elastic sides", 2),
            shaft_width=Parameter(0.0, 0.6),
        ),
        _ankle_boot,
        ("leather", "suede", "leather", "patent leather"),
        "laces",
        ("fabric",),
        _VIEWS,
        _ELEVATION,
        ("plain",),
        _DARK,
    ),
    Kind(
        "tall boot",
        "shoe",
        ("tall boot", "knee-high boot", "long boot", "riding boot"),
        _parameters(
            heel_height=Parameter(0.02, 0.2, "flat heel", "high heel"),
            heel_slim=Parameter(0.0, 0.85, "block heel", "thin heel"),
            shaft=Parameter(0.8, 1.25, "mid-calf", "very tall"),
            shaft_width=Parameter(0.2, 1.2, "narrow shaft", "wide shaft"),
            cuff=Parameter(0, 1, None, "with a cuff", 2),
            strap=Parameter(0, 1, None, "ankle strap", 2),
        ),
        _tall_boot,
        ("leather", "suede", "rubber", "patent leather"),
        "trim",
        ("leather",),
        _VIEWS,
        (6.0, 20.0),
        ("plain", "plain", "plain", "dots", "stripes"),
        _DARK,
    ),
    Kind(
        "pump",
        "shoe",
        ("pump", "high heel", "court shoe", "stiletto"),
        _parameters(
            heel_height=Parameter(0.12, 0.36, "kitten heel", "very high heel"),
            heel_slim=Parameter(0.2, 1.0, "block heel", "thin heel"),
            sole=Parameter(0.014, 0.05, None, "platform"),
            toe_height=Parameter(0.075, 0.1),
            toe_point=Parameter(0.0, 1.0, "round toe", "pointed toe"),
            throat=Parameter(0.7, 0.78),
            instep=Parameter(0.11, 0.15),
            shaft=Parameter(0.17, 0.22),
            width=Parameter(0.76, 0.88),
            dip=Parameter(0.04, 0.08),
            ankle_strap=Parameter(0, 1, None, "ankle strap", 2),
            bow=Parameter(0, 1, None, "with a bow", 2),
        ),
        _pump,
        ("leather", "suede", "patent leather", "satin"),
        "trim",
        ("leather",),
        _VIEWS,
        _ELEVATION,
        ("plain", "plain", "plain", "dots"),
        {**_DARK, "heel": ("main", "leather"), "sole": ("charcoal", "leather")},
    ),
    Kind(
        "loafer",
        "shoe",
        ("loafer", "slip-on shoe", "moccasin"),
        _parameters(
            heel_height=Parameter(0.02, 0.06, None, "raised heel"),
            throat=Parameter(0.5, 0.58),
            instep=Parameter(0.2, 0.25),
            tassel=Parameter(0, 1, None, "with a bow", 2),
            dip=Parameter(0.01, 0.05),
        ),
        _loafer,
        ("leather", "suede", "patent leather"),
        "saddle strap",
        ("leather",),
        _VIEWS,
        _ELEVATION,
        ("plain",),
        _DARK,
    ),
)
