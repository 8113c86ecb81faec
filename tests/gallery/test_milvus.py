"""What only a gallery in Milvus has: its address, its lease, doors on several machines, a server that dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from milvus_server import MilvusServer
from stbir.cli import main
from stbir.errors import GalleryError, InputError, MissingExtraError
from stbir.gallery.milvus import lease
from stbir.gallery.milvus.address import Address
from stbir.gallery.milvus.client import connect
from stbir.gallery.milvus.lease import Lease
from stbir.gallery.milvus.table import MilvusTable
from stbir.model.bundle import Bundle
from stbir.search import Gallery


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("milvus://db.example/shoes", "milvus://db.example:19530/shoes"),
        ("milvus://10.0.0.1:1234/museum/shoes", "milvus://10.0.0.1:1234/museum/shoes"),
        ("milvus://[::1]/shoes?tls=true&index=ivf_sq8", "milvus://[::1]:19530/shoes?tls=true&index=ivf_sq8"),
        ("milvus+lite:///srv/a%20b/photos.db/shoes", "milvus+lite:///srv/a b/photos.db/shoes"),
        ("milvus+lite:///x.db/shoes?index=flat", "milvus+lite:///x.db/shoes"),
    ],
)
def test_an_address_is_read(text: str, expected: str) -> None:
    assert str(Address.parse(text)) == expected
    assert Address.parse(expected) == Address.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "milvus://",
        "milvus://host",
        "milvus://host/",
        "milvus://host:port/shoes",
        "milvus://host:99999/shoes",
        "milvus://host/a/b/c",
        "milvus://host/shoes; drop",
        "milvus://host/2shoes",
        "milvus://host/" + "x" * 300,
        "milvus://host/shoes?tls=maybe",
        "milvus://host/shoes?password=x",
        "milvus://host/shoes?index=best",
        "milvus://ho st/shoes",
        "milvus://host/shoes#there",
        "http://host/shoes",
        "milvus+lite://host/x.db/shoes",
        "milvus+lite:///x.txt/shoes",
        "milvus://[::1/shoes",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Address.parse(text)
    assert "\n" not in str(caught.value)
    assert "milvus" in str(caught.value)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="STBIR_MILVUS_TOKEN") as caught:
        Address.parse("milvus://root:s3cret@host/shoes")
    assert "s3cret" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    monkeypatch.setenv("STBIR_MILVUS_TOKEN", "root:s3cret")
    monkeypatch.setattr("stbir.gallery.milvus.client.CONNECT_S", 1.0)
    with pytest.raises(GalleryError, match=r"cannot open the store milvus://127\.0\.0\.1:9/shoes") as caught:
        connect(Address.parse("milvus://127.0.0.1:9/shoes"))
    assert "\n" not in str(caught.value)
    printed = capfd.readouterr()
    assert "s3cret" not in str(caught.value) + printed.out + printed.err


def test_a_missing_certificate_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    monkeypatch.setenv("STBIR_MILVUS_CA", str(tmp_path / "none.pem"))
    with pytest.raises(GalleryError, match=r"none\.pem"):
        connect(Address.parse("milvus://127.0.0.1:9/shoes?tls=true"))


def test_without_pymilvus_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"stbir\[milvus\]"):
        connect(Address.parse("milvus://127.0.0.1:9/shoes"))


def test_a_stranger_s_env_file_is_not_read(tmp_path: Path) -> None:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    (tmp_path / ".env").write_text("MILVUS_URI=http://evil.example\nFROM_ENV_FILE=1\n")
    code = (
        "import os\nfrom stbir.gallery.milvus.address import Address\nfrom stbir.gallery.milvus.client import _load\n"
        "_load(Address.parse('milvus://h/c'))\nprint('FROM_ENV_FILE' in os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


class Shelf:
    """Where a lease lies."""

    def __init__(self) -> None:
        self.text: str | None = None

    def lease(self) -> Lease:
        return Lease(lambda: self.text, self.write, "milvus://h/c")

    def write(self, text: str) -> None:
        self.text = text


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    return Shelf()


def test_a_second_writer_is_refused_until_the_first_is_done(shelf: Shelf) -> None:
    with shelf.lease().held(), pytest.raises(GalleryError, match="another process is writing"), shelf.lease().held():
        pass
    with shelf.lease().held():
        assert json.loads(str(shelf.text))["pid"] == os.getpid()


def test_of_two_writers_that_come_at_once_not_both_write(shelf: Shelf) -> None:
    writers: list[int] = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        mine = shelf.lease()
        barrier.wait()
        try:
            with mine.held():
                mine.check()
                writers.append(number)
                time.sleep(0.3)
                writers.remove(number)
                assert writers == []
        except GalleryError:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_lost_lease_stops_the_writer_before_it_writes(shelf: Shelf) -> None:
    first = shelf.lease()
    with first.held():
        first.check()
        shelf.text = json.dumps({"owner": "other", "until": time.time() + 60, "host": "elsewhere", "pid": 1})
        with pytest.raises(GalleryError, match="elsewhere"):
            first.check()


@pytest.mark.parametrize(
    "left",
    [
        {"owner": "x", "until": time.time() - 1, "host": "elsewhere", "pid": 1},
        {"owner": "x", "until": time.time() + 99, "host": lease._host(), "pid": 2**22 + 1},
        {"owner": "left in this process", "until": time.time() + 99, "host": lease._host(), "pid": os.getpid()},
        {"owner": "x"},
        ["no lease"],
        "torn",
    ],
)
def test_a_dead_writer_s_lease_counts_no_longer(shelf: Shelf, left: object) -> None:
    shelf.text = json.dumps(left)
    with shelf.lease().held():
        pass


@pytest.fixture(params=["lite", pytest.param("server", marks=[pytest.mark.milvus, pytest.mark.slow])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    pytest.importorskip("milvus_lite", reason="the extra milvus is not installed")
    if request.param == "lite":
        return f"milvus+lite://{tmp_path}/lite.db/shoes"
    server: MilvusServer = request.getfixturevalue("milvus_server")
    return f"{server.address}/shoes_{abs(hash(tmp_path))}"


def test_the_commands_work_as_with_any_gallery(
    place: str, tiny_bundle: Bundle, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery, model = str(tmp_path / "my.gallery"), str(tiny_bundle.path)
    assert main(["index", str(photos), "--gallery", gallery, "--model", model, "--store", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 12
    assert json.loads((tmp_path / "my.gallery" / "gallery.json").read_text())["store"] == place
    assert main(["index", str(photos), "--gallery", gallery, "--model", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 12
    asked = ["search", "--gallery", gallery, "--model", model, "--text", "red disc", "--json"]
    assert main([*asked, "--where", "path LIKE '" + str(photos) + "/red/%'"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert {Path(hit["path"]).parent.name for hit in hits} == {"red"}
    assert len(hits) == 4
    assert main(["gallery", "info", "--gallery", gallery]) == 0
    assert f"store     {place}" in capsys.readouterr().out
    assert main(["gallery", "verify", "--gallery", gallery]) == 0
    assert main(["gallery", "remove", "--gallery", gallery, hits[0]["id"]]) == 0
    capsys.readouterr()
    assert main(["gallery", "list", "--gallery", gallery, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 11


def test_it_ranks_as_a_gallery_in_a_directory(place: str, tiny_bundle: Bundle, photos: Path, tmp_path: Path) -> None:
    galleries = [
        Gallery.open(tmp_path / "local.gallery", model=tiny_bundle.path),
        Gallery.open(tmp_path / "remote.gallery", model=tiny_bundle.path, store=place),
    ]
    for gallery in galleries:
        gallery.index(photos)
    local, remote = ([(hit.id, hit.score, hit.parts) for hit in g.search(text="blue", top=12)] for g in galleries)
    assert [hit[0] for hit in local] == [hit[0] for hit in remote]
    assert [hit[1] for hit in local] == pytest.approx([hit[1] for hit in remote], abs=1e-6)


def test_another_directory_is_another_door(place: str, tiny_bundle: Bundle, photos: Path, tmp_path: Path) -> None:
    first = Gallery.open(tmp_path / "a.gallery", model=tiny_bundle.path, store=place)
    first.index(photos / "red")
    second = Gallery.open(tmp_path / "b.gallery", model=tiny_bundle.path, store=place)
    report = second.index(photos / "blue")
    assert (report.added, report.total) == (4, 8)
    end = time.monotonic() + 10
    while len(first) < 8 and time.monotonic() < end:
        time.sleep(0.1)
    assert {hit.path.parent.name for hit in first.search(text="blue", top=8)} == {"red", "blue"}
    assert second.entries() == first.entries()
    assert len(first.thumbnails([entry.id for entry in second.entries()])) == 8


def test_a_gallery_keeps_its_store(place: str, tiny_bundle: Bundle, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "my.gallery"
    Gallery.open(path, model=tiny_bundle.path, store=place).index(photos / "red")
    with pytest.raises(GalleryError, match="leave --store out"):
        Gallery.open(path, store="milvus://elsewhere/shoes")


def test_another_model_is_refused(
    place: str, tiny_bundle: Bundle, other_bundle: Bundle, photos: Path, tmp_path: Path
) -> None:
    Gallery.open(tmp_path / "a.gallery", model=tiny_bundle.path, store=place).index(photos / "red")
    with pytest.raises(GalleryError, match="made with the model"):
        Gallery.open(tmp_path / "b.gallery", model=other_bundle.path, store=place).index(photos / "red")


def photos_of(folder: Path, number: int) -> Path:
    """Different pictures, a third of them in the folder `first`."""
    rng = np.random.default_rng(0)
    for n in range(number):
        file = folder / ("first" if n % 3 == 0 else "rest") / f"{n}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(file)
    return folder


def test_what_needs_files_is_refused_in_one_line(place: str, tiny_bundle: Bundle, photos: Path, tmp_path: Path) -> None:
    gallery = Gallery.open(tmp_path / "a.gallery", model=tiny_bundle.path, store=place)
    gallery.index(photos / "red")
    for refused in (gallery.versions, gallery.repair, gallery.compact, lambda: gallery.export(tmp_path / "x.parquet")):
        with pytest.raises(GalleryError, match="this needs one in files") as caught:
            refused()
        assert "\n" not in str(caught.value)
    assert gallery.verify(files=True).problems == ()


@pytest.mark.milvus
@pytest.mark.slow
def test_a_killed_server_loses_nothing(
    milvus_server: MilvusServer, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server dies after the third commit; one line says so, and the next run goes on where it stopped."""
    for name in ("CONNECT_S", "READ_S", "WRITE_S"):
        monkeypatch.setattr(f"stbir.gallery.milvus.client.{name}", 15.0)
        monkeypatch.setattr(f"stbir.gallery.milvus.table.{name}", 15.0, raising=False)
    photos = photos_of(tmp_path / "many", 60)
    path = tmp_path / "my.gallery"
    gallery = Gallery.open(path, model=tiny_bundle.path, store=f"{milvus_server.address}/killed")
    gallery.index(photos / "first")
    committed = {entry.id for entry in gallery.entries()}
    assert len(committed) == 20
    add, num_commits = MilvusTable.add, 0

    def add_then_die(table: MilvusTable, pictures: list) -> None:
        nonlocal num_commits
        add(table, pictures)
        committed.update(picture.entry.id for picture in pictures)
        num_commits += 1
        if num_commits == 2:
            milvus_server.kill()

    monkeypatch.setattr(MilvusTable, "add", add_then_die)
    with pytest.raises(GalleryError, match="what was committed before is safe") as caught:
        gallery.index(photos, commit_rows=10)
    assert "\n" not in str(caught.value)
    assert len(committed) == 40
    monkeypatch.setattr(MilvusTable, "add", add)
    with pytest.raises(GalleryError, match="cannot"):
        Gallery.open(path, model=tiny_bundle.path).search(text="red")
    milvus_server.start()
    end = time.monotonic() + 60
    while True:  # it is healthy before it has read its log again
        try:
            entries = Gallery.open(path).entries()
            break
        except GalleryError:
            assert time.monotonic() < end
            time.sleep(1)
    assert committed <= {entry.id for entry in entries}
    report = Gallery.open(path, model=tiny_bundle.path).index(photos)
    assert (report.total, report.removed) == (60, 0)
    assert report.added <= 20
    assert Gallery.open(path).verify().problems == ()
