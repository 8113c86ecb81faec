"""Where pictures lie: archives, shards, patterns, links, hidden files, formats that need an extra."""

import io
import os
import shutil
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from conftest import draw_shape
from stbir.search import Gallery
from test_archives import tar_of

COUNTS = ("added", "changed", "moved", "removed", "unchanged")


@pytest.fixture
def gallery(tiny_bundle, tmp_path):
    return Gallery.open(tmp_path / "my.gallery", model=tiny_bundle.path)


@pytest.fixture
def folder(photos, tmp_path):
    """A folder with a zip of the twelve photos."""
    (tmp_path / "in").mkdir()
    pack(photos, tmp_path / "in" / "shapes.zip")
    return tmp_path / "in"


def pack(photos, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(photos.rglob("*.jpg")):
            archive.write(file, file.relative_to(photos))


def counts(report):
    return {name: getattr(report, name) for name in COUNTS if getattr(report, name)}


def jpeg(shape="disc", colour="red", side_px=80, **options):
    buffer = io.BytesIO()
    draw_shape(shape, colour, side_px).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def no_decoding(monkeypatch):
    def fail(*_arguments, **_options):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("stbir.model.encoder.Encoder.load_image", fail)


def test_pictures_in_a_zip_have_the_vectors_of_the_files(gallery, folder, photos, tiny_bundle, tmp_path):
    assert counts(gallery.index(folder)) == {"added": 12}
    plain = Gallery.open(tmp_path / "plain", model=tiny_bundle.path)
    plain.index(photos)
    entries, vectors = gallery._existing().table.entries_and_vectors()
    others, expected = plain._existing().table.entries_and_vectors()
    assert [e.content_hash for e in entries] == [e.content_hash for e in others]
    assert np.array_equal(vectors, expected)
    entry = entries[0]
    assert entry.archive == str(folder / "shapes.zip")
    assert entry.path == str(folder / "shapes.zip" / "blue" / entry.name)
    assert len(gallery.search(text="red", top=12, where="archive LIKE '%shapes.zip' AND name LIKE 'red%'")) == 4
    assert list(folder.iterdir()) == [folder / "shapes.zip"], "something was unpacked"


def test_an_unchanged_archive_is_not_opened_again(gallery, folder, monkeypatch):
    gallery.index(folder)
    monkeypatch.setattr("stbir.gallery.scan.list_members", None)
    assert counts(gallery.index(folder)) == {"unchanged": 12}
    assert gallery.verify().missing == ()


def test_a_changed_archive_is_compared_by_content(gallery, folder, photos, monkeypatch):
    gallery.index(folder)
    with zipfile.ZipFile(folder / "shapes.zip", "a") as archive:
        archive.writestr("new.jpg", jpeg())
    os.utime(folder / "shapes.zip", ns=(5, 5))
    assert counts(gallery.index(folder)) == {"added": 1, "unchanged": 12}
    pack(photos, folder / "shapes.zip")
    no_decoding(monkeypatch)
    assert counts(gallery.index(folder)) == {"removed": 1, "unchanged": 12}


def test_what_moves_into_and_out_of_an_archive_keeps_its_vector(gallery, folder, photos, monkeypatch):
    gallery.index(folder)
    ids = {entry.id for entry in gallery.entries()}
    no_decoding(monkeypatch)
    (folder / "shapes.zip").rename(folder / "renamed.zip")
    assert counts(gallery.index(folder)) == {"moved": 12}
    (folder / "renamed.zip").unlink()
    shutil.copytree(photos, folder / "unpacked")
    assert counts(gallery.index(folder)) == {"moved": 12}
    assert {entry.archive for entry in gallery.entries()} == {None}
    shutil.rmtree(folder / "unpacked")
    pack(photos, folder / "again.zip")
    assert counts(gallery.index(folder)) == {"moved": 12}
    assert {entry.id for entry in gallery.entries()} == ids


def test_a_webdataset_shard_given_by_name(gallery, tmp_path):
    samples = {}
    for number, colour in enumerate(("red", "green", "blue")):
        samples |= {f"{number:05d}.jpg": jpeg(colour=colour), f"{number:05d}.json": b"{}", f"{number:05d}.txt": b"word"}
    (tmp_path / "shard-000.tar").write_bytes(tar_of(samples))
    assert counts(gallery.index(tmp_path / "shard-000.tar")) == {"added": 3}
    assert [entry.name for entry in gallery.entries()] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert counts(gallery.index(tmp_path / "shard-000.tar")) == {"unchanged": 3}
    assert gallery.remove(under=tmp_path / "shard-000.tar")


def test_an_archive_that_breaks_drops_nothing_and_is_reported(gallery, folder):
    gallery.index(folder)
    whole = (folder / "shapes.zip").read_bytes()
    (folder / "shapes.zip").write_bytes(whole[: len(whole) // 2])
    draw_shape("disc", "red").save(folder / "other.png")
    report = gallery.index(folder)
    assert counts(report) == {"added": 1}
    assert [path.name for path, _ in report.skipped] == ["shapes.zip"]
    (folder / "shapes.zip").write_bytes(whole)
    assert counts(gallery.index(folder)) == {"unchanged": 13}


def test_what_an_archive_holds_and_cannot_be_used_is_reported(gallery, tmp_path):
    files = {"good.jpg": jpeg(), "torn.jpg": jpeg()[:300], "in.zip": b"PK", "../out.jpg": jpeg(), ".hidden.jpg": jpeg()}
    (tmp_path / "mixed.tar").write_bytes(tar_of(files))
    report = gallery.index(tmp_path / "mixed.tar")
    assert counts(report) == {"added": 1}
    reasons = {path.name: reason for path, reason in report.skipped}
    assert "damaged" in reasons["torn.jpg"]
    assert sorted(reason.split(",")[0] for path, reason in report.skipped if path.name == "mixed.tar") == [
        "1 archives in it are not opened",
        "1 files in it have names that lead out of the archive",
    ]
    assert set(gallery.index(tmp_path / "mixed.tar").skipped) == set(report.skipped)


def test_excluding_within_an_archive(gallery, folder):
    assert counts(gallery.index(folder, exclude=["red"])) == {"added": 8}
    assert counts(gallery.index(folder, exclude=["*-bar.jpg"])) == {"added": 3, "removed": 2, "unchanged": 6}


def test_patterns_and_what_they_cover(gallery, photos, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "p")
    pattern = f"{copy}/**/*-bar.jpg"
    assert counts(gallery.index(pattern)) == {"added": 3}
    (copy / "red" / "red-bar.jpg").unlink()
    assert counts(gallery.index(pattern)) == {"removed": 1, "unchanged": 2}
    assert counts(gallery.index(f"{copy}/[br]*/*.jpg")) == {"added": 6, "unchanged": 1}
    assert counts(gallery.index(pattern)) == {"unchanged": 2}


def test_linked_folders_only_on_demand_and_no_loop_is_endless(gallery, photos, tmp_path):
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "there").symlink_to(photos)
    (folder / "loop").symlink_to(folder)
    draw_shape("disc", "red").save(folder / "own.png")
    assert counts(gallery.index(folder)) == {"added": 1}
    assert counts(gallery.index(folder, follow_links=True)) == {"added": 12, "unchanged": 1}


def test_hidden_files_only_on_demand(gallery, tmp_path):
    folder = tmp_path / "h"
    (folder / ".cache").mkdir(parents=True)
    for name in ("seen.png", ".dot.png", ".cache/c.png"):
        draw_shape("disc", "red", 60 + len(name)).save(folder / name)
    assert counts(gallery.index(folder)) == {"added": 1}
    assert counts(gallery.index(folder, hidden=True)) == {"added": 2, "unchanged": 1}


def test_date_and_camera_are_columns(gallery, tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 5D"
    exif.get_ifd(0x8769)[0x9003] = "2024:06:30 18:05:00"
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "dated.jpg").write_bytes(jpeg(exif=exif))
    (tmp_path / "c" / "plain.jpg").write_bytes(jpeg(colour="blue"))
    gallery.index(tmp_path / "c")
    dated, plain = gallery.entries()
    assert (dated.taken, dated.camera) == ("2024-06-30T18:05:00", "Canon EOS 5D")
    assert (plain.taken, plain.camera) == (None, None)
    (hit,) = gallery.search(text="red", where="taken >= '2024-06' AND camera LIKE '%EOS%'")
    assert hit.path.name == "dated.jpg"
    (hit,) = gallery.search(text="red", where="taken IS NULL")
    assert hit.path.name == "plain.jpg"


@pytest.mark.parametrize(("suffix", "module", "extra"), [(".heic", "pillow_heif", "heic"), (".dng", "rawpy", "raw")])
def test_without_its_extra_a_format_is_skipped_and_tried_again(gallery, tmp_path, suffix, module, extra, monkeypatch):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / f"a{suffix}").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    draw_shape("disc", "red").save(tmp_path / "x" / "b.png")
    monkeypatch.setitem(sys.modules, module, None)
    report = gallery.index(tmp_path / "x")
    assert counts(report) == {"added": 1}
    ((path, reason),) = report.skipped
    assert path.name == f"a{suffix}"
    assert f"pip install 'stbir[{extra}]'" in reason
    assert gallery.info().num_skipped == 0, "it would not be tried again"


def test_a_duplicate_tar_member_is_one_picture(gallery, tmp_path):
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for colour in ("red", "blue"):
            content = jpeg(colour=colour)
            info = tarfile.TarInfo("a.jpg")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert counts(gallery.index(tmp_path / "t.tar")) == {"added": 1}
    assert gallery.verify().problems == ()
