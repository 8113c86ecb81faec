"""What released evaluation code of this field gets wrong, one test for each.

Every test also runs the mistake, written out here, and shows that it gives another figure than ours on the same input:
so the check would catch it.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stbir.datasets import Dataset, open_dataset
from stbir.errors import BundleError, InputError
from stbir.evaluate.metrics import (
    acc_at,
    average_precisions,
    mean_average_precision,
    mrr,
    precision_at,
    recall_at,
)
from stbir.evaluate.protocols import make_task
from stbir.evaluate.ranks import pair_similarities, ranks_from_scores, ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks, relevant_ranks_from_scores
from stbir.evaluate.runs import Ranking, Run, ranks_of_run
from stbir.model.bundle import MODEL_FILES, Bundle


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def noisy_pairs(num: int, dims: int = 32, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Queries that resemble their pictures; the target of query n is picture n."""
    rng = np.random.default_rng(0)
    gallery = unit(rng.normal(size=(num, dims)))
    return unit(gallery + noise * rng.normal(size=(num, dims))), gallery


def dataset(folder: Path, rows: list[dict[str, object]]) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return open_dataset(folder)


def photos(num: int, *, per_photo: int = 3, split: str = "test") -> list[dict[str, object]]:
    return [
        {
            "id": f"p{n}",
            "image": f"{n}.png",
            "text": f"photo {n}",
            "split": split,
            "sketches": [f"{n}-{drawing}" for drawing in range(per_photo)],
        }
        for n in range(num)
    ]


# Galleries


def test_recall_is_counted_in_the_whole_gallery_not_in_a_loader_batch() -> None:
    queries, gallery = noisy_pairs(480)

    def wrong(batch: int = 24) -> float:
        hits = 0.0
        for start in range(0, len(queries), batch):
            part = slice(start, start + batch)
            hits += float(np.sum(np.argmax(queries[part] @ gallery[part].T, axis=1) == np.arange(batch)))
        return hits / len(queries)

    ours = acc_at(ranks_of_targets(queries, gallery, np.arange(480)), 1)
    assert ours == np.mean(np.argmax(queries @ gallery.T, axis=1) == np.arange(480))
    assert wrong() > ours + 0.2


def test_top_five_looks_at_five_pictures_not_at_four() -> None:
    scores = np.array([[9.0, 8.0, 7.0, 6.0, 5.0, 4.0]] * 6)
    targets = np.arange(6)

    def wrong(k: int) -> float:
        order = np.argsort(-scores, axis=1)[:, : k - 1]
        return float(np.mean([target in row for target, row in zip(targets, order, strict=True)]))

    assert acc_at(ranks_from_scores(scores, targets), 5) == 5 / 6
    assert wrong(5) == 4 / 6


def test_gallery_is_every_photo_once_not_one_drawn_for_each_sketch(tmp_path: Path) -> None:
    data = dataset(tmp_path, photos(12))

    def wrong(seed: int) -> list[str]:
        rng = random.Random(seed)
        rows = data.in_split("test")
        return [rng.choice(rows).id for row in rows for _ in row.sketches]

    for protocol in ("open", "stbir"):
        ids = [row.id for row in make_task(protocol, data).gallery]
        assert ids == [f"p{n}" for n in range(12)]
        assert ids == [row.id for row in make_task(protocol, data).gallery]
    assert len(set(wrong(0))) < len(wrong(0)) == 36
    assert wrong(0) != wrong(1)


# Ranks


