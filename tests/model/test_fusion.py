import numpy as np
import pytest

from stbir.errors import QueryError
from stbir.model.bundle import Dims, Fusion, Scale
from stbir.model.fusion import compose, gallery_vectors, part_scores, scores, shares
from stbir.query import Weights

DIMS = Dims(sketch=12, text=7)
SCALE = Scale(sketch=20.0, text=5.0)
FUSION = Fusion(scale=SCALE)


def unit(rng, *shape):
    values = rng.normal(size=shape).astype(np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@pytest.fixture
def world():
    """Pictures in both spaces and one query of every kind."""
    rng = np.random.default_rng(5)
    in_sketch, in_text = unit(rng, 30, 12), unit(rng, 30, 7)
    example = gallery_vectors(unit(rng, 1, 12), unit(rng, 1, 7))[0]
    return in_sketch, in_text, unit(rng, 12), unit(rng, 7), example, unit(rng, 7)


def test_gallery_vectors_are_unit(world):
    in_sketch, in_text, *_ = world
    assert np.allclose(np.linalg.norm(gallery_vectors(in_sketch, in_text), axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("weights", [Weights(), Weights(sketch=0.7, text=0.3), Weights(sketch=0), Weights(text=0)])
def test_the_score_is_the_weighted_sum_of_cosines(world, weights):
    in_sketch, in_text, sketch, text, *_ = world
    a, b = weights.sketch * SCALE.sketch, weights.text * SCALE.text
    expected = (a * (in_sketch @ sketch) + b * (in_text @ text)) / (a + b)
    query = compose(DIMS, FUSION, weights, sketch=sketch, text=text)
    assert np.allclose(scores(query, gallery_vectors(in_sketch, in_text)), expected, atol=1e-6)
    assert np.abs(expected).max() <= 1


def test_one_part_alone_is_its_cosine_whatever_its_weight(world):
    in_sketch, in_text, sketch, text, *_ = world
    gallery = gallery_vectors(in_sketch, in_text)
    assert np.allclose(scores(compose(DIMS, FUSION, Weights(), sketch=sketch), gallery), in_sketch @ sketch, atol=1e-6)
    only_text = compose(DIMS, FUSION, Weights(text=0.01), text=text)
    assert np.allclose(scores(only_text, gallery), in_text @ text, atol=1e-6)


def test_only_the_ratio_of_weights_counts(world):
    _, _, sketch, text, *_ = world
    one = compose(DIMS, FUSION, Weights(sketch=0.6, text=0.2), sketch=sketch, text=text)
    assert np.allclose(one, compose(DIMS, FUSION, Weights(sketch=3, text=1), sketch=sketch, text=text), atol=1e-7)


def test_an_example_counts_by_its_cosine(world):
    in_sketch, in_text, _, _, example, _ = world
    gallery = gallery_vectors(in_sketch, in_text)
    found = scores(compose(DIMS, FUSION, Weights(), image=example), gallery)
    assert np.allclose(found, gallery @ example, atol=1e-6)
    assert np.allclose(found, part_scores(DIMS, gallery, image=example)["image"], atol=1e-6)


def test_all_parts_together_sum_by_their_shares(world):
    in_sketch, in_text, sketch, text, example, _ = world
    gallery = gallery_vectors(in_sketch, in_text)
    share = shares({"sketch", "text", "image"}, Weights(image=0.5), SCALE)
    assert sum(share.values()) == pytest.approx(1)
    parts = part_scores(DIMS, gallery, sketch=sketch, text=text, image=example)
    expected = sum(share[name] * parts[name] for name in parts)
    query = compose(DIMS, FUSION, Weights(image=0.5), sketch=sketch, text=text, image=example)
    assert np.allclose(scores(query, gallery), expected, atol=1e-6)


def test_negative_words_take_half_of_what_words_give(world):
    in_sketch, in_text, sketch, text, _, negative = world
    gallery = gallery_vectors(in_sketch, in_text)
    plain = scores(compose(DIMS, FUSION, Weights(), sketch=sketch, text=text), gallery)
    less = scores(compose(DIMS, FUSION, Weights(), sketch=sketch, text=text, negative=negative), gallery)
    assert np.allclose(plain - less, 0.5 * (5 / 25) * (in_text @ negative), atol=1e-6)


def test_negative_words_without_words_use_their_scale(world):
    in_sketch, in_text, sketch, _, _, negative = world
    gallery = gallery_vectors(in_sketch, in_text)
    found = scores(compose(DIMS, FUSION, Weights(), sketch=sketch, negative=negative), gallery)
    assert np.allclose(found, in_sketch @ sketch - 0.5 * (5 / 25) * (in_text @ negative), atol=1e-6)


def test_parts_are_raw_cosines(world):
    in_sketch, in_text, sketch, text, *_ = world
    parts = part_scores(DIMS, gallery_vectors(in_sketch, in_text), sketch=sketch, text=text)
    assert set(parts) == {"sketch", "text"}
    assert np.allclose(parts["sketch"], in_sketch @ sketch, atol=1e-6)
    assert np.allclose(parts["text"], in_text @ text, atol=1e-6)


def test_several_queries_at_once_score_as_one_by_one(world):
    in_sketch, in_text, sketch, text, *_ = world
    gallery = gallery_vectors(in_sketch, in_text)
    queries = np.stack([compose(DIMS, FUSION, Weights(), sketch=sketch), compose(DIMS, FUSION, Weights(), text=text)])
    together = scores(queries, gallery)
    assert together.shape == (2, 30)
    assert np.allclose(together[1], scores(queries[1], gallery), atol=1e-6)


def test_parts_without_any_weight_are_refused():
    with pytest.raises(QueryError, match="raise one above 0"):
        shares({"text"}, Weights(text=0), SCALE)
