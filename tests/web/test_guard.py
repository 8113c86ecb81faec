from __future__ import annotations

import asyncio
import json
import logging

import pytest

from stbir.errors import ConfigError
from stbir.web import Limits, Settings
from stbir.web.keys import HashedKey, new_key
from stbir.web.settings import is_loopback
from web_answers import names, refusal

KEY, HASHED = new_key()


@pytest.mark.parametrize(
    "path", ["/healthz", "/api/gallery", "/api/nothing", "/static/nothing.js", "/metrics", "/docs"]
)
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert headers["x-request-id"]
    assert "server" not in headers


def test_a_sane_request_id_is_kept_and_another_replaced(client):
    assert client.get("/healthz", headers={"X-Request-ID": "trace-1.a_B"}).headers["x-request-id"] == "trace-1.a_B"
    for odd in ("", "a b", "x" * 65, "<script>", "a\tb"):
        assert client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"] != odd


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/search", 405, "method_not_allowed"),
        ("PUT", "/api/index", 405, "method_not_allowed"),
        ("DELETE", "/", 405, "method_not_allowed"),
        ("OPTIONS", "/api/search", 405, "method_not_allowed"),
        ("GET", "/static/../app.py", 404, "not_found"),
        ("GET", "/api/images/" + "a" * 41, 422, "invalid_request"),
    ],
)
def test_unknown_places_and_methods_are_refused_in_one_shape(client, method, path, status, code):
    refusal(client.request(method, path), status, code)


def test_only_json_is_a_body(client):
    refusal(client.post("/api/search", content=b"text=red"), 415, "unsupported_media_type")
    refusal(
        client.post("/api/search", content=b'{"text": "red"}', headers={"Content-Type": "text/plain"}),
        415,
        "unsupported_media_type",
    )
    sent = client.post(
        "/api/search", content=b'{"text": "red"}', headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert names(sent)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::2]"])
def test_another_host_name_is_refused_on_loopback(client, host):
    refusal(client.get("/api/gallery", headers={"Host": host}), 421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.2:1", "[::1]:8000"])
def test_the_names_of_this_machine_are_good(client, host):
    assert client.get("/api/gallery", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
    ],
)
def test_pages_of_other_sites_are_refused(client, headers):
    refusal(client.post("/api/search", json={"text": "red"}, headers=headers), 403, "forbidden")


def test_the_own_page_and_programs_are_let_in(client):
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"}
    assert names(client.post("/api/search", json={"text": "red"}, headers=own))
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code in (200, 404)
    refusal(client.get("/api/gallery", headers={"Sec-Fetch-Site": "cross-site"}), 403, "forbidden")


def test_without_a_key_only_this_machine_is_served():
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(ConfigError, match="a key is needed"):
            Settings(host=host).check()
        Settings(host=host, keys=(HASHED,)).check()
    for host in ("127.0.0.1", "127.1.2.3", "localhost", "::1"):
        Settings(host=host).check()
    assert not is_loopback("localhost.evil.example")


def test_a_key_is_asked_for(open_service):
    client = open_service(keys=(HASHED,))
    for path in ("/api/gallery", "/metrics", "/api/index", "/api/thumbnails/000000000000"):
        answer = client.get(path)
        assert "API key is missing" in refusal(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
    wrong = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    for headers in (
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": KEY},
        {"X-API-Key": wrong},
        {"X-API-Key": ""},
    ):
        refusal(client.get("/api/gallery", headers=headers), 401, "unauthorized")
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}):
        assert client.get("/api/gallery", headers=headers).json()["auth"] is True


