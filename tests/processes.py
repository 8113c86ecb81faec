"""Start scripts as `torchrun` would, for tests of training in several processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import stbir


def start(script: Path, arguments: list[str], num_processes: int = 1) -> list[subprocess.Popen[str]]:
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


def run(script: Path, arguments: list[str], num_processes: int = 1) -> None:
    """Start it and see it end well."""
    processes = start(script, arguments, num_processes)
    try:
        for process in processes:
            _, errors = process.communicate(timeout=600)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
