"""One suite for every place where pictures can lie: the exact scan, LanceDB, Milvus Lite and a real Milvus server.

A new backend joins by a line in `BACKENDS`. All are held against a slow scan in plain Python.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from milvus_server import MilvusServer
from stbir.errors import QueryError
from stbir.gallery.approximate import LanceIndex
from stbir.gallery.catalogue import Entry, Metadata, ModelMark, Picture
from stbir.gallery.exact import ExactIndex
from stbir.gallery.index import VectorIndex
from stbir.gallery.milvus.address import Address
from stbir.gallery.milvus.index import MilvusIndex
from stbir.gallery.milvus.table import MilvusTable
from stbir.gallery.table import PictureTable
from stbir.model.bundle import Dims

NUM_PICTURES, DIMS = 1500, 16
HALF = DIMS // 2
NUM_TWINS = 60
TABLE_SECONDS = 20
HOSTILE = [
    "/p/a\"b'c.jpg",
    "/p/back\\slash\\.jpg",
    "/p/new\nline\ttab\r.jpg",
    "/p/100%_x.jpg",
    "/p/héß 日本 🎉.jpg",
    "/p/é.jpg",
    "/p/\u202egpj.jpg",
    "/p/{x} $(id) `id`.jpg",
    "/p/' OR 1=1 --.jpg",
    '/p/" or id != "',
    "/p/\x01\x7f.jpg",
    "/p/" + "long" * 900 + ".jpg",
    "/p/\U0010ffff.jpg",
    "/p/trailing\\",
]


def make_pictures(seed: int = 0) -> list[Picture]:
    """Clusters in both halves; the last ones share one vector, some have hostile paths, half of them a camera."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, DIMS))
    vectors = centres[rng.integers(0, 30, NUM_PICTURES)] + 0.4 * rng.normal(size=(NUM_PICTURES, DIMS))
    vectors[-NUM_TWINS:] = vectors[-NUM_TWINS]
    vectors = vectors.reshape(-1, 2, HALF)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True) * 2**0.5
    vectors = vectors.reshape(-1, DIMS).astype(np.float32)
    order = rng.permutation(NUM_PICTURES)
    return [picture(int(n), vectors[n]) for n in order]


def picture(n: int, vector: np.ndarray) -> Picture:
    path = HOSTILE[n] if n < len(HOSTILE) else f"/photos/{n % 7}/{n}.jpg"
    camera = f"Camera {n % 3}" if n % 2 else None
    entry = Entry(f"p{n:04d}", path, "/photos", n, 10**18 + n, f"h{n}", 100 + n % 50, 100 + n % 40, None, None, camera)
    return Picture(entry, vector, b"\xff\xd8jpeg %d \x00" % n)


PICTURES = make_pictures()
MARK = ModelMark(name="m", version="1", fingerprint="f" * 64, dims=Dims(sketch=HALF, text=HALF))
Tables = PictureTable | MilvusTable


@dataclass
class Backend:
    """One kind of place. `make` makes an empty one by a name, `reopen` opens it again as another process would."""

    name: str
    make: Callable[[str], Tables]
    reopen: Callable[[str], Tables]
    is_exact: bool = False

    def index(self, table: Tables) -> VectorIndex:
        if isinstance(table, MilvusTable):
            return MilvusIndex(table, len(table))
        if self.is_exact:
            return ExactIndex(*table.entries_and_vectors(), table.matching_ids)
        return LanceIndex(table, len(table))


def in_folder(request: pytest.FixtureRequest, tmp: Path) -> Backend:
    def opened(name: str) -> PictureTable:
        return PictureTable(tmp / name, DIMS)

    return Backend(request.param, opened, opened, is_exact=request.param == "exact")


def in_milvus(name: str, place: str) -> Backend:
    def opened(collection: str) -> MilvusTable:
        return MilvusTable(Address.parse(f"{place}/{collection}"), DIMS)

    def made(collection: str) -> MilvusTable:
        table = opened(collection)
        table.establish(Metadata(id="0" * 32, created="2026-01-01", model=MARK))
        return table

    return Backend(name, made, opened)


def in_lite(request: pytest.FixtureRequest, tmp: Path) -> Backend:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")
    return in_milvus("lite", f"milvus+lite://{tmp}/lite.db")


def in_server(request: pytest.FixtureRequest, tmp: Path) -> Backend:
    server: MilvusServer = request.getfixturevalue("milvus_server")
    return in_milvus("server", server.address)


