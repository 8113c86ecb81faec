"""A Milvus server for the tests of this folder, started when the first one wants it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from milvus_server import CannotStart, MilvusServer


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    pytest.importorskip("pymilvus", reason="the extra milvus is not installed")
    server = MilvusServer(tmp_path_factory.mktemp("milvus"))
    try:
        server.start()
    except CannotStart as reason:
        pytest.skip(str(reason))
    yield server
    server.kill()
