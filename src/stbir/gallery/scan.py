"""What lies on disk, and how it differs from what the gallery knows.

Reads names and file status, and of archives the list of what they hold; no picture is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from pydantic import ValidationError

from stbir.archives import Member, is_archive, list_members
from stbir.errors import ImageError, InputError
from stbir.files import read_regular_file
from stbir.gallery.catalogue import Entry, Metadata
from stbir.gallery.globs import Glob
from stbir.gallery.table import TABLE
from stbir.images import PICTURE_SUFFIXES

GALLERY_FILE = "gallery.json"
TABLE_FOLDER = f"{TABLE}.lance"
MAX_GALLERY_BYTES = 1_000_000
_LITTER = ("__MACOSX", "Thumbs.db")


@dataclass(frozen=True, slots=True)
class Found:
    """A picture file on disk.

    Attributes:
        path: Absolute path; of a picture in an archive as `stbir.archives` makes it.
        root: The folder given by the user.
        size_bytes: Its size.
        mtime_ns: Time of its last change, nanoseconds; in an archive, that of the archive.
        archive: The archive it lies in.
        place: Its number in the archive.
    """

    path: str
    root: str
    size_bytes: int
    mtime_ns: int
    archive: str | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class KnownArchive:
    """An archive that was listed before; while its size and time are the same, it need not be opened again."""

    size_bytes: int
    mtime_ns: int
    members: tuple[Member, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scan takes.

    Attributes:
        exclude: Patterns such as `*/drafts/*` or `*.gif`, matched with the path below the folder and with the name.
        hidden: Whether files and folders whose name begins with a dot count.
        follow_links: Whether links to folders are followed, each folder once.
    """

    exclude: Sequence[str] = ()
    hidden: bool = False
    follow_links: bool = False

    def takes(self, path: str, root: str) -> bool:
        """Whether a path below a folder is not left out."""
        relative = path[len(root) :].lstrip(os.sep)
        name = relative.rpartition(os.sep)[2] or path.rpartition(os.sep)[2]
        if (name.startswith(".") and not self.hidden) or name in _LITTER:
            return False
        return not any(fnmatch(relative, pattern) or fnmatch(name, pattern) for pattern in self.exclude)


@dataclass
class Scan:
    """All picture files below some paths.

    Attributes:
        files: By absolute path, in order of path.
        roots: The absolute paths that were scanned.
        globs: Patterns that were given, which narrow what counts below their folder.
        problems: Path and reason of what could not be read.
        unreadable: Folders that could not be listed and files that could not be looked at: neither they nor anything
            below them may be taken for removed.
        archives: What each archive holds, by path.
    """

    files: dict[str, Found] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    globs: list[Glob] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    archives: dict[str, KnownArchive] = field(default_factory=dict)

    def covers(self, path: str) -> bool:
        """Whether a file at this path would have been found, had it been there."""
        is_asked = any(is_below(path, root) for root in self.roots) or any(glob.matches(path) for glob in self.globs)
        return is_asked and not any(is_below(path, folder) for folder in self.unreadable)


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


def scan(
    paths: Sequence[Path | str],
    exclude: Sequence[str] = (),
    *,
    hidden: bool = False,
    follow_links: bool = False,
    known_archives: Mapping[str, KnownArchive] | None = None,
) -> Scan:
    """Find all pictures below the given paths, also in zip and tar archives.

    Folders that are galleries are passed over.

    Args:
        paths: Folders, single pictures, archives, or patterns such as `photos/**/*.jpg`.
        exclude: Patterns such as `*/drafts/*` or `*.gif`, matched with the path below the folder and with the name.
        hidden: Whether files and folders whose name begins with a dot count.
        follow_links: Whether links to folders are followed, each folder once.
        known_archives: What archives held when they were listed before, by path.

    Returns:
        What was found.

    Raises:
        InputError: A path does not exist or cannot be looked at.
    """
    walk = _Walk(Choice(exclude, hidden, follow_links), known_archives or {})
    for given in paths:
        walk.add(given)
    walk.result.files = dict(sorted(walk.result.files.items()))
    return walk.result


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


