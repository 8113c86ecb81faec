"""Alignment on a toy bank: twenty-four things whose photo, drawing and words share a hidden code."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")


from stbir.strokes import Sketch  # noqa: E402
from stbir.train.align import AlignStage  # noqa: E402
from stbir.train.align_recipe import AlignRecipe, BankSettings, StageSettings  # noqa: E402
from stbir.train.bank import FeatureBank  # noqa: E402
from stbir.train.category import MarginHead  # noqa: E402
from stbir.train.corpus import Corpus  # noqa: E402
from stbir.train.distil import Teacher  # noqa: E402
from stbir.train.heads import PARTS, Heads, fresh_heads  # noqa: E402
from stbir.train.lessons import START_SCALE  # noqa: E402
from stbir.train.loop import Schedule, run_stage  # noqa: E402
from stbir.train.photo_classes import photo_classes, renewed_classes  # noqa: E402
from stbir.train.recipe import find_recipe, parse_recipe, read_fields  # noqa: E402
from stbir.train.sketches import Drawing, SketchSet, pack  # noqa: E402
from stbir.train.towers import ImageTower, SketchTower, TextTower, Towers  # noqa: E402
from stbir.train.triplets import Triplets, learned_rows  # noqa: E402
from stbir.train.validation import Similarity, Validation, fit_balance  # noqa: E402

DIM, NUM_PHOTOS, NUM_TRAINED = 16, 36, 24
PRESETS = ("stbir", "stbir-paper", "tsbir-mean", "triplet-sn", "text-only", "sketch-only")
BANK = BankSettings(sketch_severities=(0.0, 5.0), text_severities=(0.0, 5.0), image_severities=(0.0, 3.0))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Toys are too small to share; threads that wait for each other would only slow them down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_towers(*, one_space: bool = False) -> Towers:
    torch.manual_seed(1)
    return Towers(ImageTower(64, DIM, DIM, one_space=one_space), SketchTower(64, DIM), TextTower(DIM, 4))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> FeatureBank:
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(3)
    texts = [f"thing {index}" for index in range(NUM_PHOTOS)]
    photos: list[dict[str, Any]] = [
        {
            "set": "toy",
            "id": str(i),
            "category": "star" if i % 2 else "moon",
            "split": "train" if i < NUM_TRAINED else "val",
            "text_ids": [i],
            "captioned": True,
            "virtual_class": str(i % 4),
        }
        for i in range(NUM_PHOTOS)
    ]
    (folder / "corpus.json").write_text(json.dumps({"texts": texts, "photos": photos, "num_views": 1}))
    corpus = Corpus(folder)
    line = np.asarray([[0, 0], [5, 5]], np.float32)
    drawings = [
        Drawing(Sketch((line,)), "real", i, "star", str(i), "train" if i < NUM_TRAINED else "val")
        for i in range(NUM_PHOTOS)
    ]
    pack(drawings, corpus, {"star": 0}, folder / "sketches.npz")
    codes = rng.normal(size=(NUM_PHOTOS, 12))
    towers = small_towers()
    widths = {
        "image": towers.image.shape_head.map.in_features + towers.image.colour.out_dim,
        "sketch": towers.sketch.head.map.in_features,
        "text": 384,
    }
    for part, width in widths.items():
        clean = codes @ rng.normal(size=(12, width)) / 3.5
        np.save(folder / f"{part}0.npy", clean.astype(np.float16))
        np.save(folder / f"{part}1.npy", (clean + rng.normal(size=clean.shape)).astype(np.float16))
    return FeatureBank(folder, corpus, SketchSet(folder), BANK)


def recipe_of(name: str) -> AlignRecipe:
    path = find_recipe(name)
    return parse_recipe(read_fields(path), AlignRecipe, path)


def small(settings: StageSettings, num_steps: int = 60) -> StageSettings:
    schedule = settings.schedule.model_copy(
        update={"num_steps": num_steps, "validate_every": num_steps, "warmup_steps": 5, "average_decay": 0.9}
    )
    negatives = settings.negatives.model_copy(
        update={"refresh_every": 20, "group_size": min(4, settings.negatives.group_size)}
    )
    off = settings.curriculum.model_copy(update={"kind": "off"})
    changes = {"batch_size": 20, "lr": 5e-3, "feature_dropout": 0.0, "schedule": schedule, "negatives": negatives}
    return settings.model_copy(update={**changes, "curriculum": off})


def make_stage(bank: FeatureBank, heads: Heads, settings: StageSettings, scales: Any = None) -> AlignStage:
    rows, _ = learned_rows(bank, 0.0)
    triplets = Triplets(bank, rows, {})
    classes = photo_classes(bank, triplets.categories, settings.classes, 0)
    spaces = ("both",) if heads.one_space else ("sketch", "text")
    kinds = {space: MarginHead(settings.classes.head, int(classes.max()) + 1, DIM) for space in spaces}
    scales = new_scales() if scales is None else scales
    used = kinds if settings.classes.weight > 0 else {}
    return AlignStage(settings, bank, triplets, heads, scales, classes, used, Validation(bank, {}), 5)


def new_scales() -> Any:
    names = {"sketch": START_SCALE, "text": START_SCALE, "bias": -10.0}
    return torch.nn.ParameterDict({name: torch.nn.Parameter(torch.tensor(value)) for name, value in names.items()})


def accuracy(bank: FeatureBank, heads: Heads, way: str) -> float:
    """Acc@1 among the photos that were learned from."""
    rows = np.arange(NUM_TRAINED)
    clean = np.zeros(NUM_TRAINED, np.int64)
    with torch.inference_mode():
        for_sketch, for_text = heads.image(bank.read("image", rows, clean))
        cosine = {
            "sketch": heads.sketch(bank.read("sketch", rows, clean)) @ for_sketch.T,
            "text": heads.text(bank.read("text", rows, clean)) @ for_text.T,
        }
    both = cosine["sketch"] + cosine["text"] if way == "both" else cosine[way]
    return float((both.argmax(1).numpy() == rows).mean())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_learns_a_small_set_by_heart(bank: FeatureBank, tmp_path: Path, name: str) -> None:
    recipe = recipe_of(name)
    towers = small_towers(one_space=recipe.one_space)
    fresh_heads(towers, 0)
    heads, scales = Heads(towers), new_scales()
    way = {"text-only": "text", "sketch-only": "sketch"}.get(name, "both")
    before = accuracy(bank, heads, way)
    # A triplet has nothing more to say about what is right by its margin, so it needs the longest.
    num_steps = 150 if name == "triplet-sn" else 60
    for settings in recipe.stages:
        stage = make_stage(bank, heads, small(settings, num_steps), scales)
        run_stage(stage, Schedule(**stage.settings.schedule.model_dump()), tmp_path, seed=0, say=lambda _: None)
    assert before < 0.4
    assert accuracy(bank, heads, way) >= 0.95


def test_doodles_and_a_kept_base_are_lessons_of_the_sketch_space_alone(bank: FeatureBank, tmp_path: Path) -> None:
    """Twelve doodles of stars, which half of the photos are."""
    rng = np.random.default_rng(4)
    line = np.asarray([[0, 0], [5, 5]], np.float32)
    drawings = [Drawing(Sketch((line,)), "real", i, "star", str(i), "train") for i in range(NUM_PHOTOS)]
    drawings += [
        Drawing(Sketch((line,)), "doodle", -1, name, f"d{i}", "train") for i in range(12) for name in ("star", "comet")
    ]
    pack(drawings, bank.corpus, {"star": 0, "comet": 1}, tmp_path / "sketches.npz")
    for file in bank.folder.glob("*.npy"):
        features = np.load(file)
        more = rng.normal(size=(12, features.shape[1])).astype(np.float16) if "sketch" in file.name else features[:0]
        np.save(tmp_path / file.name, np.concatenate([features, more]))
    doodled = FeatureBank(tmp_path, bank.corpus, SketchSet(tmp_path), BANK)
    assert len(doodled.rows) == NUM_PHOTOS + 12, "nobody has a photo of a comet"
    settings = small(recipe_of("stbir").stages[0])
    none = settings.losses.model_copy(update={"pairs": 0.0, "composed": 0.0, "doodles": 1.0, "distil": 2.0})
    changes = {"losses": none, "classes": settings.classes.model_copy(update={"weight": 0.0})}
    heads = Heads(small_towers())
    stage = make_stage(doodled, heads, settings.model_copy(update=changes))
    taught = [rng.normal(size=(n, DIM)).astype(np.float16) for n in (NUM_PHOTOS, len(doodled.rows))]
    stage.teacher = Teacher(*taught)
    batch = next(iter(stage.batches(0, 1)))
    assert len(batch.doodles) == len(batch.photos) // 4
    assert set(batch.doodles.tolist()) <= set(range(NUM_PHOTOS, NUM_PHOTOS + 12))
    losses = stage.losses(batch)
    assert set(losses) == {"doodles", "distil"}
    stage.teacher = Teacher(*(rows * 0 for rows in taught))
    assert stage.losses(batch)["distil"].item() == 0.0
    for name, loss in losses.items():
        for part in PARTS:
            heads.by_part[part].zero_grad()
        loss.backward(retain_graph=True)
        reached = {p for p in PARTS if any(w.grad is not None and w.grad.any() for w in heads.by_part[p].parameters())}
        assert reached == {"sketch", "image"}, name
        assert not any(w.grad is not None and w.grad.any() for w in heads.towers.image.text_head.parameters())


@pytest.mark.parametrize(("name", "number", "learning"), [("stbir-paper", 1, "sketch"), ("stbir-paper", 3, "text")])
def test_gradients_reach_exactly_the_towers_of_the_stage(
    bank: FeatureBank, name: str, number: int, learning: str
) -> None:
    heads = Heads(small_towers(one_space=True))
    stage = make_stage(bank, heads, small(recipe_of(name).stages[number]))
    torch.stack(list(stage.losses(next(iter(stage.batches(0, 1)))).values())).sum().backward()
    reached = {
        part
        for part in PARTS
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in heads.by_part[part].parameters())
    }
    assert reached == {learning}
    assert all(p.grad is None for p in heads.towers.image.backbone.parameters())
    given = {id(p) for group in stage.parameter_groups() for p in group["params"]}
    assert {id(p) for p in heads.by_part[learning].parameters()} <= given
    assert not given & {id(p) for part in PARTS if part != learning for p in heads.by_part[part].parameters()}


def test_a_joint_stage_reaches_all_three(bank: FeatureBank) -> None:
    heads = Heads(small_towers())
    stage = make_stage(bank, heads, small(recipe_of("stbir").stages[0]))
    losses = stage.losses(next(iter(stage.batches(0, 1))))
    assert {"drawing", "words", "composed", "class"} <= set(losses)
    torch.stack(list(losses.values())).sum().backward()
    for part in PARTS:
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in heads.by_part[part].parameters())


def test_batches_depend_on_seed_and_step_alone(bank: FeatureBank) -> None:
    stage = make_stage(bank, Heads(small_towers()), small(recipe_of("stbir").stages[0]))
    all_of_them = list(stage.batches(0, 6))
    (alone,) = stage.batches(4, 1)
    assert (alone.photos == all_of_them[4].photos).all()
    assert (alone.texts == all_of_them[4].texts).all()
    assert any(
        len(a.photos) != len(b.photos) or (a.photos != b.photos).any() for a, b in itertools.pairwise(all_of_them)
    )
    assert max(batch.photos.max() for batch in all_of_them) < NUM_TRAINED


def test_one_space_ranks_as_the_sum_of_both_parts(bank: FeatureBank) -> None:
    heads = Heads(small_towers(one_space=True))
    for_sketch, for_text = heads.image(bank.read("image", np.arange(5), np.zeros(5, np.int64)))
    assert torch.equal(for_sketch, for_text)


def test_a_missing_part_is_masked_and_adds_nothing(bank: FeatureBank) -> None:
    heads = Heads(small_towers())
    stage = make_stage(bank, heads, small(recipe_of("stbir").stages[0]))
    batch = next(iter(stage.batches(0, 1)))
    object.__setattr__(batch, "missing", np.ones(len(batch.photos), np.int64))
    stage.lessons.composed(batch, stage.embed(batch)).backward()
    assert all(p.grad is None or p.grad.abs().sum() == 0 for p in heads.by_part["sketch"].parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in heads.by_part["text"].parameters())


def test_the_balance_trusts_the_better_part(bank: FeatureBank, tmp_path: Path) -> None:
    recipe = recipe_of("text-only")
    towers = small_towers()
    fresh_heads(towers, 0)
    heads = Heads(towers)
    stage = make_stage(bank, heads, small(recipe.stages[0]))
    run_stage(stage, Schedule(**stage.settings.schedule.model_dump()), tmp_path, seed=0, say=lambda _: None)
    sketch, text = fit_balance(stage.validation, heads)
    assert text > 3 * sketch


def test_sets_count_for_the_balance_by_weights_of_their_own(bank: FeatureBank, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one set only the drawings are right, in the other only the words."""
    heads, validation = Heads(small_towers()), Validation(bank, {"drawn": 1.0, "said": 1.0})
    right, wrong = torch.eye(4), torch.roll(torch.eye(4), 1, 0)
    rows = torch.zeros(4, DIM)
    tasks = {
        "drawn": Similarity(rows, rows, right, wrong, torch.arange(4)),
        "said": Similarity(rows, rows, wrong, right, torch.arange(4)),
    }
    monkeypatch.setattr(validation, "similarities", lambda *_: tasks)
    alike, by_drawing, by_words = (
        fit_balance(validation, heads, weights=weights) for weights in (None, {"said": 0.0}, {"drawn": 0.0})
    )
    assert alike[0] == pytest.approx(alike[1], rel=1e-3)
    assert by_drawing[0] > 2 * by_drawing[1]
    assert by_words[1] > 2 * by_words[0]


