from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from stbir.train.losses import (  # noqa: E402
    category_nce,
    composed_loss,
    cosine_triplet,
    distillation_loss,
    info_nce,
    own_negatives_nce,
    prototype_loss,
    sigmoid_loss,
)


def unit(values: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(values).float(), dim=-1)


def rows(seed: int, *shape: int, grad: bool = False) -> torch.Tensor:
    """Unit rows in float64."""
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=shape))
    return torch.nn.functional.normalize(values, dim=-1).requires_grad_(grad)


def mask(seed: int, *shape: int, share: float = 0.3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(size=shape) < share)


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def log_sum_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def slow_cross_entropy(logits: np.ndarray, target: np.ndarray) -> float:
    total = 0.0
    for row, right in zip(logits, target, strict=True):
        total += -row[right] + log_sum_exp([value for value in row if np.isfinite(value)])
    return total / len(target)


# Slow references: one pair at a time, no matrix.


def slow_info_nce(q, c, scale, same, extra, extra_same) -> float:  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(q)):
        forward = [scale * cosine(q[i], c[j]) for j in range(len(c)) if i == j or not same[i, j]]
        forward += [scale * cosine(q[i], extra[j]) for j in range(len(extra)) if not extra_same[i, j]]
        backward = [scale * cosine(q[j], c[i]) for j in range(len(q)) if i == j or not same[j, i]]
        own = scale * cosine(q[i], c[i])
        total += log_sum_exp(forward) - own + log_sum_exp(backward) - own
    return total / (2 * len(q))


def slow_own_negatives(a, p, n, temperature, valid) -> float:  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(a)):
        own = cosine(a[i], p[i]) / temperature
        against = [cosine(a[i], n[i, k]) / temperature for k in range(n.shape[1]) if valid[i, k]]
        total += log_sum_exp([own, *against]) - own
    return total / len(a)


def slow_sigmoid(q, c, scale, bias, same) -> float:  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(q)):
        for j in range(len(c)):
            if i == j or not same[i, j]:
                sign = 1 if i == j else -1
                total += math.log1p(math.exp(-sign * (scale * cosine(q[i], c[j]) + bias)))
    return total / len(q)


def slow_triplet(a, p, n, margin, valid) -> float:  # type: ignore[no-untyped-def]
    found = []
    for i in range(len(a)):
        for k in range(n.shape[1]):
            if valid[i, k]:
                found.append(max(0.0, margin - cosine(a[i], p[i]) + cosine(a[i], n[i, k])))
    return sum(found) / max(1, len(found))


def slow_composed(sketch, text, target, of_sketch, of_text, same) -> float:  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(sketch)):
        logits = {
            j: of_sketch[i] * sketch[i, j] + of_text[i] * text[i, j]
            for j in range(sketch.shape[1])
            if j == target[i] or not same[i, j]
        }
        total += log_sum_exp(list(logits.values())) - logits[target[i]]
    return total / len(sketch)


@pytest.mark.parametrize("seed", range(3))
def test_every_contrastive_loss_equals_its_slow_reference(seed: int) -> None:
    q, c, extra = rows(seed, 6, 5), rows(seed + 10, 6, 5), rows(seed + 20, 4, 5)
    negatives, valid = rows(seed + 30, 6, 3, 5), ~mask(seed, 6, 3, share=0.5)
    same, extra_same = mask(seed, 6, 6), mask(seed + 1, 6, 4)
    plain = [x.numpy() for x in (q, c, extra, negatives)]
    found = {
        "info_nce": (
            info_nce(q, c, 9.0, same, extra, extra_same),
            slow_info_nce(plain[0], plain[1], 9.0, same, plain[2], extra_same),
        ),
        "own": (
            own_negatives_nce(q, c, negatives, 0.07, valid),
            slow_own_negatives(plain[0], plain[1], plain[3], 0.07, valid),
        ),
        "sigmoid": (sigmoid_loss(q, c, 10.0, -10.0, same), slow_sigmoid(plain[0], plain[1], 10.0, -10.0, same)),
        "triplet": (
            cosine_triplet(q, c, negatives, 0.2, valid),
            slow_triplet(plain[0], plain[1], plain[3], 0.2, valid),
        ),
    }
    for name, (fast, slow) in found.items():
        assert float(fast) == pytest.approx(slow, abs=1e-12), name


