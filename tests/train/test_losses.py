from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.train.losses import composed_loss, distillation_loss, info_nce, prototype_loss  # noqa: E402


def unit(values: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(values).float(), dim=-1)


def slow_cross_entropy(logits: np.ndarray, target: np.ndarray) -> float:
    total = 0.0
    for row, right in zip(logits, target, strict=True):
        finite = row[np.isfinite(row)]
        total += -row[right] + finite.max() + math.log(np.exp(finite - finite.max()).sum())
    return total / len(target)


def test_info_nce_equals_a_slow_loop_in_both_directions() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = unit(rng.normal(size=(6, 4))), unit(rng.normal(size=(6, 4)))
    same = np.zeros((6, 6), bool)
    same[0, 3] = same[3, 0] = True
    logits = 9.0 * (queries @ candidates.T).numpy()
    logits[same] = -np.inf
    expected = 0.5 * (slow_cross_entropy(logits, np.arange(6)) + slow_cross_entropy(logits.T, np.arange(6)))
    assert float(info_nce(queries, candidates, 9.0, torch.from_numpy(same))) == pytest.approx(expected, abs=1e-5)


def test_info_nce_of_equal_vectors_is_chance() -> None:
    rows = torch.ones(8, 3) / math.sqrt(3)
    assert float(info_nce(rows, rows, 20.0)) == pytest.approx(math.log(8), abs=1e-5)


def test_info_nce_ignores_the_diagonal_of_the_mask() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(5, 4)))
    assert float(info_nce(rows, rows, 5.0, torch.eye(5, dtype=torch.bool))) == pytest.approx(
        float(info_nce(rows, rows, 5.0))
    )


def test_a_masked_false_negative_lowers_the_loss() -> None:
    rows = unit(np.random.default_rng(2).normal(size=(4, 4)))
    doubled = torch.cat([rows, rows])
    same = torch.zeros(8, 8, dtype=torch.bool)
    for i in range(8):
        same[i, (i + 4) % 8] = True
    assert float(info_nce(doubled, doubled, 10.0, same)) < float(info_nce(doubled, doubled, 10.0)) - 0.5


def test_prototype_loss_leaves_unknown_rows_out() -> None:
    rng = np.random.default_rng(3)
    rows, prototypes = unit(rng.normal(size=(5, 4))), unit(rng.normal(size=(3, 4)))
    target = torch.tensor([0, -1, 2, -1, 1])
    known = [0, 2, 4]
    expected = slow_cross_entropy((7.0 * rows @ prototypes.T).numpy()[known], target.numpy()[known])
    assert float(prototype_loss(rows, prototypes, target, 7.0)) == pytest.approx(expected, abs=1e-5)
    assert float(prototype_loss(rows, prototypes, torch.full((5,), -1), 7.0)) == 0.0


def test_distillation_is_zero_for_the_teacher_itself_and_positive_otherwise() -> None:
    logits = torch.from_numpy(np.random.default_rng(4).normal(size=(6, 9))).float()
    assert float(distillation_loss(logits, logits)) == pytest.approx(0.0, abs=1e-6)
    assert float(distillation_loss(logits, logits.flip(1))) > 0.1


def test_composed_loss_prefers_the_expert_that_knows() -> None:
    sketch = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    text = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    target = torch.tensor([0, 1])
    trusting = composed_loss(sketch, text, target, (torch.tensor(10.0), torch.tensor(1.0)))
    doubting = composed_loss(sketch, text, target, (torch.tensor(0.1), torch.tensor(10.0)))
    assert float(trusting) < 0.01 < float(doubting)
