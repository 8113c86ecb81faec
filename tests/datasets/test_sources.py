from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from stbir.datasets.sources import Files, FolderFiles, MountedFiles, ZipFiles, open_files
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