@pytest.mark.parametrize("per_query", [False, True])
def test_composed_loss_equals_its_slow_reference(per_query: bool) -> None:
    rng = np.random.default_rng(5)
    sketch, text = rng.uniform(-1, 1, (4, 7)), rng.uniform(-1, 1, (4, 7))
    target, same = np.asarray([0, 6, 3, 3]), rng.uniform(size=(4, 7)) < 0.4
    scale = rng.uniform(0, 20, (2, 4)) if per_query else np.repeat([[7.0], [3.0]], 4, 1)
    given = tuple(torch.from_numpy(part if per_query else np.asarray(part[0])) for part in scale)
    loss = composed_loss(
        torch.from_numpy(sketch), torch.from_numpy(text), torch.from_numpy(target), given, torch.from_numpy(same)
    )
    assert float(loss) == pytest.approx(slow_composed(sketch, text, target, *scale, same), abs=1e-12)


# Closed forms.


def test_equal_rows_are_chance() -> None:
    equal = torch.ones(8, 3, dtype=torch.float64) / math.sqrt(3)
    negatives = equal.unsqueeze(1).expand(8, 5, 3)
    assert float(info_nce(equal, equal, 20.0)) == pytest.approx(math.log(8))
    forward_and_back = 0.5 * (math.log(8 + 4) + math.log(8))
    assert float(info_nce(equal, equal, 20.0, extra=equal[:4])) == pytest.approx(forward_and_back)
    assert float(own_negatives_nce(equal, equal, negatives, 0.07)) == pytest.approx(math.log(6))
    assert float(cosine_triplet(equal, equal, negatives, 0.2)) == pytest.approx(0.2)
    # Seven wrong pairs ask log(1 + e^0) each and so does the right one, where scale and bias cancel.
    assert float(sigmoid_loss(equal, equal, 10.0, -10.0)) == pytest.approx(8 * math.log(2))
    similarity = torch.full((8, 30), 0.4)
    scale = (torch.tensor(5.0), torch.full((8,), 2.0))
    assert float(composed_loss(similarity, similarity, torch.arange(8), scale)) == pytest.approx(math.log(30), abs=1e-5)


def test_perfect_orthogonal_positives_have_the_loss_of_the_formula() -> None:
    perfect = torch.eye(6, dtype=torch.float64)
    negatives = perfect.roll(1, 0).unsqueeze(1)
    assert float(info_nce(perfect, perfect, 10.0)) == pytest.approx(math.log(1 + 5 * math.exp(-10)))
    assert float(own_negatives_nce(perfect, perfect, negatives, 0.1)) == pytest.approx(math.log(1 + math.exp(-10)))
    assert float(cosine_triplet(perfect, perfect, negatives, 0.2)) == 0.0
    assert float(cosine_triplet(perfect, negatives[:, 0], perfect.unsqueeze(1), 0.2)) == pytest.approx(1.2)
    assert float(sigmoid_loss(perfect, perfect, 20.0, -10.0)) == pytest.approx(6 * math.log1p(math.exp(-10)))


def test_info_nce_without_masks_equals_a_cross_entropy_in_single_precision() -> None:
    rng = np.random.default_rng(0)
    queries, candidates = unit(rng.normal(size=(6, 4))), unit(rng.normal(size=(6, 4)))
    logits = 9.0 * (queries @ candidates.T).numpy()
    expected = 0.5 * (slow_cross_entropy(logits, np.arange(6)) + slow_cross_entropy(logits.T, np.arange(6)))
    assert float(info_nce(queries, candidates, 9.0)) == pytest.approx(expected, abs=1e-5)


def test_the_diagonal_of_the_mask_is_ignored() -> None:
    same, own = rows(1, 5, 4), torch.eye(5, dtype=torch.bool)
    assert float(info_nce(same, same, 5.0, own)) == pytest.approx(float(info_nce(same, same, 5.0)))
    assert float(sigmoid_loss(same, same, 5.0, -1.0, own)) == pytest.approx(float(sigmoid_loss(same, same, 5.0, -1.0)))
    similarity, scale = same @ same.T, (torch.tensor(3.0), torch.tensor(1.0))
    masked = composed_loss(similarity, similarity, torch.arange(5), scale, own)
    assert float(masked) == pytest.approx(float(composed_loss(similarity, similarity, torch.arange(5), scale)))


