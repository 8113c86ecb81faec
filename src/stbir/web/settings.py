"""What a service is told when it starts: where it listens, who may ask, and the limits that keep it standing."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stbir.errors import ConfigError
from stbir.web.keys import HashedKey

LOOPBACK = "127.0.0.1"


class Limits(BaseModel):
    """Largest sizes of what a client may send; more is refused with one line.

    Attributes:
        max_body_bytes: Of one request's body, also of one sent in chunks.
        max_total_body_bytes: Of all bodies held at the same time.
        max_strokes: Of a drawing.
        max_points: Of a drawing.
        max_turns: Length of a drawing's lines together, in units of its larger side; drawing costs time by this length.
        max_pixels: Of a picture sent as drawing or as example.
        max_characters: Of words and of a condition.
        max_top: Hits of one answer.
        max_offset: Hits that may be passed over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body_bytes: int = Field(default=16_000_000, gt=0)
    max_total_body_bytes: int = Field(default=256_000_000, gt=0)
    max_strokes: int = Field(default=5_000, gt=0)
    max_points: int = Field(default=50_000, gt=0)
    max_turns: float = Field(default=1_000, gt=0)
    max_pixels: int = Field(default=40_000_000, gt=0)
    max_characters: int = Field(default=1_000, gt=0)
    max_top: int = Field(default=200, gt=0)
    max_offset: int = Field(default=2_000, ge=0)


class Settings(BaseModel):
    """Everything but the gallery.

    Attributes:
        host: Address to listen on; anything but a loopback address needs a key.
        port: Port to listen on; 0 takes a free one.
        keys: Hashes of the keys that are let in; none lets everybody in who reaches the address.
        threads: Encodings at the same time; None takes every core.
        limits: What a client may send.
        max_searches: Searches running or waiting at the same time; more are sent away with 503.
        max_explanations: The same for explanations, which cost more.
        max_pictures: The same for requests that decode pictures.
        max_connections: Open connections; more are closed at once.
        gather_ms: How long an encoding waits for others to share its batch.
        request_timeout_s: Longest time of one request.
        body_timeout_s: Longest time in which a request's head or body must arrive.
        requests_per_s: Searches and other costly requests of one client, on average; None sets no rate.
        burst: How many of them may come at once.
        is_writable: Whether a client may have the gallery's folders indexed again.
        exclude: Patterns that are left out when they are, as in `stbir index --exclude`.
        shows_paths: Whether answers name files by their full path; otherwise by the path below their folder.
        logs_queries: Whether the log holds the words that were asked for.
        log_format: `json` for machines, `text` for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = LOOPBACK
    port: int = Field(default=8000, ge=0, le=65535)
    keys: tuple[HashedKey, ...] = ()
    threads: int | None = Field(default=None, ge=1)
    limits: Limits = Limits()
    max_searches: int = Field(default=64, gt=0)
    max_explanations: int = Field(default=8, gt=0)
    max_pictures: int = Field(default=32, gt=0)
    max_connections: int = Field(default=512, gt=0)
    gather_ms: float = Field(default=2.0, ge=0, le=100)
    request_timeout_s: float = Field(default=30.0, gt=0)
    body_timeout_s: float = Field(default=10.0, gt=0)
    requests_per_s: float | None = Field(default=None, gt=0)
    burst: int = Field(default=120, gt=0)
    is_writable: bool = True
    exclude: tuple[str, ...] = ()
    shows_paths: bool = True
    logs_queries: bool = False
    log_format: Literal["json", "text"] = "json"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    def check(self) -> None:
        """Refuse to be open to a network without a key.

        Raises:
            ConfigError: Another address than loopback without a key.
        """
        if not self.is_local and not self.keys:
            raise ConfigError(
                f"host {self.host} lets other machines in, so a key is needed: make one with stbir serve --new-key "
                f"--api-key-file FILE and start with --api-key-file FILE, or leave --host out to serve {LOOPBACK} only"
            )


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
