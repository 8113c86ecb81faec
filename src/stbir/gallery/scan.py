"""What lies on disk, and how it differs from what the gallery knows. Reads names and file status only, no contents."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from pydantic import ValidationError

from stbir.errors import InputError
from stbir.files import read_regular_file
from stbir.gallery.catalogue import Entry, Metadata
from stbir.gallery.table import TABLE
from stbir.images import PICTURE_SUFFIXES

GALLERY_FILE = "gallery.json"
TABLE_FOLDER = f"{TABLE}.lance"
MAX_GALLERY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """A picture file on disk.

    Attributes:
        path: Absolute path.
        root: The folder given by the user.
        size_bytes: Its size.
        mtime_ns: Time of its last change, nanoseconds.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int


@dataclass
class Scan:
    """All picture files below some paths.

    Attributes:
        files: By absolute path, in order of path.
        roots: The absolute paths that were scanned.
        problems: Path and reason of what could not be read.
        unreadable: Folders that could not be listed and files that could not be looked at: neither they nor anything
            below them may be taken for removed.
    """

    files: dict[str, Found] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def covers(self, path: str) -> bool:
        """Whether a file at this path would have been found, had it been there."""
        return any(is_below(path, root) for root in self.roots) and not any(
            is_below(path, folder) for folder in self.unreadable
        )


@dataclass(frozen=True)
class Difference:
    """What has to be done to bring a gallery up to date.

    Attributes:
        new: Files at paths the gallery does not know.
        changed: Files at known paths with another size or time.
        gone: Known pictures whose file was not found where it should be.
        unchanged: Number of known pictures that need nothing.
    """

    new: list[Found]
    changed: list[Found]
    gone: list[Entry]
    unchanged: int


def scan(paths: Sequence[Path | str], exclude: Sequence[str] = ()) -> Scan:
    """Find all pictures below the given paths.

    Hidden files and folders, linked folders, and folders that are galleries are passed over.

    Args:
        paths: Folders or single pictures.
        exclude: Patterns such as `*/drafts/*` or `*.gif`, matched with the path below the folder and with the name.

    Returns:
        What was found.

    Raises:
        InputError: A path does not exist or cannot be looked at.
    """
    result = Scan()
    for given in paths:
        path = Path(os.path.normpath(Path(given).absolute()))
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{given} does not exist: give a folder with pictures or a picture") from None
        except OSError as error:
            raise InputError(f"{given} cannot be read: {error.strerror or error}; check its access rights") from None
        root = str(path)
        result.roots.append(root)
        found = _walk(root, root, exclude, result) if path.is_dir() else _single(path, result)
        for file in found:
            result.files.setdefault(file.path, file)
    result.files = dict(sorted(result.files.items()))
    return result


def compare(found: Scan, entries: Iterable[Entry]) -> Difference:
    """Compare what lies on disk with the catalogue, by path, size and time.

    Args:
        found: From `scan`.
        entries: The gallery's catalogue.

    Returns:
        The difference; a picture that was moved appears in both `new` and `gone` until its content is read.
    """
    known = {entry.path: entry for entry in entries}
    new: list[Found] = []
    changed: list[Found] = []
    for path, file in found.files.items():
        entry = known.get(path)
        if entry is None:
            new.append(file)
        elif (entry.size_bytes, entry.mtime_ns) != (file.size_bytes, file.mtime_ns):
            changed.append(file)
    gone = [entry for path, entry in known.items() if path not in found.files and found.covers(path)]
    return Difference(new, changed, gone, len(found.files) - len(new) - len(changed))


def is_below(path: str, folder: str) -> bool:
    """Whether a path is the folder itself or lies somewhere in it; both absolute."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _single(path: Path, result: Scan) -> Iterator[Found]:
    """A picture named by the user, whatever its suffix."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        yield from _checked(str(path), str(path.parent), status, result)
    else:
        result.problems.append((path, "not a regular file"))


def _walk(folder: str, root: str, exclude: Sequence[str], result: Scan) -> Iterator[Found]:
    """All pictures below a folder, depth first."""
    try:
        with os.scandir(folder) as listing:
            children = list(listing)
    except OSError as error:
        result.unreadable.append(folder)
        result.problems.append((Path(folder), f"cannot be listed: {error.strerror or error}"))
        return
    if _is_gallery(folder, {child.name for child in children}):
        return
    for child in children:
        if child.name.startswith(".") or _is_excluded(child.path, root, exclude):
            continue
        try:
            if child.is_dir(follow_symlinks=False):
                yield from _walk(child.path, root, exclude, result)
            elif Path(child.name).suffix.lower() in PICTURE_SUFFIXES and child.is_file():
                yield from _checked(child.path, root, child.stat(), result)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                result.unreadable.append(child.path)
            result.problems.append((Path(child.path), f"cannot be read: {error.strerror or error}"))


def _is_gallery(folder: str, names: set[str]) -> bool:
    """Whether a folder is one of our galleries; other programs have files called gallery.json too."""
    if GALLERY_FILE not in names or TABLE_FOLDER in names:
        return GALLERY_FILE in names
    try:
        Metadata.model_validate_json(
            read_regular_file(f"{folder}{os.sep}{GALLERY_FILE}", MAX_GALLERY_BYTES, InputError)
        )
    except (InputError, ValidationError):
        return False
    return True


def _checked(path: str, root: str, status: os.stat_result, result: Scan) -> Iterator[Found]:
    """The file, unless its name cannot be stored as text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        result.problems.append((Path(path), "the file name is not valid UTF-8: rename it"))
        return
    yield Found(path, root, status.st_size, status.st_mtime_ns)


def _is_excluded(path: str, root: str, exclude: Sequence[str]) -> bool:
    relative = path[len(root) :].lstrip(os.sep)
    return any(fnmatch(relative, pattern) or fnmatch(Path(path).name, pattern) for pattern in exclude)
