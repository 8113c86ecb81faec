"""The connection to Milvus, and its failures in one line.

Credentials come from the environment: STBIR_MILVUS_TOKEN (an API key, or `user:password`), and STBIR_MILVUS_CA, a file
with the certificates that an encrypted connection is to trust. They are never logged.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stbir.errors import GalleryError, MissingExtraError, StbirError
from stbir.gallery.milvus.address import Address

TOKEN = "STBIR_MILVUS_TOKEN"
CERTIFICATES = "STBIR_MILVUS_CA"
CONNECT_S = 10.0
READ_S = 15.0
WRITE_S = 60.0


def connect(address: Address) -> Any:
    """Connect to a store.

    Args:
        address: Which one.

    Returns:
        A `pymilvus.MilvusClient`, safe to share between threads.

    Raises:
        GalleryError: It cannot be reached or does not let us in.
        MissingExtraError: pymilvus is not installed.
    """
    client = _load(address)
    settings: dict[str, Any] = {"token": os.environ.get(TOKEN, ""), "db_name": address.database}
    if address.is_secure:
        settings["secure"] = True
        if certificates := os.environ.get(CERTIFICATES, ""):
            if not Path(certificates).is_file():
                raise GalleryError(f"{CERTIFICATES} names {certificates}, which is no file: name a PEM file")
            settings["server_pem_path"] = certificates
    scheme = "https://" if address.is_secure else "http://"
    uri = address.place if address.is_lite else f"{scheme}{address.place}"
    with milvus_failures(address, "open"):
        return client(uri, timeout=CONNECT_S, dedicated=True, **({} if address.is_lite else settings))


@contextlib.contextmanager
def milvus_failures(address: Address, doing: str) -> Iterator[None]:
    """Raise `GalleryError` in place of what pymilvus raises in the block.

    Args:
        address: The store.
        doing: What was tried, for the message: "cannot {doing} the store {address}".

    Raises:
        GalleryError: With the reason and what to do.
    """
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except StbirError:
        raise
    except (MilvusException, RpcError, OSError, ValueError, RuntimeError) as error:
        token = os.environ.get(TOKEN, "")
        reason = " ".join((getattr(error, "message", "") or str(error) or type(error).__name__).split())[:300]
        for secret in filter(None, {token, token.partition(":")[2]}):
            reason = reason.replace(secret, "***")
        raise GalleryError(
            f"cannot {doing} the store {address}: {reason}; check that it runs and lets you in ({TOKEN}), then run "
            "the same command again: what was committed before is safe"
        ) from error


def can_match_anywhere(client: Any) -> bool:
    """Whether the server's LIKE knows more than beginnings: since Milvus 2.4."""
    version = str(client.get_server_version()).removeprefix("milvus_lite-").removeprefix("v")
    numbers = [int(part) if part.isdigit() else 0 for part in version.split(".")[:2]]
    return tuple(numbers) >= (2, 4)


def _load(address: Address) -> Any:
    """The client's class; pymilvus would read any `.env` file around and log the tracebacks of refused requests."""
    known = os.environ.get("PYTHON_DOTENV_DISABLED")
    os.environ["PYTHON_DOTENV_DISABLED"] = "true"
    try:
        from pymilvus import MilvusClient

        if address.is_lite:
            import milvus_lite  # noqa: F401
    except ImportError:
        raise MissingExtraError(f"the store {address}", "milvus") from None
    finally:
        if known is None:
            del os.environ["PYTHON_DOTENV_DISABLED"]
        else:
            os.environ["PYTHON_DOTENV_DISABLED"] = known
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    return MilvusClient
