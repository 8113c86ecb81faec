"""Training in several processes started by `torchrun`: one batch, shared out.

Every process encodes its share of a batch (`share`), embeddings and ids are gathered (`gather`), and each computes the
same losses over the whole batch; gradients are averaged before the step. What comes out equals one process on the whole
batch. In a single process everything here is the identity.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from stbir.errors import ConfigError

# A process may wait for the one that validates or prepares a corpus.
_TIMEOUT = timedelta(hours=2)


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """Join the group that `torchrun` describes in the environment; leave it at the end.

    Args:
        device: The device asked for. Of several GPUs each process gets the one of its local rank.

    Yields:
        The device of this process.

    Raises:
        ConfigError: The environment is incomplete, or there are more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield torch.device(device)
        return
    chosen = torch.device(device)
    if chosen.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise ConfigError(
                f"process {local} of this machine has no GPU of its own ({torch.cuda.device_count()} found): "
                "start torchrun with --nproc-per-node no larger than that"
            )
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
    try:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=_TIMEOUT)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"the processes did not find each other ({error}); start them with torchrun") from None
    try:
        yield chosen
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """Number of processes, 1 outside torchrun."""
    return dist.get_world_size() if _in_group() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if _in_group() else 0


def is_main() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0


def barrier() -> None:
    """Wait for the others."""
    if _in_group():
        dist.barrier()


def share(rows: NDArray[Any]) -> NDArray[Any]:
    """This process's part of a batch; `gather` puts the parts back in the same order.

    Args:
        rows: [B] whatever a batch is made of, the same in every process.

    Returns:
        A run of B / processes rows, rounded up or down.
    """
    return np.array_split(rows, world_size())[rank()]


def gather(rows: Tensor) -> Tensor:
    """Put the rows of all processes together; gradients flow back to the process that each row came from.

    Args:
        rows: [b, ...] of this process; processes may hold different numbers of rows, even none, but each must have
            made them with the same modules and use the result in the same losses: backward, all wait for all.

    Returns:
        [B, ...] in the order of the processes, the same in each.

    Source: own; the gathering of CLIP (Radford et al. 2021), with gradients summed over the processes so that any
    loss, even one that differs between them, has the gradient of their mean once `average_gradients` was called.
    """
    if not _in_group():
        return rows
    if rows.is_floating_point():
        result: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
        return result
    return _gathered(rows, _counts(rows))


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace the gradients by their mean over all processes.

    A parameter that some processes did not use counts there as zero; one that none used keeps no gradient.

    Args:
        parameters: The same in every process.
    """
    if not _in_group():
        return
    found = [p for p in parameters if p.requires_grad]
    if not found:
        return
    used = torch.tensor([float(p.grad is not None) for p in found], device=found[0].device)
    dist.all_reduce(used, op=dist.ReduceOp.MAX)
    learning = [p for p, flag in zip(found, used.tolist(), strict=True) if flag]
    # One message for each kind of number instead of one for each parameter.
    by_kind: dict[torch.dtype, list[Tensor]] = {}
    for parameter in learning:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        by_kind.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in by_kind.values():
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= world_size()
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def align_modules(modules: Mapping[str, nn.Module]) -> None:
    """Give every process the weights and buffers of the main one."""
    if not _in_group():
        return
    for module in modules.values():
        for tensor in (*module.parameters(), *module.buffers()):
            # A message is contiguous, weights in channels-last order are not.
            values = tensor.detach().contiguous()
            dist.broadcast(values, 0)
            tensor.detach().copy_(values)


def from_main(value: dict[str, float]) -> dict[str, float]:
    """The figures of the main process, so that all decide alike."""
    if not _in_group():
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, 0)
    result: dict[str, float] = box[0]
    return result


class _Gather(torch.autograd.Function):
    """All rows forward; backward the sum over the processes of what this one's rows were sent."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.counts = _counts(rows)
        return _gathered(rows, ctx.counts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return torch.split(total, ctx.counts)[rank()]


def _counts(rows: Tensor) -> list[int]:
    own = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(own) for _ in range(world_size())]
    dist.all_gather(counts, own)
    return [int(count) for count in counts]


def _gathered(rows: Tensor, counts: list[int]) -> Tensor:
    """Rows of all processes; shorter ones are padded on the way, as a message has one size."""
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def _in_group() -> bool:
    return dist.is_available() and dist.is_initialized()
