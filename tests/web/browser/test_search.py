"""Draw, type, find: the page over the sample gallery, with pointer events, in a real browser."""

from __future__ import annotations

import re
import urllib.request

import pytest

from visitor import ROOT, sample_drawing

DEMO = ("c-chair-00004-03", "d-lamp-00001-13", "s-sandal-00006-01")
OTHERS = ("c-chair-00006-31", "d-plant-00017-13", "d-headphones-00010-10")


@pytest.mark.parametrize("name", DEMO)
def test_a_drawing_and_words_find_the_picture(desktop, sample_queries, name) -> None:
    query = next(query for query in sample_queries if query["name"] == name)
    desktop.draw(*sample_drawing(name))
    assert len(desktop.found()) == 24, "pictures are there before a word was typed"
    desktop.describe(query["text"])
    assert desktop.found()[0] == f"{name}.jpg"


@pytest.mark.parametrize("name", OTHERS)
def test_other_sample_queries_are_among_the_first_three(desktop, sample_queries, name) -> None:
    query = next(query for query in sample_queries if query["name"] == name)
    desktop.draw(*sample_drawing(name))
    desktop.describe(query["text"])
    assert f"{name}.jpg" in desktop.found()[:3]


def test_the_canvas_sends_what_was_drawn(desktop) -> None:
    """Every point within a pixel of the screen."""
    strokes, side = sample_drawing("s-sandal-00006-01")
    desktop.draw(strokes, side, every=5)
    sent = desktop.requests[-1]
    assert sent["size"] == [1024, 1024]
    assert len(sent["strokes"]) == len(strokes)
    pixel = 1024 / desktop.page.locator("#ink").bounding_box()["width"]
    for drawn, stroke in zip(strokes, sent["strokes"], strict=True):
        for x, y, *_ in [*drawn[:-1:5], drawn[-1]]:
            x, y = x * 1024 / side, y * 1024 / side
            assert min(max(abs(x - at[0]), abs(y - at[1])) for at in stroke) <= pixel


def test_results_come_while_the_pen_is_still_down(desktop) -> None:
    strokes, side = sample_drawing("s-sandal-00006-01")
    box = desktop.page.locator("#ink").bounding_box()
    scale = box["width"] / side
    mouse = desktop.page.mouse
    longest = max(strokes, key=len)
    mouse.move(box["x"] + longest[0][0] * scale, box["y"] + longest[0][1] * scale)
    mouse.down()
    for x, y, *_ in longest[1:]:
        mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    desktop.page.wait_for_selector(".card")
    assert desktop.page.locator("#undo").is_disabled(), "the stroke is not finished yet"
    mouse.up()


def test_the_slider_acts_at_once_and_encodes_nothing_anew(desktop) -> None:
    desktop.draw(*sample_drawing("c-chair-00003-32"))
    desktop.describe("burgundy patent leather shoe")
    desktop.set_balance(0)
    by_drawing = desktop.found()
    before = num_encoded(desktop.url)
    desktop.set_balance(100)
    by_words = desktop.found()
    assert desktop.last_answer()["query"]["weights"]["sketch"] == 0
    desktop.set_balance(30)
    assert by_drawing[0].startswith("c-chair")
    assert by_words[0].startswith("s-")
    assert num_encoded(desktop.url) == before
    assert desktop.last_answer()["took_ms"]["encode"] < 5
    assert desktop.last_answer()["query"]["weights"]["text"] == pytest.approx(0.6)


