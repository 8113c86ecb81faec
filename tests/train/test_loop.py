from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from stbir.train.figures import rank_figures, with_score  # noqa: E402
from stbir.train.loop import Schedule, run_stage  # noqa: E402


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


def weights(stage: LineStage) -> list[torch.Tensor]:
    return [p.detach().clone() for p in stage.net.parameters()]


SCHEDULE = Schedule(num_steps=40, warmup_steps=4, validate_every=10)


def silent(_: str) -> None:
    pass


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole, halves, again = LineStage(), LineStage(), LineStage()
    run_stage(whole, SCHEDULE, tmp_path / "whole", seed=1, say=silent)
    run_stage(halves, SCHEDULE, tmp_path / "halves", seed=1, say=silent, stop_after=17)
    run_stage(again, SCHEDULE, tmp_path / "halves", seed=1, say=silent)
    for expected, found in zip(weights(whole), weights(again), strict=True):
        assert torch.equal(expected, found)
    assert not torch.equal(weights(halves)[0], weights(again)[0])


def test_the_best_weights_are_kept_and_logged(tmp_path: Path) -> None:
    stage = LineStage()
    best = run_stage(stage, SCHEDULE, tmp_path, seed=1, say=silent)
    lines = [json.loads(line) for line in (tmp_path / "line.metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert best["score"] == max(line["score"] for line in lines)
    stage.net.eval()
    assert stage.validate()["score"] == pytest.approx(best["score"])


def test_a_diverged_run_stops_with_one_line(tmp_path: Path) -> None:
    stage = LineStage()
    stage.net[0].weight.data.fill_(float("nan"))
    with pytest.raises(ConfigError, match="step 0: the loss is not finite"):
        run_stage(stage, SCHEDULE, tmp_path, seed=1, say=silent)


def test_figures_count_ties_against_the_system_and_refuse_nan() -> None:
    similarity = np.asarray([[0.5, 0.5, 0.1], [0.2, 0.1, 0.9]], np.float32)
    figures = with_score(rank_figures("toy", similarity, np.asarray([0, 2])))
    assert figures == {"toy_acc1": 0.5, "toy_acc10": 1.0, "toy_mrr": 0.75, "score": 0.75}
    similarity[0, 2] = np.nan
    with pytest.raises(ConfigError, match="not finite"):
        rank_figures("toy", similarity, np.asarray([0, 2]))
    with pytest.raises(ConfigError, match="val"):
        with_score({})


def test_it_learns(tmp_path: Path) -> None:
    stage = LineStage()
    stage.net.eval()
    before = stage.validate()["score"]
    after = run_stage(stage, Schedule(num_steps=150, warmup_steps=5, validate_every=50), tmp_path, seed=1, say=silent)
    assert after["score"] > before / 2


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [SCHEDULE.factor(step) for step in range(40)]
    assert factors[0] == pytest.approx(0.25)
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] < 0.01


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    save_checkpoint(path, {"step": 3, "tensor": torch.ones(2)})
    assert load_checkpoint(path)["step"] == 3
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match=r"x\.ckpt"):
        load_checkpoint(path)
