"""What a kind of object is: its shape numbers, how they become a solid, what it is made of and how people call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stbir.synth.mesh import Solid

Shape = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """One number of a shape.

    Attributes:
        low: Smallest value.
        high: Largest value.
        few: Words for a value in the lowest quarter; None if nobody would mention it.
        many: Words for a value in the highest quarter.
        steps: 0 for any value between; otherwise the value is one of `steps` evenly spaced ones (2: no or yes).
    """

    low: float
    high: float
    few: str | None = None
    many: str | None = None
    steps: int = 0

    def words(self, value: float) -> str | None:
        """What one would say of this value, or None."""
        place = (value - self.low) / (self.high - self.low)
        return self.few if place < 0.25 else self.many if place > 0.75 else None


@dataclass(frozen=True)
class Kind:
    """One kind of object, for example the ankle boot.

    Attributes:
        name: Its usual name.
        family: The family's name.
        nouns: How people call it; the first is the name.
        parameters: Its shape numbers.
        build: Makes the solid from the shape numbers.
        materials: What its main slot is made of.
        second_part: Words for what the second colour is on ("laces").
        second_materials: What its second slot is made of.
        azimuths_deg: Ranges the camera's azimuth is taken from; 0 looks along +y, 90 from +x.
        elevation_deg: Range of the camera's height angle.
        patterns: Patterns its main slot may have.
        fixed: Slots with a colour of their own: slot -> (colour name, `main` or `second`, and material).
        round_body: Whether patterns and reliefs run around the z axis.
    """

    name: str
    family: str
    nouns: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    build: Callable[[Shape], Solid]
    materials: tuple[str, ...]
    second_part: str
    second_materials: tuple[str, ...]
    azimuths_deg: tuple[tuple[float, float], ...]
    elevation_deg: tuple[float, float]
    patterns: tuple[str, ...]
    fixed: Mapping[str, tuple[str, str]]
    round_body: bool = False