def test_the_feature_bank_gives_the_variant_that_was_asked_for(bank: FeatureBank) -> None:
    found = bank.read("text", np.asarray([4, 4, 7]), np.asarray([0, 1, 1]))
    assert np.allclose(found[0], np.asarray(bank.texts[0][4], np.float32))
    assert np.allclose(found[1], np.asarray(bank.texts[1][4], np.float32))
    assert np.allclose(found[2], np.asarray(bank.texts[1][7], np.float32))
    assert not torch.equal(found[0], found[1])


def test_classes_found_anew_keep_their_names_and_never_outgrow_the_head() -> None:
    previous = np.asarray([0, 0, 0, 1, 1, 1, -1])
    found = np.asarray([5, 5, 5, 2, 2, 7, 9])
    assert renewed_classes(found, previous).tolist() == [0, 0, 0, 1, 1, -1, -1]


def test_virtual_classes_are_those_of_the_data_and_are_renewed_in_time(bank: FeatureBank) -> None:
    settings = small(recipe_of("stbir").stages[0])
    settings = settings.model_copy(update={"classes": settings.classes.model_copy(update={"refresh_every": 3})})
    stage = make_stage(bank, Heads(small_towers()), settings)
    assert len(np.unique(stage.classes)) == 4
    renewed = []
    stage.renew_classes = lambda: renewed.append(stage.step)  # type: ignore[method-assign]
    list(stage.batches(0, 7))
    assert len(renewed) == 2


