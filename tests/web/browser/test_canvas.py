"""The canvas under mouse, finger, pen and keys: lines, erasers, undo, palms, and that it stays smooth."""

from __future__ import annotations

from typing import Any

import pytest

HORIZONTAL = ((0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
VERTICAL = ((0.5, 0.2), (0.5, 0.5), (0.5, 0.8))


def strokes(visitor) -> list[list[list[float]]]:
    """The drawing as it was last sent."""
    sent = [request for request in visitor.requests if request.get("strokes")]
    return sent[-1]["strokes"] if sent else []


def test_undo_redo_and_clear(desktop) -> None:
    page = desktop.page
    desktop.drag(*HORIZONTAL)
    one_line = desktop.num_inked_px()
    desktop.drag(*VERTICAL)
    two_lines = desktop.num_inked_px()
    assert two_lines > one_line > 0
    page.locator("#undo").click()
    desktop.settle()
    page.wait_for_timeout(60)
    assert desktop.num_inked_px() == pytest.approx(one_line, abs=20)
    page.keyboard.press("Control+Shift+Z")
    page.wait_for_timeout(60)
    assert desktop.num_inked_px() == pytest.approx(two_lines, abs=20)
    page.locator("#clear").click()
    page.wait_for_timeout(60)
    assert desktop.num_inked_px() == 0
    assert page.locator("#found").get_attribute("data-state") == "start"
    page.keyboard.press("Control+Z")
    page.wait_for_selector(".card")
    assert len(strokes(desktop)) == 2


def test_the_eraser_cuts_lines_and_is_one_step_of_undo(desktop) -> None:
    page = desktop.page
    desktop.drag(*HORIZONTAL)
    page.locator("[data-tool=eraser]").click()
    desktop.drag((0.5, 0.4), (0.5, 0.5), (0.5, 0.6))
    assert len(strokes(desktop)) == 2, "the line is in two pieces"
    ends = sorted(x for stroke in strokes(desktop) for x, _ in (stroke[0], stroke[-1]))
    assert ends[2] - ends[1] == pytest.approx(52, abs=12)
    page.locator("#undo").click()
    desktop.settle()
    assert len(strokes(desktop)) == 1


def test_the_stroke_eraser_takes_whole_strokes(desktop) -> None:
    desktop.drag(*HORIZONTAL)
    desktop.drag((0.2, 0.8), (0.8, 0.8))
    desktop.page.locator("[data-tool=stroke-eraser]").click()
    desktop.drag((0.3, 0.45), (0.3, 0.55))
    assert len(strokes(desktop)) == 1
    assert strokes(desktop)[0][0][1] == pytest.approx(0.8 * 1024, abs=3)


def test_lines_are_as_wide_as_the_model_sees_them(desktop) -> None:
    share = desktop.page.evaluate("async () => (await (await fetch('api/gallery')).json()).line_width_share")
    desktop.drag((0.2, 0.5), (0.8, 0.5))
    height = desktop.page.evaluate(
        "() => { const c = document.getElementById('ink');"
        " const p = c.getContext('2d').getImageData(c.width / 2, 0, 1, c.height).data;"
        " let sum = 0; for (let i = 3; i < p.length; i += 4) sum += p[i] / 255; return sum / c.height; }"
    )
    assert height == pytest.approx(share, rel=0.1)


def test_a_line_painted_while_it_grew_looks_like_one_painted_at_once(desktop) -> None:
    points = [(0.2 + 0.006 * i, 0.5 + 0.2 * ((i // 7) % 2) - 0.02 * (i % 5)) for i in range(100)]
    desktop.drag(*points)
    grown = desktop.num_inked_px()
    desktop.page.evaluate("() => document.dispatchEvent(new Event('stbir:theme'))")
    assert desktop.num_inked_px() == pytest.approx(grown, rel=0.01)


def touch(visitor, kind: str, *points: tuple[float, float]) -> None:
    """One touch event with the given fingers down, in shares of the canvas."""
    box = visitor.page.locator("#ink").bounding_box()
    fingers = [
        {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
        for number, (x, y) in enumerate(points)
    ]
    visitor.devtools().send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})


def swipe(visitor, *points: tuple[float, float]) -> None:
    touch(visitor, "touchStart", points[0])
    for point in points[1:]:
        touch(visitor, "touchMove", point)
    touch(visitor, "touchEnd")


def test_a_finger_draws_and_the_page_does_not_scroll(phone) -> None:
    swipe(phone, *VERTICAL)
    phone.page.wait_for_selector(".card")
    phone.settle()
    assert len(strokes(phone)) == 1
    assert phone.page.evaluate("scrollY") == 0


def test_two_fingers_are_no_line(phone) -> None:
    touch(phone, "touchStart", (0.2, 0.5))
    touch(phone, "touchMove", (0.25, 0.5))
    touch(phone, "touchStart", (0.25, 0.5), (0.7, 0.5))
    touch(phone, "touchMove", (0.1, 0.5), (0.9, 0.5))
    touch(phone, "touchEnd")
    assert phone.page.locator("#undo").is_disabled()


def pen(visitor, kind: str, x: float, y: float, pressure: float = 0.5) -> None:
    box = visitor.page.locator("#ink").bounding_box()
    event: dict[str, Any] = {
        "type": kind,
        "x": box["x"] + x * box["width"],
        "y": box["y"] + y * box["height"],
        "button": "left" if kind != "mouseMoved" else "none",
        "buttons": 0 if kind == "mouseReleased" else 1,
        "clickCount": 1,
        "force": pressure,
        "pointerType": "pen",
    }
    visitor.devtools().send("Input.dispatchMouseEvent", event)


def test_a_palm_is_ignored_while_the_pen_is_in_use_and_pressure_is_kept(phone) -> None:
    pen(phone, "mousePressed", 0.2, 0.5, 0.3)
    pen(phone, "mouseMoved", 0.5, 0.5, 0.6)
    swipe(phone, (0.7, 0.8), (0.9, 0.9))
    pen(phone, "mouseMoved", 0.8, 0.5, 0.9)
    pen(phone, "mouseReleased", 0.8, 0.5, 0)
    phone.page.wait_for_selector(".card")
    phone.settle()
    assert len(strokes(phone)) == 1
    with phone.page.expect_download() as download:
        phone.page.locator("#save-drawing").click()
    saved = download.value.path().read_text(encoding="utf-8")
    assert "0.3]" in saved
    assert "0.9]" in saved


def test_the_keyboard_draws(desktop) -> None:
    page = desktop.page
    page.keyboard.press("d")
    assert page.evaluate("document.activeElement.id") == "ink"
    page.keyboard.press("Space")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_selector(".card")
    desktop.settle()
    (stroke,) = strokes(desktop)
    assert stroke == [[512, 512], *([512 + 16 * i, 512] for i in range(1, 6)), [592, 576]]
    page.keyboard.press("Backspace")
    desktop.settle()
    assert page.locator("#found").get_attribute("data-state") == "start"


def test_a_move_costs_the_same_however_much_is_drawn(desktop) -> None:
    """The page's own work for a move, on an empty sheet and on one with 400 strokes: far below a frame of 60 Hz."""
    page = desktop.page
    page.evaluate(
        """() => {
            const target = document.getElementById('ink');
            const box = target.getBoundingClientRect();
            target.setPointerCapture = () => {};
            const send = (type, x, y) => target.dispatchEvent(new PointerEvent(type, {
                bubbles: true, pointerId: 1, pointerType: 'mouse', isPrimary: true, buttons: 1, pressure: 0.5,
                clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
            window.fill = () => {
                for (let i = 0; i < 400; i++) {
                    const [x, y] = [0.05 + 0.045 * (i % 20), 0.05 + 0.045 * Math.floor(i / 20)];
                    send('pointerdown', x, y);
                    for (let j = 0; j < 30; j++) send('pointermove', x + 0.03 * Math.cos(j), y + 0.03 * Math.sin(j));
                    send('pointerup', x, y);
                }
            };
            window.moveMany = async () => {
                const spent = [];
                send('pointerdown', 0.1, 0.1);
                for (let i = 0; i < 120; i++) {
                    await new Promise(requestAnimationFrame);
                    const started = performance.now();
                    for (let k = 0; k < 4; k++) {
                        send('pointermove', 0.5 + 0.4 * Math.cos(i / 9 + k / 40), 0.5 + 0.4 * Math.sin(i / 7));
                    }
                    spent.push(performance.now() - started);
                }
                send('pointerup', 0.5, 0.5);
                return spent.sort((a, b) => a - b);
            };
        }"""
    )
    empty = page.evaluate("moveMany()")
    page.evaluate("fill()")
    full = page.evaluate("moveMany()")
    middle = len(full) // 2
    assert full[middle] < 2 * empty[middle] + 0.4, f"{empty[middle]} ms, then {full[middle]} ms for four moves"
    assert full[int(0.95 * len(full))] < 8.0, "half of a frame, for four moves"
    desktop.settle()
