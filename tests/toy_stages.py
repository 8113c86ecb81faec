"""Small stages for the tests of the loop; run by itself, it trains one, to be killed or shared out among processes.

python toy_stages.py FOLDER [SECONDS_A_STEP]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stbir.train import distributed
from stbir.train.loop import Schedule, run_stage
from stbir.train.losses import info_nce
from stbir.train.memory import CrossBatchMemory

LONG = Schedule(num_steps=32, warmup_steps=5, validate_every=5, save_every_s=0.05)


class LineStage:
    """Fits a line with dropout, so that a wrong random state shows."""

    name = "line"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))

    def modules(self) -> dict[str, torch.nn.Module]:
        return {"net": self.net}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.net.parameters()), "lr": 0.01}]

    def batches(self, first_step: int, num_steps: int) -> Iterator[torch.Tensor]:
        for step in range(first_step, first_step + num_steps):
            yield torch.from_numpy(np.random.default_rng(step).normal(size=(16, 3))).float()

    def losses(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"fit": ((self.net(batch) - batch.sum(1, keepdim=True)) ** 2).mean()}

    def validate(self) -> dict[str, float]:
        batch = torch.from_numpy(np.random.default_rng(10**6).normal(size=(64, 3))).float()
        return {"score": -float(self.losses(batch)["fit"].detach())}


class HookedStage:
    """Two towers that learn to agree, with a memory and a level that validation raises: every hook of the loop."""

    name = "hooked"
    batch_size = 9

    def __init__(self, seconds_a_step: float = 0.0, dropout: float = 0.0) -> None:
        torch.manual_seed(0)
        self.seconds_a_step = seconds_a_step
        self.towers = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Linear(6, 16), torch.nn.Dropout(dropout), torch.nn.GELU(), torch.nn.Linear(16, 4)
            )
            for _ in range(2)
        ).double()
        self.memory = CrossBatchMemory({"b": 4}, 20, warmup_steps=3)
        self.level, self.kept = 0.0, (torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))

    def modules(self) -> dict[str, torch.nn.Module]:
        return {"towers": self.towers}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.towers.parameters()), "lr": 0.01}]

    def batches(self, first_step: int, num_steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Made ahead, as workers do: the level of a batch is that of the moment it was asked for."""
        level = self.level
        for step in range(first_step, first_step + num_steps):
            rng = np.random.default_rng([3, step])
            items = rng.choice(100, self.batch_size, replace=False)
            yield items, level * rng.normal(size=(self.batch_size, 6))

    def embed(self, tower: int, items: np.ndarray, noise: np.ndarray | float = 0.0) -> torch.Tensor:
        data = np.stack([np.random.default_rng([int(item), 77]).normal(size=6) for item in items]) + noise
        return torch.nn.functional.normalize(self.towers[tower](torch.from_numpy(data)), dim=-1)

    def losses(self, batch: tuple[np.ndarray, np.ndarray]) -> dict[str, torch.Tensor]:
        time.sleep(self.seconds_a_step)
        items, noise = (distributed.share(part) for part in batch)
        ids = distributed.gather(torch.from_numpy(items))
        a, b = distributed.gather(self.embed(0, items, noise)), distributed.gather(self.embed(1, items))
        extra, extra_ids = self.memory.rows("b")
        self.kept = b, ids
        return {"match": info_nce(a, b, 8.0, None, extra.double(), ids[:, None] == extra_ids[None])}

    def after_step(self, step: int) -> None:
        self.memory.add("b", *self.kept)

    def validate(self) -> dict[str, float]:
        items = np.arange(200, 240)
        similarity = self.embed(0, items) @ self.embed(1, items).T
        own = similarity.diagonal().unsqueeze(1)
        return {"score": float((1 / (similarity >= own).sum(1)).mean())}

    def on_validation(self, figures: dict[str, float]) -> None:
        assert not torch.is_grad_enabled()
        self.level += 0.1 * figures["score"]

    def levels(self) -> dict[str, float]:
        return {"level": self.level}

    def state_dict(self) -> dict[str, Any]:
        return {"level": self.level, "memory": self.memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.level = state["level"]
        self.memory.load_state_dict(state["memory"])


def silent(_: str) -> None:
    pass


def main(folder: Path, seconds_a_step: float = 0.0) -> None:
    torch.set_num_threads(1)
    with distributed.process_group("cpu"):
        # Dropout of several processes is not that of one; where they are compared there is none.
        stage = HookedStage(seconds_a_step, dropout=0.2 if seconds_a_step else 0.0)
        run_stage(stage, LONG, folder, seed=1, say=silent)
        torch.save(stage.towers.state_dict(), folder / f"final{distributed.rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(float(argument) for argument in sys.argv[2:]))