BACKENDS: dict[str, Callable[[pytest.FixtureRequest, Path], Backend]] = {
    "exact": in_folder,
    "lance": in_folder,
    "lite": in_lite,
    "server": in_server,
}
MARKS = {"server": [pytest.mark.milvus, pytest.mark.slow]}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=MARKS.get(name, [])) for name in BACKENDS])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    return BACKENDS[request.param](request, tmp_path_factory.mktemp("backend"))


@pytest.fixture(scope="module")
def table(backend: Backend) -> Tables:
    """All pictures, written in three commits; nobody changes it."""
    table = backend.make("pictures")
    for start in range(0, NUM_PICTURES, 500):
        table.add(PICTURES[start : start + 500])
    if isinstance(table, MilvusTable):
        table.flush()
    table.tidy(with_index=True)
    return table


@pytest.fixture(scope="module")
def index(backend: Backend, table: Tables) -> VectorIndex:
    return backend.index(table)


@pytest.fixture
def small(backend: Backend, request: pytest.FixtureRequest) -> Tables:
    """Thirty pictures that the test may change."""
    name = "t" + str(abs(hash(request.node.name)))
    table = backend.make(name)
    table.add(PICTURES[:30])
    return table


def queries() -> list[np.ndarray]:
    """Not unit, some with one half zero as a drawing or words alone leave it, one pointing away."""
    rng = np.random.default_rng(1)
    both = [PICTURES[n].vector * 0.7 + 0.05 * rng.normal(size=DIMS) for n in rng.integers(0, NUM_PICTURES, 20)]
    sketch_only = [np.concatenate([query[:HALF], np.zeros(HALF)]) for query in both[:5]]
    text_only = [np.concatenate([np.zeros(HALF), 3 * query[HALF:]]) for query in both[5:10]]
    return [query.astype(np.float32) for query in [*both, *sketch_only, *text_only, -both[0]]]


QUERIES = queries()


def naive(query: np.ndarray, top: int, allowed: Callable[[Entry], Any] = lambda entry: True) -> list[tuple[float, str]]:
    scored = [(2**0.5 * float(query @ p.vector), p.entry.id) for p in PICTURES if allowed(p.entry)]
    return sorted(scored, key=lambda pair: (-round(pair[0], 5), pair[1]))[:top]


def ids(found: Any) -> list[str]:
    return [entry.id for entry in found.entries]


def eventually(check: Callable[[], bool]) -> bool:
    """Another process may see a commit a little later."""
    end = time.monotonic() + TABLE_SECONDS
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return check()


def test_it_knows_its_size(index: VectorIndex) -> None:
    assert len(index) == NUM_PICTURES


def test_it_finds_what_a_slow_scan_finds(backend: Backend, index: VectorIndex) -> None:
    recalls = []
    for query in QUERIES:
        worst = naive(query, 10)[-1][0]
        recalls.append(np.mean(index.search(query, 10).scores >= worst - 1e-5))
    assert np.mean(recalls) >= {"exact": 1.0, "lance": 0.94}.get(backend.name, 0.98)


def test_scores_fall_and_belong_to_the_vectors(index: VectorIndex) -> None:
    by_id = {picture.entry.id: picture for picture in PICTURES}
    for query in QUERIES[::5]:
        found = index.search(query, 20)
        assert len(found.entries) == len(found.vectors) == len(found.scores) == 20
        assert np.all(np.diff(found.scores) <= 0)
        assert found.vectors.dtype == found.scores.dtype == np.float32
        for entry, vector, score in zip(found.entries, found.vectors, found.scores, strict=True):
            assert entry == by_id[entry.id].entry
            assert np.array_equal(vector, by_id[entry.id].vector)
            assert score == pytest.approx(2**0.5 * float(query @ vector), abs=1e-5)


@pytest.mark.parametrize("top", [1, 7, NUM_TWINS - 1, NUM_TWINS])
def test_equal_scores_are_in_order_of_id_even_where_the_list_ends(
    backend: Backend, index: VectorIndex, top: int
) -> None:
    twins = sorted(f"p{n:04d}" for n in range(NUM_PICTURES - NUM_TWINS, NUM_PICTURES))
    query = next(picture.vector for picture in PICTURES if picture.entry.id == twins[0])
    found = index.search(query, top)
    if backend.name == "lance":  # its index returns any of them
        assert ids(found) == sorted(ids(found))
        assert set(ids(found)) <= set(twins)
    else:
        assert ids(found) == twins[:top]


