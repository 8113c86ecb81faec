"""Pictures in zip and tar archives, read in place: listed, streamed in order, or read one by one; nothing is unpacked.

A file in an archive has a path as if the archive were a folder: `/photos/shoes.zip/red/boot.jpg`; no other file can
have that path. Archives of strangers are hostile: names are only compared, never opened, and sizes are bounded by what
is really read, not by what a header claims. Shards of WebDataset are tar archives. Imports files and errors only.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

from stbir.errors import ImageError
from stbir.files import is_gone, open_regular_file, read_regular_file

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 1_000_000
MAX_DIRECTORY_BYTES = 64_000_000
MAX_EXPANSION = 200
MIN_EXPANDED_BYTES = 256_000_000
MAX_READ_BYTES = 1 << 24
CHUNK_BYTES = 1 << 20

_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError)
_EXPANDERS: dict[str, Callable[..., Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path in the archive, with `/` between and nothing that leads out.
        size_bytes: Its size, as the archive claims.
        place: Its number in the archive; files are best read in this order.
    """

    name: str
    size_bytes: int
    place: int


@dataclass
class Listing:
    """What an archive holds.

    Attributes:
        members: The files that were asked for, in the archive's order; of two with one name the last.
        problems: Why others cannot be read, one line for each reason.
        is_whole: Whether the archive could be read to its end.
    """

    members: list[Member] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_whole: bool = True


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive that can be read."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def split_archive_path(path: str) -> tuple[str, str] | None:
    """The archive and the name in it that a path stands for.

    Args:
        path: As `/photos/shoes.zip/red/boot.jpg`.

    Returns:
        `/photos/shoes.zip` and `red/boot.jpg`; None if no part of the path is an archive file.
    """
    archive, _, name = path.rpartition(os.sep)
    while archive:
        if is_archive(archive) and Path(archive).is_file():
            return archive, name
        archive, _, folder = archive.rpartition(os.sep)
        name = f"{folder}/{name}"
    return None


def is_missing(path: str | os.PathLike[str]) -> bool:
    """Whether there is no such file, nor such a file in an archive; what cannot be looked at is not missing."""
    name = os.fspath(path)
    inside = _inside(name)
    if inside is None:
        return is_gone(name)
    try:
        listing = list_members(inside[0], lambda name: name == inside[1])
        return listing.is_whole and not listing.members
    except ImageError:
        return False


