"""Plants in pots: a cactus, leaves, flowers. The colours are those of the pot."""

from __future__ import annotations

import numpy as np

from stbir.synth.mesh import Grid, Solid, curve, revolve, tube
from stbir.synth.objects.bottles import blossom
from stbir.synth.objects.kinds import Kind, Parameter, Shape
from stbir.synth.objects.pieces import profile, vessel


def _pot(solid: Solid, shape: Shape) -> float:
    """Add pot, rim, earth and saucer; returns the height of the earth."""
    radius, high = shape["pot"], shape["pot_height"]
    low = radius * (1 - 0.42 * shape["pot_taper"])
    base = 0.045 if shape["saucer"] > 0.5 else 0.0
    wall = profile(
        [[low, base], [0.5 * (low + radius) + 0.02 * shape["pot_round"], base + 0.5 * high], [radius, base + high]], 24
    )
    if shape["pot_round"] > 0.5:
        bulge = 0.14 * radius * np.sin(np.pi * np.linspace(0, 1, 24))
        wall[:, 0] += bulge
    outside, inside = vessel(wall, 0.03, 0.14)
    solid.add(outside, "main", "pot")
    solid.add(inside, "main", "pot")
    top = base + high
    if shape["collar"] > 0.5:
        ring = [[radius - 0.01, top - 0.13], [radius + 0.035, top - 0.13], [radius + 0.035, top - 0.13]]
        ring += [[radius + 0.04, top], [radius + 0.03, top + 0.015], [radius - 0.02, top + 0.015]]
        solid.add(revolve(ring), "second", "collar")
    if shape["saucer"] > 0.5:
        plate = profile([[low * 1.05, 0.0], [low * 1.2, 0.01], [low * 1.38, 0.06], [low * 1.3, 0.07]], 16)
        grid = revolve(np.concatenate([[[0.0, 0.0], plate[0]], plate, [[0.0, 0.04]]]))
        solid.add(grid, "second", "saucer")
    earth = top - 0.07
    solid.add(revolve([[radius * 0.97, earth], [0.5 * radius, earth + 0.015], [0.0, earth + 0.02]]), "earth", "earth")
    return float(earth)


