from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from conftest import outline
from shapes_dataset import write_shapes
from stbir.datasets import open_dataset
from stbir.evaluate.embed import Embedder
from stbir.evaluate.protocols import make_task
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder


def test_several_drawings_become_their_unit_mean(tiny_bundle: Bundle, tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "shapes")
    (folder / "drawings" / "red-bar-2.json").write_text(json.dumps(outline("disc")))
    data = open_dataset(folder)
    encoder = Encoder(tiny_bundle, threads=1)
    task = make_task("stbir", data)
    vectors = Embedder(encoder, "tests").embed(task)
    assert vectors.sketches is not None
    np.testing.assert_allclose(np.linalg.norm(vectors.sketches, axis=1), 1, atol=1e-6)
    number = next(n for n, question in enumerate(task.questions) if question.row.id == "red-bar")
    mean = encoder.encode_sketches(data.sketches(task.questions[number].row)).mean(axis=0)
    np.testing.assert_allclose(vectors.sketches[number], mean / np.linalg.norm(mean), atol=1e-6)


def test_vectors_belong_to_their_rows(tiny_bundle: Bundle, tmp_path: Path) -> None:
    data = open_dataset(write_shapes(tmp_path / "shapes"))
    encoder = Encoder(tiny_bundle, threads=1)
    task = make_task("open", data)
    vectors = Embedder(encoder, "tests").embed(task)
    picture = encoder.encode_images([data.picture(task.gallery[7])])[0]
    np.testing.assert_allclose(vectors.gallery[7], picture, atol=1e-6)
    question = task.questions[5]
    assert vectors.texts is not None
    np.testing.assert_allclose(vectors.texts[5], encoder.encode_texts([str(question.text)])[0], atol=1e-6)
