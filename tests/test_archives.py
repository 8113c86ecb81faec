"""Archives of strangers: what they hold comes out bounded and under harmless names, or as one reason."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

import stbir.archives
from stbir.archives import is_archive, is_missing, list_members, read_file, read_members, safe_name, split_archive_path
from stbir.errors import ImageError

FILES = {"a.jpg": b"first", "red/b.jpg": b"second" * 1000, "red/ü ' c.jpg": b""}
KINDS = {
    ".zip": None,
    ".tar": lambda data: data,
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(files, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write(folder, kind, files=FILES):
    path = folder / f"shoes{kind}"
    path.write_bytes(zip_of(files) if kind == ".zip" else KINDS[kind](tar_of(files)))
    return str(path)


def everything(path):
    listing = list_members(path, lambda _: True)
    return {member.name: content for member, content in read_members(path, listing.members, 1_000_000)}


def check_one_line(error):
    assert "\n" not in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_listed_and_read(tmp_path, kind):
    path = write(tmp_path, kind)
    assert is_archive(path)
    assert everything(path) == FILES
    assert read_file(f"{path}/red/b.jpg", 10_000) == FILES["red/b.jpg"]
    assert [member.name for member in list_members(path, lambda name: "red" in name).members] == list(FILES)[1:]


def test_a_path_leads_to_the_archive_and_no_further(tmp_path):
    path = write(tmp_path, ".zip")
    assert split_archive_path(f"{path}/red/b.jpg") == (path, "red/b.jpg")
    assert split_archive_path(str(tmp_path / "a.jpg")) is None
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "folder.zip" / "a.jpg").write_bytes(b"plain")
    assert split_archive_path(str(tmp_path / "folder.zip" / "a.jpg")) is None
    assert read_file(tmp_path / "folder.zip" / "a.jpg", 99) == b"plain"


def test_what_is_missing(tmp_path):
    path = write(tmp_path, ".tar")
    assert not is_missing(f"{path}/a.jpg")
    assert is_missing(f"{path}/absent.jpg")
    assert is_missing(tmp_path / "absent.zip" / "a.jpg")
    with pytest.raises(ImageError, match="holds no such file"):
        read_file(f"{path}/absent.jpg", 99)
    (tmp_path / "shoes.tar").write_bytes(b"garbage")
    assert not is_missing(f"{path}/a.jpg"), "a damaged archive says nothing of what it held"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("./a//b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("../a.jpg", None),
        ("a/../../b.jpg", None),
        ("/etc/a.jpg", None),
        ("C:\\a.jpg", None),
        ("a\0.jpg", None),
        ("", None),
        ("\udcff.jpg", None),
    ],
)
def test_names_that_lead_out_are_none(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("kind", [".zip", ".tar"])
def test_unsafe_names_are_reported_and_the_rest_is_read(tmp_path, kind):
    path = write(tmp_path, kind, {"../../evil.jpg": b"x", "/etc/evil.jpg": b"x", "good.jpg": b"y"})
    listing = list_members(path, lambda _: True)
    assert [member.name for member in listing.members] == ["good.jpg"]
    assert listing.problems == ["2 files in it have names that lead out of the archive, the first is '../../evil.jpg'"]
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_of_two_files_with_one_name_the_last_counts(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for content in (b"old", b"newer"):
            info = tarfile.TarInfo("a.jpg")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (tmp_path / "twice.tar").write_bytes(buffer.getvalue())
    assert everything(str(tmp_path / "twice.tar")) == {"a.jpg": b"newer"}
    assert read_file(tmp_path / "twice.tar" / "a.jpg", 99) == b"newer"


def test_links_and_devices_are_no_files(tmp_path):
    with tarfile.open(tmp_path / "l.tar", "w") as archive:
        for name, kind in (
            ("link.jpg", tarfile.SYMTYPE),
            ("hard.jpg", tarfile.LNKTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert everything(str(tmp_path / "l.tar")) == {}


def test_encrypted_pictures_are_one_problem(tmp_path):
    content = bytearray(zip_of({"a.jpg": b"x", "b.jpg": b"y"}))
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 1)
    (tmp_path / "e.zip").write_bytes(content)
    listing = list_members(str(tmp_path / "e.zip"), lambda _: True)
    assert listing.members == []
    assert listing.problems == ["2 files in it are encrypted, the first is 'a.jpg'"]


@pytest.mark.parametrize("kind", [".zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_bomb_is_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(stbir.archives, "MIN_EXPANDED_BYTES", 1000)
    monkeypatch.setattr(stbir.archives, "MAX_EXPANSION", 20)
    path = write(tmp_path, kind, {f"{n}.bmp": bytes(1_000_000) for n in range(4)})
    try:
        problems = list_members(path, lambda _: True).problems
    except ImageError as error:
        problems = [str(error)]
    assert len(problems) == 1
    assert "as a bomb does" in problems[0]


def test_a_member_larger_than_allowed_is_not_read_whole(tmp_path):
    path = write(tmp_path, ".zip", {"a.bmp": bytes(3_000_000), "b.jpg": b"y"})
    read = dict(read_members(path, list_members(path, lambda _: True).members, 100_000))
    (large, small) = read.values()
    assert isinstance(large, ImageError)
    assert "more than the 100,000 bytes" in str(large)
    assert small == b"y"


def test_a_huge_tar_header_is_not_read_into_memory(tmp_path):
    """A name that claims to be 4 GB long."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    (tmp_path / "long.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    listing = list_members(str(tmp_path / "long.tar"), lambda _: True)
    assert listing.members == []
    assert not listing.is_whole


def test_a_zip_that_claims_a_huge_directory_is_refused(tmp_path):
    content = bytearray(zip_of({"a.jpg": b"x"}))
    struct.pack_into("<I", content, content.find(b"PK\x05\x06") + 12, 1 << 30)
    (tmp_path / "d.zip").write_bytes(content)
    (problem,) = list_members(str(tmp_path / "d.zip"), lambda _: True).problems
    assert "list of contents" in problem


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_torn_archives_never_raise_anything_else(tmp_path, kind, share):
    path = write(tmp_path, kind)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * share)])
    try:
        listing = list_members(path, lambda _: True)
        for _, read in read_members(path, listing.members, 1_000_000):
            assert isinstance(read, bytes | ImageError)
    except ImageError as error:
        check_one_line(error)


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes_never_raise_anything_else(tmp_path, kind):
    path = write(tmp_path, kind)
    content = Path(path).read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        Path(path).write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            everything(path)
        except ImageError as error:
            check_one_line(error)


def test_an_archive_that_changes_meanwhile_is_no_wrong_picture(tmp_path):
    path = write(tmp_path, ".tar")
    members = list_members(path, lambda _: True).members
    write(tmp_path, ".tar", dict(reversed(FILES.items())))
    with pytest.raises(ImageError, match="changed while it was read") as caught:
        list(read_members(path, members, 1_000_000))
    assert caught.value.is_passing