class _Walk:
    """One scan, folder by folder."""

    def __init__(self, choice: Choice, known_archives: Mapping[str, KnownArchive]) -> None:
        self.result = Scan()
        self._choice = choice
        self._known_archives = known_archives
        self._visited: set[tuple[int, int]] = set()

    def add(self, given: Path | str) -> None:
        """Scan what one argument stands for."""
        path = os.path.normpath(Path(given).absolute())
        try:
            status = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            self._add_glob(given, path)
            return
        except OSError as error:
            raise InputError(f"{given} cannot be read: {error.strerror or error}; check its access rights") from None
        self.result.roots.append(path)
        if stat.S_ISDIR(status.st_mode):
            self._keep(self._folder(path, path))
        elif not stat.S_ISREG(status.st_mode):
            self.result.problems.append((Path(path), "not a regular file"))
        elif is_archive(path):
            self._keep(self._archive(path, path, status))
        else:
            self._keep(_checked(path, str(Path(path).parent), status, self.result))

    def _add_glob(self, given: Path | str, path: str) -> None:
        """A pattern that the shell did not fill in, or a path that is not there."""
        glob = Glob.parse(path)
        if glob is None or not Path(glob.root).is_dir():
            raise InputError(f"{given} does not exist: give a folder with pictures or a picture")
        self.result.globs.append(glob)
        self._keep(file for file in self._folder(glob.root, glob.root) if glob.matches(file.path))

    def _keep(self, files: Iterable[Found]) -> None:
        for file in files:
            self.result.files.setdefault(file.path, file)

    def _folder(self, folder: str, root: str) -> Iterator[Found]:
        """All pictures below a folder, depth first."""
        try:
            if self._choice.follow_links and self._is_visited(folder):
                return
            with os.scandir(folder) as listing:
                children = list(listing)
        except OSError as error:
            self._fail(folder, f"cannot be listed: {error.strerror or error}", is_unreadable=True)
            return
        if _is_gallery(folder, {child.name for child in children}):
            return
        for child in children:
            if self._choice.takes(child.path, root):
                try:
                    yield from self._child(child, root)
                except OSError as error:
                    is_unreadable = not isinstance(error, FileNotFoundError)
                    self._fail(child.path, f"cannot be read: {error.strerror or error}", is_unreadable=is_unreadable)

    def _child(self, child: os.DirEntry[str], root: str) -> Iterator[Found]:
        if child.is_dir(follow_symlinks=self._choice.follow_links):
            yield from self._folder(child.path, root)
        elif is_picture(child.name):
            if child.is_file():
                yield from _checked(child.path, root, child.stat(), self.result)
            elif not child.is_dir():
                self._fail(child.path, "is no regular file, or a link to one that is not there", is_unreadable=False)
        elif is_archive(child.name) and child.is_file():
            yield from self._archive(child.path, root, child.stat())

    def _is_visited(self, folder: str) -> bool:
        """Whether links lead here a second time; two names of one folder count once, so that no loop is endless."""
        status = Path(folder).stat()
        place = (status.st_dev, status.st_ino)
        is_visited = place in self._visited
        self._visited.add(place)
        return is_visited

    def _archive(self, path: str, root: str, status: os.stat_result) -> Iterator[Found]:
        """The pictures in an archive, in order of path."""
        known = self._known_archives.get(path)
        if known is None or (known.size_bytes, known.mtime_ns) != (status.st_size, status.st_mtime_ns):
            known = self._listed(path, status)
        if known is None:
            return
        self.result.archives[path] = known
        for problem in known.problems:
            self._fail(path, problem, is_unreadable=False)
        for member in known.members:
            inside = f"{path}{os.sep}{member.name.replace('/', os.sep)}"
            parts = member.name.split("/")
            heads = ("/".join(parts[:number]) for number in range(1, len(parts) + 1))
            if all(self._choice.takes(f"{path}{os.sep}{head}", root) for head in heads):
                yield Found(inside, root, member.size_bytes, known.mtime_ns, path, member.place)

    def _listed(self, path: str, status: os.stat_result) -> KnownArchive | None:
        try:
            path.encode()
            listing = list_members(path, lambda name: is_picture(name) or is_archive(name))
        except UnicodeEncodeError:
            self._fail(path, "the file name is not valid UTF-8: rename it", is_unreadable=True)
            return None
        except ImageError as error:
            self._fail(path, str(error).removeprefix(path).strip(), is_unreadable=True)
            return None
        if not listing.is_whole:
            self.result.unreadable.append(path)
        nested = [member.name for member in listing.members if is_archive(member.name)]
        if nested:
            listing.problems.append(f"{len(nested):,} archives in it are not opened, the first is {nested[0]!r}")
        pictures = tuple(member for member in listing.members if is_picture(member.name))
        return KnownArchive(status.st_size, status.st_mtime_ns, pictures, tuple(listing.problems))

    def _fail(self, path: str, reason: str, *, is_unreadable: bool) -> None:
        self.result.problems.append((Path(path), reason))
        if is_unreadable:
            self.result.unreadable.append(path)


def is_picture(name: str) -> bool:
    """Whether a file's name is that of a picture."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122 - millions of names


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
