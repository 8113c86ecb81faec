import functools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import draw_shape
from stbir.errors import GalleryError, InputError, ModelMismatchError
from stbir.gallery.decode import Decoded, Decoder
from stbir.gallery.ingest import Progress
from stbir.search import Gallery

COUNTS = ("added", "changed", "moved", "removed", "unchanged")


@pytest.fixture
def folder(photos, tmp_path):
    """Pictures that a test may change."""
    return shutil.copytree(photos, tmp_path / "photos")


@pytest.fixture
def gallery(tiny_bundle, tmp_path):
    return Gallery.open(tmp_path / "my.gallery", model=tiny_bundle.path)


class Recorder(Progress):
    def __init__(self):
        self.total, self.done, self.skipped, self.is_closed = None, 0, [], False

    def start(self, total):
        self.total = total

    def advance(self):
        self.done += 1

    def skip(self, path, reason):
        self.skipped.append((path, reason))

    def close(self):
        self.is_closed = True


def counts(report):
    """What is not zero."""
    return {name: getattr(report, name) for name in COUNTS if getattr(report, name)}


def rows(gallery):
    """Everything stored, by path below the folder of pictures."""
    entries, vectors = gallery._existing().table.entries_and_vectors()
    return {os.path.relpath(e.path, e.root): (e, v) for e, v in zip(entries, vectors, strict=True)}


def no_decoding(monkeypatch):
    """From here on reading a picture's pixels is an error."""

    def fail(*_arguments, **_options):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("stbir.model.encoder.Encoder.load_image", fail)


