"""Read what the service answers in tests."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image


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