def read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Read a file that lies on the disk or in an archive.

    Args:
        path: The file.
        max_bytes: Largest size that is read.

    Returns:
        The content.

    Raises:
        ImageError: Missing, not readable, not a regular file, too large, or damaged; names the file.
    """
    name = os.fspath(path)
    inside = _inside(name)
    if inside is None:
        return read_regular_file(path, max_bytes, ImageError)
    for member in list_members(inside[0], lambda other: other == inside[1]).members:
        for _, content in read_members(inside[0], [member], max_bytes):
            if isinstance(content, ImageError):
                raise content
            return content
    raise ImageError(f"{name} does not exist: {inside[0]} holds no such file that can be read")


def list_members(path: str, is_wanted: Callable[[str], bool]) -> Listing:
    """List the files of an archive, without reading their contents.

    Args:
        path: The archive.
        is_wanted: Whether a file of this name matters.

    Returns:
        The files; links, folders and devices are left out.

    Raises:
        ImageError: The archive cannot be opened at all.
    """
    listing = Listing()
    found: dict[str, Member] = {}
    counts: dict[str, tuple[int, str]] = {}
    with _opened(path) as archive:
        try:
            for place, (raw_name, size_bytes, flaw, _) in enumerate(archive):
                name = safe_name(raw_name)
                if not is_wanted(name or raw_name):
                    continue
                flaw = flaw if name else "have names that lead out of the archive"
                if flaw:
                    count, first = counts.get(flaw, (0, raw_name))
                    counts[flaw] = count + 1, first
                elif name:
                    found.pop(name, None)
                    found[name] = Member(name, size_bytes, place)
        except _DAMAGE as error:
            listing.is_whole = False
            listing.problems.append(f"is damaged and can only be read in part ({_words(error)}): make it anew")
        except ImageError as error:
            listing.is_whole = False
            listing.problems.append(str(error).removeprefix(path).strip())
    listing.members = list(found.values())
    listing.problems += [
        f"{count:,} files in it {flaw}, the first is {first!r}" for flaw, (count, first) in counts.items()
    ]
    return listing


def read_members(
    path: str, members: Iterable[Member], max_bytes: int
) -> Generator[tuple[Member, bytes | ImageError], None, None]:
    """Read files of an archive in one pass, in the archive's order.

    Args:
        path: The archive.
        members: Which ones, from `list_members`.
        max_bytes: Largest size that is read of one file.

    Yields:
        Each with its content, or with the reason why it cannot be read.

    Raises:
        ImageError: The archive cannot be opened, cannot be read on from here, or is not the one that was listed.
    """
    left = {member.place: member for member in members}
    with _opened(path) as archive:
        try:
            for place, (raw_name, _, _, read) in enumerate(archive):
                member = left.pop(place, None)
                if member is None:
                    continue
                if safe_name(raw_name) != member.name:
                    raise _changed(path)
                if member.size_bytes > max_bytes:
                    yield member, _too_large(f"{path}{os.sep}{member.name}", max_bytes)
                    continue
                yield member, _content(f"{path}{os.sep}{member.name}", read, max_bytes)
                if not left:
                    return
        except _DAMAGE as error:
            raise ImageError(f"{path} is damaged and cannot be read on ({_words(error)}): make it anew") from None
    if left:
        raise _changed(path)


def safe_name(name: str) -> str | None:
    """The path of a file in an archive in its shortest form; None for one that leads out of the archive.

    >>> safe_name("./red//boot.jpg"), safe_name("../boot.jpg"), safe_name("C:/boot.jpg")
    ('red/boot.jpg', None, None)
    """
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    is_unsafe = name.startswith("/") or "\0" in name or ".." in parts or not parts or parts[0].endswith(":")
    try:
        name.encode()
    except UnicodeEncodeError:
        return None
    return None if is_unsafe else "/".join(parts)


def _inside(path: str) -> tuple[str, str] | None:
    """As `split_archive_path`, without a look at the folders above a file that is there."""
    return None if "\0" in path or not is_gone(path) else split_archive_path(path)


# Raw name, claimed size, what hinders reading ("" for nothing), and how to open it.
_Items = Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]


@contextmanager
def _opened(path: str) -> Iterator[_Items]:
    """The files of an archive in order; each must be read before the next is asked for."""
    with open_regular_file(path, ImageError) as file:
        expanded_bytes = MIN_EXPANDED_BYTES + MAX_EXPANSION * os.fstat(file.fileno()).st_size
        items = _zip_items if path.lower().endswith(".zip") else _tar_items
        with closing(items(path, file, expanded_bytes)) as archive:  # type: ignore[type-var]
            yield archive


def _zip_items(path: str, file: BufferedReader, expanded_bytes: int) -> _Items:
    if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
        raise ImageError(f"{path} has a list of contents of more than {MAX_DIRECTORY_BYTES:,} bytes: split it")
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > expanded_bytes:
            raise _bomb(path)
        for info in infos:
            if not info.is_dir():
                flaw = "are encrypted" if info.flag_bits & 1 else ""
                yield info.filename, info.file_size, flaw, lambda info=info: archive.open(info)  # type: ignore[misc]


def _tar_items(path: str, file: BufferedReader, expanded_bytes: int) -> _Items:
    kind = path.lower().replace(".tgz", ".gz").replace(".tbz2", ".bz2").replace(".txz", ".xz").rpartition(".")[2]
    inner = _EXPANDERS[kind](file, "rb") if kind in _EXPANDERS else file
    stream = cast(Any, _Bounded(inner, path, expanded_bytes))
    with tarfile.open(fileobj=stream, mode="r:", errorlevel=1) as archive:
        for number, info in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise ImageError(f"{path} holds more than {MAX_MEMBERS:,} files: split it")
            if info.isreg():
                yield info.name, info.size, "", lambda info=info: archive.extractfile(info)  # type: ignore[misc]


class _Bounded:
    """A stream that refuses to go on where an archive expands to far more than it weighs."""

    def __init__(self, stream: IO[bytes], path: str, max_bytes: int) -> None:
        self._stream, self._path, self._max_bytes = stream, path, max_bytes

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ_BYTES or self._stream.tell() > self._max_bytes:
            raise _bomb(self._path)
        return self._stream.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or place > self._max_bytes:
            raise _bomb(self._path)
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()


def _content(name: str, read: Callable[[], IO[bytes]], max_bytes: int) -> bytes | ImageError:
    """The content of one file, however much the archive claims it to be."""
    parts: list[bytes] = []
    num_bytes = 0
    try:
        with read() as stream:
            while part := stream.read(CHUNK_BYTES):
                parts.append(part)
                num_bytes += len(part)
                if num_bytes > max_bytes:
                    return _too_large(name, max_bytes)
    except (*_DAMAGE, RuntimeError) as error:
        return ImageError(f"{name} is damaged and cannot be read ({_words(error)}): make its archive anew")
    return b"".join(parts)


def _directory_bytes(file: BufferedReader) -> int:
    """Size of a zip archive's list of contents, as its last record claims; 0 if there is none, which is found later."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - 65_600))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0:
        return 0
    claimed = int.from_bytes(tail[place + 12 : place + 16], "little")
    larger = tail.rfind(b"PK\x06\x06", 0, place)
    return (
        int.from_bytes(tail[larger + 40 : larger + 48], "little") if claimed == 0xFFFFFFFF and larger >= 0 else claimed
    )


def _too_large(name: str, max_bytes: int) -> ImageError:
    return ImageError(f"{name} has more than the {max_bytes:,} bytes allowed: give a smaller file")


def _bomb(path: str) -> ImageError:
    return ImageError(f"{path} expands to more than {MAX_EXPANSION} times its size, as a bomb does: unpack it yourself")


def _changed(path: str) -> ImageError:
    error = ImageError(f"{path} changed while it was read: index it again")
    error.is_passing = True
    return error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
