"""A service over twelve pictures with the tiny model, asked in this process through Starlette's test client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import write_photos
from web_answers import Process

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from stbir.search import Gallery
from stbir.web import Settings, create_app

HERE = "http://127.0.0.1:8000"


@pytest.fixture(scope="session")
def indexed(tiny_bundle, photos, tmp_path_factory) -> Path:
    """A gallery of every shape in every colour; nobody writes into it."""
    path = tmp_path_factory.mktemp("served") / "my.gallery"
    with Gallery.open(path, model=tiny_bundle.path) as gallery:
        gallery.index(photos)
    return path


@pytest.fixture
def open_service(tiny_bundle, indexed) -> Iterator[Callable[..., TestClient]]:
    """Start services: `open_service(path, **settings)` gives a client of one."""
    with ExitStack() as stack:

        def start(path: Path = indexed, *, headers: dict[str, str] | None = None, **settings: Any) -> TestClient:
            gallery = Gallery.open(path, model=tiny_bundle.path, create=False, threads=1)
            app = create_app(gallery, Settings(**settings))
            return stack.enter_context(TestClient(app, base_url=HERE, headers=headers, raise_server_exceptions=False))

        yield start


@pytest.fixture(scope="module")
def client(tiny_bundle, indexed) -> Iterator[TestClient]:
    """A client of a service with default settings; nobody changes its gallery."""
    gallery = Gallery.open(indexed, model=tiny_bundle.path, create=False, threads=1)
    with TestClient(create_app(gallery), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def own_photos(tmp_path) -> Path:
    """Pictures that a test may change."""
    return write_photos(tmp_path / "photos")


@pytest.fixture
def own_gallery(tiny_bundle, own_photos, tmp_path) -> Path:
    """A gallery of them that a test may change."""
    path = tmp_path / "own.gallery"
    Gallery.open(path, model=tiny_bundle.path).index(own_photos)
    return path


@pytest.fixture
def start(tiny_bundle, indexed) -> Iterator[Callable[..., Process]]:
    """Start services in processes of their own: `start(*arguments, gallery=path)`."""
    running: list[Process] = []

    def begin(*arguments: str, gallery: Path = indexed) -> Process:
        port = [] if "--port" in arguments else ["--port", "0"]
        running.append(Process(gallery, tiny_bundle.path, *port, *arguments))
        running[-1].wait_ready()
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        if each.process.stderr:
            each.process.stderr.close()
