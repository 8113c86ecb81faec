"""The whole chain from vectors or scores to figures, against trec_eval (pytrec-eval-terrier) and a slow loop.

trec_eval orders equal scores by the picture's id, in nobody's favour. For a fair comparison it is given places instead
of scores: the loop below sorts, and of equal scores it puts the irrelevant pictures first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

from stbir.errors import InputError
from stbir.evaluate.metrics import (
    acc_at,
    average_precisions,
    hits_at,
    mean_average_precision,
    mrr,
    precisions_at,
    recalls_at,
    reciprocal_ranks,
)
from stbir.evaluate.ranks import ranks_from_scores, ranks_of_targets
from stbir.evaluate.relevance import RelevantRanks, ranks_of_relevant, relevant_ranks_from_scores
from stbir.evaluate.runs import ranks_of_run, run_from_scores, write_qrels

CUTOFFS = (5, 10, 20)
MEASURES = {"map", "recip_rank", *(f"{name}.{k}" for name in ("P", "recall", "success", "map_cut") for k in CUTOFFS)}
NUM_QUERIES, NUM_PICTURES, DIMS = 40, 120, 24


def vectors(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    if kind == "random":
        queries, gallery = rng.normal(size=(NUM_QUERIES, DIMS)), rng.normal(size=(NUM_PICTURES, DIMS))
    elif kind == "tied":
        queries, gallery = rng.integers(-1, 2, (NUM_QUERIES, 3)), rng.integers(-1, 2, (NUM_PICTURES, 3))
    elif kind == "copies":
        queries, gallery = rng.normal(size=(NUM_QUERIES, DIMS)), rng.normal(size=(NUM_PICTURES // 4, DIMS))
        gallery = np.tile(gallery, (4, 1))
    elif kind == "negative":
        queries, gallery = np.abs(rng.normal(size=(NUM_QUERIES, DIMS))), -np.abs(rng.normal(size=(NUM_PICTURES, DIMS)))
    else:
        queries, gallery = np.ones((NUM_QUERIES, DIMS)), np.ones((NUM_PICTURES, DIMS))
    return queries.astype(np.float32), gallery.astype(np.float32)


KINDS = ("random", "tied", "copies", "negative", "constant")


def exact(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """[Q, N], one pair after the other, in double precision; equal vectors get equal numbers."""
    return np.array([(query * gallery.astype(float)).sum(axis=1).tolist() for query in queries.astype(float)])


def relevant_of(kind: str, rng: np.random.Generator) -> list[list[int]]:
    """One, several, or for some queries no relevant pictures."""
    if kind == "one":
        return [[int(picture)] for picture in rng.integers(NUM_PICTURES, size=NUM_QUERIES)]
    sizes = rng.integers(1, 30, size=NUM_QUERIES)
    if kind == "some none":
        sizes[::3] = 0
    return [rng.choice(NUM_PICTURES, size, replace=False).tolist() for size in sizes]


def order_against(scores: np.ndarray, relevant: list[int]) -> list[int]:
    return sorted(range(len(scores)), key=lambda picture: (-scores[picture], picture in relevant))


def by_trec_eval(scores: np.ndarray, relevant: list[list[int]]) -> dict[str, dict[str, float]]:
    qrels, run = {}, {}
    for query, (of_query, wanted) in enumerate(zip(scores, relevant, strict=True)):
        order = order_against(of_query, wanted)
        run[f"q{query}"] = {f"p{picture}": float(-place) for place, picture in enumerate(order)}
        qrels[f"q{query}"] = {f"p{picture}": int(picture in wanted) for picture in range(len(of_query))}
    return pytrec_eval.RelevanceEvaluator(qrels, MEASURES).evaluate(run)


def by_slow_loop(scores: np.ndarray, relevant: list[int]) -> dict[str, float]:
    """The measures as their definitions read."""
    hits = [picture in relevant for picture in order_against(scores, relevant)]
    precisions = [sum(hits[:place]) / place for place in range(1, len(hits) + 1)]
    figures = {"map": sum(p for p, hit in zip(precisions, hits, strict=True) if hit) / len(relevant)}
    figures["recip_rank"] = 1 / (1 + hits.index(True))
    for k in CUTOFFS:
        figures[f"P_{k}"] = sum(hits[:k]) / k
        figures[f"recall_{k}"] = sum(hits[:k]) / len(relevant)
        figures[f"success_{k}"] = float(any(hits[:k]))
        in_reach = zip(precisions[:k], hits[:k], strict=True)
        figures[f"map_cut_{k}"] = sum(p for p, hit in in_reach if hit) / len(relevant)
    return figures


def by_us(found: RelevantRanks) -> dict[str, np.ndarray]:
    best = found.ranks[found.offsets[:-1]]
    figures = {"map": average_precisions(found), "recip_rank": reciprocal_ranks(best)}
    for k in CUTOFFS:
        figures[f"P_{k}"] = precisions_at(found, k)
        figures[f"recall_{k}"] = recalls_at(found, k)
        figures[f"success_{k}"] = hits_at(best, k)
        figures[f"map_cut_{k}"] = average_precisions(found, k)
    return figures


@pytest.mark.parametrize("relevance", ["one", "several", "some none"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_measure_agrees_query_by_query(kind: str, relevance: str) -> None:
    queries, gallery = vectors(kind)
    relevant = relevant_of(relevance, np.random.default_rng(8))
    scores = exact(queries, gallery)
    theirs = by_trec_eval(scores, relevant)
    for every in (ranks_of_relevant(queries, gallery, relevant), relevant_ranks_from_scores(scores, relevant)):
        assert every.num_without_positives == sum(not wanted for wanted in relevant)
        found, kept = every.with_positives()
        for name, values in by_us(found).items():
            slow = [by_slow_loop(scores[query], relevant[query])[name] for query in kept]
            assert values.tolist() == pytest.approx(slow), name
            assert values.tolist() == pytest.approx([theirs[f"q{query}"][name] for query in kept]), name


@pytest.mark.parametrize("kind", KINDS)
def test_one_right_picture_by_every_way_in(kind: str) -> None:
    """Vectors, scores and a run give the same ranks; Acc@K and MRR are trec_eval's success and recip_rank."""
    queries, gallery = vectors(kind)
    targets = np.array(relevant_of("one", np.random.default_rng(9)))[:, 0]
    scores = exact(queries, gallery)
    ranks = ranks_of_targets(queries, gallery, targets)
    ids, names = [f"q{n}" for n in range(NUM_QUERIES)], [f"p{n}" for n in range(NUM_PICTURES)]
    assert ranks_from_scores(scores, targets).tolist() == ranks.tolist()
    assert ranks_of_run(run_from_scores(ids, names, scores), ids, names, targets).ranks.tolist() == ranks.tolist()
    theirs = by_trec_eval(scores, [[target] for target in targets.tolist()]).values()
    assert mrr(ranks) == pytest.approx(np.mean([each["recip_rank"] for each in theirs]))
    assert mrr(ranks) == pytest.approx(np.mean([each["map"] for each in theirs]))  # mAP@all of the field
    for k in CUTOFFS:
        assert acc_at(ranks, k) == pytest.approx(np.mean([each[f"success_{k}"] for each in theirs]))


