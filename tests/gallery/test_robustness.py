"""What must survive: kill -9, Ctrl-C, a full disk, a read-only disk, a second writer, a damaged copy."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from stbir.errors import GalleryError, ModelMismatchError
from stbir.gallery.lock import uninterrupted, writer_lock
from stbir.gallery.snapshot import FOLDER, POINTER
from stbir.search import Gallery

NUM_MANY = 60
SLOW_INDEX = """
import sys, time
import stbir
from stbir.gallery.ingest import Progress
class Slow(Progress):
    def advance(self):
        time.sleep(0.02)
stbir.Gallery.open(sys.argv[1], model=sys.argv[2]).index(sys.argv[3], commit_rows=8, progress=Slow())
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Sixty different pictures."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(0)
    for number in range(NUM_MANY):
        pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((100, 80)).save(folder / f"{number:02d}.jpg")
    return folder


@pytest.fixture(scope="module")
def complete(tiny_bundle, many, tmp_path_factory):
    """What an undisturbed run stores; nobody writes into it."""
    gallery = Gallery.open(tmp_path_factory.mktemp("complete") / "g", model=tiny_bundle.path)
    gallery.index(many)
    return gallery


@pytest.fixture
def copy(complete, tiny_bundle, tmp_path):
    """A gallery that a test may damage."""
    return Gallery.open(shutil.copytree(complete.path, tmp_path / "copy"), model=tiny_bundle.path)


def vectors(gallery):
    entries, rows = gallery._existing().table.entries_and_vectors()
    return {entry.id: row for entry, row in zip(entries, rows, strict=True)}


def same_vectors(gallery, other):
    mine, theirs = vectors(gallery), vectors(other)
    return mine.keys() == theirs.keys() and all(np.allclose(mine[key], theirs[key], atol=1e-6) for key in mine)


