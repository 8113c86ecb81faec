"""What indexing stands: kill -9, a full and a read-only disk, files that change, hostile files, folders that vanish,
two writers, readers meanwhile.

    python benchmarks/index_faults.py                        every fault, with the sample pictures; about ten minutes
    python benchmarks/index_faults.py --only "two writers"   one of them again
    python benchmarks/index_faults.py --files 2000           fewer files for the hostile ones

Each fault is made for real, in other processes, and what is checked is what matters: no committed row is lost, no row
is wrong (every vector is compared with that of an undisturbed run), every incident is reported. Results are kept as
they come in benchmarks/results/index-faults.json, so a run that was cut off goes on; the table in docs/gallery.md is
made from them. Full and read-only disks need root, for a small mount.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import stbir

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples" / "gallery"
RESULT = ROOT / "benchmarks" / "results" / "index-faults.json"
PAGE = ROOT / "docs" / "gallery.md"
BEGIN, END = "<!-- faults, made by benchmarks/index_faults.py -->", "<!-- end of faults -->"
NUM_KILLS = 50
NUM_FILES = 20_000
HOSTILE_SHARE = 20
NUM_DUELS = 3
SEED = 0
PATIENCE_S = 900.0
COMMIT_SECONDS = 0.3

INDEX = f"""
import sys, stbir
report = stbir.Gallery.open(sys.argv[1]).index(sys.argv[2:], commit_seconds={COMMIT_SECONDS})
print(report.total, len(report.skipped), flush=True)
"""
SEARCH = """
import sys, time, stbir
gallery, until = stbir.Gallery.open(sys.argv[1]), int(sys.argv[2])
seen, num_searches, num_steps = 0, 0, 0
while seen < until:
    hits = gallery.search(text="red", top=100_000, fold_duplicates=False)
    assert len(hits) >= seen, (len(hits), seen)
    num_steps += len(hits) > seen
    seen, num_searches = len(hits), num_searches + 1
    time.sleep(0.05)
print(num_searches, num_steps, flush=True)
"""

Rows = dict[str, tuple[str, np.ndarray]]


class Failed(Exception):
    """A check that did not hold."""


def main() -> None:
    """Make every fault and write the results and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="only this fault, by its name; may be given several times")
    parser.add_argument("--anew", action="store_true", help="forget the results there are")
    parser.add_argument("--files", type=int, default=NUM_FILES, help="files of the hostile fault")
    parser.add_argument("--kills", type=int, default=NUM_KILLS, help="moments of kill -9")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the results")
    options = parser.parse_args()
    done = json.loads(options.out.read_text()) if options.out.exists() and not options.anew else {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.kills, options.files)
        for name, fault in bench.faults().items():
            if name in (options.only or ()) or (not options.only and name not in done):
                done[name] = bench.run(name, fault)
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    write_table(done)
    if not all(result["is_ok"] for result in done.values()):
        raise SystemExit(1)


