from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shapes_dataset import write_shapes
from stbir.datasets import open_dataset
from stbir.errors import ConfigError
from stbir.evaluate import Embedder, Noise, Task, VectorStore, make_task, provenance, write_task
from stbir.evaluate.quality import agreement, detail, thirds
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch


@pytest.fixture
def task(tmp_path) -> Task:
    return make_task("open", open_dataset(write_shapes(tmp_path / "shapes")))


class Counting(Encoder):
    """Counts what it encodes."""

    def __init__(self, bundle) -> None:
        super().__init__(bundle, threads=1)
        self.count = {"pictures": 0, "drawings": 0, "texts": 0}

    def encode_images(self, pictures):
        self.count["pictures"] += len(pictures)
        return super().encode_images(pictures)

    def encode_sketches(self, sketches):
        self.count["drawings"] += len(sketches)
        return super().encode_sketches(sketches)

    def encode_texts(self, texts):
        self.count["texts"] += len(texts)
        return super().encode_texts(texts)


def box(side: float, step: float = 0.0) -> Sketch:
    return Sketch((np.array([[0, 0], [side, 0], [side, side], [0, side + step], [0, 0]], np.float32),))


def test_query_ids_are_unique_and_name_row_and_drawing(task: Task) -> None:
    ids = [question.id for question in task.questions]
    assert len(set(ids)) == len(ids) == 12
    assert ids[:2] == ["red-bar#1", "red-bar#2"]
    assert next(question.id for question in make_task("stbir", task.data).questions) == "red-bar"


def test_noise_is_read_from_words_and_refused_where_it_is_none() -> None:
    assert Noise.parse("wobble:2.5", 3) == Noise("wobble", 2.5, 3)
    for text, message in (("wobble", "NAME:SEVERITY"), ("wobble:x", "NAME:SEVERITY"), ("wobble:6", "out of range")):
        with pytest.raises(ConfigError, match=message):
            Noise.parse(text)
    with pytest.raises(ConfigError, match="wobbble"):
        Noise.parse("wobbble:3")


def test_severity_0_is_the_clean_task(task: Task) -> None:
    assert task.with_noise(Noise("wobble", 0)).noise is None


@pytest.mark.parametrize(
    ("noise", "changed"),
    [("wobble", {"sketches"}), ("typos", {"texts"}), ("image-crop", {"gallery"}), ("mixed", {"sketches", "texts"})],
)
def test_a_noise_changes_what_it_is_of_and_nothing_else(task: Task, tiny_bundle, noise: str, changed: set[str]) -> None:
    embedder = Embedder(Encoder(tiny_bundle, threads=1), "tests")
    clean, noisy = embedder.embed(task), embedder.embed(task.with_noise(Noise(noise, 5)))
    for name in ("gallery", "sketches", "texts"):
        same = np.array_equal(getattr(clean, name), getattr(noisy, name))
        assert same == (name not in changed), name
    again = embedder.embed(task.with_noise(Noise(noise, 5)))
    other = Embedder(Encoder(tiny_bundle, threads=1), "tests").embed(task.with_noise(Noise(noise, 5)))
    for name in changed:
        assert np.array_equal(getattr(noisy, name), getattr(again, name))
        assert np.array_equal(getattr(noisy, name), getattr(other, name))


