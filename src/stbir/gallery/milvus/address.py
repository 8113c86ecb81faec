"""Where a gallery's pictures lie if not in its own directory: the address after `--store`.

    milvus://host:19530/collection                 a server
    milvus://host:19530/database/collection        in a database of it
    milvus://host/collection?tls=true              encrypted; STBIR_MILVUS_CA names a file with its certificates
    milvus://host/collection?index=ivf_sq8         another index than hnsw
    milvus+lite:///srv/photos.db/collection        Milvus Lite, a file on this machine; its index is flat

It stands in gallery.json and in messages, so it holds no credentials: those come from the environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from stbir.errors import InputError

DEFAULT_PORT = 19530
SERVER = "milvus"
LITE = "milvus+lite"
INDEXES = ("hnsw", "ivf_sq8", "flat")
USUAL_INDEX = {SERVER: "hnsw", LITE: "flat"}  # in a file HNSW is no quicker and misses pictures
MAX_NAME = 200
EXPECTED = "expected milvus://HOST:PORT/COLLECTION or milvus+lite:///FILE.db/COLLECTION"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True)
class Address:
    """A collection of a Milvus server, or of a file of Milvus Lite.

    Attributes:
        place: `host:port`, or the absolute path of the file.
        collection: Name of the collection with the pictures.
        database: Name of the database; the server's own default if empty.
        index: Kind of the vector index, one of `INDEXES`.
        is_secure: Whether the connection is encrypted.
        is_lite: Whether it is a file.
    """

    place: str
    collection: str
    database: str = ""
    index: str = "hnsw"
    is_secure: bool = False
    is_lite: bool = False

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Args:
            text: As above.

        Returns:
            The address.

        Raises:
            InputError: It is none; the message does not repeat a password.

        >>> str(Address.parse("milvus://db.example/shoes?tls=true"))
        'milvus://db.example:19530/shoes?tls=true'
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            _refuse(text, EXPECTED)
        if "@" in parts.netloc:
            raise InputError(
                "the store's address holds a user or password, which would be written into gallery.json: leave them "
                "out of it and set STBIR_MILVUS_TOKEN to user:password"
            )
        if parts.scheme not in (SERVER, LITE) or parts.fragment:
            _refuse(text, EXPECTED)
        settings = _settings(text, parts)
        *above, collection = parts.path.split("/")[1:] or [""]
        if len(collection) > MAX_NAME or not _NAME.fullmatch(collection):
            _refuse(text, f"the collection's name {collection!r} must be letters, digits and _ ({EXPECTED})")
        index = settings.get("index", USUAL_INDEX[parts.scheme])
        if parts.scheme == LITE:
            return cls(_file(text, parts, above), collection, index=index, is_lite=True)
        if not _HOST.fullmatch(parts.hostname or "") or len(above) > 1 or not all(map(_NAME.fullmatch, above)):
            _refuse(text, EXPECTED)
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        place = f"{host}:{port or DEFAULT_PORT}"
        return cls(place, collection, "".join(above), index, is_secure=settings.get("tls") == "true")

    def __str__(self) -> str:
        scheme = LITE if self.is_lite else SERVER
        settings = ["tls=true"] * self.is_secure + [f"index={self.index}"] * (self.index != USUAL_INDEX[scheme])
        path = f"/{self.database}/{self.collection}" if self.database else f"/{self.collection}"
        return f"{scheme}://{self.place}{path}" + "?" * bool(settings) + "&".join(settings)


def _settings(text: str, parts: SplitResult) -> dict[str, str]:
    """What stands behind the question mark."""
    allowed = {"tls": ("true", "false"), "index": INDEXES}
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=2)
    except ValueError:
        _refuse(text, "behind the ? may stand tls=true and index=...")
    for name, value in pairs:
        if value not in allowed.get(name, ()):
            _refuse(text, f"behind the ? may stand tls=true and index={'|'.join(INDEXES)}, not {name}={value}")
    return dict(pairs)


def _file(text: str, parts: SplitResult, above: list[str]) -> str:
    path = Path("/" + unquote("/".join(above)))
    if parts.netloc or path.suffix != ".db":
        _refuse(text, f"Milvus Lite keeps its data in an absolute path ending in .db ({EXPECTED})")
    return str(path)


def _refuse(text: str, expected: str) -> NoReturn:
    raise InputError(f"the store {text!r} cannot be used: {expected}")