def _ribbed(shape: Shape, high: float, radius: float, path: list[list[float]] | None = None) -> Grid:
    """A ribbed column, round on top, standing or along a bent path."""
    ribs = round(shape["ribs"])
    angle = np.linspace(0, 2 * np.pi, 144, endpoint=False)
    fold = 1 + 0.1 * np.cos(ribs * angle)
    rows = []
    line = np.asarray(path, float) if path is not None else np.array([[0, 0, 0.0], [0, 0, high]])
    spine = curve(line, 40)
    ahead = np.gradient(spine, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    for k, s in enumerate(np.linspace(0, 1, 40)):
        cap = np.sqrt(max(0.0, 1 - max(0.0, (s - 0.8) / 0.2) ** 2)) * min(1.0, 0.8 + 2 * s)
        flat = radius * cap * fold
        ring = np.outer(flat * np.cos(angle), right[k]) + np.outer(flat * np.sin(angle), [0.0, 1.0, 0.0])
        rows.append(spine[k] + ring)
    return Grid(np.stack(rows))


def _cactus(shape: Shape) -> Solid:
    solid = Solid()
    earth = _pot(solid, shape)
    high, radius = shape["height"], shape["body"]
    solid.add(_ribbed(shape, high, radius).moved(z=earth), "leaf", "cactus")
    places = ((1, 0.34), (-1, 0.5))[: round(shape["arms"])]
    for k, (side, level) in enumerate(places):
        reach, z = side * (radius + 0.2), earth + level * high
        path = [[0, 0, z], [0.8 * reach, 0, z], [1.15 * reach, 0, z + 0.12], [1.18 * reach, 0, z + 0.36 * high + 0.05]]
        solid.add(_ribbed(shape, 0.0, 0.5 * radius, path), "leaf", f"arm.{k}")
    if shape["flower"] > 0.5:
        blossom(solid, np.array([0.0, -0.03, earth + high + 0.02]), 0.12, "blossom")
    return solid


def _leaf(length: float, width: float, bend: float, lean: float, turn: float) -> Grid:
    """A blade from the origin, leaning outwards and bending down, folded along its middle."""
    s = np.linspace(0, 1, 18)
    keys = np.array([[0, 0], [lean * 0.4 * length, 0.55 * length], [lean * length, (1 - bend) * length]])
    along, up = curve(keys, 18).T
    half = width * np.sin(np.pi * np.clip(s * 0.94 + 0.05, 0, 1)) ** 0.8
    across = np.linspace(-1, 1, 9)
    x = along[:, None] + 0 * across
    y = half[:, None] * across
    z = up[:, None] - 0.25 * half[:, None] * (1 - np.abs(across))
    grid = Grid(np.stack([x, y, z], axis=-1), wrap=False)
    return grid.turned(turn)


def _leafy(shape: Shape) -> Solid:
    solid = Solid()
    earth = _pot(solid, shape)
    count = round(shape["leaves"])
    for k in range(count):
        turn = 360 * (k * 0.381966 + 0.1)
        inner = k / count
        grid = _leaf(
            shape["height"] * (0.75 + 0.3 * inner),
            shape["leaf_width"],
            shape["bend"] * (1 - 0.7 * inner),
            shape["spread"] * (1.15 - 0.9 * inner),
            turn,
        )
        solid.add(grid.moved(z=earth), "leaf" if k % 2 else "dark leaf", f"leaf.{k}")
    return solid


def _flowering(shape: Shape) -> Solid:
    solid = Solid()
    earth = _pot(solid, shape)
    for k in range(7):
        turn = 360 * (k * 0.381966)
        solid.add(_leaf(0.34, 0.085, 0.45, 0.8, turn).moved(z=earth), "leaf", f"leaf.{k}")
    count = round(shape["blooms"])
    for k in range(count):
        turn = 2 * np.pi * (k * 0.381966 + 0.2)
        lean = 0.0 if count == 1 else shape["spread"] * (0.45 + 0.3 * (k % 2))
        rise = shape["height"] * (0.78 + 0.22 * ((k * 2) % 3) / 2)
        tip = np.array([lean * np.cos(turn), 0.7 * lean * np.sin(turn), earth + rise])
        middle = np.array([0.5 * tip[0], 0.5 * tip[1], earth + 0.5 * rise])
        path = curve(np.stack([[0.03 * np.cos(turn), 0.0, earth - 0.02], middle, tip]), 14)
        solid.add(tube(path, 0.016, 8), "leaf", f"stem.{k}", axis=path)
        blossom(solid, tip, shape["bloom"], f"blossom.{k}", tilt=26 * np.cos(turn))
    return solid


_POT = {
    "pot": Parameter(0.28, 0.4, "small pot", "wide pot"),
    "pot_height": Parameter(0.34, 0.52, "low pot", "tall pot"),
    "pot_taper": Parameter(0.0, 0.8, "straight pot", "tapered pot"),
    "pot_round": Parameter(0, 1, None, "round pot", 2),
    "collar": Parameter(0, 1, None, "rim on the pot", 2),
    "saucer": Parameter(0, 1, None, "with a saucer", 2),
}
_CLAY = ("clay", "ceramic", "stoneware", "painted")
_PATTERNS = ("plain", "plain", "plain", "stripes", "dots", "band")
_GREEN = {
    "leaf": ("green", "leafy"),
    "dark leaf": ("dark green", "leafy"),
    "earth": ("brown", "stoneware"),
    "petal": ("pink", "fabric"),
    "heart": ("yellow", "fabric"),
}
_VIEWS = ((-30.0, 30.0),)

PLANTS = (
    Kind(
        "potted cactus",
        "plant",
        ("pot with a cactus", "flower pot with a cactus", "planter with a cactus"),
        {
            **_POT,
            "height": Parameter(0.5, 0.95, "short cactus", "tall cactus"),
            "body": Parameter(0.14, 0.23, "thin cactus", "fat cactus"),
            "ribs": Parameter(7, 12, None, None, 6),
            "arms": Parameter(0, 2, "no arms", "two arms", 3),
            "flower": Parameter(0, 1, None, "with a blossom", 2),
        },
        _cactus,
        _CLAY,
        "saucer",
        ("clay", "ceramic"),
        _VIEWS,
        (8.0, 22.0),
        _PATTERNS,
        _GREEN,
        round_body=True,
    ),
    Kind(
        "leafy plant",
        "plant",
        ("pot with a leafy plant", "flower pot with leaves", "planter with a green plant"),
        {
            **_POT,
            "height": Parameter(0.6, 0.95, "short leaves", "long leaves"),
            "leaf_width": Parameter(0.05, 0.15, "narrow leaves", "broad leaves"),
            "bend": Parameter(0.0, 0.6, "upright leaves", "drooping leaves"),
            "spread": Parameter(0.25, 0.75, None, "bushy"),
            "leaves": Parameter(8, 14, "few leaves", "many leaves", 7),
        },
        _leafy,
        _CLAY,
        "saucer",
        ("clay", "ceramic"),
        _VIEWS,
        (8.0, 22.0),
        _PATTERNS,
        _GREEN,
        round_body=True,
    ),
    Kind(
        "flowering plant",
        "plant",
        ("pot with flowers", "flower pot with blossoms", "planter with flowers"),
        {
            **_POT,
            "height": Parameter(0.45, 0.85, "short stems", "long stems"),
            "blooms": Parameter(1, 5, "one flower", "many flowers", 5),
            "bloom": Parameter(0.11, 0.18, "small flowers", "big flowers"),
            "spread": Parameter(0.4, 0.75),
        },
        _flowering,
        _CLAY,
        "saucer",
        ("clay", "ceramic"),
        _VIEWS,
        (8.0, 22.0),
        _PATTERNS,
        _GREEN,
        round_body=True,
    ),
)
