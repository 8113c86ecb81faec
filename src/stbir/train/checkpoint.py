"""Checkpoints: written whole or not at all, read without running code from them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stbir.atomic import sync_directory
from stbir.errors import ConfigError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a crash leaves the old or the new one.

    Args:
        path: Target file.
        state: Tensors, numbers, strings, None and dicts, lists and tuples of them.

    Raises:
        TypeError: Something else, such as a NumPy array, which could not be read again without running code.
    """
    _check_plain(state, "state")
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


def _check_plain(value: object, where: str) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _check_plain(part, f"{where}[{name!r}]")
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            _check_plain(part, f"{where}[{index}]")
    # By exact type: np.float64 is a float to isinstance.
    elif not isinstance(value, Tensor) and type(value) not in (bool, int, float, str, type(None)):
        raise TypeError(f"checkpoint: {where} is a {type(value).__name__}; store tensors, numbers and strings")
