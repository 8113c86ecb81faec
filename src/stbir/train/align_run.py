"""From an alignment recipe to a bundle: prepare, feature bank, stages, fusion, export, in one resumable run."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

import stbir
from stbir.model.bundle import MODEL_FILES, Bundle, Fusion, ModelInfo, Scale
from stbir.train.align import AlignStage
from stbir.train.align_recipe import AlignRecipe, ClassSettings
from stbir.train.bank import FeatureBank, build_bank
from stbir.train.category import MarginHead
from stbir.train.checkpoint import load_checkpoint, save_checkpoint
from stbir.train.corpus import Corpus
from stbir.train.distil import Teacher, build_teacher
from stbir.train.distributed import barrier, is_main, process_group
from stbir.train.finish import export_checked, provenance, put_in_place
from stbir.train.gate import fit_gate
from stbir.train.heads import PARTS, Heads, fresh_heads
from stbir.train.lessons import START_SCALE
from stbir.train.loop import Schedule, run_stage
from stbir.train.negatives import Rows
from stbir.train.photo_classes import photo_classes
from stbir.train.prepare import corpus_folder, prepare_items
from stbir.train.pretrained import LITE0_SHA256, load_lite0
from stbir.train.restore import restore_towers
from stbir.train.run import RECIPE_FILE, check_same_run, open_or_explain
from stbir.train.sources import weights_folder
from stbir.train.towers import ImageTower, SketchTower, Towers
from stbir.train.triplets import Triplets, learned_rows
from stbir.train.validation import Balance, Validation, fit_balance

Say = Callable[[str], None]
BALANCED_AT = (0.0, 3.5)


def align(recipe: AlignRecipe, out: Path, *, fresh: bool = False, say: Say = print) -> Bundle:
    """Run an alignment recipe, or go on with it.

    Args:
        recipe: What to do.
        out: Folder of checkpoints, logs and the bundle.
        fresh: Forget checkpoints in `out`.
        say: Receives progress lines.

    Returns:
        The bundle in `out/bundle`. Under `torchrun` the processes share every batch; the main one prepares and exports.
    """
    with process_group(recipe.device):
        if is_main():
            _begin(recipe, out, fresh)
        barrier()
        _align(recipe, out, say if is_main() else lambda _: None)
        barrier()
    return Bundle.load(out / "bundle")


def _begin(recipe: AlignRecipe, out: Path, fresh: bool) -> None:
    """What one process does for all: folder, recipe, corpus and feature bank."""
    out.mkdir(parents=True, exist_ok=True)
    if fresh:
        for pattern in ("*.ckpt", "*.best", "*.done", "*.metrics.jsonl", RECIPE_FILE):
            for file in out.glob(pattern):
                file.unlink()
    check_same_run(recipe, out / RECIPE_FILE)
    (out / RECIPE_FILE).write_text(recipe.model_dump_json(indent=2))
    base = _base(recipe)
    corpus = Corpus(_prepare(recipe))
    bank = build_bank(corpus, base, starting_towers(recipe, base), recipe.bank, corpus.folder, recipe.upper)
    _teacher(recipe, bank, base)


def _teacher(recipe: AlignRecipe, bank: FeatureBank, base: Bundle) -> Teacher | None:
    """What the base knows, where a stage keeps it."""
    return build_teacher(bank, base) if any(stage.losses.distil for stage in recipe.stages) else None


def starting_towers(recipe: AlignRecipe, base: Bundle) -> Towers:
    """The base's towers; those that begin anew are drawn from the seed on an ImageNet network.

    Args:
        recipe: Which towers begin anew, and whether the picture network stays frozen.
        base: The bundle.

    Returns:
        The towers, in evaluation mode.
    """
    towers, info = restore_towers(base), base.info
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        if recipe.image_backbone != "keep":
            dims = info.dims
            image = ImageTower(
                info.image.size_px,
                dims.sketch,
                dims.text,
                backbone=recipe.image_backbone,
                histogram=recipe.colour_histogram,
            )
            image.backbone, image.is_new = load_lite0(), True
            towers = replace(towers, image=image.eval())
        if recipe.sketch_backbone != "keep":
            sketch = SketchTower(info.sketch.size_px, info.dims.sketch, backbone=recipe.sketch_backbone)
            sketch.backbone, sketch.is_new = load_lite0(), True
            towers = replace(towers, sketch=sketch.eval())
    towers.image.frozen_backbone = recipe.frozen_backbone
    return towers


def _base(recipe: AlignRecipe) -> Bundle:
    return Bundle.load(None if recipe.base == "default" else recipe.base)


def _align(recipe: AlignRecipe, out: Path, say: Say) -> None:
    """Train, fuse and export; what is prepared is only opened."""
    started = time.monotonic()
    base = _base(recipe)
    towers = starting_towers(recipe, base)
    corpus = Corpus(corpus_folder(recipe))
    bank = build_bank(corpus, base, towers, recipe.bank, corpus.folder, recipe.upper)
    towers.image.one_space = recipe.one_space
    if recipe.heads == "fresh":
        fresh_heads(towers, recipe.seed)
    heads = Heads(towers, recipe.upper)
    kept = [part for part in PARTS if part not in _new_towers(recipe)]
    before = {part: copy.deepcopy(heads.by_part[part].state_dict()) for part in kept}
    for_heads, for_gate = learned_rows(bank, recipe.fusion.gate_share)
    validation = Validation(bank, recipe.validation_weights)
    say(f"{len(for_heads):,} photos to learn from, validation on {', '.join(validation.tasks)}")
    _train(recipe, bank, for_heads, heads, validation, _teacher(recipe, bank, base), out, say)
    if not is_main():
        return
    mix_heads(heads, before, recipe.base_share)
    unseen = Triplets(bank, for_gate, recipe.set_weights)
    fusion, balance = _fuse(recipe, bank, heads, unseen, validation, say)
    minutes = (time.monotonic() - started) / 60
    say(f"aligned in {minutes:.1f} min")
    info = _describe(recipe, base, fusion, bank, minutes)
    bundle, metrics = export_checked(towers, info, corpus, out / "bundle.partial", say, int8=recipe.storage == "int8")
    metrics["validation"] = {k: round(v, 4) for k, v in validation.figures(heads, balance).items()}
    files = {name: bundle.read(name) for name in MODEL_FILES}
    bundle = Bundle.write(bundle.path, files, bundle.info.model_copy(update={"metrics": metrics}))
    put_in_place(bundle, out / "bundle")


def mix_heads(heads: Heads, before: Mapping[str, Mapping[str, Tensor]], share: float) -> None:
    """Move the weights of the heads part of the way back to what they were.

    Args:
        heads: Changed in place.
        before: Earlier weights of each part; those that have none stay.
        share: Of the earlier weights, in [0, 1].

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, eq. 1.
    """
    for part, earlier in before.items():
        now = heads.by_part[part].state_dict()
        heads.by_part[part].load_state_dict({name: torch.lerp(now[name], earlier[name], share) for name in now})


def _prepare(recipe: AlignRecipe) -> Path:
    """Prepare the corpus; pretrained weights are only needed for pseudo-drawings."""
    for settings in recipe.data.sets:
        if settings.name != "quickdraw-10k":
            open_or_explain(settings.name)
    if not any(settings.max_pseudo for settings in recipe.data.sets):
        return prepare_items(recipe, None)
    with weights_folder(recipe.weights.root) as weights:
        return prepare_items(recipe, weights)


def _train(
    recipe: AlignRecipe,
    bank: FeatureBank,
    rows: Rows,
    heads: Heads,
    validation: Validation,
    teacher: Teacher | None,
    out: Path,
    say: Say,
) -> None:
    """Run the stages one after the other; what is finished is not done again."""
    start = torch.tensor(START_SCALE)
    scales = nn.ParameterDict({name: nn.Parameter(start.clone()) for name in ("sketch", "text")})
    scales["bias"] = nn.Parameter(torch.tensor(-10.0))
    class_heads: dict[str, MarginHead] = {}
    for number, settings in enumerate(recipe.stages):
        triplets = Triplets(bank, rows, recipe.set_weights, undrawn=settings.undrawn)
        classes = photo_classes(bank, triplets.categories, settings.classes, recipe.seed)
        if settings.classes.weight > 0 and not class_heads:
            class_heads = _class_heads(heads, settings.classes, int(classes.max()) + 1, recipe.seed)
        used = class_heads if settings.classes.weight > 0 else {}
        stage = AlignStage(
            settings, bank, triplets, heads, scales, classes, used, validation, recipe.seed * 1000 + number, teacher
        )
        done = out / f"{settings.name}.done"
        modules = stage.modules()
        if done.is_file():
            state = load_checkpoint(done)
            for name, module in modules.items():
                module.load_state_dict(state[name])
            continue
        run_stage(stage, Schedule(**settings.schedule.model_dump()), out, seed=recipe.seed, say=say)
        if is_main():
            save_checkpoint(done, {name: module.state_dict() for name, module in modules.items()})
    for part in PARTS:
        heads.by_part[part].eval()


def _class_heads(heads: Heads, settings: ClassSettings, num_classes: int, seed: int) -> dict[str, MarginHead]:
    dim = heads.towers.sketch.head.map.out_features
    text_dim = heads.towers.text.skip.out_features
    sizes = {"both": dim} if heads.one_space else {"sketch": dim, "text": text_dim}
    with torch.random.fork_rng():
        torch.manual_seed(seed + 7)
        return {
            space: MarginHead(
                settings.head,
                num_classes,
                size,
                margin=settings.margin,
                scale=settings.scale,
                num_centres=settings.num_centres,
            )
            for space, size in sizes.items()
        }


def _fuse(
    recipe: AlignRecipe,
    bank: FeatureBank,
    heads: Heads,
    unseen: Triplets,
    validation: Validation,
    say: Say,
) -> tuple[Fusion, Balance]:
    """The balance of the finished model, as a bundle stores it and as a function."""
    if recipe.fusion.kind == "mean" or heads.one_space:
        return Fusion(), _constant((1.0, 1.0))
    weights = recipe.balance_weights or None
    fitted = fit_balance(validation, heads, BALANCED_AT, weights=weights)
    say(f"fusion scale: sketch {fitted[0]:.2f}, text {fitted[1]:.2f}")
    plain = _constant(fitted)
    if recipe.fusion.kind == "scale":
        return Fusion(scale=_rounded(fitted)), plain
    network = fit_gate(bank, heads, unseen, validation, fitted, recipe.fusion, recipe.seed)
    # What the gate says on the whole is taken out of it: validation knows better how much both parts count.
    fitted = fit_balance(validation, heads, BALANCED_AT, network.balance((1.0, 1.0)), weights)
    gated = network.balance(fitted)
    for severity in BALANCED_AT:
        scores = [validation.figures(heads, rule, severity)["score"] for rule in (plain, gated)]
        say(f"validation at severity {severity:g}: MRR {scores[0]:.4f} with the scale, {scores[1]:.4f} with the gate")
    return Fusion(scale=_rounded(fitted), gate=network.record()), gated


def _rounded(scale: tuple[float, float]) -> Scale:
    return Scale(sketch=round(scale[0], 3), text=round(scale[1], 3))


def _constant(scale: tuple[float, float]) -> Balance:
    """The same inverse temperatures for every query."""
    return lambda *_: torch.tensor(scale)


def _describe(recipe: AlignRecipe, base: Bundle, fusion: Fusion, bank: FeatureBank, minutes: float) -> ModelInfo:
    made_from = {
        "base": {"name": base.info.name, "version": base.info.version, "fingerprint": base.info.fingerprint},
        "base_provenance": base.info.provenance,
        **provenance(recipe, bank.corpus, bank.sketches),
        **_new_backbone(recipe),
        "one_space": recipe.one_space,
        "minutes": round(minutes, 1),
    }
    changes: dict[str, object] = {
        "name": recipe.model.name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "version": stbir.__version__,
        "licence": recipe.licence,
        "fusion": fusion,
        "provenance": made_from,
        "metrics": {},
    }
    new = _new_towers(recipe)
    if new:
        kinds = {"image": "pictures", "sketch": "drawings"}
        changes["description"] = (
            f"{base.info.description.rstrip('.')}; towers of {' and '.join(kinds[part] for part in new)} begun anew "
            "on EfficientNet-Lite0."
        )
    return base.info.model_copy(update=changes)


def _new_towers(recipe: AlignRecipe) -> list[str]:
    """Towers that begin anew."""
    asked = {"image": recipe.image_backbone, "sketch": recipe.sketch_backbone}
    return [part for part, backbone in asked.items() if backbone != "keep"]


def _new_backbone(recipe: AlignRecipe) -> dict[str, object]:
    """What towers of another network started from."""
    new = _new_towers(recipe)
    if not new:
        return {}
    return {
        "started_from": {", ".join(new): "EfficientNet-Lite0, ImageNet (Apache-2.0)"},
        "weights_sha256": {"efficientnet-lite0": LITE0_SHA256},
    }
