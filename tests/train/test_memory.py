from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from stbir.train.losses import info_nce  # noqa: E402
from stbir.train.memory import CrossBatchMemory  # noqa: E402


def numbered(first: int, num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that tell their id."""
    ids = torch.arange(first, first + num)
    return ids.float().unsqueeze(1).expand(num, 3).clone(), ids


def kept(memory: CrossBatchMemory, space: str = "image") -> list[int]:
    rows, ids = memory.rows(space)
    assert rows[:, 0].tolist() == ids.tolist()
    return sorted(ids.tolist())


def test_the_oldest_rows_make_room() -> None:
    memory, everything = CrossBatchMemory({"image": 3}, 7), []
    assert kept(memory) == []
    for first, num in ((0, 3), (3, 3), (6, 3), (9, 1), (10, 5), (15, 0), (15, 20), (35, 2)):
        memory.add("image", *numbered(first, num))
        everything += range(first, first + num)
        assert kept(memory) == everything[-7:]


def test_spaces_do_not_mix_and_warm_up_keeps_nothing() -> None:
    memory = CrossBatchMemory({"image": 3, "text": 3}, 4, warmup_steps=2)
    for first in (0, 2, 4):
        memory.add("image", *numbered(first, 2))
    memory.add("text", *numbered(100, 2))
    assert kept(memory) == [4, 5]
    assert kept(memory, "text") == []


def test_what_was_read_does_not_change_and_carries_no_gradient() -> None:
    memory = CrossBatchMemory({"image": 3}, 4)
    rows = torch.nn.functional.normalize(torch.randn(4, 3), dim=-1).requires_grad_()
    memory.add("image", rows, torch.arange(4))
    extra, ids = memory.rows("image")
    assert not extra.requires_grad
    query = torch.nn.functional.normalize(torch.randn(4, 3), dim=-1).requires_grad_()
    loss = info_nce(query, rows, 5.0, extra=extra, extra_same=ids[None] == torch.arange(4)[:, None])
    memory.add("image", *numbered(50, 4))
    loss.backward()
    assert torch.isfinite(query.grad).all()
    assert ids.tolist() == [0, 1, 2, 3]


def test_half_precision_rows_are_kept_in_single() -> None:
    memory = CrossBatchMemory({"image": 3}, 4)
    memory.add("image", torch.ones(2, 3, dtype=torch.bfloat16), torch.arange(2))
    assert memory.rows("image")[0].dtype == torch.float32


def test_a_resumed_memory_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole, first = CrossBatchMemory({"image": 3}, 7, warmup_steps=1), CrossBatchMemory({"image": 3}, 7, warmup_steps=1)
    for memory in (whole, first):
        for start in range(0, 15, 5):
            memory.add("image", *numbered(start, 5))
    save_checkpoint(tmp_path / "memory.ckpt", first.state_dict())
    second = CrossBatchMemory({"image": 3}, 7, warmup_steps=1)
    second.load_state_dict(load_checkpoint(tmp_path / "memory.ckpt"))
    for memory in (whole, second):
        memory.add("image", *numbered(15, 4))
    for expected, found in zip(whole.rows("image"), second.rows("image"), strict=True):
        assert torch.equal(expected, found)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="begin anew"):
        CrossBatchMemory({"image": 3}, 8).load_state_dict(CrossBatchMemory({"image": 3}, 7).state_dict())
    with pytest.raises(ConfigError, match="capacity 0"):
        CrossBatchMemory({"image": 3}, 0)
