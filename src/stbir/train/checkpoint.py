"""Checkpoints: written whole or not at all, read without running code from them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from stbir.atomic import sync_directory
from stbir.errors import ConfigError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a crash leaves the old or the new one.

    Args:
        path: Target file.
        state: Tensors, numbers, strings and containers of them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_directory(path.parent)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint written by `save_checkpoint`.

    Raises:
        ConfigError: The file is missing or broken.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{path}: not a readable checkpoint ({error}); delete it and start again") from None
    return state
