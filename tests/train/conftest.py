"""A tiny prepared corpus: eight things, each with photos, words and drawings that tell it from the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

NUM_PHOTOS = 32
SIZE_PX = 64


def split_of(index: int) -> str | None:
    """24 photos to learn from, 4 to validate with, 2 to test with, 2 distractors."""
    if index < 24:
        return ("train", "extra", None)[index % 3]
    return "val" if index < 28 else "test" if index < 30 else "gallery"


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    from stbir.strokes import Sketch
    from stbir.train.corpus import Corpus
    from stbir.train.sketches import Drawing, pack

    rng = np.random.default_rng(7)
    folder = tmp_path / "corpus"
    folder.mkdir()
    grid = SIZE_PX // 16
    np.save(folder / "stem0.npy", rng.normal(0, 1, (NUM_PHOTOS, 96, grid, grid)).astype(np.float16))
    np.save(folder / "small0.npy", rng.integers(0, 256, (NUM_PHOTOS, 8, 8, 3), dtype=np.uint8))
    np.save(folder / "last0.npy", rng.normal(0, 1, (NUM_PHOTOS, 320, grid // 2, grid // 2)).astype(np.float16))
    np.save(folder / "pooled0.npy", rng.normal(0, 1, (NUM_PHOTOS, 1280)).astype(np.float16))
    texts = [f"thing {index}" for index in range(NUM_PHOTOS)] + ["star"]
    np.save(folder / "text_hidden.npy", rng.normal(0, 1, (4 * len(texts), 384)).astype(np.float16))
    np.save(folder / "text_offsets.npy", np.arange(0, 4 * len(texts) + 1, 4))
    np.save(folder / "text_pooled.npy", rng.normal(0, 0.3, (len(texts), 384)).astype(np.float32))
    photos = [
        {"set": "toy", "id": str(i), "category": "star", "split": split_of(i), "text_ids": [i], "captioned": True}
        for i in range(NUM_PHOTOS)
    ]
    (folder / "corpus.json").write_text(json.dumps({"texts": texts, "photos": photos, "num_views": 1}))
    corpus = Corpus(folder)
    drawings = []
    for index in range(NUM_PHOTOS):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
        radii = rng.uniform(0.3, 1.0, 7)
        points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1).astype(np.float32)
        known = split_of(index)
        split = "train" if known in ("train", "extra", None) else "val" if known == "val" else "test"
        for kind in ("real", "pair", "pair"):
            photo = index if kind == "real" else -1
            drawings.append(Drawing(Sketch((points,)), kind, photo, "star", f"{kind}{index}", split))
    pack(drawings, corpus, {"star": len(texts) - 1}, folder / "sketches.npz")
    np.save(folder / "teacher_logits.npy", rng.normal(0, 1, (len(drawings), 5)).astype(np.float16))
    return folder
