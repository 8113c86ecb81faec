"""Take the pictures of docs/page.md and of the README: the page in headless Chromium, with the sample gallery.

Draws a sample with the mouse, types its words, opens the first hit. Writes docs/images/page.png, page-why.png and
page-phone.png. Needs the extras `web` and `dev`, and Chromium; run it on an idle machine, the page shows its times.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

import stbir
from latency import ROOT, SAMPLES
from service_load import Service

sys.path.insert(0, str(ROOT / "tests"))

from visitor import Visitor, sample_drawing, start_chromium  # found by the line above

IMAGES = ROOT / "docs" / "images"
WARM_UP = "c-chair-00000-33"
DRAWING, WORDS = "d-lamp-00001-13", "orange painted desk lamp"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 397, "height": 858}
GAP_PX = 26


def main() -> None:
    """Take them all."""
    from playwright.sync_api import sync_playwright

    browser_path = os.environ.get("STBIR_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium: install it, or name it in STBIR_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        gallery = Path(folder) / "samples.gallery"
        pictures = Path(folder) / "pictures"
        shutil.copytree(SAMPLES / "gallery", pictures)
        stbir.Gallery.open(gallery).index(pictures)
        browser = start_chromium(driver, browser_path)
        with Service(gallery) as service:
            url = f"http://127.0.0.1:{service.port}"
            desktop = searched(browser.new_context(viewport=DESKTOP), url)
            save(picture(desktop), "page.png")
            desktop.page.locator(".card").first.click()
            desktop.page.locator("#lightbox").get_by_text("Drawing", exact=True).click()
            desktop.page.wait_for_timeout(1500)
            save(picture(desktop), "page-why.png")
            first = Visitor(browser.new_context(viewport=PHONE, has_touch=True), url)
            first.open()
            dark = searched(browser.new_context(viewport=PHONE, has_touch=True, color_scheme="dark"), url)
            dark.page.evaluate("window.scrollTo(0, 0)")
            save(side_by_side(picture(first), picture(dark)), "page-phone.png")
        browser.close()


def searched(context: Any, url: str) -> Visitor:
    """A tab in which the sample was drawn and described, after another one: the answer is that of a warm service."""
    visitor = Visitor(context, url)
    visitor.open()
    for drawing, words in ((WARM_UP, "shell chair"), (DRAWING, WORDS)):
        visitor.page.locator("#new-button").click()
        visitor.describe(words)
        visitor.draw(*sample_drawing(drawing), every=4)
        visitor.page.wait_for_timeout(800)
    return visitor


def picture(visitor: Visitor) -> Image.Image:
    """What the tab shows."""
    visitor.page.wait_for_timeout(500)
    return Image.open(io.BytesIO(visitor.page.screenshot())).convert("RGB")


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures of one height on white."""
    sheet = Image.new("RGB", (left.width + GAP_PX + right.width, left.height), "white")
    sheet.paste(left)
    sheet.paste(right, (left.width + GAP_PX, 0))
    return sheet


def save(image: Image.Image, name: str) -> None:
    """Write a picture of 256 colours."""
    image.quantize(256, kmeans=3).save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
