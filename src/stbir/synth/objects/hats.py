"""Hats: a crown with a brim, a band, a visor, a cuff or a bobble."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, revolve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, closed, profile


def _brimmed(shape: Shape, crown: Array, *, dent: float = 0.0) -> Solid:
    """A hat turned from a crown profile [N, 2], from the brim's inner edge up, with a band; the brim may curl."""
    solid = Solid()
    start = crown[0, 0]
    brim, curl, droop = shape["brim"], shape.get("curl", 0.0), shape.get("droop", 0.0)
    t = np.linspace(1, 0, 16)
    flat = np.stack([start + brim * t, 0.05 + 0 * t], axis=1)
    under = flat - [0.0, 0.028]
    edge = np.array([[start + brim + 0.014, 0.036]])
    line = np.concatenate([under[::-1], edge, edge, flat, crown[1:], [[0.0, crown[-1, 1]]]])
    grid = revolve(line, 88)
    z = 0.05 + shape["band"] * 0.16

    def shaped(points: Array) -> Array:
        moved = points.copy()
        radius = np.hypot(points[..., 0], points[..., 1])
        angle = np.arctan2(points[..., 1], points[..., 0])
        out = np.clip((radius - start) / brim, 0, 1.2) * (points[..., 2] < 0.08)
        moved[..., 2] += out**2 * (0.5 * curl * brim * np.cos(angle) ** 2 - droop * brim * 0.6)
        moved[..., 2] += out * 0.1 * shape.get("wave", 0.0) * np.sin(3 * angle)
        moved[..., 1] *= 1.12
        high = np.clip((points[..., 2] - 0.25) / 0.3, 0, 1)
        moved[..., 2] -= dent * high * np.exp(-((points[..., 0] / 0.14) ** 2)) * np.clip(1 - radius / 0.6, 0, 1)
        return moved

    rows = np.arange(len(line) - 1)
    band = (rows >= len(under) + 2 + len(flat) - 1) & (grid.points[:-1, 0, 2] < z + 0.02)
    masks = [(np.broadcast_to(band[:, None], (len(rows), 88)), "second", "band")]
    brim_rows = rows < len(under) + 2 + len(flat) - 1
    masks.append((np.broadcast_to(brim_rows[:, None], (len(rows), 88)), "main", "brim"))
    solid.add(grid.mapped(shaped), "main", "crown", splits=masks)
    low = float(solid.vertices[0][:, 2].min())
    solid.vertices[0][:, 2] -= low
    return solid


def _fedora(shape: Shape) -> Solid:
    wide, high, taper = shape["crown"], shape["height"], shape["taper"]
    keys = [[wide, 0.05], [wide * (1 - 0.35 * taper), 0.6 * high], [wide * (1 - 0.55 * taper), 0.9 * high]]
    crown = profile([*keys, [wide * (0.7 - 0.5 * taper), high], [0.02, high]], 36)
    return _brimmed(shape, crown, dent=0.2 * high)


def _sun_hat(shape: Shape) -> Solid:
    wide, high = shape["crown"], shape["height"]
    angle = np.linspace(0, np.pi / 2, 26)
    power = 2 / (2 + shape["boxy"])
    dome = np.stack([wide * np.cos(angle) ** power, 0.05 + high * np.sin(angle) ** power], axis=1)
    dome[-1, 0] = 0.01
    return _brimmed(shape, dome)


def _top_hat(shape: Shape) -> Solid:
    wide, high, flare = shape["crown"], shape["height"], shape["flare"]
    z = np.linspace(0, 1, 20)
    wall = np.stack([wide * (1 - 0.12 * np.sin(np.pi * z) + flare * z), 0.05 + high * z], axis=1)
    top = wall[-1]
    return _brimmed(shape, np.concatenate([wall, [top, [top[0] - 0.02, top[1] + 0.012]]]))