def test_ties_count_against_the_system_not_in_its_favour() -> None:
    constant = np.ones((50, 8), np.float32)
    similarity = constant @ constant.T

    def wrong() -> np.ndarray:
        return 1 + np.sum(similarity > np.diag(similarity)[:, None], axis=1)

    targets = np.arange(50)
    assert mrr(wrong()) == 1.0
    assert ranks_of_targets(constant, constant, targets).tolist() == [50] * 50
    assert ranks_from_scores(similarity, targets).tolist() == [50] * 50
    ids = [f"p{n}" for n in range(50)]
    run = Run({each: Ranking((each, *(i for i in ids if i != each)), np.ones(50)) for each in ids})
    assert ranks_of_run(run, ids, ids, targets).ranks.tolist() == [50] * 50
    several = relevant_ranks_from_scores(similarity, [[n, (n + 1) % 50] for n in range(50)])
    assert several.ranks.tolist() == [49, 50] * 50


def test_values_that_are_not_numbers_are_refused_not_ranked_first() -> None:
    queries, gallery = noisy_pairs(30)
    queries[7] = np.nan
    similarity = queries @ gallery.T

    def wrong() -> np.ndarray:
        return 1 + np.sum(similarity > np.diag(similarity)[:, None], axis=1)

    assert wrong()[7] == 1
    with pytest.raises(InputError, match="row 7 of the queries is not finite"):
        ranks_of_targets(queries, gallery, np.arange(30))
    with pytest.raises(InputError, match="scores of query 7 are not finite"):
        ranks_from_scores(similarity, np.arange(30))
    with pytest.raises(InputError, match="scores of query 7 are not finite"):
        relevant_ranks_from_scores(similarity, [[n] for n in range(30)])


def test_target_similarity_comes_from_the_expression_of_all_others() -> None:
    """Each picture is its own query's best but for nothing: another rounding of the same number puts it second."""
    rng = np.random.default_rng(1)
    gallery = unit(rng.normal(size=(400, 512)))
    queries = gallery.copy()

    def wrong() -> np.ndarray:
        own = np.array([np.sum(query * picture) for query, picture in zip(queries, gallery, strict=True)])
        return 1 + np.sum(queries @ gallery.T > own[:, None], axis=1)

    assert np.mean(wrong() != 1) > 0.1
    assert ranks_of_targets(queries, gallery, np.arange(400)).tolist() == [1] * 400


def test_the_target_does_not_count_against_itself() -> None:
    """The other half of that mistake: its own index must be taken out, not hoped to compare equal."""
    queries, gallery = noisy_pairs(60)

    def wrong() -> np.ndarray:
        own = pair_similarities(queries, gallery)
        return 1 + np.sum(queries.astype(float) @ gallery.astype(float).T >= own[:, None] - 1e-9, axis=1)

    exact = np.array([pair_similarities(np.broadcast_to(query, gallery.shape), gallery) for query in queries])
    slow = [1 + sum(row[m] >= row[n] for m in range(60) if m != n) for n, row in enumerate(exact)]
    assert ranks_of_targets(queries, gallery, np.arange(60)).tolist() == slow
    assert wrong().tolist() == [rank + 1 for rank in slow]


def test_scores_of_zero_and_less_are_retrieved_too() -> None:
    scores = np.array([[-0.1, -0.5, -0.3], [0.0, -0.2, -0.9]])
    targets = np.array([0, 0])

    def wrong(k: int) -> float:
        hits = []
        for row, target in zip(scores, targets, strict=True):
            top = [index for index in np.argsort(-row)[:k] if row[index] > 0]
            hits.append(target in top)
        return float(np.mean(hits))

    assert wrong(1) == 0.0
    assert acc_at(ranks_from_scores(scores, targets), 1) == 1.0
    assert ranks_of_targets(np.eye(2, dtype=np.float32), scores.T.astype(np.float32), targets).tolist() == [1, 1]
    assert mean_average_precision(relevant_ranks_from_scores(scores, [[0], [0]])) == 1.0


# Measures


def found_of(*ranks: list[int]) -> RelevantRanks:
    return RelevantRanks(np.array([rank for each in ranks for rank in each]), np.cumsum([0, *map(len, ranks)]))


