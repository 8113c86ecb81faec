from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from stbir.errors import ConfigError  # noqa: E402
from stbir.train.category import HeadKind, MarginHead, align_classes, virtual_classes  # noqa: E402

KINDS: tuple[HeadKind, ...] = ("linear", "arcface", "cosface", "subcentre")


def unit_rows(seed: int, *shape: int) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=shape))
    return torch.nn.functional.normalize(values, dim=-1)


def head_of(kind: HeadKind, num_classes: int = 4, dim: int = 5, **settings: float) -> MarginHead:
    torch.manual_seed(1)
    return MarginHead(kind, num_classes, dim, **settings).double()  # type: ignore[arg-type]


def slow_loss(head: MarginHead, rows: NDArray[np.float64], target: NDArray[np.int64]) -> float:
    """One row, one class, one centre at a time, with real angles."""
    weight = head.weight.detach().numpy()
    total, count = 0.0, 0
    for row, right in zip(rows, target, strict=True):
        if right < 0:
            continue
        logits = []
        for index in range(len(weight)):
            if head.bias is not None:
                logits.append(float(weight[index, 0] @ row) + float(head.bias[index].detach()))
                continue
            cos = max(float(centre @ row) / float(np.linalg.norm(centre)) for centre in weight[index])
            if index == right and head.kind == "cosface":
                cos -= head.margin
            elif index == right:
                angle = math.acos(min(1.0, max(-1.0, cos)))
                turned = math.cos(angle + head.margin)
                cos = turned if angle + head.margin < math.pi else cos - head.margin * math.sin(head.margin)
            logits.append(head.scale * cos)
        total += math.log(sum(math.exp(value) for value in logits)) - logits[right]
        count += 1
    return total / count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_heads_equal_a_slow_reference(kind: HeadKind, seed: int) -> None:
    head = head_of(kind)
    if head.bias is not None:
        torch.nn.init.normal_(head.bias)
    rows, target = unit_rows(seed, 7, 5), torch.tensor([0, 3, -1, 1, 2, -1, 0])
    assert float(head.loss(rows, target).detach()) == pytest.approx(slow_loss(head, rows.numpy(), target.numpy()))


@pytest.mark.parametrize("kind", ["arcface", "subcentre"])
def test_the_slow_reference_meets_angles_beyond_180_degrees(kind: HeadKind) -> None:
    head = head_of(kind, margin=0.5)
    head.weight.data[:] = torch.eye(4, 5, dtype=torch.float64).unsqueeze(1)
    rows = -torch.eye(4, 5, dtype=torch.float64)
    target = torch.arange(4)
    assert float(head.loss(rows, target).detach()) == pytest.approx(slow_loss(head, rows.numpy(), target.numpy()))


@pytest.mark.parametrize(
    ("kind", "right"),
    [("arcface", math.cos(0.3)), ("cosface", 1 - 0.3), ("subcentre", math.cos(0.3))],
)
def test_a_perfect_row_has_the_loss_of_the_formula(kind: HeadKind, right: float) -> None:
    """Orthogonal classes and rows on them: the right logit is s * cos(0 + m) or s * (1 - m), all others are 0."""
    head = head_of(kind, num_classes=5, margin=0.3, scale=8.0)
    head.weight.data[:] = torch.eye(5, dtype=torch.float64).unsqueeze(1)
    rows = torch.eye(5, dtype=torch.float64)
    loss = float(head.loss(rows, torch.arange(5)).detach())
    assert loss == pytest.approx(math.log(1 + 4 * math.exp(-8 * right)), rel=5e-3)


@pytest.mark.parametrize("kind", ["arcface", "cosface", "subcentre"])
def test_without_a_margin_every_head_is_a_normalised_softmax(kind: HeadKind) -> None:
    head = head_of(kind, margin=0.0)
    rows, target = unit_rows(3, 6, 5), torch.tensor([0, 1, 2, 3, 0, 1])
    plain = torch.nn.functional.cross_entropy(head.logits(rows), target)
    assert float(head.loss(rows, target).detach()) == pytest.approx(float(plain.detach()), rel=1e-6)
    losses = [float(head_of(kind, margin=m).loss(rows, target).detach()) for m in (0.0, 0.1, 0.3, 0.5)]
    assert losses == sorted(losses)
    assert losses[-1] > losses[0] + 1


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.2])
def test_the_right_logit_falls_with_the_angle_all_the_way(margin: float) -> None:
    head = head_of("arcface", num_classes=2, dim=2, margin=margin)
    angles = torch.linspace(0, math.pi, 400, dtype=torch.float64)
    logits = head._with_margin(angles.cos())
    assert bool((logits.diff() < 1e-12).all())