def _cap(shape: Shape) -> Solid:
    """A cap of six panels; the visor points to +x."""
    solid = Solid()
    wide, high = 0.5, shape["height"]
    angle, turn = np.linspace(0, np.pi / 2, 26), np.linspace(0, 2 * np.pi, 96, endpoint=False)
    rows = []
    for a in angle:
        out = wide * np.cos(a) ** shape["boxy"]
        seam = 1 - 0.012 * np.abs(np.cos(3 * turn)) ** 8 * np.cos(a)
        rows.append(
            np.stack([out * seam * np.cos(turn) * 1.1, out * seam * np.sin(turn), 0 * turn + high * np.sin(a)], 1)
        )
    panel = np.cos(turn) > 0.5
    mask = np.broadcast_to(panel, (len(rows) - 1, 96))
    splits = [(mask, "second", "front panel")] if shape["two_tone"] > 0.5 else []
    solid.add(Grid(np.stack(rows)), "main", "crown", splits=splits)
    solid.add(Grid(np.stack(rows)[::-1] * 0.97), "lining", "inside")
    side = np.linspace(-1, 1, 41)
    long, bend, spread = shape["visor"], shape["bend"], 1.12
    start = np.stack([wide * 1.1 * np.cos(spread * side), wide * np.sin(spread * side)], axis=1)
    tip = start + np.stack([long * (1 - 0.55 * side**2) * 1.0, 0.06 * side * (1 - np.abs(side))], axis=1)
    sheet = []
    for s in np.linspace(0, 1, 12):
        flat = start + (tip - start) * s
        sheet.append(
            np.concatenate(
                [flat, (0.015 - bend * side**2 * 0.16 * (0.3 + s) - shape["droop"] * s**1.5)[:, None]], axis=1
            )
        )
    above = np.stack(sheet)
    slot = "second" if shape["two_tone"] > 0.5 else "main"
    solid.add(Grid(above, wrap=False), slot, "visor")
    solid.add(Grid(above - [0, 0, 0.025], wrap=False), slot, "visor")
    border = np.concatenate([above[0], above[1:, -1], above[-1, -2::-1], above[-2:0:-1, 0]])
    solid.add(Grid(np.stack([border, border - [0, 0, 0.025]])), slot, "visor")
    solid.add(ball(0.04, flat=0.6).moved(z=high + 0.004), "second", "button", detail=True)
    low = min(float(block[:, 2].min()) for block in solid.vertices)
    for block in solid.vertices:
        block[:, 2] -= low
    return solid


def _beanie(shape: Shape) -> Solid:
    solid = Solid()
    wide, high, cuff = 0.48, shape["height"], shape["cuff"]
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    ribs = 1 + 0.018 * np.cos(40 * turn)
    rows = []
    point = shape["pointed"]
    for s in np.linspace(0, 1, 34):
        out = wide * (1 - s ** (3.4 - 1.8 * point)) ** 0.62 * (1 + 0.05 * np.sin(np.pi * s))
        rows.append(np.stack([out * ribs * np.cos(turn), out * ribs * np.sin(turn), 0 * turn + 0.04 + s * high], 1))
    solid.add(Grid(np.stack(rows)), "main", "crown")
    thick = 1.09
    fold = []
    for z, k in ((0.02, 0.99), (0.0, 1.05), (0.03, thick), (cuff - 0.03, thick), (cuff, 1.05), (cuff - 0.01, 0.97)):
        fold.append(np.stack([wide * k * ribs * np.cos(turn), wide * k * ribs * np.sin(turn), 0 * turn + z], axis=1))
    solid.add(Grid(np.stack(fold)), "second", "cuff")
    bobble = shape["bobble"]
    if bobble > 0.08:
        rough = ball(bobble, sides=40)
        rng = np.random.default_rng(3)
        noise = 1 + 0.12 * rng.random(rough.points.shape[:2])[..., None]
        solid.add(Grid(rough.points * noise).moved(z=0.04 + high + 0.55 * bobble), "second", "bobble")
    return solid


def _bucket_hat(shape: Shape) -> Solid:
    solid = Solid()
    wide, high, brim, slope = 0.42, shape["height"], shape["brim"], shape["slope"]
    top = wide * shape["crown"]
    fall = brim * (0.35 + 0.6 * slope)
    line = np.array([[wide + brim, 0.0], [wide + brim + 0.012, 0.012], [wide + brim, 0.024], [wide, fall]])
    brim_line = np.concatenate([np.linspace(a, b, 6)[:-1] for a, b in pairwise(line)])
    crown = profile([[wide, fall], [0.5 * (wide + top), fall + 0.5 * high], [top, fall + high]], 14)
    body = np.concatenate(
        [brim_line, crown[:1], crown, crown[-1:], [[top * 0.5, fall + high + 0.015], [0.0, fall + high + 0.02]]]
    )
    grid = revolve(body, 80)
    z, radius = grid.points[:-1, 0, 2], np.hypot(grid.points[:-1, 0, 0], grid.points[:-1, 0, 1])
    on_brim = np.arange(len(z)) < len(brim_line)
    band = ~on_brim & (z < fall + shape["band"] * high) & (radius > 0.9 * top)
    masks = [(np.broadcast_to(on_brim[:, None], (len(z), 80)), "main", "brim")]
    masks.append((np.broadcast_to(band[:, None], (len(z), 80)), "second", "band"))
    solid.add(grid, "main", "crown", splits=masks)
    seam = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = np.stack([top * np.cos(seam), top * np.sin(seam), 0 * seam + fall + high], axis=1)
    solid.add(tube(closed(ring), 0.012, 8), "main", "seam", detail=True)
    return solid


_VIEWS = ((-40.0, 40.0),)
_SOFT = ("plain", "plain", "plain", "stripes", "checks", "dots")