def start_and_signal(number, place, bundle, folder):
    """Index in another process, and signal it after the second commit."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_INDEX, place, bundle.path, folder], stderr=subprocess.PIPE, text=True
    )
    versions = place / "pictures.lance" / "_versions"
    deadline = time.monotonic() + 60
    while len(list(versions.glob("*.manifest"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


def test_a_killed_run_keeps_its_commits_and_the_next_goes_on(tiny_bundle, many, complete, tmp_path):
    place = tmp_path / "g"
    code, _ = start_and_signal(signal.SIGKILL, place, tiny_bundle, many)
    assert code == -signal.SIGKILL
    gallery = Gallery.open(place, model=tiny_bundle.path)
    kept = len(gallery)
    assert 8 <= kept < NUM_MANY
    assert len(gallery.search(text="red", top=NUM_MANY)) == kept
    report = gallery.index(many)
    assert (report.added, report.unchanged) == (NUM_MANY - kept, kept)
    assert same_vectors(gallery, complete)
    assert gallery.verify().problems == ()


def test_ctrl_c_keeps_what_is_encoded(tiny_bundle, many, complete, tmp_path):
    place = tmp_path / "g"
    code, stderr = start_and_signal(signal.SIGINT, place, tiny_bundle, many)
    assert code == -signal.SIGINT
    assert "KeyboardInterrupt" in stderr
    gallery = Gallery.open(place, model=tiny_bundle.path)
    kept = len(gallery)
    assert 8 < kept < NUM_MANY
    assert gallery.index(many).added == NUM_MANY - kept
    assert same_vectors(gallery, complete)


def test_ctrl_c_waits_for_the_end_of_a_commit():
    steps = []

    def commit():
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("committed")
        steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        commit()
    assert steps == ["committed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 600 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_one_line_and_what_was_committed_stays(tiny_bundle, many, complete, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 450_000)
    gallery = Gallery.open(small_disk / "g", model=tiny_bundle.path)
    with pytest.raises(GalleryError, match="the disk is full") as caught:
        gallery.index(many, commit_rows=8)
    assert "\n" not in str(caught.value)
    kept = len(gallery)
    assert 8 <= kept < NUM_MANY
    fresh = Gallery.open(small_disk / "g", model=tiny_bundle.path)
    assert len(fresh.search(text="red", top=NUM_MANY)) == kept
    assert fresh.verify().problems == ()
    filler.unlink()
    assert fresh.index(many).total == NUM_MANY
    assert same_vectors(fresh, complete)


def test_a_disk_with_no_room_at_all(tiny_bundle, many, small_disk):
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk / 'filler'}", "bs=4k"], capture_output=True)
    with pytest.raises(GalleryError, match="the disk is full"):
        Gallery.open(small_disk / "g", model=tiny_bundle.path).index(many)


def test_a_first_commit_without_room_leaves_a_gallery_that_can_be_filled(tiny_bundle, many, complete, small_disk):
    filler = small_disk / "filler"
    gallery = Gallery.open(small_disk / "g", model=tiny_bundle.path)
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 60_000))
    with pytest.raises(GalleryError, match="the disk is full"):
        gallery.index(many)
    assert (small_disk / "g" / "pictures.lance").is_dir()
    fresh = Gallery.open(small_disk / "g", model=tiny_bundle.path)
    assert len(fresh) == 0
    filler.unlink()
    assert fresh.index(many).total == NUM_MANY
    assert same_vectors(fresh, complete)


def test_a_gallery_on_a_read_only_disk_can_be_searched_not_written(tiny_bundle, many, complete, small_disk):
    shutil.copytree(complete.path, small_disk / "g", ignore=shutil.ignore_patterns(FOLDER))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    gallery = Gallery.open(small_disk / "g", model=tiny_bundle.path)
    assert len(gallery.search(text="red", top=5)) == 5
    with pytest.raises(GalleryError, match="Read-only file system"):
        gallery.index(many)
    with pytest.raises(GalleryError, match="Read-only file system"):
        Gallery.open(small_disk / "new", model=tiny_bundle.path).index(many)


def test_a_second_writer_is_refused(copy, many):
    with writer_lock(copy.path), pytest.raises(GalleryError, match="another process"):
        copy.index(many)
    assert copy.index(many).unchanged == NUM_MANY


def test_readers_see_the_commits_of_others_at_once(copy, tiny_bundle, many):
    reader = Gallery.open(copy.path, model=tiny_bundle.path)
    assert len(reader.search(text="red", top=99)) == len(reader._existing().table) == NUM_MANY
    copy.remove([copy.entries()[0].id])
    assert len(reader.search(text="red", top=99)) == len(reader._existing().table) == NUM_MANY - 1
    copy.index(many)
    assert len(reader.search(text="red", top=99)) == NUM_MANY


def test_a_damaged_copy_falls_back_to_the_table_and_is_made_anew(copy, complete):
    expected = complete.search(text="red", top=5)
    for path in (copy.path / FOLDER).iterdir():
        path.write_bytes(b"garbage")
    assert copy.search(text="red", top=5) == expected
    copy.close()
    shutil.rmtree(copy.path / FOLDER)
    assert copy.search(text="red", top=5) == expected
    assert (copy.path / FOLDER / POINTER).is_file()


def test_a_damaged_table_is_one_line(copy, tiny_bundle):
    shutil.rmtree(copy.path / FOLDER)
    for path in (copy.path / "pictures.lance" / "_versions").glob("*.manifest"):
        path.write_bytes(b"garbage")
    with pytest.raises(GalleryError) as caught:
        Gallery.open(copy.path, model=tiny_bundle.path).search(text="red")
    assert "\n" not in str(caught.value)
    assert str(copy.path) in str(caught.value)


def test_damaged_rows_are_found_by_verify(copy):
    table = copy._existing().table
    broken = next(iter(table.pictures([copy.entries()[0].id]).values()))
    table.replace([type(broken)(broken.entry, broken.vector * np.float32(2), b"no jpeg")], "id")
    problems = copy.verify().problems
    assert len(problems) == 2
    assert all(problem.startswith(broken.entry.id) for problem in problems)
    assert "expected 1" in problems[0]
    assert "thumbnail" in problems[1]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema_version": 2}'])
def test_a_damaged_gallery_file_is_one_line(copy, content):
    (copy.path / "gallery.json").write_text(content)
    with pytest.raises(GalleryError) as caught:
        Gallery.open(copy.path)
    assert "\n" not in str(caught.value)
    assert "gallery.json" in str(caught.value)


def test_a_search_does_not_import_lancedb(complete, tiny_bundle):
    code = (
        "import sys, stbir\n"
        "hits = stbir.Gallery.open(sys.argv[1], model=sys.argv[2]).search(text='red', top=3)\n"
        "assert len(hits) == 3\n"
        "print([name for name in ('lancedb', 'pyarrow', 'torch', 'pandas') if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, complete.path, tiny_bundle.path], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_two_models_never_share_a_gallery_that_neither_had_seen(tiny_bundle, other_bundle, photos, tmp_path):
    first = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    second = Gallery.open(tmp_path / "g", model=other_bundle.path)
    first.index(photos / "red")
    with pytest.raises(ModelMismatchError):
        second.index(photos / "blue")
    assert len(second) == 4
    assert Gallery.open(tmp_path / "g").info().model.name == "tiny"


def test_a_gallery_made_between_the_look_and_the_lock_is_kept(tiny_bundle, other_bundle, photos, tmp_path, monkeypatch):
    second = Gallery.open(tmp_path / "g", model=other_bundle.path)
    monkeypatch.setattr(second, "_refreshed", lambda: None)
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(photos / "red")
    with pytest.raises(ModelMismatchError):
        second.index(photos / "blue")


def test_a_gallery_made_anew_with_another_model_is_noticed(tiny_bundle, other_bundle, photos, tmp_path):
    handle = Gallery.open(tmp_path / "g", model=tiny_bundle.path)
    handle.index(photos)
    handle.search(text="red")
    shutil.rmtree(tmp_path / "g")
    with pytest.raises(GalleryError, match="no gallery at"):
        handle.search(text="red")
    Gallery.open(tmp_path / "g", model=other_bundle.path).index(photos / "red")
    for use in (lambda: handle.search(text="red"), lambda: handle.index(photos)):
        with pytest.raises(ModelMismatchError):
            use()
    assert handle.info().num_pictures == 4
    shutil.rmtree(tmp_path / "g")
    Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(photos / "red")
    assert len(handle.search(text="red", top=12)) == 4


def test_what_a_run_left_that_was_killed_before_it_made_the_gallery_is_no_hindrance(tiny_bundle, photos, tmp_path):
    (tmp_path / "g").mkdir()
    for name in (".lock", ".gallery.json.a1b2"):
        (tmp_path / "g" / name).touch()
    assert Gallery.open(tmp_path / "g", model=tiny_bundle.path).index(photos).total == 12
