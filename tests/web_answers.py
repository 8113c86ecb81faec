"""Run a service in a process of its own, and read what services answer."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image

STARTS_WITHIN_S = 30


def names(answer: Any) -> list[str]:
    """The hits' names without suffix."""
    assert answer.status_code == 200, answer.text
    return [Path(hit["name"]).stem for hit in answer.json()["hits"]]


def refusal(answer: Any, status: int, code: str) -> str:
    """Check that an answer is a refusal in the one shape, and give its message."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"]
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.text
    return str(error["message"])


def base64_of(picture: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


class Process:
    """`stbir serve` in a process of its own."""

    def __init__(self, gallery: Path, model: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "stbir", "serve", "--gallery", str(gallery), "--model", str(model)]
        environment = {**os.environ, "STBIR_API_KEY": ""}
        self.process = subprocess.Popen(
            [*command, "--log-format", "json", *arguments], stderr=subprocess.PIPE, text=True, env=environment
        )
        self.lines: list[str] = []
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        found = re.search(r"http://[\w.:\[\]]+", first)
        if found is None:
            self.process.kill()
            raise AssertionError(first + self.process.communicate()[1])
        self.url = found[0]
        self.port = int(self.url.rpartition(":")[2])
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError):
            self.lines.extend(self.process.stderr)

    def get(self, path: str, timeout: float = 10.0) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return answer.read()

    def wait_ready(self) -> float:
        """Wait until searches are answered; gives the seconds that took."""
        started = time.monotonic()
        while time.monotonic() - started < STARTS_WITHIN_S:
            with contextlib.suppress(OSError):
                self.get("/readyz")
                return time.monotonic() - started
            time.sleep(0.02)
        raise AssertionError("never ready")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)
