"""`stbir index --watch` in a real process: it sees what changes, survives what fails, and ends with 130."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from queue import Empty, Queue

import pytest

from conftest import draw_shape
from stbir.errors import MissingExtraError
from stbir.gallery.watch import changes
from stbir.search import Gallery

PATIENCE_S = 90


class Watching:
    """A running `stbir index --watch`."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "stbir", "index", *map(str, arguments), "--watch", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reports, self.messages = Queue(), []
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.reports.put)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.messages.append)),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, keep):
        with stream:
            for line in stream:
                keep(line)

    def end(self):
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    def until(self, fits):
        """Reports up to the first that fits."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                report = json.loads(self.reports.get(timeout=max(0.1, deadline - time.monotonic())))
            except Empty:
                raise AssertionError("no such report; " + "".join(self.messages)) from None
            if fits(report):
                return report

    def until_said(self, words):
        deadline = time.monotonic() + PATIENCE_S
        while not any(words in line for line in self.messages):
            assert time.monotonic() < deadline, "".join(self.messages)
            time.sleep(0.05)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    draw_shape("disc", "red").save(tmp_path / "in" / "a.png")
    return tmp_path / "in"


@pytest.fixture
def watching(folder, tiny_bundle):
    """The gallery lies in the folder that is watched, as many will have it."""
    running = Watching(folder, "--gallery", folder / "my.gallery", "--model", tiny_bundle.path)
    yield running
    running.end()


@pytest.mark.slow
def test_it_follows_what_happens_in_a_folder_and_ends_with_130(watching, folder, tiny_bundle):
    watching.until(lambda report: report["total"] == 1)
    watching.until_said("watching")
    for number in range(3):
        draw_shape("bar", "blue", 60 + number).save(folder / f"new-{number}.png")
    watching.until(lambda report: report["total"] == 4)
    (folder / "new-0.png").rename(folder / "moved.png")
    assert watching.until(lambda report: report["moved"] or report["added"])["moved"] == 1
    (folder / "moved.png").unlink()
    watching.until(lambda report: report["total"] == 3)
    assert watching.interrupt() == 130
    assert "Traceback" not in "".join(watching.messages)
    assert len(Gallery.open(folder / "my.gallery", model=tiny_bundle.path)) == 3


@pytest.mark.slow
def test_it_survives_a_folder_that_goes_and_comes_back(watching, folder):
    watching.until(lambda report: report["total"] == 1)
    watching.until_said("watching")
    away = folder.parent / "away"
    away.mkdir()
    for path in folder.glob("*.png"):
        path.rename(away / path.name)
    watching.until_said("is a drive missing?")
    assert watching.process.poll() is None
    (away / "a.png").rename(folder / "a.png")
    draw_shape("cross", "green").save(folder / "b.png")
    watching.until(lambda report: report["total"] == 2)
    assert watching.interrupt() == 130


def test_without_its_extra_it_says_so_at_once(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtraError, match=r"stbir\[watch\]"):
        changes([tmp_path], tmp_path / "g")


def test_changes_of_the_gallery_itself_are_none(tmp_path):
    (tmp_path / "g").mkdir()
    seen = changes([tmp_path], tmp_path / "g", look_again_ms=1500)
    assert next(seen) is True, "the first look catches up"
    (tmp_path / "g" / "row").write_text("x")
    assert next(seen) is False
    (tmp_path / "new.jpg").write_text("x")
    assert next(seen) is True
    seen.close()


def test_a_folder_that_is_replaced_is_a_change(tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    seen = changes([folder], tmp_path / "g", look_again_ms=500)
    next(seen)
    folder.rename(tmp_path / "old")
    assert next(seen) is True
    os.mkdir(folder)  # noqa: PTH102
    assert next(seen) is True
    seen.close()
