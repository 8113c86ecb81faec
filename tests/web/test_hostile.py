"""Hostile input, each with its clean answer: a refusal in the one shape, quickly, and a service that goes on."""

from __future__ import annotations

import base64
import io
import json
import struct
import time
import zlib

import pytest
from PIL import Image

from conftest import outline
from stbir.web import Limits
from web_answers import names, refusal

ENOUGH_S = 5.0


def bomb_png(side: int) -> bytes:
    """A PNG of a few kilobytes that would decode to `side` squared pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * (side // 8 + 1) * min(side, 2000), 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def svg(text: str) -> str:
    return encoded(text.encode())


def animation() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("P", (4000, 4000), number) for number in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


ZIGZAG = [[float(number % 2) * 1000, number / 10] for number in range(20_000)]
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    '<svg xmlns="http://www.w3.org/2000/svg"><path d="&c;"/></svg>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
)
LINKED = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<image xlink:href="http://evil.example/x.png"/><use href="file:///etc/passwd#x"/></svg>'
)

TABLE = {
    "a million points": ({"strokes": [[[n, n] for n in range(60_000)]]}, 422, "sketch_error", "points"),
    "too many strokes": ({"strokes": [[[1, 1]]] * 6000}, 422, "sketch_error", "strokes"),
    "endless zigzag": ({"strokes": [ZIGZAG]}, 422, "sketch_error", "times as long"),
    "huge numbers": ({"strokes": [[[1e300, 0], [0, 1]]]}, 422, "sketch_error", "finite"),
    "points of one number": ({"strokes": [[[1]]]}, 422, "invalid_request", "strokes.0.0"),
    "words for numbers": ({"strokes": [[["1", "2"]]]}, 422, "invalid_request", "number"),
    "booleans for numbers": ({"strokes": [[[True, False]]]}, 422, "invalid_request", "number"),
    "an object for strokes": ({"strokes": {"a": 1}}, 422, "invalid_request", "strokes"),
    "a strange size": ({**outline("bar"), "size": [0, -5]}, 422, "sketch_error", "size"),
    "unknown fields": ({"text": "red", "path": "/etc/passwd"}, 422, "invalid_request", "path"),
    "too many words": ({"text": "x" * 1001}, 422, "query_error", "1,001 characters"),
    "a lone surrogate": (b'{"text": "\\ud800"}', 400, "invalid_request", "body is wrong"),
    "not JSON": (b"{text: red}", 400, "invalid_request", "body is wrong"),
    "no UTF-8": (b'{"text": "\xff\xfe"}', 400, "invalid_request", "body is wrong"),
    "an empty body": (b"", 400, "invalid_request", "body is wrong"),
    "a list": (b"[]", 422, "invalid_request", "body is wrong"),
    "deep JSON": (b'{"strokes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "invalid_request", "recursion"),
    "deep objects": (b'{"a": ' * 50_000 + b"1" + b"}" * 50_000, 400, "invalid_request", "recursion"),
    "NaN": (b'{"strokes": [[[NaN, 1], [2, 3]]]}', 422, "invalid_request", "finite"),
    "infinity": (b'{"strokes": [[[Infinity, 1], [2, 3]]]}', 422, "invalid_request", "finite"),
    "a weight that is NaN": (b'{"text": "red", "weights": {"text": NaN}}', 422, "invalid_request", "weights.text"),
    "a negative weight": ({"text": "red", "weights": {"text": -1}}, 422, "invalid_request", "weights.text"),
    "a huge top": ({"text": "red", "top": 10**9}, 422, "invalid_request", "too large"),
    "a number beyond all": (b'{"text": "red", "top": 1' + b"0" * 5000 + b"}", 400, "invalid_request", "out of range"),
    "SQL that writes": ({"text": "red", "where": "1=1; DROP TABLE pictures"}, 422, "query_error", "filter"),
    "SQL of functions": ({"text": "red", "where": "load_extension('x')"}, 422, "query_error", "filter"),
    "SQL that leaves its brackets": (
        {"text": "red", "where": "1=1) OR (1=1 AND nothing"},
        422,
        "query_error",
        "filter",
    ),
    "deep SQL": ({"text": "red", "where": "(" * 499 + "1" + ")" * 499}, 422, "query_error", "filter"),
    "SQL of many signs": ({"text": "red", "where": "-" * 400 + "width > 1"}, 422, "query_error", "filter"),
    "long SQL": ({"text": "red", "where": "width > 1" + " AND width > 1" * 100}, 422, "invalid_request", "1,000"),
    "no base64": ({"image": "../../etc/passwd"}, 422, "image_error", "base64"),
    "a data URL without base64": ({"image": "data:text/plain,hello"}, 422, "image_error", "base64"),
    "a file URL": ({"sketch_picture": "file:///etc/passwd"}, 422, "image_error", "base64"),
    "no picture": ({"image": encoded(b"MZ" + b"\0" * 1000)}, 422, "image_error", "not a picture"),
    "a picture bomb": ({"image": encoded(bomb_png(30_000))}, 422, "image_error", "pixels"),
    "a bomb as drawing": ({"sketch_picture": encoded(bomb_png(30_000))}, 422, "image_error", "pixels"),
    "a large animation": ({"sketch_picture": encoded(animation())}, 422, "sketch_error", "no lines"),
    "a torn picture": ({"image": encoded(bomb_png(1000)[:90])}, 422, "image_error", "damaged"),
    "entities that multiply": ({"sketch_picture": svg(LAUGHS)}, 422, "sketch_error", "entit"),
    "entities from files": ({"sketch_picture": svg(OUTSIDE)}, 422, "sketch_error", "entit"),
    "references to elsewhere": ({"sketch_picture": svg(LINKED)}, 422, "sketch_error", "no path"),
    "a path for an id": ({"text": "red", "image": "/etc/passwd"}, 422, "image_error", "base64"),
}


@pytest.mark.parametrize("name", TABLE)
def test_hostile_searches(client, name):
    body, status, code, part = TABLE[name]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    started = time.monotonic()
    answer = client.post("/api/search", content=content, headers={"Content-Type": "application/json"})
    message = refusal(answer, status, code)
    assert part in message
    assert time.monotonic() - started < ENOUGH_S
    assert len(message) < 600
    assert "/etc/passwd" not in message.replace("'/etc/passwd'", "")
    assert names(client.post("/api/search", json={"text": "red", "top": 1}))


@pytest.mark.parametrize("field", ["image", "sketch_picture"])
def test_the_limit_of_pixels_is_the_services_own(open_service, field):
    client = open_service(limits=Limits(max_pixels=100_000))
    sent = client.post("/api/search", json={field: encoded(bomb_png(400))})
    assert "more than the 100,000 allowed" in refusal(sent, 422, "image_error")


def test_a_long_but_honest_drawing_is_answered_in_time(client):
    strokes = [[[x * 10.0, y * 1.0] for x in range(100)] for y in range(400)]
    started = time.monotonic()
    assert names(client.post("/api/search", json={"strokes": strokes}))
    assert time.monotonic() - started < ENOUGH_S


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/api/images/..%2F..%2Fetc%2Fpasswd",
        "/api/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd/original",
        "/api/thumbnails/....//....//etc/passwd",
        "/api/images/C:%5Cwindows%5Cwin.ini",
        "/%00",
        "/api/images/%00/info",
    ],
)
def test_paths_lead_nowhere(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text
    refusal(answer, answer.status_code, answer.json()["error"]["code"])


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=y", "a\nb", "\x00", "é" * 10])
def test_headers_are_not_injected(client, value):
    answer = client.get("/healthz", headers=[(b"X-Request-ID", value.encode())])
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-request-id"].isalnum()


def test_odd_headers_are_harmless(client):
    for headers in (
        {"Content-Length": "-5"},
        {"Content-Length": "9" * 400},
        {"Cookie": "stbir_session=" + "x" * 5000},
        {"Cookie": "=;;;\x01"},
        {"Authorization": "Bearer " + "x" * 20_000},
        {"If-None-Match": '"' * 1000},
        {"Range": "bytes=0-5,9-1000000"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "\x7f"},
    ):
        for path in ("/healthz", "/api/gallery", "/"):
            assert client.get(path, headers=headers).status_code < 500, headers
        assert client.post("/api/search", headers=headers, content=b"{}").status_code < 500, headers
