from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from processes import run  # noqa: E402
from stbir.errors import ConfigError  # noqa: E402
from stbir.train import distributed  # noqa: E402

WORKER = Path(__file__).parent / "gloo_worker.py"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("gloo")
    for num_processes in (1, 2):
        run(WORKER, [str(folder)], num_processes)
    return {path.stem: torch.load(path, weights_only=True) for path in folder.glob("*.pt")}


def test_two_processes_have_the_losses_of_one_on_the_whole_batch(outcomes: dict[str, Any]) -> None:
    alone = outcomes["0-of-1"]["losses"]
    assert alone[0]["info_nce"] > 0.5
    for half in ("0-of-2", "1-of-2"):
        for expected, found in zip(alone, outcomes[half]["losses"], strict=True):
            assert found == pytest.approx(expected, abs=5e-7)


def test_two_processes_have_the_gradients_and_weights_of_one(outcomes: dict[str, Any]) -> None:
    alone = outcomes["0-of-1"]
    assert "offset" in alone["gradients"]
    assert "unused" not in alone["gradients"]
    for half in (outcomes["0-of-2"], outcomes["1-of-2"]):
        assert half["gradients"].keys() == alone["gradients"].keys()
        for kind in ("gradients", "weights"):
            for name, expected in alone[kind].items():
                assert torch.allclose(half[kind][name], expected, rtol=0, atol=5e-7), name


def test_all_processes_go_by_the_figures_of_the_main_one(outcomes: dict[str, Any]) -> None:
    assert outcomes["1-of-2"]["figures"] == outcomes["0-of-2"]["figures"] == {"rank": 0.0}


def test_a_single_process_is_left_alone() -> None:
    rows = torch.ones(3, 2, requires_grad=True)
    assert distributed.gather(rows) is rows
    items = np.arange(5)
    assert (distributed.share(items) == items).all()
    rows.grad = torch.full((3, 2), 4.0)
    distributed.average_gradients([rows])
    assert float(rows.grad[0, 0]) == 4.0
    assert (distributed.world_size(), distributed.rank(), distributed.is_main()) == (1, 0, True)
    distributed.barrier()
    distributed.align_modules({"a": torch.nn.Linear(2, 2)})
    with distributed.process_group("cpu") as device:
        assert device == torch.device("cpu")


def test_an_incomplete_environment_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="start them with torchrun"), distributed.process_group("cpu"):
        pass
