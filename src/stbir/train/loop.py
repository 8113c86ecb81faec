"""The training loop: one stage, readable at one sitting, exactly resumable.

A stage (`stbir.train.stage`) says which parameters learn, what the batch of a step is and what its losses are. A killed
run goes on from its last checkpoint as if nothing had happened. One device or, under `torchrun`, several processes that
share every batch (`stbir.train.distributed`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

from stbir.errors import ConfigError
from stbir.train import distributed
from stbir.train.average import Average
from stbir.train.checkpoint import load_checkpoint, save_checkpoint
from stbir.train.metrics_log import Clock, LossMeter, MetricsLog
from stbir.train.stage import HasAfterStep, HasLevels, HasOnValidation, HasState, Stage


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
        average_decay: Decay of the moving average of the weights that is validated and kept; 0 = none.
        precision: `bf16` runs towers in bfloat16 where PyTorch's autocast allows it; validation stays in 32 bits.
        patience: Stop after so many validations without a better score; None trains to the end.
        tensorboard: Write TensorBoard's events too.
    """

    num_steps: int
    warmup_steps: int = 50
    weight_decay: float = 0.02
    max_gradient_norm: float = 1.0
    validate_every: int = 250
    save_every_s: float = 120.0
    average_decay: float = 0.995
    precision: Literal["f32", "bf16"] = "f32"
    patience: int | None = None
    tensorboard: bool = False

    def factor(self, step: int) -> float:
        """Learning rate at a step relative to its peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.num_steps - self.warmup_steps)
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


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
        folder: Receives `<stage>.ckpt`, `<stage>.best`, `<stage>.metrics.jsonl` and, where asked for, `tensorboard/`.
        seed: Seeds dropout; batches are the stage's own business.
        say: Receives one line per validation.
        stop_after: Stop after this many steps, as if killed just after a checkpoint (for tests).

    Returns:
        The validation figures of the kept weights.

    Raises:
        ConfigError: A loss is not finite, or the checkpoint or the precision cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(stage, schedule, folder, seed)
    last = min(schedule.num_steps, stop_after if stop_after is not None else schedule.num_steps)
    events = folder / "tensorboard" / stage.name if schedule.tensorboard else None
    saved_at, is_main, clock = time.monotonic(), distributed.is_main(), Clock()
    bar = tqdm(
        total=schedule.num_steps,
        initial=run.step,
        desc=stage.name,
        unit="step",
        mininterval=1.0,
        disable=not is_main,
    )
    log = MetricsLog(folder / f"{stage.name}.metrics.jsonl", run.step, events, writes=is_main)
    with bar, log, run.only_its_parameters_learn():
        for batch in clock.batches(run.batches(last)):
            run.learn(batch)
            bar.update()
            if run.step % schedule.validate_every == 0 or run.step == schedule.num_steps:
                speed = clock.take_figures()
                line = {**run.summary(), **speed, **run.validate()}
                log.write(line)
                if is_main:
                    say(_short(line))
                clock.restart()
            if time.monotonic() - saved_at > schedule.save_every_s or run.step == last or run.is_over():
                run.save()
                saved_at = time.monotonic()
    distributed.barrier()
    if run.is_over():
        run.take_best()
    return run.best


class _Run:
    """A stage on its way: optimiser, averaged weights, step and best figures."""

    def __init__(self, stage: Stage, schedule: Schedule, folder: Path, seed: int) -> None:
        """Begin, or go on where the checkpoint in the folder was written."""
        self.stage, self.schedule, self.seed = stage, schedule, seed
        self.path, self.best_path = folder / f"{stage.name}.ckpt", folder / f"{stage.name}.best"
        self.modules = stage.modules()
        distributed.align_modules(self.modules)
        self.optimiser = torch.optim.AdamW(stage.parameter_groups(), weight_decay=schedule.weight_decay)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.device: torch.device = self.parameters[0].device
        _check_precision(schedule, self.device)
        self.average = Average(self.parameters, schedule.average_decay)
        self.meter = LossMeter(stage.name)
        self.step, self.num_worse, self.best = 0, 0, {"score": float("-inf")}
        if self.path.is_file():
            self._load(load_checkpoint(self.path))

    def is_over(self) -> bool:
        """Whether all steps are done, or patience is."""
        patience = self.schedule.patience
        return self.step >= self.schedule.num_steps or (patience is not None and self.num_worse >= patience)

    def batches(self, last: int) -> Iterator[Any]:
        """The batches up to step `last`, or until the run is over.

        A stage that reacts to validations is asked anew after each: what workers made ahead would not know of it.
        """
        while self.step < last and not self.is_over():
            end = last
            if isinstance(self.stage, HasOnValidation):
                every = self.schedule.validate_every
                end = min(last, (self.step // every + 1) * every)
            first = self.step
            for batch in self.stage.batches(first, end - first):
                yield batch
                if self.is_over():
                    return
            if self.step == first:
                raise ConfigError(
                    f"stage {self.stage.name}: no batch for step {first}; has the data set any rows left?"
                )

    def learn(self, batch: Any) -> None:
        """One optimiser step."""
        torch.manual_seed((self.seed * 1_000_003 + self.step + 7_919 * distributed.rank()) % 2**31)
        self._set_modes()
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * self.schedule.factor(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.precision == "bf16"):
            losses = self.stage.losses(batch)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        distributed.average_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.schedule.max_gradient_norm)
        self.meter.add(self.step, losses)
        self.optimiser.step()
        self.average.update(self.step)
        self.step += 1
        if isinstance(self.stage, HasAfterStep):
            self.stage.after_step(self.step)

    def summary(self) -> dict[str, float]:
        """Learning rate, levels and mean losses since the last validation."""
        self.meter.check()
        levels = self.stage.levels() if isinstance(self.stage, HasLevels) else {}
        return {"step": self.step, "lr": self.optimiser.param_groups[0]["lr"], **levels, **self.meter.take_means()}

    def validate(self) -> dict[str, float]:
        """Validate the averaged weights and keep them where they are the best so far."""
        for module in self.modules.values():
            module.eval()
        with self.average.applied():
            with torch.inference_mode():
                figures = distributed.from_main(self.stage.validate())
            is_better = figures["score"] > self.best["score"]
            if is_better and distributed.is_main():
                save_checkpoint(self.best_path, {"modules": _states(self.modules)})
        self.num_worse = 0 if is_better else self.num_worse + 1
        self.best = figures if is_better else self.best
        if isinstance(self.stage, HasOnValidation):
            with torch.no_grad():
                self.stage.on_validation(dict(figures))
        return figures

    def save(self) -> None:
        """Write the checkpoint."""
        self.meter.check()
        if not distributed.is_main():
            return
        state = {
            "modules": _states(self.modules),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.values,
            "meter": self.meter.state_dict(),
            "step": self.step,
            "num_worse": self.num_worse,
            "best": self.best,
        }
        if isinstance(self.stage, HasState):
            state["stage"] = self.stage.state_dict()
        save_checkpoint(self.path, state)

    def take_best(self) -> None:
        """Leave the best weights in the modules, ready for use."""
        if self.best_path.is_file():
            kept = load_checkpoint(self.best_path)["modules"]
            for name, module in self.modules.items():
                module.load_state_dict(kept[name])
                module.eval()

    @contextmanager
    def only_its_parameters_learn(self) -> Iterator[None]:
        """Keep gradients, and their cost, off everything in the modules that the optimiser does not hold."""
        own = {id(p) for p in self.parameters}
        others = [p for m in self.modules.values() for p in m.parameters() if p.requires_grad and id(p) not in own]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _set_modes(self) -> None:
        """Training mode for modules that learn; what is frozen works as it will in use."""
        for module in self.modules.values():
            parameters = list(module.parameters())
            module.train(not parameters or any(p.requires_grad for p in parameters))

    def _load(self, state: dict[str, Any]) -> None:
        try:
            for name, module in self.modules.items():
                module.load_state_dict(state["modules"][name])
            self.optimiser.load_state_dict(state["optimiser"])
            self.average.load(state["average"])
            self.meter.load_state_dict(state["meter"], self.device)
            self.step, self.num_worse, self.best = state["step"], state["num_worse"], state["best"]
            if isinstance(self.stage, HasState):
                self.stage.load_state_dict(state["stage"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"{self.path}: the checkpoint of another model or version ({str(error).partition(chr(10))[0]}); "
                "choose another --out, or begin anew with --fresh"
            ) from None


def _states(modules: Mapping[str, nn.Module]) -> dict[str, Any]:
    return {name: module.state_dict() for name, module in modules.items()}


def _check_precision(schedule: Schedule, device: torch.device) -> None:
    if schedule.precision not in ("f32", "bf16"):
        raise ConfigError(f"no precision {schedule.precision!r}: choose f32 or bf16")
    if schedule.precision == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ConfigError(f"{torch.cuda.get_device_name(device)} has no bfloat16: set precision to f32")


def _short(line: Mapping[str, Any]) -> str:
    return json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in line.items()})
