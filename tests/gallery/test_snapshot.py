import json

import numpy as np
import pytest

from stbir.gallery.catalogue import Entry
from stbir.gallery.snapshot import FOLDER, POINTER, drop_snapshot, read_entries, read_snapshot, write_snapshot

ENTRIES = [Entry(f"id{n}", f"/p/ü {n}'.jpg", "/p", n, 1_700_000_000_000_000_000 + n, "h" * 64, 3, 4) for n in range(5)]
VECTORS = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)


@pytest.fixture
def gallery(tmp_path):
    write_snapshot(tmp_path, "3-abc", ENTRIES, VECTORS)
    return tmp_path


def test_what_is_written_is_what_is_read(gallery):
    entries, vectors = read_snapshot(gallery, "3-abc")
    assert entries == ENTRIES == read_entries(gallery, "3-abc")
    assert np.array_equal(vectors, VECTORS)


def test_a_copy_of_another_state_is_as_good_as_none(gallery):
    assert read_snapshot(gallery, "4-abc") is None
    assert read_entries(gallery, "4-abc") is None


def test_no_copy_is_none(tmp_path):
    assert read_snapshot(tmp_path, "3-abc") is None


def test_an_empty_gallery_has_a_copy_too(tmp_path):
    write_snapshot(tmp_path, "1-x", [], np.empty((0, 8), np.float32))
    entries, vectors = read_snapshot(tmp_path, "1-x")
    assert entries == []
    assert vectors.shape == (0, 8)


def test_the_next_copy_replaces_the_files_of_the_last(gallery):
    write_snapshot(gallery, "4-def", ENTRIES[:2], VECTORS[:2])
    assert len(list((gallery / FOLDER).iterdir())) == 3
    assert len(read_snapshot(gallery, "4-def")[0]) == 2


def test_dropping_it(gallery):
    drop_snapshot(gallery)
    assert read_snapshot(gallery, "3-abc") is None


@pytest.mark.parametrize("pattern", ["vectors-*", "catalogue-*"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]]
)
def test_a_damaged_file_is_as_good_as_none(gallery, pattern, damage):
    (path,) = (gallery / FOLDER).glob(pattern)
    path.write_bytes(damage(path.read_bytes()))
    assert read_snapshot(gallery, "3-abc") is None


@pytest.mark.parametrize("pattern", ["vectors-*", "catalogue-*", POINTER])
def test_a_missing_file_is_as_good_as_none(gallery, pattern):
    (path,) = (gallery / FOLDER).glob(pattern)
    path.unlink()
    assert read_snapshot(gallery, "3-abc") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": "3-abc"}', '{"token": "3-abc", "vectors": {}}'])
def test_a_damaged_pointer_is_as_good_as_none(gallery, content):
    (gallery / FOLDER / POINTER).write_text(content)
    assert read_snapshot(gallery, "3-abc") is None


def test_the_pointer_cannot_lead_out_of_the_folder(gallery):
    pointer = json.loads((gallery / FOLDER / POINTER).read_text())
    outside = gallery / "outside.npy"
    (gallery / FOLDER / pointer["vectors"]["file"]).rename(outside)
    pointer["vectors"]["file"] = "../outside.npy"
    (gallery / FOLDER / POINTER).write_text(json.dumps(pointer))
    assert read_snapshot(gallery, "3-abc") is None
