"""One writer at a time on whatever machine: a lease in the store itself, besides the lock on the gallery's directory.

Milvus has no compare-and-set, so a lease is written, read back after a while, and looked at again before every commit:
of two that come at once, at least one stops before it writes. A writer that was killed leaves its lease behind; it
counts no longer if its process is gone (same machine) or when it has run out. Clocks may differ by less than that.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from stbir.errors import GalleryError

LEASE_S = 120.0
SETTLE_S = 0.5
_held_here: set[str] = set()


class Lease:
    """The right to write to one store.

    Args:
        read: Reads the lease's text from the store; None if there is none.
        write: Writes it.
        store: The store's name, for messages.
    """

    def __init__(self, read: Callable[[], str | None], write: Callable[[str], None], store: str) -> None:
        self._read = read
        self._write = write
        self._store = store
        self._owner = ""
        self._renewed = 0.0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease.

        Raises:
            GalleryError: Another process holds it.
        """
        self._refuse_other()
        self._owner = owner = uuid.uuid4().hex
        _held_here.add(owner)
        try:
            self._renew()
            time.sleep(SETTLE_S)
            self._refuse_other()
            yield
        finally:
            self._owner = ""
            _held_here.discard(owner)
            with contextlib.suppress(GalleryError):  # the store may be what failed
                if _record(self._read()).get("owner") == owner:
                    self._write("")

    def check(self) -> None:
        """Before a commit: is it still ours? Renews it in time.

        Raises:
            GalleryError: Another process has taken it.
        """
        if not self._owner:
            return
        self._refuse_other()
        if time.monotonic() - self._renewed > LEASE_S / 4:
            self._renew()

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        record = {"owner": self._owner, "until": time.time() + LEASE_S, "host": _host(), "pid": os.getpid()}
        self._write(json.dumps(record))

    def _refuse_other(self) -> None:
        record = _record(self._read())
        if record.get("owner") in (None, self._owner) or not _is_alive(record):
            return
        raise GalleryError(
            f"another process is writing to the store {self._store} ({record.get('host')}, process "
            f"{record.get('pid')}): wait until it ends, then run this again"
        )


def _record(text: str | None) -> dict[str, Any]:
    try:
        record = json.loads(text or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _is_alive(record: dict[str, Any]) -> bool:
    """Whether the holder may still be writing."""
    if not isinstance(until := record.get("until"), int | float) or until < time.time():
        return False
    if record.get("host") != _host() or not isinstance(pid := record.get("pid"), int):
        return True
    if pid == os.getpid():
        return record.get("owner") in _held_here  # else left when the store could not be reached
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _host() -> str:
    """This machine; containers have names of their own."""
    return f"{socket.gethostname()}/{uuid.getnode():x}"