FILTERS: list[tuple[str, Callable[[Entry], Any]]] = [
    ("width < 105", lambda entry: entry.width < 105),
    ("105 > WIDTH", lambda entry: entry.width < 105),
    ("width BETWEEN 101 AND 103 OR width = 149", lambda entry: entry.width in (101, 102, 103, 149)),
    ("NOT (width > 102 OR height <> 100)", lambda entry: entry.width <= 102 and entry.height == 100),
    ("width = height", lambda entry: entry.width == entry.height),
    ("id IN ('p0003', 'p0008', 'nobody')", lambda entry: entry.id in ("p0003", "p0008")),
    ("width NOT IN (100, 101) AND size_bytes >= 1490", lambda e: e.width not in (100, 101) and e.size_bytes >= 1490),
    ("path LIKE '/photos/3/%'", lambda entry: entry.path.startswith("/photos/3/")),
    ("path NOT LIKE '/photos/%'", lambda entry: not entry.path.startswith("/photos/")),
    ("path LIKE '/p/100\\%\\_%'", lambda entry: entry.path.startswith("/p/100%_")),
    ("name LIKE '77%' AND folder = '/photos/0'", lambda e: e.name.startswith("77") and e.folder == "/photos/0"),
    ("camera = 'Camera 1'", lambda entry: entry.camera == "Camera 1"),
    ("camera != 'Camera 1'", lambda entry: entry.camera not in (None, "Camera 1")),
    ("NOT camera = 'Camera 1'", lambda entry: entry.camera not in (None, "Camera 1")),
    ("NOT (camera IN ('Camera 1'))", lambda entry: entry.camera not in (None, "Camera 1")),
    ("camera < 'Camera 1' AND width < 120", lambda e: e.camera is not None and e.camera < "Camera 1" and e.width < 120),
    ("camera IS NULL AND width < 104", lambda entry: entry.camera is None and entry.width < 104),
    ("camera IS NOT NULL AND width < 104", lambda entry: entry.camera is not None and entry.width < 104),
    ("NOT (camera IS NULL OR width >= 104)", lambda entry: entry.camera is not None and entry.width < 104),
    ("mtime_ns >= 1000000000000001490", lambda entry: entry.mtime_ns >= 10**18 + 1490),
    ("size_bytes > -1 AND id < 'p0010'", lambda entry: entry.id < "p0010"),
]


@pytest.mark.parametrize(("where", "allowed"), FILTERS, ids=[where for where, _ in FILTERS])
def test_filters_hold_and_lose_nothing(
    backend: Backend, table: Tables, index: VectorIndex, where: str, allowed: Callable[[Entry], Any]
) -> None:
    fulfilling = {picture.entry.id for picture in PICTURES if allowed(picture.entry)}
    assert fulfilling
    assert table.matching_ids(where) == fulfilling
    assert not isinstance(table, MilvusTable) or table.count(where) == len(fulfilling)
    recalls = []
    for query in QUERIES[::3]:
        found = index.search(query, 10, where)
        expected = naive(query, 10, allowed)
        assert set(ids(found)) <= fulfilling
        assert len(found.entries) == len(expected)
        recalls.append(np.mean(found.scores >= expected[-1][0] - 1e-5))
    assert np.mean(recalls) >= {"exact": 1.0, "lance": 0.94}.get(backend.name, 0.98)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_paths_are_kept_and_found(table: Tables, index: VectorIndex, number: int) -> None:
    expected = next(picture for picture in PICTURES if picture.entry.path == HOSTILE[number])
    where = "path = '" + HOSTILE[number].replace("'", "''") + "'"
    found = index.search(QUERIES[0], 5, where)
    assert found.entries == [expected.entry]
    (stored,) = table.pictures([expected.entry.id]).values()
    assert stored.entry == expected.entry
    assert stored.thumbnail == expected.thumbnail
    assert np.array_equal(stored.vector, expected.vector)


@pytest.mark.parametrize("name", ["x' OR '1'='1", 'x" or id != "', "nobody", "\\", "日本"])
def test_ids_that_are_not_there_are_left_out(table: Tables, name: str) -> None:
    assert table.pictures([name]) == {}
    assert list(table.thumbnails([name, "p0003"])) == ["p0003"]


def test_a_filter_that_nothing_fulfils_gives_nothing(index: VectorIndex) -> None:
    found = index.search(QUERIES[0], 5, "width > 9999")
    assert found.entries == []
    assert len(found.scores) == len(found.vectors) == 0


@pytest.mark.parametrize(
    "where",
    ["colour = 'red'", "width >>< 3", "width = 'x", "1; DROP TABLE pictures", "width", "width = ", "(width = 1"],
)
def test_a_filter_that_makes_no_sense_is_the_users_error(index: VectorIndex, where: str) -> None:
    with pytest.raises(QueryError, match="cannot use the filter") as caught:
        index.search(QUERIES[0], 5, where)
    assert "\n" not in str(caught.value)


