"""A gallery is checked, repaired, rolled back, taken elsewhere; nothing is lost on the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stbir.errors import GalleryError, InputError
from stbir.gallery.catalogue import Picture
from stbir.gallery.export import import_parquet
from stbir.gallery.store import Store
from stbir.gallery.verify import _problems_of
from stbir.search import Gallery


@pytest.fixture
def gallery(tiny_bundle, photos, tmp_path):
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index(photos)
    return gallery


def break_vector(gallery, picture_id, vector):
    table = gallery._existing().table
    picture = table.pictures([picture_id])[picture_id]
    object.__setattr__(picture, "vector", vector)
    table.replace([picture], "id")


def test_a_sound_gallery_has_no_problems(gallery):
    check = gallery.verify(files=True)
    assert (check.num_pictures, check.problems, check.missing, check.changed) == (12, (), (), ())


def test_a_damaged_vector_is_found_and_encoded_anew(gallery):
    entry = gallery.entries()[3]
    before = gallery.pictures([entry.id])[entry.id]
    hits = gallery.search(text="red", top=12)
    break_vector(gallery, entry.id, np.full_like(before.vector, 0.5))
    check = gallery.verify()
    assert check.damaged_ids == (entry.id,)
    assert "its vector has the length" in check.problems[0]
    done = gallery.repair()
    assert [str(path) for path in done.encoded] == [entry.path]
    assert (done.dropped, done.check.problems) == ((), ())
    assert np.allclose(gallery.pictures([entry.id])[entry.id].vector, before.vector, atol=1e-6)
    assert [hit.id for hit in gallery.search(text="red", top=12)] == [hit.id for hit in hits]


def test_a_vector_that_is_not_finite_is_damage(gallery):
    """LanceDB writes none, but a disk may make one."""
    entry = gallery.entries()[0]
    picture = gallery.pictures([entry.id])[entry.id]
    broken = Picture(entry, np.full_like(picture.vector, np.nan), picture.thumbnail)
    assert list(_problems_of(entry.id, broken, 32)) == [f"{entry.id}: its vector is not finite"]
    assert list(_problems_of(entry.id, picture, 32)) == []


def test_a_damaged_row_without_its_file_is_dropped(gallery, monkeypatch):
    entry = gallery.entries()[0]
    break_vector(gallery, entry.id, np.zeros_like(gallery.pictures([entry.id])[entry.id].vector))
    monkeypatch.setattr("stbir.gallery.repair._encoded_again", lambda *_: None)
    done = gallery.repair()
    assert done.dropped == (entry.id,)
    assert done.num_pictures == len(gallery.search(text="red", top=12, fold_duplicates=False)) == 11


def test_changed_files_are_told_from_missing_ones(tiny_bundle, tmp_path):
    from conftest import draw_shape

    for name in ("red", "blue"):
        draw_shape("bar", name).save(tmp_path / f"{name}.png")
    gallery = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    gallery.index([tmp_path / "red.png", tmp_path / "blue.png"])
    draw_shape("disc", "red").save(tmp_path / "red.png")
    (tmp_path / "blue.png").unlink()
    check = gallery.verify(files=True)
    assert (check.changed, check.missing) == ((tmp_path / "red.png",), (tmp_path / "blue.png",))
    assert check.problems == ()


def test_versions_pins_and_rollback(gallery, photos):
    gallery.pin("full")
    before = gallery.entries()
    gallery.remove(under=photos / "red")
    assert len(gallery) == 8
    gallery.compact()
    assert [version.pins for version in gallery.versions() if version.pins] == [("full",)]
    now = gallery.rollback("full")
    assert (now.num_pictures, now.is_current) == (12, True)
    assert gallery.entries() == before
    assert len(gallery.search(text="red", top=12, fold_duplicates=False)) == 12
    gallery.unpin("full")
    for call in (lambda: gallery.unpin("full"), lambda: gallery.rollback("full"), lambda: gallery.pin("7")):
        with pytest.raises(GalleryError):
            call()


def test_export_and_import_give_the_same_gallery(gallery, photos, tmp_path, tiny_bundle):
    (tmp_path / "m.csv").write_text("name,price\nred-bar.jpg,3.5\n")
    gallery.attach_metadata(tmp_path / "m.csv")
    done = gallery.export(tmp_path / "g.parquet")
    assert done.num_pictures == 12
    import_parquet(tmp_path / "g.parquet", tmp_path / "copy", {str(photos): "/elsewhere/photos"})
    copy = Gallery.open(tmp_path / "copy", model=tiny_bundle.path)
    asked = {"text": "red", "top": 12, "fold_duplicates": False}
    assert [(hit.id, hit.score) for hit in copy.search(**asked)] == [(h.id, h.score) for h in gallery.search(**asked)]
    assert {e.path.replace("/elsewhere/photos", str(photos)) for e in copy.entries()} == {
        e.path for e in gallery.entries()
    }
    assert copy.entries()[0].folder.startswith("/elsewhere/photos")
    ids = [entry.id for entry in gallery.entries()]
    old, new = gallery.pictures(ids), copy.pictures(ids)
    assert all(np.array_equal(old[each].vector, new[each].vector) for each in ids)
    assert all(old[each].thumbnail == new[each].thumbnail for each in ids)
    assert [hit.path.name for hit in copy.search(text="red", where="price > 3")] == ["red-bar.jpg"]
    with pytest.raises(GalleryError, match="already"):
        import_parquet(tmp_path / "g.parquet", tmp_path / "copy")


def test_strange_files_are_not_imported(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")
    for name in ("text.parquet", "other.parquet", "absent.parquet"):
        with pytest.raises(InputError) as caught:
            import_parquet(tmp_path / name, tmp_path / "new")
        assert "\n" not in str(caught.value)
    assert Store.open(tmp_path / "new") is None


def test_a_gallery_opened_for_reading_is_not_written(gallery, tiny_bundle, photos):
    from stbir.gallery.snapshot import drop_snapshot

    drop_snapshot(gallery.path)
    before = sorted((path, path.stat().st_mtime_ns) for path in gallery.path.rglob("*"))
    reader = Gallery.open(gallery.path, model=tiny_bundle.path, read_only=True)
    assert reader.search(text="red", top=3)
    assert sorted((path, path.stat().st_mtime_ns) for path in gallery.path.rglob("*")) == before
    for write in (lambda: reader.index(photos), lambda: reader.remove("x"), lambda: reader.compact(), reader.repair):
        with pytest.raises(GalleryError, match="reading only"):
            write()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_gallery_that_cannot_be_written_can_be_searched(gallery, tiny_bundle):
    from stbir.gallery.snapshot import drop_snapshot

    drop_snapshot(gallery.path)
    folders = [gallery.path, *(path for path in gallery.path.rglob("*") if path.is_dir())]
    code = (
        "import os, sys, stbir\n"
        "def search(**options):\n"
        "    return stbir.Gallery.open(sys.argv[1], model=sys.argv[2], **options).search(text='red', top=3)\n"
        "search(read_only=True)\n"  # imports everything while it may
        "if os.getuid() == 0: os.setuid(65534)\n"
        "print(len(search()), os.access(sys.argv[1], os.W_OK))"
    )
    for folder in folders:
        folder.chmod(0o555)
    for parent in (*gallery.path.parents, *tiny_bundle.path.parents, tiny_bundle.path):
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(gallery.path), str(tiny_bundle.path)], capture_output=True, text=True
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.stdout.split() == ["3", "False"], done.stderr


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_every_file_of_a_commit_is_flushed(gallery, monkeypatch):
    flushed = set()
    real = os.fsync

    def flush(number):
        flushed.add(str(Path(f"/proc/self/fd/{number}").readlink()))
        real(number)

    monkeypatch.setattr(os, "fsync", flush)
    before = {str(path) for path in (gallery.path / "pictures.lance").rglob("*")}
    gallery.remove(gallery.entries()[0].id)
    fresh = {str(path) for path in (gallery.path / "pictures.lance").rglob("*")} - before
    assert fresh
    assert fresh <= flushed
    assert str(gallery.path / "pictures.lance" / "_versions") in flushed


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "price\n1\n", "names no pictures"),
        ("a.csv", "name\nx.jpg\n", "says nothing"),
        ("a.csv", "name,Price $\nx,1\n", "cannot be used"),
        ("a.csv", "name,width\nx,1\n", "gallery's own"),
        ("a.csv", "name,price\nx,1,2\n", "line 2 has 3 fields"),
        ("a.csv", "name,price,price\nx,1,2\n", "twice"),
        ("a.csv", "", "holds no rows"),
        ("a.json", "{}", "expected a list"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.jsonl", '{"name": "x", "price": {"a": 1}}', "expected text"),
        ("a.jsonl", '{"price": 1}', "names no pictures"),
        ("a.csv", "name,note\nx," + "y" * 10_001 + "\n", "characters"),
    ],
)
def test_hostile_metadata_is_refused_in_one_line(gallery, tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        gallery.attach_metadata(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_own_columns_are_typed_and_filter(gallery, photos, tmp_path):
    rows = [{"path": "red/red-bar.jpg", "price": 3, "code": "007", "sale": True}, {"path": "nowhere.jpg", "price": 4.5}]
    (tmp_path / "m.json").write_text(json.dumps(rows))
    done = gallery.attach_metadata(tmp_path / "m.json")
    assert done.columns == {"price": "double", "code": "string", "sale": "boolean"}
    assert (done.num_pictures, done.unknown) == (1, ("nowhere.jpg",))
    for where in ("price < 4", "code = '007'", "sale"):
        assert [hit.path.name for hit in gallery.search(text="red", where=where)] == ["red-bar.jpg"]
    gallery.remove(gallery.entries()[-1].id)
    gallery.index(photos)
    assert [hit.path.name for hit in gallery.search(text="red", where="price = 3")] == ["red-bar.jpg"]
