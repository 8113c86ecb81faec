"""Light on surfaces: a key light with shadows, a fill light, a studio that reflects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stbir.synth.mesh import Array
from stbir.synth.objects.kinds import Kind
from stbir.synth.palette import MATERIALS, Material, linear_rgb
from stbir.synth.texture import printed, relief, surface_places

if TYPE_CHECKING:
    from stbir.synth.spec import ObjectSpec


@dataclass(frozen=True, eq=False)
class Surface:
    """The P visible points.

    Attributes:
        points: [P, 3].
        normals: [P, 3], facing the eye.
        toward: [P, 3] unit directions to the eye.
        slot: [P] numbers of the slots.
        free: [P] share of the key light that arrives.
        open: [P] share of the ambient light that arrives.
        floor_z: Height of the object's lowest point.
        height: Height of the object.
    """

    points: Array
    normals: Array
    toward: Array
    slot: NDArray[np.int64]
    free: Array
    open: Array
    floor_z: float
    height: float


@dataclass(frozen=True, eq=False)
class Lighting:
    """Directions [3] towards the lights and their colours [3]."""

    key: Array
    fill: Array
    key_color: Array
    fill_color: Array

    @classmethod
    def of(cls, spec: ObjectSpec) -> Lighting:
        """The lights of a spec; the key light keeps its place relative to the camera."""
        light = spec.light

        def direction(azimuth: float, elevation: float) -> Array:
            a, e = np.radians(spec.view.azimuth_deg + azimuth), np.radians(elevation)
            return np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])

        warm = np.array([1.0 + 0.1 * light.warmth, 1.0, 1.0 - 0.16 * light.warmth])
        return cls(
            direction(light.azimuth_deg, light.elevation_deg),
            direction(-np.sign(light.azimuth_deg) * 70, 25),
            0.78 * light.strength * warm,
            0.2 * light.strength * warm[::-1],
        )


@dataclass(frozen=True, eq=False)
class Look:
    """Colour [3] in linear light and material of one slot, and whether the pattern is printed on it."""

    color: Array
    material: Material
    patterned: bool


def slot_looks(spec: ObjectSpec, kind: Kind, slots: tuple[str, ...]) -> list[Look]:
    """What each slot of a solid looks like."""
    rng = np.random.default_rng([spec.seed, 11])
    shift = 1 + rng.normal(0, 0.035, (8, 3))

    def tinted(name: str, row: int) -> Array:
        return np.asarray(np.clip(np.array(linear_rgb(name)) * shift[row], 0, 1), float)

    looks = []
    for slot in slots:
        if slot == "main":
            looks.append(Look(tinted(spec.color, 0), MATERIALS[spec.material], True))
        elif slot in kind.fixed:
            color, material = kind.fixed[slot]
            own = {"main": spec.color, "second": spec.second_color}.get(color, color)
            looks.append(
                Look(
                    tinted(own, 0 if color == "main" else 2) * (0.88 if color == "main" else 1.0),
                    MATERIALS[material],
                    False,
                )
            )
        elif slot == "inner":  # inside of a vessel: pale glaze, or the second colour
            own = spec.second_color if spec.second_color != spec.color else "cream"
            looks.append(Look(tinted(own, 1), MATERIALS["ceramic"], False))
        elif slot == "rim":
            rim = spec.second_color if spec.material == "enamel" else spec.color
            looks.append(Look(tinted(rim, 1 if spec.material == "enamel" else 0), MATERIALS[spec.material], False))
        else:
            looks.append(Look(tinted(spec.second_color, 1), MATERIALS[spec.second_material], False))
    return looks


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, a soft step between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _studio(direction: Array, lighting: Lighting, roughness: Array) -> Array:
    """What a surface reflects [P, 3]: a pale room, a dark floor, soft windows at the lights."""
    up = direction[:, 2]
    blur = 0.06 + 0.9 * roughness
    room = 0.2 + 0.42 * smoothstep(up, -0.35, 0.9)
    room = room * (1 - 0.45 * smoothstep(-up, 0.02, 0.55))
    window = direction @ lighting.key
    box = smoothstep(window, 0.86 - 0.5 * 0.12, 0.93)
    wide = np.maximum(window, 0) ** 6
    gloss = np.clip(1 - blur, 0, 1)
    level = np.hypot(direction[:, 0], direction[:, 1])
    ahead = direction[:, :2] @ lighting.key[:2] / np.maximum(level * np.hypot(*lighting.key[:2]), 1e-6)
    tall = smoothstep(ahead, 0.955, 0.985) * smoothstep(up, -0.25, 0.0) * smoothstep(-up, -0.95, -0.8)
    strip = smoothstep(direction @ lighting.fill, 0.9, 0.96)
    value = room + 5.0 * gloss * box + 0.8 * (1 - gloss) * wide + 1.5 * gloss * strip + 5.0 * gloss**2 * tall
    tint = 0.5 + 0.5 * lighting.key_color / max(float(lighting.key_color.max()), 1e-6)
    return np.asarray(value[:, None] * tint, float)


def lit(spec: ObjectSpec, surface: Surface, looks: list[Look], lighting: Lighting, *, round_body: bool) -> Array:
    """Colours [P, 3] of the visible points, in linear light."""
    normals = surface.normals.copy()
    u, v = surface_places(surface.points, normals, round_body=round_body)
    albedo = np.empty_like(normals)
    rng = np.random.default_rng([spec.seed, 12])
    offset = rng.random(2)
    fields = {name: np.empty(len(u)) for name in ("roughness", "specular", "metallic", "sheen", "glow")}
    for number, look in enumerate(looks):
        chosen = np.nonzero(surface.slot == number)[0]
        if not len(chosen):
            continue
        material = look.material
        color = np.broadcast_to(look.color, (len(chosen), 3))
        if look.patterned and spec.pattern != "plain":
            share = printed(spec.pattern, u[chosen], v[chosen], spec.pattern_scale, surface.height)[:, None]
            color = color * (1 - share) + np.array(linear_rgb(spec.pattern_color)) * share
        if material.texture != "none":
            along, across = u[chosen] + offset[0], v[chosen] + offset[1]
            if material.texture == "wood":
                upright = np.abs(normals[chosen, 2]) < 0.72
                along, across = np.where(upright, across, along), np.where(upright, along, across)
            height, slope_u, slope_v = relief(material.texture, along, across)
            color = color * (1 - material.shade * (1 - height))[:, None]
            tilt = np.stack([slope_u, 0.5 * (slope_u - slope_v), slope_v], axis=1)
            normals[chosen] -= material.bump * tilt * 2.5
        if look.patterned and spec.wear > 0:
            color = _worn(color, u[chosen] + offset[1], v[chosen] + offset[0], spec.wear)
        albedo[chosen] = color
        for name, values in fields.items():
            values[chosen] = getattr(material, name)
    normals /= lengths(normals)
    return _lit_points(surface, normals, albedo, fields, lighting)


def _worn(color: Array, u: Array, v: Array, wear: float) -> Array:
    """Colours [P, 3] with rubbed, dusty patches; `wear` 0 is new, 1 shabby."""
    patches, _, _ = relief("patches", 0.35 * u, 0.35 * v)
    scratches, _, _ = relief("brushed", 1.3 * u, 1.3 * v)
    dull = smoothstep(patches, 0.55, 1.0)
    thin = smoothstep(scratches, 0.86, 0.96) * smoothstep(patches, 0.2, 0.7)
    share = (wear * np.maximum(0.55 * dull, 0.8 * thin))[:, None]
    dusty = 0.6 * color + 0.4 * np.array([0.42, 0.38, 0.33])
    return np.asarray(color * (1 - share) + dusty * share, float)


def _lit_points(surface: Surface, normals: Array, albedo: Array, fields: dict[str, Array], lighting: Lighting) -> Array:
    rough, metallic = fields["roughness"], fields["metallic"][:, None]
    facing = np.clip(np.einsum("pd,pd->p", normals, surface.toward), 0.02, 1)
    to_key = normals @ lighting.key
    soft = 0.12 + 0.2 * rough  # light wraps further around rough cloth
    key = np.clip((to_key + soft) / (1 + soft), 0, 1) * (0.12 + 0.88 * surface.free)
    fill = np.clip((normals @ lighting.fill + 0.25) / 1.25, 0, 1)
    sky = 0.5 + 0.5 * normals[:, 2]
    low = np.clip((surface.points[:, 2] - surface.floor_z) / max(0.3 * surface.height, 1e-6), 0, 1)
    ambient = (0.2 + 0.2 * sky) * surface.open * (0.72 + 0.28 * low)
    diffuse = (
        key[:, None] * lighting.key_color
        + fill[:, None] * lighting.fill_color * surface.open[:, None]
        + ambient[:, None]
    )
    half = lighting.key + surface.toward
    half /= lengths(half)
    alpha = np.maximum(rough**2, 0.012)
    spread = np.clip(np.einsum("pd,pd->p", normals, half), 0, 1) ** 2 * (alpha**2 - 1) + 1
    highlight = alpha**2 / (4 * spread**2 * (0.25 + 0.75 * facing)) * np.clip(to_key, 0, 1) * surface.free
    fresnel = fields["specular"] + (1 - fields["specular"]) * (1 - facing) ** 5 * (1 - 0.85 * rough)
    mirror = 2 * facing[:, None] * normals - surface.toward
    reflected = _studio(mirror, lighting, rough) * surface.open[:, None]
    gleam = fields["specular"][:, None] * np.minimum(highlight, 9)[:, None] * lighting.key_color
    spark = 0.35 * np.minimum(highlight, 5)[:, None] * lighting.key_color
    metal = albedo * (0.12 + 1.3 * np.minimum(reflected, 2.0) + spark)
    body = albedo * diffuse * 1.08 + fresnel[:, None] * (1 - 0.75 * rough[:, None]) * reflected + gleam
    sheen = fields["sheen"] * (1 - facing) ** 2.5
    body = body + (0.6 * albedo + 0.06) * (sheen * (0.4 + 0.6 * key))[:, None]
    glow = albedo * 0.55 * fields["glow"][:, None]
    return np.asarray(body * (1 - metallic) + metal * metallic + glow, float)


def lengths(vectors: Array) -> Array:
    """Lengths [P, 1] of vectors [P, 3]."""
    return np.asarray(np.sqrt(np.einsum("pd,pd->p", vectors, vectors))[:, None], float)


def blurred(field: Array, radius: int) -> Array:
    """A soft blur [H, W]: two running means, close to a Gaussian of standard deviation 0.8 `radius`."""
    for axis in (0, 1):
        for _ in range(2):
            moved = np.moveaxis(field, axis, 0)
            padded = np.concatenate([np.repeat(moved[:1], radius + 1, 0), moved, np.repeat(moved[-1:], radius, 0)])
            total = np.cumsum(padded, axis=0)
            field = np.moveaxis((total[2 * radius + 1 :] - total[: -2 * radius - 1]) / (2 * radius + 1), 0, axis)
    return field