def test_asking_for_more_than_there_is_gives_all_that_fulfil(index: VectorIndex) -> None:
    assert len(index.search(QUERIES[0], 99, "width = 100").entries) == NUM_PICTURES // 50
    assert len(index.search(QUERIES[0], NUM_PICTURES + 9).entries) == NUM_PICTURES


def test_the_catalogue_is_whole_and_in_order_of_path(table: Tables) -> None:
    expected = sorted((picture.entry for picture in PICTURES), key=lambda entry: entry.path)
    assert table.entries() == expected
    entries, vectors = table.entries_and_vectors()
    assert entries == expected
    by_id = {picture.entry.id: picture.vector for picture in PICTURES}
    assert np.array_equal(vectors, np.stack([by_id[entry.id] for entry in entries]))


def test_an_empty_gallery_is_empty(backend: Backend) -> None:
    table = backend.make("empty")
    assert table.token() == "empty"
    assert len(table) == 0
    assert table.entries() == []
    assert table.pictures(["p0001"]) == {} == table.thumbnails(["p0001"])
    assert table.matching_ids("width > 1") == set()
    index = backend.index(table)
    assert len(index) == 0
    for where in (None, "width > 1"):
        found = index.search(QUERIES[0], 5, where)
        assert found.entries == []
        assert found.vectors.shape == (0, DIMS)


def test_a_removed_picture_is_gone(backend: Backend, small: Tables) -> None:
    before = small.token()
    chosen = [PICTURES[3].entry.id, PICTURES[4].entry.id]
    small.delete(chosen)
    assert small.token() != before
    other = backend.reopen(name_of(small))
    assert eventually(lambda: len(other) == 28)
    assert not set(chosen) & {entry.id for entry in other.entries()}
    assert other.pictures(chosen) == {} == other.thumbnails(chosen)
    assert not set(chosen) & set(ids(backend.index(other).search(PICTURES[3].vector, 30)))


def test_a_moved_picture_keeps_its_vector(backend: Backend, small: Tables) -> None:
    old = PICTURES[5]
    moved = replace(old, entry=replace(old.entry, path="/elsewhere/x.jpg"))
    small.replace([moved], "id")
    assert len(small) == 30
    found = backend.index(small).search(old.vector, 1, "path = '/elsewhere/x.jpg'")
    assert found.entries == [moved.entry]
    assert small.matching_ids("path = '" + old.entry.path.replace("'", "''") + "'") == set()


def test_a_changed_picture_takes_the_place_of_the_old_one(backend: Backend, small: Tables) -> None:
    old, other = PICTURES[6], PICTURES[40]
    changed = replace(other, entry=replace(other.entry, id="new", path=old.entry.path), thumbnail=b"new")
    small.replace([changed], "path")
    assert len(small) == 30
    assert small.pictures([old.entry.id]) == {}
    assert small.thumbnails(["new"]) == {"new": b"new"}
    assert backend.index(small).search(other.vector, 1).entries == [changed.entry]


def test_writing_the_same_rows_again_changes_nothing(small: Tables) -> None:
    small.replace(PICTURES[:30], "id")
    assert len(small) == 30
    assert len(small.entries()) == 30


def test_it_grows_while_others_read(backend: Backend, small: Tables) -> None:
    reader, problems, counts = backend.reopen(name_of(small)), [], []
    is_done = threading.Event()

    def read() -> None:
        while not is_done.is_set():
            try:
                index = backend.index(reader)
                counts.append(len(index))
                found = index.search(PICTURES[0].vector, 5)
                if ids(found)[0] != PICTURES[0].entry.id or not np.all(np.diff(found.scores) <= 0):
                    problems.append(ids(found))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must show it
                problems.append(repr(error))

    thread = threading.Thread(target=read)
    thread.start()
    for start in range(30, 330, 50):
        small.add(PICTURES[start : start + 50])
    is_done.set()
    thread.join()
    assert problems == []
    assert counts == sorted(counts)
    assert eventually(lambda: len(reader) == 330)
    newest = PICTURES[329]
    assert eventually(lambda: newest.entry.id in ids(backend.index(reader).search(newest.vector, 5)))


def name_of(table: Tables) -> str:
    return table.address.collection if isinstance(table, MilvusTable) else table._gallery.name


def test_the_order_of_the_gallery_changes_no_rank() -> None:
    entries, vectors = [p.entry for p in PICTURES], np.stack([p.vector for p in PICTURES])
    order = np.random.default_rng(3).permutation(len(entries))
    for top in (1, 7, 20, 29, NUM_PICTURES):
        first = ExactIndex(entries, vectors, set).search(vectors[10], top)
        second = ExactIndex([entries[row] for row in order], vectors[order], set).search(vectors[10], top)
        assert ids(first) == ids(second)
