from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import processes  # noqa: E402
import toy_stages  # noqa: E402
from stbir.errors import ConfigError, MissingExtraError  # noqa: E402
from stbir.train.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from stbir.train.figures import rank_figures, with_score  # noqa: E402
from stbir.train.loop import Schedule, run_stage  # noqa: E402
from stbir.train.metrics_log import Clock, LossMeter  # noqa: E402
from toy_stages import LONG, HookedStage, LineStage, silent  # noqa: E402


def weights(stage: LineStage) -> list[torch.Tensor]:
    return [p.detach().clone() for p in stage.net.parameters()]


SCHEDULE = Schedule(num_steps=40, warmup_steps=4, validate_every=10)


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


def test_a_stage_without_batches_is_named(tmp_path: Path) -> None:
    class EmptyStage(LineStage):
        def batches(self, first_step: int, num_steps: int) -> Iterator[torch.Tensor]:
            return iter(list(super().batches(first_step, num_steps))[: max(0, 3 - first_step)])

    with pytest.raises(ConfigError, match="stage line: no batch for step 3"):
        run_stage(EmptyStage(), SCHEDULE, tmp_path, seed=1, say=silent)


def test_a_diverged_run_stops_with_one_line(tmp_path: Path) -> None:
    stage = LineStage()
    stage.net[0].weight.data.fill_(float("nan"))
    with pytest.raises(ConfigError, match="step 0: the loss is not finite"):
        run_stage(stage, SCHEDULE, tmp_path, seed=1, say=silent)


def lines_of(folder: Path, stage: str) -> list[dict[str, float]]:
    """The lines of metrics.jsonl without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / f"{stage}.metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("steps_per_s", "data_wait")} for line in lines]


def test_a_run_killed_with_kill_9_and_resumed_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Two kills, each at some moment of training, saving or validating; memory and level are part of the run."""
    script, whole, killed = Path(toy_stages.__file__), tmp_path / "whole", tmp_path / "killed"
    for num_lines in (1, 4):
        (process,) = processes.start(script, [str(killed), "0.02"])
        log = killed / "hooked.metrics.jsonl"
        deadline = time.monotonic() + 300
        while not log.is_file() or len(log.read_text().splitlines()) < num_lines:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (killed / "final0.pt").exists()
    processes.run(script, [str(killed), "0.02"])
    processes.run(script, [str(whole), "0.001"])
    expected, found = (torch.load(folder / "final0.pt", weights_only=True) for folder in (whole, killed))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert lines_of(killed, "hooked") == lines_of(whole, "hooked")
    assert [line["step"] for line in lines_of(whole, "hooked")] == [*range(5, 32, 5), 32]


def test_two_processes_train_like_one(tmp_path: Path) -> None:
    script = Path(toy_stages.__file__)
    processes.run(script, [str(tmp_path / "one")], 1)
    processes.run(script, [str(tmp_path / "two")], 2)
    expected = torch.load(tmp_path / "one" / "final0.pt", weights_only=True)
    for rank in (0, 1):
        found = torch.load(tmp_path / "two" / f"final{rank}.pt", weights_only=True)
        for name, values in expected.items():
            assert torch.allclose(values, found[name], rtol=0, atol=1e-6), name
    for one, two in zip(lines_of(tmp_path / "one", "hooked"), lines_of(tmp_path / "two", "hooked"), strict=True):
        assert two == pytest.approx(one, abs=2e-4)


def test_a_resumed_run_keeps_memory_level_and_batches_made_ahead(tmp_path: Path) -> None:
    whole = HookedStage()
    run_stage(whole, LONG, tmp_path / "whole", seed=1, say=silent)
    assert whole.level > 0.05
    for stop in (7, 10, 18, None):
        part = HookedStage()
        run_stage(part, LONG, tmp_path / "parts", seed=1, say=silent, stop_after=stop)
    assert part.level == whole.level
    assert lines_of(tmp_path / "parts", "hooked") == lines_of(tmp_path / "whole", "hooked")
    assert torch.equal(part.memory.rows("b")[0], whole.memory.rows("b")[0])
    for expected, found in zip(whole.towers.parameters(), part.towers.parameters(), strict=True):
        assert torch.equal(expected, found)


