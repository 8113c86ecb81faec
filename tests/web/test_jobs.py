from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest

from conftest import draw_shape
from stbir.gallery.ingest import Progress
from stbir.search import Gallery
from stbir.web.jobs import Indexing
from stbir.web.problems import Problem
from web_answers import names, refusal


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


def finished(client):
    state = client.get("/api/index").json()
    return state if state["state"] in ("done", "failed", "stopped") else None


def test_indexing_again_finds_new_pictures(open_service, own_gallery, own_photos):
    client = open_service(own_gallery)
    assert client.get("/api/index").json()["state"] == "idle"
    version = client.get("/api/gallery").json()["version"]
    draw_shape("disc", "red", side_px=90).save(own_photos / "new.png")
    (own_photos / "torn.jpg").write_bytes(b"torn")
    started = client.post("/api/index", json={})
    assert started.status_code == 202
    state = wait_for(lambda: finished(client))
    assert state["job"] == started.json()["job"]
    assert (state["state"], state["done"], state["total"], state["skipped"]) == ("done", 2, 2, 1)
    assert "1 added" in state["message"]
    wait_for(lambda: client.get("/api/gallery").json()["num_pictures"] == 13)
    assert client.get("/api/gallery").json()["version"] != version
    assert "new" in names(client.post("/api/search", json={"text": "red", "top": 13, "fold_duplicates": False}))


def test_a_folder_is_named_by_its_id_never_by_a_path(open_service, own_gallery, own_photos):
    client = open_service(own_gallery)
    folder = client.get("/api/gallery").json()["folders"][0]["id"]
    assert client.post("/api/index", json={"folders": [folder]}).status_code == 202
    assert wait_for(lambda: finished(client))["message"].startswith("12 unchanged")
    refusal(client.post("/api/index", json={"folders": ["0" * 12]}), 404, "not_found")
    refusal(client.post("/api/index", json={"folders": [str(own_photos)]}), 422, "invalid_request")
    refusal(client.post("/api/index", json={"paths": ["/etc"]}), 422, "invalid_request")


def test_a_read_only_service_does_not_index(open_service):
    client = open_service(is_writable=False)
    refusal(client.post("/api/index", json={}), 403, "forbidden")
    assert client.get("/api/gallery").json()["is_writable"] is False


def test_patterns_are_left_out(open_service, own_gallery, own_photos):
    draw_shape("disc", "red", side_px=90).save(own_photos / "draft.png")
    client = open_service(own_gallery, exclude=("draft*",))
    client.post("/api/index", json={})
    assert "added" not in wait_for(lambda: finished(client))["message"]


class SlowGallery:
    """Indexes until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def index(self, paths, *, exclude=(), progress: Progress):
        progress.start(3)
        progress.advance()
        self.go_on.wait(20)
        progress.advance()
        raise AssertionError("advance must have stopped this")


def test_one_run_at_a_time_and_a_stop_ends_it(tmp_path):
    async def run():
        gallery = SlowGallery()
        indexing = Indexing(gallery)
        job = indexing.start([tmp_path])
        while indexing.state().done == 0:
            await asyncio.sleep(0.01)
        with pytest.raises(Problem) as refused:
            indexing.start([tmp_path])
        assert refused.value.status == 409
        assert job in str(refused.value)
        assert indexing.state().state == "indexing"
        stopping = asyncio.create_task(indexing.stop())
        await asyncio.sleep(0.05)
        gallery.go_on.set()
        await stopping
        assert indexing.state().state == "stopped"

    asyncio.run(run())


def test_events_tell_every_change(tiny_bundle, own_gallery, own_photos):
    async def run():
        gallery = Gallery.open(own_gallery, model=tiny_bundle.path)
        indexing = Indexing(gallery)
        events = indexing.events()
        seen = [json.loads((await anext(events)).partition("data: ")[2])]
        draw_shape("disc", "red", side_px=90).save(own_photos / "new.png")
        indexing.start([own_photos])
        while seen[-1]["state"] != "done":
            event = await anext(events)
            assert event.startswith("event: state\ndata: ")
            seen.append(json.loads(event.partition("data: ")[2]))
        assert seen[0]["state"] == "idle"
        assert seen[-1]["done"] == 1
        indexing.end_streams()
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        await indexing.stop()

    asyncio.run(run())


def test_a_failure_is_told(tiny_bundle, own_gallery, tmp_path):
    async def run():
        indexing = Indexing(Gallery.open(own_gallery, model=tiny_bundle.path))
        indexing.start([tmp_path / "absent"])
        while indexing.state().state != "failed":
            await asyncio.sleep(0.01)
        assert "does not exist" in indexing.state().message
        assert indexing.start([tmp_path / "absent"])
        await indexing.stop()

    asyncio.run(run())
