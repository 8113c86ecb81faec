"""The outermost layer: a request id, security headers, a log line and a count for whatever happens within.

Plain ASGI, so that streams stay streams. A bug inside becomes status 500 in the one error shape, with a traceback in
the log and nothing of it in the answer.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stbir.web.observe import LOGGER, Metrics
from stbir.web.problems import Problem, problem_response

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

logger = logging.getLogger(LOGGER)


class Envelope:
    """Wraps the service.

    Args:
        app: What is wrapped.
        metrics: Where requests are counted.
        timeout_s: Longest time of a request that is no stream of events.
        logs_queries: Whether words asked for are logged.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, timeout_s: float, logs_queries: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._logs_queries = logs_queries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await send(message)

        started = time.monotonic()
        self._metrics.in_progress.inc()
        try:
            limit_s = None if scope["path"] == "/api/index/events" else self._timeout_s
            async with asyncio.timeout(limit_s):
                await self._app(scope, receive, send_wrapped)
        except Exception as error:
            problem = _problem_of(error, self._timeout_s)
            if status == 0:  # otherwise the answer is cut off, and uvicorn closes the connection
                await problem_response(problem, request_id)(scope, receive, send_wrapped)
            if problem.status == 500:
                logger.exception("a bug", extra={"fields": {"request_id": request_id}})
        finally:
            self._metrics.in_progress.dec()
            self._report(scope, request_id, status, time.monotonic() - started)

    def _report(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE") else "other"
        self._metrics.observe_request(route, method, status, seconds)
        state: dict[str, Any] = scope["state"]
        fields: dict[str, Any] = {
            "request_id": request_id,
            "method": method,
            "path": scope["path"][:200],
            "status": status,
            "took_ms": round(seconds * 1e3, 1),
            "client": scope["client"][0] if scope.get("client") else None,
        }
        if key := state.get("key_id"):
            fields["key"] = key
        if code := state.get("problem"):
            self._metrics.refused.labels(code).inc()
            fields["problem"] = code
        if self._logs_queries and (words := state.get("words")):
            fields["words"] = words
        logger.info("request", extra={"fields": fields})


def _request_id(scope: Scope) -> str:
    """The client's own request id if it is harmless, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-ID"] = request_id
    headers.setdefault("Cache-Control", "no-store")
    if message["status"] >= 400:
        headers["Cache-Control"] = "no-store"


def _problem_of(error: Exception, timeout_s: float) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, TimeoutError):
        return Problem(
            503, f"the request took longer than {timeout_s:g} s: ask for less", "timeout", {"Retry-After": "5"}
        )
    return Problem(500, "a bug in the service: its log says more under this request id")
