"""Who is let in: host names, other sites' pages, keys, rates; and how much of a body is taken, in which time.

Plain ASGI, inside the envelope. The body of a request is read here, whole and within its limits, before anything looks
at it, so that slow and endless senders hold nothing but this coroutine.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stbir.web.gates import Rate
from stbir.web.keys import Keyring
from stbir.web.problems import Problem, overloaded, problem_response
from stbir.web.settings import Settings, is_loopback

SESSION_COOKIE = "stbir_session"
SESSION_S = 8 * 3600
MAX_SESSIONS = 1000
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = ("/", "/healthz", "/readyz", "/docs", "/docs.css", "/openapi.json", "/favicon.ico")
OPEN_FOLDERS = ("/static/",)
CHEAP_PATHS = ("/api/thumbnails/",)
FAILURES_PER_S = 0.5
FAILURE_BURST = 10


class Sessions:
    """Sessions of browsers, which cannot send a key with a picture's address; tokens are random and expire."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def open(self, key_id: str) -> str:
        """Begin a session of a key's owner.

        Returns:
            Its token.
        """
        token = secrets.token_urlsafe(32)
        self._until[token] = (time.monotonic() + SESSION_S, key_id)
        if len(self._until) > MAX_SESSIONS:
            self._until.popitem(last=False)
        return token

    def find(self, token: str) -> str | None:
        """The key's id of a session that has not expired."""
        until, key_id = self._until.get(token, (0.0, ""))
        if time.monotonic() < until:
            return key_id
        self._until.pop(token, None)
        return None

    def close(self, token: str) -> None:
        """End a session."""
        self._until.pop(token, None)


class Guard:
    """Refuses what must not come in.

    Args:
        app: What is guarded.
        settings: The rules.
        keyring: The keys that are let in.
        sessions: The sessions that were opened with them.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, keyring: Keyring, sessions: Sessions) -> None:
        self._app = app
        self._settings = settings
        self._keyring = keyring
        self._sessions = sessions
        self._rate = Rate(settings.requests_per_s, settings.burst)
        self._failures = Rate(FAILURES_PER_S, FAILURE_BURST)
        self._hashing = asyncio.Semaphore(1)
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body: list[bytes] = []
        try:
            headers = Headers(scope=scope)
            self._check_host(headers)
            self._check_site(scope, headers)
            client = await self._identify(scope, headers)
            if scope["path"].startswith("/api/") and not scope["path"].startswith(CHEAP_PATHS):
                self._rate.take(client)
            await self._read_body(scope, headers, receive, body)
            await self._app(scope, _replay(b"".join(body), receive), send)
        except Problem as problem:
            scope["state"]["problem"] = problem.code
            if problem.status in (408, 413):
                problem.headers["Connection"] = "close"
            await problem_response(problem, scope["state"]["request_id"])(scope, receive, send)
        finally:
            self._held_bytes -= sum(map(len, body))

    def _check_host(self, headers: Headers) -> None:
        """On a loopback address answer only to its names: another name is one that an attacker's DNS points here."""
        if not self._settings.is_local:
            return
        host = headers.get("host", "")
        if not is_loopback(_host_name(host)):
            raise Problem(
                421, f"this service answers to 127.0.0.1 and localhost, not to the host {host[:100]!r}: use those"
            )

    def _check_site(self, scope: Scope, headers: Headers) -> None:
        """Refuse what pages of other sites have a browser do here."""
        if not scope["path"].startswith("/api/") and scope["method"] in SAFE_METHODS:
            return
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        is_foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
        if site not in ("same-origin", "none") or (is_foreign and scope["method"] not in SAFE_METHODS):
            raise Problem(403, "a page of another site asked: only the service's own page and programs may")

    async def _identify(self, scope: Scope, headers: Headers) -> str:
        """Who asks: a key's id, or the address.

        Raises:
            Problem: A key is needed and none, or a wrong one, was given.
        """
        address = str(scope["client"][0]) if scope.get("client") else "unknown"
        if not self._keyring:
            return address
        path = scope["path"]
        key = _given_key(headers)
        key_id = None if key is None else await self._find_key(key, address)
        if key_id is None and (token := session_token(headers)):
            key_id = self._sessions.find(token)
        if key_id is None and not (path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)):
            raise Problem(
                401,
                "the API key is missing or wrong: send Authorization: Bearer KEY; stbir serve --new-key makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if key_id is not None:
            scope["state"]["key_id"] = key_id
        return address if key_id is None else f"key {key_id}"

    async def _find_key(self, key: str, address: str) -> str | None:
        """A key's id; an unknown key is hashed, one at a time, and counts against its sender."""
        known = self._keyring.recall(key)
        if known is not None:
            return known
        self._failures.take(address)
        async with self._hashing:
            return await asyncio.to_thread(self._keyring.find, key)

    async def _read_body(self, scope: Scope, headers: Headers, receive: Receive, body: list[bytes]) -> None:
        """Append the whole body, part by part.

        Raises:
            Problem: It is too large, or it takes too long to arrive.
        """
        most = self._settings.limits.max_body_bytes
        length = headers.get("content-length", "")
        if scope["method"] in SAFE_METHODS and not length and "transfer-encoding" not in headers:
            return
        too_large = Problem(413, f"the body has more than the {most:,} bytes allowed: send less")
        if length.isdecimal() and int(length[:20]) > most:
            raise too_large
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "the connection ended before the body did: send it again")
                    part = message.get("body", b"")
                    size += len(part)
                    if size > most:
                        raise too_large
                    if self._held_bytes + len(part) > self._settings.limits.max_total_body_bytes:
                        raise overloaded("too many large requests at once")
                    self._held_bytes += len(part)
                    body.append(part)
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            raise Problem(
                408, f"the body did not arrive within {self._settings.body_timeout_s:g} s: send it faster"
            ) from None


def session_token(headers: Headers) -> str | None:
    """The session's token in a request's cookie."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")[:4096]).get(SESSION_COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _given_key(headers: Headers) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key") or None


def _host_name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive function that hands the body over once and then waits for the client to go."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
