"""What a run says about itself: mean losses, speed and waiting, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor

from stbir.atomic import write_atomically
from stbir.errors import ConfigError, MissingExtraError

Batch = TypeVar("Batch")


class LossMeter:
    """Means of named losses since the last validation, kept on the device.

    A loss is looked at one step late, so that a GPU has the next step's work before it is asked for a number.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._latest: tuple[int, Tensor] | None = None

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """Add the losses of a step.

        Raises:
            ConfigError: A loss of the step before was not finite.
        """
        self.check()
        for name, value in losses.items():
            loss = value.detach().double()
            self._sums[name] = self._sums[name] + loss if name in self._sums else loss
        self._latest = step, torch.stack([value.detach() for value in losses.values()]).sum()
        self._count += 1

    def check(self) -> None:
        """Wait for the latest step.

        Raises:
            ConfigError: A loss of it is not finite.
        """
        if self._latest is not None and not bool(torch.isfinite(self._latest[1])):
            raise ConfigError(
                f"stage {self._stage}, step {self._latest[0]}: the loss is not finite; lower the learning rate"
            )
        self._latest = None

    def take_means(self) -> dict[str, float]:
        """Mean of each loss, `loss_<name>`; begins anew."""
        means = {f"loss_{name}": round(float(value) / self._count, 4) for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def state_dict(self) -> dict[str, Any]:
        """The sums so far."""
        return {"sums": dict(self._sums), "count": self._count}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take over a `state_dict`."""
        self._sums = {name: value.to(device) for name, value in state["sums"].items()}
        self._count = state["count"]


class Clock:
    """How fast steps are, and which share of their time the loop waited for its next batch."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew; what happened since the last batch (a validation) does not count."""
        self._started, self._waited, self._steps = time.perf_counter(), 0.0, 0

    def batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pass batches on and take the time that each kept the loop waiting."""
        source = iter(batches)
        while True:
            asked = time.perf_counter()
            try:
                batch = next(source)
            except StopIteration:
                return
            self._waited += time.perf_counter() - asked
            self._steps += 1
            yield batch

    def take_figures(self) -> dict[str, float]:
        """`steps_per_s`, and `data_wait` in [0, 1]: near 0 the device is kept busy, near 1 it starves; begins anew."""
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        figures = {
            "steps_per_s": round(self._steps / elapsed, 3),
            "data_wait": round(min(1.0, self._waited / elapsed), 4),
        }
        self.restart()
        return figures


class MetricsLog:
    """`<stage>.metrics.jsonl`, one line a validation, and TensorBoard's events where asked for."""

    def __init__(self, path: Path, first_step: int, tensorboard: Path | None = None, *, writes: bool = True) -> None:
        """Open the log of a run that begins or goes on.

        Args:
            path: The file of lines.
            first_step: Steps already done; lines of later ones, left by a killed run, are dropped and come again.
            tensorboard: Folder of events, None for none.
            writes: Whether this process writes at all.

        Raises:
            MissingExtraError: TensorBoard is asked for and not installed.
        """
        self._path, self._writes = path, writes
        self._events = _event_writer(tensorboard, first_step) if tensorboard is not None and writes else None
        if writes:
            _forget_lines_after(first_step, path)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events is not None:
            self._events.close()

    def write(self, line: dict[str, Any]) -> None:
        """Add a line; it names its `step`."""
        if not self._writes:
            return
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._events is not None:
            for name, value in line.items():
                if name != "step":
                    self._events.add_scalar(name, value, line["step"])
            self._events.flush()


def _event_writer(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("TensorBoard", "tensorboard") from None
    return SummaryWriter(str(folder), purge_step=first_step + 1)


def _forget_lines_after(step: int, log: Path) -> None:
    """Drop lines later than a step, and one that was cut off when the run was killed."""
    if not log.is_file():
        return
    kept = []
    for line in log.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except ValueError:
            continue
    write_atomically(log, "".join(f"{line}\n" for line in kept).encode())