def test_seeds_of_a_noise_differ(task: Task, tiny_bundle) -> None:
    embedder = Embedder(Encoder(tiny_bundle, threads=1), "tests")
    one, other = (embedder.embed(task.with_noise(Noise("wobble", 4, seed))).sketches for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_every_item_has_a_chance_of_its_own_and_what_is_left_stays_in_its_row(task: Task, tiny_bundle) -> None:
    embedder = Embedder(Encoder(tiny_bundle, threads=1), "tests")
    clean = embedder.embed(task).sketches
    noisy = embedder.embed(task.with_noise(Noise("no-sketch", 2.5))).sketches
    is_lost = ~noisy.any(axis=1)
    assert 0 < is_lost.sum() < 12
    assert np.array_equal(noisy[~is_lost], clean[~is_lost])


def test_noise_does_not_change_the_name_of_the_data(task: Task) -> None:
    fresh = make_task("open", task.data)
    assert fresh.with_noise(Noise("wobble", 3)).data_hash == task.data_hash


def test_nothing_is_encoded_twice(task: Task, tiny_bundle, tmp_path: Path) -> None:
    encoder = Counting(tiny_bundle)
    embedder = Embedder(encoder, "tests", VectorStore(tmp_path / "vectors"))
    first = embedder.embed(task)
    assert encoder.count == {"pictures": 12, "drawings": 12, "texts": 2}
    embedder.embed(task.with_noise(Noise("wobble", 3)))
    assert encoder.count == {"pictures": 12, "drawings": 24, "texts": 2}
    reopened = Embedder(encoder, "tests", VectorStore(tmp_path / "vectors")).embed(task)
    assert encoder.count == {"pictures": 12, "drawings": 24, "texts": 2}
    assert np.array_equal(first.gallery, reopened.gallery)
    Embedder(encoder, "another model", VectorStore(tmp_path / "vectors")).embed(task)
    assert encoder.count == {"pictures": 24, "drawings": 36, "texts": 4}


def test_damaged_vectors_are_made_again(task: Task, tiny_bundle, tmp_path: Path) -> None:
    encoder = Counting(tiny_bundle)
    first = Embedder(encoder, "tests", VectorStore(tmp_path)).embed(task)
    for path in tmp_path.glob("*.npy"):
        path.write_bytes(path.read_bytes()[:-40])
    again = Embedder(encoder, "tests", VectorStore(tmp_path)).embed(task)
    assert encoder.count["pictures"] == 24
    assert np.array_equal(first.gallery, again.gallery)


def test_drawings_are_parted_by_detail_and_agreement() -> None:
    assert detail(box(10)) == pytest.approx(40 / np.hypot(10, 10))
    assert detail(Sketch((np.array([[3, 3]], np.float32),))) == 0
    line = Sketch((np.array([[0, 0], [10, 1]], np.float32),))
    alike = agreement([box(10), box(20), line])
    assert alike[0] == pytest.approx(alike[1], abs=1e-3)
    assert alike[2] < alike[0]
    assert agreement([box(10), box(10)]).tolist() == pytest.approx([1.0, 1.0])
    assert thirds([1.0, 2.0, 3.0, None]) == ["low", "middle", "high", None]
    assert thirds([None]) == [None]


def test_naming_the_data_looks_at_every_query_a_few_times_only(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for every other query: tasks have tens of thousands."""
    looks: list[int] = []
    real = Task.has_texts.fget
    monkeypatch.setattr(Task, "has_texts", property(lambda asked: looks.append(1) or real(asked)))
    assert make_task("open", task.data).data_hash == task.data_hash
    assert len(looks) <= 2


def test_task_files_name_every_query_picture_and_answer(task: Task, tmp_path: Path) -> None:
    write_task(task, tmp_path / "task")
    queries = [json.loads(line) for line in (tmp_path / "task" / "queries.jsonl").read_text().splitlines()]
    gallery = [json.loads(line) for line in (tmp_path / "task" / "gallery.jsonl").read_text().splitlines()]
    qrels = [line.split() for line in (tmp_path / "task" / "qrels.txt").read_text().splitlines()]
    assert [query["id"] for query in queries] == [question.id for question in task.questions]
    assert queries[0]["sketches"] == ["drawings/red-bar-1.json"]
    assert len(gallery) == 12
    assert [(row[0], row[2], row[3]) for row in qrels] == [(q.id, q.row.id, "1") for q in task.questions]


def test_the_hash_of_the_code_covers_whatever_decides_ranks() -> None:
    package = Path(provenance.__file__).parents[1]
    parts = {*provenance.ENCODING_PARTS, *provenance.NOISE_PARTS, *provenance.RANKING_PARTS}
    assert [part for part in parts if not (package / part).exists()] == []
    left_out = {path.stem for path in (package / "evaluate").glob("*.py") if f"evaluate/{path.name}" not in parts}
    # what names, keeps and writes; relevance and summary are for callers and experiments, not for `evaluate`
    assert left_out == {"__init__", "provenance", "relevance", "summary", "task_files", "vector_store"}


def test_the_hash_of_the_code_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.py").write_text("1")
    monkeypatch.setattr(provenance.stbir, "__file__", str(tmp_path / "__init__.py"))
    provenance.code_version.cache_clear()
    before = provenance.code_version(("a",))
    (tmp_path / "a" / "one.py").write_text("2")
    provenance.code_version.cache_clear()
    assert provenance.code_version(("a",)) != before
    monkeypatch.undo()
    provenance.code_version.cache_clear()
