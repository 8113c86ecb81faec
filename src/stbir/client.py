"""`Client`: ask a running service (`stbir serve`) from Python, with the same words and the same hits as `Gallery`.

Built on urllib of the standard library, so the core needs no HTTP library: a client sends a few small requests, each on
a connection of its own. Must not import `stbir.web`, whose libraries a client need not have.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from stbir.errors import ImageError, InputError, QueryError, ServiceError, SketchError, StbirError
from stbir.explain import Explanation, Word
from stbir.files import read_regular_file
from stbir.query import Hit, Weights
from stbir.searcher import Answer, SketchLike, WeightsLike
from stbir.strokes import Sketch

PICTURE_ID = re.compile(r"[0-9a-f]{12}(-[0-9]{1,6})?")
MAX_ANSWER_BYTES = 64_000_000
MAX_PICTURE_BYTES = 16_000_000
MAX_WAIT_S = 10.0
ERROR_OF_CODE: dict[str, type[StbirError]] = {
    "query_error": QueryError,
    "sketch_error": SketchError,
    "image_error": ImageError,
    "input_error": InputError,
}


@dataclass(frozen=True)
class RemoteAnswer(Answer):
    """What a service found.

    Attributes:
        next_offset: `offset` of the next page; None at the end.
        num_duplicates: By id, how many copies were folded into a hit.
    """

    next_offset: int | None = None
    num_duplicates: Mapping[str, int] | None = None


@dataclass(frozen=True)
class RemoteGallery:
    """What a service's gallery is.

    Attributes:
        name: Its name.
        num_pictures: How many pictures it holds.
        num_skipped: How many files could not be decoded.
        num_bytes: Its size on the service's disk.
        created: When it was made, ISO 8601.
        version: Changes when the gallery changes.
        model: Name, version and fingerprint of its model.
        folders: Its folders by id: their names.
        is_writable: Whether clients may have it indexed again.
    """

    name: str
    num_pictures: int
    num_skipped: int
    num_bytes: int
    created: str
    version: str
    model: Mapping[str, str]
    folders: Mapping[str, str]
    is_writable: bool


class Client:
    """Asks one service; safe to share between threads.

    Args:
        url: Where it is.
        api_key: The key it asks for; None takes STBIR_API_KEY, if that is set.
        timeout_s: Longest time of one request.
        retries: How often a busy service is asked again, after the time it names.

    Raises:
        InputError: The address is not one of HTTP.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"cannot ask a service at {url!r}: expected an address such as http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self._api_key = api_key or os.environ.get("STBIR_API_KEY")
        self._timeout_s = timeout_s
        self._retries = retries
        is_near = parts.hostname in ("localhost", "::1") or parts.hostname.startswith("127.")
        handlers: list[Any] = [_NoRedirects(), *([urllib.request.ProxyHandler({})] if is_near else [])]
        self._opener = urllib.request.build_opener(*handlers)

    def search(
        self,
        *,
        sketch: SketchLike | None = None,
        text: str | None = None,
        image: Path | str | bytes | None = None,
        negative: str | None = None,
        weights: WeightsLike | None = None,
        top: int = 10,
        offset: int = 0,
        where: str | None = None,
        folder: str | None = None,
        min_score: float | None = None,
        fold_duplicates: bool = True,
    ) -> RemoteAnswer:
        """Find pictures.

        Args:
            sketch: A drawing: a file (stroke JSON, SVG, picture), stroke data, or a `Sketch`.
            text: Words that should match.
            image: An example: a hit's id, or a picture's file or content.
            negative: Words that should not match.
            weights: How much each part counts: `Weights`, a mapping, or text such as `sketch=0.7,text=0.3`.
            top: How many hits at most.
            offset: Where to go on: `next_offset` of the answer before.
            where: SQL condition over the catalogue's columns.
            folder: A folder's id, from `gallery`; only its pictures are hits.
            min_score: Hits with a lower score are left out.
            fold_duplicates: Whether the same picture is shown once.

        Returns:
            Hits, best first. Their paths are the service's; it may name them below their folder only.

        Raises:
            InputError: The query cannot be used.
            ServiceError: The service cannot be reached, is busy, or refuses.
        """
        body = _query(sketch, text, image, negative, weights) | {
            "top": top,
            "offset": offset,
            "fold_duplicates": fold_duplicates,
        }
        body |= {name: value for name, value in (("where", where), ("min_score", min_score)) if value is not None}
        if folder is not None:
            body["filters"] = {"folder": folder}
        found = self._ask("POST", "/api/search", body)
        hits = [
            Hit(
                rank=hit["rank"],
                id=hit["id"],
                path=Path(hit["path"]),
                score=hit["score"],
                parts=hit["parts"],
                num_duplicates=hit["num_duplicates"],
            )
            for hit in found["hits"]
        ]
        copies = {hit["id"]: hit["num_duplicates"] for hit in found["hits"]}
        took = found["took_ms"]
        return RemoteAnswer(hits, took["encode"], took["search"], found["next_offset"], copies)

    def explain(
        self,
        picture_id: str,
        *,
        sketch: SketchLike | None = None,
        text: str | None = None,
        image: Path | str | bytes | None = None,
        negative: str | None = None,
        weights: WeightsLike | None = None,
    ) -> Explanation:
        """Say why a picture is found; the query as in `search`.

        Raises:
            InputError: The query cannot be used.
            ServiceError: The service cannot be reached, is busy, or refuses.
        """
        body = _query(sketch, text, image, negative, weights) | {"id": picture_id}
        found = self._ask("POST", "/api/explain", body)
        return Explanation(
            score=found["score"],
            parts=found["parts"],
            heatmaps={name: np.array(heat["values"], np.float32) for name, heat in found["heatmaps"].items()},
            words=tuple(Word(**word) for word in found["words"]),
            strokes=tuple(found["strokes"]),
        )

    def gallery(self) -> RemoteGallery:
        """What the gallery is.

        Raises:
            ServiceError: The service cannot be reached or refuses.
        """
        found = self._ask("GET", "/api/gallery")
        found["folders"] = {folder["id"]: folder["name"] for folder in found["folders"]}
        return RemoteGallery(**{field.name: found[field.name] for field in fields(RemoteGallery)})

    def image(self, picture_id: str) -> bytes:
        """A picture as JPEG, no side longer than 2048 pixels.

        Raises:
            ServiceError: The id is unknown, the file is gone, or the service cannot be reached or refuses.
        """
        return self._fetch("GET", f"/api/images/{_checked_id(picture_id)}")

    def thumbnail(self, picture_id: str) -> bytes:
        """A small JPEG of a picture, no side longer than 256 pixels.

        Raises:
            ServiceError: The id is unknown, or the service cannot be reached or refuses.
        """
        return self._fetch("GET", f"/api/thumbnails/{_checked_id(picture_id)}")

    def index(self, folders: list[str] | None = None) -> str:
        """Have folders of the gallery indexed again, in the background.

        Args:
            folders: Their ids, from `gallery`; None for all.

        Returns:
            The job's name.

        Raises:
            ServiceError: That is not allowed, or one job runs already.
        """
        return str(self._ask("POST", "/api/index", {} if folders is None else {"folders": folders})["job"])

    def indexing(self) -> dict[str, Any]:
        """How far indexing is, as GET /api/index answers."""
        found: dict[str, Any] = self._ask("GET", "/api/index")
        return found

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = self._fetch(method, path, None if body is None else json.dumps(body).encode())
        try:
            return json.loads(content)
        except ValueError:
            raise ServiceError(f"{self.url} does not answer like stbir serve: check the address") from None

    def _fetch(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request, repeated while the service is busy."""
        for _ in range(self._retries):
            try:
                return self._fetch_once(method, path, body)
            except ServiceError as error:
                if error.retry_after_s is None:
                    raise
                time.sleep(min(error.retry_after_s, MAX_WAIT_S))
        return self._fetch_once(method, path, body)

    def _fetch_once(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                content: bytes = answer.read(MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(self.url, error) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ServiceError(f"cannot reach {self.url}: {reason}; is stbir serve running there?") from None
        if len(content) > MAX_ANSWER_BYTES:
            raise ServiceError(f"{self.url} answered with more than {MAX_ANSWER_BYTES:,} bytes: ask for less")
        return content


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The service never redirects, so whoever does is not it and must not get the key."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - urllib's signature
        return None


def _query(
    sketch: SketchLike | None,
    text: str | None,
    image: Path | str | bytes | None,
    negative: str | None,
    weights: WeightsLike | None,
) -> dict[str, Any]:
    """The body's part that is the query."""
    body: dict[str, Any] = {}
    if sketch is not None:
        if isinstance(sketch, Mapping):
            sketch = Sketch.from_json(sketch)
        elif not isinstance(sketch, Sketch):
            sketch = Sketch.load(sketch)
        body |= sketch.to_json()
    if image is not None:
        body["image"] = _example(image)
    body |= {name: words for name, words in (("text", text), ("not", negative)) if words is not None}
    if isinstance(weights, str):
        weights = Weights.parse(weights)
    if weights is not None:
        body["weights"] = dict(weights) if isinstance(weights, Mapping) else vars(weights)
    return body


def _example(image: Path | str | bytes) -> str:
    """An example as the service reads it: an id, or the content in base64."""
    if isinstance(image, str) and PICTURE_ID.fullmatch(image):
        return image
    content = image if isinstance(image, bytes) else read_regular_file(image, MAX_PICTURE_BYTES, ImageError)
    return base64.b64encode(content).decode()


def _checked_id(picture_id: str) -> str:
    if not PICTURE_ID.fullmatch(picture_id):
        raise InputError(f"{picture_id!r} is not the id of a picture: give the id of a hit")
    return picture_id


def _refusal(url: str, error: urllib.error.HTTPError) -> StbirError:
    """The exception for an answer with an error status."""
    try:
        detail = json.loads(error.read(100_000))["error"]
        code, message = str(detail["code"]), str(detail["message"])
        request_id = str(detail["request_id"])
    except (ValueError, KeyError, TypeError, OSError):
        code, message, request_id = "unknown", f"{url} answers with status {error.code}: check the address", ""
    if code in ERROR_OF_CODE:
        return ERROR_OF_CODE[code](message)
    wait = error.headers.get("Retry-After", "")
    return ServiceError(
        message,
        status=error.code,
        code=code,
        request_id=request_id,
        retry_after_s=float(wait) if error.code in (429, 503) and wait.isdecimal() else None,
    )
