import json
import os
from pathlib import Path

import pytest

from stbir.errors import InputError
from stbir.gallery.catalogue import Entry
from stbir.gallery.scan import GALLERY_FILE, Found, Scan, compare, is_below, scan

DIMS = {"sketch": 1, "text": 1}
MARK = {"name": "tiny", "version": "1", "fingerprint": "0", "dims": DIMS}
GALLERY = json.dumps({"schema_version": 1, "id": "1", "created": "2026-01-01", "model": MARK})


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp", "sub/d.gif", ".cache/e.jpg", "g/f.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "photos" / "g" / GALLERY_FILE).write_text(GALLERY)
    return tmp_path / "photos"


def names(found: Scan, folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in found.files]


def test_pictures_are_found_by_suffix_in_order_without_hidden_ones_and_galleries(folder):
    assert names(scan([folder]), folder) == ["a.PNG", "b.jpg", "sub/c.webp", "sub/d.gif"]


def test_a_gallery_file_of_another_program_hides_no_pictures(folder):
    (folder / "g" / GALLERY_FILE).write_text('{"title": "holidays"}')
    assert "g/f.jpg" in names(scan([folder]), folder)
    (folder / "g" / "pictures.lance").mkdir()
    assert "g/f.jpg" not in names(scan([folder]), folder)


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.gif", ["a.PNG", "b.jpg", "sub/c.webp"]),
        ("sub/*", ["a.PNG", "b.jpg"]),
        ("sub", ["a.PNG", "b.jpg"]),
        ("c.*", ["a.PNG", "b.jpg", "sub/d.gif"]),
    ],
)
def test_patterns_leave_out(folder, pattern, left):
    assert names(scan([folder], [pattern]), folder) == left


def test_a_named_file_counts_whatever_its_suffix(folder):
    found = scan([folder / "notes.txt"])
    assert names(found, folder) == ["notes.txt"]
    assert found.files[str(folder / "notes.txt")].root == str(folder)


def test_paths_given_twice_or_inside_one_another_count_once(folder):
    found = scan([folder, folder / "sub", f"{folder}/../photos/"])
    assert names(found, folder) == ["a.PNG", "b.jpg", "sub/c.webp", "sub/d.gif"]


def test_what_is_found_carries_the_files_status(folder):
    status = (folder / "b.jpg").stat()
    found = scan([folder]).files[str(folder / "b.jpg")]
    assert found == Found(str(folder / "b.jpg"), str(folder), status.st_size, status.st_mtime_ns)


def test_an_absent_path_is_an_error(tmp_path):
    with pytest.raises(InputError, match="absent does not exist"):
        scan([tmp_path / "absent"])


def test_linked_folders_are_not_followed_and_what_is_no_file_is_reported(folder):
    (folder / "loop").symlink_to(folder)
    (folder / "loop.jpg").symlink_to(folder)
    (folder / "broken.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.png")
    found = scan([folder])
    assert names(found, folder) == ["a.PNG", "b.jpg", "sub/c.webp", "sub/d.gif"]
    assert sorted(path.name for path, _ in found.problems) == ["broken.jpg", "pipe.png"]


def test_a_name_that_is_not_utf8_is_reported(folder):
    try:
        (folder / os.fsdecode(b"bad\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    found = scan([folder])
    assert len(found.files) == 4
    assert "rename it" in found.problems[0][1]


def test_a_folder_that_cannot_be_listed_protects_what_is_known_below_it(folder, monkeypatch):
    real = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = scan([folder])
    assert names(found, folder) == ["a.PNG", "b.jpg"]
    assert found.problems == [(folder / "sub", "cannot be listed: Permission denied")]
    assert compare(found, [entry(folder / "sub" / "c.webp")]).gone == []


def test_a_file_that_cannot_be_looked_at_is_not_gone(folder, monkeypatch):
    def refuse(path, *_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("stbir.gallery.scan._checked", refuse)
    found = scan([folder])
    assert len(found.problems) == 4
    assert compare(found, [entry(folder / "b.jpg")]).gone == []


def entry(path, size_bytes=1, mtime_ns=7):
    return Entry("id", str(path), "root", size_bytes, mtime_ns, "hash", 10, 10)


def test_the_difference_sorts_every_picture_into_one_place():
    found = Scan(roots=["/p"])
    for name, size_bytes, mtime_ns in (("same", 1, 7), ("larger", 2, 7), ("later", 1, 8), ("new", 1, 7)):
        found.files[f"/p/{name}"] = Found(f"/p/{name}", "/p", size_bytes, mtime_ns)
    known = [entry(f"/p/{name}") for name in ("same", "larger", "later", "gone")] + [entry("/elsewhere/x")]
    difference = compare(found, known)
    assert [file.path for file in difference.new] == ["/p/new"]
    assert [file.path for file in difference.changed] == ["/p/larger", "/p/later"]
    assert [each.path for each in difference.gone] == ["/p/gone"]
    assert difference.unchanged == 1


def test_below_means_the_folder_not_its_prefix():
    assert is_below("/a/b/c", "/a/b")
    assert is_below("/a/b", "/a/b")
    assert is_below("/a", "/")
    assert not is_below("/a/bc", "/a/b")
