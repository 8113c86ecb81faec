"""How somebody draws: from a careful drawing to a five-second doodle, as numbers.

Tuned against real drawings by `benchmarks/synth_realism.py`; the tables are in docs/synth.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

LEVELS = {"careful": 0.1, "ordinary": 0.5, "doodle": 0.9}
_DIFFER = 0.3  # people of one haste differ: logarithmic spread of their numbers
_SHARES = ("flat", "missing", "lumped", "single", "breaks", "overshoot", "doubled")


@dataclass(frozen=True)
class Hand:
    """How somebody draws.

    Attributes:
        wrong_shape: Error of the shape numbers, share of their range.
        wrong_view_deg: Error of the viewpoint.
        flat: How far the view is straightened towards front, side or back, at eye level, at most.
        warp: Bending of the whole drawing, share of its size.
        stretch: Error of the proportions.
        part_shift: Misplacement of whole parts.
        shift: Misplacement of single strokes.
        wobble: Unsteadiness along a stroke.
        tolerance: Detail that is lost.
        missing: Chance that a small part is left out.
        lumped: Chance that parts of one sort, such as petals, become one outline.
        most: Parts of one sort that are drawn at most.
        single: Chance that thin parts become one stroke.
        thinnest: Narrower parts become one stroke, or go into their neighbours, share of the drawing.
        smallest: Smaller parts are left out, share of the object's area.
        breaks: Chance that a stroke ends at a corner.
        overshoot: Chance that a stroke runs on or stops short.
        doubled: Chance that a stroke is drawn twice.
        shortest: Lines below this share of the drawing are left out.
    """

    wrong_shape: float
    wrong_view_deg: float
    flat: float
    warp: float
    stretch: float
    part_shift: float
    shift: float
    wobble: float
    tolerance: float
    missing: float
    lumped: float
    most: float
    single: float
    thinnest: float
    smallest: float
    breaks: float
    overshoot: float
    doubled: float
    shortest: float

    @classmethod
    def of(cls, haste: float) -> Hand:
        """A hand between careful (0) and hasty (1)."""
        return cls(
            **{name: careful + haste**power * (hasty - careful) for name, (careful, hasty, power) in _RANGES.items()}
        )

    @classmethod
    def perfect(cls) -> Hand:
        """A hand that traces every line where it is."""
        return replace(cls(**dict.fromkeys(_RANGES, 0.0)), most=np.inf)

    def varied(self, rng: np.random.Generator) -> Hand:
        """Somebody else of the same haste."""
        differs = np.exp(rng.normal(0, _DIFFER, len(fields(self))))
        values = {
            each.name: getattr(self, each.name) * float(by) for each, by in zip(fields(self), differs, strict=True)
        }
        return Hand(**{name: min(1.0, value) if name in _SHARES else value for name, value in values.items()})


# name: careful, hasty, and how suddenly it changes between (1 = evenly, larger = with great haste only)
_RANGES: dict[str, tuple[float, float, float]] = {
    "wrong_shape": (0.1, 0.16, 1.0),
    "wrong_view_deg": (5.0, 10.0, 1.0),
    "flat": (0.0, 1.0, 1.3),
    "warp": (0.03, 0.036, 1.0),
    "stretch": (0.09, 0.12, 1.0),
    "part_shift": (0.012, 0.018, 1.0),
    "shift": (0.003, 0.008, 1.0),
    "wobble": (0.0011, 0.003, 1.0),
    "tolerance": (0.01, 0.016, 1.0),
    "missing": (0.05, 0.85, 2.6),
    "lumped": (0.03, 0.8, 2.6),
    "most": (24.0, 3.0, 0.7),
    "single": (0.15, 1.0, 1.0),
    "thinnest": (0.006, 0.13, 3.0),
    "smallest": (0.0004, 0.05, 3.0),
    "breaks": (0.12, 0.04, 1.0),
    "overshoot": (0.3, 0.5, 1.0),
    "doubled": (0.06, 0.03, 1.0),
    "shortest": (0.015, 0.08, 2.5),
}