def test_precision_is_divided_by_k_not_by_the_smaller_of_k_and_positives() -> None:
    found = found_of([1, 2], [1, 9])

    def wrong(k: int) -> float:
        shares = [np.sum(found.of(query) <= k) / min(k, len(found.of(query))) for query in range(2)]
        return float(np.mean(shares))

    assert precision_at(found, 10) == 0.2
    assert wrong(10) == 1.0


def test_average_precision_is_not_interpolated() -> None:
    found = found_of([2, 3, 10])

    def wrong() -> float:
        """Eleven points, at each the best precision at that recall or more."""
        ranks = found.of(0)
        precision, recall = np.arange(1, 4) / ranks, np.arange(1, 4) / 3
        return float(np.mean([max(precision[recall >= level - 1e-9]) for level in np.linspace(0, 1, 11)]))

    assert mean_average_precision(found) == pytest.approx((1 / 2 + 2 / 3 + 3 / 10) / 3)
    assert wrong() > mean_average_precision(found) + 0.04


def test_average_precision_of_the_top_k_is_divided_by_positives_not_by_hits() -> None:
    found = found_of([1, 50, 60, 70])

    def wrong(k: int) -> float:
        ranks = found.of(0)
        precision = (np.arange(1, 5) / ranks)[ranks <= k]
        return float(np.mean(precision))

    assert average_precisions(found, 10).tolist() == [0.25]
    assert wrong(10) == 1.0


def test_queries_without_positives_are_neither_dropped_nor_counted_as_zero() -> None:
    scores = np.array([[3.0, 2.0, 1.0]] * 4)
    found = relevant_ranks_from_scores(scores, [[0], [], [1], []])

    def dropped() -> float:
        return float(np.mean([1 / found.of(query)[0] for query in range(4) if len(found.of(query))]))

    def as_zero() -> float:
        return float(np.mean([1 / found.of(query)[0] if len(found.of(query)) else 0.0 for query in range(4)]))

    assert (dropped(), as_zero()) == (0.75, 0.375)  # one system, one task, two figures, and neither says why
    for measure in (mean_average_precision, lambda each: recall_at(each, 1), lambda each: precision_at(each, 1)):
        with pytest.raises(InputError, match="2 of 4 queries have no relevant picture"):
            measure(found)
    rest, kept = found.with_positives()
    assert (mean_average_precision(rest), len(kept), found.num_without_positives) == (0.75, 2, 2)


def test_queries_that_a_run_does_not_answer_are_lost_not_dropped() -> None:
    run = Run({"q1": Ranking(("a", "b", "c"))})
    ids, pictures = ["q1", "q2"], ["a", "b", "c"]

    def wrong() -> float:
        return float(np.mean([run.rankings[query].ids.index("a") == 0 for query in ids if query in run.rankings]))

    found = ranks_of_run(run, ids, pictures, np.array([0, 0]))
    assert wrong() == 1.0
    assert acc_at(found.ranks, 1) == 0.5
    assert found.num_missing_queries == 1


def test_photos_that_share_their_words_limit_what_words_can_reach_and_the_limit_is_told(tmp_path: Path) -> None:
    rows = photos(10, per_photo=1)
    for row in rows[:4]:
        row["text"] = "brown boot"
    task = make_task("open", dataset(tmp_path, rows))
    words = [str(question.text) for question in task.questions]
    vectors = np.eye(10, dtype=np.float32)[[words.index(each) for each in words]]  # a perfect model of words

    def wrong() -> float:
        """Any photo with the same words counts as right."""
        best = np.argmax(vectors @ vectors.T, axis=1)
        return float(np.mean([words[index] == each for index, each in zip(best, words, strict=True)]))

    targets = np.array([question.target for question in task.questions])
    ours = acc_at(ranks_of_targets(vectors, vectors, targets), 1)
    assert task.text_ceiling() == 0.7
    assert ours == 0.6  # of the four that share words none comes first for sure
    assert wrong() == 1.0


# Data and models