class StuckStage(LineStage):
    """Scores as told."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores
        self.asked: list[list[float]] = []

    def validate(self) -> dict[str, float]:
        self.asked.append([float(p.sum()) for p in self.net.parameters()])
        return {"score": self.scores[len(self.asked) - 1]}


def test_patience_stops_and_the_best_weights_stay(tmp_path: Path) -> None:
    schedule = Schedule(num_steps=100, warmup_steps=2, validate_every=5, patience=3)
    stage = StuckStage([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    best = run_stage(stage, schedule, tmp_path, seed=0, say=silent)
    assert best == {"score": 0.5}
    assert [line["step"] for line in lines_of(tmp_path, "line")] == [5, 10, 15, 20, 25]
    assert [float(p.detach().sum()) for p in stage.net.parameters()] == pytest.approx(stage.asked[1])
    again = StuckStage([])
    assert run_stage(again, schedule, tmp_path, seed=0, say=silent) == {"score": 0.5}
    assert again.asked == []
    assert torch.equal(again.net[0].weight, stage.net[0].weight)


def test_only_the_parameters_of_the_stage_get_gradients_and_move(tmp_path: Path) -> None:
    class HalfStage(LineStage):
        def parameter_groups(self) -> list[dict[str, Any]]:
            return [{"params": [self.net[2].weight], "lr": 0.01}]

        def losses(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
            self.seen = [p.requires_grad for p in self.net.parameters()]
            return super().losses(batch)

    class FrozenStage(HookedStage):
        """The second tower alone learns; the first one's dropout must rest."""

        def modules(self) -> dict[str, torch.nn.Module]:
            return {"first": self.towers[0], "second": self.towers[1]}

        def parameter_groups(self) -> list[dict[str, Any]]:
            return [{"params": list(self.towers[1].parameters()), "lr": 0.01}]

        def losses(self, batch: Any) -> dict[str, torch.Tensor]:
            self.modes = [tower.training for tower in self.towers]
            return super().losses(batch)

    half, schedule = HalfStage(), Schedule(num_steps=4, warmup_steps=1, validate_every=4)
    before = [p.detach().clone() for p in half.net.parameters()]
    run_stage(half, schedule, tmp_path, seed=0, say=silent)
    assert half.seen == [False, False, True, False]
    moved = [not torch.equal(a, b) for a, b in zip(before, half.net.parameters(), strict=True)]
    assert moved == half.seen
    assert [p.grad is not None for p in half.net.parameters()] == half.seen
    assert all(p.requires_grad for p in half.net.parameters())
    frozen = FrozenStage(dropout=0.5)
    run_stage(frozen, schedule, tmp_path, seed=0, say=silent)
    assert frozen.modes == [False, True]