class Bench:
    """The faults, in a folder of their own.

    Args:
        folder: Where everything is made.
        num_kills: Moments of kill -9.
        num_files: Files of the hostile fault.
    """

    def __init__(self, folder: Path, num_kills: int, num_files: int) -> None:
        self._folder = folder
        self._num_kills = num_kills
        self._num_files = num_files
        self._rng = random.Random(SEED)
        self._whole: Rows = {}
        self._seconds = 0.0

    def faults(self) -> dict[str, Callable[[Path], str]]:
        """Each fault by its name; it gets a folder and says what came out."""
        return {
            "kill -9": self.kill,
            "full disk": self.full_disk,
            "read-only disk": self.read_only,
            "files that change while they are read": self.changing_files,
            "hostile files": self.hostile_files,
            "folder removed midway": self.removed_folder,
            "two writers": self.two_writers,
            "searches while indexing": self.readers,
        }

    def run(self, name: str, fault: Callable[[Path], str]) -> dict[str, Any]:
        """Make one fault."""
        say(f"{name} ...")
        place = self._folder / name.replace(" ", "-")
        place.mkdir()
        started = time.monotonic()
        try:
            outcome, is_ok = fault(place), True
        except Failed as failure:
            outcome, is_ok = f"FAILED: {failure}", False
        except Skipped as reason:
            outcome, is_ok = f"not made: {reason}", True
        seconds = round(time.monotonic() - started, 1)
        say(f"  {outcome} ({seconds} s)")
        return {"checked": " ".join((fault.__doc__ or "").split()), "outcome": outcome, "is_ok": is_ok, "s": seconds}

    def kill(self, place: Path) -> str:
        """Indexing is killed at random moments and started again. After each kill: rows committed before are still
        there, every row has the vector of an undisturbed run, nothing is damaged; at the end everything is there."""
        whole = self.whole()
        rounds = left_over = rows_seen = 0
        gallery = place / "g"
        before: Rows = {}
        for number in range(self._num_kills):
            process = start(INDEX, gallery, SAMPLES)
            time.sleep(self._rng.uniform(0, self._seconds))
            process.kill()
            finish(process)
            left_over += process.returncode == -signal.SIGKILL
            now = rows(gallery)
            check(before.keys() <= now.keys(), f"kill {number}: {len(before.keys() - now.keys())} rows lost")
            check(all(same(now[path], whole[path]) for path in now), f"kill {number}: a row is wrong")
            check_sound(gallery)
            rows_seen += len(now)
            before = now
            if len(now) == len(whole):
                rounds, before = rounds + 1, {}
                shutil.rmtree(gallery)
        indexed(gallery, SAMPLES)
        check(equal(rows(gallery), whole), "the finished gallery differs from an undisturbed one")
        return (
            f"{self._num_kills} kills, {left_over} of them while it ran, over {rounds + 1} galleries of {len(whole)}: "
            f"0 committed rows lost, 0 of {rows_seen:,} rows wrong, the last gallery complete and the same"
        )

    def full_disk(self, place: Path) -> str:
        """The disk is full in the middle of indexing. One line says so, what was committed can be searched and is
        right, and with room again the same command completes it."""
        whole = self.whole()
        with small_disk(place, "24m") as disk:
            filler = disk / "filler"
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - 4_000_000))
            code, message = cli("index", SAMPLES, "--gallery", disk / "g")
            check(code == 2 and "the disk is full" in message, f"exit {code}: {message}")
            kept = rows(disk / "g")
            check(all(same(kept[path], whole[path]) for path in kept), "a row is wrong")
            check_sound(disk / "g")
            filler.unlink()
            indexed(disk / "g", SAMPLES)
            check(equal(rows(disk / "g"), whole), "the finished gallery differs")
        return f"one line, exit 2; {len(kept)} of {len(whole)} rows kept, all right; complete after room was made"

    def read_only(self, place: Path) -> str:
        """The gallery lies on a disk that cannot be written. It is searched as ever; indexing says so in one line."""
        with small_disk(place, "60m") as disk:
            indexed(disk / "g", SAMPLES)
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            code, answer = cli("search", "--gallery", disk / "g", "--text", "red", "--top", "5", "--json")
            check(code == 0 and len(json.loads(answer)["hits"]) == 5, f"search: exit {code}: {answer[:200]}")
            code, message = cli("index", SAMPLES, "--gallery", disk / "g")
            check(code == 2 and "Read-only" in message, f"index: exit {code}: {message}")
        return "searched as ever; index: one line, exit 2"

    def changing_files(self, place: Path) -> str:
        """Files are overwritten in place, half-written for a while, as indexing reads them. No row has a vector that
        is not that of the bytes it names; when all is quiet one more run makes it the same as a fresh gallery."""
        photos = shutil.copytree(SAMPLES, place / "photos")
        paths = sorted(photos.iterdir())
        contents = [path.read_bytes() for path in paths]
        vectors = dict(self.whole().values())
        stop = threading.Event()
        counts = {"writes": 0}

        def write() -> None:
            rng = random.Random(SEED)
            while not stop.is_set():
                path, content = rng.choice(paths), rng.choice(contents)
                with path.open("wb") as file:
                    file.write(content[: len(content) // 2])
                    file.flush()
                    time.sleep(rng.uniform(0, 0.004))
                    file.write(content[len(content) // 2 :])
                counts["writes"] += 1

        writer = threading.Thread(target=write)
        writer.start()
        num_rows = num_skipped = 0
        for _ in range(3):
            _, skipped = indexed(place / "g", photos)
            now = rows(place / "g")
            check(
                all(digest in vectors and np.array_equal(vectors[digest], v) for digest, v in now.values()),
                "a row has a vector that is not that of its content",
            )
            num_rows, num_skipped = num_rows + len(now), num_skipped + skipped
        stop.set()
        writer.join()
        _, skipped = indexed(place / "g", photos)
        indexed(place / "fresh", photos)
        check(skipped == 0 and equal(rows(place / "g"), rows(place / "fresh")), "differs from a fresh gallery")
        return (
            f"{counts['writes']:,} writes during three runs: {num_skipped} half-written files reported, 0 of "
            f"{num_rows:,} rows wrong; after one quiet run the same as a fresh gallery"
        )

    def hostile_files(self, place: Path) -> str:
        """One file in twenty is corrupt or hostile (empty, cut, noise, bombs, lies about its size, links to nowhere,
        pipes, broken and malicious archives). All others are stored, each bad one is reported, a second run tries none
        of them again."""
        photos = place / "photos"
        num_bad = self._num_files // HOSTILE_SHARE
        num_good = self._num_files - num_bad
        make_good(photos, num_good, self._rng)
        bad = make_bad(photos, num_bad, self._rng)
        document = indexed_by_cli(place / "g", photos)
        reported = {entry["path"] for entry in document["skipped"]}
        check(document["total"] == num_good, f"{document['total']:,} of {num_good:,} good files stored")
        missing = {str(path) for path in bad} - reported
        check(not missing, f"{len(missing)} bad files not reported: {sorted(missing)[:3]}")
        check(len(reported - {str(path) for path in bad}) == 0, "a good file was reported")
        check_sound(place / "g")
        started = time.monotonic()
        again = indexed_by_cli(place / "g", photos)
        seconds = time.monotonic() - started
        check(len(again["skipped"]) == len(document["skipped"]), "the second run reports other files")
        check(again["added"] == again["removed"] == 0, "the second run changed something")
        return (
            f"{num_good:,} good files stored, {len(bad):,} bad ones reported one by one; "
            f"{document['seconds']:.0f} s, the second run {seconds:.1f} s"
        )

    def removed_folder(self, place: Path) -> str:
        """A folder is deleted while it is indexed. The run ends by itself and reports what it could not read, the next
        one drops the rest, and when the folder is back all is as before."""
        photos = place / "photos"
        (photos / "stays").mkdir(parents=True)
        for number, path in enumerate(sorted(SAMPLES.iterdir())):
            target = photos / ("stays" if number % 2 else "goes")
            target.mkdir(exist_ok=True)
            shutil.copy(path, target / path.name)
        process = start(INDEX, place / "g", photos)
        until(lambda: (place / "g" / "pictures.lance").exists())
        shutil.move(photos / "goes", place / "away")
        code, output, errors = finish(process)
        check(code == 0, f"exit {code}: {errors[-300:]}")
        total, skipped = map(int, output.split())
        check(total + skipped == 640, f"{total} stored and {skipped} reported of 640")
        check_sound(place / "g")
        after, _ = indexed(place / "g", photos)
        check(after == 320, f"{after} pictures after the next run, expected 320")
        shutil.move(place / "away", photos / "goes")
        indexed(place / "g", photos)
        indexed(place / "fresh", photos)
        check(equal(rows(place / "g"), rows(place / "fresh")), "differs from a fresh gallery when the folder is back")
        return f"{skipped} files reported, 0 left unsaid; the next run kept 320 of 640; the same as fresh with it back"

    def two_writers(self, place: Path) -> str:
        """Two processes index into one gallery at the same moment. One does it all, the other says in one line that it
        has to wait; nothing is stored twice."""
        whole = self.whole()
        for number in range(NUM_DUELS):
            gallery = place / f"g{number}"
            pair = [start_cli("index", SAMPLES, "--gallery", gallery) for _ in range(2)]
            ends = [finish(process) for process in pair]
            codes = sorted(code for code, _, _ in ends)
            check(codes in ([0, 2], [0, 0]), f"exit codes {codes}: {[errors[-200:] for _, _, errors in ends]}")
            if codes == [0, 2]:
                (message,) = [errors for code, _, errors in ends if code == 2]
                check("another process is writing" in message, message)
            check(equal(rows(gallery), whole), "the gallery differs from that of one writer")
            check_sound(gallery)
        return f"{NUM_DUELS} duels: one line for the loser, each gallery the same as with one writer"

    def readers(self, place: Path) -> str:
        """Another process searches all the time while indexing writes. No search fails or sees fewer pictures than the
        one before, and the last sees all."""
        whole = self.whole()
        indexed(place / "g", *sorted(SAMPLES.iterdir())[:20])
        reader = start(SEARCH, place / "g", len(whole))
        indexed(place / "g", SAMPLES)
        code, output, errors = finish(reader)
        check(code == 0, f"the reader failed: {errors[-300:]}")
        num_searches, num_steps = output.split()
        return f"{num_searches} searches, 0 failed; new rows appeared in {num_steps} steps up to all {len(whole)}"

    def whole(self) -> Rows:
        """The rows of an undisturbed run over the sample pictures, and how long it takes."""
        if not self._whole:
            started = time.monotonic()
            indexed(self._folder / "whole", SAMPLES)
            self._seconds = time.monotonic() - started
            self._whole = rows(self._folder / "whole")
        return self._whole


class Skipped(Exception):
    """A fault that cannot be made on this machine."""


def check(holds: bool, otherwise: str) -> None:
    """Fail with a reason."""
    if not holds:
        raise Failed(otherwise)


def check_sound(gallery: Path) -> None:
    """Every row readable, its vector of length 1, its thumbnail a picture."""
    if (gallery / "gallery.json").exists():
        problems = stbir.Gallery.open(gallery).verify().problems
        check(not problems, f"{len(problems)} damaged rows: {problems[:2]}")


def rows(gallery: Path) -> Rows:
    """Content hash and vector by path; nothing where there is no gallery yet."""
    if not (gallery / "gallery.json").exists():
        return {}
    found = stbir.Gallery.open(gallery)
    entries = found.entries()
    vectors = found.pictures([entry.id for entry in entries])
    return {entry.path: (entry.content_hash, vectors[entry.id].vector) for entry in entries}


def same(one: tuple[str, np.ndarray], other: tuple[str, np.ndarray]) -> bool:
    """Whether two rows have the same content and exactly the same vector."""
    return one[0] == other[0] and np.array_equal(one[1], other[1])


def equal(one: Rows, other: Rows) -> bool:
    """Whether two galleries hold the same."""
    return one.keys() == other.keys() and all(same(one[path], other[path]) for path in one)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start_cli(*arguments: object) -> subprocess.Popen[str]:
    """A `stbir` process."""
    command = [sys.executable, "-m", "stbir", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, output and messages of a process that ends by itself."""
    output, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output, errors


def cli(*arguments: object) -> tuple[int, str]:
    """Run `stbir`; what it prints, on stdout if it succeeds."""
    code, output, errors = finish(start_cli(*arguments))
    return code, output if code == 0 else errors


def indexed(gallery: Path, *paths: Path) -> tuple[int, int]:
    """Index in another process: pictures in the gallery, files reported."""
    code, output, errors = finish(start(INDEX, gallery, *paths))
    check(code == 0, f"indexing failed with exit {code}: {errors[-300:]}")
    total, skipped = output.split()
    return int(total), int(skipped)


def indexed_by_cli(gallery: Path, *paths: Path) -> dict[str, Any]:
    """`stbir index --json`."""
    code, output = cli("index", *paths, "--gallery", gallery, "--json")
    check(code == 0, f"exit {code}: {output[-300:]}")
    document: dict[str, Any] = json.loads(output)
    return document


def until(holds: Callable[[], bool]) -> None:
    """Wait for something to happen."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        check(time.monotonic() < deadline, "waited in vain")
        time.sleep(0.005)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A disk of its own."""
    disk = place / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Skipped("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def make_good(folder: Path, number: int, rng: random.Random) -> None:
    """Different small pictures in folders of a thousand."""
    noise = np.random.default_rng(rng.randrange(1 << 30))
    for place in range(number):
        path = folder / f"{place // 1000:02d}" / f"good-{place:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC).save(path, "JPEG", quality=80)


def make_bad(folder: Path, number: int, rng: random.Random) -> list[Path]:
    """Corrupt and hostile files of many kinds, strewn among the others."""
    good = next(folder.rglob("*.jpg")).read_bytes()
    makers = list(HOSTILE.values())
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    made = []
    for place in range(number):
        suffix, make = makers[place % len(makers)]
        path = rng.choice(folders) / f"bad-{place:05d}{suffix}"
        content = make(good, rng) if callable(make) else make
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is None:
            os.mkfifo(path)
        else:
            path.symlink_to(content)
        made.append(path)
    return made


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def zip_with(name: str, content: bytes, *, is_encrypted: bool = False) -> bytes:
    """A zip archive with one file."""
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    data = bytearray(buffer.getvalue())
    if is_encrypted:
        data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@functools.cache
def zip_bomb() -> bytes:
    """Three hundred kilobytes that expand to four hundred megabytes."""
    return zip_with("bomb.bmp", bytes(400_000_000))


# Suffix and content by kind; None is a pipe, a path a link to nowhere.
# ruff: noqa: ARG005
HOSTILE: dict[str, tuple[str, Any]] = {
    "empty": (".jpg", b""),
    "one byte": (".png", b"\x89"),
    "text": (".png", b"no picture at all"),
    "cut": (".jpg", lambda good, rng: good[: len(good) // 3]),
    "no end of header": (".jpg", lambda good, rng: good[:20]),
    "noise": (".webp", lambda good, rng: rng.randbytes(4000)),
    "noise behind a JPEG's first bytes": (".jpg", lambda good, rng: b"\xff\xd8\xff\xe0" + rng.randbytes(4000)),
    "a bomb of pixels": (".png", png_of(60_000, 60_000)),
    "a PNG without pixels": (".png", png_of(100, 100)),
    "a zip called jpg": (".jpg", zip_with("a.jpg", b"x")),
    "an endless GIF": (".gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + b"," * 2000),
    "a TIFF that points at itself": (".tif", b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"),
    "a HEIC that is none": (".heic", b"\0\0\0\x18ftypheic" + bytes(100)),
    "a raw photo that is none": (".nef", b"II*\x00" + bytes(400)),
    "a pipe": (".jpg", lambda good, rng: None),
    "a link to nowhere": (".jpg", lambda good, rng: Path("nowhere.jpg")),
    "a broken zip": (".zip", b"PK\x03\x04" + bytes(200)),
    "a zip with a way out": (".zip", zip_with("../../out.jpg", b"x")),
    "an encrypted zip": (".zip", zip_with("a.jpg", b"x", is_encrypted=True)),
    "a zip of a zip": (".zip", zip_with("inner.zip", zip_with("a.jpg", b"x"))),
    "a zip bomb": (".zip", lambda good, rng: zip_bomb()),
    "a broken tar": (".tar", b"broken" * 200),
}


def write_table(done: dict[str, dict[str, Any]]) -> None:
    """Renew the table in the page on galleries."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if BEGIN not in text:
        return
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [f"| {name} | {result['checked']} | {result['outcome']} |" for name, result in done.items()]
    table = "\n".join(["| fault | what is checked | outcome |", "|---|---|---|", *lines])
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
