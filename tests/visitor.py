"""Who visits the page in browser tests and in the benchmark of the page: draws, types, looks at what is found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# The sandbox needs rights that containers lack; the rest keeps the browser from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Stroke = Sequence[Sequence[float]]


def start_chromium(driver: Any, path: str) -> Any:
    """Start a headless browser with an empty profile."""
    return driver.chromium.launch(executable_path=path, args=[*FLAGS], headless=True)


def sample_drawing(name: str) -> tuple[list[Stroke], float]:
    """Strokes of a shipped drawing, and the side of its square sheet."""
    drawing = json.loads((ROOT / "samples" / "drawings" / f"{name}.json").read_text(encoding="utf-8"))
    width, height = drawing["size"]
    return drawing["strokes"], max(width, height)


class Visitor:
    """A browser tab, and what one does in it.

    Args:
        context: A playwright browser context of its own.
        url: Where the service listens.
    """

    def __init__(self, context: Any, url: str) -> None:
        self.context = context
        self.url = url
        self.page = context.new_page()
        self.page.set_default_timeout(8_000)
        self.complaints: list[str] = []
        # The tests read the canvas back, which the page itself never does.
        self.expected = ["willReadFrequently"]
        self.answers: list[Any] = []
        self.requests: list[dict[str, Any]] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._keep_answer)
        self.page.on("request", self._keep_request)
        self._devtools: Any = None

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(f"{message.type}: {message.text}")

    def _keep_answer(self, response: Any) -> None:
        if response.url.endswith("/api/search") and response.status == 200:
            self.answers.append(response)

    def _keep_request(self, request: Any) -> None:
        if request.url.endswith("/api/search"):
            self.requests.append(request.post_data_json)

    def devtools(self) -> Any:
        """The browser's own protocol, for input that playwright has no word for: fingers and pens."""
        self._devtools = self._devtools or self.context.new_cdp_session(self.page)
        return self._devtools

    def open(self, path: str = "/") -> None:
        """Load the page and wait until it knows its gallery."""
        self.page.goto(self.url + path)
        self.page.wait_for_selector("#gallery-button[data-state=ready]")
        self.settle()

    def settle(self) -> None:
        """Wait until what is shown is the answer to what is asked."""
        self.page.wait_for_selector("#found[aria-busy=false]")

    def draw(self, strokes: Sequence[Stroke], side: float, *, every: int = 5) -> None:
        """Draw with the mouse: each stroke goes down, moves and up."""
        box = self.page.locator("#ink").bounding_box()
        scale = box["width"] / side
        mouse = self.page.mouse
        for stroke in strokes:
            points = [*stroke[:-1:every], stroke[-1]]
            at = [(box["x"] + point[0] * scale, box["y"] + point[1] * scale) for point in points]
            mouse.move(*at[0])
            mouse.down()
            for x, y in at[1:]:
                mouse.move(x, y)
            mouse.up()
        self.settle()

    def drag(self, *points: tuple[float, float]) -> None:
        """Draw one line through points given as shares of the canvas."""
        self.draw([points], 1.0, every=1)

    def describe(self, words: str) -> None:
        """Type the words."""
        self.page.locator("#text").fill(words)
        self.page.wait_for_timeout(20)
        self.settle()

    def set_balance(self, value: int) -> None:
        """Move the slider."""
        self.page.locator("#balance").fill(str(value))
        self.settle()

    def found(self) -> list[str]:
        """Names of the pictures shown, best first."""
        return self.page.locator(".card-name").all_inner_texts()

    def num_inked_px(self) -> int:
        """How many pixels of the canvas are inked."""
        return int(
            self.page.evaluate(
                "() => { const c = document.getElementById('ink');"
                " const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                " let n = 0; for (let i = 3; i < p.length; i += 4) n += p[i] > 127; return n; }"
            )
        )

    def last_answer(self) -> dict[str, Any]:
        """The service's last answer to a search."""
        answer: dict[str, Any] = self.answers[-1].json()
        return answer
