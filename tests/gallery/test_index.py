"""One suite for every `VectorIndex`; a new backend joins by a line in `BUILDERS`."""

import numpy as np
import pytest

from stbir.errors import QueryError
from stbir.gallery.approximate import LanceIndex
from stbir.gallery.catalogue import Entry, Picture
from stbir.gallery.exact import ExactIndex
from stbir.gallery.index import search_many
from stbir.gallery.table import PictureTable

NUM_PICTURES, DIMS = 1500, 16


def make_pictures(seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, DIMS))
    vectors = centres[rng.integers(0, 30, NUM_PICTURES)] + 0.4 * rng.normal(size=(NUM_PICTURES, DIMS))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return [
        Picture(Entry(f"p{n:04d}", f"/photos/{n}.jpg", "/photos", n, n, f"h{n}", 100 + n % 50, 100), vector, b"jpeg")
        for n, vector in enumerate(vectors)
    ]


PICTURES = make_pictures()


def exact(table):
    return ExactIndex(*table.entries_and_vectors(), table.matching_ids)


def lance(table):
    return LanceIndex(table, NUM_PICTURES)


BUILDERS = {"exact": exact, "lance": lance}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    table = PictureTable(tmp_path_factory.mktemp("gallery"), DIMS)
    for start in range(0, NUM_PICTURES, 500):
        table.add(PICTURES[start : start + 500])
    table.tidy(with_index=True)
    return table


@pytest.fixture(params=BUILDERS)
def index(request, table):
    return BUILDERS[request.param](table)


@pytest.fixture(scope="module")
def queries():
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, NUM_PICTURES, 30)
    return [PICTURES[n].vector * 0.7 + 0.05 * rng.normal(size=DIMS).astype(np.float32) for n in chosen]


def naive(query, top, allowed=lambda entry: True):
    scored = [(2**0.5 * float(query @ p.vector), p.entry.id) for p in PICTURES if allowed(p.entry)]
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:top]


def recall(found, expected):
    return len({entry.id for entry in found.entries} & {name for _, name in expected}) / len(expected)


def test_it_knows_its_size(index):
    assert len(index) == NUM_PICTURES


def test_it_finds_what_a_naive_scan_finds(index, queries):
    recalls = [recall(index.search(query, 10), naive(query, 10)) for query in queries]
    assert np.mean(recalls) >= (1.0 if isinstance(index, ExactIndex) else 0.95)


def test_scores_fall_and_belong_to_the_vectors(index, queries):
    found = index.search(queries[0], 20)
    assert len(found.entries) == len(found.vectors) == len(found.scores) == 20
    assert np.all(np.diff(found.scores) <= 0)
    by_id = {picture.entry.id: picture for picture in PICTURES}
    for entry, vector, score in zip(found.entries, found.vectors, found.scores, strict=True):
        assert entry == by_id[entry.id].entry
        assert np.array_equal(vector, by_id[entry.id].vector)
        assert score == pytest.approx(2**0.5 * float(queries[0] @ vector), abs=1e-5)


@pytest.mark.parametrize(
    ("where", "allowed"),
    [
        ("width < 105", lambda entry: entry.width < 105),
        ("path LIKE '%/12%'", lambda entry: entry.path.startswith("/photos/12")),
        ("id IN ('p0003', 'p0008')", lambda entry: entry.id in ("p0003", "p0008")),
    ],
)
def test_filters_hold_and_lose_nothing(index, queries, where, allowed):
    for query in queries[:5]:
        found = index.search(query, 5, where)
        expected = naive(query, 5, allowed)
        assert all(allowed(entry) for entry in found.entries)
        assert len(found.entries) == len(expected)
        assert recall(found, expected) >= (1.0 if isinstance(index, ExactIndex) else 0.8)


def test_a_filter_that_nothing_fulfils_gives_nothing(index, queries):
    found = index.search(queries[0], 5, "width > 9999")
    assert found.entries == []
    assert len(found.scores) == len(found.vectors) == 0


@pytest.mark.parametrize("where", ["colour = 'red'", "width >>< 3", "width = 'x", "1; DROP TABLE pictures"])
def test_a_filter_that_makes_no_sense_is_the_users_error(index, queries, where):
    with pytest.raises(QueryError) as caught:
        index.search(queries[0], 5, where)
    assert "\n" not in str(caught.value)
    assert "cannot use the filter" in str(caught.value)


def test_asking_for_more_than_there_is_gives_all_that_fulfil(index, queries):
    assert len(index.search(queries[0], 99, "width = 100").entries) == NUM_PICTURES // 50


def test_the_order_of_the_gallery_changes_no_rank(table):
    entries, vectors = table.entries_and_vectors()
    vectors = vectors.copy()
    vectors[10:40] = vectors[10]
    order = np.random.default_rng(3).permutation(len(entries))
    for top in (1, 7, 20, 29, NUM_PICTURES):
        first = ExactIndex(entries, vectors, set).search(vectors[10], top)
        second = ExactIndex([entries[row] for row in order], vectors[order], set).search(vectors[10], top)
        assert [entry.id for entry in first.entries] == [entry.id for entry in second.entries]


def test_the_index_is_built_refreshed_and_trained_anew_when_the_gallery_grew(tmp_path, monkeypatch):
    from stbir.gallery import table as module

    monkeypatch.setattr(module, "FLAT_ROWS_WITHOUT_INDEX", 50)
    table = PictureTable(tmp_path, DIMS)
    table.add(PICTURES[:300])
    assert table.index_state() == module.IndexState(0, 0, 300)
    table.tidy(with_index=True)
    assert table.index_state() == module.IndexState(300, 300, 0)
    table.add(PICTURES[300:340])
    table.tidy(with_index=True)
    assert table.index_state() == module.IndexState(300, 300, 40)
    found = LanceIndex(table, 340).search(PICTURES[320].vector, 1)
    assert found.entries == [PICTURES[320].entry]
    table.add(PICTURES[340:400])
    table.tidy(with_index=True)
    assert table.index_state() == module.IndexState(300, 400, 0)
    table.add(PICTURES[400:1300])
    table.tidy(with_index=True)
    assert table.index_state() == module.IndexState(1300, 1300, 0)


def test_many_queries_give_what_one_by_one_gives(index, queries):
    for where in (None, "width < 105"):
        for found, query in zip(search_many(index, np.stack(queries), 5, where), queries, strict=True):
            alone = index.search(query, 5, where)
            assert [entry.id for entry in found.entries] == [entry.id for entry in alone.entries]
            assert found.scores == pytest.approx(alone.scores, abs=1e-6)
