import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import stbir
from conftest import COLOURS, SHAPES, draw_shape, outline
from stbir.errors import GalleryError, ImageError, QueryError, SketchError
from stbir.gallery import update
from stbir.query import Query, Weights
from stbir.search import Gallery
from stbir.strokes import Sketch


@pytest.fixture(scope="module")
def gallery(tiny_bundle, photos, tmp_path_factory):
    """Twelve pictures: four shapes in three colours; nobody writes into it."""
    with Gallery.open(tmp_path_factory.mktemp("search") / "g", model=tiny_bundle.path) as gallery:
        gallery.index(photos)
        yield gallery


def rank_of(hits, name):
    return next(hit.rank for hit in hits if hit.path.stem == name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_drawing_and_words_find_the_picture_that_neither_finds_alone(gallery, shape, colour):
    hits = gallery.search(sketch=outline(shape), text=f"the {colour} one", top=12)
    assert hits[0].path.stem == f"{colour}-{shape}"
    assert [hit.rank for hit in hits] == list(range(1, 13))
    by_sketch = gallery.search(sketch=outline(shape), top=3)
    assert {hit.path.stem.partition("-")[2] for hit in by_sketch} == {shape}
    by_text = gallery.search(text=colour, top=4)
    assert {hit.path.stem.partition("-")[0] for hit in by_text} == {colour}


def test_scores_are_the_weighted_parts(gallery):
    for weights in (Weights(), Weights(sketch=0.7, text=0.3), Weights(text=0)):
        share = weights.sketch / (weights.sketch + weights.text)
        for hit in gallery.search(sketch=outline("bar"), text="red", weights=weights, top=12):
            assert set(hit.parts) == {"sketch", "text"}
            assert hit.score == pytest.approx(share * hit.parts["sketch"] + (1 - share) * hit.parts["text"], abs=1e-5)


def test_weights_move_the_balance(gallery):
    asked = {"sketch": outline("bar"), "text": "blue", "top": 12}
    mostly_sketch = gallery.search(**asked, weights="sketch=0.95,text=0.05")
    mostly_text = gallery.search(**asked, weights={"sketch": 0.05, "text": 0.95})
    assert {hit.path.stem.partition("-")[2] for hit in mostly_sketch[:3]} == {"bar"}
    assert {hit.path.stem.partition("-")[0] for hit in mostly_text[:4]} == {"blue"}
    assert mostly_sketch[0].path == mostly_text[0].path


def test_an_example_finds_itself_and_its_kind(gallery, photos):
    hits = gallery.search(image=photos / "red" / "red-disc.jpg", top=12)
    assert hits[0].path.stem == "red-disc"
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    assert set(hits[0].parts) == {"image"}


def test_negative_words_push_down(gallery):
    plain = gallery.search(sketch=outline("disc"), top=12)
    without_red = gallery.search(sketch=outline("disc"), negative="red", top=12)
    assert rank_of(without_red, "red-disc") > 3
    assert without_red[0].path.stem in ("green-disc", "blue-disc")
    assert set(plain[0].parts) == set(without_red[0].parts) == {"sketch"}


def test_filters_scores_and_top(gallery):
    hits = gallery.search(text="red", where="path LIKE '%-bar.jpg' AND width >= 120", top=12)
    assert hits[0].path.stem == "red-bar"
    assert len(hits) == 3
    assert len(gallery.search(text="red", top=5)) == 5
    assert len(gallery.search(text="red", top=500)) == 12
    assert all(hit.score >= 0.9 for hit in gallery.search(text="red", top=12, min_score=0.9))
    assert gallery.search(text="red", min_score=1.01) == []


def test_a_drawing_may_come_as_file_data_or_object(gallery, tmp_path):
    file = tmp_path / "bar.json"
    file.write_text(json.dumps(outline("bar")))
    sketch = Sketch.from_json(outline("bar"))
    found = [gallery.search(sketch=form) for form in (file, str(file), outline("bar"), sketch)]
    assert found[0] == found[1] == found[2] == found[3] == gallery.search(Query(sketch=sketch))


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({}, QueryError, "the query is empty"),
        ({"text": "  "}, QueryError, "text of the query is empty"),
        ({"negative": "red"}, QueryError, "the query is empty"),
        ({"sketch": "absent.json"}, SketchError, "absent.json does not exist"),
        ({"sketch": {"strokes": []}}, SketchError, "empty"),
        ({"image": "absent.jpg"}, ImageError, "absent.jpg does not exist"),
        ({"text": "red", "top": 0}, QueryError, "top=0"),
        ({"text": "red", "where": " "}, QueryError, "filter is empty"),
        ({"text": "red", "where": "colour = 'red'"}, QueryError, "No field named colour"),
        ({"text": "red", "weights": {"colour": 1}}, QueryError, "colour"),
        ({"text": "red", "weights": "text=0"}, QueryError, "weight 0"),
        ({"text": "red", "weights": {"text": "1"}}, QueryError, "weight text='1' is not a number"),
        ({"text": "red", "weights": {"text": True}}, QueryError, "is not a number"),
        ({"text": "red", "weights": 5}, QueryError, "weights 5 cannot be used"),
        ({"text": "red", "weights": 0}, QueryError, "weights 0 cannot be used"),
        ({"text": 5}, QueryError, "expected words"),
        ({"text": "red \udcff"}, QueryError, "not valid Unicode"),
        ({"query": Query(text="red"), "text": "blue"}, QueryError, "not both"),
    ],
)
def test_impossible_queries_say_why(gallery, asked, error, message):
    with pytest.raises(error, match=message) as caught:
        gallery.search(**asked)
    assert "\n" not in str(caught.value)


