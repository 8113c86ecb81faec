"""Cross-batch memory: the embeddings of the last few thousand items, as further negatives of a small batch.

A tower moves slowly, so what it gave a hundred steps ago is nearly what it would give now. Rows come with the id of
their item, from which the caller knows which of them are no negatives (`info_nce`'s `extra_same`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stbir.errors import ConfigError


class CrossBatchMemory:
    """Ring buffers of embeddings, one for each named space.

    Source: Wang et al., "Cross-Batch Memory for Embedding Learning", CVPR 2020, algorithm 1.
    """

    def __init__(
        self, dims: Mapping[str, int], capacity: int, *, warmup_steps: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        """Make empty buffers.

        Args:
            dims: Length of the embeddings of each space, by name.
            capacity: Rows kept of each space; the oldest make room.
            warmup_steps: So many first calls of `add` of a space are not kept: towers still move fast then.
            device: Where the rows lie.

        Raises:
            ConfigError: A capacity below 1 or a negative warm-up.
        """
        if capacity < 1 or warmup_steps < 0:
            raise ConfigError(
                f"cross-batch memory: capacity {capacity} must be 1 or more and warmup_steps {warmup_steps} 0 or more"
            )
        self.capacity, self.warmup_steps = capacity, warmup_steps
        self._rows = {name: torch.zeros(capacity, dim, device=device) for name, dim in dims.items()}
        self._ids = {name: torch.full((capacity,), -1, dtype=torch.long, device=device) for name in dims}
        # Rows ever kept and calls of `add`, of each space.
        self._num_kept = dict.fromkeys(dims, 0)
        self._num_calls = dict.fromkeys(dims, 0)

    def add(self, space: str, rows: Tensor, ids: Tensor) -> None:
        """Keep a batch; call it once a step, after the losses of that step have read the memory.

        Args:
            space: Name of the space.
            rows: [B, D] unit rows; no gradient flows into what is kept.
            ids: [B] ids of the items.
        """
        self._num_calls[space] += 1
        if self._num_calls[space] <= self.warmup_steps:
            return
        stored = self._rows[space]
        rows, ids = rows.detach()[-self.capacity :], ids[-self.capacity :]
        places = (self._num_kept[space] + torch.arange(len(rows), device=stored.device)) % self.capacity
        stored[places] = rows.to(stored)
        self._ids[space][places] = ids.to(places)
        self._num_kept[space] += len(rows)

    def rows(self, space: str) -> tuple[Tensor, Tensor]:
        """What is kept of a space.

        Returns:
            Copies of the rows [M, D] in 32 bits and their ids [M], in no particular order; M is 0 during warm-up.
        """
        num = min(self._num_kept[space], self.capacity)
        # Copies: a later `add` must not change what a graph still refers to.
        return self._rows[space][:num].clone(), self._ids[space][:num].clone()

    def state_dict(self) -> dict[str, Any]:
        """Everything, so that a resumed run goes on with the same negatives."""
        return {
            "rows": dict(self._rows),
            "ids": dict(self._ids),
            "num_kept": dict(self._num_kept),
            "num_calls": dict(self._num_calls),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a `state_dict`.

        Raises:
            ConfigError: It is of a memory with other spaces or sizes.
        """
        own = {name: tuple(rows.shape) for name, rows in self._rows.items()}
        theirs = {name: tuple(rows.shape) for name, rows in state["rows"].items()}
        if own != theirs:
            raise ConfigError(
                f"cross-batch memory: the checkpoint has {theirs}, the recipe asks for {own}; begin anew with --fresh"
            )
        for name in own:
            self._rows[name].copy_(state["rows"][name])
            self._ids[name].copy_(state["ids"][name])
        self._num_kept, self._num_calls = dict(state["num_kept"]), dict(state["num_calls"])
