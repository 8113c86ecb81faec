"""Umbrellas: a canopy of gores over ribs, a shaft, a handle; open, furled, or large on a foot."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Array, Grid, Solid, curve, revolve, tube
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import ball, profile, rod

_AROUND = 160


def _canopy(solid: Solid, shape: Shape, top: float, radius: float) -> None:
    """A roof of gores that sag between the ribs; every second gore takes the second colour if two-tone."""
    gores = round(shape["gores"])
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    between = np.abs(np.sin(gores * angle / 2))  # 0 on a rib, 1 in the middle of a gore
    rows = []
    for t in np.linspace(0.0, 1.0, 26):
        out = radius * np.sin(t * np.pi / 2 * (0.75 + 0.25 * shape["arch"]))
        out = out * (1 - 0.09 * shape["sag"] * between * t**2)
        fall = shape["drop"] * (1 - np.cos(t * np.pi / 2)) / 1.0
        z = top - fall + 0.05 * shape["sag"] * between * t**3
        rows.append(np.stack([out * np.cos(angle), out * np.sin(angle), z], axis=1))
    roof = np.stack(rows)
    cells = (roof.shape[0] - 1, _AROUND)
    number = np.floor(np.mod(angle + np.pi / _AROUND, 2 * np.pi) / (2 * np.pi / gores)).astype(int)
    masks = []
    for k in range(gores):
        slot = "panel" if shape["two_tone"] > 0.5 and k % 2 else "main"
        masks.append((np.broadcast_to((number == k)[None, :], cells), slot, f"gore.{k}"))
    solid.add(Grid(roof), "main", "canopy", splits=masks)
    solid.add(Grid(roof[::-1] * [0.985, 0.985, 1.0] - [0, 0, 0.012]), "lining", "inside")


def _crook(solid: Solid, shape: Shape, low: float, slot: str = "second") -> None:
    size = shape["hook"]
    if shape["straight"] > 0.5:
        path = curve([[0, 0, low + 0.22], [0, 0, low]], 10)
        solid.add(tube(path, 0.042, 14), slot, "handle", axis=path)
        return
    keys = [[0, 0, low + 0.22], [0, 0, low + size], [0.28 * size, 0, low + 0.25 * size], [size, 0, low]]
    keys += [[1.75 * size, 0, low + 0.3 * size], [1.95 * size, 0, low + 0.95 * size]]
    path = curve(keys, 36)
    solid.add(tube(path, 0.034, 14), slot, "handle", axis=path)


def _open(shape: Shape) -> Solid:
    solid = Solid()
    top = 1.25
    _canopy(solid, shape, top, shape["radius"])
    rod(solid, [0, 0, 0.2], [0, 0, top + 0.12], 0.018, "metal", "shaft")
    _crook(solid, shape, 0.0)
    tilt = np.radians(shape["tilt"])
    frame = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return _turned(solid, frame)


def _turned(solid: Solid, frame: Array) -> Solid:
    for k, block in enumerate(solid.vertices):
        solid.vertices[k] = block @ frame.T
        solid.normals[k] = solid.normals[k] @ frame.T
    for name in solid.axes:
        solid.axes[name] = solid.axes[name] @ frame.T
    low = min(float(block[:, 2].min()) for block in solid.vertices)
    for block in solid.vertices:
        block[:, 2] -= low
    for axis in solid.axes.values():
        axis[:, 2] -= low
    return solid


def _furled(shape: Shape) -> Solid:
    solid = Solid()
    long, fat = shape["length"], shape["fatness"]
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    rows = []
    for t in np.linspace(0, 1, 40):
        base = fat * np.interp(
            t, [0.0, 0.06, 0.3, 0.62, 0.66, 0.9, 1.0], [0.24, 0.3, 0.62, 0.92, shape["waist"], 0.98, 0.5]
        )
        fold = 1 + 0.16 * t * np.sin(7 * angle + 5 * t * shape["twist"])
        rows.append(np.stack([base * fold * np.cos(angle), base * fold * np.sin(angle), 0 * angle + t * long], axis=1))
    body = Grid(np.stack(rows)).moved(z=0.16)
    z = np.linspace(0, 1, 40)[:-1, None]
    strap = np.broadcast_to(np.abs(z - 0.645) < 0.035, (39, 96))
    solid.add(body, "main", "canopy", splits=[(strap, "second", "strap")])
    rod(solid, [0, 0, 0.0], [0, 0, 0.2], 0.016, "metal", "tip", taper=1.4)
    top = 0.16 + long
    rod(solid, [0, 0, top - 0.05], [0, 0, top + 0.14], 0.02, "metal", "shaft")
    if shape["straight"] > 0.5:
        grip = curve([[0, 0, top + 0.06], [0, 0, top + 0.3]], 10)
        solid.add(tube(grip, 0.045, 14), "second", "handle", axis=grip)
    else:
        size = shape["hook"]
        keys = [[0, 0, top + 0.06], [0, 0, top + 0.22], [0.3 * size, 0, top + 0.22 + 0.75 * size]]
        keys += [[size, 0, top + 0.22 + size], [1.75 * size, 0, top + 0.22 + 0.7 * size]]
        path = curve([*keys, [1.95 * size, 0, top + 0.24]], 36)
        solid.add(tube(path, 0.036, 14), "second", "handle", axis=path)
    return _turned(solid, np.eye(3))


def _parasol(shape: Shape) -> Solid:
    solid = Solid()
    high = shape["height"]
    _canopy(solid, shape, high, shape["radius"])
    rod(solid, [0, 0, 0.04], [0, 0, high + 0.03], 0.03, "second", "pole")
    solid.add(ball(0.045).moved(z=high + 0.05), "second", "finial", detail=True)
    foot = shape["foot"]
    base = profile([[foot, 0.0], [foot, 0.05], [foot * 0.5, 0.09], [0.07, 0.13], [0.06, 0.24]], 24)
    solid.add(revolve(np.concatenate([[[0.0, 0.0], base[0], base[0]], base, [[0.0, 0.24]]])), "foot", "foot")
    return solid


_ROOF = {
    "gores": Parameter(6, 10, "six panels", "ten panels", 3),
    "arch": Parameter(0.0, 1.0, "flat canopy", "domed canopy"),
    "sag": Parameter(0.3, 1.0, None, "scalloped edge"),
    "two_tone": Parameter(0, 1, None, "alternating panels", 2),
}
_HANDLE = {"hook": Parameter(0.07, 0.12), "straight": Parameter(0, 1, "hooked handle", "straight handle", 2)}
_FIXED = {
    "panel": ("second", "nylon"),
    "lining": ("charcoal", "nylon"),
    "metal": ("silver", "metal"),
    "foot": ("grey", "stoneware"),
}
_PATTERNS = ("plain", "plain", "dots", "floral")

UMBRELLAS = (
    Kind(
        "open umbrella",
        "umbrella",
        ("umbrella", "open umbrella", "rain umbrella"),
        {
            **_ROOF,
            **_HANDLE,
            "radius": Parameter(0.62, 0.82, "small", "wide"),
            "drop": Parameter(0.26, 0.5),
            "tilt": Parameter(-24.0, 24.0),
        },
        _open,
        ("nylon", "satin"),
        "handle",
        ("plastic",),
        ((-40.0, 40.0),),
        (2.0, 18.0),
        _PATTERNS,
        _FIXED,
    ),
    Kind(
        "furled umbrella",
        "umbrella",
        ("closed umbrella", "folded umbrella", "walking umbrella"),
        {
            **_HANDLE,
            "length": Parameter(0.95, 1.3, "short", "long"),
            "fatness": Parameter(0.1, 0.17, "slim", "fat"),
            "waist": Parameter(0.6, 0.9, "tightly strapped", None),
            "twist": Parameter(0.0, 2.0, "straight folds", "twisted folds"),
        },
        _furled,
        ("nylon", "satin"),
        "handle",
        ("wood", "plastic"),
        ((-30.0, 30.0),),
        (0.0, 14.0),
        ("plain", "plain", "dots", "stripes"),
        _FIXED,
        round_body=True,
    ),
    Kind(
        "parasol",
        "umbrella",
        ("parasol", "garden parasol", "beach umbrella", "sunshade"),
        {
            **_ROOF,
            "radius": Parameter(0.72, 0.95, "small", "wide"),
            "drop": Parameter(0.22, 0.42),
            "height": Parameter(1.4, 1.75, "low", "high"),
            "foot": Parameter(0.2, 0.32, "small foot", "big foot"),
        },
        _parasol,
        ("canvas", "nylon"),
        "pole",
        ("painted",),
        ((-40.0, 40.0),),
        (2.0, 14.0),
        _PATTERNS,
        {**_FIXED, "lining": ("cream", "canvas")},
    ),
)
