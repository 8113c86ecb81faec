"""Run the application with uvicorn: slow heads time out, surplus connections are closed, running requests finish."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from stbir.errors import ConfigError
from stbir.web.observe import LOGGER, set_up_logs
from stbir.web.settings import Settings

MAX_HEAD_BYTES = 32_768
KEEP_ALIVE_S = 15
STOP_WITHIN_S = 20

logger = logging.getLogger(LOGGER)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose patience ends: uvicorn itself waits for ever for the first bytes and for the end of a head."""

    max_connections = 512
    head_timeout_s = 10.0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.close()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that is not complete yet goes on being waited for."""
        before = self.cycle
        if self._head_timer is None and (before is None or before.response_complete):
            self._wait_for_head()
        super().data_received(data)
        if self.cycle is not before or self.transport.is_closing():
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Server(uvicorn.Server):
    """Tells the application at once that it is to stop, so that streams end instead of being waited for."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal arrived."""
        self._on_exit()
        super().handle_exit(sig, frame)


def serve(app: FastAPI, settings: Settings, on_listening: Callable[[str], None] | None = None) -> None:
    """Serve until a signal ends it; requests that run are finished.

    Args:
        app: From `create_app`.
        settings: The same as given to it.
        on_listening: Told the address once connections are accepted.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    listener = listen(settings)
    set_up_logs(settings.log_format)
    protocol = type(
        "Protocol",
        (PatientProtocol,),
        {"max_connections": settings.max_connections, "head_timeout_s": settings.body_timeout_s},
    )
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
    app.state.service.live.on_state = settle_memory
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if on_listening is not None:
        on_listening(url)
    with listener:
        Server(config, app.state.service.begin_to_stop).run(sockets=[listener])


def settle_memory() -> None:
    """Let Python's garbage collector pass over what is here to stay, some objects for each picture.

    Looking at them again and again would take much of a busy service's time. Only for a process of one's own: it
    concerns all of the process.
    """
    gc.collect()
    gc.freeze()


def listen(settings: Settings) -> socket.socket:
    """Open the socket.

    Raises:
        ConfigError: The address is unknown or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(settings, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _cannot_listen(settings, error) from None
    listener.setblocking(False)
    return listener


def _cannot_listen(settings: Settings, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}; "
        "choose another --port or --host"
    )
