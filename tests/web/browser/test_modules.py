"""The page's modules without a browser: syntax, their unit tests (needs node), and what they must not hold."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from visitor import ROOT

STATIC = ROOT / "src" / "stbir" / "web" / "static"
MODULES = sorted((STATIC / "js").glob("*.js"))
UNIT = sorted((Path(__file__).parent / "unit").glob("*.test.mjs"))
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="no node: install Node.js 20 or newer")


@needs_node
@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_syntax(module: Path) -> None:
    done = subprocess.run([NODE, "--check", module], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_node
@pytest.mark.parametrize("suite", UNIT, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_units(suite: Path) -> None:
    done = subprocess.run([NODE, "--test", suite], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_nothing_becomes_html_or_code(module: Path) -> None:
    """Names and words of strangers go in as text; there is no other way in."""
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\('style'"
    assert re.findall(forbidden, module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_modules_import_only_their_neighbours_and_say_what_they_are_for(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    imports = re.findall(r"(?:from|import) '([^']+)'", text)
    assert all(re.fullmatch(r"\./[a-z]+\.js", name) and (module.parent / name).exists() for name in imports)
    assert text.startswith("/**")
    assert len(text.splitlines()) <= 320


def test_the_page_on_the_page_names_every_key() -> None:
    text = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    labels = re.findall(r"label: '([^']+)'", (STATIC / "js" / "main.js").read_text(encoding="utf-8"))
    keys = [key for label in labels for key in label.split(" or ")]
    assert len(keys) > 15
    assert [key for key in keys if f"`{key}`" not in text and key != "?"] == []


class _Inline(HTMLParser):
    """Collects what the content policy forbids, and what comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name == "style" or name.startswith("on")]
        self.found += [str(names[name]) for name in ("src", "href") if re.match(r"\w+:|//", names.get(name) or "")]


def test_the_page_has_no_inline_script_or_style_and_nothing_from_elsewhere() -> None:
    parser = _Inline()
    parser.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    assert parser.found == []


def test_style_sheets_name_no_side() -> None:
    """Logical directions only, so that the page mirrors; what lies on the drawing sheet is the exception."""
    sided = r"^\s*(?:margin|padding|border|inset)?-?(?:left|right)\s*:|text-align:\s*(?:left|right)|float:"
    for sheet in sorted((STATIC / "css").glob("*.css")):
        lines = [line for line in sheet.read_text(encoding="utf-8").splitlines() if re.search(sided, line)]
        assert [line for line in lines if "tip-px" not in line and "does not mirror" not in line] == [], sheet.name
