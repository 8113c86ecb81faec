"""Galleries of other versions: an older one is read, and the first writer brings it up to date; a newer is refused."""

import json

import lancedb
import numpy as np
import pytest
from PIL import Image

from conftest import draw_shape
from stbir.errors import GalleryError, QueryError
from stbir.gallery.catalogue import OPTIONAL_COLUMNS, SCHEMA_VERSION
from stbir.gallery.store import Store
from stbir.search import Gallery

NEW_COLUMNS = [*OPTIONAL_COLUMNS, "folder", "name"]


def make_older(path):
    """Take from a gallery what version 1 did not have."""
    table = lancedb.connect(path).open_table("pictures")
    lancedb.connect(path).create_table("pictures", table.to_arrow().drop_columns(NEW_COLUMNS), mode="overwrite")
    record = json.loads((path / "gallery.json").read_text())
    (path / "gallery.json").write_text(json.dumps({**record, "schema_version": 1}))


@pytest.fixture
def older(tiny_bundle, photos, tmp_path):
    """A gallery of schema version 1."""
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(photos)
    make_older(tmp_path / "g")
    return Gallery.open(tmp_path / "g", model=tiny_bundle.path)


def columns(path):
    return lancedb.connect(path).open_table("pictures").schema.names


def test_an_older_gallery_is_searched_as_it_is(older):
    hits = older.search(text="red", top=4)
    assert len(hits) == 4
    assert {entry.name for entry in older.entries()} == {entry.path.rsplit("/", 1)[1] for entry in older.entries()}
    assert "taken" not in columns(older.path)
    with pytest.raises(QueryError, match="taken"):
        older.search(text="red", where="taken > '2024'")


def test_the_next_index_brings_it_up_to_date_without_encoding(older, photos, monkeypatch):
    _, before = older._existing().table.entries_and_vectors()

    def fail(*_arguments):
        raise AssertionError("a picture was encoded")

    monkeypatch.setattr("stbir.model.encoder.Encoder.encode_images", fail)
    assert older.index(photos).unchanged == 12
    assert older._existing().metadata.schema_version == SCHEMA_VERSION
    _, after = older._existing().table.entries_and_vectors()
    assert np.array_equal(after, before)
    hits = older.search(text="red", top=12, where="name LIKE 'red-%' AND folder LIKE '%/red'")
    assert len(hits) == 4
    assert len(older.search(text="red", top=12, where="taken IS NULL")) == 12


def test_a_migration_that_was_cut_short_is_done_again(older, photos):
    older._existing().table.add_columns()
    assert older.index(photos).unchanged == 12
    assert older._existing().metadata.schema_version == SCHEMA_VERSION
    assert older.verify().problems == ()


def test_an_empty_older_gallery_can_be_filled(older, photos):
    older.remove([entry.id for entry in older.entries()])
    assert older.index(photos).added == 12


@pytest.mark.parametrize("extra", [{}, {"shards": 4}])
def test_a_newer_gallery_is_refused_with_its_version(older, extra):
    file = older.path / "gallery.json"
    record = json.loads(file.read_text()) | {"schema_version": SCHEMA_VERSION + 1, **extra}
    file.write_text(json.dumps(record))
    with pytest.raises(GalleryError, match=f"schema version {SCHEMA_VERSION + 1}.*upgrade stbir"):
        Store.open(older.path)


def test_the_next_index_fills_the_columns_from_thumbnails_and_headers(tiny_bundle, tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0110] = "Box"
    (tmp_path / "in").mkdir()
    draw_shape("disc", "red", 300).save(tmp_path / "in" / "a.jpg", exif=exif)
    draw_shape("disc", "red", 301).save(tmp_path / "in" / "b.png")
    draw_shape("bar", "blue", 300).save(tmp_path / "in" / "c.png")
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(tmp_path / "in")
    make_older(tmp_path / "g")
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    monkeypatch.setattr("stbir.model.encoder.Encoder.encode_images", None)
    assert gallery.index(tmp_path / "in").unchanged == 3
    first, second, third = gallery.entries()
    assert first.camera == "Box"
    assert all(len(entry.perceptual_hash) == 16 for entry in (first, second, third))
    assert [first.group, second.group, third.group].count(None) == 2
    assert (second.group or first.group) in (first.id, second.id)
    token = gallery.token()
    gallery.index(tmp_path / "in")
    assert gallery.token() == token, "filled once"