def test_queries_without_positives_are_zero_to_trec_eval_and_an_error_to_us() -> None:
    queries, gallery = vectors("random")
    relevant = relevant_of("some none", np.random.default_rng(10))
    theirs = by_trec_eval(exact(queries, gallery), relevant)
    found = ranks_of_relevant(queries, gallery, relevant)
    with_zeros = np.mean([each["map"] for each in theirs.values()])
    with pytest.raises(InputError, match="14 of 40 queries have no relevant picture"):
        mean_average_precision(found)
    rest, kept = found.with_positives()
    assert mean_average_precision(rest) == pytest.approx(with_zeros * 40 / len(kept))
    assert found.num_without_positives == 14


def test_files_are_read_by_trec_eval_as_we_read_them(tmp_path: Path) -> None:
    queries, gallery = vectors("random")
    targets = np.array(relevant_of("one", np.random.default_rng(11)))[:, 0]
    ids, names = [f"shoe/{n}#0" for n in range(NUM_QUERIES)], [f"shoe/{n}" for n in range(NUM_PICTURES)]
    run_from_scores(ids, names, exact(queries, gallery)).write(tmp_path / "ours.run", "trec")
    write_qrels(tmp_path / "qrels", ids, [names[target] for target in targets])
    with (tmp_path / "qrels").open() as qrels, (tmp_path / "ours.run").open() as run:
        evaluator = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(qrels), {"recip_rank"})
        theirs = evaluator.evaluate(pytrec_eval.parse_run(run))
    ours = reciprocal_ranks(ranks_of_targets(queries, gallery, targets))
    assert [theirs[each]["recip_rank"] for each in ids] == pytest.approx(ours.tolist())
