"""The page around the search: link and history, phone, keyboard, dark and mirrored, trouble, hostile names."""

from __future__ import annotations

import json

import pytest

from visitor import sample_drawing

HOSTILE = '<img src=x onerror="document.title=1">\u202e.jpg'


def test_the_link_restores_the_query(desktop, visit) -> None:
    desktop.draw(*sample_drawing("d-lamp-00001-13"))
    desktop.describe("orange desk lamp")
    desktop.page.locator("#not").fill("checks")
    desktop.set_balance(40)
    desktop.page.wait_for_function("() => location.hash.includes('b=40')")
    link = desktop.page.evaluate("location.pathname + location.hash")
    other = visit(link)
    other.page.wait_for_selector(".card")
    other.settle()
    assert other.page.locator("#text").input_value() == "orange desk lamp"
    assert other.page.locator("#not").input_value() == "checks"
    assert other.page.locator("#balance").input_value() == "40"
    assert other.found()[:5] == desktop.found()[:5]
    assert len(link) < 1500
    assert other.num_inked_px() == pytest.approx(desktop.num_inked_px(), rel=0.03)


def test_history_and_back_restore_searches(desktop) -> None:
    page = desktop.page
    desktop.describe("yellow lamp")
    page.wait_for_function("() => location.hash === '#t=yellow+lamp'")
    page.locator("#new-button").click()
    assert page.locator("#found").get_attribute("data-state") == "start"
    desktop.describe("brown shoe")
    page.wait_for_function("() => location.hash === '#t=brown+shoe'")
    page.locator("#history-button").click()
    items = page.locator(".history-item")
    assert [text.split("\n")[0] for text in items.all_inner_texts()] == ["brown shoe", "yellow lamp"]
    items.nth(1).click()
    desktop.settle()
    assert page.locator("#text").input_value() == "yellow lamp"
    assert desktop.found()[0].startswith("d-lamp")
    page.reload()
    page.wait_for_selector(".card")
    assert page.locator("#text").input_value() == "yellow lamp"
    page.go_back()
    page.wait_for_function("() => document.getElementById('text').value === 'brown shoe'")


def test_a_broken_link_opens_the_first_page(visit) -> None:
    visitor = visit("/#d=%E0%A4%A&b=nonsense&t=")
    assert visitor.page.locator("#found").get_attribute("data-state") == "start"


def test_everything_fits_on_a_phone(phone) -> None:
    page = phone.page
    page.locator(".example").first.wait_for()
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    page.locator(".example").nth(1).tap()
    page.wait_for_selector(".card")
    phone.settle()
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    picture = page.locator(".card img").first.bounding_box()
    assert picture["y"] + picture["height"] / 2 < 844, "the best match is in sight below the canvas"
    page.locator("#filter-button").tap()
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    page.locator(".card").first.tap()
    page.wait_for_selector("#lightbox[open]")
    widths.append(page.evaluate("document.getElementById('lightbox').scrollWidth"))
    assert max(widths) <= 390
    small = page.evaluate(
        "() => [...document.querySelectorAll('button, input, a[href]')].filter((e) => e.checkVisibility()"
        " && e.type !== 'checkbox' && e.getBoundingClientRect().height > 1"
        " && Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 24).map((e) => e.outerHTML)"
    )
    assert small == [], "targets are at least 24 px"


def test_keyboard_alone_is_enough(desktop) -> None:
    page, press = desktop.page, desktop.page.keyboard.press
    press("/")
    page.keyboard.type("pink chair")
    desktop.page.wait_for_selector(".card")
    desktop.settle()
    press("Tab")
    assert page.evaluate("document.activeElement.id") == "not"
    press("Shift+Tab")
    press("ArrowDown")
    press("ArrowRight")
    assert focused_name(page) == desktop.found()[1]
    press("End")
    assert focused_name(page) == desktop.found()[-1]
    press("Home")
    press("Enter")
    page.wait_for_selector("#lightbox[open]")
    for place in (1, 2, 3):
        press("ArrowRight")
        assert page.locator("#lightbox-name").inner_text() == desktop.found()[place]
    press("Escape")
    assert focused_name(page) == desktop.found()[0], "focus returns to where it was"
    press("?")
    page.wait_for_selector("#help[open]")
    press("c")
    assert page.locator("#text").input_value() == "pink chair", "shortcuts rest while a dialog is open"
    press("Escape")
    press("c")
    assert page.locator("#found").get_attribute("data-state") == "start"


def focused_name(page) -> str:
    return page.evaluate("document.activeElement.querySelector('.card-name').textContent")


def test_single_letters_can_be_switched_off(desktop) -> None:
    page = desktop.page
    page.keyboard.press("?")
    page.locator("#single-keys").uncheck()
    page.keyboard.press("Escape")
    page.locator("#theme-button").focus()
    page.keyboard.press("h")
    assert not page.locator("#history").is_visible()


