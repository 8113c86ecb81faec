from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from conftest import COLOURS, draw_shape, outline
from stbir.explain import MAX_GROUPS, Explanation, _groups, _without_strokes, explain, explain_encoded
from stbir.images import letterbox, letterbox_place
from stbir.model.encoder import Encoder
from stbir.query import Query, Weights
from stbir.search import Gallery
from stbir.strokes import Sketch


@pytest.fixture(scope="module")
def searcher(tiny_bundle, photos, tmp_path_factory):
    with Gallery.open(tmp_path_factory.mktemp("explain") / "g", model=tiny_bundle.path) as gallery:
        gallery.index(photos)
        yield gallery.searcher()


def two_colours(left: str, right: str) -> Image.Image:
    """A wide picture, one coloured square on each side of white."""
    picture = Image.new("RGB", (240, 240), "white")
    picture.paste(COLOURS[left], (30, 90, 90, 150))
    picture.paste(COLOURS[right], (150, 90, 210, 150))
    return picture


def test_words_point_at_what_they_name(searcher):
    for text, side in (("red", "left"), ("blue", "right")):
        heat = explain(searcher, Query(text=text), two_colours("red", "blue")).heatmaps["text"]
        halves = {"left": heat[:, :2].sum(), "right": heat[:, -2:].sum()}
        assert max(halves, key=lambda name: halves[name]) == side
        assert heat.max() == pytest.approx(1)
        assert heat.min() == 0


def test_the_drawing_points_at_the_shape(searcher):
    query = Query(sketch=Sketch.from_json(outline("bar")))
    heat = explain(searcher, query, draw_shape("bar", "red")).heatmaps["sketch"]
    assert heat[2].sum() > 3 * (heat[0].sum() + heat[4].sum())


def test_words_that_matter_weigh_more(searcher):
    text = "the red, red-hot bar"
    words = explain(searcher, Query(text=text), draw_shape("bar", "red")).words
    assert [word.word for word in words] == ["the", "red", "red-hot", "bar"]
    assert [text[word.start : word.end] for word in words] == [word.word for word in words]
    told = explain(searcher, Query(text="a red bar"), draw_shape("bar", "red"))
    weights = {word.word: word.weight for word in told.words}
    assert weights["red"] == pytest.approx(1)
    assert abs(weights["a"]) < 0.1
    wrong = explain(searcher, Query(text="red blue"), draw_shape("bar", "red")).words
    assert wrong[0].weight > 0 > wrong[1].weight


def test_strokes_that_matter_weigh_more(searcher):
    strokes = [*outline("bar")["strokes"], [[-44, -44], [44, -44]]]
    told = explain(searcher, Query(sketch=Sketch.from_json({"strokes": strokes})), draw_shape("bar", "red"))
    assert told.strokes[0] == pytest.approx(1)
    assert told.strokes[1] < 0


def test_one_word_and_one_stroke_bear_all(searcher):
    query = Query(sketch=Sketch.from_json(outline("disc")), text="red")
    told = explain(searcher, query, draw_shape("disc", "red"))
    assert told.strokes == (1.0,)
    assert [word.weight for word in told.words] == [1.0]
    assert told.parts["text"] > 0.9


def test_score_and_parts_are_those_of_the_search(searcher):
    query = Query(sketch=Sketch.from_json(outline("disc")), text="red", negative="blue", weights=Weights(sketch=2))
    hit = searcher.search(query, 1).hits[0]
    told = explain(searcher, query, searcher.encoder.load_image(hit.path))
    assert told.score == pytest.approx(hit.score, abs=1e-4)
    assert told.parts == pytest.approx(hit.parts, abs=1e-4)
    assert set(told.heatmaps) == {"sketch", "text"}


def test_side_by_side_gives_the_same(searcher):
    sketch = Sketch.from_json(outline("frame"))
    query = searcher.encode(Query(sketch=sketch, text="the green one"))
    picture = draw_shape("frame", "green")
    with ThreadPoolExecutor(2) as pool:
        told = [
            explain_encoded(searcher.encoder, query, picture, sketch=sketch, text="the green one", pool=each)
            for each in (None, pool)
        ]
    assert told[0].words == told[1].words
    assert told[0].strokes == told[1].strokes
    np.testing.assert_allclose(told[0].heatmaps["sketch"], told[1].heatmaps["sketch"], atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [((100, 100), (5, 5)), ((400, 100), (2, 5)), ((100, 300), (5, 2))])
def test_the_grid_covers_the_whole_picture_whatever_its_aspect(searcher, size, shape):
    told = explain(searcher, Query(text="red"), Image.new("RGB", size, "red"))
    assert told.heatmaps["text"].shape == shape
    left, top, width, height = letterbox_place(size, 64)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    frame = letterbox(picture, 64)
    inner = frame[top : top + height, left : left + width]
    assert len(np.unique(inner)) > 50
    outside = np.ones((64, 64), bool)
    outside[top : top + height, left : left + width] = False
    assert len(np.unique(frame[outside])) <= 3


def test_what_matters_nothing_weighs_nothing(searcher):
    told = explain(searcher, Query(text="a the"), Image.new("RGB", (64, 64), "white"))
    assert told.heatmaps["text"].max() == 0
    assert {word.weight for word in told.words} == {0.0}
    assert explain(searcher, Query(text="!!!"), draw_shape("bar", "red")).words == ()


def test_many_words_and_strokes_are_left_out_in_runs(searcher):
    strokes = [[[x, 0], [x, 50]] for x in range(100)]
    query = Query(sketch=Sketch.from_json({"strokes": strokes}), text=" ".join(["red"] * 40))
    told = explain(searcher, query, draw_shape("bar", "red"))
    assert len(told.strokes) == 100
    assert len(told.words) == 40
    assert len(set(told.strokes)) <= MAX_GROUPS
    for number in (0, 1, 5, 16, 17, 100):
        groups = _groups(number)
        assert [each for group in groups for each in group] == list(range(number))
        assert len(groups) == min(number, MAX_GROUPS)
        assert all(groups)


def test_leaving_out_a_stroke_does_not_move_the_others(tiny_bundle):
    encoder = Encoder(tiny_bundle, 1)
    strokes = [[[0, 0], [100, 0]], [[0, 80], [50, 80]], [[0, 0], [0, 80]]]
    sketch = Sketch.from_json({"strokes": strokes})
    whole = encoder.sketch_input([sketch])[0]
    without = _without_strokes(encoder, sketch, _groups(3))
    assert without.shape == (3, *whole.shape)
    assert np.all(without <= whole + 1 / 255)
    np.testing.assert_allclose(np.max(without, axis=0), whole, atol=1 / 255)


def test_a_dot_is_explained_too(searcher):
    told = explain(searcher, Query(sketch=Sketch.from_json({"strokes": [[[5, 5]]]})), draw_shape("bar", "red"))
    assert isinstance(told, Explanation)
    dots = Sketch.from_json({"strokes": [[[5, 5]], [[5, 5]]]})
    assert len(explain(searcher, Query(sketch=dots), draw_shape("bar", "red")).strokes) == 2
