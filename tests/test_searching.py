"""Beyond one page of one query: look-alikes, pages, examples, names, many queries, notebooks, iterators."""

import json
import pickle
import shutil

import pytest

from conftest import draw_shape, outline
from stbir.errors import InputError, QueryError
from stbir.hits import Hits
from stbir.query import Hit, Query
from stbir.search import Gallery


@pytest.fixture(scope="module")
def gallery(tiny_bundle, photos, tmp_path_factory):
    """Twelve pictures and a copy of one; nobody writes into it."""
    folder = tmp_path_factory.mktemp("searching")
    shutil.copytree(photos, folder / "photos")
    shutil.copy(photos / "red" / "red-bar.jpg", folder / "photos" / "copy & <b>.jpg")
    gallery = Gallery.open(folder / "g", model=tiny_bundle.path)
    gallery.index(folder / "photos")
    return gallery


def test_copies_are_shown_once_with_their_number(gallery):
    asked = {"sketch": outline("bar"), "text": "red", "top": 20}
    hits = gallery.search(**asked)
    assert len(hits) == 12
    assert [hit.num_duplicates for hit in hits if hit.num_duplicates] == [1]
    assert len(gallery.search(**asked, fold_duplicates=False)) == 13


@pytest.mark.parametrize("folds", [True, False])
def test_pages_are_the_whole_list_in_parts(gallery, folds):
    whole = gallery.search(text="red", top=20, fold_duplicates=folds)
    assert whole.next_offset is None
    pages, offset = [], 0
    while offset is not None:
        page = gallery.search(text="red", top=5, offset=offset, fold_duplicates=folds)
        pages += page
        offset = page.next_offset
    assert [(hit.id, hit.rank) for hit in pages] == [(hit.id, hit.rank) for hit in whole]


def test_more_like_a_hit(gallery, photos):
    first = gallery.search(text="red", top=1)[0]
    hits = gallery.search(like=first.id, top=20, fold_duplicates=False)
    assert first.id not in {hit.id for hit in hits}
    assert len(hits) == 12
    by_file = gallery.search(image=first.path, top=20, fold_duplicates=False)
    assert hits[0].score == pytest.approx(by_file[1].score, abs=1e-5)
    with pytest.raises(QueryError, match="no picture with the id"):
        gallery.search(like="0123456789ab")
    with pytest.raises(QueryError, match="two examples"):
        gallery.search(like=first.id, image=first.path)


def test_names_lift_but_do_not_swamp(gallery):
    plain = gallery.search(text="blue disc", top=20, fold_duplicates=False)
    named = gallery.search(text="blue disc", top=20, names=0.5, fold_duplicates=False)
    assert named[0].path.stem == "blue-disc"
    assert named[0].parts["names"] == 1
    assert named[0].score == pytest.approx(next(h.score for h in plain if h.id == named[0].id) + 0.5, abs=1e-5)
    assert {hit.id for hit in named} == {hit.id for hit in plain}
    with pytest.raises(QueryError, match="names=2"):
        gallery.search(text="blue", names=2)


def test_many_queries_give_what_each_alone_gives(gallery):
    like = gallery.entries()[0].id
    queries = [
        Query(text="red"),
        Query(sketch=_sketch("disc"), text="blue", negative="red"),
        Query(like=like),
        Query(image=gallery.entries()[1].path, text="red"),
    ]
    for where in (None, "width >= 100 AND name LIKE '%bar%'"):
        many = gallery.search_many(queries, top=5, where=where)
        for query, hits in zip(queries, many, strict=True):
            alone = gallery.search(query, top=5, where=where)
            assert [hit.id for hit in hits] == [hit.id for hit in alone]
            assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in alone], abs=1e-5)
    assert gallery.search_many([]) == []


def _sketch(shape):
    from stbir.strokes import Sketch

    return Sketch.from_json(outline(shape))


def test_a_notebook_shows_a_grid_and_runs_no_strangers_html(gallery):
    page = gallery.search(text="red", top=20, fold_duplicates=False)._repr_html_()
    assert page.count("<img ") == 13
    assert "data:image/jpeg;base64," in page
    assert "<b>.jpg" not in page
    assert "copy &amp; &lt;b&gt;.jpg" in page
    assert "no picture" in Hits()._repr_html_()


def test_hits_are_a_list_that_can_be_kept():
    hits = Hits([Hit(1, "a", "x.jpg", 0.5, {"text": 0.5})], next_offset=3, thumbnails_of=lambda ids: {})
    assert hits == [Hit(1, "a", "x.jpg", 0.5, {"text": 0.5})]
    kept = pickle.loads(pickle.dumps(hits))
    assert (kept, kept.next_offset) == (hits, 3)


def test_indexing_as_an_iterator(tiny_bundle, photos, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    events = list(gallery.index_iter(photos))
    assert events[0].total == 12
    assert [event.num_done for event in events][-1] == 12
    assert events[-1].report.added == 12
    assert [event.report for event in events[:-1]] == [None] * (len(events) - 1)
    with pytest.raises(InputError, match="does not exist"):
        list(gallery.index_iter(tmp_path / "absent"))


def test_an_iterator_left_early_keeps_what_is_encoded(tiny_bundle, photos, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    for event in gallery.index_iter(photos, commit_rows=1):
        if event.num_done == 3:
            break
    assert gallery.index(photos).total == 12


def test_adding_files(tiny_bundle, photos, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(photos / "red")
    draw_shape("cross", "green").save(tmp_path / "new.png")
    assert gallery.add(tmp_path / "new.png").added == 1
    assert len(gallery) == 5
    with pytest.raises(InputError, match="is a folder"):
        gallery.add(photos / "blue")


def test_queries_from_a_file(gallery, tiny_bundle, tmp_path, capsys):
    from stbir.cli import main

    (tmp_path / "bar.json").write_text(json.dumps(outline("bar")))
    lines = [{"id": 1, "text": "red"}, {"sketch": "bar.json", "not": "red", "weight": {"sketch": 2}}]
    file = tmp_path / "queries.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    command = ["search", "--gallery", str(gallery.path), "--model", str(tiny_bundle.path), "--top", "3"]
    assert main([*command, "--queries", str(file)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["query"] for answer in answers] == lines
    expected = gallery.search(text="red", top=3)
    assert [hit["id"] for hit in answers[0]["hits"]] == [hit.id for hit in expected]
    for bad, words in (("{", "not JSON"), ('{"texts": 1}', "field 'texts'"), ("{}", "empty"), ('{"text": 5}', "words")):
        file.write_text(bad)
        assert main([*command, "--queries", str(file)]) == 2
        assert words in capsys.readouterr().err
