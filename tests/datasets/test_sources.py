from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from stbir.datasets.sources import Chosen, Files, FolderFiles, MountedFiles, Subfolder, ZipFiles, open_files
from stbir.errors import DatasetError


@pytest.fixture(params=["folder", "zip"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    contents = {"a.txt": b"one", "sub/b.txt": b"two" * 1000}
    if request.param == "folder":
        for name, content in contents.items():
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return open_files(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
        archive.writestr("../escaped.txt", b"outside")
    return open_files(tmp_path / "set.zip")


def test_reads_what_is_there(files: Files) -> None:
    assert files.read("a.txt") == b"one"
    assert files.has("sub/b.txt")
    assert not files.has("c.txt")
    with pytest.raises(DatasetError, match=r"c\.txt"):
        files.read("c.txt")


@pytest.mark.parametrize("name", ["../escaped.txt", "/etc/passwd", "sub/../../escaped.txt", ""])
def test_nothing_outside_can_be_named(files: Files, name: str) -> None:
    with pytest.raises(DatasetError):
        files.read(name)
    with pytest.raises(DatasetError):
        files.has(name)


def test_size_limit_counts_unpacked_bytes(files: Files) -> None:
    with pytest.raises(DatasetError, match="more than the 100 bytes"):
        files.read("sub/b.txt", max_bytes=100)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DatasetError, match="link out of the data set"):
        FolderFiles(tmp_path / "set").read("link.txt")


def test_damaged_zips_are_named(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(b"not a zip at all")
    with pytest.raises(DatasetError, match=r"set\.zip is not a readable zip"):
        open_files(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"x" * 1000)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"'a\.txt' cannot be unpacked"):
        open_files(path).read("a.txt")
    with pytest.raises(DatasetError, match="does not exist"):
        open_files(tmp_path / "none.zip")


def test_zip_goes_to_other_processes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.txt", b"one")
    files = pickle.loads(pickle.dumps(ZipFiles(tmp_path / "set.zip")))
    assert files.read("a.txt") == b"one"


def test_forked_process_gets_its_own_file_position(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("a.txt", b"one")
    files = ZipFiles(tmp_path / "set.zip")
    before = files._opened()
    files._owner = -1  # as after a fork
    assert files._opened() is not before
    assert files.read("a.txt") == b"one"
    before.close()


def test_mounted_files_answer_by_folder(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder / "y").mkdir(parents=True)
        (tmp_path / folder / "f.txt").write_text(folder)
    mounted = MountedFiles({"": FolderFiles(tmp_path / "x"), "y": FolderFiles(tmp_path / "y")})
    assert mounted.read("f.txt") == b"x"
    assert mounted.read("y/f.txt") == b"y"
    assert not mounted.has("y/none.txt")


def test_names_are_listed_without_litter(tmp_path: Path) -> None:
    names = ["b/2.png", "a.txt", "b/1.png", ".hidden", "b/.DS_Store", "__MACOSX/b/1.png", ".git/x"]
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"x")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.mkdir("empty")
        for name in names:
            archive.writestr(name, b"x")
    folder, packed = open_files(tmp_path / "set"), open_files(tmp_path / "set.zip")
    assert folder.names() == packed.names() == ("a.txt", "b/1.png", "b/2.png")
    assert MountedFiles({"": folder, "z": packed}).names()[-3:] == ("z/a.txt", "z/b/1.png", "z/b/2.png")


def test_an_archive_may_list_what_cannot_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("../out.txt", b"x")
    files = open_files(tmp_path / "set.zip")
    assert files.names() == ("../out.txt",)
    with pytest.raises(DatasetError, match="leads out"):
        files.read("../out.txt")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stbir.datasets.sources.MAX_ENTRIES", 1)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DatasetError, match="more than the 1 files allowed"):
        open_files(tmp_path).names()


def test_a_subfolder_stays_inside(files: Files) -> None:
    inner = Subfolder(files, "sub")
    assert inner.names() == ("b.txt",)
    assert inner.has("b.txt")
    assert inner.read("b.txt")[:3] == b"two"
    for name in ("../a.txt", "x/../../a.txt"):
        with pytest.raises(DatasetError, match="leads out of the data set"):
            inner.read(name)


def test_a_chosen_list_hides_its_likes(tmp_path: Path) -> None:
    for name in ("train.jsonl", "test.jsonl", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    files = Chosen(open_files(tmp_path), "test.jsonl")
    assert files.names() == ("a.png", "test.jsonl")
    assert files.has("train.jsonl")


@pytest.mark.parametrize("name", ["set.tar", "set.tar.gz", "set.tgz", "set.7z", "set.rar"])
def test_other_archives_are_told_apart(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DatasetError, match="cannot be read in place: unpack it, or pack it as a zip"):
        open_files(tmp_path / name)
