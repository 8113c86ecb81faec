"""A noise of `stbir.corrupt` at one severity, as part of a task: what is done to each drawing, text or picture of it.

Every item has its own chance, drawn from the seed and the item's name, so neither order nor batches change it. What the
noise leaves nothing of (words dropped, a drawing that cannot be traced any more) is missing: `None`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stbir.corrupt import MAX_SEVERITY, Corruption, corruption, item_rng
from stbir.errors import ConfigError, SketchError
from stbir.strokes import Sketch


@dataclass(frozen=True)
class Noise:
    """Which noise, how strong.

    Attributes:
        name: A name in `stbir.corrupt.CORRUPTIONS`.
        severity: 0 (none) to 5 (as bad as a user can be).
        seed: Of its chance.
    """

    name: str
    severity: float
    seed: int = 0

    def __post_init__(self) -> None:
        self.kind  # noqa: B018 - an unknown name is refused at once
        if not 0 <= self.severity <= MAX_SEVERITY:
            raise ConfigError(
                f"severity {self.severity} of {self.name} is out of range: give 0 (none) to {MAX_SEVERITY:g}"
            )

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Noise:
        """Read the command line's form.

        Args:
            text: `NAME:SEVERITY`, for example `wobble:3`.
            seed: Of its chance.

        Returns:
            The noise.

        Raises:
            ConfigError: Not this form, or no such noise.
        """
        name, _, severity = text.partition(":")
        try:
            number = float(severity)
        except ValueError:
            raise ConfigError(f"cannot read the noise {text!r}: write NAME:SEVERITY, for example wobble:3") from None
        return cls(name.strip(), number, seed)

    @property
    def kind(self) -> Corruption:
        """The corruption behind the name."""
        return corruption(self.name)

    @property
    def changes(self) -> frozenset[str]:
        """Which of sketch, text and image it changes."""
        modality = self.kind.modality
        return frozenset(("sketch", "text")) if modality == "both" else frozenset((modality,))

    def sketch(self, sketch: Sketch, key: str) -> Sketch | None:
        """The drawing with the noise, None where nothing is left of it; `key` names the item."""
        try:
            return self.kind.sketch(sketch, item_rng(self.seed, self.name, key), self.severity)
        except SketchError:
            return None

    def text(self, text: str, key: str, pool: Sequence[str]) -> str | None:
        """The words with the noise, None where none are left; `pool` holds the texts of all queries."""
        return self.kind.text(text, item_rng(self.seed, self.name, key), self.severity, pool=pool) or None

    def image(self, pixels: NDArray[np.uint8], key: str) -> NDArray[np.uint8]:
        """The picture [H, W, 3] with the noise."""
        return self.kind.image(pixels, item_rng(self.seed, self.name, key), self.severity)
