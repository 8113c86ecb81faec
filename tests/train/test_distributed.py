from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import stbir  # noqa: E402
from stbir.errors import ConfigError  # noqa: E402
from stbir.train import distributed  # noqa: E402

WORKER = Path(__file__).parent / "gloo_worker.py"


def start(script: Path, arguments: list[str], num_processes: int) -> list[subprocess.Popen[str]]:
    """Start a script in as many processes as `torchrun --nproc-per-node` would, with its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        **os.environ,
        "PYTHONPATH": str(Path(stbir.__file__).parents[1]),
        "WORLD_SIZE": str(num_processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    return [
        subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(num_processes)
    ]


def run(script: Path, arguments: list[str], num_processes: int) -> None:
    for process in start(script, arguments, num_processes):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors


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
