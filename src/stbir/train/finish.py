"""The last step of a training run: export, check the parity, balance drawing and words, write the bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stbir.errors import BundleError
from stbir.model.bundle import MODEL_FILES, Bundle, Fusion, Scale
from stbir.model.encoder import Encoder
from stbir.train.balance import ask, fit_scale
from stbir.train.corpus import Corpus
from stbir.train.export import export_bundle, parity
from stbir.train.recipe import Recipe
from stbir.train.run import WEIGHTS_FILE, Towers
from stbir.train.sketches import SketchSet

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
    bundle = export_bundle(
        towers,
        recipe,
        (1.0, 1.0),
        out / "bundle.partial",
        licence=recipe.licence,
        provenance=provenance(recipe, corpus, out),
        metrics={},
    )
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
    metrics: dict[str, Any] = {"parity": {name: round(value, 5) for name, value in found.items()}}
    bundle = rebalance(recipe, bundle, metrics, say)
    final = out / "bundle"
    if final.exists():
        shutil.rmtree(final)
    bundle.path.rename(final)
    return Bundle.load(final)


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


def provenance(recipe: Recipe, corpus: Corpus, out: Path) -> dict[str, Any]:
    """What a model was made from: starting weights, data sets with counts, the recipe itself."""
    counts: dict[str, int] = {}
    for photo in corpus.photos:
        if photo.trains:
            counts[photo.set] = counts.get(photo.set, 0) + 1
    sketches = SketchSet(corpus.folder)
    kinds = {kind: len(sketches.training_rows(kind)) for kind in ("real", "pseudo", "synth", "doodle", "pair")}
    return {
        "started_from": {
            "image, sketch": "MobileNetV2 1.0/224, ImageNet (Keras, 8-bit TFLite, dequantised)",
            "text": "all-MiniLM-L6-v2 (Apache-2.0)",
            "pseudo-drawings": "PiDiNet (research use)",
            "teacher of drawings": "DoodleNet (Quick, Draw!)",
        },
        "weights_sha256": json.loads((out / WEIGHTS_FILE).read_text()),
        "training_photos": counts,
        "training_drawings": kinds,
        "recipe": recipe.model_dump(mode="json"),
    }