def test_bf16_trains_and_validates_in_single_precision(tmp_path: Path) -> None:
    class WatchedStage(LineStage):
        kinds: tuple[torch.dtype, ...] = ()

        def losses(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
            self.kinds = (*self.kinds, self.net(batch).dtype)
            return super().losses(batch)

    stage = WatchedStage()
    schedule = Schedule(num_steps=60, warmup_steps=2, validate_every=60, precision="bf16")
    best = run_stage(stage, schedule, tmp_path, seed=0, say=silent)
    assert set(stage.kinds[:60]) == {torch.bfloat16}
    assert stage.kinds[60] == torch.float32
    assert stage.net[0].weight.dtype == torch.float32
    assert best["score"] > -1.5
    with pytest.raises(ConfigError, match="no precision 'fp8'"):
        run_stage(LineStage(), Schedule(num_steps=1, precision="fp8"), tmp_path / "b", seed=0, say=silent)  # type: ignore[arg-type]


def test_the_log_tells_speed_learning_rate_level_and_waiting(tmp_path: Path) -> None:
    class SlowData(LineStage):
        def batches(self, first_step: int, num_steps: int) -> Iterator[torch.Tensor]:
            for batch in super().batches(first_step, num_steps):
                time.sleep(0.03)
                yield batch

    run_stage(SlowData(), SCHEDULE, tmp_path / "starved", seed=1, say=silent)
    run_stage(HookedStage(seconds_a_step=0.03), SCHEDULE, tmp_path / "busy", seed=1, say=silent)
    starved, busy = (
        [json.loads(line) for line in next((tmp_path / name).glob("*.jsonl")).read_text().splitlines()]
        for name in ("starved", "busy")
    )
    assert min(line["data_wait"] for line in starved) > 0.3
    assert max(line["data_wait"] for line in busy) < 0.3
    assert all(0 < line["steps_per_s"] < 34 for line in starved)
    assert [line["lr"] for line in busy] == pytest.approx(
        [0.01 * SCHEDULE.factor(step - 1) for step in (10, 20, 30, 40)]
    )
    assert busy[0]["level"] == 0.0 < busy[1]["level"] < busy[3]["level"]


def test_validation_does_not_count_as_waiting() -> None:
    clock = Clock()
    for index, _ in enumerate(clock.batches(iter(range(10)))):
        time.sleep(0.002)
        if index == 4:
            time.sleep(0.5)
            clock.restart()
    figures = clock.take_figures()
    assert figures["steps_per_s"] > 5 / 0.5


def test_a_loss_is_looked_at_before_anything_is_kept() -> None:
    meter = LossMeter("toy")
    meter.add(0, {"a": torch.tensor(1.0), "b": torch.tensor(4.0)})
    meter.add(1, {"a": torch.tensor(2.0)})
    again = LossMeter("toy")
    again.load_state_dict(meter.state_dict(), torch.device("cpu"))
    assert meter.take_means() == again.take_means() == {"loss_a": 1.5, "loss_b": 2.0}
    meter.add(2, {"a": torch.tensor(float("inf"))})
    with pytest.raises(ConfigError, match="stage toy, step 2"):
        meter.check()


def test_tensorboard_has_every_number_of_the_log(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    schedule = Schedule(num_steps=20, warmup_steps=2, validate_every=10, tensorboard=True)
    run_stage(LineStage(), schedule, tmp_path, seed=0, say=silent)
    events = EventAccumulator(str(tmp_path / "tensorboard" / "line"))
    events.Reload()
    lines = lines_of(tmp_path, "line")
    for name in ("score", "loss_fit", "lr"):
        assert [e.value for e in events.Scalars(name)] == pytest.approx([line[name] for line in lines], rel=1e-5)


def test_without_tensorboard_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"stbir\[tensorboard\]"):
        run_stage(LineStage(), Schedule(num_steps=1, tensorboard=True), tmp_path, seed=0, say=silent)


def test_lines_of_a_killed_run_are_dropped_and_come_again(tmp_path: Path) -> None:
    log = tmp_path / "line.metrics.jsonl"
    log.write_text('{"step": 10, "score": 5}\n{"step": 20, "sc')
    run_stage(LineStage(), SCHEDULE, tmp_path, seed=1, say=silent)
    assert [line["step"] for line in lines_of(tmp_path, "line")] == [10, 20, 30, 40]
    assert lines_of(tmp_path, "line")[0]["score"] < 0


def test_a_checkpoint_of_another_model_is_refused_in_one_line(tmp_path: Path) -> None:
    run_stage(LineStage(), SCHEDULE, tmp_path, seed=1, say=silent, stop_after=3)
    other = LineStage()
    other.net = torch.nn.Sequential(torch.nn.Linear(3, 1))
    with pytest.raises(ConfigError, match="another model or version"):
        run_stage(other, SCHEDULE, tmp_path, seed=1, say=silent)


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


@pytest.mark.parametrize("value", [np.zeros(2), np.float64(1.0), np.int64(1), {1, 2}])
def test_what_could_not_be_read_again_is_refused_when_written(value: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"state\['stage'\]\[1\] is a"):
        save_checkpoint(tmp_path / "x.ckpt", {"stage": [torch.ones(2), value]})
    assert not list(tmp_path.iterdir())


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    save_checkpoint(path, {"step": 3, "tensor": torch.ones(2)})
    assert load_checkpoint(path)["step"] == 3
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match=r"x\.ckpt"):
        load_checkpoint(path)
