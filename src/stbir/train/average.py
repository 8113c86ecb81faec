"""The moving average of the weights, which is what a stage validates, keeps and exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """Moving average of parameters.

    Source: Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992, with exponential weights.
    """

    def __init__(self, parameters: list[Tensor], decay: float) -> None:
        """Begin at the present parameters; a decay of 0 makes the average the parameters themselves."""
        self.parameters, self.decay = parameters, decay
        self.values = [p.detach().clone() for p in parameters]

    def update(self, step: int) -> None:
        """Take one step towards the parameters, faster at the beginning."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    def load(self, values: list[Tensor]) -> None:
        """Take over the values of a checkpoint."""
        self.values = [value.to(p.device) for value, p in zip(values, self.parameters, strict=True)]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the place of the parameters for a while."""
        kept = [p.detach().clone() for p in self.parameters]
        self._set(self.values)
        try:
            yield
        finally:
            self._set(kept)

    def _set(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.data.copy_(value)
