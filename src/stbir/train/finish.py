"""The last step of a training run: export, check the parity, balance drawing and words, write the bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stbir.errors import BundleError
from stbir.model.bundle import MODEL_FILES, Bundle, Fusion, ModelInfo, Scale
from stbir.model.encoder import Encoder
from stbir.train.balance import ask, fit_scale
from stbir.train.corpus import Corpus
from stbir.train.export import describe, export_bundle, parity
from stbir.train.recipe import CorpusRecipe, Recipe
from stbir.train.run import WEIGHTS_FILE
from stbir.train.sketches import SketchSet
from stbir.train.towers import Towers

# Trained models reach 0.998; a few steps of training, whose heads are still near random, 0.995.
LOWEST_PARITY = 0.99


def finish(recipe: Recipe, towers: Towers, corpus: Corpus, out: Path, say: Callable[[str], None] = print) -> Bundle:
    """Export a trained model.

    Args:
        recipe: How it was trained.
        towers: The trained towers.
        corpus: What it was trained on.
        out: The run's folder; the bundle goes to `out/bundle`.
        say: Receives progress lines.

    Returns:
        The bundle.

    Raises:
        BundleError: The exported vectors differ from PyTorch's.
    """
    info = describe(recipe, {**provenance(recipe, corpus, SketchSet(corpus.folder)), **_starting_weights(out)})
    bundle, metrics = export_checked(towers, info, corpus, out / "bundle.partial", say, int8=recipe.storage == "int8")
    bundle = rebalance(recipe, bundle, metrics, say)
    return put_in_place(bundle, out / "bundle")


def put_in_place(bundle: Bundle, final: Path) -> Bundle:
    """Move a finished bundle to where it belongs."""
    if final.exists():
        shutil.rmtree(final)
    bundle.path.rename(final)
    return Bundle.load(final)


def export_checked(
    towers: Towers,
    info: ModelInfo,
    corpus: Corpus,
    directory: Path,
    say: Callable[[str], None] = print,
    *,
    int8: bool = True,
) -> tuple[Bundle, dict[str, Any]]:
    """Export towers and compare their vectors with the bundle's.

    Args:
        towers: The trained towers.
        info: Their description.
        corpus: Items to compare on.
        directory: Where the bundle goes.
        say: Receives progress lines.
        int8: Whether large weights are stored as 8-bit integers.

    Returns:
        The bundle, and the parity as metrics.

    Raises:
        BundleError: The exported vectors differ from PyTorch's.
    """
    bundle = export_bundle(towers, info, directory, int8=int8)
    photos = np.load(corpus.folder / "photos.npy", mmap_mode="r")
    chosen = np.linspace(0, len(photos) - 1, 24).astype(int)
    sketches = SketchSet(corpus.folder)
    drawings = [sketches.sketch(int(row)) for row in np.linspace(0, len(sketches) - 1, 24)]
    texts = [corpus.texts[i] for i in np.linspace(0, len(corpus.texts) - 1, 24).astype(int)]
    found = parity(towers, bundle, np.array(photos[chosen]), drawings, [t for t in texts if t.isascii()])
    say(f"parity with PyTorch (lowest cosine): {json.dumps({k: round(v, 4) for k, v in found.items()})}")
    if min(found.values()) < LOWEST_PARITY:
        shutil.rmtree(bundle.path)
        raise BundleError(f"exported vectors differ from PyTorch's (cosine {min(found.values()):.3f}); nothing is kept")
    return bundle, {"parity": {name: round(value, 5) for name, value in found.items()}}


def rebalance(recipe: Recipe, bundle: Bundle, metrics: dict[str, Any], say: Callable[[str], None] = print) -> Bundle:
    """Fit the fusion scale on the recipe's validation sets and write it into the bundle; vectors stay as they are."""
    fusion = bundle.info.fusion
    if recipe.balance:
        encoder = Encoder(bundle)
        scale = fit_scale([ask(encoder, settings) for settings in recipe.balance])
        say(f"fusion scale: sketch {scale[0]:.2f}, text {scale[1]:.2f}")
        fusion = Fusion(scale=Scale(sketch=round(scale[0], 3), text=round(scale[1], 3)))
    info = bundle.info.model_copy(update={"fusion": fusion, "metrics": {**bundle.info.metrics, **metrics}})
    return Bundle.write(bundle.path, {name: bundle.read(name) for name in MODEL_FILES}, info)


def provenance(recipe: CorpusRecipe, corpus: Corpus, sketches: SketchSet) -> dict[str, Any]:
    """What a model learned from: data sets with counts, and the recipe itself."""
    counts: dict[str, int] = {}
    for photo in corpus.photos:
        if photo.trains:
            counts[photo.set] = counts.get(photo.set, 0) + 1
    kinds = {kind: len(sketches.training_rows(kind)) for kind in ("real", "pseudo", "synth", "doodle", "pair")}
    return {
        "training_photos": counts,
        "training_drawings": kinds,
        "recipe": recipe.model_dump(mode="json"),
    }


def _starting_weights(out: Path) -> dict[str, Any]:
    """The pretrained weights that a run of stages `words` and `drawings` begins with."""
    return {
        "started_from": {
            "image, sketch": "MobileNetV2 1.0/224, ImageNet (Keras, 8-bit TFLite, dequantised)",
            "text": "all-MiniLM-L6-v2 (Apache-2.0)",
            "pseudo-drawings": "PiDiNet (research use)",
            "teacher of drawings": "DoodleNet (Quick, Draw!)",
        },
        "weights_sha256": json.loads((out / WEIGHTS_FILE).read_text()),
    }