def test_weights_are_chosen_on_validation_photos_never_on_test_photos() -> None:
    """With as many candidates as here the best on test looks better than it is, though all are equally good."""
    rng = np.random.default_rng(2)
    on_val, on_test = (rng.random((200, 100)) < 0.5 for _ in range(2))
    assert on_test.mean(axis=1).max() > 0.6
    assert on_test[np.argmax(on_val.mean(axis=1))].mean() < 0.6

    corpus = pytest.importorskip("stbir.train.corpus")
    kept = [
        corpus.Photo("toy", f"{split}{n}", "cup", split, (n,))
        for split in ("train", "val", "test", "gallery", "held out")
        for n in range(3)
    ]

    def wrong() -> set[str | None]:
        return {photo.split for photo in kept if not photo.trains}

    targets, gallery = corpus.Corpus.validation_galleries(SimpleNamespace(photos=kept))["toy"]
    assert {kept[index].split for index in targets} == {"val"}
    assert {kept[index].split for index in gallery} == {"val", "gallery"}
    assert "test" in wrong()


def test_what_is_validated_or_tested_on_is_not_learned_from(tmp_path: Path) -> None:
    sources = pytest.importorskip("stbir.train.sources")
    recipe = pytest.importorskip("stbir.train.recipe")
    splits = ["train", "val", "validation", "test", "gallery", "extra", None]
    rows: list[dict[str, object]] = [
        {"id": f"r{n}", "category": f"class {n}", "image": f"{n}.png", "text": "cup", "split": split}
        for n, split in enumerate(splits)
    ]
    dataset(tmp_path / "toys", rows)
    stage = {"schedule": {"num_steps": 1}}
    settings = recipe.Recipe.model_validate(
        {"data": {"sets": [{"name": str(tmp_path / "toys")}]}, "words": stage, "drawings": stage}
    )
    read, _ = sources.read_sources(settings)
    learned = {source.photo.category for source in read if source.photo.trains}
    asked = {source.photo.category for source in read if source.photo.split in ("val", "test")}

    def wrong() -> set[object]:
        """Everything that is not called test is learned from."""
        return {row["category"] for row in rows if row["split"] != "test"}

    assert learned == {"class 0", "class 5", "class 6"}
    assert not learned & asked
    assert wrong() & asked


def test_splits_are_those_of_the_manifest_not_of_a_shuffle(tmp_path: Path) -> None:
    data = dataset(tmp_path, [*photos(40), *({**row, "id": f"t{row['id']}"} for row in photos(20, split="train"))])

    def wrong() -> list[str]:
        rows = list(data.rows)
        random.shuffle(rows)
        return [row.id for row in rows[:20]]

    def ours() -> list[str]:
        return [question.row.id for question in make_task("stbir", data).questions]

    assert wrong() != wrong()
    state = random.getstate(), np.random.get_state()  # noqa: NPY002
    assert ours() == [f"p{n}" for n in range(40)] == ours()
    assert random.getstate() == state[0]
    assert np.array_equal(np.random.get_state()[1], state[1][1])  # noqa: NPY002


def test_weights_that_change_under_the_same_name_are_seen(tiny_bundle: Bundle, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(tiny_bundle.path, changed)
    weights = bytearray((changed / "image.onnx").read_bytes())
    weights[-1] ^= 1
    (changed / "image.onnx").write_bytes(bytes(weights))
    with pytest.raises(BundleError, match=r"image\.onnx .* is damaged"):
        Bundle.load(changed)

    files = {name: changed / name for name in MODEL_FILES}
    exported_again = Bundle.write(tmp_path / "again", files, tiny_bundle.info)

    def wrong(bundle: Bundle) -> tuple[str, str]:
        return bundle.info.name, bundle.info.version

    assert wrong(exported_again) == wrong(tiny_bundle)
    assert exported_again.info.fingerprint != tiny_bundle.info.fingerprint
