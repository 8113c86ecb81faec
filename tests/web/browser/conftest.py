"""A real service over the sample gallery and a real browser that visits it.

Skipped, with the reason, where there is no Chromium (`STBIR_CHROMIUM` or on the PATH) or its driver is not installed.
Whatever a test does, an error in the page's console or a violation of its content policy fails it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visitor import ROOT, Visitor, start_chromium

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def sample_gallery(tmp_path_factory) -> Path:
    """The sample pictures, indexed with the shipped model."""
    import stbir

    folder = tmp_path_factory.mktemp("served") / "samples.gallery"
    stbir.Gallery.open(folder).index(ROOT / "samples" / "gallery")
    return folder


@pytest.fixture(scope="session")
def service(sample_gallery) -> Iterator[str]:
    """The address of `stbir serve` over the sample gallery."""
    yield from serving(sample_gallery)


@pytest.fixture(scope="session")
def keyed_service(sample_gallery) -> Iterator[tuple[str, str]]:
    """The address of a service that lets in only who has the key, and the key."""
    key = "a-key-for-tests-" + "0123456789abcdef" * 2
    for url in serving(sample_gallery, "--api-key", key):
        yield url, key


def serving(gallery: Path, *options: str) -> Iterator[str]:
    """Serve a gallery on a free port until the fixture ends."""
    command = [sys.executable, "-m", "stbir", "serve", "--gallery", str(gallery), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://[\w.:\[\]]+", line):
                break
        else:
            raise AssertionError("stbir serve ended before it listened")
        drained = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield found.group().rstrip("/")
        process.terminate()
        process.wait(timeout=30)
        drained.wait(timeout=10)


# The driver keeps an event loop running in this thread, which the next module's tests must not meet.
@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'stbir[dev]'")
    path = os.environ.get("STBIR_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: install it (apt-get install chromium) or name it in STBIR_CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = start_chromium(driver, path)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, service) -> Iterator[object]:
    """Open the page in a fresh profile: `visit(path="/", **settings of the browser context)`; no path, no page yet."""
    visitors: list[Visitor] = []

    def open_page(path: str | None = "/", url: str = service, **settings: object) -> Visitor:
        settings = {"viewport": DESKTOP, "reduced_motion": "reduce", **settings}
        visitor = Visitor(chromium.new_context(**settings), url)
        visitors.append(visitor)
        if path is not None:
            visitor.open(path)
        return visitor

    yield open_page
    for visitor in visitors:
        visitor.context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def desktop(visit) -> Visitor:
    return visit()


@pytest.fixture
def phone(visit) -> Visitor:
    return visit(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)


@pytest.fixture(scope="session")
def sample_queries() -> list[dict[str, str]]:
    lines = (ROOT / "samples" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
