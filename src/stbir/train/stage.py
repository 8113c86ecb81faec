"""What the training loop asks of a stage: five methods, and hooks that are called where a stage has them.

Batches may depend on the seed, the step and what `on_validation` changed, on nothing else: that is what makes a resumed
run equal an uninterrupted one. Under `torchrun` a stage gives each process its `distributed.share` of a batch and
computes its losses on what `distributed.gather` puts together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


class Stage(Protocol):
    """What `stbir.train.loop.run_stage` trains."""

    name: str

    def modules(self) -> Mapping[str, nn.Module]:
        """Modules saved in a checkpoint, by name."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser; each `lr` is the peak of its schedule. Nothing else gets a gradient."""

    def batches(self, first_step: int, num_steps: int) -> Iterable[Any]:
        """The batches of the steps from `first_step` on."""

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Named losses of a batch; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Validation figures; `score` chooses the best weights, higher is better."""


@runtime_checkable
class HasAfterStep(Protocol):
    """A stage that does something after each step, such as filling a memory."""

    def after_step(self, step: int) -> None:
        """Called when `step` steps are done. May change what `losses` gives, not what `batches` gives."""


@runtime_checkable
class HasOnValidation(Protocol):
    """A stage that reacts to its validation, such as an adaptive curriculum or renewed virtual classes."""

    def on_validation(self, figures: dict[str, float]) -> None:
        """Called after each validation, in every process with the same figures; `batches` is asked anew afterwards.

        Modules are in evaluation mode with the weights that train, not their average; no gradients are kept.
        """


@runtime_checkable
class HasState(Protocol):
    """A stage with a state outside its modules: curriculum, memory, virtual classes; the same in every process."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a `state_dict`."""


@runtime_checkable
class HasLevels(Protocol):
    """A stage with numbers worth logging, such as the level of its curriculum."""

    def levels(self) -> dict[str, float]:
        """The numbers that the steps before this validation were made with."""
