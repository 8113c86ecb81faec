"""API keys: made at random, kept only as salted scrypt hashes, compared in constant time.

A key file has one key a line, `ID SALT HASH` in hexadecimal; `#` begins a comment. A key that stbir made names its id
(`stbir_ID_SECRET`), so a wrong key never costs more than one hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from stbir.errors import ConfigError, InputError
from stbir.files import read_regular_file

MIN_CHARACTERS = 16
MAX_CHARACTERS = 256
MAX_FILE_BYTES = 1_000_000
PREFIX = "stbir"
SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
NUM_REMEMBERED = 64


class HashedKey(BaseModel):
    """What is kept of a key.

    Attributes:
        id: Names the key in logs; eight hexadecimal digits.
        salt: Random, hexadecimal.
        hash: scrypt of the key with the salt, hexadecimal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    salt: str
    hash: str

    @classmethod
    def of(cls, key: str, key_id: str | None = None) -> HashedKey:
        """Hash a key.

        Raises:
            ConfigError: It is too short to be safe, too long, or not plain text.
        """
        if not MIN_CHARACTERS <= len(key) <= MAX_CHARACTERS or not key.isascii() or not key.isprintable():
            raise ConfigError(
                f"the API key cannot be used: expected {MIN_CHARACTERS} to {MAX_CHARACTERS} printable ASCII "
                "characters; stbir serve --new-key makes one"
            )
        salt = secrets.token_bytes(16)
        return cls(id=key_id or secrets.token_hex(4), salt=salt.hex(), hash=_scrypt(key, salt).hex())

    def fits(self, key: str) -> bool:
        """Whether this is the hash of the key; costs about 50 ms."""
        return hmac.compare_digest(_scrypt(key, bytes.fromhex(self.salt)), bytes.fromhex(self.hash))


class Keyring:
    """Tells whose key a key is; keys that fitted once are recognised quickly. Safe to share between threads.

    Args:
        keys: The keys that are let in.
    """

    def __init__(self, keys: Sequence[HashedKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._keys)

    def recall(self, key: str) -> str | None:
        """The id of a key that fitted before; None for any other."""
        return self._known.get(self._digest(key))

    def find(self, key: str) -> str | None:
        """The id of a key, or None if it is not let in; costs a hash for each candidate."""
        if not MIN_CHARACTERS <= len(key) <= MAX_CHARACTERS:
            return None
        named = key.split("_")[1] if key.startswith(f"{PREFIX}_") and key.count("_") >= 2 else None
        candidates = [self._keys[named]] if named in self._keys else self._unnamed()
        for candidate in candidates:
            if candidate.fits(key):
                self._known[self._digest(key)] = candidate.id
                if len(self._known) > NUM_REMEMBERED:
                    self._known.popitem(last=False)
                return candidate.id
        return None

    def _unnamed(self) -> list[HashedKey]:
        return list(self._keys.values())

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), "sha256")


def new_key() -> tuple[str, HashedKey]:
    """Make a key.

    Returns:
        The key, to be shown once, and what is kept of it.
    """
    key_id = secrets.token_hex(4)
    key = f"{PREFIX}_{key_id}_{secrets.token_hex(24)}"
    return key, HashedKey.of(key, key_id)


def read_keys(path: Path | str) -> tuple[HashedKey, ...]:
    """Read a key file.

    Raises:
        ConfigError: It cannot be read, or a line is not a key's hash.
    """
    content = read_regular_file(path, MAX_FILE_BYTES, ConfigError)
    keys = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 3 or not all(_is_hex(word) for word in words) or (len(words[1]), len(words[2])) != (32, 64):
            raise ConfigError(
                f"{path} line {number} is not the hash of an API key: expected a file made by "
                "stbir serve --new-key --api-key-file FILE"
            )
        keys.append(HashedKey(id=words[0], salt=words[1], hash=words[2]))
    if not keys:
        raise ConfigError(f"{path} holds no API key: add one with stbir serve --new-key --api-key-file {path}")
    return tuple(keys)


def add_key(path: Path | str, key: HashedKey) -> None:
    """Append a key's hash to a key file, which is made for its owner only.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a", encoding="ascii") as file:
            file.write(f"{key.id} {key.salt} {key.hash}\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; choose another place") from None


def _is_hex(word: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(bytes.fromhex(word))
    return False


def _scrypt(key: str, salt: bytes) -> bytes:
    return hashlib.scrypt(key.encode("utf-8", "surrogatepass"), salt=salt, **SCRYPT)
