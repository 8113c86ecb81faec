"""The model that ships with stbir keeps the promises that the tiny model keeps."""

import numpy as np
import pytest
from PIL import Image

from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.strokes import Sketch

TEXTS = ["red", "a tall wooden chair with a high back and four turned legs", "mug", "a blue suede ankle boot"] * 3


@pytest.fixture(scope="module")
def encoder():
    return Encoder(Bundle.load())


@pytest.fixture(scope="module")
def one_by_one():
    return Encoder(Bundle.load(), batch_size=1)


def lowest_cosine(first, second):
    return float((first * second).sum(axis=1).min())


def test_it_is_small_and_says_how_it_was_made(encoder):
    bundle = encoder.bundle
    assert bundle.num_bytes <= 32_000_000
    assert bundle.info.licence
    assert bundle.info.provenance
    assert bundle.info.metrics


def test_company_changes_no_embedding(encoder, one_by_one):
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (50 + 9 * n, 90, 3), dtype=np.uint8)) for n in range(6)]
    sketches = [Sketch((np.cumsum(rng.normal(size=(30, 2)), axis=0).astype(np.float32),)) for _ in range(6)]
    assert lowest_cosine(encoder.encode_images(pictures), one_by_one.encode_images(pictures)) > 1 - 1e-4
    assert lowest_cosine(encoder.encode_sketches(sketches), one_by_one.encode_sketches(sketches)) > 1 - 1e-4
    assert lowest_cosine(encoder.encode_texts(TEXTS), one_by_one.encode_texts(TEXTS)) > 1 - 1e-4


def test_words_of_colour_are_told_apart(encoder):
    red, blue, crimson = encoder.encode_texts(["a red shoe", "a blue shoe", "a crimson shoe"])
    assert red @ crimson > red @ blue