def test_tab_reaches_every_part_in_order(desktop) -> None:
    seen = []
    for _ in range(22):
        desktop.page.keyboard.press("Tab")
        seen.append(desktop.page.evaluate("document.activeElement.id || document.activeElement.className"))
    order = ["skip", "gallery-button", "ink", "text", "not", "balance", "example"]
    places = [seen.index(part) for part in order]
    assert places == sorted(places)


def test_dark_and_light_follow_the_system_and_the_toggle(visit) -> None:
    visitor = visit(color_scheme="dark")
    page = visitor.page
    visitor.drag((0.2, 0.5), (0.8, 0.5))
    assert brightness(page, "body", "--ground") < 60
    page.locator("#theme-button").click()
    assert brightness(page, "body", "--ground") > 200
    page.reload()
    assert brightness(page, "body", "--ground") > 200, "the choice is kept"
    page.locator("#theme-button").click()
    page.emulate_media(color_scheme="light")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'light'")


def brightness(page, selector: str, name: str) -> float:
    colour = page.evaluate(
        "([s, n]) => getComputedStyle(document.querySelector(s)).getPropertyValue(n).trim()", [selector, name]
    )
    return sum(int(colour[at : at + 2], 16) for at in (1, 3, 5)) / 3


def test_a_mirrored_page_keeps_its_order_and_width(desktop) -> None:
    page = desktop.page
    page.evaluate("document.documentElement.dir = 'rtl'")
    desktop.describe("blue mug")
    canvas, found = (page.locator(name).bounding_box() for name in ("#ink", "#found"))
    assert canvas["x"] > found["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.locator(".card").first.focus()
    page.keyboard.press("ArrowLeft")
    assert focused_name(page) == desktop.found()[1]


def test_the_lightbox_says_what_is_known_and_why(desktop) -> None:
    page = desktop.page
    desktop.draw(*sample_drawing("d-lamp-00001-13"))
    desktop.describe("orange painted desk lamp")
    page.locator(".card").first.click()
    page.wait_for_selector("#lightbox .facts dd")
    assert "208 × 208 px" in page.locator("#lightbox .facts").inner_text()
    page.wait_for_selector(".why-strokes")
    marks = page.locator(".why-words mark").all_inner_texts()
    assert marks == ["orange", "painted", "desk", "lamp"]
    for view in ("sketch", "text"):
        page.locator(f"#why-{view}").click()
        assert page.locator(f"#why-{view}").get_attribute("aria-pressed") == "true"
        opaque = page.evaluate(
            "() => { const c = document.querySelector('.heat'); const d = c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data; let n = 0;"
            " for (let i = 3; i < d.length; i += 4) n += d[i] > 40; return n / (d.length / 4); }"
        )
        assert 0.02 < opaque < 0.98, "some of the picture, not all of it"
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy path").click()
    page.wait_for_function("() => document.getElementById('toast').textContent === 'Path copied'")
    assert page.evaluate("navigator.clipboard.readText()").endswith("samples/gallery/d-lamp-00001-13.jpg")
    with page.expect_download() as download:
        page.get_by_text("Download").click()
    assert download.value.suggested_filename == "d-lamp-00001-13.jpg"


def test_drawing_over_a_hit_lays_it_under_the_canvas(desktop) -> None:
    page = desktop.page
    desktop.describe("brown shoe")
    page.locator(".card").first.click()
    page.get_by_text("Draw over this").click()
    page.wait_for_selector("#underlay:not([hidden])")
    assert not page.locator("#lightbox").is_visible()
    desktop.drag((0.2, 0.6), (0.5, 0.4), (0.8, 0.6))
    assert desktop.requests[-1]["strokes"]
    page.locator("#pad-note-remove").click()
    assert not page.locator("#underlay").is_visible()


def test_the_gallery_panel_shows_its_size_model_and_a_run_of_indexing(desktop) -> None:
    page = desktop.page
    page.locator("#gallery-button").click()
    panel = page.locator("#upkeep")
    assert "640" in panel.inner_text()
    assert "stbir-lite" in panel.inner_text()
    panel.get_by_text("Look for new and changed pictures").click()
    page.wait_for_function("() => document.getElementById('toast').textContent === 'The gallery is up to date'")


def test_a_run_of_indexing_is_shown_as_it_goes(desktop) -> None:
    page = desktop.page
    job = {"job": "1", "state": "indexing", "done": 160, "total": 640, "rate": 41.3, "skipped": 2, "time_left_s": 12}
    events = f"event: state\ndata: {json.dumps(job)}\n\n"
    page.route("**/api/index/events", lambda route: route.fulfill(content_type="text/event-stream", body=events))
    page.locator("#gallery-button").click()
    page.wait_for_selector(".job")
    assert page.locator(".job-bar").get_attribute("aria-valuenow") == "25"
    assert page.locator(".job p").inner_text() == "160 of 640 · 41 a second · 2 skipped · about 12 s left"
    assert page.locator("#gallery-label").inner_text() == "Indexing 160 of 640"


def test_an_empty_gallery_says_how_to_fill_it(visit) -> None:
    visitor = visit(None)
    page = visitor.page

    def emptied(route) -> None:
        route.fulfill(json={**route.fetch().json(), "num_pictures": 0})

    page.route("**/api/gallery", emptied)
    visitor.open()
    page.wait_for_function("() => document.getElementById('start-text').textContent.includes('no pictures yet')")


def test_a_link_to_an_example_picture_names_it(desktop, visit) -> None:
    desktop.describe("yellow bag")
    card = desktop.page.locator(".hit").first
    picture, name = card.get_attribute("data-id"), desktop.found()[0]
    other = visit(f"/#i={picture}")
    other.page.wait_for_function("() => document.getElementById('example-name').textContent.endsWith('.jpg')")
    assert other.page.locator("#example-name").inner_text() == name
    assert other.found()[0] == name


def test_a_busy_service_is_asked_again_by_itself(desktop) -> None:
    desktop.expected = ["503"]
    refusals = iter([True])
    busy = {"error": {"code": "overloaded", "message": "many searches at once: try again", "request_id": "r1"}}

    def answer(route) -> None:
        if next(refusals, False):
            route.fulfill(
                status=503, headers={"Retry-After": "1"}, content_type="application/json", body=json.dumps(busy)
            )
        else:
            route.continue_()

    desktop.page.route("**/api/search", answer)
    desktop.page.locator("#text").fill("red chair")
    desktop.page.wait_for_selector("#notice[data-kind=busy]:not([hidden])")
    assert "Trying again in" in desktop.page.locator("#notice").inner_text()
    desktop.page.wait_for_selector(".card")
    assert not desktop.page.locator("#notice").is_visible()


def test_a_service_that_is_gone_is_waited_for_and_the_drawing_stays(desktop) -> None:
    desktop.expected = ["ERR_FAILED", "ERR_CONNECTION", "willReadFrequently"]
    desktop.page.route("**/api/search", lambda route: route.abort())
    desktop.drag((0.2, 0.5), (0.8, 0.5))
    desktop.page.wait_for_selector("#notice[data-kind=offline]:not([hidden])")
    desktop.page.unroute("**/api/search")
    desktop.page.get_by_text("Try again", exact=True).click()
    desktop.page.wait_for_selector(".card[aria-label]")
    assert not desktop.page.locator("#notice").is_visible()
    assert desktop.num_inked_px() > 0


def test_a_refused_query_says_why(desktop) -> None:
    desktop.expected = ["400", "422"]
    desktop.describe("chair")
    desktop.page.locator("#filter-button").click()
    desktop.page.locator("[name=where]").fill("no such column = 3")
    desktop.page.wait_for_selector("#notice[data-kind=refused]:not([hidden])")
    assert "This cannot be searched" in desktop.page.locator("#notice").inner_text()
    desktop.page.locator("[name=where]").fill("")
    desktop.page.wait_for_selector("#notice", state="hidden")


def test_names_and_messages_from_strangers_stay_text(desktop) -> None:
    hit = {"rank": 1, "id": "a" * 12, "name": HOSTILE, "path": HOSTILE, "score": 0.5, "parts": {"text": 0.5}}
    answer = {"hits": [{**hit, "width": 1, "height": 1, "num_duplicates": 1}], "next_offset": None, "took_ms": {}}
    desktop.expected = ["404"]
    desktop.page.route("**/api/search", lambda route: route.fulfill(json=answer))
    desktop.describe(HOSTILE)
    assert desktop.found() == [HOSTILE]
    assert desktop.page.locator("#hits img").count() == 1
    assert desktop.page.locator(".copies").inner_text() == "+1 copy"
    desktop.page.locator(".card").first.click()
    assert desktop.page.locator("#lightbox-name").inner_text() == HOSTILE
    assert desktop.page.locator("#lightbox .frame img").count() == 1
    desktop.page.wait_for_function("() => document.querySelector('.why').textContent.includes('No explanation')")
    assert desktop.page.title() != "1"


def test_a_key_is_asked_for_once(visit, keyed_service) -> None:
    url, key = keyed_service
    visitor = visit(None)
    visitor.expected = ["401"]
    page = visitor.page
    page.goto(url)
    page.wait_for_selector("#key-dialog[open]")
    page.locator("#key").fill("wrong")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('key-note').textContent.includes('does not open')")
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#gallery-button[data-state=ready]")
    page.locator("#text").fill("red chair")
    page.wait_for_function("() => document.querySelector('.card img')?.naturalWidth > 0")
    page.reload()
    page.wait_for_selector(".card")
    assert not page.locator("#key-dialog").is_visible()


def test_the_content_policy_stops_a_script_that_got_in(desktop) -> None:
    """And a violation is a console error, which fails every other test."""
    desktop.page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.gotIn = true';"
        " document.body.append(script); }"
    )
    assert desktop.page.evaluate("window.gotIn") is None
    assert [complaint for complaint in desktop.complaints if "Content Security Policy" in complaint]
    desktop.complaints.clear()


def test_the_page_brings_everything_itself(desktop) -> None:
    """Nothing is fetched from elsewhere."""
    urls = desktop.page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(urls) > 10
    assert all(url.startswith(desktop.url) for url in urls)
