from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from stbir.train.corpus import Corpus, PictureMaps  # noqa: E402
from stbir.train.drawings import DrawingBatches, DrawingsSettings, DrawingsStage  # noqa: E402
from stbir.train.loop import Schedule, run_stage  # noqa: E402
from stbir.train.sketches import SketchSet  # noqa: E402
from stbir.train.towers import ImageTower, SketchTower, TextTower  # noqa: E402
from stbir.train.words import WordsSettings, WordsStage  # noqa: E402

SIZE_PX = 64


@pytest.fixture(autouse=True)
def no_denormals() -> Iterator[None]:
    """Backbones with random weights give numbers so small that a CPU would crawl."""
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


def silent(_: str) -> None:
    pass


def words_stage(folder: Path) -> WordsStage:
    torch.manual_seed(0)
    image, text = ImageTower(SIZE_PX, 16, 32), TextTower(32, num_layers=4)
    settings = WordsSettings(batch_size=24, hard_share=0.5, feature_dropout=0.0)
    return WordsStage(Corpus(folder), image, text, settings, seed=0)


def test_words_overfits_a_small_set(corpus_folder: Path, tmp_path: Path) -> None:
    stage = words_stage(corpus_folder)
    train = np.arange(24)
    schedule = Schedule(num_steps=60, warmup_steps=5, validate_every=60)
    run_stage(stage, schedule, tmp_path / "run", seed=0, say=silent)
    with torch.inference_mode():
        similarity = stage.encode_texts(train) @ stage.encode_images(train, np.zeros(24, np.int64)).T
    assert (similarity.argmax(1).numpy() == train).mean() >= 0.95


def test_words_draws_only_training_photos_and_the_same_for_the_same_step(corpus_folder: Path) -> None:
    stage = words_stage(corpus_folder)
    stage.settings = WordsSettings(batch_size=16)
    drawn = np.concatenate([rows for rows, _ in stage.batches(0, 30)])
    assert set(drawn) == set(range(24))
    (first, _), (second, _) = list(stage.batches(3, 2))
    (again, _) = next(iter(stage.batches(3, 1)))
    assert (first == again).all()
    assert len(first) != len(second) or (first != second).any()
    assert max(first.max(), second.max()) < 24


def drawings_stage(folder: Path) -> DrawingsStage:
    torch.manual_seed(0)
    corpus, sketches = Corpus(folder), SketchSet(folder)
    image, sketch = ImageTower(SIZE_PX, 16, 32), SketchTower(SIZE_PX, 16)
    settings = DrawingsSettings(
        batch_size=24,
        num_negatives=8,
        kind_shares={"real": 0.7, "pair": 0.3},
        severity={"real": 0.0, "pair": 0.0},
        backbone_lr=2e-3,
        head_lr=5e-3,
        class_weight=0.0,
        teacher_weight=0.0,
    )
    return DrawingsStage(corpus, PictureMaps(folder, 1), sketches, image, sketch, settings, seed=0, num_workers=0)


def test_drawings_lessons_fall(corpus_folder: Path) -> None:
    stage = drawings_stage(corpus_folder)
    # Random backbones give nearly equal maps; He initialisation makes them tell drawings apart.
    for module in stage.sketch.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    optimiser = torch.optim.AdamW(stage.parameter_groups())
    history = []
    for batch in stage.batches(0, 16):
        losses = stage.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        history.append(float(losses["photo"].detach()))
    assert np.mean(history[-3:]) < 0.8 * np.mean(history[:2])


def test_batches_depend_on_seed_and_step_alone(corpus_folder: Path) -> None:
    sketches = SketchSet(corpus_folder)
    settings = DrawingsSettings(batch_size=12, kind_shares={"real": 0.5, "pair": 0.5})
    photos = np.arange(24)

    def batches(seed: int, steps: range) -> DrawingBatches:
        return DrawingBatches(sketches, photos, settings, SIZE_PX, 1, seed, steps)

    one, other = batches(0, range(5)).batch(3), next(iter(batches(0, range(3, 5))))
    assert (one.rows == other.rows).all()
    assert (one.ink == other.ink).all()
    assert (one.ink != batches(1, range(5)).batch(3).ink).any()


def test_pairs_come_with_their_partner_and_never_from_validation(corpus_folder: Path) -> None:
    sketches = SketchSet(corpus_folder)
    settings = DrawingsSettings(batch_size=12, kind_shares={"real": 0.5, "pair": 0.5})
    batch = DrawingBatches(sketches, np.arange(24), settings, SIZE_PX, 1, 0, range(1)).batch(0)
    pairs = [row for row in batch.rows if sketches.kind(int(row)) == "pair"]
    half = len(pairs) // 2
    assert half == 3
    for left, right in zip(pairs[:half], pairs[half:], strict=True):
        assert left != right
        assert sketches.group[left] == sketches.group[right]
    assert all(sketches.splits[row] == "train" for row in batch.rows)


def test_only_training_photos_are_negatives(corpus_folder: Path) -> None:
    stage = drawings_stage(corpus_folder)
    assert set(stage.trainable_photos) == set(range(24))


def test_heads_depend_on_the_seed_alone(corpus_folder: Path) -> None:
    first = drawings_stage(corpus_folder)
    torch.randn(1000)
    corpus, sketches = Corpus(corpus_folder), SketchSet(corpus_folder)
    second = DrawingsStage(
        corpus,
        PictureMaps(corpus_folder, 1),
        sketches,
        first.image,
        first.sketch,
        first.settings,
        seed=0,
        num_workers=0,
    )
    for name in ("prototypes", "teacher_head"):
        for one, other in zip(getattr(first, name).parameters(), getattr(second, name).parameters(), strict=True):
            assert torch.equal(one, other)


def test_validation_searches_among_distractors_but_not_test_photos(corpus_folder: Path) -> None:
    targets, gallery = Corpus(corpus_folder).validation_galleries()["toy"]
    assert targets.tolist() == [24, 25, 26, 27]
    assert gallery.tolist() == [24, 25, 26, 27, 30, 31]


def test_validation_tasks_hold_validation_drawings_only(corpus_folder: Path) -> None:
    sketches, corpus = SketchSet(corpus_folder), Corpus(corpus_folder)
    tasks = sketches.validation_tasks(corpus)
    assert set(tasks) == {"photo_toy", "edge"}
    queries, targets, gallery = tasks["photo_toy"]
    assert (sketches.photo[queries] == gallery[targets]).all()
    assert all(sketches.splits[row] == "val" for row in queries)