def test_nothing_to_search(tiny_bundle, photos, tmp_path):
    with pytest.raises(GalleryError, match="no gallery at"):
        Gallery.open(tmp_path / "absent", create=False)
    with pytest.raises(GalleryError, match="no gallery at"):
        Gallery.open(tmp_path / "absent").search(text="red")
    with pytest.raises(GalleryError, match="holds other files"):
        Gallery.open(photos)
    with pytest.raises(GalleryError, match="is a file"):
        Gallery.open(photos / "red" / "red-bar.jpg")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.jpg").write_bytes(b"")
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(tmp_path / "bad")
    with pytest.raises(GalleryError, match="holds no pictures"):
        gallery.search(text="red")


def test_removing(tiny_bundle, photos, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(photos)
    first = gallery.entries()[0]
    assert gallery.remove([first.id]) == [first]
    assert len(gallery.search(text="red", top=12)) == len(gallery) == 11
    with pytest.raises(GalleryError, match=first.id):
        gallery.remove([first.id])
    assert len(gallery.remove(under=photos / "red")) == 4
    with pytest.raises(GalleryError, match="no picture below"):
        gallery.remove(under=photos / "red")
    last = gallery.entries()[-1]
    assert gallery.remove(last.id) == [last]
    assert gallery.remove(missing=True) == []
    assert len(gallery) == 6


def test_info_needs_no_model(gallery, photos, tiny_bundle):
    info = Gallery.open(gallery.path, model="absent").info()
    assert info.num_pictures == 12
    assert info.num_skipped == 0
    assert info.num_bytes > 10_000
    assert info.model.fingerprint == tiny_bundle.info.fingerprint
    assert [(folder.path, folder.num_pictures) for folder in info.folders] == [(photos, 12)]


def test_the_size_of_a_gallery_that_is_being_written(gallery, monkeypatch):
    before = gallery.info().num_bytes
    assert before > 10_000
    real = Path.stat

    def vanish(path, **options):
        if path.suffix == ".npy":
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "is_file", os.path.isfile)  # there when it is listed, gone when it is measured
    monkeypatch.setattr(Path, "stat", vanish)
    assert 0 < gallery.info().num_bytes < before


def test_large_galleries_are_searched_by_lancedb_with_the_same_result(tiny_bundle, photos, gallery, monkeypatch):
    from stbir.gallery.approximate import LanceIndex

    monkeypatch.setattr(update, "EXACT_MAX_PICTURES", 3)
    monkeypatch.setattr(update, "read_snapshot", lambda *_: None)
    large = Gallery.open(gallery.path, model=tiny_bundle.path)
    asked = {"sketch": outline("cross"), "text": "green", "top": 5}
    assert isinstance(large.searcher().index, LanceIndex)
    found, expected = large.search(**asked), gallery.search(**asked)
    assert [hit.id for hit in found] == [hit.id for hit in expected]
    assert np.allclose([hit.score for hit in found], [hit.score for hit in expected], atol=1e-5)


def test_threads_share_one_gallery(tiny_bundle, gallery):
    shared = Gallery.open(gallery.path, model=tiny_bundle.path)
    expected = gallery.search(sketch=outline("bar"), text="red")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(shared.search(sketch=outline("bar"), text="red")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_a_drawn_picture_works_as_a_sketch(gallery, tmp_path):
    """A raster drawing goes through the same strokes as a stroke file."""
    file = tmp_path / "drawn.png"
    draw_shape("bar", "blue").convert("L").save(file)
    assert gallery.search(sketch=file, top=12)


def test_the_readme_example_runs(tiny_bundle, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.json").write_text(json.dumps(outline("disc")))
    g = stbir.Gallery.open("my.gallery", model=tiny_bundle.path)
    g.index(photos)
    hits = g.search(sketch="s.json", text="red disc", top=10)
    assert (hits[0].rank, hits[0].path.name) == (1, "red-disc.jpg")
