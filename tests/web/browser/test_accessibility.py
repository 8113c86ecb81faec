"""axe-core finds nothing in the states of the page: first page, results, filters, every dialog; light, dark, phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from visitor import sample_drawing

axe_package = pytest.importorskip("axe_playwright_python", reason="needs axe-core: pip install 'stbir[dev]'")
AXE = (Path(axe_package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def findings(page, serious: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """Violations, each with the elements it was found on."""
    page.evaluate(AXE)
    result = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{found['id']}: {[node['html'][:150] for node in found['nodes']]}"
        for found in result["violations"]
        if found["impact"] in serious
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_in_any_state(visit, scheme) -> None:
    visitor = visit(color_scheme=scheme)
    page = visitor.page
    page.locator(".example").first.wait_for()
    found = {"start": findings(page)}
    visitor.draw(*sample_drawing("d-lamp-00001-13"), every=12)
    visitor.describe("orange painted desk lamp")
    page.locator("#filter-button").click()
    found["results"] = findings(page)
    page.locator(".card").first.click()
    page.wait_for_selector("#lightbox .facts dd")
    found["lightbox"] = findings(page)
    page.keyboard.press("Escape")
    for name in ("help", "history", "gallery"):
        page.locator(f"#{name}-button").click()
        found[name] = findings(page)
        page.keyboard.press("Escape")
    assert {state: each for state, each in found.items() if each} == {}


def test_no_serious_finding_on_a_phone(phone) -> None:
    phone.page.locator(".example").first.tap()
    phone.page.wait_for_selector(".card")
    phone.settle()
    assert findings(phone.page) == []