def test_a_first_run_stores_every_picture(gallery, folder):
    progress = Recorder()
    report = gallery.index(folder, progress=progress)
    assert counts(report) == {"added": 12}
    assert report.total == len(gallery) == 12
    assert (progress.total, progress.done, progress.skipped, progress.is_closed) == (12, 12, [], True)
    entry, vector = rows(gallery)["red/red-bar.jpg"]
    status = (folder / "red" / "red-bar.jpg").stat()
    assert entry.path == str(folder / "red" / "red-bar.jpg")
    assert (entry.size_bytes, entry.mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert (entry.width, entry.height) == (120, 120)
    assert entry.content_hash.startswith(entry.id)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert gallery.thumbnails([entry.id])[entry.id][:2] == b"\xff\xd8"


def test_a_second_run_does_nothing(gallery, folder, monkeypatch):
    gallery.index(folder)
    token = gallery._existing().table.token()
    no_decoding(monkeypatch)
    assert counts(gallery.index(folder)) == {"unchanged": 12}
    assert gallery._existing().table.token() == token


def test_two_galleries_of_the_same_pictures_have_identical_vectors(tiny_bundle, folder, tmp_path):
    stored = []
    for name, commit_rows in (("one", 2000), ("two", 5)):
        gallery = Gallery.open(tmp_path / name, model=tiny_bundle.path)
        gallery.index(folder, commit_rows=commit_rows)
        stored.append(rows(gallery))
    first, second = stored
    assert {path: entry.id for path, (entry, _) in first.items()} == {p: e.id for p, (e, _) in second.items()}
    assert all(np.array_equal(first[path][1], second[path][1]) for path in first)


def test_the_vectors_are_those_of_the_encoder(gallery, folder):
    gallery.index(folder)
    encoder = gallery.searcher().encoder
    for path, (_, vector) in rows(gallery).items():
        alone = encoder.encode_images([encoder.load_image(folder / path)])[0]
        assert np.allclose(vector, alone, atol=1e-6)


def test_new_pictures_are_added(gallery, folder):
    gallery.index(folder)
    draw_shape("disc", "red", 90).save(folder / "small.png")
    assert counts(gallery.index(folder)) == {"added": 1, "unchanged": 12}
    assert rows(gallery)["small.png"][0].width == 90


def test_a_changed_picture_is_encoded_again(gallery, folder):
    gallery.index(folder)
    old = rows(gallery)["red/red-bar.jpg"]
    draw_shape("disc", "blue", 100).save(folder / "red" / "red-bar.jpg")
    assert counts(gallery.index(folder)) == {"changed": 1, "unchanged": 11}
    new = rows(gallery)
    assert len(new) == 12
    assert new["red/red-bar.jpg"][0].id != old[0].id
    assert not np.allclose(new["red/red-bar.jpg"][1], old[1])


def test_a_touched_picture_keeps_everything(gallery, folder, monkeypatch):
    gallery.index(folder)
    before = rows(gallery)["red/red-bar.jpg"]
    os.utime(folder / "red" / "red-bar.jpg", ns=(1, 1))
    no_decoding(monkeypatch)
    assert counts(gallery.index(folder)) == {"unchanged": 12}
    after = rows(gallery)["red/red-bar.jpg"]
    assert after[0].id == before[0].id
    assert after[0].mtime_ns == 1
    assert np.array_equal(after[1], before[1])
    assert counts(gallery.index(folder)) == {"unchanged": 12}


def test_a_moved_picture_keeps_id_and_vector(gallery, folder, monkeypatch):
    gallery.index(folder)
    before = rows(gallery)["red/red-bar.jpg"]
    (folder / "red" / "red-bar.jpg").rename(folder / "elsewhere.jpg")
    no_decoding(monkeypatch)
    assert counts(gallery.index(folder)) == {"moved": 1, "unchanged": 11}
    after = rows(gallery)
    assert "red/red-bar.jpg" not in after
    assert after["elsewhere.jpg"][0].id == before[0].id
    assert np.array_equal(after["elsewhere.jpg"][1], before[1])
    assert len(after) == 12


def test_a_renamed_folder_is_recognised_even_when_only_the_new_one_is_indexed(gallery, folder, monkeypatch):
    gallery.index(folder)
    before = {entry.id for entry in gallery.entries()}
    renamed = folder.rename(folder.parent / "pictures")
    no_decoding(monkeypatch)
    assert counts(gallery.index(renamed)) == {"moved": 12}
    assert {entry.id for entry in gallery.entries()} == before
    assert {entry.root for entry in gallery.entries()} == {str(renamed)}


def test_vanished_pictures_are_dropped(gallery, folder):
    gallery.index(folder)
    shutil.rmtree(folder / "red")
    assert counts(gallery.index(folder)) == {"removed": 4, "unchanged": 8}
    assert not any("red" in Path(entry.path).name for entry in gallery.entries())


def test_what_another_folder_holds_stays(gallery, folder):
    gallery.index(folder / "red")
    gallery.index(folder / "blue")
    (folder / "red" / "red-bar.jpg").unlink()
    assert counts(gallery.index(folder / "blue")) == {"unchanged": 4}
    assert len(gallery) == 8
    assert counts(gallery.index([folder / "red", folder / "blue"])) == {"removed": 1, "unchanged": 7}


def test_copies_have_ids_of_their_own_and_the_same_vector(gallery, folder):
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(folder / "red" / "red-bar.jpg", folder / name)
    assert counts(gallery.index(folder)) == {"added": 14}
    stored = rows(gallery)
    same = [stored[name] for name in ("a.jpg", "b.jpg", "red/red-bar.jpg")]
    short = same[0][0].content_hash[:12]
    assert [entry.id for entry, _ in same] == [short, f"{short}-2", f"{short}-3"]
    assert np.array_equal(same[0][1], same[1][1])
    assert np.array_equal(same[0][1], same[2][1])


def test_a_copy_of_a_known_picture_is_not_encoded(gallery, folder, monkeypatch):
    gallery.index(folder)
    shutil.copy(folder / "red" / "red-bar.jpg", folder / "copy.jpg")
    no_decoding(monkeypatch)
    assert counts(gallery.index(folder)) == {"added": 1, "unchanged": 12}
    stored = rows(gallery)
    assert np.array_equal(stored["copy.jpg"][1], stored["red/red-bar.jpg"][1])


def test_copies_of_a_picture_that_changes_in_the_same_run_keep_its_vector(gallery, folder):
    original = folder / "m.jpg"
    draw_shape("cross", "green", 70).save(original)
    gallery.index(folder)
    expected = rows(gallery)["m.jpg"][1]
    for name in ("a.jpg", "z.jpg"):
        shutil.copy(original, folder / name)
    draw_shape("disc", "red", 70).save(original)
    assert counts(gallery.index(folder)) == {"added": 2, "changed": 1, "unchanged": 12}
    stored = rows(gallery)
    assert np.array_equal(stored["a.jpg"][1], expected)
    assert np.array_equal(stored["z.jpg"][1], expected)
    assert not np.allclose(stored["m.jpg"][1], expected)


def test_a_file_that_changes_to_known_content_while_it_is_read_again_ends(gallery, folder, monkeypatch):
    """Known when a thread reads it, forgotten when it is taken, and other known content when it is read again."""
    gallery.index(folder)
    first, second = folder / "red" / "a.jpg", folder / "red" / "red-bar.jpg"
    shutil.copy(second, first)
    draw_shape("disc", "blue", 50).save(second)
    other = (folder / "blue" / "blue-bar.jpg").read_bytes()
    real = Decoder.decode
    reads = []

    def decode(self, file, content=None):
        reads.append(file.path)
        if reads.count(str(first)) == 1 and file.path == str(first):
            return Decoded(file, "0" * 64)
        return real(self, file, other if file.path == str(first) else content)

    monkeypatch.setattr(Decoder, "decode", decode)
    assert counts(gallery.index(folder)) == {"added": 1, "changed": 1, "unchanged": 11}
    assert reads.count(str(first)) == 2
    assert gallery.verify().problems == ()


def test_an_interrupted_run_commits_what_it_decoded(gallery, folder):
    class Interrupted(Recorder):
        def advance(self):
            super().advance()
            if self.done == 5:
                raise KeyboardInterrupt

    progress = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        gallery.index(folder, progress=progress)
    assert progress.is_closed
    assert len(gallery) == 5
    assert counts(gallery.index(folder)) == {"added": 7, "unchanged": 5}


def test_swapped_contents_are_both_seen(gallery, folder):
    gallery.index(folder)
    before = rows(gallery)
    first, second = folder / "red" / "red-bar.jpg", folder / "blue" / "blue-disc.jpg"
    contents = first.read_bytes(), second.read_bytes()
    for path, content in ((second, contents[0]), (first, contents[1])):
        path.write_bytes(content)
        os.utime(path, ns=(5, 5))
    assert counts(gallery.index(folder)) == {"changed": 2, "unchanged": 10}
    after = rows(gallery)
    assert len({entry.id for entry, _ in after.values()}) == 12
    assert np.allclose(after["red/red-bar.jpg"][1], before["blue/blue-disc.jpg"][1], atol=1e-6)
    assert np.allclose(after["blue/blue-disc.jpg"][1], before["red/red-bar.jpg"][1], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_the_gallery_is_as_if_made_anew(tiny_bundle, folder, tmp_path, seed):
    """Property: after random changes on disk one `index` leaves the same paths and vectors as a fresh gallery."""
    rng = np.random.default_rng(seed)
    gallery = Gallery.open(tmp_path / "old", model=tiny_bundle.path)
    gallery.index(folder)
    for _step in range(3):
        for _change in range(5):
            files = sorted(folder.rglob("*.jpg"))
            one, other = (files[n] for n in rng.choice(len(files), 2, replace=False))
            match rng.integers(5):
                case 0:
                    one.unlink()
                case 1:
                    one.rename(folder / f"moved-{rng.integers(1 << 30)}.jpg")
                case 2:
                    shutil.copy(one, folder / f"copy-{rng.integers(1 << 30)}.jpg")
                case 3:
                    shutil.copy(one, other)
                case 4:
                    draw_shape("disc", "green", int(rng.integers(30, 200))).save(one)
        gallery.index(folder, commit_rows=int(rng.integers(1, 8)))
    fresh = Gallery.open(tmp_path / "new", model=tiny_bundle.path)
    fresh.index(folder)
    expected, found = rows(fresh), rows(gallery)
    assert set(found) == set(expected)
    assert all(np.allclose(found[path][1], expected[path][1], atol=1e-6) for path in found)
    assert gallery.verify().problems == ()
    assert gallery.verify().missing == ()


@pytest.fixture
def bad_files(folder):
    good = (folder / "red" / "red-bar.jpg").read_bytes()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "half.jpg").write_bytes(good[: len(good) // 3])
    (folder / "text.png").write_text("no picture")
    return [folder / name for name in ("empty.jpg", "half.jpg", "text.png")]


def test_bad_files_are_reported_and_stop_nothing(gallery, folder, bad_files):
    progress = Recorder()
    report = gallery.index(folder, progress=progress)
    assert counts(report) == {"added": 12}
    assert [path for path, _ in report.skipped] == bad_files
    assert list(report.skipped) == progress.skipped
    assert all("\n" not in reason and str(folder) not in reason for _, reason in report.skipped)
    assert progress.done == progress.total == 15


def test_bad_files_are_not_tried_again_until_they_change(gallery, folder, bad_files, monkeypatch):
    first = gallery.index(folder)
    with monkeypatch.context() as patch:
        no_decoding(patch)
        second = gallery.index(folder)
    assert second.skipped == first.skipped
    assert counts(second) == {"unchanged": 12}
    assert gallery.info().num_skipped == 3
    draw_shape("disc", "red", 60).save(bad_files[0])
    third = gallery.index(folder)
    assert counts(third) == {"added": 1, "unchanged": 12}
    assert len(third.skipped) == gallery.info().num_skipped == 2


def test_bad_files_of_other_folders_are_not_forgotten(gallery, folder, bad_files):
    gallery.index(bad_files)
    gallery.index(folder / "red")
    assert gallery.info().num_skipped == 3
    for path in bad_files[:2]:
        path.unlink()
    gallery.index(folder)
    assert gallery.info().num_skipped == 1


def test_a_picture_that_breaks_is_dropped_and_comes_back(gallery, folder):
    gallery.index(folder)
    path = folder / "red" / "red-bar.jpg"
    good = path.read_bytes()
    path.write_bytes(good[:300])
    report = gallery.index(folder)
    assert counts(report) == {"removed": 1, "unchanged": 11}
    assert [skipped for skipped, _ in report.skipped] == [path]
    path.write_bytes(good)
    assert counts(gallery.index(folder)) == {"added": 1, "unchanged": 11}


PASSING = {
    "access rights": PermissionError(13, "Permission denied"),
    "a failing disk": OSError(5, "Input/output error"),
    "memory": MemoryError(),
}


@pytest.mark.parametrize("case", PASSING)
def test_what_cannot_be_read_now_is_neither_dropped_nor_remembered(gallery, folder, case, monkeypatch):
    gallery.index(folder)
    known, new = folder / "red" / "red-bar.jpg", folder / "red" / "new.jpg"
    draw_shape("disc", "red", 60).save(new)
    os.utime(known, ns=(1, 1))
    before = rows(gallery)

    def refuse(name, *arguments, real):
        if str(name) in (str(known), str(new)):
            raise PASSING[case]
        return real(name, *arguments)

    with monkeypatch.context() as patch:
        if case == "memory":
            patch.setattr("stbir.images._decode", lambda *_: refuse(new, real=None))
        else:
            patch.setattr(os, "open", functools.partial(refuse, real=os.open))
        report = gallery.index(folder)
    assert [path for path, _ in report.skipped] == ([new] if case == "memory" else [new, known])
    assert all("\n" not in reason for _, reason in report.skipped)
    assert len(rows(gallery)) == len(before) == 12
    assert gallery.info().num_skipped == 0
    assert gallery.index(folder).added == 1


def test_folders_without_pictures_and_absent_ones_make_no_gallery(gallery, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures in"):
        gallery.index(tmp_path / "empty")
    with pytest.raises(InputError, match="does not exist"):
        gallery.index(tmp_path / "absent")
    with pytest.raises(InputError, match="nothing to index"):
        gallery.index([])
    assert not (tmp_path / "my.gallery").exists()


def test_a_folder_that_lost_everything_is_taken_for_a_missing_drive(gallery, folder):
    gallery.index(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    draw_shape("bar", "red").save(folder.parent / "other.png")
    with pytest.raises(GalleryError, match="--under"):
        gallery.index([folder, folder.parent / "other.png"])
    assert len(gallery) == 12


def test_an_emptied_folder_alone_is_taken_for_a_missing_drive_too(gallery, folder):
    gallery.index(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(GalleryError, match="--under"):
        gallery.index(folder)
    assert len(gallery) == 12


def test_another_model_is_refused(gallery, folder, other_bundle, tmp_path):
    gallery.index(folder)
    other = Gallery.open(tmp_path / "my.gallery", model=other_bundle.path)
    for use in (lambda: other.index(folder), lambda: other.search(text="red")):
        with pytest.raises(ModelMismatchError) as caught:
            use()
        message = str(caught.value)
        assert "'tiny'" in message
        assert "'other'" in message
        assert "--model" in message
        assert "\n" not in message
    assert other.info().num_pictures == 12


def test_excluded_pictures_are_left_out_and_dropped(gallery, folder):
    gallery.index(folder)
    assert counts(gallery.index(folder, exclude=["red"])) == {"removed": 4, "unchanged": 8}
    assert counts(gallery.index(folder, exclude=["*-bar.jpg"])) == {"added": 3, "removed": 2, "unchanged": 6}
