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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from visitor import ROOT, Visitor, start_chromium

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Where Chromium is; asked for by everything here, so that nothing is started where there is none."""
    pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'stbir[dev]'")
    path = os.environ.get("STBIR_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium: install it (apt-get install chromium) or name it in STBIR_CHROMIUM")
    return path


@pytest.fixture(scope="session")
def sample_gallery(browser_path, tmp_path_factory) -> Path:
    """The sample pictures, indexed with the shipped model."""
    import stbir

    folder = tmp_path_factory.mktemp("served") / "samples.gallery"
    stbir.Gallery.open(folder).index(ROOT / "samples" / "gallery")
    return folder


@pytest.fixture(scope="session")
def service(sample_gallery) -> Iterator[str]:
    """The address of `stbir serve` over the sample gallery."""
    with serving(sample_gallery) as url:
        yield url


@pytest.fixture(scope="session")
def keyed_service(sample_gallery) -> Iterator[tuple[str, str]]:
    """The address of a service that lets in only who has the key, and the key."""
    key = "a-key-for-tests-" + "0123456789abcdef" * 2
    with serving(sample_gallery, "--api-key", key) as url:
        yield url, key


@contextmanager
def serving(gallery: Path, *options: str) -> Iterator[str]:
    """Serve a gallery on a free port; gives the address."""
    command = [sys.executable, "-m", "stbir", "serve", "--gallery", str(gallery), "--port", "0", *options]
    log_path = gallery.parent / f"serve-{len(options)}.log"
    with log_path.open("w", encoding="utf-8") as log, subprocess.Popen(command, stderr=log, cwd=ROOT) as process:
        try:
            yield address_in(log_path, process)
        finally:
            process.terminate()
            process.wait(timeout=30)


def address_in(log_path: Path, process: subprocess.Popen[bytes]) -> str:
    """The address that a service writes when it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        log = log_path.read_text(encoding="utf-8")
        if found := re.search(r"(http://\S+) \(stop", log):
            return found[1].rstrip("/")
        time.sleep(0.1)
    raise AssertionError(f"stbir serve does not listen: {log_path.read_text(encoding='utf-8')}")


# The driver keeps an event loop running in this thread, which the next module's tests must not meet.
@pytest.fixture(scope="module")
def chromium(browser_path) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = start_chromium(driver, browser_path)
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
