"""Vectors kept by a key that names their content: the last ones in memory, and all of them in a folder if one is given.

A file that is cut short or damaged is made again. The folder is the program's own; nothing in it is unpickled.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stbir.atomic import write_atomically
from stbir.errors import InputError

NUM_IN_MEMORY = 8

Vectors = NDArray[np.float32]


class VectorStore:
    """Arrays by key.

    Args:
        folder: Where they are kept as `KEY.npy`; None keeps the last few in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    def get(self, key: str, make: Callable[[], Vectors]) -> Vectors:
        """The array of a key, made if it is not there.

        Args:
            key: Hex digits.
            make: Makes it.

        Returns:
            The array, read-only where it comes from the folder.

        Raises:
            InputError: The folder cannot be written.
        """
        vectors = self._recent.pop(key, None)
        if vectors is None:
            vectors = self._read(key)
        if vectors is None:
            vectors = np.asarray(make(), np.float32)
            self._write(key, vectors)
        self._recent[key] = vectors
        while len(self._recent) > NUM_IN_MEMORY:
            self._recent.popitem(last=False)
        return vectors

    def _read(self, key: str) -> Vectors | None:
        if self.folder is None:
            return None
        try:
            vectors = np.load(self.folder / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return vectors if vectors.ndim == 2 and vectors.dtype == np.float32 else None

    def _write(self, key: str, vectors: Vectors) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / f"{key}.npy", lambda stream: np.save(stream, vectors, allow_pickle=False))
        except OSError as error:
            raise InputError(
                f"cannot write into {self.folder}: {error.strerror or error}: choose another --out"
            ) from None
