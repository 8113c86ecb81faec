from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shapes_dataset import write_shapes
from stbir.datasets import open_dataset
from stbir.errors import ConfigError, InputError
from stbir.evaluate import (
    CallableSystem,
    Embedder,
    ModelSystem,
    Noise,
    RandomSystem,
    ScoreFusion,
    SystemFactory,
    Task,
    evaluate,
    make_task,
    run_from_scores,
    run_system,
)
from stbir.evaluate.embed import Embedded
from stbir.evaluate.score_ranks import worst_ranks
from stbir.model.encoder import Encoder


@pytest.fixture(scope="module")
def embedder(tiny_bundle) -> Embedder:
    return Embedder(Encoder(tiny_bundle, threads=1), "tests")


@pytest.fixture
def task(tmp_path) -> Task:
    return make_task("open", open_dataset(write_shapes(tmp_path / "shapes")))


def by_hand(task: Task, embedder: Embedder, fuse) -> list[int]:
    """Ranks of drawing and words together by a slow loop over queries and pictures."""
    vectors: Embedded = embedder.embed(task)
    width = vectors.sketches.shape[1]
    ranks = []
    for row, question in enumerate(task.questions):
        pool = [i for i, name in enumerate(task.pools()) if name == task.pools()[question.target]]
        sketch = [float(vectors.gallery[i, :width] @ vectors.sketches[row]) for i in pool]
        text = [float(vectors.gallery[i, width:] @ vectors.texts[row]) for i in pool]
        scores = fuse(np.array(sketch), np.array(text))
        own = scores[pool.index(question.target)]
        ranks.append(sum(score >= own - 1e-9 for score in scores))
    return ranks


def place_of(scores: np.ndarray) -> np.ndarray:
    return np.array([sum(other >= score - 1e-9 for other in scores) for score in scores])


@pytest.mark.parametrize("protocol", ["open", "fg-sbir"])
def test_rules_of_fusion_are_those_of_a_slow_loop(task: Task, embedder: Embedder, tiny_bundle, protocol: str) -> None:
    task = make_task(protocol, task.data)
    info = tiny_bundle.info.model_copy(
        update={
            "fusion": tiny_bundle.info.fusion.model_copy(
                update={"scale": type(tiny_bundle.info.fusion.scale)(sketch=5, text=1)}
            )
        }
    )

    def standardised(values: np.ndarray) -> np.ndarray:
        return (values - values.mean()) / values.std() if values.std() > 1e-12 else values * 0

    expected = {
        "learned": (ModelSystem(embedder, info), lambda s, t: 5 * s + t),
        "mean": (ModelSystem(embedder, info, fusion="mean"), lambda s, t: s + t),
        "weighted": (
            ScoreFusion(embedder, info, "weighted", share=0.3),
            lambda s, t: 0.3 * standardised(s) + 0.7 * standardised(t),
        ),
        "rrf": (ScoreFusion(embedder, info, "rrf"), lambda s, t: 1 / (60 + place_of(s)) + 1 / (60 + place_of(t))),
    }
    alone = None
    for name, (system, fuse) in expected.items():
        ranks = system.rank(task)
        if name != "rrf":  # float32 rounding makes ties of the slow loop's cosines, which the ranks then take as better
            assert ranks["sketch+text"].tolist() == by_hand(task, embedder, fuse), name
        assert np.all(ranks["sketch+text"] <= len(task.gallery))
        singles = (ranks["sketch"].tolist(), ranks["text"].tolist())
        alone = alone or singles
        assert name == "rrf" or singles == alone


def test_equal_scores_get_the_worst_rank() -> None:
    assert worst_ranks(np.array([[0.5, 0.9, 0.5, 0.1]])).tolist() == [[3, 1, 3, 4]]
    assert worst_ranks(np.zeros((1, 5))).tolist() == [[5] * 5]


def test_reciprocal_ranks_add_up(task: Task, tiny_bundle) -> None:
    """Three pictures: the first by drawing, the second by both, the third by words; by hand with k = 60."""
    system = ScoreFusion(None, tiny_bundle.info, "rrf")  # type: ignore[arg-type]
    sketch = system._fused("sketch", np.array([[0.9, 0.8, 0.1]]))
    text = system._fused("text", np.array([[0.1, 0.8, 0.9]]))
    assert (sketch + text)[0].tolist() == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 62, 1 / 63 + 1 / 61])


