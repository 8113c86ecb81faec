"""Curriculum: how much of what is shown while training is spoiled, and who decides that it gets harder.

The authors' schedule is a ramp over the stage. The adaptive one listens: it goes one step up when validation under the
present difficulty is nearly as good as without noise, so that an easy model is not spared and a weak one not drowned.

Source: the ramp: STBIR's public code (probability 0.05 -> 0.6, strength 0.2 -> 1.0, linear in the epoch); the adaptive
schedule is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stbir.train.align_recipe import CurriculumSettings


@dataclass(frozen=True)
class Difficulty:
    """How hard the items of a step are.

    Attributes:
        progress: From 0, the first values, to 1, the last.
        probability: Share of items that are spoiled, in [0, 1].
        severity: Highest severity, in [0, 5].
        missing: Share of composed queries without their drawing or without their words, in [0, 1].
    """

    progress: float
    probability: float
    severity: float
    missing: float


class Curriculum:
    """The difficulty of every step of a stage.

    Args:
        settings: Kind and ends of the schedule.
        num_steps: Length of the stage.
    """

    def __init__(self, settings: CurriculumSettings, num_steps: int) -> None:
        self.settings, self.num_steps = settings, num_steps
        self.level = 0

    def at(self, step: int) -> Difficulty:
        """The difficulty of a step."""
        kind = self.settings.kind
        if kind == "off":
            return Difficulty(0.0, 0.0, 0.0, 0.0)
        if kind == "ramp":
            progress = min(1.0, step / max(1, self.num_steps - 1))
        else:
            progress = self.level / self.settings.num_levels
        ends = (self.settings.probability, self.settings.severity, self.settings.missing)
        return Difficulty(progress, *(first + (last - first) * progress for first, last in ends))

    def listen(self, clean: float, spoiled: float) -> None:
        """Go a step up if validation allows it; only the adaptive schedule listens.

        Args:
            clean: MRR without noise.
            spoiled: MRR under the present difficulty.
        """
        if self.settings.kind == "adaptive" and spoiled >= self.settings.keep * clean:
            self.level = min(self.level + 1, self.settings.num_levels)

    def variants(
        self, part: str, severities: Sequence[float], count: int, step: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Choose a spoiled variant for each of some items.

        Args:
            part: sketch, image or text.
            severities: Of the variants at hand, rising from 0.
            count: Number of items, B.
            step: Of the stage.
            rng: Source of chance.

        Returns:
            [B] indices into `severities`: 0 for what is left as it is, else the one nearest to a severity drawn evenly
            between 0 and the step's highest.
        """
        now = self.at(step)
        wanted = rng.uniform(0.0, 1.0, count) * now.severity
        wanted[rng.random(count) >= now.probability] = 0.0
        if part not in self.settings.parts:
            return np.zeros(count, np.int64)
        nearest: NDArray[np.int64] = np.abs(wanted[:, None] - np.asarray(severities)).argmin(1)
        return nearest

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"level": self.level}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.level = int(state["level"])