def test_a_masked_false_negative_lowers_the_loss() -> None:
    four = unit(np.random.default_rng(2).normal(size=(4, 4)))
    doubled = torch.cat([four, four])
    same = torch.zeros(8, 8, dtype=torch.bool)
    for i in range(8):
        same[i, (i + 4) % 8] = True
    assert float(info_nce(doubled, doubled, 10.0, same)) < float(info_nce(doubled, doubled, 10.0)) - 0.5


def test_a_masked_pair_never_changes_a_loss() -> None:
    """Whatever a hidden candidate is, the loss stays the same and sends it no gradient."""
    q, c, same = rows(3, 6, 4), rows(4, 6, 4), torch.zeros(6, 6, dtype=torch.bool)
    same[:5, 5] = True
    # Candidate 5 moves where query 5 does not see it: only hidden cosines change.
    across = rows(5, 4)
    moved = c.clone()
    moved[5] += across - (across @ q[5]) * q[5]
    everyone = torch.zeros_like(same)
    for loss in (lambda x, m: info_nce(q, x, 7.0, m), lambda x, m: sigmoid_loss(q, x, 7.0, -3.0, m)):
        assert float(loss(c, everyone)) != pytest.approx(float(loss(moved, everyone)), abs=1e-3)
        # The backward direction of InfoNCE is over the queries that candidate 5 may be told apart from: query 5 alone.
        assert float(loss(c, same)) == pytest.approx(float(loss(moved, same)), abs=1e-12)
    extra = rows(5, 3, 4)
    extra_same = torch.zeros(6, 3, dtype=torch.bool)
    extra_same[:, 1] = True
    changed = extra.clone()
    changed[1] = -changed[1]
    assert float(info_nce(q, c, 7.0, None, extra, extra_same)) == float(info_nce(q, c, 7.0, None, changed, extra_same))
    negatives, valid = rows(6, 6, 3, 4, grad=True), torch.ones(6, 3, dtype=torch.bool)
    valid[:, 2] = False
    for pair_loss in (own_negatives_nce, cosine_triplet):
        (gradient,) = torch.autograd.grad(pair_loss(q, c, negatives, 0.5, valid), negatives)
        assert float(gradient[:, 2].abs().max()) == 0.0
        assert float(gradient[:, :2].abs().max()) > 0.0


def test_extra_rows_are_negatives_of_the_queries_alone() -> None:
    q, c, extra = rows(7, 5, 4), rows(8, 5, 4), rows(9, 6, 4)
    logits = 8.0 * torch.cat([q @ c.T, q @ extra.T], 1).numpy()
    backward = slow_cross_entropy(8.0 * (c @ q.T).numpy(), np.arange(5))
    expected = 0.5 * (slow_cross_entropy(logits, np.arange(5)) + backward)
    assert float(info_nce(q, c, 8.0, extra=extra)) == pytest.approx(expected)
    assert float(info_nce(q, c, 8.0, extra=extra[:0])) == pytest.approx(float(info_nce(q, c, 8.0)))


def test_prototype_loss_leaves_unknown_rows_out() -> None:
    rng = np.random.default_rng(3)
    five, prototypes = unit(rng.normal(size=(5, 4))), unit(rng.normal(size=(3, 4)))
    target = torch.tensor([0, -1, 2, -1, 1])
    known = [0, 2, 4]
    expected = slow_cross_entropy((7.0 * five @ prototypes.T).numpy()[known], target.numpy()[known])
    assert float(prototype_loss(five, prototypes, target, 7.0)) == pytest.approx(expected, abs=1e-5)
    assert float(prototype_loss(five, prototypes, torch.full((5,), -1), 7.0)) == 0.0


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


def test_a_query_without_a_drawing_is_judged_by_its_words() -> None:
    sketch, text = torch.rand(3, 8), torch.rand(3, 8)
    target = torch.tensor([1, 2, 3])
    silent = (torch.zeros(3), torch.full((3,), 6.0))
    assert float(composed_loss(sketch, text, target, silent)) == pytest.approx(
        float(torch.nn.functional.cross_entropy(6.0 * text, target))
    )


# Gradients, precision and the edges.

LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "info_nce": lambda q, c, n, s: info_nce(q, c, s, mask(0, 4, 4), n[:, 0], mask(1, 4, 4)),
    "own_negatives_nce": lambda q, c, n, s: own_negatives_nce(q, c, n, 0.3, ~mask(2, 4, 3)) * s,
    "sigmoid_loss": lambda q, c, n, s: sigmoid_loss(q, c, s, -s, mask(0, 4, 4)),
    "cosine_triplet": lambda q, c, n, s: cosine_triplet(q, c, n, 0.2, ~mask(2, 4, 3)) * s,
    "prototype_loss": lambda q, c, n, s: prototype_loss(q, c, torch.tensor([2, -1, 0, 3]), s),
    "category_nce": lambda q, c, n, s: category_nce(q, c, s, mask(4, 4, 4) | torch.eye(4, dtype=torch.bool)),
    "composed_loss": lambda q, c, n, s: composed_loss(
        q @ c.T, q @ n[:, 1].T, torch.tensor([3, 0, 1, 1]), (s.expand(4) * 2, s), mask(3, 4, 4)
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_right(name: str) -> None:
    inputs = (rows(1, 4, 3, grad=True), rows(2, 4, 3, grad=True), rows(3, 4, 3, 3, grad=True))
    scale = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(LOSSES[name], (*inputs, scale))


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_rows_give_finite_values_and_gradients(name: str) -> None:
    """All cosines exactly 1 or -1, a scale of 100, one row alone."""
    one = torch.nn.functional.normalize(torch.ones(4, 3), dim=-1)
    for candidates in (one, -one):
        inputs = [one.clone(), candidates.clone(), one.unsqueeze(1).repeat(1, 3, 1), torch.tensor(100.0)]
        for tensor in inputs:
            tensor.requires_grad_()
        loss = LOSSES[name](*inputs)
        assert torch.isfinite(loss)
        for gradient in torch.autograd.grad(loss, inputs, allow_unused=True):
            assert gradient is None or torch.isfinite(gradient).all()


def test_without_a_valid_negative_there_is_nothing_to_learn() -> None:
    anchor, positive = rows(1, 3, 4, grad=True), rows(2, 3, 4)
    negatives, none = rows(3, 3, 2, 4), torch.zeros(3, 2, dtype=torch.bool)
    for loss in (own_negatives_nce, cosine_triplet):
        for value in (loss(anchor, positive, negatives, 0.2, none), loss(anchor, positive, negatives[:, :0], 0.2)):
            (gradient,) = torch.autograd.grad(value, anchor)
            assert float(value.detach()) == 0.0
            assert float(gradient.abs().max()) == 0.0
    single = rows(4, 1, 4)
    assert float(info_nce(single, single, 10.0)) == 0.0
    hidden = torch.ones(3, 3, dtype=torch.bool)
    assert float(info_nce(positive, positive, 10.0, hidden)) == pytest.approx(0.0)


def test_similarities_keep_their_digits_under_autocast() -> None:
    q, c, n = rows(1, 16, 32).float(), rows(2, 16, 32).float(), rows(3, 16, 4, 32).float()
    plain = [info_nce(q, c, 100.0), own_negatives_nce(q, c, n, 0.01), sigmoid_loss(q, c, 100.0, -10.0)]
    with torch.autocast("cpu", torch.bfloat16):
        cast = [info_nce(q, c, 100.0), own_negatives_nce(q, c, n, 0.01), sigmoid_loss(q, c, 100.0, -10.0)]
    for expected, found in zip(plain, cast, strict=True):
        assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_a_query_of_a_kind_is_content_with_any_candidate_of_it() -> None:
    candidates = torch.eye(4, dtype=torch.float64)
    queries = candidates[[0, 2]]
    positive = torch.tensor([[True, True, False, False], [False, False, False, True]])
    e = torch.tensor(2.0, dtype=torch.float64).exp()
    expected = -(((e + 1) / (e + 3)).log() + (1 / (e + 3)).log()) / 2
    assert category_nce(queries, candidates, 2.0, positive).item() == pytest.approx(expected.item())
    everything = torch.ones_like(positive)
    assert category_nce(queries, candidates, 2.0, everything).item() == pytest.approx(0.0, abs=1e-12)