def test_a_subcentre_class_is_as_near_as_its_nearest_centre() -> None:
    head = head_of("subcentre", num_classes=2, dim=4, num_centres=2)
    head.weight.data[:] = torch.eye(4, dtype=torch.float64).view(2, 2, 4)
    logits = head.logits(torch.eye(4, dtype=torch.float64)).detach() / head.scale
    assert logits.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    # Rows of class 0 lie on its second centre: that one stands for the class from now on.
    head.loss(torch.eye(4, dtype=torch.float64)[[1, 1, 0]], torch.zeros(3, dtype=torch.long))
    assert head.uses.tolist() == [[1, 2], [0, 0]]
    assert head.prototypes()[0].tolist() == [0, 1, 0, 0]
    head.eval()
    head.loss(torch.eye(4, dtype=torch.float64)[[0, 0, 0]], torch.zeros(3, dtype=torch.long))
    assert head.prototypes()[0].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right(kind: HeadKind) -> None:
    head = head_of(kind)
    rows, target = unit_rows(4, 5, 5).requires_grad_(), torch.tensor([2, -1, 0, 3, 3])
    names = [name for name, _ in head.named_parameters()]

    def loss(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(head, dict(zip(names, parameters, strict=True)), (x, target))

    assert torch.autograd.gradcheck(loss, (rows, *head.parameters()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rows_exactly_on_or_opposite_a_class_give_finite_gradients(kind: HeadKind, sign: float) -> None:
    torch.manual_seed(0)
    head = MarginHead(kind, 3, 4, scale=64.0)
    rows = (sign * torch.nn.functional.normalize(head.weight.detach()[:, 0], dim=-1)).requires_grad_()
    loss = head.loss(rows, torch.arange(3))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(rows.grad).all()
    assert torch.isfinite(head.weight.grad).all()


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_rows_and_single_classes_teach_nothing(kind: HeadKind) -> None:
    head, rows = head_of(kind), unit_rows(5, 3, 5).requires_grad_()
    loss = head.loss(rows, torch.full((3,), -1))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert float(rows.grad.abs().max()) == 0.0
    alone = head_of(kind, num_classes=1)
    assert float(alone.loss(rows, torch.zeros(3, dtype=torch.long)).detach()) == 0.0
    # An unknown row changes nothing, whatever it is.
    target = torch.tensor([0, -1, 2])
    moved = rows.detach().clone()
    moved[1] = -moved[1]
    assert float(head.loss(rows, target).detach()) == float(head.loss(moved, target).detach())


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_separates_what_it_is_taught(kind: HeadKind) -> None:
    torch.manual_seed(0)
    head = MarginHead(kind, 3, 8)
    free = torch.nn.Parameter(torch.randn(12, 8))
    target = torch.arange(12) % 3
    optimiser = torch.optim.Adam([free, *head.parameters()], lr=0.05)
    for _ in range(120):
        rows = torch.nn.functional.normalize(free, dim=-1)
        loss = head.loss(rows, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    rows = torch.nn.functional.normalize(free.detach(), dim=-1)
    assert (head.logits(rows).argmax(1) == target).all()
    prototypes = head.prototypes().detach()
    assert prototypes.shape == (3, 8)
    right = ((rows @ prototypes.T).argmax(1) == target).double().mean()
    # Rows may settle on a centre of their own, which is what sub-centres are for.
    assert right == 1.0 if kind != "subcentre" else right > 0.5


def test_impossible_heads_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="'soft': choose one of linear"):
        MarginHead("soft", 3, 4)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 classes"):
        MarginHead("arcface", 0, 4)
    with pytest.raises(ConfigError, match=r"margin 2\.0"):
        MarginHead("arcface", 3, 4, margin=2.0)


# Virtual classes.


def blobs(sizes: list[int], dim: int = 8, noise: float = 0.05, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """Well separated groups on the sphere and the group of each row."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(dim, dim)))[0][: len(sizes)]
    group = [index for index, size in enumerate(sizes) for _ in range(size)]
    x = centres[group] + noise * rng.normal(size=(len(group), dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), group


def test_virtual_classes_find_the_groups_inside_each_category() -> None:
    x, group = blobs([20, 20, 20, 20])
    order = np.random.default_rng(3).permutation(80)
    x, truth = x[order], np.asarray(group)[order]
    category = truth // 2
    found = virtual_classes(x, category, items_per_class=20, seed=0)
    assert set(found) == {0, 1, 2, 3}
    for name in range(4):
        assert len(set(truth[found == name])) == 1
    assert found[category == 0].max() < found[category == 1].min()


def test_ids_follow_the_first_item_and_not_the_seed() -> None:
    x, _ = blobs([15, 15, 15])
    category = np.zeros(45, np.int64)
    found = [virtual_classes(x, category, items_per_class=15, seed=seed) for seed in range(4)]
    assert all((other == found[0]).all() for other in found)
    firsts = [int(np.flatnonzero(found[0] == name)[0]) for name in range(3)]
    assert firsts == sorted(firsts)


def test_the_number_of_classes_follows_size_and_limit() -> None:
    x = unit_rows(0, 200, 6).numpy().astype(np.float32)
    category = np.repeat([5, 7, -1], [100, 60, 40])
    found = virtual_classes(x, category, items_per_class=10, max_per_category=8, max_unknown=3, seed=1)
    assert [len(set(found[category == name])) for name in (5, 7, -1)] == [8, 6, 3]
    assert sorted(set(found)) == list(range(17))
    without = virtual_classes(x, category, items_per_class=10, max_per_category=8, max_unknown=0, seed=1)
    assert (without[category < 0] == -1).all()
    assert (without[category >= 0] == found[category >= 0]).all()


def test_k_means_ends_where_no_item_is_nearer_to_another_centre() -> None:
    x = unit_rows(1, 120, 5).numpy().astype(np.float32)
    found = virtual_classes(x, np.zeros(120, np.int64), items_per_class=20, seed=2)
    centres = np.stack([x[found == name].sum(0) for name in range(6)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    assert ((x @ centres.T).argmax(1) == found).mean() > 0.97


def test_equal_items_still_fill_every_class() -> None:
    x = np.tile(np.asarray([[0.6, 0.8]], np.float32), (12, 1))
    found = virtual_classes(x, np.zeros(12, np.int64), items_per_class=3, seed=0)
    assert sorted(set(found)) == [0, 1, 2, 3]
    single = virtual_classes(x[:1], np.zeros(1, np.int64), seed=0)
    assert single.tolist() == [0]
    assert virtual_classes(x[:0], np.zeros(0, np.int64), seed=0).tolist() == []


def test_aligned_classes_keep_the_name_of_the_class_they_share_most_with() -> None:
    previous = np.asarray([0, 0, 0, 1, 1, 2, 2, 2, -1])
    found = np.asarray([2, 2, 2, 2, 0, 1, 1, -1, 0])
    assert align_classes(found, previous).tolist() == [0, 0, 0, 0, 1, 2, 2, -1, 1]
    # A renaming is undone, more classes than before get new ids.
    renamed = np.asarray([1, 2, 0])[previous[:8]]
    assert (align_classes(renamed, previous[:8]) == previous[:8]).all()
    split = np.asarray([0, 0, 1, 2, 2, 3, 3, 3])
    assert align_classes(split, previous[:8]).tolist() == [0, 0, 3, 1, 1, 2, 2, 2]
    assert align_classes(previous * 0 - 1, previous).tolist() == [-1] * 9


def test_refreshed_classes_keep_their_names_while_features_drift() -> None:
    x, group = blobs([30, 30, 30, 30], noise=0.1)
    category = np.asarray(group) // 2
    before = virtual_classes(x, category, items_per_class=30, seed=0)
    drifted = x + 0.05 * np.random.default_rng(9).normal(size=x.shape).astype(np.float32)
    drifted /= np.linalg.norm(drifted, axis=1, keepdims=True)
    after = align_classes(virtual_classes(drifted, category, items_per_class=30, seed=5), before)
    assert (after == before).mean() > 0.95


def test_wrong_shapes_and_broken_features_are_refused() -> None:
    x = unit_rows(0, 4, 3).numpy().astype(np.float32)
    with pytest.raises(ConfigError, match=r"must be \[N, D\] and \[N\]"):
        virtual_classes(x, np.zeros(3, np.int64), seed=0)
    with pytest.raises(ConfigError, match="items_per_class 0"):
        virtual_classes(x, np.zeros(4, np.int64), items_per_class=0, seed=0)
    x[1, 1] = np.nan
    with pytest.raises(ConfigError, match="not finite"):
        virtual_classes(x, np.zeros(4, np.int64), seed=0)
    with pytest.raises(ConfigError, match="cannot follow"):
        align_classes(np.zeros(3, np.int64), np.zeros(4, np.int64))
