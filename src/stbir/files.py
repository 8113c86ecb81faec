"""Read a file that a user named, without hanging and without filling the memory.

Pipes, devices and sockets are refused before a byte is read; a file over the limit is refused by its size. Imports
nothing of stbir but the errors.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import NoReturn

from stbir.errors import StbirError


@contextmanager
def open_regular_file(path: str | os.PathLike[str], error: type[StbirError]) -> Iterator[BufferedReader]:
    """Open a regular file for reading; never waits for a pipe or a device.

    Args:
        path: The file.
        error: What to raise.

    Yields:
        The open file.

    Raises:
        StbirError: As `error`, naming the file: not a regular file; or with `is_passing` missing, not readable, or a
            failing disk.
    """
    name = os.fspath(path)
    if "\0" in name:
        raise error(f"{name!r} is not a file name: it contains a zero byte")
    try:
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise _passing(error(f"{name} does not exist: check the path")) from None
    except PermissionError:
        raise _passing(error(f"{name} may not be read: permission denied, change its access rights")) from None
    except OSError as reason:
        raise _passing(error(f"{name} cannot be opened: {reason.strerror or reason}")) from None
    with os.fdopen(handle, "rb") if stat.S_ISREG(os.fstat(handle).st_mode) else _refuse(handle, name, error) as file:
        try:
            yield file
        except OSError as reason:
            raise _passing(error(f"{name} cannot be read: {reason.strerror or reason}")) from None


def read_regular_file(path: str | os.PathLike[str], max_bytes: int, error: type[StbirError]) -> bytes:
    """Read a whole regular file.

    Args:
        path: The file.
        max_bytes: Largest size that is read.
        error: What to raise.

    Returns:
        The content.

    Raises:
        StbirError: As `error`, naming the file: as `open_regular_file`, or too large.
    """
    with open_regular_file(path, error) as file:
        content = file.read(max_bytes + 1) if os.fstat(file.fileno()).st_size <= max_bytes else None
    if content is None or len(content) > max_bytes:
        raise error(f"{os.fspath(path)} has more than the {max_bytes:,} bytes allowed: give a smaller file")
    return content


def is_gone(path: str | os.PathLike[str]) -> bool:
    """Whether there is no such file; a file that cannot be looked at (access rights, a failing disk) is not gone."""
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _passing(error: StbirError) -> StbirError:
    error.is_passing = True
    return error


def _refuse(handle: int, name: str, error: type[StbirError]) -> NoReturn:
    is_directory = stat.S_ISDIR(os.fstat(handle).st_mode)
    os.close(handle)
    kind = "a directory" if is_directory else "a pipe, a device or a socket"
    raise error(f"{name} is {kind}: give a file")