HATS = (
    Kind(
        "fedora",
        "hat",
        ("fedora", "felt hat", "trilby"),
        {
            "crown": Parameter(0.34, 0.42),
            "height": Parameter(0.36, 0.52, "low crown", "high crown"),
            "taper": Parameter(0.2, 0.9, None, "narrow crown"),
            "brim": Parameter(0.14, 0.34, "narrow brim", "wide brim"),
            "curl": Parameter(0.2, 1.0, None, "curled brim"),
            "band": Parameter(0.3, 1.0, "thin band", "wide band"),
        },
        _fedora,
        ("felt", "straw"),
        "band",
        ("satin", "leather"),
        _VIEWS,
        (10.0, 26.0),
        ("plain",),
        {},
        round_body=True,
    ),
    Kind(
        "sun hat",
        "hat",
        ("sun hat", "summer hat", "wide-brimmed hat"),
        {
            "crown": Parameter(0.28, 0.36),
            "height": Parameter(0.2, 0.36, "flat crown", "high crown"),
            "boxy": Parameter(0.0, 2.5, "round crown", "boxy crown"),
            "brim": Parameter(0.26, 0.52, None, "very wide brim"),
            "droop": Parameter(0.0, 0.5, "flat brim", "drooping brim"),
            "wave": Parameter(0.0, 1.0, None, "wavy brim"),
            "band": Parameter(0.3, 1.0, "thin band", "wide band"),
        },
        _sun_hat,
        ("straw", "canvas", "straw"),
        "band",
        ("satin",),
        _VIEWS,
        (14.0, 32.0),
        ("plain", "plain", "floral", "dots"),
        {},
        round_body=True,
    ),
    Kind(
        "top hat",
        "hat",
        ("top hat", "cylinder hat", "high hat"),
        {
            "crown": Parameter(0.3, 0.38),
            "height": Parameter(0.42, 0.74, "low", "tall"),
            "flare": Parameter(-0.08, 0.22, "narrowing upwards", "wide at the top"),
            "brim": Parameter(0.12, 0.26, "narrow brim", "wide brim"),
            "curl": Parameter(0.2, 1.0, None, "curled brim"),
            "band": Parameter(0.4, 1.0, "thin band", "wide band"),
        },
        _top_hat,
        ("felt", "satin", "velvet"),
        "band",
        ("satin",),
        _VIEWS,
        (8.0, 24.0),
        ("plain",),
        {},
        round_body=True,
    ),
    Kind(
        "baseball cap",
        "hat",
        ("baseball cap", "cap", "peaked cap"),
        {
            "height": Parameter(0.38, 0.56, "flat", "high"),
            "visor": Parameter(0.26, 0.5, "short peak", "long peak"),
            "bend": Parameter(0.0, 1.0, "flat peak", "curved peak"),
            "droop": Parameter(0.02, 0.22, None, "drooping peak"),
            "boxy": Parameter(0.6, 1.0, "boxy crown", "pointed crown"),
            "two_tone": Parameter(0, 1, None, "two-tone", 2),
        },
        _cap,
        ("canvas", "suede", "denim"),
        "button",
        ("canvas",),
        ((-60.0, -8.0), (8.0, 60.0)),
        (10.0, 28.0),
        _SOFT,
        {"lining": ("charcoal", "fabric")},
        round_body=True,
    ),
    Kind(
        "bobble hat",
        "hat",
        ("knitted hat", "woolly hat", "beanie"),
        {
            "height": Parameter(0.5, 0.78, "short", "tall"),
            "cuff": Parameter(0.12, 0.3, "narrow cuff", "wide cuff"),
            "pointed": Parameter(0.0, 1.0, "round top", "pointed top"),
            "bobble": Parameter(0.0, 0.2, "no bobble", "big bobble"),
        },
        _beanie,
        ("wool",),
        "cuff",
        ("wool",),
        _VIEWS,
        (2.0, 18.0),
        ("plain", "plain", "stripes", "band", "dots", "checks"),
        {},
        round_body=True,
    ),
    Kind(
        "bucket hat",
        "hat",
        ("bucket hat", "fishing hat", "cloth sun hat"),
        {
            "height": Parameter(0.24, 0.4, "low", "tall"),
            "brim": Parameter(0.14, 0.28, "narrow brim", "wide brim"),
            "slope": Parameter(0.0, 1.0, "flat brim", "steep brim"),
            "band": Parameter(0.12, 0.34, "thin band", "wide band"),
            "crown": Parameter(0.7, 0.95, "tapered crown", "boxy crown"),
        },
        _bucket_hat,
        ("canvas", "denim", "corduroy"),
        "band",
        ("canvas",),
        _VIEWS,
        (10.0, 26.0),
        ("plain", "plain", "floral", "dots", "checks", "stripes"),
        {},
        round_body=True,
    ),
)