def test_a_resumed_stage_goes_on_with_level_neighbours_and_classes(bank: FeatureBank) -> None:
    settings = small(recipe_of("stbir").stages[0])
    stage = make_stage(bank, Heads(small_towers()), settings)
    stage.refresh()
    stage.curriculum.level = 3
    stage.classes = np.where(stage.classes == 0, -1, stage.classes)
    other = make_stage(bank, Heads(small_towers()), settings)
    other.load_state_dict(stage.state_dict())
    assert other.curriculum.level == 3
    assert (other.sampler.neighbours == stage.sampler.neighbours).all()
    assert (other.classes == stage.classes).all()
    assert (other.sampler.classes == stage.classes).all()


def test_validation_fuses_by_the_balance_it_is_given(bank: FeatureBank) -> None:
    heads, validation = Heads(small_towers()), Validation(bank, {})
    only_words = validation.figures(heads, lambda *_: torch.tensor([0.0, 9.0]))
    only_drawings = validation.figures(heads, lambda drawn, _: torch.tensor([[9.0, 0.0]]).repeat(len(drawn), 1))
    assert only_words["toy_both_mrr"] == only_words["toy_text_mrr"] == only_words["score"]
    assert only_drawings["toy_both_mrr"] == only_drawings["toy_sketch_mrr"]
    assert only_words["toy_both_mrr"] != only_drawings["toy_both_mrr"]
    assert validation.figures(heads, lambda *_: torch.ones(2), way="sketch")["score"] == only_words["toy_sketch_mrr"]