def num_encoded(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        return float(re.search(r"^stbir_encoded_part_misses (\S+)", answer.read().decode(), re.MULTILINE).group(1))


def test_not_words_push_pictures_down(desktop) -> None:
    desktop.describe("chair")
    before = desktop.found()
    desktop.page.locator("#not").fill("red")
    desktop.page.wait_for_timeout(20)
    desktop.settle()
    assert desktop.found() != before


def test_each_hit_shows_its_score_and_what_each_part_gave(desktop) -> None:
    desktop.draw(*sample_drawing("d-mug-00000-02"))
    desktop.describe("green coffee mug")
    first = desktop.page.locator(".hit").first
    hit = desktop.last_answer()["hits"][0]
    assert first.locator(".card-score").inner_text() == f"{hit['score']:.2f}"
    assert first.locator(".part-sketch").inner_text() == f"{hit['parts']['sketch']:.2f}"
    assert first.locator(".part-text").inner_text() == f"{hit['parts']['text']:.2f}"
    widths = [first.locator(f".share-{part}").bounding_box()["width"] for part in ("sketch", "text")]
    assert widths[0] / widths[1] == pytest.approx(hit["parts"]["sketch"] / hit["parts"]["text"], rel=0.03)


def test_the_example_queries_draw_themselves_and_find_their_pictures(visit) -> None:
    """With motion, as most visitors have it."""
    visitor = visit(reduced_motion="no-preference")
    examples = visitor.page.locator(".example")
    examples.first.wait_for()
    assert examples.count() == 3
    for index, name in enumerate(DEMO):
        visitor.page.locator(".example").nth(index).click()
        visitor.page.wait_for_function(
            "() => !document.getElementById('undo').disabled && location.hash.includes('d=')"
        )
        visitor.settle()
        assert visitor.found()[0] == f"{name}.jpg"
        visitor.page.locator("#new-button").click()
        examples.first.wait_for()


def test_more_pictures_follow_on_demand(desktop) -> None:
    desktop.describe("chair")
    desktop.page.locator("#more").click()
    desktop.settle()
    desktop.page.wait_for_function("() => document.querySelectorAll('.card').length === 48")
    names = desktop.found()
    assert len(set(names)) == len(names)


def test_filters_narrow_what_is_found_and_can_be_reset(desktop) -> None:
    desktop.describe("chair")
    page = desktop.page
    page.locator("#filter-button").click()
    page.locator("[name=where]").fill("path LIKE '%mug-%'")
    page.wait_for_timeout(150)
    desktop.settle()
    assert all(name.startswith("d-mug") for name in desktop.found())
    page.locator("[name=min_width]").fill("5000")
    page.wait_for_timeout(150)
    desktop.settle()
    assert page.locator("#no-hits").inner_text().startswith("No picture passes the filters")
    assert page.locator("#filter-count").inner_text() == "2"
    page.locator("#filters [type=reset]").click()
    desktop.settle()
    assert desktop.found()[0].startswith("c-chair")


def test_more_like_this_starts_over_and_back_returns(desktop) -> None:
    desktop.describe("yellow bag")
    before = desktop.found()
    first = desktop.page.locator(".hit").first
    first.hover()
    first.locator(".hit-action").click()
    desktop.settle()
    assert desktop.found()[0] == before[0], "nothing is more like a picture than itself"
    assert desktop.page.locator("#text").input_value() == ""
    assert desktop.page.locator("#example-name").inner_text() == before[0]
    desktop.page.go_back()
    desktop.page.wait_for_function("() => document.getElementById('text').value === 'yellow bag'")
    desktop.settle()
    assert desktop.found() == before


def test_a_picture_given_as_drawing_and_as_example(desktop, tmp_path) -> None:
    page = desktop.page
    picture = ROOT / "samples" / "gallery" / "s-sandal-00006-01.jpg"
    page.locator("#picture-file").set_input_files(picture)
    page.locator("#choice-example").click()
    page.wait_for_selector(".card")
    desktop.settle()
    assert desktop.found()[0] == "s-sandal-00006-01.jpg"
    assert desktop.last_answer()["query"]["image"] == "picture"
    page.locator("#example-remove").click()
    sketch = tmp_path / "sketch.svg"
    sketch.write_text(svg_of("c-chair-00003-32"), encoding="utf-8")
    page.locator("#picture-file").set_input_files(sketch)
    page.locator("#choice-sketch").click()
    page.wait_for_selector(".card")
    desktop.settle()
    assert desktop.last_answer()["query"]["sketch"] == "picture"
    assert sum(name.startswith("c-chair") for name in desktop.found()[:5]) >= 4
    assert page.locator("#pad-note-text").inner_text() == "This picture is your drawing"


def svg_of(name: str) -> str:
    strokes, side = sample_drawing(name)
    lines = "".join(
        f'<polyline points="{" ".join(f"{x},{y}" for x, y, *_ in stroke)}" fill="none" stroke="black"/>'
        for stroke in strokes
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}">{lines}</svg>'


def test_a_stroke_file_becomes_the_drawing_and_can_be_saved_again(desktop) -> None:
    page = desktop.page
    page.locator("#picture-file").set_input_files(ROOT / "samples" / "drawings" / "d-bag-00002-30.json")
    page.wait_for_selector(".card")
    desktop.settle()
    assert desktop.found()[0].startswith("d-bag")
    with page.expect_download() as download:
        page.locator("#save-drawing").click()
    assert download.value.suggested_filename == "drawing.json"


def test_a_file_that_is_no_picture_is_refused_in_words(desktop, tmp_path) -> None:
    junk = tmp_path / "junk.json"
    junk.write_text('{"strokes": "all"}', encoding="utf-8")
    desktop.page.locator("#picture-file").set_input_files(junk)
    desktop.page.wait_for_selector("#toast[data-shown]")
    assert "junk.json is no drawing" in desktop.page.locator("#toast").inner_text()


def test_a_dropped_picture_asks_what_it_is_for(desktop) -> None:
    desktop.page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(40, 30);
            canvas.getContext('2d').fillRect(5, 5, 20, 10);
            const data = new DataTransfer();
            data.items.add(new File([await canvas.convertToBlob()], 'dropped.png', { type: 'image/png' }));
            const event = { bubbles: true, cancelable: true, dataTransfer: data };
            for (const type of ['dragenter', 'dragover', 'drop']) {
                document.body.dispatchEvent(new DragEvent(type, event));
            }
        }"""
    )
    desktop.page.wait_for_selector("#choice[open]")
    desktop.page.locator("#choice-trace").click()
    desktop.page.wait_for_selector("#underlay:not([hidden])")
    assert desktop.page.locator("#found").get_attribute("data-state") == "start", "tracing searches for nothing"
