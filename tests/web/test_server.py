"""The service as a process of its own: starting, stopping, being killed, slow clients, and `stbir.Client`."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import stbir
from conftest import draw_shape, outline
from stbir.cli import main
from stbir.search import Gallery
from stbir.web.keys import add_key, new_key


def wait_until(condition, seconds=10.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_kill_and_restart(start):
    port = str(free_port())
    first = start("--port", port)
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    again = start("--port", port)
    found = stbir.Client(again.url).search(text="red", top=1)
    assert found.hits[0].path.stem.startswith("red")


def test_stopping_finishes_what_runs(start):
    service = start()
    body = json.dumps({"text": "red", "top": 3}).encode()
    head = "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    with service.connect() as slow, service.connect() as stream:
        stream.sendall(b"GET /api/index/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = b""
        while b"event: state" not in told:
            told += stream.recv(4096)
        slow.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body[:10])
        wait_until(lambda: b"stbir_requests_in_progress 3.0" in service.get("/metrics"))
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        slow.sendall(body[10:])
        answer = b""
        while part := slow.recv(65536):
            answer += part
        stopped = time.monotonic()
        assert service.process.wait(timeout=10) == -signal.SIGTERM
        assert time.monotonic() - stopped < 5, "the stream of events was waited for"
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"hits"' in answer
    logged = [json.loads(line) for line in service.lines if line.startswith("{")]
    assert not [line for line in logged if line["level"] == "error"]


def test_ctrl_c_is_an_interruption(start):
    service = start()
    assert service.end(signal.SIGINT) == 130


def test_slow_and_endless_clients_are_cut_off_while_others_are_served(start, monkeypatch):
    service = start("--patience", "1")
    heads = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with contextlib.ExitStack() as stack:
        silent, half_head, half_body, endless = (stack.enter_context(service.connect()) for _ in range(4))
        half_head.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        half_body.sendall(heads + b'Content-Length: 100\r\n\r\n{"text"')
        endless.sendall(heads + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
        assert json.loads(service.get("/healthz")) == {"status": "ok"}
        assert silent.recv(100) == b""
        assert half_head.recv(100) == b""
        for each in (half_body, endless):
            answer = each.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408")
            assert b'"timeout"' in answer + each.recv(65536)
            assert each.recv(100) == b""
        dripping = stack.enter_context(service.connect())
        started = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 200:
                dripping.sendall(bytes([byte]))
                time.sleep(0.02)
                if time.monotonic() - started > 10:
                    break
        assert time.monotonic() - started < 5
        assert json.loads(service.get("/healthz")) == {"status": "ok"}


def test_malformed_requests_get_a_400_and_close(start):
    service = start()
    for wrong in (
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Request-ID: a\r\n b\r\nHost\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with service.connect() as connection:
            connection.sendall(wrong)
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 400"), wrong[:60]
    assert json.loads(service.get("/healthz")) == {"status": "ok"}


def test_too_many_connections_are_closed(start):
    service = start("--max-connections", "5")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(service.connect()) for _ in range(5)]
        time.sleep(0.2)
        surplus = stack.enter_context(service.connect())
        assert surplus.recv(10) == b""
        held[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held[0].recv(4096).startswith(b"HTTP/1.1 200")
    time.sleep(0.2)
    assert json.loads(service.get("/healthz")) == {"status": "ok"}


def test_pictures_indexed_by_another_process_are_seen(start, tiny_bundle, own_gallery, own_photos):
    client = stbir.Client(start(gallery=own_gallery).url)
    before = client.gallery()
    draw_shape("disc", "red", side_px=80).save(own_photos / "new.png")
    (own_photos / "red" / "red-bar.jpg").unlink()
    Gallery.open(own_gallery, model=tiny_bundle.path).index(own_photos)
    until = time.monotonic() + 10
    while client.gallery().version == before.version and time.monotonic() < until:
        assert client.search(text="red").hits
        time.sleep(0.1)
    found = {hit.path.stem for hit in client.search(text="red", top=20, fold_duplicates=False).hits}
    assert "new" in found
    assert "red-bar" not in found
    assert client.gallery().num_pictures == 12


def test_the_client_does_all_that_the_library_does(start, tiny_bundle, indexed, photos, tmp_path):
    client = stbir.Client(start().url)
    gallery = Gallery.open(indexed, model=tiny_bundle.path)
    asked = {"sketch": outline("cross"), "text": "red", "negative": "blue", "weights": "sketch=2"}
    hits, mine = client.search(**asked, top=5).hits, gallery.search(**asked, top=5)
    assert [(hit.rank, hit.id, hit.path) for hit in hits] == [(hit.rank, hit.id, hit.path) for hit in mine]
    assert hits[0].score == pytest.approx(mine[0].score, abs=1e-5)
    file = tmp_path / "cross.json"
    file.write_text(json.dumps(outline("cross")))
    assert client.search(sketch=file, text="red").hits[0].id == mine[0].id
    picture = photos / "green" / "green-disc.jpg"
    for example in (picture, str(picture), picture.read_bytes()):
        assert client.search(image=example, top=1).hits[0].path == picture
    first = client.search(text="green", top=2)
    more = client.search(text="green", top=2, offset=first.next_offset)
    assert not {hit.id for hit in first.hits} & {hit.id for hit in more.hits}
    assert client.search(text="red", where="path LIKE '%frame%'", folder=next(iter(client.gallery().folders))).hits
    assert client.thumbnail(hits[0].id)[:2] == client.image(hits[0].id)[:2] == b"\xff\xd8"
    told = client.explain(hits[0].id, sketch=outline("cross"), text="the red one")
    assert [word.word for word in told.words] == ["the", "red", "one"]
    assert told.heatmaps["sketch"].shape == (5, 5)
    assert np.all(told.heatmaps["text"] >= 0)
    assert len(told.strokes) == 1
    job = client.index()
    until = time.monotonic() + 20
    while client.indexing()["state"] != "done" and time.monotonic() < until:
        time.sleep(0.05)
    assert client.indexing()["job"] == job


def test_the_client_says_what_is_wrong(start):
    service = start()
    client = stbir.Client(service.url)
    with pytest.raises(stbir.QueryError, match="the query is empty"):
        client.search()
    with pytest.raises(stbir.QueryError, match="cannot use the filter"):
        client.search(text="red", where="colour = 1")
    with pytest.raises(stbir.ServiceError, match="no picture with the id") as refused:
        client.thumbnail("000000000000")
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    assert refused.value.request_id
    with pytest.raises(stbir.InputError, match="is not the id"):
        client.image("../../etc/passwd")
    with pytest.raises(stbir.InputError, match="cannot ask a service"):
        stbir.Client("file:///etc/passwd")
    with pytest.raises(stbir.ServiceError, match="cannot reach"):
        stbir.Client(f"http://127.0.0.1:{free_port()}").gallery()


def test_a_key_opens_a_service_to_the_network(start, tmp_path, tiny_bundle, indexed, capsys):
    key, hashed = new_key()
    add_key(tmp_path / "keys.txt", hashed)
    service = start("--host", "0.0.0.0", "--api-key-file", str(tmp_path / "keys.txt"))
    url = f"http://127.0.0.1:{service.port}"
    with pytest.raises(stbir.ServiceError, match="API key is missing") as refused:
        stbir.Client(url).gallery()
    assert refused.value.status == 401
    hits = stbir.Client(url, api_key=key).search(text="red").hits
    assert not hits[0].path.is_absolute()
    assert key not in "".join(service.lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "a key is needed"),
        (["--host", "0.0.0.0", "--api-key", "short"], "API key cannot be used"),
        (["--api-key-file", "absent.txt"], "does not exist"),
        (["--port", "70000"], "70000"),
        (["--host", "host.invalid", "--api-key", "long enough to be a key"], "cannot listen on host.invalid"),
    ],
)
def test_what_cannot_be_served_is_one_line(arguments, message, tiny_bundle, indexed, capsys):
    given = ["serve", "--gallery", str(indexed), "--model", str(tiny_bundle.path)]
    assert main([*given, *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_taken_port_and_a_missing_gallery_are_one_line(tiny_bundle, indexed, tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "-g", str(indexed), "--model", str(tiny_bundle.path), "--port", port]) == 2
    assert "choose another --port" in capsys.readouterr().err
    assert main(["serve", "-g", str(tmp_path / "absent")]) == 2
    assert "there is no gallery" in capsys.readouterr().err
    assert main(["serve"]) == 2
    assert "--gallery" in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_to_install(indexed):
    code = (
        "import sys; sys.modules['fastapi'] = None; from stbir.cli import main; "
        f"sys.exit(main(['serve', '--gallery', {str(indexed)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "stbir: the service needs an optional part that is not installed: pip install 'stbir[web]'\n"
    )


def test_one_who_does_not_read_holds_up_nobody(start):
    service = start()
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            deaf = stack.enter_context(service.connect())
            deaf.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
        started = time.monotonic()
        assert stbir.Client(service.url).search(text="red").hits
        assert time.monotonic() - started < 10