def test_guessing_keys_is_slowed_down(open_service):
    client = open_service(keys=(HashedKey.of("a key of one's own choice"),))
    answers = [client.get("/api/gallery", headers={"X-API-Key": f"wrong key number {n:04}"}) for n in range(15)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    refusal(answers[-1], 429, "too_many_requests")
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_session_lets_a_browser_in(open_service):
    client = open_service(keys=(HASHED,))
    refusal(client.post("/api/session"), 401, "unauthorized")
    opened = client.post("/api/session", headers={"Authorization": f"Bearer {KEY}"})
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert KEY not in cookie
    assert client.get("/api/gallery").status_code == 200
    refusal(
        client.post("/api/search", json={"text": "red"}, headers={"Origin": "http://evil.example"}), 403, "forbidden"
    )
    assert client.delete("/api/session").status_code == 200
    refusal(client.get("/api/gallery"), 401, "unauthorized")
    refusal(client.get("/api/gallery", headers={"Cookie": "stbir_session=made-up"}), 401, "unauthorized")


def test_a_client_that_asks_too_often_waits(open_service):
    client = open_service(requests_per_s=0.1, burst=5)
    answers = [client.post("/api/search", json={"text": "red"}) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert "wait" in refusal(answers[-1], 429, "too_many_requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    assert client.get("/healthz").status_code == 200
    picture_id = answers[0].json()["hits"][0]["id"]
    assert client.get(f"/api/thumbnails/{picture_id}").status_code == 200


def test_large_bodies_are_refused(open_service):
    client = open_service(limits=Limits(max_body_bytes=10_000))
    sent = client.post("/api/search", json={"text": "x" * 20_000})
    assert "10,000 bytes" in refusal(sent, 413, "too_large")

    def endless():
        for _ in range(100):
            yield b'{"text": "' + b"x" * 1000

    chunked = client.post("/api/search", content=endless(), headers={"Content-Type": "application/json"})
    refusal(chunked, 413, "too_large")
    assert names(client.post("/api/search", json={"text": "red"}))


def test_all_bodies_together_are_bounded(open_service):
    client = open_service(limits=Limits(max_total_body_bytes=100))
    refusal(client.post("/api/search", json={"text": "x" * 200}), 503, "overloaded")
    for _ in range(10):
        assert names(client.post("/api/search", json={"text": "red"}))


def test_a_bug_is_one_line_for_the_client_and_a_traceback_in_the_log(open_service, caplog, monkeypatch):
    client = open_service()
    monkeypatch.setattr(client.app.state.service, "describe", lambda: 1 / 0)
    logging.getLogger("stbir.web").propagate = True
    with caplog.at_level(logging.INFO, "stbir.web"):
        answer = client.get("/api/gallery")
    message = refusal(answer, 500, "internal")
    assert "division" not in message
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.fields["request_id"] == answer.headers["x-request-id"]


def test_the_log_names_requests_but_not_what_was_asked(open_service, caplog):
    logging.getLogger("stbir.web").propagate = True
    secret = "a very private wish"
    for logs_queries in (False, True):
        caplog.clear()
        client = open_service(logs_queries=logs_queries, keys=(HASHED,), headers={"X-API-Key": KEY})
        with caplog.at_level(logging.INFO, "stbir.web"):
            client.post("/api/search?text=" + secret, json={"text": secret})
        (fields,) = [record.fields for record in caplog.records if record.getMessage() == "request"]
        assert (secret in json.dumps(fields)) is logs_queries
        assert fields["path"] == "/api/search"
        assert fields["status"] == 200
        assert fields["key"] == HASHED.id
        assert KEY not in caplog.text + json.dumps(fields)


def test_metrics_count(client):
    client.post("/api/search", json={"text": "red"})
    text = client.get("/metrics").text
    assert 'stbir_requests_total{method="POST",route="/api/search",status="200"}' in text
    assert "stbir_gallery_pictures 12.0" in text
    assert 'stbir_request_seconds_bucket{le="0.15",route="/api/search"}' in text
    assert "stbir_batch_size_count" in text


def test_the_docs_page_shows_every_route_and_loads_nothing_from_elsewhere(client):
    page = client.get("/docs").text
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert "<script" not in page
    assert "style=" not in page
    assert "http" not in page.replace("http://127.0.0.1:8000", "").replace("HTTP", "")
    assert client.get("/docs.css").headers["content-type"].startswith("text/css")


def test_a_request_that_takes_too_long_is_ended(open_service, monkeypatch):
    client = open_service(request_timeout_s=0.2)

    async def for_ever(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(client.app.state.service.batches, "encode", for_ever)
    answer = client.post("/api/search", json={"text": "red"})
    assert "longer than 0.2 s" in refusal(answer, 503, "timeout")
    assert answer.headers["retry-after"]
    assert client.app.state.service.searches.num_inside == 0
