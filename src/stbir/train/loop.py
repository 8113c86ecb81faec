"""The training loop: one stage, readable at one sitting, exactly resumable.

A stage says which parameters learn, what a batch of a given step is and what its losses are. Batches depend on the seed
and the step alone, so a run that was killed goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from stbir.errors import ConfigError
from stbir.train.checkpoint import load_checkpoint, save_checkpoint


class Stage(Protocol):
    """What `run_stage` trains."""

    name: str

    def modules(self) -> Mapping[str, nn.Module]:
        """Modules saved in a checkpoint, by name."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for the optimiser; each `lr` is the peak of its schedule."""

    def batches(self, first_step: int, num_steps: int) -> Iterable[Any]:
        """The batches of the steps from `first_step` on."""

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Named losses of a batch; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Validation figures; `score` chooses the best weights, higher is better."""


@dataclass(frozen=True)
class Schedule:
    """How long and how hard a stage trains.

    Attributes:
        num_steps: Optimiser steps.
        warmup_steps: Steps over which the learning rate rises to its peak; afterwards it falls as a cosine to 0.
        weight_decay: AdamW's.
        max_gradient_norm: Gradients are scaled down to this.
        validate_every: Steps between validations.
        save_every_s: Seconds between checkpoints.
        average_decay: Decay of the moving average of the weights that is validated and kept.
    """

    num_steps: int
    warmup_steps: int = 50
    weight_decay: float = 0.02
    max_gradient_norm: float = 1.0
    validate_every: int = 250
    save_every_s: float = 120.0
    average_decay: float = 0.995

    def factor(self, step: int) -> float:
        """Learning rate at a step relative to its peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.num_steps - self.warmup_steps)
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


@dataclass
class Average:
    """Moving average of parameters."""

    parameters: list[Tensor]
    decay: float
    values: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [p.detach().clone() for p in self.parameters]

    def update(self, step: int) -> None:
        """Take one step towards the parameters, faster at the beginning."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    def swap(self) -> None:
        """Exchange the parameters and their averages."""
        for parameter, value in zip(self.parameters, self.values, strict=True):
            kept = parameter.detach().clone()
            parameter.data.copy_(value)
            value.copy_(kept)


def run_stage(
    stage: Stage,
    schedule: Schedule,
    folder: Path,
    *,
    seed: int,
    say: Callable[[str], None] = print,
    stop_after: int | None = None,
) -> dict[str, float]:
    """Train one stage, or go on with it, and leave its best averaged weights in the modules.

    Args:
        stage: What to train.
        schedule: How long and how hard.
        folder: Receives `<stage>.ckpt`, `<stage>.best` and `<stage>.metrics.jsonl`.
        seed: Seeds dropout; batches are the stage's own business.
        say: Receives one line per validation.
        stop_after: Stop after this many steps, as if killed just after a checkpoint (for tests).

    Returns:
        The validation figures of the kept weights.
    """
    path, best_path = folder / f"{stage.name}.ckpt", folder / f"{stage.name}.best"
    log_path = folder / f"{stage.name}.metrics.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    modules = stage.modules()
    optimiser = torch.optim.AdamW(stage.parameter_groups(), weight_decay=schedule.weight_decay)
    peaks = [group["lr"] for group in optimiser.param_groups]
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    average = Average(parameters, schedule.average_decay)
    step, best = 0, {"score": float("-inf")}
    if path.is_file():
        state = load_checkpoint(path)
        for name, module in modules.items():
            module.load_state_dict(state["modules"][name])
        optimiser.load_state_dict(state["optimiser"])
        average.values = [value.to(p.device) for value, p in zip(state["average"], parameters, strict=True)]
        step, best = state["step"], state["best"]
        _forget_lines_after(step, log_path)

    def save() -> None:
        weights = {name: module.state_dict() for name, module in modules.items()}
        save_checkpoint(
            path,
            {
                "modules": weights,
                "optimiser": optimiser.state_dict(),
                "average": average.values,
                "step": step,
                "best": best,
            },
        )

    last = min(schedule.num_steps, stop_after if stop_after is not None else schedule.num_steps)
    saved_at = time.monotonic()
    sums: dict[str, float] = {}
    count = 0
    bar = tqdm(total=schedule.num_steps, initial=step, desc=stage.name, unit="step", mininterval=1.0)
    for batch in stage.batches(step, last - step):
        torch.manual_seed((seed * 1_000_003 + step) % 2**31)
        for module in modules.values():
            module.train()
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * schedule.factor(step)
        losses = stage.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        if not bool(torch.isfinite(total)):
            raise ConfigError(f"stage {stage.name}, step {step}: the loss is not finite; lower the learning rate")
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, schedule.max_gradient_norm)
        optimiser.step()
        average.update(step)
        step += 1
        bar.update()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        count += 1
        if step % schedule.validate_every == 0 or step == schedule.num_steps:
            average.swap()
            for module in modules.values():
                module.eval()
            with torch.inference_mode():
                figures = stage.validate()
            if figures["score"] > best["score"]:
                best = figures
                save_checkpoint(best_path, {"modules": {name: m.state_dict() for name, m in modules.items()}})
            average.swap()
            line = {"step": step, **{f"loss_{k}": round(v / count, 4) for k, v in sums.items()}, **figures}
            with log_path.open("a") as log:
                log.write(json.dumps(line) + "\n")
            say(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}))
            sums, count = {}, 0
        if time.monotonic() - saved_at > schedule.save_every_s or step == last:
            save()
            saved_at = time.monotonic()
    bar.close()
    if step >= schedule.num_steps and best_path.is_file():
        kept = load_checkpoint(best_path)["modules"]
        for name, module in modules.items():
            module.load_state_dict(kept[name])
            module.eval()
    return best


def _forget_lines_after(step: int, log: Path) -> None:
    """Drop the lines that a killed run wrote after its last checkpoint; they will be written again."""
    if log.is_file():
        lines = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= step]
        log.write_text("".join(f"{line}\n" for line in lines))