@pytest.mark.parametrize(("noise", "lost", "kept"), [("no-sketch", "sketch", "text"), ("no-text", "text", "sketch")])
def test_a_missing_part_is_lost_alone_and_both_fall_back_on_the_other(
    task: Task, embedder: Embedder, tiny_bundle, noise: str, lost: str, kept: str
) -> None:
    noisy = task.with_noise(Noise(noise, 5))
    for system in (
        ModelSystem(embedder, tiny_bundle.info),
        ScoreFusion(embedder, tiny_bundle.info, "weighted"),
        ScoreFusion(embedder, tiny_bundle.info, "rrf"),
    ):
        ranks = system.rank(noisy)
        assert set(ranks[lost].tolist()) == {len(task.gallery)}
        assert ranks["sketch+text"].tolist() == ranks[kept].tolist()


def test_chance_is_even_over_the_pool(task: Task) -> None:
    ranks = np.concatenate([RandomSystem(seed).rank(task)["sketch"] for seed in range(300)])
    assert ranks.min() == 1
    assert ranks.max() == 12
    assert ranks.mean() == pytest.approx(6.5, abs=0.25)


def test_a_function_is_ranked_like_a_model(task: Task, embedder: Embedder, tiny_bundle) -> None:
    vectors = embedder.embed(task)
    width = vectors.sketches.shape[1]
    system = CallableSystem("mine", lambda asked: {"sketch": vectors.sketches @ vectors.gallery[:, :width].T})
    result = evaluate(task, system, num_resamples=50)
    assert list(result.modes) == ["sketch"]
    assert result.system.kind == "callable"
    model = ModelSystem(embedder, tiny_bundle.info).rank(task)["sketch"]
    # float32 products separate what double precision takes as a tie: never worse than the exact rank
    assert np.all(result.ranks("sketch") <= model)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"drawing": np.zeros((12, 12))}, "expected sketch, text, sketch"),
        ({"sketch": np.zeros((12, 11))}, r"similarities \(12, 11\) for sketch: expected \(12, 12\)"),
        ({"sketch": np.full((12, 12), np.nan)}, "finite"),
        ({}, "answers no way of asking"),
    ],
)
def test_a_wrong_answer_of_a_function_is_refused(task: Task, answer, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(task, CallableSystem("mine", lambda asked: answer), num_resamples=50)


def test_a_run_file_gives_the_ranks_of_the_system_that_wrote_it(
    task: Task, embedder: Embedder, tiny_bundle, tmp_path: Path
) -> None:
    vectors = embedder.embed(task)
    width = vectors.sketches.shape[1]
    scores = vectors.sketches.astype(float) @ vectors.gallery[:, :width].astype(float).T
    scores += np.random.default_rng(0).normal(0, 1e-6, scores.shape)
    ids = [question.id for question in task.questions]
    run = run_from_scores(ids, [row.id for row in task.gallery], scores)
    for name, form in (("theirs.trec", "trec"), ("theirs.jsonl", "jsonl"), ("theirs.csv", "csv")):
        run.write(tmp_path / name, form)
        result = evaluate(task, run_system([f"sketch={tmp_path / name}"]), num_resamples=50)
        direct = CallableSystem("direct", lambda asked: {"sketch": scores}).rank(task)["sketch"]
        assert result.ranks("sketch").tolist() == direct.tolist()
        assert result.system.name == "theirs"


def test_what_a_run_file_lacks_is_lost_and_said(task: Task, tmp_path: Path) -> None:
    first = task.questions[0]
    path = tmp_path / "few.jsonl"
    path.write_text(json.dumps({"query": first.id, "ids": [first.row.id]}) + "\n")
    result = evaluate(task, run_system([str(path)]), num_resamples=50)
    assert result.ranks("sketch+text").tolist() == [1] + [12] * 11
    assert "lacks 11 of the queries" in result.table()


def test_systems_by_name(tiny_bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, task: Task) -> None:
    factory = SystemFactory(tiny_bundle.path, threads=1)
    names = {spec: factory.make(spec).record for spec in ("model", "mean", "weighted=0.4", "rrf", "classic", "random")}
    assert names["model"].name == "tiny"
    assert names["weighted=0.4"].settings["share_sketch"] == 0.4
    assert {record.kind for record in names.values()} == {"model", "baseline"}
    assert factory.make(f"bundle:{tiny_bundle.path}").record == names["model"]
    (tmp_path / "my_module_of_tests.py").write_text(
        "import numpy as np\ndef mine(task):\n    return {'text': np.eye(len(task.questions), len(task.gallery))}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert factory.make("my_module_of_tests:mine").rank(task)["text"].shape == (12,)
    for spec, message in (
        ("nonsense", "there is no system 'nonsense'"),
        ("weighted=x", "cannot read the share"),
        ("weighted=2", "out of range"),
        ("my_module_of_tests:other", "cannot load the system"),
        ("no_such_module:f", "cannot load the system"),
        ("my_module_of_tests:np", "is not a function"),
    ):
        with pytest.raises(ConfigError, match=message):
            factory.make(spec)
