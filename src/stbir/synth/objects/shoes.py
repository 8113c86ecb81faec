"""Shoes and boots: uppers on a last, with soles, heels, laces, straps and bows."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Solid, Split, curve, loft, superellipse, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.last import ALONG, AROUND, add_heel, add_sole, add_upper, cells_of, upper


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
    rings = upper(shape)
    t, angle = cells_of(rings)
    splits = [
        ((t < 0.24) & (angle < 400) & (shape["toe_cap"] > 0.5), "cap", "toe cap"),
        ((t > 0.3) & (angle < 26), "tongue", "tongue"),
    ]
    if shape["side_stripe"] > 0.5:
        slant = t * 300 - 60
        stripe = (np.abs(angle - 78 - (slant - 90) * 0.5) < 11) & (t > 0.34) & (t < 0.72)
        splits.append((stripe, "second", "stripe"))
    splits.append(((t > 0.86) & (angle > 140), "second", "heel tab"))
    add_upper(solid, rings, splits)
    add_sole(solid, shape, slot="sole", wedge=True, welt=0.02)
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
    rings = upper(shape)
    t, angle = cells_of(rings)
    splits = [((t < 0.26) & (shape["toe_cap"] > 0.5), "cap", "toe cap"), ((t > 0.3) & (angle < 24), "tongue", "tongue")]
    add_upper(solid, rings, splits)
    add_sole(solid, shape, slot="sole", wedge=True, welt=0.02)
    _laces(solid, rings, 0.36, 0.93, 8, 28)
    if shape["badge"] > 0.5:
        row = rings[int(0.86 * ALONG)]
        for k, column in enumerate((20, AROUND - 20)):
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
    rings = upper(shape)
    t, angle = cells_of(rings)
    splits = []
    if shape["elastic"] > 0.5:
        splits.append(((t > 0.7) & (t < 0.985) & (np.abs(angle - 95) < 22.5), "second", "elastic"))
    else:
        splits.append(((t > 0.4) & (angle < 20), "tongue", "tongue"))
    add_upper(solid, rings, splits)
    add_sole(solid, shape, slot="sole")
    add_heel(solid, shape, slot="sole", slim=shape["heel_slim"], length=0.25)
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
    rings = upper(shape)
    splits: list[Split] = []
    if shape["cuff"] > 0.5:
        splits.append((rings[:-1, :, 2].mean(axis=1, keepdims=True) > rings[-1, :, 2].min() - 0.17, "second", "cuff"))
    add_upper(solid, rings, splits)
    add_sole(solid, shape, slot="sole")
    add_heel(solid, shape, slot="sole", slim=shape["heel_slim"], length=0.24)
    if shape["strap"] > 0.5:
        row = rings[int(0.66 * ALONG)]
        middle = row.mean(axis=0)
        band = np.concatenate([row, row[:2]])
        band = middle + (band - middle) * 1.03
        solid.add(tube(band, 0.026, 10, flat=0.45, power=4), "second", "strap", axis=band)
    return solid


def _pump(shape: Shape) -> Solid:
    solid = Solid()
    rings = upper(shape)
    add_upper(solid, rings, [])
    add_sole(solid, shape, slot="sole", welt=0.0)
    add_heel(solid, shape, slot="heel", slim=shape["heel_slim"], length=0.2)
    if shape["ankle_strap"] > 0.5:
        x, _, z = rings[-1, AROUND // 2]
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
    rings = upper(shape)
    t, angle = cells_of(rings)
    apron = (angle < 42) & (t > 0.2) & (t < 0.66)
    saddle = (np.abs(t - 0.56) < 0.05) & (angle < 95)
    add_upper(solid, rings, [(apron, "main", "apron"), (saddle, "second", "saddle")])
    add_sole(solid, shape, slot="sole")
    add_heel(solid, shape, slot="sole", slim=0.0, length=0.27)
    if shape["tassel"] > 0.5:
        _bow(solid, rings[int(0.55 * ALONG), 0] + [0.0, 0, 0.012])
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
