"""What a picture shows, as plain frozen data: `ObjectSpec` and what it holds. The same spec gives the same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """Where the camera stands.

    Attributes:
        azimuth_deg: 0 looks along +y; positive walks to the right.
        elevation_deg: Height angle above the horizon.
        distance: Camera distance in object sizes; small is a strong perspective.
        fill: Share of the frame that the object spans.
    """

    azimuth_deg: float
    elevation_deg: float
    distance: float = 4.0
    fill: float = 0.8


@dataclass(frozen=True)
class Light:
    """The key light; a fill light stands opposite.

    Attributes:
        azimuth_deg: Relative to the camera; negative is from the left.
        elevation_deg: Height angle.
        strength: 1 is usual.
        warmth: -1 bluish to 1 yellowish.
    """

    azimuth_deg: float
    elevation_deg: float
    strength: float = 1.0
    warmth: float = 0.0


@dataclass(frozen=True)
class Background:
    """What lies behind.

    Attributes:
        style: `studio` (one colour, soft gradient), `floor` (floor and wall), `table` (wooden planks and wall), `tiles`
            (tiled floor), or before a wall that is a `shelf`, a `room` out of focus or `wallpaper`.
        color: Hex colour of the studio or the wall.
        floor: Hex colour of the floor or the planks.
    """

    style: str
    color: str
    floor: str


@dataclass(frozen=True)
class ObjectSpec:
    """One picture in numbers and names.

    Attributes:
        kind: A name in `stbir.synth.objects.KINDS`.
        shape: The kind's shape numbers.
        color: Colour name of the main slot.
        second_color: Colour name of the second slot.
        material: Material of the main slot.
        second_material: Material of the second slot.
        pattern: Pattern on the main slot.
        pattern_color: Colour name of the pattern.
        pattern_scale: Size of the pattern, 1 is usual.
        view: The camera.
        light: The key light.
        background: What lies behind.
        seed: Everything left to chance: small colour shifts, texture offsets.
        wear: 0 new to 1 shabby.
    """

    kind: str
    shape: Mapping[str, float]
    color: str
    second_color: str
    material: str
    second_material: str
    pattern: str
    pattern_color: str
    pattern_scale: float
    view: View
    light: Light
    background: Background
    seed: int
    wear: float = 0.0
